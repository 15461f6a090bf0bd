//! The candidate: another folder's knowledge beside the shop's own, read and watched as the shop's files are.
//!
//! A bad one never disturbs the shop: it is said, and its customers get the last good one, or what the rest have.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{MutexGuard, oneshot};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::engine::CANDIDATE;
use crate::rules::Files;
use crate::shop::{Candidate, CandidateError, open_candidate};

use super::{Current, Reloader};

/// How long reading it may take.
const READ: Duration = Duration::from_secs(5);

/// Where a candidate lies, and for whom it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The folder.
    pub dir: PathBuf,
    /// For customers whose number is below this, in ten-thousandths; none: for nobody, it only decides beside the shop's own.
    pub share: Option<u16>,
}

/// The candidate as it was read last, and the last good one.
#[derive(Debug, Default)]
pub(super) struct Tried {
    files: Files,
    /// Why it could not be read since.
    unread: Option<String>,
    /// With its files.
    pub(super) good: Option<(Files, Candidate)>,
}

/// The reading of the candidate's folder, which may hang (a share of another machine does). Then it is not begun a second time.
#[derive(Debug, Default)]
pub(super) struct Reading {
    late: Option<oneshot::Receiver<Files>>,
}

impl Reading {
    /// The files as they are now.
    async fn files(&mut self, dir: PathBuf) -> Result<Files, String> {
        let late = || format!("it could not be read within {} s", READ.as_secs());
        let until = tokio::time::Instant::now() + READ;
        if let Some(before) = &mut self.late {
            timeout_at(until, before).await.map_err(|_| late())?.ok();
            // What it read is as old as its beginning.
            self.late = None;
        }
        let (read, mut files) = oneshot::channel();
        // Neither does the end of the program wait for this thread.
        let reader = std::thread::Builder::new().name("candidate".to_owned());
        reader.spawn(move || read.send(Files::read(&dir))).map_err(|error| format!("no thread: {error}"))?;
        match timeout_at(until, &mut files).await {
            Ok(Ok(files)) => Ok(files),
            Ok(Err(_)) => Err("reading it failed inside nightdesk".to_owned()),
            Err(_) => {
                self.late = Some(files);
                Err(late())
            }
        }
    }
}

/// What became of the candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateState {
    /// When it was read.
    pub at: Timestamp,
    /// Whether it is in use as it is written now.
    pub ok: bool,
    /// Share of the customers in percent; none: it decides beside the shop's own and says nothing.
    pub share: Option<String>,
    /// Hash of the rule set of its customers; none while there is none.
    pub rule_set: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Reloader {
    /// What became of the candidate; none if there is no candidate.
    #[must_use]
    pub fn candidate(&self) -> Option<CandidateState> {
        self.candidate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The share of the customers who get it.
    pub(super) fn share(&self) -> Option<u16> {
        self.beside.as_ref().and_then(|beside| beside.share)
    }

    /// Reloads the candidate on every change of its files, until `stop`.
    pub async fn watch_candidate(self: Arc<Self>, stop: CancellationToken) {
        let Some(beside) = &self.beside else { return stop.cancelled().await };
        let mut changes = match Changes::of(&beside.dir) {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "Changes of the candidate are not noticed here; reload by SIGHUP or POST /-/reload.");
                return stop.cancelled().await;
            }
        };
        self.reload_candidate(false).await;
        loop {
            tokio::select! {
                () = changes.next() => self.reload_candidate(false).await,
                // Nobody says when a folder that hung can be read again.
                () = tokio::time::sleep(READ), if self.reading.lock().await.late.is_some() => self.reload_candidate(false).await,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reads the candidate anew, and puts it in use if something has changed or `always`.
    pub(super) async fn reload_candidate(&self, always: bool) {
        let Some((_reading, mut current, other)) = self.read_candidate().await else { return };
        if other || always {
            self.build_candidate(&mut current).await;
            self.settle(&current).await;
            self.use_pilots(&current).await;
        }
    }

    /// Reads the candidate's files, then waits for the turn: a folder that hangs holds nobody up who wants that. None without a
    /// candidate; else also whether there is something new.
    pub(super) async fn read_candidate(&self) -> Option<(MutexGuard<'_, Reading>, MutexGuard<'_, Current>, bool)> {
        let dir = self.beside.as_ref()?.dir.clone();
        let mut reading = self.reading.lock().await;
        let found = reading.files(dir).await;
        let mut current = self.turn.lock().await;
        let tried = &mut current.tried;
        let other = match found {
            Ok(files) => {
                let other = tried.unread.take().is_some() || files != tried.files;
                tried.files = files;
                other
            }
            Err(error) => tried.unread.replace(error.clone()) != Some(error),
        };
        Some((reading, current, other))
    }

    /// Builds the candidate with the shop's settings as they are now: as it was read last, else as it was good last.
    pub(super) async fn build_candidate(&self, current: &mut Current) {
        let Some(beside) = &self.beside else { return };
        let now = self.pipeline.clock.now();
        let newest = match &current.tried.unread {
            Some(error) => Err(error.clone()),
            None => self.built_candidate(&current.tried.files, current).await,
        };
        let error = newest.as_ref().err().cloned();
        let before = current.tried.good.take();
        current.tried.good = match (newest, before) {
            (Ok(candidate), _) => Some((current.tried.files.clone(), candidate)),
            (Err(_), Some((files, _))) => {
                let candidate = self.built_candidate(&files, current).await;
                candidate.ok().map(|candidate| (files, candidate))
            }
            (Err(_), None) => None,
        };
        let good = current.tried.good.as_ref().map(|(_, candidate)| candidate.engine.knowledge().hash.clone());
        let share = beside.share.map(percent);
        match (&error, &good) {
            (None, _) => tracing::info!(
                dir = %beside.dir.display(), rule_set = good, share, "The candidate was read and is in use."
            ),
            (Some(error), Some(_)) => tracing::error!(
                dir = %beside.dir.display(), error, "The candidate cannot be used; the last good one stays in use."
            ),
            (Some(error), None) => tracing::error!(
                dir = %beside.dir.display(), error, "The candidate cannot be used; all customers get the shop's own rules."
            ),
        }
        self.pipeline.metrics.candidate(beside.share.is_some(), error.is_none());
        let state = CandidateState { at: now, ok: error.is_none(), share, rule_set: good, error };
        *self.candidate.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    async fn built_candidate(&self, files: &Files, current: &Current) -> Result<Candidate, String> {
        let (files, shop, dir) = (files.clone(), current.used.clone(), self.dir.clone());
        let clash = current.built.pilots().iter().any(|(id, _)| id == CANDIDATE);
        let now = self.pipeline.clock.now();
        let built = tokio::task::spawn_blocking(move || open_candidate(&files, &shop, &dir, now)).await;
        match built {
            Ok(Ok(_)) if clash => Err(CandidateError::Name.to_string()),
            Ok(built) => built.map_err(|error| error.to_string()),
            Err(_) => Err("reading it failed inside nightdesk".to_owned()),
        }
    }
}

/// Ten-thousandths in percent, as they are written.
fn percent(share: u16) -> String {
    format!("{}%", f64::from(share) / 100.0)
}
