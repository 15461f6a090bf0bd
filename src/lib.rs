//! nightdesk: a rule-based chatbot and auto-responder daemon for online customer service.
//!
//! Data flows one way: channel in → fold → match → decide → commit → deliver. Everything up to the decision is pure;
//! `docs/architecture.md` has the picture, and `tests/files/layers.rs` holds who may know whom.
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]
pub mod app;
pub mod certificate;
pub mod changes;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod decide;
pub mod diag;
pub mod engine;
pub mod handoff;
pub mod history;
pub mod hours;
pub mod hub;
pub mod import;
pub mod likeness;
pub mod lint;
pub mod lookup;
pub mod matching;
pub mod message;
pub mod modes;
pub mod pilots;
pub mod pipeline;
pub mod rehearsal;
pub mod reload;
pub mod replay;
pub mod report;
pub mod rules;
pub mod server;
pub mod shadow;
pub mod shop;
pub mod store;
pub mod suggest;
pub mod telemetry;
pub mod template;
pub mod text;
pub mod token;
pub mod weekly;
pub mod yaml;
