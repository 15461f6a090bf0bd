//! The rows that go through a store: plain values with public fields.
//!
//! Times are kept in whole milliseconds; finer parts are cut off. `body` texts are JSON that the store does
//! not look into. Words such as a state are those that `message` and the contract use.

use std::time::Duration;

use jiff::Timestamp;

/// Words for the state of a delivery.
pub mod delivery_state {
    /// Waits for its turn or its next attempt.
    pub const PENDING: &str = "pending";
    /// The receiver answered 2xx.
    pub const DELIVERED: &str = "delivered";
    /// Given up by the program: a final answer, or attempts exhausted.
    pub const DEAD: &str = "dead";
    /// Given up by a person.
    pub const DROPPED: &str = "dropped";
}

/// Words for the state of a hand-off.
pub mod handoff_state {
    /// Nobody has taken it.
    pub const QUEUED: &str = "queued";
    /// A person has it.
    pub const TAKEN: &str = "taken";
    /// Given back to the bot.
    pub const RETURNED: &str = "returned";
    /// Ended with the conversation.
    pub const CLOSED: &str = "closed";
    /// Replaced by one in another queue.
    pub const MOVED: &str = "moved";
}

/// A conversation between two messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    /// `c_…`
    pub id: String,
    /// The channel's name. Cannot change.
    pub channel: String,
    /// The channel's own name of the conversation, unique within the channel. Cannot change.
    pub thread: String,
    /// The channel's id of the customer.
    pub customer: String,
    /// `bot`, `queued`, `human` or `closed`.
    pub state: String,
    /// Counts the commits, from 1. Set by the store: one more than the version expected.
    pub version: u64,
    /// `seq` of the last event; 0 if there is none.
    pub seq: u64,
    /// Queue of the open hand-off.
    pub queue: Option<String>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: String,
    /// Language of the customer's last telling message.
    pub language: Option<String>,
    /// The rest, as JSON.
    pub body: String,
    /// When it began. Cannot change.
    pub created_at: Timestamp,
    /// When it was last committed.
    pub updated_at: Timestamp,
}

/// One durable event of a conversation: a line of the transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The conversation's id.
    pub conversation: String,
    /// Place in the conversation, from 1, unique.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// `message`, `state`, …
    pub kind: String,
    /// `visitor`, `bot`, `human` or `system`.
    pub role: String,
    /// What happened, as JSON.
    pub body: String,
}

/// What makes a message the same message: ids alone are not unique across senders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeenKey {
    /// The channel's name.
    pub channel: String,
    /// The account at the platform that it came to; empty where there is only one.
    pub account: String,
    /// Who sent it.
    pub sender: String,
    /// The sender's id of the message.
    pub id: String,
}

/// A message that was handled, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// What makes it the same.
    pub key: SeenKey,
    /// The conversation that it went into.
    pub conversation: String,
    /// Our id of the message.
    pub message: String,
    /// `seq` of the message's event.
    pub seq: u64,
    /// When it was handled; it is kept from here on for [`PurgeLimits::seen`].
    pub at: Timestamp,
    /// What the sender was answered, as JSON, where the answer must be repeated word for word.
    pub response: Option<String>,
}

/// Something to be sent, as it is committed. It is due at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The id that every attempt carries (`evt_…`): the receiver's idempotency key.
    pub webhook_id: String,
    /// Name of the webhook, or `reply:CHANNEL`.
    pub endpoint: String,
    /// Where to send it, if not to the endpoint's configured URL.
    pub url: Option<String>,
    /// The conversation whose order it keeps.
    pub conversation: String,
    /// Type of the event, such as `handoff.created`.
    pub kind: String,
    /// The exact bytes to send.
    pub body: Vec<u8>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// Something to be sent, or sent, or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Number, ascending in the order of commits.
    pub id: i64,
    /// The id that every attempt carries.
    pub webhook_id: String,
    /// Name of the webhook, or `reply:CHANNEL`.
    pub endpoint: String,
    /// Where to send it, if not to the endpoint's configured URL.
    pub url: Option<String>,
    /// The conversation whose order it keeps.
    pub conversation: String,
    /// Type of the event.
    pub kind: String,
    /// The exact bytes to send.
    pub body: Vec<u8>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// When it may be sent next; of no meaning unless pending.
    pub next_try_at: Timestamp,
    /// Attempts made so far in the present schedule.
    pub attempts: u32,
    /// One of [`delivery_state`].
    pub state: String,
    /// HTTP status of the last attempt, if there was an answer.
    pub last_status: Option<u16>,
    /// What went wrong last, in words without secrets.
    pub last_error: Option<String>,
    /// When it was delivered, buried or dropped.
    pub finished_at: Option<Timestamp>,
}

