//! What went unanswered, grouped: the groups, their names, the nearest entry, and drafts that no shop can ship unread.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nightdesk::diag::{Format, Report};
use nightdesk::engine::Engine;
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use nightdesk::rules::model::Condition;
use nightdesk::suggest::{self, Draft, Grouped, Options};

const CONFIG: &str = r#"
timezone: Asia/Shanghai
languages: [zh, en]
hours: {always: {weekly: {mon-sun: ["00:00-24:00"]}}}
queues: {general: {hours: always}}
routes: [{queue: general}]
channels: {web: {kind: websocket}}
notices: {handed_over: {zh: 已转人工。, en: A colleague takes over.}, choice: {zh: 您想问哪一个？, en: Which one?}}
"#;

const FAQ: &str = "
faq:
  - id: returns.window
    title: {zh: 退货, en: Returns}
    questions: [怎么退货, 可以退货吗, 七天内能退货吗, how do I return an item, can I send it back]
    answer: {zh: 七天内可以退货。, en: You can return it within seven days.}
  - id: refund.time
    title: {zh: 退款多久到账, en: When the refund arrives}
    questions: [退款多久到账, 钱什么时候退给我, how long does a refund take]
    answer: {zh: 三天到账。, en: It takes three days.}
  - id: shipping.fee
    title: {zh: 运费, en: Shipping}
    questions: [运费多少, 邮费怎么算, how much is shipping]
    answer: {zh: 八元。, en: Eight yuan.}
";

/// Two matters that the files know nothing of, one in Chinese and one in English, a third that an entry is near to, and strays.
const UNANSWERED: &[&str] = &[
    "会员积分怎么兑换礼品",
    "积分兑换在哪里",
    "我的积分能兑换什么",
    "積分怎麼兌換",
    "积分兑换礼品要多久，电话13812345678",
    "会员积分怎么兑换礼品",
    "do you sell a gift card",
    "gift card for my sister",
    "where can I buy a gift card",
    "is the gift card valid online",
    "已经拆封了还能退货吗，吊牌剪了",
    "拆封了退货行不行",
    "拆封的能不能退货",
    "今晚月色真美",
    "???",
];

fn engine(files: &[(&str, &str)]) -> (Option<Engine>, Report) {
    Engine::load(Files::from_texts(files.iter().copied()), &NoSecrets)
}

fn shop() -> Engine {
    let (engine, report) = engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ)]);
    engine.unwrap_or_else(|| panic!("{}", report.render(Format::Human, false)))
}

fn grouped(messages: &[&str]) -> Grouped {
    suggest::groups(&shop(), messages, Options { least: 2, most: 20, samples: 5 })
}

#[test]
fn messages_that_ask_alike_are_one_group_named_by_what_they_say() {
    let found = grouped(UNANSWERED);
    let summary: Vec<(usize, usize, bool)> = found
        .groups
        .iter()
        .map(|group| (group.messages, group.texts, group.nearest.as_ref().is_some_and(|near| near.fits)))
        .collect();
    // The Traditional wording of a question is the same text; it came three times in all.
    assert_eq!(summary, [(6, 5, false), (4, 4, false), (3, 3, true)], "{found:#?}");
    let words = |at: usize| found.groups[at].words.join(" ");
    assert!(words(0).contains("积分"), "{}", words(0));
    assert!(words(1).contains("gift card"), "{}", words(1));
    assert!(words(2).contains("拆封"), "{}", words(2));
    assert_eq!(found.groups[2].nearest.as_ref().map(|near| near.rule.as_str()), Some("returns.window"));
    assert_eq!(found.groups[1].languages.keys().collect::<Vec<_>>(), ["en"]);
    assert_eq!((found.left_out, found.wordless), ((1, 1), 1));
}

#[test]
fn the_order_in_which_messages_came_changes_no_group() {
    let sizes = |found: &Grouped| found.groups.iter().map(|group| (group.messages, group.texts)).collect::<Vec<_>>();
    let mut messages = UNANSWERED.to_vec();
    let first = sizes(&grouped(&messages));
    for _ in 0..4 {
        messages.rotate_left(4);
        messages.reverse();
        assert_eq!(sizes(&grouped(&messages)), first);
    }
    assert_eq!(grouped(UNANSWERED), grouped(UNANSWERED));
}

