//! Everything that is asked of a schedule about an instant.
//!
//! Owns the mapping of wall time to instants and the questions: state, next opening, open time ahead, open
//! time between. Pure: a query reads no clock and keeps no cache; a caller that asks often may keep a
//! [`State`] until its `until`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::schedule::Schedule;
use super::window::Window;

/// How far a query looks for a change in either direction, in days of 24 hours.
pub const HORIZON_DAYS: i32 = 400;

/// How far ahead [`Schedule::add_open_time`] may end: ten years, in days.
const LONGEST_TARGET_DAYS: i32 = 3660;

type Span = (Timestamp, Timestamp);

/// Open or closed at an instant, and the whole of that period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Whether people are there.
    pub open: bool,
    /// When the current open or closed period began; `None`: more than [`HORIZON_DAYS`] before.
    pub since: Option<Timestamp>,
    /// When it ends, which is the next change; `None`: not within [`HORIZON_DAYS`].
    pub until: Option<Timestamp>,
}

impl Schedule {
    /// Open or closed at `t`, since when and until when.
    ///
    /// Windows that touch or overlap, also across midnight, are one period. At an end it is closed, at a
    /// start open.
    #[must_use]
    pub fn at(&self, t: Timestamp) -> State {
        let (open, until) = self.ahead(t);
        let first = shift(t, -HORIZON_DAYS);
        State { open, since: self.behind(t).filter(|since| *since >= first), until }
    }

    /// Whether people are there at `t`.
    #[must_use]
    pub fn is_open(&self, t: Timestamp) -> bool {
        if let Some(forced) = self.forced_at(t) {
            return forced.open;
        }
        self.constant.unwrap_or_else(|| self.reach(t).is_some())
    }

    /// The first instant at or after `t` at which it is open: `t` itself when open, `None` when that is not
    /// within [`HORIZON_DAYS`].
    #[must_use]
    pub fn next_open(&self, t: Timestamp) -> Option<Timestamp> {
        match self.ahead(t) {
            (true, _) => Some(t),
            (false, next) => next,
        }
    }

    /// The earliest instant by which `duration` of open time has passed since `t`, in real elapsed time.
    ///
    /// A duration that is used up exactly at closing time ends at closing time, not at the next opening; zero
    /// or less ends at `t`. `None` when there is no opening within [`HORIZON_DAYS`] of where the count
    /// stands, or when the end would be more than ten years ahead.
    #[must_use]
    pub fn add_open_time(&self, t: Timestamp, duration: SignedDuration) -> Option<Timestamp> {
        let limit = shift(t, LONGEST_TARGET_DAYS);
        let (mut at, mut left) = (t, duration);
        while left > SignedDuration::ZERO {
            let (open, next) = self.ahead(at);
            let next = if open { next.unwrap_or_else(|| shift(at, HORIZON_DAYS)) } else { next? };
            // Equal only at the end of representable time.
            if next <= at || at > limit {
                return None;
            }
            if open {
                let here = next.duration_since(at);
                if left <= here {
                    return at.checked_add(left).ok().filter(|end| *end <= limit);
                }
                left -= here;
            }
            at = next;
        }
        Some(at)
    }

    /// How much of `[a, b)` is open, in real elapsed time; zero when `b` is not after `a`.
    ///
    /// The work grows with the number of openings in between.
    #[must_use]
    pub fn open_time_between(&self, a: Timestamp, b: Timestamp) -> SignedDuration {
        let (mut at, mut sum) = (a, SignedDuration::ZERO);
        while at < b {
            let (open, next) = self.ahead(at);
            let next = next.unwrap_or_else(|| shift(at, HORIZON_DAYS)).min(b);
            if next <= at {
                break;
            }
            if open {
                sum += next.duration_since(at);
            }
            at = next;
        }
        sum
    }

    /// The instant of a minute of a date (past 1440: of the next day), and whether a gap swallowed that whole
    /// day, as Samoa left out 30 December 2011; `None` at the end of representable time.
    fn resolve(&self, date: Date, minute: u16) -> Option<(Timestamp, bool)> {
        let date = if minute >= 1440 { date.tomorrow().ok()? } else { date };
        let minute = minute % 1440;
        let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
        let found = self.zone().to_ambiguous_timestamp(DateTime::from_parts(date, time));
        let swallowed = matches!(found.offset(), AmbiguousOffset::Gap { before, after }
            if after.seconds() - before.seconds() >= 86_400);
        Some((found.compatible().ok()?, swallowed))
    }

