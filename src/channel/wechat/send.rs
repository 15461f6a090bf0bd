//! Later messages, by the customer-service API: rows of the outbox, one at a time within a conversation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::handoff::{Answer, Courier, reason};
use crate::message::Role;
use crate::rules::WechatSpec;
use crate::store::{DeliveryFilter, NewDelivery, OutboxRow, SeenKey, SeenRow, Store, delivery_state};

use super::{Told, delivered, reply};

/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const READ: usize = 64 * 1024;
/// A token is renewed so long before its end.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// Deliveries looked through for those of a conversation.
const LOOK: usize = 500;
/// Head start of the answer to the request over what follows it.
const AFTER: SignedDuration = SignedDuration::from_secs(1);

/// Sends for one account.
pub(super) struct Sender {
    app_id: String,
    secret: SecretString,
    base: String,
    budget: u32,
    token: tokio::sync::Mutex<Option<Token>>,
    /// Parts of a delivery that were sent, while not all were.
    sent: Mutex<HashMap<i64, usize>>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    until: Timestamp,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

impl Courier for Sender {
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
}

impl Sender {
    /// None for an account that may not send.
    pub(super) fn new(spec: &WechatSpec) -> Option<Self> {
        let secret = spec.app_secret.clone().filter(|_| spec.send)?;
        Some(Self {
            app_id: spec.app_id.clone(),
            secret,
            base: spec.base_url.value.clone(),
            budget: spec.reply_budget,
            token: tokio::sync::Mutex::default(),
            sent: Mutex::default(),
        })
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
        let text = delivered(data);
        if text.is_empty() {
            return Ok(());
        }
        let parts = reply::split(&text);
        let begun = self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&row.id).unwrap_or_default();
        if begun == 0 && data["message"]["role"] != Role::Human.as_str() {
            self.within_budget(store, row, parts.len()).await?;
        }
        for (number, part) in parts.iter().enumerate().skip(begun) {
            if let Err(answer) = self.send(client, customer, part, now).await {
                if number > 0 && !matches!(answer, Answer::Refused { .. }) {
                    self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(row.id, number);
                }
                return Err(answer);
            }
        }
        Ok(())
    }

    /// The bot leaves one of the messages that may be sent to a person.
    async fn within_budget(&self, store: &dyn Store, row: &OutboxRow, parts: usize) -> Result<(), Answer> {
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
        let used: usize = of_now.map(|other| count(&other.body)).sum();
        let budget = usize::try_from(self.budget).unwrap_or(usize::MAX);
        if used + parts < budget {
            return Ok(());
        }
        Err(refused(format!(
            "{used} of {budget} messages since the customer's last are used (reply_budget), and one is kept for a person"
        )))
    }

    /// Sends one text. A token that is no longer good is renewed once.
    async fn send(&self, client: &Client, customer: &str, text: &str, now: Timestamp) -> Result<(), Answer> {
        let body = json!({"touser": customer, "msgtype": "text", "text": {"content": text}});
        let mut token = self.token(client, None, now).await?;
        for last in [false, true] {
            let path = format!("/cgi-bin/message/custom/send?access_token={}", escaped(token.expose_secret()));
            let answer = self.post(client, &path, &body).await?;
            match answer["errcode"].as_i64() {
                None if answer.get("errcode").is_some() => return Err(unclear()),
                None | Some(0) => return Ok(()),
                Some(40001 | 40014 | 42001) if !last => token = self.token(client, Some(&token), now).await?,
                Some(code) => return Err(meaning(code, &answer)),
            }
        }
        Err(unclear())
    }

