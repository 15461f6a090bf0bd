//! What the system tells of this process, where it tells: memory and descriptors, from /proc.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::clock::Clock;

type Number = Gauge<f64, AtomicU64>;

/// Figures under the names that every program has for Prometheus.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) registry: Registry,
    resident: Number,
    descriptors: Number,
    most_descriptors: Number,
}

impl Process {
    /// The process begins now. Where there is no /proc there is nothing but that.
    pub(super) fn new() -> Self {
        let (resident, descriptors, most_descriptors) = (Number::default(), Number::default(), Number::default());
        let started = Number::default();
        #[allow(clippy::cast_precision_loss, reason = "seconds of this century fit a double")]
        started.set(Clock::system().now().as_second() as f64);
        let mut p = Registry::default();
        p.register("process_start_time_seconds", "When the process began, since 1970", started);
        if read().is_some() {
            p.register("process_resident_memory_bytes", "Memory of the process that is in use", resident.clone());
            p.register("process_open_fds", "Open descriptors", descriptors.clone());
            p.register("process_max_fds", "Most descriptors that may be open", most_descriptors.clone());
        }
        Self { registry: p, resident, descriptors, most_descriptors }
    }

    /// Looks again.
    pub(super) fn look(&self) {
        if let Some([resident, descriptors, most]) = read() {
            self.resident.set(resident);
            self.descriptors.set(descriptors);
            self.most_descriptors.set(most);
        }
    }
}

/// Bytes in memory, descriptors that are open, and how many may be.
fn read() -> Option<[f64; 3]> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes: f64 = word(&status, "VmRSS:")?.parse().ok()?;
    // The one by which the folder is read is among them.
    let open = u32::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()?.saturating_sub(1);
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let most = match word(&limits, "Max open files")? {
        "unlimited" => f64::INFINITY,
        number => number.parse().ok()?,
    };
    Some([kilobytes * 1024.0, f64::from(open), most])
}

/// The first word behind a name at the beginning of a line.
fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_and_descriptors_follow_what_the_process_does() {
        use super::read;
        let [memory, open, most] = read().expect("Linux tells");
        assert!(memory > 1_000_000.0 && memory < 1e12, "{memory}");
        assert!(open >= 3.0 && open <= most, "{open} of {most}");
        let held: Vec<_> = (0..50).map(|_| std::fs::File::open("/proc/self/status").expect("a file")).collect();
        // Other tests of this program open and close theirs meanwhile.
        assert!(read().expect("Linux tells")[1] >= open + 20.0);
        drop(held);
    }
}
