//! What stands in every text that a regular expression matches: all of some sets, and of each set one literal.
//!
//! Read off the parsed pattern: what is concatenated is all required, of an alternation one branch is. Texts are folded, so
//! of a class only the characters that folding leaves alone can occur (of `[Rr]` the `r`). Where the sets grow large they are
//! cut: fewer literals required is never wrong, it only lets the pattern run more often.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use crate::text::{Fold, is_cjk};

/// Most literals of a set that come from branches written out.
const MAX_BRANCHES: usize = 64;
/// Most literals of a set that come from multiplying out what follows each other.
const MAX_PRODUCT: usize = 16;
/// Most characters of a class that are multiplied out.
const MAX_CLASS: usize = 8;
/// Most bytes of the literals of one set.
const MAX_BYTES: usize = 1024;
/// Most sets of a pattern that are worth asking for.
const MAX_SETS: usize = 4;

/// Literals one of which occurs.
pub(super) type OneOf = Vec<String>;

/// What a pattern requires.
#[derive(Debug, Default)]
pub(super) struct Required {
    /// The sets in the order in which they stand in the text, without overlapping; empty when nothing is known to be required.
    pub sets: Vec<OneOf>,
    /// Whether every match begins with the first set.
    pub starts: bool,
}

/// What every text that a pattern matches contains.
pub(super) fn required(hir: &Hir, fold: &Fold) -> Required {
    let need = need(hir, fold);
    let start = need.start().map(<[String]>::to_vec).and_then(set_of_starts);
    let mut sets: Vec<(usize, OneOf)> = need.into_sets().into_iter().enumerate().collect();
    sets.sort_by_key(|(_, set)| std::cmp::Reverse(weight(set)));
    // A set that is in most messages costs more to look for than it saves, unless there is no other.
    let strong = sets.iter().take_while(|(_, set)| weight(set).0 >= 2).count();
    sets.truncate(strong.clamp(1, MAX_SETS));
    sets.sort_by_key(|(at, _)| *at);
    let starts = sets.first().is_some_and(|(at, set)| *at == 0 && start.as_ref() == Some(set));
    Required { sets: sets.into_iter().map(|(_, set)| set).collect(), starts }
}

/// How rare a set is likely to be: the letters of its shortest literal (a Chinese character tells about as much as two), then few
/// literals before many.
fn weight(set: &OneOf) -> (usize, std::cmp::Reverse<usize>) {
    let one = |text: &String| {
        text.chars()
            .map(|c| match c {
                _ if is_cjk(c) => 2,
                _ if c.is_alphanumeric() => 1,
                _ => 0,
            })
            .sum()
    };
    (set.iter().map(one).min().unwrap_or(0), std::cmp::Reverse(set.len()))
}

/// What a part of a pattern needs.
enum Need {
    /// It matches one of these texts, if it matches.
    Exactly(Vec<String>),
    /// It matches texts that contain one literal of each set, one after the other, and, where known, begin with one of `start`.
    Contains { sets: Vec<OneOf>, start: Option<Vec<String>> },
}

impl Need {
    /// Nothing is known.
    const NOTHING: Self = Self::Contains { sets: Vec::new(), start: None };

    fn into_sets(self) -> Vec<OneOf> {
        match self {
            Self::Exactly(texts) => set(texts).into_iter().collect(),
            Self::Contains { sets, .. } => sets,
        }
    }

    fn start(&self) -> Option<&[String]> {
        match self {
            Self::Exactly(texts) => Some(texts),
            Self::Contains { start, .. } => start.as_deref(),
        }
    }

    /// The same, with any text behind it.
    fn and_more(self) -> Self {
        let start = self.start().map(<[String]>::to_vec);
        Self::Contains { sets: self.into_sets(), start }
    }
}

/// Texts as a set, if something is required by it; a text that contains another of them adds nothing.
fn set(texts: Vec<String>) -> Option<OneOf> {
    shortest(texts, |text, shorter| text.contains(shorter))
}

/// The same for texts that stand at the start.
fn set_of_starts(texts: Vec<String>) -> Option<OneOf> {
    shortest(texts, |text, shorter| text.starts_with(shorter))
}

