//! What comes of time alone: a case that nobody takes climbs from queue to queue, and the customer hears the truth about it.
//!
//! Owns what is due and when. Everything is worked out from the knowledge, the conversation and the time, so a timer only has to
//! wake somebody: what it finds may have changed meanwhile, and a step that was made is not due again. Times are counted in the
//! open time of the queue that they are about.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::message::{Conversation, Inbound, Kind, Ladder, OpenHandoff, Priority, Reply, State};

use super::context::Scope;
use super::knowledge::{Knowledge, Queue};
use super::{notices, speak};

/// How often a target that passed at the end of the ladder is said again at its own pace.
const REPEATS: u32 = 12;
/// How often after that, in open time.
const LATER: Duration = Duration::from_hours(1);
/// The shortest target, so that a mistyped one does not call people without a pause.
const SHORTEST: Duration = Duration::from_secs(1);

/// Why a queue hears of a case again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The target is near.
    Warning,
    /// The target passed.
    Target,
    /// The target passed before, there is no further queue, and still nobody took it.
    Repeat,
    /// The person who has it has left the customer without a word.
    AgentIdle,
    /// The limit over all queues passed.
    Transfer,
    /// A person answered, and nothing was said since: the bot has the conversation again.
    Returned,
    /// A person passed it on to this queue.
    Person,
}

impl Why {
    /// The word in webhooks, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Target => "target",
            Self::Repeat => "repeat",
            Self::AgentIdle => "agent_idle",
            Self::Transfer => "transfer",
            Self::Returned => "returned",
            Self::Person => "person",
        }
    }

    /// The webhook's event.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Warning => "handoff.warning",
            Self::Returned => "conversation.returned",
            Self::Person => "handoff.created",
            _ => "handoff.escalated",
        }
    }
}

/// One step that time made necessary. Nothing has happened yet: the shell commits it, then speaks.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// Why.
    pub why: Why,
    /// The queue that had the case, if it moves.
    pub from: Option<String>,
    /// What the customer is told.
    pub replies: Vec<Reply>,
    /// Notices that were given by that, such as `delayed`.
    pub notices: Vec<String>,
    /// The conversation as it is afterwards.
    pub conversation: Conversation,
    /// By when a person should have answered now.
    pub deadline: Option<Timestamp>,
}

/// By when a person should have answered the open hand-off; none without a target, or without an opening in reach.
#[must_use]
pub fn deadline(knowledge: &Knowledge, conversation: &Conversation) -> Option<Timestamp> {
    let handoff = conversation.handoff.as_ref()?;
    let queue = knowledge.queues.get(&handoff.queue)?;
    after(queue, since(handoff), target(knowledge, conversation, handoff, queue)?)
}

/// The first instant at which time alone changes something; none if it never does.
#[must_use]
pub fn next(knowledge: &Knowledge, conversation: &Conversation) -> Option<Timestamp> {
    plan(knowledge, conversation).into_iter().map(|(at, _)| at).min()
}

/// The step that is due. Where several are, because nobody was awake in time, the one that goes furthest.
#[must_use]
pub fn due(knowledge: &Knowledge, conversation: &Conversation, now: Timestamp) -> Option<Escalation> {
    let due = plan(knowledge, conversation).into_iter().filter(|(at, _)| *at <= now);
    let why = due.map(|(_, why)| why).max()?;
    let mut after = conversation.clone();
    if why == Why::Returned {
        give_back(&mut after);
        let (from, replies, notices, deadline) = (None, Vec::new(), Vec::new(), None);
        return Some(Escalation { why, from, replies, notices, conversation: after, deadline });
    }
    let handoff = after.handoff.as_mut()?;
    let before = handoff.queue.clone();
    let ladder = &mut handoff.ladder;
    ladder.steps = ladder.steps.saturating_add(1);
    match why {
        Why::Warning => ladder.warned = true,
        Why::Repeat => {
            ladder.passed = ladder.passed.saturating_add(1);
            ladder.since = Some(now);
        }
        Why::Target => {
            if let Some(queue) = further(knowledge, &before) {
                climb(handoff, queue, now);
            } else {
                ladder.passed = 1;
                ladder.since = Some(now);
            }
        }
        Why::Transfer => {
            ladder.transferred = true;
            handoff.priority = higher(handoff.priority);
            let last = last(knowledge, &before);
            if last != before {
                climb(handoff, last, now);
            }
        }
        Why::AgentIdle => {
            *ladder = taken(ladder, now);
            after.state = State::Queued;
            after.agent = None;
            after.awaits_agent = None;
        }
        // Done above: there is no case any more. And what a person does, time does not.
        Why::Returned | Why::Person => {}
    }
    let queue = after.handoff.as_ref().map(|handoff| handoff.queue.clone()).unwrap_or_default();
    let from = (queue != before).then_some(before);
    let mut escalation =
        Escalation { why, from, replies: Vec::new(), notices: Vec::new(), conversation: after, deadline: None };
    escalation.deadline = deadline(knowledge, &escalation.conversation);
    let news = matches!(why, Why::Target | Why::AgentIdle) || escalation.from.is_some();
    // Beside a person who talks the bot is silent, whoever else is called.
    if news && escalation.conversation.state == State::Queued {
        tell(knowledge, &mut escalation, &["delayed"], now);
    }
    Some(escalation)
}

