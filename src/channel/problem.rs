//! Errors over HTTP as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::pipeline::PipelineError;

/// What went wrong with a request, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    retry_after: Option<u64>,
    more: Vec<(&'static str, Value)>,
}

impl Problem {
    /// A problem. `code` is a stable word for programs; `detail` says how to mend it.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), retry_after: None, more: Vec::new() }
    }

    /// Says after how many seconds to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Adds a member of this kind of problem.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: Value) -> Self {
        self.more.push((member, value));
        self
    }

    /// The body is not what was asked for.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "The request cannot be read", detail)
    }

    /// There is nothing there.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// The store refuses for now.
    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "Nothing was taken. Send the same message again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The message cannot be kept at the moment", detail)
            .retry_after(2)
    }

    /// Something of ours failed.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "Nothing was taken. The log of nightdesk says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed", detail)
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn document(&self) -> Value {
        let mut document = json!({"type": "about:blank", "title": self.title, "status": self.status.as_u16(), "detail": self.detail, "code": self.code});
        for (member, value) in &self.more {
            document[*member] = value.clone();
        }
        document
    }
}

/// Why a message was not taken, as platforms are told.
impl From<PipelineError> for Problem {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::RateLimited(wait) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "This customer writes too much",
                "Send the same message again after the time in Retry-After.",
            )
            .retry_after(wait.as_secs() + 1),
            PipelineError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "Too many messages are at work",
                "Nothing was taken. Send the same message again after the time in Retry-After.",
            )
            .retry_after(2),
            PipelineError::Store(_) => Self::unavailable(),
            PipelineError::Internal | PipelineError::NotAsked => Self::internal(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
