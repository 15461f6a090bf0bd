//! The chat socket, subprotocol `chat.v1.json`: what a client may rely on.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{api, str_at};

/// A Wednesday on which the small shop is open.
const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const RETURNS: &str = "七天内可以退货。";

async fn open_shop() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

/// Numbers of all frames that have one.
fn numbers(frames: &[Value]) -> Vec<u64> {
    frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect()
}

#[tokio::test]
async fn welcome_tells_a_client_all_that_it_needs() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::hello(daemon.address(), json!({"locale": "en"})).await;
    assert_eq!(client.welcome["re"], "hello");
    assert!(str_at(&client.welcome, "/ts").starts_with("2026-10-14T02:00:00"));
    let data = client.welcome["data"].clone();
    for (field, begins) in [("visitor", "v_"), ("token", "vt_"), ("conversation", "c_"), ("epoch", "")] {
        assert!(
            data[field].as_str().is_some_and(|text| text.starts_with(begins) && text.len() > begins.len()),
            "{field}: {data:#}"
        );
    }
    assert_eq!((&data["seq"], &data["recovered"], &data["state"]), (&json!(0), &json!(false), &json!("bot")));
    assert_eq!((&data["open"], &data["greeting"]), (&json!(true), &json!("Hello!")));
    assert_eq!(data["limits"], json!({"text": 2000, "frame": 16384}));
    client.say("how do I return an item").await;

    // The token names the same customer, who is not greeted again; a forged one names nobody.
    let again = client.again(daemon.address()).await;
    for field in ["visitor", "token", "conversation"] {
        assert_eq!(again.welcome["data"][field], data[field]);
    }
    assert_eq!((&again.welcome["data"]["greeting"], &again.welcome["data"]["seq"]), (&Value::Null, &json!(2)));
    let mut forged = str_at(&data, "/token").to_owned();
    forged.replace_range(10..11, if &forged[10..11] == "a" { "b" } else { "a" });
    let stranger = Client::hello(daemon.address(), json!({"token": forged})).await;
    assert_ne!(stranger.conversation(), client.conversation());

    // Out of hours the client knows, and knows until when.
    daemon.turn_to("2026-10-16T18:00:00+08:00");
    let late = Client::new(daemon.address(), "en").await;
    assert_eq!(
        (&late.welcome["data"]["open"], &late.welcome["data"]["next_open"]),
        (&json!(false), &json!("2026-10-19T01:00:00Z"))
    );
}

#[tokio::test]
async fn the_handshake_agrees_on_the_subprotocol_and_lets_only_the_shop_s_pages_in() {
    let (shop, receiver, daemon) = open_shop().await;
    let dial = async |address, protocol: Option<&'static str>, origin: Option<&str>| {
        let mut request = format!("ws://{address}/v1/chat").into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((_, response)) => {
                Ok(response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned()))
            }
            Err(Error::Http(response)) => {
                let body: Value =
                    serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap_or_default();
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                Err((response.status().as_u16(), body["code"].as_str().unwrap_or_default().to_owned()))
            }
            Err(other) => panic!("{other}"),
        }
    };
    let ours = || Ok(Some("chat.v1.json".to_owned()));
    let refused = |status, code: &str| Err((status, code.to_owned()));
    let here = daemon.address();
    assert_eq!(dial(here, Some("chat.v1.json"), None).await, ours());
    assert_eq!(dial(here, Some("chat.v2.json, chat.v1.json"), None).await, ours());
    assert_eq!(dial(here, None, None).await, Ok(None));
    assert_eq!(dial(here, Some("mqtt"), None).await, refused(400, "bad_request"));
    assert_eq!(dial(here, Some("chat.v1.json"), Some("https://shop.example")).await, ours());
    for foreign in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"] {
        assert_eq!(dial(here, Some("chat.v1.json"), Some(foreign)).await, refused(403, "foreign_origin"), "{foreign}");
    }
    daemon.stop().await;

    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("kind: websocket,", "kind: websocket, require_origin: true,"));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(dial(daemon.address(), Some("chat.v1.json"), None).await, refused(403, "foreign_origin"));
    assert_eq!(dial(daemon.address(), Some("chat.v1.json"), Some("https://shop.example")).await, ours());
    daemon.stop().await;
    drop(receiver);
}

