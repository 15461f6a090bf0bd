//! A candidate: other knowledge for a share of the customers, beside the shop's own.

use std::sync::Arc;

use crate::message::{Conversation, Customer};
use crate::rules::pilots;

use super::Engine;
use super::Knowledge;

/// Under this name its customers stand among the pilots of a decision.
pub const NAME: &str = "candidate";

/// What customers within a share get in place of everything else.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Customers whose number is below this.
    pub share: u16,
    /// Their rules; its own pilots among them.
    pub engine: Arc<Engine>,
}

impl Engine {
    /// The same with a candidate for customers whose number is below `share`, in ten-thousandths.
    #[must_use]
    pub fn with_candidate(&self, candidate: Self, share: u16) -> Self {
        let candidate = Self { candidate: None, ..candidate };
        Self { candidate: Some(Candidate { share, engine: Arc::new(candidate) }), ..self.clone() }
    }

    /// Hash of the files by which a customer's messages are decided.
    #[must_use]
    pub fn rule_set(&self, customer: &Customer) -> &str {
        &self.candidate_of(customer).unwrap_or(self).knowledge.hash
    }

    /// The candidate, if the customer gets it.
    pub(super) fn candidate_of(&self, customer: &Customer) -> Option<&Self> {
        let candidate = self.candidate.as_ref()?;
        (pilots::number(&customer.id) < candidate.share).then_some(&candidate.engine)
    }

    /// What is decided with for a customer, in a conversation as it stands: a dialogue that was begun with other rules, such as
    /// before the customer was known by another id, is brought to its end with those.
    pub(super) fn knowledge_for(&self, customer: &Customer, conversation: &Conversation) -> &Knowledge {
        let own = self.knowledge_of(customer);
        let Some(dialogue) = &conversation.dialogue else { return own };
        let asks = |knowledge: &&Knowledge| {
            let rule = knowledge.by_id.get(&dialogue.rule).and_then(|rule| knowledge.rules.get(*rule as usize));
            rule.is_some_and(|rule| rule.slots.iter().any(|slot| slot.name == dialogue.asked))
        };
        if asks(&own) { own } else { self.all().find(asks).unwrap_or(own) }
    }

    /// All that is decided with for some customer.
    fn all(&self) -> Box<dyn Iterator<Item = &Knowledge> + '_> {
        let arms = self.arms.iter().map(|arm| &arm.engine.knowledge);
        let candidate = self.candidate.iter().flat_map(|candidate| candidate.engine.all());
        Box::new(std::iter::once(&self.knowledge).chain(arms).chain(candidate))
    }
}
