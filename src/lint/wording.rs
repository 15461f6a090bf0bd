//! Words that must not be said, in the shop's own texts.

use std::ops::Range;

use crate::diag::{Finding, Place, Report};
use crate::engine::{Engine, inside};
use crate::rules::model::{Located, Rule};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let book = engine.book();
    let own = book.rules.iter().flat_map(Rule::texts).chain(book.settings.texts());
    // What is offered in place of a word is said, too.
    let offered = book.wordings.iter().map(|wording| &wording.instead);
    for text in own.chain(offered) {
        for source in text.by_language.values() {
            check_text(engine, source, report);
        }
    }
}

fn check_text(engine: &Engine, source: &Located<String>, report: &mut Report) {
    // Values have the length that they are written with, and are no words.
    let literal = without_values(&source.value);
    for unfit in engine.unfit(&literal) {
        let start: usize = literal.chars().take(unfit.at).map(char::len_utf8).sum();
        let place = place(source, start..start + unfit.phrase.len(), &unfit.phrase, report);
        let why = unfit.why.trim_end_matches(['.', '。']);
        let mut finding = Finding::warning("forbidden-wording", format!("`{}` must not be said: {why}", unfit.phrase))
            .at(&place)
            .help(format!("say `{}`; or, where it is fine, write that into `none` of `{}`", unfit.instead, unfit.id));
        if let Some(wording) = engine.book().wordings.iter().find(|wording| wording.id.value == unfit.id) {
            finding = finding.and(&wording.id.place, "this wording");
        }
        report.push(finding);
    }
}

/// The very words, where the file shows them: as the text stands there, or once in a text whose lines are folded or escaped.
fn place(source: &Located<String>, span: Range<usize>, words: &str, report: &Report) -> Place {
    let exact = inside(source, Some(span), report);
    if exact != source.place {
        return exact;
    }
    let written = report.sources.text(&exact.file).and_then(|text| text.get(exact.span.clone())).unwrap_or_default();
    let mut found = written.match_indices(words);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => {
            let start = exact.span.start + at;
            Place { file: exact.file, span: start..start + words.len() }
        }
        _ => exact,
    }
}

/// A template with all that is not literal blanked out, byte for byte, by a character that no phrase goes over.
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let close = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| tag.starts_with(open));
        let length = match close {
            Some((_, close)) => tag.find(close).map_or(tag.len(), |end| end + close.len()),
            None => 1,
        };
        out.extend(std::iter::repeat_n('|', length));
        rest = tag.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn only_what_is_said_is_left_and_stands_where_it_stood() {
        for text in ["绝对{{ a.绝对 }}绝对", "{% if x %}绝对{% endif %}", "{# 绝对 #}", "{绝对}", "{{ 绝对", "绝对"]
        {
            assert_eq!(without_values(text).len(), text.len(), "{text}");
        }
        assert_eq!(without_values("绝对{{ 1 }}{a"), "绝对||||||||a");
    }
}
