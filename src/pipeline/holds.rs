//! Messages that wait a moment for the customer's next one, which may complete them: at most one in each conversation.
//!
//! Nothing of such a message is on disk, and it is not acknowledged: should the program end, its sender sends it again. Whoever
//! has the conversation's turn and finds one here takes it out and brings it to its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::SeenKey;

use super::{Accepted, Arrival, Pipeline, PipelineError, Way};

/// Longest wait of messages in a row, in waits of one.
const MOST_WAITS: u32 = 3;
/// Most repetitions of a message that waits, all of which wait with it.
const MAX_AGAIN: usize = 64;

/// A message that waits.
pub(super) struct Held {
    pub(super) arrival: Arrival,
    pub(super) key: SeenKey,
    /// When the first message of the row began to wait.
    pub(super) first: Instant,
    number: u64,
    again: usize,
    answer: Option<oneshot::Sender<Result<Accepted, PipelineError>>>,
    /// Cancelled when it has come to its end.
    ended: CancellationToken,
}

/// The end of a message that waits.
#[derive(Debug)]
pub struct Later(oneshot::Receiver<Result<Accepted, PipelineError>>);

impl Later {
    /// Waits for the message to be on disk.
    ///
    /// # Errors
    /// When it was not taken; the sender may send it again.
    pub async fn end(self) -> Result<Accepted, PipelineError> {
        self.0.await.unwrap_or(Err(PipelineError::Internal))
    }
}

/// One message was repeated too often while it waits.
pub(super) struct TooMany;

/// All messages that wait, by conversation.
#[derive(Default)]
pub(super) struct Holds {
    held: Mutex<HashMap<String, Held>>,
    next: AtomicU64,
    /// From when on nothing waits any longer.
    pub(super) hurry: CancellationToken,
    tasks: TaskTracker,
}

impl Holds {
    /// Runs something that must come to its end before the program does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The message that waits in a conversation, which is the caller's to end.
    pub(super) fn take(&self, conversation: &str) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(conversation)
    }

    /// The same, if it is still the one with this number.
    fn take_number(&self, conversation: &str, number: u64) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(conversation).is_some_and(|held| held.number == number).then(|| held.remove(conversation))?
    }

    /// If this very message waits already: the end of that, or an error when too many wait for it.
    pub(super) fn same(&self, conversation: &str, key: &SeenKey) -> Option<Result<CancellationToken, TooMany>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_mut(conversation).filter(|held| held.key == *key)?;
        held.again += 1;
        Some(if held.again <= MAX_AGAIN { Ok(held.ended.clone()) } else { Err(TooMany) })
    }

    /// Until when a message may wait that is in a row since `first`; none if it may not.
    pub(super) fn until(&self, wait: Duration, first: Instant) -> Option<Instant> {
        let now = Instant::now();
        let until = (now + wait).min(first + wait * MOST_WAITS);
        (until > now && !self.hurry.is_cancelled()).then_some(until)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Held {
    /// Tells whoever sent it what became of it.
    pub(super) fn answer(mut self, result: Result<Accepted, PipelineError>) {
        if let Some(answer) = self.answer.take() {
            // A sender that has gone away asks again, if it wants to know.
            let _ = answer.send(result);
        }
    }
}

impl Pipeline {
    /// Lets a message wait, until then at the longest. Its end comes also if nobody waits for it.
    pub(super) fn hold(
        self: &Arc<Self>,
        conversation: String,
        arrival: Arrival,
        key: SeenKey,
        first: Instant,
        until: Instant,
    ) -> Later {
        let (answer, later) = oneshot::channel();
        let number = self.holds.next.fetch_add(1, Ordering::Relaxed);
        let ended = CancellationToken::new();
        let held = Held { arrival, key, first, number, again: 0, answer: Some(answer), ended: ended.clone() };
        self.holds.held.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation.clone(), held);
        self.metrics.held(true);
        let pipeline = Arc::clone(self);
        let wait: BoxFuture<'static, ()> = Box::pin(async move {
            tokio::select! {
                () = ended.cancelled() => return,
                () = sleep_until(until) => {}
                () = pipeline.holds.hurry.cancelled() => {}
            }
            let _turn = pipeline.turns.enter_again(conversation.clone()).await;
            if let Some(held) = pipeline.holds.take_number(&conversation, number) {
                pipeline.finish(held, Way::Final).await;
            }
        });
        self.holds.tasks.spawn(wait);
        Later(later)
    }

    /// The same message came again while it waits: it has the answer of the first.
    pub(super) fn with_the_first(self: &Arc<Self>, arrival: Arrival, ended: CancellationToken) -> Later {
        let (answer, later) = oneshot::channel();
        let pipeline = Arc::clone(self);
        let wait: BoxFuture<'static, ()> = Box::pin(async move {
            ended.cancelled().await;
            let _ = answer.send(pipeline.accept(arrival).await);
        });
        self.holds.tasks.spawn(wait);
        Later(later)
    }

    /// Brings a message that waited to its end; the caller has the turn. False if it could not be kept.
    pub(super) async fn finish(self: &Arc<Self>, held: Held, way: Way) -> bool {
        self.metrics.held(false);
        let result = Box::pin(self.settle(&held.arrival, &held.key, way)).await;
        // Only `Way::MayWait` gives none.
        let result = result.and_then(|accepted| accepted.ok_or(PipelineError::Internal));
        let kept = result.is_ok();
        held.answer(result);
        kept
    }

    /// A person of the shop answered in a conversation at the platform: what waits there is answered by that.
    pub async fn answered_there(self: &Arc<Self>, conversation: &str) {
        let _turn = self.turns.enter_again(conversation.to_owned()).await;
        if let Some(held) = self.holds.take(conversation) {
            self.finish(held, Way::Answered).await;
        }
    }

    /// From here on no message waits for another, and those that wait are taken at once.
    pub fn hurry(&self) {
        self.holds.hurry.cancel();
        self.holds.tasks.close();
    }

    /// Waits until no message waits any more, after [`Pipeline::hurry`].
    pub async fn hurried(&self) {
        self.holds.tasks.wait().await;
    }
}
