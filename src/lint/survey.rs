//! A survey whose low scores have no queue of their own.

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let (rules, settings) = (&engine.knowledge().survey, &engine.book().settings);
    let Some(notice) = settings.notices.get("survey").filter(|_| rules.queue.is_none() && rules.low > 0) else {
        return;
    };
    report.push(
        Finding::warning(
            "no-survey-queue",
            "a low score becomes a case of the queue `complaints`, and there is none: the routes decide",
        )
        .at(&notice.place)
        .help("name a queue, such as survey: {queue: general}, or let no score be a low one: survey: {low: 0}"),
    );
}
