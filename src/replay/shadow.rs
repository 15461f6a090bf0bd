//! Decisions of a candidate beside those that were made, as the messages came: counted, grouped and bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use jiff::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashSet};
use serde::{Deserialize, Serialize};

use super::compare::{Change, difference};
use super::play::Decided;

/// Most changes that are told apart; further ones are counted together.
const GROUPS: usize = 500;
/// Most samples of a change.
const SAMPLES: usize = 3;
/// Longest sample, in characters.
const SAMPLE: usize = 200;
/// Most conversations with a change that are remembered; after that they may be counted again.
const MET: usize = 100_000;

/// What was compared, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Hash of the candidate.
    pub candidate: String,
    /// Hash of the shop's own rule set.
    pub shop: String,
    /// Since when.
    pub since: Timestamp,
    /// Messages that were compared.
    pub messages: u64,
    /// Those of them that are decided otherwise.
    pub differing: u64,
    /// Messages that were left out, because too many waited.
    pub dropped: u64,
    /// Messages that the candidate could not decide: a mistake of ours.
    pub failed: u64,
    /// Of those that are decided otherwise, those in no change that is told apart.
    pub others: u64,
}

/// The decisions that differ.
#[derive(Debug)]
pub struct Shadowed {
    /// How much.
    pub totals: Totals,
    changes: BTreeMap<(Decided, Decided), Change>,
    touched: BTreeSet<(Decided, Decided)>,
    met: FxHashSet<u64>,
    /// Hashes of the samples of each change: the words themselves are in the store alone, for as long as they may be.
    sampled: BTreeMap<(Decided, Decided), FxHashSet<u64>>,
    said: Vec<Sample>,
}

/// What a customer wrote that is decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The change, without samples.
    pub of: Change,
    /// Whose words they are.
    pub conversation: String,
    /// The words, masked.
    pub text: String,
}

impl Shadowed {
    /// Goes on from what was counted before.
    #[must_use]
    pub fn from(totals: Totals, changes: Vec<Change>) -> Self {
        let hashes = |change: &Change| change.samples.iter().map(|text| FxBuildHasher.hash_one(text)).collect();
        let sampled = changes.iter().map(|change| (key(change), hashes(change))).collect();
        let without = |change: Change| Change { samples: Vec::new(), ..change };
        let changes = changes.into_iter().map(|change| (key(&change), without(change))).collect();
        Self { totals, changes, touched: BTreeSet::new(), met: FxHashSet::default(), sampled, said: Vec::new() }
    }

    /// Counts one message: what was decided, and what the candidate would have. `sample` is its words, masked.
    pub fn count(&mut self, made: Decided, would: Decided, conversation: &str, sample: impl FnOnce() -> String) {
        self.totals.messages += 1;
        let Some(key) = difference(made, would) else { return };
        self.totals.differing += 1;
        if self.changes.len() >= GROUPS && !self.changes.contains_key(&key) {
            self.totals.others += 1;
            return;
        }
        if self.met.len() >= MET {
            self.met.clear();
        }
        let new = self.met.insert(FxBuildHasher.hash_one((conversation, &key)));
        let change = self.changes.entry(key.clone()).or_insert_with(|| Change::between(key.clone()));
        change.messages += 1;
        change.conversations += usize::from(new);
        // One of a conversation: they are kept under its name.
        let sampled = self.sampled.entry(key.clone()).or_default();
        if new && sampled.len() < SAMPLES {
            let text: String = sample().chars().take(SAMPLE).collect();
            if !text.is_empty() && sampled.insert(FxBuildHasher.hash_one(&text)) {
                self.said.push(Sample { of: change.clone(), conversation: conversation.to_owned(), text });
            }
        }
        self.touched.insert(key);
    }

    /// Changes could not be kept: the next time they are asked for again.
    pub fn touch(&mut self, changes: &[Change]) {
        self.touched.extend(changes.iter().map(key));
    }

    /// The samples since this was asked last.
    pub fn said(&mut self) -> Vec<Sample> {
        std::mem::take(&mut self.said)
    }

    /// Samples could not be kept: the next time they are asked for again.
    pub fn say_again(&mut self, said: Vec<Sample>) {
        self.said.extend(said);
    }

    /// The changes that were counted since this was asked last.
    pub fn touched(&mut self) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().filter_map(|key| self.changes.get(&key).cloned()).collect()
    }
}

fn key(change: &Change) -> (Decided, Decided) {
    let words = u64::from(change.in_words);
    (change.before.clone(), Decided { words, ..change.after.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{OutcomeKind, Reason};

    fn decided(rule: &str, words: u64) -> Decided {
        let rule = Some(rule.to_owned());
        Decided { outcome: OutcomeKind::Faq, reason: Reason::Matched, rule, queue: None, words }
    }

    #[test]
    fn differences_are_grouped_and_go_on_after_a_restart() {
        let mut shadowed = Shadowed::from(Totals::default(), Vec::new());
        shadowed.count(decided("a", 1), decided("a", 1), "c1", || unreachable!("the same is no sample"));
        for (conversation, sample) in [("c1", "怎么退货"), ("c1", "怎么退货"), ("c2", "可以退吗")] {
            shadowed.count(decided("a", 1), decided("b", 2), conversation, || sample.to_owned());
        }
        shadowed.count(decided("a", 1), decided("a", 2), "c3", String::new);
        let mut kept = shadowed.touched();
        kept.sort_by_key(|change| change.messages);
        assert_eq!(kept.len(), 2);
        assert!(kept[0].in_words && kept[0].samples.is_empty(), "{kept:#?}");
        assert_eq!((kept[1].messages, kept[1].conversations, kept[1].in_words), (3, 2, false));
        let said: Vec<(String, String)> = shadowed.said().into_iter().map(|one| (one.conversation, one.text)).collect();
        assert_eq!(said, [("c1".to_owned(), "怎么退货".to_owned()), ("c2".to_owned(), "可以退吗".to_owned())]);
        assert!(shadowed.touched().is_empty() && shadowed.said().is_empty());

        let text = serde_json::to_string(&kept).unwrap();
        let mut again = Shadowed::from(shadowed.totals, serde_json::from_str(&text).unwrap());
        again.count(decided("a", 1), decided("a", 9), "c4", String::new);
        assert_eq!((again.totals.messages, again.totals.differing), (6, 5));
        let touched = again.touched();
        assert_eq!((touched.len(), touched[0].messages, touched[0].in_words), (1, 2, true));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut shadowed = Shadowed::from(Totals::default(), Vec::new());
        for number in 0..GROUPS as u64 + 7 {
            let long = || "长".repeat(5_000);
            shadowed.count(decided("a", 0), decided(&format!("b{number}"), 0), "c", long);
            shadowed.count(decided("a", 0), decided("b1", 0), &format!("c{number}"), || number.to_string());
        }
        assert_eq!(shadowed.totals.others, 7);
        let touched = shadowed.touched();
        assert_eq!(touched.len(), GROUPS);
        assert!(touched.iter().all(|change| change.samples.is_empty()), "the words are no part of what is counted");
        let said = shadowed.said();
        assert!(said.iter().filter(|one| one.of.after.rule.as_deref() == Some("b1")).count() <= SAMPLES);
        assert!(said.iter().all(|sample| sample.text.chars().count() <= SAMPLE));
    }
}
