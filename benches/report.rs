//! The report over many messages: makes a database of a busy week, then takes the time of one report of it, in each form.
//!
//! `cargo bench --bench report` has a million messages of customers in 200,000 conversations, in the week and as many in the week
//! before; `--messages N` other numbers. Every tenth conversation has a case for people. Nothing is in the system's cache but
//! what writing has left there.

use std::path::Path;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use nightdesk::report::{self, Options, Period, csv, html, text};
use nightdesk::shop;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use rusqlite::{Connection, params};

/// Messages of a conversation.
const EACH: i64 = 5;
/// Milliseconds of a week.
const WEEK: i64 = 7 * 86_400_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--messages");
    let messages: i64 = at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(1_000_000);
    let now: Timestamp = "2026-11-16T00:00:00+08:00".parse().expect("a time");
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = shop::open(Path::new(env!("CARGO_MANIFEST_DIR")), now);
    let engine = engine.expect("the starter pack is without errors");
    let rules: Vec<String> = engine.book().rules.iter().map(|rule| rule.id.value.clone()).collect();

    let began = Instant::now();
    drop(SqliteStore::open(folder.path()).expect("a store"));
    let mut db = Connection::open(folder.path().join(DATABASE)).expect("a database");
    let first = now.as_millisecond() - 2 * WEEK;
    fill(&mut db, 2 * messages / EACH, first, &rules).expect("rows");
    drop(db);
    println!("{} messages made in {:.1} s", 2 * messages, began.elapsed().as_secs_f64());

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let period = Period { from: now.checked_sub(SignedDuration::from_millis(WEEK)).expect("a time"), until: now };
    let options = Options { period, language: "zh".to_owned(), product: "product".to_owned(), sample: 20, seed: 1 };
    let began = Instant::now();
    let report = runtime.block_on(async {
        let store = SqliteStore::open_beside(folder.path()).expect("the store");
        report::make(&store, &engine, &options, now).await.expect("a report")
    });
    println!("report of {} messages: {:.1} s", report.figures.traffic.messages, began.elapsed().as_secs_f64());
    let began = Instant::now();
    let sizes = [
        text::write(&report, "zh").len(),
        html::write(&report, "zh").expect("a page").len(),
        csv::write(&report).len(),
    ];
    println!("text, HTML and CSV of {sizes:?} bytes: {:.2} s", began.elapsed().as_secs_f64());
}

/// A place among so many.
fn nth(number: i64, of: usize) -> usize {
    usize::try_from(number).expect("no negative numbers") % of
}

/// Conversations one after the other over two weeks.
fn fill(db: &mut Connection, conversations: i64, first: i64, rules: &[String]) -> rusqlite::Result<()> {
    let write = db.transaction()?;
    {
        let mut talk = write.prepare(
            "INSERT INTO conversations (id, channel, thread, customer, state, version, seq, priority, created_at, updated_at, body)
             VALUES (?1, ?2, ?1, ?1, 'bot', 1, ?3, 'normal', ?4, ?5, ?6)",
        )?;
        let mut event = write.prepare(
            "INSERT INTO events (conversation, seq, at, kind, role, body) VALUES (?1, ?2, ?3, 'message', ?4, ?5)",
        )?;
        let mut decision = write.prepare(
            "INSERT INTO decisions (conversation, seq, at, channel, outcome, reason, rule, queue, score, language, rule_set)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0.9, 'zh', 'hash')",
        )?;
        let mut handoff = write.prepare(
            "INSERT INTO handoffs (id, conversation, channel, queue, priority, reason, state, message, created_at, taken_at, ended_at)
             VALUES (?1, ?2, ?3, 'general', 'normal', 'no_match', 'closed', 'msg', ?4, ?5, ?6)",
        )?;
        let body =
            format!("{{\"text\":\"{}\",\"rule\":\"returns.window\"}}", "我想问一下这个怎么退货，要多久".repeat(4));
        let miss = "{\"text\":\"这个东西能不能用在那个上面\",\"decision\":{\"candidates\":[{\"rule\":\"goods.size\",\"score\":0.2}]}}";
        for number in 0..conversations {
            let id = format!("c_{:032x}", number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let channel = ["web", "wechat", "mail"][nth(number, 3)];
            let began = first + 2 * WEEK * number / conversations;
            let state = format!(
                "{{\"customer\":{{\"id\":\"v_{number}\",\"attributes\":{{\"product\":\"SKU {}\"}}}},\"given\":\"{}\"}}",
                number % 50,
                "x".repeat(500)
            );
            let people = number % 10 == 0;
            talk.execute(params![id, channel, EACH * 2, began, began + 60_000, state])?;
            for at in 0..EACH {
                let (seq, time) = (at * 2 + 1, began + at * 10_000);
                let missed = people && at == EACH - 1;
                event.execute(params![id, seq, time, "visitor", if missed { miss } else { body.as_str() }])?;
                event.execute(params![id, seq + 1, time, "bot", body])?;
                let rule = &rules[nth(number * EACH + at, rules.len().min(200))];
                let (outcome, reason) = if missed { ("handoff", "no_match") } else { ("faq", "matched") };
                let (rule, queue) = if missed { (None, Some("general")) } else { (Some(rule), None) };
                decision.execute(params![id, seq, time, channel, outcome, reason, rule, queue])?;
            }
            if people {
                let asked = began + (EACH - 1) * 10_000;
                handoff.execute(params![format!("h_{number}"), id, channel, asked, asked + 60_000, asked + 600_000])?;
                event.execute(params![id, EACH * 2 + 1, asked + 90_000, "human", body])?;
            }
        }
    }
    write.commit()
}
