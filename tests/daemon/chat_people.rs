//! People in the chat: the customer asks for one, one takes over, answers, hands back, closes.

use serde_json::{Value, json};

use crate::common::api::{agent, get, post, transcript};
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::Shop;
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const RETURNS: &str = "七天内可以退货。";

async fn open_shop() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

#[tokio::test]
async fn a_customer_who_presses_the_button_is_in_the_queue() {
    let (_shop, receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let turn = client.turn(json!({"type": "handoff", "id": "h-1"})).await;
    assert_eq!(turn.only("ack")["re"], "h-1");
    assert_eq!(turn.texts(), ["已转给同事。"]);
    assert_eq!(
        turn.only("state")["data"],
        json!({"state": "queued", "queue": "general", "urgent": false, "position": 1})
    );
    assert_eq!(receiver.wait("/desk", 1).await[0].json()["data"]["handoff"]["reason"], "asked");
    let mut second = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(second.turn(json!({"type": "handoff", "id": "h-1"})).await.only("state")["data"]["position"], 2);
    // While nobody has taken it, what the bot is sure of is still answered; all else is passed on.
    assert_eq!(client.say("怎么退货").await.texts(), [RETURNS]);
    assert!(client.say("紫色大象").await.messages().is_empty());
    let listed = get(&format!("http://{}/v1/conversations?state=queued", daemon.address())).await;
    let ids: Vec<&str> =
        listed.json["conversations"].as_array().unwrap().iter().map(|item| str_at(item, "/id")).collect();
    assert!(ids.len() == 2 && ids.contains(&client.conversation()), "{ids:?}");
}

#[tokio::test]
async fn a_person_takes_over_the_bot_is_silent_and_comes_back_when_asked() {
    let (_shop, receiver, daemon) = open_shop().await;
    let here = daemon.address();
    let mut client = Client::new(here, "zh-CN").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    receiver.wait("/desk", 1).await;

    let taken = agent(here, &id, "take", json!({})).await;
    assert_eq!((taken.status, &taken.json["state"]), (200, &json!("human")));
    assert_eq!(client.quiet().await.only("state")["data"]["state"], "human");
    // The bot is silent, whatever it would know; the person hears of everything.
    for (n, text) in ["怎么退货", "转人工", "我的卡被盗刷", "1"].into_iter().enumerate() {
        let turn = client.say(text).await;
        assert_eq!(turn.frames.len(), 1, "{text}: an ack only: {:#?}", turn.frames);
        let heard = receiver.wait("/desk", n + 2).await[n + 1].json();
        assert_eq!((&heard["type"], &heard["data"]["message"]["text"]), (&json!("handoff.message"), &json!(text)));
        assert_eq!(heard["data"]["conversation"]["state"], "human");
    }
    assert!(receiver.hits_at("/oncall").is_empty());

    // The person's words reach every tab, once, also when the desk repeats its request.
    let mut tab = client.again(here).await;
    let said = json!({"text": "您好，我是小林。", "id": "r-1"});
    for _ in 0..2 {
        assert_eq!(agent(here, &id, "messages", said.clone()).await.status, 200);
    }
    for client in [&mut client, &mut tab] {
        let turn = client.quiet().await;
        let heard = &turn.only("message")["data"];
        assert_eq!((&heard["role"], &heard["text"]), (&json!("human"), &json!("您好，我是小林。")));
    }

    let returned = agent(here, &id, "return", json!({})).await;
    assert_eq!((returned.status, &returned.json["state"]), (200, &json!("bot")));
    assert_eq!(client.quiet().await.only("state")["data"]["state"], "bot");
    assert_eq!(client.say("怎么退货").await.texts(), [RETURNS]);
    assert_eq!(receiver.wait("/desk", 6).await[5].kind(), "conversation.returned");
    // The next time it is a case of its own.
    client.say("转人工").await;
    let cases = receiver.wait("/desk", 7).await;
    assert_eq!(cases[6].kind(), "handoff.created");
    assert_ne!(cases[6].json()["data"]["handoff"]["id"], cases[0].json()["data"]["handoff"]["id"]);
}

#[tokio::test]
async fn the_desk_answers_with_the_token_that_came_with_the_case() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "access: {admin: a-long-admin-token, agents: {lin: a-long-agent-token}}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let mut other = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    other.say("转人工").await;
    let cases: Vec<Value> = receiver.wait("/desk", 2).await.iter().map(Hit::json).collect();
    let of = |client: &Client| {
        cases.iter().find(|case| case["data"]["conversation"]["id"] == client.conversation()).unwrap()
    };
    let (url, token) = (str_at(of(&client), "/data/reply_url"), str_at(of(&client), "/data/reply_token"));
    let body = json!({"text": "马上来。", "agent": "林"}).to_string();
    let bearer = |token: &str| format!("Bearer {token}");

    let wrong = str_at(of(&other), "/data/reply_token");
    for token in ["", "nonsense", wrong] {
        let refused = post(url, body.clone(), &[("authorization", &bearer(token))]).await;
        assert_eq!((refused.status, refused.content_type.as_str()), (401, "application/problem+json"), "{token}");
    }
    assert!(client.quiet().await.frames.is_empty());
    assert_eq!(post(url, body, &[("authorization", &bearer(token))]).await.status, 200);
    let turn = client.quiet().await;
    assert_eq!((turn.texts(), &turn.only("state")["data"]["agent"]), (vec!["马上来。"], &json!("林")));

    // Another person cannot take what one has.
    let url = format!("http://{}/v1/conversations/{}/take", daemon.address(), client.conversation());
    let refused = post(&url, "", &[("authorization", "Bearer a-long-agent-token")]).await;
    assert_eq!((refused.status, refused.content_type.as_str()), (409, "application/problem+json"));
}

