//! Notices to people: robots of WeCom, DingTalk, Feishu and Slack, as the platforms and other programs know them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{DeliveryFilter, OutboxRow, Store};
use serde_json::{Value, json};

use crate::common::api::{self, forward, forwarded};
use crate::common::daemon::{Daemon, Process};
use crate::common::foreign::foreign;
use crate::common::group::{Groups, Message, Reply, good, reply};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::wait_for;

/// A Wednesday evening, when the queue `general` is closed, so that nothing falls due.
const EVENING: &str = "2026-10-14T20:00:00+08:00";
const ROBOTS: [&str; 4] = ["wecom-robot", "dingtalk", "feishu", "slack"];

async fn says(daemon: &Daemon, id: &str, customer: &str, text: &str) -> String {
    let answer = forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &forwarded(id, customer, text)).await;
    assert_eq!(answer.status, 200, "{:#}", answer.json);
    answer.json["conversation"].as_str().unwrap().to_owned()
}

/// Deliveries of a robot, oldest first.
async fn rows(daemon: &Daemon, endpoint: &str) -> Vec<OutboxRow> {
    let filter = DeliveryFilter { state: None, endpoint: Some(endpoint.into()), limit: 10_000 };
    let mut rows = daemon.app.pipeline.store.deliveries(filter).await.unwrap();
    rows.reverse();
    rows
}

/// Waits until so many deliveries are in a state.
async fn settled(daemon: &Daemon, endpoint: &str, state: &str, count: usize) -> Vec<OutboxRow> {
    wait_for(&format!("{count} {state} at {endpoint}"), || async {
        let rows: Vec<_> = rows(daemon, endpoint).await.into_iter().filter(|row| row.state == state).collect();
        (rows.len() >= count).then_some(rows)
    })
    .await
}

/// How many notices a message tells of: one, or as many as a digest says.
fn tells_of(message: &Message) -> usize {
    let words = message.words();
    let counted: usize =
        words.lines().filter_map(|line| line.split_once(" × ")).map(|(count, _)| count.parse::<usize>().unwrap()).sum();
    counted.max(1)
}

#[tokio::test]
async fn every_robot_gets_what_other_programs_would_send_signed_as_the_platform_wants_it() {
    let groups = Groups::start().await;
    for format in ROBOTS {
        let secret = if matches!(format, "dingtalk" | "feishu") { ", secret: SEC00c0ffee" } else { "" };
        let shop = groups.shop(format, secret).await;
        let daemon = Daemon::start(&shop, EVENING).await;
        let conversation = says(&daemon, "p-1", "anna", "转人工，“引号”和 emoji 🙂").await;
        let message = groups.wait(format, 1).await.remove(0);
        settled(&daemon, "desk", "delivered", 1).await;
        assert!(message.words().contains("新的转人工 · general"), "{}", message.words());
        assert!(message.words().contains("转人工，“引号”和 emoji 🙂"), "{}", message.words());
        assert!(message.words().contains(&format!("https://desk.example/console#/case/{conversation}")));
        let text = message.json.pointer("/text/content").cloned().unwrap_or_default();
        let ms = daemon.now().as_millisecond();
        let task = match format {
            "wecom-robot" => json!({"do": "wecom", "url": groups.url(format), "content": text}),
            "dingtalk" => {
                json!({"do": "dingtalk", "url": groups.url(format), "secret": "SEC00c0ffee", "ms": ms, "content": text})
            }
            "slack" => json!({"do": "slack", "url": groups.url(format), "message": message.json}),
            _ => json!({"do": "feishu sign", "timestamp": message.json["timestamp"], "secret": "SEC00c0ffee"}),
        };
        let result = tokio::task::spawn_blocking(move || foreign("robots.py", &json!([task]))).await.unwrap().remove(0);
        if format == "feishu" {
            assert_eq!(message.json["timestamp"], (ms / 1000).to_string());
            assert_eq!(message.json["sign"], result, "the signature is that of the platform's description");
            continue;
        }
        let theirs = groups.wait(format, 2).await.remove(1);
        assert_eq!((&message.method, &message.query), (&theirs.method, &theirs.query), "{format}");
        for message in [&message, &theirs] {
            assert!(message.headers["content-type"].to_str().unwrap().starts_with("application/json"), "{format}");
        }
        match format {
            // Their client leaves out whom it does not call.
            "dingtalk" => {
                let mut ours = message.json.clone();
                assert_eq!(ours["at"], json!({"atMobiles": [], "atUserIds": [], "isAtAll": false}));
                ours["at"] = json!({});
                assert_eq!(ours, theirs.json);
                assert_eq!(result["errcode"], 0);
                assert_eq!(message.query.len(), 3, "{:?}", message.query);
            }
            "slack" => {
                assert_eq!((&result["status"], &result["body"]), (&json!(200), &json!("ok")));
                assert_eq!(result["blocks"], message.json["blocks"], "the library's model knows all of it");
                assert_eq!(theirs.json, message.json);
            }
            _ => {
                assert_eq!(result, json!(true));
                assert_eq!(theirs.json, message.json);
            }
        }
    }
}

