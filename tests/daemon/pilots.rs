//! Pilots in a running daemon: one that is worse than the rest ends by itself, once, and stays ended.

use std::sync::atomic::{AtomicU64, Ordering};

use nightdesk::hub::News;
use nightdesk::rules::pilots::number;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::api::{forward, forwarded, get};
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{PATIENCE, str_at, wait_for};

const TEN: &str = "2026-10-14T10:00:00+08:00";
const OLD: &str = "七天内可以退货。";

/// A pilot for half of the customers, in the place of `returns.window`, that hands over.
fn pilot(reason: &str) -> String {
    format!(
        "rules:\n  - id: returns.person\n    replaces: returns.window\n    rollout: 50%\n    when: {{phrase: [怎么退货]}}\n    reply: {{zh: 请同事来帮您。, en: A colleague helps you.}}\n    handoff: {{queue: general, reason: {reason}}}\n"
    )
}

/// Customers on one side of a half, from a number on so that they are new.
fn customers(takes_part: bool, from: usize) -> impl Iterator<Item = String> {
    (from..).map(|n| format!("k{n}")).filter(move |id| (number(id) < 5_000) == takes_part)
}

/// What a customer is told.
async fn ask(daemon: &Daemon, customer: &str, text: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("m-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let body = forwarded(&id, customer, text);
    let answered = forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
    assert_eq!(answered.status, 200, "{:#}", answered.json);
    answered.json
}

fn words(answered: &Value) -> String {
    answered["messages"].as_array().unwrap().iter().map(|message| str_at(message, "/text")).collect()
}

async fn ask_all(daemon: &Daemon, from: usize, each: usize) {
    for takes_part in [true, false] {
        for customer in customers(takes_part, from).take(each) {
            let answered = ask(daemon, &customer, "怎么退货").await;
            assert_eq!(words(&answered).contains(OLD), !takes_part, "{answered:#}");
        }
    }
}

fn told(receiver: &Receiver) -> Vec<Hit> {
    receiver.hits().into_iter().filter(|hit| hit.kind() == "pilot.stopped").collect()
}

async fn status(daemon: &Daemon) -> Value {
    get(&format!("http://{}/v1/status", daemon.address())).await.json["pilots"].clone()
}

async fn metric(daemon: &Daemon, line: &str) -> bool {
    let text = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/metrics", daemon.address());
    text.get(url).send().await.unwrap().text().await.unwrap().lines().any(|found| found == line)
}

#[tokio::test]
async fn a_pilot_that_is_worse_ends_by_itself_and_says_so_once() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "pilots: {stop: {handoff: 10%, after: 10, webhook: desk}}");
    shop.write("rules/pilot.yaml", &pilot("trial"));
    let daemon = Daemon::start(&shop, TEN).await;
    // Too few on each side: nothing is concluded, however bad it looks.
    ask_all(&daemon, 0, 9).await;
    daemon.turn_to("2026-10-14T10:02:00+08:00");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(status(&daemon).await[0]["stopped"], Value::Null);
    assert!(metric(&daemon, r#"nightdesk_pilot_stopped{pilot="returns.person"} 0"#).await);

    ask_all(&daemon, 1_000, 4).await;
    let mut ear = daemon.app.pipeline.hub.desk.listen(None);
    daemon.turn_to("2026-10-14T10:04:00+08:00");
    let hit = wait_for("the receiver's word", || async { told(&receiver).pop() }).await;
    let body = hit.json();
    let said = &body["data"]["pilot"];
    assert_eq!((str_at(said, "/pilot"), str_at(said, "/why")), ("returns.person", "handoff"));
    assert_eq!((&said["with"], &said["rest"]), (&json!({"part": 13, "whole": 13}), &json!({"part": 0, "whole": 13})));
    assert_eq!(str_at(said, "/title"), "试点已自动停止：returns.person");
    assert_eq!(said["figures"][0]["value"], "100.0 %");
    // Its customers get what the rest have, at once.
    let mut again = customers(true, 2_000);
    wait_for("the end", || async { status(&daemon).await[0]["stopped"].is_object().then_some(()) }).await;
    let answered = wait_for("the old answer", || {
        let customer = again.next().unwrap();
        let daemon = &daemon;
        async move { Some(ask(daemon, &customer, "怎么退货").await).filter(|answered| words(answered).contains(OLD)) }
    })
    .await;
    assert_eq!(answered["decision"]["pilots"], Value::Null, "there is no pilot any more");
    let shown = status(&daemon).await;
    assert_eq!((str_at(&shown, "/0/pilot"), str_at(&shown, "/0/stopped/why")), ("returns.person", "handoff"));
    assert_eq!(instant(str_at(&shown, "/0/stopped/at")), instant("2026-10-14T10:04:00+08:00"));
    assert!(metric(&daemon, r#"nightdesk_pilot_stopped{pilot="returns.person"} 1"#).await);
    while !matches!(timeout(PATIENCE, ear.next()).await.expect("the consoles' news"), Ok((_, News::Pilot { .. }))) {}

    // A reload of something else, and a restart: it stays ended, and nobody is told again.
    shop.write("faq/more.yaml", "faq:\n  - {id: more.one, title: 新, questions: [有新品吗], answer: 有。}\n");
    let report = crate::common::api::post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!(report.status, 200, "{:#}", report.json);
    assert!(words(&ask(&daemon, &again.next().unwrap(), "怎么退货").await).contains(OLD));
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T10:10:00+08:00").await;
    assert!(words(&ask(&daemon, &again.next().unwrap(), "怎么退货").await).contains(OLD));
    assert_eq!(str_at(&status(&daemon).await, "/0/stopped/why"), "handoff");

    // Another text of it begins anew, and what the old one did does not count against it.
    shop.write("rules/pilot.yaml", &pilot("second-trial"));
    let report = crate::common::api::post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!(report.status, 200, "{:#}", report.json);
    let answered = ask(&daemon, &again.next().unwrap(), "怎么退货").await;
    assert!(!words(&answered).contains(OLD), "{answered:#}");
    assert_eq!(answered["decision"]["pilots"], json!(["returns.person"]));
    let shown = status(&daemon).await;
    assert_eq!(shown[0]["stopped"], Value::Null);
    assert_eq!(instant(str_at(&shown, "/0/since")), instant("2026-10-14T10:10:00+08:00"));
    daemon.turn_to("2026-10-14T10:12:00+08:00");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(status(&daemon).await[0]["stopped"], Value::Null);
    daemon.stop().await;
    assert_eq!(told(&receiver).len(), 1);
}
