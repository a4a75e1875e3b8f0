//! The SQLite driver: one write connection whose commits callers share, and read-only connections beside it.

pub(crate) mod backup;
pub(crate) mod inspect;
pub(crate) mod live;
mod place;
mod session;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::place::Place;
use self::session::Session;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::measure;
use crate::tx::Tx;

/// How long a writer waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a new connection is configured again while another process holds the file.
const CONFIGURE_ATTEMPTS: u32 = 400;
/// The pause between two attempts.
const CONFIGURE_PAUSE: Duration = Duration::from_millis(25);
/// How many callers share one commit at most, so that none waits for a long queue.
const SHARED_COMMIT_MAX: usize = 512;
/// How many statements a connection keeps prepared.
const STATEMENT_CACHE: usize = 256;
/// How many idle read connections are kept.
const IDLE_READERS_MAX: usize = 16;
/// What a read connection keeps of the file, in KiB: the first one, which is used most, and each further one. Together they
/// bound what many readers at the same time hold.
const FIRST_READER_KIB: u32 = 16 * 1024;
const FURTHER_READER_KIB: u32 = 1024;

/// An embedded database in a file.
pub(crate) struct Sqlite {
    path: PathBuf,
    place: Place,
    writer: Mutex<Writer>,
    waiting: AtomicUsize,
    readers: Mutex<Vec<Session>>,
    /// A read connection was opened before.
    has_readers: AtomicBool,
}

struct Writer {
    session: Session,
    batch: Option<Arc<Batch>>,
    callers: usize,
}

/// One commit that several callers wait for.
#[derive(Default)]
struct Batch {
    outcome: Mutex<Option<Result<()>>>,
    done: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a caller's closure must not close the database for the others: the transaction it left is rolled
    // back by the next writer.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for what SQLite says.
fn failure(error: rusqlite::Error) -> Error {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::ReadOnly) => Error::ReadOnly(text),
        Some(ErrorCode::DiskFull) => Error::Full(text),
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::PermissionDenied) => Error::Open(text),
        Some(ErrorCode::ConstraintViolation) => Error::Constraint(text),
        Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt(text),
        _ => Error::Database(text),
    }
}

/// Switching a new file to its journal mode does not wait for another process that is doing the same: we do.
fn configure_patiently(connection: &Connection) -> Result<()> {
    for _ in 0..CONFIGURE_ATTEMPTS {
        match configure(connection, true) {
            Err(Error::Busy) => std::thread::sleep(CONFIGURE_PAUSE),
            done => return done,
        }
    }
    configure(connection, true)
}

fn configure(connection: &Connection, writer: bool) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failure)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // A plan follows from the statement alone. Without this SQLite prepares a statement again for each value that could make
    // a partial index usable, which costs more than most of our statements.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
    rusqlite::vtab::array::load_module(connection).map_err(failure)?;
    let settings = if writer {
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864;"
    } else {
        "PRAGMA query_only = ON;"
    };
    connection.execute_batch(settings).map_err(failure)
}

impl Sqlite {
    /// Opens the file, making it where it is missing.
    ///
    /// # Errors
    /// [`Error::Open`] where the file cannot be opened or is no database.
    pub(crate) fn open(path: &Path) -> Result<Sqlite> {
        let named = |error: Error| match error {
            Error::Open(text) => Error::Open(format!("{}: {text}", path.display())),
            Error::ReadOnly(text) => Error::ReadOnly(format!("{}: {text}", path.display())),
            other => other,
        };
        let connection = Connection::open(path).map_err(failure).map_err(named)?;
        configure_patiently(&connection).map_err(named)?;
        Ok(Sqlite {
            path: path.to_owned(),
            place: Place::of(path),
            writer: Mutex::new(Writer { session: Session::new(connection), batch: None, callers: 0 }),
            waiting: AtomicUsize::new(0),
            readers: Mutex::new(Vec::new()),
            has_readers: AtomicBool::new(false),
        })
    }

