//! What does not fit a shape, told where it stands and with the nearest that would.

use super::{Kind, Shape, duration, share};
use crate::diag::{Finding, Fix, Report, Severity, nearest, quoted as in_quotes, surely};
use crate::rules::network::Network;
use crate::rules::webhook::Rate;
use crate::rules::{commas, fixes, modes};
use crate::yaml::{Node, Value};

/// Reports all that does not fit `kind` below `node`. True when it can be read: no error was found.
pub fn check(node: &Node, kind: &Kind, report: &mut Report) -> bool {
    let before = report.findings.len();
    check_kind(node, kind, "this", report);
    report.findings[before..].iter().all(|finding| finding.severity == Severity::Warning)
}

fn check_kind(node: &Node, kind: &Kind, what: &str, report: &mut Report) {
    if node.value == Value::Null && !matches!(kind, Kind::Any | Kind::Map(_)) {
        report.push(
            Finding::error("empty-value", format!("`{what}` has no value"))
                .at(&node.place)
                .help(format!("write {}, or delete the line", expected(kind))),
        );
        return;
    }
    match kind {
        Kind::Any => {}
        Kind::Text => check_text(node, what, report),
        Kind::Texts => match &node.value {
            Value::List(items) if items.is_empty() => wrong(node, kind, what, report),
            Value::List(items) => items.iter().for_each(|item| check_text(item, what, report)),
            _ => check_text(node, what, report),
        },
        Kind::Phrase => match &node.value {
            Value::List(items) if items.len() > 1 => {
                commas::check(node, report);
                for item in items {
                    check_kind(item, &Kind::Str, what, report);
                }
            }
            // One part in brackets may be two that a wrong comma parts.
            Value::List(_) if commas::check(node, report) => {}
            Value::List(_) => report.push(
                Finding::error("wrong-type", "a list inside holds two parts or more, which all must occur")
                    .at(&node.place)
                    .help("for a single phrase leave the inner brackets out"),
            ),
            _ => check_kind(node, &Kind::Str, what, report),
        },
        Kind::OneOrMany(item) => match &node.value {
            Value::List(items) => {
                if matches!(item, Kind::Str | Kind::Phrase) {
                    commas::check(node, report);
                }
                for node in items {
                    check_kind(node, item, what, report);
                }
            }
            _ => check_kind(node, item, what, report),
        },
        Kind::List(item) => match &node.value {
            Value::List(items) => {
                if matches!(item, Kind::Str) {
                    commas::check(node, report);
                }
                for node in items {
                    check_kind(node, item, what, report);
                }
            }
            _ => wrong(node, kind, what, report),
        },
        Kind::Map(shape) => check_map(node, shape, report),
        Kind::MapOf(item) => {
            if let Value::Map(entries) = &node.value {
                check_duplicates(entries, report);
                for (key, value) in entries {
                    check_kind(value, item, key.text().unwrap_or(what), report);
                }
            } else {
                wrong(node, kind, what, report);
            }
        }
        _ => match node.text() {
            None => wrong(node, kind, what, report),
            Some(text) => check_scalar(node, text, kind, what, report),
        },
    }
}

fn check_scalar(node: &Node, text: &str, kind: &Kind, what: &str, report: &mut Report) {
    let fits = match kind {
        Kind::Id | Kind::Named(_) => {
            !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
        }
        Kind::Int(min, max) => text.parse::<i64>().is_ok_and(|n| (*min..=*max).contains(&n)),
        Kind::Bool => matches!(text, "true" | "false"),
        Kind::Date => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        Kind::Share => share(text).is_some(),
        Kind::Duration => duration(text).is_some(),
        Kind::Wait(most) => text == "0" || duration(text).is_some_and(|d| d <= std::time::Duration::from_secs(*most)),
        Kind::Rate => Rate::parse(text).is_some(),
        Kind::Str => {
            check_cut(node, report);
            true
        }
        Kind::Secret => {
            check_secret(node, what, report);
            true
        }
        Kind::Moment => modes::moment(text, false).is_some(),
        Kind::Token => {
            check_secret(node, what, report);
            check_length(node, text, what, report);
            true
        }
        Kind::Network => Network::parse(text).is_some(),
        Kind::Instant => text.parse::<jiff::Timestamp>().is_ok(),
        Kind::Word(words) => {
            if words.contains(&text) {
                return;
            }
            let shown = as_written(node, text, report);
            let finding = Finding::error("unknown-word", format!("`{what}` cannot be `{shown}`")).at(&node.place);
            report.push(
                match nearest(text, words.iter().copied()) {
                    Some(word) => finding.label(format!("did you mean `{word}`?")),
                    None => finding,
                }
                .help(format!("one of {}", quoted(words.iter().copied())))
                .fix(surely(text, words.iter().copied()).map(|word| fixes::word(node, word))),
            );
            return;
        }
        _ => true,
    };
    if !fits {
        wrong(node, kind, what, report);
    }
}

