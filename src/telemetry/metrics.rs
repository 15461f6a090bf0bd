//! Figures for Prometheus: one method for each event. Labels come from closed sets only: rules, channels, queues, words.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::message::{Decision, Priority};
use crate::store::{EndpointStats, QueueStats};

use super::process::Process;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    channel: String,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabel {
    rule: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandoffLabels {
    queue: String,
    priority: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    endpoint: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyLabel {
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EscalationLabels {
    queue: String,
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScoreLabel {
    score: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HashLabel {
    hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WordingLabels {
    wording: String,
    sent: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PilotLabel {
    pilot: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FileLabel {
    file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScheduleLabel {
    schedule: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    system: &'static str,
    machine: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModeLabel {
    mode: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// All figures of a daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    process: Process,
    messages: Family<MessageLabels, Counter>,
    rules: Family<RuleLabel, Counter>,
    handoffs: Family<HandoffLabels, Counter>,
    escalations: Family<EscalationLabels, Counter>,
    surveys: Family<ScoreLabel, Counter>,
    wordings: Family<WordingLabels, Counter>,
    decide_seconds: Histogram,
    message_seconds: Histogram,
    deliveries: Family<DeliveryLabels, Counter>,
    delivery_seconds: Histogram,
    outbox_pending: Family<EndpointLabel, Gauge>,
    outbox_dead: Family<EndpointLabel, Gauge>,
    outbox_stopped: Family<EndpointLabel, Gauge>,
    outbox_oldest: Family<EndpointLabel, Seconds>,
    queue_waiting: Family<QueueLabel, Gauge>,
    queue_oldest: Family<QueueLabel, Seconds>,
    connections: Gauge<i64, AtomicI64>,
    sockets: Gauge<i64, AtomicI64>,
    held: Gauge<i64, AtomicI64>,
    refused: Family<WhyLabel, Counter>,
    reloads: Family<ResultLabel, Counter>,
    reload_ok: Gauge,
    reload_at: Seconds,
    rule_set: Family<HashLabel, Gauge>,
    pilots: Family<PilotLabel, Gauge>,
    candidate: Family<ModeLabel, Gauge>,
    shadow: Family<ResultLabel, Counter>,
    store_failures: Counter,
    certificate_days: Family<FileLabel, Seconds>,
    certificate_ok: Family<FileLabel, Gauge>,
    calendar_days: Family<ScheduleLabel, Seconds>,
    build: Family<BuildLabels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All figures at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("nightdesk"),
            process: Process::new(),
            messages: Family::default(),
            rules: Family::default(),
            handoffs: Family::default(),
            escalations: Family::default(),
            surveys: Family::default(),
            wordings: Family::default(),
            // 5 µs to 160 ms for the pure part, 100 µs to 50 s for what waits on disks and networks.
            decide_seconds: Histogram::new(exponential_buckets(0.000_005, 2.0, 16)),
            message_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            deliveries: Family::default(),
            delivery_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            outbox_pending: Family::default(),
            outbox_dead: Family::default(),
            outbox_stopped: Family::default(),
            outbox_oldest: Family::default(),
            queue_waiting: Family::default(),
            queue_oldest: Family::default(),
            connections: Gauge::default(),
            sockets: Gauge::default(),
            held: Gauge::default(),
            refused: Family::default(),
            reloads: Family::default(),
            reload_ok: Gauge::default(),
            reload_at: Seconds::default(),
            rule_set: Family::default(),
            pilots: Family::default(),
            candidate: Family::default(),
            shadow: Family::default(),
            store_failures: Counter::default(),
            certificate_days: Family::default(),
            certificate_ok: Family::default(),
            calendar_days: Family::default(),
            build: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("messages", "Messages of customers by what was decided", self.messages.clone());
        r.register("rule_hits", "Messages that a rule or entry decided", self.rules.clone());
        r.register("handoffs", "New hand-offs by queue and priority", self.handoffs.clone());
        r.register("escalations", "Warnings and escalations by queue and why", self.escalations.clone());
        r.register("survey", "Cases rated by their customers, by score", self.surveys.clone());
        r.register("wording", "Words of agents that must not be said, by wording", self.wordings.clone());
        r.register(
            "decide_seconds",
            "Time to decide one message, without disk and network",
            self.decide_seconds.clone(),
        );
        r.register("message_seconds", "Time from a message read to its commit", self.message_seconds.clone());
        r.register("deliveries", "Attempts to deliver by endpoint and outcome", self.deliveries.clone());
        r.register("delivery_seconds", "Time of one attempt to deliver", self.delivery_seconds.clone());
        r.register("outbox_pending", "Deliveries that wait", self.outbox_pending.clone());
        r.register("outbox_dead", "Deliveries given up", self.outbox_dead.clone());
        r.register("outbox_stopped", "1 for an endpoint that said it is gone", self.outbox_stopped.clone());
        r.register("outbox_oldest_seconds", "Age of the oldest delivery that waits", self.outbox_oldest.clone());
        r.register("queue_waiting", "Hand-offs that nobody has taken", self.queue_waiting.clone());
        r.register(
            "queue_oldest_seconds",
            "Age of the oldest hand-off that nobody has taken",
            self.queue_oldest.clone(),
        );
        r.register("connections", "Open connections", self.connections.clone());
        r.register("sockets", "Open chat sockets", self.sockets.clone());
        r.register("messages_held", "Messages that wait for the customer's next one", self.held.clone());
        r.register("refused", "Connections, frames and requests refused, by why", self.refused.clone());
        r.register("reloads", "Reloads of the files by result", self.reloads.clone());
        r.register("last_reload_successful", "1 if the files as they are now are in use", self.reload_ok.clone());
        r.register("last_reload_success_timestamp_seconds", "When the files in use were read", self.reload_at.clone());
        r.register("rule_set_info", "Hash of the files in use", self.rule_set.clone());
        r.register("pilot_stopped", "1 for a pilot that ended by itself, 0 for one that runs", self.pilots.clone());
        r.register("candidate_ok", "1 if the candidate as it is now is in use", self.candidate.clone());
        r.register(
            "shadow_messages",
            "Messages that a candidate decided in the shadow, by result",
            self.shadow.clone(),
        );
        r.register("store_failures", "Steps that the store refused", self.store_failures.clone());
        r.register(
            "certificate_days",
            "Days until the certificate of the port ends, below 0 after",
            self.certificate_days.clone(),
        );
        r.register(
            "certificate_ok",
            "1 if the certificate on disk is the one in use, 0 if it cannot be used",
            self.certificate_ok.clone(),
        );
        r.register(
            "calendar_days",
            "Days for which the calendars of a schedule still know the holidays",
            self.calendar_days.clone(),
        );
        r.register("build_info", "Which program it is", self.build.clone());
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        self.build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION"), system, machine }).set(1);
    }

    /// For how many more days the calendars of each schedule know the holidays; read when somebody asks.
    pub fn calendars<'a>(&self, schedules: impl Iterator<Item = (&'a str, f64)>) {
        self.calendar_days.clear();
        for (schedule, days) in schedules {
            self.calendar_days.get_or_create(&ScheduleLabel { schedule: schedule.to_owned() }).set(days);
        }
    }

    /// A message was decided.
    pub fn decided(&self, channel: &str, decision: &Decision) {
        let labels = MessageLabels {
            channel: channel.to_owned(),
            outcome: decision.outcome.as_str(),
            reason: decision.reason.as_str(),
        };
        self.messages.get_or_create(&labels).inc();
        if let Some(rule) = &decision.rule {
            self.rules.get_or_create(&RuleLabel { rule: rule.clone() }).inc();
        }
    }

    /// A message got no decision of its own: it was a duplicate, or one too many.
    pub fn undecided(&self, channel: &str, outcome: &'static str, reason: &'static str) {
        self.messages.get_or_create(&MessageLabels { channel: channel.to_owned(), outcome, reason }).inc();
    }

    /// How long a decision took.
    pub fn decide_took(&self, time: Duration) {
        self.decide_seconds.observe(time.as_secs_f64());
    }

    /// How long a message took until it was on disk.
    pub fn message_took(&self, time: Duration) {
        self.message_seconds.observe(time.as_secs_f64());
    }

    /// A case went to a queue.
    pub fn handed_off(&self, queue: &str, priority: Priority) {
        self.handoffs.get_or_create(&HandoffLabels { queue: queue.to_owned(), priority: priority.as_str() }).inc();
    }

    /// A queue was warned of a case, or got one whose target passed. `why` is a fixed word.
    pub fn escalated(&self, queue: &str, why: &'static str) {
        self.escalations.get_or_create(&EscalationLabels { queue: queue.to_owned(), why }).inc();
    }

    /// A customer told how a case was, from 1 to 5.
    pub fn rated(&self, score: u8) {
        self.surveys.get_or_create(&ScoreLabel { score }).inc();
    }

    /// An agent's message held words that must not be said; it was sent or held back.
    pub fn wording(&self, wording: &str, sent: bool) {
        let sent = if sent { "true" } else { "false" };
        self.wordings.get_or_create(&WordingLabels { wording: wording.to_owned(), sent }).inc();
    }

    /// One attempt to deliver ended.
    pub fn delivery(&self, endpoint: &str, outcome: &str, seconds: f64) {
        self.deliveries
            .get_or_create(&DeliveryLabels { endpoint: endpoint.to_owned(), outcome: outcome.to_owned() })
            .inc();
        self.delivery_seconds.observe(seconds);
    }

    /// The number of open connections.
    pub fn connection(&self, opened: bool) {
        if opened {
            self.connections.inc()
        } else {
            self.connections.dec()
        };
    }

    /// The number of open chat sockets.
    pub fn socket(&self, opened: bool) {
        if opened {
            self.sockets.inc()
        } else {
            self.sockets.dec()
        };
    }

    /// The number of messages that wait for the customer's next one.
    pub fn held(&self, waits: bool) {
        if waits {
            self.held.inc()
        } else {
            self.held.dec()
        };
    }

    /// Something was refused. `why` is a fixed word.
    pub fn refused(&self, why: &'static str) {
        self.refused.get_or_create(&WhyLabel { why }).inc();
    }

    /// The store refused a step.
    pub fn store_failed(&self) {
        self.store_failures.inc();
    }

    /// The certificate of the port was looked at. `ok` tells whether the one on disk is the one in use.
    pub fn certificate(&self, file: &str, days: f64, ok: bool) {
        self.certificate_days.clear();
        self.certificate_ok.clear();
        let label = FileLabel { file: file.to_owned() };
        self.certificate_days.get_or_create(&label).set(days);
        self.certificate_ok.get_or_create(&label).set(i64::from(ok));
    }

    /// The files were read and are in use.
    pub fn reloaded(&self, hash: &str, at: jiff::Timestamp) {
        self.reloads.get_or_create(&ResultLabel { result: "ok" }).inc();
        self.reload_ok.set(1);
        #[allow(clippy::cast_precision_loss, reason = "seconds of this century fit a double")]
        self.reload_at.set(at.as_second() as f64);
        self.rule_set.clear();
        self.rule_set.get_or_create(&HashLabel { hash: hash.to_owned() }).set(1);
    }

    /// The files have errors; the last good ones stay in use.
    pub fn reload_failed(&self) {
        self.reloads.get_or_create(&ResultLabel { result: "failed" }).inc();
        self.reload_ok.set(0);
    }

    /// The pilots of the files in use, and whether they ended by themselves.
    pub fn pilots<'a>(&self, pilots: impl Iterator<Item = (&'a str, bool)>) {
        self.pilots.clear();
        for (pilot, stopped) in pilots {
            self.pilots.get_or_create(&PilotLabel { pilot: pilot.to_owned() }).set(i64::from(stopped));
        }
    }

    /// The candidate was read, for a share of the customers or for the shadow; it is in use as it is now, or has errors.
    pub fn candidate(&self, share: bool, ok: bool) {
        let mode = if share { "share" } else { "shadow" };
        self.candidate.get_or_create(&ModeLabel { mode }).set(i64::from(ok));
    }

    /// A message was shown to a candidate in the shadow. `result` is a fixed word.
    pub fn shadow(&self, result: &'static str) {
        self.shadow.get_or_create(&ResultLabel { result }).inc();
    }

    /// Depths and ages, read from the store when somebody asks.
    pub fn stores(&self, outbox: &[EndpointStats], queues: &[QueueStats], now: jiff::Timestamp) {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let age = |at: jiff::Timestamp| now.duration_since(at).as_secs_f64().max(0.0);
        self.outbox_pending.clear();
        self.outbox_dead.clear();
        self.outbox_stopped.clear();
        self.outbox_oldest.clear();
        for stats in outbox {
            let label = EndpointLabel { endpoint: stats.endpoint.clone() };
            self.outbox_pending.get_or_create(&label).set(count(stats.pending));
            self.outbox_dead.get_or_create(&label).set(count(stats.dead));
            self.outbox_stopped.get_or_create(&label).set(i64::from(stats.stopped));
            self.outbox_oldest.get_or_create(&label).set(stats.oldest.map_or(0.0, age));
        }
        self.queue_waiting.clear();
        self.queue_oldest.clear();
        for stats in queues {
            let label = QueueLabel { queue: stats.queue.clone() };
            self.queue_waiting.get_or_create(&label).set(count(stats.queued));
            self.queue_oldest.get_or_create(&label).set(age(stats.oldest));
        }
    }

    /// The figures in OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        self.process.look();
        let _ = encode_registry(&mut out, &self.registry)
            .and_then(|()| encode_registry(&mut out, &self.process.registry))
            .and_then(|()| encode_eof(&mut out));
        out
    }
}
