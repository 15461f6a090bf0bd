//! What is remembered of a conversation between two messages.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Choice, Customer, Given, Priority, State};

/// A hand-off that is not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenHandoff {
    /// `h_…`
    pub id: String,
    /// Queue that it waits in.
    pub queue: String,
    /// How soon a person should look.
    pub priority: Priority,
    /// Why, as the rule put it or one of [`Reason`](super::Reason).
    pub reason: String,
    /// When it began.
    pub created_at: Timestamp,
    /// The last person who had it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<String>,
    /// How far its escalation has come.
    #[serde(default, skip_serializing_if = "Ladder::is_new")]
    pub ladder: Ladder,
}

/// How far the escalation of a hand-off has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "things that have happened or not, each on its own")]
pub struct Ladder {
    /// Since when the present target counts; none: since the hand-off began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Queue that it began in, if it has left that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether the queue was warned that the target is near.
    pub warned: bool,
    /// How often the target passed at the end of the ladder.
    pub passed: u32,
    /// Whether the limit over all queues has passed, or somebody had taken it before.
    pub transferred: bool,
    /// Whether the target is the queue's own, because it is no longer the first.
    pub escalated: bool,
    /// Whether it was called beside a person who has the conversation, and waits for another.
    pub besides: bool,
    /// Whether a person of the shop has answered through the platform, so that nobody more is called.
    pub answered: bool,
    /// Steps so far, of whatever kind.
    pub steps: u32,
}

impl Ladder {
    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }
}

/// All that is remembered of a conversation between two messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// `c_…`
    pub id: String,
    /// The channel's name in `nightdesk.yaml`.
    pub channel: String,
    /// The channel's own name of the conversation: the platform's id, or our visitor's.
    pub thread: String,
    /// Who writes.
    pub customer: Customer,
    /// Who has it.
    pub state: State,
    /// Language of the customer's last telling message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Messages of the customer so far.
    pub turns: u64,
    /// Messages in a row that nothing matched.
    pub misses: u32,
    /// Words of the last messages that nothing has answered because the customer wrote on, oldest first. The next message is
    /// decided together with them. Kept here, so that a daemon that was killed in between still knows of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<String>,
    /// Tags that rules have set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Options shown with the last answer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered: Vec<Choice>,
    /// Rule or entry that answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// What the customer has told in dialogues, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Filled>,
    /// The dialogue that waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<Dialogue>,
    /// Look-ups that answers wait for, in the order in which they began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looking: Vec<Looking>,
    /// The hand-off that waits or is being served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<OpenHandoff>,
    /// The question how it was, until it is answered or lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// Notices given: notice and closed period, and when. Old ones are dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notices: BTreeMap<String, Timestamp>,
    /// Times at which each rule or entry answered within the last 24 hours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, Vec<Timestamp>>,
    /// Answers of the bot by letter within the period in which they are not given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<Given>,
    /// Where later messages go, for a channel that takes them by webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What the last person who gave it back or passed it on wrote for whoever has it next; never shown to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Since when the customer waits for a word of the person who has the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_agent: Option<Timestamp>,
    /// When the person who has the conversation wrote last, if the customer has written nothing since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
}

impl Conversation {
    /// A conversation that has only just begun: the bot has it.
    #[must_use]
    pub fn new(id: String, channel: &str, thread: &str, customer: Customer, now: Timestamp) -> Self {
        Self {
            id,
            channel: channel.to_owned(),
            thread: thread.to_owned(),
            customer,
            state: State::Bot,
            language: None,
            turns: 0,
            misses: 0,
            unanswered: Vec::new(),
            tags: BTreeSet::new(),
            offered: Vec::new(),
            previous: None,
            slots: BTreeMap::new(),
            dialogue: None,
            looking: Vec::new(),
            handoff: None,
            survey: None,
            notices: BTreeMap::new(),
            given: BTreeMap::new(),
            letters: Vec::new(),
            agent: None,
            note: None,
            awaits_agent: None,
            answered_at: None,
            created_at: now,
        }
    }
}

/// A word of one person of the shop to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The words.
    pub text: String,
    /// Who wrote them.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A piece of information that the customer has told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// As it was told: Unicode form NFKC, the case kept.
    pub value: String,
    /// When.
    pub at: Timestamp,
}

/// A case whose customer is asked how it was, and what the answer was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The case.
    pub handoff: OpenHandoff,
    /// Who closed it, or had it when the customer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Whether the customer was told something else since: a bare number may then mean that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// From 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// When that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Why, in the customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A rule that waits for what it asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    /// The rule's id.
    pub rule: String,
    /// Pieces of information that this dialogue has, by name.
    pub has: BTreeSet<String>,
    /// The one that was asked for.
    pub asked: String,
    /// Answers to it that did not fit.
    pub attempts: u32,
    /// When it was asked last.
    pub at: Timestamp,
}

/// A look-up that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looking {
    /// The message that began it.
    pub message: String,
    /// The rule that answers with it.
    pub rule: String,
    /// What the customer had told by then: the answer is about this, whatever is told meanwhile.
    pub slots: BTreeMap<String, Filled>,
    /// When it began.
    pub since: Timestamp,
}

/// What a look-up brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fetched {
    /// Why there is no usable answer, in plain words; none if there is one.
    #[serde(default)]
    pub error: Option<String>,
    /// Status of the answer; 0 without one.
    #[serde(default)]
    pub status: u16,
    /// The answer.
    #[serde(default)]
    pub body: serde_json::Value,
}
