//! Labelled messages: what customers wrote, with the entry that each should get, and figures of how well they are understood.
//!
//! A file is tab-separated: `label<TAB>text`, `label<TAB>language<TAB>text`, or `split<TAB>label<TAB>text`, where the split is `train`,
//! `val` or `test`. A label is the id of an entry or rule, several joined by `|` (any of them) or `+` (all asked at once),
//! or `oos` for what a person must take. Lines that begin with `#` are left out.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::engine::Engine;
use crate::message::{Customer, OutcomeKind};

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// An example of its entry.
    Train,
    /// For tuning: counted only when nothing is for testing.
    Validation,
    /// Counted.
    Test,
}

/// A message with the answer that it should get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// What it is for.
    pub split: Split,
    /// Ids of which any is right; empty for a person.
    pub right: Vec<String>,
    /// What the customer wrote.
    pub text: String,
}

impl Labelled {
    /// Whether an entry or rule is among those that are right.
    #[must_use]
    pub fn is_right(&self, id: &str) -> bool {
        self.right.iter().any(|right| right == id || as_id(right) == id)
    }
}

/// Happens when a line cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {what}; write label<TAB>text, with the id of an entry or oos as the label")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads a file's text.
///
/// # Errors
/// When a line has no label or no text.
pub fn labelled(text: &str) -> Result<Vec<Labelled>, LineError> {
    let mut out = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = line.split('\t');
        let wrong = |what| LineError { line: at + 1, what };
        let first = fields.next().filter(|first| !first.is_empty()).ok_or_else(|| wrong("there is no label"))?;
        let second = fields.next().ok_or_else(|| wrong("there is no tab"))?;
        let split = match first {
            "train" => Some(Split::Train),
            "val" => Some(Split::Validation),
            "test" => Some(Split::Test),
            _ => None,
        };
        let (label, text) = match (split, fields.next()) {
            (Some(_), Some(text)) => (second, text),
            (None, Some(text)) => (first, text),
            (_, None) => (first, second),
        };
        let right = if label == "oos" { Vec::new() } else { label.split(['|', '+']).map(str::to_owned).collect() };
        out.push(Labelled { split: split.unwrap_or(Split::Test), right, text: text.to_owned() });
    }
    Ok(out)
}

/// What was done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answered, or acted on, by the entry or rule of its label.
    Right,
    /// Answered by another.
    Wrong,
    /// Offered titles, the right one among them.
    OfferedRight,
    /// Offered titles, none of them right.
    OfferedWrong,
    /// Brought to a person.
    Person,
}

/// A message and what came of it.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The message.
    pub message: &'a Labelled,
    /// What was done.
    pub verdict: Verdict,
    /// The entry or rule that acted, if one did.
    pub rule: Option<String>,
    /// The best entry, acted or not.
    pub best: Option<String>,
    /// How sure it was, from 0 to 1.
    pub confidence: f64,
}

/// Lets the engine decide each message as the first of a conversation.
#[must_use]
pub fn judge<'a>(engine: &Engine, messages: &[&'a Labelled], now: Timestamp) -> Vec<Judged<'a>> {
    let customer = Customer { id: "eval".into(), ..Customer::default() };
    messages
        .iter()
        .filter_map(|message| {
            let outcome = engine.first_messages(None, &customer, &[&message.text], now)?.pop()?;
            let decision = outcome.decision;
            let fits = |id: &str| message.is_right(id);
            let verdict = match (decision.outcome, &decision.rule) {
                (OutcomeKind::Choice, _) => {
                    let offered = outcome.replies.iter().flat_map(|reply| &reply.options).any(|o| fits(&o.id));
                    if offered { Verdict::OfferedRight } else { Verdict::OfferedWrong }
                }
                (_, Some(rule)) if fits(rule) => Verdict::Right,
                (OutcomeKind::Faq | OutcomeKind::Rule | OutcomeKind::Smalltalk, Some(_)) => Verdict::Wrong,
                _ => Verdict::Person,
            };
            let first = decision.candidates.first();
            Some(Judged {
                message,
                verdict,
                best: decision.rule.clone().or_else(|| first.map(|first| first.rule.clone())),
                rule: decision.rule,
                confidence: decision.score.or_else(|| first.map(|first| first.score)).unwrap_or(0.0),
            })
        })
        .collect()
}

