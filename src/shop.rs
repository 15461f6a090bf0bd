//! A shop's directory as a whole: its files, and the secrets of the process that they name.

mod candidate;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::diag::Report;
use crate::engine::Engine;
use crate::lint;
use crate::rules::load::Secrets;
use crate::rules::{Files, read_at_most};

pub use candidate::{Candidate, CandidateError, open_candidate};

/// Most bytes of a secret's file.
const MAX_SECRET: u64 = 64 * 1024;

/// Reads and compiles all files of a shop. Without an error there is an engine; what only deserves a warning is not looked for.
#[must_use]
pub fn open(dir: &Path, now: Timestamp) -> (Option<Engine>, Report) {
    open_files(dir, Files::read(dir), now)
}

/// The same for files that were read before, so that what was hashed is what is used.
#[must_use]
pub fn open_files(dir: &Path, files: Files, now: Timestamp) -> (Option<Engine>, Report) {
    open_with(files, &Process { dir: dir.to_owned() }, |engine, report| lint::errors(engine, now, report))
}

/// The same with all findings, also those that are no errors.
#[must_use]
pub fn check_files(dir: &Path, files: Files, now: Timestamp) -> (Option<Engine>, Report) {
    open_with(files, &Process { dir: dir.to_owned() }, |engine, report| lint::check(engine, now, report))
}

/// As [`open`], for a copy of a shop's files, such as those of an older revision: secrets are looked for where the shop is.
#[must_use]
pub fn open_copy(copy: &Path, shop: &Path, now: Timestamp) -> (Option<Engine>, Report) {
    open_with(Files::read(copy), &Process { dir: shop.to_owned() }, |engine, report| lint::errors(engine, now, report))
}

fn open_with(files: Files, secrets: &Process, check: impl FnOnce(&Engine, &mut Report)) -> (Option<Engine>, Report) {
    let (engine, mut report) = Engine::load(files, secrets);
    if let Some(engine) = &engine {
        check(engine, &mut report);
        report.sort();
    }
    let usable = report.errors() == 0;
    (engine.filter(|_| usable), report)
}

/// The environment of this process, and files below or beside the shop's directory.
struct Process {
    dir: PathBuf,
}

impl Secrets for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Option<String> {
        let bytes = read_at_most(&self.dir.join(path), MAX_SECRET).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}
