//! Likeness: which entry a message asks about, learned from the examples in the files.
//!
//! Built at load from nothing but the examples: no model file, no network, the same result every time. A linear classifier over
//! words, letters, pairs and synonyms finds the best few entries; measures of what the message and the entry share, and of what
//! speaks against it, order them and make the confidence. Every number can be explained word by word. Knows texts, examples
//! and entries by number; refuses to know rules, customers and what is answered.
//!
//! `docs/quality.md` tells what was measured.

mod confidence;
mod cosine;
mod explain;
mod field;
mod measure;
mod nearest;
mod reading;
mod spelling;
mod synonyms;
mod tokens;
mod vague;
mod vector;
mod words;

use rustc_hash::FxHashMap;

pub use explain::{Share, Why};
pub use field::{Field, names};
pub use measure::Measures;
pub use reading::Mended;
pub use synonyms::Synonyms;
pub use vague::Vague;

use confidence::Coefficients;
use cosine::Cosines;
use measure::{Entry, Known, Scratch, Subject, neighbours};
use nearest::Nearest;
use nightdesk_svm::{self as svm, Linear};
use reading::Reading;
use spelling::Spelling;
use vector::{Feature, Vector, Vocabulary, features};

/// Entries that are measured and ordered.
pub const MEASURED: usize = 4;
/// Examples above which features that only one of them has are left out.
const MANY: usize = 2000;
/// Entries times examples above which the nearest example decides in place of the linear model, which would take too long.
const MOST_WORK: usize = 20_000_000;

/// Share of an entry's examples that has to say what is not wanted, for such a message to be about it.
const SOME: f32 = 0.1;
/// What is left of the confidence otherwise: too little to answer, enough to offer the title.
const DECLINED: f32 = 0.5;

/// Entries below which the linear model has too little to tell them apart by.
const FEW: usize = 4;

/// One example of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The entry, numbered from 0.
    pub entry: u32,
    /// Its sentence as the author wrote it.
    pub text: String,
    /// The same, folded and squeezed.
    pub folded: String,
}

/// How entries are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The linear model over all features.
    Full,
    /// The linear model without pairs, to keep within the memory.
    WithoutPairs,
    /// The linear model over the features that more examples have, to keep within the memory.
    Frequent,
    /// The nearest example.
    Nearest,
}

#[derive(Debug)]
enum Model {
    Linear(Linear),
    Nearest(Nearest),
}

/// All examples, learned.
#[derive(Debug)]
pub struct Likeness {
    synonyms: Synonyms,
    vocabulary: Vocabulary,
    model: Model,
    method: Method,
    coefficients: Coefficients,
    pairs: bool,
    entries: Vec<Entry>,
    entry_of: Vec<u32>,
    known: Known,
}

/// An entry near a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Its number.
    pub entry: u32,
    /// How sure it is that the message asks about it, from 0 to 1.
    pub confidence: f32,
    /// What that is made from.
    pub measures: Measures,
}

impl Likeness {
    /// Learns from examples of `entries` entries, within about `memory` bytes for the model.
    #[must_use]
    pub fn new(synonyms: Synonyms, samples: &[Sample], entries: usize, memory: usize) -> Self {
        let plain: Vec<Vec<tokens::Token<'_>>> = samples.iter().map(|sample| tokens::tokens(&sample.folded)).collect();
        let spelling = Spelling::new(plain.iter().map(Vec::as_slice));
        drop(plain);
        let readings: Vec<Reading<'_>> =
            samples.iter().map(|sample| Reading::new(&sample.folded, &synonyms, None)).collect();
        let entry_of: Vec<u32> = samples.iter().map(|sample| sample.entry).collect();
        let (method, vocabulary, all) = learnable(&readings, entries, memory);
        let vectors: Vec<Vector> = all.iter().map(|features| vocabulary.vector(features)).collect();
        let briefs: Vec<Vector> = all.iter().map(|features| vocabulary.brief(features)).collect();
        drop(all);
        let model = match method {
            Method::Nearest => Model::Nearest(Nearest::new(&vectors, vocabulary.len())),
            _ => Model::Linear(svm::train(&vectors, &entry_of, entries, vocabulary.len())),
        };
        let mut out = Self {
            vocabulary,
            model,
            method,
            coefficients: match method {
                Method::Nearest => confidence::NEAREST,
                _ => Coefficients::linear(entries),
            },
            pairs: method == Method::Full,
            entries: (0..entries).map(|_| Entry::default()).collect(),
            entry_of,
            known: Known { spelling, ..Known::default() },
            synonyms: Synonyms::none(),
        };
        drop(vectors);
        out.remember(samples, &readings, &briefs);
        drop(readings);
        out.synonyms = synonyms;
        out
    }

