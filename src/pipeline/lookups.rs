//! Answers that wait for a look-up: one that is quick belongs to the message, one that is slow comes after it.
//!
//! The message is taken and acknowledged either way. Only its own conversation waits, and that for no longer than a moment: after
//! it the customer hears that it takes a while, and the answer comes like any other turn of the conversation.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{self, timeout};

use crate::decide::LookupRequest;
use crate::message::{Fetched, Gesture, Inbound, QueueEvent, Role, State};
use crate::store::{Commit, DecisionRow, StoreError, TimerRow};

use super::platform::{lettered, platform_hears};
use super::record::{self, Events};
use super::settle::{Way, handle};
use super::{Pipeline, PipelineError, TRIES, conversation};

/// How long a message waits for its look-up before the customer is told that it takes a while.
const SOON: Duration = Duration::from_secs(1);

/// Between the tries to keep an answer that the store refused: the first wait, which doubles, and the longest.
const AGAIN: Duration = Duration::from_secs(1);
const MOST_WAIT: Duration = Duration::from_secs(30);
/// How long it is tried.
const PERSIST: Duration = Duration::from_hours(1);

/// A look-up on its way.
#[derive(Debug)]
pub(super) struct Running {
    request: LookupRequest,
    answer: oneshot::Receiver<Fetched>,
}

impl Running {
    /// Whether it is this one: a message that is decided anew need not look up anew.
    pub(super) fn is(&self, request: &LookupRequest) -> bool {
        self.request.target == request.target
    }

    /// The answer, if it is there soon; `last` waits to the end, for whom nothing can be told later.
    pub(super) async fn soon(mut self, last: bool) -> Result<Fetched, Self> {
        let wait = if last { self.request.timeout + SOON } else { SOON };
        match timeout(wait, &mut self.answer).await {
            Ok(fetched) => Ok(fetched.unwrap_or_else(|_| broken())),
            Err(_) => Err(self),
        }
    }
}

/// What is answered when a look-up of ours came to no end.
fn broken() -> Fetched {
    Fetched { error: Some("the look-up did not end".to_owned()), ..Fetched::default() }
}

impl Pipeline {
    /// Begins a look-up.
    pub(super) fn look_up(self: &Arc<Self>, request: LookupRequest) -> Running {
        let (tell, answer) = oneshot::channel();
        let (pipeline, asked) = (Arc::clone(self), request.clone());
        self.holds.spawn(async move {
            let settings = pipeline.engine.load_full();
            let fetched = pipeline.lookups.fetch(&asked, &settings.book().settings).await;
            // Whoever waited may be gone.
            let _ = tell.send(fetched);
        });
        Running { request, answer }
    }

    /// Brings the answer of a slow look-up into its conversation when it is there.
    pub(super) fn answer_later(self: &Arc<Self>, id: String, asked: Inbound, running: Running) {
        let pipeline = Arc::clone(self);
        self.holds.spawn(async move {
            let fetched = running.answer.await.unwrap_or_else(|_| broken());
            pipeline.looked_up(&id, &asked, fetched).await;
        });
    }

