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
use crate::message::State;
use crate::pipeline::{Action, Actor, AgentError, Pipeline};
use crate::rules::{WebhookFormat, WebhookSpec};

use super::incoming::taken;
use super::memory::Memory;
use super::parts::Length;
use super::problem::Problem;
use super::signature::{Profile, key_in_address};

use ties::Ties;

/// Longest message of an agent; what is longer is several.
const MAX_TEXT: Length = Length::Chars(8_000);
/// Stands for a file of an agent's that has no address which customers can open.
const UNREACHED: &str = "[文件未能送达 a file that could not be sent]";
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

/// What an agent of a desk has written.
#[derive(Debug)]
struct Reply<'a> {
    /// The agent's name.
    agent: Option<&'a str>,
    /// Names the words, the same when they come again.
    id: String,
    /// The words.
    text: &'a str,
    /// Whether the conversation has ended there.
    over: bool,
}

/// An agent's words, and below them where the files are. Of one that customers cannot open it is said that there is one.
fn with_files<'a>(text: &str, files: impl Iterator<Item = Option<&'a str>>) -> String {
    let web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let file = |url: Option<&str>| url.filter(web).unwrap_or(UNREACHED).to_owned();
    let all = std::iter::once(text.trim().to_owned()).chain(files.map(file));
    all.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
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
        self.ties().ours(theirs).await.map_err(|_| Problem::unavailable())
    }

    /// Whether a conversation of ours is there at all.
    async fn is_ours(&self, id: &str) -> Result<bool, Problem> {
        Ok(self.pipeline.store.conversation(id).await.map_err(|_| Problem::unavailable())?.is_some())
    }

    /// A word of an agent that belongs to no conversation of ours.
    fn stray(&self) -> Response {
        tracing::warn!(
            webhook = self.name,
            "An agent answered in a conversation that is tied to none of ours, so no customer gets it; was the webhook's address or inbox changed?"
        );
        taken()
    }

    fn ties(&self) -> Ties<'_> {
        Ties::new(ties::place(&self.name, &self.spec), &*self.pipeline.store, self.pipeline.clock.now())
    }

    /// An agent of the desk has written. Words beside or after an end do not open the conversation again.
    async fn reply(&self, ours: &str, said: Reply<'_>) -> Result<Response, Problem> {
        if said.text.trim().is_empty() {
            return Ok(taken());
        }
        let (ties, unavailable) = (self.ties(), |_| Problem::unavailable());
        let stays = said.over || ties.just_closed(ours).await.map_err(unavailable)?;
        if !stays && let Some(tie) = ties.theirs(ours).await.map_err(unavailable)? {
            // They have opened it again, so its next end is theirs.
            ties.begun(ours, tie).await.map_err(unavailable)?;
        }
        for (number, text) in MAX_TEXT.split(said.text).into_iter().enumerate() {
            let id = if number == 0 { said.id.clone() } else { format!("{}-{number}", said.id) };
            // What was said at the desk was said: it is not held back here for its wording.
            self.act(ours, said.agent, Action::Reply { text, id: Some(id), anyway: true, stays }).await?;
        }
        Ok(taken())
    }

    /// The desk has ended it, unless that was us.
    async fn end(&self, ours: &str, action: Action) -> Result<Response, Problem> {
        let ties = self.ties();
        let tie = ties.theirs(ours).await.map_err(|_| Problem::unavailable())?;
        let row = self.pipeline.store.conversation(ours).await.map_err(|_| Problem::unavailable())?;
        let with_people =
            row.is_some_and(|row| row.state == State::Human.as_str() || row.state == State::Queued.as_str());
        // What the customer has with the bot by now is not the desk's to end.
        if tie.is_some_and(|tie| tie.ended) || !with_people {
            return Ok(taken());
        }
        if action == Action::Close {
            ties.closed(ours).await.map_err(|_| Problem::unavailable())?;
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
