//! The plain words of the trade: what comes in, what a conversation is, what goes out.
//!
//! Owns the types that every room shares. Refuses behaviour: nothing here decides, stores or sends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Writes an enum of plain words with its text form, so that logs, metrics, frames and files agree.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in files, frames, logs and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value that a word names, if it names one.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

words! {
    /// Who has the conversation.
    State {
        /// The bot answers.
        Bot = "bot",
        /// Handed over, nobody has taken it yet.
        Queued = "queued",
        /// A person talks; the bot is silent.
        Human = "human",
        /// Ended; the next message opens it again.
        Closed = "closed",
    }
}

words! {
    /// Who wrote a message of the transcript.
    Role {
        /// The customer.
        Visitor = "visitor",
        /// This program.
        Bot = "bot",
        /// A person of the shop.
        Human = "human",
        /// Neither: joined, left, closed.
        System = "system",
    }
}

words! {
    /// What a message carries.
    Kind {
        /// Words.
        Text = "text",
        /// A picture.
        Image = "image",
        /// Any other attachment: file, voice, video, location.
        File = "file",
        /// A notice of the shop, such as "we are closed".
        Notice = "notice",
    }
}

words! {
    /// What was done with a message.
    OutcomeKind {
        /// A rule answered.
        Rule = "rule",
        /// An FAQ entry answered.
        Faq = "faq",
        /// The customer was asked to choose among titles.
        Choice = "choice",
        /// A dialogue asked for, or took, a piece of information.
        Slot = "slot",
        /// Greeting, thanks, goodbye, an empty message.
        Smalltalk = "smalltalk",
        /// It went to a person.
        Handoff = "handoff",
        /// The customer told how it was.
        Survey = "survey",
        /// Nothing was said.
        Silent = "silent",
    }
}

words! {
    /// Why it was done. One for every message, silence included.
    Reason {
        /// A rule or entry matched.
        Matched = "matched",
        /// Several matched about equally.
        Ambiguous = "ambiguous",
        /// The customer asked for a person.
        Asked = "asked",
        /// An urgent rule matched.
        Urgent = "urgent",
        /// Nothing matched.
        NoMatch = "no_match",
        /// Too many messages in a row were not understood.
        Misses = "misses",
        /// The same answer had been given before.
        Repeated = "repeated",
        /// A rule sends such cases to a person.
        Policy = "policy",
        /// A look-up failed.
        LookupFailed = "lookup_failed",
        /// The customer does not want to go on with what was asked.
        Cancelled = "cancelled",
        /// Something of ours failed, so a person takes it.
        InternalError = "internal_error",
        /// A person has the conversation.
        HumanOwns = "human_owns",
        /// The same message came again.
        Duplicate = "duplicate",
        /// The customer wrote on before it was answered, so it is answered together with the next one.
        Continued = "continued",
        /// Too many messages in too short a time.
        RateLimited = "rate_limited",
        /// What was said did not arrive.
        Undelivered = "undelivered",
        /// The sender is a machine.
        AutomaticSender = "automatic_sender",
        /// A letter that a machine may not answer, or not again.
        NotByMachine = "not_by_machine",
        /// The message is over the limit.
        TooLong = "too_long",
        /// A picture, file or voice without words.
        Media = "media",
        /// Nothing in it but spaces or punctuation.
        Empty = "empty",
        /// An answer to the survey.
        Rated = "rated",
        /// An answer to the survey that is itself a case.
        LowScore = "low_score",
        /// An answer to what is no longer asked.
        Lapsed = "lapsed",
    }
}

words! {
    /// How soon a person should look.
    Priority {
        /// When there is time.
        Low = "low",
        /// In order of arrival.
        Normal = "normal",
        /// Before the normal ones.
        High = "high",
        /// Now, at any hour.
        Urgent = "urgent",
    }
}

/// Who writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// The channel's own id of the customer.
    pub id: String,
    /// Level of the customer (`new`, `returning`, `vip`, `wholesale`, …), where the channel tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Name, where the channel tells it. Never logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whatever else the channel tells.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// One message on its way in, as the engine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// Our id of the message (`msg_…`). Ids of replies and hand-offs are derived from it, so the engine needs no randomness.
    pub message: String,
    /// The channel's name in `nightdesk.yaml`.
    pub channel: String,
    /// Who writes.
    pub customer: Customer,
    /// What it carries.
    pub kind: Kind,
    /// The words as the customer typed them.
    pub text: String,
    /// Language that the client says it wants (`hello.locale`).
    pub locale: Option<String>,
    /// What the customer did, where it was not writing.
    pub gesture: Gesture,
    /// What was fetched for the rule that answers.
    pub fetched: Option<Fetched>,
}

