//! The store, from outside: what is promised to those who commit, deliver and look on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use nightdesk::store::{
    AttemptResult, AttemptRow, Commit, ConversationFilter, ConversationRow, DecisionFilter, DecisionRow,
    DeliveryFilter, EventRow, HandoffFilter, HandoffRow, KeptRow, NewDelivery, PurgeLimits, SeenKey, SeenRow,
    Selection, Store, StoreError, TimerRow,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(folder).unwrap())
}

fn conversation(id: &str) -> ConversationRow {
    ConversationRow {
        id: id.into(),
        channel: "web".into(),
        thread: format!("thread of {id}"),
        customer: "顾客".into(),
        state: "bot".into(),
        version: 0,
        seq: 0,
        queue: None,
        priority: "normal".into(),
        language: Some("zh".into()),
        body: r#"{"turns":1}"#.into(),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn event(id: &str, seq: u64) -> EventRow {
    let body = format!(r#"{{"text":"第{seq}条"}}"#);
    EventRow {
        conversation: id.into(),
        seq,
        at: at(seq.cast_signed()),
        kind: "message".into(),
        role: "visitor".into(),
        body,
    }
}

fn delivery(webhook_id: &str, endpoint: &str, id: &str) -> NewDelivery {
    NewDelivery {
        webhook_id: webhook_id.into(),
        endpoint: endpoint.into(),
        url: None,
        conversation: id.into(),
        kind: "handoff.created".into(),
        body: format!("body of {webhook_id}").into_bytes(),
        created_at: at(0),
    }
}

fn seen(id: &str) -> SeenRow {
    let key = SeenKey { channel: "crm".into(), account: String::new(), sender: "u1".into(), id: id.into() };
    let response = Some(r#"{"messages":[]}"#.into());
    SeenRow { key, conversation: "c_1".into(), message: format!("msg_{id}"), seq: 1, at: at(0), response }
}

fn handoff(id: &str, queue: &str, priority: &str, created: i64) -> HandoffRow {
    HandoffRow {
        id: id.into(),
        conversation: "c_1".into(),
        channel: "web".into(),
        queue: queue.into(),
        priority: priority.into(),
        reason: "asked".into(),
        state: "queued".into(),
        message: "msg_1".into(),
        created_at: at(created),
        taken_at: None,
        taken_by: None,
        ended_at: None,
        deadline: Some(at(created + 120)),
    }
}

fn begin(id: &str) -> Commit {
    Commit {
        conversation: Some(ConversationRow { seq: 1, ..conversation(id) }),
        events: vec![event(id, 1)],
        ..Commit::default()
    }
}

fn send(deliveries: Vec<NewDelivery>) -> Commit {
    Commit { outbox: deliveries, ..Commit::default() }
}

async fn due(store: &Arc<dyn Store>, endpoint: &str, second: i64) -> Vec<String> {
    store.due(endpoint, at(second), 100).await.unwrap().into_iter().map(|row| row.webhook_id).collect()
}

async fn record(store: &Arc<dyn Store>, id: i64, result: AttemptResult) {
    store.record_attempts(vec![AttemptRow { id, at: at(10), result }]).await.unwrap();
}

fn dead() -> AttemptResult {
    AttemptResult::Dead { status: Some(404), error: "HTTP 404".into() }
}

fn later(second: i64) -> AttemptResult {
    AttemptResult::Retry { at: at(second), status: None, error: "timed out".into() }
}

const OK: AttemptResult = AttemptResult::Delivered { status: 204 };

#[tokio::test]
async fn all_of_a_commit_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("made/when/missing");
    let store = open(&folder);
    let decision = DecisionRow {
        conversation: "c_1".into(),
        seq: 1,
        at: at(1),
        channel: "web".into(),
        outcome: "faq".into(),
        reason: "matched".into(),
        rule: Some("returns.window".into()),
        queue: None,
        score: Some(0.93),
        language: "zh".into(),
        rule_set: "ab12".into(),
        pilots: Some(r#"["returns.pilot"]"#.into()),
    };
    let commit = Commit {
        seen: Some(seen("m1")),
        outbox: vec![NewDelivery {
            url: Some("http://shop.example/r".into()),
            ..delivery("evt_1", "reply:crm", "c_1")
        }],
        handoffs: vec![handoff("h_1", "general", "high", 0)],
        decision: Some(decision.clone()),
        ..begin("c_1")
    };
    let binary = vec![0, 159, 146, 150, b'.'];
    store.commit(commit).await.unwrap();
    store.commit(send(vec![NewDelivery { body: binary.clone(), ..delivery("evt_2", "desk", "c_1") }])).await.unwrap();
    drop(store);

    let store = open(&folder);
    let row = ConversationRow { seq: 1, version: 1, ..conversation("c_1") };
    assert_eq!(store.conversation("c_1").await.unwrap(), Some(row.clone()));
    assert_eq!(store.conversation_by_thread("web", "thread of c_1").await.unwrap(), Some(row));
    assert_eq!(store.conversation_by_thread("crm", "thread of c_1").await.unwrap(), None);
    assert_eq!(store.events_after("c_1", 0, 10).await.unwrap(), [event("c_1", 1)]);
    assert_eq!(store.seen(&seen("m1").key).await.unwrap(), Some(seen("m1")));
    assert_eq!(store.handoff("h_1").await.unwrap(), Some(handoff("h_1", "general", "high", 0)));
    let reply = store.delivery(1).await.unwrap().unwrap();
    assert_eq!(
        (reply.url.as_deref(), reply.state.as_str(), reply.attempts),
        (Some("http://shop.example/r"), "pending", 0)
    );
    assert_eq!(store.delivery(2).await.unwrap().unwrap().body, binary);
    let all = DecisionFilter { from: at(0), until: at(2), after: 0, limit: 10 };
    assert_eq!(store.decisions(all.clone()).await.unwrap(), [(1, decision)]);
    assert_eq!(store.decisions(DecisionFilter { until: at(1), ..all.clone() }).await.unwrap(), []);
    assert_eq!(store.decisions(DecisionFilter { after: 1, ..all }).await.unwrap(), []);
}

#[tokio::test]
async fn a_conversation_changed_meanwhile_is_a_conflict_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(begin("c_1")).await.unwrap();
    assert_eq!(store.commit(begin("c_1")).await, Err(StoreError::Conflict), "it must not exist yet");
    let second = |version, text: &str| Commit {
        conversation: Some(ConversationRow { seq: 2, body: text.into(), ..conversation("c_1") }),
        expected_version: Some(version),
        events: vec![event("c_1", 2)],
        outbox: vec![delivery("evt", "desk", "c_1")],
        ..Commit::default()
    };
    store.commit(second(1, "first")).await.unwrap();
    assert_eq!(store.commit(second(1, "second")).await, Err(StoreError::Conflict), "the version is 2 by now");
    assert_eq!(store.commit(second(2, "third")).await, Err(StoreError::Conflict), "event 2 is taken");
    let row = store.conversation("c_1").await.unwrap().unwrap();
    assert_eq!((row.version, row.body.as_str()), (2, "first"));
    assert_eq!(due(&store, "desk", 1).await.len(), 1);
    let other = ConversationRow { thread: "thread of c_1".into(), ..conversation("c_2") };
    let commit = Commit { conversation: Some(other), ..Commit::default() };
    assert_eq!(store.commit(commit).await, Err(StoreError::Conflict), "the thread belongs to c_1");
    let gone = Commit { conversation: Some(conversation("c_3")), expected_version: Some(1), ..Commit::default() };
    assert_eq!(store.commit(gone).await, Err(StoreError::Conflict));
}

#[tokio::test]
async fn lesson_17_of_one_message_that_comes_twice_one_is_kept_and_the_other_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let commit = || Commit { seen: Some(seen("m1")), ..begin("c_1") };
    let (one, two) = tokio::join!(store.commit(commit()), store.commit(commit()));
    let mut both = [one, two];
    both.sort_by_key(Result::is_err);
    assert_eq!(both, [Ok(()), Err(StoreError::Duplicate)], "and not a conflict");
    let mut other = seen("m1");
    other.key.sender = "u2".into();
    assert_eq!(store.seen(&other.key).await.unwrap(), None);
    store.commit(Commit { seen: Some(other), ..Commit::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hundreds_commit_at_once_is_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1_500 {
        let store = Arc::clone(&store);
        // Every third fails: it claims the conversation of its neighbour.
        let id = format!("c_{}", if n % 3 == 2 { n - 1 } else { n });
        tasks.spawn(
            async move { store.commit(Commit { outbox: vec![delivery("evt", "desk", &id)], ..begin(&id) }).await },
        );
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_000);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(StoreError::Conflict)).count(), 500);
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.conversations(ConversationFilter { state: None, limit: 2_000 }).await.unwrap().len(), 1_000);
    assert_eq!(store.due("desk", at(1), 2_000).await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn events_are_read_in_order_from_either_side() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(begin("c_2")).await.unwrap();
    let events: Vec<EventRow> = (1..=9).map(|seq| event("c_1", seq)).collect();
    store.commit(Commit { conversation: Some(conversation("c_1")), events, ..Commit::default() }).await.unwrap();
    let seqs = |rows: Vec<EventRow>| rows.into_iter().map(|row| row.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.events_after("c_1", 6, 10).await.unwrap()), [7, 8, 9]);
    assert_eq!(seqs(store.events_after("c_1", 0, 2).await.unwrap()), [1, 2]);
    assert_eq!(seqs(store.events_after("c_1", 9, 2).await.unwrap()), [0; 0]);
    assert_eq!(seqs(store.events_before("c_1", 5, 3).await.unwrap()), [2, 3, 4]);
    assert_eq!(seqs(store.events_before("c_1", u64::MAX, 2).await.unwrap()), [8, 9]);
}

