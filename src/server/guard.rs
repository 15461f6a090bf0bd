//! What goes for every request and answer: who tries tokens is slowed, and no answer is kept, framed or taken for what it is not.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::channel::Problem;
use crate::pipeline::network;

use super::{Peer, Shared, address, auth};

/// Headers of every answer that does not say otherwise itself.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Around every route.
pub(super) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let token = token(&request);
    let address = token.as_ref().and_then(|_| {
        let peer = request.extensions().get::<Peer>().copied();
        let engine = shared.pipeline.engine.load();
        address::of(request.headers(), peer, &engine.book().settings.limits.trusted_proxies).map(network)
    });
    let wait = address.and_then(|address| shared.guesses.waits(address, Instant::now()));
    let mut response = match wait {
        Some(wait) => {
            shared.pipeline.metrics.refused("too_many_wrong_tokens");
            let detail = "Too many wrong tokens came from this address. Wait, and look at the token.";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_tokens", "Too many wrong tokens", detail)
                .retry_after(wait.as_secs() + 1)
                .into_response()
        }
        None => next.run(request).await,
    };
    if let Some(token) = token.filter(|_| response.status() == StatusCode::UNAUTHORIZED) {
        shared.pipeline.metrics.refused("wrong_token");
        if let Some(since) = shared.guesses.wrong(address, &token, Instant::now()) {
            let address = address.map(tracing::field::display);
            tracing::warn!(address, since, "Wrong tokens were sent for the agents' or administrator's paths.");
        }
    }
    for (name, value) in ALWAYS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The token of a request of the shop's own people. Platforms and help desks have secrets of their own, and share addresses.
fn token(request: &Request) -> Option<String> {
    let path = request.uri().path();
    let platform = path.starts_with("/v1/inbound/") || path.starts_with("/v1/desk/");
    auth::bearer(request.headers()).filter(|_| !platform).map(str::to_owned)
}
