//! Channels of kind `wecom-kf`: customer service of WeCom, with foreign libraries on the platform's side and an API that misbehaves.

use std::collections::BTreeMap;
use std::time::Duration;

use nightdesk::channel::wechat::crypto::{AesKey, signature};
use nightdesk::store::{DeliveryFilter, OutboxRow};
use serde_json::{Value, json};

use crate::common::api::{agent, get, http, post, transcript};
use crate::common::daemon::{Daemon, Process, instant};
use crate::common::foreign::foreign;
use crate::common::kf::{Kf, Mood};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
/// Sample values that the platform publishes.
const CORP: &str = "wx5823bf96d3bd56c7";
const TOKEN: &str = "QDG6eK";
const KEY: &str = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";

/// The small shop with a survey and the channel `kf`.
fn shop(receiver: &Receiver, kf: &Kf, more: &str) -> Shop {
    let shop = Shop::small(receiver);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let channel = format!(
        "\nchannels:\n  kf: {{kind: wecom-kf, corp_id: {CORP}, secret: \"kf secret&=\", token: [new-token, {TOKEN}], aes_key: {KEY}, \
         open_kfid: [wkA, wkB], base_url: \"{}/\", poll: 1s{more}}}\n",
        kf.url()
    );
    let notices = "\nnotices:\n  survey: 打几分？\n  rated: 谢谢评价。\n  waiting: 还在排队。\n  taken: 同事来了。\n";
    let settings = settings.replace("\nchannels:\n", &channel).replace("\nnotices:\n", notices);
    assert!(settings.contains("打几分") && settings.contains("wkB"), "the small shop looks different now");
    shop.write("nightdesk.yaml", &settings);
    shop
}

async fn start_with(more: &str) -> (Shop, Receiver, Kf, Daemon) {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, more);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, kf, daemon)
}

/// The same once both accounts were read for the first time.
async fn begun(more: &str) -> (Shop, Receiver, Kf, Daemon) {
    let all = start_with(more).await;
    wait_for("both accounts to be read", || async {
        let calls = all.2.calls("sync_msg");
        ["wkA", "wkB"].iter().all(|id| calls.iter().any(|call| call["open_kfid"] == *id)).then_some(())
    })
    .await;
    all
}

fn bell(account: &str, token: &str) -> String {
    let field = |name: &str, value: &str| format!("<{name}><![CDATA[{value}]]></{name}>");
    format!(
        "<xml>{}<CreateTime>1348831860</CreateTime>{}{}{}{}</xml>",
        field("ToUserName", CORP),
        field("MsgType", "event"),
        field("Event", "kf_msg_or_event"),
        field("Token", token),
        field("OpenKfId", account)
    )
}

type Query = Vec<(String, String)>;

/// Parameters and body of a callback.
fn sealed(token: &str, key: &str, corp: &str, seconds: i64, xml: &[u8]) -> (Query, String) {
    let encrypted = AesKey::parse(key).unwrap().encrypt(xml, corp).unwrap();
    let stamp = seconds.to_string();
    let signed = signature(&[token, &stamp, "n1", &encrypted]);
    let query = [("msg_signature", signed.as_str()), ("timestamp", &stamp), ("nonce", "n1")];
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    (query, format!("<xml><ToUserName><![CDATA[{corp}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"))
}

fn address(at: std::net::SocketAddr, query: &[(String, String)]) -> String {
    reqwest::Url::parse_with_params(&format!("http://{at}/v1/inbound/kf"), query).unwrap().to_string()
}

