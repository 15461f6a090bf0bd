//! The parts of an event that people are told, read from the committed bytes. What is missing or odd is left out.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{VALUE, WORDS, shorten, tidy, words};

/// An event of a queue's webhook.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[serde(deserialize_with = "lenient")]
    pub timestamp: Option<Timestamp>,
    pub data: Data,
}

/// Its `data`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Data {
    pub handoff: Option<Handoff>,
    pub conversation: Option<Conversation>,
    pub customer: Option<Customer>,
    pub escalation: Option<Escalation>,
    pub moved_to: Option<Handoff>,
    pub transfer: Option<Transfer>,
    pub survey: Option<Survey>,
    pub report: Option<Told>,
    pub pilot: Option<Told>,
    pub slots: Option<Map<String, Value>>,
    message: Option<Said>,
    transcript: Option<Vec<Said>>,
    console_url: Option<String>,
    reply_url: Option<String>,
}

/// A report, or a pilot that ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub title: String,
    pub file: String,
    pub figures: Vec<Glance>,
}

/// A figure of a report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Glance {
    pub label: String,
    pub value: String,
    pub before: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Handoff {
    pub queue: Option<String>,
    pub priority: Option<String>,
    pub reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub created_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    pub deadline: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    id: Option<String>,
    pub channel: Option<String>,
    note: Option<Transfer>,
}

/// A case that a colleague passed on, or that colleague's note.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transfer {
    pub from: Option<String>,
    by: Option<String>,
    #[serde(alias = "note")]
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Customer {
    id: Option<String>,
    name: Option<String>,
    tier: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Escalation {
    pub reason: Option<String>,
    pub from: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Survey {
    pub queue: Option<String>,
    pub agent: Option<String>,
    pub score: Option<Value>,
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    role: Option<String>,
    kind: Option<String>,
    text: Option<String>,
}

impl Event {
    /// Reads an event; of what is none at all nothing is known.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl Data {
    /// Whether the case is urgent.
    pub(super) fn is_urgent(&self) -> bool {
        self.handoff.as_ref().is_some_and(|handoff| handoff.priority.as_deref() == Some("urgent"))
    }

    /// Where the case is.
    pub(super) fn queue(&self) -> Option<&str> {
        let queue = self.handoff.as_ref().and_then(|handoff| handoff.queue.as_deref());
        queue.or_else(|| self.survey.as_ref()?.queue.as_deref())
    }

    /// The customer's name, or what the channel calls them; and the tier.
    pub(super) fn who(&self) -> Option<String> {
        let customer = self.customer.as_ref()?;
        let name = customer.name.as_deref().map(tidy).filter(|name| !name.is_empty());
        let who = shorten(&name.or_else(|| customer.id.clone())?, 60);
        Some(match customer.tier.as_deref().map(|tier| shorten(tier, 30)).filter(|tier| !tier.is_empty()) {
            Some(tier) => format!("{who} ({tier})"),
            None => who,
        })
    }

    /// The queue that had the case before.
    pub(super) fn from(&self) -> Option<&str> {
        let escalated = self.escalation.as_ref().and_then(|escalation| escalation.from.as_deref());
        escalated.or_else(|| self.transfer.as_ref()?.from.as_deref())
    }

    /// What a colleague wrote for whoever has the case next, and who it was.
    pub(super) fn note(&self) -> Option<String> {
        let kept = self.conversation.as_ref().and_then(|conversation| conversation.note.as_ref());
        let note = self.transfer.as_ref().filter(|transfer| transfer.text.is_some()).or(kept)?;
        let text = tidy(note.text.as_deref()?);
        let by = note.by.as_deref().map(|by| format!(" ({})", shorten(by, VALUE))).unwrap_or_default();
        (!text.is_empty()).then(|| format!("{}{by}", shorten(&text, WORDS)))
    }

    /// What the customer said: the message that caused it, else the customer's last one.
    pub(super) fn said(&self, chinese: bool) -> Option<String> {
        if let Some(comment) = self.survey.as_ref().and_then(|survey| survey.text.as_deref()) {
            return Some(tidy(comment)).filter(|text| !text.is_empty());
        }
        let customers = |said: &&Said| said.role.as_deref().is_none_or(|role| role == "visitor");
        let last = || self.transcript.iter().flatten().rfind(customers);
        let said = self.message.as_ref().or_else(last)?;
        let text = tidy(said.text.as_deref().unwrap_or_default());
        let kind =
            words::kind(said.kind.as_deref().unwrap_or("text")).map(|words| if chinese { words.0 } else { words.1 });
        match (kind, text.is_empty()) {
            (Some(kind), true) => Some(kind.to_owned()),
            (Some(kind), false) => Some(format!("{kind} {text}")),
            (None, true) => None,
            (None, false) => Some(text),
        }
    }

    /// Where the case stands in the console.
    pub(super) fn link(&self) -> Option<String> {
        if let Some(url) = &self.console_url {
            return Some(url.clone());
        }
        // What was committed before that was told.
        let (base, _) = self.reply_url.as_deref()?.split_once("/v1/conversations/")?;
        let id = self.conversation.as_ref()?.id.as_deref()?;
        Some(format!("{base}/console#/case/{}", shorten(id, VALUE)))
    }
}

/// An instant, or none if it is not one: an odd time must not cost the whole message.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().and_then(|text| text.parse().ok()))
}