#[tokio::test]
async fn people_hear_of_few_events_unless_the_shop_says_otherwise() {
    let groups = Groups::start().await;
    let shop = groups.shop("slack", ", rate: 1000/s, mention: here").await;
    let daemon = Daemon::start(&shop, EVENING).await;
    let id = says(&daemon, "p-1", "anna", "转人工").await;
    says(&daemon, "p-2", "anna", "我还有一个问题要问").await;
    // The case moves from `general` to `oncall`; both have the same kind of robot, each its own.
    says(&daemon, "p-3", "anna", "我的卡被盗刷了").await;
    assert_eq!(api::agent(daemon.address(), &id, "close", json!({})).await.status, 200);
    let kinds = |rows: Vec<OutboxRow>| rows.into_iter().map(|row| row.kind).collect::<Vec<_>>();
    assert_eq!(kinds(settled(&daemon, "desk", "delivered", 2).await), ["handoff.created", "handoff.moved"]);
    assert_eq!(kinds(settled(&daemon, "oncall", "delivered", 2).await), ["handoff.created", "conversation.closed"]);
    let messages = groups.at("slack");
    let urgent: Vec<&Message> = messages.iter().filter(|message| message.words().contains("🔴")).collect();
    assert_eq!(urgent.len(), 1, "the one that is urgent, and not its end: {messages:#?}");
    assert!(messages.iter().all(|message| message.words().contains("<!here>") == message.words().contains("🔴")));

    // Chosen events, and one group for both queues: it hears once of a case that moves.
    let groups = Groups::start().await;
    let shop =
        groups.shop("wecom-robot", ", rate: 1000/s, events: [handoff.message, handoff.moved, handoff.created]").await;
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("webhook: oncall", "webhook: desk"));
    let daemon = Daemon::start(&shop, EVENING).await;
    let id = says(&daemon, "p-1", "anna", "转人工").await;
    says(&daemon, "p-2", "anna", "我还有一个问题要问").await;
    says(&daemon, "p-3", "anna", "我的卡被盗刷了").await;
    assert_eq!(api::agent(daemon.address(), &id, "close", json!({})).await.status, 200);
    let told = kinds(settled(&daemon, "desk", "delivered", 3).await);
    assert_eq!(told, ["handoff.created", "handoff.message", "handoff.created"]);
    assert_eq!(rows(&daemon, "desk").await.len(), 3);
}

