//! Services that know where the parcels of many carriers are, asked so that both give the same values.
//!
//! Owns the services' forms and signatures, and the rule that a number rests between two queries of 快递100, across restarts too.
//! Refuses to guess: what the service does not know is a [`Problem`], what is wrong with us or it is an error.

mod carriers;
mod kdniao;
mod kuaidi100;
mod values;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::message::Fetched;
use crate::rules::ParcelAccount;
use crate::rules::model::ParcelService;
use crate::store::{KeptRow, Store, StoreError};

use super::breaker::Breakers;
use super::busy::Busy;
use super::net::{self, NO_CONNECTION, failed};
use values::{Found, Problem, Said, State, Step};

/// Longest time that an answer is waited for. A rule may wait less: what comes later is kept for the next who asks.
const LONGEST: Duration = Duration::from_secs(20);
/// Most steps of a parcel that are given to texts.
const STEPS: usize = 50;
/// Most characters of what a service says.
const SAID: usize = 200;

/// A parcel that is asked for, tidied up.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    service: ParcelService,
    carrier: String,
    number: String,
    /// Digits; none if there are fewer than four.
    phone: String,
}

impl Asked {
    /// As a customer and a rule wrote it.
    pub(super) fn new(service: ParcelService, carrier: &str, number: &str, phone: &str) -> Self {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        Self {
            service,
            carrier: carrier.trim().to_owned(),
            number: number.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase(),
            phone: if digits.len() < 4 { String::new() } else { digits },
        }
    }

    /// The carrier's code at the service; one that is not known is taken for a code.
    fn code(&self) -> &str {
        carriers::find(&self.carrier).map_or(&self.carrier, |carrier| carrier.code(self.service))
    }

    /// The last four digits of the phone number.
    fn tail(&self) -> &str {
        self.phone.get(self.phone.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// What keeps it from being asked.
    fn problem(&self) -> Option<Problem> {
        let written = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(6..=32).contains(&self.number.len()) || !self.number.chars().all(written) {
            return Some(Problem::UnknownNumber);
        }
        let asks = carriers::find(&self.carrier).is_some_and(|carrier| carrier.asks_phone);
        (asks && self.phone.is_empty()).then_some(Problem::Phone)
    }

    fn form(&self, account: &ParcelAccount) -> String {
        match self.service {
            ParcelService::Kuaidi100 => kuaidi100::form(self, account),
            ParcelService::Kdniao => kdniao::form(self, account),
        }
    }

    fn url(&self, account: &ParcelAccount) -> String {
        let path = match self.service {
            ParcelService::Kuaidi100 => kuaidi100::PATH,
            ParcelService::Kdniao => kdniao::PATH,
        };
        format!("{}{path}", account.base_url.value)
    }

    fn read(&self, body: &Value) -> Said {
        match self.service {
            ParcelService::Kuaidi100 => kuaidi100::read(body),
            ParcelService::Kdniao => kdniao::read(body),
        }
    }

    /// What an answer gives to texts and conditions.
    fn values(&self, said: Result<&Found, Problem>) -> Value {
        let carrier = carriers::find(&self.carrier).map_or(self.carrier.as_str(), |carrier| carrier.name);
        let problem = said.err().map_or("", Problem::as_str);
        let found = said.ok();
        let state = found.map(|found| found.state);
        let words = state.map_or(["", "", ""], State::words);
        let step = |step: &Step| json!({"time": step.time, "text": step.text});
        let steps: Vec<Value> =
            found.map(|found| found.steps.iter().take(STEPS).map(step).collect()).unwrap_or_default();
        json!({
            "found": found.is_some(),
            "problem": problem,
            "carrier": carrier,
            "number": self.number,
            "state": words[0],
            "state_zh": words[1],
            "state_en": words[2],
            "signed": state == Some(State::Signed),
            "latest": steps.first().cloned().unwrap_or_else(|| json!({"time": "", "text": ""})),
            "steps": steps,
        })
    }

    fn answer(&self, said: Result<&Found, Problem>) -> Fetched {
        Fetched { error: None, status: 200, body: self.values(said) }
    }
}

/// What is remembered of a number while it rests.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    carrier: String,
    tail: String,
    /// None while the answer is not there.
    fetched: Option<Fetched>,
}

/// Asks the services.
pub(super) struct Parcels {
    client: Client,
    store: Arc<dyn Store>,
    clock: Clock,
    breakers: Arc<Breakers>,
    busy: Busy,
}

impl Parcels {
    pub(super) fn new(client: Client, store: Arc<dyn Store>, clock: Clock, breakers: Arc<Breakers>) -> Self {
        Self { client, store, clock, breakers, busy: Busy::default() }
    }

