//! The rule sets that were in use: which, since when, by whom, and their texts, so that each can be looked at and brought back.
//!
//! Below the data directory: `history/sets/` has a small file for each set, `history/texts/` each text once, under its SHA-256.
//! Plain files, so that they can be read when nothing else works. Readable by the daemon's user alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rules::Files;

/// How long git may take to say who changed the files.
const GIT_TIME: Duration = Duration::from_secs(2);
/// Most sets that are kept; the oldest goes first.
const KEPT: usize = 200;

/// A rule set that was in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its hash, as the log and the metrics name it.
    pub hash: String,
    /// Since when it was in use; the last time, if it came back.
    pub since: Timestamp,
    /// Who changed the files last, where a version control knows.
    pub by: Option<String>,
    /// Why it is kept, if not because it was in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// SHA-256 of each text by its path.
    pub texts: BTreeMap<String, String>,
}

/// Why a set cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Nothing begins so.
    #[error("no rule set of the history begins with `{0}`; `nightdesk history` lists them")]
    Unknown(String),
    /// Several begin so.
    #[error("several rule sets begin with `{0}`: write more of it")]
    Several(String),
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// A file of the history is damaged.
    #[error("the history is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// The history of a data directory.
#[derive(Clone, Debug)]
pub struct History {
    dir: PathBuf,
}

impl History {
    /// The history below a data directory; nothing is made until something is kept.
    #[must_use]
    pub fn below(data: &Path) -> Self {
        Self { dir: data.join("history") }
    }

    /// Keeps a set. One that is kept already counts as in use since now.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep(
        &self,
        files: &Files,
        hash: &str,
        now: Timestamp,
        by: Option<String>,
        note: Option<&str>,
    ) -> Result<(), HistoryError> {
        let private = |path: PathBuf| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(self.dir.join("sets"))?;
        private(self.dir.join("texts"))?;
        let mut texts = BTreeMap::new();
        for (file, text) in files.texts.iter().filter(|(file, _)| !file.starts_with("tests/")) {
            let digest = HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref());
            let path = self.dir.join("texts").join(&digest);
            if !path.exists() {
                write_whole(&path, text.as_bytes())?;
            }
            texts.insert(file.to_string(), digest);
        }
        let set = RuleSet { hash: hash.to_owned(), since: now, by, note: note.map(str::to_owned), texts };
        write_whole(
            &self.dir.join("sets").join(format!("{hash}.json")),
            serde_json::to_string_pretty(&set)?.as_bytes(),
        )?;
        self.forget_the_oldest()
    }

    /// All sets, the last in use first.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn sets(&self) -> Result<Vec<RuleSet>, HistoryError> {
        let entries = match fs::read_dir(self.dir.join("sets")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut sets = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                sets.push(serde_json::from_str(&fs::read_to_string(path)?)?);
            }
        }
        sets.sort_by(|a: &RuleSet, b: &RuleSet| b.since.cmp(&a.since).then_with(|| a.hash.cmp(&b.hash)));
        Ok(sets)
    }

    /// The set whose hash begins so.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, begin: &str) -> Result<RuleSet, HistoryError> {
        let mut found = self.sets()?.into_iter().filter(|set| !begin.is_empty() && set.hash.starts_with(begin));
        match (found.next(), found.next()) {
            (Some(set), None) => Ok(set),
            (None, _) => Err(HistoryError::Unknown(begin.to_owned())),
            (Some(_), Some(_)) => Err(HistoryError::Several(begin.to_owned())),
        }
    }

    /// The texts of a set by path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn texts(&self, set: &RuleSet) -> Result<BTreeMap<String, String>, HistoryError> {
        let read = |(file, digest): (&String, &String)| {
            Ok((file.clone(), fs::read_to_string(self.dir.join("texts").join(digest))?))
        };
        set.texts.iter().map(read).collect()
    }

    fn forget_the_oldest(&self) -> Result<(), HistoryError> {
        let sets = self.sets()?;
        let Some((kept, old)) = sets.split_at_checked(KEPT).filter(|(_, old)| !old.is_empty()) else { return Ok(()) };
        for set in old {
            fs::remove_file(self.dir.join("sets").join(format!("{}.json", set.hash)))?;
        }
        let needed: BTreeSet<&String> = kept.iter().flat_map(|set| set.texts.values()).collect();
        for digest in old.iter().flat_map(|set| set.texts.values()).filter(|digest| !needed.contains(digest)) {
            // Two old sets may share it.
            let _ = fs::remove_file(self.dir.join("texts").join(digest));
        }
        Ok(())
    }
}