#[tokio::test]
async fn only_the_oldest_of_each_conversation_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rows = [("a1", "c_a"), ("a2", "c_a"), ("b1", "c_b"), ("a3", "c_a"), ("b2", "c_b")];
    store.commit(send(rows.iter().map(|(evt, id)| delivery(evt, "desk", id)).collect())).await.unwrap();
    store.commit(send(vec![delivery("x1", "oncall", "c_a")])).await.unwrap();
    assert_eq!(due(&store, "desk", 0).await, ["a1", "b1"]);
    assert_eq!(due(&store, "desk", -1).await, [""; 0], "not before its time");
    assert_eq!(store.due("desk", at(0), 1).await.unwrap().len(), 1);
    assert_eq!(due(&store, "oncall", 0).await, ["x1"], "another endpoint has lines of its own");

    record(&store, 1, later(60)).await;
    assert_eq!(due(&store, "desk", 59).await, ["b1"], "the younger ones wait behind the one that failed");
    assert_eq!(store.next_due("desk", at(59)).await.unwrap(), Some(at(60)));
    assert_eq!(due(&store, "desk", 60).await, ["b1", "a1"]);
    let row = store.delivery(1).await.unwrap().unwrap();
    assert_eq!((row.attempts, row.last_status, row.last_error.as_deref()), (1, None, Some("timed out")));

    record(&store, 1, OK).await;
    record(&store, 3, dead()).await;
    assert_eq!(due(&store, "desk", 0).await, ["a2", "b2"]);
    let row = store.delivery(1).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.attempts, row.last_status, row.last_error), ("delivered", 2, Some(204), None));
}

