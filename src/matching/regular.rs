//! Regular expressions: compiled with bounds, and the literals one of which each requires.
//!
//! They run over the folded text, so `(?i)` is on and Han characters of the pattern are folded too. The engine is linear in
//! the text, so no pattern can hang a message.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

use crate::text::Fold;

/// Largest compiled form of one pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Most literals of one pattern that are worth a gate.
const MAX_LITERALS: usize = 64;

/// A compiled regular expression.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern as an author wrote it.
    ///
    /// # Errors
    /// The library's message when it is not a regular expression, or too large a one.
    pub(super) fn new(source: &str, fold: &Fold) -> Result<Self, regex::Error> {
        RegexBuilder::new(&folded(source, fold)).case_insensitive(true).size_limit(SIZE_LIMIT).build().map(Self)
    }

    /// The first match.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        self.0.find(text).map(|found| found.range())
    }

    /// Whether the pattern matches a text without anything in it, and so every message.
    pub(super) fn matches_nothing(&self) -> bool {
        self.0.is_match("")
    }
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

/// Literals, folded, one of which stands in every text that the pattern matches; none when no such set is known.
pub(super) fn required_literals(source: &str, fold: &Fold) -> Option<Vec<String>> {
    let hir: Hir = regex_syntax::parse(&folded(source, fold)).ok()?;
    // Literals at the start of a match; where those are none, at its end (`\d+元`).
    let mut extractor = Extractor::new();
    [regex_syntax::hir::literal::ExtractKind::Prefix, regex_syntax::hir::literal::ExtractKind::Suffix]
        .into_iter()
        .find_map(|kind| {
            let found = extractor.kind(kind).extract(&hir);
            let literals = found.literals()?;
            if literals.is_empty() || literals.len() > MAX_LITERALS {
                return None;
            }
            let mut out = Vec::with_capacity(literals.len());
            for literal in literals {
                // Text that has lost its ends by cutting inside a character is no literal of ours.
                let text = std::str::from_utf8(literal.as_bytes()).ok()?;
                let text = fold.fold_str(text);
                let text = text.trim();
                if text.is_empty() {
                    return None;
                }
                out.push(text.to_owned());
            }
            out.sort_unstable();
            out.dedup();
            Some(out)
        })
}
