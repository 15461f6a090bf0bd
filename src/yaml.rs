//! YAML as a tree whose every node knows its place. The only file that names the YAML library.
//!
//! Scalars keep the text as it was written (`09:00`, `1.0`, `yes`, `0x1f`), because people who do not program mean what they
//! type; what a value is to be is decided by the shape that reads it. Depth, size, anchors and aliases are bounded, so a
//! hostile file costs little.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Location, Spanned};

use crate::diag::{Edit, Finding, Fix, Place};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// Bytes of stack for threads that read files: `MAX_DEPTH` lists within one another take up to 512 KiB in a released program, and
/// more than the usual 2 MiB where nothing is optimised.
pub const STACK: usize = 8 * 1024 * 1024;
/// Most nodes of one file that are read: about 100,000 rules.
const MAX_NODES: usize = 5_000_000;

/// A value of a file, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing was written.
    Null,
    /// Text, as written; `plain` when it stood without quotes.
    Scalar {
        /// The text.
        text: String,
        /// Whether it stood without quotes and reads as a number or yes/no word.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in file order; a key can stand twice.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none for all else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The items of a list, or the node itself as the only one.
    #[must_use]
    pub fn one_or_many(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Keys and values of a map; none for all else.
    #[must_use]
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, where something is written.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, v)| k.text() == Some(key) && v.value != Value::Null).map(|(_, v)| v)
    }

    /// What it is, in words.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map (key: value)",
        }
    }

    /// Replaces the text of every scalar; the first that fails ends it.
    ///
    /// # Errors
    /// Whatever `change` returns.
    pub fn map_scalars<E>(
        &mut self,
        change: &mut impl FnMut(&Place, &str) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        match &mut self.value {
            Value::Null => {}
            Value::Scalar { text, .. } => {
                if let Some(new) = change(&self.place, text)? {
                    *text = new;
                }
            }
            Value::List(items) => {
                for item in items {
                    item.map_scalars(change)?;
                }
            }
            Value::Map(entries) => {
                for (_, value) in entries {
                    value.map_scalars(change)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads one file. `file` is its path relative to the shop's directory, for places.
///
/// # Errors
/// A finding that says where the text stops being YAML, or which bound it passes.
#[allow(clippy::result_large_err, reason = "happens once for a file")]
pub fn parse(file: &Arc<str>, text: &str) -> Result<Node, Finding> {
    match read(text) {
        Ok(raw) => Ok(place_all(raw, file, text)),
        Err(error) => Err(syntax_finding(&error, file, text)),
    }
}

/// A text of this program's own as plain values; none if it is no YAML.
#[must_use]
pub fn plain(text: &str) -> Option<serde_json::Value> {
    serde_yaml::from_str(text).ok()
}

fn read(text: &str) -> Result<Spanned<Raw>, serde_yaml::Error> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options)
}

fn syntax_finding(error: &serde_yaml::Error, file: &Arc<str>, text: &str) -> Finding {
    let error = error.without_snippet();
    let span = error.location().map_or(0..0, |location| span_of(&location, text));
    let mut place = Place { file: Arc::clone(file), span: widen(span, text) };
    let message = error.to_string();
    // The library repeats the place at the end of its sentence; the finding shows it already.
    let message = message.split(" at line ").next().unwrap_or(&message).trim_end_matches('.').to_owned();
    let line = text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line..].lines().next().unwrap_or_default();
    let finding = if let Some(limit) = limit(error, &message) {
        Finding::error("yaml-limit", format!("this file is more than nightdesk reads: {limit}"))
            .help("write the values out; anchors and aliases (& and *) are not read, nor lists nested over 64 deep")
    } else {
        let finding = Finding::error("yaml-syntax", format!("this is not YAML: {message}"));
        if line.contains('\t') || message.contains("tab") {
            // The reader stumbles later than people do: what is shown is the first tab that indents.
            if let Some(at) = indenting_tab(text).filter(|_| !line.contains('\t')) {
                place.span = at..at + 1;
            }
            finding.help("use spaces to indent, never the tab key").fix(without_tabs(file, text))
        } else if message.contains("anchor") || message.contains("alias") {
            finding.help("a text that begins with * or & needs quotes, as in \"*\"")
        } else if line.contains('：') {
            let fix = half_width_colon(file, text, place.span.start);
            finding.help("a key ends with ':' and a space; this line has the full-width '：'").fix(fix)
        } else if line.contains(['“', '”', '‘', '’']) {
            finding.help("quote with straight quotes, ' or \"")
        } else {
            finding.help("look at the indentation, and quote texts that contain ': ', ' #', or begin with one of * & ! % @ ` [ { ' \"")
        }
    };
    finding.at(&place)
}

/// Which bound a file passes, in words.
fn limit(error: &serde_yaml::Error, message: &str) -> Option<String> {
    use serde_yaml::budget::BudgetBreach;
    Some(match error {
        serde_yaml::Error::Budget { breach: BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }, .. } => {
            "it has an anchor or an alias (& or *)".to_owned()
        }
        serde_yaml::Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("lists or maps lie in one another more than {MAX_DEPTH} deep")
        }
        serde_yaml::Error::Budget { breach: BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. }, .. } => {
            format!("it holds more than {MAX_NODES} values")
        }
        serde_yaml::Error::Budget { .. } => message.to_owned(),
        _ if message.contains("recursion") || message.contains("depth") => message.to_owned(),
        _ => return None,
    })
}

