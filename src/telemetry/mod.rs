//! What operation sees: metrics and logs. Never a word of a message, a name, a number or a secret.

mod logs;
mod metrics;
mod process;

pub use logs::{LogFormat, init};
pub use metrics::Metrics;
