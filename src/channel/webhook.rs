//! Channels of kind `webhook`: a platform forwards messages, signed by the Standard Webhooks specification or as `signature` says.
//!
//! Verify the raw bytes, then read them; commit, then answer. A repeated id gets the very same answer for at least 48 hours.

use axum::Json;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::diag::{Finding, Report};
use crate::handoff::Endpoint;
use crate::handoff::signing::{self, SignedHeaders, SigningKey};
use crate::message::{Customer, Gesture, Kind, Role};
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

use super::door::{Door, Request};
use super::problem::Problem;
use super::signature::Profile;

/// Longest id of a message, conversation or customer, in bytes.
const MAX_ID: usize = 256;

/// What a platform sends.
#[derive(Debug, Deserialize)]
struct Forwarded {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    data: Value,
}

/// `data` of `message.created`.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    conversation: Option<String>,
    customer: Sender,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    text: String,
    /// Of a picture or file: handed on to people, never fetched.
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    /// Who wrote: `visitor` if left out; a person's or machine's message is kept out of the bot's way.
    #[serde(default)]
    role: Option<String>,
    /// Id of an option that was pressed.
    #[serde(default)]
    option: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sender {
    id: String,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// The kind `webhook`.
#[derive(Debug)]
pub struct Webhook;

impl Door for Webhook {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            if request.method != Method::POST {
                return Err(request.wrong_method());
            }
            receive(&request).await.map(|answer| Json(answer).into_response())
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, report: &mut Report) -> Option<Endpoint> {
        let mut keys = Vec::new();
        for secret in &spec.secrets {
            match SigningKey::parse(secret.expose_secret()) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    let message = format!("the secret of the channel `{name}` cannot be used: {error}");
                    report.push(Finding::error("bad-secret", message).at(&spec.place));
                }
            }
        }
        // While a secret is being changed a platform knows the first; what comes in may be signed with either.
        keys.truncate(1);
        let url = spec.reply_url.as_ref()?;
        Some(Endpoint { keys, ..Endpoint::new(&format!("reply:{name}"), &url.value) })
    }
}

/// Takes one request, and returns the body of the answer.
async fn receive(request: &Request) -> Result<Value, Problem> {
    let (pipeline, channel, headers, body) = (&request.pipeline, &request.channel, &request.headers, &request.body);
    let id_header = verify(request)?;
    let forwarded: Forwarded = serde_json::from_slice(body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is not the JSON of an event ({error}). It begins {{\"type\":\"message.created\",\"data\":{{…}}}}."
        ))
    })?;
    if forwarded.kind != "message.created" {
        // Platforms forward more kinds of events than they let one choose; those that mean nothing here are taken and left.
        return Ok(
            json!({"ignored": true, "detail": format!("Events of type `{}` are not used.", shorten(&forwarded.kind))}),
        );
    }
    let header_id = headers.get(id_header).and_then(|id| id.to_str().ok());
    let arrival = arrival(channel, forwarded, header_id)?;
    Ok(pipeline.accept(arrival).await?.response)
}

/// Checks who signed, and tells the header that names the request.
fn verify(request: &Request) -> Result<&'static str, Problem> {
    let (headers, body, now) = (&request.headers, &request.body, request.pipeline.clock.now());
    let form = request.spec.text("signature").unwrap_or_default();
    if Profile::named(form).is_some() {
        let mend = format!("This channel has signature: {form}, so requests are signed as that platform does");
        // What names their requests is not signed, so it names no message.
        return request.signed_as(form, &mend).map(|()| "");
    }
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = SignedHeaders {
        id: get(signing::ID_HEADER),
        timestamp: get(signing::TIMESTAMP_HEADER),
        signature: get(signing::SIGNATURE_HEADER),
    };
    // A secret that cannot be read was refused when the files were loaded.
    let keys: Vec<SigningKey> =
        request.spec.secrets.iter().filter_map(|secret| SigningKey::parse(secret.expose_secret()).ok()).collect();
    match signing::verify(signed, body, now, signing::TOLERANCE, &keys) {
        Ok(()) => Ok(signing::ID_HEADER),
        Err(error) => Err(request.refuse(
            &error.to_string(),
            "Sign `id.timestamp.body` over the raw bytes with the channel's secret, as the Standard Webhooks specification says, \
             with a timestamp within five minutes of now.",
        )),
    }
}

fn arrival(channel: &str, forwarded: Forwarded, header_id: Option<&str>) -> Result<Arrival, Problem> {
    let message: Message = serde_json::from_value(forwarded.data)
        .map_err(|error| Problem::bad_request(format!("`data` is not a message: {error}.")))?;
    let kind = match message.kind.as_deref() {
        None => Kind::Text,
        Some(word) => match Kind::parse(word).filter(|kind| *kind != Kind::Notice) {
            Some(kind) => kind,
            None => {
                return Err(Problem::bad_request(format!(
                    "`data.kind` is `{}`; it is text, image or file.",
                    shorten(word)
                )));
            }
        },
    };
    let customer = message.customer;
    let id = message.id.filter(|id| !id.is_empty()).or_else(|| header_id.map(str::to_owned));
    // Without any id the same words at the same time from the same sender are the same message; never a constant.
    let id = id.unwrap_or_else(|| {
        let stamp = forwarded.timestamp.unwrap_or_default();
        format!("hash-{}", crate::token::Tokens::conversation(&customer.id, &format!("{stamp}\u{0}{}", message.text)))
    });
    let thread = message.conversation.filter(|id| !id.is_empty()).unwrap_or_else(|| customer.id.clone());
    for (name, value) in [("data.id", &id), ("data.conversation", &thread), ("data.customer.id", &customer.id)] {
        if value.is_empty() || value.len() > MAX_ID {
            return Err(Problem::bad_request(format!("`{name}` has {} bytes; it has 1 to {MAX_ID}.", value.len())));
        }
    }
    let role = match message.role.as_deref() {
        None | Some("visitor" | "customer" | "user") => Role::Visitor,
        Some("human" | "agent" | "staff") => Role::Human,
        Some(_) => Role::Bot,
    };
    let automatic = role != Role::Visitor;
    let gesture = match message.option {
        _ if automatic => Gesture::Automatic,
        Some(option) => Gesture::Select(option),
        None => Gesture::Write,
    };
    Ok(Arrival {
        channel: channel.to_owned(),
        account: message.account.unwrap_or_default(),
        thread,
        customer: Customer {
            id: customer.id,
            tier: customer.tier,
            name: customer.name,
            attributes: customer.attributes,
        },
        id,
        kind,
        text: message.text,
        url: message.url.filter(|url| url.len() <= 2_048),
        locale: message.locale,
        gesture,
        role,
        origin: None,
        reply_with: serde_json::Value::Null,
    })
}

fn shorten(word: &str) -> String {
    word.chars().take(60).collect()
}
