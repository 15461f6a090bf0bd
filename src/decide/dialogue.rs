//! Rules that ask before they answer: which piece of information is missing, what of a message is one, and what comes when all are
//! there or the customer will not tell.
//!
//! Owns the course of a dialogue. Refuses sockets and time-outs: a look-up is only asked for here, and its answer comes in with
//! the message.

use jiff::SignedDuration;

use crate::matching::{Candidate, Sign};
use crate::message::{Dialogue, Filled, Kind, OutcomeKind, Reason, Reply, Scored, State};
use crate::template::ExpressionId;

use super::act;
use super::knowledge::{BuiltRule, BuiltSlot};
use super::outcome::{LookupRequest, Outcome};
use super::search;
use super::slots;
use super::turn::{Turn, Wish};

/// How long a piece of information is taken for known by another rule of the same conversation.
const KNOWN: SignedDuration = SignedDuration::from_mins(30);
/// How long a question waits for its answer.
const WAITS: SignedDuration = SignedDuration::from_hours(24);

/// What ends a dialogue, but is a reason where one is asked for.
const REASONS: [&str; 5] = ["不要了", "不需要了", "没事", "leave it", "drop it"];

/// What a message is to the dialogue that waits.
pub(super) enum Heard<'a> {
    /// There is none, or something else is more pressing: decide as always.
    Nothing(Box<Turn<'a>>),
    /// It was decided.
    Done(Box<Outcome>),
}

/// The dialogue that waits for an answer, with the piece asked for. One whose rule has gone, or that is a day old, is none.
fn waiting<'a>(turn: &Turn<'a>) -> Option<(&'a BuiltRule, &'a BuiltSlot)> {
    let dialogue = turn.after().dialogue.as_ref().filter(|dialogue| turn.now.duration_since(dialogue.at) < WAITS)?;
    let rule = &turn.knowledge.rules[*turn.knowledge.by_id.get(&dialogue.rule)? as usize];
    let slot = rule.slots.iter().find(|slot| slot.name == dialogue.asked)?;
    (turn.state() == State::Bot).then_some((rule, slot))
}

/// Listens to a message as the answer to what was asked.
pub(super) fn hear<'a>(mut turn: Turn<'a>, ranked: &[Candidate], candidates: &[Scored]) -> Heard<'a> {
    let Some((rule, slot)) = waiting(&turn) else {
        turn.next.dialogue = None;
        return Heard::Nothing(Box::new(turn));
    };
    let winner = ranked.first().map(|winner| (&turn.knowledge.rules[winner.rule as usize], winner));
    if winner.is_some_and(|(rule, _)| rule.urgent) {
        turn.next.dialogue = None;
        return Heard::Nothing(Box::new(turn));
    }
    // "I do not want it any more" is no end of the dialogue where it is asked why.
    let why = slot.only_asked && REASONS.contains(&turn.view.key.as_str());
    if !why && turn.knowledge.builtins.cancels(&turn.view) {
        turn.next.dialogue = None;
        turn.trace.notes.push(format!("the customer does not go on with `{}`", rule.id));
        let words = ["cancelled", "empty", "greeting"];
        return Heard::Done(Box::new(turn.say_notice(&words, OutcomeKind::Slot, Reason::Cancelled)));
    }
    let sure = winner.filter(|(other, winner)| other.id != rule.id && winner.evidence.sign >= Sign::Phrase);
    let (asked, text) = (slot.name.as_str(), turn.inbound.text.as_str());
    // A complaint beside the number that was asked for is a complaint: who takes it gets the number.
    if sure.is_some_and(|(other, _)| other.handoff.is_some() && !other.leads()) {
        fill(&mut turn, slots::find(&rule.slots, Some(asked).filter(|_| !slot.only_asked), text));
        turn.next.dialogue = None;
        return Heard::Nothing(Box::new(turn));
    }
    // Words of any kind answer such a question, but not those by which another rule is surely meant: a wish, or 在吗 alone.
    let other = sure.is_some_and(|(other, winner)| !other.smalltalk || !search::is_aside(&turn, winner));
    let told = if other && slot.only_asked { Vec::new() } else { slots::find(&rule.slots, Some(asked), text) };
    let answered = told.iter().any(|(name, _)| *name == slot.name);
    if !told.is_empty() {
        fill(&mut turn, told);
        let next = if answered { go_on(turn, rule, 1.0, candidates) } else { again(turn, rule, slot, candidates) };
        return Heard::Done(Box::new(next));
    }
    // Another question, or the same wish once more: an answer to it does not lose the thread.
    if let Some((other, winner)) = winner.filter(|(other, _)| other.id != rule.id) {
        if other.handoff.is_some() || other.leads() {
            turn.next.dialogue = None;
            return Heard::Nothing(Box::new(turn));
        }
        turn.trace.notes.push(format!("`{}` is answered in between, and `{}` is asked again", other.id, slot.name));
        let ask = turn.say(&slot.ask, Some(rule)).unwrap_or_default();
        let score = winner.evidence.score();
        let inbound = turn.inbound;
        let mut outcome = act(turn, other, score, candidates);
        if outcome.decision.outcome != OutcomeKind::Handoff && !ask.is_empty() {
            let message = format!("{}-{}", inbound.message, outcome.replies.len() + 1);
            let reply =
                Reply { message, kind: Kind::Text, text: ask, rule: Some(rule.id.clone()), options: Vec::new() };
            outcome.replies.push(reply);
        }
        return Heard::Done(Box::new(outcome));
    }
    Heard::Done(Box::new(again(turn, rule, slot, candidates)))
}

