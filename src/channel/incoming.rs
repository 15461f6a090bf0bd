//! What doors do with messages once they are checked and read: the same for every platform.

use std::collections::HashSet;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Role, State};
use crate::pipeline::{Arrival, Taken};
use crate::store::{Commit, NewDelivery, SeenKey, SeenRow, StoreError};
use crate::token::Tokens;

use super::door::Request;
use super::problem::Problem;
use super::signature::Profile;

/// Longest id of a customer, conversation or message, in bytes.
const MAX_ID: usize = 256;
/// Longest address of a picture or file.
const MAX_URL: usize = 2_048;

/// A customer of whom no more is known than the platform's id, and perhaps a name.
#[must_use]
pub fn customer(id: &str, name: Option<&str>) -> Customer {
    let name = name.map(|name| name.chars().take(MAX_ID).collect::<String>()).filter(|name| !name.trim().is_empty());
    Customer { id: id.to_owned(), tier: None, name, attributes: Map::new() }
}

/// A picture or file that the platform keeps under an id; handed on to people, never fetched.
#[must_use]
pub fn stored(platform: &str, id: &str) -> Option<String> {
    (!id.is_empty()).then(|| format!("{platform}:media/{id}")).filter(|url| url.len() <= MAX_URL)
}

impl Request {
    /// The body as JSON of this form.
    ///
    /// # Errors
    /// Status 400, with what is wrong and where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        // What is skipped is not looked at by the reader, and must be text all the same.
        let body = std::str::from_utf8(&self.body).map_err(|_| Problem::bad_request("The body is not UTF-8."))?;
        serde_json::from_str(body)
            .map_err(|error| Problem::bad_request(format!("The body is not what this platform sends: {error}.")))
    }

    /// Checks that a platform of [`super::signature::PROFILES`] signed the body. `mend` says which secret it must be.
    ///
    /// # Errors
    /// Status 401.
    pub fn signed_as(&self, form: &str, mend: &str) -> Result<(), Problem> {
        let profile = Profile::named(form).ok_or_else(Problem::internal)?;
        let now = self.pipeline.clock.now();
        profile
            .verify(&self.headers, &self.body, now, &self.spec.secrets)
            .map_err(|error| self.refuse(&error.to_string(), &format!("{mend}: {error}.")))
    }

    /// Words of a customer with nothing else known of them.
    ///
    /// # Errors
    /// Status 400 if an id is empty or too long.
    pub fn words(&self, customer: Customer, id: impl Into<String>, text: &str) -> Result<Arrival, Problem> {
        let id = id.into();
        for (what, value) in [("customer", &customer.id), ("message", &id)] {
            if value.is_empty() || value.len() > MAX_ID {
                let bytes = value.len();
                return Err(Problem::bad_request(format!(
                    "The id of the {what} has {bytes} bytes; it has 1 to {MAX_ID}."
                )));
            }
        }
        Ok(Arrival {
            channel: self.channel.clone(),
            account: String::new(),
            thread: customer.id.clone(),
            customer,
            id,
            kind: Kind::Text,
            text: text.to_owned(),
            url: None,
            locale: None,
            gesture: Gesture::Write,
            role: Role::Visitor,
            origin: None,
            reply_with: Value::Null,
        })
    }

    /// What a button of ours sends; its words count if the option is no longer one of the shop's.
    #[must_use]
    pub fn pressed(&self, arrival: Arrival, option: &str) -> Arrival {
        if option.is_empty() {
            return arrival;
        }
        Arrival { gesture: Gesture::Select(option.to_owned()), ..arrival }
    }

    /// Brings messages to disk in their order. When this returns they are there, with all that follows from them. One that is
    /// not taken holds up no other customer's.
    ///
    /// # Errors
    /// When one was not taken: the platform sends all of them again, and those that were are known.
    pub async fn accept_all(&self, arrivals: Vec<Arrival>) -> Result<(), Problem> {
        let (mut waiting, mut failed, mut behind) = (Vec::new(), None, HashSet::new());
        for arrival in arrivals {
            if behind.contains(&arrival.thread) {
                continue;
            }
            let thread = arrival.thread.clone();
            match self.pipeline.take(arrival).await {
                Ok(Taken::Now(_)) => {}
                Ok(Taken::Later(later) | Taken::Again(later)) => waiting.push(later),
                Err(error) => {
                    // What the same customer wrote after it would be out of order.
                    behind.insert(thread);
                    failed = Some(error);
                }
            }
        }
        for later in waiting {
            if let Err(error) = later.end().await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// An element of a batch; none if it is not what the platform sends, which is counted and logged, and holds up no other.
    #[must_use]
    pub fn element<T: DeserializeOwned>(&self, element: Value) -> Option<T> {
        match serde_json::from_value(element) {
            Ok(read) => Some(read),
            Err(error) => {
                self.skipped(&error.to_string());
                None
            }
        }
    }

    /// What an element of a batch means; one that cannot be understood is left out like one that cannot be read.
    ///
    /// # Errors
    /// Those that are not the element's own.
    pub fn understood(&self, read: Result<Option<Arrival>, Problem>) -> Result<Option<Arrival>, Problem> {
        match read {
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
                self.skipped("an id is missing or too long");
                Ok(None)
            }
            read => read,
        }
    }

    /// Counts and logs a part of a request that is left out: `why` has nothing of what was written.
    pub fn skipped(&self, why: &str) {
        self.pipeline.metrics.refused("not_understood");
        let why: String = why.chars().take(200).collect();
        tracing::warn!(channel = self.channel, error = why, "Something that the platform sent was left out.");
    }

    /// The greeting, for who comes in without a word; none if the shop has none, or while people have the conversation.
    ///
    /// # Errors
    /// Status 503 if the store cannot be read.
    pub async fn greeting(&self, customer: &Customer, locale: Option<&str>) -> Result<Option<String>, Problem> {
        let id = Tokens::conversation(&self.channel, &customer.id);
        let row = self.pipeline.store.conversation(&id).await.map_err(|_| Problem::unavailable())?;
        if row.is_some_and(|row| [State::Queued, State::Human].map(State::as_str).contains(&row.state.as_str())) {
            return Ok(None);
        }
        let (engine, now) = (self.pipeline.engine.load_full(), self.pipeline.clock.now());
        let conversation = Conversation::new(String::new(), &self.channel, &customer.id, customer.clone(), now);
        let mut inbound = Inbound::words("", &self.channel, customer.clone(), "");
        inbound.locale = locale.map(str::to_owned);
        Ok(engine.notice("greeting", &inbound, &conversation, now).filter(|text| !text.is_empty()))
    }

    /// Sends the greeting by the platform's API, once for each `event`, before what is said later.
    ///
    /// # Errors
    /// Status 503 if the store refuses.
    pub async fn greet(
        &self,
        customer: &Customer,
        locale: Option<&str>,
        event: &str,
        reply_with: Value,
    ) -> Result<(), Problem> {
        let greeting = self.greeting(customer, locale).await?;
        let conversation = Tokens::conversation(&self.channel, &customer.id);
        let to = To { conversation, customer: customer.id.clone(), reply_with };
        self.tell(&to, event, greeting.as_slice(), self.pipeline.clock.now()).await
    }

    /// Puts texts of the bot into the outbox, once for each `event` of the platform.
    ///
    /// # Errors
    /// Status 503 if the store refuses; nothing is kept then.
    pub async fn tell(&self, to: &To, event: &str, texts: &[String], due: Timestamp) -> Result<(), Problem> {
        if texts.is_empty() {
            return Ok(());
        }
        let (endpoint, now) = (format!("reply:{}", self.channel), self.pipeline.clock.now());
        let row = |text: &String| {
            let message = json!({"message": event, "role": Role::Bot, "kind": "text", "text": text});
            let data = json!({
                "conversation": to.conversation, "thread": to.customer, "customer": {"id": to.customer},
                "message": message, "reply_with": to.reply_with,
            });
            NewDelivery {
                webhook_id: format!("evt_{}", uuid::Uuid::now_v7().simple()),
                endpoint: endpoint.clone(),
                url: None,
                conversation: to.conversation.clone(),
                kind: "message.created".to_owned(),
                body: json!({"type": "message.created", "timestamp": now, "data": data}).to_string().into_bytes(),
                created_at: due,
            }
        };
        let key = SeenKey {
            channel: self.channel.clone(),
            account: "what the bot says besides".to_owned(),
            sender: to.customer.clone(),
            id: event.to_owned(),
        };
        let conversation = to.conversation.clone();
        let seen = SeenRow { key, conversation, message: event.to_owned(), seq: 0, at: now, response: None };
        let outbox = texts.iter().map(row).collect();
        match self.pipeline.store.commit(Commit { seen: Some(seen), outbox, ..Commit::default() }).await {
            Ok(()) => self.pipeline.outbox.committed(&endpoint),
            Err(StoreError::Duplicate) => {}
            Err(error) => {
                tracing::error!(%error, channel = self.channel, "A message of the bot could not be kept.");
                return Err(Problem::unavailable());
            }
        }
        Ok(())
    }
}

/// Whom [`Request::tell`] tells.
#[derive(Debug)]
pub struct To {
    /// Our id of the conversation, within which order is kept; the customer's if there is none yet.
    pub conversation: String,
    /// The platform's id of the customer.
    pub customer: String,
    /// What the platform gave for the answer.
    pub reply_with: Value,
}

/// The answer of a door that has nothing to say in it.
#[must_use]
pub fn taken() -> Response {
    StatusCode::OK.into_response()
}
