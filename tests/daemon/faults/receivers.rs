//! Receivers that are dead for a week, that cannot be trusted, and that have a hundred thousand deliveries before them. (Those
//! that fail, hang, redirect, never end, or ask to wait are in `tests/daemon/delivery.rs`.)

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nightdesk::clock::Clock;
use nightdesk::handoff::{Deliverer, DeliveryObserver, Endpoint};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{AttemptResult, AttemptRow, Commit, DeliveryFilter, NewDelivery, Selection, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::common::client::Client;
use crate::common::daemon::{Process, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::wait_for;

struct Nobody;

impl DeliveryObserver for Nobody {
    fn attempt(&self, _: &str, _: &str, _: f64) {}
    fn dead(&self, _: &str) {}
    fn stopped(&self, _: &str) {}
}

fn row(endpoint: &str, conversation: usize, n: usize, at: Timestamp) -> NewDelivery {
    NewDelivery {
        webhook_id: format!("evt_{conversation}_{n}"),
        endpoint: endpoint.into(),
        url: None,
        conversation: format!("c_{conversation}"),
        kind: "handoff.created".into(),
        body: format!(r#"{{"type":"handoff.created","data":{{"n":{n}}}}}"#).into_bytes(),
        created_at: at,
    }
}

fn deliverer(store: &Arc<dyn Store>, clock: &Clock, stop: &CancellationToken) -> Deliverer {
    Deliverer::new(Arc::clone(store), clock.clone(), Arc::new(Nobody), TaskTracker::new(), stop.clone()).unwrap()
}

async fn in_state(store: &Arc<dyn Store>, state: &str) -> usize {
    let filter = DeliveryFilter { state: Some(state.into()), endpoint: None, limit: 1_000_000 };
    store.deliveries(filter).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_dead_for_a_week_costs_ten_attempts_and_gets_everything_when_it_is_back() {
    const CONVERSATIONS: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let begin = instant("2026-10-09T20:15:00+08:00");
    let (clock, stop) = (Clock::fixed(begin), CancellationToken::new());
    // A port at which nobody listens.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let desk = deliverer(&store, &clock, &stop);
    desk.update(vec![Endpoint::new("desk", &format!("http://{nowhere}/"))]);
    let outbox = (0..CONVERSATIONS).flat_map(|of| (0..2).map(move |n| row("desk", of, n, begin))).collect();
    store.commit(Commit { outbox, ..Commit::default() }).await.unwrap();
    for hour in 0..7 * 24 {
        clock.set(begin.checked_add(SignedDuration::from_hours(hour)).unwrap());
        desk.wake("desk");
        wait_for("nothing more to try in this hour", || async {
            let due = store.due("desk", clock.now(), 100).await.unwrap();
            due.is_empty().then_some(())
        })
        .await;
    }
    let filter = DeliveryFilter { state: None, endpoint: None, limit: 100 };
    let rows = store.deliveries(filter.clone()).await.unwrap();
    for row in &rows {
        assert!(row.attempts <= 10, "{row:?}");
        assert!(row.last_error.as_deref().is_some_and(|error| error.contains("connect")), "{row:?}");
    }
    let firsts = rows.iter().filter(|row| row.webhook_id.ends_with("_0"));
    assert!(firsts.clone().all(|row| row.state == "dead" && row.attempts == 10), "{rows:#?}");
    assert_eq!(firsts.count(), CONVERSATIONS);

    // It is back elsewhere; a person sends again what was given up.
    let receiver = Receiver::start().await;
    desk.update(vec![Endpoint::new("desk", &receiver.url("/desk"))]);
    let dead = Selection::Dead { endpoint: None };
    store.retry(dead, clock.now()).await.unwrap();
    clock.set(clock.now().checked_add(SignedDuration::from_hours(25)).unwrap());
    desk.wake("desk");
    wait_for("everything delivered", || async {
        (in_state(&store, "delivered").await == 2 * CONVERSATIONS).then_some(())
    })
    .await;
    in_order(&receiver, CONVERSATIONS, 2);
    stop.cancel();
}

/// Everything came once, and in the order of each conversation.
fn in_order(receiver: &Receiver, conversations: usize, each: usize) {
    let mut next: HashMap<String, usize> = HashMap::new();
    for hit in receiver.hits_at("/desk") {
        let mut parts = hit.id().rsplitn(2, '_');
        let (n, conversation) = (parts.next().unwrap().parse::<usize>().unwrap(), parts.next().unwrap().to_owned());
        let expected = next.entry(conversation.clone()).or_default();
        assert_eq!(n, *expected, "order of {conversation}");
        *expected += 1;
    }
    assert_eq!(next.len(), conversations);
    assert!(next.values().all(|count| *count == each), "{next:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_nothing() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/tls");
    let certificate = CertificateDer::from_pem_file(here.join("self-signed.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(here.join("self-signed.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (heard, hears) = tokio::sync::mpsc::unbounded_channel::<bool>();
    let served = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let told = match acceptor.accept(stream).await {
                Ok(mut stream) => {
                    let mut some = [0; 1024];
                    let count = stream.read(&mut some).await.unwrap_or(0);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                    count > 0
                }
                Err(_) => false,
            };
            let _ = heard.send(told);
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let (clock, stop) = (Clock::system(), CancellationToken::new());
    let desk = deliverer(&store, &clock, &stop);
    let retry = vec![Duration::from_millis(20); 2];
    desk.update(vec![Endpoint { retry, ..Endpoint::new("desk", &format!("https://{address}/desk")) }]);
    store.commit(Commit { outbox: vec![row("desk", 0, 0, clock.now())], ..Commit::default() }).await.unwrap();
    desk.wake("desk");
    wait_for("given up", || async { (in_state(&store, "dead").await == 1).then_some(()) }).await;
    let dead = store.delivery(1).await.unwrap().unwrap();
    let error = dead.last_error.unwrap();
    assert_eq!(dead.attempts, 3);
    assert!(error.contains("certificate"), "{error}");
    served.abort();
    let mut hears = hears;
    let mut attempts = 0;
    while let Ok(heard) = hears.try_recv() {
        assert!(!heard, "a byte of the request was sent");
        attempts += 1;
    }
    assert!(attempts > 0);
    stop.cancel();
}

/// `make soak` has a hundred thousand of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mountain_of_deliveries_drains_in_order_while_customers_are_answered() {
    const CONVERSATIONS: usize = 500;
    let each: usize = std::env::var("NIGHTDESK_DELIVERIES").map_or(2_000, |n| n.parse().unwrap()) / CONVERSATIONS;
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    let quiet = tokio::task::block_in_place(|| Process::start(&shop));
    let before = answers(&quiet, 100).await;
    assert_eq!(tokio::task::block_in_place(|| quiet.terminate()), Some(0));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&shop.data()).unwrap());
    let at = Timestamp::now();
    for n in 0..each {
        let outbox = (0..CONVERSATIONS).map(|of| row("desk", of, n, at)).collect();
        store.commit(Commit { outbox, ..Commit::default() }).await.unwrap();
    }
    drop(store);
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let began = Instant::now();
    let during = answers(&daemon, 100).await;
    let mut hits = 0;
    while hits < CONVERSATIONS * each {
        // However long it takes, as long as it goes on.
        hits = wait_for("more of them", || async { Some(receiver.count()).filter(|count| *count > hits) }).await;
    }
    println!(
        "{} deliveries in {:?}; answers took {before:?} (median, 99 of 100) before and {during:?} meanwhile",
        CONVERSATIONS * each,
        began.elapsed()
    );
    assert_eq!(tokio::task::block_in_place(|| daemon.terminate()), Some(0));
    in_order(&receiver, CONVERSATIONS, each);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&shop.data()).unwrap());
    assert_eq!(in_state(&store, "delivered").await, CONVERSATIONS * each);
}

/// Asks so many questions; the median time to the answer, and the 99th of 100.
async fn answers(daemon: &Process, count: usize) -> (Duration, Duration) {
    let mut client = Client::new(daemon.address, "zh-CN").await;
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        let turn = client.say("怎么退货").await;
        assert_eq!(turn.messages().len(), 1, "{turn:#?}");
        times.push(began.elapsed());
    }
    times.sort();
    (times[count / 2], times[count * 99 / 100])
}

