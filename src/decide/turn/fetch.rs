//! What a rule looks up: the request with its values, and what is said until the answer is there.

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

    /// What a look-up asks, with its values; those in an address are escaped.
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
                Ok(Target::Http {
                    url: write(*url, true)?,
                    form: form.iter().map(field).collect::<Result<_, TemplateError>>()?,
                })
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
