//! The worker of a receiver that is a program: several posts at a time, but never two of one conversation.
//!
//! Attempts that ended are written down together, in one commit after the other: while the disk syncs some, the next are sent.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::record::Ended;
use super::{GRACE, POLL, Shared, Worker};
use crate::handoff::attempt;
use crate::handoff::endpoint::Endpoint;
use crate::store::OutboxRow;

/// Rows taken from the store at a time, besides those under way.
const BATCH: usize = 256;
/// Attempts that ended and are not written down yet.
const UNRECORDED: usize = 128;
/// For how long rows once read may be sent without looking again whether a person dropped them.
const FRESH: Duration = Duration::from_secs(1);

impl Worker {
    /// Posts until the worker is to stop.
    pub(super) async fn post(&mut self) {
        let mut flights = Flights::of(self);
        let mut ready = Ready::default();
        // Whether the outbox may hold something new; whether a stopped endpoint may have moved.
        let (mut look, mut moved) = (true, true);
        loop {
            // What came while something else was waited for counts too.
            moved |= self.settings.has_changed().unwrap_or(false);
            let endpoint = Arc::clone(&self.settings.borrow_and_update());
            if moved {
                moved = self.resume_if_moved(&endpoint).await.is_err();
            }
            let mut pause = POLL;
            while flights.has_place(&endpoint) && !self.stop.is_cancelled() {
                if let Some(row) = ready.take() {
                    flights.start(&endpoint, row);
                } else if !std::mem::take(&mut look) {
                    break;
                } else {
                    let now = self.shared.clock.now();
                    look = self.fill(&mut ready, &flights, &endpoint.name, now).await;
                    if !look {
                        pause = self.pause(&endpoint.name, now).await;
                    }
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(step) = flights.next() => match step {
                    // There is a place again, and nothing new in the outbox.
                    Step::Posted => continue,
                    Step::Written { gone } => if gone {
                        ready.clear();
                        moved = true;
                    }
                },
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    moved = true;
                }
                () = self.bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            look = true;
        }
        // Dropping the flights ends what did not end by itself.
        let _ = tokio::time::timeout(GRACE, async { while flights.next().await.is_some() {} }).await;
    }

    /// Reads rows that are due and not under way; false if there is none.
    async fn fill(&self, ready: &mut Ready, flights: &Flights, endpoint: &str, now: Timestamp) -> bool {
        match self.shared.store.due(endpoint, now, flights.under_way.len() + BATCH).await {
            Ok(rows) => {
                let busy: HashSet<&String> = flights.under_way.values().collect();
                ready.put(rows.into_iter().filter(|row| !busy.contains(&row.conversation)).collect());
            }
            Err(error) => tracing::warn!(endpoint, %error, "The outbox cannot be read; it will be tried again."),
        }
        !ready.rows.is_empty()
    }
}

/// Rows that were read and wait for a place.
#[derive(Default)]
struct Ready {
    rows: VecDeque<OutboxRow>,
    read_at: Option<Instant>,
}

impl Ready {
    fn put(&mut self, rows: VecDeque<OutboxRow>) {
        self.rows = rows;
        self.read_at = Some(Instant::now());
    }

    fn take(&mut self) -> Option<OutboxRow> {
        if self.read_at.is_none_or(|at| at.elapsed() > FRESH) {
            self.clear();
        }
        self.rows.pop_front()
    }

    fn clear(&mut self) {
        self.rows.clear();
    }
}

/// Attempts under way, until they are written down.
struct Flights {
    shared: Arc<Shared>,
    stop: CancellationToken,
    /// Requests that wait for their answer.
    posts: JoinSet<Ended>,
    /// The row of each of them.
    rows: HashMap<Id, i64>,
    /// Ended, and not being written down yet.
    ended: Vec<Ended>,
    /// The one commit that is being made of others; whether one of them stopped the endpoint.
    writing: JoinSet<bool>,
    /// The rows in it.
    written: Vec<i64>,
    /// By row, the conversation.
    under_way: HashMap<i64, String>,
}

/// Something that happened to flights.
enum Step {
    /// Some ended.
    Posted,
    /// Some are written down.
    Written {
        /// One of them stopped the endpoint.
        gone: bool,
    },
}

impl Flights {
    fn of(worker: &Worker) -> Self {
        Self {
            shared: Arc::clone(&worker.shared),
            stop: worker.stop.clone(),
            posts: JoinSet::new(),
            rows: HashMap::new(),
            ended: Vec::new(),
            writing: JoinSet::new(),
            written: Vec::new(),
            under_way: HashMap::new(),
        }
    }

    fn has_place(&self, endpoint: &Endpoint) -> bool {
        let most = endpoint.concurrency.max(1);
        self.posts.len() < most && self.under_way.len() < most.saturating_add(UNRECORDED)
    }

    fn start(&mut self, endpoint: &Arc<Endpoint>, row: OutboxRow) {
        let (id, conversation) = (row.id, row.conversation.clone());
        let (shared, endpoint) = (Arc::clone(&self.shared), Arc::clone(endpoint));
        let task = self.posts.spawn(async move { shared.attempt(endpoint, row).await });
        self.rows.insert(task.id(), id);
        self.under_way.insert(id, conversation);
    }

    /// Waits until something happened to them; none if there are none. What was not waited for to the end happens again.
    async fn next(&mut self) -> Option<Step> {
        tokio::select! {
            Some(post) = self.posts.join_next_with_id() => {
                self.end(post);
                while let Some(post) = self.posts.try_join_next_with_id() {
                    self.end(post);
                }
                self.write();
                Some(Step::Posted)
            }
            Some(written) = self.writing.join_next() => {
                for row in self.written.drain(..) {
                    self.under_way.remove(&row);
                }
                self.write();
                let gone = written.unwrap_or_else(|error| {
                    tracing::error!(%error, "Writing attempts down ended in an internal error; they will be made again.");
                    false
                });
                Some(Step::Written { gone })
            }
            else => None,
        }
    }

    fn end(&mut self, post: Result<(Id, Ended), JoinError>) {
        match post {
            Ok((id, ended)) => {
                self.rows.remove(&id);
                self.ended.push(ended);
            }
            Err(error) => {
                tracing::error!(%error, "A delivery ended in an internal error; it will be tried again.");
                if let Some(row) = self.rows.remove(&error.id()) {
                    self.under_way.remove(&row);
                }
            }
        }
    }

    /// Begins to write down what ended, unless others are being written down.
    fn write(&mut self) {
        if self.ended.is_empty() || !self.writing.is_empty() {
            return;
        }
        let ended = std::mem::take(&mut self.ended);
        self.written.extend(ended.iter().map(|ended| ended.row.id));
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        self.writing.spawn(async move {
            let written = shared.record(&ended, &stop).await;
            written.is_ok() && ended.iter().any(Ended::stops)
        });
    }
}

impl Shared {
    /// Makes one attempt.
    async fn attempt(&self, endpoint: Arc<Endpoint>, row: OutboxRow) -> Ended {
        let began = Instant::now();
        let answer = attempt::carry(&self.client, &*self.store, &endpoint, &row, self.clock.now()).await;
        let (seconds, at) = (began.elapsed().as_secs_f64(), self.clock.now());
        let result = attempt::judge(answer, &endpoint, &row, at);
        Ended { endpoint, row, at, result, seconds }
    }
}