/// A person passes the case on: it waits in another queue as a new one does. None if there is no case.
#[must_use]
pub fn transfer(knowledge: &Knowledge, conversation: &Conversation, queue: &str, now: Timestamp) -> Option<Escalation> {
    let mut after = conversation.clone();
    let handoff = after.handoff.as_mut()?;
    let steps = handoff.ladder.steps.saturating_add(1);
    let from = std::mem::replace(&mut handoff.queue, queue.to_owned());
    handoff.ladder = Ladder { since: Some(now), transferred: true, escalated: true, steps, ..Ladder::default() };
    after.state = State::Queued;
    after.agent = None;
    after.awaits_agent = None;
    after.answered_at = None;
    after.dialogue = None;
    after.looking.clear();
    let (why, from) = (Why::Person, (from != queue).then_some(from));
    let mut step =
        Escalation { why, from, replies: Vec::new(), notices: Vec::new(), conversation: after, deadline: None };
    step.deadline = deadline(knowledge, &step.conversation);
    tell(knowledge, &mut step, &["transferred", "handed_over"], now);
    Some(step)
}

/// The customer wrote: from now on a word of the person who has the conversation is waited for, or of one who answered before.
pub(super) fn customer_wrote(next: &mut Conversation, now: Timestamp) {
    if next.state == State::Human {
        next.awaits_agent.get_or_insert(now);
    }
    next.answered_at = None;
    if let Some(handoff) = next.handoff.as_mut().filter(|handoff| handoff.ladder.answered) {
        handoff.ladder = taken(&handoff.ladder, now);
    }
}

/// The bot has the conversation again, as after a person gave it back.
fn give_back(next: &mut Conversation) {
    next.state = State::Bot;
    next.agent = None;
    next.handoff = None;
    next.offered.clear();
    next.misses = 0;
    next.answered_at = None;
    next.dialogue = None;
    next.looking.clear();
}

/// A ladder that begins again where it is, because somebody had the case: what was counted until then is done with.
fn taken(ladder: &Ladder, now: Timestamp) -> Ladder {
    Ladder { since: Some(now), transferred: true, escalated: true, steps: ladder.steps, ..Ladder::default() }
}

/// All that time alone will do to a conversation as it is now.
fn plan(knowledge: &Knowledge, conversation: &Conversation) -> Vec<(Timestamp, Why)> {
    let mut plan = Vec::new();
    let Some(handoff) = &conversation.handoff else { return plan };
    let Some(queue) = knowledge.queues.get(&handoff.queue) else { return plan };
    let mut add = |at: Option<Timestamp>, why| plan.extend(at.map(|at| (at, why)));
    if conversation.state == State::Human {
        let idle = knowledge.limits.agent_idle;
        let silent = conversation.awaits_agent.filter(|_| !idle.is_zero());
        add(silent.and_then(|since| after(queue, since, idle.max(SHORTEST))), Why::AgentIdle);
        let back = knowledge.limits.back_to_bot;
        // Of the customer's own time, not of the shop's: the next morning is another talk. One who waits is kept for people, and
        // so is a case to which another person was called.
        let quiet = conversation.awaits_agent.is_none() && !back.is_zero() && !handoff.ladder.besides;
        let quiet = conversation.answered_at.filter(|_| quiet);
        let length = SignedDuration::try_from(back.max(SHORTEST)).ok();
        add(quiet.and_then(|since| since.checked_add(length?).ok()), Why::Returned);
    }
    if !waits(conversation, handoff) {
        return plan;
    }
    let ladder = &handoff.ladder;
    if let Some(target) = target(knowledge, conversation, handoff, queue) {
        let since = since(handoff);
        match ladder.passed {
            0 => {
                add(after(queue, since, target), Why::Target);
                let warn = target.saturating_sub(queue.warn_before.unwrap_or(target / 4));
                let warned = ladder.warned || warn.is_zero() || warn == target;
                add(after(queue, since, warn).filter(|_| !warned), Why::Warning);
            }
            1..=REPEATS => add(after(queue, since, target), Why::Repeat),
            _ => add(after(queue, since, target.max(LATER)), Why::Repeat),
        }
    }
    if !ladder.transferred {
        let origin = ladder.origin.as_ref().unwrap_or(&handoff.queue);
        let limit = knowledge.queues.get(origin).and_then(|origin| Some((origin, origin.transfer?)));
        add(limit.and_then(|(origin, limit)| after(origin, handoff.created_at, limit.max(SHORTEST))), Why::Transfer);
    }
    plan
}

