//! Opening hours against two models written apart from them.
//!
//! The first walks real minutes: it tabulates the wall clock of a zone minute by minute, paints every window
//! on that table, and answers all questions by walking it. The second is the `opening-hours` crate, for weekly
//! patterns that do not pass midnight (its shift semantics differ beyond that).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use nightdesk::hours::{CalendarDay, Schedule, Window};
use opening_hours::OpeningHours;
use proptest::prelude::*;

const DAY: i64 = 1440;

/// Days tabulated on either side of the anchor; the outer ones only feed the inner ones.
const SPAN: i64 = 14;

/// Windows as minutes of the day; an end that is not later than the start is on the next day.
type Windows = Vec<(i64, i64)>;

/// Zones with a day on which something happens to their clocks, or nothing.
const PLACES: [(&str, Date); 15] = [
    ("Asia/Shanghai", date(2026, 10, 1)),
    ("Asia/Kolkata", date(2026, 12, 31)),
    ("UTC", date(2028, 2, 29)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    // Half an hour of daylight saving.
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    // A gap from 00:00, and a fold that ends at midnight.
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 29)),
    // A gap and a fold around 23:00.
    ("America/Nuuk", date(2026, 3, 28)),
    ("America/Nuuk", date(2026, 10, 24)),
    // A fold across midnight (00:01 back to 23:01), and a day left out.
    ("America/St_Johns", date(2008, 11, 2)),
    ("Pacific/Apia", date(2011, 12, 30)),
];

#[derive(Debug, Clone)]
struct Plan {
    zone: &'static str,
    anchor: Date,
    weekly: Vec<Windows>,
    /// By days from the anchor: off, or working as the weekday (0 is Monday; `None`: not said).
    #[allow(clippy::option_option, reason = "off, a make-up day, or a make-up day with a weekday of its own")]
    calendar: BTreeMap<i64, Option<Option<usize>>>,
    exceptions: BTreeMap<i64, Windows>,
}

impl Plan {
    fn windows(&self, day: i64) -> Windows {
        let weekday = usize::try_from(self.date(day).weekday().to_monday_zero_offset()).unwrap();
        match (self.exceptions.get(&day), self.calendar.get(&day)) {
            (Some(windows), _) => windows.clone(),
            (None, Some(None)) => vec![],
            (None, Some(Some(like))) => self.weekly[like.unwrap_or(0)].clone(),
            (None, None) => self.weekly[weekday].clone(),
        }
    }

    fn date(&self, day: i64) -> Date {
        self.anchor + day.days()
    }

    fn schedule(&self) -> Schedule {
        let parse = |windows: &Windows| -> Vec<Window> {
            let clock = |m: i64| format!("{:02}:{:02}", m / 60, m % 60);
            windows.iter().map(|(a, b)| Window::parse(&format!("{}-{}", clock(*a), clock(*b))).unwrap()).collect()
        };
        let weekdays: Vec<_> = jiff::civil::Weekday::Monday.cycle_forward().take(7).collect();
        let days = self.calendar.iter().map(|(day, kind)| CalendarDay {
            date: self.date(*day),
            name: String::new(),
            off: kind.is_none(),
            open_as: kind.flatten().map(|like| weekdays[like]),
        });
        let exceptions = self.exceptions.iter().map(|(day, windows)| (self.date(*day), parse(windows))).collect();
        let weekly = std::array::from_fn(|i| parse(&self.weekly[i]));
        Schedule::new(TimeZone::get(self.zone).unwrap(), weekly, days.collect(), exceptions).unwrap()
    }
}

/// The minutes around the anchor, in the order in which they happened: whether each is open.
struct Model {
    first: Timestamp,
    open: Vec<bool>,
}

