//! Letters out: each delivery of the outbox is one letter, brought to the server of the settings.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, transport::smtp};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::handoff::{Answer, Courier};
use crate::message::{Letter, Role};
use crate::rules::{MailSpec, SmtpTls};
use crate::store::{EventRow, OutboxRow, Store};

use super::compose::{Outgoing, Unwritable};

/// To connect.
const TIMEOUT: Duration = Duration::from_secs(20);
/// For the whole letter. A server may look at one for ten minutes (RFC 5321, section 4.5.3.2.6); to come again sooner would be to
/// send it twice.
const WHOLE: Duration = Duration::from_mins(11);
/// Events looked through for the letter that is answered.
const LOOK: usize = 500;
/// Of the server's words so many are kept.
const WORDS: usize = 200;

/// Brings letters away for one channel.
pub(super) struct Postman {
    spec: MailSpec,
}

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postman").field("smtp", &self.spec.smtp).finish_non_exhaustive()
    }
}

impl Courier for Postman {
    fn carry<'a>(
        &'a self,
        _: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(self.deliver(store, row))
    }

    fn who<'a>(&'a self, _: &'a Client, _: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let transport = self.transport().map_err(|error| Answer::Failed(words(&error)))?;
            match tokio::time::timeout(2 * TIMEOUT, transport.test_connection()).await {
                Ok(Ok(true)) => Ok(self.spec.sender().to_owned()),
                Ok(Ok(false)) | Err(_) => Err(Answer::Failed("the mail server does not answer".to_owned())),
                Ok(Err(error)) if error.is_permanent() => Err(not_us(&error)),
                Ok(Err(error)) => Err(meaning(&error)),
            }
        })
    }

    fn try_out(&self, now: Timestamp) -> Option<BoxFuture<'_, Answer>> {
        Some(Box::pin(async move {
            let to = self.spec.sender().to_owned();
            let subject = "nightdesk channel test".to_owned();
            let letter = Letter { subject, answer_to: Some(to), mark: "test".to_owned(), ..Letter::default() };
            let text = "This letter tests whether letters leave. It needs no answer, and nightdesk gives none.";
            let messages = [json!({"role": Role::Bot, "text": text})];
            let id = format!("test_{}", uuid::Uuid::now_v7().simple());
            let (spec, messages) = (&self.spec, messages.as_slice());
            let letter = Outgoing {
                spec,
                id: &id,
                messages,
                letter: &letter,
                name: None,
                language: "en",
                with_bot: false,
                at: now,
            };
            self.send(&letter).await.err().unwrap_or(Answer::Status(250, None))
        }))
    }
}

impl Postman {
    pub(super) fn new(spec: MailSpec) -> Self {
        Self { spec }
    }

    async fn deliver(&self, store: &dyn Store, row: &OutboxRow) -> Result<(), Answer> {
        let event: Value = serde_json::from_slice(&row.body).unwrap_or_default();
        let data = &event["data"];
        let one = std::slice::from_ref(&data["message"]);
        let messages = data["messages"].as_array().map_or(one, Vec::as_slice);
        let empty = messages.iter().all(|message| message["text"].as_str().unwrap_or_default().trim().is_empty());
        if row.kind != "message.created" || empty {
            return Ok(());
        }
        let failed = |_| Answer::Failed("the store cannot be read".to_owned());
        let seq = data["seq"].as_u64().unwrap_or(u64::MAX >> 1);
        let events = store.events_before(&row.conversation, seq, LOOK).await.map_err(failed)?;
        let letter = answered(&events, messages.first().and_then(|message| message["reply_to"].as_str()));
        let letter = letter.ok_or_else(|| refused(550, "the letter that this answers is no longer there"))?;
        let conversation = store.conversation(&row.conversation).await.map_err(failed)?;
        let (language, body) = conversation.map(|row| (row.language, row.body)).unwrap_or_default();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let letter = Outgoing {
            spec: &self.spec,
            id: &row.webhook_id,
            messages,
            letter: &letter,
            name: body["customer"]["name"].as_str(),
            language: language.as_deref().unwrap_or("en"),
            with_bot: data["state"] == "bot",
            at: row.created_at,
        };
        if letter.is_automatic() && letter.letter.answer_to.is_none() {
            // A notice to somebody whom no machine may write to: that is no failure.
            tracing::info!(
                endpoint = row.endpoint,
                "A notice was not sent, because no machine may answer the last letter."
            );
            return Ok(());
        }
        self.send(&letter).await
    }

