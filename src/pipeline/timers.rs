//! What time alone does: cases that nobody takes climb from queue to queue.
//!
//! Owns when somebody looks. What is due is decided by `decide::escalate` from the conversation as it is then, in its turn among
//! messages and what people do; so a timer that is late, early or set twice does nothing wrong. Each open case has one timer on
//! disk, written with whatever changed it; at every start and after every change of the files all of them are looked at anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::decide::escalate::{self, Escalation, Why};
use crate::engine::Engine;
use crate::hours::ForcedHours;
use crate::message::{Conversation, Kind, OpenHandoff, Role, State};
use crate::store::{Commit, ConversationRow, HandoffRow, NewDelivery, StoreError, TimerRow, handoff_state};

use super::platform::{lettered, platform_hears};
use super::record::{self, Events};
use super::{Pipeline, PipelineError, TRIES, conversation, payload, transfer};

/// Between two looks at the clock, which may be turned.
const LOOK: Duration = Duration::from_millis(250);
/// Between two looks at the store when nothing is due, should a timer have been lost sight of.
const SAFETY: SignedDuration = SignedDuration::from_mins(1);
/// Timers read at a time.
const BATCH: usize = 256;
/// Cases worked on at a time.
const SIDE_BY_SIDE: usize = 8;
/// Until a timer is tried again whose step failed.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// When the earliest timer that is known comes, in milliseconds: so that waiting needs no look at the disk.
#[derive(Debug)]
pub(super) struct Alarm(AtomicI64);

impl Default for Alarm {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

impl Alarm {
    /// A timer is on disk.
    pub(super) fn set(&self, timer: Option<&TimerRow>) {
        if let Some(at) = timer.and_then(|timer| timer.at) {
            self.0.fetch_min(at.as_millisecond(), Ordering::SeqCst);
        }
    }

    fn rings(&self, now: Timestamp) -> bool {
        self.0.load(Ordering::SeqCst) <= now.as_millisecond()
    }

