//! The running daemon, as customers, platforms, agents and operators meet it: real sockets, real files, real processes.
//!
//! One program for all: each file here is one subject, and `cargo test --test daemon kill` runs one of them.

mod attackers;
mod backup;
mod chat_people;
mod chat_socket;
mod cli;
mod common;
mod console;
mod delivery;
mod desks;
mod editors;
mod escalation;
mod export;
mod forced_hours;
mod history;
mod hostile;
mod inbound;
mod interleavings;
mod kill;
mod languages;
mod lessons;
mod line;
mod lookups;
mod mail;
mod mail_manners;
mod meta;
mod notices;
mod operation;
mod parcels;
mod privacy;
mod profiles;
mod reload;
mod report;
mod signatures;
mod store;
mod story;
mod survey;
mod telegram;
mod together;
mod transfer;
mod wechat;
mod wecom_kf;
mod weibo;
mod wording;
