//! From measures to a ranking and a confidence: two sums with fixed coefficients.
//!
//! The coefficients were fitted once, on development data of several trades and two languages, by leaving a fifth of the entries
//! out at a time (`docs/quality.md` tells how to do it again). No shop tunes them.

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
pub(super) const LINEAR: Coefficients = Coefficients {
    rank: [3.622, -1.955, -0.744, 7.27, 2.159, 2.326, 0.578, 1.583, 0.0, -0.924, -0.595, 0.0],
    sure: [3.087, 0.0, 0.0, 0.0, 0.0, 0.162, 1.431, 0.695, 0.0, -0.413, -0.894, 0.369],
    constant: -0.967,
};

/// For the nearest example alone, where entries are too many for the linear model.
pub(super) const NEAREST: Coefficients = LINEAR;

impl Coefficients {
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
