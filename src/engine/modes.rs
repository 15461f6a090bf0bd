//! When the files have a special mode on, as instants; and an engine with what people switched.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::diag::{Finding, Report};
use crate::modes::{Mode, Modes, Period, Switch};
use crate::rules::Settings;

use super::Engine;

/// The periods of the files; one that ends before it begins is a mistake.
pub(super) fn built(settings: &Settings, zone: &TimeZone, report: &mut Report) -> Modes {
    let instant = |at: DateTime| zone.to_ambiguous_timestamp(at).compatible().unwrap_or(Timestamp::MAX);
    let mut planned: BTreeMap<Mode, Vec<Period>> = BTreeMap::new();
    for (mode, periods) in &settings.modes.periods {
        for spec in periods {
            let (from, until) = (instant(spec.from.value), instant(spec.until.value));
            if until <= from {
                report.push(
                    Finding::error("bad-period", format!("this period of `{mode}` is over before it begins"))
                        .at(&spec.until.place)
                        .label("not after")
                        .and(&spec.from.place, "this")
                        .help("write a later `until`; a date alone counts to the end of that day"),
                );
            }
            let (by, note) = (spec.by.clone(), spec.note.clone());
            planned.entry(*mode).or_default().push(Period { from, until, by, note });
        }
    }
    Modes::planned(planned)
}

impl Engine {
    /// The same knowledge with what people switched, in the place of what they switched before.
    #[must_use]
    pub fn with_switches(&self, switches: &[Switch]) -> Self {
        self.with_modes_of(&|modes| modes.with_switches(switches))
    }

    /// The same knowledge with some special modes on at all times, for trying out.
    #[must_use]
    pub fn with_modes(&self, always: &[Mode]) -> Self {
        if always.is_empty() { self.clone() } else { self.with_modes_of(&|modes| modes.with_always(always)) }
    }

    fn with_modes_of(&self, change: &dyn Fn(&Modes) -> Modes) -> Self {
        let mut engine = self.clone();
        engine.knowledge.modes = change(&engine.knowledge.modes);
        for arm in &mut engine.arms {
            arm.engine = arm.engine.with_modes_of(change);
        }
        if let Some(candidate) = &mut engine.candidate {
            candidate.engine = Arc::new(candidate.engine.with_modes_of(change));
        }
        engine
    }
}
