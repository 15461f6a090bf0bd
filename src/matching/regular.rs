//! Regular expressions: checked at load, compiled when one first has to run.
//!
//! They run over the folded text, so `(?i)` is on and Han characters of the pattern are folded too. The engine is linear in
//! the text, so no pattern can hang a message. Of tens of thousands of patterns a shop's messages reach few, and compiling is
//! what takes the time: at load a pattern is parsed, and compiled only if its size could pass the bound.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

use crate::text::Fold;

use super::compile::PatternError;
use super::require::{OneOf, required};

/// Largest compiled form of one pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// A pattern that is estimated below this is not compiled at load. The estimate is already from above; this is four times more.
const SURELY_FITS: u64 = SIZE_LIMIT as u64 / 4;

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    /// Compiled once it was needed; none if that failed, which the check at load rules out.
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks a pattern as an author wrote it, and says which literals every match contains.
    pub(super) fn new(source: &str, fold: &Fold) -> Result<(Self, Vec<OneOf>), PatternError> {
        let pattern = Self { source: folded(source, fold).into_boxed_str(), compiled: OnceLock::new() };
        let Ok(hir) = ParserBuilder::new().case_insensitive(true).build().parse(&pattern.source) else {
            // The matching library tells the mistake in its own words.
            return pattern.compiled_now().map(|pattern| (pattern, Vec::new()));
        };
        let empty = hir.properties().minimum_len() == Some(0);
        let pattern = if empty || size(&hir) > SURELY_FITS { pattern.compiled_now()? } else { pattern };
        if empty && pattern.find("").is_some() {
            return Err(PatternError::Everything);
        }
        Ok((pattern, required(&hir, fold)))
    }

    fn compiled_now(self) -> Result<Self, PatternError> {
        let regex = compile(&self.source).map_err(|error| PatternError::Syntax(Box::new(error)))?;
        Ok(Self { source: self.source, compiled: OnceLock::from(Some(regex)) })
    }

    /// The first match.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        let regex = self.compiled.get_or_init(|| compile(&self.source).ok()).as_ref()?;
        regex.find(text).map(|found| found.range())
    }
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).case_insensitive(true).size_limit(SIZE_LIMIT).build()
}

/// Folds the Han characters of a pattern; all else may be syntax.
fn folded(source: &str, fold: &Fold) -> String {
    let han = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    let mut out = String::with_capacity(source.len());
    for c in source.chars() {
        if han(c) { out.push_str(&fold.fold_str(c.encode_utf8(&mut [0; 4]))) } else { out.push(c) }
    }
    out
}

/// Bytes that the compiled form takes at most: a state and its transitions for each byte of text that a match can step over.
fn size(hir: &Hir) -> u64 {
    const STATE: u64 = 48;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => STATE * literal.0.len() as u64,
        HirKind::Class(Class::Bytes(class)) => STATE * (1 + class.ranges().len() as u64),
        HirKind::Class(Class::Unicode(class)) => {
            let sequences: usize = class.iter().map(|r| Utf8Sequences::new(r.start(), r.end()).count()).sum();
            STATE * 4 * (1 + sequences as u64)
        }
        HirKind::Capture(capture) => {
            let name = capture.name.as_ref().map_or(0, |name| name.len());
            size(&capture.sub) + 4 * STATE + 2 * name as u64
        }
        HirKind::Repetition(repetition) => {
            let times = u64::from(repetition.max.unwrap_or(repetition.min + 1).max(repetition.min).max(1));
            times.saturating_mul(size(&repetition.sub).saturating_add(2 * STATE))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(STATE, |sum, part| sum.saturating_add(size(part)).saturating_add(STATE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new(source: &str) -> Result<Pattern, PatternError> {
        thread_local!(static FOLD: Fold = Fold::new());
        FOLD.with(|fold| Pattern::new(source, fold)).map(|(pattern, _)| pattern)
    }

    #[test]
    fn ordinary_patterns_wait_for_their_first_text() {
        let pattern = new(r"订单\s*\d{12,18}").unwrap();
        assert!(pattern.compiled.get().is_none());
        assert_eq!(pattern.find("订单 123456789012"), Some(0..19));
        assert!(pattern.compiled.get().is_some());
    }

    #[test]
    fn what_cannot_be_used_is_known_at_load() {
        for source in ["(", "a{2,1}", r"\w{2000}", "(?:(?:退.{0,99}){99}){99}", "a{4000000000}"] {
            assert!(matches!(new(source), Err(PatternError::Syntax(_))), "{source}");
        }
        for source in ["", "a*", "^$", "x|", r"(\d+)?", "(?:)"] {
            assert!(matches!(new(source), Err(PatternError::Everything)), "{source}");
        }
        for source in [r"\b", "a", r"^\b.*$", r"\w{0,4}x"] {
            assert!(new(source).is_ok(), "{source}");
        }
    }

    /// Patterns of all shapes, of which many are too large.
    fn patterns() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just(r"\w"),
            Just(r"\d"),
            Just("."),
            Just("退"),
            Just("ab"),
            Just("[a-z退-货]"),
            Just(r"\PL"),
            Just(r"\b"),
            Just("(?i)k")
        ];
        leaf.prop_map(str::to_owned).prop_recursive(5, 24, 4, |inner| {
            prop_oneof![
                (inner.clone(), 0..40_u32, 0..40_u32)
                    .prop_map(|(x, min, more)| format!("(?:{x}){{{min},{}}}", min + more)),
                (inner.clone(), inner.clone()).prop_map(|(x, y)| format!("({x})(?P<n>{y})*").replace("?P<n>", "")),
                (inner.clone(), inner.clone()).prop_map(|(x, y)| format!("(?:{x}|{y})")),
                (inner.clone(), inner).prop_map(|(x, y)| format!("{x}{y}")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The check at load lets nothing through that could not be compiled later.
        #[test]
        fn what_is_not_compiled_at_load_compiles_later(source in patterns()) {
            if let Ok(pattern) = new(&source) {
                prop_assert!(pattern.compiled.get().is_some() || compile(&pattern.source).is_ok());
            } else {
                prop_assert!(compile(&source).map_or(true, |regex| regex.is_match("")));
            }
        }
    }
}
