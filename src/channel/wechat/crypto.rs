//! Signatures and encryption of WeChat callbacks, the same for official accounts and for WeCom.
//!
//! The plaintext is 16 random bytes, the length of the message (4 bytes, big endian), the message, and whom it is for; it is
//! padded to a multiple of 32, though AES has blocks of 16. Knows bytes and strings only, and never reads the clock.

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// Real keys end in bits that mean nothing, which strict decoders refuse.
const KEY_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
/// Characters of an EncodingAESKey.
const KEY_CHARS: usize = 43;
/// What the padding fills up, in bytes.
const BLOCK: usize = 32;
/// Random bytes at the beginning.
const SALT: usize = 16;
/// Random bytes and length.
const HEAD: usize = SALT + 4;

/// An EncodingAESKey, ready for use. Does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct AesKey([u8; 32]);

/// Why an EncodingAESKey cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an EncodingAESKey has 43 letters and digits; copy it again from the platform, whole")]
pub struct KeyError;

/// Why a message cannot be decrypted. One error for all reasons, so that nobody learns from it what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be decrypted with this EncodingAESKey for this app_id")]
pub struct CryptError;

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(…)")
    }
}

impl AesKey {
    /// Reads a key as the platform shows it.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() != KEY_CHARS || !text.is_ascii() {
            return Err(KeyError);
        }
        let bytes = KEY_BASE64.decode(format!("{text}=")).map_err(|_| KeyError)?;
        bytes.try_into().map(Self).map_err(|_| KeyError)
    }

    fn iv(&self) -> FixedLength<16> {
        let mut iv = [0; 16];
        iv.copy_from_slice(&self.0[..16]);
        FixedLength::from(iv)
    }

    /// Opens what stands in `Encrypt` or `echostr`. `receiver` is the app_id or corp id that it must be for.
    ///
    /// # Errors
    /// [`CryptError`]
    pub fn decrypt(&self, encrypted: &str, receiver: &str) -> Result<Vec<u8>, CryptError> {
        let mut bytes = STANDARD.decode(encrypted.trim()).map_err(|_| CryptError)?;
        if bytes.len() < BLOCK || bytes.len() % 16 != 0 {
            return Err(CryptError);
        }
        let key = UnboundCipherKey::new(&AES_256, &self.0).map_err(|_| CryptError)?;
        let key = DecryptingKey::cbc(key).map_err(|_| CryptError)?;
        let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(self.iv())).map_err(|_| CryptError)?;
        let padding = usize::from(*plain.last().ok_or(CryptError)?);
        if !(1..=BLOCK).contains(&padding) {
            return Err(CryptError);
        }
        let plain = plain.get(..plain.len().saturating_sub(padding)).ok_or(CryptError)?;
        let length = plain.get(SALT..HEAD).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(CryptError)?;
        let end = HEAD.checked_add(length).ok_or(CryptError)?;
        let (message, for_whom) = plain.get(HEAD..end).zip(plain.get(end..)).ok_or(CryptError)?;
        constant_time::verify_slices_are_equal(for_whom, receiver.as_bytes()).map_err(|_| CryptError)?;
        Ok(message.to_vec())
    }

    /// Seals a message for `receiver`.
    ///
    /// # Errors
    /// [`CryptError`], if the machine gives no random numbers.
    pub fn encrypt(&self, message: &[u8], receiver: &str) -> Result<String, CryptError> {
        let mut salt = [0; SALT];
        rand::fill(&mut salt).map_err(|_| CryptError)?;
        self.encrypt_with(salt, message, receiver)
    }

    fn encrypt_with(&self, salt: [u8; SALT], message: &[u8], receiver: &str) -> Result<String, CryptError> {
        let length = u32::try_from(message.len()).map_err(|_| CryptError)?;
        let mut bytes = [salt.as_slice(), &length.to_be_bytes(), message, receiver.as_bytes()].concat();
        let padding = BLOCK - bytes.len() % BLOCK;
        bytes.resize(bytes.len() + padding, u8::try_from(padding).map_err(|_| CryptError)?);
        let key = UnboundCipherKey::new(&AES_256, &self.0).map_err(|_| CryptError)?;
        let key = EncryptingKey::cbc(key).map_err(|_| CryptError)?;
        key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(self.iv())).map_err(|_| CryptError)?;
        Ok(STANDARD.encode(bytes))
    }
}

