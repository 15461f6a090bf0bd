//! The manners of answering letters by machine: not at all where that is not proper, the same thing once in a period, and no more
//! than so many a day. What may not be said goes to a person instead, without a word of ours.
//!
//! Owns what is remembered for that. Refuses headers and addresses: whether a machine may answer at all is the channel's to find out.

use std::hash::Hasher;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHasher;

use crate::message::{Conversation, Given, Inbound, Letter, OutcomeKind, QueueEvent, Reason, State};

use super::knowledge::Knowledge;
use super::outcome::Outcome;
use super::turn::{Turn, Wish};

/// Most answers that are remembered of one conversation.
const MAX_GIVEN: usize = 512;
/// The span of the daily bound.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What becomes of an outcome by the manners of letters.
pub(super) fn mannered(
    knowledge: &Knowledge,
    inbound: &Inbound,
    letter: &Letter,
    before: &Conversation,
    now: Timestamp,
    outcome: Outcome,
) -> Outcome {
    if let Some(why) = &letter.why {
        return by_people(knowledge, inbound, before, now, outcome, (Reason::NotByMachine, why));
    }
    if outcome.replies.is_empty() {
        return outcome;
    }
    let what = said(&outcome);
    // All of it, what is quoted and attached too: a letter that is sent again with a forgotten picture is another letter.
    let to = stands_for(&letter.whole);
    let period = SignedDuration::from_secs(letter.period);
    let within = |given: &&Given, span: SignedDuration| now.duration_since(given.at) < span;
    let same = || before.letters.iter().filter(|given| given.what.iter().any(|id| what.contains(id)));
    let again = same().find(|given| within(given, period));
    if again.is_some() && same().any(|given| given.to == to && within(&given, period)) && outcome.queue.is_none() {
        // The very same letter again: a machine's, or one sent twice. Silence, or two machines would write for ever.
        let turn = Turn::new(knowledge, inbound, before, now);
        return turn.unchanged().silent(Reason::Duplicate, before.state != State::Bot && before.handoff.is_some());
    }
    if again.is_some() {
        return by_people(knowledge, inbound, before, now, outcome, (Reason::Repeated, "this was answered already"));
    }
    if of_today(before, now) >= usize::try_from(letter.per_day).unwrap_or(usize::MAX) {
        let why = (Reason::NotByMachine, "as many answers as may be were given today");
        return by_people(knowledge, inbound, before, now, outcome, why);
    }
    let mut outcome = outcome;
    let letters = &mut outcome.conversation.letters;
    letters.retain(|given| now.duration_since(given.at) < period.max(DAY));
    letters.push(Given { what, to, at: now });
    if letters.len() > MAX_GIVEN {
        letters.remove(0);
    }
    outcome
}

/// Remembers an automatic letter that answers none: a notice by time or by what people do, and what a slow look-up brought.
pub fn noticed(conversation: &mut Conversation, now: Timestamp) {
    let letters = &mut conversation.letters;
    letters.push(Given { what: vec!["~notice".to_owned()], to: 0, at: now });
    if letters.len() > MAX_GIVEN {
        letters.remove(0);
    }
}

/// How many automatic letters the last 24 hours have seen.
#[must_use]
pub fn of_today(conversation: &Conversation, now: Timestamp) -> usize {
    conversation.letters.iter().filter(|given| now.duration_since(given.at) < DAY).count()
}

/// Says nothing, and leaves the letter to people. What was to be said is not remembered as said.
fn by_people(
    knowledge: &Knowledge,
    inbound: &Inbound,
    before: &Conversation,
    now: Timestamp,
    outcome: Outcome,
    (reason, why): (Reason, &str),
) -> Outcome {
    let thanks = matches!(outcome.decision.outcome, OutcomeKind::Survey | OutcomeKind::Smalltalk)
        && outcome.decision.reason != Reason::Empty;
    let mut quiet = if outcome.queue.is_some() || outcome.replies.is_empty() || thanks {
        outcome
    } else {
        let about = outcome.decision.rule.as_ref().and_then(|rule| knowledge.by_id.get(rule));
        let about = about.map(|rule| &knowledge.rules[*rule as usize]);
        let wish = Wish { about, ..Wish::because(reason) };
        let candidates = outcome.decision.candidates.clone();
        Turn::new(knowledge, inbound, before, now).hand_over(&wish, &candidates)
    };
    quiet.replies.clear();
    quiet.lookup = None;
    quiet.decision.notices.clear();
    let after = &mut quiet.conversation;
    after.notices.clone_from(&before.notices);
    after.given.clone_from(&before.given);
    after.offered.clone_from(&before.offered);
    after.looking.clone_from(&before.looking);
    quiet.trace.notes.push(format!("no machine answers this letter: {why}"));
    quiet
}

/// What an outcome says, by which it is known again: the case that it opens, the question of a dialogue, the rules and entries,
/// else the reason.
fn said(outcome: &Outcome) -> Vec<String> {
    let asked = outcome.conversation.dialogue.as_ref().filter(|_| outcome.decision.outcome == OutcomeKind::Slot);
    if let Some(dialogue) = asked {
        return vec![format!("{}?{}", dialogue.rule, dialogue.asked)];
    }
    // Whoever opens a new case hears that it arrived, and when people are there.
    if let (Some(QueueEvent::Created { .. }), Some(handoff)) = (&outcome.queue, &outcome.conversation.handoff) {
        return vec![format!("~{}", handoff.id)];
    }
    let mut rules: Vec<String> = outcome.replies.iter().filter_map(|reply| reply.rule.clone()).collect();
    rules.dedup();
    if rules.is_empty() {
        rules.push(format!("~{}", outcome.decision.reason));
    }
    rules
}

fn stands_for(words: &str) -> u64 {
    let mut hasher = FxHasher::default();
    words.split_whitespace().for_each(|word| hasher.write(word.as_bytes()));
    hasher.finish()
}
