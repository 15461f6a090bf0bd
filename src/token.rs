//! Tokens that this program gives out and knows again without remembering them: signed with a key that lies beside the store.
//!
//! A visitor's token names a visitor; a reply token lets the people behind a webhook write into one conversation for a while.

use std::path::{Path, PathBuf};

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

/// Name of the key's file in the data directory.
pub const FILE: &str = "token.key";
/// How long a reply token holds: longer than the longest holiday, shorter than a quarter.
const REPLY_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Happens when the key cannot be read, made or kept.
#[derive(Debug, thiserror::Error)]
#[error("the token key {} cannot be used ({reason}); see that nightdesk may write to its data directory", .path.display())]
pub struct KeyError {
    path: PathBuf,
    reason: String,
}

/// Signs and checks tokens.
pub struct Tokens(hmac::Key);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Reads the key of a data directory, or makes it on the first start.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a key.
    pub fn open(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(FILE);
        let fail = |reason: String| KeyError { path: path.clone(), reason };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = vec![0_u8; 32];
                rand::fill(&mut bytes).map_err(|_| fail("no random numbers".into()))?;
                write_private(&path, &bytes).map_err(|e| fail(e.to_string()))?;
                bytes
            }
            Err(error) => return Err(fail(error.to_string())),
        };
        if bytes.len() != 32 {
            return Err(fail(format!(
                "it has {} bytes in place of 32; delete it, and visitors begin anew",
                bytes.len()
            )));
        }
        Ok(Self::from_key(&bytes))
    }

    /// Tokens under a given key.
    #[must_use]
    pub fn from_key(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Tells one life of the store from another: new with the key, and so the same before and after a conversation's first message.
    #[must_use]
    pub fn epoch(&self) -> String {
        format!("k{}", &self.mark("epoch", "")[..12])
    }

    /// A new visitor with a token: `v_…`, `vt_…`.
    #[must_use]
    pub fn new_visitor(&self) -> (String, String) {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let token = format!("vt_{id}{}", self.mark("visitor", &id));
        (format!("v_{id}"), token)
    }

    /// The visitor that a token names, if the token is ours.
    #[must_use]
    pub fn visitor(&self, token: &str) -> Option<String> {
        let rest = token.strip_prefix("vt_")?;
        let (id, mark) = rest.split_at_checked(32)?;
        self.checked("visitor", id, mark).then(|| format!("v_{id}"))
    }

    /// The id of a visitor's conversation on a channel: always the same, so that nothing is stored until the first message.
    #[must_use]
    pub fn conversation(channel: &str, thread: &str) -> String {
        let hash = digest::digest(&digest::SHA256, format!("{channel}\u{0}{thread}").as_bytes());
        let head = hash.as_ref().iter().take(12).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        format!("c_{head:024x}")
    }

    /// A token with which people may write into one conversation.
    #[must_use]
    pub fn reply(&self, conversation: &str, now: Timestamp) -> String {
        let until = now.checked_add(REPLY_LIFE).unwrap_or(Timestamp::MAX).as_second();
        format!("rt_{until}_{}", self.mark("reply", &format!("{until} {conversation}")))
    }

    /// Whether a token lets its bearer write into a conversation now.
    #[must_use]
    pub fn may_reply(&self, token: &str, conversation: &str, now: Timestamp) -> bool {
        let parts = token.strip_prefix("rt_").and_then(|rest| rest.split_once('_'));
        let Some((until, mark)) = parts else { return false };
        let lasts = until.parse::<i64>().is_ok_and(|until| until > now.as_second());
        lasts && self.checked("reply", &format!("{until} {conversation}"), mark)
    }

    /// What names a conversation in letters: lower-case letters and digits, because mail keeps no others in addresses.
    #[must_use]
    pub fn letter(&self, conversation: &str) -> String {
        let id = conversation.strip_prefix("c_").unwrap_or(conversation);
        let tag = hmac::sign(&self.0, format!("letter\u{0}{id}").as_bytes());
        let tag = tag.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{id}{tag:016x}")
    }

    /// The conversation that such a mark names, if the mark is ours.
    #[must_use]
    pub fn conversation_of_letter(&self, mark: &str) -> Option<String> {
        let id = mark.get(..mark.len().checked_sub(16)?)?;
        let conversation = format!("c_{id}");
        equal(self.letter(&conversation).as_bytes(), mark.as_bytes()).then_some(conversation)
    }

    fn mark(&self, purpose: &str, what: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{purpose}\u{0}{what}").as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..18])
    }

    fn checked(&self, purpose: &str, what: &str, mark: &str) -> bool {
        equal(self.mark(purpose, what).as_bytes(), mark.as_bytes())
    }
}

/// Compares two secrets in a time that tells nothing of where they differ.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Copies a key into a file that is new and that only this user may read.
///
/// # Errors
/// When it cannot be read, or something is there already.
pub fn copy(key: &Path, to: &Path) -> std::io::Result<()> {
    write_private(to, &std::fs::read(key)?)
}

/// Writes a file that only this user may read.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_s_token_is_known_again_and_cannot_be_made_up() {
        let tokens = Tokens::from_key(&[7; 32]);
        let (visitor, token) = tokens.new_visitor();
        assert_eq!(tokens.visitor(&token), Some(visitor));
        let mut forged = token.clone().into_bytes();
        forged[5] ^= 1;
        assert_eq!(tokens.visitor(&String::from_utf8_lossy(&forged)), None);
        assert_eq!(Tokens::from_key(&[8; 32]).visitor(&token), None);
        for bad in ["", "vt_", "vt_短", "x", &token[..token.len() - 1]] {
            assert_eq!(tokens.visitor(bad), None);
        }
    }

    #[test]
    fn a_reply_token_holds_for_one_conversation_and_not_for_ever() {
        let tokens = Tokens::from_key(&[7; 32]);
        let now = Timestamp::UNIX_EPOCH;
        let token = tokens.reply("c_1", now);
        assert!(tokens.may_reply(&token, "c_1", now));
        assert!(!tokens.may_reply(&token, "c_2", now));
        assert!(!tokens.may_reply(&token, "c_1", now + SignedDuration::from_hours(24 * 31)));
        assert!(!tokens.may_reply(&token.replace("rt_", "rt_9"), "c_1", now));
    }

    #[test]
    fn the_key_is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (_, token) = Tokens::open(dir.path()).expect("makes").new_visitor();
        assert!(Tokens::open(dir.path()).expect("reads").visitor(&token).is_some());
    }
}
