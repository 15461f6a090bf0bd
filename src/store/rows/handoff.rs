//! Hand-offs, their queues, and hours set by hand.

use jiff::Timestamp;

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
