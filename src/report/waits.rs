//! Lengths of time against targets, and the open time that they are counted in.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::hours::Schedule;

use super::share::Share;

/// Lengths of time that were measured, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Waits {
    /// How many.
    pub count: u64,
    /// Half of them took no longer; by nearest rank.
    pub p50: Option<f64>,
    /// Nine in ten took no longer; by nearest rank.
    pub p90: Option<f64>,
    /// The target; none where there is none, or where several count together that have different ones.
    pub target: Option<f64>,
    /// How many of those with a target kept it. Whoever still waits counts once the target has passed.
    pub within: Share,
    /// How many still wait and are within their targets, or gave up before these had passed.
    pub waiting: u64,
}

/// Gathers lengths of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    took: Vec<i64>,
    /// Those that there are: of several none is the one.
    targets: BTreeSet<Option<i64>>,
    within: Share,
    waiting: u64,
}

impl Gathered {
    /// Something that took so long, or waits for so long already, in milliseconds, against a target.
    pub(super) fn add(&mut self, length: Length, target: Option<i64>) {
        self.targets.insert(target);
        match (length, target) {
            (Length::Took(millis), target) => {
                self.took.push(millis);
                if let Some(target) = target {
                    self.within.count(millis <= target);
                }
            }
            (Length::NotYet(millis), Some(target)) if millis > target => self.within.count(false),
            (Length::NotYet(_), _) => self.waiting += 1,
        }
    }

    pub(super) fn finish(mut self) -> Waits {
        self.took.sort_unstable();
        Waits {
            count: u64::try_from(self.took.len()).unwrap_or(u64::MAX),
            p50: percentile(&self.took, 50).map(seconds),
            p90: percentile(&self.took, 90).map(seconds),
            target: self.targets.first().filter(|_| self.targets.len() == 1).copied().flatten().map(seconds),
            within: self.within,
            waiting: self.waiting,
        }
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    /// It is over.
    Took(i64),
    /// It goes on, or was given up after so long.
    NotYet(i64),
}

/// The smallest value that so many in a hundred do not exceed: nearest rank. The values ascend.
fn percentile(ascending: &[i64], percent: usize) -> Option<i64> {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied()
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a few years")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The open time of a schedule over a stretch of time, so that a hundred thousand questions about it cost one walk.
#[derive(Debug)]
pub(super) struct OpenTime {
    /// Ends of the periods in milliseconds, ascending, with the open time up to there.
    marks: Vec<(i64, i64)>,
}

impl OpenTime {
    /// Walks a schedule from one instant to another.
    pub(super) fn of(schedule: &Schedule, from: Timestamp, until: Timestamp) -> Self {
        let (mut at, mut sum) = (from, 0);
        let mut marks = vec![(from.as_millisecond(), 0)];
        while at < until {
            let state = schedule.at(at);
            let next = state.until.unwrap_or(until).min(until);
            if next <= at {
                break;
            }
            if state.open {
                sum += next.as_millisecond() - at.as_millisecond();
            }
            marks.push((next.as_millisecond(), sum));
            at = next;
        }
        Self { marks }
    }

    /// Milliseconds that were open between two instants of the stretch.
    pub(super) fn between(&self, from: Timestamp, until: Timestamp) -> i64 {
        (self.up_to(until.as_millisecond()) - self.up_to(from.as_millisecond())).max(0)
    }

    fn up_to(&self, millis: i64) -> i64 {
        let after = self.marks.partition_point(|(end, _)| *end <= millis);
        let Some((start, sum)) = after.checked_sub(1).and_then(|before| self.marks.get(before)) else { return 0 };
        // Within a period that is open the sum grows as time does.
        let grows = self.marks.get(after).is_some_and(|(_, later)| later > sum);
        sum + if grows { millis - start } else { 0 }
    }
}

/// How long something took on the clock.
pub(super) fn elapsed(from: Timestamp, until: Timestamp) -> i64 {
    let length: SignedDuration = until.duration_since(from);
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::hours::Window;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        // The rank is 50 % of 4, rounded up: the 2nd; 90 % of 4 is 3.6, the 4th.
        assert_eq!((percentile(&[10, 20, 30, 40], 50), percentile(&[10, 20, 30, 40], 90)), (Some(20), Some(40)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 90), percentile(&[], 50)), (Some(7), Some(7), None));
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!((percentile(&ten, 50), percentile(&ten, 90)), (Some(5), Some(9)));
    }

    #[test]
    fn whoever_waits_counts_as_late_only_once_the_target_has_passed() {
        let mut gathered = Gathered::default();
        gathered.add(Length::Took(60_000), Some(120_000));
        gathered.add(Length::Took(120_000), Some(120_000));
        gathered.add(Length::Took(121_000), Some(120_000));
        gathered.add(Length::NotYet(119_000), Some(120_000));
        gathered.add(Length::NotYet(500_000), Some(120_000));
        let waits = gathered.finish();
        assert_eq!((waits.count, waits.waiting, waits.target), (3, 1, Some(120.0)));
        assert_eq!(waits.within, Share { part: 2, whole: 4 });
        let mut mixed = Gathered::default();
        mixed.add(Length::Took(1), Some(120_000));
        mixed.add(Length::Took(1), None);
        mixed.add(Length::Took(1), Some(120_000));
        let mixed = mixed.finish();
        assert_eq!((mixed.target, mixed.within), (None, Share { part: 2, whole: 2 }));
    }

    proptest! {
        #[test]
        fn open_time_is_what_the_schedule_says(first in 0_i64..2_000_000, length in 0_i64..2_000_000) {
            let window: Vec<Window> = vec![Window::parse("09:00-18:00").unwrap(), Window::parse("22:00-02:00").unwrap()];
            let zone = TimeZone::get("Asia/Shanghai").unwrap();
            let shut = Vec::new;
            let weekly = [window.clone(), window.clone(), shut(), shut(), window, shut(), shut()];
            let schedule = Schedule::new(zone, weekly, Vec::new(), BTreeMap::new()).unwrap();
            let from = Timestamp::from_second(1_790_000_000 + first).unwrap();
            let until = Timestamp::from_second(1_790_000_000 + first + length).unwrap();
            let end = Timestamp::from_second(1_795_000_000).unwrap();
            let walked = OpenTime::of(&schedule, Timestamp::from_second(1_790_000_000).unwrap(), end);
            let asked = schedule.open_time_between(from, until).as_millis();
            prop_assert_eq!(i128::from(walked.between(from, until)), asked);
        }
    }
}
