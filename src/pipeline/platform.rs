//! What a platform hears of a step: deliveries to `reply:CHANNEL`, in the same commit as the step itself.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::hub::Event;
use crate::message::{Conversation, Role};
use crate::store::NewDelivery;

use super::payload;
use super::record::Events;

/// What was said and who has the conversation, where nobody waits for an answer.
pub(super) fn platform_hears(
    engine: &Engine,
    after: &Conversation,
    events: &Events,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let Some(channel) = engine.book().settings.channel(&after.channel).filter(|channel| channel.delivers()) else {
        return Vec::new();
    };
    let heard = events.list().iter().filter(|event| event.kind == "message" || channel.hears_states());
    heard.map(|event| told(after, event, &Value::Null, now)).collect()
}

/// The bot's answers to a message, where none of them is in the answer to the platform's request.
pub(super) fn answers(
    engine: &Engine,
    after: &Conversation,
    events: &Events,
    reply_with: &Value,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let by_api = engine.book().settings.channel(&after.channel).is_some_and(crate::rules::ChannelSpec::answers_by_api);
    let said = events.list().iter().filter(|event| by_api && event.kind == "message" && event.role == Role::Bot);
    said.map(|event| told(after, event, reply_with, now)).collect()
}

fn told(after: &Conversation, event: &Event, reply_with: &Value, now: Timestamp) -> NewDelivery {
    let kind = if event.kind == "message" { "message.created" } else { "conversation.state" };
    let mut data = json!({
        "conversation": after.id, "thread": after.thread, "customer": {"id": after.customer.id}, "seq": event.seq,
        "message": if event.kind == "message" { event.data.as_ref().clone() } else { Value::Null },
        "state": after.state,
    });
    if !reply_with.is_null() {
        data["reply_with"] = reply_with.clone();
    }
    let body = json!({"type": kind, "timestamp": now, "data": data});
    payload::delivery(&format!("reply:{}", after.channel), &after.id, kind, &body, now)
}