async fn send(at: std::net::SocketAddr, query: &[(String, String)], body: impl Into<Vec<u8>>) -> (u16, String) {
    let response = http().post(address(at, query)).body(body.into()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn ring(daemon: &Daemon) {
    let (query, body) = sealed(TOKEN, KEY, CORP, daemon.now().as_second(), bell("wkA", "ENC-token").as_bytes());
    assert_eq!(send(daemon.address(), &query, body).await, (200, String::new()));
}

/// A customer writes, and the callback rings.
async fn writes(daemon: &Daemon, kf: &Kf, id: &str, text: &str) {
    kf.writes("wm1", id, daemon.now().as_second(), &json!({"content": text}));
    ring(daemon).await;
}

fn one(task: &Value) -> Value {
    foreign("wechat.py", &json!([task])).remove(0)
}

/// The conversation with the customer `wm1`, once there is one.
async fn conversation(daemon: &Daemon) -> String {
    wait_for("a conversation", || async {
        let list = get(&format!("http://{}/v1/conversations", daemon.address())).await;
        list.json["conversations"][0]["id"].as_str().map(str::to_owned)
    })
    .await
}

async fn state(daemon: &Daemon, wanted: &str) {
    let id = conversation(daemon).await;
    wait_for(&format!("the state {wanted}"), || async {
        let shown = get(&format!("http://{}/v1/conversations/{id}", daemon.address())).await;
        (shown.json["state"] == wanted).then_some(())
    })
    .await;
}

/// Deliveries to the channel in a state.
async fn deliveries(daemon: &Daemon, state: &str) -> Vec<OutboxRow> {
    let filter = DeliveryFilter { state: Some(state.to_owned()), endpoint: Some("reply:kf".to_owned()), limit: 100 };
    daemon.app.pipeline.store.deliveries(filter).await.unwrap()
}

/// What the customer wrote, as the transcript has it.
async fn heard(daemon: &Daemon, role: &str) -> Vec<String> {
    let id = conversation(daemon).await;
    let events = transcript(daemon.address(), &id).await;
    let of = events.iter().filter(|event| event["type"] == "message" && event["data"]["role"] == role);
    of.map(|event| event["data"]["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_address_is_checked_and_foreign_bells_ring() {
    let (_shop, _receiver, kf, daemon) = begun(", transfer: desk").await;
    let seconds = daemon.now().as_second();
    let stamp = seconds.to_string();
    let task = json!({"token": TOKEN, "key": KEY, "app": CORP, "nonce": "n2", "timestamp": stamp});
    let echo = {
        let mut task = task.clone();
        (task["do"], task["text"]) = (json!("corp-echo"), json!("1616140317555161061"));
        one(&task)
    };
    let mut query: Query = [("timestamp", stamp.as_str()), ("nonce", "n2")].map(|(a, b)| (a.into(), b.into())).into();
    query.push(("msg_signature".into(), str_at(&echo, "/msg_signature").into()));
    query.push(("echostr".into(), str_at(&echo, "/echostr").into()));
    let answer = http().get(address(daemon.address(), &query)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "1616140317555161061"));
    query[1].1 = "n3".into();
    assert_eq!(get(&address(daemon.address(), &query)).await.status, 401);

    kf.writes("wm1", "m1", seconds, &json!({"content": "怎么开发票"}));
    let sealed = {
        let mut task = task.clone();
        (task["do"], task["xml"]) = (json!("corp-seal"), json!(bell("wkA", "ENC-令牌")));
        one(&task)
    };
    let mut query: Query = [("timestamp", stamp.as_str()), ("nonce", "n2")].map(|(a, b)| (a.into(), b.into())).into();
    query.push(("msg_signature".into(), str_at(&sealed, "/msg_signature").into()));
    assert_eq!(send(daemon.address(), &query, str_at(&sealed, "/body")).await, (200, String::new()));
    assert_eq!(kf.wait(1).await, ["在订单页申请发票。"]);
    assert!(kf.calls("sync_msg").iter().any(|call| call["token"] == "ENC-令牌"), "the bell's token is used");

    // A bell that Tencent's own library @wecom/crypto 1.0.1 sealed and signed.
    daemon.turn_to(&jiff::Timestamp::from_second(1_792_000_000).unwrap().to_string());
    let encrypted = "Lz6N0s2FQQYpv1L2fYMPVZy0tzdNiXJmvOrNpfufVkOHMcAGiW9ldP/8oPG0znvqbQ3d+vq8hbPYvUAT7Vo7iHoMJ5IXgsuVY/fdtUq5dEo7aT2j9FDhh20ENwcJ+R6xnolbh8gMNQ57Q98YcjuOnNxXpfBSfnQPIXU6DmsDkk0ShFOT6U2hZctorEbMzFcmz7DqVAt+AbJySIydzL5I9j5cgkbnH3L6UrMk6E/4Vf2YbF/lP6D9gfUHaXdoWuolod2yiSnWfRRmVNuYranSyibc7dwo5uFSeA8w/t1dtRuUY3iMqeCQmhH8IatyUfNNVx1u6otxtp4hdB7PTHSvvsz3wJwHGeWSqAynxVi1Towa5rc+jakcCZJ8Yvu459tkA+joHA/fcFjDFK7AE6qHEbEjUwItWT7yiKR375QNUYU=";
    let query: Query = [
        ("msg_signature", "a1b6c7d13f2f82b8bc16e15f5b23c3f18afebc84"),
        ("timestamp", "1792000000"),
        ("nonce", "nonce1"),
    ]
    .map(|(a, b)| (a.into(), b.into()))
    .into();
    let body = format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>");
    assert_eq!(send(daemon.address(), &query, body).await, (200, String::new()));
}

#[tokio::test]
async fn what_the_platform_did_not_sign_in_time_is_refused() {
    let (_shop, _receiver, _kf, daemon) = begun("").await;
    let now = daemon.now().as_second();
    let xml = bell("wkA", "t");
    let with = |token: &str, key: &str, corp: &str, at: i64| sealed(token, key, corp, at, xml.as_bytes());
    let good = || with(TOKEN, KEY, CORP, now);
    let other_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    for (what, (query, body)) in [
        ("another token", with("another", KEY, CORP, now)),
        ("no token", with("", KEY, CORP, now)),
        ("another key", with(TOKEN, other_key, CORP, now)),
        ("another company", with(TOKEN, KEY, "ww0000000000000000", now)),
        ("stale", with(TOKEN, KEY, CORP, now - 301)),
        ("of the future", with(TOKEN, KEY, CORP, now + 301)),
        ("another body with the same signature", (good().0, with(TOKEN, KEY, CORP, now).1)),
        ("one letter changed", {
            let (query, body) = good();
            let at = body.find("<Encrypt><![CDATA[").unwrap() + 40;
            let other = if &body[at..=at] == "A" { "B" } else { "A" };
            (query, format!("{}{other}{}", &body[..at], &body[at + 1..]))
        }),
        ("one digit of the signature changed", {
            let (mut query, body) = good();
            let other = if query[0].1.starts_with('0') { "1" } else { "0" };
            query[0].1.replace_range(0..1, other);
            (query, body)
        }),
    ] {
        let (status, answer) = send(daemon.address(), &query, body).await;
        assert!(status == 401 && answer.contains("bad_signature"), "{what}: {status} {answer}");
    }
    for missing in 0..3 {
        let (mut query, body) = good();
        query.remove(missing);
        assert_eq!(send(daemon.address(), &query, body).await.0, 401, "{missing}");
    }
    let (query, body) = good();
    for (odd, wanted) in [
        (Vec::new(), 400),
        (vec![0xff, 0xfe], 400),
        (b"<xml/>".to_vec(), 400),
        (b"<!DOCTYPE a><xml><Encrypt>x</Encrypt></xml>".to_vec(), 400),
        (vec![b' '; 1024 * 1024 + 1], 413),
    ] {
        assert_eq!(send(daemon.address(), &query, odd).await.0, wanted);
    }
    // What is signed and sealed and no bell.
    for (inner, wanted) in
        [(b"<xml><Event>other</Event></xml>".to_vec(), 200), (vec![0xff], 400), (b"{}".to_vec(), 400)]
    {
        let (query, body) = sealed(TOKEN, KEY, CORP, now, &inner);
        assert_eq!(send(daemon.address(), &query, body).await.0, wanted);
    }
    let (other, stranger) = sealed(TOKEN, KEY, CORP, now, bell("wkStranger", "t").as_bytes());
    assert_eq!(send(daemon.address(), &other, stranger).await.0, 200);
    assert_eq!(send(daemon.address(), &query, body.clone()).await.0, 200);
    assert_eq!(send(daemon.address(), &query, body).await.0, 200, "the platform may come again");
}

#[tokio::test]
async fn questions_are_answered_with_buttons_and_history_is_not() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, "");
    let now = instant(WEDNESDAY).as_second();
    kf.page(2);
    for n in 0..5 {
        kf.writes("wm1", &format!("old{n}"), now - 3_600 - n, &json!({"content": "怎么开发票"}));
    }
    kf.event(
        "old-in",
        now - 10_000,
        json!({"event_type": "enter_session", "external_userid": "wm1", "welcome_code": "OLD"}),
    );
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    wait_for("the first pull to end", || async {
        kf.calls("sync_msg").iter().any(|call| call["cursor"] == "c6").then_some(())
    })
    .await;
    kf.page(1_000);
    kf.welcome("wm1", "WELCOME");
    kf.event(
        "in",
        now - 5,
        json!({"event_type": "enter_session", "external_userid": "wm1", "scene": "1", "welcome_code": "WELCOME"}),
    );
    kf.event(
        "late",
        now - 30,
        json!({"event_type": "enter_session", "external_userid": "wm1", "welcome_code": "LATE"}),
    );
    ring(&daemon).await;
    assert_eq!(kf.wait(1).await, ["您好！"]);
    writes(&daemon, &kf, "m1", "怎么退货").await;
    kf.wait(2).await;
    let menu = kf.sent()[1].clone();
    let wanted = json!({"head_content": "七天内可以退货。", "list": [
        {"type": "click", "click": {"id": "refund.time", "content": "退款多久到账"}},
        {"type": "click", "click": {"id": "invoice.get", "content": "怎么开发票"}},
    ]});
    assert_eq!(
        (menu["msgtype"].as_str(), &menu["msgmenu"], menu["touser"].as_str()),
        (Some("msgmenu"), &wanted, Some("wm1"))
    );
    // The button comes back with its id, whatever its words.
    kf.writes("wm1", "m2", now, &json!({"content": "按钮", "menu_id": "refund.time"}));
    ring(&daemon).await;
    assert_eq!(kf.wait(3).await[2], "退款三天到账。");
    // A picture goes to people.
    kf.push(json!({"msgid": "m3", "open_kfid": "wkA", "external_userid": "wm1", "send_time": now, "origin": 3, "msgtype": "image", "image": {"media_id": "MEDIA"}}));
    ring(&daemon).await;
    assert_eq!(kf.wait(4).await[3], "图片已转给同事。");
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/url"), "wecom:media/MEDIA");
    assert_eq!((str_at(&case, "/data/customer/id"), str_at(&case, "/data/conversation/channel")), ("wm1", "kf"));
    assert_eq!(heard(&daemon, "visitor").await, ["怎么退货", "退款多久到账", ""]);
    assert_eq!(deliveries(&daemon, "dead").await, []);
}

#[tokio::test]
async fn the_platform_misbehaves_and_every_message_is_answered_once() {
    let (_shop, _receiver, kf, daemon) = begun("").await;
    kf.page(2);
    let now = daemon.now().as_second();
    kf.moods(
        "sync_msg",
        &[
            Mood::EmptyPage,
            Mood::Expired,
            Mood::Truncated,
            Mood::Code(-1),
            Mood::Code(95_007),
            Mood::Reversed,
            Mood::Code(45_009),
            Mood::Repeated,
            Mood::Slow(Duration::from_secs(5)),
            Mood::EmptyPage,
        ],
    );
    for n in 0..9 {
        kf.writes(&format!("wm{n}"), &format!("m{n}"), now, &json!({"content": "怎么开发票"}));
    }
    ring(&daemon).await;
    let texts = kf.wait(9).await;
    assert!(texts.iter().all(|text| text == "在订单页申请发票。"), "{texts:?}");
    // No bell at all: the message is found all the same.
    kf.writes("wm9", "m9", now, &json!({"content": "怎么开发票"}));
    kf.wait(10).await;
    // The whole list again, as after a lost cursor.
    kf.moods("sync_msg", &[Mood::Repeated]);
    let before = kf.calls("sync_msg").len();
    kf.wait_calls("sync_msg", before + 4).await;
    let mut to: BTreeMap<String, u32> = BTreeMap::new();
    for sent in kf.sent() {
        *to.entry(str_at(&sent, "/touser").to_owned()).or_default() += 1;
    }
    assert_eq!((to.len(), to.values().sum::<u32>()), (10, 10), "{to:?}");
}

#[tokio::test]
async fn sending_renews_the_token_tries_again_and_says_what_is_refused() {
    let (_shop, _receiver, kf, daemon) = begun(", reply_budget: 3").await;
    kf.moods("send_msg", &[Mood::Expired]);
    writes(&daemon, &kf, "m1", "怎么开发票").await;
    kf.wait(1).await;
    for (number, mood) in (1..).zip([Mood::Code(-1), Mood::Code(45_009), Mood::Truncated]) {
        kf.moods("send_msg", std::slice::from_ref(&mood));
        writes(&daemon, &kf, &format!("again{number}"), "怎么开发票").await;
        wait_for("an attempt that failed", || async {
            deliveries(&daemon, "pending").await.iter().find(|row| row.attempts == 1).map(|_| ())
        })
        .await;
        daemon.turn_to(&(instant(WEDNESDAY) + jiff::SignedDuration::from_mins(number)).to_string());
        kf.wait(1 + usize::try_from(number).unwrap()).await;
        wait_for("it to be written down", || async { deliveries(&daemon, "pending").await.is_empty().then_some(()) })
            .await;
    }
    for (code, reason) in [(95_001, "used up"), (95_002, "48 hours"), (99_999, "refuses")] {
        kf.moods("send_msg", &[Mood::Code(code)]);
        let before = deliveries(&daemon, "dead").await.len();
        writes(&daemon, &kf, &format!("never{code}"), "怎么开发票").await;
        wait_for("a dead delivery", || async { (deliveries(&daemon, "dead").await.len() > before).then_some(()) })
            .await;
        let error = deliveries(&daemon, "dead").await[0].last_error.clone().unwrap();
        assert!(error.contains(&code.to_string()) && error.contains(reason), "{error}");
        assert!(!error.contains("token-") && !error.contains("secret&="), "{error}");
    }
    // A person's word goes, whatever the bot has used.
    let before = kf.sent().len();
    kf.writes("wm1", "m5", daemon.now().as_second(), &json!({"content": "转人工"}));
    ring(&daemon).await;
    kf.wait(before + 1).await;
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "我在。", "agent": "li"})).await;
    assert_eq!(kf.wait(before + 2).await.last().unwrap(), "我在。");
}

