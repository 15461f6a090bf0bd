//! `nightdesk history`: the rule sets that were in use, and what changed in each. Works without a running daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use comfy_table::{Table, presets};
use jiff::tz::TimeZone;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::{Ended, Failure, Form, Global};
use crate::history::{History, RuleSet};
use crate::rules::Files;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show what this set changed against the one before it; the beginning of its hash is enough.
    hash: Option<String>,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Against this set, or `now` for the files as they are, in place of the one before it.
    #[arg(long, requires = "hash", value_name = "HASH")]
    against: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Form of what is printed.
    #[arg(long, default_value = "human")]
    format: Form,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let history = History::below(&args.data);
    let Some(hash) = &args.hash else { return list(&history, args) };
    let set = history.find(hash)?;
    let (before, name) = match args.against.as_deref() {
        Some("now") => (knowledge(&Files::read(&global.dir)), "the files as they are".to_owned()),
        Some(other) => {
            let other = history.find(other)?;
            (history.texts(&other)?, other.hash)
        }
        None => {
            let earlier = history.sets()?.into_iter().find(|other| other.since < set.since);
            let Some(earlier) = earlier else {
                anyhow::bail!("nothing is kept from before {}; name a set with --against", set.hash)
            };
            (history.texts(&earlier)?, earlier.hash)
        }
    };
    anstream::println!("{} against {name}", set.hash);
    let changed = differences(&before, &history.texts(&set)?, global.colored());
    anstream::print!("{}", if changed.is_empty() { "no difference\n".to_owned() } else { changed });
    Ok(Ended::Fine)
}

fn list(history: &History, args: &Args) -> Result<Ended, Failure> {
    let sets = history.sets()?;
    if args.format == Form::Json {
        anstream::println!("{:#}", json!(sets.iter().take(args.limit).collect::<Vec<_>>()));
        return Ok(Ended::Fine);
    }
    if sets.is_empty() {
        anstream::println!("no rule set was in use yet with the store in {}", args.data.display());
        return Ok(Ended::Fine);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["set", "since", "changed", "by"]);
    for (set, before) in sets.iter().zip(sets.iter().skip(1).map(Some).chain([None])).take(args.limit) {
        let since = set.since.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
        let by = set.note.as_ref().or(set.by.as_ref()).map(String::as_str).unwrap_or_default();
        table.add_row([set.hash.as_str(), &since, &before.map_or_else(String::new, |before| changed(before, set)), by]);
    }
    anstream::println!("{}", table.trim_fmt());
    anstream::println!("nightdesk history HASH shows what changed, nightdesk rollback HASH brings it back");
    Ok(Ended::Fine)
}

/// Which files differ, in a few words.
fn changed(before: &RuleSet, after: &RuleSet) -> String {
    let files: BTreeSet<&String> = before.texts.keys().chain(after.texts.keys()).collect();
    let files: Vec<&str> = files
        .into_iter()
        .filter(|file| before.texts.get(*file) != after.texts.get(*file))
        .map(String::as_str)
        .collect();
    match files.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// The texts of knowledge and settings by path.
pub(super) fn knowledge(files: &Files) -> BTreeMap<String, String> {
    let texts = files.texts.iter().filter(|(file, _)| !file.starts_with("tests/"));
    texts.map(|(file, text)| (file.to_string(), text.to_string())).collect()
}

/// A unified diff of all files that differ.
pub(super) fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, color: bool) -> String {
    let files: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |texts: &BTreeMap<String, String>, file: &String| texts.get(file).cloned().unwrap_or_default();
    let mut out = String::new();
    for file in files {
        let (old, new) = (text(before, file), text(after, file));
        if old == new {
            continue;
        }
        let diff = TextDiff::from_lines(&old, &new);
        let name = |texts: &BTreeMap<String, String>| if texts.contains_key(file) { file.as_str() } else { "(none)" };
        let shown = diff.unified_diff().context_radius(2).header(name(before), name(after)).to_string();
        if color {
            shown.lines().for_each(|line| out.push_str(&painted(line)));
        } else {
            out.push_str(&shown);
        }
    }
    out
}

fn painted(line: &str) -> String {
    use anstyle::{AnsiColor, Style};
    let tag = match line.as_bytes().first() {
        Some(b'+') => ChangeTag::Insert,
        Some(b'-') => ChangeTag::Delete,
        _ => ChangeTag::Equal,
    };
    let style = match tag {
        ChangeTag::Insert => Style::new().fg_color(Some(AnsiColor::Green.into())),
        ChangeTag::Delete => Style::new().fg_color(Some(AnsiColor::Red.into())),
        ChangeTag::Equal => Style::new(),
    };
    format!("{style}{line}{style:#}\n")
}
