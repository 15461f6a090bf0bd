//! What an official account is answered: XML with the words of the bot, within the length that the platform takes.

use crate::rules::WechatSpec;
use secrecy::ExposeSecret;

use super::super::parts::Length;
use super::crypto::{self, CryptError};
use super::inbound::Envelope;
use super::xml::cdata;

/// Longest text of one message.
pub(super) const MOST: Length = Length::Bytes(2_048);

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
