//! Phrases so short that they stand in almost anything.

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::text::is_han;

use super::leaves::{Leaf, leaves};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let fold = engine.knowledge().matcher.fold();
    for rule in &engine.book().rules {
        for (leaf, guarded) in leaves(&rule.when) {
            let Leaf::Phrase(phrase) = leaf else { continue };
            let [part] = phrase.parts.as_slice() else { continue };
            let folded = fold.squeeze(&part.value).into_text();
            let mut characters = folded.chars();
            if let (false, Some(only), None) = (guarded, characters.next(), characters.next())
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
    }
}
