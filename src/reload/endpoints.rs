//! The receivers of deliveries that a shop's files name.

use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use crate::diag::{Finding, Report};
use crate::handoff::signing::SigningKey;
use crate::handoff::{Endpoint, People};
use crate::rules::{Settings, WebhookFormat, WebhookSpec};

/// The receivers of deliveries: the webhooks, and the channels' reply addresses.
#[must_use]
pub fn endpoints(settings: &Settings, report: &mut Report) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for (name, webhook) in &settings.webhooks {
        // A platform's own secrets have their own forms, and are taken as they are.
        let own = if webhook.format == WebhookFormat::Standard { webhook.secrets.as_slice() } else { &[] };
        let mut keys = Vec::new();
        for secret in own {
            match SigningKey::parse(secret.expose_secret()) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    let message = format!("the secret of the webhook `{name}` cannot be used: {error}");
                    report.push(Finding::error("bad-secret", message).at(&webhook.place));
                }
            }
        }
        let (timeout, retry, format) = (webhook.timeout, webhook.retry.clone(), webhook.format);
        let people = people(settings, webhook);
        let courier = crate::channel::desk::courier(name, webhook, &people);
        let plain = Endpoint::new(name, &webhook.url.value);
        endpoints.push(Endpoint { keys, timeout, retry, format, people, courier, ..plain });
    }
    for (name, channel) in &settings.channels {
        endpoints.extend(crate::channel::endpoint(name, channel, report));
    }
    endpoints
}

/// How a webhook's people are spoken to: in the shop's first language and its own time.
fn people(settings: &Settings, webhook: &WebhookSpec) -> People {
    let language = settings.default_language();
    People {
        chinese: language == "zh" || language.starts_with("zh-"),
        zone: TimeZone::get(&settings.timezone.value).unwrap_or(TimeZone::UTC),
        mention: webhook.mention.iter().map(|who| who.value.clone()).collect(),
        // Where there are two, the first is the one in use.
        secret: webhook.secrets.first().cloned(),
        rates: webhook.rates.clone(),
    }
}
