//! The way to people's tools: signed webhooks, delivered at least once and in order within a conversation.
//!
//! Owns endpoints, formats, signatures and the workers that empty the outbox. Refuses to decide what is told: rows of the
//! outbox are, and their bytes never change; for people they are put into words when they are sent.

mod attempt;
mod endpoint;
mod format;
mod note;
mod robot;
pub mod signing;
mod test_message;
mod worker;

pub use attempt::{Answer, reason, retry_after};
pub use endpoint::{Courier, Endpoint, People, masked_url};
pub use format::Format;
pub use test_message::{Tried, try_out};
pub use worker::{Deliverer, DeliveryError, DeliveryObserver};
