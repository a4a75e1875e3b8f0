//! The locked books: nothing is posted up to their last day, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{AccrualFilter, PaymentRequest};
use quittance_store::changes;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-05");
    network.approve("a 1 1 2026-01-20 10.00\nb 1 1 2026-01-31 5.00");
    network
}

fn lock(network: &Network, through: &str) -> quittance_engine::Result<()> {
    network.engine.set_network(&network.call, &[("locked_through", through)]).map(|_| ())
}

/// What is accrued, by day in the books, in cents.
fn accrued(network: &Network) -> Vec<String> {
    let (kind, from, through) = (InvoiceKind::Payable, day("2026-01-01"), day("2026-12-31"));
    let filter = AccrualFilter { kind, party_id: None, from, through };
    let rows = network.engine.accruals(&network.call, &filter, None, 100).unwrap();
    rows.iter().map(|row| format!("{} {} {}", row.posting_day, row.offer_id, row.units / 10_000)).collect()
}

both_databases! {
    fn late_conversions_and_revisions_are_posted_on_the_first_open_day(database) {
        let network = network(database);
        lock(&network, "2026-01-31").unwrap();
        // New, approved late and of an offer that holds seven days from the day it happened; a reversal; a new text.
        network.approve("c 1 1 2026-01-25 3.00\nd 1 4 2026-01-30 4.00\ne 1 1 2026-02-01 1.00");
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-20", "10.00")]);
        let mut text = network.record("b", 1, 1, "approved", "2026-01-31", "5.00");
        text.texts[1] = Some("signup".into());
        network.ingest(vec![text]);
        assert_eq!(accrued(&network), ["2026-01-20 1 1000", "2026-01-31 1 500", "2026-02-01 1 -600", "2026-02-01 4 400"]);
        let entries = network.engine.conversion(&network.call, "c").unwrap();
        assert_eq!(entries.entries[0].posting_day, day("2026-02-01"));
        assert_eq!(entries.known.place.billable_day, day("2026-01-25"));
        assert_eq!(network.engine.conversion(&network.call, "d").unwrap().known.place.billable_day, day("2026-02-06"));
        network.assert_verified();
        let report = network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-02-04")), &mut |_| {});
        assert_eq!(report.unwrap().totals[0].units, 9_000_000);
        network.assert_verified();
    }

    fn the_ledger_goes_on_on_the_first_open_day(database) {
        let mut network = network(database);
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        network.at("2026-03-05");
        lock(&network, "2026-02-28").unwrap();
        let paid = PaymentRequest { day: Some(day("2026-02-20")), ..PaymentRequest::default() };
        network.engine.pay(&network.call, InvoiceId::new(1), None, &paid).unwrap();
        let payments = network.engine.invoice_payments(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!(payments[0].paid_day, day("2026-02-20"));
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap();
        let postings = network.engine.invoice_postings_after(&network.call, &invoice, None, 10).unwrap().rows;
        let days: Vec<_> = postings.iter().map(|p| (p.event.as_str(), p.posting_day)).collect();
        assert_eq!(days[0], ("issue", day("2026-02-05")));
        assert_eq!(days[2], ("payment", day("2026-03-01")));
        network.assert_verified();
    }

    fn only_days_that_are_over_are_locked_and_reopening_is_in_the_history(database) {
        let network = network(database);
        assert!(lock(&network, "2026-02-05").unwrap_err().to_string().contains("only days that are over"));
        lock(&network, "2026-02-04").unwrap();
        lock(&network, "2026-01-31").unwrap();
        lock(&network, "none").unwrap();
        assert_eq!(network.engine.network_settings(&network.call).unwrap().locked_through, None);
        let history = network.engine.store().read(|tx| changes::after(tx, network.call.network, 0, Some("setting"), 10));
        let of_lock = history.unwrap().into_iter().filter(|row| row.subject_id == "locked_through");
        let rows: Vec<_> = of_lock.map(|row| format!("{} {} {}", row.actor, row.action, row.details)).collect();
        assert_eq!(rows, [
            r#"test set {"from":"none","to":"2026-02-04"}"#,
            r#"test reopened {"from":"2026-02-04","to":"2026-01-31"}"#,
            r#"test reopened {"from":"2026-01-31","to":"none"}"#,
        ]);
    }
}
