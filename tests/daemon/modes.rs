//! Special modes: switched by hand with a right to it, seen by customers at once, kept over a restart, over by themselves.

use std::process::Output;

use serde_json::{Value, json};

use crate::common::api::{get, http, post};
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::erp::Erp;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};
use crate::program::program_in;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

const NOTICES: &str = "\nnotices:
  peak: {zh: '人多，{{ waiting }}人在前。', en: 'Busy, {{ waiting }} before you.'}
  queue_full: {zh: '排满了，{{ waiting }}人，请留言。', en: 'Full: {{ waiting }}. Leave it here.'}
  degraded: {zh: 系统故障，消息已保存。, en: 'Systems are down, your message is kept.'}
";

fn shop(receiver: &Receiver, more: &str) -> Shop {
    let shop = Shop::small_with(receiver, more);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("\nnotices:\n", NOTICES));
    shop
}

fn url(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.address())
}

async fn switch(daemon: &Daemon, mode: &str, body: Value) -> u16 {
    post(&url(daemon, &format!("/v1/modes/{mode}")), body.to_string(), &[]).await.status
}

async fn mode(daemon: &Daemon, mode: &str) -> Value {
    let listed = get(&url(daemon, "/v1/modes")).await.json;
    let modes = listed["modes"].as_array().unwrap();
    modes.iter().find(|one| one["mode"] == mode).unwrap().clone()
}

/// What a new customer hears.
async fn hears(daemon: &Daemon, text: &str) -> Vec<String> {
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say(text).await.texts().into_iter().map(str::to_owned).collect()
}

fn nightdesk(shop: &Shop, arguments: &[&str]) -> Output {
    program_in(&shop.dir()).args(arguments).arg("--data").arg(shop.data()).output().unwrap()
}

#[tokio::test]
async fn switched_on_by_hand_it_counts_at_once_survives_a_restart_and_ends_by_itself() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(hears(&daemon, "转人工").await, ["已转给同事。"]);
    let body = json!({"on": true, "until": "2026-10-14T12:00:00+08:00", "note": "双十一"});
    assert_eq!(switch(&daemon, "peak", body).await, 200);
    assert_eq!(hears(&daemon, "转人工").await, ["人多，1人在前。"]);
    let on = mode(&daemon, "peak").await;
    assert_eq!(
        (&on["on"], &on["running"]["by_hand"], &on["running"]["note"]),
        (&json!(true), &json!(true), &json!("双十一"))
    );
    assert_eq!(mode(&daemon, "degraded").await["on"], false);
    // New files leave it as it is, and so does a restart.
    shop.write("faq/more.yaml", "faq: [{id: m, title: 更多, questions: [还有什么], answer: 没有了。}]");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 200);
    assert_eq!(mode(&daemon, "peak").await["on"], true);
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T11:00:00+08:00").await;
    assert_eq!(hears(&daemon, "转人工").await, ["人多，2人在前。"]);
    assert_eq!(str_at(&mode(&daemon, "peak").await, "/running/until"), "2026-10-14T04:00:00Z");
    daemon.turn_to("2026-10-14T12:00:00+08:00");
    assert_eq!(mode(&daemon, "peak").await["on"], false);
    assert_eq!(hears(&daemon, "转人工").await, ["已转给同事。"]);
    daemon.stop().await;
}

