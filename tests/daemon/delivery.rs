//! Deliveries, from a store on disk to a receiver on a real socket.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Uri};
use jiff::{SignedDuration, Timestamp};
use nightdesk::clock::Clock;
use nightdesk::handoff::signing::{SignedHeaders, SigningKey, TOLERANCE, verify};
use nightdesk::handoff::{Deliverer, DeliveryObserver, Endpoint};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, DeliveryFilter, NewDelivery, OutboxRow, Selection, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// One request as it came.
#[derive(Clone, Debug)]
struct Hit {
    path: String,
    headers: HeaderMap,
    body: Bytes,
    at: Instant,
}

impl Hit {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn id(&self) -> &str {
        self.header("webhook-id").unwrap()
    }
}

/// What the receiver answers.
struct Reply {
    status: u16,
    header: Option<(&'static str, String)>,
    after: Duration,
    body: Body,
}

fn status(status: u16) -> Reply {
    Reply { status, header: None, after: Duration::ZERO, body: Body::from("ok") }
}

/// A receiver that writes down what comes.
struct Receiver {
    address: SocketAddr,
    hits: Arc<Mutex<Vec<Hit>>>,
    busiest: Arc<Mutex<Busiest>>,
}

#[derive(Default)]
struct Busiest {
    under_way: HashMap<String, usize>,
    all: usize,
    of_one_conversation: usize,
}

impl Receiver {
    /// `answer` gets each request and how many came before it with the same id.
    async fn start(answer: impl Fn(&Hit, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hits = Arc::new(Mutex::new(Vec::<Hit>::new()));
        let busiest = Arc::new(Mutex::new(Busiest::default()));
        let (kept, busy, answer) = (Arc::clone(&hits), Arc::clone(&busiest), Arc::new(answer));
        let receive = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (kept, busy, answer) = (Arc::clone(&kept), Arc::clone(&busy), Arc::clone(&answer));
            async move {
                let hit = Hit { path: uri.path().to_owned(), headers, body, at: Instant::now() };
                let conversation = hit.id().split('_').next().unwrap().to_owned();
                let before = {
                    let mut hits = kept.lock().unwrap();
                    hits.push(hit.clone());
                    hits.iter().filter(|other| other.id() == hit.id()).count() - 1
                };
                {
                    let mut busy = busy.lock().unwrap();
                    *busy.under_way.entry(conversation.clone()).or_default() += 1;
                    busy.all = busy.all.max(busy.under_way.values().sum());
                    busy.of_one_conversation = busy.of_one_conversation.max(busy.under_way[&conversation]);
                }
                let reply = answer(&hit, before);
                tokio::time::sleep(reply.after).await;
                *busy.lock().unwrap().under_way.get_mut(&conversation).unwrap() -= 1;
                let mut response = Response::builder().status(reply.status);
                if let Some((name, value)) = reply.header {
                    response = response.header(name, value);
                }
                response.body(reply.body).unwrap()
            }
        };
        let router = Router::new().fallback(receive);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, hits, busiest }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// Ids in the order in which they came, of one conversation.
    fn ids(&self, conversation: &str) -> Vec<String> {
        let prefix = format!("{conversation}_");
        self.hits().iter().map(|hit| hit.id().to_owned()).filter(|id| id.starts_with(&prefix)).collect()
    }
}

#[derive(Default)]
struct Counts(Mutex<Vec<String>>);

impl Counts {
    fn of(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| *line == what).count()
    }
}

impl DeliveryObserver for Counts {
    fn attempt(&self, endpoint: &str, outcome: &str, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.0.lock().unwrap().push(format!("{endpoint} {outcome}"));
    }

    fn dead(&self, endpoint: &str) {
        self.0.lock().unwrap().push(format!("{endpoint} counted dead"));
    }

    fn stopped(&self, endpoint: &str) {
        self.0.lock().unwrap().push(format!("{endpoint} stopped"));
    }
}

