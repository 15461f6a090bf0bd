//! What goes over the wire, for each format: one file for each platform below this one, and a line in [`robot`].
//!
//! The standard format is the committed bytes themselves. All others are for people: a [`Note`] in the platform's own form,
//! signed in its own way, and its answers read by its own table.

mod dingtalk;
mod feishu;
mod plain;
mod slack;
mod wecom;

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::endpoint::People;
use super::note::{Note, tidy};
pub use crate::rules::WebhookFormat as Format;
use crate::store::OutboxRow;

/// Longest summary, in bytes.
const SUMMARY: usize = 4_000;

/// A platform whose robots speak to people.
pub(super) trait Robot: Sync {
    /// The message, as JSON. `now` is the time of this attempt.
    fn message(&self, note: &Note, people: &People, now: Timestamp) -> Value;

    /// The address for this attempt, where the signature is a part of it.
    fn signed_url(&self, _url: &str, _people: &People, _now: Timestamp) -> Option<String> {
        None
    }

    /// What an answer means; none where its status says it all.
    fn verdict(&self, status: u16, body: &[u8]) -> Option<Verdict>;
}

/// The platform of a format; none for the standard one.
pub(super) fn robot(format: Format) -> Option<&'static dyn Robot> {
    match format {
        Format::Standard | Format::Chatwoot | Format::Zendesk => None,
        Format::WecomRobot => Some(&wecom::WecomRobot),
        Format::Dingtalk => Some(&dingtalk::Dingtalk),
        Format::Feishu => Some(&feishu::Feishu),
        Format::Slack => Some(&slack::Slack),
    }
}

/// An event in lines of plain words, as its people are told of it.
#[must_use]
pub fn summary(row: &OutboxRow, people: &People, now: Timestamp) -> String {
    plain::text(&Note::of(row, people, now), SUMMARY)
}

/// What a platform's answer means, with a hint in words where it is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The group has it.
    Taken,
    /// Too much at a time: nothing more for so long.
    Busy(Duration, String),
    /// Not now; by the endpoint's own waits.
    Again(String),
    /// Never this one.
    Refused(String),
    /// Never any, at this address.
    Gone(String),
}

/// What a code means.
#[derive(Clone, Copy, Debug)]
enum Means {
    Busy(u64),
    Again,
    Refused,
    Gone,
}

/// A line of a platform's table.
type Code = (i64, Means, &'static str);

/// Reads an answer that has a code in one of these fields, where 0 is good, and words in one of those.
fn by_code(body: &[u8], code: &[&str], words: &[&str], table: &[Code]) -> Verdict {
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return Verdict::Again("the answer is not the platform's own, or was cut off".to_owned());
    };
    let Some(code) = code.iter().find_map(|field| answer.get(*field)?.as_i64()) else {
        return Verdict::Again("the answer has no code".to_owned());
    };
    if code == 0 {
        return Verdict::Taken;
    }
    let said = words.iter().find_map(|field| answer.get(*field)?.as_str()).map(tidy).unwrap_or_default();
    let said = if said.is_empty() { said } else { format!(" (it says: {})", plain::cut(&said, 160)) };
    let Some((_, means, hint)) = table.iter().find(|(number, ..)| *number == code) else {
        return Verdict::Again(format!("code {code}{said}"));
    };
    let error = format!("code {code}: {hint}{said}");
    match means {
        Means::Busy(seconds) => Verdict::Busy(Duration::from_secs(*seconds), error),
        Means::Again => Verdict::Again(error),
        Means::Refused => Verdict::Refused(error),
        Means::Gone => Verdict::Gone(error),
    }
}

/// HMAC-SHA256 in base64, as DingTalk and Feishu want it, each with its own idea of what is the key.
fn signature(key: &str, message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, message.as_bytes()))
}

#[cfg(test)]
#[path = "format/messages/tests.rs"]
mod messages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_table_says_and_unknown_ones_are_tried_again() {
        let table: &[Code] = &[
            (1, Means::Busy(9), "slow down"),
            (2, Means::Refused, "no"),
            (3, Means::Gone, "away"),
            (-1, Means::Again, "later"),
        ];
        let read = |body: &str| by_code(body.as_bytes(), &["errcode"], &["errmsg"], table);
        assert_eq!(read(r#"{"errcode":0,"errmsg":"ok"}"#), Verdict::Taken);
        assert_eq!(read(r#"{"errcode":1}"#), Verdict::Busy(Duration::from_secs(9), "code 1: slow down".into()));
        assert_eq!(read(r#"{"errcode":2,"errmsg":"a\nb"}"#), Verdict::Refused("code 2: no (it says: a b)".into()));
        assert_eq!(read(r#"{"errcode":3}"#), Verdict::Gone("code 3: away".into()));
        assert_eq!(read(r#"{"errcode":-1}"#), Verdict::Again("code -1: later".into()));
        assert_eq!(read(r#"{"errcode":77,"errmsg":"x"}"#), Verdict::Again("code 77 (it says: x)".into()));
        for odd in ["", "ok", "{", r#"{"errcode":0"#, "[]", "{}", r#"{"errcode":"0"}"#, "<html>"] {
            assert!(matches!(read(odd), Verdict::Again(_)), "{odd}");
        }
    }

    #[test]
    fn every_format_but_the_standard_one_has_a_robot() {
        for format in Format::ALL {
            assert_eq!(robot(format).is_some(), format.is_for_people(), "{format:?}");
        }
    }
}
