//! Channels of kind `messenger`, a Facebook page, and `instagram`, an Instagram account,
//! <https://developers.facebook.com/docs/messenger-platform/webhooks>.
//!
//! What the shop's people write in the page's own inbox comes back as an echo, and stands in the transcript as their word. It does
//! not take the case: that is done in the console.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::{Gesture, Kind, Role};
use crate::pipeline::Arrival;
use crate::rules::{ChannelKind, ChannelSpec};

use super::super::door::{Door, Request};
use super::super::incoming::{customer, taken};
use super::super::parts::Length;
use super::super::platform::{Api, Buttons, Choice, Platform, Said, words};
use super::super::problem::Problem;
use super::{Graph, checked};

/// Stands in all that we send, so that its echo is known.
const OURS: &str = "nightdesk";
/// The app that the page's own inbox is.
const INBOX: i64 = 263_902_037_430_900;

/// The kind `messenger`.
#[derive(Debug)]
pub struct Messenger;

#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(default)]
    entry: Vec<Entry>,
}

/// Of `standby` we take nothing: another app has those conversations.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    messaging: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(default)]
    sender: Id,
    #[serde(default)]
    recipient: Id,
    #[serde(default)]
    timestamp: i64,
    message: Option<Message>,
    postback: Option<Postback>,
}

#[derive(Debug, Default, Deserialize)]
struct Id {
    #[serde(default)]
    id: String,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    mid: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    is_echo: bool,
    #[serde(default)]
    metadata: String,
    app_id: Option<i64>,
    quick_reply: Option<Quick>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Deserialize)]
struct Quick {
    #[serde(default)]
    payload: String,
}

#[derive(Debug, Deserialize)]
struct Attachment {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Debug, Deserialize)]
struct Postback {
    #[serde(default)]
    mid: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    payload: String,
}

impl Door for Messenger {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            if let Some(response) = checked(&request)? {
                return Ok(response);
            }
            let batch: Batch = request.json()?;
            let mut arrivals = Vec::new();
            for entry in batch.entry {
                // An app has one address for all its pages.
                if request.spec.text("page_id").is_some_and(|page| page != entry.id) {
                    request.skipped("messages to another page; look at page_id");
                    continue;
                }
                for event in entry.messaging.into_iter().filter_map(|event| request.element(event)) {
                    arrivals.extend(request.understood(read(&request, event))?);
                }
            }
            request.accept_all(arrivals).await?;
            Ok(taken())
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        let (graph, instagram) = (Graph::new(spec)?, spec.kind == ChannelKind::Instagram);
        let endpoint = Endpoint::new(&format!("reply:{name}"), &graph.base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(Page { graph, instagram }))), ..endpoint })
    }
}

/// What an event means to us, if anything.
fn read(request: &Request, event: Event) -> Result<Option<Arrival>, Problem> {
    if let Some(postback) = event.postback {
        let id = if postback.mid.is_empty() { format!("postback-{}", event.timestamp) } else { postback.mid };
        let arrival = request.words(customer(&event.sender.id, None), id, &postback.title)?;
        return Ok(Some(request.pressed(arrival, &postback.payload)));
    }
    let Some(message) = event.message else { return Ok(None) };
    if message.is_echo {
        // Ours is marked, another app's is a machine's, and what has no words is nothing to keep.
        let by_app = message.app_id.is_some_and(|app| app != INBOX);
        if by_app || message.metadata == OURS || message.text.is_empty() {
            return Ok(None);
        }
        let arrival = request.words(customer(&event.recipient.id, None), message.mid, &message.text)?;
        return Ok(Some(Arrival { role: Role::Human, gesture: Gesture::Automatic, ..arrival }));
    }
    let arrival = request.words(customer(&event.sender.id, None), message.mid, &message.text)?;
    if let Some(quick) = message.quick_reply {
        return Ok(Some(request.pressed(arrival, &quick.payload)));
    }
    let Some(attachment) = message.attachments.into_iter().next() else { return Ok(Some(arrival)) };
    let kind = if attachment.kind == "image" { Kind::Image } else { Kind::File };
    let url = attachment.payload["url"].as_str().filter(|url| url.starts_with("https://") && url.len() <= 2_048);
    Ok(Some(Arrival { kind, url: url.map(str::to_owned), ..arrival }))
}

/// Sends as the page.
#[derive(Debug)]
struct Page {
    graph: Graph,
    /// Instagram takes shorter texts, and refuses longer ones whole.
    instagram: bool,
}

impl Api for Page {
    fn length(&self) -> Length {
        if self.instagram { Length::Bytes(1_000) } else { Length::Utf16(2_000) }
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 13, label: Length::Utf16(20), id: 1_000, head: None })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let answer = self.graph.get(client, "/me?fields=name", now).await.map_err(|failed| failed.answer)?;
            Ok(words(&answer["name"]))
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let mut message = json!({"text": said.text, "metadata": OURS});
            if !said.choices.is_empty() {
                let reply =
                    |choice: &Choice| json!({"content_type": "text", "title": choice.label, "payload": choice.id});
                message["quick_replies"] = said.choices.iter().map(reply).collect();
            }
            let mut body =
                json!({"recipient": {"id": said.customer}, "messaging_type": "RESPONSE", "message": message});
            let failed = match self.graph.post(client, "/me/messages", &body, said.now).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            // After 24 hours a person may still answer, for seven days; the bot may not.
            if said.human && failed.code == 10 && failed.second == 2_018_278 {
                body["messaging_type"] = json!("MESSAGE_TAG");
                body["tag"] = json!("HUMAN_AGENT");
                return self.graph.post(client, "/me/messages", &body, said.now).await.map_err(|failed| failed.answer);
            }
            Err(failed.answer)
        })
    }
}
