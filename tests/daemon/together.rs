//! Several messages in a row that are one question. The wait is as long as it may be, and the next message ends it; so what is
//! shown here hangs on order and content, not on how fast the machine is.

use serde_json::{Value, json};

use crate::common::api::{self, agent, forward, forwarded, get, transcript};
use crate::common::client::{Client, Turn, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const RETURNS: &str = "七天内可以退货。";
const SHOES: &str = "鞋子试穿过也可以退。";
/// What nothing answers.
const ELEPHANTS: &str = "紫色大象飞过了第三座桥";
const LONG: &str = "limits: {wait_for_more: 3s}";
const SHORT: &str = "limits: {wait_for_more: 10ms}";

const RULES: &str = "rules:
  - id: shoes.return
    when: {phrase: [[鞋, 怎么退]]}
    reply: 鞋子试穿过也可以退。
  - id: thanks
    when: {phrase: [谢谢]}
    smalltalk: true
    reply: 不客气。
";

async fn open_shop(limits: &str) -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, limits);
    shop.write("rules/pieces.yaml", RULES);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

fn kinds(turn: &Turn) -> Vec<&str> {
    turn.frames.iter().map(|frame| str_at(frame, "/type")).collect()
}

/// Sends a message that must wait.
async fn hold(client: &mut Client, id: &str, text: &str) {
    let turn = client.turn(message(id, text)).await;
    assert_eq!(turn.frames, [json!({"type": "held", "re": id})]);
}

/// Role and text of every message of a transcript, and the state of every change.
async fn told(daemon: &Daemon, conversation: &str) -> Vec<String> {
    let events = transcript(daemon.address(), conversation).await;
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    let line = |data: &Value| match data.get("text") {
        Some(text) => format!("{}: {}", str_at(data, "/role"), text.as_str().unwrap()),
        None => str_at(data, "/state").to_owned(),
    };
    events.iter().map(|event| line(&event["data"])).collect()
}

#[tokio::test]
async fn pieces_of_one_question_are_answered_together_and_once() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let mut tab = client.again(daemon.address()).await;
    hold(&mut client, "m-1", "我买的鞋").await;
    // The socket goes on, and nobody is told of what is not on disk.
    assert!(client.turn(json!({"type": "typing"})).await.frames.is_empty());
    let history = client.turn(json!({"type": "history", "id": "h"})).await;
    assert_eq!(history.only("history")["data"]["messages"], json!([]));
    assert!(tab.quiet().await.frames.is_empty());

    let turn = client.turn(message("m-2", "怎么退")).await;
    assert_eq!(kinds(&turn), ["ack", "ack", "message"], "{:#?}", turn.frames);
    let (first, second, answer) = (&turn.frames[0], &turn.frames[1], &turn.frames[2]);
    assert_eq!((&first["re"], &first["seq"], &first["data"]["dup"]), (&json!("m-1"), &json!(1), &json!(false)));
    assert_eq!((&second["re"], &second["seq"]), (&json!("m-2"), &json!(2)));
    assert_eq!(
        (&answer["data"]["rule"], &answer["data"]["reply_to"]),
        (&json!("shoes.return"), &second["data"]["message"])
    );
    assert_eq!(tab.quiet().await.texts(), ["我买的鞋", "怎么退", SHOES]);
    assert_eq!(
        told(&daemon, client.conversation()).await,
        ["visitor: 我买的鞋", "visitor: 怎么退", &format!("bot: {SHOES}")]
    );

    // The words that were answered are not answered again.
    assert_eq!(client.turn(message("m-3", "怎么退货")).await.texts(), [RETURNS]);
    assert!(receiver.hits().is_empty());
}

