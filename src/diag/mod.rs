//! Findings: what is wrong in the files of a shop, where it is, and how to mend it.
//!
//! Owns the finding and the texts that places refer to. Refuses to decide what is wrong: that is for the rooms that build.

mod fix;
pub mod pages;
mod render;
mod sarif;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

pub use fix::{Edit, Fix, Mended, mend, quoted};
pub use render::Format;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; `check` passes, unless `--strict`.
    Warning,
    /// The knowledge is not used until this is mended.
    Error,
}

/// A stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Path relative to the shop's directory, with `/`.
    pub file: Arc<str>,
    /// Bytes from the start of the file.
    pub span: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the kind of mistake, such as `unknown-key`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where; none for what no file says.
    pub place: Option<Place>,
    /// A word at the place.
    pub label: Option<String>,
    /// Other places that belong to it, each with a word.
    pub related: Vec<(Place, String)>,
    /// How to mend it.
    pub help: Option<String>,
    /// How `check --fix` mends it, where that is surely what was meant.
    pub fix: Option<Fix>,
}

impl Finding {
    /// An error without a place yet.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: None,
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning without a place yet.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Puts a word at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Points at another place that belongs to it.
    #[must_use]
    pub fn and(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.related.push((place.clone(), label.into()));
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says how a program may mend it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// The texts that were read, so that places can be shown.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<Arc<str>, Arc<str>>);

impl Sources {
    /// Keeps the text of a file.
    pub fn insert(&mut self, file: Arc<str>, text: Arc<str>) {
        self.0.insert(file, text);
    }

    /// The text of a file that was read.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(AsRef::as_ref)
    }

    /// Every file with its text, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(file, text)| (file.as_ref(), text.as_ref()))
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self, file: &str, byte: usize) -> (usize, usize) {
        let text = self.text(file).unwrap_or_default();
        let before = text.get(..byte.min(text.len())).unwrap_or(text);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[start..].chars().count() + 1)
    }
}

/// What a check found, with the texts to show it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of files and places.
    pub findings: Vec<Finding>,
    /// The texts that were read.
    pub sources: Sources,
}

impl Report {
    /// Adds a finding.
    pub fn push(&mut self, mut finding: Finding) {
        // What comes from outside must not be written into the file in place of its name.
        let filled_in = |edit: &Edit| {
            let text = self.sources.text(&edit.place.file).unwrap_or_default();
            text.get(edit.place.span.clone()).is_some_and(|written| written.contains("${"))
        };
        if finding.fix.as_ref().is_some_and(|fix| fix.edits.iter().any(filled_in)) {
            finding.fix = None;
        }
        self.findings.push(finding);
    }

    /// How many findings are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Error).count()
    }

    /// How many findings are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }

    /// The first few errors in one line, for a log: `faq/returns.yaml:12:5 what is wrong; …`.
    #[must_use]
    pub fn first_errors(&self, limit: usize) -> String {
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error).take(limit);
        let lines: Vec<String> = errors
            .map(|finding| match &finding.place {
                Some(place) => {
                    let (line, column) = self.sources.line_column(&place.file, place.span.start);
                    format!("{}:{line}:{column} {}", place.file, finding.message)
                }
                None => finding.message.clone(),
            })
            .collect();
        lines.join("; ")
    }

    /// Sorts by file and place, errors of the same place first, and drops what is said twice.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let key = |f: &Finding| f.place.as_ref().map(|p| (p.file.clone(), p.span.start));
            key(a).cmp(&key(b)).then(b.severity.cmp(&a.severity)).then(a.code.cmp(b.code))
        });
        self.findings.dedup();
    }

    /// The findings as text for people or programs.
    #[must_use]
    pub fn render(&self, format: Format, color: bool) -> String {
        render::render(self, format, color)
    }
}

/// The known word that one that is not known surely stands for: a single slip away (two in a long word), and no other as near.
#[must_use]
pub fn surely<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = if word.chars().count() >= 8 { 2 } else { 1 };
    let mut near: Vec<_> = known
        .into_iter()
        .filter(|candidate| candidate.chars().count() >= 3)
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, _)| *distance <= slips)
        .collect();
    near.sort_unstable();
    match near.as_slice() {
        [(_, only)] => Some(only),
        [(first, nearest), (second, _), ..] if first < second => Some(nearest),
        _ => None,
    }
}

/// The known word nearest to one that is not known, if any is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
