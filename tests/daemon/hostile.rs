//! What nobody should send: the daemon answers with a clear error or a close code, never falls, and goes on serving others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::api;
use crate::common::client::{Client, message};
use crate::common::daemon::{Daemon, Process};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{Error, Message};

const OPEN_TIME: &str = "2026-10-14T10:00:00+08:00";

/// The small shop with more settings, and its daemon.
struct Door {
    daemon: Daemon,
    address: SocketAddr,
    _shop: Shop,
    _receiver: Receiver,
}

impl Door {
    async fn open(more: &str) -> Self {
        let receiver = Receiver::start().await;
        let shop = Shop::small_with(&receiver, more);
        let daemon = Daemon::start(&shop, OPEN_TIME).await;
        Self { address: daemon.address(), daemon, _shop: shop, _receiver: receiver }
    }

    async fn customer(&self) -> Client {
        Client::new(self.address, "zh-CN").await
    }

    /// A new customer is served, whatever happened before; then the daemon stops as it should.
    async fn still_serves(self) {
        let turn = self.customer().await.say("怎么退货").await;
        assert!(turn.texts().join("").contains("七天"), "{turn:#?}");
        timeout(crate::common::PATIENCE, self.daemon.stop()).await.expect("it stops");
    }

    /// Sends bytes on a new connection and reads until the daemon closes it, or the time is over.
    async fn raw(&self, bytes: &[u8], patience: Duration) -> (Vec<u8>, bool) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The daemon may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let ended = timeout(patience, stream.read_to_end(&mut answer)).await.is_ok();
        (answer, ended)
    }

    async fn status(&self, request: &str) -> u16 {
        let (answer, _) = self.raw(request.as_bytes(), Duration::from_secs(20)).await;
        let text = String::from_utf8_lossy(&answer);
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {text:?}"))
    }
}

#[tokio::test]
async fn what_is_no_frame_of_the_protocol_is_an_error_and_the_socket_stays() {
    let door = Door::open("").await;
    let mut customer = door.customer().await;
    for bad in [
        "",
        "{",
        "[]",
        "null",
        "\"hello\"",
        "{}",
        "{\"type\": 7}",
        "{\"type\":\"message\"}",
        "{\"type\":\"dance\",\"id\":\"x\"}",
    ] {
        customer.ws.send(Message::text(bad)).await.unwrap();
        let turn = customer.quiet().await;
        let error = turn.only("error");
        assert!(error["data"]["code"].is_string() && error["data"]["message"].is_string(), "{bad}: {error:#}");
    }
    assert!(customer.say("怎么退货").await.texts().join("").contains("七天"));
    door.still_serves().await;
}

#[tokio::test]
async fn one_unknown_type_after_another_keeps_the_socket() {
    let door = Door::open("").await;
    let mut customer = door.customer().await;
    for number in 0..50 {
        let id = format!("u-{number}");
        let turn = customer.turn(json!({"type": "from-the-future", "id": id, "data": {"x": number}})).await;
        assert_eq!(turn.only("error")["re"], id.as_str());
    }
    assert!(customer.say("怎么退货").await.texts().join("").contains("七天"));
    door.still_serves().await;
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let door = Door::open("").await;
    let mut customer = door.customer().await;
    let mut frame = message("m-1", "怎么退货");
    frame["mood"] = json!("curious");
    frame["data"]["colour"] = json!({"r": 1});
    assert!(customer.turn(frame).await.texts().join("").contains("七天"));
    door.still_serves().await;
}

#[tokio::test]
async fn binary_wrong_text_and_too_much_have_their_close_codes() {
    let door = Door::open("").await;
    let mut customer = door.customer().await;
    customer.ws.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(customer.close_code().await, 1003);

    let mut customer = door.customer().await;
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    let frame = Frame::from_payload(header, vec![b'"', 0xff, 0xfe, b'"'].into());
    customer.ws.send(Message::Frame(frame)).await.unwrap();
    assert_eq!(customer.close_code().await, 1007);

    let mut customer = door.customer().await;
    let limit = usize::try_from(customer.welcome["data"]["limits"]["frame"].as_u64().unwrap()).unwrap();
    // The daemon closes while this is still being written.
    let _ = timeout(Duration::from_secs(10), customer.ws.send(Message::text("x".repeat(limit + 1)))).await;
    assert_eq!(customer.close_code().await, 1009);
    door.still_serves().await;
}

