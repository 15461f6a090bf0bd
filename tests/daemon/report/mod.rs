//! The report: every figure against a week that was worked out by hand, in every form, and days that add up to their week.

mod recorded;
mod weekly;

use std::path::Path;
use std::process::{Command, Output};

use nightdesk::report::{self, Options, Period, Report, Share, csv, flat, html, text};
use nightdesk::shop;
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::suggest::Draft;
use serde_json::Value;

use crate::common::api::agent;
use crate::common::client::Client;
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use recorded::{Case, Said, faq, handed};

/// When the reports of these tests are made: the Monday after the week.
const NOW: &str = "2026-10-19T10:00:00+08:00";
const MONDAY: &str = "2026-10-12T00:00:00+08:00";
const NEXT_MONDAY: &str = "2026-10-19T00:00:00+08:00";

fn options(from: &str, until: &str) -> Options {
    let period = Period { from: instant(from), until: instant(until) };
    Options { period, language: "zh".into(), product: "product".into(), sample: 0, seed: 1 }
}

async fn made(shop: &Shop, store: &SqliteStore, options: &Options) -> Report {
    let (engine, findings) = shop::open(&shop.dir(), instant(NOW));
    let engine = engine.unwrap_or_else(|| panic!("{findings:#?}"));
    report::make(store, &engine, options, instant(NOW)).await.unwrap()
}

fn share(part: u64, whole: u64) -> Share {
    Share { part, whole }
}

#[tokio::test]
async fn every_figure_of_a_week_is_the_one_worked_out_by_hand() {
    let shop = recorded::shop();
    let recorder = recorded::week(&shop.data()).await;
    let report = made(&shop, &recorder.store, &options(MONDAY, NEXT_MONDAY)).await;
    let (now, then) = (&report.figures, &report.figures_before);

    // c_a 2, c_b 4, c_e 1, c_f 2, c_h 1, c_crm_c 1, c_crm_d 1.
    assert_eq!((now.traffic.messages, now.traffic.conversations), (12, 7));
    assert_eq!((then.traffic.messages, then.traffic.conversations), (1, 1));
    // All but the one while a person had c_b; answered: c_a 2, c_b 2, c_f 2, c_h 1.
    assert_eq!(now.traffic.answered, share(7, 11));
    // c_a, c_f and c_h; of them c_h asked again what was answered on the Thursday before.
    assert_eq!(now.traffic.without_person, share(3, 7));
    assert_eq!(now.traffic.settled, share(2, 7));
    // Asked: c_a, c_b twice, c_f, c_h. Again: c_b (said by the bot itself), c_h (five days later).
    assert_eq!(now.traffic.repeated, share(2, 5));
    assert_eq!(now.traffic.complaints, share(1, 7));
    // c_f's choice, c_crm_c, c_crm_d.
    assert_eq!(now.traffic.unanswered, 3);
    assert_eq!(now.traffic.hours[11], 4, "c_b");
    let questions: Vec<(&str, u64)> =
        now.traffic.questions.iter().map(|question| (question.rule.as_str(), question.messages)).collect();
    let expected = [("returns.window", 3), ("refund.time", 2), ("complaint.slow", 1), ("smalltalk.thanks", 1)];
    assert_eq!(questions, expected);
    let of_refund = &now.traffic.questions[1];
    assert_eq!((of_refund.hours[11], of_refund.category.as_deref()), (2, Some("returns")));
    assert_eq!((now.traffic.products.len(), now.traffic.products[0].product.as_str()), (1, "台灯 ***5678"));

    // Begun: c_a, c_b, c_e, c_f; the bot took 0, 0, 0 and 1 second: the 2nd and the 4th of four.
    let web = &now.first["web"];
    assert_eq!((web.begun, web.nobody, web.bot.p50, web.bot.p90), (4, 0, Some(0.0), Some(1.0)));
    // c_crm_c at once, within 200 s; c_crm_d by nobody.
    let crm = &now.first["crm"];
    assert_eq!((crm.begun, crm.nobody, crm.bot.within, crm.bot.target), (2, 1, share(1, 1), Some(200.0)));

    // h_b, h_c, h_d, h_e; h_x was replaced by h_e, which began in vip and ended in general.
    let cases = &now.cases;
    assert_eq!((cases.count, cases.moved, cases.resolved), (4, 1, share(2, 4)));
    // h_b 90 s of 120; h_c 60 s on Friday and 120 on Monday, of 200; h_e 40 of 30: late; h_d an hour of Monday, of 200: late.
    let first = &cases.all.first;
    assert_eq!((first.count, first.p50, first.p90, first.target), (3, Some(90.0), Some(180.0), None));
    assert_eq!((first.within, first.waiting), (share(2, 4), 0));
    // Taken after 60 s, 60 + 90 s, 20 s.
    assert_eq!((cases.all.taken.p50, cases.all.taken.p90, cases.all.taken.waiting), (Some(60.0), Some(150.0), 1));
    // h_b 30 minutes, h_e 10:40.
    assert_eq!((cases.all.resolved.p50, cases.all.resolved.p90), (Some(640.0), Some(1800.0)));
    assert_eq!((cases.queues["vip"].first.within, cases.queues["vip"].first.target), (share(0, 1), Some(30.0)));
    assert_eq!(cases.queues["general"].first.within, share(2, 3));
    assert_eq!((cases.channels["web"].first.within, cases.channels["crm"].first.within), (share(1, 2), share(1, 2)));

    let opinions = &now.opinions.all;
    assert_eq!(
        (opinions.answered, opinions.mean, opinions.satisfied, opinions.low),
        (share(1, 2), Some(5.0), share(1, 1), share(0, 1))
    );
    let used = &report.wordings[0];
    assert_eq!((report.wordings.len(), used.agent.as_str(), used.sent, used.held_back), (1, "小林", 1, 2));
    assert_eq!(report.entries.unused, ["autumn.sale", "invoice.get"]);
    assert_eq!(
        (report.entries.overdue[0].id.as_str(), report.entries.expired[0].id.as_str()),
        ("invoice.get", "autumn.sale")
    );

    // Two customers take part (c_a, c_f), two are of the rest (c_b, c_e).
    let pilot = &report.pilots[0];
    assert_eq!((report.pilots.len(), pilot.pilot.as_str()), (1, "returns.new"));
    assert_eq!((pilot.with.without_person, pilot.rest.without_person), (share(2, 2), share(0, 2)));
    assert_eq!((pilot.with.complaints, pilot.rest.complaints), (share(0, 2), share(1, 2)));

    let groups: Vec<(&str, u64, u64)> =
        report.unanswered.iter().map(|group| (group.text.as_str(), group.count, group.texts)).collect();
    assert_eq!(groups, [("那个灯能调光吗 打我***５６７８", 3, 3)], "about one lamp, and no number of a customer");
    assert!(matches!(&report.unanswered[0].suggestion, Draft::Entry { yaml, .. } if yaml.contains("那个灯")));
}

