//! Channels of kind `wechat`: an official account, with a foreign library on the platform's side and an API that misbehaves.

use std::time::Duration;

use nightdesk::channel::wechat::crypto::{AesKey, signature};
use serde_json::{Value, json};

use crate::common::api::{agent, get, http, transcript};
use crate::common::daemon::{Daemon, instant};
use crate::common::erp::Erp;
use crate::common::foreign::{foreign, foreign_js};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::wechat::{Api, Mood};
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const RETURNS: &str = "七天内可以退货。\n1. 退款多久到账\n2. 怎么开发票";
/// Sample values that the platform publishes.
const APP: &str = "wx2c2769f8efd9abc2";
const TOKEN: &str = "spamtest";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A small shop with official accounts: `wx` plain, `safe` encrypted, `mute` without the permission to send, `kf` whose hand-offs
/// are the platform's own people's.
async fn start_with(erp: &str) -> (Shop, Receiver, Api, Daemon) {
    let (receiver, api) = (Receiver::start().await, Api::start().await);
    let more = format!("settings: {{erp_url: \"{erp}\"}}\nlookups: {{private_addresses: true}}");
    let shop = Shop::small_with(&receiver, &more);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let common = format!("kind: wechat, app_id: {APP}, base_url: \"{}/\"", api.url());
    let accounts = format!(
        "\nchannels:\n  wx: {{{common}, token: [new-token, {TOKEN}], app_secret: app-secret}}\n\
         \x20 safe: {{{common}, token: {TOKEN}, aes_key: {KEY}, app_secret: app-secret}}\n\
         \x20 mute: {{{common}, token: {TOKEN}, send: false}}\n\
         \x20 poor: {{{common}, token: {TOKEN}, app_secret: app-secret, reply_budget: 2}}\n\
         \x20 kf: {{{common}, token: {TOKEN}, app_secret: app-secret, transfer: platform}}\n"
    );
    shop.write("nightdesk.yaml", &settings.replace("\nchannels:\n", &accounts));
    let long = (0..9).map(|n| format!("第{n}段：{}", "长".repeat(200))).collect::<Vec<_>>().join("\\n\\n");
    shop.write(
        "rules/wechat.yaml",
        &format!(
            "rules:\n  - id: long\n    when: {{phrase: [说得详细些]}}\n    reply: \"{long}\"\n  \
             - id: slow\n    when: {{phrase: [查物流]}}\n    lookup: {{url: \"{{{{ settings.erp_url }}}}/orders/200\", timeout: 4s}}\n    \
             then:\n      - {{if: lookup.error, reply: 查不到。}}\n      - {{reply: 查到了。}}\n  \
             - id: odd\n    when: {{phrase: [奇怪的符号]}}\n    reply: \"a]]>b <c>&d 你好😀\"\n"
        ),
    );
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, api, daemon)
}

async fn start() -> (Shop, Receiver, Api, Daemon) {
    start_with("http://127.0.0.1:9").await
}

fn one(task: &Value) -> Value {
    foreign("wechat.py", &json!([task])).remove(0)
}

/// A message's XML with these fields.
fn message(customer: &str, seconds: i64, kind: &str, fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| format!("<{name}><![CDATA[{value}]]></{name}>");
    let fields = fields.iter().map(field).collect::<Vec<_>>().concat();
    format!(
        "<xml><ToUserName><![CDATA[gh_shop]]></ToUserName><FromUserName><![CDATA[{customer}]]></FromUserName>\
         <CreateTime>{seconds}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{fields}</xml>"
    )
}

fn text(daemon: &Daemon, id: &str, words: &str) -> String {
    message("o-anna", daemon.now().as_second(), "text", &[("Content", words), ("MsgId", id)])
}

