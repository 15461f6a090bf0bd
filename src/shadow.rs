//! A candidate in the shadow: it decides what the daemon decided, beside it and after it, and nothing comes of it but figures.
//!
//! It says nothing, changes nothing, and calls nobody. What differs is kept in the store in groups, masked, for
//! `nightdesk replay --shadow`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::message::{Gesture, Kind};
use crate::pipeline::{Pipeline, Shown};
use crate::replay::{Change, Decided, Sample, Shadowed, Totals, masked};
use crate::rules::pilots::version;
use crate::store::{KeptRow, Store, StoreError};

/// Place in the store.
const KEPT: &str = "shadow";
/// Place of the samples: their keys hold the conversation, so that they are erased with it, and each has its own end.
const SAID: &str = "shadow-said";
/// Key of the totals; those of changes begin with the other.
const TOTALS: &str = "totals";
const CHANGE: &str = "change:";
/// How long a change is kept after it was seen last.
const KEEP: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Between two writes.
const WRITE: Duration = Duration::from_secs(2);
/// Messages that are decided in one go.
const BATCH: usize = 64;

/// Decides what is shown, until `stop`.
pub async fn watch(pipeline: Arc<Pipeline>, stop: CancellationToken) {
    let Some(mut shown) = pipeline.shadow.shown() else { return stop.cancelled().await };
    let (mut kept, mut written) = (None, Totals::default());
    let mut write = tokio::time::interval(WRITE);
    write.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = write.tick() => put(&pipeline, kept.as_mut(), &mut written).await,
            count = shown.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    break;
                }
                decide(&pipeline, &mut kept, std::mem::take(&mut batch)).await;
            }
        }
    }
    drain(&pipeline, &mut kept, &mut shown).await;
    put(&pipeline, kept.as_mut(), &mut written).await;
}

/// What was shown before the end is counted too.
async fn drain(pipeline: &Arc<Pipeline>, kept: &mut Option<Shadowed>, shown: &mut mpsc::Receiver<Shown>) {
    let mut rest = Vec::new();
    while let Ok(one) = shown.try_recv() {
        rest.push(one);
    }
    decide(pipeline, kept, rest).await;
}

/// Decides some messages on a thread that nobody's answer waits for.
async fn decide(pipeline: &Arc<Pipeline>, kept: &mut Option<Shadowed>, batch: Vec<Shown>) {
    let decided = tokio::task::spawn_blocking(move || {
        batch.into_iter().map(|shown| (would(&shown), shown)).collect::<Vec<(Option<Decided>, Shown)>>()
    });
    let Ok(decided) = decided.await else { return };
    for (would, shown) in decided {
        let (candidate, shop) = (&shown.candidate.knowledge().hash, &shown.shop);
        if kept.as_ref().is_none_or(|kept| kept.totals.candidate != *candidate || kept.totals.shop != *shop) {
            // What waits to be written is about other files.
            *kept = match begin(pipeline, candidate, shop).await {
                Ok(begun) => Some(begun),
                Err(error) => {
                    // What was counted is there, and must not be counted from nothing: the next message tries again.
                    tracing::warn!(%error, "What the candidate decided otherwise before cannot be read; a message is left out.");
                    pipeline.shadow.drop_one();
                    pipeline.metrics.shadow("dropped");
                    continue;
                }
            };
        }
        let Some(kept) = kept.as_mut() else { return };
        let Some(would) = would else {
            kept.totals.failed += 1;
            pipeline.metrics.shadow("failed");
            continue;
        };
        let same = kept.totals.differing;
        kept.count(shown.made.clone(), would, &shown.conversation.id, || sample(&shown));
        pipeline.metrics.shadow(if kept.totals.differing == same { "same" } else { "other" });
    }
}

/// What the candidate would decide; none if our own code fails.
fn would(shown: &Shown) -> Option<Decided> {
    let row = std::slice::from_ref(&shown.inbound);
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let answer = |request: &crate::decide::LookupRequest| {
            shown.fetched.as_ref().filter(|(rule, _)| *rule == request.rule).map(|(_, fetched)| fetched.clone())
        };
        let outcome = shown.candidate.in_a_row_with(row, &shown.conversation, shown.now, &answer).pop();
        outcome.map(|outcome| Decided::of(&outcome, true))
    }));
    decided.ok().flatten()
}

