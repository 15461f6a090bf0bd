//! Later messages, by the customer-service API: rows of the outbox, one at a time within a conversation.

use std::fmt;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::handoff::Answer;
use crate::rules::WechatSpec;

use super::super::access_token::{AccessToken, Fresh};
use super::super::parts::Length;
use super::super::platform::{Api, Said, ask, refused, unclear, words};
use super::reply;

/// Sends for one account.
pub(super) struct Sender {
    app_id: String,
    secret: SecretString,
    base: String,
    budget: u32,
    token: AccessToken,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

impl Api for Sender {
    fn length(&self) -> Length {
        reply::MOST
    }

    fn budget(&self) -> Option<u32> {
        Some(self.budget)
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        // There is nothing to ask that needs no further permission; that a token is given shows that the two belong together.
        Box::pin(async move { self.token(client, None, now).await.map(|_| self.app_id.clone()) })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(self.send(client, said.customer, said.text, said.now))
    }
}

impl Sender {
    /// None for an account that may not send.
    pub(super) fn new(spec: &WechatSpec, base: &str) -> Option<Self> {
        let secret = spec.app_secret.clone().filter(|_| spec.send)?;
        Some(Self {
            app_id: spec.app_id.clone(),
            secret,
            base: base.to_owned(),
            budget: spec.reply_budget,
            token: AccessToken::default(),
        })
    }

    /// Sends one text. A token that is no longer good is renewed once.
    async fn send(&self, client: &Client, customer: &str, text: &str, now: Timestamp) -> Result<(), Answer> {
        let body = json!({"touser": customer, "msgtype": "text", "text": {"content": text}});
        let mut token = self.token(client, None, now).await?;
        for last in [false, true] {
            let path = format!("/cgi-bin/message/custom/send?access_token={}", escaped(token.expose_secret()));
            let answer = self.post(client, &path, &body, now).await?;
            match answer["errcode"].as_i64() {
                None if answer.get("errcode").is_some() => return Err(unclear()),
                None | Some(0) => return Ok(()),
                Some(40001 | 40014 | 42001) if !last => token = self.token(client, Some(&token), now).await?,
                Some(code) => return Err(meaning(code, &answer)),
            }
        }
        Err(unclear())
    }

    async fn token(
        &self,
        client: &Client,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<SecretString, Answer> {
        let fetch = |force: bool| async move {
            let body = json!({
                "grant_type": "client_credential", "appid": self.app_id, "secret": self.secret.expose_secret(),
                "force_refresh": force,
            });
            let answer = self.post(client, "/cgi-bin/stable_token", &body, now).await?;
            let Some(value) = answer["access_token"].as_str().map(SecretString::from) else {
                return Err(answer["errcode"].as_i64().map_or_else(unclear, |code| meaning(code, &answer)));
            };
            Ok(Fresh { value, seconds: answer["expires_in"].as_i64().unwrap_or_default() })
        };
        self.token.get(refused, now, fetch).await
    }

    async fn post(&self, client: &Client, path: &str, body: &Value, now: Timestamp) -> Result<Value, Answer> {
        let request = client.post(format!("{}{path}", self.base));
        // Written by hand: the platform shows escapes such as \u4f60 to the customer, and this writes none.
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.to_string());
        let (status, answer) = ask(request, now).await?;
        if status.is_success() { Ok(answer) } else { Err(Answer::Status(status.as_u16(), None)) }
    }
}

/// What a code of the platform means: whether to try again, and what to do.
fn meaning(code: i64, answer: &Value) -> Answer {
    let words = words(&answer["errmsg"]);
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

fn escaped(token: &str) -> String {
    percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC).to_string()
}
