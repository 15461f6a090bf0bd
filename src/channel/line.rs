//! Channels of kind `line`: a LINE official account, <https://developers.line.biz/en/reference/messaging-api/>.
//!
//! Events come in batches, signed over the raw body. What answers a message goes by its reply token, which costs nothing, works
//! once and for about a minute; what comes later is pushed, with a key by which LINE knows a repeated push.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use lru::LruCache;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::Kind;
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

use super::door::{Door, Request};
use super::incoming::{customer, stored, taken};
use super::parts::Length;
use super::platform::{Api, Buttons, Choice, Platform, Said, ask, refused, words};
use super::problem::Problem;

/// Where the API is.
const API: &str = "https://api.line.me";
/// For so long a reply token is used. The platform says about a minute.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(50);

/// Replies remembered whose end is not known.
const UNCLEAR: usize = 1_024;

/// The kind `line`.
#[derive(Debug)]
pub struct Line;

#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(default)]
    events: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    webhook_event_id: String,
    reply_token: Option<String>,
    message: Option<Message>,
    postback: Option<Postback>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    user_id: String,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: String,
}

#[derive(Debug, Deserialize)]
struct Postback {
    #[serde(default)]
    data: String,
}

impl Door for Line {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            if request.method != Method::POST {
                return Err(request.wrong_method());
            }
            request.signed_as(
                "line",
                "The secret of this channel in nightdesk.yaml must be the channel secret of the LINE channel",
            )?;
            let batch: Batch = request.json()?;
            let mut arrivals = Vec::new();
            for event in batch.events.into_iter().filter_map(|event| request.element(event)) {
                arrivals.extend(request.understood(read(&request, event).await)?);
            }
            request.accept_all(arrivals).await?;
            Ok(taken())
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        let (base, token) = (spec.api(API), SecretString::from(spec.text("access_token")?));
        let endpoint = Endpoint::new(&format!("reply:{name}"), &base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(Account::new(base, token)))), ..endpoint })
    }
}

/// What an event means to us, if anything.
async fn read(request: &Request, event: Event) -> Result<Option<Arrival>, Problem> {
    // In standby another system has the conversation; in groups the bot is not meant.
    if event.mode == "standby" || event.source.kind != "user" || event.source.user_id.is_empty() {
        return Ok(None);
    }
    let reply_with = json!({"token": event.reply_token, "at": event.timestamp});
    let who = customer(&event.source.user_id, None);
    if event.kind == "follow" {
        request.greet(&who, None, &event.webhook_event_id, reply_with).await?;
        return Ok(None);
    }
    let arrival = match (&event.message, &event.postback) {
        (Some(message), _) => {
            let arrival = request.words(who, &event.webhook_event_id, &message.text)?;
            match message.kind.as_str() {
                "text" => arrival,
                "image" => Arrival { kind: Kind::Image, url: stored("line", &message.id), ..arrival },
                _ => Arrival { kind: Kind::File, url: stored("line", &message.id), ..arrival },
            }
        }
        (None, Some(postback)) => request.pressed(request.words(who, &event.webhook_event_id, "")?, &postback.data),
        (None, None) => return Ok(None),
    };
    Ok(Some(Arrival { reply_with, ..arrival }))
}

/// Sends as the account.
#[derive(Debug)]
struct Account {
    base: String,
    token: SecretString,
    /// Replies of which it is not known whether they were taken.
    unclear: Mutex<LruCache<String, ()>>,
}

impl Account {
    fn new(base: String, token: SecretString) -> Self {
        let most = NonZeroUsize::new(UNCLEAR).unwrap_or(NonZeroUsize::MIN);
        Self { base, token, unclear: Mutex::new(LruCache::new(most)) }
    }

    fn unclear(&self) -> MutexGuard<'_, LruCache<String, ()>> {
        self.unclear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post(
        &self,
        client: &Client,
        path: &str,
        key: Option<String>,
        body: &Value,
        now: Timestamp,
    ) -> Result<(StatusCode, Value), Answer> {
        let request = client.post(format!("{}{path}", self.base)).bearer_auth(self.token.expose_secret());
        let request = request.header("content-type", "application/json").body(body.to_string());
        let request = key.into_iter().fold(request, |request, key| request.header("x-line-retry-key", key));
        ask(request, now).await
    }
}

impl Api for Account {
    fn length(&self) -> Length {
        Length::Utf16(5_000)
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 13, label: Length::Utf16(20), id: 300, head: None })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let request = client.get(format!("{}/v2/bot/info", self.base)).bearer_auth(self.token.expose_secret());
            let (status, answer) = ask(request, now).await?;
            if status.is_success() { Ok(words(&answer["displayName"])) } else { Err(meaning(status.as_u16(), &answer)) }
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let mut message = json!({"type": "text", "text": said.text});
            if !said.choices.is_empty() {
                let item = |choice: &Choice| {
                    let action = json!({"type": "postback", "label": choice.label, "data": choice.id, "displayText": choice.label});
                    json!({"type": "action", "action": action})
                };
                message["quickReply"] = json!({"items": said.choices.iter().map(item).collect::<Vec<_>>()});
            }
            let given =
                Timestamp::from_millisecond(said.reply_with["at"].as_i64().unwrap_or_default()).unwrap_or_default();
            let fresh = said.now.duration_since(given) < TOKEN_LIFE;
            if let Some(token) = said.reply_with["token"].as_str().filter(|_| fresh) {
                let body = json!({"replyToken": token, "messages": [message]});
                let (status, answer) = match self.post(client, "/v2/bot/message/reply", None, &body, said.now).await {
                    Ok(answered) => answered,
                    Err(failed) => {
                        self.unclear().put(said.id.clone(), ());
                        return Err(failed);
                    }
                };
                let spent = words(&answer["message"]).to_lowercase().contains("reply token");
                match status.as_u16() {
                    200..=299 => return Ok(()),
                    // The attempt before this had no answer, and its token is spent: it was taken then.
                    400 if spent && self.unclear().pop(&said.id).is_some() => return Ok(()),
                    // The token was used for what came before, or is too old.
                    400 if spent => {}
                    code => return Err(meaning(code, &answer)),
                }
            }
            // The same key at every attempt: LINE sends a push once for each.
            let key = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, said.id.as_bytes()).to_string();
            let body = json!({"to": said.customer, "messages": [message]});
            let (status, answer) = self.post(client, "/v2/bot/message/push", Some(key), &body, said.now).await?;
            match status.as_u16() {
                // 409: taken before, under the same key.
                200..=299 | 409 => Ok(()),
                code => Err(meaning(code, &answer)),
            }
        })
    }
}

fn meaning(code: u16, answer: &Value) -> Answer {
    let says = words(&answer["message"]);
    match code {
        401 | 403 => Answer::Failed(format!("access_token is not accepted ({code}: {says})")),
        // Until the next month, or another plan.
        429 if says.to_lowercase().contains("monthly") => refused(format!("the month's messages are used up ({says})")),
        429 => Answer::Again { status: 429, error: format!("too many messages for now ({says})") },
        400..=499 => refused(format!("LINE refuses it ({code}: {says})")),
        _ => Answer::Again { status: code, error: format!("LINE cannot take it now ({code}: {says})") },
    }
}
