//! Customers who know what must come: each message one acknowledgement and one answer, numbers without gaps, every answer of one
//! version of the files. And those who are no pleasure: who only sit there, say nothing, read nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use nightdesk::handoff::signing::SigningKey;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::common::api::forwarded;
use crate::common::client::{Client, message};
use crate::common::shop::CRM_SECRET;
use crate::common::str_at;
use crate::world::{Dice, Told, World, count};

/// A customer at the socket, with what must hold of everything that is heard.
struct Talker {
    client: Client,
    /// The last number that was heard.
    seq: u64,
    state: String,
    acknowledged: Vec<String>,
    for_people: Vec<String>,
    /// Answers by the id of the message.
    answers: HashMap<String, usize>,
    /// What people wrote.
    people: Vec<String>,
    number: u64,
}

impl Talker {
    async fn new(world: &World) -> Result<Self, String> {
        let client = Client::try_hello(world.address, json!({"locale": "zh-CN"})).await?;
        Ok(Self {
            client,
            seq: 0,
            state: "bot".to_owned(),
            acknowledged: Vec::new(),
            for_people: Vec::new(),
            answers: HashMap::new(),
            people: Vec::new(),
            number: 0,
        })
    }

    /// Goes without a word, and comes back.
    async fn come_back(&mut self, world: &World) -> Result<(), String> {
        let hello = self.client.resume(self.seq);
        let before = self.client.conversation().to_owned();
        self.client = Client::try_hello(world.address, hello).await?;
        let welcome = &self.client.welcome;
        if self.client.conversation() != before || welcome["data"]["recovered"] != true {
            return Err(format!("{before} does not go on: {welcome}"));
        }
        count(&world.counts.resumed);
        Ok(())
    }

    /// The next frame; what it says is noted.
    async fn next(&mut self) -> Result<Value, String> {
        let frame = self.client.try_next().await?;
        let data = &frame["data"];
        if let Some(seq) = frame["seq"].as_u64().filter(|_| data["dup"] != true) {
            if seq != self.seq + 1 {
                return Err(format!("number {seq} after {}: {frame}", self.seq));
            }
            self.seq = seq;
        }
        match frame["type"].as_str() {
            Some("state") => str_at(&frame, "/data/state").clone_into(&mut self.state),
            Some("message") if data["role"] == "bot" => {
                if let Some(to) = data["reply_to"].as_str() {
                    *self.answers.entry(to.to_owned()).or_default() += 1;
                }
            }
            Some("message") if data["role"] == "human" => self.people.push(str_at(&frame, "/data/text").to_owned()),
            _ => {}
        }
        Ok(frame)
    }

    /// Says something; the id of the message and what the daemon said to it.
    async fn say(&mut self, text: &str) -> Result<String, String> {
        self.number += 1;
        let id = format!("m-{}", self.number);
        let ack = self.send(&id, text).await?;
        let message = str_at(&ack, "/data/message").to_owned();
        if ack["data"]["dup"] == true || self.acknowledged.contains(&message) {
            return Err(format!("{message} is new: {ack}"));
        }
        self.acknowledged.push(message.clone());
        Ok(message)
    }

    async fn send(&mut self, id: &str, text: &str) -> Result<Value, String> {
        self.client.try_send(message(id, text)).await?;
        loop {
            let frame = self.next().await?;
            if frame["re"] == id && frame["type"] != "held" {
                return if frame["type"] == "ack" { Ok(frame) } else { Err(frame.to_string()) };
            }
        }
    }

    /// Says the last thing again, as a client in doubt does.
    async fn repeat(&mut self, text: &str) -> Result<(), String> {
        let ack = self.send(&format!("m-{}", self.number), text).await?;
        let same = self.acknowledged.last().is_some_and(|message| ack["data"]["message"] == message.as_str());
        if same && ack["data"]["dup"] == true { Ok(()) } else { Err(format!("it was said before: {ack}")) }
    }

