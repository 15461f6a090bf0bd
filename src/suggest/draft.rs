//! Drafts to paste: a new entry, or more questions for one that there is.
//!
//! An answer is left empty, which `check` refuses: nobody ships an answer that nobody wrote.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::engine::Engine;

use super::Group;

/// What stands where personal data was masked.
const MASK: &str = "***";
/// Longest title, in characters.
const TITLE: usize = 40;

/// What could be done about a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Draft {
    /// More questions for an entry.
    Questions {
        /// Its id.
        rule: String,
        /// The file that it stands in.
        file: String,
        /// Lines for its `questions`.
        yaml: String,
    },
    /// A new entry.
    Entry {
        /// Its id.
        id: String,
        /// An item of `faq`.
        yaml: String,
    },
}

/// A draft for each group, in order. Ids are those of no entry or rule, and each stands once.
#[must_use]
pub fn drafts(engine: &Engine, groups: &[Group]) -> Vec<Draft> {
    let mut taken = BTreeSet::new();
    groups.iter().map(|group| draft(engine, group, &mut taken)).collect()
}

fn draft(engine: &Engine, group: &Group, taken: &mut BTreeSet<String>) -> Draft {
    // A masked number is no question, and what stands around it seldom is.
    let mut questions: Vec<&str> =
        group.samples.iter().map(String::as_str).filter(|sample| !sample.contains(MASK)).collect();
    let words = group.words.join(" ");
    if questions.is_empty() {
        questions.push(&words);
    }
    if let Some(nearest) = group.nearest.as_ref().filter(|nearest| nearest.fits) {
        let lines: Vec<String> = questions.iter().map(|question| format!("      - {}\n", quoted(question))).collect();
        let yaml = lines.concat();
        return Draft::Questions { rule: nearest.rule.clone(), file: nearest.file.clone(), yaml };
    }
    let base = format!("new.{}", slug(group.words.first().map_or("group", String::as_str)));
    let known = |id: &str, taken: &BTreeSet<String>| engine.knowledge().by_id.contains_key(id) || taken.contains(id);
    let mut id = base.clone();
    let mut number = 2;
    while known(&id, taken) {
        id = format!("{base}-{number}");
        number += 1;
    }
    taken.insert(id.clone());
    let title = quoted(&title(questions.first().map_or(words.as_str(), |first| first)));
    let mut yaml = format!("  - id: {}\n    title: {title}\n    questions:\n", quoted(&id));
    // Writing into a String cannot fail.
    for question in &questions {
        let _ = writeln!(yaml, "      - {}", quoted(question));
    }
    yaml.push_str("    answer:\n");
    let languages = &engine.knowledge().languages;
    // Traditional texts are made of Simplified ones where none is written.
    let made = |language: &String| language == "zh-Hant" && languages.iter().any(|other| other == "zh");
    for language in languages.iter().filter(|language| !made(language)) {
        let _ = writeln!(yaml, "      {}: \"\"", quoted(language));
    }
    Draft::Entry { id, yaml }
}

/// A question as a title: its beginning, up to a space where there is one. Braces would be a template.
fn title(question: &str) -> String {
    let plain = question.replace(['{', '}', '\n'], " ");
    let plain = plain.trim();
    let Some((cut, _)) = plain.char_indices().nth(TITLE) else { return plain.to_owned() };
    let start = plain.get(..cut).unwrap_or(plain);
    start.rsplit_once(' ').map_or(start, |(whole, _)| whole).trim_end().to_owned()
}

/// All drafts as one file of `faq/`: new entries, and questions for others as remarks above them.
#[must_use]
pub fn document(groups: &[Group], drafts: &[Draft]) -> String {
    let (mut remarks, mut entries) = (String::new(), String::new());
    for (group, draft) in groups.iter().zip(drafts) {
        let about = format!("{} messages: {}", group.messages, group.words.join(", "));
        // Writing into a String cannot fail.
        match draft {
            Draft::Questions { rule, file, yaml } => {
                let _ = writeln!(remarks, "# {about}\n# More questions for {rule} in {file}:");
                for line in yaml.lines() {
                    let _ = writeln!(remarks, "# {line}");
                }
            }
            Draft::Entry { yaml, .. } => {
                let _ = write!(entries, "  # {about}\n{yaml}");
            }
        }
    }
    if entries.is_empty() {
        return remarks;
    }
    let gap = if remarks.is_empty() { "" } else { "\n" };
    format!("{remarks}{gap}faq:\n{entries}")
}

/// A JSON string is a YAML string, whatever stands in it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Words as a part of an id.
fn slug(words: &str) -> String {
    let part = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let slug: String = words.chars().map(part).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "group".to_owned() } else { slug.to_owned() }
}
