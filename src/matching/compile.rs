//! From conditions as written to tests over literals, patterns and sentences, with the gate of each rule.

use std::collections::HashMap;
use std::sync::Arc;

use crate::rules::model::{Condition, Located, Phrase};
use crate::text::{Fold, Variants, key};

use super::Matcher;
use super::like::Sentences;
use super::phrase::{LiteralId, Literals};
use super::regular::{Pattern, required_literals};

/// Index of an expression, as the engine numbers them.
pub type ExpressionId = u32;

/// A part of a phrase: any of these literals (the phrase itself and its regional wordings).
pub(super) type Part = Vec<LiteralId>;

/// A condition, compiled.
#[derive(Debug)]
pub(super) enum Test {
    Phrase(Vec<Vec<Part>>),
    Regex(Vec<u32>),
    Like(Vec<Box<str>>),
    If(ExpressionId),
    All(Vec<Test>),
    Any(Vec<Test>),
    None(Vec<Test>),
}

/// Happens when nothing of a phrase or sentence is left after folding, so that it would match everything.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has no letter, digit or character to compare, so it would match every message")]
pub struct PhraseError(pub String);

/// Happens when a regular expression cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// It is not a regular expression, or too large a one.
    #[error(transparent)]
    Syntax(#[from] Box<regex::Error>),
    /// It matches a text with nothing in it.
    #[error("this matches every message, because it matches a text with nothing in it")]
    Everything,
}