#[test]
fn drafts_hold_no_personal_data_and_no_answer() {
    let found = grouped(UNANSWERED);
    let engine_of_the_shop = shop();
    let drafts = suggest::drafts(&engine_of_the_shop, &found.groups);
    let document = suggest::document(&found.groups, &drafts);
    assert!(!document.contains("1381234") && !document.contains("5678"), "{document}");
    assert!(format!("{found:?}").contains("***5678"), "the sample itself is shown, masked");
    let Draft::Questions { rule, file, yaml } = &drafts[2] else { panic!("more questions: {drafts:?}") };
    assert_eq!((rule.as_str(), file.as_str()), ("returns.window", "faq/a.yaml"));
    assert!(yaml.contains("拆封了退货行不行"));
    // As it is drafted, `check` refuses it; with an answer it is an entry.
    let with = |document: &str| engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("faq/new.yaml", document)]);
    let (none, report) = with(&document);
    assert!(none.is_none());
    assert!(report.findings.iter().all(|finding| finding.code == "empty-value"), "{:?}", report.findings);
    let answered = document.replace("\"\"", "written by a person");
    let (engine, report) = with(&answered);
    let engine = engine.unwrap_or_else(|| panic!("{}", report.render(Format::Human, false)));
    assert_eq!(engine.knowledge().rules.len(), 5);
}

#[test]
fn words_that_are_yaml_or_a_template_break_no_draft() {
    let hostile = [
        "{{ secret }} card: \"x\" # y",
        "{{ secret }} card: 'x' # z",
        "- {{ secret }} card:\n*x &y",
        "{% raw %} blue whale | > !",
        "{% raw %} blue whale [ ] , ?",
    ];
    let found = grouped(&hostile);
    let drafts = suggest::drafts(&shop(), &found.groups);
    let document = suggest::document(&found.groups, &drafts).replace("\"\"", "x");
    let (engine, report) = engine(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("faq/new.yaml", &document)]);
    assert!(engine.is_some(), "{}\n{document}", report.render(Format::Human, false));
    assert!(!found.groups.is_empty());
}

fn command(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(dir).args(["--color", "never"]).args(arguments);
    command.env_remove("NIGHTDESK_DIR").env_remove("NIGHTDESK_DATA").output().unwrap()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_command_reads_lists_and_leaves_out_what_is_answered_today() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("faq")).unwrap();
    fs::write(dir.path().join("nightdesk.yaml"), CONFIG).unwrap();
    fs::write(dir.path().join("faq/a.yaml"), FAQ).unwrap();
    let file = dir.path().join("messages.txt");
    fs::write(&file, format!("{}\n怎么退货\nx\ty\t运费多少\n", UNANSWERED.join("\n"))).unwrap();
    let list = file.to_str().unwrap();
    insta::assert_snapshot!("suggest", said(&command(dir.path(), &["suggest", list])));
    insta::assert_snapshot!(
        "suggest-yaml",
        said(&command(dir.path(), &["suggest", list, "--all", "--format", "yaml"]))
    );
    let value: serde_json::Value =
        serde_json::from_str(&said(&command(dir.path(), &["suggest", list, "--format", "json", "--top", "1"])))
            .unwrap();
    assert_eq!(value["groups"].as_array().map(Vec::len), Some(1));
    // 拆封 is near enough to returns to be answered, so are the last two.
    assert_eq!(value["answered_today"], 5);
    assert_eq!(value["groups"][0]["draft"]["kind"], "entry");
    // A line of an export that cannot be read is named.
    fs::write(&file, "fine\n{\"type\":\"message\"}\n").unwrap();
    let output = command(dir.path(), &["suggest", list]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("messages.txt:2"));
}

#[test]
fn agreement_with_labels_is_better_than_that_of_plain_ways() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("faq")).unwrap();
    fs::write(dir.path().join("nightdesk.yaml"), CONFIG).unwrap();
    fs::write(dir.path().join("faq/a.yaml"), FAQ).unwrap();
    // The questions of the starter pack, labelled with their entries: both languages.
    let (pack, report) = Engine::load(Files::read(Path::new(env!("CARGO_MANIFEST_DIR"))), &NoSecrets);
    let pack = pack.unwrap_or_else(|| panic!("{}", report.render(Format::Human, false)));
    let mut lines = String::new();
    for rule in &pack.book().rules {
        let Condition::Any(ways) = &rule.when else { continue };
        let questions =
            ways.iter().filter_map(|way| if let Condition::Like(questions) = way { Some(questions) } else { None });
        for question in questions.flatten().filter(|_| rule.id.value.contains(".r") || rule.id.value.contains(".s")) {
            lines.push_str(&rule.id.value);
            lines.push('\t');
            lines.push_str(&question.value);
            lines.push('\n');
        }
    }
    let file = dir.path().join("labelled.tsv");
    fs::write(&file, lines).unwrap();
    let output = command(dir.path(), &["suggest", "--format", "json", "--labels", file.to_str().unwrap()]);
    let rows: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    let ari = |way: &str| {
        let row = rows.as_array().unwrap().iter().find(|row| row["grouped_by"] == way).unwrap();
        row["ari"].as_f64().unwrap()
    };
    assert!(ari("likeness") > ari("one pass") && ari("one pass") > ari("identical text"), "{rows:#}");
}