#[tokio::test]
async fn a_message_sent_again_is_acknowledged_again_and_answered_once() {
    let (shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let first = client.turn(message("m-1", "怎么退货")).await;
    assert_eq!(first.texts(), [RETURNS]);
    let ack = first.only("ack").clone();
    assert_eq!((&ack["re"], &ack["seq"], &ack["data"]["dup"]), (&json!("m-1"), &json!(1), &json!(false)));
    let same = |again: &crate::common::client::Turn| {
        assert_eq!(again.frames.len(), 1, "an ack and nothing else: {:#?}", again.frames);
        let again = again.only("ack");
        assert_eq!(
            (&again["seq"], &again["data"]["message"], &again["ts"]),
            (&ack["seq"], &ack["data"]["message"], &ack["ts"])
        );
        assert_eq!(again["data"]["dup"], true);
    };
    same(&client.turn(message("m-1", "怎么退货")).await);
    // Also with other words, on another socket, and at a daemon that was started anew.
    same(&client.again(daemon.address()).await.turn(message("m-1", "别的话")).await);
    daemon.stop().await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = client.again(daemon.address()).await;
    same(&client.turn(message("m-1", "怎么退货")).await);
    assert_eq!(api::transcript(daemon.address(), client.conversation()).await.len(), 2);

    // Another customer's m-1 is another message.
    let other = Client::new(daemon.address(), "zh-CN").await.turn(message("m-1", "怎么退货")).await;
    assert_eq!((&other.only("ack")["data"]["dup"], other.texts()), (&json!(false), vec![RETURNS]));

    // Sent by eight tabs at once, it is one message with one answer.
    let mut tabs = Vec::new();
    for _ in 0..8 {
        tabs.push(client.again(daemon.address()).await);
    }
    for tab in &mut tabs {
        tab.send(message("m-2", "怎么退货")).await;
    }
    let mut fresh = 0;
    for tab in &mut tabs {
        let turn = tab.quiet().await;
        fresh += usize::from(turn.only("ack")["data"]["dup"] == false);
    }
    assert_eq!(fresh, 1);
    assert_eq!(api::transcript(daemon.address(), client.conversation()).await.len(), 4);
}

#[tokio::test]
async fn a_burst_is_answered_in_order_and_numbered_without_a_gap() {
    let (_shop, receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let burst = ["怎么退货", "怎么开发票", "转人工", "退款要多久", "紫色大象"];
    for n in 0..20 {
        client.send(message(&format!("b-{n}"), burst[n % burst.len()])).await;
    }
    let frames = client.quiet().await.frames;
    let numbers = numbers(&frames);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let acks: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "ack").collect();
    assert_eq!(
        acks.iter().map(|ack| str_at(ack, "/re").to_owned()).collect::<Vec<_>>(),
        (0..20).map(|n| format!("b-{n}")).collect::<Vec<_>>()
    );
    // Between a message's ack and the next one stand its own answers and no others.
    let mut last = Value::Null;
    for frame in &frames {
        match frame["type"].as_str() {
            Some("ack") => last = frame["data"]["message"].clone(),
            Some("message") => assert_eq!(frame["data"]["reply_to"], last),
            _ => {}
        }
    }
    let kept = api::told(daemon.address(), client.conversation()).await;
    assert_eq!(self::numbers(&kept), numbers, "the transcript has the same numbers");
    let cases = receiver.wait("/desk", 8).await;
    let seqs: Vec<u64> = cases
        .iter()
        .map(|case| case.json()["data"]["transcript"].as_array().unwrap().last().unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.is_sorted(), "the desk hears of them in order: {seqs:?}");
}

#[tokio::test]
async fn every_tab_of_a_customer_sees_the_conversation() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut writing = Client::new(daemon.address(), "zh-CN").await;
    let mut watching = writing.again(daemon.address()).await;
    let mut stranger = Client::new(daemon.address(), "zh-CN").await;
    let turn = writing.say("怎么退货").await;
    assert_eq!(turn.frames.iter().map(|frame| str_at(frame, "/type")).collect::<Vec<_>>(), ["ack", "message"]);
    let seen = watching.quiet().await;
    let roles: Vec<&str> = seen.messages().iter().map(|frame| str_at(frame, "/data/role")).collect();
    assert_eq!((roles, numbers(&seen.frames)), (vec!["visitor", "bot"], vec![1, 2]));
    assert_eq!(seen.texts(), ["怎么退货", RETURNS]);
    assert_eq!(seen.messages()[1], turn.only("message"), "the same frame for both");
    assert!(stranger.quiet().await.frames.is_empty(), "nobody else hears of it");
}