/// Widths that editors give a tab, the most likely first.
const TAB_WIDTHS: [usize; 3] = [2, 4, 8];

/// Spaces for each tab that indents a line: so many that the file can be read.
fn without_tabs(file: &Arc<str>, text: &str) -> Option<Fix> {
    let mut tabs = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        tabs.extend(line[..indentation].match_indices('\t').map(|(at, _)| start + at));
        start += line.len();
    }
    let written = |width: usize| {
        let (mut out, mut from) = (String::with_capacity(text.len() + tabs.len() * width), 0);
        for &tab in &tabs {
            out.push_str(&text[from..tab]);
            out.extend(std::iter::repeat_n(' ', width));
            from = tab + 1;
        }
        out.push_str(&text[from..]);
        out
    };
    // In a text of several lines a tab may be meant, and beside spaces another width is another meaning.
    let block = |line: &str| line.trim_end().trim_end_matches(['-', '+']).ends_with(['|', '>']);
    if tabs.is_empty() || text.lines().any(block) {
        return None;
    }
    let widths: Vec<usize> = TAB_WIDTHS.into_iter().filter(|width| read(&written(*width)).is_ok()).collect();
    let width = match widths.as_slice() {
        [only] => *only,
        [first, ..] if !text.lines().any(|line| line.starts_with(' ')) => *first,
        _ => return None,
    };
    let edit =
        |tab: usize| Edit { place: Place { file: Arc::clone(file), span: tab..tab + 1 }, text: " ".repeat(width) };
    Some(Fix { title: "indent with spaces".to_owned(), edits: tabs.into_iter().map(edit).collect() })
}

/// `key: ` in place of `key：` at the beginning of the line of a mistake.
fn half_width_colon(file: &Arc<str>, text: &str, mistake: usize) -> Option<Fix> {
    let start = text[..mistake].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next()?;
    let begin = line.len() - line.trim_start_matches([' ', '-']).len();
    let colon = line.find('：')?;
    let key = line.get(begin..colon)?;
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return None;
    }
    let rest = &line[colon + '：'.len_utf8()..];
    let spaces = rest.len() - rest.trim_start_matches([' ', '\u{3000}']).len();
    let place = Place { file: Arc::clone(file), span: start + colon..start + colon + '：'.len_utf8() + spaces };
    let end = if rest.trim().is_empty() { ":" } else { ": " };
    Some(Fix::replace(&place, end, format!("write `{key}:`")))
}

