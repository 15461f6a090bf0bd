//! Plays a conversation test: the same engine as the daemon's, with the test's own clock.

use jiff::{SignedDuration, Timestamp};

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::message::{Conversation as State, Gesture, Inbound, Kind, QueueEvent};

use super::compare::{Difference, differences};
use super::happened::Happened;
use super::script::{Conversation, Word};

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
    /// What differs from what was expected.
    pub differences: Vec<Difference>,
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
    let engine = &engine.with_settings(&script.settings);
    let first = engine.book().settings.channels.first().map(|(name, _)| name.as_str());
    let channel = script.channel.as_deref().or(first).unwrap_or("web");
    let mut now = script.at;
    let mut conversation = State::new("c_test".to_owned(), channel, "test", script.customer.clone(), now);
    let mut turns = Vec::new();
    for (index, step) in script.steps.iter().enumerate() {
        let wait = SignedDuration::try_from(step.wait).unwrap_or(SignedDuration::ZERO);
        let (before, mut happened) = (now, Happened::default());
        now = now.checked_add(wait).unwrap_or(now);
        happened.wait(engine, &mut conversation, before, now);
        let Some(word) = &step.word else {
            if !step.expect.is_empty() || !happened.is_empty() {
                let differences = differences(&step.expect, None, &happened, &conversation);
                turns.push(Turn { said: format!("({wait:#} pass)"), at: now, outcome: None, differences });
            }
            continue;
        };
        let mut inbound = Inbound {
            message: format!("msg_test{index}"),
            channel: channel.to_owned(),
            customer: script.customer.clone(),
            kind: Kind::Text,
            text: String::new(),
            locale: script.locale.clone(),
            gesture: Gesture::Write,
            fetched: None,
        };
        match word {
            Word::Say(_) => {}
            Word::Send(kind, text) => {
                inbound.kind = *kind;
                inbound.text.clone_from(text);
            }
            Word::Select(option) => {
                let by_number = option.parse::<usize>().ok().and_then(|n| conversation.offered.get(n.checked_sub(1)?));
                inbound.gesture = Gesture::Select(by_number.map_or_else(|| option.clone(), |choice| choice.id.clone()));
            }
            Word::Take | Word::Return | Word::Close => happened.person(engine, word, &mut conversation, now),
        }
        let row: Vec<Inbound> = match word {
            Word::Say(texts) => texts
                .iter()
                .enumerate()
                .map(|(n, text)| Inbound {
                    message: format!("msg_test{index}-{n}"),
                    text: text.clone(),
                    ..inbound.clone()
                })
                .collect(),
            Word::Send(..) | Word::Select(_) => vec![inbound],
            Word::Take | Word::Return | Word::Close => Vec::new(),
        };
        let outcomes = engine.in_a_row_with(&row, &conversation, now, &|_| step.lookup.clone());
        if let Some(outcome) = outcomes.last() {
            conversation = outcome.conversation.clone();
        }
        for outcome in &outcomes {
            happened.decided(outcome);
        }
        let whole = turn_of(&outcomes);
        let differences = differences(&step.expect, whole.as_ref(), &happened, &conversation);
        let said = match word {
            Word::Say(texts) => texts.clone(),
            Word::Send(kind, text) => vec![format!("[{kind}] {text}")],
            Word::Select(option) => vec![format!("[{option}]")],
            Word::Take | Word::Return | Word::Close => vec![format!("({word:?})")],
        };
        let mut outcomes = outcomes.into_iter();
        turns.extend(said.into_iter().map(|said| Turn {
            said,
            at: now,
            outcome: outcomes.next(),
            differences: Vec::new(),
        }));
        if let Some(turn) = turns.last_mut() {
            turn.differences = differences;
        }
    }
    Played { turns }
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
