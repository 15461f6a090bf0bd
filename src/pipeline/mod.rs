//! One message from seen to committed: the shell around the pure engine.
//!
//! Seen before? Whose conversation? One snapshot of the engine decides; one commit writes transcript, conversation, outbox and
//! the message's id; only then do sockets and delivery workers hear of it.

mod agent;
mod arrival;
mod holds;
mod limits;
mod lookups;
mod payload;
mod places;
mod platform;
mod recent;
mod record;
mod settle;
mod shadow;
mod step;
mod timers;
mod transfer;
mod turns;
mod waiting;
mod wording;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time;

use crate::clock::Clock;
use crate::decide;
use crate::engine::Engine;
use crate::hours::ForcedHours;
use crate::hub::Hub;
use crate::lookup::Lookups;
use crate::message::{Conversation, Gesture, Role};
use crate::modes::Switch;
use crate::store::{ConversationRow, SeenKey, SeenRow, Store, StoreError};
use crate::telemetry::Metrics;
use crate::token::Tokens;

pub use agent::{Acted, Action, Actor, AgentError};
pub use arrival::{Accepted, Arrival, Known, PipelineError, Taken};
pub use holds::Later;
pub use limits::{Limits, network};
pub use record::told;
pub use shadow::{Shadow, Shown};

use holds::{Holds, TooMany};
use places::Places;
use recent::Recent;
use settle::Way;
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
}

/// The conversation of a row.
fn conversation(row: &ConversationRow) -> Result<Conversation, StoreError> {
    serde_json::from_str(&row.body).map_err(|error| StoreError::Damaged(format!("conversation {}: {error}", row.id)))
}
