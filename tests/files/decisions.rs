//! Decisions that a shop's conversation tests cannot write down: what a client may press, whose attributes count, empty answers.

use jiff::Timestamp;
use nightdesk::decide::Outcome;
use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Gesture, Inbound, OutcomeKind, Reason, State};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use serde_json::json;

const CONFIG: &str = r#"
timezone: Asia/Shanghai
languages: [zh, en]
hours: {always: {weekly: {mon-sun: ["00:00-24:00"]}}}
queues: {general: {hours: always}, vip: {hours: always}}
routes: [{if: "customer.tier == 'vip'", queue: vip}, {queue: general}]
channels: {web: {kind: websocket}}
notices: {handed_over: {zh: 已转人工。, en: A colleague takes over.}}
"#;

const FAQ: &str = "
faq:
  - id: sale.rules
    title: {zh: 活动规则, en: Sale}
    questions: [活动规则是什么]
    answer: {zh: 活动见首页。, en: See our front page.}
    options: [sale.old]
  - id: sale.old
    title: {zh: 旧活动, en: Old sale}
    questions: [旧活动]
    answer: {zh: 全场五折。, en: Half price.}
    until: 2026-10-10
  - id: empty.sometimes
    title: {zh: 有时为空, en: Sometimes empty}
    questions: [有时为空]
    answer: {zh: '{% if not open %}休息{% endif %}', en: '{% if not open %}closed{% endif %}'}
";

const RULES: &str = r#"
rules:
  - id: vip.gift
    title: {zh: 会员礼, en: Gift}
    when: {phrase: [会员礼物], if: "customer.tier == 'vip'"}
    reply: {zh: 您的礼物已备好。, en: Your gift is ready.}
  - id: order.large
    when: {phrase: [我的订单], if: "customer.attributes.amount is defined and customer.attributes.amount | float > 2000"}
    reply: {zh: 同事会核对。, en: A colleague checks it.}
    handoff: {queue: general, reason: large}
  - id: whale.blue
    when: {regex: '^蓝鲸$'}
    reply: {zh: 蓝鲸很大。, en: Blue whales are large.}
"#;