#[tokio::test]
async fn people_of_the_shop_answer_in_the_console_and_the_customer_rates() {
    let (_shop, receiver, kf, daemon) = begun("").await;
    writes(&daemon, &kf, "m1", "转人工").await;
    assert_eq!(kf.wait(1).await, ["已转给同事。"]);
    receiver.wait("/desk", 1).await;
    assert_eq!(
        kf.state_of("wm1").0,
        0,
        "the shop's own desk answers, so the platform keeps the conversation with the machine"
    );
    let id = conversation(&daemon).await;
    let said = agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李", "agent": "li"})).await;
    assert_eq!(said.status, 200, "{:#}", said.json);
    assert_eq!(kf.wait(2).await[1], "您好，我是小李");
    assert_eq!(agent(daemon.address(), &id, "close", json!({"agent": "li"})).await.status, 200);
    assert_eq!(kf.wait(4).await[2..], ["再见！", "打几分？"]);
    wait_for("the end at the platform", || async { (kf.state_of("wm1").0 == 4).then_some(()) }).await;
    let menu = kf.sent()[3]["msgmenu"]["list"].clone();
    assert_eq!((menu.as_array().unwrap().len(), str_at(&menu, "/3/click/id")), (5, "survey.4"));
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    kf.writes("wm1", "m2", daemon.now().as_second(), &json!({"content": "满意", "menu_id": "survey.4"}));
    ring(&daemon).await;
    assert_eq!(kf.wait(5).await[4], "谢谢评价。");
    let rated = wait_for("the score", || async {
        let hits = receiver.hits_at("/desk");
        hits.iter().map(crate::common::receiver::Hit::json).find(|event| event["type"] == "survey.answered")
    })
    .await;
    assert_eq!(rated["data"]["survey"]["score"], 4);
    assert_eq!(deliveries(&daemon, "dead").await, []);
}

