//! Slots and branches of a rule, compiled, with each mistake put where it stands in the file.

use std::collections::HashMap;

use regex::RegexBuilder;

use crate::decide::knowledge::{BuiltBranch, BuiltRule, BuiltSlot};
use crate::diag::{Finding, Report};
use crate::rules::Book;
use crate::rules::model::{Branch, Rule, SlotSpec};
use crate::template::Templates;

use super::build::{built_rule, pattern_finding};
use super::texts;

/// Memory that one pattern may take.
const SIZE_LIMIT: usize = 1 << 20;

/// A slot; none if its pattern cannot be used.
pub(super) fn slot(slot: &SlotSpec, templates: &mut Templates, report: &mut Report) -> Option<BuiltSlot> {
    let ask = texts::text(&slot.ask, templates, report);
    let retry = slot.retry.as_ref().map(|retry| texts::text(retry, templates, report));
    let pattern = match RegexBuilder::new(&slot.pattern.value).size_limit(SIZE_LIMIT).build() {
        Ok(pattern) => pattern,
        Err(error) => {
            report.push(pattern_finding(&slot.pattern, &error.to_string()));
            return None;
        }
    };
    if pattern.is_match("") {
        report.push(
            Finding::error(
                "matches-everything",
                format!("the pattern of `{}` fits even an empty message", slot.name.value),
            )
            .at(&slot.pattern.place)
            .help(r"name what must be there, such as \d{12,18}; for words of any kind write (?s)\S.* and only_asked: true"),
        );
    }
    let (attempts, only_asked) = (slot.attempts, slot.only_asked);
    Some(BuiltSlot { name: slot.name.value.clone(), pattern, ask, retry, attempts, only_asked })
}

/// A branch as a rule of its own under the id of the whole.
pub(super) fn branch(
    branch: &Branch,
    rule: &Rule,
    book: &Book,
    by_id: &HashMap<String, u32>,
    templates: &mut Templates,
    report: &mut Report,
) -> BuiltBranch {
    if branch.replies.is_empty() && branch.handoff.is_none() {
        report.push(
            Finding::error("does-nothing", "this branch has neither a reply nor a hand-off")
                .at(&branch.place)
                .help("add reply: {zh: …, en: …} or handoff: {queue: …}"),
        );
    }
    let condition =
        branch.condition.as_ref().map(|source| texts::expression(source, &book.settings.values, templates, report));
    let act: BuiltRule = built_rule(
        &Rule {
            replies: branch.replies.clone(),
            options: branch.options.clone(),
            handoff: branch.handoff.clone(),
            tags: rule.tags.iter().chain(&branch.tags).cloned().collect(),
            slots: Vec::new(),
            lookup: None,
            then: Vec::new(),
            title: None,
            from: None,
            until: None,
            channels: Vec::new(),
            ..rule.clone()
        },
        book,
        by_id,
        templates,
        report,
    );
    BuiltBranch { condition, act }
}

/// Finds branches below one that always holds: they are never reached.
pub(super) fn check(rule: &Rule, report: &mut Report) {
    let last = rule.then.iter().position(|branch| branch.condition.is_none());
    if let Some((always, next)) = last.and_then(|at| Some((&rule.then[at], rule.then.get(at + 1)?))) {
        report.push(
            Finding::error("never-reached", "this branch is never reached: one above it always holds")
                .at(&next.place)
                .and(&always.place, "this one has no `if`")
                .help("give the one above an `if`, or move it to the end"),
        );
    }
}
