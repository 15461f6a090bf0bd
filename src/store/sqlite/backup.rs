//! A copy of the database as it is at one instant, made while the daemon writes.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// Copies a database into a new file: <https://www.sqlite.org/lang_vacuum.html#vacuum_with_an_into_clause>. What was deleted is not
/// in the copy. The file gets its name when it is whole, sound and on the disk.
pub(super) fn back_up(database: &Path, to: &Path) -> Result<u64, StoreError> {
    if !database.is_file() {
        return Err(StoreError::Missing(database.to_owned()));
    }
    super::whole(database)?;
    let unusable = |error: std::io::Error| StoreError::Folder { path: to.to_owned(), reason: error.to_string() };
    if to.exists() {
        return Err(unusable(std::io::Error::other("it is there already; name a new file")));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    // What an attempt that was cut off has left.
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    // New, so that it is nobody else's file or link.
    super::new_private(part).map_err(unusable)?;
    let copied = copy(database, part).and_then(|()| {
        File::open(part).and_then(|file| file.sync_all()).map_err(unusable)?;
        std::fs::rename(part, to).map_err(unusable)?;
        std::fs::metadata(to).map(|file| file.len()).map_err(unusable)
    });
    if copied.is_err() {
        // The error is the one to tell; what is left is overwritten by the next attempt.
        let _ = std::fs::remove_file(part);
    }
    copied
}

fn copy(database: &Path, part: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags)?;
    db.busy_timeout(super::schema::BUSY)?;
    if super::schema::version(&db)? == 0 {
        return Err(StoreError::Corrupt(format!("{} is empty", database.display())));
    }
    let Some(name) = part.to_str() else {
        return Err(StoreError::Folder { path: part.to_owned(), reason: "the name is not UTF-8".to_owned() });
    };
    db.execute("VACUUM INTO ?1", [name])?;
    let copy = Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
}
