//! Urgent cases that would wait: an urgent rule whose queue has closing times.

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let knowledge = engine.knowledge();
    for rule in engine.book().rules.iter().filter(|rule| rule.urgent) {
        let named = rule.handoff.as_ref().and_then(|handoff| handoff.queue.as_ref());
        let always = named
            .and_then(|queue| knowledge.queues.get(&queue.value))
            .is_some_and(|queue| queue.schedule.always_open());
        if !always {
            let what = match named {
                Some(queue) => format!("the queue `{}` has closing times", queue.value),
                None => "it names no queue that is always open".to_owned(),
            };
            let place = named.map_or(&rule.id.place, |queue| &queue.place);
            report.push(
                Finding::warning("urgent-waits", format!("`{}` is urgent, but {what}", rule.id.value))
                    .at(place)
                    .help("send it to a queue whose hours are mon-sun: [\"00:00-24:00\"]"),
            );
        }
    }
}
