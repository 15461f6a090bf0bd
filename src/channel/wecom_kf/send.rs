//! What the platform is told: messages, and who has the conversation. Rows of the outbox, one at a time within a conversation.
//!
//! The bot and our own people may write only while the platform thinks that a machine has the conversation (0 or 1). In its pool
//! (2), with a person of WeCom (3) and after the end (4) the platform gives a code for one message, which is kept as a mark.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::handoff::{Answer, Courier};
use crate::message::{Role, State};
use crate::rules::ChannelSpec;
use crate::store::{KeptRow, OutboxRow, Store, StoreError};

use super::super::parts::{self, Length};
use super::super::platform::{Api, Choice, Platform, refused};
use super::api::{Account, NOT_RECEIVING, Trouble};
use super::say::{HEAD, Sender, TEXT, msgid, words};

/// Messages within 48 hours of the customer's last, as the platform's documentation has it.
const BUDGET: u32 = 5;
/// Rows looked through for the survey that follows a goodbye.
const LOOK: usize = 200;

/// How long a code is good that came with a state.
pub(super) const IN_TIME: SignedDuration = SignedDuration::from_hours(48);
/// How long one is good that came with the end, or with the customer's coming.
pub(super) const AT_ONCE: SignedDuration = SignedDuration::from_secs(20);

/// Who has a conversation, as the platform counts.
mod service {
    /// A machine.
    pub(super) const MACHINE: i64 = 1;
    /// Whoever is first.
    pub(super) const POOL: i64 = 2;
    /// A person.
    pub(super) const PERSON: i64 = 3;
    /// Nobody.
    pub(super) const ENDED: i64 = 4;
}

/// Brings deliveries to the customers of a channel.
#[derive(Debug)]
pub(super) struct Kf {
    channel: String,
    account: Arc<Account>,
    platform: Platform<Sender>,
    to_platform: bool,
    servicers: Vec<String>,
}

impl Kf {
    pub(super) fn new(channel: &str, spec: &ChannelSpec, account: Arc<Account>) -> Self {
        let budget = spec.text("reply_budget").and_then(|text| text.parse().ok()).unwrap_or(BUDGET);
        let all = |key: &str| spec.all(key).iter().map(|each| each.expose_secret().to_owned()).collect();
        let open_kfid = all("open_kfid");
        let sender = Sender::new(Arc::clone(&account), open_kfid, budget);
        Self {
            channel: channel.to_owned(),
            account,
            platform: Platform::new(sender),
            to_platform: spec.text("transfer") == Some("platform"),
            servicers: all("servicers"),
        }
    }
}

/// What passes by itself, or is not about this request.
const PASSING: [i64; 5] = [-1, 40_001, 40_014, 42_001, 45_009];

/// A code for one message, to be kept.
pub(super) fn code_mark(channel: &str, thread: &str, code: &str, ended: bool, until: Option<Timestamp>) -> KeptRow {
    let value = json!({"code": code, "ended": ended}).to_string();
    KeptRow { place: channel.to_owned(), key: format!("code:{thread}"), value, until }
}

/// That a conversation was ended at the platform: it is not to be ended there again, because the customer may have written since.
pub(super) fn ended_mark(channel: &str, thread: &str, now: Timestamp) -> KeptRow {
    let until = now.checked_add(IN_TIME).ok();
    KeptRow { place: channel.to_owned(), key: format!("ended:{thread}"), value: String::new(), until }
}

impl Courier for Kf {
    fn carry<'a>(
        &'a self,
        client: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let trip = Trip { kf: self, client, store, row, now };
            match serde_json::from_slice::<Value>(&row.body) {
                Ok(event) if row.kind == "conversation.state" => trip.follow(&event["data"]).await,
                Ok(event) => trip.say(&event["data"]).await,
                Err(_) => Err(refused("the delivery is not a message of ours".to_owned())),
            }
        })
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        self.platform.api().who(client, now)
    }
}