/// What one attempt to deliver came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Number of the delivery.
    pub id: i64,
    /// When the attempt ended.
    pub at: Timestamp,
    /// What it came to.
    pub result: AttemptResult,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The receiver has it.
    Delivered {
        /// HTTP status.
        status: u16,
    },
    /// Not now; try again.
    Retry {
        /// When.
        at: Timestamp,
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// Never.
    Dead {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// The receiver says that it is gone for good: the delivery is dead and its endpoint stopped.
    EndpointGone {
        /// HTTP status.
        status: u16,
        /// What went wrong.
        error: String,
        /// Hash of the URL that answered, so that another URL starts the endpoint again.
        url_hash: String,
    },
}

/// An endpoint that is, or was, stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its name.
    pub name: String,
    /// Hash of the URL for which it was stopped.
    pub url_hash: String,
    /// Since when it is stopped; none if it has been resumed.
    pub stopped_at: Option<Timestamp>,
    /// Why it was stopped, in words.
    pub reason: String,
}

/// A conversation's way to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffRow {
    /// `h_…`
    pub id: String,
    /// The conversation's id.
    pub conversation: String,
    /// The channel's name.
    pub channel: String,
    /// Queue that it waits or waited in.
    pub queue: String,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: String,
    /// Why.
    pub reason: String,
    /// One of [`handoff_state`].
    pub state: String,
    /// Our id of the message that caused it.
    pub message: String,
    /// When it began. Cannot change.
    pub created_at: Timestamp,
    /// When a person took it.
    pub taken_at: Option<Timestamp>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// When it was returned, closed or moved.
    pub ended_at: Option<Timestamp>,
    /// When it is escalated unless somebody takes it.
    pub deadline: Option<Timestamp>,
}

/// What was decided about one message, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// The conversation's id.
    pub conversation: String,
    /// `seq` of the message's event.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The channel's name.
    pub channel: String,
    /// What was done.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Rule or entry behind it.
    pub rule: Option<String>,
    /// Queue of a hand-off.
    pub queue: Option<String>,
    /// How sure, from 0 to 1.
    pub score: Option<f64>,
    /// Language that was answered in.
    pub language: String,
    /// Hash of the rule set that decided.
    pub rule_set: String,
    /// Pilots that the customer took part in, as a JSON list; none where the rule set had no pilot.
    pub pilots: Option<String>,
}

/// What was decided about one message, as a report counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyRow {
    /// Number, ascending.
    pub id: i64,
    /// The conversation's id.
    pub conversation: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The channel's name.
    pub channel: String,
    /// What was done.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Rule or entry behind it.
    pub rule: Option<String>,
    /// Queue of a hand-off, new or open.
    pub queue: Option<String>,
    /// Pilots that the customer took part in, as a JSON list; none where the rule set had no pilot.
    pub pilots: Option<String>,
    /// Who wrote the event that it points at: `visitor`, unless it is the later answer of a look-up. None where that was not looked
    /// for, or the event is gone.
    pub role: Option<String>,
}

/// Decisions alike, counted: by one rule, within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitRow {
    /// Rule or entry behind them.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// As [`TallyRow::role`].
    pub role: Option<String>,
    /// The hour, in hours since 1970.
    pub hour: i64,
    /// The last of them.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
}

/// A page of decisions, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitPage {
    /// What was counted, in no order.
    pub rows: Vec<HitRow>,
    /// Number of the last decision that was read, to read on from.
    pub after: i64,
    /// Whether the page was full, so that there may be more.
    pub more: bool,
}

/// A hand-off with its first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRow {
    /// Number, ascending.
    pub number: i64,
    /// `h_…`
    pub id: String,
    /// The conversation's id.
    pub conversation: String,
    /// The channel's name.
    pub channel: String,
    /// Queue that it is in, or was in at its end.
    pub queue: String,
    /// Why.
    pub reason: String,
    /// One of [`handoff_state`].
    pub state: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When a person took it.
    pub taken_at: Option<Timestamp>,
    /// When it was returned, closed or moved.
    pub ended_at: Option<Timestamp>,
    /// When a person first wrote to the customer.
    pub answered_at: Option<Timestamp>,
}

/// A conversation, as a report counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalkRow {
    /// Number, ascending.
    pub number: i64,
    /// `c_…`
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// When its first message came.
    pub created_at: Timestamp,
    /// What it is about, where that is known.
    pub product: Option<String>,
    /// Who answered first, `bot` or `human`, and when.
    pub first: Option<(String, Timestamp)>,
}

/// A message that nothing surely answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedRow {
    /// The conversation's id.
    pub conversation: String,
    /// `seq` of the message's event.
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Why it was not answered.
    pub reason: String,
    /// The message's event: JSON of the chat protocol's `data`, with the decision.
    pub body: String,
}

/// Opening hours that a person has set for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedRow {
    /// Name of the schedule.
    pub schedule: String,
    /// Open or closed.
    pub open: bool,
    /// Since when.
    pub since: Timestamp,
    /// When the schedule counts again.
    pub until: Timestamp,
    /// Who set it.
    pub set_by: String,
}

