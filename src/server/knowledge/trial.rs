//! What would be answered to a message, and why. Nothing is kept, sent or counted.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::decide::Outcome;
use crate::engine::Engine;
use crate::matching::View;
use crate::message::{Customer, QueueEvent};

/// Longest text, in bytes.
const MAX_TEXT: usize = 16 * 1024;
/// Most messages before it in a row.
const MAX_EARLIER: usize = 10;

/// A message to try.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    text: String,
    #[serde(default)]
    earlier: Vec<String>,
    channel: Option<String>,
    tier: Option<String>,
    customer: Option<String>,
    at: Option<String>,
}

impl Trial {
    /// Decides it; the error says what is wrong with the request.
    pub(super) fn run(&self, engine: &Engine, now: Timestamp) -> Result<Value, String> {
        if self.earlier.iter().chain([&self.text]).any(|text| text.len() > MAX_TEXT) {
            return Err(format!("A text may have {MAX_TEXT} bytes."));
        }
        if self.earlier.len() > MAX_EARLIER {
            return Err(format!("`earlier` may have {MAX_EARLIER} messages."));
        }
        let named = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let at = named(&self.at).map_or(Ok(now), |at| instant(&at, &engine.knowledge().zone))?;
        let id = named(&self.customer).unwrap_or_else(|| "try".to_owned());
        let customer = Customer { id, tier: named(&self.tier), ..Customer::default() };
        let texts: Vec<&str> = self.earlier.iter().chain([&self.text]).map(String::as_str).collect();
        let outcomes = engine.first_messages(named(&self.channel).as_deref(), &customer, &texts, at);
        let outcomes = outcomes.ok_or("There is no such channel in nightdesk.yaml.")?;
        let Some((outcome, earlier)) = outcomes.split_last() else { return Err("There is no text.".to_owned()) };
        let mut value = engine.explained(outcome);
        let text = outcome.trace.joined.as_deref().unwrap_or(&self.text);
        value["at"] = json!(at);
        value["pieces"] = pieces(engine, outcome, text);
        value["handoff"] = handoff(outcome);
        let earlier = self.earlier.iter().zip(earlier).map(|(text, outcome)| {
            let decision = &outcome.decision;
            json!({"text": text, "outcome": decision.outcome, "reason": decision.reason, "rule": decision.rule})
        });
        value["earlier"] = earlier.collect();
        Ok(value)
    }
}

fn handoff(outcome: &Outcome) -> Value {
    let what = match outcome.queue {
        Some(QueueEvent::Created { .. }) => "new",
        Some(QueueEvent::Message) => "told",
        None => "open",
    };
    outcome.conversation.handoff.as_ref().map_or(Value::Null, |handoff| {
        json!({
            "queue": handoff.queue, "priority": handoff.priority, "reason": handoff.reason, "state": what,
            "deadline": outcome.deadline,
        })
    })
}

/// The message in stretches: what the winner matched (`matched`), and for each word how much it speaks for the nearest entry
/// (`weight`, below 0 against it; `known`: whether it stands in any question).
fn pieces(engine: &Engine, outcome: &Outcome, text: &str) -> Value {
    let view = View::new(engine.knowledge().matcher.fold(), text);
    let matched: &[Range<usize>] = outcome.trace.candidates.first().map_or(&[], |winner| &winner.spans);
    let why = engine.why(outcome).filter(|_| view.folded.text() == outcome.trace.folded);
    let words: Vec<(Range<usize>, f32, bool)> = why
        .iter()
        .flat_map(|why| &why.words)
        .map(|word| (view.original(&word.span), word.weight, word.known))
        .filter(|(span, ..)| !span.is_empty())
        .collect();
    let spans = matched.iter().chain(words.iter().map(|(span, ..)| span));
    let mut cuts: BTreeSet<usize> = spans.flat_map(|span| [span.start, span.end]).collect();
    cuts.extend([0, text.len()]);
    let cuts: Vec<usize> = cuts.into_iter().filter(|at| text.is_char_boundary(*at)).collect();
    let stretch = |pair: &[usize]| {
        let (from, to) = (*pair.first()?, *pair.get(1)?);
        let holds = |span: &Range<usize>| span.start <= from && to <= span.end;
        let word = words.iter().find(|(span, ..)| holds(span));
        Some(json!({
            "text": text.get(from..to)?, "matched": matched.iter().any(holds),
            "weight": word.map(|word| word.1), "known": word.map(|word| word.2),
        }))
    };
    cuts.windows(2).filter_map(stretch).collect()
}

/// A time: RFC 3339, or a date and wall time in the shop's zone.
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local: Option<DateTime> = text.parse().ok();
    let at = local.and_then(|local| zone.to_ambiguous_timestamp(local).compatible().ok());
    at.ok_or_else(|| {
        "`at` is 2026-10-09T20:15 in the shop's zone, or with a zone 2026-10-09T20:15:00+08:00.".to_owned()
    })
}
