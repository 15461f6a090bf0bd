//! Rasa: intents of `nlu`, the responses of the domain, and the rules and stories in which one intent leads to one response.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::yaml::{self, Node};

use super::entry::{line, literal};
use super::{Entry, Left};

/// All files of a project, in the order in which they were named.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// Examples by intent, with the place of the first.
    intents: BTreeMap<String, (String, Vec<String>)>,
    /// The texts of a response.
    responses: BTreeMap<String, (String, Vec<String>)>,
    /// What follows an intent, in rules and stories: response names.
    led: BTreeMap<String, Vec<(String, String)>>,
    used: Vec<String>,
}

impl Files {
    /// Reads one file.
    pub(super) fn read(&mut self, file: &str, text: &str, left: &mut Vec<Left>) -> Result<(), String> {
        let name = Arc::from(file);
        let root = yaml::parse(&name, text).map_err(|finding| {
            let at = finding.place.as_ref().map_or(0, |place| place.span.start);
            format!("line {}: {}", line_of(text, at), finding.message)
        })?;
        let known = ["nlu", "responses", "rules", "stories"];
        if !known.iter().any(|key| root.get(key).is_some()) && root.get("intents").is_none() {
            return Err("it has neither nlu, responses, rules nor stories, so it is no file of Rasa".to_owned());
        }
        let mut reader = One { file, text, left };
        for (key, value) in root.entries() {
            let key_text = key.text().unwrap_or_default();
            match key_text {
                "nlu" => value.items().iter().for_each(|item| self.nlu(item, &mut reader)),
                "responses" => value.entries().iter().for_each(|(name, list)| self.response(name, list, &mut reader)),
                "rules" | "stories" => value.items().iter().for_each(|item| self.story(item, &mut reader)),
                "version" | "intents" | "session_config" | "config" => {}
                "slots" | "forms" | "entities" | "actions" => {
                    reader.leave(
                        key,
                        key_text,
                        "nightdesk asks with `slots` of a rule and looks up with `lookup`; write those by hand",
                    );
                }
                other => reader.leave(key, other, "this part is not read"),
            }
        }
        Ok(())
    }

    fn nlu(&mut self, item: &Node, reader: &mut One<'_>) {
        let texts = examples(item.get("examples"));
        if let Some(intent) = item.get("intent").and_then(Node::text) {
            let place = reader.place(item);
            let (_, all) = self.intents.entry(intent.to_owned()).or_insert_with(|| (place, Vec::new()));
            all.extend(texts.iter().map(|text| plain(text)));
        } else if let Some(word) = item.get("synonym").and_then(Node::text) {
            let group: Vec<&str> = [word].into_iter().chain(texts.iter().map(String::as_str)).collect();
            reader.leave(item, word, &format!("a hint; put into synonyms.yaml: [{}]", group.join(", ")));
        } else if let Some(name) = item.get("lookup").and_then(Node::text) {
            reader.leave(item, name, &format!("a hint; {} words of one kind, for `pattern` of a slot", texts.len()));
        } else if let Some(name) = item.get("regex").and_then(Node::text) {
            reader.leave(item, name, "a feature of the model; write it as `regex` of a rule or `pattern` of a slot");
        } else {
            reader.leave(item, "nlu", "this item is not read");
        }
    }

    fn response(&mut self, name: &Node, list: &Node, reader: &mut One<'_>) {
        let name = name.text().unwrap_or_default();
        let place = reader.place(list);
        let mut texts = Vec::new();
        for item in list.one_or_many() {
            for (key, value) in item.entries() {
                match key.text().unwrap_or_default() {
                    "text" => {
                        let text = value.text().unwrap_or_default();
                        match placeholder(text) {
                            Some(slot) => {
                                reader.leave(value, name, &format!("its text has {slot}, which has no counterpart"));
                            }
                            None if item.get("condition").is_some() || item.get("channel").is_some() => {}
                            None => texts.push(literal(text)),
                        }
                    }
                    "condition" | "channel" => {
                        reader.leave(key, name, "a variant with a condition or for one channel; write it as a rule");
                    }
                    "buttons" => reader.leave(key, name, "buttons; options are written with ids below an answer"),
                    "image" | "attachment" | "custom" => reader.leave(key, name, "media; answers are texts"),
                    _ => {}
                }
            }
        }
        let (_, all) = self.responses.entry(name.to_owned()).or_insert_with(|| (place, Vec::new()));
        all.extend(texts);
    }

    /// Every intent that is followed by one response and nothing else before the next intent.
    fn story(&mut self, item: &Node, reader: &mut One<'_>) {
        let name = item.get("rule").or_else(|| item.get("story")).and_then(Node::text).unwrap_or_default();
        if item.get("condition").is_some() {
            reader.leave(item, name, "it has a condition; write it as `if` of a rule");
            return;
        }
        let steps = item.get("steps").map(Node::items).unwrap_or_default();
        let mut open: Vec<String> = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for step in steps {
            let asked = intents_of(step);
            if !asked.is_empty() {
                self.close(&mut open, &mut done, step, name, reader);
                open = asked;
            } else if let Some(action) = step.get("action").or_else(|| step.get("bot")).and_then(Node::text) {
                done.push(action);
            } else {
                reader.leave(step, name, "a step that is neither an intent nor an action");
            }
        }
        self.close(&mut open, &mut done, item, name, reader);
    }

