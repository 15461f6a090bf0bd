//! The power fails: what was written after the last sync may be on the disk, or not, or in part.
//!
//! What is simulated. The real daemon takes messages until everything said is acknowledged; the length of SQLite's log at that
//! instant is noted. Then many messages come at once, and at a random moment the process is halted and database and log are
//! copied. Of the copy nothing before the noted length is touched, for it was synced before the acknowledgements; what lies
//! behind it is cut at a random place, or turned in single bits, or replaced by zeros or garbage, or has lost random sectors of
//! 512 bytes while later ones are there. Besides, a checkpoint that the power interrupts: pages of the database are new, old, or
//! half new, while the log is still whole.
//!
//! What is not: that the system's `fsync` does what it says, and that the daemon calls it. The latter is `synchronous=FULL`,
//! which a test in `store/sqlite/schema.rs` holds, and the order (commit, then acknowledge) one of `tests/daemon/kill.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nightdesk::store::sqlite::{DATABASE, SqliteStore};

use super::Dice;
use super::disk::stopped_copy;
use crate::common::client::{Client, message};
use crate::common::daemon::Process;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;
use crate::common::transcript::transcript_holds;

const CUSTOMERS: usize = 4;
const ROUNDS: usize = 4;
const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// What is left of the part of the log that was not known to be synced.
const WAYS: [fn(&mut Vec<u8>, usize, &mut Dice); 6] = [
    |log, synced, dice| log.truncate(synced + dice.place(log.len() - synced)),
    |log, synced, _| log.truncate(synced),
    |log, synced, dice| {
        for _ in 0..8 {
            let at = synced + dice.place(log.len() - synced);
            log[at] ^= 1 << dice.place(8);
        }
    },
    |log, synced, dice| {
        let from = synced + dice.place(log.len() - synced);
        log[from..].fill(0);
    },
    |log, synced, dice| {
        let from = synced + dice.place(log.len() - synced);
        for byte in &mut log[from..] {
            *byte = u8::try_from(dice.roll(256)).unwrap();
        }
    },
    |log, synced, dice| {
        for sector in log[synced..].chunks_mut(SECTOR) {
            if dice.roll(3) == 0 {
                sector.fill(0);
            }
        }
    },
];

fn log_of(folder: &Path) -> PathBuf {
    folder.join(format!("{DATABASE}-wal"))
}

/// Everybody's conversation holds what was acknowledged, and the file is sound.
async fn holds(folder: &Path, acknowledged: &[(String, Vec<String>)]) {
    let store = SqliteStore::open(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (conversation, messages) in acknowledged {
        transcript_holds(&store, conversation, messages).await;
    }
    drop(store);
    let db = rusqlite::Connection::open(folder.join(DATABASE)).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{}", folder.display());
}

fn duplicate(from: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, into.join(path.file_name().unwrap())).unwrap();
    }
}

/// The database as a checkpoint leaves it that never came to its end; the log stays as it was. False if all of it was copied already.
fn torn_checkpoint(image: &Path, into: &Path, dice: &mut Dice) -> bool {
    let done = into.with_extension("done");
    duplicate(image, &done);
    let db = rusqlite::Connection::open(done.join(DATABASE)).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    duplicate(image, into);
    let (mut old, new) = (fs::read(into.join(DATABASE)).unwrap(), fs::read(done.join(DATABASE)).unwrap());
    if old == new {
        return false;
    }
    old.resize(new.len(), 0);
    for (old, new) in old.chunks_mut(PAGE).zip(new.chunks(PAGE)) {
        match dice.roll(3) {
            0 => {}
            1 => old.copy_from_slice(new),
            _ => old[..PAGE / 2].copy_from_slice(&new[..PAGE / 2]),
        }
    }
    fs::write(into.join(DATABASE), old).unwrap();
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let mut dice = Dice::new();
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    let mut daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let mut clients = Vec::new();
    let mut acknowledged = Vec::new();
    for _ in 0..CUSTOMERS {
        let client = Client::new(daemon.address, "zh-CN").await;
        acknowledged.push((client.conversation().to_owned(), Vec::new()));
        clients.push(client);
    }
    let (mut lost, mut torn) = (0, 0);
    for round in 0..ROUNDS {
        for (n, client) in clients.iter_mut().enumerate() {
            for _ in 0..3 {
                let turn = client.say("怎么退货").await;
                acknowledged[n].1.push(str_at(turn.only("ack"), "/data/message").to_owned());
            }
        }
        let synced = usize::try_from(fs::metadata(log_of(&shop.data())).unwrap().len()).unwrap();
        let ids = |n: usize| (0..8).map(move |m| format!("load-{round}-{n}-{m}"));
        for (n, client) in clients.iter_mut().enumerate() {
            for id in ids(n) {
                client.send(message(&id, "怎么退货")).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(40))).await;
        let image = shop.aside(&format!("image-{round}"));
        tokio::task::block_in_place(|| stopped_copy(&daemon, &shop.data(), &image));
        let log = fs::read(log_of(&image)).unwrap();
        assert!(log.len() >= synced, "the log only grows");
        if log.len() > synced {
            lost += 1;
            for (way, damage) in WAYS.iter().enumerate() {
                let folder = shop.aside(&format!("cut-{round}-{way}"));
                duplicate(&image, &folder);
                let mut log = log.clone();
                damage(&mut log, synced, &mut dice);
                fs::write(log_of(&folder), log).unwrap();
                holds(&folder, &acknowledged).await;
            }
        }
        let folder = shop.aside(&format!("checkpoint-{round}"));
        torn += usize::from(torn_checkpoint(&image, &folder, &mut dice));
        holds(&folder, &acknowledged).await;

        if round + 1 < ROUNDS {
            for (n, client) in clients.iter_mut().enumerate() {
                for id in ids(n) {
                    let turn = client.until_ack(&id).await;
                    let acks = turn.frames.iter().filter(|frame| frame["type"] == "ack");
                    acknowledged[n].1.extend(acks.map(|ack| str_at(ack, "/data/message").to_owned()));
                }
            }
            continue;
        }
        // The last image is what the machine has when the power is back; in doubt, everybody says it again.
        daemon = tokio::task::block_in_place(|| {
            daemon.kill();
            for entry in fs::read_dir(shop.data()).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with(DATABASE) {
                    fs::remove_file(path).unwrap();
                }
            }
            duplicate(&image, &shop.data());
            fs::write(log_of(&shop.data()), &log[..synced]).unwrap();
            Process::start(&shop)
        });
        for (n, client) in clients.iter_mut().enumerate() {
            *client = client.again(daemon.address).await;
            assert_eq!(client.conversation(), acknowledged[n].0);
            for id in ids(n) {
                client.send(message(&id, "怎么退货")).await;
                let turn = client.until_ack(&id).await;
                acknowledged[n].1.push(str_at(turn.only("ack"), "/data/message").to_owned());
            }
        }
    }
    assert!(lost > 0, "the power never failed between a write and its acknowledgement");
    assert!(torn > 0, "each checkpoint had copied everything");
    drop(clients);
    assert_eq!(tokio::task::block_in_place(|| daemon.terminate()), Some(0));
    holds(&shop.data(), &acknowledged).await;
}
