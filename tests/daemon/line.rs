//! Channels of kind `line`: events that the platform's Python library verifies and reads, and an API that misbehaves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::common::api::{Answered, agent, post};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::platform::{
    Mood, Platform, Sent, conversation, deliveries, given_up, hmac, inbound, nothing_happened, wait_through,
};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const SECRET: &str = "channel-secret";
const SETTINGS: &str = "kind: line, secret: [another-secret, channel-secret], access_token: line-token";

fn good(_: &Sent) -> Value {
    json!({"sentMessages": [{"id": "1", "quoteToken": "q"}]})
}

async fn start() -> (Shop, Receiver, Platform, Daemon) {
    let platform = Platform::start(good).await;
    let (shop, receiver, daemon) = platform.daemon("line", SETTINGS).await;
    (shop, receiver, platform, daemon)
}

/// An event as the documentation writes it.
fn event(daemon: &Daemon, id: &str, more: &Value) -> Value {
    let mut event = json!({
        "type": "message", "mode": "active", "timestamp": daemon.now().as_millisecond(), "webhookEventId": id,
        "deliveryContext": {"isRedelivery": false}, "source": {"type": "user", "userId": "U4711"}, "replyToken": format!("reply-{id}"),
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

fn text(daemon: &Daemon, id: &str, words: &str) -> Value {
    event(daemon, id, &json!({"message": {"id": format!("m{id}"), "type": "text", "quoteToken": "q", "text": words}}))
}

fn batch(events: &[Value]) -> String {
    json!({"destination": "Ushop", "events": events}).to_string()
}

fn sign(secret: &str, body: &str) -> String {
    STANDARD.encode(hmac(secret, body.as_bytes()))
}

async fn give(daemon: &Daemon, events: &[Value]) -> Answered {
    let body = batch(events);
    let signature = sign(SECRET, &body);
    post(&inbound(daemon, "line"), body, &[("X-Line-Signature", &signature)]).await
}

#[tokio::test]
async fn a_customer_asks_a_person_answers_and_hands_back() {
    let (_shop, receiver, platform, daemon) = start().await;
    let events = [text(&daemon, "01", "怎么退货")];
    // The library takes the request for LINE's, and reads of it what we do.
    let body = batch(&events);
    let read = foreign(
        "platforms.py",
        &json!([{"do": "line read", "secret": SECRET, "body": body, "signature": sign(SECRET, &body)}]),
    );
    assert_eq!(read[0], json!([{"type": "message", "id": "01", "user": "U4711", "token": "reply-01"}]));
    assert_eq!(give(&daemon, &events).await.status, 200);
    // What answers goes by the reply token, which costs nothing.
    let first = platform.wait(1).await.remove(0);
    assert_eq!((first.path.as_str(), first.header("authorization")), ("/v2/bot/message/reply", "Bearer line-token"));
    assert_eq!((first.at("/replyToken"), first.at("/messages/0/text")), ("reply-01", "七天内可以退货。"));
    let action = &first.body["messages"][0]["quickReply"]["items"][0]["action"];
    assert_eq!(str_at(action, "/label"), "退款多久到账");
    give(&daemon, &[event(&daemon, "02", &json!({"type": "postback", "postback": {"data": action["data"]}}))]).await;
    assert_eq!(platform.wait(2).await[1].at("/messages/0/text"), "退款三天到账。");

    give(&daemon, &[text(&daemon, "03", "转人工")]).await;
    assert_eq!(platform.wait(3).await[2].at("/messages/0/text"), "已转给同事。");
    receiver.wait("/desk", 1).await;
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李。", "agent": "li"})).await;
    // A person's word answers no message of this minute: it is pushed.
    let pushed = platform.wait(4).await.remove(3);
    assert_eq!((pushed.path.as_str(), pushed.at("/to")), ("/v2/bot/message/push", "U4711"));
    assert_eq!((pushed.at("/messages/0/text"), pushed.header("x-line-retry-key").len()), ("您好，我是小李。", 36));
    agent(daemon.address(), &id, "return", json!({"agent": "li"})).await;
    give(&daemon, &[text(&daemon, "05", "怎么开发票")]).await;
    assert_eq!(platform.wait(5).await[4].at("/messages/0/text"), "在订单页申请发票。");

    // The library's own client says both in the same form.
    let options = json!([["refund.time", "退款多久到账"], ["invoice.get", "怎么开发票"]]);
    let tasks = json!([
        {"do": "line say", "url": platform.url(), "token": "line-token", "reply_token": "reply-01", "text": "七天内可以退货。", "options": options},
        {"do": "line say", "url": platform.url(), "token": "line-token", "to": "U4711", "text": "您好，我是小李。", "options": []},
    ]);
    tokio::task::spawn_blocking(move || foreign("platforms.py", &tasks)).await.unwrap();
    let theirs = platform.sent().split_off(5);
    for (ours, theirs) in [first, pushed].iter().zip(&theirs) {
        assert_eq!((&ours.path, ours.header("authorization")), (&theirs.path, theirs.header("authorization")));
        let mut body = theirs.body.clone();
        body.as_object_mut().unwrap().remove("notificationDisabled");
        assert_eq!(ours.body, body);
    }
}

#[tokio::test]
async fn only_what_line_signed_is_taken() {
    let (_shop, _receiver, platform, daemon) = start().await;
    let body = batch(&[text(&daemon, "01", "怎么退货")]);
    let url = inbound(&daemon, "line");
    let good = sign(SECRET, &body);
    let flipped = body.replace("怎么退货", "怎么退款");
    let held = foreign(
        "platforms.py",
        &json!([
            {"do": "line verify", "secret": SECRET, "body": body, "signature": good},
            {"do": "line verify", "secret": SECRET, "body": flipped, "signature": good},
        ]),
    );
    assert_eq!(held, [json!(true), json!(false)]);
    for (what, body, signature) in [
        ("another secret", &body, sign("wrong", &body)),
        ("another body", &flipped, good.clone()),
        ("cut off", &body, good[..good.len() - 4].to_owned()),
        ("no base64", &body, "%%%".to_owned()),
        ("empty", &body, String::new()),
    ] {
        let answer = post(&url, body.clone(), &[("x-line-signature", &signature)]).await;
        assert_eq!((answer.status, str_at(&answer.json, "/code")), (401, "bad_signature"), "{what}");
    }
    assert_eq!(post(&url, body.clone(), &[]).await.status, 401, "no header");
    let odd = b"{\"events\":[\"\xff\"]}".to_vec();
    let signature = STANDARD.encode(hmac(SECRET, &odd));
    assert_eq!(post(&url, odd, &[("x-line-signature", &signature)]).await.status, 400, "not UTF-8");
    let big = " ".repeat((1 << 20) + 1);
    assert_eq!(post(&url, big.clone(), &[("x-line-signature", &sign(SECRET, &big))]).await.status, 413);
    nothing_happened(&daemon).await;
    // The console's check has no events.
    assert_eq!(give(&daemon, &[]).await.status, 200);
    let other = sign("another-secret", &body);
    assert_eq!(post(&url, body, &[("x-line-signature", &other)]).await.status, 200);
    platform.wait(1).await;
}

#[tokio::test]
async fn what_comes_again_is_said_once_and_what_is_not_for_the_bot_is_left() {
    let (_shop, receiver, platform, daemon) = start().await;
    let followed = |id: &str| event(&daemon, id, &json!({"type": "follow"}));
    let again = |mut event: Value| {
        event["deliveryContext"]["isRedelivery"] = json!(true);
        event
    };
    give(&daemon, &[followed("f1"), again(followed("f1"))]).await;
    let one = text(&daemon, "01", "怎么开发票");
    let other = event(
        &daemon,
        "02",
        &json!({"source": {"type": "user", "userId": "U2"}, "message": {"id": "2", "type": "text", "text": "退款要多久"}}),
    );
    // Others wait for nobody: a batch is of many customers.
    assert_eq!(give(&daemon, &[one.clone(), other, again(one.clone())]).await.status, 200);
    give(&daemon, &[again(one)]).await;
    let said = json!({"id": "9", "type": "text", "text": "怎么退货"});
    give(
        &daemon,
        &[
            event(&daemon, "03", &json!({"mode": "standby", "message": said})),
            event(
                &daemon,
                "04",
                &json!({"source": {"type": "group", "groupId": "G", "userId": "U4711"}, "message": said}),
            ),
            event(&daemon, "05", &json!({"type": "unfollow"})),
            json!({"type": "message", "timestamp": "not a number"}),
            json!([1]),
            json!({"type": "something.new", "webhookEventId": "06"}),
        ],
    )
    .await;
    give(&daemon, &[event(&daemon, "07", &json!({"message": {"id": "m7", "type": "image"}}))]).await;
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/url"), "line:media/m7");
    let mut texts: Vec<String> =
        platform.wait(4).await.iter().map(|sent| sent.at("/messages/0/text").to_owned()).collect();
    texts.sort();
    assert_eq!(texts, ["图片已转给同事。", "在订单页申请发票。", "您好！", "退款三天到账。"]);
}

#[tokio::test]
async fn the_platform_misbehaves_and_nothing_is_lost_or_pushed_twice() {
    let (_shop, _receiver, platform, daemon) = start().await;
    // The token is used or too old: pushed instead.
    platform.moods(&[Mood::Says(400, json!({"message": "Invalid reply token"}))]);
    give(&daemon, &[text(&daemon, "01", "怎么开发票")]).await;
    let sent = platform.wait(1).await;
    assert_eq!((sent[0].path.as_str(), sent[0].at("/messages/0/text")), ("/v2/bot/message/push", "在订单页申请发票。"));

    // A reply that was taken although no answer came is not pushed besides.
    platform.moods(&[Mood::TakenAndGone, Mood::Says(400, json!({"message": "Invalid reply token"}))]);
    let mut lasting = text(&daemon, "01b", "怎么退货");
    lasting["timestamp"] = json!(daemon.now().as_millisecond() + 600_000_000);
    give(&daemon, &[lasting]).await;
    let sent = wait_through(&platform, &daemon, 2).await;
    assert_eq!(sent[1].path, "/v2/bot/message/reply");
    crate::common::wait_for("the reply to count as sent", || async {
        daemon.turn_to(&daemon.now().checked_add(jiff::SignedDuration::from_secs(20)).unwrap().to_string());
        deliveries(&daemon, "line", "pending").await.is_empty().then_some(())
    })
    .await;
    assert_eq!((platform.sent().len(), deliveries(&daemon, "line", "dead").await.len()), (2, 0));

    // A push is tried again with the same key, by which LINE knows it: what was taken although no answer came is not said twice.
    let mut old = text(&daemon, "02", "退款要多久");
    old["timestamp"] = json!(daemon.now().as_millisecond() - 60_000);
    platform.moods(&[
        Mood::TakenAndGone,
        Mood::Truncated,
        Mood::Says(500, json!({"message": "oops"})),
        Mood::Later(429, 2),
        Mood::Says(409, json!({"message": "The retry key is already accepted"})),
    ]);
    give(&daemon, &[old]).await;
    give(&daemon, &[text(&daemon, "03", "说得详细些")]).await;
    let sent = wait_through(&platform, &daemon, 4).await;
    let texts: Vec<&str> = sent[1..].iter().map(|sent| sent.at("/messages/0/text")).collect();
    assert_eq!((sent.len(), texts[0], texts[1]), (4, "七天内可以退货。", "退款三天到账。"));
    assert!(texts[2].starts_with("第0段"), "{texts:?}");

    platform.moods(&[
        Mood::Says(403, json!({"message": "no permission"})),
        Mood::Says(400, json!({"message": "Failed to send messages"})),
    ]);
    let mut old = text(&daemon, "04", "怎么开发票");
    old["timestamp"] = json!(1);
    give(&daemon, &[old]).await;
    let again = async {
        loop {
            daemon.turn_to(&daemon.now().checked_add(jiff::SignedDuration::from_mins(5)).unwrap().to_string());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let error = tokio::select! { error = given_up(&daemon, "line") => error, () = again => unreachable!() };
    assert!(error.contains("LINE refuses it (400: Failed to send messages)"), "{error}");
}
