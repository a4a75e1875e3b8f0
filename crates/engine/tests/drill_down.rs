//! The conversions of an invoice, page by page, where one offer and day has very many of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::VoidReason;
use quittance_engine::ErrorKind;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{ConversionQuery, TakeOffRequest};
use quittance_testkit::{Network, both_databases, day};

const CONVERSIONS: usize = 2_500;

fn bill(network: &Network) {
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
}

/// All ids on an invoice, read in pages; none may come twice.
fn ids(network: &Network, invoice: i64, limit: usize) -> BTreeSet<String> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let query = ConversionQuery { line_no: None, after, limit };
        let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(invoice), &query).unwrap();
        assert!(page.conversions.len() <= limit);
        for entry in page.conversions {
            assert!(ids.insert(entry.conversion_id.clone()), "{} came twice", entry.conversion_id);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

/// The entries on an invoice, or on one of its lines, read in pages: conversion, revision, sign and line. And how many pages
/// held less than was asked for and were not the last.
fn entries(network: &Network, invoice: i64, line_no: Option<i64>, limit: usize) -> (Vec<Entry>, usize) {
    let (mut entries, mut after, mut short) = (Vec::new(), None, 0);
    loop {
        let query = ConversionQuery { line_no, after, limit };
        let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(invoice), &query).unwrap();
        let count = page.conversions.len();
        entries.extend(page.conversions.into_iter().map(|e| (e.conversion_id, e.revision, e.sign, e.line_no)));
        match page.next {
            Some(next) => after = Some(next),
            None => return (entries, short),
        }
        short += usize::from(count < limit);
    }
}

type Entry = (String, i64, i64, Option<i64>);

/// Conversions of some days up to a last one, one a day of each of the offers 1 to 3.
fn of_days(network: &Network, name: &str, last: &str, days: i32) {
    let records = (0..days).flat_map(|back| (1..=3).map(move |offer| (back, offer)));
    let record = |(back, offer): (i32, i64)| {
        let date = day(last).plus_days(-back).to_string();
        network.record(&format!("{name}{back:04}.{offer}"), 1, offer, "approved", &date, "0.01")
    };
    network.ingest(records.map(record).collect());
}

