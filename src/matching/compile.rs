//! From conditions as written to tests over literals, patterns and sentences, with the gate of each rule.

use std::collections::HashMap;
use std::sync::Arc;

use crate::likeness::Synonyms;
use crate::rules::model::{Careful, Condition, Located, Phrase};
use crate::text::{Fold, Variants, key};

use super::Matcher;
use super::gate::{self, Gate, Gates, Way};
use super::like::Sentences;
use super::likely::Learner;
use super::phrase::{Chained, LiteralId, Literals, Part, Phrases, Sets};
use super::regular::Pattern;
use super::require::{Link, OneOf, What};

/// Index of an expression, as the engine numbers them.
pub type ExpressionId = u32;

/// A condition, compiled.
#[derive(Debug)]
pub(super) enum Test {
    Phrase(Phrases),
    Regex(Box<[Expected]>),
    /// Exact sentences by key, and the group in which they are compared by likeness.
    Like(Vec<Box<str>>, u32),
    If(ExpressionId),
    All(Vec<Test>),
    Any(Vec<Test>),
    None(Vec<Test>),
}

/// A regular expression, and what must occur before it is worth running.
#[derive(Debug)]
pub(super) struct Expected {
    pub pattern: Pattern,
    pub chain: Box<[Chained]>,
    /// Whether every match begins with the first of the chain.
    pub starts: bool,
}

