//! `nightdesk test`: conversation tests, in parallel, with what differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Ended, Failure, Form, Global};
use crate::diag::{Format, Report};
use crate::engine::Engine;
use crate::rehearsal::{self, Conversation, Played};
use crate::rules::Files;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only tests in these files or folders.
    paths: Vec<PathBuf>,
    /// Only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// List rules and entries that no test reaches.
    #[arg(long)]
    coverage: bool,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, default_value = "human")]
    format: Form,
}

/// A test with its file and result.
struct Done {
    script: Conversation,
    played: Played,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    let mut report = Report::default();
    let scripts = scripts(global, args, &mut report)?;
    if report.errors() > 0 {
        anstream::print!("{}", report.render(Format::Human, global.colored()));
        anyhow::bail!("the tests themselves have errors");
    }
    anyhow::ensure!(!scripts.is_empty(), "there are no conversation tests below tests/conversations/ that fit");
    let done = play_all(&engine, scripts);
    let failed = done.iter().filter(|done| !done.played.passed()).count();
    match args.format {
        Form::Human => print_human(&engine, &report, &done),
        Form::Json => print_json(&report, &done),
    }
    if args.coverage {
        print_coverage(&engine, &done);
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, junit(&report, &done))
            .map_err(|e| anyhow::anyhow!("{} cannot be written: {e}", file.display()))?;
    }
    Ok(if failed == 0 { Ended::Fine } else { Ended::Findings })
}

fn scripts(global: &Global, args: &Args, report: &mut Report) -> Result<Vec<Conversation>, Failure> {
    let files = Files::read(&global.dir);
    let mut texts: Vec<_> =
        files.texts.into_iter().filter(|(file, _)| file.starts_with("tests/conversations/")).collect();
    if !args.paths.is_empty() {
        let wanted: Vec<String> = args
            .paths
            .iter()
            .map(|p| p.to_string_lossy().trim_start_matches("./").trim_end_matches('/').to_owned())
            .collect();
        for path in &wanted {
            anyhow::ensure!(
                texts.iter().any(|(file, _)| file.starts_with(path.as_str())),
                "there are no tests at `{path}`; paths are relative to {}",
                global.dir.display()
            );
        }
        texts.retain(|(file, _)| wanted.iter().any(|path| file.starts_with(path.as_str())));
    }
    let mut scripts: Vec<_> = texts.iter().flat_map(|(file, text)| rehearsal::read(file, text, report)).collect();
    if let Some(part) = &args.name {
        scripts.retain(|script| script.name.contains(part.as_str()));
    }
    Ok(scripts)
}

/// Plays all on as many threads as there are cores; the results stay in file order.
fn play_all(engine: &Engine, scripts: Vec<Conversation>) -> Vec<Done> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = scripts.len().div_ceil(threads).max(1);
    let played: Vec<Played> = std::thread::scope(|scope| {
        let workers: Vec<_> = scripts
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(|script| rehearsal::play(engine, script)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    scripts.into_iter().zip(played).map(|(script, played)| Done { script, played }).collect()
}

fn place(report: &Report, place: &crate::diag::Place) -> String {
    let (line, column) = report.sources.line_column(&place.file, place.span.start);
    format!("{}:{line}:{column}", place.file)
}

fn print_human(engine: &Engine, report: &Report, done: &[Done]) {
    let zone = &engine.knowledge().zone;
    for test in done.iter().filter(|done| !done.played.passed()) {
        anstream::println!("FAILED  {}  {}", place(report, &test.script.place), test.script.name);
        for turn in &test.played.turns {
            let mark = if turn.differences.is_empty() { ' ' } else { '✗' };
            anstream::println!("  {mark} {}  “{}”", crate::hours::iso(turn.at, zone), turn.said);
            for difference in &turn.differences {
                anstream::println!("      {}  {}", place(report, &difference.place), difference.key);
                anstream::println!("        expected  {}", difference.expected);
                anstream::println!("        actual    {}", difference.actual.replace('\n', "\n                  "));
            }
            if let (Some(outcome), false) = (&turn.outcome, turn.differences.is_empty()) {
                let rule = outcome.decision.rule.as_deref().unwrap_or("no rule");
                anstream::println!(
                    "        because   {} / {} / {rule}",
                    outcome.decision.outcome,
                    outcome.decision.reason
                );
            }
        }
        anstream::println!();
    }
    let failed = done.iter().filter(|done| !done.played.passed()).count();
    anstream::println!("{} passed, {failed} failed", done.len() - failed);
}

fn print_json(report: &Report, done: &[Done]) {
    let tests: Vec<_> = done
        .iter()
        .map(|test| {
            let differences: Vec<_> = test
                .played
                .turns
                .iter()
                .enumerate()
                .flat_map(|(index, turn)| turn.differences.iter().map(move |d| (index, d)))
                .map(|(turn, d)| serde_json::json!({"turn": turn, "key": d.key, "expected": d.expected, "actual": d.actual, "place": place(report, &d.place)}))
                .collect();
            serde_json::json!({"name": test.script.name, "place": place(report, &test.script.place), "passed": test.played.passed(), "differences": differences})
        })
        .collect();
    let failed = done.iter().filter(|done| !done.played.passed()).count();
    anstream::println!("{:#}", serde_json::json!({"tests": tests, "passed": done.len() - failed, "failed": failed}));
}

fn print_coverage(engine: &Engine, done: &[Done]) {
    let reached: BTreeSet<&str> = done
        .iter()
        .flat_map(|test| &test.played.turns)
        .filter_map(|turn| turn.outcome.as_ref()?.decision.rule.as_deref())
        .collect();
    let pilots = engine.arms().iter().flat_map(|arm| arm.engine.knowledge().rules.iter());
    let mut known = BTreeSet::new();
    let rules: Vec<_> =
        engine.knowledge().rules.iter().chain(pilots).filter(|rule| known.insert(rule.id.as_str())).collect();
    let missing: Vec<_> = rules.iter().filter(|rule| !reached.contains(rule.id.as_str())).collect();
    for rule in &missing {
        anstream::println!("not reached  {}  {}", rule.place.file, rule.id);
    }
    anstream::println!("{} of {} rules and entries reached", rules.len() - missing.len(), rules.len());
}

/// JUnit's XML, of which readers agree on these few elements.
fn junit(report: &Report, done: &[Done]) -> String {
    let escape = |text: &str| {
        let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        let text: String = text.chars().map(printable).collect();
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\n', "&#10;")
    };
    let failed = done.iter().filter(|done| !done.played.passed()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"nightdesk conversations\" tests=\"{}\" failures=\"{failed}\">\n",
        done.len()
    );
    for test in done {
        let (file, name) = (escape(&test.script.place.file), escape(&test.script.name));
        let differences: Vec<String> = test
            .played
            .turns
            .iter()
            .flat_map(|turn| &turn.differences)
            .map(|d| format!("{} {}: expected {}, actual {}", place(report, &d.place), d.key, d.expected, d.actual))
            .collect();
        // Writing into a String cannot fail.
        let _ = if differences.is_empty() {
            writeln!(out, "  <testcase classname=\"{file}\" name=\"{name}\"/>")
        } else {
            let message = escape(&differences.join("\n"));
            writeln!(
                out,
                "  <testcase classname=\"{file}\" name=\"{name}\"><failure message=\"{message}\"/></testcase>"
            )
        };
    }
    out.push_str("</testsuite>\n");
    out
}
