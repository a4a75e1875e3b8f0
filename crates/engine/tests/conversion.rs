//! Parties that have everything converted into their currency: one invoice, each line with its own amount and rate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::{FirstDay, RunReport, RunRequest};
use quittance_engine::invoices::{ConversionQuery, TakeOffRequest};
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

const ID: InvoiceId = InvoiceId::new(1);

fn record(network: &Network, id: &str, offer: i64, on: &str, payout: &str, currency: &str) -> ConversionRecord {
    ConversionRecord {
        payout_currency: Some(Currency::parse(currency).unwrap()),
        ..network.record(id, 1, offer, "approved", on, payout)
    }
}

/// Affiliate 1 is paid in dollars and has converted in three currencies: 10.00 USD, 20.005 + 0.001 EUR, 1234 JPY.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"convert"}"#);
    let records = vec![
        record(&network, "a", 1, "2026-01-05", "10.00", "USD"),
        record(&network, "b", 1, "2026-01-06", "20.005", "EUR"),
        record(&network, "c", 1, "2026-01-07", "0.001", "EUR"),
        record(&network, "d", 2, "2026-01-08", "1234", "JPY"),
    ];
    assert_eq!(network.ingest(records).counts.created, 4);
    network
}

/// Affiliate 1 is paid in dollars, and has nothing yet.
fn converting(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"convert"}"#);
    network
}

fn rejected(record: ConversionRecord) -> ConversionRecord {
    ConversionRecord { status: ConversionStatus::parse("rejected"), ..record }
}

fn bill(network: &Network, through: &str) -> RunReport {
    network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap()
}

fn skips(report: &RunReport) -> Vec<(String, String)> {
    report.skipped.iter().map(|skip| (format!("{} {}", skip.units, skip.currency), skip.reason.clone())).collect()
}

/// For which rates the run has left something out.
fn missing(report: &RunReport) -> Vec<String> {
    report.skipped.iter().filter_map(|skip| skip.missing_rate.as_ref()).map(ToString::to_string).collect()
}

/// The lines as offer, what they take, what that is rounded to, the rate, and the amount billed.
fn lines(network: &Network, id: InvoiceId) -> Vec<String> {
    let line = |line: &quittance_engine::invoices::Line| {
        let usd = Currency::parse("USD").unwrap();
        let source = line.source_currency(usd);
        let rate = line.converted.as_ref().map_or("-".to_owned(), |c| format!("{} of {}", c.rate, c.rate.day));
        let money = |units, currency| quittance_domain::money::Money::new(units, currency).to_decimal();
        format!(
            "{:?} {} -> {} {source} at {rate} = {}",
            line.offer_id.map(|offer| offer.get()),
            money(line.taken.units, source),
            money(line.source_units(), source),
            money(line.units, usd),
        )
    };
    network.engine.invoice_lines(&network.call, id).unwrap().iter().map(line).collect()
}

fn balances(network: &Network) -> Vec<String> {
    let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
    let shown = |(account, currency, units): (String, Currency, i64)| {
        format!("{account} {} {currency}", quittance_domain::money::Money::new(units, currency).to_decimal())
    };
    balances.into_iter().filter(|(_, _, units)| *units != 0).map(shown).collect()
}

