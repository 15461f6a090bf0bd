//! Literals in one Aho-Corasick automaton: all that occur in a message, found in one pass.

use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError};

use crate::text::is_whole;

/// Index of a literal.
pub(super) type LiteralId = u32;

/// Every literal of every rule.
#[derive(Debug)]
pub(super) struct Literals {
    automaton: Option<AhoCorasick>,
}

impl Literals {
    /// Builds the automaton over folded, non-empty literals; their ids are their indices.
    ///
    /// # Errors
    /// When there are more literals than the automaton can hold (billions of characters).
    pub(super) fn new(literals: &[String]) -> Result<Self, BuildError> {
        let automaton = if literals.is_empty() { None } else { Some(AhoCorasick::new(literals)?) };
        Ok(Self { automaton })
    }

    /// Every literal that occurs in a folded text.
    pub(super) fn hits(&self, text: &str) -> Hits {
        let Some(automaton) = &self.automaton else { return Hits(Vec::new()) };
        let mut hits: Vec<Hit> = Vec::new();
        for found in automaton.find_overlapping_iter(text) {
            let span = found.start()..found.end();
            hits.push(Hit {
                literal: found.pattern().as_u32(),
                whole: is_whole(text, span.clone()),
                start: span.start,
                end: span.end,
            });
        }
        // Of each literal the first whole occurrence is wanted, else any.
        hits.sort_unstable_by_key(|hit| (hit.literal, !hit.whole, hit.start));
        hits.dedup_by_key(|hit| hit.literal);
        Hits(hits)
    }
}

/// One literal that occurs.
#[derive(Clone, Copy, Debug)]
struct Hit {
    literal: LiteralId,
    /// Whether it stands as whole words, where its script has words.
    whole: bool,
    start: usize,
    end: usize,
}

/// The literals that occur in a message, by id.
#[derive(Debug)]
pub(super) struct Hits(Vec<Hit>);

impl Hits {
    /// Each literal that occurs, as whole words or not.
    pub(super) fn literals(&self) -> impl Iterator<Item = LiteralId> + '_ {
        self.0.iter().map(|hit| hit.literal)
    }

    /// Where a literal first stands as whole words.
    pub(super) fn whole(&self, literal: LiteralId) -> Option<Range<usize>> {
        let at = self.0.binary_search_by_key(&literal, |hit| hit.literal).ok()?;
        let hit = self.0[at];
        hit.whole.then_some(hit.start..hit.end)
    }
}
