//! What the daemon has of the machine, read every ten seconds, and when that counts as flat.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightdesk::store::sqlite::DATABASE;
use tokio_util::sync::CancellationToken;

use crate::world::{World, counted};

/// Between two readings.
pub const EVERY: Duration = Duration::from_secs(10);
/// Lines of the table.
const LINES: usize = 12;
/// What memory may grow by from the first quarter to the last: a tenth, and some megabytes for what grows once.
const MEMORY: (f64, f64) = (1.10, 8.0);
/// What descriptors besides connections, and threads, may grow by.
const FEW: f64 = 4.0;

/// One reading.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    at: Duration,
    memory: f64,
    descriptors: f64,
    connections: f64,
    threads: f64,
    database: f64,
    log: f64,
    waiting: f64,
    messages: u64,
    p50: u64,
    p99: u64,
}

/// Where it is read.
pub struct Watch {
    pub id: u32,
    pub data: PathBuf,
}

impl Watch {
    async fn sample(&self, world: &World, began: Instant) -> anyhow::Result<Sample> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let number = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        };
        let url = format!("http://{}/metrics", world.address);
        let metrics = world.http.get(url).send().await?.text().await?;
        let times = world.take_times();
        Ok(Sample {
            at: began.elapsed(),
            memory: number("VmRSS:") / 1024.0,
            threads: number("Threads:"),
            #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.id))?.count() as f64,
            connections: sum(&metrics, "nightdesk_connections"),
            waiting: sum(&metrics, "nightdesk_outbox_pending"),
            database: megabytes(&self.data.join(DATABASE)),
            log: megabytes(&self.data.join(format!("{DATABASE}-wal"))),
            messages: counted(&world.counts.messages),
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
        })
    }

    /// Reads until all is over.
    pub async fn run(self, world: Arc<World>, began: Instant, stop: CancellationToken) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut every = tokio::time::interval(EVERY);
        every.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return samples,
                _ = every.tick() => match self.sample(&world, began).await {
                    Ok(sample) => {
                        eprintln!("{sample:?}");
                        samples.push(sample);
                    }
                    Err(error) => world.fault(format!("the daemon cannot be read: {error}")),
                }
            }
        }
    }
}

/// The sum of a metric over its labels.
pub fn sum(metrics: &str, name: &str) -> f64 {
    let of = metrics.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    of.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn megabytes(file: &Path) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "the length of a file")]
    let bytes = fs::metadata(file).map_or(0, |found| found.len()) as f64;
    bytes / f64::from(1 << 20)
}

/// The readings as a table.
pub fn table(samples: &[Sample]) -> String {
    let mut out = "| minute | messages | p50 | p99 | memory, MiB | descriptors | connections | threads | database, MiB | log, MiB | deliveries waiting |\n\
                   | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let step = samples.len().div_ceil(LINES).max(1);
    for sample in samples.iter().skip((samples.len() + step - 1) % step).step_by(step) {
        let [p50, p99] = [sample.p50, sample.p99].map(crate::micros);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {:.1} | {} | {p50} | {p99} | {:.1} | {} | {} | {} | {:.1} | {:.1} | {} |",
            sample.at.as_secs_f64() / 60.0,
            sample.messages,
            sample.memory,
            sample.descriptors,
            sample.connections,
            sample.threads,
            sample.database,
            sample.log,
            sample.waiting
        );
    }
    out
}

/// What is compared, and whether it stayed flat: the mean of the first quarter after the first tenth, in which all that is made
/// once is made, against the mean of the last quarter.
pub fn verdicts(samples: &[Sample]) -> Vec<(String, bool)> {
    let warm = samples.get(samples.len() / 10..).unwrap_or_default();
    let quarter = (warm.len() / 4).max(1);
    let mean = |part: &[Sample], of: &dyn Fn(&Sample) -> f64| {
        #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
        let count = part.len().max(1) as f64;
        part.iter().map(of).sum::<f64>() / count
    };
    let (first, last) =
        (warm.get(..quarter).unwrap_or_default(), warm.get(warm.len() - quarter.min(warm.len())..).unwrap_or_default());
    let mut found = Vec::new();
    let mut compare = |name: &str, unit: &str, of: &dyn Fn(&Sample) -> f64, (times, plus): (f64, f64)| {
        let (before, after) = (mean(first, of), mean(last, of));
        let most = before * times + plus;
        found.push((format!("| {name} | {before:.1}{unit} | {after:.1}{unit} | ≤ {most:.1}{unit} |"), after <= most));
    };
    compare("memory", " MiB", &|sample| sample.memory, MEMORY);
    compare("descriptors besides connections", "", &|sample| sample.descriptors - sample.connections, (1.0, FEW));
    compare("threads", "", &|sample| sample.threads, (1.0, FEW));
    compare("log of the database", " MiB", &|sample| sample.log, (1.0, 64.0));
    compare("deliveries waiting", "", &|sample| sample.waiting, (1.5, 50.0));
    found
}
