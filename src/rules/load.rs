//! From texts to the Book: parse, check the shape, fill in secrets, read. All files in one pass, all findings at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Finding, Place, Report};
use crate::hours::{self, CalendarDay};
use crate::yaml::{self, Node, Value};

use super::book::{Book, Unread};
use super::files::Files;
use super::settings::Settings;
use super::shape::{self, Kind, Shape};
use super::{read, shapes, wording};

/// Reads the value behind `${NAME}` (environment) or `${file:PATH}`.
pub trait Secrets {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The content of a file, relative to the shop's directory, without the line end.
    fn file(&self, path: &str) -> Option<String>;
}

/// For files that name no secrets, such as those of a test.
#[derive(Clone, Copy, Debug)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Option<String> {
        None
    }
}

/// Reads all files. The report has every finding of shape; the Book is there when `nightdesk.yaml` could be used at all, even
/// beside errors elsewhere, so that the rooms that build can report theirs in the same pass.
#[must_use]
pub fn load(mut files: Files, secrets: &dyn Secrets) -> (Option<Book>, Report) {
    let mut report = Report { findings: std::mem::take(&mut files.findings), ..Report::default() };
    let missing_files = !report.findings.is_empty();
    let mut settings = files.texts.get("nightdesk.yaml").cloned().and_then(|text| {
        let mut node = parse("nightdesk.yaml", &text, &mut report)?;
        fill_in(&mut node, secrets, &mut report);
        // Shape errors were reported; what can still be read is, so that references to it are not reported as missing.
        shape::check(&node, &Kind::Map(&shapes::CONFIG), &mut report);
        Settings::read(&node)
    });
    if let Some(settings) = &mut settings {
        let mut parsed = BTreeMap::new();
        for schedule in settings.hours.values_mut() {
            for calendar in &schedule.calendars {
                let days = parsed
                    .entry(calendar.value.clone())
                    .or_insert_with(|| read_calendar(&mut files, &calendar.value, &calendar.place, &mut report));
                schedule.days.extend(days.iter().cloned());
            }
        }
    }
    let (mut rules, mut wordings) = (Vec::new(), Vec::new());
    let mut unread = Unread { files: missing_files, ..Unread::default() };
    let texts: Vec<_> = files.texts.iter().map(|(file, text)| (Arc::clone(file), Arc::clone(text))).collect();
    for (file, text) in &texts {
        if file.starts_with("faq/") {
            let Some(node) = read_lists(file, text, &shapes::FAQ_FILE, &mut unread, &mut report) else { continue };
            rules.extend(items(&node, "faq", &Kind::Map(&shapes::FAQ), read::faq, &mut unread.ids, &mut report));
        } else if file.starts_with("rules/") {
            let Some(node) = read_lists(file, text, &shapes::RULES_FILE, &mut unread, &mut report) else { continue };
            neither(&node, &mut unread, &mut report);
            rules.extend(items(&node, "rules", &Kind::Map(&shapes::RULE), read::rule, &mut unread.ids, &mut report));
            let kind = Kind::Map(&wording::WORDING);
            wordings.extend(items(&node, "wording", &kind, wording::wording, &mut Vec::new(), &mut report));
        }
    }
    let synonyms = files.texts.get("synonyms.yaml").cloned().and_then(|text| {
        let node = parse("synonyms.yaml", &text, &mut report)?;
        shape::check(&node, &Kind::Map(&shapes::SYNONYMS), &mut report).then(|| read::synonyms(&node))
    });
    for (file, text) in files.texts {
        report.sources.insert(file, text);
    }
    let hash = hash(&report);
    let synonyms = synonyms.unwrap_or_default();
    (settings.map(|settings| Book { settings, rules, wordings, synonyms, unread, aliases: Vec::new(), hash }), report)
}

/// Parses one file; what is wrong goes into the report.
pub fn parse(file: &str, text: &Arc<str>, report: &mut Report) -> Option<Node> {
    let file = Arc::from(file);
    report.sources.insert(Arc::clone(&file), Arc::clone(text));
    match yaml::parse(&file, text) {
        Ok(node) => Some(node),
        Err(finding) => {
            report.push(finding);
            None
        }
    }
}

/// A file of lists. Its head is checked here without the items, which [`items`] checks each on its own; none if there is nothing
/// to read.
fn read_lists(
    file: &str,
    text: &Arc<str>,
    shape: &'static Shape,
    unread: &mut Unread,
    report: &mut Report,
) -> Option<Node> {
    let Some(node) = parse(file, text, report) else {
        unread.files = true;
        return None;
    };
    if node.value == Value::Null {
        return None;
    }
    let Value::Map(entries) = &node.value else {
        shape::check(&node, &Kind::Map(shape), report);
        unread.files = true;
        return None;
    };
    let is_list = |key: &Node| shape.keys.iter().any(|known| key.text() == Some(known.name));
    let head = Node {
        place: node.place.clone(),
        value: Value::Map(
            entries
                .iter()
                .map(|(k, v)| {
                    let value = if is_list(k) && matches!(v.value, Value::List(_) | Value::Null) {
                        Value::List(Vec::new())
                    } else {
                        v.value.clone()
                    };
                    (k.clone(), Node { place: v.place.clone(), value })
                })
                .collect(),
        ),
    };
    unread.files |= !shape::check(&head, &Kind::Map(shape), report);
    Some(node)
}

