//! The daemon under load: the released program with the starter pack, hours, store and outbox switched on, over real sockets,
//! beside a bare tokio-tungstenite echo in the same run.
//!
//! `cargo bench --bench daemon` prints Markdown; `--seconds N` (10), `--customers N` (1600), `--idle N` (half of what the machine
//! lets one program have);
//! `--rate N` for that rate alone, `--rate most` for as many as it can. Load and programs share the machine, so read the ratios.

mod generated;
#[allow(dead_code, reason = "each bench uses a part")]
mod load;
mod sink;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use load::{Customer, Door, Kind, Measured, Talk};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, ConversationRow, EventRow, Store};
use sink::sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Rules besides the pack's.
const MADE: usize = 10_000;
/// nightdesk's own, for the echo (`server/sockets.rs`).
const READ_BUFFER: usize = 1024;
/// Commits under way at once.
const AT_ONCE: usize = 256;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1))
    };
    let number = |name: &str, default: usize| value(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if arguments.iter().any(|argument| argument == "echo") {
        return runtime.block_on(echo(None));
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "echo-tls") {
        return runtime.block_on(echo(Some(Path::new(&arguments[at + 1]))));
    }
    let seconds = Duration::from_secs(number("--seconds", 10) as u64);
    if let Some(rate) = value("--rate") {
        let rate = if rate == "most" { None } else { Some(rate.parse()?) };
        print!("{}", runtime.block_on(alone(seconds, number("--customers", 1_600), rate))?);
        return Ok(());
    }
    let text = runtime.block_on(all(seconds, number("--customers", 1_600), number("--idle", most() / 2)))?;
    let heading = "# Speed of the daemon\n\nWritten by `make bench`, from one run on one machine, load and program on the same processors: read the \
                   ratios.\nEach answer is on the disk, synced, before it is acknowledged; the echo has nothing behind it.";
    println!("{heading} {}\n\n{text}", machine());
    Ok(())
}

/// What it was measured on.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{count} × {model}.")
}

/// One rate alone, or as many as it can, to see what a change does to the times.
async fn alone(time: Duration, customers: usize, rate: Option<f64>) -> anyhow::Result<String> {
    let shop = shop(sink().await?, 0)?;
    let program = Program::nightdesk(shop.path())?;
    let questions = Arc::new(load::questions()?);
    let measured = run(&program, Kind::Nightdesk, customers, &questions, time, rate, Talk::Questions).await?;
    let mut out = String::new();
    let what = rate.map_or_else(|| "as many as it can".to_owned(), |rate| format!("{rate:.0} a second"));
    row(&mut out, &format!("questions of the starter pack, {what}"), &measured);
    Ok(out)
}

