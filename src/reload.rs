//! New files without a restart: built whole in the background, then swapped in; a failed one leaves the old in use and says so.

mod by_hand;
mod candidate;
mod endpoints;
mod pilots;

pub use candidate::{Beside, CandidateState};
pub use endpoints::endpoints;
pub use pilots::Written;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::candidate::{Reading, Tried};
use crate::changes::Changes;
use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::handoff::{Deliverer, Endpoint};
use crate::history::{self, History};
use crate::hub::News;
use crate::pipeline::Pipeline;
use crate::report::trial::Kept;
use crate::rules::Files;
use crate::shop;
use crate::store::StoreError;

/// Reads the files anew and puts them in use.
pub struct Reloader {
    dir: PathBuf,
    pipeline: Arc<Pipeline>,
    deliverer: Arc<Deliverer>,
    history: History,
    turn: tokio::sync::Mutex<Current>,
    last: Mutex<LastReload>,
    shown: Mutex<Shown>,
    /// Pilots by id.
    known: Mutex<BTreeMap<String, Known>>,
    beside: Option<Beside>,
    candidate: Mutex<Option<CandidateState>>,
    /// Whoever reads the candidate's folder has this before the turn, and not during it.
    reading: tokio::sync::Mutex<Reading>,
    /// Whoever changes what people have said beside the files has this; nobody waits for files with it.
    said: tokio::sync::Mutex<()>,
    /// Held for the instant in which another engine comes into use, so that none is made of one that is gone.
    swap: Mutex<()>,
}

/// A pilot of the files in use, or one that ended by itself.
struct Known {
    kept: Kept,
    /// Whether the files in use have it.
    written: bool,
}

/// The files in use, and what they make: no pilot has ended, and nobody has set any hours.
struct Current {
    /// As they were read last.
    files: Files,
    /// Those in use.
    used: Files,
    built: Engine,
    tried: Tried,
}

/// What pages show of the files.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The files that are in use.
    pub live: Arc<Files>,
    /// What was found in the files when they were read last, in use or not.
    pub report: Arc<Report>,
}

/// What became of the files when they were read last.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LastReload {
    /// When they were read.
    pub at: Timestamp,
    /// Whether they are in use.
    pub ok: bool,
    /// How many errors they have.
    pub errors: usize,
    /// How many warnings they have.
    pub warnings: usize,
    /// The first errors in one line, with their places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reloader")
    }
}

impl Reloader {
    /// For the files in `dir`; `files` are those in use, of which `built` was made.
    #[must_use]
    pub fn new(
        dir: PathBuf,
        pipeline: Arc<Pipeline>,
        deliverer: Arc<Deliverer>,
        history: History,
        files: Files,
        built: Engine,
        beside: Option<Beside>,
    ) -> Self {
        let started = LastReload { at: pipeline.clock.now(), ok: true, errors: 0, warnings: 0, first: None };
        let shown = Shown { live: Arc::new(files.clone()), report: Arc::default() };
        let current = Current { used: files.clone(), files, built, tried: Tried::default() };
        Self {
            dir,
            pipeline,
            deliverer,
            history,
            turn: tokio::sync::Mutex::new(current),
            last: Mutex::new(started),
            shown: Mutex::new(shown),
            known: Mutex::default(),
            beside,
            candidate: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            said: tokio::sync::Mutex::default(),
            swap: Mutex::default(),
        }
    }

    /// The same, with what was found in the files at the start.
    #[must_use]
    pub fn having_found(self, report: &Report) -> Self {
        self.remember(report);
        self
    }

