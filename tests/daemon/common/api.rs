//! Plain HTTP to the daemon: the agents' side, and platforms that forward messages.

use std::net::SocketAddr;

use nightdesk::handoff::signing::SigningKey;
use reqwest::Client;
use serde_json::{Value, json};

/// Status, content type and body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// `content-type`.
    pub content_type: String,
    /// The body as JSON; null if it is none.
    pub json: Value,
}

/// A client that uses no proxy.
pub fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// `POST` with a JSON body and further headers.
pub async fn post(url: &str, body: impl Into<Vec<u8>>, headers: &[(&str, &str)]) -> Answered {
    try_post(url, body, headers).await.expect("an answer")
}

/// The same; none when there is no daemon, or it goes away meanwhile.
pub async fn try_post(url: &str, body: impl Into<Vec<u8>>, headers: &[(&str, &str)]) -> Option<Answered> {
    let mut request = http().post(url).header("content-type", "application/json").body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answered(request.send().await.ok()?).await
}

/// `GET`.
pub async fn get(url: &str) -> Answered {
    get_as(url, &[]).await
}

/// `GET` with further headers.
pub async fn get_as(url: &str, headers: &[(&str, &str)]) -> Answered {
    let mut request = http().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    answered(response).await.expect("a whole answer")
}

async fn answered(response: reqwest::Response) -> Option<Answered> {
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = response.bytes().await.ok()?;
    Some(Answered { status, content_type, json: serde_json::from_slice(&body).unwrap_or_default() })
}

/// An agent on this machine does something with a conversation: `messages`, `take`, `return`, `close`.
pub async fn agent(address: SocketAddr, conversation: &str, what: &str, body: Value) -> Answered {
    let url = format!("http://{address}/v1/conversations/{conversation}/{what}");
    post(&url, body.to_string(), &[]).await
}

/// The transcript as an agent sees it: `type`, `seq`, `ts`, `data` of every event.
pub async fn transcript(address: SocketAddr, conversation: &str) -> Vec<Value> {
    let shown = get(&format!("http://{address}/v1/conversations/{conversation}")).await;
    assert_eq!(shown.status, 200, "{:#}", shown.json);
    shown.json["events"].as_array().unwrap().clone()
}

/// The same as customers may see it: without what was decided about their messages.
pub async fn told(address: SocketAddr, conversation: &str) -> Vec<Value> {
    let mut events = transcript(address, conversation).await;
    for event in &mut events {
        event["data"].as_object_mut().unwrap().remove("decision");
    }
    events
}

/// The body of a forwarded text message.
pub fn forwarded(id: &str, customer: &str, text: &str) -> Value {
    json!({"type": "message.created", "timestamp": "2026-10-14T10:00:00+08:00", "data": {
        "id": id, "conversation": format!("thread-of-{customer}"), "customer": {"id": customer}, "kind": "text", "text": text,
    }})
}

/// Signs a body and posts it to `/v1/inbound/crm`, as a platform does; `seconds` is the platform's clock.
pub async fn forward(address: SocketAddr, secret: &str, seconds: i64, body: &Value) -> Answered {
    try_forward(address, secret, seconds, body).await.expect("an answer")
}

/// The same; none when there is no daemon, or it goes away meanwhile.
pub async fn try_forward(address: SocketAddr, secret: &str, seconds: i64, body: &Value) -> Option<Answered> {
    let (id, body) = (format!("evt-{}", body["data"]["id"].as_str().unwrap_or("none")), body.to_string());
    let signature = SigningKey::parse(secret).unwrap().sign(&id, seconds, body.as_bytes());
    let headers = [
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", &seconds.to_string()),
        ("webhook-signature", signature.as_str()),
    ];
    try_post(&format!("http://{address}/v1/inbound/crm"), body.clone(), &headers).await
}
