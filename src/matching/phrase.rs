//! Literals in one Aho-Corasick automaton: all that occur in a message, found in one pass; and phrases made of them.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError};

use crate::text::is_whole;

/// Index of a literal.
pub(super) type LiteralId = u32;

/// Literals of which any will do, as [`Part`]s number them.
pub(super) type Sets = Vec<Box<[LiteralId]>>;

/// Any of some literals, as one number: a literal by its own index, several as a set of the list of sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part(u32);

impl Part {
    const SET: u32 = 1 << 31;

    pub(super) const fn literal(id: LiteralId) -> Self {
        Self(id)
    }

    pub(super) const fn set(index: u32) -> Self {
        Self(index | Self::SET)
    }

    /// The literals, in the order in which they were written.
    pub(super) fn literals<'a>(&'a self, sets: &'a [Box<[LiteralId]>]) -> &'a [LiteralId] {
        if self.0 & Self::SET == 0 {
            std::slice::from_ref(&self.0)
        } else {
            sets.get((self.0 & !Self::SET) as usize).map_or(&[], |set| set)
        }
    }
}

/// What has to occur next for a regular expression, and at most how many bytes after the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chained {
    /// None stands for a digit.
    pub part: Option<Part>,
    pub gap: u32,
}

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
    pub(super) fn new(literals: &[Arc<str>]) -> Result<Self, BuildError> {
        let automaton = if literals.is_empty() {
            None
        } else {
            Some(AhoCorasick::new(literals.iter().map(|text| text.as_bytes()))?)
        };
        Ok(Self { automaton })
    }

    /// Every literal that occurs in a folded text.
    pub(super) fn hits<'a>(&self, text: &'a str) -> Hits<'a> {
        let mut hits = Hits { text, found: Vec::with_capacity(16), mask: [0; 4], digits: OnceCell::new() };
        let Some(automaton) = &self.automaton else { return hits };
        for found in automaton.find_overlapping_iter(text) {
            let literal = found.pattern().as_u32();
            hits.found.push(Hit { literal, start: found.start(), end: found.end() });
            let (word, bit) = place(literal);
            hits.mask[word] |= bit;
        }
        hits.found.sort_unstable_by_key(|hit| (hit.literal, hit.start));
        hits
    }
}

/// Where a literal is noted in the mask.
const fn place(literal: LiteralId) -> (usize, u64) {
    ((literal >> 6 & 3) as usize, 1 << (literal & 63))
}

/// Most places that a chain is followed from.
const MAX_ENDS: usize = 12;

/// Places at which a chain may end.
#[derive(Default)]
struct Ends {
    places: [usize; MAX_ENDS],
    /// More than fit, if there were more.
    count: usize,
}

impl Ends {
    fn push(&mut self, end: usize) {
        if let Some(place) = self.places.get_mut(self.count) {
            *place = end;
        }
        self.count += 1;
    }

    /// Whether one of them lies at most so many bytes before a place.
    fn any_within(&self, start: usize, gap: u32) -> bool {
        let near = |&end: &usize| start.checked_sub(end).is_some_and(|between| between <= gap as usize);
        self.places.iter().take(self.count).any(near)
    }
}

/// One place at which a literal occurs.
#[derive(Clone, Copy, Debug)]
struct Hit {
    literal: LiteralId,
    start: usize,
    end: usize,
}

/// The literals that occur in a message.
#[derive(Debug)]
pub(super) struct Hits<'a> {
    text: &'a str,
    /// By literal, then from left to right.
    found: Vec<Hit>,
    /// A bit for several literals each: without it none of them occurs.
    mask: [u64; 4],
    /// Digits of any script, found when they are first asked for.
    digits: OnceCell<Vec<Hit>>,
}

