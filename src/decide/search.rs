//! What the rules say to a message: those that hold, the entries that it is only near to, and the answers to several questions.

use std::cell::RefCell;

use crate::matching::{self, Candidate, Sign, View};
use crate::message::{Choice, State};
use crate::rules::model::Origin;
use crate::template::ExpressionId;

use super::context::{self, Scope};
use super::knowledge::BuiltRule;
use super::routing::{self, Case};
use super::several::{asks, parts};
use super::turn::Turn;

/// Most parts of one message that are looked at by themselves.
const MOST_PARTS: usize = 6;
/// Most questions of one message that are answered.
const MOST_ANSWERS: usize = 3;
/// Most titles that are offered.
const MOST_CHOICES: usize = 3;
/// Part of what makes an entry near that is enough during the peak: one degree of care less.
const LITTLE: f32 = 2.0 / 3.0;

/// What comes of a message that may ask several things.
pub(super) enum Several<'a> {
    /// It asks one thing, or wants more than answers.
    One,
    /// Several of its questions have an answer, in order and each once; titles of what the others may mean.
    Answers(Vec<(&'a BuiltRule, f64)>, Vec<Choice>),
    /// It asks something that nothing answers.
    Partly,
    /// It asks more than is looked at.
    TooMuch,
}

/// The answers to several questions in one message.
pub(super) fn several<'a>(turn: &Turn<'a>, ranked: &[Candidate]) -> Several<'a> {
    let knowledge = turn.knowledge;
    let plain = |rule: &BuiltRule| {
        rule.handoff.is_none() && !rule.urgent && !rule.leads() && (rule.smalltalk || rule.origin == Origin::Faq)
    };
    let whole = ranked.first();
    if whole.is_some_and(|whole| whole.evidence.sign == Sign::Exact || !plain(&knowledge.rules[whole.rule as usize])) {
        return Several::One;
    }
    let mut answers: Vec<(&'a BuiltRule, f64)> = Vec::new();
    let mut open: Vec<Choice> = Vec::new();
    for (at, part) in parts(&turn.inbound.text).into_iter().enumerate() {
        if at >= MOST_PARTS {
            if asks(part) {
                return Several::TooMuch;
            }
            continue;
        }
        let view = knowledge.matcher.view(part);
        let (found, _) = ranked_view(turn, &view);
        match found.first().map(|best| (&knowledge.rules[best.rule as usize], best.evidence.score())) {
            Some((rule, _)) if !plain(rule) => return Several::One,
            Some((rule, score)) if !rule.smalltalk && answers.iter().all(|(known, _)| known.id != rule.id) => {
                answers.push((rule, score));
            }
            None if asks(part) => {
                let near = |guess: &matching::Guess| guess.near.confidence >= guess.bars.near;
                if !knowledge.matcher.guesses(&view).iter().any(near) {
                    return Several::Partly;
                }
                let titles = titles(turn, &view, 1.0);
                if titles.is_empty() {
                    return Several::Partly;
                }
                open.extend(titles);
            }
            Some(_) | None => {}
        }
    }
    let known = whole.map(|whole| &knowledge.rules[whole.rule as usize]).filter(|rule| !rule.smalltalk);
    let more = answers.split_off(answers.len().min(MOST_ANSWERS));
    let mut rest: Vec<Choice> = Vec::new();
    for choice in more.iter().filter_map(|(rule, _)| turn.choice(rule)).chain(open) {
        let told = answers.iter().any(|(rule, _)| rule.id == choice.id) || rest.iter().any(|c| c.id == choice.id);
        if !told && rest.len() < most_choices(turn) {
            rest.push(choice);
        }
    }
    let enough = match answers[..] {
        [] => false,
        // One part alone says no more than the whole, if the whole was understood, and nothing else was asked.
        [(only, _)] => known.is_none_or(|known| known.id == only.id && !rest.is_empty()),
        _ => true,
    };
    if !enough {
        return Several::One;
    }
    Several::Answers(answers, rest)
}