/// Who changed a shop's files last, as git tells it; none without git or a repository.
#[must_use]
pub fn author(dir: &Path) -> Option<String> {
    let git = |settings: &[String], arguments: &[&str]| {
        let mut git = Command::new("git");
        // Nothing is asked, fetched, locked or run for it: it is only looked at.
        git.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
        git.env("GIT_ALLOW_PROTOCOL", "").arg("--no-pager");
        for setting in NO_PROGRAMS.into_iter().chain(settings.iter().map(String::as_str)) {
            git.args(["-c", setting]);
        }
        git.arg("-C").arg(dir).args(arguments);
        git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
    };
    let files = ["--", "nightdesk.yaml", "synonyms.yaml", "faq", "rules", "calendars"];
    let log = [&["log", "-1", "--no-show-signature", "--format=%an, %h %s"], &files[..]].concat();
    let last = in_time(git(&[], &log)?).filter(|last| !last.is_empty())?;
    // To compare a file with its commit, git runs the filters that the repository names; no name, no way to leave it out.
    let filters = in_time(git(&[], &["config", "--null", "--name-only", "--get-regexp", r"^filter\."])?);
    let filters: Vec<String> = filters.iter().flat_map(|names| names.split('\0')).map(str::to_owned).collect();
    let filters = filters.iter().filter(|name| !name.is_empty());
    let Some(none) = filters.map(|name| without(name)).collect::<Option<Vec<String>>>() else { return Some(last) };
    let status = [&["status", "--porcelain", "--ignore-submodules=all"], &files[..]].concat();
    let changed = in_time(git(&none, &status)?).is_some_and(|changed| !changed.is_empty());
    Some(if changed { format!("not committed; before it {last}") } else { last })
}

/// Settings by which a repository could have git run a program, turned off: whoever may write `.git/config` in the shop's folder
/// shall not run anything as the daemon's user.
const NO_PROGRAMS: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=",
    "log.showSignature=false",
    "gpg.program=false",
    "protocol.allow=never",
];

/// A filter's setting, turned off; none if its name cannot be written so.
fn without(name: &str) -> Option<String> {
    let value = if name.to_ascii_lowercase().ends_with(".required") { "false" } else { "" };
    (!name.contains(['=', '\n'])).then(|| format!("{name}={value}"))
}

