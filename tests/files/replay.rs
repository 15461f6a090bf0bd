//! Recorded messages through two rule sets: what differs, in which order it is told, and with which exit code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use nightdesk::engine::Engine;
use nightdesk::replay::{self, Before, Line};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::program::program_in;

const CONFIG: &str = r#"
timezone: Asia/Shanghai
languages: [zh]
hours: {shop: {weekly: {mon-fri: ["09:00-18:00"]}}, always: {weekly: {mon-sun: ["00:00-24:00"]}}}
queues: {general: {hours: shop, first_response: 2m, escalate_to: oncall}, oncall: {hours: always}}
routes: [{if: "customer.tier == 'vip'", queue: oncall}, {queue: general}]
channels: {web: {kind: websocket}}
notices: {handed_over: 已转人工。, closed: 现在休息。, choice: 您想问哪一个？}
"#;

const FAQ: &str = "
faq:
  - id: returns.window
    title: 退货
    questions: [怎么退货, 可以退货吗]
    answer: 七天内可以退货。
    options: [refund.time]
  - id: refund.time
    title: 退款多久到账
    questions: [退款多久到账, 退款要几天]
    answer: 三天到账。
  - id: shipping.fee
    title: 运费
    questions: [运费多少, 邮费怎么算]
    answer: 八元。
";

const RULES: &str = "
rules:
  - id: order.status
    when: {phrase: [我的订单]}
    slots: {order: {ask: 订单号是多少？, pattern: '[0-9]{4}'}}
    reply: '订单{{ slots.order }}已发货。'
";

/// What customers and people do in the conversations of these tests.
const SAID: &[&str] =
    &["怎么退货", "1", "退款要几天", "运费多少", "我的订单", "1234", "转人工", "月色真美", "怎么退货呢", "好的", "急"];

fn load(files: &[(&str, &str)]) -> Engine {
    let (engine, report) = Engine::load(Files::from_texts(files.iter().copied()), &NoSecrets);
    engine.unwrap_or_else(|| panic!("{:?}", report.findings))
}

