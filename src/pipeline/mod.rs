//! One message from seen to committed: the shell around the pure engine.
//!
//! Seen before? Whose conversation? One snapshot of the engine decides; one commit writes transcript, conversation, outbox and
//! the message's id; only then do sockets and delivery workers hear of it.

mod agent;
mod limits;
mod payload;
mod record;
mod turns;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::decide::{self, Outcome};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, QueueEvent, Role, State};
use crate::store::{
    Commit, ConversationRow, DecisionRow, HandoffRow, NewDelivery, SeenKey, SeenRow, Store, StoreError, handoff_state,
};
use crate::telemetry::Metrics;
use crate::token::Tokens;

pub use agent::{Action, Actor, AgentError};
pub use limits::Limits;

use record::Events;
use turns::Turns;

/// How often a step is tried again when somebody else changed the conversation meanwhile.
const TRIES: usize = 4;

/// Hears that something waits in the outbox.
pub trait OutboxListener: Send + Sync + 'static {
    /// An endpoint has something new.
    fn committed(&self, endpoint: &str);
}

/// A message as a channel hands it over.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The channel's name in `nightdesk.yaml`.
    pub channel: String,
    /// The account at the platform that it came to; empty where there is only one.
    pub account: String,
    /// The channel's own name of the conversation.
    pub thread: String,
    /// Who writes.
    pub customer: Customer,
    /// The sender's id of the message: the idempotency key.
    pub id: String,
    /// What it carries.
    pub kind: Kind,
    /// The words.
    pub text: String,
    /// Of a picture or file: handed on to people, never fetched.
    pub url: Option<String>,
    /// Language that the client says it wants.
    pub locale: Option<String>,
    /// What the customer did, where it was not writing.
    pub gesture: Gesture,
    /// Who wrote it: a platform may forward what its own people and machines write.
    pub role: Role,
    /// The socket that it came in on.
    pub origin: Option<u64>,
}

/// A message that is on disk.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Our id of the message.
    pub message: String,
    /// Its place in the conversation.
    pub seq: u64,
    /// When it was accepted.
    pub at: Timestamp,
    /// Whether it had come before.
    pub duplicate: bool,
    /// The answer for a platform.
    pub response: Value,
}

/// Why a message was not taken. Nothing is on disk then, and the sender may send it again.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Happens when a customer writes more than the limit allows.
    #[error("too many messages; wait {} ms", .0.as_millis())]
    RateLimited(Duration),
    /// Happens when the store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Happens when a step failed twice for a reason of ours.
    #[error("the message could not be handled; it was not taken")]
    Internal,
}

/// The way of every message.
pub struct Pipeline {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// The knowledge in use.
    pub engine: Arc<ArcSwap<Engine>>,
    /// The time.
    pub clock: Clock,
    /// Live sockets.
    pub hub: Arc<Hub>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Tokens for replies.
    pub tokens: Arc<Tokens>,
    /// Messages of one customer.
    pub limits: Limits,
    /// Hears of new deliveries.
    pub outbox: Arc<dyn OutboxListener>,
    /// Address under which this program is reached, without a slash at the end.
    pub public_url: ArcSwap<String>,
    turns: Turns,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipeline")
    }
}

/// A step that is ready to be written.
struct Step {
    commit: Commit,
    events: Events,
    accepted: Accepted,
    outcome: Outcome,
}

