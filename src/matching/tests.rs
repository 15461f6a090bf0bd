//! The gates against the plain way: each condition tried by itself, without automaton, index or gate.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use super::{Builder, Candidate, Evidence, Sign, View};
use crate::diag::Place;
use crate::likeness::Synonyms;
use crate::rules::model::{Careful, Condition, Located, Phrase};
use crate::text::{Fold, Variants, is_whole, key};

/// Words that overlap, contain each other, have regional wordings or stand in many messages.
const WORDS: &[&str] = &[
    "退款",
    "退",
    "款多久",
    "多久",
    "运费",
    "快递",
    "宅配",
    "网络",
    "7天",
    "7",
    "refund",
    "fund",
    "re",
    "order",
    "a",
    "订单号",
];
const PATTERNS: &[&str] = &[
    "退.{0,3}多久",
    "[退换]款",
    "(快递|运费|refund).*多久",
    r"\d+天",
    r"\border\b",
    r"Order\s*\d*",
    "(re)?fund",
    "(a|b)(.*)(退|7)",
    "(退款|a.*b)",
    r"^\w+$",
    "运费{2}",
    "(?:退|快递)+a?",
    "K|[^a]退",
    r"\d{2,3}",
    "[7８退a]款",
    "退.{0,2}7",
    r"\d{1,2}天.{1,3}退",
    r"(退|a.{0,2}\d).{0,3}多久",
    r"(re|order)\d*.?退款?.多久",
    "(退|退款|运费a?).{0,2}(快递|多久)",
    r"(fund.?退|7)\d+",
    "运费(退款)*多",
    "(?:re){0,2}order|7天?",
];
/// What stands between words in messages.
const BETWEEN: &[&str] = &["", "", "", " ", "b", "1", "，", "的", "k", "K", "  "];

fn at<T>(value: T) -> Located<T> {
    Located { value, place: Place { file: Arc::from("test"), span: 0..0 } }
}

fn words(from: &'static [&'static str]) -> impl Strategy<Value = Located<String>> {
    select(from).prop_map(|word| at(word.to_owned()))
}

fn conditions() -> impl Strategy<Value = Condition> {
    let phrase = prop::collection::vec(words(WORDS), 1..4).prop_map(|parts| Phrase { parts });
    let sentence = (words(WORDS), words(WORDS)).prop_map(|(a, b)| at(a.value + &b.value));
    let leaf = prop_oneof![
        4 => prop::collection::vec(phrase, 1..4).prop_map(Condition::Phrase),
        4 => prop::collection::vec(words(PATTERNS), 1..3).prop_map(Condition::Regex),
        1 => prop::collection::vec(sentence, 1..3).prop_map(Condition::Like),
        1 => words(&["yes", "no"]).prop_map(Condition::If),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several().prop_map(Condition::All),
            several().prop_map(Condition::Any),
            (inner.clone(), several()).prop_map(|(one, none)| Condition::All(vec![one, Condition::None(none)])),
            several().prop_map(Condition::None),
        ]
    })
}

fn messages() -> impl Strategy<Value = String> {
    let piece = (select(WORDS), select(BETWEEN)).prop_map(|(word, between)| format!("{word}{between}"));
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// One message, and what conditions mean for it.
struct Plain<'a> {
    fold: &'a Fold,
    variants: &'a Variants,
    patterns: &'a HashMap<&'static str, Regex>,
    view: View,
}

