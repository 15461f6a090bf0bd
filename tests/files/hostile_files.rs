//! Files that nobody should save, and messages that nobody should write: clear findings, no crash, and quick.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Gesture, Inbound, Kind};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use nightdesk::shop;
use proptest::prelude::*;
use serde_json::Value;

/// Longest time for `check` of one hostile file, on a busy machine and without optimisation.
const QUICK: Duration = Duration::from_secs(10);

fn good() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/good"))
}

/// A copy of the good shop.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["nightdesk.yaml", "secrets/desk", "faq/returns.yaml", "rules/urgent.yaml"] {
        fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
        fs::copy(good().join(file), dir.path().join(file)).unwrap();
    }
    dir
}

fn check(dir: &Path) -> Output {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    let output = command.arg("--dir").arg(dir).args(["check", "--format", "json"]).output().unwrap();
    assert!(began.elapsed() < QUICK, "it took {:?}", began.elapsed());
    output
}

/// Codes of what is found when a file of these bytes lies in faq/.
fn found(bytes: &[u8]) -> BTreeSet<String> {
    let dir = copy();
    fs::write(dir.path().join("faq/x.yaml"), bytes).unwrap();
    codes(&check(dir.path()))
}

fn codes(output: &Output) -> BTreeSet<String> {
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    value["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn only(bytes: &[u8], code: &str) {
    assert_eq!(found(bytes), BTreeSet::from([code.to_owned()]));
}

const ENTRY: &str = "faq:\n  - id: x.y\n    title: {zh: 某事, en: Something}\n    questions: [某事怎么办]\n    answer: {zh: 这样办。, en: So.}\n";

#[test]
fn depth_width_and_aliases_have_an_end() {
    for open in ["[", "{a: ", "- ", "? "] {
        let codes = found(format!("faq: {}", open.repeat(100_000)).as_bytes());
        assert!(codes.iter().any(|code| code.starts_with("yaml-")), "{open}: {codes:?}");
    }
    only(format!("faq:\n{}", "- ".repeat(100_000)).as_bytes(), "yaml-limit");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", ")).unwrap();
    }
    only(bomb.as_bytes(), "yaml-limit");
    only(b"faq: !!python/object/apply:os.system [id]\n", "wrong-type");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let dir = copy();
    let file = fs::File::create(dir.path().join("faq/large.yaml")).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    assert_eq!(codes(&check(dir.path())), ["unreadable".to_owned()].into());
}

#[test]
fn line_ends_marks_and_tabs_of_other_editors() {
    assert_eq!(found(format!("\u{feff}{ENTRY}").as_bytes()), BTreeSet::new(), "a byte order mark");
    assert_eq!(found(ENTRY.replace('\n', "\r\n").as_bytes()), BTreeSet::new(), "line ends of Windows");
    assert_eq!(found(format!("---\n{ENTRY}...\n").as_bytes()), BTreeSet::new(), "document marks");
    only(ENTRY.replace("    title", "\ttitle").as_bytes(), "yaml-syntax");
    only(&[b"# caf\xe9\n", ENTRY.as_bytes()].concat(), "unreadable");
    only(&ENTRY.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), "unreadable");
    only(format!("{ENTRY}\0\0\0").as_bytes(), "yaml-syntax");
    only(ENTRY.replace("    answer", "    answer: {zh: 一, en: b}\n    answer").as_bytes(), "duplicate-key");
}

#[test]
fn times_and_words_mean_what_was_typed() {
    // What a YAML 1.1 reader makes of these: 540 minutes, false, 1234.5, and the day is a date.
    let dir = copy();
    let settings = fs::read_to_string(good().join("nightdesk.yaml")).unwrap();
    let unquoted = settings.replace("[\"09:00-12:00\", \"13:30-18:00\"]", "[09:00-12:00, 13:30-18:00]");
    assert_ne!(settings, unquoted);
    fs::write(dir.path().join("nightdesk.yaml"), unquoted).unwrap();
    fs::write(dir.path().join("faq/x.yaml"), ENTRY.replace("[某事怎么办]", "[12345, no, 1_234.5, 0x1f, 2026-01-01]"))
        .unwrap();
    assert_eq!(codes(&check(dir.path())), BTreeSet::new());
}

