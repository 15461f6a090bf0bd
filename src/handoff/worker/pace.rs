//! How many messages a robot may still send: no more in any span of time than the platform takes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::rules::Rate;

/// A fourth of what may be sent is kept for urgent messages.
const KEPT: usize = 4;

/// When messages were sent.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sent: Vec<Timestamp>,
    /// The platform wants quiet until then.
    quiet: Option<Timestamp>,
}

/// How many messages may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Free {
    /// Urgent ones.
    pub urgent: usize,
    /// Others.
    pub calm: usize,
}

impl Pace {
    /// Goes on from messages that were sent before.
    pub(super) fn new(mut sent: Vec<Timestamp>) -> Self {
        sent.sort_unstable();
        // What was told in one message was written down at one time.
        sent.dedup();
        Self { sent, quiet: None }
    }

    /// How many may be sent at `now`.
    pub(super) fn free(&self, rates: &[Rate], now: Timestamp) -> Free {
        if self.quiet.is_some_and(|until| until > now) {
            return Free { urgent: 0, calm: 0 };
        }
        let mut free = Free { urgent: usize::MAX, calm: usize::MAX };
        for rate in rates {
            let most = usize::try_from(rate.count).unwrap_or(usize::MAX);
            let used = self.sent.iter().filter(|at| within(**at, now, rate.within)).count();
            free.urgent = free.urgent.min(most.saturating_sub(used));
            free.calm = free.calm.min((most - most / KEPT).saturating_sub(used));
        }
        free
    }

    /// One is sent at `now`.
    pub(super) fn send(&mut self, rates: &[Rate], now: Timestamp) {
        let longest = rates.iter().map(|rate| rate.within).max().unwrap_or_default();
        self.sent.retain(|at| within(*at, now, longest));
        self.sent.push(now);
    }

    /// The platform wants quiet.
    pub(super) fn quiet_until(&mut self, until: Timestamp) {
        self.quiet = Some(until);
    }

    /// How long it is until something more may be sent than at `now`.
    pub(super) fn wait(&self, rates: &[Rate], now: Timestamp) -> Option<Duration> {
        let quiet = self.quiet.filter(|until| *until > now);
        let ends = rates.iter().filter_map(|rate| {
            let first = self.sent.iter().find(|at| within(**at, now, rate.within))?;
            first.checked_add(SignedDuration::try_from(rate.within).ok()?).ok()
        });
        let next = quiet.or_else(|| ends.min())?;
        Duration::try_from(next.duration_since(now)).ok()
    }
}

/// Whether `at` is less than so long before `now`. A clock that was set back must not silence a robot.
fn within(at: Timestamp, now: Timestamp, length: Duration) -> bool {
    Duration::try_from(now.duration_since(at)).is_ok_and(|ago| ago < length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn no_span_of_time_holds_more_than_the_rate() {
        let rates = [rate("20/min"), rate("5/s")];
        let (mut pace, mut sent) = (Pace::default(), Vec::new());
        for step in 0..3_000 {
            let now = at(step * 50);
            // Every seventh message is urgent.
            let free = pace.free(&rates, now);
            if (if step % 7 == 0 { free.urgent } else { free.calm }) > 0 {
                pace.send(&rates, now);
                sent.push(now);
            }
        }
        assert!(sent.len() >= 40, "{} in two and a half minutes", sent.len());
        for start in &sent {
            for rate in &rates {
                let in_span = sent.iter().filter(|other| **other >= *start && within(*start, **other, rate.within));
                assert!(in_span.count() <= rate.count as usize);
            }
        }
    }

    #[test]
    fn a_fourth_is_kept_for_urgent_ones_where_that_is_a_whole_message() {
        let (mut pace, rates) = (Pace::default(), [rate("20/min")]);
        (0..15).for_each(|n| pace.send(&rates, at(n)));
        assert_eq!(pace.free(&rates, at(20)), Free { urgent: 5, calm: 0 });
        assert_eq!(pace.wait(&rates, at(20)), Some(Duration::from_millis(59_980)));
        assert_eq!(pace.free(&rates, at(60_000)), Free { urgent: 6, calm: 1 });
        assert_eq!(Pace::default().free(&[rate("1/s")], at(0)), Free { urgent: 1, calm: 1 });
        assert_eq!(Pace::default().free(&[], at(0)), Free { urgent: usize::MAX, calm: usize::MAX });
    }

    #[test]
    fn quiet_is_kept_and_a_clock_set_back_silences_nobody() {
        let (mut pace, rates) = (Pace::default(), [rate("1/s")]);
        pace.quiet_until(at(500));
        assert_eq!(
            (pace.free(&rates, at(499)).urgent, pace.wait(&rates, at(400))),
            (0, Some(Duration::from_millis(100)))
        );
        assert_eq!(pace.free(&rates, at(500)).urgent, 1);
        pace.send(&rates, at(1_000_000));
        assert_eq!(pace.free(&rates, at(600)).urgent, 1);
    }

    #[test]
    fn what_was_sent_before_a_restart_counts_and_a_digest_counts_once() {
        let pace = Pace::new(vec![at(20), at(10), at(10), at(10)]);
        assert_eq!(pace.free(&[rate("3/min")], at(30)).urgent, 1);
    }
}
