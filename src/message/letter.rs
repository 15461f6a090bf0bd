//! What a letter has besides its words, and what was answered by letter.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a letter has besides the words that are decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// Its Message-ID, without brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The letters before it, the oldest first, without brackets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Where the answer of a person goes.
    pub reply_to: String,
    /// Where the answer of a machine goes; none if no machine may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_to: Option<String>,
    /// Why no machine may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Names the conversation in the ids of our letters.
    pub mark: String,
    /// What was sent with it. The contents are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// All of its words, quoted ones too, for people.
    #[serde(skip)]
    pub whole: String,
    /// For how long, in seconds, the same answer is not given again.
    #[serde(skip)]
    pub period: i64,
    /// Most answers of a machine within a day.
    #[serde(skip)]
    pub per_day: u32,
}

/// A file that came with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// As the sender named it.
    pub name: String,
    /// `image/jpeg` and the like, as the sender has it.
    #[serde(rename = "type")]
    pub media: String,
    /// Its size.
    pub bytes: usize,
}

/// An answer by letter, remembered so that it is not given again too soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What was said: the ids of the rules and entries, else the reason.
    pub what: Vec<String>,
    /// Stands for the words that were answered.
    pub to: u64,
    /// When.
    pub at: Timestamp,
}
