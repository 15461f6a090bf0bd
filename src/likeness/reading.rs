//! A text as it is read for likeness: tokens with slips mended, concepts, and the units that carry its meaning.

use std::borrow::Cow;
use std::ops::Range;

use super::spelling::Spelling;
use super::synonyms::Synonyms;
use super::tokens::{Kind, Token, tokens};
use super::words::{WEAK, declines, denies, is_weak_character, is_weak_word};

/// A word of a group of synonyms.
#[derive(Clone, Debug)]
pub(super) struct Concept {
    pub group: u32,
    pub tokens: Range<usize>,
}

/// What carries meaning: a concept, a Latin word, or two neighbouring characters.
#[derive(Clone, Debug)]
pub(super) struct Unit<'t> {
    /// The word, or the name of its concept.
    pub text: Cow<'t, str>,
    pub concept: Option<u32>,
    pub tokens: Range<usize>,
    /// Grammar or politeness.
    pub weak: bool,
    /// From 0 to 1: how much of its weight it has.
    pub weight: f32,
    /// A Latin word, which may stand near to others by its letters.
    pub word: bool,
}

/// A slip that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// As the customer wrote it, folded.
    pub written: String,
    /// As it is read.
    pub read: String,
    /// Where, in bytes of the folded text.
    pub span: Range<usize>,
}

/// A text, read.
#[derive(Clone, Debug)]
pub(super) struct Reading<'t> {
    pub tokens: Vec<Token<'t>>,
    pub concepts: Vec<Concept>,
    /// Each once.
    pub units: Vec<Unit<'t>>,
    /// Whether it denies something.
    pub denies: bool,
    /// Whether it says that something is not wanted.
    pub declines: bool,
    pub mended: Vec<Mended>,
}

impl<'t> Reading<'t> {
    /// Reads a folded text; `spelling` mends slips, and knows only the words of the examples.
    pub(super) fn new(text: &'t str, synonyms: &Synonyms, spelling: Option<&'t Spelling>) -> Self {
        let mut tokens = tokens(text);
        let (denies, declines) = (denies(&tokens), declines(&tokens));
        let mut concepts: Vec<Concept> = synonyms
            .find(text)
            .map(|(group, span)| Concept { group, tokens: within(&tokens, &span) })
            .filter(|concept| !concept.tokens.is_empty())
            .collect();
        let mended = spelling.map(|spelling| spelling.mend(&mut tokens, &concepts)).unwrap_or_default();
        // A mended word may be one of a group.
        for mended in &mended {
            for (group, span) in synonyms.find(&mended.read) {
                if span == (0..mended.read.len()) {
                    concepts.push(Concept { group, tokens: within(&tokens, &mended.span) });
                }
            }
        }
        concepts.sort_by_key(|concept| concept.tokens.start);
        let units = units(&tokens, &concepts);
        Self { tokens, concepts, units, denies, declines, mended }
    }
}

/// The tokens that begin in a stretch.
fn within(tokens: &[Token<'_>], span: &Range<usize>) -> Range<usize> {
    let start = tokens.partition_point(|token| token.at < span.start);
    let end = tokens.partition_point(|token| token.at < span.end);
    start..end
}

fn units<'t>(tokens: &[Token<'t>], concepts: &[Concept]) -> Vec<Unit<'t>> {
    let mut out: Vec<Unit<'t>> = Vec::new();
    let mut at = 0;
    let mut concepts = concepts.iter().peekable();
    while at < tokens.len() {
        if let Some(concept) = concepts.next_if(|concept| concept.tokens.start <= at) {
            let text = Cow::Owned(format!("\u{1}{}", concept.group));
            let tokens = concept.tokens.clone();
            at = at.max(tokens.end);
            out.push(Unit { text, concept: Some(concept.group), tokens, weak: false, weight: 1.0, word: false });
            continue;
        }
        let token = &tokens[at];
        if token.kind != Kind::Character {
            let weak = token.kind == Kind::Number || is_weak_word(token.text);
            let weight = if weak { WEAK } else { 1.0 };
            out.push(Unit {
                text: token.text.into(),
                concept: None,
                tokens: at..at + 1,
                weak,
                weight,
                word: token.kind == Kind::Word,
            });
            at += 1;
            continue;
        }
        let limit = concepts.peek().map_or(tokens.len(), |concept| concept.tokens.start.max(at + 1));
        let end = (at..limit).find(|&i| tokens[i].kind != Kind::Character).unwrap_or(limit);
        if end - at == 1 {
            out.push(characters(&tokens[at..=at], at));
        }
        for pair in at..end.saturating_sub(1) {
            out.push(characters(&tokens[pair..pair + 2], pair));
        }
        at = end;
    }
    let mut seen = rustc_hash::FxHashSet::default();
    out.retain(|unit| seen.insert(unit.text.clone()));
    out
}

/// One character or two.
fn characters<'t>(tokens: &[Token<'t>], at: usize) -> Unit<'t> {
    let text: Cow<'t, str> = match tokens {
        [one] => one.text.into(),
        more => more.iter().map(|token| token.text).collect::<String>().into(),
    };
    #[allow(clippy::cast_precision_loss, reason = "one or two")]
    let weight =
        tokens.iter().map(|token| if weak_character(token) { WEAK } else { 1.0 }).sum::<f32>() / tokens.len() as f32;
    let weak = tokens.iter().all(weak_character);
    Unit { text, concept: None, tokens: at..at + tokens.len(), weak, weight, word: false }
}

fn weak_character(token: &Token<'_>) -> bool {
    token.text.chars().all(is_weak_character)
}
