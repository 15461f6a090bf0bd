//! Which path leads where.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::{Problem, webhook};
use crate::pipeline::Pipeline;
use crate::reload::Reloader;

use super::{agents, operation, pages, sockets};

/// Time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// What every handler works with.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The way of messages.
    pub pipeline: Arc<Pipeline>,
    /// Reads the files anew.
    pub reloader: Arc<Reloader>,
    /// Sockets run here, so that a stop can wait for them.
    pub tracker: TaskTracker,
    /// Ends sockets.
    pub stop: CancellationToken,
}

/// All routes.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(pages::demo))
        .route("/widget.js", get(pages::widget))
        .route("/v1/chat", get(sockets::chat))
        .route("/v1/inbound/{channel}", post(inbound))
        .route("/v1/conversations", get(agents::list))
        .route("/v1/conversations/{id}", get(agents::show))
        .route("/v1/conversations/{id}/messages", post(agents::reply))
        .route("/v1/conversations/{id}/take", post(agents::take))
        .route("/v1/conversations/{id}/return", post(agents::give_back))
        .route("/v1/conversations/{id}/close", post(agents::close))
        .route("/v1/explain", get(operation::explain))
        .route("/-/reload", post(operation::reload))
        .route("/-/healthy", get(operation::healthy))
        .route("/-/ready", get(operation::ready))
        .route("/metrics", get(operation::metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| {
            tracing::error!("A request failed inside nightdesk.");
            Problem::internal().into_response()
        }))
        .with_state(shared)
}

async fn inbound(
    State(shared): State<Shared>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = body(request, webhook::MAX_BODY).await?;
    let answer = webhook::receive(&shared.pipeline, &channel, &headers, &body).await?;
    Ok(Json(answer).into_response())
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

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!("There is nothing at {}.", uri.path().chars().take(200).collect::<String>()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "The method is not used here",
        format!("{method} does nothing at {path}."),
    )
}
