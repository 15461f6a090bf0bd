//! One message on its way through the decision: what was found so far, and the steps that several outcomes share.

mod fetch;
mod handover;
mod rating;
mod record;
mod words;

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::matching::View;
use crate::message::{
    Choice, Conversation, Gesture, Inbound, Kind, OutcomeKind, QueueEvent, Reason, Reply, Scored, State, Survey,
};
use crate::modes::Mode;
use crate::rules::PeakSpec;

use super::escalate;
use super::knowledge::{BuiltRule, BuiltText, Knowledge};
use super::outcome::{LookupRequest, Outcome, Trace};
use super::routing::Case;
use super::speak;
use super::survey;

/// Messages in a row that are answered with a choice of titles; after them a person takes over.
const MOST_MISSES: u32 = 1;
/// Most look-ups that one conversation waits for.
const MAX_LOOKING: usize = 4;

/// One message on its way.
pub(super) struct Turn<'a> {
    pub knowledge: &'a Knowledge,
    pub inbound: &'a Inbound,
    pub before: &'a Conversation,
    pub now: Timestamp,
    pub language: String,
    pub view: View,
    pub next: Conversation,
    replies: Vec<Reply>,
    queue: Option<QueueEvent>,
    deadline: Option<Timestamp>,
    lookup: Option<LookupRequest>,
    notices: Vec<String>,
    urgent: bool,
    tags: Vec<String>,
    class: Option<String>,
    answered: Option<Survey>,
    modes: Vec<Mode>,
    pub trace: Trace,
}

/// Whether an answer was given before, within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It may be given.
    No,
    /// It was given once, in the same words: it did not help.
    Again,
    /// There is no other way to say it: a person.
    Enough,
}

/// Why and where a case goes to a person.
pub(super) struct Wish<'a> {
    /// Why, for log and metrics.
    pub reason: Reason,
    /// The rule behind it.
    pub rule: Option<&'a BuiltRule>,
    /// The notice said in place of "handed over", such as `media`.
    pub words: Option<&'a str>,
    /// The rule that it is about, though its words are not said: its queue and class count.
    pub about: Option<&'a BuiltRule>,
    /// The queue, where the shop's settings name it and no rule stands behind it.
    pub queue: Option<&'a str>,
}

impl<'a> Wish<'a> {
    /// A wish that no rule stands behind: the routes name the queue.
    pub(super) const fn because(reason: Reason) -> Self {
        Self { reason, rule: None, words: None, about: None, queue: None }
    }

    /// What a rule says.
    pub(super) const fn of(rule: &'a BuiltRule, reason: Reason) -> Self {
        Self { reason, rule: Some(rule), words: None, about: None, queue: None }
    }

    /// What a rule could not bring to its end.
    pub(super) const fn about(rule: &'a BuiltRule, reason: Reason) -> Self {
        Self { reason, rule: None, words: None, about: Some(rule), queue: None }
    }