    async fn send(&self, letter: &Outgoing<'_>) -> Result<(), Answer> {
        let (envelope, bytes) = letter.written().map_err(|Unwritable(why)| refused(550, why))?;
        let transport = self.transport().map_err(|error| Answer::Failed(words(&error)))?;
        match tokio::time::timeout(WHOLE, transport.send_raw(&envelope, &bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.meant(&transport, &error).await),
            Err(_) => Err(Answer::Failed("the mail server took too long".to_owned())),
        }
    }

    /// What a refusal means. One for good is about the letter, unless the server refuses us without any letter too: that is mended
    /// at the server or in the settings, and the letter goes then.
    async fn meant(&self, transport: &AsyncSmtpTransport<Tokio1Executor>, error: &smtp::Error) -> Answer {
        let answer = meaning(error);
        if !matches!(answer, Answer::Refused { .. }) || !error.is_permanent() {
            return answer;
        }
        match tokio::time::timeout(2 * TIMEOUT, transport.test_connection()).await {
            Ok(Err(alone)) if alone.is_permanent() => not_us(&alone),
            _ => answer,
        }
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
        let (host, port) = &self.spec.smtp;
        let tls = match self.spec.tls {
            SmtpTls::Starttls => Tls::Required(TlsParameters::new_rustls(host.clone())?),
            SmtpTls::Tls => Tls::Wrapper(TlsParameters::new_rustls(host.clone())?),
            SmtpTls::None => Tls::None,
        };
        let domain = self.spec.sender().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(*port)
            .tls(tls)
            .hello_name(ClientId::Domain(domain.to_owned()))
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &self.spec.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(builder.build())
    }
}

/// What the server's answer means: whether to try again, and what to do.
fn meaning(error: &smtp::Error) -> Answer {
    let said = words(error);
    if error.status().is_none() && error.is_client() {
        return refused(550, &format!("the letter cannot be sent as it is ({said})"));
    }
    let Some(status) = error.status().map(u16::from) else {
        let what = if error.is_tls() || said.contains("certificate") {
            "the connection to the mail server cannot be encrypted; look at smtp and smtp_tls"
        } else if error.is_timeout() {
            "the mail server did not answer in time"
        } else {
            "the mail server cannot be reached or does not answer as it should"
        };
        return Answer::Failed(format!("{what} ({said})"));
    };
    match status {
        // About us, not about the letter: mended in the settings, and the letter goes then.
        530 | 534 | 535 | 538 => {
            Answer::Again { status, error: format!("the mail server refuses user and password ({said})") }
        }
        500..=599 => refused(status, &format!("the mail server refuses the letter for good ({said})")),
        _ => Answer::Again { status, error: format!("the mail server wants it later ({said})") },
    }
}

/// What it means when the server wants nothing of us, whatever the letter.
fn not_us(error: &smtp::Error) -> Answer {
    match meaning(error) {
        Answer::Refused { status, .. } => Answer::Again {
            status,
            error: format!("the mail server takes no letters from this machine or user ({})", words(error)),
        },
        answer => answer,
    }
}

fn refused(status: u16, error: &str) -> Answer {
    Answer::Refused { status, error: error.to_owned() }
}

/// The letter with this message's id, else the last one.
fn answered(events: &[EventRow], message: Option<&str>) -> Option<Letter> {
    let letters = events.iter().rev().filter(|event| event.role == Role::Visitor.as_str());
    let letters = letters.filter_map(|event| {
        let data: Value = serde_json::from_str(&event.body).ok()?;
        let letter: Letter = serde_json::from_value(data.get("letter")?.clone()).ok()?;
        Some((data["message"].as_str().unwrap_or_default().to_owned(), letter))
    });
    let mut last = None;
    for (id, letter) in letters {
        if message.is_none_or(|message| id == message) {
            return Some(letter);
        }
        // What a slow look-up brings answers no letter by its id.
        last = last.or(Some(letter));
    }
    last
}

/// An error with what is behind it, in one line and not too long.
fn words(error: &smtp::Error) -> String {
    use std::error::Error as _;
    let mut said = error.to_string();
    if let Some(source) = error.source() {
        let source = source.to_string();
        if !said.contains(&source) {
            said = format!("{said}: {source}");
        }
    }
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    said
}