/// Figures at a bar: shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtBar {
    /// Of the in-scope messages, those whose best entry is right and over the bar.
    pub right: f64,
    /// Of the out-of-scope messages, those below the bar.
    pub refused: f64,
    /// Of the messages over the bar, those that are right.
    pub precision: f64,
    /// Of all messages, those over the bar.
    pub answered: f64,
}

/// Figures of a set of messages.
#[derive(Clone, Debug)]
pub struct Figures {
    /// (in scope, best entry right, confidence) of each message.
    points: Vec<(bool, bool, f64)>,
    verdicts: Vec<(bool, Verdict)>,
}

#[allow(clippy::cast_precision_loss, reason = "counts of messages")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { f64::NAN } else { part as f64 / whole as f64 }
}

impl Figures {
    /// Counts.
    #[must_use]
    pub fn new(judged: &[Judged<'_>]) -> Self {
        let points = judged.iter().map(|one| {
            let right = one.best.as_ref().is_some_and(|best| one.message.is_right(best));
            (!one.message.right.is_empty(), right, one.confidence)
        });
        Self {
            points: points.collect(),
            verdicts: judged.iter().map(|one| (!one.message.right.is_empty(), one.verdict)).collect(),
        }
    }

    /// Messages in scope and out of it.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let inside = self.points.iter().filter(|point| point.0).count();
        (inside, self.points.len() - inside)
    }

    /// Of the in-scope messages, those whose best entry is the right one, whatever the bar.
    #[must_use]
    pub fn top1(&self) -> f64 {
        share(self.points.iter().filter(|point| point.0 && point.1).count(), self.counts().0)
    }

    /// The chance that an in-scope message has a higher confidence than an out-of-scope one; ties count half.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of messages")]
    pub fn auroc(&self) -> f64 {
        let (inside, outside) = self.counts();
        if inside == 0 || outside == 0 {
            return f64::NAN;
        }
        let mut sorted: Vec<(f64, bool)> = self.points.iter().map(|(inside, _, sure)| (*sure, *inside)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut below, mut sum) = (0.0, 0.0);
        for same in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let inside = same.iter().filter(|point| point.1).count() as f64;
            let outside = same.len() as f64 - inside;
            sum += inside * (below + outside / 2.0);
            below += outside;
        }
        sum / (inside as f64 * outside as f64)
    }

    /// Figures if everything over a bar were answered.
    #[must_use]
    pub fn at(&self, bar: f64) -> AtBar {
        let (inside, outside) = self.counts();
        let over = |point: &&(bool, bool, f64)| point.2 > bar;
        let answered = self.points.iter().filter(over).count();
        let right = self.points.iter().filter(over).filter(|point| point.0 && point.1).count();
        let refused = self.points.iter().filter(|point| !point.0 && point.2 <= bar).count();
        AtBar {
            right: share(right, inside),
            refused: share(refused, outside),
            precision: share(right, answered),
            answered: share(answered, self.points.len()),
        }
    }

    /// The lowest bar at which so large a share of the out-of-scope messages is refused.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "counts")]
    pub fn bar_refusing(&self, share: f64) -> f64 {
        let mut outside: Vec<f64> = self.points.iter().filter(|point| !point.0).map(|point| point.2).collect();
        outside.sort_by(f64::total_cmp);
        let needed = (share * outside.len() as f64).ceil() as usize;
        needed.checked_sub(1).and_then(|at| outside.get(at).copied()).unwrap_or(0.0)
    }

    /// How many messages in scope, or out of it, got a verdict.
    #[must_use]
    pub fn count(&self, inside: bool, verdict: Verdict) -> usize {
        self.verdicts.iter().filter(|one| **one == (inside, verdict)).count()
    }

    /// Of the messages that were answered or acted on, those that were right.
    #[must_use]
    pub fn right_of_answered(&self) -> f64 {
        let right = self.count(true, Verdict::Right);
        let wrong = self.count(true, Verdict::Wrong) + self.count(false, Verdict::Wrong);
        share(right, right + wrong)
    }

    /// Of the out-of-scope messages, those that got no answer.
    #[must_use]
    pub fn refused(&self) -> f64 {
        let outside = self.counts().1;
        share(outside - self.count(false, Verdict::Wrong), outside)
    }

    /// Of the in-scope messages, those that were answered rightly.
    #[must_use]
    pub fn answered_rightly(&self) -> f64 {
        share(self.count(true, Verdict::Right), self.counts().0)
    }
}

