//! The embedded store: one `SQLite` file, written by one thread and read by a few.
//!
//! A person, and the `queue` command, may open the file while the daemon runs. Refuses a second daemon on
//! the same folder.

mod backup;
mod columns;
mod commit;
mod customers;
mod forced;
mod health;
mod kept;
mod outbox;
mod reader;
mod readers;
mod report;
mod rescue;
mod schema;
mod surveys;
#[cfg(test)]
mod tests;
mod timers;
mod wordings;
mod writer;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::ErrorCode;

use self::columns::millis;
use self::health::Health;
use self::readers::Readers;
pub use self::rescue::{Rescued, rescue};
use self::writer::Writer;
use super::{
    AttemptRow, CaseRow, Commit, ConversationFilter, ConversationRow, DecisionFilter, DecisionRow, DeliveryFilter,
    EndpointRow, EndpointStats, Erased, EventRow, ForcedRow, HandoffFilter, HandoffRow, HitPage, KeptRow, OutboxRow,
    PurgeLimits, Purged, QueueStats, SeenKey, SeenRow, Selection, Store, StoreError, StoreFuture, SurveyFilter,
    SurveyRow, TalkRow, TallyRow, TimerRow, UnmatchedRow, WordingRow,
};

/// Name of the database within the data folder.
pub const DATABASE: &str = "nightdesk.db";
/// Name of the file that the daemon locks within the data folder.
pub const LOCK: &str = "nightdesk.lock";
/// How long a start waits for the lock: the program before it may be ending, or a child of it that has not begun yet may hold the
/// lock for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// Deliveries changed in one transaction when a person means many, so that messages need not wait for all of them.
const AT_ONCE: usize = 500;

/// The embedded store. Dropping it waits until all that was asked for is written.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they are to end; the lock goes last.
    readers: Readers,
    writer: Writer,
    health: Arc<Health>,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the store of a daemon: makes the folder if it is missing (readable by this user only), locks it,
    /// and brings the tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Folder`], [`StoreError::InUse`] if another daemon has it, [`StoreError::Newer`] if a newer
    /// version wrote it, [`StoreError::Unavailable`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let file = folder.join(DATABASE);
        whole(&file)?;
        private(&file).map_err(|error| StoreError::Folder { path: file.clone(), reason: error.to_string() })?;
        let open = || {
            schema::migrate(&schema::open_writer(&file)?)?;
            Self::start(&file, Some(lock))
        };
        open().map_err(|error| about(&file, error))
    }

    /// Opens the store beside a running daemon, or without one, for a command: nothing is made, locked or migrated.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none, [`StoreError::Newer`] or [`StoreError::Older`] if its tables are not
    /// those of this version, [`StoreError::Unavailable`].
    pub fn open_beside(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join(DATABASE);
        if !file.is_file() {
            return Err(StoreError::Missing(file));
        }
        whole(&file)?;
        let version = schema::open_reader(&file).and_then(|db| schema::version(&db));
        let found = version.map_err(|error| about(&file, error))?;
        let known = schema::known();
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(StoreError::Older { found, known }),
            std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known }),
            std::cmp::Ordering::Equal => Self::start(&file, None).map_err(|error| about(&file, error)),
        }
    }

    /// Ids of a customer's conversations, the oldest first: on one channel, or on all of them. Looks at every conversation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn of_customer(&self, customer: &str, channel: Option<&str>) -> Result<Vec<String>, StoreError> {
        let (customer, channel) = (customer.to_owned(), channel.map(str::to_owned));
        self.readers.run(move |db| customers::conversations(db, &customer, channel.as_deref())).await
    }

    /// Deletes all that is kept of conversations, also what was not delivered yet, in one transaction. What reports count stays,
    /// under names that tell nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one is with people and `open` is false, [`StoreError::Unavailable`]; nothing was deleted then.
    pub async fn erase(&self, conversations: Vec<String>, open: bool, now: Timestamp) -> Result<Erased, StoreError> {
        self.writer.run(move |db| customers::erase(db, &conversations, open, now)).await
    }

    /// All that is kept of what was and is to be delivered about a conversation, the oldest first. Looks at every delivery.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deliveries_of(&self, conversation: &str) -> Result<Vec<OutboxRow>, StoreError> {
        let conversation = conversation.to_owned();
        self.readers.run(move |db| outbox::of_conversation(db, &conversation)).await
    }

    /// Writes the log of a folder's database into the database and empties it; false if somebody reads or writes meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn empty_log(folder: &Path) -> Result<bool, StoreError> {
        let db = schema::open_writer(&folder.join(DATABASE))?;
        let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    /// Copies the database of a folder into a new file, as it is at one instant, while a daemon writes; answers its bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no database, [`StoreError::Folder`] if the file exists or cannot be made,
    /// [`StoreError::Damaged`] if the copy is not sound.
    pub fn back_up(folder: &Path, to: &Path) -> Result<u64, StoreError> {
        backup::back_up(&folder.join(DATABASE), to)
    }

    fn start(file: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let health = Arc::new(Health::new(file));
        let writer = Writer::start(schema::open_writer(file)?, schema::open_writer(file)?, Arc::clone(&health))?;
        Ok(Self { readers: Readers::open(file, Arc::clone(&health))?, writer, health, _lock: lock })
    }

    async fn change(
        &self,
        which: Selection,
        change: fn(&rusqlite::Connection, &[i64], i64) -> Result<u64, StoreError>,
        now: i64,
    ) -> Result<u64, StoreError> {
        let ids = self.readers.run(move |db| outbox::selected(db, which)).await?;
        let mut count = 0;
        for some in ids.chunks(AT_ONCE) {
            let some = some.to_vec();
            count += self.writer.run(move |db| change(db, &some, now)).await?;
        }
        Ok(count)
    }
}

