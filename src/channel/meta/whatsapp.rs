//! Channels of kind `whatsapp`: a number of the WhatsApp Business Cloud API,
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components>.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::{Gesture, Kind, Role};
use crate::pipeline::Arrival;
use crate::rules::{ChannelKind, ChannelSpec};
use crate::token::Tokens;

use super::super::door::{Door, Request};
use super::super::incoming::{customer, stored, taken};
use super::super::parts::Length;
use super::super::platform::{Api, Buttons, Choice, Platform, Said, words};
use super::super::problem::Problem;
use super::{Graph, checked};

/// So many options are buttons; more are a list.
const BUTTONS: usize = 3;
/// Longest words on a button, in characters; a list has a little more room.
const BUTTON: usize = 20;
/// Opens a list. The platform wants words there, and no more than twenty characters.
const OPEN: &str = "请选择 / Options";

/// The kind `whatsapp`.
#[derive(Debug)]
pub struct Whatsapp;

#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    #[serde(default)]
    field: String,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Deserialize)]
struct Heard {
    metadata: Metadata,
    #[serde(default)]
    contacts: Vec<Contact>,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    statuses: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    phone_number_id: String,
}

#[derive(Debug, Deserialize)]
struct Contact {
    #[serde(default)]
    wa_id: String,
    /// Names a customer who does not show the number (business-scoped user id).
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    profile: Profile,
}

#[derive(Debug, Default, Deserialize)]
struct Profile {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    from: String,
    /// Names a customer who does not show the number.
    #[serde(default)]
    from_user_id: String,
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    id: String,
    #[serde(default)]
    recipient_id: String,
    #[serde(rename = "status", default)]
    what: String,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Door for Whatsapp {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            if let Some(response) = checked(&request)? {
                return Ok(response);
            }
            let batch: Batch = request.json()?;
            let mut arrivals = Vec::new();
            for change in batch.entry.into_iter().flat_map(|entry| entry.changes).filter(|c| c.field == "messages") {
                let Some(heard) = request.element::<Heard>(change.value) else { continue };
                // An app has one address for all its numbers.
                let Some(channel) = channel_of(&request, &heard.metadata.phone_number_id) else {
                    request.skipped("messages to a number that no channel has; look at phone_number_id");
                    continue;
                };
                let begin = arrivals.len();
                for status in heard.statuses.into_iter().filter_map(|status| request.element::<Status>(status)) {
                    arrivals.extend(request.understood(failure(&request, &channel, &status).await)?);
                }
                for message in heard.messages.into_iter().filter_map(|message| request.element::<Message>(message)) {
                    arrivals.extend(request.understood(read(&request, &message, &heard.contacts))?);
                }
                arrivals[begin..].iter_mut().for_each(|arrival: &mut Arrival| arrival.channel.clone_from(&channel));
            }
            request.accept_all(arrivals).await?;
            Ok(taken())
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        let (graph, number) = (Graph::new(spec)?, spec.text("phone_number_id")?.to_owned());
        let endpoint = Endpoint::new(&format!("reply:{name}"), &graph.base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(Number { graph, number }))), ..endpoint })
    }
}

/// The channel that has a number: this one, or another of the same app.
fn channel_of(request: &Request, number: &str) -> Option<String> {
    if request.spec.text("phone_number_id") == Some(number) {
        return Some(request.channel.clone());
    }
    let engine = request.pipeline.engine.load();
    let shared = |other: &ChannelSpec| {
        let known = |secret: &SecretString| {
            request.spec.secrets.iter().any(|own| own.expose_secret() == secret.expose_secret())
        };
        other.kind == ChannelKind::Whatsapp
            && other.text("phone_number_id") == Some(number)
            && other.secrets.iter().any(known)
    };
    let mut all = engine.book().settings.channels.iter();
    all.find(|(_, other)| shared(other)).map(|(name, _)| name.clone())
}

