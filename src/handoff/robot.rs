//! One attempt to tell people: a note is put into the platform's form, signed, posted, and the answer read.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};

use super::attempt::{Answer, READ, reason, retry_after};
use super::endpoint::Endpoint;
use super::format::{Robot, Verdict};
use super::note::Note;

/// How long a robot that is told to slow down keeps still, if the platform does not say.
const SLOW: Duration = Duration::from_mins(1);

/// Posts a note as of `now`. Ends within the endpoint's timeout.
pub(super) async fn post(
    client: &Client,
    endpoint: &Endpoint,
    robot: &dyn Robot,
    note: &Note,
    now: Timestamp,
) -> Answer {
    let people = &endpoint.people;
    let body = robot.message(note, people, now).to_string();
    let url = robot.signed_url(&endpoint.url, people, now);
    let request = client
        .post(url.as_deref().unwrap_or(&endpoint.url))
        .timeout(endpoint.timeout)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(body);
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Answer::Failed(reason(&error)),
    };
    let (status, asked) = (answer.status().as_u16(), retry_after(answer.headers(), now));
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= READ => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // Whether the group has it cannot be known, so it is said again.
            Ok(Some(_)) => return Answer::Failed(format!("HTTP {status}, and an answer without end")),
            Err(error) => {
                return Answer::Failed(format!("HTTP {status}, but the answer was cut off ({})", reason(&error)));
            }
        }
    }
    let masked = |error: String| without_secrets(error, endpoint);
    match robot.verdict(status, &body) {
        Some(Verdict::Taken) => Answer::Status(status, None),
        Some(Verdict::Busy(wait, error)) => Answer::Busy { status, wait: asked.unwrap_or(wait), error: masked(error) },
        Some(Verdict::Again(error)) => Answer::Again { status, error: masked(error) },
        Some(Verdict::Refused(error)) => Answer::Refused { status, error: masked(error) },
        Some(Verdict::Gone(error)) => Answer::Gone { status, error: masked(error) },
        None if status == 429 => Answer::Busy { status, wait: asked.unwrap_or(SLOW), error: "HTTP 429".to_owned() },
        None => Answer::Status(status, asked),
    }
}

/// Takes out what of the address or the secret a platform repeats in its answer.
fn without_secrets(mut error: String, endpoint: &Endpoint) -> String {
    use secrecy::ExposeSecret;
    let url = Url::parse(&endpoint.url).ok();
    let in_query = url.iter().flat_map(Url::query_pairs).map(|(_, value)| value.into_owned());
    let in_path = url.iter().filter_map(Url::path_segments).flatten().map(str::to_owned);
    let secret = endpoint.people.secret.iter().map(|secret| secret.expose_secret().to_owned());
    for part in in_query.chain(in_path).chain(secret).filter(|part| part.len() >= 8) {
        error = error.replace(&part, "…");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::endpoint::People;

    #[test]
    fn what_a_platform_repeats_of_the_address_is_not_kept() {
        let people = People { secret: Some("SEC0123456789".into()), ..People::default() };
        let url = "https://h/cgi-bin/webhook/send/T0000000001?key=693a91f6-7xxx";
        let endpoint = Endpoint { people, ..Endpoint::new("group", url) };
        let said = "code 93000: key 693a91f6-7xxx of T0000000001 is bad, SEC0123456789".to_owned();
        assert_eq!(without_secrets(said, &endpoint), "code 93000: key … of … is bad, …");
    }
}
