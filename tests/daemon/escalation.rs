//! What time alone does to a case: warned of, escalated from queue to queue, said again, given back by a person who is silent.
//!
//! `general` has two minutes, then `lead` has five; both open on working days from 9 to 18. `oncall` never closes.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::client::{Client, Turn};
use crate::common::daemon::{Daemon, Process, instant};
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{api, str_at};

/// Words that nothing in the small shop answers.
const UNHEARD_OF: &str = "紫色大象飞过了第三座桥";
/// A Wednesday morning.
const MORNING: &str = "2026-10-14T10:00:00+08:00";
const DELAYED: &str = "让您久等了。";

/// The small shop with a ladder, and with more in its settings.
fn ladder(receiver: &Receiver, more: &str) -> Shop {
    let shop = Shop::small_with(receiver, more);
    change(
        &shop,
        "escalate_to",
        &[
            (
                "general: {hours: shop, webhook: desk, first_response: 120s}",
                "general: {hours: shop, webhook: desk, first_response: 120s, transfer: 30m, escalate_to: lead}\n  \
             lead: {hours: shop, webhook: oncall, first_response: 5m}",
            ),
            ("notices:\n", "notices:\n  delayed: {zh: 让您久等了。, en: Sorry for the wait.}\n"),
        ],
    );
    shop
}

/// Changes a shop's settings; `sign` stands in them afterwards.
fn change(shop: &Shop, sign: &str, pairs: &[(&str, &str)]) {
    let file = shop.dir().join("nightdesk.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    for (from, to) in pairs {
        assert!(text.contains(from), "`{from}` is not in the settings");
        text = text.replace(from, to);
    }
    assert!(text.contains(sign));
    fs::write(file, text).unwrap();
}

fn kinds(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(Hit::kind).collect()
}

fn notices(turn: &Turn) -> Vec<&str> {
    turn.messages().iter().map(|frame| str_at(frame, "/data/text")).collect()
}

/// Time for the daemon to do what it should not do.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}

#[tokio::test]
async fn a_case_that_nobody_takes_climbs_the_ladder_and_the_customer_hears_of_each_step() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say(UNHEARD_OF).await;
    let created = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(created["data"]["handoff"]["deadline"], "2026-10-14T02:02:00Z");

    // A quarter of the target before it passes the queue is warned, and the customer hears nothing of that.
    daemon.turn_to("2026-10-14T10:01:29+08:00");
    a_while().await;
    assert_eq!(kinds(&receiver.hits()), ["handoff.created"]);
    daemon.turn_to("2026-10-14T10:01:30+08:00");
    let warning = receiver.wait("/desk", 2).await[1].json();
    assert_eq!(warning["type"], "handoff.warning");
    assert_eq!(warning["data"]["handoff"], created["data"]["handoff"]);
    assert!(customer.quiet().await.frames.is_empty());

    daemon.turn_to("2026-10-14T10:02:00+08:00");
    let escalated = receiver.wait("/oncall", 1).await[0].json();
    assert_eq!(escalated["type"], "handoff.escalated");
    let data = &escalated["data"];
    assert_eq!((&data["handoff"]["queue"], &data["handoff"]["priority"]), (&json!("lead"), &json!("normal")));
    assert_eq!(data["handoff"]["id"], created["data"]["handoff"]["id"], "the same case");
    assert_eq!(data["handoff"]["deadline"], "2026-10-14T02:07:00Z", "by the new queue's own target");
    assert_eq!(data["escalation"], json!({"reason": "target", "from": "general", "step": 2, "repeat": 0}));
    assert_eq!(data["transcript"][0]["text"], UNHEARD_OF, "with all that was said");
    let moved = receiver.wait("/desk", 3).await[2].json();
    assert_eq!((&moved["type"], &moved["data"]["moved_to"]["queue"]), (&json!("handoff.moved"), &json!("lead")));
    let turn = customer.quiet().await;
    assert_eq!(notices(&turn), [DELAYED]);
    assert_eq!(turn.only("state")["data"]["queue"], "lead");

    // The last queue: warned, told, and told again until somebody takes it.
    daemon.turn_to("2026-10-14T10:05:45+08:00");
    receiver.wait("/oncall", 2).await;
    daemon.turn_to("2026-10-14T10:07:00+08:00");
    let passed = receiver.wait("/oncall", 3).await[2].json();
    assert_eq!(passed["data"]["escalation"], json!({"reason": "target", "from": null, "step": 4, "repeat": 0}));
    assert_eq!(notices(&customer.quiet().await), [DELAYED]);
    daemon.turn_to("2026-10-14T10:12:00+08:00");
    let repeated = receiver.wait("/oncall", 4).await[3].json();
    assert_eq!(repeated["data"]["escalation"], json!({"reason": "repeat", "from": null, "step": 5, "repeat": 1}));

    // Half an hour over all queues: more pressing from here on.
    daemon.turn_to("2026-10-14T10:30:00+08:00");
    let limit = receiver.wait("/oncall", 6).await;
    let why: Vec<Value> = limit[4..].iter().map(|hit| hit.json()["data"]["escalation"]["reason"].clone()).collect();
    assert_eq!(why, ["transfer", "repeat"]);
    assert_eq!(limit[5].json()["data"]["handoff"]["priority"], "high");
    assert!(customer.quiet().await.frames.is_empty(), "what is no news is not said");
    let kinds_of_lead = kinds(&receiver.hits_at("/oncall"));
    assert_eq!(kinds_of_lead.iter().filter(|kind| *kind == "handoff.warning").count(), 1, "{kinds_of_lead:?}");

    // Whoever takes it ends it.
    assert_eq!(api::agent(daemon.address(), customer.conversation(), "take", json!({})).await.status, 200);
    let before = receiver.hits().len();
    daemon.turn_to("2026-10-14T12:00:00+08:00");
    a_while().await;
    assert_eq!(receiver.hits().len(), before);
    assert_eq!(customer.quiet().await.only("state")["data"]["state"], "human");
}

