//! Further conditions of a run, runs by sum, invoices that are asked for by name, and negative totals that are given up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::accrual::Cut;
use quittance_domain::conversion::{ConversionRecord, TEXT_NAMES};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, InvoiceId, InvoiceKind, PartyKind, RunId};
use quittance_domain::invoice::VoidReason;
use quittance_domain::money::Money;
use quittance_engine::billing::{FirstDay, Parties, RunReport, RunRequest};
use quittance_engine::invoices::{ConversionQuery, InvoiceFilter};
use quittance_store::runs::{self, Run};
use quittance_store::{ledger, networks};
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-05");
    network
}

fn bill(network: &Network, request: &RunRequest) -> RunReport {
    let preview = network.engine.preview(&network.call, request).unwrap();
    let report = network.engine.bill(&network.call, request, &mut |_| {}).unwrap();
    assert_eq!((&preview.totals, &preview.skipped), (&report.totals, &report.skipped));
    network.assert_verified();
    report
}

fn refused(network: &Network, request: &RunRequest, why: &str) {
    let error = network.engine.bill(&network.call, request, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

/// The invoices of a run as party, period and total in cents.
fn invoices(network: &Network, report: &RunReport) -> Vec<String> {
    let filter = InvoiceFilter { run_id: report.run_id, ..InvoiceFilter::default() };
    let invoices = network.engine.invoices(&network.call, &filter, 0, 100).unwrap();
    let shown = |i: &quittance_engine::invoices::Invoice| {
        format!("{} {} {}", i.book.party_id, i.period, i.billed_units / 10_000)
    };
    invoices.iter().map(shown).collect()
}

fn conversions(network: &Network, id: i64) -> Vec<String> {
    let query = ConversionQuery { limit: 100, ..ConversionQuery::default() };
    let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(id), &query).unwrap();
    page.conversions.into_iter().map(|c| c.conversion_id).collect()
}

fn january() -> RunRequest {
    RunRequest::payable_through(day("2026-01-31"))
}

fn by_sum(sum: &str) -> RunRequest {
    RunRequest {
        parties: Parties::Only(vec![1]),
        currencies: Some(vec![usd()]),
        sum: Some(Money::parse(sum, usd()).unwrap()),
        ..january()
    }
}

fn at(network: &Network, id: &str, offer: i64, time: &str, payout: &str) -> ConversionRecord {
    ConversionRecord {
        occurred_at: Some(network.instant(time)),
        ..network.record(id, 1, offer, "approved", "2026-01-01", payout)
    }
}

both_databases! {
    /// The run was cut short before b came: it goes on as of then, and so does the preview.
    fn a_preview_goes_on_with_a_run_that_was_cut_short(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00");
        let (id, now) = (network.call.network, network.call.now);
        network.engine.store().write(|tx| {
            let epoch = networks::raise_epoch(tx, id)?;
            let run_id = RunId::new(networks::next(tx, id, "run_id", 1, 1)?);
            runs::insert(tx, id, &Run {
                run_id,
                kind: InvoiceKind::Payable,
                parameters: r#"{"through":"2026-01-31"}"#.to_owned(),
                cut: Cut { epoch, through: day("2026-01-31"), as_of: day("2026-02-05") },
                done: false,
                last: (i64::MIN, String::new()),
                started_at: now,
                started_by: "test".to_owned(),
                finished_at: None,
            })
        }).unwrap();
        network.approve("b 1 1 2026-01-06 5.00");
        assert_eq!(bill(&network, &january()).totals[0].units, 10_000_000);
        assert_eq!(bill(&network, &january()).totals[0].units, 5_000_000);
    }

    /// In order of time: a 3, b 4 (offer 2), c 5, d 6 on the next day. 10 is reached with c: 12; d and e are left.
    fn a_sum_is_reached_by_whole_conversions_in_order_of_time(database) {
        let network = network(database);
        network.ingest(vec![
            at(&network, "c", 1, "2026-01-10 12:00:00", "5.00"),
            at(&network, "a", 1, "2026-01-10 08:00:00", "3.00"),
            at(&network, "b", 2, "2026-01-10 09:00:00", "4.00"),
            at(&network, "e", 2, "2026-01-10 13:00:00", "1.00"),
            at(&network, "d", 1, "2026-01-11 08:00:00", "6.00"),
        ]);
        let report = bill(&network, &by_sum("10"));
        assert_eq!(invoices(&network, &report), ["1 2026-01-10..2026-01-10 1200"]);
        assert_eq!(conversions(&network, 1), ["a", "c", "b"]);
        // The rest of the tenth is earlier than the next invoice, whatever its sum.
        let report = bill(&network, &by_sum("0.01"));
        assert_eq!(invoices(&network, &report), ["1 2026-01-10..2026-01-10 100"]);
        assert_eq!(conversions(&network, 2), ["e"]);
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
        let report = bill(&network, &by_sum("1000"));
        assert_eq!(invoices(&network, &report), ["1 2026-01-11..2026-01-11 1800"]);
        assert_eq!(conversions(&network, 3), ["a", "c", "b", "d"]);
    }

    /// Each affiliate has 5.00 of offer 1, from the US on the fifth, and 5.00 of offer 2, from Germany on the twentieth; one of
    /// both is billed of each, in another way. So 5.00 are left, and 10.00 are not paid out.
    fn what_a_run_that_chooses_has_billed_is_not_unbilled(database) {
        let network = network(database);
        let country = TEXT_NAMES.iter().position(|name| *name == "country").unwrap();
        for affiliate in 1..=4 {
            let of = |offer, day: &str, code: &str| {
                let id = format!("{affiliate}{offer}");
                let mut record = network.record(&id, affiliate, offer, "approved", day, "5.00");
                record.texts[country] = Some(code.into());
                record
            };
            network.ingest(vec![of(1, "2026-01-05", "US"), of(2, "2026-01-20", "DE")]);
        }
        let only = |party: i64| RunRequest { parties: Parties::Only(vec![party]), ..january() };
        for request in [
            RunRequest { offers: Some(vec![1]), ..only(1) },
            RunRequest { countries: Some(vec!["US".to_owned()]), ..only(2) },
            RunRequest { from: FirstDay::Day(day("2026-01-15")), ..only(3) },
            RunRequest { parties: Parties::Only(vec![4]), ..by_sum("5") },
        ] {
            assert_eq!(bill(&network, &request).totals[0].units, 5_000_000);
        }
        let left = |affiliate: i64| {
            let balance = network.engine.party(&network.call, PartyKind::Affiliate, affiliate).unwrap().balances[0];
            let funds = network.engine.affiliate_funds(&network.call, &[affiliate]).unwrap()[&(affiliate, usd())];
            (balance.billed.to_decimal(), balance.unbilled.to_decimal(), funds.available.to_decimal())
        };
        for affiliate in 1..=4 {
            assert_eq!(left(affiliate), ("5.00".into(), "5.00".into(), "10.00".into()), "affiliate {affiliate}");
        }
        bill(&network, &january());
        assert_eq!(left(2), ("10.00".into(), "0.00".into(), "10.00".into()));
        network.engine.void(&network.call, InvoiceId::new(2), None, VoidReason::Other, "").unwrap();
        assert_eq!(left(2), ("5.00".into(), "5.00".into(), "10.00".into()));
        network.assert_verified();
    }

    fn what_a_sum_needs_is_named(database) {
        let network = network(database);
        refused(&network, &RunRequest { currencies: None, ..by_sum("1") }, "name both");
        refused(&network, &RunRequest { parties: Parties::All, ..by_sum("1") }, "name both");
        refused(&network, &by_sum("0"), "not above zero");
        refused(&network, &RunRequest { unbound: true, ..january() }, "one party at a time");
        let receivable = RunRequest { advertisers: Some(vec![1]), ..RunRequest::receivable_through(day("2026-01-31")) };
        refused(&network, &receivable, "name them as parties");
    }

    fn conditions_choose_offers_currencies_countries_and_advertisers(database) {
        let network = network(database);
        let of = |id: &str, offer, country: &str, advertiser: Option<i64>, currency: &str| {
            let mut record = network.record(id, 1, offer, "approved", "2026-01-10", "1.00");
            record.texts[3] = Some(country.into());
            record.advertiser_id = advertiser.map(AdvertiserId::new);
            record.payout_currency = Currency::parse(currency).ok();
            record
        };
        network.set_party(PartyKind::Advertiser, r#"{"id":2,"name":"Second"}"#);
        network.ingest(vec![
            of("a", 1, "US", None, "USD"),
            of("b", 1, "de", None, "USD"),
            of("c", 2, "DE", Some(2), "USD"),
            of("d", 2, "US", None, "USD"),
            of("e", 3, "US", None, "EUR"),
        ]);
        let totals = |request: &RunRequest| bill(&network, request).totals.iter().map(|t| t.units / 1_000_000).sum::<i64>();
        assert_eq!(totals(&RunRequest { countries: Some(vec!["De".into()]), ..january() }), 2);
        assert_eq!(conversions(&network, 1), ["b", "c"]);
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        assert_eq!(totals(&RunRequest { advertisers: Some(vec![2]), ..january() }), 1);
        assert_eq!(conversions(&network, 2), ["c"]);
        assert_eq!(totals(&RunRequest { offers: Some(vec![2, 3]), currencies: Some(vec![usd()]), ..january() }), 1);
        assert_eq!(conversions(&network, 3), ["d"]);
        assert_eq!(totals(&RunRequest { countries: Some(vec!["FR".into()]), ..january() }), 0);
        assert_eq!(totals(&january()), 3);
        network.assert_verified();
    }

    /// Offer 1 is all of advertiser 2, offer 2 partly, offer 3 not at all. Affiliate 1 has offers 1 and 3, affiliate 2 all
    /// three: 1 + 2 + 4 are of advertiser 2, and 8 + 16 + 32 are left for the next run.
    fn conversions_of_an_advertiser_are_found_in_whole_and_in_mixed_offers(database) {
        let network = network(database);
        let of = |id: &str, party, offer, advertiser: Option<i64>, payout: &str| {
            let mut record = network.record(id, party, offer, "approved", "2026-01-10", payout);
            record.advertiser_id = advertiser.map(AdvertiserId::new);
            record
        };
        network.set_party(PartyKind::Advertiser, r#"{"id":2,"name":"Second"}"#);
        network.ingest(vec![
            of("a", 1, 1, Some(2), "1.00"),
            of("b", 2, 1, Some(2), "2.00"),
            of("c", 2, 2, Some(2), "4.00"),
            of("d", 2, 2, None, "8.00"),
            of("e", 2, 3, None, "16.00"),
            of("f", 1, 3, None, "32.00"),
        ]);
        let report = bill(&network, &RunRequest { advertisers: Some(vec![2]), ..january() });
        assert_eq!(invoices(&network, &report), ["1 2026-01-10..2026-01-31 100", "2 2026-01-10..2026-01-31 600"]);
        assert_eq!((conversions(&network, 1), conversions(&network, 2)), (vec!["a".into()], vec!["b".into(), "c".into()]));
        let report = bill(&network, &january());
        assert_eq!(invoices(&network, &report), ["1 2026-01-10..2026-01-31 3200", "2 2026-01-10..2026-01-31 2400"]);
    }

    /// All of affiliate 1 is converted into dollars, one to one. Offer 1 has nothing in euros: an invoice of offer 1 takes
    /// nothing of that book, and the next one all of it.
    fn a_converted_invoice_of_some_offers_leaves_the_books_without_them(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"name":"First","currency":"USD","currency_policy":"convert"}"#);
        network.rates("2026-01-31,EUR,USD,1");
        let mut euros = network.record("b", 1, 2, "approved", "2026-01-10", "2.00");
        euros.payout_currency = Currency::parse("EUR").ok();
        network.ingest(vec![network.record("a", 1, 1, "approved", "2026-01-10", "1.00"), euros]);
        let report = bill(&network, &RunRequest { offers: Some(vec![1]), ..january() });
        assert_eq!(invoices(&network, &report), ["1 2026-01-10..2026-01-31 100"]);
        let report = bill(&network, &january());
        assert_eq!(invoices(&network, &report).len(), 1);
        assert_eq!(conversions(&network, 2), ["b"]);
    }

    fn a_run_can_start_where_the_last_invoice_ended(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 1.00\nb 2 1 2026-01-05 1.00");
        let first = RunRequest { parties: Parties::Only(vec![1]), ..RunRequest::payable_through(day("2026-01-10")) };
        bill(&network, &RunRequest { from: FirstDay::Day(day("2026-01-04")), ..first });
        network.approve("c 1 1 2026-01-03 2.00\nd 1 1 2026-01-06 4.00\ne 1 1 2026-01-12 8.00\nf 2 1 2026-01-02 16.00");
        let request = RunRequest { from: FirstDay::LastInvoice, ..january() };
        // c lies before the first invoice of affiliate 1 and stays; d is a difference to it; affiliate 2 had none.
        let report = bill(&network, &request);
        assert_eq!(invoices(&network, &report), ["1 2026-01-11..2026-01-31 1200", "2 2026-01-02..2026-01-31 1700"]);
        assert_eq!(invoices(&network, &bill(&network, &january())), ["1 2026-01-03..2026-01-31 200"]);
    }

    /// On hold, without a method, below the minimum, with conversions that wait: a final settlement takes all of it.
    fn an_invoice_that_is_asked_for_by_name_is_not_bound(database) {
        let network = network(database);
        network.engine.set_network(&network.call, &[("require_payment_method", "true")]).unwrap();
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"on_hold":true,"minimum_payment":"50"}"#);
        network.approve("a 1 1 2026-01-05 1.00\nb 1 4 2026-01-31 2.00");
        assert_eq!(bill(&network, &january()).invoices(), 0);
        let last = RunRequest { unbound: true, parties: Parties::Only(vec![1]), ..january() };
        let report = bill(&network, &last);
        assert_eq!(invoices(&network, &report), ["1 2026-01-05..2026-01-31 300"]);
        assert_eq!(bill(&network, &last).invoices(), 0);
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "1.00")]);
        assert_eq!(invoices(&network, &bill(&network, &last)), ["1 2026-01-05..2026-01-31 -100"]);
    }

    fn a_negative_total_is_given_up_where_the_network_does_not_carry_it(database) {
        let mut network = network(database);
        network.engine.set_network(&network.call, &[("carry_negatives", "false")]).unwrap();
        network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-05 5.00");
        bill(&network, &january());
        network.at("2026-03-05");
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "10.00")]);
        network.approve("c 1 1 2026-02-05 4.00\nd 2 1 2026-02-05 1.00");
        let february = RunRequest::payable_through(day("2026-02-28"));
        let report = bill(&network, &february);
        assert_eq!(invoices(&network, &report), ["2 2026-02-01..2026-02-28 100"]);
        let given_up: Vec<_> = report.written_off.iter().map(|w| (w.party_id, w.units, w.period.to_string())).collect();
        assert_eq!(given_up, [(1, -6_000_000, "2026-01-05..2026-02-28".to_owned())]);
        let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
        let of = |account: &str| balances.iter().find(|(name, ..)| name == account).map(|(_, _, units)| units / 10_000);
        assert_eq!((of("write_offs"), of("commission_expense"), of("affiliate_payable")), (Some(600), Some(1000), Some(-1600)));
        network.at("2026-04-05");
        network.approve("e 1 1 2026-03-05 3.00");
        let report = bill(&network, &RunRequest::payable_through(day("2026-03-31")));
        assert_eq!(invoices(&network, &report), ["1 2026-02-01..2026-03-31 300"]);
    }

    /// January and February are below the minimum; the invoice that takes them in the end shows each.
    fn what_rolls_over_keeps_its_periods(database) {
        let mut network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"minimum_payment":"50"}"#);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 2 2026-01-06 5.00");
        assert_eq!(bill(&network, &january()).skipped[0].reason, "below_minimum");
        network.at("2026-03-05");
        network.approve("c 1 1 2026-02-05 20.00");
        assert_eq!(bill(&network, &RunRequest::payable_through(day("2026-02-28"))).skipped[0].units, 35_000_000);
        network.at("2026-04-05");
        network.approve("d 1 1 2026-03-05 40.00\ne 1 1 2026-01-31 1.00");
        let report = bill(&network, &RunRequest::payable_through(day("2026-03-31")));
        assert_eq!(invoices(&network, &report), ["1 2026-01-05..2026-03-31 7600"]);
        let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(1)).unwrap();
        let shown: Vec<_> =
            lines.iter().map(|l| format!("{} {} {}", l.offer_id.unwrap(), l.period, l.units / 10_000)).collect();
        assert_eq!(shown, [
            "1 2026-01-05..2026-01-31 1100",
            "2 2026-01-05..2026-01-31 500",
            "1 2026-02-01..2026-02-28 2000",
            "1 2026-03-01..2026-03-31 4000",
        ]);
        let off = quittance_engine::invoices::TakeOffRequest::Conversions(vec!["c".to_owned()]);
        assert_eq!(network.engine.take_off(&network.call, InvoiceId::new(1), None, &off).unwrap().billed_units, 56_000_000);
        network.assert_verified();
    }

    fn synchronizing_takes_what_changed_on_the_days_of_an_invoice(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 1 2026-01-31 5.00");
        bill(&network, &january());
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "10.00")]);
        network.approve("c 1 2 2026-01-20 2.00\nd 1 1 2026-02-01 1.00\ne 1 1 2025-12-31 7.00");
        let invoice = network.engine.sync(&network.call, InvoiceId::new(1), None).unwrap();
        assert_eq!((invoice.billed_units, invoice.version), (7_000_000, 2));
        network.assert_verified();
        assert_eq!(conversions(&network, 1), ["a", "a", "c", "b"]);
        let again = network.engine.sync(&network.call, InvoiceId::new(1), None).unwrap();
        assert_eq!((again.billed_units, again.version), (7_000_000, 2));
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
        let report = bill(&network, &RunRequest::payable_through(day("2026-02-04")));
        assert_eq!(report.totals[0].units, 15_000_000);
    }
}