    /// The instants of a window, unless nothing is left of it: both ends in one gap and so out of order, or a
    /// day that did not take place.
    fn span(&self, date: Date, window: Window) -> Option<Span> {
        let (start, swallowed) = self.resolve(date, window.start())?;
        let (end, _) = self.resolve(date, window.end())?;
        (start < end && !swallowed).then_some((start, end))
    }

    /// The spans of all windows that start on a date.
    fn spans(&self, date: Date) -> impl Iterator<Item = Span> + '_ {
        self.windows_on(date).1.iter().filter_map(move |w| self.span(date, *w))
    }

    /// Dates whose windows can touch `t`: a window reaches less than 24 hours past its date, a gap can push
    /// its end one date on, and a fold at midnight can begin a date before the wall shows it.
    fn near(&self, t: Timestamp) -> impl Iterator<Item = Date> + use<> {
        let date = self.date(t);
        let yesterday = date.yesterday().ok();
        let before = yesterday.and_then(|date| date.yesterday().ok());
        [before, yesterday, Some(date), date.tomorrow().ok()].into_iter().flatten()
    }

    fn date(&self, t: Timestamp) -> Date {
        self.zone().to_datetime(t).date()
    }

    /// The windows open at `t`: date, window and span.
    pub(super) fn holding(&self, t: Timestamp) -> impl Iterator<Item = (Date, Window, Span)> + '_ {
        let all = self.near(t).flat_map(move |date| {
            let windows = self.windows_on(date).1.iter();
            windows.filter_map(move |w| self.span(date, *w).map(|span| (date, *w, span)))
        });
        all.filter(move |(_, _, (start, end))| *start <= t && t < *end)
    }

    /// The furthest end of the windows open at `t`; `None` when closed.
    fn reach(&self, t: Timestamp) -> Option<Timestamp> {
        self.holding(t).map(|(_, _, (_, end))| end).max()
    }

    /// Open at `t`, and the next change within the horizon, by week, calendars and exceptions.
    pub(super) fn ahead_by_rule(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        if let Some(open) = self.constant {
            return (open, None);
        }
        let limit = shift(t, HORIZON_DAYS);
        let Some(mut end) = self.reach(t) else {
            return (false, self.next_start(t).filter(|start| *start <= limit));
        };
        while end <= limit {
            let next = self.chain(end, true).or_else(|| self.reach(end));
            let Some(next) = next else { return (true, Some(end)) };
            end = next;
        }
        (true, None)
    }

    /// Open at `t`, and since when, by week, calendars and exceptions.
    pub(super) fn behind_by_rule(&self, t: Timestamp) -> (bool, Option<Timestamp>) {
        if let Some(open) = self.constant {
            return (open, None);
        }
        if self.reach(t).is_some() { (true, self.period_start(t)) } else { (false, self.previous_end(t)) }
    }

    /// The start of the open period that holds `t`; perhaps before the horizon.
    fn period_start(&self, t: Timestamp) -> Option<Timestamp> {
        let limit = shift(t, -HORIZON_DAYS);
        let mut start = self.holding(t).map(|(_, _, (start, _))| start).min()?;
        while start >= limit {
            let back = self.chain(start, false).or_else(|| {
                let all = self.near(start).flat_map(|d| self.spans(d));
                all.filter(|(s, e)| *s < start && start <= *e).map(|(s, _)| s).min()
            });
            let Some(back) = back else { return Some(start) };
            start = back;
        }
        None
    }

    /// From a boundary on over windows that touch on the wall, forwards or backwards; `None` when there is
    /// none. A shortcut only: what touches on the wall touches in time, so the boundaries in between need not
    /// be looked up in the zone.
    fn chain(&self, t: Timestamp, forward: bool) -> Option<Timestamp> {
        let wall = self.zone().to_datetime(t);
        let mut date = wall.date();
        let mut minute = u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        if self.resolve(date, minute)?.0 != t {
            return None;
        }
        let limit =
            if forward { date.saturating_add(HORIZON_DAYS.days()) } else { date.saturating_sub(HORIZON_DAYS.days()) };
        let mut took_place = None;
        while if forward { date <= limit } else { date >= limit } {
            let ends_at =
                |day: Date, end: u16| self.windows_on(day).1.iter().find(|w| w.end() == end).map(|w| (day, *w));
            let next = if forward {
                self.windows_on(date).1.iter().find(|w| w.start() == minute).map(|w| (date, *w))
            } else {
                ends_at(date, minute).or_else(|| ends_at(date.yesterday().ok()?, minute + 1440))
            };
            let Some((day, window)) = next else { break };
            if took_place != Some(day) && self.resolve(day, 0).is_none_or(|(_, swallowed)| swallowed) {
                break;
            }
            took_place = Some(day);
            (date, minute) = match (forward, window.end()) {
                (false, _) => (day, window.start()),
                (true, end @ 1440..) => (day.tomorrow().ok()?, end - 1440),
                (true, end) => (day, end),
            };
        }
        let (end, _) = self.resolve(date, minute)?;
        (if forward { end > t } else { end < t }).then_some(end)
    }

    /// The first start after `t`.
    fn next_start(&self, t: Timestamp) -> Option<Timestamp> {
        let first = self.date(t).saturating_sub(2.days());
        let starts = |date: Date| self.spans(date).map(|(start, _)| start).filter(|start| *start > t).min();
        for date in days(first, |date| date.tomorrow().ok()) {
            if let Some(start) = starts(date) {
                // A start pushed out of a gap before midnight can be later than one of the next date.
                let tomorrow = date.tomorrow().ok().and_then(starts);
                return Some(tomorrow.map_or(start, |other| other.min(start)));
            }
        }
        None
    }

    /// The last end at or before `t`.
    fn previous_end(&self, t: Timestamp) -> Option<Timestamp> {
        let last = self.date(t).saturating_add(1.day());
        let ends = |date: Date| self.spans(date).map(|(_, end)| end).filter(|end| *end <= t).max();
        for date in days(last, |date| date.yesterday().ok()) {
            if let Some(end) = ends(date) {
                // A shift of one of the two dates before may end later than a short window of this one.
                let before = days(date, |date| date.yesterday().ok()).skip(1).take(2).filter_map(ends);
                return before.chain([end]).max();
            }
        }
        None
    }
}

