//! Lessons of the trade: what went wrong in other programs, by number, and the tests here that keep it from happening.
//!
//! A test is counted when its name has `lesson_NN`, a conversation when its name begins with `lesson NN:`. Numbers 12, 13,
//! 15 and 21 belong to work that is still to come.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use serde_json::json;

/// What each number is about.
const LESSONS: &[(u32, &str)] = &[
    (1, "hours without a notice are found before a customer finds them"),
    (2, "no notice cuts into a talk with a person or above an answer"),
    (3, "first the answer, then the notice; one outcome for each message"),
    (4, "one notice in each closed period, not one for ever"),
    (5, "a window belongs to the day on which it starts"),
    (6, "lunch breaks and holidays"),
    (7, "make-up working days, and years without a calendar"),
    (8, "wall time and clock changes"),
    (9, "windows are half-open, 24:00 is a time"),
    (10, "when people are back; targets in open time"),
    (11, "after a person took over the bot is silent"),
    (14, "handed over is what the receiver took, not what was sent"),
    (16, "asking for a person is understood; a bare number answers the list"),
    (17, "what comes twice is answered once"),
    (18, "what cannot be delivered is kept and seen"),
    (19, "signatures are over the bytes that are sent"),
    (20, "events come in order and carry the customer's own words"),
    (22, "width, script, case and word edges"),
    (23, "which rule wins is a total order"),
    (24, "reload is all or nothing; hostile files; times without quotes"),
    (25, "every message has a reason, silence too; no storm of answers"),
];

/// Names of tests and conversations by number.
fn covered() -> BTreeMap<u32, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for (number, name) in named(&path) {
                found.entry(number).or_default().insert(name);
            }
        }
    }
    found
}

/// Lesson numbers in a file: names of test functions, or of conversations.
fn named(path: &PathBuf) -> Vec<(u32, String)> {
    let mark = match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => "lesson_",
        Some("yaml") => "lesson ",
        _ => return Vec::new(),
    };
    let text = fs::read_to_string(path).unwrap_or_default();
    let starts = |line: &str| match mark {
        "lesson_" => line.trim_start().trim_start_matches("async ").starts_with("fn lesson_"),
        _ => line.trim_start().trim_start_matches("- name:").trim().trim_matches('"').starts_with("lesson "),
    };
    text.lines()
        .filter(|line| starts(line))
        .flat_map(|line| {
            let numbers = line.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() == 2);
            numbers.filter_map(|part| Some((part.parse().ok()?, line.trim().to_owned()))).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_lesson_has_a_test() {
    let covered = covered();
    for (number, about) in LESSONS {
        let names = covered.get(number);
        assert!(names.is_some(), "no test is named lesson_{number:02}: {about}");
    }
    for (number, names) in &covered {
        assert!(LESSONS.iter().any(|(known, _)| known == number), "lesson {number} is not in LESSONS: {names:?}");
    }
}

#[tokio::test]
async fn lesson_20_the_receiver_hears_the_customers_own_words_in_their_order() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-09T20:15:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    let words = ["我的蓝色火烈鸟摆件少了一条腿", "就是上周买的那只", "腿在盒子里也没有", "请帮我看看"];
    for text in words {
        customer.say(text).await;
    }
    let hits = receiver.wait("/desk", words.len()).await;
    let heard: Vec<String> =
        hits.iter().map(|hit| crate::common::str_at(&hit.json(), "/data/message/text").to_owned()).collect();
    assert_eq!(heard, words, "the closed notice stands in no event, and the order is the customer's");
    daemon.stop().await;
}

#[tokio::test]
async fn lesson_14_a_case_that_no_receiver_took_stays_open_and_is_delivered_later() {
    let receiver = Receiver::misbehaving(|_, before| (if before < 3 { 503 } else { 200 }, Duration::ZERO)).await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-09T20:15:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say("转人工").await;
    // The daemon's clock stands still until it is turned. The attempt is written down a moment after the receiver has seen it,
    // at the time that the clock shows then, so the clock is turned on until the next attempt comes.
    let mut minute = 15;
    while receiver.hits_at("/desk").len() < 4 && minute < 59 {
        minute += 1;
        daemon.turn_to(&format!("2026-10-09T20:{minute}:00+08:00"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let hits = receiver.wait("/desk", 4).await;
    assert_eq!(hits.iter().map(|hit| hit.answered).collect::<Vec<_>>(), [503, 503, 503, 200]);
    assert!(hits.iter().all(|hit| hit.id() == hits[0].id()), "one delivery, the same id on every attempt");
    daemon.stop().await;
}

#[tokio::test]
async fn lesson_04_a_notice_that_was_given_is_known_after_a_restart() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-09T20:15:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    let first = customer.say("蓝色火烈鸟跟米色窗帘搭不搭").await;
    assert!(first.texts().iter().any(|text| text.contains("不在营业时间")), "{first:#?}");
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-09T21:15:00+08:00").await;
    let mut customer = customer.again(daemon.address()).await;
    let second = customer.say("窗帘是米色的").await;
    assert_eq!(second.texts(), Vec::<&str>::new(), "the same night, the same closed period");
    daemon.stop().await;
}

#[tokio::test]
async fn lesson_25_a_flood_of_one_customer_is_answered_with_a_wait_and_not_with_a_storm() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 5}");
    let daemon = Daemon::start(&shop, "2026-10-14T10:00:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    let mut limited = 0;
    for number in 0..12 {
        let id = format!("m-{number}");
        let turn =
            customer.turn(json!({"type": "message", "id": id, "data": {"kind": "text", "text": "怎么退货"}})).await;
        for error in turn.frames.iter().filter(|frame| frame["type"] == "error") {
            assert_eq!((&error["re"], &error["data"]["code"]), (&json!(id), &json!("rate_limited")));
            assert!(error["data"]["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{error:#}");
            assert!(turn.messages().is_empty(), "what was refused is not answered");
            limited += 1;
        }
    }
    assert!((5..=7).contains(&limited), "{limited} of 12 were refused where 5 a minute are allowed");
    daemon.stop().await;
}
