//! One request, and what comes back as JSON of a bounded size.

use futures_util::StreamExt;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::message::Fetched;

/// Why nothing was asked.
pub(super) const NO_CONNECTION: &str = "no connection";

/// An answer that is none, with its reason.
pub(super) fn failed(status: u16, error: &str) -> Fetched {
    Fetched { error: Some(error.to_owned()), status, ..Fetched::default() }
}

/// Sends a request and reads its answer. 404 and 410 are answers without a body.
pub(super) async fn json(request: RequestBuilder, max_bytes: usize) -> Fetched {
    let response = match request.header("accept", "application/json").send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return failed(0, NO_CONNECTION),
        Err(error) if error.is_timeout() => return failed(0, "timeout"),
        Err(_) => return failed(0, "the connection broke"),
    };
    let status = response.status();
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Fetched { error: None, status: status.as_u16(), body: Value::Null };
    }
    if !status.is_success() {
        return failed(status.as_u16(), &format!("status {}", status.as_u16()));
    }
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let Ok(part) = part else { return failed(status.as_u16(), "the answer broke off") };
        if body.len() + part.len() > max_bytes {
            return failed(status.as_u16(), "the answer is too large");
        }
        body.extend_from_slice(&part);
    }
    match serde_json::from_slice(&body) {
        Ok(body) => Fetched { error: None, status: status.as_u16(), body },
        Err(_) => failed(status.as_u16(), "the answer is not JSON"),
    }
}
