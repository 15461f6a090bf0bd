//! Opening hours that people have set for a while.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::{millis, time};
use crate::store::{ForcedRow, StoreError};

/// Those that have not passed, by name of the schedule.
pub(super) fn read(db: &Connection, now: Timestamp) -> Result<Vec<ForcedRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT schedule, open, since, until, set_by FROM forced_hours WHERE until > ?1 ORDER BY schedule",
    )?;
    let rows = query.query_map([millis(now)], |row| {
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

/// Sets one in the place of what was set before.
pub(super) fn put(db: &Connection, row: &ForcedRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO forced_hours (schedule, open, since, until, set_by) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (schedule) DO UPDATE
         SET open = excluded.open, since = excluded.since, until = excluded.until, set_by = excluded.set_by",
    )?
    .execute(params![row.schedule, row.open, millis(row.since), millis(row.until), row.set_by])?;
    Ok(())
}

/// Takes back what was set; true if something was.
pub(super) fn remove(db: &Connection, schedule: &str) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("DELETE FROM forced_hours WHERE schedule = ?1")?.execute([schedule])? > 0)
}
