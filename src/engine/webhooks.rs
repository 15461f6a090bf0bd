//! What each format of a webhook needs, and what means nothing to it.

use crate::diag::{Finding, Report};
use crate::rules::{Settings, WebhookFormat, WebhookSpec};

/// Keys that only help desks have.
const DESKS: [&str; 5] = ["inbox", "hmac_token", "email", "token", "url_key"];

/// Looks at all webhooks.
pub(super) fn check(settings: &Settings, report: &mut Report) {
    for (name, webhook) in &settings.webhooks {
        super::build::check_url(&webhook.url, report);
        check_address(webhook, report);
        check_keys(name, webhook, report);
    }
}

/// The part of a robot's address that makes it this robot's.
fn check_address(webhook: &WebhookSpec, report: &mut Report) {
    let needed = match webhook.format {
        WebhookFormat::WecomRobot => "key",
        WebhookFormat::Dingtalk => "access_token",
        _ => return,
    };
    let has = |url: reqwest::Url| url.query_pairs().any(|(key, value)| key == needed && !value.is_empty());
    if reqwest::Url::parse(&webhook.url.value).is_ok_and(|url| !has(url)) {
        report.push(
            Finding::error("bad-url", format!("the address of a `{}` has `{needed}=`", webhook.format.as_str()))
                .at(&webhook.url.place)
                .help("copy the robot's whole address from its settings in the group"),
        );
    }
}

fn check_keys(name: &str, webhook: &WebhookSpec, report: &mut Report) {
    let format = webhook.format.as_str();
    let has = |key: &str| webhook.places.iter().any(|place| place.value == key);
    let mut missing = |key: &str, help: &str| {
        let finding =
            Finding::error("missing-key", format!("the webhook `{name}`, whose format is `{format}`, needs `{key}`"));
        report.push(finding.at(&webhook.place).help(help));
    };
    for (key, help) in webhook.format.needs().iter().filter(|(key, _)| !has(key)) {
        missing(key, help);
    }
    if webhook.format.is_desk() && !has("secret") && !has("url_key") {
        missing(
            "secret",
            "what its people write comes back signed with it: secret: \"${NAME}\"; a desk that signs nothing has url_key instead",
        );
    }
    for key in &webhook.places {
        let help = match key.value.as_str() {
            "secret" if !webhook.format.is_signed() => {
                "its address is its secret: keep that out of the file, url: \"${NAME}\", and take `secret` out"
            }
            "mention" | "rate" if !webhook.format.is_for_people() => {
                "a program gets everything at once and calls nobody by name; take the line out, or name the robot's format"
            }
            key if DESKS.contains(&key) && !webhook.format.may_have().contains(&key) => {
                "it belongs to a help desk of another format; take the line out, or correct `format`"
            }
            _ => continue,
        };
        report.push(
            Finding::error(
                "wrong-format",
                format!("`{}` means nothing to the webhook `{name}`, whose format is `{format}`", key.value),
            )
            .at(&key.place)
            .help(help),
        );
    }
}
