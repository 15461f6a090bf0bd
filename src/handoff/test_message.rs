//! A message that only tests whether it arrives, outside the outbox: for the command that asks.

use jiff::Timestamp;

use super::attempt::{self, Answer};
use super::endpoint::Endpoint;
use super::note::{Note, test_body};
use super::worker::DeliveryError;
use super::{format, robot};
use crate::store::{AttemptResult, OutboxRow, delivery_state};

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Of the message, or of the question.
    pub result: AttemptResult,
    /// What a platform knows us by, where it was asked.
    pub who: Option<String>,
}

/// Sends one test message, signed as the others, and answers what became of it. A platform that takes messages only to customers
/// who have written is asked who we are to it instead, with the credentials that messages are sent with.
///
/// # Errors
/// [`DeliveryError::Client`]
pub async fn try_out(endpoint: &Endpoint, now: Timestamp) -> Result<Tried, DeliveryError> {
    let client = attempt::client().map_err(|error| DeliveryError::Client(error.to_string()))?;
    let body = test_body(now);
    let row = OutboxRow {
        id: 0,
        webhook_id: format!("test_{}", uuid::Uuid::now_v7().simple()),
        endpoint: endpoint.name.clone(),
        url: None,
        conversation: String::new(),
        kind: body["type"].as_str().unwrap_or_default().to_owned(),
        body: body.to_string().into_bytes(),
        created_at: now,
        next_try_at: now,
        attempts: 0,
        state: delivery_state::PENDING.to_owned(),
        last_status: None,
        last_error: None,
        finished_at: None,
    };
    let mut who = None;
    let answer: Answer = match (&endpoint.courier, format::robot(endpoint.format)) {
        (Some(courier), _) => match courier.try_out(now) {
            Some(sent) => sent.await,
            None => match courier.who(&client, now).await {
                Ok(name) => {
                    who = Some(name);
                    Answer::Status(200, None)
                }
                Err(answer) => answer,
            },
        },
        (None, None) => attempt::post(&client, endpoint, &row, now).await,
        (None, Some(robot)) => robot::post(&client, endpoint, robot, &Note::of(&row, &endpoint.people, now), now).await,
    };
    Ok(Tried { result: attempt::judge(answer, endpoint, &row, now), who })
}
