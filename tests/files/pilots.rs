//! Pilots: a share of the customers gets a rule or entry, and the rest get what they had, to the letter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use nightdesk::decide::Outcome;
use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Gesture, Inbound};
use nightdesk::pipeline::{Shadow, Shown};
use nightdesk::replay::Decided;
use nightdesk::rules::load::NoSecrets;
use nightdesk::rules::{Files, pilots};
use serde_json::json;

const CONFIG: &str = r#"
timezone: Asia/Shanghai
languages: [zh, en]
hours: {always: {weekly: {mon-sun: ["00:00-24:00"]}}}
queues: {general: {hours: always}}
routes: [{queue: general}]
channels: {web: {kind: websocket}}
notices: {handed_over: {zh: 已转人工。, en: A colleague takes over.}, choice: {zh: 您想问哪一个？, en: Which one?}}
"#;

const FAQ: &str = "
faq:
  - id: returns.window
    title: {zh: 退货, en: Returns}
    questions: [怎么退货, 可以退货吗, how do I return an item]
    answer: {zh: 七天内可以退货。, en: You can return it within seven days.}
    options: [refund.time]
  - id: refund.time
    title: {zh: 退款多久到账, en: When the refund arrives}
    questions: [退款多久到账, 钱什么时候退给我, how long does a refund take]
    answer: {zh: 三天到账。, en: It takes three days.}
    options: [returns.window]
  - id: shipping.fee
    title: {zh: 运费, en: Shipping}
    questions: [运费多少, 邮费怎么算, how much is shipping]
    answer: {zh: 八元。, en: Eight yuan.}
";

/// One in the place of another, one that is new, and one that nobody has yet.
const PILOTS: &str = "
faq:
  - id: returns.short
    replaces: returns.window
    rollout: 30%
    answer: {zh: 七天内，在“我的订单”里申请。, en: Within seven days under My orders.}
  - id: refund.slow
    title: {zh: 退款怎么还没到, en: My refund is late}
    questions: [退款怎么还没到, 退款还没收到, my refund is late]
    answer: {zh: 请查看银行账户。, en: Please look at your bank account.}
    rollout: 50%
  - id: shipping.new
    title: {zh: 新运费, en: New fees}
    questions: [新运费是多少]
    answer: {zh: 六元。, en: Six yuan.}
    rollout: 0%
";

const MESSAGES: &[&str] = &[
    "怎么退货",
    "请问可以退货的吗",
    "退款怎么还没到",
    "退款还没有到账",
    "退款多久",
    "运费是多少啊",
    "新运费是多少",
    "how can I return this item",
    "my refund is still late",
    "1",
    "在吗",
];

fn engine(files: &[(&str, &str)]) -> Engine {
    let (engine, report) = Engine::load(Files::from_texts(files.iter().copied()), &NoSecrets);
    engine.unwrap_or_else(|| panic!("{:?}", report.findings))
}

fn with_pilots() -> Engine {
    engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("faq/pilots.yaml", PILOTS)])
}

fn at() -> Timestamp {
    "2026-10-09T10:00:00+08:00".parse().unwrap()
}

/// The first customer whose number fits.
fn customer(fits: impl Fn(u16) -> bool) -> Customer {
    let id = (0..1_000_000).map(|n| format!("v_{n}")).find(|id| fits(pilots::number(id))).unwrap();
    Customer { id, ..Customer::default() }
}

fn told(engine: &Engine, customer: &Customer, text: &str) -> Outcome {
    let conversation = Conversation::new("c_1".into(), "web", "t", customer.clone(), at());
    engine.handle(&Inbound::words("msg_1", "web", customer.clone(), text), &conversation, at())
}

fn rule(outcome: &Outcome) -> Option<&str> {
    outcome.decision.rule.as_deref()
}

#[test]
fn the_rest_get_what_they_had_to_the_letter() {
    let (before, with) = (engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ)]), with_pilots());
    for number in 0..20 {
        let customer = customer(|of| of >= 5_000 && of % 20 == number);
        for message in MESSAGES {
            let (then, now) = (told(&before, &customer, message), told(&with, &customer, message));
            assert_eq!(json!(then.replies), json!(now.replies), "{message}");
            assert_eq!(json!(then.decision.candidates), json!(now.decision.candidates), "{message}");
            assert_eq!(now.decision.pilots.as_deref(), Some([].as_slice()));
        }
    }
}

