//! Messages too short to be sure of: a single character, words of grammar alone, one word that stands for several questions.

use serde::Serialize;

use super::Near;
use super::reading::Reading;
use super::tokens::{Kind, Token};
use super::words::{is_filler, is_weak, turns};

/// What is left of the confidence: too little to answer, enough to offer titles.
pub(super) const VAGUE: f32 = 0.5;
/// Words of grammar up to which nothing is asked for sure: `how much`, 多久.
const HARDLY: usize = 2;
/// Confidence from which a second entry is as likely meant by one word: that of an answer, with normal care.
const LIKELY: f32 = 0.6;

/// Why a message says too little to be answered for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vague {
    /// One character (发, 充), which may be part of anything, also when it is repeated (急急急).
    Character,
    /// Words of grammar or of denial alone: `no`, `why`, 什么.
    Grammar,
    /// One word about which several entries are asked: `price`, 赠品.
    Word,
}

/// Whether a message that is like these entries, the nearest first, says too little.
pub(super) fn vague(reading: &Reading<'_>, near: &[Near]) -> Option<Vague> {
    let tokens = &reading.tokens;
    if let [first, more @ ..] = &tokens[..]
        && first.kind == Kind::Character
        && more.iter().all(|token| token.text == first.text)
    {
        return Some(Vague::Character);
    }
    let grammar = |token: &Token<'_>| is_weak(token) || turns(token);
    if tokens.len() <= HARDLY && tokens.iter().all(grammar) {
        return Some(Vague::Grammar);
    }
    let others = near.iter().skip(1).any(|near| near.confidence >= LIKELY);
    (others && is_one_word(reading)).then_some(Vague::Word)
}

/// Whether nothing is said but one Latin word, one of two characters, or one concept.
fn is_one_word(reading: &Reading<'_>) -> bool {
    let mut telling = (0..reading.tokens.len()).filter(|at| !is_filler(&reading.tokens[*at]));
    let Some(first) = telling.next() else { return false };
    let last = telling.next_back().unwrap_or(first);
    if reading.concepts.iter().any(|concept| concept.tokens.contains(&first) && concept.tokens.contains(&last)) {
        return true;
    }
    if is_weak(&reading.tokens[first]) && is_weak(&reading.tokens[last]) {
        return false;
    }
    match reading.tokens[first].kind {
        Kind::Word => first == last,
        Kind::Character => last == first + 1 && reading.tokens[last].kind == Kind::Character,
        Kind::Number => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likeness::{Measures, Synonyms};

    fn of(text: &str, confidences: &[f32]) -> Option<Vague> {
        let near: Vec<Near> = (0..)
            .zip(confidences)
            .map(|(entry, confidence)| Near { entry, confidence: *confidence, measures: Measures::default() })
            .collect();
        vague(&Reading::new(text, &Synonyms::none(), None), &near)
    }

    #[test]
    fn what_says_too_little() {
        for text in ["no", "why", "how much", "nothing", "多久", "什么", "没有"] {
            assert_eq!(of(text, &[0.9]), Some(Vague::Grammar), "{text}");
        }
        for text in ["发", "急急急"] {
            assert_eq!(of(text, &[0.9]), Some(Vague::Character), "{text}");
        }
        for text in ["price", "the price please", "赠品", "赠品呢"] {
            assert_eq!(of(text, &[0.9, 0.7]), Some(Vague::Word), "{text}");
            assert_eq!(of(text, &[0.9, 0.3]), None, "nobody else is asked about it: {text}");
        }
        for text in ["price drop", "gift wrap", "赠品没收到", "who are you", "refund 20"] {
            assert_eq!(of(text, &[0.9, 0.7]), None, "{text}");
        }
    }
}
