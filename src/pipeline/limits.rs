//! How much one customer may write in a minute, and how much one address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Customers or addresses that are counted at once; over that, new ones are refused rather than memory filled.
const MAX_CUSTOMERS: usize = 200_000;

type Limiter = RateLimiter<String, HashMapStateStore<String>, DefaultClock>;

/// Counts messages by customer or by address.
#[derive(Debug)]
pub struct Limits {
    clock: DefaultClock,
    current: ArcSwap<(u32, Limiter)>,
}

impl Limits {
    /// At most so many messages a minute for each; any number for 0.
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
    pub fn count(&self, who: &str) -> Result<(), Duration> {
        let current = self.current.load();
        if current.0 == 0 {
            return Ok(());
        }
        if current.1.len() >= MAX_CUSTOMERS {
            current.1.retain_recent();
            if current.1.len() >= MAX_CUSTOMERS {
                return Err(Duration::from_mins(1));
            }
        }
        current.1.check_key(&who.to_owned()).map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Forgets those who have not written for a while; called once a minute.
    pub fn sweep(&self) {
        self.current.load().1.retain_recent();
    }
}

/// What counts as one address: one customer holds a whole /64 of IPv6.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
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
        limits.set(0);
        assert!((0..100).all(|_| limits.count("a").is_ok()), "0 is no limit");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let one = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(one("2001:db8:1:2:3::4"), one("2001:db8:1:2:ffff::1"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_ne!(one("192.0.2.1"), one("192.0.2.2"));
    }
}