#[test]
fn those_who_take_part_get_the_pilot_wherever_the_other_answered() {
    let engine = with_pilots();
    let customer = customer(|number| number < 3_000);
    let asked = told(&engine, &customer, "怎么退货");
    assert_eq!(rule(&asked), Some("returns.short"));
    assert_eq!(asked.replies[0].text, "七天内，在“我的订单”里申请。");
    assert_eq!(
        asked.decision.pilots.as_deref(),
        Some(["returns.short".to_owned(), "refund.slow".to_owned()].as_slice())
    );
    // By likeness too, and as the option of another entry, under the title of the one that it replaces.
    assert_eq!(rule(&told(&engine, &customer, "请问可以退货的吗")), Some("returns.short"));
    let refund = told(&engine, &customer, "退款多久到账");
    assert_eq!(
        (refund.replies[0].options[0].id.as_str(), refund.replies[0].options[0].label.as_str()),
        ("returns.short", "退货")
    );
    // An option that was shown before the pilot began still leads somewhere.
    let pressed =
        Inbound { gesture: Gesture::Select("returns.window".into()), ..Inbound::words("msg_2", "web", customer, "") };
    assert_eq!(rule(&engine.handle(&pressed, &refund.conversation, at())), Some("returns.short"));
}

#[test]
fn shares_are_nested_and_nobody_has_a_pilot_of_nothing() {
    let engine = with_pilots();
    let between = customer(|number| (3_000..5_000).contains(&number));
    assert_eq!(rule(&told(&engine, &between, "怎么退货")), Some("returns.window"));
    assert_eq!(rule(&told(&engine, &between, "退款怎么还没到")), Some("refund.slow"));
    for share in [0, 3_000, 5_000] {
        let customer = customer(|number| number >= share);
        let outcome = told(&engine, &customer, "新运费是多少");
        assert_ne!(rule(&outcome), Some("shipping.new"));
    }
}

#[test]
fn a_pilot_of_a_rule_that_calls_people_calls_them_too() {
    let rules = "
rules:
  - id: stolen
    priority: 900
    when: {phrase: [被盗]}
    urgent: true
    tags: [security]
    reply: {zh: 已转值班。, en: On call.}
    handoff: {queue: general, reason: stolen, priority: urgent}
  - id: stolen.words
    replaces: stolen
    rollout: 30%
    reply: {zh: 别担心，已转值班。, en: Do not worry.}
";
    let engine = engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("rules/a.yaml", rules)]);
    for (words, fits) in [("别担心，已转值班。", 0..3_000_u16), ("已转值班。", 3_000..10_000)] {
        let outcome = told(&engine, &customer(|number| fits.contains(&number)), "我的账号被盗");
        assert_eq!(outcome.replies[0].text, words);
        assert!(outcome.decision.urgent && outcome.decision.tags == ["security"], "{words}: {:?}", outcome.decision);
        let handoff = outcome.conversation.handoff.expect("a person");
        assert_eq!((handoff.reason.as_str(), handoff.priority.as_str()), ("stolen", "urgent"), "{words}");
    }
}

#[test]
fn a_shop_without_pilots_says_nothing_of_them() {
    let engine = engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ)]);
    assert_eq!(told(&engine, &customer(|_| true), "怎么退货").decision.pilots, None);
}

#[test]
fn mistakes_of_pilots_are_found_each_once() {
    let faq = format!(
        "{FAQ}
  - {{id: a, replaces: shipping.fee, rollout: 101%, answer: x}}
  - {{id: b, replaces: shipping.fee, answer: x}}
  - {{id: c, replaces: refund.time, rollout: 10%, answer: x}}
  - {{id: d, replaces: refund.time, rollout: 20%, answer: x}}
  - {{id: e, replaces: d, rollout: 20%, answer: x}}
  - {{id: f, replaces: refund.tim, rollout: 20%, answer: x}}
  - {{id: g, title: x, rollout: 20%, answer: x}}
"
    );
    let files = [("nightdesk.yaml", CONFIG), ("faq/a.yaml", faq.as_str())];
    let (engine, report) = Engine::load(Files::from_texts(files), &NoSecrets);
    assert!(engine.is_none());
    let found: Vec<(&str, &str)> = report.findings.iter().map(|f| (f.code, f.message.as_str())).collect();
    let once: BTreeSet<_> = found.iter().collect();
    assert_eq!(once.len(), found.len(), "{found:#?}");
    let codes: BTreeSet<&str> = found.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, BTreeSet::from(["wrong-type", "missing-key", "bad-pilot", "unknown-name"]), "{found:#?}");
}

