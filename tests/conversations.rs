//! Every conversation below `tests/conversations/` as a test of its own, by file and name: what `nightdesk test` runs, shown
//! by `cargo test` as well.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use nightdesk::diag::{Format, Report};
use nightdesk::engine::Engine;
use nightdesk::rehearsal::{self, Conversation};
use nightdesk::rules::Files;
use nightdesk::shop;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    // What is overdue or expired today is a finding of `check`; here only the conversations count.
    let at = "2026-11-24T10:00:00+08:00".parse().expect("a time");
    let (engine, mut report) = shop::open(dir, at);
    let Some(engine) = engine.map(Arc::new) else {
        eprintln!("{}", report.render(Format::Human, false));
        return ExitCode::FAILURE;
    };
    let scripts: Vec<Conversation> = Files::read(dir)
        .texts
        .iter()
        .filter(|(file, _)| file.starts_with("tests/conversations/"))
        .flat_map(|(file, text)| rehearsal::read(file, text, &mut report))
        .collect();
    if report.errors() > 0 || scripts.is_empty() {
        eprintln!("{}there are {} conversations", report.render(Format::Human, false), scripts.len());
        return ExitCode::FAILURE;
    }
    let report = Arc::new(report);
    let trials = scripts.into_iter().map(|script| trial(&engine, &report, script)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(engine: &Arc<Engine>, report: &Arc<Report>, script: Conversation) -> Trial {
    let file = script.place.file.trim_start_matches("tests/conversations/").trim_end_matches(".yaml");
    let name = format!("{file}: {}", script.name);
    let (engine, report) = (Arc::clone(engine), Arc::clone(report));
    Trial::test(name, move || play(&engine, &report, &script))
}

fn play(engine: &Engine, report: &Report, script: &Conversation) -> Result<(), Failed> {
    let played = rehearsal::play(engine, script);
    let lines: Vec<String> = played
        .turns
        .iter()
        .flat_map(|turn| turn.differences.iter().map(move |difference| (turn, difference)))
        .map(|(turn, difference)| {
            let (line, column) = report.sources.line_column(&difference.place.file, difference.place.span.start);
            format!(
                "{}:{line}:{column}: to “{}”, {}:\n  expected {}\n  actual   {}",
                difference.place.file, turn.said, difference.key, difference.expected, difference.actual
            )
        })
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n").into()) }
}
