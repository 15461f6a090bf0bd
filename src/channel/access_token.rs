//! An access token that ends by itself: one for all who send, renewed by one of them at a time.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::handoff::Answer;

/// A token is renewed so long before its end.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// Longest life that is believed, in seconds.
const LONGEST: i64 = 86_400;

/// The token of one account.
#[derive(Debug, Default)]
pub struct AccessToken {
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    value: SecretString,
    until: Timestamp,
}

/// A new token and its life in seconds.
#[derive(Debug)]
pub struct Fresh {
    /// What is sent with requests.
    pub value: SecretString,
    /// From now on.
    pub seconds: i64,
}

impl AccessToken {
    /// The token in use; a new one if it ends, or if the platform refuses `refused`. `fetch` asks for one, told whether the
    /// platform must not give the same again.
    ///
    /// # Errors
    /// What `fetch` says, or that the platform gives a token that it does not accept.
    pub async fn get<F>(
        &self,
        refused: Option<&SecretString>,
        now: Timestamp,
        fetch: impl Fn(bool) -> F,
    ) -> Result<SecretString, Answer>
    where
        F: Future<Output = Result<Fresh, Answer>>,
    {
        let mut kept = self.kept.lock().await;
        let is_refused =
            |token: &SecretString| refused.is_some_and(|other| other.expose_secret() == token.expose_secret());
        if let Some(token) = kept.as_ref().filter(|token| now < token.until && !is_refused(&token.value)) {
            return Ok(token.value.clone());
        }
        for force in [false, true] {
            let Fresh { value, seconds } = fetch(force).await?;
            // The platform still thinks that the refused one is good.
            if is_refused(&value) {
                continue;
            }
            let life = SignedDuration::from_secs(seconds.clamp(0, LONGEST));
            let until = now.checked_add(life.saturating_sub(MARGIN)).unwrap_or(now);
            *kept = Some(Kept { value: value.clone(), until });
            return Ok(value);
        }
        Err(Answer::Failed("the platform gives a token that it does not accept".to_owned()))
    }
}
