//! Decides the messages of a recorded conversation again, with another rule set and the recorded times.
//!
//! The same engine as the daemon's. What people did, they do again; what time alone does is done at its own instant. Look-ups bring
//! what their rule's `sample` holds, and call nobody.

use std::collections::BTreeMap;
use std::hash::Hasher;

use jiff::Timestamp;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Letter, OutcomeKind, QueueEvent, Reason, State};

use super::line::{Act, By, Line, Message, Said, Was};

/// Most steps of time alone between two lines: a repetition that goes on for years is cut off.
const MOST: usize = 10_000;

/// What is decided about a message, as far as two rule sets are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Decided {
    /// What was done.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// The rule or entry behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Queue of a new hand-off; not known of what was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Stands for the words of the answer, where these are compared.
    #[serde(skip)]
    pub words: u64,
}

impl Decided {
    /// What an outcome is; `words`: the answer's words count too.
    #[must_use]
    pub fn of(outcome: &Outcome, words: bool) -> Self {
        let decision = &outcome.decision;
        let mut hasher = FxHasher::default();
        for reply in outcome.replies.iter().filter(|_| words) {
            hasher.write(reply.text.as_bytes());
            hasher.write_u8(0xff);
        }
        let handoff = outcome.conversation.handoff.as_ref();
        Self {
            outcome: decision.outcome,
            reason: decision.reason,
            rule: decision.rule.clone(),
            queue: match outcome.queue {
                Some(QueueEvent::Created { .. }) => handoff.map(|handoff| handoff.queue.clone()),
                Some(QueueEvent::Message) | None => None,
            },
            words: hasher.finish(),
        }
    }
}

impl From<&Was> for Decided {
    fn from(was: &Was) -> Self {
        Self { outcome: was.outcome, reason: was.reason, rule: was.rule.clone(), queue: None, words: 0 }
    }
}

impl std::fmt::Display for Decided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.outcome)?;
        if let Some(rule) = &self.rule {
            write!(f, " {rule}")?;
        }
        if self.rule.is_none() || self.reason != Reason::Matched {
            write!(f, " ({})", self.reason)?;
        }
        self.queue.iter().try_for_each(|queue| write!(f, " to {queue}"))
    }
}

/// What an engine decides about each message of one conversation, in order. `words`: the answer's words count too.
#[must_use]
pub fn play(engine: &Engine, lines: &[&Line], words: bool) -> Vec<Decided> {
    let mut kept: Option<Conversation> = None;
    let mut out = Vec::new();
    let mut last = Timestamp::MIN;
    for (number, line) in lines.iter().enumerate() {
        let message = match &line.what {
            Said::Message(message) => message,
            Said::Person { did } => {
                if let Some(conversation) = &mut kept {
                    pass(engine, conversation, last, line.at);
                    last = line.at;
                    person(engine, *did, conversation, line.at);
                }
                continue;
            }
        };
        let customer = Customer {
            id: message.customer.id.clone(),
            tier: message.customer.tier.clone(),
            name: None,
            attributes: message.customer.attributes.clone(),
        };
        let id = &line.conversation;
        let conversation =
            kept.get_or_insert_with(|| Conversation::new(id.clone(), &message.channel, id, customer.clone(), line.at));
        pass(engine, conversation, last, line.at);
        last = line.at;
        let inbound = inbound(engine, message, customer, conversation, line.at, number);
        let (outcome, decided) = decided(engine, &inbound, message, conversation, line.at, words);
        *conversation = outcome.conversation;
        out.push(decided);
    }
    out
}

/// Decides one message.
fn decided(
    engine: &Engine,
    inbound: &Inbound,
    message: &Message,
    conversation: &Conversation,
    now: Timestamp,
    words: bool,
) -> (Outcome, Decided) {
    let row = std::slice::from_ref(inbound);
    let outcome = engine.in_a_row(row, conversation, now).pop();
    let mut outcome = outcome.unwrap_or_else(|| engine.handle(inbound, conversation, now));
    // The next message was there before the wait was over; a rule set that would not have waited has answered.
    let waited = message.was.as_ref().is_some_and(|was| was.reason == Reason::Continued);
    if waited && engine.waits(inbound, conversation, &outcome) {
        outcome = engine.continued(inbound, conversation, now);
    }
    let decided = Decided::of(&outcome, words);
    (outcome, decided)
}

/// The message as a channel would hand it over.
fn inbound(
    engine: &Engine,
    message: &Message,
    customer: Customer,
    conversation: &Conversation,
    now: Timestamp,
    number: usize,
) -> Inbound {
    let gesture = match &message.by {
        By::Writing => Gesture::Write,
        By::Option(option) => Gesture::Select(option.clone()),
        By::Person => Gesture::AskForPerson,
        By::Score(score) => {
            let comment = Some(message.text.clone()).filter(|text| !text.is_empty());
            // What is not asked for in this rule set is not taken; said in words, it is heard as far as it can be.
            if engine.may_rate(conversation, *score, comment.as_deref(), now) {
                Gesture::Rate { score: *score, comment }
            } else {
                Gesture::Write
            }
        }
        By::Letter { machine } => Gesture::Letter(Box::new(Letter {
            why: (!machine).then(|| "as recorded".to_owned()),
            whole: message.text.clone(),
            per_day: u32::MAX,
            ..Letter::default()
        })),
        By::Machine => Gesture::Automatic,
        By::Undelivered => Gesture::Undelivered,
    };
    Inbound {
        message: format!("msg_replay{number}"),
        channel: message.channel.clone(),
        customer,
        kind: message.kind,
        text: message.text.clone(),
        locale: None,
        gesture,
        fetched: None,
        waiting: BTreeMap::new(),
    }
}

/// Lets time pass, and does what it alone does, each step at its own instant.
fn pass(engine: &Engine, conversation: &mut Conversation, from: Timestamp, until: Timestamp) {
    for _ in 0..MOST {
        let Some(at) = engine.next_timer(conversation).filter(|at| *at <= until) else { return };
        let Some(step) = engine.time_is_up(conversation, at.max(from)) else { return };
        *conversation = step.conversation;
    }
}

/// A person does what was done.
fn person(engine: &Engine, did: Act, conversation: &mut Conversation, now: Timestamp) {
    const PERSON: &str = "replay";
    let before = conversation.clone();
    match did {
        Act::Take => {
            conversation.state = State::Human;
            conversation.agent = Some(PERSON.to_owned());
            if let Some(handoff) = &mut conversation.handoff {
                handoff.ladder.besides = false;
                handoff.ladder.answered = true;
                handoff.served_by = Some(PERSON.to_owned());
            }
            return;
        }
        Act::Return => conversation.state = State::Bot,
        Act::Close => {
            conversation.state = State::Closed;
            let _ = engine.ask_survey(&before, conversation, Some(PERSON), "msg_replay-survey", now);
        }
    }
    conversation.agent = None;
    conversation.awaits_agent = None;
    conversation.answered_at = None;
    conversation.handoff = None;
    conversation.offered.clear();
    conversation.misses = 0;
}

/// A message in words, for samples.
pub(super) fn shown(message: &Message) -> String {
    let text = message.text.trim();
    match &message.by {
        By::Option(option) => format!("[{option}] {text}").trim_end().to_owned(),
        By::Person => "[a person, please]".to_owned(),
        By::Score(score) => format!("[{score} of 5] {text}").trim_end().to_owned(),
        _ if message.kind != Kind::Text => format!("[{}] {text}", message.kind).trim_end().to_owned(),
        _ => text.to_owned(),
    }
}