#[tokio::test]
async fn a_burst_is_folded_and_urgent_ones_go_first_and_alone() {
    let groups = Groups::start().await;
    let shop = groups.shop("wecom-robot", "").await;
    let daemon = Daemon::start(&shop, EVENING).await;
    for n in 0..100 {
        says(&daemon, &format!("p-{n}"), &format!("customer-{n}"), "转人工").await;
    }
    // In this minute of a clock that stands still 15 of 20 were for whoever came first.
    wait_for("fifteen messages", || async { (groups.at("wecom-robot").len() >= 15).then_some(()) }).await;
    let early: usize = groups.at("wecom-robot").iter().map(tells_of).sum();
    settled(&daemon, "desk", "delivered", early).await;
    assert_eq!(groups.at("wecom-robot").len(), 15);
    assert!(early < 100, "some wait");

    // An emergency of one who waits for people already: what happened before is told before it.
    says(&daemon, "p-100", "customer-99", "我的卡被盗刷了").await;
    let messages = groups.wait("wecom-robot", 16).await;
    settled(&daemon, "oncall", "delivered", 1).await;
    assert!(messages[15].words().contains("🔴【紧急】新的转人工 · oncall"), "{}", messages[15].words());
    assert_eq!(tells_of(&messages[15]), 1);

    daemon.turn_to("2026-10-14T20:01:01+08:00");
    let delivered = settled(&daemon, "desk", "delivered", 101).await;
    assert_eq!(delivered.len(), rows(&daemon, "desk").await.len());
    let messages = groups.at("wecom-robot");
    assert!(messages.len() <= 18, "{} messages for 102 notices", messages.len());
    assert_eq!(messages.iter().map(tells_of).sum::<usize>(), 102, "each was told once");
    let digest = messages.last().unwrap().words();
    assert!(digest.contains("条通知") && digest.contains(" × 新的转人工 · general"), "{digest}");
    assert!(digest.contains("1 × 会话已转到 oncall · general"), "{digest}");
    assert!(digest.contains("https://desk.example/console#/cases"), "{digest}");
    // In order within each conversation.
    let mut last: BTreeMap<String, (i64, jiff::Timestamp)> = BTreeMap::new();
    for row in rows(&daemon, "desk").await {
        let at = row.finished_at.unwrap();
        if let Some((id, before)) = last.insert(row.conversation, (row.id, at)) {
            assert!(id < row.id && before <= at);
        }
    }
}

/// A platform's odd answer, what becomes of the delivery, and words of the hint.
struct Odd {
    format: &'static str,
    reply: Reply,
    becomes: &'static str,
    hint: &'static str,
}

fn odd(format: &'static str, reply: Reply, becomes: &'static str, hint: &'static str) -> Odd {
    Odd { format, reply, becomes, hint }
}

fn code(number: i64, words: &str) -> Reply {
    reply(200, json!({"errcode": number, "errmsg": words}).to_string())
}

fn feishu(number: i64, words: &str) -> Reply {
    reply(200, json!({"code": number, "msg": words, "data": {}}).to_string())
}

fn misbehaviour() -> Vec<Odd> {
    let slow = Reply { after: Duration::from_secs(5), ..good("") };
    let cut = Reply { cut: true, ..good("") };
    let busy = Reply { retry_after: Some(30), ..reply(429, "") };
    vec![
        odd("wecom-robot", code(45009, "api freq out of limit, key botkey0001"), "retry", "spoke too often"),
        odd("wecom-robot", code(-1, "system busy"), "retry", "WeCom is busy"),
        odd("wecom-robot", code(93000, "invalid webhook url botkey0001"), "stop", "change `url`"),
        odd("wecom-robot", code(60020, "not allow to access from your ip"), "dead", "allowed addresses"),
        odd("wecom-robot", code(123_456, "what is this"), "retry", "code 123456"),
        odd("wecom-robot", reply(502, "<html>"), "retry", "HTTP 502"),
        odd("wecom-robot", reply(200, "<html>log in first</html>"), "retry", "not the platform's own"),
        odd("wecom-robot", slow, "retry", "timed out"),
        odd("wecom-robot", cut, "retry", "cut off"),
        odd("dingtalk", code(130_101, "send too fast, exceed 20 times per minute"), "retry", "ten minutes"),
        odd("dingtalk", code(310_000, "keywords not in content"), "dead", "put `nightdesk` among the keywords"),
        odd("dingtalk", code(300_001, "token is not exist"), "stop", "change `url`"),
        odd("feishu", feishu(11232, "frequency limited"), "retry", "half hour"),
        odd("feishu", feishu(19021, "sign match fail or timestamp is not within one hour"), "dead", "clock"),
        odd("feishu", feishu(19024, "Key Words Not Found"), "dead", "put `nightdesk` among them"),
        odd("feishu", feishu(19001, "param invalid: incoming webhook access token invalid"), "stop", "change `url`"),
        odd(
            "feishu",
            reply(400, json!({"code": 9499, "msg": "Bad Request", "data": {}}).to_string()),
            "dead",
            "report this",
        ),
        odd("slack", reply(404, "no_service"), "stop", "make a new one"),
        odd("slack", reply(410, "channel_is_archived"), "stop", "archived"),
        odd("slack", reply(403, "action_prohibited"), "dead", "administrator"),
        odd("slack", reply(400, "invalid_blocks"), "dead", "report this"),
        odd("slack", reply(404, "something_new"), "dead", "HTTP 404, which is final"),
        odd("slack", reply(200, "not_ok"), "retry", "not the platform's own"),
        odd("slack", busy, "retry", "HTTP 429"),
    ]
}

