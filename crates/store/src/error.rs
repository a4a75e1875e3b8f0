//! What can go wrong in the store, said so that a caller can act on it.

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the database or of what is in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The URL is none that the store understands.
    #[error("database URL {0:?} is not understood: use sqlite://FILE, sqlite:///ABSOLUTE/FILE or postgres://…")]
    Url(String),
    /// The database cannot be opened or reached. Nothing was done.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// This kind of database does not do it. Nothing was done.
    #[error("{0}")]
    Unsupported(String),
    /// Another process holds the database longer than the store waits. Nothing was done.
    #[error("the database is busy: another process holds its lock; try again when it has finished")]
    Busy,
    /// The database, its file or its file system refuses writes. Nothing was done.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The disk or a quota is full. Nothing of this transaction was kept.
    #[error("the database's disk is full: {0}")]
    Full(String),
    /// The schema was made by a later version of the program. Nothing was done.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}: use a newer quittance"
    )]
    Newer {
        /// The version found in the database.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The schema is of a version that was never released. Nothing was done.
    #[error(
        "the database has schema version {found}, which was made before the first release and cannot be upgraded: make \
         a new database and import again"
    )]
    Unreleased {
        /// The version found in the database.
        found: i64,
    },
    /// The schema is older than the program's, and migrations did not run.
    #[error("the database has schema version {found}, this program needs {known}: run `quittance migrate`")]
    Older {
        /// The version found in the database.
        found: i64,
        /// The version this program needs.
        known: i64,
    },
    /// The database does not do it now: it has cancelled it, or lacks memory, or its disk fails. Nothing of this transaction
    /// was kept.
    #[error("the database did not do it now, nothing was changed; try again later: {0}")]
    NotNow(String),
    /// The connection was lost before the commit was sent. Nothing of this transaction was kept.
    #[error("the connection to the database was lost, nothing was changed: {0}")]
    Lost(String),
    /// The connection was lost during the commit, and the server could not be asked what became of it: it may or may not
    /// have happened.
    #[error(
        "the connection to the database was lost during the commit, and it is not known whether the change was made: {0}"
    )]
    CommitUnknown(String),
    /// The file of an embedded database, or its log, is not where it was. Nothing was done.
    #[error(
        "the database's file was moved, deleted or replaced while it was in use, nothing was changed: {0}: put it back"
    )]
    Gone(String),
    /// The same was found out right after a commit, which went to the file that is not there.
    #[error(
        "the database's file was moved, deleted or replaced while a change was made, which may be lost with it: {0}"
    )]
    GoneWithChange(String),
    /// Other transactions kept changing the same rows. Nothing was done.
    #[error("other work kept changing the same rows; try again")]
    Contention,
    /// A constraint of the schema was broken. A defect of the program, or rows changed by hand.
    #[error("a constraint of the database was broken: {0}")]
    Constraint(String),
    /// A stored value is not of the form the schema promises.
    #[error("a stored value is not as expected: {0}")]
    Corrupt(String),
    /// Anything else that a database says.
    #[error("the database failed: {0}")]
    Database(String),
}

impl Error {
    /// Whether the operation certainly did not happen.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        !matches!(self, Error::CommitUnknown(_) | Error::GoneWithChange(_))
    }
}
