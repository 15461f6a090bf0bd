//! Two rules with the same sign and the same priority: which one wins would hang on the order of the files (lesson 23).

use std::collections::HashMap;

use crate::diag::{Finding, Place, Report};
use crate::engine::Engine;
use crate::rules::model::Rule;
use crate::text::key;

use super::leaves::{Leaf, has_expression, leaves};

/// A sign that a rule has, with what stands beside it.
pub(super) struct Sign<'a> {
    pub rule: &'a Rule,
    pub place: &'a Place,
    /// Whether something else has to hold beside it.
    pub guarded: bool,
}

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let fold = engine.knowledge().matcher.fold();
    let mut signs: HashMap<String, Vec<Sign<'_>>> = HashMap::new();
    for rule in &engine.book().rules {
        let mut own = Vec::new();
        for (leaf, guarded) in leaves(&rule.when) {
            let (name, place) = match leaf {
                Leaf::Sentence(sentence) => {
                    (format!("sentence {}", key(fold.squeeze(&sentence.value).text())), &sentence.place)
                }
                Leaf::Phrase(phrase) => {
                    let mut parts: Vec<_> =
                        phrase.parts.iter().map(|part| fold.squeeze(&part.value).into_text()).collect();
                    parts.sort_unstable();
                    let Some(first) = phrase.parts.first() else { continue };
                    (format!("phrase {}", parts.join("\u{0}")), &first.place)
                }
                Leaf::Pattern(pattern) => (format!("regex {}", pattern.value), &pattern.place),
            };
            if own.contains(&name) {
                continue;
            }
            let guarded = guarded || has_expression(&rule.when);
            signs.entry(name.clone()).or_default().push(Sign { rule, place, guarded });
            own.push(name);
        }
    }
    for (name, list) in &signs {
        for (at, second) in list.iter().enumerate() {
            // One finding a sign is enough: the first rule that has it.
            let Some(first) = list[..at].iter().find(|first| clash(first, second)) else { continue };
            let kind = name.split(' ').next().unwrap_or_default();
            let (code, what) = match kind {
                "sentence" => ("question-twice", "the same question"),
                "phrase" => ("tie", "the same phrase"),
                _ => ("tie", "the same regular expression"),
            };
            report.push(
                Finding::error(
                    code,
                    format!(
                        "`{}` and `{}` have {what}, and neither has priority",
                        first.rule.id.value, second.rule.id.value
                    ),
                )
                .at(second.place)
                .label("also here")
                .and(first.place, "first here")
                .help("take it out of one of them, or give one a higher priority"),
            );
        }
    }
}

/// Two signs tie when both rules can be meant at once and nothing puts one before the other. Two that each ask for something
/// more may be meant for different cases; that is not for this check to know.
pub(super) fn clash(first: &Sign<'_>, second: &Sign<'_>) -> bool {
    let (a, b) = (first.rule, second.rule);
    let (channels_a, channels_b) = (&a.channels, &b.channels);
    let share_channel = channels_a.is_empty()
        || channels_b.is_empty()
        || channels_a.iter().any(|x| channels_b.iter().any(|y| x.value == y.value));
    let apart = |a: &Rule, b: &Rule| {
        a.until.as_ref().zip(b.from.as_ref()).is_some_and(|(until, from)| until.value < from.value)
    };
    a.priority == b.priority && !(first.guarded && second.guarded) && share_channel && !apart(a, b) && !apart(b, a)
}