async fn all(time: Duration, customers: usize, idle: usize) -> anyhow::Result<String> {
    let sink = sink().await?;
    let mut out = format!(
        "{customers} customers, each with one message under way, {} s each.\n\n| | messages/s | p50 | p99 | p99.9 | failed | its processor time a message |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        time.as_secs()
    );
    let echo = Program::echo()?;
    let questions = Arc::new(load::questions()?);
    let bare = run(&echo, Kind::Echo, customers, &questions, time, None, Talk::Questions).await?;
    row(&mut out, "bare echo, nothing behind it", &bare);
    drop(echo);

    let shop = shop(sink, 0)?;
    let program = Program::nightdesk(shop.path())?;
    let answers = run(&program, Kind::Nightdesk, customers, &questions, time, None, Talk::Questions).await?;
    row(&mut out, "nightdesk, questions of the starter pack", &answers);
    let half = answers.rate() / 2.0;
    let steady = run(&program, Kind::Nightdesk, customers, &questions, time, Some(half), Talk::Questions).await?;
    row(&mut out, &format!("the same at a fixed {half:.0} a second, half of that"), &steady);
    let people = run(&program, Kind::Nightdesk, customers, &questions, time, None, Talk::Handoffs).await?;
    row(&mut out, "nightdesk, a delivery to people for every message", &people);
    let reload = reload(&program).await?;
    drop(program);

    let large = self::shop(sink, MADE)?;
    let program = Program::nightdesk(large.path())?;
    let many = run(&program, Kind::Nightdesk, customers, &questions, time, None, Talk::Questions).await?;
    row(&mut out, &format!("nightdesk, {MADE} rules besides"), &many);
    drop(program);
    let (start, start_large) = (start(shop.path())?, start(large.path())?);

    let program = Program::nightdesk(shop.path())?;
    let (ours, echo) = (memory(&program, program.address.into(), Kind::Nightdesk, idle).await?, Program::echo()?);
    let theirs = memory(&echo, echo.address.into(), Kind::Echo, idle).await?;
    let encrypted = encrypted_memory(sink, idle).await?;
    let others = customers.min(100);
    let _quiet = load::connect(program.address, Kind::Nightdesk, idle).await?;
    let beside = run(&program, Kind::Nightdesk, others, &questions, time, Some(200.0), Talk::Questions).await?;
    row(&mut out, &format!("{others} customers, 200 a second, beside {idle} who are silent"), &beside);
    drop((program, echo));
    let committing = std::thread::spawn(move || commits(time));
    let (committed, raw) = committing.join().map_err(|_| anyhow::anyhow!("the commits failed"))??;

    writeln!(out)?;
    writeln!(out, "| | goal | measured |\n| --- | ---: | ---: |")?;
    writeln!(out, "| messages/s against the bare echo | ≥ 0.25 × | {:.2} × |", answers.rate() / bare.rate())?;
    let p99 = steady.times.value_at_quantile(0.99);
    writeln!(out, "| p99 at half of the own maximum | ≤ 10 ms | {} |", micros(p99))?;
    writeln!(out, "| messages/s with {MADE} rules besides, against none | | {:.2} × |", many.rate() / answers.rate())?;
    writeln!(out, "| messages/s with a delivery each, against answers | | {:.2} × |", people.rate() / answers.rate())?;
    writeln!(
        out,
        "| commits/s against a bare loop of the same rows, {AT_ONCE} at a time | ≥ 0.8 × | {:.2} × ({committed:.0}/s) |",
        committed / raw
    )?;
    writeln!(out, "| an idle connection of {}, resident | ≤ 8 KiB | {ours:.1} KiB (echo: {theirs:.1}) |", 2 * idle)?;
    let (ours, theirs) = encrypted;
    writeln!(out, "| the same over TLS | | {ours:.1} KiB (echo: {theirs:.1}) |")?;
    writeln!(
        out,
        "| start to first connection, starter pack; with {MADE} rules besides | | {} ms; {} ms |",
        start.as_millis(),
        start_large.as_millis()
    )?;
    writeln!(out, "| reload of the starter pack, until its answer | | {} ms |", reload.as_millis())?;
    Ok(out)
}

fn row(out: &mut String, name: &str, measured: &Measured) {
    let at = |share| micros(measured.times.value_at_quantile(share));
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "| {name} | {:.0} | {} | {} | {} | {} | {:.0} µs |",
        measured.rate(),
        at(0.5),
        at(0.99),
        at(0.999),
        measured.failed,
        measured.processor_micros()
    );
    eprintln!("{name}: {:.0}/s, {:.0} µs of processor time each", measured.rate(), measured.processor_micros());
}

#[allow(clippy::cast_precision_loss, reason = "times of minutes at most")]
fn micros(time: u64) -> String {
    if time >= 1000 { format!("{:.1} ms", time as f64 / 1000.0) } else { format!("{time} µs") }
}

/// A run of one kind: connects, warms up for a second, measures, and lets the customers go.
async fn run(
    program: &Program,
    kind: Kind,
    customers: usize,
    texts: &Arc<Vec<String>>,
    time: Duration,
    rate: Option<f64>,
    talk: Talk,
) -> anyhow::Result<Measured> {
    let mut customers = load::connect(program.address, kind, customers).await?;
    if talk == Talk::Handoffs {
        let person = Arc::new(vec!["转人工".to_owned()]);
        for customer in &mut customers {
            customer.say(&person).await?;
        }
    }
    let (_, customers) = load::closed(customers, Arc::clone(texts), Duration::from_secs(1)).await;
    let before = program.processor_time()?;
    let (mut measured, _) = match rate {
        Some(rate) => load::open(customers, Arc::clone(texts), time, rate).await,
        None => load::closed(customers, Arc::clone(texts), time).await,
    };
    measured.processor = program.processor_time()?.saturating_sub(before);
    Ok(measured)
}

/// KiB of a connection that is silent, of what the program has in memory: of a second crowd, because the first one finds memory
/// that the start has left over.
async fn memory(program: &Program, door: Door, kind: Kind, count: usize) -> anyhow::Result<f64> {
    let _first: Vec<Customer> = load::connect(door.clone(), kind, count).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = program.resident()?;
    let _second = load::connect(door, kind, count).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    #[allow(clippy::cast_precision_loss, reason = "kilobytes of one program")]
    Ok((program.resident()? - before) as f64 / count as f64)
}

