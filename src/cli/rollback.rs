//! `nightdesk rollback`: the files of an earlier rule set in place of those of now, which are kept before.

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::history::{differences, knowledge};
use super::{Ended, Failure, Global, mend};
use crate::clock::Clock;
use crate::diag::Format;
use crate::history::{History, HistoryError, RuleSet, author};
use crate::rules::Files;
use crate::shop;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The beginning of the set's hash; the one before the last if left out.
    hash: Option<String>,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Also where the set has errors, so that a daemon would keep what it has.
    #[arg(long)]
    anyway: bool,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let (history, clock) = (History::below(&args.data), Clock::system());
    let now = Files::read(&global.dir);
    anyhow::ensure!(!now.texts.is_empty(), "{} holds no shop; name it with --dir", global.dir.display());
    // What cannot be read cannot be kept, and would be lost.
    let unread: Vec<&str> = now
        .findings
        .iter()
        .filter(|finding| finding.code != "no-config")
        .map(|finding| finding.message.as_str())
        .collect();
    anyhow::ensure!(unread.is_empty(), "{}; mend it or move it away first, so that nothing is lost", unread.join("; "));
    let set = wanted(&history, args.hash.as_deref(), &now)?;
    let (old, new) = (knowledge(&now), history.texts(&set)?);
    if old == new {
        anstream::println!("the files are those of {} already", set.hash);
        return Ok(Ended::Fine);
    }
    // What was fine then may not be now: a secret may be gone, a calendar be moved.
    let (engine, report) = shop::open_files(&global.dir, now.with_texts(&new), clock.now());
    if engine.is_none() && !args.anyway {
        anstream::eprint!("{}", super::errors_only(report).render(Format::Human, global.colored()));
        anyhow::bail!("the files of {} have errors today, so nothing was changed; --anyway brings them back", set.hash);
    }
    anstream::print!("{}", differences(&old, &new, global.colored()));
    if args.dry_run {
        anstream::println!("nothing was changed; without --dry-run it is");
        return Ok(Ended::Fine);
    }
    let (hash, usable) = hash_of(&global.dir, &now, clock.now());
    history
        .keep(&now, &hash, clock.now(), author(&global.dir), Some("as it was before a rollback"))
        .context("the files as they are could not be kept, so nothing was changed")?;
    for (file, text) in &new {
        put(&global.dir, file, old.get(file).map(String::as_str), text)?;
    }
    for file in old.keys().filter(|file| !new.contains_key(*file)) {
        fs::remove_file(global.dir.join(file)).with_context(|| format!("{file} could not be removed"))?;
    }
    anstream::println!("the files are those of {} again; a running daemon takes them up by itself", set.hash);
    anstream::println!("nightdesk rollback {hash}{} undoes this", if usable { "" } else { " --anyway" });
    Ok(Ended::Fine)
}

/// The set that was named, or the last one that differs from the files of now.
fn wanted(history: &History, hash: Option<&str>, now: &Files) -> Result<RuleSet, Failure> {
    if let Some(hash) = hash {
        return Ok(history.find(hash)?);
    }
    let current = knowledge(now);
    for set in history.sets()? {
        if history.texts(&set)? != current {
            return Ok(set);
        }
    }
    Err(HistoryError::Unknown(String::new())).context("there is no earlier rule set")
}

/// A name for a set, and whether it can be used: one that has errors has no engine to name it.
fn hash_of(dir: &Path, files: &Files, now: jiff::Timestamp) -> (String, bool) {
    match shop::open_files(dir, files.clone(), now) {
        (Some(engine), _) => (engine.knowledge().hash.clone(), true),
        (None, _) => (format!("unused-{}", now.as_second()), false),
    }
}

fn put(dir: &Path, file: &str, old: Option<&str>, new: &str) -> Result<(), Failure> {
    let relative = Path::new(file);
    // The history is ours, but nothing that it says may reach outside the shop.
    anyhow::ensure!(relative.components().all(|part| matches!(part, Component::Normal(_))), "`{file}` lies outside");
    let path = dir.join(relative);
    match old {
        Some(old) if old == new => Ok(()),
        Some(old) => mend::replace(&path, old, new).with_context(|| format!("{file} stays as it was")),
        None => {
            fs::create_dir_all(path.parent().unwrap_or(dir))?;
            // One that is there by now is somebody's.
            let made = fs::File::create_new(&path).and_then(|mut made| made.write_all(new.as_bytes()));
            made.with_context(|| format!("{file} could not be written"))
        }
    }
}
