//! What the agents' console asks for besides conversations: the queue as it is worked off, suggested answers, deliveries that
//! were given up, and the state of the shop.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::message::{Conversation, Customer, Role};
use crate::store::{
    DeliveryFilter, EventRow, ForcedRow, HandoffFilter, HandoffRow, OutboxRow, Selection, StoreError, delivery_state,
    handoff_state,
};

use super::Shared;
use super::agents::{agent, summary};

/// Most cases of one list.
const MAX_CASES: usize = 100;
/// Events of a case that are looked at for the customer's last words.
const LAST_EVENTS: usize = 12;
/// Characters of the last words that stand in the list.
const PREVIEW: usize = 140;
/// Most suggestions at a time.
const SUGGESTIONS: usize = 5;
/// Longest text that is searched for, in bytes.
const MAX_TEXT: usize = 2_000;
/// Most messages that are looked through for those that nothing answered.
const MAX_UNMATCHED: usize = 2_000;
/// Most deliveries of one list.
const MAX_DELIVERIES: usize = 200;

fn unavailable(_: StoreError) -> Problem {
    Problem::unavailable()
}

/// Cases that wait, the most urgent first and then the longest waiting, and those that people have.
pub(super) async fn queue(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    let me = agent(&shared, &request)?;
    let waiting = cases(&shared, handoff_state::QUEUED).await?;
    let taken = cases(&shared, handoff_state::TAKEN).await?;
    let stats = shared.pipeline.store.queue_stats().await.map_err(unavailable)?;
    let total: u64 = stats.iter().map(|stats| stats.queued).sum();
    Ok(Json(
        json!({"agent": me, "now": shared.pipeline.clock.now(), "total": total, "waiting": waiting, "taken": taken}),
    ))
}

async fn cases(shared: &Shared, state: &str) -> Result<Vec<Value>, Problem> {
    let store = &shared.pipeline.store;
    let filter = HandoffFilter { state: Some(state.to_owned()), queue: None, limit: MAX_CASES };
    let mut cases = Vec::new();
    for handoff in store.handoffs(filter).await.map_err(unavailable)? {
        let row = store.conversation(&handoff.conversation).await.map_err(unavailable)?;
        let events = store.events_before(&handoff.conversation, u64::MAX, LAST_EVENTS).await.map_err(unavailable)?;
        cases.extend(row.map(|row| case(summary(&row), &handoff, &events)));
    }
    Ok(cases)
}

fn case(mut case: Value, handoff: &HandoffRow, events: &[EventRow]) -> Value {
    let last = events.iter().rev().find(|event| event.kind == "message" && event.role == Role::Visitor.as_str());
    case["deadline"] = json!(handoff.deadline);
    case["last"] = last.map_or(Value::Null, |event| {
        let data: Value = serde_json::from_str(&event.body).unwrap_or_default();
        let text: String = data["text"].as_str().unwrap_or_default().chars().take(PREVIEW).collect();
        json!({"text": text, "kind": data["kind"], "ts": event.at})
    });
    case
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    text: String,
    #[serde(default)]
    conversation: Option<String>,
}

/// Entries whose questions a text is like, with their answers to this customer.
pub(super) async fn search(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let Ok(Query(wanted)) = wanted else { return Err(Problem::bad_request("Ask with ?text=….")) };
    if wanted.text.len() > MAX_TEXT {
        return Err(Problem::bad_request(format!("`text` may have {MAX_TEXT} bytes.")));
    }
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let conversation = if let Some(id) = &wanted.conversation {
        let row = shared.pipeline.store.conversation(id).await.map_err(unavailable)?;
        let row = row.ok_or_else(|| Problem::not_found("There is no such conversation."))?;
        serde_json::from_str(&row.body).map_err(|_| Problem::unavailable())?
    } else {
        let channel = engine.book().settings.channels.first().map_or("", |(name, _)| name.as_str());
        Conversation::new("c_search".into(), channel, "search", Customer::default(), now)
    };
    Ok(Json(json!({"entries": engine.suggest(&wanted.text, &conversation, now, SUGGESTIONS)})))
}

/// The shop as it is now: who is there until when, what is stuck, which files are in use.
pub(super) async fn status(State(shared): State<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    let me = agent(&shared, &request)?;
    let (pipeline, engine) = (&shared.pipeline, shared.pipeline.engine.load_full());
    let stats = pipeline.store.queue_stats().await.map_err(unavailable)?;
    let outbox = pipeline.store.outbox_stats().await.map_err(unavailable)?;
    let now = pipeline.clock.now();
    let forced = pipeline.store.forced_hours(now).await.map_err(unavailable)?;
    let said =
        |row: &ForcedRow| json!({"open": row.open, "since": row.since, "until": row.until, "set_by": row.set_by});
    let queues: Vec<Value> = engine
        .knowledge()
        .queues
        .iter()
        .map(|(name, queue)| {
            let state = queue.schedule.at(now);
            let waits = stats.iter().find(|stats| stats.queue == *name);
            json!({
                "queue": name, "open": state.open, "next_open": if state.open { None } else { state.until },
                "closes": if state.open { state.until } else { None },
                "waiting": waits.map_or(0, |stats| stats.queued), "oldest": waits.map(|stats| stats.oldest),
                "webhook": queue.webhook, "hours": queue.hours, "forced": forced.iter().find(|row| row.schedule == queue.hours && row.since <= now).map(said),
            })
        })
        .collect();
    let deliveries: Vec<Value> = outbox
        .iter()
        .map(|stats| {
            json!({
                "endpoint": stats.endpoint, "pending": stats.pending, "dead": stats.dead, "oldest": stats.oldest,
                "stopped": stats.stopped,
            })
        })
        .collect();
    let zone = engine.knowledge().zone.iana_name().map(ToOwned::to_owned);
    Ok(Json(json!({
        "agent": me, "now": now, "zone": zone, "queues": queues, "deliveries": deliveries,
        "modes": super::modes::state(&shared),
        "rule_set": engine.knowledge().hash, "rules": engine.knowledge().rules.len(), "last_reload": shared.reloader.last(),
        "pilots": shared.reloader.pilots(), "candidate": shared.reloader.candidate(),
        "tls": shared.tls.as_ref().map(|tls| tls.state(now)),
    })))
}