#[tokio::test]
async fn every_form_has_the_same_figures() {
    let shop = recorded::shop();
    let recorder = recorded::week(&shop.data()).await;
    let options = Options { sample: 1, ..options(MONDAY, NEXT_MONDAY) };
    let mut report = made(&shop, &recorder.store, &options).await;
    // It follows from the files of the shop, to which the folder does not belong, but a change of the format would change it.
    report.rule_set = "hash".to_owned();
    insta::assert_snapshot!("report_zh", text::write(&report, "zh"));
    insta::assert_snapshot!("report_en", text::write(&report, "en"));
    insta::assert_snapshot!("report_csv", csv::write(&report));
    insta::assert_snapshot!("report_json", serde_json::to_string_pretty(&report).unwrap());
    let page = html::write(&report, "zh").unwrap();
    assert!(page.contains("<html lang=\"zh-CN\">") && page.contains("概览") && page.contains("<svg"));
    for foreign in ["http://", "https://", "<script", "src=", "@import", "url("] {
        let page = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!page.contains(foreign), "the page holds `{foreign}`");
    }
    for form in [page, csv::write(&report), text::write(&report, "en"), serde_json::to_string(&report).unwrap()] {
        assert!(
            !form.contains("13812345678") && !form.contains("１３８１２３４５６７８"),
            "a phone number is shown:\n{form}"
        );
    }
}

