//! Entries as files of a shop.

use std::fmt::Write as _;
use std::ops::Range;

use crate::diag::quoted;

use super::Entry;
use super::entry::literal;

/// Where FAQ entries are written unless said otherwise.
pub const FAQ_FILE: &str = "faq/imported.yaml";
/// Where rules are written unless said otherwise.
pub const RULES_FILE: &str = "rules/imported.yaml";

/// The files, and where in them each entry stands.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// A file below `faq/`; empty if there is no FAQ entry.
    pub faq: String,
    /// A file below `rules/`; empty if there is no rule.
    pub rules: String,
    /// The stretch of each entry, in its file.
    pub(super) spans: Vec<Range<usize>>,
}

/// Writes entries. `queue` takes what is brought to people; the shop's `routes` decide if there is none.
#[must_use]
pub fn written(entries: &[Entry], queue: Option<&str>) -> Written {
    let mut written = Written::default();
    for entry in entries {
        let (file, head) =
            if entry.is_rule() { (&mut written.rules, "rules:\n") } else { (&mut written.faq, "faq:\n") };
        if file.is_empty() {
            file.push_str(head);
        }
        let start = file.len();
        if entry.is_rule() {
            rule(file, entry, queue);
        } else {
            faq(file, entry);
        }
        written.spans.push(start..file.len());
    }
    written
}

fn faq(out: &mut String, entry: &Entry) {
    line(out, &format!("  - id: {}", scalar(&entry.id)));
    line(out, &format!("    title: {}", text(&literal(&entry.title), &entry.language)));
    if !entry.category.is_empty() {
        line(out, &format!("    category: {}", scalar(&entry.category)));
    }
    line(out, "    questions:");
    entry.questions.iter().for_each(|question| line(out, &format!("      - {}", quoted(question))));
    if !entry.phrases.is_empty() {
        line(out, "    phrases:");
        entry.phrases.iter().for_each(|parts| line(out, &format!("      - {}", phrase(parts))));
    }
    texts(out, "answer", entry);
}

fn rule(out: &mut String, entry: &Entry, queue: Option<&str>) {
    line(out, &format!("  - id: {}", scalar(&entry.id)));
    line(out, &format!("    title: {}", text(&literal(&entry.title), &entry.language)));
    line(out, "    when:");
    line(out, "      any:");
    let mut condition = |name: &str, items: Vec<String>| {
        if !items.is_empty() {
            line(out, &format!("        - {name}:"));
            for item in &items {
                line(out, &format!("            - {item}"));
            }
        }
    };
    condition("phrase", entry.phrases.iter().map(|parts| phrase(parts)).collect());
    condition("regex", entry.patterns.iter().map(|pattern| quoted(pattern)).collect());
    condition("like", entry.questions.iter().map(|question| quoted(question)).collect());
    if !entry.none.is_empty() {
        let none: Vec<_> = entry.none.iter().map(|phrase| quoted(phrase)).collect();
        line(out, &format!("      none: {{phrase: [{}]}}", none.join(", ")));
    }
    if !entry.answers.is_empty() {
        texts(out, "reply", entry);
    }
    if entry.hands_over {
        let queue = queue.map(|queue| format!("queue: {}, ", scalar(queue))).unwrap_or_default();
        line(out, &format!("    handoff: {{{queue}reason: imported}}"));
    }
}

fn texts(out: &mut String, key: &str, entry: &Entry) {
    match entry.answers.as_slice() {
        [only] => line(out, &format!("    {key}: {}", text(only, &entry.language))),
        several => {
            line(out, &format!("    {key}:"));
            for one in several {
                line(out, &format!("      - {}", text(one, &entry.language)));
            }
        }
    }
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn text(text: &str, language: &str) -> String {
    if language.is_empty() { quoted(text) } else { format!("{{{}: {}}}", scalar(language), quoted(text)) }
}

fn phrase(parts: &[String]) -> String {
    match parts {
        [only] => quoted(only),
        parts => format!("[{}]", parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(", ")),
    }
}

/// A name as it is, unless YAML would read it as something else (`no` is Norwegian, too).
fn scalar(name: &str) -> String {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = name.starts_with(char::is_alphabetic) && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if plain { name.to_owned() } else { quoted(name) }
}
