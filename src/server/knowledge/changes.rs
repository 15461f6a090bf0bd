//! What the rule set in use changed against the one before it: files line by line, and entries by id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::history::{History, HistoryError, RuleSet};
use crate::rules::Files;

use super::hidden;
use super::source::{Stretch, stretches, texts};

/// Lines around a change that are shown.
const AROUND: usize = 3;
/// Most lines that are shown in all.
const MOST: usize = 3_000;
/// How long the comparison of one file may look for the shortest way.
const PATIENCE: Duration = Duration::from_millis(500);

/// The difference between the files in use and the set that was in use before. Reads the disk.
///
/// # Errors
/// When the history cannot be read.
pub(super) fn against_the_one_before(history: &History, hash: &str, files: &Files) -> Result<Value, HistoryError> {
    let sets = history.sets()?;
    let now = sets.iter().find(|set| set.hash == hash);
    let earlier = |set: &&RuleSet| set.hash != hash && now.is_none_or(|now| set.since <= now.since);
    let before = sets.iter().find(earlier);
    let told = |set: Option<&RuleSet>| {
        set.map(|set| json!({"rule_set": set.hash, "since": set.since, "by": set.by, "note": set.note}))
    };
    let mut value = json!({"now": told(now).unwrap_or_else(|| json!({"rule_set": hash})), "before": told(before)});
    let Some(before) = before else { return Ok(value) };
    let old = history.texts(before)?;
    let new: BTreeMap<&str, &str> = texts(files).filter(|(file, _)| !file.starts_with("tests/")).collect();
    let old: BTreeMap<&str, &str> = old.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    let names: BTreeSet<&str> =
        old.keys().chain(new.keys()).copied().filter(|file| old.get(file) != new.get(file)).collect();
    let mut left = MOST;
    let changed: Vec<Value> = names
        .iter()
        .map(|file| file_changes(file, old.get(file).copied(), new.get(file).copied(), &mut left))
        .collect();
    let only = |texts: &BTreeMap<&str, &str>| {
        stretches(texts.iter().filter(|(file, _)| names.contains(*file)).map(|(file, text)| (*file, *text)))
    };
    value["files"] = json!(changed);
    value["cut"] = json!(left == 0);
    value["entries"] = entries(&only(&old), &only(&new));
    Ok(value)
}

fn entries(old: &BTreeMap<String, Stretch>, new: &BTreeMap<String, Stretch>) -> Value {
    let missing = |a: &BTreeMap<String, Stretch>, b: &BTreeMap<String, Stretch>| {
        a.keys().filter(|id| !b.contains_key(*id)).cloned().collect::<Vec<_>>()
    };
    let differs = |(id, at): &(&String, &Stretch)| old.get(*id).is_some_and(|was| was.text != at.text);
    let changed: Vec<&String> = new.iter().filter(differs).map(|(id, _)| id).collect();
    json!({"added": missing(new, old), "changed": changed, "removed": missing(old, new)})
}

fn file_changes(file: &str, old: Option<&str>, new: Option<&str>, left: &mut usize) -> Value {
    let shown = |text: Option<&str>| {
        let lines = hidden::lines(file, text.unwrap_or_default());
        lines.iter().flat_map(|line| [line, "\n"]).collect::<String>()
    };
    let (before, after) = (shown(old), shown(new));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before, &after);
    let mut hunks = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        let mut lines = Vec::new();
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            let sign = match change.tag() {
                ChangeTag::Insert => "+",
                ChangeTag::Delete => "-",
                ChangeTag::Equal => " ",
            };
            let number = |index: Option<usize>| index.map(|index| index + 1);
            lines.push(json!({
                "sign": sign, "old": number(change.old_index()), "new": number(change.new_index()),
                "text": change.value().trim_end_matches('\n'),
            }));
        }
        hunks.push(json!(lines));
    }
    let state = match (old, new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    // A change in what is not shown has no lines, or not all of them.
    let hides = |text: Option<&str>, shown: &str| text.is_some_and(|text| !text.lines().eq(shown.lines()));
    json!({"file": file, "state": state, "hunks": hunks, "hides": hides(old, &before) || hides(new, &after)})
}
