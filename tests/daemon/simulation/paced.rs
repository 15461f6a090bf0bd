//! A store behind a gate: each call waits until the schedule lets it through, and no two are ever under way at once. So the order in
//! which everything happens is the schedule's alone, however the machine runs its threads.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use nightdesk::store::{
    AttemptRow, CaseRow, Commit, ConversationFilter, ConversationRow, DecisionFilter, DecisionRow, DeliveryFilter,
    EndpointRow, EndpointStats, EventRow, ForcedRow, HandoffFilter, HandoffRow, HitPage, KeptRow, OutboxRow,
    PurgeLimits, Purged, QueueStats, SeenKey, SeenRow, Selection, Store, StoreFuture, SurveyFilter, SurveyRow, TalkRow,
    TallyRow, TimerRow, UnmatchedRow, WordingRow,
};
use tokio::sync::oneshot;

/// Calls that wait to be let through, in the order in which they came.
#[derive(Default)]
pub struct Gate(Mutex<Vec<Waiting>>);

/// A call that waits.
struct Waiting {
    name: &'static str,
    go: oneshot::Sender<oneshot::Sender<()>>,
}

impl Gate {
    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        let mut all = self.0.lock().unwrap();
        // Those whose task was killed wait for nothing.
        all.retain(|waiting| !waiting.go.is_closed());
        all.len()
    }

    /// Lets one through, to its end; its name.
    pub async fn let_through(&self, index: usize) -> &'static str {
        let Waiting { name, go } = self.0.lock().unwrap().remove(index);
        let (done, ended) = oneshot::channel();
        if go.send(done).is_ok() {
            // An error is its end too: the task was killed meanwhile.
            let _ = ended.await;
        }
        name
    }

    async fn enter(&self, name: &'static str) -> Option<oneshot::Sender<()>> {
        let (go, gone) = oneshot::channel();
        self.0.lock().unwrap().push(Waiting { name, go });
        gone.await.ok()
    }
}

/// A store whose calls go through a gate. It can be taken away, as from a process that was killed.
pub struct Paced {
    pub store: Mutex<Option<Arc<dyn Store>>>,
    pub gate: Arc<Gate>,
}

impl Paced {
    /// Waits to be let through.
    async fn enter(&self, name: &'static str) -> (Arc<dyn Store>, oneshot::Sender<()>) {
        let ended = self.gate.enter(name).await;
        let store = self.store.lock().unwrap().clone();
        match (store, ended) {
            (Some(store), Some(ended)) => (store, ended),
            // Of a process that was killed: nothing more is heard of it.
            _ => std::future::pending().await,
        }
    }
}

macro_rules! paced {
    ($($name:ident($($arg:ident: $kind:ty $(as $own:ident)?),*) -> $out:ty;)*) => {
        impl Store for Paced {
            $(fn $name(&self, $($arg: $kind),*) -> StoreFuture<'_, $out> {
                // What is given by reference may be gone when it is let through.
                $($(let $arg = $arg.$own();)?)*
                Box::pin(async move {
                    let (store, _ended) = self.enter(stringify!($name)).await;
                    store.$name($(paced!(@arg $arg $($own)?)),*).await
                })
            })*
        }
    };
    (@arg $arg:ident) => { $arg };
    (@arg $arg:ident $own:ident) => { &$arg };
}

paced! {
    conversation(id: &str as to_owned) -> Option<ConversationRow>;
    conversation_by_thread(channel: &str as to_owned, thread: &str as to_owned) -> Option<ConversationRow>;
    seen(key: &SeenKey as clone) -> Option<SeenRow>;
    ids_of_sender(key: &SeenKey as clone, limit: usize) -> Vec<String>;
    commit(commit: Commit) -> ();
    events_after(conversation: &str as to_owned, seq: u64, limit: usize) -> Vec<EventRow>;
    events_before(conversation: &str as to_owned, before_seq: u64, limit: usize) -> Vec<EventRow>;
    due(endpoint: &str as to_owned, now: Timestamp, limit: usize) -> Vec<OutboxRow>;
    waiting(endpoint: &str as to_owned, now: Timestamp, limit: usize) -> Vec<OutboxRow>;
    next_due(endpoint: &str as to_owned, now: Timestamp) -> Option<Timestamp>;
    record_attempts(attempts: Vec<AttemptRow>) -> ();
    endpoint(name: &str as to_owned) -> Option<EndpointRow>;
    stop_endpoint(name: &str as to_owned, url_hash: &str as to_owned, reason: &str as to_owned, at: Timestamp) -> ();
    resume_endpoint(name: &str as to_owned) -> bool;
    handoffs(filter: HandoffFilter) -> Vec<HandoffRow>;
    handoff(id: &str as to_owned) -> Option<HandoffRow>;
    conversations(filter: ConversationFilter) -> Vec<ConversationRow>;
    looking() -> Vec<ConversationRow>;
    deliveries(filter: DeliveryFilter) -> Vec<OutboxRow>;
    delivery(id: i64) -> Option<OutboxRow>;
    retry(which: Selection, now: Timestamp) -> u64;
    drop_deliveries(which: Selection, now: Timestamp) -> u64;
    outbox_stats() -> Vec<EndpointStats>;
    queue_stats() -> Vec<QueueStats>;
    decisions(filter: DecisionFilter) -> Vec<(i64, DecisionRow)>;
    unmatched(since: Timestamp, limit: usize) -> Vec<UnmatchedRow>;
    surveys(filter: SurveyFilter) -> Vec<SurveyRow>;
    tallies(filter: DecisionFilter, look_up: &[String] as to_vec) -> Vec<TallyRow>;
    hits(filter: DecisionFilter, look_up: &[String] as to_vec) -> HitPage;
    cases(filter: DecisionFilter) -> Vec<CaseRow>;
    talks(since: Timestamp, after: i64, limit: usize, product: &str as to_owned) -> Vec<TalkRow>;
    wordings(filter: DecisionFilter) -> Vec<(i64, WordingRow)>;
    forced_hours(after: Timestamp) -> Vec<ForcedRow>;
    force_hours(row: ForcedRow, forgotten: Timestamp) -> ();
    release_hours(schedule: &str as to_owned, at: Timestamp) -> bool;
    kept(place: &str as to_owned, key: &str as to_owned, now: Timestamp) -> Option<String>;
    kept_all(place: &str as to_owned, prefix: &str as to_owned) -> Vec<KeptRow>;
    keep(rows: Vec<KeptRow>) -> ();
    forget(place: &str as to_owned, key: &str as to_owned) -> bool;
    timers(limit: usize) -> Vec<TimerRow>;
    set_timers(at: Timestamp) -> u64;
    writable() -> ();
    purge(now: Timestamp, limits: PurgeLimits) -> Purged;
}
