//! The workers that empty the outbox: one for each endpoint, so that a dead one slows nothing else.
//!
//! A worker asks the store for rows that are due, sends them (`post.rs` to programs, `people.rs` to people) and writes down
//! what came of it (`record.rs`). It looks when it is woken, when an attempt ended, when the next row is due, and at
//! least once a second, because other processes may change the outbox too. A row that was sent when the process
//! died is sent again, under the same id.

mod pace;
mod people;
mod post;
mod record;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt;
use super::endpoint::{Endpoint, url_hash};
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// The longest time without a look at the outbox, and before a store that refused is asked again.
const POLL: Duration = Duration::from_secs(1);
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
        self.post().await;
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
