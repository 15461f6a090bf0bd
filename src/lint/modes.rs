//! Special modes that customers would not be told of, and periods that are long over.

use jiff::{SignedDuration, Timestamp};

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::modes::Mode;

/// How long a period that is over is left alone.
const LONG: SignedDuration = SignedDuration::from_hours(31 * 24);

pub(super) fn check(engine: &Engine, now: Timestamp, report: &mut Report) {
    let (knowledge, settings) = (engine.knowledge(), &engine.book().settings);
    for (mode, place) in &settings.modes.places {
        let mut needed = vec![(mode.as_str(), place)];
        if *mode == Mode::Peak && settings.modes.peak.queue_cap.is_some() {
            needed.push(("queue_full", place));
        }
        for (notice, place) in needed {
            if !knowledge.notices.contains_key(notice) {
                report.push(
                    Finding::error(
                        "missing-notice",
                        format!(
                            "there is no `{notice}` notice, but the mode `{mode}` needs it to tell customers the truth"
                        ),
                    )
                    .at(place)
                    .help(format!("write notices: {{{notice}: {{zh: …, en: …}}}}")),
                );
            }
        }
    }
    for (mode, periods) in &settings.modes.periods {
        for period in periods {
            let over = knowledge.zone.to_ambiguous_timestamp(period.until.value).compatible();
            if over.is_ok_and(|over| now.duration_since(over) > LONG) {
                report.push(
                    Finding::warning(
                        "period-over",
                        format!("this period of `{mode}` was over on {}", period.until.value.date()),
                    )
                    .at(&period.until.place)
                    .help("delete it, or write the next dates"),
                );
            }
        }
    }
}
