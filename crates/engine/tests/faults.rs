//! Databases that fail: full, read-only, locked, gone in the middle. Each is said clearly, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use quittance_domain::ids::InvoiceId;
use quittance_engine::billing::RunRequest;
use quittance_engine::ingest::ImportOptions;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::{Engine, ErrorKind};
use quittance_store::{Error, Store, networks};
use quittance_testkit::{Network, TestDatabase, day};

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

/// What becomes of the next commit that passes.
const PASSES: u8 = 0;
/// It reaches the server, and its answer does not come back.
const ANSWER_LOST: u8 = 1;
/// It does not reach the server.
const CUT_BEFORE: u8 = 2;
/// It reaches the server, and nothing after it.
const SERVER_LOST: u8 = 3;

/// What stands between a program and a server, and cuts connections at a commit.
struct Between {
    address: String,
    fate: Arc<AtomicU8>,
}

impl Between {
    fn start(server: String) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let fate = Arc::new(AtomicU8::new(PASSES));
        let of_all = Arc::clone(&fate);
        std::thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                if of_all.load(Ordering::SeqCst) == SERVER_LOST {
                    continue;
                }
                let upstream = TcpStream::connect(&server).unwrap();
                let (mut from, mut to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let fate = Arc::clone(&of_all);
                std::thread::spawn(move || forward(client, upstream, &fate));
            }
        });
        Between { address, fate }
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, fate: &AtomicU8) {
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..read];
        let commits = sent.windows(7).any(|bytes| bytes == b"COMMIT\0");
        match if commits { fate.load(Ordering::SeqCst) } else { PASSES } {
            PASSES => server.write_all(sent).unwrap(),
            cut => {
                if cut != SERVER_LOST {
                    fate.store(PASSES, Ordering::SeqCst);
                }
                let _ = client.shutdown(Shutdown::Both);
                if cut != CUT_BEFORE {
                    server.write_all(sent).unwrap();
                    // The server has time to do it; then the connection ends.
                    std::thread::sleep(Duration::from_millis(300));
                }
                break;
            }
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Invoice 1 is of 10.00. Four payments of 1.00, each cut at its commit in another way: what became of it is found out, and
/// where that cannot be, it is said.
#[test]
fn what_became_of_a_commit_whose_connection_is_lost_is_found_out() {
    let Some(database) = TestDatabase::postgres() else { return };
    let network = network(&database);
    network.approve("a 1 1 2026-01-05 10.00");
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    let (start, rest) = database.url().split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let between = Between::start(server.to_owned());
    // What is encrypted cannot be cut at a commit.
    let engine = Engine::open(&format!("{start}@{}/{name}?sslmode=disable", between.address)).unwrap();
    let pay = |fate: u8| {
        between.fate.store(fate, Ordering::SeqCst);
        let one = PaymentRequest { amount: Some("1".into()), ..PaymentRequest::default() };
        engine.pay(&network.call, InvoiceId::new(1), None, &one)
    };
    let paid = || network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap().paid_units / 1_000_000;
    assert!(pay(PASSES).is_ok());
    let unit = paid();
    let found = pay(ANSWER_LOST).unwrap();
    assert_eq!((found.paid_units, paid()), (unit * 2 * 1_000_000, unit * 2), "it was committed");
    let refused = pay(CUT_BEFORE).unwrap_err();
    assert_eq!((refused.kind(), refused.is_definitive(), paid()), (ErrorKind::Busy, true, unit * 2), "{refused}");
    let unknown = pay(SERVER_LOST).unwrap_err();
    assert_eq!((unknown.kind(), unknown.is_definitive(), paid()), (ErrorKind::Busy, false, unit * 3), "{unknown}");
    assert!(unknown.to_string().contains("it is not known whether the change was made"), "{unknown}");
    between.fate.store(PASSES, Ordering::SeqCst);
    assert!(pay(PASSES).is_ok());
    assert_eq!(paid(), unit * 4);
    network.assert_verified();
}

#[test]
fn a_file_that_is_moved_takes_nothing_until_it_is_back() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    network.approve("a 1 1 2026-01-05 10.00");
    let path = database.url().trim_start_matches("sqlite://").to_owned();
    let moved = format!("{path}.moved");
    let import = |from: &str| {
        let text = format!(
            "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n{from},1,1,approved,2026-01-05 10:00:00,1\n"
        );
        network.engine.import(&network.call, Cursor::new(text), &ImportOptions::default(), &mut |_| {})
    };
    for file in [path.clone(), format!("{path}-wal")] {
        network.engine.ready().unwrap();
        std::fs::rename(&file, &moved).unwrap();
        let outcome = import("b");
        let failure = outcome.failure.expect("a file that is gone");
        assert!(matches!(failure, quittance_engine::Error::Store(Error::Gone(_))), "{failure:?}");
        assert_eq!((failure.kind(), failure.is_definitive()), (ErrorKind::Busy, true));
        assert!(failure.to_string().contains(&file), "{failure}");
        assert!(network.engine.ready().unwrap_err().is_gone());
        // Another file of that name is not the database.
        std::fs::write(&file, "").unwrap();
        assert!(network.engine.ready().unwrap_err().is_gone());
        std::fs::rename(&moved, &file).unwrap();
        network.engine.ready().unwrap();
    }
    assert_eq!(import("c").counts.created, 1);
    network.assert_verified();
    std::fs::remove_file(&path).unwrap();
    assert!(import("d").failure.is_some_and(|failure| failure.is_gone()));
}
