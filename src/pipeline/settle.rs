//! One message brought to disk: recalled, decided, looked up where it must be, committed, and only then told.
//!
//! Owns the tries when somebody else changes the conversation meanwhile. The caller has the conversation's turn.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::decide::{self, Outcome};
use crate::engine::Engine;
use crate::message::{Conversation, Fetched, Gesture, Inbound, QueueEvent, Role, State};
use crate::replay::Decided;
use crate::store::{SeenKey, StoreError, TimerRow};
use crate::token::Tokens;

use super::lookups::Running;
use super::recent::Known as Before;
use super::record::Events;
use super::{Accepted, Arrival, Pipeline, PipelineError, Shown, TRIES};

/// What may be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// What is decided, or wait for the next one.
    MayWait,
    /// What is decided.
    Final,
    /// The next one is there: nothing is said, and its words are decided with the next one's.
    Continued,
    /// A person has answered it: nothing is said.
    Answered,
    /// It is over the limit: a person gets it.
    OverLimit,
    /// It says that what was written did not arrive: a person gets it.
    Returned,
}

/// A message that was decided; nothing has happened yet.
pub(super) struct Considered {
    pub engine: Arc<Engine>,
    pub now: Timestamp,
    /// The conversation before it, with version 0 if it begins with this message.
    pub before: Arc<Before>,
    pub inbound: Inbound,
    pub outcome: Outcome,
}

/// A step that is ready to be written, without what is written.
pub(super) struct Step {
    pub decided: Considered,
    pub events: Events,
    pub accepted: Accepted,
    pub timer: TimerRow,
    /// Endpoints that have something new to send.
    pub endpoints: Vec<String>,
}

impl Pipeline {
    /// Brings a message to disk; the caller has the turn. None if it is to wait for the next one.
    pub(super) async fn settle(
        self: &Arc<Self>,
        arrival: &Arrival,
        key: &SeenKey,
        way: Way,
    ) -> Result<Option<Accepted>, PipelineError> {
        let began = Instant::now();
        let id = Tokens::conversation(&arrival.channel, &arrival.thread);
        let mut running: Option<Running> = None;
        for _ in 0..TRIES {
            let before = self.recall(&id, arrival).await?;
            let waiting = self.waiting().await;
            let mut decided = self.consider(&id, arrival, before.as_ref(), way, None, &waiting)?;
            if let Some(request) = decided.outcome.lookup.clone() {
                let look = running.take().filter(|look| look.is(&request)).unwrap_or_else(|| self.look_up(request));
                // Some platforms hear what is in this answer and nothing later.
                let settings = &decided.engine.book().settings;
                let last = arrival.origin.is_none()
                    && settings
                        .channel(&arrival.channel)
                        .is_none_or(|channel| !channel.hears_later() || channel.hears_at_once());
                match look.soon(last).await {
                    Ok(fetched) => {
                        decided = self.consider(&id, arrival, before.as_ref(), way, Some(fetched), &waiting)?;
                    }
                    Err(look) => running = Some(look),
                }
            }
            if way == Way::MayWait
                && decided.engine.waits(&decided.inbound, &decided.before.conversation, &decided.outcome)
            {
                return Ok(None);
            }
            let (step, commit) = self.step(arrival, key, decided).await?;
            let written = self.store.commit(commit).await;
            // Whatever came of it, the conversation may be another one now.
            self.recent.forget(&id);
            match written {
                Ok(()) => {
                    self.metrics.message_took(began.elapsed());
                    self.recent.handled(key);
                    let outcome = &step.decided.outcome;
                    if let (Some(QueueEvent::Created { .. }), Some(case)) =
                        (&outcome.queue, &outcome.conversation.handoff)
                    {
                        self.waiting.came(&case.queue).await;
                    }
                    self.publish(&step);
                    if matches!(way, Way::MayWait | Way::Final) && arrival.role == Role::Visitor {
                        self.show(&step.decided);
                    }
                    let Considered { inbound, outcome, before, .. } = step.decided;
                    if let Some(look) = running.filter(|_| outcome.lookup.is_some()) {
                        self.answer_later(id, inbound, look);
                    }
                    let (version, seq) = (before.version + 1, step.events.seq());
                    self.recent.keep(Arc::new(Before { version, seq, conversation: outcome.conversation }));
                    return Ok(Some(step.accepted));
                }
                Err(StoreError::Conflict) => {}
                Err(StoreError::Duplicate) => {
                    if let Some(seen) = self.guard(self.store.seen(key).await)? {
                        return Ok(Some(self.repeated(&arrival.channel, seen)));
                    }
                }
                Err(error) => return self.guard(Err(error)).map_err(Into::into),
            }
        }
        tracing::error!(channel = arrival.channel, "A conversation changed under every try.");
        Err(PipelineError::Internal)
    }

