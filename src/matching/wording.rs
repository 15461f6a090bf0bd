//! Words that must not be said, looked for in what is said: the same folding and the same automaton as for phrases of rules, with
//! an automaton of its own.
//!
//! Stricter than a rule, because a false alarm does more harm than a miss: parts follow one another in one clause, and where a
//! phrase of `none` stands over the words, they are not found.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::BuildError;

use crate::rules::model::Phrase;
use crate::rules::wording::Wording;
use crate::text::{Fold, Folded, Variants, is_han};

use super::compile::{Builder, Fault};
use super::phrase::{Hits, Literals, Part, Phrases, Sets};

/// Everything that must not be said, compiled.
#[derive(Debug)]
pub struct Watch {
    fold: Arc<Fold>,
    literals: Literals,
    sets: Sets,
    list: Vec<Watched>,
}

/// A wording, compiled.
#[derive(Debug)]
struct Watched {
    phrases: Phrases,
    none: Phrases,
}

/// Words that must not be said, where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spotted {
    /// Index of the wording.
    pub wording: usize,
    /// Bytes of the text.
    pub span: Range<usize>,
}

impl Watch {
    /// Compiles wordings. `fault` hears of each phrase that cannot be used.
    ///
    /// # Errors
    /// When the phrases are more than an automaton can hold.
    pub fn new<'a>(
        fold: &Arc<Fold>,
        variants: &Arc<Variants>,
        wordings: &'a [Wording],
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> Result<Self, BuildError> {
        let mut builder = Builder::new(Arc::clone(fold), Arc::clone(variants));
        let mut compile = |phrases: &'a [Phrase]| phrases.iter().filter_map(|one| builder.phrase(one, fault)).collect();
        let list = wordings
            .iter()
            .map(|wording| Watched { phrases: compile(&wording.phrases), none: compile(&wording.none) })
            .collect();
        let (literals, sets) = builder.literals()?;
        Ok(Self { fold: Arc::clone(fold), literals, sets, list })
    }

    /// What of a text must not be said: of each wording the first place, in the order of the text.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Spotted> {
        let mut found: Vec<Spotted> = Vec::new();
        let mut start = 0;
        // Nobody ends a line with punctuation in a chat: a new line is a new clause.
        for line in text.split_inclusive('\n') {
            for (wording, span) in self.in_line(line) {
                if !found.iter().any(|earlier| earlier.wording == wording) {
                    found.push(Spotted { wording, span: start + span.start..start + span.end });
                }
            }
            start += line.len();
        }
        found.sort_by_key(|spotted| (spotted.span.start, spotted.wording));
        found
    }

    /// Of each wording the first place in a line.
    fn in_line(&self, line: &str) -> Vec<(usize, Range<usize>)> {
        let folded = self.fold.squeeze(line);
        let hits = self.literals.hits(folded.text());
        let mut ends = None;
        let mut found = Vec::new();
        for (wording, watched) in self.list.iter().enumerate() {
            if !self.may_be(&hits, &watched.phrases) {
                continue;
            }
            let ends: &[usize] = ends.get_or_insert_with(|| ends_of_clauses(&folded, line));
            let fine = joined(self.places(&hits, &watched.none, ends));
            let over = |place: &Range<usize>| {
                let next = fine.partition_point(|fine| fine.end <= place.start);
                fine.get(next).is_some_and(|fine| fine.start < place.end)
            };
            let places = self.places(&hits, &watched.phrases, ends).into_iter().filter(|place| !over(place));
            // Of those that begin together the longest says most.
            if let Some(place) = places.min_by_key(|place| (place.start, usize::MAX - place.end)) {
                found.push((wording, folded.original_span(place)));
            }
        }
        found
    }

    /// Whether the first part of some phrase occurs, whole or not: a look that most wordings end at.
    fn may_be(&self, hits: &Hits<'_>, phrases: &Phrases) -> bool {
        phrases.iter().any(|parts| parts.first().is_some_and(|part| hits.any(part.literals(&self.sets))))
    }

    /// Where phrases stand, each with its parts one after the other in one clause.
    fn places(&self, hits: &Hits<'_>, phrases: &Phrases, ends: &[usize]) -> Vec<Range<usize>> {
        phrases.iter().flat_map(|parts| self.places_of(hits, parts, ends)).collect()
    }

    fn places_of(&self, hits: &Hits<'_>, parts: &[Part], ends: &[usize]) -> Vec<Range<usize>> {
        let places: Vec<Vec<Range<usize>>> = parts
            .iter()
            .map(|part| hits.wholes(part.literals(&self.sets)))
            .take_while(|some| !some.is_empty())
            .collect();
        let Some((first, rest)) = places.split_first().filter(|_| places.len() == parts.len()) else {
            return Vec::new();
        };
        let clause = |at: usize| ends.partition_point(|&end| end <= at);
        let whole = |start: &Range<usize>| {
            let end = rest.iter().try_fold(start.end, |end, places| {
                let next = places.get(places.partition_point(|place| place.start < end))?;
                (clause(next.start) == clause(start.start)).then_some(next.end)
            })?;
            Some(start.start..end)
        };
        first.iter().filter_map(whole).collect()
    }
}

