//! Who may be compared for a pilot: conversations that differ in this pilot alone.
//!
//! Customers of a small pilot are customers of every larger one too. Beside all the others it would be blamed for what a larger one
//! does; beside those who have the larger ones as well it is not. Pilots that always came together cannot be told apart: what they
//! do is counted for each of them.

/// What was found of the lists of pilots that occurred, by their places: those with the pilot, and those that are the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Peers {
    pub with: Vec<usize>,
    pub rest: Vec<usize>,
}

/// Of the lists that occurred, each with its number of conversations, those to be compared for a pilot. Where several groups could
/// be, the one whose smaller side is the largest; both sides are empty where there is none.
pub(super) fn peers(lists: &[(Vec<String>, u64)], pilot: &str) -> Peers {
    let occurring = || lists.iter().enumerate().filter(|(_, (_, conversations))| *conversations > 0);
    let has = |list: &[String], id: &str| list.iter().any(|other| other == id);
    let always_together = |id: &str| occurring().all(|(_, (list, _))| has(list, id) == has(list, pilot));
    let others = |list: &[String]| {
        let mut others: Vec<String> = list.iter().filter(|id| !always_together(id)).cloned().collect();
        others.retain(|id| id != pilot);
        others.sort_unstable();
        others
    };
    let mut groups: Vec<(Vec<String>, Peers, [u64; 2])> = Vec::new();
    for (place, (list, conversations)) in occurring() {
        let others = others(list);
        let known = groups.iter().position(|(of, ..)| *of == others);
        let known = known.unwrap_or_else(|| {
            groups.push((others, Peers::default(), [0, 0]));
            groups.len() - 1
        });
        let Some((_, peers, [with, rest])) = groups.get_mut(known) else { continue };
        let (places, sum) = if has(list, pilot) { (&mut peers.with, with) } else { (&mut peers.rest, rest) };
        places.push(place);
        *sum += conversations;
    }
    groups.retain(|(_, _, [with, rest])| *with > 0 && *rest > 0);
    groups.into_iter().max_by_key(|(_, _, [with, rest])| *with.min(rest)).map(|(_, peers, _)| peers).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lists: &[(&[&str], u64)], pilot: &str) -> (Vec<usize>, Vec<usize>) {
        let lists: Vec<_> =
            lists.iter().map(|(list, n)| (list.iter().map(|id| (*id).to_owned()).collect(), *n)).collect();
        let Peers { with, rest } = peers(&lists, pilot);
        (with, rest)
    }

    #[test]
    fn a_small_pilot_is_compared_with_those_who_have_the_larger_ones_too() {
        let lists: &[(&[&str], u64)] = &[(&["half", "tenth"], 10), (&["half"], 40), (&[], 50)];
        assert_eq!(found(lists, "tenth"), (vec![0], vec![1]));
        assert_eq!(found(lists, "half"), (vec![1], vec![2]), "not with those for whom the smaller one may be to blame");
    }

    #[test]
    fn pilots_that_come_together_are_counted_each() {
        let lists: &[(&[&str], u64)] = &[(&["a", "b"], 10), (&[], 90)];
        assert_eq!(found(lists, "a"), (vec![0], vec![1]));
        assert_eq!(found(lists, "b"), (vec![0], vec![1]));
    }

    #[test]
    fn the_larger_group_counts_and_none_is_none() {
        // A second pilot came later.
        let lists: &[(&[&str], u64)] = &[(&["a"], 30), (&[], 300), (&["a", "b"], 5), (&["b"], 100)];
        assert_eq!(found(lists, "a"), (vec![0], vec![1]));
        assert_eq!(found(&[(&["a"], 30)], "a"), (vec![], vec![]));
        assert_eq!(
            found(&[(&["a", "b"], 30), (&["b"], 0), (&[], 9)], "a"),
            (vec![0], vec![2]),
            "a list that nobody has says nothing"
        );
        assert_eq!(found(&[(&["all", "a"], 30), (&["all"], 9)], "a"), (vec![0], vec![1]), "all have it");
    }
}
