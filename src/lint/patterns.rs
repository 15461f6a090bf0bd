//! Regular expressions that match everything, or cannot match what their author means (lesson 22).

use regex::Regex;

use crate::diag::{Edit, Finding, Fix, Place, Report, quoted};
use crate::engine::Engine;
use crate::rules::model::Located;
use crate::text::is_han;

use super::leaves::{Leaf, leaves};
use super::nothing::matches_nothing;

/// Messages that have nothing in common.
const PROBES: [&str; 6] = ["a", "好", "7", "退款多久到账", "where is my order", "?"];

/// Patterns with which their rule would take every message.
pub(super) fn check_everything(engine: &Engine, report: &mut Report) {
    for (leaf, _) in engine.book().rules.iter().flat_map(|rule| leaves(&rule.when)) {
        let Leaf::Pattern(pattern) = leaf else { continue };
        if Regex::new(&pattern.value).is_ok_and(|regex| PROBES.iter().all(|probe| regex.is_match(probe))) {
            report.push(
                Finding::error("matches-everything", "this regular expression matches every message")
                    .at(&pattern.place)
                    .help("name what must stand in the message; for a rule about all messages use `if`"),
            );
        }
    }
}

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let fold = engine.knowledge().matcher.fold();
    for rule in &engine.book().rules {
        rule.slots.iter().for_each(|slot| check_possible(&slot.pattern, report));
        for (leaf, _) in leaves(&rule.when) {
            let Leaf::Pattern(pattern) = leaf else { continue };
            check_possible(pattern, report);
            if has_edge_beside_han(pattern) {
                report.push(
                    Finding::warning(
                        "edge-beside-han",
                        "`\\b` beside a Chinese character never holds within a sentence",
                    )
                    .at(&pattern.place)
                    .help("leave \\b out there: Chinese is written without spaces between words")
                    .fix(without_edges(pattern, report)),
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
                    .help(help)
                    .fix(in_place_of(c, &folded, pattern, report)),
                );
            }
        }
    }
}

fn check_possible(pattern: &Located<String>, report: &mut Report) {
    if matches_nothing(&pattern.value) {
        report.push(
            Finding::warning("never-matches", "no text whatever matches this regular expression")
                .at(&pattern.place)
                .help(r"^ is the beginning of the message and $ its end; for the signs themselves write \^ and \$"),
        );
    }
}

/// Every `\b` beside a Chinese character left out, where the pattern stands in the file as it is.
fn without_edges(pattern: &Located<String>, report: &Report) -> Option<Fix> {
    let edges = pattern.value.match_indices("\\b").filter(|(at, _)| is_beside_han(&pattern.value, *at));
    edit_all(pattern, edges.map(|(at, edge)| (at, edge.len(), String::new())), "leave `\\b` out", report)
}

/// The folded sign in place of one that never occurs.
fn in_place_of(sign: char, folded: &str, pattern: &Located<String>, report: &Report) -> Option<Fix> {
    // To leave a sign out may join what it parts, or give a quantifier to another.
    if folded.trim().is_empty() {
        return None;
    }
    let better = regex::escape(folded.trim());
    let written = report.sources.text(&pattern.place.file)?.get(pattern.place.span.clone())?;
    let text = match written.as_bytes().first() {
        Some(b'"') => quoted(&better).trim_matches('"').to_owned(),
        Some(b'\'') => better.replace('\'', "''"),
        _ => better.clone(),
    };
    let signs = pattern.value.match_indices(sign).map(|(at, found)| (at, found.len(), text.clone()));
    edit_all(pattern, signs, &format!("write `{better}`"), report)
}

/// Edits at places within a pattern; none where it is written with escapes, so that the places are not those of the file.
fn edit_all(
    pattern: &Located<String>,
    edits: impl Iterator<Item = (usize, usize, String)>,
    title: &str,
    report: &Report,
) -> Option<Fix> {
    let Place { file, span } = &pattern.place;
    let written = report.sources.text(file)?.get(span.clone())?;
    let start = span.start + written.find(&pattern.value)?;
    if written.starts_with('"') && pattern.value.contains('\\') {
        return None;
    }
    let edit = |(at, length, text): (usize, usize, String)| Edit {
        place: Place { file: file.clone(), span: start + at..start + at + length },
        text,
    };
    Some(Fix { title: title.to_owned(), edits: edits.map(edit).collect() })
}

fn has_edge_beside_han(pattern: &Located<String>) -> bool {
    let text = pattern.value.as_str();
    text.match_indices("\\b").any(|(at, _)| is_beside_han(text, at))
}

/// Whether the `\b` at a place of a pattern has a Chinese character on one side.
fn is_beside_han(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + 2..].chars().next();
    before.is_some_and(is_han) || after.is_some_and(is_han)
}
