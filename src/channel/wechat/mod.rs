//! Channels of kind `wechat`: a WeChat official account (微信公众号).
//!
//! The platform posts each message and waits five seconds for the answer, which is the reply to the customer; it posts the same
//! message again when none came, three times in all. What is said later goes out by the customer-service API, through the outbox.
//! `crypto` and `xml` serve the whole family; `inbound` reads what came, `reply` writes what is answered, `send` sends the rest.

pub mod crypto;
pub(in crate::channel) mod inbound;
mod reply;
mod send;
pub mod xml;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, sleep_until};

use crate::diag::{Finding, Report};
use crate::handoff::Endpoint;
use crate::pipeline::Arrival;
use crate::rules::{ChannelSpec, WechatSpec};

use super::door::{Door, Request};
use super::incoming::To;
use super::parts;
use super::platform::Platform;
use super::problem::Problem;

use crypto::AesKey;
use inbound::{Envelope, Meaning};
use send::Sender;

/// The kind `wechat`.
#[derive(Debug)]
pub struct Wechat;

/// Where the platform's API is, unless the shop says otherwise.
const API: &str = "https://api.weixin.qq.com";
/// How long an answer may take: the platform waits five seconds.
const SOON: Duration = Duration::from_secs(4);
/// How long a request is held that is not to be answered, so that the platform gives up and comes again.
const HOLD: Duration = Duration::from_secs(8);
/// Head start of the answer to the request over what follows it.
const AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How often the platform sends a message.
const ATTEMPTS: u32 = 3;
/// What is answered when there is nothing to say.
const NOTHING: &str = "success";

impl Door for Wechat {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            let spec = request.spec.wechat.clone().ok_or_else(Problem::internal)?;
            match request.method {
                Method::GET => inbound::address_check(&request, &spec).map(plain),
                Method::POST => receive(request, spec).await,
                _ => Err(request.wrong_method()),
            }
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, report: &mut Report) -> Option<Endpoint> {
        let wechat = spec.wechat.as_ref()?;
        for key in &wechat.aes_keys {
            // One that came out empty because its variable is missing was reported there.
            if let Err(error) = AesKey::parse(key.expose_secret())
                && !key.expose_secret().is_empty()
            {
                let message = format!("`aes_key` of the channel `{name}` cannot be used: {error}");
                report.push(Finding::error("bad-secret", message).at(&spec.place));
            }
        }
        let base = spec.api(API);
        let sender = Sender::new(wechat, &base)?;
        let endpoint = Endpoint::new(&format!("reply:{name}"), &base);
        Some(Endpoint { courier: Some(Arc::new(Platform::new(sender))), ..endpoint })
    }
}

async fn receive(request: Request, spec: WechatSpec) -> Result<Response, Problem> {
    let began = Instant::now();
    let envelope = inbound::open(&request, &spec)?;
    let arrival = match inbound::meaning(&request, &envelope) {
        Meaning::Message(arrival) => *arrival,
        Meaning::Greet(customer) => {
            let greeting = request.greeting(&customer, None).await?;
            return said(&spec, &envelope, greeting.as_deref());
        }
        Meaning::Nothing => return Ok(plain(NOTHING.to_owned())),
    };
    let key = format!("{}\u{0}{}\u{0}{}", request.channel, arrival.customer.id, arrival.id);
    let attempt = request.memory.attempt(key);
    let (tracker, may_send) = (request.tracker.clone(), spec.send);
    let mut taking = Box::pin(take(request, spec.to_platform, arrival));
    tokio::select! {
        told = &mut taking => {
            let told = told?;
            if may_send {
                // What does not fit into the answer is on disk before the answer leaves.
                told.keep(told.rest()).await?;
            }
            said_or_handed(&spec, &envelope, &told)
        }
        () = sleep(SOON) => {
            if attempt >= ATTEMPTS {
                // The platform will not come again. What is decided goes by the other way, if there is one.
                tracker.spawn(async move { late(taking.await, may_send).await });
                return Ok(plain(NOTHING.to_owned()));
            }
            // Not answered, so that the platform comes again: by then the answer is on disk.
            let ended = taking.await.map(|_| ());
            sleep_until(began + HOLD).await;
            ended.and(Err(Problem::unavailable()))
        }
    }
}

/// A message that is on disk, and what is to be said.
struct Told {
    request: Request,
    conversation: String,
    customer: String,
    message: String,
    text: String,
    /// Whether the platform's own people are to have the message.
    to_platform: bool,
}

async fn take(request: Request, to_platform: bool, arrival: Arrival) -> Result<Told, Problem> {
    let customer = arrival.customer.id.clone();
    let accepted = request.pipeline.accept(arrival).await?;
    let response = &accepted.response;
    let text = parts::text(response["messages"].as_array().map(Vec::as_slice).unwrap_or_default());
    let with_people = matches!(response["state"].as_str(), Some("queued" | "human"));
    let handed = response["decision"]["outcome"] == "handoff" || text.is_empty();
    Ok(Told {
        conversation: response["conversation"].as_str().unwrap_or_default().to_owned(),
        customer,
        message: accepted.message,
        to_platform: to_platform && with_people && handed,
        text,
        request,
    })
}

impl Told {
    /// What the answer itself has no room for.
    fn rest(&self) -> Vec<String> {
        let said = usize::from(!self.to_platform);
        reply::MOST.split(&self.text).into_iter().skip(said).filter(|part| !part.is_empty()).collect()
    }

    /// Puts texts into the outbox, once for each message.
    async fn keep(&self, texts: Vec<String>) -> Result<(), Problem> {
        let to = To {
            conversation: self.conversation.clone(),
            customer: self.customer.clone(),
            reply_with: serde_json::Value::Null,
        };
        let now = self.request.pipeline.clock.now();
        self.request.tell(&to, &self.message, &texts, now.checked_add(AFTER).unwrap_or(now)).await
    }
}

/// The decision came too late for the last request of the platform.
async fn late(told: Result<Told, Problem>, may_send: bool) {
    let lost = match told {
        Ok(told) if told.text.is_empty() => false,
        Ok(told) if may_send => told.keep(reply::MOST.split(&told.text)).await.is_err(),
        Ok(_) | Err(_) => true,
    };
    if lost {
        tracing::error!("An answer came too late for the platform, and was not said.");
    }
}

fn said_or_handed(spec: &WechatSpec, envelope: &Envelope, told: &Told) -> Result<Response, Problem> {
    if told.to_platform {
        return xml(envelope, spec, &reply::transfer(envelope));
    }
    said(spec, envelope, Some(&told.text))
}

fn said(spec: &WechatSpec, envelope: &Envelope, text: Option<&str>) -> Result<Response, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(plain(NOTHING.to_owned())) };
    let first = if spec.send { reply::MOST.split(text).swap_remove(0) } else { reply::MOST.cut(text) };
    xml(envelope, spec, &reply::words(envelope, &first))
}

fn xml(envelope: &Envelope, spec: &WechatSpec, body: &str) -> Result<Response, Problem> {
    let body = reply::sealed(envelope, spec, body).map_err(|error| {
        tracing::error!(%error, "An answer could not be encrypted.");
        Problem::internal()
    })?;
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
    Ok(response)
}

/// Bare words, without which the platform takes an address check for failed.
fn plain(text: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
