//! Signatures of webhooks, by the Standard Webhooks specification 1.0.0, symmetric scheme `v1`.
//!
//! What is signed is `{id}.{timestamp}.{body}`, the body byte by byte as it travels. Serves both ways: what we
//! send, and what platforms send us. Knows bytes and strings only, no HTTP, and never reads the clock.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use jiff::Timestamp;

/// Name of the header with the delivery's id.
pub const ID_HEADER: &str = "webhook-id";
/// Name of the header with the attempt's time, whole seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Name of the header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a timestamp may be from now, either way, by the specification.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// Secrets are handed round with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret, ready to sign and verify with. Does not print itself.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads a secret: `whsec_` and base64 (with or without padding), as the specification writes them; anything
    /// else that does not look like an asymmetric key is taken byte by byte.
    ///
    /// # Errors
    /// [`SecretError`] if it is empty, not base64 after `whsec_`, or a key of the asymmetric scheme.
    pub fn parse(secret: &str) -> Result<Self, SecretError> {
        let bytes = if let Some(encoded) = secret.strip_prefix("whsec_") {
            LENIENT.decode(encoded).map_err(|_| SecretError::NotBase64)?
        } else if secret.starts_with("whsk_") || secret.starts_with("whpk_") {
            return Err(SecretError::Asymmetric);
        } else {
            secret.as_bytes().to_vec()
        };
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Signs a message: `v1,` and base64. `timestamp` is in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut signature = "v1,".to_owned();
        STANDARD.encode_string(self.tag(id, &timestamp.to_string(), body), &mut signature);
        signature
    }

    fn tag(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context.sign()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Why a secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Happens when nothing is left to sign with.
    #[error("the secret is empty; give one of at least 24 random bytes")]
    Empty,
    /// Happens when what follows `whsec_` was mistyped or cut off.
    #[error("what follows `whsec_` is not base64; copy the secret again, whole")]
    NotBase64,
    /// Happens when a key of the scheme `v1a` was given.
    #[error("`whsk_` and `whpk_` keys belong to the asymmetric scheme, which is not supported; use a `whsec_` secret")]
    Asymmetric,
}

/// Signs with each key, for the header's list: during a rotation the old key and the new one. None without keys.
#[must_use]
pub fn sign_all(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    if signatures.is_empty() { None } else { Some(signatures.join(" ")) }
}

