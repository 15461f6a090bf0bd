//! The engine: a Book, compiled, and the one `handle` that every command and the daemon call.

mod build;
mod candidate;
mod dialogue;
mod hours;
mod ladder;
mod lookups;
mod modes;
mod pilots;
mod samples;
mod suggest;
mod survey;
mod texts;
mod webhooks;
mod wording;

use std::sync::Arc;

use jiff::Timestamp;

use crate::decide::escalate::{self, Escalation};
use crate::decide::routing::Case;
use crate::decide::{self, Knowledge, LookupRequest, Outcome};
use crate::diag::Report;
use crate::hours::ForcedHours;
use crate::likeness::Why;
use crate::message::{Conversation, Customer, Fetched, Inbound};
use crate::rules::Book;
use crate::rules::Files;
use crate::rules::load::{self, Secrets};
use crate::rules::pilots::{book_for, without, written};

pub use candidate::NAME as CANDIDATE;
pub use pilots::Arm;
pub use suggest::Suggestion;
pub(crate) use texts::inside;
pub use wording::Unfit;

/// A shop's knowledge, ready to decide. Never changes; a reload makes another one. A copy shares all that is large.
#[derive(Clone, Debug)]
pub struct Engine {
    knowledge: Knowledge,
    book: Arc<Book>,
    /// What operations wrote, pilots and all, where there are any.
    whole: Option<Arc<Book>>,
    /// By share, ascending.
    arms: Vec<Arm>,
    /// Other knowledge for a share of the customers.
    candidate: Option<candidate::Candidate>,
}

impl Engine {
    /// Compiles a Book. All that is wrong goes into the report; without a single error there is an engine.
    #[must_use]
    pub fn build(book: Book, report: &mut Report) -> Option<Self> {
        let arms = pilots::arms(&book, report);
        if arms.as_ref().is_some_and(Vec::is_empty) {
            return Self::of(book, report);
        }
        let engine = Self::of(book_for(&book, None).0, report)?;
        Some(Self { arms: arms?, whole: Some(Arc::new(book)), ..engine })
    }

    /// Compiles a Book as it stands, pilots and all.
    fn of(book: Book, report: &mut Report) -> Option<Self> {
        let knowledge = build::build(&book, report)?;
        (report.errors() == 0).then(|| Self {
            knowledge,
            book: Arc::new(book),
            whole: None,
            arms: Vec::new(),
            candidate: None,
        })
    }

    /// Reads and compiles all files of a shop: what `serve`, `check`, `test`, `chat` and `explain` begin with.
    #[must_use]
    pub fn load(files: Files, secrets: &dyn Secrets) -> (Option<Self>, Report) {
        let (book, mut report) = load::load(files, secrets);
        let engine = book.and_then(|book| Self::build(book, &mut report));
        report.sort();
        (engine, report)
    }

    /// Decides one message. Pure: the same message, conversation and time give the same outcome.
    #[must_use]
    pub fn handle(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
        self.told_pilots(
            decide::decide(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, now),
            inbound,
        )
    }

    /// What is decided with for a customer: the candidate, else the rules of the pilots that the customer takes part in, else those
    /// of the rest.
    fn knowledge_of(&self, customer: &Customer) -> &Knowledge {
        if let Some(candidate) = self.candidate_of(customer) {
            return candidate.knowledge_of(customer);
        }
        pilots::arm_of(&self.arms, &customer.id).map_or(&self.knowledge, |arm| &arm.engine.knowledge)
    }

    /// The outcome with the pilots that the customer takes part in.
    fn told_pilots(&self, mut outcome: Outcome, inbound: &Inbound) -> Outcome {
        outcome.decision.pilots = self.pilots_of(&inbound.customer);
        outcome
    }

    /// The pilots that a customer takes part in; none where there is no pilot.
    fn pilots_of(&self, customer: &Customer) -> Option<Vec<String>> {
        if let Some(candidate) = self.candidate_of(customer) {
            let own = candidate.pilots_of(customer).unwrap_or_default();
            return Some(std::iter::once(CANDIDATE.to_owned()).chain(own).collect());
        }
        let arm = pilots::arm_of(&self.arms, &customer.id).map(|arm| arm.pilots.clone());
        let any = !self.arms.is_empty() || self.candidate.is_some();
        any.then(|| arm.unwrap_or_default())
    }

    /// Whether to wait for the customer's next message, which may complete this one, before the outcome is made true.
    #[must_use]
    pub fn waits(&self, inbound: &Inbound, conversation: &Conversation, outcome: &Outcome) -> bool {
        decide::waits(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, outcome)
    }

