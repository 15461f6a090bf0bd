//! The outbox beside a bare loop of the same client: deliveries that wait are brought to a receiver that takes them all.
//!
//! `cargo bench --bench deliveries` prints Markdown; `--count N` (40000). Both post the same bytes to the same receiver, which has
//! a thread of its own on the same machine: read the ratios. The bare loop signs nothing and writes nothing down.

mod sink;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nightdesk::clock::Clock;
use nightdesk::handoff::signing::SigningKey;
use nightdesk::handoff::{Deliverer, DeliveryObserver, Endpoint, client};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, NewDelivery, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Requests under way at once: what is usual, and four times that.
const AT_ONCE: [usize; 2] = [16, 64];
/// Rounds, of which the middle one counts.
const ROUNDS: usize = 3;
/// Deliveries in one commit while the outbox is filled.
const TOGETHER: usize = 500;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--count");
    let count = at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(40_000);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            sender.send(sink::sink().await?)?;
            std::future::pending().await
        })
    });
    let url = format!("http://{}/", receiver.recv()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    println!("# Speed of the deliveries\n");
    println!(
        "Written by `make bench`, from one run on one machine, with the receiver on the same processors: read the ratios. {count}"
    );
    println!(
        "deliveries wait; each is signed, posted, and written down as delivered. The bare loop only posts the same bytes.\n"
    );
    println!(
        "| at once | a bare loop of the same client | nightdesk | ratio | goal |\n| ---: | ---: | ---: | ---: | ---: |"
    );
    for at_once in AT_ONCE {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(runtime.block_on(loop_alone(&url, count, at_once))?);
            ours.push(runtime.block_on(outbox(&url, count, at_once))?);
        }
        let (bare, ours) = (middle(bare), middle(ours));
        println!("| {at_once} | {bare:.0}/s | {ours:.0}/s | {:.2} × | ≥ 0.7 × |", ours / bare);
    }
    Ok(())
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[allow(clippy::cast_precision_loss, reason = "a count of deliveries")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// What is told of a case, about as long as one.
fn body(number: usize) -> Vec<u8> {
    let talk = r#"{"role":"visitor","text":"我上周买的外套洗了一次就掉色了，可以退吗？"},"#.repeat(6);
    format!(r#"{{"type":"handoff.created","data":{{"conversation":"c_{number}","transcript":[{talk}null]}}}}"#)
        .into_bytes()
}

/// A second's posts of the client alone.
async fn loop_alone(url: &str, count: usize, at_once: usize) -> anyhow::Result<f64> {
    let (client, next) = (client()?, Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, next, url) = (client.clone(), Arc::clone(&next), url.to_owned());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return anyhow::Ok(());
                    }
                    client.post(&url).body(body(number)).send().await?.error_for_status()?.bytes().await?;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(rate(count, began.elapsed()))
}

/// A second's deliveries of the outbox, from the first to the last.
async fn outbox(url: &str, count: usize, at_once: usize) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path())?);
    let now = Timestamp::now();
    for first in (0..count).step_by(TOGETHER) {
        let outbox = (first..count.min(first + TOGETHER)).map(|number| delivery(number, now)).collect();
        store.commit(Commit { outbox, ..Commit::default() }).await?;
    }
    let seen = Arc::new(Seen::default());
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let observer: Arc<dyn DeliveryObserver> = Arc::clone(&seen) as _;
    let deliverer = Deliverer::new(Arc::clone(&store), Clock::system(), observer, tracker.clone(), stop.clone())?;
    let keys = vec![SigningKey::parse("whsec_bmlnaHRkZXNrLWJlbmNoLXNlY3JldC0wMDAw")?];
    let began = Instant::now();
    deliverer.update(vec![Endpoint { keys, concurrency: at_once, ..Endpoint::new("desk", url) }]);
    while seen.delivered.load(Ordering::Relaxed) < count {
        anyhow::ensure!(seen.refused.load(Ordering::Relaxed) == 0, "the receiver refused one");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let time = began.elapsed();
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    Ok(rate(count, time))
}

fn delivery(number: usize, now: Timestamp) -> NewDelivery {
    NewDelivery {
        webhook_id: format!("evt_{number:016}"),
        endpoint: "desk".into(),
        url: None,
        conversation: format!("c_{number:016}"),
        kind: "handoff.created".into(),
        body: body(number),
        created_at: now,
    }
}

/// Counts attempts.
#[derive(Default)]
struct Seen {
    delivered: AtomicUsize,
    refused: AtomicUsize,
}

impl DeliveryObserver for Seen {
    fn attempt(&self, _: &str, outcome: &str, _: f64) {
        let count = if outcome == "delivered" { &self.delivered } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }
    fn dead(&self, _: &str) {}
    fn stopped(&self, _: &str) {}
}
