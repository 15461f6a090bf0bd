//! Chatwoot and Zendesk, written from their documentation: their APIs, which misbehave when told to, and what they post.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine as _;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::api::{Answered, post};
use super::wait_for;

/// Token of the agent bot, and of the account at Zendesk.
pub const TOKEN: &str = "desk-token";
/// Secret of everything that they sign.
pub const SECRET: &str = "desk-secret";

/// How one request that changes something is answered.
#[derive(Clone, Debug)]
pub enum Mood {
    /// With this status, and an error in JSON.
    Status(u16),
    /// With 429, and to come again after so many seconds.
    Busy(u64),
    /// As taken, but breaks off in the middle of the JSON; nothing was taken.
    Truncated,
    /// As taken, with a page of HTML; nothing was taken.
    Page,
    /// After so long; nothing was taken.
    Slow(Duration),
    /// It was taken, but the answer breaks off in the middle.
    Lost,
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method and path, such as `POST /api/v2/tickets.json`.
    pub what: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, as JSON.
    pub body: Value,
}

#[derive(Debug, Default)]
struct Inner {
    unread: bool,
    calls: Vec<Call>,
    moods: VecDeque<Mood>,
    status: HashMap<String, String>,
    made: u64,
    tickets: HashMap<String, u64>,
    /// Conversations of Chatwoot and tickets that were deleted.
    gone: HashSet<String>,
    /// Tickets that are closed for good.
    closed: HashSet<String>,
    /// What was changed in each ticket, oldest first.
    audits: HashMap<String, Vec<Value>>,
}

/// Both desks on one port: their paths differ.
#[derive(Clone, Debug)]
pub struct Desks {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Desks {
    /// Starts them.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let kept = Arc::clone(&inner);
        let router = Router::new().fallback(any(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let inner = Arc::clone(&kept);
            async move { answer(&inner, &method, &uri, headers, &body).await }
        }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Their address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the next requests that change something are answered; after them all is well.
    pub fn moods(&self, moods: &[Mood]) {
        self.inner.lock().unwrap().moods.extend(moods.iter().cloned());
    }

    /// From now on a bot may change a conversation of Chatwoot and not read it, as in versions before 2026.
    pub fn bots_read_nothing(&self) {
        self.inner.lock().unwrap().unread = true;
    }

    /// Whether all moods are over.
    pub fn is_well(&self) -> bool {
        self.inner.lock().unwrap().moods.is_empty()
    }

    /// What Chatwoot has a conversation as.
    pub fn status(&self, conversation: &str) -> String {
        self.inner.lock().unwrap().status.get(conversation).cloned().unwrap_or_else(|| "pending".to_owned())
    }

    /// A person sets what Chatwoot has a conversation as.
    pub fn set_status(&self, conversation: &str, status: &str) {
        self.inner.lock().unwrap().status.insert(conversation.to_owned(), status.to_owned());
    }

    /// Somebody deletes a conversation or ticket.
    pub fn delete(&self, id: &str) {
        self.inner.lock().unwrap().gone.insert(id.to_owned());
    }

    /// Time closes a ticket for good.
    pub fn close(&self, ticket: &str) {
        self.inner.lock().unwrap().closed.insert(ticket.to_owned());
    }

    /// The requests that were taken whose method and path begin so.
    pub fn calls(&self, what: &str) -> Vec<Call> {
        self.inner.lock().unwrap().calls.iter().filter(|call| call.what.starts_with(what)).cloned().collect()
    }

    /// The same, once there are so many.
    pub async fn wait(&self, what: &str, count: usize) -> Vec<Call> {
        wait_for(&format!("{count} of {what}"), || async {
            let calls = self.calls(what);
            (calls.len() >= count).then_some(calls)
        })
        .await
    }
}

fn error(status: u16, error: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(json!({"error": error}))).into_response()
}

/// The answer of a desk in this mood, if it takes nothing.
async fn misbehaves(mood: Option<Mood>) -> Option<Response> {
    match mood? {
        Mood::Lost => None,
        Mood::Status(status) => Some(error(status, "told to fail")),
        Mood::Busy(seconds) => {
            Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response())
        }
        Mood::Truncated => Some((StatusCode::OK, "{\"id\": 1").into_response()),
        Mood::Page => Some((StatusCode::OK, "<html>maintenance</html>").into_response()),
        Mood::Slow(time) => {
            tokio::time::sleep(time).await;
            Some(error(503, "slow"))
        }
    }
}

