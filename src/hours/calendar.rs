//! Dated days off and make-up working days, and their JSON form.
//!
//! Owns the shape of a calendar day and the reading of JSON calendars; [`super::ical`] reads iCal. Which
//! days win over which is the schedule's business.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::days::parse_day;

/// One day of a calendar that differs from the weekly pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDay {
    /// The day, in the zone of the schedule that uses it.
    pub date: Date,
    /// What people call it, such as 国庆节; may be empty.
    pub name: String,
    /// True: a holiday, no window starts on it. False: a make-up working day (调休, 补班).
    pub off: bool,
    /// For a make-up day: the weekday whose windows it has; Monday when not given.
    pub open_as: Option<Weekday>,
}

/// Why a calendar cannot be read, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// The JSON is malformed or a day has the wrong shape.
    #[error(
        "line {line}, column {column}: {message}; a calendar is a list of {{\"date\": \"2026-10-01\", \"name\": \"…\", \"isOffDay\": true}}, or an object whose \"days\" is such a list"
    )]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1 (0 when the reader knows none).
        column: usize,
        /// What the reader found.
        message: String,
    },
    /// An iCal event or its frame is wrong.
    #[error("line {line}: {message}")]
    Ical {
        /// Line, from 1.
        line: usize,
        /// What is wrong and what to do.
        message: String,
    },
}

impl CalendarError {
    /// The line the error is on, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        match self {
            Self::Json { line, .. } | Self::Ical { line, .. } => *line,
        }
    }
}

/// Reads a JSON calendar: a list of `{date, name, isOffDay}`, or an object with such a list in `days`.
///
/// `name` may be missing, `open_as` names a weekday; other keys are ignored, because yearly files carry
/// their sources. An empty list is a calendar without days (a year not yet published).
///
/// # Errors
/// [`CalendarError::Json`] with the line and column.
pub fn parse_json(text: &str) -> Result<Vec<CalendarDay>, CalendarError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Chosen by the first character, not by an untagged enum: that one would lose the line.
    let days = if text.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<Day>>(text)
    } else {
        serde_json::from_str::<Holder>(text).map(|holder| holder.days)
    };
    match days {
        Ok(days) => Ok(days.into_iter().map(CalendarDay::from).collect()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let full = error.to_string();
            let place = format!(" at line {line} column {column}");
            let message = full.strip_suffix(&place).unwrap_or(&full).to_owned();
            Err(CalendarError::Json { line: line.max(1), column, message })
        }
    }
}

#[derive(Deserialize)]
struct Holder {
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    #[serde(deserialize_with = "date")]
    date: Date,
    #[serde(default)]
    name: String,
    #[serde(rename = "isOffDay", alias = "is_off_day")]
    off: bool,
    #[serde(default, deserialize_with = "weekday")]
    open_as: Option<Weekday>,
}

impl From<Day> for CalendarDay {
    fn from(day: Day) -> Self {
        Self { date: day.date, name: day.name, off: day.off, open_as: day.open_as }
    }
}

fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
    let text = String::deserialize(from)?;
    Date::strptime("%Y-%m-%d", text.trim())
        .map_err(|_| de::Error::custom(format!("\"{text}\" is not a date: write year-month-day, as 2026-10-01")))
}

fn weekday<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Weekday>, D::Error> {
    Option::<String>::deserialize(from)?.map(|text| parse_day(&text).map_err(de::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const LIST: &str = r#"[
  {"date": "2026-10-01", "name": "国庆节", "isOffDay": true},
  {"date": "2026-10-10", "name": "国庆节", "isOffDay": false, "open_as": "fri"}
]"#;

    #[test]
    fn lesson_07_a_list_of_days_off_and_make_up_days() {
        let days = parse_json(LIST).unwrap();
        assert_eq!(
            days,
            [
                CalendarDay { date: date(2026, 10, 1), name: "国庆节".into(), off: true, open_as: None },
                CalendarDay {
                    date: date(2026, 10, 10),
                    name: "国庆节".into(),
                    off: false,
                    open_as: Some(Weekday::Friday)
                },
            ]
        );
    }

    #[test]
    fn an_object_with_days_and_a_byte_order_mark() {
        let text = format!("\u{feff}{{\"$id\": \"x\", \"year\": 2026, \"papers\": [], \"days\": {LIST}}}");
        assert_eq!(parse_json(&text), parse_json(LIST));
        assert_eq!(parse_json("{\"year\": 2028, \"days\": []}"), Ok(vec![]));
    }

    #[test]
    fn mistakes_carry_their_line() {
        for (text, line, part) in [
            ("", 1, "EOF"),
            ("[\n{\"date\": \"2026-02-30\", \"isOffDay\": true}]", 2, "\"2026-02-30\" is not a date"),
            ("[\n\n{\"date\": \"2026-10-01\"}]", 3, "missing field `isOffDay`"),
            ("[{\"date\": \"2026-10-01\",\n \"isOffDay\": \"yes\"}]", 2, "expected a boolean"),
            ("[{\"date\": \"2026-10-01\", \"isOffDay\": false, \"open_as\": \"mno\"}]", 1, "did you mean mon?"),
            ("{\"year\": 2026}", 1, "missing field `days`"),
            ("7", 1, "invalid type"),
        ] {
            let error = parse_json(text).expect_err(text);
            let said = error.to_string();
            assert_eq!(error.line(), line, "{said}");
            assert!(said.contains(part) && !said.contains(" at line "), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_calendar_or_an_error(text in "\\PC{0,40}|\\[\\{\"date\": ?\"[0-9-]{0,12}\", \"isOffDay\": (true|false|1)\\}\\]?") {
            let _ = parse_json(&text);
        }
    }
}