impl Expected {
    /// The literals of the chain; none if nothing literal is required.
    fn way(&self) -> Option<Way> {
        let way: Way = self.chain.iter().filter_map(|next| next.part).collect();
        (!way.is_empty()).then_some(way)
    }
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

/// What a condition belongs to.
#[derive(Clone, Copy, Debug)]
struct Of {
    rule: u32,
    careful: Careful,
    /// Whether it speaks for the rule; below `none` it speaks against it.
    means: bool,
}

/// Collects conditions, then builds the [`Matcher`].
#[derive(Debug)]
pub struct Builder {
    fold: Arc<Fold>,
    variants: Arc<Variants>,
    literals: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, LiteralId>,
    sets: Vec<Box<[LiteralId]>>,
    set_ids: HashMap<Box<[LiteralId]>, Part>,
    sentences: Sentences,
    learner: Learner,
    tests: Vec<Test>,
    gates: Vec<Gate>,
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
            sets: Vec::new(),
            set_ids: HashMap::new(),
            sentences: Sentences::default(),
            learner: Learner::default(),
            tests: Vec::new(),
            gates: Vec::new(),
        }
    }

    /// Adds the condition of the next rule, with how careful to be about likeness. `expression` numbers an `if`; `fault` hears
    /// of each leaf that cannot be used.
    pub fn add<'a>(
        &mut self,
        when: &'a Condition,
        careful: Careful,
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) {
        let rule = u32::try_from(self.tests.len()).unwrap_or(u32::MAX);
        let (test, gate) = self.compile(Of { rule, careful, means: true }, when, expression, fault);
        self.tests.push(test);
        self.gates.push(gate);
    }

    /// Adds a sentence that the last rule's own are compared with, such as its title. Of no use to a rule that has none.
    pub fn also_like(&mut self, careful: Careful, text: &str) {
        let rule = u32::try_from(self.tests.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let group = self.learner.group(rule, true, careful);
        self.learner.add(&self.fold, group, text);
    }

    /// Builds the automaton, and learns from the sentences within about `memory` bytes.
    ///
    /// # Errors
    /// When the literals are more than it can hold.
    pub fn build(self, synonyms: Synonyms, memory: usize) -> Result<Matcher, aho_corasick::BuildError> {
        let length = |literal: &Arc<str>| u32::try_from(literal.chars().count()).unwrap_or(u32::MAX);
        let lengths: Vec<u32> = self.literals.iter().map(length).collect();
        Ok(Matcher {
            literals: Literals::new(&self.literals)?,
            gates: Gates::new(&self.gates, &self.sets, &lengths),
            fold: self.fold,
            sentences: self.sentences,
            likely: self.learner.learn(synonyms, memory),
            tests: self.tests,
            sets: self.sets,
        })
    }

    /// Builds the automaton alone, for phrases that belong to no rule.
    ///
    /// # Errors
    /// When the literals are more than it can hold.
    pub(super) fn literals(self) -> Result<(Literals, Sets), aho_corasick::BuildError> {
        Ok((Literals::new(&self.literals)?, self.sets))
    }

    fn literal(&mut self, text: &str) -> LiteralId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = u32::try_from(self.literals.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = Arc::from(text);
        self.literals.push(Arc::clone(&text));
        self.ids.insert(text, id);
        id
    }

    /// One number for any of some literals.
    fn part(&mut self, literals: &[LiteralId]) -> Part {
        if let [only] = literals {
            return Part::literal(*only);
        }
        if let Some(&part) = self.set_ids.get(literals) {
            return part;
        }
        let part = Part::set(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        self.sets.push(literals.into());
        self.set_ids.insert(literals.into(), part);
        part
    }

    /// The test, and its gate.
    fn compile<'a>(
        &mut self,
        of: Of,
        condition: &'a Condition,
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> (Test, Gate) {
        match condition {
            Condition::Phrase(phrases) => {
                let ways: Vec<Way> = phrases.iter().filter_map(|phrase| self.phrase(phrase, fault)).collect();
                (Test::Phrase(ways.iter().cloned().collect()), Some(ways))
            }
            Condition::Regex(patterns) => {
                let mut compiled = Vec::new();
                for source in patterns {
                    match self.pattern(&source.value) {
                        Ok(pattern) => compiled.push(pattern),
                        Err(error) => fault(Fault::Pattern(source, error)),
                    }
                }
                let gate = compiled.iter().map(Expected::way).collect();
                (Test::Regex(compiled.into()), gate)
            }
            Condition::Like(sentences) => {
                let mut keys = Vec::new();
                let group = self.learner.group(of.rule, of.means, of.careful);
                for sentence in sentences {
                    let key = key(self.fold.fold(&sentence.value).squeezed().text());
                    if key.is_empty() {
                        fault(Fault::Phrase(sentence, PhraseError(sentence.value.clone())));
                        continue;
                    }
                    self.sentences.add(&key, of.rule);
                    self.learner.add(&self.fold, group, &sentence.value);
                    keys.push(key.into_boxed_str());
                }
                // No way in by literals: the rule is looked at when the message is one of these or like them.
                (Test::Like(keys, group), Some(Vec::new()))
            }
            Condition::If(source) => (Test::If(expression(source)), None),
            Condition::All(conditions) => {
                let (tests, gates) = self.compile_all(of, conditions, expression, fault);
                (Test::All(tests), gate::all(gates.into_iter()))
            }
            Condition::Any(conditions) => {
                let (tests, gates) = self.compile_all(of, conditions, expression, fault);
                (Test::Any(tests), gate::any(gates.into_iter()))
            }
            Condition::None(conditions) => {
                let (tests, _) = self.compile_all(Of { means: !of.means, ..of }, conditions, expression, fault);
                (Test::None(tests), None)
            }
        }
    }

    fn compile_all<'a>(
        &mut self,
        of: Of,
        conditions: &'a [Condition],
        expression: &mut dyn FnMut(&'a Located<String>) -> ExpressionId,
        fault: &mut dyn FnMut(Fault<'a>),
    ) -> (Vec<Test>, Vec<Gate>) {
        conditions.iter().map(|condition| self.compile(of, condition, expression, fault)).unzip()
    }

    /// The parts of a phrase: each the words themselves and their regional wordings.
    pub(super) fn phrase<'a>(&mut self, phrase: &'a Phrase, fault: &mut dyn FnMut(Fault<'a>)) -> Option<Way> {
        let mut parts = Vec::with_capacity(phrase.parts.len());
        for source in &phrase.parts {
            let folded = self.fold.squeeze(&source.value);
            if key(folded.text()).is_empty() {
                fault(Fault::Phrase(source, PhraseError(source.value.clone())));
                return None;
            }
            let mut wordings = vec![self.literal(folded.text())];
            for variant in self.variants.expand(&source.value) {
                let id = self.literal(self.fold.squeeze(&variant).text());
                if !wordings.contains(&id) {
                    wordings.push(id);
                }
            }
            parts.push(self.part(&wordings));
        }
        (!parts.is_empty()).then_some(parts)
    }

    fn pattern(&mut self, source: &str) -> Result<Expected, PatternError> {
        let (pattern, required) = Pattern::new(source, &self.fold)?;
        let chained = |link: &Link| Chained {
            part: match &link.what {
                What::OneOf(set) => Some(self.one_of(set)),
                What::Digit => None,
            },
            gap: link.gap.and_then(|gap| u32::try_from(gap).ok()).unwrap_or(u32::MAX),
        };
        Ok(Expected { pattern, chain: required.links.iter().map(chained).collect(), starts: required.starts })
    }

    fn one_of(&mut self, set: &OneOf) -> Part {
        let literals: Vec<LiteralId> = set.iter().map(|text| self.literal(text)).collect();
        self.part(&literals)
    }
}
