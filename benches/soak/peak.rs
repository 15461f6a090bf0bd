//! Ten times what it can take, for minutes: what is taken is answered in time, what is not hears so at once, nobody is starved, and
//! when it is over it is over.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use nightdesk::handoff::signing::SigningKey;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::common::api::forwarded;
use crate::common::client::Client;
use crate::common::daemon::Process;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::load::{self, Customer, Kind, Said};
use crate::micros;

/// Customers who write all the time; more than may have a message at work at once.
const CUSTOMERS: usize = 5_000;
/// Customers of the run that shows what it can take.
const FEW: usize = 1_000;
/// Those who say again what was refused, when they were told to.
const POLITE: usize = 100;
/// Platforms' posts under way.
const POSTS: usize = 20;
/// What is taken may take so long at the most, in the hundredth worst case; so may a refusal.
const BOUND: Duration = Duration::from_secs(3);
/// One of those who write alike is taken at most so often as the median.
const FAIR: f64 = 3.0;
/// Half a second after the end it is as fast as before.
const OVER: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Figures {
    sent: AtomicU64,
    broken: AtomicU64,
    posted: AtomicU64,
    posts_refused: AtomicU64,
    welcomed: AtomicU64,
    turned_away: AtomicU64,
    lost: AtomicU64,
}

/// Runs the peak; Markdown, and what was not as it must be.
pub async fn run(shop: &Shop, minutes: f64) -> anyhow::Result<(String, Vec<String>)> {
    let texts = Arc::new(load::questions()?);
    let daemon = tokio::task::block_in_place(|| Process::start(shop));
    let address = daemon.address;
    let customers = load::connect(address, Kind::Nightdesk, FEW).await?;
    let (before, customers) = load::closed(customers, Arc::clone(&texts), Duration::from_secs(5)).await;
    drop(customers);
    let rated = before.rate() / 2.0;
    let offered = rated * 10.0;
    eprintln!("it takes {:.0} a second; {offered:.0} are offered", before.rate());

    let customers = load::connect(address, Kind::Nightdesk, CUSTOMERS).await?;
    let polite = load::connect(address, Kind::Nightdesk, POLITE).await?;
    let (figures, stop) = (Arc::new(Figures::default()), CancellationToken::new());
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(minutes * 60.0);
    #[allow(clippy::cast_precision_loss, reason = "some thousand customers")]
    let every = Duration::from_secs_f64(CUSTOMERS as f64 / offered);
    let writing: Vec<_> = customers
        .into_iter()
        .map(|customer| tokio::spawn(write(customer, Arc::clone(&texts), every, end, Arc::clone(&figures))))
        .collect();
    let patient: Vec<_> = polite
        .into_iter()
        .map(|customer| tokio::spawn(ask_politely(customer, Arc::clone(&texts), end, Arc::clone(&figures))))
        .collect();
    for number in 0..POSTS {
        tokio::spawn(post(address, number, stop.clone(), Arc::clone(&figures)));
    }
    tokio::spawn(come(address, stop.clone(), Arc::clone(&figures)));
    sleep_until(end).await;
    stop.cancel();
    sleep(OVER).await;
    let late = load::connect(address, Kind::Nightdesk, POLITE).await?;
    let (after, _) = load::open(late, Arc::clone(&texts), Duration::from_secs(10), rated / 10.0).await;

    let (mut taken, mut refused, mut shares) = (times(), times(), Vec::new());
    for task in writing {
        let (own, own_refused) = task.await?;
        shares.push(own.len());
        taken.add(own)?;
        refused.add(own_refused)?;
    }
    let mut again = times();
    for task in patient {
        again.add(task.await?)?;
    }
    shares.sort_unstable();
    let ended = tokio::task::block_in_place(|| daemon.terminate());
    let all =
        Outcome { offered, minutes, rate: before.rate(), taken, refused, again, after: after.times, shares, ended };
    all.tell(&figures)
}

