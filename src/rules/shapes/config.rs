//! `nightdesk.yaml`.

use super::channel::CHANNEL;
use crate::rules::lookup::LOOKUPS;
use crate::rules::model::Careful;
use crate::rules::modes::MODES;
use crate::rules::shape::{Key, Kind, Names, Shape};
use crate::rules::webhook::{EVENTS, WebhookFormat};
use crate::rules::wording::WATCH;

/// `nightdesk.yaml`.
pub static CONFIG: Shape = Shape {
    name: "nightdesk.yaml",
    keys: &[
        Key::required("timezone", Kind::Str, "The shop's IANA time zone, such as Asia/Shanghai."),
        Key::required("languages", Kind::List(&Kind::Str), "Languages that are answered; the first is the default."),
        Key::required("hours", Kind::MapOf(&Kind::Map(&SCHEDULE)), "Schedules by name."),
        Key::required("queues", Kind::MapOf(&Kind::Map(&QUEUE)), "Human queues by name."),
        Key::new("webhooks", Kind::MapOf(&Kind::Map(&WEBHOOK)), "Receivers of hand-offs by name."),
        Key::required(
            "routes",
            Kind::List(&Kind::Map(&ROUTE)),
            "First that holds names the queue of a hand-off that named none.",
        ),
        Key::required("channels", Kind::MapOf(&Kind::Map(&CHANNEL)), "Doors by name."),
        Key::required("notices", Kind::Map(&NOTICES), "What is said besides answers."),
        Key::new("limits", Kind::Map(&LIMITS), "Bounds."),
        Key::new("matching", Kind::Map(&MATCHING), "How messages are compared with questions."),
        Key::new("settings", Kind::Any, "Free values for texts and conditions."),
        Key::new("lookups", Kind::Map(&LOOKUPS), "How rules may ask the shop's own systems."),
        Key::new("survey", Kind::Map(&SURVEY), "What is done with the answers to the survey."),
        Key::new("report", Kind::Map(&REPORT), "The report by itself every week."),
        Key::new("pilots", Kind::Map(&PILOTS), "What becomes of pilots."),
        Key::new("modes", Kind::Map(&MODES), "Special modes: the peak, and when systems are down."),
        Key::new("privacy", Kind::Map(&PRIVACY), "How long what customers wrote is kept."),
        Key::new("wording", Kind::Map(&WATCH), "What becomes of messages with words that must not be said."),
        Key::new("access", Kind::Map(&ACCESS), "Tokens of agents and of the administrator."),
        Key::new("public_url", Kind::Str, "Address under which platforms reach this program, for links in webhooks."),
        Key::new("tls", Kind::Map(&TLS), "The certificate of the port; without it the port speaks plain HTTP."),
    ],
};

/// An item of `hours:`.
pub static SCHEDULE: Shape = Shape {
    name: "a schedule",
    keys: &[
        Key::required(
            "weekly",
            Kind::MapOf(&Kind::OneOrMany(&Kind::Str)),
            "Windows by day, such as mon-fri: [\"09:00-18:00\"].",
        ),
        Key::new("calendars", Kind::OneOrMany(&Kind::Str), "Files of holidays and make-up days."),
        Key::new(
            "exceptions",
            Kind::MapOf(&Kind::OneOrMany(&Kind::Str)),
            "Windows of single dates, in place of that day's own.",
        ),
        Key::new("timezone", Kind::Str, "Another zone than the shop's."),
    ],
};

/// An item of `queues:`.
pub static QUEUE: Shape = Shape {
    name: "a queue",
    keys: &[
        Key::required("hours", Kind::Named(Names::Schedules), "Schedule in which people are there."),
        Key::new(
            "webhook",
            Kind::Named(Names::Webhooks),
            "Receiver; without one the cases wait in the embedded queue.",
        ),
        Key::new("first_response", Kind::Duration, "Target until a person answers, in open time."),
        Key::new("warn_before", Kind::Duration, "How long before the target the queue is warned; a quarter of it."),
        Key::new(
            "transfer",
            Kind::Duration,
            "Limit until somebody has taken a case that began here, over all queues, in open time.",
        ),
        Key::new("escalate_to", Kind::Named(Names::Queues), "Queue that gets a case whose target passed."),
    ],
};

