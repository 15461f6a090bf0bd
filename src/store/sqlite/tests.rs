//! What can only be shown from inside: transactions that break in the middle.

use std::path::Path;
use std::sync::mpsc as std_mpsc;
use std::task::Poll;

use super::*;
use crate::store::{NewDelivery, delivery_state};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn message(n: usize) -> Commit {
    let conversation = format!("c_{n}");
    Commit {
        conversation: Some(ConversationRow {
            id: conversation.clone(),
            channel: "web".into(),
            thread: format!("t{n}"),
            customer: "u".into(),
            state: "bot".into(),
            version: 0,
            seq: 1,
            queue: None,
            priority: "normal".into(),
            language: None,
            body: "{}".into(),
            created_at: at(0),
            updated_at: at(0),
        }),
        events: vec![EventRow {
            conversation: conversation.clone(),
            seq: 1,
            at: at(0),
            kind: "message".into(),
            role: "visitor".into(),
            body: "x".repeat(500),
        }],
        outbox: vec![NewDelivery {
            webhook_id: format!("evt_{n}"),
            endpoint: "desk".into(),
            url: None,
            conversation,
            kind: "handoff.created".into(),
            body: vec![b'y'; 500],
            created_at: at(0),
        }],
        ..Commit::default()
    }
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder).unwrap()
}

/// Keeps the writer busy until told to go on, so that what is asked for meanwhile becomes one batch.
struct Busy(std_mpsc::Sender<()>);

impl Busy {
    async fn new(store: &std::sync::Arc<SqliteStore>) -> Self {
        let (go, wait) = std_mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let worker = std::sync::Arc::clone(store);
        tokio::spawn(async move {
            let hold = move |_: &rusqlite::Connection| {
                let _ = started.send(());
                let _ = wait.recv();
                Ok(())
            };
            worker.writer.run(hold).await
        });
        running.await.unwrap();
        Self(go)
    }

    fn go_on(self) {
        self.0.send(()).unwrap();
    }
}

/// Polls each future once, so that its job is in the queue in this order, then lets the writer run.
async fn together<'a, T: Send + 'a>(
    store: &'a std::sync::Arc<SqliteStore>,
    mut futures: Vec<StoreFuture<'a, T>>,
) -> Vec<Result<T, StoreError>> {
    let busy = Busy::new(store).await;
    for future in &mut futures {
        let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    busy.go_on();
    let mut answers = Vec::new();
    for future in futures {
        answers.push(future.await);
    }
    answers
}

#[tokio::test]
async fn one_commit_that_fails_takes_nothing_with_it_from_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(dir.path()));
    let mut clash = message(2);
    clash.events[0].conversation = "c_1".into();
    clash.events[0].seq = 1;
    let commits = [message(1), clash, message(3)];
    let answers = together(&store, commits.into_iter().map(|commit| store.commit(commit)).collect()).await;
    assert_eq!(answers, [Ok(()), Err(StoreError::Conflict), Ok(())]);
    assert!(store.conversation("c_1").await.unwrap().is_some());
    assert!(store.conversation("c_2").await.unwrap().is_none(), "what it wrote before the clash is undone");
    assert!(store.conversation("c_3").await.unwrap().is_some());
    assert_eq!(store.due("desk", at(1), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn when_the_commit_itself_fails_everybody_is_told_and_nothing_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(dir.path()));
    store
        .writer
        .run(|db| {
            db.execute_batch(
                "CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);",
            )?;
            Ok(())
        })
        .await
        .unwrap();
    // A deferred violation shows at COMMIT, as a failing disk would.
    let spoil = store.writer.run(|db| {
        db.execute("INSERT INTO child VALUES (1)", [])?;
        Ok(())
    });
    let jobs: Vec<StoreFuture<'_, ()>> = vec![store.commit(message(1)), Box::pin(spoil), store.commit(message(2))];
    let answers = together(&store, jobs).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{answers:?}");
    assert!(store.conversation("c_1").await.unwrap().is_none());
    assert!(store.conversation("c_2").await.unwrap().is_none());
    store.commit(message(1)).await.unwrap();
}

