//! The threads that read, each with a connection of its own.
//!
//! Reading never waits for writing: each query sees the last commit. A query that waits is taken by the first thread that is free,
//! whatever the tasks of the daemon do meanwhile; were it a task that takes a free connection, then under full load the connection
//! would lie idle until that task has its turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::{mpsc, oneshot};

use super::health::Health;
use super::schema;
use crate::store::StoreError;

/// Threads, and so queries at a time.
const THREADS: usize = 4;
/// Queries that may wait; beyond it callers wait for a place.
const QUEUE: usize = 1024;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The handles of the reading threads. Dropping it breaks off what is read and ends them.
pub(super) struct Readers {
    queries: Option<mpsc::Sender<Query>>,
    threads: Vec<(InterruptHandle, JoinHandle<()>)>,
    health: Arc<Health>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readers")
    }
}

impl Readers {
    /// Opens the connections; the file must exist and have its tables.
    pub(super) fn open(file: &Path, health: Arc<Health>) -> Result<Self, StoreError> {
        let (queries, inbox) = mpsc::channel::<Query>(QUEUE);
        let inbox = Arc::new(Mutex::new(inbox));
        let mut readers = Self { queries: Some(queries), threads: Vec::with_capacity(THREADS), health };
        for _ in 0..THREADS {
            let (db, inbox) = (schema::open_reader(file)?, Arc::clone(&inbox));
            let stop = db.get_interrupt_handle();
            let thread = Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || read_all(&db, &inbox))
                .map_err(|error| StoreError::Unavailable(format!("no thread: {error}")))?;
            readers.threads.push((stop, thread));
        }
        Ok(readers)
    }

    /// Runs a query.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let query = Box::new(move |db: &Connection| {
            // Who went away has no use for the answer.
            if !reply.is_closed() {
                let _ = reply.send(query(db));
            }
        });
        let queries = self.queries.as_ref().ok_or(StoreError::Closed)?;
        queries.send(query).await.map_err(|_| StoreError::Closed)?;
        let outcome = answer.await.map_err(|_| StoreError::Unavailable("a query did not end".to_owned()))?;
        self.health.note(outcome)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queries = None;
        for (stop, thread) in self.threads.drain(..) {
            stop.interrupt();
            // What a query's panic was has been told.
            let _ = thread.join();
        }
    }
}

fn read_all(db: &Connection, inbox: &Mutex<mpsc::Receiver<Query>>) {
    loop {
        // The lock is held while waiting: whoever has it takes the next one.
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(query) = next else { return };
        // A query that panics takes only its caller's answer with it.
        if catch_unwind(AssertUnwindSafe(|| query(db))).is_err() {
            tracing::error!("A query failed.");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn readers(folder: &Path) -> Readers {
        let file = folder.join("test.db");
        schema::migrate(&schema::open_writer(&file).unwrap()).unwrap();
        Readers::open(&file, Arc::new(Health::new(&file))).unwrap()
    }

    #[tokio::test]
    async fn a_query_that_panics_takes_only_its_own_answer_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(folder.path());
        for _ in 0..2 * THREADS {
            let outcome = readers.run(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        }
        assert_eq!(readers.run(|_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_end_breaks_off_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(folder.path());
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let query = readers.run(move |db| Ok(db.query_row(endless, [], |row| row.get::<_, i64>(0))?));
        assert!(tokio::time::timeout(Duration::from_millis(200), query).await.is_err());
        let end = tokio::task::spawn_blocking(move || drop(readers));
        tokio::time::timeout(Duration::from_secs(30), end).await.expect("it ends").unwrap();
    }
}
