//! The worker of a robot that speaks to people: never faster than the platform takes, urgent messages first and singly, and
//! where more waits than may be sent, all of the rest in one message.
//!
//! One message at a time. What a message told is written down as delivered after it was taken, all of it together; if the
//! process dies before, it is told again. The order of a conversation's events is kept: what is urgent waits for what
//! happened before it, and makes that go first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::pace::{Free, Pace};
use super::record::Ended;
use super::{GRACE, POLL, Worker};
use crate::handoff::attempt::{self, Answer};
use crate::handoff::endpoint::Endpoint;
use crate::handoff::format::{self, Robot};
use crate::handoff::note::{Note, is_urgent};
use crate::handoff::robot;
use crate::store::{DeliveryFilter, OutboxRow, delivery_state};

/// Rows that are looked at, and folded into one message, at most.
const MOST: usize = 500;
/// Between two looks that found nothing that may be sent.
const BREATH: Duration = Duration::from_millis(250);
/// The last deliveries that are read at a start, to know how many messages were sent lately.
const LATELY: usize = 200;

/// What a look came to.
enum Round {
    /// A message was sent, or its time was used up.
    Sent,
    /// The endpoint was stopped.
    Stopped,
    /// Nothing may be sent, or nothing waits, for so long.
    Wait(Duration),
    /// The worker is to end.
    End,
}

impl Worker {
    /// Speaks until the worker is to stop.
    pub(super) async fn speak(&mut self) {
        let mut pace = self.pace_so_far().await;
        let mut moved = true;
        loop {
            // What came while a message was sent counts too.
            moved |= self.settings.has_changed().unwrap_or(false);
            let endpoint = Arc::clone(&self.settings.borrow_and_update());
            let Some(robot) = format::robot(endpoint.format) else { return };
            if moved {
                moved = self.resume_if_moved(&endpoint).await.is_err();
            }
            let pause = match self.round(&endpoint, robot, &mut pace).await {
                Round::Sent if self.stop.is_cancelled() => return,
                Round::Sent => continue,
                Round::Stopped => {
                    moved = true;
                    Duration::ZERO
                }
                Round::Wait(pause) => pause,
                Round::End => return,
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    moved = true;
                }
                () = self.bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// What was sent before the process was started.
    async fn pace_so_far(&self) -> Pace {
        let endpoint = Some(self.settings.borrow().name.clone());
        let filter = DeliveryFilter { state: Some(delivery_state::DELIVERED.to_owned()), endpoint, limit: LATELY };
        let rows = self.shared.store.deliveries(filter).await.unwrap_or_default();
        Pace::new(rows.iter().filter_map(|row| row.finished_at).collect())
    }

    async fn round(&self, endpoint: &Arc<Endpoint>, robot: &dyn Robot, pace: &mut Pace) -> Round {
        let (name, now) = (endpoint.name.as_str(), self.shared.clock.now());
        let rates = &endpoint.people.rates;
        let until_more = |pace: &Pace| Round::Wait(pace.wait(rates, now).unwrap_or(POLL).min(POLL));
        let free = pace.free(rates, now);
        if free.urgent == 0 {
            return until_more(pace);
        }
        let rows = match self.shared.store.waiting(name, now, MOST).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(endpoint = name, %error, "The outbox cannot be read; it will be tried again.");
                return Round::Wait(POLL);
            }
        };
        if rows.is_empty() {
            return Round::Wait(self.pause(name, now).await);
        }
        let chosen = choose(rows, free);
        if chosen.is_empty() {
            // In a burst every commit rings the bell, and each look reads all that waits.
            let _ = self.stop.run_until_cancelled(tokio::time::sleep(BREATH)).await;
            return until_more(pace);
        }
        let note = match chosen.as_slice() {
            [row] => Note::of(row, &endpoint.people, now),
            rows => Note::digest(rows, &endpoint.people),
        };
        pace.send(rates, now);
        let began = Instant::now();
        let answer = tokio::select! {
            answer = robot::post(&self.shared.client, endpoint, robot, &note, now) => answer,
            () = async { self.stop.cancelled().await; tokio::time::sleep(GRACE).await } => return Round::End,
        };
        let (seconds, at) = (began.elapsed().as_secs_f64(), self.shared.clock.now());
        if let Answer::Busy { wait, .. } = &answer
            && let Ok(until) = at.checked_add(*wait)
        {
            pace.quiet_until(until);
        }
        self.write_down(endpoint, chosen, &answer, seconds, at).await
    }

