//! Group robots of WeCom (企业微信群机器人, now 消息推送): plain text, at most 2048 bytes; the address is the secret.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Code, Means, Robot, Verdict, by_code, plain};
use crate::handoff::endpoint::People;
use crate::handoff::note::Note;

/// Of `text.content`, in bytes.
const LIMIT: usize = 2_048;

/// The platform's codes.
const CODES: &[Code] = &[
    (-1, Means::Again, "WeCom is busy"),
    (45009, Means::Busy(60), "the robot spoke too often; lower `rate` if that happens again"),
    (45033, Means::Busy(10), "too many messages at a time"),
    (
        93000,
        Means::Gone,
        "this address is not, or no longer, a robot's; make a new robot in the group and change `url`",
    ),
    (93004, Means::Gone, "the robot is switched off; switch it on in the group, then `nightdesk queue resume`"),
    (93008, Means::Gone, "the robot is not in the group any more; add it, then change `url`"),
    (
        60020,
        Means::Refused,
        "the robot does not take messages from this machine's address; add that to its allowed addresses",
    ),
    (40058, Means::Refused, "WeCom does not understand the message; please report this as a bug"),
    (44004, Means::Refused, "WeCom finds the message empty; please report this as a bug"),
    (45002, Means::Refused, "WeCom finds the message too long; please report this as a bug"),
];

/// The platform.
pub(super) struct WecomRobot;

impl Robot for WecomRobot {
    fn message(&self, note: &Note, people: &People, _now: Timestamp) -> Value {
        let mut text = json!({"content": plain::text(note, LIMIT)});
        if note.urgent && !people.mention.is_empty() {
            let phone = |who: &&String| who.len() >= 8 && who.bytes().all(|byte| byte.is_ascii_digit());
            let called = |who: &String| if who == "all" { "@all".to_owned() } else { who.clone() };
            let (phones, others): (Vec<&String>, Vec<&String>) = people.mention.iter().partition(phone);
            text["mentioned_list"] = others.into_iter().map(called).collect();
            text["mentioned_mobile_list"] = phones.into_iter().map(called).collect();
        }
        json!({"msgtype": "text", "text": text})
    }

    fn verdict(&self, status: u16, body: &[u8]) -> Option<Verdict> {
        (status == 200).then(|| by_code(body, &["errcode"], &["errmsg"], CODES))
    }
}
