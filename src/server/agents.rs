//! The agents' side: the queue, a transcript, and what people do with a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::Problem;
use crate::engine::Unfit;
use crate::message::State as Owner;
use crate::pipeline::{Acted, Action, Actor, AgentError};
use crate::store::{ConversationFilter, ConversationRow, EventRow};

use super::request::{body, to_its_end};
use super::{Peer, Shared, auth};

/// Most conversations of one list.
const MAX_LIST: usize = 200;
/// Events of a transcript that are shown at once.
const MAX_EVENTS: usize = 500;
/// Largest body of a reply, in bytes.
const MAX_REPLY: usize = 64 * 1024;
/// Longest note to colleagues, in characters.
const MAX_NOTE: usize = 2_000;
/// Longest reply, in characters.
const MAX_TEXT: usize = 8_000;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    state: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Reply {
    text: String,
    /// The sender's id, so that a repeated request does not say it twice.
    #[serde(default)]
    id: Option<String>,
    /// Who writes, for a sender that has a reply token.
    #[serde(default)]
    agent: Option<String>,
    /// Send it although it was held back for its wording.
    #[serde(default)]
    anyway: bool,
}

pub(super) async fn list(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let _ = agent(&shared, &request)?;
    let Ok(Query(wanted)) = wanted else { return Err(Problem::bad_request("Ask with ?state=queued&limit=50.")) };
    if let Some(state) = wanted.state.as_deref().filter(|state| Owner::parse(state).is_none()) {
        let word: String = state.chars().take(40).collect();
        return Err(Problem::bad_request(format!("`state` is `{word}`; it is bot, queued, human or closed.")));
    }
    let filter = ConversationFilter { state: wanted.state, limit: wanted.limit.unwrap_or(50).clamp(1, MAX_LIST) };
    let rows = shared.pipeline.store.conversations(filter).await.map_err(|_| Problem::unavailable())?;
    let list: Vec<Value> = rows.iter().map(summary).collect();
    Ok(Json(json!({"conversations": list})))
}

pub(super) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    // Whoever was sent the case may read it.
    may_write(&shared, &id, &request)?;
    let store = &shared.pipeline.store;
    let row = store.conversation(&id).await.map_err(|_| Problem::unavailable())?;
    let Some(row) = row else { return Err(Problem::not_found("There is no such conversation.")) };
    let events = store.events_before(&id, u64::MAX, MAX_EVENTS).await.map_err(|_| Problem::unavailable())?;
    let mut value = summary(&row);
    value["events"] = events.iter().map(event).collect();
    Ok(Json(value))
}

pub(super) async fn reply(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let actor = may_write(&shared, &id, &request)?;
    let body = body(request, MAX_REPLY).await?;
    let reply: Reply = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("The body is {{\"text\":\"…\",\"id\":\"…\"}} ({error}).")))?;
    let length = reply.text.chars().count();
    if reply.text.trim().is_empty() || length > MAX_TEXT {
        return Err(Problem::bad_request(format!("`text` has {length} characters; it has 1 to {MAX_TEXT}.")));
    }
    if reply.id.as_deref().is_some_and(|id| id.is_empty() || id.len() > 128) {
        return Err(Problem::bad_request("`id` has 1 to 128 bytes."));
    }
    let said_by = reply.agent.filter(|agent| !agent.is_empty() && agent.chars().count() <= 64);
    let actor = if let Actor::Desk(_) = actor { Actor::Desk(said_by) } else { actor };
    act(&shared, &id, actor, Action::Reply { text: reply.text, id: reply.id, anyway: reply.anyway, stays: false }).await
}

pub(super) async fn take(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    plain(shared, id, request, Action::Take).await
}

pub(super) async fn give_back(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let actor = may_write(&shared, &id, &request)?;
    let left: Left = left(request).await?;
    act(&shared, &id, actor, Action::Return { summary: left.summary }).await
}

/// Passes a case on to another queue.
pub(super) async fn transfer(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let actor = may_write(&shared, &id, &request)?;
    let left: Left = left(request).await?;
    let queue =
        left.queue.ok_or_else(|| Problem::bad_request("The body is {\"queue\":\"after-sale\",\"note\":\"…\"}."))?;
    let pipeline = Arc::clone(&shared.pipeline);
    let done = async move { pipeline.transfer(&id, &actor, &queue, left.note.as_deref()).await };
    acted(to_its_end(&shared, done).await?)
}

