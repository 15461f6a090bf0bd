//! What a turn does besides the decision about a message: time that passes, and what the queues' webhooks hear.

use jiff::Timestamp;

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation, QueueEvent, Reply, State};

use super::script::Word;

/// Most steps of time alone within one turn: a repetition that goes on for years is cut off.
const MOST: usize = 10_000;

/// What happened in a turn.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// Types of what the queues' webhooks heard, in order.
    pub events: Vec<&'static str>,
    /// What the customer was told while the time passed.
    pub replies: Vec<Reply>,
    /// Notices among that.
    pub notices: Vec<String>,
}

impl Happened {
    /// Lets time pass, and does what it alone does, each step at its own instant.
    pub(super) fn wait(&mut self, engine: &Engine, conversation: &mut Conversation, from: Timestamp, until: Timestamp) {
        for _ in 0..MOST {
            let Some(at) = engine.next_timer(conversation).filter(|at| *at <= until) else { return };
            let Some(step) = engine.time_is_up(conversation, at.max(from)) else { return };
            if step.from.is_some() {
                self.events.push("handoff.moved");
            }
            self.events.push(step.why.event());
            self.replies.extend(step.replies);
            self.notices.extend(step.notices);
            *conversation = step.conversation;
        }
    }

    /// A person acts.
    pub(super) fn person(&mut self, word: &Word, conversation: &mut Conversation, now: Timestamp) {
        let event = match word {
            Word::Take => {
                if conversation.state != State::Human {
                    conversation.awaits_agent = Some(now);
                }
                conversation.state = State::Human;
                conversation.handoff.iter_mut().for_each(|handoff| handoff.ladder.besides = false);
                return;
            }
            Word::Return => {
                conversation.state = State::Bot;
                "conversation.returned"
            }
            Word::Close => {
                conversation.state = State::Closed;
                "conversation.closed"
            }
            Word::Say(_) | Word::Send(..) | Word::Select(_) => return,
        };
        conversation.awaits_agent = None;
        if conversation.handoff.take().is_some() {
            self.events.push(event);
        }
    }

    /// A message was decided.
    pub(super) fn decided(&mut self, outcome: &Outcome) {
        match &outcome.queue {
            Some(QueueEvent::Created { replaces }) => {
                self.events.extend(replaces.as_ref().map(|_| "handoff.moved"));
                self.events.push("handoff.created");
            }
            Some(QueueEvent::Message) => self.events.push("handoff.message"),
            None => {}
        }
    }

    /// Whether nothing did.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
