//! Texts that some of the shop's languages do not have.

use crate::decide::speak::instead;
use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::model::{Rule, Text};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let book = engine.book();
    let languages: Vec<String> = book.settings.languages.iter().map(|language| language.value.clone()).collect();
    for text in book.rules.iter().flat_map(Rule::texts).chain(book.settings.texts()) {
        check_text(text, &languages, report);
    }
}

fn check_text(text: &Text, languages: &[String], report: &mut Report) {
    let has = |code: &str| text.by_language.contains_key(code);
    if has("") {
        return;
    }
    let lacks = |code: &&String| !has(code) && !has(code.split('-').next().unwrap_or(code));
    let missing: Vec<_> = languages.iter().filter(lacks).map(|code| format!("`{code}`")).collect();
    if let Some(first) = languages.iter().find(lacks) {
        let fallback = instead(languages, first).find(|code| has(code));
        report.push(
            Finding::warning("missing-language", format!("this text has no {}", missing.join(", ")))
                .at(&text.place)
                .help(match fallback {
                    Some(code) => format!("customers of that language get the `{code}` text"),
                    None => "customers of that language get a text that they may not read".to_owned(),
                }),
        );
    }
}
