//! What a client's frames ask for, after their envelope was read.

use futures_util::future::ready;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::channel::websocket::close;
use crate::channel::websocket::frame::{self, Frame, Hello, History, Message, Rate, Select};
use crate::message::{Gesture, Kind, Role};
use crate::pipeline::{AgentError, Arrival, Taken};

use super::{End, HISTORY, MAX_BAD, Session, Told};

/// Most bytes of one `history`: a frame has to fit the write buffer.
const HISTORY_BYTES: usize = 128 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn dispatch(&mut self, frame: Frame) -> Result<(), End> {
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
    pub(super) async fn bad(&mut self, re: Option<&str>, code: &str, message: &str) -> Result<(), End> {
        self.pipeline.metrics.refused("bad_frame");
        self.bad += 1;
        self.send(&frame::error(re, code, message, None)).await?;
        if self.bad > MAX_BAD { Err(End::Close(close::BAD_FRAMES, "too many bad frames")) } else { Ok(()) }
    }
}

fn data<T: DeserializeOwned>(data: Value) -> Result<T, String> {
    let data = if data.is_null() { json!({}) } else { data };
    serde_json::from_value(data).map_err(|error| format!("`data`: {error}"))
}
