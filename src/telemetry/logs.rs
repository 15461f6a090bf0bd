//! The log: structured, on standard error, to text or JSON.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log. `level` is that of this program's own events; `NIGHTDESK_LOG` overrides it with a filter of its own.
pub fn init(format: LogFormat, level: tracing::Level, color: bool) {
    let filter =
        EnvFilter::try_from_env("NIGHTDESK_LOG").unwrap_or_else(|_| EnvFilter::new(format!("warn,nightdesk={level}")));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    // A second start within one process (tests) keeps the first log.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(color).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
}
