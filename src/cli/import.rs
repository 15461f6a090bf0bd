//! `nightdesk import`: knowledge of other programs as files of a shop, with a list of what could not be carried over.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::{Ended, Failure, Form, Global, printable};
use crate::clock::Clock;
use crate::diag::Report;
use crate::import::{self, FAQ_FILE, Field, Format, Imported, Options, RULES_FILE, Source, Written};
use crate::rules::{Files, read_at_most};
use crate::shop;
use crate::text::Lang;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Tables (CSV, XLSX), Rasa (nlu, domain, rules, stories), RiveScript, AIML, Chatwoot's canned responses, Live Helper Chat's
    /// bots. Several are brought in as one.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Format of all files; told from name and content if left out.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::WORDS.map(|(word, _)| word)))]
    from: Option<String>,
    /// Columns of a table by letter, number or head, such as question=A,answer=B; also id, title, category, phrase, language.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Language of the answers; told from their script if left out.
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Queue of what is brought to people; the shop's routes decide if left out.
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Write the entries to this file instead of printing them, such as faq/imported.yaml.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where rules go beside --out: that path with rules/ in place of faq/ if left out.
    #[arg(long, value_name = "FILE", requires = "out")]
    rules_out: Option<PathBuf>,
    /// Write over files that exist.
    #[arg(long, requires = "out")]
    force: bool,
    /// Form of the list of what was left behind; json prints one object.
    #[arg(long, default_value = "human")]
    format: Form,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let places =
        args.out.as_ref().map(|out| (out.clone(), args.rules_out.clone().unwrap_or_else(|| rules_beside(out))));
    let shop = known_shop(global, places.as_ref());
    let mut options = options(args)?;
    options.taken = shop.as_ref().map(ids).unwrap_or_default();
    let texts = args.files.iter().map(|file| Ok((name(file), read(file)?))).collect::<Result<Vec<_>, Failure>>()?;
    let sources: Vec<_> = texts.iter().map(|(name, bytes)| Source { name, bytes }).collect();
    let mut imported = import::read(&sources, &options)?;
    let base = shop.clone().unwrap_or_else(|| Files::from_texts([("nightdesk.yaml", small(&imported, args).as_str())]));
    import::accept(&mut imported, args.queue.as_deref(), &|written| check(global, base.clone(), written));
    let written = import::written(&imported.entries, args.queue.as_deref());
    let mut saved = Vec::new();
    if let Some((faq, rules)) = &places {
        save(&[(faq, &written.faq), (rules, &written.rules)], args.force, &mut saved)?;
    }
    match args.format {
        Form::Json => print_json(&imported, &written, &saved),
        Form::Human => {
            if places.is_none() {
                print(&written);
            }
            summary(&imported, &saved, shop.is_some());
        }
    }
    Ok(if imported.entries.is_empty() { Ended::Findings } else { Ended::Fine })
}

fn options(args: &Args) -> Result<Options, Failure> {
    let mut options = Options { format: args.from.as_deref().and_then(Format::named), ..Options::default() };
    for pair in &args.columns {
        let known = pair.split_once('=').and_then(|(word, column)| Some((Field::named(word.trim())?, column.trim())));
        let Some((field, column)) = known else {
            let words = Field::WORDS.map(|(word, _)| word).join(", ");
            anyhow::bail!("`--columns {pair}`: write it as question=A,answer=B; known are {words}");
        };
        options.columns.push((field, column.to_owned()));
    }
    if let Some(code) = &args.language {
        let language = Lang::new(code)
            .ok_or_else(|| anyhow::anyhow!("`--language {code}` is not a language code, such as zh, zh-Hant or en"))?;
        options.language = Some(language.as_str().to_owned());
    }
    Ok(options)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    read_at_most(file, import::MAX_FILE as u64).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => anyhow::anyhow!("{}: {error}; divide it", file.display()),
        _ => anyhow::anyhow!("{} cannot be read: {error}", file.display()),
    })
}

/// The files of the shop, if there is one without errors: what is brought in is then checked within it. Those that are to be
/// written over no longer count.
fn known_shop(global: &Global, places: Option<&(PathBuf, PathBuf)>) -> Option<Files> {
    let mut files = Files::read(&global.dir);
    let same = |path: &str, out: &Path| {
        let whole = |path: &Path| fs::canonicalize(path).ok();
        whole(out).is_some_and(|out| whole(&global.dir.join(path)) == Some(out))
    };
    files.texts.retain(|path, _| !places.is_some_and(|(faq, rules)| same(path, faq) || same(path, rules)));
    let (engine, _) = shop::open_files(&global.dir, files.clone(), Clock::system().now());
    engine.map(|_| files)
}

/// Ids of a shop's entries and rules.
fn ids(files: &Files) -> BTreeSet<String> {
    let (book, _) = crate::rules::load::load(files.clone(), &crate::rules::load::NoSecrets);
    book.map(|book| book.rules.iter().map(|rule| rule.id.value.clone()).collect()).unwrap_or_default()
}