/// What customers have asked since a time (the beginning of the day, in the shop's zone, if none is named) and nothing surely
/// answered: the same words once, the most frequent first.
pub(super) async fn unmatched(
    State(shared): State<Shared>,
    since: Result<Query<Since>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let Ok(Query(since)) = since else {
        return Err(Problem::bad_request("Ask with ?since=2026-10-09T00:00:00+08:00."));
    };
    let (engine, now) = (shared.pipeline.engine.load_full(), shared.pipeline.clock.now());
    let knowledge = engine.knowledge();
    let today = || now.to_zoned(knowledge.zone.clone()).start_of_day().map_or(now, |start| start.timestamp());
    let since = since.since.unwrap_or_else(today);
    let rows = shared.pipeline.store.unmatched(since, MAX_UNMATCHED).await.map_err(unavailable)?;
    let cut = rows.len() == MAX_UNMATCHED;
    let mut groups: Vec<(String, Value, u64)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let data: Value = serde_json::from_str(&row.body).unwrap_or_default();
        let Some(text) = data["text"].as_str().filter(|text| !text.trim().is_empty()) else { continue };
        let key = knowledge.matcher.view(text).key;
        if let Some(at) = places.get(&key).copied() {
            groups[at].2 += 1;
            continue;
        }
        let nearest = &data["decision"]["candidates"][0];
        let shown = json!({
            "text": text, "last": row.at, "reason": row.reason, "conversation": row.conversation,
            "nearest": nearest["rule"], "score": nearest["score"],
        });
        places.insert(key.clone(), groups.len());
        groups.push((key, shown, 1));
    }
    // Of equal frequency the newest stays first.
    groups.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    let messages: Vec<Value> = groups
        .into_iter()
        .map(|(_, mut shown, count)| {
            shown["count"] = json!(count);
            shown
        })
        .collect();
    Ok(Json(json!({"since": since, "messages": messages, "cut": cut})))
}

#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    state: Option<String>,
    limit: Option<usize>,
}

/// Deliveries, the newest first; those that were given up, if nothing else is asked for.
pub(super) async fn deliveries(
    State(shared): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    use delivery_state::{DEAD, DELIVERED, DROPPED, PENDING};
    agent(&shared, &request)?;
    let Ok(Query(which)) = which else { return Err(Problem::bad_request("Ask with ?state=dead&limit=50.")) };
    let state = which.state.unwrap_or_else(|| DEAD.to_owned());
    if ![DEAD, DELIVERED, DROPPED, PENDING].contains(&state.as_str()) {
        return Err(Problem::bad_request("`state` is pending, delivered, dead or dropped."));
    }
    let limit = which.limit.unwrap_or(50).clamp(1, MAX_DELIVERIES);
    let filter = DeliveryFilter { state: Some(state), endpoint: None, limit };
    let rows = shared.pipeline.store.deliveries(filter).await.map_err(unavailable)?;
    Ok(Json(json!({"deliveries": rows.iter().map(shown).collect::<Vec<_>>()})))
}

/// Sends a delivery again at once, or gives it up.
pub(super) async fn delivery(
    State(shared): State<Shared>,
    Path((id, what)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    agent(&shared, &request)?;
    let (store, now) = (&shared.pipeline.store, shared.pipeline.clock.now());
    let nothing = || Problem::not_found("There is no such delivery.");
    let id: i64 = id.parse().map_err(|_| nothing())?;
    let row = store.delivery(id).await.map_err(unavailable)?.ok_or_else(nothing)?;
    match what.as_str() {
        "retry" => {
            store.retry(Selection::Ids(vec![id]), now).await.map_err(unavailable)?;
            shared.pipeline.outbox.committed(&row.endpoint);
        }
        "drop" => {
            store.drop_deliveries(Selection::Ids(vec![id]), now).await.map_err(unavailable)?;
        }
        _ => return Err(Problem::not_found("A delivery is sent again by `retry` and given up by `drop`.")),
    }
    tracing::info!(
        delivery = id,
        what = if what == "retry" { "retry" } else { "drop" },
        "A person decided on a delivery."
    );
    let row = store.delivery(id).await.map_err(unavailable)?.ok_or_else(nothing)?;
    Ok(Json(shown(&row)))
}

fn shown(row: &OutboxRow) -> Value {
    json!({
        "id": row.id, "webhook_id": row.webhook_id, "endpoint": row.endpoint, "type": row.kind, "state": row.state,
        "attempts": row.attempts, "conversation": row.conversation, "created_at": row.created_at,
        "next_try_at": row.next_try_at, "last_status": row.last_status, "last_error": row.last_error,
        "finished_at": row.finished_at,
    })
}