#[tokio::test]
async fn what_customers_write_is_no_markup_on_the_page() {
    let shop = recorded::shop();
    let mut recorder = recorded::week(&shop.data()).await;
    let attack = "<script>alert(1)</script>\u{1b}[2J\"><b>";
    recorder.products.insert("c_z".to_owned(), attack.to_owned());
    recorder.said(Said { text: attack, ..handed("c_z", "2026-10-18T10:00:00+08:00", "no_match", "general") }).await;
    recorder.said(faq("c_z", "2026-10-18T10:01:00+08:00", "returns.window")).await;
    let report = made(&shop, &recorder.store, &Options { sample: 100, ..options(MONDAY, NEXT_MONDAY) }).await;
    let page = html::write(&report, "en").unwrap();
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    assert_eq!(page.matches("&lt;script&gt;").count(), 5, "in the group, its draft twice, the product and the sample");
    assert!(!text::write(&report, "en").contains('\u{1b}'), "nothing steers a terminal");
}

#[tokio::test]
async fn a_sample_is_drawn_by_its_seed_alone() {
    let shop = recorded::shop();
    let recorder = recorded::week(&shop.data()).await;
    let drawn = async |sample, seed| {
        let report = made(&shop, &recorder.store, &Options { sample, seed, ..options(MONDAY, NEXT_MONDAY) }).await;
        report.sample.into_iter().map(|sampled| sampled.conversation).collect::<Vec<_>>()
    };
    let first = drawn(3, 1).await;
    assert_eq!((first.len(), &first), (3, &drawn(3, 1).await));
    let mut others = Vec::new();
    for seed in 2..8 {
        others.push(drawn(3, seed).await);
    }
    assert!(others.iter().any(|other| *other != first), "the seed changes nothing");
    let all = drawn(100, 1).await;
    assert_eq!(
        (all.len(), &all[..3]),
        (7, &first[..]),
        "each conversation once, and a larger sample begins with the smaller one"
    );
}

/// Figures that are about conversations, of which one may go on over several days, or that are no counts at all.
fn adds_up(line: &flat::Flat) -> bool {
    let conversations = ["conversations", "without_person", "settled", "complaints"];
    // What was asked again within the day and what was asked on the day before are told apart by the message, so they add up too.
    matches!(line.unit, flat::Unit::Count | flat::Unit::Share) && !conversations.contains(&line.figure)
}

#[tokio::test]
async fn counts_of_a_period_are_the_sums_of_its_days() {
    let shop = recorded::shop();
    let mut recorder = recorded::Recorder::new(&shop.data());
    // As good as chance, and the same on every run: a linear congruential generator.
    let mut state = 20_261_012_u64;
    let mut chance = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut times: Vec<(u64, u64)> = (0..160).map(|_| (chance(4 * 86_400), chance(9))).collect();
    times.sort_unstable();
    let rules = ["returns.window", "refund.time", "invoice.get", "complaint.slow"];
    for (number, (second, conversation)) in times.iter().enumerate() {
        let at = instant(MONDAY).checked_add(jiff::SignedDuration::from_secs(second.cast_signed())).unwrap();
        let (at, id) =
            (at.to_string(), format!("{}{conversation}", if conversation % 2 == 0 { "c_" } else { "c_crm_" }));
        let rule = rules[usize::try_from(chance(4)).unwrap()];
        match chance(4) {
            0 => {
                recorder.said(handed(&id, &at, "no_match", "general")).await;
                let ended = chance(2) == 0;
                let (state, taken) = if ended { ("closed", Some(at.as_str())) } else { ("queued", None) };
                let case = format!("h_{number}");
                let row = Case {
                    id: &case,
                    conversation: &id,
                    queue: "general",
                    reason: "no_match",
                    state,
                    began: &at,
                    taken,
                    ended: taken,
                };
                recorder.case(row).await;
                recorder.asked(&case, &id, &at, ended.then_some(u8::try_from(1 + chance(5)).unwrap())).await;
            }
            1 => {
                recorder
                    .said(Said { outcome: "silent", answered: None, ..handed(&id, &at, "human_owns", "general") })
                    .await;
            }
            _ => recorder.said(faq(&id, &at, rule)).await,
        }
    }
    let whole = made(&shop, &recorder.store, &options(MONDAY, "2026-10-16T00:00:00+08:00")).await;
    let mut sums = std::collections::BTreeMap::new();
    for day in 12..16 {
        let (from, until) = (format!("2026-10-{day}T00:00:00+08:00"), format!("2026-10-{}T00:00:00+08:00", day + 1));
        for line in flat::of_figures(&made(&shop, &recorder.store, &options(&from, &until)).await.figures) {
            let (value, of) = sums.entry((line.figure, line.by, line.key)).or_insert((0.0, 0));
            *value += line.value;
            *of += line.of.unwrap_or(0);
        }
    }
    let mut compared = 0;
    for line in flat::of_figures(&whole.figures).into_iter().filter(adds_up) {
        let sum = sums.get(&(line.figure, line.by, line.key.clone())).copied().unwrap_or_default();
        assert_eq!((line.value, line.of.unwrap_or(0)), sum, "{line:?}");
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
    assert_eq!(whole.figures.traffic.messages, 160);
}

#[tokio::test]
async fn what_the_daemon_records_is_what_the_report_counts() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-14T10:00:00+08:00").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    daemon.turn_to("2026-10-14T10:01:00+08:00");
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    daemon.turn_to("2026-10-14T10:02:30+08:00");
    let said = serde_json::json!({"text": "您好，我是小林。"});
    assert_eq!(agent(daemon.address(), &id, "messages", said).await.status, 200);
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    client.say("谢谢").await;
    daemon.turn_to("2026-10-14T10:11:00+08:00");
    assert_eq!(agent(daemon.address(), &id, "close", serde_json::json!({})).await.status, 200);

    // Beside the running daemon.
    let store = SqliteStore::open_beside(&shop.data()).unwrap();
    let options = Options { sample: 1, ..options("2026-10-14T00:00:00+08:00", "2026-10-15T00:00:00+08:00") };
    let report = made(&shop, &store, &options).await;
    let figures = &report.figures;
    assert_eq!((figures.traffic.messages, figures.traffic.conversations), (3, 1));
    // The third message came while a person had the conversation.
    assert_eq!((figures.traffic.answered, figures.traffic.without_person), (share(1, 2), share(0, 1)));
    let first = &figures.cases.queues["general"].first;
    assert_eq!((first.p50, first.within, first.target), (Some(90.0), share(1, 1), Some(120.0)));
    assert_eq!((figures.cases.all.resolved.p50, figures.cases.resolved), (Some(600.0), share(1, 1)));
    assert_eq!((figures.first["web"].begun, figures.first["web"].bot.count), (1, 1));
    let said: Vec<&str> = report.sample[0].lines.iter().map(|line| line.role.as_str()).collect();
    assert_eq!(said.iter().filter(|role| **role == "visitor").count(), 3, "{said:?}");
    assert!(said.contains(&"human") && report.sample[0].channel == "web");
}

