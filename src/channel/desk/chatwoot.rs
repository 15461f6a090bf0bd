//! Chatwoot as a human queue: an API inbox, in which each hand-off is a conversation of a contact.
//!
//! Told by the inbox's public API, which needs no token but its identifier; what agents write comes by the inbox's webhook.

use axum::response::Response;
use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::channel::chatwoot::Event;
use crate::channel::incoming::taken;
use crate::channel::platform::{ask, refused, words};
use crate::channel::problem::Problem;
use crate::handoff::{Answer, Courier, People, summary};
use crate::pipeline::Action;
use crate::rules::WebhookSpec;
use crate::store::{OutboxRow, Store, StoreError};

use super::ties::{self, Tie, Ties};
use super::{Incoming, Reply, with_files};

/// What is told by us and not by the customer begins so.
const OURS: &str = "🤖 nightdesk · ";

/// An API inbox.
#[derive(Debug)]
pub struct Inbox {
    place: String,
    base: String,
    hmac_token: Option<SecretString>,
    people: People,
}

impl Inbox {
    /// None without the inbox's identifier, which is an error of `check`.
    pub(super) fn new(name: &str, spec: &WebhookSpec, people: &People) -> Option<Self> {
        let (base, inbox) = (spec.url.value.trim_end_matches('/'), spec.text("inbox")?);
        Some(Self {
            place: ties::place(name, spec),
            base: format!("{base}/public/api/v1/inboxes/{inbox}"),
            hmac_token: spec.text("hmac_token").map(SecretString::from),
            people: people.clone(),
        })
    }

    /// The answer; none if Chatwoot does not have what the path names.
    async fn post(&self, client: &Client, path: &str, body: &Value, now: Timestamp) -> Result<Option<Value>, Answer> {
        let request = client.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        match ask(request.body(body.to_string()), now).await {
            Ok((StatusCode::NOT_FOUND, _)) | Err(Answer::Status(404, _)) => Ok(None),
            answer => good(answer?).map(Some),
        }
    }

    async fn tell(&self, client: &Client, store: &dyn Store, row: &OutboxRow, now: Timestamp) -> Result<(), Answer> {
        let event: Value = serde_json::from_slice(&row.body).map_err(|_| unreadable())?;
        let data = &event["data"];
        let ours = data["conversation"]["id"].as_str().ok_or_else(unreadable)?;
        let ties = Ties::new(self.place.clone(), store, now);
        let tie = ties.theirs(ours).await.map_err(|error| unkept(&error))?;
        match row.kind.as_str() {
            "handoff.created" | "handoff.escalated" | "handoff.message" => {
                let tie = tie.unwrap_or_default();
                if tie.told == row.webhook_id {
                    return Ok(());
                }
                let mut tie = ties.begun(ours, tie).await.map_err(|error| unkept(&error))?;
                // What was deleted there is opened anew, once.
                for _ in 0..2 {
                    let text = self.words(row, data, &tie, now);
                    if let Some(opened) = self.open(client, &ties, ours, data, tie.clone(), now).await? {
                        tie = opened;
                        let path = format!("/contacts/{}/conversations/{}/messages", tie.contact, tie.conversation);
                        let body = json!({"content": text, "echo_id": row.webhook_id});
                        if self.post(client, &path, &body, now).await?.is_some() {
                            tie.told.clone_from(&row.webhook_id);
                            return ties.keep(ours, &tie).await.map_err(|error| unkept(&error));
                        }
                    }
                    ties.forget(&tie).await.map_err(|error| unkept(&error))?;
                    tie = Tie::default();
                }
                Err(refused("Chatwoot knows no such inbox, or no conversation in it (404)".to_owned()))
            }
            "conversation.closed" | "conversation.returned" | "handoff.moved" => {
                let Some(tie) = tie.filter(|tie| !tie.conversation.is_empty()) else { return Ok(()) };
                let path = format!("/contacts/{}/conversations/{}/toggle_status", tie.contact, tie.conversation);
                if row.kind == "conversation.closed" {
                    ties.closed(ours).await.map_err(|error| unkept(&error))?;
                }
                ties.keep(ours, &Tie { ended: true, ..tie }).await.map_err(|error| unkept(&error))?;
                match self.post(client, &path, &json!({}), now).await {
                    // Older versions have no such call: their people end it by hand.
                    Ok(_) | Err(Answer::Refused { .. }) => Ok(()),
                    Err(answer) => Err(answer),
                }
            }
            // Warnings and scores are for who looks after the queue, and in the report.
            _ => Ok(()),
        }
    }

    /// What is told: all that led to it, where nothing was told before.
    fn words(&self, row: &OutboxRow, data: &Value, tie: &Tie, now: Timestamp) -> String {
        let begins = tie.told.is_empty();
        if row.kind == "handoff.message" && !begins {
            return said(&data["message"]);
        }
        let before = if begins || row.kind == "handoff.created" { transcript(data) } else { String::new() };
        format!("{OURS}{}{before}", summary(row, &self.people, now))
    }

