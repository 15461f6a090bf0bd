//! What an official account sends: checked, opened, and put into our words.

use std::time::Duration;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};

use crate::message::{Customer, Gesture, Kind, Role};
use crate::pipeline::Arrival;
use crate::rules::WechatSpec;

use super::super::door::Request;
use super::super::problem::Problem;
use super::crypto::{self, AesKey};
use super::xml::Fields;

/// How far a timestamp may be from now. The platform names none; without one a request that somebody saw would be good for ever.
const TOLERANCE: Duration = Duration::from_mins(5);
/// Longest id of a customer, account or message, in bytes.
const MAX_ID: usize = 128;

/// A message that was checked and opened.
#[derive(Debug)]
pub(super) struct Envelope {
    /// The account's own name, `gh_…`.
    pub account: String,
    /// The customer's OpenID.
    pub customer: String,
    /// When the request was signed.
    pub timestamp: i64,
    /// Which of the keys it was encrypted with; the answer is encrypted with the same.
    pub key: Option<AesKey>,
    fields: Fields,
}

/// What a message means to us.
pub(super) enum Meaning {
    /// Something that a customer says.
    Message(Box<Arrival>),
    /// A customer comes in.
    Greet(Customer),
    /// Nothing.
    Nothing,
}

/// The check of the address when it is entered at the platform: the words to answer with.
pub(super) fn address_check(request: &Request, spec: &WechatSpec) -> Result<String, Problem> {
    let echo = parameter(request, "echostr")?;
    if request.parameter("msg_signature").is_some() {
        signed(request, spec, "msg_signature", Some(echo))?;
        let (plain, _) = decrypt(request, spec, echo)?;
        return String::from_utf8(plain).map_err(|_| Problem::bad_request("`echostr` is not UTF-8."));
    }
    signed(request, spec, "signature", None)?;
    once(request, echo.as_bytes())?;
    Ok(echo.to_owned())
}

/// Checks and opens a post.
pub(super) fn open(request: &Request, spec: &WechatSpec) -> Result<Envelope, Problem> {
    let body = std::str::from_utf8(&request.body).map_err(|_| Problem::bad_request("The body is not UTF-8."))?;
    let read =
        |text: &str| Fields::parse(text).map_err(|e| Problem::bad_request(format!("The body is not a message: {e}.")));
    let encrypted = !spec.aes_keys.is_empty();
    let (fields, timestamp, key) = if encrypted {
        // In compatible mode (兼容模式) the fields stand there in the clear too; only what was signed counts.
        if request.parameter("encrypt_type") != Some("aes") {
            return Err(request.refuse(
                "not encrypted",
                "This channel has an aes_key, so only encrypted messages are taken: choose 安全模式 at the platform, or take aes_key \
                 out of nightdesk.yaml.",
            ));
        }
        parameter(request, "msg_signature")?;
        let outer = read(body)?;
        let sealed = outer.get("Encrypt").ok_or_else(|| Problem::bad_request("The body has no `Encrypt`."))?;
        let timestamp = signed(request, spec, "msg_signature", Some(sealed))?;
        let (plain, key) = decrypt(request, spec, sealed)?;
        let plain = String::from_utf8(plain).map_err(|_| Problem::bad_request("The message is not UTF-8."))?;
        (read(&plain)?, timestamp, Some(key))
    } else {
        if request.parameter("encrypt_type") == Some("aes") {
            let detail =
                "The platform encrypts and this channel has no aes_key: write the EncodingAESKey into nightdesk.yaml.";
            return Err(request.refuse("encrypted, and there is no key", detail));
        }
        let timestamp = signed(request, spec, "signature", None)?;
        // The signature does not cover the body.
        once(request, &request.body)?;
        (read(body)?, timestamp, None)
    };
    let name = |field: &str| {
        let value = fields.get(field).filter(|value| value.len() <= MAX_ID);
        value.map(str::to_owned).ok_or_else(|| Problem::bad_request(format!("`{field}` is missing or too long.")))
    };
    Ok(Envelope { account: name("ToUserName")?, customer: name("FromUserName")?, timestamp, key, fields })
}

pub(in crate::channel) fn parameter<'a>(request: &'a Request, name: &str) -> Result<&'a str, Problem> {
    request.parameter(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let detail = format!("The address has no parameter `{name}`. Requests to this channel come from WeChat alone.");
        request.refuse("a parameter is missing", &detail)
    })
}

/// Checks a signature and its time, which is returned.
fn signed(request: &Request, spec: &WechatSpec, name: &str, sealed: Option<&str>) -> Result<i64, Problem> {
    signed_by(request, &spec.tokens, name, sealed)
}

