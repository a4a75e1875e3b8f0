//! What leaves an invoice and comes back: take-offs, synchronizing, voids after balances were given up. Most of it was found
//! by random histories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, PartyKind, PaymentId};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_domain::money::Money;
use quittance_engine::billing::{Parties, RunReport, RunRequest};
use quittance_engine::invoices::{ConversionQuery, PaymentRequest, ReturnRequest, TakeOffRequest};
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network
}

fn bill(network: &Network, request: &RunRequest) -> RunReport {
    let report = network.engine.bill(&network.call, request, &mut |_| {}).unwrap();
    network.assert_verified();
    report
}

fn through(text: &str) -> RunRequest {
    RunRequest::payable_through(day(text))
}

/// What an invoice bills, in cents.
fn billed(network: &Network, id: i64) -> i64 {
    network.assert_verified();
    network.engine.invoice(&network.call, InvoiceId::new(id)).unwrap().billed_units / 10_000
}

fn take_off(network: &Network, id: i64, conversion: &str) {
    let request = TakeOffRequest::Conversions(vec![conversion.to_owned()]);
    network.engine.take_off(&network.call, InvoiceId::new(id), None, &request).unwrap();
}

fn sync(network: &Network, id: i64) {
    network.engine.sync(&network.call, InvoiceId::new(id), None).unwrap();
}

fn place(network: &Network, conversion: &str) -> Vec<Option<i64>> {
    let entries = network.engine.conversion(&network.call, conversion).unwrap().entries;
    entries.iter().map(|entry| entry.invoice_id.map(InvoiceId::get)).collect()
}

fn pay(network: &Network, id: i64, amount: &str) {
    let request = PaymentRequest { amount: Some(amount.into()), ..PaymentRequest::default() };
    network.engine.pay(&network.call, InvoiceId::new(id), None, &request).unwrap();
}

fn converting(network: &Network) {
    network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency":"USD","currency_policy":"convert"}"#);
    network.rates("2026-01-31,EUR,USD,2\n");
}

fn in_euros(network: &Network, id: &str, day: &str, payout: &str) {
    let mut record = network.record(id, 1, 1, "approved", day, payout);
    record.payout_currency = Currency::parse("EUR").ok();
    network.ingest(vec![record]);
}