impl Inbound {
    /// A message of words.
    #[must_use]
    pub fn words(message: &str, channel: &str, customer: Customer, text: &str) -> Self {
        Self {
            message: message.to_owned(),
            channel: channel.to_owned(),
            customer,
            kind: Kind::Text,
            text: text.to_owned(),
            locale: None,
            gesture: Gesture::Write,
            fetched: None,
        }
    }
}

/// What a customer can do besides writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gesture {
    /// Wrote a message.
    #[default]
    Write,
    /// Pressed an option that was shown; holds the option's id.
    Select(String),
    /// Pressed "talk to a person".
    AskForPerson,
    /// Answered the survey.
    Rate {
        /// From 1 to 5.
        score: u8,
        /// Why, in the customer's words.
        comment: Option<String>,
    },
    /// Wrote a letter, which has manners of its own.
    Letter(Box<Letter>),
    /// The channel says that a machine wrote this.
    Automatic,
    /// Nobody: the platform says that something of ours did not arrive.
    Undelivered,
    /// Nobody: the look-up that an earlier message began has come to its end. Holds that message's id.
    LookedUp(String),
}

/// What a letter has besides the words that are decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// Its Message-ID, without brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The letters before it, the oldest first, without brackets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Where the answer of a person goes.
    pub reply_to: String,
    /// Where the answer of a machine goes; none if no machine may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_to: Option<String>,
    /// Why no machine may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Names the conversation in the ids of our letters.
    pub mark: String,
    /// What was sent with it. The contents are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// All of its words, quoted ones too, for people.
    #[serde(skip)]
    pub whole: String,
    /// For how long, in seconds, the same answer is not given again.
    #[serde(skip)]
    pub period: i64,
    /// Most answers of a machine within a day.
    #[serde(skip)]
    pub per_day: u32,
}

/// A file that came with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// As the sender named it.
    pub name: String,
    /// `image/jpeg` and the like, as the sender has it.
    #[serde(rename = "type")]
    pub media: String,
    /// Its size.
    pub bytes: usize,
}

/// An answer by letter, remembered so that it is not given again too soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What was said: the ids of the rules and entries, else the reason.
    pub what: Vec<String>,
    /// Stands for the words that were answered.
    pub to: u64,
    /// When.
    pub at: Timestamp,
}

/// A choice shown below an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Id of the rule or entry that the choice leads to.
    pub id: String,
    /// Its title in the customer's language.
    pub label: String,
}

/// A hand-off that is not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenHandoff {
    /// `h_…`
    pub id: String,
    /// Queue that it waits in.
    pub queue: String,
    /// How soon a person should look.
    pub priority: Priority,
    /// Why, as the rule put it or one of [`Reason`].
    pub reason: String,
    /// When it began.
    pub created_at: Timestamp,
    /// The last person who had it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<String>,
    /// How far its escalation has come.
    #[serde(default, skip_serializing_if = "Ladder::is_new")]
    pub ladder: Ladder,
}

/// How far the escalation of a hand-off has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "things that have happened or not, each on its own")]
pub struct Ladder {
    /// Since when the present target counts; none: since the hand-off began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Queue that it began in, if it has left that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether the queue was warned that the target is near.
    pub warned: bool,
    /// How often the target passed at the end of the ladder.
    pub passed: u32,
    /// Whether the limit over all queues has passed, or somebody had taken it before.
    pub transferred: bool,
    /// Whether the target is the queue's own, because it is no longer the first.
    pub escalated: bool,
    /// Whether it was called beside a person who has the conversation, and waits for another.
    pub besides: bool,
    /// Whether a person of the shop has answered through the platform, so that nobody more is called.
    pub answered: bool,
    /// Steps so far, of whatever kind.
    pub steps: u32,
}

impl Ladder {
    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }
}

