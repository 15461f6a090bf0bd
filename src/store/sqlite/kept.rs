//! Small things that outlive a restart and belong to no transcript.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::millis;
use crate::store::{KeptRow, StoreError};

/// What is kept under a key, unless its time has passed.
pub(super) fn read(db: &Connection, place: &str, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT value FROM kept WHERE place = ?1 AND key = ?2 AND (until IS NULL OR until > ?3)")?;
    Ok(query.query_row(params![place, key, millis(now)], |row| row.get(0)).optional()?)
}

/// Keeps all of them in place of what was there, and deletes what has had its time.
pub(super) fn put(db: &Connection, rows: &[KeptRow], now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM kept WHERE until <= ?1")?.execute([millis(now)])?;
    let mut upsert = db.prepare_cached(
        "INSERT INTO kept (place, key, value, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (place, key) DO UPDATE SET value = excluded.value, until = excluded.until",
    )?;
    for row in rows {
        upsert.execute(params![row.place, row.key, row.value, row.until.map(millis)])?;
    }
    Ok(())
}
