//! Opening hours that people have set for a while.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::{millis, time};
use crate::store::{ForcedRow, StoreError};

/// Those that end after a time, by name of the schedule and then by their beginning.
pub(super) fn read(db: &Connection, after: Timestamp) -> Result<Vec<ForcedRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT schedule, open, since, until, set_by FROM forced_hours WHERE until > ?1 ORDER BY schedule, since",
    )?;
    let rows = query.query_map([millis(after)], |row| {
        Ok(ForcedRow {
            schedule: row.get("schedule")?,
            open: row.get("open")?,
            since: time(row, "since")?,
            until: time(row, "until")?,
            set_by: row.get("set_by")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sets one from its beginning on; what was set before ends there. What ended before `forgotten` is deleted.
pub(super) fn put(db: &Connection, row: &ForcedRow, forgotten: Timestamp) -> Result<(), StoreError> {
    end(db, &row.schedule, row.since)?;
    db.prepare_cached("DELETE FROM forced_hours WHERE until < ?1")?.execute([millis(forgotten)])?;
    db.prepare_cached(
        "INSERT INTO forced_hours (schedule, open, since, until, set_by) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (schedule, since) DO UPDATE
         SET open = excluded.open, until = excluded.until, set_by = excluded.set_by",
    )?
    .execute(params![row.schedule, row.open, millis(row.since), millis(row.until), row.set_by])?;
    Ok(())
}

/// Ends what is set; true if something was.
pub(super) fn end(db: &Connection, schedule: &str, at: Timestamp) -> Result<bool, StoreError> {
    let mut update = db.prepare_cached("UPDATE forced_hours SET until = ?2 WHERE schedule = ?1 AND until > ?2")?;
    Ok(update.execute(params![schedule, millis(at)])? > 0)
}
