//! One conversation, one order: messages of a conversation are handled one after another, different ones side by side.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Most messages that wait for their turn in one conversation.
const MAX_WAITING: usize = 64;

/// Who is at work on which conversation. Holds an entry only for conversations that someone works on.
#[derive(Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

/// The right to work on a conversation, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    key: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn, first come first served. None when too many wait already.
    pub(super) async fn enter(&self, key: String) -> Option<Turn> {
        self.wait(key, MAX_WAITING).await
    }

    /// Waits for the turn on behalf of a message that had one before and is never turned away.
    pub(super) async fn enter_again(&self, key: String) -> Option<Turn> {
        self.wait(key, usize::MAX).await
    }

    async fn wait(&self, key: String, most: usize) -> Option<Turn> {
        let lock = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let lock = turns.entry(key.clone()).or_default();
            // One count is the map's own.
            if Arc::strong_count(lock) > most {
                return None;
            }
            Arc::clone(lock)
        };
        // From here on the entry is tidied up even if the waiting is given up.
        let mut turn = Turn { turns: Arc::clone(&self.0), key, guard: None };
        turn.guard = Some(lock.lock_owned().await);
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_in_order_and_nothing_is_left_behind() {
        let turns = Arc::new(Turns::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = turns.enter("c".into()).await.expect("free");
        let mut waiting = Vec::new();
        for number in 0..8 {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let _turn = turns.enter("c".into()).await.expect("few wait");
                order.lock().expect("not poisoned").push(number);
            }));
            tokio::task::yield_now().await;
        }
        assert!(turns.enter("other".into()).await.is_some());
        drop(first);
        for task in waiting {
            task.await.expect("ends");
        }
        assert_eq!(*order.lock().expect("not poisoned"), (0..8).collect::<Vec<_>>());
        assert!(turns.0.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_turns_new_ones_away_and_nobody_who_comes_again() {
        let turns = Arc::new(Turns::default());
        let first = turns.enter("c".into()).await.expect("free");
        let mut waiting = Vec::new();
        for _ in 1..MAX_WAITING {
            let turns = Arc::clone(&turns);
            waiting.push(tokio::spawn(async move { turns.enter("c".into()).await.is_some() }));
            tokio::task::yield_now().await;
        }
        assert!(turns.enter("c".into()).await.is_none());
        let again = {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.enter_again("c".into()).await.is_some() })
        };
        tokio::task::yield_now().await;
        drop(first);
        for task in waiting {
            assert!(task.await.expect("ends"));
        }
        assert!(again.await.expect("ends"));
        assert!(turns.0.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn giving_up_leaves_no_entry() {
        let turns = Turns::default();
        let first = turns.enter("c".into()).await;
        let gave_up = tokio::time::timeout(std::time::Duration::from_millis(5), turns.enter("c".into())).await;
        assert!(gave_up.is_err());
        drop(first);
        assert!(turns.0.lock().expect("not poisoned").is_empty());
    }
}