/// A store with a deliverer on it.
struct Desk {
    store: Arc<dyn Store>,
    deliverer: Deliverer,
    counts: Arc<Counts>,
    clock: Clock,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Desk {
    fn open(folder: &Path, clock: Clock) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder).unwrap());
        let (counts, tracker, stop) = (Arc::new(Counts::default()), TaskTracker::new(), CancellationToken::new());
        let observer = Arc::clone(&counts) as Arc<dyn DeliveryObserver>;
        let deliverer =
            Deliverer::new(Arc::clone(&store), clock.clone(), observer, tracker.clone(), stop.clone()).unwrap();
        Self { store, deliverer, counts, clock, tracker, stop }
    }

    /// Commits deliveries `CONVERSATION_N` and wakes the endpoint.
    async fn send(&self, endpoint: &str, ids: &[&str]) {
        let outbox = ids.iter().map(|id| self.row(endpoint, id)).collect();
        self.store.commit(Commit { outbox, ..Commit::default() }).await.unwrap();
        self.deliverer.wake(endpoint);
    }

    fn row(&self, endpoint: &str, id: &str) -> NewDelivery {
        NewDelivery {
            webhook_id: id.to_owned(),
            endpoint: endpoint.to_owned(),
            url: None,
            conversation: id.split('_').next().unwrap().to_owned(),
            kind: "handoff.created".to_owned(),
            body: format!(r#"{{"type":"handoff.created","data":{{"text":"转人工 {id}"}}}}"#).into_bytes(),
            created_at: self.clock.now(),
        }
    }

    async fn rows(&self, state: &str, endpoint: &str) -> Vec<OutboxRow> {
        let filter = DeliveryFilter { state: Some(state.into()), endpoint: Some(endpoint.into()), limit: 1_000 };
        self.store.deliveries(filter).await.unwrap()
    }

    async fn wait_for(&self, state: &str, endpoint: &str, count: usize) -> Vec<OutboxRow> {
        eventually(&format!("{count} {state} at {endpoint}"), || async {
            let rows = self.rows(state, endpoint).await;
            (rows.len() == count).then_some(rows)
        })
        .await
    }

    /// What is counted is counted after it is written.
    async fn counted(&self, what: &str, times: usize) {
        eventually(&format!("{what} {times} times"), || async { (self.counts.of(what) == times).then_some(()) }).await;
    }

    async fn close(self) {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(Duration::from_mins(1), self.tracker.wait()).await.expect("the workers end");
    }
}

/// Waits until there is a value, a minute at most: the machine may be busy.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn endpoint(name: &str, url: String) -> Endpoint {
    Endpoint {
        url,
        timeout: Duration::from_secs(5),
        retry: vec![Duration::from_millis(20); 4],
        keys: vec![SigningKey::parse(SECRET).unwrap()],
        ..Endpoint::new(name, "")
    }
}

#[tokio::test]
async fn lesson_20_a_failure_holds_back_its_conversation_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    // The first of `a` fails until all of `b` has come: what waits for `a` would wait for ever.
    let b_came = AtomicBool::new(false);
    let receiver = Receiver::start(move |hit, before| {
        if hit.id() == "b_2" {
            b_came.store(true, Ordering::SeqCst);
        }
        let fails = hit.id() == "a_1" && (before < 2 || !b_came.load(Ordering::SeqCst));
        status(if fails { 500 } else { 200 })
    })
    .await;
    desk.send("desk", &["a_1", "b_1", "a_2", "b_2", "a_3"]).await;
    let patient = Endpoint { retry: vec![Duration::from_millis(20); 3_000], ..endpoint("desk", receiver.url("/")) };
    desk.deliverer.update(vec![patient]);
    desk.wait_for("delivered", "desk", 5).await;
    assert_eq!(receiver.ids("b"), ["b_1", "b_2"]);
    let a = receiver.ids("a");
    let failures = a.iter().filter(|id| *id == "a_1").count() - 1;
    assert!(failures >= 2, "{a:?}");
    assert_eq!(a[failures..], ["a_1", "a_2", "a_3"], "what follows waits for what failed: {a:?}");
    desk.counted("desk retry", failures).await;
    desk.counted("desk delivered", 5).await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_go_at_a_time_but_never_two_of_one_conversation() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver = Receiver::start(|_, _| Reply { after: Duration::from_millis(10), ..status(200) }).await;
    let ids: Vec<String> = (0..5).flat_map(|n| (0..20).map(move |c| format!("c{c}_{n}"))).collect();
    desk.deliverer.update(vec![Endpoint { concurrency: 6, ..endpoint("desk", receiver.url("/")) }]);
    desk.send("desk", &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    desk.wait_for("delivered", "desk", 100).await;
    assert_eq!(receiver.hits().len(), 100, "each once");
    for c in 0..20 {
        let wanted: Vec<String> = (0..5).map(|n| format!("c{c}_{n}")).collect();
        assert_eq!(receiver.ids(&format!("c{c}")), wanted);
    }
    {
        let busiest = receiver.busiest.lock().unwrap();
        assert_eq!(busiest.of_one_conversation, 1);
        assert_eq!(busiest.all, 6);
    }
    desk.close().await;
}

