//! The total order: which candidate wins. README and `docs/rules.md` tell it in the same words.
//!
//! 1. the higher `priority`;
//! 2. the more specific sign: exact sentence, phrase of several parts, phrase, regular expression, likeness, condition alone;
//! 3. the longer match, in characters of the folded message; of two likenesses the surer;
//! 4. file order: path, then place in the file.

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

/// What kind of sign a rule was recognised by, from the least to the most specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Nothing of the text: only `if`, `none` and the like.
    Condition,
    /// The message is like the rule's sentences.
    Like,
    /// A regular expression.
    Pattern,
    /// A phrase.
    Phrase,
    /// A phrase whose several parts all occur.
    Phrases,
    /// The whole message is a known sentence.
    Exact,
}

impl Sign {
    /// How sure the sign is, from 0 to 1.
    #[must_use]
    pub const fn score(self) -> f64 {
        match self {
            Self::Condition | Self::Like => 0.5,
            Self::Pattern => 0.85,
            Self::Phrase => 0.9,
            Self::Phrases => 0.95,
            Self::Exact => 1.0,
        }
    }

    /// In words, for `explain`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Like => "likeness",
            Self::Pattern => "regex",
            Self::Phrase => "phrase",
            Self::Phrases => "phrase of several parts",
            Self::Exact => "exact sentence",
        }
    }
}

/// Why a rule is a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The most specific sign.
    pub sign: Sign,
    /// Stretches of the folded text, in order, not overlapping.
    pub spans: Vec<Range<usize>>,
    /// Characters of the folded text within the stretches.
    pub length: usize,
    /// Of likeness the confidence, in thousandths; 0 for every other sign.
    pub sure: u16,
}

impl Evidence {
    pub(super) fn condition() -> Self {
        Self { sign: Sign::Condition, spans: Vec::new(), length: 0, sure: 0 }
    }

    /// The message is like the rule's sentences, so surely.
    pub(super) fn like(sure: u16) -> Self {
        Self { sign: Sign::Like, spans: Vec::new(), length: 0, sure }
    }

    pub(super) fn of(sign: Sign, spans: Vec<Range<usize>>, text: &str) -> Self {
        let spans = merged(spans);
        let length = spans.iter().map(|span| text.get(span.clone()).map_or(0, |s| s.chars().count())).sum();
        Self { sign, spans, length, sure: 0 }
    }

    /// Both hold: the more specific sign, and all stretches.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.sign = self.sign.max(other.sign);
        self.sure = if self.sign == Sign::Like { self.sure.max(other.sure) } else { 0 };
        if other.spans.is_empty() {
            return self;
        }
        let before = self.spans.len();
        // Lengths add up; where stretches overlap the shared part counts once, by its share of bytes at most.
        let bytes = |spans: &[Range<usize>]| spans.iter().map(ExactSizeIterator::len).sum::<usize>();
        let total = bytes(&self.spans) + bytes(&other.spans);
        let length = self.length + other.length;
        self.spans.extend(other.spans);
        self.spans = merged(std::mem::take(&mut self.spans));
        let shared = total - bytes(&self.spans);
        self.length =
            if before == 0 || shared == 0 { length } else { length.saturating_sub(shared * length / total.max(1)) };
        self
    }

    /// What is compared between two ways in of the same rule.
    pub(super) fn strength(&self) -> (Sign, u16, usize) {
        (self.sign, self.sure, self.length)
    }

    /// How sure it is, from 0 to 1.
    #[must_use]
    pub fn score(&self) -> f64 {
        if self.sign == Sign::Like { f64::from(self.sure) / 1000.0 } else { self.sign.score() }
    }
}

fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// A rule whose condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Index of the rule, which is its file order.
    pub rule: u32,
    /// Why.
    pub evidence: Evidence,
}

impl Candidate {
    /// Orders two candidates, the winner first. `priority` tells that of a rule.
    #[must_use]
    pub fn rank(&self, other: &Self, priority: &dyn Fn(u32) -> i64) -> Ordering {
        let key = |c: &Self| (Reverse(priority(c.rule)), Reverse(c.evidence.strength()), c.rule);
        key(self).cmp(&key(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        let sign = prop_oneof![
            Just(Sign::Condition),
            Just(Sign::Like),
            Just(Sign::Pattern),
            Just(Sign::Phrase),
            Just(Sign::Phrases),
            Just(Sign::Exact)
        ];
        (0..6_u32, sign, 0..4_usize, 0..3_u16).prop_map(|(rule, sign, length, sure)| {
            let sure = if sign == Sign::Like { sure } else { 0 };
            Candidate { rule, evidence: Evidence { sign, spans: Vec::new(), length, sure } }
        })
    }

    proptest! {
        /// Lesson 23: which rule wins is never random; two candidates of different rules never tie.
        #[test]
        fn lesson_23_rank_is_a_total_order(a in candidate(), b in candidate(), c in candidate()) {
            let priority = |rule: u32| i64::from(rule % 2);
            let rank = |x: &Candidate, y: &Candidate| x.rank(y, &priority);
            prop_assert_eq!(rank(&a, &b), rank(&b, &a).reverse());
            if a.rule != b.rule {
                prop_assert_ne!(rank(&a, &b), Ordering::Equal);
            }
            if rank(&a, &b).is_le() && rank(&b, &c).is_le() {
                prop_assert!(rank(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn priority_then_sign_then_length_then_file_order() {
        let of =
            |rule, sign, length| Candidate { rule, evidence: Evidence { sign, spans: Vec::new(), length, sure: 0 } };
        let priority = |rule: u32| i64::from(rule == 9);
        let order = [
            of(9, Sign::Condition, 0),
            of(8, Sign::Exact, 2),
            of(7, Sign::Phrases, 9),
            of(5, Sign::Phrase, 4),
            of(4, Sign::Phrase, 2),
            of(6, Sign::Phrase, 2),
            of(3, Sign::Pattern, 50),
        ];
        let mut shuffled = order.to_vec();
        shuffled.reverse();
        shuffled.sort_by(|a, b| a.rank(b, &priority));
        assert_eq!(shuffled, order);
    }

    #[test]
    fn overlapping_stretches_count_once() {
        let evidence = Evidence::of(Sign::Phrases, vec![0..6, 3..9], "退款多久");
        assert_eq!(evidence.spans, [0..9]);
        assert_eq!(evidence.length, 3);
    }
}