/// The dates of a look-ahead or look-back, with room for the days around its ends.
fn days(from: Date, step: impl FnMut(&Date) -> Option<Date>) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(from), step).take(usize::try_from(HORIZON_DAYS).unwrap_or(0) + 5)
}

/// `t` moved by days of 24 hours, held within representable time.
fn shift(t: Timestamp, days: i32) -> Timestamp {
    let edge = if days < 0 { Timestamp::MIN } else { Timestamp::MAX };
    t.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(edge)
}

#[cfg(test)]
mod tests {
    use super::super::calendar::CalendarDay;
    use super::super::days::{index, parse_days};
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use std::collections::BTreeMap;

    fn windows(texts: &[&str]) -> Vec<Window> {
        texts.iter().map(|text| Window::parse(text).unwrap()).collect()
    }

    fn schedule(
        zone: &str,
        week: &[(&str, &[&str])],
        days: Vec<CalendarDay>,
        exceptions: &[(Date, &[&str])],
    ) -> Schedule {
        let mut weekly: [Vec<Window>; 7] = Default::default();
        for (names, texts) in week {
            for day in parse_days(names).unwrap() {
                weekly[index(day)] = windows(texts);
            }
        }
        let exceptions: BTreeMap<_, _> = exceptions.iter().map(|(date, texts)| (*date, windows(texts))).collect();
        Schedule::new(TimeZone::get(zone).unwrap(), weekly, days, exceptions).unwrap()
    }

    /// The shop of the examples, with the national holiday of 2026.
    fn shop() -> Schedule {
        let day = |date, off| CalendarDay { date, name: "国庆节".into(), off, open_as: None };
        let mut days: Vec<_> = (1..=7).map(|d| day(date(2026, 10, d), true)).collect();
        days.extend([day(date(2026, 9, 20), false), day(date(2026, 10, 10), false)]);
        let exceptions: &[(Date, &[&str])] = &[(date(2026, 12, 31), &["09:00-15:00"]), (date(2027, 1, 4), &[])];
        schedule("Asia/Shanghai", &[("mon-fri", &["09:00-12:00", "13:30-18:00"])], days, exceptions)
    }

