//! Shares of referrers in revenue and margin, and in other currencies than their invoices. Amounts are worked out by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::invoice::VoidReason;
use quittance_domain::money::Money;
use quittance_engine::billing::{RunReport, RunRequest};
use quittance_engine::invoices::TakeOffRequest;
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn id(id: i64) -> InvoiceId {
    InvoiceId::new(id)
}

/// Affiliate 1 was referred by affiliate 5.
fn network(database: &TestDatabase, referrer: &str) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":1,"name":"New","referrer":{referrer}}}"#));
    network
}

fn earn(network: &Network, id: &str, on: &str, payout: &str, (revenue, currency): (&str, &str)) {
    let record = ConversionRecord {
        revenue: Some(revenue.into()),
        revenue_currency: Some(Currency::parse(currency).unwrap()),
        ..network.record(id, 1, 1, "approved", on, payout)
    };
    network.ingest(vec![record]);
}

fn bill(network: &Network, through: &str) -> RunReport {
    let report = network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
    network.assert_verified();
    report
}

fn skipped(report: &RunReport) -> Vec<String> {
    report.skipped.iter().map(|skip| format!("{} {} {}", skip.party_id, skip.currency, skip.reason)).collect()
}

fn lines(network: &Network, invoice: i64) -> Vec<String> {
    let currency = network.engine.invoice(&network.call, id(invoice)).unwrap().book.currency;
    let shown = |line: &quittance_engine::invoices::Line| {
        let rate = line.converted.as_ref().map_or(String::new(), |c| {
            format!(" ({} {} at {} of {})", Money::new(c.units, c.currency), c.currency, c.rate, c.rate.day)
        });
        let amount = Money::new(line.units, currency);
        format!("{} {amount}{rate} {}", line.line_type.as_str(), line.comment).trim_end().to_owned()
    };
    network.engine.invoice_lines(&network.call, id(invoice)).unwrap().iter().map(shown).collect()
}

fn balances(network: &Network) -> Vec<String> {
    let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
    let shown = |(account, currency, units): (String, Currency, i64)| {
        format!("{account} {} {currency}", Money::new(units, currency))
    };
    balances.into_iter().filter(|(_, _, units)| *units != 0).map(shown).collect()
}

