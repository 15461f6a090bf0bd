//! Phrases so short that they stand in almost anything.

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::model::Phrase;
use crate::text::is_han;

use super::leaves::{Leaf, leaves};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    for rule in &engine.book().rules {
        for (leaf, guarded) in leaves(&rule.when) {
            if let (Leaf::Phrase(phrase), false) = (leaf, guarded) {
                check_phrase(phrase, engine, report);
            }
        }
    }
    for phrase in engine.book().wordings.iter().flat_map(|wording| &wording.phrases) {
        check_phrase(phrase, engine, report);
    }
}

fn check_phrase(phrase: &Phrase, engine: &Engine, report: &mut Report) {
    let [part] = phrase.parts.as_slice() else { return };
    let folded = engine.knowledge().matcher.fold().squeeze(&part.value).into_text();
    let mut characters = folded.chars();
    if let (Some(only), None) = (characters.next(), characters.next())
        && is_han(only)
    {
        report.push(
            Finding::warning(
                "short-phrase",
                format!("`{}` stands in a great many messages that mean something else", part.value),
            )
            .at(&part.place)
            .help("write a longer phrase, or a list of parts that all must occur, such as [退, 快递]"),
        );
    }
}
