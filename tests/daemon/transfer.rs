//! People give a case away: to the bot with a summary, to another queue with a note; and what is so survives a restart in every state.

use serde_json::{Value, json};

use crate::common::api::{agent, get, transcript};
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::Shop;
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

async fn open_shop() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let more = "notices:\n  taken: {zh: 同事来了。, en: A colleague is here.}\n  transferred: {zh: 换一位同事。, en: Another colleague.}\n";
    assert!(settings.contains("notices:\n"));
    shop.write("nightdesk.yaml", &settings.replacen("notices:\n", more, 1));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

async fn shown(daemon: &Daemon, id: &str) -> Value {
    get(&format!("http://{}/v1/conversations/{id}", daemon.address())).await.json
}

#[tokio::test]
async fn a_case_goes_to_another_queue_with_a_note_and_both_queues_hear_of_it() {
    let (_shop, receiver, daemon) = open_shop().await;
    let here = daemon.address();
    let mut client = Client::new(here, "zh-CN").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    let first = receiver.wait("/desk", 1).await[0].json();
    agent(here, &id, "take", json!({})).await;
    let heard = client.quiet().await;
    assert_eq!(heard.texts(), ["同事来了。"], "somebody has come");
    assert_eq!(heard.frames[0]["type"], "message", "said before the bot is silent: {:#?}", heard.frames);

    let passed = agent(here, &id, "transfer", json!({"queue": "oncall", "note": "要退款，订单 202611220001"})).await;
    assert_eq!((passed.status, &passed.json["state"]), (200, &json!("queued")), "{passed:?}");
    let heard = client.quiet().await;
    assert_eq!(heard.texts(), ["换一位同事。"]);
    assert_eq!(heard.only("state")["data"]["queue"], "oncall");
    let events = receiver.wait("/desk", 2).await;
    let moved = events.iter().map(Hit::json).find(|event| event["type"] == "handoff.moved").expect("moved");
    assert_eq!(moved["data"]["moved_to"]["queue"], "oncall");
    let created = receiver.wait("/oncall", 1).await[0].json();
    assert_eq!(created["type"], "handoff.created");
    assert_eq!(created["data"]["handoff"]["id"], first["data"]["handoff"]["id"]);
    assert_eq!(
        created["data"]["transfer"],
        json!({"from": "general", "by": "local", "note": "要退款，订单 202611220001"})
    );
    assert_eq!(created["data"]["conversation"]["note"]["text"], "要退款，订单 202611220001");
    let case = shown(&daemon, &id).await;
    assert_eq!(
        (&case["queue"], &case["note"]["by"], &case["agent"]),
        (&json!("oncall"), &json!("local"), &Value::Null)
    );

    for (body, status, word) in [
        (json!({"queue": "oncall"}), 409, "already"),
        (json!({"queue": "nowhere"}), 400, "general"),
        (json!({}), 400, "queue"),
        (json!({"queue": "general", "note": "长".repeat(2_001)}), 400, "2000"),
    ] {
        let refused = agent(here, &id, "transfer", body.clone()).await;
        assert!(refused.status == status && str_at(&refused.json, "/detail").contains(word), "{body}: {refused:?}");
    }
    // The customer never reads what colleagues write to each other.
    let seen = serde_json::to_string(&client.again(here).await.quiet().await.frames).unwrap();
    let frames = serde_json::to_string(&transcript(here, &id).await).unwrap();
    assert!(!seen.contains("退款") && !frames.contains("要退款"), "{seen} {frames}");
}

#[tokio::test]
async fn a_summary_stays_with_the_conversation_until_it_is_closed() {
    let (_shop, receiver, daemon) = open_shop().await;
    let here = daemon.address();
    let mut client = Client::new(here, "zh-CN").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    agent(here, &id, "take", json!({})).await;
    let back = agent(here, &id, "return", json!({"summary": "已登记退款，三天内到账"})).await;
    assert_eq!((back.status, &back.json["state"]), (200, &json!("bot")));
    let returned = receiver.wait("/desk", 2).await[1].json();
    assert_eq!(
        (&returned["type"], &returned["data"]["conversation"]["note"]["text"]),
        (&json!("conversation.returned"), &json!("已登记退款，三天内到账"))
    );
    // Whoever has the case next reads it.
    client.say("转人工").await;
    let next = receiver.wait("/desk", 3).await[2].json();
    assert_eq!(next["data"]["conversation"]["note"]["text"], "已登记退款，三天内到账");
    agent(here, &id, "close", json!({})).await;
    assert_eq!(shown(&daemon, &id).await["note"], Value::Null);
    // A closed conversation is opened again by its customer, and by a person who writes.
    let reopened = agent(here, &id, "messages", json!({"text": "补充一句"})).await;
    assert_eq!((reopened.status, &reopened.json["state"]), (200, &json!("human")));
    agent(here, &id, "close", json!({})).await;
    client.say("怎么退货").await;
    assert_eq!(shown(&daemon, &id).await["state"], "bot");
}

#[tokio::test]
async fn every_state_is_the_same_after_a_restart() {
    let (shop, _receiver, daemon) = open_shop().await;
    let mut clients = Vec::new();
    for state in ["bot", "queued", "human", "returned", "transferred", "closed"] {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say("怎么退货").await;
        let id = client.conversation().to_owned();
        if state != "bot" {
            client.say("转人工").await;
        }
        if ["human", "returned", "transferred", "closed"].contains(&state) {
            agent(daemon.address(), &id, "take", json!({})).await;
        }
        match state {
            "returned" => drop(agent(daemon.address(), &id, "return", json!({"summary": "好了"})).await),
            "transferred" => drop(agent(daemon.address(), &id, "transfer", json!({"queue": "oncall"})).await),
            "closed" => drop(agent(daemon.address(), &id, "close", json!({})).await),
            _ => {}
        }
        clients.push((state, id, client));
    }
    let mut before = Vec::new();
    for (_, id, _) in &clients {
        before.push(shown(&daemon, id).await);
    }
    daemon.stop().await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for ((state, id, client), before) in clients.into_iter().zip(before) {
        assert_eq!(shown(&daemon, &id).await, before, "{state}");
        let mut client = client.again(daemon.address()).await;
        let told = client.say("怎么退货").await;
        let answered = !told.messages().is_empty();
        assert_eq!(
            answered,
            state != "human",
            "{state}: the bot is silent beside a person, and nowhere else: {told:#?}"
        );
    }
    daemon.stop().await;
}
