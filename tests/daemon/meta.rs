//! Channels of kind `whatsapp` and `messenger`: batches signed by the app's secret, and a Graph API that misbehaves.

use serde_json::{Value, json};

use crate::common::api::{Answered, agent, http, post};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::platform::{
    Mood, Platform, Sent, conversation, given_up, hex, hmac, inbound, nothing_happened, wait_through,
};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const SECRET: &str = "app-secret";
const WHATSAPP: &str = "kind: whatsapp, secret: [new-secret, app-secret], verify_token: check-me, access_token: wa-token, phone_number_id: \"1065\"";
const MESSENGER: &str = "kind: messenger, secret: app-secret, verify_token: [check-me, and-me], access_token: page-token, machine_apps: [\"12\"]";

fn good(sent: &Sent) -> Value {
    if sent.path.starts_with("/me/") {
        return json!({"recipient_id": sent.body["recipient"]["id"], "message_id": "m_1"});
    }
    json!({"messaging_product": "whatsapp", "contacts": [{"input": sent.body["to"], "wa_id": sent.body["to"]}], "messages": [{"id": "wamid.1"}]})
}

async fn start(settings: &str) -> (Shop, Receiver, Platform, Daemon) {
    let platform = Platform::start(good).await;
    let (shop, receiver, daemon) = platform.daemon("meta", settings).await;
    (shop, receiver, platform, daemon)
}

fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex(&hmac(secret, body)))
}

async fn give(daemon: &Daemon, body: &Value) -> Answered {
    let body = body.to_string();
    let signature = sign(SECRET, body.as_bytes());
    post(&inbound(daemon, "meta"), body, &[("X-Hub-Signature-256", &signature)]).await
}

/// Messages to our number, as the documentation writes them.
fn whatsapp(messages: &[Value]) -> Value {
    to_number("1065", &json!({"messages": messages}))
}

fn to_number(number: &str, more: &Value) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "8613800000000", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Anna"}, "wa_id": "4711"}],
    });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"object": "whatsapp_business_account", "entry": [{"id": "E", "changes": [{"field": "messages", "value": value}]}]})
}

fn text(id: &str, words: &str) -> Value {
    json!({"from": "4711", "id": id, "timestamp": "1760407200", "type": "text", "text": {"body": words}})
}

fn pressed(id: &str, kind: &str, option: &str) -> Value {
    json!({"from": "4711", "id": id, "type": "interactive", "interactive": {"type": kind, kind: {"id": option, "title": "…"}}})
}

/// One event of a page.
fn page(event: &Value) -> Value {
    json!({"object": "page", "entry": [{"id": "P", "time": 1, "messaging": [event]}]})
}

fn wrote(id: &str, more: &Value) -> Value {
    let mut message = json!({"mid": id});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    page(&json!({"sender": {"id": "F7"}, "recipient": {"id": "P"}, "timestamp": 1, "message": message}))
}

