//! Channels of Meta's Graph API: `whatsapp` (Cloud API) and `messenger` (Messenger and Instagram).
//!
//! Both check the address with a verify token, sign the raw body with the app's secret, post in batches, and are answered by the
//! Graph API. <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>

pub mod messenger;
pub mod whatsapp;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::handoff::Answer;
use crate::rules::ChannelSpec;

use super::door::Request;
use super::platform::{ask, refused, words};
use super::problem::Problem;

/// Where the API is, with the version that this was written for.
const API: &str = "https://graph.facebook.com/v23.0";
/// Who names what is wrong with the secret.
const MEND: &str = "The secret of this channel in nightdesk.yaml must be the App Secret of the Meta app";

/// The check of the address: the challenge, if the token is ours. None if this is no such check but a post, whose signature holds.
fn checked(request: &Request) -> Result<Option<Response>, Problem> {
    match request.method {
        Method::GET => {
            let given = request.parameter("hub.verify_token").unwrap_or_default().as_bytes();
            let known = request.spec.all("verify_token").iter().map(|token| token.expose_secret().as_bytes());
            let ours =
                known.filter(|token| !token.is_empty()).any(|token| verify_slices_are_equal(token, given).is_ok());
            let challenge = request.parameter("hub.challenge").unwrap_or_default();
            if ours && request.parameter("hub.mode") == Some("subscribe") && challenge.len() <= 256 {
                let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
                return Ok(Some((StatusCode::OK, head, challenge.to_owned()).into_response()));
            }
            Err(request.refuse(
                "the verify token is missing or another one",
                "The verify_token of this channel in nightdesk.yaml and the one entered at the platform must be the same.",
            ))
        }
        Method::POST => request.signed_as("meta", MEND).map(|()| None),
        _ => Err(request.wrong_method()),
    }
}

/// The Graph API with a token.
#[derive(Debug)]
struct Graph {
    base: String,
    token: SecretString,
}

impl Graph {
    fn new(spec: &ChannelSpec) -> Option<Self> {
        Some(Self { base: spec.api(API), token: SecretString::from(spec.text("access_token")?) })
    }

    /// Posts a body, and tells the code and the second code of an error, with its meaning.
    async fn post(&self, client: &Client, path: &str, body: &Value, now: Timestamp) -> Result<(), Failure> {
        let request = client.post(format!("{}{path}", self.base)).bearer_auth(self.token.expose_secret());
        let request = request.header("content-type", "application/json").body(body.to_string());
        Self::ask(request, now).await.map(|_| ())
    }

    /// What the API says of one of its things.
    async fn get(&self, client: &Client, path: &str, now: Timestamp) -> Result<Value, Failure> {
        Self::ask(client.get(format!("{}{path}", self.base)).bearer_auth(self.token.expose_secret()), now).await
    }

    async fn ask(request: RequestBuilder, now: Timestamp) -> Result<Value, Failure> {
        let (status, answer) = ask(request, now).await.map_err(|answer| Failure { code: 0, second: 0, answer })?;
        let error = &answer["error"];
        if error.is_null() && status.is_success() {
            return Ok(answer);
        }
        let number = |key: &str| error[key].as_i64().unwrap_or_default();
        let (code, second) = (number("code"), number("error_subcode"));
        Err(Failure { code, second, answer: meaning(code, status, error) })
    }
}

/// Why something was not sent.
#[derive(Debug)]
struct Failure {
    code: i64,
    second: i64,
    answer: Answer,
}

fn meaning(code: i64, status: StatusCode, error: &Value) -> Answer {
    let status = status.as_u16();
    if status == 401 || matches!(code, 0 | 102 | 190) {
        // Its words may repeat the token.
        let error = format!("error {code}: access_token is not accepted or has ended");
        return Answer::Again { status, error };
    }
    let says = words(&error["message"]);
    let (again, what) = match code {
        4 | 17 | 32 | 368 | 613 | 80_007 | 130_429 | 131_048 | 131_056 => (true, "too many messages for now"),
        1 | 2 | 1_200 | 131_000 | 131_016 => (true, "the platform cannot take it now"),
        _ if error["is_transient"] == true => (true, "the platform cannot take it now"),
        131_047 => (false, "the customer wrote more than 24 hours ago, so nothing but a template may be sent"),
        10 => (false, "the customer wrote more than 24 hours ago, or the app lacks a permission"),
        131_026 | 551 => (false, "the customer cannot be reached"),
        _ => (status >= 500, "the platform refuses it"),
    };
    let error = format!("error {code}: {what} ({says})");
    if again { Answer::Again { status, error } } else { refused(error) }
}