    /// The token in use; a new one if it ends, or if the platform refuses `refused`. One request at a time for all.
    async fn token(
        &self,
        client: &Client,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<SecretString, Answer> {
        let mut kept = self.token.lock().await;
        let is_refused =
            |token: &SecretString| refused.is_some_and(|other| other.expose_secret() == token.expose_secret());
        if let Some(token) = kept.as_ref().filter(|token| now < token.until && !is_refused(&token.value)) {
            return Ok(token.value.clone());
        }
        for force in [false, true] {
            let body = json!({
                "grant_type": "client_credential", "appid": self.app_id, "secret": self.secret.expose_secret(),
                "force_refresh": force,
            });
            let answer = self.post(client, "/cgi-bin/stable_token", &body).await?;
            let Some(value) = answer["access_token"].as_str().map(SecretString::from) else {
                return Err(answer["errcode"].as_i64().map_or_else(unclear, |code| meaning(code, &answer)));
            };
            // The platform still thinks that the refused one is good.
            if is_refused(&value) {
                continue;
            }
            let life = SignedDuration::from_secs(answer["expires_in"].as_i64().unwrap_or_default().clamp(0, 86_400));
            let until = now.checked_add(life.saturating_sub(MARGIN)).unwrap_or(now);
            *kept = Some(Token { value: value.clone(), until });
            return Ok(value);
        }
        Err(Answer::Failed("the platform gives a token that it does not accept".to_owned()))
    }

    async fn post(&self, client: &Client, path: &str, body: &Value) -> Result<Value, Answer> {
        let failed = |error: reqwest::Error| Answer::Failed(reason(&error));
        let request = client.post(format!("{}{path}", self.base)).timeout(TIMEOUT);
        // Written by hand: the platform shows escapes such as \u4f60 to the customer, and this writes none.
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.to_string());
        let mut answer = request.send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(Answer::Status(answer.status().as_u16(), None));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > READ {
                return Err(unclear());
            }
        }
        serde_json::from_slice(&bytes).ok().filter(Value::is_object).ok_or_else(unclear)
    }
}

fn unclear() -> Answer {
    Answer::Failed("the platform's answer cannot be read".to_owned())
}

/// How many messages a delivery was.
fn count(body: &[u8]) -> usize {
    let event: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = delivered(&event["data"]);
    if text.is_empty() { 0 } else { reply::split(&text).len() }
}

/// What a code of the platform means: whether to try again, and what to do.
fn meaning(code: i64, answer: &Value) -> Answer {
    let words: String = answer["errmsg"].as_str().unwrap_or_default().chars().take(120).collect();
    let (again, what) = match code {
        -1 => (true, "the platform is busy"),
        45009 | 45011 => (true, "too many requests; look at the quota at the platform"),
        40001 | 40014 | 42001 => (true, "the access token is not accepted; check app_id and app_secret"),
        40013 | 40125 | 41002 | 41004 => (true, "app_id or app_secret is wrong"),
        40164 => (true, "this machine's address is not on the account's IP allow list (IP白名单)"),
        45015 => (false, "the customer wrote more than 48 hours ago or has unsubscribed, so nothing can be sent"),
        45047 => (false, "the messages that may be sent after the customer's last are used up"),
        48001 => (false, "the account may not send customer-service messages; write send: false"),
        40003 => (false, "the customer's OpenID is not of this account"),
        _ => (false, "the platform refuses it"),
    };
    let error = format!("errcode {code}: {what} ({words})");
    if again { Answer::Failed(error) } else { refused(error) }
}

/// What the platform will never take; its answers are of status 200 whatever they say.
fn refused(error: String) -> Answer {
    Answer::Refused { status: 200, error }
}

fn escaped(token: &str) -> String {
    percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Texts of the bot that follow an answer, as rows of the outbox.
pub(super) fn rows(told: &Told, texts: &[String], endpoint: &str, now: Timestamp) -> Vec<NewDelivery> {
    let due = now.checked_add(AFTER).unwrap_or(now);
    let row = |text: &String| {
        let message = json!({"message": told.message, "role": Role::Bot, "kind": "text", "text": text});
        let data = json!({
            "conversation": told.conversation, "thread": told.customer, "customer": {"id": told.customer}, "message": message,
        });
        NewDelivery {
            webhook_id: format!("evt_{}", uuid::Uuid::now_v7().simple()),
            endpoint: endpoint.to_owned(),
            url: None,
            conversation: told.conversation.clone(),
            kind: "message.created".to_owned(),
            body: json!({"type": "message.created", "timestamp": now, "data": data}).to_string().into_bytes(),
            created_at: due,
        }
    };
    texts.iter().map(row).collect()
}

/// What keeps the same texts from being put into the outbox twice, when the platform sends the message again.
pub(super) fn seen(told: &Told, now: Timestamp) -> SeenRow {
    let key = SeenKey {
        channel: told.request.channel.clone(),
        account: "what follows an answer".to_owned(),
        sender: told.customer.clone(),
        id: told.message.clone(),
    };
    let conversation = told.conversation.clone();
    SeenRow { key, conversation, message: told.message.clone(), seq: 0, at: now, response: None }
}
