//! What was decided, counted, scored and worded: what reports are made of.

use jiff::Timestamp;

/// What was decided about one message, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// The conversation's id.
    pub conversation: String,
    /// `seq` of the message's event.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The channel's name.
    pub channel: String,
    /// What was done.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Rule or entry behind it.
    pub rule: Option<String>,
    /// Queue of a hand-off.
    pub queue: Option<String>,
    /// How sure, from 0 to 1.
    pub score: Option<f64>,
    /// Language that was answered in.
    pub language: String,
    /// Hash of the rule set that decided.
    pub rule_set: String,
    /// Pilots that the customer took part in, as a JSON list; none where the rule set had no pilot.
    pub pilots: Option<String>,
}

/// What was decided about one message, as a report counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyRow {
    /// Number, ascending.
    pub id: i64,
    /// The conversation's id.
    pub conversation: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The channel's name.
    pub channel: String,
    /// What was done.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Rule or entry behind it.
    pub rule: Option<String>,
    /// Queue of a hand-off, new or open.
    pub queue: Option<String>,
    /// Pilots that the customer took part in, as a JSON list; none where the rule set had no pilot.
    pub pilots: Option<String>,
    /// Who wrote the event that it points at: `visitor`, unless it is the later answer of a look-up. None where that was not looked
    /// for, or the event is gone.
    pub role: Option<String>,
}

/// Decisions alike, counted: by one rule, within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitRow {
    /// Rule or entry behind them.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// As [`TallyRow::role`].
    pub role: Option<String>,
    /// The hour, in hours since 1970.
    pub hour: i64,
    /// The last of them.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
}

/// A page of decisions, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitPage {
    /// What was counted, in no order.
    pub rows: Vec<HitRow>,
    /// Number of the last decision that was read, to read on from.
    pub after: i64,
    /// Whether the page was full, so that there may be more.
    pub more: bool,
}

/// A message that nothing surely answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedRow {
    /// The conversation's id.
    pub conversation: String,
    /// `seq` of the message's event.
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Why it was not answered.
    pub reason: String,
    /// The message's event: JSON of the chat protocol's `data`, with the decision.
    pub body: String,
}

/// Words in an agent's message that must not be said. Never the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordingRow {
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub agent: String,
    /// To whom.
    pub conversation: String,
    /// Id of the wording.
    pub wording: String,
    /// Whether it was sent; else it was held back.
    pub sent: bool,
}

/// A case that its customer was asked about, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyRow {
    /// The hand-off's id.
    pub handoff: String,
    /// The conversation's id.
    pub conversation: String,
    /// The channel's name.
    pub channel: String,
    /// Queue that had the case.
    pub queue: String,
    /// Who closed it, or had it when the customer did.
    pub agent: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// From 1 to 5; none if it was not answered.
    pub score: Option<u8>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Why, in the customer's words.
    pub text: Option<String>,
}

/// Which cases that customers were asked about: `from` ≤ time of the question < `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyFilter {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that is too late.
    pub until: Timestamp,
    /// At most so many.
    pub limit: usize,
}

/// Which decisions or wordings to read: `from` ≤ time < `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionFilter {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant that is too late.
    pub until: Timestamp,
    /// Only numbers above this one, to read in pages; 0 for all.
    pub after: i64,
    /// At most so many.
    pub limit: usize,
}
