//! One chat socket, from `hello` to close.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{SinkExt, StreamExt};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as WsMessage};
use tokio_util::sync::CancellationToken;

use crate::decide::survey;
use crate::hub::{Event, Listener, WHISPER};
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Priority, Role, State};
use crate::pipeline::{Accepted, AgentError, Arrival, Pipeline, PipelineError, Taken};
use crate::store::ConversationRow;
use crate::token::Tokens;

use super::frame::{self, Frame, Hello, History, Message, Rate, Select};
use super::identity::{self, IdentityError};
use super::{MAX_FRAME, close};

/// Time for the first frame.
const HELLO: Duration = Duration::from_secs(5);
/// Between our pings.
const PING: Duration = Duration::from_secs(25);
/// Longest time without hearing anything: two pings and a little.
const SILENCE: Duration = Duration::from_mins(1);
/// Longest time that one frame may take to be written.
const WRITE: Duration = Duration::from_secs(10);
/// Most events that are sent again on resume.
const MAX_RESUME: u64 = 500;
/// Most events of one `history`, and their bytes: a frame has to fit the write buffer.
const HISTORY: usize = 100;
const HISTORY_BYTES: usize = 128 * 1024;
/// Frames a second of one socket, and at once.
const FRAMES: (u32, u32) = (50, 200);
/// Frames over the limit before the socket is closed.
const MAX_OVER: u32 = 200;
/// Frames that are not of the protocol before the socket is closed.
const MAX_BAD: u32 = 10;

/// Who opened a socket, as far as the door knows.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The channel's name.
    pub channel: String,
    /// The address that it comes from, where that is known.
    pub address: Option<IpAddr>,
    /// Ends every socket when the daemon stops.
    pub stop: CancellationToken,
}