/// An item of `webhooks:`.
pub static WEBHOOK: Shape = Shape {
    name: "a webhook",
    keys: &[
        Key::required("url", Kind::Str, "Where hand-offs are posted."),
        Key::new("secret", Kind::OneOrMany(&Kind::Secret), "Signs each post; two while a secret is being changed."),
        Key::new(
            "format",
            Kind::Word(&WebhookFormat::WORDS),
            "Form of what is posted: standard for programs, robots for people, chatwoot and zendesk for their agents.",
        ),
        Key::new("events", Kind::OneOrMany(&Kind::Word(&EVENTS)), "Which events are posted."),
        Key::new(
            "mention",
            Kind::OneOrMany(&Kind::Str),
            "Who is called where it is urgent: all, or ids of the platform.",
        ),
        Key::new(
            "rate",
            Kind::OneOrMany(&Kind::Rate),
            "How many messages it takes, such as 20/min; the platform's own figure.",
        ),
        Key::new("inbox", Kind::Str, "Of chatwoot: identifier of the API inbox."),
        Key::new("hmac_token", Kind::Secret, "Of chatwoot: the inbox's HMAC token, where it enforces identity."),
        Key::new("email", Kind::Str, "Of zendesk: the agent whose API token it is."),
        Key::new("token", Kind::Secret, "Of zendesk: the API token."),
        Key::new(
            "url_key",
            Kind::OneOrMany(&Kind::Secret),
            "Of a desk that signs nothing: what stands behind ?key= in the address that it posts to.",
        ),
        Key::new("timeout", Kind::Duration, "How long one attempt may take; 15s if left out."),
        Key::new("retry", Kind::List(&Kind::Duration), "Waits between attempts."),
    ],
};

/// An item of `routes:`.
pub static ROUTE: Shape = Shape {
    name: "a route",
    keys: &[
        Key::new("if", Kind::Str, "An expression; without one the route always holds."),
        Key::required("queue", Kind::Named(Names::Queues), "The queue."),
        Key::new(
            "priority",
            Kind::Word(&["low", "normal", "high", "urgent"]),
            "Least priority of a case that goes this way.",
        ),
    ],
};

/// `notices:`.
pub static NOTICES: Shape = Shape {
    name: "the notices",
    keys: &[
        Key::new("closed", Kind::Text, "Said once in each closed period to a customer who needs a person."),
        Key::new("handed_over", Kind::Text, "Said when a person will take over and people are there."),
        Key::new("urgent_lane", Kind::Text, "Said when an urgent rule has no words of its own."),
        Key::new("greeting", Kind::Text, "Shown when a conversation begins."),
        Key::new("goodbye", Kind::Text, "Said when a conversation is closed."),
        Key::new("survey", Kind::Text, "Asks how it was, once for each case that a person had; not asked if left out."),
        Key::new("rated", Kind::Text, "Thanks for a score, and asks why."),
        Key::new("rated_low", Kind::Text, "Said to a low score, which people look at."),
        Key::new("commented", Kind::Text, "Thanks for the words that follow a score."),
        Key::new("media", Kind::Text, "Said to a picture, voice or file."),
        Key::new("too_long", Kind::Text, "Said to a message over the limit."),
        Key::new("empty", Kind::Text, "Said to a message without words."),
        Key::new("looking_up", Kind::Text, "Said when a look-up takes longer than a second."),
        Key::new("cancelled", Kind::Text, "Said when the customer does not want to go on with what was asked."),
        Key::new("repeated", Kind::Text, "Said in place of an answer that was given before within 24 hours."),
        Key::new("choice", Kind::Text, "Said above up to three titles when a message is near to several entries."),
        Key::new("waiting", Kind::Text, "Said in open time to a customer who waits and asks for a person again."),
        Key::new(
            "taken",
            Kind::Text,
            "Said to a customer who waits when a person has taken the case; off if left out.",
        ),
        Key::new(
            "transferred",
            Kind::Text,
            "Said when a person passed the case on to another queue; else handed_over.",
        ),
        Key::new("delayed", Kind::Text, "Said in open time to a customer whose case goes on to the next queue."),
        Key::new("peak", Kind::Text, "Said during the peak, in open time, to a customer whose case goes to a person."),
        Key::new("queue_full", Kind::Text, "Said in its place when the queue has modes.peak.queue_cap cases."),
        Key::new(
            "degraded",
            Kind::Text,
            "Said while systems are down: once in each conversation, and when a case goes to a person.",
        ),
    ],
};

/// `matching:`.
pub static MATCHING: Shape = Shape {
    name: "the matching",
    keys: &[
        Key::new(
            "careful",
            Kind::Word(&Careful::WORDS),
            "How sure likeness must be: high answers less and errs less, low answers more. normal.",
        ),
        Key::new(
            "memory_mb",
            Kind::Int(1, 16_384),
            "Megabytes for what is learned from the questions; above it a simpler way is taken, and the log says so. 64.",
        ),
    ],
};

