//! `modes:` of `nightdesk.yaml`: when a special mode is on, and what the peak does.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};

use crate::diag::Place;
use crate::modes::Mode;
use crate::yaml::Node;

use super::model::Located;
use super::read::located;
use super::shape::{Key, Kind, Shape};

/// Most options at once during the peak, unless the shop says otherwise.
const DEFAULT_OPTIONS: usize = 2;

/// `modes:`.
pub(super) static MODES: Shape = Shape {
    name: "the special modes",
    keys: &[
        Key::new(
            "peak",
            Kind::Map(&PEAK),
            "When more customers come than people can answer at once, and what is done then.",
        ),
        Key::new("degraded", Kind::Map(&DEGRADED), "When systems are down: look-ups rest, and customers are told."),
    ],
};

/// `peak:` of the modes.
static PEAK: Shape = Shape {
    name: "the peak",
    keys: &[
        Key::new("when", Kind::OneOrMany(&Kind::Map(&PERIOD)), "When it is on; people can switch it by hand besides."),
        Key::new("options", Kind::Int(1, 20), "Most options that are shown at once. 2."),
        Key::new(
            "deflect",
            Kind::Bool,
            "Whether titles are offered for a message that nothing answers, even if it is only a little near to them. true.",
        ),
        Key::new(
            "queue_cap",
            Kind::Int(1, 1_000_000),
            "Cases waiting in a queue from which on the customer is told that it is full, and is asked to leave the matter there. None if left out.",
        ),
    ],
};

/// `degraded:` of the modes.
static DEGRADED: Shape = Shape {
    name: "the degraded mode",
    keys: &[Key::new(
        "when",
        Kind::OneOrMany(&Kind::Map(&PERIOD)),
        "When it is on; people can switch it by hand besides.",
    )],
};

/// A period of a mode.
static PERIOD: Shape = Shape {
    name: "a period of a mode",
    keys: &[
        Key::required("from", Kind::Moment, "When it begins, in the shop's time zone; a date alone is its midnight."),
        Key::required("until", Kind::Moment, "When it is over; a date alone counts to the end of that day."),
        Key::new("by", Kind::Str, "Who planned it."),
        Key::new("note", Kind::Str, "Why."),
    ],
};

/// `modes:`.
#[derive(Clone, Debug)]
pub struct ModesSpec {
    /// Where each mode that is named stands.
    pub places: BTreeMap<Mode, Place>,
    /// When they are on.
    pub periods: BTreeMap<Mode, Vec<PeriodSpec>>,
    /// What the peak does.
    pub peak: PeakSpec,
}

/// What the peak does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeakSpec {
    /// Most options that are shown at once.
    pub options: usize,
    /// Whether titles are offered where nothing answers, even if the message is only a little near to them.
    pub deflect: bool,
    /// Cases waiting in a queue from which on it is full.
    pub queue_cap: Option<u64>,
}

/// An item of `when:`.
#[derive(Clone, Debug)]
pub struct PeriodSpec {
    /// When it begins, on the shop's clocks.
    pub from: Located<DateTime>,
    /// When it is over.
    pub until: Located<DateTime>,
    /// Who planned it.
    pub by: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// A time on the shop's clocks: `2026-11-10 20:00`, `2026-11-10T20:00`, or a date alone. `end`: of a date its end is meant.
#[must_use]
pub fn moment(text: &str, end: bool) -> Option<DateTime> {
    let text = text.trim();
    if text.len() == 10 {
        let day: Date = text.parse().ok()?;
        let day = if end { day.tomorrow().ok()? } else { day };
        return Some(day.to_datetime(Time::midnight()));
    }
    // Of a longer text jiff would take the zone and forget it.
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ' | 'T'));
    text.parse().ok().filter(|_| plain && (16..=19).contains(&text.len()))
}

impl ModesSpec {
    /// Reads `modes:`.
    pub(super) fn read(node: Option<&Node>) -> Self {
        let named = |mode: Mode| node.and_then(|node| node.get(mode.as_str()));
        let key = |mode: Mode| {
            let entries = node.map(Node::entries).unwrap_or_default();
            entries.iter().find(|(key, _)| key.text() == Some(mode.as_str())).map(|(key, _)| key.place.clone())
        };
        let periods = |mode: Mode| -> Vec<PeriodSpec> {
            let when = named(mode).and_then(|node| node.get("when"));
            when.map(Node::one_or_many).unwrap_or_default().iter().filter_map(period).collect()
        };
        let peak = |key: &str| named(Mode::Peak).and_then(|node| node.get(key)).and_then(Node::text);
        Self {
            places: Mode::ALL.into_iter().filter_map(|mode| Some((mode, key(mode)?))).collect(),
            periods: Mode::ALL.into_iter().map(|mode| (mode, periods(mode))).collect(),
            peak: PeakSpec {
                options: peak("options").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_OPTIONS),
                deflect: peak("deflect") != Some("false"),
                queue_cap: peak("queue_cap").and_then(|text| text.parse().ok()),
            },
        }
    }
}

fn period(node: &Node) -> Option<PeriodSpec> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let at = |key: &str, end: bool| {
        let written = located(node.get(key)?)?;
        Some(Located { value: moment(&written.value, end)?, place: written.place })
    };
    Some(PeriodSpec { from: at("from", false)?, until: at("until", true)?, by: text("by"), note: text("note") })
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_a_local_time_or_a_day() {
        let written = |text: &str, end: bool| moment(text, end).map(|at| at.to_string());
        assert_eq!(written("2026-11-10 20:00", false).as_deref(), Some("2026-11-10T20:00:00"));
        assert_eq!(written("2026-11-10T20:00:30", true).as_deref(), Some("2026-11-10T20:00:30"));
        assert_eq!(written("2026-11-10", false).as_deref(), Some("2026-11-10T00:00:00"));
        assert_eq!(written("2026-11-12", true).as_deref(), Some("2026-11-13T00:00:00"));
        for wrong in ["", "tonight", "2026-11-31", "2026-11-10 25:00", "2026-11-10T20:00:00+08:00", "2026-11-10T20:00Z"]
        {
            assert_eq!(moment(wrong, false), None, "{wrong}");
        }
    }
}
