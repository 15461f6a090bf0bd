//! Conversation tests as written.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::diag::{Finding, Place, Report};
use crate::message::{Customer, Fetched, Kind};
use crate::modes::Mode;
use crate::rules::load::parse;
use crate::rules::shape::{self, Kind as ShapeKind};
use crate::rules::{json, shapes};
use crate::yaml::{Node, Value};

/// A conversation with what is expected of it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// When it begins.
    pub at: Timestamp,
    /// Who writes.
    pub customer: Customer,
    /// Through which door.
    pub channel: Option<String>,
    /// What the customer's program says it is set to.
    pub locale: Option<String>,
    /// Values of the shop's `settings` that are others in this test.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Special modes that are on throughout.
    pub modes: Vec<Mode>,
    /// Cases that wait in each queue.
    pub waiting: u64,
    /// In order.
    pub steps: Vec<Step>,
}

/// One turn.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub place: Place,
    /// Time that passes before it.
    pub wait: Duration,
    /// What happens.
    pub word: Option<Word>,
    /// What a look-up brings in it.
    pub lookup: Option<Fetched>,
    /// What must come of it.
    pub expect: Vec<Expectation>,
}

impl Step {
    /// A step that stands in no file and expects nothing.
    #[must_use]
    pub fn plain(wait: Duration, word: Option<Word>) -> Self {
        let place = Place { file: Arc::from(""), span: 0..0 };
        Self { place, wait, word, lookup: None, expect: Vec::new() }
    }
}

/// What happens in a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The customer writes; more than one message is written in a row, faster than the daemon waits.
    Say(Vec<String>),
    /// The customer sends something that is not words, perhaps with words.
    Send(Kind, String),
    /// The customer presses an option, by number or id.
    Select(String),
    /// A person takes the case.
    Take,
    /// A person hands it back to the bot.
    Return,
    /// A person closes it.
    Close,
}

/// One key of `expect:`.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The key.
    pub key: String,
    /// Its value or values, as written.
    pub values: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Reads one file. What is wrong with its shape goes into the report.
#[must_use]
pub fn read(file: &str, text: &Arc<str>, report: &mut Report) -> Vec<Conversation> {
    let Some(node) = parse(file, text, report) else { return Vec::new() };
    if node.value == Value::Null || !shape::check(&node, &ShapeKind::Map(&shapes::CONVERSATIONS_FILE), report) {
        return Vec::new();
    }
    let items = node.get("conversations").map(Node::items).unwrap_or_default();
    for turn in items.iter().filter_map(|item| item.get("turns")).flat_map(Node::items) {
        check_turn(turn, report);
    }
    items.iter().filter_map(conversation).collect()
}

/// A turn in which nothing happens tests nothing, and of two things only one would happen.
fn check_turn(turn: &Node, report: &mut Report) {
    let keys: Vec<&Node> = turn.entries().iter().map(|(key, _)| key).collect();
    let words: Vec<&&Node> =
        keys.iter().filter(|key| matches!(key.text(), Some("say" | "send" | "select" | "person"))).collect();
    let expects = keys.iter().find(|key| key.text() == Some("expect"));
    if let [first, second, ..] = words.as_slice() {
        report.push(
            Finding::error("two-in-a-turn", "two things happen in one turn")
                .at(&second.place)
                .label("second here")
                .and(&first.place, "first here")
                .help("make a turn of each"),
        );
    } else if let (true, Some(expect)) = (nothing_happens(turn, words.is_empty()), expects) {
        report.push(
            Finding::error("empty-turn", "nothing happens in this turn, so nothing can come of it")
                .at(&expect.place)
                .help("add say: …, send: {kind: …}, select: …, person: … or wait: …"),
        );
    }
}

/// Whether neither a word is said nor time passes, which may escalate a case.
fn nothing_happens(turn: &Node, wordless: bool) -> bool {
    (wordless && turn.get("wait").is_none()) || says_nothing(turn)
}

/// Whether it says an empty list, which is not even an empty message.
fn says_nothing(turn: &Node) -> bool {
    turn.get("say").is_some_and(|said| matches!(&said.value, Value::List(items) if items.is_empty()))
}

fn conversation(node: &Node) -> Option<Conversation> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    Some(Conversation {
        name: text("name")?,
        place: node.get("name")?.place.clone(),
        at: text("at")?.parse().ok()?,
        customer: customer(node.get("customer")),
        channel: text("channel"),
        locale: text("language"),
        settings: node.get("settings").map(json).and_then(|value| value.as_object().cloned()).unwrap_or_default(),
        modes: node
            .get("modes")
            .map(Node::one_or_many)
            .unwrap_or_default()
            .iter()
            .filter_map(|mode| Mode::parse(mode.text()?))
            .collect(),
        waiting: node.get("waiting").and_then(Node::text).and_then(|text| text.parse().ok()).unwrap_or(0),
        steps: node.get("turns")?.items().iter().map(step).collect(),
    })
}

fn customer(node: Option<&Node>) -> Customer {
    let text = |key: &str| node.and_then(|n| n.get(key)).and_then(Node::text).map(str::to_owned);
    let attributes = node.and_then(|n| n.get("attributes")).map(json);
    Customer {
        id: text("id").unwrap_or_else(|| "visitor".to_owned()),
        tier: text("tier"),
        name: text("name"),
        attributes: attributes.and_then(|value| value.as_object().cloned()).unwrap_or_default(),
    }
}

fn step(node: &Node) -> Step {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let send = || {
        let send = node.get("send")?;
        let kind = send.get("kind").and_then(Node::text).and_then(Kind::parse)?;
        Some(Word::Send(kind, send.get("text").and_then(Node::text).unwrap_or_default().to_owned()))
    };
    let person = || {
        Some(match text("person")? {
            "take" => Word::Take,
            "return" => Word::Return,
            _ => Word::Close,
        })
    };
    // An empty message is written `say: ""`, which holds nothing and is still something to say.
    let said = node.entries().iter().find(|(k, _)| k.text() == Some("say")).map(|(_, v)| v.one_or_many());
    let said = said.map(|said| said.iter().filter_map(Node::text).map(str::to_owned).collect::<Vec<_>>());
    let expect = node.get("expect").map(Node::entries).unwrap_or_default();
    Step {
        place: node.place.clone(),
        wait: text("wait").and_then(shape::duration).unwrap_or_default(),
        word: said
            .filter(|said| !said.is_empty())
            .map(Word::Say)
            .or_else(send)
            .or_else(|| text("select").map(|id| Word::Select(id.to_owned())))
            .or_else(person),
        lookup: node.get("lookup").map(|node| Fetched {
            error: node.get("error").and_then(Node::text).map(str::to_owned),
            status: node.get("status").and_then(Node::text).and_then(|status| status.parse().ok()).unwrap_or(200),
            body: node.get("body").map(json).unwrap_or_default(),
        }),
        expect: expect
            .iter()
            .map(|(key, value)| Expectation {
                key: key.text().unwrap_or_default().to_owned(),
                values: value.one_or_many().iter().filter_map(Node::text).map(str::to_owned).collect(),
                place: value.place.clone(),
            })
            .collect(),
    }
}