fn shortest(mut texts: Vec<String>, covers: impl Fn(&str, &str) -> bool) -> Option<OneOf> {
    texts.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    texts.dedup();
    let mut kept: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !kept.iter().any(|shorter| covers(&text, shorter)) {
            kept.push(text);
        }
    }
    kept.first().is_some_and(|shortest| !shortest.is_empty()).then_some(kept)
}

fn need(hir: &Hir, fold: &Fold) -> Need {
    match hir.kind() {
        // A look-around takes no text.
        HirKind::Empty | HirKind::Look(_) => Need::Exactly(vec![String::new()]),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Need::Exactly(vec![fold.fold_str(text)]),
            Err(_) => Need::NOTHING,
        },
        HirKind::Class(class) => class_members(class, fold).map_or(Need::NOTHING, Need::Exactly),
        HirKind::Capture(capture) => need(&capture.sub, fold),
        HirKind::Repetition(repetition) => repeated(repetition, fold),
        HirKind::Concat(parts) => concatenated(parts.iter().map(|part| need(part, fold))),
        HirKind::Alternation(branches) => one_of(branches.iter().map(|branch| need(branch, fold)).collect()),
    }
}

/// The few characters of a class that can stand in folded text; none if they are many.
fn class_members(class: &Class, fold: &Fold) -> Option<Vec<String>> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.is_ascii().then(|| class.iter().map(|r| (char::from(r.start()), char::from(r.end()))).collect())?
        }
    };
    // Letters have a capital and at most two odd relatives beside them.
    let total: usize = ranges.iter().map(|&(from, to)| to as usize - from as usize + 1).sum();
    if total > MAX_CLASS * 4 {
        return None;
    }
    let folded = |c: &char| {
        let mut one = [0; 4];
        let one = &*c.encode_utf8(&mut one);
        fold.fold_str(one) == one
    };
    let members: Vec<String> =
        ranges.into_iter().flat_map(|(from, to)| from..=to).filter(folded).map(String::from).collect();
    (!members.is_empty() && members.len() <= MAX_CLASS).then_some(members)
}

fn repeated(repetition: &Repetition, fold: &Fold) -> Need {
    let once = need(&repetition.sub, fold);
    match (repetition.min, repetition.max, once) {
        (0, Some(1), Need::Exactly(mut texts)) => {
            texts.push(String::new());
            Need::Exactly(texts)
        }
        (0, _, _) => Need::NOTHING,
        (1, Some(1), once) => once,
        (min @ 2..=4, max, Need::Exactly(texts)) => {
            let all = concatenated((0..min).map(|_| Need::Exactly(texts.clone())));
            if max == Some(min) { all } else { all.and_more() }
        }
        (_, _, once) => once.and_more(),
    }
}

fn concatenated(parts: impl Iterator<Item = Need>) -> Need {
    let mut sets = Vec::new();
    // What the texts so far end with; and what they begin with, once that is known.
    let mut run = vec![String::new()];
    let mut start = None;
    let mut whole = true;
    for part in parts {
        let (next, part) = match part {
            Need::Exactly(texts) => {
                let bytes = |list: &[String]| list.iter().map(String::len).sum::<usize>();
                let product = run.len() * texts.len();
                let size = bytes(&run) * texts.len() + bytes(&texts) * run.len();
                // One text beside many makes them longer and not more.
                if run.len().min(texts.len()) == 1 || product <= MAX_PRODUCT && size <= MAX_BYTES {
                    run = run.iter().flat_map(|a| texts.iter().map(move |b| format!("{a}{b}"))).collect();
                    continue;
                }
                (texts, Need::NOTHING)
            }
            more @ Need::Contains { .. } => (vec![String::new()], more),
        };
        if whole {
            // The part's own start counts if nothing stands before it.
            let empty = run.iter().all(String::is_empty);
            start = if empty { part.start().map(<[String]>::to_vec) } else { Some(run.clone()) };
        }
        sets.extend(set(std::mem::replace(&mut run, next)));
        sets.extend(part.into_sets());
        whole = false;
    }
    if whole {
        return Need::Exactly(run);
    }
    sets.extend(set(run));
    Need::Contains { sets, start }
}

