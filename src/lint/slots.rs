//! Expressions about a piece of information that no rule asks for: it is always empty, so they never do what they say.

use std::collections::BTreeSet;

use crate::diag::{Finding, Report, nearest};
use crate::engine::{Engine, inside};
use crate::rules::model::{Condition, Located};
use crate::template::Templates;

pub(super) fn check(engine: &Engine, report: &mut Report) {
    let book = engine.book();
    let mut expressions: Vec<&Located<String>> = Vec::new();
    for rule in &book.rules {
        collect(&rule.when, &mut expressions);
        expressions.extend(rule.then.iter().filter_map(|branch| branch.condition.as_ref()));
        expressions.extend(rule.lookup.iter().filter_map(|lookup| lookup.condition.as_ref()));
    }
    expressions.extend(book.settings.routes.iter().filter_map(|route| route.condition.as_ref()));
    expressions.retain(|expression| expression.value.contains("slots"));
    if expressions.is_empty() {
        return;
    }
    let asked: BTreeSet<&str> =
        book.rules.iter().flat_map(|rule| &rule.slots).map(|slot| slot.name.value.as_str()).collect();
    let mut templates = Templates::new();
    for expression in expressions {
        let Ok((_, names)) = templates.expression(&expression.value) else { continue };
        for name in names {
            let Some(slot) = name.strip_prefix("slots.").and_then(|rest| rest.split('.').next()) else { continue };
            if asked.contains(slot) {
                continue;
            }
            let at = expression.value.find(&name).map(|at| at..at + name.len());
            let finding = Finding::warning("never-filled", format!("no rule asks for `{slot}`, so it is always empty"))
                .at(&inside(expression, at, report))
                .help(format!(
                    "add it to the `slots` of the rule that needs it, as in slots: {{{slot}: {{pattern: …, ask: …}}}}"
                ));
            report.push(match nearest(slot, asked.iter().copied()) {
                Some(word) => finding.label(format!("did you mean `slots.{word}`?")),
                None => finding,
            });
        }
    }
}

fn collect<'a>(condition: &'a Condition, out: &mut Vec<&'a Located<String>>) {
    match condition {
        Condition::If(expression) => out.push(expression),
        Condition::All(list) | Condition::Any(list) | Condition::None(list) => {
            for condition in list {
                collect(condition, out);
            }
        }
        Condition::Phrase(_) | Condition::Like(_) | Condition::Regex(_) => {}
    }
}
