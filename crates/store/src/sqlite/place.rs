//! Whether the files of a database are where they were. SQLite goes on writing into a file that was moved or deleted, and
//! nobody finds what it has written.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Identity {
        Identity { device: metadata.dev(), inode: metadata.ino() }
    }

    /// That of the file of a name; `None` where there is none.
    pub(super) fn at(path: &Path) -> Option<Identity> {
        std::fs::metadata(path).ok().as_ref().map(Identity::of)
    }

    /// That of an open file.
    pub(super) fn of_open(file: &File) -> Option<Identity> {
        file.metadata().ok().as_ref().map(Identity::of)
    }
}

/// The files of a database as they were when it was opened.
pub(super) struct Place {
    path: PathBuf,
    /// `None`: the database is in memory.
    file: Option<Identity>,
    log_path: PathBuf,
    /// The log is there from the first change on.
    log: Mutex<Option<Identity>>,
}

impl Place {
    pub(super) fn of(path: &Path) -> Place {
        let mut log_path = path.as_os_str().to_owned();
        log_path.push("-wal");
        let path = path.to_owned();
        Place { file: Identity::at(&path), path, log_path: log_path.into(), log: Mutex::new(None) }
    }

    /// Whether the files are those of before; the name of the one that is not.
    fn missing(&self) -> Option<&Path> {
        let file = self.file?;
        if Identity::at(&self.path) != Some(file) {
            return Some(&self.path);
        }
        let found = Identity::at(&self.log_path);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match *log {
            None => *log = found,
            Some(log) if found != Some(log) => return Some(&self.log_path),
            Some(_) => {}
        }
        None
    }

    /// Refuses where a file is not where it was.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub(super) fn check(&self) -> Result<()> {
        self.missing().map_or(Ok(()), |path| Err(Error::Gone(path.display().to_string())))
    }

    /// The same right after a commit.
    ///
    /// # Errors
    /// [`Error::GoneWithChange`].
    pub(super) fn check_committed(&self) -> Result<()> {
        self.missing().map_or(Ok(()), |path| Err(Error::GoneWithChange(path.display().to_string())))
    }
}
