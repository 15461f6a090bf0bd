//! The running daemon, as customers, platforms, agents and operators meet it: real sockets, real files, real processes.
//!
//! One program for all: each file here is one subject, and `cargo test --test daemon kill` runs one of them.

mod chat_people;
mod chat_socket;
mod cli;
mod common;
mod console;
mod delivery;
mod escalation;
mod forced_hours;
mod hostile;
mod inbound;
mod interleavings;
mod kill;
mod languages;
mod lessons;
mod lookups;
mod mail;
mod mail_manners;
mod notices;
mod operation;
mod reload;
mod signatures;
mod store;
mod story;
mod survey;
mod together;
mod transfer;
mod wechat;
mod wording;
