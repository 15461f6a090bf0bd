//! Customers' own words in a report, always masked: what nothing answered, and a random sample of conversations.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::store::{EventRow, UnmatchedRow};
use crate::text::redact;

/// Characters of a message that are shown.
const SHOWN: usize = 200;
/// Likely answers that are named for a group.
const LIKELY: usize = 3;

/// Messages in the same words that nothing surely answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The words as one customer wrote them, masked.
    pub text: String,
    /// Messages.
    pub count: u64,
    /// Rules and entries that were nearest, the best first, with how near from 0 to 1.
    pub nearest: Vec<(String, f64)>,
}

/// Groups messages whose words are the same after folding, the largest groups first.
pub(super) fn groups(engine: &Engine, rows: &[UnmatchedRow]) -> Vec<Group> {
    let mut groups: BTreeMap<String, (u64, &UnmatchedRow, String)> = BTreeMap::new();
    for row in rows {
        let text = text_of(&row.body);
        let key = engine.knowledge().matcher.view(&text).key.clone();
        if key.is_empty() {
            continue;
        }
        groups.entry(key).and_modify(|(count, ..)| *count += 1).or_insert((1, row, text));
    }
    let mut found: Vec<Group> = groups
        .into_values()
        .map(|(count, row, text)| Group { text: shown(&text), count, nearest: nearest(&row.body) })
        .collect();
    found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    found
}

/// What the decision that is kept with the message found near.
fn nearest(body: &str) -> Vec<(String, f64)> {
    let data: Value = serde_json::from_str(body).unwrap_or_default();
    let near = data["decision"]["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
    near.iter()
        .filter_map(|candidate| Some((candidate["rule"].as_str()?.to_owned(), candidate["score"].as_f64()?)))
        .take(LIKELY)
        .collect()
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
