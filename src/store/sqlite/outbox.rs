//! The outbox: lines of deliveries, one for each endpoint and conversation, of which only the head may be sent.
//!
//! Every change keeps this: the oldest pending row of a line has `head` = 1, all others 0.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{limit, maybe_number, maybe_time, millis, number, time};
use crate::store::{
    AttemptResult, AttemptRow, DeliveryFilter, EndpointRow, EndpointStats, NewDelivery, OutboxRow, Selection,
    StoreError, delivery_state,
};

/// Reads [`OutboxRow`]s by `collect`; the first part says by which index, where the planner would choose another.
macro_rules! rows {
    ($index:literal, $rest:literal) => {
        concat!(
            "SELECT o.id, o.webhook_id, o.endpoint, o.url, o.conversation, o.kind, b.body, o.created_at, o.next_try_at,
                    o.attempts, o.state, o.last_status, o.last_error, o.finished_at
             FROM outbox o ",
            $index,
            " JOIN outbox_bodies b ON b.id = o.id ",
            $rest
        )
    };
}

/// Adds a delivery to the end of its line.
pub(super) fn insert(db: &Connection, row: &NewDelivery) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO outbox (webhook_id, endpoint, url, conversation, kind, created_at, next_try_at, head)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, NOT EXISTS
             (SELECT 1 FROM outbox WHERE state = 'pending' AND endpoint = ?2 AND conversation = ?4))",
    )?
    .execute(params![
        row.webhook_id,
        row.endpoint,
        row.url,
        row.conversation,
        row.kind,
        millis(row.created_at)
    ])?;
    db.prepare_cached("INSERT INTO outbox_bodies (id, body) VALUES (?1, ?2)")?
        .execute(params![db.last_insert_rowid(), row.body])?;
    Ok(())
}

/// Writes down what an attempt came to.
pub(super) fn record(db: &Connection, attempt: &AttemptRow) -> Result<(), StoreError> {
    let at = millis(attempt.at);
    match &attempt.result {
        AttemptResult::Delivered { status } => {
            // Whatever a person decided meanwhile: the receiver has it.
            let mut update = db.prepare_cached(
                "UPDATE outbox SET state = 'delivered', head = 0, attempts = attempts + 1, last_status = ?2,
                                   last_error = NULL, finished_at = ?3
                 WHERE id = ?1 AND state <> 'delivered' RETURNING endpoint, conversation",
            )?;
            let line = update.query_row(params![attempt.id, status, at], line).optional()?;
            promote(db, line)
        }
        AttemptResult::Retry { at: next, status, error } => {
            let mut update = db.prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, next_try_at = ?2, last_status = ?3, last_error = ?4
                 WHERE id = ?1 AND state = 'pending'",
            )?;
            update.execute(params![attempt.id, millis(*next), status, error])?;
            Ok(())
        }
        AttemptResult::Dead { status, error } => bury(db, attempt.id, *status, error, at),
        AttemptResult::EndpointGone { status, error, url_hash } => {
            let name: Option<String> = db
                .prepare_cached("SELECT endpoint FROM outbox WHERE id = ?1")?
                .query_row([attempt.id], |row| row.get(0))
                .optional()?;
            if let Some(name) = name {
                stop(db, &name, url_hash, error, at)?;
            }
            bury(db, attempt.id, Some(*status), error, at)
        }
    }
}

fn bury(db: &Connection, id: i64, status: Option<u16>, error: &str, at: i64) -> Result<(), StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE outbox SET state = 'dead', head = 0, attempts = attempts + 1, last_status = ?2, last_error = ?3,
                           finished_at = ?4
         WHERE id = ?1 AND state = 'pending' RETURNING endpoint, conversation",
    )?;
    let line = update.query_row(params![id, status, error, at], line).optional()?;
    promote(db, line)
}

/// Makes deliveries due now; answers how many.
pub(super) fn retry(db: &Connection, ids: &[i64], now: i64) -> Result<u64, StoreError> {
    let mut revive = db.prepare_cached(
        "UPDATE outbox SET attempts = CASE state WHEN 'pending' THEN attempts ELSE 0 END, state = 'pending', head = 0,
                           next_try_at = ?2, finished_at = NULL
         WHERE id = ?1 AND state IN ('pending', 'dead', 'dropped') RETURNING endpoint, conversation",
    )?;
    let mut demote = db.prepare_cached(
        "UPDATE outbox SET head = 0 WHERE state = 'pending' AND head = 1 AND endpoint = ?1 AND conversation = ?2",
    )?;
    let mut count = 0;
    for id in ids {
        let Some(line) = revive.query_row(params![id, now], line).optional()? else { continue };
        // It may be older than the present head.
        demote.execute(params![line.0, line.1])?;
        promote(db, Some(line))?;
        count += 1;
    }
    Ok(count)
}