/// The words, masked.
fn sample(shown: &Shown) -> String {
    let text = masked(shown.inbound.text.trim(), shown.conversation.customer.name.as_deref());
    match &shown.inbound.gesture {
        Gesture::Select(option) => format!("[{option}] {text}").trim_end().to_owned(),
        _ if shown.inbound.kind != Kind::Text => format!("[{}] {text}", shown.inbound.kind).trim_end().to_owned(),
        _ => text,
    }
}

/// What was counted of these files before a restart; nothing of others.
async fn begin(pipeline: &Pipeline, candidate: &str, shop: &str) -> Result<Shadowed, StoreError> {
    let store = pipeline.store.as_ref();
    if let Some((totals, changes)) = read(store).await? {
        if totals.candidate == candidate && totals.shop == shop {
            return Ok(Shadowed::from(totals, changes));
        }
        for place in [KEPT, SAID] {
            for row in store.kept_all(place, "").await? {
                store.forget(place, &row.key).await?;
            }
        }
    }
    let (candidate, shop) = (candidate.to_owned(), shop.to_owned());
    Ok(Shadowed::from(Totals { candidate, shop, since: pipeline.clock.now(), ..Totals::default() }, Vec::new()))
}

/// Writes what has changed since it was written last.
async fn put(pipeline: &Pipeline, kept: Option<&mut Shadowed>, written: &mut Totals) {
    let Some(kept) = kept else { return };
    kept.totals.dropped += pipeline.shadow.dropped();
    if kept.totals == *written {
        return;
    }
    let (changes, said) = (kept.touched(), kept.said());
    let done = async {
        let mut rows = samples(pipeline, &said).await?;
        let until = pipeline.clock.now().checked_add(KEEP).ok();
        let row = |key: String, value: Result<String, serde_json::Error>| {
            value.ok().map(|value| KeptRow { place: KEPT.to_owned(), key, value, until })
        };
        rows.extend(changes.iter().filter_map(|change| row(key(change), serde_json::to_string(change))));
        rows.extend(row(TOTALS.to_owned(), serde_json::to_string(&kept.totals)));
        pipeline.store.keep(rows).await
    };
    match done.await {
        Ok(()) => written.clone_from(&kept.totals),
        Err(error) => {
            kept.touch(&changes);
            kept.say_again(said);
            tracing::warn!(%error, "What the candidate decided otherwise could not be kept; it is tried again.");
        }
    }
}

/// Samples as they are kept: no longer than the conversations that they are from, and none of one that was erased meanwhile.
async fn samples(pipeline: &Pipeline, said: &[Sample]) -> Result<Vec<KeptRow>, StoreError> {
    let longest = pipeline.engine.load().book().settings.retention.conversations;
    let keep = SignedDuration::try_from(longest).map_or(KEEP, |longest| longest.min(KEEP));
    let until = pipeline.clock.now().checked_add(keep).ok();
    let mut rows = Vec::new();
    for sample in said {
        if pipeline.store.conversation(&sample.conversation).await?.is_some() {
            let of = key(&sample.of);
            let value = serde_json::json!({"change": of, "text": sample.text}).to_string();
            rows.push(KeptRow { place: SAID.to_owned(), key: format!("{}:{of}", sample.conversation), value, until });
        }
    }
    Ok(rows)
}

/// What was counted, and the changes; none if there never was a candidate in the shadow.
///
/// # Errors
/// When the store cannot be read.
pub async fn read(store: &dyn Store) -> Result<Option<(Totals, Vec<Change>)>, StoreError> {
    let (mut totals, mut changes) = (None, BTreeMap::new());
    for row in store.kept_all(KEPT, "").await? {
        if row.key == TOTALS {
            totals = serde_json::from_str(&row.value).ok();
        } else if let Ok(change) = serde_json::from_str::<Change>(&row.value) {
            // An older program kept the samples here.
            changes.insert(row.key, Change { samples: Vec::new(), ..change });
        }
    }
    for row in store.kept_all(SAID, "").await? {
        let value: Value = serde_json::from_str(&row.value).unwrap_or_default();
        let change = value["change"].as_str().and_then(|change| changes.get_mut(change));
        if let (Some(change), Some(text)) = (change, value["text"].as_str()) {
            change.samples.push(text.to_owned());
        }
    }
    let mut changes: Vec<Change> = changes.into_values().collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.messages));
    Ok(totals.map(|totals| (totals, changes)))
}

fn key(change: &Change) -> String {
    let what = serde_json::json!([change.before, change.after, change.in_words]).to_string();
    format!("{CHANGE}{}", version(what.as_bytes()))
}
