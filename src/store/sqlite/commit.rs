//! What one step writes: conversation, events, seen id, deliveries, hand-offs, decision, survey.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, params};

use super::columns::{int, limit, millis};
use super::{customers, kept, outbox, surveys, timers, wordings};
use crate::store::{
    Commit, ConversationRow, DecisionRow, EventRow, HandoffRow, PurgeLimits, Purged, SeenRow, StoreError,
};

/// Writes all of a commit; on an error the caller undoes what was written so far.
pub(super) fn commit(db: &Connection, commit: &Commit) -> Result<(), StoreError> {
    // First, so that of two deliveries of one message the second learns that it is a duplicate and not a conflict.
    if let Some(seen) = &commit.seen {
        put_seen(db, seen)?;
    }
    if let Some(conversation) = &commit.conversation {
        put_conversation(db, conversation, commit.expected_version)?;
    }
    for event in &commit.events {
        put_event(db, event)?;
    }
    for delivery in &commit.outbox {
        outbox::insert(db, delivery)?;
    }
    for handoff in &commit.handoffs {
        put_handoff(db, handoff)?;
    }
    if let Some(decision) = &commit.decision {
        put_decision(db, decision)?;
    }
    if let Some(survey) = &commit.survey {
        surveys::put(db, survey)?;
    }
    if let Some(timer) = &commit.timer {
        timers::put(db, timer)?;
    }
    for wording in &commit.wordings {
        wordings::put(db, wording)?;
    }
    if !commit.kept.is_empty() {
        kept::put(db, &commit.kept)?;
    }
    Ok(())
}

fn put_seen(db: &Connection, row: &SeenRow) -> Result<(), StoreError> {
    let key = &row.key;
    let mut insert = db.prepare_cached(
        "INSERT INTO seen (channel, account, sender, id, conversation, message, seq, at, response)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let values = params![
        key.channel,
        key.account,
        key.sender,
        key.id,
        row.conversation,
        row.message,
        int(row.seq),
        millis(row.at),
        row.response
    ];
    insert.execute(values).map_err(|error| if_taken(error, StoreError::Duplicate))?;
    Ok(())
}

fn put_conversation(db: &Connection, row: &ConversationRow, expected: Option<u64>) -> Result<(), StoreError> {
    let changed = match expected {
        None => {
            let mut insert = db.prepare_cached(
                "INSERT INTO conversations (id, channel, thread, customer, state, version, seq, queue, priority, language,
                                            created_at, updated_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            let values = params![
                row.id,
                row.channel,
                row.thread,
                row.customer,
                row.state,
                int(row.seq),
                row.queue,
                row.priority,
                row.language,
                millis(row.created_at),
                millis(row.updated_at),
                row.body
            ];
            insert.execute(values).map_err(|error| if_taken(error, StoreError::Conflict))?
        }
        Some(version) => {
            let mut update = db.prepare_cached(
                "UPDATE conversations SET customer = ?1, state = ?2, version = version + 1, seq = ?3, queue = ?4,
                                          priority = ?5, language = ?6, updated_at = ?7, body = ?8
                 WHERE id = ?9 AND version = ?10",
            )?;
            let values = params![
                row.customer,
                row.state,
                int(row.seq),
                row.queue,
                row.priority,
                row.language,
                millis(row.updated_at),
                row.body,
                row.id,
                int(version)
            ];
            update.execute(values)?
        }
    };
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

fn put_event(db: &Connection, row: &EventRow) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO events (conversation, seq, at, kind, role, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let values = params![row.conversation, int(row.seq), millis(row.at), row.kind, row.role, row.body];
    insert.execute(values).map_err(|error| if_taken(error, StoreError::Conflict))?;
    Ok(())
}

fn put_handoff(db: &Connection, row: &HandoffRow) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO handoffs (id, conversation, channel, queue, priority, reason, state, message, created_at, taken_at,
                               taken_by, ended_at, deadline)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, priority = excluded.priority, reason = excluded.reason,
             state = excluded.state, message = excluded.message, taken_at = excluded.taken_at,
             taken_by = excluded.taken_by, ended_at = excluded.ended_at, deadline = excluded.deadline",
    )?;
    upsert.execute(params![
        row.id,
        row.conversation,
        row.channel,
        row.queue,
        row.priority,
        row.reason,
        row.state,
        row.message,
        millis(row.created_at),
        row.taken_at.map(millis),
        row.taken_by,
        row.ended_at.map(millis),
        row.deadline.map(millis)
    ])?;
    Ok(())
}

fn put_decision(db: &Connection, row: &DecisionRow) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO decisions (conversation, seq, at, channel, outcome, reason, rule, queue, score, language, rule_set,
                                pilots)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    insert.execute(params![
        row.conversation,
        int(row.seq),
        millis(row.at),
        row.channel,
        row.outcome,
        row.reason,
        row.rule,
        row.queue,
        row.score,
        row.language,
        row.rule_set,
        row.pilots
    ])?;
    Ok(())
}

/// Deletes one batch of each kind of what is too old.
pub(super) fn purge(db: &Connection, now: Timestamp, limits: &PurgeLimits) -> Result<Purged, StoreError> {
    let before = |age: Duration| {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        millis(now).saturating_sub(age)
    };
    let batch = limit(limits.batch);
    // Rows lie in the order in which they came, so none behind the first young one is old, and no index on the time is needed. One of
    // the future, from a clock that was ahead, says nothing of those behind it.
    let seen = db
        .prepare_cached(
            "DELETE FROM seen WHERE rowid IN (
                 SELECT rowid FROM seen
                 WHERE rowid < coalesce((SELECT rowid FROM seen WHERE at BETWEEN ?1 AND ?3 ORDER BY rowid LIMIT 1),
                                        9223372036854775807)
                   AND at < ?1
                 ORDER BY rowid LIMIT ?2)",
        )?
        .execute(params![before(limits.seen), batch, millis(now)])?;
    kept::purge(db, now)?;
    let old = before(limits.conversations);
    let deliveries = outbox::purge(db, before(limits.delivered), old, batch)?;
    let conversations = customers::purge(db, old, millis(now), batch)?;
    let decisions = customers::purge_decisions(db, before(limits.decisions), millis(now), batch)?;
    let counts = [seen, deliveries, conversations, decisions];
    let [seen, deliveries, conversations, decisions] = counts.map(|count| count as u64);
    let more = limits.batch > 0 && counts.iter().any(|count| *count >= limits.batch);
    Ok(Purged { seen, deliveries, conversations, decisions, more })
}

/// Gives `meaning` to a violated key; other errors stay what they are.
fn if_taken(error: rusqlite::Error, meaning: StoreError) -> StoreError {
    let taken = matches!(
        &error,
        rusqlite::Error::SqliteFailure(cause, _)
            if cause.code == ErrorCode::ConstraintViolation
                && matches!(
                    cause.extended_code,
                    rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                )
    );
    if taken { meaning } else { error.into() }
}
