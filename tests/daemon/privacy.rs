//! What is kept of customers: given out, erased, grown old, copied; and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::api::{agent, forward, forwarded, get, transcript};
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::wait_for;

const OPEN_TIME: &str = "2026-10-14T10:00:00+08:00";

fn nightdesk(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.args(["--color", "never"]).args(arguments).env("NIGHTDESK_DATA", shop.data());
    command.env_remove("NIGHTDESK_DIR").output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Whether a text is anywhere in the files of the store.
fn on_disk(shop: &Shop, text: &str) -> bool {
    let mut files = fs::read_dir(shop.data()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.any(|file| fs::read(file).unwrap().windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test]
async fn a_customer_gets_all_that_is_kept_and_has_it_erased_while_others_stay() {
    const NUMBER: &str = "13987654321";
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let seconds = daemon.now().as_second();
    for (id, customer, text) in [
        ("1", "openid-1", "怎么退货，我的电话13987654321"),
        ("2", "openid-1", "怎么开发票"),
        ("3", "openid-2", "怎么退货"),
    ] {
        let body = forwarded(id, customer, text);
        assert_eq!(forward(daemon.address(), CRM_SECRET, seconds, &body).await.status, 200);
    }
    let mut other = Client::new(daemon.address(), "zh-CN").await;
    other.say("怎么退货").await;

    let export: Value = serde_json::from_str(&said(&nightdesk(&shop, &["customer", "export", "openid-1"]))).unwrap();
    let conversation = &export["conversations"][0];
    assert_eq!(export["conversations"].as_array().unwrap().len(), 1);
    let words: Vec<&str> = conversation["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["role"] == "visitor")
        .filter_map(|event| event["data"]["text"].as_str())
        .collect();
    assert_eq!(words, ["怎么退货，我的电话13987654321", "怎么开发票"], "the customer's own words, as they were");
    assert!(conversation["deliveries"].is_array(), "{conversation}");
    let id = conversation["conversation"].as_str().unwrap();

    let nobody = refused(&nightdesk(&shop, &["customer", "erase", "openid-1", "--channel", "web", "--yes"]));
    assert!(nobody.contains("nothing is kept of `openid-1` on web"), "{nobody}");
    assert!(said(&nightdesk(&shop, &["customer", "erase", "openid-1"])).contains("add --yes"));
    assert!(!transcript(daemon.address(), id).await.is_empty(), "nothing is erased unless it is meant");
    let erased = said(&nightdesk(&shop, &["customer", "erase", "openid-1", "--yes"]));
    assert!(erased.contains("Erased: 1 conversations"), "{erased}");
    assert!(refused(&nightdesk(&shop, &["customer", "export", "openid-1"])).contains("nothing is kept"));
    // Who was erased may write again, and others have noticed nothing.
    let body = forwarded("4", "openid-1", "怎么退货");
    assert_eq!(forward(daemon.address(), CRM_SECRET, seconds, &body).await.status, 200);
    assert!(other.say("怎么开发票").await.texts().len() == 1);
    daemon.stop().await;
    assert!(!on_disk(&shop, NUMBER), "the words are gone from the disk, too");
    // What reports count is still there.
    let report = nightdesk(
        &shop,
        &[
            "--dir",
            shop.dir().to_str().unwrap(),
            "report",
            "--since",
            "2026-10-14",
            "--until",
            "2026-10-15",
            "--format",
            "json",
        ],
    );
    let report: Value = serde_json::from_str(&said(&report)).unwrap();
    assert_eq!(report["figures"]["traffic"]["messages"], 6, "{report}");
}

#[tokio::test]
async fn who_is_connected_while_all_is_erased_begins_anew() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    let with_people = refused(&nightdesk(&shop, &["customer", "erase", &id, "--yes"]));
    assert!(with_people.contains("is with people"), "{with_people}");
    for what in ["take", "close"] {
        assert_eq!(agent(daemon.address(), &id, what, json!({})).await.status, 200);
    }
    client.quiet().await;
    said(&nightdesk(&shop, &["customer", "erase", &id, "--yes"]));
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    client.send(message("again", "怎么开发票")).await;
    assert_eq!(client.close_code().await, 1012, "what it knows is of the old conversation");
    let mut client = client.again(daemon.address()).await;
    assert_eq!(client.welcome["data"]["recovered"], false);
    assert_eq!(client.conversation(), id);
    let events = transcript(daemon.address(), &id).await;
    assert_eq!(events[0]["seq"], 1);
    let turn = client.say("怎么退货").await;
    assert_eq!(turn.texts().len(), 1, "{turn:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn conversations_go_in_time_unless_people_have_them() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "privacy: {keep_conversations: 30d, keep_decisions: 60d}\n");
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut first = Client::new(daemon.address(), "zh-CN").await;
    first.say("怎么退货").await;
    let mut second = Client::new(daemon.address(), "zh-CN").await;
    second.say("转人工").await;
    let mut third = Client::new(daemon.address(), "zh-CN").await;
    third.say("怎么退货").await;
    daemon.turn_to("2026-11-01T10:00:00+08:00");
    third.say("怎么开发票").await;
    let ids = [&first, &second, &third].map(|client| client.conversation().to_owned());
    daemon.stop().await;

    // 34 days after the first, 16 after the last word of the third.
    let daemon = Daemon::start(&shop, "2026-11-17T10:00:00+08:00").await;
    let first = format!("http://{}/v1/conversations/{}", daemon.address(), ids[0]);
    wait_for("the first to go", async || (get(&first).await.status == 404).then_some(())).await;
    assert!(!transcript(daemon.address(), &ids[1]).await.is_empty(), "people have it");
    assert!(!transcript(daemon.address(), &ids[2]).await.is_empty(), "it is younger");
    daemon.stop().await;
}

#[tokio::test]
async fn a_copy_made_while_customers_write_is_whole() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for _ in 0..5 {
        client.say("怎么退货").await;
    }
    let id = client.conversation().to_owned();
    let before = transcript(daemon.address(), &id).await;
    let mut busy = Client::new(daemon.address(), "zh-CN").await;
    let copy = shop.aside("copy");
    let backup = {
        let (data, copy) = (shop.data(), copy.clone());
        tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
            command.arg("backup").arg(copy).arg("--data").arg(data).output().unwrap()
        })
    };
    while !backup.is_finished() {
        busy.say("怎么开发票").await;
    }
    let told = said(&backup.await.unwrap());
    assert!(told.contains("sound copy"), "{told}");
    assert_eq!(fs::metadata(copy.join("nightdesk.db")).unwrap().permissions().mode() & 0o077, 0, "others can read it");
    let again = refused(&nightdesk(&shop, &["backup", copy.to_str().unwrap()]));
    assert!(again.contains("it is there already"), "{again}");
    client.say("怎么开发票").await;
    daemon.stop().await;

    // The disk is lost; the copy is put in its place.
    fs::remove_dir_all(shop.data()).unwrap();
    fs::rename(&copy, shop.data()).unwrap();
    let daemon = Daemon::start(&shop, "2026-10-14T11:00:00+08:00").await;
    assert_eq!(transcript(daemon.address(), &id).await, before);
    let mut client = client.again(daemon.address()).await;
    assert_eq!(client.conversation(), id, "who comes back is known");
    client.say("怎么退货").await;
    daemon.stop().await;
}

#[tokio::test]
async fn others_on_the_machine_cannot_read_the_store() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    // A folder that was made by hand, open to all.
    fs::create_dir_all(shop.data()).unwrap();
    fs::set_permissions(shop.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    for entry in fs::read_dir(shop.data()).unwrap() {
        let (path, rights) = entry.map(|entry| (entry.path(), entry.metadata().unwrap().permissions())).unwrap();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nightdesk.db")) {
            assert_eq!(rights.mode() & 0o077, 0, "{} can be read by others", path.display());
        }
    }
    daemon.stop().await;
}
