//! The report: what customers asked, what they got and how long it took, over a period and the one before it.
//!
//! Owns every figure, each defined in docs/figures.md, and the forms in which they are given: text, CSV, JSON and one HTML page.
//! Reads the store in pages beside a running daemon, and computes the rest purely. Refuses to show customers' words unmasked.

mod cases;
mod catalog;
pub mod csv;
pub mod flat;
mod form;
mod hits;
pub mod html;
mod layout;
mod opinions;
mod peers;
mod read;
mod said;
mod share;
mod svg;
pub mod text;
mod traffic;
pub mod trial;
mod waits;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

pub use cases::{Cases, FirstAnswer, Service};
pub use catalog::{Dated, Entries};
pub use hits::{Hit, Hits};
pub use opinions::{Opinions, Satisfaction, WordingUse};
pub use read::make;
pub use said::{Group, Line, Sampled};
pub use share::{Difference, Share};
pub use traffic::{Arm, Day, Pilot, Product, Question, Traffic};
pub use waits::Waits;

/// A stretch of time: `from` ≤ time < `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that is too late.
    pub until: Timestamp,
}

impl Period {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// The period before, which is as long.
    #[must_use]
    pub fn before(self) -> Self {
        let length = self.until.duration_since(self.from);
        Self { from: self.from.checked_sub(length).unwrap_or(Timestamp::MIN), until: self.from }
    }
}

/// What is wanted of a report.
#[derive(Clone, Debug)]
pub struct Options {
    /// The period.
    pub period: Period,
    /// Language of titles and headings.
    pub language: String,
    /// The customer's attribute, or the piece of information of a dialogue, that says which product a conversation is about.
    pub product: String,
    /// Conversations to show for inspection.
    pub sample: usize,
    /// What the sample is drawn with: the same seed draws the same.
    pub seed: u64,
}

/// The figures at a glance, for a message to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// What it is, and of which period.
    pub title: String,
    /// The figures.
    pub figures: Vec<Glance>,
}

/// A figure at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// What it is.
    pub label: String,
    /// The value, with its unit.
    pub value: String,
    /// That of the period before.
    pub before: String,
}

/// The figures of a report at a glance, in a language.
#[must_use]
pub fn digest(report: &Report, language: &str) -> Digest {
    layout::digest(report, language)
}

/// What is counted of a period, so that two can be compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// What customers wrote and what was done about it.
    pub traffic: Traffic,
    /// First answers by channel.
    pub first: BTreeMap<String, FirstAnswer>,
    /// Hand-offs.
    pub cases: Cases,
    /// Satisfaction.
    pub opinions: Opinions,
}

/// A whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// When it was made.
    pub made_at: Timestamp,
    /// The shop's zone.
    pub zone: String,
    /// Tells the files that it was made with from others.
    pub rule_set: String,
    /// What it is about.
    pub period: Period,
    /// What it is compared with.
    pub before: Period,
    /// The period in figures.
    pub figures: Figures,
    /// The period before.
    pub figures_before: Figures,
    /// Messages that nothing surely answered, by their words.
    pub unanswered: Vec<Group>,
    /// Entries to look at.
    pub entries: Entries,
    /// Words that agents must not say.
    pub wordings: Vec<WordingUse>,
    /// Pilots beside the rest.
    pub pilots: Vec<Pilot>,
    /// Conversations for inspection.
    pub sample: Vec<Sampled>,
    /// Titles of rules and entries that are named.
    pub titles: BTreeMap<String, String>,
}
