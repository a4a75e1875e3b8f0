//! A copy of an embedded database, taken while others read and write it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{BUSY_TIMEOUT, failure};
use crate::error::{Error, Result};

/// Copies one consistent state of a database into a new file, which is durable and complete when it is there at all.
///
/// # Errors
/// [`Error::Open`] where there is no database or the new file exists already; what the database and the file system say.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let named = |path: &Path, what: &str| Error::Open(format!("{}: {what}", path.display()));
    if to.exists() {
        return Err(named(to, "there is a file of that name already; name another, or move it away"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags).map_err(|error| named(from, &error.to_string()))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failure)?;
    // A copy that is cut short must not pass for one.
    let folder = folder_of(to);
    clear(folder);
    let partial = partial(to);
    let held = hold(&partial).map_err(|error| named(&partial, &error.to_string()))?;
    remove(&partial);
    let copied = fill(&connection, &partial).and_then(|()| {
        fs::rename(&partial, to).and_then(|()| sync_folder(to)).map_err(|error| named(to, &error.to_string()))
    });
    if copied.is_err() {
        let _ = fs::remove_file(&partial);
    }
    let _ = fs::remove_file(lock_of(&partial));
    drop(held);
    copied
}

fn fill(connection: &Connection, partial: &Path) -> Result<()> {
    let text = partial.to_str().ok_or_else(|| Error::Open(format!("{}: the name is no text", partial.display())))?;
    connection.execute("VACUUM INTO ?1", [text]).map_err(failure)?;
    check(partial)?;
    File::open(partial).and_then(|file| file.sync_all()).map_err(|error| Error::Full(error.to_string()))
}

/// Removes a database that nobody uses, with the files beside it.
pub(crate) fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let _ = fs::remove_file(name);
    }
}

/// The pages of the copy are whole.
fn check(path: &Path) -> Result<()> {
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failure)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failure)?;
    if found == "ok" { Ok(()) } else { Err(Error::Corrupt(found)) }
}

/// What the name of a copy has at its end while it is made.
const PARTIAL: &str = ".quittance-partial";

fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// The file beside a copy that is locked while it is made: not the copy itself, since on shared folders of a network such a
/// lock keeps the database library from writing to it.
fn lock_of(partial: &Path) -> PathBuf {
    partial.with_added_extension("lock")
}

/// A file that is locked until it is closed; where there are no locks, one that is not.
fn hold(partial: &Path) -> std::io::Result<File> {
    let file = File::options().write(true).create(true).truncate(false).open(lock_of(partial))?;
    match file.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(std::io::Error::other("another copy is just being made here")),
    }
}

/// Removes the copies in a folder that were begun by processes that were killed. Who makes one holds a lock on it.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (partial, name) = (entry.path(), entry.file_name());
        let is_partial = name.to_str().is_some_and(|name| name.ends_with(PARTIAL));
        let free = || {
            let lock = File::options().write(true).create(true).truncate(false).open(lock_of(&partial));
            lock.is_ok_and(|lock| lock.try_lock().is_ok())
        };
        if is_partial && free() {
            remove(&partial);
            let _ = fs::remove_file(lock_of(&partial));
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new name is durable when its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}