#[tokio::test]
async fn taken_just_before_the_deadline_is_not_escalated() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say(UNHEARD_OF).await;
    daemon.turn_to("2026-10-14T10:01:59.999+08:00");
    receiver.wait("/desk", 2).await;
    assert_eq!(api::agent(daemon.address(), customer.conversation(), "take", json!({})).await.status, 200);
    daemon.turn_to("2026-10-14T10:40:00+08:00");
    a_while().await;
    assert_eq!(kinds(&receiver.hits()), ["handoff.created", "handoff.warning"]);
    // Given back to the bot it is no case any more; a new one has its own time.
    assert_eq!(api::agent(daemon.address(), customer.conversation(), "return", json!({})).await.status, 200);
    customer.say("转人工").await;
    let again = receiver.wait("/desk", 4).await[3].json();
    assert_eq!(again["data"]["handoff"]["deadline"], "2026-10-14T02:42:00Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_taken_or_escalated_first_a_case_has_one_owner() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customers = Vec::new();
    for _ in 0..12 {
        let mut customer = Client::new(daemon.address(), "zh-CN").await;
        customer.say(UNHEARD_OF).await;
        customers.push(customer);
    }
    daemon.turn_to("2026-10-14T10:02:00+08:00");
    let pipeline = std::sync::Arc::clone(&daemon.app.pipeline);
    let timers = tokio::spawn(async move { pipeline.run_timers().await.unwrap() });
    let takes =
        customers.iter().map(|customer| api::agent(daemon.address(), customer.conversation(), "take", json!({})));
    let taken = futures_util::future::join_all(takes).await;
    timers.await.unwrap();
    a_while().await;
    assert!(taken.iter().all(|answer| answer.status == 200), "{taken:#?}");
    for customer in &mut customers {
        let states: Vec<Value> =
            customer.quiet().await.frames.iter().filter(|f| f["type"] == "state").map(|f| f["data"].clone()).collect();
        assert_eq!(states.last().unwrap()["state"], "human", "{states:#?}");
        assert!(
            states.len() <= 2 && states[..states.len() - 1].iter().all(|state| state["queue"] == "lead"),
            "{states:#?}"
        );
    }
}

