//! What the tests share: a shop's files, the daemon (in this process or as a real one), a chat client, a receiver of
//! webhooks. Everything is real: files, sockets, processes; only the clock may be turned.

pub mod api;
pub mod carriers;
pub mod client;
pub mod daemon;
pub mod desks;
pub mod erp;
pub mod foreign;
pub mod group;
pub mod kf;
pub mod mail;
pub mod platform;
pub mod receiver;
pub mod shop;
pub mod transcript;
pub mod wechat;

use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time that a test waits for something that should be there at once.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until there is an answer; panics with `what` when there is none in time.
pub async fn wait_for<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A text of a JSON value, by pointer: `str_at(&frame, "/data/text")`. Panics with the whole value when it is missing.
#[track_caller]
pub fn str_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("there is no text at {pointer} of {value:#}"))
}
