//! Help desks, each two ways: Chatwoot's agent bot; hand-offs into an API inbox of Chatwoot and into tickets of Zendesk.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::api::{agent, http, post, transcript};
use crate::common::client::{Client, message as frame};
use crate::common::daemon::Daemon;
use crate::common::desks::{Desks, Mood, SECRET, TOKEN, changed, chatwoot, message, zendesk};
use crate::common::foreign::foreign;
use crate::common::receiver::Receiver;
use crate::common::shop::{SHORT_WAITS, Shop};
use crate::common::wait_for;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const UTC: &str = "2026-10-14T02:00:00Z";
const SAID: &str = "POST /api/v1/accounts/7/conversations/88/messages";
const INBOX: &str = "POST /public/api/v1/inboxes/inbox-1/contacts";

/// A small shop with a channel `cw` that is a bot of Chatwoot, and whose queue is a desk of this format.
async fn start(format: &str) -> (Shop, Receiver, Desks, Daemon) {
    let (receiver, desks) = (Receiver::start().await, Desks::start().await);
    let shop = Shop::small(&receiver);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let url = desks.url();
    let desk = match format {
        "chatwoot" => format!("inbox: inbox-1, hmac_token: hmac-secret, secret: {SECRET}"),
        "zendesk" => format!("email: bot@shop.example, token: {TOKEN}, secret: {SECRET}"),
        _ => String::new(),
    };
    let webhooks = if desk.is_empty() {
        "\nwebhooks:\n".to_owned()
    } else {
        format!("\nwebhooks:\n  people: {{url: \"{url}/\", format: {format}, {desk}, retry: {SHORT_WAITS}}}\n")
    };
    let bot = format!("kind: chatwoot, base_url: \"{url}/\", account_id: 7, access_token: {TOKEN}");
    let channels = format!("\nchannels:\n  cw: {{{bot}, secret: {SECRET}}}\n  old: {{{bot}, url_key: [k-1, k-2]}}\n");
    let mut settings = settings.replace("\nwebhooks:\n", &webhooks).replace("\nchannels:\n", &channels);
    if !desk.is_empty() {
        settings = settings.replace("webhook: desk,", "webhook: people,");
    }
    shop.write("nightdesk.yaml", &settings);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, desks, daemon)
}

async fn posts(daemon: &Daemon, event: &Value) -> u16 {
    let url = format!("http://{}/v1/inbound/cw", daemon.address());
    chatwoot(&url, daemon.now().as_second(), event).await.status
}

async fn desk_posts(daemon: &Daemon, event: &Value) -> u16 {
    let url = format!("http://{}/v1/desk/people", daemon.address());
    chatwoot(&url, daemon.now().as_second(), event).await.status
}

async fn ticket_says(daemon: &Daemon, invocation: &str, event: &Value) -> u16 {
    let url = format!("http://{}/v1/desk/people", daemon.address());
    zendesk(&url, &daemon.now().to_string(), invocation, event).await.status
}

/// What people of the shop said in a conversation.
async fn by_people(daemon: &Daemon, conversation: &str) -> Vec<Value> {
    let events = transcript(daemon.address(), conversation).await;
    let all = events.into_iter().map(|event| event["data"].clone());
    all.filter(|data| data["role"] == "human").collect()
}

/// Our conversations, as the agents' list has them.
async fn list(daemon: &Daemon) -> Vec<Value> {
    let url = format!("http://{}/v1/conversations?limit=50", daemon.address());
    let text = http().get(url).send().await.unwrap().text().await.unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    list["conversations"].as_array().unwrap().clone()
}

