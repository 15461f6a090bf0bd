//! Customers' own words in a report, always masked: what nothing answered, and a random sample of conversations.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::store::{EventRow, UnmatchedRow};
use crate::suggest::{self, Draft, Nearest, Options};
use crate::text::redact;

/// Characters of a message that are shown.
const SHOWN: usize = 200;
/// Groups of what nothing answered, the largest.
const GROUPS: usize = 50;
/// Messages of a group that go into its draft.
const SAMPLES: usize = 5;

/// Messages that ask alike and that nothing surely answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The message in the middle of it, as one customer wrote it, masked.
    pub text: String,
    /// What is said here and not elsewhere, the most telling first.
    pub words: Vec<String>,
    /// Messages.
    pub count: u64,
    /// Different ones among them.
    pub texts: u64,
    /// The entry that most of them are nearest to.
    pub nearest: Option<Nearest>,
    /// What could be done about it.
    pub suggestion: Draft,
}

/// Groups messages by likeness, as `nightdesk suggest` does, the largest groups first. Takes seconds for tens of thousands.
pub(super) fn groups(engine: &Engine, rows: &[UnmatchedRow]) -> Vec<Group> {
    // Masked before anything else, so that no number gives a group its name.
    let texts: Vec<String> = rows.iter().map(|row| shown(&text_of(&row.body))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let grouped = suggest::groups(engine, &texts, Options { least: 1, most: GROUPS, samples: SAMPLES }).groups;
    let drafts = suggest::drafts(engine, &grouped);
    let group = |(group, suggestion): (suggest::Group, Draft)| Group {
        text: group.samples.into_iter().next().unwrap_or_default(),
        words: group.words,
        count: group.messages as u64,
        texts: group.texts as u64,
        nearest: group.nearest,
        suggestion,
    };
    grouped.into_iter().zip(drafts).map(group).collect()
}

fn text_of(body: &str) -> String {
    let data: Value = serde_json::from_str(body).unwrap_or_default();
    data["text"].as_str().unwrap_or_default().to_owned()
}

/// Words as they may be shown: masked first, then cut, so that no number escapes by being cut. What would steer a
/// terminal is left out.
pub(super) fn shown(text: &str) -> String {
    let plain: String = text.chars().filter(|c| c.is_whitespace() || !c.is_control()).collect();
    let masked = redact(&plain);
    let line: String = masked.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain(['…']).collect()
}

/// A conversation of the sample, for inspection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sampled {
    /// `c_…`
    pub conversation: String,
    /// The channel's name, where it is known.
    pub channel: String,
    /// What was said in the period, oldest first.
    pub lines: Vec<Line>,
}

/// One message of a transcript.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// `visitor`, `bot` or `human`.
    pub role: String,
    /// The words, masked.
    pub text: String,
    /// Rule or entry that said it.
    pub rule: Option<String>,
}

/// The messages among events.
pub(super) fn lines(events: &[EventRow]) -> Vec<Line> {
    let messages = events.iter().filter(|event| event.kind == "message");
    messages
        .map(|event| {
            let data: Value = serde_json::from_str(&event.body).unwrap_or_default();
            let text = shown(data["text"].as_str().unwrap_or_default());
            Line { at: event.at, role: event.role.clone(), text, rule: data["rule"].as_str().map(str::to_owned) }
        })
        .collect()
}

/// So many of the conversations, by chance: which ones follows from the seed and their ids alone.
pub(super) fn drawn<'a>(all: impl Iterator<Item = &'a str>, count: usize, seed: u64) -> Vec<&'a str> {
    let lot = |id: &str| {
        let hash = digest(&SHA256, format!("{seed} {id}").as_bytes());
        hash.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut lots: Vec<(u64, &str)> = all.map(|id| (lot(id), id)).collect();
    lots.sort_unstable();
    lots.into_iter().take(count).map(|(_, id)| id).collect()
}