/// A shop for what is brought in where there is none yet.
fn small(imported: &Imported, args: &Args) -> String {
    let known = imported.entries.iter().map(|entry| entry.language.as_str()).filter(|language| !language.is_empty());
    let mut languages: BTreeSet<&str> = known.collect();
    if languages.is_empty() {
        languages.insert("zh");
    }
    let languages: Vec<String> = languages.into_iter().map(crate::diag::quoted).collect();
    let queue = crate::diag::quoted(args.queue.as_deref().unwrap_or("general"));
    format!(
        "timezone: Asia/Shanghai\nlanguages: [{}]\nhours: {{always: {{weekly: {{mon-sun: [\"00:00-24:00\"]}}}}}}\n\
         queues: {{{queue}: {{hours: always}}}}\nroutes: [{{queue: {queue}}}]\nchannels: {{web: {{kind: websocket}}}}\n\
         notices: {{closed: \"-\", handed_over: \"-\"}}\n",
        languages.join(", ")
    )
}

fn check(global: &Global, mut files: Files, written: &Written) -> Report {
    for (path, text) in [(FAQ_FILE, &written.faq), (RULES_FILE, &written.rules)] {
        files.texts.remove(path);
        if !text.is_empty() {
            files.texts.insert(path.into(), text.as_str().into());
        }
    }
    shop::check_files(&global.dir, files, Clock::system().now()).1
}

/// `faq/x.yaml` → `rules/x.yaml`; elsewhere `x.yaml` → `x.rules.yaml`.
fn rules_beside(out: &Path) -> PathBuf {
    let parts: Vec<_> = out.components().collect();
    if let Some(at) = parts.iter().rposition(|part| part.as_os_str() == "faq") {
        let swapped =
            parts.iter().enumerate().map(|(n, part)| if n == at { "rules".as_ref() } else { part.as_os_str() });
        return swapped.collect();
    }
    out.with_extension("rules.yaml")
}

/// Writes files whole: all that are to be written are looked at before the first is.
fn save(files: &[(&PathBuf, &String)], force: bool, saved: &mut Vec<String>) -> Result<(), Failure> {
    let files: Vec<_> = files.iter().filter(|(_, text)| !text.is_empty()).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists() && !force) {
        anyhow::bail!("{} exists; name another with --out, or write over it with --force", path.display());
    }
    for (path, text) in files {
        save_one(path, text, force).with_context(|| format!("{} cannot be written", path.display()))?;
        saved.push(path.display().to_string());
    }
    Ok(())
}

fn save_one(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Its name begins with a dot, so nobody takes it for a file of the shop.
    let mut beside = tempfile::Builder::new().prefix(".imported-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    let mode = fs::metadata(path).or_else(|_| fs::metadata(folder)).map(|known| known.permissions())?;
    if path.exists() {
        beside.as_file().set_permissions(mode)?;
    } else {
        readable(beside.as_file())?;
    }
    beside.as_file().sync_all()?;
    // What has come there meanwhile is somebody's.
    if force {
        beside.persist(path)?
    } else {
        beside.persist_noclobber(path)?
    };
    Ok(())
}

/// A file of a shop can be read by others of the machine, unlike a temporary one.
#[cfg(unix)]
fn readable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> io::Result<()> {
    Ok(())
}

fn print(written: &Written) {
    match (written.faq.is_empty(), written.rules.is_empty()) {
        (false, false) => {
            anstream::print!("# {FAQ_FILE}\n{}---\n# {RULES_FILE}\n{}", written.faq, written.rules);
        }
        _ => anstream::print!("{}{}", written.faq, written.rules),
    }
}

fn print_json(imported: &Imported, written: &Written, saved: &[String]) {
    let value = json!({
        "files": imported.files,
        "entries": imported.entries.len(),
        "questions": questions(imported),
        "left": imported.left,
        "saved": saved,
        "faq": written.faq,
        "rules": written.rules,
    });
    anstream::println!("{value:#}");
}

fn questions(imported: &Imported) -> usize {
    imported.entries.iter().map(|entry| entry.questions.len()).sum()
}

fn summary(imported: &Imported, saved: &[String], in_shop: bool) {
    for told in &imported.files {
        anstream::eprintln!("{}: {}, {}", printable(&told.file), told.format.word(), printable(&told.details));
        for column in &told.columns {
            let (name, sample) = (printable(&column.column), printable(&column.sample));
            anstream::eprintln!("  {:<8} = {name}, such as “{sample}”", column.field.word());
        }
    }
    let rules = imported.entries.iter().filter(|entry| entry.is_rule()).count();
    anstream::eprintln!(
        "{} entries and {rules} rules with {} questions",
        imported.entries.len() - rules,
        questions(imported)
    );
    let mut languages: Vec<&str> = imported.entries.iter().map(|entry| entry.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    languages.retain(|language| !language.is_empty());
    if !languages.is_empty() {
        anstream::eprintln!("answers written as {}; --language says otherwise", languages.join(", "));
    }
    if !imported.left.is_empty() {
        anstream::eprintln!("\nleft behind, or to be looked at ({}):", imported.left.len());
        for left in &imported.left {
            let [place, what, why] = [&left.place, &left.what, &left.why].map(|text| printable(text));
            anstream::eprintln!("  {place}: {what}\n      {why}");
        }
    }
    if !in_shop {
        anstream::eprintln!("\nthere is no shop without errors here, so the entries were checked by themselves");
    }
    for file in saved {
        anstream::eprintln!("written: {file}");
    }
    anstream::eprintln!("next: read the answers, run `nightdesk check`, and write more questions for each entry");
}
