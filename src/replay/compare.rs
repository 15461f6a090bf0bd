//! Decisions that differ, grouped by what was decided before and what is decided now.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::Engine;

use super::line::{Line, Message, Said};
use super::play::{Decided, play, shown};

/// What today's decisions are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// Those of another rule set.
    Engine(&'a Engine),
    /// Those that were recorded. Queues are not.
    Recorded,
}

/// One message that is decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which of the conversation's lines.
    pub line: usize,
    /// What was decided before.
    pub before: Decided,
    /// What is decided now.
    pub after: Decided,
}

/// Of one conversation, in order: how many messages were compared, and those that are decided otherwise.
#[must_use]
pub fn differences(lines: &[&Line], before: Before<'_>, after: &Engine, words: bool) -> (usize, Vec<Difference>) {
    let words = words && matches!(before, Before::Engine(_));
    let now = play(after, lines, words);
    let messages = lines.iter().enumerate().filter_map(|(at, line)| Some((at, message(line)?)));
    let then: Vec<Option<Decided>> = match before {
        Before::Engine(engine) => play(engine, lines, words).into_iter().map(Some).collect(),
        Before::Recorded => messages.clone().map(|(_, message)| message.was.as_ref().map(Decided::from)).collect(),
    };
    let mut compared = 0;
    let mut out = Vec::new();
    for (((line, _), then), mut after) in messages.zip(then).zip(now) {
        let Some(then) = then else { continue };
        compared += 1;
        // Which queue it was is not in an export.
        if matches!(before, Before::Recorded) {
            after.queue = None;
        }
        if let Some((before, after)) = difference(then, after) {
            out.push(Difference { line, before, after });
        }
    }
    (compared, out)
}

/// Two decisions that differ. Words are told apart only where nothing else differs: an answer with the time in it is another one in
/// every message.
pub(super) fn difference(mut before: Decided, mut after: Decided) -> Option<(Decided, Decided)> {
    if before == after {
        return None;
    }
    before.words = 0;
    after.words = 0;
    after.words = u64::from(before == after);
    Some((before, after))
}

fn message(line: &Line) -> Option<&Message> {
    match &line.what {
        Said::Message(message) => Some(message),
        Said::Person { .. } => None,
    }
}

/// Messages that are decided otherwise in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was decided before.
    pub before: Decided,
    /// What is decided now.
    pub after: Decided,
    /// Whether only the words of the answer differ.
    pub in_words: bool,
    /// How many messages.
    pub messages: usize,
    /// In how many conversations.
    pub conversations: usize,
    /// How many of the messages come after an earlier difference in their conversation, and may be its consequence.
    pub later: usize,
    /// Some of them, each text once, the first ones.
    pub samples: Vec<String>,
}

impl Change {
    /// Between two decisions that differ; no message has it yet.
    pub(super) fn between((before, after): (Decided, Decided)) -> Self {
        let in_words = before.words != after.words;
        Self { before, after, in_words, messages: 0, conversations: 0, later: 0, samples: Vec::new() }
    }
}

/// Groups the differences of all conversations; the change that most messages have comes first.
#[must_use]
pub fn changes<'a>(all: impl Iterator<Item = (&'a [&'a Line], &'a [Difference])>, samples: usize) -> Vec<Change> {
    let mut groups: BTreeMap<(&Decided, &Decided), Change> = BTreeMap::new();
    for (lines, differences) in all {
        let mut here = BTreeSet::new();
        for (number, Difference { line, before, after }) in differences.iter().enumerate() {
            let new = || Change::between((before.clone(), after.clone()));
            let change = groups.entry((before, after)).or_insert_with(new);
            change.messages += 1;
            change.later += usize::from(number > 0);
            change.conversations += usize::from(here.insert((before, after)));
            let text = lines.get(*line).and_then(|line| message(line)).map(shown);
            change.samples.extend(text.filter(|text| change.samples.len() < samples && !change.samples.contains(text)));
        }
    }
    let mut out: Vec<Change> = groups.into_values().collect();
    out.sort_by_key(|change| Reverse(change.messages));
    out
}
