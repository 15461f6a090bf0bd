//! Texts in the customer's language: which one is meant, and how it falls back.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound};
use crate::template::{TemplateError, TemplateId};
use crate::text::{self, Lang};

use super::context::{self, Scope};
use super::knowledge::{BuiltText, Knowledge};

/// The language to answer in: of the message by its script, else as remembered, else as the client says, else the shop's first.
#[must_use]
pub fn language(knowledge: &Knowledge, inbound: &Inbound, conversation: &Conversation) -> String {
    let fold = knowledge.matcher.fold();
    let detected = text::detect(&inbound.text, fold).map(|l| l.as_str().to_owned());
    let locale = inbound.locale.as_deref().and_then(Lang::parse_locale).map(|l| l.as_str().to_owned());
    // A short Chinese message may hold no character that tells the scripts apart: what was known before decides then.
    let shared = detected.as_deref() == Some("zh") && !text::is_surely_simplified(&inbound.text, fold);
    let earlier = || conversation.language.clone().or_else(|| locale.clone());
    let wanted = match detected {
        Some(_) if shared => Some(earlier().filter(|l| l.starts_with("zh")).unwrap_or_else(|| "zh".to_owned())),
        Some(detected) => Some(detected),
        None => earlier(),
    };
    wanted
        .and_then(|wanted| served(knowledge, &wanted))
        .or_else(|| locale.and_then(|l| served(knowledge, &l)))
        .unwrap_or_else(|| default(knowledge))
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

/// Which of a text's languages serves one that is wanted, and whether it is to be written in Traditional characters.
fn pick(knowledge: &Knowledge, text: &BuiltText, wanted: &str) -> Option<(TemplateId, String, bool)> {
    let get = |code: &str| text.by_language.get(code).copied();
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
    let fallback = default(knowledge);
    get(&fallback)
        .map(|id| (id, fallback))
        .or_else(|| text.by_language.iter().next().map(|(code, id)| (*id, code.clone())))
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
