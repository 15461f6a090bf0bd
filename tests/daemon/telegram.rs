//! Channels of kind `telegram`: updates as the platform's Python library writes them, and an API that misbehaves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::api::{Answered, agent, post};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::platform::{
    Mood, Platform, Sent, conversation, deliveries, given_up, inbound, nothing_happened, wait_through,
};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const SETTINGS: &str = "kind: telegram, bot_token: \"77:bot-token\", secret: [new_secret, the_secret]";

fn good(sent: &Sent) -> Value {
    if sent.path.ends_with("/getMe") {
        return json!({"ok": true, "result": {"id": 77, "is_bot": true, "first_name": "Shop", "username": "shop_bot"}});
    }
    let chat: i64 = sent.body["chat_id"].as_str().map_or(0, |id| id.parse().unwrap());
    json!({"ok": true, "result": {"message_id": 1, "date": 1_760_000_000, "chat": {"id": chat, "type": "private"}}})
}

async fn start() -> (Shop, Receiver, Platform, Daemon) {
    let platform = Platform::start(good).await;
    let (shop, receiver, daemon) = platform.daemon("tg", SETTINGS).await;
    (shop, receiver, platform, daemon)
}

/// An update as the library writes it.
fn update(fields: &Value) -> String {
    let mut task = json!({"do": "telegram update", "chat": 4711});
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    foreign("platforms.py", &json!([task])).remove(0).as_str().unwrap().to_owned()
}

async fn give(daemon: &Daemon, body: impl Into<Vec<u8>>) -> Answered {
    post(&inbound(daemon, "tg"), body, &[("x-telegram-bot-api-secret-token", "the_secret")]).await
}

#[tokio::test]
async fn a_customer_asks_a_person_answers_and_hands_back() {
    let (_shop, receiver, platform, daemon) = start().await;
    assert_eq!(give(&daemon, update(&json!({"id": 1, "text": "怎么退货"}))).await.status, 200);
    let first = platform.wait(1).await.remove(0);
    assert_eq!((first.path.as_str(), first.at("/chat_id")), ("/bot77:bot-token/sendMessage", "4711"));
    assert_eq!(first.at("/text"), "七天内可以退货。");
    assert_eq!(first.at("/reply_markup/inline_keyboard/0/0/text"), "退款多久到账");

    // The button is pressed; Telegram's clock on it ends.
    let data = first.at("/reply_markup/inline_keyboard/0/0/callback_data");
    let pressed = give(&daemon, update(&json!({"id": 2, "data": data}))).await;
    assert_eq!(pressed.json, json!({"method": "answerCallbackQuery", "callback_query_id": "cb-1"}));
    assert_eq!(platform.wait(2).await[1].at("/text"), "退款三天到账。");

    give(&daemon, update(&json!({"id": 3, "text": "转人工"}))).await;
    assert_eq!(platform.wait(3).await[2].at("/text"), "已转给同事。");
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!((str_at(&case, "/data/customer/id"), str_at(&case, "/data/customer/name")), ("4711", "Anna"));
    let id = conversation(&daemon).await;
    let said = agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小李。", "agent": "li"})).await;
    assert_eq!(said.status, 200, "{:#}", said.json);
    assert_eq!(platform.wait(4).await[3].at("/text"), "您好，我是小李。");
    // While a person has the case the bot is quiet.
    give(&daemon, update(&json!({"id": 4, "text": "怎么开发票"}))).await;
    receiver.wait("/desk", 2).await;
    assert_eq!(agent(daemon.address(), &id, "return", json!({"agent": "li"})).await.status, 200);
    give(&daemon, update(&json!({"id": 5, "text": "怎么开发票"}))).await;
    assert_eq!(platform.wait(5).await[4].at("/text"), "在订单页申请发票。");

    // The library's own client says the same in the same form.
    let task = json!({
        "do": "telegram say", "url": platform.url(), "token": "77:bot-token", "to": "4711", "text": "七天内可以退货。",
        "options": [["refund.time", "退款多久到账"], ["invoice.get", "怎么开发票"]],
    });
    let client = tokio::task::spawn_blocking(move || foreign("platforms.py", &json!([task])));
    client.await.unwrap();
    let theirs = platform.sent().pop().unwrap();
    let markup = |body: &Value| match &body["reply_markup"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        markup => markup.clone(),
    };
    assert_eq!((theirs.path.as_str(), theirs.at("/chat_id")), (first.path.as_str(), first.at("/chat_id")));
    assert_eq!((theirs.at("/text"), markup(&theirs.body)), (first.at("/text"), markup(&first.body)));
}

