//! When people are there: opening hours, calendars, and how a time is said.
//!
//! Owns the reading of windows ("22:00-06:00"), of day names ("mon-fri") and of calendars (JSON, iCal), the
//! one [`Schedule`] that answers *open now?*, *since when?*, *until when?*, *when next?* and *how much open
//! time?*, and the wording of instants and durations in the customer's language.
//!
//! Refuses a clock (every question carries its own instant), files, and YAML: what operations wrote arrives
//! here as values. A shop's meaning of a shift is not that of the common opening-hours grammars, so the
//! evaluator is our own:
//!
//! - A [`Window`] is half-open `[start, end)` in wall time, belongs to the day on which it **starts**, and may
//!   pass midnight.
//! - The kind of a day decides which windows start on it: exception, else make-up day, else holiday, else the
//!   weekly pattern. Whatever the kind, the tail of yesterday's shift stays.
//! - Each boundary becomes an instant by the rule of RFC 5545 §3.3.5 (jiff's `compatible`): in a gap it moves
//!   forward by the length of the gap, in a fold it is the first occurrence, for starts and ends alike. So
//!   windows that touch on the wall touch in time, and no window is negative or doubled.

mod calendar;
mod days;
mod explain;
mod forced;
mod ical;
mod query;
mod say;
mod schedule;
mod window;

pub use calendar::{CalendarDay, CalendarError, parse_json};
pub use days::{DayError, parse_day, parse_days};
pub use explain::{Because, Explanation};
pub use forced::{Forced, ForcedHours};
pub use ical::parse_ical;
pub use query::{HORIZON_DAYS, State};
pub use say::{iso, say, say_duration};
pub use schedule::{DayKind, Schedule, ScheduleError, weekday_name};
pub use window::{Window, WindowError};
