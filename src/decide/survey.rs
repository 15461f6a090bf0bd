//! The question how it was: of which case it is asked, what answers it, and how long.
//!
//! Owns the question and its signs. What is done with an answer is a step of the turn, in `turn/rating.rs`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::matching::View;
use crate::message::{Choice, Conversation, Gesture, Inbound, Kind, Reason, Reply, State, Survey};
use crate::text::key;

use super::context::Scope;
use super::knowledge::Knowledge;
use super::speak;
use super::turn::Turn;

/// Begin of the ids of the options below the question; a score follows.
const OPTION: &str = "survey.";
/// How long after a score the next words are taken as the reason for it.
const COMMENT: Duration = Duration::from_mins(10);
/// The highest score.
const BEST: u8 = 5;

/// Puts the question about the case that ends, if there is one to ask about: a person had it, the shop has words for the question
/// and the channel a way for them, and it is not itself about a low score. A case ends once, so it is asked once.
pub fn ask(
    knowledge: &Knowledge,
    before: &Conversation,
    after: &mut Conversation,
    agent: Option<&str>,
    message: &str,
    now: Timestamp,
) -> Option<Reply> {
    let handoff = before.handoff.as_ref()?;
    let had = before.state == State::Human || handoff.served_by.is_some();
    let rules = &knowledge.survey;
    if !had || handoff.reason == Reason::LowScore.as_str() || rules.unheard.contains(&before.channel) {
        return None;
    }
    let inbound = Inbound::words("", &before.channel, before.customer.clone(), "");
    let language = speak::language(knowledge, &inbound, before);
    let scope = Scope::of(Some(&handoff.queue), None, &language);
    // Words that fail are no reason to keep the case open; `check` has tried them.
    let (mut text, _) = speak::say(knowledge, knowledge.notices.get("survey")?, &inbound, before, now, scope).ok()?;
    if text.is_empty() {
        return None;
    }
    let options: Vec<Choice> = (1..=BEST)
        .map(|score| Choice { id: format!("{OPTION}{score}"), label: label(knowledge, score, &inbound, before, now) })
        .collect();
    if rules.numbered.contains(&before.channel) {
        for (score, option) in (1..=BEST).zip(&options) {
            text.extend(["\n", &score.to_string(), " ", &option.label]);
        }
    }
    let agent = agent.or(before.agent.as_deref()).or(handoff.served_by.as_deref()).map(str::to_owned);
    after.survey = Some(Survey {
        handoff: handoff.clone(),
        agent,
        asked_at: now,
        passed_over: false,
        score: None,
        answered_at: None,
        comment: None,
    });
    Some(Reply { message: message.to_owned(), kind: Kind::Notice, text, rule: None, options })
}

/// What a score means, in the customer's language; the score itself where there are no words.
#[must_use]
pub fn label(
    knowledge: &Knowledge,
    score: u8,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
) -> String {
    let language = speak::language(knowledge, inbound, conversation);
    let written = usize::from(score).checked_sub(1).and_then(|at| knowledge.survey.labels.get(at));
    let scope = Scope::of(None, None, &language);
    let said = written.and_then(|text| speak::say(knowledge, text, inbound, conversation, now, scope).ok());
    said.map(|(said, _)| said).filter(|said| !said.is_empty()).unwrap_or_else(|| score.to_string())
}

/// Forgets a question that can no longer be answered.
pub(super) fn expire(knowledge: &Knowledge, next: &mut Conversation, now: Timestamp) {
    if next.survey.as_ref().is_some_and(|survey| until(knowledge, survey) <= now) {
        next.survey = None;
    }
}

/// Until when the customer is heard about a case: with a score, then with the reason for it.
#[must_use]
pub fn until(knowledge: &Knowledge, survey: &Survey) -> Timestamp {
    let (since, length) = match survey.answered_at {
        Some(at) => (at, COMMENT),
        None => (survey.asked_at, knowledge.survey.lapses),
    };
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    since.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// The question that waits for a score, if one does.
#[must_use]
pub fn open<'c>(knowledge: &Knowledge, conversation: &'c Conversation, now: Timestamp) -> Option<&'c Survey> {
    conversation.survey.as_ref().filter(|survey| survey.score.is_none() && now < until(knowledge, survey))
}

