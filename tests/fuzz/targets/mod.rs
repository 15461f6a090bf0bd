//! What is done with any bytes: one function for each way into the program that somebody else's bytes take.
//!
//! `make fuzz` runs each of them under libFuzzer (`tests/fuzz/fuzz_targets`); `tests/files/fuzzed.rs` runs the same functions over the
//! corpus, over everything that was ever found, and over some mutations, in every `make test`. A target ends in a panic if what it
//! is about does not hold.

mod bodies;
mod calendars;
mod core;
mod files;
mod folding;
mod frames;
mod message;
mod pack;
mod signatures;
mod templates;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;

/// What is done with some bytes.
pub type Target = fn(&[u8]);

/// All of them, each by the name of its folder in `corpus/` and `regress/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("bodies", bodies::target),
    ("calendars", calendars::target),
    ("files", files::target),
    ("folding", folding::target),
    ("frames", frames::target),
    ("message", message::target),
    ("signatures", signatures::target),
    ("templates", templates::target),
];

/// The directory of the starter pack.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().find(|dir| dir.join("nightdesk.yaml").exists()).unwrap().to_owned()
    })
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The first line, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The bytes of the first line as text, and the rest as they are.
fn first_bytes(data: &[u8]) -> (&str, &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (std::str::from_utf8(&data[..end]).unwrap_or_default(), data.get(end + 1..).unwrap_or_default())
}

/// Runs one target over some bytes.
///
/// # Panics
/// If what the target is about does not hold, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    target(data);
}