both_databases! {
    fn an_invoice_of_many_rows_and_lines_is_paged_as_it_is_read_whole(database) {
        let mut network = Network::create(database.engine());
        network.at("2025-07-01");
        of_days(&network, "a", "2025-06-30", 200);
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2025-06-30")), &mut |_| {}).unwrap();
        network.at("2026-02-01");
        // Late ones of the days before, which get lines of their own, and those of 215 days more: 1,245 rows in all.
        of_days(&network, "late", "2025-06-30", 200);
        of_days(&network, "b", "2026-01-31", 215);
        bill(&network);
        let off = [
            TakeOffRequest::Conversions(vec!["b0007.1".into(), "late0100.3".into(), "b0214.2".into()]),
            TakeOffRequest::Offers(vec![OfferId::new(2)]),
        ];
        let whole = |invoice| {
            let all = network.engine.invoice_conversions_at(&network.call, InvoiceId::new(invoice), (0, 10_000)).unwrap();
            assert_eq!(all.0.len(), all.1);
            all.0.into_iter().map(|e| (e.conversion_id, e.revision, e.sign)).collect::<Vec<_>>()
        };
        let mut count = 1_245;
        // Three single ones, one of which is of the offer 2, then the 414 others of that.
        for (step, gone) in [0, 3, 414].into_iter().enumerate() {
            if step > 0 {
                network.engine.take_off(&network.call, InvoiceId::new(2), None, &off[step - 1]).unwrap();
            }
            count -= gone;
            let expected = whole(2);
            assert_eq!(expected.len(), count, "{step}");
            for limit in [97, 1_000] {
                let (paged, _) = entries(&network, 2, None, limit);
                let plain: Vec<_> = paged.iter().map(|(id, revision, sign, _)| (id.clone(), *revision, *sign)).collect();
                assert!(plain == expected, "step {step}, {limit} a page: {} of {}", plain.len(), expected.len());
            }
            let (all, _) = entries(&network, 2, None, 500);
            let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(2)).unwrap();
            let mut seen = 0;
            for line in &lines {
                let of_line: Vec<Entry> = all.iter().filter(|entry| entry.3 == Some(line.line_no)).cloned().collect();
                assert_eq!(of_line.len() as i64, line.taken.conversions, "step {step}, line {}", line.line_no);
                assert!(entries(&network, 2, Some(line.line_no), 60).0 == of_line, "step {step}, line {}", line.line_no);
                seen += of_line.len();
            }
            assert_eq!(seen, count, "step {step}");
            assert!(entries(&network, 2, Some(999), 60).0.is_empty());
        }
        assert_eq!(entries(&network, 1, None, 1_000).0.len(), 600);
        let wrong = ConversionQuery { after: Some("7.7".into()), limit: 1, line_no: None };
        let refused = network.engine.invoice_conversions(&network.call, InvoiceId::new(2), &wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        network.assert_verified();
    }

    fn a_page_ends_where_too_much_was_taken_off(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        // 10,500 rows, all of which are empty.
        of_days(&network, "a", "2026-01-31", 1_750);
        of_days(&network, "b", &day("2026-01-31").plus_days(-1_750).to_string(), 1_750);
        bill(&network);
        let offers = TakeOffRequest::Offers([1, 2, 3].map(OfferId::new).to_vec());
        network.engine.take_off(&network.call, InvoiceId::new(1), None, &offers).unwrap();
        assert_eq!(entries(&network, 1, None, 1_000), (Vec::new(), 1));
    }

    fn a_bucket_of_many_conversions_is_paged_to_its_last(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |i| network.record(&format!("c{i:04}"), 1, 1, "approved", "2026-01-10", "0.01");
        network.ingest((0..CONVERSIONS).map(record).collect());
        bill(&network);
        let mut expected: BTreeSet<String> = (0..CONVERSIONS).map(|i| format!("c{i:04}")).collect();
        for limit in [700, 1_000, 5_000] {
            assert_eq!(ids(&network, 1, limit), expected);
        }
        let request = TakeOffRequest::Conversions(vec!["c0999".into(), "c1700".into()]);
        network.engine.take_off(&network.call, InvoiceId::new(1), None, &request).unwrap();
        expected.remove("c0999");
        expected.remove("c1700");
        assert_eq!(ids(&network, 1, 700), expected);
        let (reason, text) = (VoidReason::Other, "on purpose");
        network.engine.void(&network.call, InvoiceId::new(1), None, reason, text).unwrap();
        bill(&network);
        expected.extend(["c0999".into(), "c1700".into()]);
        assert_eq!(ids(&network, 2, 700), expected);
        network.assert_verified();
    }

    /// y is billed for 20 October. Then it moves to 11 November, a day of the same invoice: of that period nothing is left, so
    /// the next invoice has no line for it. x comes late for 15 September, the period of an invoice that holds 20 October as
    /// well: its line bills x alone, 7.00. With y rejected the line that was left out comes back: 7.00 − 66.25 = −59.25.
    fn the_days_of_a_line_that_is_left_out_belong_to_no_other(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-11-25");
        let bill = |network: &Network, through: &str| {
            network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
            network.assert_verified();
        };
        network.approve("y 1 3 2026-10-20 66.25");
        bill(&network, "2026-11-24");
        network.approve("z 1 1 2026-09-09 10.00");
        bill(&network, "2026-10-28");
        network.approve("y 1 3 2026-11-11 66.25\nx 1 3 2026-09-15 7.00");
        bill(&network, "2026-11-24");
        let lines = || -> Vec<(i64, String, i64)> {
            let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(3)).unwrap();
            lines.iter().map(|line| (line.line_no, line.period.to_string(), line.units / 10_000)).collect()
        };
        let x = || ("x".to_owned(), 1, 1, Some(1));
        let y = |revision, sign, line| ("y".to_owned(), revision, sign, line);
        assert_eq!(lines(), [(1, "2026-09-09..2026-10-28".to_owned(), 700)]);
        assert_eq!(entries(&network, 3, None, 10).0, [x(), y(1, -1, None), y(2, 1, None)]);
        assert_eq!(entries(&network, 3, Some(1), 10).0, [x()]);
        let mut rejected = network.record("y", 1, 3, "rejected", "2026-11-11", "66.25");
        rejected.status = quittance_domain::conversion::ConversionStatus::parse("rejected");
        network.ingest(vec![rejected]);
        let invoice = network.engine.sync(&network.call, InvoiceId::new(3), None).unwrap();
        assert_eq!(invoice.billed_units, -59_250_000);
        assert_eq!(lines()[1], (2, "2026-10-20..2026-11-24".to_owned(), -6625));
        assert_eq!(entries(&network, 3, Some(2), 10).0, [y(1, -1, Some(2)), y(2, 1, Some(2)), y(2, -1, Some(2))]);
        network.assert_verified();
        let off = TakeOffRequest::Conversions(vec!["y".to_owned()]);
        let invoice = network.engine.take_off(&network.call, InvoiceId::new(3), None, &off).unwrap();
        assert_eq!((invoice.billed_units, lines().len()), (7_000_000, 1));
        assert_eq!(entries(&network, 3, None, 10).0, [x()]);
        network.assert_verified();
    }
}
