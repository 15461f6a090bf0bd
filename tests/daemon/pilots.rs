//! Pilots in a running daemon: one that is worse than the rest ends by itself, once, and stays ended.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use nightdesk::hub::News;
use nightdesk::reload::Beside;
use nightdesk::rules::pilots::number;
use nightdesk::store::DecisionFilter;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::api::{forward, forwarded, get, post};
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{PATIENCE, str_at, wait_for};

const TEN: &str = "2026-10-14T10:00:00+08:00";
const OLD: &str = "七天内可以退货。";

/// A pilot for half of the customers, in the place of `returns.window`, that hands over.
fn pilot(reason: &str) -> String {
    format!(
        "rules:\n  - id: returns.person\n    replaces: returns.window\n    rollout: 50%\n    when: {{phrase: [怎么退货]}}\n    reply: {{zh: 请同事来帮您。, en: A colleague helps you.}}\n    handoff: {{queue: general, reason: {reason}}}\n"
    )
}

/// Customers on one side of a half, from a number on so that they are new.
fn customers(takes_part: bool, from: usize) -> impl Iterator<Item = String> {
    (from..).map(|n| format!("k{n}")).filter(move |id| (number(id) < 5_000) == takes_part)
}

/// What a customer is told.
async fn ask(daemon: &Daemon, customer: &str, text: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("m-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let body = forwarded(&id, customer, text);
    let answered = forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
    assert_eq!(answered.status, 200, "{:#}", answered.json);
    answered.json
}

fn words(answered: &Value) -> String {
    answered["messages"].as_array().unwrap().iter().map(|message| str_at(message, "/text")).collect()
}

async fn ask_all(daemon: &Daemon, from: usize, each: usize) {
    for takes_part in [true, false] {
        for customer in customers(takes_part, from).take(each) {
            let answered = ask(daemon, &customer, "怎么退货").await;
            assert_eq!(words(&answered).contains(OLD), !takes_part, "{answered:#}");
        }
    }
}

fn told(receiver: &Receiver) -> Vec<Hit> {
    receiver.hits().into_iter().filter(|hit| hit.kind() == "pilot.stopped").collect()
}

async fn status(daemon: &Daemon) -> Value {
    get(&format!("http://{}/v1/status", daemon.address())).await.json["pilots"].clone()
}

async fn metric(daemon: &Daemon, line: &str) -> bool {
    let text = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/metrics", daemon.address());
    text.get(url).send().await.unwrap().text().await.unwrap().lines().any(|found| found == line)
}

#[tokio::test]
async fn a_pilot_that_is_worse_ends_by_itself_and_says_so_once() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "pilots: {stop: {handoff: 10%, after: 10, webhook: desk}}");
    shop.write("rules/pilot.yaml", &pilot("trial"));
    let daemon = Daemon::start(&shop, TEN).await;
    // Too few on each side: nothing is concluded, however bad it looks.
    ask_all(&daemon, 0, 9).await;
    daemon.turn_to("2026-10-14T10:02:00+08:00");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(status(&daemon).await[0]["stopped"], Value::Null);
    assert!(metric(&daemon, r#"nightdesk_pilot_stopped{pilot="returns.person"} 0"#).await);

    ask_all(&daemon, 1_000, 4).await;
    let mut ear = daemon.app.pipeline.hub.desk.listen(None);
    daemon.turn_to("2026-10-14T10:04:00+08:00");
    let hit = wait_for("the receiver's word", || async { told(&receiver).pop() }).await;
    let body = hit.json();
    let said = &body["data"]["pilot"];
    assert_eq!((str_at(said, "/pilot"), str_at(said, "/why")), ("returns.person", "handoff"));
    assert_eq!((&said["with"], &said["rest"]), (&json!({"part": 13, "whole": 13}), &json!({"part": 0, "whole": 13})));
    assert_eq!(str_at(said, "/title"), "试点已自动停止：returns.person");
    assert_eq!(said["figures"][0]["value"], "100.0 %");
    // Its customers get what the rest have, at once.
    let mut again = customers(true, 2_000);
    wait_for("the end", || async { status(&daemon).await[0]["stopped"].is_object().then_some(()) }).await;
    let answered = wait_for("the old answer", || {
        let customer = again.next().unwrap();
        let daemon = &daemon;
        async move { Some(ask(daemon, &customer, "怎么退货").await).filter(|answered| words(answered).contains(OLD)) }
    })
    .await;
    assert_eq!(answered["decision"]["pilots"], Value::Null, "there is no pilot any more");
    let shown = status(&daemon).await;
    assert_eq!((str_at(&shown, "/0/pilot"), str_at(&shown, "/0/stopped/why")), ("returns.person", "handoff"));
    assert_eq!(instant(str_at(&shown, "/0/stopped/at")), instant("2026-10-14T10:04:00+08:00"));
    assert!(metric(&daemon, r#"nightdesk_pilot_stopped{pilot="returns.person"} 1"#).await);
    while !matches!(timeout(PATIENCE, ear.next()).await.expect("the consoles' news"), Ok((_, News::Pilot { .. }))) {}

    // A reload of something else, and a restart: it stays ended, and nobody is told again.
    shop.write("faq/more.yaml", "faq:\n  - {id: more.one, title: 新, questions: [有新品吗], answer: 有。}\n");
    let report = crate::common::api::post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!(report.status, 200, "{:#}", report.json);
    assert!(words(&ask(&daemon, &again.next().unwrap(), "怎么退货").await).contains(OLD));
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T10:10:00+08:00").await;
    assert!(words(&ask(&daemon, &again.next().unwrap(), "怎么退货").await).contains(OLD));
    assert_eq!(str_at(&status(&daemon).await, "/0/stopped/why"), "handoff");

    // Another text of it begins anew, and what the old one did does not count against it.
    shop.write("rules/pilot.yaml", &pilot("second-trial"));
    let report = crate::common::api::post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!(report.status, 200, "{:#}", report.json);
    let answered = ask(&daemon, &again.next().unwrap(), "怎么退货").await;
    assert!(!words(&answered).contains(OLD), "{answered:#}");
    assert_eq!(answered["decision"]["pilots"], json!(["returns.person"]));
    let shown = status(&daemon).await;
    assert_eq!(shown[0]["stopped"], Value::Null);
    assert_eq!(instant(str_at(&shown, "/0/since")), instant("2026-10-14T10:10:00+08:00"));
    daemon.turn_to("2026-10-14T10:12:00+08:00");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(status(&daemon).await[0]["stopped"], Value::Null);
    daemon.stop().await;
    assert_eq!(told(&receiver).len(), 1);
}

/// The shop's own questions, answered by a candidate.
fn next_faq(returns: &str) -> String {
    format!(
        "faq:\n  - id: returns.window\n    title: {{zh: 七天无理由退货, en: Returning an item}}\n    questions: [怎么退货, how do I return an item]\n    answer: {{zh: {returns}, en: {returns}}}\n  - id: gift.card\n    title: {{zh: 礼品卡, en: Gift cards}}\n    questions: [有礼品卡吗]\n    answer: {{zh: 有。, en: Yes.}}\n"
    )
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn candidate(daemon: &Daemon) -> Value {
    get(&format!("http://{}/v1/status", daemon.address())).await.json["candidate"].clone()
}

/// Waits until the candidate was read and is as it should be.
async fn becomes(daemon: &Daemon, ok: bool) -> Value {
    wait_for("the candidate", || async { Some(candidate(daemon).await).filter(|state| state["ok"] == json!(ok)) }).await
}

/// Asks new customers who take part until the answer is there.
async fn answers_soon(daemon: &Daemon, new: &mut impl Iterator<Item = String>, expected: &str) {
    wait_for(expected, || {
        let customer = new.next().unwrap();
        async move { words(&ask(daemon, &customer, "怎么退货").await).contains(expected).then_some(()) }
    })
    .await;
}

#[tokio::test]
async fn a_share_of_the_customers_gets_the_candidate_and_a_bad_one_disturbs_nobody() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let next = shop.aside("next");
    // Bad from the start: the daemon starts all the same, and everybody gets the shop's own.
    write(&next, "faq/shop.yaml", "faq: [{id: broken}]");
    let beside = Beside { dir: next.clone(), share: Some(5_000) };
    let daemon = Daemon::start_beside(&shop, TEN, Some(beside.clone())).await;
    let (mut with, mut rest) = (customers(true, 0), customers(false, 0));
    let answered = ask(&daemon, &with.next().unwrap(), "怎么退货").await;
    assert!(words(&answered).contains(OLD) && answered["decision"]["pilots"].is_null(), "{answered:#}");
    let state = candidate(&daemon).await;
    assert!(str_at(&state, "/error").contains("faq/shop.yaml:1:"), "{state:#}");
    assert!(metric(&daemon, r#"nightdesk_candidate_ok{mode="share"} 0"#).await);

    // Mended: its customers get it, the rest what they had.
    write(&next, "faq/shop.yaml", &next_faq("十四天内可以退货。"));
    answers_soon(&daemon, &mut with, "十四天").await;
    assert_eq!((str_at(&becomes(&daemon, true).await, "/share")), "50%");
    let ours = get(&format!("http://{}/v1/status", daemon.address())).await.json["rule_set"].clone();
    for _ in 0..5 {
        let answered = ask(&daemon, &with.next().unwrap(), "怎么退货").await;
        assert_eq!(answered["decision"]["pilots"], json!(["candidate"]));
        assert_eq!(words(&ask(&daemon, &with.next().unwrap(), "有礼品卡吗").await), "有。");
        let answered = ask(&daemon, &rest.next().unwrap(), "怎么退货").await;
        assert!(words(&answered).contains(OLD), "{answered:#}");
        assert_eq!(answered["decision"]["pilots"], json!([]));
    }
    // What is recorded tells which files decided.
    let filter = DecisionFilter { from: Timestamp::MIN, until: Timestamp::MAX, after: 0, limit: 1_000 };
    let decisions = daemon.app.pipeline.store.decisions(filter).await.unwrap();
    let set = becomes(&daemon, true).await["rule_set"].clone();
    for (_, decision) in decisions {
        let mine = decision.pilots.as_deref() == Some(r#"["candidate"]"#);
        assert_eq!(decision.rule_set == set, mine, "{decision:?}");
        assert_eq!(decision.rule_set == ours, !mine, "{decision:?}");
    }

    // Bad again, in its text and in settings of its own: the last good one stays.
    write(&next, "faq/shop.yaml", "faq: [{id: broken}]");
    becomes(&daemon, false).await;
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains("十四天"));
    write(&next, "faq/shop.yaml", &next_faq("三十天内可以退货。"));
    answers_soon(&daemon, &mut with, "三十天").await;
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    write(&next, "nightdesk.yaml", &settings.replace("first_response: 120s", "first_response: 60s"));
    let state = becomes(&daemon, false).await;
    assert!(str_at(&state, "/error").contains("differs from the shop's own in `queues`"), "{state:#}");
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains("三十天"));
    // The shop's own files are read, whatever the candidate is.
    shop.write("faq/more.yaml", "faq:\n  - {id: more.one, title: 新, questions: [有新品吗], answer: 有新品。}\n");
    wait_for("the shop's new entry", || {
        let customer = rest.next().unwrap();
        let daemon = &daemon;
        async move { words(&ask(daemon, &customer, "有新品吗").await).contains("有新品").then_some(()) }
    })
    .await;
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains("三十天"));
    // The same settings in another form are the shop's.
    write(&next, "nightdesk.yaml", &format!("# a copy\n{settings}"));
    becomes(&daemon, true).await;
    daemon.stop().await;
}

/// A file whose reading does not come to an end, as on a share whose server is gone.
struct Hanging(PathBuf);

impl Hanging {
    fn new(dir: &Path, name: &str) -> Self {
        let path = dir.join(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self(path)
    }

    /// Whoever reads it comes to an end, and nobody finds it any more.
    fn let_go(self) {
        let writer = std::fs::File::options().read(true).write(true).open(&self.0).unwrap();
        std::fs::remove_file(&self.0).unwrap();
        drop(writer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_cannot_be_read_holds_up_nothing_of_the_shop() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let next = shop.aside("next");
    write(&next, "faq/shop.yaml", &next_faq("十四天内可以退货。"));
    let beside = Beside { dir: next.clone(), share: Some(5_000) };
    let daemon = Daemon::start_beside(&shop, TEN, Some(beside)).await;
    let (mut with, mut rest) = (customers(true, 0), customers(false, 0));
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains("十四天"));
    let hanging = Hanging::new(&next, "faq/hangs.yaml");
    shop.write("faq/more.yaml", "faq:\n  - {id: more.one, title: 新, questions: [有新品吗], answer: 有新品。}\n");
    let reload = post(&format!("http://{}/-/reload", daemon.address()), "", &[]).await;
    assert_eq!((reload.status, &reload.json["reloaded"]), (200, &json!(true)));
    assert!(words(&ask(&daemon, &rest.next().unwrap(), "有新品吗").await).contains("有新品"));
    let state = becomes(&daemon, false).await;
    assert!(str_at(&state, "/error").contains("could not be read within"), "{state:#}");
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains("十四天"), "the last good one");
    write(&next, "faq/shop.yaml", &next_faq("三十天内可以退货。"));
    hanging.let_go();
    // Nobody says that it can be read again: it is looked for.
    answers_soon(&daemon, &mut with, "三十天").await;
    becomes(&daemon, true).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_hangs_holds_up_no_switch() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, TEN).await;
    let at = |path: &str| format!("http://{}{path}", daemon.address());
    let hanging = Hanging::new(&shop.dir(), "faq/hangs.yaml");
    shop.write("faq/more.yaml", "faq:\n  - {id: more.one, title: 新, questions: [有新品吗], answer: 有新品。}\n");
    let reloading = {
        let url = at("/-/reload");
        tokio::spawn(async move { post(&url, "", &[]).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let on = json!({"on": true, "until": "2026-10-14T12:00:00+08:00"});
    assert_eq!(post(&at("/v1/modes/peak"), on.to_string(), &[]).await.status, 200);
    let closed = json!({"open": false, "until": "2026-10-14T12:00:00+08:00"});
    assert_eq!(post(&at("/v1/hours/shop"), closed.to_string(), &[]).await.status, 200);
    let is_on = || async { get(&at("/v1/modes")).await.json["modes"].to_string().contains("\"by_hand\":true") };
    assert!(is_on().await && !reloading.is_finished());
    hanging.let_go();
    assert_eq!(reloading.await.unwrap().json["reloaded"], true);
    // What people said meanwhile holds for the new files too.
    assert!(words(&ask(&daemon, "k1", "有新品吗").await).contains("有新品"));
    assert!(is_on().await);
    assert!(words(&ask(&daemon, "k2", "我要转人工").await).contains("现在不在营业时间"));
    daemon.stop().await;
}

#[tokio::test]
async fn a_candidate_that_is_worse_ends_by_itself() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "pilots: {stop: {handoff: 10%, after: 10, webhook: desk}}");
    let next = shop.aside("next");
    write(&next, "rules/all.yaml", &pilot("next").replace("    replaces: returns.window\n    rollout: 50%\n", ""));
    let beside = Beside { dir: next.clone(), share: Some(5_000) };
    let daemon = Daemon::start_beside(&shop, TEN, Some(beside.clone())).await;
    ask_all(&daemon, 0, 12).await;
    daemon.turn_to("2026-10-14T10:02:00+08:00");
    let hit = wait_for("the receiver's word", || async { told(&receiver).pop() }).await;
    assert_eq!(str_at(&hit.json(), "/data/pilot/pilot"), "candidate");
    let mut with = customers(true, 2_000);
    answers_soon(&daemon, &mut with, OLD).await;
    daemon.stop().await;
    let daemon = Daemon::start_beside(&shop, "2026-10-14T10:05:00+08:00", Some(beside)).await;
    assert!(words(&ask(&daemon, &with.next().unwrap(), "怎么退货").await).contains(OLD));
    write(&next, "faq/shop.yaml", &next_faq("十四天内可以退货。"));
    std::fs::remove_file(next.join("rules/all.yaml")).unwrap();
    answers_soon(&daemon, &mut with, "十四天").await;
    daemon.stop().await;
    assert_eq!(told(&receiver).len(), 1);
}

fn replay_shadow(shop: &Shop, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(shop.dir()).args(["replay", "--shadow", "--data"]).arg(shop.data()).args(more);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_candidate_in_the_shadow_is_counted_and_says_nothing() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    assert_eq!(replay_shadow(&shop, &[]).0, Some(2), "there is no store yet");
    let next = shop.aside("next");
    write(&next, "faq/shop.yaml", &next_faq("十四天内可以退货。"));
    let gift = "  - id: gift.rule\n    when: {phrase: [礼物]}\n    reply: {zh: 好。, en: Yes.}\n    handoff: {queue: oncall}\n";
    let rules = std::fs::read_to_string(shop.dir().join("rules/shop.yaml")).unwrap();
    write(&next, "rules/shop.yaml", &format!("{rules}{gift}"));
    let beside = Beside { dir: next.clone(), share: None };
    let daemon = Daemon::start_beside(&shop, TEN, Some(beside.clone())).await;
    assert_eq!(candidate(&daemon).await["share"], Value::Null);
    for customer in (0..4).map(|n| format!("s{n}")) {
        let answered = ask(&daemon, &customer, "怎么退货").await;
        assert!(words(&answered).contains(OLD), "{answered:#}");
        assert_eq!(answered["decision"]["pilots"], Value::Null);
        // Both know no answer to the one, and only the shop's own to the other.
        ask(&daemon, &customer, "怎么开发票").await;
    }
    let answered = ask(&daemon, "s9", "送礼物的话打13812345678").await;
    assert_eq!((str_at(&answered, "/decision/reason"), str_at(&answered, "/handoff/queue")), ("no_match", "general"));
    let store = &daemon.app.pipeline.store;
    let (totals, changes) = wait_for("nine messages in the shadow", || async {
        nightdesk::shadow::read(store.as_ref()).await.unwrap().filter(|(totals, _)| totals.messages == 9)
    })
    .await;
    assert_eq!((totals.differing, totals.dropped, totals.failed), (9, 0, 0), "{changes:#?}");
    assert!(metric(&daemon, r#"nightdesk_shadow_messages_total{result="other"} 9"#).await);
    let words: Vec<_> = changes.iter().filter(|change| change.in_words).collect();
    assert_eq!((words.len(), words[0].messages, words[0].conversations), (1, 4, 4), "{changes:#?}");
    assert_eq!(words[0].after.rule.as_deref(), Some("returns.window"));
    let gift = changes.iter().find(|change| change.after.rule.as_deref() == Some("gift.rule")).expect("the rule");
    assert_eq!((gift.before.queue.as_deref(), gift.after.queue.as_deref()), (Some("general"), Some("oncall")));
    assert!(!gift.samples[0].contains("1381234") && gift.samples[0].contains("送礼物"), "{gift:#?}");
    assert!(receiver.hits_at("/oncall").is_empty(), "nobody is called");

    // Beside the running daemon, and grouped as `replay` groups.
    let (code, said) = replay_shadow(&shop, &[]);
    assert_eq!(code, Some(1), "{said}");
    for line in ["9 of 9 messages are decided otherwise (100.0 %)", "in other words", "“怎么退货”", "→  rule gift.rule"]
    {
        assert!(said.contains(line) || line.contains("gift") && said.contains("gift.rule"), "no `{line}` in {said}");
    }
    assert_eq!(replay_shadow(&shop, &["--allow", "100%"]).0, Some(0));

    // What a customer wrote is erased with the customer; that something was decided otherwise stays counted.
    let own = SqliteStore::open_beside(&shop.data()).unwrap();
    let ids = own.of_customer("s9", None).await.unwrap();
    assert_eq!(ids.len(), 1);
    own.erase(ids, true, daemon.now()).await.unwrap();
    let (_, changes) = nightdesk::shadow::read(store.as_ref()).await.unwrap().unwrap();
    let gift = changes.iter().find(|change| change.after.rule.as_deref() == Some("gift.rule")).expect("the rule");
    assert_eq!((gift.messages, gift.samples.len()), (1, 0), "{gift:#?}");
    assert!(!replay_shadow(&shop, &[]).1.contains("送礼物"));
    let db = rusqlite::Connection::open(shop.data().join(DATABASE)).unwrap();
    let ends = "SELECT count(*), count(until) FROM kept WHERE place = 'shadow-said'";
    let (all, ending): (i64, i64) = db.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!(all > 0 && all == ending, "each has its own end: {all}, {ending}");

    // A restart goes on, also where what was kept cannot be read at first; another candidate begins anew.
    daemon.stop().await;
    let daemon = Daemon::start_beside(&shop, "2026-10-14T11:00:00+08:00", Some(beside)).await;
    db.execute_batch("ALTER TABLE kept RENAME TO kept_away").unwrap();
    ask(&daemon, "s8", "怎么退货").await;
    wait_for("a message that is left out", || async {
        metric(&daemon, r#"nightdesk_shadow_messages_total{result="dropped"} 1"#).await.then_some(())
    })
    .await;
    db.execute_batch("ALTER TABLE kept_away RENAME TO kept").unwrap();
    ask(&daemon, "s10", "怎么退货").await;
    let store = &daemon.app.pipeline.store;
    let messages = |wanted: u64| async move {
        wait_for("the count", || async {
            nightdesk::shadow::read(store.as_ref()).await.unwrap().filter(|(totals, _)| totals.messages == wanted)
        })
        .await
    };
    assert_eq!(messages(10).await.0.differing, 10);
    write(&next, "faq/shop.yaml", &std::fs::read_to_string(shop.dir().join("faq/shop.yaml")).unwrap());
    let before = candidate(&daemon).await["rule_set"].clone();
    wait_for("the other candidate", || async { (candidate(&daemon).await["rule_set"] != before).then_some(()) }).await;
    ask(&daemon, "s11", "怎么退货").await;
    let (totals, changes) = messages(1).await;
    assert_eq!((totals.differing, changes.len()), (0, 0), "{changes:#?}");
    daemon.stop().await;
}