#[tokio::test]
async fn what_the_next_message_asks_by_itself_is_answered_by_itself() {
    let (_shop, _receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    hold(&mut client, "m-1", ELEPHANTS).await;
    let turn = client.turn(message("m-2", "怎么退货")).await;
    assert_eq!((kinds(&turn), turn.texts()), (vec!["ack", "ack", "message"], vec![RETURNS]));
}

#[tokio::test]
async fn when_nothing_follows_a_person_takes_it_as_ever() {
    let (_shop, receiver, daemon) = open_shop(SHORT).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let turn = client.say(ELEPHANTS).await;
    assert_eq!(kinds(&turn), ["held", "ack", "message", "state"]);
    assert_eq!(turn.texts(), ["已转给同事。"]);
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(
        (&case["data"]["message"]["text"], &case["data"]["handoff"]["reason"]),
        (&json!(ELEPHANTS), &json!("no_match"))
    );
    // In the queue nothing waits any more.
    assert_eq!(kinds(&client.say("又来了").await), ["ack"]);
    assert_eq!(receiver.wait("/desk", 2).await[1].json()["data"]["message"]["text"], "又来了");
}

#[tokio::test]
async fn a_person_sees_all_pieces_in_order() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    // Thanks are no answer to what was asked before, nor is a lone sign.
    for (id, text) in [("m-1", "紫色"), ("m-2", "大象"), ("m-3", "谢谢"), ("m-4", "？？")] {
        client.send(message(id, text)).await;
    }
    let turn = client.until_ack("m-4").await;
    let acks: Vec<&str> =
        turn.frames.iter().filter(|frame| frame["type"] == "ack").map(|frame| str_at(frame, "/re")).collect();
    assert_eq!(acks, ["m-1", "m-2", "m-3", "m-4"]);
    assert_eq!(client.quiet().await.texts(), ["已转给同事。"]);
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(case["data"]["message"]["text"], "紫色\n大象\n谢谢\n？？");
    let lines: Vec<&str> =
        case["data"]["transcript"].as_array().unwrap().iter().map(|line| str_at(line, "/text")).collect();
    assert_eq!(lines, ["紫色", "大象", "谢谢", "？？", "已转给同事。"]);
    assert_eq!(receiver.hits().len(), 1);
}

#[tokio::test]
async fn what_is_known_or_wished_for_never_waits() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    for (what, frame) in [
        ("an answer", message("m-1", "怎么退货")),
        ("small talk", message("m-1", "谢谢")),
        ("an emergency", message("m-1", "我的卡被盗刷")),
        ("a wish for a person", message("m-1", "转人工")),
        ("nothing", message("m-1", " ")),
        ("a long one", message("m-1", &"长".repeat(2001))),
        ("a picture", json!({"type": "message", "id": "m-1", "data": {"kind": "image", "text": ""}})),
        ("the button", json!({"type": "handoff", "id": "m-1"})),
    ] {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        let turn = client.turn(frame.clone()).await;
        assert_eq!(kinds(&turn)[..2], ["ack", "message"], "{what}: {:#?}", turn.frames);
        // Nor behind a message that waits.
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        hold(&mut client, "m-0", ELEPHANTS).await;
        let turn = client.turn(frame).await;
        // But thanks and signs alone are no answer to it.
        let waits = ["small talk", "nothing"].contains(&what);
        let expected: &[&str] = if waits { &["held", "ack"] } else { &["ack", "ack", "message"] };
        assert_eq!(kinds(&turn)[..expected.len()], *expected, "{what}: {:#?}", turn.frames);
    }
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    hold(&mut client, "m-0", ELEPHANTS).await;
    let turn = client.turn(json!({"type": "select", "id": "s-1", "data": {"option": "refund.time"}})).await;
    assert_eq!((kinds(&turn), turn.texts()), (vec!["ack", "ack", "message"], vec!["退款三天到账。"]));
    // The wish for a person came with what was said before it.
    let cases: Vec<Value> = receiver.wait("/desk", 4).await.iter().map(Hit::json).collect();
    let wished = format!("{ELEPHANTS}\n转人工");
    assert!(
        cases
            .iter()
            .any(|case| case["data"]["message"]["text"] == wished && case["data"]["handoff"]["reason"] == "asked"),
        "{cases:#?}"
    );
}

