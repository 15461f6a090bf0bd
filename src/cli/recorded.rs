//! What a daemon recorded, as lines of an export: read beside it, masked, and under names that mean nothing elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Failure;
use super::progress::Progress;
use crate::channel::mail::quote;
use crate::message::{Conversation, Kind, Letter, Reason, Role, State};
use crate::replay::{Act, By, Line, Message, Person, Said, Was, masked};
use crate::rules::shape;
use crate::store::sqlite::SqliteStore;
use crate::store::{DecisionFilter, EventRow, Store};

/// Rows that are read at once.
const PAGE: usize = 2000;

/// What is taken from a store.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// From then on.
    pub since: Timestamp,
    /// Attributes of customers that are kept.
    pub attributes: &'a [String],
}

/// Names that are the same within one export and mean nothing elsewhere.
struct Names(hmac::Key);

impl Names {
    fn new() -> Self {
        // The salt is thrown away with it.
        let salt = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
        Self(hmac::Key::new(hmac::HMAC_SHA256, &salt))
    }

    fn of(&self, kind: &str, id: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{kind}\u{0}{id}").as_bytes());
        format!("{kind}_{}", data_encoding::HEXLOWER.encode(tag.as_ref().get(..10).unwrap_or_default()))
    }
}

/// All lines since a time, conversation by conversation in the order in which these came up, each in its own order.
pub(super) fn read(data: &Path, wanted: &Wanted<'_>) -> Result<Vec<Line>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open_beside(data)?;
        let conversations = conversations(&store, wanted.since).await?;
        let (names, progress) = (Names::new(), Progress::new("conversations read", conversations.len()));
        let mut lines = Vec::new();
        for id in &conversations {
            one(&store, id, wanted, &names, &mut lines).await?;
            progress.step(1);
        }
        Ok(lines)
    })
}

/// Conversations in which something was decided since a time.
async fn conversations(store: &SqliteStore, since: Timestamp) -> Result<Vec<String>, Failure> {
    let (mut out, mut known, mut after) = (Vec::new(), BTreeSet::new(), 0);
    loop {
        let filter = DecisionFilter { from: since, until: Timestamp::MAX, after, limit: PAGE };
        let page = store.decisions(filter).await?;
        let Some((last, _)) = page.last() else { return Ok(out) };
        after = *last;
        for (_, decision) in page {
            if known.insert(decision.conversation.clone()) {
                out.push(decision.conversation);
            }
        }
    }
}

