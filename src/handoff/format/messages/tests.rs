//! Every event in every format and language, and what customers write to do harm.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Format, Robot, robot};
use crate::handoff::endpoint::People;
use crate::handoff::note::{Note, test_body};
use crate::store::OutboxRow;

/// Sunday noon in Shanghai.
fn now() -> Timestamp {
    "2026-11-22T12:00:30+08:00".parse().unwrap()
}

fn people(chinese: bool) -> People {
    People {
        chinese,
        zone: TimeZone::get("Asia/Shanghai").unwrap(),
        mention: vec!["all".to_owned()],
        ..People::default()
    }
}

fn row(id: i64, kind: &str, body: &Value) -> OutboxRow {
    OutboxRow {
        id,
        webhook_id: format!("evt_{id}"),
        endpoint: "group".into(),
        url: None,
        conversation: "c_1".into(),
        kind: kind.into(),
        body: body.to_string().into_bytes(),
        created_at: now(),
        next_try_at: now(),
        attempts: 0,
        state: "pending".into(),
        last_status: None,
        last_error: None,
        finished_at: None,
    }
}

/// An event as the pipeline commits it, with these parts of `data` in place of its own.
fn event(kind: &str, parts: &Value) -> OutboxRow {
    let mut data = json!({
        "handoff": {"id": "h_1", "queue": "after-sale", "priority": "normal", "reason": "asked",
            "created_at": "2026-11-22T03:58:00Z", "deadline": "2026-11-22T04:02:00Z"},
        "conversation": {"id": "c_1", "channel": "web", "thread": "v_1", "state": "queued", "language": "zh", "tags": []},
        "customer": {"id": "v_1", "tier": "vip", "name": "张三"},
        "class": "after-sale", "matched": [], "slots": {},
        "message": {"message": "msg_1", "role": "visitor", "kind": "text", "text": "鞋子开胶了，\n怎么办？"},
        "transcript": [
            {"role": "visitor", "kind": "text", "text": "你好"},
            {"role": "bot", "kind": "text", "text": "您好，请问有什么可以帮您？"},
            {"role": "visitor", "kind": "text", "text": "鞋子开胶了"},
            {"role": "bot", "kind": "notice", "text": "已转给同事。"}],
        "console_url": "https://desk.example/console#/case/c_1",
        "reply_url": "https://desk.example/v1/conversations/c_1/messages", "reply_token": "rt_secret",
    });
    for (name, value) in parts.as_object().unwrap() {
        data[name] = value.clone();
    }
    row(1, kind, &json!({"type": kind, "timestamp": "2026-11-22T04:00:00Z", "data": data}))
}

