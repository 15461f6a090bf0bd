//! Channels of kind `chatwoot`: nightdesk is the agent bot of an inbox in Chatwoot, and Chatwoot's people take hand-offs there.
//!
//! Chatwoot posts what happens in the conversations of the inbox. A customer's message counts while the conversation is `pending`,
//! that is with the bot. Answers, and who has the conversation, go out by the conversations API. Who has it follows Chatwoot: a
//! person who opens it has it, `resolved` closes it, `pending` gives it back to the bot.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::{Gesture, Kind, Role, State};
use crate::pipeline::{Action, Actor, AgentError, Arrival};
use crate::rules::ChannelSpec;
use crate::store::{ConversationRow, DeliveryFilter, delivery_state};

use super::door::{Door, Request};
use super::incoming::{customer, taken};
use super::parts::Length;
use super::platform::{Api, Buttons, Changed, Choice, Platform, Said, ask, refused, words};
use super::problem::Problem;
use super::signature::key_in_address;

/// Deliveries looked through for those of a conversation.
const PENDING: usize = 500;
/// Most hand-offs of which it is known that their note was written.
const NOTED: usize = 1_024;

/// The kind `chatwoot`.
#[derive(Debug)]
pub struct Chatwoot;

/// What Chatwoot posts: of a message, or of a conversation, whose fields stand at the top then. What is not named here is not
/// read, so that a contact's `pubsub_token` goes nowhere.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "event")]
    pub(super) what: String,
    pub(super) id: Option<i64>,
    pub(super) content: Option<String>,
    message_type: Option<MessageType>,
    private: Option<bool>,
    content_attributes: Option<Value>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    pub(super) sender: Option<Person>,
    pub(super) conversation: Option<Conversation>,
    pub(super) status: Option<String>,
    meta: Option<Meta>,
    account: Option<Account>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum MessageType {
    Word(String),
    Number(i64),
}

#[derive(Debug, Deserialize)]
struct Attachment {
    file_type: Option<String>,
    data_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    id: Option<i64>,
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Conversation {
    pub(super) id: Option<i64>,
    pub(super) status: Option<String>,
    meta: Option<Meta>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    sender: Option<Person>,
    assignee: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Account {
    id: Option<i64>,
}

impl Event {
    /// Whether it is a customer's message.
    fn is_incoming(&self) -> bool {
        match &self.message_type {
            Some(MessageType::Word(word)) => word == "incoming",
            Some(MessageType::Number(number)) => *number == 0,
            None => false,
        }
    }

    /// Whether it is a message of the shop's that customers see, written by a person.
    pub(super) fn is_a_persons(&self) -> bool {
        let outgoing = match &self.message_type {
            Some(MessageType::Word(word)) => word == "outgoing",
            Some(MessageType::Number(number)) => *number == 1,
            None => false,
        };
        outgoing && !self.is_private() && self.sender.as_ref().and_then(|sender| sender.kind.as_deref()) == Some("user")
    }

    /// Where its files are.
    pub(super) fn files(&self) -> impl Iterator<Item = Option<&str>> {
        self.attachments.iter().flatten().map(|file| file.data_url.as_deref())
    }

    fn is_private(&self) -> bool {
        self.private == Some(true)
    }
}

impl Door for Chatwoot {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            if request.method != Method::POST {
                return Err(request.wrong_method());
            }
            verify(&request)?;
            receive(&request, request.json()?).await
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        let base = spec.api("");
        let bot = Bot {
            account: spec.text("account_id")?.to_owned(),
            token: SecretString::from(spec.text("access_token")?),
            base: base.clone(),
            noted: Mutex::default(),
        };
        let endpoint = Endpoint::new(&format!("reply:{name}"), &base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(bot))), ..endpoint })
    }
}

/// By the signature that newer versions make; older ones make none, so that the address has a key in it.
fn verify(request: &Request) -> Result<(), Problem> {
    let keys = request.spec.all("url_key");
    if keys.is_empty() {
        return request.signed_as(
            "chatwoot",
            "The secret of this channel in nightdesk.yaml must be the one that Chatwoot shows for the bot",
        );
    }
    if key_in_address(&request.query, keys) {
        return Ok(());
    }
    Err(request.refuse(
        "the key in the address is missing or another one",
        "The address that Chatwoot posts to must end with ?key= and the url_key of this channel in nightdesk.yaml.",
    ))
}

async fn receive(request: &Request, event: Event) -> Result<Response, Problem> {
    let account = event.account.as_ref().and_then(|account| account.id);
    if account.is_some_and(|id| request.spec.text("account_id").is_some_and(|ours| ours != id.to_string())) {
        tracing::warn!(channel = request.channel, "An event of another account of Chatwoot was left.");
        return Ok(taken());
    }
    match event.what.as_str() {
        "message_created" => message(request, event).await,
        "message_updated" => pressed(request, event).await,
        "conversation_opened" | "conversation_resolved" | "conversation_status_changed" => follow(request, event).await,
        // Chatwoot posts more kinds than a bot needs.
        _ => Ok(taken()),
    }
}

