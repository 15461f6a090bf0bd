//! iCal calendars (RFC 5545): whole-day events as days off and make-up working days.
//!
//! Owns which events count and how a make-up day is told from a holiday. Lines are unfolded and split by the
//! `ical` crate, one at a time, so that each keeps its number; properties that we do not read may be as
//! malformed as they like. Refuses what would have to be guessed: times of day and repeating events.

use std::collections::HashMap;

use ical::line::LineReader;
use ical::property::{Property, PropertyParser};
use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::calendar::{CalendarDay, CalendarError};

/// The longest event, in days; a longer one is a slip of the pen.
const LONGEST: i32 = 366;

/// Properties of an event that are read; the first of each name counts.
const READ: [&str; 9] =
    ["DTSTART", "DTEND", "DURATION", "SUMMARY", "DESCRIPTION", "CATEGORIES", "STATUS", "RRULE", "X-APPLE-SPECIAL-DAY"];

/// Reads an iCal calendar: every whole-day event is a day off, or a make-up working day if it says so.
///
/// `DTEND` is exclusive; without it an event lasts one day. A make-up day is one whose
/// `X-APPLE-SPECIAL-DAY` is `ALTERNATE-WORKDAY`, or whose summary or category says 班 (上班, 补班, 调班) or
/// "workday". Once one event has that property, events without it are festivals on which people work, and
/// are left out; so are cancelled events and those described as observances.
///
/// # Errors
/// [`CalendarError::Ical`] with the line: not an iCal file, cut off, no or a bad date, a time of day, a
/// repeating event, an end that is not after the start.
pub fn parse_ical(text: &str) -> Result<Vec<CalendarDay>, CalendarError> {
    let events = events(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let marked = events.iter().any(|e| e.get("X-APPLE-SPECIAL-DAY").is_some_and(is_work_mark));
    let mut days = Vec::new();
    for event in &events {
        if let Some(off) = event.is_off(marked) {
            event.push_days(off, &mut days)?;
        }
    }
    Ok(days)
}

fn is_work_mark(value: &str) -> bool {
    ["WORK-HOLIDAY", "ALTERNATE-WORKDAY"].iter().any(|mark| value.eq_ignore_ascii_case(mark))
}

fn error(line: usize, message: impl Into<String>) -> CalendarError {
    CalendarError::Ical { line, message: message.into() }
}

/// A value and the line on which it stands.
struct Value {
    text: String,
    line: usize,
}

/// One VEVENT: what was read of it.
struct Event {
    line: usize,
    values: HashMap<&'static str, Value>,
}

fn events(text: &str) -> Result<Vec<Event>, CalendarError> {
    let mut events: Vec<Event> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut closed = false;
    let mut last = 1;
    for line in LineReader::new(text.as_bytes()) {
        last = line.number();
        let Some(Ok(Property { name, value, .. })) = PropertyParser::from_reader(line.as_str().as_bytes()).next()
        else {
            continue;
        };
        let (name, value) = (name.to_ascii_uppercase(), value.unwrap_or_default());
        match name.as_str() {
            "BEGIN" => {
                let part = value.trim().to_ascii_uppercase();
                if part == "VEVENT" {
                    events.push(Event { line: last, values: HashMap::new() });
                }
                open.push(part);
            }
            "END" => {
                let part = value.trim().to_ascii_uppercase();
                if open.pop().as_ref() != Some(&part) {
                    return Err(error(
                        last,
                        format!("END:{part} closes nothing that is open: fetch the calendar again, it is damaged"),
                    ));
                }
                closed |= part == "VCALENDAR";
            }
            // An alarm inside an event has a summary and a duration of its own.
            other if open.last().is_some_and(|part| part == "VEVENT") => {
                let known = READ.iter().find(|known| **known == other);
                if let (Some(known), Some(event)) = (known, events.last_mut()) {
                    event.values.entry(known).or_insert(Value { text: plain(&value), line: last });
                }
            }
            _ => {}
        }
    }
    if !closed {
        return Err(error(
            last,
            "the file does not end with END:VCALENDAR: it is cut off or is no iCal calendar, fetch it again",
        ));
    }
    Ok(events)
}

impl Event {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|v| v.text.as_str())
    }

    /// Off, a working day (false), or neither (`None`).
    fn is_off(&self, marked: bool) -> Option<bool> {
        if self.get("STATUS").is_some_and(|s| s.eq_ignore_ascii_case("CANCELLED")) {
            return None;
        }
        if marked {
            let mark = self.get("X-APPLE-SPECIAL-DAY").filter(|mark| is_work_mark(mark))?;
            return Some(mark.eq_ignore_ascii_case("WORK-HOLIDAY"));
        }
        // Public feeds describe a festival on which people work with one of these words.
        let note = self.get("DESCRIPTION").unwrap_or_default();
        if ["Observance", "纪念日", "紀念日"].iter().any(|word| note.starts_with(word)) {
            return None;
        }
        Some(!["SUMMARY", "CATEGORIES"].iter().any(|name| self.get(name).is_some_and(says_work)))
    }

    fn push_days(&self, off: bool, days: &mut Vec<CalendarDay>) -> Result<(), CalendarError> {
        if let Some(rule) = self.values.get("RRULE") {
            return Err(error(
                rule.line,
                "a repeating event: holidays move from year to year, so write one event for each year",
            ));
        }
        let start = self.values.get("DTSTART");
        let start = start
            .ok_or_else(|| error(self.line, "the event has no DTSTART: add the day, as DTSTART;VALUE=DATE:20261001"))?;
        let first = day(start)?;
        let (end, at) = match (self.values.get("DTEND"), self.values.get("DURATION")) {
            (Some(end), _) => (day(end)?, end.line),
            (None, Some(length)) => {
                let end =
                    length.text.trim().parse::<Span>().ok().filter(|s| s.get_hours() == 0 && s.get_minutes() == 0);
                let end = end.and_then(|span| first.checked_add(span).ok());
                (
                    end.ok_or_else(|| {
                        error(length.line, format!("\"{}\" is not a number of days: write it as P7D", length.text))
                    })?,
                    length.line,
                )
            }
            (None, None) => (first.saturating_add(1.day()), start.line),
        };
        let length = (end - first).get_days();
        if length < 1 {
            return Err(error(at, "the event ends before it has begun: DTEND is the day after its last day"));
        }
        if length > LONGEST {
            return Err(error(at, format!("the event lasts {length} days, more than a year: correct its end")));
        }
        let name = self.get("SUMMARY").unwrap_or_default().trim();
        let dates = first.series(1.day()).take_while(|date| *date < end);
        days.extend(dates.map(|date| CalendarDay { date, name: name.to_owned(), off, open_as: None }));
        Ok(())
    }
}

