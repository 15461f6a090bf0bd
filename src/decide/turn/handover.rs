//! The steps by which a case comes to people: opened, moved, forwarded, and what the customer is told of it.

use jiff::SignedDuration;

use crate::message::{Ladder, OpenHandoff, OutcomeKind, Priority, QueueEvent, Reason, Scored, State};

use crate::modes::Mode;

use super::super::knowledge::BuiltRule;
use super::super::outcome::{Outcome, TraceHours, TraceNotice};
use super::super::{escalate, notices, routing};
use super::{Turn, Wish};

/// Time before a customer who waits is told so again.
const WAITING_AGAIN: SignedDuration = SignedDuration::from_mins(10);

impl<'a> Turn<'a> {
    /// Whether the hours of the case's queue have people there now.
    pub(in crate::decide) fn person_is_there(&self) -> bool {
        let queue = self.next.handoff.as_ref().and_then(|handoff| self.knowledge.queues.get(&handoff.queue));
        queue.is_none_or(|queue| queue.schedule.is_open(self.now))
    }

    /// Calls another queue without a word to the customer and without taking the conversation from whoever has it.
    pub(in crate::decide) fn call_besides(&mut self, wish: &Wish<'a>) {
        let (state, agent, awaits) = (self.next.state, self.next.agent.clone(), self.next.awaits_agent);
        let way = routing::way(self.knowledge, wish.case(), self.inbound, &self.next, self.now, &self.language);
        self.urgent = wish.rule.is_some_and(|rule| rule.urgent);
        if self.presses_elsewhere(&way.queue, Priority::Urgent) {
            self.open_handoff(way.queue, Priority::Urgent, wish);
            if let Some(handoff) = &mut self.next.handoff {
                handoff.ladder.besides = true;
            }
        } else {
            self.queue = Some(QueueEvent::Message);
        }
        self.next.state = state;
        self.next.agent = agent;
        self.next.awaits_agent = awaits;
    }

    /// Makes the case at least so pressing.
    pub(in crate::decide) fn raise(&mut self, priority: Priority) {
        if let Some(handoff) = &mut self.next.handoff {
            handoff.priority = handoff.priority.max(priority);
        }
    }

    /// Brings the case to a person, and tells the customer.
    pub(in crate::decide) fn hand_over(mut self, wish: &Wish<'a>, candidates: &[Scored]) -> Outcome {
        let wished = wish.rule.and_then(|rule| rule.handoff.as_ref());
        let way = routing::way(self.knowledge, wish.case(), self.inbound, &self.next, self.now, &self.language);
        self.next.dialogue = None;
        self.next.looking.clear();
        self.class = self.class.take().or_else(|| wish.about?.class.clone());
        self.urgent = wish.rule.is_some_and(|rule| rule.urgent);
        let low = (wish.reason == Reason::LowScore).then_some(Priority::High);
        let urgent = self.urgent.then_some(Priority::Urgent);
        let priority = [wished.and_then(|handoff| handoff.priority), way.priority, urgent, low];
        let priority = priority.into_iter().flatten().max().unwrap_or(Priority::Normal);
        self.trace.route = way.tried;
        // Said once to a customer who waits; the second time it would be no news.
        let day = SignedDuration::from_hours(24);
        let said = |rule: &BuiltRule| {
            self.before
                .given
                .get(&rule.id)
                .is_some_and(|times| times.iter().any(|at| self.now.duration_since(*at) < day))
        };
        let news = wish.rule.filter(|rule| !said(rule));
        if self.next.handoff.is_none() || self.presses_elsewhere(&way.queue, priority) {
            self.open_handoff(way.queue, priority, wish);
            self.tell(wish);
        } else {
            self.forward(priority, news.filter(|rule| rule.handoff.is_some() || rule.urgent));
            if wish.reason == Reason::Asked && self.replies.is_empty() {
                self.tell_waiting();
            }
            if let Some(words) = wish.words.filter(|_| low.is_some()) {
                self.push_notice(words, None);
            }
        }
        if let Some(rule) = wish.rule {
            self.settle(rule);
        }
        let score = wish.rule.and_then(|rule| candidates.iter().find(|c| c.rule == rule.id)).map_or(0.0, |c| c.score);
        let said = self.queue != Some(QueueEvent::Message) || !self.replies.is_empty();
        let outcome = if said { OutcomeKind::Handoff } else { OutcomeKind::Silent };
        self.finish(outcome, wish.reason, wish.rule.map(|rule| (rule.id.clone(), score)), candidates)
    }

    /// Whether a case that waits has to move: what is said now presses more than what it waits for, and another team is for it.
    /// An urgent one makes itself heard in its own queue too.
    fn presses_elsewhere(&self, queue: &str, priority: Priority) -> bool {
        let Some(open) = &self.next.handoff else { return false };
        let other = open.queue != queue;
        if self.urgent { other || open.priority < Priority::Urgent } else { other && open.priority < priority }
    }

