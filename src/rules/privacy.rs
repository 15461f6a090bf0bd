//! `privacy:` of `nightdesk.yaml`: how long what customers wrote is kept.

use std::time::Duration;

use crate::yaml::Node;

use super::shape::duration;

const DAY: u64 = 24 * 3_600;

/// How long each kind of data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// A conversation with all that was said in it, its cases and ratings, from the last thing that happened in it. One that is with
    /// people stays until they have closed it.
    pub conversations: Duration,
    /// What was decided (never the words), and which words agents were held back from: what reports count.
    pub decisions: Duration,
}

impl Default for Retention {
    /// A year, and two.
    fn default() -> Self {
        Self { conversations: Duration::from_secs(365 * DAY), decisions: Duration::from_secs(730 * DAY) }
    }
}

impl Retention {
    /// Reads `privacy:`.
    pub(super) fn read(node: Option<&Node>) -> Self {
        let default = Self::default();
        let of = |key: &str| node.and_then(|node| node.get(key)).and_then(Node::text).and_then(duration);
        Self {
            conversations: of("keep_conversations").unwrap_or(default.conversations),
            decisions: of("keep_decisions").unwrap_or(default.decisions),
        }
    }
}