fn check_text(node: &Node, what: &str, report: &mut Report) {
    match &node.value {
        Value::Scalar { text, .. } => check_words(node, text, what, report),
        Value::Map(entries) if !entries.is_empty() => {
            check_duplicates(entries, report);
            for (key, value) in entries {
                let language = key.text().unwrap_or_default();
                if !is_language(language) {
                    report.push(
                        Finding::error("unknown-language", format!("`{language}` is not a language code"))
                            .at(&key.place)
                            .help(if language.ends_with('：') {
                                "a key ends with ':' and a space; this one has the full-width '：'"
                            } else {
                                "write zh, zh-Hant, en, or another code such as fr or pt-BR"
                            }),
                    );
                }
                check_kind(value, &Kind::Str, language, report);
                if let Some(text) = value.text() {
                    check_words(value, text, language, report);
                }
            }
        }
        _ => wrong(node, &Kind::Text, what, report),
    }
}

/// Words for people: there have to be some, and none may be lost to a `#`.
fn check_words(node: &Node, text: &str, what: &str, report: &mut Report) {
    if text.trim().is_empty() {
        report.push(
            Finding::error("empty-value", format!("`{what}` has no words, so customers would get an empty message"))
                .at(&node.place)
                .help("write the text, or delete the line"),
        );
        return;
    }
    check_cut(node, report);
}

/// A text without quotes ends at a space and `#`, though its author may have meant it to go on.
fn check_cut(node: &Node, report: &mut Report) {
    let source = report.sources.text(&node.place.file).unwrap_or_default();
    let written = source.get(node.place.span.clone()).unwrap_or_default();
    let after = source.get(node.place.span.end..).unwrap_or_default();
    // A comment has a space behind its sign; what has none was meant as text.
    let comment = after.trim_start_matches([' ', '\t']).strip_prefix('#').filter(|_| after.starts_with([' ', '\t']));
    let meant = comment.is_some_and(|rest| rest.starts_with(|c: char| !c.is_whitespace() && c != '#'));
    if meant && !written.starts_with(['"', '\'', '|', '>']) {
        let end = after.find('\n').unwrap_or(after.len());
        let place = crate::diag::Place {
            file: node.place.file.clone(),
            span: node.place.span.end..node.place.span.end + after[..end].trim_end().len(),
        };
        let all = crate::diag::Place { file: place.file.clone(), span: node.place.span.start..place.span.end };
        let text = source.get(all.span.clone()).map(in_quotes);
        let whole = text.map(|text| Fix::replace(&all, text, "put the whole text into quotes"));
        report.push(
            Finding::warning("cut-by-comment", "the text ends here: what follows ` #` is a comment")
                .at(&place)
                .help("put the whole text into quotes, or a space behind the # if it is a comment")
                .fix(whole),
        );
    }
}

/// A secret has to come from outside: the files are shown to others, sent by mail and kept in version control.
fn check_secret(node: &Node, what: &str, report: &mut Report) {
    let source = report.sources.text(&node.place.file).unwrap_or_default();
    let written = source.get(node.place.span.clone()).unwrap_or_default();
    if !written.contains("${") {
        let variable = what.to_uppercase().replace('-', "_");
        report.push(
            Finding::warning("plain-secret", format!("`{what}` stands here for everybody who sees the file"))
                .at(&node.place)
                .help(format!(
                    "write \"${{{variable}}}\" and set that variable where nightdesk is started, or \"${{file:PATH}}\"; then change the secret, for it was written down"
                )),
        );
    }
}

/// Fewest characters of a token: what is shorter was thought up by somebody.
const LEAST_TOKEN: usize = 20;

/// A token opens every conversation to whoever finds it by trying. One that is missing was reported as such.
fn check_length(node: &Node, text: &str, what: &str, report: &mut Report) {
    let length = text.chars().count();
    if (1..LEAST_TOKEN).contains(&length) {
        report.push(
            Finding::warning(
                "short-token",
                format!("the token `{what}` has {length} characters, so it can be guessed"),
            )
            .at(&node.place)
            .help("make one with `openssl rand -hex 32`, and tell it to nobody else"),
        );
    }
}