/// What was taken and then not delivered, which the platform tells later: a person sees to it.
async fn failure(request: &Request, channel: &str, status: &Status) -> Result<Option<Arrival>, Problem> {
    if status.what != "failed" {
        return Ok(None);
    }
    // Other programs may write from the same number.
    let id = Tokens::conversation(channel, &status.recipient_id);
    if request.pipeline.store.conversation(&id).await.map_err(|_| Problem::unavailable())?.is_none() {
        return Ok(None);
    }
    let code = status.errors.first().and_then(|error| error["code"].as_i64()).unwrap_or_default();
    tracing::warn!(channel, conversation = id, code, "WhatsApp did not deliver a message to the customer.");
    let chinese = request.pipeline.engine.load().book().settings.default_language().starts_with("zh");
    let text = if chinese {
        format!("平台未能送达上一条消息（错误 {code}）")
    } else {
        format!("The platform did not deliver a message (error {code})")
    };
    let arrival = request.words(customer(&status.recipient_id, None), format!("failed-{}", status.id), &text)?;
    Ok(Some(Arrival { kind: Kind::Notice, gesture: Gesture::Undelivered, role: Role::System, ..arrival }))
}

/// What a message means to us, if anything.
fn read(request: &Request, message: &Message, contacts: &[Contact]) -> Result<Option<Arrival>, Problem> {
    let who = [&message.from, &message.from_user_id].into_iter().find(|id| !id.is_empty());
    // Older requests name a customer without a number only beside the message, and then there is one.
    let alone = contacts.first().filter(|_| contacts.len() == 1).map(|contact| &contact.user_id);
    let who = who.or(alone).map_or("", String::as_str);
    let of = |contact: &&Contact| contact.wa_id == who || contact.user_id == who;
    let name = contacts.iter().find(of).and_then(|contact| contact.profile.name.as_deref());
    let part = message.rest.get(&message.kind).unwrap_or(&Value::Null);
    let word = |pointer: &str| part.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let arrival = |text: &str| request.words(customer(who, name), message.id.as_str(), text);
    let media = |kind: Kind| -> Result<Option<Arrival>, Problem> {
        Ok(Some(Arrival { kind, url: stored("whatsapp", word("/id")), ..arrival(word("/caption"))? }))
    };
    match message.kind.as_str() {
        "text" => Ok(Some(arrival(word("/body"))?)),
        // A button of a template has words, and no option of ours behind it.
        "button" => Ok(Some(arrival(word("/text"))?)),
        "interactive" => {
            let reply = if word("/type") == "list_reply" { "/list_reply" } else { "/button_reply" };
            let (option, title) = (word(&format!("{reply}/id")), word(&format!("{reply}/title")));
            Ok(Some(request.pressed(arrival(title)?, option)))
        }
        "image" | "sticker" => media(Kind::Image),
        "reaction" | "system" | "request_welcome" => Ok(None),
        _ => media(Kind::File),
    }
}

/// Sends from a number.
#[derive(Debug)]
struct Number {
    graph: Graph,
    number: String,
}

impl Api for Number {
    fn length(&self) -> Length {
        // Texts with buttons may have no more, and texts without hardly ever do.
        Length::Utf16(1_024)
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 10, label: Length::Utf16(24), id: 200, head: None })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let path = format!("/{}?fields=display_phone_number,verified_name", self.number);
            let answer = self.graph.get(client, &path, now).await.map_err(|failed| failed.answer)?;
            Ok(format!("{} {}", words(&answer["verified_name"]), words(&answer["display_phone_number"])))
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let to = if said.customer.bytes().all(|byte| byte.is_ascii_digit()) { "to" } else { "recipient" };
            let mut body = json!({"messaging_product": "whatsapp", "recipient_type": "individual"});
            body[to] = json!(said.customer);
            if said.choices.is_empty() {
                body["type"] = json!("text");
                body["text"] = json!({"body": said.text, "preview_url": false});
            } else {
                body["type"] = json!("interactive");
                body["interactive"] = interactive(said);
            }
            self.graph.post(client, &format!("/{}/messages", self.number), &body, said.now).await.map_err(|f| f.answer)
        })
    }
}

fn interactive(said: &Said<'_>) -> Value {
    let fits = |choice: &Choice| Length::Utf16(BUTTON).cut(&choice.label) == choice.label;
    let action = if said.choices.len() <= BUTTONS && said.choices.iter().all(fits) {
        let button = |choice: &Choice| json!({"type": "reply", "reply": {"id": choice.id, "title": choice.label}});
        json!({"buttons": said.choices.iter().map(button).collect::<Vec<_>>()})
    } else {
        let row = |choice: &Choice| json!({"id": choice.id, "title": choice.label});
        let rows: Vec<Value> = said.choices.iter().map(row).collect();
        json!({"button": OPEN, "sections": [{"rows": rows}]})
    };
    let kind = if action.get("buttons").is_some() { "button" } else { "list" };
    json!({"type": kind, "body": {"text": said.text}, "action": action})
}