/// All that is remembered of a conversation between two messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// `c_…`
    pub id: String,
    /// The channel's name in `nightdesk.yaml`.
    pub channel: String,
    /// The channel's own name of the conversation: the platform's id, or our visitor's.
    pub thread: String,
    /// Who writes.
    pub customer: Customer,
    /// Who has it.
    pub state: State,
    /// Language of the customer's last telling message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Messages of the customer so far.
    pub turns: u64,
    /// Messages in a row that nothing matched.
    pub misses: u32,
    /// Words of the last messages that nothing has answered because the customer wrote on, oldest first. The next message is
    /// decided together with them. Kept here, so that a daemon that was killed in between still knows of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<String>,
    /// Tags that rules have set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Options shown with the last answer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered: Vec<Choice>,
    /// Rule or entry that answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// What the customer has told in dialogues, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Filled>,
    /// The dialogue that waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<Dialogue>,
    /// Look-ups that answers wait for, in the order in which they began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looking: Vec<Looking>,
    /// The hand-off that waits or is being served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<OpenHandoff>,
    /// The question how it was, until it is answered or lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// Notices given: notice and closed period, and when. Old ones are dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notices: BTreeMap<String, Timestamp>,
    /// Times at which each rule or entry answered within the last 24 hours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, Vec<Timestamp>>,
    /// Answers of the bot by letter within the period in which they are not given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<Given>,
    /// Where later messages go, for a channel that takes them by webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What the last person who gave it back or passed it on wrote for whoever has it next; never shown to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Since when the customer waits for a word of the person who has the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_agent: Option<Timestamp>,
    /// When the person who has the conversation wrote last, if the customer has written nothing since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
}

impl Conversation {
    /// A conversation that has only just begun: the bot has it.
    #[must_use]
    pub fn new(id: String, channel: &str, thread: &str, customer: Customer, now: Timestamp) -> Self {
        Self {
            id,
            channel: channel.to_owned(),
            thread: thread.to_owned(),
            customer,
            state: State::Bot,
            language: None,
            turns: 0,
            misses: 0,
            unanswered: Vec::new(),
            tags: BTreeSet::new(),
            offered: Vec::new(),
            previous: None,
            slots: BTreeMap::new(),
            dialogue: None,
            looking: Vec::new(),
            handoff: None,
            survey: None,
            notices: BTreeMap::new(),
            given: BTreeMap::new(),
            letters: Vec::new(),
            agent: None,
            note: None,
            awaits_agent: None,
            answered_at: None,
            created_at: now,
        }
    }
}

/// A word of one person of the shop to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The words.
    pub text: String,
    /// Who wrote them.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A piece of information that the customer has told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// As it was told: Unicode form NFKC, the case kept.
    pub value: String,
    /// When.
    pub at: Timestamp,
}

/// A case whose customer is asked how it was, and what the answer was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The case.
    pub handoff: OpenHandoff,
    /// Who closed it, or had it when the customer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Whether the customer was told something else since: a bare number may then mean that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// From 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// When that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Why, in the customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A rule that waits for what it asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    /// The rule's id.
    pub rule: String,
    /// Pieces of information that this dialogue has, by name.
    pub has: BTreeSet<String>,
    /// The one that was asked for.
    pub asked: String,
    /// Answers to it that did not fit.
    pub attempts: u32,
    /// When it was asked last.
    pub at: Timestamp,
}

/// A look-up that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looking {
    /// The message that began it.
    pub message: String,
    /// The rule that answers with it.
    pub rule: String,
    /// What the customer had told by then: the answer is about this, whatever is told meanwhile.
    pub slots: BTreeMap<String, Filled>,
    /// When it began.
    pub since: Timestamp,
}

/// What a look-up brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fetched {
    /// Why there is no usable answer, in plain words; none if there is one.
    #[serde(default)]
    pub error: Option<String>,
    /// Status of the answer; 0 without one.
    #[serde(default)]
    pub status: u16,
    /// The answer.
    #[serde(default)]
    pub body: serde_json::Value,
}

/// A rule or entry that could have answered, with how well it fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Id of the rule or entry.
    pub rule: String,
    /// From 0 to 1.
    pub score: f64,
}

/// What was decided about one message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// What was done.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// The rule or entry behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How sure, from 0 to 1; none where nothing matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The three best, also when nothing was answered.
    pub candidates: Vec<Scored>,
    /// Whether an urgent rule matched.
    pub urgent: bool,
    /// Tags that this message added.
    pub tags: Vec<String>,
    /// Class of the enquiry (`complaint`, `logistics`, …), where a rule tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Language that was answered in.
    pub language: String,
    /// Notices that were given with it, such as `closed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Pilots that the customer takes part in, empty for one of the rest; none where the shop has no pilot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pilots: Option<Vec<String>>,
}

/// One message that goes to the customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// Our id, derived from the message that it answers.
    pub message: String,
    /// Text for an answer, notice for a notice.
    pub kind: Kind,
    /// The words.
    pub text: String,
    /// Rule or entry that said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Choices shown below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

/// What the human queue must hear of.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueEvent {
    /// A new hand-off; the conversation's `handoff` describes it. Holds the id of the one that it replaces, if any.
    Created {
        /// The hand-off that this one takes the place of.
        replaces: Option<String>,
    },
    /// The customer wrote on while waiting or with a person.
    Message,
}
