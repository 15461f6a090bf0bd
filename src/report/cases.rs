//! Hand-offs: how long customers waited for people, and how the cases ended. And first answers, by the bot or by people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::Engine;
use crate::store::{CaseRow, TalkRow, handoff_state};

use super::share::Share;
use super::waits::{Gathered, Length, OpenTime, Waits, elapsed};

/// Hand-offs that began in a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cases {
    /// How many began. One that took the place of another counts once.
    pub count: u64,
    /// By why.
    pub reasons: BTreeMap<String, u64>,
    /// Those that ended in another queue than they began in.
    pub moved: u64,
    /// Of them, those that people have ended.
    pub resolved: Share,
    /// All of them together.
    pub all: Service,
    /// By queue in which they began.
    pub queues: BTreeMap<String, Service>,
    /// By channel.
    pub channels: BTreeMap<String, Service>,
}

/// How long people took, in open time of the queue in which a case began.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Service {
    /// Until somebody had taken it.
    pub taken: Waits,
    /// Until a person's first words, against the target.
    pub first: Waits,
    /// Until it was ended.
    pub resolved: Waits,
}

/// First answers to conversations that began in a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FirstAnswer {
    /// Conversations that began.
    pub begun: u64,
    /// Those whose first answer was the bot's: how long that took on the clock.
    pub bot: Waits,
    /// Those whose first answer was a person's: how long that took on the clock.
    pub people: Waits,
    /// Those that nobody has answered yet.
    pub nobody: u64,
}

#[derive(Debug, Default)]
struct Gathering {
    taken: Gathered,
    first: Gathered,
    resolved: Gathered,
}

impl Gathering {
    fn finish(self) -> Service {
        Service { taken: self.taken.finish(), first: self.first.finish(), resolved: self.resolved.finish() }
    }
}

/// Counts cases of one period.
#[derive(Debug)]
pub(super) struct Counter<'a> {
    office: &'a Office<'a>,
    cases: Cases,
    all: Gathering,
    queues: BTreeMap<String, Gathering>,
    channels: BTreeMap<String, Gathering>,
}

/// Hours and targets as the files have them now.
#[derive(Debug)]
pub(super) struct Office<'a> {
    engine: &'a Engine,
    hours: BTreeMap<&'a str, OpenTime>,
    now: Timestamp,
}

impl<'a> Office<'a> {
    /// Walks the hours of all queues from one instant to another.
    pub(super) fn of(engine: &'a Engine, from: Timestamp, now: Timestamp) -> Self {
        let mut hours = BTreeMap::new();
        for queue in engine.knowledge().queues.values() {
            hours.entry(queue.hours.as_str()).or_insert_with(|| OpenTime::of(&queue.schedule, from, now));
        }
        Self { engine, hours, now }
    }

    /// Open time of a queue in milliseconds; of one that is no longer in the files the time on the clock.
    fn between(&self, queue: &str, from: Timestamp, until: Timestamp) -> i64 {
        let queue = self.engine.knowledge().queues.get(queue);
        let hours = queue.and_then(|queue| self.hours.get(queue.hours.as_str()));
        hours.map_or_else(|| elapsed(from, until), |hours| hours.between(from, until))
    }

    /// The target of a case in milliseconds: the channel's, else the queue's.
    fn target(&self, channel: &str, queue: &str) -> Option<i64> {
        let knowledge = self.engine.knowledge();
        let own = || knowledge.queues.get(queue)?.first_response;
        let target = knowledge.channel_targets.get(channel).copied().or_else(own)?;
        i64::try_from(target.as_millis()).ok()
    }
}

impl<'a> Counter<'a> {
    pub(super) fn new(office: &'a Office<'a>) -> Self {
        let (queues, channels) = (BTreeMap::new(), BTreeMap::new());
        Self { office, cases: Cases::default(), all: Gathering::default(), queues, channels }
    }

    /// Counts a case that began in `origin`.
    pub(super) fn count(&mut self, row: &CaseRow, origin: &str) {
        if row.state == handoff_state::MOVED {
            return;
        }
        self.cases.count += 1;
        *self.cases.reasons.entry(row.reason.clone()).or_default() += 1;
        self.cases.moved += u64::from(origin != row.queue);
        let over = row.state == handoff_state::CLOSED || row.state == handoff_state::RETURNED;
        // Where people answer through their platform nobody takes it first.
        let taken = match (row.taken_at, row.answered_at) {
            (Some(taken), Some(answered)) => Some(taken.min(answered)),
            (taken, answered) => taken.or(answered),
        };
        let served = over && taken.is_some();
        self.cases.resolved.count(served);
        let office = self.office;
        let end = row.ended_at.unwrap_or(office.now);
        let length = |at: Option<Timestamp>| match at {
            Some(at) => Length::Took(office.between(origin, row.created_at, at)),
            None => Length::NotYet(office.between(origin, row.created_at, end)),
        };
        // Somebody who stepped in was not called, so nobody waited.
        let called = row.reason != "stepped_in";
        let target = office.target(&row.channel, origin);
        let each = [
            &mut self.all,
            self.queues.entry(origin.to_owned()).or_default(),
            self.channels.entry(row.channel.clone()).or_default(),
        ];
        for gathering in each {
            if called {
                gathering.taken.add(length(taken), None);
                gathering.first.add(length(row.answered_at), target);
            }
            gathering.resolved.add(length(row.ended_at.filter(|_| served)), None);
        }
    }

    pub(super) fn finish(self) -> Cases {
        let finish = |all: BTreeMap<String, Gathering>| {
            all.into_iter().map(|(name, gathering)| (name, gathering.finish())).collect()
        };
        let (queues, channels) = (finish(self.queues), finish(self.channels));
        Cases { all: self.all.finish(), queues, channels, ..self.cases }
    }
}

/// Counts first answers of one period, by channel.
#[derive(Debug)]
pub(super) struct FirstAnswers<'a> {
    office: &'a Office<'a>,
    channels: BTreeMap<String, (u64, Gathered, Gathered, u64)>,
}

impl<'a> FirstAnswers<'a> {
    pub(super) fn new(office: &'a Office<'a>) -> Self {
        Self { office, channels: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, row: &TalkRow) {
        let (begun, bot, people, nobody) = self.channels.entry(row.channel.clone()).or_default();
        *begun += 1;
        let target = self.office.engine.knowledge().channel_targets.get(&row.channel);
        let target = target.and_then(|target| i64::try_from(target.as_millis()).ok());
        match &row.first {
            Some((role, at)) => {
                let by = if role == "bot" { bot } else { people };
                by.add(Length::Took(elapsed(row.created_at, *at)), target);
            }
            None => *nobody += 1,
        }
    }

    pub(super) fn finish(self) -> BTreeMap<String, FirstAnswer> {
        let finish = |(name, (begun, bot, people, nobody)): (String, (u64, Gathered, Gathered, u64))| {
            (name, FirstAnswer { begun, bot: bot.finish(), people: people.finish(), nobody })
        };
        self.channels.into_iter().map(finish).collect()
    }
}
