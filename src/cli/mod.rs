//! The commands, one file each. Exit codes: 0 fine, 1 findings or failed tests, 2 wrong usage or unreadable input.

mod backup;
mod channel;
mod chat;
mod check;
mod customer;
mod eval;
mod explain;
mod export;
mod history;
mod hours;
mod import;
mod mend;
mod mode;
mod progress;
mod queue;
mod recorded;
mod replay;
mod report;
mod rescue;
mod rollback;
mod schema;
mod serve;
mod suggest;
mod test;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::clock::Clock;
use crate::diag::{Format, Report};
use crate::engine::Engine;
use crate::message::Customer;
use crate::modes::Mode;
use crate::shop;
use crate::store::sqlite::SqliteStore;

/// Answers customers from files, and brings to people what the files do not know.
#[derive(Debug, Parser)]
#[command(name = "nightdesk", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
struct Global {
    /// Directory of nightdesk.yaml, faq/ and rules/.
    #[arg(long, global = true, default_value = ".", env = "NIGHTDESK_DIR", value_name = "DIR")]
    dir: PathBuf,
    /// Form of the log on standard error.
    #[arg(long, global = true, default_value = "text", value_name = "FORM")]
    log_format: LogFormat,
    /// Say more in the log; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only errors in the log.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Colours.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Form of what a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Human,
    /// JSON.
    Json,
}

/// What commands take that work on the store beside a running daemon.
#[derive(Debug, clap::Args)]
struct Beside {
    /// Directory of the store.
    #[arg(long, global = true, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Form of what is printed.
    #[arg(long, global = true, default_value = "human")]
    format: Form,
}

impl Beside {
    fn with_store<T>(&self, work: impl AsyncFnOnce(SqliteStore) -> Result<T, Failure>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { work(SqliteStore::open_beside(&self.data)?).await })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon: answers customers, and brings to people what the files do not know.
    Serve(serve::Args),
    /// Finds all that is wrong with the files, without running them.
    Check(check::Args),
    /// Runs the conversation tests on a virtual clock.
    Test(test::Args),
    /// Copies the database while the daemon runs.
    Backup(backup::Args),
    /// Talks to the rules in the terminal.
    Chat(chat::Args),
    /// Tries the ways to people's tools.
    Channel(channel::Args),
    /// What is kept of one customer, to give it out or to erase it.
    Customer(customer::Args),
    /// Measures how well labelled messages are understood.
    Eval(eval::Args),
    /// Tells why a message gets its reply, or none.
    Explain(explain::Args),
    /// Rule sets that were in use, and what changed in each.
    History(history::Args),
    /// Writes what customers wrote and what was decided, masked, one JSON object a line.
    Export(export::Args),
    /// Tells when people are there.
    Hours(hours::Args),
    /// Brings in what other programs know: tables, Rasa, RiveScript, AIML, Chatwoot, Live Helper Chat.
    Import(import::Args),
    /// Special modes, peak and degraded: which are on, and switching them.
    Mode(mode::Args),
    /// Hand-offs that wait for people, and deliveries that wait for receivers.
    Queue(queue::Args),
    /// Puts the files of an earlier rule set in place of those of now.
    Rollback(rollback::Args),
    /// Saves what can be read of a damaged store into a new one.
    Rescue(rescue::Args),
    /// Decides recorded messages again, and shows what two sets of files decide otherwise.
    Replay(replay::Args),
    /// What customers asked, what they got and how long it took.
    Report(report::Args),
    /// JSON Schemas of the files, for editors: prints one, or writes all and names them in the files.
    Schema(schema::Args),
    /// Groups what went unanswered, and drafts entries for it.
    Suggest(suggest::Args),
}

/// Why a command ended without doing its work.
type Failure = anyhow::Error;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Fine.
    Fine,
    /// Findings or failed tests.
    Findings,
}

