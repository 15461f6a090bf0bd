//! What comes in and what comes of it: a message as a channel hands it over, that it is on disk, or why not.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::message::{Customer, Gesture, Kind, Role};
use crate::store::StoreError;

use super::Later;

/// A message as a channel hands it over.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The channel's name in `nightdesk.yaml`.
    pub channel: String,
    /// The account at the platform that it came to; empty where there is only one.
    pub account: String,
    /// The channel's own name of the conversation.
    pub thread: String,
    /// Who writes.
    pub customer: Customer,
    /// The sender's id of the message: the idempotency key.
    pub id: String,
    /// What it carries.
    pub kind: Kind,
    /// The words.
    pub text: String,
    /// Of a picture or file: handed on to people, never fetched.
    pub url: Option<String>,
    /// Language that the client says it wants.
    pub locale: Option<String>,
    /// What the customer did, where it was not writing.
    pub gesture: Gesture,
    /// Who wrote it: a platform may forward what its own people and machines write.
    pub role: Role,
    /// The socket that it came in on.
    pub origin: Option<u64>,
    /// What the platform wants to see again with the answer; null if it wants nothing.
    pub reply_with: Value,
}

/// A message that is on disk.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Our id of the message.
    pub message: String,
    /// Its place in the conversation.
    pub seq: u64,
    /// When it was accepted.
    pub at: Timestamp,
    /// Whether it had come before.
    pub duplicate: bool,
    /// The answer for a platform.
    pub response: Value,
}

/// What became of a message that was handed over.
#[derive(Debug)]
pub enum Taken {
    /// It is on disk.
    Now(Accepted),
    /// It waits for the customer's next one, which may complete it, and is not on disk yet.
    Later(Later),
    /// It came before and waits; the end is that of the first.
    Again(Later),
}

/// What a channel knows of a message besides, where it pulls what was written and the platform sends nothing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is decided.
    Nothing,
    /// A person of the shop has answered it there: it is kept, and nothing is said.
    Answered,
    /// It was waited for in vain: it is taken over the limit, and a person gets it.
    OverLimit,
    /// It says that a letter of ours came back.
    Returned,
}

/// Why a message was not taken. Nothing is on disk then, and the sender may send it again.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Happens when a customer or an address writes more than the limit allows.
    #[error("too many messages; wait {} ms", .0.as_millis())]
    RateLimited(Duration),
    /// Happens when so many messages are at work already that this one would wait too long.
    #[error("too many messages are at work")]
    Busy,
    /// Happens when the store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Happens when the customer answers a question that is not asked, or no longer.
    #[error("nothing is asked that this would answer")]
    NotAsked,
    /// Happens when a step failed twice for a reason of ours.
    #[error("the message could not be handled; it was not taken")]
    Internal,
}
