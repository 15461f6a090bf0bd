//! Conversation tests: what operations wrote below `tests/conversations/`, played on a virtual clock against the one engine.

mod compare;
mod happened;
pub mod labelled;
mod play;
mod script;

pub use compare::Difference;
pub use play::{Played, Stage, Turn, play};
pub use script::{Conversation, Expectation, Step, Word, read};