    /// Forgets all; called before the store is read, so that what is set meanwhile is not lost.
    fn forget(&self) {
        self.0.store(i64::MAX, Ordering::SeqCst);
    }
}

impl Pipeline {
    /// Acts whenever a timer comes. Never ends.
    pub async fn watch_timers(self: Arc<Self>) {
        let mut known: Option<(String, Arc<ForcedHours>)> = None;
        let mut looked: Option<Timestamp> = None;
        loop {
            let now = self.clock.now();
            let hours = (self.engine.load().knowledge().hash.clone(), self.forced.load_full());
            if known.as_ref() != Some(&hours) {
                // Other files may have other hours and targets, and so may a person's word.
                match self.guard(self.store.set_timers(now).await) {
                    Ok(_) => {
                        known = Some(hours);
                        looked = None;
                    }
                    Err(_) => tokio::time::sleep(LOOK * 4).await,
                }
            }
            let long_ago = |at: Timestamp| now.duration_since(at).abs() >= SAFETY;
            if self.alarm.rings(now) || looked.is_none_or(long_ago) {
                looked = Some(now);
                if let Err(error) = self.run_timers().await {
                    tracing::warn!(%error, "The timers cannot be read; they will be tried again.");
                    self.alarm.set(Some(&TimerRow { conversation: String::new(), at: Some(now) }));
                    tokio::time::sleep(LOOK * 4).await;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Does all that is due now, and tells how many cases were looked at.
    ///
    /// # Errors
    /// When the timers cannot be read. A case whose step fails is tried again in a minute.
    pub async fn run_timers(&self) -> Result<usize, StoreError> {
        let mut looked_at = 0;
        loop {
            let now = self.clock.now();
            self.alarm.forget();
            let timers = self.guard(self.store.timers(BATCH).await)?;
            let due = timers.iter().filter(|timer| timer.at.is_some_and(|at| at <= now)).count();
            timers.get(due..).unwrap_or_default().first().into_iter().for_each(|next| self.alarm.set(Some(next)));
            if due == 0 {
                return Ok(looked_at);
            }
            looked_at += due;
            let cases = timers.into_iter().take(due).map(|timer| self.fire_or_again(timer.conversation, now));
            stream::iter(cases).buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
        }
    }

    /// Looks at one case; should that fail, the others do not wait for it.
    async fn fire_or_again(&self, id: String, now: Timestamp) {
        let Err(error) = self.fire(&id).await else { return };
        tracing::error!(conversation = id, %error, "A timer could not be acted on; it will be tried again in a minute.");
        let timer = TimerRow { conversation: id, at: now.checked_add(AGAIN).ok() };
        if self.guard(self.store.commit(Commit { timer: Some(timer.clone()), ..Commit::default() }).await).is_err() {
            // The store refuses everything: not again at once.
            tokio::time::sleep(LOOK * 4).await;
        }
        self.alarm.set(Some(&timer));
    }

    /// Does what is due in one conversation, in its turn.
    async fn fire(&self, id: &str) -> Result<(), PipelineError> {
        let _turn = self.turns.enter_again(id.to_owned()).await;
        for _ in 0..TRIES {
            let Some(row) = self.guard(self.store.conversation(id).await)? else {
                let timer = Some(TimerRow { conversation: id.to_owned(), at: None });
                return Ok(self.guard(self.store.commit(Commit { timer, ..Commit::default() }).await)?);
            };
            let before = conversation(&row)?;
            let (now, engine) = (self.clock.now(), self.engine.load_full());
            let decided = catch_unwind(AssertUnwindSafe(|| match engine.time_is_up(&before, now) {
                Some(step) => (engine.next_timer(&step.conversation), Some(step)),
                None => (engine.next_timer(&before), None),
            }));
            let (at, step) = decided.map_err(|_| PipelineError::Internal)?;
            let timer = TimerRow { conversation: id.to_owned(), at };
            let Some(step) = step else {
                // With other hours or targets the deadline that people see is another too.
                let handoffs = self.other_deadline(&engine, &before).await?;
                let commit = Commit { timer: Some(timer.clone()), handoffs, ..Commit::default() };
                self.guard(self.store.commit(commit).await)?;
                self.alarm.set(Some(&timer));
                return Ok(());
            };
            let (commit, events) = self.escalated(&engine, &before, &row, &step, timer, now).await?;
            match self.store.commit(commit.clone()).await {
                Ok(()) => {
                    self.spoken(&before, &step.conversation, row.version, &commit, &events);
                    let queue = step
                        .conversation
                        .handoff
                        .as_ref()
                        .or(before.handoff.as_ref())
                        .map(|handoff| handoff.queue.as_str());
                    self.metrics.escalated(queue.unwrap_or_default(), step.why.as_str());
                    tracing::info!(
                        conversation = id,
                        why = step.why.as_str(),
                        queue,
                        from = step.from.as_deref(),
                        replies = step.replies.len(),
                        "Time was up for a case."
                    );
                    return Ok(());
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return self.guard(Err(error)).map_err(Into::into),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The row of a case that waits, if its deadline is no longer the one that is kept.
    async fn other_deadline(&self, engine: &Engine, waiting: &Conversation) -> Result<Vec<HandoffRow>, StoreError> {
        let Some(handoff) = waiting.handoff.as_ref().filter(|_| waiting.state == State::Queued) else {
            return Ok(Vec::new());
        };
        let deadline = escalate::deadline(engine.knowledge(), waiting);
        let kept = self.guard(self.store.handoff(&handoff.id).await)?;
        let other = kept.filter(|row| row.state == handoff_state::QUEUED && row.deadline != deadline);
        Ok(other.map(|row| HandoffRow { deadline, ..row }).into_iter().collect())
    }

    /// Tells everybody who listens what was committed.
    pub(super) fn spoken(
        &self,
        before: &Conversation,
        after: &Conversation,
        version: u64,
        commit: &Commit,
        events: &Events,
    ) {
        self.recent.forget(&after.id);
        self.hub.publish(&after.id, events.list());
        self.hub.desk.tell(events.news(before, after, version + 1));
        self.alarm.set(commit.timer.as_ref());
        commit.outbox.iter().for_each(|row| self.outbox.committed(&row.endpoint));
    }

    /// All that follows from a step, for one commit.
    pub(super) async fn escalated(
        &self,
        engine: &Engine,
        before: &Conversation,
        row: &ConversationRow,
        step: &Escalation,
        timer: TimerRow,
        now: Timestamp,
    ) -> Result<(Commit, Events), StoreError> {
        let after = &step.conversation;
        let mut events = Events::after(&after.id, row.seq, now);
        // Whose the case is comes first: what is said is not said beside a person who has it.
        if step.from.is_some() || after.state != before.state {
            let position = if after.state == State::Queued { self.position(after, false).await? } else { None };
            events.push("state", Role::System, record::state(after, position), after.state, None);
        }
        for reply in &step.replies {
            let data = json!({"message": reply.message, "role": Role::Bot, "kind": Kind::Notice, "text": reply.text});
            events.push("message", Role::Bot, data, after.state, None);
        }
        let after = &lettered(engine, after.clone(), &events, now);
        let (mut handoffs, mut outbox) = (Vec::new(), Vec::new());
        if let Some(handoff) = after.handoff.as_ref().or(before.handoff.as_ref()) {
            let kept = self.handoff_row(after, handoff).await?;
            handoffs.push(changed(kept, handoff, after, step, now));
            outbox = self.queues_hear(engine, handoff, step, &events, now).await?;
        }
        outbox.extend(platform_hears(engine, after, &events, now));
        let commit = Commit {
            conversation: Some(record::row(after, events.seq(), now)),
            expected_version: Some(row.version),
            events: events.rows(),
            outbox,
            handoffs,
            timer: Some(timer),
            ..Commit::default()
        };
        Ok((commit, events))
    }

    /// What the webhooks of the queues are told: the one that has the case now, and the one that had it.
    async fn queues_hear(
        &self,
        engine: &Engine,
        handoff: &OpenHandoff,
        step: &Escalation,
        events: &Events,
        now: Timestamp,
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let after = &step.conversation;
        let webhook = |queue: &str| engine.knowledge().queues.get(queue).and_then(|queue| queue.webhook.clone());
        let mut out = Vec::new();
        if let Some(old) = &step.from
            && let Some(endpoint) = webhook(old)
        {
            let moved = payload::moved((&handoff.id, old), handoff, after, &self.console_url(&after.id), now);
            out.push(payload::delivery(&endpoint, &after.id, "handoff.moved", &moved, now));
        }
        if let Some(endpoint) = webhook(&handoff.queue) {
            let kind = step.why.event();
            let case = self.case(after, handoff, step.deadline, None, None, events, now).await?;
            let told = match step.why {
                Why::Person => transfer::told(step.from.as_deref(), after, now),
                _ if after.handoff.is_some() => told(step, handoff),
                _ => json!({}),
            };
            let body = payload::body(kind, &case, told);
            out.push(payload::delivery(&endpoint, &after.id, kind, &body, now));
        }
        Ok(payload::wanted(&engine.book().settings, out))
    }
}

/// What stands in the event besides the case.
fn told(step: &Escalation, handoff: &OpenHandoff) -> Value {
    let repeat = handoff.ladder.passed.saturating_sub(1);
    json!({"escalation": {"reason": step.why.as_str(), "from": step.from, "step": handoff.ladder.steps, "repeat": repeat}})
}

/// The hand-off's row after a step.
fn changed(
    kept: HandoffRow,
    handoff: &OpenHandoff,
    after: &Conversation,
    step: &Escalation,
    now: Timestamp,
) -> HandoffRow {
    if after.handoff.is_none() {
        return HandoffRow { state: handoff_state::RETURNED.to_owned(), ended_at: Some(now), ..kept };
    }
    let back = after.state == State::Queued && kept.state == handoff_state::TAKEN;
    let kept = if back {
        HandoffRow { state: handoff_state::QUEUED.to_owned(), taken_at: None, taken_by: None, ..kept }
    } else {
        kept
    };
    let (queue, priority) = (handoff.queue.clone(), handoff.priority.as_str().to_owned());
    HandoffRow { queue, priority, deadline: step.deadline, ..kept }
}
