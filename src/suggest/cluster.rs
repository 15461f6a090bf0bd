//! Groups by average likeness: the two that are most alike are joined, again and again, as long as what is joined is about as much
//! alike as it was within.
//!
//! The likeness of two groups is the mean cosine over all pairs of their texts, which is the product of their summed vectors. Only
//! pairs that an index finds near are looked at, so the work grows with the texts and not with their square.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use crate::likeness::Field;

/// Nearest texts of each that are looked at.
const NEIGHBOURS: usize = 15;
/// Two groups below this mean cosine are never joined.
const LEAST: f32 = 0.14;
/// Share of the likeness within the looser of two groups that they must have with each other.
const SHARE: f32 = 0.4;
/// Nearest texts that tell how much alike the texts around one are.
const AROUND: usize = 5;
/// Cosine from which one pass takes two texts together.
const ONE_PASS: f32 = 0.2;

/// The group of each text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clusters {
    of: Vec<u32>,
}

/// Two groups that may be joined.
#[derive(PartialEq)]
struct Pair {
    cosine: f32,
    one: u32,
    other: u32,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, than: &Self) -> Ordering {
        // Of equal ones the earlier.
        self.cosine.total_cmp(&than.cosine).then_with(|| (than.one, than.other).cmp(&(self.one, self.other)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, than: &Self) -> Option<Ordering> {
        Some(self.cmp(than))
    }
}

/// A group while groups are joined.
struct Open {
    sum: Vec<(u32, f32)>,
    size: f32,
    /// How much alike its texts are.
    within: f32,
    neighbours: Vec<u32>,
}

impl Clusters {
    /// Each text by itself.
    pub(super) fn apart(texts: usize) -> Self {
        Self { of: (0_u32..).take(texts).collect() }
    }

    /// One pass: each text joins the nearest group's first text, or begins a group. What grouping by likeness is measured against.
    pub(super) fn one_pass(field: &Field) -> Self {
        let mut postings: Vec<Vec<(u32, f32)>> = vec![Vec::new(); field.features()];
        let (mut of, mut first): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (text, vector) in (0_u32..).zip(field.vectors()) {
            let mut sums: BTreeMap<u32, f32> = BTreeMap::new();
            for (feature, value) in vector {
                for (group, weight) in &postings[*feature as usize] {
                    *sums.entry(*group).or_default() += value * weight;
                }
            }
            let best = sums.into_iter().filter(|(_, cosine)| *cosine >= ONE_PASS);
            let best = best.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let group = best.map_or_else(
                || {
                    let group = u32::try_from(first.len()).unwrap_or(u32::MAX);
                    first.push(text);
                    for (feature, value) in vector {
                        postings[*feature as usize].push((group, *value));
                    }
                    group
                },
                |(group, _)| group,
            );
            of.push(group);
        }
        Self { of }
    }

    /// Groups by average likeness.
    pub(super) fn by_likeness(field: &Field) -> Self {
        let near = field.nearest(NEIGHBOURS, LEAST);
        let mut open: Vec<Open> =
            field.vectors().iter().zip(&near).map(|(vector, near)| Open::of(vector, near)).collect();
        let mut parent: Vec<u32> = (0_u32..).take(open.len()).collect();
        let mut pairs: BinaryHeap<Pair> = BinaryHeap::new();
        let mut edges: Vec<(u32, u32)> = (0_u32..)
            .zip(&near)
            .flat_map(|(text, near)| near.iter().map(move |(other, _)| (text.min(*other), text.max(*other))))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        for (one, other) in edges {
            open[one as usize].neighbours.push(other);
            open[other as usize].neighbours.push(one);
            let cosine = dot(&open[one as usize].sum, &open[other as usize].sum);
            pairs.push(Pair { cosine, one, other });
        }
        let mut dense = vec![0.0_f32; field.features()];
        while let Some(Pair { cosine, one, other }) = pairs.pop() {
            let is_open = |group: u32| parent[group as usize] == group;
            let bar = open[one as usize].within.min(open[other as usize].within) * SHARE;
            if !is_open(one) || !is_open(other) || cosine < bar {
                continue;
            }
            let Ok(joined) = u32::try_from(open.len()) else { break };
            let (a, b) = (open[one as usize].take(), open[other as usize].take());
            parent.push(joined);
            parent[one as usize] = joined;
            parent[other as usize] = joined;
            let mut group = Open::joined(a, b);
            for neighbour in &mut group.neighbours {
                *neighbour = root(&mut parent, *neighbour);
            }
            group.neighbours.sort_unstable();
            group.neighbours.dedup();
            group.neighbours.retain(|neighbour| *neighbour != joined);
            group.sum.iter().for_each(|(feature, value)| dense[*feature as usize] = *value);
            for neighbour in &group.neighbours {
                let other = &mut open[*neighbour as usize];
                let product: f32 = other.sum.iter().map(|(feature, value)| value * dense[*feature as usize]).sum();
                let cosine = product / (group.size * other.size);
                other.neighbours.push(joined);
                if cosine >= LEAST {
                    pairs.push(Pair { cosine, one: *neighbour, other: joined });
                }
            }
            group.sum.iter().for_each(|(feature, _)| dense[*feature as usize] = 0.0);
            open.push(group);
        }
        Self { of: (0_u32..).take(near.len()).map(|text| root(&mut parent, text)).collect() }
    }

    /// The group of a text.
    pub(super) fn of(&self, text: u32) -> u32 {
        self.of.get(text as usize).copied().unwrap_or(u32::MAX)
    }

    /// The texts of each group, ascending, by their first.
    pub(super) fn members(&self) -> Vec<Vec<u32>> {
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (text, group) in (0_u32..).zip(&self.of) {
            groups.entry(*group).or_default().push(text);
        }
        let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
        groups.sort_unstable();
        groups
    }
}

impl Open {
    fn of(vector: &[(u32, f32)], near: &[(u32, f32)]) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let within = near.iter().take(AROUND).map(|near| near.1).sum::<f32>() / near.len().clamp(1, AROUND) as f32;
        Self { sum: vector.to_vec(), size: 1.0, within, neighbours: Vec::new() }
    }

    /// What it holds; it is empty afterwards.
    fn take(&mut self) -> Self {
        let (sum, neighbours) = (std::mem::take(&mut self.sum), std::mem::take(&mut self.neighbours));
        Self { sum, neighbours, ..*self }
    }

    fn joined(mut one: Self, mut other: Self) -> Self {
        let size = one.size + other.size;
        one.neighbours.append(&mut other.neighbours);
        Self {
            sum: sum(&one.sum, &other.sum),
            within: (one.within * one.size + other.within * other.size) / size,
            size,
            neighbours: one.neighbours,
        }
    }
}

