//! Small things that outlive a restart and belong to no transcript.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{maybe_time, millis};
use crate::store::{KeptRow, StoreError};

/// What is kept under a key, unless its time has passed.
pub(super) fn one(db: &Connection, place: &str, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT value FROM kept WHERE place = ?1 AND key = ?2 AND (until IS NULL OR until > ?3)")?;
    Ok(query.query_row(params![place, key, millis(now)], |row| row.get(0)).optional()?)
}

/// What is kept in a place under keys that begin so, by key.
pub(super) fn all(db: &Connection, place: &str, prefix: &str) -> Result<Vec<KeptRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT place, key, value, until FROM kept
         WHERE place = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 ORDER BY key",
    )?;
    Ok(query.query_map([place, prefix], kept)?.collect::<Result<_, _>>()?)
}

/// Keeps all of them in place of what was there.
pub(super) fn put(db: &Connection, rows: &[KeptRow]) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO kept (place, key, value, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (place, key) DO UPDATE SET value = excluded.value, until = excluded.until",
    )?;
    for row in rows {
        upsert.execute(params![row.place, row.key, row.value, row.until.map(millis)])?;
    }
    Ok(())
}

/// Forgets one; true if there was one.
pub(super) fn remove(db: &Connection, place: &str, key: &str) -> Result<bool, StoreError> {
    let mut delete = db.prepare_cached("DELETE FROM kept WHERE place = ?1 AND key = ?2")?;
    Ok(delete.execute([place, key])? > 0)
}

/// Forgets what has had its time.
pub(super) fn purge(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM kept WHERE until <= ?1")?.execute([millis(now)])?;
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptRow> {
    Ok(KeptRow {
        place: row.get("place")?,
        key: row.get("key")?,
        value: row.get("value")?,
        until: maybe_time(row, "until")?,
    })
}
