//! How mistakes of shape are mended, where it is sure what was meant.

use crate::diag::{Fix, quoted};
use crate::yaml::{Node, Value};

use super::shape::{self, Kind};

/// A known word in place of one with a slip in it.
pub(super) fn word(node: &Node, word: &str) -> Fix {
    Fix::replace(&node.place, word, format!("write `{word}`"))
}

/// A value that the key cannot hold, written as one that it can: `yes` for `true`, `2026/10/1` for `2026-10-01`, `30 秒` for `30s`,
/// one value where a list is needed.
pub(super) fn value(node: &Node, kind: &Kind) -> Option<Fix> {
    let Value::Scalar { text, .. } = &node.value else { return None };
    let text = text.trim();
    let better = match kind {
        Kind::Bool => truth(text)?.to_owned(),
        Kind::Date => date(text)?,
        Kind::Duration => duration(text)?,
        Kind::List(Kind::Str | Kind::Text) if !text.is_empty() => format!("[{}]", quoted(text)),
        _ => return None,
    };
    Some(Fix::replace(&node.place, better.clone(), format!("write `{better}`")))
}

/// The words for yes and no that people write, and that are text in YAML 1.2.
fn truth(text: &str) -> Option<&'static str> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "on" | "true" | "是" | "开" | "对" => Some("true"),
        "no" | "n" | "off" | "false" | "否" | "关" | "不" => Some("false"),
        _ => None,
    }
}

/// A date whose parts are in order, year first, and parted by something else.
fn date(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['日', '号']);
    let mut parts = text.split(['/', '.', '年', '月', '-']).map(str::trim);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_string())
}

/// A number with its unit in another spelling.
fn duration(text: &str) -> Option<String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" | "秒" | "秒钟" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" | "分" | "分钟" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" | "小时" | "个小时" => "h",
        "d" | "day" | "days" | "天" => "d",
        _ => return None,
    };
    let better = format!("{number}{unit}");
    shape::duration(&better).map(|_| better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_other_spellings_are_known() {
        for text in ["2026/10/1", "2026.10.01", "2026年10月1日", "2026-10-1", "2026 - 10 - 01"] {
            assert_eq!(date(text).as_deref(), Some("2026-10-01"), "{text}");
        }
        for text in ["10/1/2026", "2026/13/1", "2026", "next week", "1/10/26", ""] {
            assert_eq!(date(text), None, "{text}: which day is meant is not sure");
        }
    }

    #[test]
    fn lengths_of_time_in_other_spellings_are_known() {
        for (text, better) in
            [("30 s", "30s"), ("5分钟", "5m"), ("2 hours", "2h"), ("7天", "7d"), ("90 Seconds", "90s")]
        {
            assert_eq!(duration(text).as_deref(), Some(better));
        }
        for text in ["30", "soon", "", "5 mo", "一小时"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