impl Model {
    fn new(plan: &Plan) -> Self {
        let zone = TimeZone::get(plan.zone).unwrap();
        let midnight = plan.anchor.at(0, 0, 0, 0);
        let first = TimeZone::UTC.to_timestamp(midnight).unwrap() - SignedDuration::from_hours(24 * SPAN);
        // The wall clock of every minute, as minutes from the anchor's 00:00.
        let walls: Vec<i64> = (0..2 * SPAN * DAY)
            .map(|i| zone.to_datetime(first + SignedDuration::from_mins(i)).duration_since(midnight).as_mins())
            .collect();
        let mut occurs = HashMap::new();
        for (i, wall) in walls.iter().enumerate().rev() {
            occurs.insert(*wall, i);
        }
        // Where a wall time happens: its first occurrence; in a gap, as if the old offset still held.
        let happens = |wall: i64| {
            occurs.get(&wall).copied().unwrap_or_else(|| {
                let after = walls.iter().position(|w| *w > wall).unwrap();
                after + usize::try_from(wall - walls[after - 1]).unwrap() - 1
            })
        };
        let mut open = vec![false; walls.len()];
        for day in 3 - SPAN..SPAN - 3 {
            let took_place = (0..DAY).any(|minute| occurs.contains_key(&(day * DAY + minute)));
            for (start, end) in plan.windows(day).into_iter().filter(|_| took_place) {
                let end = if end > start { end } else { end + DAY };
                let (from, to) = (happens(day * DAY + start), happens(day * DAY + end));
                // In a gap the two can come out of order: then nothing is left of the window.
                (from..to).for_each(|i| open[i] = true);
            }
        }
        Self { first, open }
    }

    fn time(&self, i: usize) -> Timestamp {
        self.first + SignedDuration::from_mins(i64::try_from(i).unwrap())
    }

    /// Minutes of which the model is sure: tails from before and starts after lie within the table.
    fn sure() -> std::ops::Range<usize> {
        let at = |day: i64| usize::try_from((SPAN + day) * DAY).unwrap();
        at(6 - SPAN)..at(SPAN - 6)
    }

    fn until(&self, i: usize) -> Option<usize> {
        (i + 1..Self::sure().end).find(|j| self.open[*j] != self.open[i])
    }

    fn since(&self, i: usize) -> Option<usize> {
        (Self::sure().start + 1..=i).rev().find(|j| self.open[*j - 1] != self.open[i])
    }

    /// The first minute by which `minutes` of open time have passed.
    fn add(&self, i: usize, minutes: usize) -> Option<usize> {
        let open = (i..Self::sure().end).filter(|j| self.open[*j]);
        if minutes == 0 { Some(i) } else { open.skip(minutes - 1).map(|j| j + 1).next() }
    }

    fn between(&self, a: usize, b: usize) -> usize {
        self.open[a..b].iter().filter(|open| **open).count()
    }
}

/// Up to three windows that touch at most, in quarters of an hour; half of the time the last passes midnight.
fn windows() -> impl Strategy<Value = Windows> {
    let some =
        (prop::collection::vec(0i64..=96, 2..=6), any::<bool>(), 0i64..96).prop_map(|(mut points, night, tail)| {
            points.sort_unstable();
            let mut windows: Windows =
                points.chunks_exact(2).filter(|p| p[0] < p[1]).map(|p| (p[0] * 15, p[1] * 15)).collect();
            if let (true, Some(last)) = (night, windows.last_mut()) {
                last.1 = tail * 15 % last.0.max(1);
                if last.0 == 0 {
                    *last = (0, DAY);
                }
            }
            windows
        });
    prop_oneof![2 => Just(vec![]), 1 => Just(vec![(0, DAY)]), 5 => some]
}