    /// Waits for the answer to a message, unless people have the conversation.
    async fn answered(&mut self, message: &str) -> Result<(), String> {
        while !self.answers.contains_key(message) {
            self.next().await?;
        }
        Ok(())
    }

    /// Hears all that there is to hear.
    async fn quiet(&mut self) -> Result<(), String> {
        self.client.try_send(json!({"type": "ping", "id": "quiet"})).await?;
        while self.next().await?["type"] != "pong" {}
        Ok(())
    }

    async fn until_state(&mut self, state: &str) -> Result<(), String> {
        while self.state != state {
            self.next().await?;
        }
        Ok(())
    }

    fn told(self) -> Told {
        Told {
            conversation: self.client.conversation().to_owned(),
            said: self.acknowledged.len(),
            acknowledged: self.acknowledged,
            for_people: self.for_people,
        }
    }
}

/// Whoever comes is gone after a while, and another one comes, until the end.
async fn one_after_another<F: Future<Output = Result<(), String>>>(
    world: &World,
    what: &str,
    mut visit: impl FnMut() -> F,
) {
    while !world.stop.is_cancelled() {
        if let Err(error) = visit().await {
            world.fault(format!("{what}: {error}"));
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// When the next thing is to be said: every so often, whatever comes.
struct Pace {
    every: Duration,
    due: Instant,
}

impl Pace {
    fn new(every: Duration, dice: &mut Dice) -> Self {
        let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { every, due: Instant::now() + Duration::from_millis(dice.roll(millis)) }
    }

    /// Waits for it; the moment at which it was due.
    async fn next(&mut self) -> Instant {
        // Who was held up for longer does not say all at once what was due meanwhile.
        let due = self.due;
        self.due = (due + self.every).max(Instant::now());
        sleep_until(due).await;
        due
    }
}

/// Asks questions of the pack, none twice; comes back without a word now and then, and repeats itself out of doubt.
pub async fn chat(world: Arc<World>, texts: Arc<Vec<String>>, number: u64, every: Duration) {
    let mut dice = Dice(number);
    let mut pace = Pace::new(every, &mut dice);
    while !world.stop.is_cancelled() {
        let (first, life) = (dice.roll(texts.len() as u64), 5 + dice.roll(40));
        let done = async {
            let mut talker = Talker::new(&world).await?;
            for n in 0..life {
                let due = pace.next().await;
                if world.stop.is_cancelled() {
                    break;
                }
                let text = &texts[usize::try_from(first + n).unwrap_or_default() % texts.len()];
                let said = talker.say(text).await?;
                talker.answered(&said).await?;
                world.took(due.elapsed());
                // Whether people have it now is told after the answer.
                talker.quiet().await?;
                if talker.state != "bot" {
                    // A person has to look at this one: what more there is to say is said to people.
                    talker.for_people.push(said);
                    break;
                }
                if dice.roll(30) == 0 {
                    talker.repeat(text).await?;
                    count(&world.counts.repeated);
                }
                if dice.roll(20) == 0 {
                    talker.come_back(&world).await?;
                }
            }
            world.keep(talker.told());
            Ok::<(), String>(())
        };
        if let Err(what) = done.await {
            world.fault(format!("a customer: {what}"));
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Asks for a person, writes to that person, and is asked how it was.
pub async fn for_people(world: Arc<World>, number: u64, every: Duration) {
    let mut dice = Dice(number ^ 0xbeef);
    let mut pace = Pace::new(every, &mut dice);
    while !world.stop.is_cancelled() {
        let due = pace.next().await;
        let rates = dice.roll(3) == 0;
        let done = async {
            let mut talker = Talker::new(&world).await?;
            let said = talker.say("转人工").await?;
            world.took(due.elapsed());
            talker.for_people.push(said);
            talker.until_state("queued").await?;
            let more = talker.say("订单一直没有发货，帮我看看").await?;
            count(&world.counts.messages);
            talker.for_people.push(more);
            talker.until_state("human").await?;
            let more = talker.say("谢谢，我等您").await?;
            count(&world.counts.messages);
            talker.for_people.push(more);
            talker.until_state("closed").await?;
            if talker.people != ["您好，我来看一下。", "处理好了，请您查看。"] {
                return Err(format!("people were heard to say {:?}", talker.people));
            }
            if rates {
                let rated = talker.say("5").await?;
                count(&world.counts.messages);
                talker.answered(&rated).await?;
            }
            world.keep(talker.told());
            Ok::<(), String>(())
        };
        if let Err(what) = done.await {
            world.fault(format!("a customer of people: {what}"));
        }
    }
}

/// A platform, which posts each message, and sometimes once more.
pub async fn platform(world: Arc<World>, texts: Arc<Vec<String>>, number: u64, every: Duration) {
    let mut dice = Dice(number ^ 0xf00d);
    let mut pace = Pace::new(every, &mut dice);
    let mut visit = 0;
    while !world.stop.is_cancelled() {
        visit += 1;
        let who = format!("p-{number}-{visit}");
        let first = dice.roll(texts.len() as u64);
        let mut told = Told { conversation: String::new(), acknowledged: Vec::new(), said: 0, for_people: Vec::new() };
        for n in 0..5 + dice.roll(20) {
            let due = pace.next().await;
            if world.stop.is_cancelled() {
                break;
            }
            let text = &texts[usize::try_from(first + n).unwrap_or_default() % texts.len()];
            let body = forwarded(&format!("{who}-{n}"), &who, text);
            let done = async {
                let taken = post(&world, &body).await?;
                world.took(due.elapsed());
                told.said += 1;
                str_at(&taken, "/conversation").clone_into(&mut told.conversation);
                // The ids of the answers begin with that of the message.
                let answers = taken["messages"].as_array().map_or(0, Vec::len);
                let message =
                    taken.pointer("/messages/0/message").and_then(Value::as_str).and_then(|id| id.rsplit_once('-'));
                let Some((message, _)) = message else { return Err(format!("no answer: {taken}")) };
                told.acknowledged.push(message.to_owned());
                if taken["state"] != "bot" {
                    told.for_people.push(message.to_owned());
                } else if answers != 1 {
                    return Err(format!("{answers} answers: {taken}"));
                }
                if dice.roll(15) == 0 {
                    let mut again = post(&world, &body).await?;
                    count(&world.counts.repeated);
                    again["duplicate"] = taken["duplicate"].clone();
                    if again != taken {
                        return Err(format!("other answers to one message: {taken} and {again}"));
                    }
                }
                Ok::<bool, String>(taken["state"] == "bot")
            };
            match done.await {
                Ok(true) => {}
                Ok(false) => break,
                Err(what) => {
                    world.fault(format!("a platform: {what}"));
                    break;
                }
            }
        }
        if told.said > 0 {
            world.keep(told);
        }
    }
}

async fn post(world: &World, body: &Value) -> Result<Value, String> {
    let (id, body) = (format!("evt-{}", str_at(body, "/data/id")), body.to_string());
    let seconds = jiff::Timestamp::now().as_second();
    let key = SigningKey::parse(CRM_SECRET).map_err(|error| error.to_string())?;
    let request = world
        .http
        .post(format!("http://{}/v1/inbound/crm", world.address))
        .header("content-type", "application/json")
        .header("webhook-signature", key.sign(&id, seconds, body.as_bytes()))
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds);
    let answer = request.body(body).send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| error.to_string())?;
    if status.is_success() {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        Err(format!("{status} {text}"))
    }
}

/// Asks what says the version of the files: a new customer each time. An answer names its version twice, in parts of two entries.
pub async fn versions(world: Arc<World>, every: Duration) {
    let mut pace = Pace::new(every, &mut Dice(1));
    one_after_another(&world, "a look at the version", || {
        let (due, world) = (pace.due, &world);
        pace.due = (due + pace.every).max(Instant::now());
        async move {
            sleep_until(due).await;
            let mut talker = Talker::new(world).await?;
            let said = talker.say("测速测速").await?;
            loop {
                let frame = talker.next().await?;
                if frame["data"]["reply_to"] != said.as_str() {
                    continue;
                }
                let text = frame["data"].to_string();
                let named: Vec<String> = text
                    .split("版本")
                    .skip(1)
                    .map(|part| part.chars().take_while(char::is_ascii_digit).collect())
                    .collect();
                if named.len() < 2 || named.iter().any(|version| *version != named[0]) {
                    return Err(format!("a mixture: {frame}"));
                }
                break;
            }
            world.took(due.elapsed());
            count(&world.counts.versions);
            world.keep(talker.told());
            Ok(())
        }
    })
    .await;
}

/// Says hello and nothing else, for a while; half of them go without a word.
pub async fn idle(world: Arc<World>, number: u64) {
    let mut dice = Dice(number ^ 0x1d1e);
    one_after_another(&world, "an idle customer", || {
        let (stay, polite) = (Duration::from_millis(3_000 + dice.roll(40_000)), dice.roll(2) == 0);
        let world = &world;
        async move {
            let mut client = Client::try_hello(world.address, json!({"locale": "en"})).await?;
            tokio::select! {
                () = world.stop.cancelled() => {}
                // Pings are answered while it listens.
                heard = timeout(stay, client.try_next()) => {
                    if let Ok(heard) = heard {
                        return Err(format!("it heard {heard:?}"));
                    }
                }
            }
            if polite {
                let _ = client.ws.close(None).await;
            }
            count(&world.counts.idle);
            Ok(())
        }
    })
    .await;
}

/// Opens a connection and says half of a request, or nothing; it must be closed.
pub async fn silent(world: Arc<World>, half: bool) {
    one_after_another(&world, "a silent connection", || async {
        let socket = TcpSocket::new_v4().map_err(|error| error.to_string())?;
        let mut stream = socket.connect(world.address).await.map_err(|error| error.to_string())?;
        if half {
            let _ = tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                b"POST /v1/inbound/crm HTTP/1.1\r\nHost: x\r\nContent-",
            )
            .await;
        }
        let mut bytes = Vec::new();
        let ended = timeout(Duration::from_secs(40), stream.read_to_end(&mut bytes)).await;
        count(&world.counts.silent);
        ended.map(|_| ()).map_err(|_| "it is open after 40 s".to_owned())
    })
    .await;
}

/// Asks again and again for all that was said, and reads nothing of it; it must be dropped.
pub async fn slow(world: Arc<World>) {
    one_after_another(&world, "a customer who does not read", || async {
        let text = |error: std::io::Error| error.to_string();
        let socket = TcpSocket::new_v4().map_err(text)?;
        socket.set_recv_buffer_size(4_096).map_err(text)?;
        let stream = socket.connect(world.address).await.map_err(text)?;
        let mut request = format!("ws://{}/v1/chat", world.address).into_client_request().map_err(|e| e.to_string())?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat.v1.json"));
        let (mut ws, _) = tokio_tungstenite::client_async(request, stream).await.map_err(|error| error.to_string())?;
        let mut send = async |frame: Value| {
            timeout(Duration::from_secs(2), ws.send(Message::Text(frame.to_string().into())))
                .await
                .is_ok_and(|sent| sent.is_ok())
        };
        send(json!({"type": "hello", "data": {}})).await;
        for n in 0..30 {
            send(message(&format!("s-{n}"), &format!("您好，第{n}次来问一下 {}", "这个怎么样".repeat(100)))).await;
            sleep(Duration::from_millis(50)).await;
        }
        let began = Instant::now();
        while send(json!({"type": "history", "data": {"limit": 100}})).await && began.elapsed() < Duration::from_mins(1)
        {
            sleep(Duration::from_millis(25)).await;
        }
        count(&world.counts.slow);
        if began.elapsed() < Duration::from_mins(1) { Ok(()) } else { Err("it may ask for ever".to_owned()) }
    })
    .await;
}
