//! Any frames on a chat socket: every answer is a frame of the protocol, nothing is acknowledged twice, and nobody becomes a known
//! customer without the shop's word.
//!
//! A line is a text frame. After a first line `raw` all is bytes of the wire, behind the handshake.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use nightdesk::channel::websocket::{self, MAX_FRAME, Visitor};
use nightdesk::store::ConversationFilter;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::first_bytes;

/// Most frames of one socket: more are a flood, which is a test of its own.
const FRAMES: usize = 60;

pub fn target(data: &[u8]) {
    Core::with(async |core| {
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        let stop = CancellationToken::new();
        let visitor = Visitor { channel: "web".into(), address: None, stop: stop.clone() };
        let pipeline = Arc::clone(&core.pipeline);
        let server = async {
            let mut config = WebSocketConfig::default();
            config.max_message_size = Some(MAX_FRAME);
            config.max_frame_size = Some(MAX_FRAME);
            let ws = WebSocketStream::from_raw_socket(ours, Role::Server, Some(config)).await;
            websocket::run(ws, pipeline, visitor).await;
        };
        let text = String::from_utf8_lossy(data);
        match first_bytes(data) {
            ("raw", bytes) => {
                tokio::join!(server, raw(theirs, bytes));
            }
            _ => {
                tokio::join!(server, frames(theirs, &text));
            }
        }
        let all = core.pipeline.store.conversations(ConversationFilter { state: None, limit: 10_000 }).await.unwrap();
        assert!(all.iter().all(|row| !row.thread.starts_with("u_")), "nobody vouched for anybody");
    });
}

async fn raw(theirs: DuplexStream, bytes: &[u8]) {
    let (mut read, mut write) = tokio::io::split(theirs);
    let all = async {
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
    };
    let send = async move {
        let _ = write.write_all(bytes).await;
        let _ = write.shutdown().await;
    };
    tokio::join!(all, send);
}

async fn frames(theirs: DuplexStream, text: &str) {
    let (mut write, mut read) = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await.split();
    let send = async {
        for line in text.lines().take(FRAMES) {
            if write.send(Message::text(line)).await.is_err() {
                return;
            }
        }
        let _ = write.send(Message::Close(None)).await;
    };
    let hear = async {
        let (mut done, mut last) = (HashMap::new(), 0);
        while let Some(Ok(message)) = read.next().await {
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).expect("what is said is JSON");
            let kind = frame["type"].as_str().expect("with a type");
            assert_ne!((kind, &frame["data"]["code"]), ("error", &Value::from("internal")), "{frame}");
            if let (Some(seq), false) = (frame["seq"].as_u64(), kind == "history") {
                let again = kind == "ack" && frame["data"]["dup"] == true;
                assert!(again || seq > last, "{seq} after {last}: {frame}");
                last = last.max(seq);
            }
            if let (Some(re), "ack", Some(seq)) = (frame["re"].as_str(), kind, frame["seq"].as_u64()) {
                let first = *done.entry(re.to_owned()).or_insert(seq);
                assert_eq!(first, seq, "one id is one message: {frame}");
            }
        }
    };
    tokio::join!(send, hear);
}
