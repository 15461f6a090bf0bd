//! What was expected of a turn against what came of it.

use crate::decide::Outcome;
use crate::diag::Place;
use crate::message::{Conversation, OutcomeKind, QueueEvent};

use super::happened::Happened;
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
pub(super) fn differences(
    expect: &[Expectation],
    outcome: Option<&Outcome>,
    happened: &Happened,
    after: &Conversation,
) -> Vec<Difference> {
    expect.iter().filter_map(|expectation| compare(expectation, outcome, happened, after)).collect()
}

fn compare(
    expectation: &Expectation,
    outcome: Option<&Outcome>,
    happened: &Happened,
    after: &Conversation,
) -> Option<Difference> {
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
        "queue" => return one(after.handoff.as_ref().map(|handoff| handoff.queue.as_str())),
        "priority" => return one(after.handoff.as_ref().map(|handoff| handoff.priority.as_str())),
        "events" => {
            let has = |event: &String| happened.events.contains(&event.as_str());
            let missing = expected == "none" || !expectation.values.iter().all(has);
            return if missing { list(happened.events.clone()) } else { None };
        }
        "reply" | "reply_contains" | "notice" => {
            return told(expectation, outcome, happened).and_then(differ);
        }
        _ => {}
    }
    let Some(outcome) = outcome else { return differ("nothing: no message was decided".to_owned()) };
    let decision = &outcome.decision;
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
        "options" => list(outcome.replies.iter().flat_map(|r| &r.options).map(|o| o.id.as_str()).collect()),
        other => differ(format!("`{other}` cannot be expected")),
    }
}

/// What the customer was told instead, if that is not as expected.
fn told(expectation: &Expectation, outcome: Option<&Outcome>, happened: &Happened) -> Option<String> {
    let expected = expectation.values.join(", ");
    let of_outcome = outcome.map(|outcome| outcome.replies.as_slice()).unwrap_or_default();
    let replies: Vec<&str> = happened.replies.iter().chain(of_outcome).map(|reply| reply.text.as_str()).collect();
    if expectation.key == "notice" {
        let of_outcome = outcome.map(|outcome| outcome.decision.notices.as_slice()).unwrap_or_default();
        let notices: Vec<String> = happened.notices.iter().chain(of_outcome).cloned().collect();
        let fits = if expected == "none" { notices.is_empty() } else { notices.contains(&expected) };
        return (!fits).then(|| some(&notices));
    }
    let fits = match (expectation.key.as_str(), expected.as_str()) {
        ("reply", "none") if replies.is_empty() => true,
        ("reply", _) => replies.contains(&expected.as_str()),
        _ => expectation.values.iter().all(|part| replies.iter().any(|text| text.contains(part.as_str()))),
    };
    (!fits).then(|| if replies.is_empty() { "none".to_owned() } else { replies.join("\n") })
}

/// A list as it is shown: `none` where there is nothing.
fn some(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}