#[tokio::test]
async fn every_odd_answer_is_tried_again_or_final_with_a_hint_and_without_the_secret() {
    for Odd { format, reply, becomes, hint } in misbehaviour() {
        let (wait, what) = (reply.retry_after, format!("{format}: {} {}", reply.status, reply.body));
        let groups =
            Groups::answering(move |message, before| if before == 0 { reply.clone() } else { good(&message.path) })
                .await;
        let shop = groups.shop(format, "").await;
        let daemon = Daemon::start(&shop, EVENING).await;
        says(&daemon, "p-1", "anna", "转人工").await;
        let state = if becomes == "retry" { "pending" } else { "dead" };
        let row = wait_for(&format!("the first attempt: {what}"), || async {
            rows(&daemon, "desk").await.into_iter().find(|row| row.state == state && row.last_error.is_some())
        })
        .await;
        let error = row.last_error.clone().unwrap();
        assert!(error.contains(hint) && !error.contains("botkey0001"), "{what}: {error}");
        if let Some(seconds) = wait {
            let waits = row.next_try_at.duration_since(daemon.now()).as_secs();
            assert_eq!(waits, i64::from(seconds), "{what}");
        }
        // The next customer's: goes out, waits for a new address, or until the platform wants to hear again.
        says(&daemon, "p-2", "ben", "转人工").await;
        let later = daemon.now() + Duration::from_secs(900);
        match becomes {
            "stop" => {
                let stopped = daemon.app.pipeline.store.endpoint("desk").await.unwrap().unwrap();
                assert!(stopped.stopped_at.is_some(), "{what}");
                daemon.turn_to(&later.to_string());
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(
                    (groups.at(format).len(), rows(&daemon, "desk").await[1].state.as_str()),
                    (1, "pending"),
                    "{what}"
                );
            }
            "dead" => {
                daemon.turn_to(&later.to_string());
                settled(&daemon, "desk", "delivered", 1).await;
                assert_eq!(groups.at(format).len(), 2, "{what}");
            }
            _ => {
                daemon.turn_to(&later.to_string());
                settled(&daemon, "desk", "delivered", 2).await;
            }
        }
        if becomes == "retry" {
            assert_eq!(rows(&daemon, "desk").await[0].attempts, 2, "{what}");
        }
    }
}

#[tokio::test]
async fn a_robot_that_wants_quiet_gets_it_even_from_urgent_ones() {
    let groups =
        Groups::answering(|message, before| if before == 0 { code(45009, "") } else { good(&message.path) }).await;
    let shop = groups.shop("wecom-robot", "").await;
    let daemon = Daemon::start(&shop, EVENING).await;
    says(&daemon, "p-1", "anna", "我的卡被盗刷了").await;
    wait_for("the refusal", || async {
        rows(&daemon, "oncall").await.iter().any(|row| row.attempts == 1).then_some(())
    })
    .await;
    says(&daemon, "p-2", "ben", "我的卡也被盗刷了").await;
    daemon.turn_to("2026-10-14T20:00:59+08:00");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(groups.at("wecom-robot").len(), 1);
    daemon.turn_to("2026-10-14T20:01:00+08:00");
    settled(&daemon, "oncall", "delivered", 2).await;
    assert_eq!(groups.at("wecom-robot").len(), 3);
}

