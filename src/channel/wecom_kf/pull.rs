//! What customers wrote, pulled from the platform: when a callback rings, at the start, and from time to time, so that a callback
//! which is lost is no message lost.
//!
//! One worker for each account, so that no two pull the same. How far it has read is kept after the messages are on disk: what
//! was read and not kept comes again, and is known by its id.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::handoff::Answer;
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Role, State};
use crate::pipeline::{Action, Actor, AgentError, Arrival, Later, Pipeline, PipelineError, Taken};
use crate::rules::{ChannelKind, ChannelSpec};
use crate::store::{Commit, MarkRow, NewDelivery, SeenKey, SeenRow, StoreError};
use crate::token::Tokens;

use super::super::memory::Memory;
use super::api::{Account, BAD_MSG_TOKEN, TOO_FAST, Trouble};
use super::bell::Bell;
use super::inbound::{self, Item, What};
use super::send::{AT_ONCE, IN_TIME, code_mark, delivery_of, ended_mark};

/// Between two looks at the settings, and at what sending has found out.
const LOOK: Duration = Duration::from_secs(1);
/// Without a callback messages are asked for so often.
const POLL: Duration = Duration::from_mins(1);
/// Messages asked for at a time.
const PAGE: u32 = 200;
/// Pages of one pull.
const PAGES: usize = 10_000;
/// How long all others wait for a customer who writes more than the limit allows, for each page.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a message is tried that our own code fails on.
const TRIES: usize = 3;

/// Keeps a worker for each account of each channel of this kind. Never ends.
pub async fn watch(pipeline: Arc<Pipeline>, memory: Arc<Memory>, client: Client) {
    let mut workers: JoinSet<()> = JoinSet::new();
    let mut running: HashMap<(String, String), (u64, AbortHandle)> = HashMap::new();
    loop {
        let wanted = wanted(&pipeline);
        running.retain(|key, (settings, worker)| {
            let stays = wanted.iter().any(|(other, now, _)| other == key && now == settings);
            if !stays {
                worker.abort();
            }
            stays
        });
        for (key, settings, spec) in wanted {
            if running.get(&key).is_some_and(|(_, worker)| worker.is_finished()) {
                tracing::error!(
                    channel = key.0,
                    open_kfid = key.1,
                    "Pulling messages failed inside nightdesk and is begun again."
                );
                running.remove(&key);
            }
            if running.contains_key(&key) {
                continue;
            }
            let Some(account) = Account::of(&spec) else { continue };
            let worker = Worker {
                bell: memory.wecom_kf.of(&key.0, &key.1),
                pipeline: Arc::clone(&pipeline),
                client: client.clone(),
                channel: key.0.clone(),
                open_kfid: key.1.clone(),
                poll: spec.length("poll").unwrap_or(POLL).max(LOOK),
                began: pipeline.clock.now(),
                account,
            };
            running.insert(key, (settings, workers.spawn(worker.run())));
        }
        while workers.try_join_next().is_some() {}
        sleep(LOOK).await;
    }
}

/// The accounts of all channels of this kind, each with a fingerprint of its settings.
fn wanted(pipeline: &Pipeline) -> Vec<((String, String), u64, ChannelSpec)> {
    let engine = pipeline.engine.load();
    let mut all = Vec::new();
    for (name, spec) in engine.book().settings.channels.iter().filter(|(_, spec)| spec.kind == ChannelKind::WecomKf) {
        let mut hasher = DefaultHasher::new();
        for (key, values) in &spec.values {
            key.hash(&mut hasher);
            values.iter().for_each(|value| value.expose_secret().hash(&mut hasher));
        }
        let settings = hasher.finish();
        for id in spec.all("open_kfid") {
            all.push(((name.clone(), id.expose_secret().to_owned()), settings, spec.clone()));
        }
    }
    all
}

/// Pulls one account.
struct Worker {
    pipeline: Arc<Pipeline>,
    client: Client,
    account: Account,
    bell: Arc<Bell>,
    channel: String,
    open_kfid: String,
    poll: Duration,
    /// What is older was not written to us, where nothing is known of how far was read.
    began: Timestamp,
}

/// Why a pull did not come to its end. It is begun again where it was kept last.
enum Stopped {
    /// The platform.
    Platform(Trouble),
    /// Our own side.
    Ours(PipelineError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Ours(error.into())
    }
}

