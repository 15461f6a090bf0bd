//! The rule sets that were in use: kept by the daemon, shown and brought back by the commands.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::wait_for;

const OPEN_TIME: &str = "2026-10-14T10:00:00+08:00";

fn warranty(answer: &str) -> String {
    format!(
        "faq:\n  - id: warranty.term\n    title: {{zh: 质保年限, en: Warranty}}\n    questions: [质保年限]\n    answer: {{zh: {answer}, en: {answer}}}\n"
    )
}

fn nightdesk(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.args(["--color", "never", "--dir"]).arg(shop.dir()).args(arguments).arg("--data").arg(shop.data());
    command.env_remove("NIGHTDESK_DIR").env_remove("NIGHTDESK_DATA").output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn sets(shop: &Shop) -> Vec<Value> {
    let listed = said(&nightdesk(shop, &["history", "--format", "json"]));
    serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap().clone()
}

async fn kept(shop: &Shop, count: usize) -> Vec<Value> {
    wait_for("the sets", async || Some(sets(shop)).filter(|sets| sets.len() == count)).await
}

async fn answers(daemon: &Daemon, expected: &str) {
    wait_for(expected, async || {
        let mut customer = Client::new(daemon.address(), "zh-CN").await;
        customer.say("质保年限").await.texts().join("\n").contains(expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_change_is_undone_and_the_undoing_too() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    shop.write("faq/warranty.yaml", &warranty("一年"));
    let daemon = Daemon::start(&shop, OPEN_TIME).await;
    let first = kept(&shop, 1).await[0]["hash"].as_str().unwrap().to_owned();
    daemon.turn_to("2026-10-14T10:01:00+08:00");
    shop.write("faq/warranty.yaml", &warranty("两年"));
    answers(&daemon, "两年").await;
    let second = kept(&shop, 2).await[0]["hash"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let listed = said(&nightdesk(&shop, &["history"]));
    assert!(listed.contains("faq/warranty.yaml"), "what changed is not named:\n{listed}");
    let shown = said(&nightdesk(&shop, &["history", &second[..8]]));
    assert!(shown.contains("-    answer: {zh: 一年, en: 一年}\n+    answer: {zh: 两年, en: 两年}"), "{shown}");
    // Somebody saves a file that is broken, and another one, and wants to be back where all was well.
    shop.write("faq/warranty.yaml", "faq: [");
    shop.write("faq/new.yaml", "faq: []\n");
    let before = fs::read_to_string(shop.dir().join("faq/warranty.yaml")).unwrap();
    assert!(said(&nightdesk(&shop, &["rollback", "--dry-run"])).contains("nothing was changed"));
    assert_eq!(fs::read_to_string(shop.dir().join("faq/warranty.yaml")).unwrap(), before);
    let done = said(&nightdesk(&shop, &["rollback"]));
    assert_eq!(fs::read_to_string(shop.dir().join("faq/warranty.yaml")).unwrap(), warranty("两年"), "{done}");
    assert!(!shop.dir().join("faq/new.yaml").exists());
    // What cannot be read could not be kept, so it is not touched.
    fs::write(shop.dir().join("faq/warranty.yaml"), b"faq: [] # \xd6\xca\xb1\xa3\n").unwrap();
    let refused = nightdesk(&shop, &["rollback"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing is lost"), "{refused:?}");
    assert!(fs::read(shop.dir().join("faq/warranty.yaml")).unwrap().ends_with(b"\xb1\xa3\n"));
    shop.write("faq/warranty.yaml", &warranty("两年"));
    // And one further back; the daemon answers so.
    said(&nightdesk(&shop, &["rollback", &first[..8]]));
    answers(&daemon, "一年").await;
    // What the first roll-back took away is kept, errors and all.
    let undo = done.lines().find(|line| line.ends_with("undoes this")).unwrap();
    let words: Vec<&str> = undo.split(' ').collect();
    let refused = nightdesk(&shop, &["rollback", words[2]]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing was changed"), "{refused:?}");
    assert_eq!(words[3], "--anyway");
    said(&nightdesk(&shop, &["rollback", words[2], "--anyway"]));
    assert_eq!(fs::read_to_string(shop.dir().join("faq/warranty.yaml")).unwrap(), before);
    assert!(shop.dir().join("faq/new.yaml").exists());
    answers(&daemon, "一年").await;
    let private =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o077;
    assert_eq!(private(&shop.data().join("history/texts")), 0, "others can read it");
}

#[test]
fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        command.arg("--dir").arg(dir.path()).args(arguments).arg("--data").arg(dir.path().join("data"));
        command.output().unwrap()
    };
    assert!(said(&run(&["history"])).contains("no rule set was in use yet"));
    for (arguments, why) in
        [(&["history", "abc"][..], "no rule set of the history begins with `abc`"), (&["rollback"], "holds no shop")]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(why), "{error}");
    }
}
