//! Hours without words for them: a customer would be left without an answer (lesson 1 of the trade's complaints). And words that are
//! too long for a platform which takes one message at that moment.

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::ChannelKind;

/// Notices that customer service of WeCom takes as one message or not at all, and the bytes that it takes: as a welcome, while a
/// customer waits in its pool, when a person takes over, at the end.
const ONE_MESSAGE: &[(&str, usize)] = &[
    ("greeting", 2_048),
    ("waiting", 2_048),
    ("closed", 2_048),
    ("handed_over", 2_048),
    ("delayed", 2_048),
    ("taken", 2_048),
    ("transferred", 2_048),
    ("goodbye", 2_048),
    ("peak", 2_048),
    ("queue_full", 2_048),
    ("degraded", 2_048),
    // Above buttons.
    ("survey", 1_024),
];

pub(super) fn check(engine: &Engine, report: &mut Report) {
    missing(engine, report);
    long(engine, report);
}

fn long(engine: &Engine, report: &mut Report) {
    let settings = &engine.book().settings;
    let Some((channel, _)) = settings.channels.iter().find(|(_, spec)| spec.kind == ChannelKind::WecomKf) else {
        return;
    };
    for (id, most) in ONE_MESSAGE {
        let Some(notice) = settings.notices.get(*id) else { continue };
        for text in notice.by_language.values().filter(|text| text.value.len() > *most) {
            let bytes = text.value.len();
            let what =
                format!("`{id}` has {bytes} bytes, and the channel `{channel}` takes one message of {most} there");
            let help =
                "write it shorter (a Chinese character has 3 bytes): of a longer one only the first sentences are sent";
            report.push(Finding::warning("long-notice", what).at(&text.place).help(help));
        }
    }
}

fn missing(engine: &Engine, report: &mut Report) {
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
