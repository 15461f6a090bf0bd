//! Channels of kind `whatsapp`: a number of the WhatsApp Business Cloud API,
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components>.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::Kind;
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

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
    messages: Vec<Message>,
    #[serde(default)]
    statuses: Vec<Status>,
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
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    status: String,
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
            let own = request.spec.text("phone_number_id").unwrap_or_default();
            let mut arrivals = Vec::new();
            for change in batch.entry.into_iter().flat_map(|entry| entry.changes).filter(|c| c.field == "messages") {
                let heard: Heard = serde_json::from_value(change.value)
                    .map_err(|error| Problem::bad_request(format!("`value` is not what WhatsApp sends: {error}.")))?;
                // An app has one address for all its numbers; another number's messages are another channel's.
                if heard.metadata.phone_number_id == own {
                    failures(&request.channel, &heard.statuses);
                    for message in &heard.messages {
                        arrivals.extend(read(&request, message, &heard.contacts)?);
                    }
                }
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

/// What was taken and then not delivered, which the platform tells later.
fn failures(channel: &str, statuses: &[Status]) {
    for failed in statuses.iter().filter(|status| status.status == "failed") {
        let code = failed.errors.first().and_then(|error| error["code"].as_i64()).unwrap_or_default();
        tracing::warn!(channel, code, "WhatsApp did not deliver a message to the customer.");
    }
}

/// What a message means to us, if anything.
fn read(request: &Request, message: &Message, contacts: &[Contact]) -> Result<Option<Arrival>, Problem> {
    let from = contacts.iter().find(|contact| contact.wa_id == message.from).or(contacts.first());
    let name = from.and_then(|contact| contact.profile.name.as_deref());
    let number = Some(message.from.as_str()).filter(|number| !number.is_empty());
    let who = number.or(from.map(|contact| contact.user_id.as_str())).unwrap_or_default();
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
        Some(Buttons { most: 10, label: Length::Utf16(24), id: 200 })
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
