//! Copies of the store that are made while it is used, and stores that earlier versions wrote.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nightdesk::app::{App, Options};
use nightdesk::clock::Clock;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use nightdesk::store::{HandoffFilter, SeenKey, Store};
use rusqlite::Connection;

use crate::common::PATIENCE;
use crate::common::api::told;
use crate::common::client::Client;
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
/// Customers who write while copies are made.
const CUSTOMERS: usize = 40;

/// What `sqlite3 nightdesk.db "VACUUM INTO '…'"` does, and `PRAGMA integrity_check` on the copy.
fn copy(database: &Path, to: &Path) {
    let db = Connection::open(database).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    db.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    let copied = Connection::open(to).unwrap();
    let said: String = copied.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok");
}

#[tokio::test]
async fn copies_made_while_messages_come_are_whole_and_serve_on() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let address = daemon.address();
    let mut early = Client::new(address, "zh-CN").await;
    early.say("怎么退货").await;
    let said = told(address, early.conversation()).await;
    assert!(said.len() >= 2, "{said:?}");

    let folder = shop.aside("copies");
    fs::create_dir(&folder).unwrap();
    let writing = tokio::spawn(async move {
        for _ in 0..CUSTOMERS {
            Client::new(address, "zh-CN").await.say("怎么退货").await;
        }
    });
    let mut copies = 0;
    while !writing.is_finished() || copies < 2 {
        let (from, to) = (shop.data().join(DATABASE), folder.join(format!("{copies}.db")));
        tokio::task::spawn_blocking(move || copy(&from, &to)).await.unwrap();
        copies += 1;
    }
    writing.await.unwrap();
    daemon.stop().await;

    // The first copy, made among the first messages, with the key beside it.
    let restored = shop.aside("restored");
    fs::create_dir(&restored).unwrap();
    fs::copy(folder.join("0.db"), restored.join(DATABASE)).unwrap();
    fs::copy(shop.data().join("token.key"), restored.join("token.key")).unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = Clock::fixed(instant(WEDNESDAY));
    let options = Options { dir: shop.dir(), data: restored, listen, clock, candidate: None };
    let app = App::start(options).await.unwrap_or_else(|error| panic!("the copy does not serve: {error:?}"));
    assert_eq!(told(app.address(), early.conversation()).await, said);
    let mut again = early.again(app.address()).await;
    assert_eq!(again.conversation(), early.conversation(), "the key knows its visitors");
    again.say("转人工").await;
    app.stop().await;
}

/// One of everything that the first schema could hold.
const ROWS: &str = r#"
INSERT INTO conversations (id, channel, thread, customer, state, version, seq, queue, priority, language, created_at, updated_at, body)
VALUES ('c_1', 'web', 'v_1', '顾客', 'queued', 1, 1, 'general', 'normal', 'zh', 1790000000000, 1790000000000, '{}');
INSERT INTO events (conversation, seq, at, kind, role, body)
VALUES ('c_1', 1, 1790000000000, 'message', 'visitor', '{"text":"转人工"}');
INSERT INTO seen (channel, account, sender, id, conversation, message, seq, at)
VALUES ('web', '', 'v_1', 'm1', 'c_1', 'msg_1', 1, 1790000000000);
INSERT INTO outbox (id, webhook_id, endpoint, conversation, kind, created_at, next_try_at, head)
VALUES (1, 'evt_1', 'desk', 'c_1', 'handoff.created', 1790000000000, 1790000000000, 1);
INSERT INTO outbox_bodies (id, body) VALUES (1, x'7b7d');
INSERT INTO endpoints (name, url_hash, stopped_at, reason) VALUES ('crm', 'x', 1790000000000, 'gone');
INSERT INTO handoffs (id, conversation, channel, queue, priority, reason, state, message, created_at)
VALUES ('h_1', 'c_1', 'web', 'general', 'normal', 'asked', 'queued', 'msg_1', 1790000000000);
INSERT INTO decisions (conversation, seq, at, channel, outcome, reason, language, rule_set)
VALUES ('c_1', 1, 1790000000000, 'web', 'handoff', 'asked', 'zh', 'x');
"#;