    /// Runs a closure in a savepoint of a transaction that may hold other callers' closures too, and returns when
    /// the transaction is durable.
    ///
    /// The last caller of those that are waiting commits for all of them: one disk flush serves them together.
    ///
    /// # Errors
    /// The closure's, or the database's: then nothing of this closure was kept.
    pub(crate) fn write<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writer = lock(&self.writer);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let batch = writer.join(&self.place)?;
        let answer = writer.attempt(&mut closure);
        if writer.batch.is_none() {
            return answer;
        }
        // Whoever is counted as waiting will come through this lock and commit, so leaving it to them is safe.
        let committed = if self.waiting.load(Ordering::SeqCst) > 0 && writer.callers < SHARED_COMMIT_MAX {
            drop(writer);
            batch.wait()
        } else {
            writer.commit(&self.place)
        };
        // A caller's own error says more than that of the commit that it spoiled.
        answer.and_then(|answer| committed.map(|()| answer).map_err(E::from))
    }

    /// Runs a closure in a transaction of its own that is rolled back.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn rehearse<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut writer = lock(&self.writer);
        if writer.batch.is_some() {
            // What others have written and wait for is theirs. They hear how its commit went.
            let _ = writer.commit(&self.place);
        }
        self.place.check()?;
        writer.begin()?;
        let answer = closure(&mut writer.session.tx());
        writer.abandon();
        answer
    }

    /// Runs a closure over one consistent, read-only state.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn read<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let session = self.take_reader()?;
        session.control("BEGIN")?;
        let answer = closure(&mut session.tx());
        if session.control("ROLLBACK").is_ok() {
            self.keep_reader(session);
        }
        answer
    }

    /// Runs a closure whose one statement is a transaction of its own.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn look_up<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let session = self.take_reader()?;
        let answer = closure(&mut session.tx());
        self.keep_reader(session);
        answer
    }

    fn take_reader(&self) -> Result<Session> {
        let idle = lock(&self.readers).pop();
        idle.map_or_else(|| self.reader().map(Session::new), Ok)
    }

    fn keep_reader(&self, session: Session) {
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX {
            readers.push(session);
        }
    }

    /// Whether the file is where it was.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub(crate) fn in_place(&self) -> Result<()> {
        self.place.check()
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)
            .or_else(|_| {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&self.path, flags)
            })
            .map_err(failure)?;
        configure(&connection, false)?;
        let first = !self.has_readers.swap(true, Ordering::Relaxed);
        let kib = if first { FIRST_READER_KIB } else { FURTHER_READER_KIB };
        connection.execute_batch(&format!("PRAGMA cache_size = -{kib}")).map_err(failure)?;
        Ok(connection)
    }

    /// Runs statements that are no part of a transaction of the common kind: migrations.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        lock(&self.writer).session.connection.execute_batch(&Dialect::Sqlite.expand(sql)).map_err(failure)
    }
}

impl Writer {
    /// The open transaction, or a new one.
    fn join(&mut self, place: &Place) -> Result<Arc<Batch>> {
        if let Some(batch) = &self.batch {
            return Ok(Arc::clone(batch));
        }
        place.check()?;
        self.begin()?;
        self.callers = 0;
        let batch = Arc::new(Batch::default());
        self.batch = Some(Arc::clone(&batch));
        Ok(batch)
    }

    /// Begins a transaction, after whatever a panic has left of an earlier one.
    fn begin(&mut self) -> Result<()> {
        if !self.session.connection.is_autocommit() {
            self.session.control("ROLLBACK")?;
        }
        self.session.control("BEGIN IMMEDIATE")
    }

    /// Runs a caller's closure so that what it leaves after an error is undone, and nothing else.
    fn attempt<T, E: From<Error>>(
        &mut self,
        closure: &mut impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.callers += 1;
        if self.callers == 1 {
            // Whoever is first in a transaction needs no savepoint, which would copy each page that it changes: when it
            // fails, the whole transaction is its own.
            let answer = closure(&mut self.session.tx());
            if answer.is_err() {
                self.abandon();
            }
            return answer;
        }
        self.session.control("SAVEPOINT caller")?;
        let answer = closure(&mut self.session.tx());
        let undone = if answer.is_ok() { Ok(()) } else { self.session.control("ROLLBACK TO caller") };
        match undone.and_then(|()| self.session.control("RELEASE caller")) {
            Ok(()) => answer,
            // The database rolled everything back by itself (a full disk does that): the commit will say so to all.
            Err(error) => answer.and(Err(error.into())),
        }
    }

    /// Undoes a transaction that nobody else is in. A full disk has done that already.
    fn abandon(&mut self) {
        if !self.session.connection.is_autocommit() {
            // When even this fails, the next caller's start finds the transaction and tries again.
            let _ = self.session.control("ROLLBACK");
        }
        self.batch = None;
    }

    fn commit(&mut self, place: &Place) -> Result<()> {
        let outcome = measure::commit(self.callers, || self.session.control("COMMIT"));
        let outcome = outcome.and_then(|()| place.check_committed());
        if outcome.is_err() && !self.session.connection.is_autocommit() {
            // What could not be committed must not linger in front of the next caller.
            let _ = self.session.control("ROLLBACK");
        }
        if let Some(batch) = self.batch.take() {
            *lock(&batch.outcome) = Some(outcome.clone());
            batch.done.notify_all();
        }
        outcome
    }
}

impl Batch {
    fn wait(&self) -> Result<()> {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = self.done.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
