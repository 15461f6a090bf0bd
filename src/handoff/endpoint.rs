//! Where deliveries go, and how often and how long it is tried.

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::{Client, Url};
use secrecy::SecretString;

use super::attempt::Answer;
use super::format::Format;
use super::signing::SigningKey;
use crate::rules::{DEFAULT_RETRY, Rate};
use crate::store::{OutboxRow, Store};

/// Settings of one endpoint. Its URL may hold a secret, so printing shows no more than the host.
#[derive(Clone)]
pub struct Endpoint {
    /// Name of the webhook, or `reply:CHANNEL`.
    pub name: String,
    /// Where to post. Trusted: it comes from the configuration.
    pub url: String,
    /// Keys to sign with, all of them; unsigned if there is none.
    pub keys: Vec<SigningKey>,
    /// For one attempt, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Waits between attempts; after the last one the delivery is dead.
    pub retry: Vec<Duration>,
    /// Attempts under way at a time, at least 1.
    pub concurrency: usize,
    /// What the receiver understands.
    pub format: Format,
    /// How people are spoken to, where the format is for people.
    pub people: People,
    /// Takes deliveries to a platform with a way of its own; none posts them to `url`.
    pub courier: Option<Arc<dyn Courier>>,
}

/// How a robot speaks to people.
#[derive(Clone, Debug)]
pub struct People {
    /// In Chinese; else in English.
    pub chinese: bool,
    /// In which their times are.
    pub zone: TimeZone,
    /// Whom it calls by name where it is urgent: `all`, or the platform's ids.
    pub mention: Vec<String>,
    /// Signs each message, where the platform checks that.
    pub secret: Option<SecretString>,
    /// How many messages the platform takes.
    pub rates: Vec<Rate>,
}

impl People {
    /// The tag of their language.
    pub(super) fn language(&self) -> &'static str {
        if self.chinese { "zh" } else { "en" }
    }
}

impl Default for People {
    fn default() -> Self {
        Self { chinese: false, zone: TimeZone::UTC, mention: Vec::new(), secret: None, rates: Vec::new() }
    }
}

/// Brings deliveries to a platform that has an API of its own. Order, attempts and waits are the worker's business.
pub trait Courier: fmt::Debug + Send + Sync + 'static {
    /// Makes one attempt; an error is what the platform answered. Must end by itself, and must not tell secrets.
    fn carry<'a>(
        &'a self,
        client: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Answer>>;

    /// Asks the platform who we are to it, without a message to anybody: the name that it answers with. Must end by itself.
    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>>;

    /// Sends a test message outside the outbox, where there is somebody of ours to whom it can go.
    fn try_out(&self, _now: Timestamp) -> Option<BoxFuture<'_, Answer>> {
        None
    }
}

impl Endpoint {
    /// An unsigned endpoint with the usual settings: 15 s, [`DEFAULT_RETRY`], 16 at a time, the standard format.
    #[must_use]
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            keys: Vec::new(),
            timeout: Duration::from_secs(15),
            retry: DEFAULT_RETRY.to_vec(),
            concurrency: 16,
            format: Format::Standard,
            people: People::default(),
            courier: None,
        }
    }

    /// The wait after the failure of attempt number `attempts` + 1, up to 20 % longer or shorter; none if it was the last.
    ///
    /// The jitter comes from the delivery's id, so that what failed together does not come back together.
    pub(super) fn wait(&self, attempts: u32, webhook_id: &str) -> Option<Duration> {
        let wait = self.retry.get(usize::try_from(attempts).ok()?)?;
        let mut hasher = DefaultHasher::new();
        (webhook_id, attempts).hash(&mut hasher);
        let per_mille = 800 + u32::try_from(hasher.finish() % 401).unwrap_or(200);
        Some(wait.saturating_mul(per_mille) / 1000)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("url", &masked_url(&self.url))
            .field("keys", &self.keys.len())
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .field("concurrency", &self.concurrency)
            .field("format", &self.format)
            .field("courier", &self.courier)
            .finish_non_exhaustive()
    }
}

/// Tells URLs apart without keeping them: SHA-256, in hexadecimal.
pub(super) fn url_hash(url: &str) -> String {
    digest::digest(&digest::SHA256, url.as_bytes()).as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A URL for logs: scheme, host and port only, because paths and queries of hooks hold secrets.
#[must_use]
pub fn masked_url(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "…".to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let rest = if url.path() == "/" && url.query().is_none() { "/" } else { "/…" };
    format!("{}://{}{port}{rest}", url.scheme(), url.host_str().unwrap_or("…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_the_settings_give_or_take_a_fifth_and_then_end() {
        let endpoint = Endpoint::new("desk", "http://localhost/");
        let mut seen = std::collections::HashSet::new();
        for (attempts, wanted) in (0..).zip(DEFAULT_RETRY) {
            for n in 0..50 {
                let wait = endpoint.wait(attempts, &format!("evt_{n}")).unwrap();
                assert!(wait >= wanted * 4 / 5 && wait <= wanted * 6 / 5, "{wanted:?} became {wait:?}");
                seen.insert(wait);
            }
        }
        assert!(seen.len() > 300, "only {} different waits of 450", seen.len());
        assert_eq!(endpoint.wait(9, "evt_1"), None);
        assert_eq!(endpoint.wait(u32::MAX, "evt_1"), None);
    }

    #[test]
    fn nothing_secret_of_a_url_is_shown() {
        assert_eq!(
            masked_url("https://u:p@hooks.example:8443/robot/send?key=s3cret#f"),
            "https://hooks.example:8443/…"
        );
        assert_eq!(masked_url("http://10.0.0.7"), "http://10.0.0.7/");
        assert_eq!(masked_url("http://h/?key=s3cret"), "http://h/…");
        assert_eq!(masked_url("not a url s3cret"), "…");
        let mut endpoint = Endpoint::new("desk", "https://h/s3cret");
        endpoint.keys = vec![SigningKey::parse("s3cret").unwrap()];
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }

    #[test]
    fn hashes_tell_urls_apart() {
        assert_eq!(url_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(url_hash("http://a/"), url_hash("http://a"));
    }
}
