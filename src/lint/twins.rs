//! Questions of two entries that say nearly the same: whoever writes something like them is offered both, and answered by neither.

use std::collections::HashMap;

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::text::key;

use super::leaves::{Leaf, has_expression, leaves};
use super::ties::{Sign, clash};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let matcher = &engine.knowledge().matcher;
    let mut questions: HashMap<String, Vec<(Sign<'_>, &str)>> = HashMap::new();
    for rule in &engine.book().rules {
        for (leaf, guarded) in leaves(&rule.when) {
            let Leaf::Sentence(sentence) = leaf else { continue };
            let essence = matcher.essence(&sentence.value);
            if !essence.is_empty() {
                let sign = Sign { rule, place: &sentence.place, guarded: guarded || has_expression(&rule.when) };
                questions.entry(essence).or_default().push((sign, sentence.value.as_str()));
            }
        }
    }
    let squeezed = |text: &str| key(matcher.fold().squeeze(text).text());
    for same in questions.values() {
        for (at, (second, text)) in same.iter().enumerate() {
            // The very same question is another finding. One a question is enough: the first that has it.
            let twin = |(first, other): &&(Sign<'_>, &str)| {
                first.rule.id.value != second.rule.id.value && clash(first, second) && squeezed(other) != squeezed(text)
            };
            let Some((first, other)) = same[..at].iter().find(twin) else { continue };
            let finding = Finding::warning(
                "nearly-same-question",
                format!("“{text}” of `{}` asks what “{other}” of `{}` asks", second.rule.id.value, first.rule.id.value),
            );
            report.push(
                finding
                    .at(second.place)
                    .and(first.place, "nearly the same")
                    .help("take one of them out, or name in each what is meant there and not in the other"),
            );
        }
    }
}
