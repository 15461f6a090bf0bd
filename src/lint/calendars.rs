//! Schedules that never open, windows that may be written the wrong way round, and years of which no calendar knows the holidays
//! (lesson 7).

use jiff::Timestamp;

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::hours::Window;
use crate::rules::ScheduleSpec;
use crate::rules::model::Located;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Hours after which nobody's shift through the night goes on: a longer one may be a day's, begin and end exchanged.
const LONG_NIGHT: u16 = 12;
/// Hour before which no day's shift begins: a bar that is open to 02:00 has not exchanged anything.
const EARLIEST: u16 = 5;

pub(super) fn check(engine: &Engine, now: Timestamp, report: &mut Report) {
    let (knowledge, settings) = (engine.knowledge(), &engine.book().settings);
    let mut told = std::collections::BTreeSet::new();
    for spec in settings.hours.values() {
        windows(spec, report);
    }
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

/// Warns of windows such as 18:00-09:00, by which people would be said to be there all night.
fn windows(spec: &ScheduleSpec, report: &mut Report) {
    let lists = spec.weekly.iter().chain(&spec.exceptions);
    for written in lists.flat_map(|(_, list)| list) {
        let Ok(window) = Window::parse(&written.value) else { continue };
        if exchanged(window) {
            report.push(long_night(written, window));
        }
    }
}

fn exchanged(window: Window) -> bool {
    window.passes_midnight() && window.end() - window.start() > LONG_NIGHT * 60 && window.end() - DAY >= EARLIEST * 60
}

fn long_night(written: &Located<String>, window: Window) -> Finding {
    let hours = (window.end() - window.start()) / 60;
    let text = window.to_string();
    let (begin, end) = text.split_once('-').unwrap_or_default();
    Finding::warning("long-night", format!("{hours} hours through the night: people would be there from {begin} to {end} of the next day"))
        .at(&written.place)
        .help(format!(
            "if the day is meant, write \"{end}-{begin}\"; if not, write two windows: \"{begin}-24:00\" here and \"00:00-{end}\" on the days that follow"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_windows_may_be_exchanged() {
        for (text, expected) in [
            ("18:00-09:00", true),
            ("17:30-08:30", true),
            ("09:00-18:00", false),
            ("20:00-08:00", false),
            ("22:00-06:00", false),
            ("09:00-02:00", false),
            ("10:00-24:00", false),
        ] {
            assert_eq!(exchanged(Window::parse(text).unwrap()), expected, "{text}");
        }
    }
}
