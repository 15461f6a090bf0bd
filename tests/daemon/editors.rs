//! What people see in an editor: the schemas that `nightdesk schema --write` makes, used by the language server of VS Code's YAML
//! extension.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::foreign::foreign_js;
use crate::program::{copy_shipped, fine, program_in};

/// A copy of the shipped shop with its schemas.
fn shop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let names = ["nightdesk.yaml", "synonyms.yaml", "faq", "rules", "calendars", "tests/conversations", ".nightdesk"];
    copy_shipped(&names, dir.path());
    dir
}

fn write(dir: &Path) -> String {
    fine(&program_in(dir).args(["schema", "--write"]).output().unwrap())
}

fn yaml_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn the_shipped_files_name_their_schemas_and_these_are_true() {
    assert!(write(shop().path()).starts_with("0 schemas written to .nightdesk/schemas/, 0 files"));
}

#[test]
fn check_says_when_the_schemas_do_not_know_what_is_new() {
    let dir = shop();
    let old = "editors do not know yet what is new";
    let check = |more: &[&str]| fine(&program_in(dir.path()).arg("check").args(more).output().unwrap());
    assert!(!check(&[]).contains(old));
    let entry = "faq: [{id: gift.engraving, title: {zh: 刻字, en: Engraving}, questions: [灯座上可以刻字吗, can you engrave it], answer: {zh: 可以。, en: Yes.}}]\n";
    fs::write(dir.path().join("faq/own.yaml"), entry).unwrap();
    assert!(check(&[]).contains(old));
    assert!(!check(&["--format", "json"]).contains(old));
    assert!(!check(&["--fix"]).contains(old));
    let schema = fs::read_to_string(dir.path().join(".nightdesk/schemas/conversations.json")).unwrap();
    assert!(schema.contains("gift.engraving"));
}

#[test]
fn an_editor_finds_nothing_wrong_with_the_shipped_files() {
    let dir = shop();
    let mut files = Vec::new();
    yaml_files(dir.path(), &mut files);
    assert!(files.len() > 40, "{files:?}");
    let tasks: Vec<Value> = files.iter().map(|file| json!({"do": "problems", "file": file})).collect();
    for (file, problems) in files.iter().zip(foreign_js("editor.js", &json!(tasks))) {
        assert_eq!(problems, json!([]), "{}", file.display());
    }
}

/// What is offered at the `‸` of a file of a kind.
fn offered(dir: &Path, file: &str, text: &str) -> Vec<String> {
    let path = dir.join(file);
    let at = text.find('‸').unwrap();
    let (line, column) =
        (text[..at].matches('\n').count() + 1, text[..at].chars().rev().take_while(|c| *c != '\n').count() + 1);
    fs::write(&path, text.replace('‸', "")).unwrap();
    write(dir);
    // The head line came on top.
    let task = json!([{"do": "complete", "file": path, "line": line + 1, "column": column}]);
    let offered = foreign_js("editor.js", &task).remove(0);
    offered.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_editor_offers_keys_ids_queues_and_languages() {
    let dir = shop();
    let has = |file: &str, text: &str, words: &[&str]| {
        let offered = offered(dir.path(), file, text);
        for word in words {
            assert!(offered.iter().any(|other| other == word), "{text}: `{word}` is not among {offered:?}");
        }
    };
    has("faq/x.yaml", "faq:\n  - id: a.b\n    ‸\n", &["title", "questions", "answer", "careful", "options"]);
    has("faq/x.yaml", "faq:\n  - id: a.b\n    options: [‸]\n", &["account.login"]);
    has("faq/x.yaml", "faq:\n  - id: a.b\n    title:\n      zh: 好\n      ‸\n", &["zh-Hant", "en"]);
    has("rules/x.yaml", "rules:\n  - id: a.b\n    handoff:\n      queue: ‸\n", &["complaints", "general", "vip"]);
    has("rules/x.yaml", "rules:\n  - id: a.b\n    careful: ‸\n", &["low", "normal", "high"]);
    has("rules/x.yaml", "rules:\n  - id: a.b\n    channels: [‸]\n", &["web"]);
    has(
        "tests/conversations/x.yaml",
        "conversations:\n  - name: x\n    turns:\n      - expect:\n          rule: ‸\n",
        &["none", "account.login"],
    );
}

#[test]
fn an_editor_underlines_what_check_refuses() {
    let dir = shop();
    let path = dir.path().join("faq/x.yaml");
    let text = "faq:\n  - id: a.b\n    title: {zh: 好}\n    questions: 怎么办\n    answer: 好\n    careful: hihg\n    options: [no.such]\n    anser: 好\n";
    fs::write(&path, text).unwrap();
    write(dir.path());
    let problems = foreign_js("editor.js", &json!([{"do": "problems", "file": path}])).remove(0);
    let lines: Vec<u64> =
        problems.as_array().unwrap().iter().map(|problem| problem["line"].as_u64().unwrap()).collect();
    for line in [5, 7, 8, 9] {
        assert!(lines.contains(&line), "nothing in line {line}: {problems:#}");
    }
}
