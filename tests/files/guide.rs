//! The pages that people learn from, run as they stand: the guides and the first hour.
//!
//! A comment above a block of YAML says what becomes of it; the page's reader does not see it.
//!
//! - `<!-- file: PATH -->`: the block is this file of the shop.
//! - `<!-- keys: PATH -->`: its top-level keys take the place of those in the file; `<!-- lines: PATH -->`: its lines do.
//! - `<!-- mistake: PATH -->`: the file is so for the next session only.
//! - `<!-- part: WHERE -->`: not run here; the place that runs it.
//! - `<!-- run: COMMAND -->`, by itself: what the words around it tell the reader to do.
//! - `<!-- shop: shipped -->`, by itself: the page is about the files that we ship, not about a shop of its own.
//!
//! In a block `console` the lines behind `$ ` are run, those behind `> ` are typed, and the rest must be what is printed. A line
//! `…` stands for any number of lines, `…` at a line's end for the rest of it. `UPDATE_PAGES=1` writes what is printed into the
//! page, whole. The first chapter's files stay for all chapters, those of another go with it; at the end of each chapter
//! `check --strict` finds nothing and `test` passes.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn every_example_of_the_english_guide_works() {
    run("docs/rules-guide.en.md", 40);
}

#[test]
fn every_example_of_the_chinese_guide_works() {
    run("docs/rules-guide.zh.md", 40);
}

#[test]
fn the_first_hour_goes_as_it_is_written() {
    run("docs/first-hour.md", 6);
}

