//! `nightdesk queue`: hand-offs that wait for people, and deliveries that wait for receivers. Works beside a running daemon.

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Beside, Ended, Failure, Form, Global};
use crate::clock::Clock;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    DeliveryFilter, HandoffFilter, HandoffRow, OutboxRow, Selection, Store, delivery_state, handoff_state,
};

/// States of hand-offs, the one that is listed first.
const HANDOFFS: [&str; 5] =
    [handoff_state::QUEUED, handoff_state::TAKEN, handoff_state::RETURNED, handoff_state::CLOSED, handoff_state::MOVED];
/// States of deliveries, likewise.
const DELIVERIES: [&str; 4] =
    [delivery_state::PENDING, delivery_state::DEAD, delivery_state::DELIVERED, delivery_state::DROPPED];
/// What is said when numbers name nothing that can be changed.
const NONE_SUCH: &str = "none of these numbers is a delivery for which that can be done; `nightdesk queue list --deliveries --state all` shows all";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Hand-offs that nobody has taken (the default), or deliveries.
    List {
        /// Deliveries in place of hand-offs.
        #[arg(long)]
        deliveries: bool,
        /// Only this queue, or with --deliveries this endpoint.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Only this state; `all` for every one.
        #[arg(long)]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One hand-off with its conversation, or one delivery.
    Show {
        /// h_… or the number of a delivery.
        id: String,
    },
    /// Sends deliveries again, at once.
    Retry {
        /// Numbers of deliveries.
        ids: Vec<i64>,
        /// All that were given up.
        #[arg(long, conflicts_with = "ids")]
        dead: bool,
        /// Of these, only those of this endpoint.
        #[arg(long, requires = "dead")]
        endpoint: Option<String>,
    },
    /// Gives deliveries up.
    Drop {
        /// Numbers of deliveries.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Lets the deliveries of an endpoint go again that said it is gone.
    Resume {
        /// Name of the webhook.
        endpoint: String,
    },
}

pub(super) fn run(_: &Global, args: Args) -> Result<Ended, Failure> {
    let Beside { format, .. } = args.beside;
    args.beside.with_store(async |store| {
        let now = Clock::system().now();
        let what = args.what.unwrap_or(What::List { deliveries: false, name: None, state: None, limit: 50 });
        match what {
            What::List { deliveries: false, name, state, limit } => {
                let state = wanted(state, &HANDOFFS)?;
                let rows = store.handoffs(HandoffFilter { state, queue: name, limit }).await?;
                print_handoffs(&rows, now, format);
                tell_of_more(rows.len(), limit);
            }
            What::List { deliveries: true, name, state, limit } => {
                let state = wanted(state, &DELIVERIES)?;
                let rows = store.deliveries(DeliveryFilter { state, endpoint: name, limit }).await?;
                print_deliveries(&rows, now, format);
                tell_of_more(rows.len(), limit);
            }
            What::Show { id } => show(&store, &id).await?,
            What::Retry { ids, dead, endpoint } => {
                anyhow::ensure!(
                    dead || !ids.is_empty(),
                    "name the numbers of deliveries, or --dead for all that were given up"
                );
                let named = !dead;
                let which = if dead { Selection::Dead { endpoint } } else { Selection::Ids(ids) };
                let count = store.retry(which, now).await?;
                anyhow::ensure!(count > 0 || !named, NONE_SUCH);
                anstream::println!("{count} deliveries go out again");
            }
            What::Drop { ids } => {
                let count = store.drop_deliveries(Selection::Ids(ids), now).await?;
                anyhow::ensure!(count > 0, NONE_SUCH);
                anstream::println!("{count} deliveries were given up");
            }
            What::Resume { endpoint } => {
                let stopped = store.resume_endpoint(&endpoint).await?;
                anstream::println!("{endpoint} {}", if stopped { "is used again" } else { "was not stopped" });
            }
        }
        Ok(Ended::Fine)
    })
}

fn tell_of_more(shown: usize, limit: usize) {
    if shown == limit {
        anstream::eprintln!("these are {limit}; there may be more: --limit shows more of them");
    }
}

/// The state that is asked for, of those that there are; the first if nothing is said, none for all.
fn wanted(state: Option<String>, known: &[&str]) -> Result<Option<String>, Failure> {
    let Some(state) = state else { return Ok(known.first().map(|first| (*first).to_owned())) };
    anyhow::ensure!(
        state == "all" || known.contains(&state.as_str()),
        "there is no state `{state}`; there are {}, all",
        known.join(", ")
    );
    Ok((state != "all").then_some(state))
}

fn age(since: Timestamp, now: Timestamp) -> String {
    crate::hours::say_duration(now.duration_since(since), "en")
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

fn print_handoffs(rows: &[HandoffRow], now: Timestamp, format: Form) {
    if format == Form::Json {
        anstream::println!("{:#}", Value::from(rows.iter().map(handoff).collect::<Vec<_>>()));
        return;
    }
    let mut table = table(["hand-off", "queue", "priority", "waiting", "reason", "state", "conversation"]);
    for row in rows {
        table.add_row([
            &row.id,
            &row.queue,
            &row.priority,
            &age(row.created_at, now),
            &row.reason,
            &row.state,
            &row.conversation,
        ]);
    }
    if rows.is_empty() {
        anstream::println!("nobody waits");
    } else {
        anstream::println!("{table}");
    }
}

fn print_deliveries(rows: &[OutboxRow], now: Timestamp, format: Form) {
    if format == Form::Json {
        anstream::println!("{:#}", Value::from(rows.iter().map(delivery).collect::<Vec<_>>()));
        return;
    }
    let mut table = table(["delivery", "endpoint", "type", "state", "age", "attempts", "last answer", "conversation"]);
    for row in rows {
        let last = match (row.last_status, &row.last_error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => String::new(),
        };
        let (id, attempts) = (row.id.to_string(), row.attempts.to_string());
        table.add_row([
            &id,
            &row.endpoint,
            &row.kind,
            &row.state,
            &age(row.created_at, now),
            &attempts,
            &last,
            &row.conversation,
        ]);
    }
    if rows.is_empty() {
        anstream::println!("no deliveries");
    } else {
        anstream::println!("{table}");
    }
}

async fn show(store: &SqliteStore, id: &str) -> Result<(), Failure> {
    if let Ok(number) = id.parse() {
        let row = store.delivery(number).await?.ok_or_else(|| {
            anyhow::anyhow!("there is no delivery {number}; `nightdesk queue list --deliveries --state all` shows all")
        })?;
        let mut value = delivery(&row);
        value["body"] = serde_json::from_slice(&row.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&row.body)));
        anstream::println!("{value:#}");
        return Ok(());
    }
    let row = store
        .handoff(id)
        .await?
        .ok_or_else(|| anyhow::anyhow!("there is no hand-off `{id}`; `nightdesk queue list --state all` shows them"))?;
    let mut value = handoff(&row);
    let events = store.events_before(&row.conversation, u64::MAX, 100).await?;
    value["transcript"] = events
        .iter()
        .filter(|event| event.kind == "message")
        .map(|event| {
            let data: Value = serde_json::from_str(&event.body).unwrap_or_default();
            json!({"at": event.at, "role": event.role, "text": data["text"], "rule": data["rule"]})
        })
        .collect();
    anstream::println!("{value:#}");
    Ok(())
}

fn handoff(row: &HandoffRow) -> Value {
    json!({
        "id": row.id, "queue": row.queue, "priority": row.priority, "reason": row.reason, "state": row.state, "conversation": row.conversation,
        "channel": row.channel, "created_at": row.created_at, "taken_at": row.taken_at, "taken_by": row.taken_by,
        "ended_at": row.ended_at, "deadline": row.deadline,
    })
}

fn delivery(row: &OutboxRow) -> Value {
    json!({
        "id": row.id, "webhook_id": row.webhook_id, "endpoint": row.endpoint, "type": row.kind, "state": row.state, "attempts": row.attempts,
        "conversation": row.conversation, "created_at": row.created_at, "next_try_at": row.next_try_at, "last_status": row.last_status,
        "last_error": row.last_error,
    })
}
