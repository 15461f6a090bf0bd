//! Schedules that never open, and years of which no calendar knows the holidays (lesson 7).

use jiff::Timestamp;

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, now: Timestamp, report: &mut Report) {
    let (knowledge, settings) = (engine.knowledge(), &engine.book().settings);
    let mut told = std::collections::BTreeSet::new();
    for (name, queue) in &settings.queues {
        let Some(built) = knowledge.queues.get(name) else { continue };
        let Some(spec) = settings.hours.get(&queue.hours.value) else { continue };
        if !told.insert(&queue.hours.value) {
            continue;
        }
        if built.schedule.next_open(now).is_none() {
            report.push(
                Finding::error(
                    "never-open",
                    format!("the schedule `{}` does not open within a year", queue.hours.value),
                )
                .at(&spec.place)
                .help("give it a window, such as mon-fri: [\"09:00-18:00\"]"),
            );
        }
        let Some(first) = spec.calendars.first() else { continue };
        let years = built.schedule.calendar_years();
        let today = now.to_zoned(built.schedule.zone().clone()).date();
        // The notice of a year's holidays comes out in the last months of the year before.
        let needed = if today.month() == 12 { today.year() + 1 } else { today.year() };
        for year in today.year()..=needed {
            if !years.contains(&year) {
                report.push(
                    Finding::warning(
                        "missing-year",
                        format!("no calendar of `{}` knows the holidays of {year}", queue.hours.value),
                    )
                    .at(&first.place)
                    .help(format!(
                        "add a calendar of {year} to the list; until then its holidays count as ordinary days"
                    )),
                );
            }
        }
    }
}