/// The group that a text or group has come into.
fn root(parent: &mut [u32], mut group: u32) -> u32 {
    while parent[group as usize] != group {
        parent[group as usize] = parent[parent[group as usize] as usize];
        group = parent[group as usize];
    }
    group
}

fn sum(one: &[(u32, f32)], other: &[(u32, f32)]) -> Vec<(u32, f32)> {
    let mut out = Vec::with_capacity(one.len() + other.len());
    let (mut a, mut b) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                out.push((x.0, x.1 + y.1));
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x.0 < y.0 => out.extend(a.next()),
            (Some(_), None) => out.extend(a.next()),
            (_, Some(_)) => out.extend(b.next()),
            (None, None) => return out,
        }
    }
}

/// The product of two vectors by ascending feature.
pub(super) fn dot(one: &[(u32, f32)], other: &[(u32, f32)]) -> f32 {
    let mut other = other.iter().peekable();
    let mut sum = 0.0;
    for (feature, value) in one {
        while other.next_if(|next| next.0 < *feature).is_some() {}
        if let Some(same) = other.next_if(|next| next.0 == *feature) {
            sum += value * same.1;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products() {
        let (one, other) = ([(1, 2.0), (4, 1.0)], [(0, 1.0), (4, 3.0), (9, 1.0)]);
        assert_eq!(sum(&one, &other), [(0, 1.0), (1, 2.0), (4, 4.0), (9, 1.0)]);
        assert!((dot(&one, &other) - 3.0).abs() < 1e-6);
        assert!(dot(&one, &[]).abs() < 1e-6);
    }
}