async fn message(request: &Request, event: Event) -> Result<Response, Problem> {
    let incoming = event.is_incoming() && !event.is_private();
    let Some(conversation) = event.conversation.as_ref() else { return Ok(taken()) };
    // With people, a bot hears what customers write and has no say in it.
    let with_bot = conversation.status.as_deref() == Some("pending");
    if incoming && with_bot {
        given_back(request, &event).await?;
        let arrival = arrival(request, &event, "message", event.content.as_deref().unwrap_or_default())?;
        request.accept_all(vec![with_media(arrival, &event)]).await?;
    } else if event.is_a_persons() && known(request, &event).await?.is_some() {
        let arrival = arrival(request, &event, "message", event.content.as_deref().unwrap_or_default())?;
        let arrival = Arrival { role: Role::Human, gesture: Gesture::Automatic, ..arrival };
        request.accept_all(vec![with_media(arrival, &event)]).await?;
    }
    Ok(taken())
}

/// Many versions do not tell a bot that it has a conversation again: then a customer's message is the first sign of it.
async fn given_back(request: &Request, event: &Event) -> Result<(), Problem> {
    let Some(row) = known(request, event).await? else { return Ok(()) };
    if State::parse(&row.state) != Some(State::Human) {
        return Ok(());
    }
    // Unless Chatwoot has not heard yet that a person has it.
    let filter = DeliveryFilter {
        state: Some(delivery_state::PENDING.to_owned()),
        endpoint: Some(format!("reply:{}", request.channel)),
        limit: PENDING,
    };
    let waiting = request.pipeline.store.deliveries(filter).await.map_err(|_| Problem::unavailable())?;
    if waiting.iter().any(|delivery| delivery.conversation == row.id) || waiting.len() >= PENDING {
        return Ok(());
    }
    match request.pipeline.act(&row.id, &Actor::Desk(None), Action::Return { summary: None }).await {
        Err(AgentError::Store(_)) => Err(Problem::unavailable()),
        _ => Ok(()),
    }
}

/// A customer has pressed an option: Chatwoot writes it into the message that had them.
async fn pressed(request: &Request, event: Event) -> Result<Response, Problem> {
    let with_bot = event.conversation.as_ref().and_then(|it| it.status.as_deref()) == Some("pending");
    let chosen = event.content_attributes.as_ref().map(|attributes| &attributes["submitted_values"][0]);
    let Some(option) = chosen.and_then(|chosen| chosen["value"].as_str()).filter(|_| with_bot) else {
        return Ok(taken());
    };
    let title = chosen.and_then(|chosen| chosen["title"].as_str()).unwrap_or_default();
    let arrival = arrival(request, &event, "choice", title)?;
    request.accept_all(vec![request.pressed(arrival, option)]).await?;
    Ok(taken())
}

/// Words within a conversation, of its customer, whoever wrote them.
fn arrival(request: &Request, event: &Event, what: &str, text: &str) -> Result<Arrival, Problem> {
    let conversation = event.conversation.as_ref();
    let contact = conversation.and_then(|conversation| conversation.meta.as_ref()?.sender.as_ref());
    let contact = contact.or(event.sender.as_ref().filter(|_| event.is_incoming()));
    let (Some(thread), Some(contact), Some(id)) = (conversation.and_then(|it| it.id), contact, event.id) else {
        return Err(Problem::bad_request("The event names no conversation, no contact or no message."));
    };
    let who = customer(&contact.id.map(|id| id.to_string()).unwrap_or_default(), contact.name.as_deref());
    let arrival = request.words(who, format!("{what}-{id}"), text)?;
    Ok(Arrival { thread: thread.to_string(), ..arrival })
}

fn with_media(arrival: Arrival, event: &Event) -> Arrival {
    let Some(file) = event.attachments.as_ref().and_then(|files| files.first()) else { return arrival };
    let kind = if file.file_type.as_deref() == Some("image") { Kind::Image } else { Kind::File };
    // Words beside a picture are what counts.
    if !arrival.text.trim().is_empty() {
        return arrival;
    }
    Arrival { kind, url: file.data_url.clone().filter(|url| url.len() <= 2_048), ..arrival }
}

/// Our conversation that an event is about, if we have one.
async fn known(request: &Request, event: &Event) -> Result<Option<ConversationRow>, Problem> {
    let Some(id) = event.conversation.as_ref().map_or(event.id, |conversation| conversation.id) else {
        return Ok(None);
    };
    let store = &request.pipeline.store;
    store.conversation_by_thread(&request.channel, &id.to_string()).await.map_err(|_| Problem::unavailable())
}