/// The migrations in their order.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite/migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// Tables, indexes and views of a store, with the words that made them.
fn made_of(folder: &Path) -> Vec<(String, String)> {
    let db = Connection::open(folder.join(DATABASE)).unwrap();
    let mut query = db
        .prepare(
            "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master WHERE name <> 'sqlite_stat1' ORDER BY 1",
        )
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_store_of_every_earlier_schema_is_brought_up_to_date_and_keeps_its_rows() {
    let fresh = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(fresh.path()).unwrap());
    let migrations = migrations();
    assert!(migrations.len() >= 8, "only {} were found", migrations.len());
    for known in 1..=migrations.len() {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join(DATABASE)).unwrap();
        migrations[..known].iter().for_each(|sql| db.execute_batch(sql).unwrap());
        db.pragma_update(None, "user_version", i64::try_from(known).unwrap()).unwrap();
        db.execute_batch(ROWS).unwrap();
        drop(db);

        let store = SqliteStore::open(folder.path()).unwrap_or_else(|error| panic!("schema {known}: {error}"));
        let row = store.conversation("c_1").await.unwrap().expect("the conversation is kept");
        assert_eq!(
            (row.customer.as_str(), row.seq, row.queue.as_deref()),
            ("顾客", 1, Some("general")),
            "schema {known}"
        );
        assert_eq!(store.events_after("c_1", 0, 10).await.unwrap().len(), 1, "schema {known}");
        let key = SeenKey { channel: "web".into(), account: String::new(), sender: "v_1".into(), id: "m1".into() };
        assert!(store.seen(&key).await.unwrap().is_some(), "schema {known}");
        let later = Timestamp::from_second(1_790_000_060).unwrap();
        let due = store.due("desk", later, 10).await.unwrap();
        assert_eq!(due.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>(), [b"{}"], "schema {known}");
        assert!(store.endpoint("crm").await.unwrap().is_some(), "schema {known}");
        let filter = HandoffFilter { state: Some("queued".into()), queue: None, limit: 10 };
        assert_eq!(store.handoffs(filter).await.unwrap().len(), 1, "schema {known}");
        drop(store);
        assert_eq!(made_of(folder.path()), made_of(fresh.path()), "schema {known}");
        // A second start has nothing left to do.
        drop(SqliteStore::open(folder.path()).unwrap());
    }
}

/// What `nightdesk backup` says.
fn backed_up(shop: &Shop, to: &Path) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    let done = command.arg("backup").arg(to).arg("--data").arg(shop.data()).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[cfg(unix)]
#[tokio::test]
async fn a_backup_is_no_way_to_write_over_files_or_to_read_the_key() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    Daemon::start(&shop, WEDNESDAY).await.stop().await;

    // Where everybody may write, somebody would exchange it.
    let open = shop.aside("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let (done, said) = backed_up(&shop, &open);
    assert!(!done && said.contains("everybody may write in it"), "{said}");
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);

    // A link that lies there is not followed, and what it leads to stays.
    let (folder, other) = (shop.aside("linked"), shop.aside("precious"));
    fs::create_dir(&folder).unwrap();
    fs::write(&other, "precious").unwrap();
    symlink(&other, folder.join("token.key")).unwrap();
    let (done, said) = backed_up(&shop, &folder);
    assert!(!done && said.contains("token.key"), "{said}");
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");

    let fresh = shop.aside("fresh");
    assert!(backed_up(&shop, &fresh).0);
    for file in [DATABASE, "token.key"] {
        assert_eq!(fs::metadata(fresh.join(file)).unwrap().permissions().mode() & 0o077, 0, "{file}");
    }
    assert_eq!(fs::read(fresh.join("token.key")).unwrap(), fs::read(shop.data().join("token.key")).unwrap());
}
