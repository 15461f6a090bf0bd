//! What channels remember between starts.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::columns::{maybe_time, millis};
use crate::store::{MarkRow, StoreError};

/// Those of a channel whose names begin so, by name.
pub(super) fn read(db: &Connection, channel: &str, prefix: &str) -> Result<Vec<MarkRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT channel, name, value, until FROM marks
         WHERE channel = ?1 AND name >= ?2 AND substr(name, 1, length(?2)) = ?2 ORDER BY name",
    )?;
    Ok(query.query_map([channel, prefix], mark)?.collect::<Result<_, _>>()?)
}

/// Sets one, in place of what had its name.
pub(super) fn put(db: &Connection, row: &MarkRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO marks (channel, name, value, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel, name) DO UPDATE SET value = excluded.value, until = excluded.until",
    )?
    .execute(params![row.channel, row.name, row.value, row.until.map(millis)])?;
    Ok(())
}

/// Forgets one; true if there was one.
pub(super) fn remove(db: &Connection, channel: &str, name: &str) -> Result<bool, StoreError> {
    let mut delete = db.prepare_cached("DELETE FROM marks WHERE channel = ?1 AND name = ?2")?;
    Ok(delete.execute([channel, name])? > 0)
}

/// Forgets what is of no use any more.
pub(super) fn purge(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM marks WHERE until < ?1")?.execute([millis(now)])?;
    Ok(())
}

fn mark(row: &Row<'_>) -> rusqlite::Result<MarkRow> {
    Ok(MarkRow {
        channel: row.get("channel")?,
        name: row.get("name")?,
        value: row.get("value")?,
        until: maybe_time(row, "until")?,
    })
}
