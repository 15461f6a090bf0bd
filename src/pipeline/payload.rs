//! What the human queue's webhook is told: the whole case, so that whoever takes it need not look anything up.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decide::Outcome;
use crate::message::{Conversation, OpenHandoff, Survey};
use crate::rules::{Settings, WebhookFormat};
use crate::store::NewDelivery;

use super::record::{Events, told};

/// Messages of the transcript that go with a case.
pub(super) const TRANSCRIPT: usize = 20;
/// Characters of each of them; the message that caused the case goes whole.
const TRANSCRIPT_TEXT: usize = 2_000;

/// What a payload is made from besides the conversation.
#[derive(Debug)]
pub(super) struct Case<'a> {
    /// The conversation as it is now.
    pub conversation: &'a Conversation,
    /// The hand-off that it is about.
    pub handoff: &'a OpenHandoff,
    /// By when a person should have answered.
    pub deadline: Option<Timestamp>,
    /// The outcome that caused it, if a message did.
    pub outcome: Option<&'a Outcome>,
    /// The message that caused it, as its event's data.
    pub message: Option<&'a Value>,
    /// The last messages, oldest first.
    pub transcript: Vec<Value>,
    /// Where people write to the customer.
    pub reply_url: String,
    /// Where they see it in the console.
    pub console_url: String,
    /// What lets them.
    pub reply_token: String,
    /// When.
    pub now: Timestamp,
}

/// The body for one event type. `extra` is merged into `data`.
#[must_use]
pub(super) fn body(kind: &str, case: &Case<'_>, extra: Value) -> Value {
    let (conversation, handoff) = (case.conversation, case.handoff);
    let decision = case.outcome.map(|outcome| &outcome.decision);
    let matched: Vec<&str> =
        decision.map(|d| d.candidates.iter().map(|c| c.rule.as_str()).collect()).unwrap_or_default();
    let slots: serde_json::Map<String, Value> =
        conversation.slots.iter().map(|(name, filled)| (name.clone(), json!(filled.value))).collect();
    let mut data = json!({
        "handoff": {
            "id": handoff.id,
            "queue": handoff.queue,
            "priority": handoff.priority,
            "reason": handoff.reason,
            "created_at": handoff.created_at,
            "deadline": case.deadline,
        },
        "conversation": {
            "id": conversation.id,
            "channel": conversation.channel,
            "thread": conversation.thread,
            "state": conversation.state,
            "language": conversation.language,
            "tags": conversation.tags,
            "note": conversation.note,
        },
        "customer": conversation.customer,
        "class": decision.and_then(|d| d.class.as_deref()).unwrap_or("enquiry"),
        "matched": matched,
        "slots": slots,
        "message": case.message,
        "transcript": case.transcript,
        "console_url": case.console_url,
        "reply_url": case.reply_url,
        "reply_token": case.reply_token,
    });
    if let (Value::Object(data), Value::Object(extra)) = (&mut data, extra) {
        data.extend(extra);
    }
    json!({"type": kind, "timestamp": case.now, "data": data})
}

/// What stands in an event besides the case, where the customer has answered the survey.
#[must_use]
pub(super) fn rated(survey: Option<&Survey>) -> Value {
    survey.map_or_else(
        || json!({}),
        |survey| {
            json!({"survey": {
                "handoff": survey.handoff.id, "queue": survey.handoff.queue, "agent": survey.agent, "score": survey.score,
                "text": survey.comment, "asked_at": survey.asked_at, "answered_at": survey.answered_at,
            }})
        },
    )
}

/// What a queue is told whose case is another's now: `old` is the hand-off's id and queue there.
#[must_use]
pub(super) fn moved(
    old: (&str, &str),
    handoff: &OpenHandoff,
    after: &Conversation,
    console_url: &str,
    now: Timestamp,
) -> Value {
    let data = json!({"handoff": {"id": old.0, "queue": old.1}, "moved_to": {"id": handoff.id, "queue": handoff.queue}, "conversation": {"id": after.id, "state": after.state}, "console_url": console_url});
    json!({"type": "handoff.moved", "timestamp": now, "data": data})
}

/// Of what a step would tell, what its receivers want to hear.
///
/// People who have both queues of a case that moved are told of it once: what makes it new in the one says where it was.
#[must_use]
pub(super) fn wanted(settings: &Settings, mut all: Vec<NewDelivery>) -> Vec<NewDelivery> {
    let webhook = |name: &str| settings.webhooks.get(name);
    all.retain(|row| webhook(&row.endpoint).is_none_or(|webhook| webhook.hears(&row.kind)));
    let new = |row: &NewDelivery| matches!(row.kind.as_str(), "handoff.created" | "handoff.escalated");
    let told: Vec<String> = all.iter().filter(|row| new(row)).map(|row| row.endpoint.clone()).collect();
    let for_people = |name: &str| webhook(name).is_some_and(|webhook| webhook.format != WebhookFormat::Standard);
    all.retain(|row| row.kind != "handoff.moved" || !for_people(&row.endpoint) || !told.contains(&row.endpoint));
    all
}

/// A delivery of a body to a webhook.
#[must_use]
pub(super) fn delivery(endpoint: &str, conversation: &str, kind: &str, body: &Value, now: Timestamp) -> NewDelivery {
    NewDelivery {
        webhook_id: format!("evt_{}", uuid::Uuid::now_v7().simple()),
        endpoint: endpoint.to_owned(),
        url: None,
        conversation: conversation.to_owned(),
        kind: kind.to_owned(),
        body: body.to_string().into_bytes(),
        created_at: now,
    }
}

/// The transcript of a case: what was kept, then what this step adds.
#[must_use]
pub(super) fn transcript(kept: &[crate::store::EventRow], events: &Events) -> Vec<Value> {
    let kept = kept.iter().filter(|row| row.kind == "message").map(|row| {
        let mut data = told(row);
        data["seq"] = json!(row.seq);
        data["ts"] = json!(row.at);
        data
    });
    let new = events.list().iter().filter(|event| event.kind == "message").map(|event| {
        let mut data = event.data.clone();
        data["seq"] = json!(event.seq);
        data["ts"] = json!(event.at);
        data
    });
    let mut all: Vec<Value> = kept.chain(new).map(shortened).collect();
    all.split_off(all.len().saturating_sub(TRANSCRIPT))
}

/// A line of the transcript whose text is not longer than receivers take, twenty times.
fn shortened(mut line: Value) -> Value {
    let cut = line["text"]
        .as_str()
        .and_then(|text| text.char_indices().nth(TRANSCRIPT_TEXT).map(|(at, _)| text[..at].to_owned()));
    if let Some(text) = cut {
        line["text"] = json!(text);
        line["truncated"] = json!(true);
    }
    line
}