impl Worker {
    async fn run(self) {
        let (mut failures, mut last) = (0_u32, String::new());
        loop {
            let wait = match self.pull().await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(
                            channel = self.channel,
                            open_kfid = self.open_kfid,
                            "Messages are pulled again."
                        );
                    }
                    (failures, last) = (0, String::new());
                    self.poll
                }
                Err(stopped) => {
                    failures = failures.saturating_add(1);
                    let too_fast = matches!(stopped, Stopped::Platform(Trouble::Code(TOO_FAST, _)));
                    let error = match stopped {
                        Stopped::Platform(trouble) => trouble.say(),
                        Stopped::Ours(error) => error.to_string(),
                    };
                    if error != last {
                        let (channel, open_kfid) = (&self.channel, &self.open_kfid);
                        tracing::warn!(channel, open_kfid, error, "Messages cannot be pulled; it is tried again.");
                        last = error;
                    }
                    let longer = LOOK.saturating_mul(1 << failures.min(6));
                    if too_fast { self.poll } else { longer.min(self.poll) }
                }
            };
            let until = Instant::now() + wait;
            loop {
                tokio::select! {
                    // While it fails the bell waits too.
                    () = self.bell.rung(), if failures == 0 => break,
                    () = sleep_until(until.min(Instant::now() + LOOK)) => {}
                }
                if let Err(error) = self.follow_held().await {
                    tracing::warn!(channel = self.channel, %error, "A conversation could not be given to the person who has it in WeCom.");
                }
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }

    /// Pulls all that there is.
    async fn pull(&self) -> Result<(), Stopped> {
        let (store, name) = (&self.pipeline.store, format!("cursor:{}", self.open_kfid));
        let kept = store.marks(&self.channel, &name).await?;
        let mut cursor = kept.into_iter().find(|mark| mark.name == name).map(|mark| mark.value);
        let first = cursor.is_none();
        for _ in 0..PAGES {
            let now = self.pipeline.clock.now();
            let mut body = json!({"limit": PAGE, "voice_format": 0, "open_kfid": self.open_kfid});
            if let Some(cursor) = &cursor {
                body["cursor"] = json!(cursor);
            }
            let token = self.bell.token_at(now);
            if let Some(token) = &token {
                body["token"] = json!(token);
            }
            let page = match self.account.call(&self.client, "sync_msg", &body, now).await {
                Ok(page) => page,
                Err(Trouble::Code(BAD_MSG_TOKEN, _)) if token.is_some() => {
                    self.bell.forget();
                    continue;
                }
                Err(trouble) => return Err(Stopped::Platform(trouble)),
            };
            let Some(list) =
                page["msg_list"].as_array().map(Vec::as_slice).or(page["msg_list"].is_null().then_some(&[]))
            else {
                return Err(Stopped::Platform(Trouble::NoAnswer(Answer::Failed(
                    "`msg_list` is not a list".to_owned(),
                ))));
            };
            self.take_all(list, first).await?;
            let more = page["has_more"] == 1;
            let next = page["next_cursor"].as_str().filter(|next| !next.is_empty() && cursor.as_deref() != Some(next));
            let moved = next.is_some();
            if let Some(next) = next {
                cursor = Some(next.to_owned());
            }
            // The first time all pages are one: what is history must not look like news after a stop in between.
            if (!first || !more)
                && let Some(value) = cursor.clone().filter(|_| moved || first)
            {
                let (channel, name) = (self.channel.clone(), name.clone());
                store.set_mark(MarkRow { channel, name, value, until: None }).await?;
            }
            if !more || !moved {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Brings a page to disk, in its order.
    async fn take_all(&self, list: &[Value], first: bool) -> Result<(), Stopped> {
        let (mut later, mut waited) = (Vec::new(), HashMap::new());
        for item in list {
            let Some(item) = inbound::read(&self.channel, &self.open_kfid, item) else {
                tracing::warn!(channel = self.channel, "The platform gave a message without an id, which is left out.");
                continue;
            };
            if first && item.sent < self.began.as_second() {
                continue;
            }
            later.extend(self.take(item, &mut waited).await?);
        }
        for waits in later {
            waits.end().await.map_err(Stopped::Ours)?;
        }
        Ok(())
    }

    async fn take(&self, item: Item, waited: &mut HashMap<String, Duration>) -> Result<Option<Later>, Stopped> {
        let thread = inbound::thread(&self.open_kfid, &item.customer);
        match item.what {
            What::Said(arrival) => {
                // One that comes again takes nothing back.
                if arrival.role == Role::Human
                    && self.pipeline.store.seen(&self.seen(&item.id, &item.customer, &thread).key).await?.is_none()
                {
                    self.taken(&thread, &item.servicer, false).await?;
                }
                return self.hand_in(*arrival, waited).await;
            }
            What::NotArrived(ref msgid, kind) => {
                let arrival = self.not_arrived(&item, msgid, kind);
                return self.hand_in(arrival, waited).await;
            }
            What::Receives(servicer, receives) => {
                tracing::info!(
                    channel = self.channel,
                    receives,
                    "A person began or stopped to receive customers in WeCom."
                );
                tracing::debug!(servicer, "Who it is.");
                return Ok(None);
            }
            What::Nothing => return Ok(None),
            What::Entered(_) | What::Taken(..) | What::Ended(..) => {}
        }
        let seen = self.seen(&item.id, &item.customer, &thread);
        if self.pipeline.store.seen(&seen.key).await?.is_some() {
            return Ok(None);
        }
        let mut commit = Commit { seen: Some(seen), ..Commit::default() };
        match item.what {
            What::Entered(code) => commit.outbox.extend(self.welcome(&thread, &item.customer, &code, item.sent)),
            What::Taken(servicer, code) => {
                self.keep_code(&thread, code, false, item.sent).await?;
                self.taken(&thread, &servicer, true).await?;
            }
            What::Ended(servicer, code) => {
                self.keep_code(&thread, code, true, item.sent).await?;
                let ended = ended_mark(&self.channel, &thread, self.pipeline.clock.now());
                self.pipeline.store.set_mark(ended.clone()).await?;
                if !self.act(&thread, &servicer, Action::Close).await? {
                    self.pipeline.store.remove_mark(&ended.channel, &ended.name).await?;
                }
            }
            _ => {}
        }
        let welcomed = !commit.outbox.is_empty();
        match self.pipeline.store.commit(commit).await {
            Ok(()) if welcomed => self.pipeline.outbox.committed(&format!("reply:{}", self.channel)),
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    /// Hands a message to the pipeline. One who writes more than the limit allows is waited for a little, and then left out.
    async fn hand_in(
        &self,
        arrival: Arrival,
        waited: &mut HashMap<String, Duration>,
    ) -> Result<Option<Later>, Stopped> {
        let mut tries = 0;
        loop {
            match self.pipeline.take(arrival.clone()).await {
                Ok(Taken::Now(_)) => return Ok(None),
                Ok(Taken::Later(later) | Taken::Again(later)) => return Ok(Some(later)),
                Err(PipelineError::RateLimited(wait)) => {
                    let all = waited.entry(arrival.customer.id.clone()).or_default();
                    *all = all.saturating_add(wait);
                    if *all > PATIENCE {
                        tracing::warn!(
                            channel = self.channel,
                            id = arrival.id,
                            "A customer writes too much; a message was left out."
                        );
                        return Ok(None);
                    }
                    sleep(wait).await;
                }
                Err(PipelineError::NotAsked) => return Ok(None),
                Err(PipelineError::Internal) if tries >= TRIES => {
                    tracing::error!(
                        channel = self.channel,
                        id = arrival.id,
                        "A message could not be handled and was left out."
                    );
                    return Ok(None);
                }
                Err(PipelineError::Internal) => {
                    tries += 1;
                    sleep(LOOK / 10).await;
                }
                Err(error) => return Err(Stopped::Ours(error)),
            }
        }
    }

    /// A person of WeCom has a conversation; `anyway` also where a person has it here.
    async fn taken(&self, thread: &str, servicer: &str, anyway: bool) -> Result<(), Stopped> {
        let id = Tokens::conversation(&self.channel, thread);
        let row = self.pipeline.store.conversation(&id).await?;
        if row.is_some_and(|row| anyway || row.state != State::Human.as_str()) {
            self.act(thread, servicer, Action::Take).await?;
        }
        Ok(())
    }

    /// Does in our conversation what a person did in WeCom; false if it changes nothing here.
    async fn act(&self, thread: &str, servicer: &str, action: Action) -> Result<bool, Stopped> {
        let id = Tokens::conversation(&self.channel, thread);
        let who = Actor::Desk(Some(servicer.to_owned()).filter(|name| !name.is_empty()));
        match self.pipeline.act(&id, &who, action).await {
            Err(AgentError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::debug!(conversation = id, %error, "What a person did in WeCom changes nothing here.");
                Ok(false)
            }
            Ok(_) => Ok(true),
        }
    }

    async fn keep_code(&self, thread: &str, code: Option<String>, ended: bool, sent: i64) -> Result<(), Stopped> {
        let Some(code) = code else { return Ok(()) };
        let since = Timestamp::from_second(sent).unwrap_or(self.began);
        let until = since.checked_add(if ended { AT_ONCE } else { IN_TIME }).ok();
        Ok(self.pipeline.store.set_mark(code_mark(&self.channel, thread, &code, ended, until)).await?)
    }

    fn seen(&self, id: &str, customer: &str, thread: &str) -> SeenRow {
        SeenRow {
            key: SeenKey {
                channel: self.channel.clone(),
                account: self.open_kfid.clone(),
                sender: customer.to_owned(),
                id: id.to_owned(),
            },
            conversation: Tokens::conversation(&self.channel, thread),
            message: String::new(),
            seq: 0,
            at: self.pipeline.clock.now(),
            response: None,
        }
    }

    /// The greeting, if the shop has one and the platform still takes it.
    fn welcome(&self, thread: &str, customer: &str, code: &str, sent: i64) -> Option<NewDelivery> {
        let (engine, now) = (self.pipeline.engine.load_full(), self.pipeline.clock.now());
        let until = sent.saturating_add(AT_ONCE.as_secs());
        if now.as_second() > until {
            return None;
        }
        let who = Customer { id: customer.to_owned(), tier: None, name: None, attributes: serde_json::Map::new() };
        let conversation = Conversation::new(String::new(), &self.channel, thread, who.clone(), now);
        let inbound = Inbound::words("", &self.channel, who, "");
        let text = engine.notice("greeting", &inbound, &conversation, now).filter(|text| !text.is_empty())?;
        let id = Tokens::conversation(&self.channel, thread);
        let message = json!({"role": Role::Bot, "kind": Kind::Notice, "text": text});
        let data = json!({
            "conversation": id, "thread": thread, "customer": {"id": customer}, "message": message,
            "welcome": code, "until": until,
        });
        Some(NewDelivery {
            webhook_id: format!("evt_{}", uuid::Uuid::now_v7().simple()),
            endpoint: format!("reply:{}", self.channel),
            url: None,
            conversation: id,
            kind: "message.created".to_owned(),
            body: json!({"type": "message.created", "timestamp": now, "data": data}).to_string().into_bytes(),
            created_at: now,
        })
    }

    /// Something of ours did not arrive: people see it in the conversation, and one of them gets it if the bot had it.
    fn not_arrived(&self, item: &Item, msgid: &str, kind: i64) -> Arrival {
        let (zh, en) = not_delivered(kind);
        let delivery = delivery_of(msgid).unwrap_or_else(|| msgid.to_owned());
        tracing::warn!(
            channel = self.channel,
            delivery,
            fail_type = kind,
            why = en,
            "The platform did not deliver a message that it had taken; the case goes to a person."
        );
        let chinese = self.pipeline.engine.load().book().settings.default_language().starts_with("zh");
        let text = if chinese {
            format!("平台未能送达上一条消息：{zh}")
        } else {
            format!("The platform did not deliver a message: {en}")
        };
        Arrival {
            channel: self.channel.clone(),
            account: self.open_kfid.clone(),
            thread: inbound::thread(&self.open_kfid, &item.customer),
            customer: Customer {
                id: item.customer.clone(),
                tier: None,
                name: None,
                attributes: serde_json::Map::new(),
            },
            id: item.id.clone(),
            kind: Kind::Notice,
            text,
            url: None,
            locale: None,
            gesture: Gesture::Undelivered,
            role: Role::System,
            origin: None,
            reply_with: json!({"delivery": delivery}),
        }
    }

    /// Sending found out that a person of WeCom has a conversation: ours follows.
    async fn follow_held(&self) -> Result<(), StoreError> {
        let begin = format!("held:{}/", self.open_kfid);
        for mark in self.pipeline.store.marks(&self.channel, &begin).await? {
            let Some(thread) = mark.name.strip_prefix("held:") else { continue };
            let held: Value = serde_json::from_str(&mark.value).unwrap_or_default();
            let id = Tokens::conversation(&self.channel, thread);
            let state = self.pipeline.store.conversation(&id).await?.and_then(|row| State::parse(&row.state));
            // What waits in the pool because we put it there goes on waiting.
            let theirs = match state {
                Some(State::Bot) => true,
                Some(State::Queued) => held["state"] == 3,
                _ => false,
            };
            if theirs {
                let servicer = held["servicer"].as_str().unwrap_or_default();
                if let Err(Stopped::Ours(PipelineError::Store(error))) = self.act(thread, servicer, Action::Take).await
                {
                    return Err(error);
                }
            }
            self.pipeline.store.remove_mark(&self.channel, &mark.name).await?;
        }
        Ok(())
    }
}

/// What the platform means by a kind of failure, in Chinese and in English, with what to do where something can be done.
fn not_delivered(kind: i64) -> (&'static str, &'static str) {
    match kind {
        1 => ("客服账号已删除，请检查 open_kfid", "the customer service account was deleted; correct open_kfid"),
        2 => ("应用已关闭，请在企业微信后台启用", "the app is switched off; switch it on in WeCom's administration"),
        4 => ("会话已过期，超过 48 小时", "the customer wrote more than 48 hours ago"),
        5 => ("会话已关闭", "the conversation was closed at the platform"),
        6 => ("超过 5 条限制", "the five messages after the customer's last are used up"),
        8 => ("企业主体未验证，请先完成验证", "the company is not verified at the platform; verify it"),
        10 => ("客户拒收", "the customer refuses messages"),
        11 => ("企业没有成员登录企业微信", "nobody of the company is logged in to WeCom; let somebody log in"),
        12 => ("消息类型被禁发", "this kind of message may not be sent there"),
        _ => ("原因未知", "the platform does not say why"),
    }
}
