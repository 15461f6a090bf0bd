//! Texts in the customer's language: which one is meant, and how it falls back.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound};
use crate::template::{TemplateError, TemplateId};
use crate::text::{self, Lang};

use super::context::{self, Scope};
use super::knowledge::{BuiltText, Knowledge};

/// Fewest words in Latin letters that tell more than what was known before.
const ENOUGH: usize = 3;

/// The language to answer in: of the message, by its script and its words; else as remembered, else as the client says, else
/// the shop's first.
#[must_use]
pub fn language(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation) -> String {
    let fold = knowledge.matcher.fold();
    let detected = text::detect(&inbound.text, fold).map(|l| l.as_str().to_owned());
    let locale = inbound.locale.as_deref().and_then(Lang::parse_locale).map(|l| l.as_str().to_owned());
    let remembered = conversation.language.clone();
    // A short Chinese message may hold no character that tells the scripts apart: what was known before decides then.
    let shared = detected.as_deref() == Some("zh") && !text::is_surely_simplified(&inbound.text, fold);
    let earlier = || remembered.clone().or_else(|| locale.clone());
    let wanted = match detected.as_deref() {
        Some("zh") if shared => Some(earlier().filter(|l| l.starts_with("zh")).unwrap_or_else(|| "zh".to_owned())),
        Some("en") => latin(knowledge, &inbound.text, remembered.as_deref(), locale.as_deref()),
        Some(_) => detected,
        None => None,
    };
    // Who has a program in Latin letters reads another language in them rather than one in other letters.
    let near = locale.as_deref().is_some_and(text::is_latin).then(|| in_latin(knowledge)).flatten();
    let known = [wanted, remembered, locale].into_iter().flatten();
    let known = known.into_iter().find_map(|language| served(knowledge, &language));
    known.or(near).unwrap_or_else(|| default(knowledge))
}

/// The language of a message in Latin letters; none if it tells nothing, and what was known decides.
fn latin(knowledge: &Knowledge, text: &str, remembered: Option<&str>, locale: Option<&str>) -> Option<String> {
    let guess = knowledge.vocabulary.guess(knowledge.matcher.fold(), text);
    let known = remembered.or(locale).and_then(|language| served(knowledge, language));
    if guess.words < ENOUGH && known.is_some() {
        return None;
    }
    // One word more is not enough to change over from a language in the same letters.
    let settled = remembered.and_then(|language| served(knowledge, language)).filter(|l| text::is_latin(l));
    let needed = if settled.is_some() { text::WORD + 1 } else { 1 };
    if let Some(language) = guess.language.filter(|language| guess.lead >= needed || settled.as_ref() == Some(language))
    {
        return Some(language);
    }
    if guess.foreign && known.is_some() {
        return None;
    }
    // Its letters tell more than a language in others.
    known.filter(|l| text::is_latin(l)).or_else(|| in_latin(knowledge))
}

/// The shop's language for customers of whom only the letters are known: English is what most people read.
fn in_latin(knowledge: &Knowledge) -> Option<String> {
    served(knowledge, "en").or_else(|| knowledge.languages.iter().find(|language| text::is_latin(language)).cloned())
}

fn default(knowledge: &Knowledge) -> String {
    knowledge.languages.first().cloned().unwrap_or_else(|| "en".to_owned())
}

/// The served language nearest to the one that is wanted.
fn served(knowledge: &Knowledge, wanted: &str) -> Option<String> {
    let has = |code: &str| knowledge.languages.iter().find(|l| *l == code).cloned();
    let family = wanted.split('-').next().unwrap_or(wanted);
    has(wanted)
        .or_else(|| has(family))
        .or_else(|| knowledge.languages.iter().find(|l| l.split('-').next() == Some(family)).cloned())
}

/// Languages of a shop in which a text is looked for that lacks one, best first: who reads Latin letters reads another language in
/// them rather than one in other letters; then the shop's first.
pub fn instead<'k>(languages: &'k [String], wanted: &str) -> impl Iterator<Item = &'k str> {
    let latin = text::is_latin(wanted);
    let near = languages.iter().filter(move |code| latin && text::is_latin(code));
    near.chain(languages.first()).map(String::as_str)
}

/// Which of a text's languages serves one that is wanted, and whether it is to be written in Traditional characters.
fn pick(knowledge: &Knowledge, written: &BuiltText, wanted: &str) -> Option<(TemplateId, String, bool)> {
    let get = |code: &str| written.by_language.get(code).copied();
    if let Some(id) = get(wanted) {
        return Some((id, wanted.to_owned(), false));
    }
    let family = wanted.split('-').next().unwrap_or(wanted);
    let traditional = wanted == "zh-Hant";
    if let Some(id) = get(family) {
        return Some((id, wanted.to_owned(), traditional));
    }
    if let Some(id) = get("") {
        return Some((id, wanted.to_owned(), traditional));
    }
    instead(&knowledge.languages, wanted)
        .find_map(|code| Some((get(code)?, code.to_owned())))
        .or_else(|| written.by_language.iter().next().map(|(code, id)| (*id, code.clone())))
        .map(|(id, code)| (id, code, false))
}

/// A text for a customer, with the language that it is in.
///
/// # Errors
/// When its template fails.
pub fn say(
    knowledge: &Knowledge,
    text: &BuiltText,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    scope: Scope<'_>,
) -> Result<(String, String), TemplateError> {
    let Some((id, language, traditional)) = pick(knowledge, text, scope.language) else {
        return Ok((String::new(), scope.language.to_owned()));
    };
    // Times are said in Simplified and converted with the rest.
    let spoken = if traditional { "zh" } else { &language };
    let context = || context::context(knowledge, inbound, conversation, now, Scope { language: spoken, ..scope });
    let mut said = knowledge.templates.render(id, context)?;
    if traditional {
        said = knowledge.variants.to_traditional(&said);
    }
    Ok((said.trim().to_owned(), language))
}
