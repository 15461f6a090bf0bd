//! How much one customer may write in a minute.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Customers that are counted at once; over that, new ones are refused rather than memory filled.
const MAX_CUSTOMERS: usize = 200_000;

type Limiter = RateLimiter<String, HashMapStateStore<String>, DefaultClock>;

/// Counts messages by customer.
#[derive(Debug)]
pub struct Limits {
    clock: DefaultClock,
    current: ArcSwap<(u32, Limiter)>,
}

impl Limits {
    /// At most so many messages a minute for each customer.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self { clock: DefaultClock::default(), current: ArcSwap::from_pointee((per_minute, limiter(per_minute))) }
    }

    /// Takes another limit; what was counted so far is forgotten only when the limit really is another.
    pub fn set(&self, per_minute: u32) {
        if self.current.load().0 != per_minute {
            self.current.store(Arc::new((per_minute, limiter(per_minute))));
        }
    }

    /// Counts a message.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub fn count(&self, customer: &str) -> Result<(), Duration> {
        let current = self.current.load();
        if current.1.len() >= MAX_CUSTOMERS {
            current.1.retain_recent();
            if current.1.len() >= MAX_CUSTOMERS {
                return Err(Duration::from_mins(1));
            }
        }
        current.1.check_key(&customer.to_owned()).map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Forgets customers who have not written for a while; called once a minute.
    pub fn sweep(&self) {
        self.current.load().1.retain_recent();
    }
}

fn limiter(per_minute: u32) -> Limiter {
    RateLimiter::hashmap(Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_s_flood_is_not_another_s() {
        let limits = Limits::new(3);
        assert!((0..3).all(|_| limits.count("a").is_ok()));
        let wait = limits.count("a").expect_err("over the limit");
        assert!(wait <= Duration::from_secs(60) && wait > Duration::ZERO);
        assert!(limits.count("b").is_ok());
        limits.set(5);
        assert!(limits.count("a").is_ok());
    }
}
