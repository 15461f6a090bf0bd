//! `kill -9`, again and again, while customers write and the human queue's webhook fails half of the time.
//!
//! Afterwards everything that was acknowledged must be true: it is in the transcript, once; whoever had to hear of it heard of
//! it, in order; nobody was answered twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{EventRow, Store};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::common::client::{Client, message};
use crate::common::daemon::Process;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{api, str_at, wait_for};

const KILLS: usize = 12;
const CUSTOMERS: u64 = 4;
const PLATFORM_CUSTOMERS: u64 = 2;
/// The failing receiver takes what failed so often at the latest, so that no delivery is ever given up.
const MOST_FAILURES: usize = 10;

/// Random numbers that can be had again (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// A message that was acknowledged.
#[derive(Debug)]
struct Said {
    /// The customer's own id of it.
    id: String,
    /// The daemon's.
    message: String,
    needs_person: bool,
}

/// What one customer has been told.
#[derive(Debug, Default)]
struct Told {
    conversation: String,
    said: Vec<Said>,
    /// Message id, or the state, of every event that the customer saw, by `seq`.
    saw: BTreeMap<u64, String>,
}

impl Told {
    fn note(&mut self, seq: u64, what: &str) {
        let before = self.saw.insert(seq, what.to_owned());
        assert!(
            before.is_none_or(|before| before == what),
            "number {seq} of {} was said to be two things",
            self.conversation
        );
    }
}

/// The next message: a question that the bot answers, or one for people.
fn next(n: u64, turn: usize, dice: &mut Dice) -> (String, &'static str, bool) {
    let needs_person = dice.roll(2) == 0;
    (format!("k-{n}-{turn}"), if needs_person { "我要转人工" } else { "怎么退货" }, needs_person)
}

/// A customer at the socket, who comes back after every kill and sends again what was not acknowledged.
async fn customer(n: u64, seed: u64, address: watch::Receiver<SocketAddr>, stop: watch::Receiver<bool>) -> Told {
    let mut dice = Dice(seed ^ (n + 1));
    let mut told = Told::default();
    let mut hello = json!({"locale": "zh-CN"});
    let mut pending = None;
    loop {
        let here = *address.borrow();
        let Ok(mut client) = Client::try_hello(here, hello.clone()).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let last = told.saw.last_key_value().map_or(0, |(seq, _)| *seq);
        hello = client.resume(last);
        assert!(told.conversation.is_empty() || told.conversation == client.conversation(), "another conversation");
        told.conversation = client.conversation().to_owned();
        loop {
            if pending.is_none() && *stop.borrow() {
                return told;
            }
            let (id, text, needs_person) = pending.get_or_insert_with(|| next(n, told.said.len(), &mut dice)).clone();
            let Ok(ack) = say(&mut client, &mut told, &id, text).await else { break };
            pending = None;
            let message = str_at(&ack, "/data/message").to_owned();
            told.said.push(Said { id: id.clone(), message: message.clone(), needs_person });
            if dice.roll(8) == 0 {
                // In doubt, a client says it again.
                let Ok(again) = say(&mut client, &mut told, &id, text).await else { break };
                assert_eq!((str_at(&again, "/data/message"), &again["seq"]), (message.as_str(), &ack["seq"]));
                assert_eq!(again["data"]["dup"], true);
            }
            sleep(Duration::from_millis(dice.roll(30))).await;
        }
    }
}

/// Sends a message, notes everything that is heard, and returns its `ack`; an error when the daemon is gone.
async fn say(client: &mut Client, told: &mut Told, id: &str, text: &str) -> Result<Value, String> {
    client.try_send(message(id, text)).await?;
    loop {
        let frame = client.try_next().await?;
        match frame["type"].as_str() {
            Some("ack") if frame["re"] == id => {
                told.note(frame["seq"].as_u64().unwrap(), str_at(&frame, "/data/message"));
                return Ok(frame);
            }
            Some("message") => told.note(frame["seq"].as_u64().unwrap(), str_at(&frame, "/data/message")),
            Some("state") => told.note(frame["seq"].as_u64().unwrap(), str_at(&frame, "/data/state")),
            // Somebody before this one was taken; it is not kept.
            Some("position") => {}
            _ => panic!("unexpected: {frame:#}"),
        }
    }
}

