//! Text as matching, display and logging need it: folding, languages, regional wordings, redaction.
//!
//! Owns everything that looks inside a character. Refuses to know rules, customers, files or the
//! network, and keeps no global state: [`Fold`] is built once and shared by `Arc`.
//!
//! What a message goes through: [`Fold::fold`] maps each character by itself and remembers where it
//! came from; [`Folded::squeezed`] then takes out the spaces and the copied pinyin that only get in
//! the way. Rules see the squeezed text; people are shown the original, by [`Folded::original_span`].

mod addresses;
mod fold;
mod han;
mod lang;
mod map;
mod numbers;
mod redact;
mod squeeze;
mod variants;
mod vocabulary;
mod words;

pub use fold::Fold;
pub use lang::{Lang, detect, fallback_chain, is_surely_simplified};
pub use map::Folded;
pub use redact::{Redacted, redact};
pub use variants::Variants;
pub use vocabulary::{Guess, Vocabulary, WORD, is_latin};
pub use words::{Content, classify, is_cjk, is_han, is_whole, key, needs_edge};
