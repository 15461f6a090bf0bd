//! Texts and expressions, compiled, with each mistake put where it stands in the file.

use std::ops::Range;

use crate::decide::context::{FUNCTIONS, NAMES};
use crate::decide::knowledge::BuiltText;
use crate::diag::{Finding, Place, Report, nearest};
use crate::rules::model::{Located, Text};
use crate::template::{ExpressionId, TemplateError, Templates};

/// Compiles a text in all its languages.
pub(super) fn text(text: &Text, templates: &mut Templates, report: &mut Report) -> BuiltText {
    let mut built = BuiltText::default();
    for (language, source) in &text.by_language {
        match templates.text(&source.value) {
            Ok(id) => {
                built.by_language.insert(language.clone(), id);
            }
            Err(error) => report.push(template_finding(&error, source, report)),
        }
    }
    built
}

/// A finding about a template, at the very place in the file where that can be told.
pub(super) fn template_finding(error: &TemplateError, source: &Located<String>, report: &Report) -> Finding {
    Finding::error("bad-template", format!("this text does not work: {}", why(error, source)))
        .at(&inside(source, error.span.clone(), report))
        .help("values stand in {{ … }}, such as {{ settings.hotline }} or {{ next_open }}; see the list of values in docs/rules.md")
}

/// What is wrong, with the sign itself where it is one that Chinese keyboards write (，。“).
fn why(error: &TemplateError, source: &Located<String>) -> String {
    let at = error.span.as_ref().and_then(|span| source.value.get(span.start..)?.chars().next());
    match at.filter(|sign| error.message == "unexpected character" && !sign.is_ascii()) {
        Some(sign) => {
            format!("`{sign}` means nothing here; names, quotes and commas are written without full-width signs")
        }
        None => error.message.clone(),
    }
}

/// Compiles an expression and checks the names that it uses.
pub(super) fn expression(
    source: &Located<String>,
    settings: &serde_json::Value,
    templates: &mut Templates,
    report: &mut Report,
) -> ExpressionId {
    match templates.expression(&source.value) {
        Ok((id, names)) => {
            for name in names {
                check_name(&name, source, settings, report);
            }
            id
        }
        Err(error) => {
            report.push(
                Finding::error("bad-expression", format!("this `if` does not work: {}", why(&error, source)))
                    .at(&inside(source, error.span, report))
                    .help("write a comparison such as customer.tier == 'vip' or not open"),
            );
            ExpressionId(u32::MAX)
        }
    }
}

fn check_name(name: &str, source: &Located<String>, settings: &serde_json::Value, report: &mut Report) {
    let mut parts = name.split('.');
    let (top, below) = (parts.next().unwrap_or_default(), parts.next());
    if FUNCTIONS.contains(&top) {
        return;
    }
    let known = NAMES.iter().find(|(known, _)| *known == top);
    let (what, nearest) = match (known, below) {
        (None, _) => (top.to_owned(), nearest(top, NAMES.iter().map(|(known, _)| *known)).map(str::to_owned)),
        (Some(_), None) => return,
        (Some(("settings", _)), Some(key)) => {
            let keys = settings.as_object();
            if keys.is_some_and(|keys| keys.contains_key(key)) {
                return;
            }
            let near = keys.and_then(|keys| nearest(key, keys.keys().map(String::as_str)));
            (name.to_owned(), near.map(|word| format!("{top}.{word}")))
        }
        (Some((_, below)), Some(key)) => {
            if below.contains(&"*") || below.contains(&key) {
                return;
            }
            (name.to_owned(), nearest(key, below.iter().copied()).map(|word| format!("{top}.{word}")))
        }
    };
    let at = source.value.find(&what).map(|at| at..at + what.len());
    let finding =
        Finding::error("unknown-value", format!("there is no value `{what}`")).at(&inside(source, at, report));
    report.push(match nearest {
        Some(word) => finding.label(format!("did you mean `{word}`?")),
        None => finding.help("see the list of values in docs/rules.md"),
    });
}

/// The place of a stretch of a text. A text that stands in the file as it is (no escapes, no folded lines) is marked exactly,
/// any other as a whole.
pub(crate) fn inside(source: &Located<String>, span: Option<Range<usize>>, report: &Report) -> Place {
    let place = &source.place;
    let found = || {
        let span = span?;
        let written = report.sources.text(&place.file)?.get(place.span.clone())?;
        let at = written.find(&source.value)?;
        // The library of templates counts a sign that it does not expect as one byte.
        let end = source.value.ceil_char_boundary(span.end);
        let start = source.value.floor_char_boundary(span.start.min(end));
        Some(Place { file: place.file.clone(), span: place.span.start + at + start..place.span.start + at + end })
    };
    found().unwrap_or_else(|| place.clone())
}