#[tokio::test]
async fn an_endpoint_that_hangs_slows_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let hanging = Receiver::start(|_, _| Reply { after: Duration::from_mins(1), ..status(200) }).await;
    let lively = Receiver::start(|_, _| status(200)).await;
    let dead = Endpoint { timeout: Duration::from_millis(300), ..endpoint("dead", hanging.url("/")) };
    desk.deliverer.update(vec![dead, endpoint("desk", lively.url("/"))]);
    let ids: Vec<String> = (0..40).map(|n| format!("c{n}_1")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    desk.send("dead", &ids).await;
    eventually("the dead endpoint to be busy", || async { (hanging.hits().len() >= 16).then_some(()) }).await;
    desk.send("desk", &ids).await;
    desk.wait_for("delivered", "desk", 40).await;
    assert!(desk.counts.of("dead dead") < 40, "it still hangs");
    desk.wait_for("dead", "dead", 40).await;
    let error = desk.rows("dead", "dead").await.remove(0).last_error.unwrap();
    assert_eq!(error, "timed out; given up after 5 attempts");
    desk.counted("dead counted dead", 40).await;
    desk.close().await;
}

#[tokio::test]
async fn lesson_19_every_attempt_has_the_same_id_and_bytes_and_a_fresh_signature_of_each_key() {
    let dir = tempfile::tempdir().unwrap();
    let start: Timestamp = "2026-11-22T01:30:00Z".parse().unwrap();
    let desk = Desk::open(dir.path(), Clock::fixed(start));
    let receiver = Receiver::start(|_, before| status(if before == 0 { 503 } else { 200 })).await;
    let keys = [NEXT_SECRET, SECRET].map(|secret| SigningKey::parse(secret).unwrap());
    desk.deliverer.update(vec![Endpoint { keys: keys.to_vec(), ..endpoint("desk", receiver.url("/hook")) }]);
    desk.send("desk", &["a_1"]).await;
    eventually("the first failure", || async { (desk.counts.of("desk retry") == 1).then_some(()) }).await;
    desk.clock.set(start + SignedDuration::from_secs(10));
    desk.wait_for("delivered", "desk", 1).await;

    let hits = receiver.hits();
    assert_eq!(hits.len(), 2);
    assert_eq!(hits[0].body, hits[1].body);
    assert_eq!(hits[0].body, desk.row("desk", "a_1").body);
    for (hit, second) in hits.iter().zip([0, 10]) {
        let at = start + SignedDuration::from_secs(second);
        assert_eq!((hit.id(), hit.path.as_str()), ("a_1", "/hook"));
        assert_eq!(hit.header("content-type"), Some("application/json"));
        assert_eq!(hit.header("webhook-timestamp"), Some(at.as_second().to_string().as_str()));
        let headers = SignedHeaders {
            id: Some(hit.id()),
            timestamp: hit.header("webhook-timestamp"),
            signature: hit.header("webhook-signature"),
        };
        for key in &keys {
            assert_eq!(verify(headers, &hit.body, at, TOLERANCE, std::slice::from_ref(key)), Ok(()));
        }
    }
    assert_ne!(hits[0].header("webhook-signature"), hits[1].header("webhook-signature"));
    desk.close().await;
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let busy = |_: &Hit, before| match before {
        0 => Reply { header: Some(("retry-after", "1".into())), ..status(429) },
        _ => status(202),
    };
    let receiver = Receiver::start(busy).await;
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/"))]);
    desk.send("desk", &["a_1"]).await;
    desk.wait_for("delivered", "desk", 1).await;
    let hits = receiver.hits();
    let waited = hits[1].at - hits[0].at;
    assert!(waited >= Duration::from_millis(990), "waited {waited:?}");
    desk.close().await;
}

