//! The decision: knowledge, conversation, message and time in; outcome out. Pure: the same in, the same out.
//!
//! In this order: a machine's message and a person's conversation leave the bot silent; asking for a person always works, and
//! an emergency or complaint in the same breath finds its own queue; what has no words has outcomes of its own; a number or
//! title answers the options just shown, else the survey; then the best rule; then a person. Messages in a row are decided
//! together (`together`).

pub mod builtin;
pub mod context;
mod dialogue;
mod elsewhere;
pub mod escalate;
pub mod knowledge;
pub mod letters;
pub mod notices;
pub mod outcome;
pub mod routing;
mod search;
mod several;
mod slots;
pub mod speak;
pub mod survey;
mod together;
mod turn;

use jiff::Timestamp;

use crate::matching::Sign;
use crate::message::{Conversation, Gesture, Inbound, Kind, OutcomeKind, Priority, Reason, State};
use crate::rules::model::Origin;
use crate::text::key;

pub use elsewhere::{answered, over_limit, returned};
pub use knowledge::Knowledge;
pub use outcome::{LookupRequest, Outcome, Target, Trace, TraceCandidate, TraceHours, TraceNear, TraceNotice};
pub use together::{continued, decide, waits};

use dialogue::Heard;
use knowledge::BuiltRule;
use search::{Several, near, ranked, several};
use turn::{Repeats, Turn, Wish};

/// Decides one message by its own words.
fn alone(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let mut turn = Turn::new(knowledge, inbound, conversation, now);
    if inbound.gesture == Gesture::Automatic {
        return turn.unchanged().silent(Reason::AutomaticSender, false);
    }
    if inbound.gesture == Gesture::Undelivered {
        return undelivered(turn);
    }
    if survey::is_apart(&inbound.gesture) {
        return turn.rated_by_hand();
    }
    if turn.state() == State::Human {
        return while_human(turn);
    }
    if let Gesture::LookedUp(message) = &inbound.gesture {
        return looked_up(turn, message);
    }
    if let Some(option) = turn.pressed().and_then(|id| open_option(&turn, id)) {
        return choose(turn, option);
    }
    if inbound.gesture == Gesture::AskForPerson || knowledge.builtins.asks_for_person(&turn.view) {
        return asked(turn);
    }
    if inbound.kind != Kind::Text && turn.view.key.is_empty() {
        return turn.hand_over(&Wish { words: Some("media"), ..Wish::because(Reason::Media) }, &[]);
    }
    if inbound.text.chars().count() > knowledge.limits.message_chars {
        return turn.hand_over(&Wish { words: Some("too_long"), ..Wish::because(Reason::TooLong) }, &[]);
    }
    if turn.view.key.is_empty() {
        return match turn.state() {
            State::Queued => turn.silent(Reason::Empty, true),
            _ => turn.say_notice(&["empty", "greeting"], OutcomeKind::Smalltalk, Reason::Empty),
        };
    }
    let label_key = |label: &str| key(knowledge.matcher.view(label).folded.text());
    if let Some(at) = builtin::chosen(&turn.view, turn.offered(), label_key)
        && let Some(option) = open_option(&turn, &turn.offered()[at].id)
    {
        return choose(turn, option);
    }
    // What was shown or asked last is answered first: options, a dialogue, then the survey.
    if turn.after().dialogue.is_none()
        && let Some(score) = survey::named(&turn)
    {
        return turn.rated_in_words(score);
    }
    let ranked = ranked(&mut turn);
    let candidates = turn.trace_candidates(&ranked);
    let mut turn = match dialogue::hear(turn, &ranked, &candidates) {
        Heard::Done(outcome) => return *outcome,
        Heard::Nothing(turn) => *turn,
    };
    if turn.awaits_comment() {
        let sure = ranked.first().filter(|winner| !search::is_aside(&turn, winner));
        match sure.map(|winner| &knowledge.rules[winner.rule as usize]) {
            // A question is one, whatever it says of the service too.
            None if several::asks(&inbound.text) => turn.keep_comment(inbound.text.clone()),
            None => return turn.commented(inbound.text.clone()),
            // A complaint is what it is anywhere, and the reason too.
            Some(rule) if rule.class.as_deref() == Some("complaint") => turn.keep_comment(inbound.text.clone()),
            Some(_) => {}
        }
    }
    let mut winner = ranked.first();
    match several(&turn, &ranked) {
        Several::One => {}
        Several::Answers(answers, rest) => {
            turn.trace.notes.push(format!("the message asks {} things that are answered", answers.len()));
            return turn.answer_all(&answers, rest, &candidates);
        }
        Several::Partly if winner.is_some_and(|winner| winner.evidence.sign == Sign::Like) => {
            turn.trace.notes.push("a part of the message asks what nothing answers".to_owned());
            turn.missed();
            return turn.hand_over(&Wish::because(Reason::NoMatch), &candidates);
        }
        Several::TooMuch => {
            turn.trace.notes.push("the message asks more than is answered at once".to_owned());
            return turn.hand_over(&Wish::because(Reason::NoMatch), &candidates);
        }
        Several::Partly => winner = winner.filter(|winner| !search::is_aside(&turn, winner)),
    }
    if winner.is_none_or(|winner| search::is_aside(&turn, winner))
        && let Some(near) = near(&turn, winner.is_none())
    {
        return turn.offer(near, &candidates);
    }
    let Some(winner) = winner else {
        if turn.state() == State::Bot && knowledge.builtins.declines_person(&turn.view) {
            return turn.say_notice(&["empty", "greeting"], OutcomeKind::Smalltalk, Reason::NoMatch);
        }
        turn.missed();
        return turn.hand_over(&Wish::because(Reason::NoMatch), &candidates);
    };
    let rule = &knowledge.rules[winner.rule as usize];
    let score = winner.evidence.score();
    act(turn, rule, score, &candidates)
}