#[tokio::test]
async fn people_of_wecom_take_over_answer_and_end() {
    let (_shop, _receiver, kf, daemon) = begun(", transfer: platform").await;
    let now = daemon.now().as_second();
    writes(&daemon, &kf, "m1", "怎么开发票").await;
    writes(&daemon, &kf, "m2", "转人工").await;
    assert_eq!(kf.wait(2).await, ["在订单页申请发票。", "已转给同事。"]);
    wait_for("the pool", || async { (kf.state_of("wm1").0 == 2).then_some(()) }).await;
    // In the pool the platform takes one notice, by the code that came with it.
    writes(&daemon, &kf, "m3", "转人工").await;
    assert_eq!(kf.wait(3).await[2], "还在排队。");
    assert!(kf.sent()[2].get("code").is_some() && kf.sent()[2].get("touser").is_none());

    kf.state("wm1", 3, "zhang", "TAKEN");
    kf.event("e1", now, json!({"event_type": "session_status_change", "external_userid": "wm1", "change_type": 1, "new_servicer_userid": "zhang", "msg_code": "TAKEN"}));
    kf.push(json!({"msgid": "m4", "open_kfid": "wkA", "external_userid": "wm1", "send_time": now, "origin": 5, "servicer_userid": "zhang", "msgtype": "text", "text": {"content": "您好，我是张三"}}));
    ring(&daemon).await;
    state(&daemon, "human").await;
    assert_eq!(kf.wait(4).await[3], "同事来了。");
    wait_for("the person's word", || async {
        (heard(&daemon, "human").await == ["您好，我是张三"]).then_some(())
    })
    .await;
    let shown = get(&format!("http://{}/v1/conversations/{}", daemon.address(), conversation(&daemon).await)).await;
    assert!(shown.json.to_string().contains("zhang"), "{:#}", shown.json);
    // The bot is silent, whatever is asked.
    writes(&daemon, &kf, "m5", "怎么退货").await;
    wait_for("the question", || async {
        heard(&daemon, "visitor").await.contains(&"怎么退货".to_owned()).then_some(())
    })
    .await;

    kf.state("wm1", 4, "", "ENDED");
    kf.event("e2", now, json!({"event_type": "session_status_change", "external_userid": "wm1", "change_type": 3, "old_servicer_userid": "zhang", "msg_code": "ENDED"}));
    ring(&daemon).await;
    state(&daemon, "closed").await;
    // The platform takes one message then: the goodbye and the question how it was.
    kf.wait(5).await;
    let last = kf.sent()[4].clone();
    assert_eq!(
        (last["code"].as_str(), last["msgmenu"]["head_content"].as_str()),
        (Some("ENDED"), Some("再见！\n\n打几分？"))
    );
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    kf.writes("wm1", "m6", now, &json!({"content": "满意", "menu_id": "survey.5"}));
    ring(&daemon).await;
    assert_eq!(kf.wait(6).await[5], "谢谢评价。");
    // All of it comes again: nothing happens twice, and nobody takes the conversation back.
    kf.moods("sync_msg", &[Mood::Repeated]);
    writes(&daemon, &kf, "m7", "怎么开发票").await;
    assert_eq!(kf.wait(7).await[6], "在订单页申请发票。");
    wait_for("all to be delivered", || async { deliveries(&daemon, "pending").await.is_empty().then_some(()) }).await;
    assert_eq!(kf.sent().len(), 7);
    assert_eq!(deliveries(&daemon, "dead").await, []);
}

