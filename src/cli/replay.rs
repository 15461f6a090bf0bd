//! `nightdesk replay`: recorded messages through two rule sets, and the decisions that differ.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::progress::{Progress, in_parallel};
use super::{Ended, Failure, Global, errors_only, modes, printable};
use crate::clock::Clock;
use crate::diag::Format;
use crate::engine::Engine;
use crate::modes::Mode;
use crate::replay::{self, Before, Change, Difference, Line, Totals};
use crate::shop;
use crate::store::sqlite::SqliteStore;

/// Lines that cannot be read, of which so many are named.
const NAMED: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Lines of `export`.
    #[arg(required_unless_present = "shadow")]
    file: Option<PathBuf>,
    /// What a candidate in the shadow (`serve --candidate DIR --shadow`) decided otherwise, as kept in the store; no file is read.
    #[arg(long, conflicts_with_all = ["file", "against", "words", "threads"])]
    shadow: bool,
    /// Directory of the store, for --shadow.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The files to compare with: another directory, or git:REVISION for those of --dir in a revision. Without it, what was decided
    /// when the messages came.
    #[arg(long, value_name = "DIR|git:REV")]
    against: Option<String>,
    /// Differences up to which all is well: a number of messages, or a share such as 0.5%.
    #[arg(long, default_value = "0", value_name = "N|N%")]
    allow: Allowed,
    /// Compare the words of answers too. Needs --against.
    #[arg(long, requires = "against")]
    words: bool,
    /// Most changes that are shown.
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
    /// Most samples of a change.
    #[arg(long, default_value_t = 3, value_name = "N")]
    samples: usize,
    /// Threads; as many as there are cores if left out. The result is the same.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Special modes that are on throughout, in the files of --dir.
    #[arg(long, value_name = "MODE", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Mode::WORDS))]
    mode: Vec<String>,
    /// Form of what is printed.
    #[arg(long, default_value = "text")]
    format: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// JSON.
    Json,
}

/// How many messages may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Allowed {
    Messages(usize),
    Share(f64),
}

impl std::str::FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a number of messages nor a share such as 0.5%");
        match text.strip_suffix('%') {
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                (0.0..=100.0).contains(&share).then_some(Self::Share(share / 100.0)).ok_or_else(wrong)
            }
            None => text.parse().map(Self::Messages).map_err(|_| wrong()),
        }
    }
}

impl Allowed {
    #[allow(clippy::cast_precision_loss, reason = "counts of messages")]
    fn holds(self, differing: usize, compared: usize) -> bool {
        match self {
            Self::Messages(most) => differing <= most,
            Self::Share(most) => differing as f64 <= compared as f64 * most,
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let Some(file) = &args.file else { return shadow(args) };
    let lines = read(file)?;
    let conversations = conversations(&lines);
    let after = global.engine()?.with_modes(&modes(&args.mode));
    let before = match args.against.as_deref() {
        None => None,
        Some(against) => Some(match against.strip_prefix("git:") {
            Some(revision) => of_revision(global, revision)?,
            None => opened(Path::new(against), Path::new(against), against)?,
        }),
    };
    let with = before.as_ref().map_or(Before::Recorded, Before::Engine);
    let progress = Progress::new("messages decided", lines.len());
    let found: Vec<(usize, Vec<Difference>)> = in_parallel(&conversations, args.threads, &|lines: &Vec<&Line>| {
        let found = replay::differences(lines, with, &after, args.words);
        progress.step(lines.len());
        found
    });
    drop(progress);
    let compared: usize = found.iter().map(|(compared, _)| compared).sum();
    anyhow::ensure!(compared > 0, "{} has no message with a decision to compare", file.display());
    let differing: usize = found.iter().map(|(_, differences)| differences.len()).sum();
    let all = conversations.iter().zip(&found).map(|(lines, (_, found))| (lines.as_slice(), found.as_slice()));
    let changes = replay::changes(all, args.samples);
    match args.format {
        Form::Text => print_text(&changes, args.top, compared, differing),
        Form::Json => anstream::println!(
            "{:#}",
            json!({
                "messages": compared, "conversations": conversations.len(), "differing": differing, "changes": changes,
            })
        ),
    }
    Ok(if args.allow.holds(differing, compared) { Ended::Fine } else { Ended::Findings })
}

/// What a candidate in the shadow decided otherwise.
fn shadow(args: &Args) -> Result<Ended, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kept = runtime.block_on(async {
        let store = SqliteStore::open_beside(&args.data)?;
        crate::shadow::read(&store).await
    })?;
    let Some((totals, mut changes)) = kept else {
        anyhow::bail!("no candidate was in the shadow; start the daemon with `serve --candidate DIR --shadow`")
    };
    for change in &mut changes {
        change.samples.truncate(args.samples);
    }
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let (compared, differing) = (count(totals.messages), count(totals.differing));
    match args.format {
        Form::Text => {
            let Totals { candidate, shop, since, dropped, failed, others, .. } = &totals;
            anstream::println!("candidate {candidate} beside {shop}, since {since}");
            print_text(&changes, args.top, compared, differing);
            for (number, what) in [
                (others, "further messages are decided otherwise, in more ways than are told apart"),
                (dropped, "messages were not compared, because too many waited"),
                (failed, "messages could not be decided by the candidate; the log says why"),
            ] {
                if *number > 0 {
                    anstream::println!("\n{number} {what}");
                }
            }
        }
        Form::Json => anstream::println!("{:#}", json!({"totals": totals, "changes": changes})),
    }
    Ok(if args.allow.holds(differing, compared) { Ended::Fine } else { Ended::Findings })
}

fn read(file: &Path) -> Result<Vec<Line>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("{} cannot be read: {e}", file.display()))?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(error) => wrong.push(format!("{}:{number}: {error}", file.display())),
        }
    }
    if wrong.is_empty() {
        return Ok(lines);
    }
    let more = if wrong.len() > NAMED { "\n…" } else { "" };
    anyhow::bail!(
        "{} lines are not what `nightdesk export > FILE` writes:\n{}{more}",
        wrong.len(),
        wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join("\n")
    )
}

