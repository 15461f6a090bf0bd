//! Look-ups: JSON from the shop's own systems over HTTP, so that an answer can tell what is so and not what usually is.
//!
//! Owns time limits, the size of an answer, which addresses may be asked, the cache and the breaker. Whatever goes wrong is an
//! answer too ([`Fetched::error`]): the rule says what follows, in the end a person. Refuses rules, conversations and texts.

mod address;
mod breaker;
mod cache;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::decide::LookupRequest;
use crate::message::Fetched;
use crate::rules::LookupSettings;
use crate::rules::model::Located;

use address::{PublicOnly, is_public};
use breaker::Breakers;
use cache::Cache;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Asks the shop's systems.
#[derive(Debug)]
pub struct Lookups {
    public: Client,
    any: Client,
    cache: Cache,
    breakers: Breakers,
}

impl Lookups {
    /// Makes the clients.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = || {
            // A redirect would lead past the check of the address.
            Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT).no_proxy()
        };
        Ok(Self {
            public: client().dns_resolver(Arc::new(PublicOnly)).build()?,
            any: client().build()?,
            cache: Cache::default(),
            breakers: Breakers::default(),
        })
    }

    /// Fetches what a rule asks for. Never fails: what went wrong is in the answer.
    pub async fn fetch(&self, request: &LookupRequest, settings: &LookupSettings) -> Fetched {
        if let Some(kept) = self.cache.get(&request.url) {
            return kept;
        }
        let failed = |error: &str| Fetched { error: Some(error.to_owned()), ..Fetched::default() };
        let Ok(url) = Url::parse(&request.url) else { return failed("the address cannot be read") };
        let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).map(str::to_owned) else {
            return failed("the address is not one of http or https");
        };
        if !settings.private_addresses && !is_public(&url) {
            return failed("the address is within the own network; lookups.private_addresses allows it");
        }
        if !self.breakers.may(&host) {
            return failed("the system failed several times and is left alone for a moment");
        }
        let began = Instant::now();
        let asked = tokio::time::timeout(request.timeout, self.ask(url, &host, settings)).await;
        let fetched = asked.unwrap_or_else(|_| failed("timeout"));
        // A system that answers nonsense is no better than one that does not answer.
        // One that refuses what a customer typed is well.
        let refused = (400..500).contains(&fetched.status) && !matches!(fetched.status, 401 | 408 | 429);
        self.breakers.told(&host, fetched.error.is_none() || refused);
        tracing::info!(
            rule = request.rule,
            host,
            status = fetched.status,
            error = fetched.error.as_deref(),
            took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "Looked up."
        );
        // What is not there yet may be there in a minute.
        if fetched.error.is_none() && !fetched.body.is_null() && !request.cache.is_zero() {
            self.cache.put(&request.url, &fetched, request.cache);
        }
        fetched
    }

    async fn ask(&self, url: Url, host: &str, settings: &LookupSettings) -> Fetched {
        let failed = |status: u16, error: &str| Fetched { error: Some(error.to_owned()), status, ..Fetched::default() };
        let client = if settings.private_addresses { &self.any } else { &self.public };
        let headers = settings.headers.get(host).map(|list| header_map(list)).unwrap_or_default();
        let response = match client.get(url).header("accept", "application/json").headers(headers).send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return failed(0, "timeout"),
            Err(_) => return failed(0, "no connection"),
        };
        let status = response.status();
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Fetched { error: None, status: status.as_u16(), body: Value::Null };
        }
        if !status.is_success() {
            return failed(status.as_u16(), &format!("status {}", status.as_u16()));
        }
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(part) = stream.next().await {
            let Ok(part) = part else { return failed(status.as_u16(), "the answer broke off") };
            if body.len() + part.len() > settings.max_bytes {
                return failed(status.as_u16(), "the answer is too large");
            }
            body.extend_from_slice(&part);
        }
        match serde_json::from_slice(&body) {
            Ok(body) => Fetched { error: None, status: status.as_u16(), body },
            Err(_) => failed(status.as_u16(), "the answer is not JSON"),
        }
    }
}

/// Headers that can be sent; others are errors that [`crate::engine::Engine::build`] finds (`bad-header`).
fn header_map(list: &[(Located<String>, SecretString)]) -> HeaderMap {
    let header = |(name, value): &(Located<String>, SecretString)| {
        let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.value.as_bytes()).ok()?, value))
    };
    list.iter().filter_map(header).collect()
}
