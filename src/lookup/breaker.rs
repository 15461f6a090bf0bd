//! A system that fails is left alone for a while, so that every customer is not made to wait for its time limit (the circuit
//! breaker of Nygard, "Release It!").

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which a system is left alone.
const FAILURES: u32 = 5;
/// For how long.
const ALONE: Duration = Duration::from_secs(30);
/// Most hosts that are remembered.
const HOSTS: usize = 1_024;

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody asks; one request may try then.
    until: Option<Instant>,
}

/// One breaker for each host.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, State>>);

impl Breakers {
    /// Whether a host may be asked now. After the pause one request at a time may try.
    pub(super) fn may(&self, host: &str) -> bool {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = hosts.get_mut(host).and_then(|state| state.until.as_mut()) else { return true };
        if Instant::now() < *until {
            return false;
        }
        *until = Instant::now() + ALONE;
        true
    }

    /// What came of it.
    pub(super) fn told(&self, host: &str, good: bool) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if good {
            hosts.remove(host);
            return;
        }
        if hosts.len() >= HOSTS && !hosts.contains_key(host) {
            return;
        }
        let state = hosts.entry(host.to_owned()).or_default();
        state.failures += 1;
        if state.failures >= FAILURES {
            state.until = Some(Instant::now() + ALONE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_and_nobody_asks_for_a_while() {
        let breakers = Breakers::default();
        for _ in 0..4 {
            breakers.told("erp", false);
        }
        breakers.told("erp", true);
        for _ in 0..5 {
            assert!(breakers.may("erp"));
            breakers.told("erp", false);
        }
        assert!(!breakers.may("erp"), "left alone");
        assert!(breakers.may("other"), "the others are not");
    }
}
