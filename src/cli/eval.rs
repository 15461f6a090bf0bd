//! `nightdesk eval`: labelled messages against the shop's files, or against the examples that the file itself holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use comfy_table::{Table, presets};
use jiff::Timestamp;

use super::{Ended, Failure, Form, Global};
use crate::clock::Clock;
use crate::diag::Format;
use crate::engine::Engine;
use crate::likeness::{Measures, Method};
use crate::rehearsal::labelled::{self, Figures, Judged, Labelled, Split, Verdict};
use crate::rules::Files;
use crate::rules::load::NoSecrets;

/// Bars at which figures are printed.
const BARS: [f64; 3] = [0.3, 0.5, 0.7];

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Args {
    /// Tab-separated: label and text; or split (train, val, test), label and text. A label is an id, or oos for what a person must
    /// take. A file with `train` lines is measured against those, any other against the shop's files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Take the examples from this file.
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Leave entries out, so that their messages are out of scope: a file with `split<TAB>label` lines.
    #[arg(long, value_name = "FILE")]
    leave_out: Option<PathBuf>,
    /// Leave out every fourth entry, by a hash of its name, so that near out-of-scope messages are measured.
    #[arg(long, conflicts_with = "leave_out")]
    leave_quarter: bool,
    /// List the messages that were answered wrongly.
    #[arg(long)]
    wrong: bool,
    /// List the messages in scope that were not answered.
    #[arg(long)]
    missed: bool,
    /// Megabytes for what is learned, as `matching.memory_mb`; only where the examples stand in the file.
    #[arg(long, value_name = "MB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    memory_mb: u32,
    /// In place of figures, print what each message was measured at: the table from which the coefficients are fitted.
    #[arg(long)]
    measures: bool,
    /// Form of the figures.
    #[arg(long, default_value = "human")]
    format: Form,
}

/// The figures of one file.
struct Row {
    name: String,
    entries: usize,
    examples: usize,
    figures: Figures,
    load: f64,
    each: f64,
    method: Method,
    megabytes: usize,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let mut rows = Vec::new();
    let now = Clock::system().now();
    for file in &args.files {
        let mut messages = read(file)?;
        if let Some(train) = &args.train {
            messages.retain(|message| message.split != Split::Train);
            messages.extend(read(train)?.into_iter().filter(|message| message.split == Split::Train));
        }
        leave_out(args, &mut messages)?;
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if args.measures {
            print_measures(global, args, &name, &messages)?;
            continue;
        }
        rows.push(row(global, args, name, &messages, now)?);
    }
    match args.format {
        _ if args.measures => {}
        Form::Human => print_human(&rows),
        Form::Json => anstream::println!("{:#}", serde_json::Value::from(rows.iter().map(json).collect::<Vec<_>>())),
    }
    Ok(Ended::Fine)
}

fn read(file: &Path) -> Result<Vec<Labelled>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", file.display()))?;
    labelled::labelled(&text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))
}

/// Drops entries from the examples and puts their messages out of scope.
fn leave_out(args: &Args, messages: &mut Vec<Labelled>) -> Result<(), Failure> {
    let labels: BTreeSet<String> = if let Some(file) = &args.leave_out {
        let text =
            std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", file.display()))?;
        text.lines().filter_map(|line| Some(line.rsplit('\t').next()?.to_owned())).collect()
    } else if args.leave_quarter {
        let all: BTreeSet<&String> = messages.iter().flat_map(|message| &message.right).collect();
        let hash = |label: &str| {
            label
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
        };
        let mut order: Vec<&String> = all.into_iter().collect();
        order.sort_by_key(|label| hash(label));
        order.into_iter().step_by(4).cloned().collect()
    } else {
        return Ok(());
    };
    let left_out = |message: &Labelled| message.right.iter().any(|label| labels.contains(label));
    messages.retain(|message| message.split != Split::Train || !left_out(message));
    messages.iter_mut().filter(|message| left_out(message)).for_each(|message| message.right.clear());
    Ok(())
}

