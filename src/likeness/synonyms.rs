//! Synonyms: groups of words for the same thing, shipped and the shop's own.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::text::{Fold, is_whole};

/// The lists that are shipped.
const SHIPPED: [&str; 2] = [include_str!("synonyms/zh.txt"), include_str!("synonyms/en.txt")];

/// Groups of words, found in a text in one pass.
#[derive(Debug)]
pub struct Synonyms {
    automaton: Option<AhoCorasick>,
    /// The group of each word of the automaton.
    groups: Vec<u32>,
}

impl Synonyms {
    /// The shipped groups and a shop's own. A word that stands in several groups belongs to the shop's, else to the first.
    ///
    /// # Errors
    /// When the words are more than an automaton can hold.
    pub fn new(fold: &Fold, own: &[Vec<String>]) -> Result<Self, aho_corasick::BuildError> {
        let shipped = SHIPPED
            .iter()
            .flat_map(|list| list.lines())
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| line.split(',').map(str::to_owned).collect());
        Self::from_groups(fold, own.iter().cloned().chain(shipped))
    }

    /// No synonyms at all.
    #[must_use]
    pub fn none() -> Self {
        Self { automaton: None, groups: Vec::new() }
    }

    fn from_groups(fold: &Fold, all: impl Iterator<Item = Vec<String>>) -> Result<Self, aho_corasick::BuildError> {
        let mut words: Vec<String> = Vec::new();
        let mut groups = Vec::new();
        let mut seen = rustc_hash::FxHashMap::default();
        for (group, list) in (0_u32..).zip(all) {
            for word in list {
                let word = fold.squeeze(word.trim()).into_text();
                if !word.is_empty() && seen.insert(word.clone(), group).is_none() {
                    words.push(word);
                    groups.push(group);
                }
            }
        }
        let automaton = if words.is_empty() {
            None
        } else {
            Some(AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(&words)?)
        };
        Ok(Self { automaton, groups })
    }

    /// Words of groups in a folded text, from left to right, the longest at each place: (group, stretch in bytes).
    pub(super) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> + 'a {
        self.automaton.iter().flat_map(move |automaton| {
            automaton
                .find_iter(text)
                .filter(|found| is_whole(text, found.range()))
                .filter_map(|found| Some((*self.groups.get(found.pattern().as_usize())?, found.range())))
        })
    }
}
