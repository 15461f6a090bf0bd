//! Messages for people have a link to the case, which has to work on their phones.

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let settings = &engine.book().settings;
    let people = settings.webhooks.iter().find(|(_, webhook)| webhook.format.is_for_people());
    let (Some((name, _)), None) = (people, &settings.public_url) else { return };
    let finding = Finding::warning(
        "no-public-url",
        format!("the links in the messages of the webhook `{name}` lead to this machine"),
    )
    .help("write `public_url: https://…`, the address under which your people reach the console");
    // Not at the webhook itself: its line may hold a robot's address, and warnings are logged at every start.
    report.push(match settings.places.get("webhooks") {
        Some(place) => finding.at(place),
        None => finding,
    });
}
