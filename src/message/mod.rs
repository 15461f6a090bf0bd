//! The plain words of the trade: what comes in, what a conversation is, what goes out.
//!
//! Owns the types that every room shares. Refuses behaviour: nothing here decides, stores or sends.

mod conversation;
mod decision;
mod letter;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use conversation::{Conversation, Dialogue, Fetched, Filled, Ladder, Looking, Note, OpenHandoff, Survey};
pub use decision::{Choice, Decision, QueueEvent, Reply, Scored};
pub use letter::{Attachment, Given, Letter};

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
    /// How many cases wait in each queue, where that is counted: during the peak.
    pub waiting: BTreeMap<String, u64>,
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
            waiting: BTreeMap::new(),
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
