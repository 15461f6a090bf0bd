//! The workers that empty the outbox: one for each endpoint, so that a dead one slows nothing else.
//!
//! A worker asks the store for rows that are due, posts several at a time but never two of one conversation, and
//! writes down what came of it. It looks when it is woken, when an attempt ended, when the next row is due, and at
//! least once a second, because other processes may change the outbox too. A row that was sent when the process
//! died is sent again, under the same id.

mod pace;
mod people;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt;
use super::endpoint::{Endpoint, masked_url, url_hash};
use crate::clock::Clock;
use crate::store::{AttemptResult, AttemptRow, OutboxRow, Store, StoreError};

/// The longest time without a look at the outbox, and before a store that refused is asked again.
const POLL: Duration = Duration::from_secs(1);
/// Rows taken from the store at a time, besides those under way.
const BATCH: usize = 256;
/// Attempts that ended and are not written down yet; while the disk syncs these, the next ones are sent.
const UNRECORDED: usize = 128;
/// For how long rows once read may be sent without looking again whether a person dropped them.
const FRESH: Duration = Duration::from_secs(1);
/// For attempts under way when the worker is to stop; what does not end by then is sent again after the next start.
const GRACE: Duration = Duration::from_secs(5);

/// Hears of every attempt, to count it. Called on the workers' threads: must not block.
pub trait DeliveryObserver: Send + Sync + 'static {
    /// An attempt ended: `delivered`, `retry`, `dead` or `gone`, after so many seconds.
    fn attempt(&self, endpoint: &str, outcome: &str, seconds: f64);
    /// A delivery was given up.
    fn dead(&self, endpoint: &str);
    /// An endpoint was stopped, because it says that it is gone.
    fn stopped(&self, endpoint: &str);
}

/// Why deliveries cannot be made at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Happens when the system's certificates cannot be read.
    #[error("no HTTP client can be made ({0}); check that the system's CA certificates are installed")]
    Client(String),
}

/// Runs a worker for each endpoint.
#[derive(Debug)]
pub struct Deliverer {
    shared: Arc<Shared>,
    workers: Mutex<HashMap<String, Handle>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    observer: Arc<dyn DeliveryObserver>,
    client: Client,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// What is kept of an endpoint, also after it was removed from the configuration.
#[derive(Debug)]
struct Handle {
    bell: Arc<Notify>,
    /// Held by the worker while it runs: one that comes back waits for the last attempts of the one before.
    turn: Arc<tokio::sync::Mutex<()>>,
    running: Option<(watch::Sender<Arc<Endpoint>>, CancellationToken)>,
}

impl Deliverer {
    /// A deliverer without endpoints. Its workers are spawned on `tracker` and end after `stop`, at most five
    /// seconds later.
    ///
    /// # Errors
    /// [`DeliveryError::Client`]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        observer: Arc<dyn DeliveryObserver>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, DeliveryError> {
        let client = attempt::client().map_err(|error| DeliveryError::Client(error.to_string()))?;
        let shared = Arc::new(Shared { store, clock, observer, client });
        Ok(Self { shared, workers: Mutex::default(), tracker, stop })
    }

    /// Replaces the endpoints: new ones start, changed ones take the new settings with their next attempt, those no
    /// longer named stop and their rows stay. Must be called within a Tokio runtime.
    pub fn update(&self, endpoints: Vec<Endpoint>) {
        let mut workers = self.workers();
        for (name, handle) in workers.iter_mut() {
            if !endpoints.iter().any(|endpoint| endpoint.name == *name)
                && let Some((_, stop)) = handle.running.take()
            {
                stop.cancel();
            }
        }
        for endpoint in endpoints {
            let handle = workers.entry(endpoint.name.clone()).or_insert_with(|| Handle {
                bell: Arc::default(),
                turn: Arc::default(),
                running: None,
            });
            let endpoint = Arc::new(endpoint);
            if let Some((settings, stop)) = &handle.running {
                if settings.borrow().format.is_for_people() == endpoint.format.is_for_people() {
                    settings.send_replace(endpoint);
                    continue;
                }
                // Programs and people have workers of different kinds; the new one waits for the old one's last attempts.
                stop.cancel();
            }
            let (sender, settings) = watch::channel(endpoint);
            let stop = self.stop.child_token();
            let worker = Worker {
                shared: Arc::clone(&self.shared),
                settings,
                bell: Arc::clone(&handle.bell),
                stop: stop.clone(),
            };
            self.tracker.spawn(watched(worker, Arc::clone(&handle.turn)));
            handle.running = Some((sender, stop));
        }
    }

