//! One message from seen to committed: the shell around the pure engine.
//!
//! Seen before? Whose conversation? One snapshot of the engine decides; one commit writes transcript, conversation, outbox and
//! the message's id; only then do sockets and delivery workers hear of it.

mod agent;
mod holds;
mod limits;
mod lookups;
mod payload;
mod places;
mod platform;
mod recent;
mod record;
mod shadow;
mod step;
mod timers;
mod transfer;
mod turns;
mod waiting;
mod wording;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time;

use crate::clock::Clock;
use crate::decide::{self, Outcome};
use crate::engine::Engine;
use crate::hours::ForcedHours;
use crate::hub::Hub;
use crate::lookup::Lookups;
use crate::message::{Conversation, Customer, Fetched, Gesture, Inbound, Kind, QueueEvent, Role, State};
use crate::modes::Switch;
use crate::replay::Decided;
use crate::store::{ConversationRow, SeenKey, SeenRow, Store, StoreError, TimerRow};
use crate::telemetry::Metrics;
use crate::token::Tokens;

pub use agent::{Acted, Action, Actor, AgentError};
pub use holds::Later;
pub use limits::{Limits, network};
pub use record::told;
pub use shadow::{Shadow, Shown};

use holds::{Holds, TooMany};
use lookups::Running;
use places::Places;
use recent::{Known as Before, Recent};
use record::Events;
use timers::Alarm;
use turns::Turns;
use waiting::Waiting;

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
    /// What the platform wants to see again with the answer; null if it wants nothing.
    pub reply_with: Value,
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

/// What became of a message that was handed over.
#[derive(Debug)]
pub enum Taken {
    /// It is on disk.
    Now(Accepted),
    /// It waits for the customer's next one, which may complete it, and is not on disk yet.
    Later(Later),
    /// It came before and waits; the end is that of the first.
    Again(Later),
}

/// What a channel knows of a message besides, where it pulls what was written and the platform sends nothing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is decided.
    Nothing,
    /// A person of the shop has answered it there: it is kept, and nothing is said.
    Answered,
    /// It was waited for in vain: it is taken over the limit, and a person gets it.
    OverLimit,
    /// It says that a letter of ours came back.
    Returned,
}

/// What may be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
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

/// Why a message was not taken. Nothing is on disk then, and the sender may send it again.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Happens when a customer or an address writes more than the limit allows.
    #[error("too many messages; wait {} ms", .0.as_millis())]
    RateLimited(Duration),
    /// Happens when so many messages are at work already that this one would wait too long.
    #[error("too many messages are at work")]
    Busy,
    /// Happens when the store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Happens when the customer answers a question that is not asked, or no longer.
    #[error("nothing is asked that this would answer")]
    NotAsked,
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
    /// Messages of one address.
    pub addresses: Limits,
    /// Asks the shop's systems.
    pub lookups: Lookups,
    /// Hears of new deliveries.
    pub outbox: Arc<dyn OutboxListener>,
    /// Opening hours that people have set, by name of the schedule: what `engine` was given.
    pub forced: ArcSwap<ForcedHours>,
    /// Special modes that people have switched: what `engine` was given.
    pub switches: ArcSwap<Vec<Switch>>,
    /// Address under which this program is reached, without a slash at the end.
    pub public_url: ArcSwap<String>,
    /// A candidate that decides beside it and says nothing.
    pub shadow: Shadow,
    turns: Turns,
    /// Places for messages that are at work.
    room: Semaphore,
    waiting: Waiting,
    holds: Holds,
    alarm: Alarm,
    places: Places,
    recent: Recent,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipeline")
    }
}

/// A message that was decided; nothing has happened yet.
struct Considered {
    engine: Arc<Engine>,
    now: Timestamp,
    /// The conversation before it, with version 0 if it begins with this message.
    before: Arc<Before>,
    inbound: Inbound,
    outcome: Outcome,
}

