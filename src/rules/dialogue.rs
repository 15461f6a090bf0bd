//! What a rule asks for before it answers, and how it then answers: `slots`, `then`. The keys, and how they are read.

use crate::yaml::{Node, Value};

use super::model::{Branch, HandoffSpec, SlotSpec};
use super::read;
use super::shape::{Key, Kind, Names, Shape};
use super::shapes::HANDOFF;

/// Times that a piece of information is asked for, if the rule does not say.
const ATTEMPTS: u32 = 2;

/// An item of `slots:`.
pub static SLOT: Shape = Shape {
    name: "a slot",
    keys: &[
        Key::required(
            "pattern",
            Kind::Str,
            "A regular expression: what in a message is the value; its first group, if it has one.",
        ),
        Key::required("ask", Kind::Text, "The question."),
        Key::new("retry", Kind::Text, "Said when the answer does not fit; the question again if left out."),
        Key::new("attempts", Kind::Int(1, 10), "Answers that do not fit before a person takes over. 2."),
        Key::new(
            "only_asked",
            Kind::Bool,
            "Take only what answers the question, such as words of any kind; otherwise every message is looked through.",
        ),
    ],
};

/// An item of `then:`.
pub static BRANCH: Shape = Shape {
    name: "a branch",
    keys: &[
        Key::new("if", Kind::Str, "An expression that must hold; without one it always does."),
        Key::new("reply", Kind::Texts, "What the customer is told."),
        Key::new("options", Kind::List(&Kind::Named(Names::Entries)), "Ids shown below the reply as choices."),
        Key::new("handoff", Kind::Map(&HANDOFF), "Brings the case to a person."),
        Key::new("tags", Kind::OneOrMany(&Kind::Id), "Tags that it sets on the conversation."),
    ],
};

/// `slots:` of a rule, in the order in which they are asked.
pub(super) fn slots(node: Option<&Node>) -> Vec<SlotSpec> {
    let slot = |(name, value): &(Node, Node)| {
        Some(SlotSpec {
            name: read::located(name)?,
            pattern: read::located(value.get("pattern")?)?,
            ask: read::text(value.get("ask")?)?,
            retry: value.get("retry").and_then(read::text),
            attempts: value.get("attempts").and_then(Node::text).and_then(|n| n.parse().ok()).unwrap_or(ATTEMPTS),
            only_asked: read::flag(value.get("only_asked")),
        })
    };
    node.map(Node::entries).unwrap_or_default().iter().filter_map(slot).collect()
}

/// `then:` of a rule.
pub(super) fn branches(node: Option<&Node>) -> Vec<Branch> {
    let branch = |node: &Node| Branch {
        place: node.place.clone(),
        condition: node.get("if").and_then(read::located),
        replies: read::texts(node.get("reply")),
        options: read::strings(node.get("options")),
        handoff: handoff(node),
        tags: read::strings(node.get("tags")).into_iter().map(|tag| tag.value).collect(),
    };
    let items = match node.map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().map(branch).collect()
}

/// `handoff:` of a rule or branch.
pub(super) fn handoff(node: &Node) -> Option<HandoffSpec> {
    let node = node.get("handoff")?;
    Some(HandoffSpec {
        queue: node.get("queue").and_then(read::located),
        reason: node.get("reason").and_then(Node::text).map(str::to_owned),
        priority: node.get("priority").and_then(Node::text).and_then(crate::message::Priority::parse),
    })
}
