//! For those who run the daemon: health, figures, reload, and why a message gets its answer.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::channel::Problem;
use crate::diag::Format;
use crate::message::Customer;
use crate::store::{Store, StoreError};

use super::{Peer, Shared, auth};

/// Longest text that is explained, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// How long an answer about the store holds.
const FRESH: Duration = Duration::from_secs(1);

/// How long the store may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(3);

/// The process answers.
pub(super) async fn healthy() -> &'static str {
    "ok\n"
}

/// The daemon takes messages: the store answers, what is written reaches the disk, and it is not stopping.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    if shared.stop.is_cancelled() {
        return Problem::unavailable().into_response();
    }
    if shared.ready.look(&*shared.pipeline.store).await {
        "ready\n".into_response()
    } else {
        let detail = "The store cannot be read or written; the log of nightdesk says why.";
        let title = "Messages cannot be kept at the moment";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, detail).retry_after(2).into_response()
    }
}

/// Whether the store answers, as it was a moment ago: everybody may ask, and the store has better to do.
#[derive(Debug, Default)]
pub struct Ready(Mutex<Option<(Instant, bool)>>);

impl Ready {
    async fn look(&self, store: &dyn Store) -> bool {
        // Whoever comes meanwhile waits for the same answer.
        let mut last = self.0.lock().await;
        match *last {
            Some((at, well)) if at.elapsed() < FRESH => well,
            _ => {
                let usable = async {
                    store.outbox_stats().await?;
                    store.writable().await
                };
                let usable = tokio::time::timeout(PATIENCE, usable).await;
                let usable = usable.unwrap_or_else(|_| Err(StoreError::Unavailable("the disk hangs".to_owned())));
                if let Err(error) = &usable {
                    tracing::warn!(%error, "Not ready.");
                }
                let well = usable.is_ok();
                *last = Some((Instant::now(), well));
                well
            }
        }
    }
}

pub(super) async fn metrics(State(shared): State<Shared>, request: Request) -> Result<Response, Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    auth::metrics(request.headers(), peer, &shared.pipeline.engine.load().book().settings.access)?;
    let (store, metrics) = (&shared.pipeline.store, &shared.pipeline.metrics);
    // The counters are worth having even when the store is not.
    if let (Ok(outbox), Ok(queues)) = (store.outbox_stats().await, store.queue_stats().await) {
        metrics.stores(&outbox, &queues, shared.pipeline.clock.now());
    }
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    let engine = shared.pipeline.engine.load();
    let (queues, now) = (&engine.knowledge().queues, shared.pipeline.clock.now());
    metrics.calendars(
        queues.values().filter_map(|queue| Some((queue.hours.as_str(), queue.schedule.calendar_days(now)?))),
    );
    Ok((kind, metrics.text()).into_response())
}

pub(super) async fn reload(State(shared): State<Shared>, request: Request) -> Result<Response, Problem> {
    admin(&shared, &request)?;
    let report = shared.reloader.reload().await;
    if let Some(tls) = &shared.tls {
        tls.look_now();
    }
    let findings: Value = serde_json::from_str(&report.render(Format::Json, false)).unwrap_or_default();
    let status = if report.errors() == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let hash = shared.pipeline.engine.load().knowledge().hash.clone();
    let mut value = json!({"reloaded": report.errors() == 0, "rule_set": hash, "check": findings});
    if status.is_success() {
        return Ok(Json(value).into_response());
    }
    // A problem document whose further members are those of the answer.
    value["type"] = json!("about:blank");
    value["title"] = json!("The files have errors");
    value["status"] = json!(status.as_u16());
    value["detail"] = json!("The last good ones stay in use. `check` holds what is wrong.");
    value["code"] = json!("bad_files");
    Ok((status, [(header::CONTENT_TYPE, "application/problem+json")], value.to_string()).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    text: String,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    tier: Option<String>,
}

pub(super) async fn explain(
    State(shared): State<Shared>,
    question: Result<Query<Question>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    let engine = shared.pipeline.engine.load_full();
    auth::agent(request.headers(), peer, &engine.book().settings.access)?;
    let Ok(Query(question)) = question else { return Err(Problem::bad_request("Ask with ?text=….")) };
    if question.text.len() > MAX_TEXT {
        return Err(Problem::bad_request(format!("`text` may have {MAX_TEXT} bytes.")));
    }
    let customer = Customer { id: "explain".into(), tier: question.tier, ..Customer::default() };
    let now = shared.pipeline.clock.now();
    let outcomes = engine.first_messages(question.channel.as_deref(), &customer, &[&question.text], now);
    let Some(outcome) = outcomes.and_then(|mut outcomes| outcomes.pop()) else {
        return Err(Problem::bad_request("There is no such channel in nightdesk.yaml."));
    };
    Ok(Json(engine.explained(&outcome)))
}

fn admin(shared: &Shared, request: &Request) -> Result<(), Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    auth::admin(request.headers(), peer, &shared.pipeline.engine.load().book().settings.access)
}