/// One attempt.
struct Trip<'a> {
    kf: &'a Kf,
    client: &'a Client,
    store: &'a dyn Store,
    row: &'a OutboxRow,
    now: Timestamp,
}

impl Trip<'_> {
    /// Says a message the way that is open: by a code, or as a message of the machine's.
    async fn say(&self, data: &Value) -> Result<(), Answer> {
        let thread = data["thread"].as_str().unwrap_or_default();
        if let Some(code) = data["welcome"].as_str() {
            if data["until"].as_i64().is_none_or(|until| self.now.as_second() > until) {
                return Err(refused("the 20 seconds for a welcome are over".to_owned()));
            }
            return self.by_code(code, data, String::new()).await.map_err(Trouble::into_answer);
        }
        if self.said_by_code(thread, data).await? {
            return Ok(());
        }
        let said = self.kf.platform.carry(self.client, self.store, self.row, self.now).await;
        let barred = self.kf.platform.api().was_barred(thread);
        match said {
            Err(answer) if barred => self.barred(thread, data, answer).await,
            said => said,
        }
    }

    /// Says a message by the code that the platform gave with the present state, if it gave one.
    async fn said_by_code(&self, thread: &str, data: &Value) -> Result<bool, Answer> {
        // What the bot said while it had the conversation is not said into a person's, who came in between with that code.
        if data["state"] == State::Bot.as_str() {
            return Ok(false);
        }
        // Of a person's words nothing is left out: they go whole, or are a dead letter that the person sees.
        let message = &data["message"];
        if message["role"] == Role::Human.as_str() && !TEXT.holds(message["text"].as_str().unwrap_or_default()) {
            return Ok(false);
        }
        let key = format!("code:{thread}");
        let kept = self.store.kept(&self.kf.channel, &key, self.now).await.map_err(unreadable)?;
        let Some(kept) = kept else { return Ok(false) };
        let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
        let mut before = String::new();
        if kept["ended"] == true {
            if data["message"]["survey"].is_null() {
                if self.survey_follows().await? {
                    // There is one message: the survey's, which has these words above its own.
                    return Ok(true);
                }
            } else {
                before = self.words_before(data).await?;
            }
        }
        let said = self.by_code(kept["code"].as_str().unwrap_or_default(), data, before).await;
        if !matches!(said, Err(Trouble::NoAnswer(_) | Trouble::Code(-1, _))) {
            // A code is good once.
            self.store.forget(&self.kf.channel, &key).await.map_err(unreadable)?;
        }
        match said {
            Ok(()) => Ok(true),
            // The state is another by now: as any other message, then.
            Err(Trouble::Code(code, words)) if code != -1 => {
                tracing::debug!(channel = self.kf.channel, code, words, "A code for one message was not taken.");
                Ok(false)
            }
            Err(trouble) => Err(trouble.into_answer()),
        }
    }

    /// Says what goes into the one message that the platform takes here: whole sentences, where it is not all.
    async fn by_code(&self, code: &str, data: &Value, before: String) -> Result<(), Trouble> {
        let message = &data["message"];
        let options = message["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let word = |option: &Value, key: &str| option[key].as_str().unwrap_or_default().to_owned();
        let choice =
            |option: &Value| Choice { id: word(option, "id"), label: Length::Bytes(128).cut(&word(option, "label")) };
        // Only at the end and as a welcome the platform takes buttons.
        let buttons = (1..=10).contains(&options.len()) && (data["state"] == State::Closed.as_str());
        let mut own = parts::text(std::slice::from_ref(message));
        let (mut length, mut choices) = (TEXT, Vec::new());
        if buttons {
            message["text"].as_str().unwrap_or_default().trim().clone_into(&mut own);
            (length, choices) = (HEAD, options.iter().map(choice).collect());
        }
        let own_short = length.first(&own);
        // The goodbye gives way to the question, and not the other way round.
        let before_short = length.less_bytes(own_short.len() + 2).first(&before);
        if own_short != own || before_short != before {
            tracing::warn!(
                channel = self.kf.channel,
                delivery = self.row.webhook_id,
                "The platform takes one message here, and the text is longer; whole sentences of it are sent."
            );
        }
        let parts: Vec<&str> =
            [before_short.as_str(), &own_short].into_iter().filter(|part| !part.is_empty()).collect();
        let mut body = words(&parts.join("\n\n"), &choices);
        body["code"] = json!(code);
        body["msgid"] = json!(msgid(&format!("{}0", self.row.webhook_id.trim_start_matches("evt_"))));
        self.kf.account.call(self.client, "send_msg_on_event", &body, self.now).await.map(|_| ())
    }

    /// Whether the question how it was waits behind this row.
    async fn survey_follows(&self) -> Result<bool, Answer> {
        let rows = self.store.waiting(&self.row.endpoint, self.now, LOOK).await.map_err(unreadable)?;
        let asks = |row: &OutboxRow| {
            let event: Value = serde_json::from_slice(&row.body).unwrap_or_default();
            !event["data"]["message"]["survey"].is_null()
        };
        Ok(rows.iter().any(|row| row.conversation == self.row.conversation && row.id > self.row.id && asks(row)))
    }

    /// The words of ours right before the survey.
    async fn words_before(&self, data: &Value) -> Result<String, Answer> {
        let seq = data["seq"].as_u64().unwrap_or_default();
        let events = self.store.events_before(&self.row.conversation, seq, 1).await.map_err(unreadable)?;
        let said = events.first().filter(|event| event.kind == "message" && event.role == Role::Bot.as_str());
        let body: Value = said.and_then(|event| serde_json::from_str(&event.body).ok()).unwrap_or_default();
        Ok(body["text"].as_str().unwrap_or_default().to_owned())
    }

    /// The platform does not let us write. At the end it gives a code for that; else somebody there has the conversation, and our
    /// state follows.
    async fn barred(&self, thread: &str, data: &Value, answer: Answer) -> Result<(), Answer> {
        let (state, servicer) = self.present(thread).await.map_err(Trouble::into_answer)?;
        if data["state"] == State::Closed.as_str() && state != service::ENDED {
            if let Ok(Some(code)) = self.trans(thread, service::ENDED, None).await {
                self.keep_code(thread, &code, true).await?;
                if self.said_by_code(thread, data).await? {
                    return Ok(());
                }
            }
        } else if matches!(state, service::POOL | service::PERSON) {
            let value = json!({"state": state, "servicer": servicer}).to_string();
            let (place, key) = (self.kf.channel.clone(), format!("held:{thread}"));
            let until = self.now.checked_add(IN_TIME).ok();
            self.store.keep(vec![KeptRow { place, key, value, until }]).await.map_err(unreadable)?;
        }
        Err(answer)
    }

    /// Brings the platform's state in step with ours, as it is now and not as it was when this was committed.
    async fn follow(&self, data: &Value) -> Result<(), Answer> {
        let thread = data["thread"].as_str().unwrap_or_default();
        let wanted = data["state"].as_str().and_then(State::parse);
        // It was ended there, for this or an earlier close: of no use any more, whatever ours is by now.
        let ended = ended_mark(&self.kf.channel, thread, self.now);
        let was_ended =
            wanted == Some(State::Closed) && self.store.forget(&ended.place, &ended.key).await.map_err(unreadable)?;
        let ours = self.store.conversation(&self.row.conversation).await.map_err(unreadable)?;
        if ours.is_none_or(|row| State::parse(&row.state) != wanted) {
            return Ok(());
        }
        match wanted {
            Some(State::Queued) if self.kf.to_platform => {
                let (state, _) = self.present(thread).await.map_err(Trouble::into_answer)?;
                if state <= service::MACHINE {
                    self.hand_over(thread).await?;
                }
            }
            Some(State::Bot) if self.kf.to_platform => {
                let (state, _) = self.present(thread).await.map_err(Trouble::into_answer)?;
                if matches!(state, service::POOL | service::PERSON) {
                    self.end(thread).await?;
                }
            }
            Some(State::Closed) => {
                if was_ended {
                    return Ok(());
                }
                let (state, _) = self.present(thread).await.map_err(Trouble::into_answer)?;
                if state != service::ENDED {
                    self.end(thread).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives a conversation to a person of WeCom, or to its pool.
    async fn hand_over(&self, thread: &str) -> Result<(), Answer> {
        let servicers = &self.kf.servicers;
        // Not always the same one first.
        let first = usize::try_from(self.row.id).unwrap_or_default() % servicers.len().max(1);
        for servicer in servicers.iter().cycle().skip(first).take(servicers.len()) {
            match self.trans(thread, service::PERSON, Some(servicer)).await {
                Ok(code) => return self.keep_given(thread, code).await,
                Err(Trouble::Code(NOT_RECEIVING, _)) => {}
                // Somebody who has left, or a slip in the name: the next one, and in the end the pool.
                Err(Trouble::Code(code, words)) if !PASSING.contains(&code) => {
                    tracing::warn!(
                        channel = self.kf.channel,
                        servicer,
                        code,
                        words,
                        "A hand-off went past one of `servicers`."
                    );
                }
                Err(trouble) => return Err(trouble.into_answer()),
            }
        }
        let code = self.trans(thread, service::POOL, None).await.map_err(Trouble::into_answer)?;
        self.keep_given(thread, code).await
    }

    /// Ends a conversation. The platform does not allow it from every state; it ends by itself then.
    async fn end(&self, thread: &str) -> Result<(), Answer> {
        match self.trans(thread, service::ENDED, None).await {
            Ok(_) => Ok(()),
            Err(Trouble::Code(code, words)) if !PASSING.contains(&code) => {
                tracing::info!(
                    channel = self.kf.channel,
                    code,
                    words,
                    "The platform keeps a conversation open that is closed here."
                );
                Ok(())
            }
            Err(trouble) => Err(trouble.into_answer()),
        }
    }

    async fn keep_given(&self, thread: &str, code: Option<String>) -> Result<(), Answer> {
        match code {
            Some(code) => self.keep_code(thread, &code, false).await,
            None => Ok(()),
        }
    }

    async fn keep_code(&self, thread: &str, code: &str, ended: bool) -> Result<(), Answer> {
        let until = self.now.checked_add(if ended { AT_ONCE } else { IN_TIME }).ok();
        self.store.keep(vec![code_mark(&self.kf.channel, thread, code, ended, until)]).await.map_err(unreadable)
    }

    /// Who has the conversation at the platform: the state, and the person.
    async fn present(&self, thread: &str) -> Result<(i64, String), Trouble> {
        let answer = self.kf.account.call(self.client, "service_state/get", &whose(thread), self.now).await?;
        let servicer = answer["servicer_userid"].as_str().unwrap_or_default().to_owned();
        Ok((answer["service_state"].as_i64().unwrap_or_default(), servicer))
    }

    /// Changes who has it; a code for one message may come with that.
    async fn trans(&self, thread: &str, state: i64, servicer: Option<&str>) -> Result<Option<String>, Trouble> {
        let mut body = whose(thread);
        body["service_state"] = json!(state);
        if let Some(servicer) = servicer {
            body["servicer_userid"] = json!(servicer);
        }
        let answer = self.kf.account.call(self.client, "service_state/trans", &body, self.now).await?;
        Ok(answer["msg_code"].as_str().filter(|code| !code.is_empty()).map(str::to_owned))
    }
}

fn whose(thread: &str) -> Value {
    let (open_kfid, customer) = thread.split_once('/').unwrap_or_default();
    json!({"open_kfid": open_kfid, "external_userid": customer})
}

fn unreadable(_: StoreError) -> Answer {
    Answer::Failed("the store cannot be read".to_owned())
}
