//! Durable state: conversations, transcripts, hand-offs, outgoing deliveries and the ids already seen.
//!
//! Owns the [`Store`] trait, the rows that go through it and its errors; [`sqlite`] is the embedded store.
//! Refuses to interpret: bodies are text that others wrote, states are words, and nothing here decides,
//! sends or reads the clock.

mod rows;
pub mod sqlite;
pub mod switches;

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

pub use rows::{
    AttemptResult, AttemptRow, CaseRow, Commit, ConversationFilter, ConversationRow, DecisionFilter, DecisionRow,
    DeliveryFilter, EndpointRow, EndpointStats, Erased, EventRow, ForcedRow, HandoffFilter, HandoffRow, HitPage,
    HitRow, KeptRow, NewDelivery, OutboxRow, PurgeLimits, Purged, QueueStats, SeenKey, SeenRow, Selection,
    SurveyFilter, SurveyRow, TalkRow, TallyRow, TimerRow, UnmatchedRow, WordingRow, delivery_state, handoff_state,
};

/// What every method of a store answers, later.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Durable state, used as `Arc<dyn Store>`.
///
/// A future of a writing method resolves only once the change is on the disk and survives a power cut. A
/// writing future that is dropped may or may not have written. Texts given by reference are copied before
/// the future is returned.
///
/// Every method fails with [`StoreError::Unavailable`] when the disk refuses, and with
/// [`StoreError::Damaged`] when what it reads makes no sense, with [`StoreError::Corrupt`] when the file is broken; further errors are named at the method.
pub trait Store: Send + Sync + 'static {
    /// The conversation with this id.
    fn conversation(&self, id: &str) -> StoreFuture<'_, Option<ConversationRow>>;

    /// The conversation that a channel knows by its own name for it.
    fn conversation_by_thread(&self, channel: &str, thread: &str) -> StoreFuture<'_, Option<ConversationRow>>;

    /// What was done with a message that came before; none if it is new.
    fn seen(&self, key: &SeenKey) -> StoreFuture<'_, Option<SeenRow>>;

    /// Ids of messages that the sender of this one has on disk, at most so many.
    fn ids_of_sender(&self, key: &SeenKey, limit: usize) -> StoreFuture<'_, Vec<String>>;

    /// Writes all of one step, or nothing of it.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if the message has been seen (looked at first: read [`Store::seen`]);
    /// [`StoreError::Conflict`] if the conversation is no longer at the expected version, its thread belongs
    /// to another one, or a `seq` is taken.
    fn commit(&self, commit: Commit) -> StoreFuture<'_, ()>;

    /// Up to `limit` events of a conversation with a `seq` above the given one, ascending.
    fn events_after(&self, conversation: &str, seq: u64, limit: usize) -> StoreFuture<'_, Vec<EventRow>>;

    /// The last `limit` events of a conversation with a `seq` below the given one, ascending.
    fn events_before(&self, conversation: &str, before_seq: u64, limit: usize) -> StoreFuture<'_, Vec<EventRow>>;

    /// Deliveries of an endpoint that may be sent now: of each conversation the oldest pending one, if its
    /// time has come; the longest due first. None while the endpoint is stopped.
    fn due(&self, endpoint: &str, now: Timestamp, limit: usize) -> StoreFuture<'_, Vec<OutboxRow>>;

    /// Deliveries of an endpoint that may be sent now and those behind them in their conversations, in the order in which
    /// they were committed. None while the endpoint is stopped.
    fn waiting(&self, endpoint: &str, now: Timestamp, limit: usize) -> StoreFuture<'_, Vec<OutboxRow>>;

    /// The first instant after `now` at which [`Store::due`] will have something more to give. None while the
    /// endpoint is stopped.
    fn next_due(&self, endpoint: &str, now: Timestamp) -> StoreFuture<'_, Option<Timestamp>>;

    /// Writes down what attempts came to, all or none. What a person decided meanwhile (dropped) stands, unless the
    /// delivery succeeded.
    fn record_attempts(&self, attempts: Vec<AttemptRow>) -> StoreFuture<'_, ()>;

    /// What is remembered of an endpoint; none if it never was stopped.
    fn endpoint(&self, name: &str) -> StoreFuture<'_, Option<EndpointRow>>;

    /// Holds an endpoint's deliveries back until it is resumed, and remembers for which URL.
    fn stop_endpoint(&self, name: &str, url_hash: &str, reason: &str, at: Timestamp) -> StoreFuture<'_, ()>;

    /// Lets an endpoint's deliveries go again; true if it was stopped.
    fn resume_endpoint(&self, name: &str) -> StoreFuture<'_, bool>;

    /// Hand-offs, the most urgent first and then the longest waiting.
    fn handoffs(&self, filter: HandoffFilter) -> StoreFuture<'_, Vec<HandoffRow>>;

    /// The hand-off with this id.
    fn handoff(&self, id: &str) -> StoreFuture<'_, Option<HandoffRow>>;

    /// Conversations, the most recently begun first.
    fn conversations(&self, filter: ConversationFilter) -> StoreFuture<'_, Vec<ConversationRow>>;

    /// Conversations whose answer waits for a look-up, at most a thousand.
    fn looking(&self) -> StoreFuture<'_, Vec<ConversationRow>>;

    /// Deliveries, the newest first.
    fn deliveries(&self, filter: DeliveryFilter) -> StoreFuture<'_, Vec<OutboxRow>>;

    /// The delivery with this number.
    fn delivery(&self, id: i64) -> StoreFuture<'_, Option<OutboxRow>>;

    /// Makes deliveries due at once; answers how many. Dead and dropped ones become pending again with the
    /// whole schedule before them, and go before what is younger in their conversation.
    fn retry(&self, which: Selection, now: Timestamp) -> StoreFuture<'_, u64>;

    /// Gives up deliveries that are pending or dead; answers how many.
    fn drop_deliveries(&self, which: Selection, now: Timestamp) -> StoreFuture<'_, u64>;

    /// Depth and age of the outbox, for each endpoint that has anything pending or dead.
    fn outbox_stats(&self) -> StoreFuture<'_, Vec<EndpointStats>>;

    /// Hand-offs that nobody has taken, for each queue that has any.
    fn queue_stats(&self) -> StoreFuture<'_, Vec<QueueStats>>;

    /// Decisions with their numbers, ascending: what a report is made from.
    fn decisions(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<(i64, DecisionRow)>>;

    /// Messages since a time that nothing surely answered (`no_match`, `misses`, `ambiguous`), the newest first.
    fn unmatched(&self, since: Timestamp, limit: usize) -> StoreFuture<'_, Vec<UnmatchedRow>>;

    /// Cases that customers were asked about, the longest ago first: what a report of satisfaction is made from.
    fn surveys(&self, filter: SurveyFilter) -> StoreFuture<'_, Vec<SurveyRow>>;

    /// Decisions by number: what a report counts. Of those by the rules `look_up`, whose look-ups may answer later, and of look-ups
    /// that failed, with who wrote the event that they point at.
    fn tallies(&self, filter: DecisionFilter, look_up: &[String]) -> StoreFuture<'_, Vec<TallyRow>>;

    /// The same decisions, as far as rules made them, counted by rule and hour, reason and role.
    fn hits(&self, filter: DecisionFilter, look_up: &[String]) -> StoreFuture<'_, HitPage>;

    /// Hand-offs that began in a span of time with the first words of a person, by number.
    fn cases(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<CaseRow>>;

    /// Conversations that were touched since a time, above a number, ascending: their first answer, if they began since then, and
    /// what they are about, which stands under the name `product` among the customer's attributes or what a dialogue asked.
    fn talks(&self, since: Timestamp, after: i64, limit: usize, product: &str) -> StoreFuture<'_, Vec<TalkRow>>;

    /// Words in agents' messages that must not be said, with their numbers, ascending: what a report is made from.
    fn wordings(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<(i64, WordingRow)>>;

    /// Opening hours that people have set and that end after a time, by name of the schedule and then by their beginning.
    fn forced_hours(&self, after: Timestamp) -> StoreFuture<'_, Vec<ForcedRow>>;

    /// Sets opening hours for a while; what was set before ends where it begins. What ended before `forgotten` is deleted.
    fn force_hours(&self, row: ForcedRow, forgotten: Timestamp) -> StoreFuture<'_, ()>;

    /// Lets the schedule count again from a time on; true if something was set.
    fn release_hours(&self, schedule: &str, at: Timestamp) -> StoreFuture<'_, bool>;

    /// What is kept under a key of a place, unless its time has passed.
    fn kept(&self, place: &str, key: &str, now: Timestamp) -> StoreFuture<'_, Option<String>>;

    /// What is kept in a place under keys that begin so, by key; what has passed may be among it.
    fn kept_all(&self, place: &str, prefix: &str) -> StoreFuture<'_, Vec<KeptRow>>;

    /// Keeps all of these or none, in place of what was there.
    fn keep(&self, rows: Vec<KeptRow>) -> StoreFuture<'_, ()>;

    /// Forgets what is kept under a key; true if there was something.
    fn forget(&self, place: &str, key: &str) -> StoreFuture<'_, bool>;

    /// The earliest timers, ascending.
    fn timers(&self, limit: usize) -> StoreFuture<'_, Vec<TimerRow>>;

    /// Sets a timer for every conversation that is with people, where there is no earlier one; answers how many.
    fn set_timers(&self, at: Timestamp) -> StoreFuture<'_, u64>;

    /// Whether what is committed reaches the disk: nothing is tried while the last commit did, and one that changes nothing after
    /// a commit that did not.
    fn writable(&self) -> StoreFuture<'_, ()>;

    /// Deletes one batch of what is older than the limits say. Call again while [`Purged::more`].
    fn purge(&self, now: Timestamp, limits: PurgeLimits) -> StoreFuture<'_, Purged>;
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Happens when somebody else changed the conversation between reading and committing.
    #[error("the conversation was changed meanwhile; read it again and decide anew")]
    Conflict,
    /// Happens when the message had been committed before.
    #[error("the message was handled before; answer with what is kept of it")]
    Duplicate,
    /// Happens when the disk is full or fails, or another program holds the database for too long. Nothing was written.
    #[error(
        "the store cannot be written or read ({0}); nothing was changed: look at free disk space and permissions, then try again"
    )]
    Unavailable(String),
    /// Happens after the store was closed.
    #[error("the store is closed; start the program again")]
    Closed,
    /// Happens when a commit does not fit together, such as an event without its conversation: a mistake in this program.
    #[error("the store was asked for something impossible ({0}); please report this as a bug")]
    Impossible(String),
    /// Happens when a row cannot be read back.
    #[error(
        "the database has a value that makes no sense ({0}); restore it from a backup, or mend the row with the sqlite3 shell"
    )]
    Damaged(String),
    /// Happens when the file itself is broken: pages that no longer fit together, or something else in its place.
    #[error(
        "the database is damaged ({0}); stop nightdesk, save what can be read with `nightdesk rescue`, or restore a backup"
    )]
    Corrupt(String),
    /// Happens when a command looks for a store that no daemon has made yet.
    #[error("there is no database at {}; start `nightdesk serve` once, or name its folder with --data", .0.display())]
    Missing(PathBuf),
    /// Happens when a second daemon is started on the same folder.
    #[error("another nightdesk is running on {}; stop it, or give this one a folder of its own with --data", .0.display())]
    InUse(PathBuf),
    /// Happens when the folder cannot be made or its lock file cannot be opened.
    #[error("cannot use the folder {} ({reason}); check that it exists and that this user may write to it", .path.display())]
    Folder {
        /// The data folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Happens when the database was written by a newer version of this program.
    #[error(
        "the database has format {found}, this version knows up to {known}; use the newer nightdesk that wrote it, or restore an older backup"
    )]
    Newer {
        /// Format of the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Happens when a command meets a database of an older version: only the daemon migrates.
    #[error(
        "the database has format {found}, this version needs {known}; start `nightdesk serve` once, it migrates the file"
    )]
    Older {
        /// Format of the file.
        found: i64,
        /// What this program needs.
        known: i64,
    },
}
