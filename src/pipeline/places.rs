//! Who waits at which place: customers in a queue see it come true that others before them were taken.
//!
//! Owns the places as of the last look. Refuses to keep or promise them: they go only to sockets that are open, at most once a
//! second, and a socket that is too slow for one hears the next.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::sync::Notify;

use crate::hub::News;
use crate::message::State;
use crate::store::{ConversationFilter, HandoffFilter, StoreError, handoff_state};

use super::Pipeline;

/// Between two looks at the queues.
const PAUSE: Duration = Duration::from_secs(1);
/// Most cases whose places are told; those behind them see that they wait.
const MOST: usize = 1_000;

/// Places by conversation.
#[derive(Debug, Default)]
pub(super) struct Places {
    told: Mutex<HashMap<String, u64>>,
    look: Notify,
}

impl Places {
    /// A customer was told a place.
    pub(super) fn note(&self, conversation: &str, place: u64) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation.to_owned(), place);
    }

    /// Places as they are now; answers those that are others than were told.
    fn renew(&self, now: HashMap<String, u64>) -> Vec<(String, u64)> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = now.iter().filter(|(id, place)| told.get(*id) != Some(place));
        let changed = changed.map(|(id, place)| (id.clone(), *place)).collect();
        *told = now;
        changed
    }
}

impl Pipeline {
    /// A waiting customer's place; none while it is not known, and then it is told soon.
    pub fn place(&self, conversation: &str) -> Option<u64> {
        let place = self.places.told.lock().unwrap_or_else(PoisonError::into_inner).get(conversation).copied();
        if place.is_none() {
            self.places.look.notify_one();
        }
        place
    }

    /// Looks whenever a case came, went or moved. Never ends.
    pub async fn watch_places(self: Arc<Self>) {
        let mut ear = self.hub.desk.listen(None);
        loop {
            let moved = tokio::select! {
                () = self.places.look.notified() => true,
                news = ear.next() => !matches!(news, Ok((_, News::Message { .. } | News::Mode { .. } | News::Files { .. }))),
            };
            if !moved {
                continue;
            }
            tokio::time::sleep(PAUSE).await;
            // All that happened meanwhile is in what is read now.
            while ear.next().now_or_never().is_some() {}
            if let Err(error) = self.tell_places().await {
                tracing::warn!(%error, "The queues cannot be read, so waiting customers are not told their places.");
            }
        }
    }

    async fn tell_places(&self) -> Result<(), StoreError> {
        let filter = HandoffFilter { state: Some(handoff_state::QUEUED.to_owned()), queue: None, limit: MOST };
        let mut waiting = self.store.handoffs(filter).await?;
        // One that is called beside a person who talks is no place in the line to the customer.
        let queued = ConversationFilter { state: Some(State::Queued.as_str().to_owned()), limit: MOST };
        let queued: HashSet<String> = self.store.conversations(queued).await?.into_iter().map(|row| row.id).collect();
        waiting.retain(|case| queued.contains(&case.conversation));
        let mut queues: HashMap<&str, u64> = HashMap::new();
        let mut places = HashMap::new();
        for case in &waiting {
            let place = queues.entry(&case.queue).or_default();
            *place += 1;
            places.insert(case.conversation.clone(), *place);
        }
        let changed: HashMap<String, u64> = self.places.renew(places).into_iter().collect();
        for case in &waiting {
            if let Some(place) = changed.get(&case.conversation) {
                let data = json!({"queue": case.queue, "position": place});
                self.hub.whisper(&case.conversation, "position", State::Queued, self.clock.now(), data);
            }
        }
        Ok(())
    }

    /// The person who has a conversation is writing: the customer sees it. Nothing is kept.
    pub fn agent_types(&self, conversation: &str) {
        let data = json!({"on": true, "role": "human", "ttl_s": 6});
        self.hub.whisper(conversation, "typing", State::Human, self.clock.now(), data);
    }
}
