//! Databases that fail: full, read-only, locked, gone in the middle. Each is said clearly, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Cursor;

use quittance_engine::ErrorKind;
use quittance_engine::ingest::ImportOptions;
use quittance_store::{Error, Store, networks};
use quittance_testkit::{Network, TestDatabase};

fn csv(rows: usize) -> String {
    let mut text = String::from("conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n");
    for i in 0..rows {
        text += &format!("f{i:06},{},{},approved,2026-01-05 10:00:00,1.00\n", i % 5 + 1, i % 3 + 1);
    }
    text
}

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network
}

#[test]
fn a_full_disk_keeps_what_was_counted_and_nothing_else() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    // SQLite's own limit on the size of the file stands in for the disk's.
    network.engine.store().run_sql("PRAGMA max_page_count = 2000").unwrap();
    let outcome =
        network.engine.import(&network.call, Cursor::new(csv(120_000)), &ImportOptions::default(), &mut |_| {});
    let failure = outcome.failure.expect("a full disk");
    assert!(matches!(failure, quittance_engine::Error::Store(Error::Full(_))), "{failure:?}");
    assert_eq!((failure.kind(), failure.is_definitive()), (ErrorKind::Busy, true));
    network.engine.store().run_sql("PRAGMA max_page_count = 1000000").unwrap();
    network.assert_verified();
    let again = network.engine.import(&network.call, Cursor::new(csv(120_000)), &ImportOptions::default(), &mut |_| {});
    assert!(again.failure.is_none());
    assert_eq!(again.counts.unchanged, outcome.counts.created);
    assert_eq!(again.counts.created + again.counts.unchanged, 120_000);
    network.assert_verified();
}

#[test]
fn a_read_only_database_says_so() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    network.engine.store().run_sql("PRAGMA query_only = ON").unwrap();
    let outcome = network.engine.import(&network.call, Cursor::new(csv(1)), &ImportOptions::default(), &mut |_| {});
    let failure = outcome.failure.expect("a read-only database");
    assert!(matches!(failure, quittance_engine::Error::Store(Error::ReadOnly(_))), "{failure:?}");
    assert_eq!(outcome.counts.total(), 0);
}

#[test]
fn a_server_that_drops_the_connection_loses_nothing_and_is_reached_again() {
    let Some(database) = TestDatabase::postgres() else { return };
    let network = network(&database);
    let other = Store::open(database.url()).unwrap();
    let drop_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let before = other.read(|tx| networks::current_epoch(tx, network.call.network)).unwrap();
    let failed = network.engine.store().write(|tx| {
        networks::raise_epoch(tx, network.call.network)?;
        other.run_sql(drop_others)?;
        networks::raise_epoch(tx, network.call.network)
    });
    assert!(matches!(failed, Err(Error::Lost(_))), "{failed:?}");
    let after = network.engine.store().read(|tx| networks::current_epoch(tx, network.call.network)).unwrap();
    assert_eq!(after, before);
    let outcome = network.engine.import(&network.call, Cursor::new(csv(10)), &ImportOptions::default(), &mut |_| {});
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    network.assert_verified();
}

#[test]
fn a_server_that_says_not_now_is_asked_again_later_whatever_its_code() {
    let Some(database) = TestDatabase::postgres() else { return };
    let store = Store::open(database.url()).unwrap();
    let kind_of = |sql: &str| {
        let error = quittance_engine::Error::from(store.run_sql(sql).unwrap_err());
        assert!(error.is_definitive(), "{error}");
        (error.kind(), error.to_string())
    };
    // The classes of the appendix "PostgreSQL Error Codes" that pass by themselves or by an operator's hand.
    for code in [
        "08000", "08003", "08006", "25006", "25P03", "25P04", "40000", "40001", "40003", "40P01", "53000", "53100",
        "53200", "53300", "53400", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58000", "58030",
        "72000",
    ] {
        let (kind, told) =
            kind_of(&format!("DO $$ BEGIN RAISE EXCEPTION 'of {code}' USING ERRCODE = '{code}'; END $$"));
        assert_eq!(kind, ErrorKind::Busy, "{code}: {told}");
    }
    // What does not pass is a defect.
    assert_eq!(kind_of("SELECT nothing FROM nowhere").0, ErrorKind::Internal);
}

#[test]
fn a_statement_that_takes_too_long_or_is_cancelled_changes_nothing() {
    let Some(database) = TestDatabase::postgres() else { return };
    let network = network(&database);
    let impatient = format!("{}?options=-c%20statement_timeout%3D200ms", database.url());
    let store = Store::open(&impatient).unwrap();
    let failed = store.run_sql("SELECT pg_sleep(5)").unwrap_err();
    assert!(matches!(failed, Error::NotNow(_)), "{failed:?}");
    assert!(failed.to_string().contains("statement timeout"), "{failed}");
    // A write that waits for another's lock longer than the server lets it.
    let epoch = || network.engine.store().read(|tx| networks::current_epoch(tx, network.call.network)).unwrap();
    let before = epoch();
    network
        .engine
        .store()
        .write(|tx| {
            networks::raise_epoch(tx, network.call.network)?;
            let second = store.write(|tx| networks::raise_epoch(tx, network.call.network));
            assert!(matches!(second, Err(Error::NotNow(_))), "{second:?}");
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(epoch(), before + 1);
    // Cancelled by an administrator.
    let cancelled = std::thread::scope(|scope| {
        let sleeping = scope.spawn(|| network.engine.store().run_sql("SELECT pg_sleep(30)"));
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(30)%'";
        while !sleeping.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(50));
            store.run_sql(cancel).unwrap();
        }
        sleeping.join().unwrap()
    });
    assert!(matches!(cancelled, Err(Error::NotNow(_))), "{cancelled:?}");
}
