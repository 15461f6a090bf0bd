//! `nightdesk import`: one small file of each format, what comes of it and what is left behind; hostile files.
//!
//! The files are written from the documentation of each program; the workbook by a library that shares nothing with our reader
//! (`testdata/import/make_xlsx.py`).

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use nightdesk::import::{self, Field, Format, Options, Source};
use nightdesk::yaml::{self, Node};
use proptest::prelude::*;
use serde_json::Value;

/// Sets of files that are brought in together, with a question that an entry of them answers.
const SETS: [(&str, &[&str], &str, &str); 8] = [
    ("csv", &["faq.csv"], "什么时候发货", "48 小时"),
    ("csv_without_heads", &["semicolon.csv"], "Where is my invoice?", "It comes by mail"),
    ("xlsx", &["faq.xlsx"], "Can I return a sale item?", "Print the label & drop it"),
    ("rasa", &["nlu.yml", "domain.yml", "rules.yml"], "are you open on sunday", "open Monday to Friday"),
    ("rivescript", &["shop.rive"], "how can i pay", "bank transfer"),
    ("aiml", &["shop.aiml"], "is there a warranty", "Keep the receipt."),
    ("chatwoot", &["canned.json"], "发票", "确认收货后三天内"),
    ("lhc", &["bot.json"], "please cancel the order from yesterday", "until it ships"),
];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata")
}

/// Runs a command where the files lie.
fn nightdesk(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nightdesk"))
        .args(["--color", "never", "--dir"])
        .arg(dir)
        .args(arguments)
        .current_dir(testdata().join("import"))
        .env_remove("NIGHTDESK_DIR")
        .output()
        .unwrap()
}

#[track_caller]
fn fine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The small shop that the findings are tried in.
fn shop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["nightdesk.yaml", "secrets/desk", "faq/returns.yaml", "rules/urgent.yaml"] {
        fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
        fs::copy(testdata().join("good").join(file), dir.path().join(file)).unwrap();
    }
    dir
}

fn bytes_of(file: &str) -> Vec<u8> {
    fs::read(testdata().join("import").join(file)).unwrap()
}

#[test]
fn every_format_says_what_it_carries_over_and_what_not() {
    let nowhere = tempfile::tempdir().unwrap();
    for (name, files, ..) in SETS {
        let output = nightdesk(nowhere.path(), &[&["import"], files].concat());
        let printed = fine(&output);
        let said = String::from_utf8(output.stderr).unwrap();
        insta::assert_snapshot!(format!("import_{name}"), format!("{printed}======\n{said}"));
    }
}

#[test]
fn what_is_brought_in_passes_check_and_answers() {
    for (name, files, question, answer) in SETS {
        let shop = shop();
        let out = shop.path().join("faq/imported.yaml");
        let out = out.to_str().unwrap();
        fine(&nightdesk(shop.path(), &[&["import", "--out", out], files].concat()));
        let checked = nightdesk(shop.path(), &["check", "--format", "json"]);
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let errors: Vec<_> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
        assert!(errors.is_empty() && checked.status.code() == Some(0), "{name}: {errors:#?}");
        let why = fine(&nightdesk(shop.path(), &["explain", "--format", "json", question]));
        let why: Value = serde_json::from_str(&why).unwrap();
        assert_eq!(why["decision"]["reason"], "matched", "{name}: {why:#}");
        let reply = why["replies"][0]["text"].as_str().unwrap();
        assert!(reply.contains(answer), "{name}: {reply}");
    }
}