/// Every event, as it comes.
fn events() -> Vec<(&'static str, OutboxRow)> {
    let handoff = |queue: &str, priority: &str, reason: &str, deadline: Value| {
        json!({"id": "h_1", "queue": queue, "priority": priority, "reason": reason,
            "created_at": "2026-11-22T03:58:00Z", "deadline": deadline})
    };
    let escalated = |reason: &str, from: Value| {
        json!({"escalation": {"reason": reason, "from": from, "step": 1, "repeat": 0}, "message": null,
            "handoff": handoff("supervisor", "high", "asked", json!("2026-11-22T03:59:00Z"))})
    };
    let ended = handoff("after-sale", "urgent", "asked", Value::Null);
    let moved = json!({"type": "handoff.moved", "timestamp": "2026-11-22T04:00:00Z", "data": {
        "handoff": {"id": "h_1", "queue": "after-sale"}, "moved_to": {"id": "h_2", "queue": "supervisor"},
        "conversation": {"id": "c_1", "state": "queued"}, "console_url": "https://desk.example/console#/case/c_1"}});
    vec![
        (
            "a new case",
            event("handoff.created", &json!({"slots": {"order": "202611220001", "reason": "开胶", "pieces": 2}})),
        ),
        (
            "an urgent one",
            event(
                "handoff.created",
                &json!({
            "handoff": handoff("oncall", "urgent", "account-stolen", json!("2026-11-22T04:03:00Z")),
            "message": {"role": "visitor", "kind": "text", "text": "我的账号被盗了！！"}}),
            ),
        ),
        (
            "passed on",
            event(
                "handoff.created",
                &json!({"transfer": {"from": "general", "by": "小王", "note": "要退\n两双"}, "message": null}),
            ),
        ),
        (
            "a low rating",
            event(
                "handoff.created",
                &json!({"handoff": handoff("complaints", "high", "low_score", Value::Null),
                    "survey": {"handoff": "h_0", "queue": "after-sale", "agent": "小王", "score": 1, "text": null}}),
            ),
        ),
        (
            "a picture",
            event(
                "handoff.created",
                &json!({
            "handoff": handoff("general", "low", "media", Value::Null), "customer": {"id": "v_8f2c"},
            "message": {"role": "visitor", "kind": "image", "text": "", "url": "https://x.example/1.jpg"}}),
            ),
        ),
        ("writes on", event("handoff.message", &json!({}))),
        (
            "the target is near",
            event("handoff.warning", &json!({"message": null, "escalation": {"reason": "warning", "from": null}})),
        ),
        ("the target passed", event("handoff.escalated", &escalated("target", json!("after-sale")))),
        ("said again", event("handoff.escalated", &escalated("repeat", Value::Null))),
        ("the limit over all", event("handoff.escalated", &escalated("transfer", json!("after-sale")))),
        ("an agent is idle", event("handoff.escalated", &escalated("agent_idle", Value::Null))),
        ("moved", row(1, "handoff.moved", &moved)),
        ("given back", event("conversation.returned", &json!({"message": null, "handoff": ended}))),
        ("closed", event("conversation.closed", &json!({"message": null, "handoff": ended}))),
        (
            "a rating",
            event(
                "survey.answered",
                &json!({"message": null, "handoff": null, "survey": {
            "handoff": "h_1", "queue": "after-sale", "agent": "小王", "score": 4, "text": "很快"}}),
            ),
        ),
        (
            "told late, of a later version",
            row(
                1,
                "handoff.praised",
                &json!({"type": "handoff.praised", "timestamp": "2026-11-21T03:00:00Z",
            "data": {"conversation": {"id": "c_9"}, "reply_url": "https://desk.example/v1/conversations/c_9/messages"}}),
            ),
        ),
        ("a test", row(0, "nightdesk.test", &test_body(now()))),
    ]
}

fn robots() -> impl Iterator<Item = (Format, &'static dyn Robot)> {
    Format::ALL.into_iter().filter_map(|format| Some((format, robot(format)?)))
}

#[test]
fn every_event_in_every_format_and_language() {
    for (format, robot) in robots() {
        for (chinese, language) in [(true, "zh"), (false, "en")] {
            let people = people(chinese);
            let mut shown = String::new();
            for (what, row) in events() {
                let message = robot.message(&Note::of(&row, &people, now()), &people, now());
                let _ = write!(shown, "# {what}\n{message:#}\n\n");
            }
            let rows: Vec<OutboxRow> = events().into_iter().map(|(_, row)| row).collect();
            let digest = robot.message(&Note::digest(&rows, &people), &people, now());
            let _ = write!(shown, "# all of them in one\n{digest:#}\n");
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_snapshot_path("../snapshots");
            settings.bind(|| insta::assert_snapshot!(format!("{}_{language}", format.as_str()), shown));
        }
    }
}

/// All strings in a message, each with the name it stands under.
fn strings<'a>(value: &'a Value, name: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((name, text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, name, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| strings(value, name, found)),
        _ => {}
    }
}

/// What customers write to call people, to make links or tags, or to look like the robot's own lines.
const HARM: &str = "<@all> <@U123> <!channel> <!everyone|x> @所有人 @all @channel <at user_id=\"all\">x</at> <at id=all></at> \
    [点这里](https://evil.example) <https://evil.example|Open in nightdesk> *b* <font color=\"warning\">x</font> &lt;!here&gt;\n\
    在 nightdesk 中打开：https://evil.example\u{202e}\u{0}";

fn harmful() -> OutboxRow {
    event(
        "handoff.created",
        &json!({
        "customer": {"id": HARM, "name": HARM, "tier": HARM}, "slots": {HARM: HARM, "n": [HARM]},
        "message": {"role": "visitor", "kind": "text", "text": HARM}}),
    )
}

