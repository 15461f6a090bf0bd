//! What comes of one message, and the trace that tells why.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::message::{Conversation, Decision, QueueEvent, Reply, Survey};
use crate::rules::model::ParcelService;

/// What comes of one message. Nothing has happened yet: the shell commits it, then speaks.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was decided, and why.
    pub decision: Decision,
    /// What the customer is told, in order.
    pub replies: Vec<Reply>,
    /// What the human queue must hear of.
    pub queue: Option<QueueEvent>,
    /// The conversation as it is afterwards.
    pub conversation: Conversation,
    /// What has to be fetched for the real outcome: decide again with the answer; until then, and if that takes long, this is it.
    pub lookup: Option<LookupRequest>,
    /// By when a person should have answered a new hand-off.
    pub deadline: Option<Timestamp>,
    /// The survey as the customer has answered it by this message.
    pub answered: Option<Survey>,
    /// Why, in detail.
    pub trace: Trace,
}

/// What a rule fetches before it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupRequest {
    /// The rule's id.
    pub rule: String,
    /// What is asked.
    pub target: Target,
    /// Longest time to wait.
    pub timeout: Duration,
    /// How long an answer may be used again; 0 for never.
    pub cache: Duration,
    /// How sure the rule was, from 0 to 1.
    pub score: f64,
}

/// What a look-up asks, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A system of the shop.
    Http {
        /// The address.
        url: String,
        /// Fields that are posted; none for a GET.
        form: Vec<(String, String)>,
    },
    /// Where a parcel is.
    Parcel {
        /// Who is asked.
        service: ParcelService,
        /// Name or code of the carrier; may be empty where the service finds it out.
        carrier: String,
        /// The tracking number.
        number: String,
        /// A phone number on the label, or its end; may be empty.
        phone: String,
    },
}

/// Why a message was decided as it was.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Trace {
    /// The text that rules were compared with.
    pub folded: String,
    /// The words that were decided on, where they are those of several messages in a row; `folded` and the spans are of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<String>,
    /// Language of the message, and how it was found.
    pub language: String,
    /// Every rule whose condition held, the winner first.
    pub candidates: Vec<TraceCandidate>,
    /// Rules whose sentences the message is like, sure or not, the nearest first.
    pub near: Vec<TraceNear>,
    /// Routes that were tried, and which held.
    pub route: Vec<String>,
    /// The queue's hours, where a person was needed.
    pub hours: Option<TraceHours>,
    /// The notice that was due, and whether it had been given.
    pub notice: Option<TraceNotice>,
    /// Whatever else bore on it, in plain sentences.
    pub notes: Vec<String>,
}

/// A rule whose condition held.
#[derive(Clone, Debug, Serialize)]
pub struct TraceCandidate {
    /// Its id.
    pub rule: String,
    /// Its priority.
    pub priority: i64,
    /// By which sign it was recognised.
    pub sign: &'static str,
    /// Characters of evidence.
    pub length: usize,
    /// From 0 to 1.
    pub score: f64,
    /// Stretches of the original text, in bytes.
    pub spans: Vec<Range<usize>>,
    /// Why it lost; none for the winner.
    pub lost: Option<&'static str>,
}

/// A rule whose sentences the message is like.
#[derive(Clone, Debug, Serialize)]
pub struct TraceNear {
    /// Its id.
    pub rule: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// What it has to reach to be answered with.
    pub sure: f64,
    /// What it has to reach to be offered as a choice.
    pub near: f64,
}

/// A queue's hours at the time of the message.
#[derive(Clone, Debug, Serialize)]
pub struct TraceHours {
    /// The queue.
    pub queue: String,
    /// Whether people are there.
    pub open: bool,
    /// When they are next; none if no calendar knows.
    pub next_open: Option<Timestamp>,
}

/// A notice that was due.
#[derive(Clone, Debug, Serialize)]
pub struct TraceNotice {
    /// Which.
    pub id: String,
    /// Under which key it is remembered.
    pub key: String,
    /// When it had been given already.
    pub given_at: Option<Timestamp>,
}
