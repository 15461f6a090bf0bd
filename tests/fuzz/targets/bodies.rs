//! Any body on every door, signed as its platform signs: never an error of ours, and the same body again changes nothing.
//!
//! The first line names the door: a channel of `core.rs`, `desk/` and a webhook, `smtp` or `lmtp` (all that a client says), `letter`
//! (one letter), `pulled` (an item of WeCom). What follows is the body.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method};
use nightdesk::channel::mail::letter::Mail;
use nightdesk::channel::mail::{self, quote};
use nightdesk::channel::wechat::crypto::{AesKey, signature};
use nightdesk::channel::wecom_kf;
use nightdesk::handoff::signing::SigningKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::core::{AES_KEY, APP, Asked, Core, NOW, SECRET, STANDARD};
use super::signatures::sign;
use super::{first_bytes, instant};

/// Largest body that is tried; the limit of the doors is 1 MiB, kept before they see it.
const MOST: usize = 64 * 1024;

pub fn target(data: &[u8]) {
    let (door, body) = first_bytes(data);
    if body.len() > MOST {
        return;
    }
    match door {
        "smtp" | "lmtp" => Core::with(async |core| spoken(core, door, body).await),
        "letter" => letter(body),
        "pulled" => pulled(body),
        _ => Core::with(async |core| posted(core, door, body).await),
    }
}

async fn posted(core: &Core, door: &str, body: &[u8]) {
    let Some(asked) = signed(door, body) else { return };
    let status = core.answers(door, asked.clone()).await;
    assert!(status < 500, "{door} answers {status}");
    if status != 200 {
        return;
    }
    let kept = core.kept().await;
    let again = core.answers(door, asked).await;
    assert_eq!(again, 200, "{door} takes the same again");
    assert_eq!(core.kept().await, kept, "{door}: the same body again is no other message");
}

/// A request with this body that the platform made, as far as its signature tells.
pub fn signed(door: &str, body: &[u8]) -> Option<Asked> {
    let now = instant(NOW).as_second();
    let (mut headers, mut query, mut bytes) = (HeaderMap::new(), Vec::new(), body.to_vec());
    let mut put = |name: &'static str, value: &str| headers.insert(name, HeaderValue::from_str(value).unwrap());
    let mut ask = |name: &str, value: &str| query.push((name.to_owned(), value.to_owned()));
    let stamp = now.to_string();
    match door {
        "standard" => {
            put("webhook-id", "msg_1");
            put("webhook-timestamp", &stamp);
            put("webhook-signature", &SigningKey::parse(STANDARD).ok()?.sign("msg_1", now, body));
        }
        "slack" | "feishu" | "zendesk" | "github" | "line" | "chatwoot" | "desk/chatwoot-desk"
        | "desk/zendesk-desk" | "whatsapp" | "messenger" | "instagram" => {
            let form = match door {
                "whatsapp" | "messenger" | "instagram" => "meta",
                door => door.trim_start_matches("desk/").trim_end_matches("-desk"),
            };
            headers = sign(form, body, now);
        }
        "telegram" => {
            put("x-telegram-bot-api-secret-token", SECRET);
        }
        "chatwoot-key" => ask("key", SECRET),
        "weibo" | "weibo-api" | "wechat" => {
            // Another body under the same signature is refused, so that each has a nonce of its own.
            let nonce = signature(&[&String::from_utf8_lossy(body)]);
            ask("timestamp", &stamp);
            ask("signature", &signature(&[SECRET, &stamp, &nonce]));
            ask("nonce", &nonce);
        }
        "wechat-safe" | "kf" => {
            let sealed = AesKey::parse(AES_KEY).ok()?.encrypt(body, APP).ok()?;
            bytes = format!("<xml><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>").into_bytes();
            ask("encrypt_type", "aes");
            ask("timestamp", &stamp);
            ask("nonce", "n");
            ask("msg_signature", &signature(&[SECRET, &stamp, "n", &sealed]));
        }
        _ => return None,
    }
    Some(Asked { method: Method::POST, query, headers, body: bytes })
}

/// All that a mail server says on one connection.
async fn spoken(core: &Core, channel: &str, said: &[u8]) {
    let (ours, theirs) = tokio::io::duplex(4 * 1024 * 1024);
    let (mut read, mut write) = tokio::io::split(theirs);
    let server = mail::connection(ours, channel.to_owned(), Arc::clone(&core.pipeline), CancellationToken::new());
    let client = async move {
        let _ = write.write_all(said).await;
        let _ = write.shutdown().await;
    };
    let mut heard = Vec::new();
    let (.., heard) = tokio::join!(server, client, async {
        let _ = read.read_to_end(&mut heard).await;
        heard
    });
    let heard = String::from_utf8(heard).expect("answers are text");
    for line in heard.lines() {
        let coded = line.len() > 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit) && line.as_bytes()[0] != b'0';
        assert!(coded && line.len() <= 1_000, "no answer of SMTP: {line:?}");
        assert!(!line.starts_with("451"), "an error of ours: {line}");
    }
}

fn letter(raw: &[u8]) {
    let Some(mail) = Mail::read(raw) else { return };
    let own = quote::own_words(&mail.text);
    assert!(own.len() <= mail.text.len() && quote::own_words(&own).len() <= own.len());
    let bare = quote::bare_subject(&mail.subject);
    assert!(mail.subject.contains(bare));
    let _ = quote::is_reply(&mail.subject);
    for address in mail.from.iter().chain(&mail.reply_to).map(|one| &one.address).chain(&mail.to) {
        assert!(!address.contains(['\r', '\n', ' ', '\0']), "{address:?}");
    }
    assert!(!mail.subject.contains(['\r', '\n', '\0']));
}

fn pulled(body: &[u8]) {
    let Ok(item) = serde_json::from_slice(body) else { return };
    if let Some(arrival) = wecom_kf::said_by("kf", "wkA", &item) {
        assert!((1..=128).contains(&arrival.id.len()) && (1..=128).contains(&arrival.customer.id.len()));
        assert!(arrival.url.is_none_or(|url| url.len() <= 2_048));
    }
}
