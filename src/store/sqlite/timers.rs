//! When time alone has something to do, for each conversation.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::{limit, millis, time};
use crate::store::{StoreError, TimerRow};

/// Sets or removes a conversation's timer.
pub(super) fn put(db: &Connection, row: &TimerRow) -> Result<(), StoreError> {
    match row.at {
        Some(at) => db
            .prepare_cached(
                "INSERT INTO timers (conversation, at) VALUES (?1, ?2)
                 ON CONFLICT (conversation) DO UPDATE SET at = excluded.at",
            )?
            .execute(params![row.conversation, millis(at)])?,
        None => db.prepare_cached("DELETE FROM timers WHERE conversation = ?1")?.execute([&row.conversation])?,
    };
    Ok(())
}

/// The earliest timers, ascending.
pub(super) fn earliest(db: &Connection, rows: usize) -> Result<Vec<TimerRow>, StoreError> {
    let mut query = db.prepare_cached("SELECT conversation, at FROM timers ORDER BY at, conversation LIMIT ?1")?;
    let rows = query.query_map([limit(rows)], |row| {
        Ok(TimerRow { conversation: row.get("conversation")?, at: Some(time(row, "at")?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sets a timer for every conversation that is with people.
pub(super) fn set_all(db: &Connection, at: Timestamp) -> Result<u64, StoreError> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO timers (conversation, at)
         SELECT id, ?1 FROM conversations INDEXED BY conversations_with_people WHERE state IN ('queued', 'human')
         ON CONFLICT (conversation) DO UPDATE SET at = min(at, excluded.at)",
    )?;
    Ok(upsert.execute([millis(at)])? as u64)
}
