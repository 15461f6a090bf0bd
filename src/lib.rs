//! nightdesk: a rule-based chatbot and auto-responder daemon for online customer service.
pub mod cli;
pub mod clock;
pub mod decide;
pub mod diag;
pub mod engine;
pub mod hours;
pub mod lint;
pub mod matching;
pub mod message;
pub mod rehearsal;
pub mod rules;
pub mod shop;
pub mod template;
pub mod text;
pub mod yaml;