/// Whether an answer by a form would be heard.
#[must_use]
pub fn may_rate(
    knowledge: &Knowledge,
    conversation: &Conversation,
    score: u8,
    comment: Option<&str>,
    now: Timestamp,
) -> bool {
    let adds = |survey: &Survey| {
        survey.score == Some(score) && survey.comment.is_none() && comment.is_some() && now < until(knowledge, survey)
    };
    (1..=BEST).contains(&score)
        && (open(knowledge, conversation, now).is_some() || conversation.survey.as_ref().is_some_and(adds))
}

/// Whether a gesture answers the survey and none of the customer's words: those before it are not completed by it.
#[must_use]
pub fn is_apart(gesture: &Gesture) -> bool {
    matches!(gesture, Gesture::Rate { .. }) || pressed(gesture).is_some()
}

/// The score of the option that was pressed.
#[must_use]
pub fn pressed(gesture: &Gesture) -> Option<u8> {
    let Gesture::Select(option) = gesture else { return None };
    option.strip_prefix(OPTION)?.parse().ok().filter(|score| (1..=BEST).contains(score))
}

/// The score that a message names while the question is open, and only that.
pub(super) fn named(turn: &Turn<'_>) -> Option<u8> {
    let knowledge = turn.knowledge;
    let passed_over = open(knowledge, turn.after(), turn.now)?.passed_over;
    let explicit =
        |text: &str| ["分", "星", "star", "point", "⭐", "/5", "out of"].iter().any(|mark| text.contains(mark));
    if passed_over && !explicit(turn.view.folded.text()) {
        return None;
    }
    let same = |score: &u8| {
        let label = label(knowledge, *score, turn.inbound, turn.after(), turn.now);
        key(knowledge.matcher.view(&label).folded.text()) == turn.view.key
    };
    score(&turn.view).or_else(|| (1..=BEST).find(same))
}

/// A score as customers write it: 5, ５, 五, 5分, 打5分, 5/5, "4 stars".
fn score(view: &View) -> Option<u8> {
    const WORDS: [(&str, u8); 18] = [
        ("一", 1),
        ("二", 2),
        ("两", 2),
        ("三", 3),
        ("四", 4),
        ("五", 5),
        ("满", 5),
        ("滿", 5),
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("⭐", 1),
        ("⭐⭐", 2),
        ("⭐⭐⭐", 3),
        ("⭐⭐⭐⭐", 4),
        ("⭐⭐⭐⭐⭐", 5),
    ];
    let text = view.folded.text().trim_start().trim_end_matches(|c: char| !c.is_alphanumeric() && c != '⭐');
    let mut rest = text;
    for begin in ["我", "就", "给", "給", "打", "评", "評", "选", "選", "i give ", "i would give ", "a "] {
        rest = rest.strip_prefix(begin).unwrap_or(rest);
    }
    for end in [
        "吧",
        "啦",
        "哦",
        " please",
        " thanks",
        " out of 5",
        "/5",
        "分",
        "颗星",
        "顆星",
        "星",
        "个星",
        " stars",
        " star",
        " points",
        " point",
    ] {
        rest = rest.strip_suffix(end).unwrap_or(rest);
    }
    let rest = rest.trim();
    let number = rest.parse().ok().filter(|score| (1..=BEST).contains(score));
    number.or_else(|| WORDS.iter().find(|(word, _)| *word == rest).map(|(_, score)| *score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Fold;

    #[test]
    fn scores_are_read_as_customers_write_them() {
        let fold = Fold::new();
        let read = |text: &str| score(&View::new(&fold, text));
        for (text, expected) in [
            ("5", 5),
            ("５", 5),
            (" 3 ", 3),
            ("五", 5),
            ("5分", 5),
            ("五分！", 5),
            ("五星", 5),
            ("打4分吧", 4),
            ("我给1分", 1),
            ("我給五顆星", 5),
            ("满分", 5),
            ("5/5", 5),
            ("4 stars", 4),
            ("Five stars!", 5),
            ("2 out of 5", 2),
            ("a 3", 3),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["6", "0", "10", "55", "5 6", "10分", "-1", "1.5", "五六", "5天", "我", "分", "", "3 orders", "a"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