#[tokio::test]
async fn a_person_retries_and_drops_from_another_handle() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = open(dir.path());
    let rows = ["a1", "a2", "a3"].map(|evt| delivery(evt, "desk", "c_a"));
    daemon.commit(send(rows.to_vec())).await.unwrap();
    daemon.commit(send(vec![delivery("x1", "oncall", "c_a")])).await.unwrap();
    record(&daemon, 1, dead()).await;
    record(&daemon, 2, later(3_600)).await;
    record(&daemon, 4, dead()).await;

    let command: Arc<dyn Store> = Arc::new(SqliteStore::open_beside(dir.path()).unwrap());
    let listed = |state: &str, endpoint: Option<&str>| {
        let filter = DeliveryFilter { state: Some(state.into()), endpoint: endpoint.map(Into::into), limit: 10 };
        let command = Arc::clone(&command);
        async move { command.deliveries(filter).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>() }
    };
    assert_eq!(listed("dead", None).await, [4, 1]);
    assert_eq!(listed("dead", Some("desk")).await, [1]);
    assert_eq!(listed("pending", None).await, [3, 2]);
    assert_eq!(listed("delivered", None).await, [0; 0]);
    assert_eq!(listed("no such state", None).await, [0; 0]);

    let desk = Selection::Dead { endpoint: Some("desk".into()) };
    assert_eq!(command.retry(desk.clone(), at(20)).await.unwrap(), 1);
    assert_eq!(command.retry(desk, at(20)).await.unwrap(), 0);
    assert_eq!(due(&daemon, "desk", 20).await, ["a1"], "it is older than the one that was waiting");
    assert_eq!(daemon.delivery(1).await.unwrap().unwrap().attempts, 0, "with the whole schedule before it");
    assert_eq!(command.drop_deliveries(Selection::Ids(vec![1, 99, 4]), at(21)).await.unwrap(), 2);
    assert_eq!(due(&daemon, "desk", 21).await, [""; 0], "a2 waits for its time again");
    assert_eq!(command.retry(Selection::Ids(vec![2]), at(22)).await.unwrap(), 1);
    assert_eq!(due(&daemon, "desk", 22).await, ["a2"], "at once, because a person said so");

    // An attempt that was under way while a person dropped the row.
    record(&daemon, 1, later(30)).await;
    assert_eq!(daemon.delivery(1).await.unwrap().unwrap().state, "dropped", "a failure changes nothing");
    record(&daemon, 1, OK).await;
    assert_eq!(daemon.delivery(1).await.unwrap().unwrap().state, "delivered", "the receiver has it");
    assert_eq!(command.retry(Selection::Ids(vec![1]), at(30)).await.unwrap(), 0, "delivered is delivered");
}

