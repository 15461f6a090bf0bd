//! What is read of conversations, hand-offs and decisions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{int, limit, maybe_time, millis, number, time};
use crate::store::{
    ConversationFilter, ConversationRow, DecisionFilter, DecisionRow, EventRow, HandoffFilter, HandoffRow, QueueStats,
    SeenKey, SeenRow, StoreError, UnmatchedRow,
};

/// The columns of a [`ConversationRow`].
macro_rules! conversation_rows {
    ($rest:literal) => {
        concat!(
            "SELECT id, channel, thread, customer, state, version, seq, queue, priority, language, created_at, updated_at, body
             FROM conversations ",
            $rest
        )
    };
}

/// The conversation with this id.
pub(super) fn conversation(db: &Connection, id: &str) -> Result<Option<ConversationRow>, StoreError> {
    let mut query = db.prepare_cached(conversation_rows!("WHERE id = ?1"))?;
    Ok(query.query_row([id], conversation_row).optional()?)
}

/// The conversation that a channel knows by this name.
pub(super) fn conversation_by_thread(
    db: &Connection,
    channel: &str,
    thread: &str,
) -> Result<Option<ConversationRow>, StoreError> {
    let mut query = db.prepare_cached(conversation_rows!("WHERE channel = ?1 AND thread = ?2"))?;
    Ok(query.query_row([channel, thread], conversation_row).optional()?)
}

