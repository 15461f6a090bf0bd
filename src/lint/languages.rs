//! Texts that some of the shop's languages do not have.

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::model::Text;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let book = engine.book();
    let languages: Vec<&str> = book.settings.languages.iter().map(|language| language.value.as_str()).collect();
    let rules = book.rules.iter().flat_map(|rule| rule.replies.iter().chain(&rule.title));
    for text in rules.chain(book.settings.notices.values()) {
        check_text(text, &languages, report);
    }
}

fn check_text(text: &Text, languages: &[&str], report: &mut Report) {
    let has = |code: &str| text.by_language.contains_key(code);
    if has("") {
        return;
    }
    let missing: Vec<_> = languages
        .iter()
        .filter(|code| !has(code) && !has(code.split('-').next().unwrap_or(code)))
        .map(|code| format!("`{code}`"))
        .collect();
    if !missing.is_empty() {
        let fallback = languages.first().filter(|code| has(code));
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
