//! `nightdesk check`: everything that can be known to be wrong without running.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Ended, Failure, Global};
use crate::clock::Clock;
use crate::diag::{Format, Report};
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
    anyhow::ensure!(global.dir.is_dir(), "{} is not a directory; name the shop's with --dir", global.dir.display());
    let files = Files::read(&global.dir);
    let tests: Vec<_> = files
        .texts
        .iter()
        .filter(|(file, _)| file.starts_with("tests/"))
        .map(|(file, text)| (file.clone(), text.clone()))
        .collect();
    let (engine, mut report) = shop::open_files(&global.dir, files, Clock::system().now());
    if let Some(engine) = &engine {
        // What the daemon would stumble over when it makes its receivers.
        let _ = reload::endpoints(&engine.book().settings, &mut report);
    }
    for (file, text) in &tests {
        let _ = rehearsal::read(file, text, &mut report);
    }
    report.sort();
    narrow(&mut report, &args.paths);
    let format = match args.format {
        Form::Human => Format::Human,
        Form::Json => Format::Json,
        Form::Sarif => Format::Sarif,
        Form::Github => Format::Github,
    };
    anstream::print!("{}", report.render(format, global.colored()));
    let (errors, warnings) = (report.errors(), report.warnings());
    if args.format == Form::Human {
        let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
        if errors + warnings == 0 {
            anstream::println!("fine: {} files, no findings", report.sources.iter().count());
        } else {
            anstream::println!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
        }
    }
    Ok(if errors > 0 || (args.strict && warnings > 0) { Ended::Findings } else { Ended::Fine })
}

/// Keeps findings of the files that were asked for; paths are relative to the shop's directory.
fn narrow(report: &mut Report, paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    let wanted: Vec<String> = paths
        .iter()
        .map(|path| path.to_string_lossy().trim_start_matches("./").trim_end_matches('/').to_owned())
        .collect();
    report.findings.retain(|finding| {
        finding.place.as_ref().is_none_or(|place| {
            wanted.iter().any(|path| {
                place.file.as_ref() == path
                    || place.file.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        })
    });
}
