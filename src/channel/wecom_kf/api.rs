//! Calls of the platform's API for one company: the access token, and what error codes mean.

use std::fmt;

use jiff::Timestamp;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::handoff::Answer;
use crate::rules::ChannelSpec;

use super::super::access_token::{AccessToken, Fresh};
use super::super::platform::{ask_for, refused, unclear, words};

/// Where the platform's API is, unless the shop says otherwise.
const API: &str = "https://qyapi.weixin.qq.com";
/// Longest answer: a page of messages.
const READ: usize = 4 * 1024 * 1024;

/// The platform wants quiet.
pub(super) const TOO_FAST: i64 = 45009;
/// The callback's token is not good (any more).
pub(super) const BAD_MSG_TOKEN: i64 = 95007;
/// The named person does not receive customers.
pub(super) const NOT_RECEIVING: i64 = 95014;
/// Somebody else has the conversation, or it has ended.
pub(super) const WRONG_STATE: i64 = 95018;

/// The right to call the API for a company.
pub(super) struct Account {
    corp_id: String,
    secret: SecretString,
    base: String,
    token: AccessToken,
}

/// Why a call did not do what it should.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The platform says so, by a number and in words.
    Code(i64, String),
    /// There is no clear answer.
    NoAnswer(Answer),
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("corp_id", &self.corp_id).finish_non_exhaustive()
    }
}

impl Account {
    /// None without the settings that it needs, which was reported.
    pub(super) fn of(spec: &ChannelSpec) -> Option<Self> {
        Some(Self {
            corp_id: spec.text("corp_id")?.to_owned(),
            secret: SecretString::from(spec.text("secret")?),
            base: spec.api(API),
            token: AccessToken::default(),
        })
    }

    /// Where the API is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Posts to `/cgi-bin/kf/…`. An access token that is no longer good is renewed once.
    pub(super) async fn call(
        &self,
        client: &Client,
        path: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<Value, Trouble> {
        let mut token = self.token(client, None, now).await?;
        for last in [false, true] {
            let url = format!("{}/cgi-bin/kf/{path}?access_token={}", self.base, escaped(token.expose_secret()));
            let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
            match asked(request, now).await {
                Err(Trouble::Code(40014 | 42001, _)) if !last => token = self.token(client, Some(&token), now).await?,
                other => return other,
            }
        }
        Err(Trouble::NoAnswer(unclear()))
    }

    async fn token(
        &self,
        client: &Client,
        refused: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<SecretString, Trouble> {
        let fetch = |_force: bool| async move {
            let (id, secret) = (escaped(&self.corp_id), escaped(self.secret.expose_secret()));
            let url = format!("{}/cgi-bin/gettoken?corpid={id}&corpsecret={secret}", self.base);
            let answer = asked(client.get(url), now).await.map_err(Trouble::into_answer)?;
            let value = answer["access_token"].as_str().map(SecretString::from).ok_or_else(unclear)?;
            Ok(Fresh { value, seconds: answer["expires_in"].as_i64().unwrap_or_default() })
        };
        self.token.get(refused, now, fetch).await.map_err(Trouble::NoAnswer)
    }

    /// The customer service accounts that the app may use, as id and name.
    pub(super) async fn accounts(&self, client: &Client, now: Timestamp) -> Result<Vec<(String, String)>, Trouble> {
        let answer = self.call(client, "account/list", &json!({"offset": 0, "limit": 100}), now).await?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = answer["account_list"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(list.iter().map(|each| (word(&each["open_kfid"]), word(&each["name"]))).collect())
    }
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn asked(request: reqwest::RequestBuilder, now: Timestamp) -> Result<Value, Trouble> {
    let (status, answer) = ask_for(request, READ, now).await.map_err(Trouble::NoAnswer)?;
    if !status.is_success() {
        return Err(Trouble::NoAnswer(Answer::Status(status.as_u16(), None)));
    }
    match answer["errcode"].as_i64() {
        Some(0) => Ok(answer),
        None if answer.get("errcode").is_none() => Ok(answer),
        None => Err(Trouble::NoAnswer(unclear())),
        Some(code) => Err(Trouble::Code(code, words(&answer["errmsg"]))),
    }
}

impl Trouble {
    /// What it means for a delivery: whether to try again, and what to do.
    pub(super) fn into_answer(self) -> Answer {
        let (code, words) = match self {
            Self::NoAnswer(answer) => return answer,
            Self::Code(code, words) => (code, words),
        };
        let (again, what) = match code {
            -1 => (true, "the platform is busy"),
            TOO_FAST => (true, "too many requests; look at the quota at the platform"),
            40014 | 42001 => (true, "the access token is not accepted; check corp_id and secret"),
            40001 => (true, "secret is wrong"),
            40013 => (true, "corp_id is wrong"),
            60020 => (true, "this machine's address is not among the app's trusted IPs (企业可信IP)"),
            48002 | 60011 | 95017 => (
                true,
                "the app may not use this account: add it to 可调用接口的应用, and let the account be managed by API",
            ),
            95000 | 95004 => (false, "the open_kfid is not of this company"),
            95001 => (false, "the messages that may be sent after the customer's last are used up"),
            95002 => (false, "the customer wrote more than 48 hours ago"),
            95013 => (false, "the conversation has ended at the platform"),
            WRONG_STATE => (false, "a person of WeCom or its pool has the conversation, or it has ended there"),
            _ => (false, "the platform refuses it"),
        };
        let error = format!("errcode {code}: {what} ({words})");
        if again { Answer::Failed(error) } else { refused(error) }
    }

    /// The same in words.
    pub(super) fn say(self) -> String {
        match self.into_answer() {
            Answer::Status(status, _) => format!("HTTP {status}"),
            Answer::Failed(error)
            | Answer::Busy { error, .. }
            | Answer::Again { error, .. }
            | Answer::Refused { error, .. }
            | Answer::Gone { error, .. } => error,
        }
    }
}
