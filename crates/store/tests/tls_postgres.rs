//! Connections to PostgreSQL are encrypted as their URL says. The throw-away cluster of `cargo xtask` has the certificate
//! in `testkit/tls`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_store::{Error, Result, Store};
use quittance_testkit::TestDatabase;

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/tls/ca.pem");
const OTHER_AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/tls/other_ca.pem");

fn number(store: &Store, sql: &'static str) -> i64 {
    store.read(|tx| tx.query_one(sql, &[])).unwrap().unwrap().int(0).unwrap()
}

fn open(database: &TestDatabase, parameters: &str) -> Result<bool> {
    let store = Store::open(&format!("{}?{parameters}", database.url()))?;
    Ok(number(&store, "SELECT COUNT(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl") == 1)
}

#[test]
fn a_connection_is_encrypted_and_verified_as_its_url_says() {
    let Some(database) = TestDatabase::postgres() else { return };
    let plain = Store::open(&format!("{}?sslmode=disable", database.url())).unwrap();
    if number(&plain, "SELECT COUNT(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'") == 0 {
        println!("skipped: the test server does not encrypt");
        return;
    }
    assert!(!open(&database, "sslmode=disable").unwrap());
    assert!(open(&database, "sslmode=prefer").unwrap());
    assert!(open(&database, "sslmode=require&connect_timeout=5").unwrap());
    assert!(open(&database, &format!("sslmode=verify-full&sslrootcert={AUTHORITY}")).unwrap());
    for refused in [
        format!("sslmode=verify-full&sslrootcert={OTHER_AUTHORITY}"),
        format!("sslmode=require&sslrootcert={OTHER_AUTHORITY}"),
        "sslmode=verify-full".to_owned(),
    ] {
        let error = open(&database, &refused).unwrap_err();
        assert!(matches!(&error, Error::Open(text) if text.contains("certificate")), "{refused}: {error}");
    }
}
