//! Tells when the files of a shop change. Owns the watch on its folders; refuses to read them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Quiet time after the last change before it is told: editors and deployments write in several steps.
const QUIET: Duration = Duration::from_millis(250);
/// Longest time that changes without a pause hold it up.
const AT_LAST: Duration = Duration::from_secs(2);
/// What belongs to a shop below its directory, which may hold a build's output too.
const FOLDERS: [&str; 4] = ["faq", "rules", "calendars", "tests/conversations"];

/// A watch on a shop's files.
pub struct Changes {
    dir: PathBuf,
    watcher: RecommendedWatcher,
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changes")
    }
}

impl Changes {
    /// Begins to watch.
    ///
    /// # Errors
    /// Where the system has no way to tell, or none left.
    pub fn of(dir: &Path) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let bell = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and our own.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                bell.notify_one();
            }
        })?;
        let mut changes = Self { dir: dir.to_owned(), watcher, changed };
        changes.watch_folders();
        Ok(changes)
    }

    /// Waits for a change, and until it is over. Some may be told that were none.
    pub async fn next(&mut self) {
        self.changed.notified().await;
        let last = Instant::now() + AT_LAST;
        while tokio::time::timeout(QUIET, self.changed.notified()).await.is_ok() && Instant::now() < last {}
        // A folder that is new is watched from now on; what happened in it before is read after this.
        self.watch_folders();
    }

    /// Each time anew: a folder that was replaced as a whole has the same name, and the old watch is on what is gone.
    fn watch_folders(&mut self) {
        let below = FOLDERS.map(|name| (self.dir.join(name), RecursiveMode::Recursive));
        for (folder, mode) in std::iter::once((self.dir.clone(), RecursiveMode::NonRecursive)).chain(below) {
            let _ = self.watcher.unwatch(&folder);
            if folder.is_dir()
                && let Err(error) = self.watcher.watch(&folder, mode)
            {
                tracing::warn!(%error, folder = %folder.display(), "Changes of this folder are not noticed; reload by SIGHUP or POST /-/reload.");
            }
        }
    }
}
