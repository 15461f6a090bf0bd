//! A message that only tests whether it arrives, outside the outbox: for the command that asks.

use jiff::Timestamp;

use super::attempt::{self, Answer};
use super::endpoint::Endpoint;
use super::note::{Note, test_body};
use super::worker::DeliveryError;
use super::{format, robot};
use crate::store::{AttemptResult, OutboxRow, delivery_state};

/// Sends one test message, signed as the others, and answers what became of it.
///
/// # Errors
/// [`DeliveryError::Client`]
pub async fn try_out(endpoint: &Endpoint, now: Timestamp) -> Result<AttemptResult, DeliveryError> {
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
    let answer: Answer = match (&endpoint.courier, format::robot(endpoint.format)) {
        (Some(courier), _) => match courier.try_out(now) {
            Some(answer) => answer.await,
            None => Answer::Failed("its platform takes messages only to customers who have written".to_owned()),
        },
        (None, None) => attempt::post(&client, endpoint, &row, now).await,
        (None, Some(robot)) => robot::post(&client, endpoint, robot, &Note::of(&row, &endpoint.people, now), now).await,
    };
    Ok(attempt::judge(answer, endpoint, &row, now))
}
