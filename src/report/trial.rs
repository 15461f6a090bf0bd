//! Whether a pilot does worse than the rest: counted from the decisions since it is in use, a few more at each look.
//!
//! Owns the count and the judgement, both with the report's own definitions and its statistics. Refuses to end anything.

use jiff::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

use crate::engine::CANDIDATE;
use crate::engine::Engine;
use crate::rules::StopSpec;
use crate::store::{DecisionFilter, Store, StoreError, TallyRow};

use super::catalog::COMPLAINT;
use super::peers::peers;
use super::share::{Difference, Share};
use super::traffic::{is_complaint, is_customers, needed_a_person};

/// Place in the store under which pilots are kept, by id.
pub const KEPT: &str = "pilot";
/// Rows of a page.
const PAGE: usize = 10_000;

/// What is kept of a pilot as it is written now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Stands for its text.
    pub version: String,
    /// Since when this text is in use.
    pub since: Timestamp,
    /// That it ended by itself, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Why a pilot ended by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// When.
    pub at: Timestamp,
    /// In what it was worse.
    pub why: Worse,
    /// Its conversations.
    pub pilot: Share,
    /// Those of customers who did not take part, and had all else as they do.
    pub rest: Share,
    /// The least by which it is worse, from 0 to 1: the lower end of the 95 % interval.
    pub least: f64,
}

/// In what a pilot is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More of its conversations go to people.
    Handoff,
    /// More of its conversations hold a complaint.
    Complaints,
}

impl Worse {
    /// The word in the log and for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handoff => "handoff",
            Self::Complaints => "complaints",
        }
    }
}

/// Conversations on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Those that went to a person.
    pub people: Share,
    /// Those with a complaint.
    pub complaints: Share,
}

/// Whether one share is larger than another by more than some points (in ten-thousandths), as surely as a 95 % interval says, with
/// enough conversations on both sides.
#[must_use]
pub fn is_worse(pilot: Share, rest: Share, points: u16, after: u64) -> Option<Difference> {
    if pilot.whole < after || rest.whole < after {
        return None;
    }
    pilot.difference(rest).filter(|difference| difference.low > f64::from(points) / 10_000.0)
}

/// In what a pilot is worse than the rest by more than is allowed; hand-offs are looked at first.
#[must_use]
pub fn judge(pilot: Side, rest: Side, stop: &StopSpec) -> Option<(Worse, Share, Share, Difference)> {
    let look = |worse, pilot, rest, points| Some((worse, pilot, rest, is_worse(pilot, rest, points, stop.after)?));
    look(Worse::Handoff, pilot.people, rest.people, stop.handoff)
        .or_else(|| look(Worse::Complaints, pilot.complaints, rest.complaints, stop.complaints))
}

/// What is remembered of a conversation since its customer has the pilots that they have; a million of them take little room.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    /// Seconds from the beginning of the trial to the first message with these pilots.
    from: u32,
    /// Place of their list; [`NO_LIST`] before one is known.
    list: u16,
    people: bool,
    complains: bool,
}

/// Of conversations from a time without pilots, or with more different lists than can be.
const NO_LIST: u16 = u16::MAX;

/// Conversations since a pilot is in use.
#[derive(Debug)]
pub struct Trial {
    pilot: String,
    since: Timestamp,
    decision: i64,
    case: i64,
    /// Lists of pilots as decisions have them.
    lists: Vec<String>,
    /// By a number that stands for the conversation.
    talks: FxHashMap<u64, Talk>,
}

impl Trial {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(pilot: &str, since: Timestamp) -> Self {
        Self { pilot: pilot.to_owned(), since, decision: 0, case: 0, lists: Vec::new(), talks: FxHashMap::default() }
    }

