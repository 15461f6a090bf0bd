//! What all consoles hear: that a conversation changed hands, that something was said (never the words), and that the files were
//! read anew.
//!
//! The last few news are kept, so that a console that was away for a moment misses nothing; who was away for longer is told so
//! and reads the queue again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::message::{Priority, Role, State};
use crate::modes::Mode;

/// News that are kept for those who come back, and most that wait for one console.
const KEPT: usize = 256;

/// Something that consoles show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// Who has a conversation, or the queue or urgency of its case, is another.
    Queue {
        /// The conversation's id.
        conversation: String,
        /// Who has it.
        state: State,
        /// Queue of the open case.
        queue: Option<String>,
        /// How soon a person should look.
        priority: Priority,
        /// The person who has it.
        agent: Option<String>,
        /// Counts the commits of the conversation.
        version: u64,
    },
    /// A special mode is on, off, or switched anew.
    Mode {
        /// Which.
        mode: Mode,
        /// On or off.
        on: bool,
        /// Who wanted it; none where the files have it so.
        by: Option<String>,
    },
    /// Somebody said something.
    Message {
        /// The conversation's id.
        conversation: String,
        /// Who.
        role: Role,
        /// The message's id.
        id: String,
    },
    /// A pilot ended by itself.
    Pilot {
        /// Its id.
        pilot: String,
        /// In what it was worse: a fixed word.
        why: &'static str,
    },
    /// The shop's files were read anew.
    Files {
        /// Hash of the rule set that is in use now.
        rule_set: String,
        /// Whether it is that of the files as they are: false if they have errors.
        ok: bool,
    },
}

impl News {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queue { .. } => "queue",
            Self::Mode { .. } => "mode",
            Self::Message { .. } => "message",
            Self::Pilot { .. } => "pilot",
            Self::Files { .. } => "files",
        }
    }
}

/// News with its number.
pub type Numbered = (u64, News);

/// All consoles.
#[derive(Debug)]
pub struct Desk {
    /// Tells this run of the program from others: their numbers mean nothing here.
    run: String,
    last: Mutex<Last>,
    consoles: broadcast::Sender<Numbered>,
}

#[derive(Debug, Default)]
struct Last {
    number: u64,
    kept: VecDeque<Numbered>,
}

/// A console's ear, and where it begins.
#[derive(Debug)]
pub struct Ear {
    /// What it missed, oldest first; none when that is no longer known, and it must read everything again.
    pub missed: Option<Vec<Numbered>>,
    /// Number of the last news before it listens.
    pub number: u64,
    news: broadcast::Receiver<Numbered>,
}

impl Default for Desk {
    fn default() -> Self {
        let run = uuid::Uuid::now_v7().simple().to_string();
        Self { run, last: Mutex::default(), consoles: broadcast::Sender::new(KEPT) }
    }
}

impl Desk {
    /// Tells all consoles, without waiting for any.
    pub fn tell(&self, news: impl IntoIterator<Item = News>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for news in news {
            last.number += 1;
            let numbered = (last.number, news);
            if last.kept.len() == KEPT {
                last.kept.pop_front();
            }
            last.kept.push_back(numbered.clone());
            // Nobody listens: it is kept for who comes.
            let _ = self.consoles.send(numbered);
        }
    }

    /// Begins to listen. `after` is the id of the last event that a console saw, if it has been here before.
    #[must_use]
    pub fn listen(&self, after: Option<&str>) -> Ear {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = match after {
            None => Some(Vec::new()),
            Some(id) => self.number(id).filter(|seen| *seen <= last.number).and_then(|seen| {
                let first = last.kept.front().map_or(last.number + 1, |(number, _)| *number);
                let whole = seen + 1 >= first;
                whole.then(|| last.kept.iter().filter(|(number, _)| *number > seen).cloned().collect())
            }),
        };
        Ear { missed, number: last.number, news: self.consoles.subscribe() }
    }

    /// The id of an event by its number.
    #[must_use]
    pub fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&self.run)?.strip_prefix('-')?.parse().ok()
    }

    /// Number of the last news.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).number
    }
}

impl Ear {
    /// The next news; an error when this console was too slow and some are gone.
    ///
    /// # Errors
    /// After a gap. It hears what comes from then on.
    pub async fn next(&mut self) -> Result<Numbered, Gap> {
        match self.news.recv().await {
            Ok(news) => Ok(news),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What still waits is older than what it will read now.
                self.news = self.news.resubscribe();
                Err(Gap)
            }
            // The sender lives as long as the program.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Some news are gone for a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(n: usize) -> News {
        News::Message { conversation: "c_1".into(), role: Role::Visitor, id: format!("msg_{n}") }
    }

    #[tokio::test]
    async fn who_comes_back_in_time_misses_nothing() {
        let desk = Desk::default();
        desk.tell((1..=3).map(said));
        let ear = desk.listen(Some(&desk.id(1)));
        assert_eq!(ear.missed, Some(vec![(2, said(2)), (3, said(3))]));
        assert_eq!(desk.listen(Some(&desk.id(3))).missed, Some(Vec::new()));
        assert_eq!(desk.listen(None).missed, Some(Vec::new()));
    }

    #[tokio::test]
    async fn who_was_away_too_long_or_elsewhere_is_told() {
        let desk = Desk::default();
        desk.tell((1..=KEPT + 2).map(said));
        assert_eq!(desk.listen(Some(&desk.id(1))).missed, None);
        assert_eq!(desk.listen(Some(&desk.id(2))).missed.map(|missed| missed.len()), Some(KEPT));
        for strange in [desk.id(9_999), Desk::default().id(1), "1".into(), String::new()] {
            assert_eq!(desk.listen(Some(&strange)).missed, None, "{strange}");
        }
    }

    #[tokio::test]
    async fn a_slow_console_hears_of_the_gap_and_then_what_is_new() {
        let desk = Desk::default();
        let mut ear = desk.listen(None);
        desk.tell((1..=KEPT + 10).map(said));
        assert_eq!(ear.next().await, Err(Gap));
        desk.tell([said(0)]);
        assert_eq!(ear.next().await, Ok((KEPT as u64 + 11, said(0))));
    }
}
