//! Why an entry is near: for each word of the message how much it speaks for the entry, and for it rather than the next.

use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::reading::Mended;
use super::vector::features;
use super::{Likeness, Model, Vague};

/// What one word of the message does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The word or character, as it is read.
    pub word: String,
    /// Where it stands in the folded message, in bytes.
    #[serde(skip)]
    pub span: Range<usize>,
    /// For the entry (above 0) or against it, with all that it is part of.
    pub weight: f32,
    /// The same, for it rather than the next best entry.
    pub against_next: f32,
    /// Whether any example knows it.
    pub known: bool,
}

/// Why an entry is near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The words in order.
    pub words: Vec<Share>,
    /// The entry's example that is most like the message.
    pub example: String,
    /// Slips that were mended, as (written, read).
    pub mended: Vec<(String, String)>,
    /// Whether the message denies something.
    pub denies: bool,
    /// Whether the message says too little to be sure of any entry.
    pub vague: Option<Vague>,
}

impl Likeness {
    /// Tells word by word why an entry is near to a folded message, and nearer than `next`.
    #[must_use]
    pub fn why(&self, folded: &str, entry: u32, next: Option<u32>) -> Why {
        let reading = self.read(folded);
        let all = features(&reading, self.pairs);
        let message = self.vocabulary.vector(&all);
        let value: FxHashMap<u32, f32> = message.iter().copied().collect();
        let brief = self.vocabulary.brief(&all);
        let example = self.nearest_example(&brief, entry);
        let next = next.map(|next| (next, self.nearest_example(&brief, next)));
        let mut words: Vec<Share> = reading
            .tokens
            .iter()
            .map(|token| Share {
                word: token.text.to_owned(),
                span: token.at..token.at,
                weight: 0.0,
                against_next: 0.0,
                known: self.known.tokens.find(token.text).is_some(),
            })
            .collect();
        for (word, token) in words.iter_mut().zip(&reading.tokens) {
            let written = reading.mended.iter().find(|mended| mended.span.start == token.at);
            word.span.end = written.map_or(token.at + token.text.len(), |mended| mended.span.end);
        }
        let mut done: FxHashMap<u32, Vec<(u16, u16)>> = FxHashMap::default();
        for feature in &all {
            if let Some(index) = self.vocabulary.find(feature) {
                done.entry(index).or_default().push(feature.from);
            }
        }
        let mut done: Vec<(u32, Vec<(u16, u16)>)> = done.into_iter().collect();
        done.sort_unstable();
        for (index, from) in done {
            let weight = |entry: u32, example: Option<usize>| match &self.model {
                Model::Linear(linear) => linear.weight(index, entry as usize),
                Model::Nearest(_) => {
                    let cosines = self.entries.get(entry as usize).map(|entry| &entry.cosines);
                    cosines.zip(example).map_or(0.0, |(cosines, at)| cosines.value(at, index))
                }
            };
            let of_entry = value[&index] * weight(entry, example);
            let of_next = next.map_or(0.0, |(next, example)| value[&index] * weight(next, example));
            // A feature that stands several times, or is made of two words, is shared out evenly.
            #[allow(clippy::cast_precision_loss, reason = "places in a message")]
            let part = 1.0 / (from.len() * 2) as f32;
            for (one, other) in from {
                for token in [one, other] {
                    if let Some(word) = words.get_mut(usize::from(token)) {
                        word.weight += of_entry * part;
                        word.against_next += (of_entry - of_next) * part;
                    }
                }
            }
        }
        Why {
            words,
            example: example.map(|at| self.text(entry, at)).unwrap_or_default(),
            mended: reading.mended.iter().map(|Mended { written, read, .. }| (written.clone(), read.clone())).collect(),
            denies: reading.denies,
            vague: self.near_reading(&reading).1,
        }
    }

    /// The entry's example nearest to a message, by its number within the entry; of equal ones the earlier.
    fn nearest_example(&self, message: &[(u32, f32)], entry: u32) -> Option<usize> {
        let mut cosines = Vec::new();
        self.entries.get(entry as usize)?.cosines.of(message, &mut cosines);
        (0..cosines.len()).max_by(|a, b| cosines[*a].total_cmp(&cosines[*b]).then(b.cmp(a)))
    }

    /// An entry's example as its author wrote it.
    fn text(&self, entry: u32, example: usize) -> String {
        let examples = self.entries.get(entry as usize).map(|entry| &entry.examples);
        examples.and_then(|examples| examples.get(example)).map(ToString::to_string).unwrap_or_default()
    }
}