/// Gives deliveries up; answers how many.
pub(super) fn drop_all(db: &Connection, ids: &[i64], now: i64) -> Result<u64, StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE outbox SET state = 'dropped', head = 0, finished_at = ?2
         WHERE id = ?1 AND state IN ('pending', 'dead') RETURNING endpoint, conversation",
    )?;
    let mut count = 0;
    for id in ids {
        if let Some(line) = update.query_row(params![id, now], line).optional()? {
            promote(db, Some(line))?;
            count += 1;
        }
    }
    Ok(count)
}

/// The line that a row belongs to: endpoint and conversation.
fn line(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Marks the oldest pending row of a line as its head, after another row left the line.
fn promote(db: &Connection, line: Option<(String, String)>) -> Result<(), StoreError> {
    if let Some((endpoint, conversation)) = line {
        db.prepare_cached(
            "UPDATE outbox SET head = 1 WHERE head = 0 AND id =
                 (SELECT min(id) FROM outbox WHERE state = 'pending' AND endpoint = ?1 AND conversation = ?2)",
        )?
        .execute(params![endpoint, conversation])?;
    }
    Ok(())
}

/// Deletes a batch of what was finished before an instant, and one of what is dead and was made before another; answers how many.
pub(super) fn purge(db: &Connection, before: i64, dead_before: i64, batch: i64) -> Result<usize, StoreError> {
    let done = db
        .prepare_cached(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
                 WHERE state IN ('delivered', 'dropped') AND finished_at < ?1 ORDER BY finished_at LIMIT ?2)",
        )?
        .execute(params![before, batch])?;
    let dead = db
        .prepare_cached(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox INDEXED BY outbox_dead
                 WHERE state = 'dead' AND created_at < ?1 LIMIT ?2)",
        )?
        .execute(params![dead_before, batch])?;
    Ok(done + dead)
}

/// Holds an endpoint back.
pub(super) fn stop(db: &Connection, name: &str, url_hash: &str, reason: &str, at: i64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO endpoints (name, url_hash, stopped_at, reason) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET url_hash = excluded.url_hash, reason = excluded.reason,
             stopped_at = coalesce(stopped_at, excluded.stopped_at)",
    )?
    .execute(params![name, url_hash, at, reason])?;
    Ok(())
}

/// Lets an endpoint go on; true if it was stopped.
pub(super) fn resume(db: &Connection, name: &str) -> Result<bool, StoreError> {
    let mut update =
        db.prepare_cached("UPDATE endpoints SET stopped_at = NULL WHERE name = ?1 AND stopped_at IS NOT NULL")?;
    Ok(update.execute([name])? > 0)
}

/// The heads whose time has come.
pub(super) fn due(db: &Connection, endpoint: &str, now: i64, rows: usize) -> Result<Vec<OutboxRow>, StoreError> {
    collect(
        db,
        rows!(
            "",
            "WHERE o.state = 'pending' AND o.head = 1 AND o.endpoint = ?1 AND o.next_try_at <= ?2
               AND NOT EXISTS (SELECT 1 FROM endpoints WHERE name = ?1 AND stopped_at IS NOT NULL)
             ORDER BY o.next_try_at, o.id LIMIT ?3"
        ),
        params![endpoint, now, limit(rows)],
    )
}

/// The lines whose head's time has come.
pub(super) fn waiting(db: &Connection, endpoint: &str, now: i64, rows: usize) -> Result<Vec<OutboxRow>, StoreError> {
    collect(
        db,
        rows!(
            "INDEXED BY outbox_line",
            "WHERE o.state = 'pending' AND o.endpoint = ?1 AND o.conversation IN
                 (SELECT conversation FROM outbox
                  WHERE state = 'pending' AND head = 1 AND endpoint = ?1 AND next_try_at <= ?2)
               AND NOT EXISTS (SELECT 1 FROM endpoints WHERE name = ?1 AND stopped_at IS NOT NULL)
             ORDER BY o.id LIMIT ?3"
        ),
        params![endpoint, now, limit(rows)],
    )
}

/// All of one conversation.
pub(super) fn of_conversation(db: &Connection, conversation: &str) -> Result<Vec<OutboxRow>, StoreError> {
    collect(db, rows!("", "WHERE o.conversation = ?1 ORDER BY o.id"), params![conversation])
}

/// The time of the first head that is not due yet.
pub(super) fn next_due(db: &Connection, endpoint: &str, now: i64) -> Result<Option<Timestamp>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT min(next_try_at) AS next FROM outbox WHERE state = 'pending' AND head = 1 AND endpoint = ?1
             AND next_try_at > ?2 AND NOT EXISTS (SELECT 1 FROM endpoints WHERE name = ?1 AND stopped_at IS NOT NULL)",
    )?;
    Ok(query.query_row(params![endpoint, now], |row| maybe_time(row, "next"))?)
}

