//! Whose conversation is whose on a help desk, on disk.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::{KeptRow, Store, StoreError};

/// How long a tie is kept after it was last used.
const KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What a desk calls one of our conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tie {
    /// The customer there.
    pub(super) contact: String,
    /// The conversation or ticket there; empty while there is only a customer.
    pub(super) conversation: String,
    /// The delivery that was told last, so that a second attempt does not tell it twice.
    pub(super) told: String,
    /// Whether we have ended it there: what the desk then tells of that end is no news, and must not end ours.
    #[serde(default)]
    pub(super) ended: bool,
}

/// The ties of one webhook.
pub(super) struct Ties<'a> {
    place: String,
    store: &'a dyn Store,
    now: Timestamp,
}

impl<'a> Ties<'a> {
    pub(super) fn new(webhook: &str, store: &'a dyn Store, now: Timestamp) -> Self {
        Self { place: format!("desk:{webhook}"), store, now }
    }

    /// What the desk calls a conversation of ours.
    pub(super) async fn theirs(&self, ours: &str) -> Result<Option<Tie>, StoreError> {
        let kept = self.store.kept(&self.place, &format!("ours:{ours}"), self.now).await?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// What we call a conversation of theirs.
    pub(super) async fn ours(&self, theirs: &str) -> Result<Option<String>, StoreError> {
        self.store.kept(&self.place, &format!("theirs:{theirs}"), self.now).await
    }

    /// What was ended there begins anew, before anything is said: from here on its end is theirs again.
    pub(super) async fn begun(&self, ours: &str, tie: Tie) -> Result<Tie, StoreError> {
        if !tie.ended {
            return Ok(tie);
        }
        let tie = Tie { ended: false, ..tie };
        self.keep(ours, &tie).await.map(|()| tie)
    }

    /// Remembers both ways at once.
    pub(super) async fn keep(&self, ours: &str, tie: &Tie) -> Result<(), StoreError> {
        let until = self.now.checked_add(KEPT).ok();
        let row = |key: String, value: String| KeptRow { place: self.place.clone(), key, value, until };
        let mut rows = vec![row(format!("ours:{ours}"), serde_json::to_string(tie).unwrap_or_default())];
        if !tie.conversation.is_empty() {
            rows.push(row(format!("theirs:{}", tie.conversation), ours.to_owned()));
        }
        self.store.keep(rows).await
    }
}
