//! WeChat's side, written from its documentation: the API for later messages, which misbehaves when told to, and the requests that
//! the platform makes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::wait_for;

/// How one send is answered.
#[derive(Clone, Debug)]
pub enum Mood {
    /// The token is called expired, and is.
    Expired,
    /// HTTP 200 with this errcode.
    Code(i64),
    /// Breaks off in the middle of the JSON.
    Truncated,
    /// Answers after so long, and has not taken it.
    Slow(Duration),
}

#[derive(Debug, Default)]
struct Inner {
    tokens: usize,
    asked: Vec<Value>,
    moods: VecDeque<Mood>,
    sent: Vec<Bytes>,
}

/// A running API.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Api {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let (for_token, for_send) = (Arc::clone(&inner), Arc::clone(&inner));
        let router = Router::new()
            .route(
                "/cgi-bin/stable_token",
                post(move |body: Bytes| {
                    let inner = Arc::clone(&for_token);
                    async move { token(&mut inner.lock().unwrap(), &body) }
                }),
            )
            .route(
                "/cgi-bin/message/custom/send",
                post(move |Query(query): Query<Vec<(String, String)>>, body: Bytes| {
                    let inner = Arc::clone(&for_send);
                    async move { send(&inner, &query, body).await }
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the next sends are answered; after them all is well.
    pub fn moods(&self, moods: &[Mood]) {
        self.inner.lock().unwrap().moods.extend(moods.iter().cloned());
    }

    /// How often a token was asked for.
    pub fn tokens(&self) -> usize {
        self.inner.lock().unwrap().asked.len()
    }

    /// The token that is good now.
    pub fn token(&self) -> String {
        format!("token-{}", self.inner.lock().unwrap().tokens)
    }

    /// The bodies of all messages that were taken, byte by byte.
    pub fn raw(&self) -> Vec<Bytes> {
        self.inner.lock().unwrap().sent.clone()
    }

    /// All messages that were taken: to whom, and what.
    pub fn sent(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let read = |body: &Bytes| -> Value { serde_json::from_slice(body).unwrap() };
        self.raw().iter().map(read).map(|body| (text(&body["touser"]), text(&body["text"]["content"]))).collect()
    }

    /// Waits until so many were taken.
    pub async fn wait(&self, count: usize) -> Vec<(String, String)> {
        wait_for(&format!("{count} customer-service messages"), || async {
            Some(self.sent()).filter(|sent| sent.len() >= count)
        })
        .await
    }
}

fn token(inner: &mut Inner, body: &Bytes) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap();
    if asked["appid"] != "wx2c2769f8efd9abc2" || asked["secret"] != "app-secret" {
        return axum::Json(json!({"errcode": 40125, "errmsg": "invalid appsecret"})).into_response();
    }
    assert_eq!(asked["grant_type"], "client_credential");
    if inner.tokens == 0 {
        inner.tokens = 1;
    }
    inner.asked.push(asked);
    axum::Json(json!({"access_token": format!("token-{}", inner.tokens), "expires_in": 7200})).into_response()
}

async fn send(inner: &Mutex<Inner>, query: &[(String, String)], body: Bytes) -> Response {
    let code = |code: i64, words: &str| axum::Json(json!({"errcode": code, "errmsg": words})).into_response();
    let slow = {
        let mut inner = inner.lock().unwrap();
        let mood = inner.moods.pop_front();
        if matches!(mood, Some(Mood::Expired)) {
            inner.tokens += 1;
        }
        let good = format!("token-{}", inner.tokens);
        if !query.iter().any(|(name, value)| name == "access_token" && *value == good) {
            return code(42001, "access_token expired");
        }
        match mood {
            Some(Mood::Code(number)) => return code(number, "as the test wants it"),
            Some(Mood::Truncated) => return (StatusCode::OK, Body::from("{\"errcode\":")).into_response(),
            Some(Mood::Slow(time)) => Some(time),
            Some(Mood::Expired) | None => {
                inner.sent.push(body);
                None
            }
        }
    };
    if let Some(time) = slow {
        tokio::time::sleep(time).await;
        return code(-1, "system error");
    }
    code(0, "ok")
}
