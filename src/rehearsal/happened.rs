//! What a turn does besides the decision about a message: time that passes, and what the queues' webhooks hear.

use jiff::Timestamp;

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation, Inbound, Kind, QueueEvent, Reply, State};

use super::script::Word;

/// Most steps of time alone within one turn: a repetition that goes on for years is cut off.
const MOST: usize = 10_000;

/// Who the person of a test is.
const PERSON: &str = "test";

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
    pub(super) fn person(&mut self, engine: &Engine, word: &Word, conversation: &mut Conversation, now: Timestamp) {
        let before = conversation.clone();
        let event = match word {
            Word::Take => {
                if conversation.state != State::Human {
                    conversation.awaits_agent = Some(now);
                }
                if conversation.state == State::Queued {
                    self.says(engine, "taken", &before, now);
                }
                conversation.state = State::Human;
                conversation.agent = Some(PERSON.to_owned());
                if let Some(handoff) = &mut conversation.handoff {
                    handoff.ladder.besides = false;
                    handoff.served_by = Some(PERSON.to_owned());
                }
                return;
            }
            Word::Return => {
                conversation.state = State::Bot;
                "conversation.returned"
            }
            Word::Close => {
                conversation.state = State::Closed;
                self.closing_words(engine, &before, conversation, now);
                "conversation.closed"
            }
            Word::Say(_) | Word::Send(..) | Word::Select(_) => return,
        };
        conversation.awaits_agent = None;
        conversation.agent = None;
        if conversation.handoff.take().is_some() {
            self.events.push(event);
        }
    }

    fn closing_words(&mut self, engine: &Engine, before: &Conversation, after: &mut Conversation, now: Timestamp) {
        self.says(engine, "goodbye", before, now);
        let asked = engine.ask_survey(before, after, Some(PERSON), "msg_test-survey", now);
        self.notices.extend(asked.iter().map(|_| "survey".to_owned()));
        self.replies.extend(asked);
    }

    /// A notice is said, if the shop has it.
    fn says(&mut self, engine: &Engine, id: &str, before: &Conversation, now: Timestamp) {
        let inbound = Inbound::words("", &before.channel, before.customer.clone(), "");
        if let Some(text) = engine.notice(id, &inbound, before, now).filter(|text| !text.is_empty()) {
            let message = format!("msg_test-{id}");
            self.replies.push(Reply { message, kind: Kind::Notice, text, rule: None, options: Vec::new() });
            self.notices.push(id.to_owned());
        }
    }

    /// A message was decided.
    pub(super) fn decided(&mut self, outcome: &Outcome) {
        self.events.extend(outcome.answered.as_ref().map(|_| "survey.answered"));
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
