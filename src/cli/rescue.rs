//! `nightdesk rescue`: what can be read of a damaged database, in a new one. Refuses to change the damaged one.

use std::path::PathBuf;

use anyhow::Context;
use comfy_table::{Table, presets};
use serde_json::json;

use super::{Ended, Failure, Form, Global};
use crate::store::sqlite::rescue;
use crate::token;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the damaged store. No daemon may run on it.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Directory for the new store; made if it is missing, and without a database.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Form of what is printed.
    #[arg(long, default_value = "human")]
    format: Form,
}

pub(super) fn run(_: &Global, args: &Args) -> Result<Ended, Failure> {
    let rescued = rescue(&args.data, &args.into)?;
    let key = args.data.join(token::FILE);
    if key.exists() {
        token::copy(&key, &args.into.join(token::FILE)).with_context(|| format!("cannot copy {}", key.display()))?;
    }
    let damaged = rescued.iter().any(|of| of.damaged);
    if args.format == Form::Json {
        let tables: Vec<_> = rescued
            .iter()
            .map(|of| json!({"table": of.table, "rows": of.rows, "damaged": of.damaged, "orphans": of.orphans}))
            .collect();
        anstream::println!("{:#}", json!({"damaged": damaged, "tables": tables}));
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["table", "rows saved", "left out", ""]);
        for of in &rescued {
            let word = if of.damaged { "damaged: some rows are lost" } else { "whole" };
            table.add_row([of.table.clone(), of.rows.to_string(), of.orphans.to_string(), word.to_owned()]);
        }
        anstream::println!("{table}");
        anstream::println!("The new store is in {}; start `nightdesk serve --data` on it.", args.into.display());
    }
    Ok(if damaged { Ended::Findings } else { Ended::Fine })
}
