//! What speaks for an entry and against it: a few numbers for each of the best, from which the confidence is made.

use rustc_hash::FxHashMap;

use super::cosine::Cosines;
use super::reading::{Reading, Unit};
use super::spelling::Spelling;

/// Shortest word, in bytes, that stands near others by its letters.
const NAMED: usize = 3;
/// Examples of an entry, the nearest, that are compared word by word.
const COMPARED: usize = 6;
/// Trust in a word that was mended.
const MENDED: f32 = 0.8;

/// What speaks for one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Score of the linear model; without one, the likeness to the nearest example.
    pub score: f32,
    /// Cosine to the nearest example.
    pub nearest: f32,
    /// Mean cosine to the three nearest.
    pub three: f32,
    /// Mean cosine to all.
    pub all: f32,
    /// Share of the message's meaning that some example of the entry has.
    pub covered: f32,
    /// Share of the message's tokens, by their rarity, that some example of the entry has.
    pub tokens: f32,
    /// Share of the message's meaning that the most alike example has.
    pub message_in_example: f32,
    /// Share of that example's meaning that the message has.
    pub example_in_message: f32,
    /// Meaning of the message, in words, that no example of the entry has; ln(1 + it).
    pub foreign: f32,
    /// 1 if the message denies and the entry's examples do not.
    pub denied: f32,
    /// Share of the entry's examples that deny, if the message does not.
    pub undenied: f32,
    /// Words of meaning in the message; ln(1 + it).
    pub length: f32,
}

impl Measures {
    /// Names of the values, in order.
    pub const NAMES: [&str; 12] = [
        "score",
        "nearest",
        "three",
        "all",
        "covered",
        "tokens",
        "message_in_example",
        "example_in_message",
        "foreign",
        "denied",
        "undenied",
        "length",
    ];

    /// The values in order.
    #[must_use]
    pub fn values(&self) -> [f32; 12] {
        [
            self.score,
            self.nearest,
            self.three,
            self.all,
            self.covered,
            self.tokens,
            self.message_in_example,
            self.example_in_message,
            self.foreign,
            self.denied,
            self.undenied,
            self.length,
        ]
    }
}

/// What is known of an entry.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Its examples as their author wrote them.
    pub examples: Vec<Box<str>>,
    /// How near each of them is to a message.
    pub cosines: Cosines,
    /// What each of them says.
    pub meanings: Meanings,
    /// Units of any of them, ascending.
    pub units: Vec<u32>,
    /// Tokens of any of them, ascending.
    pub tokens: Vec<u32>,
    /// Share of them that denies.
    pub denying: f32,
    /// Share of them that says that something is not wanted.
    pub declining: f32,
}

/// The units of an entry's examples with their weights, one after the other: they are read together.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    units: Vec<(u32, f32)>,
    /// Where those of each example end.
    ends: Vec<u32>,
}

impl Meanings {
    /// Adds the next example.
    pub(super) fn push(&mut self, units: &[(u32, f32)]) {
        self.units.extend_from_slice(units);
        self.ends.push(u32::try_from(self.units.len()).unwrap_or(u32::MAX));
    }

    fn of(&self, example: usize) -> &[(u32, f32)] {
        let start = example.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.units[start..self.ends[example] as usize]
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.units.capacity() * 8 + self.ends.capacity() * 4
    }
}

/// Numbers for words, in the order in which they were first met.
#[derive(Debug, Default)]
pub(super) struct Names {
    index: FxHashMap<Box<str>, u32>,
}

impl Names {
    pub(super) fn take(&mut self, text: &str) -> u32 {
        if let Some(id) = self.index.get(text) {
            return *id;
        }
        let id = u32::try_from(self.index.len()).unwrap_or(u32::MAX);
        self.index.insert(text.into(), id);
        id
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.index.get(text).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

/// What the examples together know.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub units: Names,
    pub tokens: Names,
    /// Rarity by token.
    pub idf: Vec<f32>,
    /// The greatest of them.
    pub rarest: f32,
    pub spelling: Spelling,
    /// By unit, the others near it by their letters.
    pub alike: Vec<Box<[(u32, f32)]>>,
}

/// Room that is used for one entry after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    best: Vec<f32>,
    cosines: Vec<f32>,
    dots: Vec<(f32, usize)>,
}

/// The message's side, made once for all entries.
pub(super) struct Subject {
    /// The weight of each unit.
    units: Vec<f32>,
    /// Known units, with the units of the message that stand near them and how near.
    near: FxHashMap<u32, Vec<(usize, f32)>>,
    weight: f32,
    /// Known tokens with their rarity, each once.
    tokens: Vec<(u32, f32)>,
    token_weight: f32,
    denies: bool,
    length: f32,
}

impl Subject {
    #[allow(clippy::cast_precision_loss, reason = "counts of words")]
    pub(super) fn new(reading: &Reading<'_>, known: &Known) -> Self {
        let Known { units: names, tokens, idf, rarest, spelling, alike: near_by } = known;
        let units: Vec<f32> = reading.units.iter().map(|unit| unit.weight).collect();
        let mut near: FxHashMap<u32, Vec<(usize, f32)>> = FxHashMap::default();
        for (at, unit) in reading.units.iter().enumerate() {
            for (known, how) in alike(unit, reading, names, spelling, near_by) {
                near.entry(known).or_default().push((at, how));
            }
        }
        let mut known: Vec<(u32, f32)> = Vec::new();
        let mut token_weight = 0.0;
        let mut unknown: Vec<&str> = Vec::new();
        for token in &reading.tokens {
            match tokens.find(token.text) {
                Some(id) if known.iter().all(|(seen, _)| *seen != id) => {
                    let weight = idf.get(id as usize).copied().unwrap_or(1.0);
                    known.push((id, weight));
                    token_weight += weight;
                }
                None if !unknown.contains(&token.text) => {
                    unknown.push(token.text);
                    token_weight += rarest.max(1.0);
                }
                _ => {}
            }
        }
        let meaning = reading.units.iter().filter(|unit| !unit.weak).count() as f32;
        Self {
            weight: units.iter().sum::<f32>().max(1e-6),
            units,
            near,
            tokens: known,
            token_weight: token_weight.max(1e-6),
            denies: reading.denies,
            length: meaning.ln_1p(),
        }
    }

