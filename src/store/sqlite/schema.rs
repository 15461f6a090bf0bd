//! Opening a connection and bringing the tables up to date.
//!
//! Owns the pragmas and the numbered migrations. A released migration is never edited: a change is a new file
//! and a new line in [`MIGRATIONS`].

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// How long one process waits for another's write.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The migrations in order; the database's `user_version` is the number of those applied.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_timers.sql"),
    include_str!("migrations/0003_looking.sql"),
    include_str!("migrations/0004_pilots.sql"),
    include_str!("migrations/0005_wordings.sql"),
    include_str!("migrations/0006_forced_hours.sql"),
    include_str!("migrations/0007_surveys.sql"),
    include_str!("migrations/0008_kept.sql"),
];

/// The format that this program reads and writes.
pub(super) const fn known() -> i64 {
    // A handful of migrations: no cut-off.
    #[allow(clippy::cast_possible_wrap)]
    {
        MIGRATIONS.len() as i64
    }
}

/// Opens a connection that writes durably. The file is made if it is missing.
pub(super) fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    // Checkpoints are made apart from the writer's path, see `writer`.
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -16000;
         PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = FAST;",
    )?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// Opens a connection that only reads. The file must exist.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    db.execute_batch("PRAGMA query_only = ON;")?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// The format of the file; 0 for an empty one.
pub(super) fn version(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Applies what is missing, all or nothing.
pub(super) fn migrate(db: &Connection) -> Result<(), StoreError> {
    migrate_with(db, MIGRATIONS)
}

fn migrate_with(db: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    // The lock is taken before the version is read, so that two starts at once do not both migrate.
    db.execute_batch("BEGIN IMMEDIATE")?;
    let result = version(db).and_then(|found| {
        if found > known || found < 0 {
            return Err(StoreError::Newer { found, known });
        }
        for (number, sql) in (1..).zip(migrations).skip_while(|(number, _)| *number <= found) {
            db.execute_batch(sql)?;
            db.pragma_update(None, "user_version", number)?;
            tracing::info!(format = number, "Database migrated.");
        }
        Ok(db.execute_batch("COMMIT")?)
    });
    if result.is_err() && !db.is_autocommit() {
        // The first error is the one to report; a failed rollback ends with the connection.
        let _ = db.execute_batch("ROLLBACK");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        (dir, file)
    }

    #[test]
    fn a_new_file_gets_every_migration_and_a_second_start_none() {
        let (_dir, file) = file();
        let db = open_writer(&file).unwrap();
        migrate(&db).unwrap();
        assert_eq!(version(&db).unwrap(), known());
        migrate(&db).unwrap();
        let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        let sync: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        assert_eq!(sync, 2, "FULL");
    }

    #[test]
    fn an_older_file_gets_only_what_is_missing_and_keeps_its_rows() {
        let (_dir, file) = file();
        let db = open_writer(&file).unwrap();
        let first = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7);";
        migrate_with(&db, &[first]).unwrap();
        migrate_with(&db, &[first, "ALTER TABLE t ADD COLUMN b INTEGER;"]).unwrap();
        let (a, b): (i64, Option<i64>) =
            db.query_row("SELECT a, b FROM t", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!((a, b, version(&db).unwrap()), (7, None, 2));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let (_dir, file) = file();
        let db = open_writer(&file).unwrap();
        let good = "CREATE TABLE t (a INTEGER);";
        assert!(migrate_with(&db, &[good, "CREATE TABLE t (a INTEGER);"]).is_err());
        assert_eq!(version(&db).unwrap(), 0);
        migrate_with(&db, &[good]).unwrap();
    }

    #[test]
    fn a_newer_file_is_refused() {
        let (_dir, file) = file();
        let db = open_writer(&file).unwrap();
        db.pragma_update(None, "user_version", known() + 1).unwrap();
        assert_eq!(migrate(&db), Err(StoreError::Newer { found: known() + 1, known: known() }));
    }

    #[test]
    fn readers_cannot_write() {
        let (_dir, file) = file();
        let db = open_writer(&file).unwrap();
        migrate(&db).unwrap();
        let reader = open_reader(&file).unwrap();
        assert!(reader.execute("DELETE FROM outbox", []).is_err());
    }
}