/// A customer of a platform, which posts each message until it is taken, and sometimes once more.
async fn platform(n: u64, seed: u64, address: watch::Receiver<SocketAddr>, stop: watch::Receiver<bool>) -> Told {
    let mut dice = Dice(seed ^ (n + 101));
    let mut told = Told::default();
    while !*stop.borrow() {
        let (id, text, needs_person) = next(n, told.said.len(), &mut dice);
        let body = api::forwarded(&id, &format!("platform-{n}"), text);
        let taken = post_until_taken(&address, &body).await;
        told.conversation = str_at(&taken, "/conversation").to_owned();
        // The id of our message stands in the ids of its answers, and in the case.
        told.said.push(Said { id, message: String::new(), needs_person });
        if !needs_person {
            assert_eq!(taken["messages"].as_array().unwrap().len(), 1, "{taken:#}");
        }
        if dice.roll(4) == 0 {
            let mut again = post_until_taken(&address, &body).await;
            assert_eq!(again["duplicate"], true);
            again["duplicate"] = taken["duplicate"].clone();
            assert_eq!(again, taken, "the same answer");
        }
        sleep(Duration::from_millis(dice.roll(40))).await;
    }
    told
}

async fn post_until_taken(address: &watch::Receiver<SocketAddr>, body: &Value) -> Value {
    loop {
        let here = *address.borrow();
        match api::try_forward(here, CRM_SECRET, Timestamp::now().as_second(), body).await {
            Some(answer) if answer.status == 200 => return answer.json,
            Some(answer) => panic!("refused: {answer:?}"),
            None => sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kill_nine_in_a_loop_loses_and_repeats_nothing() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("NIGHTDESK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    println!("NIGHTDESK_SEED={seed}");
    let mut dice = Dice(seed);

    let failures = Mutex::new(Dice(seed ^ 0xfa11));
    let receiver = Receiver::misbehaving(move |_, before| {
        let mut dice = failures.lock().unwrap();
        let delay = Duration::from_millis(dice.roll(20));
        let status = if dice.roll(2) == 0 && before < MOST_FAILURES {
            [500, 503, 429, 302][usize::try_from(dice.roll(4)).unwrap()]
        } else {
            200
        };
        (status, delay)
    })
    .await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    let mut daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let (addresses, address) = watch::channel(daemon.address);
    let (end, ended) = watch::channel(false);
    let customers: Vec<_> =
        (0..CUSTOMERS).map(|n| tokio::spawn(customer(n, seed, address.clone(), ended.clone()))).collect();
    let platforms: Vec<_> =
        (0..PLATFORM_CUSTOMERS).map(|n| tokio::spawn(platform(n, seed, address.clone(), ended.clone()))).collect();

    for round in 0..KILLS {
        let life = Duration::from_millis(200 + dice.roll(900));
        sleep(life).await;
        daemon = tokio::task::block_in_place(|| {
            daemon.kill();
            Process::start(&shop)
        });
        println!("kill {round} after {life:?}; now at {}", daemon.address);
        addresses.send_replace(daemon.address);
    }
    end.send_replace(true);
    let mut at_socket = Vec::new();
    for task in customers {
        at_socket.push(timeout(crate::common::PATIENCE * 2, task).await.expect("an end of the talk").unwrap());
    }
    let mut at_platform = Vec::new();
    for task in platforms {
        at_platform.push(timeout(crate::common::PATIENCE * 2, task).await.expect("an end of the talk").unwrap());
    }

    // Everybody who needs a person is heard of; then the daemon stops in peace.
    let wanted: usize =
        at_socket.iter().chain(&at_platform).flat_map(|told| &told.said).filter(|said| said.needs_person).count();
    let mut taken = 0;
    while taken < wanted {
        taken = wait_for(&format!("one more than {taken} of {wanted} cases at the receiver"), || async {
            let hits = receiver.hits();
            let ids: BTreeSet<&str> = hits.iter().filter(|hit| hit.answered == 200).map(Hit::id).collect();
            (ids.len() > taken).then_some(ids.len())
        })
        .await;
    }
    assert_eq!(tokio::task::block_in_place(|| daemon.terminate()), Some(0));

    let store = SqliteStore::open(&shop.data()).unwrap();
    let hits = receiver.hits();
    for told in &at_socket {
        let events = store.events_after(&told.conversation, 0, 100_000).await.unwrap();
        let said: HashMap<&str, &Said> = told.said.iter().map(|said| (said.message.as_str(), said)).collect();
        assert_eq!(said.len(), told.said.len(), "every message has an id of its own");
        let needing = |message: &str| said.get(message).is_some_and(|said| said.needs_person);
        transcript_holds(told, &events, needing);
        receiver_heard(&told.conversation, &events, &hits, needing);
    }
    for told in &at_platform {
        let events = store.events_after(&told.conversation, 0, 100_000).await.unwrap();
        // One after the other: the nth message of the transcript is the nth that was sent.
        let visitor: Vec<String> = messages(&events, "visitor").into_iter().map(|(_, id, _)| id).collect();
        let needing =
            |message: &str| visitor.iter().position(|id| id == message).is_some_and(|n| told.said[n].needs_person);
        transcript_holds(told, &events, needing);
        receiver_heard(&told.conversation, &events, &hits, needing);
    }
    let said: usize = at_socket.iter().chain(&at_platform).map(|told| told.said.len()).sum();
    let failed = hits.iter().filter(|hit| hit.answered != 200).count();
    println!("{said} messages, {wanted} of them for people, {} attempts of which {failed} failed", hits.len());
    assert!(said > KILLS * 10 && wanted > KILLS * 4, "too little happened to mean anything");
    assert!(failed * 5 > hits.len(), "the receiver was too kind to mean anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_while_a_message_waits_for_the_next_one_loses_and_repeats_nothing() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {wait_for_more: 3s}");
    shop.write(
        "rules/pieces.yaml",
        "rules: [{id: shoes.return, when: {phrase: [[鞋, 红, 怎么退]]}, reply: 鞋子试穿过也可以退。}]",
    );
    let mut daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let mut client = Client::new(daemon.address, "zh-CN").await;
    let mut held = Vec::new();
    // Killed while the first waits; and while the second waits, when the first is on disk.
    for (id, text) in [("m-1", "我买的鞋"), ("m-2", "红的那双")] {
        held.push((id, text));
        for (id, text) in &held {
            client.send(message(id, text)).await;
        }
        let mut frames = Vec::new();
        while frames.last().is_none_or(|last: &Value| last["type"] != "held" || last["re"] != id) {
            frames.push(client.next().await);
        }
        frames.extend(client.quiet().await.frames);
        assert!(!frames.iter().any(|frame| frame["type"] == "ack" && frame["re"] == id), "{frames:#?}");
        held.retain(|(id, _)| !frames.iter().any(|frame| frame["type"] == "ack" && frame["re"] == *id));
        let hello = client.resume(frames.iter().filter_map(|frame| frame["seq"].as_u64()).max().unwrap_or(0));
        daemon = tokio::task::block_in_place(|| {
            daemon.kill();
            Process::start(&shop)
        });
        client = Client::hello(daemon.address, hello).await;
        assert!(client.quiet().await.frames.is_empty(), "nothing was said meanwhile");
    }
    assert_eq!(held, [("m-2", "红的那双")], "what was acknowledged need not be sent again");
    client.send(message("m-2", "红的那双")).await;
    client.send(message("m-3", "怎么退")).await;
    let mut frames = client.until_ack("m-3").await.frames;
    frames.extend(client.quiet().await.frames);
    let answers: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "message").collect();
    assert_eq!(answers.len(), 1, "{frames:#?}");
    assert_eq!(answers[0]["data"]["rule"], "shoes.return", "with the words from before both kills");
    let kept = api::told(daemon.address, client.conversation()).await;
    let said: Vec<&str> = kept.iter().map(|event| str_at(event, "/data/text")).collect();
    assert_eq!(said, ["我买的鞋", "红的那双", "怎么退", "鞋子试穿过也可以退。"]);
    assert!(receiver.hits().is_empty());
}

/// Messages of a role: `seq`, id, and data.
fn messages(events: &[EventRow], role: &str) -> Vec<(u64, String, Value)> {
    let of_role = events.iter().filter(|event| event.kind == "message" && event.role == role);
    of_role
        .map(|event| {
            let data: Value = serde_json::from_str(&event.body).unwrap();
            (event.seq, str_at(&data, "/message").to_owned(), data)
        })
        .collect()
}

/// `seq` has neither gaps nor repeats, every message is there once, every question has one answer, and nobody was told
/// anything that is not there.
fn transcript_holds(told: &Told, events: &[EventRow], needs_person: impl Fn(&str) -> bool) {
    let conversation = &told.conversation;
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<u64>>(), "numbers of {conversation}");

    let (visitor, bot) = (messages(events, "visitor"), messages(events, "bot"));
    assert_eq!(visitor.len(), told.said.len(), "{conversation}: each message once, sent again or not");
    for (said, (_, message, _)) in told.said.iter().zip(&visitor) {
        assert!(
            said.message.is_empty() || said.message == *message,
            "{} is not in its place in {conversation}",
            said.id
        );
        let answers = bot.iter().filter(|(.., data)| data["reply_to"] == message.as_str());
        let rules: Vec<&Value> = answers.map(|(.., data)| &data["rule"]).collect();
        if needs_person(message) {
            assert!(rules.iter().all(|rule| rule.is_null()), "{}: {rules:?}", said.id);
        } else {
            assert_eq!(rules, ["returns.window"], "{} of {conversation} has one answer", said.id);
        }
    }
    for (seq, what) in &told.saw {
        let event = &events[usize::try_from(*seq).unwrap() - 1];
        let data: Value = serde_json::from_str(&event.body).unwrap();
        let is = if event.kind == "state" { &data["state"] } else { &data["message"] };
        assert_eq!(is, what, "the customer was told of number {seq} of {conversation}");
    }
}

/// Every message for people was taken by the receiver, each under one id with the same bytes on every attempt, and a
/// conversation's cases came in its order: none before the one ahead of it had been taken.
fn receiver_heard(conversation: &str, events: &[EventRow], hits: &[Hit], needs_person: impl Fn(&str) -> bool) {
    let own: Vec<(&Hit, Value)> = hits
        .iter()
        .map(|hit| (hit, hit.json()))
        .filter(|(_, body)| body["data"]["conversation"]["id"] == conversation)
        // On a slow machine a case may wait long enough to be warned of: of that no message is the cause.
        .filter(|(_, body)| body["type"] != "handoff.warning" && body["type"] != "handoff.escalated")
        .collect();
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut taken = BTreeSet::new();
    for (hit, body) in &own {
        let message = str_at(body, "/data/message/message");
        match order.last() {
            Some((id, _)) if *id == hit.id() => {}
            last => {
                assert!(
                    last.is_none_or(|(id, _)| taken.contains(id)),
                    "{conversation}: {} overtook {last:?}",
                    hit.id()
                );
                order.push((hit.id(), message));
            }
        }
        let first = own.iter().find(|(other, _)| other.id() == hit.id()).unwrap();
        assert_eq!(first.0.body, hit.body, "{} has the same bytes on every attempt", hit.id());
        if hit.answered == 200 {
            taken.insert(hit.id());
        }
    }
    let wanted: Vec<String> =
        messages(events, "visitor").into_iter().map(|(_, id, _)| id).filter(|id| needs_person(id)).collect();
    let heard: Vec<&str> = order.iter().map(|(_, message)| *message).collect();
    assert_eq!(heard, wanted, "{conversation}: cases in the order of the messages, each under one webhook-id");
    assert!(order.iter().all(|(id, _)| taken.contains(id)), "{conversation}: all of them were taken");
}
