//! The tables: every key of every file, with its meaning. The contract's keys first, additions after them.

use crate::modes::Mode;

use super::dialogue::{BRANCH, SLOT};
use super::lookup::{LOOKUP, LOOKUPS};
use super::model::Careful;
use super::modes::MODES;
use super::shape::{Key, Kind, Names, Shape};
use super::webhook::{EVENTS, WebhookFormat};
use super::wording::{WATCH, WORDING};

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

/// An item of `channels:`.
pub static CHANNEL: Shape = Shape {
    name: "a channel",
    keys: &[
        Key::required("kind", Kind::Word(super::channels::WORDS), "How messages come in."),
        Key::new(
            "origins",
            Kind::OneOrMany(&Kind::Str),
            "Pages that may open the socket, such as https://shop.example.",
        ),
        Key::new("require_origin", Kind::Bool, "Refuse sockets without an Origin, which no browser opens."),
        Key::new(
            "secret",
            Kind::OneOrMany(&Kind::Secret),
            "Checks the signature of what comes in; two while a secret is being changed.",
        ),
        Key::new(
            "signature",
            Kind::Word(super::channels::SIGNATURES),
            "How what comes in is signed: by the Standard Webhooks specification, or as one platform does. standard.",
        ),
        Key::new(
            "identity_secret",
            Kind::OneOrMany(&Kind::Secret),
            "Checks the tokens (JWT, HS256) by which the shop's site vouches for its customers.",
        ),
        Key::new("reply_url", Kind::Str, "Where later messages are posted, signed with the first secret."),
        Key::new("first_response", Kind::Duration, "Target until a person answers, before that of the first queue."),
        Key::new("bot_token", Kind::Secret, "Token of the Telegram bot."),
        Key::new(
            "access_token",
            Kind::Secret,
            "Token by which messages are sent: of the LINE channel, the WhatsApp number, the page, the Weibo account or the Chatwoot bot.",
        ),
        Key::new(
            "verify_token",
            Kind::OneOrMany(&Kind::Secret),
            "What Meta must say when it checks the address; two while it is being changed.",
        ),
        Key::new("phone_number_id", Kind::Str, "Phone number ID of the WhatsApp number."),
        Key::new("page_id", Kind::Str, "Id of the page or account; others of the app are left out."),
        Key::new(
            "machine_apps",
            Kind::OneOrMany(&Kind::Str),
            "Of messenger and instagram: ids of other apps whose words are a machine's, and do not take the case.",
        ),
        Key::new("account_id", Kind::Int(1, i64::MAX), "Number of the account in Chatwoot."),
        Key::new(
            "url_key",
            Kind::OneOrMany(&Kind::Secret),
            "Of a Chatwoot that signs nothing: what stands behind ?key= in the address that it posts to.",
        ),
        Key::new("app_id", Kind::Str, "AppID of the WeChat official account."),
        Key::new(
            "token",
            Kind::OneOrMany(&Kind::Secret),
            "Token that was set at the platform; two while it is being changed.",
        ),
        Key::new(
            "aes_key",
            Kind::OneOrMany(&Kind::Secret),
            "EncodingAESKey of 43 characters; only encrypted messages are taken then. Two while it is being changed.",
        ),
        Key::new("app_secret", Kind::Secret, "AppSecret, by which messages are sent."),
        Key::new("send", Kind::Bool, "Whether the account may send customer-service messages. true."),
        Key::new(
            "reply_budget",
            Kind::Int(1, 1_000),
            "Messages that the platform lets us send after each of the customer's; the last one is kept for a person. 5.",
        ),
        Key::new(
            "transfer",
            Kind::Word(&["desk", "platform"]),
            "Who has hand-offs: the queues of nightdesk (desk), or the platform's own customer service too. desk.",
        ),
        Key::new(
            "base_url",
            Kind::Str,
            "Where the platform's API is, if not where the platform says: a server of your own, or a simulator.",
        ),
        Key::new("corp_id", Kind::Str, "CorpID of the company at WeCom."),
        Key::new("open_kfid", Kind::OneOrMany(&Kind::Str), "Ids of the customer service accounts of WeCom."),
        Key::new("servicers", Kind::OneOrMany(&Kind::Str), "People of WeCom who get hand-offs; its pool if left out."),
        Key::new("poll", Kind::Duration, "How often messages are asked for though no callback came. 1m."),
        Key::new("listen", Kind::Str, "Address at which mail is taken in, such as 127.0.0.1:2424."),
        Key::new("protocol", Kind::Word(&["lmtp", "smtp"]), "What is spoken there. lmtp."),
        Key::new(
            "addresses",
            Kind::OneOrMany(&Kind::Str),
            "The shop's addresses for which mail is taken in; the first is the sender of what is answered.",
        ),
        Key::new("sender_name", Kind::Str, "Name beside the sender's address."),
        Key::new("footer", Kind::OneOrMany(&Kind::Str), "Lines below every letter."),
        Key::new("smtp", Kind::Str, "Server by which letters leave, host:port."),
        Key::new(
            "smtp_tls",
            Kind::Word(&["starttls", "tls", "none"]),
            "How the connection to it is encrypted. starttls.",
        ),
        Key::new("user", Kind::Str, "Name by which to log in there."),
        Key::new("password", Kind::Secret, "The password that goes with it."),
        Key::new("period", Kind::Duration, "For how long the same answer is not given again to one sender. 7d."),
        Key::new("per_day", Kind::Int(1, 1_000), "Most automatic answers to one sender within a day. 10."),
        Key::new(
            "subaddress",
            Kind::Bool,
            "Whether mail to name+anything@… reaches us, so that answers may name their conversation. false.",
        ),
        Key::new(
            "envelope_sender",
            Kind::Word(&["empty", "shop"]),
            "Envelope sender of automatic letters: none, as RFC 3834 wants it, or the shop's address, where the server takes no other. empty.",
        ),
        Key::new("letter_mb", Kind::Int(1, 50), "Largest letter that is taken in, in MiB. 10."),
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

/// `synonyms.yaml`.
pub static SYNONYMS: Shape = Shape {
    name: "synonyms.yaml",
    keys: &[Key::required(
        "synonyms",
        Kind::List(&Kind::List(&Kind::Str)),
        "Groups of words that mean the same to this shop, in any language.",
    )],
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

/// A calendar file.
pub static CALENDAR: Shape = Shape {
    name: "a calendar",
    keys: &[
        Key::new("year", Kind::Any, "The year, for readers."),
        Key::new("source", Kind::Any, "Where the dates come from."),
        Key::new("papers", Kind::Any, "Where the dates come from, as holiday-cn writes it."),
        Key::required("days", Kind::List(&Kind::Map(&CALENDAR_DAY)), "The days."),
    ],
};

/// A day of a calendar.
pub static CALENDAR_DAY: Shape = Shape {
    name: "a calendar day",
    keys: &[
        Key::required("date", Kind::Date, "The day."),
        Key::new("name", Kind::Str, "Of the holiday."),
        Key::required("isOffDay", Kind::Bool, "true: closed. false: a make-up working day."),
        Key::new(
            "open_as",
            Kind::Word(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            "Day whose windows a make-up day has; mon if left out.",
        ),
    ],
};
