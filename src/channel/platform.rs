//! What is said to customers by a platform's own API: rows of the outbox, one at a time within a conversation.
//!
//! An [`Api`] knows how one text is sent; cutting, buttons, the reply budget and what to do after a half-sent message are here,
//! the same for all. Attempts, waits and dead letters are the outbox's.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::handoff::{Answer, Courier, People, reason, retry_after, summary};
use crate::message::Role;
use crate::store::{DeliveryFilter, KeptRow, OutboxRow, Store, delivery_state};

use super::parts::{self, Length};

/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const READ: usize = 64 * 1024;
/// For so long it is remembered how much of a message was sent.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);
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
    /// What may stand above them, where that is less than a text may have: a longer one comes before, as messages of its own.
    pub head: Option<Length>,
}

/// An option for a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the platform sends back when it is pressed.
    pub id: String,
    /// Words on it.
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

/// Another has the conversation now.
#[derive(Debug)]
pub struct Changed<'a> {
    /// The platform's id of the conversation.
    pub thread: &'a str,
    /// Names this change, the same at every attempt.
    pub id: &'a str,
    /// Who has it: `bot`, `queued`, `human`, `closed`.
    pub state: &'a str,
    /// The case in words, for people.
    pub summary: &'a str,
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

    /// Tells who has the conversation, where the platform's own people are to know.
    fn state<'a>(&'a self, _: &'a Client, _: &'a Changed<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async { Ok(()) })
    }

    /// Sends one text, once.
    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>>;
}

/// Brings deliveries to customers by an [`Api`].
#[derive(Debug)]
pub struct Platform<A> {
    api: A,
}

impl<A: Api> Platform<A> {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(api: A) -> Self {
        Self { api }
    }

    /// How the platform is told something.
    pub fn api(&self) -> &A {
        &self.api
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
        if row.kind == "conversation.state" {
            let people = People { chinese: data["people"] == "zh", ..People::default() };
            // As of when it happened, so that it says nothing of times, whose zone is not known here.
            let case = json!({"handoff": data["handoff"], "slots": data["slots"], "customer": data["customer"]});
            let body = json!({"data": case}).to_string().into_bytes();
            let told = OutboxRow { kind: "handoff.created".to_owned(), body, ..row.clone() };
            let changed = Changed {
                thread: data["thread"].as_str().unwrap_or(customer),
                id: &row.webhook_id,
                state: data["state"].as_str().unwrap_or_default(),
                summary: &summary(&told, &people, row.created_at),
                now,
            };
            return self.api.state(client, &changed).await;
        }
        let (texts, choices) = self.texts(&data["message"]);
        let human = data["message"]["role"] == Role::Human.as_str();
        let progress = Progress { store, endpoint: &row.endpoint, key: format!("sent:{}", row.webhook_id), now };
        let begun = if texts.len() > 1 { progress.read().await? } else { 0 };
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
            self.api.say(client, &said).await?;
            if texts.len() > 1 {
                progress.write(number + 1).await?;
            }
        }
        Ok(())
    }

    fn texts(&self, message: &Value) -> (Vec<String>, Vec<Choice>) {
        texts(self.api.length(), self.api.buttons(), message)
    }

    /// The bot leaves one of the messages that may be sent to a person.
    async fn within_budget(&self, store: &dyn Store, row: &OutboxRow, parts: usize) -> Result<(), Answer> {
        let Some(budget) = self.api.budget() else { return Ok(()) };
        let failed = |_| unreadable();
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
    ) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(self.send_all(client, store, row, now))
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        self.api.who(client, now)
    }
}

/// How many parts of a delivery were sent, on disk: neither a restart nor new settings say them again.
struct Progress<'a> {
    store: &'a dyn Store,
    endpoint: &'a str,
    key: String,
    now: Timestamp,
}

impl Progress<'_> {
    async fn read(&self) -> Result<usize, Answer> {
        let kept = self.store.kept(self.endpoint, &self.key, self.now).await.map_err(|_| unreadable())?;
        Ok(kept.and_then(|number| number.parse().ok()).unwrap_or_default())
    }

    async fn write(&self, number: usize) -> Result<(), Answer> {
        let row = KeptRow {
            place: self.endpoint.to_owned(),
            key: self.key.clone(),
            value: number.to_string(),
            until: self.now.checked_add(REMEMBERED).ok(),
        };
        self.store.keep(vec![row]).await.map_err(|_| unreadable())
    }
}

/// The texts of a message, none if it has no words, and the buttons below the last.
pub(super) fn texts(length: Length, buttons: Option<Buttons>, message: &Value) -> (Vec<String>, Vec<Choice>) {
    let options = message["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    let buttons = buttons.filter(|buttons| {
        // Words that are cut read alike, so then it is a list.
        let fits = |option: &Value| {
            let (id, label) = (option["id"].as_str(), option["label"].as_str().unwrap_or_default().trim());
            id.is_some_and(|id| id.len() <= buttons.id) && buttons.label.cut(label) == label
        };
        (1..=buttons.most).contains(&options.len()) && options.iter().all(fits)
    });
    let (text, choices) = match buttons {
        Some(_) => {
            let word = |option: &Value, key: &str| option[key].as_str().unwrap_or_default().trim().to_owned();
            let choice = |option: &Value| Choice { id: word(option, "id"), label: word(option, "label") };
            let text = message["text"].as_str().unwrap_or_default().trim().to_owned();
            (text, options.iter().map(choice).collect())
        }
        None => (parts::text(std::slice::from_ref(message)), Vec::new()),
    };
    if text.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut texts = length.split(&text);
    if let Some(head) = buttons.and_then(|buttons| buttons.head)
        && let Some(last) = texts.pop()
    {
        // As few messages as may be: only what is above the buttons has to be short.
        let tail = head.split(&last).pop().unwrap_or_default();
        let front = last.strip_suffix(&tail).unwrap_or_default().trim_end();
        texts.extend((!front.is_empty()).then(|| front.to_owned()));
        texts.push(tail);
    }
    (texts, choices)
}

fn unreadable() -> Answer {
    Answer::Failed("the store cannot be read or written".to_owned())
}

/// Makes a request within a time and a size, and reads the answer as a JSON object, with its status.
///
/// # Errors
/// No answer, one that is too long or no JSON object (of a status other than success: the status itself).
pub async fn ask(request: RequestBuilder, now: Timestamp) -> Result<(StatusCode, Value), Answer> {
    ask_for(request, READ, now).await
}

/// The same with an answer of up to so many bytes.
///
/// # Errors
/// As [`ask`].
pub async fn ask_for(request: RequestBuilder, most: usize, now: Timestamp) -> Result<(StatusCode, Value), Answer> {
    let failed = |error: reqwest::Error| Answer::Failed(reason(&error));
    let mut answer = request.timeout(TIMEOUT).send().await.map_err(failed)?;
    let status = answer.status();
    let wait = retry_after(answer.headers(), now);
    if let (429 | 503, Some(wait)) = (status.as_u16(), wait) {
        let error = format!("the platform wants to be asked again in {} s", wait.as_secs());
        return Err(Answer::Busy { status: status.as_u16(), wait, error });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return Err(unclear());
        }
    }
    match serde_json::from_slice(&bytes).ok().filter(Value::is_object) {
        Some(value) => Ok((status, value)),
        None if status.is_success() => Err(unclear()),
        None => Err(Answer::Status(status.as_u16(), wait)),
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
