//! The gate: which rules a message's literals let through to their full test.
//!
//! The gate of a rule is a list of ways in, each a list of parts that all must occur. A way is watched at its rarest part alone,
//! so that the cost of a message does not grow with the rules that share a common word; a second part is asked for on the spot.
//! What passes is tested in full, so a gate may let too much through, never too little.

use super::phrase::{Hits, LiteralId, Part};

/// Most ways in that come from multiplying out `all`.
const MAX_WAYS: usize = 16;

/// One way in: parts that all must occur.
pub(super) type Way = Vec<Part>;

/// Ways in, without which a condition does not hold; none if it may hold for any text.
pub(super) type Gate = Option<Vec<Way>>;

/// The gate of conditions that all hold.
pub(super) fn all(gates: impl Iterator<Item = Gate>) -> Gate {
    let mut gates: Vec<_> = gates.flatten().collect();
    // Each one by itself will do; small ones first, so that as many as possible are multiplied in.
    gates.sort_by_key(Vec::len);
    gates.into_iter().reduce(|ways, more| {
        if ways.len() * more.len() > MAX_WAYS {
            return ways;
        }
        ways.iter().flat_map(|way| more.iter().map(|other| [way.as_slice(), other].concat())).collect()
    })
}

/// The gate of conditions of which one holds.
pub(super) fn any(gates: impl Iterator<Item = Gate>) -> Gate {
    gates.collect::<Option<Vec<_>>>().map(|gates| gates.concat())
}

/// A rule that is looked at when a literal occurs.
#[derive(Clone, Copy, Debug)]
struct Watch {
    rule: u32,
    /// What must occur as well.
    also: Option<Part>,
}

/// The gates of all rules, by literal.
#[derive(Debug)]
pub(super) struct Gates {
    /// Where the rules of each literal begin in the list; one more for the end.
    starts: Box<[u32]>,
    watches: Box<[Watch]>,
    /// Rules to look at in any case: nothing literal is required by them.
    always: Box<[u32]>,
}

impl Gates {
    /// Puts each way in under its rarest part. `sets` and `lengths` tell the literals of a part and their characters.
    pub(super) fn new(gates: &[Gate], sets: &[Box<[LiteralId]>], lengths: &[u32]) -> Self {
        // How many ways in each literal stands in: what is common in the rules is common in messages.
        let mut common = vec![0_u64; lengths.len()];
        for literal in gates.iter().flatten().flatten().flatten().flat_map(|part| part.literals(sets)) {
            common[*literal as usize] += 1;
        }
        let cost = |part: &Part| -> u64 {
            let one = |&literal: &LiteralId| {
                let literal = literal as usize;
                // A single character stands in many messages, however few rules name it.
                common[literal] * if lengths[literal] < 2 { 64 } else { 1 }
            };
            part.literals(sets).iter().map(one).sum()
        };
        let mut always = Vec::new();
        let mut pairs: Vec<(LiteralId, Watch)> = Vec::new();
        for (rule, gate) in (0_u32..).zip(gates) {
            let Some(ways) = gate else {
                always.push(rule);
                continue;
            };
            for way in ways {
                let mut parts: Vec<Part> = way.clone();
                parts.sort_by_key(|part| cost(part));
                parts.dedup();
                let mut parts = parts.into_iter();
                // A way without parts is no way in: its condition has no usable leaf.
                let Some(rarest) = parts.next() else { continue };
                let watch = Watch { rule, also: parts.next() };
                pairs.extend(rarest.literals(sets).iter().map(|&literal| (literal, watch)));
            }
        }
        pairs.sort_by_key(|(literal, _)| *literal);
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        let mut at = 0;
        for literal in 0..=lengths.len() {
            at += pairs[at..].iter().take_while(|(watched, _)| (*watched as usize) < literal).count();
            starts.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        Self {
            starts: starts.into(),
            watches: pairs.into_iter().map(|(_, watch)| watch).collect(),
            always: always.into(),
        }
    }

    /// Adds the rules that the literals of a message let through, some perhaps twice.
    pub(super) fn pass(&self, hits: &Hits<'_>, sets: &[Box<[LiteralId]>], rules: &mut Vec<u32>) {
        rules.extend_from_slice(&self.always);
        for literal in hits.literals() {
            let literal = literal as usize;
            let (Some(&from), Some(&to)) = (self.starts.get(literal), self.starts.get(literal + 1)) else { continue };
            let watches = self.watches.get(from as usize..to as usize).unwrap_or_default();
            let open = |watch: &&Watch| watch.also.is_none_or(|part| hits.any(part.literals(sets)));
            rules.extend(watches.iter().filter(open).map(|watch| watch.rule));
        }
    }

    /// How many rules nothing literal stands before.
    pub(super) fn ungated(&self) -> usize {
        self.always.len()
    }
}
