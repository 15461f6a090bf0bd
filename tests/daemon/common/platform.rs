//! The sending side of Telegram, LINE, Meta and Weibo, written from their documentation: an API that takes messages, writes down
//! what came, and misbehaves when told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use nightdesk::store::{DeliveryFilter, OutboxRow};
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::receiver::Receiver;
use super::shop::Shop;
use super::{str_at, wait_for};

/// When the tests of platforms begin: a Wednesday morning.
pub const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Mood {
    /// With this, and it has not taken the message.
    Says(u16, Value),
    /// With this header and no JSON.
    Later(u16, u64),
    /// Breaks off in the middle of the JSON.
    Truncated,
    /// Answers after so long, and has not taken it.
    Slow(Duration),
    /// Closes without an answer, and has taken it.
    TakenAndGone,
}

/// One request that was taken.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The body: JSON, or a form as an object.
    pub body: Value,
}

impl Sent {
    /// A header's text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A text of the body.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &str {
        str_at(&self.body, pointer)
    }
}

#[derive(Debug, Default)]
struct Inner {
    moods: VecDeque<Option<Mood>>,
    sent: Vec<Sent>,
    asked: usize,
}

/// A running API.
#[derive(Clone, Debug)]
pub struct Platform {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Platform {
    /// Starts one that answers `good` to what it takes.
    pub async fn start(good: fn(&Sent) -> Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let kept = Arc::clone(&inner);
        let take = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let kept = Arc::clone(&kept);
            async move {
                let sent = Sent { path: uri.to_string(), body: read(&headers, &body), headers };
                answer(&kept, &method, sent, good).await
            }
        };
        let router = Router::new().fallback(take);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// A daemon on the small shop with this channel, whose API this is.
    pub async fn daemon(&self, channel: &str, settings: &str) -> (Shop, Receiver, Daemon) {
        let receiver = Receiver::start().await;
        let shop = self.shop(&receiver, channel, settings);
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        (shop, receiver, daemon)
    }

    /// The small shop with this channel and an answer that is long.
    pub fn shop(&self, receiver: &Receiver, channel: &str, settings: &str) -> Shop {
        let shop = Shop::small(receiver);
        let all = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
        let line = format!("\nchannels:\n  {channel}: {{{settings}, base_url: \"{}/\"}}\n", self.url());
        shop.write("nightdesk.yaml", &all.replace("\nchannels:\n", &line));
        let long = (0..9).map(|n| format!("第{n}段：{}", "长".repeat(150))).collect::<Vec<_>>().join("\\n\\n");
        shop.write(
            "rules/long.yaml",
            &format!("rules:\n  - id: long\n    when: {{phrase: [说得详细些]}}\n    reply: \"{long}\"\n"),
        );
        shop
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the next requests are answered; after them all is well.
    pub fn moods(&self, moods: &[Mood]) {
        self.inner.lock().unwrap().moods.extend(moods.iter().cloned().map(Some));
    }

    /// The same, where none is an answer that is good.
    pub fn then(&self, moods: &[Option<Mood>]) {
        self.inner.lock().unwrap().moods.extend(moods.iter().cloned());
    }

    /// How many requests came, taken or not.
    pub fn asked(&self) -> usize {
        self.inner.lock().unwrap().asked
    }

    /// All that was taken.
    pub fn sent(&self) -> Vec<Sent> {
        self.inner.lock().unwrap().sent.clone()
    }

    /// Waits until so many were taken.
    pub async fn wait(&self, count: usize) -> Vec<Sent> {
        wait_for(&format!("{count} messages at the platform"), || async {
            Some(self.sent()).filter(|sent| sent.len() >= count)
        })
        .await
    }
}

fn read(headers: &HeaderMap, body: &Bytes) -> Value {
    if headers.get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded") {
        let url = reqwest::Url::parse(&format!("http://x/?{}", std::str::from_utf8(body).unwrap())).unwrap();
        return url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    }
    serde_json::from_slice(body).unwrap_or_default()
}

async fn answer(inner: &Mutex<Inner>, method: &Method, sent: Sent, good: fn(&Sent) -> Value) -> Response<Body> {
    let mood = {
        let mut inner = inner.lock().unwrap();
        inner.asked += 1;
        let mood = inner.moods.pop_front().flatten();
        if method == Method::POST && matches!(mood, None | Some(Mood::TakenAndGone)) {
            inner.sent.push(sent.clone());
        }
        mood
    };
    let say = |status: u16, body: String| {
        Response::builder().status(status).header("content-type", "application/json").body(Body::from(body)).unwrap()
    };
    match mood {
        None => say(200, good(&sent).to_string()),
        Some(Mood::Says(status, value)) => say(status, value.to_string()),
        Some(Mood::Later(status, seconds)) => {
            Response::builder().status(status).header("retry-after", seconds).body(Body::empty()).unwrap()
        }
        Some(Mood::Truncated) => say(200, "{\"ok\":".to_owned()),
        Some(Mood::Slow(time)) => {
            tokio::time::sleep(time).await;
            say(200, "{}".to_owned())
        }
        Some(Mood::TakenAndGone) => {
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
            Response::new(Body::from_stream(broken))
        }
    }
}

/// Where a channel's messages come in.
pub fn inbound(daemon: &Daemon, channel: &str) -> String {
    format!("http://{}/v1/inbound/{channel}", daemon.address())
}

/// Deliveries to a channel in a state.
pub async fn deliveries(daemon: &Daemon, channel: &str, state: &str) -> Vec<OutboxRow> {
    let filter =
        DeliveryFilter { state: Some(state.to_owned()), endpoint: Some(format!("reply:{channel}")), limit: 100 };
    daemon.app.pipeline.store.deliveries(filter).await.unwrap()
}

/// Waits for the first delivery to a channel that was given up, and tells why it was.
pub async fn given_up(daemon: &Daemon, channel: &str) -> String {
    let dead = wait_for("a delivery that is given up", || async { deliveries(daemon, channel, "dead").await.pop() });
    dead.await.last_error.unwrap()
}

/// Turns the clock on until so many messages were taken: failed ones are tried again.
pub async fn wait_through(platform: &Platform, daemon: &Daemon, count: usize) -> Vec<Sent> {
    wait_for(&format!("{count} messages at the platform, whatever it takes"), || async {
        let sent = platform.sent();
        if sent.len() < count {
            let on = daemon.now().checked_add(jiff::SignedDuration::from_mins(5)).unwrap();
            daemon.turn_to(&on.to_string());
        }
        Some(sent).filter(|sent| sent.len() >= count)
    })
    .await
}

/// HMAC-SHA256 of the test's own, which the platforms' libraries are shown to agree with.
pub fn hmac(secret: &str, content: &[u8]) -> Vec<u8> {
    use aws_lc_rs::hmac;
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), content).as_ref().to_vec()
}

/// Hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The id of the one conversation that there is.
pub async fn conversation(daemon: &Daemon) -> String {
    let list = super::api::get(&format!("http://{}/v1/conversations", daemon.address())).await;
    str_at(&list.json, "/conversations/0/id").to_owned()
}

/// No conversation has begun.
pub async fn nothing_happened(daemon: &Daemon) {
    let list = super::api::get(&format!("http://{}/v1/conversations", daemon.address())).await;
    assert_eq!(list.json["conversations"], json!([]));
}

/// `nightdesk channel test`, as people run it: exit code and what it prints.
pub async fn channel_test(shop: &Shop, name: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(shop.dir()).args(["channel", "test", name]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}
