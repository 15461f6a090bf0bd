//! Robots of DingTalk groups (钉钉自定义机器人): plain text; time and signature stand in the address.

use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Code, Means, Robot, Verdict, by_code, plain, signature};
use crate::handoff::endpoint::People;
use crate::handoff::note::Note;

/// Of the text, in bytes; the platform takes about five times as much in a body.
const LIMIT: usize = 4_000;

/// The platform's codes.
const CODES: &[Code] = &[
    (-1, Means::Again, "DingTalk is busy"),
    (
        130_101,
        Means::Busy(600),
        "the robot spoke too often and is silenced for ten minutes; lower `rate` if that happens again",
    ),
    (
        410_100,
        Means::Busy(600),
        "the robot spoke too often and is silenced for ten minutes; lower `rate` if that happens again",
    ),
    (
        310_000,
        Means::Refused,
        "the robot's security settings refuse the message: its words (put `nightdesk` among the keywords), its signature (check `secret` and this machine's clock), or this machine's address",
    ),
    (
        300_001,
        Means::Gone,
        "this address is not, or no longer, a robot's; make a new robot in the group and change `url`",
    ),
    (
        400_101,
        Means::Gone,
        "this address is not, or no longer, a robot's; make a new robot in the group and change `url`",
    ),
    (400_102, Means::Gone, "the robot is switched off; switch it on in the group, then `nightdesk queue resume`"),
    (400_106, Means::Gone, "the robot is not in the group any more; make a new one and change `url`"),
    (430_101, Means::Refused, "DingTalk does not take the message because of a link in it"),
    (430_102, Means::Refused, "DingTalk does not take the message because of its words"),
    (430_103, Means::Refused, "DingTalk does not take the message because of a picture in it"),
    (430_104, Means::Refused, "DingTalk does not take the message because of its words"),
    (400_105, Means::Refused, "DingTalk does not know this kind of message; please report this as a bug"),
    (460_101, Means::Refused, "DingTalk finds the message too long; please report this as a bug"),
];

/// The platform.
pub(super) struct Dingtalk;

impl Robot for Dingtalk {
    fn message(&self, note: &Note, people: &People, _now: Timestamp) -> Value {
        let called = if note.urgent { people.mention.as_slice() } else { &[] };
        let phone = |who: &&String| who.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'));
        let (phones, users): (Vec<&String>, Vec<&String>) = called.iter().filter(|who| *who != "all").partition(phone);
        let everybody = called.iter().any(|who| who == "all");
        // Only who stands in the text is called.
        let names: Vec<String> = phones.iter().chain(&users).map(|who| format!("@{who}")).collect();
        let mut text = plain::text(note, LIMIT);
        if !names.is_empty() {
            text = format!("{text}\n{}", names.join(" "));
        }
        json!({
            "msgtype": "text",
            "text": {"content": text},
            "at": {"atMobiles": phones, "atUserIds": users, "isAtAll": everybody},
        })
    }

    fn signed_url(&self, url: &str, people: &People, now: Timestamp) -> Option<String> {
        let secret = people.secret.as_ref()?.expose_secret();
        let mut url = Url::parse(url).ok()?;
        let time = now.as_millisecond().to_string();
        let sign = signature(secret, &format!("{time}\n{secret}"));
        url.query_pairs_mut().append_pair("timestamp", &time).append_pair("sign", &sign);
        Some(url.into())
    }

    fn verdict(&self, status: u16, body: &[u8]) -> Option<Verdict> {
        (status == 200).then(|| by_code(body, &["errcode"], &["errmsg"], CODES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_worked_example() {
        let people = People { secret: Some("this is secret".into()), ..People::default() };
        let now = Timestamp::from_millisecond(1_573_000_000_000).unwrap();
        let signed = Dingtalk.signed_url("https://robot.example/robot/send?access_token=abc", &people, now).unwrap();
        assert_eq!(
            signed,
            "https://robot.example/robot/send?access_token=abc&timestamp=1573000000000&sign=gU3KSHrV8HWTYm0FmvMCe7fuEuNkkwBOnjyMw9F9dkI%3D"
        );
        assert_eq!(Dingtalk.signed_url("https://robot.example/", &People::default(), now), None);
    }
}
