//! Channels of kind `messenger`, a Facebook page, and `instagram`, an Instagram account,
//! <https://developers.facebook.com/docs/messenger-platform/webhooks>.
//!
//! What the shop's people write in the page's own inbox, or by another app, comes back as an echo: it stands in the transcript as
//! their word, and by it they have the case.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::{Gesture, Kind, Role, State};
use crate::pipeline::{Action, Actor, AgentError, Arrival};
use crate::rules::{ChannelKind, ChannelSpec};
use crate::store::{EventRow, KeptRow, SeenKey};
use crate::token::Tokens;

use super::super::door::{Door, Request};
use super::super::incoming::{customer, taken};
use super::super::parts::Length;
use super::super::platform::{Api, Buttons, Choice, Platform, Said, texts, words};
use super::super::problem::Problem;
use super::{Graph, checked};

/// Stands in all that we send, so that its echo is known.
const OURS: &str = "nightdesk";
/// Events of a conversation that are looked through for our own words.
const LOOK: usize = 50;
/// For so long our own words come back.
const ECHOED: SignedDuration = SignedDuration::from_hours(1);

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
    /// A number, or the same in words.
    #[serde(default)]
    app_id: Value,
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
                    let Some(arrival) = request.understood(read(&request, event))? else { continue };
                    if arrival.role != Role::Human {
                        arrivals.push(arrival);
                        continue;
                    }
                    // In their order: what the customer wrote before is the bot's, what comes after is the person's.
                    request.accept_all(std::mem::take(&mut arrivals)).await?;
                    by_a_person(&request, arrival).await?;
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
        // Ours is marked, and the shop may name apps whose words are a machine's. What has neither words nor files is nothing.
        let app = message.app_id.as_str().map_or_else(|| message.app_id.to_string(), str::to_owned);
        let machine = request.spec.all("machine_apps").iter().any(|known| known.expose_secret() == app);
        if machine || message.metadata == OURS || (message.text.is_empty() && message.attachments.is_empty()) {
            return Ok(None);
        }
        let arrival = request.words(customer(&event.recipient.id, None), message.mid, &message.text)?;
        let arrival = Arrival { role: Role::Human, gesture: Gesture::Automatic, ..arrival };
        return Ok(Some(with_file(arrival, message.attachments)));
    }
    let arrival = request.words(customer(&event.sender.id, None), message.mid, &message.text)?;
    if let Some(quick) = message.quick_reply {
        return Ok(Some(request.pressed(arrival, &quick.payload)));
    }
    Ok(Some(with_file(arrival, message.attachments)))
}

fn with_file(arrival: Arrival, attachments: Vec<Attachment>) -> Arrival {
    let Some(attachment) = attachments.into_iter().next() else { return arrival };
    let kind = if attachment.kind == "image" { Kind::Image } else { Kind::File };
    let url = attachment.payload["url"].as_str().filter(|url| url.starts_with("https://") && url.len() <= 2_048);
    Arrival { kind, url: url.map(str::to_owned), ..arrival }
}

/// A person has written to a customer beside us: the words are kept, and the case is that person's, once for each message.
async fn by_a_person(request: &Request, arrival: Arrival) -> Result<(), Problem> {
    let (store, id) = (&request.pipeline.store, Tokens::conversation(&request.channel, &arrival.thread));
    let key = SeenKey {
        channel: arrival.channel.clone(),
        account: arrival.account.clone(),
        sender: arrival.customer.id.clone(),
        id: arrival.id.clone(),
    };
    // What comes again after it was handed back changes nothing any more.
    let seen = store.seen(&key).await.map_err(|_| Problem::unavailable())?.is_some();
    let now = request.pipeline.clock.now();
    if seen && store.kept(FIRST_WORD, &arrival.id, now).await.map_err(|_| Problem::unavailable())?.is_some() {
        // The words are there, and something failed before the case was taken.
        return take_first(request, &id, &arrival.id).await;
    }
    if seen || is_ours(request, &id, &arrival.text).await? {
        return Ok(());
    }
    let known = store.conversation(&id).await.map_err(|_| Problem::unavailable())?;
    let has = known.as_ref().and_then(|row| State::parse(&row.state));
    // First who has it, so that no failure in between leaves the words without it.
    if has.is_some_and(|state| state != State::Human) {
        take(request, &id).await?;
    }
    let message = arrival.id.clone();
    if known.is_none() {
        let until = now.checked_add(SignedDuration::from_hours(48)).ok();
        let row = KeptRow { place: FIRST_WORD.to_owned(), key: message.clone(), value: String::new(), until };
        store.keep(vec![row]).await.map_err(|_| Problem::unavailable())?;
    }
    request.accept_all(vec![arrival]).await?;
    if known.is_none() { take_first(request, &id, &message).await } else { Ok(()) }
}

/// Where it is kept that somebody wrote to a customer whom we do not know yet, until the case is taken.
const FIRST_WORD: &str = "meta:first-word";

async fn take_first(request: &Request, id: &str, message: &str) -> Result<(), Problem> {
    take(request, id).await?;
    request.pipeline.store.forget(FIRST_WORD, message).await.map(drop).map_err(|_| Problem::unavailable())
}

async fn take(request: &Request, id: &str) -> Result<(), Problem> {
    match request.pipeline.act(id, &Actor::Inbox, Action::Take).await {
        Err(AgentError::Store(_)) => Err(Problem::unavailable()),
        // It is so already.
        _ => Ok(()),
    }
}

/// Whether words on Instagram are an echo of ours: there it is not marked.
async fn is_ours(request: &Request, id: &str, text: &str) -> Result<bool, Problem> {
    if request.spec.kind != ChannelKind::Instagram || text.is_empty() {
        return Ok(false);
    }
    let since = request.pipeline.clock.now().checked_sub(ECHOED).unwrap_or(Timestamp::MIN);
    let store = &request.pipeline.store;
    let events = store.events_before(id, u64::MAX >> 1, LOOK).await.map_err(|_| Problem::unavailable())?;
    let echoed = |event: &EventRow| {
        let said: Value = serde_json::from_str(&event.body).unwrap_or_default();
        // What a colleague wrote there has no name of ours.
        let by_us = event.role == Role::Bot.as_str() || said["agent"].is_string();
        // Long texts go out in pieces, and options that are no buttons below the last.
        by_us && texts(length(true), Some(BUTTONS), &said).0.iter().any(|piece| piece.trim() == text.trim())
    };
    Ok(events.iter().any(|event| event.kind == "message" && event.at >= since && echoed(event)))
}

/// Quick replies.
const BUTTONS: Buttons = Buttons { most: 13, label: Length::Utf16(20), id: 1_000, head: None };

/// Longest text of one message.
const fn length(instagram: bool) -> Length {
    if instagram { Length::Bytes(1_000) } else { Length::Utf16(2_000) }
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
        length(self.instagram)
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(BUTTONS)
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