impl Hits<'_> {
    /// Each literal that occurs, as whole words or not, once.
    pub(super) fn literals(&self) -> impl Iterator<Item = LiteralId> + '_ {
        self.found.chunk_by(|a, b| a.literal == b.literal).filter_map(|same| same.first()).map(|hit| hit.literal)
    }

    fn places(&self, literal: LiteralId) -> &[Hit] {
        let (word, bit) = place(literal);
        if self.mask[word] & bit == 0 {
            return &[];
        }
        let first = self.found.partition_point(|hit| hit.literal < literal);
        let found = self.found.get(first..).unwrap_or_default();
        let count = found.iter().take_while(|hit| hit.literal == literal).count();
        found.get(..count).unwrap_or_default()
    }

    /// Whether one of some literals occurs, as whole words or not.
    pub(super) fn any(&self, literals: &[LiteralId]) -> bool {
        literals.iter().any(|&literal| !self.places(literal).is_empty())
    }

    /// Whether all of a chain occurs, one after the other; or perhaps, when there are too many places to follow.
    pub(super) fn follow(&self, chain: &[Chained], sets: &[Box<[LiteralId]>]) -> bool {
        // Where the chain so far may end.
        let mut before = Ends::default();
        for (at, next) in chain.iter().enumerate() {
            let mut ends = Ends::default();
            let mut note = |hit: &Hit| {
                if at == 0 || before.any_within(hit.start, next.gap) {
                    ends.push(hit.end);
                }
            };
            match next.part {
                Some(part) => {
                    part.literals(sets).iter().flat_map(|&literal| self.places(literal)).for_each(&mut note);
                }
                None => self.digits().iter().for_each(&mut note),
            }
            if ends.count == 0 {
                return false;
            }
            if ends.count > MAX_ENDS {
                return true;
            }
            before = ends;
        }
        true
    }

    fn digits(&self) -> &[Hit] {
        self.digits.get_or_init(|| {
            let digits = self.text.char_indices().filter(|(_, c)| c.is_numeric());
            digits.map(|(start, c)| Hit { literal: 0, start, end: start + c.len_utf8() }).collect()
        })
    }

    /// Where some literals begin, from left to right.
    pub(super) fn starts(&self, literals: &[LiteralId]) -> Vec<usize> {
        let mut starts: Vec<usize> = literals.iter().flat_map(|&one| self.places(one)).map(|hit| hit.start).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    /// Where some literals stand as whole words, where their script has words, from left to right.
    pub(super) fn wholes(&self, literals: &[LiteralId]) -> Vec<Range<usize>> {
        let places = literals.iter().flat_map(|&one| self.places(one)).map(|hit| hit.start..hit.end);
        let mut wholes: Vec<Range<usize>> = places.filter(|span| is_whole(self.text, span.clone())).collect();
        wholes.sort_unstable_by_key(|span| (span.start, span.end));
        wholes
    }

    /// Where a literal first stands as whole words, where its script has words.
    pub(super) fn whole(&self, literal: LiteralId) -> Option<Range<usize>> {
        self.places(literal).iter().map(|hit| hit.start..hit.end).find(|span| is_whole(self.text, span.clone()))
    }
}

/// The phrases of a condition, each a list of parts that all occur.
#[derive(Debug)]
pub(super) struct Phrases {
    parts: Box<[Part]>,
    /// Where each phrase ends in the list of parts.
    ends: Box<[u32]>,
}

impl FromIterator<Vec<Part>> for Phrases {
    fn from_iter<I: IntoIterator<Item = Vec<Part>>>(phrases: I) -> Self {
        let (mut parts, mut ends) = (Vec::new(), Vec::new());
        for phrase in phrases {
            parts.extend(phrase);
            ends.push(u32::try_from(parts.len()).unwrap_or(u32::MAX));
        }
        Self { parts: parts.into(), ends: ends.into() }
    }
}

impl Phrases {
    /// The parts of each phrase.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Part]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let from = std::mem::replace(&mut start, end as usize);
            self.parts.get(from..end as usize).unwrap_or_default()
        })
    }
}