#[cfg(unix)]
#[test]
fn folders_that_look_like_files_and_links_in_circles() {
    use std::os::unix::fs::symlink;
    let dir = copy();
    fs::create_dir(dir.path().join("faq/folder.yaml")).unwrap();
    fs::write(dir.path().join("faq/folder.yaml/more.yaml"), ENTRY).unwrap();
    symlink("nowhere.yaml", dir.path().join("faq/broken-link.yaml")).unwrap();
    let found = codes(&check(dir.path()));
    assert_eq!(found, ["unreadable".to_owned()].into(), "the folder is looked into, the broken link is said");

    fs::remove_file(dir.path().join("faq/broken-link.yaml")).unwrap();
    symlink(".", dir.path().join("faq/circle")).unwrap();
    symlink("itself.yaml", dir.path().join("faq/itself.yaml")).unwrap();
    let found = codes(&check(dir.path()));
    assert!(found.contains("too-deep") && found.contains("unreadable"), "{found:?}");
}

fn load(faq: &str) {
    let settings = fs::read_to_string(good().join("nightdesk.yaml")).unwrap();
    let (engine, report) =
        Engine::load(Files::from_texts([("nightdesk.yaml", settings.as_str()), ("faq/x.yaml", faq)]), &NoSecrets);
    assert_eq!(engine.is_none(), report.errors() > 0, "an engine, or a reason why there is none");
}

/// The starter pack.
fn shipped() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let (engine, report) =
            shop::open(Path::new(env!("CARGO_MANIFEST_DIR")), "2026-11-24T10:00:00+08:00".parse().unwrap());
        engine.unwrap_or_else(|| panic!("{:?}", report.findings))
    })
}

fn handle(text: &str) {
    let now = "2026-10-09T20:15:00+08:00".parse().unwrap();
    let customer = Customer { id: "v_1".into(), ..Customer::default() };
    let inbound = Inbound {
        message: "msg_1".into(),
        channel: "web".into(),
        customer: customer.clone(),
        kind: Kind::Text,
        text: text.to_owned(),
        locale: None,
        gesture: Gesture::Write,
        fetched: None,
        waiting: BTreeMap::new(),
    };
    let conversation = Conversation::new("c_1".into(), "web", "v_1", customer, now);
    let first = shipped().handle(&inbound, &conversation, now);
    let second = shipped().handle(&inbound, &conversation, now);
    assert_eq!(format!("{first:?}"), format!("{second:?}"), "the same in, the same out");
    // Whatever came of it can be said more to.
    let _ = shipped().handle(&inbound, &first.conversation, now);
}

#[test]
fn messages_made_to_hurt() {
    let began = Instant::now();
    for text in [
        "",
        "\0",
        "{{ settings.hotline }}{% for i in range(999999) %}x{% endfor %}",
        "\u{202e}退货\u{202c}",
        &"退".repeat(2_000),
        &"a".repeat(100_000),
        &"怎么退货 ".repeat(400),
        &"👨‍👩‍👧‍👦".repeat(500),
        &format!("e{}", "\u{301}".repeat(10_000)),
        "﷽﷽﷽",
        "${DESK_SECRET}",
        "'; DROP TABLE conversations; --",
    ] {
        handle(text);
    }
    assert!(began.elapsed() < QUICK, "{:?}", began.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_file_or_findings(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        load(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn anything_near_an_entry_is_a_file_or_findings(at in 0..ENTRY.len(), cut in 0..40usize, put in "[\\[\\]{}:,\"'\\-#&*!|>%@` \n\t退é0-9a-z]{0,6}") {
        let start = ENTRY.floor_char_boundary(at);
        let end = ENTRY.floor_char_boundary((start + cut).min(ENTRY.len()));
        load(&format!("{}{put}{}", &ENTRY[..start], &ENTRY[end.max(start)..]));
    }

    #[test]
    fn any_words_are_handled_alike_each_time(text in "\\PC{0,60}|[怎么退货快递人工转盗刷1-9 a-z？。]{0,30}") {
        handle(&text);
    }
}
