//! What a report reads besides decisions: messages with what became of them, cases with their first answer, and conversations.
//!
//! Each is read in pages, by number, so that a million rows are never in memory at once and a running daemon is not held up.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use rustc_hash::FxHashMap;

use super::columns::{limit, maybe_time, millis, time};
use crate::store::{CaseRow, DecisionFilter, HitPage, HitRow, StoreError, TalkRow, TallyRow};

/// Kilobytes of the file that a connection keeps in memory while a report is read, and otherwise (the library's own measure).
const CACHE: (i64, i64) = (128_000, 2_000);
/// Milliseconds of an hour: what hits are counted by.
const HOUR: i64 = 3_600_000;

/// Reads a page with a large cache, which is given back after the last one.
pub(super) fn with_cache<T>(
    db: &Connection,
    page: usize,
    read: impl FnOnce() -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    db.pragma_update(None, "cache_size", -CACHE.0)?;
    let rows = read();
    if rows.as_ref().map_or(0, Vec::len) < page {
        db.pragma_update(None, "cache_size", -CACHE.1)?;
    }
    rows
}

/// Decisions of a span of time with who wrote the message, ascending by number.
///
/// Who wrote it is looked up only where that may not be the customer: for the rules that `look_up` names.
pub(super) fn tallies(
    db: &Connection,
    filter: &DecisionFilter,
    look_up: &[String],
) -> Result<Vec<TallyRow>, StoreError> {
    let look_up = serde_json::Value::from(look_up).to_string();
    let mut query = db.prepare_cached(
        "SELECT d.id, d.conversation, d.at, d.channel, d.outcome, d.reason, d.rule, d.queue, d.pilots,
                CASE WHEN d.reason = 'lookup_failed' OR d.rule IN (SELECT value FROM json_each(?5)) THEN
                    (SELECT e.role FROM events e WHERE e.conversation = d.conversation AND e.seq = d.seq)
                END
         FROM decisions d NOT INDEXED
         WHERE d.at >= ?1 AND d.at < ?2
           -- The first page starts where the span does, so that older decisions are not read.
           AND d.id >= CASE WHEN ?3 > 0 THEN ?3 + 1 ELSE (SELECT min(id) FROM decisions WHERE at >= ?1) END
         ORDER BY d.id LIMIT ?4",
    )?;
    let values = params![millis(filter.from), millis(filter.until), filter.after, limit(filter.limit), look_up];
    // By place: a million rows are looked at.
    let rows = query.query_map(values, |row| {
        Ok(TallyRow {
            id: row.get(0)?,
            conversation: row.get(1)?,
            at: time(row, 2)?,
            channel: row.get(3)?,
            outcome: row.get(4)?,
            reason: row.get(5)?,
            rule: row.get(6)?,
            queue: row.get(7)?,
            pilots: row.get(8)?,
            role: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The same decisions, those of one rule in one hour as one row: a million become some thousands without a text each.
pub(super) fn hits(db: &Connection, filter: &DecisionFilter, look_up: &[String]) -> Result<HitPage, StoreError> {
    let look_up = serde_json::Value::from(look_up).to_string();
    let mut query = db.prepare_cached(
        "SELECT d.id, d.at, d.rule, d.reason,
                CASE WHEN d.reason = 'lookup_failed' OR d.rule IN (SELECT value FROM json_each(?5)) THEN
                    (SELECT e.role FROM events e WHERE e.conversation = d.conversation AND e.seq = d.seq)
                END
         FROM decisions d NOT INDEXED
         WHERE d.at >= ?1 AND d.at < ?2
           AND d.id >= CASE WHEN ?3 > 0 THEN ?3 + 1 ELSE (SELECT min(id) FROM decisions WHERE at >= ?1) END
         ORDER BY d.id LIMIT ?4",
    )?;
    let values = params![millis(filter.from), millis(filter.until), filter.after, limit(filter.limit), look_up];
    let mut rows = query.query(values)?;
    let (mut words, mut counted) = (Words::default(), FxHashMap::<_, (i64, u64)>::default());
    let (mut after, mut read) = (filter.after, 0);
    while let Some(row) = rows.next()? {
        (after, read) = (row.get(0)?, read + 1);
        let text = |column| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
        let Some(rule) = text(2)? else { continue };
        let role = text(4)?.map(|role| words.number(role));
        let at: i64 = row.get(1)?;
        let alike = (words.number(rule), text(3)?.map(|reason| words.number(reason)), role, at.div_euclid(HOUR));
        let (last, count) = counted.entry(alike).or_insert((at, 0));
        (*last, *count) = (at.max(*last), *count + 1);
    }
    let word = |number| words.all.get(number).cloned().unwrap_or_default();
    let rows = counted.into_iter().map(|((rule, reason, role, hour), (last, count))| {
        let last = Timestamp::from_millisecond(last).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let reason = reason.map(word).unwrap_or_default();
        Ok(HitRow { rule: word(rule), reason, role: role.map(word), hour, last, count })
    });
    Ok(HitPage { rows: rows.collect::<Result<_, StoreError>>()?, after, more: read == filter.limit })
}

/// Words of few kinds, as numbers.
#[derive(Default)]
struct Words {
    by_word: FxHashMap<String, usize>,
    all: Vec<String>,
}

impl Words {
    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.by_word.get(word) {
            return *number;
        }
        self.by_word.insert(word.to_owned(), self.all.len());
        self.all.push(word.to_owned());
        self.all.len() - 1
    }
}

/// Hand-offs that began in a span of time, with the first words of a person after it, ascending by number.
pub(super) fn cases(db: &Connection, filter: &DecisionFilter) -> Result<Vec<CaseRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT h.rowid, h.id, h.conversation, h.channel, h.queue, h.reason, h.state, h.created_at, h.taken_at, h.ended_at,
                (SELECT min(e.at) FROM events e
                 WHERE e.conversation = h.conversation AND e.role = 'human' AND e.kind = 'message' AND e.at >= h.created_at
                   AND (h.ended_at IS NULL OR e.at <= h.ended_at))
         FROM handoffs h
         WHERE h.rowid > ?3 AND h.created_at >= ?1 AND h.created_at < ?2
         ORDER BY h.rowid LIMIT ?4",
    )?;
    let values = params![millis(filter.from), millis(filter.until), filter.after, limit(filter.limit)];
    let rows = query.query_map(values, |row| {
        Ok(CaseRow {
            number: row.get(0)?,
            id: row.get(1)?,
            conversation: row.get(2)?,
            channel: row.get(3)?,
            queue: row.get(4)?,
            reason: row.get(5)?,
            state: row.get(6)?,
            created_at: time(row, 7)?,
            taken_at: maybe_time(row, 8)?,
            ended_at: maybe_time(row, 9)?,
            answered_at: maybe_time(row, 10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Conversations that were touched since a time, with their first answer if they began since then, ascending by number.
///
/// `product` is the name under which the channel or a dialogue tells what a conversation is about.
pub(super) fn talks(
    db: &Connection,
    since: Timestamp,
    after: i64,
    rows: usize,
    product: &str,
) -> Result<Vec<TalkRow>, StoreError> {
    let mut query = db.prepare_cached(
        "SELECT c.rowid, c.id, c.channel, c.created_at,
                coalesce(json_extract(c.body, '$.customer.attributes.\"' || ?4 || '\"'),
                         json_extract(c.body, '$.slots.\"' || ?4 || '\".value')),
                CASE WHEN c.created_at >= ?1 THEN
                    (SELECT e.role || ' ' || e.at FROM events e
                     WHERE e.conversation = c.id AND e.kind = 'message' AND e.role IN ('bot', 'human')
                     ORDER BY e.seq LIMIT 1)
                END
         FROM conversations c
         WHERE c.rowid > ?2 AND c.updated_at >= ?1
         ORDER BY c.rowid LIMIT ?3",
    )?;
    let found = query.query_map(params![millis(since), after, limit(rows), product], talk)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn talk(row: &Row<'_>) -> rusqlite::Result<TalkRow> {
    // An attribute may be a number or a list as well.
    let product = match row.get::<_, rusqlite::types::Value>(4)? {
        rusqlite::types::Value::Text(text) => Some(text),
        rusqlite::types::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let first: Option<String> = row.get(5)?;
    let first = first.as_deref().and_then(|first| {
        let (role, at) = first.split_once(' ')?;
        Some((role.to_owned(), Timestamp::from_millisecond(at.parse().ok()?).ok()?))
    });
    Ok(TalkRow {
        number: row.get(0)?,
        id: row.get(1)?,
        channel: row.get(2)?,
        created_at: time(row, 3)?,
        product: product.filter(|product| !product.is_empty()),
        first,
    })
}
