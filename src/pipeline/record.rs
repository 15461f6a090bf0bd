//! From an outcome to what is written: the transcript's events, the conversation's row, and the answer for a platform.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::decide::Outcome;
use crate::hub::{Event, News};
use crate::message::{Conversation, Decision, Gesture, Inbound, Priority, Role, State, Survey};
use crate::store::{ConversationRow, EventRow, SurveyRow};

/// Where a message's decision stands in its kept event: for people of the shop alone.
const DECISION: &str = "decision";

/// Events of one step, numbered as they are added.
#[derive(Debug)]
pub(super) struct Events {
    conversation: String,
    seq: u64,
    at: Timestamp,
    list: Vec<Arc<Event>>,
    /// The event that was decided about, and how.
    decided: Option<(u64, Value)>,
}

impl Events {
    /// Begins after the last event of a conversation.
    #[must_use]
    pub(super) fn after(conversation: &str, seq: u64, at: Timestamp) -> Self {
        Self { conversation: conversation.to_owned(), seq, at, list: Vec::new(), decided: None }
    }

    /// Adds an event, and tells its number.
    pub(super) fn push(
        &mut self,
        kind: &'static str,
        role: Role,
        data: Value,
        state: State,
        origin: Option<u64>,
    ) -> u64 {
        self.seq += 1;
        self.list.push(Arc::new(Event { seq: self.seq, origin, kind, role, at: self.at, data, state }));
        self.seq
    }

    /// Keeps with the message what was decided about it. Those who listen are not told.
    pub(super) fn decided(&mut self, seq: u64, decision: &Decision) {
        self.decided = Some((seq, json!(decision)));
    }

    /// Number of the last event.
    #[must_use]
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The events.
    #[must_use]
    pub(super) fn list(&self) -> &[Arc<Event>] {
        &self.list
    }

    /// The events as rows.
    #[must_use]
    pub(super) fn rows(&self) -> Vec<EventRow> {
        self.list
            .iter()
            .map(|event| EventRow {
                conversation: self.conversation.clone(),
                seq: event.seq,
                at: event.at,
                kind: event.kind.to_owned(),
                role: event.role.as_str().to_owned(),
                body: match &self.decided {
                    Some((seq, decision)) if *seq == event.seq => {
                        let mut data = event.data.clone();
                        data[DECISION] = decision.clone();
                        data.to_string()
                    }
                    _ => event.data.to_string(),
                },
            })
            .collect()
    }

    /// What consoles hear of the step. `version` is that of the conversation after it.
    #[must_use]
    pub(super) fn news(&self, before: &Conversation, after: &Conversation, version: u64) -> Vec<News> {
        let shown = |conversation: &Conversation| {
            let case = conversation.handoff.as_ref().map(|handoff| (handoff.queue.clone(), handoff.priority));
            (conversation.state, case, conversation.agent.clone())
        };
        let messages = self.list.iter().filter(|event| event.kind == "message").map(|event| News::Message {
            conversation: after.id.clone(),
            role: event.role,
            id: event.data["message"].as_str().unwrap_or_default().to_owned(),
        });
        let mut news: Vec<News> = messages.collect();
        if shown(before) != shown(after) {
            let handoff = after.handoff.as_ref();
            news.push(News::Queue {
                conversation: after.id.clone(),
                state: after.state,
                queue: handoff.map(|handoff| handoff.queue.clone()),
                priority: handoff.map_or(Priority::Normal, |handoff| handoff.priority),
                agent: after.agent.clone(),
                version,
            });
        }
        news
    }
}

/// A kept event's data as customers and other systems are told of it.
#[must_use]
pub fn told(row: &EventRow) -> Value {
    let mut data: Value = serde_json::from_str(&row.body).unwrap_or_default();
    if let Value::Object(data) = &mut data {
        data.remove(DECISION);
    }
    data
}

/// The message that came in, as an event.
#[must_use]
pub(super) fn message(inbound: &Inbound, role: Role, url: Option<&str>, rated: Option<&Survey>) -> Value {
    let mut data = json!({"message": inbound.message, "role": role, "kind": inbound.kind, "text": inbound.text});
    match &inbound.gesture {
        Gesture::Select(option) => data["option"] = json!(option),
        Gesture::AskForPerson => data["asked"] = json!("person"),
        Gesture::Undelivered => data["undelivered"] = json!(true),
        // People see all of it, also what was not decided on.
        Gesture::Letter(letter) => {
            data["text"] = json!(letter.whole);
            data["letter"] = json!(letter);
        }
        Gesture::Rate { .. } | Gesture::Write | Gesture::Automatic | Gesture::LookedUp(_) => {}
    }
    if let Some(survey) = rated {
        data["rating"] = json!({"score": survey.score, "text": survey.comment});
    }
    if let Some(url) = url {
        data["url"] = json!(url);
    }
    data
}

