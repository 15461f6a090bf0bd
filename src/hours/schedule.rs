//! Opening hours as a value: the weekly pattern, calendars and exceptions, and which of them rules a day.
//!
//! Owns what a schedule refuses to be built from and the precedence of day kinds, all in wall time;
//! [`super::query`] maps it to instants.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use thiserror::Error;

use super::calendar::CalendarDay;
use super::days::index;
use super::forced::Forced;
use super::window::Window;

/// Why a schedule cannot be built, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Two windows of one day overlap.
    #[error("{day}: the windows {first} and {second} overlap: join them into one or move one of them")]
    Overlap {
        /// A weekday or a date.
        day: String,
        /// The window that starts first.
        first: Window,
        /// The window that starts within it.
        second: Window,
    },
    /// Two calendar entries for one date contradict each other.
    #[error("{date} stands twice in the calendars, as {first} and as {second}: remove one of them")]
    Conflict {
        /// The date.
        date: Date,
        /// The entry met first.
        first: String,
        /// The entry that contradicts it.
        second: String,
    },
    /// A holiday that says how it opens.
    #[error("{date} is a day off with open_as {}: leave open_as out, or set isOffDay to false", weekday_name(*open_as))]
    DayOffOpens {
        /// The date.
        date: Date,
        /// The weekday given.
        open_as: Weekday,
    },
}

/// Why a day has the windows that it has. The first that applies, in this order, decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayKind<'a> {
    /// A dated exception replaces the day's own windows.
    Exception,
    /// A make-up working day of a calendar.
    MakeUp {
        /// The calendar's name for it.
        name: &'a str,
        /// The weekday whose windows it has.
        opens_as: Weekday,
    },
    /// A day off of a calendar.
    Holiday {
        /// The calendar's name for it.
        name: &'a str,
    },
    /// None of these: the weekly pattern.
    Weekly,
}

/// Opening hours in a zone: a weekly pattern, calendars, and dated exceptions.
#[derive(Debug, Clone)]
pub struct Schedule {
    zone: TimeZone,
    weekly: [Vec<Window>; 7],
    days: BTreeMap<Date, CalendarDay>,
    exceptions: BTreeMap<Date, Vec<Window>>,
    /// Always open, never open, or neither.
    pub(super) constant: Option<bool>,
    /// What people said over it: stretches in order that do not overlap.
    pub(super) forced: Vec<Forced>,
}

impl Schedule {
    /// Builds a schedule. `weekly` starts with Monday; an empty list is a closed day.
    ///
    /// The same date may stand in several calendars as long as they agree (the first name is kept).
    ///
    /// # Errors
    /// [`ScheduleError`] when windows of one day overlap, calendars contradict each other, or a day off has
    /// `open_as`.
    pub fn new(
        zone: TimeZone,
        mut weekly: [Vec<Window>; 7],
        days: Vec<CalendarDay>,
        mut exceptions: BTreeMap<Date, Vec<Window>>,
    ) -> Result<Self, ScheduleError> {
        for (day, windows) in Weekday::Monday.cycle_forward().zip(weekly.iter_mut()) {
            sort(windows, || weekday_name(day).to_owned())?;
        }
        for (date, windows) in &mut exceptions {
            sort(windows, || date.to_string())?;
        }
        let mut dated: BTreeMap<Date, CalendarDay> = BTreeMap::new();
        for day in days {
            if let (true, Some(open_as)) = (day.off, day.open_as) {
                return Err(ScheduleError::DayOffOpens { date: day.date, open_as });
            }
            match dated.get(&day.date) {
                Some(known) if (known.off, opens_as(known)) != (day.off, opens_as(&day)) => {
                    let (first, second) = (entry(known), entry(&day));
                    return Err(ScheduleError::Conflict { date: day.date, first, second });
                }
                Some(_) => {}
                None => {
                    dated.insert(day.date, day);
                }
            }
        }
        let mut built = Self { zone, weekly, days: dated, exceptions, constant: None, forced: Vec::new() };
        built.constant = built.find_constant();
        Ok(built)
    }