/// Examples, and the messages that are asked.
fn parted<'m>(name: &str, messages: &'m [Labelled]) -> Result<(Vec<&'m Labelled>, Vec<&'m Labelled>), Failure> {
    let of = |split: Split| -> Vec<&Labelled> { messages.iter().filter(|message| message.split == split).collect() };
    let mut asked = of(Split::Test);
    if asked.is_empty() {
        asked = of(Split::Validation);
    }
    anyhow::ensure!(!asked.is_empty(), "{name} has no message to measure");
    Ok((of(Split::Train), asked))
}

/// The engine that is measured: of the examples if there are any, otherwise the shop's.
fn engine(
    global: &Global,
    args: &Args,
    name: &str,
    examples: &[&Labelled],
    asked: &[&Labelled],
) -> Result<Engine, Failure> {
    if !examples.is_empty() {
        return learned(examples, args.memory_mb);
    }
    let engine = global.engine()?;
    known_labels(&engine, asked, name)?;
    Ok(engine)
}

/// A line for each entry that a message is near to: the message's number, in or oos, whether the entry is the right one, the
/// measures.
fn print_measures(global: &Global, args: &Args, name: &str, messages: &[Labelled]) -> Result<(), Failure> {
    let (examples, asked) = parted(name, messages)?;
    let engine = engine(global, args, name, &examples, &asked)?;
    anstream::println!("message\tscope\tright\t{}", Measures::NAMES.join("\t"));
    for (number, message) in asked.iter().enumerate() {
        let scope = if message.right.is_empty() { "oos" } else { "in" };
        let matcher = &engine.knowledge().matcher;
        for guess in matcher.guesses(&matcher.view(&message.text)) {
            let right = message.is_right(&engine.knowledge().rules[guess.rule as usize].id);
            let values = guess.near.measures.values().map(|value| format!("{value:.4}")).join("\t");
            anstream::println!("{number}\t{scope}\t{}\t{values}", u8::from(right));
        }
    }
    Ok(())
}

fn row(global: &Global, args: &Args, name: String, messages: &[Labelled], now: Timestamp) -> Result<Row, Failure> {
    let (examples, asked) = parted(&name, messages)?;
    let began = Instant::now();
    let engine = engine(global, args, &name, &examples, &asked)?;
    let load = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let judged = labelled::judge(&engine, &asked, now);
    #[allow(clippy::cast_precision_loss, reason = "a count of messages")]
    let each = began.elapsed().as_secs_f64() * 1e6 / asked.len() as f64;
    list(args, &judged);
    let (method, bytes) = engine.knowledge().matcher.learned();
    let rules = &engine.knowledge().rules;
    Ok(Row {
        name,
        entries: rules.len(),
        examples: engine.knowledge().matcher.sentences(),
        figures: Figures::new(&judged),
        load,
        each,
        method,
        megabytes: bytes >> 20,
    })
}

/// The engine of the entries that examples make, through the same files as a shop's.
fn learned(examples: &[&Labelled], memory_mb: u32) -> Result<Engine, Failure> {
    let files = labelled::files(examples, memory_mb);
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let (engine, report) = Engine::load(Files::from_texts(texts), &NoSecrets);
    engine.ok_or_else(|| anyhow::anyhow!("the examples make no FAQ:\n{}", report.render(Format::Human, false)))
}

/// A label that no entry has is a slip of whoever labelled, and would be counted against the files.
fn known_labels(engine: &Engine, asked: &[&Labelled], name: &str) -> Result<(), Failure> {
    let by_id = &engine.knowledge().by_id;
    let unknown: BTreeSet<&String> =
        asked.iter().flat_map(|m| &m.right).filter(|id| !by_id.contains_key(*id)).collect();
    let list: Vec<&str> = unknown.iter().take(8).map(|id| id.as_str()).collect();
    anyhow::ensure!(unknown.is_empty(), "{name} has labels that are no entry or rule: {}", list.join(", "));
    Ok(())
}

