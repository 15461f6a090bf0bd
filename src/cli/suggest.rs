//! `nightdesk suggest`: what went unanswered, grouped by likeness, with drafts to paste.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::progress::{Progress, in_parallel};
use super::{Ended, Failure, Global, printable, recorded};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::message::Customer;
use crate::rehearsal::labelled;
use crate::replay::{Said, Was, masked};
use crate::suggest::agreement::agreement;
use crate::suggest::{self, Draft, Group, Grouped, Options, Way};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Messages: one a line; or tab-separated, of which the last field counts; or lines of `export`. Without a file, what the daemon
    /// recorded.
    file: Option<PathBuf>,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Of the store: only what came since, as a length of time (30d) or a time.
    #[arg(long, default_value = "30d", value_name = "WHEN")]
    since: String,
    /// Least messages of a group.
    #[arg(long, default_value_t = 3, value_name = "N")]
    min: usize,
    /// Most groups.
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
    /// Most samples of a group.
    #[arg(long, default_value_t = 5, value_name = "N")]
    samples: usize,
    /// Group all messages, also those that today's files answer.
    #[arg(long)]
    all: bool,
    /// In place of all that, measure how far grouping agrees with the labels of these files: label, tab, text, as for `eval`.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "all"])]
    labels: Vec<PathBuf>,
    /// Form of what is printed; yaml is a file for faq/.
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// Drafts alone.
    Yaml,
    /// All of it.
    Json,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    if !args.labels.is_empty() {
        return measure(&engine, args);
    }
    let all = match &args.file {
        Some(file) => from_file(file)?,
        None => from_store(&engine, args)?,
    };
    let (messages, answered) = if args.all { (all, 0) } else { unanswered(&engine, all) };
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let options = Options { least: args.min, most: args.top, samples: args.samples };
    let grouped = suggest::groups(&engine, &texts, options);
    let drafts = suggest::drafts(&engine, &grouped.groups);
    match args.format {
        Format::Text => print_text(&grouped, &drafts, texts.len(), answered),
        Format::Yaml => anstream::print!("{}", suggest::document(&grouped.groups, &drafts)),
        Format::Json => {
            let groups: Vec<Value> =
                grouped.groups.iter().zip(&drafts).map(|(group, draft)| json(group, draft)).collect();
            let (left_out, in_them) = grouped.left_out;
            anstream::println!(
                "{:#}",
                json!({
                    "messages": texts.len(), "answered_today": answered, "wordless": grouped.wordless, "groups": groups,
                    "groups_left_out": left_out, "messages_left_out": in_them,
                })
            );
        }
    }
    Ok(Ended::Fine)
}

/// What the daemon recorded as unanswered, masked.
fn from_store(engine: &Engine, args: &Args) -> Result<Vec<String>, Failure> {
    let since = recorded::since(&args.since, Clock::system().now(), &engine.knowledge().zone)?;
    let lines = recorded::read(&args.data, &recorded::Wanted { since, attributes: &[] })?;
    Ok(lines.into_iter().filter_map(|line| recorded_text(line.what)).collect())
}

/// The words of a recorded message, unless it is recorded as answered.
fn recorded_text(what: Said) -> Option<String> {
    match what {
        Said::Message(message) if message.was.as_ref().is_none_or(Was::is_unanswered) => Some(message.text),
        _ => None,
    }
}

fn from_file(file: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", file.display()))?;
    let mut out = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with('{') {
            let what: Said = serde_json::from_str(line)
                .map_err(|e| anyhow::anyhow!("{}:{number}: this is no line of an export: {e}", file.display()))?;
            out.extend(recorded_text(what));
        } else {
            let text = line.rsplit('\t').next().unwrap_or(line).trim();
            if !text.is_empty() && !line.starts_with('#') {
                out.push(masked(text, None));
            }
        }
    }
    Ok(out)
}

/// Those that today's files do not answer, and how many they do.
fn unanswered(engine: &Engine, messages: Vec<String>) -> (Vec<String>, usize) {
    let different: Vec<&str> = messages.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    let (now, progress) = (Clock::system().now(), Progress::new("messages decided", different.len()));
    let customer = Customer { id: "suggest".into(), ..Customer::default() };
    let open = in_parallel(&different, None, &|text: &&str| {
        progress.step(1);
        let outcome = engine.first_messages(None, &customer, &[text], now).and_then(|mut all| all.pop());
        outcome.is_some_and(|outcome| {
            let decision = outcome.decision;
            Was { outcome: decision.outcome, reason: decision.reason, rule: None }.is_unanswered()
        })
    });
    drop(progress);
    let open: HashMap<String, bool> = different.iter().map(|text| (*text).to_owned()).zip(open).collect();
    let before = messages.len();
    let left: Vec<String> =
        messages.into_iter().filter(|text| open.get(text.as_str()).copied().unwrap_or(true)).collect();
    let answered = before - left.len();
    (left, answered)
}

