//! How platforms sign what they post, as a table: header, what is signed, with what, and for how long it is good.
//!
//! The Standard Webhooks have a file of their own, `handoff/signing.rs`; the forms here are those of single platforms, from their
//! documentation. Raw bytes are checked before anything is read, and comparing takes the same time wherever they differ.

use std::time::Duration;

use aws_lc_rs::{constant_time, digest, hmac};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

/// How far a signed time may be from now, either way.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// One platform's form.
#[derive(Debug)]
pub struct Profile {
    /// As it is written behind `signature:`.
    pub word: &'static str,
    /// The header with the signature.
    header: &'static str,
    /// What stands before it.
    prefix: &'static str,
    encoding: Encoding,
    how: How,
    /// What is signed, in this order.
    signed: &'static [Piece],
    /// The header with the time, if one is signed. Without one a repeated request is told by its message's id alone.
    time: Option<(&'static str, Clock)>,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Hex,
    Base64,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// HMAC-SHA256 with the secret as it stands.
    Hmac,
    /// SHA-256 over text in which the secret stands.
    Digest,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    Word(&'static str),
    /// As it stands in its header.
    Time,
    /// As it stands in this header.
    Header(&'static str),
    Secret,
    Body,
}

#[derive(Clone, Copy, Debug)]
enum Clock {
    /// Seconds since 1970.
    Seconds,
    /// RFC 3339.
    Date,
}

const SHA256: &str = "sha256=";

/// All forms but the standard one.
pub static PROFILES: &[Profile] = &[
    Profile {
        word: "chatwoot",
        header: "x-chatwoot-signature",
        prefix: SHA256,
        encoding: Encoding::Hex,
        how: How::Hmac,
        signed: &[Piece::Time, Piece::Word("."), Piece::Body],
        time: Some(("x-chatwoot-timestamp", Clock::Seconds)),
    },
    Profile {
        word: "zendesk",
        header: "x-zendesk-webhook-signature",
        prefix: "",
        encoding: Encoding::Base64,
        how: How::Hmac,
        signed: &[Piece::Time, Piece::Body],
        time: Some(("x-zendesk-webhook-signature-timestamp", Clock::Date)),
    },
    Profile {
        word: "meta",
        header: "x-hub-signature-256",
        prefix: SHA256,
        encoding: Encoding::Hex,
        how: How::Hmac,
        signed: &[Piece::Body],
        time: None,
    },
    Profile {
        word: "github",
        header: "x-hub-signature-256",
        prefix: SHA256,
        encoding: Encoding::Hex,
        how: How::Hmac,
        signed: &[Piece::Body],
        time: None,
    },
    Profile {
        word: "line",
        header: "x-line-signature",
        prefix: "",
        encoding: Encoding::Base64,
        how: How::Hmac,
        signed: &[Piece::Body],
        time: None,
    },
    Profile {
        word: "slack",
        header: "x-slack-signature",
        prefix: "v0=",
        encoding: Encoding::Hex,
        how: How::Hmac,
        signed: &[Piece::Word("v0:"), Piece::Time, Piece::Word(":"), Piece::Body],
        time: Some(("x-slack-request-timestamp", Clock::Seconds)),
    },
    Profile {
        word: "feishu",
        header: "x-lark-signature",
        prefix: "",
        encoding: Encoding::Hex,
        how: How::Digest,
        signed: &[Piece::Time, Piece::Header("x-lark-request-nonce"), Piece::Secret, Piece::Body],
        time: Some(("x-lark-request-timestamp", Clock::Seconds)),
    },
];

/// Why a request is not taken for the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// Happens when the sender does not sign, or something between drops headers.
    #[error("the header `{0}` is missing; it carries the platform's signature or what was signed with it")]
    Missing(&'static str),
    /// Happens when the sender signs in another form.
    #[error("the header `{0}` has not the form of this platform's signature")]
    Form(&'static str),
    /// Happens when the time is none.
    #[error("the header `{0}` is no time")]
    NoTime(&'static str),
    /// Happens when an old request is sent again, or a clock is wrong.
    #[error(
        "the request is {0} s away from now, and 300 s are allowed; look at both clocks, and sign each attempt anew"
    )]
    Time(u64),
    /// Happens when the secret differs, or the body was changed on its way.
    #[error("no signature matches; compare the secret with the one at the platform")]
    NoMatch,
}

/// Whether the address has `key=` with one of these keys: for platforms that sign nothing. A password, so it must travel by HTTPS.
#[must_use]
pub fn key_in_address(query: &[(String, String)], keys: &[SecretString]) -> bool {
    let Some((_, given)) = query.iter().find(|(name, _)| name == "key") else { return false };
    keys.iter()
        .map(ExposeSecret::expose_secret)
        .filter(|key| !key.is_empty())
        .any(|key| constant_time::verify_slices_are_equal(key.as_bytes(), given.as_bytes()).is_ok())
}

impl Profile {
    /// The form of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.word == word)
    }

    /// Checks that the platform signed these bytes, with one of the secrets, not too far from `now`.
    ///
    /// # Errors
    /// [`Unsigned`]; it tells nothing secret.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
        secrets: &[SecretString],
    ) -> Result<(), Unsigned> {
        let get = |name: &'static str| {
            let value = headers.get(name).ok_or(Unsigned::Missing(name))?;
            value.to_str().map_err(|_| Unsigned::Form(name)).map(str::as_bytes)
        };
        let header = get(self.header)?;
        let encoded = header.strip_prefix(self.prefix.as_bytes()).ok_or(Unsigned::Form(self.header))?;
        let given = match self.encoding {
            Encoding::Hex => HEXLOWER_PERMISSIVE.decode(encoded).ok(),
            Encoding::Base64 => STANDARD.decode(encoded).ok(),
        };
        let given = given.ok_or(Unsigned::Form(self.header))?;
        let time = self.time.map(|(name, clock)| Ok((name, clock, get(name)?))).transpose()?;
        let mut parts: Vec<Option<&[u8]>> = Vec::with_capacity(self.signed.len());
        for piece in self.signed {
            parts.push(match piece {
                Piece::Word(word) => Some(word.as_bytes()),
                Piece::Time => time.map(|(.., text)| text),
                Piece::Header(name) => Some(get(name)?),
                Piece::Secret => None,
                Piece::Body => Some(body),
            });
        }
        let known = secrets.iter().map(|secret| secret.expose_secret().as_bytes()).filter(|secret| !secret.is_empty());
        let mut genuine = false;
        for secret in known {
            let pieces = parts.iter().map(|part| part.unwrap_or(secret));
            genuine |= constant_time::verify_slices_are_equal(&self.sum(secret, pieces), &given).is_ok();
        }
        if !genuine {
            return Err(Unsigned::NoMatch);
        }
        let Some((name, clock, text)) = time else { return Ok(()) };
        let seconds =
            std::str::from_utf8(text).ok().and_then(|text| clock.seconds(text)).ok_or(Unsigned::NoTime(name))?;
        let away = now.as_second().abs_diff(seconds);
        if away > TOLERANCE.as_secs() { Err(Unsigned::Time(away)) } else { Ok(()) }
    }