#[tokio::test]
async fn an_attempt_whose_outcome_cannot_be_written_down_is_not_made_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let receiver = Receiver::start().await;
    let (clock, stop) = (Clock::system(), CancellationToken::new());
    store.commit(Commit { outbox: vec![row("desk", 0, 0, clock.now())], ..Commit::default() }).await.unwrap();
    // The database refuses what would be written of it, and nothing else.
    let other = rusqlite::Connection::open(dir.path().join(nightdesk::store::sqlite::DATABASE)).unwrap();
    other.execute_batch("CREATE TRIGGER t BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ROLLBACK, 'no'); END;").unwrap();
    let refused = AttemptRow { id: 1, at: clock.now(), result: AttemptResult::Delivered { status: 200 } };
    assert!(store.record_attempts(vec![refused]).await.is_err());
    let desk = deliverer(&store, &clock, &stop);
    desk.update(vec![Endpoint::new("desk", &receiver.url("/desk"))]);
    receiver.wait("/desk", 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let meanwhile = receiver.hits().len();
    other.execute_batch("DROP TRIGGER t").unwrap();
    wait_for("written down", || async { (in_state(&store, "delivered").await == 1).then_some(()) }).await;
    assert_eq!((meanwhile, receiver.hits().len()), (1, 1), "sent once");
    stop.cancel();
}
