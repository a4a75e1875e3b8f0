//! Reports, and the erasure of a party's personal data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::accrual::Book;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_domain::invoice::VoidReason;
use quittance_domain::time::Day;
use quittance_engine::Call;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{InvoiceEdit, PaymentRequest};
use quittance_engine::keys::{NewKey, Role};
use quittance_engine::reports::{Cell, MarginBy, Report};
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.engine.set_network(&network.call, &[("auto_approve", "true")]).unwrap();
    network.at("2026-02-01");
    network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-05 20.00");
    bill(&network, "2026-01-31");
    network.at("2026-03-15");
    network.approve("c 1 2 2026-02-05 30.00");
    bill(&network, "2026-02-28");
    network
}

fn bill(network: &Network, through: &str) {
    network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
}

fn shown(report: &Report) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) | Cell::Amount(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
    };
    report.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

fn pay(network: &Network, invoice: i64, amount: &str, date: &str) {
    let request = PaymentRequest { amount: Some(amount.into()), day: Some(day(date)), ..PaymentRequest::default() };
    network.engine.pay(&network.call, InvoiceId::new(invoice), None, &request).unwrap();
}

both_databases! {
    fn a_statement_from_the_beginning_begins_with_the_first_movement(database) {
        let network = network(database);
        let book = Book { kind: InvoiceKind::Payable, party_id: 1, currency: Currency::parse("USD").unwrap() };
        let statement = |from| network.engine.statement(&network.call, book, from, day("2026-03-31")).unwrap();
        // Invoice 1 is of 1 February.
        assert_eq!(shown(&statement(Day::MIN))[0], "2026-02-01 balance_before   0.00 USD");
        assert_eq!(shown(&statement(day("2026-01-15")))[0], shown(&statement(Day::MIN))[0].replace("02-01", "01-15"));
    }

    fn a_statement_shows_each_movement_and_how_the_account_stands(database) {
        let network = network(database);
        pay(&network, 1, "4.00", "2026-03-01");
        let book = Book { kind: InvoiceKind::Payable, party_id: 1, currency: Currency::parse("USD").unwrap() };
        let report = network.engine.statement(&network.call, book, day("2026-01-01"), day("2026-03-31")).unwrap();
        assert_eq!(shown(&report), [
            "2026-01-01 balance_before   0.00 USD",
            "2026-02-01 issue 1 10.00 10.00 USD",
            "2026-03-01 payment 1 -4.00 6.00 USD",
            "2026-03-15 issue 3 30.00 36.00 USD",
        ]);
        let later = network.engine.statement(&network.call, book, day("2026-03-02"), day("2026-03-31")).unwrap();
        assert_eq!(shown(&later)[0], "2026-03-02 balance_before   6.00 USD");
    }

    /// As of 15 March the January invoices are 42 days old; a credit is not an age.
    fn balances_are_sorted_by_age(database) {
        let mut network = network(database);
        pay(&network, 2, "5.00", "2026-03-10");
        let report = network.engine.balances_by_age(&network.call, InvoiceKind::Payable, day("2026-03-15")).unwrap();
        assert_eq!(shown(&report), [
            "1 USD 30.00 10.00 0.00 0.00 0.00 40.00",
            "2 USD 0.00 15.00 0.00 0.00 0.00 15.00",
        ]);
        let before = network.engine.balances_by_age(&network.call, InvoiceKind::Payable, day("2026-03-09")).unwrap();
        assert_eq!(shown(&before)[1], "2 USD 0.00 20.00 0.00 0.00 0.00 20.00");
        network.engine.void(&network.call, InvoiceId::new(2), None, VoidReason::Other, "").unwrap();
        network.at("2026-06-01");
        let report = network.engine.balances_by_age(&network.call, InvoiceKind::Payable, day("2026-06-01")).unwrap();
        assert_eq!(shown(&report), [
            "1 USD 0.00 0.00 30.00 10.00 0.00 40.00",
            "2 USD 0.00 0.00 0.00 0.00 -5.00 -5.00",
        ]);
        // The invoice that uses the credit is smaller by it, and the credit is gone.
        bill(&network, "2026-05-31");
        let report = network.engine.balances_by_age(&network.call, InvoiceKind::Payable, day("2026-06-01")).unwrap();
        assert_eq!(shown(&report)[1], "2 USD 15.00 0.00 0.00 0.00 0.00 15.00");
    }

    fn what_is_unbilled_is_what_is_approved_less_what_is_billed(database) {
        let network = network(database);
        network.approve("d 1 1 2026-03-05 7.00\ne 1 1 2026-01-06 1.50");
        let report = |as_of| shown(&network.engine.unbilled(&network.call, InvoiceKind::Payable, day(as_of)).unwrap());
        assert_eq!(report("2026-03-15"), ["1 USD 8.50 2"]);
        // At the end of February the January invoices were issued, that of February was not.
        assert_eq!(report("2026-02-28"), ["1 USD 31.50 2"]);
        network.engine.void(&network.call, InvoiceId::new(2), None, VoidReason::Other, "").unwrap();
        assert_eq!(report("2026-03-15"), ["1 USD 8.50 2", "2 USD 20.00 1"]);
    }

    fn the_margin_is_the_difference_in_each_currency(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |id: &str, affiliate, offer, payout: &str, revenue: &str, code: &str| ConversionRecord {
            revenue: Some(revenue.into()),
            revenue_currency: Currency::parse(code).ok(),
            ..network.record(id, affiliate, offer, "approved", "2026-01-05", payout)
        };
        network.ingest(vec![
            record("a", 1, 1, "6.00", "10.00", "USD"),
            record("b", 2, 1, "6.00", "10.00", "USD"),
            record("c", 1, 2, "3.00", "5.00", "EUR"),
        ]);
        network.ingest(vec![ConversionRecord { revenue: None, revenue_currency: None, ..network.record("b", 2, 1, "rejected", "2026-01-05", "6.00") }]);
        let by = |by| shown(&network.engine.margin(&network.call, by, day("2026-01-01"), day("2026-01-31")).unwrap());
        assert_eq!(by(MarginBy::Offer), ["1 USD 1 10.00 6.00 4.00", "2 EUR 0 5.00 0.00 5.00", "2 USD 1 0.00 3.00 -3.00"]);
        assert_eq!(by(MarginBy::Affiliate), ["1 EUR 0 5.00 0.00 5.00", "1 USD 2 10.00 9.00 1.00"]);
        assert_eq!(by(MarginBy::Advertiser), ["1 EUR 0 5.00 0.00 5.00", "1 USD 2 10.00 9.00 1.00"]);
    }

    fn a_preview_stands_beside_the_last_run_and_what_was_skipped_is_listed(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":2,"minimum_payment":"100"}"#);
        network.approve("d 1 1 2026-03-05 7.00\ne 2 1 2026-03-05 8.00\nf 3 1 2026-03-05 9.00");
        let request = RunRequest::payable_through(day("2026-03-10"));
        let report = network.engine.compared(&network.call, &request).unwrap();
        assert_eq!(shown(&report), ["1 USD 30.00 7.00 -23.00", "3 USD 0.00 9.00 9.00"]);
        bill(&network, "2026-03-10");
        let skipped = network.engine.skipped(&network.call, InvoiceKind::Payable, None).unwrap();
        assert_eq!(shown(&skipped), ["3 2 USD 8.00 below_minimum"]);
        assert!(network.engine.skipped(&network.call, InvoiceKind::Receivable, None).is_err());
    }

    fn erasing_a_party_leaves_the_books_intact(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"name":"Ann","email":"ann@example.com","tax":{"id":"DE1","mode":"exempt"}}"#);
        network.approve("d 1 1 2026-03-05 7.00");
        bill(&network, "2026-03-10");
        let erase = || network.engine.erase_party(&network.call, PartyKind::Affiliate, 1);
        assert!(erase().unwrap_err().to_string().contains("settle it first"));
        for invoice in [1, 3, 4] {
            network.engine.pay(&network.call, InvoiceId::new(invoice), None, &PaymentRequest::default()).unwrap();
        }
        let edit = InvoiceEdit { internal_notes: Some("Ann asked; Anna did not".into()), ..InvoiceEdit::default() };
        network.engine.edit(&network.call, InvoiceId::new(4), None, &edit).unwrap();
        let named = NewKey { role: Role::Affiliate, party: Some(1), name: "Ann's key".into() };
        network.engine.create_key(&network.call, &named, &format!("qk_{:0>40}", "a")).unwrap();
        let by_key = Call { actor: "key 1 (Ann's key)".into(), ..network.call.clone() };
        network.engine.set_network(&by_key, &[("week_start", "sunday")]).unwrap();
        // The notes and the row of their history.
        let erasure = erase().unwrap();
        assert_eq!((erasure.rewritten, erasure.not_reached.len()), (2, 5));
        let history = network.engine.invoice_history(&network.call, InvoiceId::new(4)).unwrap();
        let said: String = history.iter().map(|row| row.details.as_str()).collect();
        assert!(said.contains("Erased affiliate 1 asked; Anna did not") && !said.contains("Ann asked"), "{said}");
        let changes = network.engine.changes(&network.call, 0, None, 1000).unwrap();
        assert!(changes.iter().all(|row| !format!("{row:?}").contains("Ann")), "{changes:?}");
        assert!(changes.iter().any(|row| row.actor == "key 1 (Erased affiliate 1)"));
        assert_eq!(network.engine.keys(&network.call).unwrap()[0].name, "Erased affiliate 1");
        assert_eq!(erase().unwrap().rewritten, 0);
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(4)).unwrap();
        assert_eq!((invoice.party_name.as_str(), invoice.party_email, invoice.billed_units), ("Erased affiliate 1", None, 7_000_000));
        let party = network.engine.store().read(|tx| {
            quittance_store::parties::by_ids(tx, network.call.network, PartyKind::Affiliate, &[1])
        }).unwrap().remove(0);
        assert_eq!((party.name.as_str(), party.email), ("Erased affiliate 1", None));
        assert!(!party.rules.contains("DE1"));
        network.assert_verified();
        assert!(network.engine.erase_party(&network.call, PartyKind::Affiliate, 99).is_err());
    }
}
