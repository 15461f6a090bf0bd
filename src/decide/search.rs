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
    /// Each of its questions has an answer; in order and each once.
    Answers(Vec<(&'a BuiltRule, f64)>),
    /// It asks something that nothing answers.
    Partly,
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
    for part in parts(&turn.inbound.text) {
        let view = knowledge.matcher.view(part);
        let (found, _) = ranked_view(turn, &view);
        let near = |guess: &matching::Guess| guess.near.confidence >= guess.bars.near;
        match found.first().map(|best| (&knowledge.rules[best.rule as usize], best.evidence.score())) {
            Some((rule, _)) if !plain(rule) => return Several::One,
            Some((rule, score)) if !rule.smalltalk && answers.iter().all(|(known, _)| known.id != rule.id) => {
                answers.push((rule, score));
            }
            None if asks(part) && !knowledge.matcher.guesses(&view).iter().any(near) => return Several::Partly,
            Some(_) | None => {}
        }
    }
    let known = whole.map(|whole| &knowledge.rules[whole.rule as usize]).filter(|rule| !rule.smalltalk);
    // One part alone says no more than the whole, if the whole was understood.
    let enough = answers.len() > 1 || (answers.len() == 1 && known.is_none());
    answers.truncate(MOST_ANSWERS);
    if enough { Several::Answers(answers) } else { Several::One }
}

/// Titles of entries that a message is near to, at most three: what is offered when none is sure. `alone`: else a person would be
/// called, which during the peak is put off for what is only a little near too; who wants the person still says so.
pub(super) fn near(turn: &Turn<'_>, alone: bool) -> Option<Vec<Choice>> {
    if turn.state() != State::Bot {
        return None;
    }
    let knowledge = turn.knowledge;
    let peak = turn.peak();
    let deflects = alone && peak.is_some_and(|peak| peak.deflect) && !knowledge.builtins.declines_person(&turn.view);
    let part = if deflects { LITTLE } else { 1.0 };
    let most = peak.map_or(MOST_CHOICES, |peak| peak.options.min(MOST_CHOICES));
    let today = turn.now.to_zoned(knowledge.zone.clone()).date();
    let choices: Vec<Choice> = knowledge
        .matcher
        .guesses(&turn.view)
        .iter()
        .filter(|guess| guess.near.confidence >= guess.bars.near * part)
        .filter(|guess| knowledge.matcher.fits(&turn.view, guess, &|rule, id| holds(turn, rule, id).unwrap_or(false)))
        .map(|guess| &knowledge.rules[guess.rule as usize])
        .filter(|rule| rule.valid(today, &turn.inbound.channel))
        .filter_map(|rule| turn.choice(rule))
        .take(most)
        .collect();
    // Offered a moment ago and not taken: it was none of them.
    let again = choices.iter().all(|choice| turn.offered().iter().any(|shown| shown.id == choice.id));
    (!choices.is_empty() && !again).then_some(choices)
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
