//! What is done with what was pulled: messages go to the pipeline, and what people did in WeCom is done here too.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::decide::survey;
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Role, State};
use crate::pipeline::{Action, Actor, AgentError, Arrival, Known, Later, PipelineError, Taken};
use crate::store::{Commit, NewDelivery, SeenKey, SeenRow, StoreError};
use crate::token::Tokens;

use super::inbound::{self, Item, What};
use super::pull::{Stopped, Worker};
use super::say::delivery_of;
use super::send::{AT_ONCE, IN_TIME, code_mark, ended_mark};

/// How long all others wait for a customer who writes more than the limit allows, for each page.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a message is tried that our own code fails on.
const TRIES: usize = 3;
/// Between two tries of such a message.
const PAUSE: Duration = Duration::from_millis(100);

impl Worker {
    /// Does what an item says; a message may wait for the customer's next one. `answered` says that a person answers it further
    /// on in what was pulled.
    pub(super) async fn take(
        &self,
        item: Item,
        answered: bool,
        waited: &mut HashMap<String, Duration>,
    ) -> Result<Option<Later>, Stopped> {
        let thread = inbound::thread(&self.open_kfid, &item.customer);
        match item.what {
            What::Said(arrival) => {
                // One that comes again takes nothing back.
                if arrival.role == Role::Human
                    && self.pipeline.store.seen(&self.seen(&item.id, &item.customer, &thread).key).await?.is_none()
                {
                    self.taken(&thread, &item.servicer, false).await?;
                    let waits = self.hand_in(*arrival, Known::Nothing, waited).await?;
                    // Where nobody had written before there is a conversation only now.
                    self.taken(&thread, &item.servicer, false).await?;
                    return Ok(waits);
                }
                // A score is none of what a person answers.
                let score = survey::is_apart(&arrival.gesture);
                let known = if answered && !score { Known::Answered } else { Known::Nothing };
                return self.hand_in(*arrival, known, waited).await;
            }
            What::NotArrived(ref msgid, kind) => {
                let arrival = self.not_arrived(&item, msgid, kind);
                return self.hand_in(arrival, Known::Nothing, waited).await;
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
                // Of a customer who is not known here the bot would speak by it into a person's conversation. Before the word that
                // a person is there, which goes by it.
                let id = Tokens::conversation(&self.channel, &thread);
                let known = self.pipeline.store.conversation(&id).await?.is_some();
                self.keep_code(&thread, code.filter(|_| known), false, item.sent).await?;
                self.taken(&thread, &servicer, true).await?;
            }
            What::Ended(servicer, code) => {
                self.keep_code(&thread, code, true, item.sent).await?;
                let ended = ended_mark(&self.channel, &thread, self.pipeline.clock.now());
                self.pipeline.store.keep(vec![ended.clone()]).await?;
                if !self.act(&thread, &servicer, Action::Close).await? {
                    self.pipeline.store.forget(&ended.place, &ended.key).await?;
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

    /// Hands a message to the pipeline. One who writes more than the limit allows is waited for a little; what is more goes to a
    /// person, because the platform does not send it again.
    async fn hand_in(
        &self,
        arrival: Arrival,
        mut known: Known,
        waited: &mut HashMap<String, Duration>,
    ) -> Result<Option<Later>, Stopped> {
        let mut tries = 0;
        loop {
            match self.pipeline.take_known(arrival.clone(), known).await {
                Ok(Taken::Now(_)) | Err(PipelineError::NotAsked) => return Ok(None),
                Ok(Taken::Later(later) | Taken::Again(later)) => return Ok(Some(later)),
                Err(PipelineError::RateLimited(wait)) => {
                    let all = waited.entry(arrival.customer.id.clone()).or_default();
                    *all = all.saturating_add(wait);
                    if known == Known::Nothing && *all > PATIENCE {
                        tracing::warn!(
                            channel = self.channel,
                            id = arrival.id,
                            "A customer writes too much; a person gets the message."
                        );
                        known = Known::OverLimit;
                        continue;
                    }
                    sleep(wait).await;
                }
                Err(PipelineError::Internal | PipelineError::Store(StoreError::Damaged(_))) if tries >= TRIES => {
                    tracing::error!(
                        channel = self.channel,
                        id = arrival.id,
                        "A message could not be handled and was left out."
                    );
                    return Ok(None);
                }
                // One damaged conversation is not the whole account.
                Err(PipelineError::Internal | PipelineError::Store(StoreError::Damaged(_))) => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(Stopped::Ours(error)),
            }
        }
    }

    /// A person of WeCom has a conversation; `anyway` also where a person has it here.
    async fn taken(&self, thread: &str, servicer: &str, anyway: bool) -> Result<(), Stopped> {
        let id = Tokens::conversation(&self.channel, thread);
        // What waits to be completed is answered by that, and not by the bot on the way.
        self.pipeline.answered_there(&id).await;
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
        Ok(self.pipeline.store.keep(vec![code_mark(&self.channel, thread, &code, ended, until)]).await?)
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
    pub(super) async fn follow_held(&self) -> Result<(), StoreError> {
        let begin = format!("held:{}/", self.open_kfid);
        for mark in self.pipeline.store.kept_all(&self.channel, &begin).await? {
            let Some(thread) = mark.key.strip_prefix("held:") else { continue };
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
            self.pipeline.store.forget(&self.channel, &mark.key).await?;
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
