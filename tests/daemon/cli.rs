//! The commands as a person types them: the real program on the shipped files, at fixed times.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::program::{self, fine};
use serde_json::Value;

/// A Friday evening after the national holiday; the Saturday that follows is a working day.
const EVENING: &str = "2026-10-09T20:15:00+08:00";

fn nightdesk(arguments: &[&str]) -> Output {
    typed(arguments, "")
}

/// Runs a command with this on its standard input, on the shipped files.
fn typed(arguments: &[&str], input: &str) -> Output {
    program::typed(program::program().args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")), input)
}

/// What a command prints when all is fine.
#[track_caller]
fn said(arguments: &[&str]) -> String {
    fine(&nightdesk(arguments))
}

#[track_caller]
fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&said(arguments)).unwrap()
}

#[test]
fn the_shipped_files_have_no_errors_and_no_mistakes() {
    said(&["check"]);
    let found = json(&["check", "--format", "json"]);
    // What depends on the day is for the people who look after the files, not for a test.
    let by_date = ["missing-year", "review-overdue", "expired"];
    let others: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| !by_date.contains(&f["code"].as_str().unwrap()))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn explain_tells_why_a_question_is_answered() {
    let why = said(&["explain", "--at", EVENING, "请问怎么退货？"]);
    for part in ["returns.window", "folded", "winner", "怎么退货", "^^^^^^^^"] {
        assert!(why.contains(part), "`{part}` is missing in\n{why}");
    }
    let value = json(&["explain", "--at", EVENING, "--format", "json", "请问怎么退货？"]);
    assert_eq!(value["decision"]["rule"], "returns.window");
    assert_eq!(value["decision"]["reason"], "matched");
    assert!(value["trace"]["folded"].is_string() && value["replies"][0]["text"].is_string());
}

#[test]
fn explain_tells_why_a_person_is_asked_and_when_people_are_there() {
    let why = said(&["explain", "--at", EVENING, "转人工"]);
    for part in ["handoff (asked)", "general", "closed", "given now"] {
        assert!(why.contains(part), "`{part}` is missing in\n{why}");
    }
    let vip = said(&["explain", "--at", EVENING, "--customer", "tier=vip", "转人工"]);
    assert!(vip.contains("queue `vip`"), "{vip}");
}

#[test]
fn explain_tells_what_comes_of_messages_in_a_row() {
    let row =
        ["explain", "--at", EVENING, "--earlier", "在吗", "--earlier", "那个东西", "--earlier", "想改一下", "地址"];
    let why = said(&row);
    for part in [
        "“在吗”: smalltalk (matched) by smalltalk.greeting",
        "“那个东西”: silent (continued)",
        "“想改一下”: silent (continued)",
        "handoff (policy) by logistics.address",
        "together   那个东西 想改一下 地址",
        // The stretches that matched lie in all of the words.
        "1 | 那个东西 想改一下 地址",
    ] {
        assert!(why.contains(part), "`{part}` is missing in\n{why}");
    }
    let value = json(&[&row[..3], &["--format", "json"], &row[3..]].concat());
    assert_eq!(value["trace"]["joined"], "那个东西 想改一下 地址");
}

#[test]
fn chat_answers_line_by_line_when_piped() {
    let talk = fine(&typed(&["chat", "--at", EVENING, "--customer", "tier=vip"], "怎么退货\n转人工\n在吗\n"));
    assert!(talk.contains("七天"), "{talk}");
    assert!(talk.contains("明天 9:00"), "the Saturday is a working day: {talk}");
    let why = fine(&typed(&["chat", "--at", EVENING, "--why"], "怎么退货\n"));
    assert!(why.contains("returns.window") && why.contains("winner"), "{why}");
    assert!(!talk.contains("winner"), "only when it is asked for");
}

#[test]
fn a_chat_in_a_special_mode_by_option_and_by_word() {
    const OPEN: &str = "2026-10-14T10:00:00+08:00";
    let (told, usual) = ("现在咨询的顾客比平时多", "正在为您转接客服同事");
    let plain = fine(&typed(&["chat", "--at", OPEN], "转人工\n"));
    let peak = fine(&typed(&["chat", "--at", OPEN, "--mode", "peak"], "转人工\n"));
    assert!(plain.contains(usual) && !plain.contains(told), "{plain}");
    assert!(peak.contains(told) && !peak.contains(usual), "{peak}");
    let words = "/mode peak\n转人工\n/mode degraded\n/mode peak\n/mode degraded\n转人工\n/mode busy\n";
    let talk = fine(&typed(&["chat", "--at", OPEN], words));
    let switched: Vec<&str> = talk.lines().filter(|line| line.starts_with("special modes: ")).collect();
    let begins = "; a new conversation begins";
    let expected = ["peak", "peak, degraded", "degraded", "none"].map(|on| format!("special modes: {on}{begins}"));
    assert_eq!(switched, expected, "{talk}");
    // Only the first hand-off was in the peak, and each was the first of its conversation.
    assert_eq!(talk.matches(told).count(), 1, "{talk}");
    assert!(talk.find(told) < talk.find(&expected[1]), "{talk}");
    assert_eq!(talk.matches(usual).count(), 1, "{talk}");
    assert!(talk.contains("write /mode peak or /mode degraded"), "{talk}");
    let wrong = nightdesk(&["chat", "--mode", "busy"]);
    let error = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && error.contains("peak, degraded"), "{error}");
    // What is written as a test has the mode, so it passes.
    let dir = copied_shop();
    let shop = dir.path().to_str().unwrap();
    fine(&typed(&["--dir", shop, "chat", "--at", OPEN], "/mode peak\n转人工\n/test in-the-peak\n"));
    let file = dir.path().join("tests/conversations/in-the-peak.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("modes: [peak]"), "{text}");
    assert!(self::said(&["--dir", shop, "test"]).contains("1 passed, 0 failed"));
    fs::write(&file, text.replace("modes: [peak]", "modes: [busy]")).unwrap();
    assert_eq!(nightdesk(&["--dir", shop, "test"]).status.code(), Some(2), "the mode is read");
}

