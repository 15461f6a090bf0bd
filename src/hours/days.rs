//! Names of weekdays as operations write them: "mon-fri", "sat,sun", "Friday", "周一至周五".
//!
//! Owns the names and the nearest-name hint; knows nothing of hours.

use jiff::civil::Weekday;
use thiserror::Error;

use super::window::plain_char;

const NAMES: [(&str, Weekday); 18] = [
    ("mon", Weekday::Monday),
    ("monday", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("tues", Weekday::Tuesday),
    ("tuesday", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("weds", Weekday::Wednesday),
    ("wednesday", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("thur", Weekday::Thursday),
    ("thurs", Weekday::Thursday),
    ("thursday", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("friday", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("saturday", Weekday::Saturday),
    ("sun", Weekday::Sunday),
    ("sunday", Weekday::Sunday),
];

/// Why a text does not name weekdays, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DayError {
    /// Nothing was written, or nothing between two commas.
    #[error("a day is missing in \"{text}\": write mon, mon-fri or sat,sun")]
    Missing {
        /// What was written.
        text: String,
    },
    /// A word that is no weekday.
    #[error(
        "\"{word}\" is not a weekday{}: write mon, tue, wed, thu, fri, sat or sun, alone, as mon-fri or as sat,sun",
        nearest(word)
    )]
    Unknown {
        /// The word that could not be read.
        word: String,
    },
    /// More than one day where one is wanted.
    #[error("\"{text}\" names more than one day: name one, as mon")]
    Several {
        /// What was written.
        text: String,
    },
}

/// The nearest English name, for the error's text.
fn nearest(word: &str) -> String {
    let lower = word.to_lowercase();
    NAMES
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(&lower, name), *name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len().min(lower.chars().count()))
        .min()
        .map(|(_, name)| format!(" (did you mean {name}?)"))
        .unwrap_or_default()
}

/// Reads a list of weekdays and ranges, in the order Monday to Sunday, each day once.
///
/// A range may pass the end of the week (`fri-mon`). Case does not matter; 周一, 星期一 and 礼拜一 are read
/// as well, and in a range the second may be short (周一至五).
///
/// # Errors
/// [`DayError`] when a word is no weekday or is missing.
pub fn parse_days(text: &str) -> Result<Vec<Weekday>, DayError> {
    let plain: String = text.chars().map(plain_char).collect();
    let mut named = [false; 7];
    for part in plain.split(',') {
        let (first, last) = match part.split_once('-') {
            None => (day(part, text, false)?, None),
            Some((a, b)) => (day(a, text, false)?, Some(day(b, text, true)?)),
        };
        let last = last.unwrap_or(first);
        let length = usize::from(first.until(last).unsigned_abs());
        for weekday in first.cycle_forward().take(length + 1) {
            if let Some(slot) = named.get_mut(index(weekday)) {
                *slot = true;
            }
        }
    }
    Ok(Weekday::Monday.cycle_forward().zip(named).filter_map(|(day, named)| named.then_some(day)).collect())
}

/// Reads the name of one weekday, as `open_as` has it.
///
/// # Errors
/// [`DayError`] when the text is no weekday or names several.
pub fn parse_day(text: &str) -> Result<Weekday, DayError> {
    match parse_days(text)?.as_slice() {
        [one] => Ok(*one),
        _ => Err(DayError::Several { text: text.to_owned() }),
    }
}

/// Position in a week that starts with Monday, 0 to 6.
pub(super) fn index(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

/// One name; `bare` allows 五 alone, as the end of 周一至五.
fn day(word: &str, text: &str, bare: bool) -> Result<Weekday, DayError> {
    let word = word.trim();
    if word.is_empty() {
        return Err(DayError::Missing { text: text.to_owned() });
    }
    let lower = word.to_lowercase();
    if let Some((_, day)) = NAMES.iter().find(|(name, _)| *name == lower) {
        return Ok(*day);
    }
    let prefixes = ["周", "週", "星期", "礼拜", "禮拜"];
    let short = prefixes.iter().find_map(|p| word.strip_prefix(p)).or(bare.then_some(word));
    short.and_then(chinese).ok_or_else(|| DayError::Unknown { word: word.to_owned() })
}

fn chinese(short: &str) -> Option<Weekday> {
    Some(match short {
        "一" => Weekday::Monday,
        "二" => Weekday::Tuesday,
        "三" => Weekday::Wednesday,
        "四" => Weekday::Thursday,
        "五" => Weekday::Friday,
        "六" => Weekday::Saturday,
        "日" | "天" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(text: &str) -> String {
        let days = parse_days(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        days.iter().map(|d| NAMES.iter().find(|(_, x)| x == d).unwrap().0).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_names_lists_and_ranges() {
        for (text, days) in [
            ("mon", "mon"),
            ("Friday", "fri"),
            ("mon-fri", "mon tue wed thu fri"),
            ("mon-sun", "mon tue wed thu fri sat sun"),
            ("fri-mon", "mon fri sat sun"),
            ("sun-mon", "mon sun"),
            ("wed-wed", "wed"),
            ("sat,sun", "sat sun"),
            ("sun, MON - wed", "mon tue wed sun"),
            ("mon,mon-tue", "mon tue"),
            ("周一至周五", "mon tue wed thu fri"),
            ("周一至五", "mon tue wed thu fri"),
            ("星期六、星期天", "sat sun"),
            ("週日", "sun"),
        ] {
            assert_eq!(short(text), days, "{text}");
        }
    }

    #[test]
    fn mistakes_name_the_word_and_the_nearest_day() {
        for (text, part) in [
            ("mno", "did you mean mon?"),
            ("mon-firday", "did you mean friday?"),
            ("wensday", "did you mean wednesday?"),
            ("holiday", "\"holiday\" is not a weekday: write"),
            ("一", "is not a weekday"),
            ("mon,,tue", "a day is missing"),
            ("mon-", "a day is missing"),
            ("", "a day is missing"),
        ] {
            let said = parse_days(text).expect_err(text).to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
        assert_eq!(parse_day("sat"), Ok(Weekday::Saturday));
        assert!(parse_day("sat,sun").unwrap_err().to_string().contains("more than one day"));
    }

    proptest! {
        #[test]
        fn any_text_is_days_or_an_error(text in "\\PC{0,16}|(mon|fri|sun|周|[-,一五]){0,6}") {
            if let Ok(days) = parse_days(&text) {
                prop_assert!((1..=7).contains(&days.len()));
            }
        }
    }
}
