//! What an official account is answered: XML with the words of the bot, within the length that the platform takes.

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::rules::WechatSpec;

use super::crypto::{self, CryptError};
use super::inbound::Envelope;
use super::xml::cdata;

/// Longest text of one message, in bytes.
pub(super) const MOST: usize = 2_048;

/// Messages as one text: each a paragraph, the last options as a numbered list, which customers answer with the number.
pub(super) fn text(messages: &[Value]) -> String {
    let numbered = messages.iter().rposition(|message| message["options"].as_array().is_some_and(|o| !o.is_empty()));
    let mut parts = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let mut part = message["text"].as_str().unwrap_or_default().trim().to_owned();
        if numbered == Some(at) {
            let options = message["options"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (number, option) in (1_u32..).zip(options) {
                let label = option["label"].as_str().unwrap_or_default();
                part.extend(["\n", &number.to_string(), ". ", label]);
            }
        }
        parts.push(part.trim().to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Cuts a text into pieces that the platform takes: between paragraphs, else lines, else sentences, else characters. At least one.
pub(super) fn split(text: &str) -> Vec<String> {
    let (mut parts, mut rest) = (Vec::new(), text.trim());
    while rest.len() > MOST {
        let fits = rest.floor_char_boundary(MOST);
        let head = &rest[..fits];
        let after = |marks: &[&str]| marks.iter().filter_map(|m| Some(head.rfind(m)? + m.len())).max();
        let end = after(&["\n\n"])
            .or_else(|| after(&["\n"]))
            .or_else(|| after(&["。", "！", "？", ". ", "! ", "? "]))
            .filter(|end| *end > MOST / 4)
            .unwrap_or(fits);
        parts.push(rest[..end].trim().to_owned());
        rest = rest[end..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}

/// The beginning of a text, for who can be told no more.
pub(super) fn cut(text: &str) -> String {
    let text = text.trim();
    if text.len() <= MOST {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MOST - '…'.len_utf8())])
}

/// A text for the customer.
pub(super) fn words(envelope: &Envelope, text: &str) -> String {
    message(envelope, "text", &format!("<Content>{}</Content>", cdata(text)))
}

/// The message goes to the platform's own people.
pub(super) fn transfer(envelope: &Envelope) -> String {
    message(envelope, "transfer_customer_service", "")
}

fn message(envelope: &Envelope, kind: &str, more: &str) -> String {
    format!(
        "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{}</CreateTime><MsgType>{}</MsgType>{more}</xml>",
        cdata(&envelope.customer),
        cdata(&envelope.account),
        envelope.timestamp,
        cdata(kind),
    )
}

/// Encrypts an answer, if the message was encrypted.
///
/// # Errors
/// [`CryptError`]
pub(super) fn sealed(envelope: &Envelope, spec: &WechatSpec, body: &str) -> Result<String, CryptError> {
    let Some(key) = &envelope.key else { return Ok(body.to_owned()) };
    let sealed = key.encrypt(body.as_bytes(), &spec.app_id)?;
    let token = spec.tokens.first().map(ExposeSecret::expose_secret).unwrap_or_default();
    let (stamp, nonce) = (envelope.timestamp.to_string(), uuid::Uuid::new_v4().simple().to_string());
    let signature = crypto::signature(&[token, &stamp, &nonce, &sealed]);
    Ok(format!(
        "<xml><Encrypt>{}</Encrypt><MsgSignature>{}</MsgSignature><TimeStamp>{stamp}</TimeStamp><Nonce>{}</Nonce></xml>",
        cdata(&sealed),
        cdata(&signature),
        cdata(&nonce),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_a_numbered_list_below_their_text() {
        let messages = [
            json!({"text": "七天内可以退货。", "options": [{"id": "a", "label": "退款多久到账"}, {"id": "b", "label": "怎么开发票"}]}),
            json!({"text": " 还有别的吗？ ", "options": []}),
            json!({"text": ""}),
        ];
        assert_eq!(text(&messages), "七天内可以退货。\n1. 退款多久到账\n2. 怎么开发票\n\n还有别的吗？");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn long_texts_are_cut_between_paragraphs_or_sentences_and_nothing_is_lost() {
        let paragraphs: Vec<String> = (0..9).map(|n| format!("{n}{}。", "退货".repeat(60))).collect();
        for between in ["\n\n", "\n", ""] {
            let whole = paragraphs.join(between);
            let parts = split(&whole);
            assert!(
                parts.len() > 1 && parts.iter().all(|part| part.len() <= MOST && part.ends_with('。')),
                "{parts:?}"
            );
            assert_eq!(parts.join(between), whole);
        }
        let endless = "😀".repeat(2_000);
        let parts = split(&endless);
        assert!(parts.iter().all(|part| part.len() <= MOST));
        assert_eq!(parts.concat(), endless);
        assert_eq!(split(""), [""]);
        assert!(cut(&endless).len() <= MOST && cut(&endless).ends_with('…'));
        assert_eq!(cut("短"), "短");
    }
}
