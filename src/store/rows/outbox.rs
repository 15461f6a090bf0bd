//! Deliveries: what waits, what was tried, and the receivers.

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
