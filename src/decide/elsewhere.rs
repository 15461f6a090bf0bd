//! Messages that the bot has no say in, because of how they came: answered by a person at the platform already, or more of them
//! than a customer may write, on a platform that does not send them again.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound, Reason, State};

use super::knowledge::Knowledge;
use super::outcome::Outcome;
use super::together::decide;
use super::turn::{Turn, Wish};

/// A person of the shop has answered it where the customer wrote it: it stands in the conversation, and nothing is said.
#[must_use]
pub fn answered(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let turn = Turn::new(knowledge, inbound, conversation, now);
    let forward = matches!(turn.state(), State::Queued | State::Human);
    turn.silent(Reason::HumanOwns, forward)
}

/// More than the limit allows. It is not answered, and not lost either: a person gets it. An emergency is one all the same.
#[must_use]
pub fn over_limit(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let usual = decide(knowledge, inbound, conversation, now);
    if usual.decision.urgent {
        return usual;
    }
    let turn = Turn::new(knowledge, inbound, conversation, now);
    match turn.state() {
        State::Queued | State::Human => turn.silent(Reason::RateLimited, true),
        State::Bot | State::Closed => turn.hand_over(&Wish::because(Reason::RateLimited), &[]),
    }
}
