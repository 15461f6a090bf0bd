//! Values between rows of the database and plain Rust, in one place.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Row, RowIndex};

/// A column by name, or by place where many rows are read.
pub(super) trait Column: RowIndex + Copy + std::fmt::Display {}

impl<C: RowIndex + Copy + std::fmt::Display> Column for C {}

/// Milliseconds, as times are stored.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A count as the database has it; no count here comes near the cut-off.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A limit as the database has it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Reads a time.
pub(super) fn time(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Timestamp> {
    instant(row.get(column)?, column)
}

/// Reads a time that may be missing.
pub(super) fn maybe_time(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|value| instant(value, column)).transpose()
}

/// Reads a number that cannot be negative.
pub(super) fn number<T: TryFrom<i64>>(row: &Row<'_>, column: impl Column) -> rusqlite::Result<T> {
    fit(row.get(column)?, column)
}

/// Reads a number that cannot be negative and may be missing.
pub(super) fn maybe_number<T: TryFrom<i64>>(row: &Row<'_>, column: impl Column) -> rusqlite::Result<Option<T>> {
    row.get::<_, Option<i64>>(column)?.map(|value| fit(value, column)).transpose()
}

fn instant(value: i64, column: impl Column) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(value).map_err(|_| strange(value, column))
}

fn fit<T: TryFrom<i64>>(value: i64, column: impl Column) -> rusqlite::Result<T> {
    T::try_from(value).map_err(|_| strange(value, column))
}

fn strange(value: i64, column: impl Column) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, format!("{value} in column {column}").into())
}
