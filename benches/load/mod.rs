//! Customers over real sockets: as fast as answers come (closed), or at a fixed rate whatever comes (open).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use nightdesk::rules::model::Condition;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// Customers from one address of 127.0.0.0/8.
const EACH: usize = 900;

/// Where customers connect to, and how.
#[derive(Clone)]
pub struct Door {
    address: SocketAddr,
    connector: Connector,
}

impl Door {
    /// Over TLS, as `localhost`.
    pub fn tls(address: SocketAddr, trust: Arc<ClientConfig>) -> Self {
        Self { address, connector: Connector::Rustls(trust) }
    }

    fn url(&self) -> String {
        match self.connector {
            Connector::Plain => format!("ws://{}/v1/chat", self.address),
            _ => format!("wss://localhost:{}/v1/chat", self.address.port()),
        }
    }
}

impl From<SocketAddr> for Door {
    fn from(address: SocketAddr) -> Self {
        Self { address, connector: Connector::Plain }
    }
}

/// Who is talked to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends each frame back.
    Echo,
    /// Answers, and acknowledges when all is on disk.
    Nightdesk,
}

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Questions of the pack, none twice by one customer.
    Questions,
    /// The customer asked for a person, so each message goes to people.
    Handoffs,
}

/// What was said to a message.
pub enum Said {
    /// It is on disk.
    Taken,
    /// It was not taken; it may be sent again after this time.
    Refused(Duration),
}

/// What came of it.
pub struct Measured {
    /// Microseconds from the moment at which a message was due to its acknowledgement.
    pub times: Histogram<u64>,
    /// How long all took.
    pub took: Duration,
    /// Messages that were not acknowledged.
    pub failed: usize,
    /// Processor time of the program meanwhile.
    pub processor: Duration,
}

impl Measured {
    /// Acknowledged messages a second.
    pub fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a count of messages")]
        let count = self.times.len() as f64;
        count / self.took.as_secs_f64()
    }

    /// Processor time of the program for one of them, in microseconds.
    pub fn processor_micros(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / (self.rate() * self.took.as_secs_f64()).max(1.0)
    }
}

/// One customer's socket.
pub struct Customer {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    kind: Kind,
    said: usize,
    number: usize,
}

impl Customer {
    /// Connects as the customer of this number, and says hello.
    pub async fn new(door: impl Into<Door>, kind: Kind, number: usize) -> anyhow::Result<Self> {
        let door = door.into();
        let socket = TcpSocket::new_v4()?;
        let host = u8::try_from(number / EACH % 250)? + 2;
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0))?;
        let stream = socket.connect(door.address).await?;
        stream.set_nodelay(true)?;
        let mut request = door.url().into_client_request()?;
        if kind == Kind::Nightdesk {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat.v1.json"));
        }
        let (ws, _) =
            tokio_tungstenite::client_async_tls_with_config(request, stream, None, Some(door.connector)).await?;
        let mut customer = Self { ws, kind, said: 0, number };
        if kind == Kind::Nightdesk {
            customer.frame(&json!({"type": "hello", "id": "hello", "data": {"locale": "zh-CN"}})).await?;
            let welcome = customer.next().await?;
            anyhow::ensure!(welcome["type"] == "welcome", "{welcome}");
        }
        Ok(customer)
    }

    async fn frame(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.ws.send(Message::Text(frame.to_string().into())).await?)
    }

    async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text)?),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => anyhow::bail!("the socket ended: {other:?}"),
            }
        }
    }

    /// Its place among those of one address, from 0 to 1: when it begins, so that not all begin at once.
    pub fn place(&self) -> f64 {
        f64::from(u32::try_from(self.number % EACH).unwrap_or_default()) / f64::from(u32::try_from(EACH).unwrap_or(1))
    }

    /// Says the next thing, and waits until it is acknowledged; replies come before that.
    pub async fn say(&mut self, texts: &[String]) -> anyhow::Result<()> {
        match self.attempt(texts).await? {
            Said::Taken => Ok(()),
            Said::Refused(wait) => anyhow::bail!("refused for {wait:?}"),
        }
    }

    /// The same, of a daemon that may refuse it.
    pub async fn attempt(&mut self, texts: &[String]) -> anyhow::Result<Said> {
        // Each begins elsewhere, so that not all ask the same at once.
        let text = &texts[(self.number + self.said) % texts.len()];
        self.said += 1;
        let id = format!("{}-{}", self.number, self.said);
        self.frame(&json!({"type": "message", "id": id, "data": {"text": text}})).await?;
        loop {
            let frame = self.next().await?;
            match self.kind {
                Kind::Echo => return Ok(Said::Taken),
                Kind::Nightdesk if frame["re"] == id.as_str() && frame["type"] == "ack" => return Ok(Said::Taken),
                Kind::Nightdesk if frame["re"] == id.as_str() && frame["data"]["retry_after_ms"].is_u64() => {
                    let wait = frame["data"]["retry_after_ms"].as_u64().unwrap_or_default();
                    return Ok(Said::Refused(Duration::from_millis(wait)));
                }
                Kind::Nightdesk => anyhow::ensure!(frame["type"] != "error", "{frame}"),
            }
        }
    }
}