#[tokio::test]
async fn a_named_person_who_receives_gets_the_case_and_giving_it_back_ends_it_there() {
    let (_shop, receiver, kf, daemon) = begun(", transfer: platform, servicers: [zhang, li]").await;
    kf.receiving(&["li"]);
    writes(&daemon, &kf, "m1", "转人工").await;
    wait_for("the person", || async { (kf.state_of("wm1") == (3, "li".to_owned())).then_some(()) }).await;
    let id = conversation(&daemon).await;
    assert_eq!(agent(daemon.address(), &id, "return", json!({})).await.status, 200);
    wait_for("the end there", || async { (kf.state_of("wm1").0 == 4).then_some(()) }).await;
    writes(&daemon, &kf, "m2", "怎么开发票").await;
    assert_eq!(kf.wait(2).await[1], "在订单页申请发票。");
    // Nobody receives: the pool. Closed by us while a person of WeCom has it: the goodbye goes with the end.
    kf.receiving(&[]);
    writes(&daemon, &kf, "m3", "转人工").await;
    wait_for("the pool", || async { (kf.state_of("wm1").0 == 2).then_some(()) }).await;
    kf.state("wm1", 3, "zhang", "T");
    kf.push(json!({"msgid": "m4", "open_kfid": "wkA", "external_userid": "wm1", "send_time": daemon.now().as_second(), "origin": 5, "servicer_userid": "zhang", "msgtype": "text", "text": {"content": "我来"}}));
    ring(&daemon).await;
    state(&daemon, "human").await;
    // The console does not take it from that person; whoever was sent the case may.
    assert_eq!(agent(daemon.address(), &id, "close", json!({})).await.status, 409);
    let cases = receiver.hits_at("/desk");
    let created = cases.iter().rfind(|hit| hit.kind() == "handoff.created").unwrap().json();
    let bearer = format!("Bearer {}", str_at(&created, "/data/reply_token"));
    let url = format!("http://{}/v1/conversations/{id}/close", daemon.address());
    assert_eq!(post(&url, "{}", &[("authorization", &bearer)]).await.status, 200);
    wait_for("the goodbye", || async {
        kf.texts().iter().any(|text| text == "再见！\n\n打几分？").then_some(())
    })
    .await;
    assert_eq!(kf.state_of("wm1").0, 4);
}

