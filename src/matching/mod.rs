//! Which rules a message could mean: candidates with their evidence.
//!
//! One automaton holds every literal: the parts of all phrases, and for each regular expression the literals that it requires.
//! Only rules of which all required literals occurred are looked at, so the time for a message hardly grows with their number.

mod compile;
mod gate;
mod like;
mod likely;
mod phrase;
mod rank;
mod regular;
mod require;
#[cfg(test)]
mod tests;
mod wording;

use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::sync::Arc;

use crate::likeness::{Field, Method, Near, Why};
use crate::text::{Fold, Folded};

pub use compile::{Builder, ExpressionId, Fault, PatternError, PhraseError};
pub use likely::{Bars, Guess};
pub use rank::{Candidate, Evidence, Sign};
pub use wording::{Spotted, Watch};

use compile::{Expected, Test};
use gate::Gates;
use like::Sentences;
use likely::Likely;
use phrase::{Hits, LiteralId, Literals, Part};
use regular::Scratch;

/// A message made ready for matching.
#[derive(Clone, Debug)]
pub struct View {
    /// Folded and squeezed, with the way back to the original.
    pub folded: Folded,
    /// What exact questions are compared by.
    pub key: String,
    /// What it is like, found when first asked for.
    near: OnceCell<Vec<Near>>,
}

impl View {
    /// Folds a message.
    #[must_use]
    pub fn new(fold: &Fold, text: &str) -> Self {
        let folded = fold.squeeze(text);
        let key = crate::text::key(folded.text());
        Self { folded, key, near: OnceCell::new() }
    }

    /// The stretch of the original that a stretch of the folded text came from.
    #[must_use]
    pub fn original(&self, span: &Range<usize>) -> Range<usize> {
        self.folded.original_span(span.clone())
    }
}

/// All conditions, compiled.
#[derive(Debug)]
pub struct Matcher {
    fold: Arc<Fold>,
    literals: Literals,
    sentences: Sentences,
    likely: Likely,
    tests: Vec<Test>,
    /// Literals of which any will do, as [`Part`]s number them.
    sets: Vec<Box<[LiteralId]>>,
    gates: Gates,
}

impl Matcher {
    /// Folds a message for [`Matcher::candidates`].
    #[must_use]
    pub fn view(&self, text: &str) -> View {
        View::new(&self.fold, text)
    }

    /// Folds a message that is to be compared by signs alone, as if it were like nothing.
    #[must_use]
    pub fn view_of_signs(&self, text: &str) -> View {
        View { near: OnceCell::from(Vec::new()), ..self.view(text) }
    }

    /// Every rule whose condition holds, in rule order. `accept` leaves rules out (dates, channels) before they cost time;
    /// `expression` tells whether the `if` of a rule holds.
    pub fn candidates(
        &self,
        view: &View,
        accept: &dyn Fn(u32) -> bool,
        expression: &dyn Fn(u32, ExpressionId) -> bool,
    ) -> Vec<Candidate> {
        let text = view.folded.text();
        let hits = self.literals.hits(text);
        let sentence_hits = self.sentences.hits(&view.key);
        let mut look: Vec<u32> = sentence_hits.collect();
        look.extend(self.likely.meant(self.near(view)));
        self.gates.pass(&hits, &self.sets, &mut look);
        look.sort_unstable();
        look.dedup();
        let scratch = RefCell::default();
        let subject = Subject { matcher: self, view, hits: &hits, expression, assumed: None, scratch };
        look.into_iter()
            .filter(|&rule| accept(rule))
            .filter_map(|rule| {
                let evidence = subject.test(rule, &self.tests[rule as usize])?;
                Some(Candidate { rule, evidence })
            })
            .collect()
    }

