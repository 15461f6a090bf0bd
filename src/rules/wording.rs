//! Wordings that must not be said: `wording:` of a file below `rules/`, and `wording:` of `nightdesk.yaml`. The keys, and how
//! they are read.

use crate::yaml::Node;

use super::model::{Located, Phrase, Text};
use super::read;
use super::shape::{Key, Kind, Shape};

/// An item of `wording:`.
pub static WORDING: Shape = Shape {
    name: "a wording",
    keys: &[
        Key::required("id", Kind::Id, "Unique name among the wordings, such as wording.absolute-promise."),
        Key::required(
            "phrase",
            Kind::OneOrMany(&Kind::Phrase),
            "What must not be said; the parts of a list inside follow one another in one clause.",
        ),
        Key::new(
            "none",
            Kind::OneOrMany(&Kind::Phrase),
            "Where it is fine: a phrase is not found where one of these stands over it, such as a negation.",
        ),
        Key::required("why", Kind::Text, "Why it must not be said, for whoever wrote it."),
        Key::required("instead", Kind::Text, "Words to put in its place, as they stand: no template."),
    ],
};

/// `wording:` of `nightdesk.yaml`.
pub static WATCH: Shape = Shape {
    name: "the wording watch",
    keys: &[Key::new(
        "agents",
        Kind::Word(&Strictness::WORDS),
        "What becomes of an agent's message with a wording that must not be said: note sends it, warn holds it back until it is sent anyway, refuse never sends it. warn.",
    )],
};

/// Words that must not be said, and better ones.
#[derive(Clone, Debug)]
pub struct Wording {
    /// Unique among the wordings.
    pub id: Located<String>,
    /// What must not be said.
    pub phrases: Vec<Phrase>,
    /// Where it is fine.
    pub none: Vec<Phrase>,
    /// Why it must not be said.
    pub why: Text,
    /// Words to put in its place.
    pub instead: Text,
}

/// What becomes of an agent's message with a wording that must not be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is sent and counted.
    Note,
    /// It is held back, unless the agent insists.
    #[default]
    Warn,
    /// It is not sent.
    Refuse,
}

impl Strictness {
    /// The words in files.
    pub const WORDS: [&str; 3] = ["note", "warn", "refuse"];

    fn parse(word: &str) -> Option<Self> {
        match word {
            "note" => Some(Self::Note),
            "warn" => Some(Self::Warn),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// An item of `wording:`, whose shape was checked.
pub(super) fn wording(node: &Node) -> Option<Wording> {
    let phrases = |key: &str| node.get(key).map(read::phrases).unwrap_or_default();
    Some(Wording {
        id: read::located(node.get("id")?)?,
        phrases: phrases("phrase"),
        none: phrases("none"),
        why: node.get("why").and_then(read::text)?,
        instead: node.get("instead").and_then(read::text)?,
    })
}

/// `wording:` of `nightdesk.yaml`.
pub(super) fn agents(node: Option<&Node>) -> Option<Strictness> {
    node.and_then(|node| node.get("agents")?.text()).and_then(Strictness::parse)
}