    /// Asks where a parcel is.
    pub(super) async fn fetch(
        self: Arc<Self>,
        asked: Asked,
        account: &ParcelAccount,
        cache: Duration,
        max_bytes: usize,
    ) -> Fetched {
        if let Some(problem) = asked.problem() {
            return asked.answer(Err(problem));
        }
        if asked.service.rests().is_zero() {
            return self.ask(&asked, account, max_bytes).await;
        }
        // Goes on when whoever waits for it has given up: a question that was sent is worth its answer.
        let account = account.clone();
        let task = tokio::spawn(async move { self.rested(&asked, &account, cache, max_bytes).await });
        task.await.unwrap_or_else(|_| failed(0, "the look-up did not end"))
    }

    /// Asks of a number that rests between two questions.
    async fn rested(&self, asked: &Asked, account: &ParcelAccount, cache: Duration, max_bytes: usize) -> Fetched {
        let lock = self.busy.of(&asked.number);
        let _one = lock.lock().await;
        let (place, now) = (asked.service.as_str(), self.clock.now());
        match self.store.kept(place, &asked.number, now).await {
            Ok(Some(kept)) => return again(asked, &kept),
            Ok(None) => {}
            Err(error) => return unstored(&error),
        }
        let rests = asked.service.rests();
        // Written down before it is sent: not even a crash makes the second question come too soon.
        if let Err(error) = self.keep(asked, None, after(now, rests)).await {
            return unstored(&error);
        }
        let fetched = self.ask(asked, account, max_bytes).await;
        // What never left need not rest.
        let sent = !matches!(fetched.error.as_deref(), Some(NO_CONNECTION | LEFT_ALONE));
        // Only what was found is good for longer than the number rests.
        let found = fetched.error.is_none() && fetched.body["problem"] == "";
        let until = match (sent, found) {
            (false, _) => now,
            (true, false) => after(now, rests),
            (true, true) => after(now, rests.max(cache)),
        };
        if let Err(error) = self.keep(asked, Some(&fetched), until).await {
            tracing::error!(%error, "The answer of a carrier could not be kept; its number rests all the same.");
        }
        fetched
    }

    async fn keep(&self, asked: &Asked, fetched: Option<&Fetched>, until: Timestamp) -> Result<(), StoreError> {
        let kept = Kept { carrier: asked.code().to_owned(), tail: asked.tail().to_owned(), fetched: fetched.cloned() };
        let row = KeptRow {
            place: asked.service.as_str().to_owned(),
            key: asked.number.clone(),
            value: serde_json::to_string(&kept).unwrap_or_default(),
            until: Some(until),
        };
        self.store.keep(vec![row]).await
    }

    async fn ask(&self, asked: &Asked, account: &ParcelAccount, max_bytes: usize) -> Fetched {
        let Ok(url) = Url::parse(&asked.url(account)) else { return failed(0, "the address cannot be read") };
        let host = url.host_str().unwrap_or_default().to_owned();
        if !self.breakers.may(&host) {
            return failed(0, LEFT_ALONE);
        }
        let request = self.client.post(url).header(CONTENT_TYPE, super::FORM).body(asked.form(account));
        let asking = tokio::time::timeout(LONGEST, net::json(request, max_bytes));
        let fetched = asking.await.unwrap_or_else(|_| failed(0, "timeout"));
        let fetched = match fetched {
            Fetched { error: None, status, body } => match asked.read(&body) {
                Said::Found(found) => asked.answer(Ok(&found)),
                Said::Not(problem) => asked.answer(Err(problem)),
                Said::Broken(why) => failed(status, &short(&why)),
            },
            failed => failed,
        };
        self.breakers.told(&host, fetched.error.is_none());
        fetched
    }
}

/// Why a service was not asked.
const LEFT_ALONE: &str = "the service failed several times and is left alone for a moment";

/// The answer of a number that rests: only to who asks with the same phone number and carrier, as the carrier does it.
fn again(asked: &Asked, kept: &str) -> Fetched {
    let Ok(kept) = serde_json::from_str::<Kept>(kept) else {
        return failed(0, "what was kept of this number cannot be read");
    };
    if kept.carrier != asked.code() || kept.tail != asked.tail() {
        return asked.answer(Err(Problem::TooSoon));
    }
    kept.fetched.unwrap_or_else(|| failed(0, "it was asked for a moment ago, and no answer came"))
}

fn unstored(error: &StoreError) -> Fetched {
    tracing::error!(%error, "A carrier was not asked, because it could not be written down that it was.");
    failed(0, "the store refused to remember the question")
}

fn after(now: Timestamp, length: Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// A text or number of an answer, as text of a bounded length.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => short(text),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn short(text: &str) -> String {
    text.chars().take(SAID).collect()
}

#[cfg(test)]
mod tests {
    use crate::lookup::sign::tests::nowhere;
    use crate::rules::model::Located;

