//! Hours without words for them: a customer would be left without an answer (lesson 1 of the trade's complaints).

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let (knowledge, settings) = (engine.knowledge(), &engine.book().settings);
    let place = settings.places.get("notices");
    let mut missing = |id: &str, why: String| {
        if !knowledge.notices.contains_key(id) {
            let finding = Finding::error("missing-notice", format!("there is no `{id}` notice, but {why}"));
            let finding = finding.help(format!("write notices: {{{id}: {{zh: …, en: …}}}}"));
            report.push(match place {
                Some(place) => finding.at(place),
                None => finding,
            });
        }
    };
    if let Some((name, _)) = knowledge.queues.iter().find(|(_, queue)| !queue.schedule.always_open()) {
        missing(
            "closed",
            format!("the queue `{name}` has closing times, and customers must hear when people are back"),
        );
    }
    missing("handed_over", "a customer must hear that a person takes over".to_owned());
}
