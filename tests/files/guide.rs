//! The pages that people learn from, run as they stand: the guides, the first hour, and every session of the other pages.
//!
//! A comment above a block of YAML says what becomes of it; the page's reader does not see it.
//!
//! - `<!-- file: PATH -->`: the block, of whatever kind, is this file of the shop.
//! - `<!-- keys: PATH -->`: its top-level keys take the place of those in the file; `<!-- lines: PATH -->`: its lines do.
//! - `<!-- mistake: PATH -->`: the file is so for the next session only.
//! - `<!-- part: WHERE -->`: not run here; the place that runs it.
//! - `<!-- run: COMMAND -->`, by itself: what the words around it tell the reader to do.
//! - `<!-- shop: shipped -->`, by itself: the page is about the files that we ship, not about a shop of its own.
//! - `<!-- shop: shipped, only sessions -->`: the same, and YAML without such a comment is shown and not run.
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

use crate::program::{OWN, copy, copy_shipped, program};

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

#[test]
fn the_sessions_of_the_english_readme_go_as_they_are_written() {
    run("README.md", 4);
}

#[test]
fn the_sessions_of_the_chinese_readme_go_as_they_are_written() {
    run("README.zh.md", 4);
}

#[test]
fn the_sessions_of_the_reference_go_as_they_are_written() {
    run("docs/rules.md", 5);
}

#[test]
fn the_session_of_the_import_goes_as_it_is_written() {
    run("docs/import.md", 1);
}

/// Pages with sessions; the tests above run them.
const WITH_SESSIONS: [&str; 7] = [
    "README.md",
    "README.zh.md",
    "docs/first-hour.md",
    "docs/import.md",
    "docs/rules-guide.en.md",
    "docs/rules-guide.zh.md",
    "docs/rules.md",
];
/// Sessions that they do not run: the page, the command, and why.
const NOT_RUN: [(&str, &str, &str); 1] =
    [("docs/first-hour.md", "nightdesk serve", "it goes on until it is ended; tests/daemon starts it")];

#[test]
fn every_session_of_a_page_is_run_or_it_is_said_why_not() {
    let (mut wrong, mut with_sessions, mut not_run) = (String::new(), Vec::new(), Vec::new());
    for page in pages() {
        let text = fs::read_to_string(here().join(&page)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut kind = None;
        for (at, line) in lines.iter().enumerate() {
            if let Some(begins) = line.strip_prefix("```") {
                kind = kind.is_none().then_some((begins, at));
            }
            let (Some(command), Some((kind, begins))) = (line.strip_prefix("$ "), kind) else { continue };
            if kind != "console" {
                writeln!(wrong, "{page}:{}: a session is a block `console`", at + 1).unwrap();
            } else if begins > 0 && lines[begins - 1].starts_with("<!-- part: ") {
                not_run.push((page.clone(), command.to_owned()));
            }
            with_sessions.push(page.clone());
        }
    }
    with_sessions.dedup();
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(with_sessions, WITH_SESSIONS, "pages with sessions are run by tests of their own");
    let known = NOT_RUN.map(|(page, command, _)| (page.to_owned(), command.to_owned()));
    assert_eq!(not_run, known);
}

/// Commands of blocks `sh`, whose output is not shown, are known with all their options.
#[test]
fn every_command_of_a_page_is_one_that_there_is() {
    let (mut wrong, mut count) = (String::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(here().join(&page)).unwrap();
        let mut inside = false;
        for (at, line) in text.lines().enumerate() {
            if line.starts_with("```") {
                inside = line == "```sh";
            }
            let Some(arguments) = line.strip_prefix("nightdesk ").filter(|_| inside) else { continue };
            // Up to a comment, and to what the shell does with it.
            let arguments = arguments.split([' ', '\t']).filter(|word| !word.is_empty());
            let arguments =
                arguments.take_while(|word| !["#", "|", ">", "&&"].contains(word) && !word.starts_with('#'));
            let output = program().args(arguments).arg("--help").output().unwrap();
            if !output.status.success() {
                let error = String::from_utf8_lossy(&output.stderr).into_owned();
                writeln!(wrong, "{page}:{}: `{line}`: {error}", at + 1).unwrap();
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 30, "{count}");
}

/// All pages of the project, by path.
fn pages() -> Vec<String> {
    let (mut pages, mut folders) = (vec!["README.md".to_owned(), "README.zh.md".to_owned()], vec![here().join("docs")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(here()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    pages.sort();
    pages
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
    /// Whether YAML without a word about it is only shown.
    only_sessions: bool,
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
            only_sessions: false,
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
                    Some(("shop", "shipped, only sessions")) => {
                        self.ship();
                        self.only_sessions = true;
                    }
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
        if self.shipped {
            self.nothing_is_found(at);
        }
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
            (_, Some(("file", path))) => self.write(path, &text()),
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
            ("yaml", _) if !self.only_sessions => self.complain(from, "a block of YAML that nothing runs"),
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
        for name in OWN {
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
        let names = ["nightdesk.yaml", "synonyms.yaml", "faq", "rules", "calendars", "tests/conversations"];
        copy_shipped(&names, &self.shop());
    }

    /// What the reader has written by now is fine.
    fn nothing_is_found(&mut self, line: usize) {
        let found = self.sh("nightdesk check --strict", &[], line);
        // Calendars on a page end with their year, and pages stay.
        let aged = |line: &str| line.starts_with("warning[missing-year]");
        let mut kinds = found.lines().filter(|line| line.starts_with("warning[") || line.starts_with("error["));
        if !found.starts_with("fine: ") && !kinds.all(aged) {
            self.complain(line, &format!("the chapter above leaves findings:\n{found}"));
        }
    }

    fn end_of_chapter(&mut self, line: usize) {
        self.chapter += 1;
        if self.chapter == 1 || self.shipped {
            return;
        }
        self.nothing_is_found(line);
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
