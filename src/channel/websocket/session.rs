//! One chat socket, from `hello` to close: its life, what is heard on it and what is sent.

mod asked;
mod hello;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{SinkExt, StreamExt};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as WsMessage};
use tokio_util::sync::CancellationToken;

use crate::hub::{Event, Listener, WHISPER};
use crate::message::{Customer, Role};
use crate::pipeline::{Accepted, Pipeline, PipelineError};

use super::close;
use super::frame::{self, Frame};

/// Time for the first frame.
const HELLO: Duration = Duration::from_secs(5);
/// Between our pings.
const PING: Duration = Duration::from_secs(25);
/// Longest time without hearing anything: two pings and a little.
const SILENCE: Duration = Duration::from_mins(1);
/// Longest time that one frame may take to be written.
const WRITE: Duration = Duration::from_secs(10);
/// Most events that are written together.
const AT_ONCE: usize = 32;
/// Most events of one `history`.
const HISTORY: usize = 100;
/// Frames a second of one socket, and at once.
const FRAMES: (u32, u32) = (50, 200);
/// Frames over the limit before the socket is closed.
const MAX_OVER: u32 = 200;
/// Frames that are not of the protocol before the socket is closed.
const MAX_BAD: u32 = 10;
/// How long a socket is not read after a refusal for want of places: who says it again at once, and not when told to, takes no
/// processor time from those whose messages are at work.
const REST: Duration = Duration::from_secs(1);

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
    /// Until when it is not read.
    rests: Option<Instant>,
    /// Whether something written waits in the buffer.
    unsent: bool,
}

/// Serves one socket until it ends.
pub fn run<S>(ws: WebSocketStream<S>, pipeline: Arc<Pipeline>, visitor: Visitor) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let per_second = Quota::per_second(NonZeroU32::new(FRAMES.0).unwrap_or(NonZeroU32::MIN));
    let quota = per_second.allow_burst(NonZeroU32::new(FRAMES.1).unwrap_or(NonZeroU32::MIN));
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
        rests: None,
        unsent: false,
    };
    // Not an `async fn`: its future would keep room for the arguments beside the session that they became.
    async move {
        session.pipeline.metrics.socket(true);
        if let End::Close(code, word) = session.serve().await {
            tracing::debug!(code, word, "A chat socket was closed.");
            // Boxed, so that a socket which only waits does not carry the room for it.
            Box::pin(session.close(code, word)).await;
        }
        session.pipeline.metrics.socket(false);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(&mut self) -> End {
        let deadline = Instant::now() + HELLO;
        let mut ping = Instant::now() + PING;
        loop {
            let stop = self.visitor.stop.clone();
            let waiting = self.known.is_none();
            let rests = self.rests;
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
                () = sleep_until(rests.unwrap_or_else(Instant::now)), if rests.is_some() => {
                    self.rests = None;
                    None
                }
                message = self.ws.next(), if rests.is_none() => self.heard(message).await.err(),
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
            // All that is ready goes out with one write: an answer with its `ack`.
            match end {
                Some(end) => return end,
                None => {
                    if let Err(end) = self.round_off().await {
                        return end;
                    }
                }
            }
        }
    }

    /// Says why; the client has a moment to answer the close, then the connection is dropped.
    async fn close(&mut self, code: u16, word: &'static str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: word.into() };
        let _ = timeout(Duration::from_secs(2), async {
            if self.ws.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.ws.next().await {}
            }
        })
        .await;
    }

    /// Ends one turn: what else is ready goes with it, unless an `ack` is to come before it.
    async fn round_off(&mut self) -> Result<(), End> {
        for _ in 0..AT_ONCE {
            let known = self.known.as_mut().filter(|_| self.later.is_empty());
            let Some(event) = known.and_then(|known| known.listener.try_next()) else { break };
            self.deliver(&event).await?;
        }
        self.flush().await
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
        // Boxed, so that a socket which only waits does not carry the room for it.
        Box::pin(self.dispatch(frame)).await
    }

    async fn tell(&mut self, told: Told) -> Result<(), End> {
        let frame = match told {
            Told::Frame(frame) => frame,
            Told::Message(id, Ok(accepted)) => {
                self.catch_up(accepted.seq).await?;
                frame::ack(&id, Some(accepted.seq), accepted.at, &accepted.message, accepted.duplicate)
            }
            Told::Message(id, Err(error)) => {
                if matches!(error, PipelineError::Busy) {
                    self.rests = Some(Instant::now() + REST);
                }
                refused(&id, &error)
            }
        };
        self.send(&frame).await
    }

    async fn send(&mut self, frame: &Value) -> Result<(), End> {
        self.write(WsMessage::Text(frame.to_string().into())).await
    }

    /// Writes with a limit: a client that does not read cannot hold memory for ever.
    async fn write(&mut self, message: WsMessage) -> Result<(), End> {
        self.unsent = true;
        match timeout(WRITE, self.ws.feed(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// Sends what was written and still waits in the buffer.
    async fn flush(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.unsent) {
            return Ok(());
        }
        match timeout(WRITE, self.ws.flush()).await {
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
        PipelineError::Busy => ("overloaded", "too many messages are at work; send it again after a while", 2_000),
        PipelineError::Store(_) => ("unavailable", "the message cannot be kept at the moment; send it again", 2_000),
        PipelineError::NotAsked => {
            return frame::error(Some(id), "not_asked", "nothing is asked at the moment that this would answer", None);
        }
        PipelineError::Internal => ("internal", "the message could not be handled", 5_000),
    };
    frame::error(Some(id), code, message, Some(wait))
}
