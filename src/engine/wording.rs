//! Words that must not be said: compiled, and what is said of those that were found.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::diag::{Finding, Report};
use crate::matching::{Fault, Watch};
use crate::rules::Book;
use crate::rules::model::Text;
use crate::text::{self, Fold, Lang, Variants};

use super::Engine;
use super::build::phrase_finding;

/// Words in a text that must not be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfit {
    /// Id of the wording.
    pub id: String,
    /// The words as they stand in the text.
    pub phrase: String,
    /// How many characters of the text stand before them.
    pub at: usize,
    /// Why, in the language of the words.
    pub why: String,
    /// Words to put in their place, in their language.
    pub instead: String,
}

/// Compiles all wordings; what is wrong goes into the report.
pub(super) fn watch(book: &Book, fold: &Arc<Fold>, variants: &Arc<Variants>, report: &mut Report) -> Option<Watch> {
    let mut first = HashMap::new();
    for wording in &book.wordings {
        if let Some(place) = first.insert(&wording.id.value, &wording.id.place) {
            report.push(
                Finding::error("id-twice", format!("the wording `{}` stands twice", wording.id.value))
                    .at(&wording.id.place)
                    .label("again here")
                    .and(place, "first here")
                    .help("give one of them another id, or join the two"),
            );
        }
        if wording.phrases.is_empty() {
            report.push(
                Finding::error("empty-phrase", format!("`{}` has no phrase, so it finds nothing", wording.id.value))
                    .at(&wording.id.place)
                    .help("write what must not be said below `phrase`, or take the wording out"),
            );
        }
    }
    let mut fault = |fault: Fault<'_>| {
        if let Fault::Phrase(source, error) = fault {
            report.push(phrase_finding(source, &error));
        }
    };
    match Watch::new(fold, variants, &book.wordings, &mut fault) {
        Ok(watch) => Some(watch),
        Err(error) => {
            report.push(Finding::error("too-many-phrases", format!("the wordings cannot be held together: {error}")));
            None
        }
    }
}

impl Engine {
    /// What of a text must not be said, in the order of the text; of each wording the first place.
    #[must_use]
    pub fn unfit(&self, text: &str) -> Vec<Unfit> {
        let (knowledge, wordings) = (self.knowledge(), &self.book().wordings);
        let fold = knowledge.matcher.fold();
        let whole = text::detect(text, fold);
        let spotted = knowledge.watch.find(text);
        let unfit = spotted.into_iter().filter_map(|spotted| {
            let wording = wordings.get(spotted.wording)?;
            let phrase = text.get(spotted.span.clone())?;
            // A word of Chinese seldom tells Traditional from Simplified; the text around it does.
            let of_words = text::detect(phrase, fold);
            let alike = |own: &Lang| whole.as_ref().filter(|whole| whole.primary() == own.primary());
            let language = of_words.as_ref().and_then(|own| alike(own).or(Some(own))).or(whole.as_ref());
            Some(Unfit {
                id: wording.id.value.clone(),
                phrase: phrase.to_owned(),
                at: text.get(..spotted.span.start)?.chars().count(),
                why: self.in_language(&wording.why, language),
                instead: self.in_language(&wording.instead, language),
            })
        });
        unfit.collect()
    }

    /// A text for people of the shop, in a language, else in the shop's first, else in any.
    fn in_language(&self, text: &Text, language: Option<&Lang>) -> String {
        let get = |code: &str| text.by_language.get(code).map(|source| source.value.trim().to_owned());
        let exact = language.and_then(|language| get(language.as_str()));
        let family = || {
            let language = language?;
            let said = get(language.primary().as_str()).or_else(|| get(""))?;
            Some(if language.is_traditional() { self.knowledge().variants.to_traditional(&said) } else { said })
        };
        let any = || {
            get("")
                .or_else(|| get(self.book().settings.default_language()))
                .or_else(|| text.by_language.values().next().map(|source| source.value.trim().to_owned()))
        };
        exact.or_else(family).or_else(any).unwrap_or_default()
    }
}