#[tokio::test]
async fn a_repeated_id_gets_the_answer_of_the_first_and_happens_once() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    hold(&mut client, "m-1", "我买的鞋").await;
    // In doubt it is sent again, on this socket and by another.
    hold(&mut client, "m-1", "我买的鞋").await;
    let mut tab = client.again(daemon.address()).await;
    hold(&mut tab, "m-1", "我买的鞋").await;
    client.send(message("m-2", "怎么退")).await;
    let turn = client.until_ack("m-2").await;
    // The repeated one may be acknowledged before or after what follows; the others are in order.
    let mut frames = turn.frames;
    while frames.iter().filter(|frame| frame["re"] == "m-1").count() < 2 {
        frames.push(client.next().await);
    }
    frames.extend(client.quiet().await.frames);
    let acks: Vec<&Value> = frames.iter().filter(|frame| frame["re"] == "m-1").collect();
    let firsts = frames.iter().filter(|frame| frame["data"]["dup"] != true).map(|frame| str_at(frame, "/type"));
    assert_eq!(firsts.collect::<Vec<_>>(), ["ack", "ack", "message"], "{frames:#?}");
    let same = |ack: &Value| (ack["seq"].clone(), ack["data"]["message"].clone());
    assert_eq!(same(acks[0]), same(acks[1]));
    assert_eq!((&acks[0]["data"]["dup"], &acks[1]["data"]["dup"]), (&json!(false), &json!(true)));
    let repeated = tab.until_ack("m-1").await;
    assert_eq!((same(repeated.only("ack")), &repeated.only("ack")["data"]["dup"]), (same(acks[0]), &json!(true)));
    assert_eq!(told(&daemon, client.conversation()).await.len(), 3);
    assert!(receiver.hits().is_empty());
}

/// Posts a message and waits until it is held; the answer comes when the task ends.
async fn held_at_the_platform(
    daemon: &Daemon,
    id: &str,
    text: &str,
    held: u32,
) -> tokio::task::JoinHandle<api::Answered> {
    let (address, seconds, body) = (daemon.address(), daemon.now().as_second(), forwarded(id, "anna", text));
    let task = tokio::spawn(async move { forward(address, CRM_SECRET, seconds, &body).await });
    let figure = format!("\nnightdesk_messages_held {held}\n");
    wait_for("the message to wait", || async {
        let text = api::http().get(format!("http://{address}/metrics")).send().await.ok()?.text().await.ok()?;
        text.contains(&figure).then_some(())
    })
    .await;
    task
}

#[tokio::test]
async fn a_platform_is_answered_with_the_last_piece() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    let first = held_at_the_platform(&daemon, "p-1", "我买的鞋", 1).await;
    let body = forwarded("p-1", "anna", "我买的鞋");
    let second =
        forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &forwarded("p-2", "anna", "怎么退")).await;
    assert_eq!((second.status, &second.json["messages"][0]["text"]), (200, &json!(SHOES)));
    assert_eq!(second.json["decision"]["rule"], "shoes.return");
    let first = first.await.unwrap();
    assert_eq!((first.status, &first.json["messages"], &first.json["state"]), (200, &json!([]), &json!("bot")));
    let decision = &first.json["decision"];
    assert_eq!((&decision["outcome"], &decision["reason"]), (&json!("silent"), &json!("continued")));
    let mut again = forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
    assert_eq!(again.json["duplicate"], true);
    again.json["duplicate"] = json!(false);
    assert_eq!(again, first);
    assert!(receiver.hits().is_empty());

    // What a colleague writes at the platform completes nothing: the message before it goes to people first.
    let third = held_at_the_platform(&daemon, "p-3", ELEPHANTS, 1).await;
    let mut colleague = forwarded("p-4", "anna", "您好，我是小林");
    colleague["data"]["role"] = json!("agent");
    let fourth = forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &colleague).await;
    assert_eq!(fourth.json["decision"]["reason"], "automatic_sender");
    let third = third.await.unwrap();
    assert_eq!((&third.json["state"], &third.json["handoff"]["reason"]), (&json!("queued"), &json!("no_match")));
    assert_eq!(third.json["handoff"], fourth.json["handoff"]);
}