    /// Tells an endpoint's worker that there is something new for it. Never blocks; unknown names are ignored.
    pub fn wake(&self, endpoint: &str) {
        if let Some(handle) = self.workers().get(endpoint) {
            handle.bell.notify_one();
        }
    }

    fn workers(&self) -> MutexGuard<'_, HashMap<String, Handle>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a worker until it ends by itself; should it fail inside, it is started again, and the log says so.
async fn watched(worker: Worker, turn: Arc<tokio::sync::Mutex<()>>) {
    loop {
        match tokio::spawn(worker.clone().run(Arc::clone(&turn))).await {
            Err(error) if error.is_panic() && !worker.stop.is_cancelled() => {
                let endpoint = worker.settings.borrow().name.clone();
                tracing::error!(endpoint, "A delivery worker failed and is started again.");
                tokio::time::sleep(POLL).await;
            }
            _ => return,
        }
    }
}

#[derive(Clone)]
struct Worker {
    shared: Arc<Shared>,
    settings: watch::Receiver<Arc<Endpoint>>,
    bell: Arc<Notify>,
    stop: CancellationToken,
}

impl Worker {
    async fn run(mut self, turn: Arc<tokio::sync::Mutex<()>>) {
        let Some(_turn) = self.stop.clone().run_until_cancelled(turn.lock()).await else { return };
        let for_people = self.settings.borrow().format.is_for_people();
        if for_people {
            return self.speak().await;
        }
        let mut flights = Flights::default();
        let posting = Arc::clone(&flights.posting);
        let mut ready = Ready::default();
        // Whether the outbox may hold something new; whether a stopped endpoint may have moved.
        let (mut look, mut moved) = (true, true);
        loop {
            let endpoint = Arc::clone(&self.settings.borrow_and_update());
            if moved {
                moved = self.resume_if_moved(&endpoint).await.is_err();
            }
            let mut pause = POLL;
            while flights.has_place(&endpoint) && !self.stop.is_cancelled() {
                if let Some(row) = ready.take() {
                    flights.start(&self, &endpoint, row);
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
                Some(gone) = flights.next() => {
                    if gone {
                        ready.clear();
                        moved = true;
                    }
                }
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    moved = true;
                }
                () = self.bell.notified() => {}
                () = posting.ended.notified() => continue,
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

    /// How long nothing more becomes due than at `now`, at most [`POLL`].
    async fn pause(&self, endpoint: &str, now: Timestamp) -> Duration {
        match self.shared.store.next_due(endpoint, now).await {
            Ok(Some(next)) => {
                Duration::try_from(next.duration_since(self.shared.clock.now())).unwrap_or_default().min(POLL)
            }
            Ok(None) | Err(_) => POLL,
        }
    }

    /// Starts a stopped endpoint again if it now has another URL than the one that was gone.
    async fn resume_if_moved(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let store = &self.shared.store;
        if let Some(row) = store.endpoint(&endpoint.name).await?
            && row.stopped_at.is_some()
            && row.url_hash != url_hash(&endpoint.url)
        {
            store.resume_endpoint(&endpoint.name).await?;
            tracing::info!(endpoint = endpoint.name, "The endpoint has a new URL; its deliveries go on.");
        }
        Ok(())
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

/// Attempts under way, until they are written down, each with its conversation.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<bool>,
    under_way: HashMap<Id, String>,
    posting: Arc<Posting>,
}

/// Requests that wait for their answer.
#[derive(Default)]
struct Posting {
    count: AtomicUsize,
    ended: Notify,
}

impl Posting {
    fn begin(self: &Arc<Self>) -> Request {
        self.count.fetch_add(1, Ordering::Relaxed);
        Request(Arc::clone(self))
    }
}

/// One of them, until it is dropped.
struct Request(Arc<Posting>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.notify_one();
    }
}

impl Flights {
    fn has_place(&self, endpoint: &Endpoint) -> bool {
        let most = endpoint.concurrency.max(1);
        self.posting.count.load(Ordering::Relaxed) < most && self.under_way.len() < most.saturating_add(UNRECORDED)
    }

    fn start(&mut self, worker: &Worker, endpoint: &Arc<Endpoint>, row: OutboxRow) {
        let conversation = row.conversation.clone();
        let (shared, endpoint, stop) = (Arc::clone(&worker.shared), Arc::clone(endpoint), worker.stop.clone());
        let request = self.posting.begin();
        let task = self.tasks.spawn(async move { shared.deliver(&endpoint, row, request, &stop).await });
        self.under_way.insert(task.id(), conversation);
    }

    /// Waits for the end of one; whether it stopped the endpoint. None if there is none.
    async fn next(&mut self) -> Option<bool> {
        let (id, gone) = match self.tasks.join_next_with_id().await? {
            Ok((id, gone)) => (id, gone),
            Err(error) => {
                tracing::error!(%error, "A delivery ended in an internal error; it will be tried again.");
                (error.id(), false)
            }
        };
        self.under_way.remove(&id);
        Some(gone)
    }
}

impl Shared {
    /// Makes one attempt and writes down what it came to; whether it stopped the endpoint.
    async fn deliver(&self, endpoint: &Endpoint, row: OutboxRow, request: Request, stop: &CancellationToken) -> bool {
        let began = Instant::now();
        let answer = attempt::carry(&self.client, &*self.store, endpoint, &row, self.clock.now()).await;
        drop(request);
        let seconds = began.elapsed().as_secs_f64();
        let at = self.clock.now();
        let result = attempt::judge(answer, endpoint, &row, at);
        if self.record(AttemptRow { id: row.id, at, result: result.clone() }, stop).await.is_err() {
            return false;
        }
        self.tell(endpoint, &row, &result, seconds);
        matches!(result, AttemptResult::EndpointGone { .. })
    }

    /// Records, however long the store refuses: a row that looks untried would be sent over and over.
    async fn record(&self, attempt: AttemptRow, stop: &CancellationToken) -> Result<(), StoreError> {
        loop {
            match self.store.record_attempt(attempt.clone()).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Closed) => return Err(StoreError::Closed),
                Err(error) => {
                    tracing::warn!(
                        delivery = attempt.id,
                        %error,
                        "An attempt cannot be written down; it will be tried again."
                    );
                    if stop.run_until_cancelled(tokio::time::sleep(POLL)).await.is_none() {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn tell(&self, endpoint: &Endpoint, row: &OutboxRow, result: &AttemptResult, seconds: f64) {
        let name = endpoint.name.as_str();
        let url = || masked_url(attempt::target(endpoint, row));
        let number = row.attempts.saturating_add(1);
        let (delivery, kind, conversation) = (row.id, &row.kind, &row.conversation);
        match result {
            AttemptResult::Delivered { status } => {
                self.observer.attempt(name, "delivered", seconds);
                tracing::debug!(
                    endpoint = name,
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    status,
                    seconds,
                    "Delivered."
                );
            }
            AttemptResult::Retry { at, error, .. } => {
                self.observer.attempt(name, "retry", seconds);
                let next: &Timestamp = at;
                tracing::info!(endpoint = name, url = url(), delivery, kind, conversation, attempt = number, error, %next, "Delivery failed; it will be tried again.");
            }
            AttemptResult::Dead { error, .. } => {
                self.observer.attempt(name, "dead", seconds);
                self.observer.dead(name);
                tracing::warn!(
                    endpoint = name,
                    url = url(),
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    error,
                    "Delivery given up; see `nightdesk queue`."
                );
            }
            AttemptResult::EndpointGone { error, .. } => {
                self.observer.attempt(name, "gone", seconds);
                self.observer.dead(name);
                self.observer.stopped(name);
                tracing::error!(
                    endpoint = name,
                    url = url(),
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    error,
                    "Endpoint stopped; change its URL or resume it with `nightdesk queue`."
                );
            }
        }
    }
}