#[tokio::test]
async fn closed_hours_do_not_count() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    // A minute before the weekend.
    let daemon = Daemon::start(&shop, "2026-10-16T17:59:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say(UNHEARD_OF).await;
    for at in ["2026-10-16T18:01:00+08:00", "2026-10-17T12:00:00+08:00", "2026-10-19T09:00:29+08:00"] {
        daemon.turn_to(at);
        a_while().await;
        assert_eq!(kinds(&receiver.hits()), ["handoff.created"], "at {at}");
    }
    daemon.turn_to("2026-10-19T09:01:00+08:00");
    let escalated = receiver.wait("/oncall", 1).await[0].json();
    assert_eq!(escalated["data"]["handoff"]["deadline"], "2026-10-19T01:06:00Z");
    assert_eq!(notices(&customer.quiet().await), [DELAYED]);
    assert_eq!(kinds(&receiver.hits_at("/desk")), ["handoff.created", "handoff.moved"], "a warning too late is none");
}

#[tokio::test]
async fn when_nobody_is_there_by_then_the_customer_hears_when_people_are_back() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, "2026-10-14T17:58:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(notices(&customer.say(UNHEARD_OF).await), ["已转给同事。"]);
    // The two minutes end with the working day.
    daemon.turn_to("2026-10-14T18:00:00+08:00");
    receiver.wait("/oncall", 1).await;
    assert_eq!(notices(&customer.quiet().await), ["现在不在营业时间，明天 9:00回复您。"]);
    // In the morning it is late again, and people are there.
    daemon.turn_to("2026-10-15T09:05:00+08:00");
    receiver.wait("/oncall", 2).await;
    assert_eq!(notices(&customer.quiet().await), [DELAYED]);
}

#[tokio::test]
async fn an_urgent_case_is_called_out_again_and_again_until_somebody_takes_it() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, "2026-10-14T03:00:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say("我的卡被盗刷了").await;
    receiver.wait("/oncall", 1).await;
    let escalated = || receiver.hits_at("/oncall").iter().filter(|hit| hit.kind() == "handoff.escalated").count();
    let start = instant("2026-10-14T03:00:00+08:00");
    let mut minutes = 0;
    // The target, then twelve repeats at its pace, then once an hour.
    for (step, pause) in [5; 13].into_iter().chain([60, 60]).enumerate() {
        daemon.turn_to(&(start + jiff::SignedDuration::from_secs(60 * (minutes + pause) - 1)).to_string());
        daemon.app.pipeline.run_timers().await.unwrap();
        assert_eq!(count_in_store(&daemon, "handoff.escalated").await, step, "not before its time");
        minutes += pause;
        daemon.turn_to(&(start + jiff::SignedDuration::from_mins(minutes)).to_string());
        daemon.app.pipeline.run_timers().await.unwrap();
        assert_eq!(count_in_store(&daemon, "handoff.escalated").await, step + 1, "after {minutes} minutes");
    }
    crate::common::wait_for("all of them at the receiver", || async { (escalated() == 15).then_some(()) }).await;
    assert_eq!(notices(&customer.quiet().await), [DELAYED], "the customer is not told again and again");
    assert_eq!(api::agent(daemon.address(), customer.conversation(), "take", json!({})).await.status, 200);
    daemon.turn_to("2026-10-15T03:00:00+08:00");
    daemon.app.pipeline.run_timers().await.unwrap();
    assert_eq!(count_in_store(&daemon, "handoff.escalated").await, 15);
}

/// How many deliveries of a kind were ever made.
async fn count_in_store(daemon: &Daemon, kind: &str) -> usize {
    let filter = nightdesk::store::DeliveryFilter { limit: 1_000, ..Default::default() };
    let all = daemon.app.pipeline.store.deliveries(filter).await.unwrap();
    all.iter().filter(|row| row.kind == kind).count()
}

