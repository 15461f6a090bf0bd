//! `report:` of `nightdesk.yaml`: the report by itself every week, and what a report takes for a product.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::diag::{Finding, Place, Report};
use crate::hours::parse_day;
use crate::yaml::Node;

use super::Settings;
use super::model::Located;
use super::read::located;

/// Folder of the reports within the data folder, unless the shop says otherwise.
const DEFAULT_DIR: &str = "reports";
/// Reports that are kept, unless the shop says otherwise.
const DEFAULT_KEEP: usize = 12;

/// The name under which a product is known, unless the shop says otherwise.
pub(super) const DEFAULT_PRODUCT: &str = "product";

/// `report:`.
#[derive(Clone, Debug)]
pub struct ReportSpec {
    /// Where it stands.
    pub place: Place,
    /// When, as it was written; none: never by itself.
    pub written: Option<Located<String>>,
    /// When, as it was understood.
    pub every: Option<Every>,
    /// Folder, within the data folder unless it begins at the root.
    pub dir: String,
    /// Webhook that is told.
    pub webhook: Option<Located<String>>,
    /// Reports that are kept.
    pub keep: usize,
    /// The customer's attribute or the slot that says which product a conversation is about.
    pub product: String,
}

/// A time of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    day: Weekday,
    time: Time,
}

impl ReportSpec {
    /// Reads `report:`.
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let written = node.get("every").and_then(located);
        Self {
            place: node.place.clone(),
            every: written.as_ref().and_then(|written| Every::parse(&written.value)),
            written,
            dir: text("dir").unwrap_or_else(|| DEFAULT_DIR.to_owned()),
            webhook: node.get("webhook").and_then(located),
            keep: text("keep").and_then(|keep| keep.parse().ok()).unwrap_or(DEFAULT_KEEP),
            product: text("product").unwrap_or_else(|| DEFAULT_PRODUCT.to_owned()),
        }
    }
}

impl Every {
    /// Reads a weekday and a time, such as `mon 08:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.trim().rsplit_once(char::is_whitespace)?;
        let (hour, minute) = time.split_once(':')?;
        let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit()) && (1..=2).contains(&part.len());
        if !digits(hour) || !digits(minute) {
            return None;
        }
        let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
        Some(Self { day: parse_day(day).ok()?, time })
    }

    /// The last such time that is not after an instant, in a zone. A time that the clocks leave out is the one after the gap.
    #[must_use]
    pub fn latest(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(now).date();
        let on = |days: i32| {
            let date = today.checked_sub(days.days()).ok()?;
            let at = zone.to_ambiguous_timestamp(date.to_datetime(self.time)).compatible().ok()?;
            (date.weekday() == self.day && at <= now).then_some(at)
        };
        (0..=7).find_map(on)
    }
}

/// Looks at `report:`, once the webhooks are known.
pub(crate) fn check(settings: &Settings, report: &mut Report) {
    let Some(spec) = &settings.report else { return };
    if let Some(written) = spec.written.as_ref().filter(|_| spec.every.is_none()) {
        report.push(
            Finding::error("bad-report", format!("`{}` is not a time of the week", written.value))
                .at(&written.place)
                .help("write a weekday and a time, such as every: mon 08:00"),
        );
    }
    if let Some(name) = &spec.webhook
        && let Some(webhook) = settings.webhooks.get(&name.value)
        && webhook.format.is_desk()
    {
        let format = webhook.format.as_str();
        let finding = Finding::error(
            "bad-report",
            format!("`{}` is a {format}, which takes cases of customers only", name.value),
        );
        report.push(finding.at(&name.place).help("name a webhook of a program or of a group of people"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_week_is_a_weekday_and_a_time() {
        for text in ["mon 08:00", "Monday 8:00", " 周一  08:00 "] {
            assert_eq!(Every::parse(text), Every::parse("mon 08:00"), "{text}");
            assert!(Every::parse(text).is_some(), "{text}");
        }
        for text in
            ["", "mon", "08:00", "mon-fri 08:00", "mon 24:00", "mon 8", "mon 08:60", "mon +8:00", "someday 08:00"]
        {
            assert_eq!(Every::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_latest_time_is_the_last_one_that_has_come() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let every = Every::parse("mon 08:00").unwrap();
        for (now, latest) in [
            ("2026-10-19T08:00:00+08:00", "2026-10-19T08:00:00+08:00"),
            ("2026-10-19T07:59:59+08:00", "2026-10-12T08:00:00+08:00"),
            ("2026-10-25T23:00:00+08:00", "2026-10-19T08:00:00+08:00"),
            // Monday in the shop's zone, Sunday in UTC.
            ("2026-10-19T00:30:00Z", "2026-10-19T08:00:00+08:00"),
        ] {
            assert_eq!(every.latest(now.parse().unwrap(), &zone), Some(latest.parse().unwrap()), "{now}");
        }
    }
}
