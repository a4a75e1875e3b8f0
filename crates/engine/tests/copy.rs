//! Copying a whole database: from each kind into each kind, cut short, and into a target that is something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::copy::CopyReport;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::{Engine, ErrorKind};
use quittance_testkit::{Network, TestDatabase, both_databases, day};

/// A network with a bit of everything: revisions, a paid, a void and a corrected invoice, texts beyond ASCII.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network.approve("a1 1 1 2026-01-05 10.00\na2 1 2 2026-01-06 2.505\nB1 2 1 2026-01-31 7\né1 3 1 2026-01-31 7\nz 4 4 2026-01-30 1");
    network.ingest(vec![network.record("a1", 1, 1, "approved", "2026-01-05", "11.00")]);
    let (engine, call) = (&network.engine, &network.call);
    engine.bill(call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    engine.correct(call, InvoiceId::new(1), None, "-1", "für Werbung").unwrap();
    engine
        .pay(call, InvoiceId::new(1), None, &PaymentRequest { amount: Some("5".into()), ..Default::default() })
        .unwrap();
    engine.void(call, InvoiceId::new(2), None, VoidReason::Other, "").unwrap();
    network.approve("b2 2 1 2026-01-31 3");
    network
}

fn copy(network: &Network, target: &Engine) -> CopyReport {
    let report = network.engine.copy_to(target, network.call.now, &mut |_, _| {}).unwrap();
    assert!(report.ok(), "{report:?}");
    report
}

fn copied(report: &CopyReport) -> Vec<(&'static str, u64)> {
    report.tables.iter().filter(|(.., copied)| *copied > 0).map(|(table, _, copied)| (*table, *copied)).collect()
}

/// The tables that are there after all migrations, by name, read from their text: whoever forgets one in a copy forgets it
/// here no more.
fn tables_of_the_migrations() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut tables = std::collections::BTreeSet::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();
            match words[..] {
                ["CREATE", "TABLE", name, ..] => tables.insert(name.to_owned()),
                ["DROP", "TABLE", name] => tables.remove(name),
                ["ALTER", "TABLE", old, "RENAME", "TO", new] => tables.remove(old) && tables.insert(new.to_owned()),
                _ => continue,
            };
        }
    }
    assert!(tables.len() > 20, "{tables:?}");
    tables.into_iter().collect()
}

/// What a reader sees of a database.
fn seen(engine: &Engine, network: &Network) -> String {
    let call = &network.call;
    let invoices: Vec<_> = (1..=3).map(|id| engine.invoice(call, InvoiceId::new(id)).unwrap()).collect();
    let lines = engine.invoice_lines(call, InvoiceId::new(1)).unwrap();
    let conversions: Vec<_> = ["a1", "B1", "é1"].iter().map(|id| engine.conversion(call, id).unwrap()).collect();
    format!("{invoices:?}\n{lines:?}\n{conversions:?}\n{:?}", engine.network_settings(call).unwrap())
}

both_databases! {
    fn a_copy_is_the_same_and_goes_on_where_it_stopped(database) {
        let network = network(database);
        let targets = [Some(TestDatabase::sqlite()), TestDatabase::postgres()];
        for target in targets.iter().flatten() {
            let engine = target.engine();
            let report = copy(&network, &engine);
            let rows = |table: &str| report.tables.iter().find(|(name, ..)| *name == table).unwrap().1;
            assert_eq!((rows("conversions"), rows("conversion_revisions"), rows("invoices"), rows("networks")), (6, 1, 3, 1));
            assert_eq!(seen(&engine, &network), seen(&network.engine, &network));
            assert_eq!(copied(&copy(&network, &engine)), []);
            // Cut short in the middle of a table, whose keys are compared byte by byte on both databases.
            engine.store().run_sql("DELETE FROM conversions WHERE conversion_id > 'a2'").unwrap();
            engine.store().run_sql("DELETE FROM postings").unwrap();
            let again = copied(&copy(&network, &engine));
            assert_eq!(again[0], ("conversions", 3));
            assert_eq!(again[1].0, "postings");
            assert_eq!(seen(&engine, &network), seen(&network.engine, &network));
            // The copy lives on: its next invoice has the next number.
            let run = RunRequest::payable_through(day("2026-01-31"));
            let copy = network.again(target.engine());
            assert_eq!(copy.engine.bill(&copy.call, &run, &mut |_| {}).unwrap().invoices(), 1);
            assert_eq!(copy.engine.invoice(&copy.call, InvoiceId::new(4)).unwrap().number.get(), 4);
            copy.assert_verified();
            // It is no copy any more.
            let refused = network.engine.copy_to(&engine, network.call.now, &mut |_, _| {}).unwrap_err();
            assert!(refused.to_string().contains("not empty"), "{refused}");
            assert_eq!(refused.kind(), ErrorKind::Invalid);
        }
    }

    fn every_table_is_copied_also_one_that_is_made_later(database) {
        let network = network(database);
        network.engine.keep_pull_place(&network.call, "vendor https://account.example", "conversions", "{}").unwrap();
        let target = TestDatabase::sqlite();
        let engine = target.engine();
        let report = copy(&network, &engine);
        let mut copied: Vec<&str> = report.tables.iter().map(|(name, ..)| *name).collect();
        copied.sort_unstable();
        assert_eq!(copied, tables_of_the_migrations());
        let place = engine.pull_place(&network.call, "vendor https://account.example", "conversions").unwrap();
        assert_eq!(place.as_deref(), Some("{}"));
    }

    fn a_target_of_something_else_is_refused(database) {
        let network = network(database);
        let other = TestDatabase::sqlite();
        let stranger = Network::create(other.engine());
        let refused = network.engine.copy_to(&stranger.engine, network.call.now, &mut |_, _| {}).unwrap_err();
        assert!(refused.to_string().contains("not empty"), "{refused}");
        stranger.assert_verified();
    }

    fn a_source_that_changes_meanwhile_is_found_out(database) {
        let network = network(database);
        let target = TestDatabase::sqlite();
        let engine = target.engine();
        let mut once = Some(());
        let changed = network.engine.copy_to(&engine, network.call.now, &mut |table, _| {
            if table == "conversions" && once.take().is_some() {
                network.approve("late 1 1 2026-01-05 4.00");
            }
        });
        assert!(!changed.is_ok_and(|report| report.ok()));
    }
}
