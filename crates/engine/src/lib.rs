//! The engine: one method per use case of Quittance.
//!
//! Each method loads what it needs, lets the domain decide, and writes in one transaction. It is told who calls, for
//! which network and when ([`Call`]): nothing here reads a clock, draws a random number or knows HTTP.
//!
//! To add a use case: write its SQL in the store, its rule in the domain, and a file here with the method on
//! [`Engine`], its small types and its tests.

pub mod addresses;
pub mod balances;
pub mod billing;
pub mod copy;
pub mod erasure;
mod error;
pub mod events;
mod give_back;
pub mod history;
pub mod idempotency;
pub mod ingest;
pub mod invoices;
pub mod keys;
mod measure;
pub mod network_file;
pub mod networks;
pub mod parties;
mod party_rules;
mod places;
mod pulls;
pub mod rates;
pub mod records;
pub mod reference;
pub mod referral_payments;
pub mod reports;
pub mod schedule;
pub mod settings;
mod unbilled;
pub mod users;
pub mod verify;
pub mod webhooks;

use std::path::Path;

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;
use quittance_store::Store;
use quittance_store::dialect::Dialect;

pub use crate::error::{Error, ErrorKind, Result};

/// All use cases, over one database. Cheap to share between threads by an `Arc`.
pub struct Engine {
    pub(crate) store: Store,
    directories: ingest::Directories,
}

/// Who calls, for which network, and when. Every use case takes one.
#[derive(Debug, Clone)]
pub struct Call {
    /// The network; everything that is read or changed belongs to it.
    pub network: NetworkId,
    /// Who: `key 3 (name)` or `command line`. Goes into the history as it is.
    pub actor: String,
    /// The present instant.
    pub now: Timestamp,
    /// The claim of an idempotency key that the change answers, in the same transaction.
    pub claimed: Option<idempotency::Claimed>,
}

impl Engine {
    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(url: &str) -> Result<Engine> {
        let store = Store::open(url)?;
        store.migrate()?;
        Ok(Engine::over(store))
    }

    /// Copies an embedded database into a new file while it is in use.
    ///
    /// # Errors
    /// The database is PostgreSQL, the file exists already, or what the store says.
    pub fn backup(&self, file: &Path) -> Result<()> {
        Ok(self.store.backup(file)?)
    }

    /// Puts a copy in the place of an embedded database that is not there yet.
    ///
    /// # Errors
    /// The database exists already, the file is no copy of one, or what the store says.
    pub fn restore(file: &Path, url: &str) -> Result<()> {
        Ok(Store::restore(file, url)?)
    }

    /// An engine over a store that is open and migrated.
    #[must_use]
    pub fn over(store: Store) -> Engine {
        Engine { store, directories: ingest::Directories::default() }
    }

    /// Whether the database is in this process, so that reading a row by its key asks nobody else.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.store.dialect() == Dialect::Sqlite
    }

    /// Whether the database answers and has this program's schema.
    ///
    /// # Errors
    /// What the store says.
    pub fn ready(&self) -> Result<()> {
        Ok(self.store.check()?)
    }

    /// The store under the engine: for tests and measurements.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
