//! One opening window of a day, as operations write it: "09:00-12:00", "22:00-06:00", "00:00-24:00".
//!
//! Owns the text form and its mistakes; knows no date, no zone and no calendar.

use std::fmt;

use thiserror::Error;

/// Minutes of a day on the wall clock.
const DAY: u16 = 24 * 60;

/// A half-open window `[start, end)` in wall time, owned by the day on which it starts.
///
/// Ordered by start, then by end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    start: u16,
    end: u16,
}

/// Why a text is not a window, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WindowError {
    /// Nothing was written.
    #[error("an opening window is empty: write it as \"09:00-18:00\", or give the day an empty list to close it")]
    Empty,
    /// A bare number, most likely a time that a YAML reader took for base 60.
    #[error(
        "{text} is a number, not an opening window{}: write start and end in quotes, as \"09:00-18:00\"",
        base_60(text)
    )]
    Number {
        /// What was written.
        text: String,
    },
    /// One time without a second one.
    #[error("\"{text}\" has no end: write start and end with a hyphen between them, as \"09:00-18:00\"")]
    NoEnd {
        /// What was written.
        text: String,
    },
    /// Several windows in one text.
    #[error("\"{text}\" holds more than one window: write a list, as [\"09:00-12:00\", \"13:30-18:00\"]")]
    Several {
        /// What was written.
        text: String,
    },
    /// A zone or an offset inside a window.
    #[error("\"{text}\" names a time zone: windows are wall time of the shop's `timezone`, so leave the zone out")]
    Zone {
        /// What was written.
        text: String,
    },
    /// A time with am or pm.
    #[error("\"{text}\" uses am or pm: write 24-hour times, as \"09:00-17:30\"")]
    TwelveHour {
        /// What was written.
        text: String,
    },
    /// A part that is not a time of day.
    #[error("\"{time}\" in \"{text}\" is not a time: write hours and minutes, from 00:00 to 24:00, as \"09:00-18:00\"")]
    BadTime {
        /// What was written.
        text: String,
        /// The part that could not be read.
        time: String,
    },
    /// 24:00 as a start.
    #[error("\"{text}\" starts at 24:00, which is the end of a day: start at 00:00 on the next day instead")]
    StartsAtEnd {
        /// What was written.
        text: String,
    },
    /// Start and end are the same time.
    #[error(
        "\"{text}\" starts and ends at the same time: for the whole day write \"00:00-24:00\", for a closed day an empty list"
    )]
    NoLength {
        /// What was written.
        text: String,
    },
}

/// The clock time that YAML 1.1 may have turned into `text`, for the error's text.
fn base_60(text: &str) -> String {
    match text.parse::<u16>() {
        Ok(minutes) if minutes <= DAY => {
            format!(" (an unquoted {}:{:02} is read as {minutes} by some YAML readers)", minutes / 60, minutes % 60)
        }
        _ => String::new(),
    }
}

impl Window {
    /// The whole day, "00:00-24:00".
    pub const ALL_DAY: Self = Self { start: 0, end: DAY };

    /// Reads a window such as `09:00-12:00`.
    ///
    /// Full-width digits and colons, the usual dashes and tildes, and 至 or 到 are read as well. An end that is
    /// not later than the start is on the next day; `24:00` is allowed as an end.
    ///
    /// # Errors
    /// [`WindowError`] when the text is no window; its text says how to write it.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let text = text.trim();
        let owned = || text.to_owned();
        if text.is_empty() {
            return Err(WindowError::Empty);
        }
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).map(plain_char).collect();
        if plain.bytes().all(|b| b.is_ascii_digit()) {
            return Err(WindowError::Number { text: plain });
        }
        if plain.contains([',', ';']) || plain.matches('-').count() > 1 {
            return Err(WindowError::Several { text: owned() });
        }
        let lower = plain.to_ascii_lowercase();
        if lower.contains("am") || lower.contains("pm") {
            return Err(WindowError::TwelveHour { text: owned() });
        }
        if lower.contains('+') || lower.contains('/') || ["utc", "gmt", "z"].iter().any(|z| lower.contains(z)) {
            return Err(WindowError::Zone { text: owned() });
        }
        let (start_text, end_text) = plain.split_once('-').ok_or_else(|| WindowError::NoEnd { text: owned() })?;
        let read =
            |time: &str| minutes(time).ok_or_else(|| WindowError::BadTime { text: owned(), time: time.to_owned() });
        let (start, end) = (read(start_text)?, read(end_text)?);
        if start == end {
            return Err(WindowError::NoLength { text: owned() });
        }
        if start == DAY {
            return Err(WindowError::StartsAtEnd { text: owned() });
        }
        Ok(Self { start, end: if end > start { end } else { end + DAY } })
    }

    /// The start in minutes after the day's 00:00, 0 to 1439.
    #[must_use]
    pub fn start(self) -> u16 {
        self.start
    }

    /// The end in minutes after the 00:00 of the day on which the window starts: more than the start, at most
    /// 2878; past 1440 it is on the next day.
    #[must_use]
    pub fn end(self) -> u16 {
        self.end
    }

    /// Whether the window goes on into the next day (an end at 24:00 does not).
    #[must_use]
    pub fn passes_midnight(self) -> bool {
        self.end > DAY
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.end > DAY { self.end - DAY } else { self.end };
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.start / 60, self.start % 60, end / 60, end % 60)
    }
}

