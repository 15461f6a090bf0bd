//! Look-ups, compiled, and what their kinds and the systems that they ask need; each mistake put where it stands in the file.

use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::decide::knowledge::{BuiltLookup, BuiltTarget};
use crate::diag::{Finding, Report};
use crate::rules::model::{Located, LookupSpec, LookupTarget, ParcelService};
use crate::rules::{Book, LookupSettings, SignMethod, SignSpec};
use crate::template::{TemplateId, Templates};

use super::build::check_url;
use super::texts;

/// Keys that any look-up may have.
const COMMON: [&str; 5] = ["kind", "if", "timeout", "cache", "sample"];
/// Keys that only a system of the shop has.
const OF_HTTP: [&str; 2] = ["url", "form"];
/// Keys that only a service for parcels has.
const OF_PARCELS: [&str; 3] = ["carrier", "number", "phone"];

/// A look-up; none if it cannot be done.
pub(super) fn lookup(
    spec: &LookupSpec,
    book: &Book,
    templates: &mut Templates,
    report: &mut Report,
) -> Option<BuiltLookup> {
    let condition =
        spec.condition.as_ref().map(|source| texts::expression(source, &book.settings.values, templates, report));
    let before = report.errors();
    check_keys(spec, &book.settings.lookups, report);
    let target = target(&spec.target, templates, report);
    if let LookupTarget::Http { url: Some(url), .. } = &spec.target {
        check_host(url, &book.settings.values, templates, report);
    }
    if report.errors() > before {
        return None;
    }
    let rests = match &spec.target {
        LookupTarget::Parcel { service, .. } => service.rests(),
        LookupTarget::Http { .. } => std::time::Duration::ZERO,
    };
    let cache = spec.cache.unwrap_or(rests);
    if cache < rests {
        report.push(
            Finding::error("cache-too-short", "快递100 locks a number that is asked for twice within 30 minutes")
                .at(spec.keys.iter().find(|key| key.value == "cache").map_or(&spec.place, |key| &key.place))
                .help("take `cache` out, or write 30m or more; an answer is used again for so long"),
        );
    }
    Some(BuiltLookup { condition, target: target?, timeout: spec.timeout, cache, sample: spec.sample.clone() })
}

fn target(target: &LookupTarget, templates: &mut Templates, report: &mut Report) -> Option<BuiltTarget> {
    let mut written = |source: &Located<String>| -> Option<TemplateId> {
        match templates.text(&source.value) {
            Ok(id) => Some(id),
            Err(error) => {
                report.push(texts::template_finding(&error, source, report));
                None
            }
        }
    };
    match target {
        LookupTarget::Http { url, form } => {
            let url = written(url.as_ref()?)?;
            let fields = form.iter().filter_map(|(name, value)| Some((name.clone(), written(value)?)));
            Some(BuiltTarget::Http(url, fields.collect()))
        }
        LookupTarget::Parcel { service, carrier, number, phone } => {
            let parts = [carrier, number, phone].map(|part| part.as_ref().and_then(&mut written));
            Some(BuiltTarget::Parcel(*service, parts))
        }
    }
}

/// Nobody but the shop says which system is asked: no value may stand in an address before its path, except the shop's settings.
fn check_host(url: &Located<String>, settings: &serde_json::Value, templates: &Templates, report: &mut Report) {
    // What stands before the place that is looked at, with settings written out.
    let (mut before, mut at) = (String::new(), 0);
    while let Some(next) = url.value.get(at..).and_then(|rest| rest.find("{{")) {
        before.push_str(&url.value[at..at + next]);
        let start = at + next;
        if has_host(&before) {
            return;
        }
        let Some(length) = url.value[start..].find("}}") else { return };
        let expression = url.value[start + 2..start + length].trim_matches(|c: char| c == '-' || c.is_whitespace());
        at = start + length + 2;
        let own = templates.names(expression).is_none_or(|names| {
            !names.is_empty() && names.iter().all(|name| name.split('.').next() == Some("settings"))
        });
        if !own {
            report.push(
                Finding::error("value-in-host", "a value in this place would say which system is asked")
                    .at(&texts::inside(url, Some(start..at), report))
                    .help("write the host, or a setting with a slash behind it: \"{{ settings.erp_url }}/orders/{{ slots.order_no }}\""),
            );
            return;
        }
        let mut path = expression.split('.').skip(1);
        let value = path.try_fold(settings, |value, key| value.get(key)).and_then(serde_json::Value::as_str);
        match value.filter(|value| before.contains("://") || value.contains("://")) {
            Some(value) => before.push_str(value),
            // Not written yet, or worked out: taken for a whole address without a path.
            None if before.is_empty() => before.push_str("https://host"),
            None => {}
        }
    }
}

