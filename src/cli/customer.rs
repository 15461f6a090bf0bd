//! `nightdesk customer`: what is kept of one customer, to give it out or to erase it. Works beside a running daemon.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Ended, Failure, Global};
use crate::clock::Clock;
use crate::store::sqlite::SqliteStore;
use crate::store::{HandoffFilter, Store, SurveyFilter};

/// Events read at a time.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Prints what is kept of a customer, unmasked, as JSON: conversations, all that was said with what was decided about it, cases,
    /// ratings and deliveries.
    Export(Who),
    /// Deletes all that is kept of a customer.
    Erase {
        #[command(flatten)]
        who: Who,
        /// Erase; without it, only say what would be erased.
        #[arg(long)]
        yes: bool,
        /// Also conversations that are with people, whose cases vanish from their queue.
        #[arg(long)]
        open: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The channel's id of the customer, or one conversation (c_…).
    id: String,
    /// Only on this channel; the same id on another one may be somebody else.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
}

pub(super) fn run(_: &Global, args: &Args) -> Result<Ended, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.what {
            What::Export(who) => {
                let store = SqliteStore::open_beside(&who.data)?;
                let conversations = found(&store, who).await?;
                anstream::println!("{:#}", exported(&store, who, &conversations).await?);
            }
            What::Erase { who, yes, open } => erase(who, *yes, *open).await?,
        }
        Ok(Ended::Fine)
    })
}

/// The customer's conversations; an error if there is none.
async fn found(store: &SqliteStore, who: &Who) -> Result<Vec<String>, Failure> {
    let mut ids = store.of_customer(&who.id, who.channel.as_deref()).await?;
    if ids.is_empty()
        && let Some(row) = store.conversation(&who.id).await?
        && who.channel.as_ref().is_none_or(|channel| *channel == row.channel)
    {
        ids.push(row.id);
    }
    let on = who.channel.as_ref().map(|channel| format!(" on {channel}")).unwrap_or_default();
    anyhow::ensure!(
        !ids.is_empty(),
        "nothing is kept of `{}`{on}: give the id as the channel tells it (`customer` in the webhooks), or a conversation (c_…)",
        who.id
    );
    Ok(ids)
}

async fn exported(store: &SqliteStore, who: &Who, ids: &[String]) -> Result<Value, Failure> {
    let everything = HandoffFilter { limit: usize::MAX, ..HandoffFilter::default() };
    let cases = store.handoffs(everything).await?;
    let ratings = SurveyFilter { from: jiff::Timestamp::MIN, until: jiff::Timestamp::MAX, limit: usize::MAX };
    let ratings = store.surveys(ratings).await?;
    let mut conversations = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = store.conversation(id).await? else { continue };
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let page = store.events_after(id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            events.extend(page.iter().map(|event| {
                let data: Value = serde_json::from_str(&event.body).unwrap_or_default();
                json!({"seq": event.seq, "at": event.at, "type": event.kind, "role": event.role, "data": data})
            }));
        }
        let cases: Vec<Value> = cases
            .iter()
            .filter(|case| case.conversation == *id)
            .map(|case| {
                json!({
                    "id": case.id, "queue": case.queue, "priority": case.priority, "reason": case.reason, "state": case.state,
                    "created_at": case.created_at, "taken_at": case.taken_at, "ended_at": case.ended_at,
                })
            })
            .collect();
        let ratings: Vec<Value> = ratings
            .iter()
            .filter(|rating| rating.conversation == *id)
            .map(|rating| {
                json!({"asked_at": rating.asked_at, "answered_at": rating.answered_at, "score": rating.score, "text": rating.text})
            })
            .collect();
        let deliveries: Vec<Value> = store
            .deliveries_of(id)
            .await?
            .iter()
            .map(|row| {
                let body: Value = serde_json::from_slice(&row.body).unwrap_or_default();
                json!({"to": row.endpoint, "type": row.kind, "state": row.state, "created_at": row.created_at, "body": body})
            })
            .collect();
        let state: Value = serde_json::from_str(&row.body).unwrap_or_default();
        conversations.push(json!({
            "conversation": row.id, "channel": row.channel, "thread": row.thread, "language": row.language,
            "created_at": row.created_at, "updated_at": row.updated_at, "state": state,
            "events": events, "cases": cases, "ratings": ratings, "deliveries": deliveries,
        }));
    }
    Ok(json!({"customer": who.id, "made_at": Clock::system().now(), "conversations": conversations}))
}

async fn erase(who: &Who, yes: bool, open: bool) -> Result<(), Failure> {
    let store = SqliteStore::open_beside(&who.data)?;
    let ids = found(&store, who).await?;
    for id in &ids {
        let Some(row) = store.conversation(id).await? else { continue };
        anstream::println!("{id}  {}  {}  last changed {}", row.channel, row.state, row.updated_at);
        anyhow::ensure!(
            open || !matches!(row.state.as_str(), "queued" | "human"),
            "{id} is with people: close it first, or erase it with --open, and its case vanishes from their queue"
        );
    }
    if !yes {
        anstream::println!("Nothing was erased; add --yes to erase all of this.");
        return Ok(());
    }
    let erased = store.erase(ids, open, Clock::system().now()).await?;
    drop(store);
    let emptied = SqliteStore::empty_log(&who.data)?;
    anstream::println!(
        "Erased: {} conversations, {} messages, {} cases, {} deliveries.",
        erased.conversations,
        erased.messages,
        erased.cases,
        erased.deliveries
    );
    if !emptied {
        anstream::println!(
            "The database's log (-wal) may still hold some of it until the daemon has written it over; it is empty after a restart."
        );
    }
    anstream::println!("{}", elsewhere(&who.data));
    Ok(())
}

/// What this command cannot reach.
fn elsewhere(data: &Path) -> String {
    format!(
        "Not reached from here: what people, help desks and platforms were sent, backups of {}, and reports that were written \
         (numbers and addresses in them are masked).",
        data.display()
    )
}