fn run(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.arg("--dir").arg(shop.dir()).arg("report").arg("--data").arg(shop.data()).args(arguments);
    command.env_remove("NIGHTDESK_DIR").output().unwrap()
}

const WEEK: [&str; 4] = ["--since", "2026-10-12", "--until", "2026-10-19"];

#[tokio::test]
async fn the_command_writes_each_form_and_says_what_is_wrong_with_its_words() {
    let shop = recorded::shop();
    drop(recorded::week(&shop.data()).await);
    let output = run(&shop, &[&WEEK[..], &["--format", "json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(value["figures"]["traffic"]["messages"], 12);
    // Days begin at the shop's midnight.
    assert_eq!(value["period"]["from"], "2026-10-11T16:00:00Z");
    let page = shop.aside("report.html");
    let written = ["--format", "html", "--lang", "en", "--out", page.to_str().unwrap()];
    let output = run(&shop, &[&WEEK[..], &written].concat());
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("At a glance"));

    for (arguments, said) in [
        (&["--since", "gestern"][..], "write 7d, 24h, 2026-10-09"),
        (&["--since", "2026-10-19", "--until", "2026-10-12"][..], "the period ends before it begins"),
        (&["--product", "a\"b"][..], "a name has letters"),
    ] {
        let output = run(&shop, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{arguments:?}: {error}");
    }
    let empty = recorded::shop();
    let output = run(&empty, &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no database"), "{output:?}");
}

#[test]
fn every_figure_is_defined_in_the_documentation() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let defined = std::fs::read_to_string(here.join("docs/figures.md")).unwrap();
    let snapshot = here.join("tests/daemon/report/snapshots/daemon__report__report_csv.snap");
    let csv = std::fs::read_to_string(snapshot).unwrap();
    let lines = csv.lines().skip_while(|line| !line.starts_with("figure,")).skip(1);
    let figures: std::collections::BTreeSet<&str> = lines.filter_map(|line| line.split(',').next()).collect();
    assert!(figures.len() > 35, "{figures:?}");
    for figure in figures {
        assert!(defined.contains(&format!("| `{figure}` |")), "docs/figures.md does not define `{figure}`");
    }
}