/// What went wrong with one leaf of a condition.
#[derive(Debug)]
pub enum Fault<'a> {
    /// A phrase or sentence.
    Phrase(&'a Located<String>, PhraseError),
    /// A regular expression.
    Pattern(&'a Located<String>, PatternError),
}

/// Collects conditions, then builds the [`Matcher`].
#[derive(Debug)]
pub struct Builder {
    fold: Arc<Fold>,
    variants: Arc<Variants>,
    literals: Vec<String>,
    ids: HashMap<String, LiteralId>,
    sentences: Sentences,
    patterns: Vec<Pattern>,
    tests: Vec<Test>,
    gates: Vec<Option<Vec<LiteralId>>>,
}

impl Builder {
    /// An empty set.
    #[must_use]
    pub fn new(fold: Arc<Fold>, variants: Arc<Variants>) -> Self {
        Self {
            fold,
            variants,
            literals: Vec::new(),
            ids: HashMap::new(),
            sentences: Sentences::default(),
            patterns: Vec::new(),
            tests: Vec::new(),
            gates: Vec::new(),
        }
    }

    /// Adds the condition of the next rule. `expression` numbers an `if`; `fault` hears of each leaf that cannot be used.
    pub fn add<'a>(
        &mut self,
        when: &'a Condition,
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) {
        let rule = u32::try_from(self.tests.len()).unwrap_or(u32::MAX);
        let (test, gate) = self.compile(rule, when, expression, fault);
        self.tests.push(test);
        self.gates.push(gate);
    }

    /// Builds the automaton.
    ///
    /// # Errors
    /// When the literals are more than it can hold.
    pub fn build(self) -> Result<Matcher, aho_corasick::BuildError> {
        let mut by_literal = vec![Vec::new(); self.literals.len()];
        let mut always = Vec::new();
        for (rule, gate) in (0_u32..).zip(self.gates) {
            match gate {
                None => always.push(rule),
                Some(literals) => literals.into_iter().for_each(|literal| by_literal[literal as usize].push(rule)),
            }
        }
        Ok(Matcher {
            literals: Literals::new(&self.literals)?,
            fold: self.fold,
            sentences: self.sentences,
            patterns: self.patterns,
            tests: self.tests,
            by_literal,
            always,
        })
    }

    fn literal(&mut self, text: String) -> LiteralId {
        let next = u32::try_from(self.literals.len()).unwrap_or(u32::MAX);
        *self.ids.entry(text).or_insert_with_key(|text| {
            self.literals.push(text.clone());
            next
        })
    }

    /// The test, and the literals of which one occurs in every message for which it holds (none: no such set).
    fn compile<'a>(
        &mut self,
        rule: u32,
        condition: &'a Condition,
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> (Test, Option<Vec<LiteralId>>) {
        match condition {
            Condition::Phrase(phrases) => {
                let mut gate = Vec::new();
                let mut compiled = Vec::new();
                for phrase in phrases {
                    if let Some((parts, literals)) = self.phrase(phrase, fault) {
                        compiled.push(parts);
                        gate.extend(literals);
                    }
                }
                (Test::Phrase(compiled), Some(gate))
            }
            Condition::Regex(patterns) => {
                let mut gate = Some(Vec::new());
                let mut compiled = Vec::new();
                for source in patterns {
                    match self.pattern(&source.value) {
                        Ok((id, literals)) => {
                            compiled.push(id);
                            gate = gate.zip(literals).map(|(mut gate, literals)| {
                                gate.extend(literals);
                                gate
                            });
                        }
                        Err(error) => fault(Fault::Pattern(source, error)),
                    }
                }
                (Test::Regex(compiled), gate)
            }
            Condition::Like(sentences) => {
                let mut keys = Vec::new();
                for sentence in sentences {
                    let key = key(self.fold.fold(&sentence.value).squeezed().text());
                    if key.is_empty() {
                        fault(Fault::Phrase(sentence, PhraseError(sentence.value.clone())));
                        continue;
                    }
                    self.sentences.add(&key, rule);
                    keys.push(key.into_boxed_str());
                }
                // Not by literals: the rule is looked at when the message's key is one of these.
                (Test::Like(keys), Some(Vec::new()))
            }
            Condition::If(source) => (Test::If(expression(source)), None),
            Condition::All(conditions) => {
                let (tests, gates) = self.compile_all(rule, conditions, expression, fault);
                let has_sentences = |test: &Test| contains_like(test);
                // The narrowest gate will do, but sentences are looked up beside the literals and must not be shut out.
                let gate = gates
                    .into_iter()
                    .zip(&tests)
                    .filter_map(|(gate, test)| Some((has_sentences(test), gate?)))
                    .min_by_key(|(sentences, gate)| (*sentences, gate.len()))
                    .map(|(_, gate)| gate);
                (Test::All(tests), gate)
            }
            Condition::Any(conditions) => {
                let (tests, gates) = self.compile_all(rule, conditions, expression, fault);
                let gate = gates.into_iter().collect::<Option<Vec<_>>>().map(|gates| gates.concat());
                (Test::Any(tests), gate)
            }
            Condition::None(conditions) => {
                let (tests, _) = self.compile_all(rule, conditions, expression, fault);
                (Test::None(tests), None)
            }
        }
    }

    #[allow(clippy::type_complexity, reason = "two lists side by side, used by the three callers above only")]
    fn compile_all<'a>(
        &mut self,
        rule: u32,
        conditions: &'a [Condition],
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> (Vec<Test>, Vec<Option<Vec<LiteralId>>>) {
        conditions.iter().map(|condition| self.compile(rule, condition, expression, fault)).unzip()
    }

    /// The parts, and the literals of the part that is likely the rarest: the longest.
    fn phrase<'a>(
        &mut self,
        phrase: &'a Phrase,
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> Option<(Vec<Part>, Vec<LiteralId>)> {
        let mut parts = Vec::new();
        let mut rarest: Option<(usize, usize)> = None;
        for source in &phrase.parts {
            let folded = self.fold.fold(&source.value).squeezed();
            let text = folded.text();
            if key(text).is_empty() {
                fault(Fault::Phrase(source, PhraseError(source.value.clone())));
                return None;
            }
            let length = text.chars().count();
            if rarest.is_none_or(|(_, longest)| length > longest) {
                rarest = Some((parts.len(), length));
            }
            let text = text.to_owned();
            let mut part = vec![self.literal(text)];
            for variant in self.variants.expand(&source.value) {
                let id = self.literal(self.fold.fold(&variant).squeezed().text().to_owned());
                if !part.contains(&id) {
                    part.push(id);
                }
            }
            parts.push(part);
        }
        let (at, _) = rarest?;
        let gate = parts[at].clone();
        Some((parts, gate))
    }

    fn pattern(&mut self, source: &str) -> Result<(u32, Option<Vec<LiteralId>>), PatternError> {
        let pattern = Pattern::new(source, &self.fold).map_err(|e| PatternError::Syntax(Box::new(e)))?;
        if pattern.matches_nothing() {
            return Err(PatternError::Everything);
        }
        let id = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
        self.patterns.push(pattern);
        let literals = required_literals(source, &self.fold);
        Ok((id, literals.map(|list| list.into_iter().map(|text| self.literal(text)).collect())))
    }
}

fn contains_like(test: &Test) -> bool {
    match test {
        Test::Like(_) => true,
        Test::All(tests) | Test::Any(tests) | Test::None(tests) => tests.iter().any(contains_like),
        _ => false,
    }
}
