//! Several messages in a row that are one question: 「你好」「我买的鞋」「怎么退」.
//!
//! Owns which message is worth waiting with, and how it is decided with the next one. Refuses time and queues: how long is
//! waited, and who wakes whom, is the shell's business. What is known is never waited with.

use jiff::Timestamp;

use crate::message::{Conversation, Fetched, Gesture, Inbound, Kind, OutcomeKind, QueueEvent, Reason, State};

use crate::modes::Mode;

use super::knowledge::Knowledge;
use super::letters;
use super::outcome::Outcome;
use super::survey;
use super::turn::Turn;

/// Most messages that wait for one more.
const MAX_EARLIER: usize = 5;

/// Decides one message, with the manners of its channel.
#[must_use]
pub fn decide(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let mut outcome = decided(knowledge, inbound, conversation, now);
    // Systems that are down are not asked; the rule answers as it does when a look-up fails.
    if outcome.lookup.is_some() && knowledge.modes.is_on(Mode::Degraded, now) {
        let fetched = Some(Fetched { error: Some(Mode::Degraded.as_str().to_owned()), ..Fetched::default() });
        outcome = decided(knowledge, &Inbound { fetched, ..inbound.clone() }, conversation, now);
    }
    match &inbound.gesture {
        Gesture::Letter(letter) => letters::mannered(knowledge, inbound, letter, conversation, now, outcome),
        _ => outcome,
    }
}

/// Decides one message, together with those before it that nothing has answered yet: all words first, then the message's own.
fn decided(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let alone = || super::alone(knowledge, inbound, conversation, now);
    let joined = match inbound.gesture {
        _ if matches!(inbound.gesture, Gesture::Automatic | Gesture::Undelivered)
            || survey::is_apart(&inbound.gesture) =>
        {
            None
        }
        _ => joined(knowledge, inbound, conversation),
    };
    let Some(text) = joined else { return alone() };
    let joined = Inbound { text: text.clone(), ..inbound.clone() };
    let whole = super::alone(knowledge, &joined, conversation, now);
    let part = alone();
    let asked = |outcome: &Outcome| outcome.decision.reason == Reason::Asked;
    // Asking for a person always works.
    let wished = asked(&part) && !asked(&whole) && !whole.decision.urgent;
    let choice = |outcome: &Outcome| outcome.decision.outcome == OutcomeKind::Choice;
    if wished || (!answers(&whole) && (answers(&part) || (choice(&part) && !choice(&whole)))) {
        return part;
    }
    // Small talk that answers nothing leaves the rest of the words to a person.
    let mut outcome = if whole.decision.outcome == OutcomeKind::Smalltalk && !answers(&whole) {
        super::unmatched(knowledge, &joined, conversation, now)
    } else {
        whole
    };
    outcome.trace.joined = Some(text);
    outcome
}

/// The words of a message with those before it, as many of the last ones as one message may hold; none where there are none.
fn joined(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation) -> Option<String> {
    let mut text = inbound.text.clone();
    let mut length = text.chars().count();
    let mut any = false;
    for earlier in conversation.unanswered.iter().rev() {
        length += earlier.chars().count() + 1;
        if length > knowledge.limits.message_chars {
            break;
        }
        text.insert(0, ' ');
        text.insert_str(0, earlier);
        any = true;
    }
    any.then_some(text)
}

/// Whether an outcome answers messages in a row. A greeting or thanks after a question does not: 「…」「谢谢」.
fn answers(outcome: &Outcome) -> bool {
    let unmatched = outcome.decision.reason == Reason::NoMatch;
    match outcome.decision.outcome {
        // That no person is wanted is heard, whatever was said before.
        OutcomeKind::Smalltalk => unmatched,
        OutcomeKind::Handoff => !unmatched,
        OutcomeKind::Choice => false,
        _ => true,
    }
}

/// Whether to wait for the customer's next message before this outcome is made true: the shop wants it, nothing answers the
/// message, and it would open a case or ask back.
#[must_use]
pub fn waits(knowledge: &Knowledge, inbound: &Inbound, before: &Conversation, outcome: &Outcome) -> bool {
    let opens = outcome.decision.reason == Reason::NoMatch && matches!(outcome.queue, Some(QueueEvent::Created { .. }));
    !knowledge.limits.wait_for_more.is_zero()
        && inbound.gesture == Gesture::Write
        && inbound.kind == Kind::Text
        && matches!(before.state, State::Bot | State::Closed)
        && before.unanswered.len() < MAX_EARLIER
        && (opens || outcome.decision.outcome == OutcomeKind::Choice)
}

/// What is done with a message that waited when the next one comes: nothing is said, its words are decided with the next one.
#[must_use]
pub fn continued(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    Turn::new(knowledge, inbound, conversation, now).continued()
}
