//! How far a grouping agrees with labels that people gave.

use std::collections::HashMap;
use std::hash::Hash;

/// Figures of agreement; each is 1 where both are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Share of the messages whose label is the most frequent one of their group. Groups of one have it for nothing.
    pub purity: f64,
    /// Share of the messages whose group is the most frequent one of their label: its counterpart.
    pub inverse: f64,
    /// Normalised mutual information, by the arithmetic mean.
    pub nmi: f64,
    /// The Rand index, adjusted for chance: 0 for a grouping at random. Groups of one are worth nothing here.
    pub ari: f64,
    /// Groups of two messages and more.
    pub groups: usize,
    /// Share of the messages in these.
    pub grouped: f64,
}

/// Compares groups and labels of the same messages, in order.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts of messages")]
pub fn agreement(groups: &[u32], labels: &[&str]) -> Agreement {
    let all = groups.len() as f64;
    let mut both: HashMap<(u32, &str), f64> = HashMap::new();
    for (group, label) in groups.iter().zip(labels) {
        *both.entry((*group, *label)).or_default() += 1.0;
    }
    let (by_group, by_label) = (totals(&both, |key| key.0), totals(&both, |key| key.1));
    // A sum in the order of a hash would differ in the last digit from run to run.
    let sum = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        // An empty sum is −0.
        values.into_iter().sum::<f64>() + 0.0
    };
    let entropy = |counts: Vec<f64>| -sum(counts.into_iter().map(|n| n / all * (n / all).ln()).collect());
    let mutual =
        both.iter().map(|((group, label), n)| n / all * (n * all / (by_group[group].0 * by_label[label].0)).ln());
    let sizes = |of: &[(f64, f64)]| of.iter().map(|of| of.0).collect::<Vec<f64>>();
    let of_groups: Vec<_> = by_group.values().copied().collect();
    let of_labels: Vec<_> = by_label.values().copied().collect();
    let mean = f64::midpoint(entropy(sizes(&of_groups)), entropy(sizes(&of_labels)));
    let pairs = |counts: Vec<f64>| sum(counts.into_iter().map(|n| n * (n - 1.0) / 2.0).collect());
    let together = pairs(both.values().copied().collect());
    let (grouped, labelled) = (pairs(sizes(&of_groups)), pairs(sizes(&of_labels)));
    let expected = grouped * labelled / pairs(vec![all]);
    let most = f64::midpoint(grouped, labelled);
    Agreement {
        purity: sum(of_groups.iter().map(|of| of.1).collect()) / all,
        inverse: sum(of_labels.iter().map(|of| of.1).collect()) / all,
        nmi: if mean == 0.0 { 1.0 } else { sum(mutual.collect()) / mean },
        ari: if (most - expected).abs() < f64::EPSILON { 1.0 } else { (together - expected) / (most - expected) },
        groups: of_groups.iter().filter(|of| of.0 > 1.0).count(),
        grouped: sum(of_groups.iter().map(|of| of.0).filter(|n| *n > 1.0).collect()) / all,
    }
}

/// For each key its messages, and those it shares with the one that it shares most with.
fn totals<'a, K: Eq + Hash>(
    both: &HashMap<(u32, &'a str), f64>,
    key: impl Fn(&(u32, &'a str)) -> K,
) -> HashMap<K, (f64, f64)> {
    let mut out: HashMap<K, (f64, f64)> = HashMap::new();
    for (pair, count) in both {
        let (sum, most) = out.entry(key(pair)).or_default();
        *sum += count;
        *most = most.max(*count);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4
    }

    /// Against figures that scikit-learn's documentation gives.
    #[test]
    fn figures_that_others_have_published() {
        let same = agreement(&[1, 1, 0, 0], &["a", "a", "b", "b"]);
        assert!(near(same.purity, 1.0) && near(same.nmi, 1.0) && near(same.ari, 1.0) && near(same.inverse, 1.0));
        let split = agreement(&[0, 0, 1, 2], &["a", "a", "b", "b"]);
        assert!(near(split.ari, 0.571_428) && near(split.purity, 1.0) && near(split.inverse, 0.75), "{split:?}");
        assert_eq!((split.groups, split.grouped), (1, 0.5));
        let apart = agreement(&[0, 1, 2, 3], &["a", "a", "a", "a"]);
        assert!(near(apart.ari, 0.0) && near(apart.nmi, 0.0), "{apart:?}");
        let cut = agreement(&[0, 0, 1, 1, 2, 2], &["a", "a", "a", "b", "b", "b"]);
        assert!(near(cut.ari, 0.242_424) && near(cut.purity, 5.0 / 6.0), "{cut:?}");
    }
}
