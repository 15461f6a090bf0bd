//! All that follows from one decision, gathered for one commit: transcript, conversation, hand-off, deliveries, the id seen.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation, QueueEvent, Role, State};
use crate::store::{
    Commit, DecisionRow, HandoffRow, NewDelivery, SeenKey, SeenRow, StoreError, TimerRow, handoff_state,
};

use super::record::{self, Events};
use super::settle::{Considered, Step};
use super::{Accepted, Arrival, Pipeline, PipelineError, payload, platform};

/// What a decision does to hand-offs.
pub(super) struct Cases {
    /// Those that are new or changed.
    pub rows: Vec<HandoffRow>,
    /// Until when the conversation's own is to be taken.
    deadline: Option<Timestamp>,
}

impl Pipeline {
    /// Writes down all that follows from a decision; nothing has happened yet.
    pub(super) async fn step(
        &self,
        arrival: &Arrival,
        key: &SeenKey,
        decided: Considered,
    ) -> Result<(Step, Commit), PipelineError> {
        let Considered { ref engine, now, ref before, ref inbound, ref outcome } = decided;
        let conversation = &before.conversation;
        let mut events = Events::after(&conversation.id, before.seq, now);
        let after = &outcome.conversation;
        let said = record::message(inbound, arrival.role, arrival.url.as_deref(), outcome.answered.as_ref());
        let seq = events.push("message", arrival.role, said.clone(), conversation.state, arrival.origin);
        events.decided(seq, &outcome.decision);
        for data in record::bot_messages(inbound, outcome) {
            events.push("message", Role::Bot, data, after.state, None);
        }
        let queue = |c: &Conversation| c.handoff.as_ref().map(|h| (h.queue.clone(), h.priority));
        let moved = after.state == State::Queued && queue(after) != queue(conversation);
        if after.state != conversation.state || moved {
            let waits_there = conversation.state == State::Queued
                && queue(conversation).map(|(name, _)| name) == queue(after).map(|(name, _)| name);
            let position = if after.state == State::Queued { self.position(after, waits_there).await? } else { None };
            events.push("state", Role::System, record::state(after, position), after.state, None);
        }
        let cases = self.cases(outcome, &inbound.message, now).await?;
        let all = record::in_a_row(said, &conversation.unanswered);
        let mut outbox = self.deliveries(engine, outcome, &all, &cases, &events, now).await?;
        outbox.extend(platform::answers(engine, after, &events, &arrival.reply_with, now));
        // A socket's client needs only the acknowledgement, also again; a platform needs the very answer.
        let response = if arrival.origin.is_none() { record::response(outcome) } else { Value::Null };
        let kept = arrival.origin.is_none().then(|| response.to_string());
        let accepted = Accepted { message: inbound.message.clone(), seq, at: now, duplicate: false, response };
        let timer = TimerRow { conversation: after.id.clone(), at: engine.next_timer(after) };
        let endpoints = outbox.iter().map(|row| row.endpoint.clone()).collect();
        let commit = Commit {
            timer: Some(timer.clone()),
            conversation: Some(record::row(after, events.seq(), now)),
            expected_version: (before.version > 0).then_some(before.version),
            events: events.rows(),
            seen: Some(SeenRow {
                key: key.clone(),
                conversation: after.id.clone(),
                message: inbound.message.clone(),
                seq,
                at: now,
                response: kept,
            }),
            outbox,
            handoffs: cases.rows,
            survey: outcome.answered.as_ref().map(|survey| record::survey(after, survey)),
            decision: Some(DecisionRow {
                conversation: after.id.clone(),
                seq,
                at: now,
                channel: arrival.channel.clone(),
                outcome: outcome.decision.outcome.as_str().to_owned(),
                reason: outcome.decision.reason.as_str().to_owned(),
                rule: outcome.decision.rule.clone(),
                queue: outcome.queue.as_ref().and_then(|_| Some(after.handoff.as_ref()?.queue.clone())),
                score: outcome.decision.score,
                language: outcome.decision.language.clone(),
                rule_set: engine.rule_set(&inbound.customer).to_owned(),
                pilots: outcome.decision.pilots.as_ref().map(|pilots| json!(pilots).to_string()),
            }),
            ..Commit::default()
        };
        Ok((Step { decided, events, accepted, timer, endpoints }, commit))
    }

    /// How many cases wait before this one, itself included.
    pub(super) async fn position(&self, conversation: &Conversation, counted: bool) -> Result<Option<u64>, StoreError> {
        let Some(handoff) = &conversation.handoff else { return Ok(None) };
        let stats = self.guard(self.store.queue_stats().await)?;
        let waiting = stats.iter().find(|stats| stats.queue == handoff.queue).map_or(0, |stats| stats.queued);
        let place = waiting + u64::from(!counted);
        self.places.note(&conversation.id, place);
        Ok(Some(place))
    }