#[tokio::test]
async fn a_stopped_endpoint_has_nothing_due_until_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(send(vec![delivery("a1", "desk", "c_a"), delivery("a2", "desk", "c_a")])).await.unwrap();
    let gone = AttemptResult::EndpointGone { status: 410, error: "gone".into(), url_hash: "h1".into() };
    record(&store, 1, gone).await;
    assert_eq!(store.delivery(1).await.unwrap().unwrap().state, "dead");
    assert_eq!(due(&store, "desk", 100).await, [""; 0]);
    assert_eq!(store.next_due("desk", at(-1)).await.unwrap(), None);
    let row = store.endpoint("desk").await.unwrap().unwrap();
    assert_eq!((row.url_hash.as_str(), row.stopped_at), ("h1", Some(at(10))));
    let stats = store.outbox_stats().await.unwrap();
    assert_eq!((stats[0].pending, stats[0].dead, stats[0].oldest, stats[0].stopped), (1, 1, Some(at(0)), true));
    assert!(store.resume_endpoint("desk").await.unwrap());
    assert!(!store.resume_endpoint("desk").await.unwrap());
    assert_eq!(due(&store, "desk", 100).await, ["a2"]);
    store.stop_endpoint("desk", "h2", "by hand", at(50)).await.unwrap();
    let row = store.endpoint("desk").await.unwrap().unwrap();
    assert_eq!((row.url_hash.as_str(), row.stopped_at, row.reason.as_str()), ("h2", Some(at(50)), "by hand"));
    assert_eq!(store.endpoint("oncall").await.unwrap(), None);
}

