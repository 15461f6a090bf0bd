//! What every kind of channel that platforms post to has in common.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use futures_util::future::BoxFuture;
use tokio_util::task::TaskTracker;

use crate::diag::Report;
use crate::handoff::Endpoint;
use crate::pipeline::Pipeline;
use crate::rules::ChannelSpec;

use super::Problem;
use super::memory::Memory;

/// Largest body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// A request to `/v1/inbound/{channel}`, whole, and what is needed to answer it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The channel's name.
    pub channel: String,
    /// Its settings.
    pub spec: ChannelSpec,
    /// `GET` or `POST`.
    pub method: Method,
    /// Parameters of the address, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, byte by byte.
    pub body: Bytes,
    /// The way of messages.
    pub pipeline: Arc<Pipeline>,
    /// What doors remember between requests.
    pub memory: Arc<Memory>,
    /// What runs here ends before the program does.
    pub tracker: TaskTracker,
}

impl Request {
    /// The first parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Refuses the request for its signature: counted, logged without what was sent, and answered with how to mend it.
    #[must_use]
    pub fn refuse(&self, why: &str, detail: &str) -> Problem {
        self.pipeline.metrics.refused("bad_signature");
        tracing::warn!(channel = self.channel, error = why, "A request with a bad signature was refused.");
        Problem::new(StatusCode::UNAUTHORIZED, "bad_signature", "The signature does not hold", detail)
    }

    /// The method is not used with this channel.
    #[must_use]
    pub fn wrong_method(&self) -> Problem {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong_method",
            "The method is not used here",
            format!("{} does nothing at the channel `{}`.", self.method, self.channel),
        )
    }
}

/// A kind of channel that platforms post to.
pub trait Door: Sync {
    /// Answers a request. Runs to its end even if the platform goes away.
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>>;

    /// Where later messages go, if they go anywhere. Reports secrets that cannot be used.
    fn endpoint(&self, name: &str, spec: &ChannelSpec, report: &mut Report) -> Option<Endpoint>;
}