#[tokio::test]
async fn only_what_knows_the_secret_is_taken() {
    let (_shop, _receiver, platform, daemon) = start().await;
    let body = update(&json!({"id": 1, "text": "怎么退货"}));
    let url = inbound(&daemon, "tg");
    for secret in ["", "the_secres", "the_secre", "the_secret_", "THE_SECRET"] {
        let answer = post(&url, body.clone(), &[("x-telegram-bot-api-secret-token", secret)]).await;
        assert_eq!((answer.status, str_at(&answer.json, "/code")), (401, "bad_signature"), "{secret:?}");
    }
    assert_eq!(post(&url, body.clone(), &[]).await.status, 401, "no header");
    for (what, bad, status) in [
        ("no JSON", b"<xml>".to_vec(), 400),
        ("not UTF-8", b"{\"update_id\":1,\"x\":\"\xff\"}".to_vec(), 400),
        ("empty", Vec::new(), 400),
        ("more after the end", format!("{body}{{}}").into_bytes(), 400),
        ("too big", vec![b' '; (1 << 20) + 1], 413),
    ] {
        assert_eq!(give(&daemon, bad).await.status, status, "{what}");
    }
    assert_eq!(crate::common::api::get(&url).await.status, 405);
    nothing_happened(&daemon).await;
    // The newer of two secrets, and a header in other letters.
    let answer = post(&url, body, &[("X-Telegram-Bot-Api-Secret-Token", "new_secret")]).await;
    assert_eq!(answer.status, 200);
    platform.wait(1).await;
}

#[tokio::test]
async fn what_comes_again_is_said_once_and_what_is_not_for_the_bot_is_left() {
    let (_shop, receiver, platform, daemon) = start().await;
    let body = update(&json!({"id": 9, "text": "怎么开发票"}));
    let all = futures_util::future::join_all((0..5).map(|_| give(&daemon, body.clone()))).await;
    assert!(all.iter().all(|answer| answer.status == 200));
    for other in [
        update(&json!({"id": 10, "text": "怎么退货", "type": "group"})),
        json!({"update_id": 11, "edited_message": {"text": "怎么退货"}}).to_string(),
        json!({"update_id": 12, "my_chat_member": {}}).to_string(),
        json!({"update_id": 13, "message": {"message_id": 1, "chat": {"id": 4711, "type": "private"}, "from": {"id": 5, "is_bot": true}, "text": "怎么退货"}}).to_string(),
    ] {
        assert_eq!(give(&daemon, other).await.status, 200);
    }
    // Who opens the chat is greeted, once.
    for _ in 0..2 {
        assert_eq!(give(&daemon, update(&json!({"id": 14, "text": "/start", "language": "en"}))).await.status, 200);
    }
    platform.wait(2).await;
    // A picture goes to people, with its words.
    give(&daemon, update(&json!({"id": 15, "photo": "AgAC-1", "caption": "你们看"}))).await;
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/url"), "telegram:media/AgAC-1");
    assert_eq!(str_at(&case, "/data/message/text"), "你们看");
    // While a case waits, coming in again is no word for the bot.
    give(&daemon, update(&json!({"id": 16, "text": "/start"}))).await;
    give(&daemon, update(&json!({"id": 17, "text": "退款要多久"}))).await;
    let texts: Vec<String> = platform.wait(4).await.iter().map(|sent| sent.at("/text").to_owned()).collect();
    assert_eq!(texts, ["在订单页申请发票。", "Hello!", "已转给同事。", "退款三天到账。"]);
}