    /// Keeps of the examples what messages are measured against.
    #[allow(clippy::cast_precision_loss, reason = "counts of examples")]
    fn remember(&mut self, samples: &[Sample], readings: &[Reading<'_>], vectors: &[Vector]) {
        let mut count: Vec<u32> = Vec::new();
        let mut words: FxHashMap<u32, Box<str>> = FxHashMap::default();
        let mut own: Vec<Vec<&Vector>> = vec![Vec::new(); self.entries.len()];
        for ((sample, reading), vector) in samples.iter().zip(readings).zip(vectors) {
            let mut units: Vec<(u32, f32)> = Vec::with_capacity(reading.units.len());
            for unit in &reading.units {
                let id = self.known.units.take(&unit.text);
                if unit.word {
                    words.entry(id).or_insert_with(|| unit.text.as_ref().into());
                }
                units.push((id, unit.weight));
            }
            units.sort_unstable_by_key(|unit| unit.0);
            let mut tokens: Vec<u32> = reading.tokens.iter().map(|token| self.known.tokens.take(token.text)).collect();
            tokens.sort_unstable();
            tokens.dedup();
            count.resize(self.known.tokens.len(), 0);
            for token in &tokens {
                count[*token as usize] += 1;
            }
            if let Some(entry) = self.entries.get_mut(sample.entry as usize) {
                entry.examples.push(sample.text.as_str().into());
                entry.meanings.push(&units);
                own[sample.entry as usize].push(vector);
                entry.units.extend(units.iter().map(|unit| unit.0));
                entry.tokens.extend(&tokens);
                entry.denying += f32::from(u8::from(reading.denies));
                entry.declining += f32::from(u8::from(reading.declines));
            }
        }
        for (entry, own) in self.entries.iter_mut().zip(&own) {
            for list in [&mut entry.units, &mut entry.tokens] {
                list.sort_unstable();
                list.dedup();
                list.shrink_to_fit();
            }
            entry.cosines = Cosines::new(own);
            let count = entry.examples.len().max(1) as f32;
            entry.denying /= count;
            entry.declining /= count;
        }
        let mut words: Vec<(u32, Box<str>)> = words.into_iter().collect();
        words.sort_unstable();
        self.known.alike = neighbours(&self.known.units, &words, &self.known.spelling);
        let all = samples.len() as f32;
        self.known.rarest = count.iter().min().map_or(1.0, |least| rarity(all, *least));
        self.known.idf = count.iter().map(|n| rarity(all, *n)).collect();
    }

    /// The entries nearest to a folded message, the nearest first; at most [`MEASURED`]. Empty where nothing of it is known.
    #[must_use]
    pub fn near(&self, folded: &str) -> Vec<Near> {
        let reading = self.read(folded);
        self.near_reading(&reading).0
    }

    /// The same for a text that was read, and whether it says too little to be sure of any.
    fn near_reading(&self, reading: &Reading<'_>) -> (Vec<Near>, Option<Vague>) {
        let features = features(reading, self.pairs);
        let message = self.vocabulary.vector(&features);
        if message.is_empty() {
            return (Vec::new(), None);
        }
        let mut scores = Vec::new();
        match &self.model {
            Model::Linear(linear) => linear.scores(&message, &mut scores),
            Model::Nearest(nearest) => nearest.scores(&message, &self.entry_of, self.entries.len(), &mut scores),
        }
        let subject = Subject::new(reading, &self.known);
        let coefficients = &self.coefficients;
        let brief = self.vocabulary.brief(&features);
        let mut scratch = Scratch::default();
        let mut near: Vec<(f32, Near)> = best(&scores)
            .into_iter()
            .map(|entry| {
                let score = scores[entry as usize];
                let mut measures = subject.measure(score, &self.entries[entry as usize], &brief, &mut scratch);
                // With hardly anything to tell it from, a model says yes to all: the nearest example says more.
                if self.entries.len() < FEW {
                    measures.score = 2.0 * measures.nearest - 1.0;
                }
                let confidence = coefficients.confidence(&measures) * self.wanted(reading, entry);
                (coefficients.rank(&measures), Near { entry, confidence, measures })
            })
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.entry.cmp(&b.1.entry)));
        let mut near: Vec<Near> = near.into_iter().map(|(_, near)| near).collect();
        let vague = vague::vague(reading, &near);
        if vague.is_some() {
            for near in &mut near {
                near.confidence *= vague::VAGUE;
            }
        }
        (near, vague)
    }

    /// Who says what they do not want asks nothing of an entry about how to get it: 我不想退货了 is not 怎么退货.
    fn wanted(&self, reading: &Reading<'_>, entry: u32) -> f32 {
        let declining = self.entries.get(entry as usize).map_or(0.0, |entry| entry.declining);
        if reading.declines && declining < SOME { DECLINED } else { 1.0 }
    }

    fn read<'t>(&'t self, folded: &'t str) -> Reading<'t> {
        Reading::new(folded, &self.synonyms, Some(&self.known.spelling))
    }

    /// What a folded text asks, without what is said around it: two texts with the same can hardly be told apart. Empty where
    /// nothing is left.
    #[must_use]
    pub fn essence(&self, folded: &str) -> String {
        let reading = Reading::new(folded, &self.synonyms, None);
        let named = |at: usize| reading.concepts.iter().find(|concept| concept.tokens.contains(&at));
        let mut parts: Vec<String> = reading
            .tokens
            .iter()
            .enumerate()
            .filter_map(|(at, token)| match named(at) {
                Some(concept) => Some(format!("={}", concept.group)),
                None => (!words::is_filler(token)).then(|| token.text.to_owned()),
            })
            .collect();
        parts.sort_unstable();
        parts.dedup();
        if reading.denies && !parts.is_empty() {
            parts.push("!".to_owned());
        }
        parts.join(" ")
    }

    /// Folded texts beside each other, to group them; the synonyms are those of the examples, and nothing else is.
    #[must_use]
    pub fn field(&self, folded: &[&str]) -> Field {
        Field::new(folded, &self.synonyms)
    }

    /// How entries are scored.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Bytes that the model takes, about: weights or index, and the features' names.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let model = match &self.model {
            Model::Linear(linear) => linear.bytes(),
            Model::Nearest(nearest) => nearest.bytes(),
        };
        let entries: usize = self.entries.iter().map(|entry| entry.cosines.bytes() + entry.meanings.bytes()).sum();
        model + self.vocabulary.bytes() + entries
    }

    /// How many examples there are.
    #[must_use]
    pub fn examples(&self) -> usize {
        self.entry_of.len()
    }

    /// How many features the examples have.
    #[must_use]
    pub fn features(&self) -> usize {
        self.vocabulary.len()
    }
}