    fn sum<'a>(&self, secret: &[u8], pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self.how {
            How::Hmac => {
                let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
                pieces.for_each(|piece| context.update(piece));
                context.sign().as_ref().to_vec()
            }
            How::Digest => {
                let mut context = digest::Context::new(&digest::SHA256);
                pieces.for_each(|piece| context.update(piece));
                context.finish().as_ref().to_vec()
            }
        }
    }
}

impl Clock {
    fn seconds(self, text: &str) -> Option<i64> {
        match self {
            Self::Seconds => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?,
            Self::Date => text.parse::<Timestamp>().ok().map(Timestamp::as_second),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn check(word: &str, pairs: &[(&'static str, &str)], body: &[u8], now: i64, secret: &str) -> Result<(), Unsigned> {
        let now = Timestamp::from_second(now).unwrap();
        Profile::named(word).unwrap().verify(
            &headers(pairs),
            body,
            now,
            &[SecretString::from("another"), secret.into()],
        )
    }

    #[test]
    fn the_settings_know_every_form() {
        let words: Vec<&str> = std::iter::once("standard").chain(PROFILES.iter().map(|profile| profile.word)).collect();
        assert_eq!(words, crate::rules::SIGNATURES);
    }

    #[test]
    fn slacks_own_example() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let pairs = [("x-slack-signature", signature), ("x-slack-request-timestamp", "1531420618")];
        let check = |at: i64| check("slack", &pairs, body.as_bytes(), at, "8f742231b10e8888abcd99yyyzzz85a5");
        assert_eq!([check(1_531_420_618), check(1_531_420_918), check(1_531_420_318)], [Ok(()); 3]);
        assert_eq!(check(1_531_420_919), Err(Unsigned::Time(301)));
        assert_eq!(check(1_531_420_317), Err(Unsigned::Time(301)));
    }

    #[test]
    fn githubs_own_example_which_is_metas_form_too() {
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        for word in ["github", "meta"] {
            let check = |signature: &str, body: &[u8], secret: &str| {
                check(word, &[("x-hub-signature-256", signature)], body, 0, secret)
            };
            assert_eq!(check(signature, b"Hello, World!", "It's a Secret to Everybody"), Ok(()));
            assert_eq!(check(signature, b"Hello, World?", "It's a Secret to Everybody"), Err(Unsigned::NoMatch));
            assert_eq!(check(signature, b"Hello, World!", "It's a Secret to Everyone"), Err(Unsigned::NoMatch));
            assert_eq!(check(signature, b"Hello, World!", ""), Err(Unsigned::NoMatch));
            for odd in ["", "sha256=", "sha256=75", "sha1=757107ea", "sha256=zz", &signature[7..]] {
                assert!(check(odd, b"Hello, World!", "It's a Secret to Everybody").is_err(), "{odd}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_pass(values in proptest::collection::vec("[ -~]{0,60}", 3), body in proptest::collection::vec(any::<u8>(), 0..60)) {
            for profile in PROFILES {
                let mut pairs = HeaderMap::new();
                let names = [Some(profile.header), profile.time.map(|(name, _)| name), Some("x-lark-request-nonce")];
                for (name, value) in names.iter().flatten().zip(&values) {
                    pairs.insert(*name, value.trim().parse().unwrap());
                }
                prop_assert!(profile.verify(&pairs, &body, Timestamp::UNIX_EPOCH, &["secret".into()]).is_err());
            }
        }
    }
}
