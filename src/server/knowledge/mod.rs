//! The shop's knowledge for people to read and try: entries with their hits, findings, a message tried, the last change.
//!
//! Refuses to change anything: the files are the source. Nothing that is or may be a secret is shown.

mod changes;
mod entries;
mod findings;
mod hidden;
mod source;
mod trial;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::diag::pages;
use crate::engine::Engine;
use crate::pipeline::Limits;
use crate::report::Hits;

use super::Shared;
use super::agents::agent;
use super::request::body;

use entries::{Listed, Wanted};
use trial::Trial;

/// Longest text that is searched for, in bytes.
const MAX_FIND: usize = 400;
/// Largest body of a trial, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// Messages that one person may try in a minute.
const TRIALS: u32 = 60;

/// What is remembered between two looks.
#[derive(Debug)]
pub struct Looks {
    hits: Hits,
    listed: Mutex<Option<Arc<Listed>>>,
    trials: Limits,
}

impl Default for Looks {
    fn default() -> Self {
        Self { hits: Hits::default(), listed: Mutex::default(), trials: Limits::new(TRIALS) }
    }
}

/// The list of the rule set in use; made once for each.
async fn listed(shared: &Shared, engine: &Arc<Engine>) -> Result<Arc<Listed>, Problem> {
    let files = shared.reloader.shown().live;
    let kept = || shared.looks.listed.lock().unwrap_or_else(PoisonError::into_inner);
    let hash = &engine.knowledge().hash;
    let known = kept().clone().filter(|listed| listed.hash == *hash && Arc::ptr_eq(&listed.files, &files));
    if let Some(known) = known {
        return Ok(known);
    }
    let engine = Arc::clone(engine);
    let made = tokio::task::spawn_blocking(move || Arc::new(Listed::of(&engine, files)));
    let made = made.await.map_err(|_| Problem::internal())?;
    *kept() = Some(Arc::clone(&made));
    Ok(made)
}

fn today(shared: &Shared, engine: &Engine) -> Date {
    shared.pipeline.clock.now().to_zoned(engine.knowledge().zone.clone()).date()
}

/// Rules and entries, found and sorted.
pub(super) async fn list(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let Ok(Query(wanted)) = wanted else {
        return Err(Problem::bad_request(
            "Ask with ?find=…&only=all|unused|overdue|pilots&sort=hits|week|last|id|category|review|file&reverse=true&offset=0&limit=100.",
        ));
    };
    if wanted.length() > MAX_FIND {
        return Err(Problem::bad_request(format!("`find` may have {MAX_FIND} bytes.")));
    }
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let hits = shared.looks.hits.look(shared.pipeline.store.as_ref(), &engine, now).await;
    let (hits, since) = hits.map_err(|_| Problem::unavailable())?;
    let listed = listed(&shared, &engine).await?;
    let mut value = listed.list(&wanted, engine.knowledge().matcher.fold(), &hits, today(&shared, &engine));
    value["rule_set"] = json!(engine.knowledge().hash);
    value["counted_since"] = json!(since);
    value["languages"] = json!(engine.book().settings.languages.iter().map(|code| &code.value).collect::<Vec<_>>());
    value["channels"] = json!(engine.book().settings.channels.iter().map(|(name, _)| name).collect::<Vec<_>>());
    value["zone"] = json!(engine.knowledge().zone.iana_name());
    Ok(Json(value))
}

/// One rule or entry, with its lines of the file and what was found in them.
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let hits = shared.looks.hits.look(shared.pipeline.store.as_ref(), &engine, now).await;
    let (hits, since) = hits.map_err(|_| Problem::unavailable())?;
    let listed = listed(&shared, &engine).await?;
    let Some((mut value, _)) = listed.one(&id, &hits, today(&shared, &engine)) else {
        return Err(Problem::not_found("The rule set in use has no such rule or entry."));
    };
    // It may stand elsewhere in the files that were read last, if those are not in use.
    let report = shared.reloader.shown().report;
    let read = source::stretches(report.sources.iter());
    value["findings"] = read.get(&id).map_or_else(|| json!([]), |stretch| findings::within(&report, stretch));
    value["counted_since"] = json!(since);
    Ok(Json(value))
}

/// What `check` says about the files as they were read last.
pub(super) async fn found(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let report = shared.reloader.shown().report;
    let last = shared.reloader.last();
    Ok(Json(json!({
        "findings": findings::all(&report), "errors": report.errors(), "warnings": report.warnings(),
        "in_use": last.ok, "read_at": last.at, "rule_set": shared.pipeline.engine.load().knowledge().hash,
    })))
}

/// The page of a kind of finding.
pub(super) async fn explained(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let page = pages::page(&code).ok_or_else(|| Problem::not_found("There is no such kind of finding."))?;
    Ok(Json(json!({"code": code, "page": page})))
}

/// What the rule set in use changed against the one before.
pub(super) async fn changed(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let hash = shared.pipeline.engine.load().knowledge().hash.clone();
    let (files, history) = (shared.reloader.shown().live, shared.reloader.history().clone());
    let made = tokio::task::spawn_blocking(move || changes::against_the_one_before(&history, &hash, &files));
    match made.await {
        Ok(Ok(value)) => Ok(Json(value)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "The history of the rule sets could not be read.");
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "history",
                "The history cannot be read",
                "The log of nightdesk says more; `nightdesk history` reads it too.",
            ))
        }
        Err(_) => Err(Problem::internal()),
    }
}

/// Tries a message.
pub(super) async fn tried(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    let me = agent(&shared, &request)?;
    shared.looks.trials.count(&me).map_err(|wait| {
        let detail = format!("{TRIALS} messages in a minute may be tried. Come again after the time in Retry-After.");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many messages were tried", detail)
            .retry_after(wait.as_secs() + 1)
    })?;
    let body = body(request, MAX_BODY).await?;
    let trial: Trial = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is {{\"text\":\"…\"}}, with \"earlier\", \"channel\", \"tier\", \"customer\" and \"at\" where wanted ({error})."
        ))
    })?;
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let made = tokio::task::spawn_blocking(move || trial.run(&engine, now)).await.map_err(|_| Problem::internal())?;
    made.map(Json).map_err(Problem::bad_request)
}
