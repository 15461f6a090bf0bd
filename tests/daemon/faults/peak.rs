//! Far more than is allowed, at once: refused early and in words, the same for everybody, and over when it is over. And new files
//! again and again meanwhile: each answer is wholly of one set of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nightdesk::store::DecisionFilter;
use nightdesk::store::sqlite::DATABASE;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::common::api;
use crate::common::client::{Client, message};
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::wait_for;

const OPEN_TIME: &str = "2026-10-14T10:00:00+08:00";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_allowed_are_refused_at_once_and_those_inside_are_served() {
    const ALLOWED: usize = 30;
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, &format!("limits: {{connections: {ALLOWED}}}"));
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut inside = join_all((0..ALLOWED).map(|_| Client::new(daemon.address(), "zh-CN"))).await;
    let outside = join_all((0..10 * ALLOWED).map(|_| Client::open(daemon.address(), &[]))).await;
    let mut told = 0;
    for refused in outside {
        match refused {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 503);
                assert_eq!(response.headers()["retry-after"], "5");
                told += 1;
            }
            // The words may be lost when what the client sent is still unread at the end of the connection.
            Err(_) => {}
            Ok(_) => panic!("one more than allowed"),
        }
    }
    println!("{told} of {} were told when to come again", 10 * ALLOWED);
    assert!(told > 0);
    let answers = join_all(inside.iter_mut().map(|client| client.say("怎么退货"))).await;
    assert!(answers.iter().all(|turn| turn.messages().len() == 1));
    // A place is free, and taken, without any pause.
    drop(inside);
    crate::common::wait_for("a place", || async {
        Client::try_hello(daemon.address(), serde_json::json!({})).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_customer_s_flood_is_refused_with_a_time_and_nobody_else_s() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 20}");
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let address = daemon.address();
    let now = daemon.now().as_second();
    let post = |id: String, who: &'static str| async move {
        api::forward(address, CRM_SECRET, now, &api::forwarded(&id, who, "怎么退货")).await
    };
    let flood = join_all((0..100).map(|n| post(format!("f-{n}"), "flood")));
    let calm = async {
        let mut client = Client::new(address, "zh-CN").await;
        for n in 0..10 {
            assert_eq!(post(format!("c-{n}"), "calm").await.status, 200);
            assert_eq!(client.say("怎么退货").await.messages().len(), 1);
        }
    };
    let (flood, ()) = tokio::join!(flood, calm);
    let taken = flood.iter().filter(|answer| answer.status == 200).count();
    assert!((20..40).contains(&taken), "{taken} of 100 taken, with 20 allowed in a minute");
    assert!(flood.iter().all(|answer| answer.status == 200 || answer.status == 429));
    assert!(flood.iter().filter(|answer| answer.status == 429).all(|answer| answer.json["code"] == "rate_limited"));
    let refused = api::http().post(format!("http://{address}/v1/inbound/crm")).body("{}").send().await.unwrap();
    assert_eq!(refused.status(), 401, "what is not signed is not even counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peak_is_answered_to_the_last_message_and_over_at_once() {
    const CUSTOMERS: usize = 150;
    const MESSAGES: usize = 8;
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let mut customers = join_all((0..CUSTOMERS).map(|_| Client::new(daemon.address(), "zh-CN"))).await;
    let began = Instant::now();
    let times = join_all(customers.iter_mut().map(|client| async move {
        for n in 0..MESSAGES {
            client.send(message(&format!("p-{n}"), "怎么退货")).await;
        }
        let turn = client.until_ack(&format!("p-{}", MESSAGES - 1)).await;
        let rest = client.quiet().await;
        let of = |kind: &str| turn.frames.iter().chain(&rest.frames).filter(|frame| frame["type"] == kind).count();
        assert_eq!((of("ack"), of("message"), of("error")), (MESSAGES, MESSAGES, 0), "each taken and answered once");
        began.elapsed()
    }))
    .await;
    println!("{} messages at once: the last customer after {:?}", CUSTOMERS * MESSAGES, times.iter().max().unwrap());
    let mut late = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(late.say("怎么退货").await.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_messages_than_can_be_at_work_are_refused_at_once_and_no_customer_has_two_places() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {messages_at_once: 2}");
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let address = daemon.address();
    let mut one = Client::new(address, "zh-CN").await;
    let mut same = one.again(address).await;
    let mut two = Client::new(address, "zh-CN").await;
    let mut three = Client::new(address, "zh-CN").await;
    // Nothing comes to its end while somebody else holds the disk.
    let holder = rusqlite::Connection::open(shop.data().join(DATABASE)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    one.send(message("m-1", "怎么退货")).await;
    same.send(message("m-2", "怎么开发票")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!daemon.app.pipeline.is_busy(), "a conversation has one place");
    two.send(message("m-1", "怎么退货")).await;
    wait_for("both places to be taken", || async { daemon.app.pipeline.is_busy().then_some(()) }).await;
    // Whoever comes now hears of it at once, whatever the disk does.
    let refused = post(address, daemon.now().as_second(), "p-1").await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &json!("overloaded")), "{refused:?}");
    three.send(message("m-1", "怎么退货")).await;
    let error = three.next().await;
    assert_eq!(
        (&error["type"], &error["re"], &error["data"]["code"]),
        (&json!("error"), &json!("m-1"), &json!("overloaded"))
    );
    assert!(error["data"]["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{error:#}");
    // Who does not wait is not read: else the refusals would take the time of those whose messages are at work.
    let began = Instant::now();
    three.send(json!({"type": "ping", "id": "p-1"})).await;
    assert_eq!(three.next().await["type"], "pong");
    assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    let mut late = Client::open(address, &[]).await.unwrap();
    late.send(json!({"type": "hello", "data": {}})).await;
    assert_eq!(late.close_code().await, 1013);
    let figures = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    assert!(figures.contains("nightdesk_refused_total{why=\"too_many_messages\"}"), "{figures}");
    holder.execute_batch("ROLLBACK").unwrap();
    // Over when it is over: everybody is served, those who were refused when they say it again.
    for (client, id) in [(&mut one, "m-1"), (&mut same, "m-2"), (&mut two, "m-1"), (&mut three, "m-1")] {
        let said = taken(client, id).await;
        assert_eq!(said["type"], "ack", "{said:#}");
    }
    assert_eq!(post(address, daemon.now().as_second(), "p-1").await.status, 200);
    assert_eq!(Client::new(address, "zh-CN").await.say("怎么退货").await.messages().len(), 1);
}

async fn post(address: SocketAddr, now: i64, id: &str) -> api::Answered {
    api::forward(address, CRM_SECRET, now, &api::forwarded(id, "platform", "怎么退货")).await
}

/// What is said about a message in the end; said again where it was refused.
async fn taken(client: &mut Client, id: &str) -> Value {
    for _ in 0..100 {
        client.send(message(id, "怎么退货")).await;
        loop {
            let frame = client.next().await;
            if frame["re"] == id && frame["type"] == "ack" {
                return frame;
            }
            if frame["re"] == id && frame["type"] == "error" {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} is never taken");
}

/// An entry and the title of one that it offers, both of the same version.
fn version(n: usize) -> String {
    format!(
        "faq:\n  - id: warranty.term\n    title: {{zh: 质保}}\n    questions: [质保年限]\n    answer: {{zh: 甲版本{n}。}}\n    options: [warranty.more]\n  - id: warranty.more\n    title: {{zh: 乙版本{n}}}\n    questions: [延长保修怎么办理]\n    answer: {{zh: 在订单页办理。}}\n"
    )
}

/// All versions that a frame names.
fn versions(frame: &Value) -> Vec<usize> {
    let text = frame["data"].to_string();
    let after = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    text.split("版本").skip(1).map(after).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_without_end_lose_no_message_and_mix_no_answer() {
    let reloads: usize = std::env::var("NIGHTDESK_RELOADS").map_or(25, |n| n.parse().unwrap());
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 100000}");
    shop.write("faq/warranty.yaml", &version(0));
    let daemon = Arc::new(Daemon::start(&shop, OPEN_TIME).await);
    let done = Arc::new(AtomicBool::new(false));
    let customers: Vec<_> = (0..3)
        .map(|_| {
            let (daemon, done) = (Arc::clone(&daemon), Arc::clone(&done));
            tokio::spawn(async move {
                let mut client = Client::new(daemon.address(), "zh-CN").await;
                let mut answers = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let turn = client.say("质保年限").await;
                    let found = versions(turn.only("message"));
                    assert!(found.len() >= 2 && found.iter().all(|n| *n == found[0]), "{turn:#?}");
                    answers.push((turn.only("ack")["seq"].as_u64().unwrap(), found[0]));
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                (client.conversation().to_owned(), answers)
            })
        })
        .collect();
    let began = Instant::now();
    for n in 1..=reloads {
        // Whole or not at all, as a file that is noticed by itself should be.
        fs::write(shop.aside("next.yaml"), version(n)).unwrap();
        fs::rename(shop.aside("next.yaml"), shop.dir().join("faq/warranty.yaml")).unwrap();
        let url = format!("http://{}/-/reload", daemon.address());
        let answer = api::post(&url, "", &[]).await;
        assert_eq!((answer.status, &answer.json["reloaded"]), (200, &Value::Bool(true)), "{answer:?}");
    }
    let took = began.elapsed();
    done.store(true, Ordering::Relaxed);
    // Which set decided stands with the decision: one set for each version, and one version for each set.
    let (from, until) = (instant("2026-10-14T00:00:00+08:00"), instant("2026-10-15T00:00:00+08:00"));
    let filter = DecisionFilter { from, until, after: 0, limit: 10_000_000 };
    let mut answers = BTreeMap::new();
    for customer in customers {
        let (conversation, said) = customer.await.unwrap();
        answers.extend(said.into_iter().map(|(seq, version)| ((conversation.clone(), seq), version)));
    }
    let decisions = daemon.app.pipeline.store.decisions(filter).await.unwrap();
    assert_eq!(decisions.len(), answers.len(), "one decision for each message that was acknowledged");
    let mut pairs = BTreeSet::new();
    for (_, decision) in &decisions {
        pairs.insert((decision.rule_set.clone(), answers[&(decision.conversation.clone(), decision.seq)]));
    }
    let sets: BTreeSet<&String> = pairs.iter().map(|(set, _)| set).collect();
    let numbers: BTreeSet<usize> = pairs.iter().map(|(_, version)| *version).collect();
    assert_eq!((pairs.len(), sets.len()), (numbers.len(), numbers.len()), "{pairs:?}");
    println!("{} answers of {} sets in {reloads} reloads, {took:?}", answers.len(), numbers.len());
    assert!(numbers.len() > 3, "too few reloads were seen to mean anything");
}
