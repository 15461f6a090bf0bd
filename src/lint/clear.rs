//! What leaves the machine in the clear, or unsigned.

use reqwest::Url;

use crate::diag::{Finding, Report};
use crate::engine::Engine;
use crate::rules::model::LookupTarget;
use crate::rules::{Settings, WebhookFormat};

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let settings = &engine.book().settings;
    let mut posted = |what: String, key: &str| {
        let finding = Finding::warning("plain-http", format!("{what} goes over the network in the clear"))
            .help("write https://, or keep the way between the two machines to yourself (VPN)");
        // Not at the address itself: it may hold a key, and warnings are logged at every start.
        report.push(match settings.places.get(key) {
            Some(place) => finding.at(place),
            None => finding,
        });
    };
    for (name, _) in settings.webhooks.iter().filter(|(_, webhook)| is_clear(&webhook.url.value)) {
        posted(format!("what the webhook `{name}` is told"), "webhooks");
    }
    for (name, channel) in &settings.channels {
        let addresses = channel.reply_url.iter().chain(&channel.base_url);
        if addresses.into_iter().any(|url| is_clear(&url.value)) {
            posted(format!("what is written to customers of the channel `{name}`"), "channels");
        }
    }
    look_ups(engine, report);
    unsigned(settings, report);
}

fn look_ups(engine: &Engine, report: &mut Report) {
    let book = engine.book();
    let looked = book.rules.iter().filter_map(|rule| Some((&rule.id.value, rule.lookup.as_ref()?)));
    for (id, lookup) in looked {
        let LookupTarget::Http { url: Some(url), .. } = &lookup.target else { continue };
        if is_clear(&begin(&url.value, &book.settings.values)) {
            report.push(
                Finding::warning(
                    "plain-http",
                    format!("what `{id}` looks up goes over the network in the clear, and so do its headers"),
                )
                .at(&url.place)
                .help("write https://, or keep the way between the two machines to yourself (VPN)"),
            );
        }
    }
    let lookups = &book.settings.lookups;
    for account in [&lookups.kuaidi100, &lookups.kdniao].into_iter().flatten() {
        if is_clear(&account.base_url.value) {
            report.push(
                Finding::warning("plain-http", "what is asked of this service goes over the network in the clear")
                    .at(&account.base_url.place)
                    .help("write https://"),
            );
        }
    }
}

fn unsigned(settings: &Settings, report: &mut Report) {
    for (name, webhook) in &settings.webhooks {
        let elsewhere = Url::parse(&webhook.url.value).is_ok_and(|url| !is_here(&url));
        if webhook.format == WebhookFormat::Standard && webhook.secrets.is_empty() && elsewhere {
            let finding = Finding::warning(
                "no-signature",
                format!("the receiver of the webhook `{name}` cannot tell our events from a stranger's"),
            )
            .help("give it a secret, secret: \"${NAME}\", and have the receiver check the signature");
            report.push(match settings.places.get("webhooks") {
                Some(place) => finding.at(place),
                None => finding,
            });
        }
    }
}

/// The beginning of an address, with a setting at its head written out.
fn begin(url: &str, settings: &serde_json::Value) -> String {
    let Some((expression, rest)) = url.strip_prefix("{{").and_then(|rest| rest.split_once("}}")) else {
        return url.split("{{").next().unwrap_or_default().to_owned();
    };
    let mut path = expression.trim_matches(|c: char| c == '-' || c.is_whitespace()).split('.').skip(1);
    let value = path.try_fold(settings, |value, key| value.get(key)).and_then(serde_json::Value::as_str);
    format!("{}{}", value.unwrap_or_default(), rest.split("{{").next().unwrap_or_default())
}

/// Whether what is sent to an address can be read on its way: `http`, and not to this machine.
fn is_clear(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !is_here(&url))
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "::1"
        || (host.starts_with("127.") && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_leaves_the_machine_in_the_clear_is_told() {
        for url in [
            "http://erp.example/",
            "http://10.0.0.7:8080/x",
            "HTTP://erp.example",
            "http://127.example/",
            "http://[::2]/",
        ] {
            assert!(is_clear(url), "{url}");
        }
        for url in
            ["https://erp.example", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]:9/", "", "erp.example"]
        {
            assert!(!is_clear(url), "{url}");
        }
        let settings = json!({"erp": "http://erp.example", "none": ""});
        assert_eq!(begin("{{ settings.erp }}/orders/{{ slots.x }}", &settings), "http://erp.example/orders/");
        assert_eq!(begin("{{ settings.none }}/orders", &settings), "/orders");
        assert_eq!(begin("http://erp.example/{{ slots.x }}", &settings), "http://erp.example/");
    }
}