#[test]
fn ids_and_questions_of_the_shop_are_kept_apart() {
    let shop = shop();
    fs::write(
        shop.path().join("t.csv"),
        "id,question,answer\nreturns.window,Is there a shop in Leeds?,No.\nx,怎么退货,别处。\ny,What is new?,Lamps.\n",
    )
    .unwrap();
    let out = shop.path().join("faq/imported.yaml");
    let file = shop.path().join("t.csv");
    let arguments = ["import", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--format", "json"];
    let value: Value = serde_json::from_str(&fine(&nightdesk(shop.path(), &arguments))).unwrap();
    assert_eq!(value["entries"], 2);
    assert!(fs::read_to_string(&out).unwrap().contains("id: returns.window-2\n"));
    let left = value["left"].as_array().unwrap();
    assert!(
        left.iter().any(|left| left["place"] == "t.csv:3" && left["why"].as_str().unwrap().contains("same question"))
    );
    fine(&nightdesk(shop.path(), &["check"]));
    // What is written over does not stand in its own way.
    let again: Value =
        serde_json::from_str(&fine(&nightdesk(shop.path(), &[&arguments[..], &["--force"]].concat()))).unwrap();
    assert_eq!(again["faq"], value["faq"]);
}

#[test]
fn encodings_of_excel_give_the_same() {
    let read = |name: &str, bytes: &[u8]| {
        let imported = import::read(&[Source { name, bytes }], &Options::default()).unwrap();
        (import::written(&imported.entries, None).faq, imported.files[0].details.clone())
    };
    let text = String::from_utf8(bytes_of("faq.csv")).unwrap().replace('\n', "\r\n");
    let (plain, details) = read("faq.csv", text.as_bytes());
    assert_eq!(details, "UTF-8, separated by commas");
    let utf16: Vec<u8> =
        "\u{feff}".chars().chain(text.chars()).collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gbk = encoding_rs::GB18030.encode(&text).0.into_owned();
    let marked = format!("\u{feff}{text}").into_bytes();
    for (bytes, encoding) in [(utf16, "UTF-16LE"), (gbk, "GB18030"), (marked, "UTF-8")] {
        let (same, details) = read("faq.csv", &bytes);
        assert!(details.starts_with(encoding), "{details}");
        assert_eq!(same, plain);
    }
    let broken = [b"question,answer\n\xff\xfe".as_slice(), &[0x80, 0xff, b'\n']].concat();
    let error = import::read(&[Source { name: "x.csv", bytes: &broken }], &Options::default()).unwrap_err();
    assert!(error.to_string().contains("GB18030"), "{error}");
}

#[test]
fn columns_can_be_named_by_letter_number_or_head() {
    let nowhere = tempfile::tempdir().unwrap();
    for columns in ["question=A,answer=B", "question=1,answer=2"] {
        let printed =
            fine(&nightdesk(nowhere.path(), &["import", "semicolon.csv", "--columns", columns, "--language", "de"]));
        assert!(
            printed.contains("- \"How long does delivery take?\"") && printed.contains("answer: {de: \"Yes, until"),
            "{printed}"
        );
    }
    let by_head = ["import", "faq.csv", "--columns", "question=标准问题,answer=负责人"];
    assert!(fine(&nightdesk(nowhere.path(), &by_head)).contains("answer: {zh: \"小王\"}"));
    for (columns, why) in [
        ("answer=Q,question=A", "there is no column `Q`"),
        ("reply=A", "write it as question=A"),
        ("answer=A", "no column holds questions"),
    ] {
        let output = nightdesk(nowhere.path(), &["import", "semicolon.csv", "--columns", columns]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(why),
            "{columns}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn no_file_is_written_over_unless_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("faq/bot.yaml");
    let arguments = ["import", "bot.json", "--queue", "after-sale", "--out", out.to_str().unwrap()];
    let said = String::from_utf8(nightdesk(dir.path(), &arguments).stderr).unwrap();
    assert!(said.contains("bot.yaml") && said.contains("rules/bot.yaml"), "{said}");
    let rules = fs::read_to_string(dir.path().join("rules/bot.yaml")).unwrap();
    assert!(rules.contains("handoff: {queue: after-sale, reason: imported}"), "{rules}");
    fs::write(&out, "mine").unwrap();
    let again = nightdesk(dir.path(), &arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
    fine(&nightdesk(dir.path(), &[arguments.as_slice(), &["--force"]].concat()));
    assert!(fs::read_to_string(&out).unwrap().starts_with("faq:"));
}

#[cfg(unix)]
#[test]
fn a_file_of_a_stranger_is_read_no_further_than_it_may_and_says_nothing_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let endless = nightdesk(dir.path(), &["import", "/dev/zero"]);
    let said = String::from_utf8_lossy(&endless.stderr).into_owned();
    assert!(endless.status.code() == Some(2) && said.contains("divide it"), "{said}");

    // A link that leads nowhere is there all the same.
    let out = dir.path().join("faq.yaml");
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &out).unwrap();
    let refused = nightdesk(dir.path(), &["import", "bot.json", "--out", out.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(fs::symlink_metadata(&out).unwrap().is_symlink());

    // A table whose head would set the title of the window, and turn words round.
    let odd = "question\u{1b}]0;owned\u{7},answer\u{202e}\n怎么退\u{9b}2J货,七天\u{1b}[2J内\n";
    fs::write(dir.path().join("odd.csv"), odd).unwrap();
    let path = dir.path().join("odd.csv");
    for form in ["human", "json"] {
        let arguments = ["import", path.to_str().unwrap(), "--columns", "question=A,answer=B", "--format", form];
        let done = nightdesk(dir.path(), &arguments);
        let all = [String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap()].concat();
        let bad: Vec<char> = all.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(bad.is_empty() && all.contains("七天"), "{bad:?} in {all:?}");
    }
}

#[test]
fn files_that_are_nothing_known_are_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str); 8] = [
        ("a.xls", &[0xd0, 0xcf, 0x11, 0xe0, 1, 2], "save it as .xlsx"),
        ("a.xlsx", b"not a zip", "not a workbook"),
        ("a.json", b"{\"a\": 1}", "neither a bot of Live Helper Chat"),
        ("a.json", b"{", "not JSON"),
        ("a.aiml", b"<!DOCTYPE aiml [<!ENTITY x \"y\">]><aiml/>", "document type"),
        ("a.yml", b"a: [1", "line 1: "),
        ("a.yml", b"a: 1\n", "no file of Rasa"),
        ("a.bin", b"\x01\x02", "name it with --from"),
    ];
    for (name, bytes, why) in cases {
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        let output = nightdesk(dir.path(), &["import", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{name}: {said}");
    }
    let empty = dir.path().join("none.rive");
    fs::write(&empty, "! version = 2.0\n").unwrap();
    assert_eq!(
        nightdesk(dir.path(), &["import", empty.to_str().unwrap()]).status.code(),
        Some(1),
        "nothing came of it"
    );
}

/// Parts of the test's workbook, with one changed.
fn workbook(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes_of("faq.xlsx"))).unwrap();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let (name, mut bytes) = (part.name().unwrap().into_owned(), Vec::new());
        part.read_to_end(&mut bytes).unwrap();
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&change(&name, bytes)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_workbook_that_unpacks_without_end_is_refused() {
    let bomb = workbook(|name, bytes| if name.ends_with("sheet1.xml") { vec![b' '; 40 << 20] } else { bytes });
    assert!(bomb.len() < 1 << 20);
    let error = import::read(&[Source { name: "bomb.xlsx", bytes: &bomb }], &Options::default()).unwrap_err();
    assert!(error.to_string().contains("unpacks to more"), "{error}");
}

#[test]
fn a_cell_far_away_takes_no_memory() {
    let far = workbook(|name, bytes| {
        if name.ends_with("sheet1.xml") {
            String::from_utf8(bytes).unwrap().replace("\"C5\"", "\"C1048576\"").into_bytes()
        } else {
            bytes
        }
    });
    let imported = import::read(&[Source { name: "far.xlsx", bytes: &far }], &Options::default()).unwrap();
    assert!(!imported.entries.is_empty());
    let wide = workbook(|name, bytes| {
        if name.ends_with("sheet1.xml") {
            String::from_utf8(bytes).unwrap().replace("\"C5\"", "\"XFD5\"").into_bytes()
        } else {
            bytes
        }
    });
    let error = import::read(&[Source { name: "wide.xlsx", bytes: &wide }], &Options::default()).unwrap_err();
    assert!(error.to_string().contains("columns"), "{error}");
}

/// Reads what is written of an import: YAML, every text of it.
fn faq_of(text: &str) -> Vec<(Vec<String>, String)> {
    let root = yaml::parse(&Arc::from("faq.yaml"), text).unwrap();
    let texts =
        |node: Option<&Node>| node.unwrap().items().iter().map(|item| item.text().unwrap().to_owned()).collect();
    let answer = |item: &Node| {
        let answer = item.get("answer").unwrap();
        answer.text().or_else(|| answer.entries()[0].1.text()).unwrap().to_owned()
    };
    root.get("faq").unwrap().items().iter().map(|item| (texts(item.get("questions")), answer(item))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_an_error_or_entries(bytes in proptest::collection::vec(any::<u8>(), 0..400), format in 0..8_usize) {
        let format = Format::WORDS.get(format).map(|(_, format)| *format);
        let _ = import::read(&[Source { name: "x", bytes: &bytes }], &Options { format, ..Options::default() });
    }

    #[test]
    fn any_slip_in_a_real_file_gives_an_error_or_entries(
        set in 0..SETS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let file = SETS[set].1[0];
        let mut bytes = bytes_of(file);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(imported) = import::read(&[Source { name: file, bytes: &bytes }], &Options::default()) {
            let written = import::written(&imported.entries, None);
            for text in [&written.faq, &written.rules] {
                prop_assert!(yaml::parse(&Arc::from("x.yaml"), text).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn any_slip_within_a_workbook_gives_an_error_or_entries(
        part in 0..3_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let part = ["sheet1.xml", "sharedStrings.xml", "workbook.xml"][part];
        let bytes = workbook(|name, mut bytes| {
            for (at, byte) in changes.iter().filter(|_| name.ends_with(part)) {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes
        });
        let _ = import::read(&[Source { name: "x.xlsx", bytes: &bytes }], &Options::default());
    }

    #[test]
    fn a_table_comes_back_as_it_was(
        rows in proptest::collection::vec(("[a-z退换,;\"' ]{0,20}", "[^\\p{C}\\p{Z}]{1,8}( [^\\p{C}\\p{Z}]{1,8}){0,3}"), 1..8),
        separator in 0..3_usize,
    ) {
        let separator = [b',', b';', b'\t'][separator];
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(["question", "answer"]).unwrap();
        for (number, (question, answer)) in rows.iter().enumerate() {
            // Numbers keep them apart, so that nothing is joined.
            writer.write_record([&format!("{number} {question}"), &format!("{number} {answer}")]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let columns = vec![(Field::Question, "question".to_owned()), (Field::Answer, "answer".to_owned())];
        let options = Options { columns, format: Some(Format::Csv), ..Options::default() };
        let imported = import::read(&[Source { name: "x.csv", bytes: &bytes }], &options).unwrap();
        let back = faq_of(&import::written(&imported.entries, None).faq);
        prop_assert_eq!(back.len(), rows.len());
        for (number, ((question, answer), (questions, said))) in rows.iter().zip(&back).enumerate() {
            let question = format!("{number} {question}").split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(questions, &vec![question]);
            prop_assert_eq!(said, &import::literal(&format!("{number} {answer}")));
        }
    }
}
