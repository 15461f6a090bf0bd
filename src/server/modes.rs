//! Special modes by a person's word: on from now until a time, or off as long as the files have it on.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::modes::{Mode, Switch};

use super::Shared;
use super::agents::agent;
use super::request::{body, to_its_end};

/// Largest body, in bytes.
const MAX_BODY: usize = 4 * 1024;
/// Longest note, in characters.
const MAX_NOTE: usize = 500;
/// Most switches of the past that are listed.
const MAX_PAST: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    on: bool,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    note: Option<String>,
}

/// The modes as they are now, and who switched them before.
pub(super) async fn list(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let past: Vec<Switch> = shared.pipeline.switches.load().iter().rev().take(MAX_PAST).cloned().collect();
    Ok(Json(json!({"modes": state(&shared), "switched": past})))
}

/// Each mode as it is now.
pub(super) fn state(shared: &Shared) -> Vec<Value> {
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let modes = &engine.knowledge().modes;
    let one = |mode: Mode| {
        let next = modes.ahead(mode, now).filter(|period| now < period.from).map(|period| period.from).min();
        json!({
            "mode": mode, "on": modes.is_on(mode, now), "running": modes.running(mode, now), "next": next,
            "told": engine.knowledge().notices.contains_key(mode.as_str()),
        })
    };
    Mode::ALL.into_iter().map(one).collect()
}

/// Switches a mode.
pub(super) async fn switch(
    State(shared): State<Shared>,
    Path(mode): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let me = agent(&shared, &request)?;
    let Some(mode) = Mode::parse(&mode) else {
        return Err(Problem::not_found(format!("There is no such mode; there is {}.", Mode::WORDS.join(" and "))));
    };
    let body = body(request, MAX_BODY).await?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is {{\"on\":true,\"until\":\"2026-11-12T02:00:00+08:00\"}} or {{\"on\":false}} ({error})."
        ))
    })?;
    let note = wanted.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
        return Err(Problem::bad_request(format!("`note` may have {MAX_NOTE} characters.")));
    }
    let now = shared.pipeline.clock.now();
    let until = if wanted.on {
        let until = wanted.until.filter(|until| {
            let left = until.duration_since(now);
            left > SignedDuration::ZERO && left <= Mode::LONGEST
        });
        until.ok_or_else(|| {
            Problem::bad_request(
                "`until` is needed: later than now, and at most 7 days. What lasts longer belongs into the `modes` of nightdesk.yaml.",
            )
        })?
    } else {
        shared.pipeline.engine.load().knowledge().modes.planned_until(mode, now).unwrap_or(now)
    };
    let switch = Switch { mode, on: wanted.on, from: now, until, by: me, note };
    let (reloader, kept) = (Arc::clone(&shared.reloader), switch.clone());
    let done = to_its_end(&shared, async move { reloader.switch(kept).await }).await?;
    done.map_err(|_| Problem::unavailable())?;
    tracing::info!(%mode, on = switch.on, until = %switch.until, by = switch.by, "A person switched a special mode.");
    Ok(Json(json!({"modes": state(&shared)})))
}
