//! What a text is compared by: features with weights, in groups of which each has the same say.
//!
//! Groups: words (tokens and neighbouring pairs of them), letters (runs of 3 to 5 letters inside Latin words, which forgive
//! endings and slips), pairs (any two different tokens, in any order) and concepts (synonyms). Within a group a feature weighs
//! (1 + ln of its count) × idf; each group is brought to length 1, weighed, joined and brought to length 1 again.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use super::reading::Reading;
use super::tokens::{Kind, Token};
use super::words::is_weak;

pub(super) use nightdesk_svm::Vector;

/// Different tokens of a text that are paired.
const PAIRED: usize = 40;
/// What each group weighs.
const WEIGHTS: [f32; 4] = [1.0, 1.4, 1.0, 0.6];
/// Share of its weight that a feature of grammar alone keeps.
const GRAMMAR: f32 = 0.6;
/// Shortest and longest run of letters.
const LETTERS: std::ops::RangeInclusive<usize> = 3..=5;

/// A group of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Words,
    Letters,
    Pairs,
    Concepts,
}

/// One feature of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature {
    pub key: u64,
    pub group: Group,
    /// Grammar alone.
    pub weak: bool,
    /// The tokens that it is made of; twice the same for one.
    pub from: (u16, u16),
}

/// All features of a text, `pairs` or not.
pub(super) fn features(reading: &Reading<'_>, pairs: bool) -> Vec<Feature> {
    let tokens = &reading.tokens;
    let weak: Vec<bool> = tokens.iter().map(is_weak).collect();
    let mut out = Vec::with_capacity(tokens.len() * 24);
    let at = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
    for (index, token) in tokens.iter().enumerate() {
        let from = (at(index), at(index));
        out.push(Feature { key: key(1, token.text, ""), group: Group::Words, weak: weak[index], from });
        for (ahead, kind) in [(1, 2), (2, 3)] {
            if let Some(other) = tokens.get(index + ahead).filter(|_| ahead == 1 || token.kind != Kind::Character) {
                let weak = weak[index] && weak[index + ahead];
                let key = key(kind, token.text, other.text);
                out.push(Feature { key, group: Group::Words, weak, from: (at(index), at(index + ahead)) });
            }
        }
        if token.kind != Kind::Character {
            letters(token, from, &mut out);
        }
    }
    if pairs {
        let mut different: Vec<usize> = Vec::with_capacity(PAIRED);
        for index in 0..tokens.len() {
            if different.len() < PAIRED && different.iter().all(|&seen| tokens[seen].text != tokens[index].text) {
                different.push(index);
            }
        }
        for (place, &one) in different.iter().enumerate() {
            for &other in &different[place + 1..] {
                // Two words of grammar tell nothing by standing in one sentence.
                if weak[one] && weak[other] {
                    continue;
                }
                let (a, b) = (tokens[one].text, tokens[other].text);
                let key = if a < b { key(4, a, b) } else { key(4, b, a) };
                out.push(Feature { key, group: Group::Pairs, weak: false, from: (at(one), at(other)) });
            }
        }
    }
    for (place, concept) in reading.concepts.iter().enumerate() {
        let group = Group::Concepts;
        let id = concept.group;
        let from = (at(concept.tokens.start), at(concept.tokens.end.saturating_sub(1)));
        out.push(Feature { key: number(5, id, 0), group, weak: false, from });
        for other in &reading.concepts[place + 1..] {
            let (a, b) = (id.min(other.group), id.max(other.group));
            out.push(Feature { key: number(6, a, b), group, weak: false, from: (from.0, at(other.tokens.start)) });
        }
        if pairs {
            for unit in reading.units.iter().filter(|unit| unit.concept.is_none() && !unit.weak) {
                out.push(Feature {
                    key: key(7 + u64::from(id) * 16, &unit.text, ""),
                    group,
                    weak: false,
                    from: (from.0, at(unit.tokens.start)),
                });
            }
        }
    }
    out
}

