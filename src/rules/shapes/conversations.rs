//! Conversations below `tests/`: what is said, and what must come of it.

use crate::modes::Mode;
use crate::rules::shape::{Key, Kind, Names, Shape};

/// A file below `tests/conversations/`.
pub static CONVERSATIONS_FILE: Shape = Shape {
    name: "a file of conversation tests",
    keys: &[Key::required("conversations", Kind::List(&Kind::Map(&CONVERSATION)), "The conversations.")],
};

/// An item of `conversations:`.
pub static CONVERSATION: Shape = Shape {
    name: "a conversation test",
    keys: &[
        Key::required("name", Kind::Str, "What it shows."),
        Key::required("at", Kind::Instant, "When it begins."),
        Key::new("customer", Kind::Map(&CUSTOMER), "Who writes."),
        Key::new("channel", Kind::Named(Names::Channels), "Through which door; the first if left out."),
        Key::new("language", Kind::Str, "What the customer's program says it is set to, such as zh-TW."),
        Key::new(
            "settings",
            Kind::Any,
            "Values of `settings` that are others here, such as {erp_url: \"https://erp.example\"}.",
        ),
        Key::new("modes", Kind::OneOrMany(&Kind::Word(&Mode::WORDS)), "Special modes that are on throughout."),
        Key::new(
            "waiting",
            Kind::Int(0, 1_000_000),
            "Cases that wait in each queue, for texts and modes.peak.queue_cap. 0.",
        ),
        Key::required("turns", Kind::List(&Kind::Map(&TURN)), "What is said and expected, in order."),
    ],
};

/// `customer:` of a conversation test.
pub static CUSTOMER: Shape = Shape {
    name: "a customer",
    keys: &[
        Key::new("id", Kind::Str, "The channel's id."),
        Key::new("tier", Kind::Str, "Level, such as vip."),
        Key::new("name", Kind::Str, "Name."),
        Key::new("attributes", Kind::Any, "Whatever else is known."),
    ],
};

/// An item of `turns:`.
pub static TURN: Shape = Shape {
    name: "a turn",
    keys: &[
        Key::new(
            "say",
            Kind::OneOrMany(&Kind::Str),
            "What the customer writes; a list is written in a row, faster than limits.wait_for_more.",
        ),
        Key::new("send", Kind::Map(&SEND), "What the customer sends that is not words."),
        Key::new("select", Kind::Any, "Number or id of the option that the customer presses."),
        Key::new("person", Kind::Word(&["take", "return", "close"]), "What a person of the shop does."),
        Key::new("wait", Kind::Duration, "Time that passes before it."),
        Key::new("lookup", Kind::Map(&FETCHED), "What a look-up brings in it; the rule's sample if left out."),
        Key::new("expect", Kind::Map(&EXPECT), "What must come of it."),
    ],
};

/// `lookup:` of a turn.
pub static FETCHED: Shape = Shape {
    name: "what a look-up brings",
    keys: &[
        Key::new("error", Kind::Str, "Why there is no usable answer, such as timeout."),
        Key::new("status", Kind::Int(100, 599), "Status of the answer. 200."),
        Key::new("body", Kind::Any, "The answer."),
    ],
};

/// `send:` of a turn.
pub static SEND: Shape = Shape {
    name: "a message that is not words",
    keys: &[
        Key::required("kind", Kind::Word(&["text", "image", "file"]), "What it carries."),
        Key::new("text", Kind::Str, "Words with it."),
    ],
};

/// `expect:` of a turn.
pub static EXPECT: Shape = Shape {
    name: "an expectation",
    keys: &[
        Key::new("rule", Kind::NamedOrNone(Names::Entries), "Id of the rule or entry, or none."),
        Key::new(
            "finds",
            Kind::NamedOrNone(Names::Entries),
            "Id of the rule or entry that acts, or whose title is offered.",
        ),
        Key::new(
            "outcome",
            Kind::Word(&["rule", "faq", "choice", "slot", "smalltalk", "handoff", "survey", "silent"]),
            "What was done.",
        ),
        Key::new("reason", Kind::Str, "Why."),
        Key::new("reply_contains", Kind::OneOrMany(&Kind::Str), "Each is contained in some reply of the turn."),
        Key::new("reply", Kind::Str, "none: nothing is said. Else the whole text of a reply."),
        Key::new("handoff", Kind::Str, "none, or the reason of the hand-off."),
        Key::new("queue", Kind::Named(Names::Queues), "Queue of the hand-off."),
        Key::new("notice", Kind::Str, "Notice that was given, or none."),
        Key::new("options", Kind::OneOrMany(&Kind::NamedOrNone(Names::Entries)), "Ids of the options shown, or none."),
        Key::new("state", Kind::Word(&["bot", "queued", "human", "closed"]), "Who has the conversation after it."),
        Key::new("priority", Kind::Word(&["low", "normal", "high", "urgent"]), "Priority of the hand-off."),
        Key::new("tags", Kind::OneOrMany(&Kind::Str), "Tags of the conversation after it."),
        Key::new("language", Kind::Str, "Language that was answered in."),
        Key::new("urgent", Kind::Bool, "Whether an urgent rule matched."),
        Key::new("class", Kind::Str, "Class of the enquiry."),
        Key::new("asks", Kind::Str, "Name of the slot that the customer is asked for after it, or none."),
        Key::new(
            "events",
            Kind::OneOrMany(&Kind::Str),
            "Each was posted to a queue's webhook, such as handoff.escalated.",
        ),
    ],
};