    fn nine_to_five() -> Schedule {
        schedule("Europe/London", &[("mon-fri", &["09:00-17:00"])], vec![], &[])
    }

    fn in_zone(schedule: &Schedule, text: &str) -> Timestamp {
        let civil: DateTime = text.parse().unwrap();
        schedule.zone().to_timestamp(civil).unwrap()
    }

    /// "open" or "closed", since and until in wall time.
    fn state(schedule: &Schedule, text: &str) -> String {
        let state = schedule.at(in_zone(schedule, text));
        let wall = |t: Option<Timestamp>| {
            t.map_or("-".to_owned(), |t| schedule.zone().to_datetime(t).strftime("%m-%d %H:%M").to_string())
        };
        format!("{} {} / {}", if state.open { "open" } else { "closed" }, wall(state.since), wall(state.until))
    }

    #[test]
    fn lesson_05_overnight_belongs_to_its_start_day() {
        let friday = schedule("Asia/Shanghai", &[("fri", &["22:00-06:00"]), ("sat", &["10:00-12:00"])], vec![], &[]);
        assert_eq!(state(&friday, "2026-10-17T02:00"), "open 10-16 22:00 / 10-17 06:00");
        assert_eq!(state(&friday, "2026-10-18T02:00"), "closed 10-17 12:00 / 10-23 22:00");
        assert_eq!(state(&friday, "2026-10-16T02:00"), "closed 10-10 12:00 / 10-16 22:00");
    }

    #[test]
    fn lesson_05_a_closed_day_keeps_the_tail_of_the_shift_before() {
        let day = CalendarDay { date: date(2026, 10, 1), name: "国庆节".into(), off: true, open_as: None };
        let nights: &[(&str, &[&str])] = &[("mon-sun", &["22:00-06:00"])];
        for night in [
            schedule("Asia/Shanghai", nights, vec![day], &[]),
            schedule("Asia/Shanghai", nights, vec![], &[(date(2026, 10, 1), &[])]),
        ] {
            assert_eq!(state(&night, "2026-10-01T03:00"), "open 09-30 22:00 / 10-01 06:00");
            assert_eq!(state(&night, "2026-10-01T23:00"), "closed 10-01 06:00 / 10-02 22:00");
            assert_eq!(state(&night, "2026-10-02T03:00"), "closed 10-01 06:00 / 10-02 22:00");
        }
    }

    #[test]
    fn lesson_05_a_tail_joins_the_next_window() {
        let shift = schedule("Asia/Shanghai", &[("mon", &["22:00-06:00"]), ("tue", &["06:00-09:00"])], vec![], &[]);
        assert_eq!(state(&shift, "2026-10-13T05:00"), "open 10-12 22:00 / 10-13 09:00");
        let overlap = schedule(
            "Asia/Shanghai",
            &[("mon", &["22:00-06:00"]), ("tue", &["04:00-05:00", "09:00-10:00"])],
            vec![],
            &[],
        );
        assert_eq!(state(&overlap, "2026-10-13T04:30"), "open 10-12 22:00 / 10-13 06:00");
        assert_eq!(state(&overlap, "2026-10-13T07:00"), "closed 10-13 06:00 / 10-13 09:00");
    }

    #[test]
    fn lesson_06_the_lunch_break_is_closed() {
        let shop = shop();
        assert_eq!(state(&shop, "2026-10-12T12:00"), "closed 10-12 12:00 / 10-12 13:30");
        assert_eq!(state(&shop, "2026-10-12T13:29:59"), "closed 10-12 12:00 / 10-12 13:30");
        assert_eq!(state(&shop, "2026-10-12T13:30"), "open 10-12 13:30 / 10-12 18:00");
    }

    #[test]
    fn lesson_06_and_07_the_national_holiday_of_2026() {
        let shop = shop();
        assert_eq!(state(&shop, "2026-10-01T10:00"), "closed 09-30 18:00 / 10-08 09:00");
        assert_eq!(state(&shop, "2026-10-07T23:59"), "closed 09-30 18:00 / 10-08 09:00");
        assert_eq!(state(&shop, "2026-09-20T10:00"), "open 09-20 09:00 / 09-20 12:00");
        assert_eq!(state(&shop, "2026-10-09T20:15"), "closed 10-09 18:00 / 10-10 09:00");
        assert_eq!(state(&shop, "2026-10-10T18:00"), "closed 10-10 18:00 / 10-12 09:00");
        assert_eq!(state(&shop, "2026-10-17T10:00"), "closed 10-16 18:00 / 10-19 09:00");
    }

