//! What customers answered about the cases that people closed.

use rusqlite::{Connection, params};

use super::columns::{limit, maybe_number, maybe_time, millis, time};
use crate::store::{StoreError, SurveyFilter, SurveyRow};

/// Writes that a case was asked about, or what was answered.
pub(super) fn put(db: &Connection, row: &SurveyRow) -> Result<(), StoreError> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO surveys (handoff, conversation, channel, queue, agent, asked_at, score, answered_at, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (handoff) DO UPDATE SET score = excluded.score, answered_at = excluded.answered_at, text = excluded.text",
    )?;
    upsert.execute(params![
        row.handoff,
        row.conversation,
        row.channel,
        row.queue,
        row.agent,
        millis(row.asked_at),
        row.score,
        row.answered_at.map(millis),
        row.text
    ])?;
    Ok(())
}

/// Those that were asked in a span of time, the oldest first.
pub(super) fn asked(db: &Connection, filter: &SurveyFilter) -> Result<Vec<SurveyRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT handoff, conversation, channel, queue, agent, asked_at, score, answered_at, text FROM surveys
         WHERE asked_at >= ?1 AND asked_at < ?2 ORDER BY asked_at, handoff LIMIT ?3",
    )?;
    let rows = query.query_map(params![millis(filter.from), millis(filter.until), limit(filter.limit)], |row| {
        Ok(SurveyRow {
            handoff: row.get("handoff")?,
            conversation: row.get("conversation")?,
            channel: row.get("channel")?,
            queue: row.get("queue")?,
            agent: row.get("agent")?,
            asked_at: time(row, "asked_at")?,
            score: maybe_number(row, "score")?,
            answered_at: maybe_time(row, "answered_at")?,
            text: row.get("text")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