/// `survey:`.
pub static SURVEY: Shape = Shape {
    name: "the survey",
    keys: &[
        Key::new("queue", Kind::Named(Names::Queues), "Queue that gets a low score as a case. complaints."),
        Key::new("low", Kind::Int(0, 5), "The highest score that is a low one; 0: none is. 2."),
        Key::new("lapses", Kind::Duration, "How long it can be answered. 24h."),
        Key::new("labels", Kind::List(&Kind::Text), "What the scores 1 to 5 mean, in words: five texts."),
    ],
};

/// `report:`.
pub static REPORT: Shape = Shape {
    name: "the report",
    keys: &[
        Key::new("every", Kind::Str, "When: a weekday and a time, such as mon 08:00; never by itself if left out."),
        Key::new("dir", Kind::Str, "Folder of the pages, within the data folder. reports."),
        Key::new("webhook", Kind::Id, "Webhook that is told the figures at a glance."),
        Key::new("keep", Kind::Int(1, 10_000), "Pages that are kept. 12."),
        Key::new("product", Kind::Id, "Attribute or slot that says which product a conversation is about. product."),
    ],
};

/// `pilots:`.
pub static PILOTS: Shape = Shape {
    name: "the pilots",
    keys: &[Key::new("stop", Kind::Map(&STOP), "When a pilot ends by itself; never if left out.")],
};

/// `stop:` of `pilots:`.
pub static STOP: Shape = Shape {
    name: "the stop rule",
    keys: &[
        Key::new("handoff", Kind::Share, "Points by which more of its conversations may go to a person. 5%."),
        Key::new("complaints", Kind::Share, "Points by which more of its conversations may hold a complaint. 2%."),
        Key::new("after", Kind::Int(10, 1_000_000), "Conversations on each side before anything is concluded. 50."),
        Key::new("webhook", Kind::Named(Names::Webhooks), "Webhook that is told."),
    ],
};

/// `tls:`.
pub static TLS: Shape = Shape {
    name: "tls",
    keys: &[
        Key::required(
            "certificate",
            Kind::Str,
            "PEM file of the certificate, with those between it and its authority.",
        ),
        Key::required("key", Kind::Str, "PEM file of its key."),
        Key::new("hsts", Kind::Duration, "How long browsers keep to HTTPS once they have seen it; 0s for never. 365d."),
    ],
};

/// `privacy:`.
pub static PRIVACY: Shape = Shape {
    name: "privacy",
    keys: &[
        Key::new(
            "keep_conversations",
            Kind::Duration,
            "How long a conversation is kept after the last thing that happened in it. 365d.",
        ),
        Key::new(
            "keep_decisions",
            Kind::Duration,
            "How long is kept what was decided, without words, for reports. 730d.",
        ),
    ],
};

/// `limits:`.
pub static LIMITS: Shape = Shape {
    name: "the limits",
    keys: &[
        Key::new("message_chars", Kind::Int(1, 16_000), "Characters of one message; longer ones go to a person. 2000."),
        Key::new("per_customer_per_minute", Kind::Int(1, 100_000), "Messages of one customer. 30."),
        Key::new(
            "per_address_per_minute",
            Kind::Int(0, 1_000_000),
            "Messages of one address at the chat, over all customers there; 0: any number. 300.",
        ),
        Key::new(
            "trusted_proxies",
            Kind::List(&Kind::Network),
            "Addresses and networks of proxies that are believed in X-Forwarded-For. This machine and private networks.",
        ),
        Key::new("messages_at_once", Kind::Int(1, 1_000_000), "Messages at work at the same time. 1000."),
        Key::new("connections", Kind::Int(1, 1_000_000), "Open connections. 20000."),
        Key::new("connections_per_address", Kind::Int(1, 1_000_000), "Open connections of one address. 1000."),
        Key::new(
            "wait_for_more",
            Kind::Wait(3),
            "How long a message that nothing answers waits for the customer's next one, which may complete it. 0: not at all.",
        ),
        Key::new(
            "back_to_bot",
            Kind::Duration,
            "How long after a person's answer, to which the customer writes nothing, the bot has the conversation again; off if left out.",
        ),
        Key::new(
            "agent_idle",
            Kind::Duration,
            "How long a person may leave a customer without a word, in open time, before the case goes back to its queue; off if left out.",
        ),
    ],
};

/// `access:`.
pub static ACCESS: Shape = Shape {
    name: "access",
    keys: &[
        Key::new("admin", Kind::Token, "Token for reload and the console."),
        Key::new("agents", Kind::MapOf(&Kind::Token), "Token of each agent by name."),
        Key::new("metrics", Kind::Token, "Token that may read /metrics and nothing else."),
    ],
};