fn list(args: &Args, judged: &[Judged<'_>]) {
    for one in judged {
        let inside = !one.message.right.is_empty();
        let show = match one.verdict {
            Verdict::Wrong => args.wrong,
            Verdict::Right => false,
            Verdict::OfferedRight | Verdict::OfferedWrong | Verdict::Person => args.missed && inside,
        };
        if show {
            let wanted = if inside { one.message.right.join("|") } else { "oos".to_owned() };
            let got = one.best.as_deref().unwrap_or("-");
            anstream::println!("{:?}\t{wanted}\t{got}\t{:.2}\t{}", one.verdict, one.confidence, one.message.text);
        }
    }
}

fn print_human(rows: &[Row]) {
    let percent = |share: f64| if share.is_nan() { String::new() } else { format!("{:.1}", share * 100.0) };
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "set",
        "entries",
        "examples",
        "in / out",
        "top-1",
        "AUROC",
        "in at oos 80",
        "load s",
        "µs a message",
        "method",
    ]);
    for row in rows {
        let (inside, outside) = row.figures.counts();
        let at80 = row.figures.at(row.figures.bar_refusing(0.8)).right;
        table.add_row([
            row.name.clone(),
            row.entries.to_string(),
            row.examples.to_string(),
            format!("{inside} / {outside}"),
            percent(row.figures.top1()),
            percent(row.figures.auroc()),
            if outside == 0 { String::new() } else { percent(at80) },
            format!("{:.2}", row.load),
            format!("{:.0}", row.each),
            format!("{}, {} MB", method(row.method), row.megabytes),
        ]);
    }
    anstream::println!("{table}\n");
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "set",
        "answered rightly",
        "offered rightly",
        "right of answered",
        "oos not answered",
        "at 0.3: in / oos / P",
        "at 0.5: in / oos / P",
        "at 0.7: in / oos / P",
    ]);
    for row in rows {
        let (inside, _) = row.figures.counts();
        #[allow(clippy::cast_precision_loss, reason = "counts of messages")]
        let offered = row.figures.count(true, Verdict::OfferedRight) as f64 / inside.max(1) as f64;
        let mut cells = vec![
            row.name.clone(),
            percent(row.figures.answered_rightly()),
            percent(offered),
            percent(row.figures.right_of_answered()),
            percent(row.figures.refused()),
        ];
        cells.extend(BARS.map(|bar| {
            let at = row.figures.at(bar);
            format!("{} / {} / {}", percent(at.right), percent(at.refused), percent(at.precision))
        }));
        table.add_row(cells);
    }
    anstream::println!("{table}");
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Full => "linear",
        Method::WithoutPairs => "linear without pairs",
        Method::Frequent => "linear, frequent features",
        Method::Nearest => "nearest example",
    }
}

fn json(row: &Row) -> serde_json::Value {
    let (inside, outside) = row.figures.counts();
    let bars: Vec<_> = BARS
        .iter()
        .map(|bar| {
            let at = row.figures.at(*bar);
            serde_json::json!({"bar": bar, "in": at.right, "oos": at.refused, "precision": at.precision, "answered": at.answered})
        })
        .collect();
    serde_json::json!({
        "set": row.name, "entries": row.entries, "examples": row.examples, "in_scope": inside, "out_of_scope": outside,
        "top1": row.figures.top1(), "auroc": row.figures.auroc(),
        "in_at_oos_80": row.figures.at(row.figures.bar_refusing(0.8)).right, "bars": bars,
        "answered_rightly": row.figures.answered_rightly(), "right_of_answered": row.figures.right_of_answered(),
        "oos_not_answered": row.figures.refused(),
        "offered_rightly": row.figures.count(true, Verdict::OfferedRight),
        "load_seconds": row.load, "microseconds_a_message": row.each, "method": method(row.method), "megabytes": row.megabytes,
    })
}
