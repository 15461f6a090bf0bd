//! What `nightdesk check` says about each kind of mistake.
//!
//! `testdata/good` is a small shop without findings. Each folder of `testdata/bad` holds the files in which a shop differs
//! from it, and in `check.snap` what the command then prints. Review changes as an editor of these files would read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nightdesk::diag::{Format, Report, Severity};
use nightdesk::rules::Files;
use serde_json::Value;

/// Findings that no file of a shop can show, each with its reason.
const WITHOUT_CASE: &[(&str, &str)] = &[
    ("internal", "a fault of nightdesk itself"),
    ("too-many-phrases", "needs more memory than a test should take"),
    ("matched", "how `explain` underlines; no finding of `check`"),
    ("no-config", "a test of its own below: a case cannot take a file away"),
    ("too-deep", "a test of its own below: many folders for one line"),
];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata")
}

/// Names of all cases.
fn cases() -> BTreeSet<String> {
    let entries = fs::read_dir(testdata().join("bad")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The good shop with a case's files over it.
fn shop(case: Option<&str>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&testdata().join("good"), dir.path());
    if let Some(case) = case {
        copy(&testdata().join("bad").join(case), dir.path());
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.extension().is_none_or(|extension| extension != "snap") {
            fs::copy(&path, &target).unwrap();
            // Who checked the files out has an umask of their own.
            if target.extension().is_some_and(|extension| extension == "key") {
                let mode = if from.components().any(|part| part.as_os_str() == "open-key") { 0o644 } else { 0o600 };
                fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

fn check(dir: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(dir).args(["--color", "never", "check"]).args(options);
    command.env_remove("NIGHTDESK_DIR").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(dir: &Path, options: &[&str]) -> Value {
    serde_json::from_slice(&check(dir, &[&["--format", "json"], options].concat()).stdout).unwrap()
}

/// What a case prints. Holidays that no calendar knows depend on the day, so that case is checked on a fixed one.
fn printed(case: &str) -> String {
    let dir = shop(Some(case));
    if case == "missing-year" {
        let (_, report) = nightdesk::shop::open(dir.path(), "2026-12-01T09:00:00+08:00".parse().unwrap());
        return report.render(Format::Human, false);
    }
    let output = check(dir.path(), &[]);
    let said = text(&output);
    assert!(output.stderr.is_empty(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
    let expected = i32::from(said.contains("error["));
    assert_eq!(output.status.code(), Some(expected), "{case}: exit code");
    said
}

/// What is only a warning `chat` and the like do not look for; what is an error they find as `check` does.
#[test]
fn other_commands_refuse_what_check_refuses() {
    std::thread::Builder::new().stack_size(nightdesk::yaml::STACK).spawn(refuse_alike).unwrap().join().unwrap();
}

fn refuse_alike() {
    let now = jiff::Timestamp::now();
    let errors = |report: Report| -> Vec<String> {
        let errors = report.findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
    };
    let mut refused = 0;
    for case in cases() {
        let dir = shop(Some(&case));
        let (used, found) = nightdesk::shop::open(dir.path(), now);
        let (checked, all) = nightdesk::shop::check_files(dir.path(), Files::read(dir.path()), now);
        assert_eq!((used.is_some(), errors(found)), (checked.is_some(), errors(all)), "{case}");
        refused += usize::from(used.is_none());
    }
    assert!(refused > 50, "only {refused} cases have errors");
}

#[test]
fn the_good_shop_has_no_findings() {
    let output = check(shop(None).path(), &["--strict"]);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), "fine: 3 files, no findings\n"));
}

#[test]
fn every_mistake_is_said_with_its_place_and_how_to_mend_it() {
    let cases: Vec<String> = cases().into_iter().collect();
    let said: Vec<String> = std::thread::scope(|scope| {
        let printers: Vec<_> = cases
            .chunks(cases.len().div_ceil(4))
            .map(|some| scope.spawn(|| some.iter().map(|case| printed(case)).collect::<Vec<_>>()))
            .collect();
        printers.into_iter().flat_map(|printer| printer.join().unwrap()).collect()
    });
    for (case, said) in cases.iter().zip(said) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(testdata().join("bad").join(case));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(case.replace('-', " "));
        settings.bind(|| insta::assert_snapshot!("check", said));
    }
}

/// Each finding in the source, by its code.
fn codes_in_the_source() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for source in crate::source::sources() {
        // The reader of source blanks the words, so the places are taken from it and the words from the file.
        let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&source.path)).unwrap();
        let flat: String = file.lines().map(str::trim_start).collect();
        for maker in ["Finding::error(\"", "Finding::warning(\""] {
            for (at, _) in flat.match_indices(maker) {
                let code: String = flat[at + maker.len()..].chars().take_while(|c| *c != '"').collect();
                codes.insert(code);
            }
        }
    }
    // These two are chosen by a variable.
    codes.extend(["tie".to_owned(), "question-twice".to_owned()]);
    codes
}

#[test]
fn every_finding_in_the_source_has_a_case_that_shows_it() {
    let cases = cases();
    let codes = codes_in_the_source();
    assert!(codes.len() > 40, "the source is read wrongly: {codes:?}");
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| !WITHOUT_CASE.iter().any(|(known, _)| known == code))
        .filter(|code| !cases.iter().any(|case| shows(case, code)))
        .collect();
    assert!(missing.is_empty(), "write a case in tests/testdata/bad for {missing:?}");
    for (code, _) in WITHOUT_CASE {
        assert!(codes.contains(*code), "`{code}` is no longer in the source: take it out of WITHOUT_CASE");
    }
}