    /// What comes of a message that waited, when the next one is there.
    #[must_use]
    pub fn continued(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
        self.told_pilots(
            decide::continued(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, now),
            inbound,
        )
    }

    /// What comes of a message that a person of the shop has answered at the platform already.
    #[must_use]
    pub fn answered(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
        self.told_pilots(
            decide::answered(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, now),
            inbound,
        )
    }

    /// What comes of a message over the limit that its platform does not send again.
    #[must_use]
    pub fn over_limit(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
        self.told_pilots(
            decide::over_limit(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, now),
            inbound,
        )
    }

    /// What comes of word that a letter of ours came back.
    #[must_use]
    pub fn returned(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
        self.told_pilots(
            decide::returned(self.knowledge_for(&inbound.customer, conversation), inbound, conversation, now),
            inbound,
        )
    }

    /// Decides messages that a customer writes in a row, each before the wait for it is over, as the daemon does. One outcome for
    /// each.
    #[must_use]
    pub fn in_a_row(&self, row: &[Inbound], conversation: &Conversation, now: Timestamp) -> Vec<Outcome> {
        self.in_a_row_with(row, conversation, now, &|_| None)
    }

    /// The same, with what look-ups bring: `answer`, else the rule's sample. Without either the outcome is that of a look-up which
    /// takes long.
    #[must_use]
    pub fn in_a_row_with(
        &self,
        row: &[Inbound],
        conversation: &Conversation,
        now: Timestamp,
        answer: &dyn Fn(&LookupRequest) -> Option<Fetched>,
    ) -> Vec<Outcome> {
        let mut conversation = conversation.clone();
        let mut outcomes = Vec::with_capacity(row.len());
        for (index, inbound) in row.iter().enumerate() {
            let mut outcome = self.handle(inbound, &conversation, now);
            let fetched = |request| {
                answer(request).or_else(|| sample(self.knowledge_for(&inbound.customer, &conversation), request))
            };
            if let Some(fetched) = outcome.lookup.as_ref().and_then(fetched) {
                let inbound = Inbound { fetched: Some(fetched), ..inbound.clone() };
                outcome = self.handle(&inbound, &conversation, now);
            }
            if index + 1 < row.len() && self.waits(inbound, &conversation, &outcome) {
                outcome = self.continued(inbound, &conversation, now);
            }
            conversation = outcome.conversation.clone();
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Decides the first messages of a conversation, written in a row: what `explain` is about. None if there is no such channel;
    /// the first one if none is named.
    #[must_use]
    pub fn first_messages(
        &self,
        channel: Option<&str>,
        customer: &Customer,
        texts: &[&str],
        now: Timestamp,
    ) -> Option<Vec<Outcome>> {
        let channels = &self.book.settings.channels;
        let (channel, _) = channels.iter().find(|(name, _)| channel.is_none_or(|wanted| wanted == name))?;
        let conversation = Conversation::new("c_explain".into(), channel, "explain", customer.clone(), now);
        let row: Vec<Inbound> =
            texts.iter().map(|text| Inbound::words("msg_explain", channel, customer.clone(), text)).collect();
        Some(self.in_a_row(&row, &conversation, now))
    }

    /// An outcome with its trace, for programs.
    #[must_use]
    pub fn explained(&self, outcome: &Outcome) -> serde_json::Value {
        serde_json::json!({
            "decision": outcome.decision, "replies": outcome.replies, "trace": outcome.trace, "why": self.why(outcome),
            "rule_set": self.knowledge.hash,
        })
    }

    /// Why the nearest rule is near to the message of an outcome, word by word; none where it is like nothing.
    #[must_use]
    pub fn why(&self, outcome: &Outcome) -> Option<Why> {
        // Folding what is folded changes nothing, so this is the text that was decided on.
        let matcher = &self.knowledge_of(&outcome.conversation.customer).matcher;
        let view = matcher.view(&outcome.trace.folded);
        let guess = matcher.guesses(&view).into_iter().next()?;
        Some(matcher.why(&view, &guess))
    }

    /// The step that time alone has made necessary in a conversation, if one is due.
    #[must_use]
    pub fn time_is_up(&self, conversation: &Conversation, now: Timestamp) -> Option<Escalation> {
        escalate::due(&self.knowledge, conversation, now)
    }

    /// When to ask [`Engine::time_is_up`] next; none if time alone changes nothing.
    #[must_use]
    pub fn next_timer(&self, conversation: &Conversation) -> Option<Timestamp> {
        escalate::next(&self.knowledge, conversation)
    }

    /// The same knowledge with what people have said about opening hours, by name of the schedule, in the place of what was said
    /// before.
    #[must_use]
    pub fn with_forced(&self, forced: &ForcedHours) -> Self {
        let mut engine = self.clone();
        for queue in engine.knowledge.queues.values_mut() {
            queue.schedule = Arc::new(queue.schedule.with_forced(forced.get(&queue.hours).map_or(&[], Vec::as_slice)));
        }
        for arm in &mut engine.arms {
            arm.engine = arm.engine.with_forced(forced);
        }
        if let Some(candidate) = &mut engine.candidate {
            candidate.engine = Arc::new(candidate.engine.with_forced(forced));
        }
        engine
    }

    /// The same knowledge with other values of `settings`, for trying out.
    #[must_use]
    pub fn with_settings(&self, others: &serde_json::Map<String, serde_json::Value>) -> Self {
        let mut engine = self.clone();
        if others.is_empty() {
            return engine;
        }
        let mut values = self.book.settings.values.clone();
        if let serde_json::Value::Object(values) = &mut values {
            values.extend(others.clone());
        }
        engine.knowledge.values = minijinja::Value::from(minijinja::value::Serde(&values));
        for arm in &mut engine.arms {
            arm.engine = arm.engine.with_settings(others);
        }
        if let Some(candidate) = &mut engine.candidate {
            candidate.engine = Arc::new(candidate.engine.with_settings(others));
        }
        engine
    }

    /// Ids and versions of the pilots, those of nobody among them.
    #[must_use]
    pub fn pilots(&self) -> Vec<(String, String)> {
        let written = self.whole.iter().flat_map(|book| written(book));
        written.map(|(id, version)| (id.to_owned(), version.to_owned())).collect()
    }

    /// The same without these pilots: their customers get what the rest have. None if it cannot be built, which would be a mistake
    /// of ours.
    #[must_use]
    pub fn without(&self, stopped: &[String]) -> Option<Self> {
        let Some(whole) = self.whole.as_ref().filter(|_| !stopped.is_empty()) else { return Some(self.clone()) };
        Self::build(without(whole, stopped), &mut Report::default())
    }

    /// Everything that is decided with for some customer, as it was written.
    pub fn books(&self) -> Box<dyn Iterator<Item = &Book> + '_> {
        let candidate = self.candidate.iter().flat_map(|candidate| candidate.engine.books());
        Box::new(std::iter::once(self.book()).chain(self.arms.iter().map(|arm| arm.engine.book())).chain(candidate))
    }

    /// What customers of pilots get, by share, ascending.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// What is decided with for customers of no pilot.
    #[must_use]
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// What operations wrote, without pilots.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// A notice in a language, for the shell's own words such as the greeting; none if the shop has no such notice.
    #[must_use]
    pub fn notice(&self, id: &str, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Option<String> {
        let language = decide::speak::language(&self.knowledge, inbound, conversation);
        let queue = decide::routing::way(&self.knowledge, Case::UNKNOWN, inbound, conversation, now, &language).queue;
        let scope = decide::context::Scope::of(Some(&queue), None, &language);
        let text = self.knowledge.notices.get(id)?;
        decide::speak::say(&self.knowledge, text, inbound, conversation, now, scope).ok().map(|(said, _)| said)
    }

    /// The language in which a conversation goes on: as remembered, else as the client says, else the shop's first.
    #[must_use]
    pub fn language(&self, inbound: &Inbound, conversation: &Conversation) -> String {
        decide::speak::language(&self.knowledge, inbound, conversation)
    }

    /// The queue of a conversation: of its hand-off, else the one that the routes give.
    #[must_use]
    pub fn queue(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> String {
        if let Some(handoff) = &conversation.handoff {
            return handoff.queue.clone();
        }
        let language = decide::speak::language(&self.knowledge, inbound, conversation);
        decide::routing::way(&self.knowledge, Case::UNKNOWN, inbound, conversation, now, &language).queue
    }

    /// Whether people are there for a conversation, and when they are next: of [`Engine::queue`].
    #[must_use]
    pub fn hours(&self, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> (bool, Option<Timestamp>) {
        match self.knowledge.queues.get(&self.queue(inbound, conversation, now)) {
            Some(queue) => (queue.schedule.is_open(now), queue.schedule.next_open(now)),
            None => (false, None),
        }
    }
}

/// What a look-up brings according to its rule's own sample.
fn sample(knowledge: &Knowledge, request: &LookupRequest) -> Option<Fetched> {
    let rule = knowledge.rules.get(*knowledge.by_id.get(&request.rule)? as usize)?;
    let body = rule.lookup.as_ref()?.sample.clone()?;
    Some(Fetched { error: None, status: 200, body })
}