/// Names the file in an error that is about it.
fn about(file: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt(reason) => StoreError::Corrupt(format!("{}: {reason}", file.display())),
        StoreError::Unavailable(reason) => StoreError::Unavailable(format!("{}: {reason}", file.display())),
        other => other,
    }
}

/// Refuses an empty file beside a log that is not: SQLite would take it for a new database and delete the log.
fn whole(file: &Path) -> Result<(), StoreError> {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if file.is_file() && length(file) == 0 && length(Path::new(&log)) > 0 {
        let reason = format!("{} is empty, but its log {} is not", file.display(), Path::new(&log).display());
        return Err(StoreError::Corrupt(reason));
    }
    Ok(())
}

/// Makes the file if it is missing, readable by this user only. What the database puts beside it has the same rights. A file that is
/// there keeps its own: whoever gave others a right to read it meant it.
fn private(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Makes a file that only this user may read, where nothing is yet, not even a link.
fn new_private(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Makes the folder and takes its lock, which the system releases however the process ends.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let unusable = |error: std::io::Error| StoreError::Folder { path: folder.to_owned(), reason: error.to_string() };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(unusable)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(unusable)?;
    let patience = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => std::thread::sleep(LOCK_WAIT / 20),
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let text = error.to_string();
        match error {
            E::SqliteFailure(cause, _) => match cause.code {
                ErrorCode::ConstraintViolation => Self::Impossible(text),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
                _ => Self::Unavailable(text),
            },
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::Damaged(text),
            _ => Self::Unavailable(text),
        }
    }
}