    /// What a view is like, the nearest first.
    fn near<'v>(&self, view: &'v View) -> &'v [Near] {
        view.near.get_or_init(|| self.likely.likeness.near(view.folded.text()))
    }

    /// The rules whose sentences a message is like, the nearest first, sure or not.
    #[must_use]
    pub fn guesses(&self, view: &View) -> Vec<Guess> {
        self.likely.guesses(self.near(view)).collect()
    }

    /// Whether all else that a guess's rule asks for holds, its `none` and `if` among it.
    #[must_use]
    pub fn fits(&self, view: &View, guess: &Guess, expression: &dyn Fn(u32, ExpressionId) -> bool) -> bool {
        let hits = self.literals.hits(view.folded.text());
        let (assumed, scratch) = (Some(guess.near.entry), RefCell::default());
        let subject = Subject { matcher: self, view, hits: &hits, expression, assumed, scratch };
        self.tests.get(guess.rule as usize).is_some_and(|test| subject.test(guess.rule, test).is_some())
    }

    /// Why a guess is near, word by word, and nearer than the next.
    #[must_use]
    pub fn why(&self, view: &View, guess: &Guess) -> Why {
        let next = self.near(view).iter().map(|near| near.entry).find(|entry| *entry != guess.near.entry);
        self.likely.likeness.why(view.folded.text(), guess.near.entry, next)
    }

    /// What a text asks, without what is said around it; the same for texts that likeness can hardly tell apart.
    #[must_use]
    pub fn essence(&self, text: &str) -> String {
        self.likely.likeness.essence(self.fold.squeeze(text).text())
    }

    /// Folded texts beside each other, to group them.
    #[must_use]
    pub fn field(&self, folded: &[&str]) -> Field {
        self.likely.likeness.field(folded)
    }

    /// How many sentences were learned from.
    #[must_use]
    pub fn sentences(&self) -> usize {
        self.likely.likeness.examples()
    }

    /// How likeness scores, and about how many bytes it takes.
    #[must_use]
    pub fn learned(&self) -> (Method, usize) {
        (self.likely.likeness.method(), self.likely.likeness.bytes())
    }

    /// The folding that conditions were compiled with.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    /// How many rules nothing literal stands before, so that each message costs their full test.
    #[must_use]
    pub fn ungated(&self) -> usize {
        self.gates.ungated()
    }
}

/// One message against the conditions.
struct Subject<'a> {
    matcher: &'a Matcher,
    view: &'a View,
    hits: &'a Hits<'a>,
    expression: &'a dyn Fn(u32, ExpressionId) -> bool,
    /// Sentences that the message is taken to be surely like.
    assumed: Option<u32>,
    scratch: RefCell<Scratch>,
}

impl Subject<'_> {
    /// The evidence if the condition holds.
    fn test(&self, rule: u32, test: &Test) -> Option<Evidence> {
        match test {
            Test::Phrase(phrases) => {
                phrases.iter().filter_map(|parts| self.phrase(parts)).max_by(|a, b| a.strength().cmp(&b.strength()))
            }
            Test::Regex(patterns) => patterns
                .iter()
                .filter_map(|expected| self.pattern(expected))
                .max_by(|a, b| a.strength().cmp(&b.strength())),
            Test::Like(keys, group) => {
                // Equal keys, equal sentences: the whole message is the evidence.
                let folded = self.view.folded.text();
                let whole = || std::iter::once(0..folded.len()).collect();
                if !self.view.key.is_empty() && keys.iter().any(|key| **key == self.view.key) {
                    return Some(Evidence::of(Sign::Exact, whole(), folded));
                }
                let sure = self.matcher.likely.sure(self.matcher.near(self.view), *group);
                sure.or((self.assumed == Some(*group)).then_some(0)).map(Evidence::like)
            }
            Test::If(expression) => (self.expression)(rule, *expression).then(Evidence::condition),
            Test::All(tests) => {
                let mut all = Evidence::condition();
                for test in tests {
                    all = all.and(self.test(rule, test)?);
                }
                Some(all)
            }
            Test::Any(tests) => {
                tests.iter().filter_map(|test| self.test(rule, test)).max_by(|a, b| a.strength().cmp(&b.strength()))
            }
            Test::None(tests) => tests.iter().all(|test| self.test(rule, test).is_none()).then(Evidence::condition),
        }
    }

    fn pattern(&self, expected: &Expected) -> Option<Evidence> {
        let sets = &self.matcher.sets;
        if !self.hits.follow(&expected.chain, sets) {
            return None;
        }
        let text = self.view.folded.text();
        let first = expected.chain.first().filter(|_| expected.starts).and_then(|first| first.part);
        let starts = first.map(|part| self.hits.starts(part.literals(sets)));
        let span = expected.pattern.find(text, &mut self.scratch.borrow_mut(), starts.as_deref())?;
        Some(Evidence::of(Sign::Pattern, vec![span], text))
    }

    fn phrase(&self, parts: &[Part]) -> Option<Evidence> {
        let spans = parts
            .iter()
            .map(|part| part.literals(&self.matcher.sets).iter().find_map(|&literal| self.hits.whole(literal)))
            .collect::<Option<Vec<_>>>()?;
        let sign = if parts.len() > 1 { Sign::Phrases } else { Sign::Phrase };
        Some(Evidence::of(sign, spans, self.view.folded.text()))
    }
}
