//! Rules and questions that another rule always takes away, each proved with the message that shows it.

use crate::diag::{Finding, Place, Report};
use crate::engine::Engine;
use crate::matching::{Candidate, View};
use crate::rules::model::{Origin, Rule};
use crate::text::is_han;

use super::leaves::{Leaf, has_expression, leaves};

/// A message that a rule should win, and where its author wrote it.
struct Sample<'a> {
    text: String,
    place: &'a Place,
    sentence: bool,
}

/// What takes a message away from a rule.
enum Thief {
    Rule(u32),
    AskForPerson,
}

pub(super) fn check(engine: &Engine, report: &mut Report) {
    for (index, rule) in (0_u32..).zip(&engine.book().rules) {
        let samples = samples(rule);
        let mut lost = Vec::new();
        let mut won = samples.is_empty();
        for sample in &samples {
            match thief(engine, index, &sample.text) {
                Some(thief) => lost.push((sample, thief)),
                None => won = true,
            }
        }
        if won {
            for (sample, thief) in lost.iter().filter(|(sample, _)| sample.sentence) {
                let (who, place) = name(engine, thief);
                let finding = Finding::warning(
                    "question-shadowed",
                    format!("this question of `{}` is answered by {who}", rule.id.value),
                );
                let finding = finding.at(sample.place).help("take it out here, or give this entry the higher priority");
                report.push(place.map_or(finding.clone(), |place| finding.and(place, "this one answers")));
            }
        } else if let Some((sample, thief)) = lost.first() {
            let (who, place) = name(engine, thief);
            let finding = Finding::warning(
                "never-wins",
                format!("`{}` never wins: to “{}” {who} answers", rule.id.value, sample.text),
            );
            let help = match thief {
                Thief::Rule(_) => "raise its priority, or make the other one narrower",
                Thief::AskForPerson => {
                    "nothing may shadow a wish for a person; with a handoff this rule says which queue and words it gets"
                }
            };
            let finding = finding.at(&rule.id.place).help(help);
            report.push(place.map_or(finding.clone(), |place| finding.and(place, "this one answers")));
        }
    }
}

fn name<'a>(engine: &'a Engine, thief: &Thief) -> (String, Option<&'a Place>) {
    match thief {
        Thief::Rule(index) => {
            let rule = &engine.knowledge().rules[*index as usize];
            let kind = if rule.origin == Origin::Faq { "the entry" } else { "the rule" };
            (format!("{kind} `{}`", rule.id), Some(&rule.place))
        }
        Thief::AskForPerson => ("the built-in wish for a person".to_owned(), None),
    }
}

/// Messages made of a rule's own signs. A regular expression gives none: its words are not known.
fn samples(rule: &Rule) -> Vec<Sample<'_>> {
    leaves(&rule.when)
        .into_iter()
        .filter_map(|(leaf, _)| match leaf {
            Leaf::Sentence(sentence) => {
                Some(Sample { text: sentence.value.clone(), place: &sentence.place, sentence: true })
            }
            Leaf::Phrase(phrase) => {
                let parts: Vec<&str> = phrase.parts.iter().map(|part| part.value.as_str()).collect();
                let han = parts.iter().all(|part| part.chars().any(is_han));
                Some(Sample {
                    text: parts.join(if han { "" } else { " " }),
                    place: &phrase.parts.first()?.place,
                    sentence: false,
                })
            }
            Leaf::Pattern(_) => None,
        })
        .collect()
}

/// Who answers a message in a rule's place, for every customer and at any time.
fn thief(engine: &Engine, rule: u32, text: &str) -> Option<Thief> {
    let knowledge = engine.knowledge();
    let view: View = knowledge.matcher.view_of_signs(text);
    // A rule with a hand-off lends the wish its queue and words.
    if knowledge.builtins.asks_for_person(&view) && engine.book().rules[rule as usize].handoff.is_none() {
        return Some(Thief::AskForPerson);
    }
    let book = &engine.book().rules;
    let everywhere = |other: u32| {
        let other = &book[other as usize];
        other.channels.is_empty() && other.from.is_none() && other.until.is_none() && !has_expression(&other.when)
    };
    let accept = |other: u32| other == rule || everywhere(other);
    // The rule's own `if` is taken to hold.
    let found = knowledge.matcher.candidates(&view, &accept, &|_, _| true);
    // A sample that the rule's own `none` or second sign refuses proves nothing.
    found.iter().find(|candidate| candidate.rule == rule)?;
    let priority = |rule: u32| knowledge.rules[rule as usize].priority;
    let best: &Candidate = found.iter().min_by(|a, b| a.rank(b, &priority))?;
    (best.rule != rule).then_some(Thief::Rule(best.rule))
}
