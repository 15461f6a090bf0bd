//! Look-ups: JSON from the shop's own systems over HTTP, and from services that know where parcels are, so that an answer can tell
//! what is so and not what usually is.
//!
//! Owns time limits, the size of an answer, which addresses may be asked, signatures, the cache and the breaker. Whatever goes
//! wrong is an answer too ([`Fetched::error`]): the rule says what follows, in the end a person. Refuses rules, conversations and
//! texts.

mod address;
mod breaker;
mod busy;
mod cache;
mod net;
mod parcel;
mod sign;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;
use crate::decide::{LookupRequest, Target};
use crate::message::Fetched;
use crate::rules::Settings;
use crate::rules::model::Located;
use crate::store::Store;

use address::{PublicOnly, is_public};
use breaker::Breakers;
use cache::Cache;
use net::failed;
use parcel::Parcels;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Form of what is posted.
const FORM: &str = "application/x-www-form-urlencoded";

/// Asks the shop's systems.
pub struct Lookups {
    public: Client,
    any: Client,
    clock: Clock,
    cache: Cache,
    breakers: Arc<Breakers>,
    parcels: Arc<Parcels>,
}

impl Lookups {
    /// Makes the clients. The store remembers of which parcels was asked when.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Result<Self, reqwest::Error> {
        let client = || {
            // A redirect would lead past the check of the address.
            Client::builder().redirect(redirect::Policy::none()).connect_timeout(CONNECT).no_proxy()
        };
        let any = client().build()?;
        let breakers = Arc::<Breakers>::default();
        Ok(Self {
            public: client().dns_resolver(Arc::new(PublicOnly)).build()?,
            parcels: Arc::new(Parcels::new(any.clone(), store, clock.clone(), Arc::clone(&breakers))),
            any,
            clock,
            cache: Cache::default(),
            breakers,
        })
    }

    /// Fetches what a rule asks for. Never fails: what went wrong is in the answer.
    pub async fn fetch(&self, request: &LookupRequest, settings: &Settings) -> Fetched {
        let began = Instant::now();
        let key = key(&request.target);
        if let Some(kept) = self.cache.get(&key) {
            return kept;
        }
        let lookups = &settings.lookups;
        let (host, rests) = match &request.target {
            Target::Http { url, .. } => (host(url), false),
            Target::Parcel { service, .. } => {
                (lookups.account(*service).and_then(|a| host(&a.base_url.value)), !service.rests().is_zero())
            }
        };
        let host = host.unwrap_or_default();
        let asked = tokio::time::timeout(request.timeout, self.ask(request, &host, settings)).await;
        let fetched = asked.unwrap_or_else(|_| {
            // A question that has to rest goes on, and its end is told then.
            if !rests {
                self.breakers.told(&host, false);
            }
            failed(0, "timeout")
        });
        tracing::info!(
            rule = request.rule,
            host,
            status = fetched.status,
            error = fetched.error.as_deref(),
            took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "Looked up."
        );
        // What is not there yet may be there in a minute. What has to rest is kept where a restart does not lose it.
        if fetched.error.is_none() && !fetched.body.is_null() && !request.cache.is_zero() && !rests {
            self.cache.put(&key, &fetched, request.cache);
        }
        fetched
    }

    async fn ask(&self, request: &LookupRequest, host: &str, settings: &Settings) -> Fetched {
        let lookups = &settings.lookups;
        match &request.target {
            Target::Http { url, form } => self.system(url, host, form, settings).await,
            Target::Parcel { service, carrier, number, phone } => {
                let Some(account) = lookups.account(*service) else { return failed(0, "there is no account for it") };
                let parcel = parcel::Asked::new(*service, carrier, number, phone);
                Arc::clone(&self.parcels).fetch(parcel, account, request.cache, lookups.max_bytes).await
            }
        }
    }

    /// Asks a system of the shop.
    async fn system(&self, url: &str, host: &str, form: &[(String, String)], settings: &Settings) -> Fetched {
        let Ok(mut url) = Url::parse(url) else { return failed(0, "the address cannot be read") };
        if host.is_empty() || !matches!(url.scheme(), "http" | "https") {
            return failed(0, "the address is not one of http or https");
        }
        let lookups = &settings.lookups;
        if !lookups.private_addresses && !is_public(&url) {
            return failed(0, "the address is within the own network; lookups.private_addresses allows it");
        }
        if !self.breakers.may(host) {
            return failed(0, "the system failed several times and is left alone for a moment");
        }
        let mut headers = lookups.headers.get(host).map(|list| header_map(list)).unwrap_or_default();
        let mut form = form.to_vec();
        if let Some(sign) = lookups.sign.get(host) {
            let zone = TimeZone::get(&settings.timezone.value).unwrap_or(TimeZone::UTC);
            if let Some((name, value)) = sign::sign(sign, &mut url, &mut form, self.clock.now(), &zone) {
                headers.extend(HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok()));
            }
        }
        let client = if lookups.private_addresses { &self.any } else { &self.public };
        let request = if form.is_empty() {
            client.get(url)
        } else {
            client.post(url).header(CONTENT_TYPE, FORM).body(sign::encoded(&form))
        };
        let fetched = net::json(request.headers(headers), lookups.max_bytes).await;
        // A system that answers nonsense is no better than one that does not answer.
        // One that refuses what a customer typed is well.
        let refused = (400..500).contains(&fetched.status) && !matches!(fetched.status, 401 | 408 | 429);
        self.breakers.told(host, fetched.error.is_none() || refused);
        fetched
    }
}

fn host(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.host_str()?.to_owned())
}

/// What an answer is kept under.
fn key(target: &Target) -> String {
    match target {
        Target::Http { url, form } if form.is_empty() => url.clone(),
        Target::Http { url, form } => format!("{url}\n{}", sign::encoded(form)),
        Target::Parcel { service, carrier, number, phone } => {
            format!("{}\n{carrier}\n{number}\n{phone}", service.as_str())
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
