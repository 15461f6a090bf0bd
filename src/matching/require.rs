//! What stands in every text that a regular expression matches: one literal of each of some sets, one after the other, with at
//! most so many bytes in between.
//!
//! Read off the parsed pattern: what is concatenated is all required, of an alternation one branch is. Texts are folded, so
//! of a class only the characters that folding leaves alone can occur (of `[Rr]` the `r`); digits are a class by themselves.
//! Where sets grow large they are cut: less required is never wrong, it only lets the pattern run more often.

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

/// The most bytes of a stretch of text; none if there is no most.
type Gap = Option<usize>;

/// What has to occur next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// One of these.
    OneOf(OneOf),
    /// A digit of any script.
    Digit,
}

/// Something that occurs, and at most how many bytes after the one before it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub what: What,
    pub gap: Gap,
}

/// What a pattern requires.
#[derive(Debug, Default)]
pub(super) struct Required {
    /// In the order of the text, without overlapping; empty when no literal is known to be required.
    pub links: Vec<Link>,
    /// Whether every match begins with the first link.
    pub starts: bool,
}

/// What every text that a pattern matches contains.
pub(super) fn required(hir: &Hir, fold: &Fold) -> Required {
    let need = need(hir, fold);
    let start = need.start().map(<[String]>::to_vec).and_then(set_of_starts).map(What::OneOf);
    let links = need.into_links().0;
    // A set that is in most messages costs more to look for than it saves, unless there is no other.
    let mut weights: Vec<_> = links.iter().filter_map(Link::weight).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    let strong = weights.iter().take_while(|weight| weight.0 >= 2).count();
    let Some(&least) = weights.get(strong.clamp(1, MAX_SETS) - 1) else { return Required::default() };
    let mut out = Required::default();
    let (mut skipped, mut count) = (Some(0), 0);
    for (at, link) in links.into_iter().enumerate() {
        let gap = plus(skipped, link.gap);
        if link.weight().is_some_and(|weight| weight < least || count == MAX_SETS) {
            skipped = plus(gap, Some(link.longest()));
            continue;
        }
        count += usize::from(link.weight().is_some());
        out.starts |= at == 0 && start.as_ref() == Some(&link.what);
        out.links.push(Link { what: link.what, gap });
        skipped = Some(0);
    }
    out
}

fn plus(a: Gap, b: Gap) -> Gap {
    a?.checked_add(b?)
}

impl Link {
    fn weight(&self) -> Option<(usize, std::cmp::Reverse<usize>)> {
        match &self.what {
            What::OneOf(set) => Some(weight(set)),
            What::Digit => None,
        }
    }

    /// Bytes of the longest text that it stands for.
    fn longest(&self) -> usize {
        match &self.what {
            What::OneOf(set) => set.iter().map(String::len).max().unwrap_or(0),
            What::Digit => 4,
        }
    }
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
    /// It matches texts that contain the links, have at most `rest` bytes after the last of them (all, if there is none), and
    /// begin with one of `start` where that is known.
    Contains { links: Vec<Link>, rest: Gap, start: Option<Vec<String>> },
}

impl Need {
    /// All that is known is how long it may be.
    const fn nothing(longest: Gap) -> Self {
        Self::Contains { links: Vec::new(), rest: longest, start: None }
    }

    fn into_links(self) -> (Vec<Link>, Gap) {
        match self {
            Self::Exactly(texts) => {
                let longest = texts.iter().map(String::len).max().unwrap_or(0);
                match set(texts) {
                    Some((set, slack)) => (vec![Link { what: What::OneOf(set), gap: Some(slack) }], Some(slack)),
                    None => (Vec::new(), Some(longest)),
                }
            }
            Self::Contains { links, rest, .. } => (links, rest),
        }
    }

    fn start(&self) -> Option<&[String]> {
        match self {
            Self::Exactly(texts) => Some(texts),
            Self::Contains { start, .. } => start.as_deref(),
        }
    }

    /// The same with more text behind it, `longest` in all.
    fn and_more(self, longest: Gap) -> Self {
        let start = self.start().map(<[String]>::to_vec);
        Self::Contains { links: self.into_links().0, rest: longest, start }
    }
}

/// Texts as a set, if something is required by it; a text that contains another of them adds nothing. With the most bytes that
/// then stand before or after the literal that was found.
fn set(texts: Vec<String>) -> Option<(OneOf, usize)> {
    let longest = texts.iter().map(String::len).max().unwrap_or(0);
    let distinct = texts.iter().collect::<std::collections::BTreeSet<_>>().len();
    let set = shortest(texts, |text, shorter| text.contains(shorter))?;
    let slack = if set.len() == distinct { 0 } else { longest - set.first().map_or(0, String::len) };
    Some((set, slack))
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
    let longest = hir.properties().maximum_len();
    match hir.kind() {
        // A look-around takes no text.
        HirKind::Empty | HirKind::Look(_) => Need::Exactly(vec![String::new()]),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Need::Exactly(vec![fold.fold_str(text)]),
            Err(_) => Need::nothing(longest),
        },
        HirKind::Class(class) if is_digits(class) => {
            Need::Contains { links: vec![Link { what: What::Digit, gap: Some(0) }], rest: Some(0), start: None }
        }
        HirKind::Class(class) => class_members(class, fold).map_or(Need::nothing(longest), Need::Exactly),
        HirKind::Capture(capture) => need(&capture.sub, fold),
        HirKind::Repetition(repetition) => repeated(repetition, longest, fold),
        HirKind::Concat(parts) => concatenated(parts.iter().map(|part| need(part, fold))),
        HirKind::Alternation(branches) => one_of(branches.iter().map(|branch| need(branch, fold)).collect(), longest),
    }
}