/// FAQ files made of the examples of a set, one entry for each label, and a shop around them that has so much memory to learn.
#[must_use]
pub fn files(examples: &[&Labelled], memory_mb: u32) -> Vec<(String, String)> {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut at = std::collections::HashMap::new();
    for example in examples {
        let Some(label) = example.right.first() else { continue };
        let index = *at.entry(label.as_str()).or_insert_with(|| {
            entries.push((label, Vec::new()));
            entries.len() - 1
        });
        entries[index].1.push(&example.text);
    }
    // JSON strings are YAML strings, whatever stands in them.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    // An id has letters, digits, dots and dashes; a label may have anything.
    let id = |label: &str| quoted(&as_id(label));
    // Writing into a String cannot fail.
    let mut faq = String::from("faq:\n");
    for (label, questions) in entries {
        let first = questions.first().copied().unwrap_or_default();
        let _ =
            writeln!(faq, "  - id: {}\n    title: {}\n    answer: answered\n    questions:", id(label), title(first));
        for question in questions {
            let _ = writeln!(faq, "      - {}", quoted(question));
        }
    }
    let shop = format!("{SHOP}matching: {{memory_mb: {memory_mb}}}\n");
    vec![("nightdesk.yaml".to_owned(), shop), ("faq/data.yaml".to_owned(), faq)]
}

/// A label as an id may be written.
fn as_id(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect()
}

/// A title that tells no more than the first example, and is no template.
fn title(example: &str) -> String {
    serde_json::Value::from(example.replace(['{', '}'], " ")).to_string()
}

/// A shop with one queue.
const SHOP: &str = "timezone: UTC\nlanguages: [en, zh]\nhours: {always: {weekly: {mon-sun: [\"00:00-24:00\"]}}}\n\
    queues: {general: {hours: always}}\nroutes: [{queue: general}]\nchannels: {web: {kind: websocket}}\n\
    notices: {choice: \"Which one?\", closed: \"Later.\", handed_over: \"Soon.\"}\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_three_forms() {
        let read = labelled("# remark\nreturns.window\t怎么退\n\noos\tzh\t天气\ntrain\ta\tb\ntest\ta|c\td\n")
            .expect("readable");
        let forms: Vec<_> = read.iter().map(|one| (one.split, one.right.join(","), one.text.as_str())).collect();
        assert_eq!(
            forms,
            [
                (Split::Test, "returns.window".to_owned(), "怎么退"),
                (Split::Test, String::new(), "天气"),
                (Split::Train, "a".to_owned(), "b"),
                (Split::Test, "a,c".to_owned(), "d"),
            ]
        );
        assert_eq!(labelled("no tab here").expect_err("no tab").line, 1);
    }

    #[test]
    fn figures_of_a_small_set() {
        let point = |inside, right, sure| (inside, right, sure);
        let figures = Figures {
            points: vec![
                point(true, true, 0.9),
                point(true, false, 0.6),
                point(false, false, 0.5),
                point(false, false, 0.1),
            ],
            verdicts: Vec::new(),
        };
        assert!((figures.top1() - 0.5).abs() < 1e-9);
        assert!((figures.auroc() - 1.0).abs() < 1e-9);
        assert!((figures.bar_refusing(0.5) - 0.1).abs() < 1e-9);
        let at = figures.at(0.55);
        assert!((at.right - 0.5).abs() < 1e-9 && (at.refused - 1.0).abs() < 1e-9 && (at.precision - 0.5).abs() < 1e-9);
    }
}
