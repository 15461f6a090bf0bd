//! What every handler works with, and how a body is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::{Memory, Problem};
use crate::pipeline::Pipeline;
use crate::reload::Reloader;

use super::Looks;
use super::{Guesses, Ready, Tls};

/// Time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// What every handler works with.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The way of messages.
    pub pipeline: Arc<Pipeline>,
    /// What doors remember between requests.
    pub memory: Arc<Memory>,
    /// Reads the files anew.
    pub reloader: Arc<Reloader>,
    /// TLS of the port.
    pub tls: Option<Arc<Tls>>,
    /// What was counted and listed for pages.
    pub looks: Arc<Looks>,
    /// Wrong tokens.
    pub guesses: Arc<Guesses>,
    /// Whether messages are taken.
    pub ready: Arc<Ready>,
    /// Sockets run here, so that a stop can wait for them.
    pub tracker: TaskTracker,
    /// Ends sockets.
    pub stop: CancellationToken,
}

impl Shared {
    /// Puts it together; nobody has tried a token yet.
    #[must_use]
    pub fn new(
        pipeline: Arc<Pipeline>,
        memory: Arc<Memory>,
        reloader: Arc<Reloader>,
        tls: Option<Arc<Tls>>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            pipeline,
            memory,
            reloader,
            tls,
            looks: Arc::default(),
            guesses: Arc::default(),
            ready: Arc::default(),
            tracker,
            stop,
        }
    }
}

/// The whole body, within a size and a time.
pub(super) async fn body(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_big = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_big",
            "The body is too big",
            format!("It may have {limit} bytes at most."),
        )
    };
    let announced =
        request.headers().get(axum::http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_big());
    }
    let request = request.map(|body| axum::body::Body::new(http_body_util::Limited::new(body, limit)));
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body came too slowly", "Send it in one go."))
        }
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_big()),
        Ok(Err(_)) => Err(Problem::bad_request("The body ended early.")),
    }
}

/// Runs a step to its end even if the client goes away in the middle: what was committed must be told to those who listen.
pub(super) async fn to_its_end<T: Send + 'static>(
    shared: &Shared,
    step: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    shared.tracker.spawn(step).await.map_err(|error| {
        tracing::error!(panicked = error.is_panic(), "A step ended inside nightdesk.");
        Problem::internal()
    })
}
