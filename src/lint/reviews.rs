//! Entries past the day by which somebody wanted to read them again, and those whose last day is over.

use jiff::Timestamp;

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, now: Timestamp, report: &mut Report) {
    let today = now.to_zoned(engine.knowledge().zone.clone()).date();
    for rule in &engine.book().rules {
        let id = &rule.id.value;
        if let Some(day) = rule.review_by.as_ref().filter(|day| day.value < today) {
            report.push(
                Finding::warning("review-overdue", format!("`{id}` was to be read again by {}", day.value))
                    .at(&day.place)
                    .help("read it, and write the next date"),
            );
        }
        if let Some(day) = rule.until.as_ref().filter(|day| day.value < today) {
            report.push(
                Finding::warning("expired", format!("`{id}` has not been used since {}", day.value))
                    .at(&day.place)
                    .help("delete it, or write new dates"),
            );
        }
    }
}