fn print_text(grouped: &Grouped, drafts: &[Draft], messages: usize, answered: usize) {
    let shown: usize = grouped.groups.iter().map(|group| group.messages).sum();
    anstream::println!(
        "{messages} messages were not answered; {shown} of them in {} groups are shown",
        grouped.groups.len()
    );
    for (number, (group, draft)) in (1..).zip(grouped.groups.iter().zip(drafts)) {
        let languages = group.languages.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>();
        anstream::println!(
            "\n{number}. {}  ({} messages, {} different; {})",
            printable(&group.words.join(", ")),
            group.messages,
            group.texts,
            languages.join(", ")
        );
        for sample in &group.samples {
            anstream::println!("   “{}”", printable(&sample.replace('\n', " / ")));
        }
        match &group.nearest {
            Some(near) => anstream::println!(
                "   nearest: {} in {}, for {:.0} % of them, {:.2} sure",
                near.rule,
                near.file,
                near.share * 100.0,
                near.confidence
            ),
            None => anstream::println!("   near to no entry"),
        }
        match draft {
            Draft::Questions { rule, file, yaml } => {
                anstream::println!("   more questions for {rule} in {file}:\n{}", printable(yaml));
            }
            Draft::Entry { yaml, .. } => anstream::println!("   a new entry:\n{}", printable(yaml)),
        }
    }
    let (groups, in_them) = grouped.left_out;
    if groups > 0 {
        anstream::println!("\nnot shown: {in_them} messages in {groups} groups (--min, --top)");
    }
    if grouped.wordless > 0 {
        anstream::println!("without a word: {}", grouped.wordless);
    }
    if answered > 0 {
        anstream::println!("left out because today's files answer them: {answered} (--all)");
    }
}

fn json(group: &Group, draft: &Draft) -> Value {
    json!({
        "words": group.words, "messages": group.messages, "texts": group.texts, "samples": group.samples,
        "languages": group.languages, "nearest": group.nearest, "draft": draft,
    })
}

/// Prints how far groups agree with labels, ours and the plain ways beside each other.
fn measure(engine: &Engine, args: &Args) -> Result<Ended, Failure> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "set",
        "messages",
        "labels",
        "grouped by",
        "groups",
        "in groups",
        "purity",
        "inverse",
        "NMI",
        "ARI",
        "s",
    ]);
    let mut rows = Vec::new();
    for file in &args.labels {
        let text =
            std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", file.display()))?;
        let all = labelled::labelled(&text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?;
        let (texts, labels): (Vec<&str>, Vec<&str>) =
            all.iter().filter_map(|one| Some((one.text.as_str(), one.right.first()?.as_str()))).unzip();
        anyhow::ensure!(!texts.is_empty(), "{} has no message with a label", file.display());
        let different = labels.iter().collect::<BTreeSet<_>>().len();
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for (way, called) in
            [(Way::Likeness, "likeness"), (Way::OnePass, "one pass"), (Way::Identical, "identical text")]
        {
            let began = Instant::now();
            let of = agreement(&suggest::numbers(engine, &texts, way), &labels);
            let seconds = began.elapsed().as_secs_f64();
            let percent = |share: f64| format!("{:.1}", share * 100.0);
            table.add_row([
                name.clone(),
                texts.len().to_string(),
                different.to_string(),
                called.to_owned(),
                of.groups.to_string(),
                percent(of.grouped),
                percent(of.purity),
                percent(of.inverse),
                percent(of.nmi),
                percent(of.ari),
                format!("{seconds:.1}"),
            ]);
            rows.push(json!({
                "set": name, "messages": texts.len(), "labels": different, "grouped_by": called, "groups": of.groups,
                "in_groups": of.grouped, "purity": of.purity, "inverse_purity": of.inverse, "nmi": of.nmi, "ari": of.ari,
                "seconds": seconds,
            }));
        }
    }
    if args.format == Format::Json {
        anstream::println!("{:#}", Value::from(rows));
    } else {
        anstream::println!("{table}");
    }
    Ok(Ended::Fine)
}