/// The signature over these parts: SHA-1, in hexadecimal, of the parts sorted by their bytes and joined.
#[must_use]
pub fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, sorted.concat().as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether `given` is the signature over `rest` with one of the tokens. Takes the same time wherever it differs.
#[must_use]
pub fn signed<'a>(given: &str, tokens: impl Iterator<Item = &'a str>, rest: &[&str]) -> bool {
    let mut holds = false;
    for token in tokens {
        let wanted = signature(&[&[token], rest].concat());
        holds |= constant_time::verify_slices_are_equal(wanted.as_bytes(), given.as_bytes()).is_ok();
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample keys that the platform itself publishes.
    const WECOM: (&str, &str) = ("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7");
    const ACCOUNT: (&str, &str) = ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx2c2769f8efd9abc2");

    fn open(key: (&str, &str), encrypted: &str) -> String {
        String::from_utf8(AesKey::parse(key.0).unwrap().decrypt(encrypted, key.1).unwrap()).unwrap()
    }

    #[test]
    fn official_sample_of_the_address_check() {
        let echo = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==";
        let rest = ["1409659589", "263014780", echo];
        assert!(signed("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", ["QDG6eK"].into_iter(), &rest));
        assert_eq!(open(WECOM, echo), "1616140317555161061");
    }

    #[test]
    fn official_samples_of_messages() {
        let wecom = "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==";
        let rest = ["1409659813", "1372623149", wecom];
        assert!(signed("477715d11cdb4164915debcba66cb864d751f3e6", ["QDG6eK"].into_iter(), &rest));
        let text = open(WECOM, wecom);
        assert!(text.contains("hello") && text.contains("4561255354251345929") && text.contains("218"), "{text}");
        let account = "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE=";
        let rest = ["1409735669", "1320562132", account];
        assert!(signed("5d197aaffba7e9b25a30732f161a50dee96bd5fa", ["spamtest"].into_iter(), &rest));
        assert!(open(ACCOUNT, account).contains("abcdteT"));
    }

    #[test]
    fn plain_signatures_are_sorted_by_their_bytes() {
        assert_eq!(signature(&["b", "c", "a"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(signed("a9993e364706816aba3e25717850c26c9cd0d89d", ["x", "b"].into_iter(), &["c", "a"]));
        assert!(!signed("a9993e364706816aba3e25717850c26c9cd0d89e", ["b"].into_iter(), &["c", "a"]));
        assert!(!signed("", ["b"].into_iter(), &["c", "a"]));
        assert!(!signed("a9993e364706816aba3e25717850c26c9cd0d89d", std::iter::empty(), &["c", "a"]));
    }

    /// Made with the library wechatpy, whose random bytes were set to these digits.
    #[test]
    fn another_library_seals_the_same_way() {
        let key = AesKey::parse("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR").unwrap();
        let message = "<xml><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[七天内可以退货。]]></Content></xml>";
        let sealed = key.encrypt_with(*b"1234567890123456", message.as_bytes(), "wx49f0ab532d5d035a").unwrap();
        assert_eq!(
            sealed,
            "9s4gMv99m88kKTh/H8IdkMQJkmVcJx511GnAup/YWl4x/hoyHoDqH4NGsYlOa0su93MTt9/bQCPmgTylCp9/VteVvI8OXUSNfMRLvLf8RRXwPByq1thma03dUF2DE4PdOW6yyLJ3lchh4TbYbgU9LW+47mPqiglwJFNHCX9RpMrXSuhWLsI8qajLL+/vCR53pQXFxB8ILWh4fmvPFHg4VQ=="
        );
        let parts = ["123456", "1411525903", "461056294", sealed.as_str()];
        assert_eq!(signature(&parts), "b4c5618c86bdf4ae21c0460d3dbb500c5174a866");
    }

    #[test]
    fn messages_of_every_length_come_back() {
        let key = AesKey::parse(ACCOUNT.0).unwrap();
        for length in 0..200 {
            let message = vec![b'x'; length];
            let sealed = key.encrypt(&message, ACCOUNT.1).unwrap();
            assert_eq!(key.decrypt(&sealed, ACCOUNT.1).unwrap(), message, "{length}");
        }
        assert_ne!(key.encrypt(b"x", "y").unwrap(), key.encrypt(b"x", "y").unwrap());
    }

    #[test]
    fn what_was_changed_cut_or_meant_for_others_is_refused() {
        let key = AesKey::parse(ACCOUNT.0).unwrap();
        let sealed = key.encrypt("你好".as_bytes(), ACCOUNT.1).unwrap();
        let other = AesKey::parse(WECOM.0).unwrap();
        assert_eq!(key.decrypt(&sealed, WECOM.1), Err(CryptError));
        assert_eq!(key.decrypt(&sealed, ""), Err(CryptError));
        assert_eq!(other.decrypt(&sealed, ACCOUNT.1), Err(CryptError));
        let bytes = STANDARD.decode(&sealed).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(key.decrypt(&STANDARD.encode(&bytes[..cut]), ACCOUNT.1), Err(CryptError), "{cut}");
        }
        // The length says more than there is.
        let mut lying = [[7; SALT].as_slice(), &u32::MAX.to_be_bytes(), b"abcdefgh"].concat();
        lying.push(0);
        for padding in [0_u8, 33, 255] {
            let mut plain = [lying.as_slice(), ACCOUNT.1.as_bytes()].concat();
            plain.resize(64, padding);
            let unbound = UnboundCipherKey::new(&AES_256, &key.0).unwrap();
            let context = EncryptionContext::Iv128(key.iv());
            EncryptingKey::cbc(unbound).unwrap().less_safe_encrypt(&mut plain, context).unwrap();
            assert_eq!(key.decrypt(&STANDARD.encode(&plain), ACCOUNT.1), Err(CryptError), "{padding}");
        }
        for odd in ["", "====", "不是", "AAAA"] {
            assert_eq!(key.decrypt(odd, ACCOUNT.1), Err(CryptError), "{odd}");
        }
    }

    #[test]
    fn keys_are_43_letters_and_digits() {
        for wrong in
            ["", "abc", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF!", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG="]
        {
            assert_eq!(AesKey::parse(wrong), Err(KeyError), "{wrong}");
        }
        assert_eq!(format!("{:?}", AesKey::parse(WECOM.0).unwrap()), "AesKey(…)");
    }
}