/// A step that is ready to be written, without what is written.
struct Step {
    decided: Considered,
    events: Events,
    accepted: Accepted,
    timer: TimerRow,
    /// Endpoints that have something new to send.
    endpoints: Vec<String>,
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
        lookups: Lookups,
        outbox: Arc<dyn OutboxListener>,
    ) -> Self {
        let (limits, addresses, room) = {
            let engine = engine.load();
            let limits = &engine.knowledge().limits;
            let (customer, address) = (limits.per_customer_per_minute, limits.per_address_per_minute);
            (Limits::new(customer), Limits::new(address), limits.messages_at_once)
        };
        Self {
            store,
            engine,
            clock,
            hub: Arc::default(),
            metrics,
            tokens,
            limits,
            addresses,
            lookups,
            outbox,
            forced: ArcSwap::default(),
            switches: ArcSwap::default(),
            public_url: ArcSwap::default(),
            shadow: Shadow::default(),
            turns: Turns::default(),
            room: Semaphore::new(room.min(Semaphore::MAX_PERMITS)),
            waiting: Waiting::default(),
            holds: Holds::default(),
            alarm: Alarm::default(),
            places: Places::default(),
            recent: Recent::default(),
        }
    }

    /// Takes a message: when this returns, it is on disk with everything that follows from it.
    ///
    /// # Errors
    /// When it was not taken; the sender may send it again.
    pub async fn accept(self: &Arc<Self>, arrival: Arrival) -> Result<Accepted, PipelineError> {
        self.accept_known(arrival, Known::Nothing).await
    }

    /// The same of a message of which something is known.
    ///
    /// # Errors
    /// When it was not taken; the sender may send it again.
    pub async fn accept_known(self: &Arc<Self>, arrival: Arrival, known: Known) -> Result<Accepted, PipelineError> {
        match self.take_known(arrival, known).await? {
            Taken::Now(accepted) => Ok(accepted),
            Taken::Later(later) | Taken::Again(later) => later.end().await,
        }
    }

    /// Takes a message, and returns without waiting if it waits for the customer's next one.
    ///
    /// # Errors
    /// When it was not taken; the sender may send it again.
    pub async fn take(self: &Arc<Self>, arrival: Arrival) -> Result<Taken, PipelineError> {
        self.take_known(arrival, Known::Nothing).await
    }

    /// The same, of a message that the channel knows more of.
    ///
    /// # Errors
    /// When it was not taken; it may be handed over again.
    pub async fn take_known(self: &Arc<Self>, arrival: Arrival, known: Known) -> Result<Taken, PipelineError> {
        let key = SeenKey {
            channel: arrival.channel.clone(),
            account: arrival.account.clone(),
            sender: arrival.customer.id.clone(),
            id: arrival.id.clone(),
        };
        let id = Tokens::conversation(&arrival.channel, &arrival.thread);
        let turn = self.turns.enter(id.clone()).await;
        if turn.is_none() {
            return Err(self.limited(&arrival, Duration::from_secs(1)));
        }
        // After the turn, so that one customer has at most one of the places: who writes much takes none from others. What a channel
        // pulls waits there, and is not pulled faster than it is taken.
        let _place = match known {
            Known::Nothing => Some(self.room.try_acquire().map_err(|_| self.busy(&arrival.channel))?),
            _ => None,
        };
        if let Some(same) = self.holds.same(&id, &key) {
            let ended = same.map_err(|TooMany| self.limited(&arrival, Duration::from_secs(1)))?;
            return Ok(Taken::Again(self.with_the_first(arrival, ended)));
        }
        if !self.is_new(&key).await?
            && let Some(seen) = self.guard(self.store.seen(&key).await)?
        {
            return Ok(Taken::Now(self.repeated(&arrival.channel, seen)));
        }
        // Counted after the look at what was seen: a client that repeats itself out of doubt is not punished for it.
        let sender = format!("{}\u{0}{}", arrival.channel, arrival.customer.id);
        if arrival.role == Role::Visitor && known == Known::Nothing {
            self.limits.count(&sender).map_err(|wait| self.limited(&arrival, wait))?;
        }
        let mut first = time::Instant::now();
        if let Some(held) = self.holds.take(&id) {
            // What a machine or a colleague says does not complete the customer's words, nor does a score.
            let apart = matches!(arrival.gesture, Gesture::Automatic | Gesture::Undelivered)
                || decide::survey::is_apart(&arrival.gesture);
            let way = if apart { Way::Final } else { Way::Continued };
            if way == Way::Continued {
                first = held.first;
            }
            if !self.finish(held, way).await {
                // Out of order it would be another talk.
                let why = "the message before it could not be kept".to_owned();
                return Err(StoreError::Unavailable(why).into());
            }
        }
        let until = self.until(&arrival.channel, first).filter(|_| known == Known::Nothing);
        let way = match known {
            Known::Answered => Way::Answered,
            Known::OverLimit => Way::OverLimit,
            Known::Returned => Way::Returned,
            Known::Nothing if until.is_some() => Way::MayWait,
            Known::Nothing => Way::Final,
        };
        // Boxed, so that a socket which only waits does not carry the room for it.
        match (Box::pin(self.settle(&arrival, &key, way)).await?, until) {
            (Some(accepted), _) => Ok(Taken::Now(accepted)),
            (None, Some(until)) => Ok(Taken::Later(self.hold(id, arrival, key, first, until))),
            (None, None) => Err(PipelineError::Internal),
        }
    }

    /// Until when a message may wait for the customer's next one.
    fn until(&self, channel: &str, first: time::Instant) -> Option<time::Instant> {
        let engine = self.engine.load();
        // There the next one does not come before this one is answered, or a late answer is counted as none.
        if engine.book().settings.channel(channel).is_some_and(|channel| !channel.may_wait()) {
            return None;
        }
        self.holds.until(engine.knowledge().limits.wait_for_more, first)
    }

    /// Brings a message to disk; the caller has the turn. None if it is to wait for the next one.
    async fn settle(
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

    /// Counts a message of an address, where that is known: who is a new customer with every message is still one sender.
    ///
    /// # Errors
    /// When the address sends more than the limit allows.
    pub fn count_address(&self, channel: &str, address: Option<IpAddr>) -> Result<(), PipelineError> {
        let Some(address) = address else { return Ok(()) };
        self.addresses.count(&network(address).to_string()).map_err(|wait| {
            self.metrics.undecided(channel, "silent", "rate_limited");
            self.metrics.refused("too_many_messages_of_address");
            PipelineError::RateLimited(wait)
        })
    }

    fn limited(&self, arrival: &Arrival, wait: Duration) -> PipelineError {
        self.metrics.undecided(&arrival.channel, "silent", "rate_limited");
        PipelineError::RateLimited(wait)
    }

    fn busy(&self, channel: &str) -> PipelineError {
        self.metrics.undecided(channel, "silent", "overloaded");
        self.metrics.refused("too_many_messages");
        PipelineError::Busy
    }

    /// Whether a message that came now would be refused because too many are at work.
    pub fn is_busy(&self) -> bool {
        self.room.available_permits() == 0
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

/// The conversation of a row.
fn conversation(row: &ConversationRow) -> Result<Conversation, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged(format!("conversation {}: {error}", row.id)))
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
fn handle(
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