    /// Writes down what became of a message, for each row that it told.
    async fn write_down(
        &self,
        endpoint: &Arc<Endpoint>,
        rows: Vec<OutboxRow>,
        answer: &Answer,
        seconds: f64,
        at: Timestamp,
    ) -> Round {
        let mut ended = Vec::with_capacity(rows.len());
        for row in rows {
            let result = attempt::judge(answer.clone(), endpoint, &row, at);
            ended.push(Ended { endpoint: Arc::clone(endpoint), row, at, result, seconds });
            // The rest of them were not refused, but never told: they wait for the new address.
            if ended.last().is_some_and(Ended::stops) {
                break;
            }
        }
        match self.shared.record(&ended, &self.stop).await {
            Ok(()) if ended.iter().any(Ended::stops) => Round::Stopped,
            Ok(()) => Round::Sent,
            Err(_) if self.stop.is_cancelled() => Round::End,
            Err(error) => {
                tracing::error!(%error, "What became of a message cannot be written down.");
                Round::Wait(POLL)
            }
        }
    }
}

/// What goes into the next message, in order; nothing if nothing may be sent. One row is told by itself, several are a digest.
fn choose(rows: Vec<OutboxRow>, free: Free) -> Vec<OutboxRow> {
    let urgent: Vec<bool> = rows.iter().map(is_urgent).collect();
    if let Some(first) = urgent.iter().position(|urgent| *urgent).filter(|_| free.urgent > 0) {
        let conversation = rows.get(first).map(|row| row.conversation.clone()).unwrap_or_default();
        let before: Vec<OutboxRow> =
            rows.iter().take(first).filter(|row| row.conversation == conversation).cloned().collect();
        return if before.is_empty() { rows.into_iter().nth(first).into_iter().collect() } else { before };
    }
    if free.calm == 0 {
        return Vec::new();
    }
    if rows.len() > free.calm { rows } else { rows.into_iter().take(1).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, conversation: &str, priority: &str) -> OutboxRow {
        let now = Timestamp::UNIX_EPOCH;
        OutboxRow {
            id,
            webhook_id: format!("evt_{id}"),
            endpoint: "group".into(),
            url: None,
            conversation: conversation.into(),
            kind: "handoff.created".into(),
            body: format!(r#"{{"data":{{"handoff":{{"priority":"{priority}"}}}}}}"#).into_bytes(),
            created_at: now,
            next_try_at: now,
            attempts: 0,
            state: "pending".into(),
            last_status: None,
            last_error: None,
            finished_at: None,
        }
    }

    fn chosen(rows: &[(i64, &str, &str)], urgent: usize, calm: usize) -> Vec<i64> {
        let rows = rows.iter().map(|(id, conversation, priority)| row(*id, conversation, priority)).collect();
        choose(rows, Free { urgent, calm }).iter().map(|row| row.id).collect()
    }

    #[test]
    fn one_at_a_time_while_there_is_room_and_all_in_one_when_there_is_not() {
        let rows = [(1, "a", "normal"), (2, "b", "high"), (3, "a", "low")];
        assert_eq!(chosen(&rows, 20, 15), [1]);
        assert_eq!(chosen(&rows, 8, 3), [1]);
        assert_eq!(chosen(&rows, 7, 2), [1, 2, 3]);
        assert_eq!(chosen(&rows[..1], 1, 1), [1]);
        assert_eq!(chosen(&rows, 5, 0), Vec::<i64>::new());
    }

    #[test]
    fn urgent_ones_go_first_and_singly_and_never_before_what_happened_before() {
        let rows = [(1, "a", "normal"), (2, "b", "urgent"), (3, "c", "urgent")];
        assert_eq!(chosen(&rows, 1, 0), [2]);
        assert_eq!(chosen(&[(1, "a", "normal"), (2, "b", "normal"), (3, "a", "urgent")], 5, 0), [1]);
        assert_eq!(chosen(&[(1, "a", "low"), (2, "b", "low"), (3, "a", "low"), (4, "a", "urgent")], 5, 9), [1, 3]);
    }

    #[test]
    fn a_case_that_ended_is_not_urgent_any_more() {
        let closed = OutboxRow { kind: "conversation.closed".into(), ..row(2, "b", "urgent") };
        let chosen = choose(vec![row(1, "a", "normal"), closed], Free { urgent: 9, calm: 9 });
        assert_eq!(chosen.iter().map(|row| row.id).collect::<Vec<_>>(), [1]);
    }
}
