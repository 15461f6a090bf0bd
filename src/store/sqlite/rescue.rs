//! What can still be read of a damaged database, copied into a new one.
//!
//! Only reads the damaged file. Tables are read along their keys from both ends, and between two damaged places by halving; a
//! page that holds the way to others takes those with it.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Row, params_from_iter};

use super::{DATABASE, about, lock, private, schema, whole};
use crate::store::StoreError;

/// Damaged places of one table between which is looked for more.
const PROBES: u32 = 20_000;

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescued {
    /// Its name.
    pub table: String,
    /// Rows that are in the new database.
    pub rows: u64,
    /// Whether there was a place that could not be read.
    pub damaged: bool,
    /// Rows that were read and left out, because what they belong to could not be.
    pub orphans: u64,
}

/// Copies what can be read of the store in `from` into a new store in `into`, which must have none yet.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::InUse`] while a daemon runs on it; [`StoreError::Corrupt`] when not even the list of
/// tables can be read; [`StoreError::Folder`] when there is a database in `into` already.
pub fn rescue(from: &Path, into: &Path) -> Result<Vec<Rescued>, StoreError> {
    let file = from.join(DATABASE);
    if !file.is_file() {
        return Err(StoreError::Missing(file));
    }
    let _from = lock(from)?;
    let _into = lock(into)?;
    let target = into.join(DATABASE);
    if target.exists() {
        let reason = "there is a database in it already; name an empty one".to_owned();
        return Err(StoreError::Folder { path: into.to_owned(), reason });
    }
    whole(&file)?;
    let damaged = |error| about(&file, error);
    let old = schema::open_reader(&file).map_err(damaged)?;
    // Closing the last connection would write the log into the damaged file, as far as it can be read, and delete it.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let known = tables(&old).map_err(damaged)?;
    private(&target).map_err(|error| StoreError::Folder { path: target.clone(), reason: error.to_string() })?;
    let copied = copy(&old, &target, &known);
    if copied.is_err() {
        // Half of it would be in the way of the next attempt; the error is the one to tell.
        for end in ["", "-wal", "-shm"] {
            let mut name = target.as_os_str().to_owned();
            name.push(end);
            let _ = std::fs::remove_file(name);
        }
    }
    copied
}

fn copy(old: &Connection, target: &Path, known: &[String]) -> Result<Vec<Rescued>, StoreError> {
    let new = schema::open_writer(target)?;
    schema::migrate(&new)?;
    new.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE;")?;
    let mut all = Vec::new();
    for table in tables(&new)?.into_iter().filter(|table| known.contains(table)) {
        let damaged = Copy::begin(old, &new, &table)?.run()?;
        all.push(Rescued { table, rows: 0, damaged, orphans: 0 });
    }
    for of in &mut all {
        of.orphans = drop_orphans(&new, &of.table)?;
        of.rows = new
            .query_row(&format!("SELECT count(*) FROM {}", of.table), [], |row| row.get::<_, i64>(0))?
            .unsigned_abs();
    }
    new.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(all)
}

fn tables(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut query =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")?;
    let names = query.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Whether a row was refused for what is in it.
fn is_rule(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    code.is_none_or(|code| matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch))
}

/// Deletes what belongs to a row that is not there: it would stand in the way of a new one.
fn drop_orphans(db: &Connection, table: &str) -> Result<u64, StoreError> {
    let lost = match table {
        "events" | "handoffs" | "timers" | "surveys" => "conversation NOT IN (SELECT id FROM conversations)",
        "outbox" => "id NOT IN (SELECT id FROM outbox_bodies)",
        "outbox_bodies" => "id NOT IN (SELECT id FROM outbox)",
        _ => return Ok(0),
    };
    Ok(db.execute(&format!("DELETE FROM {table} WHERE {lost}"), [])? as u64)
}