    /// The case that it makes.
    fn case(&self) -> Case<'a> {
        let Some(rule) = self.rule.or(self.about) else {
            let class = if self.reason == Reason::LowScore { "complaint" } else { Case::UNKNOWN.class };
            return Case { named: self.queue, class, reason: self.reason.as_str(), ..Case::UNKNOWN };
        };
        let case = Case::of(rule, Some(self.reason));
        // A branch may name the queue that the whole does not.
        let named = case.named.or_else(|| self.about.and_then(BuiltRule::some_queue));
        let reason = if self.rule.is_some() { case.reason } else { self.reason.as_str() };
        Case { named, reason, ..case }
    }
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        knowledge: &'a Knowledge,
        inbound: &'a Inbound,
        before: &'a Conversation,
        now: Timestamp,
    ) -> Self {
        let view = knowledge.matcher.view(&inbound.text);
        let language = speak::language(knowledge, inbound, before);
        let mut next = before.clone();
        next.turns += u64::from(!matches!(inbound.gesture, Gesture::LookedUp(_) | Gesture::Undelivered));
        next.customer = inbound.customer.clone();
        next.language = Some(language.clone());
        next.unanswered.clear();
        if next.state == State::Closed {
            next.state = State::Bot;
            next.handoff = None;
            next.offered.clear();
            next.misses = 0;
            next.slots.clear();
            next.dialogue = None;
            next.looking.clear();
        }
        survey::expire(knowledge, &mut next, now);
        escalate::customer_wrote(&mut next, now);
        let trace = Trace { folded: view.folded.text().to_owned(), language: language.clone(), ..Trace::default() };
        Self {
            knowledge,
            inbound,
            before,
            now,
            language,
            view,
            next,
            replies: Vec::new(),
            queue: None,
            deadline: None,
            lookup: None,
            notices: Vec::new(),
            urgent: false,
            tags: Vec::new(),
            class: None,
            answered: None,
            modes: knowledge.modes.on(now),
            trace,
        }
    }

    /// The conversation as it is so far.
    pub(super) fn after(&self) -> &Conversation {
        &self.next
    }

    /// Who has the conversation now (a closed one was opened again).
    pub(super) fn state(&self) -> State {
        self.next.state
    }

    /// What the peak does, while it is on.
    pub(super) fn peak(&self) -> Option<&'a PeakSpec> {
        self.modes.contains(&Mode::Peak).then_some(&self.knowledge.peak)
    }

    /// Options shown with the last answer.
    pub(super) fn offered(&self) -> &[Choice] {
        &self.next.offered
    }

    /// Option that was pressed, if one was.
    pub(super) fn pressed(&self) -> Option<&'a str> {
        match &self.inbound.gesture {
            Gesture::Select(id) => Some(id),
            _ => None,
        }
    }

    /// Leaves the conversation as it was: what a machine writes is none of the customer's words.
    pub(super) fn unchanged(mut self) -> Self {
        self.next = self.before.clone();
        self
    }

    /// Says nothing, because the customer writes on: the words stay to be decided with the next message.
    pub(super) fn continued(mut self) -> Outcome {
        self.next.unanswered.clone_from(&self.before.unanswered);
        self.next.unanswered.push(self.inbound.text.clone());
        self.silent(Reason::Continued, false)
    }

    /// Says nothing; `forward` tells the people who have the case.
    pub(super) fn silent(mut self, reason: Reason, forward: bool) -> Outcome {
        if forward {
            self.queue = Some(QueueEvent::Message);
        }
        self.finish(OutcomeKind::Silent, reason, None, &[])
    }

    /// Answers with a rule or entry.
    pub(super) fn answer(
        mut self,
        rule: &'a BuiltRule,
        score: f64,
        outcome: OutcomeKind,
        candidates: &[Scored],
    ) -> Outcome {
        match self.render_reply(rule) {
            Ok(Some(reply)) => self.replies.push(reply),
            // An answer without words is no answer.
            nothing => {
                let why = nothing.err().map_or_else(|| "it came out empty".to_owned(), |error| error.to_string());
                self.trace.notes.push(format!("the answer of `{}` failed: {why}", rule.id));
                return self.hand_over(&Wish::because(Reason::InternalError), candidates);
            }
        }
        self.settle(rule);
        self.finish(outcome, Reason::Matched, Some((rule.id.clone(), score)), candidates)
    }

    /// Whether a rule's answer is one that did not help before. What is pressed is shown as often as it is pressed.
    pub(super) fn repeats(&self, rule: &BuiltRule) -> Repeats {
        let day = SignedDuration::from_hours(24);
        let given = self.before.given.get(&rule.id);
        let given = given.map_or(0, |times| times.iter().filter(|at| self.now.duration_since(**at) < day).count());
        let typed = self.inbound.gesture == Gesture::Write && self.state() == State::Bot;
        // A shop that has no words for it has not asked for it.
        let wanted = typed && self.knowledge.notices.contains_key("repeated");
        if !wanted {
            return Repeats::No;
        }
        match given.cmp(&rule.replies.len()) {
            Ordering::Less => Repeats::No,
            Ordering::Equal => Repeats::Again,
            Ordering::Greater => Repeats::Enough,
        }
    }

    /// Says that this was the answer, and how to go on.
    pub(super) fn repeated(
        mut self,
        rule: &'a BuiltRule,
        score: f64,
        outcome: OutcomeKind,
        candidates: &[Scored],
    ) -> Outcome {
        self.push_notice("repeated", None);
        self.settle(rule);
        self.finish(outcome, Reason::Repeated, Some((rule.id.clone(), score)), candidates)
    }

    /// Answers several questions at once; if one of the answers fails, a person takes them all.
    pub(super) fn answer_all(
        mut self,
        answers: &[(&'a BuiltRule, f64)],
        rest: Vec<Choice>,
        candidates: &[Scored],
    ) -> Outcome {
        for (rule, _) in answers {
            let Ok(Some(reply)) = self.render_reply(rule) else {
                self.trace.notes.push(format!("the answer of `{}` failed", rule.id));
                self.replies.clear();
                return self.hand_over(&Wish::because(Reason::InternalError), candidates);
            };
            self.replies.push(reply);
        }
        for (rule, _) in answers {
            self.settle(rule);
        }
        if let Some(reply) = self.which(rest) {
            self.trace.notes.push("another part is near to some entries, and their titles are offered".to_owned());
            self.replies.push(reply);
        }
        let first = answers.first().map(|(rule, score)| (rule.id.clone(), *score));
        let answered: Vec<Scored> =
            answers.iter().map(|(rule, score)| Scored { rule: rule.id.clone(), score: *score }).collect();
        self.finish(OutcomeKind::Faq, Reason::Matched, first, &answered)
    }

    /// Asks for a piece of information. A question that cannot be put brings the case to a person.
    pub(super) fn ask(mut self, rule: &'a BuiltRule, words: &BuiltText, candidates: &[Scored]) -> Outcome {
        let said = self.say(words, Some(rule));
        let Some(text) = said.as_ref().ok().filter(|said| !said.is_empty()).cloned() else {
            let why = said.err().map_or_else(|| "it came out empty".to_owned(), |error| error.to_string());
            self.trace.notes.push(format!("a question of `{}` failed: {why}", rule.id));
            let wish = Wish::because(Reason::InternalError);
            return self.hand_over(&wish, candidates);
        };
        let message = self.reply_id();
        let rule_id = Some(rule.id.clone());
        self.replies.push(Reply { message, kind: Kind::Text, text, rule: rule_id, options: Vec::new() });
        self.class = self.class.take().or_else(|| rule.class.clone());
        self.next.misses = 0;
        self.finish(OutcomeKind::Slot, Reason::Matched, Some((rule.id.clone(), 1.0)), candidates)
    }

    /// Asks which of some entries is meant. A shop without words for it brings the case to a person, and so does a second message
    /// in a row that was not understood.
    pub(super) fn offer(mut self, options: Vec<Choice>, candidates: &[Scored]) -> Outcome {
        self.missed();
        if self.next.misses > MOST_MISSES {
            self.trace.notes.push("the message before was not understood either".to_owned());
            return self.hand_over(&Wish::because(Reason::Misses), candidates);
        }
        let Some(reply) = self.which(options) else {
            return self.hand_over(&Wish::because(Reason::NoMatch), candidates);
        };
        self.replies.push(reply);
        self.finish(OutcomeKind::Choice, Reason::Ambiguous, None, candidates)
    }

    /// Says a notice in place of an answer.
    pub(super) fn say_notice(mut self, ids: &[&str], outcome: OutcomeKind, reason: Reason) -> Outcome {
        if let Some(id) = ids.iter().find(|id| self.knowledge.notices.contains_key(**id)) {
            self.push_notice(id, None);
        }
        self.finish(outcome, reason, None, &[])
    }
}
