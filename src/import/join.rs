//! Entries of all files brought together: what says the same is joined, what contradicts is listed, each gets its id.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::text::{Fold, detect, key};

use super::entry::{clean, line, slug};
use super::{Entry, Left, Options};

/// Most questions of one entry; more would only slow the learning.
const MAX_QUESTIONS: usize = 1000;

pub(super) fn join(entries: Vec<Entry>, options: &Options, fold: &Fold, left: &mut Vec<Left>) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::new();
    let mut by_answer: HashMap<(Vec<String>, bool, Vec<String>), usize> = HashMap::new();
    for mut entry in entries {
        tidy(&mut entry, fold, left);
        if entry.answers.is_empty() && !entry.hands_over {
            left.push(Left::new(&entry.place, entry.name(), "it has no answer"));
            continue;
        }
        if !entry.is_reached() {
            left.push(Left::new(&entry.place, entry.name(), "no question leads to it"));
            continue;
        }
        entry.language = language(&entry, options, fold);
        let same = (entry.answers.clone(), entry.hands_over, entry.none.clone());
        // Two that say nothing but hand over are still about two things.
        let known = by_answer.get(&same).filter(|_| !entry.answers.is_empty()).and_then(|at| joined.get_mut(*at));
        if let Some(first) = known {
            first.questions.append(&mut entry.questions);
            first.phrases.append(&mut entry.phrases);
            first.patterns.append(&mut entry.patterns);
        } else {
            by_answer.insert(same, joined.len());
            joined.push(entry);
        }
    }
    apart(&mut joined, fold, left);
    joined.retain(Entry::is_reached);
    name(&mut joined, &options.taken);
    joined
}

/// Texts without what no file should hold, and nothing twice or without a word.
fn tidy(entry: &mut Entry, fold: &Fold, left: &mut Vec<Left>) {
    entry.title = line(&entry.title);
    entry.answers = entry.answers.iter().map(|answer| clean(answer)).filter(|answer| !answer.is_empty()).collect();
    let mut seen = HashSet::new();
    entry.answers.retain(|answer| seen.insert(answer.clone()));
    entry.questions = entry.questions.iter().map(|question| line(question)).filter(|q| !q.is_empty()).collect();
    let place = entry.place.clone();
    let mut has_words = |text: &str| {
        let has = !key(fold.squeeze(text).text()).is_empty();
        if !has {
            left.push(Left::new(&place, text, "a question of signs alone, without a word to compare"));
        }
        has
    };
    entry.questions.retain(|question| has_words(question));
    for phrase in &mut entry.phrases {
        *phrase = phrase.iter().map(|part| line(part)).filter(|part| !part.is_empty()).collect();
        phrase.retain(|part| has_words(part));
    }
    entry.phrases.retain(|phrase| !phrase.is_empty());
    entry.none = entry.none.iter().map(|phrase| line(phrase)).filter(|p| !p.is_empty()).collect();
    if entry.title.is_empty() {
        entry.title = entry.name().to_owned();
    }
    if entry.questions.len() > MAX_QUESTIONS {
        let more = entry.questions.len() - MAX_QUESTIONS;
        entry.questions.truncate(MAX_QUESTIONS);
        left.push(Left::new(&entry.place, &entry.title, format!("{more} questions more than {MAX_QUESTIONS}")));
    }
}

/// What was said, else what the file says, else what the script of the answer tells, else that of the questions.
fn language(entry: &Entry, options: &Options, fold: &Fold) -> String {
    if let Some(language) = options.language.as_ref() {
        return language.clone();
    }
    if !entry.language.is_empty() {
        return entry.language.clone();
    }
    let told = |texts: &[String]| detect(&texts.join("\n"), fold);
    let told = told(&entry.answers).or_else(|| told(&entry.questions));
    told.map_or_else(String::new, |language| language.as_str().to_owned())
}

/// A sign belongs to the first entry that has it; to another with another answer it does not.
fn apart(entries: &mut [Entry], fold: &Fold, left: &mut Vec<Left>) {
    let mut owners: HashMap<String, usize> = HashMap::new();
    let names: Vec<String> = entries.iter().map(|entry| entry.name().to_owned()).collect();
    for (at, entry) in entries.iter_mut().enumerate() {
        let place = entry.place.clone();
        let mut mine = |sign: String, what: &str, left: &mut Vec<Left>| {
            let Some(owner) = owners.get(&sign) else {
                owners.insert(sign, at);
                return true;
            };
            if *owner != at {
                let first = names.get(*owner).map(String::as_str).unwrap_or_default();
                left.push(Left::new(&place, what, format!("it has another answer at “{first}”; the first is kept")));
            }
            false
        };
        entry
            .questions
            .retain(|question| mine(format!("question {}", key(fold.squeeze(question).text())), question, left));
        entry.phrases.retain(|phrase| {
            let mut parts: Vec<_> = phrase.iter().map(|part| fold.squeeze(part).into_text()).collect();
            parts.sort_unstable();
            mine(format!("phrase {}", parts.join("\u{0}")), &phrase.join(" … "), left)
        });
        entry.patterns.retain(|pattern| mine(format!("pattern {pattern}"), pattern, left));
    }
}

/// Readable ids, each once.
fn name(entries: &mut [Entry], taken: &BTreeSet<String>) {
    let mut taken = taken.clone();
    for entry in entries {
        let own = slug(if entry.id.is_empty() { entry.name() } else { &entry.id });
        let own = if own.is_empty() { "imported".to_owned() } else { own };
        entry.category = slug(&entry.category);
        let proposed =
            if entry.id.is_empty() && !entry.category.is_empty() { format!("{}.{own}", entry.category) } else { own };
        let mut id = proposed.clone();
        let mut number = 2;
        while !taken.insert(id.clone()) {
            id = format!("{proposed}-{number}");
            number += 1;
        }
        entry.id = id;
    }
}
