//! A person passes a case on to another queue, with a word to the colleagues there.

use std::sync::Arc;

use jiff::Timestamp;

use crate::decide::escalate;
use crate::engine::Engine;
use crate::message::{Conversation, Note, State};
use crate::store::{StoreError, TimerRow};

use super::agent::{Acted, Actor, AgentError, owner};
use super::settle::Way;
use super::{Pipeline, TRIES, conversation};

impl Pipeline {
    /// Moves a conversation that waits, or that this person has, to another queue: it waits there as a new case does, with its own
    /// target, and both queues hear of it.
    ///
    /// # Errors
    /// When it cannot be done; nothing has changed then.
    pub async fn transfer(
        self: &Arc<Self>,
        id: &str,
        actor: &Actor,
        queue: &str,
        note: Option<&str>,
    ) -> Result<Acted, AgentError> {
        let turn = self.turns.enter(id.to_owned()).await;
        let _turn = turn.ok_or_else(|| StoreError::Unavailable("too much waits for this conversation".to_owned()))?;
        if let Some(held) = self.holds.take(id) {
            self.finish(held, Way::Final).await;
        }
        for _ in 0..TRIES {
            let row = self.guard(self.store.conversation(id).await)?.ok_or(AgentError::Unknown)?;
            let before = conversation(&row)?;
            let (now, engine) = (self.clock.now(), self.engine.load_full());
            may_transfer(&engine, &before, actor, queue)?;
            let noted = Conversation {
                note: note.map(|text| Note { text: text.to_owned(), by: actor.name().to_owned(), at: now }),
                ..before.clone()
            };
            let step = escalate::transfer(engine.knowledge(), &noted, queue, now)
                .ok_or(AgentError::WrongState(before.state))?;
            let timer = TimerRow { conversation: id.to_owned(), at: engine.next_timer(&step.conversation) };
            let (commit, events) = self.escalated(&engine, &before, &row, &step, timer, now).await?;
            match self.store.commit(commit.clone()).await {
                Ok(()) => {
                    self.spoken(&before, &step.conversation, row.version, &commit, &events);
                    tracing::info!(conversation = id, by = actor.kind(), queue, "A person passed a case on.");
                    return Ok(Acted { conversation: step.conversation, seq: events.seq(), wording: Vec::new() });
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return self.guard(Err(error)).map_err(Into::into),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

fn may_transfer(engine: &Engine, before: &Conversation, actor: &Actor, queue: &str) -> Result<(), AgentError> {
    if !engine.knowledge().queues.contains_key(queue) {
        return Err(AgentError::NoQueue(engine.knowledge().queues.keys().cloned().collect()));
    }
    match (before.state, owner(before)) {
        (State::Human, Some(owner)) if owner != actor.name() && matches!(actor, Actor::Agent(_)) => {
            Err(AgentError::TakenBy(owner.to_owned()))
        }
        (State::Queued, _) if before.handoff.as_ref().is_some_and(|handoff| handoff.queue == queue) => {
            Err(AgentError::ThereAlready(queue.to_owned()))
        }
        (State::Human | State::Queued, _) => Ok(()),
        (state, _) => Err(AgentError::WrongState(state)),
    }
}

/// What the transfer's event tells besides the case.
pub(super) fn told(before: Option<&str>, after: &Conversation, now: Timestamp) -> serde_json::Value {
    let note = after.note.as_ref().filter(|note| note.at == now);
    serde_json::json!({"transfer": {"from": before, "by": note.map(|note| &note.by), "note": note.map(|note| &note.text)}})
}
