//! The signs of a condition, flat: what can be said to a rule so that it listens.

use crate::rules::model::{Condition, Located, Phrase};

/// A sign of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf<'a> {
    /// A phrase.
    Phrase(&'a Phrase),
    /// A sentence.
    Sentence(&'a Located<String>),
    /// A regular expression.
    Pattern(&'a Located<String>),
}

/// The signs, each with whether something else has to hold beside it (`if`, `none`, another sign).
pub(super) fn leaves(condition: &Condition) -> Vec<(Leaf<'_>, bool)> {
    let mut out = Vec::new();
    collect(condition, false, &mut out);
    out
}

fn collect<'a>(condition: &'a Condition, guarded: bool, out: &mut Vec<(Leaf<'a>, bool)>) {
    match condition {
        Condition::Phrase(phrases) => out.extend(phrases.iter().map(|phrase| (Leaf::Phrase(phrase), guarded))),
        Condition::Like(sentences) => out.extend(sentences.iter().map(|sentence| (Leaf::Sentence(sentence), guarded))),
        Condition::Regex(patterns) => out.extend(patterns.iter().map(|pattern| (Leaf::Pattern(pattern), guarded))),
        Condition::All(all) => all.iter().for_each(|c| collect(c, guarded || all.len() > 1, out)),
        Condition::Any(any) => any.iter().for_each(|c| collect(c, guarded, out)),
        Condition::If(_) | Condition::None(_) => {}
    }
}

/// Whether a condition holds an `if`, so that it depends on more than the text.
pub(super) fn has_expression(condition: &Condition) -> bool {
    match condition {
        Condition::If(_) => true,
        Condition::All(list) | Condition::Any(list) | Condition::None(list) => list.iter().any(has_expression),
        _ => false,
    }
}
