//! Channels of kind `weibo`: the official example of the signature, answers in the response, and an API that misbehaves.

use nightdesk::channel::wechat::crypto::signature;
use serde_json::{Value, json};

use crate::common::api::{Answered, agent, get, http, post};
use crate::common::daemon::{Daemon, instant};
use crate::common::platform::{
    Mood, Platform, Sent, WEDNESDAY, conversation, given_up, inbound, nothing_happened, wait_through,
};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

/// The secret of the platform's example.
const SECRET: &str = "xyz123xyz";
const PASSIVE: &str = "kind: weibo, secret: [another, xyz123xyz]";
const BY_API: &str = "kind: weibo, secret: xyz123xyz, access_token: weibo-token";

async fn start(settings: &str) -> (Shop, Receiver, Platform, Daemon) {
    let platform = Platform::start(|_: &Sent| json!({"result": true})).await;
    let (shop, receiver, daemon) = platform.daemon("weibo", settings).await;
    (shop, receiver, platform, daemon)
}

fn query(daemon: &Daemon, secret: &str, millis: i64, nonce: &str) -> String {
    let stamp = millis.to_string();
    format!(
        "{}?signature={}&timestamp={stamp}&nonce={nonce}",
        inbound(daemon, "weibo"),
        signature(&[secret, &stamp, nonce])
    )
}

fn message(at: &str, kind: &str, words: &str, data: &Value) -> String {
    json!({
        "type": kind, "receiver_id": 1_902_538_057, "sender_id": 2_489_518_277_i64, "created_at": at, "text": words, "data": data,
    })
    .to_string()
}

fn text(at: &str, words: &str) -> String {
    message(at, "text", words, &json!({}))
}

async fn give(daemon: &Daemon, body: &str) -> Answered {
    let nonce = signature(&[body]);
    post(&query(daemon, SECRET, daemon.now().as_millisecond(), &nonce), body, &[]).await
}

/// The words of an answer in the response.
fn said(answer: &Answered) -> String {
    assert_eq!((answer.json["result"].clone(), str_at(&answer.json, "/type")), (json!(true), "text"), "{answer:?}");
    assert_eq!(
        [str_at(&answer.json, "/sender_id"), str_at(&answer.json, "/receiver_id")],
        ["1902538057", "2489518277"]
    );
    let url = format!("http://x/?data={}", str_at(&answer.json, "/data"));
    let data = reqwest::Url::parse(&url).unwrap().query_pairs().next().unwrap().1.into_owned();
    str_at(&serde_json::from_str(&data).unwrap(), "/text").to_owned()
}

#[tokio::test]
async fn the_address_is_checked_and_only_what_weibo_signed_in_time_is_taken() {
    let (_shop, _receiver, _platform, daemon) = start(PASSIVE).await;
    // The official example, at its time.
    assert_eq!(signature(&[SECRET, "1397022061823", "57155157"]), "90e4c22c90a58f26526c2dd5b6c56c8822edeaa1");
    daemon.turn_to("2014-04-09T05:41:00Z");
    let official = format!(
        "{}?signature=90e4c22c90a58f26526c2dd5b6c56c8822edeaa1&timestamp=1397022061823&nonce=57155157&echostr=hello%20%26",
        inbound(&daemon, "weibo")
    );
    let answer = http().get(&official).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, "hello &".to_owned()));
    daemon.turn_to(WEDNESDAY);
    assert_eq!(http().get(&official).send().await.unwrap().status(), 401, "years later");

    let now = instant(WEDNESDAY).as_millisecond();
    let body = text("Wed Oct 14 10:00:00 +0800 2026", "怎么退货");
    for (what, url) in [
        ("another secret", query(&daemon, "xyz123xyy", now, "n")),
        ("no secret", query(&daemon, "", now, "n")),
        ("stale", query(&daemon, SECRET, now - 301_000, "n")),
        ("of the future", query(&daemon, SECRET, now + 301_000, "n")),
        ("another nonce", query(&daemon, SECRET, now, "n") + "x"),
        ("no signature", inbound(&daemon, "weibo")),
    ] {
        let answer = post(&url, body.clone(), &[]).await;
        assert_eq!((answer.status, str_at(&answer.json, "/code")), (401, "bad_signature"), "{what}");
    }
    let good = |nonce: &str| query(&daemon, SECRET, now, nonce);
    assert_eq!(post(&good("a"), vec![b'{', 0xff], &[]).await.status, 400, "not UTF-8");
    assert_eq!(post(&good("b"), "<xml>", &[]).await.status, 400);
    assert_eq!(post(&good("c"), vec![b' '; (1 << 20) + 1], &[]).await.status, 413);
    nothing_happened(&daemon).await;
    // The signature does not cover the body, so it is good for one; in seconds as well as in milliseconds.
    assert_eq!(post(&good("d"), body.clone(), &[]).await.status, 200);
    assert_eq!(post(&good("d"), body.clone(), &[]).await.status, 200, "the platform comes again");
    assert_eq!(post(&good("d"), text("x", "转人工"), &[]).await.status, 401);
    // The same signed text in other pieces: 1397022061 823 57155157 may be milliseconds and a nonce, or seconds and a longer one.
    daemon.turn_to("2014-04-09T05:41:00Z");
    let pieces = |stamp: &str, nonce: &str| {
        let url = inbound(&daemon, "weibo");
        format!("{url}?signature=90e4c22c90a58f26526c2dd5b6c56c8822edeaa1&timestamp={stamp}&nonce={nonce}")
    };
    assert_eq!(post(&pieces("1397022061", "82357155157"), text("z", "转人工"), &[]).await.status, 401);
    daemon.turn_to(WEDNESDAY);
    assert_eq!(post(&query(&daemon, "another", now / 1_000, "e"), body, &[]).await.status, 200);
}

