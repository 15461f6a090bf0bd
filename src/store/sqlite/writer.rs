//! The one thread that writes, with group commit.
//!
//! Whatever waits goes into one transaction, each job in a savepoint of its own, so that a job that fails
//! takes nothing with it; nobody is answered before the `COMMIT` is on the disk. An idle writer starts at
//! once: under load the next batch gathers while the disk syncs the last one.
//!
//! Checkpoints: a second thread copies the log into the database while the writer goes on. The log can
//! only start over at an instant when all of it is copied, which under load never comes by itself; so when it is long
//! the writer copies the short rest between two batches. Where the disk copies more slowly than it takes what is
//! written, the writer waits for it, so that the log does not fill the disk.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

use super::health::Health;
use crate::store::StoreError;

/// Jobs that may wait; beyond it callers wait for a place.
const QUEUE: usize = 1024;
/// Jobs in one transaction.
const BATCH: usize = 512;
/// How long a caller waits for a place among those. A disk that is so slow will not catch up by more waiting.
const PATIENCE: Duration = Duration::from_secs(5);
/// Changed rows between two checkpoints. Few: while the disk syncs what one copied, commits wait, and with them customers.
const CHECKPOINT_AFTER: u64 = 250;
/// Pages that were copied, some thirty megabytes, after which the log starts over.
const START_OVER: u32 = 8_000;
/// Pages of the log, some hundred megabytes, that the writer does not pass.
const LONGEST: u32 = 3 * START_OVER;

/// Something to do in a transaction.
trait Job: Send {
    /// Does it, and keeps what came out.
    fn run(&mut self, db: &Connection) -> Result<(), StoreError>;
    /// Tells the caller, once the outcome of the whole transaction is known.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Task<F, T> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(db)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        // A caller that went away has no use for the answer.
        let _ = reply.send(outcome.and_then(|()| value.ok_or(StoreError::Closed)));
    }
}

/// The handle of the writing thread. Dropping it writes what waits and ends the thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    failing: Arc<AtomicBool>,
    health: Arc<Health>,
}

impl Writer {
    /// Starts the thread on a connection, and another for checkpoints on the second one.
    pub(super) fn start(mut db: Connection, checkpoints: Connection, health: Arc<Health>) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let no_thread = |error: std::io::Error| StoreError::Unavailable(format!("no thread: {error}"));
        let checkpointer = Checkpointer::start(&mut db, checkpoints, no_thread)?;
        let failing = Arc::new(AtomicBool::new(false));
        let (state, known) = (Arc::clone(&failing), Arc::clone(&health));
        let thread = Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_all(&db, inbox, checkpointer, &state, &known))
            .map_err(no_thread)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), failing, health })
    }

    /// Runs `work` within a transaction and answers once it is on the disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.health.check()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), value: None, reply });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        match jobs.send_timeout(job, PATIENCE).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return Err(StoreError::Closed),
            Err(SendTimeoutError::Timeout(_)) => {
                // The next transaction that ends well takes it back.
                self.failing.store(true, Ordering::Relaxed);
                return Err(StoreError::Unavailable("the disk is too slow for what waits to be written".to_owned()));
            }
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Whether the disk refused the last transaction.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The store's writing thread had failed.");
        }
    }
}

fn write_all(
    db: &Connection,
    mut inbox: mpsc::Receiver<Box<dyn Job>>,
    mut checkpointer: Checkpointer,
    failing: &AtomicBool,
    health: &Health,
) {
    let mut jobs = Vec::with_capacity(BATCH);
    while inbox.blocking_recv_many(&mut jobs, BATCH) > 0 {
        // What came before the damage was met is refused too.
        if let Err(error) = health.check() {
            for job in jobs.drain(..) {
                job.answer(Err(error.clone()));
            }
            continue;
        }
        commit_together(db, &mut jobs, failing, health);
        checkpointer.after_batch(db);
    }
}

/// Runs the jobs in one transaction, then answers and removes all of them. `failing` is kept true to what came of it.
fn commit_together(db: &Connection, jobs: &mut Vec<Box<dyn Job>>, failing: &AtomicBool, health: &Health) {
    let outcomes = attempt(db, jobs, health);
    if outcomes.is_err() && !db.is_autocommit() {
        // If even this fails, the next BEGIN says so.
        let _ = execute(db, "ROLLBACK");
    }
    let refused =
        |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::Unavailable(_) | StoreError::Corrupt(_)));
    match &outcomes {
        Ok(all) if all.iter().any(refused) => failing.store(true, Ordering::Relaxed),
        Ok(all) if all.iter().any(Result::is_ok) => failing.store(false, Ordering::Relaxed),
        // Jobs that did not fit say nothing about the disk.
        Ok(_) => {}
        Err(_) => failing.store(true, Ordering::Relaxed),
    }
    match outcomes {
        Ok(outcomes) => {
            for (job, outcome) in jobs.drain(..).zip(outcomes) {
                job.answer(outcome);
            }
        }
        Err(error) => {
            tracing::error!(%error, jobs = jobs.len(), "The store could not commit.");
            for job in jobs.drain(..) {
                job.answer(Err(error.clone()));
            }
        }
    }
}