both_databases! {
    /// 20.006 EUR are 20.01; at 1.10 of Friday 30 January (the 31st is a Saturday) 22.011 dollars: 22.01. 1234 JPY at
    /// 1.10 ÷ 165 are 8.2266…: 8.23. With 10.00: 40.24.
    fn one_invoice_bills_every_currency_at_the_rate_of_its_last_day(database) {
        let network = network(database);
        network.rates("2026-01-29,EUR,USD,1.20\n2026-01-30,EUR,USD,1.10\n2026-01-30,EUR,JPY,165\n");
        let report = bill(&network, "2026-01-31");
        assert_eq!((report.invoices(), report.totals[0].units), (1, 40_240_000));
        assert_eq!(lines(&network, ID), [
            "Some(1) 20.006 -> 20.01 EUR at 1.1 of 2026-01-30 = 22.01",
            "Some(2) 1234 -> 1234 JPY at 0.0066666667 of 2026-01-30 = 8.23",
            "Some(1) 10.00 -> 10.00 USD at - = 10.00",
        ]);
        assert_eq!(balances(&network), [
            "affiliate_payable -40.24 USD",
            "commission_expense 20.01 EUR",
            "commission_expense 1234 JPY",
            "commission_expense 10.00 USD",
            "exchange -20.01 EUR",
            "exchange -1234 JPY",
            "exchange 30.24 USD",
        ]);
        let query = ConversionQuery { limit: 10, ..ConversionQuery::default() };
        let page = network.engine.invoice_conversions(&network.call, ID, &query).unwrap();
        let listed: Vec<_> =
            page.conversions.iter().map(|c| (c.conversion_id.as_str(), format!("{} {}", c.amount, c.amount.currency()), c.line_no)).collect();
        assert_eq!(listed.len(), 4);
        assert_eq!(listed[1], ("b", "20.005 EUR".to_owned(), Some(1)));
        network.assert_verified();
    }

    /// 10.00 USD and 20.01 EUR, which are 22.01 USD at 1.10, do not wait for the yen: 32.01. With 165 JPY and 1.30 USD for a
    /// EUR on the 23rd one JPY is 0.0078787879 USD: 1234 JPY are 9.7224…, 9.72 on the next invoice.
    fn what_has_a_rate_is_billed_and_the_rest_says_for_which_rate_it_waits(database) {
        let network = network(database);
        network.rates("2026-01-30,EUR,USD,1.10\n2026-01-23,EUR,JPY,165\n");
        let preview = network.engine.preview(&network.call, &RunRequest::payable_through(day("2026-01-31"))).unwrap();
        // Only on the 23rd no dollar is quoted, and only on the 30th no yen: there is no day with both.
        let report = bill(&network, "2026-01-31");
        assert_eq!((&preview.totals, &preview.skipped), (&report.totals, &report.skipped));
        assert_eq!((report.invoices(), report.totals[0].units), (1, 32_010_000));
        assert_eq!(skips(&report), [("1234000000 JPY".to_owned(), "missing_rate".to_owned())]);
        assert_eq!(missing(&report), ["JPY to USD on 2026-01-31, there is none up to then"]);
        network.rates("2026-01-23,EUR,USD,1.30\n");
        let report = bill(&network, "2026-01-31");
        assert_eq!((report.invoices(), skips(&report).len()), (0, 1));
        // The quote of the yen is eight days old, one more than the setting allows.
        assert_eq!(missing(&report), ["JPY to USD on 2026-01-31, the newest is 0.0078787879 of 2026-01-23"]);
        network.engine.set_network(&network.call, &[("rate_max_age_days", "8")]).unwrap();
        let report = bill(&network, "2026-01-31");
        assert_eq!((report.invoices(), report.totals[0].units), (1, 9_720_000));
        network.assert_verified();
        assert_eq!(bill(&network, "2026-01-31").invoices(), 0);
    }

    /// 100.00 EUR of 5 January are paid at 1.10, 110.00 USD, and 50.00 EUR of the 6th, 55.00. In February the rate is 1.30:
    /// the rejected 100.00 are taken back as 110.00, 20.00 of the 50.00 as 22.00, and 10.00 EUR that come late for the 7th are
    /// 13.00, as are 10.00 of February. In March, without any rate, the remaining 30.00 are taken back as 33.00.
    fn what_was_converted_is_taken_back_at_the_rate_it_was_paid_at(database) {
        let mut network = converting(database);
        network.rates("2026-01-30,EUR,USD,1.10\n");
        network.ingest(vec![
            record(&network, "a", 1, "2026-01-05", "100.00", "EUR"),
            record(&network, "b", 1, "2026-01-06", "50.00", "EUR"),
        ]);
        assert_eq!(bill(&network, "2026-01-31").totals[0].units, 165_000_000);
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,1.30\n");
        network.ingest(vec![
            rejected(record(&network, "a", 1, "2026-01-05", "100.00", "EUR")),
            record(&network, "b", 1, "2026-01-06", "30.00", "EUR"),
            record(&network, "c", 1, "2026-01-07", "10.00", "EUR"),
            record(&network, "d", 1, "2026-02-07", "10.00", "EUR"),
            record(&network, "e", 2, "2026-02-08", "200.00", "USD"),
        ]);
        assert_eq!(bill(&network, "2026-02-28").totals[0].units, (200 + 13 + 13 - 110 - 22) * 1_000_000);
        assert_eq!(lines(&network, InvoiceId::new(2)), [
            "Some(1) 10.00 -> 10.00 EUR at 1.3 of 2026-02-27 = 13.00",
            "Some(1) -100.00 -> -100.00 EUR at 1.1 of 2026-01-30 = -110.00",
            "Some(1) 10.00 -> 10.00 EUR at 1.3 of 2026-02-27 = 13.00",
            "Some(1) -20.00 -> -20.00 EUR at 1.1 of 2026-01-30 = -22.00",
            "Some(2) 200.00 -> 200.00 USD at - = 200.00",
        ]);
        network.assert_verified();
        network.at("2026-04-02");
        network.ingest(vec![
            rejected(record(&network, "b", 1, "2026-01-06", "30.00", "EUR")),
            record(&network, "f", 2, "2026-03-08", "40.00", "USD"),
        ]);
        assert_eq!(bill(&network, "2026-03-31").totals[0].units, 7_000_000);
        assert_eq!(lines(&network, InvoiceId::new(3))[0], "Some(1) -30.00 -> -30.00 EUR at 1.1 of 2026-01-30 = -33.00");
        network.assert_verified();
    }

    /// Taken off and void, each currency goes back to its own book, and the next invoice takes it again.
    fn what_is_taken_off_goes_back_to_its_own_book(database) {
        let mut network = network(database);
        network.rates("2026-01-30,EUR,USD,1.10\n2026-01-30,EUR,JPY,165\n");
        bill(&network, "2026-01-31");
        let (engine, call) = (&network.engine, &network.call);
        let off = TakeOffRequest::Conversions(vec!["b".to_owned()]);
        // 0.001 EUR is left, which rounds to nothing.
        assert_eq!(engine.take_off(call, ID, None, &off).unwrap().billed_units, 18_230_000);
        assert_eq!(lines(&network, ID)[0], "Some(1) 0.001 -> 0.00 EUR at 1.1 of 2026-01-30 = 0.00");
        network.assert_verified();
        engine.void(call, ID, None, VoidReason::Other, "").unwrap();
        assert!(balances(&network).is_empty());
        network.assert_verified();
        network.at("2026-03-02");
        network.ingest(vec![record(&network, "e", 1, "2026-02-05", "5.00", "GBP")]);
        network.rates("2026-02-27,EUR,USD,1.25\n2026-02-27,EUR,JPY,160\n2026-02-27,EUR,GBP,0.8\n");
        // 20.01 × 1.25 = 25.0125; 1234 × 1.25 ÷ 160 = 9.640625; 5 ÷ 0.8 × 1.25 = 7.8125; 10.
        let report = bill(&network, "2026-02-28");
        assert_eq!(report.totals[0].units, 25_010_000 + 9_640_000 + 7_810_000 + 10_000_000);
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(2)).unwrap();
        assert_eq!(invoice.period.to_string(), "2026-01-05..2026-02-28");
        network.assert_verified();
    }

    /// What rounding leaves in a book is carried in its own currency: 0.004 EUR twice are billed as a cent the second time.
    fn remainders_stay_in_their_currency(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-02");
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"convert"}"#);
        network.rates("2026-01-30,EUR,USD,1.50\n");
        network.ingest(vec![record(&network, "a", 1, "2026-01-05", "10.004", "EUR")]);
        bill(&network, "2026-01-31");
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,2.50\n");
        let records = vec![
            record(&network, "b", 1, "2026-02-05", "10.004", "EUR"),
            record(&network, "c", 2, "2026-02-05", "1.003", "EUR"),
        ];
        network.ingest(records);
        bill(&network, "2026-02-28");
        assert_eq!(lines(&network, InvoiceId::new(2)), [
            "Some(1) 10.004 -> 10.00 EUR at 2.5 of 2026-02-27 = 25.00",
            "Some(2) 1.003 -> 1.00 EUR at 2.5 of 2026-02-27 = 2.50",
            "None 0.00 -> 0.01 EUR at 2.5 of 2026-02-27 = 0.03",
        ]);
        network.assert_verified();
    }

    /// The policy can change: the books go on where their last invoices ended.
    fn a_change_of_policy_bills_nothing_twice(database) {
        let mut network = network(database);
        network.rates("2026-01-30,EUR,USD,1.10\n2026-01-30,EUR,JPY,165\n");
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"per_currency"}"#);
        assert_eq!(bill(&network, "2026-01-10").invoices(), 3);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"convert"}"#);
        network.ingest(vec![record(&network, "e", 1, "2026-01-20", "3.00", "EUR")]);
        let report = bill(&network, "2026-01-31");
        assert_eq!((report.invoices(), report.totals[0].units), (1, 3_300_000));
        network.at("2026-03-02");
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"currency_policy":"per_currency"}"#);
        network.ingest(vec![record(&network, "f", 1, "2026-02-20", "3.00", "JPY")]);
        let report = bill(&network, "2026-02-28");
        assert_eq!((report.invoices(), report.totals[0].units), (1, 3_000_000));
        network.assert_verified();
    }

    /// 10.00 USD, 20.01 EUR (22.01 USD) and 1234 JPY (8.23 USD) are below the minimum of 60.00 in January, and roll over.
    fn what_rolls_over_keeps_its_period_in_every_currency(database) {
        let mut network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"minimum_payment":"60"}"#);
        network.rates("2026-01-30,EUR,USD,1.10\n2026-01-30,EUR,JPY,165\n");
        assert_eq!(skips(&bill(&network, "2026-01-31")), [("40240000 USD".to_owned(), "below_minimum".to_owned())]);
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,1.10\n2026-02-27,EUR,JPY,165\n");
        let more = vec![
            record(&network, "e", 1, "2026-02-05", "15.00", "USD"),
            record(&network, "f", 1, "2026-02-06", "10.00", "EUR"),
        ];
        network.ingest(more);
        assert_eq!(bill(&network, "2026-02-28").invoices(), 1);
        network.assert_verified();
        let lines = network.engine.invoice_lines(&network.call, ID).unwrap();
        let shown = |line: &quittance_engine::invoices::Line| {
            format!("{} to {}: {}", line.period.start, line.period.end, line.units / 10_000)
        };
        let mut lines: Vec<String> = lines.iter().map(shown).collect();
        lines.sort();
        assert_eq!(lines, [
            "2026-01-05 to 2026-01-31: 1000",
            "2026-01-05 to 2026-01-31: 2201",
            "2026-01-05 to 2026-01-31: 823",
            "2026-02-01 to 2026-02-28: 1100",
            "2026-02-01 to 2026-02-28: 1500",
        ]);
    }

    /// 50.00 EUR were paid at 1.10, 55.00 USD. Without a rate for March they are taken back as that, though 10.00 EUR of another
    /// day came in and were rejected meanwhile: these come to nothing by any rate. With 100.00 USD of March: 45.00.
    fn what_comes_to_nothing_needs_no_rate(database) {
        let mut network = converting(database);
        network.rates("2026-01-30,EUR,USD,1.10\n");
        network.ingest(vec![record(&network, "b", 1, "2026-01-06", "50.00", "EUR")]);
        assert_eq!(bill(&network, "2026-01-31").totals[0].units, 55_000_000);
        network.at("2026-04-02");
        network.ingest(vec![record(&network, "c", 1, "2026-01-20", "10.00", "EUR")]);
        network.ingest(vec![
            rejected(record(&network, "b", 1, "2026-01-06", "50.00", "EUR")),
            rejected(record(&network, "c", 1, "2026-01-20", "10.00", "EUR")),
            record(&network, "d", 2, "2026-03-08", "100.00", "USD"),
        ]);
        let report = bill(&network, "2026-03-31");
        assert_eq!((skips(&report), report.totals[0].units), (vec![], 45_000_000));
        network.assert_verified();
        assert_eq!(bill(&network, "2026-03-31").invoices(), 0);
    }

    /// Three conversions of 10.00 EUR bring a bonus of 10 %: 30.00 and 3.00 EUR at 1.10 are 36.30 USD. One of them is rejected: the bonus
    /// falls away with it, and there is no rate for that. With one of 1.20, -10.00 EUR are -11.00 USD as they were paid, and
    /// -3.00 EUR -3.60 USD; with 50.00 USD: 35.40.
    fn what_counts_for_a_bonus_is_not_taken_back_without_a_rate(database) {
        let mut network = converting(database);
        let bonus = serde_json::json!({"bonuses": [{
            "id": 1, "title": "Volume", "measure": "conversions", "retroactive": true, "offers": [1],
            "tiers": [{"from": "3", "percent": "10"}]
        }]});
        network.engine.import_network(network.call.now, Some("test"), &bonus).unwrap().unwrap();
        network.rates("2026-01-30,EUR,USD,1.10\n");
        network.ingest(["a", "b", "c"].map(|id| record(&network, id, 1, "2026-01-06", "10.00", "EUR")).to_vec());
        assert_eq!(bill(&network, "2026-01-31").totals[0].units, 36_300_000);
        network.at("2026-04-02");
        network.ingest(vec![
            rejected(record(&network, "a", 1, "2026-01-06", "10.00", "EUR")),
            record(&network, "d", 2, "2026-03-08", "100.00", "USD"),
        ]);
        let report = bill(&network, "2026-03-31");
        assert_eq!(skips(&report), [("-10000000 EUR".to_owned(), "missing_rate".to_owned())]);
        assert_eq!(report.totals[0].units, 100_000_000);
        network.rates("2026-03-31,EUR,USD,1.20\n");
        network.ingest(vec![record(&network, "e", 2, "2026-03-09", "50.00", "USD")]);
        assert_eq!(bill(&network, "2026-03-31").totals[0].units, 35_400_000);
        network.assert_verified();
    }

    /// 1.00 EUR of the first ten days is billed at 1.10. Then 20.00 EUR wait for a rate while 10.00 USD are billed. Runs that start where
    /// the last invoice ended still bill them: that of the euros ended on the 10th. At 1.30 they are 26.00; with 5.00 USD: 31.00.
    fn a_book_that_waited_for_a_rate_goes_on_from_its_own_last_invoice(database) {
        let mut network = converting(database);
        let bill = |network: &Network, through: &str| {
            let request = RunRequest { from: FirstDay::LastInvoice, ..RunRequest::payable_through(day(through)) };
            network.engine.bill(&network.call, &request, &mut |_| {}).unwrap()
        };
        network.rates("2026-01-09,EUR,USD,1.10\n");
        network.ingest(vec![
            record(&network, "a", 1, "2026-01-05", "1.00", "EUR"),
            record(&network, "b", 1, "2026-01-20", "20.00", "EUR"),
            record(&network, "c", 1, "2026-01-20", "10.00", "USD"),
        ]);
        assert_eq!(bill(&network, "2026-01-10").totals[0].units, 1_100_000);
        let report = bill(&network, "2026-01-31");
        assert_eq!(skips(&report), [("20000000 EUR".to_owned(), "missing_rate".to_owned())]);
        assert_eq!(report.totals[0].units, 10_000_000);
        network.at("2026-03-02");
        network.rates("2026-02-27,EUR,USD,1.30\n");
        network.ingest(vec![record(&network, "d", 1, "2026-02-07", "5.00", "USD")]);
        assert_eq!(bill(&network, "2026-02-28").totals[0].units, 31_000_000);
        network.assert_verified();
        assert_eq!(bill(&network, "2026-02-28").invoices(), 0);
    }
}