/// The message as people are told of it: with those before it that it completes, each on a line of its own.
#[must_use]
pub(super) fn in_a_row(mut said: Value, earlier: &[String]) -> Value {
    if !earlier.is_empty() {
        let own = said["text"].as_str().unwrap_or_default();
        let lines = earlier.iter().map(String::as_str).chain([own]).filter(|line| !line.is_empty());
        said["text"] = json!(lines.collect::<Vec<_>>().join("\n"));
    }
    said
}

/// The bot's messages as events.
#[must_use]
pub(super) fn bot_messages(inbound: &Inbound, outcome: &Outcome) -> Vec<Value> {
    outcome
        .replies
        .iter()
        .map(|reply| {
            let mut data = json!({
                "message": reply.message, "role": Role::Bot, "kind": reply.kind, "text": reply.text, "reply_to": inbound.message,
            });
            if let Some(rule) = &reply.rule {
                data["rule"] = json!(rule);
            }
            if !reply.options.is_empty() {
                data["options"] = json!(reply.options);
            }
            if let Some(survey) = &outcome.answered {
                data["survey"] = json!({"case": survey.handoff.id, "score": survey.score});
            }
            data
        })
        .collect()
}

/// Who has the conversation, as an event.
#[must_use]
pub(super) fn state(conversation: &Conversation, position: Option<u64>) -> Value {
    let mut data = json!({"state": conversation.state});
    if let Some(handoff) = conversation.handoff.as_ref().filter(|_| conversation.state != State::Closed) {
        data["queue"] = json!(handoff.queue);
        data["urgent"] = json!(handoff.priority == Priority::Urgent);
    }
    if let Some(position) = position {
        data["position"] = json!(position);
    }
    if let Some(agent) = &conversation.agent {
        data["agent"] = json!(agent);
    }
    data
}

/// The answer for a platform that forwards messages.
#[must_use]
pub(super) fn response(outcome: &Outcome) -> Value {
    let messages: Vec<Value> = outcome
        .replies
        .iter()
        .map(|reply| {
            json!({
                "message": reply.message, "role": Role::Bot, "kind": reply.kind, "text": reply.text,
                "rule": reply.rule, "options": reply.options,
            })
        })
        .collect();
    let conversation = &outcome.conversation;
    let mut value = json!({
        "conversation": conversation.id,
        "state": conversation.state,
        "duplicate": false,
        "messages": messages,
        "decision": outcome.decision,
    });
    if let Some(handoff) = &conversation.handoff {
        value["handoff"] =
            json!({"id": handoff.id, "queue": handoff.queue, "priority": handoff.priority, "reason": handoff.reason});
    }
    value
}

/// A case that the customer was asked about, as the row that is kept.
#[must_use]
pub(super) fn survey(conversation: &Conversation, survey: &Survey) -> SurveyRow {
    SurveyRow {
        handoff: survey.handoff.id.clone(),
        conversation: conversation.id.clone(),
        channel: conversation.channel.clone(),
        queue: survey.handoff.queue.clone(),
        agent: survey.agent.clone(),
        asked_at: survey.asked_at,
        score: survey.score,
        answered_at: survey.answered_at,
        text: survey.comment.clone(),
    }
}

/// A conversation as the row that is kept.
#[must_use]
pub(super) fn row(conversation: &Conversation, seq: u64, now: Timestamp) -> ConversationRow {
    let handoff = conversation.handoff.as_ref();
    ConversationRow {
        id: conversation.id.clone(),
        channel: conversation.channel.clone(),
        thread: conversation.thread.clone(),
        customer: conversation.customer.id.clone(),
        state: conversation.state.as_str().to_owned(),
        version: 0,
        seq,
        queue: handoff.map(|handoff| handoff.queue.clone()),
        priority: handoff.map_or(Priority::Normal, |handoff| handoff.priority).as_str().to_owned(),
        language: conversation.language.clone(),
        body: serde_json::to_string(conversation).unwrap_or_default(),
        created_at: conversation.created_at,
        updated_at: now,
    }
}