/// A small thing that outlives a restart and belongs to no transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// Whose it is: a channel, a webhook, or `kuaidi100`.
    pub place: String,
    /// Its name there.
    pub key: String,
    /// What it is.
    pub value: String,
    /// Until when; for good if none.
    pub until: Option<Timestamp>,
}

/// All that one step writes, in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The conversation as it is from now on; none if it does not change.
    pub conversation: Option<ConversationRow>,
    /// The version that was read; none if the conversation must not exist yet. Looked at only if there is a conversation.
    pub expected_version: Option<u64>,
    /// New events.
    pub events: Vec<EventRow>,
    /// The message that caused it.
    pub seen: Option<SeenRow>,
    /// What is to be sent, in order.
    pub outbox: Vec<NewDelivery>,
    /// Hand-offs that are new or changed, by id.
    pub handoffs: Vec<HandoffRow>,
    /// What was decided.
    pub decision: Option<DecisionRow>,
    /// A case that the customer was asked about, or what was answered.
    pub survey: Option<SurveyRow>,
    /// When time alone will have something to do; none leaves that as it is.
    pub timer: Option<TimerRow>,
    /// Words in an agent's message that must not be said.
    pub wordings: Vec<WordingRow>,
    /// Small things that are kept besides.
    pub kept: Vec<KeptRow>,
}

/// Words in an agent's message that must not be said. Never the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordingRow {
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub agent: String,
    /// To whom.
    pub conversation: String,
    /// Id of the wording.
    pub wording: String,
    /// Whether it was sent; else it was held back.
    pub sent: bool,
}

/// A case that its customer was asked about, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyRow {
    /// The hand-off's id.
    pub handoff: String,
    /// The conversation's id.
    pub conversation: String,
    /// The channel's name.
    pub channel: String,
    /// Queue that had the case.
    pub queue: String,
    /// Who closed it, or had it when the customer did.
    pub agent: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// From 1 to 5; none if it was not answered.
    pub score: Option<u8>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Why, in the customer's words.
    pub text: Option<String>,
}

/// Which cases that customers were asked about: `from` ≤ time of the question < `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyFilter {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that is too late.
    pub until: Timestamp,
    /// At most so many.
    pub limit: usize,
}

/// When time alone has something to do in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// The conversation's id.
    pub conversation: String,
    /// When; none if never.
    pub at: Option<Timestamp>,
}

/// Which hand-offs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandoffFilter {
    /// Only those in this state.
    pub state: Option<String>,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Which conversations to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Only those in this state.
    pub state: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<String>,
    /// Only those of this endpoint.
    pub endpoint: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Which decisions or wordings to read: `from` ≤ time < `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionFilter {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that is too late.
    pub until: Timestamp,
    /// Only numbers above this one, to read in pages; 0 for all.
    pub after: i64,
    /// At most so many.
    pub limit: usize,
}

/// Deliveries that a person means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These.
    Ids(Vec<i64>),
    /// All dead ones, of one endpoint or of all.
    Dead {
        /// Only those of this endpoint.
        endpoint: Option<String>,
    },
}

/// The outbox of one endpoint in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStats {
    /// Its name.
    pub endpoint: String,
    /// Deliveries that wait.
    pub pending: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// When the oldest waiting one was committed.
    pub oldest: Option<Timestamp>,
    /// Whether it is stopped.
    pub stopped: bool,
}

/// One queue in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Its name.
    pub queue: String,
    /// Hand-offs that nobody has taken.
    pub queued: u64,
    /// When the oldest of them began.
    pub oldest: Timestamp,
}

/// How long what is done with is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeLimits {
    /// Ids of messages seen.
    pub seen: Duration,
    /// Deliveries that were delivered or dropped. Dead ones stay until a person decides, or as long as conversations.
    pub delivered: Duration,
    /// Conversations that are with nobody, from their last change on, with all that hangs on them; dead deliveries as long.
    pub conversations: Duration,
    /// Decisions, and words that agents must not say.
    pub decisions: Duration,
    /// Rows of each kind deleted in one go.
    pub batch: usize,
}

impl Default for PurgeLimits {
    /// 72 hours, 7 days, ever, ever, 500 rows.
    fn default() -> Self {
        Self {
            seen: Duration::from_hours(72),
            delivered: Duration::from_hours(7 * 24),
            conversations: Duration::MAX,
            decisions: Duration::MAX,
            batch: 500,
        }
    }
}

/// What a purge deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Ids of messages seen.
    pub seen: u64,
    /// Deliveries, dead ones too.
    pub deliveries: u64,
    /// Conversations.
    pub conversations: u64,
    /// Decisions, and words that agents must not say.
    pub decisions: u64,
    /// Whether a batch was full, so that there may be more.
    pub more: bool,
}

/// What was deleted of a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Conversations.
    pub conversations: u64,
    /// Messages in them.
    pub messages: u64,
    /// Cases for people.
    pub cases: u64,
    /// Deliveries, those among them that nobody had yet.
    pub deliveries: u64,
}
