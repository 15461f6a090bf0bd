//! Opening hours by a person's word: a schedule open or closed from now until a time, and back to what the files say.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::store::ForcedRow;

use super::Shared;
use super::agents::agent;
use super::request::{body, to_its_end};

/// Largest body, in bytes.
const MAX_BODY: usize = 4 * 1024;
/// Longest time for which hours are set by word; what lasts longer belongs into the files.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    open: bool,
    until: Timestamp,
}

/// Sets a schedule open or closed from now until a time.
pub(super) async fn force(
    State(shared): State<Shared>,
    Path(schedule): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let me = agent(&shared, &request)?;
    let body = body(request, MAX_BODY).await?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is {{\"open\":false,\"until\":\"2026-10-09T18:00:00+08:00\"}} ({error})."
        ))
    })?;
    known(&shared, &schedule)?;
    if !wanted.open && never_closes(&shared, &schedule) {
        return Err(Problem::bad_request(
            "This schedule is open at all hours: emergencies rely on it, so it is not closed by hand. Change it in nightdesk.yaml.",
        ));
    }
    let now = shared.pipeline.clock.now();
    let left = wanted.until.duration_since(now);
    if left <= SignedDuration::ZERO || left > LONGEST {
        return Err(Problem::bad_request(
            "`until` is later than now, and at most 31 days. What lasts longer belongs into the `exceptions` of nightdesk.yaml.",
        ));
    }
    let row = ForcedRow {
        schedule: schedule.clone(),
        open: wanted.open,
        since: now,
        until: wanted.until,
        set_by: me.clone(),
    };
    let reloader = Arc::clone(&shared.reloader);
    let done = to_its_end(&shared, async move { reloader.force_hours(row).await }).await?;
    done.map_err(|_| Problem::unavailable())?;
    tracing::info!(schedule, open = wanted.open, until = %wanted.until, "A person set the opening hours.");
    Ok(Json(json!({"schedule": schedule, "open": wanted.open, "since": now, "until": wanted.until, "set_by": me})))
}

/// Lets a schedule count again as the files have it.
pub(super) async fn release(
    State(shared): State<Shared>,
    Path(schedule): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    known(&shared, &schedule)?;
    let (reloader, name) = (Arc::clone(&shared.reloader), schedule.clone());
    let done = to_its_end(&shared, async move { reloader.release_hours(&name).await }).await?;
    let released = done.map_err(|_| Problem::unavailable())?;
    if released {
        tracing::info!(schedule, "The opening hours are those of the files again.");
    }
    Ok(Json(json!({"schedule": schedule, "released": released})))
}

/// Whether somebody is always there by it.
fn never_closes(shared: &Shared, schedule: &str) -> bool {
    let engine = shared.pipeline.engine.load();
    engine.knowledge().queues.values().any(|queue| queue.hours == schedule && queue.schedule.always_open())
}

fn known(shared: &Shared, schedule: &str) -> Result<(), Problem> {
    let engine = shared.pipeline.engine.load();
    if engine.book().settings.hours.contains_key(schedule) {
        return Ok(());
    }
    let all: Vec<&str> = engine.book().settings.hours.keys().map(String::as_str).collect();
    Err(Problem::not_found(format!("There is no schedule of this name in `hours`; there is {}.", all.join(", "))))
}
