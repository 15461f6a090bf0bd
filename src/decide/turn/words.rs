//! The words of a turn: texts in the customer's language, answers with their options, notices.

use super::Turn;
use crate::decide::context::{self, Scope};
use crate::decide::knowledge::{BuiltRule, BuiltText};
use crate::decide::routing::{self, Case};
use crate::decide::{notices, speak, survey};
use crate::message::{Choice, Kind, OutcomeKind, Reply};
use crate::modes::Mode;
use crate::template::{ExpressionId, TemplateError};

impl<'a> Turn<'a> {
    /// Gives the notice of a special mode that is on, once in each conversation; `again`: even then.
    pub(super) fn tell_mode(&mut self, mode: Mode, again: bool) {
        let Some(since) = self.knowledge.modes.since(mode, self.now) else { return };
        let key = notices::mode_key(mode, since);
        if again || notices::given_at(&self.next, &key).is_none() {
            self.push_notice(mode.as_str(), Some(key));
        }
    }

    /// Tells whoever is answered while systems are down, before all else.
    pub(super) fn tell_degraded(&mut self, outcome: OutcomeKind) {
        let heard = !survey::is_apart(&self.inbound.gesture) && !matches!(outcome, OutcomeKind::Survey);
        if self.replies.is_empty() || !heard || !self.modes.contains(&Mode::Degraded) {
            return;
        }
        let before = self.replies.len();
        self.tell_mode(Mode::Degraded, false);
        if self.replies.len() > before {
            self.replies.rotate_right(1);
        }
    }

    /// An entry as an option: its title in the customer's language.
    pub(in crate::decide) fn choice(&self, rule: &BuiltRule) -> Option<Choice> {
        let label = self.say(rule.title.as_ref()?, Some(rule)).ok().filter(|label| !label.is_empty())?;
        Some(Choice { id: rule.id.clone(), label })
    }

    /// Whether an expression of a rule holds now.
    pub(in crate::decide) fn holds(&self, rule: &BuiltRule, id: ExpressionId) -> Result<bool, TemplateError> {
        let queue = self.knowledge.templates.condition_asks_hours(id).then(|| self.queue_meant(Some(rule)));
        let scope = Scope::of(queue.as_deref(), Some(&rule.id), &self.language);
        let context = context::context(self.knowledge, self.inbound, &self.next, self.now, scope);
        self.knowledge.templates.holds(id, &context)
    }

    /// The question which of some entries is meant, if there are any and the shop has words for it.
    pub(super) fn which(&self, options: Vec<Choice>) -> Option<Reply> {
        let said = self.knowledge.notices.get("choice").and_then(|text| self.say(text, None).ok());
        let text = said.filter(|said| !said.is_empty() && !options.is_empty())?;
        Some(Reply { message: self.reply_id(), kind: Kind::Text, text, rule: None, options })
    }

    pub(super) fn push_notice(&mut self, id: &str, key: Option<String>) {
        let Some(text) = self.knowledge.notices.get(id) else { return };
        match self.say(text, None) {
            Ok(said) if !said.is_empty() => {
                let reply =
                    Reply { message: self.reply_id(), kind: Kind::Notice, text: said, rule: None, options: Vec::new() };
                self.replies.push(reply);
                self.notices.push(id.to_owned());
                if let Some(key) = key {
                    notices::remember(&mut self.next, key, self.now);
                }
            }
            Ok(_) => {}
            Err(error) => self.trace.notes.push(format!("the notice `{id}` failed: {error}")),
        }
    }

    pub(super) fn render_reply(&mut self, rule: &'a BuiltRule) -> Result<Option<Reply>, TemplateError> {
        // Variants take turns, so that the same customer does not hear the same words twice in a row.
        let given = self.before.given.get(&rule.id).map_or(0, Vec::len);
        let Some(text) = rule.replies.get(given % rule.replies.len().max(1)) else { return Ok(None) };
        let said = self.say(text, Some(rule))?;
        if said.is_empty() {
            return Ok(None);
        }
        let options = self.options(rule);
        Ok(Some(Reply { message: self.reply_id(), kind: Kind::Text, text: said, rule: Some(rule.id.clone()), options }))
    }

    pub(super) fn options(&self, rule: &BuiltRule) -> Vec<Choice> {
        let today = self.now.to_zoned(self.knowledge.zone.clone()).date();
        let most = self.peak().map_or(usize::MAX, |peak| peak.options);
        rule.options
            .iter()
            .map(|&index| &self.knowledge.rules[index as usize])
            .filter(|option| option.valid(today, &self.inbound.channel))
            .filter_map(|option| self.choice(option))
            .take(most)
            .collect()
    }

    /// The queue whose hours a text means: of the case, of the rule, or where the routes lead.
    pub(super) fn queue_meant(&self, rule: Option<&BuiltRule>) -> String {
        let queue = self.next.handoff.as_ref().map(|handoff| handoff.queue.clone());
        queue.unwrap_or_else(|| {
            let case = rule.map_or(Case::UNKNOWN, |rule| Case::of(rule, None));
            routing::way(self.knowledge, case, self.inbound, &self.next, self.now, &self.language).queue
        })
    }

    /// A text in the customer's language.
    pub(in crate::decide) fn say(&self, text: &BuiltText, rule: Option<&BuiltRule>) -> Result<String, TemplateError> {
        let asks_hours = text.by_language.values().any(|id| self.knowledge.templates.asks_hours(*id));
        let queue = asks_hours.then(|| self.queue_meant(rule));
        let scope = Scope::of(queue.as_deref(), rule.map(|r| r.id.as_str()), &self.language);
        speak::say(self.knowledge, text, self.inbound, &self.next, self.now, scope).map(|(said, _)| said)
    }

    pub(super) fn reply_id(&self) -> String {
        format!("{}-{}", self.inbound.message, self.replies.len() + 1)
    }
}
