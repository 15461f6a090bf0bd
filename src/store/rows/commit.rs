//! All that one step writes.

use super::conversation::{ConversationRow, EventRow, KeptRow, SeenRow, TimerRow};
use super::decision::{DecisionRow, SurveyRow, WordingRow};
use super::handoff::HandoffRow;
use super::outbox::NewDelivery;

/// All that one step writes, in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The conversation as it is from now on; none if it does not change.
    pub conversation: Option<ConversationRow>,
    /// The version that was read; none if the conversation must not exist yet. Looked at only if there is a conversation.
    pub expected_version: Option<u64>,
    /// New events.
    pub events: Vec<EventRow>,
    /// The message that caused it.
    pub seen: Option<SeenRow>,
    /// What is to be sent, in order.
    pub outbox: Vec<NewDelivery>,
    /// Hand-offs that are new or changed, by id.
    pub handoffs: Vec<HandoffRow>,
    /// What was decided.
    pub decision: Option<DecisionRow>,
    /// A case that the customer was asked about, or what was answered.
    pub survey: Option<SurveyRow>,
    /// When time alone will have something to do; none leaves that as it is.
    pub timer: Option<TimerRow>,
    /// Words in an agent's message that must not be said.
    pub wordings: Vec<WordingRow>,
    /// Small things that are kept besides.
    pub kept: Vec<KeptRow>,
}
