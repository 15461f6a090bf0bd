//! A human queue's webhook: a real HTTP server that writes down what comes and answers as the test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::{str_at, wait_for};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Hit {
    /// `/desk`, `/oncall`, `/replies`.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, byte by byte.
    pub body: Bytes,
    /// Status that it was answered with.
    pub answered: u16,
}

impl Hit {
    /// A header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `webhook-id`.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// `type`.
    pub fn kind(&self) -> String {
        str_at(&self.json(), "/type").to_owned()
    }
}

/// Status and delay of an answer.
pub type Answer = (u16, Duration);

/// The receiver. Lives as long as the test's runtime.
#[derive(Clone, Debug)]
pub struct Receiver {
    address: SocketAddr,
    hits: Arc<Mutex<Vec<Hit>>>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::misbehaving(|_, _| (200, Duration::ZERO)).await
    }

    /// `answer` is given each request and how many came before it with the same id.
    pub async fn misbehaving(answer: impl Fn(&Hit, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hits = Arc::new(Mutex::new(Vec::<Hit>::new()));
        let (kept, answer) = (Arc::clone(&hits), Arc::new(answer));
        let ids = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
        let receive = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (kept, answer, ids) = (Arc::clone(&kept), Arc::clone(&answer), Arc::clone(&ids));
            async move {
                let mut hit = Hit { path: uri.path().to_owned(), headers, body, answered: 0 };
                let delay = {
                    let mut hits = kept.lock().unwrap();
                    let mut ids = ids.lock().unwrap();
                    let before = ids.entry(hit.id().to_owned()).or_default();
                    let (status, delay) = answer(&hit, *before);
                    *before += 1;
                    hit.answered = status;
                    hits.push(hit.clone());
                    delay
                };
                tokio::time::sleep(delay).await;
                StatusCode::from_u16(hit.answered).unwrap()
            }
        };
        let router = Router::new().fallback(receive);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, hits }
    }

    /// One that somebody else has started.
    #[allow(dead_code, reason = "for the soak, which has a receiver of its own")]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, hits: Arc::default() }
    }

    /// An address at it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that came so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// How many came so far.
    pub fn count(&self) -> usize {
        self.hits.lock().unwrap().len()
    }

    /// All that came so far to one path.
    pub fn hits_at(&self, path: &str) -> Vec<Hit> {
        self.hits().into_iter().filter(|hit| hit.path == path).collect()
    }

    /// Waits until so many requests came to a path, and returns them.
    pub async fn wait(&self, path: &str, count: usize) -> Vec<Hit> {
        wait_for(&format!("{count} requests at {path}"), || async {
            Some(self.hits_at(path)).filter(|hits| hits.len() >= count)
        })
        .await
    }
}