#[tokio::test]
async fn the_address_is_checked_and_only_what_meta_signed_is_taken() {
    let (_shop, _receiver, platform, daemon) = start(WHATSAPP).await;
    let url = inbound(&daemon, "meta");
    let check = async |query: &str| {
        let answer = http().get(format!("{url}?{query}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let good = check("hub.mode=subscribe&hub.verify_token=check-me&hub.challenge=115920").await;
    assert_eq!(good, (200, "115920".to_owned()));
    for bad in [
        "hub.mode=subscribe&hub.verify_token=check-m&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        "hub.mode=unsubscribe&hub.verify_token=check-me&hub.challenge=1",
        "",
    ] {
        assert_eq!(check(bad).await.0, 401, "{bad}");
    }

    let body = whatsapp(&[text("wamid.1", "怎么退货")]).to_string();
    let flipped = body.replace("怎么退货", "怎么退款");
    let good = sign(SECRET, body.as_bytes());
    let verify = |body: &str| json!({"do": "meta verify", "secret": SECRET, "body": body, "signature": good});
    assert_eq!(foreign("platforms.py", &json!([verify(&body), verify(&flipped)])), [json!(true), json!(false)]);
    for (what, body, signature) in [
        ("another secret", &body, sign("app-secres", body.as_bytes())),
        ("another body", &flipped, good.clone()),
        ("cut off", &body, good[..good.len() - 2].to_owned()),
        ("without its prefix", &body, good[7..].to_owned()),
        ("of the older kind", &body, good.replace("sha256=", "sha1=")),
        ("empty", &body, String::new()),
    ] {
        let answer = post(&url, body.clone(), &[("x-hub-signature-256", &signature)]).await;
        assert_eq!((answer.status, str_at(&answer.json, "/code")), (401, "bad_signature"), "{what}");
    }
    assert_eq!(post(&url, body.clone(), &[]).await.status, 401, "no header");
    let odd = b"{\"entry\":[\"\xff\"]}".to_vec();
    let signature = sign(SECRET, &odd);
    assert_eq!(post(&url, odd, &[("x-hub-signature-256", &signature)]).await.status, 400, "not UTF-8");
    let big = vec![b' '; (1 << 20) + 1];
    let signature = sign(SECRET, &big);
    assert_eq!(post(&url, big, &[("x-hub-signature-256", &signature)]).await.status, 413);
    nothing_happened(&daemon).await;
    let signature = sign("new-secret", body.as_bytes());
    assert_eq!(post(&url, body, &[("x-hub-signature-256", &signature)]).await.status, 200);
    platform.wait(1).await;
}

#[tokio::test]
async fn on_whatsapp_a_customer_asks_a_person_answers_and_hands_back() {
    let (_shop, receiver, platform, daemon) = start(WHATSAPP).await;
    assert_eq!(give(&daemon, &whatsapp(&[text("wamid.1", "怎么退货")])).await.status, 200);
    let first = platform.wait(1).await.remove(0);
    assert_eq!((first.path.as_str(), first.header("authorization")), ("/1065/messages", "Bearer wa-token"));
    assert_eq!((first.at("/to"), first.at("/interactive/body/text")), ("4711", "七天内可以退货。"));
    let option = first.at("/interactive/action/buttons/0/reply/id");
    give(&daemon, &whatsapp(&[pressed("wamid.2", "button_reply", option)])).await;
    assert_eq!(platform.wait(2).await[1].at("/text/body"), "退款三天到账。");
    give(&daemon, &whatsapp(&[text("wamid.3", "转人工")])).await;
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!((str_at(&case, "/data/customer/id"), str_at(&case, "/data/customer/name")), ("4711", "Anna"));
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李。", "agent": "li"})).await;
    let sent = platform.wait(4).await;
    assert_eq!([sent[2].at("/text/body"), sent[3].at("/text/body")], ["已转给同事。", "您好，我是小李。"]);
    agent(daemon.address(), &id, "return", json!({"agent": "li"})).await;
    give(&daemon, &whatsapp(&[text("wamid.4", "怎么开发票")])).await;
    assert_eq!(platform.wait(5).await[4].at("/text/body"), "在订单页申请发票。");

    // The library's own client says the same in the same form: with buttons, and without.
    let options = json!([["refund.time", "退款多久到账"], ["invoice.get", "怎么开发票"]]);
    let say = |text: &str, options: &Value| json!({"do": "whatsapp say", "url": platform.url(), "token": "wa-token", "number": "1065", "to": "4711", "text": text, "options": options});
    let tasks = json!([say("七天内可以退货。", &options), say("退款三天到账。", &json!([]))]);
    tokio::task::spawn_blocking(move || foreign("platforms.py", &tasks)).await.unwrap();
    let all = platform.sent();
    for (ours, theirs) in [(0, 5), (1, 6)] {
        assert_eq!(all[ours].path, all[theirs].path);
        assert_eq!(all[ours].header("authorization"), all[theirs].header("authorization"));
        assert_eq!(all[ours].body, all[theirs].body);
    }
}

#[tokio::test]
async fn batches_repeats_and_what_is_no_message_on_whatsapp() {
    let (_shop, receiver, platform, daemon) = start(WHATSAPP).await;
    let hidden = json!({"id": "wamid.9", "type": "text", "text": {"body": "退款要多久"}});
    let without_number =
        to_number("1065", &json!({"contacts": [{"profile": {}, "user_id": "US.134912"}], "messages": [hidden]}));
    let both = [text("wamid.1", "怎么开发票"), text("wamid.1", "怎么开发票")];
    for _ in 0..2 {
        assert_eq!(give(&daemon, &whatsapp(&both)).await.status, 200);
        assert_eq!(give(&daemon, &without_number).await.status, 200);
    }
    let failed = json!({"id": "wamid.0", "status": "failed", "recipient_id": "9999", "errors": [{"code": 131_047}]});
    for other in [
        to_number("1065", &json!({"statuses": [{"id": "wamid.0", "status": "read"}, failed]})),
        to_number("2000", &json!({"messages": [text("wamid.2", "怎么退货")]})),
        whatsapp(&[json!({"from": "4711", "id": "wamid.3", "type": "reaction", "reaction": {"emoji": "👍"}})]),
        json!({"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "account_update", "value": {}}]}]}),
        json!({"object": "whatsapp_business_account"}),
    ] {
        assert_eq!(give(&daemon, &other).await.status, 200, "{other}");
    }
    let media = json!({"from": "4711", "id": "wamid.4", "type": "image", "image": {"id": "MEDIA", "caption": "你们看", "mime_type": "image/jpeg"}});
    give(&daemon, &whatsapp(&[media])).await;
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/url"), "whatsapp:media/MEDIA");
    // What cannot be read holds up no other: the platform would send all of it again for days.
    let odd =
        [json!({"type": "text"}), json!(7), json!({"from": "4711", "id": "", "type": "text", "text": {"body": "x"}})];
    assert_eq!(give(&daemon, &whatsapp(&odd)).await.status, 200);
    let mut said: Vec<(String, String)> = platform
        .wait(3)
        .await
        .iter()
        .map(|sent| {
            let to = if sent.body.get("to").is_some() { "/to" } else { "/recipient" };
            (sent.at(to).to_owned(), sent.at("/text/body").to_owned())
        })
        .collect();
    said.sort();
    let wanted = [("4711", "在订单页申请发票。"), ("4711", "已转给同事。"), ("US.134912", "退款三天到账。")];
    assert_eq!(said, wanted.map(|(to, text)| (to.to_owned(), text.to_owned())));
}

#[tokio::test]
async fn numbers_of_one_app_share_its_address_and_what_did_not_arrive_goes_to_people() {
    let platform = Platform::start(good).await;
    let receiver = Receiver::start().await;
    let shop = platform.shop(&receiver, "meta", WHATSAPP);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let second = WHATSAPP.replace("1065", "2077").replace("wa-token", "second-token");
    let line = format!("\nchannels:\n  second: {{{second}, base_url: \"{}\"}}\n", platform.url());
    shop.write("nightdesk.yaml", &settings.replace("\nchannels:\n", &line));
    let options = (1..=5).map(|n| {
        format!("  - id: option.{n}\n    title: 选项{n}\n    questions: [选项{n}号]\n    answer: 这是{n}。\n")
    });
    shop.write("faq/options.yaml", &format!("faq:\n{}", options.collect::<Vec<_>>().concat()));
    shop.write(
        "rules/menu.yaml",
        "rules:\n  - id: menu\n    when: {phrase: [有什么可以选]}\n    reply: 请选一个。\n    options: [option.1, option.2, option.3, option.4, option.5]\n",
    );
    let daemon = Daemon::start(&shop, crate::common::platform::WEDNESDAY).await;
    assert_eq!(
        give(&daemon, &to_number("2077", &json!({"messages": [text("wamid.1", "有什么可以选")]}))).await.status,
        200
    );
    let menu = platform.wait(1).await.remove(0);
    assert_eq!((menu.path.as_str(), menu.header("authorization")), ("/2077/messages", "Bearer second-token"));
    // More than three are a list, as the library writes it.
    let rows = menu.body["interactive"]["action"]["sections"][0]["rows"].as_array().unwrap();
    assert_eq!((menu.at("/interactive/type"), rows.len()), ("list", 5));
    let options: Vec<Value> = rows.iter().map(|row| json!([row["id"], row["title"]])).collect();
    let task = json!({
        "do": "whatsapp say", "url": platform.url(), "token": "second-token", "number": "2077", "to": "4711",
        "text": "请选一个。", "options": options, "open": menu.at("/interactive/action/button"),
    });
    tokio::task::spawn_blocking(move || foreign("platforms.py", &json!([task]))).await.unwrap();
    let mut theirs = platform.sent().remove(1).body;
    theirs["interactive"]["action"]["sections"][0].as_object_mut().unwrap().remove("title");
    assert_eq!(menu.body, theirs);
    give(&daemon, &to_number("2077", &json!({"messages": [pressed("wamid.2", "list_reply", "option.4")]}))).await;
    assert_eq!(platform.wait(3).await[2].at("/text/body"), "这是4。");

    let failed = json!({"id": "wamid.X", "status": "failed", "recipient_id": "4711", "errors": [{"code": 131_047}]});
    for _ in 0..2 {
        give(&daemon, &to_number("2077", &json!({"statuses": [failed]}))).await;
    }
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(
        (str_at(&case, "/data/handoff/reason"), str_at(&case, "/data/conversation/channel")),
        ("undelivered", "second")
    );
    assert!(str_at(&case, "/data/message/text").contains("131047"));
    assert_eq!(platform.sent().len(), 3, "nothing is said where nothing arrives");
}

#[tokio::test]
async fn the_graph_api_misbehaves_and_nothing_is_lost_or_said_out_of_order() {
    let (_shop, _receiver, platform, daemon) = start(WHATSAPP).await;
    let error =
        |code: i64| json!({"error": {"message": "as the test wants it", "type": "OAuthException", "code": code}});
    platform.moods(&[
        Mood::Says(401, error(190)),
        Mood::Says(400, error(130_429)),
        Mood::Says(500, error(131_000)),
        Mood::Truncated,
        Mood::Later(503, 2),
    ]);
    give(&daemon, &whatsapp(&[text("wamid.1", "怎么开发票")])).await;
    give(&daemon, &whatsapp(&[text("wamid.2", "退款要多久")])).await;
    let texts: Vec<String> =
        wait_through(&platform, &daemon, 2).await.iter().map(|sent| sent.at("/text/body").to_owned()).collect();
    assert_eq!(texts, ["在订单页申请发票。", "退款三天到账。"]);
    // Long answers are cut, and the parts come in order.
    give(&daemon, &whatsapp(&[text("wamid.3", "说得详细些")])).await;
    let parts: Vec<String> =
        platform.wait(4).await.split_off(2).iter().map(|sent| sent.at("/text/body").to_owned()).collect();
    assert!(parts[0].starts_with("第0段") && parts[1].contains("第8段"), "{parts:?}");
    platform.moods(&[Mood::Says(400, error(131_047))]);
    give(&daemon, &whatsapp(&[text("wamid.4", "怎么退货")])).await;
    let error = given_up(&daemon, "meta").await;
    assert!(error.contains("131047") && error.contains("24 hours"), "{error}");
}

#[tokio::test]
async fn instagram_takes_shorter_texts_and_other_pages_are_left_out() {
    let settings = MESSENGER.replace("kind: messenger", "kind: instagram, page_id: \"P\"");
    let (_shop, _receiver, platform, daemon) = start(&settings).await;
    let mut other = wrote("m0", &json!({"text": "怎么退货"}));
    other["entry"][0]["id"] = json!("Q");
    assert_eq!(give(&daemon, &other).await.status, 200);
    give(&daemon, &wrote("m1", &json!({"text": "说得详细些"}))).await;
    let parts = platform.wait(5).await;
    assert!(parts.iter().all(|sent| sent.at("/message/text").len() <= 1_000));
    let whole = parts.iter().map(|sent| sent.at("/message/text")).collect::<Vec<_>>().join("\n\n");
    assert!(whole.starts_with("第0段") && whole.matches("段：").count() == 9, "{whole}");
}

#[tokio::test]
async fn on_messenger_people_answer_in_the_pages_inbox_or_in_ours() {
    let (_shop, receiver, platform, daemon) = start(MESSENGER).await;
    assert_eq!(give(&daemon, &wrote("m1", &json!({"text": "怎么退货"}))).await.status, 200);
    give(&daemon, &wrote("m1", &json!({"text": "怎么退货"}))).await;
    let first = platform.wait(1).await.remove(0);
    assert_eq!((first.path.as_str(), first.at("/recipient/id")), ("/me/messages", "F7"));
    assert_eq!((first.at("/messaging_type"), first.at("/message/text")), ("RESPONSE", "七天内可以退货。"));
    let option = first.at("/message/quick_replies/0/payload");
    give(&daemon, &wrote("m2", &json!({"text": "退款多久到账", "quick_reply": {"payload": option}}))).await;
    assert_eq!(platform.wait(2).await[1].at("/message/text"), "退款三天到账。");
    let postback = json!({"sender": {"id": "F7"}, "recipient": {"id": "P"}, "timestamp": 5, "postback": {"title": "发票", "payload": "invoice.get", "mid": "m3"}});
    give(&daemon, &page(&postback)).await;
    assert_eq!(platform.wait(3).await[2].at("/message/text"), "在订单页申请发票。");

    // Our own words come back and are known; a colleague's in the page's inbox are a person's.
    give(&daemon, &echo("e1", &json!({"text": "七天内可以退货。", "metadata": "nightdesk", "app_id": 9}))).await;
    assert_eq!(state(&daemon).await, ("bot".to_owned(), String::new()));
    give(&daemon, &wrote("m4", &json!({"text": "转人工"}))).await;
    receiver.wait("/desk", 1).await;
    let inbox = json!({"text": "我来处理。", "app_id": "263902037430900"});
    assert_eq!(give(&daemon, &echo("e2", &inbox)).await.status, 200);
    assert_eq!(state(&daemon).await, ("human".to_owned(), "page inbox".to_owned()));
    let shown = crate::common::api::transcript(daemon.address(), &conversation(&daemon).await).await;
    let words: Vec<&str> = shown
        .iter()
        .filter(|event| event["data"]["role"] == "human")
        .map(|event| str_at(event, "/data/text"))
        .collect();
    assert_eq!(words, ["我来处理。"]);

    // After a day the bot may say nothing, and a person may.
    let late = json!({"error": {"message": "outside of allowed window", "code": 10, "error_subcode": 2_018_278}});
    platform.moods(&[Mood::Says(400, late)]);
    let id = conversation(&daemon).await;
    agent(daemon.address(), &id, "messages", json!({"text": "您的退款已到账。", "agent": "li"})).await;
    let sent = platform.wait(5).await.remove(4);
    assert_eq!((sent.at("/messaging_type"), sent.at("/tag")), ("MESSAGE_TAG", "HUMAN_AGENT"));
    assert_eq!(sent.at("/message/text"), "您的退款已到账。");
    let standby = json!({"object": "page", "entry": [{"id": "P", "standby": [{"sender": {"id": "F8"}, "message": {"mid": "s", "text": "怎么退货"}}]}]});
    assert_eq!(give(&daemon, &standby).await.status, 200);
    agent(daemon.address(), &id, "messages", json!({"text": "再见。", "agent": "li"})).await;
    let texts: Vec<String> =
        platform.wait(6).await[4..].iter().map(|sent| sent.at("/message/text").to_owned()).collect();
    assert_eq!(texts, ["您的退款已到账。", "再见。"], "nothing else was said");
    assert_eq!(agent(daemon.address(), &id, "return", json!({"agent": "li"})).await.status, 200);
    // What the shop says is a machine takes no case, and an echo that comes again does not take it again.
    give(&daemon, &echo("e3", &json!({"text": "您的包裹已发出", "app_id": 12}))).await;
    give(&daemon, &echo("e2", &inbox)).await;
    assert_eq!(state(&daemon).await.0, "bot");
    let shown = crate::common::api::transcript(daemon.address(), &id).await;
    assert!(!shown.iter().any(|event| event["data"]["text"] == "您的包裹已发出"));
    give(&daemon, &wrote("m9", &json!({"text": "怎么退货"}))).await;
    assert_eq!(platform.wait(7).await[6].at("/message/text"), "七天内可以退货。");
}

/// What the page itself said to our customer, as it comes back.
fn echo(id: &str, more: &Value) -> Value {
    let mut message = json!({"mid": id, "is_echo": true});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    page(&json!({"sender": {"id": "P"}, "recipient": {"id": "F7"}, "timestamp": 1, "message": message}))
}

/// Who has the only conversation: the state, and the name of the person.
async fn state(daemon: &Daemon) -> (String, String) {
    let url = format!("http://{}/v1/conversations/{}", daemon.address(), conversation(daemon).await);
    let shown: Value = serde_json::from_str(&http().get(url).send().await.unwrap().text().await.unwrap()).unwrap();
    (shown["state"].as_str().unwrap().to_owned(), shown["agent"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn who_answers_beside_the_bot_has_the_case_until_it_is_handed_back() {
    for kind in ["messenger", "instagram"] {
        let settings = MESSENGER.replace("kind: messenger", &format!("kind: {kind}"));
        let (_shop, _receiver, platform, daemon) = start(&settings).await;
        let mark = |text: &str| {
            let mut message = json!({"text": text});
            if kind == "messenger" {
                message["metadata"] = json!("nightdesk");
            }
            message
        };
        give(&daemon, &wrote("m1", &json!({"text": "怎么退货"}))).await;
        platform.wait(1).await;
        // Our own words: Instagram does not say that they are.
        give(&daemon, &echo("e1", &mark("七天内可以退货。"))).await;
        assert_eq!(state(&daemon).await.0, "bot", "{kind}");
        // Nobody was called, and somebody answers all the same: with a picture, by another app, while the customer writes on.
        let picture =
            json!({"attachments": [{"type": "image", "payload": {"url": "https://cdn.example/a.png"}}], "app_id": 77});
        let mut batch = echo("e2", &picture);
        let after = wrote("m2", &json!({"text": "怎么开发票"}));
        batch["entry"][0]["messaging"].as_array_mut().unwrap().push(after["entry"][0]["messaging"][0].clone());
        assert_eq!(give(&daemon, &batch).await.status, 200);
        assert_eq!(state(&daemon).await, ("human".to_owned(), "page inbox".to_owned()), "{kind}");
        give(&daemon, &wrote("m3", &json!({"text": "退款要多久"}))).await;
        // A colleague answers in the console: the case was nobody's in particular.
        let id = conversation(&daemon).await;
        assert_eq!(
            agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李。", "agent": "li"})).await.status,
            200
        );
        assert_eq!(platform.wait(2).await[1].at("/message/text"), "您好，我是小李。", "the bot was silent");
        give(&daemon, &echo("e3", &mark("您好，我是小李。"))).await;
        assert_ne!(state(&daemon).await.1, "page inbox", "{kind}");
        // After the end, who writes there has it again.
        assert_eq!(agent(daemon.address(), &id, "close", json!({"agent": "li"})).await.status, 200);
        platform.wait(3).await;
        give(&daemon, &echo("e4", &json!({"text": "还有一件事"}))).await;
        assert_eq!(state(&daemon).await, ("human".to_owned(), "page inbox".to_owned()), "{kind}");
        let shown = crate::common::api::transcript(daemon.address(), &id).await;
        let people = shown.iter().filter(|event| event["data"]["role"] == "human").count();
        assert_eq!(people, 3, "{kind}: the picture, the colleague's words once, the last words");
    }
}