fn one_of(branches: Vec<Need>) -> Need {
    let fits =
        |texts: &[String]| texts.len() <= MAX_BRANCHES && texts.iter().map(String::len).sum::<usize>() <= MAX_BYTES;
    if branches.iter().all(|branch| matches!(branch, Need::Exactly(_))) {
        let texts: Vec<String> = branches.into_iter().flat_map(exact).collect();
        return if fits(&texts) { Need::Exactly(texts) } else { Need::NOTHING };
    }
    let starts: Option<Vec<&[String]>> = branches.iter().map(Need::start).collect();
    let start = starts.map(|starts| starts.concat()).filter(|start| fits(start));
    // Of each branch its best set; a branch that requires nothing leaves nothing to ask for.
    let mut all = Vec::new();
    for branch in branches {
        match branch.into_sets().into_iter().max_by_key(weight) {
            Some(best) => all.extend(best),
            None => return Need::NOTHING,
        }
    }
    Need::Contains { sets: if fits(&all) { set(all).into_iter().collect() } else { Vec::new() }, start }
}

fn exact(need: Need) -> Vec<String> {
    match need {
        Need::Exactly(texts) => texts,
        Need::Contains { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local!(static FOLD: Fold = Fold::new());

    fn of(pattern: &str) -> Required {
        let hir = regex_syntax::ParserBuilder::new().case_insensitive(true).build().parse(pattern).unwrap();
        FOLD.with(|fold| required(&hir, fold))
    }

    fn sets(pattern: &str) -> Vec<String> {
        of(pattern).sets.into_iter().map(|set| set.join("|")).collect()
    }

    #[test]
    fn where_a_match_begins() {
        for (pattern, start) in [
            ("退款", Some("退款")),
            ("退款.*多久", Some("退款")),
            (r"\b(Skirt|shoes?) ?\d+", Some("shoe|skirt")),
            ("(退|换)货(.*)", Some("换货|退货")),
            ("(订单.*|快递.?)到哪", Some("快递|订单")),
            ("(?:退款)+x", Some("退款")),
            ("^退款a*", Some("退款")),
            (".*退款", None),
            (r"\d退款", None),
            ("x?y?退款", None),
            ("a.*退款", None),
            // `b` alone is required, and need not be the start.
            ("(bc|abc).*退款", None),
        ] {
            let found = of(pattern);
            let set = found.starts.then(|| found.sets[0].join("|"));
            assert_eq!(set.as_deref(), start, "{pattern}: {found:?}");
        }
    }

    #[test]
    fn what_is_concatenated_is_all_required() {
        for (pattern, expected) in [
            ("退款", &["退款"] as &[_]),
            ("Refund", &["refund"]),
            (r"order\s+\d+", &["order"]),
            (r"\d+元", &["元"]),
            ("退.{0,4}运费.*多久", &["退", "运费", "多久"]),
            ("退.*退", &["退", "退"]),
            (r"\bskirt\b", &["skirt"]),
            ("[退换]货", &["换货|退货"]),
            ("(退|换)(货|款)(.*)运费", &["换款|换货|退款|退货", "运费"]),
            ("don'?t", &["dont|don't"]),
            ("退货?.*", &["退"]),
            ("(?:ab){2}x+", &["abab"]),
            ("(?:ab){2,}x", &["abab"]),
            ("(a.*上海|b.*北京)到哪", &["上海|北京", "到哪"]),
            ("a.b", &["a"]),
            ("^$|退款", &[]),
            (r"\d+|退款", &[]),
            (r"\w+", &[]),
            ("(退款)*", &[]),
            ("[0-9]天", &["天"]),
        ] {
            assert_eq!(sets(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn large_sets_are_cut_and_not_multiplied_out() {
        let many = (0..40).map(|n| format!("物{n}")).collect::<Vec<_>>().join("|");
        assert_eq!(sets(&format!("({many})(甲|乙)")).len(), 2);
        let too_many = (0..70).map(|n| format!("物{n}")).collect::<Vec<_>>().join("|");
        assert_eq!(sets(&format!("({too_many})")), Vec::<String>::new());
        assert_eq!(sets(&format!("({too_many})退款")), ["退款"]);
    }
}