#[tokio::test]
async fn resume_sends_exactly_what_was_missed() {
    let (shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for text in ["怎么退货", "转人工", "紫色大象"] {
        client.say(text).await;
    }
    let kept = api::told(daemon.address(), client.conversation()).await;
    let last = numbers(&kept).pop().unwrap();
    // Also for a client whose first welcome came before its first message, and after a restart.
    daemon.stop().await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for seq in 0..=last {
        let mut back = Client::hello(daemon.address(), client.resume(seq)).await;
        assert_eq!(back.welcome["data"]["recovered"], true, "after {seq}: {:#}", back.welcome);
        assert_eq!(back.welcome["data"]["seq"], last);
        let missed = back.quiet().await.frames;
        assert_eq!(missed, kept[usize::try_from(seq).unwrap()..], "after {seq}");
    }
    // What happens meanwhile comes once, behind what was missed.
    let mut back = Client::open(daemon.address(), &[]).await.unwrap();
    back.send(json!({"type": "hello", "data": client.resume(last - 1)})).await;
    back.send(message("m-behind", "怎么退货")).await;
    let frames = back.quiet().await.frames;
    assert_eq!(numbers(&frames[1..]), [last, last + 1, last + 2], "{frames:#?}");

    for (what, change) in [
        ("/resume/epoch", json!("another life")),
        ("/resume/conversation", json!("c_000000000000000000000000")),
        ("/resume/seq", json!(last + 100)),
    ] {
        let mut hello = client.resume(1);
        *hello.pointer_mut(what).unwrap() = change;
        let mut back = Client::hello(daemon.address(), hello).await;
        assert_eq!(back.welcome["data"]["recovered"], false, "{what}");
        assert!(back.quiet().await.frames.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn history_is_read_in_pages() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for _ in 0..5 {
        client.say("怎么退货").await;
    }
    let kept = api::told(daemon.address(), client.conversation()).await;
    let (mut before, mut read, mut pages) = (None, Vec::new(), 0);
    loop {
        let turn = client.turn(json!({"type": "history", "id": "h-1", "data": {"before": before, "limit": 4}})).await;
        let page = turn.only("history");
        assert_eq!(page["re"], "h-1");
        let messages = page["data"]["messages"].as_array().unwrap().clone();
        before = messages.first().and_then(|first| first["seq"].as_u64());
        read.splice(0..0, messages);
        pages += 1;
        if page["data"]["more"] == false {
            break;
        }
    }
    assert_eq!((pages, read), (3, kept));
}

#[tokio::test]
async fn an_option_is_chosen_by_press_number_or_title() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for (choice, rule) in [
        (json!({"type": "select", "id": "s-1", "data": {"option": "invoice.get"}}), "invoice.get"),
        (message("s-2", "2"), "invoice.get"),
        (message("s-3", "第一个"), "refund.time"),
        (message("s-4", "退款多久到账？"), "refund.time"),
    ] {
        let shown = client.say("怎么退货").await;
        let options = shown.only("message")["data"]["options"].clone();
        assert_eq!(
            options,
            json!([{"id": "refund.time", "label": "退款多久到账"}, {"id": "invoice.get", "label": "怎么开发票"}])
        );
        let turn = client.turn(choice.clone()).await;
        assert_eq!(turn.only("ack")["re"], choice["id"]);
        assert_eq!(turn.only("message")["data"]["rule"], rule, "{choice}");
    }
}

#[tokio::test]
async fn typing_and_read_are_not_kept_and_ping_is_answered() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    for kind in ["typing", "read"] {
        let turn = client.turn(json!({"type": kind, "id": "t-1", "data": {"seq": 2}})).await;
        assert!(turn.frames.is_empty(), "{:#?}", turn.frames);
    }
    client.send(json!({"type": "ping", "id": "p-1"})).await;
    assert_eq!(client.next().await, json!({"type": "pong", "re": "p-1"}));
    assert_eq!(api::transcript(daemon.address(), client.conversation()).await.len(), 2);
    // What a later version of a client adds is passed over.
    let turn = client
        .turn(json!({"type": "message", "id": "x", "new": 1, "data": {"text": "怎么退货", "mood": "fine"}}))
        .await;
    assert_eq!(turn.texts(), [RETURNS]);
}

#[tokio::test]
async fn what_is_not_of_the_protocol_is_answered_and_the_socket_stays() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut early = Client::open(daemon.address(), &[]).await.unwrap();
    let turn = early.turn(message("m-1", "怎么退货")).await;
    assert_eq!(
        (&turn.only("error")["data"]["code"], &turn.only("error")["re"]),
        (&json!("hello_first"), &json!("m-1"))
    );

    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for (frame, re, code) in [
        (r#"{"type":"dance","id":"d-1"}"#, json!("d-1"), "bad_type"),
        (r#"{"type":"hello","id":"d-2","data":{}}"#, json!("d-2"), "bad_frame"),
        (r#"{"type":"message","data":{"text":"怎么退货"}}"#, Value::Null, "bad_frame"),
        (r#"{"type":"message","id":"a b","data":{"text":"怎么退货"}}"#, Value::Null, "bad_frame"),
        (r#"{"type":"message","id":"d-3","data":{"kind":"dance","text":"怎么退货"}}"#, json!("d-3"), "bad_frame"),
        (r#"{"type":"select","id":"d-4","data":{}}"#, json!("d-4"), "bad_frame"),
        ("[1, 2", Value::Null, "bad_frame"),
        ("17", Value::Null, "bad_frame"),
    ] {
        client.ws.send(Message::Text(frame.into())).await.unwrap();
        let turn = client.quiet().await;
        let error = turn.only("error");
        assert_eq!((&error["re"], &error["data"]["code"]), (&re, &json!(code)), "{frame}");
        assert!(!str_at(error, "/data/message").is_empty());
    }
    assert_eq!(client.say("怎么退货").await.texts(), [RETURNS], "the socket stays");
    // What a later version may send is never too much; what is no frame at all is, in the end.
    for _ in 0..20 {
        client.send(json!({"type": "dance"})).await;
    }
    assert_eq!(client.say("怎么退货").await.texts(), [RETURNS]);
    for _ in 0..4 {
        client.ws.send(Message::Text("[1, 2".into())).await.unwrap();
    }
    assert_eq!(client.close_code().await, 4500, "do not come back");
}

#[tokio::test]
async fn what_no_client_may_send_closes_the_socket_with_the_right_code() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let text = |bytes: Vec<u8>| Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true));
    for (bad, code) in [
        (Message::Binary(vec![1, 2, 3].into()), 1003),
        (text(vec![b'"', 0xff, 0xfe, b'"']), 1007),
        (Message::Text("x".repeat(16 * 1024 + 1).into()), 1009),
    ] {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.ws.send(bad).await.unwrap();
        assert_eq!(client.close_code().await, code);
    }
    // A frame just within the limit is only a long message.
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let turn = client.say(&"长".repeat(5_000)).await;
    assert_eq!(turn.texts(), ["消息太长，已转给同事。"]);
}

#[tokio::test]
async fn whoever_writes_too_much_is_told_how_long_to_wait() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_customer_per_minute: 3}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    for n in 0..3 {
        client.turn(message(&format!("m-{n}"), "怎么退货")).await.only("ack");
    }
    let turn = client.turn(message("m-3", "怎么退货")).await;
    let error = turn.only("error");
    assert_eq!((&error["re"], &error["data"]["code"]), (&json!("m-3"), &json!("rate_limited")));
    assert!((1..=60_000).contains(&error["data"]["retry_after_ms"].as_u64().unwrap()), "{error:#}");
    // Repeating what was acknowledged costs nothing, and others are not held up.
    assert_eq!(client.turn(message("m-0", "怎么退货")).await.only("ack")["data"]["dup"], true);
    assert_eq!(Client::new(daemon.address(), "zh-CN").await.say("怎么退货").await.texts(), [RETURNS]);
    // A flood of frames ends the socket.
    let flood = async { while client.try_send(json!({"type": "typing"})).await.is_ok() {} };
    tokio::time::timeout(crate::common::PATIENCE, flood).await.expect("an end of the flood");
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_and_who_talks_is_told_when_the_daemon_stops() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let began = std::time::Instant::now();
    let mut silent = Client::open(daemon.address(), &[]).await.unwrap();
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(silent.close_code().await, 4002);
    assert!((4..60).contains(&began.elapsed().as_secs()), "five seconds, not {:?}", began.elapsed());
    assert_eq!(client.say("怎么退货").await.texts(), [RETURNS]);
    let (code, ()) = tokio::join!(client.close_code(), daemon.stop());
    assert_eq!(code, 1001, "going away: come back");
}

#[tokio::test]
async fn a_long_history_comes_in_pages_that_a_frame_can_hold() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let long = "长".repeat(5_000);
    for number in 0..24 {
        client.send(message(&format!("m-{number}"), &long)).await;
    }
    client.quiet().await;
    let (mut before, mut seen) = (None, 0);
    for _ in 0..20 {
        let turn = client.turn(json!({"type": "history", "id": "h", "data": {"before": before, "limit": 100}})).await;
        let data = &turn.only("history")["data"];
        let messages = data["messages"].as_array().unwrap();
        assert!(!messages.is_empty() && data.to_string().len() < 200_000);
        seen += messages.iter().filter(|event| event["data"]["role"] == "visitor").count();
        before = messages[0]["seq"].as_u64();
        if data["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen, 24);
}