#[tokio::test]
async fn whoever_has_the_conversation_at_the_platform_has_it_here_and_what_did_not_arrive_goes_to_a_person() {
    let (_shop, receiver, kf, daemon) = begun("").await;
    let now = daemon.now().as_second();
    // A person of WeCom took it, and the event is lost: the next answer finds out.
    kf.state("wm1", 3, "wang", "x");
    writes(&daemon, &kf, "m1", "怎么开发票").await;
    state(&daemon, "human").await;
    let dead = wait_for("a dead delivery", || async { deliveries(&daemon, "dead").await.first().cloned() }).await;
    assert!(dead.last_error.unwrap().contains("95018"));
    kf.state("wm1", 4, "", "y");
    kf.event("e1", now, json!({"event_type": "session_status_change", "external_userid": "wm1", "change_type": 3, "old_servicer_userid": "wang"}));
    ring(&daemon).await;
    state(&daemon, "closed").await;
    // There is no code for a goodbye, and after the end nothing else goes.
    wait_for("the goodbye to be refused", || async { deliveries(&daemon, "pending").await.is_empty().then_some(()) })
        .await;
    let before = kf.sent().len();
    assert_eq!(before, 0);
    writes(&daemon, &kf, "m2", "怎么开发票").await;
    kf.wait(before + 1).await;
    let id = kf.sent()[before]["msgid"].clone();
    kf.event(
        "e2",
        now,
        json!({"event_type": "msg_send_fail", "external_userid": "wm1", "fail_msgid": id, "fail_type": 10}),
    );
    ring(&daemon).await;
    state(&daemon, "queued").await;
    let told = heard(&daemon, "system").await;
    assert!(told.iter().any(|text| text.contains("客户拒收")), "{told:?}");
    let case = receiver.wait("/desk", 1).await;
    let last = case.last().unwrap().json();
    assert_eq!((str_at(&last, "/type"), str_at(&last, "/data/handoff/reason")), ("handoff.created", "undelivered"));
    wait_for("all to be delivered", || async { deliveries(&daemon, "pending").await.is_empty().then_some(()) }).await;
    assert_eq!(kf.sent().len(), before + 1, "nothing more is said where nothing arrives");
}

/// What `nightdesk channel test kf` says, and its exit code.
async fn tried(shop: &Shop, form: &str) -> (Option<i32>, String) {
    let (dir, form) = (shop.dir(), form.to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        command.arg("--dir").arg(dir).args(["channel", "test", "kf", "--format", &form]).output().unwrap()
    });
    let output = output.await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_test_of_the_channel_asks_the_platform_and_tells_no_customer_anything() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, "");
    let (code, said) = tried(&shop, "human").await;
    assert!(code == Some(0) && said.contains("wkA 咨询, wkB 售后"), "{code:?} {said}");
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("[wkA, wkB]", "[wkA, wkOther]"));
    let (code, said) = tried(&shop, "json").await;
    assert!(
        code == Some(1) && said.contains("\"delivered\": false") && said.contains("may not use wkOther"),
        "{code:?} {said}"
    );
    shop.write("nightdesk.yaml", &settings.replace("kf secret&=", "wrong"));
    let (code, said) = tried(&shop, "human").await;
    assert!(code == Some(1) && said.contains("errcode 40001") && said.contains("secret is wrong"), "{code:?} {said}");
    assert_eq!((kf.sent().len(), kf.calls("send_msg").len(), kf.calls("sync_msg").len()), (0, 0, 0));
}