/// Why a socket ends.
enum End {
    /// Closed with a code and a word.
    Close(u16, &'static str),
    /// The other side is gone.
    Gone,
}

/// What a socket knows after `hello`.
struct Known {
    customer: Customer,
    locale: Option<String>,
    conversation: String,
    listener: Listener,
    /// Events up to this one were sent.
    seq: u64,
    /// When the last of them was made.
    until: Timestamp,
}

/// What the client is told of a frame of its own.
enum Told {
    Message(String, Result<Accepted, PipelineError>),
    Frame(Value),
}

struct Session<S> {
    ws: WebSocketStream<S>,
    pipeline: Arc<Pipeline>,
    visitor: Visitor,
    known: Option<Known>,
    /// Messages that wait for the customer's next one, and what was taken after them: told in the order of the frames.
    later: FuturesOrdered<BoxFuture<'static, Told>>,
    /// The same messages sent again meanwhile.
    repeated: FuturesUnordered<BoxFuture<'static, Told>>,
    limiter: DefaultDirectRateLimiter,
    over: u32,
    bad: u32,
    heard: Instant,
}

/// Serves one socket until it ends.
pub async fn run<S>(ws: WebSocketStream<S>, pipeline: Arc<Pipeline>, visitor: Visitor)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    pipeline.metrics.socket(true);
    let per_second = Quota::per_second(NonZeroU32::new(FRAMES.0).unwrap_or(NonZeroU32::MIN));
    let quota = per_second.allow_burst(NonZeroU32::new(FRAMES.1).unwrap_or(NonZeroU32::MIN));
    let metrics = Arc::clone(&pipeline.metrics);
    let mut session = Session {
        ws,
        pipeline,
        visitor,
        known: None,
        later: FuturesOrdered::new(),
        repeated: FuturesUnordered::new(),
        limiter: RateLimiter::direct(quota),
        over: 0,
        bad: 0,
        heard: Instant::now(),
    };
    let end = session.serve().await;
    if let End::Close(code, word) = end {
        tracing::debug!(code, word, "A chat socket was closed.");
        let frame = CloseFrame { code: CloseCode::from(code), reason: word.into() };
        // The client has a moment to answer the close; then the connection is dropped.
        let _ = timeout(Duration::from_secs(2), async {
            if session.ws.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = session.ws.next().await {}
            }
        })
        .await;
    }
    metrics.socket(false);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(&mut self) -> End {
        let deadline = Instant::now() + HELLO;
        let mut ping = Instant::now() + PING;
        loop {
            let stop = self.visitor.stop.clone();
            let waiting = self.known.is_none();
            let event = async {
                match &mut self.known {
                    Some(known) => known.listener.next().await,
                    None => std::future::pending().await,
                }
            };
            let end = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    // What waits is taken now, and the client hears of it.
                    while let Some(told) = self.later.next().await {
                        if self.tell(told).await.is_err() {
                            return End::Gone;
                        }
                    }
                    Some(End::Close(1001, "going away"))
                }
                // Before the events, so that an `ack` comes ahead of what follows from it.
                Some(told) = self.later.next(), if !self.later.is_empty() => self.tell(told).await.err(),
                Some(told) = self.repeated.next(), if !self.repeated.is_empty() => self.tell(told).await.err(),
                event = event => match event {
                    Some(event) => self.deliver(&event).await.err(),
                    None => Some(End::Close(close::SLOW, "too slow")),
                },
                message = self.ws.next() => self.heard(message).await.err(),
                () = sleep_until(deadline), if waiting => Some(End::Close(close::NO_HELLO, "say hello first")),
                () = sleep_until(ping) => {
                    ping = Instant::now() + PING;
                    if self.heard.elapsed() > SILENCE {
                        Some(End::Close(close::SILENT, "nothing heard"))
                    } else {
                        self.write(WsMessage::Ping(Vec::new().into())).await.err()
                    }
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Sends what was committed before an event of our own, so that its `ack` comes in the order of `seq`.
    async fn catch_up(&mut self, seq: u64) -> Result<(), End> {
        while self.known.as_ref().is_some_and(|known| known.seq < seq) {
            let event = self.known.as_mut().and_then(|known| known.listener.try_next());
            match event {
                Some(event) => self.deliver(&event).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// Sends an event that was committed, unless the client has it.
    async fn deliver(&mut self, event: &Event) -> Result<(), End> {
        let Some(known) = &mut self.known else { return Ok(()) };
        if event.seq == WHISPER {
            return self.send(&frame::event(event)).await;
        }
        if event.seq <= known.seq {
            // What was erased, or grew too old, began anew: the client has to ask what there is.
            let anew = event.seq == 1 && event.at > known.until;
            return if anew { Err(End::Close(1012, "the conversation began anew")) } else { Ok(()) };
        }
        // What was committed and not told (its step ended in between) comes first.
        if event.seq > known.seq + 1 {
            let (conversation, after) = (known.conversation.clone(), known.seq);
            let limit = usize::try_from(event.seq - after).unwrap_or(usize::MAX).min(HISTORY);
            let Ok(missed) = self.pipeline.store.events_after(&conversation, after, limit).await else {
                return Err(End::Close(1013, "try again later"));
            };
            for row in missed.iter().filter(|row| row.seq < event.seq) {
                self.send(&frame::row(row)).await?;
            }
        }
        let Some(known) = &mut self.known else { return Ok(()) };
        known.seq = event.seq;
        known.until = event.at;
        // The socket that a message came in on has its `ack`.
        if event.role == Role::Visitor && event.origin == Some(known.listener.id) {
            return Ok(());
        }
        self.send(&frame::event(event)).await
    }

    async fn heard(&mut self, message: Option<Result<WsMessage, WsError>>) -> Result<(), End> {
        self.heard = Instant::now();
        let text = match message {
            Some(Ok(WsMessage::Close(_))) => {
                // The library has the answer ready; it goes out with the next flush.
                let _ = timeout(Duration::from_secs(1), self.ws.flush()).await;
                return Err(End::Gone);
            }
            Some(Ok(WsMessage::Text(text))) => text,
            Some(Ok(WsMessage::Binary(_))) => return Err(End::Close(1003, "text frames only")),
            Some(Ok(_)) => return Ok(()),
            Some(Err(WsError::Capacity(CapacityError::MessageTooLong { .. }))) => {
                self.pipeline.metrics.refused("frame_too_big");
                return Err(End::Close(1009, "frame too big"));
            }
            Some(Err(WsError::Utf8(_))) => return Err(End::Close(1007, "not UTF-8")),
            Some(Err(WsError::Protocol(_))) => return Err(End::Close(1002, "protocol error")),
            None | Some(Err(_)) => return Err(End::Gone),
        };
        if let Err(refused) = self.limiter.check() {
            self.pipeline.metrics.refused("frame_flood");
            self.over += 1;
            if self.over > MAX_OVER {
                return Err(End::Close(close::FLOOD, "too many frames"));
            }
            let wait = refused.wait_time_from(DefaultClock::default().now());
            let re = serde_json::from_str::<Frame>(&text).ok().and_then(|frame| frame.id).filter(|id| frame::is_id(id));
            let frame = frame::error(re.as_deref(), "rate_limited", "too many frames", Some(wait.as_millis() + 1));
            return self.send(&frame).await;
        }
        let frame: Frame = match serde_json::from_str(&text) {
            Ok(frame) => frame,
            Err(error) => {
                return self.bad(None, "bad_frame", &format!("this is not a JSON object with a type: {error}")).await;
            }
        };
        if frame.id.as_deref().is_some_and(|id| !frame::is_id(id)) {
            return self.bad(None, "bad_frame", "`id` has 1 to 64 letters, digits, '.', '_' and '-'").await;
        }
        self.dispatch(frame).await
    }

    async fn dispatch(&mut self, frame: Frame) -> Result<(), End> {
        let re = frame.id.as_deref();
        match (frame.kind.as_str(), self.known.is_some()) {
            ("ping", _) => {
                let mut pong = json!({"type": "pong"});
                if let Some(re) = re {
                    pong["re"] = json!(re);
                }
                self.send(&pong).await
            }
            ("hello", false) => match data::<Hello>(frame.data.clone()) {
                Ok(hello) => self.hello(re, hello).await,
                Err(error) => self.bad(re, "bad_frame", &error).await,
            },
            ("hello", true) => self.bad(re, "bad_frame", "hello was said already").await,
            (_, false) => self.bad(re, "hello_first", "the first frame is hello").await,
            ("typing" | "read", true) => Ok(()),
            ("history", true) => match data::<History>(frame.data.clone()) {
                Ok(history) => self.history(re, &history).await,
                Err(error) => self.bad(re, "bad_frame", &error).await,
            },
            ("message" | "select" | "handoff" | "rate" | "close", true) => {
                let Some(id) = re.map(str::to_owned) else {
                    return self
                        .bad(None, "bad_frame", "this frame needs an `id`, so that it can be acknowledged")
                        .await;
                };
                match frame.kind.as_str() {
                    "close" => self.close_conversation(&id).await,
                    _ => match self.arrival(&id, &frame) {
                        Ok(arrival) => self.accept(&id, arrival).await,
                        Err(error) => self.bad(Some(&id), "bad_frame", &error).await,
                    },
                }
            }
            (other, true) => {
                let word: String = other.chars().take(40).collect();
                // A newer client may say what this daemon does not know; only the limit on frames bounds it.
                self.pipeline.metrics.refused("bad_frame");
                self.send(&frame::error(re, "bad_type", &format!("there is no frame of type `{word}`"), None)).await
            }
        }
    }

    fn arrival(&self, id: &str, frame: &Frame) -> Result<Arrival, String> {
        let Some(known) = &self.known else { return Err("hello first".to_owned()) };
        let (mut kind, mut text, mut url, mut gesture) = (Kind::Text, String::new(), None, Gesture::Write);
        match frame.kind.as_str() {
            "message" => {
                let message = data::<Message>(frame.data.clone())?;
                let word = message.kind.as_deref().unwrap_or("text");
                kind = Kind::parse(word).filter(|kind| *kind != Kind::Notice).ok_or("`kind` is text, image or file")?;
                text = message.text;
                url = message.url;
            }
            "select" => {
                let select = data::<Select>(frame.data.clone())?;
                text = select.label.unwrap_or_default();
                gesture = Gesture::Select(select.option);
            }
            "rate" => gesture = self.rate(data::<Rate>(frame.data.clone())?)?,
            _ => gesture = Gesture::AskForPerson,
        }
        Ok(Arrival {
            channel: self.visitor.channel.clone(),
            account: String::new(),
            thread: known.customer.id.clone(),
            customer: known.customer.clone(),
            id: id.to_owned(),
            kind,
            text,
            url,
            locale: known.locale.clone(),
            gesture,
            role: Role::Visitor,
            origin: Some(known.listener.id),
            reply_with: serde_json::Value::Null,
        })
    }

    fn rate(&self, Rate { score, text }: Rate) -> Result<Gesture, String> {
        if !(1..=5).contains(&score) {
            return Err("`score` is 1, 2, 3, 4 or 5".to_owned());
        }
        let comment = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let most = self.pipeline.engine.load().knowledge().limits.message_chars;
        if comment.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(format!("`text` has at most {most} characters"));
        }
        Ok(Gesture::Rate { score, comment })
    }

    async fn accept(&mut self, id: &str, arrival: Arrival) -> Result<(), End> {
        let id = id.to_owned();
        if let Err(error) = self.pipeline.count_address(&self.visitor.channel, self.visitor.address) {
            return self.tell(Told::Message(id, Err(error))).await;
        }
        match self.pipeline.take(arrival).await {
            Ok(Taken::Now(accepted)) if !accepted.duplicate => {
                self.tell_in_order(Told::Message(id, Ok(accepted))).await
            }
            Ok(Taken::Now(accepted)) => self.tell(Told::Message(id, Ok(accepted))).await,
            Ok(Taken::Later(later)) => {
                let held = frame::held(&id);
                self.later.push_back(Box::pin(async move { Told::Message(id, later.end().await) }));
                self.send(&held).await
            }
            Ok(Taken::Again(first)) => {
                let held = frame::held(&id);
                self.repeated.push(Box::pin(async move { Told::Message(id, first.end().await) }));
                self.send(&held).await
            }
            Err(error) => self.tell(Told::Message(id, Err(error))).await,
        }
    }

    /// Tells it after all that was written before and is not told yet.
    async fn tell_in_order(&mut self, told: Told) -> Result<(), End> {
        if self.later.is_empty() {
            return self.tell(told).await;
        }
        self.later.push_back(Box::pin(ready(told)));
        Ok(())
    }

    async fn tell(&mut self, told: Told) -> Result<(), End> {
        let frame = match told {
            Told::Frame(frame) => frame,
            Told::Message(id, Ok(accepted)) => {
                self.catch_up(accepted.seq).await?;
                frame::ack(&id, Some(accepted.seq), accepted.at, &accepted.message, accepted.duplicate)
            }
            Told::Message(id, Err(error)) => refused(&id, &error),
        };
        self.send(&frame).await
    }

    async fn close_conversation(&mut self, id: &str) -> Result<(), End> {
        let Some(known) = &self.known else { return Ok(()) };
        let frame = match self.pipeline.close_by_customer(&known.conversation).await {
            Ok(_) => frame::ack(id, None, self.pipeline.clock.now(), "", false),
            Err(AgentError::Store(_)) => {
                frame::error(Some(id), "unavailable", "it cannot be closed at the moment", Some(2_000))
            }
            // Nothing was said yet, or it is closed: that is what the client wants.
            Err(_) => frame::ack(id, None, self.pipeline.clock.now(), "", true),
        };
        self.tell_in_order(Told::Frame(frame)).await
    }

    async fn hello(&mut self, re: Option<&str>, hello: Hello) -> Result<(), End> {
        let tokens = Arc::clone(&self.pipeline.tokens);
        let given = hello.token.as_deref().and_then(|token| Some((tokens.visitor(token)?, token.to_owned())));
        let (visitor, token) = given.unwrap_or_else(|| tokens.new_visitor());
        let channel = self.visitor.channel.clone();
        let customer = match &hello.identity {
            None => Customer { id: visitor, ..Customer::default() },
            Some(identity) => match self.identified(identity) {
                Ok(customer) => customer,
                // Never a silent stranger: the shop's page believes that this customer is known.
                Err(error) => {
                    self.pipeline.metrics.refused("bad_identity");
                    self.send(&frame::error(re, "bad_identity", &error.to_string(), None)).await?;
                    return Err(End::Close(close::BAD_IDENTITY, "bad identity"));
                }
            },
        };
        let conversation = Tokens::conversation(&channel, &customer.id);
        // Listening begins before the state is read, so that nothing falls between the two.
        let listener = self.pipeline.hub.listen(&conversation);
        let Ok(row) = self.pipeline.store.conversation(&conversation).await else {
            let frame = frame::error(re, "unavailable", "the conversation cannot be read at the moment", Some(2_000));
            self.send(&frame).await?;
            return Err(End::Close(1013, "try again later"));
        };
        let seq = row.as_ref().map_or(0, |row| row.seq);
        // A conversation that was erased begins with the same name: what a client knows of the old one is not of this one.
        let plain = tokens.epoch();
        let epoch =
            row.as_ref().map_or_else(|| plain.clone(), |row| format!("{plain}.{:x}", row.created_at.as_millisecond()));
        let since = hello.resume.filter(|resume| {
            resume.conversation == conversation
                && (resume.epoch == epoch || resume.epoch == plain)
                && resume.seq <= seq
                && seq - resume.seq <= MAX_RESUME
        });
        let mut welcome = self.welcome(row.as_ref(), &customer, hello.locale.as_deref());
        welcome["data"]["visitor"] = json!(customer.id);
        welcome["data"]["token"] = json!(token);
        welcome["data"]["conversation"] = json!(conversation);
        welcome["data"]["epoch"] = json!(epoch);
        welcome["data"]["seq"] = json!(seq);
        welcome["data"]["recovered"] = json!(since.is_some());
        if let Some(re) = re {
            welcome["re"] = json!(re);
        }
        let until = row.as_ref().map_or_else(|| self.pipeline.clock.now(), |row| row.updated_at);
        let locale = hello.locale;
        self.known = Some(Known { customer, locale, conversation: conversation.clone(), listener, seq, until });
        self.send(&welcome).await?;
        if let Some(resume) = since.filter(|resume| resume.seq < seq) {
            let limit = usize::try_from(MAX_RESUME).unwrap_or(usize::MAX);
            let Ok(missed) = self.pipeline.store.events_after(&conversation, resume.seq, limit).await else {
                return Err(End::Close(1013, "try again later"));
            };
            for row in missed.iter().filter(|row| row.seq <= seq) {
                self.send(&frame::row(row)).await?;
            }
        }
        Ok(())
    }

    fn identified(&self, token: &str) -> Result<Customer, IdentityError> {
        let engine = self.pipeline.engine.load_full();
        let channel = engine.book().settings.channel(&self.visitor.channel);
        let secrets = channel.map(|channel| channel.identity_secrets.as_slice()).unwrap_or_default();
        identity::verify(token, secrets, self.pipeline.clock.now())
    }

    /// What a client needs to draw its first picture.
    fn welcome(&self, row: Option<&ConversationRow>, customer: &Customer, locale: Option<&str>) -> Value {
        let engine = self.pipeline.engine.load_full();
        let now = self.pipeline.clock.now();
        let kept = row.and_then(|row| serde_json::from_str::<Conversation>(&row.body).ok());
        let begun = kept.is_some();
        let conversation = kept.unwrap_or_else(|| {
            Conversation::new(String::new(), &self.visitor.channel, &customer.id, customer.clone(), now)
        });
        let inbound = Inbound {
            message: String::new(),
            channel: self.visitor.channel.clone(),
            customer: customer.clone(),
            kind: Kind::Text,
            text: String::new(),
            locale: locale.map(str::to_owned),
            gesture: Gesture::Write,
            fetched: None,
            waiting: BTreeMap::new(),
        };
        let (open, next_open) = engine.hours(&inbound, &conversation, now);
        let greeting = if begun { None } else { engine.notice("greeting", &inbound, &conversation, now) };
        let asked = survey::open(engine.knowledge(), &conversation, now)
            .map(|asked| json!({"case": asked.handoff.id, "until": survey::until(engine.knowledge(), asked)}));
        let (case, waits) = (conversation.handoff.as_ref(), conversation.state == State::Queued);
        json!({"type": "welcome", "ts": now, "data": {
            "state": conversation.state,
            "survey": asked,
            "queue": case.map(|case| &case.queue),
            "urgent": case.is_some_and(|case| case.priority == Priority::Urgent),
            "position": case.filter(|_| waits).and_then(|_| self.pipeline.place(&conversation.id)),
            "language": engine.language(&inbound, &conversation),
            "open": open,
            "next_open": next_open,
            "greeting": greeting,
            "limits": {"text": engine.knowledge().limits.message_chars, "frame": MAX_FRAME},
        }})
    }

    async fn history(&mut self, re: Option<&str>, history: &History) -> Result<(), End> {
        let Some(known) = &self.known else { return Ok(()) };
        let before = history.before.unwrap_or(u64::MAX);
        let limit = history.limit.unwrap_or(30).clamp(1, HISTORY);
        let frame = match self.pipeline.store.events_before(&known.conversation, before, limit + 1).await {
            Ok(rows) => {
                // From the newest back, as much as one frame may hold; the client asks for what is before it.
                let mut bytes = 0;
                let newest = rows.iter().rev().take(limit).map(frame::row).take_while(|row| {
                    bytes += row.to_string().len();
                    bytes <= HISTORY_BYTES
                });
                let mut messages: Vec<Value> = newest.collect();
                messages.reverse();
                let more = rows.len() > messages.len();
                let mut frame = json!({"type": "history", "ts": self.pipeline.clock.now(), "data": {"messages": messages, "more": more}});
                if let Some(re) = re {
                    frame["re"] = json!(re);
                }
                frame
            }
            Err(_) => frame::error(re, "unavailable", "the transcript cannot be read at the moment", Some(2_000)),
        };
        self.send(&frame).await
    }

    /// Answers a frame that is not of the protocol; too many of them end the socket.
    async fn bad(&mut self, re: Option<&str>, code: &str, message: &str) -> Result<(), End> {
        self.pipeline.metrics.refused("bad_frame");
        self.bad += 1;
        self.send(&frame::error(re, code, message, None)).await?;
        if self.bad > MAX_BAD { Err(End::Close(close::BAD_FRAMES, "too many bad frames")) } else { Ok(()) }
    }

    async fn send(&mut self, frame: &Value) -> Result<(), End> {
        self.write(WsMessage::Text(frame.to_string().into())).await
    }

    /// Writes with a limit: a client that does not read cannot hold memory for ever.
    async fn write(&mut self, message: WsMessage) -> Result<(), End> {
        match timeout(WRITE, self.ws.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }
}

/// Why a message was not taken, for its sender.
fn refused(id: &str, error: &PipelineError) -> Value {
    let (code, message, wait) = match error {
        PipelineError::RateLimited(wait) => {
            ("rate_limited", "too many messages; send it again after a while", wait.as_millis() + 1)
        }
        PipelineError::Store(_) => ("unavailable", "the message cannot be kept at the moment; send it again", 2_000),
        PipelineError::NotAsked => {
            return frame::error(Some(id), "not_asked", "nothing is asked at the moment that this would answer", None);
        }
        PipelineError::Internal => ("internal", "the message could not be handled", 5_000),
    };
    frame::error(Some(id), code, message, Some(wait))
}

fn data<T: DeserializeOwned>(data: Value) -> Result<T, String> {
    let data = if data.is_null() { json!({}) } else { data };
    serde_json::from_value(data).map_err(|error| format!("`data`: {error}"))
}