    /// Measures one entry. `message` is the message's vector of words and concepts.
    #[allow(clippy::cast_precision_loss, reason = "counts of examples")]
    pub(super) fn measure(
        &self,
        score: f32,
        entry: &Entry,
        message: &[(u32, f32)],
        Scratch { best: scratch, cosines, dots }: &mut Scratch,
    ) -> Measures {
        scratch.resize(self.units.len(), 0.0);
        entry.cosines.of(message, cosines);
        let sum: f32 = cosines.iter().sum();
        nearest(cosines, dots);
        let mut alike = (0.0_f32, 0.0_f32, 0.0_f32);
        for (_, at) in &*dots {
            let (there, here) = self.shared(entry.meanings.of(*at), scratch);
            let both = if there + here > 0.0 { 2.0 * there * here / (there + here) } else { 0.0 };
            if both > alike.0 {
                alike = (both, there, here);
            }
        }
        let count = entry.examples.len().max(1);
        scratch.fill(0.0);
        for (unit, near) in &self.near {
            if entry.units.binary_search(unit).is_ok() {
                for &(at, how) in near {
                    scratch[at] = scratch[at].max(how);
                }
            }
        }
        let covered: f32 = self.units.iter().zip(&*scratch).map(|(weight, how)| weight * how).sum();
        let tokens: f32 =
            self.tokens.iter().filter(|(token, _)| entry.tokens.binary_search(token).is_ok()).map(|(_, w)| w).sum();
        Measures {
            score,
            nearest: dots.first().map_or(0.0, |(dot, _)| *dot),
            three: dots.iter().take(3).map(|(dot, _)| dot).sum::<f32>() / count.min(3) as f32,
            all: sum / count as f32,
            covered: covered / self.weight,
            tokens: tokens / self.token_weight,
            message_in_example: alike.1,
            example_in_message: alike.2,
            foreign: (self.weight - covered).max(0.0).ln_1p(),
            denied: if self.denies { (1.0 - 2.0 * entry.denying).max(0.0) } else { 0.0 },
            undenied: if self.denies { 0.0 } else { entry.denying },
            length: self.length,
        }
    }

    /// Share of the message's meaning that an example has, and of the example's that the message has. `best` is scratch.
    fn shared(&self, example: &[(u32, f32)], best: &mut [f32]) -> (f32, f32) {
        best.fill(0.0);
        let (mut here, mut total) = (0.0, 0.0);
        for (unit, weight) in example {
            total += weight;
            let Some(near) = self.near.get(unit) else { continue };
            let mut alike = 0.0_f32;
            for &(at, how) in near {
                alike = alike.max(how);
                best[at] = best[at].max(how);
            }
            here += weight * alike;
        }
        let there: f32 = self.units.iter().zip(best).map(|(weight, how)| weight * *how).sum();
        (there / self.weight, if total > 0.0 { here / total } else { 0.0 })
    }
}

/// The nearest examples, the nearest first, at most [`COMPARED`]; of equal ones the earlier.
fn nearest(cosines: &[f32], out: &mut Vec<(f32, usize)>) {
    out.clear();
    for (at, &cosine) in cosines.iter().enumerate() {
        if out.len() == COMPARED && out.last().is_some_and(|last| cosine <= last.0) {
            continue;
        }
        out.insert(out.partition_point(|better| better.0 >= cosine), (cosine, at));
        out.truncate(COMPARED);
    }
}

/// Known units that a unit of the message stands near: itself, and for Latin words those of similar letters.
fn alike(
    unit: &Unit<'_>,
    reading: &Reading<'_>,
    names: &Names,
    spelling: &Spelling,
    near: &[Box<[(u32, f32)]>],
) -> Vec<(u32, f32)> {
    let tokens = reading.tokens.get(unit.tokens.clone()).unwrap_or_default();
    let slip = reading.mended.iter().any(|mended| tokens.iter().any(|token| token.at == mended.span.start));
    let trust = if slip { MENDED } else { 1.0 };
    let itself = names.find(&unit.text);
    let mut out: Vec<(u32, f32)> = itself.map(|id| (id, trust)).into_iter().collect();
    if unit.word && unit.text.len() >= NAMED {
        if let Some(near) = itself.and_then(|id| near.get(id as usize)) {
            out.extend(near.iter().map(|(id, how)| (*id, how * trust)));
        } else {
            let words = spelling.near(&unit.text);
            out.extend(words.into_iter().filter_map(|(word, how)| Some((names.find(word)?, how * trust))));
        }
    }
    out
}

/// The units near each known unit, itself left out.
pub(super) fn neighbours(units: &Names, words: &[(u32, Box<str>)], spelling: &Spelling) -> Vec<Box<[(u32, f32)]>> {
    let mut out: Vec<Box<[(u32, f32)]>> = vec![Box::default(); units.len()];
    for (unit, word) in words.iter().filter(|(_, word)| word.len() >= NAMED) {
        let near = spelling.near(word).into_iter().filter_map(|(other, how)| Some((units.find(other)?, how)));
        out[*unit as usize] = near.filter(|(other, _)| other != unit).collect();
    }
    out
}