/// Parameters of a plain request, signed as the platform does.
fn plain(token: &str, seconds: i64, nonce: &str) -> Vec<(String, String)> {
    let stamp = seconds.to_string();
    let signature = signature(&[token, &stamp, nonce]);
    let pairs = [("signature", signature.as_str()), ("timestamp", &stamp), ("nonce", nonce)];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn address(daemon: &Daemon, channel: &str, query: &[(String, String)]) -> String {
    let base = format!("http://{}/v1/inbound/{channel}", daemon.address());
    reqwest::Url::parse_with_params(&base, query).unwrap().to_string()
}

/// Status and body.
async fn send(daemon: &Daemon, channel: &str, query: &[(String, String)], body: impl Into<Vec<u8>>) -> (u16, String) {
    let response = http().post(address(daemon, channel, query)).body(body.into()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Posts a plain message and returns the reply's XML.
async fn post(daemon: &Daemon, channel: &str, body: &str) -> String {
    let nonce = signature(&[body, channel]);
    let (status, answer) = send(daemon, channel, &plain(TOKEN, daemon.now().as_second(), &nonce), body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The words of a plain reply, as they stand in their one section.
fn content(xml: &str) -> &str {
    let inner = xml.split_once("<Content><![CDATA[").map(|(_, rest)| rest);
    inner.and_then(|rest| rest.split_once("]]></Content>")).unwrap_or_else(|| panic!("no words in {xml}")).0
}

/// The conversation with the customer of [`text`].
async fn conversation(daemon: &Daemon) -> String {
    let list = get(&format!("http://{}/v1/conversations", daemon.address())).await;
    str_at(&list.json, "/conversations/0/id").to_owned()
}

/// Deliveries to a channel in a state.
async fn deliveries(daemon: &Daemon, channel: &str, state: &str) -> Vec<nightdesk::store::OutboxRow> {
    let filter = nightdesk::store::DeliveryFilter {
        state: Some(state.to_owned()),
        endpoint: Some(format!("reply:{channel}")),
        limit: 100,
    };
    daemon.app.pipeline.store.deliveries(filter).await.unwrap()
}

#[test]
fn tencents_own_library_opens_what_we_seal_and_seals_what_we_open() {
    // Lengths around the block of 32 bytes, and characters of several bytes.
    let texts: Vec<String> = (0..34).map(|length| "退".repeat(length % 3) + &"x".repeat(length)).collect();
    let key = AesKey::parse(KEY).unwrap();
    let seal = |text: &String| json!({"do": "seal", "key": KEY, "text": text, "receiver": APP});
    let theirs = foreign_js("wecom.js", &texts.iter().map(seal).collect());
    for (text, sealed) in texts.iter().zip(&theirs) {
        assert_eq!(key.decrypt(sealed.as_str().unwrap(), APP).unwrap(), text.as_bytes());
        assert!(key.decrypt(sealed.as_str().unwrap(), "another").is_err());
    }
    let ours: Vec<String> = texts.iter().map(|text| key.encrypt(text.as_bytes(), APP).unwrap()).collect();
    let open = |sealed: &String| json!({"do": "open", "key": KEY, "sealed": sealed});
    for (text, opened) in texts.iter().zip(foreign_js("wecom.js", &ours.iter().map(open).collect())) {
        assert_eq!(opened, json!({"message": text, "id": APP}));
    }
    let sign =
        json!([{"do": "sign", "token": TOKEN, "timestamp": "1409735669", "nonce": "1320562132", "sealed": ours[7]}]);
    assert_eq!(foreign_js("wecom.js", &sign), [signature(&[TOKEN, "1409735669", "1320562132", &ours[7]])]);
}

#[tokio::test]
async fn the_address_is_checked_in_both_modes() {
    let (_shop, _receiver, _api, daemon) = start().await;
    let seconds = daemon.now().as_second();
    let mut query = plain(TOKEN, seconds, "n1");
    let held =
        one(&json!({"do": "check", "token": TOKEN, "signature": query[0].1, "timestamp": query[1].1, "nonce": "n1"}));
    assert_eq!(held, Value::Null, "the foreign library signs the same way");
    query.push(("echostr".to_owned(), "5716 & <1>".to_owned()));
    let answer = http().get(address(&daemon, "wx", &query)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), "5716 & <1>");

    let sealed = one(&json!({
        "do": "echo", "token": TOKEN, "key": KEY, "app": APP, "text": "161614你", "nonce": "n2", "timestamp": seconds.to_string(),
    }));
    let query: Vec<(String, String)> = [
        ("msg_signature", str_at(&sealed, "/msg_signature")),
        ("timestamp", &seconds.to_string()),
        ("nonce", "n2"),
        ("echostr", str_at(&sealed, "/echostr")),
    ]
    .iter()
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    let answer = http().get(address(&daemon, "safe", &query)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "161614你"));
    let mut wrong = query;
    wrong[2].1 = "n3".to_owned();
    assert_eq!(get(&address(&daemon, "safe", &wrong)).await.status, 401);
    assert_eq!(get(&address(&daemon, "wx", &plain("wrong", seconds, "n1"))).await.status, 401);
}

#[tokio::test]
async fn questions_are_answered_in_plain_mode_and_options_by_their_number() {
    let (_shop, _receiver, _api, daemon) = start().await;
    let first = post(&daemon, "wx", &text(&daemon, "1001", "怎么退货")).await;
    let read = one(&json!({"do": "read", "xml": first}));
    let wanted = json!({"type": "text", "target": "o-anna", "source": "gh_shop", "content": RETURNS});
    assert_eq!(read, wanted);
    assert_eq!(content(&post(&daemon, "wx", &text(&daemon, "1002", "2")).await), "在订单页申请发票。");
    // What must not break out of its section: the library reads it whole.
    let odd = post(&daemon, "wx", &text(&daemon, "1003", "奇怪的符号")).await;
    assert_eq!(one(&json!({"do": "read", "xml": odd}))["content"], "a]]>b <c>&d 你好😀");

    // The platform heard nothing and comes again, with another nonce: the same answer, and the message stands there once.
    let body = text(&daemon, "1001", "怎么退货");
    for nonce in ["again", "and-again"] {
        let again = send(&daemon, "wx", &plain(TOKEN, daemon.now().as_second(), nonce), body.clone()).await;
        assert_eq!(again, (200, first.clone()));
    }
    let told = transcript(daemon.address(), &conversation(&daemon).await).await;
    assert_eq!(told.iter().filter(|event| event["data"]["text"] == "怎么退货").count(), 1);
}

#[tokio::test]
async fn encrypted_messages_are_answered_encrypted_and_only_what_was_signed_counts() {
    let (_shop, _receiver, _api, daemon) = start().await;
    let stamp = daemon.now().as_second().to_string();
    for (nonce, more) in
        [("n1", ""), ("n2", "<FromUserName>o-eve</FromUserName><Content>查物流</Content><MsgType>text</MsgType>")]
    {
        let xml = text(&daemon, &format!("20{nonce}"), "怎么开发票");
        let sealed = one(&json!({
            "do": "seal", "token": TOKEN, "key": KEY, "app": APP, "xml": xml, "nonce": nonce, "timestamp": stamp,
        }));
        // In compatible mode the fields stand beside it in the clear.
        let body = str_at(&sealed, "/body").replacen("<xml>", &format!("<xml>{more}"), 1);
        let mut query = plain(TOKEN, daemon.now().as_second(), nonce);
        query.push(("openid".to_owned(), "o-anna".to_owned()));
        query.push(("encrypt_type".to_owned(), "aes".to_owned()));
        query.push(("msg_signature".to_owned(), str_at(&sealed, "/msg_signature").to_owned()));
        let (status, answer) = send(&daemon, "safe", &query, body.clone()).await;
        assert_eq!(status, 200, "{answer}");
        assert!(!answer.contains("发票"), "{answer}");
        let opened = one(&json!({"do": "open", "token": TOKEN, "key": KEY, "app": APP, "xml": answer}));
        let wanted = json!({"type": "text", "target": "o-anna", "source": "gh_shop", "content": "在订单页申请发票。"});
        assert_eq!(opened, wanted);

        // One changed letter of the ciphertext, of the signature; no encryption at all.
        let at = body.find("<Encrypt><![CDATA[").unwrap() + 30;
        let other = if &body[at..=at] == "A" { "B" } else { "A" };
        let flipped = format!("{}{other}{}", &body[..at], &body[at + 1..]);
        assert_eq!(send(&daemon, "safe", &query, flipped).await.0, 401);
        assert_eq!(send(&daemon, "safe", &plain(TOKEN, daemon.now().as_second(), "n9"), xml).await.0, 401);
        query.last_mut().unwrap().1.replace_range(0..1, "x");
        assert_eq!(send(&daemon, "safe", &query, body).await.0, 401);
    }
}

#[tokio::test]
async fn what_the_platform_did_not_sign_in_time_is_refused_and_leaves_no_trace() {
    let (_shop, _receiver, _api, daemon) = start().await;
    let now = daemon.now().as_second();
    let body = text(&daemon, "3001", "怎么退货");
    for (what, query) in [
        ("another token", plain("another", now, "a")),
        ("no token", plain("", now, "a")),
        ("stale", plain(TOKEN, now - 301, "a")),
        ("of the future", plain(TOKEN, now + 301, "a")),
        ("no number", {
            let mut query = plain(TOKEN, now, "a");
            query[1].1.push('x');
            query
        }),
        ("another nonce", {
            let mut query = plain(TOKEN, now, "a");
            query[2].1.push('b');
            query
        }),
    ] {
        let (status, answer) = send(&daemon, "wx", &query, body.clone()).await;
        assert!(status == 401 && answer.contains("bad_signature"), "{what}: {status} {answer}");
    }
    for missing in 0..3 {
        let mut query = plain(TOKEN, now, "a");
        query.remove(missing);
        assert_eq!(send(&daemon, "wx", &query, body.clone()).await.0, 401, "without parameter {missing}");
    }
    let good = |nonce: &str| plain(TOKEN, now, nonce);
    assert_eq!(send(&daemon, "wx", &good("b1"), vec![b'<', 0xff, b'>']).await.0, 400, "not UTF-8");
    assert_eq!(send(&daemon, "wx", &good("b2"), "").await.0, 400, "empty");
    assert_eq!(send(&daemon, "wx", &good("b3"), "{\"type\":\"message.created\"}").await.0, 400, "no XML");
    let bomb = format!("<!DOCTYPE x [<!ENTITY e \"{}\">]>{}", "e".repeat(99), body);
    assert_eq!(send(&daemon, "wx", &good("b4"), bomb).await.0, 400, "a document type");
    assert_eq!(send(&daemon, "wx", &good("b5"), vec![b' '; (1 << 20) + 1]).await.0, 413, "too big");
    assert_eq!(get(&format!("http://{}/v1/conversations", daemon.address())).await.json["conversations"], json!([]));

    // The signature does not cover the body, so it is good for one.
    assert_eq!(send(&daemon, "wx", &good("c"), body.clone()).await.0, 200);
    assert_eq!(send(&daemon, "wx", &good("c"), body.clone()).await.0, 200, "the platform comes again");
    let forged = text(&daemon, "3002", "转人工");
    assert_eq!(send(&daemon, "wx", &good("c"), forged).await.0, 401);
    // The second of two tokens was used so far; the first is good as well.
    assert_eq!(send(&daemon, "wx", &plain("new-token", now, "d"), body).await.0, 200);
}

#[tokio::test]
async fn a_customer_asks_a_person_answers_and_hands_back() {
    let (_shop, receiver, api, daemon) = start().await;
    assert_eq!(content(&post(&daemon, "wx", &text(&daemon, "1", "怎么开发票")).await), "在订单页申请发票。");
    assert_eq!(content(&post(&daemon, "wx", &text(&daemon, "2", "转人工")).await), "已转给同事。");
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!((str_at(&case, "/data/customer/id"), str_at(&case, "/data/conversation/channel")), ("o-anna", "wx"));
    let id = conversation(&daemon).await;
    let said =
        agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李 <&> “\u{1f600}”", "agent": "li"}))
            .await;
    assert_eq!(said.status, 200, "{:#}", said.json);
    assert_eq!(api.wait(1).await[0], ("o-anna".to_owned(), "您好，我是小李 <&> “\u{1f600}”".to_owned()));
    let raw = String::from_utf8(api.raw()[0].to_vec()).unwrap();
    assert!(raw.contains("小李") && !raw.contains("\\u"), "{raw}");
    // The library's own client says the same in the same form.
    let answer = foreign_send(&api, "您好，我是小李 <&> “\u{1f600}”").await;
    assert_eq!(answer["errcode"], 0);
    let read = |at: usize| -> Value { serde_json::from_slice(&api.raw()[at]).unwrap() };
    assert_eq!(read(0), read(1));

    // With a person: the bot is silent, and the platform is told that there is nothing to say.
    assert_eq!(post(&daemon, "wx", &text(&daemon, "3", "怎么退货")).await, "success");
    assert_eq!(agent(daemon.address(), &id, "return", json!({})).await.status, 200);
    assert_eq!(content(&post(&daemon, "wx", &text(&daemon, "4", "怎么退货")).await), RETURNS);
    assert_eq!(api.tokens(), 1, "one token serves all");
    assert_eq!(deliveries(&daemon, "wx", "pending").await, []);
}

async fn foreign_send(api: &Api, words: &str) -> Value {
    let task = json!({
        "do": "send", "app": APP, "secret": "app-secret", "access_token": api.token(), "base": api.url(), "to": "o-anna", "text": words,
    });
    tokio::task::spawn_blocking(move || one(&task)).await.unwrap()
}

#[tokio::test]
async fn the_platform_misbehaves_and_nothing_is_lost_or_said_out_of_order() {
    let (_shop, _receiver, api, daemon) = start().await;
    post(&daemon, "wx", &text(&daemon, "1", "转人工")).await;
    let id = conversation(&daemon).await;
    let say = async |words: &str| {
        assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": words, "agent": "li"})).await.status, 200);
    };
    let texts = |sent: Vec<(String, String)>| sent.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    say("一").await;
    api.wait(1).await;
    // The token ends in the middle: renewed once, and the message goes at once.
    api.moods(&[Mood::Expired]);
    say("二").await;
    assert_eq!(texts(api.wait(2).await), ["一", "二"]);
    assert_eq!(api.tokens(), 2);
    // A delivery that failed is tried again after a wait, and the next waits behind it.
    let hour = |minutes: i64| instant(WEDNESDAY) + jiff::SignedDuration::from_mins(minutes);
    let failures = [Mood::Code(-1), Mood::Truncated, Mood::Slow(Duration::from_millis(300)), Mood::Code(45009)];
    for (number, mood) in (0..).zip(failures) {
        let (first, second) = (format!("第{number}条"), format!("{number}之后"));
        api.moods(std::slice::from_ref(&mood));
        let before = api.sent().len();
        say(&first).await;
        say(&second).await;
        wait_for("an attempt that failed", || async {
            deliveries(&daemon, "wx", "pending").await.iter().find(|row| row.attempts == 1).map(|_| ())
        })
        .await;
        assert_eq!(api.sent().len(), before, "{mood:?}");
        daemon.turn_to(&hour(number + 1).to_string());
        assert_eq!(texts(api.wait(before + 2).await)[before..], [first, second], "{mood:?}");
    }
    // Refused for good: visible at once with the reason, and the next is not held up.
    for (code, reason) in [(45015, "48 hours"), (45047, "used up"), (48001, "send: false"), (99999, "refuses")] {
        let before = api.sent().len();
        api.moods(&[Mood::Code(code)]);
        say("走不了").await;
        say("走得了").await;
        assert_eq!(api.wait(before + 1).await[before].1, "走得了");
        let dead = deliveries(&daemon, "wx", "dead").await;
        let error = dead[0].last_error.clone().unwrap();
        assert!(error.contains(&code.to_string()) && error.contains(reason), "{error}");
        assert!(!error.contains("token-") && !error.contains("app-secret"), "{error}");
    }
}

#[tokio::test]
async fn coming_going_menus_and_media_have_their_meaning() {
    let (_shop, receiver, _api, daemon) = start().await;
    let now = daemon.now().as_second();
    let event = |name: &str, key: &str| message("o-anna", now, "event", &[("Event", name), ("EventKey", key)]);
    for greeted in [event("subscribe", ""), event("subscribe", "qrscene_7"), event("SCAN", "7")] {
        assert_eq!(content(&post(&daemon, "wx", &greeted).await), "您好！");
    }
    for nothing in ["unsubscribe", "LOCATION", "VIEW", "TEMPLATESENDJOBFINISH"] {
        assert_eq!(post(&daemon, "wx", &event(nothing, "x")).await, "success", "{nothing}");
    }
    assert_eq!(get(&format!("http://{}/v1/conversations", daemon.address())).await.json["conversations"], json!([]));
    assert_eq!(content(&post(&daemon, "wx", &event("CLICK", "invoice.get")).await), "在订单页申请发票。");
    assert_eq!(content(&post(&daemon, "wx", &event("CLICK", "退款要多久")).await), "退款三天到账。");
    let heard = message("o-anna", now, "voice", &[("MediaId", "m"), ("Recognition", "怎么退货？"), ("MsgId", "7")]);
    assert_eq!(content(&post(&daemon, "wx", &heard).await), RETURNS);
    let picture = [("PicUrl", "https://mmbiz.example/p.jpg"), ("MediaId", "m"), ("MsgId", "8")];
    let picture = message("o-anna", now, "image", &picture);
    assert_eq!(content(&post(&daemon, "wx", &picture).await), "图片已转给同事。");
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/url"), "https://mmbiz.example/p.jpg");
    assert_eq!(str_at(&case, "/data/message/kind"), "image");
    let script = message("o-bert", now, "image", &[("PicUrl", "javascript:alert(1)"), ("MsgId", "9")]);
    post(&daemon, "wx", &script).await;
    let case = receiver.wait("/desk", 2).await[1].json();
    assert_eq!(case["data"]["message"].get("url"), None);
}

#[tokio::test]
async fn what_is_too_long_for_one_message_follows_or_is_cut() {
    let (_shop, _receiver, api, daemon) = start().await;
    let answer = post(&daemon, "wx", &text(&daemon, "1", "说得详细些")).await;
    let first = content(&answer).to_owned();
    assert!(first.len() <= 2_048 && first.starts_with("第0段") && first.ends_with('长'), "{first}");
    // The platform comes again: what follows is not kept twice.
    let again =
        send(&daemon, "wx", &plain(TOKEN, daemon.now().as_second(), "x"), text(&daemon, "1", "说得详细些")).await;
    assert_eq!(again.1, answer);
    daemon.turn_to("2026-10-14T10:00:02+08:00");
    let rest: Vec<String> = api.wait(2).await.into_iter().map(|(_, text)| text).collect();
    assert!(rest.iter().all(|part| part.len() <= 2_048 && part.starts_with('第')), "{rest:?}");
    let whole = format!("{first}\n\n{}", rest.join("\n\n"));
    assert_eq!((whole.matches("段：").count(), whole.matches('长').count()), (9, 9 * 200));
    wait_for("all to be delivered", || async { deliveries(&daemon, "wx", "pending").await.is_empty().then_some(()) })
        .await;
    assert_eq!(api.sent().len(), 2);
    // Without the permission to send it is cut.
    let cut = post(&daemon, "mute", &text(&daemon, "1", "说得详细些")).await;
    assert!(content(&cut).len() <= 2_048 && content(&cut).ends_with('…'), "{cut}");
}

#[tokio::test]
async fn the_last_message_of_the_budget_is_a_persons() {
    let (_shop, _receiver, api, daemon) = start().await;
    let answer = post(&daemon, "poor", &text(&daemon, "1", "说得详细些")).await;
    assert!(content(&answer).starts_with("第0段"));
    post(&daemon, "poor", &text(&daemon, "2", "转人工")).await;
    daemon.turn_to("2026-10-14T10:00:02+08:00");
    let dead = wait_for("a delivery of the bot that is given up", || async {
        let dead = deliveries(&daemon, "poor", "dead").await;
        dead.first().map(|row| row.last_error.clone().unwrap())
    })
    .await;
    assert!(dead.contains("1 of 2") && dead.contains("reply_budget"), "{dead}");
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "我在。", "agent": "li"})).await;
    let sent = api.wait(2).await;
    assert_eq!(sent.iter().filter(|(_, text)| text.starts_with('第')).count(), 1);
    assert_eq!(sent.last().unwrap().1, "我在。");
}

