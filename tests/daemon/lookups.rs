//! Answers that come from the shop's own system, which is slow, wrong or gone as such systems are.

use std::time::Duration;

use serde_json::json;

use crate::common::api::{forward, forwarded, transcript};
use crate::common::client::{Client, message};
use crate::common::daemon::{Daemon, Process};
use crate::common::erp::Erp;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

const RULES: &str = "rules:
  - id: track
    when: {phrase: [快递到哪]}
    slots:
      order_no: {pattern: '\\d{12}', ask: 订单号？}
    lookup: {url: \"{{ settings.erp_url }}/orders/{{ slots.order_no }}\", timeout: 3s, cache: 1m}
    then:
      - {if: lookup.error, reply: 查不到系统。, handoff: {queue: general, reason: lookup_failed}}
      - {if: lookup.status == 404, reply: 没有这个订单。}
      - {if: not lookup.body.shipped, reply: 还没发货。}
      - {reply: \"{{ lookup.body.carrier }}：{{ lookup.body.state }}\"}
  - id: which
    when: {phrase: [查单]}
    slots:
      number: {pattern: '\\d{12}', ask: 订单号？}
    lookup: {url: \"{{ settings.erp_url }}/orders/{{ slots.number }}\", timeout: 3s}
    then:
      - {reply: \"{{ slots.number }}在{{ lookup.body.carrier }}\"}
";

async fn shop(erp: &Erp, private: bool) -> (Shop, Receiver) {
    let receiver = Receiver::start().await;
    let host = "127.0.0.1";
    let more = format!(
        "settings: {{erp_url: \"{}\"}}\nlookups: {{private_addresses: {private}, headers: {{{host}: {{Authorization: Bearer t0ken}}}}}}",
        erp.url()
    );
    let shop = Shop::small_with(&receiver, &more);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("\nnotices:\n", "\nnotices:\n  looking_up: 正在查询……\n"));
    shop.write("rules/track.yaml", RULES);
    (shop, receiver)
}

/// What the bot says to an order number, in the order in which it comes.
async fn asked(client: &mut Client, id: &str, number: &str) -> Vec<String> {
    client.say("快递到哪了").await;
    let turn = client.turn(message(id, number)).await;
    turn.texts().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_the_system_knows_is_answered_at_once() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for (number, said) in
        [("100000000001", "顺丰：派送中"), ("101000000001", "还没发货。"), ("404000000001", "没有这个订单。")]
    {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        assert_eq!(asked(&mut client, "m-1", number).await, [said]);
    }
    assert_eq!(erp.last_token().as_deref(), Some("Bearer t0ken"));
}

#[tokio::test]
async fn an_answer_is_used_again_for_a_while() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for _ in 0..2 {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        assert_eq!(asked(&mut client, "m-1", "100000000002").await, ["顺丰：派送中"]);
    }
    assert_eq!(erp.asked("100000000002"), 1);
}

#[tokio::test]
async fn a_slow_system_holds_up_only_its_own_conversation_and_says_so() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut slow = Client::new(daemon.address(), "zh-CN").await;
    let mut other = Client::new(daemon.address(), "zh-CN").await;
    slow.say("快递到哪了").await;
    slow.send(message("m-1", "150000000001")).await;
    // Nobody else waits for it.
    assert_eq!(asked(&mut other, "m-1", "100000000003").await, ["顺丰：派送中"]);
    let turn = slow.until_ack("m-1").await;
    let mut said: Vec<String> = turn.texts().into_iter().map(str::to_owned).collect();
    while said.len() < 2 {
        let frame = slow.next().await;
        if frame["type"] == "message" {
            said.push(str_at(&frame, "/data/text").to_owned());
        }
    }
    assert_eq!(said, ["正在查询……", "顺丰：派送中"]);
}

#[tokio::test]
async fn whatever_is_wrong_with_the_system_a_person_takes_the_case() {
    for number in ["500000000001", "600000000001", "700000000001", "800000000001", "300000000001"] {
        let erp = Erp::start().await;
        let (shop, receiver) = shop(&erp, true).await;
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        assert_eq!(asked(&mut client, "m-1", number).await, ["查不到系统。"], "{number}");
        let hits = receiver.wait("/desk", 1).await;
        let case = hits[0].json();
        assert_eq!(str_at(&case, "/data/handoff/reason"), "lookup_failed");
        assert_eq!(str_at(&case, "/data/slots/order_no"), number);
        assert_eq!(erp.asked("100000000000"), 0, "a redirect is not followed");
    }
}

#[tokio::test]
async fn a_system_that_hangs_is_given_up_and_a_person_takes_the_case() {
    let erp = Erp::start().await;
    let (shop, receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "200000000001").await, ["正在查询……"]);
    receiver.wait("/desk", 1).await;
    let told = wait_for("the words of the hand-off", || async {
        let events = transcript(daemon.address(), client.conversation()).await;
        let texts: Vec<String> = events.iter().filter_map(|e| Some(e["data"]["text"].as_str()?.to_owned())).collect();
        texts.contains(&"查不到系统。".to_owned()).then_some(texts)
    })
    .await;
    assert_eq!(told.last().map(String::as_str), Some("查不到系统。"));
}

