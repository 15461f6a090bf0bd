//! What people of the shop do with a conversation: take it, write, hand it back, close it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::decide::survey;
use crate::engine::Unfit;
use crate::message::{Conversation, Inbound, Kind, Ladder, Note, OpenHandoff, Priority, Role, State};
use crate::store::{Commit, HandoffRow, NewDelivery, SeenKey, SeenRow, StoreError, TimerRow, handoff_state};

use super::record::{self, Events};
use super::settle::Way;
use super::{Pipeline, TRIES, conversation, payload, platform, wording};

/// Name of whoever writes in a platform's own inbox.
const INBOX: &str = "page inbox";

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person with a token of their own, by name.
    Agent(String),
    /// Whoever was sent the case, by its reply token: the people behind one desk are one to us, so that a change of shift loses
    /// nothing. Holds the name that the desk gives, if it gives one.
    Desk(Option<String>),
    /// Whoever writes in a platform's own inbox. The platform tells their words and nothing else, so that the case is no one
    /// person's: any other may act on it.
    Inbox,
    /// The customer.
    Customer,
}

impl Actor {
    /// What stands in the log: names of people do not.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Desk(_) => "desk",
            Self::Inbox => "inbox",
            Self::Customer => "customer",
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Agent(name) | Self::Desk(Some(name)) => name,
            Self::Desk(None) => "desk",
            Self::Inbox => INBOX,
            Self::Customer => "customer",
        }
    }
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes the conversation; the bot is silent from here on.
    Take,
    /// Writes to the customer, and by that takes the conversation.
    Reply {
        /// The words.
        text: String,
        /// The sender's id of the message, so that a repeated request does not say it twice.
        id: Option<String>,
        /// Whether to send it although it was held back for its wording.
        anyway: bool,
        /// Whether a conversation that is closed stays so: the words were written before the end, or beside it.
        stays: bool,
    },
    /// Hands it back to the bot.
    Return {
        /// What whoever has it next should know.
        summary: Option<String>,
    },
    /// Ends it.
    Close,
}