/// What is said of a conversation or ticket that nothing more can be done with.
fn is_over(inner: &Inner, parts: &[&str]) -> Option<Response> {
    match parts {
        ["public", .., "conversations", id, _] if inner.gone.contains(*id) => {
            Some(error(404, "Resource could not be found"))
        }
        ["api", "v2", "tickets", id, ..] if inner.gone.contains(id.trim_end_matches(".json")) => {
            Some(error(404, "RecordNotFound"))
        }
        ["api", "v2", "tickets", id] if inner.closed.contains(id.trim_end_matches(".json")) => {
            let why = json!({"status": [{"description": "Status: closed prevents ticket update"}]});
            let refused = json!({"error": "RecordInvalid", "description": "Record validation errors", "details": why});
            Some((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(refused)).into_response())
        }
        _ => None,
    }
}

async fn answer(inner: &Mutex<Inner>, method: &Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> Response {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let mood = if *method == Method::GET { None } else { inner.lock().unwrap().moods.pop_front() };
    let lost = matches!(mood, Some(Mood::Lost));
    if let Some(response) = misbehaves(mood).await {
        return response;
    }
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("bot@shop.example/token:{TOKEN}"));
    let refused = match path {
        _ if path.starts_with("/api/v1/") => get("api_access_token") != TOKEN,
        _ if path.starts_with("/api/v2/") => get("authorization") != format!("Basic {basic}"),
        _ => false,
    };
    if refused {
        return error(401, "Invalid token");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut inner = inner.lock().unwrap();
    inner.calls.push(Call { what: format!("{method} {path}"), headers: headers.clone(), body: body.clone() });
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if let Some(response) = is_over(&inner, &parts) {
        return response;
    }
    let said = match (method.as_str(), parts.as_slice()) {
        // A bot may not read these, whatever its token.
        ("GET", ["api", "v1", "accounts", "7", "conversations", "meta"]) => {
            return error(401, "Access to this endpoint is not authorized for bots");
        }
        ("POST", ["api", "v1", "accounts", "7", "conversations", "0", _]) => {
            return error(404, "Resource could not be found");
        }
        ("GET", ["api", "v1", "accounts", "7", "conversations", _]) if inner.unread => {
            return error(401, "Access to this endpoint is not authorized for bots");
        }
        ("GET", ["api", "v1", "accounts", "7", "conversations", id]) => {
            let status = inner.status.get(*id).cloned().unwrap_or_else(|| "pending".to_owned());
            json!({"id": id.parse::<u64>().unwrap(), "status": status})
        }
        ("POST", ["api", "v1", "accounts", "7", "conversations", _, "messages"]) => {
            json!({"id": 9_001, "content": body["content"]})
        }
        ("POST", ["api", "v1", "accounts", "7", "conversations", id, "toggle_status"]) => {
            inner.status.insert((*id).to_owned(), body["status"].as_str().unwrap().to_owned());
            json!({"payload": {"success": true}})
        }
        ("GET", ["public", "api", "v1", "inboxes", "inbox-1"]) => json!({"identifier": "inbox-1", "name": "夜灯"}),
        ("POST", ["public", "api", "v1", "inboxes", "inbox-1", "contacts"]) => {
            inner.made += 1;
            json!({"source_id": format!("source-{}", inner.made), "pubsub_token": "SECRET-PUBSUB"})
        }
        ("POST", ["public", "api", "v1", "inboxes", "inbox-1", "contacts", _, "conversations"]) => {
            inner.made += 1;
            json!({"id": 500 + inner.made})
        }
        (
            "POST",
            [
                "public",
                "api",
                "v1",
                "inboxes",
                "inbox-1",
                "contacts",
                _,
                "conversations",
                _,
                "messages" | "toggle_status",
            ],
        ) => json!({"id": 1}),
        ("GET", ["api", "v2", "users", "me.json"]) => json!({"user": {"id": 1, "name": "夜灯机器人"}}),
        ("POST", ["api", "v2", "tickets.json"]) => {
            // The same key makes the same ticket.
            inner.made += 1;
            let made = 35_000 + inner.made;
            let id = *inner.tickets.entry(get("idempotency-key")).or_insert(made);
            return (StatusCode::CREATED, axum::Json(json!({"ticket": {"id": id, "requester_id": 42}})))
                .into_response();
        }
        ("PUT", ["api", "v2", "tickets", id]) => {
            let audit = json!({"metadata": {"system": {}, "custom": body["ticket"]["metadata"]}});
            inner.audits.entry(id.trim_end_matches(".json").to_owned()).or_default().push(audit);
            json!({"ticket": {"id": 1}})
        }
        ("GET", ["api", "v2", "tickets", id, "audits.json"]) => {
            // Oldest first unless asked otherwise, and so many as are asked for.
            let mut audits: Vec<Value> = inner.audits.get(*id).cloned().unwrap_or_default();
            if query.contains("sort_order=desc") {
                audits.reverse();
            }
            let asked = query.split('&').find_map(|pair| pair.strip_prefix("per_page=")?.parse().ok());
            audits.truncate(asked.unwrap_or(100));
            json!({"audits": audits})
        }
        _ => return error(404, "not found"),
    };
    if lost {
        return (StatusCode::OK, "{\"id\": 1").into_response();
    }
    axum::Json(said).into_response()
}

fn mac(message: &[&[u8]]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::sign(&key, &message.concat()).as_ref().to_vec()
}

/// Chatwoot posts an event.
pub async fn chatwoot(url: &str, seconds: i64, event: &Value) -> Answered {
    let (body, seconds) = (event.to_string(), seconds.to_string());
    let signature = format!("sha256={}", HEXLOWER.encode(&mac(&[seconds.as_bytes(), b".", body.as_bytes()])));
    post(url, body, &[("x-chatwoot-signature", &signature), ("x-chatwoot-timestamp", &seconds)]).await
}

/// Zendesk posts what a trigger says.
pub async fn zendesk(url: &str, time: &str, invocation: &str, event: &Value) -> Answered {
    let body = event.to_string();
    let signature = base64::engine::general_purpose::STANDARD.encode(mac(&[time.as_bytes(), body.as_bytes()]));
    let headers = [
        ("x-zendesk-webhook-signature", signature.as_str()),
        ("x-zendesk-webhook-signature-timestamp", time),
        ("x-zendesk-webhook-invocation-id", invocation),
    ];
    post(url, body, &headers).await
}

/// A message in a conversation of Chatwoot, as its webhooks tell it. `from` is `contact`, `user` or `agent_bot`.
pub fn message(id: i64, conversation: i64, from: &str, status: &str, text: &str) -> Value {
    let incoming = from == "contact";
    json!({
        "event": "message_created", "id": id, "content": text, "content_type": "text", "private": false,
        "created_at": "2026-10-14T02:00:00.000Z", "content_attributes": {}, "source_id": null,
        "message_type": if incoming { json!("incoming") } else { json!("outgoing") },
        "sender": {"id": if incoming { 31 } else { 2 }, "name": if incoming { "王小姐" } else { "李客服" }, "type": from},
        "inbox": {"id": 3, "name": "网站"}, "account": {"id": 7, "name": "Shop"},
        "conversation": {
            "id": conversation, "status": status, "channel": "Channel::WebWidget", "can_reply": true, "messages": [],
            "contact_inbox": {"source_id": "s-1", "hmac_verified": false},
            "meta": {"sender": {"id": 31, "name": "王小姐", "type": "contact", "pubsub_token": "SECRET-PUBSUB"}, "assignee": null},
        },
    })
}

/// A conversation of Chatwoot that has another status.
pub fn changed(event: &str, conversation: i64, status: &str, assignee: Option<&str>) -> Value {
    json!({
        "event": event, "id": conversation, "status": status, "account": {"id": 7}, "inbox_id": 3, "messages": [],
        "meta": {"sender": {"id": 31, "name": "王小姐"}, "assignee": assignee.map(|name| json!({"id": 2, "name": name}))},
    })
}