/// Whether a case is about a code (`missing-key-secret` is about `missing-key`) and its snapshot has it.
fn shows(case: &str, code: &str) -> bool {
    let about = case == code || case.strip_prefix(code).is_some_and(|rest| rest.starts_with('-'));
    let snapshot = testdata().join("bad").join(case).join("check.snap");
    about && fs::read_to_string(snapshot).is_ok_and(|text| text.contains(&format!("[{code}]")))
}

#[test]
fn every_case_shows_the_finding_that_it_is_named_after() {
    let codes = codes_in_the_source();
    for case in cases().iter().filter(|case| *case != "several-at-once") {
        assert!(codes.iter().any(|code| shows(case, code)), "{case}/check.snap does not show a finding of that name");
    }
}

#[test]
fn a_missing_configuration_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("error[no-config]: there is no nightdesk.yaml"), "{}", text(&output));
    let output = check(&dir.path().join("nowhere"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name the shop's with --dir"));
}

#[test]
fn folders_within_folders_have_an_end() {
    let dir = shop(None);
    let deep = dir.path().join("faq").join(["a"; 40].join("/"));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("x.yaml"), "faq: []\n").unwrap();
    assert!(text(&check(dir.path(), &[])).contains("error[too-deep]"));
}

#[test]
fn mistakes_of_several_files_are_said_at_once() {
    let found = json(shop(Some("several-at-once")).path(), &[]);
    let files: BTreeSet<&str> =
        found["findings"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["faq/returns.yaml", "nightdesk.yaml", "rules/urgent.yaml"].into());
}

#[test]
fn one_mistake_is_one_finding() {
    // A wrong entry is not called unknown as well where another one offers it as an option.
    for case in ["missing-key-answer", "yaml-syntax-tab", "unreadable"] {
        let found = json(shop(Some(case)).path(), &[]);
        assert_eq!(found["errors"], 1, "{case}: {found:#}");
    }
}

/// What `check --fix` says, and the files that it wrote.
fn fixed(case: &str) -> (Output, tempfile::TempDir) {
    let dir = shop(Some(case));
    (check(dir.path(), &["--fix"]), dir)
}

#[test]
fn what_is_surely_meant_is_mended_and_the_rest_of_the_file_stays() {
    for (case, file, before, after) in MENDED {
        let (output, dir) = fixed(case);
        let said = text(&output);
        let file_now = fs::read_to_string(dir.path().join(file)).unwrap();
        let file_before = fs::read_to_string(shop(Some(case)).path().join(file)).unwrap();
        assert!(file_before.contains(before), "{case}: the case has changed");
        assert_eq!(file_now, file_before.replace(before, after), "{case}: {said}");
        assert!(said.starts_with(&format!("mended {file}:")), "{case}: {said}");
        let again = check(dir.path(), &["--fix"]);
        assert!(!text(&again).contains("mended"), "{case}: mended twice");
    }
}

/// Case, file, what was written, what `--fix` writes.
const MENDED: &[(&str, &str, &str, &str)] = &[
    (
        "cut-by-comment",
        "faq/returns.yaml",
        "支持 #七天无理由退货：签收次日起七天内可以退货。",
        "\"支持 #七天无理由退货：签收次日起七天内可以退货。\"",
    ),
    ("full-width-comma", "faq/returns.yaml", "[退货，退回去、怎么退]", "[退货, 退回去, 怎么退]"),
    ("edge-beside-han", "rules/urgent.yaml", "'\\b盗刷\\b'", "'盗刷'"),
    ("never-matches", "rules/urgent.yaml", "'盗刷！'", "'盗刷!'"),
    ("unknown-key", "faq/returns.yaml", "anser", "answer"),
    ("yaml-syntax-colon", "faq/returns.yaml", "answer：{zh", "answer: {zh"),
    ("yaml-syntax-tab", "faq/returns.yaml", "\t", "    "),
];

