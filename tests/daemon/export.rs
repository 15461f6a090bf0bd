//! What a daemon recorded, exported: masked, under other names, readable by `replay` and `suggest`.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::api::{agent, forward, forwarded};
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};

/// A Friday morning.
const MORNING: &str = "2026-10-09T10:00:00+08:00";

fn command(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(shop.dir()).args(["--color", "never"]).args(arguments);
    command.env_remove("NIGHTDESK_DIR").env("NIGHTDESK_DATA", shop.data()).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn from(id: &str, text: &str) -> Value {
    let mut body = forwarded(id, "openid-4711", text);
    body["data"]["customer"] = json!({
        "id": "openid-4711", "tier": "vip", "name": "王小明",
        "attributes": {"member": true, "phone": "13912345678", "note": "王小明 13912345678", "mobile": 13_912_345_678_i64},
    });
    body
}

#[tokio::test]
async fn what_was_said_is_exported_without_whose_it_is() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("1").await;
    client.say("会员积分怎么兑换礼品").await;
    let conversation = client.conversation().to_owned();
    assert_eq!(agent(daemon.address(), &conversation, "take", json!({})).await.status, 200);
    client.say("在吗").await;
    assert_eq!(agent(daemon.address(), &conversation, "return", json!({})).await.status, 200);
    client.say("怎么开发票").await;
    let seconds = daemon.now().as_second();
    for (id, text) in [
        ("1", "会员积分怎么兑换礼品，我是王小明，电话13812345678，邮箱wang@example.com"),
        ("2", "会员积分能兑换什么礼品 身份证110101199003074514"),
        ("3", "怎么退货"),
    ] {
        assert_eq!(forward(daemon.address(), CRM_SECRET, seconds, &from(id, text)).await.status, 200);
    }
    daemon.stop().await;

    let since = ["export", "--since", "2026-10-01"];
    let output = command(
        &shop,
        &[&since[..], &["--attribute", "member", "--attribute", "note", "--attribute", "mobile"]].concat(),
    );
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("8 messages of 2 conversations") && told.contains("Masked"), "{told}");
    let exported = said(&output);
    for personal in
        ["1381234", "1391234", "13912345678", "19900307", "王小明", "wang@", "openid-4711", conversation.as_str()]
    {
        assert!(!exported.contains(personal), "`{personal}` is in\n{exported}");
    }
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let short: Vec<String> = lines
        .iter()
        .map(|line| {
            let was = &line["was"];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            match line["type"].as_str() {
                Some("person") => format!("({})", word(&line["did"])),
                _ => format!(
                    "{} → {} {} {}",
                    word(&line["text"]),
                    word(&was["outcome"]),
                    word(&was["reason"]),
                    word(&was["rule"])
                ),
            }
        })
        .collect();
    assert_eq!(
        short,
        [
            "怎么退货 → faq matched returns.window",
            "1 → faq matched refund.time",
            "会员积分怎么兑换礼品 → handoff no_match ",
            "(take)",
            "在吗 → silent human_owns ",
            "(return)",
            "怎么开发票 → faq matched invoice.get",
            "会员积分怎么兑换礼品，我是***，电话***5678，邮箱***@example.com → handoff no_match ",
            "会员积分能兑换什么礼品 身份证***14 → silent no_match ",
            "怎么退货 → faq matched returns.window",
        ]
    );
    let customer = &lines[9]["customer"];
    assert_eq!(customer["tier"], "vip");
    assert_eq!(customer["attributes"], json!({"member": true, "note": "*** ***5678", "mobile": null}));
    let names: BTreeSet<&str> = lines.iter().map(|line| line["conversation"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    // Another export, other names.
    let again = said(&command(&shop, &since));
    assert!(names.iter().all(|name| !again.contains(name)));
    assert!(!again.contains("attributes"), "none unless it is asked for:\n{again}");

    // Today's files say the same as was said then, and a set of files the same as itself.
    let file = shop.aside("export.jsonl");
    std::fs::write(&file, &exported).unwrap();
    let (file, dir) = (file.to_str().unwrap(), shop.dir());
    let nothing = "0 of 8 messages are decided otherwise (0.0 %)\n";
    assert_eq!(said(&command(&shop, &["replay", file])), nothing);
    assert_eq!(said(&command(&shop, &["replay", file, "--against", dir.to_str().unwrap()])), nothing);
    // And what went unanswered is one group, from the store and from the export.
    let groups = |output: &Output| -> Value { serde_json::from_str(&said(output)).unwrap() };
    let of_store = groups(&command(&shop, &["suggest", "--since", "2026-10-01", "--format", "json"]));
    let of_file = groups(&command(&shop, &["suggest", file, "--format", "json"]));
    assert_eq!(of_store, of_file);
    assert_eq!(of_store["groups"][0]["messages"], 3);
    assert!(of_store["groups"][0]["words"][0].as_str().unwrap().contains("积分"), "{of_store:#}");
    // Nothing is older than the store.
    assert_eq!(said(&command(&shop, &["export", "--since", "2026-10-10"])), "");
    assert_eq!(command(&shop, &["export", "--since", "yesterday"]).status.code(), Some(2));
}