/// All that came of it.
struct Outcome {
    offered: f64,
    minutes: f64,
    rate: f64,
    taken: Histogram<u64>,
    refused: Histogram<u64>,
    again: Histogram<u64>,
    after: Histogram<u64>,
    shares: Vec<u64>,
    ended: Option<i32>,
}

impl Outcome {
    fn tell(&self, figures: &Figures) -> anyhow::Result<(String, Vec<String>)> {
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                faults.push(what);
            }
        };
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let (taken, seconds) = (self.taken.len() as f64, self.minutes * 60.0);
        let share = |part: usize| self.shares.get(self.shares.len() * part / 100).copied().unwrap_or_default();
        let (least, median, most) = (share(1), share(50), self.shares.last().copied().unwrap_or_default());
        let mut out = format!(
            "## Ten times the rated load, {} minutes\n\nAlone, {FEW} customers had {:.0} messages a second answered; half of that is the \
             rated load. {CUSTOMERS} customers, each as soon as it has heard of the last, wanted to send {:.0} a second; {:.0} were sent. \
             {POSTS} platforms posted, and new customers came, all the time.\n\n| | | p50 | p99 | worst |\n| --- | ---: | ---: | ---: | ---: |\n",
            self.minutes,
            self.rate,
            self.offered,
            {
                #[allow(clippy::cast_precision_loss, reason = "counts")]
                let sent = number(&figures.sent) as f64;
                sent / seconds
            }
        );
        let mut row = |name: &str, count: String, times: &Histogram<u64>| {
            let at = |share: f64| micros(times.value_at_quantile(share));
            writeln!(out, "| {name} | {count} | {} | {} | {} |", at(0.5), at(0.99), micros(times.max()))
        };
        row("taken and acknowledged", format!("{:.0}/s", taken / seconds), &self.taken)?;
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let refused = self.refused.len() as f64;
        row("refused with a time to come again", format!("{:.0}/s", refused / seconds), &self.refused)?;
        row(
            &format!("of {POLITE} who said it again when told, until taken"),
            self.again.len().to_string(),
            &self.again,
        )?;
        row("half a second after the end, at a tenth of the rated load", self.after.len().to_string(), &self.after)?;
        writeln!(
            out,
            "\nOf those who write alike, the hundredth with the least had {least} messages taken, the median {median}, the one with the most \
             {most}. Platforms: {} posts taken, {} refused with 503 and Retry-After. New customers: {} welcomed, {} turned away with 1013 or 503. \
             {} sockets broke.",
            number(&figures.posted),
            number(&figures.posts_refused),
            number(&figures.welcomed),
            number(&figures.turned_away),
            number(&figures.broken)
        )?;
        let bound = u64::try_from(BOUND.as_micros()).unwrap_or(u64::MAX);
        must(self.taken.value_at_quantile(0.99) <= bound, "what was taken took too long".to_owned());
        must(self.refused.value_at_quantile(0.99) <= bound, "refusals took too long".to_owned());
        must(!self.refused.is_empty(), "nothing was refused, so nothing was shown".to_owned());
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        must(
            most as f64 <= FAIR * (median.max(1)) as f64,
            format!("one had {most} messages taken, the median {median}"),
        );
        must(least > 0 && least * 4 >= median, format!("some had {least} messages taken, the median {median}"));
        must(self.after.value_at_quantile(0.99) <= 500_000, "it is not over when it is over".to_owned());
        must(self.ended == Some(0), format!("the daemon ended with {:?}", self.ended));
        must(number(&figures.broken) == 0, format!("{} sockets broke", number(&figures.broken)));
        must(number(&figures.lost) == 0, format!("{} of the polite were never taken", number(&figures.lost)));
        Ok((out, faults))
    }
}