#[tokio::test]
async fn the_files_have_it_on_by_date_and_a_person_switches_it_off() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "modes: {peak: {when: {from: 2026-10-14 11:00, until: 2026-10-14, by: 王丽}}}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let planned = mode(&daemon, "peak").await;
    assert_eq!((&planned["on"], &planned["next"]), (&json!(false), &json!("2026-10-14T03:00:00Z")));
    daemon.turn_to("2026-10-14T11:00:00+08:00");
    assert_eq!(hears(&daemon, "转人工").await, ["人多，0人在前。"]);
    let on = mode(&daemon, "peak").await;
    assert_eq!(
        (str_at(&on, "/running/by"), str_at(&on, "/running/until")),
        ("王丽", "2026-10-14T16:00:00Z"),
        "the end of that day"
    );
    assert_eq!(switch(&daemon, "peak", json!({"on": false})).await, 200);
    assert_eq!(hears(&daemon, "转人工").await, ["已转给同事。"]);
    daemon.turn_to("2026-10-14T17:59:00+08:00");
    assert_eq!(mode(&daemon, "peak").await["on"], false, "off to the end of what was planned");
    let record = get(&url(&daemon, "/v1/modes")).await.json;
    assert_eq!((&record["switched"][0]["on"], &record["switched"][0]["by"]), (&json!(false), &json!("local")));
    daemon.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_so_and_nobody_is_lost() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "modes: {peak: {queue_cap: 2, when: {from: 2026-10-14, until: 2026-10-14}}}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for expected in ["人多，0人在前。", "人多，1人在前。", "排满了，2人，请留言。", "排满了，3人，请留言。"]
    {
        assert_eq!(hears(&daemon, "转人工").await, [expected]);
    }
    let urgent = hears(&daemon, "银行卡被盗刷").await;
    assert_eq!(urgent, ["请先冻结银行卡，值班同事已收到通知。"]);
    let queue = get(&url(&daemon, "/v1/queue")).await.json;
    assert_eq!(queue["waiting"].as_array().map(Vec::len), Some(5), "{queue}");
    daemon.stop().await;
}

