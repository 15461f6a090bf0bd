//! Calendars of holidays and make-up days.

use crate::rules::shape::{Key, Kind, Shape};

/// A calendar file.
pub static CALENDAR: Shape = Shape {
    name: "a calendar",
    keys: &[
        Key::new("year", Kind::Any, "The year, for readers."),
        Key::new("source", Kind::Any, "Where the dates come from."),
        Key::new("papers", Kind::Any, "Where the dates come from, as holiday-cn writes it."),
        Key::required("days", Kind::List(&Kind::Map(&CALENDAR_DAY)), "The days."),
    ],
};

/// A day of a calendar.
pub static CALENDAR_DAY: Shape = Shape {
    name: "a calendar day",
    keys: &[
        Key::required("date", Kind::Date, "The day."),
        Key::new("name", Kind::Str, "Of the holiday."),
        Key::required("isOffDay", Kind::Bool, "true: closed. false: a make-up working day."),
        Key::new(
            "open_as",
            Kind::Word(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            "Day whose windows a make-up day has; mon if left out.",
        ),
    ],
};
