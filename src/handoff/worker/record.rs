//! What attempts came to: written down, then counted and logged.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{POLL, Shared};
use crate::handoff::attempt;
use crate::handoff::endpoint::{Endpoint, masked_url};
use crate::store::{AttemptResult, AttemptRow, OutboxRow, StoreError};

/// An attempt that ended.
pub(super) struct Ended {
    pub endpoint: Arc<Endpoint>,
    pub row: OutboxRow,
    pub at: Timestamp,
    pub result: AttemptResult,
    /// How long it took.
    pub seconds: f64,
}

impl Ended {
    fn written(&self) -> AttemptRow {
        AttemptRow { id: self.row.id, at: self.at, result: self.result.clone() }
    }

    /// Whether it says that the endpoint is gone.
    pub(super) fn stops(&self) -> bool {
        matches!(self.result, AttemptResult::EndpointGone { .. })
    }
}

impl Shared {
    /// Writes attempts down together, and tells of them. However long the store refuses: a row that looks untried would be sent
    /// over and over.
    pub(super) async fn record(&self, ended: &[Ended], stop: &CancellationToken) -> Result<(), StoreError> {
        loop {
            match self.store.record_attempts(ended.iter().map(Ended::written).collect()).await {
                Ok(()) => break,
                Err(StoreError::Closed) => return Err(StoreError::Closed),
                Err(error) => {
                    let deliveries = ended.len();
                    tracing::warn!(deliveries, %error, "Attempts cannot be written down; it will be tried again.");
                    if stop.run_until_cancelled(tokio::time::sleep(POLL)).await.is_none() {
                        return Err(error);
                    }
                }
            }
        }
        for Ended { endpoint, row, result, seconds, .. } in ended {
            self.tell(endpoint, row, result, *seconds);
        }
        Ok(())
    }

    fn tell(&self, endpoint: &Endpoint, row: &OutboxRow, result: &AttemptResult, seconds: f64) {
        let name = endpoint.name.as_str();
        let url = || masked_url(attempt::target(endpoint, row));
        let number = row.attempts.saturating_add(1);
        let (delivery, kind, conversation) = (row.id, &row.kind, &row.conversation);
        match result {
            AttemptResult::Delivered { status } => {
                self.observer.attempt(name, "delivered", seconds);
                tracing::debug!(
                    endpoint = name,
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    status,
                    seconds,
                    "Delivered."
                );
            }
            AttemptResult::Retry { at, error, .. } => {
                self.observer.attempt(name, "retry", seconds);
                let next: &Timestamp = at;
                tracing::info!(endpoint = name, url = url(), delivery, kind, conversation, attempt = number, error, %next, "Delivery failed; it will be tried again.");
            }
            AttemptResult::Dead { error, .. } => {
                self.observer.attempt(name, "dead", seconds);
                self.observer.dead(name);
                tracing::warn!(
                    endpoint = name,
                    url = url(),
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    error,
                    "Delivery given up; see `nightdesk queue`."
                );
            }
            AttemptResult::EndpointGone { error, .. } => {
                self.observer.attempt(name, "gone", seconds);
                self.observer.dead(name);
                self.observer.stopped(name);
                tracing::error!(
                    endpoint = name,
                    url = url(),
                    delivery,
                    kind,
                    conversation,
                    attempt = number,
                    error,
                    "Endpoint stopped; change its URL or resume it with `nightdesk queue`."
                );
            }
        }
    }
}
