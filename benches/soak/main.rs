//! Hours of mixed load on the released program: does it lose anything, does it grow? Then ten times what it can take.
//!
//! `cargo bench --bench soak` prints Markdown and ends with an error if something was not as it must be. `--minutes N` (60),
//! `--rate N` messages a second (150), `--reloads N` (1000 in 60 minutes), `--peak N` minutes (3, or a tenth of a short run),
//! `--only mixed|peak`. Load and program share the machine.

#[path = "../../tests/daemon/common/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "made for the tests; the load uses a part")]
mod common;
mod customers;
#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each bench uses a part")]
mod load;
mod peak;
mod receiver;
mod watch;
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::daemon::Process;
use common::receiver::Receiver as Tool;
use common::shop::Shop;
use nightdesk::store::sqlite::{DATABASE, SqliteStore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watch::Watch;
use world::{World, count, counted};

/// Longest time until all that was accepted is delivered.
const DRAIN: Duration = Duration::from_mins(3);
/// Customers who write, at the socket and at the platform; their parts of the messages, in percent. People get the rest.
const CHAT: (u32, f64) = (150, 60.0);
const PLATFORM: (u32, f64) = (40, 25.0);
/// Customers of people, and the messages of one visit.
const PEOPLE: (u32, f64) = (60, 3.3);
/// Customers who say nothing.
const IDLE: u64 = 300;

struct Plan {
    minutes: f64,
    rate: f64,
    reloads: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str, default: f64| given(name).and_then(|given| given.parse().ok()).unwrap_or(default);
    let minutes = number("--minutes", 60.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let reloads = number("--reloads", (minutes * 1_000.0 / 60.0).max(5.0)) as u32;
    let plan = Plan { minutes, rate: number("--rate", 150.0), reloads };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let only = given("--only");
    let mut faults = Vec::new();
    if only.as_deref() != Some("peak") {
        let (text, found) = runtime.block_on(mixed(&plan))?;
        println!("{text}");
        faults.extend(found);
    }
    if only.as_deref() != Some("mixed") {
        let (text, found) = runtime.block_on(peaked(number("--peak", (minutes / 10.0).min(3.0))))?;
        println!("{text}");
        faults.extend(found);
    }
    for fault in faults.iter().take(50) {
        eprintln!("fault: {fault}");
    }
    anyhow::ensure!(faults.is_empty(), "{} faults", faults.len());
    Ok(())
}

async fn mixed(plan: &Plan) -> anyhow::Result<(String, Vec<String>)> {
    let texts = Arc::new(load::questions()?);
    // Whatever is not the pack's own, in the place of the tests' receiver, so that the shop is written once.
    let (receiver, cases) = receiver::Receiver::start(1).await?;
    let shop = Shop::shipped(&Tool::at(receiver.address));
    unbounded(&shop)?;
    fs::write(shop.dir().join("faq/soak.yaml"), version(0))?;
    let daemon = tokio::task::block_in_place(|| Process::start(&shop));
    let world = Arc::new(World::new(daemon.address, receiver)?);
    let (began, over) = (Instant::now(), CancellationToken::new());
    let watching =
        tokio::spawn(Watch { id: daemon.id(), data: shop.data() }.run(Arc::clone(&world), began, over.clone()));
    let working = tokio::spawn(receiver::agents(Arc::clone(&world), cases));
    let tasks = everybody(&world, &texts, plan);
    let time = Duration::from_secs_f64(plan.minutes * 60.0);
    let reloading =
        tokio::spawn(reload(Arc::clone(&world), shop.dir(), shop.aside("next.yaml"), time / plan.reloads.max(1)));

    tokio::time::sleep(time).await;
    // Nothing is read of those who leave.
    over.cancel();
    let samples = watching.await?;
    world.stop.cancel();
    reloading.await?;
    let patience = tokio::time::Instant::now() + DRAIN;
    for (kind, task) in tasks {
        match tokio::time::timeout_at(patience, task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => world.fault(format!("{kind}: {error}")),
            Err(_) => world.fault(format!("{kind} does not come to an end")),
        }
    }
    eprintln!("all are gone after {:?}", began.elapsed());
    let emptied = emptied(&world).await;
    working.abort();
    let ended = tokio::task::block_in_place(|| daemon.terminate());
    if ended != Some(0) {
        world.fault(format!("the daemon ended with {ended:?}"));
    }

    let store = SqliteStore::open(&shop.data())?;
    let looking = Arc::clone(&world);
    let (conversations, said) = tokio::spawn(async move { looking.check(&store).await }).await?;
    let whole: String =
        rusqlite::Connection::open(shop.data().join(DATABASE))?
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if whole != "ok" {
        world.fault(format!("the database: {whole}"));
    }
    world.receiver.wrong().into_iter().for_each(|wrong| world.fault(wrong));

    let mut out = summary(&world, plan, conversations, said, emptied);
    out += &watch::table(&samples);
    out += "\nFlat is: the mean of the last quarter against that of the first, without the first tenth of the time.\n\n\
            | | first quarter | last quarter | bound |\n| --- | ---: | ---: | ---: |\n";
    for (line, flat) in watch::verdicts(&samples) {
        writeln!(out, "{line}")?;
        if !flat {
            world.fault(format!("it grows: {line}"));
        }
    }
    let faults = world.faults();
    writeln!(
        out,
        "\n{}",
        if faults.is_empty() {
            "Nothing was lost, and nothing was wrong.".to_owned()
        } else {
            format!("**{} faults.**", faults.len())
        }
    )?;
    Ok((out, faults))
}

/// All who come, each a task of its own with a name.
fn everybody(world: &Arc<World>, texts: &Arc<Vec<String>>, plan: &Plan) -> Vec<(&'static str, JoinHandle<()>)> {
    let mut tasks = Vec::new();
    let every =
        |(people, percent): (u32, f64)| Duration::from_secs_f64(f64::from(people) / (plan.rate * percent / 100.0));
    for number in 0..CHAT.0 {
        tasks.push((
            "a customer",
            tokio::spawn(customers::chat(Arc::clone(world), Arc::clone(texts), number.into(), every(CHAT))),
        ));
    }
    for number in 0..PLATFORM.0 {
        let all = Arc::clone(texts);
        tasks.push((
            "a platform",
            tokio::spawn(customers::platform(Arc::clone(world), all, number.into(), every(PLATFORM))),
        ));
    }
    let rest = (PEOPLE.0, (100.0 - CHAT.1 - PLATFORM.1) / PEOPLE.1);
    for number in 0..PEOPLE.0 {
        tasks.push((
            "a customer of people",
            tokio::spawn(customers::for_people(Arc::clone(world), number.into(), every(rest))),
        ));
    }
    for number in 0..IDLE {
        tasks.push(("an idle one", tokio::spawn(customers::idle(Arc::clone(world), number))));
    }
    for half in [false, false, true, true] {
        tasks.push(("a silent one", tokio::spawn(customers::silent(Arc::clone(world), half))));
    }
    for _ in 0..3 {
        tasks.push(("a slow one", tokio::spawn(customers::slow(Arc::clone(world)))));
    }
    tasks.push((
        "a look at the version",
        tokio::spawn(customers::versions(Arc::clone(world), Duration::from_millis(300))),
    ));
    tasks
}

/// What happened, in words.
fn summary(world: &World, plan: &Plan, conversations: usize, said: usize, emptied: Option<Duration>) -> String {
    let counts = &world.counts;
    let (attempts, refused) = world.receiver.attempts();
    format!(
        "## Mixed load, {} minutes\n\n{:.0} messages a second: {conversations} conversations with {said} messages, each looked at in the end: \
         acknowledged once, answered once, numbers without a gap. {} messages were said twice out of doubt, {} sockets came back and went on. \
         {} cases went to people ({attempts} deliveries, {refused} of them refused by the tool, which also hangs and breaks off), were taken, \
         answered and closed; all of them were heard of, in the same bytes each time, and after the end the last delivery was gone after {}. \
         {} reloads of changed files, {} of files with errors; {} answers that name the version twice named one. {} customers said nothing and \
         went, {} connections said half a request or nothing and were closed, {} read nothing of what they asked for and were dropped.\n\n",
        plan.minutes,
        plan.rate,
        counted(&counts.repeated),
        counted(&counts.resumed),
        counted(&counts.cases),
        emptied.map_or_else(|| "never".to_owned(), |took| format!("{:.0} s", took.as_secs_f64())),
        counted(&counts.reloads),
        counted(&counts.bad_files),
        counted(&counts.versions),
        counted(&counts.idle),
        counted(&counts.silent),
        counted(&counts.slow),
    )
}

/// The peak, on a shop of its own.
async fn peaked(minutes: f64) -> anyhow::Result<(String, Vec<String>)> {
    let (receiver, _cases) = receiver::Receiver::start(2).await?;
    let shop = Shop::shipped(&Tool::at(receiver.address));
    unbounded(&shop)?;
    peak::run(&shop, minutes).await
}

/// Waits until every delivery is made; how long that took.
async fn emptied(world: &World) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < DRAIN {
        let url = format!("http://{}/metrics", world.address);
        if let Ok(answer) = world.http.get(url).send().await
            && let Ok(text) = answer.text().await
            && watch::sum(&text, "nightdesk_outbox_pending") == 0.0
        {
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    world.fault("deliveries wait after the end");
    None
}

/// Changes a file so often, and asks for a reload; every tenth has an error first.
async fn reload(world: Arc<World>, shop: PathBuf, aside: PathBuf, every: Duration) {
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let put = |text: &str| fs::write(&aside, text).and_then(|()| fs::rename(&aside, shop.join("faq/soak.yaml")));
    for number in 1_u32.. {
        tokio::select! {
            () = world.stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        if number % 10 == 0 {
            if put("faq: [{id: broken").is_err() || reloaded(&world).await != Some(false) {
                world.fault("a file with an error was not refused");
            }
            count(&world.counts.bad_files);
        }
        if put(&version(number)).is_err() || reloaded(&world).await != Some(true) {
            world.fault(format!("version {number} is not in use"));
        }
        count(&world.counts.reloads);
    }
}

async fn reloaded(world: &World) -> Option<bool> {
    let answer = world.http.post(format!("http://{}/-/reload", world.address)).send().await.ok()?;
    let body: serde_json::Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    body["reloaded"].as_bool()
}

/// An entry and the title of one that it offers, both of the same version.
fn version(n: u32) -> String {
    format!(
        "faq:\n  - id: soak.version\n    title: 测速\n    questions: [测速测速]\n    answer: 甲版本{n}。\n    options: [soak.more]\n  \
         - id: soak.more\n    title: 乙版本{n}\n    questions: [测速在哪里办理]\n    answer: 在订单页办理。\n"
    )
}

/// One machine plays all customers: its limits are not what is looked at.
fn unbounded(shop: &Shop) -> anyhow::Result<()> {
    let file = shop.dir().join("nightdesk.yaml");
    let settings =
        fs::read_to_string(&file)?.replace("per_customer_per_minute: 30 ", "per_customer_per_minute: 100000 ").replace(
            "\nlimits:\n",
            "\nlimits:\n  connections: 100000\n  connections_per_address: 100000\n  per_address_per_minute: 0\n",
        );
    anyhow::ensure!(
        settings.contains("100000 ") && settings.contains("connections: 100000"),
        "the settings look different now"
    );
    Ok(fs::write(file, settings)?)
}

/// Microseconds, in words.
#[allow(clippy::cast_precision_loss, reason = "times of minutes at most")]
fn micros(time: u64) -> String {
    if time >= 1000 { format!("{:.1} ms", time as f64 / 1000.0) } else { format!("{time} µs") }
}