impl Plain<'_> {
    fn text(&self) -> &str {
        self.view.folded.text()
    }

    fn holds(&self, condition: &Condition) -> Option<Evidence> {
        match condition {
            Condition::Phrase(phrases) => strongest(phrases.iter().map(|phrase| self.phrase(phrase))),
            Condition::Regex(patterns) => strongest(patterns.iter().map(|pattern| {
                let regex = self.patterns.get(pattern.value.as_str()).unwrap();
                let found = regex.find(self.text())?;
                Some(Evidence::of(Sign::Pattern, vec![found.range()], self.text()))
            })),
            Condition::Like(sentences) => {
                let same = |sentence: &Located<String>| key(self.fold.squeeze(&sentence.value).text()) == self.view.key;
                let whole = || std::iter::once(0..self.text().len()).collect();
                sentences.iter().any(same).then(|| Evidence::of(Sign::Exact, whole(), self.text()))
            }
            Condition::If(source) => (source.value == "yes").then(Evidence::condition),
            Condition::All(all) => {
                all.iter().try_fold(Evidence::condition(), |sum, one| Some(sum.and(self.holds(one)?)))
            }
            Condition::Any(any) => strongest(any.iter().map(|one| self.holds(one))),
            Condition::None(none) => none.iter().all(|one| self.holds(one).is_none()).then(Evidence::condition),
        }
    }

    fn phrase(&self, phrase: &Phrase) -> Option<Evidence> {
        let spans = phrase.parts.iter().map(|part| {
            let own = self.fold.squeeze(&part.value).into_text();
            let mut wordings = std::iter::once(own).chain(self.variants.expand(&part.value));
            wordings.find_map(|wording| self.whole(&wording))
        });
        let spans = spans.collect::<Option<Vec<_>>>()?;
        let sign = if spans.len() > 1 { Sign::Phrases } else { Sign::Phrase };
        Some(Evidence::of(sign, spans, self.text()))
    }

    fn whole(&self, word: &str) -> Option<Range<usize>> {
        let starts = self.text().char_indices().map(|(start, _)| start);
        let places = starts.filter(|&start| self.text()[start..].starts_with(word));
        places.map(|start| start..start + word.len()).find(|span| is_whole(self.text(), span.clone()))
    }
}

fn strongest(found: impl Iterator<Item = Option<Evidence>>) -> Option<Evidence> {
    found.flatten().max_by(|a, b| a.strength().cmp(&b.strength()))
}

thread_local! {
    static TEXT: (Arc<Fold>, Arc<Variants>) = {
        let fold = Arc::new(Fold::new());
        (Arc::clone(&fold), Arc::new(Variants::new(fold)))
    };
    static COMPILED: Rc<HashMap<&'static str, Regex>> = {
        let compiled = |&source| (source, Regex::new(&format!("(?i:{source})")).unwrap());
        Rc::new(PATTERNS.iter().map(compiled).collect())
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn gates_let_through_exactly_what_holds(
        rules in prop::collection::vec(conditions(), 1..12),
        texts in prop::collection::vec(messages(), 1..6),
    ) {
        let (fold, variants) = TEXT.with(Clone::clone);
        let patterns = COMPILED.with(Clone::clone);
        let mut builder = Builder::new(Arc::clone(&fold), Arc::clone(&variants));
        let mut values = Vec::new();
        let mut faults = 0;
        for rule in &rules {
            let mut number = |source: &Located<String>| {
                values.push(source.value == "yes");
                u32::try_from(values.len() - 1).unwrap()
            };
            builder.add(rule, Careful::Normal, &mut number, &mut |_| faults += 1);
        }
        prop_assert_eq!(faults, 0);
        let matcher = builder.build(Synonyms::none(), 1 << 20).unwrap();
        for text in &texts {
            let view = matcher.view_of_signs(text);
            let found = matcher.candidates(&view, &|rule| rule % 7 != 6, &|_, id| values[id as usize]);
            let plain = Plain { fold: &fold, variants: &variants, patterns: &patterns, view };
            let expected: Vec<Candidate> = (0_u32..)
                .zip(&rules)
                .filter(|(rule, _)| rule % 7 != 6)
                .filter_map(|(rule, condition)| Some(Candidate { rule, evidence: plain.holds(condition)? }))
                .collect();
            prop_assert_eq!(found, expected, "of {:?}", text);
        }
    }
}
