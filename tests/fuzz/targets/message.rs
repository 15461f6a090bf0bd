//! Any messages in any conversation, decided with the starter pack: no panic, the same twice, explained as it was decided, and
//! answered with nothing but words of the pack.
//!
//! A line is a message; a mark before it does something else: `!` presses an option, `@` sets the language of the program, `*` sends a
//! picture, `?` asks for a person, `^` rates, `+` lets minutes pass, `&` a person takes it, `%` gives it back, `{` is a conversation
//! as the store may hold one.

use jiff::{SignedDuration, Timestamp};
use nightdesk::message::{Conversation, Customer, Fetched, Gesture, Inbound, Kind, State};

use super::instant;
use super::pack::Pack;

/// Most lines of one conversation.
const LINES: usize = 12;
/// Steps that may be due at one time: each queue of the ladder, and a few besides.
const STEPS: usize = 20;

pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let customer = Customer { id: "v_1".into(), ..Customer::default() };
    let mut now = instant("2026-10-09T16:15:00+08:00");
    let mut conversation = Conversation::new("c_explain".into(), "web", "explain", customer, now);
    let mut locale = None;
    for line in text.lines().take(LINES) {
        let mut rest = line.chars();
        let mark = rest.next().unwrap_or_default();
        let rest = rest.as_str();
        let written = |words: &str| Inbound {
            locale: locale.clone(),
            ..Inbound::words("msg_explain", &conversation.channel, conversation.customer.clone(), words)
        };
        let inbound = match mark {
            '{' => {
                if let Ok(stored) = serde_json::from_str(line) {
                    conversation = stored;
                }
                continue;
            }
            '@' => {
                locale = Some(rest.to_owned());
                continue;
            }
            '+' => {
                let passed = SignedDuration::from_mins(rest.trim().parse::<i32>().unwrap_or(1).unsigned_abs().into());
                now = now.checked_add(passed).unwrap_or(Timestamp::MAX);
                by_itself(&mut conversation, now);
                continue;
            }
            '&' => {
                conversation.state = if conversation.handoff.is_some() { State::Human } else { State::Bot };
                conversation.agent = Some("anna".into());
                continue;
            }
            '%' => {
                conversation.state = State::Bot;
                conversation.handoff = None;
                continue;
            }
            '!' => Inbound { gesture: Gesture::Select(rest.to_owned()), ..written("") },
            '*' => Inbound { kind: Kind::Image, ..written(rest) },
            '?' => Inbound { gesture: Gesture::AskForPerson, ..written(rest) },
            '^' => {
                let score = rest.trim().parse().unwrap_or(1_u8).clamp(1, 5);
                Inbound { gesture: Gesture::Rate { score, comment: Some(rest.to_owned()) }, ..written("") }
            }
            _ => written(line),
        };
        conversation = said(&inbound, &conversation, now);
    }
}

/// What time alone does to it, which has an end.
fn by_itself(conversation: &mut Conversation, now: Timestamp) {
    let engine = &Pack::shipped().engine;
    for _ in 0..STEPS {
        let next = engine.next_timer(conversation);
        let Some(step) = engine.time_is_up(conversation, now) else { return };
        assert!(next.is_some_and(|next| next <= now), "a step that no timer would wake for: {next:?}");
        *conversation = step.conversation;
    }
    panic!("there is always something more to do");
}

/// One message; the conversation after it.
fn said(inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Conversation {
    let pack = Pack::shipped();
    let engine = &pack.engine;
    let mut outcome = engine.handle(inbound, conversation, now);
    let again = engine.handle(inbound, conversation, now);
    assert_eq!(format!("{outcome:?}"), format!("{again:?}"), "the same in, the same out");
    let _ = (engine.waits(inbound, conversation, &outcome), engine.continued(inbound, conversation, now));
    let _ = (engine.answered(inbound, conversation, now), engine.over_limit(inbound, conversation, now));
    let _ = (engine.returned(inbound, conversation, now), engine.hours(inbound, conversation, now));
    if outcome.lookup.is_some() {
        let fetched = Fetched { status: 200, ..Fetched::default() };
        outcome = engine.handle(&Inbound { fetched: Some(fetched), ..inbound.clone() }, conversation, now);
    } else if conversation.turns == 0 && inbound.gesture == Gesture::Write && inbound.kind == Kind::Text {
        explained_alike(inbound, conversation, now, &outcome);
    }
    let explained = engine.explained(&outcome);
    assert_eq!(explained["decision"], serde_json::to_value(&outcome.decision).unwrap(), "explained as it was decided");
    for reply in &outcome.replies {
        assert!(pack.says(&reply.text), "not of the pack: {:?} to {:?}", reply.text, inbound.text);
        assert!(reply.rule.as_ref().is_none_or(|rule| engine.knowledge().by_id.contains_key(rule)));
    }
    // What is kept can be read again.
    let kept = serde_json::to_string(&outcome.conversation).unwrap();
    let read: Conversation = serde_json::from_str(&kept).unwrap_or_else(|error| panic!("{error}: {kept}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), kept, "what is kept stays");
    read
}

/// `explain` has the same answer for a first message.
fn explained_alike(
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    outcome: &nightdesk::decide::Outcome,
) {
    let engine = &Pack::shipped().engine;
    let fresh = Conversation::new("c_explain".into(), "web", "explain", conversation.customer.clone(), now);
    if *conversation != fresh || inbound.locale.is_some() {
        return;
    }
    let all = engine.first_messages(Some("web"), &inbound.customer, &[&inbound.text], now).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(format!("{:?}", all[0]), format!("{outcome:?}"), "`explain` agrees with what is decided");
}
