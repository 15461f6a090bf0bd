//! The WebSocket protocol by the byte: the cases of Autobahn's test suite, written anew, for an endpoint that is no echo.
//!
//! The suite itself runs on Python 2 only. The numbers are its own (sections 1 to 7, 9, 10, 12 and 13). Where it expects its words back, a
//! `ping` of our protocol has to get its `pong`; where it sends binary data, we close with 1003, for we take text alone; where it
//! sends more than a frame may hold, we close with 1009. After each case that is no error the socket still answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::PATIENCE;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
/// The largest message, as `welcome` tells.
const MOST: usize = 16 * 1024;

const FIN: u8 = 0x80;
const CONT: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What has to come back, in this order and nothing between.
#[derive(Clone, Debug, PartialEq)]
enum See {
    /// The `pong` of our protocol to its `ping`.
    Answer,
    /// An `error` of our protocol: the text arrived and is no frame of it.
    Error,
    /// A pong with these bytes.
    Pong(Vec<u8>),
    /// A close frame with this code, and the end of the connection.
    Closed(u16),
    /// A close frame without a code, and the end.
    Bare,
}
use See::{Answer, Bare, Closed, Error, Pong};

struct Case {
    id: String,
    /// Bytes, with a pause after each item where there is one.
    sent: Vec<(Vec<u8>, Duration)>,
    /// How many bytes at a time; 0 for all at once.
    chop: usize,
    see: Vec<See>,
}

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ ..126 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ ..0x1_0000 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0xff);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

