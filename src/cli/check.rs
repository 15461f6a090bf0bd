//! `nightdesk check`: everything that can be known to be wrong without running.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Ended, Failure, Global, mend, schema};
use crate::certificate;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::diag::{Format, Report, nearest, pages};
use crate::rehearsal;
use crate::reload;
use crate::rules::Files;
use crate::shop;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show only findings in these files or folders.
    paths: Vec<PathBuf>,
    /// Form of the findings.
    #[arg(long, default_value = "human")]
    format: Form,
    /// Warnings fail as well.
    #[arg(long)]
    strict: bool,
    /// Mend what can be mended without asking, and say what was written.
    #[arg(long, conflicts_with = "watch")]
    fix: bool,
    /// Check again whenever a file changes, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Tell what a kind of finding means, such as `never-wins`, and check nothing.
    #[arg(long, value_name = "CODE", exclusive = true)]
    explain: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, with the source underlined.
    Human,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub annotations.
    Github,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    anyhow::ensure!(global.dir.is_dir(), "{} is not a directory; name the shop's with --dir", global.dir.display());
    // A slip in a path must not look as if all were fine. The same path as in findings, or as the shell has it.
    for path in &args.paths {
        anyhow::ensure!(
            path.exists() || global.dir.join(path).exists(),
            "there is no `{}`; name a file or folder of {} as its findings do, such as faq/returns.yaml",
            path.display(),
            global.dir.display()
        );
    }
    if args.watch {
        return watch(global, args);
    }
    if args.fix {
        let wanted = |file: &str| is_among(file, &args.paths);
        mend::all(&global.dir, || check(global, &Files::read(&global.dir)).0, &wanted)?;
        schema::keep(&global.dir, &Files::read(&global.dir))?;
    }
    Ok(once(global, args))
}

/// Checks, and prints what was found.
fn once(global: &Global, args: &Args) -> Ended {
    let (mut report, old_schemas) = check(global, &Files::read(&global.dir));
    if !args.paths.is_empty() {
        report.findings.retain(|finding| finding.place.as_ref().is_none_or(|place| is_among(&place.file, &args.paths)));
    }
    let format = match args.format {
        Form::Human => Format::Human,
        Form::Json => Format::Json,
        Form::Sarif => Format::Sarif,
        Form::Github => Format::Github,
    };
    anstream::print!("{}", report.render(format, global.colored()));
    if args.format == Form::Human {
        summary(&report, args.fix);
        if old_schemas {
            anstream::println!(
                "editors do not know yet what is new in these files; nightdesk schema --write tells them"
            );
        }
    }
    let failed = report.errors() > 0 || (args.strict && report.warnings() > 0);
    if failed { Ended::Findings } else { Ended::Fine }
}

fn summary(report: &Report, fixed: bool) {
    let (errors, warnings) = (report.errors(), report.warnings());
    let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let Some(first) = report.findings.first() else {
        anstream::println!("fine: {} files, no findings", report.sources.iter().count());
        return;
    };
    anstream::println!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    anstream::println!("more about a kind of finding: nightdesk check --explain {}", first.code);
    let fixes = report.findings.iter().filter(|finding| finding.fix.is_some()).count();
    if fixes > 0 && !fixed {
        anstream::println!("nightdesk check --fix would mend {fixes} of them");
    }
}

/// All findings of a shop's files, its conversation tests among them; and whether the schemas of its editors are older than they.
fn check(global: &Global, files: &Files) -> (Report, bool) {
    let (engine, mut report) = shop::check_files(&global.dir, files.clone(), Clock::system().now());
    if let Some(engine) = &engine {
        // What the daemon would stumble over when it makes its receivers.
        let settings = &engine.book().settings;
        let _ = reload::endpoints(settings, &mut report);
        certificate::check(&global.dir, settings.tls.as_ref(), Clock::system().now(), &mut report);
    }
    for (file, text) in files.texts.iter().filter(|(file, _)| file.starts_with("tests/")) {
        let _ = rehearsal::read(file, text, &mut report);
    }
    report.sort();
    (report, engine.is_some_and(|engine| schema::are_old(&global.dir, engine.book())))
}

/// Whether a file was asked for; paths are relative to the shop's directory.
fn is_among(file: &str, paths: &[PathBuf]) -> bool {
    paths.is_empty()
        || paths.iter().any(|path| {
            let path = path.to_string_lossy();
            let path = path.trim_start_matches("./").trim_end_matches('/');
            file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        })
}

fn watch(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let mut changes = Changes::of(&global.dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut files = Files::read(&global.dir);
        schema::keep(&global.dir, &files)?;
        let mut ended = once(global, args);
        loop {
            tokio::select! {
                () = changes.next() => {}
                stopped = tokio::signal::ctrl_c() => {
                    stopped?;
                    return Ok(ended);
                }
            }
            let now = Files::read(&global.dir);
            if now != files {
                files = now;
                schema::keep(&global.dir, &files)?;
                if args.format == Form::Human {
                    anstream::println!(
                        "\n--- {}",
                        Clock::system().now().to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S")
                    );
                }
                ended = once(global, args);
            }
        }
    })
}

fn explain(code: &str) -> Result<Ended, Failure> {
    let Some(page) = pages::page(code) else {
        let codes = pages::codes();
        return Err(match nearest(code, codes.iter().copied()) {
            Some(near) => anyhow::anyhow!("there is no finding `{code}`; did you mean `{near}`?"),
            None => anyhow::anyhow!("there is no finding `{code}`; there are {}", codes.join(", ")),
        });
    };
    anstream::print!("{page}");
    Ok(Ended::Fine)
}