fn engine() -> Engine {
    let files = [("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("rules/a.yaml", RULES)];
    let (engine, report) = Engine::load(Files::from_texts(files), &NoSecrets);
    engine.unwrap_or_else(|| panic!("{:?}", report.findings))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stranger() -> Customer {
    Customer { id: "anna".into(), ..Customer::default() }
}

fn begun(customer: &Customer) -> Conversation {
    Conversation::new("c_1".into(), "web", "t", customer.clone(), at("2026-10-09T10:00:00+08:00"))
}

fn say(engine: &Engine, conversation: &Conversation, customer: &Customer, text: &str, when: &str) -> Outcome {
    engine.handle(&Inbound::words("msg_1", "web", customer.clone(), text), conversation, at(when))
}

fn press(engine: &Engine, conversation: &Conversation, option: &str, label: &str, when: &str) -> Outcome {
    let mut inbound = Inbound::words("msg_1", "web", stranger(), label);
    inbound.gesture = Gesture::Select(option.into());
    engine.handle(&inbound, conversation, at(when))
}

#[test]
fn a_client_cannot_press_what_was_not_shown_to_it() {
    let engine = engine();
    let outcome = press(&engine, &begun(&stranger()), "vip.gift", "", "2026-10-09T10:00:00+08:00");
    assert_ne!(outcome.decision.rule.as_deref(), Some("vip.gift"));
    // An entry may be pressed below an older answer too.
    let outcome = press(&engine, &begun(&stranger()), "sale.rules", "活动规则", "2026-10-09T10:00:00+08:00");
    assert_eq!(outcome.decision.rule.as_deref(), Some("sale.rules"));
}

#[test]
fn an_option_pressed_after_its_last_day_is_not_answered() {
    let engine = engine();
    let shown = say(&engine, &begun(&stranger()), &stranger(), "活动规则是什么", "2026-10-10T23:59:00+08:00");
    assert_eq!(shown.replies[0].options.len(), 1);
    let conversation = shown.conversation;
    let in_time = press(&engine, &conversation, "sale.old", "旧活动", "2026-10-10T23:59:30+08:00");
    assert_eq!(in_time.decision.rule.as_deref(), Some("sale.old"));
    let late = press(&engine, &conversation, "sale.old", "旧活动", "2026-10-11T00:05:00+08:00");
    assert_eq!((late.decision.outcome, late.decision.reason), (OutcomeKind::Handoff, Reason::NoMatch));
    let by_number = say(&engine, &conversation, &stranger(), "1", "2026-10-11T00:05:00+08:00");
    assert_ne!(by_number.decision.rule.as_deref(), Some("sale.old"));
}

#[test]
fn conditions_see_the_customer_of_this_message() {
    let engine = engine();
    let morning = "2026-10-09T10:00:00+08:00";
    let mut rich = stranger();
    rich.attributes.insert("amount".into(), json!(9_000));
    let before = begun(&stranger());
    assert_eq!(say(&engine, &before, &rich, "我的订单", morning).decision.rule.as_deref(), Some("order.large"));
    let before = begun(&rich);
    assert_eq!(say(&engine, &before, &stranger(), "我的订单", morning).decision.rule, None);
    let vip = Customer { tier: Some("vip".into()), ..stranger() };
    assert_eq!(say(&engine, &begun(&vip), &stranger(), "会员礼物", morning).decision.rule, None);
}

#[test]
fn an_answer_that_comes_out_empty_goes_to_a_person() {
    let engine = engine();
    let outcome = say(&engine, &begun(&stranger()), &stranger(), "有时为空", "2026-10-09T10:00:00+08:00");
    assert_eq!((outcome.decision.outcome, outcome.decision.reason), (OutcomeKind::Handoff, Reason::InternalError));
    assert_eq!(outcome.conversation.state, State::Queued);
    assert_eq!(outcome.replies[0].text, "已转人工。");
}

#[test]
fn lesson_25_what_a_machine_writes_changes_nothing() {
    let engine = engine();
    let mut before = begun(&Customer { name: Some("Anna".into()), ..stranger() });
    before.language = Some("zh".into());
    before.state = State::Closed;
    let mut inbound = Inbound::words("msg_1", "web", Customer { id: "bot".into(), ..Customer::default() }, "hello");
    inbound.gesture = Gesture::Automatic;
    let outcome = engine.handle(&inbound, &before, at("2026-10-09T10:00:00+08:00"));
    assert_eq!(outcome.decision.reason, Reason::AutomaticSender);
    assert_eq!(outcome.conversation, before);
    assert!(outcome.replies.is_empty() && outcome.queue.is_none());
}

/// A shop that waits for more, and messages in a row to it.
fn in_a_row(texts: &[&str]) -> Vec<Outcome> {
    let settings = format!("{CONFIG}limits: {{wait_for_more: 1500ms, message_chars: 40}}\n");
    let rules = "rules:
  - {id: thanks, when: {phrase: [谢谢]}, smalltalk: true, reply: 不客气。}
  - {id: shoes.return, when: {phrase: [[鞋, 怎么退]]}, reply: 试穿过也可以退。}";
    let files = [("nightdesk.yaml", settings.as_str()), ("faq/a.yaml", FAQ), ("rules/a.yaml", rules)];
    let (engine, report) = Engine::load(Files::from_texts(files), &NoSecrets);
    let engine = engine.unwrap_or_else(|| panic!("{:?}", report.findings));
    let row: Vec<Inbound> = texts.iter().map(|text| Inbound::words("msg_1", "web", stranger(), text)).collect();
    engine.in_a_row(&row, &begun(&stranger()), at("2026-10-09T10:00:00+08:00"))
}

fn reasons(outcomes: &[Outcome]) -> Vec<Reason> {
    outcomes.iter().map(|outcome| outcome.decision.reason).collect()
}

#[test]
fn at_most_five_messages_wait_for_one_more() {
    let said = in_a_row(&["紫", "色", "大", "象", "飞", "过", "桥"]);
    assert_eq!(reasons(&said), [[Reason::Continued; 5].as_slice(), &[Reason::NoMatch; 2]].concat());
    assert_eq!(said[5].trace.joined.as_deref(), Some("紫 色 大 象 飞 过"));
    assert_eq!((said[5].conversation.state, said[5].conversation.misses), (State::Queued, 1));
    assert!(said[5].conversation.unanswered.is_empty() && said[6].trace.joined.is_none());
}

#[test]
fn no_more_words_are_put_together_than_one_message_may_hold() {
    let long = "象".repeat(36);
    // The last ones that fit.
    let said = in_a_row(&[&long, "我的鞋", "怎么退"]);
    assert_eq!(said[2].trace.joined.as_deref(), Some("我的鞋 怎么退"));
    assert_eq!(said[2].decision.rule.as_deref(), Some("shoes.return"));
    let said = in_a_row(&["我的鞋", &long, "怎么退"]);
    assert_eq!(said[2].trace.joined, Some(format!("{long} 怎么退")));
    assert_eq!(said[2].decision.reason, Reason::NoMatch);
}

#[test]
fn thanks_are_no_answer_to_what_was_asked_before_them_and_a_wish_always_is() {
    let said = in_a_row(&["紫色大象", "谢谢"]);
    assert_eq!(reasons(&said), [Reason::Continued, Reason::NoMatch]);
    assert_eq!(said[1].decision.outcome, OutcomeKind::Handoff);
    // Alone they are.
    assert_eq!(in_a_row(&["谢谢"])[0].decision.outcome, OutcomeKind::Smalltalk);
    // What asks for a person by itself does so behind other words.
    assert_eq!(reasons(&in_a_row(&["cheap purple cleaning", "agent"])), [Reason::Continued, Reason::Asked]);
    let declined = in_a_row(&["紫色大象", "不用转人工"]);
    assert_eq!((declined[1].decision.outcome, declined[1].conversation.state), (OutcomeKind::Smalltalk, State::Bot));
}

#[test]
fn a_shop_that_does_not_wait_decides_each_message_by_itself() {
    let said = [
        Inbound::words("msg_1", "web", stranger(), "紫色大象"),
        Inbound::words("msg_2", "web", stranger(), "飞过了桥"),
    ];
    let outcomes = engine().in_a_row(&said, &begun(&stranger()), at("2026-10-09T10:00:00+08:00"));
    assert_eq!(reasons(&outcomes), [Reason::NoMatch; 2]);
    assert!(outcomes[1].trace.joined.is_none());
}