/// The first tab before the first word of a line.
fn indenting_tab(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(at) = line[..indentation].find('\t') {
            return Some(start + at);
        }
        start += line.len();
    }
    None
}

/// A place of no length is hard to see: it takes in the next character of its line.
fn widen(span: Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.floor_char_boundary(span.end.min(text.len()));
    if end > start {
        return start..end;
    }
    let next = text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    start..start + next
}

fn span_of(location: &Location, text: &str) -> Range<usize> {
    let span = location.span();
    let number = |at: u64| usize::try_from(at).ok();
    // Errors of syntax come with characters only.
    let characters = || text.char_indices().nth(number(span.offset())?).map(|(at, _)| at);
    let start = span.byte_offset().and_then(number).or_else(characters).unwrap_or(text.len());
    let len = span.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
    start..start.saturating_add(len).min(text.len())
}

/// The tree as the library hands it over: numbers and yes/no words have lost their spelling, which is read again from the text.
enum Raw {
    Null,
    Text(String),
    Typed,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

fn place_all(raw: Spanned<Raw>, file: &Arc<str>, text: &str) -> Node {
    let span = span_of(&raw.referenced, text);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar { text, plain: false },
        Raw::Typed => Value::Scalar { text: text.get(span.clone()).unwrap_or_default().trim().to_owned(), plain: true },
        Raw::List(items) => Value::List(items.into_iter().map(|item| place_all(item, file, text)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (place_all(key, file, text), place_all(value, file, text)))
                .collect(),
        ),
    };
    Node { place: Place { file: Arc::clone(file), span }, value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a map")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::result_large_err, reason = "a test")]
    fn tree(text: &str) -> Result<Node, Finding> {
        parse(&Arc::from("t.yaml"), text)
    }

    #[test]
    fn scalars_keep_their_spelling_and_place() {
        let text = "退款: [12345, yes, 1.0, 0x1f, 2026-11-21, 09:00, ON, '7', 99999999999999999999]\n";
        let node = tree(text).expect("reads");
        let list = node.get("退款").expect("key");
        let words: Vec<_> = list.items().iter().filter_map(Node::text).collect();
        assert_eq!(words, ["12345", "yes", "1.0", "0x1f", "2026-11-21", "09:00", "ON", "7", "99999999999999999999"]);
        for item in &list.items()[..7] {
            assert_eq!(&text[item.place.span.clone()], item.text().unwrap_or_default());
        }
        let (key, _) = &node.entries()[0];
        assert_eq!(&text[key.place.span.clone()], "退款");
    }

    #[test]
    fn a_key_can_stand_twice_so_that_both_can_be_shown() {
        let node = tree("a: 1\nb: 2\na: 3\n").expect("reads");
        assert_eq!(node.entries().len(), 3);
    }

    #[test]
    fn lesson_24_hostile_files_are_refused_quickly() {
        assert_eq!(tree(&"[".repeat(100_000)).expect_err("deep").code, "yaml-limit");
        assert_eq!(tree("a: &a [x, x]\nb: [*a, *a]\n").expect_err("alias").code, "yaml-limit");
        let tab = tree("faq:\n\t- id: x\n").expect_err("tab");
        assert_eq!(tab.code, "yaml-syntax");
        assert!(tab.help.unwrap_or_default().contains("tab"));
    }

    #[test]
    fn empty_files_are_nothing() {
        assert_eq!(tree("").expect("reads").value, Value::Null);
        assert_eq!(tree("# only a comment\n").expect("reads").value, Value::Null);
    }

    #[test]
    fn multi_line_texts_are_joined() {
        let node = tree("a: |\n  one\n  two\nb: >-\n  three\n  four\n").expect("reads");
        assert_eq!(node.get("a").and_then(Node::text), Some("one\ntwo\n"));
        assert_eq!(node.get("b").and_then(Node::text), Some("three four"));
    }
}
