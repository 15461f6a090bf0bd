//! The doors: how messages come in and answers go out, one folder or file for each kind of channel.

mod problem;
pub mod webhook;
pub mod websocket;

pub use problem::Problem;