/// The day of a DATE, or of a local DATE-TIME at midnight, which some programs write for whole days.
fn day(value: &Value) -> Result<Date, CalendarError> {
    let text = value.text.trim();
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
    if time.is_some_and(|time| time != "000000") {
        return Err(error(
            value.line,
            format!(
                "\"{text}\" has a time of day: a calendar opens or closes whole days, write DTSTART;VALUE=DATE:20261001, and shorter hours as an exception"
            ),
        ));
    }
    Date::strptime("%Y%m%d", date)
        .ok()
        .filter(|_| date.len() == 8)
        .ok_or_else(|| error(value.line, format!("\"{text}\" is not a date: write it as 20261001")))
}

/// Whether a summary or a category means that people work on this day.
fn says_work(text: &str) -> bool {
    // Spain (西班牙) has holidays too; a suspended workday (停班, 不上班) is a day off.
    let text = text.replace("西班牙", "").to_lowercase();
    let rest = ["不上班", "不用上班", "无需上班", "停班", "免上班", "non-work", "nonwork", "no work", "not a work"];
    let work = ["班", "workday", "work day", "working day"];
    !rest.iter().any(|w| text.contains(w)) && work.iter().any(|w| text.contains(w))
}

/// A TEXT value without its escapes (RFC 5545 §3.3.11).
fn plain(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => out.push(' '),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn file(events: &[&str]) -> String {
        let event = |e: &&str| format!("BEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\n", e.replace('\n', "\r\n"));
        let body = events.iter().map(event).collect::<Vec<_>>().concat();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n")
    }

    fn shown(text: &str) -> Vec<String> {
        let days = parse_ical(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        days.iter().map(|d| format!("{} {} {}", d.date, d.name, if d.off { "off" } else { "work" })).collect()
    }

    #[test]
    fn lesson_07_national_day_2026_with_its_make_up_days() {
        let text = file(&[
            "SUMMARY:国庆节假期\nDTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20261008\nUID:a",
            "SUMMARY:上班(补国庆节假期)\nDTSTART;VALUE=DATE:20260920\nDTEND;VALUE=DATE:20260921",
            "SUMMARY:国庆节（班）\nDTSTART;VALUE=DATE:20261010",
        ]);
        let days = parse_ical(&text).unwrap();
        let off: Vec<_> = days.iter().filter(|d| d.off).map(|d| d.date).collect();
        assert_eq!(off, (1..=7).map(|d| date(2026, 10, d)).collect::<Vec<_>>());
        let on: Vec<_> = days.iter().filter(|d| !d.off).map(|d| d.date).collect();
        assert_eq!(on, [date(2026, 9, 20), date(2026, 10, 10)]);
    }

    #[test]
    fn how_make_up_days_are_written() {
        for summary in ["补班", "国庆节 补班", "班｜国庆节", "調休 補行上班日", "Special Working Day"]
        {
            assert!(says_work(summary), "{summary}");
        }
        for summary in [
            "国庆节",
            "中秋节（休）",
            "颱風停班停課",
            "西班牙国庆日",
            "Non-working day",
            "Labour Day",
            "International Workers' Day",
        ] {
            assert!(!says_work(summary), "{summary}");
        }
        let text = file(&["SUMMARY:清明调休\nCATEGORIES:上班\nDTSTART;VALUE=DATE:20260406"]);
        assert_eq!(shown(&text), ["2026-04-06 清明调休 work"]);
    }

    #[test]
    fn the_special_day_property_wins_and_drops_mere_festivals() {
        let text = file(&[
            "SUMMARY:元旦（休）\nDTSTART;VALUE=DATE:20260101\nX-APPLE-SPECIAL-DAY:WORK-HOLIDAY",
            "SUMMARY:元旦\nDTSTART;VALUE=DATE:20260104\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY",
            "SUMMARY:妇女节\nDTSTART;VALUE=DATE:20260308\nRRULE:FREQ=YEARLY",
        ]);
        assert_eq!(shown(&text), ["2026-01-01 元旦（休） off", "2026-01-04 元旦 work"]);
    }

    #[test]
    fn cancelled_and_observed_days_are_no_holidays() {
        let text = file(&[
            "SUMMARY:a\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20260101",
            "SUMMARY:b\nDESCRIPTION:Observance\\nTo hide\nDTSTART;VALUE=DATE:20260308",
            "SUMMARY:c\nDESCRIPTION:Public holiday\nDTSTART;VALUE=DATE:20260501",
        ]);
        assert_eq!(shown(&text), ["2026-05-01 c off"]);
    }

    #[test]
    fn folded_lines_escapes_durations_midnights_and_alarms() {
        let text = file(&[
            "SUMMARY:Christmas\\, and\n  Boxing Day\nDTSTART;TZID=\"Europe/London\":20261225T000000\nDURATION:P2D\nBEGIN:VALARM\nSUMMARY:no\nDURATION:PT15M\nEND:VALARM\nDESCRIPTION;ALTREP:broken",
        ]);
        // The space before the fold belongs to neither line for this reader.
        assert_eq!(
            shown(&text),
            ["2026-12-25 Christmas, and Boxing Day off", "2026-12-26 Christmas, and Boxing Day off"]
        );
    }

    #[test]
    fn mistakes_carry_their_line() {
        for (event, line, part) in [
            ("SUMMARY:x", 3, "has no DTSTART"),
            ("DTSTART;VALUE=DATE:2026-10-01", 4, "is not a date"),
            ("DTSTART;VALUE=DATE:20260230", 4, "is not a date"),
            ("DTSTART:20261001T090000", 4, "has a time of day"),
            ("DTSTART:20260930T160000Z", 4, "has a time of day"),
            ("SUMMARY:x\nDTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20261001", 6, "ends before"),
            ("DTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:99991231", 5, "more than a year"),
            ("DTSTART;VALUE=DATE:20261001\nDURATION:PT8H", 5, "not a number of days"),
            ("DTSTART;VALUE=DATE:20261001\nRRULE:FREQ=YEARLY", 5, "one event for each year"),
            ("DTSTART;VALUE=DATE:20261001\nEND:VALARM", 5, "closes nothing"),
        ] {
            let error = parse_ical(&file(&[event])).expect_err(event);
            assert_eq!(error.line(), line, "{event}: {error}");
            assert!(error.to_string().contains(part), "{event}: {error}");
        }
        for text in ["", "hello", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n"] {
            assert!(parse_ical(text).unwrap_err().to_string().contains("END:VCALENDAR"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_calendar_or_an_error(text in "(BEGIN:|END:|VCALENDAR|VEVENT|DTSTART|DTEND|DURATION:|[:;=\"]|VALUE=DATE|[0-9]{8}|-?P[0-9]{1,9}[DWY]|\r?\n| |\\PC){0,40}") {
            let _ = parse_ical(&text);
        }

        #[test]
        fn any_event_is_days_or_an_error(start in "[0-9]{8}", end in "(DTEND:[0-9]{8}|DURATION:-?P[0-9]{1,9}[DWY])") {
            if let Ok(days) = parse_ical(&file(&[&format!("DTSTART:{start}\n{end}")])) {
                prop_assert!((1..=366).contains(&days.len()));
            }
        }
    }
}
