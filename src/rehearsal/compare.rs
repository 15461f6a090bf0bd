//! What was expected of a turn against what came of it.

use crate::decide::Outcome;
use crate::diag::Place;
use crate::message::{Conversation, OutcomeKind, QueueEvent};

use super::script::Expectation;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The key of `expect:`.
    pub key: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// Where the expectation stands.
    pub place: Place,
}

/// All that differs.
#[must_use]
pub(super) fn differences(expect: &[Expectation], outcome: Option<&Outcome>, after: &Conversation) -> Vec<Difference> {
    expect.iter().filter_map(|expectation| compare(expectation, outcome, after)).collect()
}

fn compare(expectation: &Expectation, outcome: Option<&Outcome>, after: &Conversation) -> Option<Difference> {
    let expected = expectation.values.join(", ");
    let differ = |actual: String| {
        Some(Difference {
            key: expectation.key.clone(),
            expected: expected.clone(),
            actual,
            place: expectation.place.clone(),
        })
    };
    let one = |actual: Option<&str>| {
        let actual = actual.unwrap_or("none");
        if actual == expected { None } else { differ(actual.to_owned()) }
    };
    let list = |actual: Vec<&str>| {
        let same = if expected == "none" { actual.is_empty() } else { expectation.values == actual };
        if same { None } else { differ(some(&actual.into_iter().map(str::to_owned).collect::<Vec<_>>())) }
    };
    match expectation.key.as_str() {
        "state" => return one(Some(after.state.as_str())),
        "asks" => return one(after.dialogue.as_ref().map(|dialogue| dialogue.asked.as_str())),
        "tags" => {
            let missing = expectation.values.iter().any(|tag| !after.tags.contains(tag));
            return if missing { list(after.tags.iter().map(String::as_str).collect()) } else { None };
        }
        _ => {}
    }
    let Some(outcome) = outcome else { return differ("nothing: a person acted, not the bot".to_owned()) };
    let decision = &outcome.decision;
    let replies = || outcome.replies.iter().map(|reply| reply.text.as_str());
    let said = || {
        let all = replies().collect::<Vec<_>>().join("\n");
        if all.is_empty() { "none".to_owned() } else { all }
    };
    let created = matches!(outcome.queue, Some(QueueEvent::Created { .. }));
    let handoff = outcome.conversation.handoff.as_ref();
    match expectation.key.as_str() {
        "rule" => one(decision.rule.as_deref()),
        "finds" => {
            let offered = outcome.replies.iter().flat_map(|reply| &reply.options).map(|option| option.id.as_str());
            let offered: Vec<&str> = offered.filter(|_| decision.outcome == OutcomeKind::Choice).collect();
            let found = decision.rule.as_deref() == Some(&expected) || offered.contains(&expected.as_str());
            let actual = decision.rule.clone().into_iter().chain(offered.iter().map(|id| (*id).to_owned()));
            if found { None } else { differ(some(&actual.collect::<Vec<_>>())) }
        }
        "outcome" => one(Some(decision.outcome.as_str())),
        "reason" => one(Some(decision.reason.as_str())),
        "class" => one(decision.class.as_deref()),
        "language" => one(Some(&decision.language)),
        "urgent" => one(Some(if decision.urgent { "true" } else { "false" })),
        "handoff" => one(handoff.filter(|_| created).map(|handoff| handoff.reason.as_str())),
        "queue" => one(handoff.map(|handoff| handoff.queue.as_str())),
        "priority" => one(handoff.map(|handoff| handoff.priority.as_str())),
        "reply" => match expected.as_str() {
            "none" if outcome.replies.is_empty() => None,
            _ if replies().any(|text| text == expected) => None,
            _ => differ(said()),
        },
        "reply_contains" => {
            if expectation.values.iter().all(|part| replies().any(|text| text.contains(part.as_str()))) {
                None
            } else {
                differ(said())
            }
        }
        "notice" => {
            if decision.notices.contains(&expected) {
                None
            } else {
                list(decision.notices.iter().map(String::as_str).collect())
            }
        }
        "options" => list(outcome.replies.iter().flat_map(|r| &r.options).map(|o| o.id.as_str()).collect()),
        other => differ(format!("`{other}` cannot be expected")),
    }
}

/// A list as it is shown: `none` where there is nothing.
fn some(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}
