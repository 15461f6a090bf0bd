//! From trees whose shape was checked to the model: nothing here can fail for a reason that a person should hear of.

use jiff::civil::Date;
use secrecy::SecretString;

use crate::yaml::{Node, Value};

use super::model::{Careful, Condition, Located, Origin, Phrase, Rule, Text};
use super::{dialogue, json, lookup, pilots, shape};

/// A scalar with its place.
#[must_use]
pub(super) fn located(node: &Node) -> Option<Located<String>> {
    Some(Located { value: node.text()?.to_owned(), place: node.place.clone() })
}

/// One string or many.
#[must_use]
pub(super) fn strings(node: Option<&Node>) -> Vec<Located<String>> {
    node.map(Node::one_or_many).unwrap_or_default().iter().filter_map(located).collect()
}

/// Secrets, one or many.
#[must_use]
pub(super) fn secrets(node: Option<&Node>) -> Vec<SecretString> {
    strings(node).into_iter().map(|secret| SecretString::from(secret.value)).collect()
}

/// `true`, or anything else.
#[must_use]
pub(super) fn flag(node: Option<&Node>) -> bool {
    node.and_then(Node::text) == Some("true")
}

/// One string, or a map by language.
#[must_use]
pub(super) fn text(node: &Node) -> Option<Text> {
    let by_language = match &node.value {
        Value::Scalar { .. } => [(String::new(), located(node)?)].into(),
        Value::Map(entries) => entries.iter().filter_map(|(k, v)| Some((k.text()?.to_owned(), located(v)?))).collect(),
        _ => return None,
    };
    Some(Text { by_language, place: node.place.clone() })
}

pub(super) fn texts(node: Option<&Node>) -> Vec<Text> {
    node.map(Node::one_or_many).unwrap_or_default().iter().filter_map(text).collect()
}

fn date(node: Option<&Node>) -> Option<Located<Date>> {
    let node = node?;
    Some(Located { value: node.text()?.parse().ok()?, place: node.place.clone() })
}

fn words(node: Option<&Node>) -> Vec<String> {
    strings(node).into_iter().map(|s| s.value).collect()
}

/// An entry of `faq:`.
#[must_use]
pub(super) fn faq(node: &Node) -> Option<Rule> {
    let mut ways: Vec<Condition> =
        node.get("questions").map(|list| Condition::Like(strings(Some(list)))).into_iter().collect();
    if let Some(list) = node.get("phrases") {
        ways.push(Condition::Phrase(phrases(list)));
    }
    Some(Rule { origin: Origin::Faq, when: Condition::Any(ways), replies: texts(node.get("answer")), ..common(node)? })
}

/// An item of `rules:`.
#[must_use]
pub(super) fn rule(node: &Node) -> Option<Rule> {
    Some(Rule {
        when: node.get("when").map_or_else(|| Condition::Any(Vec::new()), condition),
        replies: texts(node.get("reply")),
        handoff: dialogue::handoff(node),
        slots: dialogue::slots(node.get("slots")),
        lookup: lookup::lookup(node.get("lookup")),
        then: dialogue::branches(node.get("then")),
        ..common(node)?
    })
}

/// `careful:` of a rule, an entry or the shop.
pub(super) fn careful(node: &Node) -> Option<Careful> {
    node.get("careful").and_then(Node::text).and_then(Careful::parse)
}

/// `synonyms.yaml`: groups of words for the same thing.
#[must_use]
pub(super) fn synonyms(node: &Node) -> Vec<Vec<Located<String>>> {
    node.get("synonyms").map(Node::items).unwrap_or_default().iter().map(|group| strings(Some(group))).collect()
}

/// What entries and rules have alike.
fn common(node: &Node) -> Option<Rule> {
    Some(Rule {
        id: located(node.get("id")?)?,
        origin: Origin::Rule,
        title: node.get("title").and_then(text),
        priority: node.get("priority").and_then(Node::text).and_then(|p| p.parse().ok()).unwrap_or(0),
        when: Condition::All(Vec::new()),
        replies: Vec::new(),
        options: strings(node.get("options")),
        handoff: None,
        slots: Vec::new(),
        lookup: None,
        then: Vec::new(),
        urgent: flag(node.get("urgent")),
        smalltalk: flag(node.get("smalltalk")),
        tags: words(node.get("tags")),
        class: node.get("class").and_then(Node::text).map(str::to_owned),
        category: node.get("category").and_then(Node::text).map(str::to_owned),
        from: date(node.get("from")),
        until: date(node.get("until")),
        channels: strings(node.get("channels")),
        review_by: date(node.get("review_by")),
        careful: careful(node),
        rollout: node
            .get("rollout")
            .and_then(|share| Some(Located { value: shape::share(share.text()?)?, place: share.place.clone() })),
        replaces: node.get("replaces").and_then(located),
        version: node.get("rollout").map(|_| pilots::version(json(node).to_string().as_bytes())),
    })
}

/// Phrases, each of one part or several.
#[must_use]
pub(super) fn phrases(node: &Node) -> Vec<Phrase> {
    node.one_or_many().iter().map(|item| Phrase { parts: strings(Some(item)) }).collect()
}

/// All keys of a condition hold; `like` beside `phrase` or `regex` is another way in, as questions are beside an entry's phrases.
fn condition(node: &Node) -> Condition {
    let mut signs = Vec::new();
    let mut all = Vec::new();
    let mut like = None;
    for (key, value) in node.entries() {
        let nested = || value.one_or_many().iter().map(condition).collect();
        match key.text().unwrap_or_default() {
            "phrase" => signs.push(Condition::Phrase(phrases(value))),
            "regex" => signs.push(Condition::Regex(strings(Some(value)))),
            "like" => like = Some(Condition::Like(strings(Some(value)))),
            "any" => all.push(Condition::Any(nested())),
            "all" => all.push(Condition::All(nested())),
            "none" => all.push(Condition::None(nested())),
            "if" => all.extend(located(value).map(Condition::If)),
            _ => {}
        }
    }
    match like {
        None => all.splice(0..0, signs).for_each(drop),
        Some(like) if signs.is_empty() => all.insert(0, like),
        Some(like) => all.insert(0, Condition::Any(vec![Condition::All(signs), like])),
    }
    if all.len() == 1 { all.swap_remove(0) } else { Condition::All(all) }
}
