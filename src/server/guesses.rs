//! Wrong tokens by address: who tries many has to wait, so that a token cannot be found by trying.
//!
//! Counts different tokens, not requests: a console that was left open with a token of yesterday guesses nothing. Keeps no token,
//! only what it hashes to.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens of one address within [`MINUTE`] before it has to wait.
const MAX_WRONG: usize = 10;
/// Addresses that are counted at once.
const MAX_ADDRESSES: usize = 10_000;
/// How long wrong tokens count, and the least time between two lines of the log.
const MINUTE: Duration = Duration::from_mins(1);

/// Who tried which tokens in vain.
#[derive(Debug, Default)]
pub struct Guesses {
    hasher: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    addresses: HashMap<IpAddr, Tries>,
    /// When the log last told of it, and how many came since.
    told: Option<Instant>,
    untold: u64,
}

#[derive(Debug)]
struct Tries {
    since: Instant,
    wrong: Vec<u64>,
}

impl Guesses {
    /// How long an address has to wait before its tokens are looked at again; none if it need not.
    pub(super) fn waits(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = kept.addresses.get(&address).filter(|tries| tries.wrong.len() >= MAX_WRONG)?;
        MINUTE.checked_sub(now.saturating_duration_since(tries.since)).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong token, of an address where it is known. Says how many there were since the log told of them last, if it is
    /// time to tell again.
    pub(super) fn wrong(&self, address: Option<IpAddr>, token: &str, now: Instant) -> Option<u64> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = address {
            let over = |tries: &Tries| now.saturating_duration_since(tries.since) >= MINUTE;
            if kept.addresses.len() >= MAX_ADDRESSES {
                kept.addresses.retain(|_, tries| !over(tries));
            }
            // So many at once are no guessing from one place; more are not counted rather than memory filled.
            if kept.addresses.len() < MAX_ADDRESSES || kept.addresses.contains_key(&address) {
                let hash = self.hasher.hash_one(token);
                let tries = kept.addresses.entry(address).or_insert(Tries { since: now, wrong: Vec::new() });
                if over(tries) {
                    *tries = Tries { since: now, wrong: Vec::new() };
                }
                if tries.wrong.len() < MAX_WRONG && !tries.wrong.contains(&hash) {
                    tries.wrong.push(hash);
                }
            }
        }
        kept.untold += 1;
        if kept.told.is_some_and(|told| now.saturating_duration_since(told) < MINUTE) {
            return None;
        }
        kept.told = Some(now);
        Some(std::mem::take(&mut kept.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_many_tokens_waits_and_others_do_not() {
        let (guesses, began) = (Guesses::default(), Instant::now());
        let (guesser, other): (IpAddr, IpAddr) = ([203, 0, 113, 1].into(), [203, 0, 113, 2].into());
        for number in 0..MAX_WRONG {
            assert_eq!(guesses.waits(guesser, began), None, "{number}");
            guesses.wrong(Some(guesser), &number.to_string(), began);
        }
        assert_eq!(guesses.waits(guesser, began), Some(MINUTE));
        assert_eq!(guesses.waits(other, began), None);
        let later = began + MINUTE;
        assert_eq!(guesses.waits(guesser, later), None);
        guesses.wrong(Some(guesser), "again", later);
        assert_eq!(guesses.waits(guesser, later), None, "counted anew");
    }

    #[test]
    fn one_wrong_token_again_and_again_is_no_guessing() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let address: IpAddr = [203, 0, 113, 1].into();
        for _ in 0..1_000 {
            guesses.wrong(Some(address), "of yesterday", now);
        }
        assert_eq!(guesses.waits(address, now), None);
    }

    #[test]
    fn the_log_is_told_once_a_minute_and_memory_has_a_bound() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        assert_eq!(guesses.wrong(None, "a", now), Some(1));
        for number in 0..MAX_ADDRESSES + 50 {
            let address = IpAddr::from(u32::try_from(number).expect("small").to_be_bytes());
            assert_eq!(guesses.wrong(Some(address), "b", now), None);
        }
        assert_eq!(guesses.kept.lock().expect("whole").addresses.len(), MAX_ADDRESSES);
        let told = guesses.wrong(None, "c", now + MINUTE);
        assert_eq!(told, Some(u64::try_from(MAX_ADDRESSES).expect("small") + 51));
    }
}
