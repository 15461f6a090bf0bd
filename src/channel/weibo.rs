//! Channels of kind `weibo`: the messages of a Weibo account's fans (粉丝服务), <https://open.weibo.com/wiki/Messages_api_start>.
//!
//! The platform posts each message and takes the answer out of the response; it comes three times if there is none within five
//! seconds. With an access token all is said by the API instead, and people's replies arrive too. The signature does not cover the
//! body, so it is good for one body within a few minutes.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Json;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::diag::Report;
use crate::handoff::{Answer, Endpoint};
use crate::message::Kind;
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

use super::door::{Door, Request};
use super::incoming::{customer, taken};
use super::parts::{self, Length};
use super::platform::{Api, Platform, Said, ask, refused, unclear, words};
use super::problem::Problem;
use super::signature::TOLERANCE;
use super::wechat::crypto;

/// Where the API is.
const API: &str = "https://c.api.weibo.com";
/// Where it knows whose token it is.
const ACCOUNTS: &str = "https://api.weibo.com";
/// Longest text of one message: fewer than 300 characters.
const MOST: Length = Length::Chars(299);

/// The kind `weibo`.
#[derive(Debug)]
pub struct Weibo;

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "type", default)]
    kind: String,
    receiver_id: i64,
    sender_id: i64,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    data: Value,
}

impl Door for Weibo {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            match request.method {
                Method::GET => {
                    let echo = request.parameter("echostr").unwrap_or_default().to_owned();
                    verify(&request, echo.as_bytes())?;
                    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
                    Ok((StatusCode::OK, head, echo).into_response())
                }
                Method::POST => {
                    verify(&request, &request.body)?;
                    receive(&request, request.json()?).await
                }
                _ => Err(request.wrong_method()),
            }
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        let (base, token) = (spec.api(API), SecretString::from(spec.text("access_token")?));
        let accounts = spec.api(ACCOUNTS);
        let endpoint = Endpoint::new(&format!("reply:{name}"), &base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(Account { base, accounts, token }))), ..endpoint })
    }
}

fn verify(request: &Request, what: &[u8]) -> Result<(), Problem> {
    let get = |name: &str| request.parameter(name).unwrap_or_default();
    let secrets = request.spec.secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    if !crypto::signed(get("signature"), secrets, &[get("timestamp"), get("nonce")]) {
        return Err(request.refuse(
            "the signature is missing or of another secret",
            "The secret of this channel in nightdesk.yaml must be the App Secret of the Weibo app.",
        ));
    }
    // Milliseconds in the platform's examples, seconds in its words.
    let stamp =
        get("timestamp").parse::<i64>().ok().map(|stamp| if stamp > 99_999_999_999 { stamp / 1_000 } else { stamp });
    if stamp.is_none_or(|stamp| request.pipeline.clock.now().as_second().abs_diff(stamp) > TOLERANCE.as_secs()) {
        return Err(request.refuse(
            "the timestamp is more than five minutes away",
            "The timestamp is more than five minutes from now: check this machine's clock (NTP).",
        ));
    }
    let hash = digest::digest(&digest::SHA256, what);
    let hash = hash.as_ref().try_into().map_err(|_| Problem::internal())?;
    // Not by time and nonce: other pieces may be joined to the same signed text.
    if request.memory.once(format!("{}\u{0}{}", request.channel, get("signature")), hash) {
        return Ok(());
    }
    Err(request.refuse("the signature was used for another body", "This signature was used with another body."))
}

async fn receive(request: &Request, message: Message) -> Result<Response, Problem> {
    let by_api = request.spec.answers_by_api();
    let who = customer(&message.sender_id.to_string(), None);
    // The platform names no message: the same bytes are the same message.
    let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, &request.body).as_ref());
    let id = format!("{}-{hash}", message.created_at.chars().take(60).collect::<String>());
    let event = message.data["subtype"].as_str().unwrap_or_default();
    let arrival = match (message.kind.as_str(), event) {
        ("text", _) => request.words(who, id, &message.text)?,
        ("image", _) => Arrival { kind: Kind::Image, ..request.words(who, id, "")? },
        ("voice" | "position", _) => Arrival { kind: Kind::File, ..request.words(who, id, "")? },
        ("event", "follow" | "subscribe") => {
            if by_api {
                request.greet(&who, None, &id, Value::Null).await?;
                return Ok(taken());
            }
            return Ok(request.greeting(&who, None).await?.map_or_else(taken, |text| passive(&message, &text)));
        }
        ("event", "click") => {
            let key = message.data["key"].as_str().unwrap_or_default();
            let arrival = request.words(who, id, key)?;
            request.pressed(arrival, key)
        }
        // Mentions are public, and other events mean nothing here.
        _ => return Ok(taken()),
    };
    if by_api {
        request.accept_all(vec![arrival]).await?;
        return Ok(taken());
    }
    let accepted = request.pipeline.accept(arrival).await?;
    let text = parts::text(accepted.response["messages"].as_array().map(Vec::as_slice).unwrap_or_default());
    Ok(if text.is_empty() { taken() } else { passive(&message, &text) })
}

/// The answer in the response: one text, cut to what fits.
fn passive(message: &Message, text: &str) -> Response {
    let data = json!({"text": MOST.cut(text)}).to_string();
    let data = utf8_percent_encode(&data, NON_ALPHANUMERIC).to_string();
    Json(json!({
        "result": true, "sender_id": message.receiver_id.to_string(), "receiver_id": message.sender_id.to_string(),
        "type": "text", "data": data,
    }))
    .into_response()
}

/// Sends as the account.
#[derive(Debug)]
struct Account {
    base: String,
    accounts: String,
    token: SecretString,
}

impl Api for Account {
    fn length(&self) -> Length {
        MOST
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let answer = self.post(client, &self.accounts, "/oauth2/get_token_info", &[], now).await?;
            answer["uid"].as_i64().map(|uid| uid.to_string()).ok_or_else(unclear)
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let data = json!({"text": said.text}).to_string();
            let fields = [("type", "text"), ("data", &data), ("receiver_id", said.customer), ("save_sender_box", "1")];
            self.post(client, &self.base, "/2/messages/reply/biz.json", &fields, said.now).await.map(|_| ())
        })
    }
}

impl Account {
    /// Posts a form with the token.
    async fn post(
        &self,
        client: &Client,
        base: &str,
        path: &str,
        fields: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Value, Answer> {
        let token = ("access_token", self.token.expose_secret());
        let field = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let form: Vec<String> = std::iter::once(&token).chain(fields).map(field).collect();
        let request = client.post(format!("{base}{path}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.join("&"));
        let (status, answer) = ask(request, now).await?;
        match answer["error_code"].as_i64() {
            None if status.is_success() => Ok(answer),
            None => Err(Answer::Status(status.as_u16(), None)),
            Some(code) => Err(meaning(code, &answer)),
        }
    }
}

fn meaning(code: i64, answer: &Value) -> Answer {
    let says = words(&answer["error"]);
    match code {
        21_301 | 21_314..=21_317 | 21_327 | 21_332 => {
            Answer::Failed(format!("access_token is not accepted ({code}: {says})"))
        }
        10_001 | 10_002 | 10_009..=10_011 | 10_022..=10_024 => {
            Answer::Failed(format!("Weibo cannot take it now ({code}: {says})"))
        }
        _ => refused(format!("Weibo refuses it ({code}: {says}); it takes messages for 48 hours after the fan's last")),
    }
}
