//! A database that is damaged, or is none: said in words that name the file and the way out, never a panic, and what can be
//! read is saved.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use nightdesk::store::{
    Commit, ConversationFilter, ConversationRow, DeliveryFilter, EventRow, KeptRow, NewDelivery, Store,
};

use super::Dice;
use crate::common::client::{Client, message};
use crate::common::daemon::{Process, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{PATIENCE, api, str_at, wait_for};

const PAGE: usize = 4096;
const CONVERSATIONS: usize = 400;

fn nightdesk(args: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nightdesk"))
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("`nightdesk {}` does not end", args.join(" "));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// A start that must fail; what it says.
fn refused(shop: &Shop) -> String {
    let (dir, data) = (shop.dir(), shop.data());
    let (dir, data) = (dir.to_str().unwrap(), data.to_str().unwrap());
    let out = nightdesk(&["--dir", dir, "serve", "--listen", "127.0.0.1:0", "--data", data]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains(shop.data().join(DATABASE).to_str().unwrap()), "it names the file: {said}");
    said
}

fn conversation(n: usize) -> ConversationRow {
    ConversationRow {
        id: format!("c_{n:04}"),
        channel: "web".into(),
        thread: format!("thread {n}"),
        customer: "顾客".into(),
        state: "bot".into(),
        version: 0,
        seq: 3,
        queue: None,
        priority: "normal".into(),
        language: Some("zh".into()),
        body: r#"{"turns":1}"#.into(),
        created_at: instant("2026-10-09T20:15:00+08:00"),
        updated_at: instant("2026-10-09T20:15:00+08:00"),
    }
}

/// A store with some hundreds of conversations of three messages each, a delivery for each, and something kept; all of it in
/// the database itself and nothing in its log.
async fn filled(folder: &Path) {
    let store = SqliteStore::open(folder).unwrap();
    for n in 0..CONVERSATIONS {
        let row = conversation(n);
        let events = (1..=3).map(|seq| EventRow {
            conversation: row.id.clone(),
            seq,
            at: row.created_at,
            kind: "message".into(),
            role: "visitor".into(),
            body: format!(r#"{{"text":"{}"}}"#, "怎么退货".repeat(20)),
        });
        let outbox = vec![NewDelivery {
            webhook_id: format!("evt_{n}"),
            endpoint: "desk".into(),
            url: None,
            conversation: row.id.clone(),
            kind: "handoff.created".into(),
            body: b"{}".to_vec(),
            created_at: row.created_at,
        }];
        let events = events.collect();
        store.commit(Commit { conversation: Some(row), events, outbox, ..Commit::default() }).await.unwrap();
    }
    let until = instant("2027-10-09T20:15:00+08:00");
    store
        .keep(vec![KeptRow { place: "p".into(), key: "k".into(), value: "v".into(), until: Some(until) }])
        .await
        .unwrap();
    drop(store);
    let db = rusqlite::Connection::open(folder.join(DATABASE)).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Replaces pages by garbage; those that hold the list of tables stay, for without it there is nothing to save.
fn damage(file: &Path, share: usize, dice: &mut Dice) -> usize {
    let mut bytes = fs::read(file).unwrap();
    let mut hurt = 0;
    for page in bytes.chunks_mut(PAGE).skip(20) {
        let of_the_list = page.windows(7).any(|part| part == b"CREATE ");
        if !of_the_list && dice.place(share) == 0 {
            page.fill_with(|| u8::try_from(dice.roll(256)).unwrap());
            hurt += 1;
        }
    }
    fs::write(file, bytes).unwrap();
    hurt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_database_is_said_to_be_none() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let file = shop.data().join(DATABASE);
    fs::create_dir(shop.data()).unwrap();
    tokio::task::block_in_place(|| {
        fs::write(&file, "garbage ".repeat(2_000)).unwrap();
        let said = refused(&shop);
        assert!(said.contains("damaged") && said.contains("nightdesk rescue") && said.contains("backup"), "{said}");
        assert!(fs::read_to_string(&file).unwrap().starts_with("garbage"), "it is left as it was");

        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(refused(&shop).contains("this user may write"));
        fs::remove_dir(&file).unwrap();
    });

    // An empty database beside a log with everything in it: SQLite itself would delete the log.
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let mut client = Client::new(daemon.address, "zh-CN").await;
    client.say("怎么退货").await;
    let log = shop.data().join(format!("{DATABASE}-wal"));
    tokio::task::block_in_place(|| {
        daemon.kill();
        let whole = fs::read(&file).unwrap();
        fs::write(&file, "").unwrap();
        let said = refused(&shop);
        assert!(said.contains("is empty, but its log"), "{said}");
        assert!(fs::metadata(&log).unwrap().len() > 0, "the log is still there");
        fs::write(&file, whole).unwrap();
    });
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    client.again(daemon.address).await;
    drop(daemon);
    // Without a log it is a first start that came no further.
    tokio::task::block_in_place(|| {
        for name in [DATABASE, "nightdesk.db-wal", "nightdesk.db-shm"] {
            let _ = fs::remove_file(shop.data().join(name));
        }
        fs::write(&file, "").unwrap();
        drop(Process::start(&shop));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_said_to_be_and_what_can_be_read_is_saved() {
    let mut dice = Dice::new();
    let receiver = Receiver::start().await;
    for share in [1_000_000, 12, 3] {
        let shop = Shop::small(&receiver);
        filled(&shop.data()).await;
        fs::write(shop.data().join("token.key"), [7_u8; 32]).unwrap();
        let file = shop.data().join(DATABASE);
        let hurt = damage(&file, share, &mut dice);
        let before = fs::read(&file).unwrap();
        if hurt > 0 {
            meets_damage(&shop);
            fs::write(&file, &before).unwrap();
            for rest in ["-wal", "-shm"] {
                let _ = fs::remove_file(shop.data().join(format!("{DATABASE}{rest}")));
            }
        }

        let (data, into) = (shop.data(), shop.aside("saved"));
        let (data, into) = (data.to_str().unwrap(), into.to_str().unwrap());
        let rescue = || nightdesk(&["rescue", "--data", data, "--into", into, "--format", "json"]);
        let out = tokio::task::block_in_place(rescue);
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(i32::from(hurt > 0)), "{said}");
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(told["damaged"], hurt > 0, "{told:#}");
        assert_eq!(fs::read(&file).unwrap(), before, "the damaged file is left as it is");
        assert_eq!(fs::read(shop.aside("saved").join("token.key")).unwrap(), [7_u8; 32]);
        assert_eq!(tokio::task::block_in_place(rescue).status.code(), Some(2), "a second one overwrites nothing");

        let store = SqliteStore::open(&shop.aside("saved")).unwrap();
        let saved = store.conversations(ConversationFilter { state: None, limit: 10_000 }).await.unwrap();
        let mut events = 0;
        for row in &saved {
            let there = store.events_after(&row.id, 0, 10).await.unwrap();
            assert!(there.iter().all(|event| event.body.contains("怎么退货")));
            events += there.len();
        }
        let filter = DeliveryFilter { state: None, endpoint: None, limit: 10_000 };
        let deliveries = store.deliveries(filter).await.unwrap().len();
        println!("{hurt} pages hurt: {} conversations, {events} events, {deliveries} deliveries saved", saved.len());
        if hurt == 0 {
            assert_eq!((saved.len(), events, deliveries), (CONVERSATIONS, 3 * CONVERSATIONS, CONVERSATIONS));
            let now = instant("2026-10-10T00:00:00+08:00");
            assert_eq!(store.kept("p", "k", now).await.unwrap().as_deref(), Some("v"));
        }
        drop(store);
        let db = rusqlite::Connection::open(shop.aside("saved").join(DATABASE)).unwrap();
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let strays: i64 = db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!((sound.as_str(), strays), ("ok", 0));
    }
}

/// What a process does with a message: the answer's text, or the code of the error.
async fn said(client: &mut Client, id: &str) -> Result<String, String> {
    client.send(message(id, "怎么退货")).await;
    let mut text = None;
    loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("message") => text = Some(str_at(&frame, "/data/text").to_owned()),
            Some("error") if frame["re"] == id => return Err(str_at(&frame, "/data/code").to_owned()),
            Some("ack") if frame["re"] == id => {
                let heard = client.quiet().await;
                return Ok(text.or_else(|| heard.texts().first().map(|text| (*text).to_owned())).expect("an answer"));
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_damaged_while_it_runs_is_written_no_more_and_nothing_wrong_is_said() {
    let mut dice = Dice::new();
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    filled(&shop.data()).await;
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let address = daemon.address;
    let ready = || async { api::get(&format!("http://{address}/-/ready")).await.status };
    let mut client = Client::new(address, "zh-CN").await;
    assert_eq!(said(&mut client, "before").await.as_deref(), Ok("七天内可以退货。"));
    assert_eq!(ready().await, 200);

    // In the middle of the file, under the running daemon: every page that does not hold the list of tables.
    let mut bytes = fs::File::options().read(true).write(true).open(shop.data().join(DATABASE)).unwrap();
    let mut whole = Vec::new();
    bytes.read_to_end(&mut whole).unwrap();
    for (number, page) in whole.chunks(PAGE).enumerate().skip(5) {
        if !page.windows(7).any(|part| part == b"CREATE ") {
            bytes.seek(SeekFrom::Start((number * PAGE) as u64)).unwrap();
            bytes
                .write_all(&(0..page.len()).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect::<Vec<u8>>())
                .unwrap();
        }
    }
    bytes.sync_all().unwrap();

    // Whatever is still answered is answered right, until somebody meets the damage.
    let mut answered = 0;
    let code = loop {
        let mut customer = Client::open(address, &[]).await.unwrap();
        customer.send(serde_json::json!({"type": "hello", "data": {"locale": "zh-CN"}})).await;
        let welcome = customer.next().await;
        if welcome["type"] == "error" {
            break str_at(&welcome, "/data/code").to_owned();
        }
        match said(&mut customer, "m-1").await {
            Ok(text) => assert_eq!(text, "七天内可以退货。"),
            Err(code) => break code,
        }
        answered += 1;
        assert!(answered < 2_000, "nobody meets the damage");
    };
    println!("{answered} customers were answered before the damage was met");
    assert_eq!(code, "unavailable");
    // From then on everybody hears that nothing can be kept, and it stays so: a broken file does not mend itself.
    for round in 0..3 {
        assert_eq!(said(&mut client, &format!("after-{round}")).await, Err("unavailable".to_owned()));
        let posted = api::forwarded(&format!("p-{round}"), "u1", "怎么退货");
        let posted = api::forward(address, CRM_SECRET, jiff::Timestamp::now().as_second(), &posted).await;
        assert_eq!(posted.status, 503, "{posted:?}");
        wait_for("not ready", || async { (ready().await == 503).then_some(()) }).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    drop(client);
    assert_eq!(tokio::task::block_in_place(|| daemon.terminate()), Some(0));
    let log = fs::read_to_string(shop.aside("daemon.log")).unwrap();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("The database is damaged.")).collect();
    assert_eq!(told.len(), 1, "said once: {told:#?}");
    assert!(
        told[0].contains(DATABASE) && told[0].contains("nightdesk rescue") && !log.contains("panicked"),
        "{told:?}"
    );
}

/// A daemon on a damaged file either does not start and says why, or goes on and never panics.
fn meets_damage(shop: &Shop) {
    let (dir, data) = (shop.dir(), shop.data());
    let queue = tokio::task::block_in_place(|| {
        nightdesk(&["--dir", dir.to_str().unwrap(), "queue", "list", "--deliveries", "--data", data.to_str().unwrap()])
    });
    let said = String::from_utf8(queue.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    if queue.status.code() != Some(0) {
        assert!(said.contains("damaged") || said.contains("makes no sense"), "{said}");
    }
}

#[tokio::test]
async fn a_part_of_a_table_is_lost_and_all_around_it_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (from, into) = (dir.path().join("from"), dir.path().join("into"));
    filled(&from).await;
    // One leaf in the middle of the transcripts: found by its contents.
    let file = from.join(DATABASE);
    let mut bytes = fs::read(&file).unwrap();
    let text = "怎么退货".repeat(20);
    let holds = |page: &[u8], what: &str| page.windows(what.len()).any(|part| part == what.as_bytes());
    let leaves: Vec<usize> = (0..bytes.len() / PAGE)
        .filter(|n| holds(&bytes[n * PAGE..(n + 1) * PAGE], &text) && bytes[n * PAGE] == 0x0d)
        .collect();
    let hurt = leaves[leaves.len() / 2];
    bytes[hurt * PAGE..(hurt + 1) * PAGE].fill(0xff);
    fs::write(&file, bytes).unwrap();

    let rescued = nightdesk::store::sqlite::rescue(&from, &into).unwrap();
    let of = |table: &str| rescued.iter().find(|of| of.table == table).unwrap();
    let (events, all) = (of("events"), 3 * CONVERSATIONS as u64);
    assert!(events.damaged && events.rows < all, "{events:?}");
    let on_a_page = (PAGE / text.len() + 1) as u64;
    assert!(events.rows + on_a_page >= all, "one page of {on_a_page} rows at most is lost: {events:?}");
    assert_eq!((of("conversations").rows, of("outbox").rows), (CONVERSATIONS as u64, CONVERSATIONS as u64));
    assert!(!of("conversations").damaged && !of("outbox").damaged);
}
