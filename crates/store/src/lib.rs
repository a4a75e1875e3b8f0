//! The store: SQL written once, two thin drivers under it, and transactions that are closures.
//!
//! Business code gives [`Store::read`] and [`Store::write`] a synchronous closure over a [`Tx`]. The closure may run
//! more than once (PostgreSQL asks for that after a conflict), so time, ids and randomness are taken before it and it
//! has no effect but through the transaction. Nothing here knows HTTP or decides anything about billing.
//!
//! To add a query: write it into the module of its table with the `statements!` macro, in the common SQL that
//! [`dialect`] describes, and map its rows beside it. The catalogue test then prepares it on both databases.

pub mod accruals;
pub mod audit;
pub mod changes;
pub mod conversions;
pub mod copy;
pub mod dialect;
mod error;
pub mod events;
pub mod extras;
pub mod idempotency;
pub mod inputs;
pub mod invoices;
pub mod keys;
pub mod ledger;
mod measure;
mod migrations;
pub mod networks;
mod owners;
pub mod parties;
mod postgres;
pub mod pulls;
pub mod rates;
pub mod reports;
pub mod runs;
mod sqlite;
mod statements;
pub mod takes;
mod tx;
pub mod users;
pub mod webhooks;
pub mod write_offs;

use std::path::Path;
use std::sync::Mutex;

pub use crate::error::{Error, Result};
pub use crate::migrations::SCHEMA_VERSION;
pub use crate::statements::catalogue;
pub use crate::tx::{Bulk, Kind, Param, Row, Tx, Value};

/// How many connections to a PostgreSQL server are opened at most.
pub const CONNECTIONS_MAX: usize = 16;

/// What a database says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// What was looked at, and what could not be.
    pub looked_at: String,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// An open database.
pub struct Store {
    backend: Backend,
    owner: Mutex<Option<owners::Owner>>,
}

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens `sqlite://FILE` (made where it is missing) or `postgres://…`. Does not migrate.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Open`], or what the database says.
    pub fn open(url: &str) -> Result<Store> {
        let backend = if let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            Backend::Sqlite(sqlite::Sqlite::open(Path::new(path))?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Backend::Postgres(postgres::Postgres::open(url, CONNECTIONS_MAX)?)
        } else {
            return Err(Error::Url(without_password(url)));
        };
        Ok(Store { backend, owner: Mutex::new(None) })
    }

    /// Which database this is.
    #[must_use]
    pub fn dialect(&self) -> dialect::Dialect {
        match &self.backend {
            Backend::Sqlite(_) => dialect::Dialect::Sqlite,
            Backend::Postgres(_) => dialect::Dialect::Postgres,
        }
    }

    /// Brings the schema to this program's version. Safe when several processes do it at once.
    ///
    /// # Errors
    /// [`Error::Newer`] where a later program made the schema; else what the database says.
    pub fn migrate(&self) -> Result<()> {
        migrations::migrate(self)
    }

    /// Whether the database answers and has this program's schema.
    ///
    /// # Errors
    /// [`Error::Older`], [`Error::Newer`], or what the database says.
    pub fn check(&self) -> Result<()> {
        if let Backend::Sqlite(sqlite) = &self.backend {
            sqlite.in_place()?;
        }
        migrations::check(self)
    }

    /// Runs a closure in one transaction and returns when it is durable. What the closure has put into the transaction's
    /// [`Outbox`](events::Outbox) is written with it.
    ///
    /// # Errors
    /// The closure's (then nothing was kept), or the database's.
    pub fn write<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let closure = |tx: &mut dyn Tx| {
            let answer = closure(tx)?;
            events::send(tx)?;
            Ok(answer)
        };
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(closure),
            Backend::Postgres(postgres) => postgres.write(closure),
        }
    }

    /// Finds out what a closure would do by doing it: it runs in a transaction that is undone whatever it answers. Others see
    /// nothing of it and are told of nothing. While it runs it holds the locks of a writer, so it should not be long.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub fn rehearse<T, E: From<Error>>(
        &self,
        closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.rehearse(closure),
            Backend::Postgres(postgres) => postgres.rehearse(closure),
        }
    }

    /// Runs a closure over one consistent state that it cannot change.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub fn read<T, E: From<Error>>(
        &self,
        closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read(closure),
            Backend::Postgres(postgres) => postgres.read(closure),
        }
    }

    /// Runs a closure that asks one thing and changes nothing. No transaction holds several statements together, which saves
    /// a server two of three turns.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub fn look_up<T, E: From<Error>>(
        &self,
        closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.look_up(closure),
            Backend::Postgres(postgres) => postgres.look_up(closure),
        }
    }

    /// Tells PostgreSQL what a large import has changed, and clears away the states that accruals had on the way, so that
    /// the next run is planned well and reads little: its own collector comes by a minute later. SQLite needs neither.
    ///
    /// # Errors
    /// What the database says.
    pub fn refresh_statistics(&self) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(postgres) => {
                postgres.batch(ANALYZE)?;
                postgres.batch(VACUUM)
            }
        }
    }

    /// Copies one consistent state of an embedded database into a new file, while others read and write.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for PostgreSQL, which has tools of its own; [`Error::Open`] where the file exists already;
    /// what the database says.
    pub fn backup(&self, file: &Path) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite::backup::copy(sqlite.path(), file),
            Backend::Postgres(_) => Err(Error::Unsupported(
                "PostgreSQL is backed up by its own tools: `pg_dump --format=custom --file=FILE URL`, and `pg_restore` back"
                    .to_owned(),
            )),
        }
    }

    /// Puts a copy that [`Store::backup`] has made in the place of an embedded database that is not there yet.
    ///
    /// # Errors
    /// As [`Store::backup`]; the copy is none of Quittance's.
    pub fn restore(file: &Path, url: &str) -> Result<()> {
        let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) else {
            return Err(Error::Unsupported(
                "only an embedded database is restored from a file; PostgreSQL has `pg_restore`".to_owned(),
            ));
        };
        if !file.exists() {
            return Err(Error::Open(format!("{}: there is no such file", file.display())));
        }
        let path = Path::new(path);
        sqlite::backup::copy(file, path)?;
        let checked = Store::open(url).and_then(|store| migrations::made_by_us(&store));
        if checked.is_err() {
            sqlite::backup::remove(path);
        }
        checked
    }

    /// Asks the database itself whether it is whole. It reads all of it.
    ///
    /// # Errors
    /// The database cannot be read. A fault that it tells of is none: the inspection names it.
    pub fn inspect(&self, faults_max: usize) -> Result<Inspection> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite::inspect::inspect(sqlite, faults_max),
            Backend::Postgres(postgres) => postgres::inspect::inspect(postgres, faults_max),
        }
    }

    /// Runs plain SQL outside the common rules: for tests that corrupt a database, and for measurements.
    ///
    /// # Errors
    /// What the database says.
    pub fn run_sql(&self, sql: &str) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.batch(sql),
            Backend::Postgres(postgres) => postgres.batch(sql),
        }
    }
}

/// What an import and the runs after it read.
const ANALYZE: &str = "ANALYZE conversions, conversion_revisions, books, parties, offers";
/// What an import changes again and again. This cannot share a transaction with anything else.
const VACUUM: &str = "VACUUM (ANALYZE) accruals";

/// A URL fit to be shown: what stands before an `@` is left out.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}