#[tokio::test]
async fn while_systems_are_down_they_are_not_asked() {
    let erp = Erp::start().await;
    let receiver = Receiver::start().await;
    let more = format!("settings: {{erp_url: \"{}\"}}\nlookups: {{private_addresses: true}}", erp.url());
    let shop = shop(&receiver, &more);
    shop.write(
        "rules/track.yaml",
        "rules:
  - id: track
    when: {phrase: [快递到哪]}
    slots: {order_no: {pattern: '\\d{12}', ask: 订单号？}}
    lookup: {url: \"{{ settings.erp_url }}/orders/{{ slots.order_no }}\"}
    then:
      - {if: lookup.error, reply: 查不到系统。, handoff: {queue: general, reason: lookup_failed}}
      - {reply: \"{{ lookup.body.carrier }}：{{ lookup.body.state }}\"}
  - id: status
    when: {all: [{phrase: [系统好了吗]}, {if: mode.degraded}]}
    reply: 还没有。
",
    );
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let body = json!({"on": true, "until": "2026-10-14T12:00:00+08:00"});
    assert_eq!(switch(&daemon, "degraded", body).await, 200);
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(client.say("快递到哪了").await.texts(), ["系统故障，消息已保存。", "订单号？"]);
    assert_eq!(client.turn(message("m-1", "100000000009")).await.texts(), ["查不到系统。"]);
    assert_eq!(erp.asked("100000000009"), 0, "nobody asked it");
    assert_eq!(hears(&daemon, "系统好了吗").await, ["系统故障，消息已保存。", "还没有。"]);
    daemon.turn_to("2026-10-14T12:00:00+08:00");
    let mut later = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(later.say("快递到哪了").await.texts(), ["订单号？"]);
    assert_eq!(later.turn(message("m-1", "100000000009")).await.texts(), ["顺丰：派送中"]);
    assert_eq!(erp.asked("100000000009"), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn who_has_no_right_switches_nothing_and_nonsense_is_refused() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "access: {agents: {lin: a-token-of-lin}}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let good = json!({"on": true, "until": "2026-10-14T12:00:00+08:00"}).to_string();
    for path in ["/v1/modes/peak", "/v1/modes/degraded"] {
        assert_eq!(post(&url(&daemon, path), good.clone(), &[]).await.status, 401, "without a token");
        assert_eq!(post(&url(&daemon, path), good.clone(), &[("authorization", "Bearer wrong")]).await.status, 401);
    }
    assert_eq!(get(&url(&daemon, "/v1/modes")).await.status, 401);
    let lin = [("authorization", "Bearer a-token-of-lin")];
    for body in [
        json!({"on": true}),
        json!({"on": true, "until": "2026-10-14T10:00:00+08:00"}),
        json!({"on": true, "until": "2026-10-21T10:00:01+08:00"}),
        json!({"on": true, "until": "tonight"}),
        json!({"until": "2026-10-14T12:00:00+08:00"}),
        json!({"on": true, "until": "2026-10-14T12:00:00+08:00", "by": "somebody else"}),
        json!({"on": true, "until": "2026-10-14T12:00:00+08:00", "note": "长".repeat(501)}),
    ] {
        assert_eq!(post(&url(&daemon, "/v1/modes/peak"), body.to_string(), &lin).await.status, 400, "{body}");
    }
    assert_eq!(post(&url(&daemon, "/v1/modes/panic"), good.clone(), &lin).await.status, 404);
    let listed = || async {
        let answer = http().get(url(&daemon, "/v1/modes")).header(lin[0].0, lin[0].1).send().await.unwrap();
        serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap()
    };
    let listed_before = listed().await;
    assert!(listed_before["switched"].as_array().unwrap().is_empty(), "{listed_before}");
    assert_eq!(post(&url(&daemon, "/v1/modes/peak"), good, &lin).await.status, 200);
    let listed = listed().await;
    assert_eq!((&listed["modes"][0]["running"]["by"], &listed["switched"][0]["by"]), (&json!("lin"), &json!("lin")));
    daemon.stop().await;
}

#[tokio::test]
async fn the_command_switches_it_beside_a_running_daemon() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "");
    let now = jiff::Timestamp::now();
    let daemon = Daemon::start(&shop, &now.to_string()).await;
    for wrong in [
        &["mode", "peak", "--by", "Ann"][..],
        &["mode", "peak", "--for", "2h"],
        &["mode", "peak", "--for", "8d", "--by", "Ann"],
        &["mode", "off", "panic", "--by", "Ann"],
    ] {
        assert!(!nightdesk(&shop, wrong).status.success(), "{wrong:?}");
    }
    let output = nightdesk(&shop, &["mode", "peak", "--for", "2h", "--by", "Ann", "--note", "11.11"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("on until") && said.contains("Ann, 11.11"), "{output:?}");
    // The daemon's clock is its own.
    daemon.turn_to(&(now + jiff::SignedDuration::from_mins(60)).to_string());
    wait_for("the daemon to see it", || async {
        (mode(&daemon, "peak").await["running"]["by"] == "Ann").then_some(())
    })
    .await;
    let output = nightdesk(&shop, &["mode", "off", "peak", "--by", "Ben"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Ben") && said.contains("peak      off"), "{output:?}");
    wait_for("off", || async { (mode(&daemon, "peak").await["on"] == false).then_some(()) }).await;
    daemon.stop().await;
}

#[tokio::test]
async fn the_command_switches_while_the_files_are_broken_as_the_daemon_goes_on_with_the_last_good_ones() {
    let receiver = Receiver::start().await;
    let shop = shop(&receiver, "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    // What is in use is kept a moment after the start.
    let sets = shop.data().join("history/sets");
    wait_for("the history", async || sets.read_dir().is_ok_and(|mut sets| sets.next().is_some()).then_some(())).await;
    let broken = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap().replace("timezone:", "timezoone:");
    shop.write("nightdesk.yaml", &broken);
    let output = nightdesk(&shop, &["mode", "peak", "--for", "1h", "--by", "Ann"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("the last that was in use") && error.contains("nightdesk check"), "{error}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("peak      on until ") && printed.contains("+08:00 (by hand: Ann)"), "{printed}");
    wait_for("the daemon to see it", async || {
        let record = get(&url(&daemon, "/v1/modes")).await.json;
        (record["switched"][0]["by"] == "Ann").then_some(())
    })
    .await;
    daemon.stop().await;
    // Where no daemon was, nothing is known of the modes, and it says what to mend.
    std::fs::remove_dir_all(shop.data().join("history")).unwrap();
    let output = nightdesk(&shop, &["mode"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("did you mean `timezone`?") && error.contains("--data"), "{error}");
}
