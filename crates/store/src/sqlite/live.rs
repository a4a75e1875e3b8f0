//! Whether a process lives, by a lock on a file beside the database, which the system takes from it when it dies.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::place::Identity;
use crate::error::{Error, Result};

/// What the name of such a file has behind that of the database; the process's number follows.
const ENDING: &str = "-live-";
/// How often it is tried to make one, while others clear away what dead processes have left.
const ATTEMPTS: u32 = 100;

/// The locked file of a process that lives. It goes with the process, or is removed by another one later.
pub(crate) struct Live {
    path: PathBuf,
    identity: Option<Identity>,
    _locked: File,
}

impl Live {
    /// Makes and locks the file of a process, and removes those of dead ones.
    ///
    /// # Errors
    /// The file system does not allow it.
    pub(crate) fn begin(database: &Path, owner: i64) -> Result<Live> {
        // SQLite tells others the name without links, so the file is beside that one.
        let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        clear(&database);
        let path = file_of(&database, owner);
        let refused = |error: std::io::Error| Error::Open(format!("{}: {error}", path.display()));
        for _ in 0..ATTEMPTS {
            let file = File::create(&path).map_err(refused)?;
            let identity = Identity::of_open(&file);
            let locked = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => return Err(refused(error)),
            };
            // Whoever clears away may have taken it for that of a dead process.
            if locked && identity.is_some() && identity == Identity::at(&path) {
                return Ok(Live { path, identity, _locked: file });
            }
        }
        Err(Error::Busy)
    }

    /// Whether others find it still.
    pub(crate) fn holds(&self) -> bool {
        self.identity == Identity::at(&self.path)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.holds() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the process of a number lives.
///
/// # Errors
/// The file cannot be looked at.
pub(super) fn lives(database: &Path, owner: i64) -> Result<bool> {
    let path = file_of(database, owner);
    match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::Open(format!("{}: {error}", path.display()))),
        // Shared, so that those who look do not take each other for the process.
        Ok(file) => Ok(file.try_lock_shared().is_err()),
    }
}

fn file_of(database: &Path, owner: i64) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!("{ENDING}{owner}"));
    PathBuf::from(name)
}

/// Removes what dead processes have left. What cannot be removed does no harm.
fn clear(database: &Path) {
    let Some(name) = database.file_name().and_then(|name| name.to_str()) else { return };
    let start = format!("{name}{ENDING}");
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().and_then(|name| name.strip_prefix(&start)?.parse::<i64>().ok());
        let dead = ours.is_some() && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if dead {
            let _ = fs::remove_file(entry.path());
        }
    }
}