    /// The zone whose wall time the windows mean.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The windows that start on a date, sorted, and why these.
    #[must_use]
    pub fn windows_on(&self, date: Date) -> (DayKind<'_>, &[Window]) {
        if let Some(windows) = self.exceptions.get(&date) {
            return (DayKind::Exception, windows);
        }
        match self.days.get(&date) {
            Some(day) if day.off => (DayKind::Holiday { name: &day.name }, &[]),
            Some(day) => (DayKind::MakeUp { name: &day.name, opens_as: opens_as(day) }, self.week(opens_as(day))),
            None => (DayKind::Weekly, self.week(date.weekday())),
        }
    }

    /// Whether it never closes, whatever the calendars and exceptions say.
    #[must_use]
    pub fn always_open(&self) -> bool {
        self.constant == Some(true)
    }

    /// Whether it never opens.
    #[must_use]
    pub fn never_open(&self) -> bool {
        self.constant == Some(false)
    }

    /// The years that the calendars know, so that a missing one can be warned of.
    ///
    /// A year of which only 31 December or 1 to 3 January stand there is not known: these days belong to the
    /// New Year holiday in the file of the neighbouring year.
    #[must_use]
    pub fn calendar_years(&self) -> BTreeSet<i16> {
        let spill = |date: &Date| matches!((date.month(), date.day()), (12, 31) | (1, 1..=3));
        self.days.keys().filter(|date| !spill(date)).map(|date| date.year()).collect()
    }

    /// Days from `now` on for which its calendars know the holidays, up to the first year that they do not; below 0 when that has
    /// begun, none without calendars.
    #[must_use]
    pub fn calendar_days(&self, now: Timestamp) -> Option<f64> {
        let years = self.calendar_years();
        let (first, last) = (*years.first()?, *years.last()?);
        let today = now.to_zoned(self.zone.clone()).date().year();
        // A gap in the middle ends it as well as the end does; before the first and after the last there is nothing.
        let end = (today.max(first).min(last)..=last.saturating_add(1)).find(|year| !years.contains(year))?;
        let end = Date::new(end, 1, 1).ok()?.to_zoned(self.zone.clone()).ok()?.timestamp();
        Some(end.duration_since(now).as_secs_f64() / 86_400.0)
    }

    fn week(&self, day: Weekday) -> &[Window] {
        self.weekly.get(index(day)).map_or(&[], Vec::as_slice)
    }

    /// Always open, never open, or neither, in wall time (which decides it for real time too).
    fn find_constant(&self) -> Option<bool> {
        let closed = |windows: &Vec<Window>| windows.is_empty();
        if self.weekly.iter().all(closed) && self.exceptions.values().all(closed) {
            return Some(false);
        }
        let week = Weekday::Monday.cycle_forward().take(7).all(|day| covers(self.week(day.previous()), self.week(day)));
        let covered = |date: Date| {
            let before = date.yesterday().map_or(&[][..], |date| self.windows_on(date).1);
            covers(before, self.windows_on(date).1)
        };
        let dated = || self.days.keys().chain(self.exceptions.keys());
        let around = |date: &Date| covered(*date) && date.tomorrow().map_or(true, covered);
        (week && dated().all(around)).then_some(true)
    }
}

/// Whether yesterday's tails and a day's own windows leave no minute of the day closed.
///
/// A tail must touch the first window: overlapping it, it could leave a hole where a gap moves its end.
fn covers(before: &[Window], own: &[Window]) -> bool {
    let tail = before.iter().map(|w| w.end().saturating_sub(1440)).max().unwrap_or(0);
    own.iter().fold(tail, |covered, w| if w.start() == covered { w.end() } else { covered }) >= 1440
}

/// Sorts the windows of a day and refuses overlaps.
fn sort(windows: &mut [Window], day: impl Fn() -> String) -> Result<(), ScheduleError> {
    windows.sort_unstable();
    match windows.windows(2).find(|pair| matches!(pair, [first, second] if second.start() < first.end())) {
        Some(&[first, second]) => Err(ScheduleError::Overlap { day: day(), first, second }),
        _ => Ok(()),
    }
}

fn opens_as(day: &CalendarDay) -> Weekday {
    day.open_as.unwrap_or(Weekday::Monday)
}

/// A calendar entry in words, for an error.
fn entry(day: &CalendarDay) -> String {
    let what =
        if day.off { "a day off".to_owned() } else { format!("a working day like {}", weekday_name(opens_as(day))) };
    if day.name.is_empty() { what } else { format!("{what} ({})", day.name) }
}