/// Runs of letters of a word, its ends marked.
fn letters(token: &Token<'_>, from: (u16, u16), out: &mut Vec<Feature>) {
    let marked: Vec<char> = std::iter::once(' ').chain(token.text.chars()).chain(std::iter::once(' ')).collect();
    for length in LETTERS {
        for run in marked.windows(length) {
            let mut hasher = FxHasher::default();
            hasher.write_u64(8);
            for &c in run {
                hasher.write_u32(c as u32);
            }
            out.push(Feature { key: hasher.finish(), group: Group::Letters, weak: false, from });
        }
    }
}

fn key(kind: u64, a: &str, b: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(kind);
    hasher.write(a.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(b.as_bytes());
    hasher.finish()
}

fn number(kind: u64, a: u32, b: u32) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(kind);
    hasher.write_u32(a);
    hasher.write_u32(b);
    hasher.finish()
}

/// The features that examples have, and how telling each is.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    index: FxHashMap<u64, u32>,
    idf: Vec<f32>,
}

impl Vocabulary {
    /// Takes in the features of all examples; those that fewer than `least` have are left out.
    #[allow(clippy::cast_precision_loss, reason = "counts of examples")]
    pub(super) fn new(examples: &[Vec<Feature>], least: u32) -> Self {
        let mut count: FxHashMap<u64, u32> = FxHashMap::default();
        let mut keys = Vec::new();
        for example in examples {
            keys.clear();
            keys.extend(example.iter().map(|feature| feature.key));
            keys.sort_unstable();
            keys.dedup();
            for key in &keys {
                *count.entry(*key).or_default() += 1;
            }
        }
        let mut known: Vec<(u64, u32)> = count.into_iter().filter(|(_, n)| *n >= least).collect();
        known.sort_unstable();
        let all = examples.len() as f32;
        let idf = known.iter().map(|(_, n)| ((1.0 + all) / (1.0 + *n as f32)).ln() + 1.0).collect();
        let index = (0..).zip(&known).map(|(at, (key, _))| (*key, at)).collect();
        Self { index, idf }
    }

    /// How many features there are.
    pub(super) fn len(&self) -> usize {
        self.idf.len()
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.index.capacity() * 17 + self.idf.len() * size_of::<f32>()
    }

    /// The index of a feature.
    pub(super) fn find(&self, feature: &Feature) -> Option<u32> {
        self.index.get(&feature.key).copied()
    }

    /// The vector of a text, of length 1; empty where nothing of it is known.
    pub(super) fn vector(&self, features: &[Feature]) -> Vector {
        self.joined(features, |_| true)
    }

    /// The same of words and concepts alone: a tenth as long, for the likeness to single examples.
    pub(super) fn brief(&self, features: &[Feature]) -> Vector {
        self.joined(features, |group| matches!(group, Group::Words | Group::Concepts))
    }

    #[allow(clippy::cast_precision_loss, reason = "counts within a text")]
    fn joined(&self, features: &[Feature], group: impl Fn(Group) -> bool) -> Vector {
        // Packed as (group, index, weak), so that they are sorted as plain numbers.
        let mut known: Vec<u64> = features
            .iter()
            .filter(|feature| group(feature.group))
            .filter_map(|feature| {
                let index = self.find(feature)?;
                Some((feature.group as u64) << 33 | u64::from(index) << 1 | u64::from(feature.weak))
            })
            .collect();
        known.sort_unstable();
        let mut out: Vector = Vec::with_capacity(known.len());
        for group in known.chunk_by(|a, b| a >> 33 == b >> 33) {
            let start = out.len();
            for same in group.chunk_by(|a, b| a >> 1 == b >> 1) {
                #[allow(clippy::cast_possible_truncation, reason = "packed from 32 bits above")]
                let index = (same[0] >> 1) as u32;
                let weight = (1.0 + (same.len() as f32).ln()) * self.idf[index as usize];
                out.push((index, if same[0] & 1 == 1 { weight * GRAMMAR } else { weight }));
            }
            scale(&mut out[start..], WEIGHTS[(group[0] >> 33) as usize]);
        }
        scale(&mut out, 1.0);
        out
    }
}

/// Brings a vector to a length.
fn scale(vector: &mut [(u32, f32)], length: f32) {
    let norm = vector.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        for (_, value) in vector {
            *value *= length / norm;
        }
    }
}
