//! Answers that may be used again for a while.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use crate::message::Fetched;

/// Most answers that are kept; the one that was not used for longest goes first.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// Longest answer that is kept, in bytes of its JSON. With [`KEPT`] it bounds the cache to some 64 MiB of text.
const LONGEST: usize = 16 * 1024;

/// Answers by address.
#[derive(Debug)]
pub(super) struct Cache(Mutex<LruCache<String, (Instant, Fetched)>>);

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Cache {
    /// The answer of an address, if it is not too old.
    pub(super) fn get(&self, url: &str) -> Option<Fetched> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, fetched) = kept.get(url)?;
        if Instant::now() < *until {
            return Some(fetched.clone());
        }
        kept.pop(url);
        None
    }

    /// Keeps an answer for so long; one over [`LONGEST`] is not kept, but asked for again.
    pub(super) fn put(&self, url: &str, fetched: &Fetched, time: Duration) {
        if fetched.body.to_string().len() > LONGEST {
            return;
        }
        let until = Instant::now() + time;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(url.to_owned(), (until, fetched.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_used_again_until_it_is_too_old() {
        let cache = Cache::default();
        let fetched = Fetched { status: 200, ..Fetched::default() };
        cache.put("a", &fetched, Duration::from_mins(1));
        cache.put("b", &fetched, Duration::ZERO);
        assert_eq!(cache.get("a"), Some(fetched));
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("c"), None);
    }

    #[test]
    fn a_long_answer_is_not_kept() {
        let cache = Cache::default();
        let long = |bytes: usize| Fetched { body: "x".repeat(bytes).into(), ..Fetched::default() };
        cache.put("fits", &long(LONGEST - 2), Duration::from_mins(1));
        cache.put("long", &long(LONGEST - 1), Duration::from_mins(1));
        assert!(cache.get("fits").is_some(), "the quotes are part of its JSON");
        assert_eq!(cache.get("long"), None);
    }
}
