//! People's tool, which misbehaves: refuses, hangs, breaks off, asks for patience. And the agents who work on what it took.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{Dice, World, count};

/// A delivery is taken at the latest after so many refusals.
const MOST_FAILURES: usize = 5;

/// What came under one `webhook-id`.
#[derive(Default)]
struct Delivery {
    attempts: usize,
    taken: bool,
    hash: u64,
}

#[derive(Default)]
struct Inner {
    deliveries: HashMap<String, Delivery>,
    /// Messages of customers that were in something that was taken.
    messages: HashSet<String>,
    attempts: u64,
    refused: u64,
    wrong: Vec<String>,
}

/// The receiver.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    /// Starts it; the second are conversations whose case it took.
    pub async fn start(seed: u64) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (cases, new) = mpsc::unbounded_channel();
        let receiver = Self { address: listener.local_addr()?, inner: Arc::default() };
        let (own, dice) = (receiver.clone(), Arc::new(Mutex::new(Dice(seed))));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, dice, cases) = (own.clone(), Arc::clone(&dice), cases.clone());
                tokio::spawn(async move {
                    let taken = service_fn(move |request: Request<Incoming>| {
                        let (own, cases) = (own.clone(), cases.clone());
                        let roll = dice.lock().unwrap_or_else(PoisonError::into_inner).roll(20);
                        async move { own.receive(request, roll, &cases).await }
                    });
                    let _ =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), taken).await;
                });
            }
        });
        Ok((receiver, new))
    }

    async fn receive(
        &self,
        request: Request<Incoming>,
        roll: u64,
        cases: &mpsc::UnboundedSender<String>,
    ) -> Result<Response<String>, std::io::Error> {
        let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let hash = hash(&body);
        {
            let mut inner = self.inner();
            inner.attempts += 1;
            let delivery = inner.deliveries.entry(id.clone()).or_default();
            let other = delivery.attempts > 0 && delivery.hash != hash;
            delivery.hash = hash;
            delivery.attempts += 1;
            let tired = delivery.attempts > MOST_FAILURES;
            if other {
                inner.wrong.push(format!("{id} came with other bytes"));
            }
            if roll < 6 && !tired {
                inner.refused += 1;
            } else {
                inner.take(&id, &body, cases);
            }
            if tired {
                return Ok(Response::default());
            }
        }
        let refused = |status: u16| Response::builder().status(status).header("retry-after", "1");
        match roll {
            0 => Ok(refused(500).body(String::new()).unwrap_or_default()),
            1 => Ok(refused(503).body("x".repeat(100_000)).unwrap_or_default()),
            2 => Ok(refused(429).body(String::new()).unwrap_or_default()),
            3 => Ok(refused(302).header("location", "/elsewhere").body(String::new()).unwrap_or_default()),
            // Longer than it is waited for.
            4 => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok(Response::default())
            }
            5 => Err(std::io::Error::other("broken off")),
            6..10 => {
                tokio::time::sleep(Duration::from_millis(roll * 50)).await;
                Ok(Response::default())
            }
            _ => Ok(Response::default()),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages of customers that people have heard of.
    pub fn taken(&self) -> HashSet<String> {
        self.inner().messages.clone()
    }

    /// Attempts, and those that were refused.
    pub fn attempts(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.attempts, inner.refused)
    }

    /// What it was sent that it must not be sent.
    pub fn wrong(&self) -> Vec<String> {
        let inner = self.inner();
        let waiting = inner.deliveries.iter().filter(|(_, delivery)| !delivery.taken);
        inner.wrong.iter().cloned().chain(waiting.map(|(id, _)| format!("{id} was never taken"))).collect()
    }
}

impl Inner {
    fn take(&mut self, id: &str, body: &Bytes, cases: &mpsc::UnboundedSender<String>) {
        let delivery = self.deliveries.entry(id.to_owned()).or_default();
        if std::mem::replace(&mut delivery.taken, true) {
            return;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            self.wrong.push(format!("{id} is no JSON"));
            return;
        };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        self.messages.extend(text("/data/message/message"));
        if body["type"] == "handoff.created"
            && let Some(conversation) = text("/data/conversation/id")
        {
            // Nobody listens any more at the end.
            let _ = cases.send(conversation);
        }
    }
}

fn hash(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Agents take each case, answer it twice (one answer is sent again, as a tool in doubt does), and close it.
pub async fn agents(world: Arc<World>, mut cases: mpsc::UnboundedReceiver<String>) {
    let mut dice = Dice(7);
    while let Some(conversation) = cases.recv().await {
        let (world, wait) = (Arc::clone(&world), Duration::from_millis(200 + dice.roll(2_000)));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Err(what) = work(&world, &conversation).await {
                world.fault(format!("an agent with {conversation}: {what}"));
            }
        });
    }
}

async fn work(world: &World, conversation: &str) -> Result<(), String> {
    let act = async |what: &str, body: Value| -> Result<(), String> {
        let url = format!("http://{}/v1/conversations/{conversation}/{what}", world.address);
        let answer = world.http.post(url).body(body.to_string()).send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(()) } else { Err(format!("{what}: {status} {text}")) }
    };
    act("take", json!({})).await?;
    act("messages", json!({"text": "您好，我来看一下。", "id": format!("one-{conversation}")})).await?;
    let second = json!({"text": "处理好了，请您查看。", "id": format!("two-{conversation}")});
    act("messages", second.clone()).await?;
    act("messages", second).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    act("close", json!({})).await?;
    count(&world.counts.cases);
    Ok(())
}
