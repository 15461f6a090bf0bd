//! The rows that go through a store: plain values with public fields.
//!
//! Times are kept in whole milliseconds; finer parts are cut off. `body` texts are JSON that the store does
//! not look into. Words such as a state are those that `message` and the contract use.

mod commit;
mod conversation;
mod decision;
mod handoff;
mod outbox;
mod purge;

pub use commit::Commit;
pub use conversation::{ConversationFilter, ConversationRow, EventRow, KeptRow, SeenKey, SeenRow, TalkRow, TimerRow};
pub use decision::{
    DecisionFilter, DecisionRow, HitPage, HitRow, SurveyFilter, SurveyRow, TallyRow, UnmatchedRow, WordingRow,
};
pub use handoff::{CaseRow, ForcedRow, HandoffFilter, HandoffRow, QueueStats, handoff_state};
pub use outbox::{
    AttemptResult, AttemptRow, DeliveryFilter, EndpointRow, EndpointStats, NewDelivery, OutboxRow, Selection,
    delivery_state,
};
pub use purge::{Erased, PurgeLimits, Purged};