#[tokio::test]
async fn handoffs_come_by_urgency_then_age() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let handoffs = vec![
        handoff("h_low", "general", "low", 1),
        handoff("h_new", "general", "normal", 9),
        handoff("h_old", "vip", "normal", 2),
        handoff("h_urgent", "oncall", "urgent", 5),
        handoff("h_high", "general", "high", 5),
    ];
    store.commit(Commit { handoffs, ..begin("c_1") }).await.unwrap();
    let list = |state: Option<&str>, queue: Option<&str>, limit| {
        let filter = HandoffFilter { state: state.map(Into::into), queue: queue.map(Into::into), limit };
        let store = Arc::clone(&store);
        async move { store.handoffs(filter).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>() }
    };
    assert_eq!(list(None, None, 10).await, ["h_urgent", "h_high", "h_old", "h_new", "h_low"]);
    assert_eq!(list(Some("queued"), None, 2).await, ["h_urgent", "h_high"]);
    assert_eq!(list(Some("queued"), Some("general"), 10).await, ["h_high", "h_new", "h_low"]);
    let taken = HandoffRow {
        state: "taken".into(),
        taken_by: Some("小王".into()),
        taken_at: Some(at(30)),
        created_at: at(77),
        ..handoff("h_high", "general", "high", 5)
    };
    store.commit(Commit { handoffs: vec![taken.clone()], ..Commit::default() }).await.unwrap();
    assert_eq!(list(Some("taken"), None, 10).await, ["h_high"]);
    let kept = HandoffRow { created_at: at(5), ..taken };
    assert_eq!(store.handoff("h_high").await.unwrap(), Some(kept), "the beginning stays");
    let stats = store.queue_stats().await.unwrap();
    let figures: Vec<_> = stats.iter().map(|row| (row.queue.as_str(), row.queued, row.oldest)).collect();
    assert_eq!(figures, [("general", 2, at(1)), ("oncall", 1, at(5)), ("vip", 1, at(2))]);
}

#[tokio::test]
async fn conversations_are_listed_by_state_the_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (id, state) in [("c_1", "bot"), ("c_2", "queued"), ("c_3", "human"), ("c_4", "queued"), ("c_5", "closed")] {
        let row = ConversationRow { state: state.into(), ..conversation(id) };
        store.commit(Commit { conversation: Some(row), ..Commit::default() }).await.unwrap();
    }
    let list = |state: Option<&str>, limit| {
        let filter = ConversationFilter { state: state.map(Into::into), limit };
        let store = Arc::clone(&store);
        async move { store.conversations(filter).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>() }
    };
    assert_eq!(list(Some("queued"), 10).await, ["c_4", "c_2"]);
    assert_eq!(list(Some("human"), 10).await, ["c_3"]);
    assert_eq!(list(Some("closed"), 10).await, ["c_5"]);
    assert_eq!(list(None, 2).await, ["c_5", "c_4"]);
}