    /// Takes in what was decided since the last look.
    ///
    /// # Errors
    /// When the store cannot be read; what was read is kept, and the next look goes on from there.
    pub async fn look(&mut self, store: &dyn Store, engine: &Engine) -> Result<(), StoreError> {
        let rules = || engine.books().flat_map(|book| &book.rules);
        let look_up: Vec<String> = rules().filter(|r| r.lookup.is_some()).map(|rule| rule.id.value.clone()).collect();
        let complaints: FxHashSet<&str> =
            rules().filter(|r| r.class.as_deref() == Some(COMPLAINT)).map(|rule| rule.id.value.as_str()).collect();
        let since = self.since;
        let page = move |after| DecisionFilter { from: since, until: Timestamp::MAX, after, limit: PAGE };
        loop {
            let rows = store.tallies(page(self.decision), &look_up).await?;
            let last = rows.len() < PAGE;
            for row in &rows {
                self.decision = row.id;
                self.count(row, |rule| complaints.contains(rule));
            }
            if last {
                break;
            }
        }
        // A person may have been called, or have stepped in, without a word of the customer.
        loop {
            let rows = store.cases(page(self.case)).await?;
            let last = rows.len() < PAGE;
            for row in &rows {
                self.case = row.number;
                let from = self.seconds(row.created_at);
                if let Some(talk) = self.talks.get_mut(&number(&row.conversation)) {
                    talk.people |= from >= talk.from;
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    /// The pilot's conversations, and those of customers who differ in this pilot alone.
    #[must_use]
    pub fn sides(&self) -> (Side, Side) {
        let list = |list: &String| (serde_json::from_str(list).unwrap_or_default(), 0);
        let mut lists: Vec<(Vec<String>, u64)> = self.lists.iter().map(list).collect();
        let mut sides = vec![Side::default(); lists.len()];
        for talk in self.talks.values() {
            let place = usize::from(talk.list);
            let (Some(side), Some((_, conversations))) = (sides.get_mut(place), lists.get_mut(place)) else { continue };
            *conversations += 1;
            side.people.count(talk.people);
            side.complaints.count(talk.complains);
        }
        let peers = peers(&lists, &self.pilot);
        let sum = |places: &[usize]| {
            places.iter().filter_map(|place| sides.get(*place)).fold(Side::default(), |sum, side| Side {
                people: sum.people + side.people,
                complaints: sum.complaints + side.complaints,
            })
        };
        (sum(&peers.with), sum(&peers.rest))
    }

    /// Counts one decision.
    fn count(&mut self, row: &TallyRow, complaint: impl Fn(&str) -> bool) {
        if !is_customers(row) {
            return;
        }
        // Whoever gets a candidate gets the candidate's files, whatever pilots there are in them: neither side of the shop's own pilot.
        let of_candidate = |list: &String| list.contains(&format!("\"{CANDIDATE}\""));
        if self.pilot != CANDIDATE && row.pilots.as_ref().is_some_and(of_candidate) {
            return;
        }
        let (from, list) = (self.seconds(row.at), row.pilots.as_ref().map(|list| self.place(list)));
        let talk = self.talks.entry(number(&row.conversation)).or_insert(Talk { list: NO_LIST, ..Talk::default() });
        // Another list, another customer: what went wrong with the pilots before is not counted against those now.
        if let Some(list) = list.filter(|list| *list != talk.list) {
            *talk = Talk { from, list, ..Talk::default() };
        }
        talk.people |= needed_a_person(row);
        talk.complains |= is_complaint(row, complaint);
    }

    fn place(&mut self, list: &String) -> u16 {
        let known = self.lists.iter().position(|known| known == list);
        let place = u16::try_from(known.unwrap_or(self.lists.len())).unwrap_or(NO_LIST);
        if known.is_none() && place < NO_LIST {
            self.lists.push(list.clone());
        }
        place
    }

    fn seconds(&self, at: Timestamp) -> u32 {
        u32::try_from(at.duration_since(self.since).as_secs().max(0)).unwrap_or(u32::MAX)
    }
}

/// A conversation's number.
fn number(conversation: &str) -> u64 {
    FxBuildHasher.hash_one(conversation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(part: u64, whole: u64) -> Share {
        Share { part, whole }
    }

    #[test]
    fn a_pilot_is_worse_when_the_whole_interval_lies_beyond_the_points() {
        // 30 of 100 against 10 of 100: 0.2, from 0.0900 by Newcombe's method.
        let (pilot, rest) = (share(30, 100), share(10, 100));
        let found = is_worse(pilot, rest, 890, 50).expect("0.0900 is more than 0.089");
        assert!((found.value - 0.2).abs() < 1e-9 && (found.low - 0.090_0).abs() < 0.000_1, "{found:?}");
        assert_eq!(is_worse(pilot, rest, 1_000, 50), None, "not surely by ten points");
        assert_eq!(is_worse(rest, pilot, 0, 50), None, "better is not worse");
        assert_eq!(is_worse(pilot, rest, 900, 101), None, "too few on both sides");
        assert_eq!(is_worse(share(30, 40), rest, 900, 50), None, "too few in the pilot");
        assert_eq!(is_worse(share(300, 400), share(1, 40), 900, 50), None, "too few in the rest");
        assert!(is_worse(share(10, 10), share(0, 10_000), 10_000, 10).is_none(), "no share is larger by more than all");
    }

    fn row(conversation: &str, outcome: &str, rule: Option<&str>, pilots: Option<&str>) -> TallyRow {
        TallyRow {
            id: 1,
            conversation: conversation.into(),
            at: Timestamp::UNIX_EPOCH,
            channel: "web".into(),
            outcome: outcome.into(),
            reason: "matched".into(),
            rule: rule.map(Into::into),
            queue: None,
            pilots: pilots.map(Into::into),
            role: None,
        }
    }

    #[test]
    fn conversations_are_counted_once_and_on_their_side() {
        let mut trial = Trial::new("returns.short", Timestamp::UNIX_EPOCH);
        let rows = [
            row("a", "faq", Some("returns.short"), Some(r#"["returns.short"]"#)),
            row("a", "handoff", None, Some(r#"["returns.short"]"#)),
            row("b", "rule", Some("complaint.new"), Some("[]")),
            row("b", "rule", Some("complaint.new"), Some("[]")),
            row("c", "faq", None, Some("[]")),
            // Not the pilot, though its id begins so; and not the rest, who have not that one.
            row("g", "handoff", None, Some(r#"["returns.short.two"]"#)),
            // What was before is not counted against what is now.
            row("h", "handoff", None, Some("[]")),
            row("h", "faq", None, Some(r#"["returns.short"]"#)),
            // The candidate's files decide, also where they have a pilot of this name.
            row("f", "handoff", None, Some(r#"["candidate","returns.short"]"#)),
            // From a time without pilots.
            row("d", "handoff", None, None),
            TallyRow { role: Some("bot".into()), ..row("e", "handoff", None, Some("[]")) },
        ];
        for row in &rows {
            trial.count(row, |rule| rule == "complaint.new");
        }
        let (pilot, rest) = trial.sides();
        assert_eq!(pilot, Side { people: share(1, 2), complaints: share(0, 2) });
        assert_eq!(rest, Side { people: share(0, 2), complaints: share(1, 2) });
    }

    proptest! {
        #[test]
        fn worse_stays_worse_with_more_hand_offs_and_smaller_bounds(
            part in 0_u64..300, more in 0_u64..300, rest_part in 0_u64..300, rest_more in 0_u64..300,
            points in 0_u16..10_000, after in 1_u64..100,
        ) {
            let (pilot, rest) = (share(part, part + more), share(rest_part, rest_part + rest_more));
            let Some(difference) = is_worse(pilot, rest, points, after) else { return Ok(()) };
            prop_assert!(difference.value >= difference.low && difference.low > f64::from(points) / 10_000.0);
            prop_assert!(pilot.whole >= after && rest.whole >= after);
            prop_assert!(is_worse(rest, pilot, points, after).is_none(), "both cannot be worse than the other");
            prop_assert!(is_worse(pilot, rest, points / 2, after).is_some());
            if more > 0 {
                let higher = share(part + 1, part + more);
                prop_assert!(is_worse(higher, rest, points, after).is_some(), "{difference:?}");
            }
        }
    }
}