async fn one(
    store: &SqliteStore,
    id: &str,
    wanted: &Wanted<'_>,
    names: &Names,
    lines: &mut Vec<Line>,
) -> Result<(), Failure> {
    let Some(row) = store.conversation(id).await? else { return Ok(()) };
    let conversation: Conversation = serde_json::from_str(&row.body)
        .map_err(|error| anyhow::anyhow!("conversation {id} cannot be read: {error}"))?;
    let customer = &conversation.customer;
    let kept =
        |name: &String| Some((name.clone(), mask_value(customer.attributes.get(name)?, customer.name.as_deref())));
    let person = Person {
        id: names.of("customer", &format!("{}\u{0}{}", conversation.channel, customer.id)),
        tier: customer.tier.clone(),
        attributes: wanted.attributes.iter().filter_map(kept).collect(),
    };
    let (name, mut after) = (names.of("conversation", id), 0);
    loop {
        let page = store.events_after(id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        let since = page.iter().filter(|event| event.at >= wanted.since);
        lines.extend(since.filter_map(|event| {
            let what = said(event, &conversation, &person)?;
            Some(Line { at: event.at, conversation: name.clone(), what })
        }));
    }
}

/// An attribute as it may leave the shop.
fn mask_value(value: &Value, name: Option<&str>) -> Value {
    match value {
        Value::String(text) => Value::from(masked(text, name)),
        // A number as long as that of a telephone may be one.
        Value::Number(number) if masked(&number.to_string(), None) != number.to_string() => Value::Null,
        Value::Array(values) => values.iter().map(|value| mask_value(value, name)).collect(),
        Value::Object(values) => {
            Value::Object(values.iter().map(|(key, value)| (key.clone(), mask_value(value, name))).collect())
        }
        other => other.clone(),
    }
}

/// What an event of the transcript is in an export; none for what the bot said, and for what follows from messages.
fn said(event: &EventRow, conversation: &Conversation, person: &Person) -> Option<Said> {
    let data: Value = serde_json::from_str(&event.body).ok()?;
    let word = |key: &str| data.get(key).and_then(Value::as_str);
    match event.kind.as_str() {
        "state" => {
            let did = match State::parse(word("state")?)? {
                State::Human => Act::Take,
                State::Bot => Act::Return,
                State::Closed => Act::Close,
                State::Queued => return None,
            };
            Some(Said::Person { did })
        }
        "message" if event.role == Role::Visitor.as_str() => {
            let was: Option<Was> = data.get("decision").and_then(|was| serde_json::from_value(was.clone()).ok());
            let (by, text) = by(&data, was.as_ref());
            let name = conversation.customer.name.as_deref();
            Some(Said::Message(Box::new(Message {
                channel: conversation.channel.clone(),
                customer: person.clone(),
                kind: word("kind").and_then(Kind::parse).unwrap_or(Kind::Text),
                text: masked(&text, name),
                by,
                was,
            })))
        }
        _ => None,
    }
}

/// How a message came, and its words.
fn by(data: &Value, was: Option<&Was>) -> (By, String) {
    let text = data.get("text").and_then(Value::as_str).unwrap_or_default();
    let option = data.get("option").and_then(Value::as_str);
    let score = data.pointer("/rating/score").and_then(Value::as_u64).and_then(|score| u8::try_from(score).ok());
    let letter: Option<Letter> = data.get("letter").and_then(|letter| serde_json::from_value(letter.clone()).ok());
    let by = if let Some(letter) = letter {
        return (By::Letter { machine: letter.answer_to.is_some() }, own_words(&letter, text));
    } else if let Some(option) = option {
        By::Option(option.to_owned())
    } else if data.get("asked").is_some() {
        By::Person
    } else if data.get("undelivered").is_some() {
        By::Undelivered
    } else if was.is_some_and(|was| was.reason == Reason::AutomaticSender) {
        By::Machine
    } else if let Some(score) = score.filter(|score| text.starts_with(&format!("{score} "))) {
        // By a button or form; one that was typed is words.
        let comment = data.pointer("/rating/text").and_then(Value::as_str).unwrap_or_default();
        return (By::Score(score), comment.to_owned());
    } else {
        By::Writing
    };
    (by, text.to_owned())
}

/// What of a letter was decided on: the transcript has all of it.
fn own_words(letter: &Letter, whole: &str) -> String {
    let subject = letter.subject.trim();
    let own = quote::own_words(whole.strip_prefix(subject).unwrap_or(whole).trim_start());
    let bare = quote::bare_subject(subject);
    let first = letter.references.is_empty() && !quote::is_reply(subject);
    match (own.is_empty(), bare.is_empty() || !first || own.contains(bare)) {
        (true, _) => bare.to_owned(),
        (false, true) => own,
        (false, false) => format!("{bare}\n{own}"),
    }
}

/// Reads `--since`: a length of time such as 30d, or a time.
pub(super) fn since(text: &str, now: Timestamp, zone: &jiff::tz::TimeZone) -> Result<Timestamp, Failure> {
    if let Some(span) = shape::duration(text).and_then(|span| SignedDuration::try_from(span).ok()) {
        return Ok(now.checked_sub(span)?);
    }
    let date = format!("{text}T00:00");
    super::instant(if text.contains('T') { text } else { &date }, zone).map_err(|_| {
        anyhow::anyhow!("`{text}` is neither a length of time such as 30d nor a time such as 2026-10-09T20:15")
    })
}
