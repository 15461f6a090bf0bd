//! What a rule looks up: the request with its values, and what is said until the answer is there.

use percent_encoding::percent_decode_str;

use crate::message::{Looking, OutcomeKind, Reason, Scored};
use crate::template::{TemplateError, TemplateId};

use super::super::context::{self, Scope};
use super::super::knowledge::{BuiltRule, BuiltTarget};
use super::super::outcome::{LookupRequest, Outcome, Target};
use super::{MAX_LOOKING, Turn};

impl Turn<'_> {
    /// What comes if a look-up is not done at once: the customer hears that it takes a moment, and the conversation waits for it.
    pub(in crate::decide) fn look_up(mut self, request: LookupRequest, candidates: &[Scored]) -> Outcome {
        self.trace.notes.push(format!("`{}` looks something up", request.rule));
        let (message, rule, slots) = (self.inbound.message.clone(), request.rule.clone(), self.next.slots.clone());
        self.next.looking.push(Looking { message, rule, slots, since: self.now });
        if self.next.looking.len() > MAX_LOOKING {
            self.next.looking.remove(0);
        }
        self.push_notice("looking_up", None);
        let rule = (request.rule.clone(), request.score);
        self.lookup = Some(request);
        self.finish(OutcomeKind::Slot, Reason::Matched, Some(rule), candidates)
    }

    /// What a look-up asks, with its values; those in an address are escaped. A value that would lead to another address than the
    /// rule's is an error.
    pub(in crate::decide) fn target(&self, rule: &BuiltRule, target: &BuiltTarget) -> Result<Target, TemplateError> {
        let plain = Scope::of(None, Some(&rule.id), &self.language);
        let write = |id: TemplateId, escaped: bool| {
            let scope = Scope { escaped, ..plain };
            let context = || context::context(self.knowledge, self.inbound, &self.next, self.now, scope);
            self.knowledge.templates.render(id, context)
        };
        match target {
            BuiltTarget::Http(url, form) => {
                let field = |(name, value): &(String, TemplateId)| Ok((name.clone(), write(*value, false)?));
                let url = write(*url, true)?;
                if climbs(&url) {
                    let message = "a value that is only dots would lead to another address".to_owned();
                    return Err(TemplateError { message, span: None });
                }
                Ok(Target::Http { url, form: form.iter().map(field).collect::<Result<_, TemplateError>>()? })
            }
            BuiltTarget::Parcel(service, parts) => {
                let part = |id: Option<TemplateId>| id.map_or_else(|| Ok(String::new()), |id| write(id, false));
                let [carrier, number, phone] = *parts;
                Ok(Target::Parcel {
                    service: *service,
                    carrier: part(carrier)?,
                    number: part(number)?,
                    phone: part(phone)?,
                })
            }
        }
    }
}

/// Whether a part of an address's path is `.` or `..`: every reader of addresses takes that for "here" and "one up", escaped or
/// not, and some systems unescape more than once.
fn climbs(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let mut path = rest.split(['?', '#']).next().unwrap_or_default().to_owned();
    loop {
        let plain = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if plain == path {
            break;
        }
        path = plain;
    }
    // `..;x` is `..` with a parameter to servers of Java.
    let part = |part: &str| matches!(part.split(';').next().unwrap_or_default().trim(), "." | "..");
    path.split(['/', '\\']).skip(1).any(part)
}

#[cfg(test)]
mod tests {
    use super::climbs;

    #[test]
    fn dots_that_lead_elsewhere_are_seen_in_any_writing() {
        for part in [
            ".",
            "..",
            "%2E%2E",
            "%2e%2E",
            "%252E%252E",
            "%25252e.",
            "..%2F..",
            "a%2F..%2F..",
            "%2E%2E%5Cx",
            "..%3Bx",
            "%09..",
        ] {
            for address in ["https://erp.example/api/orders/{}", "https://erp.example/api/{}/state?x=1"] {
                let url = address.replace("{}", part);
                assert!(climbs(&url), "{url}");
            }
        }
        for url in [
            "https://erp.example/api/orders/202611220001",
            "https://erp.example/api/orders/a%2E%2E",
            "https://erp.example/api/orders/%2E%2E%2E",
            "https://erp.example/api/orders?number=%2E%2E",
            "https://erp.example/api/orders#/../x",
            "https://erp.example",
            "",
        ] {
            assert!(!climbs(url), "{url}");
        }
    }
}
