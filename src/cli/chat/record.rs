//! A chat as a conversation test: what was said becomes `say`, what came of it `expect`.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::Failure;
use crate::diag::{Format, Report, quoted};
use crate::engine::Engine;
use crate::hours::iso;
use crate::message::{Customer, QueueEvent};
use crate::modes::Mode;
use crate::rehearsal::{Step, Turn, Word, play, read};

/// What happened so far.
#[derive(Debug)]
pub(super) struct Recording {
    channel: String,
    customer: Customer,
    at: Timestamp,
    modes: Vec<Mode>,
    steps: Vec<(Step, Vec<Turn>)>,
}

impl Recording {
    pub(super) fn new(channel: &str, customer: &Customer, at: Timestamp, modes: &[Mode]) -> Self {
        Self { channel: channel.to_owned(), customer: customer.clone(), at, modes: modes.to_vec(), steps: Vec::new() }
    }

    pub(super) fn add(&mut self, step: Step, turns: Vec<Turn>) {
        self.steps.push((step, turns));
    }

    /// The text of a test file, which passes with these files.
    pub(super) fn test(&self, name: &str, engine: &Engine) -> Result<String, Failure> {
        anyhow::ensure!(
            name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) && !name.starts_with('.'),
            "`{name}` cannot be the name of a file; use letters, digits, - and _"
        );
        anyhow::ensure!(self.steps.iter().any(|(step, _)| step.word.is_some()), "nothing was said yet");
        let text = self.written(name, engine);
        let mut report = Report::default();
        let scripts = read(&format!("tests/conversations/{name}.yaml"), &Arc::from(text.as_str()), &mut report);
        anyhow::ensure!(report.errors() == 0, "{}", report.render(Format::Human, false));
        let differences: Vec<String> = scripts
            .iter()
            .flat_map(|script| play(engine, script).turns)
            .flat_map(|turn| {
                turn.differences
                    .into_iter()
                    .map(move |difference| format!("“{}”: {} is {}", turn.said, difference.expected, difference.actual))
            })
            .collect();
        anyhow::ensure!(
            differences.is_empty(),
            "the files answer otherwise by now, so /new and say it again:\n{}",
            differences.join("\n")
        );
        Ok(text)
    }

    fn written(&self, name: &str, engine: &Engine) -> String {
        let mut out =
            format!("conversations:\n  - name: {}\n    at: {}\n", quoted(name), iso(self.at, &engine.knowledge().zone));
        let customer = [
            ("id", Some(&self.customer.id)),
            ("tier", self.customer.tier.as_ref()),
            ("name", self.customer.name.as_ref()),
        ];
        let mut known: Vec<String> =
            customer.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", quoted(value?)))).collect();
        if !self.customer.attributes.is_empty() {
            let attributes = serde_json::Value::Object(self.customer.attributes.clone());
            known.push(format!("attributes: {attributes}"));
        }
        // Writing into a String cannot fail.
        let _ = writeln!(out, "    customer: {{{}}}", known.join(", "));
        let first = engine.book().settings.channels.first().map(|(name, _)| name);
        if first != Some(&self.channel) {
            let _ = writeln!(out, "    channel: {}", self.channel);
        }
        if !self.modes.is_empty() {
            let modes: Vec<&str> = self.modes.iter().map(|mode| mode.as_str()).collect();
            let _ = writeln!(out, "    modes: [{}]", modes.join(", "));
        }
        out.push_str("    turns:\n");
        for (step, turns) in &self.steps {
            let mut keys = Vec::new();
            if !step.wait.is_zero() {
                keys.push(format!("wait: {}s", step.wait.as_secs()));
            }
            keys.extend(step.word.as_ref().map(happens));
            let expected = turns.iter().rev().find_map(expected);
            if keys.is_empty() {
                continue;
            }
            let _ = match expected {
                Some(expected) => writeln!(out, "      - {}\n        expect: {{{expected}}}", keys.join("\n        ")),
                None => writeln!(out, "      - {}", keys.join("\n        ")),
            };
        }
        out
    }
}

fn happens(word: &Word) -> String {
    match word {
        Word::Say(texts) => match texts.as_slice() {
            [text] => format!("say: {}", quoted(text)),
            texts => format!("say: [{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
        },
        Word::Send(kind, text) => format!("send: {{kind: {}, text: {}}}", kind.as_str(), quoted(text)),
        Word::Select(option) => format!("select: {}", quoted(option)),
        Word::Take => "person: take".to_owned(),
        Word::Return => "person: return".to_owned(),
        Word::Close => "person: close".to_owned(),
    }
}

/// What is expected of a turn: what was decided, and whether people heard of it. Not the words, which are edited.
fn expected(turn: &Turn) -> Option<String> {
    let outcome = turn.outcome.as_ref()?;
    let decision = &outcome.decision;
    let handoff = match &outcome.queue {
        Some(QueueEvent::Created { .. }) => outcome.conversation.handoff.as_ref().map(|handoff| handoff.reason.clone()),
        _ => None,
    };
    let mut keys = vec![
        format!("outcome: {}", decision.outcome),
        format!("rule: {}", decision.rule.as_deref().map_or_else(|| "none".to_owned(), quoted)),
        format!("handoff: {}", handoff.as_deref().map_or_else(|| "none".to_owned(), quoted)),
    ];
    let queue = outcome.conversation.handoff.as_ref().map(|open| &open.queue);
    keys.extend(queue.filter(|_| handoff.is_some()).map(|queue| format!("queue: {}", quoted(queue))));
    Some(keys.join(", "))
}
