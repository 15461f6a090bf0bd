//! Every figure as one line: what CSV gives, and what docs/figures.md defines by name.

use super::share::Share;
use super::{Figures, Report, Satisfaction, Service, Waits};

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// How many of how many: `value` of `of`.
    Share,
    /// Seconds.
    Seconds,
    /// From 1 to 5.
    Score,
}

impl Unit {
    /// The word in CSV.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Share => "share",
            Self::Seconds => "seconds",
            Self::Score => "score",
        }
    }
}

/// One figure of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Flat {
    /// Its name in docs/figures.md.
    pub figure: &'static str,
    /// What it is grouped by; empty for the whole.
    pub by: &'static str,
    /// The group.
    pub key: String,
    /// Its unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
    /// Of how many, for a share.
    pub of: Option<u64>,
}

/// All figures of a report's period.
#[must_use]
pub fn flat(report: &Report) -> Vec<Flat> {
    let mut lines = of_figures(&report.figures);
    for used in &report.wordings {
        let key = format!("{} {}", used.agent, used.wording);
        lines.push(count("wording_sent", "agent", &key, used.sent));
        lines.push(count("wording_held_back", "agent", &key, used.held_back));
    }
    let entries = &report.entries;
    lines.push(count("entries", "", "", entries.count));
    lines.extend(entries.unused.iter().map(|id| count("entry_unused", "rule", id, 1)));
    lines.extend(entries.overdue.iter().map(|dated| count("entry_overdue", "rule", &dated.id, 1)));
    lines.extend(entries.expired.iter().map(|dated| count("entry_expired", "rule", &dated.id, 1)));
    lines.extend(report.unanswered.iter().map(|group| count("unanswered_group", "text", &group.text, group.count)));
    for pilot in &report.pilots {
        for (arm, figures) in [("with", pilot.with), ("rest", pilot.rest)] {
            let key = format!("{} {arm}", pilot.pilot);
            lines.push(share("pilot_without_person", "pilot", &key, figures.without_person));
            lines.push(share("pilot_repeated", "pilot", &key, figures.repeated));
            lines.push(share("pilot_complaints", "pilot", &key, figures.complaints));
        }
    }
    lines
}

/// What is counted of both periods.
#[must_use]
pub fn of_figures(figures: &Figures) -> Vec<Flat> {
    let traffic = &figures.traffic;
    let mut lines = vec![
        count("messages", "", "", traffic.messages),
        count("conversations", "", "", traffic.conversations),
        share("answered_by_bot", "", "", traffic.answered),
        share("without_person", "", "", traffic.without_person),
        share("settled", "", "", traffic.settled),
        share("repeated", "", "", traffic.repeated),
        share("complaints", "", "", traffic.complaints),
        count("unanswered", "", "", traffic.unanswered),
    ];
    lines.extend(traffic.outcomes.iter().map(|(word, n)| count("messages", "outcome", word, *n)));
    lines.extend(traffic.reasons.iter().map(|(word, n)| count("messages", "reason", word, *n)));
    for day in &traffic.days {
        let key = day.day.to_string();
        lines.push(count("messages", "day", &key, day.messages));
        lines.push(count("messages_answered", "day", &key, day.answered));
        lines.push(count("messages_to_people", "day", &key, day.people));
    }
    lines.extend(traffic.hours.iter().zip(0..).map(|(n, hour)| count("messages", "hour", &hour_key(hour), *n)));
    for question in &traffic.questions {
        lines.push(count("question", "rule", &question.rule, question.messages));
        for (n, hour) in question.hours.iter().zip(0..).filter(|(n, _)| **n > 0) {
            lines.push(count("question", "rule hour", &format!("{} {}", question.rule, hour_key(hour)), *n));
        }
    }
    for product in &traffic.products {
        lines.push(count("question", "product", &product.product, product.messages));
        for (rule, n) in &product.questions {
            lines.push(count("question", "product rule", &format!("{} {rule}", product.product), *n));
        }
    }
    for (channel, first) in &figures.first {
        lines.push(count("conversations_begun", "channel", channel, first.begun));
        lines.push(count("first_answer_none", "channel", channel, first.nobody));
        waits(
            &mut lines,
            ["first_answer_bot", "first_answer_bot_p50", "first_answer_bot_p90", "first_answer_bot_within"],
            "channel",
            channel,
            &first.bot,
        );
        waits(
            &mut lines,
            ["first_answer_people", "first_answer_people_p50", "first_answer_people_p90", "first_answer_people_within"],
            "channel",
            channel,
            &first.people,
        );
    }
    let cases = &figures.cases;
    lines.push(count("cases", "", "", cases.count));
    lines.extend(cases.reasons.iter().map(|(word, n)| count("cases", "reason", word, *n)));
    lines.push(count("cases_moved", "", "", cases.moved));
    lines.push(share("cases_resolved", "", "", cases.resolved));
    service(&mut lines, "", "", &cases.all);
    cases.queues.iter().for_each(|(name, of)| service(&mut lines, "queue", name, of));
    cases.channels.iter().for_each(|(name, of)| service(&mut lines, "channel", name, of));
    opinion(&mut lines, "", "", &figures.opinions.all);
    figures.opinions.queues.iter().for_each(|(name, of)| opinion(&mut lines, "queue", name, of));
    lines
}

fn service(lines: &mut Vec<Flat>, by: &'static str, key: &str, service: &Service) {
    waits(lines, ["taken", "taken_p50", "taken_p90", "taken_within"], by, key, &service.taken);
    waits(
        lines,
        ["first_response", "first_response_p50", "first_response_p90", "first_response_within"],
        by,
        key,
        &service.first,
    );
    lines.push(count("first_response_waiting", by, key, service.first.waiting));
    waits(lines, ["resolution", "resolution_p50", "resolution_p90", "resolution_within"], by, key, &service.resolved);
}

/// How many were measured, and of them the percentiles; the target only where there is one.
fn waits(
    lines: &mut Vec<Flat>,
    [number, p50, p90, within]: [&'static str; 4],
    by: &'static str,
    key: &str,
    waits: &Waits,
) {
    lines.push(count(number, by, key, waits.count));
    for (figure, value) in [(p50, waits.p50), (p90, waits.p90)] {
        if let Some(value) = value {
            lines.push(Flat { figure, by, key: key.to_owned(), unit: Unit::Seconds, value, of: None });
        }
    }
    if waits.within.whole > 0 {
        lines.push(share(within, by, key, waits.within));
    }
}

fn opinion(lines: &mut Vec<Flat>, by: &'static str, key: &str, of: &Satisfaction) {
    lines.push(share("survey_answered", by, key, of.answered));
    if by.is_empty() {
        lines.extend(
            of.scores.iter().zip(1..).map(|(n, score)| count("survey_score", "score", &format!("{score}"), *n)),
        );
    }
    lines.push(share("survey_satisfied", by, key, of.satisfied));
    lines.push(share("survey_low", by, key, of.low));
    if let Some(value) = of.mean {
        lines.push(Flat { figure: "survey_mean", by, key: key.to_owned(), unit: Unit::Score, value, of: None });
    }
}

fn hour_key(hour: u8) -> String {
    format!("{hour:02}")
}

fn count(figure: &'static str, by: &'static str, key: &str, value: u64) -> Flat {
    Flat { figure, by, key: key.to_owned(), unit: Unit::Count, value: super::share::float(value), of: None }
}

fn share(figure: &'static str, by: &'static str, key: &str, share: Share) -> Flat {
    let value = super::share::float(share.part);
    Flat { figure, by, key: key.to_owned(), unit: Unit::Share, value, of: Some(share.whole) }
}
