//! Invoices to advertisers: the same engine over what advertisers owe, with numbers and accounts of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{ConversionQuery, InvoiceFilter, PaymentRequest, TakeOffRequest};
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

/// Three conversions of one advertiser by two affiliates: 10 + 20 + 5 in revenue, and one without any.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    let record = |id: &str, affiliate, offer, on: &str, payout: &str, revenue: &str| ConversionRecord {
        revenue: Some(revenue.into()),
        ..network.record(id, affiliate, offer, "approved", on, payout)
    };
    let records = vec![
        record("a", 1, 1, "2026-01-05", "6.00", "10.00"),
        record("b", 2, 1, "2026-01-06", "12.00", "20.00"),
        record("c", 1, 2, "2026-01-06", "3.00", "5.00"),
        record("d", 1, 2, "2026-01-06", "1.00", "0"),
    ];
    assert_eq!(network.ingest(records).counts.created, 4);
    network
}

fn bill(network: &Network, kind: InvoiceKind) -> Vec<InvoiceId> {
    let request = match kind {
        InvoiceKind::Payable => RunRequest::payable_through(day("2026-01-31")),
        InvoiceKind::Receivable => RunRequest::receivable_through(day("2026-01-31")),
    };
    let report = network.engine.bill(&network.call, &request, &mut |_| {}).unwrap();
    let filter = InvoiceFilter { run_id: report.run_id, ..InvoiceFilter::default() };
    let invoices = network.engine.invoices(&network.call, &filter, 0, 100).unwrap();
    invoices.iter().map(|invoice| invoice.invoice_id).collect()
}

/// The balances of all accounts in units of a cent.
fn balances(network: &Network) -> Vec<(String, i64)> {
    let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
    balances.into_iter().map(|(account, _, units)| (account, units / 10_000)).filter(|(_, cents)| *cents != 0).collect()
}

fn expected(balances: &[(&str, i64)]) -> Vec<(String, i64)> {
    balances.iter().map(|(account, cents)| ((*account).to_owned(), *cents)).collect()
}

both_databases! {
    fn an_advertiser_is_billed_what_its_conversions_bring(database) {
        let network = network(database);
        let payable = bill(&network, InvoiceKind::Payable);
        let receivable = bill(&network, InvoiceKind::Receivable);
        assert_eq!((payable.len(), receivable.len()), (2, 1));
        let (engine, call) = (&network.engine, &network.call);
        let invoice = engine.invoice(call, receivable[0]).unwrap();
        assert_eq!((invoice.book.kind, invoice.book.party_id), (InvoiceKind::Receivable, 1));
        assert_eq!((invoice.number.get(), invoice.billed_units), (1, 35_000_000));
        let lines = engine.invoice_lines(call, invoice.invoice_id).unwrap();
        let lines: Vec<_> = lines.iter().map(|l| (l.offer_id.unwrap().get(), l.taken.conversions, l.units)).collect();
        assert_eq!(lines, [(1, 2, 30_000_000), (2, 1, 5_000_000)]);
        let query = ConversionQuery { limit: 10, ..ConversionQuery::default() };
        let page = engine.invoice_conversions(call, invoice.invoice_id, &query).unwrap();
        let ids: Vec<_> = page.conversions.iter().map(|c| (c.conversion_id.as_str(), c.amount.units())).collect();
        assert_eq!(ids, [("a", 10_000_000), ("b", 20_000_000), ("c", 5_000_000)]);
        let entries = engine.conversion(call, "b").unwrap().entries;
        let places: Vec<_> = entries.iter().map(|e| (e.kind, e.party_id, e.invoice_id)).collect();
        assert_eq!(places, [
            (InvoiceKind::Payable, 2, Some(payable[1])),
            (InvoiceKind::Receivable, 1, Some(receivable[0])),
        ]);
        assert_eq!(balances(&network), expected(&[
            ("advertiser_receivable", 3500), ("affiliate_payable", -2200), ("commission_expense", 2200), ("revenue", -3500),
        ]));
        network.assert_verified();
    }

    fn it_is_paid_in_parts_and_its_conversions_come_back_when_it_is_void(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let id = bill(&network, InvoiceKind::Receivable)[0];
        let off = TakeOffRequest::Conversions(vec!["a".to_owned()]);
        assert_eq!(engine.take_off(call, id, None, &off).unwrap().billed_units, 25_000_000);
        let pay = PaymentRequest { amount: Some("4.00".into()), rail: Some("wire".into()), ..PaymentRequest::default() };
        assert_eq!(engine.pay(call, id, None, &pay).unwrap().paid_units, 4_000_000);
        assert_eq!(balances(&network), expected(&[
            ("advertiser_receivable", 2100), ("clearing:wire", 400), ("revenue", -2500),
        ]));
        network.assert_verified();
        engine.void(call, id, None, VoidReason::Other, "").unwrap();
        assert_eq!(balances(&network), expected(&[("advertiser_receivable", -400), ("clearing:wire", 400)]));
        network.assert_verified();
        let again = bill(&network, InvoiceKind::Receivable)[0];
        let invoice = engine.approve(call, again, None).unwrap();
        assert_eq!((invoice.billed_units, invoice.paid_units), (35_000_000, 4_000_000));
        let rest = PaymentRequest { rail: Some("wire".into()), ..PaymentRequest::default() };
        engine.pay(call, again, None, &rest).unwrap();
        assert_eq!(balances(&network), expected(&[("clearing:wire", 3500), ("revenue", -3500)]));
        network.assert_verified();
    }

    fn a_reversal_after_billing_is_on_the_next_invoice_of_both(database) {
        let mut network = network(database);
        bill(&network, InvoiceKind::Payable);
        bill(&network, InvoiceKind::Receivable);
        network.at("2026-03-02");
        let revenue = |record: ConversionRecord, text: &str| ConversionRecord { revenue: Some(text.into()), ..record };
        network.ingest(vec![
            revenue(network.record("a", 1, 1, "rejected", "2026-01-05", "6.00"), "10.00"),
            revenue(network.record("e", 1, 1, "approved", "2026-02-05", "9.00"), "15.00"),
        ]);
        for (kind, total) in [(InvoiceKind::Payable, 3_000_000), (InvoiceKind::Receivable, 5_000_000)] {
            let request = RunRequest { kind, ..RunRequest::payable_through(day("2026-02-28")) };
            let report = network.engine.bill(&network.call, &request, &mut |_| {}).unwrap();
            assert_eq!((report.kind, report.totals[0].units), (kind, total));
        }
        network.assert_verified();
    }
}