/// The same over TLS, of ours and of the echo.
async fn encrypted_memory(sink: SocketAddr, count: usize) -> anyhow::Result<(f64, f64)> {
    let shop = shop(sink, 0)?;
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let folder = shop.path().join("tls");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("chain.pem"), certificate.cert.pem())?;
    std::fs::write(folder.join("shop.key"), certificate.signing_key.serialize_pem())?;
    let settings = shop.path().join("nightdesk.yaml");
    let plain = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, format!("{plain}\ntls: {{certificate: tls/chain.pem, key: tls/shop.key}}\n"))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.cert.der().clone())?;
    let trust = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());

    let program = Program::nightdesk(shop.path())?;
    let ours = memory(&program, Door::tls(program.address, Arc::clone(&trust)), Kind::Nightdesk, count).await?;
    drop(program);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("echo-tls").arg(&folder);
    let echo = Program::start(command, Path::new(""), tempfile::tempdir()?)?;
    let theirs = memory(&echo, Door::tls(echo.address, trust), Kind::Echo, count).await?;
    Ok((ours, theirs))
}

/// As many connections as the machine lets one program have, but for some that it needs otherwise.
fn most() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    descriptors.map_or(100_000, |most| usize::try_from(most).unwrap_or(usize::MAX)).saturating_sub(500).min(100_000)
}

/// How long a start takes: the middle of five, one after the other.
fn start(shop: &Path) -> anyhow::Result<Duration> {
    let starts: anyhow::Result<Vec<_>> = (0..5).map(|_| Ok(Program::nightdesk(shop)?.started)).collect();
    let mut starts = starts?;
    starts.sort();
    Ok(starts[2])
}

/// How long a saved file takes until its answer comes.
async fn reload(program: &Program) -> anyhow::Result<Duration> {
    let made = "faq:\n  - id: bench.reload\n    title: 测速\n    questions: [测速测速]\n    answer: 测速完成。\n";
    let mut customer = Customer::new(program.address, Kind::Nightdesk, 0).await?;
    let before = program.metric("nightdesk_reloads_total{result=\"ok\"}").await?;
    std::fs::write(program.shop.join("faq/bench.yaml"), made)?;
    let began = Instant::now();
    while program.metric("nightdesk_reloads_total{result=\"ok\"}").await? == before {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(30), "the new file is not in use");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    customer.say(&["测速测速".to_owned()]).await?;
    Ok(began.elapsed())
}

/// Commits a second through the store, and of a bare loop that writes the same rows with the same syncs.
fn commits(time: Duration) -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let now = jiff::Timestamp::now();
    let began = Instant::now();
    let count = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..AT_ONCE)
                        .map(|task| {
                            let store = Arc::clone(&store);
                            tokio::spawn(async move {
                                let mut count = 0_u64;
                                while began.elapsed() < time {
                                    store.commit(commit(task, count, now)).await.expect("a commit");
                                    count += 1;
                                }
                                count
                            })
                        })
                        .collect();
                    let mut all = 0;
                    for task in tasks {
                        all += task.await.expect("a task");
                    }
                    all
                })
            })
            .join()
            .expect("the thread")
    });
    #[allow(clippy::cast_precision_loss, reason = "a count of commits")]
    let ours = count as f64 / began.elapsed().as_secs_f64();
    drop(store);

    let folder = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
    drop(SqliteStore::open(folder.path())?);
    let db = rusqlite::Connection::open(folder.path().join(nightdesk::store::sqlite::DATABASE))?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    let (began, mut rounds) = (Instant::now(), 0_u64);
    while began.elapsed() < time {
        db.execute_batch("BEGIN")?;
        for task in 0..AT_ONCE {
            let commit = commit(task, rounds, now);
            let (row, at) = (commit.conversation.expect("a conversation"), now.as_millisecond());
            db.prepare_cached(
                "INSERT INTO conversations (id, channel, thread, customer, state, version, seq, queue, priority, language, created_at, updated_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?10, ?11)
                 ON CONFLICT (id) DO UPDATE SET version = excluded.version, seq = excluded.seq, body = excluded.body",
            )?
            .execute(rusqlite::params![row.id, row.channel, row.thread, row.customer, row.state, i64::try_from(row.version)?, i64::try_from(row.seq)?, row.priority, row.language, at, row.body])?;
            for event in commit.events {
                db.prepare_cached(
                    "INSERT INTO events (conversation, seq, at, kind, role, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(rusqlite::params![
                    event.conversation,
                    i64::try_from(event.seq)?,
                    at,
                    event.kind,
                    event.role,
                    event.body
                ])?;
            }
        }
        db.execute_batch("COMMIT")?;
        rounds += 1;
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of commits")]
    let raw = (rounds * AT_ONCE as u64) as f64 / began.elapsed().as_secs_f64();
    Ok((ours, raw))
}

