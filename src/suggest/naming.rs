//! What a group is named by: words and short phrases that are said in it and hardly elsewhere.

use std::collections::HashMap;

use crate::likeness::names;

/// Share of a group's texts that must have a name.
const SHARE: usize = 6;
/// A longer phrase stands for a shorter one within it if so many in ten of the texts with the shorter one have it.
const KEEPS: usize = 7;

/// Words and phrases of groups, and how often all texts have them.
pub(super) struct Names<'a> {
    texts: &'a [String],
    /// In how many texts each stands.
    count: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    /// Of folded texts; only what stands in one of these groups is counted.
    pub(super) fn new(texts: &'a [String], groups: &[Vec<u32>]) -> Self {
        let members = groups.iter().flatten().filter_map(|text| texts.get(*text as usize));
        let mut count: HashMap<&str, usize> = members.flat_map(|text| names(text)).map(|name| (name, 0)).collect();
        for name in texts.iter().flat_map(|text| names(text)) {
            if let Some(count) = count.get_mut(name) {
                *count += 1;
            }
        }
        Self { texts, count }
    }

    /// The most telling of a group, at most so many; none stands within another.
    #[allow(clippy::cast_precision_loss, reason = "counts of texts")]
    pub(super) fn of(&self, members: &[u32], most: usize) -> Vec<&'a str> {
        let mut here: HashMap<&str, usize> = HashMap::new();
        for name in members.iter().filter_map(|text| self.texts.get(*text as usize)).flat_map(|text| names(text)) {
            *here.entry(name).or_insert(0) += 1;
        }
        let (inside, outside) = (members.len() as f64, self.texts.len().saturating_sub(members.len()) as f64);
        let telling = |name: &str, here: usize| {
            let elsewhere = self.count.get(name).map_or(0, |all| all.saturating_sub(here)) as f64;
            let share = here as f64 / inside;
            share * ((here as f64 + 0.5) / (inside + 1.0) / ((elsewhere + 0.5) / (outside + 1.0))).ln()
        };
        // What one message alone says names it and not the group.
        let said_twice = here.values().any(|count| *count > 1);
        let least = members.len().div_ceil(SHARE).max(1 + usize::from(said_twice));
        let mut all: Vec<(f64, &str, usize)> = here
            .iter()
            .filter(|(_, count)| **count >= least)
            .map(|(name, count)| (telling(name, *count), *name, *count))
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.len().cmp(&a.1.len())).then(a.1.cmp(b.1)));
        let mut chosen: Vec<&str> = Vec::new();
        for (_, name, count) in &all {
            if chosen.len() == most {
                break;
            }
            // 积分兑换 tells more than 积分, if hardly anybody says the one without the other.
            let longer = all.iter().filter(|(_, other, _)| other.len() > name.len() && other.contains(name));
            let longer = longer.filter(|(_, _, of_longer)| of_longer * 10 >= count * KEEPS);
            let name = longer.max_by_key(|(_, other, _)| other.len()).map_or(*name, |(_, other, _)| *other);
            if chosen.iter().all(|other| !overlap(other, name)) {
                chosen.push(name);
            }
        }
        chosen
    }
}

/// Whether one stands within the other, or begins in Chinese as the other ends: 物流信 and 流信息.
fn overlap(one: &str, other: &str) -> bool {
    let joint = |a: &str, b: &str| {
        let characters: Vec<char> = a.chars().collect();
        (2..characters.len()).any(|n| {
            let end: String = characters[characters.len() - n..].iter().collect();
            !end.is_ascii() && b.starts_with(&end)
        })
    };
    one.contains(other) || other.contains(one) || joint(one, other) || joint(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_what_it_alone_says() {
        let texts: Vec<String> = [
            "积分兑换在哪",
            "怎么积分兑换",
            "积分兑换不了",
            "订单在哪",
            "怎么退订单",
            "gift card gone",
            "the gift card",
        ]
        .map(str::to_owned)
        .into();
        let names = Names::new(&texts, &[vec![0, 1, 2], vec![5, 6]]);
        assert_eq!(names.of(&[0, 1, 2], 2).first(), Some(&"积分兑换"));
        assert_eq!(names.of(&[5, 6], 1), ["gift card"]);
        assert!(names.of(&[0, 1, 2], 4).iter().all(|name| !name.contains("哪")));
    }
}
