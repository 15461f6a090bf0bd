//! How many cases wait in each queue, as messages are decided by it: read at most once a second, and what comes in between is
//! added. What people take meanwhile is seen a second late.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::modes::Mode;

use super::Pipeline;

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(1);

/// What was read last, and when.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Option<(Instant, BTreeMap<String, u64>)>>);

impl Waiting {
    /// A case came to a queue.
    pub(super) async fn came(&self, queue: &str) {
        if let Some((_, counts)) = self.0.lock().await.as_mut() {
            *counts.entry(queue.to_owned()).or_default() += 1;
        }
    }
}

impl Pipeline {
    /// How many cases wait in each queue. Counted during the peak only: on other days nobody is told.
    pub(super) async fn waiting(&self) -> BTreeMap<String, u64> {
        if !self.engine.load().knowledge().modes.is_on(Mode::Peak, self.clock.now()) {
            return BTreeMap::new();
        }
        // Whoever comes while it is read waits for what is read, and does not read it again.
        let mut kept = self.waiting.0.lock().await;
        if let Some((_, counts)) = kept.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return counts.clone();
        }
        // No message is refused because nobody knows how many wait.
        let stats = self.store.queue_stats().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "How many wait cannot be told.");
            Vec::new()
        });
        let counts: BTreeMap<String, u64> = stats.into_iter().map(|stats| (stats.queue, stats.queued)).collect();
        *kept = Some((Instant::now(), counts.clone()));
        counts
    }
}
