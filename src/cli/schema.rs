//! `nightdesk schema`: JSON Schemas, so that editors complete and check the files.

use super::{Ended, Failure};
use crate::rules::schema;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which kind of file.
    #[arg(value_parser = schema::NAMES)]
    name: String,
}

pub(super) fn run(args: &Args) -> Result<Ended, Failure> {
    let schema = schema::schema(&args.name).ok_or_else(|| anyhow::anyhow!("there is no schema `{}`", args.name))?;
    anstream::println!("{schema:#}");
    Ok(Ended::Fine)
}
