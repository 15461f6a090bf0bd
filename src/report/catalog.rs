//! What the shop's files say about rules and entries: their titles, classes and dates.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::engine::Engine;
use crate::rules::model::{Origin, Rule, Text};

/// A rule or entry, as a report names it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its title by language; the empty code serves every language.
    pub titles: BTreeMap<String, String>,
    /// Class of the enquiry.
    pub class: Option<String>,
    /// Subject.
    pub category: Option<String>,
    /// Whether it looks something up, so that it may answer later.
    pub looks_up: bool,
    /// Whether it is a greeting or the like.
    pub smalltalk: bool,
    /// Whether it is an entry of `faq/`.
    pub entry: bool,
    /// Day by which somebody should have read it again.
    pub review_by: Option<Date>,
    /// Last day on which it is valid.
    pub until: Option<Date>,
}

/// All rules and entries by id, those of pilots among them.
#[derive(Debug, Default)]
pub(super) struct Catalog(BTreeMap<String, Known>);

/// Class of rules that take complaints.
pub(super) const COMPLAINT: &str = "complaint";

impl Catalog {
    pub(super) fn of(engine: &Engine) -> Self {
        let all = engine.books().flat_map(|book| &book.rules);
        Self(all.map(|rule| (rule.id.value.clone(), known(rule))).collect())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Known> {
        self.0.get(id)
    }

    /// Rules whose look-ups may answer later.
    pub(super) fn looking_up(&self) -> Vec<String> {
        self.0.iter().filter(|(_, known)| known.looks_up).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a rule takes complaints.
    pub(super) fn is_complaint(&self, id: &str) -> bool {
        self.get(id).is_some_and(|known| known.class.as_deref() == Some(COMPLAINT))
    }

    /// Whether a rule answers questions, in the sense that asking twice means something.
    pub(super) fn is_question(&self, id: &str) -> bool {
        self.get(id).is_none_or(|known| !known.smalltalk)
    }

    /// The title in a language, else in any, else the id.
    pub(super) fn title(&self, id: &str, language: &str) -> String {
        let Some(known) = self.get(id) else { return id.to_owned() };
        let base = language.split('-').next().unwrap_or(language);
        let titles = &known.titles;
        let title = titles
            .get(language)
            .or_else(|| titles.get(base))
            .or_else(|| titles.get(""))
            .or_else(|| titles.values().next());
        title.cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Entries and rules that somebody should look at, by id.
    pub(super) fn stale(&self, used: impl Fn(&str) -> bool, today: Date) -> Entries {
        let mut entries = Entries::default();
        for (id, known) in &self.0 {
            if known.entry {
                entries.count += 1;
                if !used(id) {
                    entries.unused.push(id.clone());
                }
            }
            let passed = |day: Option<Date>| day.filter(|day| *day < today);
            if let Some(day) = passed(known.review_by) {
                entries.overdue.push(Dated { id: id.clone(), day });
            }
            if let Some(day) = passed(known.until) {
                entries.expired.push(Dated { id: id.clone(), day });
            }
        }
        entries
    }
}

fn known(rule: &Rule) -> Known {
    let texts = |text: &Text| text.by_language.iter().map(|(code, text)| (code.clone(), text.value.clone())).collect();
    Known {
        titles: rule.title.as_ref().map(texts).unwrap_or_default(),
        class: rule.class.clone(),
        category: rule.category.clone(),
        looks_up: rule.lookup.is_some(),
        smalltalk: rule.smalltalk,
        entry: rule.origin == Origin::Faq,
        review_by: rule.review_by.as_ref().map(|day| day.value),
        until: rule.until.as_ref().map(|day| day.value),
    }
}

/// Entries and rules that somebody should look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entries {
    /// Entries that there are.
    pub count: u64,
    /// Entries that answered nothing in this period nor in the one before.
    pub unused: Vec<String>,
    /// Entries and rules past the day by which they were to be read again.
    pub overdue: Vec<Dated>,
    /// Entries and rules whose last day is over.
    pub expired: Vec<Dated>,
}

/// A rule or entry with a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// Its id.
    pub id: String,
    /// The day.
    pub day: Date,
}
