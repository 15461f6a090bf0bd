//! The report by itself every week: a page in a folder, and a digest to a webhook.
//!
//! Owns when. What has been done is kept in the store, so that a restart neither repeats a report nor leaves one out; after a
//! longer absence only the last one is made. A new shop's first report is made at the first such time after it was asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::pipeline::Pipeline;
use crate::report::{self, Options, Period, Report};
use crate::rules::ReportSpec;
use crate::store::{Commit, KeptRow, NewDelivery, StoreError};

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// Before a report that could not be made is tried again.
const AGAIN: Duration = Duration::from_mins(1);
/// Whose the kept value is, and its name.
const KEPT: (&str, &str) = ("report", "last");
/// Type of the event.
const KIND: &str = "report.weekly";

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
enum WeeklyError {
    /// Happens when the store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Happens when the folder cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    /// Happens when the page cannot be made: a mistake of ours.
    #[error("the page cannot be made: {0}")]
    Page(#[from] minijinja::Error),
}

/// Makes a report whenever its time has come. Never ends.
pub async fn watch(pipeline: Arc<Pipeline>, data: PathBuf) {
    let mut done = None;
    loop {
        if let Err(error) = look(&pipeline, &data, &mut done).await {
            tracing::error!(%error, "The report could not be made; it will be tried again.");
            tokio::time::sleep(AGAIN).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes the report that is due, if one is. `done` is the time of the last one, where it is known.
async fn look(pipeline: &Pipeline, data: &Path, done: &mut Option<Timestamp>) -> Result<(), WeeklyError> {
    let engine = pipeline.engine.load_full();
    let now = pipeline.clock.now();
    let Some(spec) = &engine.book().settings.report else { return Ok(()) };
    let zone = &engine.knowledge().zone;
    let Some(due) = spec.every.and_then(|every| every.latest(now, zone)) else { return Ok(()) };
    if done.is_some_and(|done| done >= due) {
        return Ok(());
    }
    let kept = pipeline.store.kept(KEPT.0, KEPT.1, now).await?;
    let last = kept.and_then(|kept| kept.parse::<Timestamp>().ok());
    if last.is_some_and(|last| last < due) {
        make(pipeline, &engine, spec, data, due).await?;
    }
    let row = KeptRow { place: KEPT.0.to_owned(), key: KEPT.1.to_owned(), value: due.to_string(), until: None };
    if last.is_none_or(|last| last < due) {
        pipeline.store.keep(vec![row]).await?;
    }
    *done = Some(due.max(last.unwrap_or(due)));
    Ok(())
}

async fn make(
    pipeline: &Pipeline,
    engine: &Engine,
    spec: &ReportSpec,
    data: &Path,
    due: Timestamp,
) -> Result<(), WeeklyError> {
    let zone = &engine.knowledge().zone;
    let local = due.to_zoned(zone.clone());
    let from = local.checked_sub(7.days()).map_or(due, |from| from.timestamp());
    let language = engine.book().settings.default_language().to_owned();
    let period = Period { from, until: due };
    let options = Options { period, language, product: spec.product.clone(), sample: 0, seed: 1 };
    let report = report::make(pipeline.store.as_ref(), engine, &options, pipeline.clock.now()).await?;
    let page = report::html::write(&report, &options.language)?;
    let folder = data.join(&spec.dir);
    let (name, keep) = (format!("report-{}.html", local.date()), spec.keep);
    let (target, file) = (folder.clone(), name.clone());
    let written = tokio::task::spawn_blocking(move || put(&target, &file, &page, keep)).await;
    let written = written.unwrap_or_else(|_| Err(std::io::Error::other("the writing did not end")));
    written.map_err(|error| WeeklyError::Folder { path: folder.join(&name), error })?;
    if let Some(webhook) = &spec.webhook {
        let body = event(&report, &options.language, &name, pipeline.clock.now());
        let delivery = NewDelivery {
            // The same again should the program end before it has noted that this was done.
            webhook_id: format!("evt_report_{}", due.as_millisecond()),
            endpoint: webhook.value.clone(),
            url: None,
            conversation: KEPT.0.to_owned(),
            kind: KIND.to_owned(),
            body: body.to_string().into_bytes(),
            created_at: pipeline.clock.now(),
        };
        pipeline.store.commit(Commit { outbox: vec![delivery], ..Commit::default() }).await?;
        pipeline.outbox.committed(&webhook.value);
    }
    tracing::info!(file = name, messages = report.figures.traffic.messages, "A report was made.");
    Ok(())
}

/// What the webhook is told: the figures at a glance, no customer's words.
fn event(report: &Report, language: &str, file: &str, now: Timestamp) -> Value {
    let digest = report::digest(report, language);
    let figures: Vec<Value> = digest
        .figures
        .iter()
        .map(|figure| json!({"label": figure.label, "value": figure.value, "before": figure.before}))
        .collect();
    let told = json!({"title": digest.title, "period": report.period, "file": file, "figures": figures});
    json!({"type": KIND, "timestamp": now, "data": {"report": told}})
}

/// Writes the page, whole or not at all, and removes the oldest beyond so many.
fn put(folder: &Path, name: &str, page: &str, keep: usize) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let draft = folder.join(format!("{name}.part"));
    std::fs::write(&draft, page)?;
    std::fs::rename(&draft, folder.join(name))?;
    let mut reports: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_report(name))
        .collect();
    // Their names end in their dates.
    reports.sort_unstable();
    let old = reports.len().saturating_sub(keep.max(1));
    for name in reports.iter().take(old) {
        std::fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

/// Whether a file is one of ours: nothing else in the folder is touched.
fn is_report(name: &str) -> bool {
    let date = name.strip_prefix("report-").and_then(|rest| rest.strip_suffix(".html"));
    date.is_some_and(|date| date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok())
}