/// Whether the beginning of an address goes beyond its host and port.
fn has_host(address: &str) -> bool {
    address.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

/// What its kind needs and has not, and what belongs to other kinds.
fn check_keys(spec: &LookupSpec, settings: &LookupSettings, report: &mut Report) {
    let mut missing = |what: String, help: &str| {
        report.push(Finding::error("missing-key", what).at(&spec.place).help(help));
    };
    let (kind, own): (&str, &[&str]) = match &spec.target {
        LookupTarget::Http { url, .. } => {
            if url.is_none() {
                missing(
                    "this look-up needs `url`".to_owned(),
                    "write url: \"{{ settings.erp_url }}/orders/{{ slots.order_no }}\"",
                );
            }
            ("http", &OF_HTTP)
        }
        LookupTarget::Parcel { service, carrier, number, .. } => {
            let kind = service.as_str();
            if number.is_none() {
                missing(
                    format!("a look-up of kind {kind} needs `number`"),
                    "write number: \"{{ slots.tracking_no }}\"",
                );
            }
            if carrier.is_none() && *service == ParcelService::Kuaidi100 {
                missing(
                    format!("a look-up of kind {kind} needs `carrier`"),
                    "write carrier: \"{{ slots.carrier }}\", or the code of the one that the shop sends with: carrier: shunfeng",
                );
            }
            if settings.account(*service).is_none() {
                let id = if *service == ParcelService::Kuaidi100 { "customer" } else { "business_id" };
                let account = format!(
                    "write in nightdesk.yaml lookups: {{{kind}: {{{id}: \"${{{0}_ID}}\", key: \"${{{0}_KEY}}\"}}}}",
                    kind.to_uppercase()
                );
                missing(format!("nightdesk.yaml has no account for look-ups of kind {kind}"), &account);
            }
            (kind, &OF_PARCELS)
        }
    };
    for key in
        spec.keys.iter().filter(|key| !COMMON.contains(&key.value.as_str()) && !own.contains(&key.value.as_str()))
    {
        report.push(
            Finding::error("unknown-key", format!("a look-up of kind {kind} has no `{}`", key.value))
                .at(&key.place)
                .help("delete the line, or correct `kind`"),
        );
    }
}

/// Headers that cannot be sent, signatures that cannot be made, addresses that are none.
pub(super) fn check_settings(settings: &LookupSettings, report: &mut Report) {
    for (name, value) in settings.headers.values().flatten() {
        check_header(name, value, report);
    }
    for account in [&settings.kuaidi100, &settings.kdniao].into_iter().flatten() {
        check_url(&account.base_url, report);
    }
    for sign in settings.sign.values() {
        check_sign(sign, report);
    }
}

fn check_sign(sign: &SignSpec, report: &mut Report) {
    if let Some(header) = &sign.header {
        check_header(header, &SecretString::from(""), report);
    }
    let joined = sign.method == SignMethod::Md5ConcatUpper;
    if joined && sign.parts.is_empty() {
        report.push(
            Finding::error("missing-key", "a signature of method md5_concat_upper needs `parts`")
                .at(&sign.place)
                .help("name the parameters whose values are joined, and where the secret stands: parts: [param, secret, customer]"),
        );
    }
    if let Some(part) = sign.parts.first().filter(|_| !joined) {
        report.push(
            Finding::error("unknown-key", "only a signature of method md5_concat_upper has `parts`")
                .at(&part.place)
                .help("delete the line, or correct `method`"),
        );
    }
}

fn check_header(name: &Located<String>, value: &SecretString, report: &mut Report) {
    let fits =
        HeaderName::from_bytes(name.value.as_bytes()).is_ok() && HeaderValue::from_str(value.expose_secret()).is_ok();
    if !fits {
        report.push(
            Finding::error("bad-header", format!("`{}` cannot be sent as a header with this value", name.value))
                .at(&name.place)
                .help("a name has no spaces and no Chinese, a value is one line: {Authorization: \"Bearer ${ERP_TOKEN}\"}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::diag::Place;

    #[test]
    fn only_the_shop_says_which_system_is_asked() {
        let settings =
            json!({"erp": "https://erp.example", "path": "https://erp.example/api/", "none": "", "port": "8443"});
        let refused = |url: &str| {
            let place = Place { file: Arc::from("x.yaml"), span: 0..0 };
            let mut report = Report::default();
            check_host(&Located { value: url.to_owned(), place }, &settings, &Templates::new(), &mut report);
            report.errors() > 0
        };
        for url in [
            "https://erp.example/orders/{{ slots.order_no }}",
            "https://erp.example?number={{ slots.order_no }}",
            "https://erp.example",
            "{{ settings.erp }}/orders/{{ slots.order_no }}",
            "{{ settings.path }}{{ slots.order_no }}",
            "{{ settings.none }}/orders/{{ slots.order_no }}",
            "{{ settings.gone | default('x') }}/orders/{{ slots.order_no }}",
            "https://erp.example:{{ settings.port }}/{{ slots.order_no }}",
        ] {
            assert!(!refused(url), "{url}");
        }
        for url in [
            "{{ slots.host }}/orders",
            "{{- slots.host -}}/orders",
            "https://{{ slots.host }}/orders",
            "https://erp.example:{{ slots.port }}/orders",
            "https://erp.example{{ slots.order_no }}",
            "{{ settings.erp }}{{ slots.order_no }}",
            "{{ settings.erp | default(slots.host) }}/orders",
            "{{ customer.attributes.scheme }}://erp.example/",
            "{{ 'https://' ~ message.text }}/orders",
            "{% set host = slots.host %}https://{{ host }}/orders",
        ] {
            assert!(refused(url), "{url}");
        }
    }
}
