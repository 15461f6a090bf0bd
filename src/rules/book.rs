//! The Book: all that operations wrote, checked for shape. Nothing is compiled yet.

use super::model::{Located, Rule};
use super::settings::Settings;
use super::wording::Wording;

/// All knowledge and settings of a shop.
#[derive(Clone, Debug)]
pub struct Book {
    /// `nightdesk.yaml`.
    pub settings: Settings,
    /// FAQ entries and rules, by file path and then order in the file.
    pub rules: Vec<Rule>,
    /// Words that must not be said, by file path and then order in the file.
    pub wordings: Vec<Wording>,
    /// Groups of words that mean the same to this shop: `synonyms.yaml`.
    pub synonyms: Vec<Vec<Located<String>>>,
    /// What could not be read of the files, so that a reference to it is not called unknown as well.
    pub unread: Unread,
    /// Ids under which rules are known that stand in the place of others, and the ids of those that stand there.
    pub aliases: Vec<(String, String)>,
    /// Hash of all texts that were read, so that a set can be told from another.
    pub hash: String,
}

/// What findings of shape kept out of the Book.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    /// Ids of entries and rules with mistakes.
    pub ids: Vec<String>,
    /// Whether whole files of faq/ or rules/ are missing, so that any id may stand in them.
    pub files: bool,
}

impl Unread {
    /// Whether an id may belong to what could not be read.
    #[must_use]
    pub fn may_hold(&self, id: &str) -> bool {
        self.files || self.ids.iter().any(|unread| unread == id)
    }
}