/// What a person leaves with a case for whoever has it next.
#[derive(Debug, Default, Deserialize)]
struct Left {
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

/// The body of a request that may have none.
async fn left(request: Request) -> Result<Left, Problem> {
    let body = body(request, MAX_REPLY).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Left::default());
    }
    let mut left: Left = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("The body is a JSON object, or empty ({error}).")))?;
    for text in [&mut left.note, &mut left.summary] {
        let length = text.as_deref().map_or(0, |text| text.chars().count());
        if length > MAX_NOTE {
            return Err(Problem::bad_request(format!(
                "The words have {length} characters; they have at most {MAX_NOTE}."
            )));
        }
        *text = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    Ok(left)
}

pub(super) async fn close(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    plain(shared, id, request, Action::Close).await
}

/// The customer sees that the person who has the conversation is writing. Nothing is kept.
pub(super) async fn typing(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let actor = may_write(&shared, &id, &request)?;
    let row = shared.pipeline.store.conversation(&id).await.map_err(|_| Problem::unavailable())?;
    let Some(row) = row else { return Err(Problem::not_found("There is no such conversation.")) };
    let has_it = match &actor {
        Actor::Agent(name) => summary(&row)["agent"] == json!(name),
        _ => true,
    };
    if has_it && row.state == Owner::Human.as_str() {
        shared.pipeline.agent_types(&id);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn plain(shared: Shared, id: String, request: Request, action: Action) -> Result<Json<Value>, Problem> {
    let actor = may_write(&shared, &id, &request)?;
    act(&shared, &id, actor, action).await
}

async fn act(shared: &Shared, id: &str, actor: Actor, action: Action) -> Result<Json<Value>, Problem> {
    let (pipeline, id) = (Arc::clone(&shared.pipeline), id.to_owned());
    acted(to_its_end(shared, async move { pipeline.act(&id, &actor, action).await }).await?)
}

fn acted(done: Result<Acted, AgentError>) -> Result<Json<Value>, Problem> {
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, "conflict", "It cannot be done now", detail);
    match done {
        Ok(acted) => {
            let conversation = acted.conversation;
            let mut said = json!({"conversation": conversation.id, "state": conversation.state, "seq": acted.seq, "agent": conversation.agent});
            if !acted.wording.is_empty() {
                said["wording"] = json!(acted.wording);
            }
            Ok(Json(said))
        }
        Err(AgentError::Unknown) => Err(Problem::not_found("There is no such conversation.")),
        Err(error @ AgentError::NoQueue(_)) => Err(Problem::bad_request(format!("{error}."))),
        Err(error @ (AgentError::TakenBy(_) | AgentError::WrongState(_) | AgentError::ThereAlready(_))) => {
            Err(conflict(format!("{error}.")))
        }
        Err(AgentError::Wording { found, may_insist }) => Err(unfit(&found, may_insist)),
        Err(AgentError::Store(_)) => Err(Problem::unavailable()),
    }
}

/// A message was held back for its wording.
fn unfit(found: &[Unfit], may_insist: bool) -> Problem {
    let detail = if may_insist {
        "Write what `instead` says, or send it again with \"anyway\": true."
    } else {
        "Write what `instead` says."
    };
    let title = "The message holds words that must not be said";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wording", title, detail)
        .with("wording", json!(found))
        .with("anyway", json!(may_insist))
}

pub(super) fn agent(shared: &Shared, request: &Request) -> Result<String, Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    auth::agent(request.headers(), peer, &shared.pipeline.engine.load().book().settings.access)
}

/// Who writes into a conversation: an agent by name, or whoever was sent the case with its reply token.
fn may_write(shared: &Shared, id: &str, request: &Request) -> Result<Actor, Problem> {
    let headers: &HeaderMap = request.headers();
    if auth::bearer(headers)
        .is_some_and(|token| shared.pipeline.tokens.may_reply(token, id, shared.pipeline.clock.now()))
    {
        return Ok(Actor::Desk(None));
    }
    agent(shared, request).map(Actor::Agent)
}

pub(super) fn summary(row: &ConversationRow) -> Value {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let told =
        body["slots"].as_object().map(|slots| slots.iter().map(|(name, slot)| (name.clone(), slot["value"].clone())));
    json!({
        "slots": told.map(Iterator::collect::<serde_json::Map<String, Value>>).unwrap_or_default(),
        "id": row.id, "channel": row.channel, "state": row.state, "version": row.version, "seq": row.seq, "queue": row.queue, "priority": row.priority,
        "language": row.language, "customer": body["customer"], "handoff": body["handoff"], "tags": body["tags"], "agent": body["agent"],
        "note": body["note"], "created_at": row.created_at, "updated_at": row.updated_at,
    })
}

fn event(row: &EventRow) -> Value {
    let data: Value = serde_json::from_str(&row.body).unwrap_or_default();
    json!({"type": row.kind, "seq": row.seq, "ts": row.at, "data": data})
}