async fn state_is(daemon: &Daemon, state: &str) {
    wait_for(&format!("the state {state}"), || async {
        list(daemon).await.iter().any(|row| row["state"] == state).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_bot_of_chatwoot_answers_hands_over_and_has_the_conversation_back() {
    let (_shop, receiver, desks, daemon) = start("none").await;
    assert_eq!(posts(&daemon, &message(1, 88, "contact", "pending", "怎么退货")).await, 200);
    let said = desks.wait(SAID, 1).await;
    assert_eq!(said[0].body["content"], "七天内可以退货。");
    assert_eq!((&said[0].body["message_type"], &said[0].body["private"]), (&json!("outgoing"), &json!(false)));
    assert_eq!(said[0].body["content_type"], "input_select");
    let items =
        json!([{"title": "退款多久到账", "value": "refund.time"}, {"title": "怎么开发票", "value": "invoice.get"}]);
    assert_eq!(said[0].body["content_attributes"]["items"], items);
    // The bot hears its own words, and a repeated event: neither is answered.
    assert_eq!(posts(&daemon, &message(2, 88, "agent_bot", "pending", "七天内可以退货。")).await, 200);
    assert_eq!(posts(&daemon, &message(1, 88, "contact", "pending", "怎么退货")).await, 200);
    // An option is pressed: Chatwoot writes it into the message that had them.
    let mut pressed = message(3, 88, "agent_bot", "pending", "七天内可以退货。");
    pressed["event"] = json!("message_updated");
    pressed["content_attributes"] = json!({"submitted_values": [{"title": "退款多久到账", "value": "refund.time"}]});
    assert_eq!(posts(&daemon, &pressed).await, 200);
    assert_eq!(desks.wait(SAID, 2).await[1].body["content"], "退款三天到账。");
    // A person is asked for: words, then a note for people, then the conversation is open.
    assert_eq!(posts(&daemon, &message(4, 88, "contact", "pending", "转人工")).await, 200);
    let said = desks.wait(SAID, 4).await;
    assert_eq!(said[2].body["content"], "已转给同事。");
    assert_eq!(said[3].body["private"], json!(true));
    let note = said[3].body["content"].as_str().unwrap();
    assert!(note.contains("general") && note.contains("顾客要求人工"), "{note}");
    wait_for("the conversation to be open", || async { (desks.status("88") == "open").then_some(()) }).await;
    receiver.wait("/desk", 1).await;
    state_is(&daemon, "queued").await;
    // What Chatwoot tells of that is no news; once somebody has it, it is.
    assert_eq!(posts(&daemon, &changed("conversation_opened", 88, "open", None)).await, 200);
    state_is(&daemon, "queued").await;
    assert_eq!(posts(&daemon, &changed("conversation_status_changed", 88, "open", Some("李客服"))).await, 200);
    state_is(&daemon, "human").await;
    // The person's words stand in our transcript, and are not sent there again; what the customer says now is the person's.
    assert_eq!(posts(&daemon, &message(5, 88, "user", "open", "您好，我来看看")).await, 200);
    assert_eq!(posts(&daemon, &message(6, 88, "contact", "open", "怎么退货")).await, 200);
    let id = list(&daemon).await[0]["id"].as_str().unwrap().to_owned();
    let people = by_people(&daemon, &id).await;
    assert!(people.iter().any(|said| said["text"] == "您好，我来看看"), "{people:#?}");
    // Back to the bot, and then closed.
    desks.set_status("88", "pending");
    assert_eq!(posts(&daemon, &changed("conversation_status_changed", 88, "pending", None)).await, 200);
    state_is(&daemon, "bot").await;
    assert_eq!(posts(&daemon, &message(7, 88, "contact", "pending", "怎么开发票")).await, 200);
    wait_for("the answer", || async {
        desks.calls(SAID).last().filter(|call| call.body["content"] == "在订单页申请发票。").map(|_| ())
    })
    .await;
    desks.set_status("88", "resolved");
    assert_eq!(posts(&daemon, &changed("conversation_resolved", 88, "resolved", None)).await, 200);
    state_is(&daemon, "closed").await;
    wait_for("the goodbye", || async {
        desks.calls(SAID).iter().any(|call| call.body["content"] == "再见！").then_some(())
    })
    .await;
    assert_eq!(desks.status("88"), "resolved", "nothing was turned back");
    let answers: Vec<_> = desks.calls(SAID).iter().map(|call| call.body["content"].clone()).collect();
    assert_eq!(answers.iter().filter(|text| **text == "七天内可以退货。").count(), 1, "{answers:?}");
    assert_eq!(desks.calls("POST /api/v1/accounts/7/conversations/88/toggle_status").len(), 1);
}

#[tokio::test]
async fn what_is_not_a_customers_word_to_the_bot_is_taken_and_left() {
    let (_shop, _receiver, desks, daemon) = start("none").await;
    let mut private = message(1, 88, "contact", "pending", "怎么退货");
    private["private"] = json!(true);
    let mut other = message(2, 88, "contact", "pending", "怎么退货");
    other["account"]["id"] = json!(8);
    let mut numbers = message(5, 89, "contact", "pending", "怎么退货");
    numbers["message_type"] = json!(0);
    for event in [
        private,
        other,
        message(3, 88, "contact", "open", "怎么退货"),
        message(4, 88, "user", "open", "怎么退货"),
        json!({"event": "webwidget_triggered", "id": 1}),
        changed("conversation_opened", 88, "open", Some("李客服")),
    ] {
        assert_eq!(posts(&daemon, &event).await, 200, "{event}");
    }
    assert_eq!(list(&daemon).await, Vec::<Value>::new());
    // Numbers mean what words mean.
    assert_eq!(posts(&daemon, &numbers).await, 200);
    desks.wait("POST /api/v1/accounts/7/conversations/89/messages", 1).await;
    assert_eq!(desks.calls(SAID).len(), 0);
    let mut picture = message(6, 90, "contact", "pending", "");
    picture["content"] = Value::Null;
    picture["attachments"] = json!([{"file_type": "image", "data_url": "https://cdn.example/a.png"}]);
    assert_eq!(posts(&daemon, &picture).await, 200);
    let said = desks.wait("POST /api/v1/accounts/7/conversations/90/messages", 1).await;
    assert_eq!(said[0].body["content"], "图片已转给同事。");
    assert_eq!(posts(&daemon, &json!({"event": "message_created", "id": "x"})).await, 400);
}

#[tokio::test]
async fn only_what_chatwoot_signed_is_taken() {
    let (_shop, _receiver, _desks, daemon) = start("chatwoot").await;
    let now = daemon.now().as_second();
    let body = message(1, 88, "contact", "pending", "怎么退货").to_string();
    let sign = |secret: &str, at: i64, body: &str| {
        let task = json!([{"do": "chatwoot", "secret": secret, "timestamp": at.to_string(), "body": body}]);
        foreign("desks.py", &task)[0].as_str().unwrap().to_owned()
    };
    let good = sign(SECRET, now, &body);
    for path in ["inbound/cw", "desk/people"] {
        let url = format!("http://{}/v1/{path}", daemon.address());
        let send = async |signature: Option<&str>, at: i64, body: &[u8]| {
            let at = at.to_string();
            let mut headers = vec![("x-chatwoot-timestamp", at.as_str())];
            headers.extend(signature.map(|signature| ("x-chatwoot-signature", signature)));
            post(&url, body, &headers).await.status
        };
        assert_eq!(send(Some(&good), now, body.as_bytes()).await, 200, "{path}");
        assert_eq!(send(None, now, body.as_bytes()).await, 401);
        assert_eq!(send(Some(&sign("other", now, &body)), now, body.as_bytes()).await, 401);
        assert_eq!(send(Some(&good), now, body.replace("退", "换").as_bytes()).await, 401, "another body");
        assert_eq!(send(Some(&good), now + 1, body.as_bytes()).await, 401, "another time");
        for at in [now - 301, now + 301] {
            assert_eq!(
                send(Some(&sign(SECRET, at, &body)), at, body.as_bytes()).await,
                401,
                "stale or from the future"
            );
        }
        assert_eq!(send(Some(&good), now, b"\xff\xfe").await, 401);
        assert_eq!(send(Some(&good), now, &vec![b' '; (1 << 20) + 1]).await, 413);
        assert_eq!(post(&url, body.clone(), &[]).await.status, 401);
    }
    // A version that signs nothing has a key in the address.
    for (query, status) in [("?key=k-2", 200), ("?key=k-3", 401), ("", 401), ("?key=", 401)] {
        let url = format!("http://{}/v1/inbound/old{query}", daemon.address());
        assert_eq!(post(&url, body.clone(), &[]).await.status, status, "{query}");
    }
    assert_eq!(post(&format!("http://{}/v1/desk/oncall", daemon.address()), body, &[]).await.status, 404);
}

#[tokio::test]
async fn what_chatwoot_does_not_take_at_once_is_said_later_and_once() {
    let (_shop, _receiver, desks, daemon) = start("none").await;
    desks.moods(&[Mood::Status(500), Mood::Busy(30), Mood::Truncated, Mood::Page, Mood::Status(401)]);
    assert_eq!(posts(&daemon, &message(1, 88, "contact", "pending", "转人工")).await, 200);
    let mut minutes = 0;
    wait_for("an open conversation", || {
        minutes += 1;
        daemon.turn_to(&(daemon.now() + jiff::SignedDuration::from_mins(minutes)).to_string());
        async { (desks.is_well() && desks.status("88") == "open").then_some(()) }
    })
    .await;
    let said = desks.calls(SAID);
    let texts: Vec<_> = said.iter().map(|call| call.body["private"] == true).collect();
    assert_eq!(texts, [false, true], "words, then the note, each once: {said:#?}");
}

#[tokio::test]
async fn a_conversation_that_chatwoot_does_not_know_is_given_up() {
    let (_shop, _receiver, desks, daemon) = start("none").await;
    desks.moods(&[Mood::Status(404)]);
    assert_eq!(posts(&daemon, &message(1, 88, "contact", "pending", "怎么退货")).await, 200);
    wait_for("the answer", || async { desks.is_well().then_some(()) }).await;
    assert_eq!(posts(&daemon, &message(2, 88, "contact", "pending", "怎么开发票")).await, 200);
    assert_eq!(desks.wait(SAID, 1).await[0].body["content"], "在订单页申请发票。", "the next one is not held up");
}

#[tokio::test]
async fn a_hand_off_becomes_a_conversation_in_an_inbox_of_chatwoot_and_its_people_answer_there() {
    let (shop, _receiver, desks, daemon) = start("chatwoot").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("转人工").await;
    let made = desks.wait(INBOX, 3).await;
    let identifier = made[0].body["identifier"].as_str().unwrap().to_owned();
    let hash = foreign("desks.py", &json!([{"do": "identifier", "secret": "hmac-secret", "identifier": identifier}]));
    assert_eq!(made[0].body["identifier_hash"], hash[0]);
    assert_eq!(made[1].body["custom_attributes"]["nightdesk_conversation"], client.conversation());
    assert!(made[2].what.ends_with("/contacts/source-1/conversations/502/messages"), "{}", made[2].what);
    let first = made[2].body["content"].as_str().unwrap();
    for part in ["🤖 nightdesk", "general", "👤 怎么退货", "🤖 七天内可以退货。", "👤 转人工"] {
        assert!(first.contains(part), "{part} in {first}");
    }
    // The customer writes on; after a restart it is still the same conversation.
    client.send(frame("m-x", "订单是 123")).await;
    assert_eq!(desks.wait(INBOX, 4).await[3].body["content"], "订单是 123");
    daemon.stop().await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = client.again(daemon.address()).await;
    client.send(frame("m-y", "在吗")).await;
    let calls = desks.wait(INBOX, 5).await;
    assert!(calls[4].what.ends_with("/contacts/source-1/conversations/502/messages"));
    // An agent answers: twice the same event, one message. Notes, and what we told ourselves, are not for the customer.
    let answer = message(71, 502, "user", "open", "您好，我是小李");
    let mut note = message(72, 502, "user", "open", "这位顾客很急");
    note["private"] = json!(true);
    for event in
        [&answer, &answer, &note, &message(73, 502, "contact", "open", "在吗"), &message(74, 999, "user", "open", "?")]
    {
        assert_eq!(desk_posts(&daemon, event).await, 200);
    }
    state_is(&daemon, "human").await;
    let agents = by_people(&daemon, client.conversation()).await;
    assert_eq!(agents.len(), 1, "{agents:#?}");
    assert_eq!((&agents[0]["text"], &agents[0]["agent"]), (&json!("您好，我是小李"), &json!("李客服")));
    // With a person, everything follows.
    client.send(frame("m-z", "怎么退货")).await;
    assert_eq!(desks.wait(INBOX, 6).await[5].body["content"], "怎么退货");
    assert_eq!(desk_posts(&daemon, &changed("conversation_resolved", 502, "resolved", None)).await, 200);
    state_is(&daemon, "closed").await;
    // A second hand-off of the same customer goes on where the first was.
    client.send(frame("m-again", "转人工")).await;
    let calls = wait_for("the second hand-off", || async {
        let calls = desks.calls(INBOX);
        calls.iter().filter(|call| call.body["content"].as_str().is_some_and(|text| text.starts_with("🤖"))).nth(1)?;
        Some(calls)
    })
    .await;
    assert_eq!(calls.iter().filter(|call| call.what.ends_with("/contacts")).count(), 1, "one contact");
    assert_eq!(calls.iter().filter(|call| call.what.ends_with("/conversations")).count(), 1, "one conversation");
}

#[tokio::test]
async fn what_a_desk_tells_of_our_own_end_does_not_end_the_conversation() {
    let (_shop, _receiver, desks, daemon) = start("chatwoot").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    desks.wait(INBOX, 3).await;
    assert_eq!(agent(daemon.address(), client.conversation(), "return", json!({})).await.status, 200);
    let calls = desks.wait(INBOX, 4).await;
    assert!(calls[3].what.ends_with("/contacts/source-1/conversations/502/toggle_status"), "{}", calls[3].what);
    assert_eq!(desk_posts(&daemon, &changed("conversation_resolved", 502, "resolved", None)).await, 200);
    assert_eq!(list(&daemon).await[0]["state"], "bot");
    // The next hand-off may be ended there again.
    client.say("转人工").await;
    desks.wait(INBOX, 5).await;
    assert_eq!(desk_posts(&daemon, &changed("conversation_resolved", 502, "resolved", None)).await, 200);
    assert_eq!(list(&daemon).await[0]["state"], "closed");
}

#[tokio::test]
async fn an_inbox_that_fails_in_the_middle_gets_one_contact_and_one_conversation() {
    let (_shop, _receiver, desks, daemon) = start("chatwoot").await;
    let (fail, slow) = (Mood::Status(502), Mood::Slow(Duration::from_millis(200)));
    desks.moods(&[fail, Mood::Truncated, Mood::Busy(20), Mood::Page, slow]);
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    let mut minute = 0;
    wait_for("the hand-off", || {
        minute += 1;
        daemon.turn_to(&format!("2026-10-14T10:{:02}:{:02}+08:00", minute / 60 % 60, minute % 60));
        async { (desks.calls(INBOX).len() >= 3).then_some(()) }
    })
    .await;
    let calls = desks.calls(INBOX);
    let paths: Vec<_> = calls.iter().map(|call| call.what.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths[..3], ["contacts", "conversations", "messages"], "{calls:?}");
    // The clock runs fast: on a slow machine the case is escalated before this looks.
    assert!(paths[3..].iter().all(|path| *path == "messages"), "{calls:?}");
    let notes: HashSet<_> = calls[2..].iter().map(|call| call.body["echo_id"].to_string()).collect();
    assert_eq!(notes.len(), calls.len() - 2, "each once: {calls:?}");
}

#[tokio::test]
async fn a_hand_off_becomes_a_ticket_and_what_its_agents_write_comes_back() {
    let (_shop, _receiver, desks, daemon) = start("zendesk").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    desks.moods(&[Mood::Busy(2), Mood::Status(500)]);
    client.say("转人工").await;
    let mut second = 0;
    wait_for("the ticket", || {
        second += 1;
        daemon.turn_to(&format!("2026-10-14T10:00:{:02}+08:00", second % 60));
        async { (!desks.calls("POST /api/v2/tickets.json").is_empty()).then_some(()) }
    })
    .await;
    let ticket = &desks.calls("POST /api/v2/tickets.json")[0];
    assert!(ticket.headers["idempotency-key"].to_str().unwrap().starts_with("evt_"));
    let made = &ticket.body["ticket"];
    assert_eq!((&made["subject"], &made["priority"]), (&json!("转人工"), &json!("normal")));
    assert_eq!(made["external_id"], client.conversation());
    assert_eq!(made["tags"], json!(["nightdesk", "general", "enquiry"]));
    assert_eq!(made["comment"]["public"], json!(false));
    assert!(made["comment"]["body"].as_str().unwrap().contains("👤 怎么退货"));
    assert!(!made["requester"]["name"].as_str().unwrap().is_empty());
    // What the customer writes on is a comment of the customer's.
    client.send(frame("m-x", "订单是 123")).await;
    let changes = desks.wait("PUT /api/v2/tickets/35001.json", 1).await;
    let comment = json!({"body": "订单是 123", "public": true, "author_id": 42});
    assert_eq!(changes[0].body["ticket"]["comment"], comment);
    assert_eq!(changes[0].body["ticket"].get("status"), None);
    // An agent answers; the customer's own comment comes back too, and a repeated request.
    let id = client.conversation().to_owned();
    let event = |what: &str, role: &str, text: &str| json!({"event": what, "ticket_id": "35001", "external_id": id, "comment": text, "author_name": "小陈", "author_role": role});
    let answer = event("comment", "Agent", "您好，我来处理");
    assert_eq!(ticket_says(&daemon, "inv-1", &event("comment", "End-user", "订单是 123")).await, 200);
    let mut own = event("comment", "Agent", "订单是 123");
    own["author_email"] = json!("Bot@shop.example");
    assert_eq!(ticket_says(&daemon, "inv-0", &own).await, 200);
    assert_eq!(ticket_says(&daemon, "inv-2", &answer).await, 200);
    assert_eq!(ticket_says(&daemon, "inv-2", &answer).await, 200);
    let mut foreign_ticket = answer.clone();
    foreign_ticket["external_id"] = json!("c_other");
    assert_eq!(ticket_says(&daemon, "inv-3", &foreign_ticket).await, 200);
    state_is(&daemon, "human").await;
    let agents = by_people(&daemon, client.conversation()).await;
    assert_eq!(agents.len(), 1, "{agents:#?}");
    assert_eq!((&agents[0]["text"], &agents[0]["agent"]), (&json!("您好，我来处理"), &json!("小陈")));
    assert_eq!(ticket_says(&daemon, "inv-4", &event("solved", "Agent", "")).await, 200);
    state_is(&daemon, "closed").await;
    // The next case is in the same ticket. Handed back by us, it is solved, and what Zendesk tells of that ends nothing.
    client.send(frame("m-again", "转人工")).await;
    let again = wait_for("the ticket to be open again", || async {
        desks.calls("PUT /api/v2/tickets/35001.json").pop().filter(|call| call.body["ticket"]["status"] == "open")
    })
    .await;
    assert_eq!(again.body["ticket"]["comment"]["public"], json!(false));
    assert_eq!(agent(daemon.address(), client.conversation(), "return", json!({})).await.status, 200);
    wait_for("a solved ticket", || async {
        desks.calls("PUT /api/v2/tickets/35001.json").pop().filter(|call| call.body["ticket"]["status"] == "solved")
    })
    .await;
    assert_eq!(ticket_says(&daemon, "inv-5", &event("solved", "Agent", "")).await, 200);
    assert_eq!(list(&daemon).await[0]["state"], "bot");
}

#[tokio::test]
async fn a_ticket_that_is_closed_for_good_is_followed_by_another() {
    let (_shop, _receiver, desks, daemon) = start("zendesk").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    desks.wait("POST /api/v2/tickets.json", 1).await;
    desks.close("35001");
    client.send(frame("m-x", "还在吗")).await;
    let tickets = desks.wait("POST /api/v2/tickets.json", 2).await;
    let second = &tickets[1].body["ticket"];
    assert_eq!((&second["subject"], &second["via_followup_source_id"]), (&json!("还在吗"), &json!(35_001)));
    // One that was deleted has no follower, only a successor; and what is ended needs none.
    desks.delete("35002");
    client.send(frame("m-y", "有人吗")).await;
    let tickets = desks.wait("POST /api/v2/tickets.json", 3).await;
    let third = &tickets[2].body["ticket"];
    assert_eq!((&third["subject"], third.get("via_followup_source_id")), (&json!("有人吗"), None));
    client.send(frame("m-z", "在线等")).await;
    assert_eq!(desks.wait("PUT /api/v2/tickets/35003.json", 1).await[0].body["ticket"]["comment"]["body"], "在线等");
    desks.delete("35003");
    assert_eq!(agent(daemon.address(), client.conversation(), "return", json!({})).await.status, 200);
    state_is(&daemon, "bot").await;
    // The next case has a ticket of its own: nothing stands in its way.
    client.send(frame("m-again", "转人工")).await;
    desks.wait("POST /api/v2/tickets.json", 4).await;
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_not_written_again() {
    let (_shop, _receiver, desks, daemon) = start("zendesk").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    desks.wait("POST /api/v2/tickets.json", 1).await;
    // The first is taken and its answer lost, the second not taken at all.
    desks.moods(&[Mood::Lost]);
    client.send(frame("m-x", "订单是 123")).await;
    let put = "PUT /api/v2/tickets/35001.json";
    desks.wait(put, 1).await;
    client.send(frame("m-y", "在吗")).await;
    let mut minute = 0;
    let changes = wait_for("both comments", || {
        minute += 1;
        daemon.turn_to(&format!("2026-10-14T10:{:02}:00+08:00", minute % 60));
        async { Some(desks.calls(put)).filter(|calls| calls.len() >= 2) }
    })
    .await;
    let bodies: Vec<&Value> = changes.iter().map(|call| &call.body["ticket"]["comment"]["body"]).collect();
    assert_eq!(bodies, ["订单是 123", "在吗"]);
    assert_eq!(desks.calls("GET /api/v2/tickets/35001/audits.json").len(), 1, "asked before the repeated attempt only");
    // One that did not arrive is written by the second attempt.
    desks.moods(&[Mood::Status(502)]);
    client.send(frame("m-z", "还在等")).await;
    wait_for("the third comment", || {
        minute += 1;
        daemon.turn_to(&format!("2026-10-14T11:{:02}:00+08:00", minute % 60));
        async { (desks.calls(put).len() >= 3).then_some(()) }
    })
    .await;
    assert_eq!(desks.calls(put)[2].body["ticket"]["comment"]["body"], "还在等");
    assert_eq!(desks.calls("GET /api/v2/tickets/35001/audits.json").len(), 2);
}

/// The customer writes on, and by what follows it is known that the first ticket is on disk.
async fn ticket_is_known(desks: &Desks, client: &mut Client) {
    client.send(frame("m-on", "在吗")).await;
    desks.wait("PUT /api/v2/tickets/35001.json", 1).await;
}

#[tokio::test]
async fn words_that_come_after_the_end_are_said_and_open_nothing() {
    for format in ["chatwoot", "zendesk"] {
        let (_shop, _receiver, desks, daemon) = start(format).await;
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say("转人工").await;
        if format == "chatwoot" {
            desks.wait(INBOX, 3).await;
        } else {
            ticket_is_known(&desks, &mut client).await;
        }
        let says = async |id: i64, text: &str, over: bool| {
            if format == "chatwoot" {
                let status = if over { "resolved" } else { "open" };
                return desk_posts(&daemon, &message(id, 502, "user", status, text)).await;
            }
            let status = if over { "Solved" } else { "Open" };
            let event = json!({"event": "comment", "ticket_id": 35_001, "comment": text, "author_name": "李客服", "author_role": "Agent", "status": status});
            let time = daemon.now().to_string();
            let url = format!("http://{}/v1/desk/people", daemon.address());
            zendesk(&url, &time, &format!("inv-{id}"), &event).await.status
        };
        let ends = async || {
            if format == "chatwoot" {
                return desk_posts(&daemon, &changed("conversation_resolved", 502, "resolved", None)).await;
            }
            let event = json!({"event": "solved", "ticket_id": 35_001});
            ticket_says(&daemon, "inv-end", &event).await
        };
        let conversation = client.conversation().to_owned();
        let words = async || {
            let said = by_people(&daemon, &conversation).await;
            said.iter().map(|data| data["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let state = async || list(&daemon).await[0]["state"].clone();
        assert_eq!(says(1, "您好", false).await, 200);
        assert_eq!(ends().await, 200);
        assert_eq!(state().await, "closed", "{format}");
        // Written before the end and told after it, as the desk then knew it; and the same again.
        for _ in 0..2 {
            assert_eq!(says(2, "已经为您办好了", false).await, 200);
        }
        assert_eq!(
            (state().await, words().await),
            (json!("closed"), vec!["您好".to_owned(), "已经为您办好了".to_owned()])
        );
        // Long after it, in a conversation that is still ended there.
        daemon.turn_to("2026-10-14T12:00:00+08:00");
        assert_eq!(says(3, "补充一句", true).await, 200);
        let said = words().await;
        assert_eq!(said.last().map(String::as_str), Some("补充一句"), "{format}");
        let closed = if format == "zendesk" { ends().await } else { 200 };
        assert_eq!((closed, state().await), (200, json!("closed")), "{format}");
        // In one that they have opened again there.
        assert_eq!(says(4, "我再看看", false).await, 200);
        assert_eq!(state().await, "human", "{format}");
        assert_eq!(words().await.len(), 4, "{format}");
        // They end it a second time, the customer goes on with the bot, and a word from before is late: the bot keeps the customer.
        assert_eq!((ends().await, state().await), (200, json!("closed")), "{format}");
        client.quiet().await;
        client.say("怎么退货").await;
        assert_eq!(state().await, "bot", "{format}");
        assert_eq!((says(5, "再见", false).await, state().await), (200, json!("bot")), "{format}");
        assert_eq!((ends().await, state().await), (200, json!("bot")), "{format}: what it has with the bot goes on");
        assert_eq!(words().await.len(), 5, "{format}");
    }
}

#[tokio::test]
async fn a_conversation_that_was_deleted_in_chatwoot_is_opened_anew_once() {
    let (shop, _receiver, desks, daemon) = start("chatwoot").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("转人工").await;
    desks.wait(INBOX, 3).await;
    desks.delete("502");
    client.send(frame("m-x", "订单是 123")).await;
    let told = wait_for("the new conversation", || async {
        desks.calls(&format!("{INBOX}/source-3/conversations/504/messages")).pop()
    })
    .await;
    // Whoever opens it must see all that led to it.
    let text = told.body["content"].as_str().unwrap();
    for part in ["🤖 nightdesk", "👤 怎么退货", "👤 转人工", "👤 订单是 123"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    client.send(frame("m-y", "在吗")).await;
    wait_for("the next message", || async {
        desks.calls(&format!("{INBOX}/source-3/conversations/504/messages")).get(1).cloned()
    })
    .await;
    assert_eq!(desk_posts(&daemon, &message(71, 502, "user", "open", "旧会话")).await, 200);
    assert_eq!(by_people(&daemon, client.conversation()).await, Vec::<Value>::new(), "the old one is nobody's");
    assert_eq!(desk_posts(&daemon, &message(72, 504, "user", "open", "您好")).await, 200);
    assert_eq!(by_people(&daemon, client.conversation()).await.len(), 1);
    // Another inbox under the same name: its numbers are not those of the old one.
    daemon.stop().await;
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("inbox: inbox-1", "inbox: inbox-2"));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(desk_posts(&daemon, &message(73, 504, "user", "open", "别人的话")).await, 200);
    assert_eq!(by_people(&daemon, client.conversation()).await.len(), 1);
    // An inbox that is not there gets a dead letter, and no end of attempts.
    let mut client = client.again(daemon.address()).await;
    client.send(frame("m-z", "还在吗")).await;
    wait_for("a dead letter", || async {
        let url = format!("http://{}/v1/deliveries?state=dead", daemon.address());
        let text = http().get(url).send().await.unwrap().text().await.unwrap();
        text.contains("knows no such inbox").then_some(())
    })
    .await;
}

#[tokio::test]
async fn files_and_long_words_of_agents_reach_the_customer() {
    let (_shop, _receiver, desks, daemon) = start("chatwoot").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    desks.wait(INBOX, 3).await;
    let mut files = message(71, 502, "user", "open", "请看");
    files["attachments"] = json!([
        {"file_type": "image", "data_url": "https://chat.example/rails/a.png"}, {"file_type": "file", "data_url": null},
    ]);
    let mut alone = message(72, 502, "user", "open", "");
    alone["content"] = Value::Null;
    alone["attachments"] = json!([{"file_type": "file", "data_url": "https://chat.example/rails/b.pdf"}]);
    let long = "一二三四五六七八九十".repeat(1_700);
    let long = message(73, 502, "user", "open", &long);
    for event in [&files, &alone, &long, &long] {
        assert_eq!(desk_posts(&daemon, event).await, 200);
    }
    let said = by_people(&daemon, client.conversation()).await;
    let texts: Vec<&str> = said.iter().map(|data| data["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 5, "three pieces, once");
    assert_eq!(texts[0], "请看\nhttps://chat.example/rails/a.png\n[文件未能送达 a file that could not be sent]");
    assert_eq!(texts[1], "https://chat.example/rails/b.pdf");
    assert_eq!(texts[2..].concat(), "一二三四五六七八九十".repeat(1_700));
    let (_shop, _receiver, desks, daemon) = start("zendesk").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    ticket_is_known(&desks, &mut client).await;
    // A comment that solves says so by its trigger, whatever the language of the account.
    let event = json!({"event": "answered", "ticket_id": 35_001, "comment": "办好了", "author_name": "小陈", "author_role": "Agent", "status": "已解决", "files": " https://shop.example/token/1/?name=a.png  https://shop.example/token/2/?name=b.pdf "});
    assert_eq!(ticket_says(&daemon, "inv-1", &event).await, 200);
    let said = by_people(&daemon, client.conversation()).await;
    let wanted = "办好了\nhttps://shop.example/token/1/?name=a.png\nhttps://shop.example/token/2/?name=b.pdf";
    assert_eq!((said.len(), said[0]["text"].as_str()), (1, Some(wanted)));
    assert_eq!(list(&daemon).await[0]["state"], "closed");
}

#[tokio::test]
async fn only_what_zendesk_signed_is_taken() {
    let (_shop, _receiver, desks, daemon) = start("zendesk").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    desks.wait("POST /api/v2/tickets.json", 1).await;
    let url = format!("http://{}/v1/desk/people", daemon.address());
    let body = json!({"event": "comment", "ticket_id": 35_001, "comment": "您好", "author_role": "Agent"}).to_string();
    let sign = |secret: &str, at: &str| {
        let task = json!([{"do": "zendesk", "secret": secret, "timestamp": at, "body": body}]);
        foreign("desks.py", &task)[0].as_str().unwrap().to_owned()
    };
    let send = async |signature: &str, at: &str, body: &[u8]| {
        let headers = [("x-zendesk-webhook-signature", signature), ("x-zendesk-webhook-signature-timestamp", at)];
        post(&url, body, &headers).await.status
    };
    let good = sign(SECRET, UTC);
    assert_eq!(send(&sign("other", UTC), UTC, body.as_bytes()).await, 401);
    assert_eq!(send(&good, UTC, body.replace("您", "你").as_bytes()).await, 401);
    assert_eq!(send(&good, "2026-10-14T02:00:01Z", body.as_bytes()).await, 401);
    for at in ["2026-10-14T01:54:59Z", "2026-10-14T02:05:01Z"] {
        assert_eq!(send(&sign(SECRET, at), at, body.as_bytes()).await, 401, "stale or from the future");
    }
    assert_eq!(send(&good, "yesterday", body.as_bytes()).await, 401);
    assert_eq!(send(&good, UTC, b"\xff\xfe").await, 401);
    assert_eq!(send(&good, UTC, &vec![b' '; (1 << 20) + 1]).await, 413);
    assert_eq!(post(&url, body.clone(), &[("x-zendesk-webhook-signature", &good)]).await.status, 401);
    assert_eq!(post(&url, body.clone(), &[]).await.status, 401);
    assert_eq!(by_people(&daemon, client.conversation()).await, Vec::<Value>::new());
    assert_eq!(send(&good, UTC, body.as_bytes()).await, 200);
    state_is(&daemon, "human").await;
    // The same request under another id, which is not signed, is the same request.
    let renamed = [
        ("x-zendesk-webhook-signature", good.as_str()),
        ("x-zendesk-webhook-signature-timestamp", UTC),
        ("x-zendesk-webhook-invocation-id", "another"),
    ];
    assert_eq!(post(&url, body.clone(), &renamed).await.status, 200);
    assert_eq!(by_people(&daemon, client.conversation()).await.len(), 1);
}

#[tokio::test]
async fn a_command_asks_each_desk_who_we_are_to_it() {
    let (shop, _receiver, _desks, daemon) = start("chatwoot").await;
    daemon.stop().await;
    let run = move |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        let output = command.arg("--dir").arg(shop.dir()).args(["channel", "test", name]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let asked = move || [run("people"), run("cw")];
    let [people, bot] = tokio::task::spawn_blocking(asked).await.unwrap();
    assert!(people.0 == Some(0) && people.1.contains("the inbox 夜灯"), "{people:?}");
    assert!(bot.0 == Some(0) && bot.1.contains("a bot of account 7"), "{bot:?}");
    let (shop, _receiver, desks, daemon) = start("zendesk").await;
    daemon.stop().await;
    let wrong = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let run = move || {
        let ask = || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
            let output = command.arg("--dir").arg(shop.dir()).args(["channel", "test", "people"]).output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let good = ask();
        shop.write("nightdesk.yaml", &wrong.replace(TOKEN, "another"));
        (good, ask())
    };
    let (good, wrong) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(good.0 == Some(0) && good.1.contains("夜灯机器人"), "{good:?}");
    assert!(wrong.0 == Some(1) && wrong.1.contains("email and token are not accepted"), "{wrong:?}");
    assert!(desks.calls("POST").is_empty());
}

#[tokio::test]
async fn versions_that_let_bots_read_nothing_and_tell_them_little() {
    let (_shop, _receiver, desks, daemon) = start("none").await;
    desks.bots_read_nothing();
    assert_eq!(posts(&daemon, &message(1, 88, "contact", "pending", "转人工")).await, 200);
    wait_for("the conversation to be open", || async { (desks.status("88") == "open").then_some(()) }).await;
    assert!(desks.calls(SAID).iter().any(|call| call.body["private"] == true), "people have the note");
    assert_eq!(posts(&daemon, &message(2, 88, "user", "open", "您好，我来看看")).await, 200);
    assert_eq!(posts(&daemon, &changed("conversation_status_changed", 88, "open", Some("李客服"))).await, 200);
    state_is(&daemon, "human").await;
    // Nobody tells that the bot has it again, but the customer's next message shows it.
    desks.set_status("88", "pending");
    assert_eq!(posts(&daemon, &message(3, 88, "contact", "pending", "怎么开发票")).await, 200);
    wait_for("the answer", || async {
        desks.calls(SAID).last().filter(|call| call.body["content"] == "在订单页申请发票。").map(|_| ())
    })
    .await;
}
