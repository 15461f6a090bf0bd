//! Open or closed by a person's word for a while, whatever the week, the calendars and the exceptions say.

use jiff::Timestamp;

use super::query::State;
use super::schedule::Schedule;

/// A stretch of time in which a schedule is open, or closed, because somebody said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    /// Open or closed.
    pub open: bool,
    /// When it begins.
    pub from: Timestamp,
    /// When the schedule counts again.
    pub until: Timestamp,
}

impl Forced {
    /// Whether it counts at `t`.
    #[must_use]
    pub fn holds(&self, t: Timestamp) -> bool {
        self.from <= t && t < self.until
    }
}

impl Schedule {
    /// The same schedule with what was said last, or with nothing said.
    #[must_use]
    pub fn with_forced(&self, forced: Option<Forced>) -> Self {
        let mut schedule = self.clone();
        schedule.forced = forced.filter(|forced| forced.from < forced.until);
        schedule
    }

    /// Open at `t`, and the next change, with what was said.
    pub(super) fn ahead(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        let Some(forced) = self.forced.filter(|forced| t < forced.until) else { return self.ahead_by_rule(t) };
        // Where the schedule says the same as what was said, it is one period.
        let after = |open: bool| {
            let (then, change) = self.ahead_by_rule(forced.until);
            if then == open { change } else { Some(forced.until) }
        };
        if forced.holds(t) {
            return (forced.open, after(forced.open));
        }
        match self.ahead_by_rule(t) {
            (open, Some(change)) if change < forced.from => (open, Some(change)),
            (open, Some(change)) if change == forced.from && open != forced.open => (open, Some(change)),
            (open, _) if open == forced.open => (open, after(open)),
            (open, _) => (open, Some(forced.from)),
        }
    }

    /// The state at `t` while something was said, with the beginning and the end of it.
    pub(super) fn forced_state(&self, t: Timestamp) -> Option<State> {
        let forced = self.forced.filter(|forced| forced.holds(t))?;
        Some(State { open: forced.open, since: Some(forced.from), until: self.ahead(t).1 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::window::Window;
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-10-{text}:00+08:00").parse().unwrap()
    }

    /// Monday to Friday 9 to 18, in Shanghai. 12 October 2026 is a Monday.
    fn shop(forced: Option<(bool, &str, &str)>) -> Schedule {
        let day = || vec![Window::parse("09:00-18:00").unwrap()];
        let weekly = [day(), day(), day(), day(), day(), Vec::new(), Vec::new()];
        let schedule =
            Schedule::new(TimeZone::get("Asia/Shanghai").unwrap(), weekly, Vec::new(), BTreeMap::new()).unwrap();
        schedule.with_forced(forced.map(|(open, from, until)| Forced { open, from: at(from), until: at(until) }))
    }

    #[test]
    fn closed_by_word_in_the_middle_of_the_day() {
        let shop = shop(Some((false, "13T11:00", "13T15:00")));
        assert!(shop.is_open(at("13T10:59")));
        assert!(!shop.is_open(at("13T11:00")));
        assert_eq!(shop.next_open(at("13T12:00")), Some(at("13T15:00")));
        assert_eq!(shop.at(at("13T10:00")).until, Some(at("13T11:00")));
        let state = shop.at(at("13T12:00"));
        assert_eq!((state.open, state.since, state.until), (false, Some(at("13T11:00")), Some(at("13T15:00"))));
        // Two hours of open time from 10:00 on: one before the break, one after it.
        assert_eq!(shop.add_open_time(at("13T10:00"), SignedDuration::from_hours(2)), Some(at("13T16:00")));
    }

    #[test]
    fn closed_by_word_until_after_closing_time_opens_the_next_day() {
        let shop = shop(Some((false, "13T16:00", "13T20:00")));
        assert_eq!(shop.next_open(at("13T17:00")), Some(at("14T09:00")));
    }

    #[test]
    fn open_by_word_in_the_evening_and_up_to_opening_time() {
        let evening = shop(Some((true, "13T19:00", "13T22:00")));
        assert_eq!(evening.next_open(at("13T18:30")), Some(at("13T19:00")));
        assert_eq!(evening.at(at("13T20:00")).until, Some(at("13T22:00")));
        let night = shop(Some((true, "13T17:00", "14T09:00")));
        assert_eq!(night.at(at("13T10:00")).until, Some(at("14T18:00")), "one period with the days around it");
    }

    proptest! {
        /// Against the plain reading: what was said where it was said, the schedule everywhere else, minute by minute.
        #[test]
        fn it_is_open_when_it_was_said_and_else_by_the_schedule(open: bool, from in 0_i64..4_000, length in 1_i64..3_000) {
            let start = at("12T00:00");
            let minute = |n: i64| start + SignedDuration::from_mins(n);
            let base = shop(None);
            let forced = base.with_forced(Some(Forced { open, from: minute(from), until: minute(from + length) }));
            let told = |n: i64| if (from..from + length).contains(&n) { open } else { base.is_open(minute(n)) };
            let mut next = None;
            for n in (0..7_500).rev() {
                let now = told(n);
                if n < 7_400 && told(n + 1) != now {
                    next = Some(minute(n + 1));
                }
                if n < 7_000 {
                    prop_assert_eq!(forced.is_open(minute(n)), now);
                    if n % 97 == 0 && next.is_some() {
                        prop_assert_eq!(forced.at(minute(n)).until, next, "{}", n);
                    }
                }
            }
        }
    }
}