/// The last begun conversations. Those with people are found by an index of their own, whose condition the query must repeat.
pub(super) fn conversations(db: &Connection, filter: &ConversationFilter) -> Result<Vec<ConversationRow>, StoreError> {
    let sql = match filter.state.as_deref() {
        Some("queued" | "human") => conversation_rows!(
            "INDEXED BY conversations_with_people WHERE state IN ('queued', 'human') AND state = ?1
             ORDER BY rowid DESC LIMIT ?2"
        ),
        _ => conversation_rows!("WHERE ?1 IS NULL OR state = ?1 ORDER BY rowid DESC LIMIT ?2"),
    };
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map(params![filter.state, limit(filter.limit)], conversation_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Conversations whose answer waits for a look-up.
pub(super) fn looking(db: &Connection) -> Result<Vec<ConversationRow>, StoreError> {
    let sql = conversation_rows!(r#"INDEXED BY conversations_looking WHERE instr(body, '"looking":[') > 0 LIMIT 1000"#);
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([], conversation_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn conversation_row(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.get("id")?,
        channel: row.get("channel")?,
        thread: row.get("thread")?,
        customer: row.get("customer")?,
        state: row.get("state")?,
        version: number(row, "version")?,
        seq: number(row, "seq")?,
        queue: row.get("queue")?,
        priority: row.get("priority")?,
        language: row.get("language")?,
        body: row.get("body")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// What was done with a message.
pub(super) fn seen(db: &Connection, key: &SeenKey) -> Result<Option<SeenRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT conversation, message, seq, at, response FROM seen
         WHERE channel = ?1 AND account = ?2 AND sender = ?3 AND id = ?4",
    )?;
    let row = query.query_row([&key.channel, &key.account, &key.sender, &key.id], |row| {
        Ok(SeenRow {
            key: key.clone(),
            conversation: row.get("conversation")?,
            message: row.get("message")?,
            seq: number(row, "seq")?,
            at: time(row, "at")?,
            response: row.get("response")?,
        })
    });
    Ok(row.optional()?)
}

/// Ids of messages of one's sender.
pub(super) fn ids_of_sender(db: &Connection, key: &SeenKey, rows: usize) -> Result<Vec<String>, StoreError> {
    let mut query =
        db.prepare_cached("SELECT id FROM seen WHERE channel = ?1 AND account = ?2 AND sender = ?3 LIMIT ?4")?;
    let rows = query.query_map(params![key.channel, key.account, key.sender, limit(rows)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Events above a `seq`, ascending.
pub(super) fn events_after(db: &Connection, id: &str, seq: u64, rows: usize) -> Result<Vec<EventRow>, StoreError> {
    events(
        db,
        "SELECT conversation, seq, at, kind, role, body FROM events
         WHERE conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        params![id, int(seq), limit(rows)],
    )
}

/// The last events below a `seq`, ascending.
pub(super) fn events_before(db: &Connection, id: &str, seq: u64, rows: usize) -> Result<Vec<EventRow>, StoreError> {
    let mut events = events(
        db,
        "SELECT conversation, seq, at, kind, role, body FROM events
         WHERE conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
        params![id, int(seq), limit(rows)],
    )?;
    events.reverse();
    Ok(events)
}

fn events(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<EventRow>, StoreError> {
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map(values, |row| {
        Ok(EventRow {
            conversation: row.get("conversation")?,
            seq: number(row, "seq")?,
            at: time(row, "at")?,
            kind: row.get("kind")?,
            role: row.get("role")?,
            body: row.get("body")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The columns of a [`HandoffRow`].
macro_rules! handoff_rows {
    ($rest:literal) => {
        concat!(
            "SELECT id, conversation, channel, queue, priority, reason, state, message, created_at, taken_at, taken_by,
                    ended_at, deadline
             FROM handoffs ",
            $rest
        )
    };
}

/// The hand-off with this id.
pub(super) fn handoff(db: &Connection, id: &str) -> Result<Option<HandoffRow>, StoreError> {
    let mut query = db.prepare_cached(handoff_rows!("WHERE id = ?1"))?;
    Ok(query.query_row([id], handoff_row).optional()?)
}

/// Hand-offs by urgency, then by age.
pub(super) fn handoffs(db: &Connection, filter: &HandoffFilter) -> Result<Vec<HandoffRow>, StoreError> {
    const ORDER: &str = "ORDER BY CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'low' THEN 3 ELSE 2 END, created_at, rowid";
    // With the state as a plain term the index on it serves.
    let wanted = match &filter.state {
        Some(_) => handoff_rows!("WHERE state = ?1 AND (?2 IS NULL OR queue = ?2) "),
        None => handoff_rows!("WHERE ?1 IS NULL AND (?2 IS NULL OR queue = ?2) "),
    };
    let mut query = db.prepare_cached(&format!("{wanted}{ORDER} LIMIT ?3"))?;
    let rows = query.query_map(params![filter.state, filter.queue, limit(filter.limit)], handoff_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn handoff_row(row: &Row<'_>) -> rusqlite::Result<HandoffRow> {
    Ok(HandoffRow {
        id: row.get("id")?,
        conversation: row.get("conversation")?,
        channel: row.get("channel")?,
        queue: row.get("queue")?,
        priority: row.get("priority")?,
        reason: row.get("reason")?,
        state: row.get("state")?,
        message: row.get("message")?,
        created_at: time(row, "created_at")?,
        taken_at: maybe_time(row, "taken_at")?,
        taken_by: row.get("taken_by")?,
        ended_at: maybe_time(row, "ended_at")?,
        deadline: maybe_time(row, "deadline")?,
    })
}

/// Hand-offs that nobody has taken, for each queue.
pub(super) fn queue_stats(db: &Connection) -> Result<Vec<QueueStats>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT queue, count(*) AS queued, min(created_at) AS oldest FROM handoffs
         WHERE state = 'queued' GROUP BY queue ORDER BY queue",
    )?;
    let rows = query.query_map([], |row| {
        Ok(QueueStats { queue: row.get("queue")?, queued: number(row, "queued")?, oldest: time(row, "oldest")? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Decisions of a span of time, ascending by number.
pub(super) fn decisions(db: &Connection, filter: &DecisionFilter) -> Result<Vec<(i64, DecisionRow)>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT id, conversation, seq, at, channel, outcome, reason, rule, queue, score, language, rule_set, pilots
         FROM decisions
         WHERE at >= ?1 AND at < ?2
           -- The first page starts where the span does, so that older decisions are not read.
           AND id >= CASE WHEN ?3 > 0 THEN ?3 + 1 ELSE (SELECT min(id) FROM decisions WHERE at >= ?1) END
         ORDER BY id LIMIT ?4",
    )?;
    let values = params![millis(filter.from), millis(filter.until), filter.after, limit(filter.limit)];
    let rows = query.query_map(values, |row| {
        let decision = DecisionRow {
            conversation: row.get("conversation")?,
            seq: number(row, "seq")?,
            at: time(row, "at")?,
            channel: row.get("channel")?,
            outcome: row.get("outcome")?,
            reason: row.get("reason")?,
            rule: row.get("rule")?,
            queue: row.get("queue")?,
            score: row.get("score")?,
            language: row.get("language")?,
            rule_set: row.get("rule_set")?,
            pilots: row.get("pilots")?,
        };
        Ok((row.get("id")?, decision))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Messages since a time that nothing surely answered, the newest first.
pub(super) fn unmatched(db: &Connection, since: Timestamp, rows: usize) -> Result<Vec<UnmatchedRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT d.conversation, d.seq, d.at, d.reason, e.body
         FROM decisions d JOIN events e ON e.conversation = d.conversation AND e.seq = d.seq
         WHERE d.at >= ?1 AND d.reason IN ('no_match', 'misses', 'ambiguous') AND d.outcome IN ('handoff', 'choice')
         ORDER BY d.at DESC, d.id DESC LIMIT ?2",
    )?;
    let found = query.query_map(params![millis(since), limit(rows)], |row| {
        Ok(UnmatchedRow {
            conversation: row.get("conversation")?,
            seq: number(row, "seq")?,
            at: time(row, "at")?,
            reason: row.get("reason")?,
            body: row.get("body")?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