    fn open_handoff(&mut self, queue: String, priority: Priority, wish: &Wish<'a>) {
        let reason = wish.rule.and_then(|rule| rule.handoff.as_ref()?.reason.clone());
        let old = self.next.handoff.take();
        let served_by = old.as_ref().and_then(|handoff| handoff.served_by.clone());
        let replaces = old.map(|handoff| handoff.id);
        self.next.handoff = Some(OpenHandoff {
            id: format!("h_{}", self.inbound.message.trim_start_matches("msg_")),
            queue,
            priority,
            reason: reason.unwrap_or_else(|| wish.reason.as_str().to_owned()),
            created_at: self.now,
            served_by,
            ladder: Ladder::default(),
        });
        self.deadline = escalate::deadline(self.knowledge, &self.next);
        self.next.state = State::Queued;
        self.next.agent = None;
        self.next.awaits_agent = None;
        self.queue = Some(QueueEvent::Created { replaces });
    }

    /// The customer writes on while waiting: the people who will take the case hear of it. A rule's words for such a case are
    /// said; small talk and all else is not.
    fn forward(&mut self, priority: Priority, rule: Option<&'a BuiltRule>) {
        self.queue = Some(QueueEvent::Message);
        self.raise(priority);
        if let Some(rule) = rule {
            self.push_words(rule);
        }
        self.tell_closed(false);
    }

    /// Says the words of a rule; true if it has any.
    fn push_words(&mut self, rule: &'a BuiltRule) -> bool {
        match self.render_reply(rule) {
            Ok(Some(reply)) => {
                self.replies.push(reply);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.trace.notes.push(format!("the words of `{}` failed: {error}", rule.id));
                false
            }
        }
    }

    /// Tells the customer that a person will answer: the rule's words, else a notice; and when, if nobody is there now.
    fn tell(&mut self, wish: &Wish<'a>) {
        let mut told = wish.rule.is_some_and(|rule| self.push_words(rule));
        if !told && self.urgent && self.knowledge.notices.contains_key("urgent_lane") {
            self.push_notice("urgent_lane", None);
            told = true;
        }
        if let Some(id) = wish.words.filter(|id| !told && self.knowledge.notices.contains_key(*id)) {
            self.push_notice(id, None);
            told = true;
        }
        // A new case is never left without a word, though the notice was given for an earlier one.
        let closed = self.tell_closed(!told);
        let special = self.tell_modes(wish, told, closed);
        if !told && !closed && !special {
            self.push_notice("handed_over", None);
        }
    }

    /// Tells a customer whose case begins what is special now, and true, in the place of what is said on other days. True if
    /// anything was said.
    fn tell_modes(&mut self, wish: &Wish<'a>, told: bool, closed: bool) -> bool {
        let before = self.replies.len();
        if self.modes.contains(&Mode::Degraded) {
            self.tell_mode(Mode::Degraded, !told && !closed);
        }
        // Who is called to an emergency does not work in turn; and who gave a low score does not wait.
        let in_line = !closed && !self.urgent && wish.reason != Reason::LowScore;
        if let Some(peak) = self.peak().filter(|_| in_line) {
            let queue = self.next.handoff.as_ref().map(|handoff| handoff.queue.as_str()).unwrap_or_default();
            let waiting = self.inbound.waiting.get(queue).copied().unwrap_or(0);
            let full = peak.queue_cap.is_some_and(|cap| waiting >= cap);
            if full && self.knowledge.notices.contains_key("queue_full") {
                self.trace.notes.push(format!("the queue `{queue}` is full: {waiting} cases wait"));
                self.push_notice("queue_full", None);
            } else {
                self.tell_mode(Mode::Peak, !told && self.replies.len() == before);
            }
        }
        self.replies.len() > before
    }

    /// Gives the closed notice, unless people are there or it was given in this closed period (`again`: even then). True when they
    /// are not there.
    fn tell_closed(&mut self, again: bool) -> bool {
        let Some(handoff) = &self.next.handoff else { return false };
        let Some(queue) = self.knowledge.queues.get(&handoff.queue) else { return false };
        let open = queue.schedule.is_open(self.now);
        let next_open = queue.schedule.next_open(self.now);
        self.trace.hours = Some(TraceHours { queue: handoff.queue.clone(), open, next_open });
        if open {
            return false;
        }
        let key = notices::closed_key(queue, self.now);
        let given_at = notices::given_at(&self.next, &key);
        self.trace.notice = Some(TraceNotice { id: "closed".into(), key: key.clone(), given_at });
        if given_at.is_none() || again {
            self.push_notice("closed", Some(key));
        }
        true
    }

    /// Tells a customer who waits in open time, and asks again, that the case is not forgotten; not more often than people repeat
    /// themselves.
    fn tell_waiting(&mut self) {
        let said = notices::given_at(&self.next, "waiting");
        if self.person_is_there() && said.is_none_or(|at| self.now.duration_since(at) >= WAITING_AGAIN) {
            self.push_notice("waiting", Some("waiting".to_owned()));
        }
    }
}
