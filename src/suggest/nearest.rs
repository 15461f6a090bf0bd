//! The entry that a group is nearest to, as the engine itself sees it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::Engine;
use crate::rules::model::Origin;

/// Mean confidence from which phrasings are for the entry and not for a new one: where titles begin to be offered at all.
const NEAR: f32 = 0.2;

/// The entry that most messages of a group are nearest to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Its id.
    pub rule: String,
    /// The file that it stands in.
    pub file: String,
    /// Share of the messages that are nearest to it.
    pub share: f32,
    /// How sure likeness is of it, as a mean over these.
    pub confidence: f32,
    /// Whether the group belongs there: more questions for it, and no new entry.
    pub fits: bool,
}

/// Asks the engine for each message.
#[allow(clippy::cast_precision_loss, reason = "a handful of messages")]
pub(super) fn nearest(engine: &Engine, messages: &[&str]) -> Option<Nearest> {
    let knowledge = engine.knowledge();
    let mut found: BTreeMap<u32, (usize, f32)> = BTreeMap::new();
    for message in messages {
        let guesses = knowledge.matcher.guesses(&knowledge.matcher.view(message));
        let entry = |rule: u32| knowledge.rules.get(rule as usize).is_some_and(|rule| rule.origin == Origin::Faq);
        if let Some(guess) = guesses.first().filter(|guess| entry(guess.rule)) {
            let (count, sum) = found.entry(guess.rule).or_default();
            *count += 1;
            *sum += guess.near.confidence;
        }
    }
    let (rule, (count, sum)) = found.into_iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then(a.1.1.total_cmp(&b.1.1)))?;
    let rule = knowledge.rules.get(rule as usize)?;
    let (share, confidence) = (count as f32 / messages.len() as f32, sum / count as f32);
    let fits = share > 0.5 && confidence >= NEAR;
    Some(Nearest { rule: rule.id.clone(), file: rule.place.file.to_string(), share, confidence, fits })
}
