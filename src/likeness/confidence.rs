//! From measures to a ranking and a confidence: two sums with fixed coefficients.
//!
//! The coefficients were fitted once, on development data of several trades and two languages, by leaving a fifth of the entries
//! out at a time: `make fit` does it again, and `docs/quality.md` tells on what. No shop tunes them.

use std::ops::Range;

use super::measure::Measures;

/// Coefficients for one way to score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coefficients {
    /// For the order among entries.
    rank: [f32; 12],
    /// For the confidence in the first.
    sure: [f32; 12],
    constant: f32,
}

/// For the linear model.
const LINEAR: Coefficients = Coefficients {
    rank: [3.601, -1.979, -0.664, 7.136, 2.097, 2.438, 0.429, 1.482, 0.0, -0.935, -0.641, 0.0],
    sure: [3.102, 0.0, 0.0, 0.0, 0.0, 0.146, 1.395, 0.650, 0.0, -0.422, -0.888, 0.400],
    constant: -0.995,
};

/// Confidence for shops of few entries, which know few words: what a message shares with the entry says more there. The order
/// is the same.
const FEW_ENTRIES: Coefficients = Coefficients {
    rank: LINEAR.rank,
    sure: [2.588, 0.0, 0.0, 0.0, 3.815, 0.0, 0.0, 1.800, 0.0, -0.678, -0.523, 0.0],
    constant: -3.035,
};
/// Entries up to which these hold, and from which those of the linear model; between them, a mixture.
const FEW_TO_MANY: Range<usize> = 8..20;

/// For the nearest example alone, where entries are too many for the linear model.
pub(super) const NEAREST: Coefficients = Coefficients {
    rank: [0.819, -0.507, 5.179, 8.797, 0.733, 6.722, 2.523, 2.832, 0.0, -1.359, -0.936, 0.0],
    sure: [1.535, 0.0, 0.0, 0.0, 0.0, 2.237, 3.015, 1.610, 0.0, -0.383, -1.210, 1.304],
    constant: -6.485,
};

impl Coefficients {
    /// For the linear model over so many entries.
    #[allow(clippy::cast_precision_loss, reason = "entries, below the range's end")]
    pub(super) fn linear(entries: usize) -> Self {
        let Range { start, end } = FEW_TO_MANY;
        let many = entries.clamp(start, end).saturating_sub(start) as f32 / (end - start) as f32;
        let mix = |few: f32, much: f32| few + (much - few) * many;
        let sure = std::array::from_fn(|at| mix(FEW_ENTRIES.sure[at], LINEAR.sure[at]));
        Self { rank: LINEAR.rank, sure, constant: mix(FEW_ENTRIES.constant, LINEAR.constant) }
    }

    /// What entries are ordered by.
    pub(super) fn rank(&self, measures: &Measures) -> f32 {
        sum(&self.rank, measures)
    }

    /// How sure it is that the entry is what the customer asks about, from 0 to 1.
    pub(super) fn confidence(&self, measures: &Measures) -> f32 {
        1.0 / (1.0 + (-(sum(&self.sure, measures) + self.constant)).exp())
    }
}

fn sum(coefficients: &[f32; 12], measures: &Measures) -> f32 {
    coefficients.iter().zip(measures.values()).map(|(c, value)| c * value).sum()
}
