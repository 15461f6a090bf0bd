//! Plays a conversation test: the same engine as the daemon's, with the test's own clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation as State, Customer, Gesture, Inbound, Kind, QueueEvent, Reply};

use super::compare::{Difference, differences};
use super::happened::Happened;
use super::script::{Conversation, Step, Word};

/// A conversation that was played.
#[derive(Debug)]
pub struct Played {
    /// Its turns up to the first that differed, and beyond.
    pub turns: Vec<Turn>,
}

/// A turn that was played.
#[derive(Debug)]
pub struct Turn {
    /// The customer's words, for reports.
    pub said: String,
    /// When.
    pub at: Timestamp,
    /// What came of it; none for what a person or time alone did.
    pub outcome: Option<Outcome>,
    /// What the customer was told before it, by time or by a person.
    pub beside: Vec<Reply>,
    /// Types of what the queues' webhooks heard, in order.
    pub events: Vec<&'static str>,
    /// What differs from what was expected.
    pub differences: Vec<Difference>,
}

impl Turn {
    fn without_words(said: String, at: Timestamp, happened: Happened, differences: Vec<Difference>) -> Self {
        Self { said, at, outcome: None, beside: happened.replies, events: happened.events, differences }
    }
}

impl Played {
    /// Whether all was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.turns.iter().all(|turn| turn.differences.is_empty())
    }
}

/// Plays one conversation.
#[must_use]
pub fn play(engine: &Engine, script: &Conversation) -> Played {
    let engine = &engine.with_settings(&script.settings).with_modes(&script.modes);
    let first = engine.book().settings.channels.first().map(|(name, _)| name.as_str());
    let channel = script.channel.as_deref().or(first).unwrap_or("web");
    let mut stage = Stage::new(channel, script.customer.clone(), script.locale.clone(), script.at);
    stage.waiting = engine.knowledge().queues.keys().map(|queue| (queue.clone(), script.waiting)).collect();
    Played { turns: script.steps.iter().flat_map(|step| stage.step(engine, step)).collect() }
}

/// A conversation under way, on a clock of its own.
#[derive(Clone, Debug)]
pub struct Stage {
    /// As it stands.
    pub conversation: State,
    /// What time it is.
    pub now: Timestamp,
    /// Cases that wait in each queue, as the test has it.
    pub waiting: BTreeMap<String, u64>,
    locale: Option<String>,
    steps: usize,
}

impl Stage {
    /// A new conversation.
    #[must_use]
    pub fn new(channel: &str, customer: Customer, locale: Option<String>, at: Timestamp) -> Self {
        Self {
            conversation: State::new("c_test".to_owned(), channel, "test", customer, at),
            now: at,
            waiting: BTreeMap::new(),
            locale,
            steps: 0,
        }
    }

    /// Lets a step's time pass, and then happen what it says.
    pub fn step(&mut self, engine: &Engine, step: &Step) -> Vec<Turn> {
        let index = self.steps;
        self.steps += 1;
        let wait = SignedDuration::try_from(step.wait).unwrap_or(SignedDuration::ZERO);
        let (before, mut happened) = (self.now, Happened::default());
        self.now = self.now.checked_add(wait).unwrap_or(self.now);
        let now = self.now;
        happened.wait(engine, &mut self.conversation, before, now);
        let Some(word) = &step.word else {
            if step.expect.is_empty() && happened.is_empty() {
                return Vec::new();
            }
            let differences = differences(&step.expect, None, &happened, &self.conversation);
            return vec![Turn::without_words(format!("({wait:#} pass)"), now, happened, differences)];
        };
        if matches!(word, Word::Take | Word::Return | Word::Close) {
            happened.person(engine, word, &mut self.conversation, now);
            let differences = differences(&step.expect, None, &happened, &self.conversation);
            return vec![Turn::without_words(format!("({word:?})"), now, happened, differences)];
        }
        let row = self.row(index, word);
        let outcomes = engine.in_a_row_with(&row, &self.conversation, now, &|_| step.lookup.clone());
        if let Some(outcome) = outcomes.last() {
            self.conversation = outcome.conversation.clone();
        }
        for outcome in &outcomes {
            happened.decided(outcome);
        }
        let differences = differences(&step.expect, turn_of(&outcomes).as_ref(), &happened, &self.conversation);
        let mut outcomes = outcomes.into_iter();
        let turn = |said: String| Turn {
            outcome: outcomes.next(),
            ..Turn::without_words(said, now, Happened::default(), Vec::new())
        };
        let mut turns: Vec<Turn> = said(word).into_iter().map(turn).collect();
        if let Some(first) = turns.first_mut() {
            first.beside = std::mem::take(&mut happened.replies);
        }
        if let Some(last) = turns.last_mut() {
            last.events = happened.events;
            last.differences = differences;
        }
        turns
    }

    /// The messages of a step.
    fn row(&self, index: usize, word: &Word) -> Vec<Inbound> {
        let inbound = |message: String| Inbound {
            message,
            channel: self.conversation.channel.clone(),
            customer: self.conversation.customer.clone(),
            kind: Kind::Text,
            text: String::new(),
            locale: self.locale.clone(),
            gesture: Gesture::Write,
            fetched: None,
            waiting: self.waiting.clone(),
        };
        match word {
            Word::Say(texts) => texts
                .iter()
                .enumerate()
                .map(|(n, text)| Inbound { text: text.clone(), ..inbound(format!("msg_test{index}-{n}")) })
                .collect(),
            Word::Send(kind, text) => {
                vec![Inbound { kind: *kind, text: text.clone(), ..inbound(format!("msg_test{index}")) }]
            }
            Word::Select(option) => {
                let offered = &self.conversation.offered;
                let by_number = option.parse::<usize>().ok().and_then(|n| offered.get(n.checked_sub(1)?));
                let option = by_number.map_or_else(|| option.clone(), |choice| choice.id.clone());
                vec![Inbound { gesture: Gesture::Select(option), ..inbound(format!("msg_test{index}")) }]
            }
            Word::Take | Word::Return | Word::Close => Vec::new(),
        }
    }
}

/// The customer's side of a step, for reports.
fn said(word: &Word) -> Vec<String> {
    match word {
        Word::Say(texts) => texts.clone(),
        Word::Send(kind, text) => vec![format!("[{kind}] {text}")],
        Word::Select(option) => vec![format!("[{option}]")],
        Word::Take | Word::Return | Word::Close => vec![format!("({word:?})")],
    }
}

/// What is expected of messages in a row is expected of the last one, and of all that was said and done meanwhile.
fn turn_of(outcomes: &[Outcome]) -> Option<Outcome> {
    let (last, earlier) = outcomes.split_last()?;
    let mut whole = last.clone();
    let all = || earlier.iter().chain([last]);
    whole.replies = all().flat_map(|outcome| outcome.replies.clone()).collect();
    whole.decision.notices = all().flat_map(|outcome| outcome.decision.notices.clone()).collect();
    let created = |outcome: &&Outcome| matches!(outcome.queue, Some(QueueEvent::Created { .. }));
    whole.queue = earlier.iter().find(created).map_or(whole.queue, |outcome| outcome.queue.clone());
    Some(whole)
}
