//! What is left when something breaks off in the middle: a step that was committed and never told, an answer that nobody reads, a
//! sender that goes away, a receiver that was gone and is back, a worker that falls.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nightdesk::clock::Clock;
use nightdesk::handoff::signing::SigningKey;
use nightdesk::handoff::{Deliverer, DeliveryObserver, Endpoint};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, DeliveryFilter, NewDelivery, Store};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::common::client::{Client, message};
use crate::common::daemon::{Daemon, Process};
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{PATIENCE, api, str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

#[tokio::test]
async fn what_was_committed_and_not_told_comes_before_what_follows() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    let store = &daemon.app.pipeline.store;
    let row = store.conversation(client.conversation()).await.unwrap().unwrap();
    let said = store.events_after(client.conversation(), 0, 100).await.unwrap();
    let answer = said.iter().find(|event| event.role == "bot").expect("an answer");
    // Two more of the same, as by a step that ended between its commit and the sockets.
    let events = [1, 2].map(|more| nightdesk::store::EventRow { seq: row.seq + more, ..answer.clone() }).to_vec();
    let (seq, version) = (row.seq, row.version);
    let conversation = nightdesk::store::ConversationRow { seq: seq + 2, ..row };
    let commit =
        Commit { conversation: Some(conversation), expected_version: Some(version), events, ..Commit::default() };
    store.commit(commit).await.unwrap();
    assert!(client.quiet().await.frames.is_empty(), "nobody told");

    let told = client.say("退款要多久").await;
    let numbers: Vec<u64> = told.frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert_eq!(numbers, (seq + 1..=seq + numbers.len() as u64).collect::<Vec<_>>(), "{:#?}", told.frames);
    assert_eq!(told.texts(), ["七天内可以退货。", "七天内可以退货。", "退款三天到账。"]);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stream = socket.connect(daemon.address()).await.unwrap();
    let began = Instant::now();
    // More answers than all buffers between hold; the requests are sent as long as they are taken.
    let request = b"GET /widget.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(100);
    let given_up = async {
        while stream.write_all(&request).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given_up).await.expect("the connection is ended");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(10), "a reader that is slow for {waited:?} is no dead one");
    let figures = format!("http://{}/metrics", daemon.address());
    wait_for("the place", || async {
        let text = reqwest::get(&figures).await.unwrap().text().await.unwrap();
        text.contains("nightdesk_connections 1\n").then_some(())
    })
    .await;
}

/// A figure of the daemon.
async fn figure(address: SocketAddr, name: &str) -> f64 {
    let text = api::http().get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("there is no {name} in\n{text}"))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_who_never_read_cost_little_memory_and_are_cut_off() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let address = daemon.address;
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut reader = Client::new(address, "zh-CN").await;
        for number in 0..15 {
            reader.turn(message(&format!("m-{number}"), &"退".repeat(1_900))).await;
        }
        readers.push(reader);
    }
    let before = figure(address, "process_resident_memory_bytes").await;
    // Each asks for more than ten megabytes and reads none: some stay in the kernel, a little in the daemon, the rest is never made.
    for reader in &mut readers {
        for _ in 0..190 {
            // One that was cut off meanwhile is what is wanted.
            let _ = reader.try_send(json!({"type": "history", "data": {"limit": 100}})).await;
        }
    }
    let mut most = before;
    let began = Instant::now();
    while figure(address, "nightdesk_sockets").await > 0.0 {
        assert!(began.elapsed() < PATIENCE, "they are not cut off");
        most = most.max(figure(address, "process_resident_memory_bytes").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let grown = (most - before) / 1_048_576.0;
    assert!(grown < 50.0, "{grown:.0} MiB for 8 readers who do not read");
}

/// A signed request of a platform, and how much of it is its head.
fn request(address: SocketAddr, id: &str, seconds: i64) -> (Vec<u8>, usize) {
    let body = api::forwarded(id, id, "转人工").to_string();
    let signature = SigningKey::parse(CRM_SECRET).unwrap().sign(id, seconds, body.as_bytes());
    let head = format!(
        "POST /v1/inbound/crm HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    ([head.as_bytes(), body.as_bytes()].concat(), head.len())
}

#[tokio::test]
async fn a_request_that_breaks_off_is_nothing_and_one_whose_sender_goes_away_is_done_once() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let (address, now) = (daemon.address(), daemon.now().as_second());
    for (id, whole) in [("half", false), ("whole", true)] {
        let (bytes, head) = request(address, id, now);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(if whole { &bytes } else { &bytes[..head + 20] }).await.unwrap();
        stream.set_zero_linger().unwrap();
        if whole {
            // Gone as soon as the first byte of the answer would come, or before.
            let _ = timeout(Duration::from_millis(1), stream.readable()).await;
        }
        drop(stream);
    }
    // A platform that got no answer sends again.
    let (bytes, _) = request(address, "whole", now);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; 64];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer in time").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    receiver.wait("/desk", 1).await;
    // What came of the other, if anything, was there before this.
    api::forward(address, CRM_SECRET, now, &api::forwarded("last", "last", "转人工")).await;
    let cases = receiver.wait("/desk", 2).await;
    let customers: Vec<String> =
        cases.iter().map(|case| str_at(&case.json(), "/data/customer/id").to_owned()).collect();
    assert_eq!(customers, ["whole", "last"]);
}

