//! Several processes at once: two that run the same billing, an ingest that is paused while a run is issued, many small
//! writers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use quittance_domain::accrual::{Book, Bucket, Tally};
use quittance_domain::conversion::{ConversionStatus, Elsewhere, EntryPlace, KnownConversion};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, OfferId};
use quittance_domain::money::Money;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::InvoiceFilter;
use quittance_store::accruals::{AccrualRow, RowKey};
use quittance_store::conversions::State;
use quittance_store::dialect::Dialect;
use quittance_store::{Error, accruals, conversions, networks};
use quittance_testkit::{Network, both_databases, day};

fn bill(network: &Network) -> i64 {
    let request = RunRequest::payable_through(day("2026-01-31"));
    network.engine.bill(&network.call, &request, &mut |_| {}).unwrap().invoices()
}

/// Affiliates beyond those of the test network, one conversion each.
fn many(network: &Network, affiliates: i64) {
    let records = (0..affiliates)
        .map(|i| network.record(&format!("m{i}"), i % 5 + 1, i % 3 + 1, "approved", "2026-01-10", "1.00"));
    network.ingest(records.collect());
}

both_databases! {
    fn two_processes_that_run_the_same_billing_issue_each_invoice_once(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        many(&network, 200);
        let other = network.again(database.engine());
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| bill(&network));
            let b = scope.spawn(|| bill(&other));
            (a.join().unwrap(), b.join().unwrap())
        });
        // Both report the one run, or the second found nothing left.
        assert!([(5, 5), (5, 0), (0, 5)].contains(&(a, b)), "{a} and {b}");
        let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 100).unwrap();
        assert_eq!(invoices.len(), 5);
        network.assert_verified();
    }

    fn an_ingest_that_is_paused_while_a_run_is_issued_loses_and_doubles_nothing(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.approve("a1 1 1 2026-01-05 10");
        let engine = database.engine();
        let (written, until_written) = mpsc::channel();
        let (resume, until_resumed) = mpsc::channel::<()>();
        let record = network.record("late", 1, 1, "approved", "2026-01-20", "5");
        let usd = Currency::parse("USD").unwrap();
        std::thread::scope(|scope| {
            let call = network.call.clone();
            let ingest = scope.spawn(move || {
                engine.store().write(|tx| {
                    let epoch = networks::present(tx, call.network)?.epoch;
                    let place = EntryPlace { epoch, posting_day: day("2026-01-20"), billable_day: day("2026-01-20") };
                    let conversion = quittance_domain::conversion::Conversion {
                        conversion_id: record.conversion_id.clone(),
                        status: ConversionStatus::Approved,
                        affiliate_id: record.affiliate_id.unwrap(),
                        offer_id: record.offer_id.unwrap(),
                        advertiser_id: None,
                        occurred_at: record.occurred_at.unwrap(),
                        payout: Money::new(5_000_000, usd),
                        revenue: Money::zero(usd),
                        terms: Default::default(),
                        updated_at: None,
                        settled: false,
                        texts: Default::default(),
                    };
                    let elsewhere = Elsewhere::default();
                    let known =
                        KnownConversion { conversion, received: None, elsewhere, revision: 1, place };
                    conversions::create(tx, call.network, &[&State { known, received_at: call.now }])?;
                    let book = Book { kind: InvoiceKind::Payable, party_id: 1, currency: usd };
                    let bucket = Bucket { book, place, offer_id: OfferId::new(1) };
                    let tally = Tally { units: 5_000_000, conversions: 1 };
                    accruals::add(tx, call.network, &[AccrualRow { key: RowKey { bucket, origin: None }, tally }])?;
                    written.send(()).unwrap();
                    until_resumed.recv().unwrap();
                    Ok::<_, Error>(())
                })
            });
            until_written.recv().unwrap();
            let run = scope.spawn(|| bill(&network));
            // The run must wait for the ingest: it raises the epoch that the ingest holds.
            std::thread::sleep(Duration::from_millis(200));
            assert!(!run.is_finished());
            resume.send(()).unwrap();
            ingest.join().unwrap().unwrap();
            assert_eq!(run.join().unwrap(), 1);
        });
        network.assert_verified();
        let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 10).unwrap();
        let billed: i64 = invoices.iter().map(|invoice| invoice.billed_units).sum();
        assert_eq!((billed, bill(&network)), (15_000_000, 0));
    }

    fn the_same_records_from_two_processes_count_once(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let other = network.again(database.engine());
        std::thread::scope(|scope| {
            scope.spawn(|| many(&network, 300));
            scope.spawn(|| many(&other, 300));
        });
        network.assert_verified();
        assert_eq!(bill(&network), 5);
        let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 10).unwrap();
        assert_eq!(invoices.iter().map(|i| i.billed_units).sum::<i64>(), 300_000_000);
    }

    fn many_small_writers_share_commits_and_lose_nothing(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        std::thread::scope(|scope| {
            for writer in 0..32 {
                let network = &network;
                scope.spawn(move || {
                    for i in 0..5 {
                        let id = format!("w{writer}-{i}");
                        let good = network.record(&id, 1, 1, "approved", "2026-01-10", "0.01");
                        let bad = network.record(&format!("{id}x"), 99, 1, "approved", "2026-01-10", "0.01");
                        let report = network.ingest(vec![good, bad]);
                        assert_eq!((report.counts.created, report.counts.rejected), (1, 1));
                    }
                });
            }
        });
        network.assert_verified();
        assert_eq!(bill(&network), 1);
        let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 10).unwrap();
        assert_eq!(invoices[0].billed_units, 1_600_000);
    }

    fn ingests_that_overlap_without_end_do_not_keep_a_run_from_its_start(database) {
        let network = Network::create(database.engine());
        let (store, id) = (network.engine.store(), network.call.network);
        const TURNS: u32 = 60;
        let raised = AtomicBool::new(false);
        let turns = std::thread::scope(|scope| {
            let ingest = || {
                for turn in 0..TURNS {
                    if raised.load(Ordering::SeqCst) {
                        return turn;
                    }
                    let held = store.write(|tx| {
                        networks::present(tx, id)?;
                        std::thread::sleep(Duration::from_millis(40));
                        Ok::<_, Error>(())
                    });
                    held.unwrap();
                }
                TURNS
            };
            let ingests = [(); 6].map(|()| scope.spawn(ingest));
            std::thread::sleep(Duration::from_millis(100));
            store.write(|tx| networks::raise_epoch(tx, id)).unwrap();
            raised.store(true, Ordering::SeqCst);
            ingests.map(|ingest| ingest.join().unwrap())
        });
        assert!(turns.iter().all(|turns| *turns < TURNS), "the run waited until the ingests had ended: {turns:?}");
    }

    fn what_a_closure_wrote_before_it_failed_is_gone(database) {
        let network = Network::create(database.engine());
        let store = network.engine.store();
        let before = store.read(|tx| networks::current_epoch(tx, network.call.network)).unwrap();
        let failed = store.write(|tx| {
            networks::raise_epoch(tx, network.call.network)?;
            Err::<(), _>(Error::Corrupt("on purpose".into()))
        });
        assert!(failed.is_err());
        assert_eq!(store.read(|tx| networks::current_epoch(tx, network.call.network)).unwrap(), before);
        if store.dialect() == Dialect::Sqlite {
            store.write(|tx| networks::raise_epoch(tx, network.call.network)).unwrap();
        }
    }
}
