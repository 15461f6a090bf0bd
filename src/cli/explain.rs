//! `nightdesk explain`: why this reply, or none.

use std::fmt::Write as _;

use super::{Ended, Failure, Form, Global, customer, instant, modes, no_channel};
use crate::clock::Clock;
use crate::decide::Outcome;
use crate::diag::{Finding, Format, Place, Report};
use crate::engine::Engine;
use crate::hours::iso;
use crate::likeness::Vague;
use crate::message::QueueEvent;
use crate::modes::Mode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The customer's message.
    text: String,
    /// What the customer wrote just before it, in a row; more than one in their order.
    #[arg(long, value_name = "TEXT")]
    earlier: Vec<String>,
    /// When it comes: 2026-10-09T20:15 in the shop's zone, or with a zone of its own.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What is known of the customer, such as tier=vip.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    customer: Vec<String>,
    /// Through which channel; the first if left out.
    #[arg(long)]
    channel: Option<String>,
    /// Special modes that are on.
    #[arg(long, value_name = "MODE", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Mode::WORDS))]
    mode: Vec<String>,
    /// Form of the answer.
    #[arg(long, default_value = "human")]
    format: Form,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?.with_modes(&modes(&args.mode));
    let knowledge = engine.knowledge();
    let now = match &args.at {
        Some(at) => instant(at, &knowledge.zone)?,
        None => Clock::system().now(),
    };
    let texts: Vec<&str> = args.earlier.iter().chain([&args.text]).map(String::as_str).collect();
    let outcomes = engine.first_messages(args.channel.as_deref(), &customer(&args.customer)?, &texts, now);
    let Some((outcome, earlier)) = outcomes.as_ref().and_then(|outcomes| outcomes.split_last()) else {
        return Err(no_channel(&engine, args.channel.as_deref().unwrap_or_default()));
    };
    match args.format {
        Form::Human => {
            for (text, outcome) in texts.iter().zip(earlier) {
                let decision = &outcome.decision;
                let rule = decision.rule.as_deref().map(|rule| format!(" by {rule}")).unwrap_or_default();
                anstream::println!("earlier    “{text}”: {} ({}){rule}", decision.outcome, decision.reason);
            }
            anstream::print!("{}", human(&args.text, outcome, &engine, global.colored()));
        }
        Form::Json => anstream::println!("{:#}", engine.explained(outcome)),
    }
    Ok(Ended::Fine)
}

/// The outcome in words; shared with `chat --why`.
pub(super) fn human(text: &str, outcome: &Outcome, engine: &Engine, color: bool) -> String {
    let zone = &engine.knowledge().zone;
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{name:<11}{}", value.replace('\n', "\n           "));
        }
    };
    let (decision, trace) = (&outcome.decision, &outcome.trace);
    let rule = decision.rule.as_deref().map(|rule| format!(" by {rule}")).unwrap_or_default();
    line("decision", &format!("{} ({}){rule}", decision.outcome, decision.reason));
    line("language", &trace.language);
    if let Some(pilots) = &decision.pilots {
        line(
            "pilots",
            &if pilots.is_empty() { "none: the customer is one of the rest".to_owned() } else { pilots.join(", ") },
        );
    }
    line("modes", &decision.modes.join(", "));
    line("together", trace.joined.as_deref().unwrap_or_default());
    line("folded", &trace.folded);
    for (index, candidate) in trace.candidates.iter().enumerate() {
        let name = if index == 0 { "winner" } else { "lost" };
        let why = candidate.lost.map(|why| format!(": {why}")).unwrap_or_default();
        let length = if candidate.length == 0 { String::new() } else { format!(", {} characters", candidate.length) };
        line(
            name,
            &format!(
                "{} (priority {}, {}{length}, score {:.2}){why}",
                candidate.rule, candidate.priority, candidate.sign, candidate.score
            ),
        );
    }
    if trace.candidates.is_empty() && decision.rule.is_none() {
        line("candidates", "none: no phrase, regular expression or question surely fits this message");
    }
    for (name, value) in likeness(outcome, engine) {
        line(name, &value);
    }
    for step in &trace.route {
        line("route", step);
    }
    if let Some(hours) = &trace.hours {
        let when = if hours.open {
            "open".to_owned()
        } else {
            hours.next_open.map_or_else(
                || "closed, and no opening is known".to_owned(),
                |at| format!("closed until {}", iso(at, zone)),
            )
        };
        line("hours", &format!("the queue `{}` is {when}", hours.queue));
    }
    if let Some(notice) = &trace.notice {
        let given = notice
            .given_at
            .map_or_else(|| "given now".to_owned(), |at| format!("not given again: given at {}", iso(at, zone)));
        line("notice", &format!("`{}`, once in each closed period: {given}", notice.id));
    }
    for note in &trace.notes {
        line("note", note);
    }
    if let Some(handoff) = &outcome.conversation.handoff {
        let what = match outcome.queue {
            Some(QueueEvent::Created { .. }) => "new",
            Some(QueueEvent::Message) => "open, and told of this message",
            None => "open, and not told of this message",
        };
        line(
            "hand-off",
            &format!("queue `{}`, priority {}, reason {} ({what})", handoff.queue, handoff.priority, handoff.reason),
        );
    }
    for reply in &outcome.replies {
        line("reply", &reply.text);
        for (number, option) in reply.options.iter().enumerate() {
            line("", &format!("  {}. {}", number + 1, option.label));
        }
    }
    if outcome.replies.is_empty() {
        line("reply", "none");
    }
    if let Some(winner) = trace.candidates.first().filter(|winner| !winner.spans.is_empty()) {
        out.push('\n');
        let text = trace.joined.as_deref().unwrap_or(text);
        out.push_str(&underlined(text, &winner.rule, &winner.spans, color));
    }
    out
}