    #[test]
    fn lesson_06_an_exception_replaces_that_day_only() {
        let shop = shop();
        assert_eq!(state(&shop, "2026-12-31T12:30"), "open 12-31 09:00 / 12-31 15:00");
        assert_eq!(state(&shop, "2027-01-04T10:00"), "closed 01-01 18:00 / 01-05 09:00");
        let over_holiday = CalendarDay { date: date(2026, 10, 1), name: String::new(), off: true, open_as: None };
        let open = schedule("Asia/Shanghai", &[], vec![over_holiday], &[(date(2026, 10, 1), &["10:00-11:00"])]);
        assert_eq!(state(&open, "2026-10-01T10:30"), "open 10-01 10:00 / 10-01 11:00");
    }

    #[test]
    fn lesson_07_a_make_up_day_opens_as_it_says() {
        let day = |open_as| CalendarDay { date: date(2026, 10, 10), name: String::new(), off: false, open_as };
        let week: &[(&str, &[&str])] = &[("mon", &["09:00-18:00"]), ("fri", &["10:00-16:00"])];
        let monday = schedule("Asia/Shanghai", week, vec![day(None)], &[]);
        assert_eq!(state(&monday, "2026-10-10T09:00"), "open 10-10 09:00 / 10-10 18:00");
        let friday = schedule("Asia/Shanghai", week, vec![day(Some(jiff::civil::Weekday::Friday))], &[]);
        assert_eq!(state(&friday, "2026-10-10T09:00"), "closed 10-09 16:00 / 10-10 10:00");
    }

    #[test]
    fn lesson_08_wall_time_stays_when_the_clocks_change() {
        let london = nine_to_five();
        // Clocks go forward on 29 March 2026 and back on 25 October 2026.
        for (text, utc) in [
            ("2026-03-27T08:00", "2026-03-27T09:00:00Z"),
            ("2026-03-30T08:00", "2026-03-30T08:00:00Z"),
            ("2026-10-26T08:00", "2026-10-26T09:00:00Z"),
        ] {
            assert_eq!(london.next_open(in_zone(&london, text)), Some(utc.parse().unwrap()));
        }
    }

    #[test]
    fn lesson_08_a_gap_moves_a_boundary_forward() {
        // New York: 02:00 to 03:00 does not exist on 8 March 2026.
        let week: &[(&str, &[&str])] = &[("sun", &["02:30-10:00"]), ("mon", &["02:15-02:45"])];
        let york = schedule("America/New_York", week, vec![], &[]);
        assert_eq!(state(&york, "2026-03-08T01:59"), "closed 03-02 02:45 / 03-08 03:30");
        assert_eq!(state(&york, "2026-03-08T03:30"), "open 03-08 03:30 / 03-08 10:00");
        let inside = schedule("America/New_York", &[("sun", &["02:15-02:45"])], vec![], &[]);
        assert_eq!(state(&inside, "2026-03-08T03:20"), "open 03-08 03:15 / 03-08 03:45");
        let out_of_order = schedule("America/New_York", &[("sun", &["02:30-03:00"])], vec![], &[]);
        assert_eq!(state(&out_of_order, "2026-03-08T03:30"), "closed 03-01 03:00 / 03-15 02:30");
        let night = schedule("America/New_York", &[("sat", &["22:00-06:00"])], vec![], &[]);
        let (a, b) = (in_zone(&night, "2026-03-07T00:00"), in_zone(&night, "2026-03-09T00:00"));
        assert_eq!(night.open_time_between(a, b), SignedDuration::from_hours(7));
    }

    #[test]
    fn lesson_08_a_fold_counts_its_first_occurrence() {
        // New York: 01:00 to 02:00 comes twice on 1 November 2026.
        let york = schedule("America/New_York", &[("sun", &["00:30-01:30", "01:45-03:00"])], vec![], &[]);
        let open: Vec<bool> = ["05:29", "05:30", "05:44", "05:45", "06:15", "06:40", "07:59", "08:00"]
            .iter()
            .map(|utc| york.is_open(format!("2026-11-01T{utc}:00Z").parse().unwrap()))
            .collect();
        assert_eq!(open, [true, false, false, true, true, true, true, false]);
        let night = schedule("America/New_York", &[("sat", &["22:00-06:00"])], vec![], &[]);
        let (a, b) = (in_zone(&night, "2026-10-31T00:00"), in_zone(&night, "2026-11-02T00:00"));
        assert_eq!(night.open_time_between(a, b), SignedDuration::from_hours(9));
    }