/// A shop of its own with the shipped files.
fn copied_shop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    program::copy_shipped(&["nightdesk.yaml", "faq", "rules", "calendars"], dir.path());
    dir
}

#[test]
fn a_chat_becomes_a_test_that_passes() {
    let dir = copied_shop();
    let shop = dir.path().to_str().unwrap();
    let lines = "怎么退货\n/option 1\n/wait 5m\n转人工\n/take\n/wait 10m\n/return\n退款多久到账\n/test returns-at-night\n/test returns-at-night\n/test ../x\n/as tier=vip\n/test nothing\n/at 2026-10-09T08:00\n转人工\n/nonsense\n/wait soon\n/reload\n";
    let talk = fine(&typed(&["--dir", shop, "chat", "--at", EVENING], lines));
    for part in [
        "明天 9:00",
        "同事已接手",
        "written to tests/conversations/returns-at-night.yaml",
        "is there already",
        "`../x` cannot be the name of a file",
        "nothing was said yet",
        "that is earlier, so a new conversation begins",
        "/test NAME",
        "write /wait 3m",
        "the files are read anew",
    ] {
        assert!(talk.contains(part), "`{part}` is missing in\n{talk}");
    }
    assert_eq!(talk.matches("written to").count(), 1);
    insta::assert_snapshot!(
        "chat_as_a_test",
        fs::read_to_string(dir.path().join("tests/conversations/returns-at-night.yaml")).unwrap()
    );
    assert!(self::said(&["--dir", shop, "test"]).contains("1 passed, 0 failed"));
    // It is a test: another answer fails it.
    let file = dir.path().join("tests/conversations/returns-at-night.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("outcome: faq", "outcome: handoff", 1)).unwrap();
    assert_eq!(nightdesk(&["--dir", shop, "test"]).status.code(), Some(1));
}

#[test]
fn hours_of_the_national_holiday() {
    insta::assert_snapshot!("hours_month", said(&["hours", "month", "2026-10"]));
    let explained: String =
        ["2026-10-01T10:00", "2026-10-09T20:15", "2026-10-10T10:00", "2026-10-11T10:00", "2026-10-12T08:59"]
            .iter()
            .map(|time| said(&["hours", "explain", time]) + "\n")
            .collect();
    insta::assert_snapshot!("hours_explain", explained);
    let next: String = [EVENING, "2026-09-30T18:00:00+08:00", "2026-10-10T12:00:00+08:00"]
        .iter()
        .map(|time| said(&["hours", "next", "--at", time]) + "\n")
        .collect();
    insta::assert_snapshot!("hours_next", next);
}

#[test]
fn schemas_are_json_schemas_that_know_every_key_of_the_shipped_files() {
    for (name, folder) in
        [("faq", "faq"), ("rules", "rules"), ("conversations", "tests/conversations"), ("config", "nightdesk.yaml")]
    {
        let schema = json(&["schema", name]);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        let known = schema.to_string();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let file = if path.is_dir() {
            let mut files: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.retain(|file| file.is_file());
            files.sort();
            files.remove(0)
        } else {
            path
        };
        let text = fs::read_to_string(file).unwrap();
        // Keys that stand at the top, and those that open an item.
        for line in
            text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) || line.starts_with("  - "))
        {
            let key: String = line
                .trim_start_matches([' ', '-'])
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if line.contains(':') && !line.contains('{') && !key.is_empty() {
                assert!(known.contains(&format!("\"{key}\"")), "{name}: the schema does not know `{key}`");
            }
        }
    }
}

