//! Sentences that customers write: a message whose key equals a sentence's is that sentence.
//!
//! The key leaves case, width, script variant, spaces and punctuation aside (see `text::key`).

use std::collections::HashMap;

/// Sentences by key, with the rules that have them.
#[derive(Debug, Default)]
pub(super) struct Sentences(HashMap<Box<str>, Vec<u32>>);

impl Sentences {
    /// Adds a sentence of a rule.
    pub(super) fn add(&mut self, key: &str, rule: u32) {
        let rules = self.0.entry(key.into()).or_default();
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }

    /// Rules that have the sentence with this key.
    pub(super) fn hits(&self, key: &str) -> impl Iterator<Item = u32> + '_ {
        self.0.get(key).into_iter().flatten().copied()
    }
}