#[tokio::test]
async fn gone_stops_the_endpoint_until_it_has_another_url() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver = Receiver::start(|hit, _| status(if hit.path == "/old" { 410 } else { 200 })).await;
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/old"))]);
    desk.send("desk", &["a_1", "a_2"]).await;
    let buried = desk.wait_for("dead", "desk", 1).await;
    assert_eq!((buried[0].webhook_id.as_str(), buried[0].last_status), ("a_1", Some(410)));
    desk.send("desk", &["b_1"]).await;
    // The same URL again does not start it.
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/old"))]);
    assert_eq!(desk.store.outbox_stats().await.unwrap()[0].pending, 2);
    desk.counted("desk stopped", 1).await;
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/new"))]);
    desk.wait_for("delivered", "desk", 2).await;
    let paths: Vec<String> = receiver.hits().into_iter().map(|hit| hit.path).collect();
    assert_eq!(paths, ["/old", "/new", "/new"]);
    desk.close().await;
}

#[tokio::test]
async fn lesson_18_a_refused_delivery_is_dead_and_a_person_revives_it_from_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let refuse = Arc::new(Mutex::new(true));
    let asked = Arc::clone(&refuse);
    let answer = move |hit: &Hit, _| status(if hit.id() == "a_1" && *asked.lock().unwrap() { 404 } else { 200 });
    let receiver = Receiver::start(answer).await;
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/"))]);
    desk.send("desk", &["a_1", "a_2"]).await;
    desk.wait_for("delivered", "desk", 1).await;
    assert_eq!(receiver.ids("a"), ["a_1", "a_2"], "the conversation goes on");
    let dead = desk.wait_for("dead", "desk", 1).await;
    assert_eq!((dead[0].last_status, dead[0].attempts), (Some(404), 1));

    *refuse.lock().unwrap() = false;
    let command = SqliteStore::open_beside(dir.path()).unwrap();
    let count = command.retry(Selection::Dead { endpoint: None }, Timestamp::now()).await.unwrap();
    assert_eq!(count, 1);
    drop(command);
    desk.wait_for("delivered", "desk", 2).await;
    assert_eq!(receiver.ids("a"), ["a_1", "a_2", "a_1"]);
    desk.close().await;
}

#[tokio::test]
async fn redirects_are_failures_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver =
        Receiver::start(|_, _| Reply { header: Some(("location", "/elsewhere".into())), ..status(307) }).await;
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/"))]);
    desk.send("desk", &["a_1"]).await;
    let dead = desk.wait_for("dead", "desk", 1).await;
    let hits = receiver.hits();
    assert_eq!(hits.len(), 5, "at once and after each of the four waits");
    assert!(hits.iter().all(|hit| hit.path == "/"));
    assert_eq!((dead[0].attempts, dead[0].last_status), (5, Some(307)));
    desk.close().await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let endless = |_: &Hit, _| {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096])));
        Reply { body: Body::from_stream(chunks), ..status(200) }
    };
    let receiver = Receiver::start(endless).await;
    let began = Instant::now();
    desk.deliverer.update(vec![Endpoint { timeout: Duration::from_mins(5), ..endpoint("desk", receiver.url("/")) }]);
    desk.send("desk", &["a_1"]).await;
    desk.wait_for("delivered", "desk", 1).await;
    assert!(began.elapsed() < Duration::from_mins(2), "not only its time was up");
    desk.close().await;
}

#[tokio::test]
async fn lesson_14_nobody_there_is_tried_again_and_the_error_shows_no_url() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/s3cret", free.local_addr().unwrap());
    drop(free);
    desk.deliverer.update(vec![endpoint("desk", url), endpoint("odd", "not a URL s3cret".into())]);
    desk.send("desk", &["a_1"]).await;
    desk.send("odd", &["a_1"]).await;
    for name in ["desk", "odd"] {
        let dead = desk.wait_for("dead", name, 1).await;
        let error = dead[0].last_error.clone().unwrap();
        assert_eq!((dead[0].attempts, dead[0].last_status), (5, None));
        assert!(error.contains("given up after 5 attempts") && !error.contains("s3cret"), "{error}");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_reply_goes_to_its_own_url_unsigned_where_there_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver = Receiver::start(|_, _| status(200)).await;
    desk.deliverer.update(vec![Endpoint { keys: Vec::new(), ..endpoint("reply:crm", String::new()) }]);
    let row = NewDelivery { url: Some(receiver.url("/replies")), ..desk.row("reply:crm", "a_1") };
    desk.store.commit(Commit { outbox: vec![row], ..Commit::default() }).await.unwrap();
    desk.deliverer.wake("reply:crm");
    desk.wait_for("delivered", "reply:crm", 1).await;
    let hits = receiver.hits();
    assert_eq!((hits[0].path.as_str(), hits[0].header("webhook-signature")), ("/replies", None));
    desk.close().await;
}

