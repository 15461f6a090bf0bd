//! Live sockets by conversation: what was committed is handed to everyone who listens, without ever waiting for them.

mod desk;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::message::{Role, State};

pub use desk::{Desk, Ear, Gap, News, Numbered};

/// Most events that wait for one socket; a slower one is cut off and comes back by resume.
const QUEUE: usize = 256;

/// `seq` of what is told and not kept.
pub const WHISPER: u64 = 0;

/// One event of a conversation, as sockets hear of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Place in the conversation; [`WHISPER`] for what has none.
    pub seq: u64,
    /// Socket on which the message came in, which has its `ack` instead.
    pub origin: Option<u64>,
    /// `message` or `state`; of a whisper `position` or `typing`.
    pub kind: &'static str,
    /// Who.
    pub role: Role,
    /// When, for the frame.
    pub at: jiff::Timestamp,
    /// The frame's data.
    pub data: serde_json::Value,
    /// Who has the conversation after it.
    pub state: State,
}

/// The sockets of each conversation.
type Sockets = HashMap<String, Vec<(u64, mpsc::Sender<Arc<Event>>)>>;

/// All live sockets.
#[derive(Debug, Default)]
pub struct Hub {
    /// The people's consoles.
    pub desk: Desk,
    sockets: Mutex<Sockets>,
    next: AtomicU64,
}

/// A socket's ear. Dropped, it is gone from the hub.
#[derive(Debug)]
pub struct Listener {
    hub: Arc<Hub>,
    conversation: String,
    /// The socket's number.
    pub id: u64,
    events: mpsc::Receiver<Arc<Event>>,
}

impl Hub {
    /// Begins to listen to a conversation.
    #[must_use]
    pub fn listen(self: &Arc<Self>, conversation: &str) -> Listener {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, events) = mpsc::channel(QUEUE);
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.entry(conversation.to_owned()).or_default().push((id, sender));
        Listener { hub: Arc::clone(self), conversation: conversation.to_owned(), id, events }
    }

    /// Hands events to all who listen. A socket whose queue is full is cut off.
    pub fn publish(&self, conversation: &str, events: &[Arc<Event>]) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = sockets.get_mut(conversation) else { return };
        list.retain(|(_, sender)| events.iter().all(|event| sender.try_send(Arc::clone(event)).is_ok()));
        if list.is_empty() {
            sockets.remove(conversation);
        }
    }
}

impl Hub {
    /// Tells all who listen what is not kept and has no place in the conversation, such as that somebody types. Who is too slow
    /// does not hear it.
    pub fn whisper(
        &self,
        conversation: &str,
        kind: &'static str,
        state: State,
        at: jiff::Timestamp,
        data: serde_json::Value,
    ) {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = sockets.get(conversation) else { return };
        let event = Arc::new(Event { seq: WHISPER, origin: None, kind, role: Role::System, at, data, state });
        for (_, sender) in list {
            let _ = sender.try_send(Arc::clone(&event));
        }
    }
}

impl Listener {
    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Arc<Event>> {
        self.events.try_recv().ok()
    }

    /// The next event; none when this socket was too slow and has been cut off.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        self.events.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut sockets = self.hub.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = sockets.get_mut(&self.conversation) {
            list.retain(|(id, _)| *id != self.id);
            if list.is_empty() {
                sockets.remove(&self.conversation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> Arc<Event> {
        Arc::new(Event {
            seq,
            origin: None,
            kind: "message",
            role: Role::Bot,
            at: jiff::Timestamp::UNIX_EPOCH,
            data: serde_json::json!({}),
            state: State::Bot,
        })
    }

    #[tokio::test]
    async fn a_slow_socket_is_cut_off_and_holds_nobody_up() {
        let hub = Arc::new(Hub::default());
        let mut slow = hub.listen("c_1");
        for seq in 0..=(QUEUE as u64) {
            hub.publish("c_1", &[event(seq)]);
        }
        let mut heard = 0;
        while slow.next().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, QUEUE);
        assert!(hub.sockets.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn a_whisper_never_cuts_a_socket_off() {
        let hub = Arc::new(Hub::default());
        let mut slow = hub.listen("c_1");
        for _ in 0..=QUEUE {
            hub.whisper("c_1", "typing", State::Human, jiff::Timestamp::UNIX_EPOCH, serde_json::json!({}));
        }
        assert_eq!(slow.try_next().map(|event| event.seq), Some(WHISPER));
        hub.publish("c_1", &[event(1)]);
        let mut last = None;
        while let Some(event) = slow.try_next() {
            last = Some(event.seq);
        }
        assert_eq!(last, Some(1));
    }

    #[tokio::test]
    async fn only_the_conversation_s_own_sockets_hear() {
        let hub = Arc::new(Hub::default());
        let (mut here, there) = (hub.listen("c_1"), hub.listen("c_2"));
        hub.publish("c_1", &[event(7)]);
        assert_eq!(here.next().await.map(|e| e.seq), Some(7));
        drop(there);
        assert_eq!(hub.sockets.lock().expect("not poisoned").len(), 1);
    }
}