/// What the bot said did not arrive: a person sees to it. Nothing more is said where nothing arrives.
fn undelivered(turn: Turn<'_>) -> Outcome {
    let before = turn.before;
    if before.state != State::Bot {
        return turn.unchanged().silent(Reason::Undelivered, true);
    }
    undelivered_to_bot(turn)
}

fn undelivered_to_bot(turn: Turn<'_>) -> Outcome {
    let before = turn.before;
    let mut outcome = turn.hand_over(&Wish::because(Reason::Undelivered), &[]);
    outcome.replies.clear();
    outcome.decision.notices.clear();
    outcome.conversation.notices.clone_from(&before.notices);
    // The words are ours or a server's, not the customer's.
    outcome.conversation.language.clone_from(&before.language);
    outcome.conversation.unanswered.clone_from(&before.unanswered);
    outcome
}

/// A look-up that an earlier message began has ended: its rule answers with what the customer had told then, if it is still
/// waited for.
fn looked_up(mut turn: Turn<'_>, message: &str) -> Outcome {
    let knowledge = turn.knowledge;
    let at = turn.next.looking.iter().position(|looking| looking.message == message);
    let looking = at.map(|at| turn.next.looking.remove(at));
    let rule = looking.and_then(|looking| Some((*knowledge.by_id.get(&looking.rule)?, looking.slots)));
    let Some((rule, slots)) = rule.filter(|_| turn.state() == State::Bot && turn.inbound.fetched.is_some()) else {
        return turn.unchanged().silent(Reason::Cancelled, false);
    };
    let since = std::mem::replace(&mut turn.next.slots, slots);
    let mut outcome = dialogue::complete(turn, &knowledge.rules[rule as usize], 1.0, &[]);
    // Whoever takes the case over gets what it is about; otherwise what was told since stands.
    if outcome.decision.outcome != OutcomeKind::Handoff {
        outcome.conversation.slots = since;
    }
    outcome
}

/// A person has the conversation, and the bot is silent. But an emergency does not wait for one who has gone home: outside the
/// hours of the case's queue its own queue is called besides.
fn while_human(mut turn: Turn<'_>) -> Outcome {
    let knowledge = turn.knowledge;
    let ranked = ranked(&mut turn);
    let urgent = ranked.iter().map(|candidate| &knowledge.rules[candidate.rule as usize]).find(|rule| rule.urgent);
    let Some(rule) = urgent else { return turn.silent(Reason::HumanOwns, true) };
    if turn.person_is_there() {
        turn.raise(Priority::Urgent);
        return turn.silent(Reason::HumanOwns, true);
    }
    turn.call_besides(&Wish::of(rule, Reason::Urgent));
    turn.silent(Reason::HumanOwns, false)
}

