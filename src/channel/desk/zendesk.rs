//! Zendesk as a human queue: a hand-off is a ticket, what the customer writes on is a public comment of its requester.
//!
//! Told by the Ticketing API; what agents write comes by a webhook that a trigger of the account posts, with the body of
//! docs/channels/zendesk.md.

use aws_lc_rs::digest;
use axum::response::Response;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::incoming::taken;
use crate::channel::platform::{ask, ask_for, refused, words};
use crate::channel::problem::Problem;
use crate::handoff::{Answer, Courier, People, summary};
use crate::pipeline::Action;
use crate::rules::WebhookSpec;
use crate::store::{OutboxRow, Store};

use super::chatwoot::{said, transcript, unclear, unkept, unreadable};
use super::ties::{self, Tie, Ties};
use super::{Incoming, Reply, with_files};

/// Names a request of the account, the same when it is sent again. It is not signed.
const INVOCATION: &str = "x-zendesk-webhook-invocation-id";
/// Covers the time and the body.
const SIGNATURE: &str = "x-zendesk-webhook-signature";

/// Longest subject, in characters.
const SUBJECT: usize = 120;
/// Changes of a ticket that are looked through for one of ours, newest first.
const AUDITS: usize = 25;
/// Longest list of them that is read.
const AUDITS_READ: usize = 4 * 1024 * 1024;

/// What came of a change to a ticket.
enum Change {
    /// It has it.
    Done,
    /// It is closed for good.
    Closed,
    /// It is there no longer.
    Gone,
}

/// An account with its token.
#[derive(Debug)]
pub struct Account {
    place: String,
    base: String,
    user: String,
    token: SecretString,
    people: People,
}

impl Account {
    /// None without address and token, which is an error of `check`.
    pub(super) fn new(name: &str, spec: &WebhookSpec, people: &People) -> Option<Self> {
        Some(Self {
            place: ties::place(name, spec),
            base: spec.url.value.trim_end_matches('/').to_owned(),
            user: format!("{}/token", spec.text("email")?),
            token: SecretString::from(spec.text("token")?),
            people: people.clone(),
        })
    }

    async fn send(&self, request: RequestBuilder, body: &Value, now: Timestamp) -> Result<(StatusCode, Value), Answer> {
        let request = request.basic_auth(&self.user, Some(self.token.expose_secret()));
        ask(request.header("content-type", "application/json").body(body.to_string()), now).await
    }

    async fn tell(&self, client: &Client, store: &dyn Store, row: &OutboxRow, now: Timestamp) -> Result<(), Answer> {
        let event: Value = serde_json::from_slice(&row.body).map_err(|_| unreadable())?;
        let data = &event["data"];
        let ours = data["conversation"]["id"].as_str().ok_or_else(unreadable)?;
        let ties = Ties::new(self.place.clone(), store, now);
        let tie = ties.theirs(ours).await.map_err(|error| unkept(&error))?;
        if tie.as_ref().is_some_and(|tie| tie.told == row.webhook_id) {
            return Ok(());
        }
        let change = match row.kind.as_str() {
            "handoff.created" | "handoff.escalated" => {
                let body = format!("{}{}", summary(row, &self.people, now), transcript(data));
                json!({"status": "open", "priority": priority(data), "comment": {"body": body, "public": false}})
            }
            "handoff.message" => {
                let mut comment = json!({"body": said(&data["message"]), "public": true});
                if let Some(requester) = tie.as_ref().and_then(|tie| tie.contact.parse::<u64>().ok()) {
                    comment["author_id"] = requester.into();
                }
                json!({"comment": comment})
            }
            "conversation.closed" | "conversation.returned" | "handoff.moved" if tie.is_some() => {
                let body = summary(row, &self.people, now);
                json!({"status": "solved", "comment": {"body": body, "public": false}})
            }
            _ => return Ok(()),
        };
        let ends = !row.kind.starts_with("handoff.") || row.kind == "handoff.moved";
        let mut follows = None;
        if let Some(tie) = tie {
            let again = tie.begun == row.webhook_id;
            let tie = Tie { begun: row.webhook_id.clone(), ended: ends, ..tie };
            ties.keep(ours, &tie).await.map_err(|error| unkept(&error))?;
            if row.kind == "conversation.closed" {
                ties.closed(ours).await.map_err(|error| unkept(&error))?;
            }
            // A change has no key: whether an attempt before this one arrived is asked.
            let done = again && self.has(client, &tie.conversation, &row.webhook_id, now).await?;
            let change =
                if done { Change::Done } else { self.change(client, &tie.conversation, change, row, now).await? };
            match change {
                Change::Done => {
                    let tie = Tie { told: row.webhook_id.clone(), ..tie };
                    return ties.keep(ours, &tie).await.map_err(|error| unkept(&error));
                }
                // A ticket that is closed for good, or gone, needs no ending.
                Change::Closed | Change::Gone if ends => return Ok(()),
                Change::Closed => follows = tie.conversation.parse::<u64>().ok(),
                Change::Gone => {}
            }
            ties.forget(&tie).await.map_err(|error| unkept(&error))?;
        }
        let tie = self.create(client, row, data, follows, now).await?;
        let tie = Tie { told: row.webhook_id.clone(), ended: ends, ..tie };
        ties.keep(ours, &tie).await.map_err(|error| unkept(&error))
    }