/// A candidate: one entry in other words, and a rule that asks before it answers.
const NEXT: &str = r#"
rules:
  - id: gift.engraving
    when: {phrase: [刻字]}
    slots: {words: {pattern: '[A-Z]+', ask: {zh: 刻什么字？, en: Which words?}}}
    reply: {zh: "好的，刻{{ slots.words }}。", en: We will write it.}
"#;

fn beside() -> (Engine, Engine) {
    let next = FAQ.replace("七天内可以退货。", "十四天内可以退货。");
    let candidate = engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", &next), ("rules/a.yaml", NEXT)]);
    let ours = with_pilots();
    (ours.with_candidate(candidate, 3_000), ours)
}

#[test]
fn a_share_gets_the_candidate_and_the_rest_what_they_had() {
    let (with, ours) = beside();
    let tried = customer(|number| number < 3_000);
    let said = told(&with, &tried, "怎么退货");
    assert_eq!(said.replies[0].text, "十四天内可以退货。");
    assert_eq!(said.decision.pilots.as_deref(), Some(["candidate".to_owned()].as_slice()));
    assert_ne!(with.rule_set(&tried), ours.rule_set(&tried));
    for fits in [|number| (3_000..5_000).contains(&number), |number| number >= 5_000] {
        let customer = customer(fits);
        for message in MESSAGES {
            let (before, now) = (told(&ours, &customer, message), told(&with, &customer, message));
            assert_eq!(json!(before.replies), json!(now.replies), "{message}");
            assert_eq!(before.decision.pilots, now.decision.pilots);
        }
        assert_eq!(with.rule_set(&customer), ours.rule_set(&customer));
    }
}

#[test]
fn a_dialogue_is_brought_to_its_end_by_the_rules_that_began_it() {
    let (with, ours) = beside();
    let (tried, rest) = (customer(|number| number < 3_000), customer(|number| number >= 5_000));
    let asked = told(&with, &tried, "可以刻字吗");
    assert_eq!(asked.replies[0].text, "刻什么字？");
    // Signed in meanwhile, under an id whose number is on the other side.
    let answer = Inbound::words("msg_2", "web", rest.clone(), "LOVE");
    let done = with.handle(&answer, &asked.conversation, at());
    assert_eq!(done.replies[0].text, "好的，刻LOVE。");
    assert_eq!(done.decision.pilots.as_deref(), Some([].as_slice()), "the customer is one of the rest");
    // Where no rules in use know it, it is no dialogue, as after any reload; the message is understood by itself.
    let lost = ours.handle(&answer, &asked.conversation, at());
    assert_ne!(rule(&lost), Some("gift.engraving"));
    let other = Inbound::words("msg_3", "web", rest, "运费多少");
    assert_eq!(rule(&ours.handle(&other, &asked.conversation, at())), Some("shipping.fee"));
}

#[test]
fn what_finds_no_room_in_the_shadow_is_counted_and_holds_nothing_up() {
    let (with, ours) = beside();
    let tried = customer(|_| true);
    let outcome = told(&ours, &tried, "怎么退货");
    let shadow = Shadow::default();
    let show = |candidate| Shown {
        candidate,
        shop: String::new(),
        inbound: Inbound::words("msg_1", "web", tried.clone(), "怎么退货"),
        conversation: Conversation::new("c_1".into(), "web", "t", tried.clone(), at()),
        now: at(),
        made: Decided::of(&outcome, true),
        fetched: None,
    };
    assert!(shadow.show(|_| unreachable!("nobody looks")));
    shadow.set(Some(with));
    let taken = (0..2_000).filter(|_| shadow.show(show)).count();
    assert_eq!((taken, shadow.dropped(), shadow.dropped()), (1_024, 976, 0));
    drop(shadow.shown());
    assert!(!shadow.show(show), "nobody takes it any more");
}
