//! A bot of Live Helper Chat, as its back office exports it: groups of triggers with events that lead to them and actions.

use serde_json::Value;

use super::entry::literal;
use super::{Entry, Left};

/// Most ways to put one word of each group together.
const MAX_PHRASES: usize = 60;

pub(super) fn entries(file: &str, text: &str, left: &mut Vec<Left>) -> Result<Vec<Entry>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    let groups = value.get("groups").and_then(Value::as_array);
    let groups = groups.ok_or("it is no bot of Live Helper Chat: it has no `groups`")?;
    let mut entries = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let category = field(group.get("group"), "name");
        for (number, trigger) in list(group.get("triggers")).iter().enumerate() {
            let place = format!("{file} groups[{at}].triggers[{number}]");
            let mut entry = Entry {
                title: field(trigger.get("trigger"), "name"),
                category: category.clone(),
                place,
                ..Entry::default()
            };
            for event in list(trigger.get("events")) {
                lead(event, &mut entry, left);
            }
            let actions = actions(trigger.get("trigger"));
            act(&actions, &mut entry, left);
            if entry.is_reached() {
                entries.push(entry);
            } else {
                let why = "no words lead to it: it is shown at the start, on a press, or when nothing else fits";
                left.push(Left::new(&entry.place, &entry.title, why));
            }
        }
    }
    Ok(entries)
}

/// What leads to a trigger.
fn lead(event: &Value, entry: &mut Entry, left: &mut Vec<Left>) {
    // Its numbers are sometimes written as texts.
    let kind = event.get("type").map(|kind| kind.as_str().map_or_else(|| kind.to_string(), str::to_owned));
    let (pattern, except) = (field(Some(event), "pattern"), field(Some(event), "pattern_exc"));
    match kind.as_deref() {
        Some("0") => {
            if !pattern.is_empty() {
                entry.questions.push(pattern);
            }
        }
        Some("2") => {
            let groups: Vec<Vec<String>> = pattern.split("&&").map(words).filter(|group| !group.is_empty()).collect();
            match together(&groups) {
                Some(phrases) => entry.phrases.extend(phrases),
                None => left.push(Left::new(
                    &entry.place,
                    &pattern,
                    format!("more than {MAX_PHRASES} ways to put it together"),
                )),
            }
            entry.none.extend(except.split("&&").flat_map(words));
            let only = event.get("configuration").and_then(Value::as_str).unwrap_or_default();
            if only.contains("\"only_these\":true") {
                left.push(Left::new(
                    &entry.place,
                    &pattern,
                    "here other words may stand beside these; it was allowed only these",
                ));
            }
        }
        Some("1") => left.push(Left::new(
            &entry.place,
            &pattern,
            "a press of a button; options are written with ids below an answer",
        )),
        _ => left.push(Left::new(&entry.place, &pattern, "an event that is not of words")),
    }
}

/// The words of a group, without the marks of how many slips are forgiven.
fn words(group: &str) -> Vec<String> {
    let word = |word: &str| {
        let word = word.split('{').next().unwrap_or_default();
        word.trim().trim_end_matches('$').trim_matches('*').trim().to_owned()
    };
    group.split(',').map(word).filter(|word| !word.is_empty()).collect()
}

/// One word of each group, in every way; none if there are too many.
fn together(groups: &[Vec<String>]) -> Option<Vec<Vec<String>>> {
    if groups.is_empty() {
        return Some(Vec::new());
    }
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for group in groups {
        all = all
            .iter()
            .flat_map(|parts| group.iter().map(move |word| parts.iter().chain([word]).cloned().collect()))
            .collect();
        if all.len() > MAX_PHRASES {
            return None;
        }
    }
    Some(all)
}

/// Actions are a list, or a text that holds one.
fn actions(trigger: Option<&Value>) -> Vec<Value> {
    match trigger.and_then(|trigger| trigger.get("actions")) {
        Some(Value::Array(actions)) => actions.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn act(actions: &[Value], entry: &mut Entry, left: &mut Vec<Left>) {
    let mut said: Vec<String> = vec![String::new()];
    for action in actions {
        let content = action.get("content");
        let kind = action.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut leave = |what: &str, why: &str| left.push(Left::new(&entry.place, what, why));
        match kind {
            "text" | "text_item" => {
                let text = field(content, "text");
                let mut ways = Vec::new();
                for way in text.replace("\n|||\n", " ||| ").split(" ||| ") {
                    match template(way) {
                        Ok(way) => ways.push(way),
                        Err(why) => leave(way, &why),
                    }
                }
                if !ways.is_empty() {
                    let join = |said: &String, way: &String| format!("{said}\n{way}").trim().to_owned();
                    said = said.iter().flat_map(|said| ways.iter().map(move |way| join(said, way))).collect();
                }
                let buttons =
                    [list(content.and_then(|c| c.get("buttons"))), list(content.and_then(|c| c.get("quick_replies")))];
                for button in buttons.into_iter().flatten() {
                    leave(
                        &field(button.get("content"), "name"),
                        "a button; options are written with ids below an answer",
                    );
                }
            }
            "command" if field(content, "command") == "stopchat" => entry.hands_over = true,
            "typing" => {}
            "conditions" => leave(kind, "a condition; write it as `if` of a rule"),
            "command" => leave(&field(content, "command"), "a command, which has no counterpart"),
            other => leave(other, "an action that is not a text; it has no counterpart here"),
        }
    }
    entry.answers = said.into_iter().filter(|text| !text.is_empty()).collect();
}

/// A text with its variables translated: the visitor's name, and texts that carry their default.
fn template(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = tag.find('}') else { break };
        let inner = tag.get(1..end).unwrap_or_default();
        match inner.split_once("__") {
            _ if inner == "lhc.nick" => out.push(NAME),
            Some((name, default)) if is_name(name) && !default.contains("__") => out.push_str(default),
            _ if inner.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                return Err(format!("its text has {{{inner}}}, which has no counterpart"));
            }
            _ => out.push_str(tag.get(..=end).unwrap_or_default()),
        }
        rest = tag.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(literal(&out).replace(NAME, "{{ customer.name }}"))
}

/// Stands for the customer's name until the rest of the text is made literal; of private use, so no text has it.
const NAME: char = '\u{f8ff}';

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn field(value: Option<&Value>, name: &str) -> String {
    value.and_then(|value| value.get(name)).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{template, together, words};

    #[test]
    fn texts_keep_what_has_a_counterpart() {
        assert_eq!(template("Hi {lhc.nick}, {hours__We open at 9}"), Ok("Hi {{ customer.name }}, We open at 9".into()));
        assert_eq!(template("a { b } {{ c }}"), Ok("a { b } {{ '{' }}{ c }}".into()));
        assert!(template("{args.chat.id}").is_err() && template("{evening__Hi__t[17:24]}").is_err());
    }

    #[test]
    fn words_of_groups_come_together() {
        let groups = ["cancel,stop{1}", " order , parcel$"].map(words);
        let phrases = together(&groups).expect("few");
        assert_eq!(phrases.len(), 4);
        assert_eq!(phrases[1], ["cancel", "parcel"]);
    }
}