#[tokio::test]
async fn killed_between_the_pull_and_the_commit_nothing_is_lost_and_nothing_said_twice() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, "");
    let now = jiff::Timestamp::now().as_second() + 5;
    kf.page(3);
    let mut process = Process::start(&shop);
    wait_for("the first pull to be kept", || async { (kf.calls("sync_msg").len() >= 4).then_some(()) }).await;
    for n in 0..12 {
        kf.writes(&format!("wm{n}"), &format!("m{n}"), now, &json!({"content": "怎么开发票"}));
    }
    for round in 1..=4 {
        // While a page is on its way, or while what was on it is being written.
        kf.moods("sync_msg", &[Mood::Slow(Duration::from_millis(30)), Mood::Slow(Duration::from_millis(30))]);
        let before = kf.calls("sync_msg").len();
        kf.wait_calls("sync_msg", before + 3).await;
        tokio::time::sleep(Duration::from_millis(12 * round)).await;
        process.kill();
        process = Process::start(&shop);
    }
    let to = wait_for("an answer for each", || async {
        let mut to: BTreeMap<String, u32> = BTreeMap::new();
        kf.sent().iter().for_each(|sent| *to.entry(str_at(sent, "/touser").to_owned()).or_default() += 1);
        (to.len() == 12).then_some(to)
    })
    .await;
    assert!(to.values().all(|count| *count == 1), "{to:?}");
    // Two more polls of each account: nothing is said again.
    let before = kf.calls("sync_msg").len();
    kf.wait_calls("sync_msg", before + 6).await;
    assert_eq!(kf.sent().len(), 12, "{:?}", kf.texts());
    drop(process);
}

fn colleague(id: &str, customer: &str, seconds: i64, text: &str) -> Value {
    json!({
        "msgid": id, "open_kfid": "wkA", "external_userid": customer, "send_time": seconds, "origin": 5,
        "servicer_userid": "zhang", "msgtype": "text", "text": {"content": text},
    })
}

/// Names of the customers to whom the daemon wanted to say this.
fn told(kf: &Kf, text: &str) -> Vec<String> {
    let calls = kf.calls("send_msg");
    let said = calls.iter().filter(|call| call.to_string().contains(text));
    let mut to: Vec<String> = said.map(|call| str_at(call, "/touser").to_owned()).collect();
    to.sort();
    to
}

#[tokio::test]
async fn what_a_colleague_answered_while_nightdesk_was_down_the_bot_does_not_answer() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, "");
    let now = instant(WEDNESDAY).as_second();
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    kf.writes("known", "k0", now, &json!({"content": "怎么开发票"}));
    kf.wait(1).await;
    daemon.stop().await;
    // Three pages: what answers the first is on the last.
    kf.page(3);
    kf.writes("known", "k1", now + 1, &json!({"content": "怎么退货"}));
    kf.writes("new", "n1", now + 1, &json!({"content": "怎么退货"}));
    kf.writes("ended", "e1", now + 1, &json!({"content": "怎么退货"}));
    kf.writes("alone", "a1", now + 2, &json!({"content": "怎么开发票"}));
    kf.push(colleague("n2", "new", now + 3, "可以的"));
    kf.push(colleague("e0", "ended", now + 2, "可以退"));
    // Nobody saw to this one: the platform ended it by itself.
    kf.writes("lapsed", "l1", now + 1, &json!({"content": "怎么开发票"}));
    kf.event("l2", now + 3, json!({"event_type": "session_status_change", "external_userid": "lapsed", "change_type": 3, "old_servicer_userid": "zhang"}));
    kf.event("e2", now + 3, json!({"event_type": "session_status_change", "external_userid": "ended", "change_type": 3, "old_servicer_userid": "zhang"}));
    kf.push(colleague("k2", "known", now + 4, "七天内都行"));
    kf.writes("ended", "e3", now + 9, &json!({"content": "怎么开发票"}));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    // What nobody answered is answered, and what was written after the end.
    wait_for("the answers", || async { (told(&kf, "在订单页申请发票").len() == 4).then_some(()) }).await;
    assert_eq!(told(&kf, "在订单页申请发票"), ["alone", "ended", "known", "lapsed"]);
    let transcript_of = async |customer: &str| {
        let list = get(&format!("http://{}/v1/conversations?limit=50", daemon.address())).await;
        let list = list.json["conversations"].as_array().unwrap().clone();
        let one = list.iter().find(|one| one.to_string().contains(&format!("\"{customer}\""))).cloned();
        let one = one.unwrap_or_else(|| panic!("{customer}: {list:#?}"));
        let events = transcript(daemon.address(), str_at(&one, "/id")).await;
        let line =
            |event: &Value| Some(format!("{}: {}", event["data"]["role"].as_str()?, event["data"]["text"].as_str()?));
        (events.iter().filter_map(line).collect::<Vec<_>>(), str_at(&one, "/state").to_owned())
    };
    let known = wait_for("the colleague's word", async || {
        let (said, state) = transcript_of("known").await;
        said.last().is_some_and(|last| last.starts_with("human")).then_some((said, state))
    })
    .await;
    assert_eq!(known.0[2..], ["visitor: 怎么退货", "human: 七天内都行"]);
    assert_eq!(known.1, "human");
    assert_eq!(
        transcript_of("new").await,
        (vec!["visitor: 怎么退货".into(), "human: 可以的".into()], "human".to_owned())
    );
    let ended = transcript_of("ended").await.0;
    assert_eq!(ended.first().map(String::as_str), Some("visitor: 怎么退货"));
    assert!(!ended.iter().any(|line| line.contains("七天内")), "{ended:?}");
    assert_eq!(told(&kf, "七天内"), [""; 0]);
}

