//! What is decided from files, without a daemon: `check`, opening hours, decisions, likeness; and the project's own files:
//! who may know whom, licences, and the pages with their examples.
//!
//! One program for all: each file here is one subject, and `cargo test --test files check` runs one of them.

mod check;
mod decisions;
mod fuzzed;
mod guide;
mod hostile_files;
mod hours;
mod import;
mod layers;
mod licences;
mod likeness;
mod linear;
mod packaging;
mod pilots;
#[path = "../shared/program.rs"]
mod program;
mod replay;
mod source;
mod suggest;
mod wording;
