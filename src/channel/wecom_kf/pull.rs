//! What customers wrote, pulled from the platform: when a callback rings, at the start, and from time to time, so that a callback
//! which is lost is no message lost.
//!
//! One worker for each account, so that no two pull the same. How far it has read is kept after the messages are on disk: what
//! was read and not kept comes again, and is known by its id.

use std::collections::{HashMap, HashSet, VecDeque};
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
use crate::pipeline::{Pipeline, PipelineError};
use crate::rules::{ChannelKind, ChannelSpec};
use crate::store::{KeptRow, StoreError};

use super::super::memory::Memory;
use super::api::{Account, BAD_MSG_TOKEN, TOO_FAST, Trouble};
use super::bell::Bell;
use super::inbound::{self, Item};

/// Between two looks at the settings, and at what sending has found out.
const LOOK: Duration = Duration::from_secs(1);
/// Without a callback messages are asked for so often.
const POLL: Duration = Duration::from_mins(1);
/// Messages asked for at a time.
const PAGE: u32 = 200;
/// Pages of one pull.
const PAGES: usize = 10_000;
/// Pages that are read ahead of the one that is taken, to see what people of the shop have answered meanwhile.
const AHEAD: usize = 20;
/// After so many pulls that failed nothing is read ahead any more.
const IN_VAIN: u32 = 3;

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
            for value in values {
                value.expose_secret().hash(&mut hasher);
            }
        }
        let settings = hasher.finish();
        for id in spec.all("open_kfid") {
            all.push(((name.clone(), id.expose_secret().to_owned()), settings, spec.clone()));
        }
    }
    all
}

/// Pulls one account.
pub(super) struct Worker {
    pub(super) pipeline: Arc<Pipeline>,
    client: Client,
    account: Account,
    bell: Arc<Bell>,
    pub(super) channel: String,
    pub(super) open_kfid: String,
    poll: Duration,
    /// What is older was not written to us, where nothing is known of how far was read.
    pub(super) began: Timestamp,
}

/// What one answer of the platform gave.
struct Page {
    items: Vec<Item>,
    /// How far was read with it, where that is to be kept.
    keep: Option<String>,
}

/// Why a pull did not come to its end. It is begun again where it was kept last.
pub(super) enum Stopped {
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
            let wait = match self.pull(failures).await {
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

    /// When this account was first asked for: on disk, so that neither new settings nor a restart make news into history.
    async fn since(&self) -> Result<Timestamp, Stopped> {
        let (store, key) = (&self.pipeline.store, format!("began:{}", self.open_kfid));
        if let Some(kept) = store.kept(&self.channel, &key, self.pipeline.clock.now()).await? {
            return Ok(kept.parse().unwrap_or(self.began));
        }
        let (place, value) = (self.channel.clone(), self.began.to_string());
        store.keep(vec![KeptRow { place, key, value, until: None }]).await?;
        Ok(self.began)
    }

    /// Pulls all that there is. Pages are read ahead before the first is taken: after a time in which nothing was pulled, what a
    /// customer wrote may have been answered by a person in WeCom, and that stands further on.
    async fn pull(&self, failures: u32) -> Result<(), Stopped> {
        let (store, key) = (&self.pipeline.store, format!("cursor:{}", self.open_kfid));
        let mut cursor = store.kept(&self.channel, &key, self.pipeline.clock.now()).await?;
        let first = cursor.is_none();
        let since = if first { self.since().await? } else { self.began };
        let (mut ahead, mut end) = (VecDeque::new(), false);
        let most = if failures >= IN_VAIN { 0 } else { AHEAD };
        for _ in 0..PAGES {
            if end || ahead.len() > most {
                let Some(page) = ahead.pop_front() else { return Ok(()) };
                self.take_page(page, &ahead, &key, first.then_some(since)).await?;
                continue;
            }
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
                Err(trouble) => {
                    // Where no further page is to be had, what was read is taken without it, so that it goes on at all.
                    if failures >= IN_VAIN || matches!(trouble, Trouble::Code(TOO_FAST, _)) {
                        while let Some(page) = ahead.pop_front() {
                            self.take_page(page, &ahead, &key, first.then_some(since)).await?;
                        }
                    }
                    return Err(Stopped::Platform(trouble));
                }
            };
            let Some(list) =
                page["msg_list"].as_array().map(Vec::as_slice).or(page["msg_list"].is_null().then_some(&[]))
            else {
                while let Some(page) = ahead.pop_front() {
                    self.take_page(page, &ahead, &key, first.then_some(since)).await?;
                }
                return Err(Stopped::Platform(Trouble::NoAnswer(Answer::Failed(
                    "`msg_list` is not a list".to_owned(),
                ))));
            };
            let more = page["has_more"] == 1;
            let next = page["next_cursor"].as_str().filter(|next| !next.is_empty() && cursor.as_deref() != Some(next));
            let moved = next.is_some();
            if let Some(next) = next {
                cursor = Some(next.to_owned());
            }
            end = !more || !moved;
            // The first time all pages are one: what is history must not look like news after a stop in between.
            let keep = if first { !more } else { moved };
            ahead.push_back(Page { items: self.read_all(list), keep: cursor.clone().filter(|_| keep) });
        }
        Ok(())
    }

    /// Reads the items of a page.
    fn read_all(&self, list: &[Value]) -> Vec<Item> {
        let read = |item| {
            let read = inbound::read(&self.channel, &self.open_kfid, item);
            if read.is_none() {
                tracing::warn!(channel = self.channel, "The platform gave a message without an id, which is left out.");
            }
            read
        };
        list.iter().filter_map(read).collect()
    }

    /// Brings a page to disk, in its order, and then how far was read.
    async fn take_page(
        &self,
        page: Page,
        ahead: &VecDeque<Page>,
        key: &str,
        since: Option<Timestamp>,
    ) -> Result<(), Stopped> {
        // Whom a person sees to further on: on the pages behind this one, and then on this one from its end.
        let mut attended: HashSet<&str> =
            ahead.iter().flat_map(|page| &page.items).filter_map(Item::attended).collect();
        let mut answered: Vec<bool> = Vec::with_capacity(page.items.len());
        for item in page.items.iter().rev() {
            answered.push(attended.contains(item.customer.as_str()));
            attended.extend(item.attended());
        }
        answered.reverse();
        let (mut later, mut waited) = (Vec::new(), HashMap::new());
        for (item, answered) in page.items.into_iter().zip(answered) {
            if since.is_some_and(|since| item.sent < since.as_second()) {
                continue;
            }
            later.extend(self.take(item, answered, &mut waited).await?);
        }
        for waits in later {
            waits.end().await.map_err(Stopped::Ours)?;
        }
        if let Some(value) = page.keep {
            let (place, key) = (self.channel.clone(), key.to_owned());
            self.pipeline.store.keep(vec![KeptRow { place, key, value, until: None }]).await?;
        }
        Ok(())
    }
}
