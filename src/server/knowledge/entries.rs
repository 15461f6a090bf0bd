//! Rules and entries as a page lists them: what they say, where they stand, and how often they were used.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::report::Hit;
use crate::rules::Files;
use crate::rules::model::{Condition, Origin, Rule, Text};
use crate::text::Fold;

use super::hidden;
use super::source::{self, Stretch};

/// Most entries of one answer.
const MOST: usize = 500;
/// Entries of one answer, if nothing is said.
const SOME: usize = 100;
/// Characters of a reply that stand in the list.
const PREVIEW: usize = 300;

/// What is wanted of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Wanted {
    find: Option<String>,
    #[serde(default)]
    only: Only,
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    reverse: bool,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Only {
    #[default]
    All,
    Unused,
    Overdue,
    Pilots,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Hits,
    Week,
    Last,
    Id,
    Category,
    Review,
    File,
}

impl Wanted {
    /// The words that are looked for, in bytes.
    pub(super) fn length(&self) -> usize {
        self.find.as_ref().map_or(0, String::len)
    }
}

/// All rules and entries of one rule set.
#[derive(Debug)]
pub(super) struct Listed {
    /// Hash of the set.
    pub hash: String,
    /// The files in which it stands.
    pub files: Arc<Files>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    rule: Rule,
    stretch: Option<Stretch>,
    /// Folded: all that is searched.
    hay: String,
}

impl Listed {
    pub(super) fn of(engine: &Engine, files: Arc<Files>) -> Self {
        let mut stretches = source::stretches(source::texts(&files));
        let fold = engine.knowledge().matcher.fold();
        let mut rules: BTreeMap<&str, &Rule> = BTreeMap::new();
        let arms = engine.arms().iter().flat_map(|arm| &arm.engine.book().rules);
        // What the rest have comes first, so that it is what is shown of an id.
        for rule in engine.book().rules.iter().chain(arms) {
            rules.entry(&rule.id.value).or_insert(rule);
        }
        let items = rules.into_iter().map(|(id, rule)| Item {
            stretch: stretches.remove(id),
            hay: fold.fold_str(&hay(rule)),
            rule: rule.clone(),
        });
        Self { hash: engine.knowledge().hash.clone(), items: items.collect(), files }
    }

    /// The list, found, sorted and cut as wanted.
    pub(super) fn list(&self, wanted: &Wanted, fold: &Fold, hits: &HashMap<String, Hit>, today: Date) -> Value {
        let words = fold.fold_str(wanted.find.as_deref().unwrap_or_default());
        let words: Vec<&str> = words.split_whitespace().collect();
        let hit = |item: &Item| hits.get(&item.rule.id.value).copied().unwrap_or_default();
        let fits = |item: &&Item| {
            (match wanted.only {
                Only::All => true,
                Only::Unused => hit(item).last.is_none(),
                Only::Overdue => overdue(&item.rule, today),
                Only::Pilots => item.rule.rollout.is_some(),
            }) && words.iter().all(|word| item.hay.contains(word))
        };
        let mut found: Vec<&Item> = self.items.iter().filter(fits).collect();
        match wanted.sort {
            Sort::Hits => found.sort_by_key(|item| Reverse((hit(item).month, hit(item).week))),
            Sort::Week => found.sort_by_key(|item| Reverse((hit(item).week, hit(item).month))),
            Sort::Last => found.sort_by_key(|item| Reverse(hit(item).last)),
            Sort::Id => {}
            Sort::Category => found.sort_by(|a, b| {
                let key = |item: &&Item| (item.rule.category.is_none(), item.rule.category.clone());
                key(a).cmp(&key(b))
            }),
            Sort::Review => found.sort_by_key(|item| {
                let day = item.rule.review_by.as_ref().map(|day| day.value);
                (day.is_none(), day)
            }),
            Sort::File => found.sort_by_key(|item| item.stretch.as_ref().map(|at| (at.file.clone(), at.line))),
        }
        if wanted.reverse {
            found.reverse();
        }
        let limit = wanted.limit.unwrap_or(SOME).clamp(1, MOST);
        let rows = found.iter().skip(wanted.offset).take(limit);
        let rows: Vec<Value> = rows.map(|item| item.row(hit(item), today)).collect();
        let count = |holds: &dyn Fn(&Item) -> bool| self.items.iter().filter(|item| holds(item)).count();
        json!({
            "entries": rows, "found": found.len(), "total": self.items.len(),
            "unused": count(&|item| hit(item).last.is_none()), "overdue": count(&|item| overdue(&item.rule, today)),
            "pilots": count(&|item| item.rule.rollout.is_some()),
        })
    }

