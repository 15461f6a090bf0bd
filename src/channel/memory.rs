//! What doors remember of requests for some minutes: signatures used, and how often a message came.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Requests remembered. A platform at its fastest sends fewer within the time that a signature is valid.
const MOST: usize = 16_384;

/// Of all channels, in keys that begin with the channel's name. Only requests with a good signature get here, so that strangers cannot fill it.
#[derive(Debug)]
pub struct Memory {
    used: Mutex<LruCache<String, [u8; 32]>>,
    attempts: Mutex<LruCache<String, u32>>,
}

impl Default for Memory {
    fn default() -> Self {
        let most = NonZeroUsize::new(MOST).unwrap_or(NonZeroUsize::MIN);
        Self { used: Mutex::new(LruCache::new(most)), attempts: Mutex::new(LruCache::new(most)) }
    }
}

impl Memory {
    /// Notes what a signature was used for; false if it was used for something else before.
    pub fn once(&self, signature: String, what: [u8; 32]) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used.get_or_insert(signature, || what) == what
    }

    /// How often this message has come, this time included.
    #[must_use]
    pub fn attempt(&self, message: String) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.get_or_insert_mut(message, || 0);
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_body_as_often_as_it_comes() {
        let memory = Memory::default();
        assert!(memory.once("a".into(), [1; 32]));
        assert!(memory.once("a".into(), [1; 32]));
        assert!(!memory.once("a".into(), [2; 32]));
        assert!(memory.once("b".into(), [2; 32]));
        assert_eq!([memory.attempt("x".into()), memory.attempt("x".into()), memory.attempt("y".into())], [1, 2, 1]);
    }
}