/// One character of a window or a list of days, brought to its ASCII form.
pub(super) fn plain_char(c: char) -> char {
    match c {
        '０'..='９' => char::from(b'0' + u8::try_from(u32::from(c) - u32::from('０')).unwrap_or(0)),
        '：' | '﹕' | '∶' => ':',
        '，' | '、' => ',',
        '；' => ';',
        '–' | '—' | '―' | '‐' | '‑' | '−' | '－' | '~' | '～' | '〜' | '至' | '到' => '-',
        other => other,
    }
}

/// Minutes of `H:MM` or `HH:MM`, 0 to 1440.
fn minutes(time: &str) -> Option<u16> {
    let (hour, minute) = time.split_once(':')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        Window::parse(text).map_or_else(|e| e.to_string(), |w| w.to_string())
    }

    #[test]
    fn reads_the_ways_people_write_a_window() {
        for text in [
            "09:00-12:00",
            "9:00-12:00",
            " 09:00 - 12:00 ",
            "09:00–12:00",
            "09:00～12:00",
            "09:00~12:00",
            "９：００至12：00",
            "9:00到12:00",
        ] {
            assert_eq!(shown(text), "09:00-12:00", "{text}");
        }
    }

    #[test]
    fn an_end_before_the_start_is_on_the_next_day() {
        let night = Window::parse("22:00-06:00").unwrap();
        assert_eq!((night.start(), night.end(), night.passes_midnight()), (1320, 1800, true));
        let evening = Window::parse("22:00-24:00").unwrap();
        assert_eq!((evening.end(), evening.passes_midnight()), (1440, false));
        assert_eq!(Window::parse("22:00-00:00").unwrap(), evening);
        assert_eq!(Window::parse("00:00-24:00").unwrap(), Window::ALL_DAY);
        assert_eq!(Window::parse("23:59-23:58").unwrap().end(), 2878);
    }

    #[test]
    fn mistakes_say_how_to_mend_them() {
        for (text, part) in [
            ("", "is empty"),
            ("540", "an unquoted 9:00 is read as 540"),
            ("99999", "is a number"),
            ("09:00", "has no end"),
            ("09:00-12:00,13:30-18:00", "write a list"),
            ("09:00-12:00-13:00", "write a list"),
            ("09:00-18:00 UTC", "leave the zone out"),
            ("09:00+08:00-18:00", "leave the zone out"),
            ("9:00am-5:00pm", "24-hour"),
            ("25:00-26:00", "\"25:00\" in"),
            ("24:01-24:30", "\"24:01\" in"),
            ("09:60-12:00", "\"09:60\" in"),
            ("0900-1800", "\"0900\" in"),
            ("9-18", "\"9\" in"),
            ("09:00:00-18:00:00", "\"09:00:00\" in"),
            ("-540", "\"\" in"),
            ("24:00-06:00", "starts at 24:00"),
            ("00:00-00:00", "00:00-24:00"),
            ("09:00-09:00", "same time"),
        ] {
            let said = Window::parse(text).expect_err(text).to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_window_or_an_error(text in "\\PC{0,20}|[0-9:：–~至 -]{0,14}") {
            if let Ok(w) = Window::parse(&text) {
                prop_assert!(w.start() < 1440 && w.start() < w.end() && w.end() - w.start() <= 1440);
            }
        }

        #[test]
        fn what_is_shown_is_read_back(start in 0u16..1440, end in 0u16..=1440) {
            prop_assume!(start != end);
            let text = format!("{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60);
            let window = Window::parse(&text).unwrap();
            prop_assert_eq!(Window::parse(&window.to_string()).unwrap(), window);
        }
    }
}
