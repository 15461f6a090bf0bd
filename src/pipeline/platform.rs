//! What a platform hears of a step: deliveries to `reply:CHANNEL`, in the same commit as the step itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decide::letters;
use crate::engine::Engine;
use crate::hub::Event;
use crate::message::{Conversation, Role};
use crate::rules::{ChannelSpec, MailSpec};
use crate::store::NewDelivery;

use super::payload;
use super::record::Events;

/// The conversation with what the events say by letter counted, where letters are bounded.
pub(super) fn lettered(engine: &Engine, mut after: Conversation, events: &Events, now: Timestamp) -> Conversation {
    let channel = engine.book().settings.channel(&after.channel).filter(|channel| channel.hears_at_once());
    // One over the bound is enough to know that it is passed; more of what is not sent would hold the next day's answers up.
    let open =
        channel.is_some_and(|channel| bound(channel).is_none_or(|bound| letters::of_today(&after, now) <= bound));
    if open && is_automatic(events) {
        letters::noticed(&mut after, now);
    }
    after
}

/// Most automatic letters within a day.
fn bound(channel: &ChannelSpec) -> Option<usize> {
    MailSpec::of(channel).map(|mail| usize::try_from(mail.per_day).unwrap_or(usize::MAX))
}

/// Whether events say something, and a machine all of it.
fn is_automatic(events: &Events) -> bool {
    let mut said = events.list().iter().filter(|event| event.kind == "message").peekable();
    said.peek().is_some() && said.all(|event| event.role == Role::Bot)
}

/// What was said and who has the conversation, where nobody waits for an answer. What is said is counted in `after`.
pub(super) fn platform_hears(
    engine: &Engine,
    after: &Conversation,
    events: &Events,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let Some(channel) = engine.book().settings.channel(&after.channel).filter(|channel| channel.delivers()) else {
        return Vec::new();
    };
    if bound(channel).is_some_and(|bound| is_automatic(events) && letters::of_today(after, now) > bound) {
        tracing::info!(channel = after.channel, "A notice was not sent: `per_day` automatic letters were.");
        return Vec::new();
    }
    let heard = events.list().iter().filter(|event| event.kind == "message" || channel.hears_states());
    let people = channel.answers_by_api().then(|| engine.book().settings.default_language());
    if channel.hears_at_once() {
        return at_once(after, heard, &Value::Null, people, now);
    }
    heard.map(|event| told(after, event, &Value::Null, people, now)).collect()
}

/// The bot's answers to a message, where none of them is in the answer to the platform's request.
pub(super) fn answers(
    engine: &Engine,
    after: &Conversation,
    events: &Events,
    reply_with: &Value,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let settings = &engine.book().settings;
    let Some(channel) = settings.channel(&after.channel).filter(|channel| channel.answers_by_api()) else {
        return Vec::new();
    };
    let said = events.list().iter().filter(|event| match event.kind {
        "message" => event.role == Role::Bot,
        _ => channel.hears_states(),
    });
    let people = Some(settings.default_language());
    if channel.hears_at_once() {
        return at_once(after, said, reply_with, people, now);
    }
    said.map(|event| told(after, event, reply_with, people, now)).collect()
}

/// All that one step says as a single delivery: one letter, however many messages it is made of. `messages` has them all.
fn at_once<'a>(
    after: &Conversation,
    said: impl Iterator<Item = &'a Arc<Event>>,
    reply_with: &Value,
    people: Option<&str>,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let said: Vec<&Arc<Event>> = said.collect();
    let Some(first) = said.first() else { return Vec::new() };
    let messages: Vec<&Value> = said.iter().map(|event| &event.data).collect();
    vec![delivery(after, first, Some(json!(messages)), reply_with, people, now)]
}

fn told(after: &Conversation, event: &Event, reply_with: &Value, people: Option<&str>, now: Timestamp) -> NewDelivery {
    delivery(after, event, None, reply_with, people, now)
}

fn delivery(
    after: &Conversation,
    event: &Event,
    messages: Option<Value>,
    reply_with: &Value,
    people: Option<&str>,
    now: Timestamp,
) -> NewDelivery {
    let kind = if event.kind == "message" { "message.created" } else { "conversation.state" };
    let mut data = json!({
        "conversation": after.id, "thread": after.thread, "customer": {"id": after.customer.id}, "seq": event.seq,
        "message": if event.kind == "message" { event.data.clone() } else { Value::Null },
        "state": after.state,
    });
    // What the platform's own people should know who have it from now on.
    if let (Some(handoff), Some(people), "state") = (&after.handoff, people, event.kind) {
        let slots: serde_json::Map<String, Value> =
            after.slots.iter().map(|(name, filled)| (name.clone(), json!(filled.value))).collect();
        data["handoff"] = json!({"queue": handoff.queue, "priority": handoff.priority, "reason": handoff.reason});
        data["slots"] = Value::Object(slots);
        data["people"] = json!(people.split('-').next());
    }
    if let Some(messages) = messages {
        data["messages"] = messages;
    }
    if !reply_with.is_null() {
        data["reply_with"] = reply_with.clone();
    }
    let body = json!({"type": kind, "timestamp": now, "data": data});
    payload::delivery(&format!("reply:{}", after.channel), &after.id, kind, &body, now)
}