/// What is remembered of an endpoint.
pub(super) fn endpoint(db: &Connection, name: &str) -> Result<Option<EndpointRow>, StoreError> {
    let mut query = db.prepare_cached("SELECT name, url_hash, stopped_at, reason FROM endpoints WHERE name = ?1")?;
    let row = query.query_row([name], |row| {
        Ok(EndpointRow {
            name: row.get("name")?,
            url_hash: row.get("url_hash")?,
            stopped_at: maybe_time(row, "stopped_at")?,
            reason: row.get("reason")?,
        })
    });
    Ok(row.optional()?)
}

/// The newest deliveries of a kind. The state is written into the query, so that the partial indexes serve.
pub(super) fn deliveries(db: &Connection, filter: &DeliveryFilter) -> Result<Vec<OutboxRow>, StoreError> {
    let sql = match filter.state.as_deref() {
        None => rows!("", "WHERE ?1 IS NULL OR o.endpoint = ?1 ORDER BY o.id DESC LIMIT ?2"),
        Some(delivery_state::PENDING) => {
            rows!(
                "INDEXED BY outbox_line",
                "WHERE o.state = 'pending' AND (?1 IS NULL OR o.endpoint = ?1) ORDER BY o.id DESC LIMIT ?2"
            )
        }
        Some(delivery_state::DEAD) => {
            rows!(
                "INDEXED BY outbox_dead",
                "WHERE o.state = 'dead' AND (?1 IS NULL OR o.endpoint = ?1) ORDER BY o.id DESC LIMIT ?2"
            )
        }
        Some(delivery_state::DELIVERED) => {
            rows!("", "WHERE o.state = 'delivered' AND (?1 IS NULL OR o.endpoint = ?1) ORDER BY o.id DESC LIMIT ?2")
        }
        Some(delivery_state::DROPPED) => {
            rows!("", "WHERE o.state = 'dropped' AND (?1 IS NULL OR o.endpoint = ?1) ORDER BY o.id DESC LIMIT ?2")
        }
        Some(_) => return Ok(Vec::new()),
    };
    collect(db, sql, params![filter.endpoint, limit(filter.limit)])
}

/// The delivery with this number.
pub(super) fn delivery(db: &Connection, id: i64) -> Result<Option<OutboxRow>, StoreError> {
    Ok(collect(db, rows!("", "WHERE o.id = ?1"), params![id])?.pop())
}

/// The numbers that a selection means.
pub(super) fn selected(db: &Connection, which: Selection) -> Result<Vec<i64>, StoreError> {
    match which {
        Selection::Ids(ids) => Ok(ids),
        Selection::Dead { endpoint } => {
            let mut query = db.prepare_cached(
                "SELECT id FROM outbox WHERE state = 'dead' AND (?1 IS NULL OR endpoint = ?1) ORDER BY id",
            )?;
            let ids = query.query_map([endpoint], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        }
    }
}

/// Depth, dead letters and age, for each endpoint.
pub(super) fn stats(db: &Connection) -> Result<Vec<EndpointStats>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT endpoint, sum(pending) AS pending, sum(dead) AS dead, min(oldest) AS oldest,
                EXISTS (SELECT 1 FROM endpoints WHERE name = endpoint AND stopped_at IS NOT NULL) AS stopped
         FROM (SELECT endpoint, count(*) AS pending, 0 AS dead, min(created_at) AS oldest
               FROM outbox WHERE state = 'pending' GROUP BY endpoint
               UNION ALL
               SELECT endpoint, 0, count(*), NULL FROM outbox WHERE state = 'dead' GROUP BY endpoint)
         GROUP BY endpoint ORDER BY endpoint",
    )?;
    let rows = query.query_map([], |row| {
        Ok(EndpointStats {
            endpoint: row.get("endpoint")?,
            pending: number(row, "pending")?,
            dead: number(row, "dead")?,
            oldest: maybe_time(row, "oldest")?,
            stopped: row.get("stopped")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn collect(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<OutboxRow>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map(values, |row| {
        // By place, in the order of `rows!`: looking up fourteen names would cost more than reading the row.
        Ok(OutboxRow {
            id: row.get(0)?,
            webhook_id: row.get(1)?,
            endpoint: row.get(2)?,
            url: row.get(3)?,
            conversation: row.get(4)?,
            kind: row.get(5)?,
            body: row.get(6)?,
            created_at: time(row, 7)?,
            next_try_at: time(row, 8)?,
            attempts: number(row, 9)?,
            state: row.get(10)?,
            last_status: maybe_number(row, 11)?,
            last_error: row.get(12)?,
            finished_at: maybe_time(row, 13)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
