//! A full disk and a slow one.
//!
//! Full, in two ways. Between the daemon and the C library stands `full_disk.c` (by `LD_PRELOAD`; it is built by the C compiler
//! that the program itself needs), which lets no file of the data become longer while another file exists: what SQLite gets is
//! `ENOSPC`, as from a full disk. And the daemon may make no file longer than its log is already (`RLIMIT_FSIZE`; `write` fails
//! with `EFBIG`), which the kernel itself refuses. Neither needs any right. That the room of a real file system ends in the middle
//! of a write is not shown; to SQLite that is the same as its beginning.
//!
//! Slow: another process holds the database, so that no commit comes to its end. That is what a disk that hangs looks like to
//! everything above SQLite; it says nothing about a disk on which each sync merely takes long.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use serde_json::{Value, json};

use crate::common::client::{Client, message};
use crate::common::daemon::Process;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::transcript::transcript_holds;
use crate::common::{api, str_at, wait_for};

/// A daemon whose disk can be full.
struct Machine {
    daemon: Process,
    shop: Shop,
    receiver: Receiver,
    kind: Kind,
}

enum Kind {
    /// Full while this file exists.
    While(PathBuf),
    /// No file longer than so much.
    Limit,
}

impl Machine {
    /// On a disk that is full when it is told to be.
    async fn small_disk() -> Self {
        let (shop, receiver) = shop().await;
        let (shim, flag) = (shop.aside("full_disk.so"), shop.aside("full"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/faults/full_disk.c");
        let built = Command::new("cc").args(["-O1", "-shared", "-fPIC", source, "-ldl", "-o"]).arg(&shim).status();
        assert!(built.expect("the C compiler that the program is built with").success());
        fs::create_dir(shop.data()).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let data = text(&fs::canonicalize(shop.data()).unwrap());
        let environment = [("LD_PRELOAD", &*text(&shim)), ("FULL_DISK", &*data), ("FULL_DISK_WHILE", &*text(&flag))];
        let daemon = tokio::task::block_in_place(|| Process::start_with(&shop, &environment));
        Self { daemon, shop, receiver, kind: Kind::While(flag) }
    }

    /// With a limit on the length of files, which is an error to it and not its end.
    async fn limited() -> Self {
        let (shop, receiver) = shop().await;
        let under = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
        let daemon = tokio::task::block_in_place(|| Process::start_under(&shop, &under));
        Self { daemon, shop, receiver, kind: Kind::Limit }
    }

    fn fill(&self) {
        match &self.kind {
            Kind::While(flag) => fs::write(flag, "").unwrap(),
            Kind::Limit => {
                let log = fs::metadata(self.shop.data().join(format!("{DATABASE}-wal"))).unwrap().len();
                self.limit(&format!("{log}:"));
            }
        }
    }

    fn make_room(&self) {
        match &self.kind {
            Kind::While(flag) => fs::remove_file(flag).unwrap(),
            Kind::Limit => self.limit("unlimited:"),
        }
    }

    fn limit(&self, soft: &str) {
        let done =
            Command::new("prlimit").args(["--pid", &self.daemon.id().to_string(), &format!("--fsize={soft}")]).status();
        assert!(done.unwrap().success());
    }

    async fn ready(&self) -> u16 {
        let url = format!("http://{}/-/ready", self.daemon.address);
        api::http().get(url).send().await.unwrap().status().as_u16()
    }

    /// A message of a platform's customer.
    async fn forward(&self, id: &str, text: &str) -> api::Answered {
        let body = api::forwarded(id, "u1", text);
        api::forward(self.daemon.address, CRM_SECRET, Timestamp::now().as_second(), &body).await
    }
}

async fn shop() -> (Shop, Receiver) {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    (shop, receiver)
}

/// Says something once; the `ack`, or the `error`.
async fn once(client: &mut Client, id: &str, text: &str) -> Value {
    client.send(message(id, text)).await;
    loop {
        let frame = client.next().await;
        if frame["re"] == id && frame["type"] != "held" {
            return frame;
        }
    }
}

/// Says something until it is taken; the id of the message.
async fn until_taken(client: &mut Client, id: &str, text: &str) -> String {
    loop {
        let answer = once(client, id, text).await;
        if answer["type"] == "ack" {
            return str_at(&answer, "/data/message").to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_full_disk(machine: Machine) {
    let mut client = Client::new(machine.daemon.address, "zh-CN").await;
    let mut acknowledged = Vec::new();
    for n in 0..5 {
        acknowledged.push(until_taken(&mut client, &format!("before-{n}"), "怎么退货").await);
    }
    assert_eq!(machine.ready().await, 200);
    let before = machine.forward("p-1", "怎么退货").await;
    assert_eq!(before.status, 200);

    machine.fill();
    // What there was room for may have been taken yet: in the end it is refused, and says so.
    let mut n = 0;
    let refused = loop {
        n += 1;
        assert!(n < 2_000, "the disk is not full");
        let answer = once(&mut client, &format!("full-{n}"), "怎么退货").await;
        match answer["type"].as_str() {
            Some("ack") => acknowledged.push(str_at(&answer, "/data/message").to_owned()),
            _ => break answer,
        }
    };
    assert_eq!((&refused["type"], &refused["data"]["code"]), (&json!("error"), &json!("unavailable")), "{refused:#}");
    assert!(refused["data"]["retry_after_ms"].as_u64().or(refused["data"]["retry"].as_u64()).is_some(), "{refused:#}");
    let forwarded = machine.forward("p-2", "我要转人工").await;
    assert_eq!((forwarded.status, &forwarded.json["code"]), (503, &json!("unavailable")), "{forwarded:?}");
    wait_for("not ready", || async { (machine.ready().await == 503).then_some(()) }).await;
    // It reads on: the transcript is there, and a repeated message gets its answer.
    assert!(!api::transcript(machine.daemon.address, client.conversation()).await.is_empty());
    let again = machine.forward("p-1", "怎么退货").await;
    assert_eq!((again.status, &again.json["messages"]), (200, &before.json["messages"]));
    assert!(machine.receiver.hits_at("/desk").is_empty(), "nobody hears of what was not taken");

    machine.make_room();
    wait_for("ready by itself", || async { (machine.ready().await == 200).then_some(()) }).await;
    acknowledged.push(until_taken(&mut client, &format!("full-{n}"), "怎么退货").await);
    acknowledged.push(until_taken(&mut client, "after", "怎么退货").await);
    assert_eq!(machine.forward("p-2", "我要转人工").await.status, 200);
    let heard = machine.receiver.wait("/oncall", 0).await.len();
    wait_for("the case at the receiver", || async {
        (machine.receiver.hits().iter().any(|hit| hit.kind() == "handoff.created")).then_some(())
    })
    .await;
    println!("{} taken with the disk nearly full; {heard} to the colleagues on call", n - 1);

    let conversation = client.conversation().to_owned();
    drop(client);
    assert_eq!(tokio::task::block_in_place(|| machine.daemon.terminate()), Some(0));
    let store = SqliteStore::open(&machine.shop.data()).unwrap();
    transcript_holds(&store, &conversation, &acknowledged).await;
}

/// Copies the store of a daemon that does not move meanwhile.
pub(super) fn stopped_copy(daemon: &Process, data: &Path, into: &Path) {
    signal(daemon, "-STOP");
    fs::create_dir_all(into).unwrap();
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        let _ = fs::copy(data.join(&name), into.join(&name));
    }
    signal(daemon, "-CONT");
}

fn signal(daemon: &Process, which: &str) {
    let id = daemon.id().to_string();
    assert!(Command::new("kill").args([which, &id]).status().unwrap().success());
    // The signal is there when the state in /proc says so; where there is no /proc it is a moment later.
    for _ in 0..200 {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        if state.is_none_or(|state| (state == 'T') == (which == "-STOP")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_in_words_loses_nothing_and_recovers_by_itself() {
    a_full_disk(Machine::small_disk().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_length_of_files_is_a_full_disk() {
    a_full_disk(Machine::limited().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_delays_or_refuses_and_never_answers_twice() {
    let (shop, _receiver) = shop().await;
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let mut client = Client::new(daemon.address, "zh-CN").await;
    let mut acknowledged = vec![until_taken(&mut client, "m-0", "怎么退货").await];
    let holder = rusqlite::Connection::open(shop.data().join(DATABASE)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    client.send(message("m-1", "怎么退货")).await;
    // Meanwhile others are read to and answered what needs no writing.
    assert!(!api::transcript(daemon.address, client.conversation()).await.is_empty());
    let healthy = api::http().get(format!("http://{}/-/healthy", daemon.address)).send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    client.send(json!({"type": "ping", "id": "p"})).await;
    // For longer than the daemon waits: refused, and taken when it is said again.
    let refused = loop {
        let frame = client.next().await;
        if frame["re"] == "m-1" && frame["type"] != "held" {
            break frame;
        }
    };
    assert_eq!((&refused["type"], &refused["data"]["code"]), (&json!("error"), &json!("unavailable")), "{refused:#}");
    client.send(message("m-1", "怎么退货")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder.execute_batch("ROLLBACK").unwrap();
    // For less: it only takes longer.
    let ack = client.until_ack("m-1").await;
    acknowledged.push(str_at(ack.only("ack"), "/data/message").to_owned());
    let conversation = client.conversation().to_owned();
    drop(client);
    assert_eq!(tokio::task::block_in_place(|| daemon.terminate()), Some(0));
    let store = SqliteStore::open(&shop.data()).unwrap();
    transcript_holds(&store, &conversation, &acknowledged).await;
}
