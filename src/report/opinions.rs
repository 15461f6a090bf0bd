//! What customers thought of it, and words that agents must not say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::store::{SurveyRow, WordingRow};

use super::share::{Share, float};

/// The lowest score of a satisfied customer.
const SATISFIED: u8 = 4;

/// Answers to the survey about cases that were asked about in a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Satisfaction {
    /// Of the cases that were asked about, those that got a score.
    pub answered: Share,
    /// How often each score was given, from 1 to 5.
    pub scores: [u64; 5],
    /// Of the scores, those of 4 and 5.
    pub satisfied: Share,
    /// Of the scores, those that are low by the shop's settings.
    pub low: Share,
    /// Mean of the scores.
    pub mean: Option<f64>,
}

impl Satisfaction {
    fn count(&mut self, row: &SurveyRow, low: u8) {
        self.answered.count(row.score.is_some());
        let Some(score) = row.score else { return };
        if let Some(count) = usize::from(score).checked_sub(1).and_then(|at| self.scores.get_mut(at)) {
            *count += 1;
        }
        self.satisfied.count(score >= SATISFIED);
        self.low.count(score <= low);
    }

    fn finish(mut self) -> Self {
        let given: u64 = self.scores.iter().sum();
        let sum: u64 = self.scores.iter().zip(1..).map(|(count, score)| count * score).sum();
        self.mean = (given > 0).then(|| float(sum) / float(given));
        self
    }
}

/// The same, of all cases and by queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Opinions {
    /// All cases.
    pub all: Satisfaction,
    /// By queue that had the case.
    pub queues: BTreeMap<String, Satisfaction>,
}

/// Counts answers to the survey. Scores up to `low` are low ones.
pub(super) fn opinions(rows: &[SurveyRow], low: u8) -> Opinions {
    let mut opinions = Opinions::default();
    for row in rows {
        opinions.all.count(row, low);
        opinions.queues.entry(row.queue.clone()).or_default().count(row, low);
    }
    let queues = opinions.queues.into_iter().map(|(name, queue)| (name, queue.finish())).collect();
    Opinions { all: opinions.all.finish(), queues }
}

/// Words that an agent must not say, as often as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WordingUse {
    /// Who wrote them.
    pub agent: String,
    /// Id of the wording.
    pub wording: String,
    /// Messages that were sent with them.
    pub sent: u64,
    /// Messages that were held back for them.
    pub held_back: u64,
}

/// Counts words that must not be said, by agent and wording.
pub(super) fn wordings<'a>(rows: impl IntoIterator<Item = &'a WordingRow>) -> Vec<WordingUse> {
    let mut counts: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for row in rows {
        let (sent, held_back) = counts.entry((&row.agent, &row.wording)).or_default();
        if row.sent { *sent += 1 } else { *held_back += 1 }
    }
    let used = |((agent, wording), (sent, held_back)): ((&str, &str), (u64, u64))| WordingUse {
        agent: agent.to_owned(),
        wording: wording.to_owned(),
        sent,
        held_back,
    };
    counts.into_iter().map(used).collect()
}
