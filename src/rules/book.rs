//! The Book: all that operations wrote, checked for shape. Nothing is compiled yet.

use super::model::Rule;
use super::settings::Settings;

/// All knowledge and settings of a shop.
#[derive(Clone, Debug)]
pub struct Book {
    /// `nightdesk.yaml`.
    pub settings: Settings,
    /// FAQ entries and rules, by file path and then order in the file.
    pub rules: Vec<Rule>,
    /// Hash of all texts that were read, so that a set can be told from another.
    pub hash: String,
}
