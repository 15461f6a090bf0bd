//! Recorded messages, decided again: what would have become of them with other files.
//!
//! Pure, and the same on any number of threads: conversations are played one by one, each by itself. Owns the form of an export's
//! lines, what is masked in them, the playing and the comparison. Refuses to read stores and files, and to ask anybody outside.

mod compare;
mod line;
mod play;
mod shadow;

pub use compare::{Before, Change, Difference, changes, differences};
pub use line::{Act, By, Line, Message, Person, Said, Was, masked};
pub use play::{Decided, play};
pub use shadow::{Sample, Shadowed, Totals};
