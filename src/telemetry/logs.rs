//! The log: structured, on standard error, to text or JSON. One event is one line, whatever stands in it: a name that somebody chose
//! cannot make a line of its own.

use std::io::{self, Write};

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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || OneLine { color })
        .with_span_events(FmtSpan::NONE);
    // A second start within one process (tests) keeps the first log.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(color).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
}

/// Standard error, an event at a time.
struct OneLine {
    /// Whether colours, which begin with an escape sign, are ours.
    color: bool,
}

impl Write for OneLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&one_line(bytes, self.color))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// An event, which comes whole and ends with its line's end, without line breaks and control signs inside.
fn one_line(event: &[u8], color: bool) -> Vec<u8> {
    let (event, end) = event.strip_suffix(b"\n").map_or((event, &b""[..]), |event| (event, &b"\n"[..]));
    let mut line = Vec::with_capacity(event.len() + end.len());
    for byte in event {
        match byte {
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            0x1b if color => line.push(*byte),
            b'\t' => line.push(*byte),
            _ if byte.is_ascii_control() => line.extend(format!("\\x{byte:02x}").bytes()),
            _ => line.push(*byte),
        }
    }
    line.extend(end);
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend(one_line(bytes, false));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_name_cannot_write_a_line_of_its_own() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let name = "anna\n2026-11-22T00:00:00Z ERROR forged\r\u{1b}[2Jx";
        tracing::subscriber::with_default(log, || {
            tracing::info!(shown = %name, quoted = name, debug = ?name, "It was taken by {name}.");
            tracing::info!("Next.");
        });
        let text = String::from_utf8(kept.0.lock().expect("whole").clone()).expect("words");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with("Next.\n") && text.contains("anna\\n2026-11-22"), "{text}");
        assert!(!text.contains(['\r', '\u{1b}']), "{text:?}");
    }

    #[test]
    fn colours_of_our_own_stay() {
        assert_eq!(one_line(b"\x1b[32mINFO\x1b[0m a\nb\n", true), b"\x1b[32mINFO\x1b[0m a\\nb\n");
        assert_eq!(one_line(b"a\tb", false), b"a\tb");
    }
}
