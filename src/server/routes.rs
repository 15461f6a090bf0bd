//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::channel::{self, Problem};

use super::guard::guard;
use super::request::{Shared, body, to_its_end};
use super::{agents, console, descriptions, events, hours, knowledge, modes, operation, pages, sockets};

/// Every path, with what answers there.
fn routes() -> Vec<(&'static str, MethodRouter<Shared>)> {
    vec![
        ("/", get(pages::demo)),
        ("/widget.js", get(pages::widget)),
        ("/console", get(pages::console)),
        ("/console/{file}", get(pages::console_file)),
        ("/openapi.json", get(descriptions::openapi)),
        ("/asyncapi.json", get(descriptions::asyncapi)),
        ("/v1/chat", get(sockets::chat)),
        ("/v1/inbound/{channel}", get(inbound).post(inbound)),
        ("/v1/desk/{webhook}", post(desk)),
        ("/v1/conversations", get(agents::list)),
        ("/v1/conversations/{id}", get(agents::show)),
        ("/v1/conversations/{id}/messages", post(agents::reply)),
        ("/v1/conversations/{id}/take", post(agents::take)),
        ("/v1/conversations/{id}/return", post(agents::give_back)),
        ("/v1/conversations/{id}/transfer", post(agents::transfer)),
        ("/v1/conversations/{id}/close", post(agents::close)),
        ("/v1/conversations/{id}/typing", post(agents::typing)),
        ("/v1/events", get(events::events)),
        ("/v1/queue", get(console::queue)),
        ("/v1/search", get(console::search)),
        ("/v1/unmatched", get(console::unmatched)),
        ("/v1/status", get(console::status)),
        ("/v1/hours/{schedule}", post(hours::force)),
        ("/v1/hours/{schedule}/release", post(hours::release)),
        ("/v1/modes", get(modes::list)),
        ("/v1/modes/{mode}", post(modes::switch)),
        ("/v1/knowledge", get(knowledge::list)),
        ("/v1/knowledge/diff", get(knowledge::changed)),
        ("/v1/knowledge/entry/{id}", get(knowledge::show)),
        ("/v1/findings", get(knowledge::found)),
        ("/v1/findings/{code}", get(knowledge::explained)),
        ("/v1/try", post(knowledge::tried)),
        ("/v1/deliveries", get(console::deliveries)),
        ("/v1/deliveries/{id}/{what}", post(console::delivery)),
        ("/v1/explain", get(operation::explain)),
        ("/-/reload", post(operation::reload)),
        ("/-/healthy", get(operation::healthy)),
        ("/-/ready", get(operation::ready)),
        ("/metrics", get(operation::metrics)),
    ]
}

/// Every path that leads somewhere.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// All routes.
pub fn router(shared: Shared) -> Router {
    let all = routes().into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler));
    all.fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| {
            tracing::error!("A request failed inside nightdesk.");
            Problem::internal().into_response()
        }))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

async fn inbound(
    State(shared): State<Shared>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let engine = shared.pipeline.engine.load_full();
    let spec = engine.book().settings.channel(&channel);
    let Some((spec, door)) = spec.and_then(|spec| Some((spec.clone(), channel::door(spec.kind)?))) else {
        let name: String = channel.chars().take(100).collect();
        return Err(Problem::not_found(format!("nightdesk.yaml has no channel `{name}` that platforms post to.")));
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let Query(query) = query.map_err(|_| Problem::bad_request("The parameters of the address cannot be read."))?;
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let body = body(request, channel::MAX_BODY).await?;
    let (pipeline, memory) = (Arc::clone(&shared.pipeline), Arc::clone(&shared.memory));
    let tracker = shared.tracker.clone();
    let request = channel::Request { channel, spec, method, query, headers, body, pipeline, memory, tracker };
    to_its_end(&shared, door.answer(request)).await?
}

/// What a help desk posts of what its people do.
async fn desk(State(shared): State<Shared>, Path(name): Path<String>, request: Request) -> Result<Response, Problem> {
    let engine = shared.pipeline.engine.load_full();
    let Some(spec) = engine.book().settings.webhooks.get(&name).filter(|spec| spec.format.is_desk()).cloned() else {
        let name: String = name.chars().take(100).collect();
        return Err(Problem::not_found(format!("nightdesk.yaml has no webhook `{name}` that is a help desk.")));
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let Query(query) = query.map_err(|_| Problem::bad_request("The parameters of the address cannot be read."))?;
    let headers = request.headers().clone();
    let body = body(request, channel::MAX_BODY).await?;
    let (pipeline, memory) = (Arc::clone(&shared.pipeline), Arc::clone(&shared.memory));
    let incoming = channel::desk::Incoming { name, spec, query, headers, body, pipeline, memory };
    to_its_end(&shared, channel::desk::answer(incoming)).await?
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
