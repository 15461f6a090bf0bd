//! What the paths and the chat socket take and give, for programs: `/openapi.json` and `/asyncapi.json`.
//!
//! Written by hand beside this file; a test holds every path and real traffic against them.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::yaml;

use super::Shared;

static OPENAPI: LazyLock<Option<Value>> = LazyLock::new(|| yaml::plain(include_str!("openapi.yaml")));
static ASYNCAPI: LazyLock<Option<Value>> = LazyLock::new(|| yaml::plain(include_str!("asyncapi.yaml")));

/// The paths, as OpenAPI 3.1.
pub(super) async fn openapi(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    let mut document = of_this_version(OPENAPI.as_ref())?;
    document["servers"] = json!([{"url": shared.pipeline.public_url.load().as_str()}]);
    Ok(Json(document))
}

/// The chat socket, as AsyncAPI 3.0.
pub(super) async fn asyncapi(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    let mut document = of_this_version(ASYNCAPI.as_ref())?;
    let public = shared.pipeline.public_url.load();
    let (scheme, rest) = public.split_once("://").unwrap_or(("http", public.as_str()));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let protocol = if scheme == "https" { "wss" } else { "ws" };
    document["servers"]["here"] = json!({"host": host, "protocol": protocol, "pathname": format!("/{path}")});
    Ok(Json(document))
}

fn of_this_version(document: Option<&Value>) -> Result<Value, Problem> {
    let mut document = document.cloned().ok_or_else(Problem::internal)?;
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    Ok(document)
}
