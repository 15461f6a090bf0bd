//! The daemon's life: start in order, stop in reverse. The bound address can be read, so that tests use port 0.

mod health;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::mail::{Doors, ListenError};
use crate::clock::Clock;
use crate::diag::Report;
use crate::engine::Engine;
use crate::handoff::{Deliverer, DeliveryObserver};
use crate::history::History;
use crate::pipeline::{OutboxListener, Pipeline};
use crate::reload::{Beside, Reloader, endpoints};
use crate::rules::{Files, Retention};
use crate::server::{self, Connections, Shared, Tls, TlsStartError};
use crate::shop;
use crate::store::sqlite::SqliteStore;
use crate::store::{PurgeLimits, Store};
use crate::telemetry::Metrics;
use crate::token::Tokens;

pub use health::Health;

/// How long a stop waits for sockets, requests and deliveries under way.
const GRACE: Duration = Duration::from_secs(8);
/// Between two rounds of tidying.
const TIDY: Duration = Duration::from_mins(1);

/// How a daemon is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The shop's directory.
    pub dir: PathBuf,
    /// Where the store lies.
    pub data: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The time.
    pub clock: Clock,
    /// A candidate beside the shop's own knowledge.
    pub candidate: Option<Beside>,
}

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Happens when the files have errors.
    #[error("the files have {} errors", .0.errors())]
    Findings(Box<Report>),
    /// Happens when the address is taken or not this machine's.
    #[error("cannot listen on {address}: {error}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Happens when the address of a channel is taken or not this machine's.
    #[error(transparent)]
    Mail(#[from] ListenError),
    /// Happens when the store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Happens when the token key cannot be used.
    #[error(transparent)]
    Tokens(#[from] crate::token::KeyError),
    /// Happens when no HTTP client can be made for look-ups.
    #[error("look-ups cannot be made: {0}")]
    Lookups(#[from] reqwest::Error),
    /// Happens when TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsStartError),
    /// Happens when no HTTP client can be made.
    #[error(transparent)]
    Delivery(#[from] crate::handoff::DeliveryError),
}

/// A running daemon.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    doors: Arc<Doors>,
    tls: Option<Arc<Tls>>,
    /// The way of messages, for those that run inside the same process.
    pub pipeline: Arc<Pipeline>,
    /// Warnings of the files.
    pub report: Report,
    reloader: Arc<Reloader>,
    reload: mpsc::Sender<()>,
    /// Ends sockets and requests.
    front: CancellationToken,
    /// Ends deliveries and everything else.
    back: CancellationToken,
    front_tasks: TaskTracker,
    back_tasks: TaskTracker,
}

impl App {
    /// Starts a daemon: files, store, workers, port.
    ///
    /// # Errors
    /// When anything is missing; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let files = Files::read(&options.dir);
        let (engine, mut report) = shop::check_files(&options.dir, files.clone(), options.clock.now());
        let Some(engine) = engine else { return Err(StartError::Findings(Box::new(report))) };
        let endpoints = endpoints(&engine.book().settings, &mut report);
        let spec = engine.book().settings.tls.as_ref();
        crate::certificate::check(&options.dir, spec, options.clock.now(), &mut report);
        if report.errors() > 0 {
            return Err(StartError::Findings(Box::new(report)));
        }
        let tls = spec.map(|spec| Tls::open(options.dir.clone(), spec)).transpose()?.map(Arc::new);
        let listen_error = |error| StartError::Listen { address: options.listen, error };
        let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let doors = Doors::open(&engine.book().settings).await?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&options.data)?);
        let metrics = Arc::new(Metrics::new());
        let (front, back) = (CancellationToken::new(), CancellationToken::new());
        let (front_tasks, back_tasks) = (TaskTracker::new(), TaskTracker::new());
        let observer = Arc::new(Observer(Arc::clone(&metrics)));
        let deliverer = Arc::new(Deliverer::new(
            Arc::clone(&store),
            options.clock.clone(),
            observer,
            back_tasks.clone(),
            back.clone(),
        )?);
        crate::reload::tell_method(&engine);
        let limits = engine.knowledge().limits.clone();
        let lookups = crate::lookup::Lookups::new(Arc::clone(&store), options.clock.clone())?;
        let pipeline = Arc::new(Pipeline::new(
            store,
            Arc::new(ArcSwap::from_pointee(engine)),
            options.clock,
            Arc::clone(&metrics),
            Arc::new(Tokens::open(&options.data)?),
            lookups,
            Arc::new(Bell(Arc::clone(&deliverer))),
        ));
        let settings = pipeline.engine.load_full();
        let built = Engine::clone(&settings);
        let public = settings
            .book()
            .settings
            .public_url
            .clone()
            .unwrap_or_else(|| format!("{}://{address}", scheme(tls.as_ref())));
        pipeline.public_url.store(Arc::new(public));
        warn_of_open_doors(&settings.book().settings);
        warn_of_deaf_queues(settings.knowledge());
        deliverer.update(endpoints);
        metrics.reloaded(&settings.knowledge().hash, pipeline.clock.now());
        let history = History::below(&options.data);
        let (clone, candidate) = (Arc::clone(&pipeline), options.candidate);
        let reloader = Reloader::new(options.dir, clone, deliverer, history, files, built, candidate);
        let reloader = Arc::new(reloader.having_found(&report));
        reloader.recall().await?;
        pipeline.resume_lookups().await?;
        let (reload, requests) = mpsc::channel(1);
        watched("reload", &back_tasks, &back, Arc::clone(&reloader).watch(back.clone()));
        watched(
            "reload on request",
            &back_tasks,
            &back,
            stoppable(Arc::clone(&reloader).on_request(requests), back.clone()),
        );
        watched("timers", &back_tasks, &back, stoppable(Arc::clone(&pipeline).watch_timers(), back.clone()));
        watched("modes", &back_tasks, &back, stoppable(Arc::clone(&reloader).watch_modes(), back.clone()));
        watched("places", &back_tasks, &back, stoppable(Arc::clone(&pipeline).watch_places(), back.clone()));
        watched("tidy", &back_tasks, &back, stoppable(tidy(Arc::clone(&pipeline)), back.clone()));
        watched(
            "weekly report",
            &back_tasks,
            &back,
            stoppable(crate::weekly::watch(Arc::clone(&pipeline), options.data), back.clone()),
        );
        watch_pilots(&pipeline, &reloader, &back_tasks, &back);
        watch_certificate(tls.clone(), &pipeline, &back_tasks, &back);
        let connections =
            Arc::new(Connections::new(limits.connections, limits.connections_per_address, Arc::clone(&metrics)));
        let memory: Arc<crate::channel::Memory> = Arc::default();
        watched(
            "customer service of WeCom",
            &front_tasks,
            &front,
            stoppable(
                crate::channel::wecom_kf::watch(Arc::clone(&pipeline), Arc::clone(&memory), crate::handoff::client()?),
                front.clone(),
            ),
        );
        let (stop, tasks) = (front.clone(), front_tasks.clone());
        let shared =
            Shared::new(Arc::clone(&pipeline), memory, Arc::clone(&reloader), tls.clone(), tasks.clone(), stop.clone());
        let router = server::router(shared);
        let serve = server::serve(listener, tls.clone(), router, connections, metrics, tasks, stop);
        let mail = Arc::clone(&doors).serve(Arc::clone(&pipeline), front_tasks.clone(), front.clone());
        watched("mail", &front_tasks, &front, mail);
        watched("accept", &front_tasks, &front, serve);
        Ok(Self { address, doors, tls, pipeline, report, reloader, reload, front, back, front_tasks, back_tasks })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it speaks there: `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        scheme(self.tls.as_ref())
    }

    /// The addresses at which channels of mail take letters in.
    #[must_use]
    pub fn mail_addresses(&self) -> Vec<(String, SocketAddr)> {
        self.doors.addresses()
    }

    /// Has the files read anew, soon.
    pub fn reload(&self) {
        // One that is asked for already will see the same files.
        let _ = self.reload.try_send(());
        if let Some(tls) = &self.tls {
            tls.look_now();
        }
    }

    /// Reads the files anew and waits until that is done; whether they are in use.
    pub async fn reload_now(&self) -> bool {
        let report = self.reloader.reload().await;
        if let Some(tls) = &self.tls {
            tls.look_now();
        }
        report.errors() == 0
    }

    /// For those who have to know whether it works.
    #[must_use]
    pub fn health(&self) -> Health {
        Health { pipeline: Arc::clone(&self.pipeline), address: self.address }
    }

    /// Stops in reverse order: no new connections, sockets are told 1001, then the workers end. What is not delivered stays on
    /// disk.
    pub async fn stop(self) {
        self.pipeline.hurry();
        self.front.cancel();
        self.front_tasks.close();
        if tokio::time::timeout(GRACE, self.front_tasks.wait()).await.is_err() {
            tracing::warn!("Some connections did not end in time and were dropped.");
        }
        if tokio::time::timeout(GRACE, self.pipeline.hurried()).await.is_err() {
            tracing::warn!("Some messages were not taken in time; their senders were not told that they were.");
        }
        self.back.cancel();
        self.back_tasks.close();
        if tokio::time::timeout(GRACE, self.back_tasks.wait()).await.is_err() {
            tracing::warn!("Some deliveries did not end in time; they are sent again after the next start.");
        }
    }
}

fn scheme(tls: Option<&Arc<Tls>>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// Without tokens the agents' paths are this machine's alone.
fn warn_of_open_doors(settings: &crate::rules::Settings) {
    if settings.access.admin.is_some() || !settings.access.agents.is_empty() {
        return;
    }
    tracing::warn!("No tokens in `access`: the agents' and administrator's paths answer on this machine only.");
    if settings.public_url.is_some() {
        tracing::warn!(
            "With `public_url` there is a proxy before nightdesk; put tokens into `access`, so that nothing depends on its headers."
        );
    }
}

/// An emergency in a queue that calls nobody waits until somebody looks.
fn warn_of_deaf_queues(knowledge: &crate::decide::Knowledge) {
    let named =
        knowledge.rules.iter().filter(|rule| rule.urgent).filter_map(|rule| rule.handoff.as_ref()?.queue.as_deref());
    let deaf: std::collections::BTreeSet<&str> =
        named.filter(|queue| knowledge.queues.get(*queue).is_some_and(|queue| queue.webhook.is_none())).collect();
    for queue in deaf {
        tracing::warn!(
            queue,
            "Urgent cases go to a queue without a webhook: nobody is called, they wait in `nightdesk queue list`."
        );
    }
}

/// The task about the port's certificate.
fn watch_certificate(tls: Option<Arc<Tls>>, pipeline: &Arc<Pipeline>, tracker: &TaskTracker, stop: &CancellationToken) {
    let certificate = server::watch_tls(tls, Arc::clone(pipeline));
    watched("certificate", tracker, stop, stoppable(certificate, stop.clone()));
}

/// The tasks about what is tried: the stop rule, the candidate's files, the candidate in the shadow.
fn watch_pilots(pipeline: &Arc<Pipeline>, reloader: &Arc<Reloader>, tracker: &TaskTracker, stop: &CancellationToken) {
    let pilots = crate::pilots::watch(Arc::clone(pipeline), Arc::clone(reloader));
    watched("pilots", tracker, stop, stoppable(pilots, stop.clone()));
    watched("candidate", tracker, stop, Arc::clone(reloader).watch_candidate(stop.clone()));
    watched("shadow", tracker, stop, crate::shadow::watch(Arc::clone(pipeline), stop.clone()));
}

/// Runs a task that must live as long as the daemon; should it end before, the log says so.
fn watched(
    name: &'static str,
    tracker: &TaskTracker,
    stop: &CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let running: JoinHandle<()> = tracker.spawn(task);
    let stop = stop.clone();
    tracker.spawn(async move {
        let ended = running.await;
        if !stop.is_cancelled() {
            let panicked = ended.is_err();
            tracing::error!(task = name, panicked, "A part of nightdesk ended by itself; restart it.");
        }
    });
}

async fn stoppable(task: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = task => {}
        () = stop.cancelled() => {}
    }
}

/// Forgets what is old, at the start and from then on.
async fn tidy(pipeline: Arc<Pipeline>) {
    loop {
        pipeline.limits.sweep();
        pipeline.addresses.sweep();
        loop {
            let Retention { conversations, decisions } = pipeline.engine.load().book().settings.retention;
            let limits = PurgeLimits { conversations, decisions, ..PurgeLimits::default() };
            match pipeline.store.purge(pipeline.clock.now(), limits).await {
                Ok(purged) => {
                    if purged.conversations > 0 {
                        let conversations = purged.conversations;
                        tracing::info!(
                            conversations,
                            "Conversations that are older than privacy.keep_conversations were deleted."
                        );
                    }
                    if !purged.more {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "Old rows could not be deleted.");
                    break;
                }
            }
        }
        tokio::time::sleep(TIDY).await;
    }
}

/// Wakes the worker of an endpoint.
struct Bell(Arc<Deliverer>);

impl OutboxListener for Bell {
    fn committed(&self, endpoint: &str) {
        self.0.wake(endpoint);
    }
}

/// Counts deliveries.
struct Observer(Arc<Metrics>);

impl DeliveryObserver for Observer {
    fn attempt(&self, endpoint: &str, outcome: &str, seconds: f64) {
        self.0.delivery(endpoint, outcome, seconds);
    }

    fn dead(&self, endpoint: &str) {
        tracing::warn!(endpoint, "A delivery was given up; see `nightdesk queue list --deliveries --state dead`.");
    }

    fn stopped(&self, endpoint: &str) {
        tracing::warn!(
            endpoint,
            "An endpoint says that it is gone; its deliveries wait until its URL changes or `nightdesk queue resume`."
        );
    }
}
