//! Answers for a person to send: what the shop's entries say to a few words, ready to be sent.

use jiff::Timestamp;
use serde::Serialize;

use crate::decide::{context::Scope, speak};
use crate::message::{Conversation, Inbound};
use crate::rules::model::Origin;

use super::Engine;

/// An entry that fits a few words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suggestion {
    /// The entry's id.
    pub rule: String,
    /// Its title in the customer's language; its id if it has none.
    pub title: String,
    /// Its answer, with all values filled in.
    pub answer: String,
    /// Language that the answer is in.
    pub language: String,
    /// How sure it is that this is meant, from 0 to 1.
    pub score: f32,
}

impl Engine {
    /// The entries that a text is most like, the nearest first, with what they would say to this customer. Entries that are not
    /// used today, or not on this channel, are left out.
    #[must_use]
    pub fn suggest(&self, text: &str, conversation: &Conversation, now: Timestamp, most: usize) -> Vec<Suggestion> {
        let knowledge = &self.knowledge;
        let inbound = Inbound::words("", &conversation.channel, conversation.customer.clone(), text);
        // What the person types tells the customer's language only as long as nothing else does.
        let silent = Inbound { text: String::new(), ..inbound.clone() };
        let asked = if conversation.language.is_some() { &silent } else { &inbound };
        let language = speak::language(knowledge, asked, conversation);
        let queue = self.queue(&inbound, conversation, now);
        let today = now.to_zoned(knowledge.zone.clone()).date();
        let view = knowledge.matcher.view(text);
        let rules = knowledge.matcher.guesses(&view).into_iter().filter_map(|guess| {
            let rule = knowledge.rules.get(guess.rule as usize)?;
            let usable = rule.origin == Origin::Faq && rule.valid(today, &conversation.channel);
            usable.then_some((rule, guess.near.confidence))
        });
        let suggestions = rules.filter_map(|(rule, score)| {
            let scope = Scope::of(Some(&queue), Some(&rule.id), &language);
            let say = |text| speak::say(knowledge, text, &inbound, conversation, now, scope).ok();
            let (answer, language) = say(rule.replies.first()?).filter(|(answer, _)| !answer.is_empty())?;
            let title = rule.title.as_ref().and_then(say).map(|(title, _)| title).filter(|title| !title.is_empty());
            Some(Suggestion {
                rule: rule.id.clone(),
                title: title.unwrap_or_else(|| rule.id.clone()),
                answer,
                language,
                score,
            })
        });
        suggestions.take(most).collect()
    }
}