/// Who has the conversation at Chatwoot has it here.
async fn follow(request: &Request, event: Event) -> Result<Response, Problem> {
    let Some(row) = known(request, &event).await? else { return Ok(taken()) };
    let assigned = event.meta.as_ref().and_then(|meta| meta.assignee.as_ref()).is_some_and(|who| !who.is_null());
    let name = event.meta.as_ref().and_then(|meta| Some(meta.assignee.as_ref()?["name"].as_str()?.to_owned()));
    let action = match (event.status.as_deref(), State::parse(&row.state)) {
        // Our own hand-off opens it too: then it waits for somebody.
        (Some("open"), Some(State::Bot | State::Closed)) => Action::Take,
        (Some("open"), Some(State::Queued)) if assigned => Action::Take,
        (Some("resolved"), Some(State::Bot | State::Queued | State::Human)) => Action::Close,
        (Some("pending"), Some(State::Queued | State::Human)) => Action::Return { summary: None },
        _ => return Ok(taken()),
    };
    match request.pipeline.act(&row.id, &Actor::Desk(name), action).await {
        Err(AgentError::Store(_)) => Err(Problem::unavailable()),
        // It was so already, or somebody was faster.
        _ => Ok(taken()),
    }
}

/// Speaks as the bot.
#[derive(Debug)]
struct Bot {
    base: String,
    account: String,
    token: SecretString,
    /// Hand-offs whose note is there, while they are not opened yet.
    noted: Mutex<HashSet<String>>,
}

impl Bot {
    fn request(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("api_access_token", self.token.expose_secret()).header("content-type", "application/json")
    }

    fn conversation(&self, thread: &str) -> Result<String, Answer> {
        // It stands in a path.
        if thread.is_empty() || !thread.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("the conversation is not one of Chatwoot's".to_owned()));
        }
        Ok(format!("{}/api/v1/accounts/{}/conversations/{thread}", self.base, self.account))
    }

    async fn post(&self, client: &Client, url: String, body: &Value, now: Timestamp) -> Result<Value, Answer> {
        good(ask(self.request(client.post(url)).body(body.to_string()), now).await?)
    }
}

fn good((status, answer): (StatusCode, Value)) -> Result<Value, Answer> {
    let says = || words(if answer["error"].is_string() { &answer["error"] } else { &answer["message"] });
    match status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(Answer::Failed(format!("access_token is not accepted ({status}: {})", says()))),
        404 => Err(refused(format!("Chatwoot knows no such conversation or account ({})", says()))),
        code @ (408 | 409 | 425 | 429) => Err(Answer::Status(code, None)),
        400..=499 => Err(refused(format!("Chatwoot refuses it ({status}: {})", says()))),
        code => Err(Answer::Again { status: code, error: format!("Chatwoot cannot take it now ({status})") }),
    }
}

impl Api for Bot {
    fn length(&self) -> Length {
        Length::Chars(10_000)
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 10, label: Length::Chars(100), id: 200, head: None })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            // There is no conversation 0; whether one may ask for it shows whether the token is good for a bot's work.
            let url = format!("{}/api/v1/accounts/{}/conversations/0/toggle_status", self.base, self.account);
            let request = self.request(client.post(url)).header("content-type", "application/json").body("{}");
            let (status, answer) = ask(request, now).await?;
            if status.as_u16() != 404 {
                good((status, answer))?;
            }
            Ok(format!("a bot of account {}", self.account))
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let mut body = json!({"content": said.text, "message_type": "outgoing", "private": false});
            if !said.choices.is_empty() {
                let item = |choice: &Choice| json!({"title": choice.label, "value": choice.id});
                body["content_type"] = "input_select".into();
                body["content_attributes"] = json!({"items": said.choices.iter().map(item).collect::<Vec<_>>()});
            }
            let url = format!("{}/messages", self.conversation(said.thread)?);
            self.post(client, url, &body, said.now).await.map(|_| ())
        })
    }

    fn state<'a>(&'a self, client: &'a Client, changed: &'a Changed<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let wanted = match changed.state {
                "queued" | "human" => "open",
                "closed" => "resolved",
                _ => "pending",
            };
            let url = self.conversation(changed.thread)?;
            // What Chatwoot told us, it knows. Many versions let a bot change a status and not read it.
            let (status, there) = ask(self.request(client.get(&url)), changed.now).await?;
            if !matches!(status.as_u16(), 401 | 403) && good((status, there))?["status"] == wanted {
                return Ok(());
            }
            let noted = |noted: &Mutex<HashSet<String>>| {
                noted.lock().unwrap_or_else(PoisonError::into_inner).contains(changed.id)
            };
            if changed.state == "queued" && !noted(&self.noted) {
                let note = json!({"content": changed.summary, "message_type": "outgoing", "private": true});
                self.post(client, format!("{url}/messages"), &note, changed.now).await?;
                let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
                if noted.len() >= NOTED {
                    noted.clear();
                }
                noted.insert(changed.id.to_owned());
            }
            let status = json!({"status": wanted});
            self.post(client, format!("{url}/toggle_status"), &status, changed.now).await?;
            self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(changed.id);
            Ok(())
        })
    }
}
