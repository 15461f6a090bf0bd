//! What a candidate in the shadow is shown: each decided message, after its answer is on disk, if there is room.
//!
//! Never waits, and never fails: what finds no room is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::message::{Conversation, Fetched, Inbound};
use crate::replay::Decided;

/// Most messages that wait to be decided in the shadow.
const ROOM: usize = 1_024;

/// A decided message.
#[derive(Debug)]
pub struct Shown {
    /// The candidate as it was at that time.
    pub candidate: Arc<Engine>,
    /// Hash of the rule set that decided.
    pub shop: String,
    /// The message, without what was looked up for it.
    pub inbound: Inbound,
    /// The conversation before it.
    pub conversation: Conversation,
    /// When.
    pub now: Timestamp,
    /// What was decided.
    pub made: Decided,
    /// What was looked up, and for which rule.
    pub fetched: Option<(String, Fetched)>,
}

/// The candidate in the shadow, and what waits for it.
#[derive(Debug)]
pub struct Shadow {
    candidate: ArcSwapOption<Engine>,
    sender: mpsc::Sender<Shown>,
    receiver: Mutex<Option<mpsc::Receiver<Shown>>>,
    dropped: AtomicU64,
}

impl Default for Shadow {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        let receiver = Mutex::new(Some(receiver));
        Self { candidate: ArcSwapOption::empty(), sender, receiver, dropped: AtomicU64::new(0) }
    }
}

impl Shadow {
    /// Puts a candidate into the shadow, or takes it away.
    pub fn set(&self, candidate: Option<Engine>) {
        self.candidate.store(candidate.map(Arc::new));
    }

    /// The candidate, if there is one.
    #[must_use]
    pub fn candidate(&self) -> Option<Arc<Engine>> {
        self.candidate.load_full()
    }

    /// Shows a message if there is a candidate; `shown` is asked only then. False if there was no room.
    pub fn show(&self, shown: impl FnOnce(Arc<Engine>) -> Shown) -> bool {
        let Some(candidate) = self.candidate.load_full() else { return true };
        // Before anything is copied.
        let Ok(room) = self.sender.try_reserve() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        room.send(shown(candidate));
        true
    }

    /// One that was shown was not counted.
    pub fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// How many found no room since this was asked last.
    pub fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// What is shown, for the one who decides it; none if somebody has it.
    pub fn shown(&self) -> Option<mpsc::Receiver<Shown>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
