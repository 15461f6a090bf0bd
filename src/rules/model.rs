//! Rules and texts as operations wrote them, each thing with its place. Nothing is compiled yet.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;

use crate::diag::Place;
use crate::message::Priority;

/// A value with the place at which it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// Where a rule was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An entry of `faq:`.
    Faq,
    /// An item of `rules:`.
    Rule,
}

/// How careful to be before a message is taken to mean an entry because it is like its questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Careful {
    /// Answers more, and is wrong more often.
    Low,
    /// As the shipped figures are measured.
    #[default]
    Normal,
    /// Answers only what it is quite sure of.
    High,
}

impl Careful {
    /// The words in files.
    pub const WORDS: [&str; 3] = ["low", "normal", "high"];

    /// Reads a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "low" => Some(Self::Low),
            "normal" => Some(Self::Normal),
            "high" => Some(Self::High),
            _ => None,
        }
    }
}

/// A rule or an FAQ entry: an entry is a rule whose condition is its phrases and questions.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique over faq/ and rules/.
    pub id: Located<String>,
    /// Where it was written.
    pub origin: Origin,
    /// What customers see when it is offered as a choice.
    pub title: Option<Text>,
    /// Higher wins.
    pub priority: i64,
    /// What the message must be like.
    pub when: Condition,
    /// Variants of what the customer is told; empty when a rule only hands over.
    pub replies: Vec<Text>,
    /// Ids offered below the reply.
    pub options: Vec<Located<String>>,
    /// Brings the case to a person.
    pub handoff: Option<HandoffSpec>,
    /// What is asked of the customer before it answers, in order.
    pub slots: Vec<SlotSpec>,
    /// What is fetched before it answers.
    pub lookup: Option<LookupSpec>,
    /// Ways to answer, of which the first that holds is taken; its own reply and hand-off if none does.
    pub then: Vec<Branch>,
    /// Goes to its queue at any hour.
    pub urgent: bool,
    /// Not said while the customer waits for a person.
    pub smalltalk: bool,
    /// Tags that it sets.
    pub tags: Vec<String>,
    /// Class of the enquiry.
    pub class: Option<String>,
    /// Subject, for reports.
    pub category: Option<String>,
    /// First day on which it is valid.
    pub from: Option<Located<Date>>,
    /// Last day on which it is valid.
    pub until: Option<Located<Date>>,
    /// Only on these channels; empty means all.
    pub channels: Vec<Located<String>>,
    /// Day by which somebody should read it again.
    pub review_by: Option<Located<Date>>,
    /// How careful to be with likeness; the shop's own degree if left out.
    pub careful: Option<Careful>,
    /// Only for so many of all customers, in ten-thousandths.
    pub rollout: Option<Located<u16>>,
    /// The rule in whose place those customers get it.
    pub replaces: Option<Located<String>>,
    /// Stands for what is written of it, where it has a share: another text is another pilot.
    pub version: Option<String>,
}

impl Rule {
    /// Everything that it says to customers, in the order of its keys.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        let slots = self.slots.iter().flat_map(|slot| std::iter::once(&slot.ask).chain(&slot.retry));
        let branches = self.then.iter().flat_map(|branch| &branch.replies);
        self.title.iter().chain(&self.replies).chain(slots).chain(branches)
    }
}

/// A piece of information that a rule asks for.
#[derive(Clone, Debug)]
pub struct SlotSpec {
    /// Its name in texts.
    pub name: Located<String>,
    /// What in a message is the value.
    pub pattern: Located<String>,
    /// The question.
    pub ask: Text,
    /// Said when an answer does not fit.
    pub retry: Option<Text>,
    /// Answers that do not fit before a person takes over.
    pub attempts: u32,
    /// Whether only the answer to the question counts.
    pub only_asked: bool,
}

/// What a rule fetches: JSON over HTTP.
#[derive(Clone, Debug)]
pub struct LookupSpec {
    /// Where it stands.
    pub place: Place,
    /// What must hold for it to be done; none always does.
    pub condition: Option<Located<String>>,
    /// What is asked.
    pub target: LookupTarget,
    /// Its keys as they stand in the file.
    pub keys: Vec<Located<String>>,
    /// Longest time to wait for it.
    pub timeout: Duration,
    /// How long an answer is used again.
    pub cache: Option<Duration>,
    /// An answer as the system gives it.
    pub sample: Option<serde_json::Value>,
}

/// What a look-up asks, in templates.
#[derive(Clone, Debug)]
pub enum LookupTarget {
    /// A system of the shop: an address, with the fields of a form if it is posted.
    Http {
        /// The address; missing is an error.
        url: Option<Located<String>>,
        /// Fields by name, in the order of the file.
        form: Vec<(String, Located<String>)>,
    },
    /// A service that knows where parcels are.
    Parcel {
        /// Which.
        service: ParcelService,
        /// Name or code of the carrier.
        carrier: Option<Located<String>>,
        /// The tracking number; missing is an error.
        number: Option<Located<String>>,
        /// A phone number on the label, or its end.
        phone: Option<Located<String>>,
    },
}

/// A service that knows where the parcels of many carriers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelService {
    /// 快递100, kuaidi100.com.
    Kuaidi100,
    /// 快递鸟, kdniao.com.
    Kdniao,
}

impl ParcelService {
    /// The word for it in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kuaidi100 => "kuaidi100",
            Self::Kdniao => "kdniao",
        }
    }

    /// How long a number is not asked for again, by the service's own rule: it locks one that is.
    #[must_use]
    pub const fn rests(self) -> Duration {
        match self {
            Self::Kuaidi100 => Duration::from_mins(30),
            Self::Kdniao => Duration::ZERO,
        }
    }
}

/// One way to answer.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Where it stands.
    pub place: Place,
    /// What must hold; without one it always does.
    pub condition: Option<Located<String>>,
    /// Variants of what the customer is told.
    pub replies: Vec<Text>,
    /// Ids offered below the reply.
    pub options: Vec<Located<String>>,
    /// Brings the case to a person.
    pub handoff: Option<HandoffSpec>,
    /// Tags that it sets.
    pub tags: Vec<String>,
}

/// Text for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// By language code; the empty code stands for a text without language, which serves all.
    pub by_language: BTreeMap<String, Located<String>>,
    /// The whole text's place.
    pub place: Place,
}

/// Where a case goes.
#[derive(Clone, Debug)]
pub struct HandoffSpec {
    /// Named queue, else `routes` decides.
    pub queue: Option<Located<String>>,
    /// Why, in the author's word.
    pub reason: Option<String>,
    /// How soon a person should look.
    pub priority: Option<Priority>,
}

/// What a message must be like.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One of these phrases occurs.
    Phrase(Vec<Phrase>),
    /// One of these regular expressions matches the folded message.
    Regex(Vec<Located<String>>),
    /// The message is like one of these sentences.
    Like(Vec<Located<String>>),
    /// An expression is true.
    If(Located<String>),
    /// Each holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// None holds.
    None(Vec<Condition>),
}

/// A phrase: all of its parts occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// One part for a plain phrase.
    pub parts: Vec<Located<String>>,
}
