//! Open or closed by a person's word for a while, whatever the week, the calendars and the exceptions say.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

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

/// What people have said, by name of the schedule.
pub type ForcedHours = BTreeMap<String, Vec<Forced>>;

impl Forced {
    /// Whether it counts at `t`.
    #[must_use]
    pub fn holds(&self, t: Timestamp) -> bool {
        self.from <= t && t < self.until
    }
}

impl Schedule {
    /// The same schedule with what people said, in any order; where two overlap the later beginning counts from there on.
    #[must_use]
    pub fn with_forced(&self, said: &[Forced]) -> Self {
        let mut forced: Vec<Forced> = said.to_vec();
        forced.sort_by_key(|forced| forced.from);
        for at in 1..forced.len() {
            forced[at - 1].until = forced[at - 1].until.min(forced[at].from);
        }
        forced.retain(|forced| forced.from < forced.until);
        let mut schedule = self.clone();
        schedule.forced = forced;
        schedule
    }

    /// What was said about `t`.
    pub(super) fn forced_at(&self, t: Timestamp) -> Option<Forced> {
        self.forced.iter().copied().find(|forced| forced.holds(t))
    }

    /// Open at `t`, and the next change, with what was said.
    pub(super) fn ahead(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        if self.forced.last().is_none_or(|last| last.until <= t) {
            return self.ahead_by_rule(t);
        }
        let (open, mut end) = self.stretch(t);
        // Where the next stretch says the same, it is one period.
        while let Some(at) = end {
            let (then, further) = self.stretch(at);
            if then != open {
                return (open, Some(at));
            }
            end = further;
        }
        (open, None)
    }

    /// Open at `t`, and until when one source says so: a person's word, or the schedule up to the next word.
    fn stretch(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        if let Some(forced) = self.forced_at(t) {
            return (forced.open, Some(forced.until));
        }
        let (open, change) = self.ahead_by_rule(t);
        let said = self.forced.iter().map(|forced| forced.from).find(|from| *from > t);
        (open, change.into_iter().chain(said).min())
    }

    /// The last change before `t` or at it, with what was said.
    pub(super) fn behind(&self, t: Timestamp) -> Option<Timestamp> {
        if self.forced.first().is_none_or(|first| t < first.from) {
            return self.behind_by_rule(t).1;
        }
        let (open, mut start) = self.stretch_behind(t);
        // Where the stretch before says the same, it is one period.
        while let Some(at) = start {
            let Ok(before) = at.checked_sub(SignedDuration::from_nanos(1)) else { return Some(at) };
            let (then, earlier) = self.stretch_behind(before);
            if then != open {
                return Some(at);
            }
            start = earlier;
        }
        None
    }

    /// Open at `t`, and since when one source says so: a person's word, or the schedule after the last word.
    fn stretch_behind(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        if let Some(forced) = self.forced_at(t) {
            return (forced.open, Some(forced.from));
        }
        let (open, change) = self.behind_by_rule(t);
        let said = self.forced.iter().rev().map(|forced| forced.until).find(|until| *until <= t);
        (open, change.into_iter().chain(said).max())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::window::Window;
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-10-{text}:00+08:00").parse().unwrap()
    }

    /// Monday to Friday 9 to 18, in Shanghai. 12 October 2026 is a Monday.
    fn shop(forced: &[(bool, &str, &str)]) -> Schedule {
        let day = || vec![Window::parse("09:00-18:00").unwrap()];
        let weekly = [day(), day(), day(), day(), day(), Vec::new(), Vec::new()];
        let schedule =
            Schedule::new(TimeZone::get("Asia/Shanghai").unwrap(), weekly, Vec::new(), BTreeMap::new()).unwrap();
        let said = |(open, from, until): &(bool, &str, &str)| Forced { open: *open, from: at(from), until: at(until) };
        schedule.with_forced(&forced.iter().map(said).collect::<Vec<_>>())
    }

    #[test]
    fn closed_by_word_in_the_middle_of_the_day() {
        let shop = shop(&[(false, "13T11:00", "13T15:00")]);
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
    fn a_period_began_where_the_word_before_it_ended() {
        // Found by the fuzz target `calendars`: the evening was said to be closed since 18:00, though it was open until 22:00.
        let evening = shop(&[(true, "13T18:00", "13T22:00")]);
        assert_eq!(evening.at(at("13T23:00")).since, Some(at("13T22:00")));
        assert_eq!(evening.at(at("13T19:00")).since, Some(at("13T09:00")), "open without a break");
        let noon = shop(&[(false, "13T11:00", "13T15:00")]);
        assert_eq!(noon.at(at("13T16:00")).since, Some(at("13T15:00")));
    }

    #[test]
    fn closed_by_word_until_after_closing_time_opens_the_next_day() {
        let shop = shop(&[(false, "13T16:00", "13T20:00")]);
        assert_eq!(shop.next_open(at("13T17:00")), Some(at("14T09:00")));
    }

    #[test]
    fn open_by_word_in_the_evening_and_up_to_opening_time() {
        let evening = shop(&[(true, "13T19:00", "13T22:00")]);
        assert_eq!(evening.next_open(at("13T18:30")), Some(at("13T19:00")));
        assert_eq!(evening.at(at("13T20:00")).until, Some(at("13T22:00")));
        let night = shop(&[(true, "13T17:00", "14T09:00")]);
        assert_eq!(night.at(at("13T10:00")).until, Some(at("14T18:00")), "one period with the days around it");
    }

    #[test]
    fn what_was_said_before_still_counts_for_the_past() {
        // Closed at eleven, at one it is opened again: a target that began in between has not run meanwhile.
        let shop = shop(&[(false, "13T11:00", "13T13:00"), (true, "13T13:00", "13T20:00")]);
        assert_eq!(shop.add_open_time(at("13T11:05"), SignedDuration::from_mins(2)), Some(at("13T13:02")));
        assert_eq!(shop.at(at("13T14:00")).until, Some(at("13T20:00")));
    }

    proptest! {
        /// Against the plain reading: what was said where it was said, the schedule everywhere else, minute by minute.
        #[test]
        fn it_is_open_when_it_was_said_and_else_by_the_schedule(open: bool, from in 0_i64..3_000, length in 1_i64..1_500, second in 1_i64..2_500) {
            let start = at("12T00:00");
            let minute = |n: i64| start + SignedDuration::from_mins(n);
            let base = shop(&[]);
            let forced = base.with_forced(&[
                Forced { open, from: minute(from), until: minute(from + length) },
                Forced { open: !open, from: minute(from + second), until: minute(from + second + length) },
            ]);
            let told = |n: i64| {
                if (from + second..from + second + length).contains(&n) {
                    !open
                } else if (from..from + length).contains(&n) {
                    open
                } else {
                    base.is_open(minute(n))
                }
            };
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