#[tokio::test]
async fn a_customer_who_writes_more_than_the_limit_reaches_a_person() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, "");
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &format!("{settings}limits: {{per_customer_per_minute: 1}}\n"));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for (id, text) in [("m1", "怎么开发票"), ("m2", "怎么退货"), ("m3", "退款要多久")] {
        kf.writes("wm1", id, daemon.now().as_second(), &json!({"content": text}));
    }
    assert_eq!(kf.wait(2).await, ["在订单页申请发票。", "已转给同事。"]);
    let hits = receiver.wait("/desk", 2).await;
    let case =
        hits.iter().map(crate::common::receiver::Hit::json).find(|event| event["type"] == "handoff.created").unwrap();
    assert_eq!(str_at(&case, "/data/handoff/reason"), "rate_limited");
    assert_eq!(heard(&daemon, "visitor").await, ["怎么开发票", "怎么退货", "退款要多久"]);
}

#[tokio::test]
async fn what_the_bot_said_is_not_said_into_a_persons_conversation_by_the_code_of_that() {
    let (_shop, _receiver, kf, daemon) = begun(", transfer: platform").await;
    let now = daemon.now().as_second();
    writes(&daemon, &kf, "m0", "怎么开发票").await;
    kf.wait(1).await;
    kf.moods("send_msg", &[Mood::Code(-1)]);
    writes(&daemon, &kf, "m1", "退款要多久").await;
    wait_for("an attempt that failed", || async {
        deliveries(&daemon, "pending").await.iter().find(|row| row.attempts == 1).map(|_| ())
    })
    .await;
    kf.state("wm1", 3, "zhang", "TAKEN");
    kf.event("e1", now, json!({"event_type": "session_status_change", "external_userid": "wm1", "change_type": 1, "new_servicer_userid": "zhang", "msg_code": "TAKEN"}));
    ring(&daemon).await;
    state(&daemon, "human").await;
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    // With that code the platform would take it; the answer is a dead letter all the same.
    let dead = wait_for("a dead delivery", || async { deliveries(&daemon, "dead").await.first().cloned() }).await;
    assert!(dead.last_error.unwrap().contains("95018"));
    assert_eq!(kf.texts(), ["在订单页申请发票。"]);
}

#[tokio::test]
async fn texts_too_long_for_the_platform_are_divided_and_one_that_must_be_one_ends_with_a_sentence() {
    let (receiver, kf) = (Receiver::start().await, Kf::start().await);
    let shop = shop(&receiver, &kf, ", reply_budget: 9");
    let sentence = |word: &str| format!("{}。", word.repeat(20));
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let greeting = sentence("欢迎光临").repeat(12);
    shop.write("nightdesk.yaml", &settings.replace("您好！", &greeting));
    let faq = std::fs::read_to_string(shop.dir().join("faq/shop.yaml")).unwrap();
    // More than the 1,024 bytes above buttons, less than a message.
    let answer = sentence("七天内可以退").repeat(5);
    assert!((1_025..2_048).contains(&answer.len()) && greeting.len() > 2_048);
    shop.write("faq/shop.yaml", &faq.replace("七天内可以退货。", &answer));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let now = daemon.now().as_second();
    kf.welcome("wm1", "WELCOME");
    kf.event("in", now, json!({"event_type": "enter_session", "external_userid": "wm1", "welcome_code": "WELCOME"}));
    let said = kf.wait(1).await.remove(0);
    assert!(said.ends_with('。') && greeting.starts_with(&said) && said.len() > 1_500, "{said}");
    writes(&daemon, &kf, "m1", "怎么退货").await;
    let texts = kf.wait(3).await;
    assert_eq!(texts[1..].concat(), answer);
    let forms: Vec<Value> = kf.sent()[1..].iter().map(|sent| sent["msgtype"].clone()).collect();
    assert_eq!(forms, ["text", "msgmenu"]);
}
