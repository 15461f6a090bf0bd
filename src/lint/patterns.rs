//! Regular expressions that match everything, or cannot match what their author means (lesson 22).

use regex::Regex;

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::model::Located;
use crate::text::is_han;

use super::leaves::{Leaf, leaves};

/// Messages that have nothing in common.
const PROBES: [&str; 6] = ["a", "好", "7", "退款多久到账", "where is my order", "?"];

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let fold = engine.knowledge().matcher.fold();
    for rule in &engine.book().rules {
        for (leaf, _) in leaves(&rule.when) {
            let Leaf::Pattern(pattern) = leaf else { continue };
            if Regex::new(&pattern.value).is_ok_and(|regex| PROBES.iter().all(|probe| regex.is_match(probe))) {
                report.push(
                    Finding::error("matches-everything", "this regular expression matches every message")
                        .at(&pattern.place)
                        .help("name what must stand in the message; for a rule about all messages use `if`"),
                );
            }
            if has_edge_beside_han(pattern) {
                report.push(
                    Finding::warning(
                        "edge-beside-han",
                        "`\\b` beside a Chinese character never holds within a sentence",
                    )
                    .at(&pattern.place)
                    .help("leave \\b out there: Chinese is written without spaces between words"),
                );
            }
            let gone = pattern
                .value
                .chars()
                .find(|c| !c.is_ascii() && !is_han(*c) && fold.fold_str(c.encode_utf8(&mut [0; 4])) != c.to_string());
            if let Some(c) = gone.filter(|c| !c.is_alphabetic()) {
                let folded = fold.fold_str(c.encode_utf8(&mut [0; 4]));
                let help = if folded.trim().is_empty() {
                    "leave it out".to_owned()
                } else {
                    format!("write {folded} in its place, with a backslash if it is a sign of the regular expression")
                };
                report.push(
                    Finding::warning(
                        "never-matches",
                        format!("messages are compared in a plain form (half-width, lower case, simplified), so `{c}` never occurs"),
                    )
                    .at(&pattern.place)
                    .help(help),
                );
            }
        }
    }
}

fn has_edge_beside_han(pattern: &Located<String>) -> bool {
    let text = pattern.value.as_str();
    text.match_indices("\\b").any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + 2..].chars().next();
        before.is_some_and(is_han) || after.is_some_and(is_han)
    })
}