/// Reads the command line and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let global = &cli.global;
    let ended = match cli.command {
        Command::Serve(args) => serve::run(global, args),
        Command::Queue(args) => queue::run(global, args),
        Command::Check(args) => check::run(global, &args),
        Command::Test(args) => test::run(global, &args),
        Command::Backup(args) => backup::run(global, &args),
        Command::Customer(args) => customer::run(global, &args),
        Command::Channel(args) => channel::run(global, &args),
        Command::Chat(args) => chat::run(global, &args),
        Command::Eval(args) => eval::run(global, &args),
        Command::Explain(args) => explain::run(global, &args),
        Command::History(args) => history::run(global, &args),
        Command::Rollback(args) => rollback::run(global, &args),
        Command::Hours(args) => hours::run(global, &args),
        Command::Import(args) => import::run(global, &args),
        Command::Mode(args) => mode::run(global, &args),
        Command::Schema(args) => schema::run(global, &args),
        Command::Export(args) => export::run(global, &args),
        Command::Rescue(args) => rescue::run(global, &args),
        Command::Replay(args) => replay::run(global, &args),
        Command::Suggest(args) => suggest::run(global, &args),
        Command::Report(args) => report::run(global, &args),
    };
    match ended {
        Ok(Ended::Fine) => ExitCode::SUCCESS,
        Ok(Ended::Findings) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

impl Global {
    /// Whether colours are wanted on standard output.
    fn colored(&self) -> bool {
        match self.color {
            Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            Color::Always => true,
            Color::Never => false,
        }
    }

    /// The engine of the shop's files; findings that are errors are printed, and end the command.
    fn engine(&self) -> Result<Engine, Failure> {
        let (engine, report) = shop::open(&self.dir, Clock::system().now());
        engine.ok_or_else(|| {
            anstream::eprint!("{}", errors_only(report).render(Format::Human, self.colored()));
            anyhow::anyhow!("the files in {} have errors; `nightdesk check` shows all findings", self.dir.display())
        })
    }
}

/// Words that somebody else wrote, as a terminal may have them: without control characters, by which it could be told to do
/// something, and without those that turn the direction round.
fn printable(text: &str) -> String {
    let odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if odd(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn errors_only(mut report: Report) -> Report {
    report.findings.retain(|finding| finding.severity == crate::diag::Severity::Error);
    report
}

/// Reads `--customer tier=vip,name=Ann`: known fields, all else as attributes.
fn customer(pairs: &[String]) -> Result<Customer, Failure> {
    let mut customer = Customer { id: "terminal".to_owned(), ..Customer::default() };
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            anyhow::bail!("`--customer {pair}`: write it as key=value, such as tier=vip");
        };
        match key {
            "id" => value.clone_into(&mut customer.id),
            "tier" => customer.tier = Some(value.to_owned()),
            "name" => customer.name = Some(value.to_owned()),
            _ => drop(customer.attributes.insert(key.to_owned(), value.into())),
        }
    }
    Ok(customer)
}

/// That a channel is not among those of the files.
fn no_channel(engine: &Engine, name: &str) -> Failure {
    let known: Vec<&str> = engine.book().settings.channels.iter().map(|(name, _)| name.as_str()).collect();
    anyhow::anyhow!("there is no channel `{name}` in nightdesk.yaml; there is {}", known.join(", "))
}

/// Modes that are named, each once.
fn modes(words: &[String]) -> Vec<Mode> {
    words.iter().filter_map(|word| Mode::parse(word)).collect()
}

/// Reads a time: RFC 3339, or a date and wall time in the shop's zone.
fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Result<jiff::Timestamp, Failure> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at);
    }
    let local: jiff::civil::DateTime = text.parse().map_err(|_| {
        anyhow::anyhow!("`{text}` is not a time; write 2026-10-09T20:15, or with a zone 2026-10-09T20:15:00+08:00")
    })?;
    Ok(zone.to_ambiguous_timestamp(local).compatible()?)
}
