//! Which language a conversation is in: by the message's script and words, remembered, and what the client says before the first.

use jiff::Timestamp;
use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Inbound};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use serde_json::json;

use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const FAQ: &str = "
faq:
  - id: returns.window
    title: {zh: 退货, en: Returning an item, es: Devolver un artículo, fr: Retourner un article}
    questions: [怎么退货, how do I return an item, cómo devuelvo un artículo, comment retourner un article]
    answer:
      zh: 七天内可以退货。
      en: You can return your order within seven days.
      es: Puede devolver su pedido en siete días.
      fr: Vous pouvez retourner votre commande sous sept jours.
  - id: refund.time
    title: {zh: 退款, en: Refunds}
    questions: [退款要多久, cuándo llega mi reembolso]
    answer: {zh: 退款三天到账。, en: A refund takes three days.}
";

fn engine(languages: &str) -> Engine {
    let settings = format!(
        "timezone: Asia/Shanghai
languages: {languages}
hours: {{always: {{weekly: {{mon-sun: [\"00:00-24:00\"]}}}}}}
queues: {{general: {{hours: always}}}}
routes: [{{queue: general}}]
channels: {{web: {{kind: websocket}}}}
notices: {{handed_over: {{zh: 已转人工。, en: A colleague takes over., es: Hola. Le atiende una persona., fr: Bonjour. Un collègue vous répond.}}}}
"
    );
    let (engine, report) =
        Engine::load(Files::from_texts([("nightdesk.yaml", settings.as_str()), ("faq/a.yaml", FAQ)]), &NoSecrets);
    engine.unwrap_or_else(|| panic!("{:?}", report.findings))
}

/// The languages in which a customer is answered, message by message.
fn answered(engine: &Engine, locale: Option<&str>, said: &[&str]) -> Vec<String> {
    let at: Timestamp = "2026-10-14T10:00:00+08:00".parse().unwrap();
    let customer = Customer { id: "anna".into(), ..Customer::default() };
    let mut conversation = Conversation::new("c_1".into(), "web", "anna", customer.clone(), at);
    let mut languages = Vec::new();
    for text in said {
        let mut inbound = Inbound::words("msg_1", "web", customer.clone(), text);
        inbound.locale = locale.map(str::to_owned);
        let outcome = engine.handle(&inbound, &conversation, at);
        languages.push(outcome.decision.language.clone());
        conversation = outcome.conversation;
    }
    languages
}

#[test]
fn messages_in_latin_letters_are_told_apart_and_short_ones_keep_the_language() {
    let engine = engine("[en, es, fr]");
    let talk = [
        ("¿Dónde está mi pedido?", "es"),
        ("ok", "es"),
        ("refund please", "es"),
        ("SF1234567890", "es"),
        // One word of another language among one's own.
        ("el tracking no funciona desde ayer", "es"),
        ("Où est ma commande ? Je l'attends depuis lundi", "fr"),
        ("merci", "fr"),
        ("I would like to speak to a person about my order", "en"),
        ("hola", "en"),
        ("gracias, no he recibido mi reembolso todavía", "es"),
    ];
    let said = talk.map(|(text, _)| text);
    let expected = talk.map(|(_, language)| language);
    assert_eq!(answered(&engine, None, &said), expected);
}

#[test]
fn the_client_s_locale_decides_before_the_first_telling_word() {
    let engine = engine("[zh, zh-Hant, en, es, fr]");
    assert_eq!(answered(&engine, Some("fr-CA"), &["ok", "12345", "¿Dónde está mi pedido?"]), ["fr", "fr", "es"]);
    assert_eq!(answered(&engine, Some("es-MX"), &["hi", "where is my order, please?"]), ["es", "en"]);
    assert_eq!(answered(&engine, None, &["hola"]), ["es"], "nothing else is known");
    assert_eq!(answered(&engine, None, &["12345"]), ["zh"]);
}

#[test]
fn chinese_is_told_by_its_script_and_kept_through_short_words() {
    for languages in ["[zh, zh-Hant, en]", "[zh, zh-Hant, en, es, fr]"] {
        let engine = engine(languages);
        let said = ["怎麼退貨", "ok", "你好", "thanks a", "退货", "How do I return an item", "可以嗎"];
        let expected = ["zh-Hant", "zh-Hant", "zh-Hant", "zh-Hant", "zh", "en", "zh-Hant"];
        assert_eq!(answered(&engine, None, &said), expected, "{languages}");
    }
}

#[test]
fn a_language_that_is_not_served_is_answered_in_what_was_known_or_the_nearest() {
    const GERMAN: &str = "ich habe meine Erstattung noch nicht bekommen";
    assert_eq!(answered(&engine("[zh, fr]"), None, &["hello there my friend"]), ["fr"], "the only one in its letters");
    let engine = engine("[zh, en, es]");
    assert_eq!(answered(&engine, None, &[GERMAN]), ["en"], "English rather than Chinese");
    assert_eq!(answered(&engine, Some("es"), &[GERMAN]), ["es"]);
    assert_eq!(answered(&engine, None, &["¿Dónde está mi pedido?", GERMAN]), ["es", "es"]);
    assert_eq!(answered(&engine, None, &["怎么退货", GERMAN]), ["zh", "zh"]);
    assert_eq!(answered(&engine, Some("de-DE"), &["怎么退货", "환불해 주세요"]), ["zh", "zh"]);
}

#[test]
fn a_text_that_lacks_the_language_is_said_in_one_that_can_be_read() {
    let engine = engine("[zh, en, es, fr]");
    let customer = Customer { id: "anna".into(), ..Customer::default() };
    let outcomes = engine.first_messages(
        None,
        &customer,
        &["cuándo llega mi reembolso"],
        "2026-10-14T10:00:00+08:00".parse().unwrap(),
    );
    let outcome = outcomes.unwrap().pop().unwrap();
    assert_eq!((outcome.decision.rule.as_deref(), outcome.decision.language.as_str()), (Some("refund.time"), "es"));
    assert_eq!(outcome.replies[0].text, "A refund takes three days.", "not Chinese, which is the shop's first");
}

#[tokio::test]
async fn the_welcome_tells_the_conversation_s_language() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-14T10:00:00+08:00").await;
    for (locale, language) in [("en-GB", "en"), ("zh-TW", "zh-Hant"), ("fr", "en"), ("ko", "zh")] {
        let client = Client::new(daemon.address(), locale).await;
        assert_eq!(client.welcome["data"]["language"], language, "{locale}");
    }
    // What was said counts more than what the browser says.
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("How do I return an item?").await;
    let again =
        Client::hello(daemon.address(), json!({"token": client.welcome["data"]["token"], "locale": "zh-CN"})).await;
    assert_eq!(str_at(&again.welcome, "/data/language"), "en");
}