impl Store for SqliteStore {
    fn surveys(&self, filter: SurveyFilter) -> StoreFuture<'_, Vec<SurveyRow>> {
        Box::pin(self.readers.run(move |db| surveys::asked(db, &filter)))
    }

    fn writable(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            self.health.check()?;
            if self.writer.is_failing() {
                self.writer.run(schema::touch).await?;
            }
            Ok(())
        })
    }

    fn conversation(&self, id: &str) -> StoreFuture<'_, Option<ConversationRow>> {
        let id = id.to_owned();
        Box::pin(self.readers.run(move |db| reader::conversation(db, &id)))
    }

    fn conversation_by_thread(&self, channel: &str, thread: &str) -> StoreFuture<'_, Option<ConversationRow>> {
        let (channel, thread) = (channel.to_owned(), thread.to_owned());
        Box::pin(self.readers.run(move |db| reader::conversation_by_thread(db, &channel, &thread)))
    }

    fn seen(&self, key: &SeenKey) -> StoreFuture<'_, Option<SeenRow>> {
        let key = key.clone();
        Box::pin(self.readers.run(move |db| reader::seen(db, &key)))
    }

    fn ids_of_sender(&self, key: &SeenKey, limit: usize) -> StoreFuture<'_, Vec<String>> {
        let key = key.clone();
        Box::pin(self.readers.run(move |db| reader::ids_of_sender(db, &key, limit)))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, ()> {
        Box::pin(self.writer.run(move |db| commit::commit(db, &commit)))
    }

    fn events_after(&self, conversation: &str, seq: u64, limit: usize) -> StoreFuture<'_, Vec<EventRow>> {
        let id = conversation.to_owned();
        Box::pin(self.readers.run(move |db| reader::events_after(db, &id, seq, limit)))
    }

    fn events_before(&self, conversation: &str, before_seq: u64, limit: usize) -> StoreFuture<'_, Vec<EventRow>> {
        let id = conversation.to_owned();
        Box::pin(self.readers.run(move |db| reader::events_before(db, &id, before_seq, limit)))
    }

    fn due(&self, endpoint: &str, now: Timestamp, limit: usize) -> StoreFuture<'_, Vec<OutboxRow>> {
        let endpoint = endpoint.to_owned();
        Box::pin(self.readers.run(move |db| outbox::due(db, &endpoint, millis(now), limit)))
    }

    fn waiting(&self, endpoint: &str, now: Timestamp, limit: usize) -> StoreFuture<'_, Vec<OutboxRow>> {
        let endpoint = endpoint.to_owned();
        Box::pin(self.readers.run(move |db| outbox::waiting(db, &endpoint, millis(now), limit)))
    }

    fn next_due(&self, endpoint: &str, now: Timestamp) -> StoreFuture<'_, Option<Timestamp>> {
        let endpoint = endpoint.to_owned();
        Box::pin(self.readers.run(move |db| outbox::next_due(db, &endpoint, millis(now))))
    }

    fn record_attempts(&self, attempts: Vec<AttemptRow>) -> StoreFuture<'_, ()> {
        Box::pin(self.writer.run(move |db| attempts.iter().try_for_each(|attempt| outbox::record(db, attempt))))
    }

    fn endpoint(&self, name: &str) -> StoreFuture<'_, Option<EndpointRow>> {
        let name = name.to_owned();
        Box::pin(self.readers.run(move |db| outbox::endpoint(db, &name)))
    }

    fn stop_endpoint(&self, name: &str, url_hash: &str, reason: &str, at: Timestamp) -> StoreFuture<'_, ()> {
        let (name, url_hash, reason) = (name.to_owned(), url_hash.to_owned(), reason.to_owned());
        Box::pin(self.writer.run(move |db| outbox::stop(db, &name, &url_hash, &reason, millis(at))))
    }

    fn resume_endpoint(&self, name: &str) -> StoreFuture<'_, bool> {
        let name = name.to_owned();
        Box::pin(self.writer.run(move |db| outbox::resume(db, &name)))
    }

    fn handoffs(&self, filter: HandoffFilter) -> StoreFuture<'_, Vec<HandoffRow>> {
        Box::pin(self.readers.run(move |db| reader::handoffs(db, &filter)))
    }

    fn handoff(&self, id: &str) -> StoreFuture<'_, Option<HandoffRow>> {
        let id = id.to_owned();
        Box::pin(self.readers.run(move |db| reader::handoff(db, &id)))
    }

    fn conversations(&self, filter: ConversationFilter) -> StoreFuture<'_, Vec<ConversationRow>> {
        Box::pin(self.readers.run(move |db| reader::conversations(db, &filter)))
    }

    fn looking(&self) -> StoreFuture<'_, Vec<ConversationRow>> {
        Box::pin(self.readers.run(reader::looking))
    }

    fn deliveries(&self, filter: DeliveryFilter) -> StoreFuture<'_, Vec<OutboxRow>> {
        Box::pin(self.readers.run(move |db| outbox::deliveries(db, &filter)))
    }

    fn delivery(&self, id: i64) -> StoreFuture<'_, Option<OutboxRow>> {
        Box::pin(self.readers.run(move |db| outbox::delivery(db, id)))
    }

    fn retry(&self, which: Selection, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.change(which, outbox::retry, millis(now)))
    }

    fn drop_deliveries(&self, which: Selection, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.change(which, outbox::drop_all, millis(now)))
    }

    fn outbox_stats(&self) -> StoreFuture<'_, Vec<EndpointStats>> {
        Box::pin(self.readers.run(outbox::stats))
    }

    fn queue_stats(&self) -> StoreFuture<'_, Vec<QueueStats>> {
        Box::pin(self.readers.run(reader::queue_stats))
    }

    fn decisions(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<(i64, DecisionRow)>> {
        Box::pin(self.readers.run(move |db| reader::decisions(db, &filter)))
    }

    fn unmatched(&self, since: Timestamp, limit: usize) -> StoreFuture<'_, Vec<UnmatchedRow>> {
        Box::pin(self.readers.run(move |db| reader::unmatched(db, since, limit)))
    }

    fn tallies(&self, filter: DecisionFilter, look_up: &[String]) -> StoreFuture<'_, Vec<TallyRow>> {
        let look_up = look_up.to_vec();
        Box::pin(
            self.readers.run(move |db| report::with_cache(db, filter.limit, || report::tallies(db, &filter, &look_up))),
        )
    }

    fn hits(&self, filter: DecisionFilter, look_up: &[String]) -> StoreFuture<'_, HitPage> {
        let look_up = look_up.to_vec();
        Box::pin(self.readers.run(move |db| report::hits(db, &filter, &look_up)))
    }

    fn cases(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<CaseRow>> {
        Box::pin(self.readers.run(move |db| report::with_cache(db, filter.limit, || report::cases(db, &filter))))
    }

    fn talks(&self, since: Timestamp, after: i64, limit: usize, product: &str) -> StoreFuture<'_, Vec<TalkRow>> {
        let product = product.to_owned();
        Box::pin(
            self.readers
                .run(move |db| report::with_cache(db, limit, || report::talks(db, since, after, limit, &product))),
        )
    }

    fn wordings(&self, filter: DecisionFilter) -> StoreFuture<'_, Vec<(i64, WordingRow)>> {
        Box::pin(self.readers.run(move |db| wordings::between(db, &filter)))
    }

    fn forced_hours(&self, after: Timestamp) -> StoreFuture<'_, Vec<ForcedRow>> {
        Box::pin(self.readers.run(move |db| forced::read(db, after)))
    }

    fn force_hours(&self, row: ForcedRow, forgotten: Timestamp) -> StoreFuture<'_, ()> {
        Box::pin(self.writer.run(move |db| forced::put(db, &row, forgotten)))
    }

    fn release_hours(&self, schedule: &str, at: Timestamp) -> StoreFuture<'_, bool> {
        let schedule = schedule.to_owned();
        Box::pin(self.writer.run(move |db| forced::end(db, &schedule, at)))
    }

    fn kept(&self, place: &str, key: &str, now: Timestamp) -> StoreFuture<'_, Option<String>> {
        let (place, key) = (place.to_owned(), key.to_owned());
        Box::pin(self.readers.run(move |db| kept::one(db, &place, &key, now)))
    }

    fn kept_all(&self, place: &str, prefix: &str) -> StoreFuture<'_, Vec<KeptRow>> {
        let (place, prefix) = (place.to_owned(), prefix.to_owned());
        Box::pin(self.readers.run(move |db| kept::all(db, &place, &prefix)))
    }

    fn keep(&self, rows: Vec<KeptRow>) -> StoreFuture<'_, ()> {
        Box::pin(self.writer.run(move |db| kept::put(db, &rows)))
    }

    fn forget(&self, place: &str, key: &str) -> StoreFuture<'_, bool> {
        let (place, key) = (place.to_owned(), key.to_owned());
        Box::pin(self.writer.run(move |db| kept::remove(db, &place, &key)))
    }

    fn timers(&self, limit: usize) -> StoreFuture<'_, Vec<TimerRow>> {
        Box::pin(self.readers.run(move |db| timers::earliest(db, limit)))
    }

    fn set_timers(&self, at: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.writer.run(move |db| timers::set_all(db, at)))
    }

    fn purge(&self, now: Timestamp, limits: PurgeLimits) -> StoreFuture<'_, Purged> {
        Box::pin(self.writer.run(move |db| commit::purge(db, now, &limits)))
    }
}