/// The English name of a weekday.
#[must_use]
pub fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn windows(texts: &[&str]) -> Vec<Window> {
        texts.iter().map(|text| Window::parse(text).unwrap()).collect()
    }

    fn day(date: Date, name: &str, off: bool) -> CalendarDay {
        CalendarDay { date, name: name.into(), off, open_as: None }
    }

    /// Every day the same windows.
    fn build(
        texts: &[&str],
        days: Vec<CalendarDay>,
        exceptions: &[(Date, &[&str])],
    ) -> Result<Schedule, ScheduleError> {
        let exceptions = exceptions.iter().map(|(date, texts)| (*date, windows(texts))).collect();
        Schedule::new(TimeZone::UTC, std::array::from_fn(|_| windows(texts)), days, exceptions)
    }

    #[test]
    fn overlaps_name_the_day_and_both_windows() {
        let error = build(&["13:00-18:00", "09:00-13:01"], vec![], &[]).unwrap_err().to_string();
        assert!(error.starts_with("Monday: the windows 09:00-13:01 and 13:00-18:00 overlap"), "{error}");
        let error = build(&[], vec![], &[(date(2026, 12, 31), &["22:00-06:00", "23:00-24:00"])]).unwrap_err();
        assert!(error.to_string().starts_with("2026-12-31: the windows"), "{error}");
        assert!(build(&["09:00-12:00", "12:00-18:00", "22:00-06:00"], vec![], &[]).is_ok(), "touching, and a tail");
    }

    #[test]
    fn calendars_may_repeat_but_not_contradict_each_other() {
        let first = date(2026, 10, 1);
        let both = vec![day(first, "国庆节", true), day(first, "中秋节", true)];
        assert_eq!(build(&[], both, &[]).unwrap().windows_on(first).0, DayKind::Holiday { name: "国庆节" });
        let torn = vec![day(first, "国庆节", true), day(first, "", false)];
        let error = build(&[], torn, &[]).unwrap_err().to_string();
        assert!(error.contains("as a day off (国庆节) and as a working day like Monday"), "{error}");
        let odd = CalendarDay { open_as: Some(Weekday::Sunday), ..day(first, "", true) };
        assert!(build(&[], vec![odd], &[]).unwrap_err().to_string().contains("open_as Sunday"));
    }

    #[test]
    fn lesson_07_years_that_the_calendars_know() {
        let days = [date(2026, 10, 1), date(2027, 1, 1), date(2025, 12, 31), date(2028, 12, 25)];
        let built = build(&[], days.map(|date| day(date, "", true)).to_vec(), &[(date(2030, 5, 1), &[])]).unwrap();
        assert_eq!(built.calendar_years(), BTreeSet::from([2026, 2028]));
        let left = |now: &str| format!("{:.0}", built.calendar_days(now.parse().unwrap()).unwrap());
        // Up to the gap of 2027; and after it up to the end of the last.
        assert_eq!(left("2026-12-31T00:00:00+08:00"), "1");
        assert_eq!(left("2027-01-11T00:00:00+08:00"), "-10");
        assert_eq!(left("2028-12-30T00:00:00+08:00"), "2");
        assert_eq!(left("2029-01-31T00:00:00+08:00"), "-30");
        assert_eq!(build(&[], vec![], &[]).unwrap().calendar_days("2026-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn always_open_knows_tails_and_dated_days() {
        let always =
            |texts: &[&str], exceptions: &[(Date, &[&str])]| build(texts, vec![], exceptions).unwrap().always_open();
        let d = date(2026, 10, 1);
        assert!(always(&["00:00-24:00"], &[]));
        assert!(always(&["00:00-12:00", "12:00-24:00"], &[]));
        assert!(always(&["06:00-22:00", "22:00-06:00"], &[]));
        assert!(!always(&["00:00-23:59"], &[]));
        assert!(!always(&["00:01-24:00"], &[]));
        assert!(!always(&["00:00-24:00"], &[(d, &[])]));
        assert!(always(&["00:00-24:00"], &[(d, &["00:00-24:00"])]));
        assert!(
            !always(&["06:00-22:00", "22:00-06:00"], &[(d, &["06:00-24:00"])]),
            "the morning after is open no more"
        );
        assert!(!build(&["00:00-24:00"], vec![day(d, "", true)], &[]).unwrap().always_open());
        assert!(!build(&[], vec![], &[(d, &["09:00-10:00"])]).unwrap().never_open());
    }
}
