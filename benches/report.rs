//! The report and the hits of the knowledge page over many messages, beside a plain read of the same rows.
//!
//! `cargo bench --bench report` makes databases of two weeks with 100,000 and a million messages each, five to a conversation, every
//! tenth conversation with a case for people, and prints the table of RESULTS.md; `--messages N` makes one of another size. Each
//! figure is taken in a program of its own, so that its memory is its own. What was just written is in the system's cache.

use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nightdesk::engine::Engine;
use nightdesk::report::{self, Hits, Options, Period, csv, html, text};
use nightdesk::shop;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use rusqlite::{Connection, OpenFlags, params};

/// Messages of a conversation.
const EACH: i64 = 5;
/// Milliseconds of a week.
const WEEK: i64 = 7 * 86_400_000;
/// Messages of a week.
const SIZES: [i64; 2] = [100_000, 1_000_000];
/// Longer than counted hits are used again.
const STALE: Duration = Duration::from_secs(4);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |word: &str| arguments.iter().position(|each| each == word).and_then(|at| arguments.get(at + 1));
    if let Some(folder) = after("--folder") {
        part(Path::new(folder), after("--part").map_or("", String::as_str));
        return;
    }
    let sizes = after("--messages").and_then(|count| count.parse().ok()).map_or(SIZES.to_vec(), |count| vec![count]);
    println!("# Speed of the report\n");
    println!(
        "Written by `make bench`, from one run on one machine. The database has the week of the report and as many messages in the"
    );
    println!(
        "week before; a plain read fetches all columns of the decisions, cases and conversations of both, with each first answer,"
    );
    println!(
        "and does nothing with them. Memory is the most that the program had, the engine of the starter pack included.\n"
    );
    println!(
        "| messages of the week | plain read | report | ratio | memory | hits of the knowledge page, first look | later |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for messages in sizes {
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("a store"));
        let mut db = Connection::open(folder.path().join(DATABASE)).expect("a database");
        let rules: Vec<String> = engine().book().rules.iter().map(|rule| rule.id.value.clone()).collect();
        fill(&mut db, 2 * messages / EACH, now().as_millisecond() - 2 * WEEK, &rules).expect("rows");
        drop(db);
        // The first read is for the system's cache.
        let [_, read, report, hits] = ["read", "read", "report", "hits"].map(|part| measured(folder.path(), part));
        println!(
            "| {messages} | {:.2} s | {:.2} s | {:.1} × | {:.0} MiB | {:.2} s | {:.0} ms |",
            read[0],
            report[0],
            report[0] / read[0],
            report[1],
            hits[0],
            hits[1] * 1000.0
        );
    }
    println!();
}

/// What a program of its own says of one part.
fn measured(folder: &Path, part: &str) -> [f64; 2] {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("--folder").arg(folder).args(["--part", part]).stdout(Stdio::piped());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{part}: {}", output.status);
    let numbers: Vec<f64> = output.stdout.lines().filter_map(|line| line.ok()?.parse().ok()).collect();
    numbers.try_into().expect("two numbers")
}

/// Prints two numbers: seconds, and megabytes or the seconds of a later look.
fn part(folder: &Path, part: &str) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let numbers = match part {
        "read" => [plain(folder).expect("rows"), most()],
        "hits" => runtime.block_on(hits(folder)),
        _ => [runtime.block_on(made(folder)), most()],
    };
    for number in &numbers {
        println!("{number}");
    }
}

fn now() -> Timestamp {
    "2026-11-16T00:00:00+08:00".parse().expect("a time")
}

fn engine() -> Engine {
    let (engine, _) = shop::open(Path::new(env!("CARGO_MANIFEST_DIR")), now());
    engine.expect("the starter pack is without errors")
}

/// Seconds of reading all that a report has to read, with the same library.
fn plain(folder: &Path) -> rusqlite::Result<f64> {
    let db = Connection::open_with_flags(folder.join(DATABASE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let began = Instant::now();
    let first = "SELECT c.*, (SELECT min(e.at) FROM events e WHERE e.conversation = c.id AND e.role = 'bot') FROM conversations c";
    for query in ["SELECT * FROM decisions", "SELECT * FROM handoffs", first] {
        let mut query = db.prepare(query)?;
        let columns = query.column_count();
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                std::hint::black_box(row.get::<_, rusqlite::types::Value>(column)?);
            }
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds of a report, in all forms.
async fn made(folder: &Path) -> f64 {
    let (engine, now) = (engine(), now());
    let period = Period { from: now.checked_sub(SignedDuration::from_millis(WEEK)).expect("a time"), until: now };
    let options = Options { period, language: "zh".to_owned(), product: "product".to_owned(), sample: 20, seed: 1 };
    let began = Instant::now();
    let store = SqliteStore::open_beside(folder).expect("the store");
    let report = report::make(&store, &engine, &options, now).await.expect("a report");
    let page = html::write(&report, "zh").expect("a page");
    std::hint::black_box((text::write(&report, "zh"), page, csv::write(&report)));
    began.elapsed().as_secs_f64()
}

/// Seconds of the first look at the hits, and of one that counts what is new.
async fn hits(folder: &Path) -> [f64; 2] {
    let (engine, store, hits) = (engine(), SqliteStore::open_beside(folder).expect("the store"), Hits::default());
    let look = async || {
        let began = Instant::now();
        let (counted, _) = hits.look(&store, &engine, now()).await.expect("hits");
        assert!(counted.len() > 100, "{}", counted.len());
        began.elapsed().as_secs_f64()
    };
    let first = look().await;
    tokio::time::sleep(STALE).await;
    [first, look().await]
}

/// The most resident memory that this program had, in MiB.
fn most() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().expect("a number") / 1024.0
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
