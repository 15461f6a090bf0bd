//! What is deleted, and when.

use std::time::Duration;

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
