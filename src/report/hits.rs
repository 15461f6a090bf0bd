//! How often each rule and entry decided about a customer's message, kept up to date at little cost.
//!
//! The decisions of the last 90 days are counted once, by the store, in pages by number; from then on only those that are new, at
//! most every few seconds. So the first look after a start takes half a second for a million, and the next ones none.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::engine::Engine;
use crate::store::{DecisionFilter, Store, StoreError};

use super::catalog::Catalog;
use super::traffic::is_from_a_customer;

/// How far back it is counted.
const REACH: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long what was counted last is good enough.
const FRESH: Duration = Duration::from_secs(3);
/// Decisions that are read at once.
const PAGE: usize = 100_000;
/// Milliseconds of an hour: what is counted apart.
const HOUR: i64 = 3_600_000;

/// How often a rule or entry decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    /// In the last seven times 24 hours, by whole hours.
    pub week: u64,
    /// In the last thirty times 24 hours, by whole hours.
    pub month: u64,
    /// The last time, if within what is counted.
    pub last: Option<Timestamp>,
}

/// Counts by rule.
#[derive(Debug, Default)]
pub struct Hits(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// Number of the last decision that was read.
    after: i64,
    read: Option<Instant>,
    rules: HashMap<String, Rule>,
}

#[derive(Debug, Default)]
struct Rule {
    last: Option<Timestamp>,
    /// By hour since 1970.
    hours: BTreeMap<i64, u64>,
}

impl Hits {
    /// The figures of all rules that decided anything in the last 90 days, and since when it is counted.
    ///
    /// # Errors
    /// When the store cannot be read; what was read so far is not read again.
    pub async fn look(
        &self,
        store: &dyn Store,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<(HashMap<String, Hit>, Timestamp), StoreError> {
        // One reads, the others wait for it.
        let mut counted = self.0.lock().await;
        let from = now.checked_sub(REACH).unwrap_or(Timestamp::MIN);
        if counted.read.is_none_or(|read| read.elapsed() >= FRESH) {
            counted.read_on(store, &Catalog::of(engine).looking_up(), from).await?;
            counted.read = Some(Instant::now());
        }
        let begin = from.as_millisecond().div_euclid(HOUR);
        for rule in counted.rules.values_mut() {
            rule.hours = rule.hours.split_off(&begin);
        }
        Ok((counted.rules.iter().map(|(id, rule)| (id.clone(), rule.hit(from, now))).collect(), from))
    }
}

impl Counted {
    async fn read_on(&mut self, store: &dyn Store, look_up: &[String], from: Timestamp) -> Result<(), StoreError> {
        loop {
            let filter = DecisionFilter { from, until: Timestamp::MAX, after: self.after, limit: PAGE };
            let page = store.hits(filter, look_up).await?;
            self.after = self.after.max(page.after);
            for row in page.rows.into_iter().filter(|row| is_from_a_customer(row.role.as_deref(), &row.reason)) {
                let rule = self.rules.entry(row.rule).or_default();
                *rule.hours.entry(row.hour).or_default() += row.count;
                rule.last = rule.last.max(Some(row.last));
            }
            if !page.more {
                return Ok(());
            }
        }
    }
}

impl Rule {
    fn hit(&self, from: Timestamp, now: Timestamp) -> Hit {
        let since = |days: i64| {
            let begin = now.as_millisecond().div_euclid(HOUR) - days * 24 + 1;
            self.hours.range(begin..).map(|(_, count)| count).sum()
        };
        Hit { week: since(7), month: since(30), last: self.last.filter(|last| *last >= from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_has_168_hours_and_a_month_720() {
        let now: Timestamp = "2026-10-31T10:30:00Z".parse().expect("a time");
        let hour = now.as_millisecond().div_euclid(HOUR);
        let hours =
            BTreeMap::from([(hour, 1), (hour - 167, 10), (hour - 168, 100), (hour - 719, 1_000), (hour - 720, 10_000)]);
        let rule = Rule { last: Some(now), hours };
        let hit = rule.hit(Timestamp::MIN, now);
        assert_eq!((hit.week, hit.month, hit.last), (11, 1_111, Some(now)));
        assert_eq!(rule.hit(Timestamp::MAX, now).last, None);
    }
}