    fn close(&mut self, open: &mut Vec<String>, done: &mut Vec<&str>, at: &Node, name: &str, reader: &mut One<'_>) {
        let asked = std::mem::take(open);
        match std::mem::take(done).as_slice() {
            [response] if response.starts_with("utter_") && !asked.is_empty() => {
                for intent in asked {
                    let led = self.led.entry(intent).or_default();
                    if led.iter().all(|(known, _)| known != response) {
                        led.push(((*response).to_owned(), reader.place(at)));
                    }
                }
            }
            [] => {}
            actions => reader.leave(
                at,
                name,
                &format!("{}: more than one response, or an action that is run", actions.join(", ")),
            ),
        }
    }

    /// What all files say together.
    pub(super) fn entries(mut self, left: &mut Vec<Left>) -> Vec<Entry> {
        let mut entries = Vec::new();
        let led = std::mem::take(&mut self.led);
        let intents = std::mem::take(&mut self.intents);
        for (intent, (place, questions)) in intents {
            let by_story: Vec<&str> =
                led.get(&intent).map(|l| l.iter().map(|(name, _)| name.as_str()).collect()).unwrap_or_default();
            let by_name = format!("utter_{intent}");
            let name = match by_story.as_slice() {
                [] => by_name.as_str(),
                [only] => only,
                several => {
                    let why = format!(
                        "it leads to {}, by what went before; write rules with conversation.previous",
                        several.join(" and ")
                    );
                    left.push(Left::new(&place, &intent, why));
                    continue;
                }
            };
            let Some((_, answers)) = self.responses.get(name) else {
                left.push(Left::new(&place, &intent, "no response follows it in rules, stories or by its name"));
                continue;
            };
            self.used.push(name.to_owned());
            if answers.is_empty() {
                left.push(Left::new(&place, &intent, format!("no text of {name} can be carried over")));
                continue;
            }
            let (category, own) = intent.split_once('/').unwrap_or(("", &intent));
            entries.push(Entry {
                id: if category.is_empty() { own.to_owned() } else { format!("{category}.{own}") },
                title: own.replace(['_', '-'], " "),
                category: category.to_owned(),
                questions,
                answers: answers.clone(),
                place,
                ..Entry::default()
            });
        }
        for (name, (place, _)) in &self.responses {
            if !self.used.contains(name) {
                left.push(Left::new(place, name, "no intent with examples leads to this response alone"));
            }
        }
        entries
    }
}

/// A file that is being read, for places.
struct One<'a> {
    file: &'a str,
    text: &'a str,
    left: &'a mut Vec<Left>,
}

impl One<'_> {
    fn place(&self, node: &Node) -> String {
        // What a map or list stands for begins at its first key.
        let first = node.entries().first().map_or(node, |(key, _)| key);
        format!("{}:{}", self.file, line_of(self.text, first.place.span.start))
    }

    fn leave(&mut self, node: &Node, what: &str, why: &str) {
        let place = self.place(node);
        self.left.push(Left::new(&place, what, why));
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Intents of a step, `or` among them.
fn intents_of(step: &Node) -> Vec<String> {
    let of = |node: &Node| node.get("intent").and_then(Node::text).map(str::to_owned);
    let several = step.get("or").map(Node::items).unwrap_or_default();
    of(step).into_iter().chain(several.iter().filter_map(of)).collect()
}

/// Examples: a text of `- ` lines, or a list of texts or of maps with `text`.
fn examples(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let of_lines = |text: &str| -> Vec<String> {
        let item = |line: &str| line.trim().strip_prefix('-').map(|item| item.trim().to_owned());
        let items: Vec<String> = text.lines().filter_map(item).filter(|item| !item.is_empty()).collect();
        if items.is_empty() { vec![line(text)] } else { items }
    };
    let of_item = |item: &Node| item.text().or_else(|| item.get("text")?.text()).map(of_lines).unwrap_or_default();
    match node.text() {
        Some(text) => of_lines(text),
        None => node.items().iter().flat_map(of_item).collect(),
    }
}

/// An example without its marks of entities: `[Berlin](city)`, `[Berlin]{"entity": "city"}`.
fn plain(example: &str) -> String {
    let mut out = String::new();
    let mut rest = example;
    while let Some(at) = rest.find('[') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let marked = tag.find(']').and_then(|end| {
            let after = tag.get(end + 1..)?;
            let close = if after.starts_with('(') {
                ')'
            } else if after.starts_with('{') {
                '}'
            } else {
                return None;
            };
            Some((tag.get(1..end)?, after.get(after.find(close)? + 1..)?))
        });
        let Some((word, after)) = marked else {
            out.push('[');
            rest = tag.get(1..).unwrap_or_default();
            continue;
        };
        out.push_str(word);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first `{slot}` of a response.
fn placeholder(text: &str) -> Option<&str> {
    let at = text.find('{')?;
    let end = at + text.get(at..)?.find('}')?;
    let name = text.get(at + 1..end)?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    is_name.then(|| text.get(at..=end))?
}

#[cfg(test)]
mod tests {
    use super::{placeholder, plain};

    #[test]
    fn marks_of_entities_go() {
        assert_eq!(plain("from [Berlin](city) to [SF]{\"entity\": \"city\", \"role\": \"to\"}!"), "from Berlin to SF!");
        assert_eq!(plain("a [b] c ["), "a [b] c [");
    }

    #[test]
    fn slots_in_responses_are_seen() {
        assert_eq!(placeholder("Hi {name}!"), Some("{name}"));
        assert_eq!(placeholder("a { b }"), None);
    }
}