/// Places without overlaps, from left to right.
fn joined(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_unstable_by_key(|place| place.start);
    places.dedup_by(|next, before| {
        let overlap = next.start < before.end;
        if overlap {
            before.end = before.end.max(next.end);
        }
        overlap
    });
    places
}

/// Where clauses of a folded line end. What stands between digits (1,000.50, 9:00) ends none, nor does a comma that enumerates:
/// `、`, and every comma between Latin words, which may.
fn ends_of_clauses(folded: &Folded, line: &str) -> Vec<usize> {
    let text = folded.text();
    let (mut ends, mut before) = (Vec::new(), None);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let after = rest.peek().map(|(_, after)| *after);
        let within_number = || [before, after].iter().all(|c| c.is_some_and(|c: char| c.is_ascii_digit()));
        let beside_han = || [before, after].into_iter().flatten().any(is_han);
        let enumerates = || line.get(folded.original_span(at..at + 1)).is_some_and(|own| matches!(own, "、" | "､"));
        let ends_here = match c {
            '!' | '?' | ';' => true,
            '.' | ':' => !within_number(),
            ',' => beside_han() && !enumerates(),
            _ => false,
        };
        if ends_here {
            ends.push(at);
        }
        before = Some(c);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Files;
    use crate::rules::load::{NoSecrets, load};

    /// The words found by a wording with these lines.
    fn found<'t>(lines: &str, text: &'t str) -> Vec<&'t str> {
        let rules = format!("wording:\n  - {{id: w, {lines}, why: x, instead: y}}\n");
        let settings = "timezone: UTC\nlanguages: [zh]\nhours: {}\nqueues: {}\nroutes: []\nchannels: {}\nnotices: {}\n";
        let (book, report) =
            load(Files::from_texts([("nightdesk.yaml", settings), ("rules/w.yaml", &rules)]), &NoSecrets);
        assert_eq!(report.findings, []);
        let fold = Arc::new(Fold::new());
        let variants = Arc::new(Variants::new(Arc::clone(&fold)));
        let wordings = book.unwrap().wordings;
        let watch = Watch::new(&fold, &variants, &wordings, &mut |_| panic!("a fault")).unwrap();
        watch.find(text).into_iter().map(|spotted| &text[spotted.span]).collect()
    }

    #[test]
    fn words_are_found_as_rules_find_them() {
        for (phrase, text, words) in [
            ("绝对", "这个绝对没问题", "绝对"),
            ("绝对", "這個絕 對沒問題", "絕 對"),
            ("加微信", "加\u{200b}微信聊", "加\u{200b}微信"),
            ("100%", "１００％正品", "１００％"),
            ("no way", "There's NO  WAY.", "NO  WAY"),
        ] {
            assert_eq!(found(&format!("phrase: [\"{phrase}\"]"), text), [words], "{phrase} in {text}");
        }
        for (phrase, text) in [("100%", "2100%"), ("cheap", "cheapest"), ("绝对", "绝，对")] {
            assert_eq!(found(&format!("phrase: [\"{phrase}\"]"), text), [""; 0], "{phrase} in {text}");
        }
    }

    #[test]
    fn parts_follow_one_another_in_one_clause() {
        let lines = "phrase: [[保证, 送达], [we, promise]]";
        assert_eq!(found(lines, "我们保证明天9:00前送达哦"), ["保证明天9:00前送达"]);
        assert_eq!(found(lines, "Sure, we can promise that."), ["we can promise"]);
        for text in ["保证质量，两天送达", "送达后我们保证退", "保证质量\n两天送达", "we came. A promise"]
        {
            assert_eq!(found(lines, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn where_a_context_stands_over_the_words_they_are_fine_and_only_there() {
        let lines = "phrase: [保证, guarantee], none: [不保证, [不, 保证], [cannot, guarantee]]";
        for text in ["不保证", "这个我们不能向您保证", "we cannot really guarantee it", "不敢打包票说保证"]
        {
            assert_eq!(found(lines, text), [""; 0], "{text}");
        }
        assert_eq!(found(lines, "不保证今天，但保证明天").len(), 1);
        let text = "不用担心，保证明天到";
        assert_eq!(found(lines, text), ["保证"]);
    }

    #[test]
    fn each_wording_is_found_once_and_the_longest_of_those_that_begin_together() {
        assert_eq!(found("phrase: [最好, 最好的]", "最好的，最好的"), ["最好的"]);
        assert_eq!(found("phrase: [b, c]", "x\nc\nb"), ["c"]);
    }
}