/// Whether nobody has taken the case. One that is called beside a person who talks waits for another person.
fn waits(conversation: &Conversation, handoff: &OpenHandoff) -> bool {
    match conversation.state {
        State::Queued => !handoff.ladder.answered,
        State::Human => handoff.ladder.besides,
        State::Bot | State::Closed => false,
    }
}

/// What a case has in its present queue: at first the channel's target before the queue's, after a step the queue's own.
fn target(
    knowledge: &Knowledge,
    conversation: &Conversation,
    handoff: &OpenHandoff,
    queue: &Queue,
) -> Option<Duration> {
    let channel = knowledge.channel_targets.get(&conversation.channel).copied();
    let target =
        if handoff.ladder.escalated { queue.first_response.or(channel) } else { channel.or(queue.first_response) };
    target.map(|target| target.max(SHORTEST))
}

fn since(handoff: &OpenHandoff) -> Timestamp {
    handoff.ladder.since.unwrap_or(handoff.created_at)
}

fn after(queue: &Queue, since: Timestamp, length: Duration) -> Option<Timestamp> {
    queue.schedule.add_open_time(since, SignedDuration::try_from(length).ok()?)
}

/// The next queue of the ladder, if there is one.
fn further(knowledge: &Knowledge, queue: &str) -> Option<String> {
    let next = knowledge.queues.get(queue)?.escalate_to.as_ref()?;
    (next != queue && knowledge.queues.contains_key(next)).then(|| next.clone())
}

/// The end of the ladder. `check` refuses a circle; should there be one all the same, every queue is tried once.
fn last(knowledge: &Knowledge, queue: &str) -> String {
    let mut last = queue.to_owned();
    for _ in 0..knowledge.queues.len() {
        match further(knowledge, &last) {
            Some(next) if next != queue => last = next,
            _ => break,
        }
    }
    last
}

fn climb(handoff: &mut OpenHandoff, queue: String, now: Timestamp) {
    let before = std::mem::replace(&mut handoff.queue, queue);
    let ladder = &mut handoff.ladder;
    ladder.origin.get_or_insert(before);
    ladder.since = Some(now);
    ladder.warned = false;
    ladder.passed = 0;
    ladder.escalated = true;
}

fn higher(priority: Priority) -> Priority {
    match priority {
        Priority::Low => Priority::Normal,
        Priority::Normal => Priority::High,
        Priority::High | Priority::Urgent => Priority::Urgent,
    }
}

/// Tells the customer the first of some notices that the shop has, such as that it takes longer; or, if nobody is there by now, when people are back; that once in each closed period.
fn tell(knowledge: &Knowledge, escalation: &mut Escalation, open: &[&'static str], now: Timestamp) {
    let next = &mut escalation.conversation;
    let Some(handoff) = &next.handoff else { return };
    let Some(queue) = knowledge.queues.get(&handoff.queue) else { return };
    let key = (!queue.schedule.is_open(now)).then(|| notices::closed_key(queue, now));
    if key.as_ref().is_some_and(|key| notices::given_at(next, key).is_some()) {
        return;
    }
    let ids = if key.is_some() { &["closed"] } else { open };
    let Some((id, text)) = ids.iter().find_map(|id| Some((*id, knowledge.notices.get(*id)?))) else { return };
    let inbound = Inbound::words("", &next.channel, next.customer.clone(), "");
    let language = speak::language(knowledge, &inbound, next);
    let scope = Scope::of(Some(&handoff.queue), None, &language);
    // Words that fail are no reason to leave the case where it is; `check` has tried them.
    let Ok((text, _)) = speak::say(knowledge, text, &inbound, next, now, scope) else { return };
    if text.is_empty() {
        return;
    }
    let message = format!("msg_{}-t{}", handoff.id.trim_start_matches("h_"), handoff.ladder.steps);
    escalation.replies.push(Reply { message, kind: Kind::Notice, text, rule: None, options: Vec::new() });
    escalation.notices.push(id.to_owned());
    if let Some(key) = key {
        notices::remember(next, key, now);
    }
}