    #[test]
    fn lesson_08_a_day_that_a_zone_left_out_has_no_windows() {
        // Samoa went from Thursday 29 to Saturday 31 December 2011.
        let apia = schedule("Pacific/Apia", &[("mon-fri", &["09:00-17:00"])], vec![], &[]);
        assert_eq!(state(&apia, "2011-12-31T10:00"), "closed 12-29 17:00 / 01-02 09:00");
        let week: &[(&str, &[&str])] = &[("thu", &["12:00-22:00", "22:00-06:00"]), ("fri", &["06:00-22:00"])];
        let shifts = schedule("Pacific/Apia", week, vec![], &[]);
        assert_eq!(state(&shifts, "2011-12-29T13:00"), "open 12-29 12:00 / 12-31 06:00");
    }

    #[test]
    fn lesson_08_a_gap_before_midnight_keeps_the_next_day_right() {
        // Nuuk: 23:00 to 24:00 does not exist on Saturday 28 March 2026.
        let nuuk = schedule("America/Nuuk", &[("fri", &["23:45-23:30"]), ("sun", &["01:00-02:00"])], vec![], &[]);
        assert_eq!(state(&nuuk, "2026-03-29T00:15"), "open 03-27 23:45 / 03-29 00:30");
        assert_eq!(state(&nuuk, "2026-03-29T00:30"), "closed 03-29 00:30 / 03-29 01:00");
    }

    #[test]
    fn lesson_08_a_start_pushed_past_midnight_is_not_the_first() {
        let week: &[(&str, &[&str])] = &[("sat", &["23:30-02:00"]), ("sun", &["00:00-00:15"])];
        let nuuk = schedule("America/Nuuk", week, vec![], &[]);
        assert_eq!(state(&nuuk, "2026-03-28T22:00"), "closed 03-22 02:00 / 03-29 00:00");
        assert_eq!(state(&nuuk, "2026-03-29T00:20"), "closed 03-29 00:15 / 03-29 00:30");
    }

    #[test]
    fn lesson_08_gaps_of_seconds_are_no_whole_minutes() {
        // London left its local mean time at 00:00 on Wednesday 1 December 1847, 75 seconds forward: 00:01
        // becomes 00:02:15, which a window that ended at 00:02 does not reach.
        let week: &[(&str, &[&str])] = &[("tue", &["22:00-00:02"]), ("wed", &["00:01-06:00"])];
        let london = schedule("Europe/London", week, vec![], &[]);
        assert_eq!(state(&london, "1847-12-01T03:00"), "open 12-01 00:02 / 12-01 06:00");
        assert_eq!(state(&london, "1847-12-01T00:02:10"), "closed 12-01 00:02 / 12-01 00:02");
    }

    #[test]
    fn lesson_09_windows_are_half_open_to_the_nanosecond() {
        let london = nine_to_five();
        let (start, end) = (in_zone(&london, "2026-10-12T09:00"), in_zone(&london, "2026-10-12T17:00"));
        let nano = SignedDuration::from_nanos(1);
        assert_eq!([start - nano, start, end - nano, end].map(|t| london.is_open(t)), [false, true, true, false]);
        assert_eq!(state(&london, "2026-10-12T17:00:00"), "closed 10-12 17:00 / 10-13 09:00");
    }

    #[test]
    fn lesson_09_the_last_minute_of_an_open_day_is_open() {
        let week: &[(&str, &[&str])] = &[("mon-sun", &["00:00-24:00"])];
        let always = schedule("Asia/Shanghai", week, vec![], &[]);
        assert!(always.always_open());
        assert_eq!(state(&always, "2026-10-12T23:59:59.999"), "open - / -");
        let but_one = schedule("Asia/Shanghai", week, vec![], &[(date(2026, 10, 14), &["09:00-24:00"])]);
        assert!(!but_one.always_open());
        assert_eq!(state(&but_one, "2026-10-12T23:59"), "open - / 10-14 00:00");
        assert_eq!(state(&but_one, "2026-10-16T00:00"), "open 10-14 09:00 / -");
    }

