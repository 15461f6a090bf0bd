//! Any opening hours, calendars and forced hours: what they say of an instant holds together.
//!
//! A line is `zone NAME`, `mon WINDOW …` (and the other days), `on DATE WINDOW …`, `open`/`closed FROM UNTIL`, or `at INSTANT`;
//! what follows a line `---` is a calendar, as JSON or iCalendar.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use nightdesk::hours::{self, Forced, Schedule, Window};

use super::instant;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// An instant within the years that are looked at.
const NEAR: &str = "2026-10-14T10:00:00+08:00";
const SECOND: SignedDuration = SignedDuration::from_secs(1);

pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (lines, calendar) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let (mut zone, mut weekly, mut exceptions) = (TimeZone::UTC, [const { Vec::new() }; 7], BTreeMap::new());
    let (mut forced, mut instants) = (Vec::new(), vec![instant(NEAR)]);
    for line in lines.lines().take(40) {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.take(8).collect();
        let windows =
            |words: &[&str]| words.iter().filter_map(|word| Window::parse(word).ok()).collect::<Vec<Window>>();
        let _ = (hours::parse_days(first), hours::parse_day(first));
        match (first, rest.as_slice()) {
            ("zone", [name]) => zone = TimeZone::get(name).unwrap_or(TimeZone::UTC),
            ("on", [date, rest @ ..]) => {
                if let Ok(date) = date.parse() {
                    exceptions.insert(date, windows(rest));
                }
            }
            ("open" | "closed", [from, until]) => {
                if let (Ok(from), Ok(until)) = (from.parse::<Timestamp>(), until.parse::<Timestamp>())
                    && from < until
                {
                    forced.push(Forced { open: first == "open", from, until });
                }
            }
            ("at", [at]) => instants.extend(at.parse::<Timestamp>().ok().filter(|_| instants.len() < 4)),
            (day, words) => {
                if let Some(index) = DAYS.iter().position(|known| *known == day) {
                    weekly[index] = windows(words);
                }
            }
        }
    }
    let days = match calendar.trim_start().as_bytes().first() {
        Some(b'[' | b'{') => hours::parse_json(calendar).unwrap_or_default(),
        _ => hours::parse_ical(calendar).unwrap_or_default(),
    };
    let Ok(schedule) = Schedule::new(zone, weekly, days, exceptions) else { return };
    let schedule = schedule.with_forced(&forced);
    for at in instants {
        holds_together(&schedule, at);
    }
}

fn holds_together(schedule: &Schedule, t: Timestamp) {
    let state = schedule.at(t);
    assert_eq!(state.open, schedule.is_open(t), "two answers at {t}");
    let explained = schedule.explain(t);
    assert_eq!(explained.state, state);
    assert!(!explained.to_string().is_empty());
    assert!(state.since.is_none_or(|since| since <= t) && state.until.is_none_or(|until| t < until), "{t}: {state:?}");
    if let Some(until) = state.until {
        assert_ne!(schedule.is_open(until), state.open, "it changes at {until}");
        assert_eq!(schedule.is_open(until - SECOND.min(until.duration_since(t))), state.open, "and not before {until}");
    }
    if let Some(since) = state.since {
        assert_eq!(schedule.is_open(since), state.open, "since {since}");
        assert_ne!(schedule.is_open(since - SignedDuration::from_nanos(1)), state.open, "and not before {since}");
    }
    match schedule.next_open(t) {
        Some(next) => {
            assert!(t <= next && schedule.is_open(next), "{next} after {t} is said to be open");
            assert_eq!(next == t, state.open);
            for zone in [TimeZone::UTC, schedule.zone().clone()] {
                let said =
                    [hours::say(next, t, &zone, "zh"), hours::say(next, t, &zone, "en"), hours::iso(next, &zone)];
                assert!(said.iter().all(|said| !said.is_empty()), "{said:?}");
            }
        }
        None => assert!(!state.open),
    }
    for minutes in [1, 30, 60 * 24] {
        let wanted = SignedDuration::from_mins(minutes);
        if let Some(end) = schedule.add_open_time(t, wanted) {
            assert!(end > t);
            assert_eq!(schedule.open_time_between(t, end), wanted, "{minutes} open minutes from {t} to {end}");
        }
    }
    assert!(schedule.open_time_between(t, t) == SignedDuration::ZERO);
}