#[tokio::test]
async fn a_receiver_that_was_gone_gets_what_waits_when_a_person_says_so() {
    let gone = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&gone);
    let receiver =
        Receiver::misbehaving(move |_, _| (if asked.load(Ordering::SeqCst) { 410 } else { 200 }, Duration::ZERO)).await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let now = daemon.now().as_second();
    api::forward(daemon.address(), CRM_SECRET, now, &api::forwarded("p-1", "cust-1", "转人工")).await;
    let stopped = || async {
        let stats = daemon.app.pipeline.store.outbox_stats().await.unwrap();
        stats.iter().find(|stats| stats.endpoint == "desk" && stats.stopped).cloned()
    };
    wait_for("the endpoint to be stopped", stopped).await;
    gone.store(false, Ordering::SeqCst);
    api::forward(daemon.address(), CRM_SECRET, now, &api::forwarded("p-2", "cust-2", "转人工")).await;
    assert!(stopped().await.is_some_and(|stats| stats.pending > 0), "it waits although the receiver is well again");
    let resume = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        command.arg("--dir").arg(shop.dir()).args(["queue", "--data"]).arg(shop.data()).args(["resume", "desk"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(resume(), "desk is used again\n");
    wait_for("the delivery", || async { (receiver.hits().last()?.answered == 200).then_some(()) }).await;
    assert!(stopped().await.is_none());
    assert_eq!(resume(), "desk was not stopped\n");
}

/// Falls at the first attempt.
struct Faint(AtomicUsize);

impl DeliveryObserver for Faint {
    fn attempt(&self, _: &str, _: &str, _: f64) {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the worker falls, as the test wants it");
    }
    fn dead(&self, _: &str) {}
    fn stopped(&self, _: &str) {}
}

#[tokio::test]
async fn a_worker_that_falls_is_started_again_and_nothing_is_lost() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let (clock, stop, faint) = (Clock::system(), CancellationToken::new(), Arc::new(Faint(AtomicUsize::new(0))));
    let observer: Arc<dyn DeliveryObserver> = Arc::<Faint>::clone(&faint);
    let desk = Deliverer::new(Arc::clone(&store), clock.clone(), observer, TaskTracker::new(), stop.clone()).unwrap();
    desk.update(vec![Endpoint::new("desk", &receiver.url("/desk"))]);
    let row = |n: usize| NewDelivery {
        webhook_id: format!("evt_{n}"),
        endpoint: "desk".into(),
        url: None,
        conversation: "c_1".into(),
        kind: "handoff.created".into(),
        body: json!({"n": n}).to_string().into_bytes(),
        created_at: clock.now(),
    };
    store.commit(Commit { outbox: (0..3).map(row).collect(), ..Commit::default() }).await.unwrap();
    desk.wake("desk");
    wait_for("all deliveries", || async {
        let filter = DeliveryFilter { state: Some("delivered".into()), endpoint: None, limit: 10 };
        (store.deliveries(filter).await.unwrap().len() == 3).then_some(())
    })
    .await;
    // An attempt is counted after what came of it is on disk.
    wait_for("the last attempt", || async { (faint.0.load(Ordering::SeqCst) >= 3).then_some(()) }).await;
    let mut ids: Vec<String> = receiver.hits().iter().map(|hit| hit.id().to_owned()).collect();
    ids.dedup();
    assert_eq!(ids, ["evt_0", "evt_1", "evt_2"], "in order, the first perhaps twice");
    stop.cancel();
}
