//! Why it is open or closed, as a value and in plain words, for `hours explain` and the trace.

use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use super::query::{HORIZON_DAYS, State};
use super::schedule::{DayKind, Schedule, weekday_name};
use super::window::Window;

/// What decided between open and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Open: this window holds the instant; `day` is the date on which it started, perhaps yesterday.
    InWindow {
        /// The date on which the window started.
        day: Date,
        /// The window.
        window: Window,
    },
    /// Closed: no window starts on this day.
    NoWindows,
    /// Closed: the day has windows, none holds the instant.
    OutsideWindows,
}

/// Everything that [`Schedule::explain`] knows about an instant. Its `Display` is three sentences of English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The instant, in the schedule's zone.
    pub at: Zoned,
    /// Why the date of `at` has the windows that it has.
    pub kind: DayKind<'a>,
    /// The windows that start on that date.
    pub windows: &'a [Window],
    /// What decided.
    pub because: Because,
    /// Open or closed, and the bounds of the period.
    pub state: State,
}

impl Schedule {
    /// Explains the state at `t`.
    #[must_use]
    pub fn explain(&self, t: Timestamp) -> Explanation<'_> {
        let at = t.to_zoned(self.zone().clone());
        let (kind, windows) = self.windows_on(at.date());
        let because = match self.holding(t).max_by_key(|(_, _, (start, _))| *start) {
            Some((day, window, _)) => Because::InWindow { day, window },
            None if windows.is_empty() => Because::NoWindows,
            None => Because::OutsideWindows,
        };
        Explanation { kind, windows, because, state: self.at(t), at }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.at.date();
        let zone = self.at.time_zone().iana_name().unwrap_or("a zone without a name");
        write!(f, "{} ({}, {zone}): ", minute(&self.at), self.at.strftime("%:z"))?;
        match self.because {
            Because::InWindow { day, window } if day == date => write!(f, "open, in the window {window}.")?,
            Because::InWindow { day, window } => {
                write!(f, "open, in the window {window} that started on {} {day}.", weekday_name(day.weekday()))?;
            }
            Because::NoWindows => write!(f, "closed, no window starts on this day.")?,
            Because::OutsideWindows => write!(f, "closed, outside the windows of the day.")?,
        }
        let called = |name: &str| if name.is_empty() { String::new() } else { format!(" ({name})") };
        write!(f, "\n{date} ")?;
        match self.kind {
            DayKind::Exception => write!(f, "is an exception")?,
            DayKind::MakeUp { name: called_so, opens_as } => {
                write!(
                    f,
                    "is a make-up working day{} that opens like a {}",
                    called(called_so),
                    weekday_name(opens_as)
                )?;
            }
            DayKind::Holiday { name } => write!(f, "is a day off{}", called(name))?,
            DayKind::Weekly => write!(f, "follows the weekly pattern, as a {}", weekday_name(date.weekday()))?,
        }
        if self.windows.is_empty() {
            write!(f, ": no windows.")?;
        } else {
            let list: Vec<_> = self.windows.iter().map(ToString::to_string).collect();
            write!(f, ": {}.", list.join(", "))?;
        }
        let change = if self.state.open { "Closes" } else { "Opens" };
        match self.state.until {
            Some(until) => write!(f, "\n{change} {}.", minute(&until.to_zoned(self.at.time_zone().clone()))),
            None => write!(f, "\n{change} not within {HORIZON_DAYS} days."),
        }
    }
}

/// "Saturday 2026-10-10 09:30".
fn minute(at: &Zoned) -> String {
    format!("{} {}", weekday_name(at.weekday()), at.strftime("%Y-%m-%d %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::super::calendar::CalendarDay;
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    #[test]
    fn says_what_decided() {
        let windows = |texts: &[&str]| -> Vec<Window> { texts.iter().map(|t| Window::parse(t).unwrap()).collect() };
        let mut weekly: [Vec<Window>; 7] = std::array::from_fn(|_| windows(&["09:00-12:00", "13:30-18:00"]));
        weekly[4] = windows(&["22:00-06:00"]);
        weekly[5] = vec![];
        let day = |date, off| CalendarDay { date, name: "国庆节".into(), off, open_as: None };
        let days = vec![day(date(2026, 10, 1), true), day(date(2026, 10, 10), false)];
        let exceptions = [(date(2026, 12, 31), windows(&["09:00-15:00"]))].into();
        let schedule = Schedule::new(TimeZone::get("Asia/Shanghai").unwrap(), weekly, days, exceptions).unwrap();
        for (at, said) in [
            (
                "2026-10-10T03:00:00+08:00",
                "Saturday 2026-10-10 03:00 (+08:00, Asia/Shanghai): open, in the window 22:00-06:00 that started on Friday 2026-10-09.\n2026-10-10 is a make-up working day (国庆节) that opens like a Monday: 09:00-12:00, 13:30-18:00.\nCloses Saturday 2026-10-10 06:00.",
            ),
            (
                "2026-10-01T10:00:00+08:00",
                "Thursday 2026-10-01 10:00 (+08:00, Asia/Shanghai): closed, no window starts on this day.\n2026-10-01 is a day off (国庆节): no windows.\nOpens Friday 2026-10-02 22:00.",
            ),
            (
                "2026-10-12T12:30:00+08:00",
                "Monday 2026-10-12 12:30 (+08:00, Asia/Shanghai): closed, outside the windows of the day.\n2026-10-12 follows the weekly pattern, as a Monday: 09:00-12:00, 13:30-18:00.\nOpens Monday 2026-10-12 13:30.",
            ),
            (
                "2026-12-31T09:00:00+08:00",
                "Thursday 2026-12-31 09:00 (+08:00, Asia/Shanghai): open, in the window 09:00-15:00.\n2026-12-31 is an exception: 09:00-15:00.\nCloses Thursday 2026-12-31 15:00.",
            ),
        ] {
            assert_eq!(schedule.explain(at.parse().unwrap()).to_string(), said);
        }
        let never = Schedule::new(TimeZone::UTC, Default::default(), vec![], [].into()).unwrap();
        let said = never.explain(Timestamp::UNIX_EPOCH).to_string();
        assert!(said.ends_with("no windows.\nOpens not within 400 days."), "{said}");
    }
}
