//! Every text tried out once at load, in every language, so that a mistake is found by `check` and not by a customer.

use jiff::Timestamp;

use crate::decide::Knowledge;
use crate::decide::context::{Scope, context};
use crate::decide::knowledge::{BuiltRule, BuiltText};
use crate::diag::Report;
use crate::message::{Conversation, Customer, Fetched, Filled, Inbound, Ladder, OpenHandoff, Priority, Survey};
use crate::rules::Book;
use crate::rules::model::{Located, Text};

use super::texts::template_finding;

/// A case that was rated.
fn survey(now: Timestamp) -> Survey {
    let handoff = OpenHandoff {
        id: "h_sample".into(),
        queue: String::new(),
        priority: Priority::Normal,
        reason: "sample".into(),
        created_at: now,
        served_by: None,
        ladder: Ladder::default(),
    };
    Survey {
        handoff,
        agent: None,
        asked_at: now,
        passed_over: false,
        score: Some(5),
        answered_at: Some(now),
        comment: None,
    }
}

/// Notices that answer a score.
const SCORED: [&str; 3] = ["rated", "rated_low", "commented"];

/// Renders every text of a built set with sample values.
pub(super) fn try_texts(knowledge: &Knowledge, book: &Book, report: &mut Report) {
    let now = Timestamp::from_second(1_790_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
    let inbound = Inbound::words(
        "msg_sample",
        book.settings.channels.first().map(|(name, _)| name.as_str()).unwrap_or_default(),
        Customer { id: "sample".into(), name: Some("sample".into()), ..Customer::default() },
        "sample",
    );
    let conversation = Conversation::new("c_sample".into(), &inbound.channel, "sample", inbound.customer.clone(), now);
    let queue = knowledge.queues.keys().next().map(String::as_str);
    let mut try_text = |written: &Text, built: &BuiltText, rule: Option<&BuiltRule>, scored: bool| {
        let (mut inbound, mut conversation) = (inbound.clone(), conversation.clone());
        conversation.survey = scored.then(|| survey(now));
        if let Some(rule) = rule {
            let filled = || Filled { value: "sample".into(), at: now };
            conversation.slots = rule.slots.iter().map(|slot| (slot.name.clone(), filled())).collect();
            inbound.fetched = rule.lookup.as_ref().map(|lookup| Fetched {
                error: None,
                status: 200,
                body: lookup.sample.clone().unwrap_or_default(),
            });
            // Without a sample nobody knows what is in an answer.
            let unknown = rule.lookup.as_ref().is_some_and(|lookup| lookup.sample.is_none());
            let uses = |text: &Located<String>| text.value.contains("lookup.");
            if unknown && written.by_language.values().any(uses) {
                return;
            }
        }
        for (language, id) in &built.by_language {
            let said = if language.is_empty() { &knowledge.languages[0] } else { language };
            let values = context(
                knowledge,
                &inbound,
                &conversation,
                now,
                Scope::of(queue, rule.map(|rule| rule.id.as_str()), said),
            );
            if let (Err(error), Some(source)) =
                (knowledge.templates.render(*id, || values.clone()), written.by_language.get(language))
            {
                report.push(template_finding(&error, source, report));
            }
        }
    };
    for (rule, built) in book.rules.iter().zip(knowledge.rules.iter()) {
        let texts = rule.replies.iter().zip(&built.replies).chain(rule.title.iter().zip(&built.title));
        texts.for_each(|(written, text)| try_text(written, text, Some(built), false));
        for (slot, text) in rule.slots.iter().zip(&built.slots) {
            try_text(&slot.ask, &text.ask, None, false);
            if let (Some(retry), Some(text)) = (&slot.retry, &text.retry) {
                try_text(retry, text, None, false);
            }
        }
        for (branch, text) in rule.then.iter().zip(&built.then) {
            let texts = branch.replies.iter().zip(&text.act.replies);
            texts.for_each(|(written, text)| try_text(written, text, Some(built), false));
        }
    }
    if let Some(labels) = &book.settings.survey.labels {
        labels
            .value
            .iter()
            .zip(&knowledge.survey.labels)
            .for_each(|(written, text)| try_text(written, text, None, false));
    }
    for (id, written) in &book.settings.notices {
        if let Some(built) = knowledge.notices.get(id) {
            try_text(written, built, None, SCORED.contains(&id.as_str()));
        }
    }
}
