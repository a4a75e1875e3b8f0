//! Databases for the tests: each test runs on an empty SQLite file and, where a server is there, on an empty
//! PostgreSQL database of its own.
//!
//! ```ignore
//! quittance_testkit::both_databases! {
//!     fn a_round_trip(database) {
//!         let engine = database.engine();
//!     }
//! }
//! ```

mod dice;
pub mod judges;
mod network;

use std::sync::atomic::{AtomicU32, Ordering};

use quittance_engine::Engine;
use quittance_store::Store;

pub use dice::Dice;
pub use network::{AFFILIATES, Network, OFFERS, day};

/// The variable that names a PostgreSQL server on which tests may make databases.
pub const POSTGRES_VARIABLE: &str = "QUITTANCE_TEST_POSTGRES";

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// An empty database, removed at the end.
pub struct TestDatabase {
    url: String,
    kept: Kept,
}

enum Kept {
    Folder(#[allow(dead_code, reason = "its drop removes the folder")] tempfile::TempDir),
    Server { url: String, database: String },
}

impl TestDatabase {
    /// An embedded database in a folder of its own.
    #[must_use]
    pub fn sqlite() -> TestDatabase {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        TestDatabase { url, kept: Kept::Folder(folder) }
    }

    /// A database of its own on the test server; `None` where there is no server.
    ///
    /// # Panics
    /// In CI, where a missing server must not pass for a skipped test.
    #[must_use]
    pub fn postgres() -> Option<TestDatabase> {
        let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
            assert!(std::env::var_os("CI").is_none(), "{POSTGRES_VARIABLE} is not set, and this is CI");
            println!("skipped: {POSTGRES_VARIABLE} is not set");
            return None;
        };
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let database = format!("test_{}_{number}", std::process::id());
        let admin = Store::open(&server).expect("the test server");
        admin.run_sql(&format!("DROP DATABASE IF EXISTS {database}")).expect("a free name");
        admin.run_sql(&format!("CREATE DATABASE {database}")).expect("a new database");
        let (base, _) = server.rsplit_once('/').expect("a database in the URL");
        Some(TestDatabase { url: format!("{base}/{database}"), kept: Kept::Server { url: server, database } })
    }

    /// The URL that opens it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An engine over it, migrated.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::open(&self.url).expect("a migrated database")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Kept::Server { url, database } = &self.kept
            && let Ok(admin) = Store::open(url)
        {
            let _ = admin.run_sql(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
        }
    }
}

/// Declares tests that run on both databases.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$attribute:meta])* fn $name:ident($database:ident) $body:block)*) => {
        $($(#[$attribute])* mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn check($database: &$crate::TestDatabase) $body

            #[test]
            fn sqlite() {
                check(&$crate::TestDatabase::sqlite());
            }

            #[test]
            fn postgres() {
                if let Some(database) = $crate::TestDatabase::postgres() {
                    check(&database);
                }
            }
        })*
    };
}
