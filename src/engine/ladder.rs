//! The ladder of queues by which cases escalate, and the targets that it runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::diag::{Finding, Report};
use crate::rules::Settings;

/// Targets of channels by name.
pub(super) fn channel_targets(settings: &Settings) -> BTreeMap<String, Duration> {
    settings.channels.iter().filter_map(|(name, channel)| Some((name.clone(), channel.first_response?))).collect()
}

/// Reports ladders without an end. Each circle is said once, at its first queue by name.
pub(super) fn check(settings: &Settings, report: &mut Report) {
    let mut told = BTreeSet::new();
    for name in settings.queues.keys() {
        let mut way: Vec<&str> = Vec::new();
        let mut at = name.as_str();
        while let Some(next) = settings.queues.get(at).and_then(|queue| queue.escalate_to.as_ref()) {
            if let Some(start) = way.iter().position(|queue| *queue == at) {
                // Reached from outside, the circle is said where it is met from within.
                if start == 0 && way.iter().all(|queue| told.insert((*queue).to_owned())) {
                    let circle: Vec<String> = way.iter().chain([&at]).map(|queue| format!("`{queue}`")).collect();
                    report.push(
                        Finding::error(
                            "escalation-circle",
                            format!("cases would go round without an end: {}", circle.join(" → ")),
                        )
                        .at(&next.place)
                        .help("take `escalate_to` out of the last queue of the ladder"),
                    );
                }
                break;
            }
            way.push(at);
            at = &next.value;
        }
    }
}