    /// The hand-off that is new or changed, and the one that it takes the place of.
    pub(super) async fn cases(&self, outcome: &Outcome, message: &str, now: Timestamp) -> Result<Cases, StoreError> {
        let after = &outcome.conversation;
        let mut cases = Cases { rows: Vec::new(), deadline: outcome.deadline };
        let (Some(event), Some(handoff)) = (&outcome.queue, &after.handoff) else { return Ok(cases) };
        let rows = &mut cases.rows;
        match event {
            QueueEvent::Created { replaces } => {
                if let Some(old) = replaces
                    && let Some(row) = self.guard(self.store.handoff(old).await)?
                {
                    rows.push(HandoffRow { state: handoff_state::MOVED.to_owned(), ended_at: Some(now), ..row });
                }
                rows.push(HandoffRow {
                    id: handoff.id.clone(),
                    conversation: after.id.clone(),
                    channel: after.channel.clone(),
                    queue: handoff.queue.clone(),
                    priority: handoff.priority.as_str().to_owned(),
                    reason: handoff.reason.clone(),
                    state: handoff_state::QUEUED.to_owned(),
                    message: message.to_owned(),
                    created_at: now,
                    taken_at: None,
                    taken_by: None,
                    ended_at: None,
                    deadline: outcome.deadline,
                });
            }
            QueueEvent::Message => {
                let kept = self.guard(self.store.handoff(&handoff.id).await)?;
                cases.deadline = kept.as_ref().and_then(|row| row.deadline);
                if let Some(row) = kept.filter(|row| row.priority != handoff.priority.as_str()) {
                    rows.push(HandoffRow { priority: handoff.priority.as_str().to_owned(), ..row });
                }
            }
        }
        Ok(cases)
    }

    /// What the queues' webhooks are told.
    pub(super) async fn deliveries(
        &self,
        engine: &Engine,
        outcome: &Outcome,
        said: &Value,
        cases: &Cases,
        events: &Events,
        now: Timestamp,
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let after = &outcome.conversation;
        let webhook = |queue: &str| engine.knowledge().queues.get(queue).and_then(|queue| queue.webhook.clone());
        let mut out = Vec::new();
        let extra = payload::rated(outcome.answered.as_ref());
        // The queue that had the case hears how it was, whoever has what comes of it.
        if let Some((survey, endpoint)) =
            outcome.answered.as_ref().and_then(|survey| Some((survey, webhook(&survey.handoff.queue)?)))
        {
            let case = self.case(after, &survey.handoff, None, Some(outcome), Some(said), events, now).await?;
            let body = payload::body("survey.answered", &case, extra.clone());
            out.push(payload::delivery(&endpoint, &after.id, "survey.answered", &body, now));
        }
        let (Some(event), Some(handoff)) = (&outcome.queue, &after.handoff) else {
            return Ok(payload::wanted(&engine.book().settings, out));
        };
        for moved in cases.rows.iter().filter(|row| row.state == handoff_state::MOVED) {
            if let Some(endpoint) = webhook(&moved.queue) {
                let body = payload::moved((&moved.id, &moved.queue), handoff, after, &self.console_url(&after.id), now);
                out.push(payload::delivery(&endpoint, &after.id, "handoff.moved", &body, now));
            }
        }
        let Some(endpoint) = webhook(&handoff.queue) else { return Ok(payload::wanted(&engine.book().settings, out)) };
        let kind = if matches!(event, QueueEvent::Created { .. }) { "handoff.created" } else { "handoff.message" };
        let case = self.case(after, handoff, cases.deadline, Some(outcome), Some(said), events, now).await?;
        let body = payload::body(kind, &case, extra);
        out.push(payload::delivery(&endpoint, &after.id, kind, &body, now));
        Ok(payload::wanted(&engine.book().settings, out))
    }

    /// Where people see a conversation in the console.
    pub(super) fn console_url(&self, conversation: &str) -> String {
        format!("{}/console#/case/{conversation}", self.public_url.load())
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one payload, gathered in one place")]
    pub(super) async fn case<'a>(
        &'a self,
        conversation: &'a Conversation,
        handoff: &'a crate::message::OpenHandoff,
        deadline: Option<Timestamp>,
        outcome: Option<&'a Outcome>,
        message: Option<&'a Value>,
        events: &Events,
        now: Timestamp,
    ) -> Result<payload::Case<'a>, StoreError> {
        let before = events.list().first().map_or(events.seq() + 1, |event| event.seq);
        let kept = self.guard(self.store.events_before(&conversation.id, before, payload::TRANSCRIPT).await)?;
        let reply_url = format!("{}/v1/conversations/{}/messages", self.public_url.load(), conversation.id);
        Ok(payload::Case {
            conversation,
            handoff,
            deadline,
            outcome,
            message,
            transcript: payload::transcript(&kept, events),
            reply_url,
            console_url: self.console_url(&conversation.id),
            reply_token: self.tokens.reply(&conversation.id, now),
            now,
        })
    }
}