fn run(page: &str, least: usize) {
    let path = here().join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let lines: Vec<&str> = text.lines().collect();
    let mut walk = Walk::new(page);
    walk.whole(&lines);
    assert!(walk.examples >= least, "{page}: only {} examples are run", walk.examples);
    if !walk.anew.is_empty() && std::env::var_os("UPDATE_PAGES").is_some() {
        let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        for (from, to, printed) in walk.anew.iter().rev() {
            lines.splice(from..to, printed.iter().cloned());
        }
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    assert!(walk.wrong.is_empty(), "\n{}", walk.wrong);
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page as it is walked through, and the shop as the reader has it by then.
struct Walk<'page> {
    page: &'page str,
    root: tempfile::TempDir,
    /// Whether the shop is ours: then it is checked at the page's end only, and its own tests run elsewhere.
    shipped: bool,
    chapter: usize,
    /// What a mistake stands over.
    before: Option<(PathBuf, Option<String>)>,
    examples: usize,
    wrong: String,
    anew: Vec<(usize, usize, Vec<String>)>,
}

impl<'page> Walk<'page> {
    fn new(page: &'page str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("bin")).unwrap();
        fs::create_dir_all(root.path().join("shop")).unwrap();
        let program = root.path().join("bin/nightdesk");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_nightdesk"), program).unwrap();
        Self {
            page,
            root,
            shipped: false,
            chapter: 0,
            before: None,
            examples: 0,
            wrong: String::new(),
            anew: Vec::new(),
        }
    }

    fn shop(&self) -> PathBuf {
        self.root.path().join("shop")
    }

    fn whole(&mut self, lines: &[&str]) {
        let mut at = 0;
        let mut said: Option<(&str, &str)> = None;
        while at < lines.len() {
            let line = lines[at];
            at += 1;
            if let Some(comment) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
                match comment.split_once(": ") {
                    Some(("run", command)) => drop(self.sh(command, &[], at)),
                    Some(("shop", "shipped")) => self.ship(),
                    told => said = told,
                }
            } else if let Some(kind) = line.strip_prefix("```") {
                let end = at + lines[at..].iter().position(|line| *line == "```").expect("a block has an end");
                self.block(kind, said.take(), (at, end), lines);
                at = end + 1;
            } else if line.starts_with("## ") {
                self.end_of_chapter(at);
            }
        }
        self.end_of_chapter(at);
    }

    fn block(&mut self, kind: &str, said: Option<(&str, &str)>, (from, to): (usize, usize), lines: &[&str]) {
        let text = || lines[from..to].join("\n") + "\n";
        match (kind, said) {
            (_, Some(("part", _))) => {}
            ("console", _) => {
                self.session(from, to, lines);
                if let Some((path, before)) = self.before.take() {
                    match before {
                        Some(text) => fs::write(path, text).unwrap(),
                        None => fs::remove_file(path).unwrap(),
                    }
                }
            }
            ("yaml", Some(("file", path))) => self.write(path, &text()),
            ("yaml", Some(("mistake", path))) => {
                let file = self.shop().join(path);
                self.before = Some((file.clone(), fs::read_to_string(file).ok()));
                self.write(path, &text());
            }
            ("yaml", Some(("keys", path))) => {
                let mut file = sections(&fs::read_to_string(self.shop().join(path)).unwrap());
                let new = sections(&text());
                file.retain(|(key, _)| !new.iter().any(|(other, _)| other == key));
                let whole: String = file.into_iter().chain(new).map(|(_, text)| text).collect();
                self.write(path, &whole);
            }
            ("yaml", Some(("lines", path))) => {
                let mut file = fs::read_to_string(self.shop().join(path)).unwrap();
                for line in &lines[from..to] {
                    let key = &line[..=line.find(':').expect("a key")];
                    let old = file.lines().find(|old| old.starts_with(key)).expect("the line is there").to_owned();
                    file = file.replacen(&old, line, 1);
                }
                self.write(path, &file);
            }
            ("yaml", _) => self.complain(from, "a block of YAML that nothing runs"),
            _ => {}
        }
    }

    fn write(&mut self, path: &str, text: &str) {
        self.examples += 1;
        let path = self.shop().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn complain(&mut self, line: usize, what: &str) {
        writeln!(self.wrong, "{}:{line}: {what}", self.page).unwrap();
    }

    /// Runs the commands of a block and compares what they print.
    fn session(&mut self, from: usize, to: usize, lines: &[&str]) {
        self.examples += 1;
        let starts: Vec<usize> = (from..to).filter(|at| lines[*at].starts_with("$ ")).collect();
        if starts.first() != Some(&from) {
            self.complain(from, "a session begins with `$ `");
        }
        for (nth, start) in starts.iter().enumerate() {
            let end = starts.get(nth + 1).copied().unwrap_or(to);
            let expected = &lines[start + 1..end];
            let typed: Vec<&str> = expected.iter().filter_map(|line| line.strip_prefix("> ")).collect();
            let printed = self.transcript(&lines[*start][2..], &typed, start + 1);
            if !like(expected, &printed) {
                self.anew.push((start + 1, end, printed.clone()));
                self.complain(start + 1, &format!("`{}` prints\n{}\n", lines[*start], printed.join("\n")));
            }
        }
    }

    /// What a command prints, with what is typed in between. What a line brings is what is printed with it and not without.
    fn transcript(&mut self, command: &str, typed: &[&str], line: usize) -> Vec<String> {
        let mut before = self.sh(command, &[], line);
        let mut all = before.clone();
        for count in 1..=typed.len() {
            let now = self.sh(command, &typed[..count], line);
            let new = now.strip_prefix(before.as_str()).unwrap_or(&now);
            writeln!(all, "> {}", typed[count - 1]).unwrap();
            all += new;
            before = now;
        }
        let mut lines: Vec<String> = all.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
        lines
    }

    fn sh(&mut self, command: &str, typed: &[&str], line: usize) -> String {
        let path = format!("{}:{}", self.root.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut process = Command::new("sh");
        process.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(self.shop());
        process.env("PATH", path).env("TZ", "Asia/Shanghai").env("PAGES", here().join("docs"));
        process
            .env("DESK_URL", "http://127.0.0.1:9797/desk")
            .env("DESK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        for name in ["NIGHTDESK_DIR", "NIGHTDESK_DATA", "NIGHTDESK_LOG"] {
            process.env_remove(name);
        }
        let mut child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input: String = typed.iter().flat_map(|line| [line, "\n"]).collect();
        // A command that reads nothing may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        if output.status.code().is_none_or(|code| code > 2) {
            self.complain(line, &format!("`{command}`: {}", output.status));
        }
        String::from_utf8(output.stdout).unwrap()
    }

    fn ship(&mut self) {
        self.shipped = true;
        for name in ["nightdesk.yaml", "synonyms.yaml", "faq", "rules", "calendars", "tests/conversations"] {
            copy(&here().join(name), &self.shop().join(name));
        }
    }

    fn end_of_chapter(&mut self, line: usize) {
        self.chapter += 1;
        if self.chapter == 1 || self.shipped {
            return;
        }
        let found = self.sh("nightdesk check --strict", &[], line);
        // Calendars on a page end with their year, and pages stay.
        let aged = |line: &str| line.starts_with("warning[missing-year]");
        let mut kinds = found.lines().filter(|line| line.starts_with("warning[") || line.starts_with("error["));
        if !found.starts_with("fine: ") && !kinds.all(aged) {
            self.complain(line, &format!("the chapter above leaves findings:\n{found}"));
        }
        if self.shop().join("tests").exists() {
            let failed = self.sh("nightdesk test || echo FAILED", &[], line);
            if failed.contains("FAILED") {
                self.complain(line, &format!("tests of the chapter above fail:\n{failed}"));
            }
        }
        let first = self.root.path().join("first");
        if self.chapter == 2 {
            copy(&self.shop(), &first);
        } else {
            fs::remove_dir_all(self.shop()).unwrap();
            copy(&first, &self.shop());
        }
    }
}

/// A file's top-level keys, each with its lines; what stands above the first has no name.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections = Vec::<(String, String)>::new();
    for line in text.lines() {
        let begins = line.chars().next().is_some_and(|first| !first.is_whitespace() && first != '#');
        if begins || sections.is_empty() {
            sections.push((line.split(':').next().unwrap_or_default().to_owned(), String::new()));
        }
        writeln!(sections.last_mut().unwrap().1, "{line}").unwrap();
    }
    sections
}

/// Whether lines were printed as they are expected, with `…` for what is left out.
fn like(expected: &[&str], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|skip| like(rest, &printed[skip..])),
        Some((line, rest)) => printed.split_first().is_some_and(|(first, after)| {
            let same = line.trim_end() == first || line.strip_suffix('…').is_some_and(|begin| first.starts_with(begin));
            same && like(rest, after)
        }),
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &to.join(path.file_name().unwrap()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

#[test]
fn left_out_lines_are_the_only_ones_that_may_differ() {
    let printed = ["a", "b", "c d"].map(str::to_owned);
    for (expected, fits) in [
        (vec!["a", "b", "c d"], true),
        (vec!["…", "c…"], true),
        (vec!["a", "…"], true),
        (vec!["a", "…", "b"], false),
        (vec!["a", "b"], false),
        (vec!["a", "b", "c d", "e"], false),
        (vec!["a", "b", "d…"], false),
    ] {
        assert_eq!(like(&expected, &printed), fits, "{expected:?}");
    }
}
