//! Special modes of the shop: *peak*, when more customers come than people can answer at once, and *degraded*, when systems are
//! down.
//!
//! Owns when a mode is on: as the files plan it, and as people switch it by hand. Refuses what a mode does, which is the
//! decision's business, and a clock: every question carries its own instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A special mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// More customers than people can answer at once.
    Peak,
    /// Systems that the shop relies on are down.
    Degraded,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Peak, Self::Degraded];
    /// Their words in files, commands and texts.
    pub const WORDS: [&str; 2] = ["peak", "degraded"];
    /// Longest time for which one is switched by hand; what lasts longer belongs into the files.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peak => "peak",
            Self::Degraded => "degraded",
        }
    }

    /// The mode of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stretch of time in which the files have a mode on: `[from, until)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// Who planned it.
    pub by: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// What a person switched. From its beginning on it counts in the place of what was switched before, up to its end; after it the
/// files count again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Which mode.
    pub mode: Mode,
    /// On or off.
    pub on: bool,
    /// When it was switched.
    pub from: Timestamp,
    /// When the files count again; not after `from` where they count at once.
    pub until: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A mode that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Which.
    pub mode: Mode,
    /// Since when without a break.
    pub since: Timestamp,
    /// When it ends, if nobody does anything.
    pub until: Timestamp,
    /// Who wanted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether a person switched it, and not the files.
    pub by_hand: bool,
}

/// When which mode is on. A copy shares what is large.
#[derive(Clone, Debug, Default)]
pub struct Modes {
    planned: Arc<BTreeMap<Mode, Vec<Period>>>,
    /// By their beginning.
    switched: Arc<[Switch]>,
}

impl Modes {
    /// As the files plan them.
    #[must_use]
    pub fn planned(planned: BTreeMap<Mode, Vec<Period>>) -> Self {
        Self { planned: Arc::new(planned), switched: Arc::default() }
    }

    /// The same plan with what people switched, in any order, in the place of what they switched before.
    #[must_use]
    pub fn with_switches(&self, switches: &[Switch]) -> Self {
        let mut switched = switches.to_vec();
        // Of two that begin at once the one that stands later counts.
        switched.sort_by_key(|switch| switch.from);
        Self { planned: Arc::clone(&self.planned), switched: switched.into() }
    }

    /// The same with some modes on at all times: for trying out.
    #[must_use]
    pub fn with_always(&self, modes: &[Mode]) -> Self {
        let always = |mode: &Mode| Switch {
            mode: *mode,
            on: true,
            from: Timestamp::MIN,
            until: Timestamp::MAX,
            by: "test".to_owned(),
            note: None,
        };
        self.with_switches(&modes.iter().map(always).collect::<Vec<_>>())
    }

    /// Whether a mode is on at `t`.
    #[must_use]
    pub fn is_on(&self, mode: Mode, t: Timestamp) -> bool {
        self.stretch(mode, t).is_some()
    }

    /// The modes that are on at `t`.
    #[must_use]
    pub fn on(&self, t: Timestamp) -> Vec<Mode> {
        Mode::ALL.into_iter().filter(|mode| self.is_on(*mode, t)).collect()
    }

    /// A mode that is on at `t`, since when and until when; of the one who wanted it now.
    #[must_use]
    pub fn running(&self, mode: Mode, t: Timestamp) -> Option<Running> {
        let mut running = self.stretch(mode, t)?;
        // Stretches that touch are one time. Each step goes strictly on, and there are no more stretches than were written.
        while let Some(before) = self.stretch_before(mode, running.since) {
            running.since = before.since;
        }
        while let Some(after) = self.stretch(mode, running.until).filter(|after| after.until > running.until) {
            running.until = after.until;
        }
        Some(running)
    }

    /// Since when a mode has been on without a break.
    #[must_use]
    pub fn since(&self, mode: Mode, t: Timestamp) -> Option<Timestamp> {
        self.running(mode, t).map(|running| running.since)
    }

    /// Until when the files have a mode on at `t`, whatever people switched.
    #[must_use]
    pub fn planned_until(&self, mode: Mode, t: Timestamp) -> Option<Timestamp> {
        Self { planned: Arc::clone(&self.planned), switched: Arc::default() }
            .running(mode, t)
            .map(|running| running.until)
    }

    /// The periods of the files that are not over at `t`, of a mode.
    pub fn ahead(&self, mode: Mode, t: Timestamp) -> impl Iterator<Item = &Period> {
        self.planned.get(&mode).into_iter().flatten().filter(move |period| t < period.until)
    }

    fn stretch_before(&self, mode: Mode, t: Timestamp) -> Option<Running> {
        let just = t.checked_sub(SignedDuration::from_nanos(1)).ok()?;
        self.stretch(mode, just).filter(|before| before.since < t && before.until >= t)
    }