/// Affiliate 2 was referred by affiliate 1 at 5 %, under a further condition.
fn referred(database: &TestDatabase, condition: &str) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-10-01");
    refer(&network, &format!(r#"{{"affiliate":1,"percent":"5"{condition}}}"#));
    network
}

fn refer(network: &Network, referrer: &str) {
    network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":2,"name":"Two","referrer":{referrer}}}"#));
}

/// 200.00 of affiliate 2 are on invoice 1, and their share of 10.00 on invoice 2.
fn september(network: &mut Network) {
    network.approve("a 2 1 2026-09-10 200.00");
    bill(network, "2026-09-30");
    bill(network, "2026-09-30");
    assert_eq!(lines(network, 2), ["referral 10.00 Referral of affiliate 2: 5 % of 200.00"]);
    network.at("2026-11-02");
}

/// The 200.00 are rejected, and 300.00 are new: invoice 4 of 100.00. Affiliate 1 has something, so that it has an invoice.
fn october(network: &Network) {
    network.approve("c 2 1 2026-10-20 300.00\nx 1 2 2026-10-01 1.00");
    network.ingest(vec![network.record("a", 2, 1, "rejected", "2026-09-10", "200.00")]);
    bill(network, "2026-10-31");
    assert_eq!(lines(network, 4), ["conversions 300.00", "conversions -200.00"]);
    network.approve("d 1 1 2026-10-21 30.00");
    bill(network, "2026-10-31");
}

both_databases! {
    fn whom_an_affiliate_has_referred_is_known_by_its_manager_too(database) {
        let network = network(database, r#"{"affiliate":5,"percent":"10"}"#);
        let file = serde_json::json!({
            "managers": [{ "id": 3, "name": "Dana" }],
            "affiliates": [
                { "id": 2, "name": "Two", "manager": 3, "referrer": { "affiliate": 5, "basis": "flat", "fee": "1" } },
                { "id": 55, "name": "55", "referrer": { "affiliate": 2, "percent": "1" }, "notes": "\"referrer\":{\"affiliate\":5}" },
            ],
            "advertisers": [{ "id": 7, "name": "Seven" }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        let by = |referrer: i64, manager: Option<i64>, page: (i64, i64)| network.engine.referred_by(&network.call, referrer, manager, page).unwrap();
        assert_eq!(by(5, None, (0, 10)), (vec![1, 2], 2));
        assert_eq!((by(5, Some(3), (0, 10)), by(5, Some(4), (0, 10))), ((vec![2], 1), (vec![], 0)));
        assert_eq!((by(5, None, (1, 10)), by(5, None, (-1, 1))), ((vec![2], 2), (vec![1], 2)));
        assert_eq!((by(2, None, (0, 10)), by(55, None, (0, 10))), ((vec![55], 1), (vec![], 0)));
    }

    /// 10 % of the 20.00 that two conversions bring; of 8.00 when one of them is corrected to 7.00 and the other is
    /// taken off and billed again later.
    fn a_share_of_revenue_follows_what_is_on_the_invoice(database) {
        let network = network(database, r#"{"affiliate":5,"percent":"10","basis":"revenue"}"#);
        earn(&network, "a", "2026-01-05", "4.00", ("12.00", "USD"));
        earn(&network, "b", "2026-01-06", "4.00", ("8.00", "USD"));
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 1), ["conversions 8.00"]);
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 2), ["referral 2.00 Referral of affiliate 1: 10 % of revenue 20.00"]);
        let off = TakeOffRequest::Conversions(vec!["a".to_owned()]);
        network.engine.take_off(&network.call, id(1), None, &off).unwrap();
        // What the conversion that was taken off brings is on the invoice that bills it again, so it evens out.
        assert_eq!(skipped(&bill(&network, "2026-02-01")), ["5 USD not_positive"]);
        assert_eq!(lines(&network, 3), ["conversions 4.00"]);
        assert_eq!(bill(&network, "2026-02-01").invoices(), 0);
        network.engine.void(&network.call, id(3), None, VoidReason::Other, "").unwrap();
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        earn(&network, "c", "2026-01-07", "1.00", ("30.00", "USD"));
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 4), ["conversions 9.00"]);
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 5), ["referral 3.00 Referral of affiliate 1: 10 % of revenue 30.00"]);
    }

    /// The margin of 50.00 EUR less 40.00 USD; 10 % of each, the euros at 1.10.
    fn a_margin_of_two_currencies_has_a_line_for_each_and_waits_for_a_rate(database) {
        let mut network = network(database, r#"{"affiliate":5,"percent":"10","basis":"margin"}"#);
        earn(&network, "a", "2026-01-05", "40.00", ("50.00", "EUR"));
        network.approve("x 5 1 2026-01-05 1.00");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 2), ["conversions 1.00"]);
        assert_eq!(skipped(&bill(&network, "2026-01-31")), ["5 USD missing_rate"]);
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,1.10\n");
        bill(&network, "2026-02-28");
        assert_eq!(lines(&network, 3), [
            "referral 5.50 (5.00 EUR at 1.1 of 2026-02-27) Referral of affiliate 1: 10 % of margin 50.00",
            "referral -4.00 Referral of affiliate 1: 10 % of margin -40.00",
        ]);
        assert_eq!(balances(&network), [
            "affiliate_payable -42.50 USD",
            "commission_expense 41.00 USD",
            "exchange -5.00 EUR",
            "exchange 5.50 USD",
            "referral_expense 5.00 EUR",
            "referral_expense -4.00 USD",
        ]);
        assert_eq!(bill(&network, "2026-02-28").invoices(), 0);
    }

    /// The referrer has everything converted into euros: 5 % of 100.00 USD are 5.00, at 1.25 USD a euro 4.00.
    fn a_referrer_that_converts_gets_its_share_converted(database) {
        let network = network(database, r#"{"affiliate":5,"percent":"5","threshold":"100"}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":5,"currency":"EUR","currency_policy":"convert"}"#);
        network.approve("a 1 1 2026-01-05 100.00");
        bill(&network, "2026-01-31");
        assert_eq!(skipped(&bill(&network, "2026-01-31")), ["5 USD missing_rate"]);
        network.rates("2026-01-30,EUR,USD,1.25\n");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 2), ["referral 4.00 (5.00 USD at 0.8 of 2026-01-30) Referral of affiliate 1: 5 % of 100.00"]);
        network.engine.void(&network.call, id(2), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 3), lines(&network, 2));
    }

    /// 100.00 USD at 1.25 USD a euro are 80.00; the account of the party is in euros afterwards.
    fn an_opening_balance_of_a_party_that_converts_is_converted(database) {
        let network = network(database, r#"{"affiliate":4,"percent":"5"}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":5,"currency":"EUR","currency_policy":"convert"}"#);
        let file = "kind,party_id,currency,amount,date\naffiliate,5,USD,100.00,2026-01-31\n";
        network.engine.import_balances(&network.call, file.as_bytes()).unwrap();
        assert_eq!(skipped(&bill(&network, "2026-01-31")), ["5 USD missing_rate"]);
        network.rates("2026-01-30,EUR,USD,1.25\n");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 1), ["opening_balance 80.00 (100.00 USD at 0.8 of 2026-01-30) Opening balance of 2026-01-31"]);
        let after = [
            "affiliate_payable -80.00 EUR", "exchange 80.00 EUR", "exchange -100.00 USD", "opening_balances 100.00 USD",
        ];
        assert_eq!(balances(&network), after);
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
        assert_eq!(balances(&network), ["affiliate_payable -100.00 USD", "opening_balances 100.00 USD"]);
        bill(&network, "2026-01-31");
        assert_eq!(balances(&network), after);
    }

    /// Affiliate 1 has invoices in dollars and in euros; the fee of 2.50 is paid once, in the first currency.
    fn a_fee_is_paid_once_whatever_the_currencies(database) {
        let network = network(database, r#"{"affiliate":5,"basis":"flat","fee":"2.50"}"#);
        earn(&network, "a", "2026-01-05", "10.00", ("0", "USD"));
        let mut record = network.record("b", 1, 1, "approved", "2026-01-06", "20.00");
        record.payout_currency = Currency::parse("EUR").ok();
        network.ingest(vec![record]);
        bill(&network, "2026-01-31");
        let fees = bill(&network, "2026-01-31").totals;
        let shown: Vec<_> = fees.iter().map(|total| format!("{} {}", total.currency, total.units / 10_000)).collect();
        assert_eq!(shown, ["EUR 250"]);
        assert_eq!(bill(&network, "2026-01-31").invoices(), 0);
    }

    /// 33.33 of 29 September and 100.00 of 5 October are on one invoice, and the share ends with September: 5 % of 33.33 are
    /// 1.6665. Of what is taken off it, 33.33 count, and 100.00 do not.
    fn a_term_goes_by_the_day_of_the_conversion(database) {
        let mut network = referred(database, r#","until":"2026-09-30""#);
        network.at("2026-11-02");
        network.approve("a 2 1 2026-09-29 33.33\nb 2 1 2026-10-05 100.00");
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 1), ["conversions 133.33"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 2), ["referral 1.67 Referral of affiliate 2: 5 % of 33.33"]);
        network.approve("d 1 1 2026-10-21 30.00");
        let off = |id: &str| TakeOffRequest::Conversions(vec![id.to_owned()]);
        network.engine.take_off(&network.call, id(1), None, &off("b")).unwrap();
        network.engine.take_off(&network.call, id(1), None, &off("a")).unwrap();
        // What is taken off is billed again, and shared again as it was.
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 3), ["conversions 30.00", "referral -1.67 Referral of affiliate 2: 5 % of -33.33"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 5), ["referral 1.67 Referral of affiliate 2: 5 % of 33.33"]);
    }

    /// Shared was 200.00 of September, 10.00. Rejected after the end of the share, 10.00 are taken back; 300.00 of October
    /// are shared with nobody.
    fn what_is_rejected_after_the_end_of_a_share_is_taken_back(database) {
        let mut network = referred(database, r#","until":"2026-09-30""#);
        september(&mut network);
        october(&network);
        assert_eq!(lines(&network, 5), ["conversions 30.00", "referral -10.00 Referral of affiliate 2: 5 % of -200.00"]);
        assert_eq!(bill(&network, "2026-10-31").invoices(), 0);
    }

    /// Affiliate 4 refers with 10 % from October on: 30.00 of the new 300.00. What is rejected was shared with affiliate 1.
    fn a_difference_is_shared_with_whom_it_was_shared_first(database) {
        let mut network = referred(database, "");
        september(&mut network);
        refer(&network, r#"{"affiliate":4,"percent":"10"}"#);
        october(&network);
        assert_eq!(lines(&network, 5), ["conversions 30.00", "referral -10.00 Referral of affiliate 2: 5 % of -200.00"]);
        assert_eq!(lines(&network, 6), ["referral 30.00 Referral of affiliate 2: 10 % of 300.00"]);
        // Everything of the invoice is taken back from each as it was given: 5 % of 200.00 more for affiliate 1.
        network.engine.void(&network.call, id(4), None, VoidReason::Other, "").unwrap();
        network.approve("e 1 1 2026-10-22 1.00\nf 4 1 2026-10-22 50.00");
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 7), ["conversions 1.00", "referral 10.00 Referral of affiliate 2: 5 % of 200.00"]);
        assert_eq!(lines(&network, 9), ["conversions 50.00", "referral -30.00 Referral of affiliate 2: 10 % of -300.00"]);
    }

    fn a_difference_is_shared_also_where_the_referrer_was_taken_away(database) {
        let mut network = referred(database, r#","threshold":"100""#);
        september(&mut network);
        refer(&network, r#""""#);
        october(&network);
        assert_eq!(lines(&network, 5), ["conversions 30.00", "referral -10.00 Referral of affiliate 2: 5 % of -200.00"]);
        assert_eq!(bill(&network, "2026-10-31").invoices(), 0);
    }

    /// What was billed before there was a referrer is no share of anybody, also where it is taken back later.
    fn what_was_never_shared_is_not_taken_back(database) {
        let mut network = referred(database, "");
        refer(&network, r#""""#);
        network.at("2026-10-01");
        network.approve("a 2 1 2026-09-10 200.00");
        bill(&network, "2026-09-30");
        refer(&network, r#"{"affiliate":1,"percent":"5"}"#);
        network.at("2026-11-02");
        network.approve("c 2 1 2026-10-20 300.00");
        network.ingest(vec![network.record("a", 2, 1, "rejected", "2026-09-10", "200.00")]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 2).len(), 2);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 3), ["referral 15.00 Referral of affiliate 2: 5 % of 300.00"]);
    }

    /// A month from 15 September, the first commission, to 14 October: 5 % of 100.00, then of 20.00 of the 14th, and not of 40.00
    /// of the 15th; and of 7.00 that come late for 20 September.
    fn a_term_of_months_counts_from_the_first_commission(database) {
        let mut network = referred(database, r#","months":1"#);
        network.approve("a 2 1 2026-09-15 100.00");
        bill(&network, "2026-09-30");
        network.at("2026-11-02");
        network.approve("b 2 1 2026-10-14 20.00\nc 2 2 2026-10-15 40.00\nd 2 1 2026-10-15 40.00\ne 2 1 2026-09-20 7.00");
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 2), ["referral 5.00 Referral of affiliate 2: 5 % of 100.00"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 4), ["referral 1.35 Referral of affiliate 2: 5 % of 27.00"]);
    }

    /// The same on one invoice, of what the conversions bring: 10.00 in the first month, 30.00 after it.
    fn a_term_of_months_may_end_within_the_first_invoice(database) {
        let mut network = referred(database, r#","basis":"revenue","months":1"#);
        network.at("2026-11-02");
        let earn = |id: &str, on: &str, revenue: &str| {
            let record = network.record(id, 2, 1, "approved", on, "1.00");
            network.ingest(vec![ConversionRecord { revenue: Some(revenue.into()), ..record }]);
        };
        earn("a", "2026-09-15", "4.00");
        earn("b", "2026-10-14", "6.00");
        earn("c", "2026-10-15", "30.00");
        bill(&network, "2026-10-31");
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 2), ["referral 0.50 Referral of affiliate 2: 5 % of revenue 10.00"]);
    }

    /// The referrer has everything converted into euros: 5 % of 100.00 USD at 1.25 USD a euro are 4.00 EUR. What is rejected later
    /// takes 4.00 EUR back, though 5.00 USD are 2.50 EUR by then; 10 % of the new 300.00 USD are 15.00 EUR.
    fn a_share_that_was_converted_is_taken_back_at_the_rate_it_was_paid_at(database) {
        let mut network = network(database, r#"{"affiliate":5,"percent":"5"}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":5,"currency":"EUR","currency_policy":"convert"}"#);
        network.rates("2026-01-30,EUR,USD,1.25\n");
        network.approve("a 1 1 2026-01-05 100.00");
        bill(&network, "2026-01-31");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 2), ["referral 4.00 (5.00 USD at 0.8 of 2026-01-30) Referral of affiliate 1: 5 % of 100.00"]);
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,2\n");
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"referrer":{"affiliate":5,"percent":"10"}}"#);
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "100.00")]);
        network.approve("b 1 2 2026-02-05 300.00");
        bill(&network, "2026-02-28");
        bill(&network, "2026-02-28");
        assert_eq!(lines(&network, 4), [
            "referral 15.00 (30.00 USD at 0.5 of 2026-02-27) Referral of affiliate 1: 10 % of 300.00",
            "referral -4.00 (-5.00 USD at 0.8 of 2026-01-30) Referral of affiliate 1: 5 % of -100.00",
        ]);
        assert_eq!(bill(&network, "2026-02-28").invoices(), 0);
    }

    /// 200.00 of September and 100.00 of October are on invoices of their own: 10.00 and 5.00. The first is void, -10.00, and what
    /// it had billed is billed again: 10.00. The second invoice reaches September, and has billed nothing of it.
    fn what_a_void_invoice_had_billed_is_shared_again(database) {
        let mut network = referred(database, "");
        september(&mut network);
        network.approve("b 2 1 2026-10-10 100.00");
        bill(&network, "2026-10-31");
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 4), ["conversions 200.00"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 5), ["referral 5.00 Referral of affiliate 2: 5 % of 100.00"]);
        assert_eq!(bill(&network, "2026-10-31").invoices(), 0);
    }

    /// The same where the share ends with September, so that the second invoice is shared with nobody: -10.00 and 10.00 even out.
    fn what_a_void_invoice_had_billed_is_shared_again_after_the_end_of_a_share(database) {
        let mut network = referred(database, r#","until":"2026-09-30""#);
        september(&mut network);
        network.approve("b 2 1 2026-10-10 100.00");
        bill(&network, "2026-10-31");
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 4), ["conversions 200.00"]);
        network.approve("x 1 2 2026-10-01 1.00");
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 5), ["conversions 1.00"]);
    }

    /// Both invoices were issued before there was a referrer. The first is void, and its 200.00 are billed again when there is
    /// one: 5 % of them are 10.00.
    fn what_a_void_invoice_had_billed_is_shared_by_the_rules_of_today(database) {
        let mut network = referred(database, "");
        refer(&network, r#""""#);
        network.approve("a 2 1 2026-09-10 200.00");
        bill(&network, "2026-09-30");
        network.at("2026-11-02");
        network.approve("b 2 1 2026-10-10 100.00");
        bill(&network, "2026-10-31");
        refer(&network, r#"{"affiliate":1,"percent":"5"}"#);
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 3), ["conversions 200.00"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 4), ["referral 10.00 Referral of affiliate 2: 5 % of 200.00"]);
    }

    /// 200.00 of an offer are held back when September is billed, without a referrer. With one they are billed for the first
    /// time: 5 % are 10.00. A correction of the 10.00 that were billed in September is nobody's.
    fn what_hold_days_kept_back_is_shared_when_it_is_billed(database) {
        let mut network = referred(database, "");
        refer(&network, r#""""#);
        network.engine.set_hold_days(&network.call, 3, 30, false).unwrap();
        network.approve("a 2 1 2026-09-05 10.00\nh 2 3 2026-09-20 200.00");
        bill(&network, "2026-09-30");
        assert_eq!(lines(&network, 1), ["conversions 10.00"]);
        refer(&network, r#"{"affiliate":1,"percent":"5"}"#);
        network.at("2026-11-02");
        network.ingest(vec![network.record("a", 2, 1, "approved", "2026-09-05", "6.00")]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 2), ["conversions -4.00", "conversions 200.00"]);
        bill(&network, "2026-10-31");
        assert_eq!(lines(&network, 3), ["referral 10.00 Referral of affiliate 2: 5 % of 200.00"]);
    }

    /// The referrer has everything converted into euros. Of January 10 % of 100.00 USD are 8.00 EUR at 0.8. In February these are taken
    /// back as they were paid, and 5 % of 500.00 USD are 12.50 EUR at 0.5. In March that is taken back at 0.5 as well, -12.50 EUR, though the
    /// first line of the same invoice was at 0.8; 20 % of 1000.00 USD are 200.00 EUR at 1.
    fn a_share_is_taken_back_at_its_own_rate_also_where_its_invoice_took_back_at_another(database) {
        let mut network = network(database, r#"{"affiliate":5,"percent":"10"}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":5,"currency":"EUR","currency_policy":"convert"}"#);
        let percent = |network: &Network, percent: i64| {
            let party = format!(r#"{{"id":1,"referrer":{{"affiliate":5,"percent":"{percent}"}}}}"#);
            network.set_party(PartyKind::Affiliate, &party);
        };
        network.rates("2026-01-30,EUR,USD,1.25\n");
        network.approve("a 1 1 2026-01-05 100.00");
        bill(&network, "2026-01-31");
        bill(&network, "2026-01-31");
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,2\n");
        percent(&network, 5);
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "100.00")]);
        network.approve("b 1 2 2026-02-05 500.00");
        bill(&network, "2026-02-28");
        bill(&network, "2026-02-28");
        assert_eq!(lines(&network, 4), [
            "referral -8.00 (-10.00 USD at 0.8 of 2026-01-30) Referral of affiliate 1: 10 % of -100.00",
            "referral 12.50 (25.00 USD at 0.5 of 2026-02-27) Referral of affiliate 1: 5 % of 500.00",
        ]);
        network.at("2026-04-02");
        network.rates("2026-03-31,EUR,USD,1\n");
        percent(&network, 20);
        network.ingest(vec![network.record("b", 1, 2, "rejected", "2026-02-05", "500.00")]);
        network.approve("c 1 2 2026-03-05 1000.00");
        bill(&network, "2026-03-31");
        bill(&network, "2026-03-31");
        assert_eq!(lines(&network, 6), [
            "referral 200.00 (200.00 USD at 1 of 2026-03-31) Referral of affiliate 1: 20 % of 1000.00",
            "referral -12.50 (-25.00 USD at 0.5 of 2026-02-27) Referral of affiliate 1: 5 % of -500.00",
        ]);
    }
}
