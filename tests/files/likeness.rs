//! Likeness as customers meet it: any text is survived, the same files understand the same, and what is explained is what was used.

use nightdesk::engine::Engine;
use nightdesk::likeness::{Method, Sample, Synonyms};
use nightdesk::message::{Customer, OutcomeKind, Reason};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use nightdesk::text::Fold;
use proptest::prelude::*;

const CONFIG: &str = "timezone: Asia/Shanghai\nlanguages: [zh, en]\nhours: {always: {weekly: {mon-sun: [\"00:00-24:00\"]}}}\n\
    queues: {general: {hours: always}}\nroutes: [{queue: general}]\nchannels: {web: {kind: websocket}}\n\
    notices: {closed: 稍后, handed_over: 转接中, choice: 您问的是哪一个？}\n";

const FAQ: &str = "
faq:
  - id: returns.window
    title: {zh: 退货, en: Returns}
    questions: [怎么退货, 不喜欢可以退吗, 退货流程是什么, how do i return an item, can i send it back, what is your return policy]
    answer: {zh: 七天内可以退。, en: Within seven days.}
  - id: refund.time
    title: {zh: 退款多久到账, en: Refund time}
    questions: [退款多久到账, 钱什么时候退回来, 几天能收到退款, how long does a refund take, when do i get my money back, refund not received]
    answer: {zh: 三天内。, en: Within three days.}
  - id: invoices.how
    title: {zh: 开发票, en: Invoices}
    questions: [怎么开发票, 可以开专票吗, 发票在哪里申请, how do i get an invoice, can you send me a vat receipt, where is my invoice]
    answer: {zh: 订单页申请。, en: On the order page.}
  - id: logistics.fee
    title: {zh: 运费, en: Shipping fee}
    questions: [运费多少, 包邮吗, 寄到新疆要加钱吗, how much is shipping, is delivery free, what does postage cost]
    answer: {zh: 满九十九包邮。, en: Free over 99.}
";

fn engine(config: &str) -> Engine {
    let files = Files::from_texts([("nightdesk.yaml", config), ("faq/a.yaml", FAQ)]);
    let (engine, report) = Engine::load(files, &NoSecrets);
    engine.unwrap_or_else(|| panic!("{:?}", report.findings))
}

fn asked(engine: &Engine, text: &str) -> nightdesk::decide::Outcome {
    let now = "2026-10-09T10:00:00+08:00".parse().unwrap();
    let customer = Customer { id: "c".into(), ..Customer::default() };
    engine.first_messages(None, &customer, &[text], now).unwrap().pop().unwrap()
}

fn rule(engine: &Engine, text: &str) -> Option<String> {
    asked(engine, text).decision.rule
}

#[test]
fn other_words_slips_and_scripts_find_the_entry() {
    let engine = engine(CONFIG);
    for (text, id) in [
        ("請問怎麼退貨呢", "returns.window"),
        ("退 货 的 流 程", "returns.window"),
        ("refnud not recieved yet", "refund.time"),
        ("怎么开发漂啊", "invoices.how"),
        ("运费是多少呀😀", "logistics.fee"),
    ] {
        assert_eq!(rule(&engine, text).as_deref(), Some(id), "{text}");
    }
}

#[test]
fn a_shop_of_one_entry_does_not_answer_everything_with_it() {
    let one = "
faq:
  - id: refund.time
    title: {zh: 退款多久到账, en: Refund time}
    questions: [退款多久到账, 退款多久, how long does a refund take]
    answer: {zh: 三天内。, en: Within three days.}
";
    let files = Files::from_texts([("nightdesk.yaml", CONFIG), ("faq/a.yaml", one)]);
    let engine = Engine::load(files, &NoSecrets).0.expect("a shop without errors");
    for text in ["退款多久能到账呀", "refund time?", "how long will my refund take"] {
        assert_eq!(rule(&engine, text).as_deref(), Some("refund.time"), "{text}");
    }
    // The same form, another thing.
    for text in ["保修多久", "多久发货", "how long is the warranty", "how long does delivery take", "怎么换货"]
    {
        assert_eq!(rule(&engine, text), None, "{text}");
    }
}

