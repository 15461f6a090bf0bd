//! The way to people's tools: signed webhooks, delivered at least once and in order within a conversation.
//!
//! Owns endpoints, payload formats, signatures and the workers that empty the outbox. Refuses to decide what is sent:
//! rows of the outbox are, and their bytes never change.

mod attempt;
mod endpoint;
mod format;
pub mod signing;
mod worker;

pub use attempt::{Answer, reason};
pub use endpoint::{Courier, Endpoint, masked_url};
pub use format::{Format, Payload};
pub use worker::{Deliverer, DeliveryError, DeliveryObserver};
