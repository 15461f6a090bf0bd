//! Pilots over time: since when each is in use as it is written, and those that ended by themselves.
//!
//! What is kept in the store outlives restarts and reloads; another text of a pilot begins anew.

use std::sync::{MutexGuard, PoisonError};

use serde::Serialize;

use crate::engine::{CANDIDATE, Engine};
use crate::report::trial::{KEPT, Kept, Stopped};
use crate::store::{Commit, KeptRow, NewDelivery, StoreError};

use super::{Current, Known, Reloader};

/// A pilot of the files in use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Written {
    /// Its id.
    pub pilot: String,
    /// Since when, and whether it ended.
    #[serde(flatten)]
    pub kept: Kept,
}

impl Reloader {
    /// Takes what is kept of pilots out of the store, as at every start; those that ended do not begin again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall_pilots(&self) -> Result<(), StoreError> {
        let candidate = self.read_candidate().await;
        let (_reading, mut current) = match candidate {
            Some((reading, current, _)) => (Some(reading), current),
            None => (None, self.turn.lock().await),
        };
        self.build_candidate(&mut current).await;
        for row in self.pipeline.store.kept_all(KEPT, "").await? {
            // What an older or newer program kept begins anew.
            if let Ok(kept) = serde_json::from_str(&row.value) {
                self.known().insert(row.key, Known { kept, written: false });
            }
        }
        self.settle(&current).await;
        self.use_pilots(&current).await;
        Ok(())
    }

    /// The pilots that are written in the files in use, by id.
    #[must_use]
    pub fn pilots(&self) -> Vec<Written> {
        let written = |(pilot, known): (&String, &Known)| {
            known.written.then(|| Written { pilot: pilot.clone(), kept: known.kept.clone() })
        };
        self.known().iter().filter_map(written).collect()
    }

    /// Ends a pilot at once and for as long as its text is this one; `told` is sent with it. False if the text is another one by
    /// now, or the pilot had ended.
    ///
    /// # Errors
    /// When the store refuses; nothing has changed then.
    pub async fn stop_pilot(
        &self,
        pilot: &Written,
        stopped: Stopped,
        told: Option<NewDelivery>,
    ) -> Result<bool, StoreError> {
        let current = self.turn.lock().await;
        let is_this = |known: &Known| known.written && known.kept == pilot.kept;
        if pilot.kept.stopped.is_some() || !self.known().get(&pilot.pilot).is_some_and(is_this) {
            return Ok(false);
        }
        let kept = Kept { stopped: Some(stopped), ..pilot.kept.clone() };
        let endpoint = told.as_ref().map(|told| told.endpoint.clone());
        // Told and noted, or neither: after a restart it is not told again.
        let (outbox, keep) = (told.into_iter().collect(), vec![row(&pilot.pilot, &kept)]);
        self.pipeline.store.commit(Commit { outbox, kept: keep, ..Commit::default() }).await?;
        if let Some(endpoint) = endpoint {
            self.pipeline.outbox.committed(&endpoint);
        }
        self.known().insert(pilot.pilot.clone(), Known { kept, written: true });
        self.use_pilots(&current).await;
        Ok(true)
    }

    /// Notes what is written now: a new text begins now, and one that is gone is forgotten, unless it had ended by itself.
    pub(super) async fn settle(&self, current: &Current) {
        let (now, written) = (self.pipeline.clock.now(), self.written(current));
        let (mut begun, mut gone) = (Vec::new(), Vec::new());
        {
            let mut all = self.known();
            for (pilot, version) in &written {
                if all.get(pilot).is_none_or(|known| known.kept.version != *version) {
                    let kept = Kept { version: version.clone(), since: now, stopped: None };
                    begun.push(row(pilot, &kept));
                    all.insert(pilot.clone(), Known { kept, written: true });
                }
            }
            all.retain(|pilot, known| {
                known.written = written.iter().any(|(other, _)| other == pilot);
                let stays = known.written || known.kept.stopped.is_some();
                gone.extend((!stays).then(|| pilot.clone()));
                stays
            });
        }
        let mut done = Ok(());
        if !begun.is_empty() {
            done = self.pipeline.store.keep(begun).await;
        }
        for pilot in gone {
            done = done.and(self.pipeline.store.forget(KEPT, &pilot).await.map(|_| ()));
        }
        if let Err(error) = done {
            tracing::warn!(%error, "Since when a pilot is in use could not be kept; after a restart it counts anew.");
        }
    }

    /// Ids and versions of all that is tried on a share of the customers.
    fn written(&self, current: &Current) -> Vec<(String, String)> {
        let candidate = current.tried.good.as_ref().filter(|_| self.share().is_some());
        let candidate = candidate.map(|(_, candidate)| (CANDIDATE.to_owned(), candidate.version.clone()));
        current.built.pilots().into_iter().chain(candidate).collect()
    }

    /// What is built, as if the pilots that ended were not written, with the candidate for its customers.
    pub(super) async fn running(&self, current: &Current) -> Engine {
        let pilots = self.pilots();
        self.pipeline.metrics.pilots(pilots.iter().map(|w| (w.pilot.as_str(), w.kept.stopped.is_some())));
        let stopped: Vec<Written> = pilots.into_iter().filter(|written| written.kept.stopped.is_some()).collect();
        if !stopped.is_empty() {
            let ids: Vec<&str> = stopped.iter().map(|written| written.pilot.as_str()).collect();
            tracing::warn!(
                pilots = ids.join(", "),
                "Pilots that ended by themselves stay ended until their text changes."
            );
        }
        let engine = without(&current.built, &stopped).await;
        let Some((_, candidate)) = &current.tried.good else {
            self.pipeline.shadow.set(None);
            return engine;
        };
        let candidate_engine = without(&candidate.engine, &stopped).await;
        match self.share() {
            Some(_) if stopped.iter().any(|written| written.pilot == CANDIDATE) => engine,
            Some(share) => engine.with_candidate(candidate_engine, share),
            None => {
                self.swap_shadow(&candidate_engine);
                engine
            }
        }
    }

    pub(super) async fn use_pilots(&self, current: &Current) {
        let engine = self.running(current).await;
        self.swap(&engine);
    }

    fn known(&self) -> MutexGuard<'_, std::collections::BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row(pilot: &str, kept: &Kept) -> KeptRow {
    let value = serde_json::to_string(kept).unwrap_or_default();
    KeptRow { place: KEPT.to_owned(), key: pilot.to_owned(), value, until: None }
}

/// An engine as if those of its pilots that ended were not written.
async fn without(engine: &Engine, stopped: &[Written]) -> Engine {
    let is_stopped = |id: &String, version: &String| {
        stopped.iter().any(|written| written.pilot == *id && written.kept.version == *version)
    };
    let ids: Vec<String> =
        engine.pilots().into_iter().filter(|(id, version)| is_stopped(id, version)).map(|(id, _)| id).collect();
    if ids.is_empty() {
        return engine.clone();
    }
    let whole = engine.clone();
    let left = tokio::task::spawn_blocking(move || whole.without(&ids)).await;
    left.ok().flatten().unwrap_or_else(|| {
        tracing::error!("The files cannot be used without the pilots that ended, so these are in use again.");
        engine.clone()
    })
}
