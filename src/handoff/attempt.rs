//! One attempt: post a row, and say what the answer means.

use std::error::Error as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, redirect};

use super::endpoint::{Endpoint, url_hash};
use super::signing::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign_all};
use crate::store::{AttemptResult, OutboxRow, Store};

/// For the connection alone, of the time for the whole attempt.
const CONNECT: Duration = Duration::from_secs(5);
/// Of an answer's body so much is read, so that the connection can be used again; none of it is kept.
pub(super) const READ: usize = 64 * 1024;
/// What a receiver may ask for with `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An answer, with what it asks to wait.
    Status(u16, Option<Duration>),
    /// None, and why.
    Failed(String),
    /// A platform for people wants quiet for so long.
    Busy {
        /// Of the answer.
        status: u16,
        /// For so long.
        wait: Duration,
        /// In words.
        error: String,
    },
    /// It could not, this time.
    Again {
        /// Of the answer.
        status: u16,
        /// In words.
        error: String,
    },
    /// It will never take this.
    Refused {
        /// Of the answer.
        status: u16,
        /// In words.
        error: String,
    },
    /// It will never take anything at this address.
    Gone {
        /// Of the answer.
        status: u16,
        /// In words.
        error: String,
    },
}

/// The client for all endpoints: follows no redirect, uses no proxy.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("nightdesk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .build()
}

/// Brings a row to its receiver as of `now`: by the platform's own way, or by [`post`].
pub(super) async fn carry(
    client: &Client,
    store: &dyn Store,
    endpoint: &Endpoint,
    row: &OutboxRow,
    now: Timestamp,
) -> Answer {
    match &endpoint.courier {
        Some(courier) => match courier.carry(client, store, row, now).await {
            Ok(()) => Answer::Status(200, None),
            // One customer who is gone is not the whole platform.
            Err(Answer::Status(410, _)) => {
                Answer::Refused { status: 410, error: "the platform says that it is gone (410)".to_owned() }
            }
            Err(answer) => answer,
        },
        None => post(client, endpoint, row, now).await,
    }
}

/// Posts a row in the standard format as of `now`. Ends within the endpoint's timeout.
pub(super) async fn post(client: &Client, endpoint: &Endpoint, row: &OutboxRow, now: Timestamp) -> Answer {
    let seconds = now.as_second();
    let mut request = client
        .post(target(endpoint, row))
        .timeout(endpoint.timeout)
        .header(CONTENT_TYPE, "application/json")
        .header(ID_HEADER, &row.webhook_id)
        .header(TIMESTAMP_HEADER, seconds);
    if let Some(signatures) = sign_all(&endpoint.keys, &row.webhook_id, seconds, &row.body) {
        request = request.header(SIGNATURE_HEADER, signatures);
    }
    match request.body(row.body.clone()).send().await {
        Ok(mut answer) => {
            let found = Answer::Status(answer.status().as_u16(), retry_after(answer.headers(), now));
            let mut left = READ;
            while left > 0 {
                match answer.chunk().await {
                    Ok(Some(chunk)) => left = left.saturating_sub(chunk.len()),
                    // The status is what counts; how the body ends changes nothing.
                    Ok(None) | Err(_) => break,
                }
            }
            found
        }
        Err(error) => Answer::Failed(reason(&error)),
    }
}

/// Where a row goes.
pub(super) fn target<'a>(endpoint: &'a Endpoint, row: &'a OutboxRow) -> &'a str {
    row.url.as_deref().unwrap_or(&endpoint.url)
}

