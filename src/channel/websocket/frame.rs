//! Frames of `chat.v1.json`: what a client may say, and how answers are written.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hub::{Event, WHISPER};
use crate::store::EventRow;

/// A frame of the client, its envelope read.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub data: Value,
}

/// `data` of `hello`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Hello {
    pub token: Option<String>,
    pub identity: Option<String>,
    pub resume: Option<Resume>,
    pub locale: Option<String>,
}

/// Where a client left off.
#[derive(Debug, Deserialize)]
pub(super) struct Resume {
    #[serde(default)]
    pub conversation: String,
    #[serde(default)]
    pub epoch: String,
    #[serde(default)]
    pub seq: u64,
}

/// `data` of `message`.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub url: Option<String>,
}

/// `data` of `select`.
#[derive(Debug, Deserialize)]
pub(super) struct Select {
    pub option: String,
    /// The title that the client shows, should the option be of an older answer.
    #[serde(default)]
    pub label: Option<String>,
}

/// `data` of `rate`.
#[derive(Debug, Deserialize)]
pub(super) struct Rate {
    pub score: u8,
    #[serde(default)]
    pub text: Option<String>,
}

/// `data` of `history`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct History {
    pub before: Option<u64>,
    pub limit: Option<usize>,
}

/// Whether a client's id of a frame can be kept: 1 to 64 of letters, digits, `.`, `_`, `-`.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Something to tell the client about a frame of its own.
pub(super) fn error(re: Option<&str>, code: &str, message: &str, retry_after_ms: Option<u128>) -> Value {
    let mut data = json!({"code": code, "message": message});
    if let Some(wait) = retry_after_ms {
        data["retry_after_ms"] = json!(wait);
    }
    let mut frame = json!({"type": "error", "data": data});
    if let Some(re) = re {
        frame["re"] = json!(re);
    }
    frame
}

/// `ack`: what the frame asked for is on disk. A message has its `seq`; what follows from a frame has its own frames.
pub(super) fn ack(re: &str, seq: Option<u64>, at: Timestamp, message: &str, duplicate: bool) -> Value {
    let mut frame = json!({"type": "ack", "re": re, "ts": at, "data": {"dup": duplicate}});
    if let Some(seq) = seq {
        frame["seq"] = json!(seq);
        frame["data"]["message"] = json!(message);
    }
    frame
}

/// The frame was read and waits for the customer's next one; its `ack` comes later. A client that waited for it goes on sending.
pub(super) fn held(re: &str) -> Value {
    json!({"type": "held", "re": re})
}

/// An event as a frame; what is not kept has no `seq`.
pub(super) fn event(event: &Event) -> Value {
    let mut frame = json!({"type": event.kind, "ts": event.at, "data": event.data});
    if event.seq != WHISPER {
        frame["seq"] = json!(event.seq);
    }
    frame
}

/// A kept event as a frame.
pub(super) fn row(row: &EventRow) -> Value {
    json!({"type": row.kind, "seq": row.seq, "ts": row.at, "data": crate::pipeline::told(row)})
}