    /// On at `t` by one source: the last switch, else one period of the files as far as no switch cuts it.
    fn stretch(&self, mode: Mode, t: Timestamp) -> Option<Running> {
        let mine = || self.switched.iter().filter(|switch| switch.mode == mode);
        let last = mine().rfind(|switch| switch.from <= t);
        let next = mine().map(|switch| switch.from).find(|from| *from > t).unwrap_or(Timestamp::MAX);
        if let Some(switch) = last.filter(|switch| t < switch.until) {
            return switch.on.then(|| Running {
                mode,
                since: switch.from,
                until: switch.until.min(next),
                by: Some(switch.by.clone()),
                note: switch.note.clone(),
                by_hand: true,
            });
        }
        let since = last.map_or(Timestamp::MIN, |switch| switch.until.max(switch.from));
        let periods = self.planned.get(&mode).into_iter().flatten();
        let period = periods.filter(|period| period.from <= t && t < period.until).max_by_key(|period| period.until)?;
        Some(Running {
            mode,
            since: period.from.max(since),
            until: period.until.min(next),
            by: period.by.clone(),
            note: period.note.clone(),
            by_hand: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute(n: i64) -> Timestamp {
        "2026-11-10T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(n)
    }

    fn period(from: i64, until: i64) -> Period {
        Period { from: minute(from), until: minute(until), by: Some("王丽".to_owned()), note: None }
    }

    fn switch(on: bool, from: i64, until: i64) -> Switch {
        Switch { mode: Mode::Peak, on, from: minute(from), until: minute(until), by: "Ann".to_owned(), note: None }
    }

    fn modes(periods: &[(i64, i64)], switches: &[Switch]) -> Modes {
        let periods = periods.iter().map(|(from, until)| period(*from, *until)).collect();
        Modes::planned([(Mode::Peak, periods)].into()).with_switches(switches)
    }

    #[test]
    fn periods_that_overlap_or_touch_are_one_time() {
        let modes = modes(&[(20, 30), (0, 10), (5, 20)], &[]);
        let running = modes.running(Mode::Peak, minute(7)).unwrap();
        assert_eq!((running.since, running.until, running.by_hand), (minute(0), minute(30), false));
        assert_eq!(running.by.as_deref(), Some("王丽"));
        assert!(!modes.is_on(Mode::Peak, minute(30)) && !modes.is_on(Mode::Peak, minute(-1)));
        assert!(!modes.is_on(Mode::Degraded, minute(7)), "the other mode is another matter");
    }

    #[test]
    fn switched_off_by_hand_the_plan_rests_until_the_end_that_was_named() {
        let modes = modes(&[(0, 100)], &[switch(false, 10, 50)]);
        assert_eq!(modes.running(Mode::Peak, minute(5)).unwrap().until, minute(10));
        assert!(!modes.is_on(Mode::Peak, minute(10)) && !modes.is_on(Mode::Peak, minute(49)));
        let after = modes.running(Mode::Peak, minute(60)).unwrap();
        assert_eq!((after.since, after.until), (minute(50), minute(100)));
        assert_eq!(modes.planned_until(Mode::Peak, minute(20)), Some(minute(100)));
    }

    #[test]
    fn switched_on_it_ends_by_itself_and_the_last_word_counts() {
        let modes = modes(&[], &[switch(true, 0, 60), switch(true, 20, 30), switch(false, 25, 25)]);
        assert_eq!(modes.running(Mode::Peak, minute(21)).unwrap().since, minute(0));
        assert!(!modes.is_on(Mode::Peak, minute(25)), "off, and the longer one from before does not come back");
        assert!(!modes.is_on(Mode::Peak, minute(40)));
    }

    proptest! {
        /// Against the plain reading, minute by minute.
        #[test]
        fn it_is_on_as_the_last_word_says_and_else_as_planned(
            periods in prop::collection::vec((0_i64..60, 1_i64..40), 0..4),
            switches in prop::collection::vec((any::<bool>(), 0_i64..90, 0_i64..40), 0..4),
        ) {
            let periods: Vec<(i64, i64)> = periods.iter().map(|(from, length)| (*from, from + length)).collect();
            let said: Vec<Switch> =
                switches.iter().map(|(on, from, length)| switch(*on, *from, from + length)).collect();
            let modes = modes(&periods, &said);
            let told = |n: i64| {
                let mut by_hand = None;
                for (on, from, length) in &switches {
                    if *from <= n && by_hand.is_none_or(|(began, _, _)| *from >= began) {
                        by_hand = Some((*from, from + length, *on));
                    }
                }
                match by_hand {
                    Some((_, until, on)) if n < until => on,
                    _ => periods.iter().any(|(from, until)| *from <= n && n < *until),
                }
            };
            for n in -2..140 {
                prop_assert_eq!(modes.is_on(Mode::Peak, minute(n)), told(n), "{}", n);
                if let Some(running) = modes.running(Mode::Peak, minute(n)) {
                    let first = (-2..=n).rev().take_while(|m| told(*m)).last();
                    let over = (n..200).find(|m| !told(*m));
                    prop_assert_eq!(Some(running.since), first.map(minute), "{}", n);
                    prop_assert_eq!(Some(running.until), over.map(minute), "{}", n);
                }
            }
        }
    }
}