/// What an answer means for the row.
pub(super) fn judge(answer: Answer, endpoint: &Endpoint, row: &OutboxRow, now: Timestamp) -> AttemptResult {
    let (status, asked, error) = match answer {
        Answer::Status(status @ 200..=299, _) => return AttemptResult::Delivered { status },
        Answer::Status(410, _) if row.url.is_none() => {
            let error = "the endpoint answered 410: it is gone for good".to_owned();
            return AttemptResult::EndpointGone { status: 410, error, url_hash: url_hash(&endpoint.url) };
        }
        Answer::Status(status @ (408 | 409 | 425 | 429), asked) => (Some(status), asked, format!("HTTP {status}")),
        Answer::Status(status @ 400..=499, _) => {
            let error = format!("HTTP {status}, which is final");
            return AttemptResult::Dead { status: Some(status), error };
        }
        Answer::Status(status @ 300..=399, asked) => {
            (Some(status), asked, format!("HTTP {status}: redirects are not followed"))
        }
        Answer::Status(status, asked) => (Some(status), asked, format!("HTTP {status}")),
        Answer::Failed(error) => (None, None, error),
        Answer::Refused { status, error } => return AttemptResult::Dead { status: Some(status), error },
        Answer::Gone { status, error } => {
            return AttemptResult::EndpointGone { status, error, url_hash: url_hash(&endpoint.url) };
        }
        // How long is the platform's to say, so the endpoint's own waits do not make it longer.
        Answer::Busy { status, wait, error } if endpoint.wait(row.attempts, &row.webhook_id).is_some() => {
            return AttemptResult::Retry { at: after(now, wait.min(LONGEST_WAIT)), status: Some(status), error };
        }
        Answer::Again { status, error } | Answer::Busy { status, error, .. } => (Some(status), None, error),
    };
    let Some(wait) = endpoint.wait(row.attempts, &row.webhook_id) else {
        let error = format!("{error}; given up after {} attempts", row.attempts.saturating_add(1));
        return AttemptResult::Dead { status, error };
    };
    let wait = wait.max(asked.unwrap_or_default().min(LONGEST_WAIT));
    AttemptResult::Retry { at: after(now, wait), status, error }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// `Retry-After` as a wait: seconds, or a date (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is more than the longest wait anyway.
        return Some(value.parse().map_or(LONGEST_WAIT, Duration::from_secs));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// Why there was no answer, without the URL.
#[must_use]
pub fn reason(error: &reqwest::Error) -> String {
    if error.is_builder() {
        return "the request cannot be made; look at the URL in the configuration".to_owned();
    }
    let what = match () {
        () if error.is_timeout() && error.is_connect() => return "timed out while connecting".to_owned(),
        () if error.is_timeout() => return "timed out".to_owned(),
        () if error.is_connect() => "cannot connect",
        () => "the connection broke",
    };
    let mut cause = error.source();
    while let Some(next) = cause.and_then(std::error::Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T01:30:00Z".parse().unwrap()
    }

    fn row(attempts: u32) -> OutboxRow {
        OutboxRow {
            id: 1,
            webhook_id: "evt_1".into(),
            endpoint: "desk".into(),
            url: None,
            conversation: "c_1".into(),
            kind: "handoff.created".into(),
            body: b"{}".to_vec(),
            created_at: now(),
            next_try_at: now(),
            attempts,
            state: "pending".into(),
            last_status: None,
            last_error: None,
            finished_at: None,
        }
    }

    fn meaning(answer: Answer, attempts: u32) -> AttemptResult {
        judge(answer, &Endpoint::new("desk", "http://desk.example/hook"), &row(attempts), now())
    }

    fn wait(answer: Answer, attempts: u32) -> Option<i64> {
        match meaning(answer, attempts) {
            AttemptResult::Retry { at, .. } => Some(at.duration_since(now()).as_secs()),
            _ => None,
        }
    }

    #[test]
    fn every_status_has_its_meaning() {
        for status in 100..=599 {
            let found = match meaning(Answer::Status(status, None), 0) {
                AttemptResult::Delivered { .. } => "delivered",
                AttemptResult::Retry { .. } => "retry",
                AttemptResult::Dead { .. } => "dead",
                AttemptResult::EndpointGone { .. } => "gone",
            };
            let wanted = match status {
                200..=299 => "delivered",
                410 => "gone",
                408 | 409 | 425 | 429 => "retry",
                400..=499 => "dead",
                _ => "retry",
            };
            assert_eq!(found, wanted, "{status}");
        }
    }

    #[test]
    fn no_answer_is_tried_again_until_the_waits_are_used_up() {
        assert!(wait(Answer::Failed("timed out".into()), 8).is_some());
        let AttemptResult::Dead { status: None, error } = meaning(Answer::Failed("timed out".into()), 9) else {
            panic!("the tenth attempt is the last");
        };
        assert_eq!(error, "timed out; given up after 10 attempts");
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let error = "the customer wrote too long ago".to_owned();
        assert_eq!(
            meaning(Answer::Refused { status: 200, error: error.clone() }, 0),
            AttemptResult::Dead { status: Some(200), error }
        );
    }

    #[test]
    fn a_reply_to_an_address_of_its_own_that_is_gone_does_not_stop_the_others() {
        let row = OutboxRow { url: Some("http://shop.example/r".into()), ..row(0) };
        let endpoint = Endpoint::new("reply:crm", "");
        let result = judge(Answer::Status(410, None), &endpoint, &row, now());
        assert!(matches!(result, AttemptResult::Dead { status: Some(410), .. }), "{result:?}");
    }

    #[test]
    fn the_longer_of_our_wait_and_theirs_counts_up_to_a_day() {
        let asked = |seconds| wait(Answer::Status(429, Some(Duration::from_secs(seconds))), 0).unwrap();
        assert!(asked(0) >= 4);
        assert_eq!(asked(90), 90);
        assert_eq!(asked(10_000_000), 24 * 60 * 60);
        // Our own wait of 24 hours may be longer than that.
        assert!(wait(Answer::Status(503, None), 8).unwrap() >= 24 * 60 * 60 * 4 / 5);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now()).map(|wait| wait.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("99999999999999999999999"), Some(24 * 60 * 60));
        assert_eq!(read("Sun, 22 Nov 2026 01:31:30 GMT"), Some(90));
        assert_eq!(read("Sun, 22 Nov 2026 01:00:00 GMT"), Some(0), "in the past");
        for odd in ["", "-1", "1.5", "soon", "tomorrow 9:00"] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now()), None);
    }
}
