//! One message on its way through the decision: what was found so far, and the steps that several outcomes share.

mod fetch;
mod handover;
mod rating;

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::matching::{Candidate, View};
use crate::message::{
    Choice, Conversation, Decision, Gesture, Inbound, Kind, OutcomeKind, QueueEvent, Reason, Reply, Scored, State,
    Survey,
};
use crate::modes::Mode;
use crate::rules::PeakSpec;
use crate::template::{ExpressionId, TemplateError};

use super::context::{self, Scope};
use super::escalate;
use super::knowledge::{BuiltRule, BuiltText, Knowledge};
use super::notices;
use super::outcome::{LookupRequest, Outcome, Trace, TraceCandidate, TraceNear};
use super::routing::{self, Case};
use super::speak;
use super::survey;

/// Most times that are remembered of one rule's answers within a day.
const MAX_GIVEN: usize = 16;
/// Most rules whose answers are remembered.
const MAX_GIVEN_RULES: usize = 64;
/// Messages in a row that are answered with a choice of titles; after them a person takes over.
const MOST_MISSES: u32 = 1;
/// Most look-ups that one conversation waits for.
const MAX_LOOKING: usize = 4;
/// Most tags of a conversation.
const MAX_TAGS: usize = 32;

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

    /// Gives the notice of a special mode that is on, once in each conversation; `again`: even then.
    fn tell_mode(&mut self, mode: Mode, again: bool) {
        let Some(since) = self.knowledge.modes.since(mode, self.now) else { return };
        let key = notices::mode_key(mode, since);
        if again || notices::given_at(&self.next, &key).is_none() {
            self.push_notice(mode.as_str(), Some(key));
        }
    }

    /// Tells whoever is answered while systems are down, before all else.
    fn tell_degraded(&mut self, outcome: OutcomeKind) {
        let heard = !survey::is_apart(&self.inbound.gesture) && !matches!(outcome, OutcomeKind::Survey);
        if self.replies.is_empty() || !heard || !self.modes.contains(&Mode::Degraded) {
            return;
        }
        let before = self.replies.len();
        self.tell_mode(Mode::Degraded, false);
        if self.replies.len() > before {
            self.replies.rotate_right(1);
        }
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

    /// An entry as an option: its title in the customer's language.
    pub(super) fn choice(&self, rule: &BuiltRule) -> Option<Choice> {
        let label = self.say(rule.title.as_ref()?, Some(rule)).ok().filter(|label| !label.is_empty())?;
        Some(Choice { id: rule.id.clone(), label })
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

    /// Whether an expression of a rule holds now.
    pub(super) fn holds(&self, rule: &BuiltRule, id: ExpressionId) -> Result<bool, TemplateError> {
        let queue = self.knowledge.templates.condition_asks_hours(id).then(|| self.queue_meant(Some(rule)));
        let scope = Scope::of(queue.as_deref(), Some(&rule.id), &self.language);
        let context = context::context(self.knowledge, self.inbound, &self.next, self.now, scope);
        self.knowledge.templates.holds(id, &context)
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

    /// The question which of some entries is meant, if there are any and the shop has words for it.
    fn which(&self, options: Vec<Choice>) -> Option<Reply> {
        let said = self.knowledge.notices.get("choice").and_then(|text| self.say(text, None).ok());
        let text = said.filter(|said| !said.is_empty() && !options.is_empty())?;
        Some(Reply { message: self.reply_id(), kind: Kind::Text, text, rule: None, options })
    }

    /// Says a notice in place of an answer.
    pub(super) fn say_notice(mut self, ids: &[&str], outcome: OutcomeKind, reason: Reason) -> Outcome {
        if let Some(id) = ids.iter().find(|id| self.knowledge.notices.contains_key(**id)) {
            self.push_notice(id, None);
        }
        self.finish(outcome, reason, None, &[])
    }

    fn push_notice(&mut self, id: &str, key: Option<String>) {
        let Some(text) = self.knowledge.notices.get(id) else { return };
        match self.say(text, None) {
            Ok(said) if !said.is_empty() => {
                let reply =
                    Reply { message: self.reply_id(), kind: Kind::Notice, text: said, rule: None, options: Vec::new() };
                self.replies.push(reply);
                self.notices.push(id.to_owned());
                if let Some(key) = key {
                    notices::remember(&mut self.next, key, self.now);
                }
            }
            Ok(_) => {}
            Err(error) => self.trace.notes.push(format!("the notice `{id}` failed: {error}")),
        }
    }

    fn render_reply(&mut self, rule: &'a BuiltRule) -> Result<Option<Reply>, TemplateError> {
        // Variants take turns, so that the same customer does not hear the same words twice in a row.
        let given = self.before.given.get(&rule.id).map_or(0, Vec::len);
        let Some(text) = rule.replies.get(given % rule.replies.len().max(1)) else { return Ok(None) };
        let said = self.say(text, Some(rule))?;
        if said.is_empty() {
            return Ok(None);
        }
        let options = self.options(rule);
        Ok(Some(Reply { message: self.reply_id(), kind: Kind::Text, text: said, rule: Some(rule.id.clone()), options }))
    }

    fn options(&self, rule: &BuiltRule) -> Vec<Choice> {
        let today = self.now.to_zoned(self.knowledge.zone.clone()).date();
        let most = self.peak().map_or(usize::MAX, |peak| peak.options);
        rule.options
            .iter()
            .map(|&index| &self.knowledge.rules[index as usize])
            .filter(|option| option.valid(today, &self.inbound.channel))
            .filter_map(|option| self.choice(option))
            .take(most)
            .collect()
    }

    /// The queue whose hours a text means: of the case, of the rule, or where the routes lead.
    fn queue_meant(&self, rule: Option<&BuiltRule>) -> String {
        let queue = self.next.handoff.as_ref().map(|handoff| handoff.queue.clone());
        queue.unwrap_or_else(|| {
            let case = rule.map_or(Case::UNKNOWN, |rule| Case::of(rule, None));
            routing::way(self.knowledge, case, self.inbound, &self.next, self.now, &self.language).queue
        })
    }

    /// A text in the customer's language.
    pub(super) fn say(&self, text: &BuiltText, rule: Option<&BuiltRule>) -> Result<String, TemplateError> {
        let asks_hours = text.by_language.values().any(|id| self.knowledge.templates.asks_hours(*id));
        let queue = asks_hours.then(|| self.queue_meant(rule));
        let scope = Scope::of(queue.as_deref(), rule.map(|r| r.id.as_str()), &self.language);
        speak::say(self.knowledge, text, self.inbound, &self.next, self.now, scope).map(|(said, _)| said)
    }

    fn reply_id(&self) -> String {
        format!("{}-{}", self.inbound.message, self.replies.len() + 1)
    }

    /// What a rule leaves behind besides its words.
    fn settle(&mut self, rule: &BuiltRule) {
        for tag in &rule.tags {
            if self.next.tags.len() < MAX_TAGS && self.next.tags.insert(tag.clone()) {
                self.tags.push(tag.clone());
            }
        }
        self.class = self.class.take().or_else(|| rule.class.clone());
        self.next.previous = Some(rule.id.clone());
        self.next.misses = 0;
        let day = SignedDuration::from_hours(24);
        self.next.given.retain(|_, times| {
            times.retain(|at| self.now.duration_since(*at) < day);
            !times.is_empty()
        });
        if self.next.given.len() < MAX_GIVEN_RULES || self.next.given.contains_key(&rule.id) {
            let times = self.next.given.entry(rule.id.clone()).or_default();
            times.push(self.now);
            if times.len() > MAX_GIVEN {
                times.remove(0);
            }
        }
    }

    /// Counts a message that nothing matched.
    pub(super) fn missed(&mut self) {
        self.next.misses = self.next.misses.saturating_add(1);
    }

    /// Writes the candidates into the trace, the winner first, and returns the best three.
    pub(super) fn trace_candidates(&mut self, ranked: &[Candidate]) -> Vec<Scored> {
        let rules = &self.knowledge.rules;
        let winner = ranked.first();
        self.trace.candidates = ranked
            .iter()
            .take(20)
            .map(|candidate| {
                let rule = &rules[candidate.rule as usize];
                TraceCandidate {
                    rule: rule.id.clone(),
                    priority: rule.priority,
                    sign: candidate.evidence.sign.describe(),
                    length: candidate.evidence.length,
                    score: candidate.evidence.score(),
                    spans: candidate.evidence.spans.iter().map(|span| self.view.original(span)).collect(),
                    lost: winner.filter(|w| w.rule != candidate.rule).map(|winner| {
                        let best = &rules[winner.rule as usize];
                        if rule.priority != best.priority {
                            "lower priority"
                        } else if candidate.evidence.sign != winner.evidence.sign {
                            "less specific sign"
                        } else if candidate.evidence.sure != winner.evidence.sure {
                            "less sure"
                        } else if candidate.evidence.length != winner.evidence.length {
                            "shorter match"
                        } else {
                            "later in the files"
                        }
                    }),
                }
            })
            .collect();
        let mut best: Vec<Scored> = self
            .trace
            .candidates
            .iter()
            .map(|candidate| Scored { rule: candidate.rule.clone(), score: candidate.score })
            .collect();
        for guess in self.knowledge.matcher.guesses(&self.view) {
            let rule = &rules[guess.rule as usize];
            let confidence = hundredths(guess.near.confidence);
            self.trace.near.push(TraceNear {
                rule: rule.id.clone(),
                confidence,
                sure: hundredths(guess.bars.sure),
                near: hundredths(guess.bars.near),
            });
            if best.iter().all(|known| known.rule != rule.id) {
                best.push(Scored { rule: rule.id.clone(), score: confidence });
            }
        }
        best.truncate(3);
        best
    }

    fn finish(
        mut self,
        outcome: OutcomeKind,
        reason: Reason,
        rule: Option<(String, f64)>,
        candidates: &[Scored],
    ) -> Outcome {
        self.tell_degraded(outcome);
        // Small talk between the question how it was and its answer changes no subject.
        let aside = matches!(outcome, OutcomeKind::Survey | OutcomeKind::Smalltalk);
        if let Some(survey) = self.next.survey.as_mut().filter(|_| !aside && !self.replies.is_empty()) {
            survey.passed_over = true;
        }
        // Options that were shown before are answered by the next message or not at all, unless nothing was said meanwhile.
        if !self.replies.is_empty() {
            self.next.offered = self
                .replies
                .iter()
                .rev()
                .find(|r| !r.options.is_empty())
                .map(|r| r.options.clone())
                .unwrap_or_default();
        }
        self.end_survey(reason);
        let (rule, score) = rule.unzip();
        let decision = Decision {
            outcome,
            reason,
            rule,
            score: score.filter(|score| *score > 0.0),
            candidates: candidates.to_vec(),
            urgent: self.urgent,
            tags: self.tags,
            class: self.class,
            language: self.language,
            notices: self.notices,
            pilots: None,
            modes: self.modes.iter().map(ToString::to_string).collect(),
        };
        Outcome {
            decision,
            replies: self.replies,
            queue: self.queue,
            conversation: self.next,
            deadline: self.deadline,
            lookup: self.lookup,
            answered: self.answered,
            trace: self.trace,
        }
    }
}

/// A share from 0 to 1 as people write it, with two places.
fn hundredths(share: f32) -> f64 {
    f64::from((share * 100.0).round()) / 100.0
}
