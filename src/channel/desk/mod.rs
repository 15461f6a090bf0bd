//! Help desks as human queues: hand-offs become their conversations or tickets, what the customer writes on follows, and what their
//! people write comes back.
//!
//! A `Courier` takes each event of a queue's webhook to the desk's own API; the desk posts to `/v1/desk/{webhook}` what its people
//! do. Whose conversation is whose is on disk before anything is said in it. Refuses to decide: a reply from a desk is an agent's.

pub mod chatwoot;
mod ties;
pub mod zendesk;

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::handoff::{Courier, People};
use crate::pipeline::{Action, Actor, AgentError, Pipeline};
use crate::rules::{WebhookFormat, WebhookSpec};

use super::incoming::taken;
use super::memory::Memory;
use super::problem::Problem;
use super::signature::{Profile, key_in_address};

use ties::Ties;

/// Longest reply of an agent, in characters.
const MAX_TEXT: usize = 8_000;
/// Longest name of an agent, in characters.
const MAX_NAME: usize = 64;

/// A request to `/v1/desk/{webhook}`, whole, and what is needed to answer it.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The webhook's name.
    pub name: String,
    /// Its settings.
    pub spec: WebhookSpec,
    /// Parameters of the address, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, byte by byte.
    pub body: Bytes,
    /// The way of what people do.
    pub pipeline: Arc<Pipeline>,
    /// What is remembered between requests.
    pub memory: Arc<Memory>,
}

/// Takes what a desk posts.
///
/// # Errors
/// When it is not the desk's, cannot be read, or cannot be kept.
pub async fn answer(incoming: Incoming) -> Result<Response, Problem> {
    match incoming.spec.format {
        WebhookFormat::Chatwoot => chatwoot::receive(&incoming).await,
        WebhookFormat::Zendesk => zendesk::receive(&incoming).await,
        _ => Err(Problem::not_found("This webhook is no help desk that posts anything.")),
    }
}

/// What takes deliveries to a desk; none for a webhook of another format.
#[must_use]
pub fn courier(name: &str, spec: &WebhookSpec, people: &People) -> Option<Arc<dyn Courier>> {
    match spec.format {
        WebhookFormat::Chatwoot => Some(Arc::new(chatwoot::Inbox::new(name, spec, people)?)),
        WebhookFormat::Zendesk => Some(Arc::new(zendesk::Account::new(name, spec, people)?)),
        _ => None,
    }
}

impl Incoming {
    /// Checks that the desk sent it: by its signature, or, where it makes none, by the key in the address.
    fn verify(&self, form: &str) -> Result<(), Problem> {
        let refuse = |why: &str, detail: String| {
            self.pipeline.metrics.refused("bad_signature");
            tracing::warn!(webhook = self.name, error = why, "A request with a bad signature was refused.");
            Err(Problem::new(StatusCode::UNAUTHORIZED, "bad_signature", "The signature does not hold", detail))
        };
        if !self.spec.url_keys.is_empty() {
            if key_in_address(&self.query, &self.spec.url_keys) {
                return Ok(());
            }
            let detail = "The address must end with ?key= and the url_key of this webhook in nightdesk.yaml.";
            return refuse("the key in the address is missing or another one", detail.to_owned());
        }
        let profile = Profile::named(form).ok_or_else(Problem::internal)?;
        let now = self.pipeline.clock.now();
        match profile.verify(&self.headers, &self.body, now, &self.spec.secrets) {
            Ok(()) => Ok(()),
            Err(error) => refuse(
                &error.to_string(),
                format!(
                    "The secret of this webhook in nightdesk.yaml must be the one that the desk signs with: {error}."
                ),
            ),
        }
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::bad_request(format!("The body is not what this desk sends: {error}.")))
    }

    /// Our conversation behind one of the desk's; none if it is not one of ours.
    async fn ours(&self, theirs: &str) -> Result<Option<String>, Problem> {
        let ties = Ties::new(&self.name, &*self.pipeline.store, self.pipeline.clock.now());
        ties.ours(theirs).await.map_err(|_| Problem::unavailable())
    }

    /// An agent of the desk has written.
    async fn reply(&self, ours: &str, agent: Option<&str>, id: String, text: &str) -> Result<Response, Problem> {
        let text: String = text.trim().chars().take(MAX_TEXT).collect();
        if text.is_empty() {
            return Ok(taken());
        }
        // What was said at the desk was said: it is not held back here for its wording.
        self.act(ours, agent, Action::Reply { text, id: Some(id), anyway: true }).await
    }

    /// The desk has ended it, unless that was us.
    async fn end(&self, ours: &str, action: Action) -> Result<Response, Problem> {
        let ties = Ties::new(&self.name, &*self.pipeline.store, self.pipeline.clock.now());
        let tie = ties.theirs(ours).await.map_err(|_| Problem::unavailable())?;
        if tie.is_some_and(|tie| tie.ended) {
            return Ok(taken());
        }
        self.act(ours, None, action).await
    }

    async fn act(&self, ours: &str, agent: Option<&str>, action: Action) -> Result<Response, Problem> {
        let agent = agent.map(|name| name.chars().take(MAX_NAME).collect::<String>()).filter(|name| !name.is_empty());
        match self.pipeline.act(ours, &Actor::Desk(agent), action).await {
            Err(AgentError::Store(_)) => Err(Problem::unavailable()),
            Ok(_) => Ok(taken()),
            // It is so already, or can no longer be: the desk would only say it again.
            Err(error) => {
                tracing::info!(webhook = self.name, conversation = ours, %error, "What a desk did changed nothing.");
                Ok(taken())
            }
        }
    }
}
