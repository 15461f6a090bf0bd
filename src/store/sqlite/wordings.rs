//! Words in agents' messages that must not be said.

use rusqlite::{Connection, params};

use super::columns::{limit, millis, time};
use crate::store::{DecisionFilter, StoreError, WordingRow};

/// Writes one.
pub(super) fn put(db: &Connection, row: &WordingRow) -> Result<(), StoreError> {
    let mut insert =
        db.prepare_cached("INSERT INTO wordings (at, agent, conversation, wording, sent) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![millis(row.at), row.agent, row.conversation, row.wording, row.sent])?;
    Ok(())
}

/// Those of a span of time, ascending by number.
pub(super) fn between(db: &Connection, filter: &DecisionFilter) -> Result<Vec<(i64, WordingRow)>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT id, at, agent, conversation, wording, sent FROM wordings
         WHERE at >= ?1 AND at < ?2 AND id > ?3 ORDER BY id LIMIT ?4",
    )?;
    let values = params![millis(filter.from), millis(filter.until), filter.after, limit(filter.limit)];
    let rows = query.query_map(values, |row| {
        let wording = WordingRow {
            at: time(row, "at")?,
            agent: row.get("agent")?,
            conversation: row.get("conversation")?,
            wording: row.get("wording")?,
            sent: row.get("sent")?,
        };
        Ok((row.get("id")?, wording))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