/// What came of an action.
#[derive(Clone, Debug)]
pub struct Acted {
    /// The conversation after it.
    pub conversation: Conversation,
    /// Number of its last event.
    pub seq: u64,
    /// Words of the message that must not be said. It was sent.
    pub wording: Vec<Unfit>,
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Happens when there is no such conversation.
    #[error("there is no such conversation")]
    Unknown,
    /// Happens when another person has it already.
    #[error("{0} has this conversation")]
    TakenBy(String),
    /// Happens when a conversation is not in a state for this.
    #[error("the conversation is {0}")]
    WrongState(State),
    /// Happens when a case is to go to a queue that does not exist; holds those that do.
    #[error("there is no such queue; there is {}", .0.join(", "))]
    NoQueue(Vec<String>),
    /// Happens when a case waits there already.
    #[error("it waits in the queue {0} already")]
    ThereAlready(String),
    /// Happens when a message holds words that must not be said.
    #[error("the message holds words that must not be said")]
    Wording {
        /// The words.
        found: Vec<Unfit>,
        /// Whether it is sent if the agent insists.
        may_insist: bool,
    },
    /// Happens when the store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Pipeline {
    /// Does what a person asks, and returns the conversation with the number of its last event.
    ///
    /// # Errors
    /// When it cannot be done; nothing has changed then.
    pub async fn act(self: &Arc<Self>, id: &str, actor: &Actor, action: Action) -> Result<Acted, AgentError> {
        let agent = actor.name();
        let turn = self.turns.enter(id.to_owned()).await;
        let _turn = turn.ok_or_else(|| StoreError::Unavailable("too much waits for this conversation".to_owned()))?;
        // What the customer wrote before comes first; nobody waits for more of it.
        if let Some(held) = self.holds.take(id) {
            self.finish(held, Way::Final).await;
        }
        for _ in 0..TRIES {
            let row = self.guard(self.store.conversation(id).await)?.ok_or(AgentError::Unknown)?;
            let before = conversation(&row)?;
            let key = said_key(&before, agent, &action);
            if let Some(key) = &key
                && self.guard(self.store.seen(key).await)?.is_some()
            {
                return Ok(Acted { conversation: before, seq: row.seq, wording: Vec::new() });
            }
            let now = self.clock.now();
            let (after, events) = self.apply(&before, row.seq, actor, &action, now)?;
            let after = platform::lettered(&self.engine.load(), after, &events, now);
            let wording = self.watch_wording(&before, actor, &action, now).await?;
            let handoffs = self.taken(&before, &after, agent, &action, now).await?;
            let outbox = self.news(&before, &after, &action, &events, now).await?;
            let timer = TimerRow { conversation: after.id.clone(), at: self.engine.load().next_timer(&after) };
            let commit = Commit {
                timer: Some(timer),
                conversation: Some(record::row(&after, events.seq(), now)),
                expected_version: Some(row.version),
                events: events.rows(),
                seen: key.map(|key| SeenRow {
                    key,
                    conversation: after.id.clone(),
                    message: String::new(),
                    seq: events.seq(),
                    at: now,
                    response: None,
                }),
                outbox,
                handoffs,
                survey: (action == Action::Close && after.survey != before.survey)
                    .then(|| after.survey.as_ref().map(|survey| record::survey(&after, survey)))
                    .flatten(),
                wordings: wording.iter().map(|unfit| wording::row(&before, agent, unfit, true, now)).collect(),
                ..Commit::default()
            };
            match self.store.commit(commit.clone()).await {
                Ok(()) => {
                    self.recent.forget(&after.id);
                    self.hub.publish(&after.id, events.list());
                    self.alarm.set(commit.timer.as_ref());
                    self.hub.desk.tell(events.news(&before, &after, row.version + 1));
                    commit.outbox.iter().for_each(|row| self.outbox.committed(&row.endpoint));
                    self.count_wording(&wording, true);
                    tracing::info!(
                        conversation = after.id,
                        by = actor.kind(),
                        state = after.state.as_str(),
                        "A person acted."
                    );
                    return Ok(Acted { conversation: after, seq: events.seq(), wording });
                }
                Err(StoreError::Conflict | StoreError::Duplicate) => {}
                Err(error) => return self.guard(Err(error)).map_err(Into::into),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The customer ends the conversation.
    ///
    /// # Errors
    /// When there is none, or the store refuses.
    pub async fn close_by_customer(self: &Arc<Self>, id: &str) -> Result<Acted, AgentError> {
        self.act(id, &Actor::Customer, Action::Close).await
    }

    fn apply(
        &self,
        before: &Conversation,
        seq: u64,
        actor: &Actor,
        action: &Action,
        now: Timestamp,
    ) -> Result<(Conversation, Events), AgentError> {
        if let (Action::Reply { text, stays: true, .. }, State::Closed | State::Bot) = (action, before.state) {
            let mut events = Events::after(&before.id, seq, now);
            events.push("message", Role::Human, words(text, actor.name()), before.state, None);
            return Ok((before.clone(), events));
        }
        let mut after = before.clone();
        after.unanswered.clear();
        // What the bot asked or was looking up is a person's business now.
        after.dialogue = None;
        after.looking.clear();
        let mut events = Events::after(&before.id, seq, now);
        let agent = actor.name();
        // What a desk says counts as a take-over, whoever had the case: the customer has been answered there.
        let owner = owner(before).filter(|_| !matches!(actor, Actor::Desk(_) | Actor::Inbox));
        let other = owner.filter(|owner| *owner != agent);
        match action {
            Action::Take | Action::Reply { .. } => {
                if let Some(owner) = other {
                    return Err(AgentError::TakenBy(owner.to_owned()));
                }
                after.state = State::Human;
                after.agent = Some(agent.to_owned());
                after.misses = 0;
                after.offered.clear();
                let handoff = after.handoff.get_or_insert_with(|| self.unasked(before, now));
                // Whoever was called beside the person who had it is there now.
                handoff.ladder.besides = false;
                handoff.served_by = Some(agent.to_owned());
                // Of an inbox it is a word that tells who has the case.
                let wrote = matches!(action, Action::Reply { .. }) || *actor == Actor::Inbox;
                if wrote {
                    after.answered_at = Some(now);
                }
                after.awaits_agent = match action {
                    _ if wrote => None,
                    _ if before.state == State::Human => before.awaits_agent,
                    _ => Some(now),
                };
                // Whoever writes at once says so by that.
                if before.state == State::Queued
                    && !wrote
                    && let Some(text) = self.said("taken", before, now)
                {
                    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
                    let data = json!({"message": message, "role": Role::Bot, "kind": Kind::Notice, "text": text});
                    events.push("message", Role::Bot, data, before.state, None);
                }
                if before.state != State::Human {
                    events.push("state", Role::System, record::state(&after, None), after.state, None);
                }
                if let Action::Reply { text, .. } = action {
                    if let Some(survey) = &mut after.survey {
                        survey.passed_over = true;
                    }
                    events.push("message", Role::Human, words(text, agent), after.state, None);
                }
            }
            Action::Return { .. } | Action::Close if matches!(actor, Actor::Agent(_)) && other.is_some() => {
                return Err(AgentError::TakenBy(other.unwrap_or_default().to_owned()));
            }
            Action::Return { summary } => {
                if !matches!(before.state, State::Human | State::Queued) {
                    return Err(AgentError::WrongState(before.state));
                }
                after.state = State::Bot;
                after.note = summary.as_ref().map(|text| Note { text: text.clone(), by: agent.to_owned(), at: now });
            }
            Action::Close => {
                if before.state == State::Closed {
                    return Err(AgentError::WrongState(before.state));
                }
                if let Some(text) = self.said("goodbye", before, now) {
                    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
                    let data = json!({"message": message, "role": Role::Bot, "kind": Kind::Notice, "text": text});
                    events.push("message", Role::Bot, data, State::Closed, None);
                }
                after.state = State::Closed;
                after.note = None;
                let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
                let closed_by = (*actor != Actor::Customer).then_some(agent);
                let engine = self.engine.load();
                if let Some(asked) = engine.ask_survey(before, &mut after, closed_by, &message, now) {
                    let until = after.survey.as_ref().map(|survey| survey::until(engine.knowledge(), survey));
                    let case = before.handoff.as_ref().map(|handoff| &handoff.id);
                    let data = json!({
                        "message": asked.message, "role": Role::Bot, "kind": asked.kind, "text": asked.text,
                        "options": asked.options, "survey": {"case": case, "until": until},
                    });
                    events.push("message", Role::Bot, data, State::Closed, None);
                }
            }
        }
        if matches!(action, Action::Return { .. } | Action::Close) {
            after.agent = None;
            after.awaits_agent = None;
            after.answered_at = None;
            after.handoff = None;
            after.offered.clear();
            after.misses = 0;
            events.push("state", Role::System, record::state(&after, None), after.state, None);
        }
        Ok((after, events))
    }

    /// A notice in the customer's language, if the shop has it.
    fn said(&self, id: &str, conversation: &Conversation, now: Timestamp) -> Option<String> {
        let inbound = Inbound::words("", &conversation.channel, conversation.customer.clone(), "");
        self.engine.load().notice(id, &inbound, conversation, now).filter(|text| !text.is_empty())
    }

    /// A person steps in though nobody was called: from here on it is a case of the queue that would have had it, so that its
    /// webhook hears what the customer writes.
    fn unasked(&self, conversation: &Conversation, now: Timestamp) -> OpenHandoff {
        let inbound = Inbound::words("", &conversation.channel, conversation.customer.clone(), "");
        OpenHandoff {
            id: format!("h_{}", uuid::Uuid::now_v7().simple()),
            queue: self.engine.load().queue(&inbound, conversation, now),
            priority: Priority::Normal,
            reason: "stepped_in".to_owned(),
            created_at: now,
            served_by: None,
            ladder: Ladder::default(),
        }
    }

    /// The hand-off's row as the action leaves it.
    async fn taken(
        &self,
        before: &Conversation,
        after: &Conversation,
        agent: &str,
        action: &Action,
        now: Timestamp,
    ) -> Result<Vec<HandoffRow>, StoreError> {
        let Some(handoff) = before.handoff.as_ref().or(after.handoff.as_ref()) else { return Ok(Vec::new()) };
        let row = self.handoff_row(after, handoff).await?;
        let waited = before.state != State::Human || handoff.ladder.besides;
        let row = match action {
            Action::Take | Action::Reply { .. } if waited => HandoffRow {
                state: handoff_state::TAKEN.to_owned(),
                taken_at: Some(now),
                taken_by: Some(agent.to_owned()),
                ..row
            },
            Action::Take | Action::Reply { .. } => return Ok(Vec::new()),
            Action::Return { .. } => {
                HandoffRow { state: handoff_state::RETURNED.to_owned(), ended_at: Some(now), ..row }
            }
            Action::Close => HandoffRow { state: handoff_state::CLOSED.to_owned(), ended_at: Some(now), ..row },
        };
        Ok(vec![row])
    }

    /// The row of a hand-off as it is kept; of one that nobody called for, a new one.
    pub(super) async fn handoff_row(
        &self,
        conversation: &Conversation,
        handoff: &OpenHandoff,
    ) -> Result<HandoffRow, StoreError> {
        let kept = self.guard(self.store.handoff(&handoff.id).await)?;
        Ok(kept.unwrap_or_else(|| HandoffRow {
            id: handoff.id.clone(),
            conversation: conversation.id.clone(),
            channel: conversation.channel.clone(),
            queue: handoff.queue.clone(),
            priority: handoff.priority.as_str().to_owned(),
            reason: handoff.reason.clone(),
            state: handoff_state::TAKEN.to_owned(),
            message: String::new(),
            created_at: handoff.created_at,
            taken_at: None,
            taken_by: None,
            ended_at: None,
            deadline: None,
        }))
    }

    /// What the queue's webhook and the customer's channel are told.
    async fn news(
        &self,
        before: &Conversation,
        after: &Conversation,
        action: &Action,
        events: &Events,
        now: Timestamp,
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let engine = self.engine.load_full();
        let mut out = Vec::new();
        let kind = match action {
            Action::Return { .. } => Some("conversation.returned"),
            Action::Close => Some("conversation.closed"),
            _ => None,
        };
        let webhook =
            before.handoff.as_ref().and_then(|handoff| engine.knowledge().queues.get(&handoff.queue)?.webhook.clone());
        if let (Some(kind), Some(handoff), Some(endpoint)) = (kind, &before.handoff, webhook) {
            let case = self.case(after, handoff, None, None, None, events, now).await?;
            out.push(payload::delivery(&endpoint, &after.id, kind, &payload::body(kind, &case, json!({})), now));
        }
        let mut out = payload::wanted(&engine.book().settings, out);
        out.extend(platform::platform_hears(&engine, after, events, now));
        Ok(out)
    }
}

/// Who has a case so that no other person may act on it.
pub(super) fn owner(conversation: &Conversation) -> Option<&str> {
    conversation.agent.as_deref().filter(|owner| conversation.state == State::Human && *owner != INBOX)
}

/// A person's words, as an event.
fn words(text: &str, agent: &str) -> serde_json::Value {
    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
    json!({"message": message, "role": Role::Human, "kind": Kind::Text, "text": text, "agent": agent})
}

fn said_key(conversation: &Conversation, agent: &str, action: &Action) -> Option<SeenKey> {
    let Action::Reply { id: Some(id), .. } = action else { return None };
    Some(SeenKey {
        channel: conversation.channel.clone(),
        account: format!("agent of {}", conversation.id),
        sender: agent.to_owned(),
        id: id.clone(),
    })
}