#[tokio::test]
async fn a_person_who_leaves_the_customer_without_a_word_loses_the_case_to_the_queue() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "limits: {agent_idle: 10m}");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say("转人工").await;
    let id = customer.conversation().to_owned();
    assert_eq!(api::agent(daemon.address(), &id, "messages", json!({"text": "您好"})).await.status, 200);
    // Whom nobody has asked anything may be silent.
    daemon.turn_to("2026-10-14T10:30:00+08:00");
    a_while().await;
    customer.say("大象在哪里").await;
    daemon.turn_to("2026-10-14T10:36:00+08:00");
    customer.say("还在吗").await;
    daemon.turn_to("2026-10-14T10:39:59+08:00");
    a_while().await;
    assert!(!kinds(&receiver.hits()).contains(&"handoff.escalated".to_owned()));
    daemon.turn_to("2026-10-14T10:40:00+08:00");
    let all = crate::common::wait_for("the escalation", || async {
        let hits = receiver.hits_at("/desk");
        hits.iter().any(|hit| hit.kind() == "handoff.escalated").then_some(hits)
    })
    .await;
    let escalated = all.last().unwrap().json();
    assert_eq!(escalated["data"]["escalation"]["reason"], "agent_idle");
    assert_eq!(escalated["data"]["handoff"]["queue"], "general");
    assert_eq!(escalated["data"]["handoff"]["deadline"], "2026-10-14T02:42:00Z");
    let turn = customer.quiet().await;
    let last_two: Vec<&Value> = turn.frames.iter().rev().take(2).collect();
    assert_eq!((&last_two[1]["data"]["state"], &last_two[0]["data"]["text"]), (&json!("queued"), &json!(DELAYED)));
    let queued = api::get(&format!("http://{}/v1/conversations?state=queued", daemon.address())).await;
    assert!(queued.json.to_string().contains(&id), "{:#}", queued.json);
}

#[tokio::test]
async fn a_talk_that_has_been_quiet_for_long_goes_back_to_the_bot_and_one_that_waits_does_not() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "limits: {back_to_bot: 12h}");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customers = [Client::new(daemon.address(), "zh-CN").await, Client::new(daemon.address(), "zh-CN").await];
    for customer in &mut customers {
        customer.say("转人工").await;
        let id = customer.conversation().to_owned();
        assert_eq!(api::agent(daemon.address(), &id, "messages", json!({"text": "您好"})).await.status, 200);
        customer.quiet().await;
    }
    let [quiet, waiting] = &mut customers;
    waiting.say("大象在哪里").await;
    daemon.turn_to("2026-10-14T21:59:59+08:00");
    a_while().await;
    assert!(quiet.quiet().await.frames.is_empty());
    daemon.turn_to("2026-10-14T22:00:00+08:00");
    crate::common::wait_for("the return", || async {
        receiver.hits().iter().any(|hit| hit.kind() == "conversation.returned").then_some(())
    })
    .await;
    let turn = quiet.quiet().await;
    assert_eq!((turn.frames.len(), &turn.only("state")["data"]["state"]), (1, &json!("bot")));
    assert_eq!(quiet.say("怎么退货").await.texts(), ["七天内可以退货。"]);
    let handoffs =
        daemon.app.pipeline.store.handoffs(nightdesk::store::HandoffFilter { limit: 9, ..Default::default() });
    let states: Vec<String> = handoffs.await.unwrap().into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["returned", "taken"]);
    assert!(waiting.quiet().await.frames.is_empty());
}

#[tokio::test]
async fn a_platforms_own_people_stop_the_clock_by_answering() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, MORNING).await;
    let forward = async |id: &str, text: &str, role: &str| {
        let mut body = api::forwarded(id, "anna", text);
        body["data"]["role"] = json!(role);
        let answer = api::forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
        assert_eq!(answer.status, 200, "{:#}", answer.json);
    };
    forward("p-1", "转人工", "visitor").await;
    daemon.turn_to("2026-10-14T10:01:00+08:00");
    forward("p-2", "您好，我在", "agent").await;
    daemon.turn_to("2026-10-14T10:20:00+08:00");
    a_while().await;
    assert_eq!(kinds(&receiver.hits()), ["handoff.created"]);
    // The next question waits for an answer of its own, and the platform is told what the customer is told.
    forward("p-3", "大象在哪里", "visitor").await;
    daemon.turn_to("2026-10-14T10:22:00+08:00");
    receiver.wait("/oncall", 1).await;
    let replies = receiver.wait("/replies", 2).await;
    let told: Vec<Value> = replies.iter().map(Hit::json).collect();
    assert_eq!((&told[0]["type"], &told[0]["data"]["state"]), (&json!("conversation.state"), &json!("queued")));
    assert_eq!(told[1]["data"]["message"]["text"], DELAYED);
}

