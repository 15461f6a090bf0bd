//! What people write every day: FAQ entries, rules, synonyms.

use crate::rules::dialogue::{BRANCH, SLOT};
use crate::rules::lookup::LOOKUP;
use crate::rules::model::Careful;
use crate::rules::shape::{Key, Kind, Names, Shape};
use crate::rules::wording::WORDING;

/// A file below `faq/`.
pub static FAQ_FILE: Shape = Shape {
    name: "an FAQ file",
    keys: &[Key::required("faq", Kind::List(&Kind::Map(&FAQ)), "The questions with their answers.")],
};

/// An entry of `faq:`.
pub static FAQ: Shape = Shape {
    name: "an FAQ entry",
    keys: &[
        Key::required("id", Kind::Id, "Unique name over faq/ and rules/, such as returns.window."),
        Key::required_unless("title", "replaces", Kind::Text, "Short name, shown to customers as a choice."),
        Key::new("category", Kind::Id, "Subject, for reports."),
        Key::required_unless(
            "questions",
            "replaces",
            Kind::List(&Kind::Str),
            "How customers ask, in any language; of one that `replaces` another the other's, if left out.",
        ),
        Key::required("answer", Kind::Texts, "The answer by language, or a list of variants."),
        Key::new("phrases", Kind::OneOrMany(&Kind::Phrase), "Sure signs: contained in the message means this entry."),
        Key::new("options", Kind::List(&Kind::Named(Names::Entries)), "Ids shown below the answer as choices."),
        Key::new("from", Kind::Date, "First day on which it is valid, in the shop's time zone."),
        Key::new("until", Kind::Date, "Last day on which it is valid."),
        Key::new("channels", Kind::OneOrMany(&Kind::Named(Names::Channels)), "Only on these channels."),
        Key::new("owner", Kind::Str, "Who looks after it."),
        Key::new("review_by", Kind::Date, "Day by which somebody should read it again."),
        Key::new("priority", Kind::Int(-1_000_000, 1_000_000), "Higher wins; 0 if left out."),
        Key::new("class", Kind::Id, "Class of the enquiry, such as logistics."),
        Key::new("tags", Kind::OneOrMany(&Kind::Id), "Tags that it sets."),
        Key::new(
            "careful",
            Kind::Word(&Careful::WORDS),
            "How sure likeness must be before this is the answer; the shop's own degree if left out.",
        ),
        Key::new("rollout", Kind::Share, "A sticky share of customers who get it; the rest get what they had."),
        Key::new("replaces", Kind::Named(Names::Entries), "The entry or rule in whose place those customers get it."),
    ],
};

/// A file below `rules/`.
pub static RULES_FILE: Shape = Shape {
    name: "a rules file",
    keys: &[
        Key::new("rules", Kind::List(&Kind::Map(&RULE)), "The rules."),
        Key::new("wording", Kind::List(&Kind::Map(&WORDING)), "Words that must not be said, and better ones."),
    ],
};

/// An item of `rules:`.
pub static RULE: Shape = Shape {
    name: "a rule",
    keys: &[
        Key::required("id", Kind::Id, "Unique name over faq/ and rules/, such as urgent.account-stolen."),
        Key::new("title", Kind::Text, "Short name, shown to customers when an answer offers this rule as a choice."),
        Key::new("priority", Kind::Int(-1_000_000, 1_000_000), "Higher wins; 0 if left out."),
        Key::required_unless(
            "when",
            "replaces",
            Kind::Map(&CONDITION),
            "What the message must be like; of one that `replaces` another the other's, if left out.",
        ),
        Key::new("urgent", Kind::Bool, "Goes to its queue at any hour, before all else."),
        Key::new("tags", Kind::OneOrMany(&Kind::Id), "Tags that it sets on the conversation."),
        Key::new("reply", Kind::Texts, "What the customer is told, or a list of variants."),
        Key::new("options", Kind::List(&Kind::Named(Names::Entries)), "Ids shown below the reply as choices."),
        Key::new("handoff", Kind::Map(&HANDOFF), "Brings the case to a person."),
        Key::new("slots", Kind::MapOf(&Kind::Map(&SLOT)), "What is asked of the customer first, by name, in order."),
        Key::new("lookup", Kind::Map(&LOOKUP), "What is fetched from the shop's own system before answering."),
        Key::new("then", Kind::List(&Kind::Map(&BRANCH)), "Ways to answer; the first whose `if` holds is taken."),
        Key::new("from", Kind::Date, "First day on which it is valid, in the shop's time zone."),
        Key::new("until", Kind::Date, "Last day on which it is valid."),
        Key::new("channels", Kind::OneOrMany(&Kind::Named(Names::Channels)), "Only on these channels."),
        Key::new("owner", Kind::Str, "Who looks after it."),
        Key::new("review_by", Kind::Date, "Day by which somebody should read it again."),
        Key::new("class", Kind::Id, "Class of the enquiry, such as complaint."),
        Key::new("smalltalk", Kind::Bool, "Greeting, thanks, goodbye: not said while the customer waits for a person."),
        Key::new(
            "careful",
            Kind::Word(&Careful::WORDS),
            "How sure likeness must be before this is the answer; the shop's own degree if left out.",
        ),
        Key::new("rollout", Kind::Share, "A sticky share of customers who get it; the rest get what they had."),
        Key::new("replaces", Kind::Named(Names::Entries), "The entry or rule in whose place those customers get it."),
    ],
};

/// What a message must be like.
pub static CONDITION: Shape = Shape {
    name: "a condition",
    keys: &[
        Key::new(
            "phrase",
            Kind::OneOrMany(&Kind::Phrase),
            "One of these occurs in the message; of a list inside, all parts.",
        ),
        Key::new("regex", Kind::OneOrMany(&Kind::Str), "One of these regular expressions matches the folded message."),
        Key::new(
            "like",
            Kind::OneOrMany(&Kind::Str),
            "The message is like one of these; beside phrase or regex, another way in.",
        ),
        Key::new("any", Kind::OneOrMany(&Kind::Map(&CONDITION)), "At least one of these conditions holds."),
        Key::new("all", Kind::OneOrMany(&Kind::Map(&CONDITION)), "All of these conditions hold."),
        Key::new("none", Kind::OneOrMany(&Kind::Map(&CONDITION)), "None of these conditions holds."),
        Key::new(
            "if",
            Kind::Str,
            "An expression over message, customer, conversation, settings, open and now is true.",
        ),
    ],
};

/// Where a case goes.
pub static HANDOFF: Shape = Shape {
    name: "a hand-off",
    keys: &[
        Key::new("queue", Kind::Named(Names::Queues), "Queue; if left out, `routes` decides."),
        Key::new("reason", Kind::Id, "Why, for the people who take it."),
        Key::new("priority", Kind::Word(&["low", "normal", "high", "urgent"]), "How soon a person should look."),
    ],
};

/// `synonyms.yaml`.
pub static SYNONYMS: Shape = Shape {
    name: "synonyms.yaml",
    keys: &[Key::required(
        "synonyms",
        Kind::List(&Kind::List(&Kind::Str)),
        "Groups of words that mean the same to this shop, in any language.",
    )],
};
