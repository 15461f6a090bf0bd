//! Messages that the bot has no say in, because of how they came: answered by a person at the platform already, or more of them
//! than a customer may write, on a platform that does not send them again.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound, Reason, State};

use super::knowledge::Knowledge;
use super::outcome::Outcome;
use super::survey;
use super::together::decide;
use super::turn::{Turn, Wish};
use super::undelivered_to_bot;

/// A person of the shop has answered it where the customer wrote it: it stands in the conversation, and nothing is said.
#[must_use]
pub fn answered(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let mut usual = decide(knowledge, inbound, conversation, now);
    if usual.decision.urgent {
        // Whoever answered may not have seen what it is: those who are called in an emergency are called, too.
        usual.replies.clear();
        usual.decision.notices.clear();
        usual.conversation.notices.clone_from(&conversation.notices);
        return usual;
    }
    let turn = Turn::new(knowledge, inbound, conversation, now);
    let forward = matches!(turn.state(), State::Queued | State::Human);
    turn.silent(Reason::HumanOwns, forward)
}

/// A letter of ours came back: a person sees to it, also where the case is closed already, for its answer was not read.
#[must_use]
pub fn returned(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let turn = Turn::new(knowledge, inbound, conversation, now);
    if matches!(conversation.state, State::Queued | State::Human) {
        return turn.unchanged().silent(Reason::Undelivered, true);
    }
    undelivered_to_bot(turn)
}

/// More than the limit allows. It is not answered, and not lost either: a person gets it. An emergency is one all the same.
#[must_use]
pub fn over_limit(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let usual = decide(knowledge, inbound, conversation, now);
    if usual.decision.urgent || survey::is_apart(&inbound.gesture) {
        return usual;
    }
    let turn = Turn::new(knowledge, inbound, conversation, now);
    match turn.state() {
        State::Queued | State::Human => turn.silent(Reason::RateLimited, true),
        State::Bot | State::Closed => turn.hand_over(&Wish::because(Reason::RateLimited), &[]),
    }
}