/// What a program prints; none if it fails, or takes longer than it may.
fn in_time(mut child: Child) -> Option<String> {
    let until = Instant::now() + GIT_TIME;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let mut text = String::new();
                child.stdout.take()?.read_to_string(&mut text).ok()?;
                return status.success().then(|| text.trim().to_owned());
            }
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// A file that is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    #[test]
    fn sets_are_kept_with_their_texts_and_found_by_their_beginning() {
        let dir = tempfile::tempdir().expect("a folder");
        let history = History::below(dir.path());
        assert_eq!(history.sets().expect("empty"), []);
        let first =
            Files::from_texts([("nightdesk.yaml", "a"), ("faq/x.yaml", "one"), ("tests/conversations/t.yaml", "t")]);
        let second = Files::from_texts([("nightdesk.yaml", "a"), ("faq/x.yaml", "two")]);
        history.keep(&first, "aa11", at(0), Some("Ann".into()), None).expect("kept");
        history.keep(&second, "ab22", at(1), None, None).expect("kept");
        history.keep(&first, "aa11", at(2), None, None).expect("kept again");
        let hashes: Vec<_> = history.sets().expect("sets").into_iter().map(|set| set.hash).collect();
        assert_eq!(hashes, ["aa11", "ab22"]);
        let texts = history.texts(&history.find("ab").expect("found")).expect("texts");
        assert_eq!(texts, BTreeMap::from([("nightdesk.yaml".into(), "a".into()), ("faq/x.yaml".into(), "two".into())]));
        assert!(matches!(history.find("a"), Err(HistoryError::Several(_))));
        assert!(matches!(history.find("c"), Err(HistoryError::Unknown(_))));
        assert!(matches!(history.find(""), Err(HistoryError::Unknown(_))));
        assert_eq!(fs::read_dir(dir.path().join("history/texts")).expect("texts").count(), 3, "each text once");
    }

    #[test]
    fn the_oldest_go_and_shared_texts_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let history = History::below(dir.path());
        for n in 0..=KEPT {
            let own = n.to_string();
            let files = Files::from_texts([("nightdesk.yaml", "shared"), ("faq/x.yaml", own.as_str())]);
            history.keep(&files, &format!("{n:04}"), at(i64::try_from(n).expect("small")), None, None).expect("kept");
        }
        let sets = history.sets().expect("sets");
        assert_eq!((sets.len(), sets.last().map(|set| set.hash.as_str())), (KEPT, Some("0001")));
        assert_eq!(fs::read_dir(dir.path().join("history/texts")).expect("texts").count(), KEPT + 1);
        assert!(history.texts(&sets[0]).is_ok());
    }

    /// A repository whose settings run a program wherever git would, each of which leaves a mark.
    #[cfg(unix)]
    #[test]
    fn a_repository_of_somebody_else_runs_nothing() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().expect("a folder");
        let (shop, marks) = (dir.path().join("shop"), dir.path().join("marks"));
        fs::create_dir_all(shop.join("faq")).expect("made");
        fs::create_dir(&marks).expect("made");
        let run = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").arg("-C").arg(&shop);
            git.args(["-c", "user.name=Ann", "-c", "user.email=ann@shop.example", "-c", "commit.gpgSign=false"]);
            let output = git.args(arguments).output().expect("git runs");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("words").trim().to_owned()
        };
        run(&["init", "--quiet"]);
        fs::write(shop.join("nightdesk.yaml"), "a: 1\n").expect("written");
        fs::write(shop.join("faq/x.yaml"), "one\n").expect("written");
        fs::write(shop.join(".gitattributes"), "* filter=evil diff=evil\n").expect("written");
        run(&["add", "."]);
        run(&["commit", "--quiet", "--message", "First words"]);
        // A signature, so that showing it would call a program.
        let commit = run(&["cat-file", "commit", "HEAD"]);
        let signed = commit.replacen(
            "\n\n",
            "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n",
            1,
        );
        fs::write(dir.path().join("signed"), format!("{signed}\n")).expect("written");
        let signed = dir.path().join("signed");
        let hash = run(&["hash-object", "-t", "commit", "-w", signed.to_str().expect("words")]);
        run(&["update-ref", "HEAD", &hash]);
        let program = |mark: &str| {
            let path = dir.path().join(mark);
            fs::write(&path, format!("#!/bin/sh\ntouch '{}'\ncat\n", marks.join(mark).display())).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
            path.to_str().expect("words").to_owned()
        };
        let hooks = dir.path().join("hooks");
        fs::create_dir(&hooks).expect("made");
        for hook in ["post-index-change", "reference-transaction", "fsmonitor-watchman"] {
            fs::copy(program(hook), hooks.join(hook)).expect("copied");
        }
        for (key, value) in [
            ("core.fsmonitor", program("fsmonitor")),
            ("core.hooksPath", hooks.to_str().expect("words").to_owned()),
            ("core.pager", program("pager")),
            ("pager.log", program("pager-log")),
            ("pager.status", program("pager-status")),
            ("core.sshCommand", program("ssh")),
            ("core.editor", program("editor")),
            ("gpg.program", program("gpg")),
            ("gpg.openpgp.program", program("openpgp")),
            ("gpg.ssh.program", program("gpg-ssh")),
            ("log.showSignature", "true".to_owned()),
            ("filter.evil.clean", program("clean")),
            ("filter.evil.smudge", program("smudge")),
            ("filter.evil.process", program("process")),
            ("filter.evil.required", "true".to_owned()),
            ("diff.evil.command", program("diff")),
            ("diff.evil.textconv", program("textconv")),
            ("diff.external", program("external")),
            ("status.submoduleSummary", "true".to_owned()),
            ("alias.log", format!("!{}", program("alias"))),
        ] {
            run(&["config", key, &value]);
        }
        let left = || -> Vec<String> {
            let names = fs::read_dir(&marks).expect("marks").map(|mark| mark.expect("a mark").file_name());
            names.map(|name| name.to_string_lossy().into_owned()).collect()
        };
        fs::write(shop.join("faq/x.yaml"), "two\n").expect("written");
        let said = author(&shop).expect("an author");
        assert!(said.starts_with("not committed; before it Ann, ") && said.ends_with("First words"), "{said}");
        assert_eq!(left(), Vec::<String>::new());
        // The trap is one: git itself, asked in the same way, runs what the settings say.
        let _ = Command::new("git").arg("-C").arg(&shop).args(["log", "-1"]).output();
        let _ = Command::new("git").arg("-C").arg(&shop).args(["status", "--porcelain"]).output();
        let fell = left();
        for mark in ["clean", "openpgp"] {
            assert!(fell.iter().any(|one| one == mark || one == "process"), "{mark} is no trap: {fell:?}");
        }
    }
}