#[tokio::test]
async fn a_conversation_that_was_closed_opens_with_the_next_message() {
    let (_shop, receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    // Nothing was said yet: it is closed already.
    assert_eq!(client.turn(json!({"type": "close", "id": "c-0"})).await.only("ack")["re"], "c-0");
    client.say("转人工").await;
    let turn = client.turn(json!({"type": "close", "id": "c-1"})).await;
    assert_eq!((&turn.only("ack")["re"], turn.texts()), (&json!("c-1"), vec!["再见！"]));
    assert_eq!(turn.only("state")["data"]["state"], "closed");
    let closed = receiver.wait("/desk", 2).await[1].json();
    assert_eq!(
        (&closed["type"], &closed["data"]["conversation"]["state"]),
        (&json!("conversation.closed"), &json!("closed"))
    );
    // Twice is once.
    assert!(client.turn(json!({"type": "close", "id": "c-2"})).await.messages().is_empty());

    let turn = client.turn(message("m-1", "怎么退货")).await;
    assert_eq!((turn.texts(), &turn.only("state")["data"]["state"]), (vec![RETURNS], &json!("bot")));
    // A person closes it.
    let answer = agent(daemon.address(), client.conversation(), "close", json!({})).await;
    assert_eq!((answer.status, &answer.json["state"]), (200, &json!("closed")));
    assert_eq!(client.quiet().await.only("state")["data"]["state"], "closed");
    let seqs: Vec<u64> = transcript(daemon.address(), client.conversation())
        .await
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn agents_are_told_plainly_what_cannot_be_done() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let here = daemon.address();
    let mut client = Client::new(here, "zh-CN").await;
    client.say("怎么退货").await;
    let id = client.conversation();
    for (id, what, body, status, code) in [
        ("c_000000000000000000000000", "take", json!({}), 404, "not_found"),
        (id, "return", json!({}), 409, "conflict"),
        (id, "messages", json!({"text": "  "}), 400, "bad_request"),
        (id, "messages", json!({"words": "x"}), 400, "bad_request"),
        (id, "dance", json!({}), 404, "not_found"),
    ] {
        let answer = agent(here, id, what, body).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (status, "application/problem+json"), "{what}");
        assert_eq!((&answer.json["code"], &answer.json["status"]), (&json!(code), &json!(status)), "{what}");
        assert!(!str_at(&answer.json, "/detail").is_empty() && !str_at(&answer.json, "/title").is_empty());
    }
    // A page in the agent's browser, or a proxy, does not count as this machine.
    for header in [("origin", "https://evil.example"), ("x-forwarded-for", "127.0.0.1")] {
        let answer = post(&format!("http://{here}/v1/conversations/{id}/take"), "", &[header]).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (403, Some("local_only")), "{header:?}");
    }
    assert!(client.quiet().await.frames.is_empty(), "nothing has happened");
}