#[tokio::test]
async fn on_a_full_disk_what_was_answered_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(dir.path()));
    let limit = |pages: i64| {
        store.writer.run(move |db| {
            db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            Ok(())
        })
    };
    limit(60).await.unwrap();
    let answers = together(&store, (0..200).map(|n| store.commit(message(n))).collect()).await;
    let kept = |answer: &Result<(), StoreError>| answer.is_ok();
    assert!(answers.iter().any(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "60 pages are not enough");
    for (n, answer) in answers.iter().enumerate() {
        let there = store.conversation(&format!("c_{n}")).await.unwrap().is_some();
        let events = store.events_after(&format!("c_{n}"), 0, 10).await.unwrap().len();
        assert_eq!((there, events), (kept(answer), usize::from(kept(answer))), "message {n}: {answer:?}");
    }
    limit(1_000_000).await.unwrap();
    for (n, answer) in answers.iter().enumerate() {
        if !kept(answer) {
            store.commit(message(n)).await.unwrap();
        }
    }
    assert_eq!(store.due("desk", at(1), 1_000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn the_log_is_copied_and_starts_over_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(dir.path()));
    let log = dir.path().join(format!("{DATABASE}-wal"));
    store
        .writer
        .run(|db| {
            db.execute_batch("CREATE TABLE heap (a INTEGER PRIMARY KEY, b TEXT)")?;
            Ok(())
        })
        .await
        .unwrap();
    // Each writes 400 pages or so; without checkpoints the log would end near 330 megabytes.
    let mut largest = 0;
    for _ in 0..200 {
        store
            .writer
            .run(|db| {
                db.execute_batch(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1600)
                     INSERT INTO heap (b) SELECT hex(zeroblob(500)) FROM n",
                )?;
                Ok(())
            })
            .await
            .unwrap();
        largest = largest.max(std::fs::metadata(&log).unwrap().len());
    }
    assert!(largest < 110 << 20, "the log grew to {largest} bytes");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(message(1)).await.unwrap();
    store
        .writer
        .run(|db| {
            db.execute_batch(
                "UPDATE conversations SET version = -1; UPDATE outbox SET created_at = 9223372036854775807;",
            )?;
            Ok(())
        })
        .await
        .unwrap();
    assert!(matches!(store.conversation("c_1").await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.delivery(1).await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn an_event_without_its_conversation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let commit = Commit { conversation: None, ..message(1) };
    assert!(matches!(store.commit(commit).await, Err(StoreError::Impossible(_))));
    assert_eq!(store.due("desk", at(1), 10).await.unwrap(), []);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever happens to a line, exactly its oldest pending row is its head.
    #[test]
    fn the_oldest_pending_row_is_the_head(steps in proptest::collection::vec((0u8..6, 0usize..3, 1i64..13), 1..40)) {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        schema::migrate(&db).unwrap();
        for (what, line, id) in steps {
            let result = match what {
                0 | 1 => {
                    let mut commit = message(line);
                    outbox::insert(&db, &commit.outbox.remove(0)).map(|()| 0)
                }
                2 => outbox::retry(&db, &[id], 5),
                3 => outbox::drop_all(&db, &[id], 5),
                4 => attempt(&db, id, crate::store::AttemptResult::Delivered { status: 200 }),
                _ => attempt(&db, id, crate::store::AttemptResult::Dead { status: None, error: "x".into() }),
            };
            result.unwrap();
            let heads = "SELECT count(*) FROM outbox o WHERE head <> (state = 'pending' AND id =
                (SELECT min(id) FROM outbox WHERE state = 'pending' AND endpoint = o.endpoint AND conversation = o.conversation))";
            let wrong: i64 = db.query_row(heads, [], |row| row.get(0)).unwrap();
            proptest::prop_assert_eq!(wrong, 0);
        }
        let pending = crate::store::DeliveryFilter { state: Some(delivery_state::PENDING.into()), endpoint: None, limit: 1_000 };
        let lines: std::collections::HashSet<_> =
            outbox::deliveries(&db, &pending).unwrap().into_iter().map(|row| row.conversation).collect();
        proptest::prop_assert_eq!(outbox::due(&db, "desk", i64::MAX, 1_000).unwrap().len(), lines.len());
    }
}

#[test]
fn the_busy_queries_are_served_by_their_indexes() {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    schema::migrate(&db).unwrap();
    for (query, wanted) in [
        (
            "SELECT id FROM outbox WHERE state = 'pending' AND head = 1 AND endpoint = ?1 AND next_try_at <= ?2
             ORDER BY next_try_at, id",
            "SEARCH outbox USING COVERING INDEX outbox_due (endpoint=? AND next_try_at<?)",
        ),
        (
            "SELECT min(id) FROM outbox WHERE state = 'pending' AND endpoint = ?1 AND conversation = ?2",
            "SEARCH outbox USING COVERING INDEX outbox_line (endpoint=? AND conversation=?)",
        ),
        (
            "SELECT endpoint, count(*), min(created_at) FROM outbox WHERE state = 'pending' GROUP BY endpoint",
            "SCAN outbox USING COVERING INDEX outbox_line",
        ),
    ] {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
        let plan: Vec<String> = explain
            .query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(plan[0], wanted, "{query}: {plan:?}");
    }
}

fn attempt(db: &rusqlite::Connection, id: i64, result: crate::store::AttemptResult) -> Result<u64, StoreError> {
    outbox::record(db, &AttemptRow { id, at: at(9), result }).map(|()| 0)
}

#[tokio::test]
async fn what_is_kept_besides_and_what_is_sent_are_there_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let row = KeptRow { place: "p".into(), key: "k".into(), value: "v".into(), until: None };
    let both = Commit { kept: vec![row], ..message(1) };
    let db = rusqlite::Connection::open(folder.path().join(DATABASE)).unwrap();
    db.execute_batch("ALTER TABLE kept RENAME TO kept_away").unwrap();
    assert!(store.commit(both.clone()).await.is_err());
    assert!(store.due("desk", at(60), 10).await.unwrap().is_empty(), "nothing is sent");
    db.execute_batch("ALTER TABLE kept_away RENAME TO kept").unwrap();
    store.commit(both).await.unwrap();
    assert_eq!(store.due("desk", at(60), 10).await.unwrap().len(), 1);
    assert_eq!(store.kept("p", "k", at(0)).await.unwrap().as_deref(), Some("v"));
}
