//! Ladders on which nothing climbs: a queue that names the next one and has no time after which it does.

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let settings = &engine.book().settings;
    let by_channel = settings.channels.iter().any(|(_, channel)| channel.first_response.is_some());
    for (name, queue) in &settings.queues {
        let Some(next) = &queue.escalate_to else { continue };
        if queue.first_response.is_none() && queue.transfer.is_none() && !by_channel {
            report.push(
                Finding::warning(
                    "never-escalates",
                    format!("`{name}` names a queue to escalate to, but no target that could be missed"),
                )
                .at(&next.place)
                .help("give the queue a first_response: 120s (open time until a person answers), or a transfer: 30m"),
            );
        }
    }
}