    /// The contact and the conversation there, made if they are missing. None if Chatwoot does not know the contact or inbox.
    async fn open(
        &self,
        client: &Client,
        ties: &Ties<'_>,
        ours: &str,
        data: &Value,
        mut tie: Tie,
        now: Timestamp,
    ) -> Result<Option<Tie>, Answer> {
        if tie.contact.is_empty() {
            let Some(made) = self.post(client, "/contacts", &self.contact(data), now).await? else { return Ok(None) };
            made["source_id"].as_str().ok_or_else(unclear)?.clone_into(&mut tie.contact);
            ties.keep(ours, &tie).await.map_err(|error| unkept(&error))?;
        }
        if tie.conversation.is_empty() {
            let attributes = json!({"nightdesk_conversation": ours, "channel": data["conversation"]["channel"],
                "queue": data["handoff"]["queue"], "priority": data["handoff"]["priority"]});
            let body = json!({"custom_attributes": attributes});
            let path = format!("/contacts/{}/conversations", tie.contact);
            let Some(made) = self.post(client, &path, &body, now).await? else { return Ok(None) };
            tie.conversation = made["id"].as_i64().ok_or_else(unclear)?.to_string();
            ties.keep(ours, &tie).await.map_err(|error| unkept(&error))?;
        }
        Ok(Some(tie))
    }

    fn contact(&self, data: &Value) -> Value {
        let (customer, channel) = (&data["customer"], data["conversation"]["channel"].as_str().unwrap_or_default());
        let identifier = format!("{channel}:{}", customer["id"].as_str().unwrap_or_default());
        let name = customer["name"].as_str().filter(|name| !name.trim().is_empty()).unwrap_or(&identifier);
        let mut contact = json!({"identifier": identifier, "name": name});
        if let Some(token) = &self.hmac_token {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, token.expose_secret().as_bytes());
            let tag = aws_lc_rs::hmac::sign(&key, identifier.as_bytes());
            contact["identifier_hash"] = HEXLOWER.encode(tag.as_ref()).into();
        }
        contact
    }
}

impl Courier for Inbox {
    fn carry<'a>(
        &'a self,
        client: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(self.tell(client, store, row, now))
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let inbox = good(ask(client.get(&self.base), now).await?)?;
            Ok(format!("the inbox {}", words(&inbox["name"])))
        })
    }
}

/// What the customer said, and where a picture or file is.
pub(super) fn said(message: &Value) -> String {
    let text = message["text"].as_str().unwrap_or_default().trim();
    let what = match message["kind"].as_str() {
        Some("image") => "[图片 picture]",
        Some("file") => "[文件 file]",
        _ => "",
    };
    let url = message["url"].as_str().unwrap_or_default();
    let parts: Vec<&str> = [what, text, url].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "…".to_owned() } else { parts.join(" ") }
}

/// What was said before, one line each.
pub(super) fn transcript(data: &Value) -> String {
    let line = |message: &Value| {
        let who = match message["role"].as_str() {
            Some("visitor") => "👤",
            Some("human") => "🧑‍💼",
            _ => "🤖",
        };
        format!("{who} {}", said(message))
    };
    let lines: Vec<String> = data["transcript"].as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { String::new() } else { format!("\n\n———\n{}", lines.join("\n")) }
}

fn good((status, answer): (StatusCode, Value)) -> Result<Value, Answer> {
    match status.as_u16() {
        200..=299 => Ok(answer),
        code @ (408 | 409 | 425 | 429) => Err(Answer::Status(code, None)),
        400..=499 => Err(refused(format!("Chatwoot refuses it ({status}: {})", words(&answer["error"])))),
        code => Err(Answer::Again { status: code, error: format!("Chatwoot cannot take it now ({status})") }),
    }
}

pub(super) fn unreadable() -> Answer {
    refused("the delivery is not an event of ours".to_owned())
}

pub(super) fn unclear() -> Answer {
    Answer::Failed("the desk's answer cannot be read".to_owned())
}

/// Nothing is told of which it could not be remembered to whom.
pub(super) fn unkept(error: &StoreError) -> Answer {
    tracing::error!(%error, "What a desk calls a conversation could not be kept.");
    Answer::Failed("the store cannot be written".to_owned())
}

/// Takes what the inbox's webhook posts.
pub(super) async fn receive(incoming: &Incoming) -> Result<Response, Problem> {
    incoming.verify("chatwoot")?;
    let event: Event = incoming.json()?;
    let theirs = event.conversation.as_ref().map_or(event.id, |conversation| conversation.id);
    let Some(theirs) = theirs else { return Ok(taken()) };
    let Some(ours) = incoming.ours(&theirs.to_string()).await? else {
        // Conversations that customers began there themselves are no business of ours.
        return Ok(taken());
    };
    match (event.what.as_str(), event.status.as_deref()) {
        ("message_created", _) if event.is_a_persons() => {
            let agent = event.sender.as_ref().and_then(|sender| sender.name.as_deref());
            let text = with_files(event.content.as_deref().unwrap_or_default(), event.files());
            let status = event.conversation.as_ref().and_then(|conversation| conversation.status.as_deref());
            let id = format!("chatwoot-{}", event.id.unwrap_or_default());
            incoming.reply(&ours, Reply { agent, id, text: &text, over: status == Some("resolved") }).await
        }
        ("conversation_resolved", _) | ("conversation_status_changed", Some("resolved")) => {
            incoming.end(&ours, Action::Close).await
        }
        ("conversation_status_changed", Some("pending")) => incoming.end(&ours, Action::Return { summary: None }).await,
        _ => Ok(taken()),
    }
}