/// Whether a word has the form of a BCP 47 code: `zh`, `zh-Hant`, `pt-BR`.
fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn check_map(node: &Node, shape: &Shape, report: &mut Report) {
    let Value::Map(entries) = &node.value else {
        report.push(
            Finding::error(
                "wrong-type",
                format!("{} is a map (key: value), and this is {}", shape.name, node.describe()),
            )
            .at(&node.place)
            .help(format!("its keys are {}", quoted(shape.keys.iter().map(|k| k.name)))),
        );
        return;
    };
    check_duplicates(entries, report);
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if let Some(known) = shape.keys.iter().find(|k| k.name == name) {
            check_kind(value, &known.kind, name, report);
        } else {
            let free = shape.keys.iter().map(|k| k.name).filter(|name| node.get(name).is_none());
            let finding =
                Finding::error("unknown-key", format!("`{name}` is not a key of {}", shape.name)).at(&key.place);
            report.push(
                match nearest(name, shape.keys.iter().map(|k| k.name)) {
                    Some(word) => finding.label(format!("did you mean `{word}`?")),
                    None => finding,
                }
                .help(format!("its keys are {}", quoted(shape.keys.iter().map(|k| k.name))))
                .fix(surely(name, free).map(|word| fixes::word(key, word))),
            );
        }
    }
    let has = |name: &str| entries.iter().any(|(key, _)| key.text() == Some(name));
    for key in shape.keys.iter().filter(|key| key.missing(has)) {
        let place = entries.first().map_or(&node.place, |(k, _)| &k.place);
        report.push(
            Finding::error("missing-key", format!("{} needs `{}`", shape.name, key.name))
                .at(place)
                .help(format!("write `{}: …`, which is: {}", key.name, key.doc)),
        );
    }
}

fn check_duplicates(entries: &[(Node, Node)], report: &mut Report) {
    for (at, (key, _)) in entries.iter().enumerate() {
        if let Some((first, _)) = entries[..at].iter().find(|(k, _)| k.text() == key.text()) {
            report.push(
                Finding::error("duplicate-key", format!("`{}` stands twice", key.text().unwrap_or_default()))
                    .at(&key.place)
                    .label("again here")
                    .and(&first.place, "first here")
                    .help("join the two, or delete one"),
            );
        }
    }
}

fn wrong(node: &Node, kind: &Kind, what: &str, report: &mut Report) {
    let found = match &node.value {
        Value::Scalar { text, .. } => format!("`{}`", shorten(as_written(node, text, report))),
        _ => node.describe().to_owned(),
    };
    let finding = Finding::error("wrong-type", format!("`{what}` is {found}, but {} is needed", expected(kind)))
        .at(&node.place)
        .fix(fixes::value(node, kind));
    report.push(match (kind, &node.value) {
        (Kind::List(_), Value::Scalar { .. }) => {
            finding.help("write brackets around it, or each item in a line of its own after `- `")
        }
        _ => finding,
    });
}

/// A value for people: one that came from outside as the name that stands for it, for it may be a secret.
fn as_written<'a>(node: &Node, text: &'a str, report: &'a Report) -> &'a str {
    let source = report.sources.text(&node.place.file).unwrap_or_default();
    source.get(node.place.span.clone()).filter(|written| written.contains("${")).unwrap_or(text)
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 40 {
        format!("{}…", line.chars().take(40).collect::<String>())
    } else {
        line.to_owned()
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text => "a text, or texts by language such as {zh: …, en: …},".into(),
        Kind::Texts => "a text, texts by language such as {zh: …, en: …}, or a list of such".into(),
        Kind::Str | Kind::Secret | Kind::Token | Kind::NamedOrNone(_) => "a text".into(),
        Kind::Id | Kind::Named(_) => "a name of letters, digits, '.', '_' and '-'".into(),
        Kind::Word(words) => format!("one of {}", quoted(words.iter().copied())),
        Kind::Int(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Bool => "true or false".into(),
        Kind::Date => "a date such as 2026-10-01".into(),
        Kind::Share => "a share from 0% to 100% such as 10%".into(),
        Kind::Duration => "a length of time such as 30s, 5m, 2h or 7d".into(),
        Kind::Wait(most) => format!("a length of time from 0 to {most}s such as 1500ms"),
        Kind::Rate => "a rate such as 20/min, 5/s or 600/h".into(),
        Kind::Moment => "a time such as 2026-11-10 20:00, or a date,".into(),
        Kind::Network => "an address such as 10.0.0.7, or a network such as 10.0.0.0/8".into(),
        Kind::Instant => "a time with its zone such as 2026-10-09T20:15:00+08:00".into(),
        Kind::OneOrMany(item) => format!("{}, or a list of such", expected(item)),
        Kind::List(item) => format!("a list (each item {})", expected(item)),
        Kind::Phrase => "a text, or a list of texts that all must occur".into(),
        Kind::Map(shape) => format!("a map (key: value) with the keys of {}", shape.name),
        Kind::MapOf(_) => "a map (key: value)".into(),
        Kind::Any => "anything".into(),
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_codes_have_a_form() {
        assert!(["zh", "zh-Hant", "en", "pt-BR"].into_iter().all(is_language));
        assert!(!["ZH", "chinese", "", "中文", "z"].into_iter().any(is_language));
    }
}