#[tokio::test]
async fn frames_of_ten_megabytes_cost_little_memory() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let process = Process::start(&shop);
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    Client::new(process.address, "zh-CN").await.say("怎么退货").await;
    let before = memory();
    let big = "x".repeat(10 * 1024 * 1024);
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (address, big) = (process.address, big.clone());
            tokio::spawn(async move {
                let mut customer = Client::new(address, "zh-CN").await;
                let _ = timeout(Duration::from_secs(10), customer.ws.send(Message::text(big))).await;
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    Client::new(process.address, "zh-CN").await.say("怎么退货").await;
    let grown = memory() - before;
    assert!(grown < 40, "80 MB in 8 frames made the daemon grow by {grown} MB");
}

#[tokio::test]
async fn a_flood_of_frames_is_slowed_and_then_ended_while_others_are_served() {
    let door = Door::open("").await;
    let mut customer = door.customer().await;
    let frame = json!({"type": "typing", "id": "t"}).to_string();
    let flood = async {
        for _ in 0..5_000 {
            if customer.ws.send(Message::text(frame.clone())).await.is_err() {
                return None;
            }
        }
        loop {
            match timeout(crate::common::PATIENCE, customer.ws.next()).await.expect("an end") {
                Some(Ok(Message::Close(Some(frame)))) => return Some(u16::from(frame.code)),
                Some(Ok(_)) => {}
                // Cut off while the flood was still on its way.
                _ => return None,
            }
        }
    };
    let code = timeout(Duration::from_secs(20), flood).await.expect("the flood is ended");
    assert!(code.is_none_or(|code| code == 1008 || (4000..5000).contains(&code)), "{code:?}");
    door.still_serves().await;
}

#[tokio::test]
async fn silence_is_ended_in_time() {
    let door = Door::open("").await;
    let began = Instant::now();
    let half = b"GET /v1/chat HTTP/1.1\r\nHost: x\r\n";
    let mut no_hello = Client::open(door.address, &[]).await.unwrap();
    let wait = Duration::from_secs(14);
    let (nothing, head, hello) = tokio::join!(door.raw(b"", wait), door.raw(half, wait), async {
        let code = no_hello.close_code().await;
        (code, began.elapsed())
    });
    assert!(nothing.1 && head.1, "a connection that sends nothing, or half a head, is closed");
    assert!((4000..5000).contains(&hello.0), "{hello:?}");
    assert!((4..60).contains(&hello.1.as_secs()), "hello is awaited for 5 s: {hello:?}");
    door.still_serves().await;
}

#[tokio::test]
async fn one_letter_at_a_time_does_not_hold_a_connection() {
    let door = Door::open("").await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let dripping = async {
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a')) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(16), dripping).await.expect("the connection is closed although something always comes");
    door.still_serves().await;
}

#[tokio::test]
async fn foreign_pages_are_refused_before_the_upgrade() {
    let door = Door::open("").await;
    for origin in [
        "https://evil.example",
        "null",
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
    ] {
        match Client::open(door.address, &[("origin", origin)]).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
    assert!(Client::open(door.address, &[("origin", "https://shop.example")]).await.is_ok());
    door.still_serves().await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_ambiguous_are_refused() {
    let door = Door::open("").await;
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(200_000));
    assert!([400, 431].contains(&door.status(&large).await));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(500));
    assert!([400, 431].contains(&door.status(&many).await));
    let two = "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!";
    assert_eq!(door.status(two).await, 400);
    let inner =
        "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabcd";
    assert_eq!(door.status(inner).await, 400);
    assert_eq!(door.status("GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n").await, 400);
    door.still_serves().await;
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_no_second_request() {
    let door = Door::open("").await;
    let smuggled = "POST /v1/inbound/crm HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, _) = door.raw(smuggled.as_bytes(), Duration::from_secs(2)).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 4"), "{text}");
    door.still_serves().await;
}

#[tokio::test]
async fn garbage_on_the_port_is_closed() {
    let door = Door::open("").await;
    let tls = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    let mut noise = Vec::new();
    let mut state = 7_u32;
    for _ in 0..100_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push(state.to_be_bytes()[0]);
    }
    for bytes in
        [tls.as_slice(), &noise, b"\0\0\0\0\0\0\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let (_, ended) = door.raw(bytes, Duration::from_secs(13)).await;
        assert!(ended, "{:?} …", &bytes[..bytes.len().min(8)]);
    }
    door.still_serves().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let door = Door::open("limits: {connections_per_address: 5}").await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(door.customer().await);
    }
    match Client::open(door.address, &[]).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("a sixth connection: {other:?}"),
    }
    held.clear();
    crate::common::wait_for("a free place", || async { Client::open(door.address, &[]).await.ok() }).await;
    door.still_serves().await;
}

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off() {
    let door = Door::open("").await;
    let mut slow = door.customer().await;
    for number in 0..20 {
        slow.turn(message(&format!("m-{number}"), &"退".repeat(1_900))).await;
    }
    // Small questions with large answers that nobody reads: buffers fill up, the daemon waits for 10 s and lets go.
    for _ in 0..190 {
        slow.send(json!({"type": "history", "data": {"limit": 100}})).await;
    }
    let cut = async {
        while slow.ws.send(Message::text("{\"type\":\"ping\"}")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(25), cut).await.expect("it is cut off");
    door.still_serves().await;
}

#[tokio::test]
async fn bodies_over_the_limit_and_of_the_wrong_kind_are_refused() {
    let door = Door::open("").await;
    let url = format!("http://{}/v1/inbound/crm", door.address);
    let large = api::post(&url, vec![b'x'; 4 * 1024 * 1024], &[]).await;
    assert!([400, 401, 413].contains(&large.status), "{large:?}");
    let unsigned = api::post(&url, "{}", &[]).await;
    assert_eq!((unsigned.status, unsigned.content_type.as_str()), (401, "application/problem+json"));
    door.still_serves().await;
}
