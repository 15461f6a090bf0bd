//! Any request on every door: none is taken that was not signed, and none that was changed after it was signed.
//!
//! The first line is a door, the second what is changed (`part place difference`), then `name: value` for headers and `name=value`
//! for the address until an empty line, then the body.

use aws_lc_rs::{digest, hmac};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use nightdesk::channel::signature::{PROFILES, Profile, key_in_address};
use nightdesk::channel::wechat::crypto::{self, AesKey};
use nightdesk::handoff::signing::{self, SignedHeaders, SigningKey};
use secrecy::SecretString;

use super::bodies;
use super::core::{AES_KEY, APP, Asked, Core, NOW, SECRET, STANDARD};
use super::instant;

pub fn target(data: &[u8]) {
    let head = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (lines, body) = (String::from_utf8_lossy(&data[..head]), data.get(head + 2..).unwrap_or_default());
    let mut lines = lines.lines();
    let (door, change) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (mut headers, mut query) = (HeaderMap::new(), Vec::new());
    for line in lines.take(30) {
        if let Some((name, value)) = line.split_once(": ") {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        } else if let Some((name, value)) = line.split_once('=') {
            query.push((name.to_owned(), value.to_owned()));
        }
    }
    unsigned(&headers, &query, body);
    let asked = Asked { method: Method::POST, query, headers, body: body.to_vec() };
    Core::with(async |core| {
        // The last may have a message in clear, and still has no signature; mail has none, and the chat is another target.
        for method in [Method::POST, Method::GET] {
            let status = core.answers(door, Asked { method, ..asked.clone() }).await;
            assert!((400..500).contains(&status), "{door} answers {status} to what nobody signed");
        }
        if let Some(changed) = changed(door, body, change) {
            let status = core.answers(door, changed).await;
            assert!((400..500).contains(&status), "{door} answers {status} to what was changed");
        }
    });
}

/// Every way to verify, with what nobody signed.
fn unsigned(headers: &HeaderMap, query: &[(String, String)], body: &[u8]) {
    let (now, secrets) = (instant(NOW), [SecretString::from(""), SecretString::from(SECRET)]);
    for profile in PROFILES {
        assert!(profile.verify(headers, body, now, &secrets).is_err(), "{}", profile.word);
        assert!(profile.verify(headers, body, now, &secrets[..1]).is_err(), "{} without a secret", profile.word);
    }
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = SignedHeaders {
        id: get(signing::ID_HEADER),
        timestamp: get(signing::TIMESTAMP_HEADER),
        signature: get(signing::SIGNATURE_HEADER),
    };
    let keys = [SigningKey::parse(STANDARD).unwrap()];
    assert!(signing::verify(given, body, now, signing::TOLERANCE, &keys).is_err());
    assert!(signing::verify(given, body, now, signing::TOLERANCE, &[]).is_err());
    assert!(!key_in_address(query, &secrets));
    let text = String::from_utf8_lossy(body);
    let rest: Vec<&str> = query.iter().map(|(_, value)| value.as_str()).collect();
    assert!(!crypto::signed(&text, ["", SECRET].into_iter().filter(|token| !token.is_empty()), &rest));
    assert!(AesKey::parse(AES_KEY).unwrap().decrypt(&text, APP).is_err());
    let _ = (AesKey::parse(&text), SigningKey::parse(&text));
}

/// Headers of a platform's signature over a body, made as its documentation says and not with our own code.
pub fn sign(form: &str, body: &[u8], now: i64) -> HeaderMap {
    let stamp = now.to_string();
    let date = Timestamp::from_second(now).unwrap().to_string();
    let mac = |pieces: &[&[u8]]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &pieces.concat());
    let hex = |pieces: &[&[u8]]| HEXLOWER.encode(mac(pieces).as_ref());
    let pairs = match form {
        "chatwoot" => vec![
            ("x-chatwoot-signature", format!("sha256={}", hex(&[stamp.as_bytes(), b".", body]))),
            ("x-chatwoot-timestamp", stamp),
        ],
        "zendesk" => vec![
            ("x-zendesk-webhook-signature", BASE64.encode(mac(&[date.as_bytes(), body]).as_ref())),
            ("x-zendesk-webhook-signature-timestamp", date),
        ],
        "meta" | "github" => vec![("x-hub-signature-256", format!("sha256={}", hex(&[body])))],
        "line" => vec![("x-line-signature", BASE64.encode(mac(&[body]).as_ref()))],
        "slack" => vec![
            ("x-slack-signature", format!("v0={}", hex(&[b"v0:", stamp.as_bytes(), b":", body]))),
            ("x-slack-request-timestamp", stamp),
        ],
        _ => {
            let all = [stamp.as_bytes(), b"n", SECRET.as_bytes(), body].concat();
            vec![
                ("x-lark-signature", HEXLOWER.encode(digest::digest(&digest::SHA256, &all).as_ref())),
                ("x-lark-request-timestamp", stamp),
                ("x-lark-request-nonce", "n".to_owned()),
            ]
        }
    };
    let headers = pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let known = Profile::named(form).unwrap();
    assert_eq!(known.verify(&headers, body, instant(NOW), &[SecretString::from(SECRET)]), Ok(()), "{form}");
    headers
}

/// A signed request with one thing changed that the signature covers; none if nothing was changed.
fn changed(door: &str, body: &[u8], change: &str) -> Option<Asked> {
    let mut words = change.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
    let (part, place, difference) = (number()?, number()?, u8::try_from(number()? % 255 + 1).ok()?);
    let mut asked = bodies::signed(door, body)?;
    // The older form of WeChat and Weibo signs no body; Telegram and keys in the address are passwords.
    let covers_body = !matches!(door, "wechat" | "weibo" | "weibo-api" | "telegram" | "chatwoot-key");
    let values = asked.headers.len() + asked.query.len();
    match part % (values + 1) {
        0 if covers_body && !asked.body.is_empty() => {
            let inside = body_span(&asked.body);
            let at = inside.start + place % inside.len().max(1);
            asked.body[at] ^= difference;
        }
        0 => return None,
        nth if nth <= asked.headers.len() => {
            let (name, value) = asked.headers.iter().nth(nth - 1)?;
            let (name, mut bytes) = (name.clone(), value.as_bytes().to_vec());
            let at = place % bytes.len();
            bytes[at] ^= difference;
            // The digits of a signature are the same in capitals.
            let same = bytes.eq_ignore_ascii_case(value.as_bytes()) && name.as_str().contains("signature");
            // A list may have more than signatures that we know.
            if same {
                return None;
            }
            asked.headers.insert(name, HeaderValue::from_bytes(&bytes).ok()?);
        }
        nth => {
            let (name, value) = asked.query.get_mut(nth - 1 - asked.headers.len())?;
            if name == "encrypt_type" {
                return None;
            }
            let mut bytes = value.clone().into_bytes();
            let at = place % bytes.len();
            bytes[at] ^= difference;
            *value = String::from_utf8(bytes).ok()?;
        }
    }
    Some(asked)
}

/// What the signature covers of a body: all, or what is encrypted.
fn body_span(body: &[u8]) -> std::ops::Range<usize> {
    let find = |what: &[u8]| body.windows(what.len()).position(|part| part == what);
    match (find(b"<xml><Encrypt><![CDATA["), find(b"]]></Encrypt></xml>")) {
        (Some(0), Some(end)) => 23..end,
        _ => 0..body.len(),
    }
}
