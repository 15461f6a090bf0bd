//! The tables: every key of every file, with its meaning. The contract's keys first, additions after them.

mod calendars;
mod channel;
mod config;
mod conversations;
mod knowledge;

pub use calendars::{CALENDAR, CALENDAR_DAY};
pub use channel::CHANNEL;
pub use config::{
    ACCESS, CONFIG, LIMITS, MATCHING, NOTICES, PILOTS, PRIVACY, QUEUE, REPORT, ROUTE, SCHEDULE, STOP, SURVEY, TLS,
    WEBHOOK,
};
pub use conversations::{CONVERSATION, CONVERSATIONS_FILE, CUSTOMER, EXPECT, FETCHED, SEND, TURN};
pub use knowledge::{CONDITION, FAQ, FAQ_FILE, HANDOFF, RULE, RULES_FILE, SYNONYMS};