/// Whether a class holds many digits and nothing else.
fn is_digits(class: &Class) -> bool {
    let Class::Unicode(class) = class else { return false };
    let many = class.iter().map(|range| range.end() as usize - range.start() as usize + 1).sum::<usize>() > MAX_CLASS;
    many && class.iter().all(|range| (range.start()..=range.end()).all(char::is_numeric))
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

fn repeated(repetition: &Repetition, longest: Gap, fold: &Fold) -> Need {
    let once = need(&repetition.sub, fold);
    match (repetition.min, repetition.max, once) {
        (0, Some(1), Need::Exactly(mut texts)) => {
            texts.push(String::new());
            Need::Exactly(texts)
        }
        (0, _, _) => Need::nothing(longest),
        (1, Some(1), once) => once,
        (min @ 2..=4, max, Need::Exactly(texts)) => {
            let all = concatenated((0..min).map(|_| Need::Exactly(texts.clone())));
            if max == Some(min) { all } else { all.and_more(longest) }
        }
        (_, _, once) => once.and_more(longest),
    }
}

fn concatenated(parts: impl Iterator<Item = Need>) -> Need {
    let mut links: Vec<Link> = Vec::new();
    // Bytes since the last link; what the texts so far end with; and what they begin with, once that is known.
    let mut rest = Some(0);
    let mut run = vec![String::new()];
    let mut start = None;
    let mut whole = true;
    let mut append = |part: Need| {
        let (more, after) = part.into_links();
        let mut gap = rest;
        rest = if more.is_empty() { plus(rest, after) } else { after };
        for link in more {
            links.push(Link { gap: plus(gap, link.gap), what: link.what });
            gap = Some(0);
        }
    };
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
                (texts, Need::nothing(Some(0)))
            }
            more @ Need::Contains { .. } => (vec![String::new()], more),
        };
        if whole {
            // The part's own start counts if nothing stands before it.
            let empty = run.iter().all(String::is_empty);
            start = if empty { part.start().map(<[String]>::to_vec) } else { Some(run.clone()) };
        }
        append(Need::Exactly(std::mem::replace(&mut run, next)));
        append(part);
        whole = false;
    }
    if whole {
        return Need::Exactly(run);
    }
    append(Need::Exactly(run));
    Need::Contains { links, rest, start }
}

fn one_of(branches: Vec<Need>, longest: Gap) -> Need {
    let fits =
        |texts: &[String]| texts.len() <= MAX_BRANCHES && texts.iter().map(String::len).sum::<usize>() <= MAX_BYTES;
    if branches.iter().all(|branch| matches!(branch, Need::Exactly(_))) {
        let texts: Vec<String> = branches.into_iter().flat_map(exact).collect();
        return if fits(&texts) { Need::Exactly(texts) } else { Need::nothing(longest) };
    }
    let starts: Option<Vec<&[String]>> = branches.iter().map(Need::start).collect();
    let start = starts.map(|starts| starts.concat()).filter(|start| fits(start));
    // Of each branch its best set; a branch that requires nothing leaves nothing to ask for.
    let mut all = Vec::new();
    for branch in branches {
        match branch.into_links().0.into_iter().max_by_key(Link::weight).map(|link| link.what) {
            Some(What::OneOf(best)) => all.extend(best),
            _ => return Need::nothing(longest),
        }
    }
    match set(all) {
        Some((set, _)) if fits(&set) => {
            Need::Contains { links: vec![Link { what: What::OneOf(set), gap: longest }], rest: longest, start }
        }
        _ => Need::nothing(longest),
    }
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
        of(pattern).links.into_iter().filter_map(|link| literals(&link)).collect()
    }

    fn literals(link: &Link) -> Option<String> {
        match &link.what {
            What::OneOf(set) => Some(set.join("|")),
            What::Digit => None,
        }
    }

    #[test]
    fn how_far_apart_they_may_stand() {
        for (pattern, expected) in [
            ("退款.{0,4}运费.*多久", &["退款 0", "运费 16", "多久 any"] as &[_]),
            (r"订单 ?\d{1,2}元", &["订单 1", "digit 1", "元 8"]),
            (r"\d+天", &["digit 0", "天 any"]),
            ("退(货|货款)a.?多久", &["退货a|退货款a 0", "多久 4"]),
            ("退(货|货款).?多久", &["退货 3", "多久 7"]),
            ("(a.*上海|b.北京).到哪", &["上海|北京 any", "到哪 any"]),
            ("(a.上海|b.?北京)到哪", &["上海|北京 11", "到哪 11"]),
            ("退款.a.多久", &["退款 0", "多久 9"]),
            (r"\d\d|a", &[]),
        ] {
            let tell = |link: &Link| {
                let gap = link.gap.map_or("any".to_owned(), |gap| gap.to_string());
                format!("{} {gap}", literals(link).unwrap_or("digit".to_owned()))
            };
            let found: Vec<_> = of(pattern).links.iter().map(tell).collect();
            assert_eq!(found, expected, "{pattern}");
        }
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
            let set = found.links.first().filter(|_| found.starts).and_then(literals);
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
            ("a.b", &["a", "b"]),
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