#[tokio::test]
async fn without_a_token_answers_are_in_the_response() {
    let (_shop, receiver, platform, daemon) = start(PASSIVE).await;
    let first = give(&daemon, &text("t1", "怎么退货")).await;
    assert_eq!(said(&first), "七天内可以退货。\n1. 退款多久到账\n2. 怎么开发票");
    assert_eq!(give(&daemon, &text("t1", "怎么退货")).await, first, "the same again gets the same");
    assert_eq!(said(&give(&daemon, &text("t2", "1")).await), "退款三天到账。");
    let long = said(&give(&daemon, &text("t3", "说得详细些")).await);
    assert!(long.starts_with("第0段") && long.ends_with('…') && long.chars().count() == 299, "{long}");
    // Two in one second are two.
    assert_eq!(said(&give(&daemon, &text("t4", "怎么开发票")).await), "在订单页申请发票。");
    assert_eq!(said(&give(&daemon, &text("t4", "退款要多久")).await), "退款三天到账。");
    let event = |subtype: &str, key: &str| message("t5", "event", "", &json!({"subtype": subtype, "key": key}));
    assert_eq!(said(&give(&daemon, &event("follow", "")).await), "您好！");
    assert_eq!(said(&give(&daemon, &event("click", "invoice.get")).await), "在订单页申请发票。");
    for quiet in [
        event("unfollow", ""),
        message("t6", "mention", "@shop 怎么退货", &json!({})),
        message("t7", "new", "", &json!({})),
    ] {
        let answer = give(&daemon, &quiet).await;
        assert_eq!((answer.status, answer.json), (200, Value::Null), "{quiet}");
    }
    assert_eq!(said(&give(&daemon, &text("t8", "转人工")).await), "已转给同事。");
    receiver.wait("/desk", 1).await;
    assert_eq!(platform.asked(), 0);
    let list = get(&format!("http://{}/v1/conversations", daemon.address())).await;
    assert_eq!(list.json["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn with_a_token_all_is_said_by_the_api_and_people_answer() {
    let (_shop, receiver, platform, daemon) = start(BY_API).await;
    let error = |code: i64| json!({"error": "as the test wants it", "error_code": code, "request": "/2/messages/reply/biz.json"});
    platform.moods(&[
        Mood::Says(403, error(10_022)),
        Mood::Says(400, error(21_327)),
        Mood::Truncated,
        Mood::Says(502, json!({})),
    ]);
    let answer = give(&daemon, &text("t1", "怎么开发票")).await;
    assert_eq!((answer.status, answer.json), (200, Value::Null));
    give(&daemon, &text("t2", "转人工")).await;
    receiver.wait("/desk", 1).await;
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "您好 & <欢迎> +1", "agent": "li"})).await;
    let sent = wait_through(&platform, &daemon, 3).await;
    let texts: Vec<Value> =
        sent.iter().map(|sent| serde_json::from_str::<Value>(sent.at("/data")).unwrap()["text"].clone()).collect();
    assert_eq!(texts, ["在订单页申请发票。", "已转给同事。", "您好 & <欢迎> +1"]);
    assert_eq!((sent[0].path.as_str(), sent[0].at("/access_token")), ("/2/messages/reply/biz.json", "weibo-token"));
    assert_eq!((sent[0].at("/type"), sent[0].at("/receiver_id")), ("text", "2489518277"));
    platform.moods(&[Mood::Says(400, error(20_000))]);
    agent(daemon.address(), &id, "messages", json!({"text": "还在吗？", "agent": "li"})).await;
    let error = given_up(&daemon, "weibo").await;
    assert!(error.contains("48 hours") && !error.contains("weibo-token"), "{error}");
    assert_eq!(agent(daemon.address(), &id, "return", json!({"agent": "li"})).await.status, 200);
    give(&daemon, &text("t9", "退款要多久")).await;
    let said: Value = serde_json::from_str(wait_through(&platform, &daemon, 4).await[3].at("/data")).unwrap();
    assert_eq!(said["text"], "退款三天到账。");
}