/// One outcome a job, or the error that undid them all.
fn attempt(
    db: &Connection,
    jobs: &mut [Box<dyn Job>],
    health: &Health,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    health.note(execute(db, "BEGIN IMMEDIATE"))?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        execute(db, "SAVEPOINT job")?;
        let outcome = health.note(job.run(db));
        if let Err(error) = &outcome {
            // Of a broken file nothing of this is kept, whoever asked for it.
            health.check()?;
            // On a full disk and the like SQLite may have rolled back the whole transaction by itself.
            if db.is_autocommit() {
                return Err(error.clone());
            }
            execute(db, "ROLLBACK TO job")?;
        }
        execute(db, "RELEASE job")?;
        outcomes.push(outcome);
    }
    // Whatever a commit fails of, the callers' rows are not there: to them that is "unavailable".
    health.note(execute(db, "COMMIT")).map_err(|error| match error {
        StoreError::Damaged(text) | StoreError::Corrupt(text) | StoreError::Impossible(text) => {
            StoreError::Unavailable(text)
        }
        other => other,
    })?;
    Ok(outcomes)
}

fn execute(db: &Connection, sql: &str) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// The writer's side of the checkpoint thread.
struct Checkpointer {
    nudge: Option<std_mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    nudged_at: u64,
    /// Pages of the log at which the writer waits.
    longest: u32,
}

/// What the two threads know of the log.
#[derive(Default)]
struct Shared {
    /// Pages of it after the last commit.
    pages: AtomicU32,
    /// So much is copied that the rest is worth a pause.
    ripe: AtomicBool,
    /// Held while a checkpoint runs: SQLite refuses a second one instead of waiting.
    running: Mutex<()>,
}

impl Checkpointer {
    fn start(
        writer: &mut Connection,
        db: Connection,
        no_thread: impl Fn(std::io::Error) -> StoreError,
    ) -> Result<Self, StoreError> {
        let (nudge, nudges) = std_mpsc::sync_channel::<()>(1);
        let shared = Arc::new(Shared::default());
        let (theirs, counted) = (Arc::clone(&shared), Arc::clone(&shared));
        writer.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            counted.pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        let copy = move || {
            while nudges.recv().is_ok() {
                theirs.ripe.store(checkpoint(&db, &theirs.running) >= START_OVER, Ordering::Release);
            }
        };
        let thread = Builder::new().name("store-checkpoint".to_owned()).spawn(copy).map_err(no_thread)?;
        Ok(Self { nudge: Some(nudge), thread: Some(thread), shared, nudged_at: 0, longest: LONGEST })
    }

    fn after_batch(&mut self, db: &Connection) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        let ripe = self.shared.ripe.swap(false, Ordering::Acquire);
        if ripe || pages >= self.longest {
            checkpoint(db, &self.shared.running);
            // A long read holds the log: then more waiting helps only once there is more to copy.
            self.longest = LONGEST.max(pages.saturating_add(START_OVER));
        } else if pages < START_OVER {
            self.longest = LONGEST;
        }
        let changes = db.total_changes();
        if changes.saturating_sub(self.nudged_at) >= CHECKPOINT_AFTER {
            self.nudged_at = changes;
            if let Some(nudge) = &self.nudge {
                // Full: one is on its way already.
                let _ = nudge.try_send(());
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.nudge = None;
        if let Some(thread) = self.thread.take() {
            // It ran SQLite only; what it left undone the next checkpoint does.
            let _ = thread.join();
        }
    }
}

/// Copies what it can of the log without waiting for readers; the pages of it that are copied by now.
fn checkpoint(db: &Connection, running: &Mutex<()>) -> u32 {
    let _alone = running.lock().unwrap_or_else(PoisonError::into_inner);
    let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2)).unwrap_or_else(|error| {
        tracing::warn!(%error, "The store's log could not be copied into the database; it will be tried again.");
        0_i64
    });
    u32::try_from(copied).unwrap_or(0)
}
