//! What callbacks say: that there is something to pull, and a token by which the platform lets us do so often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// How long a callback's token is good; a little less than the platform's ten minutes.
const GOOD: SignedDuration = SignedDuration::from_mins(9);
/// Longest token, in bytes.
const MAX_TOKEN: usize = 128;

/// The bells of all accounts.
#[derive(Debug, Default)]
pub struct Bells {
    bells: Mutex<HashMap<(String, String), Arc<Bell>>>,
}

/// The bell of one account.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Notify,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Bells {
    /// That of an account of a channel. Only accounts that stand in the settings are asked for.
    pub(super) fn of(&self, channel: &str, account: &str) -> Arc<Bell> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry((channel.to_owned(), account.to_owned())).or_default())
    }
}

impl Bell {
    /// There is something to pull.
    pub(super) fn ring(&self, token: &str, now: Timestamp) {
        if (1..=MAX_TOKEN).contains(&token.len()) {
            *self.token() = Some((token.to_owned(), now));
        }
        self.rung.notify_one();
    }

    /// Waits until it rings; what rang since the last time counts.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// The last token, while it is good.
    pub(super) fn token_at(&self, now: Timestamp) -> Option<String> {
        let good = |at: Timestamp| now.duration_since(at).abs() < GOOD;
        self.token().as_ref().filter(|(_, at)| good(*at)).map(|(token, _)| token.clone())
    }

    /// Forgets a token that the platform does not take.
    pub(super) fn forget(&self) {
        *self.token() = None;
    }

    fn token(&self) -> std::sync::MutexGuard<'_, Option<(String, Timestamp)>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_nine_minutes_and_never_one_that_was_refused() {
        let bell = Bells::default().of("kf", "wk1");
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        assert_eq!(bell.token_at(at(0)), None);
        bell.ring("a", at(0));
        bell.ring("", at(1));
        bell.ring(&"x".repeat(129), at(1));
        assert_eq!(bell.token_at(at(8)).as_deref(), Some("a"));
        assert_eq!(bell.token_at(at(9)), None);
        bell.ring("b", at(9));
        assert_eq!(bell.token_at(at(9)).as_deref(), Some("b"));
        bell.forget();
        assert_eq!(bell.token_at(at(9)), None);
    }
}
