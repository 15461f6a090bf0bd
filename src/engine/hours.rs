//! Schedules from the settings: zones, windows, days and calendars, with every mistake at its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::diag::{Finding, Report, nearest};
use crate::hours::{Schedule, Window, parse_days, weekday_name};
use crate::rules::model::Located;
use crate::rules::{ScheduleSpec, Settings};

/// The zone, or a finding.
pub(super) fn zone(name: &Located<String>, report: &mut Report) -> Option<TimeZone> {
    if let Ok(zone) = TimeZone::get(&name.value) {
        return Some(zone);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let finding = Finding::error("unknown-timezone", format!("there is no time zone `{}`", name.value)).at(&name.place);
    report.push(
        match nearest(&name.value, names.iter().map(String::as_str)) {
            Some(known) => finding.label(format!("did you mean `{known}`?")),
            None => finding,
        }
        .help("write a name of the IANA list, such as Asia/Shanghai, Asia/Hong_Kong, Europe/London"),
    );
    None
}

/// All schedules by name; one with a mistake is left out.
pub(super) fn schedules(settings: &Settings, shop: &TimeZone, report: &mut Report) -> HashMap<String, Arc<Schedule>> {
    let mut built = HashMap::new();
    for (name, spec) in &settings.hours {
        let before = report.errors();
        let schedule = schedule(name, spec, shop, report);
        if let (Some(schedule), true) = (schedule, report.errors() == before) {
            built.insert(name.clone(), Arc::new(schedule));
        }
    }
    built
}

fn schedule(name: &str, spec: &ScheduleSpec, shop: &TimeZone, report: &mut Report) -> Option<Schedule> {
    let zone = match &spec.timezone {
        Some(other) => zone(other, report)?,
        None => shop.clone(),
    };
    let mut weekly: [Vec<Window>; 7] = Default::default();
    let mut named: BTreeMap<i8, &Located<String>> = BTreeMap::new();
    for (days, list) in &spec.weekly {
        let windows = windows(list, report);
        match parse_days(&days.value) {
            Ok(days_of_week) => {
                for day in days_of_week {
                    let index = day.to_monday_zero_offset();
                    if let Some(first) = named.insert(index, days) {
                        report.push(
                            Finding::error(
                                "day-twice",
                                format!("{} stands in two lines of `{name}`", weekday_name(day)),
                            )
                            .at(&days.place)
                            .and(&first.place, "also here")
                            .help("list all windows of a day in one line"),
                        );
                    }
                    weekly[usize::try_from(index).unwrap_or(0)].clone_from(&windows);
                }
            }
            Err(error) => report.push(Finding::error("bad-day", error.to_string()).at(&days.place)),
        }
    }
    let mut exceptions = BTreeMap::new();
    for (date, list) in &spec.exceptions {
        let windows = windows(list, report);
        match date.value.parse::<Date>() {
            Ok(day) => drop(exceptions.insert(day, windows)),
            Err(_) => report.push(
                Finding::error("bad-date", format!("`{}` is not a date", date.value))
                    .at(&date.place)
                    .help("write it as 2026-12-31"),
            ),
        }
    }
    match Schedule::new(zone, weekly, spec.days.clone(), exceptions) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            report.push(Finding::error("bad-hours", error.to_string()).at(&spec.place));
            None
        }
    }
}

fn windows(list: &[Located<String>], report: &mut Report) -> Vec<Window> {
    list.iter()
        .filter_map(|window| match Window::parse(&window.value) {
            Ok(window) => Some(window),
            Err(error) => {
                report.push(Finding::error("bad-window", error.to_string()).at(&window.place));
                None
            }
        })
        .collect()
}