fn plan() -> impl Strategy<Value = Plan> {
    let calendar = prop::collection::btree_map(-7i64..=7, prop::option::of(prop::option::of(0usize..7)), 0..6);
    let exceptions = prop::collection::btree_map(-7i64..=7, windows(), 0..4);
    (prop::sample::select(&PLACES[..]), prop::collection::vec(windows(), 7), calendar, exceptions)
        .prop_map(|((zone, anchor), weekly, calendar, exceptions)| Plan { zone, anchor, weekly, calendar, exceptions })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_minute_by_minute_model(plan in plan(), seconds in 0i64..60, at in prop::collection::vec(any::<prop::sample::Index>(), 24), minutes in 0usize..1500) {
        let (schedule, model) = (plan.schedule(), Model::new(&plan));
        let sure = Model::sure();
        let mut asked: BTreeSet<usize> = at.iter().map(|i| sure.start + i.index(sure.len())).collect();
        // Around the day on which the clocks change, more closely; and at every change.
        let anchor = usize::try_from(SPAN * DAY).unwrap();
        asked.extend((anchor - 1440..anchor + 2880).step_by(45));
        asked.extend(sure.clone().filter(|i| model.open[*i] != model.open[*i - 1]));
        let within = |t: Timestamp| t > model.time(sure.start) && t < model.time(sure.end);
        for i in asked {
            let t = model.time(i);
            let state = schedule.at(t);
            prop_assert_eq!(state.open, model.open[i], "open at {}", t);
            prop_assert_eq!(schedule.is_open(t), model.open[i]);
            prop_assert_eq!(state.until.filter(|t| within(*t)), model.until(i).map(|j| model.time(j)), "until, at {}", t);
            prop_assert_eq!(state.since.filter(|t| within(*t)), model.since(i).map(|j| model.time(j)), "since, at {}", t);
            let next = if model.open[i] { Some(t) } else { state.until };
            prop_assert_eq!(schedule.next_open(t), next);

            // Within the minute the answer is the same.
            let later = t + SignedDuration::from_secs(seconds);
            prop_assert_eq!(schedule.at(later), state);

            let duration = SignedDuration::from_mins(i64::try_from(minutes).unwrap());
            let end = schedule.add_open_time(t, duration);
            prop_assert_eq!(end.filter(|t| within(*t)), model.add(i, minutes).map(|j| model.time(j)).filter(|t| within(*t)), "{} minutes from {}", minutes, t);
            if let Some(end) = end {
                prop_assert_eq!(schedule.open_time_between(t, end), duration);
            }
            let j = (i + minutes * 3).min(sure.end);
            let open = i64::try_from(model.between(i, j)).unwrap();
            prop_assert_eq!(schedule.open_time_between(t, model.time(j)), SignedDuration::from_mins(open));

            // The explanation agrees with the state, and its windows with the plan.
            let why = schedule.explain(t);
            prop_assert_eq!(why.state, state);
            prop_assert_eq!(matches!(why.because, nightdesk::hours::Because::InWindow { .. }), state.open);
            prop_assert!(!why.to_string().is_empty());
        }
    }

    #[test]
    fn where_clocks_never_change_the_wall_alone_decides(mut plan in plan(), at in prop::collection::vec(0i64..14 * DAY, 40)) {
        (plan.zone, plan.anchor) = ("Asia/Kolkata", date(2026, 10, 15));
        let (schedule, zone) = (plan.schedule(), TimeZone::get("Asia/Kolkata").unwrap());
        for minute in at {
            let (day, minute) = (minute / DAY - 7, minute % DAY);
            let own = plan.windows(day).into_iter().any(|(a, b)| a <= minute && (minute < b || b <= a));
            let tail = plan.windows(day - 1).into_iter().any(|(a, b)| b <= a && minute < b);
            let wall: DateTime = plan.date(day).at(0, 0, 0, 0) + SignedDuration::from_mins(minute);
            prop_assert_eq!(schedule.is_open(zone.to_timestamp(wall).unwrap()), own || tail, "{}", wall);
        }
    }

    #[test]
    fn plain_weeks_are_those_of_the_opening_hours_crate(weekly in prop::collection::vec(windows(), 7), at in prop::collection::vec(0i64..21 * DAY, 24)) {
        let weekly: Vec<Windows> =
            weekly.into_iter().map(|windows| windows.into_iter().filter(|(a, b)| a < b).collect()).collect();
        prop_assume!(weekly.iter().any(|windows| !windows.is_empty()));
        let mut written = String::new();
        for (day, windows) in ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].iter().zip(&weekly) {
            let spans: Vec<_> = windows.iter().map(|(a, b)| format!("{:02}:{:02}-{:02}:{:02}", a / 60, a % 60, b / 60, b % 60)).collect();
            if !spans.is_empty() {
                write!(written, "{}{day} {}", if written.is_empty() { "" } else { "; " }, spans.join(",")).unwrap();
            }
        }
        let theirs: OpeningHours = written.parse().unwrap();
        let anchor = date(2026, 2, 20);
        let plan = Plan { zone: "UTC", anchor, weekly, calendar: BTreeMap::new(), exceptions: BTreeMap::new() };
        let ours = plan.schedule();
        for minute in at {
            let wall = anchor.at(0, 0, 0, 0) + SignedDuration::from_mins(minute);
            let state = ours.at(TimeZone::UTC.to_timestamp(wall).unwrap());
            let asked = wall.to_string();
            prop_assert_eq!(state.open, theirs.is_open(asked.parse().unwrap()), "{} at {}", &written, &asked);
            let until = state.until.map(|t| TimeZone::UTC.to_datetime(t).strftime("%Y-%m-%d %H:%M:%S").to_string());
            let change = theirs.next_change(asked.parse().unwrap()).map(|t| t.to_string());
            prop_assert_eq!(until, change, "{} after {}", &written, &asked);
        }
    }
}
