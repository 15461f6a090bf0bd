//! Every text tried out once at load, in every language, so that a mistake is found by `check` and not by a customer.

use jiff::Timestamp;

use crate::decide::Knowledge;
use crate::decide::context::{Scope, context};
use crate::decide::knowledge::BuiltText;
use crate::diag::Report;
use crate::message::{Conversation, Customer, Inbound};
use crate::rules::Book;
use crate::rules::model::Text;

use super::texts::template_finding;

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
    let mut try_text = |written: &Text, built: &BuiltText, rule: Option<&str>| {
        for (language, id) in &built.by_language {
            let said = if language.is_empty() { &knowledge.languages[0] } else { language };
            let values = context(knowledge, &inbound, &conversation, now, Scope { queue, rule, language: said });
            if let (Err(error), Some(source)) =
                (knowledge.templates.render(*id, || values.clone()), written.by_language.get(language))
            {
                report.push(template_finding(&error, source, report));
            }
        }
    };
    for (rule, built) in book.rules.iter().zip(&knowledge.rules) {
        let texts = rule.replies.iter().zip(&built.replies).chain(rule.title.iter().zip(&built.title));
        texts.for_each(|(written, text)| try_text(written, text, Some(&built.id)));
    }
    for (id, written) in &book.settings.notices {
        if let Some(built) = knowledge.notices.get(id) {
            try_text(written, built, None);
        }
    }
}
