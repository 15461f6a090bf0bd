//! Words in agents' messages that must not be said: looked for before a message is sent, and counted whether it is or not.

use jiff::Timestamp;

use crate::engine::Unfit;
use crate::message::Conversation;
use crate::rules::wording::Strictness;
use crate::store::{Commit, WordingRow};

use super::{Action, Actor, AgentError, Pipeline};

impl Pipeline {
    /// What of an agent's message must not be said; nothing for all else.
    ///
    /// # Errors
    /// When the message is held back for it, which is counted on disk by then; or the store refuses.
    pub(super) async fn watch_wording(
        &self,
        conversation: &Conversation,
        actor: &Actor,
        action: &Action,
        now: Timestamp,
    ) -> Result<Vec<Unfit>, AgentError> {
        let Action::Reply { text, anyway, .. } = action else { return Ok(Vec::new()) };
        let engine = self.engine.load_full();
        let found = engine.unfit(text);
        // A desk that does not know the question would think that its message was sent.
        let usual = if matches!(actor, Actor::Desk(_)) { Strictness::Note } else { Strictness::default() };
        let may_insist = match engine.book().settings.agents_wording.unwrap_or(usual) {
            Strictness::Note => return Ok(found),
            Strictness::Warn => true,
            Strictness::Refuse => false,
        };
        if found.is_empty() || (may_insist && *anyway) {
            return Ok(found);
        }
        let wordings = found.iter().map(|unfit| row(conversation, actor.name(), unfit, false, now)).collect();
        self.guard(self.store.commit(Commit { wordings, ..Commit::default() }).await)?;
        self.count_wording(&found, false);
        let ids: Vec<&str> = found.iter().map(|unfit| unfit.id.as_str()).collect();
        tracing::info!(conversation = conversation.id, wording = ids.join(","), "An agent's message was held back.");
        Err(AgentError::Wording { found, may_insist })
    }

    /// Figures of what is on disk.
    pub(super) fn count_wording(&self, found: &[Unfit], sent: bool) {
        for unfit in found {
            self.metrics.wording(&unfit.id, sent);
        }
    }
}

/// The row of one wording: never the words.
pub(super) fn row(conversation: &Conversation, agent: &str, unfit: &Unfit, sent: bool, now: Timestamp) -> WordingRow {
    WordingRow {
        at: now,
        agent: agent.to_owned(),
        conversation: conversation.id.clone(),
        wording: unfit.id.clone(),
        sent,
    }
}