/// Checks a signature by one of the tokens and its time, which is returned.
pub(in crate::channel) fn signed_by(
    request: &Request,
    tokens: &[SecretString],
    name: &str,
    sealed: Option<&str>,
) -> Result<i64, Problem> {
    let (given, timestamp) = (parameter(request, name)?, parameter(request, "timestamp")?);
    let rest: Vec<&str> = [timestamp, parameter(request, "nonce")?].into_iter().chain(sealed).collect();
    let tokens = tokens.iter().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty());
    if !crypto::signed(given, tokens, &rest) {
        return Err(request.refuse(
            "the signature is of another token, or of another message",
            "The token of this channel in nightdesk.yaml and the Token at the platform (服务器配置) must be the same.",
        ));
    }
    let tolerance = i64::try_from(TOLERANCE.as_secs()).unwrap_or(i64::MAX);
    let seconds = timestamp
        .parse::<i64>()
        .ok()
        .filter(|seconds| request.pipeline.clock.now().as_second().abs_diff(*seconds) <= tolerance.unsigned_abs());
    seconds.ok_or_else(|| {
        request.refuse(
            "the timestamp is more than five minutes away",
            "The timestamp is more than five minutes from now: check this machine's clock (NTP).",
        )
    })
}

/// A signature that does not cover the body is good for one body.
fn once(request: &Request, what: &[u8]) -> Result<(), Problem> {
    // Not by time and nonce: other pieces may be joined to the same signed text.
    let signature = request.parameter("signature").unwrap_or_default();
    let hash = digest::digest(&digest::SHA256, what);
    let hash = hash.as_ref().try_into().map_err(|_| Problem::internal())?;
    if request.memory.once(format!("{}\u{0}{signature}", request.channel), hash) {
        return Ok(());
    }
    Err(request.refuse("the signature was used for another body", "This signature was used with another body."))
}

fn decrypt(request: &Request, spec: &WechatSpec, sealed: &str) -> Result<(Vec<u8>, AesKey), Problem> {
    decrypt_for(request, &spec.aes_keys, &spec.app_id, sealed)
}

/// Opens what was signed with one of the keys; `receiver` is whom it must be for.
pub(in crate::channel) fn decrypt_for(
    request: &Request,
    keys: &[SecretString],
    receiver: &str,
    sealed: &str,
) -> Result<(Vec<u8>, AesKey), Problem> {
    let keys = keys.iter().filter_map(|key| AesKey::parse(key.expose_secret()).ok());
    let opened = keys.into_iter().find_map(|key| Some((key.decrypt(sealed, receiver).ok()?, key)));
    opened.ok_or_else(|| {
        request.refuse(
            "no key opens it",
            "The message cannot be opened: aes_key and app_id (corp_id at WeCom) in nightdesk.yaml must be the \
             EncodingAESKey and AppID (CorpID) of the account.",
        )
    })
}

/// Puts a message into our words.
pub(super) fn meaning(request: &Request, envelope: &Envelope) -> Meaning {
    let get = |name: &str| envelope.fields.get(name);
    let text = |text: &str| (Kind::Text, text.to_owned(), None, Gesture::Write);
    let media = |kind: Kind, url: Option<String>| (kind, String::new(), url, Gesture::Write);
    let stored = |name: &str| get(name).map(|id| format!("wechat:media/{id}"));
    let mut event = None;
    let (kind, words, url, gesture) = match get("MsgType").unwrap_or_default() {
        "text" => text(get("Content").unwrap_or_default()),
        "image" => media(Kind::Image, get("PicUrl").filter(|url| is_web(url)).map(str::to_owned)),
        "voice" => match get("Recognition") {
            Some(heard) => text(heard),
            None => media(Kind::File, stored("MediaId")),
        },
        "video" | "shortvideo" => media(Kind::File, stored("MediaId")),
        "location" => {
            let place = get("Location_X").zip(get("Location_Y")).map(|(x, y)| format!("geo:{x},{y}"));
            media(Kind::File, place)
        }
        "link" => media(Kind::File, get("Url").filter(|url| is_web(url)).map(str::to_owned)),
        "event" => match get("Event").unwrap_or_default() {
            "subscribe" | "SCAN" => return Meaning::Greet(customer(envelope)),
            "CLICK" => {
                let Some(key) = get("EventKey") else { return Meaning::Nothing };
                event = Some(key);
                let engine = request.pipeline.engine.load();
                if engine.knowledge().by_id.contains_key(key) {
                    (Kind::Text, String::new(), None, Gesture::Select(key.to_owned()))
                } else {
                    text(key)
                }
            }
            _ => return Meaning::Nothing,
        },
        // Another kind of message, which a person can look at.
        _ => media(Kind::File, None),
    };
    // Events have no id of their own.
    let stamp = get("CreateTime").unwrap_or_default();
    let id = match event {
        Some(key) => format!("event-{stamp}-{}", key.chars().take(MAX_ID).collect::<String>()),
        None => get("MsgId").map_or_else(|| format!("at-{stamp}"), str::to_owned),
    };
    Meaning::Message(Box::new(Arrival {
        channel: request.channel.clone(),
        account: envelope.account.clone(),
        thread: envelope.customer.clone(),
        customer: customer(envelope),
        id: id.chars().take(2 * MAX_ID).collect(),
        kind,
        text: words,
        url: url.filter(|url| url.len() <= 2_048),
        locale: None,
        gesture,
        role: Role::Visitor,
        origin: None,
        reply_with: serde_json::Value::Null,
    }))
}

fn customer(envelope: &Envelope) -> Customer {
    Customer { id: envelope.customer.clone(), tier: None, name: None, attributes: serde_json::Map::new() }
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