    /// Conversations that waited for a look-up when the program ended: people take them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn resume_lookups(self: &Arc<Self>) -> Result<(), StoreError> {
        for row in self.guard(self.store.looking().await)? {
            let before = match conversation(&row) {
                Ok(before) => before,
                Err(error) => {
                    tracing::error!(conversation = row.id, %error, "A conversation that waits for a look-up cannot be read.");
                    continue;
                }
            };
            for looking in &before.looking {
                let asked = Inbound::words(&looking.message, &before.channel, before.customer.clone(), "");
                let error = Some("the program was ended meanwhile".to_owned());
                self.looked_up(&row.id, &asked, Fetched { error, ..Fetched::default() }).await;
            }
        }
        Ok(())
    }

    async fn looked_up(self: &Arc<Self>, id: &str, asked: &Inbound, fetched: Fetched) {
        let inbound = Inbound {
            message: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            gesture: Gesture::LookedUp(asked.message.clone()),
            fetched: Some(fetched),
            ..asked.clone()
        };
        // The customer was told to wait, so a disk that refuses for a while does not end it.
        let (began, mut wait) = (time::Instant::now(), AGAIN);
        loop {
            let error = match self.answer_in_turn(id, &inbound).await {
                Ok(()) => return,
                Err(error @ PipelineError::Store(_)) if began.elapsed() < PERSIST => error,
                Err(error) => {
                    tracing::error!(conversation = id, %error, "The answer of a look-up could not be kept.");
                    return;
                }
            };
            tracing::warn!(conversation = id, %error, "The answer of a look-up could not be kept; it is tried again.");
            tokio::select! {
                () = time::sleep(wait) => wait = (wait * 2).min(MOST_WAIT),
                // After the next start a person takes it.
                () = self.holds.hurry.cancelled() => return,
            }
        }
    }

    async fn answer_in_turn(&self, id: &str, inbound: &Inbound) -> Result<(), PipelineError> {
        let _turn = self.turns.enter_again(id.to_owned()).await;
        for _ in 0..TRIES {
            match self.answer(id, inbound).await {
                Err(PipelineError::Store(StoreError::Conflict)) => {}
                other => return other,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// One try to bring the answer into the conversation.
    async fn answer(&self, id: &str, inbound: &Inbound) -> Result<(), PipelineError> {
        let Some(row) = self.guard(self.store.conversation(id).await)? else { return Ok(()) };
        let before = conversation(&row)?;
        // Answered or taken over meanwhile: what comes late is not said any more.
        let awaited = match &inbound.gesture {
            Gesture::LookedUp(message) => before.looking.iter().any(|looking| looking.message == *message),
            _ => false,
        };
        if !awaited || before.state != State::Bot {
            tracing::info!(conversation = id, "A look-up came too late and is not answered with.");
            return Ok(());
        }
        let (engine, now) = (self.engine.load_full(), self.clock.now());
        let inbound = &Inbound { waiting: self.waiting().await, ..inbound.clone() };
        let outcome = handle(&engine, inbound, &before, now, Way::Final).ok_or(PipelineError::Internal)?;
        let after = &outcome.conversation;
        let mut events = Events::after(id, row.seq, now);
        for data in record::bot_messages(inbound, &outcome) {
            events.push("message", Role::Bot, data, after.state, None);
        }
        if after.state != before.state {
            let position = if after.state == State::Queued { self.position(after, false).await? } else { None };
            events.push("state", Role::System, record::state(after, position), after.state, None);
        }
        let after = &lettered(&engine, after.clone(), &events, now);
        let cases = self.cases(&outcome, &inbound.message, now).await?;
        let said = record::message(inbound, Role::Visitor, None, None);
        let mut outbox = self.deliveries(&engine, &outcome, &said, &cases, &events, now).await?;
        outbox.extend(platform_hears(&engine, after, &events, now));
        let decision = &outcome.decision;
        let timer = TimerRow { conversation: id.to_owned(), at: engine.next_timer(after) };
        let commit = Commit {
            timer: Some(timer),
            conversation: Some(record::row(after, events.seq(), now)),
            expected_version: Some(row.version),
            events: events.rows(),
            seen: None,
            outbox,
            handoffs: cases.rows,
            survey: None,
            decision: Some(DecisionRow {
                conversation: id.to_owned(),
                seq: events.seq(),
                at: now,
                channel: after.channel.clone(),
                outcome: decision.outcome.as_str().to_owned(),
                reason: decision.reason.as_str().to_owned(),
                rule: decision.rule.clone(),
                queue: outcome.queue.as_ref().and_then(|_| Some(after.handoff.as_ref()?.queue.clone())),
                score: decision.score,
                language: decision.language.clone(),
                rule_set: engine.rule_set(&after.customer).to_owned(),
                pilots: decision.pilots.as_ref().map(|pilots| json!(pilots).to_string()),
            }),
            ..Commit::default()
        };
        let timer = commit.timer.clone();
        let endpoints: Vec<String> = commit.outbox.iter().map(|row| row.endpoint.clone()).collect();
        self.store.commit(commit).await?;
        self.recent.forget(id);
        self.hub.publish(id, events.list());
        self.hub.desk.tell(events.news(&before, &outcome.conversation, row.version + 1));
        self.alarm.set(timer.as_ref());
        for endpoint in &endpoints {
            self.outbox.committed(endpoint);
        }
        self.metrics.decided(&after.channel, decision);
        if let (Some(QueueEvent::Created { .. }), Some(handoff)) = (&outcome.queue, &after.handoff) {
            self.metrics.handed_off(&handoff.queue, handoff.priority);
        }
        Ok(())
    }
}