both_databases! {
    /// 10.00 and 5.00; what was taken off stays off, also when the tracker says something new of it, while a late 2.00 and
    /// the correction of 5.00 to 6.00 come on.
    fn what_was_taken_off_stays_off_when_its_invoice_is_synchronized(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 2 2026-01-06 5.00");
        bill(&network, &through("2026-01-31"));
        take_off(&network, 1, "a");
        sync(&network, 1);
        assert_eq!((billed(&network, 1), place(&network, "a")), (500, vec![None]));
        network.approve("c 1 1 2026-01-05 2.00\nb 1 2 2026-01-06 6.00");
        sync(&network, 1);
        assert_eq!((billed(&network, 1), place(&network, "c")), (800, vec![Some(1)]));
        let offer = TakeOffRequest::Offers(vec![quittance_domain::ids::OfferId::new(1)]);
        network.engine.take_off(&network.call, InvoiceId::new(1), None, &offer).unwrap();
        network.ingest(vec![
            network.record("a", 1, 1, "rejected", "2026-01-05", "10.00"),
            network.record("c", 1, 1, "approved", "2026-01-05", "3.00"),
        ]);
        sync(&network, 1);
        assert_eq!((billed(&network, 1), place(&network, "a")), (600, vec![None, None]));
        assert_eq!(place(&network, "c"), [None, None, None]);
        network.assert_verified();
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        assert_eq!(bill(&network, &through("2026-01-31")).totals[0].units, 9_000_000);
    }

    /// An advance of 10.00 is one conversion. It becomes 12.00; what else there is on its day stays for the next run.
    fn an_invoice_of_chosen_conversions_takes_the_revisions_of_these_alone(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 1 2026-01-05 5.00");
        let usd = Currency::parse("USD").unwrap();
        let advance = RunRequest {
            parties: Parties::Only(vec![1]),
            currencies: Some(vec![usd]),
            sum: Some(Money::parse("10", usd).unwrap()),
            ..through("2026-01-31")
        };
        bill(&network, &advance);
        assert_eq!(billed(&network, 1), 1000);
        network.approve("a 1 1 2026-01-05 12.00\nc 1 1 2026-01-05 2.00");
        sync(&network, 1);
        assert_eq!((billed(&network, 1), place(&network, "b"), place(&network, "c")), (1200, vec![None], vec![None]));
        network.assert_verified();
        assert_eq!(bill(&network, &through("2026-01-31")).totals[0].units, 7_000_000);
    }

    /// In February −2.00 and +2.00 of offer 1 are differences to January and make no line; without the latter it bills
    /// 7.00 − 2.00.
    fn a_line_that_cancelled_out_comes_back_when_a_part_of_it_leaves(database) {
        let mut network = network(database);
        network.approve("a 1 1 2026-01-05 2.00\nb 1 2 2026-01-06 5.00");
        bill(&network, &through("2026-01-31"));
        network.at("2026-03-02");
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "2.00")]);
        network.approve("c 1 1 2026-01-20 2.00\nd 1 2 2026-02-06 7.00");
        bill(&network, &through("2026-02-28"));
        assert_eq!(billed(&network, 2), 700);
        take_off(&network, 2, "c");
        assert_eq!(billed(&network, 2), 500);
        let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(2)).unwrap();
        let shown: Vec<_> = lines.iter().map(|l| (l.offer_id.unwrap().get(), l.units / 10_000, l.taken.conversions)).collect();
        assert_eq!(shown, [(2, 700, 1), (1, -200, -1)]);
    }

    /// 10.00 USD; 3.00 EUR come late and are worth 6.00 USD.
    fn synchronizing_converts_what_is_the_first_in_its_currency(database) {
        let network = network(database);
        converting(&network);
        network.approve("a 1 1 2026-01-05 10.00");
        in_euros(&network, "later", "2026-02-01", "1.00");
        bill(&network, &through("2026-01-31"));
        assert_eq!(billed(&network, 1), 1000);
        in_euros(&network, "b", "2026-01-20", "3.00");
        sync(&network, 1);
        assert_eq!(billed(&network, 1), 1600);
    }

    fn a_run_for_offers_leaves_a_currency_alone_that_has_none_of_them(database) {
        let network = network(database);
        converting(&network);
        network.approve("a 1 2 2026-01-05 10.00");
        in_euros(&network, "b", "2026-01-20", "3.00");
        bill(&network, &RunRequest { offers: Some(vec![2]), ..through("2026-01-31") });
        assert_eq!(billed(&network, 1), 1000);
        assert_eq!(bill(&network, &through("2026-01-31")).totals[0].units, 6_000_000);
    }

    /// Of 10.00, 4.00 were paid and 6.00 given up; then the 4.00 came back. Nothing was paid, so nothing is credit.
    fn what_was_given_up_of_a_void_invoice_is_no_credit(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00");
        bill(&network, &through("2026-01-31"));
        pay(&network, 1, "4");
        network.engine.write_off(&network.call, InvoiceId::new(1), None, "small").unwrap();
        let back = ReturnRequest { payment: PaymentId::new(1), amount: None, day: None, reason: String::new() };
        network.engine.return_payment(&network.call, InvoiceId::new(1), None, &back).unwrap();
        let void = network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        assert_eq!(void.paid_units, 0);
        let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
        assert!(balances.iter().all(|(_, _, units)| *units == 0), "{balances:?}");
        bill(&network, &through("2026-01-31"));
        let next = network.engine.approve(&network.call, InvoiceId::new(2), None).unwrap();
        assert_eq!((next.status, next.paid_units), (InvoiceStatus::Approved, 0));
        network.assert_verified();
    }

    fn an_invoice_with_a_credit_note_is_not_voided(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00");
        bill(&network, &through("2026-01-31"));
        pay(&network, 1, "10");
        network.engine.credit_note(&network.call, InvoiceId::new(1), None, "4", "fraud").unwrap();
        let back = ReturnRequest { payment: PaymentId::new(1), amount: None, day: None, reason: String::new() };
        network.engine.return_payment(&network.call, InvoiceId::new(1), None, &back).unwrap();
        let refused = network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap_err();
        assert!(refused.to_string().contains("credit note 1 is about invoice 1"), "{refused}");
        network.assert_verified();
    }

    /// 10.00 with 20 % are 12.00, of which 6.00 are paid. Less 5.01 there would be 4.99 and 1.00, that is less than paid;
    /// less 5.00 it is 6.00 and paid.
    fn a_correction_counts_with_its_tax(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"tax":{"mode":"rate","rate":"20"}}"#);
        network.approve("a 1 1 2026-01-05 10.00");
        bill(&network, &through("2026-01-31"));
        pay(&network, 1, "6");
        let correct = |amount: &str| network.engine.correct(&network.call, InvoiceId::new(1), None, amount, "fee");
        let refused = correct("-5.01").unwrap_err().to_string();
        assert!(refused.contains("balance of -0.01"), "{refused}");
        let paid = correct("-5").unwrap();
        assert_eq!((paid.status, paid.billed_units), (InvoiceStatus::Paid, 6_000_000));
        network.assert_verified();
    }

    /// 10 % of all from three conversions on. Two of offer 1 are billed by themselves, without a bonus; with the third, of
    /// offer 2, there are three of 30.00 together: 10.00 + 3.00.
    fn what_is_billed_for_chosen_offers_counts_for_the_bonus(database) {
        let network = network(database);
        let file = serde_json::json!({ "bonuses": [{
            "id": 1, "title": "Volume", "measure": "conversions", "retroactive": true,
            "tiers": [{ "from": "3", "percent": "10" }],
        }] });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.approve("a 1 1 2026-01-05 10.00\nb 1 1 2026-01-06 10.00\nc 1 2 2026-01-07 10.00");
        bill(&network, &RunRequest { offers: Some(vec![1]), ..through("2026-01-31") });
        bill(&network, &through("2026-01-31"));
        assert_eq!((billed(&network, 1), billed(&network, 2)), (2000, 1300));
        // One of the first two leaves: 10.00 and the bonus of 3.00 are taken back when it is billed again.
        take_off(&network, 1, "a");
        network.approve("d 1 1 2026-01-08 1.00");
        bill(&network, &RunRequest { countries: Some(vec!["XX".to_owned()]), ..through("2026-01-31") });
        bill(&network, &through("2026-01-31"));
        // Four of 31.00: 3.10, of which 3.00 is paid.
        assert_eq!(billed(&network, 3), 1110);
    }

    /// Half of 100.00 was paid to affiliate 2 for referring 1, whose invoice is void now. What 2 earned by itself since is
    /// not given up with what it has to give back.
    fn only_conversions_are_given_up(database) {
        let network = network(database);
        network.engine.set_network(&network.call, &[("carry_negatives", "false")]).unwrap();
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"referrer":{"affiliate":2,"percent":"50"}}"#);
        network.approve("a 1 1 2026-01-05 100.00");
        bill(&network, &through("2026-01-31"));
        bill(&network, &through("2026-01-31"));
        assert_eq!(billed(&network, 2), 5000);
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        network.approve("b 2 1 2026-01-06 5.00");
        let only = RunRequest { parties: Parties::Only(vec![2]), ..through("2026-01-31") };
        let report = bill(&network, &only);
        let skipped: Vec<_> = report.skipped.iter().map(|s| (s.units / 10_000, s.reason.as_str())).collect();
        assert_eq!((skipped, report.written_off.len()), (vec![(-4500, "not_positive")], 0));
        assert_eq!(place(&network, "b"), [None]);
    }

    /// On hold for seven days from the 25th; then the tracker says that it happened on the 31st: until 7 February.
    fn a_hold_counts_from_the_day_that_was_said_last(database) {
        let mut network = network(database);
        network.ingest(vec![network.record("a", 1, 4, "hold", "2026-01-25", "1.00")]);
        network.ingest(vec![network.record("a", 1, 4, "hold", "2026-01-31", "1.00")]);
        network.at("2026-02-06");
        assert_eq!(network.engine.release_holds(&network.call).unwrap(), 0);
        network.at("2026-02-07");
        assert_eq!(network.engine.release_holds(&network.call).unwrap(), 1);
        network.assert_verified();
    }

    /// What Quittance approved, the tracker confirms: another revision stands for the same entry, which stays where it was.
    fn what_was_taken_off_stays_off_when_the_tracker_confirms_it(database) {
        let mut network = network(database);
        network.ingest(vec![network.record("a", 1, 4, "hold", "2026-01-05", "10.00")]);
        network.approve("b 1 1 2026-01-06 5.00");
        network.engine.release_holds(&network.call).unwrap();
        bill(&network, &through("2026-01-31"));
        take_off(&network, 1, "a");
        network.at("2026-02-03");
        network.ingest(vec![network.record("a", 1, 4, "approved", "2026-01-05", "10.00")]);
        assert_eq!((billed(&network, 1), place(&network, "a")), (500, vec![None]));
        assert_eq!(bill(&network, &through("2026-02-02")).totals[0].units, 10_000_000);
        assert_eq!(place(&network, "a"), [Some(2)]);
        let on_first = network.engine.invoice_conversions(&network.call, InvoiceId::new(1), &ConversionQuery { limit: 10, ..Default::default() });
        assert_eq!(on_first.unwrap().conversions.len(), 1);
    }
}