/// Asks again what was not answered, as often as the rule allows; then a person takes over.
fn again<'a>(mut turn: Turn<'a>, rule: &'a BuiltRule, slot: &'a BuiltSlot, candidates: &[Scored]) -> Outcome {
    let attempts = turn.next.dialogue.as_ref().map_or(0, |dialogue| dialogue.attempts) + 1;
    turn.trace.notes.push(format!("nothing of this is `{}`: {attempts} of {} attempts", slot.name, slot.attempts));
    if attempts >= slot.attempts {
        turn.next.dialogue = None;
        let wish = Wish::about(rule, Reason::Misses);
        return turn.hand_over(&wish, candidates);
    }
    if let Some(dialogue) = &mut turn.next.dialogue {
        dialogue.attempts = attempts;
        dialogue.at = turn.now;
    }
    let words = slot.retry.as_ref().unwrap_or(&slot.ask);
    turn.ask(rule, words, candidates)
}

/// A rule that asks has been called: what the message tells already is taken from it.
pub(super) fn begin<'a>(mut turn: Turn<'a>, rule: &'a BuiltRule, score: f64, candidates: &[Scored]) -> Outcome {
    let now = turn.now;
    let known: Vec<String> = rule
        .slots
        .iter()
        .filter(|slot| !slot.only_asked)
        .filter(|slot| {
            let filled = turn.next.slots.get(&slot.name).filter(|filled| now.duration_since(filled.at) < KNOWN);
            filled.is_some_and(|filled| slots::is_whole(slot, &filled.value))
        })
        .map(|slot| slot.name.clone())
        .collect();
    let asked = String::new();
    turn.next.dialogue =
        Some(Dialogue { rule: rule.id.clone(), has: known.into_iter().collect(), asked, attempts: 0, at: now });
    let told = slots::find(&rule.slots, None, &turn.inbound.text);
    fill(&mut turn, told);
    go_on(turn, rule, score, candidates)
}

/// Asks for the next piece that is missing, or comes to the end.
fn go_on<'a>(mut turn: Turn<'a>, rule: &'a BuiltRule, score: f64, candidates: &[Scored]) -> Outcome {
    let has = turn.next.dialogue.as_ref().map(|dialogue| dialogue.has.clone()).unwrap_or_default();
    let Some(missing) = rule.slots.iter().find(|slot| !has.contains(&slot.name)) else {
        return complete(turn, rule, score, candidates);
    };
    if let Some(dialogue) = &mut turn.next.dialogue {
        if dialogue.asked != missing.name {
            dialogue.attempts = 0;
        }
        dialogue.asked.clone_from(&missing.name);
        dialogue.at = turn.now;
    }
    turn.trace.notes.push(format!("`{}` asks for `{}`", rule.id, missing.name));
    turn.ask(rule, &missing.ask, candidates)
}

/// All is known: fetches what has to be fetched, and does what the first branch that holds says.
pub(super) fn complete<'a>(mut turn: Turn<'a>, rule: &'a BuiltRule, score: f64, candidates: &[Scored]) -> Outcome {
    if turn.next.dialogue.as_ref().is_some_and(|dialogue| dialogue.rule == rule.id) {
        turn.next.dialogue = None;
    }
    // A condition that fails is no reason to leave it: the look-up itself will tell.
    let due = |condition: ExpressionId| turn.holds(rule, condition).unwrap_or(true);
    let lookup =
        rule.lookup.as_ref().filter(|lookup| turn.inbound.fetched.is_none() && lookup.condition.is_none_or(due));
    if let Some(lookup) = lookup {
        let target = match turn.target(rule, &lookup.target) {
            Ok(target) => target,
            Err(error) => {
                turn.trace.notes.push(format!("what `{}` looks up failed: {error}", rule.id));
                let wish = Wish::about(rule, Reason::LookupFailed);
                return turn.hand_over(&wish, candidates);
            }
        };
        let request =
            LookupRequest { rule: rule.id.clone(), target, timeout: lookup.timeout, cache: lookup.cache, score };
        return turn.look_up(request, candidates);
    }
    let failed = turn.inbound.fetched.as_ref().and_then(|fetched| fetched.error.clone());
    if let Some(error) = &failed {
        turn.trace.notes.push(format!("the look-up of `{}` failed: {error}", rule.id));
    }
    let mut branch = None;
    for (number, candidate) in rule.then.iter().enumerate() {
        let holds = candidate.condition.map_or(Ok(true), |condition| turn.holds(rule, condition));
        match holds {
            Ok(true) => {
                turn.trace.notes.push(format!("branch {} of `{}` holds", number + 1, rule.id));
                branch = Some(&candidate.act);
                break;
            }
            Ok(false) => {}
            Err(error) => turn.trace.notes.push(format!("branch {} of `{}` failed: {error}", number + 1, rule.id)),
        }
    }
    let does = branch.unwrap_or(rule);
    if does.handoff.is_some() || does.urgent {
        let reason = if failed.is_some() { Reason::LookupFailed } else { Reason::Policy };
        return turn.hand_over(&Wish::of(does, reason), candidates);
    }
    // An answer that rests on what could not be fetched would be a guess.
    if does.replies.is_empty() || (failed.is_some() && branch.is_none()) {
        let reason = if failed.is_some() { Reason::LookupFailed } else { Reason::Policy };
        return turn.hand_over(&Wish::about(rule, reason), candidates);
    }
    turn.answer(does, score, OutcomeKind::Rule, candidates)
}

/// Keeps what was told.
fn fill(turn: &mut Turn<'_>, told: Vec<(String, String)>) {
    for (name, value) in told {
        turn.trace.notes.push(format!("`{name}` is in the message"));
        if let Some(dialogue) = &mut turn.next.dialogue {
            dialogue.has.insert(name.clone());
        }
        turn.next.slots.insert(name, Filled { value, at: turn.now });
    }
}