#[tokio::test]
async fn timers_come_by_time_and_go_with_their_cases() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let timer = |id: &str, time: Option<i64>| TimerRow { conversation: id.into(), at: time.map(at) };
    for (n, (id, state)) in
        [("c_1", "queued"), ("c_2", "human"), ("c_3", "bot"), ("c_4", "queued")].into_iter().enumerate()
    {
        let row = ConversationRow { state: state.into(), ..conversation(id) };
        let own = [Some(30), Some(10), Some(20), None].get(n).copied().flatten();
        let commit = Commit { conversation: Some(row), timer: Some(timer(id, own)), ..Commit::default() };
        store.commit(commit).await.unwrap();
    }
    let ids = async |limit| -> Vec<(String, Option<Timestamp>)> {
        store.timers(limit).await.unwrap().into_iter().map(|row| (row.conversation, row.at)).collect()
    };
    let all = |list: &[(&str, i64)]| -> Vec<(String, Option<Timestamp>)> {
        list.iter().map(|(id, time)| ((*id).to_owned(), Some(at(*time)))).collect()
    };
    assert_eq!(ids(10).await, all(&[("c_2", 10), ("c_3", 20), ("c_1", 30)]));
    assert_eq!(ids(1).await, all(&[("c_2", 10)]));
    // A commit that names none leaves it, one that names another time moves it, one without a time removes it.
    store.commit(Commit::default()).await.unwrap();
    store.commit(Commit { timer: Some(timer("c_2", Some(40))), ..Commit::default() }).await.unwrap();
    store.commit(Commit { timer: Some(timer("c_3", None)), ..Commit::default() }).await.unwrap();
    assert_eq!(ids(10).await, all(&[("c_1", 30), ("c_2", 40)]));
    // All that are with people, those without one too; an earlier one stays.
    assert_eq!(store.set_timers(at(35)).await.unwrap(), 3);
    assert_eq!(ids(10).await, all(&[("c_1", 30), ("c_2", 35), ("c_4", 35)]));
    let nobody = Commit { timer: Some(timer("c_none", Some(1))), ..Commit::default() };
    assert!(matches!(store.commit(nobody).await, Err(StoreError::Impossible(_))));
}

#[tokio::test]
async fn what_is_old_is_purged_in_batches_and_what_is_young_or_dead_stays() {
    const HOUR: i64 = 3_600;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // The first two came while the clock was far ahead: they hold up nothing.
    for n in -2..7 {
        let at = at(match n {
            ..0 => 1_000_000 * HOUR,
            0..5 => 0,
            _ => 100 * HOUR,
        });
        store.commit(Commit { seen: Some(SeenRow { at, ..seen(&n.to_string()) }), ..Commit::default() }).await.unwrap();
    }
    store.commit(send(["a", "b", "c", "d"].map(|evt| delivery(evt, "desk", evt)).to_vec())).await.unwrap();
    record(&store, 1, OK).await;
    record(&store, 2, dead()).await;
    store.drop_deliveries(Selection::Ids(vec![3]), at(10)).await.unwrap();
    let limits = PurgeLimits { batch: 2, ..PurgeLimits::default() };

    let young = store.purge(at(71 * HOUR), limits).await.unwrap();
    assert_eq!((young.seen, young.deliveries, young.more), (0, 0, false), "nothing is 72 hours old");
    let now = at(72 * HOUR + 1);
    let mut seen_rows = Vec::new();
    loop {
        let purged = store.purge(now, limits).await.unwrap();
        seen_rows.push(purged.seen);
        if !purged.more {
            break;
        }
    }
    assert_eq!(seen_rows, [2, 2, 1]);
    assert_eq!(store.seen(&seen("4").key).await.unwrap(), None);
    assert!(store.seen(&seen("5").key).await.unwrap().is_some());
    assert!(store.delivery(1).await.unwrap().is_some());

    let purged = store.purge(at(8 * 24 * HOUR), PurgeLimits::default()).await.unwrap();
    assert_eq!((purged.seen, purged.deliveries), (2, 2));
    assert!(store.seen(&seen("-1").key).await.unwrap().is_some());
    for (id, stays) in [(1, false), (2, true), (3, false), (4, true)] {
        assert_eq!(store.delivery(id).await.unwrap().is_some(), stays, "delivery {id}");
    }
    let forever = PurgeLimits { seen: Duration::MAX, delivered: Duration::MAX, ..PurgeLimits::default() };
    assert_eq!(store.purge(Timestamp::MAX, forever).await.unwrap().seen, 0);
}

