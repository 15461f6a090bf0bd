//! Where each rule and entry stands in the files: its lines, found in the text.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::Files;
use crate::yaml;

/// The stretch of a file that a rule or entry takes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Path of the file.
    pub file: Arc<str>,
    /// Its first line, from 1.
    pub line: usize,
    /// Its last line.
    pub end: usize,
    /// Its text from the first key on.
    pub text: String,
}

/// The stretches of all rules and entries of some files by id; of an id that stands twice the first.
pub(super) fn stretches<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Stretch> {
    let mut found = BTreeMap::new();
    for (file, text) in texts {
        let list = match file.split('/').next() {
            Some("faq") => "faq",
            Some("rules") => "rules",
            _ => continue,
        };
        let name: Arc<str> = Arc::from(file);
        let Ok(node) = yaml::parse(&name, text) else { continue };
        let items = node.get(list).map(yaml::Node::items).unwrap_or_default();
        let (mut at, mut line) = (0, 1);
        for item in items {
            let Some(id) = item.get("id").and_then(yaml::Node::text) else { continue };
            let start = item.place.span.start.min(text.len());
            // A text of many lines ends where the next line begins.
            let span = text.get(start..last(item).clamp(start, text.len())).unwrap_or_default().trim_end();
            // Up to the end of its last line, but not the empty lines behind it.
            let rest = text.get(start + span.len()..).unwrap_or_default();
            let length = span.len() + rest.find('\n').unwrap_or(rest.len());
            let body = text.get(start..start + length).unwrap_or(span).trim_end();
            line += text.get(at..start).unwrap_or_default().matches('\n').count();
            at = start.max(at);
            let end = line + body.matches('\n').count();
            let stretch = Stretch { file: Arc::clone(&name), line, end, text: body.to_owned() };
            found.entry(id.to_owned()).or_insert(stretch);
        }
    }
    found
}

/// The byte behind the last that belongs to a node or to anything in it.
fn last(node: &yaml::Node) -> usize {
    let inner = match &node.value {
        yaml::Value::List(items) => items.iter().map(last).max(),
        yaml::Value::Map(entries) => entries.iter().flat_map(|(key, value)| [key.place.span.end, last(value)]).max(),
        yaml::Value::Null | yaml::Value::Scalar { .. } => None,
    };
    inner.unwrap_or(node.place.span.end)
}

/// The texts of a shop's files.
pub(super) fn texts(files: &Files) -> impl Iterator<Item = (&str, &str)> {
    files.texts.iter().map(|(file, text)| (file.as_ref(), text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_lines_and_no_more() {
        let text = "# top\nfaq:\n  - id: a\n    answer: 好\n\n  # of b\n  - id: b\n    questions:\n      - 一\n      - 二 # two\n\n  - {id: c, answer: x}\n# end\n";
        let found =
            stretches([("faq/x.yaml", text), ("nightdesk.yaml", "faq: [{id: d}]"), ("rules/bad.yaml", "rules: [")]);
        let lines: Vec<_> = found.iter().map(|(id, at)| (id.as_str(), at.line, at.end)).collect();
        assert_eq!(lines, [("a", 3, 4), ("b", 7, 10), ("c", 12, 12)]);
        assert_eq!(found["b"].text, "id: b\n    questions:\n      - 一\n      - 二 # two");
    }

    #[test]
    fn a_text_of_many_lines_is_whole() {
        let text = "rules:\n  - id: a\n    reply: |\n      one\n      two\n  - id: b\n    reply: >\n      three\n      four\n\n";
        let found = stretches([("rules/x.yaml", text)]);
        assert_eq!((found["a"].line, found["a"].end, found["b"].end), (2, 5, 9), "{found:#?}");
    }
}