    /// Decides one message.
    fn consider(
        &self,
        id: &str,
        arrival: &Arrival,
        before: Option<&Arc<Before>>,
        way: Way,
        fetched: Option<Fetched>,
        waiting: &BTreeMap<String, u64>,
    ) -> Result<Considered, PipelineError> {
        let engine = self.engine.load_full();
        let now = self.clock.now();
        let before = before.map_or_else(
            || {
                let customer = arrival.customer.clone();
                let new = Conversation::new(id.to_owned(), &arrival.channel, &arrival.thread, customer, now);
                Arc::new(Before { version: 0, seq: 0, conversation: new })
            },
            Arc::clone,
        );
        let conversation = &before.conversation;
        // A pressed option stands in the transcript by its title, as if it had been typed.
        let pressed = match &arrival.gesture {
            Gesture::Select(option) => conversation.offered.iter().find(|choice| choice.id == *option),
            _ => None,
        };
        let mut inbound = Inbound {
            message: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            channel: arrival.channel.clone(),
            customer: arrival.customer.clone(),
            kind: arrival.kind,
            text: pressed.map_or_else(|| arrival.text.clone(), |choice| choice.label.clone()),
            locale: arrival.locale.clone(),
            gesture: arrival.gesture.clone(),
            fetched,
            waiting: waiting.clone(),
        };
        if let Some(text) = rating(&engine, &inbound, conversation, now)? {
            inbound.text = text;
        }
        let began = Instant::now();
        let mut outcome = handle(&engine, &inbound, conversation, now, way).ok_or(PipelineError::Internal)?;
        if arrival.role == Role::Human {
            // A word of the shop's own people through the platform is the word that the customer waits for.
            outcome.conversation.awaits_agent = None;
            outcome.conversation.answered_at = (outcome.conversation.state == State::Human).then_some(now);
            if let Some(handoff) = &mut outcome.conversation.handoff {
                handoff.ladder.answered = true;
                handoff.served_by.get_or_insert_with(|| "desk".to_owned());
            }
        }
        self.metrics.decide_took(began.elapsed());
        Ok(Considered { engine, now, before, inbound, outcome })
    }

    /// Shows what was decided to a candidate in the shadow. What waits for a look-up is not decided yet.
    fn show(&self, Considered { engine, now, before, inbound, outcome }: &Considered) {
        if outcome.lookup.is_some() {
            return;
        }
        let shown = |candidate| Shown {
            candidate,
            shop: engine.rule_set(&inbound.customer).to_owned(),
            inbound: Inbound { fetched: None, ..inbound.clone() },
            conversation: before.conversation.clone(),
            now: *now,
            made: Decided::of(outcome, true),
            fetched: inbound.fetched.clone().and_then(|fetched| Some((outcome.decision.rule.clone()?, fetched))),
        };
        if !self.shadow.show(shown) {
            self.metrics.shadow("dropped");
        }
    }

    /// Tells the world what is on disk.
    fn publish(&self, step: &Step) {
        let (outcome, before) = (&step.decided.outcome, &step.decided.before);
        let after = &outcome.conversation;
        self.hub.publish(&after.id, step.events.list());
        self.alarm.set(Some(&step.timer));
        self.hub.desk.tell(step.events.news(&before.conversation, after, before.version + 1));
        step.endpoints.iter().for_each(|endpoint| self.outbox.committed(endpoint));
        self.metrics.decided(&after.channel, &outcome.decision);
        if let Some(score) = outcome.answered.as_ref().and_then(|survey| survey.score)
            && before.conversation.survey.as_ref().is_some_and(|survey| survey.score.is_none())
        {
            self.metrics.rated(score);
        }
        if let (Some(QueueEvent::Created { .. }), Some(handoff)) = (&outcome.queue, &after.handoff) {
            self.metrics.handed_off(&handoff.queue, handoff.priority);
        }
        tracing::info!(
            channel = after.channel,
            conversation = after.id,
            message_id = step.accepted.message,
            seq = step.accepted.seq,
            outcome = outcome.decision.outcome.as_str(),
            reason = outcome.decision.reason.as_str(),
            rule = outcome.decision.rule.as_deref(),
            queue = outcome.queue.as_ref().and(after.handoff.as_ref()).map(|handoff| handoff.queue.as_str()),
            replies = outcome.replies.len(),
            "Message decided."
        );
    }
}

/// What stands in the transcript for an answer to the survey by a button or form: the score with its meaning, and the words.
fn rating(
    engine: &Engine,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
) -> Result<Option<String>, PipelineError> {
    let say = |score| format!("{score} {}", engine.score_label(score, inbound, conversation, now));
    match &inbound.gesture {
        Gesture::Rate { score, comment } => {
            if !engine.may_rate(conversation, *score, comment.as_deref(), now) {
                return Err(PipelineError::NotAsked);
            }
            let words = comment.iter().map(|comment| format!("\n{comment}"));
            Ok(Some(std::iter::once(say(*score)).chain(words).collect()))
        }
        gesture => Ok(decide::survey::pressed(gesture).map(say)),
    }
}

/// Decides; should our own code fail, the message goes to a person all the same.
pub(super) fn handle(
    engine: &Engine,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    way: Way,
) -> Option<Outcome> {
    let decided = catch_unwind(AssertUnwindSafe(|| match way {
        Way::Continued => engine.continued(inbound, conversation, now),
        Way::Answered => engine.answered(inbound, conversation, now),
        Way::OverLimit => engine.over_limit(inbound, conversation, now),
        Way::Returned => engine.returned(inbound, conversation, now),
        Way::MayWait | Way::Final => engine.handle(inbound, conversation, now),
    }));
    decided
        .or_else(|_| {
            tracing::error!(message_id = inbound.message, "A decision failed, so a person takes the message.");
            catch_unwind(AssertUnwindSafe(|| decide::failed(engine.knowledge(), inbound, conversation, now)))
        })
        .ok()
}
