//! `nightdesk schema`: JSON Schemas, so that editors complete and check the files.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::{Ended, Failure, Global, mend};
use crate::rules::schema::{self, Known};
use crate::rules::{Book, Files, load};

/// Folder of the schemas below a shop's directory, and their ending.
const FOLDER: &str = ".nightdesk/schemas";
/// What the head line of a file begins with, as the YAML language server knows it.
const HEAD: &str = "# yaml-language-server: $schema=";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which kind of file.
    #[arg(value_parser = schema::NAMES, required_unless_present = "write")]
    name: Option<String>,
    /// Write all schemas below .nightdesk/, with the names of this shop, and name them in the head line of every file.
    #[arg(long, conflicts_with = "name")]
    write: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    if args.write {
        return write(&global.dir);
    }
    let name = args.name.as_deref().unwrap_or_default();
    let schema =
        schema::schema(name, &Known::default()).ok_or_else(|| anyhow::anyhow!("there is no schema `{name}`"))?;
    anstream::println!("{schema:#}");
    Ok(Ended::Fine)
}

fn write(dir: &Path) -> Result<Ended, Failure> {
    anyhow::ensure!(dir.is_dir(), "{} is not a directory; name the shop's with --dir", dir.display());
    let files = Files::read(dir);
    let written = refresh(dir, &files)?;
    let mut headed = 0;
    for (file, text) in &files.texts {
        let Some(name) = kind_of(file) else { continue };
        let head = format!("{HEAD}{}{FOLDER}/{name}.json", "../".repeat(file.matches('/').count()));
        if let Some(new) = with_head(text, &head) {
            mend::replace(&dir.join(file.as_ref()), text, &new).with_context(|| format!("{file} stays as it was"))?;
            headed += 1;
        }
    }
    anstream::println!("{written} schemas written to {FOLDER}/, {headed} files now name theirs");
    anstream::println!(
        "run it again, or keep `nightdesk check --watch` running, when there is a new entry, queue or channel"
    );
    Ok(Ended::Fine)
}

/// Writes the schemas that differ from what is there; how many.
fn refresh(dir: &Path, files: &Files) -> Result<usize, Failure> {
    // Shape and names are all that is needed; a mistake elsewhere must not keep an editor from helping with it.
    let (book, _) = load::load(files.clone(), &load::NoSecrets);
    let known = book.as_ref().map(Known::of).unwrap_or_default();
    let folder = dir.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("{FOLDER} cannot be made"))?;
    let mut written = 0;
    for (name, text) in differing(&folder, &known) {
        fs::write(folder.join(format!("{name}.json")), text)
            .with_context(|| format!("{FOLDER}/{name}.json cannot be written"))?;
        written += 1;
    }
    Ok(written)
}

/// Schemas by name that are not in a folder as they should be.
fn differing<'a>(folder: &'a Path, known: &'a Known) -> impl Iterator<Item = (&'static str, String)> + 'a {
    schema::NAMES.into_iter().filter_map(|name| {
        let text = format!("{:#}\n", schema::schema(name, known)?);
        let same = fs::read_to_string(folder.join(format!("{name}.json"))).is_ok_and(|old| old == text);
        (!same).then_some((name, text))
    })
}

/// Whether a shop has schemas and they do not know what is in its book.
pub(super) fn are_old(dir: &Path, book: &Book) -> bool {
    let folder = dir.join(FOLDER);
    folder.is_dir() && differing(&folder, &Known::of(book)).next().is_some()
}

/// Keeps the schemas of a shop that has them true to its files.
pub(super) fn keep(dir: &Path, files: &Files) -> Result<(), Failure> {
    if dir.join(FOLDER).is_dir() {
        refresh(dir, files)?;
    }
    Ok(())
}

/// The schema of a file, by where it lies.
fn kind_of(file: &str) -> Option<&'static str> {
    Some(match file.split('/').next()? {
        "nightdesk.yaml" => "config",
        "synonyms.yaml" => "synonyms",
        "faq" => "faq",
        "rules" => "rules",
        "tests" => "conversations",
        "calendars" if file.ends_with("yaml") || file.ends_with("yml") => "calendar",
        _ => return None,
    })
}

/// The text with this head line, in place of another one; none if it has it already.
fn with_head(text: &str, head: &str) -> Option<String> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let first = text.lines().next().unwrap_or_default();
    if first == head {
        return None;
    }
    let rest = if first.starts_with(HEAD) { text.get(first.len()..)?.trim_start_matches(['\r', '\n']) } else { text };
    Some(format!("{head}{end}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_line_is_put_in_changed_and_left() {
        assert_eq!(
            with_head("faq: []\n", "# yaml-language-server: $schema=a").as_deref(),
            Some("# yaml-language-server: $schema=a\nfaq: []\n")
        );
        assert_eq!(
            with_head("# yaml-language-server: $schema=b\r\nfaq: []\r\n", "# yaml-language-server: $schema=a")
                .as_deref(),
            Some("# yaml-language-server: $schema=a\r\nfaq: []\r\n")
        );
        assert_eq!(
            with_head("# yaml-language-server: $schema=a\nfaq: []\n", "# yaml-language-server: $schema=a"),
            None
        );
        assert_eq!(
            with_head("", "# yaml-language-server: $schema=a").as_deref(),
            Some("# yaml-language-server: $schema=a\n")
        );
    }
}
