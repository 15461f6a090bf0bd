//! One line of an export: a customer's message with what its decision needs, or what a person of the shop did.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::message::{Kind, OutcomeKind, Reason};
use crate::text::{is_whole, redact};

/// What stands for a masked name.
const MASK: &str = "***";

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The conversation, by a name that means nothing elsewhere.
    pub conversation: String,
    /// What happened.
    #[serde(flatten)]
    pub what: Said,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    /// The customer wrote, or pressed something.
    Message(Box<Message>),
    /// A person of the shop did something.
    Person {
        /// What.
        did: Act,
    },
}

/// What a person of the shop can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Took the case.
    Take,
    /// Handed it back to the bot.
    Return,
    /// Closed it.
    Close,
}

/// A customer's message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The channel's name.
    pub channel: String,
    /// Who wrote.
    #[serde(default)]
    pub customer: Person,
    /// What it carries.
    #[serde(default = "text")]
    pub kind: Kind,
    /// The words, masked.
    pub text: String,
    /// How it came, where it was not written into a chat.
    #[serde(default, skip_serializing_if = "By::is_writing")]
    pub by: By,
    /// What was decided; none in a file that did not come from a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Was>,
}

fn text() -> Kind {
    Kind::Text
}

/// A customer, as far as decisions hang on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// A name that means nothing elsewhere.
    pub id: String,
    /// Level of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The attributes that were asked for.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// How a message came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It was written.
    #[default]
    Writing,
    /// An option was pressed; holds its id.
    Option(String),
    /// "Talk to a person" was pressed.
    Person,
    /// A score was given.
    Score(u8),
    /// By letter; whether a machine may answer it.
    Letter {
        /// Whether it may.
        machine: bool,
    },
    /// A machine wrote it.
    Machine,
    /// Nobody wrote: something of ours did not arrive.
    Undelivered,
}

impl By {
    /// Whether it was simply written.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        *self == Self::Writing
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Was {
    /// What was done.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// The rule or entry behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Was {
    /// Whether nothing surely answered; while the customer waits for a person, that is silence.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self.reason, Reason::NoMatch | Reason::Misses | Reason::Ambiguous)
            && matches!(self.outcome, OutcomeKind::Handoff | OutcomeKind::Choice | OutcomeKind::Silent)
    }
}

/// A text without telephone numbers, mail addresses, cards and long numbers, and without the customer's name as the channel tells
/// it, whole or a part of it. Other names stay.
#[must_use]
pub fn masked(text: &str, name: Option<&str>) -> String {
    let mut masked = redact(text).into_owned();
    let name = name.map(str::trim).unwrap_or_default();
    // A name of one sign may be any word.
    for part in std::iter::once(name).chain(name.split_whitespace()).filter(|part| part.chars().count() > 1) {
        masked = without(&masked, part, part == name);
    }
    masked
}

/// A text without a word; `any_case`: however it is written.
fn without(text: &str, word: &str, any_case: bool) -> String {
    let lower = |text: &str| if any_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let (searched, wanted) = (lower(text), lower(word));
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    // Ann is no part of planning.
    for (at, found) in searched.match_indices(&wanted).filter(|(at, found)| is_whole(&searched, *at..at + found.len()))
    {
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(MASK);
        done = at + found.len();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was_written() {
        let message = Message {
            channel: "web".into(),
            customer: Person { id: "k1".into(), tier: Some("vip".into()), ..Person::default() },
            kind: Kind::Text,
            text: masked("我是王小明，电话13812345678", Some("王小明")),
            by: By::Option("returns.window".into()),
            was: Some(Was { outcome: OutcomeKind::Handoff, reason: Reason::NoMatch, rule: None }),
        };
        for what in [Said::Message(Box::new(message)), Said::Person { did: Act::Return }] {
            let line = Line { at: Timestamp::UNIX_EPOCH, conversation: "k2".into(), what };
            let written = serde_json::to_string(&line).expect("a line");
            assert!(!written.contains("1381234") && !written.contains("王小明"), "{written}");
            assert_eq!(serde_json::from_str::<Line>(&written).expect("readable"), line);
        }
    }

    #[test]
    fn a_name_is_masked_where_it_is_a_word() {
        for (text, name, left) in [
            ("我是王小明呀", "王小明", "我是***呀"),
            ("ann lee here, planning", "Ann Lee", "*** here, planning"),
            ("Yours, Lee", "Ann Lee", "Yours, ***"),
            ("annoying", "Ann", "annoying"),
            ("明天到吗", "明", "明天到吗"),
            ("hi", " ", "hi"),
            ("İann Ann", "Ann", "İann ***"),
        ] {
            assert_eq!(masked(text, Some(name)), left, "{text}");
        }
    }

    #[test]
    fn a_line_by_hand_needs_little() {
        let line =
            r#"{"type":"message","at":"2026-10-01T00:00:00Z","conversation":"a","channel":"web","text":"怎么退货"}"#;
        let read: Line = serde_json::from_str(line).expect("readable");
        let Said::Message(message) = read.what else { panic!("a message") };
        assert_eq!((message.by, message.kind, message.was), (By::Writing, Kind::Text, None));
    }
}