    use super::*;

    pub(super) fn account(id: &str, key: &str) -> ParcelAccount {
        let base_url = Located { value: "http://127.0.0.1:1".to_owned(), place: nowhere() };
        ParcelAccount { id: id.to_owned(), key: key.into(), base_url }
    }

    fn asked(carrier: &str, number: &str, phone: &str) -> Asked {
        Asked::new(ParcelService::Kuaidi100, carrier, number, phone)
    }

    #[test]
    fn what_cannot_be_asked_is_not() {
        assert_eq!(asked("圆通", "YT 123 456", "").problem(), None);
        for number in ["", "12345", "123456789012345678901234567890123", "1234567;DROP", "单号123456"] {
            assert_eq!(asked("圆通", number, "").problem(), Some(Problem::UnknownNumber), "{number}");
        }
        for (carrier, phone, problem) in [
            ("顺丰", "", Some(Problem::Phone)),
            ("zhongtong", "12", Some(Problem::Phone)),
            ("SF", "尾号1234", None),
            ("圆通", "", None),
        ] {
            assert_eq!(asked(carrier, "SF1234567890", phone).problem(), problem, "{carrier} {phone}");
        }
    }

    #[test]
    fn what_is_kept_is_told_only_to_who_knows_as_much() {
        let first = asked("顺丰", "SF1234567890", "138 0000 1234");
        let answer = Fetched { status: 200, body: json!({"found": true}), ..Fetched::default() };
        let kept = |fetched| {
            serde_json::to_string(&Kept { carrier: "shunfeng".into(), tail: first.tail().into(), fetched }).unwrap()
        };
        assert_eq!(again(&asked("SF", "sf1234567890", "1234"), &kept(Some(answer.clone()))), answer);
        let other = again(&asked("SF", "sf1234567890", "9999"), &kept(Some(answer)));
        assert_eq!(other.body["problem"], "too_soon");
        assert!(again(&first, &kept(None)).error.is_some());
        assert!(again(&first, "{").error.is_some());
    }

    #[test]
    fn both_services_give_the_same_values() {
        let kuaidi100 = json!({"message": "ok", "state": "5", "data": [
            {"context": "派送中", "ftime": "2026-11-22 09:00:00"}, {"context": "已揽收", "ftime": "2026-11-21 18:00:00"}]});
        let kdniao = json!({"Success": true, "State": "2", "Traces": [
            {"AcceptStation": "已揽收", "AcceptTime": "2026-11-21 18:00:00"},
            {"AcceptStation": "派送中", "AcceptTime": "2026-11-22 09:00:00"}]});
        for (service, body, state) in [
            (ParcelService::Kuaidi100, kuaidi100, ["delivering", "派送中", "out for delivery"]),
            (ParcelService::Kdniao, kdniao, ["in_transit", "运输中", "on its way"]),
        ] {
            let asked = Asked::new(service, "圆通", "YT1234567", "");
            let Said::Found(found) = asked.read(&body) else { panic!("{body}") };
            let values = asked.values(Ok(&found));
            assert_eq!([&values["state"], &values["state_zh"], &values["state_en"]], state);
            assert_eq!(values["carrier"], "圆通速递");
            assert_eq!(values["latest"], json!({"time": "2026-11-22 09:00:00", "text": "派送中"}));
            assert_eq!(values["steps"].as_array().map(Vec::len), Some(2));
        }
    }
}
