//! Whose conversation is whose on a help desk, on disk.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rules::WebhookSpec;
use crate::store::{KeptRow, Store, StoreError};

/// How long a tie is kept after it was last used.
const KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long after an end words may still be under way that were written before it: desks send each by a request of its own, in no
/// order, and some again if the first was lost.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(2);

/// What a desk calls one of our conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tie {
    /// The customer there.
    pub(super) contact: String,
    /// The conversation or ticket there; empty while there is only a customer.
    pub(super) conversation: String,
    /// The delivery that was told last, so that a second attempt does not tell it twice.
    pub(super) told: String,
    /// The delivery that an attempt was begun for, where the desk itself does not know repeats.
    #[serde(default)]
    pub(super) begun: String,
    /// Whether we have ended it there: what the desk then tells of that end is no news, and must not end ours.
    #[serde(default)]
    pub(super) ended: bool,
}

/// Where the ties of a webhook are kept. Another account or inbox under the same name has none of them: its numbers mean others.
pub(super) fn place(webhook: &str, spec: &WebhookSpec) -> String {
    let there = format!("{}\u{0}{}", spec.url.value.trim_end_matches('/'), spec.text("inbox").unwrap_or_default());
    let hash = digest::digest(&digest::SHA256, there.as_bytes());
    let short: String = HEXLOWER.encode(hash.as_ref()).chars().take(16).collect();
    format!("desk:{webhook}:{short}")
}

/// The ties of one webhook.
pub(super) struct Ties<'a> {
    place: String,
    store: &'a dyn Store,
    now: Timestamp,
}

impl<'a> Ties<'a> {
    pub(super) fn new(place: String, store: &'a dyn Store, now: Timestamp) -> Self {
        Self { place, store, now }
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
        let mut rows = vec![self.row(format!("ours:{ours}"), serde_json::to_string(tie).unwrap_or_default(), until)];
        if !tie.conversation.is_empty() {
            rows.push(self.row(format!("theirs:{}", tie.conversation), ours.to_owned(), until));
        }
        self.store.keep(rows).await
    }

    /// Their conversation is there no longer; ours waits for another.
    pub(super) async fn forget(&self, tie: &Tie) -> Result<(), StoreError> {
        self.store.forget(&self.place, &format!("theirs:{}", tie.conversation)).await.map(drop)
    }

    /// One of ours was ended, here or there.
    pub(super) async fn closed(&self, ours: &str) -> Result<(), StoreError> {
        let until = self.now.checked_add(UNDER_WAY).ok();
        self.store.keep(vec![self.row(format!("closed:{ours}"), String::new(), until)]).await
    }

    /// Whether words may still be under way that were written before the end.
    pub(super) async fn just_closed(&self, ours: &str) -> Result<bool, StoreError> {
        Ok(self.store.kept(&self.place, &format!("closed:{ours}"), self.now).await?.is_some())
    }

    fn row(&self, key: String, value: String, until: Option<Timestamp>) -> KeptRow {
        KeptRow { place: self.place.clone(), key, value, until }
    }
}
