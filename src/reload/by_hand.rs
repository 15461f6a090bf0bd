//! What people say beside the files: opening hours by hand and special modes. Kept in the store, and put in use with the files.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Reloader;
use crate::hours::{Forced, ForcedHours};
use crate::hub::News;
use crate::modes::{Mode, Running, Switch};
use crate::store::{ForcedRow, StoreError, switches};

/// Between two looks at the special modes.
const LOOK: Duration = Duration::from_secs(1);
/// How long opening hours that people have set are remembered after their end.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(62 * 24);

impl Reloader {
    /// Sets opening hours by a person's word.
    ///
    /// # Errors
    /// When the store refuses; nothing has changed then.
    pub async fn force_hours(&self, row: ForcedRow) -> Result<(), StoreError> {
        let _said = self.said.lock().await;
        let forgotten = self.pipeline.clock.now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        self.pipeline.store.force_hours(row, forgotten).await?;
        self.use_forced().await
    }

    /// Lets a schedule count again as the files have it; true if something else was set.
    ///
    /// # Errors
    /// When the store refuses; nothing has changed then.
    pub async fn release_hours(&self, schedule: &str) -> Result<bool, StoreError> {
        let _said = self.said.lock().await;
        let released = self.pipeline.store.release_hours(schedule, self.pipeline.clock.now()).await?;
        self.use_forced().await?;
        Ok(released)
    }

    /// Takes what people have set about opening hours out of the store, as at every start.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall_forced(&self) -> Result<(), StoreError> {
        let _said = self.said.lock().await;
        self.use_forced().await
    }

    /// The one who calls it has `said`.
    async fn use_forced(&self) -> Result<(), StoreError> {
        // Also what has passed: targets that began in it have not run meanwhile.
        let after = self.pipeline.clock.now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        let mut forced = ForcedHours::new();
        for row in self.pipeline.store.forced_hours(after).await? {
            let said = Forced { open: row.open, from: row.since, until: row.until };
            forced.entry(row.schedule).or_default().push(said);
        }
        self.pipeline.forced.store(Arc::new(forced));
        self.use_what_was_said();
        Ok(())
    }

    /// Switches a special mode by a person's word.
    ///
    /// # Errors
    /// When the store refuses; nothing has changed then.
    pub async fn switch(&self, switch: Switch) -> Result<(), StoreError> {
        let _said = self.said.lock().await;
        switches::keep(self.pipeline.store.as_ref(), &switch).await?;
        self.use_switches().await
    }

    /// Takes the special modes that people have switched out of the store: at every start, and whenever the command may have
    /// written there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall_switches(&self) -> Result<(), StoreError> {
        let _said = self.said.lock().await;
        self.use_switches().await
    }

    /// The one who calls it has `said`.
    async fn use_switches(&self) -> Result<(), StoreError> {
        let switched = switches::read(self.pipeline.store.as_ref()).await?;
        if **self.pipeline.switches.load() != switched {
            self.pipeline.switches.store(Arc::new(switched));
            self.use_what_was_said();
        }
        Ok(())
    }

    /// Looks every now and then which special modes are on, and says what has changed to the log and to all consoles. Never ends.
    pub async fn watch_modes(self: Arc<Self>) {
        let mut known: Vec<Option<Running>> = Mode::ALL.map(|_| None).into();
        loop {
            if let Err(error) = self.recall_switches().await {
                tracing::warn!(%error, "The special modes that people switched cannot be read; those known stay.");
            }
            let (engine, now) = (self.pipeline.engine.load_full(), self.pipeline.clock.now());
            for (mode, before) in Mode::ALL.into_iter().zip(&mut known) {
                let running = engine.knowledge().modes.running(mode, now);
                if running == *before {
                    continue;
                }
                let by = running.as_ref().and_then(|running| running.by.clone());
                if let Some(running) = &running {
                    let note = running.note.as_deref();
                    tracing::info!(%mode, until = %running.until, by, note, "A special mode is on.");
                    if !engine.knowledge().notices.contains_key(mode.as_str()) {
                        tracing::warn!(%mode, "nightdesk.yaml has no notice of this name, so customers are not told.");
                    }
                } else {
                    tracing::info!(%mode, "A special mode is over.");
                }
                self.pipeline.hub.desk.tell([News::Mode { mode, on: running.is_some(), by }]);
                *before = running;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