    #[test]
    fn lesson_09_shifts_that_touch_are_one_period() {
        let week: &[(&str, &[&str])] = &[("mon-sun", &["06:00-22:00", "22:00-06:00"])];
        let shifts =
            schedule("Europe/London", week, vec![], &[(date(2026, 1, 2), &[]), (date(2026, 12, 25), &["12:00-22:00"])]);
        assert_eq!(state(&shifts, "2026-10-12T22:00"), "open 01-03 06:00 / 12-25 06:00");
        assert_eq!(state(&shifts, "2026-12-25T21:00"), "open 12-25 12:00 / 12-25 22:00");
    }

    #[test]
    fn lesson_10_friday_1630_and_an_hour_is_monday_0930() {
        let london = nine_to_five();
        let friday = in_zone(&london, "2026-10-16T16:30");
        let hours = |n| london.add_open_time(friday, SignedDuration::from_mins(n));
        assert_eq!(hours(60), Some(in_zone(&london, "2026-10-19T09:30")));
        assert_eq!(hours(30), Some(in_zone(&london, "2026-10-16T17:00")), "used up at closing time");
        assert_eq!(hours(30 + 5 * 480), Some(in_zone(&london, "2026-10-23T17:00")));
        assert_eq!(hours(0), Some(friday));
        assert_eq!(hours(-5), Some(friday));
        let saturday = in_zone(&london, "2026-10-17T12:00");
        assert_eq!(
            london.add_open_time(saturday, SignedDuration::from_mins(2)),
            Some(in_zone(&london, "2026-10-19T09:02"))
        );
    }

    #[test]
    fn lesson_10_open_time_between_counts_only_open_time() {
        let london = nine_to_five();
        let (a, b) = (in_zone(&london, "2026-10-16T16:30"), in_zone(&london, "2026-10-19T09:30"));
        assert_eq!(london.open_time_between(a, b), SignedDuration::from_hours(1));
        assert_eq!(london.open_time_between(b, a), SignedDuration::ZERO);
        let (a, b) = (in_zone(&london, "2026-01-01T00:00"), in_zone(&london, "2027-01-01T00:00"));
        assert_eq!(london.open_time_between(a, b), SignedDuration::from_hours(261 * 8));
    }

    #[test]
    fn never_open_is_none_and_long_targets_end() {
        let never = schedule("UTC", &[], vec![], &[]);
        assert!(never.never_open());
        assert_eq!(state(&never, "2026-10-12T10:00"), "closed - / -");
        let t = in_zone(&never, "2026-10-12T10:00");
        assert_eq!((never.next_open(t), never.add_open_time(t, SignedDuration::from_secs(1))), (None, None));
        let far = schedule("UTC", &[], vec![], &[(date(2030, 1, 1), &["09:00-10:00"])]);
        assert_eq!(far.next_open(t), None);
        let until = in_zone(&far, "2031-01-01T00:00");
        assert_eq!(far.open_time_between(t, until), SignedDuration::from_hours(1), "counted past the horizon");
        let always = schedule("UTC", &[("mon-sun", &["00:00-24:00"])], vec![], &[]);
        assert_eq!(
            always.add_open_time(t, SignedDuration::from_hours(24 * 1000)),
            t.checked_add(SignedDuration::from_hours(24 * 1000)).ok()
        );
        for schedule in [always, nine_to_five()] {
            assert_eq!(schedule.add_open_time(t, SignedDuration::MAX), None);
        }
    }

    #[test]
    fn the_edges_of_time_are_no_panic() {
        let kinds = [
            shop(),
            nine_to_five(),
            schedule("America/New_York", &[("mon-sun", &["22:00-06:00"])], vec![], &[(date(2026, 1, 1), &[])]),
        ];
        for schedule in kinds {
            for t in [Timestamp::MIN, Timestamp::MAX] {
                let state = schedule.at(t);
                assert_eq!(state.open, schedule.is_open(t));
                assert!(schedule.explain(t).to_string().contains("closed"));
                let _ = schedule.add_open_time(t, SignedDuration::from_hours(1));
            }
            assert!(schedule.next_open(Timestamp::MIN).is_some());
            assert_eq!(schedule.next_open(Timestamp::MAX), None);
        }
    }
}
