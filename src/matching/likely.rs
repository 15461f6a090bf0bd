//! Likeness for rules: the sentences of each rule as one entry of the learner, and the bars that its confidence has to reach.

use std::collections::HashSet;

use crate::likeness::{Likeness, Near, Sample, Synonyms};
use crate::rules::model::Careful;
use crate::text::Fold;

/// What a confidence has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bars {
    /// To be answered with.
    pub sure: f32,
    /// To be offered as a choice.
    pub near: f32,
}

impl Bars {
    /// The bars of a degree of care.
    #[must_use]
    pub const fn of(careful: Careful) -> Self {
        match careful {
            Careful::Low => Self { sure: 0.45, near: 0.2 },
            Careful::Normal => Self { sure: 0.6, near: 0.3 },
            Careful::High => Self { sure: 0.8, near: 0.45 },
        }
    }
}

/// Sentences that are compared together: those of a rule, or those that must not be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    rule: u32,
    /// Whether the rule is meant by them, and not shut out.
    means: bool,
}

/// Collects sentences.
#[derive(Debug, Default)]
pub(super) struct Learner {
    samples: Vec<Sample>,
    seen: HashSet<(u32, String)>,
    groups: Vec<Group>,
    bars: Vec<Bars>,
}

impl Learner {
    /// The group of a rule's sentences; those of one rule that mean it are one group.
    pub(super) fn group(&mut self, rule: u32, means: bool, careful: Careful) -> u32 {
        let group = Group { rule, means };
        if means && let Some(at) = self.groups.iter().rposition(|known| *known == group) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.groups.push(group);
        self.bars.push(Bars::of(careful));
        u32::try_from(self.groups.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a sentence to a group.
    pub(super) fn add(&mut self, fold: &Fold, group: u32, text: &str) {
        let folded = fold.squeeze(text).into_text();
        if !self.seen.insert((group, folded.clone())) {
            return;
        }
        self.samples.push(Sample { entry: group, text: text.to_owned(), folded });
    }

    /// Learns, within about so many bytes.
    pub(super) fn learn(self, synonyms: Synonyms, memory: usize) -> Likely {
        let likeness = Likeness::new(synonyms, &self.samples, self.groups.len(), memory);
        Likely { likeness, groups: self.groups, bars: self.bars }
    }
}

/// All sentences, learned.
#[derive(Debug)]
pub(super) struct Likely {
    pub likeness: Likeness,
    groups: Vec<Group>,
    bars: Vec<Bars>,
}

/// A rule that a message is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// Index of the rule.
    pub rule: u32,
    /// What speaks for it.
    pub near: Near,
    /// What its confidence has to reach.
    pub bars: Bars,
}

impl Likely {
    /// Whether a message is surely like a group: the nearest of all, and over its bar. Gives the confidence in thousandths.
    pub(super) fn sure(&self, near: &[Near], group: u32) -> Option<u16> {
        let first = near.first().filter(|first| first.entry == group)?;
        let bars = self.bars.get(group as usize)?;
        (first.confidence >= bars.sure).then(|| thousandths(first.confidence))
    }

    /// The rule that is surely meant, if one is.
    pub(super) fn meant(&self, near: &[Near]) -> Option<u32> {
        let first = near.first()?;
        self.sure(near, first.entry)?;
        let group = self.groups.get(first.entry as usize)?;
        group.means.then_some(group.rule)
    }

    /// The rules that a message is like, the nearest first.
    pub(super) fn guesses<'a>(&'a self, near: &'a [Near]) -> impl Iterator<Item = Guess> + 'a {
        near.iter().filter_map(|near| {
            let group = self.groups.get(near.entry as usize).filter(|group| group.means)?;
            Some(Guess { rule: group.rule, near: *near, bars: *self.bars.get(near.entry as usize)? })
        })
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1")]
fn thousandths(confidence: f32) -> u16 {
    (confidence * 1000.0).round() as u16
}