#[tokio::test]
async fn a_system_that_fails_again_and_again_is_left_alone() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for number in 1..=8 {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        let number = format!("50000000000{number}");
        assert_eq!(asked(&mut client, "m-1", &number).await, ["查不到系统。"]);
        assert_eq!(erp.asked(&number), usize::from(number.as_str() < "500000000006"), "{number}");
    }
}

#[tokio::test]
async fn the_own_network_is_not_asked_unless_the_shop_says_so() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, false).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "100000000001").await, ["查不到系统。"]);
    assert_eq!(erp.asked("100000000001"), 0);
}

#[tokio::test]
async fn an_answer_that_comes_after_the_customer_asked_for_a_person_is_not_said() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "150000000002").await, ["正在查询……"]);
    assert_eq!(client.say("转人工").await.texts(), ["已转给同事。"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let events = transcript(daemon.address(), client.conversation()).await;
    assert!(events.iter().all(|event| event["data"]["text"] != "顺丰：派送中"), "{events:#?}");
}

#[tokio::test]
async fn two_slow_look_ups_are_each_answered_with_their_own_order() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.send(message("m-1", "查单150000000011")).await;
    client.send(message("m-2", "查单150000000012")).await;
    let mut said = Vec::new();
    while said.iter().filter(|text: &&String| text.contains("在顺丰")).count() < 2 {
        let frame = client.next().await;
        if frame["type"] == "message" {
            said.push(str_at(&frame, "/data/text").to_owned());
        }
    }
    for number in ["150000000011", "150000000012"] {
        assert!(said.contains(&format!("{number}在顺丰")), "{said:?}");
    }
}

#[tokio::test]
async fn a_question_that_was_asked_meanwhile_still_waits_for_its_answer() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "150000000013").await, ["正在查询……"]);
    assert_eq!(client.say("查单").await.texts(), ["订单号？"], "it is asked for another");
    while str_at(&client.next().await, "/data/text") != "顺丰：派送中" {}
    assert_eq!(client.say("100000000014").await.texts(), ["100000000014在顺丰"]);
}

#[tokio::test]
async fn a_platform_hears_the_late_answer_at_its_reply_url() {
    let erp = Erp::start().await;
    let (shop, receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let seconds = daemon.now().as_second();
    let body = forwarded("p-1", "u-1", "快递到哪了 150000000003");
    let answered = forward(daemon.address(), CRM_SECRET, seconds, &body).await;
    let said: Vec<_> = answered.json["messages"].as_array().unwrap().iter().map(|m| m["text"].clone()).collect();
    assert_eq!(said, [json!("正在查询……")]);
    let hits = receiver.wait("/replies", 1).await;
    assert_eq!(str_at(&hits[0].json(), "/data/message/text"), "顺丰：派送中");
}

#[tokio::test]
async fn an_answer_that_the_disk_refused_for_a_while_is_told_all_the_same() {
    let erp = Erp::start().await;
    let (shop, _receiver) = shop(&erp, true).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "150000000003").await, ["正在查询……"]);
    let holder = rusqlite::Connection::open(shop.data().join(nightdesk::store::sqlite::DATABASE)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The answer comes after one second or two; the store waits five for the lock, and then refuses.
    tokio::time::sleep(Duration::from_secs(8)).await;
    holder.execute_batch("ROLLBACK").unwrap();
    while str_at(&client.next().await, "/data/text") != "顺丰：派送中" {}
}

#[tokio::test]
async fn a_look_up_that_a_crash_cut_off_goes_to_a_person() {
    let erp = Erp::start().await;
    let (shop, receiver) = shop(&erp, true).await;
    let process = Process::start(&shop);
    let mut client = Client::new(process.address, "zh-CN").await;
    assert_eq!(asked(&mut client, "m-1", "200000000002").await, ["正在查询……"]);
    process.kill();
    // However long it was away: the customer was told to wait.
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30);
    let _second = Daemon::start(&shop, &later.to_string()).await;
    let hits = receiver.wait("/desk", 1).await;
    assert_eq!(str_at(&hits[0].json(), "/data/handoff/reason"), "lookup_failed");
}
