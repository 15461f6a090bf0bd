//! What is said to customers by a platform's own API: rows of the outbox, one at a time within a conversation.
//!
//! An [`Api`] knows how one text is sent; cutting, buttons, the reply budget and what to do after a half-sent message are here,
//! the same for all. Attempts, waits and dead letters are the outbox's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::handoff::{Answer, Courier, reason, retry_after};
use crate::message::Role;
use crate::store::{DeliveryFilter, OutboxRow, Store, delivery_state};

use super::parts::{self, Length};

/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const READ: usize = 64 * 1024;
/// Deliveries looked through for those of a conversation.
const LOOK: usize = 500;

/// Buttons that a platform shows below a text.
#[derive(Clone, Copy, Debug)]
pub struct Buttons {
    /// How many; with more options they are a numbered list in the text.
    pub most: usize,
    /// Longest words on one.
    pub label: Length,
    /// Longest id that comes back, in bytes.
    pub id: usize,
}

/// An option for a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the platform sends back when it is pressed.
    pub id: String,
    /// Words on it, cut to what fits.
    pub label: String,
}

/// One text for one customer, short enough for the platform.
#[derive(Debug)]
pub struct Said<'a> {
    /// The platform's id of the customer.
    pub customer: &'a str,
    /// The platform's id of the conversation.
    pub thread: &'a str,
    /// What the platform gave with the message that this answers, if this answers one.
    pub reply_with: &'a Value,
    /// Names this text, the same at every attempt: 1 to 36 letters, digits and underscores.
    pub id: String,
    /// The words.
    pub text: &'a str,
    /// Buttons below them.
    pub choices: &'a [Choice],
    /// Whether a person of the shop wrote it.
    pub human: bool,
    /// When.
    pub now: Timestamp,
}

/// How a platform is told something.
pub trait Api: fmt::Debug + Send + Sync + 'static {
    /// What it takes in one message.
    fn length(&self) -> Length;

    /// The buttons that it has, if it has any.
    fn buttons(&self) -> Option<Buttons> {
        None
    }

    /// Messages that may be sent after each of the customer's; none if they are not counted. The last is a person's.
    fn budget(&self) -> Option<u32> {
        None
    }

    /// Asks the platform who we are to it: the name that it answers with.
    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>>;

    /// Sends one text, once.
    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>>;
}

/// Brings deliveries to customers by an [`Api`].
#[derive(Debug)]
pub struct Platform<A> {
    api: A,
    /// Parts of a delivery that were sent, while not all were.
    sent: Mutex<HashMap<i64, usize>>,
}

impl<A: Api> Platform<A> {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(api: A) -> Self {
        Self { api, sent: Mutex::default() }
    }

    async fn send_all(
        &self,
        client: &Client,
        store: &dyn Store,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<(), Answer> {
        let unreadable = || refused("the delivery is not a message of ours".to_owned());
        let event: Value = serde_json::from_slice(&row.body).map_err(|_| unreadable())?;
        let data = &event["data"];
        let customer = data["customer"]["id"].as_str().ok_or_else(unreadable)?;
        let (texts, choices) = self.texts(&data["message"]);
        let human = data["message"]["role"] == Role::Human.as_str();
        let begun = self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&row.id).unwrap_or_default();
        if begun == 0 && !human && !texts.is_empty() {
            self.within_budget(store, row, texts.len()).await?;
        }
        for (number, text) in texts.iter().enumerate().skip(begun) {
            let said = Said {
                customer,
                thread: data["thread"].as_str().unwrap_or(customer),
                reply_with: &data["reply_with"],
                id: format!("{}{number:x}", row.webhook_id.trim_start_matches("evt_")),
                text,
                choices: if number + 1 == texts.len() { &choices } else { &[] },
                human,
                now,
            };
            if let Err(answer) = self.api.say(client, &said).await {
                if number > 0 && !matches!(answer, Answer::Refused { .. }) {
                    self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(row.id, number);
                }
                return Err(answer);
            }
        }
        Ok(())
    }

