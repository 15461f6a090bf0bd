//! How people say an instant and a duration, in Chinese, English, or neutrally.
//!
//! Owns the wording only. Relative words stop at one day in either direction: a notice is read when the
//! customer looks, and 后天 read a day late is wrong while a date with its weekday stays right.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::schedule::weekday_name;

/// The wordings we have; all other languages get a neutral form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wording {
    Simplified,
    Traditional,
    English,
    Neutral,
}

impl Wording {
    /// By language tag, of which case does not matter: `zh`, `zh-Hant`, `zh-TW`, `zh-Hans-HK`, `en-GB` …
    fn of(lang: &str) -> Self {
        let mut parts = lang.split(['-', '_']).map(str::to_ascii_lowercase);
        let first = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.collect();
        let has = |tags: &[&str]| rest.iter().any(|part| tags.contains(&part.as_str()));
        match first.as_str() {
            "zh" if has(&["hant"]) || (has(&["tw", "hk", "mo"]) && !has(&["hans"])) => Self::Traditional,
            "zh" => Self::Simplified,
            "en" => Self::English,
            _ => Self::Neutral,
        }
    }
}

/// Says `t` as people in `zone` do who hear it at `now`, in the language of the tag `lang`.
///
/// Chinese: 今天 13:30, 明天 9:00, 10月10日(周六)9:00, 2027年1月4日(周一)9:00. English: today 1:30 pm,
/// tomorrow 9:00 am, Monday 9:00 am (within the coming six days), Monday, October 12, 9:00 am, with the year
/// when it is another. Other languages: 2026-10-10 09:00. Seconds are cut off.
#[must_use]
pub fn say(t: Timestamp, now: Timestamp, zone: &TimeZone, lang: &str) -> String {
    let (then, today) = (zone.to_datetime(t), zone.to_datetime(now).date());
    let days = (then.date() - today).get_days();
    let other_year = then.year() != today.year();
    match Wording::of(lang) {
        Wording::English => english(then, days, other_year),
        Wording::Simplified => chinese(then, days, other_year, "周"),
        Wording::Traditional => chinese(then, days, other_year, "週"),
        Wording::Neutral => then.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

fn chinese(then: DateTime, days: i32, other_year: bool, week: &str) -> String {
    let time = format!("{}:{:02}", then.hour(), then.minute());
    let near = match days {
        0 => Some("今天"),
        1 => Some("明天"),
        -1 => Some("昨天"),
        _ => None,
    };
    if let Some(near) = near {
        return format!("{near} {time}");
    }
    let weekday = match then.weekday() {
        Weekday::Monday => "一",
        Weekday::Tuesday => "二",
        Weekday::Wednesday => "三",
        Weekday::Thursday => "四",
        Weekday::Friday => "五",
        Weekday::Saturday => "六",
        Weekday::Sunday => "日",
    };
    let year = if other_year { format!("{}年", then.year()) } else { String::new() };
    format!("{year}{}月{}日({week}{weekday}){time}", then.month(), then.day())
}

fn english(then: DateTime, days: i32, other_year: bool) -> String {
    let time = {
        let (hour, half) = (then.hour() % 12, if then.hour() < 12 { "am" } else { "pm" });
        format!("{}:{:02} {half}", if hour == 0 { 12 } else { hour }, then.minute())
    };
    match days {
        0 => format!("today {time}"),
        1 => format!("tomorrow {time}"),
        -1 => format!("yesterday {time}"),
        2..=6 => format!("{} {time}", weekday_name(then.weekday())),
        _ => {
            let year = if other_year { format!(", {}", then.year()) } else { String::new() };
            format!("{}, {}{year}, {time}", weekday_name(then.weekday()), then.strftime("%B %-d"))
        }
    }
}

/// Says a length of time in its two largest units: 1小时30分钟, 1 hour 30 minutes, 1 h 30 min.
///
/// What is smaller than the second unit is cut off; the sign is left out; nothing is 0 minutes.
#[must_use]
pub fn say_duration(duration: SignedDuration, lang: &str) -> String {
    let wording = Wording::of(lang);
    let seconds = duration.as_secs().unsigned_abs();
    let parts = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
    let first = parts.iter().position(|n| *n > 0).unwrap_or(2);
    let said: Vec<String> = parts
        .iter()
        .zip(0..)
        .skip(first)
        .take(2)
        .filter(|(n, unit)| **n > 0 || (seconds == 0 && *unit == 2))
        .map(|(n, unit)| unit_of(*n, unit, wording))
        .collect();
    let chinese = matches!(wording, Wording::Simplified | Wording::Traditional);
    said.join(if chinese { "" } else { " " })
}

/// A count with its unit, of which 0 is days and 3 is seconds.
fn unit_of(n: u64, unit: usize, wording: Wording) -> String {
    let of = |names: [&'static str; 4]| names.get(unit).copied().unwrap_or_default();
    match wording {
        Wording::Simplified => format!("{n}{}", of(["天", "小时", "分钟", "秒"])),
        Wording::Traditional => format!("{n}{}", of(["天", "小時", "分鐘", "秒"])),
        Wording::English => format!("{n} {}{}", of(["day", "hour", "minute", "second"]), if n == 1 { "" } else { "s" }),
        Wording::Neutral => format!("{n} {}", of(["d", "h", "min", "s"])),
    }
}

/// `t` in RFC 3339 with the zone's offset, as 2026-10-10T09:00:00+08:00.
#[must_use]
pub fn iso(t: Timestamp, zone: &TimeZone) -> String {
    t.display_with_offset(zone.to_offset(t)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn says(t: &str, now: &str, lang: &str) -> String {
        say(at(t), at(now), &TimeZone::get("Asia/Shanghai").unwrap(), lang)
    }

    #[test]
    fn lesson_10_an_opening_is_said_as_people_say_it() {
        let friday = "2026-10-09T20:15:00+08:00";
        for (t, zh, hant, en) in [
            ("2026-10-09T20:15:59+08:00", "今天 20:15", "今天 20:15", "today 8:15 pm"),
            ("2026-10-09T00:05:00+08:00", "今天 0:05", "今天 0:05", "today 12:05 am"),
            ("2026-10-09T12:00:00+08:00", "今天 12:00", "今天 12:00", "today 12:00 pm"),
            ("2026-10-10T09:00:00+08:00", "明天 9:00", "明天 9:00", "tomorrow 9:00 am"),
            ("2026-10-08T18:00:00+08:00", "昨天 18:00", "昨天 18:00", "yesterday 6:00 pm"),
            ("2026-10-12T09:00:00+08:00", "10月12日(周一)9:00", "10月12日(週一)9:00", "Monday 9:00 am"),
            ("2026-10-15T13:30:00+08:00", "10月15日(周四)13:30", "10月15日(週四)13:30", "Thursday 1:30 pm"),
            ("2026-10-16T09:00:00+08:00", "10月16日(周五)9:00", "10月16日(週五)9:00", "Friday, October 16, 9:00 am"),
            ("2026-10-01T09:00:00+08:00", "10月1日(周四)9:00", "10月1日(週四)9:00", "Thursday, October 1, 9:00 am"),
            (
                "2027-01-04T09:00:00+08:00",
                "2027年1月4日(周一)9:00",
                "2027年1月4日(週一)9:00",
                "Monday, January 4, 2027, 9:00 am",
            ),
        ] {
            assert_eq!(says(t, friday, "zh"), zh);
            assert_eq!(says(t, friday, "zh-Hant"), hant);
            assert_eq!(says(t, friday, "en"), en);
        }
        assert_eq!(says("2026-10-10T09:00:00+08:00", "2026-10-01T10:00:00+08:00", "zh"), "10月10日(周六)9:00");
        assert_eq!(says("2027-01-01T09:00:00+08:00", "2026-12-31T20:00:00+08:00", "zh-CN"), "明天 9:00");
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        // 23:30 in Shanghai, 15:30 in London: tomorrow there, today here.
        let (t, now) = (at("2026-10-10T01:00:00Z"), at("2026-10-09T15:30:00Z"));
        assert_eq!(say(t, now, &TimeZone::get("Asia/Shanghai").unwrap(), "zh"), "明天 9:00");
        assert_eq!(say(t, now, &TimeZone::get("America/New_York").unwrap(), "en"), "today 9:00 pm");
    }

    #[test]
    fn language_tags() {
        for (lang, said) in [
            ("zh_TW", "10月12日(週一)9:00"),
            ("ZH-hk", "10月12日(週一)9:00"),
            ("zh-Hans-HK", "10月12日(周一)9:00"),
            ("en-GB", "Monday 9:00 am"),
            ("fr", "2026-10-12 09:00"),
            ("", "2026-10-12 09:00"),
        ] {
            assert_eq!(says("2026-10-12T09:00:00+08:00", "2026-10-09T20:15:00+08:00", lang), said, "{lang}");
        }
    }

    #[test]
    fn durations() {
        for (seconds, zh, en) in [
            (0, "0分钟", "0 minutes"),
            (45, "45秒", "45 seconds"),
            (90, "1分钟30秒", "1 minute 30 seconds"),
            (300, "5分钟", "5 minutes"),
            (5400, "1小时30分钟", "1 hour 30 minutes"),
            (3605, "1小时", "1 hour"),
            (-7200, "2小时", "2 hours"),
            (90_000, "1天1小时", "1 day 1 hour"),
            (86_400 + 1800, "1天", "1 day"),
        ] {
            assert_eq!(say_duration(SignedDuration::from_secs(seconds), "zh"), zh);
            assert_eq!(say_duration(SignedDuration::from_secs(seconds), "en"), en);
        }
        assert_eq!(say_duration(SignedDuration::from_secs(5400), "zh-Hant"), "1小時30分鐘");
        assert_eq!(say_duration(SignedDuration::from_secs(5400), "fr"), "1 h 30 min");
        assert_eq!(say_duration(SignedDuration::MIN, "en"), "106751991167300 days 15 hours");
    }

    #[test]
    fn rfc_3339_has_the_offset_of_the_zone() {
        let t = at("2026-10-10T01:00:00Z");
        assert_eq!(iso(t, &TimeZone::get("Asia/Shanghai").unwrap()), "2026-10-10T09:00:00+08:00");
        assert_eq!(iso(t, &TimeZone::get("America/New_York").unwrap()), "2026-10-09T21:00:00-04:00");
    }

    #[test]
    fn the_edges_of_time_are_said_too() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        assert!(!say(Timestamp::MIN, Timestamp::MAX, &zone, "en").is_empty());
    }
}