    /// The files in use, and what was found in them when they were read last.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rule sets that were in use.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What became of the files when they were read last; the start counts.
    #[must_use]
    pub fn last(&self) -> LastReload {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, report: &Report) {
        let (errors, warnings) = (report.errors(), report.warnings());
        let first = (errors > 0).then(|| report.first_errors(3));
        let last = LastReload { at: self.pipeline.clock.now(), ok: errors == 0, errors, warnings, first };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).report = Arc::new(report.clone());
    }

    /// Reads all files and puts them in use if they have no error. One reload at a time.
    pub async fn reload(&self) -> Report {
        let mut current = self.turn.lock().await;
        let dir = self.dir.clone();
        let files = tokio::task::spawn_blocking(move || Files::read(&dir)).await;
        let Ok(files) = files else { return failed() };
        let report = self.put_in_use(files, &mut current).await;
        drop(current);
        self.reload_candidate(report.errors() == 0).await;
        report
    }

    /// Reads all files, and goes on only if something has changed.
    async fn reload_if_changed(&self) {
        let mut current = self.turn.lock().await;
        let dir = self.dir.clone();
        let Ok(files) = tokio::task::spawn_blocking(move || Files::read(&dir)).await else { return };
        if files != current.files {
            let report = self.put_in_use(files, &mut current).await;
            drop(current);
            // With the shop's settings as they are now.
            self.reload_candidate(report.errors() == 0).await;
        }
    }

    /// The files are the current ones from then on, with or without errors: who looks again finds nothing new. The candidate stays
    /// the one that was good last; whoever calls this sees to it afterwards.
    async fn put_in_use(&self, files: Files, current: &mut Current) -> Report {
        current.files = files.clone();
        let (dir, now) = (self.dir.clone(), self.pipeline.clock.now());
        let began = std::time::Instant::now();
        let kept = files.clone();
        let built = tokio::task::spawn_blocking(move || {
            let (engine, mut report) = shop::check_files(&dir, files, now);
            let endpoints = engine.as_ref().map(|engine| endpoints(&engine.book().settings, &mut report));
            (engine, endpoints, report)
        });
        let Ok((engine, endpoints, report)) = built.await else {
            let report = failed();
            self.remember(&report);
            return report;
        };
        self.remember(&report);
        match (engine, endpoints) {
            (Some(engine), Some(endpoints)) if report.errors() == 0 => {
                (current.built, current.used) = (engine, kept.clone());
                self.settle(current).await;
                let engine = self.running(current).await;
                self.use_engine(&engine, endpoints);
                self.shown.lock().unwrap_or_else(PoisonError::into_inner).live = Arc::new(kept.clone());
                let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let engine = self.pipeline.engine.load();
                let hash = engine.knowledge().hash.clone();
                tell_method(&engine);
                tracing::info!(
                    rule_set = hash,
                    warnings = report.warnings(),
                    took_ms,
                    "The files were read anew and are in use."
                );
                self.keep(kept).await;
            }
            _ => {
                self.pipeline.metrics.reload_failed();
                let errors = report.errors();
                tracing::error!(
                    errors,
                    first = report.first_errors(3),
                    "The files have errors; the last good ones stay in use. `nightdesk check` shows all findings."
                );
            }
        }
        let hash = self.pipeline.engine.load().knowledge().hash.clone();
        self.pipeline.hub.desk.tell([News::Files { rule_set: hash, ok: report.errors() == 0 }]);
        report
    }

    /// Keeps the set that is in use in the history, so that it can be brought back.
    async fn keep_current(&self) {
        let files = self.turn.lock().await.used.clone();
        self.keep(files).await;
    }

    async fn keep(&self, files: Files) {
        let hash = self.pipeline.engine.load().knowledge().hash.clone();
        let (history, dir, now) = (self.history.clone(), self.dir.clone(), self.pipeline.clock.now());
        let kept = tokio::task::spawn_blocking(move || history.keep(&files, &hash, now, history::author(&dir), None));
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, "This rule set is in use, but could not be kept for `nightdesk rollback`.");
        }
    }

    /// Puts a built engine in use, with its endpoints and limits.
    fn use_engine(&self, engine: &Engine, endpoints: Vec<Endpoint>) {
        let (hash, limits) = (engine.knowledge().hash.clone(), &engine.knowledge().limits);
        self.pipeline.limits.set(limits.per_customer_per_minute);
        self.pipeline.addresses.set(limits.per_address_per_minute);
        if let Some(url) = &engine.book().settings.public_url {
            self.pipeline.public_url.store(Arc::new(url.clone()));
        }
        self.swap(engine);
        self.deliverer.update(endpoints);
        self.pipeline.metrics.reloaded(&hash, self.pipeline.clock.now());
    }

    /// An engine with what people have said beside the files: hours set by hand, special modes switched.
    fn as_said(&self, engine: &Engine) -> Engine {
        engine.with_forced(&self.pipeline.forced.load()).with_switches(&self.pipeline.switches.load())
    }

    /// Puts an engine in use, as people have said by now.
    fn swap(&self, engine: &Engine) {
        let _alone = self.swap.lock().unwrap_or_else(PoisonError::into_inner);
        self.pipeline.engine.store(Arc::new(self.as_said(engine)));
    }

    /// Puts a candidate into the shadow, as people have said by now.
    fn swap_shadow(&self, engine: &Engine) {
        let _alone = self.swap.lock().unwrap_or_else(PoisonError::into_inner);
        self.pipeline.shadow.set(Some(self.as_said(engine)));
    }

    /// The engines in use, as people have just said.
    fn use_what_was_said(&self) {
        let _alone = self.swap.lock().unwrap_or_else(PoisonError::into_inner);
        self.pipeline.engine.store(Arc::new(self.as_said(&self.pipeline.engine.load())));
        if let Some(candidate) = self.pipeline.shadow.candidate() {
            self.pipeline.shadow.set(Some(self.as_said(&candidate)));
        }
    }

    /// Takes out of the store what holds beside the files, as at every start: hours that people have set, modes that they have switched, pilots
    /// that have ended.
    /// The candidate is read too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall(&self) -> Result<(), StoreError> {
        self.recall_forced().await?;
        self.recall_switches().await?;
        self.recall_pilots().await
    }

    /// Reloads on every change of the files, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let changes = Changes::of(&self.dir);
        self.keep_current().await;
        let mut changes = match changes {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "Changes of the files are not noticed here; reload by SIGHUP or POST /-/reload.");
                return;
            }
        };
        // What was saved since the start read them, and before anybody looked.
        self.reload_if_changed().await;
        loop {
            tokio::select! {
                () = changes.next() => self.reload_if_changed().await,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reloads on each message, until the sender is gone: for signals.
    pub async fn on_request(self: Arc<Self>, mut requests: mpsc::Receiver<()>) {
        while requests.recv().await.is_some() {
            let _ = self.reload().await;
        }
    }
}

fn failed() -> Report {
    let mut report = Report::default();
    report
        .push(Finding::error("internal", "reading the files failed inside nightdesk; the last good ones stay in use"));
    report
}

/// Says how messages are compared with questions, aloud where it is not the best way.
pub(crate) fn tell_method(engine: &crate::engine::Engine) {
    use crate::likeness::Method;
    let matcher = &engine.knowledge().matcher;
    let (method, bytes) = matcher.learned();
    let (sentences, megabytes) = (matcher.sentences(), bytes >> 20);
    match method {
        Method::Full => tracing::info!(sentences, megabytes, "Questions learned, by all features."),
        Method::WithoutPairs | Method::Frequent => tracing::warn!(
            sentences,
            megabytes,
            method = ?method,
            "Questions learned by fewer features, to keep within matching.memory_mb; messages are understood a little worse."
        ),
        Method::Nearest => tracing::warn!(
            sentences,
            megabytes,
            "Too many entries to learn within matching.memory_mb: messages are compared with the nearest question alone."
        ),
    }
}