/// The lines of each conversation in the order of their time, by their first place in the file.
fn conversations(lines: &[Line]) -> Vec<Vec<&Line>> {
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out: Vec<Vec<&Line>> = Vec::new();
    for line in lines {
        let place = *at.entry(&line.conversation).or_insert_with(|| {
            out.push(Vec::new());
            out.len() - 1
        });
        out[place].push(line);
    }
    for lines in &mut out {
        lines.sort_by_key(|line| line.at);
    }
    out
}

/// The engine of files that are not those of --dir; secrets are looked for where these files belong.
fn opened(files: &Path, home: &Path, name: &str) -> Result<Engine, Failure> {
    anyhow::ensure!(files.is_dir(), "`--against {name}`: there is no such directory");
    let (engine, report) = shop::open_copy(files, home, Clock::system().now());
    engine.ok_or_else(|| {
        anstream::eprint!("{}", errors_only(report).render(Format::Human, false));
        anyhow::anyhow!("the files of {name} have errors")
    })
}

/// The engine of the files as they stand in a revision. Neither the working tree nor git's index is touched.
fn of_revision(global: &Global, revision: &str) -> Result<Engine, Failure> {
    let folder = tempfile::tempdir()?;
    let git = |arguments: &[&str]| -> Result<String, Failure> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&global.dir)
            .args(arguments)
            .env("GIT_INDEX_FILE", folder.path().join("index"))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| anyhow::anyhow!("`--against git:{revision}` needs the program git: {error}"))?;
        anyhow::ensure!(
            output.status.success(),
            "git {}: {}",
            arguments.first().copied().unwrap_or_default(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    };
    // A revision that looks like an option is none.
    let commit = git(&["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")])?;
    let below = git(&["rev-parse", "--show-prefix"])?;
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let tree = format!("{commit}:{}", below.trim_end_matches('/'));
    git(&["read-tree", &tree])?;
    let files = folder.path().join("files");
    std::fs::create_dir(&files)?;
    git(&["-C", &top, "checkout-index", "--all", &format!("--prefix={}/", files.display())])?;
    opened(&files, &global.dir, &format!("git:{revision}"))
}

fn print_text(changes: &[Change], top: usize, compared: usize, differing: usize) {
    #[allow(clippy::cast_precision_loss, reason = "counts of messages")]
    let share = differing as f64 * 100.0 / compared.max(1) as f64;
    anstream::println!("{differing} of {compared} messages are decided otherwise ({share:.1} %)");
    for change in changes.iter().take(top) {
        anstream::println!("\n{:>6}  {}\n     →  {}", change.messages, change.before, change.after);
        if change.in_words {
            anstream::println!("        in other words");
        }
        if change.later > 0 {
            anstream::println!("        {} of them after an earlier difference in the same conversation", change.later);
        }
        for sample in &change.samples {
            anstream::println!("        “{}”", printable(&sample.replace('\n', " / ")));
        }
    }
    let rest: usize = changes.iter().skip(top).map(|change| change.messages).sum();
    if rest > 0 {
        anstream::println!("\nand {rest} in {} further changes (--top)", changes.len() - top);
    }
}