/// Most rules that are told of.
const NEAREST: usize = 3;
/// Words that speak less than this for or against are left out.
const TELLING: f32 = 0.02;

/// What the message is like, and why, word by word.
fn likeness(outcome: &Outcome, engine: &Engine) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for (index, near) in outcome.trace.near.iter().take(NEAREST).enumerate() {
        // Only the nearest of all can be sure.
        let word = if index == 0 && near.confidence >= near.sure {
            "sure"
        } else if near.confidence >= near.near {
            "near"
        } else {
            "not near"
        };
        let bars = format!("sure from {:.2}, near from {:.2}", near.sure, near.near);
        lines.push(("like", format!("{} {:.2}: {word} ({bars})", near.rule, near.confidence)));
    }
    let Some(why) = engine.why(outcome).filter(|_| !lines.is_empty()) else { return lines };
    let telling = |share: &&crate::likeness::Share| share.weight.abs() >= TELLING || !share.known;
    let words: Vec<String> = why
        .words
        .iter()
        .filter(telling)
        .map(|share| {
            let unknown = if share.known { "" } else { " (in no question)" };
            format!("{} {:+.2}{unknown}", share.word, share.weight)
        })
        .collect();
    lines.push(("words", format!("for the first: {}", words.join(", "))));
    lines.push(("most like", format!("“{}”", why.example)));
    for (written, read) in &why.mended {
        lines.push(("read", format!("“{written}” as “{read}”")));
    }
    if why.denies {
        lines.push((
            "denies",
            "the message denies something, which speaks against entries whose questions do not".to_owned(),
        ));
    }
    if let Some(vague) = why.vague {
        let words = match vague {
            Vague::Character => "one character may be part of anything: enough to offer titles, not to answer",
            Vague::Grammar => "words of grammar alone ask nothing for sure: enough to offer titles, not to answer",
            Vague::Word => {
                "one word that may stand for several of these questions: titles are offered instead of an answer"
            }
        };
        lines.push(("vague", words.to_owned()));
    }
    lines
}

/// The original text with the matched stretches underlined.
fn underlined(text: &str, rule: &str, spans: &[std::ops::Range<usize>], color: bool) -> String {
    let file: std::sync::Arc<str> = std::sync::Arc::from("message");
    let mut report = Report::default();
    report.sources.insert(file.clone(), std::sync::Arc::from(text));
    let place = |span: &std::ops::Range<usize>| Place { file: file.clone(), span: span.clone() };
    let mut finding = Finding::warning("matched", format!("what `{rule}` matched"));
    if let Some((first, rest)) = spans.split_first() {
        finding = finding.at(&place(first));
        for span in rest {
            finding = finding.and(&place(span), "");
        }
    }
    report.push(finding);
    // The frame of a finding is what is wanted here, not its level.
    let text = report.render(Format::Human, color);
    let (_, frame) = text.split_once('\n').unwrap_or_default();
    format!("{}\n", frame.trim_end())
}