/// Titles of entries that a message is near to, at most three: what is offered when none is sure. `alone`: else a person would be
/// called, which during the peak is put off for what is only a little near too; who wants the person still says so.
pub(super) fn near(turn: &Turn<'_>, alone: bool) -> Option<Vec<Choice>> {
    if turn.state() != State::Bot {
        return None;
    }
    let peak = turn.peak().is_some_and(|peak| peak.deflect);
    let deflects = alone && peak && !turn.knowledge.builtins.declines_person(&turn.view);
    let choices = titles(turn, &turn.view, if deflects { LITTLE } else { 1.0 });
    // Offered a moment ago and not taken: it was none of them.
    let again = choices.iter().all(|choice| turn.offered().iter().any(|shown| shown.id == choice.id));
    (!choices.is_empty() && !again).then_some(choices)
}

/// Titles of the entries that a text is near to, the nearest first; `part` of what makes near is enough.
fn titles(turn: &Turn<'_>, view: &View, part: f32) -> Vec<Choice> {
    let knowledge = turn.knowledge;
    let today = turn.now.to_zoned(knowledge.zone.clone()).date();
    knowledge
        .matcher
        .guesses(view)
        .iter()
        .filter(|guess| guess.near.confidence >= guess.bars.near * part)
        .filter(|guess| knowledge.matcher.fits(view, guess, &|rule, id| holds(turn, rule, id).unwrap_or(false)))
        .map(|guess| &knowledge.rules[guess.rule as usize])
        .filter(|rule| rule.valid(today, &turn.inbound.channel))
        .filter_map(|rule| turn.choice(rule))
        .take(most_choices(turn))
        .collect()
}

/// Most titles that are offered now.
fn most_choices(turn: &Turn<'_>) -> usize {
    turn.peak().map_or(MOST_CHOICES, |peak| peak.options.min(MOST_CHOICES))
}

/// Rules whose condition holds and that are valid here and today, the winner first.
pub(super) fn ranked(turn: &mut Turn<'_>) -> Vec<Candidate> {
    let (found, failures) = ranked_view(turn, &turn.view);
    turn.trace.notes.extend(failures);
    found
}

/// The same for a text, with what failed.
fn ranked_view(turn: &Turn<'_>, view: &View) -> (Vec<Candidate>, Vec<String>) {
    let knowledge = turn.knowledge;
    let today = turn.now.to_zoned(knowledge.zone.clone()).date();
    let accept = |rule: u32| knowledge.rules[rule as usize].valid(today, &turn.inbound.channel);
    let failures = RefCell::new(Vec::new());
    let expression = |rule: u32, id: matching::ExpressionId| {
        holds(turn, rule, id).unwrap_or_else(|failure| {
            failures.borrow_mut().push(failure);
            false
        })
    };
    let mut found = knowledge.matcher.candidates(view, &accept, &expression);
    found.sort_by(|a, b| a.rank(b, &|rule| knowledge.rules[rule as usize].priority));
    (found, failures.into_inner())
}

/// Whether the `if` of a rule holds; what failed, in words.
fn holds(turn: &Turn<'_>, rule: u32, id: matching::ExpressionId) -> Result<bool, String> {
    let knowledge = turn.knowledge;
    let rule = &knowledge.rules[rule as usize];
    let case = Case::of(rule, None);
    // Which queue is meant has to be known only to say when it is open.
    let queue = knowledge.templates.condition_asks_hours(ExpressionId(id)).then(|| {
        case.named.map_or_else(
            || routing::way(knowledge, case, turn.inbound, turn.after(), turn.now, &turn.language).queue,
            str::to_owned,
        )
    });
    let scope = Scope { case, ..Scope::of(queue.as_deref(), Some(&rule.id), &turn.language) };
    let context = context::context(knowledge, turn.inbound, turn.after(), turn.now, scope);
    knowledge
        .templates
        .holds(ExpressionId(id), &context)
        .map_err(|error| format!("the `if` of `{}` failed, so it does not hold: {error}", rule.id))
}

/// Whether a winner is small talk beside something else that was said: 你好 before a question, not 你好 alone.
pub(super) fn is_aside(turn: &Turn<'_>, winner: &Candidate) -> bool {
    let all = turn.view.folded.text().chars().filter(|c| c.is_alphanumeric()).count();
    let rule = &turn.knowledge.rules[winner.rule as usize];
    rule.smalltalk && winner.evidence.sign != Sign::Exact && winner.evidence.length * 5 < all * 4
}