/// Items of one of a file's lists; one whose shape is wrong is reported, left out and its id noted, the others stay.
fn items<T>(
    node: &Node,
    key: &str,
    kind: &Kind,
    read: fn(&Node) -> Option<T>,
    unread: &mut Vec<String>,
    report: &mut Report,
) -> Vec<T> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    let (good, bad): (Vec<_>, Vec<_>) = items.iter().partition(|item| shape::check(item, kind, report));
    unread.extend(bad.iter().filter_map(|item| Some(item.get("id")?.text()?.to_owned())));
    good.into_iter().filter_map(read).collect()
}

/// A file below `rules/` has rules or wordings, or both.
fn neither(node: &Node, unread: &mut Unread, report: &mut Report) {
    let has = |key: &str| node.entries().iter().any(|(k, _)| k.text() == Some(key));
    if !has("rules") && !has("wording") {
        unread.files = true;
        report.push(
            Finding::error("missing-key", "a rules file needs `rules` or `wording`")
                .at(node.entries().first().map_or(&node.place, |(k, _)| &k.place))
                .help("write `rules: …`, which is: The rules."),
        );
    }
}

fn read_calendar(files: &mut Files, path: &str, place: &Place, report: &mut Report) -> Vec<CalendarDay> {
    let (file, text) = match files.named(path) {
        Ok(found) => found,
        Err(error) => {
            let what = if error.kind() == std::io::ErrorKind::NotFound {
                format!("there is no calendar `{path}`")
            } else {
                format!("the calendar `{path}` cannot be read: {error}")
            };
            report.push(
                Finding::error("no-calendar", what)
                    .at(place)
                    .help("write its path as seen from the directory of nightdesk.yaml"),
            );
            return Vec::new();
        }
    };
    report.sources.insert(Arc::clone(&file), Arc::clone(&text));
    let extension = path.rsplit('.').next().unwrap_or_default();
    let parsed = match extension {
        "json" => hours::parse_json(&text),
        "ics" => hours::parse_ical(&text),
        _ => return yaml_calendar(&file, &text, report),
    };
    parsed.unwrap_or_else(|error| {
        // The place is shown by the finding; the sentence need not say it again.
        let message = error.to_string();
        let message = message.split_once(": ").map_or(message.as_str(), |(_, rest)| rest);
        let start: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
        let line = text[start..].lines().next().unwrap_or_default();
        let span = start + line.len() - line.trim_start().len()..start + line.trim_end().len();
        report.push(Finding::error("bad-calendar", message).at(&Place { file, span }).and(place, "named here"));
        Vec::new()
    })
}

/// A calendar can be the bare list of its days.
static CALENDAR_DAYS: Kind = Kind::List(&Kind::Map(&shapes::CALENDAR_DAY));

fn yaml_calendar(file: &str, text: &Arc<str>, report: &mut Report) -> Vec<CalendarDay> {
    let Some(node) = parse(file, text, report) else { return Vec::new() };
    let fits = match &node.value {
        Value::List(_) => shape::check(&node, &CALENDAR_DAYS, report),
        _ => shape::check(&node, &Kind::Map(&shapes::CALENDAR), report),
    };
    if !fits {
        return Vec::new();
    }
    let days = node.get("days").unwrap_or(&node);
    let day = |item: &Node| {
        Some(CalendarDay {
            date: item.get("date")?.text()?.parse().ok()?,
            name: item.get("name").and_then(Node::text).unwrap_or_default().to_owned(),
            off: read::flag(item.get("isOffDay")),
            open_as: item.get("open_as").and_then(Node::text).and_then(|d| hours::parse_days(d).ok()?.first().copied()),
        })
    };
    days.items().iter().filter_map(day).collect()
}

/// Replaces `${NAME}` and `${file:PATH}` in every scalar; `$${` stands for a literal `${`.
fn fill_in(node: &mut Node, secrets: &dyn Secrets, report: &mut Report) {
    let filled = node.map_scalars(&mut |place, text| -> Result<_, std::convert::Infallible> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                out.push_str(&rest[..at]);
                out.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let Some(end) = rest[at..].find('}') else {
                report.push(
                    Finding::error("bad-reference", "a `${` without its `}`")
                        .at(place)
                        .help("close it, as in ${DESK_SECRET}; `$${` writes a literal `${`"),
                );
                return Ok(None);
            };
            let name = &rest[at + 2..at + end];
            let (value, what, help) = match name.strip_prefix("file:") {
                Some(path) => (
                    secrets.file(path),
                    format!("the file `{path}` cannot be read"),
                    "write its path as seen from the directory of nightdesk.yaml; `$${` writes a literal `${`",
                ),
                None => (
                    secrets.variable(name),
                    format!("the environment has no `{name}`"),
                    "set it where nightdesk is started; `$${` writes a literal `${`",
                ),
            };
            match value {
                Some(value) => out.push_str(&value),
                None => report.push(Finding::error("missing-secret", what).at(place).help(help)),
            }
            rest = &rest[at + end + 1..];
        }
        out.push_str(rest);
        Ok(Some(out))
    });
    match filled {
        Ok(()) => {}
    }
}

/// A hash of paths and texts: FNV-1a, 64 bits, which tells sets apart and protects nothing.
fn hash(report: &Report) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let knowledge = report.sources.iter().filter(|(file, _)| !file.starts_with("tests/"));
    for byte in knowledge.flat_map(|(file, text)| file.bytes().chain([0]).chain(text.bytes()).chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}
