//! What was read or written last, so that the next message of a conversation under way needs nothing from the disk.
//!
//! Nothing here has to be true: a commit names the version that it changes and the id that it handles, and the store refuses it if
//! somebody else (a person, a command beside the daemon) was there before. Then what is known is forgotten, and read.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use rustc_hash::FxHashSet;

use crate::message::Conversation;
use crate::store::{ConversationRow, SeenKey, StoreError};

use super::{Arrival, Pipeline, conversation};

/// Most conversations, and most senders, that are known; who was not there for longest goes first. A conversation has some kilobytes.
const KNOWN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);
/// Most ids that are known of a sender: 2 KiB of them. Who has sent more is looked up each time.
const IDS: usize = 256;

/// A conversation as it was last read or written.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) version: u64,
    /// Its last event.
    pub(super) seq: u64,
    pub(super) conversation: Conversation,
}

/// Hashes of all ids of a sender that may be on disk; none if there are too many.
type Ids = Option<FxHashSet<u64>>;

/// What was read or written last.
#[derive(Debug)]
pub(super) struct Recent {
    conversations: Mutex<LruCache<String, Arc<Known>>>,
    senders: Mutex<LruCache<u64, Ids>>,
    /// Keyed anew at every start: nobody can choose ids that meet.
    hash: RandomState,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            conversations: Mutex::new(LruCache::new(KNOWN)),
            senders: Mutex::new(LruCache::new(KNOWN)),
            hash: RandomState::new(),
        }
    }
}

impl Known {
    /// What a row says.
    fn of(row: &ConversationRow) -> Result<Self, StoreError> {
        Ok(Self { version: row.version, seq: row.seq, conversation: conversation(row)? })
    }
}

impl Recent {
    /// A conversation is on disk like this.
    pub(super) fn keep(&self, known: Arc<Known>) {
        let id = known.conversation.id.clone();
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner).put(id, known);
    }

    /// A conversation is not as it was.
    pub(super) fn forget(&self, conversation: &str) {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner).pop(conversation);
    }

    fn conversation(&self, id: &str) -> Option<Arc<Known>> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A message is on disk.
    pub(super) fn handled(&self, key: &SeenKey) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = senders.get_mut(&self.sender(key)) else { return };
        if let Some(ids) = known {
            ids.insert(self.hash.hash_one(&key.id));
            if ids.len() >= IDS {
                *known = None;
            }
        }
    }

    /// Whether a message is surely not on disk; none if nothing is known of its sender.
    fn is_new(&self, key: &SeenKey) -> Option<bool> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = senders.get(&self.sender(key))?;
        Some(ids.as_ref().is_some_and(|ids| !ids.contains(&self.hash.hash_one(&key.id))))
    }

    /// These, and no others, are a sender's ids on disk; if there are [`IDS`], there may be more.
    fn learn(&self, key: &SeenKey, ids: &[String]) {
        let ids = (ids.len() < IDS).then(|| ids.iter().map(|id| self.hash.hash_one(id)).collect());
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).put(self.sender(key), ids);
    }

    fn sender(&self, SeenKey { channel, account, sender, id: _ }: &SeenKey) -> u64 {
        self.hash.hash_one((channel, account, sender))
    }
}

impl Pipeline {
    /// The conversation of a message; none if it begins with it.
    pub(super) async fn recall(&self, id: &str, arrival: &Arrival) -> Result<Option<Arc<Known>>, StoreError> {
        if let Some(known) = self.recent.conversation(id) {
            return Ok(Some(known));
        }
        let row = self.guard(self.store.conversation_by_thread(&arrival.channel, &arrival.thread).await)?;
        let Some(row) = row else { return Ok(None) };
        let known = Arc::new(Known::of(&row)?);
        self.recent.keep(Arc::clone(&known));
        Ok(Some(known))
    }

    /// Whether a message need not be looked for on disk, because it cannot be there.
    pub(super) async fn is_new(&self, key: &SeenKey) -> Result<bool, StoreError> {
        if let Some(new) = self.recent.is_new(key) {
            return Ok(new);
        }
        let ids = self.guard(self.store.ids_of_sender(key, IDS).await)?;
        self.recent.learn(key, &ids);
        Ok(ids.len() < IDS && !ids.contains(&key.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sender: &str, id: &str) -> SeenKey {
        SeenKey { channel: "web".into(), account: String::new(), sender: sender.into(), id: id.into() }
    }

    #[test]
    fn only_a_sender_of_whom_all_is_known_has_new_messages() {
        let recent = Recent::default();
        assert_eq!(recent.is_new(&key("v_1", "a")), None);
        recent.handled(&key("v_1", "a"));
        assert_eq!(recent.is_new(&key("v_1", "a")), None, "what was before is not known");
        recent.learn(&key("v_1", "a"), &["a".to_owned()]);
        assert_eq!(recent.is_new(&key("v_1", "a")), Some(false));
        assert_eq!(recent.is_new(&key("v_1", "b")), Some(true));
        recent.handled(&key("v_1", "b"));
        assert_eq!(recent.is_new(&key("v_1", "b")), Some(false));
        assert_eq!(recent.is_new(&key("v_2", "b")), None);
    }

    #[test]
    fn of_a_sender_with_too_many_messages_nothing_is_sure() {
        let recent = Recent::default();
        let ids: Vec<String> = (0..IDS).map(|number| number.to_string()).collect();
        recent.learn(&key("v_1", "x"), &ids);
        assert_eq!(recent.is_new(&key("v_1", "x")), Some(false));
        recent.learn(&key("v_1", "x"), &ids[1..]);
        assert_eq!(recent.is_new(&key("v_1", "x")), Some(true));
        recent.handled(&key("v_1", "x"));
        assert_eq!(recent.is_new(&key("v_1", "y")), Some(false), "the next one is one too many");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let recent = Recent::default();
        for number in 0..KNOWN.get() + 10 {
            recent.learn(&key(&number.to_string(), "a"), &[]);
        }
        assert_eq!(recent.senders.lock().expect("not poisoned").len(), KNOWN.get());
        assert_eq!(recent.is_new(&key("0", "a")), None);
    }
}
