//! Messages for people have a link to the case, which has to work on their phones.

use crate::diag::{Finding, Report};
use crate::engine::Engine;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let settings = &engine.book().settings;
    if settings.public_url.is_some() {
        return;
    }
    for (name, webhook) in settings.webhooks.iter().filter(|(_, webhook)| webhook.format.is_for_people()) {
        report.push(
            Finding::warning("no-public-url", format!("the links in the messages of `{name}` lead to this machine"))
                .at(&webhook.place)
                .help("write `public_url: https://…`, the address under which your people reach the console"),
        );
    }
}