#[test]
fn what_customers_write_calls_nobody_and_is_no_markup() {
    for (format, robot) in robots() {
        for chinese in [true, false] {
            let people = People { mention: Vec::new(), ..people(chinese) };
            let message = robot.message(&Note::of(&harmful(), &people, now()), &people, now());
            let mut found = Vec::new();
            strings(&message, "", &mut found);
            assert!(found.iter().any(|(_, text)| text.contains("evil.example")), "the words are there");
            for (name, text) in found {
                assert!(!text.contains(['\u{0}', '\u{202e}']), "{format:?}: {text}");
                if format == Format::Slack {
                    // In rich text only its own parts mean something; the two others are ours.
                    let literal = !text.contains("evil");
                    assert!(literal || name == "text", "{name}: {text}");
                } else {
                    for call in ["<@", "<!", "<at", "<font", " @", "：@", "“@"] {
                        assert!(!text.contains(call), "{format:?} has {call}: {text}");
                    }
                }
                assert!(name != "url" && name != "href" || text.starts_with("https://desk.example/"), "{text}");
            }
            if format == Format::Slack {
                for own in [&message["text"], &message["blocks"][0]["text"]["text"]] {
                    assert!(!own.as_str().unwrap().contains("evil") && !own.as_str().unwrap().contains('<'), "{own}");
                }
                let quote = message["blocks"][1]["elements"][1]["elements"][0].clone();
                assert_eq!((&quote["type"], quote.as_object().unwrap().len()), (&json!("text"), 2));
            }
            // A line that begins like the robot's own is only one of the robot.
            let link = |text: &str| {
                text.lines().filter(|line| line.contains("nightdesk") && line.starts_with(['在', 'O'])).count()
            };
            if let Some(text) = message.pointer("/text/content").and_then(Value::as_str) {
                assert_eq!(link(text), 1, "{text}");
            }
        }
    }
}

#[test]
fn no_message_is_longer_than_the_platform_takes() {
    for text in ["怎".repeat(16_000), "🙂".repeat(16_000), "\"\\".repeat(8_000), "👩‍👩‍👧‍👦".repeat(2_000), "a ".repeat(8_000)]
    {
        let slots: serde_json::Map<String, Value> = (0..50).map(|n| (format!("{n}{text}"), json!(text))).collect();
        let long = event(
            "handoff.created",
            &json!({
            "customer": {"id": text, "name": text, "tier": text}, "slots": slots,
            "handoff": {"queue": "q".repeat(400), "reason": text, "priority": "urgent", "created_at": now(), "deadline": now()},
            "message": {"role": "visitor", "kind": "image", "text": text}}),
        );
        let people = people(true);
        for (format, robot) in robots() {
            let message = robot.message(&Note::of(&long, &people, now()), &people, now());
            let whole = message.to_string().len();
            let mut found = Vec::new();
            strings(&message, "", &mut found);
            let longest = found.iter().map(|(_, text)| text.len()).max().unwrap();
            let (most_whole, most_part) = match format {
                Format::WecomRobot => (usize::MAX, 2_048),
                Format::Slack => (40_000, 3_000),
                _ => (20_000, usize::MAX),
            };
            assert!(whole <= most_whole && longest <= most_part, "{format:?}: {whole} bytes, a part of {longest}");
            assert!(message.to_string().contains("https://desk.example/console#/case/c_1"), "{format:?} has the link");
        }
    }
}

#[test]
fn a_digest_counts_every_row_that_it_tells_of() {
    let mut rows = Vec::new();
    for n in 0..500 {
        let queue = format!("queue-{}", n % 37);
        rows.push(event("handoff.created", &json!({"handoff": {"queue": queue, "priority": "normal"}})));
    }
    let note = Note::digest(&rows, &people(false));
    assert_eq!(note.title, "500 more notices");
    let counted: usize =
        note.facts.iter().map(|fact| fact.line(&note).split(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!((counted, note.facts.len()), (500, 21));
    assert_eq!(note.link.unwrap().url, "https://desk.example/console#/cases");
}

#[test]
fn bytes_that_are_no_event_are_told_all_the_same() {
    for body in ["", "null", "[]", "{", r#"{"data":null}"#, r#"{"data":{"handoff":7}}"#] {
        let row = OutboxRow { body: body.as_bytes().to_vec(), ..row(1, "handoff.created", &Value::Null) };
        assert_eq!(Note::of(&row, &people(false), now()).title, "New case");
    }
}
