//! Conversations, what was said in them, and when time alone has something to do.

use jiff::Timestamp;

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
    /// When it was handled; it is kept from here on for [`PurgeLimits::seen`](super::PurgeLimits::seen).
    pub at: Timestamp,
    /// What the sender was answered, as JSON, where the answer must be repeated word for word.
    pub response: Option<String>,
}

/// When time alone has something to do in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// The conversation's id.
    pub conversation: String,
    /// When; none if never.
    pub at: Option<Timestamp>,
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

/// Which conversations to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Only those in this state.
    pub state: Option<String>,
    /// At most so many.
    pub limit: usize,
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
