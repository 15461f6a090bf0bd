//! A customer at the chat socket.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{PATIENCE, str_at};

/// A socket with the protocol's words on top.
#[derive(Debug)]
pub struct Client {
    /// The socket, for tests that misbehave.
    pub ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The `welcome` frame; null before `hello`.
    pub welcome: Value,
    asked: u64,
}

/// What came between a frame of the customer and the quiet after it.
#[derive(Debug)]
pub struct Turn {
    /// Every frame, in order.
    pub frames: Vec<Value>,
}

impl Turn {
    /// Texts that the bot, or a person, said in it.
    pub fn texts(&self) -> Vec<&str> {
        self.messages().iter().map(|frame| str_at(frame, "/data/text")).collect()
    }

    /// Its `message` frames.
    pub fn messages(&self) -> Vec<&Value> {
        self.frames.iter().filter(|frame| frame["type"] == "message").collect()
    }

    /// The only frame of a type.
    #[track_caller]
    pub fn only(&self, kind: &str) -> &Value {
        let found: Vec<&Value> = self.frames.iter().filter(|frame| frame["type"] == kind).collect();
        assert!(found.len() == 1, "{} frames of type {kind}: {:#?}", found.len(), self.frames);
        found[0]
    }
}

impl Client {
    /// Opens a socket and says nothing. `headers` go with the handshake.
    pub async fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        Self::open_by(&format!("ws://{address}"), headers, Connector::Plain).await
    }

    /// Opens a socket over TLS and says `hello`; an error when the certificate is not believed.
    pub async fn hello_tls(address: SocketAddr, trust: Arc<ClientConfig>, data: Value) -> Result<Self, Error> {
        let mut client = Self::open_by(&format!("wss://{address}"), &[], Connector::Rustls(trust)).await?;
        client.send(json!({"type": "hello", "id": "hello", "data": data})).await;
        client.welcome = client.next().await;
        Ok(client)
    }

    async fn open_by(base: &str, headers: &[(&'static str, &str)], connector: Connector) -> Result<Self, Error> {
        let mut request = format!("{base}/v1/chat").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat.v1.json"));
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let opened = connect_async_tls_with_config(request, None, false, Some(connector));
        let (ws, _) = timeout(PATIENCE, opened).await.expect("an answer in time")?;
        Ok(Self { ws, welcome: Value::Null, asked: 0 })
    }

    /// A new customer, as a browser of this language.
    pub async fn new(address: SocketAddr, locale: &str) -> Self {
        Self::hello(address, json!({"locale": locale})).await
    }

    /// Opens a socket and says `hello` with this data.
    pub async fn hello(address: SocketAddr, data: Value) -> Self {
        Self::try_hello(address, data).await.expect("a welcome")
    }

    /// The same; an error when there is no daemon, or it goes away meanwhile.
    pub async fn try_hello(address: SocketAddr, data: Value) -> Result<Self, String> {
        let mut client = Self::open(address, &[]).await.map_err(|error| error.to_string())?;
        client.try_send(json!({"type": "hello", "id": "hello", "data": data})).await?;
        client.welcome = client.try_next().await?;
        assert_eq!(client.welcome["type"], "welcome", "{:#}", client.welcome);
        Ok(client)
    }

    /// The same customer again, at a daemon that may have another address; nothing is replayed.
    pub async fn again(&self, address: SocketAddr) -> Self {
        Self::hello(address, json!({"token": self.welcome["data"]["token"], "locale": "zh-CN"})).await
    }

    /// Data of a `hello` that goes on after `seq`.
    pub fn resume(&self, seq: u64) -> Value {
        let welcome = &self.welcome["data"];
        json!({"token": welcome["token"], "resume": {"conversation": welcome["conversation"], "epoch": welcome["epoch"], "seq": seq}})
    }

    /// The conversation's id.
    pub fn conversation(&self) -> &str {
        str_at(&self.welcome, "/data/conversation")
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.try_send(frame).await.expect("a frame sent");
    }

    /// Sends a frame; an error when the socket has ended.
    pub async fn try_send(&mut self, frame: Value) -> Result<(), String> {
        self.ws.send(Message::Text(frame.to_string().into())).await.map_err(|error| error.to_string())
    }

    /// The next frame; panics when none comes.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("a frame")
    }

    /// The next frame; an error when the socket ends.
    pub async fn try_next(&mut self) -> Result<Value, String> {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.map_err(|_| "nothing came")? {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => return Err(format!("{other:?}")),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the end".to_owned()),
            }
        }
    }

    /// The code with which the server closes the socket, whatever comes before.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("the socket ended without a close frame: {other:?}"),
            }
        }
    }

    /// Sends a frame and returns all that comes until the server has nothing more to say. (What follows from a frame is
    /// there when it is acknowledged, so a `ping` sent behind it is answered last.)
    pub async fn turn(&mut self, frame: Value) -> Turn {
        self.send(frame).await;
        self.quiet().await
    }

    /// All that has come, or is on its way.
    pub async fn quiet(&mut self) -> Turn {
        self.asked += 1;
        let ping = format!("quiet-{}", self.asked);
        self.send(json!({"type": "ping", "id": ping})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "pong" && frame["re"] == ping.as_str() {
                return Turn { frames };
            }
            frames.push(frame);
        }
    }

    /// Writes a message under a new id and returns all that follows; it must be acknowledged.
    pub async fn say(&mut self, text: &str) -> Turn {
        self.asked += 1;
        let id = format!("m-{}-{}", self.asked, uuid::Uuid::new_v4().simple());
        self.send(message(&id, text)).await;
        let mut turn = self.until_ack(&id).await;
        turn.frames.extend(self.quiet().await.frames);
        assert_eq!(turn.only("ack")["re"], id.as_str());
        turn
    }

    /// All that comes up to the `ack` of a frame, and that.
    pub async fn until_ack(&mut self, id: &str) -> Turn {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let last = frame["re"] == id && frame["type"] != "held";
            assert!(!last || frame["type"] == "ack", "{frame:#}");
            frames.push(frame);
            if last {
                return Turn { frames };
            }
        }
    }
}

/// A `message` frame.
pub fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "data": {"kind": "text", "text": text}})
}