/// Writes so often; what is refused is gone.
async fn write(
    mut customer: Customer,
    texts: Arc<Vec<String>>,
    every: Duration,
    end: Instant,
    figures: Arc<Figures>,
) -> (Histogram<u64>, Histogram<u64>) {
    let (mut taken, mut refused) = (times(), times());
    let mut due = Instant::now() + every.mul_f64(customer.place());
    while due < end {
        sleep_until(due).await;
        let began = Instant::now();
        figures.sent.fetch_add(1, Ordering::Relaxed);
        match customer.attempt(&texts).await {
            Ok(Said::Taken) => note(&mut taken, began),
            Ok(Said::Refused(_)) => note(&mut refused, began),
            Err(_) => {
                figures.broken.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        due = (due + every).max(Instant::now());
    }
    (taken, refused)
}

/// Says one thing every ten seconds, again and again until it is taken: the time of all that.
async fn ask_politely(
    mut customer: Customer,
    texts: Arc<Vec<String>>,
    end: Instant,
    figures: Arc<Figures>,
) -> Histogram<u64> {
    let mut taken = times();
    let mut due = Instant::now() + Duration::from_secs(10).mul_f64(customer.place());
    while due < end {
        sleep_until(due).await;
        let began = Instant::now();
        loop {
            match customer.attempt(&texts).await {
                Ok(Said::Taken) => break note(&mut taken, began),
                Ok(Said::Refused(wait)) if began.elapsed() < Duration::from_mins(2) => sleep(wait).await,
                _ => {
                    figures.lost.fetch_add(1, Ordering::Relaxed);
                    return taken;
                }
            }
        }
        due = (due + Duration::from_secs(10)).max(Instant::now());
    }
    taken
}

/// A platform posts one message after another, and waits as it is told.
async fn post(address: SocketAddr, number: usize, stop: CancellationToken, figures: Arc<Figures>) {
    let Ok(http) = reqwest::Client::builder().no_proxy().build() else { return };
    let Ok(key) = SigningKey::parse(CRM_SECRET) else { return };
    for n in 0.. {
        if stop.is_cancelled() {
            return;
        }
        let body =
            forwarded(&format!("peak-{number}-{n}"), &format!("peak-{number}-{}", n % 50), "怎么退货").to_string();
        let (id, seconds) = (format!("evt-{number}-{n}"), jiff::Timestamp::now().as_second());
        let request = http
            .post(format!("http://{address}/v1/inbound/crm"))
            .header("webhook-signature", key.sign(&id, seconds, body.as_bytes()))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds);
        match request.body(body).send().await {
            Ok(answer) if answer.status() == 200 => figures.posted.fetch_add(1, Ordering::Relaxed),
            Ok(answer) if answer.status() == 503 && answer.headers().contains_key("retry-after") => {
                sleep(Duration::from_millis(200)).await;
                figures.posts_refused.fetch_add(1, Ordering::Relaxed)
            }
            _ => figures.broken.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// New customers, fifty a second.
async fn come(address: SocketAddr, stop: CancellationToken, figures: Arc<Figures>) {
    while !stop.is_cancelled() {
        sleep(Duration::from_millis(20)).await;
        let figures = Arc::clone(&figures);
        tokio::spawn(async move {
            let heard = async {
                let mut client = Client::open(address, &[]).await.ok()?;
                client.try_send(json!({"type": "hello", "data": {}})).await.ok()?;
                client.try_next().await.ok()
            };
            match timeout(Duration::from_secs(30), heard).await {
                Ok(Some(_)) => figures.welcomed.fetch_add(1, Ordering::Relaxed),
                Ok(None) => figures.turned_away.fetch_add(1, Ordering::Relaxed),
                Err(_) => figures.broken.fetch_add(1, Ordering::Relaxed),
            }
        });
    }
}

fn note(times: &mut Histogram<u64>, began: Instant) {
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let _ = times.record(micros.max(1));
}

fn times() -> Histogram<u64> {
    Histogram::new(3).expect("three digits")
}
