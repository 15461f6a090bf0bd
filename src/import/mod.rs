//! Knowledge of other programs as FAQ entries and rules: tables (CSV, XLSX), Rasa, RiveScript, AIML, Chatwoot, Live Helper Chat.
//!
//! Pure: bytes in, entries out, with a list of what was left behind, where and why. One file a format. Refuses to run anything
//! that it reads, and to guess where a text of the other program has no counterpart: that is listed instead.

mod accept;
mod aiml;
mod chatwoot;
mod decode;
mod entry;
mod format;
mod join;
mod lhc;
mod pattern;
mod rasa;
mod rivescript;
mod script;
mod sheet;
mod table;
mod write;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

pub use accept::accept;
pub use entry::{Entry, literal};
pub use format::Format;
pub use table::Field;
pub use write::{FAQ_FILE, RULES_FILE, Written, written};

use crate::text::Fold;

/// Most bytes of a file.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// A file to bring in.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name, for places.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// What the caller knows better than a guess.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Format of all files.
    pub format: Option<Format>,
    /// Columns of tables: by letter, number or head.
    pub columns: Vec<(Field, String)>,
    /// Language of the answers.
    pub language: Option<String>,
    /// Ids that are taken.
    pub taken: BTreeSet<String>,
}

/// What a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The file.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// More about how it was read: encoding, separator.
    pub details: String,
    /// Columns of a table.
    pub columns: Vec<Column>,
}

/// A column of a table that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What it holds.
    pub field: Field,
    /// Its letter, and its head if it has one.
    pub column: String,
    /// The first text in it.
    pub sample: String,
}

/// Something that was not carried over, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Left {
    /// File, and line or path in it.
    pub place: String,
    /// What stands there.
    pub what: String,
    /// Why it was left, or what is to be done.
    pub why: String,
}

impl Left {
    pub(crate) fn new(place: &str, what: &str, why: impl Into<String>) -> Self {
        Self { place: place.to_owned(), what: entry::shortened(what), why: why.into() }
    }
}

/// What came of the files.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Entries and rules, ready to be written.
    pub entries: Vec<Entry>,
    /// What was left behind.
    pub left: Vec<Left>,
    /// What each file was taken for.
    pub files: Vec<Told>,
}

/// Why a file cannot be brought in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct ImportError {
    /// The file.
    pub file: String,
    /// Why, and how to mend it.
    pub why: String,
}

/// Reads the files, all of them as one shop's knowledge.
///
/// # Errors
/// [`ImportError`] for a file that cannot be read at all.
pub fn read(sources: &[Source<'_>], options: &Options) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut entries = Vec::new();
    let mut rasa = rasa::Files::default();
    for source in sources {
        let told = read_one(source, options, &mut entries, &mut rasa, &mut imported.left);
        imported.files.push(told.map_err(|why| ImportError { file: source.name.to_owned(), why })?);
    }
    entries.extend(rasa.entries(&mut imported.left));
    imported.entries = join::join(entries, options, &Fold::new(), &mut imported.left);
    in_order(&mut imported.left);
    Ok(imported)
}

/// By place, line 2 before line 10, and nothing twice.
fn in_order(left: &mut Vec<Left>) {
    let key = |place: &str| {
        let mut key = String::new();
        let mut digits = String::new();
        for sign in place.chars().chain([' ']) {
            if sign.is_ascii_digit() {
                digits.push(sign);
                continue;
            }
            if !digits.is_empty() {
                let _ = write!(key, "{:0>9}", std::mem::take(&mut digits));
            }
            key.push(sign);
        }
        key
    };
    left.sort_by_cached_key(|left| (key(&left.place), left.what.clone(), left.why.clone()));
    left.dedup();
}

fn read_one(
    source: &Source<'_>,
    options: &Options,
    entries: &mut Vec<Entry>,
    rasa: &mut rasa::Files,
    left: &mut Vec<Left>,
) -> Result<Told, String> {
    if source.bytes.len() > MAX_FILE {
        return Err(format!("it has {} bytes, and {MAX_FILE} is the most; divide it", source.bytes.len()));
    }
    let format = format::tell(source, options.format)?;
    let mut told = Told { file: source.name.to_owned(), format, details: String::new(), columns: Vec::new() };
    if format == Format::Xlsx {
        let tables = sheet::xlsx(source)?;
        told.details = format!("{} sheets", tables.len());
        entries.extend(table::entries(&tables, options, &mut told.columns, left)?);
        return Ok(told);
    }
    let (text, encoding) = decode::decode(source.bytes)?;
    encoding.clone_into(&mut told.details);
    match format {
        Format::Xlsx => {}
        Format::Csv => {
            let (rows, separator) = sheet::csv(source.name, &text)?;
            told.details = format!("{encoding}, separated by {separator}");
            entries.extend(table::entries(&[rows], options, &mut told.columns, left)?);
        }
        Format::Rasa => rasa.read(source.name, &text, left)?,
        Format::Rivescript => entries.extend(rivescript::entries(source.name, &text, left)),
        Format::Aiml => entries.extend(aiml::entries(source.name, &text, left)?),
        Format::Chatwoot => entries.extend(chatwoot::entries(source.name, &text, left)?),
        Format::Lhc => entries.extend(lhc::entries(source.name, &text, left)?),
    }
    Ok(told)
}