/// What one message writes: the conversation and two events.
fn commit(task: usize, count: u64, now: jiff::Timestamp) -> Commit {
    let id = format!("c_{task}");
    let body = format!("{{\"text\":\"{}\"}}", "怎么退货".repeat(20));
    let event = |seq: u64, role: &str| EventRow {
        conversation: id.clone(),
        seq,
        at: now,
        kind: "message".into(),
        role: role.into(),
        body: body.clone(),
    };
    let events = vec![event(2 * count + 1, "visitor"), event(2 * count + 2, "bot")];
    let conversation = ConversationRow {
        id: id.clone(),
        channel: "web".into(),
        thread: id.clone(),
        customer: id.clone(),
        state: "bot".into(),
        version: count + 1,
        seq: 2 * count + 2,
        queue: None,
        priority: "normal".into(),
        language: Some("zh".into()),
        created_at: now,
        updated_at: now,
        body: body.repeat(4),
    };
    Commit {
        conversation: Some(conversation),
        expected_version: (count > 0).then_some(count),
        events,
        ..Commit::default()
    }
}

/// A copy of the starter pack whose queues are connected, and whose limits are those of the machine.
fn shop(sink: SocketAddr, made: usize) -> anyhow::Result<tempfile::TempDir> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir_in(here.join("target"))?;
    let shop = folder.path();
    let settings = std::fs::read_to_string(here.join("nightdesk.yaml"))?
        .replace("{hours: shop, ", "{hours: shop, webhook: desk, ")
        .replace("{hours: always, ", "{hours: always, webhook: desk, ")
        .replace("per_customer_per_minute: 30 ", "per_customer_per_minute: 100000 ")
        .replace("wait_for_more: 1500ms", "wait_for_more: 0s")
        .replace("\nlimits:\n", "\nlimits:\n  messages_at_once: 100000\n  connections: 100000\n  connections_per_address: 100000\n")
        .replace("\nchannels:\n", &format!("\nwebhooks:\n  desk: {{url: \"http://{sink}/\", secret: \"whsec_bmlnaHRkZXNrLWJlbmNoLXNlY3JldC0wMDAw\"}}\n\nchannels:\n"));
    std::fs::write(shop.join("nightdesk.yaml"), settings)?;
    for name in ["faq", "rules", "calendars"] {
        std::fs::create_dir(shop.join(name))?;
        for file in std::fs::read_dir(here.join(name))? {
            let file = file?.path();
            std::fs::copy(&file, shop.join(name).join(file.file_name().unwrap_or_default()))?;
        }
    }
    std::fs::copy(here.join("synonyms.yaml"), shop.join("synonyms.yaml"))?;
    if made > 0 {
        let mut rules = "rules:\n".to_owned();
        for (index, rule) in generated::rules(made).iter().enumerate() {
            rule.yaml(index, &mut rules);
        }
        std::fs::write(shop.join("rules/made.yaml"), rules)?;
    }
    Ok(folder)
}

/// A program under load; killed when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
    shop: std::path::PathBuf,
    started: Duration,
    _data: tempfile::TempDir,
}

impl Program {
    fn nightdesk(shop: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        command.arg("--dir").arg(shop).args(["--quiet", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        Self::start(command, shop, data)
    }

    fn echo() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("echo");
        Self::start(command, Path::new(""), tempfile::tempdir()?)
    }

    fn start(mut command: Command, shop: &Path, data: tempfile::TempDir) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let at = line.trim().rsplit('/').next().unwrap_or_default();
        let address = at.parse().map_err(|_| anyhow::anyhow!("it did not start: {line}"))?;
        Ok(Self { child, address, shop: shop.to_owned(), started: began.elapsed(), _data: data })
    }

    fn resident(&self) -> anyhow::Result<i64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kilobytes.ok_or_else(|| anyhow::anyhow!("no memory in /proc"))
    }

    /// What it has used so far, in all its threads.
    fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15, in hundredths of a second; the name before them may hold anything.
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11);
        let ticks = fields.take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    async fn metric(&self, name: &str) -> anyhow::Result<String> {
        let text = reqwest::get(format!("http://{}/metrics", self.address)).await?.text().await?;
        Ok(text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that sends each frame back, with the buffers that nightdesk has; over TLS with the certificate in a folder.
async fn echo(tls: Option<&Path>) -> anyhow::Result<()> {
    let acceptor = tls.map(acceptor).transpose()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => echo_all(stream).await,
                // Boxed, so that the others do not carry the room for it.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        Box::pin(echo_all(stream)).await;
                    }
                }
            }
        });
    }
}

async fn echo_all(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let Ok(mut ws) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else { return };
    while let Some(Ok(message)) = ws.next().await {
        if message.is_text() && ws.send(message).await.is_err() {
            return;
        }
    }
}

fn acceptor(folder: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(folder.join("chain.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("shop.key"))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