/// How telling a token is that so many of all examples have (the usual smoothed idf).
#[allow(clippy::cast_precision_loss, reason = "counts of examples")]
fn rarity(all: f32, having: u32) -> f32 {
    ((1.0 + all) / (1.0 + having as f32)).ln() + 1.0
}

/// The richest method that keeps within the memory, with the vocabulary that it takes and the features of each example.
fn learnable(readings: &[Reading<'_>], entries: usize, memory: usize) -> (Method, Vocabulary, Vec<Vec<Feature>>) {
    let least = if readings.len() > MANY { 2 } else { 1 };
    let learn = |pairs: bool, least: u32| {
        let all: Vec<Vec<Feature>> = readings.iter().map(|reading| features(reading, pairs)).collect();
        let vocabulary = Vocabulary::new(&all, least);
        (all, vocabulary)
    };
    if entries.saturating_mul(readings.len()) <= MOST_WORK {
        let steps = [(Method::Full, least), (Method::WithoutPairs, least), (Method::Frequent, 4)];
        for (method, least) in steps {
            let (all, vocabulary) = learn(method == Method::Full, least);
            if svm::bytes(entries, vocabulary.len()) <= memory {
                return (method, vocabulary, all);
            }
        }
    }
    let (all, vocabulary) = learn(false, least);
    (Method::Nearest, vocabulary, all)
}

/// The entries with the highest scores, at most [`MEASURED`], the highest first; of equal ones the earlier.
fn best(scores: &[f32]) -> Vec<u32> {
    let mut out: Vec<u32> = Vec::with_capacity(MEASURED + 1);
    let score = |entry: &u32| scores[*entry as usize];
    for (entry, of_entry) in (0_u32..).zip(scores) {
        if out.len() == MEASURED && out.last().is_some_and(|last| *of_entry <= score(last)) {
            continue;
        }
        out.insert(out.partition_point(|better| score(better) >= *of_entry), entry);
        out.truncate(MEASURED);
    }
    out
}