#[test]
fn what_may_mean_something_else_is_left_to_people() {
    for case in ["dates-reversed", "short-phrase", "tie", "never-wins", "plain-secret", "bad-regex", "missing-language"]
    {
        let dir = shop(Some(case));
        let before: BTreeMap<_, _> = files(dir.path());
        let output = check(dir.path(), &["--fix"]);
        assert!(!text(&output).contains("mended"), "{case}");
        assert_eq!(files(dir.path()), before, "{case}");
    }
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            drop(found.insert(path.clone(), fs::read(path).unwrap()));
        }
    }
    found
}

#[test]
fn mending_keeps_line_ends_marks_links_and_rights() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = shop(None);
    let (kept, link) = (dir.path().join("kept.yaml"), dir.path().join("faq/returns.yaml"));
    let good = fs::read_to_string(&link).unwrap().replace('\n', "\r\n");
    fs::write(&kept, format!("\u{feff}{}", good.replacen("answer:", "anwser:", 1))).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&kept, &link).unwrap();
    let output = check(dir.path(), &["--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(fs::read_to_string(&kept).unwrap(), format!("\u{feff}{good}"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn what_comes_from_outside_is_neither_shown_nor_written_down() {
    let dir = shop(None);
    fs::write(dir.path().join("secrets/desk"), "yes-SECRET\n").unwrap();
    let settings = fs::read_to_string(dir.path().join("nightdesk.yaml")).unwrap();
    let wrong = format!(
        "{settings}access: {{agents: \"${{file:secrets/desk}}\"}}\nwording: {{agents: \"${{file:secrets/desk}}\"}}\n"
    );
    fs::write(dir.path().join("nightdesk.yaml"), &wrong).unwrap();
    for options in [&["--fix"][..], &["--format", "json"], &["--format", "sarif"], &["--format", "github"]] {
        let output = check(dir.path(), options);
        assert_eq!(output.status.code(), Some(1));
        assert!(!text(&output).contains("SECRET"), "{}", text(&output));
    }
    assert_eq!(fs::read_to_string(dir.path().join("nightdesk.yaml")).unwrap(), wrong);
}

#[test]
fn a_mended_pattern_is_written_as_its_quotes_want_it() {
    for (before, after) in [
        (r#""退货？""#, r#""退货\\?""#),
        ("'退货？'", r"'退货\?'"),
        ("退货？", r"退货\?"),
        ("'where　is'", "'where　is'"),
    ] {
        let dir = shop(None);
        let rule = |pattern: &str| {
            format!("rules:\n  - id: a.b\n    when: {{regex: {pattern}}}\n    reply: {{zh: 好, en: Good}}\n")
        };
        fs::write(dir.path().join("rules/x.yaml"), rule(before)).unwrap();
        let output = check(dir.path(), &["--fix"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert_eq!(fs::read_to_string(dir.path().join("rules/x.yaml")).unwrap(), rule(after));
    }
}

#[test]
fn tabs_that_may_be_meant_are_left() {
    let dir = shop(None);
    let file = "faq:\n\t- id: a.b\n\t  title: x\n\t  questions: [x]\n\t  answer: |\n\t    one\n\t    \ttwo\n";
    fs::write(dir.path().join("faq/x.yaml"), file).unwrap();
    check(dir.path(), &["--fix"]);
    assert_eq!(fs::read_to_string(dir.path().join("faq/x.yaml")).unwrap(), file);
}

#[test]
fn paths_narrow_what_is_mended() {
    let dir = shop(Some("unknown-key"));
    assert!(!text(&check(dir.path(), &["--fix", "rules"])).contains("mended"));
    assert!(
        text(&check(dir.path(), &["--fix", "faq"]))
            .contains("mended faq/returns.yaml:10:5 [unknown-key]: write `answer`")
    );
}

#[test]
fn an_entry_with_a_warning_still_answers() {
    let dir = shop(Some("cut-by-comment"));
    let (engine, _) = nightdesk::shop::open(dir.path(), "2026-10-09T10:00:00+08:00".parse().unwrap());
    assert!(engine.unwrap().book().rules.iter().any(|rule| rule.id.value == "returns.window"));
}

#[test]
fn places_count_lines_and_characters() {
    let found = json(shop(Some("question-shadowed")).path(), &[]);
    let finding = &found["findings"][0];
    // 7 columns before it are Chinese characters, which count as one each.
    assert_eq!(
        (&finding["file"], &finding["line"], &finding["column"]),
        (&"faq/returns.yaml".into(), &9.into(), &25.into())
    );
    let written = fs::read_to_string(testdata().join("bad/question-shadowed/faq/returns.yaml")).unwrap();
    let line = written.lines().nth(8).unwrap();
    assert!(line.chars().skip(24).collect::<String>().starts_with("被盗刷的钱"));
}

#[test]
fn chinese_text_is_underlined_where_it_stands() {
    let said = printed("question-shadowed");
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| line.contains("^^")).unwrap();
    // On a terminal a Chinese character is two columns wide.
    let width = |text: &str| text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let (source, marks) = (lines[at - 1], lines[at]);
    let question = "被盗刷的钱退款多久到账";
    assert_eq!(width(&source[..source.find(question).unwrap()]), marks.find('^').unwrap());
    assert_eq!(width(question), marks.matches('^').count());
}

#[test]
fn strict_makes_warnings_fail_and_paths_narrow() {
    let dir = shop(Some("missing-language"));
    let code = |options: &[&str]| check(dir.path(), options).status.code();
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--strict"]), Some(1));
    assert_eq!(code(&["--strict", "rules"]), Some(0), "the finding is in faq/");
    assert_eq!(code(&["--strict", "faq/returns.yaml"]), Some(1));
    assert_eq!(code(&["--stritc"]), Some(2));
}

#[test]
fn json_has_everything_that_people_are_shown() {
    let found = json(shop(Some("id-twice")).path(), &[]);
    assert_eq!((&found["errors"], &found["warnings"]), (&1.into(), &0.into()));
    let finding = &found["findings"][0];
    for (key, value) in
        [("code", "id-twice"), ("severity", "error"), ("file", "rules/urgent.yaml"), ("label", "again here")]
    {
        assert_eq!(finding[key], value, "{finding:#}");
    }
    assert!(finding["help"].is_string() && finding["message"].is_string());
    assert_eq!(finding["related"][0]["file"], "faq/returns.yaml");
}

#[test]
fn sarif_has_what_its_readers_require() {
    let output = check(shop(Some("several-at-once")).path(), &["--format", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "nightdesk");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 3);
    for result in results {
        assert!(result["ruleId"].is_string() && !result["message"]["text"].as_str().unwrap().is_empty());
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(testdata().join("good").join(uri).exists(), "{uri} is not relative to the shop's directory");
        let region = |key: &str| place["region"][key].as_u64().unwrap();
        let (start, end) = ((region("startLine"), region("startColumn")), (region("endLine"), region("endColumn")));
        assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{result:#}");
    }
}

#[test]
fn github_shows_each_finding_at_its_line() {
    let output = check(shop(Some("several-at-once")).path(), &["--format", "github"]);
    let said = text(&output);
    let lines: Vec<&str> = said.lines().collect();
    let files: BTreeMap<&str, usize> = lines.iter().fold(BTreeMap::new(), |mut files, line| {
        let rest = line.strip_prefix("::error file=").unwrap_or_else(|| panic!("{line}"));
        let (file, rest) = rest.split_once(",line=").unwrap();
        let (properties, message) = rest.split_once("::").unwrap();
        assert!(properties.contains(",col=") && properties.contains(",title=") && !message.is_empty(), "{line}");
        *files.entry(file).or_default() += 1;
        files
    });
    assert_eq!(files.len(), 3, "{said}");
}

#[test]
fn sarif_is_read_by_other_programs() {
    let output = check(shop(Some("several-at-once")).path(), &["--format", "sarif"]);
    let sarif: serde_sarif::sarif::Sarif = serde_json::from_slice(&output.stdout).unwrap();
    let run = &sarif.runs[0];
    let (rules, results) = (run.tool.driver.rules.as_ref().unwrap(), run.results.as_ref().unwrap());
    assert!(results.iter().any(|result| result.fixes.is_some()), "no fix in {results:#?}");
    for result in results {
        let rule = &rules[usize::try_from(result.rule_index.unwrap()).unwrap()];
        assert_eq!(Some(&rule.id), result.rule_id.as_ref());
        assert!(rule.help.as_ref().unwrap().text.contains("How to mend it"));
    }
}

/// A page without its last section, and that section.
fn page(code: &str) -> (String, Option<String>) {
    let page = fs::read_to_string(pages().join(format!("{code}.md")))
        .unwrap_or_else(|_| panic!("docs/findings has no page {code}.md"));
    match page.split_once("\n## As `check` shows it\n") {
        Some((page, shown)) => (
            page.to_owned(),
            Some(shown.trim().trim_start_matches("```text\n").trim_end_matches("```").trim_end().to_owned()),
        ),
        None => (page, None),
    }
}

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings")
}

#[test]
fn every_finding_has_a_page_that_says_what_why_and_how() {
    let codes: BTreeSet<String> = codes_in_the_source().into_iter().filter(|code| code != "matched").collect();
    let written: BTreeSet<String> = fs::read_dir(pages())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(written, codes, "pages and findings differ");
    let index = fs::read_to_string(pages().join("README.md")).unwrap();
    for code in &codes {
        let (page, _) = page(code);
        assert!(page.starts_with(&format!("# `{code}`\n\n**")), "{code}: the head");
        for part in ["\n## Why it matters\n", "\n## How to mend it\n", "\n## 中文\n"] {
            assert!(page.contains(part), "{code}: {part}");
        }
        let errors = codes_with_severity("error").contains(code);
        let warnings = codes_with_severity("warning").contains(code);
        let (error, warning) = (page.contains("**Error.**"), page.contains("**Warning.**"));
        assert!(error && errors || warning && warnings, "{code}: an error or a warning?");
        assert!(index.contains(&format!("[`{code}`]({code}.md)")), "{code} is not in the index");
    }
}

fn codes_with_severity(severity: &str) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for case in cases() {
        let shown = fs::read_to_string(testdata().join("bad").join(&case).join("check.snap")).unwrap();
        let found = shown.lines().filter_map(|line| line.strip_prefix(severity)?.strip_prefix('[')?.split_once(']'));
        codes.extend(found.map(|(code, _)| code.to_owned()));
    }
    codes.extend(WITHOUT_CASE.iter().filter(|_| severity == "error").map(|(code, _)| (*code).to_owned()));
    codes
}

/// What a page shows is what the command prints. `UPDATE_PAGES=1` writes it anew after a change.
#[test]
fn pages_show_what_the_command_prints() {
    for code in codes_in_the_source().iter().filter(|code| !WITHOUT_CASE.iter().any(|(without, _)| without == code)) {
        let case = cases().into_iter().find(|case| shows(case, code)).unwrap();
        let snapshot = fs::read_to_string(testdata().join("bad").join(&case).join("check.snap")).unwrap();
        let printed = snapshot.splitn(3, "---\n").nth(2).unwrap();
        let lines = printed.lines().filter(|line| !line.starts_with("more about a kind of finding"));
        let printed = lines.collect::<Vec<_>>().join("\n").trim_end().to_owned();
        let (page, shown) = page(code);
        if shown.as_ref() != Some(&printed) && std::env::var_os("UPDATE_PAGES").is_some() {
            let page = format!("{}\n\n## As `check` shows it\n\n```text\n{printed}\n```\n", page.trim_end());
            fs::write(pages().join(format!("{code}.md")), page).unwrap();
            continue;
        }
        assert_eq!(shown, Some(printed), "{code}: run this test with UPDATE_PAGES=1");
    }
}

#[test]
fn a_page_is_printed_by_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(dir.path(), &["--explain", "never-wins"]);
    assert_eq!(
        (output.status.code(), text(&output)),
        (Some(0), fs::read_to_string(pages().join("never-wins.md")).unwrap())
    );
    let output = check(dir.path(), &["--explain", "never-win"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `never-wins`?"));
}

#[test]
fn lesson_01_hours_without_a_notice_are_an_error() {
    let found = json(shop(Some("missing-notice")).path(), &[]);
    assert_eq!(
        (&found["findings"][0]["code"], &found["findings"][0]["severity"]),
        (&"missing-notice".into(), &"error".into())
    );
}

#[test]
fn lesson_22_a_phrase_of_which_nothing_is_left_is_an_error() {
    for phrase in ["。。", "   ", "\u{200b}", "？！", "🏻"] {
        let dir = shop(None);
        let rules = fs::read_to_string(dir.path().join("rules/urgent.yaml")).unwrap();
        fs::write(dir.path().join("rules/urgent.yaml"), rules.replace("盗刷", &format!("\"{phrase}\""))).unwrap();
        let found = json(dir.path(), &[]);
        assert_eq!(found["findings"][0]["code"], "empty-phrase", "{phrase:?}: {found:#}");
    }
}