fn shop() -> Engine {
    load(&[("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ), ("rules/a.yaml", RULES)])
}

/// Built once: learning takes longer than playing.
static SHOP: LazyLock<Engine> = LazyLock::new(shop);
static SAME: LazyLock<Engine> = LazyLock::new(shop);

fn start() -> Timestamp {
    "2026-10-09T10:00:00+08:00".parse().unwrap()
}

fn message(conversation: &str, minutes: i64, text: &str, tier: Option<&str>) -> Line {
    let line = json!({
        "at": start() + SignedDuration::from_mins(minutes), "conversation": conversation, "type": "message",
        "channel": "web", "customer": {"id": conversation, "tier": tier}, "text": text,
    });
    serde_json::from_value(line).unwrap()
}

fn person(conversation: &str, minutes: i64, did: &str) -> Line {
    let line = json!({
        "at": start() + SignedDuration::from_mins(minutes), "conversation": conversation, "type": "person", "did": did,
    });
    serde_json::from_value(line).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_set_against_itself_has_no_differences(
        acts in prop::collection::vec((0..SAID.len() + 3, 0_i64..200), 1..12), vip in any::<bool>(),
    ) {
        let mut minutes = 0;
        let lines: Vec<Line> = acts.iter().map(|(act, wait)| {
            minutes += wait;
            match SAID.get(*act) {
                Some(text) => message("c", minutes, text, vip.then_some("vip")),
                None => person("c", minutes, ["take", "return", "close"][act - SAID.len()]),
            }
        }).collect();
        let all: Vec<&Line> = lines.iter().collect();
        let (compared, found) = replay::differences(&all, Before::Engine(&SAME), &SHOP, true);
        prop_assert_eq!(found, vec![]);
        prop_assert_eq!(compared, acts.iter().filter(|(act, _)| *act < SAID.len()).count());
    }
}

/// The decisions about a conversation, as text.
fn decided(engine: &Engine, lines: &[Line]) -> Vec<String> {
    let lines: Vec<&Line> = lines.iter().collect();
    replay::play(engine, &lines, false).iter().map(ToString::to_string).collect()
}

#[test]
fn a_conversation_is_decided_as_it_went() {
    let lines = [
        message("c", 0, "怎么退货", None),
        // The option that was shown: state is carried over.
        message("c", 1, "1", None),
        message("c", 2, "我的订单", None),
        message("c", 3, "1234", None),
        message("c", 4, "转人工", None),
        person("c", 5, "take"),
        message("c", 6, "怎么退货", None),
        person("c", 7, "return"),
        message("c", 8, "运费多少", None),
    ];
    assert_eq!(
        decided(&shop(), &lines),
        [
            "faq returns.window",
            "faq refund.time",
            "slot order.status",
            "rule order.status",
            "handoff (asked) to general",
            "silent (human_owns)",
            "faq shipping.fee",
        ]
    );
    // Who is a VIP goes to another queue.
    assert_eq!(decided(&shop(), &[message("c", 0, "转人工", Some("vip"))]), ["handoff (asked) to oncall"]);
}

#[test]
fn what_was_recorded_is_compared_where_it_was_recorded() {
    let mut lines =
        [message("c", 0, "怎么退货", None), message("c", 1, "运费多少", None), message("c", 2, "好的", None)];
    for (line, rule) in lines.iter_mut().zip(["returns.window", "refund.time"]) {
        let mut value = serde_json::to_value(&*line).unwrap();
        value["was"] = json!({"outcome": "faq", "reason": "matched", "rule": rule});
        *line = serde_json::from_value(value).unwrap();
    }
    let all: Vec<&Line> = lines.iter().collect();
    let (compared, found) = replay::differences(&all, Before::Recorded, &shop(), false);
    assert_eq!(compared, 2, "the third has no decision");
    let found: Vec<_> = found.iter().map(|one| (one.line, one.before.to_string(), one.after.to_string())).collect();
    assert_eq!(found, [(1, "faq refund.time".to_owned(), "faq shipping.fee".to_owned())]);
}

/// Two directories of one shop, the second changed, and an export of some conversations.
fn directories() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let changed = FAQ
        .replace("八元。", "十元。")
        .replace("[退款多久到账, 退款要几天]", "[到账要多久]")
        .replace("title: 退款多久到账", "title: 到账");
    for (name, faq) in [("old", FAQ), ("new", changed.as_str())] {
        for (file, text) in [("nightdesk.yaml", CONFIG), ("faq/a.yaml", faq), ("rules/a.yaml", RULES)] {
            let path = root.path().join(name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let mut lines = String::new();
    for number in 0..40 {
        let conversation = format!("c{number}");
        let texts = ["怎么退货", "退款要几天", "运费多少", SAID[number % SAID.len()]];
        for (minute, text) in (0_i64..).zip(texts) {
            writeln!(lines, "{}", serde_json::to_string(&message(&conversation, minute, text, None)).unwrap()).unwrap();
        }
    }
    fs::write(root.path().join("export.jsonl"), lines).unwrap();
    root
}

fn run(root: &Path, dir: &str, arguments: &[&str]) -> Output {
    program_in(Path::new(dir)).current_dir(root).arg("replay").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_command_tells_what_differs_by_traffic() {
    let root = directories();
    let output = run(root.path(), "new", &["export.jsonl", "--against", "old"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!("replay", text(&output));
    let words = text(&run(root.path(), "new", &["export.jsonl", "--against", "old", "--words"]));
    assert!(words.contains("in other words"), "{words}");
    let same = run(root.path(), "new", &["export.jsonl", "--against", "new", "--words"]);
    assert_eq!(
        (same.status.code(), text(&same)),
        (Some(0), "0 of 160 messages are decided otherwise (0.0 %)\n".to_owned())
    );
    // For CI: so many, or such a share.
    let json: Value = serde_json::from_str(&text(&run(
        root.path(),
        "new",
        &["export.jsonl", "--against", "old", "--format", "json"],
    )))
    .unwrap();
    let differing = json["differing"].as_u64().unwrap();
    for (allowed, code) in
        [(format!("{differing}"), 0), (format!("{}", differing - 1), 1), ("99%".to_owned(), 0), ("0.1%".to_owned(), 1)]
    {
        let output = run(root.path(), "new", &["export.jsonl", "--against", "old", "--allow", &allowed]);
        assert_eq!(output.status.code(), Some(code), "--allow {allowed}");
    }
    let sum: u64 = json["changes"].as_array().unwrap().iter().map(|change| change["messages"].as_u64().unwrap()).sum();
    assert_eq!(sum, differing);
}

#[test]
fn a_special_mode_is_on_in_the_files_that_are_tried_and_not_in_the_others() {
    let root = directories();
    let config = CONFIG.replace("notices: {", "modes: {peak: {options: 1}}\nnotices: {peak: 人多，请稍候。, ");
    fs::write(root.path().join("old/nightdesk.yaml"), &config).unwrap();
    let differing = |mode: &[&str]| {
        let arguments = [&["export.jsonl", "--against", "old", "--words", "--format", "json"], mode].concat();
        let output = run(root.path(), "old", &arguments);
        assert_eq!(output.status.code(), Some(i32::from(!mode.is_empty())), "{output:?}");
        serde_json::from_str::<Value>(&text(&output)).unwrap()
    };
    assert_eq!(differing(&[])["differing"], 0);
    let peak = differing(&["--mode", "peak"]);
    let people = SAID.iter().cycle().take(40).filter(|said| **said == "转人工").count();
    assert!(people > 0 && peak["differing"].as_u64().unwrap() >= people as u64, "{peak:#}");
    let wrong = run(root.path(), "old", &["export.jsonl", "--mode", "busy"]);
    let error = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && error.contains("peak, degraded"), "{error}");
}

#[test]
fn the_result_does_not_hang_on_the_number_of_threads() {
    let root = directories();
    let with = |threads: &str| {
        text(&run(root.path(), "new", &["export.jsonl", "--against", "old", "--format", "json", "--threads", threads]))
    };
    let one = with("1");
    assert!(one.contains("refund.time"));
    assert_eq!(one, with("3"));
    assert_eq!(one, with("16"));
}

#[test]
fn lines_that_cannot_be_read_are_named() {
    let root = directories();
    let good = fs::read_to_string(root.path().join("export.jsonl")).unwrap();
    let bad = format!("{good}{{\"at\":\"yesterday\"}}\n\nno json\n");
    fs::write(root.path().join("bad.jsonl"), bad).unwrap();
    let output = run(root.path(), "new", &["bad.jsonl", "--against", "old"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("2 lines") && said.contains("bad.jsonl:161:") && said.contains("bad.jsonl:163:"), "{said}");
    for (arguments, part) in [
        (["none.jsonl", "--against", "old"], "none.jsonl"),
        (["export.jsonl", "--against", "nowhere"], "nowhere"),
        (["export.jsonl", "--allow", "some"], "0.5%"),
    ] {
        let output = run(root.path(), "new", &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{arguments:?}");
    }
    // An export without decisions has nothing to be compared with.
    assert_eq!(run(root.path(), "new", &["export.jsonl"]).status.code(), Some(2));
}

#[test]
fn a_revision_of_git_is_compared_and_nothing_of_the_work_is_touched() {
    let root = directories();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(root.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments);
        command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if git(&["init", "-q"]).is_err() {
        // What is said without git is the same test's other half.
        return;
    }
    git(&["add", "old"]).unwrap();
    git(&["commit", "-qm", "first"]).unwrap();
    // The directory has moved on since, and something of it is staged.
    fs::copy(root.path().join("new/faq/a.yaml"), root.path().join("old/faq/a.yaml")).unwrap();
    git(&["add", "old/faq/a.yaml"]).unwrap();
    let before = git(&["status", "--porcelain"]).unwrap();
    let output = run(root.path(), "old", &["export.jsonl", "--against", "git:HEAD"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let against_directory = {
        git(&["worktree", "add", "-q", "--detach", "first", "HEAD"]).unwrap();
        let output = run(root.path(), "old", &["export.jsonl", "--against", "first/old"]);
        git(&["worktree", "remove", "--force", "first"]).unwrap();
        text(&output)
    };
    assert_eq!(text(&output), against_directory);
    assert_eq!(git(&["status", "--porcelain"]).unwrap(), before);
    for revision in ["git:nothing", "git:--help", "git:"] {
        let output = run(root.path(), "old", &["export.jsonl", "--against", revision]);
        assert_eq!(output.status.code(), Some(2), "{revision}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("git"), "{revision}");
    }
    // Without the program.
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command
        .current_dir(root.path())
        .args(["--dir", "old", "replay", "export.jsonl", "--against", "git:HEAD"])
        .env("PATH", "");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs the program git"));
}