#[test]
fn failing_conversations_say_what_was_expected_and_what_came() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["nightdesk.yaml", "secrets/desk", "faq/returns.yaml", "rules/urgent.yaml"] {
        let to = dir.path().join(folder);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/good").join(folder), to).unwrap();
    }
    let test = "conversations:\n  - name: right & <good>\n    at: 2026-10-09T10:00:00+08:00\n    turns:\n      - {say: 怎么退货, expect: {rule: returns.window}}\n  - name: wrong\n    at: 2026-10-09T10:00:00+08:00\n    turns:\n      - {say: 怎么退货, expect: {rule: refund.time, reply_contains: \"<十五天>\"}}\n";
    fs::create_dir_all(dir.path().join("tests/conversations")).unwrap();
    fs::write(dir.path().join("tests/conversations/returns.yaml"), test).unwrap();
    let (shop, junit) = (dir.path().to_str().unwrap(), dir.path().join("junit.xml"));
    let output = nightdesk(&["--dir", shop, "test", "--coverage", "--junit", junit.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "refund.time",
        "returns.window",
        "<十五天>",
        "七天内可以退货。",
        "tests/conversations/returns.yaml:9:",
        "1 passed, 1 failed",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(text.contains("urgent.account-stolen"), "no test reaches this rule:\n{text}");
    let xml = fs::read_to_string(junit).unwrap();
    assert!(xml.starts_with("<?xml") && xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(
        xml.contains("right &amp; &lt;good&gt;") && xml.contains("&lt;十五天&gt;") && !xml.contains("<十"),
        "{xml}"
    );
    assert_eq!(xml.matches("<testcase ").count(), 2);
    assert!(xml.contains("<failure message=") && xml.trim_end().ends_with("</testsuite>"), "{xml}");
    // Only what is named.
    fine(&nightdesk(&["--dir", shop, "test", "--name", "right"]));
}

#[test]
fn the_shipped_conversations_pass() {
    let text = said(&["test", "tests/conversations/rules"]);
    assert!(text.contains(", 0 failed"), "{text}");
}

#[tokio::test]
async fn queue_lists_who_waits_without_a_daemon() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, EVENING).await;
    Client::new(daemon.address(), "zh-CN").await.say("转人工").await;
    receiver.wait("/desk", 1).await;
    daemon.stop().await;
    let (dir, data) = (shop.dir(), shop.data());
    let base = ["--dir", dir.to_str().unwrap(), "queue", "--data", data.to_str().unwrap()];
    let listed = said(&base);
    assert!(listed.contains("general") && listed.contains("asked"), "{listed}");
    let deliveries = said(&[&base[..], &["list", "--deliveries"]].concat());
    assert!(!deliveries.contains("panicked"), "{deliveries}");
    for (wrong, help) in [
        (&["list", "--state", "open"][..], "queued, taken, returned, closed, moved, all"),
        (&["list", "--deliveries", "--state", "queued"], "pending, dead, delivered, dropped, all"),
        (&["show", "77"], "list --deliveries --state all"),
        (&["retry", "77"], "list --deliveries --state all"),
        (&["drop", "77"], "list --deliveries --state all"),
    ] {
        let output = nightdesk(&[&base[..], wrong].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(help), "{wrong:?}: {error}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_to_do() {
    let cases: [(&[&str], &str); 13] = [
        (&["serv"], "serve"),
        (&["check", "--format", "xml"], "human"),
        (&["schema", "rule"], "rules"),
        (&["--dir", "/nowhere/at/all", "check"], "--dir"),
        (&["explain", "--at", "yesterday", "x"], "2026-10-09T20:15"),
        (&["chat", "--customer", "vip"], "tier=vip"),
        (&["hours", "explain", "noon"], "2026-10-09T20:15"),
        (&["test", "tests/conversations/none"], "tests/conversations/none"),
        (&["check", "faq/retruns.yaml"], "such as faq/returns.yaml"),
        (&["serve", "--listen", "8080"], "127.0.0.1:8080"),
        (&["explain", "x", "--channel", "shop"], "there is web"),
        (&["chat", "--channel", "shop"], "there is web"),
        (&["channel", "test", "desk"], "nightdesk.yaml has none yet"),
    ];
    for (arguments, help) in cases {
        let output = nightdesk(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(help) && error.contains("error"), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}: errors go to standard error");
    }
}

#[test]
fn help_and_version_are_there() {
    let help = said(&["--help"]);
    for command in
        ["serve", "check", "test", "chat", "explain", "queue", "schema", "hours", "export", "replay", "suggest"]
    {
        assert!(help.contains(command), "{help}");
    }
    assert!(said(&["--version"]).starts_with("nightdesk "));
}

#[test]
fn files_with_errors_are_named_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("nightdesk.yaml"), "timezone: Asia/Shangai\n").unwrap();
    let shop = dir.path().to_str().unwrap();
    let commands: [&[&str]; 3] = [&["chat"], &["explain", "x"], &["test"]];
    for command in commands {
        let output = nightdesk(&[&["--dir", shop], command].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `Asia/Shanghai`?"), "{command:?}");
    }
    let data = dir.path().join("data");
    let serve = nightdesk(&["--dir", shop, "serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_eq!(serve.status.code(), Some(1), "it does not start");
    assert!(!String::from_utf8_lossy(&serve.stdout).contains("listening"));
}
