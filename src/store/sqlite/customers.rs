//! What is kept of one customer, and how it goes: in time, or because the customer asks for it.
//!
//! A conversation takes its transcript, cases, ratings and timers with it. Decisions hold no words; what remains of them can no
//! longer be traced to anybody once their conversation has another name.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::millis;
use crate::store::{Erased, StoreError};

/// Deletes a batch of conversations that are with nobody and in which nothing happened since; answers how many.
///
/// Rows lie in the order in which they came, so none behind the first young one can be old, and no index on the time is needed.
/// One of the future, from a clock that was ahead, says nothing of those behind it.
pub(super) fn purge(db: &Connection, before: i64, now: i64, batch: i64) -> Result<usize, StoreError> {
    Ok(db
        .prepare_cached(
            "DELETE FROM conversations WHERE rowid IN (
                 SELECT rowid FROM conversations
                 WHERE rowid < coalesce((SELECT rowid FROM conversations WHERE created_at BETWEEN ?1 AND ?3
                                         ORDER BY rowid LIMIT 1),
                                        9223372036854775807)
                   AND updated_at < ?1 AND state NOT IN ('queued', 'human')
                 ORDER BY rowid LIMIT ?2)",
        )?
        .execute(params![before, batch, now])?)
}

/// Deletes a batch of decisions and of words that agents must not say, made before an instant; answers how many.
pub(super) fn purge_decisions(db: &Connection, before: i64, now: i64, batch: i64) -> Result<usize, StoreError> {
    let decisions = db
        .prepare_cached(
            "DELETE FROM decisions WHERE id IN (
                 SELECT id FROM decisions
                 WHERE id < coalesce((SELECT id FROM decisions WHERE at BETWEEN ?1 AND ?3 ORDER BY id LIMIT 1),
                                     9223372036854775807)
                   AND at < ?1
                 ORDER BY id LIMIT ?2)",
        )?
        .execute(params![before, batch, now])?;
    let wordings = db
        .prepare_cached(
            "DELETE FROM wordings WHERE id IN (SELECT id FROM wordings WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![before, batch])?;
    Ok(decisions + wordings)
}

/// Ids of a customer's conversations, the oldest first: on one channel, or on all of them.
pub(super) fn conversations(db: &Connection, customer: &str, channel: Option<&str>) -> Result<Vec<String>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT id FROM conversations WHERE customer = ?1 AND (?2 IS NULL OR channel = ?2) ORDER BY rowid",
    )?;
    let rows = query.query_map(params![customer, channel], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes all that is kept of conversations; the freed pages are overwritten.
///
/// One that is with people is refused unless `open`, with nothing deleted.
pub(super) fn erase(
    db: &Connection,
    conversations: &[String],
    open: bool,
    now: Timestamp,
) -> Result<Erased, StoreError> {
    db.pragma_update(None, "secure_delete", "ON")?;
    let mut erased = Erased::default();
    for (number, id) in conversations.iter().enumerate() {
        let row = db
            .query_row("SELECT channel, thread, state FROM conversations WHERE id = ?1", [id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })
            .optional()?;
        let Some((channel, thread, state)) = row else { continue };
        if !open && matches!(state.as_str(), "queued" | "human") {
            return Err(StoreError::Conflict);
        }
        let count = |sql: &str| -> Result<u64, StoreError> { Ok(db.prepare_cached(sql)?.execute([id])? as u64) };
        erased.messages += db
            .prepare_cached("SELECT count(*) FROM events WHERE conversation = ?1 AND kind = 'message'")?
            .query_row([id], |row| row.get::<_, i64>(0))?
            .unsigned_abs();
        erased.cases += count("DELETE FROM handoffs WHERE conversation = ?1")?;
        erased.deliveries += count("DELETE FROM outbox WHERE conversation = ?1")?;
        count("DELETE FROM seen WHERE conversation = ?1")?;
        erased.conversations += count("DELETE FROM conversations WHERE id = ?1")?;
        // The name of a conversation follows from the customer's: what reports count goes on under one that tells nothing.
        let nobody = format!("erased_{:x}_{number}", millis(now));
        for table in ["decisions", "wordings"] {
            db.prepare_cached(&format!("UPDATE {table} SET conversation = ?2 WHERE conversation = ?1"))?
                .execute(params![id, nobody])?;
        }
        db.prepare_cached(
            "DELETE FROM kept WHERE instr(key, ?1) > 0 OR value = ?1 OR (place = ?2 AND substr(key, -1 - length(?3)) = ':' || ?3)",
        )?
        .execute(params![id, channel, thread])?;
    }
    db.pragma_update(None, "secure_delete", "FAST")?;
    Ok(erased)
}
