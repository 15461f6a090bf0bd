//! `nightdesk queue`: hand-offs that wait for people, and deliveries that wait for receivers. Works beside a running daemon.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Ended, Failure, Form, Global};
use crate::clock::Clock;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    DeliveryFilter, HandoffFilter, HandoffRow, OutboxRow, Selection, Store, delivery_state, handoff_state,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Directory of the store.
    #[arg(long, global = true, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Form of what is printed.
    #[arg(long, global = true, default_value = "human")]
    format: Form,
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open_beside(&args.data)?;
        let now = Clock::system().now();
        let what = args.what.unwrap_or(What::List { deliveries: false, name: None, state: None, limit: 50 });
        match what {
            What::List { deliveries: false, name, state, limit } => {
                let state = state.unwrap_or_else(|| handoff_state::QUEUED.to_owned());
                let state = (state != "all").then_some(state);
                let rows = store.handoffs(HandoffFilter { state, queue: name, limit }).await?;
                print_handoffs(&rows, now, args.format);
            }
            What::List { deliveries: true, name, state, limit } => {
                let state = state.unwrap_or_else(|| delivery_state::PENDING.to_owned());
                let state = (state != "all").then_some(state);
                let rows = store.deliveries(DeliveryFilter { state, endpoint: name, limit }).await?;
                print_deliveries(&rows, now, args.format);
            }
            What::Show { id } => show(&store, &id).await?,
            What::Retry { ids, dead, endpoint } => {
                anyhow::ensure!(
                    dead || !ids.is_empty(),
                    "name the numbers of deliveries, or --dead for all that were given up"
                );
                let which = if dead { Selection::Dead { endpoint } } else { Selection::Ids(ids) };
                anstream::println!("{} deliveries go out again", store.retry(which, now).await?);
            }
            What::Drop { ids } => {
                anstream::println!(
                    "{} deliveries were given up",
                    store.drop_deliveries(Selection::Ids(ids), now).await?
                );
            }
            What::Resume { endpoint } => {
                let stopped = store.resume_endpoint(&endpoint).await?;
                anstream::println!("{endpoint} {}", if stopped { "is used again" } else { "was not stopped" });
            }
        }
        Ok(Ended::Fine)
    })
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
        let row = store.delivery(number).await?.ok_or_else(|| anyhow::anyhow!("there is no delivery {number}"))?;
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
