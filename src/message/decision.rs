//! What was decided about a message, and what comes of it.

use serde::{Deserialize, Serialize};

use super::{Kind, OutcomeKind, Reason};

/// A choice shown below an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Id of the rule or entry that the choice leads to.
    pub id: String,
    /// Its title in the customer's language.
    pub label: String,
}

/// A rule or entry that could have answered, with how well it fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Id of the rule or entry.
    pub rule: String,
    /// From 0 to 1.
    pub score: f64,
}

/// What was decided about one message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// What was done.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// The rule or entry behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How sure, from 0 to 1; none where nothing matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The three best, also when nothing was answered.
    pub candidates: Vec<Scored>,
    /// Whether an urgent rule matched.
    pub urgent: bool,
    /// Tags that this message added.
    pub tags: Vec<String>,
    /// Class of the enquiry (`complaint`, `logistics`, …), where a rule tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Language that was answered in.
    pub language: String,
    /// Notices that were given with it, such as `closed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Pilots that the customer takes part in, empty for one of the rest; none where the shop has no pilot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pilots: Option<Vec<String>>,
    /// Special modes that were on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<String>,
}

/// One message that goes to the customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// Our id, derived from the message that it answers.
    pub message: String,
    /// Text for an answer, notice for a notice.
    pub kind: Kind,
    /// The words.
    pub text: String,
    /// Rule or entry that said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Choices shown below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

/// What the human queue must hear of.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueEvent {
    /// A new hand-off; the conversation's `handoff` describes it. Holds the id of the one that it replaces, if any.
    Created {
        /// The hand-off that this one takes the place of.
        replaces: Option<String>,
    },
    /// The customer wrote on while waiting or with a person.
    Message,
}