    /// Makes a ticket, which may follow one that is closed for good. The same key at every attempt: Zendesk makes one for each.
    async fn create(
        &self,
        client: &Client,
        row: &OutboxRow,
        data: &Value,
        follows: Option<u64>,
        now: Timestamp,
    ) -> Result<Tie, Answer> {
        // As it was then, at every attempt: the key is good for one and the same request.
        let summary = summary(row, &self.people, row.created_at);
        let text = said(&data["message"]);
        // A case that a person or time has made has no words of its own.
        let text =
            if data["message"].is_object() { text.as_str() } else { summary.lines().next().unwrap_or("nightdesk") };
        let subject: String = text.replace('\n', " ").chars().take(SUBJECT).collect();
        let body = format!("{summary}{}", transcript(data));
        let word = |value: &Value| value.as_str().map(|word| word.replace(char::is_whitespace, "_"));
        let tags: Vec<String> = [Some("nightdesk".to_owned()), word(&data["handoff"]["queue"]), word(&data["class"])]
            .into_iter()
            .flatten()
            .collect();
        let mut ticket = json!({
            "subject": subject, "comment": {"body": body, "public": false}, "priority": priority(data),
            "requester": requester(data), "external_id": data["conversation"]["id"], "tags": tags,
        });
        if let Some(closed) = follows {
            ticket["via_followup_source_id"] = closed.into();
        }
        let request =
            client.post(format!("{}/api/v2/tickets.json", self.base)).header("idempotency-key", &row.webhook_id);
        let made = good(self.send(request, &json!({"ticket": ticket}), now).await?)?;
        let number = |value: &Value| value.as_u64().map(|number| number.to_string());
        let conversation = number(&made["ticket"]["id"]).ok_or_else(unclear)?;
        Ok(Tie { contact: number(&made["ticket"]["requester_id"]).unwrap_or_default(), conversation, ..Tie::default() })
    }

    /// Changes a ticket; the audit of the change names the delivery.
    async fn change(
        &self,
        client: &Client,
        ticket: &str,
        mut change: Value,
        row: &OutboxRow,
        now: Timestamp,
    ) -> Result<Change, Answer> {
        change["metadata"] = json!({"nightdesk": row.webhook_id});
        let request = client.put(format!("{}/api/v2/tickets/{ticket}.json", self.base));
        match self.send(request, &json!({"ticket": change}), now).await {
            Ok((StatusCode::NOT_FOUND, _)) | Err(Answer::Status(404, _)) => Ok(Change::Gone),
            Ok((StatusCode::UNPROCESSABLE_ENTITY, answer)) if answer.to_string().contains("closed") => {
                Ok(Change::Closed)
            }
            answer => good(answer?).map(|_| Change::Done),
        }
    }

    /// Whether a ticket has had a delivery already.
    async fn has(&self, client: &Client, ticket: &str, delivery: &str, now: Timestamp) -> Result<bool, Answer> {
        let url = format!("{}/api/v2/tickets/{ticket}/audits.json?sort_order=desc&per_page={AUDITS}", self.base);
        let request = client.get(url).basic_auth(&self.user, Some(self.token.expose_secret()));
        match ask_for(request, AUDITS_READ, now).await {
            Ok((StatusCode::NOT_FOUND, _)) | Err(Answer::Status(404, _)) => Ok(false),
            answer => {
                let found = good(answer?)?;
                let mut audits = found["audits"].as_array().into_iter().flatten();
                Ok(audits.any(|audit| audit["metadata"]["custom"]["nightdesk"] == delivery))
            }
        }
    }
}

impl Courier for Account {
    fn carry<'a>(
        &'a self,
        client: &'a Client,
        store: &'a dyn Store,
        row: &'a OutboxRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(self.tell(client, store, row, now))
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let request = client.get(format!("{}/api/v2/users/me.json", self.base));
            let request = request.basic_auth(&self.user, Some(self.token.expose_secret()));
            let me = good(ask(request, now).await?)?;
            // Without a token that it knows, Zendesk answers as to anybody.
            if me["user"]["id"].is_null() {
                return Err(Answer::Failed("email and token are not accepted".to_owned()));
            }
            Ok(words(&me["user"]["name"]))
        })
    }
}

