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
    if channel.hears_at_once() {
        return at_once(after, heard, &Value::Null, now);
    }
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
    let channel = engine.book().settings.channel(&after.channel);
    let by_api = channel.is_some_and(crate::rules::ChannelSpec::answers_by_api);
    let said = events.list().iter().filter(|event| by_api && event.kind == "message" && event.role == Role::Bot);
    if channel.is_some_and(crate::rules::ChannelSpec::hears_at_once) {
        return at_once(after, said, reply_with, now);
    }
    said.map(|event| told(after, event, reply_with, now)).collect()
}

/// All that one step says as a single delivery: one letter, however many messages it is made of. `messages` has them all.
fn at_once<'a>(
    after: &Conversation,
    said: impl Iterator<Item = &'a Event>,
    reply_with: &Value,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let said: Vec<&Event> = said.collect();
    let Some(first) = said.first() else { return Vec::new() };
    let messages: Vec<&Value> = said.iter().map(|event| event.data.as_ref()).collect();
    vec![delivery(after, first, Some(json!(messages)), reply_with, now)]
}

fn told(after: &Conversation, event: &Event, reply_with: &Value, now: Timestamp) -> NewDelivery {
    delivery(after, event, None, reply_with, now)
}

fn delivery(
    after: &Conversation,
    event: &Event,
    messages: Option<Value>,
    reply_with: &Value,
    now: Timestamp,
) -> NewDelivery {
    let kind = if event.kind == "message" { "message.created" } else { "conversation.state" };
    let mut data = json!({
        "conversation": after.id, "thread": after.thread, "customer": {"id": after.customer.id}, "seq": event.seq,
        "message": if event.kind == "message" { event.data.as_ref().clone() } else { Value::Null },
        "state": after.state,
    });
    if let Some(messages) = messages {
        data["messages"] = messages;
    }
    if !reply_with.is_null() {
        data["reply_with"] = reply_with.clone();
    }
    let body = json!({"type": kind, "timestamp": now, "data": data});
    payload::delivery(&format!("reply:{}", after.channel), &after.id, kind, &body, now)
}
