//! Groups of people whose robots can be written to: a real HTTP server that answers as the platforms do, or misbehaves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::shop::Shop;
use super::wait_for;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// `POST`.
    pub method: String,
    /// `/wecom-robot`, `/dingtalk`, `/feishu`, `/slack`.
    pub path: String,
    /// The parts of the query, in order.
    pub query: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub json: Value,
    /// Whether the group has it.
    pub taken: bool,
}

impl Message {
    /// All words of the message, one after the other.
    pub fn words(&self) -> String {
        fn add(value: &Value, out: &mut String) {
            match value {
                Value::String(text) => out.extend([text.as_str(), "\n"]),
                Value::Array(items) => items.iter().for_each(|item| add(item, out)),
                Value::Object(fields) => fields.values().for_each(|value| add(value, out)),
                _ => {}
            }
        }
        let mut out = String::new();
        add(&self.json, &mut out);
        out
    }
}

/// How a platform answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<u32>,
    /// Body.
    pub body: String,
    /// How long it takes.
    pub after: Duration,
    /// Whether the connection breaks in the middle of the body.
    pub cut: bool,
}

/// An answer at once.
pub fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, retry_after: None, body: body.into(), after: Duration::ZERO, cut: false }
}

/// The platform's own good answer.
pub fn good(path: &str) -> Reply {
    match path {
        "/slack" => reply(200, "ok"),
        "/feishu" => reply(
            200,
            json!({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}).to_string(),
        ),
        _ => reply(200, json!({"errcode": 0, "errmsg": "ok"}).to_string()),
    }
}

/// The groups. Live as long as the test's runtime.
#[derive(Clone, Debug)]
pub struct Groups {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Groups {
    /// Groups that take everything.
    pub async fn start() -> Self {
        Self::answering(|message, _| good(&message.path)).await
    }

    /// `answer` is given each message and how many came before it at the same path.
    pub async fn answering(answer: impl Fn(&Message, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let messages = Arc::new(Mutex::new(Vec::<Message>::new()));
        let (kept, answer) = (Arc::clone(&messages), Arc::new(answer));
        let receive = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            async move {
                let address = reqwest::Url::parse(&format!("http://group.example{uri}")).unwrap();
                let query =
                    address.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
                let json = serde_json::from_slice(&body).expect("a JSON body");
                let path = uri.path().to_owned();
                let mut message = Message { method: method.to_string(), path, query, headers, json, taken: false };
                let before = kept.lock().unwrap().iter().filter(|other| other.path == message.path).count();
                let reply = answer(&message, before);
                message.taken = reply.status == 200
                    && [good("/slack").body, good("/feishu").body, good("").body].contains(&reply.body);
                kept.lock().unwrap().push(message);
                tokio::time::sleep(reply.after).await;
                let mut response = Response::builder().status(reply.status);
                if let Some(seconds) = reply.retry_after {
                    response = response.header("retry-after", seconds);
                }
                let body = if reply.cut {
                    let (half, _) = reply.body.split_at(reply.body.len() / 2);
                    let half = Ok(Bytes::from(half.to_owned()));
                    let break_off = async {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        Err(std::io::Error::other("cut"))
                    };
                    let parts = futures_util::stream::once(std::future::ready(half));
                    Body::from_stream(parts.chain(futures_util::stream::once(break_off)))
                } else {
                    Body::from(reply.body)
                };
                response.body(body).unwrap()
            }
        };
        let router = Router::new().fallback(receive);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, messages }
    }

    /// The address of a robot.
    pub fn url(&self, format: &str) -> String {
        let secret = match format {
            "wecom-robot" => "?key=botkey0001",
            "dingtalk" => "?access_token=token0001",
            _ => "",
        };
        format!("http://{}/{format}{secret}", self.address)
    }

    /// All messages so far at one path.
    pub fn at(&self, format: &str) -> Vec<Message> {
        let path = format!("/{format}");
        self.messages.lock().unwrap().iter().filter(|message| message.path == path).cloned().collect()
    }

    /// Waits until so many messages came to a robot, and returns them.
    pub async fn wait(&self, format: &str, count: usize) -> Vec<Message> {
        wait_for(&format!("{count} messages at {format}"), || async {
            Some(self.at(format)).filter(|messages| messages.len() >= count)
        })
        .await
    }

    /// The small shop, its webhooks `desk` and `oncall` robots of this format; `more` are further keys of each.
    pub async fn shop(&self, format: &str, more: &str) -> Shop {
        let shop = Shop::small_with(&Receiver::start().await, "public_url: https://desk.example");
        let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
        let robot = format!("{{url: \"{}\", format: {format}, timeout: 700ms{more}}}", self.url(format));
        let lines: Vec<String> = settings
            .lines()
            .map(|line| match line {
                _ if line.starts_with("  desk: {url") => format!("  desk: {robot}"),
                _ if line.starts_with("  oncall: {url") => format!("  oncall: {robot}"),
                _ => line.to_owned(),
            })
            .collect();
        assert_eq!(lines.iter().filter(|line| line.contains(&robot)).count(), 2, "the small shop looks different now");
        shop.write("nightdesk.yaml", &lines.join("\n"));
        shop
    }
}