#[tokio::test]
async fn times_keep_their_milliseconds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let precise = at(0) + SignedDuration::from_millis(7);
    let row = ConversationRow { created_at: precise, updated_at: precise, ..conversation("c_1") };
    store.commit(Commit { conversation: Some(row), ..Commit::default() }).await.unwrap();
    assert_eq!(store.conversation("c_1").await.unwrap().unwrap().updated_at, precise);
}

#[test]
fn a_second_daemon_is_refused_and_a_command_is_not() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(SqliteStore::open_beside(dir.path()), Err(StoreError::Missing(_))));
    assert!(!dir.path().join(DATABASE).exists(), "looking makes nothing");
    let daemon = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(SqliteStore::open(dir.path()).err(), Some(StoreError::InUse(dir.path().to_owned())));
    drop(SqliteStore::open_beside(dir.path()).unwrap());
    drop(daemon);
    SqliteStore::open(dir.path()).unwrap();
}

#[test]
fn a_database_of_another_version_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path()).unwrap());
    let set = |version: i64| {
        let db = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
    };
    set(1_000);
    assert!(matches!(SqliteStore::open(dir.path()), Err(StoreError::Newer { found: 1_000, .. })));
    assert!(matches!(SqliteStore::open_beside(dir.path()), Err(StoreError::Newer { .. })));
    set(0);
    assert!(matches!(SqliteStore::open_beside(dir.path()), Err(StoreError::Older { found: 0, .. })));
    std::fs::write(dir.path().join(DATABASE), "no database").unwrap();
    assert!(matches!(SqliteStore::open(dir.path()), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteStore::open(&file.join("data")).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
    assert!(error.to_string().contains("data"), "{error}");
}

#[tokio::test]
async fn a_person_reads_the_file_while_the_daemon_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let handoffs = vec![handoff("h_1", "general", "high", 0)];
    store.commit(Commit { handoffs, outbox: vec![delivery("evt_1", "desk", "c_1")], ..begin("c_1") }).await.unwrap();
    let shell = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    let queue: (String, String, String) = shell
        .query_row("SELECT id, customer, deadline_utc FROM v_queue", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(queue, ("h_1".into(), "顾客".into(), "2026-09-21 14:15:20".into()));
    let sent: (String, String, i64) = shell
        .query_row("SELECT kind, next_try_utc, bytes FROM v_deliveries", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(sent, ("handoff.created".into(), "2026-09-21 14:13:20".into(), 13));
}

#[tokio::test]
async fn what_channels_remember_survives_a_start_and_is_forgotten_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mark = |place: &str, key: &str, value: &str, until: Option<Timestamp>| KeptRow {
        place: place.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        until,
    };
    for row in [
        mark("kf", "cursor:a", "1", None),
        mark("kf", "cursor:a", "2", None),
        mark("kf", "cursor_b", "3", Some(at(10))),
        mark("other", "cursor:a", "4", None),
    ] {
        store.keep(vec![row]).await.unwrap();
    }
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.kept_all("kf", "cursor:").await.unwrap(), [mark("kf", "cursor:a", "2", None)]);
    assert_eq!(store.kept_all("kf", "cursor").await.unwrap().len(), 2);
    assert_eq!(store.kept("kf", "cursor_b", at(9)).await.unwrap().as_deref(), Some("3"));
    assert_eq!(store.kept("kf", "cursor_b", at(10)).await.unwrap(), None);
    store.purge(at(9), PurgeLimits::default()).await.unwrap();
    assert_eq!(store.kept_all("kf", "cursor").await.unwrap().len(), 2);
    store.purge(at(10), PurgeLimits::default()).await.unwrap();
    assert_eq!(store.kept_all("kf", "").await.unwrap(), [mark("kf", "cursor:a", "2", None)]);
    assert!(store.forget("kf", "cursor:a").await.unwrap());
    assert!(!store.forget("kf", "cursor:a").await.unwrap());
    assert_eq!(store.kept_all("other", "cursor:a").await.unwrap().len(), 1);
}