#[tokio::test]
async fn an_emergency_beside_an_absent_person_escalates_without_a_word_of_the_bot() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say("转人工").await;
    let id = customer.conversation().to_owned();
    assert_eq!(api::agent(daemon.address(), &id, "messages", json!({"text": "您好"})).await.status, 200);
    daemon.turn_to("2026-10-14T22:00:00+08:00");
    customer.say("我的卡被盗刷了").await;
    receiver.wait("/oncall", 1).await;
    daemon.turn_to("2026-10-14T22:05:00+08:00");
    let called = receiver.wait("/oncall", 2).await;
    assert_eq!(kinds(&called), ["handoff.created", "handoff.escalated"]);
    assert!(customer.quiet().await.messages().iter().all(|said| said["data"]["role"] != "bot"));
    // Whoever answers has it.
    let token = str_at(&called[1].json(), "/data/reply_token").to_owned();
    let url = str_at(&called[1].json(), "/data/reply_url").to_owned();
    let bearer = format!("Bearer {token}");
    let answered = api::post(&url, json!({"text": "已冻结"}).to_string(), &[("authorization", bearer.as_str())]).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    daemon.turn_to("2026-10-14T23:00:00+08:00");
    a_while().await;
    assert_eq!(receiver.hits_at("/oncall").len(), 2);
}

#[tokio::test]
async fn a_channels_target_comes_before_that_of_the_queue_and_a_new_target_counts_for_cases_that_wait() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    change(&shop, "200s", &[("origins: [\"https://shop.example\"]", "first_response: 200s")]);
    let daemon = Daemon::start(&shop, MORNING).await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    customer.say(UNHEARD_OF).await;
    let created = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(created["data"]["handoff"]["deadline"], "2026-10-14T02:03:20Z");
    daemon.turn_to("2026-10-14T10:01:00+08:00");
    a_while().await;
    assert!(receiver.hits_at("/oncall").is_empty());
    change(&shop, "60s", &[("first_response: 200s", "first_response: 60s")]);
    daemon.app.reload();
    assert_eq!(receiver.wait("/oncall", 1).await[0].kind(), "handoff.escalated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_warning_and_escalation_each_comes_once() {
    let receiver = Receiver::start().await;
    let shop = ladder(&receiver, "");
    change(
        &shop,
        "first_response: 3s",
        &[
            ("general: {hours: shop", "general: {hours: always"),
            ("lead: {hours: shop", "lead: {hours: always"),
            ("first_response: 120s", "first_response: 3s, warn_before: 2s"),
        ],
    );
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let mut customer = Client::new(daemon.address, "zh-CN").await;
    customer.say(UNHEARD_OF).await;
    assert_eq!(kinds(&receiver.wait("/desk", 2).await), ["handoff.created", "handoff.warning"]);
    tokio::task::block_in_place(|| daemon.kill());
    // The target passes while nobody is awake.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(receiver.hits_at("/oncall").is_empty());
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    receiver.wait("/oncall", 1).await;
    // And once more after it was done.
    tokio::task::block_in_place(|| daemon.kill());
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    a_while().await;
    let of = |path: &str| -> std::collections::BTreeSet<(String, String)> {
        receiver.hits_at(path).iter().map(|hit| (hit.kind(), hit.id().to_owned())).collect()
    };
    let count = |path: &str, kind: &str| of(path).iter().filter(|(k, _)| k == kind).count();
    assert_eq!((count("/desk", "handoff.warning"), count("/oncall", "handoff.escalated")), (1, 1));
    let told = api::transcript(daemon.address, customer.conversation()).await;
    let delayed = told.iter().filter(|event| event["data"]["text"] == DELAYED).count();
    assert_eq!(delayed, 1, "{told:#?}");
}