impl Pipeline {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        engine: Arc<ArcSwap<Engine>>,
        clock: Clock,
        metrics: Arc<Metrics>,
        tokens: Arc<Tokens>,
        outbox: Arc<dyn OutboxListener>,
    ) -> Self {
        let limits = Limits::new(engine.load().knowledge().limits.per_customer_per_minute);
        Self {
            store,
            engine,
            clock,
            hub: Arc::default(),
            metrics,
            tokens,
            limits,
            outbox,
            public_url: ArcSwap::default(),
            turns: Turns::default(),
        }
    }

    /// Takes a message: when this returns, it is on disk with everything that follows from it.
    ///
    /// # Errors
    /// When it was not taken; the sender may send it again.
    pub async fn accept(&self, arrival: Arrival) -> Result<Accepted, PipelineError> {
        let began = Instant::now();
        let key = SeenKey {
            channel: arrival.channel.clone(),
            account: arrival.account.clone(),
            sender: arrival.customer.id.clone(),
            id: arrival.id.clone(),
        };
        let turn = self.turns.enter(format!("{}\u{0}{}", arrival.channel, arrival.thread)).await;
        if turn.is_none() {
            return Err(self.limited(&arrival, Duration::from_secs(1)));
        }
        if let Some(seen) = self.guard(self.store.seen(&key).await)? {
            return Ok(self.repeated(&arrival.channel, seen));
        }
        // Counted after the look at what was seen: a client that repeats itself out of doubt is not punished for it.
        let sender = format!("{}\u{0}{}", arrival.channel, arrival.customer.id);
        self.limits.count(&sender).map_err(|wait| self.limited(&arrival, wait))?;
        for _ in 0..TRIES {
            let row = self.guard(self.store.conversation_by_thread(&arrival.channel, &arrival.thread).await)?;
            let step = self.decide(&arrival, &key, row).await?;
            match self.store.commit(step.commit.clone()).await {
                Ok(()) => {
                    self.metrics.message_took(began.elapsed());
                    self.publish(&step);
                    return Ok(step.accepted);
                }
                Err(StoreError::Conflict) => {}
                Err(StoreError::Duplicate) => {
                    if let Some(seen) = self.guard(self.store.seen(&key).await)? {
                        return Ok(self.repeated(&arrival.channel, seen));
                    }
                }
                Err(error) => return self.guard(Err(error)).map_err(Into::into),
            }
        }
        tracing::error!(channel = arrival.channel, "A conversation changed under every try.");
        Err(PipelineError::Internal)
    }

    fn limited(&self, arrival: &Arrival, wait: Duration) -> PipelineError {
        self.metrics.undecided(&arrival.channel, "silent", "rate_limited");
        PipelineError::RateLimited(wait)
    }

    /// Counts what the store refuses.
    fn guard<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| {
            self.metrics.store_failed();
            tracing::error!(%error, "The store refused a step.");
        })
    }

    fn repeated(&self, channel: &str, seen: SeenRow) -> Accepted {
        self.metrics.undecided(channel, "silent", "duplicate");
        let mut response = seen.response.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| json!({}));
        response["duplicate"] = json!(true);
        Accepted { message: seen.message, seq: seen.seq, at: seen.at, duplicate: true, response }
    }

    /// Decides one message and writes down all that follows; nothing has happened yet.
    async fn decide(
        &self,
        arrival: &Arrival,
        key: &SeenKey,
        row: Option<ConversationRow>,
    ) -> Result<Step, PipelineError> {
        let engine = self.engine.load_full();
        let now = self.clock.now();
        let (version, last) = row.as_ref().map_or((None, 0), |row| (Some(row.version), row.seq));
        let conversation = if let Some(row) = &row {
            conversation(row)?
        } else {
            let id = Tokens::conversation(&arrival.channel, &arrival.thread);
            Conversation::new(id, &arrival.channel, &arrival.thread, arrival.customer.clone(), now)
        };
        // A pressed option stands in the transcript by its title, as if it had been typed.
        let pressed = match &arrival.gesture {
            Gesture::Select(option) => conversation.offered.iter().find(|choice| choice.id == *option),
            _ => None,
        };
        let inbound = Inbound {
            message: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            channel: arrival.channel.clone(),
            customer: arrival.customer.clone(),
            kind: arrival.kind,
            text: pressed.map_or_else(|| arrival.text.clone(), |choice| choice.label.clone()),
            locale: arrival.locale.clone(),
            gesture: arrival.gesture.clone(),
        };
        let began = Instant::now();
        let outcome = handle(&engine, &inbound, &conversation, now).ok_or(PipelineError::Internal)?;
        self.metrics.decide_took(began.elapsed());
        let mut events = Events::after(&conversation.id, last, now);
        let after = &outcome.conversation;
        let said = record::message(&inbound, arrival.role, arrival.url.as_deref());
        let seq = events.push("message", arrival.role, said.clone(), conversation.state, arrival.origin);
        for data in record::bot_messages(&inbound, &outcome) {
            events.push("message", Role::Bot, data, after.state, None);
        }
        let queue = |c: &Conversation| c.handoff.as_ref().map(|h| (h.queue.clone(), h.priority));
        let moved = after.state == State::Queued && queue(after) != queue(&conversation);
        if after.state != conversation.state || moved {
            let waits_there = conversation.state == State::Queued
                && queue(&conversation).map(|(name, _)| name) == queue(after).map(|(name, _)| name);
            let position = if after.state == State::Queued { self.position(after, waits_there).await? } else { None };
            events.push("state", Role::System, record::state(after, position), after.state, None);
        }
        let handoffs = self.handoff_rows(&outcome, &inbound.message, now).await?;
        let outbox = self.deliveries(&engine, &outcome, &said, &handoffs, &events, now).await?;
        let response = record::response(&outcome);
        let accepted = Accepted { message: inbound.message.clone(), seq, at: now, duplicate: false, response };
        // A socket's client needs only the acknowledgement again; a platform needs the very answer.
        let kept = arrival.origin.is_none().then(|| accepted.response.to_string());
        let commit = Commit {
            conversation: Some(record::row(after, events.seq(), now)),
            expected_version: version,
            events: events.rows(),
            seen: Some(SeenRow {
                key: key.clone(),
                conversation: after.id.clone(),
                message: inbound.message,
                seq,
                at: now,
                response: kept,
            }),
            outbox,
            handoffs,
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
                rule_set: engine.knowledge().hash.clone(),
            }),
        };
        Ok(Step { commit, events, accepted, outcome })
    }

    /// How many cases wait before this one, itself included.
    async fn position(&self, conversation: &Conversation, counted: bool) -> Result<Option<u64>, StoreError> {
        let Some(handoff) = &conversation.handoff else { return Ok(None) };
        let stats = self.guard(self.store.queue_stats().await)?;
        let waiting = stats.iter().find(|stats| stats.queue == handoff.queue).map_or(0, |stats| stats.queued);
        Ok(Some(waiting + u64::from(!counted)))
    }

    /// The hand-off that is new or changed, and the one that it takes the place of.
    async fn handoff_rows(
        &self,
        outcome: &Outcome,
        message: &str,
        now: Timestamp,
    ) -> Result<Vec<HandoffRow>, StoreError> {
        let after = &outcome.conversation;
        let (Some(event), Some(handoff)) = (&outcome.queue, &after.handoff) else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
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
                if let Some(row) = self.guard(self.store.handoff(&handoff.id).await)?
                    && row.priority != handoff.priority.as_str()
                {
                    rows.push(HandoffRow { priority: handoff.priority.as_str().to_owned(), ..row });
                }
            }
        }
        Ok(rows)
    }

    /// What the queues' webhooks are told.
    async fn deliveries(
        &self,
        engine: &Engine,
        outcome: &Outcome,
        said: &Value,
        handoffs: &[HandoffRow],
        events: &Events,
        now: Timestamp,
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let after = &outcome.conversation;
        let (Some(event), Some(handoff)) = (&outcome.queue, &after.handoff) else { return Ok(Vec::new()) };
        let webhook = |queue: &str| engine.knowledge().queues.get(queue).and_then(|queue| queue.webhook.clone());
        let mut out = Vec::new();
        for moved in handoffs.iter().filter(|row| row.state == handoff_state::MOVED) {
            if let Some(endpoint) = webhook(&moved.queue) {
                let data = json!({"handoff": {"id": moved.id, "queue": moved.queue}, "moved_to": {"id": handoff.id, "queue": handoff.queue}, "conversation": {"id": after.id, "state": after.state}});
                let body = json!({"type": "handoff.moved", "timestamp": now, "data": data});
                out.push(payload::delivery(&endpoint, &after.id, "handoff.moved", &body, now));
            }
        }
        let Some(endpoint) = webhook(&handoff.queue) else { return Ok(out) };
        let kind = if matches!(event, QueueEvent::Created { .. }) { "handoff.created" } else { "handoff.message" };
        let deadline = match event {
            QueueEvent::Created { .. } => outcome.deadline,
            QueueEvent::Message => self.guard(self.store.handoff(&handoff.id).await)?.and_then(|row| row.deadline),
        };
        let case = self.case(after, handoff, deadline, Some(outcome), Some(said), events, now).await?;
        let body = payload::body(kind, &case, json!({}));
        out.push(payload::delivery(&endpoint, &after.id, kind, &body, now));
        Ok(out)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one payload, gathered in one place")]
    async fn case<'a>(
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
            reply_token: self.tokens.reply(&conversation.id, now),
            now,
        })
    }

    /// Tells the world what is on disk.
    fn publish(&self, step: &Step) {
        let (outcome, after) = (&step.outcome, &step.outcome.conversation);
        self.hub.publish(&after.id, step.events.list());
        step.commit.outbox.iter().for_each(|row| self.outbox.committed(&row.endpoint));
        self.metrics.decided(&after.channel, &outcome.decision);
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

/// The conversation of a row.
fn conversation(row: &ConversationRow) -> Result<Conversation, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged(format!("conversation {}: {error}", row.id)))
}

/// Decides; should our own code fail, the message goes to a person all the same.
fn handle(engine: &Engine, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Option<Outcome> {
    let decided = catch_unwind(AssertUnwindSafe(|| engine.handle(inbound, conversation, now)));
    decided
        .or_else(|_| {
            tracing::error!(message_id = inbound.message, "A decision failed, so a person takes the message.");
            catch_unwind(AssertUnwindSafe(|| decide::failed(engine.knowledge(), inbound, conversation, now)))
        })
        .ok()
}
