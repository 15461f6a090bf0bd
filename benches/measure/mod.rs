//! How time and memory are taken, and the row that is printed: the same for all Rust engines.

use std::fmt;
use std::time::{Duration, Instant};

/// Figures of one engine with one set of rules.
#[derive(Default)]
pub struct Row {
    name: String,
    rules: usize,
    load: Option<Duration>,
    /// Kilobytes after loading, and after all messages.
    memory: Option<(i64, i64)>,
    messages: usize,
    first: Duration,
    mean: Duration,
    p50: Duration,
    p99: Duration,
    checksums: String,
    note: String,
}

impl Row {
    /// What the columns hold; times in microseconds, memory in KiB. `first` is the average of the first pass, in which what is
    /// put off until it is needed still has to be done.
    pub const HEAD: &str = "engine\trules\tload\tmemory\tgrown\tmessages\tfirst\tmean\tp50\tp99\tmatched\tnote";

    /// What could not be measured, and why.
    #[allow(dead_code, reason = "each bench uses what it needs of these")]
    pub fn impossible(name: &str, rules: usize, note: &str) -> Self {
        Self { name: name.to_owned(), rules, note: note.replace(['\n', '\t'], " "), ..Self::default() }
    }

    /// Says what was measured.
    pub fn named(mut self, name: &str, rules: usize) -> Self {
        (self.name, self.rules) = (name.to_owned(), rules);
        self
    }

    /// What loading took.
    pub fn loaded(mut self, load: Duration, kilobytes: i64) -> Self {
        (self.load, self.memory) = (Some(load), Some((kilobytes, kilobytes)));
        self
    }

    /// The memory when all messages were through.
    pub fn grown(mut self, kilobytes: i64) -> Self {
        self.memory = self.memory.map(|(loaded, _)| (loaded, kilobytes));
        self
    }

    /// What was matched: sums over the first messages, so that an engine that got fewer of them can be compared too.
    #[allow(dead_code, reason = "each bench uses what it needs of these")]
    pub fn matched(mut self, matched: &[Vec<u32>]) -> Self {
        let sums = [200, 2_000, 5_000].iter().filter_map(|&count| {
            let sum = super::generated::checksum(matched.get(..count)?);
            Some(format!("{count}:{sum:016x}"))
        });
        self.checksums = sums.collect::<Vec<_>>().join(" ");
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        write!(f, "{}\t{}\t", self.name, self.rules)?;
        match (self.load, self.memory) {
            (Some(load), Some((memory, grown))) => write!(f, "{:.0}\t{memory}\t{grown}\t", micros(load))?,
            _ => write!(f, "\t\t\t")?,
        }
        if self.messages > 0 {
            let [first, mean, p50, p99] = [self.first, self.mean, self.p50, self.p99].map(micros);
            write!(f, "{}\t{first:.3}\t{mean:.3}\t{p50:.3}\t{p99:.3}\t", self.messages)?;
        } else {
            write!(f, "\t\t\t\t\t")?;
        }
        write!(f, "{}\t{}", self.checksums, self.note)
    }
}

/// Time that this thread had the processor since a start, so that what other processes do meanwhile does not count.
#[derive(Clone, Copy)]
pub struct Busy(Duration);

impl Busy {
    /// The start.
    pub fn start() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Self(Duration::new(seconds.expect("a time"), nanos.expect("a time")))
    }

    /// The time since then.
    pub fn elapsed(self) -> Duration {
        Self::start().0.saturating_sub(self.0)
    }
}

/// Runs all messages: once for what is done only once, then `passes` times without a clock in between, and as often with one.
pub fn run(messages: usize, passes: usize, mut one: impl FnMut(usize)) -> Row {
    let mut pass = || {
        let start = Busy::start();
        (0..messages).for_each(&mut one);
        start.elapsed() / u32::try_from(messages).expect("few messages")
    };
    let first = pass();
    let mean = median((0..passes).map(|_| pass()).collect());
    let mut times = vec![Vec::with_capacity(passes); messages];
    for _ in 0..passes {
        for (index, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            one(index);
            times.push(start.elapsed());
        }
    }
    // Of each message the median, so that what other processes did in between does not count as this message's time.
    let mut each: Vec<Duration> = times.into_iter().map(median).collect();
    each.sort_unstable();
    let at = |share: usize| each[(each.len() * share / 100).min(each.len() - 1)];
    Row { messages, first, mean, p50: at(50), p99: at(99), ..Row::default() }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Resident memory of this process in KiB.
pub fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