#[tokio::test]
async fn a_burst_keeps_its_order_and_numbers() {
    let (_shop, _receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let burst = ["我买的鞋", "怎么退", ELEPHANTS, "怎么退货", "紫色", "大象", "谢谢", "怎么退货"];
    for n in 0..24 {
        client.send(message(&format!("b-{n}"), burst[n % burst.len()])).await;
    }
    let mut frames = client.until_ack("b-23").await.frames;
    frames.extend(client.quiet().await.frames);
    frames.retain(|frame| frame["type"] != "held");
    let numbers: Vec<u64> = frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=24 + 9).collect::<Vec<_>>(), "24 messages and 3 answers for each 8: {frames:#?}");
    let acks = frames.iter().filter(|frame| frame["type"] == "ack").map(|frame| str_at(frame, "/re").to_owned());
    assert_eq!(acks.collect::<Vec<_>>(), (0..24).map(|n| format!("b-{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_person_does_comes_after_what_the_customer_wrote() {
    let (_shop, receiver, daemon) = open_shop(LONG).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    hold(&mut client, "m-1", ELEPHANTS).await;
    let taken = agent(daemon.address(), client.conversation(), "messages", json!({"text": "我看一下"})).await;
    assert_eq!((taken.status, &taken.json["state"]), (200, &json!("human")));
    let turn = client.quiet().await;
    assert_eq!(kinds(&turn), ["ack", "message", "state", "state", "message"], "{:#?}", turn.frames);
    assert_eq!(turn.texts(), ["已转给同事。", "我看一下"]);
    let elephants = format!("visitor: {ELEPHANTS}");
    assert_eq!(
        told(&daemon, client.conversation()).await[2..],
        [elephants.as_str(), "bot: 已转给同事。", "queued", "human", "human: 我看一下"]
    );
    assert_eq!(receiver.wait("/desk", 1).await[0].json()["data"]["message"]["text"], ELEPHANTS);

    // A customer who ends the talk has been heard all the same.
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    hold(&mut client, "m-1", ELEPHANTS).await;
    let turn = client.turn(json!({"type": "close", "id": "c-1"})).await;
    let acks: Vec<&str> =
        turn.frames.iter().filter(|frame| frame["type"] == "ack").map(|frame| str_at(frame, "/re")).collect();
    assert_eq!(
        (acks, turn.frames.last().map(|frame| &frame["data"]["state"])),
        (vec!["m-1", "c-1"], Some(&json!("closed")))
    );
    let kinds: Vec<String> = receiver.wait("/desk", 3).await[1..].iter().map(Hit::kind).collect();
    assert_eq!(kinds, ["handoff.created", "conversation.closed"]);
}

#[tokio::test]
async fn a_customer_who_leaves_is_heard_and_a_stop_waits_for_nobody() {
    let (shop, receiver, daemon) = open_shop(LONG).await;
    let mut gone = Client::new(daemon.address(), "zh-CN").await;
    hold(&mut gone, "m-1", "走了的大象").await;
    gone.ws.close(None).await.unwrap();
    drop(gone);
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    hold(&mut client, "m-1", ELEPHANTS).await;
    let id = client.conversation().to_owned();
    daemon.stop().await;
    // The client knows that it is on disk before it is told to come back later.
    let turn = client.until_ack("m-1").await;
    assert_eq!(turn.only("ack")["seq"], 1);
    assert_eq!(client.close_code().await, 1001);

    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(told(&daemon, &id).await, [format!("visitor: {ELEPHANTS}").as_str(), "bot: 已转给同事。", "queued"]);
    let cases = receiver.wait("/desk", 2).await;
    let mut said: Vec<String> =
        cases.iter().map(|case| str_at(&case.json(), "/data/message/text").to_owned()).collect();
    said.sort();
    assert_eq!(said, [ELEPHANTS, "走了的大象"]);
    let shown = get(&format!("http://{}/v1/conversations/{id}", daemon.address())).await;
    assert_eq!(shown.json["state"], "queued");
}