/// The three headers of a webhook, as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedHeaders<'a> {
    /// `webhook-id`
    pub id: Option<&'a str>,
    /// `webhook-timestamp`
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`
    pub signature: Option<&'a str>,
}

/// Checks that one of the keys signed this message not too far from `now`. Signatures of unknown versions are passed
/// over; comparing takes the same time wherever they differ.
///
/// # Errors
/// [`VerifyError`]; tell the sender no more than that it failed.
pub fn verify(
    headers: SignedHeaders<'_>,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
    keys: &[SigningKey],
) -> Result<(), VerifyError> {
    let id = headers.id.filter(|id| !id.is_empty()).ok_or(VerifyError::Missing(ID_HEADER))?;
    let timestamp = headers.timestamp.ok_or(VerifyError::Missing(TIMESTAMP_HEADER))?;
    let signatures = headers.signature.ok_or(VerifyError::Missing(SIGNATURE_HEADER))?;
    // With dots in it, the same signed text could be cut into other parts.
    if id.contains('.') {
        return Err(VerifyError::BadId);
    }
    let given: Vec<Vec<u8>> = signatures
        .split_ascii_whitespace()
        .filter_map(|entry| entry.strip_prefix("v1,"))
        .filter_map(|encoded| LENIENT.decode(encoded).ok())
        .collect();
    let seconds = whole_seconds(timestamp).ok_or(VerifyError::BadTimestamp)?;
    let tolerance = i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX);
    let age = now.as_second().saturating_sub(seconds);
    if age > tolerance {
        return Err(VerifyError::TooOld { seconds: age });
    }
    if age < tolerance.saturating_neg() {
        return Err(VerifyError::TooNew { seconds: age.saturating_neg() });
    }
    let genuine = keys.iter().any(|key| {
        let tag = key.tag(id, timestamp, body);
        given.iter().any(|given| constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok())
    });
    if genuine { Ok(()) } else { Err(VerifyError::NoMatch) }
}

/// Digits only: no sign, no fraction, no spaces.
fn whole_seconds(text: &str) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Why a message is not taken for genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Happens when the sender does not sign.
    #[error("the header `{0}` is missing; have the sender sign by the Standard Webhooks specification")]
    Missing(&'static str),
    /// Happens when the id could be taken apart in two ways.
    #[error("the id in `webhook-id` contains a dot; have the sender use ids without")]
    BadId,
    /// Happens when the time is not whole seconds.
    #[error("`webhook-timestamp` is not a whole number of seconds since 1970")]
    BadTimestamp,
    /// Happens when an old message is sent again, or a clock is wrong.
    #[error("the message is {seconds} s old; look at both clocks, and sign each attempt anew")]
    TooOld {
        /// Its age.
        seconds: i64,
    },
    /// Happens when a clock is wrong.
    #[error("the message is {seconds} s ahead; look at both clocks")]
    TooNew {
        /// How far in the future it is.
        seconds: i64,
    },
    /// Happens when the secret differs, or the body was changed on its way.
    #[error("no signature matches; compare the secrets, and sign the very bytes that are sent")]
    NoMatch,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The specification's own example.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key(secret: &str) -> SigningKey {
        SigningKey::parse(secret).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(AT).unwrap()
    }

    fn headers(signature: &str) -> SignedHeaders<'_> {
        SignedHeaders { id: Some(ID), timestamp: Some("1614265330"), signature: Some(signature) }
    }

    fn check(headers: SignedHeaders<'_>, body: &[u8]) -> Result<(), VerifyError> {
        verify(headers, body, now(), TOLERANCE, &[key(SECRET)])
    }

    #[test]
    fn the_official_example() {
        assert_eq!(key(SECRET).sign(ID, AT, BODY), SIGNATURE);
        assert_eq!(check(headers(SIGNATURE), BODY), Ok(()));
    }

    #[test]
    fn a_signature_cut_or_changed_does_not_match() {
        for wrong in [
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1A==",
            "v1,g0hM9SsE",
            "v1,",
            "v1",
            "",
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            assert_eq!(check(headers(wrong), BODY), Err(VerifyError::NoMatch), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_secret_a_changed_body_id_or_time_does_not_match() {
        let other =
            verify(headers(SIGNATURE), BODY, now(), TOLERANCE, &[key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]);
        assert_eq!(other, Err(VerifyError::NoMatch));
        assert_eq!(check(headers(SIGNATURE), br#"{"test": 2432232315}"#), Err(VerifyError::NoMatch));
        assert_eq!(check(headers(SIGNATURE), b""), Err(VerifyError::NoMatch));
        assert_eq!(check(SignedHeaders { id: Some("msg_x"), ..headers(SIGNATURE) }, BODY), Err(VerifyError::NoMatch));
        let later = SignedHeaders { timestamp: Some("1614265331"), ..headers(SIGNATURE) };
        assert_eq!(check(later, BODY), Err(VerifyError::NoMatch));
        assert_eq!(verify(headers(SIGNATURE), BODY, now(), TOLERANCE, &[]), Err(VerifyError::NoMatch));
    }

    #[test]
    fn headers_that_are_missing_or_odd_are_named() {
        let all = headers(SIGNATURE);
        assert_eq!(check(SignedHeaders { id: None, ..all }, BODY), Err(VerifyError::Missing(ID_HEADER)));
        assert_eq!(check(SignedHeaders { id: Some(""), ..all }, BODY), Err(VerifyError::Missing(ID_HEADER)));
        assert_eq!(check(SignedHeaders { timestamp: None, ..all }, BODY), Err(VerifyError::Missing(TIMESTAMP_HEADER)));
        assert_eq!(check(SignedHeaders { signature: None, ..all }, BODY), Err(VerifyError::Missing(SIGNATURE_HEADER)));
        assert_eq!(check(SignedHeaders { id: Some("a.b"), ..all }, BODY), Err(VerifyError::BadId));
        for odd in ["", " 1614265330", "+1614265330", "-1", "1614265330.5", "soon", "99999999999999999999"] {
            let result = check(SignedHeaders { timestamp: Some(odd), ..all }, BODY);
            assert_eq!(result, Err(VerifyError::BadTimestamp), "{odd:?}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_tolerated_and_no_more() {
        let at = |second: i64| {
            let now = Timestamp::from_second(AT + second).unwrap();
            verify(headers(SIGNATURE), BODY, now, TOLERANCE, &[key(SECRET)])
        };
        assert_eq!(at(300), Ok(()));
        assert_eq!(at(-300), Ok(()));
        assert_eq!(at(301), Err(VerifyError::TooOld { seconds: 301 }));
        assert_eq!(at(-301), Err(VerifyError::TooNew { seconds: 301 }));
    }

    #[test]
    fn one_good_entry_in_a_list_is_enough() {
        let list = format!("v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5 {SIGNATURE} v1,nonsense");
        assert_eq!(check(headers(&list), BODY), Ok(()));
    }

    #[test]
    fn while_secrets_are_changed_the_old_and_the_new_one_do() {
        let (old, new) = (key(SECRET), key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"));
        assert_eq!(verify(headers(SIGNATURE), BODY, now(), TOLERANCE, &[new.clone(), old.clone()]), Ok(()));
        let both = sign_all(&[old, new.clone()], ID, AT, BODY).unwrap();
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(check(headers(&both), BODY), Ok(()));
        assert_eq!(verify(headers(&both), BODY, now(), TOLERANCE, &[new]), Ok(()));
        assert_eq!(sign_all(&[], ID, AT, BODY), None);
    }

    #[test]
    fn secrets_are_read_in_every_form_they_are_handed_round_in() {
        // 25 bytes: with padding "==", and without.
        let padded = key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==").sign(ID, AT, BODY);
        let bare = key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA").sign(ID, AT, BODY);
        assert_eq!(padded, bare);
        let bytes: Vec<u8> = (b'a'..=b'z').collect();
        let raw = key("abcdefghijklmnopqrstuvwxyz").sign(ID, AT, BODY);
        let encoded = key(&format!("whsec_{}", STANDARD.encode(bytes))).sign(ID, AT, BODY);
        assert_eq!(raw, encoded);
        assert_eq!(SigningKey::parse("").err(), Some(SecretError::Empty));
        assert_eq!(SigningKey::parse("whsec_").err(), Some(SecretError::Empty));
        assert_eq!(SigningKey::parse("whsec_not base64!").err(), Some(SecretError::NotBase64));
        assert_eq!(SigningKey::parse("whsk_AAEC").err(), Some(SecretError::Asymmetric));
        assert!(!format!("{:?}", key(SECRET)).contains("MfKQ"));
    }

    proptest! {
        #[test]
        fn what_we_sign_we_take_and_one_changed_bit_we_do_not(
            body in proptest::collection::vec(any::<u8>(), 0..200), bit in any::<usize>(), id in "[a-zA-Z0-9_]{1,30}",
        ) {
            let signature = key(SECRET).sign(&id, AT, &body);
            let headers = SignedHeaders { id: Some(&id), ..headers(&signature) };
            prop_assert_eq!(check(headers, &body), Ok(()));
            let mut changed = body.clone();
            if let Some(byte) = (!body.is_empty()).then(|| &mut changed[bit / 8 % body.len()]) {
                *byte ^= 1 << (bit % 8);
                prop_assert_eq!(check(headers, &changed), Err(VerifyError::NoMatch));
            }
        }

        #[test]
        fn no_header_makes_it_panic_or_pass(id in ".*", timestamp in ".*|[0-9]{1,20}", signature in ".*|(v1,[A-Za-z0-9+/= ]{0,60} ?)*") {
            let headers = SignedHeaders { id: Some(&id), timestamp: Some(&timestamp), signature: Some(&signature) };
            prop_assert!(check(headers, BODY).is_err());
        }
    }
}