/// The customer asks for a person. What else the message says decides which: an emergency, a complaint.
fn asked(mut turn: Turn<'_>) -> Outcome {
    let ranked = ranked(&mut turn);
    let knowledge = turn.knowledge;
    let rules = || ranked.iter().map(|candidate| &knowledge.rules[candidate.rule as usize]);
    let rule = rules().find(|rule| rule.urgent).or_else(|| rules().find(|rule| rule.handoff.is_some()));
    let reason = if rule.is_some_and(|rule| rule.urgent) { Reason::Urgent } else { Reason::Asked };
    let candidates = turn.trace_candidates(&ranked);
    turn.hand_over(&Wish { rule, ..Wish::because(reason) }, &candidates)
}

/// A person takes what nothing answers.
fn unmatched(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let mut turn = Turn::new(knowledge, inbound, conversation, now);
    let ranked = ranked(&mut turn);
    let candidates = turn.trace_candidates(&ranked);
    turn.missed();
    turn.hand_over(&Wish::because(Reason::NoMatch), &candidates)
}

/// What is done with a message when our own code failed on it: a person takes it.
#[must_use]
pub fn failed(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> Outcome {
    let turn = Turn::new(knowledge, inbound, conversation, now);
    if turn.state() == State::Human {
        return turn.silent(Reason::HumanOwns, true);
    }
    turn.hand_over(&Wish::because(Reason::InternalError), &[])
}

/// Does what a rule says: answers, hands over, or keeps silent while the customer waits.
fn act<'a>(turn: Turn<'a>, rule: &'a BuiltRule, score: f64, candidates: &[crate::message::Scored]) -> Outcome {
    if rule.leads() {
        return match turn.state() {
            State::Bot if rule.slots.is_empty() => dialogue::complete(turn, rule, score, candidates),
            State::Bot => dialogue::begin(turn, rule, score, candidates),
            // An emergency is one, whatever it would have asked.
            _ if rule.urgent => turn.hand_over(&Wish::of(rule, Reason::Urgent), candidates),
            // Whoever waits for a person is not asked by a machine what the person will ask.
            _ => turn.hand_over(&Wish::because(Reason::NoMatch), candidates),
        };
    }
    if rule.handoff.is_some() || rule.urgent {
        let reason = if rule.urgent { Reason::Urgent } else { Reason::Policy };
        return turn.hand_over(&Wish::of(rule, reason), candidates);
    }
    if rule.smalltalk {
        return match turn.state() {
            // Somebody who waits wants the person, not to be greeted again.
            State::Queued => turn.hand_over(&Wish::because(Reason::NoMatch), candidates),
            _ => turn.answer(rule, score, OutcomeKind::Smalltalk, candidates),
        };
    }
    let outcome = if rule.origin == Origin::Faq { OutcomeKind::Faq } else { OutcomeKind::Rule };
    match turn.repeats(rule) {
        Repeats::No => {}
        Repeats::Again => return turn.repeated(rule, score, outcome, candidates),
        Repeats::Enough => {
            let wish = Wish::because(Reason::Repeated);
            return turn.hand_over(&wish, candidates);
        }
    }
    turn.answer(rule, score, outcome, candidates)
}

/// The rule behind an option, if the customer may have it: shown with the last answer, or an entry with a title, which an older
/// answer may have shown; and valid here and today.
fn open_option<'a>(turn: &Turn<'a>, id: &str) -> Option<&'a BuiltRule> {
    let knowledge = turn.knowledge;
    let rule = &knowledge.rules[*knowledge.by_id.get(id)? as usize];
    let shown = turn.offered().iter().any(|choice| choice.id == id);
    let entry = rule.origin == Origin::Faq && rule.title.is_some();
    let today = turn.now.to_zoned(knowledge.zone.clone()).date();
    ((shown || entry) && rule.valid(today, &turn.inbound.channel)).then_some(rule)
}

/// The customer pressed or named an option.
fn choose<'a>(mut turn: Turn<'a>, rule: &'a BuiltRule) -> Outcome {
    turn.trace.notes.push(format!("the message names the option `{}`", rule.id));
    let candidates = [crate::message::Scored { rule: rule.id.clone(), score: 1.0 }];
    act(turn, rule, 1.0, &candidates)
}
