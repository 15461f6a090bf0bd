//! Shares and how far they can be trusted.

use serde::{Deserialize, Serialize};

/// The normal deviate of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A part of a whole, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many of them.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
}

impl std::ops::Add for Share {
    type Output = Self;

    /// Of both.
    fn add(self, other: Self) -> Self {
        Self { part: self.part + other.part, whole: self.whole + other.whole }
    }
}

impl Share {
    /// Counts one more, in the part or not.
    pub fn count(&mut self, in_part: bool) {
        self.whole += 1;
        self.part += u64::from(in_part);
    }

    /// From 0 to 1; none of nothing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.whole > 0).then(|| float(self.part) / float(self.whole))
    }

    /// The 95 % interval of a share by Wilson's score method: E. B. Wilson, "Probable inference, the law of succession, and
    /// statistical inference", Journal of the American Statistical Association 22 (1927), 209–212. Without continuity correction.
    /// None of nothing.
    #[must_use]
    pub fn interval(self) -> Option<(f64, f64)> {
        let (share, whole) = (self.value()?, float(self.whole));
        let centre = share + Z * Z / (2.0 * whole);
        let spread = Z * (share * (1.0 - share) / whole + Z * Z / (4.0 * whole * whole)).sqrt();
        let scale = 1.0 + Z * Z / whole;
        Some((((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)))
    }

    /// How much larger this share is than another, with the 95 % interval of that difference by Newcombe's hybrid score method:
    /// R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
    /// Statistics in Medicine 17 (1998), 873–890, method 10. None where one of them is of nothing.
    #[must_use]
    pub fn difference(self, other: Self) -> Option<Difference> {
        let (mine, theirs) = (self.value()?, other.value()?);
        let ((low, high), (their_low, their_high)) = (self.interval()?, other.interval()?);
        let difference = mine - theirs;
        let below = ((mine - low).powi(2) + (their_high - theirs).powi(2)).sqrt();
        let above = ((high - mine).powi(2) + (theirs - their_low).powi(2)).sqrt();
        Some(Difference { value: difference, low: difference - below, high: difference + above })
    }
}

/// A difference of two shares with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// From -1 to 1.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Difference {
    /// Whether the interval leaves out "no difference".
    #[must_use]
    pub fn is_clear(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// A count as a number to reckon with; exact up to 2⁵³, which no count here comes near.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 0.000_1, "{value} is not {expected}");
    }

    #[test]
    fn the_intervals_are_those_of_the_published_examples() {
        // Newcombe's table II of the same year (Statistics in Medicine 17, 857–872), Wilson's method: 81 of 263, 15 of 148,
        // 0 of 20, 1 of 29.
        for (part, whole, low, high) in
            [(81, 263, 0.255_3, 0.366_2), (15, 148, 0.062_4, 0.160_5), (0, 20, 0.0, 0.161_1), (1, 29, 0.006_1, 0.171_8)]
        {
            let (found_low, found_high) = Share { part, whole }.interval().unwrap();
            near(found_low, low);
            near(found_high, high);
        }
        // Method 10 of the paper named above: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10.
        for ((part, whole), (other, of), low, high) in [
            ((56, 70), (48, 80), 0.052_4, 0.333_9),
            ((9, 10), (3, 10), 0.170_5, 0.809_0),
            ((10, 10), (0, 10), 0.607_5, 1.0),
        ] {
            let found = Share { part, whole }.difference(Share { part: other, whole: of }).unwrap();
            near(found.low, low);
            near(found.high, high);
            assert!(found.is_clear());
        }
        assert_eq!(Share::default().interval(), None);
        assert_eq!(Share { part: 1, whole: 2 }.difference(Share::default()), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share_and_stays_within_zero_and_one(part in 0_u64..2_000, more in 0_u64..2_000) {
            let share = Share { part, whole: part + more };
            if let (Some(value), Some((low, high))) = (share.value(), share.interval()) {
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
                prop_assert!(low <= value + 1e-12 && value <= high + 1e-12, "{low} {value} {high}");
                let same = share.difference(share).unwrap();
                prop_assert!(same.value == 0.0 && !same.is_clear());
            }
        }
    }
}
