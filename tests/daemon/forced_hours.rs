//! A person opens or closes the shop by hand: customers hear what is so, it survives a restart, and it ends by itself.

use serde_json::{Value, json};

use crate::common::api::{get, post};
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

fn url(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.address())
}

async fn force(daemon: &Daemon, open: bool, until: &str) -> u16 {
    let body = json!({"open": open, "until": until}).to_string();
    post(&url(daemon, "/v1/hours/shop"), body, &[]).await.status
}

async fn general(daemon: &Daemon) -> Value {
    let status = get(&url(daemon, "/v1/status")).await.json;
    status["queues"].as_array().unwrap().iter().find(|queue| queue["queue"] == "general").unwrap().clone()
}

#[tokio::test]
async fn closed_by_hand_customers_hear_when_people_are_back_and_it_ends_by_itself() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(force(&daemon, false, "2026-10-14T15:00:00+08:00").await, 200);
    let queue = general(&daemon).await;
    assert_eq!((&queue["open"], &queue["next_open"]), (&json!(false), &json!("2026-10-14T07:00:00Z")), "{queue}");
    assert_eq!(queue["forced"]["open"], false);
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let said = client.say("转人工").await.texts().join("");
    assert!(said.contains("今天 15:00") || said.contains("15:00"), "{said}");
    // A reload, broken files and a restart leave it as it is.
    shop.write("faq/more.yaml", "faq: [{id: m, title: 更多, questions: [还有什么], answer: 没有了。}]");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 200);
    assert_eq!(general(&daemon).await["open"], false);
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T11:00:00+08:00").await;
    assert_eq!(general(&daemon).await["open"], false);
    shop.write("faq/more.yaml", "faq: [{");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 422);
    assert_eq!(force(&daemon, false, "2026-10-14T16:00:00+08:00").await, 200, "also while the files are broken");
    assert_eq!(general(&daemon).await["next_open"], "2026-10-14T08:00:00Z");
    daemon.turn_to("2026-10-14T16:00:00+08:00");
    let queue = general(&daemon).await;
    assert_eq!((&queue["open"], &queue["forced"]), (&json!(true), &Value::Null));
    daemon.stop().await;
}

#[tokio::test]
async fn opened_by_hand_targets_count_and_released_they_do_not() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-14T20:00:00+08:00").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    assert_eq!(force(&daemon, true, "2026-10-14T22:00:00+08:00").await, 200);
    assert_eq!(general(&daemon).await["closes"], "2026-10-14T14:00:00Z");
    let mut second = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(second.say("转人工").await.texts(), ["已转给同事。"]);
    let released = post(&url(&daemon, "/v1/hours/shop/release"), "", &[]).await;
    assert_eq!((released.status, &released.json["released"]), (200, &json!(true)));
    assert_eq!(general(&daemon).await["open"], false);
    let again = post(&url(&daemon, "/v1/hours/shop/release"), "", &[]).await;
    assert_eq!((again.status, &again.json["released"]), (200, &json!(false)));
    daemon.stop().await;
}

#[tokio::test]
async fn what_waited_through_hours_closed_by_hand_is_not_late_when_they_end_sooner() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(force(&daemon, false, "2026-10-14T15:00:00+08:00").await, 200);
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    let due = || async {
        let queue = get(&url(&daemon, "/v1/queue")).await.json;
        let case = queue["waiting"].as_array().unwrap().iter().find(|case| case["id"] == id.as_str()).cloned();
        case.map(|case| (case["deadline"].clone(), case["handoff"]["ladder"].is_null()))
    };
    assert_eq!(due().await, Some((json!("2026-10-14T07:02:00Z"), true)), "two minutes after the opening");
    // Longer, then shorter than it was said: what began in between has not run, and its deadline follows.
    daemon.turn_to("2026-10-14T11:00:00+08:00");
    assert_eq!(force(&daemon, false, "2026-10-14T16:00:00+08:00").await, 200);
    wait_for("the later deadline", || async { (due().await? == (json!("2026-10-14T08:02:00Z"), true)).then_some(()) })
        .await;
    daemon.turn_to("2026-10-14T12:30:00+08:00");
    assert_eq!(post(&url(&daemon, "/v1/hours/shop/release"), "", &[]).await.status, 200);
    wait_for("the sooner deadline", || async { (due().await? == (json!("2026-10-14T04:32:00Z"), true)).then_some(()) })
        .await;
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T12:31:00+08:00").await;
    let queue = get(&url(&daemon, "/v1/queue")).await.json;
    assert_eq!(queue["waiting"][0]["deadline"], "2026-10-14T04:32:00Z", "after a restart too");
    daemon.stop().await;
}

#[tokio::test]
async fn what_cannot_be_set_is_said() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for until in ["2026-10-14T09:59:00+08:00", "2026-10-14T10:00:00+08:00", "2026-11-20T10:00:00+08:00"] {
        assert_eq!(force(&daemon, true, until).await, 400, "{until}");
    }
    for body in [
        "",
        "{}",
        r#"{"open":true}"#,
        r#"{"open":true,"until":"tomorrow"}"#,
        r#"{"open":true,"until":"2026-10-14T12:00:00Z","x":1}"#,
    ] {
        assert_eq!(post(&url(&daemon, "/v1/hours/shop"), body, &[]).await.status, 400, "{body}");
    }
    let unknown = post(&url(&daemon, "/v1/hours/shopp"), r#"{"open":true,"until":"2026-10-14T12:00:00Z"}"#, &[]).await;
    assert!(unknown.status == 404 && str_at(&unknown.json, "/detail").contains("shop"), "{unknown:?}");
    assert_eq!(general(&daemon).await["forced"], Value::Null);
    // Emergencies rely on it.
    let body = json!({"open": false, "until": "2026-10-14T12:00:00+08:00"}).to_string();
    assert_eq!(post(&url(&daemon, "/v1/hours/always"), body, &[]).await.status, 400);
    daemon.stop().await;
}

#[tokio::test]
async fn what_nothing_answered_today_is_listed_once_with_its_count() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-13T23:50:00+08:00").await;
    let mut early = Client::new(daemon.address(), "zh-CN").await;
    early.say("昨天的问题呢").await;
    daemon.turn_to(WEDNESDAY);
    for text in ["紫色大象", "紫色大象！", "另一件事情"] {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say(text).await;
    }
    let mut answered = Client::new(daemon.address(), "zh-CN").await;
    answered.say("怎么退货").await;
    let listed = wait_for("the list", || async {
        let listed = get(&url(&daemon, "/v1/unmatched")).await.json;
        (listed["messages"].as_array().is_some_and(|list| list.len() == 2)).then_some(listed)
    })
    .await;
    assert_eq!(listed["since"], "2026-10-13T16:00:00Z", "the day begins at midnight in the shop's zone");
    let first = &listed["messages"][0];
    assert_eq!((&first["count"], &first["reason"]), (&json!(2), &json!("no_match")), "{first}");
    assert!(str_at(first, "/text").starts_with("紫色大象") && str_at(first, "/conversation").starts_with("c_"));
    let all = get(&url(&daemon, "/v1/unmatched?since=2026-10-13T00:00:00Z")).await.json;
    assert_eq!(all["messages"].as_array().unwrap().len(), 3);
    assert_eq!(get(&url(&daemon, "/v1/unmatched?since=yesterday")).await.status, 400);
    daemon.stop().await;
}
