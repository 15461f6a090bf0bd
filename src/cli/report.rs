//! `nightdesk report`: what customers asked, what they got and how long it took. Works beside a running daemon.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};

use super::{Ended, Failure, Global, instant};
use crate::clock::Clock;
use crate::report::{self, Options, Period, csv, html, text};
use crate::rules::shape;
use crate::store::sqlite::SqliteStore;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// How far back, such as 7d or 24h, or since when, such as 2026-10-09.
    #[arg(long, default_value = "7d", value_name = "TIME")]
    since: String,
    /// Until when; now if left out.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Form of what is written.
    #[arg(long, default_value = "text")]
    format: Form,
    /// A file to write it to, in place of the terminal.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Language of the headings; the shop's first if left out.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Option<Lang>,
    /// Conversations to add for inspection, drawn by chance.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    sample: usize,
    /// What the sample is drawn with; the same number draws the same conversations.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// The customer's attribute, or the slot of a dialogue, that says which product a conversation is about.
    /// The name in `report:` of nightdesk.yaml if left out, else `product`.
    #[arg(long, value_name = "NAME", value_parser = name)]
    product: Option<String>,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For a terminal.
    Text,
    /// One page, with charts.
    Html,
    /// For programs.
    Json,
    /// For spreadsheets: one figure a line.
    Csv,
}

/// Language of the headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    let now = Clock::system().now();
    let zone = &engine.knowledge().zone;
    let until = args.until.as_deref().map_or(Ok(now), |until| day_or_instant(until, zone))?;
    let from = match shape::duration(&args.since) {
        Some(length) => until.checked_sub(SignedDuration::try_from(length)?)?,
        None => day_or_instant(&args.since, zone)?,
    };
    anyhow::ensure!(from < until, "the period ends before it begins; look at --since and --until");
    let language = match args.lang {
        Some(Lang::Zh) => "zh".to_owned(),
        Some(Lang::En) => "en".to_owned(),
        None => engine.book().settings.default_language().to_owned(),
    };
    let options = Options {
        period: Period { from, until },
        language,
        product: args.product.clone().unwrap_or_else(|| engine.book().settings.product().to_owned()),
        sample: args.sample,
        seed: args.seed,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let report = runtime.block_on(async {
        let store = SqliteStore::open_beside(&args.data)?;
        anyhow::Ok(report::make(&store, &engine, &options, now).await?)
    })?;
    let written = match args.format {
        Form::Text => text::write(&report, &options.language),
        Form::Html => html::write(&report, &options.language)?,
        Form::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
        Form::Csv => csv::write(&report),
    };
    match &args.out {
        Some(file) => std::fs::write(file, written).with_context(|| format!("cannot write {}", file.display()))?,
        None => anstream::print!("{written}"),
    }
    Ok(Ended::Fine)
}

/// A time, or a day of the shop, which begins at midnight.
fn day_or_instant(text: &str, zone: &jiff::tz::TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() == "2026-10-09".len()
    {
        return Ok(zone.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight())).compatible()?);
    }
    instant(text, zone).map_err(|_| {
        anyhow::anyhow!("`{text}` is no time; write 7d, 24h, 2026-10-09, or 2026-10-09T20:15 with or without a zone")
    })
}

/// A name as customers' attributes and slots have.
fn name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    fits.then(|| text.to_owned()).ok_or_else(|| "a name has letters, digits, `_`, `-` and `.`".to_owned())
}
