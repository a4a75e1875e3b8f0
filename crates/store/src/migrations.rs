//! The schema's versions, applied in order on start.

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::tx::Tx;
use crate::{Param, Store};

/// Every version's statements, the first at index 0. A published one is never edited; a change is a new one.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
    include_str!("../migrations/0007.sql"),
    include_str!("../migrations/0008.sql"),
    include_str!("../migrations/0009.sql"),
    include_str!("../migrations/0010.sql"),
    include_str!("../migrations/0011.sql"),
    include_str!("../migrations/0012.sql"),
    include_str!("../migrations/0013.sql"),
    include_str!("../migrations/0014.sql"),
    include_str!("../migrations/0015.sql"),
    include_str!("../migrations/0016.sql"),
    include_str!("../migrations/0017.sql"),
    include_str!("../migrations/0018.sql"),
    include_str!("../migrations/0019.sql"),
    include_str!("../migrations/0020.sql"),
    include_str!("../migrations/0021.sql"),
    include_str!("../migrations/0022.sql"),
    include_str!("../migrations/0023.sql"),
    include_str!("../migrations/0024.sql"),
    include_str!("../migrations/0025.sql"),
    include_str!("../migrations/0026.sql"),
];

/// The version of the first of them. Lower ones were made while Quittance was being built, and cannot be upgraded.
const FIRST_VERSION: i64 = 3;

/// The schema version that this program reads and writes.
pub const SCHEMA_VERSION: i64 = FIRST_VERSION - 1 + MIGRATIONS.len() as i64;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_versions (version {int} NOT NULL PRIMARY KEY) {clustered}";
const EXISTS_SQLITE: &str = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_versions'";
const EXISTS_POSTGRES: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'schema_versions' \
     AND table_schema = current_schema()";
const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_versions";
const RECORD: &str = "INSERT INTO schema_versions (version) VALUES ($1)";
/// Held until the migration commits, so that of several processes that start at once one migrates and the others
/// find its work done. The number means nothing but "Quittance's schema".
const LOCK_POSTGRES: &str = "SELECT CAST(pg_advisory_xact_lock(5178849) AS TEXT)";

fn version(store: &Store, tx: &mut dyn Tx) -> Result<i64> {
    let exists = match store.dialect() {
        Dialect::Sqlite => EXISTS_SQLITE,
        Dialect::Postgres => EXISTS_POSTGRES,
    };
    let found = tx.query_one(exists, &[])?.map_or(Ok(0), |row| row.int(0))?;
    if found == 0 {
        return Ok(0);
    }
    tx.query_one(VERSION, &[])?.map_or(Ok(0), |row| row.int(0))
}

fn upgradable(found: i64) -> Result<()> {
    match found {
        0 | FIRST_VERSION..=SCHEMA_VERSION => Ok(()),
        _ if found > SCHEMA_VERSION => Err(Error::Newer { found, known: SCHEMA_VERSION }),
        _ => Err(Error::Unreleased { found }),
    }
}

pub(crate) fn migrate(store: &Store) -> Result<()> {
    // Most starts find nothing to do, and must not wait for a writer then.
    let found = store.read(|tx| version(store, tx))?;
    upgradable(found)?;
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    store.write(|tx| {
        if store.dialect() == Dialect::Postgres {
            tx.query(LOCK_POSTGRES, &[])?;
        }
        tx.execute(CREATE, &[])?;
        let found = version(store, tx)?;
        upgradable(found)?;
        for (version, migration) in (FIRST_VERSION..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
            for statement in statements(migration) {
                tx.execute(statement, &[])?;
            }
            tx.execute(RECORD, &[Param::Int(version)])?;
        }
        Ok(())
    })
}

/// The statements of a migration: they end with a semicolon at the end of a line.
fn statements(migration: &'static str) -> impl Iterator<Item = &'static str> {
    let blank = |text: &str| text.lines().all(|line| line.trim().is_empty() || line.starts_with("--"));
    migration.split(";\n").filter(move |statement| !blank(statement))
}

/// Whether a database is one of Quittance's, of this version or one that can be upgraded.
pub(crate) fn made_by_us(store: &Store) -> Result<()> {
    match store.read(|tx| version(store, tx))? {
        0 => Err(Error::Open("the file is no database of Quittance".to_owned())),
        found => upgradable(found),
    }
}

pub(crate) fn check(store: &Store) -> Result<()> {
    let found = store.read(|tx| version(store, tx))?;
    upgradable(found)?;
    if found < SCHEMA_VERSION {
        return Err(Error::Older { found, known: SCHEMA_VERSION });
    }
    Ok(())
}
