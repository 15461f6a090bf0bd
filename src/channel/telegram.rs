//! Channels of kind `telegram`: a bot of the Telegram Bot API, <https://core.telegram.org/bots/api>.
//!
//! Updates are posted one by one with the secret that was given to `setWebhook`; a shared secret, so it must travel by HTTPS.
//! Private chats alone: in a group the bot would answer talk that is not meant for it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::Kind;
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

use super::door::{Door, Request};
use super::incoming::{customer, stored, taken};
use super::parts::Length;
use super::platform::{Api, Buttons, Platform, Said, ask, refused, unclear, words};
use super::problem::Problem;

/// Where the API is, unless the shop has a server of its own.
const API: &str = "https://api.telegram.org";
/// The header with the secret.
const HEADER: &str = "x-telegram-bot-api-secret-token";

/// The kind `telegram`.
#[derive(Debug)]
pub struct Telegram;

#[derive(Debug, Deserialize)]
struct Update {
    #[serde(rename = "update_id")]
    id: i64,
    message: Option<Message>,
    callback_query: Option<Pressed>,
}

#[derive(Debug, Deserialize)]
struct Message {
    chat: Chat,
    from: Option<User>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    caption: String,
    #[serde(default)]
    photo: Vec<File>,
    voice: Option<File>,
    video: Option<File>,
    document: Option<File>,
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(default)]
    is_bot: bool,
    first_name: Option<String>,
    language_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    file_id: String,
}

#[derive(Debug, Deserialize)]
struct Pressed {
    id: String,
    from: User,
    #[serde(default)]
    data: String,
    message: Option<Message>,
}

impl Door for Telegram {
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
        let (base, token) = (spec.api(API), SecretString::from(spec.text("bot_token")?));
        let endpoint = Endpoint::new(&format!("reply:{name}"), &base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(Bot { base, token }))), ..endpoint })
    }
}

fn verify(request: &Request) -> Result<(), Problem> {
    let given = request.headers.get(HEADER).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
    let known = request.spec.secrets.iter().map(|secret| secret.expose_secret().as_bytes());
    if known.filter(|secret| !secret.is_empty()).any(|secret| verify_slices_are_equal(secret, given).is_ok()) {
        return Ok(());
    }
    Err(request.refuse(
        "the secret token is missing or another one",
        "The secret of this channel in nightdesk.yaml and the secret_token that was given to setWebhook must be the same.",
    ))
}

async fn receive(request: &Request, update: Update) -> Result<Response, Problem> {
    let id = format!("update-{}", update.id);
    if let Some(pressed) = update.callback_query {
        let chat = pressed.message.as_ref().map(|message| &message.chat);
        if let Some(chat) = chat.filter(|chat| chat.kind == "private" && !pressed.from.is_bot) {
            let arrival = request.words(customer(&chat.id.to_string(), pressed.from.first_name.as_deref()), id, "")?;
            let arrival = Arrival { locale: pressed.from.language_code, ..arrival };
            request.accept_all(vec![request.pressed(arrival, &pressed.data)]).await?;
        }
        // Ends the clock that Telegram shows on the button.
        return Ok(Json(json!({"method": "answerCallbackQuery", "callback_query_id": pressed.id})).into_response());
    }
    let Some(message) = update.message else { return Ok(taken()) };
    if message.chat.kind != "private" || message.from.as_ref().is_some_and(|from| from.is_bot) {
        return Ok(taken());
    }
    let (name, locale) =
        message.from.as_ref().map_or((None, None), |from| (from.first_name.as_deref(), from.language_code.clone()));
    let who = customer(&message.chat.id.to_string(), name);
    if message.text == "/start" || message.text.starts_with("/start ") {
        request.greet(&who, locale.as_deref(), &id, Value::Null).await?;
        return Ok(taken());
    }
    let arrival = Arrival { locale, ..request.words(who, id, &message.text)? };
    request.accept_all(vec![with_media(arrival, &message)]).await?;
    Ok(taken())
}

/// What is no text: its words, if any, and what to look at.
fn with_media(arrival: Arrival, message: &Message) -> Arrival {
    if !message.text.is_empty() {
        return arrival;
    }
    let file = [&message.voice, &message.video, &message.document].into_iter().flatten().next();
    let (kind, file) = match message.photo.last() {
        Some(photo) => (Kind::Image, Some(photo)),
        None => (Kind::File, file),
    };
    let url = file.and_then(|file| stored("telegram", &file.file_id));
    Arrival { kind, url, text: message.caption.clone(), ..arrival }
}

/// Sends as the bot.
#[derive(Debug)]
struct Bot {
    base: String,
    token: SecretString,
}

impl Api for Bot {
    fn length(&self) -> Length {
        Length::Utf16(4_096)
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 8, label: Length::Chars(60), id: 64, head: None })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(
            async move { Ok(format!("@{}", words(&self.call(client, "getMe", &json!({}), now).await?["username"]))) },
        )
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let mut body = json!({"chat_id": said.customer, "text": said.text});
            if !said.choices.is_empty() {
                let row =
                    |choice: &super::platform::Choice| json!([{"text": choice.label, "callback_data": choice.id}]);
                body["reply_markup"] = json!({"inline_keyboard": said.choices.iter().map(row).collect::<Vec<_>>()});
            }
            self.call(client, "sendMessage", &body, said.now).await.map(|_| ())
        })
    }
}

impl Bot {
    /// Calls a method, and tells its result.
    async fn call(&self, client: &Client, method: &str, body: &Value, now: Timestamp) -> Result<Value, Answer> {
        let url = format!("{}/bot{}/{method}", self.base, self.token.expose_secret());
        let request = client.post(url).header("content-type", "application/json").body(body.to_string());
        let (status, mut answer) = ask(request, now).await?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer["result"].take()),
            Some(false) => Err(meaning(answer["error_code"].as_u64().unwrap_or(u64::from(status.as_u16())), &answer)),
            None => Err(unclear()),
        }
    }
}

fn meaning(code: u64, answer: &Value) -> Answer {
    let says = words(&answer["description"]);
    match code {
        429 => {
            let wait = Duration::from_secs(answer["parameters"]["retry_after"].as_u64().unwrap_or(1));
            Answer::Busy { status: 429, wait, error: format!("Telegram takes no more for now ({says})") }
        }
        401 | 404 => Answer::Failed(format!("bot_token is wrong ({code}: {says})")),
        403 => refused(format!("the customer has blocked the bot or left ({says})")),
        400..=499 => refused(format!("Telegram refuses it ({code}: {says})")),
        _ => Answer::Failed(format!("Telegram cannot take it now ({code}: {says})")),
    }
}
