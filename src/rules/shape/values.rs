//! Values that people write with a unit.

/// Reads a share such as `10%` or `2.5%`, in ten-thousandths; none if it is not one, or over 100 %.
#[must_use]
pub fn share(text: &str) -> Option<u16> {
    let (whole, part) = match text.strip_suffix('%')?.split_once('.') {
        Some((whole, part)) if (1..=2).contains(&part.len()) => (whole, part),
        Some(_) => return None,
        None => (text.strip_suffix('%')?, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let share: u16 = format!("{whole}{part:0<2}").parse().ok()?;
    (share <= 10_000).then_some(share)
}

/// A length of time as people write it: `30s`, `5m`, `1h30m`, `7d`, `500ms`.
#[must_use]
pub fn duration(text: &str) -> Option<std::time::Duration> {
    if !text.bytes().any(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let span: jiff::SignedDuration = match text.strip_suffix('d') {
        Some(days) => {
            jiff::SignedDuration::from_hours(days.trim().parse::<i64>().ok().filter(|d| *d <= 3_660)?.checked_mul(24)?)
        }
        None => text.parse().ok()?,
    };
    std::time::Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(duration("7d"), Some(Duration::from_secs(604_800)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for bad in ["", "30", "soon", "-5m", "d", "99999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