/// Our words are Zendesk's.
fn priority(data: &Value) -> &str {
    match data["handoff"]["priority"].as_str() {
        Some(word @ ("low" | "high" | "urgent")) => word,
        _ => "normal",
    }
}

/// Who asks. An address only if the shop's own system vouches for one: to others Zendesk would write mail.
fn requester(data: &Value) -> Value {
    let customer = &data["customer"];
    let id = customer["id"].as_str().unwrap_or_default();
    let name = customer["name"].as_str().filter(|name| !name.trim().is_empty()).unwrap_or(id);
    let mut requester = json!({"name": if name.is_empty() { "?" } else { name }});
    if let Some(email) = customer["attributes"]["email"].as_str().filter(|email| email.contains('@')) {
        requester["email"] = email.into();
    }
    requester
}

fn good((status, answer): (StatusCode, Value)) -> Result<Value, Answer> {
    let says = || words(if answer["description"].is_string() { &answer["description"] } else { &answer["error"] });
    match status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(Answer::Failed(format!("email and token are not accepted ({status}: {})", says()))),
        code @ (408 | 409 | 425 | 429) => Err(Answer::Status(code, None)),
        400..=499 => Err(refused(format!("Zendesk refuses it ({status}: {})", says()))),
        code => Err(Answer::Again { status: code, error: format!("Zendesk cannot take it now ({status})") }),
    }
}

/// The body that our documentation gives for the trigger's webhook.
#[derive(Debug, Deserialize)]
struct Event {
    /// `comment`, `answered` (a comment that solves the ticket) or `solved`, in so many words: what Zendesk calls a status hangs
    /// on the account's language.
    #[serde(rename = "event")]
    what: String,
    ticket_id: Value,
    #[serde(default)]
    external_id: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    author_name: String,
    #[serde(default)]
    author_email: String,
    #[serde(default)]
    author_role: String,
    /// Addresses of the comment's files, a space between them.
    #[serde(default)]
    files: String,
    /// Of the ticket, where the body has it.
    #[serde(default)]
    status: String,
}

impl Event {
    /// Whether the ticket is solved. A status in another language says nothing.
    fn is_solved(&self) -> bool {
        let status = self.status.trim();
        self.what == "answered" || ["solved", "closed"].iter().any(|over| status.eq_ignore_ascii_case(over))
    }
}

/// Takes what the account's webhook posts.
pub(super) async fn receive(incoming: &Incoming) -> Result<Response, Problem> {
    incoming.verify("zendesk")?;
    let event: Event = incoming.json()?;
    let ticket = event.ticket_id.as_str().map_or_else(|| event.ticket_id.to_string(), str::to_owned);
    let ours = match incoming.ours(&ticket).await? {
        Some(ours) => ours,
        // The body is signed, and the ticket was given our name for it: so it goes on after the account's address has changed.
        None if !event.external_id.is_empty() && incoming.is_ours(&event.external_id).await? => {
            event.external_id.clone()
        }
        None if event.what == "solved" => return Ok(taken()),
        None => return Ok(incoming.stray()),
    };
    if !event.external_id.is_empty() && event.external_id != ours {
        tracing::warn!(
            webhook = incoming.name,
            "A ticket names another conversation than the one that it was made for."
        );
        return Ok(taken());
    }
    // What we write ourselves comes back too, in the name of the agent whose token it is.
    if incoming.spec.text("email").is_some_and(|email| email.eq_ignore_ascii_case(event.author_email.trim())) {
        return Ok(taken());
    }
    match event.what.as_str() {
        "solved" => incoming.end(&ours, Action::Close).await,
        // A customer may answer by mail: that is no word of the shop's.
        "comment" | "answered" if !event.author_role.to_lowercase().contains("end") => {
            let named = incoming.headers.get(INVOCATION).and_then(|id| id.to_str().ok());
            // The header is not signed, so a signature is good for one of them: nothing old becomes new by another.
            let signature = incoming.headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let hash = digest::digest(&digest::SHA256, named.unwrap_or_default().as_bytes());
            let hash = hash.as_ref().try_into().map_err(|_| Problem::internal())?;
            if !incoming.memory.once(format!("{}\u{0}{signature}", incoming.name), hash) {
                return Ok(taken());
            }
            // Without the header the same words of the same ticket are the same comment.
            let id = named.map_or_else(|| crate::token::Tokens::conversation(&ticket, &event.comment), str::to_owned);
            let id: String = format!("zendesk-{id}").chars().take(128).collect();
            let text = with_files(&event.comment, event.files.split_whitespace().map(Some));
            let agent = Some(event.author_name.as_str());
            let said = incoming.reply(&ours, Reply { agent, id, text: &text, over: event.is_solved() }).await?;
            // Solved with the same click: the words come first.
            if event.is_solved() {
                return incoming.end(&ours, Action::Close).await;
            }
            Ok(said)
        }
        _ => Ok(taken()),
    }
}