#[tokio::test]
async fn the_platform_misbehaves_and_nothing_is_lost_or_said_out_of_order() {
    let (_shop, _receiver, platform, daemon) = start().await;
    platform.moods(&[
        Mood::Says(429, json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3}})),
        Mood::Says(502, json!({"ok": false, "error_code": 502, "description": "Bad Gateway"})),
        Mood::Truncated,
        Mood::Says(401, json!({"ok": false, "error_code": 401, "description": "Unauthorized"})),
        Mood::Slow(Duration::from_millis(200)),
    ]);
    give(&daemon, update(&json!({"id": 1, "text": "怎么开发票"}))).await;
    give(&daemon, update(&json!({"id": 2, "text": "退款要多久"}))).await;
    let texts: Vec<String> =
        wait_through(&platform, &daemon, 2).await.iter().map(|sent| sent.at("/text").to_owned()).collect();
    assert_eq!(texts, ["在订单页申请发票。", "退款三天到账。"]);

    // What is long is cut between paragraphs, and all of it arrives.
    give(&daemon, update(&json!({"id": 3, "text": "说得详细些"}))).await;
    let parts = platform.wait(3).await.split_off(2);
    let whole = parts.iter().map(|sent| sent.at("/text")).collect::<Vec<_>>().join("\n\n");
    assert!(whole.starts_with("第0段：") && whole.contains("第8段："), "{whole}");

    // The customer has blocked the bot: given up at once, and said why; what follows is not held up.
    platform.moods(&[Mood::Says(
        403,
        json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}),
    )]);
    give(&daemon, update(&json!({"id": 4, "text": "怎么退货"}))).await;
    let error = given_up(&daemon, "tg").await;
    assert!(error.contains("blocked the bot") && !error.contains("bot-token"), "{error}");
    give(&daemon, update(&json!({"id": 5, "text": "怎么开发票"}))).await;
    assert_eq!(platform.wait(4).await[3].at("/text"), "在订单页申请发票。");
    assert_eq!(deliveries(&daemon, "tg", "dead").await.len(), 1);
}

#[tokio::test]
async fn parts_that_were_said_are_not_said_again_after_new_settings() {
    let (shop, _receiver, platform, daemon) = start().await;
    let long = (0..60).map(|n| format!("第{n}段：{}", "长".repeat(150))).collect::<Vec<_>>().join("\\n\\n");
    shop.write(
        "rules/long.yaml",
        &format!("rules:\n  - id: long\n    when: {{phrase: [说得详细些]}}\n    reply: \"{long}\"\n"),
    );
    let reloaded = post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!(reloaded.status, 200, "{:#}", reloaded.json);
    platform
        .then(&[None, Some(Mood::Says(502, json!({"ok": false, "error_code": 502, "description": "Bad Gateway"})))]);
    give(&daemon, update(&json!({"id": 1, "text": "说得详细些"}))).await;
    crate::common::wait_for("the second part to fail", || async {
        deliveries(&daemon, "tg", "pending").await.first().is_some_and(|row| row.attempts == 1).then_some(())
    })
    .await;
    shop.write("faq/new.yaml", "faq:\n  - id: hello.there\n    title: 在不在\n    category: hello\n    questions: [你们在吗呀]\n    answer: 在的。\n");
    assert_eq!(post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await.status, 200);
    let parts = wait_through(&platform, &daemon, 3).await;
    let begins: Vec<String> = parts.iter().map(|sent| sent.at("/text").chars().take(4).collect()).collect();
    let whole = parts.iter().map(|sent| sent.at("/text")).collect::<Vec<_>>().join("\n\n");
    assert!(begins[0] == "第0段：" && begins[1] != begins[0], "{begins:?}");
    assert_eq!(whole.matches("段：").count(), 60, "each once: {begins:?}");
}
