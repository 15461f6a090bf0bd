//! Cosines of a message to each example of one entry, by an index of the entry's features: what the message lacks costs nothing.

use super::vector::Vector;

/// The examples of one entry by feature. Examples are numbered from 0 within the entry.
#[derive(Debug, Default)]
pub(super) struct Cosines {
    /// Features that any of them has, ascending.
    features: Box<[u32]>,
    /// Where the postings of each feature end.
    ends: Box<[u32]>,
    /// Which example has the feature, and how much of it.
    postings: Box<[(u32, f32)]>,
    examples: usize,
}

impl Cosines {
    /// Of vectors of length 1.
    pub(super) fn new(examples: &[&Vector]) -> Self {
        let mut all: Vec<(u32, u32, f32)> = (0_u32..)
            .zip(examples)
            .flat_map(|(at, vector)| vector.iter().map(move |&(feature, value)| (feature, at, value)))
            .collect();
        all.sort_unstable_by_key(|&(feature, at, _)| (feature, at));
        let mut out = Self { examples: examples.len(), ..Self::default() };
        let (mut features, mut ends) = (Vec::new(), Vec::new());
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            features.push(same[0].0);
            let before = ends.last().copied().unwrap_or(0);
            ends.push(before + u32::try_from(same.len()).unwrap_or(u32::MAX));
        }
        out.features = features.into();
        out.ends = ends.into();
        out.postings = all.into_iter().map(|(_, at, value)| (at, value)).collect();
        out
    }

    /// The cosine of a message, a vector of length 1, to each example in order, put into `out` alone.
    pub(super) fn of(&self, message: &[(u32, f32)], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.examples, 0.0);
        for &(feature, value) in message {
            for &(at, weight) in self.having(feature) {
                out[at as usize] += value * weight;
            }
        }
    }

    /// How much of a feature an example has.
    pub(super) fn value(&self, example: usize, feature: u32) -> f32 {
        self.having(feature).iter().find(|(at, _)| *at as usize == example).map_or(0.0, |(_, value)| *value)
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.features.len() * 8 + self.postings.len() * 8
    }

    fn having(&self, feature: u32) -> &[(u32, f32)] {
        let Ok(at) = self.features.binary_search(&feature) else { return &[] };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.postings[start..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_vectors() {
        let one: Vector = vec![(7, 0.6), (2, 0.8)];
        let two: Vector = vec![(2, 1.0)];
        let cosines = Cosines::new(&[&one, &two]);
        let mut out = vec![1.0];
        cosines.of(&[(2, 0.5), (9, 0.5), (7, 0.1)], &mut out);
        assert_eq!(out, [0.8 * 0.5 + 0.6 * 0.1, 0.5]);
        cosines.of(&[], &mut out);
        assert_eq!(out, [0.0, 0.0]);
        assert!((cosines.value(0, 7) - 0.6).abs() < 1e-6 && cosines.value(1, 7) == 0.0);
    }
}
