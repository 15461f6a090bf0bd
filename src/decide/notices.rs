//! What is said besides answers, and how often: the closed notice once per conversation, notice and closed period.

use jiff::{SignedDuration, Timestamp};

use crate::message::Conversation;
use crate::modes::Mode;

use super::knowledge::Queue;

/// How long a given notice is remembered: longer than the longest holiday.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The key of the closed notice: the period that ends with the next opening of the queue. When a calendar is mended and the
/// opening moves, it is another period, and the customer hears the truth.
#[must_use]
pub fn closed_key(queue: &Queue, now: Timestamp) -> String {
    match queue.schedule.next_open(now) {
        Some(at) => format!("closed until {at}"),
        None => "closed".to_owned(),
    }
}

/// The key of the notice of a special mode: the time for which it has been on without a break.
#[must_use]
pub fn mode_key(mode: Mode, since: Timestamp) -> String {
    format!("{mode} since {since}")
}

/// When a notice was given, if it was.
#[must_use]
pub fn given_at(conversation: &Conversation, key: &str) -> Option<Timestamp> {
    conversation.notices.get(key).copied()
}

/// Remembers that a notice was given, and forgets those of long ago.
pub fn remember(conversation: &mut Conversation, key: String, now: Timestamp) {
    conversation.notices.retain(|_, at| now.duration_since(*at) < REMEMBERED);
    conversation.notices.insert(key, now);
}
