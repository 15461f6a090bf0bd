//! The stop rule: a pilot that is surely worse than the rest ends by itself, and people are told.
//!
//! Owns when it is looked at, and what is said. The judgement is `report`'s, the ending `reload`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::hub::News;
use crate::pipeline::Pipeline;
use crate::reload::{Reloader, Written};
use crate::report::trial::{Stopped, Trial, Worse, judge};
use crate::report::{Difference, Share};
use crate::store::{NewDelivery, StoreError};

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at what was decided.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Type of the event.
const KIND: &str = "pilot.stopped";

/// Looks at the pilots every minute. Never ends.
pub async fn watch(pipeline: Arc<Pipeline>, reloader: Arc<Reloader>) {
    let mut trials = BTreeMap::new();
    let mut last: Option<Timestamp> = None;
    loop {
        let now = pipeline.clock.now();
        // A clock that was set back does not hold it up.
        if last.is_none_or(|last| now < last || now.duration_since(last) >= EVERY) {
            if let Err(error) = look(&pipeline, &reloader, &mut trials, now).await {
                tracing::error!(%error, "Pilots could not be compared with the rest; it will be tried again.");
            }
            last = Some(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// By id, version and beginning of the pilot.
type Trials = BTreeMap<(String, String, Timestamp), Trial>;

async fn look(pipeline: &Pipeline, reloader: &Reloader, trials: &mut Trials, now: Timestamp) -> Result<(), StoreError> {
    let engine = pipeline.engine.load_full();
    let mut running = reloader.pilots();
    running.retain(|pilot| pilot.kept.stopped.is_none());
    let key = |pilot: &Written| (pilot.pilot.clone(), pilot.kept.version.clone(), pilot.kept.since);
    let Some(stop) = engine.book().settings.stop.as_ref() else {
        trials.clear();
        return Ok(());
    };
    trials.retain(|trial, _| running.iter().any(|pilot| key(pilot) == *trial));
    for pilot in running {
        let trial = trials.entry(key(&pilot)).or_insert_with(|| Trial::new(&pilot.pilot, pilot.kept.since));
        trial.look(pipeline.store.as_ref(), &engine).await?;
        let (with, rest) = trial.sides();
        let Some((why, with, rest, difference)) = judge(with, rest, stop) else { continue };
        let stopped = Stopped { at: now, why, pilot: with, rest, least: difference.low };
        let told = stop.webhook.as_ref().map(|webhook| NewDelivery {
            webhook_id: format!("evt_pilot_{}_{}", pilot.kept.version, pilot.kept.since.as_millisecond()),
            endpoint: webhook.value.clone(),
            url: None,
            conversation: "pilots".to_owned(),
            kind: KIND.to_owned(),
            body: event(&engine, &pilot, &stopped, difference).to_string().into_bytes(),
            created_at: now,
        });
        if reloader.stop_pilot(&pilot, stopped, told).await? {
            pipeline.hub.desk.tell([News::Pilot { pilot: pilot.pilot.clone(), why: why.as_str() }]);
            tracing::error!(
                pilot = pilot.pilot,
                why = why.as_str(),
                with = %percent(with),
                rest = %percent(rest),
                "A pilot is worse than the rest and has ended by itself; its customers get what the rest have. Another text of it begins anew."
            );
        }
    }
    Ok(())
}

/// What the webhook is told.
fn event(engine: &Engine, pilot: &Written, stopped: &Stopped, difference: Difference) -> Value {
    let chinese = engine.book().settings.default_language().starts_with("zh");
    let say = |zh: &'static str, en: &'static str| if chinese { zh } else { en };
    let title = format!("{}{}", say("试点已自动停止：", "Pilot ended by itself: "), pilot.pilot);
    let label = match stopped.why {
        Worse::Handoff => say("转人工（括号内为其余顾客）", "Went to a person (the rest)"),
        Worse::Complaints => say("投诉（括号内为其余顾客）", "Complaints (the rest)"),
    };
    let figures = json!([
        {"label": label, "value": percent(stopped.pilot), "before": percent(stopped.rest)},
        {
            "label": say("会话数（括号内为其余顾客）", "Conversations (the rest)"),
            "value": stopped.pilot.whole.to_string(), "before": stopped.rest.whole.to_string(),
        },
    ]);
    let told = json!({
        "pilot": pilot.pilot, "title": title, "why": stopped.why, "since": pilot.kept.since, "at": stopped.at,
        "with": stopped.pilot, "rest": stopped.rest, "difference": difference, "figures": figures,
    });
    json!({"type": KIND, "timestamp": stopped.at, "data": {"pilot": told}})
}

fn percent(share: Share) -> String {
    share.value().map_or_else(|| "–".to_owned(), |value| format!("{:.1} %", value * 100.0))
}