/// The columns of both versions of a table.
fn columns(old: &Connection, new: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let of = |db: &Connection| -> Result<Vec<String>, StoreError> {
        let mut query = db.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let names = query.query_map([table], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    };
    let here = of(new)?;
    Ok(of(old)?.into_iter().filter(|name| here.contains(name)).collect())
}

/// One table on its way.
struct Copy<'a> {
    old: &'a Connection,
    new: &'a Connection,
    table: &'a str,
    columns: Vec<String>,
    insert: String,
    probes: u32,
    damaged: bool,
}

impl<'a> Copy<'a> {
    fn begin(old: &'a Connection, new: &'a Connection, table: &'a str) -> Result<Self, StoreError> {
        let columns = columns(old, new, table)?;
        let places = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({places})", columns.join(", "));
        Ok(Self { old, new, table, columns, insert, probes: PROBES, damaged: false })
    }

    /// Copies all that can be read; whether something could not.
    fn run(mut self) -> Result<bool, StoreError> {
        if self.new.prepare(&format!("SELECT rowid FROM {}", self.table)).is_ok() {
            self.between(i64::MIN, i64::MAX)?;
        } else {
            // Without numbers there is nothing to halve: from both ends, up to the damage.
            let key: Vec<String> = {
                let mut query = self.new.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?;
                let names = query.query_map([self.table], |row| row.get(0))?;
                names.collect::<Result<_, _>>()?
            };
            for way in ["ASC", "DESC"] {
                let order: Vec<String> = key.iter().map(|name| format!("{name} {way}")).collect();
                let columns = self.columns.join(", ");
                let sql = format!("SELECT {columns} FROM {} ORDER BY {}", self.table, order.join(", "));
                if self.read(&sql, &[], 0)?.1 {
                    break;
                }
            }
        }
        Ok(self.damaged)
    }

    /// Copies the rows above `low` and below `high`.
    fn between(&mut self, low: i64, high: i64) -> Result<(), StoreError> {
        let columns = self.columns.join(", ");
        let sql = |order: &str| {
            format!(
                "SELECT {columns}, rowid FROM {} NOT INDEXED WHERE rowid > ?1 AND rowid < ?2 ORDER BY rowid {order}",
                self.table
            )
        };
        let (ascending, descending) = (sql("ASC"), sql("DESC"));
        let mut open = vec![(low, high)];
        while let Some((low, high)) = open.pop() {
            let (last, whole) = self.read(&ascending, &[low, high], self.columns.len())?;
            if whole || self.probes == 0 {
                continue;
            }
            self.probes -= 1;
            let low = last.unwrap_or(low);
            let high = self.read(&descending, &[low, high], self.columns.len())?.0.unwrap_or(high);
            let middle = low / 2 + high / 2;
            if high.saturating_sub(low) > 2 {
                open.extend([(middle, high), (middle - 1, middle + 1), (low, middle)]);
            }
        }
        Ok(())
    }

    /// Copies what a query gives, up to the first damage; the last number that it gave, and whether it came to its end.
    fn read(&mut self, sql: &str, values: &[i64], number: usize) -> Result<(Option<i64>, bool), StoreError> {
        let mut last = None;
        let Ok(mut query) = self.old.prepare_cached(sql) else {
            self.damaged = true;
            return Ok((None, false));
        };
        let Ok(mut rows) = query.query(params_from_iter(values)) else {
            self.damaged = true;
            return Ok((None, false));
        };
        let mut insert = self.new.prepare_cached(&self.insert)?;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    if let Ok(values) = self.values(row) {
                        match insert.execute(params_from_iter(values)) {
                            Ok(_) => {}
                            // A row that breaks a rule of the table is damage too.
                            Err(error) if is_rule(&error) => self.damaged = true,
                            // A full disk is none.
                            Err(error) => return Err(error.into()),
                        }
                    } else {
                        self.damaged = true;
                    }
                    last = row.get(number).ok().or(last);
                }
                Ok(None) => return Ok((last, true)),
                Err(_) => {
                    self.damaged = true;
                    return Ok((last, false));
                }
            }
        }
    }

    fn values(&self, row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
        (0..self.columns.len()).map(|n| row.get(n)).collect()
    }
}