    /// The texts of a message, none if it has no words, and the buttons below the last.
    fn texts(&self, message: &Value) -> (Vec<String>, Vec<Choice>) {
        let options = message["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let buttons = self.api.buttons().filter(|buttons| {
            let fits = |option: &Value| option["id"].as_str().is_some_and(|id| id.len() <= buttons.id);
            (1..=buttons.most).contains(&options.len()) && options.iter().all(fits)
        });
        let (text, choices) = match buttons {
            Some(buttons) => {
                let word = |option: &Value, key: &str| option[key].as_str().unwrap_or_default().to_owned();
                let choice = |option: &Value| Choice {
                    id: word(option, "id"),
                    label: buttons.label.cut(&word(option, "label")),
                };
                let text = message["text"].as_str().unwrap_or_default().trim().to_owned();
                (text, options.iter().map(choice).collect())
            }
            None => (parts::text(std::slice::from_ref(message)), Vec::new()),
        };
        if text.is_empty() { (Vec::new(), Vec::new()) } else { (self.api.length().split(&text), choices) }
    }

    /// The bot leaves one of the messages that may be sent to a person.
    async fn within_budget(&self, store: &dyn Store, row: &OutboxRow, parts: usize) -> Result<(), Answer> {
        let Some(budget) = self.api.budget() else { return Ok(()) };
        let failed = |_| Answer::Failed("the store cannot be read".to_owned());
        let events = store.events_before(&row.conversation, u64::MAX >> 1, LOOK).await.map_err(failed)?;
        let since = events.iter().rev().find(|event| event.role == Role::Visitor.as_str()).map(|event| event.at);
        let filter = DeliveryFilter {
            state: Some(delivery_state::DELIVERED.to_owned()),
            endpoint: Some(row.endpoint.clone()),
            limit: LOOK,
        };
        let rows = store.deliveries(filter).await.map_err(failed)?;
        let of_now = rows.iter().filter(|other| {
            other.conversation == row.conversation && since.is_none_or(|since| other.created_at >= since)
        });
        let used: usize = of_now.map(|other| self.count(&other.body)).sum();
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        if used + parts < budget {
            return Ok(());
        }
        Err(refused(format!(
            "{used} of {budget} messages since the customer's last are used (reply_budget), and one is kept for a person"
        )))
    }

    /// How many messages a delivery was.
    fn count(&self, body: &[u8]) -> usize {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        self.texts(&event["data"]["message"]).0.len()
    }
}

impl<A: Api> Courier for Platform<A> {
    fn carry<'a>(
        &'a self,
        client: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.send_all(client, store, row, now).await {
                Ok(()) => Answer::Status(200, None),
                Err(answer) => answer,
            }
        })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        self.api.who(client, now)
    }
}

/// Makes a request within a time and a size, and reads the answer as a JSON object, with its status.
///
/// # Errors
/// No answer, one that is too long or no JSON object (of a status other than success: the status itself).
pub async fn ask(request: RequestBuilder, now: Timestamp) -> Result<(StatusCode, Value), Answer> {
    let failed = |error: reqwest::Error| Answer::Failed(reason(&error));
    let mut answer = request.timeout(TIMEOUT).send().await.map_err(failed)?;
    let status = answer.status();
    let wait = retry_after(answer.headers(), now);
    // With Retry-After the platform has said all that matters.
    if wait.is_some() && !status.is_success() {
        return Err(Answer::Status(status.as_u16(), wait));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > READ {
            return Err(unclear());
        }
    }
    match serde_json::from_slice(&bytes).ok().filter(Value::is_object) {
        Some(value) => Ok((status, value)),
        None if status.is_success() => Err(unclear()),
        None => Err(Answer::Status(status.as_u16(), None)),
    }
}

/// An answer that does not say whether the message was taken, so that it is tried again.
#[must_use]
pub fn unclear() -> Answer {
    Answer::Failed("the platform's answer cannot be read".to_owned())
}

/// What the platform will never take.
#[must_use]
pub fn refused(error: String) -> Answer {
    Answer::Refused { status: 200, error }
}

/// The first words of what a platform says of an error.
#[must_use]
pub fn words(message: &Value) -> String {
    message.as_str().unwrap_or_default().chars().take(120).collect()
}