/// A `ping` of our protocol, of so many bytes.
fn asked(len: usize) -> Vec<u8> {
    let (head, tail) = (r#"{"type":"ping","id":"q","data":""#, r#""}"#);
    format!("{head}{}{tail}", "*".repeat(len - head.len() - tail.len())).into_bytes()
}

/// The same with these bytes inside.
fn holding(inside: &[u8]) -> Vec<u8> {
    [br#"{"type":"ping","id":"q","data":""#, inside, br#""}"#].concat()
}

fn case(id: &str, sent: &[Vec<u8>], see: &[See]) -> Case {
    let sent = sent.iter().map(|bytes| (bytes.clone(), Duration::ZERO)).collect();
    Case { id: id.to_owned(), sent, chop: 0, see: see.to_vec() }
}

/// The same case with its bytes sent so many at a time.
fn chopped(id: &str, chop: usize, mut like: Case) -> Case {
    (like.id, like.chop) = (id.to_owned(), chop);
    like
}

/// A text in pieces of so many bytes.
fn pieces(text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let last = text.len().div_ceil(size) - 1;
    let first = |at: usize| if at == 0 { TEXT } else { CONT } | if at == last { FIN } else { 0 };
    text.chunks(size).enumerate().map(|(at, piece)| frame(first(at), piece)).collect()
}

fn framing() -> Vec<Case> {
    let mut cases = vec![
        case("1.1.1", &[frame(FIN | TEXT, b"")], &[Error]),
        chopped("1.1.8", 997, case("", &[frame(FIN | TEXT, &asked(MOST))], &[Answer])),
        case("1.2.1", &[frame(FIN | BINARY, b"")], &[Closed(1003)]),
        chopped("1.2.8", 997, case("", &[frame(FIN | BINARY, &[0xfe; MOST])], &[Closed(1003)])),
    ];
    for (number, len) in [125, 126, 127, 128, 65_535, 65_536].into_iter().enumerate() {
        let (text, binary) = if len > MOST { (Closed(1009), Closed(1009)) } else { (Answer, Closed(1003)) };
        cases.push(case(&format!("1.1.{}", number + 2), &[frame(FIN | TEXT, &asked(len))], &[text]));
        cases.push(case(&format!("1.2.{}", number + 2), &[frame(FIN | BINARY, &vec![0xfe; len])], &[binary]));
    }
    cases
}

fn pings() -> Vec<Case> {
    let ten: Vec<Vec<u8>> = (0..10).map(|n| format!("payload-{n}").into_bytes()).collect();
    let (sent, back): (Vec<_>, Vec<_>) = ten.iter().map(|p| (frame(FIN | PING, p), Pong(p.clone()))).unzip();
    let one = |id: &str, payload: &[u8]| case(id, &[frame(FIN | PING, payload)], &[Pong(payload.to_vec())]);
    vec![
        one("2.1", b""),
        one("2.2", b"Hello, world!"),
        one("2.3", &[0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff]),
        one("2.4", &[0xfe; 125]),
        case("2.5", &[frame(FIN | PING, &[0xfe; 126])], &[Closed(1002)]),
        chopped("2.6", 1, one("", &[0xfe; 125])),
        case("2.7", &[frame(FIN | PONG, b"")], &[]),
        case("2.8", &[frame(FIN | PONG, b"unasked")], &[]),
        case("2.9", &[frame(FIN | PONG, b"unasked"), frame(FIN | PING, b"asked")], &[Pong(b"asked".to_vec())]),
        case("2.10", &sent, &back),
        chopped("2.11", 1, case("", &sent, &back)),
    ]
}

fn reserved() -> Vec<Case> {
    let good = || frame(FIN | TEXT, &asked(60));
    let bits = |bits: u8, opcode: u8| frame(FIN | bits << 4 | opcode, &asked(60));
    let mut cases = vec![
        case("3.1", &[bits(1, TEXT)], &[Closed(1002)]),
        case("3.2", &[good(), bits(2, TEXT)], &[Answer, Closed(1002)]),
        chopped("3.3", 1, case("", &[good(), bits(3, TEXT)], &[Answer, Closed(1002)])),
        chopped("3.4", 1, case("", &[good(), bits(4, TEXT)], &[Answer, Closed(1002)])),
        case("3.5", &[bits(5, BINARY)], &[Closed(1002)]),
        case("3.6", &[bits(6, PING)], &[Closed(1002)]),
        case("3.7", &[frame(FIN | 7 << 4 | CLOSE, &[])], &[Closed(1002)]),
        // Of RFC 6455 and not of the suite: a client has to mask.
        case("5.1 of the RFC", &[vec![FIN | TEXT, 2, b'{', b'}']], &[Closed(1002)]),
    ];
    for (section, first) in [(1, 3), (2, 11)] {
        for opcode in first..first + 5 {
            let number = opcode - first + 1;
            cases.push(case(
                &format!("4.{section}.{number}"),
                &[good(), frame(FIN | opcode, b"?")],
                &[Answer, Closed(1002)],
            ));
        }
    }
    cases
}

fn fragments() -> Vec<Case> {
    let text = asked(60);
    let (first, rest) = text.split_at(20);
    let two = || vec![frame(TEXT, first), frame(FIN | CONT, rest)];
    let with_ping = || vec![frame(TEXT, first), frame(FIN | PING, b"p"), frame(FIN | CONT, rest)];
    let (pong, closed) = (Pong(b"p".to_vec()), Closed(1002));
    let between = || {
        let third = rest.len() / 2;
        vec![
            frame(TEXT, first),
            frame(CONT, &rest[..third]),
            frame(FIN | PING, b"p"),
            frame(CONT, &rest[third..]),
            frame(FIN | PING, b"p"),
            frame(FIN | CONT, b""),
        ]
    };
    let continued = |fin: u8| vec![frame(fin | CONT, b"no beginning"), frame(FIN | TEXT, &text)];
    let after = |fin: u8| [two(), continued(fin)].concat();
    let mut cases = vec![
        case("5.1", &[frame(PING, b"a"), frame(FIN | CONT, b"b")], std::slice::from_ref(&closed)),
        case("5.2", &[frame(PONG, b"a"), frame(FIN | CONT, b"b")], std::slice::from_ref(&closed)),
        case("5.15", &after(FIN), &[Answer, closed.clone()]),
        case("5.16", &[continued(0), continued(0)].concat(), std::slice::from_ref(&closed)),
        case("5.17", &[continued(FIN), continued(FIN)].concat(), std::slice::from_ref(&closed)),
        case("5.18", &[frame(TEXT, first), frame(FIN | TEXT, rest)], std::slice::from_ref(&closed)),
    ];
    for (ids, chops, sent, see) in [
        (["5.3", "5.4", "5.5"], [0, 7, 1], two(), vec![Answer]),
        (["5.6", "5.7", "5.8"], [0, 7, 1], with_ping(), vec![pong.clone(), Answer]),
        (["5.9", "5.10", "5.11"], [0, 7, 1], continued(FIN), vec![closed.clone()]),
        (["5.12", "5.13", "5.14"], [0, 7, 1], continued(0), vec![closed]),
        (["5.19", "5.20", "5.20 by the byte"], [0, 7, 1], between(), vec![pong.clone(), pong, Answer]),
    ] {
        cases.extend(ids.iter().zip(chops).map(|(id, chop)| chopped(id, chop, case("", &sent, &see))));
    }
    cases
}

/// Sequences of bytes that are UTF-8 (first and last of each length, around the surrogates, noncharacters), and that are none
/// (lone, missing and wrong bytes, too long, surrogates, beyond U+10FFFF).
const GOOD: [&[u8]; 18] = [
    "κόσμε".as_bytes(),
    "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
    "怎么退货😀".as_bytes(),
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbe",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf0\x9f\xbf\xbe",
    b"\xf3\xbf\xbf\xbf",
    b"\xf4\x8f\xbf\xbe",
    b"\xf4\x8f\xbf\xbf",
    b"\xcc\x88\xe2\x80\x8d",
];
const BAD: [&[u8]; 30] = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\x80",
    b"\xbf",
    b"\x80\xbf\x80\xbf",
    b"\xc0 ",
    b"\xdf ",
    b"\xe0 ",
    b"\xf0 ",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xe2\x28\xa1",
    b"\xf0\x9f\x28\x80",
    b"\xfe",
    b"\xff",
    b"\xfe\xfe\xff\xff",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xc0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xed\xa0\x80",
    b"\xed\xaf\xbf",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
];

fn utf8() -> Vec<Case> {
    let later = |bytes: Vec<u8>| (bytes, Duration::from_millis(300));
    let mut cases = vec![
        case("6.1.1", &[frame(FIN | TEXT, b"")], &[Error]),
        case("6.1.2", &[frame(TEXT, b""), frame(CONT, b""), frame(FIN | CONT, b"")], &[Error]),
        case("6.1.3", &[frame(TEXT, b""), frame(CONT, &asked(60)), frame(FIN | CONT, b"")], &[Answer]),
        // What is wrong ends it at once: the message never comes to its end.
        Case {
            sent: vec![later(frame(TEXT, b"ok")), later(frame(CONT, b"\xf4\x90\x80\x80"))],
            ..case("6.4.1", &[], &[Closed(1007)])
        },
        Case {
            sent: vec![later(frame(TEXT, b"ok\xf4")), later(frame(CONT, b"\x90"))],
            ..case("6.4.2", &[], &[Closed(1007)])
        },
    ];
    for (ids, sequences, see) in
        [(["6.2", "6.5–6.23 good"], &GOOD[..], Answer), (["6.3", "6.6–6.21 bad"], &BAD[..], Closed(1007))]
    {
        for (n, sequence) in sequences.iter().enumerate() {
            let id = |how: &str| format!("{} {n} {how}", ids[usize::from(n > 0)]);
            let text = holding(sequence);
            let see = std::slice::from_ref(&see);
            cases.push(case(&id("whole"), &[frame(FIN | TEXT, &text)], see));
            cases.push(chopped(&id("by the byte"), 1, case("", &[frame(FIN | TEXT, &text)], see)));
            cases.push(case(&id("in fragments of one byte"), &pieces(&text, 1), see));
        }
    }
    cases
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn closing() -> Vec<Case> {
    let text = frame(FIN | TEXT, &asked(60));
    let mut cases = vec![
        case("7.1.1", &[text.clone(), close(1000, b"")], &[Answer, Closed(1000)]),
        case("7.1.2", &[close(1000, b""), close(1000, b"")], &[Closed(1000)]),
        case("7.1.3", &[close(1000, b""), frame(FIN | PING, b"late")], &[Closed(1000)]),
        case("7.1.4", &[close(1000, b""), text.clone()], &[Closed(1000)]),
        case("7.1.5", &[frame(TEXT, b"{"), close(1000, b""), frame(FIN | CONT, b"}")], &[Closed(1000)]),
        case(
            "7.1.6",
            &[frame(FIN | TEXT, &asked(MOST)), close(1000, b""), frame(FIN | PING, b"late")],
            &[Answer, Closed(1000)],
        ),
        case("7.3.1", &[frame(FIN | CLOSE, b"")], &[Bare]),
        case("7.3.2", &[frame(FIN | CLOSE, b"a")], &[Closed(1002)]),
        case("7.3.3", &[close(1000, b"")], &[Closed(1000)]),
        case("7.3.4", &[close(1000, b"Hello World!")], &[Closed(1000)]),
        case("7.3.5", &[close(1000, &[b'*'; 123])], &[Closed(1000)]),
        case("7.3.6", &[close(1000, &[b'*'; 124])], &[Closed(1002)]),
        case("7.5.1", &[close(1000, BAD[0])], &[Closed(1007)]),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        cases.push(case(&format!("7.7 {code}"), &[close(code, b"")], &[Closed(code)]));
    }
    // The suite has 1012 to 1014 here too; they were given out since.
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push(case(&format!("7.9, 7.13 {code}"), &[close(code, b"")], &[Closed(1002)]));
    }
    cases
}

fn limits() -> Vec<Case> {
    // The head of a frame of 4 MiB, of 16 MiB and of more than there is: refused by its length.
    let head = |len: u64| [&[FIN | TEXT, 0xff][..], &len.to_be_bytes(), &[1, 2, 3, 4], &[b'*'; 500]].concat();
    let mut cases = vec![
        case("9.1", &[head(4 << 20)], &[Closed(1009)]),
        case("9.1 16 MiB", &[head(16 << 20)], &[Closed(1009)]),
        case("9.1 2^62", &[head(1 << 62)], &[Closed(1009)]),
        case("10.1.1", &pieces(&asked(MOST), 1_300), &[Answer]),
    ];
    // 9.3: fragments of one message, each small enough; 9.5: by chops; 9.7: many small messages.
    for size in [64, 256, 1_024, 4_096] {
        cases.push(case(&format!("9.3 {size}"), &pieces(&asked(MOST), size), &[Answer]));
        cases.push(case(&format!("9.3 {size} too much"), &pieces(&asked(MOST + 1), size), &[Closed(1009)]));
        cases.push(chopped(&format!("9.5 {size}"), size, case("", &[frame(FIN | TEXT, &asked(MOST))], &[Answer])));
    }
    for len in [60, 256, 1_024] {
        cases.push(case(&format!("9.7 {len}"), &vec![frame(FIN | TEXT, &asked(len)); 100], &vec![Answer; 100]));
    }
    cases
}

/// A socket after its `welcome`.
struct Socket {
    stream: TcpStream,
    head: String,
}

impl Socket {
    async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "GET /v1/chat HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let mut socket = Self { stream, head: String::from_utf8(head).unwrap().to_lowercase() };
        socket.stream.write_all(&frame(FIN | TEXT, br#"{"type":"hello"}"#)).await.unwrap();
        let (opcode, payload) = socket.next().await.unwrap();
        assert!(opcode == TEXT && payload.starts_with(br#"{"type":"welcome""#));
        socket
    }

    /// The next frame: whole, unmasked and without reserved bits, as a server's have to be.
    async fn next(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await?;
        assert!(head[0] & 0xf0 == FIN && head[1] & 0x80 == 0, "{head:?}");
        let len = match head[1] {
            126 => usize::from(self.stream.read_u16().await?),
            127 => usize::try_from(self.stream.read_u64().await?).unwrap(),
            len => usize::from(len),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await?;
        Ok((head[0] & 0x0f, payload))
    }

    /// The next frame, as a case tells it.
    async fn see(&mut self) -> Result<See, String> {
        let next = timeout(PATIENCE, self.next()).await.map_err(|_| "nothing came")?;
        let (opcode, payload) = next.map_err(|error| error.to_string())?;
        let words = String::from_utf8_lossy(&payload).into_owned();
        Ok(match opcode {
            TEXT if words == r#"{"type":"pong","re":"q"}"# => Answer,
            TEXT if words.starts_with(r#"{"type":"error""#) => Error,
            PONG => Pong(payload),
            CLOSE if payload.is_empty() => Bare,
            CLOSE => Closed(u16::from_be_bytes([payload[0], payload[1]])),
            _ => return Err(format!("opcode {opcode}: {words}")),
        })
    }
}

/// What was seen otherwise than it has to be.
async fn play(address: SocketAddr, case: &Case) -> Result<(), String> {
    let mut socket = Socket::open(address).await;
    for (bytes, pause) in &case.sent {
        let size = if case.chop == 0 { bytes.len().max(1) } else { case.chop };
        for some in bytes.chunks(size) {
            // The daemon may have closed before all is written; what it said is read below.
            let _ = socket.stream.write_all(some).await;
            if case.chop > 0 {
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(*pause).await;
    }
    let ends = matches!(case.see.last(), Some(Closed(_) | Bare));
    if !ends {
        let _ = socket.stream.write_all(&frame(FIN | TEXT, &asked(60))).await;
    }
    for wanted in case.see.iter().chain((!ends).then_some(&Answer)) {
        let seen = socket.see().await?;
        if seen != *wanted {
            return Err(format!("{seen:?} in place of {wanted:?}"));
        }
    }
    if ends {
        // Our half of the close, should it be the first; then there is nothing but the end.
        let _ = socket.stream.write_all(&close(1000, b"")).await;
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, socket.stream.read_to_end(&mut rest)).await.map_err(|_| "it stays open")?;
        if end.is_ok() && !rest.is_empty() {
            return Err(format!("{} bytes after the close", rest.len()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_case_of_the_protocol_ends_as_it_must() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let address = daemon.address();
    let sections = [framing(), pings(), reserved(), fragments(), utf8(), closing(), limits()];
    let cases: Vec<Case> = sections.into_iter().flatten().collect();
    assert!(cases.len() > 250, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    let mut cases = cases.into_iter();
    loop {
        let some: Vec<_> = cases
            .by_ref()
            .take(16)
            .map(|case| tokio::spawn(async move { (play(address, &case).await, case.id) }))
            .collect();
        if some.is_empty() {
            break;
        }
        for played in some {
            if let (Err(why), id) = played.await.unwrap() {
                wrong.push(format!("{id}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn compression_is_not_spoken_and_said_so() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let socket = Socket::open(daemon.address()).await;
    assert!(socket.head.starts_with("http/1.1 101 "), "{}", socket.head);
    // 12 and 13: whoever offers it gets a socket without. 3.1 shows what a compressed frame meets.
    assert!(!socket.head.contains("sec-websocket-extensions"), "{}", socket.head);
}