#[tokio::test]
async fn hand_offs_may_go_to_the_platforms_own_people() {
    let (_shop, receiver, api, daemon) = start().await;
    assert_eq!(content(&post(&daemon, "kf", &text(&daemon, "1", "怎么开发票")).await), "在订单页申请发票。");
    for (id, words) in [("2", "转人工"), ("3", "在吗"), ("3", "在吗")] {
        let answer = post(&daemon, "kf", &text(&daemon, id, words)).await;
        let read = one(&json!({"do": "read", "xml": answer}));
        assert_eq!((str_at(&read, "/type"), str_at(&read, "/target")), ("transfer_customer_service", "o-anna"));
    }
    // The case stands in the shop's own queue as well, and the words that could not be said with it follow.
    receiver.wait("/desk", 1).await;
    daemon.turn_to("2026-10-14T10:00:02+08:00");
    assert_eq!(api.wait(1).await[0].1, "已转给同事。");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_there_when_the_platform_comes_again() {
    let erp = Erp::start().await;
    let (_shop, _receiver, api, daemon) = start_with(&erp.url()).await;
    let body = text(&daemon, "1", "查物流");
    let query = plain(TOKEN, daemon.now().as_second(), "n");
    // As the platform does: five seconds, and then again.
    let first = http().post(address(&daemon, "mute", &query)).timeout(Duration::from_secs(5)).body(body.clone()).send();
    assert!(first.await.is_err_and(|error| error.is_timeout()));
    let (status, answer) = send(&daemon, "mute", &query, body).await;
    assert_eq!((status, content(&answer)), (200, "查不到。"));
    assert_eq!(api.sent(), []);
    // With the permission to send the answer is not waited for, and comes later.
    assert_eq!(post(&daemon, "wx", &text(&daemon, "1", "查物流")).await, "success");
    assert_eq!(api.wait(1).await, [("o-anna".to_owned(), "查不到。".to_owned())]);
}
