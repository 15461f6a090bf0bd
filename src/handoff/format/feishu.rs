//! Robots of Feishu and Lark groups (飞书自定义机器人): rich text of literal parts; time and signature stand in the body.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::plain::{cut, harmless};
use super::{Code, Means, Robot, Verdict, by_code, signature};
use crate::handoff::endpoint::People;
use crate::handoff::note::Note;

/// Of all text in a message, in bytes, so that the body stays within 20 KB whatever has to be escaped.
const LIMIT: usize = 6_000;

/// The platform's codes.
const CODES: &[Code] = &[
    (11232, Means::Busy(30), "Feishu is busy, most of all at every full and half hour"),
    (99_991_400, Means::Busy(60), "the robot spoke too often; lower `rate` if that happens again"),
    (9499, Means::Refused, "Feishu does not understand the message; please report this as a bug"),
    (19002, Means::Refused, "Feishu does not understand the message; please report this as a bug"),
    (
        19001,
        Means::Gone,
        "this address is not, or no longer, a robot's; make a new robot in the group and change `url`",
    ),
    (19007, Means::Gone, "the robot is switched off; switch it on in the group, then `nightdesk queue resume`"),
    (
        19021,
        Means::Refused,
        "the signature does not hold; check `secret` and this machine's clock (an hour is allowed)",
    ),
    (
        19022,
        Means::Refused,
        "the robot does not take messages from this machine's address; add that to its allowed addresses",
    ),
    (19024, Means::Refused, "the message has none of the robot's keywords; put `nightdesk` among them"),
];

/// The platform.
pub(super) struct Feishu;

impl Robot for Feishu {
    fn message(&self, note: &Note, people: &People, now: Timestamp) -> Value {
        let text = |text: String| json!({"tag": "text", "text": text});
        let mut left = LIMIT;
        let mut said = |words: String| {
            let words = cut(&words, left);
            left = left.saturating_sub(words.len());
            json!([text(words)])
        };
        let mut lines: Vec<Value> = note.facts.iter().map(|fact| said(harmless(&fact.line(note)))).collect();
        if let Some(words) = &note.words {
            lines.push(said(format!("“{}”", harmless(words))));
        }
        if let Some(link) = &note.link {
            lines.push(json!([{"tag": "a", "text": link.label, "href": link.url}]));
        }
        if note.urgent && !people.mention.is_empty() {
            lines.insert(0, people.mention.iter().map(|who| json!({"tag": "at", "user_id": who})).collect());
        }
        let language = if note.chinese { "zh_cn" } else { "en_us" };
        let post = json!({language: {"title": cut(&note.title, 300), "content": lines}});
        let mut message = json!({"msg_type": "post", "content": {"post": post}});
        if let Some(secret) = &people.secret {
            let time = now.as_second().to_string();
            // The key is what others sign, and nothing is signed.
            message["sign"] = json!(signature(&format!("{time}\n{}", secret.expose_secret()), ""));
            message["timestamp"] = json!(time);
        }
        message
    }

    fn verdict(&self, status: u16, body: &[u8]) -> Option<Verdict> {
        // A body that it cannot use is answered with 400 and the code as well.
        let coded = status == 200 || (status == 400 && serde_json::from_slice::<Value>(body).is_ok());
        coded.then(|| by_code(body, &["code", "StatusCode"], &["msg", "StatusMessage"], CODES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_worked_example() {
        assert_eq!(signature("1599360473\ndemo", ""), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        let people = People { secret: Some("demo".into()), ..People::default() };
        let message = Feishu.message(&Note::default(), &people, Timestamp::from_second(1_599_360_473).unwrap());
        assert_eq!(message["timestamp"], "1599360473");
        assert_eq!(message["sign"], "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        let unsigned = Feishu.message(&Note::default(), &People::default(), Timestamp::UNIX_EPOCH);
        assert!(unsigned.get("sign").is_none() && unsigned.get("timestamp").is_none());
    }
}
