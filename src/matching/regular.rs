//! Regular expressions: checked at load, compiled when one first has to run.
//!
//! They run over the folded text, so `(?i)` is on and Han characters of the pattern are folded too. The engine is linear in
//! the text, so no pattern can hang a message. Of tens of thousands of patterns a shop's messages reach few, and compiling is
//! what takes the time: at load a pattern is parsed, and compiled only if its size could pass the bound.
//!
//! Compiled, a pattern is an automaton of a few kilobytes without tables that grow with use, and messages are short, so the
//! backtracking engine that remembers where it was serves best; the literals found before tell it where to begin.

use std::ops::Range;
use std::sync::OnceLock;

use regex::RegexBuilder;
use regex_automata::nfa::thompson::backtrack::{BoundedBacktracker, Cache};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_automata::{Anchored, Input};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

use crate::text::Fold;

use super::compile::PatternError;
use super::require::{Required, required};

/// Largest compiled form of one pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// A pattern that is estimated below this is not compiled at load. The estimate is already from above; this is four times more.
const SURELY_FITS: u64 = SIZE_LIMIT as u64 / 4;
/// Most places that are tried one by one. Trying more would cost the square of the text's length; they share one search.
const MAX_TRIES: usize = 4;

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    /// Compiled once it was needed; none if that failed, which the check at load rules out.
    compiled: OnceLock<Option<BoundedBacktracker>>,
}

impl Pattern {
    /// Checks a pattern as an author wrote it, and says which literals every match contains.
    pub(super) fn new(source: &str, fold: &Fold) -> Result<(Self, Required), PatternError> {
        let pattern = Self { source: folded(source, fold).into_boxed_str(), compiled: OnceLock::new() };
        let Ok(hir) = parse(&pattern.source) else { return Err(pattern.mistake()) };
        let empty = hir.properties().minimum_len() == Some(0);
        if (empty || size(&hir) > SURELY_FITS) && pattern.compiled().is_none() {
            return Err(pattern.mistake());
        }
        if empty && pattern.find("", &mut Scratch::default(), None).is_some() {
            return Err(PatternError::Everything);
        }
        Ok((pattern, required(&hir, fold)))
    }

    /// What is wrong with it, in the words of the matching library.
    fn mistake(&self) -> PatternError {
        let built = RegexBuilder::new(&self.source).case_insensitive(true).size_limit(SIZE_LIMIT).build();
        let error = built.err().unwrap_or(regex::Error::CompiledTooBig(SIZE_LIMIT));
        PatternError::Syntax(Box::new(error))
    }

    fn compiled(&self) -> Option<&BoundedBacktracker> {
        self.compiled.get_or_init(|| compile(&parse(&self.source).ok()?)).as_ref()
    }

    /// The first match. `starts` are the only places at which one can begin, in order, where they are known.
    pub(super) fn find(&self, text: &str, scratch: &mut Scratch, starts: Option<&[usize]>) -> Option<Range<usize>> {
        let engine = self.compiled()?;
        let mut search = |input: Input<'_>| {
            if let Ok(found) = engine.try_find(scratch.of(engine), input.clone()) {
                return found.map(|found| found.range());
            }
            // The text is too long for so large a pattern to remember where it was.
            let slow = PikeVM::new_from_nfa(engine.get_nfa().clone()).ok()?;
            slow.find(&mut slow.create_cache(), input).map(|found| found.range())
        };
        let from = |start: usize| Input::new(text).range(start.min(text.len())..);
        match starts {
            None => search(Input::new(text)),
            Some(starts) if starts.len() <= MAX_TRIES => {
                starts.iter().find_map(|&start| search(from(start).anchored(Anchored::Yes)))
            }
            Some(starts) => search(from(*starts.first()?)),
        }
    }
}

/// What the engine notes while it runs, kept from one pattern to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch(Option<Cache>);

impl Scratch {
    fn of(&mut self, engine: &BoundedBacktracker) -> &mut Cache {
        match &mut self.0 {
            Some(cache) => {
                cache.reset(engine);
                cache
            }
            none => none.insert(Cache::new(engine)),
        }
    }
}

fn parse(source: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    ParserBuilder::new().case_insensitive(true).build().parse(source).map_err(Box::new)
}

fn compile(hir: &Hir) -> Option<BoundedBacktracker> {
    let config = Config::new().nfa_size_limit(Some(SIZE_LIMIT)).which_captures(WhichCaptures::Implicit);
    let nfa = Compiler::new().configure(config).build_from_hir(hir).ok()?;
    BoundedBacktracker::new_from_nfa(nfa).ok()
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
        assert_eq!(pattern.find("订单 123456789012", &mut Scratch::default(), None), Some(0..19));
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

    #[test]
    fn many_places_to_begin_do_not_cost_the_square() {
        let pattern = new("退.*[^款退]好").unwrap();
        let text = "退".repeat(2_000);
        let starts: Vec<usize> = (0..2_000).map(|n| n * 3).collect();
        let start = std::time::Instant::now();
        assert_eq!(pattern.find(&text, &mut Scratch::default(), Some(&starts)), None);
        assert!(start.elapsed().as_millis() < 1_000, "{:?}", start.elapsed());
    }

    #[test]
    fn long_texts_are_searched_too() {
        let pattern = new(r"退(\w{0,2}){3}款").unwrap();
        let text = format!("{}退款", "，".repeat(100_000));
        let found = pattern.find(&text, &mut Scratch::default(), None);
        assert_eq!(found, Some(text.len() - 6..text.len()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The check at load lets nothing through that could not be compiled later.
        #[test]
        fn what_is_not_compiled_at_load_compiles_later(source in patterns()) {
            if let Ok(pattern) = new(&source) {
                prop_assert!(pattern.compiled().is_some());
            }
        }
    }
}
