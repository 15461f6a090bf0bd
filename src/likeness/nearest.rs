//! The nearest examples by an inverted index: for entries by the thousand, where a linear model would take too much memory.

use super::vector::Vector;

/// Features that are looked up; the heaviest of the message.
const LOOKED_UP: usize = 48;
/// Features that more examples have than this tell little and cost much, unless nothing else is left.
const COMMON: usize = 4096;

/// Examples by feature.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    postings: Vec<Vec<(u32, f32)>>,
    examples: usize,
}

impl Nearest {
    pub(super) fn new(vectors: &[Vector], features: usize) -> Self {
        let mut postings = vec![Vec::new(); features];
        for (example, vector) in (0_u32..).zip(vectors) {
            for (feature, value) in vector {
                postings[*feature as usize].push((example, *value));
            }
        }
        Self { postings, examples: vectors.len() }
    }

    /// For each entry the cosine to its nearest example, by the features looked up, into `out`.
    pub(super) fn scores(&self, message: &Vector, entry: &[u32], labels: usize, out: &mut Vec<f32>) {
        let mut features: Vec<&(u32, f32)> = message.iter().collect();
        features.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let rare = |(feature, _): &&(u32, f32)| self.postings[*feature as usize].len() <= COMMON;
        let (rare, common): (Vec<_>, Vec<_>) = features.into_iter().partition(rare);
        let chosen = if rare.is_empty() { common } else { rare };
        let mut sums = vec![0.0_f32; self.examples];
        let mut touched: Vec<u32> = Vec::new();
        for &(feature, value) in chosen.into_iter().take(LOOKED_UP) {
            for (example, weight) in &self.postings[feature as usize] {
                let sum = &mut sums[*example as usize];
                if *sum == 0.0 {
                    touched.push(*example);
                }
                *sum += value * weight;
            }
        }
        out.clear();
        out.resize(labels, 0.0);
        for example in touched {
            let best = &mut out[entry[example as usize] as usize];
            *best = best.max(sums[example as usize]);
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.postings.iter().map(|list| list.capacity() * 8 + 24).sum()
    }
}
