//! What everybody in the load shares: whom they talk to, what was said, and what was wrong.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{EventRow, Store};
use tokio_util::sync::CancellationToken;

use crate::common::transcript::holds;
use crate::receiver::Receiver;

/// Faults that are told one by one.
const TOLD: usize = 20;

/// Random numbers (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// Below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// One conversation as its customer knows it.
pub struct Told {
    /// Its id.
    pub conversation: String,
    /// Ids of the messages that were acknowledged.
    pub acknowledged: Vec<String>,
    /// How many were acknowledged.
    pub said: usize,
    /// Those of them that people must hear of; empty where the bot had it all the time.
    pub for_people: Vec<String>,
}

/// What happens how often.
#[derive(Default)]
pub struct Counts {
    pub messages: AtomicU64,
    pub repeated: AtomicU64,
    pub resumed: AtomicU64,
    pub cases: AtomicU64,
    pub reloads: AtomicU64,
    pub bad_files: AtomicU64,
    pub versions: AtomicU64,
    pub idle: AtomicU64,
    pub silent: AtomicU64,
    pub slow: AtomicU64,
}

/// One more.
pub fn count(of: &AtomicU64) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// How many.
pub fn counted(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

/// Shared by all.
pub struct World {
    /// The daemon.
    pub address: SocketAddr,
    /// For platforms and agents.
    pub http: reqwest::Client,
    /// When to end.
    pub stop: CancellationToken,
    /// Where people hear of cases.
    pub receiver: Receiver,
    /// Counted.
    pub counts: Counts,
    told: Mutex<Vec<Told>>,
    faults: Mutex<Vec<String>>,
    times: Mutex<Histogram<u64>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Nobody has said anything yet.
    pub fn new(address: SocketAddr, receiver: Receiver) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        Ok(Self {
            address,
            http,
            stop: CancellationToken::new(),
            receiver,
            counts: Counts::default(),
            told: Mutex::default(),
            faults: Mutex::default(),
            times: Mutex::new(times()),
        })
    }

    /// Something is not as it must be.
    pub fn fault(&self, what: impl Into<String>) {
        let (what, mut faults) = (what.into(), locked(&self.faults));
        if faults.len() < TOLD {
            eprintln!("fault: {what}");
        }
        faults.push(what);
    }

    /// All that was wrong.
    pub fn faults(&self) -> Vec<String> {
        locked(&self.faults).clone()
    }

    /// A message was acknowledged (and answered, where the bot answers) so long after it was due.
    pub fn took(&self, time: Duration) {
        count(&self.counts.messages);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let _ = locked(&self.times).record(micros.max(1));
    }

    /// Times since this was asked last.
    pub fn take_times(&self) -> Histogram<u64> {
        std::mem::replace(&mut locked(&self.times), times())
    }

    /// A customer has gone; what was said is looked at in the end.
    pub fn keep(&self, told: Told) {
        locked(&self.told).push(told);
    }

    /// Looks at every conversation in the store of the daemon, which has ended. Returns how many there were, and their messages.
    pub async fn check(&self, store: &SqliteStore) -> (usize, usize) {
        let (all, taken) = (std::mem::take(&mut *locked(&self.told)), self.receiver.taken());
        let said = all.iter().map(|told| told.said).sum();
        for told in &all {
            if let Err(what) = self.check_one(store, told).await {
                self.fault(what);
            }
            for message in told.for_people.iter().filter(|message| !taken.contains(*message)) {
                self.fault(format!("people never heard of {message} of {}", told.conversation));
            }
        }
        (all.len(), said)
    }

    async fn check_one(&self, store: &SqliteStore, told: &Told) -> Result<(), String> {
        let events = store.events_after(&told.conversation, 0, 100_000).await.map_err(|error| error.to_string())?;
        let here = |event: &&EventRow| event.kind == "message" && event.role == "visitor";
        let said = events.iter().filter(here).count();
        if said != told.said {
            return Err(format!("{} has {said} messages and {} were taken", told.conversation, told.said));
        }
        holds(&events, &told.acknowledged, &told.for_people).map_err(|what| format!("{}: {what}", told.conversation))
    }
}

fn times() -> Histogram<u64> {
    Histogram::new(3).expect("three digits")
}