#[test]
fn what_is_unknown_or_turned_is_not_answered() {
    let engine = engine(CONFIG);
    for text in ["今天天气怎么样", "who won the match", "我不想退货了", "充", "asdf qwer"] {
        let outcome = asked(&engine, text);
        assert!(!matches!(outcome.decision.outcome, OutcomeKind::Faq), "{text}: {:?}", outcome.decision);
    }
}

#[test]
fn several_questions_are_each_answered_once() {
    let engine = engine(CONFIG);
    let outcome = asked(&engine, "怎么退货？运费多少？怎么退货？");
    let said: Vec<_> = outcome.replies.iter().map(|reply| reply.rule.as_deref().unwrap_or_default()).collect();
    assert_eq!(said, ["returns.window", "logistics.fee"]);
    // A part that nothing answers brings all of it to a person.
    let outcome = asked(&engine, "怎么退货？你们老板今年多大了？");
    assert_ne!(outcome.decision.outcome, OutcomeKind::Faq);
}

#[test]
fn care_moves_the_bars() {
    let sure = |careful: &str| {
        let engine = engine(&format!("{CONFIG}matching: {{careful: {careful}}}\n"));
        let near = asked(&engine, "退货").trace.near;
        near.first().map(|near| near.sure).unwrap()
    };
    assert!(sure("low") < sure("normal") && sure("normal") < sure("high"));
}

#[test]
fn the_shops_own_synonyms_count() {
    let files = |synonyms: &str| {
        let texts = [("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("synonyms.yaml", synonyms)];
        Engine::load(Files::from_texts(texts), &NoSecrets).0.unwrap()
    };
    let confidence = |engine: &Engine| {
        let near = asked(engine, "小票怎么弄").trace.near;
        near.iter().find(|near| near.rule == "invoices.how").map_or(0.0, |near| near.confidence)
    };
    assert!(confidence(&files("synonyms: [[发票, 小票]]\n")) > confidence(&files("synonyms: []\n")));
}

#[test]
fn too_many_entries_for_the_memory_are_compared_by_their_nearest_question() {
    let fold = Fold::new();
    let words = ["red", "green", "blue", "large", "small", "wool", "silk", "linen", "shirt", "shoe"];
    let samples: Vec<Sample> = (0..200_u32)
        .map(|entry| {
            let (a, b) = (words[entry as usize % 10], words[entry as usize / 10 % 10]);
            let text = format!("where is the {a} {b} number {entry}x");
            Sample { entry, folded: fold.squeeze(&text).into_text(), text }
        })
        .collect();
    let learned = nightdesk::likeness::Likeness::new(Synonyms::none(), &samples, 200, 4096);
    assert_eq!(learned.method(), Method::Nearest);
    let near = learned.near(&samples[42].folded);
    assert_eq!(near.first().map(|near| near.entry), Some(42));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_decided_and_explained_alike_each_time(text in prop_oneof![".{0,60}", "[怎么退货款发票运费不没的吗]{0,20}", "[a-z ]{0,40}"]) {
        thread_local!(static ENGINES: (Engine, Engine) = (engine(CONFIG), engine(CONFIG)));
        ENGINES.with(|(one, other)| {
            let outcome = asked(one, &text);
            let again = asked(other, &text);
            prop_assert_eq!(one.explained(&outcome), other.explained(&again));
            // What was decided by likeness is the first thing that is explained, over its bar.
            let by_likeness = outcome.trace.candidates.first().is_some_and(|winner| winner.sign == "likeness");
            if outcome.decision.reason == Reason::Matched && by_likeness {
                let near = outcome.trace.near.first().unwrap();
                prop_assert_eq!(Some(&near.rule), outcome.decision.rule.as_ref());
                prop_assert!(near.confidence >= near.sure);
                let why = one.why(&outcome).unwrap();
                prop_assert!(!why.example.is_empty() && why.words.iter().any(|share| share.weight > 0.0));
            }
            Ok(())
        })?;
    }
}