/// Connects customers, a few at a time.
pub async fn connect(door: impl Into<Door>, kind: Kind, count: usize) -> anyhow::Result<Vec<Customer>> {
    let door = door.into();
    let customers = futures_util::stream::iter(0..count).map(|number| Customer::new(door.clone(), kind, number));
    let all: Vec<_> = customers.buffer_unordered(64).collect().await;
    all.into_iter().collect()
}

/// Lets each customer write as soon as the last message is acknowledged.
pub async fn closed(customers: Vec<Customer>, texts: Arc<Vec<String>>, time: Duration) -> (Measured, Vec<Customer>) {
    run(customers, texts, time, None).await
}

/// Lets the customers write so many messages a second together. A message that has to wait, because the one before it is not
/// acknowledged yet, has its time taken from when it was due: what one slow answer holds up counts as well.
pub async fn open(
    customers: Vec<Customer>,
    texts: Arc<Vec<String>>,
    time: Duration,
    rate: f64,
) -> (Measured, Vec<Customer>) {
    run(customers, texts, time, Some(rate)).await
}

async fn run(
    customers: Vec<Customer>,
    texts: Arc<Vec<String>>,
    time: Duration,
    rate: Option<f64>,
) -> (Measured, Vec<Customer>) {
    let count = customers.len();
    let begin = Instant::now();
    let failed = Arc::new(AtomicUsize::new(0));
    #[allow(clippy::cast_precision_loss, reason = "some thousand customers")]
    let count_f64 = count as f64;
    let every = rate.map(|rate| Duration::from_secs_f64(count_f64 / rate));
    let tasks: Vec<_> = customers
        .into_iter()
        .enumerate()
        .map(|(index, mut customer)| {
            let (texts, failed) = (Arc::clone(&texts), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut times = Histogram::<u64>::new(3).expect("three digits");
                // Spread over one interval, so that they do not write in step.
                let offset =
                    every.map(|every| every.mul_f64(f64::from(u32::try_from(index).unwrap_or_default()) / count_f64));
                let mut number = 0_u32;
                loop {
                    let due = match (every, offset) {
                        (Some(every), Some(offset)) => begin + offset + every * number,
                        _ => Instant::now(),
                    };
                    number += 1;
                    if due >= begin + time {
                        break;
                    }
                    tokio::time::sleep_until(due.into()).await;
                    if customer.say(&texts).await.is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        return (times, None);
                    }
                    let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                    let _ = times.record(micros.max(1));
                }
                (times, Some(customer))
            })
        })
        .collect();
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let mut left = Vec::with_capacity(count);
    for task in tasks {
        let (own, customer) = task.await.expect("a customer's task");
        times.add(own).expect("the same digits");
        left.extend(customer);
    }
    let (took, failed) = (begin.elapsed(), failed.load(Ordering::Relaxed));
    (Measured { times, took, failed, processor: Duration::ZERO }, left)
}

/// The first question of each entry of the starter pack.
pub fn questions() -> anyhow::Result<Vec<String>> {
    let (engine, _) = nightdesk::shop::open(Path::new(env!("CARGO_MANIFEST_DIR")), jiff::Timestamp::now());
    let engine = engine.ok_or_else(|| anyhow::anyhow!("the starter pack has errors"))?;
    let mut questions = Vec::new();
    for rule in engine.book().rules.iter().filter(|rule| rule.slots.is_empty() && !rule.urgent) {
        questions.extend(question(&rule.when).map(str::to_owned));
    }
    anyhow::ensure!(questions.len() > 100, "too few questions");
    Ok(questions)
}

/// The first sentence that a message is to be like.
fn question(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Like(sentences) => sentences.first().map(|sentence| sentence.value.as_str()),
        Condition::Any(all) => all.iter().find_map(question),
        _ => None,
    }
}