#[tokio::test]
async fn endpoints_come_change_and_go_with_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver = Receiver::start(|_, _| status(200)).await;
    desk.send("desk", &["a_1"]).await;
    desk.deliverer.update(vec![endpoint("other", receiver.url("/other"))]);
    desk.deliverer.update(vec![endpoint("other", receiver.url("/other")), endpoint("desk", receiver.url("/1"))]);
    desk.wait_for("delivered", "desk", 1).await;
    desk.deliverer.update(vec![endpoint("other", receiver.url("/other")), endpoint("desk", receiver.url("/2"))]);
    desk.send("desk", &["a_2"]).await;
    desk.wait_for("delivered", "desk", 2).await;

    desk.deliverer.update(vec![endpoint("other", receiver.url("/other"))]);
    desk.send("desk", &["a_3"]).await;
    desk.send("other", &["a_4"]).await;
    desk.wait_for("delivered", "other", 1).await;
    assert_eq!(desk.rows("pending", "desk").await.len(), 1, "its rows stay");
    desk.deliverer.update(vec![endpoint("desk", receiver.url("/3"))]);
    desk.wait_for("delivered", "desk", 3).await;
    let paths: Vec<String> = receiver.hits().into_iter().map(|hit| hit.path).collect();
    assert_eq!(paths, ["/1", "/2", "/other", "/3"]);
    desk.close().await;
}

#[tokio::test]
async fn a_stop_waits_for_attempts_under_way_and_takes_no_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Clock::system());
    let receiver = Receiver::start(|_, _| Reply { after: Duration::from_millis(200), ..status(200) }).await;
    desk.deliverer.update(vec![Endpoint { concurrency: 1, ..endpoint("desk", receiver.url("/")) }]);
    desk.send("desk", &["a_1", "b_1"]).await;
    eventually("the first request", || async { (receiver.hits().len() == 1).then_some(()) }).await;
    let store = Arc::clone(&desk.store);
    desk.close().await;
    let states: Vec<String> =
        vec![store.delivery(1).await.unwrap().unwrap().state, store.delivery(2).await.unwrap().unwrap().state];
    assert_eq!(states, ["delivered", "pending"]);
    assert_eq!(receiver.hits().len(), 1);
}

#[test]
fn what_was_under_way_when_the_process_died_is_sent_again_under_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let world = tokio::runtime::Runtime::new().unwrap();
    let slow_once = |hit: &Hit, before| {
        let slow = hit.id() == "a_1" && before == 0;
        Reply { after: if slow { Duration::from_mins(1) } else { Duration::ZERO }, ..status(200) }
    };
    let receiver = world.block_on(Receiver::start(slow_once));

    let doomed = tokio::runtime::Runtime::new().unwrap();
    doomed.block_on(async {
        let desk = Desk::open(dir.path(), Clock::system());
        desk.deliverer.update(vec![endpoint("desk", receiver.url("/"))]);
        desk.send("desk", &["a_1", "a_2"]).await;
        eventually("the request", || async { (receiver.hits().len() == 1).then_some(()) }).await;
    });
    // Nothing is told to stop: the workers vanish in the middle of the request.
    doomed.shutdown_timeout(Duration::from_secs(5));

    world.block_on(async {
        let desk = Desk::open(dir.path(), Clock::system());
        desk.deliverer.update(vec![endpoint("desk", receiver.url("/"))]);
        desk.wait_for("delivered", "desk", 2).await;
        assert_eq!(receiver.ids("a"), ["a_1", "a_1", "a_2"]);
        desk.close().await;
    });
}