    /// One with all that it says; none if there is no such id.
    pub(super) fn one(&self, id: &str, hits: &HashMap<String, Hit>, today: Date) -> Option<(Value, Option<&Stretch>)> {
        let item = self.items.iter().find(|item| item.rule.id.value == id)?;
        let rule = &item.rule;
        let mut value = item.row(hits.get(id).copied().unwrap_or_default(), today);
        let signs = signs(rule);
        value["questions"] = json!(signs.questions);
        value["phrases"] = json!(signs.phrases);
        value["patterns"] = json!(signs.patterns);
        value["conditions"] = json!(signs.conditions);
        value["replies"] = rule.replies.iter().map(by_language).collect();
        let branches = rule.then.iter().map(|branch| {
            let condition = branch.condition.as_ref().map(|condition| &condition.value);
            json!({"if": condition, "replies": branch.replies.iter().map(by_language).collect::<Vec<_>>()})
        });
        value["branches"] = branches.collect();
        let asks = rule.slots.iter().map(|slot| json!({"name": slot.name.value, "ask": by_language(&slot.ask)}));
        value["asks"] = asks.collect();
        value["options"] = rule.options.iter().map(|option| option.value.as_str()).collect();
        value["channels"] = rule.channels.iter().map(|channel| channel.value.as_str()).collect();
        value["priority"] = json!(rule.priority);
        value["tags"] = json!(rule.tags);
        value["looks_up"] = json!(rule.lookup.is_some());
        let queue =
            |handoff: &crate::rules::model::HandoffSpec| handoff.queue.as_ref().map(|queue| queue.value.clone());
        value["handoff"] = json!(rule.handoff.as_ref().map(|handoff| json!({"queue": queue(handoff)})));
        let text = item.stretch.as_ref().and_then(|at| self.files.texts.get(&at.file).map(|text| (at, text)));
        value["source"] = text.map_or(Value::Null, |(at, text)| {
            let lines = hidden::lines(&at.file, text);
            json!(lines.get(at.line - 1..at.end.min(lines.len())).unwrap_or_default())
        });
        Some((value, item.stretch.as_ref()))
    }
}

impl Item {
    fn row(&self, hit: Hit, today: Date) -> Value {
        let (rule, signs) = (&self.rule, signs(&self.rule));
        let reply = rule.replies.first().or_else(|| rule.then.first()?.replies.first());
        let shown = |text: &str| text.chars().take(PREVIEW).collect::<String>();
        let reply = reply.map(|text| {
            let texts = text.by_language.iter().map(|(code, text)| (code.clone(), Value::from(shown(&text.value))));
            Value::Object(texts.collect())
        });
        let share = rule.rollout.as_ref().map(|share| f64::from(share.value) / 100.0);
        json!({
            "id": rule.id.value, "kind": if rule.origin == Origin::Faq { "faq" } else { "rule" },
            "title": rule.title.as_ref().map(by_language), "category": rule.category, "class": rule.class,
            "urgent": rule.urgent, "smalltalk": rule.smalltalk, "reply": reply, "asked_by": signs.questions.len(),
            "file": self.stretch.as_ref().map(|at| at.file.as_ref()), "line": self.stretch.as_ref().map(|at| at.line),
            "end_line": self.stretch.as_ref().map(|at| at.end),
            "hits": {"week": hit.week, "month": hit.month, "last": hit.last},
            "from": rule.from.as_ref().map(|day| day.value), "until": rule.until.as_ref().map(|day| day.value),
            "expired": rule.until.as_ref().is_some_and(|day| day.value < today),
            "review_by": rule.review_by.as_ref().map(|day| day.value), "overdue": overdue(rule, today),
            "pilot": share, "replaces": rule.replaces.as_ref().map(|id| id.value.as_str()),
        })
    }
}

fn overdue(rule: &Rule, today: Date) -> bool {
    rule.review_by.as_ref().is_some_and(|day| day.value < today)
}

fn by_language(text: &Text) -> Value {
    Value::Object(text.by_language.iter().map(|(code, text)| (code.clone(), text.value.clone().into())).collect())
}

/// By what a rule is recognised, whatever else it asks for.
#[derive(Debug, Default)]
struct Signs<'a> {
    questions: Vec<&'a str>,
    phrases: Vec<String>,
    patterns: Vec<&'a str>,
    conditions: Vec<&'a str>,
}

fn signs(rule: &Rule) -> Signs<'_> {
    let mut signs = Signs::default();
    gather(&rule.when, &mut signs);
    signs
}

fn gather<'a>(condition: &'a Condition, signs: &mut Signs<'a>) {
    match condition {
        Condition::Like(list) => signs.questions.extend(list.iter().map(|text| text.value.as_str())),
        Condition::Regex(list) => signs.patterns.extend(list.iter().map(|text| text.value.as_str())),
        Condition::If(text) => signs.conditions.push(&text.value),
        Condition::Phrase(list) => signs.phrases.extend(list.iter().map(|phrase| {
            let parts: Vec<&str> = phrase.parts.iter().map(|part| part.value.as_str()).collect();
            parts.join(" … ")
        })),
        Condition::All(list) | Condition::Any(list) => list.iter().for_each(|each| gather(each, signs)),
        // What must not hold is no sign.
        Condition::None(_) => {}
    }
}

/// All words of a rule, to be searched.
fn hay(rule: &Rule) -> String {
    let signs = signs(rule);
    let texts = rule.texts().flat_map(|text| text.by_language.values()).map(|text| text.value.as_str());
    let own = [Some(rule.id.value.as_str()), rule.category.as_deref(), rule.class.as_deref()];
    let all: Vec<&str> = own
        .into_iter()
        .flatten()
        .chain(texts)
        .chain(signs.questions.iter().copied())
        .chain(signs.phrases.iter().map(String::as_str))
        .chain(rule.tags.iter().map(String::as_str))
        .collect();
    all.join("\n")
}
