//! Channels of kind `wecom-kf`: customer service of WeCom (企业微信 微信客服).
//!
//! The platform's callback is only a bell: what customers wrote is pulled (`pull`), put into our words (`inbound`) and handed on
//! (`take`). All that is said goes out by the API, through the outbox, and so does who has the conversation (`send`, `say`). `api`
//! makes the calls, `bell` keeps what the callbacks said. Owns no decision: who answers is the pipeline's.

mod api;
mod bell;
mod inbound;
mod pull;
mod say;
mod send;
mod take;

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::diag::{Finding, Report};
use crate::handoff::Endpoint;
use crate::pipeline::Arrival;
use crate::rules::ChannelSpec;

use super::door::{Door, Request};
use super::problem::Problem;
use super::wechat::crypto::AesKey;
use super::wechat::inbound::{decrypt_for, parameter, signed_by};
use super::wechat::xml::Fields;

pub use bell::Bells;
pub use pull::watch;

use api::Account;
use send::Kf;

/// The kind `wecom-kf`.
#[derive(Debug)]
pub struct WecomKf;

impl Door for WecomKf {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        Box::pin(async move {
            match request.method {
                Method::GET => {
                    let echo = parameter(&request, "echostr")?;
                    let text = open(&request, echo)?;
                    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
                }
                Method::POST => rung(&request).map(IntoResponse::into_response),
                _ => Err(request.wrong_method()),
            }
        })
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, report: &mut Report) -> Option<Endpoint> {
        for key in spec.all("aes_key") {
            // One that came out empty because its variable is missing was reported there.
            if let Err(error) = AesKey::parse(key.expose_secret())
                && !key.expose_secret().is_empty()
            {
                let message = format!("`aes_key` of the channel `{name}` cannot be used: {error}");
                report.push(Finding::error("bad-secret", message).at(&spec.place));
            }
        }
        let account = Arc::new(Account::of(spec)?);
        let endpoint = Endpoint::new(&format!("reply:{name}"), account.base());
        Some(Endpoint { courier: Some(Arc::new(Kf::new(name, spec, account))), ..endpoint })
    }
}

/// What an item of `msg_list` says, if it says anything: as [`watch`] reads it, for tests that have no platform to pull from.
#[doc(hidden)]
#[must_use]
pub fn said_by(channel: &str, open_kfid: &str, item: &Value) -> Option<Arrival> {
    match inbound::read(channel, open_kfid, item)?.what {
        inbound::What::Said(arrival) => Some(*arrival),
        _ => None,
    }
}

/// Checks a signature and opens what it covers.
fn open(request: &Request, sealed: &str) -> Result<String, Problem> {
    let spec = &request.spec;
    signed_by(request, spec.all("token"), "msg_signature", Some(sealed))?;
    let receiver = spec.text("corp_id").unwrap_or_default();
    let (plain, _) = decrypt_for(request, spec.all("aes_key"), receiver, sealed)?;
    String::from_utf8(plain).map_err(|_| Problem::bad_request("The message is not UTF-8."))
}

/// A callback: notes that there is something to pull. The answer has nothing in it.
fn rung(request: &Request) -> Result<StatusCode, Problem> {
    let body = std::str::from_utf8(&request.body).map_err(|_| Problem::bad_request("The body is not UTF-8."))?;
    let read =
        |text: &str| Fields::parse(text).map_err(|e| Problem::bad_request(format!("The body is not a message: {e}.")));
    parameter(request, "msg_signature")?;
    let outer = read(body)?;
    let sealed = outer.get("Encrypt").ok_or_else(|| Problem::bad_request("The body has no `Encrypt`."))?;
    let fields = read(&open(request, sealed)?)?;
    if fields.get("Event") != Some("kf_msg_or_event") {
        return Ok(StatusCode::OK);
    }
    let id = fields.get("OpenKfId").unwrap_or_default();
    if request.spec.all("open_kfid").iter().any(|known| known.expose_secret() == id) {
        let now = request.pipeline.clock.now();
        request.memory.wecom_kf.of(&request.channel, id).ring(fields.get("Token").unwrap_or_default(), now);
    } else {
        let open_kfid: String = id.chars().take(64).collect();
        tracing::warn!(
            channel = request.channel,
            open_kfid,
            "A callback is about an account that is not in `open_kfid`; write it there, if nightdesk is to answer for it."
        );
    }
    Ok(StatusCode::OK)
}