#[tokio::test]
async fn a_webhook_becomes_a_robot_and_a_program_again_without_a_restart() {
    let groups = Groups::start().await;
    let shop = groups.shop("slack", "").await;
    let daemon = Daemon::start(&shop, EVENING).await;
    says(&daemon, "p-1", "anna", "转人工").await;
    groups.wait("slack", 1).await;
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    for (n, (settings, standard)) in
        [(settings.replace("format: slack, ", ""), true), (settings, false)].into_iter().enumerate()
    {
        shop.write("nightdesk.yaml", &settings);
        daemon.app.reload();
        let customer = format!("customer-{n}");
        wait_for("the new form", || async {
            daemon.turn_to(&(daemon.now() + Duration::from_secs(2)).to_string());
            let id = format!("{customer}-{}", daemon.now().as_second());
            says(&daemon, &id, &id, "转人工").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let last = groups.at("slack").pop().unwrap();
            (last.headers.contains_key("webhook-id") == standard).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_everything_is_told_and_nothing_of_the_address_is_logged() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let groups = Groups::answering(move |message, _| {
        // Every third is not taken, and says more than it should.
        match counted.fetch_add(1, Ordering::Relaxed) % 3 {
            2 => code(-1, "busy: http://h/wecom-robot?key=botkey0001"),
            _ => Reply { after: Duration::from_millis(30), ..good(&message.path) },
        }
    })
    .await;
    let waits = format!("[{}]", vec!["200ms"; 40].join(", "));
    let shop: Shop = groups.shop("wecom-robot", &format!(", rate: 8/s, retry: {waits}")).await;
    let mut process = Process::start(&shop);
    let mut customer = 0;
    for _ in 0..4 {
        for _ in 0..15 {
            let body = forwarded(&format!("p-{customer}"), &format!("customer-{customer}"), "转人工");
            let answer = forward(process.address, CRM_SECRET, jiff::Timestamp::now().as_second(), &body).await;
            assert_eq!(answer.status, 200, "{:#}", answer.json);
            customer += 1;
        }
        process.kill();
        process = Process::start(&shop);
    }
    let store = SqliteStore::open_beside(&shop.data()).unwrap();
    let told = wait_for("all to be told", || async {
        let filter = DeliveryFilter { state: Some("delivered".into()), endpoint: Some("desk".into()), limit: 10_000 };
        let rows = store.deliveries(filter).await.unwrap();
        (rows.len() == customer).then_some(rows.len())
    })
    .await;
    assert_eq!(process.terminate(), Some(0));
    let taken: usize = groups.at("wecom-robot").iter().filter(|message| message.taken).map(tells_of).sum();
    assert!(taken >= told, "{taken} were told of in messages that were taken, {told} are marked");
    assert!(taken <= told + 4 * 60, "{taken}: no more than what was under way at the kills is told twice");
    let log = std::fs::read_to_string(shop.aside("daemon.log")).unwrap();
    assert!(log.contains("WeCom is busy"), "the log tells of failures: {log}");
    assert!(!log.contains("botkey0001"), "the log has the robot's key");
}

#[test]
fn a_test_message_tells_what_became_of_it() {
    let world = tokio::runtime::Runtime::new().unwrap();
    let answer = |message: &Message, before| match (message.path.as_str(), before) {
        ("/wecom-robot", 1) => code(93000, "invalid webhook url"),
        _ => good(&message.path),
    };
    let groups = world.block_on(Groups::answering(answer));
    let shop = world.block_on(groups.shop("wecom-robot", ", mention: all"));
    let run = |options: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        let output = command.arg("--dir").arg(shop.dir()).args(["channel", "test"]).args(options).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (exit, said, _) = run(&["desk"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(
        said.starts_with("desk: taken by http://127.0.0.1:") && said.ends_with("/… (format wecom-robot, HTTP 200)\n"),
        "{said}"
    );
    let message = groups.at("wecom-robot").remove(0);
    assert!(
        message.words().contains("nightdesk") && message.json["text"].get("mentioned_list").is_none(),
        "{message:?}"
    );
    let (exit, said, _) = run(&["desk", "--format", "json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((exit, &said["delivered"], &said["status"]), (Some(1), &json!(false), &json!(200)));
    assert!(said["error"].as_str().unwrap().contains("make a new robot"), "{said:#}");
    // A channel's reply address is a receiver too.
    assert_eq!(run(&["crm"]).0, Some(0));
    let (exit, _, error) = run(&["nobody"]);
    assert_eq!(exit, Some(2));
    assert!(
        error.contains("`nobody`") && error.contains("crm, desk, oncall") || error.contains("desk, oncall, crm"),
        "{error}"
    );
}
