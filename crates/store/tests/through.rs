//! Lists of invoices by payment system, of more parties than are looked up one by one, against a plain test of each invoice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;

use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;
use quittance_store::Store;
use quittance_store::invoices::{NewestQuery, count_newest, newest};
use quittance_testkit::both_databases;

const INVOICES: i64 = 9_000;

/// System 1 pays in euros, 2 in dollars, 3 in anything. Parties have different methods by their id, every fourth invoice was
/// paid through a system that need not be its party's, and every fourth has an account written by hand.
const FILL: &str = "INSERT INTO payment_systems (network_id, system_id, title, payment_type, currency, fields) \
    VALUES (1, 1, 'Euro', 'other', 'EUR', '[]'), (1, 2, 'Dollar', 'other', 'USD', '[]'), (1, 3, 'Any', 'other', NULL, '[]'); \
    INSERT INTO payment_methods (network_id, kind, party_id, method_no, system_id, currency, main, fields) \
    WITH RECURSIVE n(p) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT p + 1 FROM n WHERE p < 600), \
    m(rest, method_no, system_id, currency, main) AS (VALUES (1, 1, 3, NULL, 1), (1, 2, 2, NULL, 0), (2, 1, 1, NULL, 1), \
    (3, 1, 2, NULL, 0), (3, 2, 3, 'USD', 1), (4, 1, 3, NULL, 1)) \
    SELECT 1, 'affiliate', p, method_no, system_id, currency, main, 'x' FROM n, m WHERE p % 5 = rest; \
    INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, \
    created_at, created_by, updated_at, billed_units, balance_units, standing, listed) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 9000) \
    SELECT 1, 'payable', i % 600 + 1, i, i, CASE WHEN i / 600 % 2 = 0 THEN 'EUR' ELSE 'USD' END, 'approved', 1, 2, 3, 0, '', '', '', \
    1, 1, 1, (i * 7919) % 9000 / 3, 'test', i, 1, 1, 0, \
    CASE WHEN i % 11 = 0 THEN 'deleted' WHEN i % 13 = 0 THEN 'void' WHEN i % 4 = 1 THEN 'paid' ELSE 'approved' END FROM n; \
    INSERT INTO books (network_id, kind, party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_take) \
    SELECT DISTINCT network_id, kind, party_id, currency, 0, 0, 0, 0, 1 FROM invoices; \
    INSERT INTO invoice_destinations (network_id, kind, party_id, invoice_id, system_id, system_title, account, in_part) \
    SELECT network_id, kind, party_id, invoice_id, CASE WHEN invoice_id % 4 = 1 THEN invoice_id % 3 + 1 END, 'x', 'y', 0 \
    FROM invoices WHERE invoice_id % 4 IN (1, 2)";

/// The system that an invoice of the fill goes through, worked out from its number.
fn system(i: i64) -> Option<i64> {
    let euros = i / 600 % 2 == 0;
    match ((i % 600 + 1) % 5, euros) {
        _ if i % 4 == 1 => Some(i % 3 + 1),
        // Its own method for dollars goes before the main one for anything.
        (1, false) => Some(2),
        (1, true) => Some(3),
        (2, true) => Some(1),
        // Of two methods in dollars the main one.
        (3, false) => Some(3),
        (4, _) => Some(3),
        _ => None,
    }
}

fn listed(i: i64) -> Option<InvoiceStatus> {
    match i {
        i if i % 11 == 0 => None,
        i if i % 13 == 0 => Some(InvoiceStatus::Void),
        i if i % 4 == 1 => Some(InvoiceStatus::Paid),
        _ => Some(InvoiceStatus::Approved),
    }
}

fn created(i: i64) -> i64 {
    (i * 7919) % 9_000 / 3
}

/// What is asked: systems, statuses, instants of issue, instants of the last change.
type Case = (Vec<i64>, Vec<InvoiceStatus>, (i64, i64), (i64, i64));

fn expected((systems, statuses, issue, change): &Case) -> Vec<i64> {
    let within = |(from, before): &(i64, i64), value: i64| value >= *from && value < *before;
    let asked = |i: &i64| {
        let status = listed(*i).is_some_and(|status| statuses.is_empty() || statuses.contains(&status));
        let system = system(*i).is_some_and(|system| systems.contains(&system));
        status && system && within(issue, created(*i)) && within(change, *i)
    };
    let mut found: Vec<i64> = (1..=INVOICES).filter(asked).collect();
    found.sort_by_key(|i| Reverse((created(*i), *i)));
    found
}

both_databases! {
    fn every_page_of_a_payment_system_is_that_of_a_plain_test(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(FILL).unwrap();
        let ever = (i64::MIN, i64::MAX);
        use InvoiceStatus::{Approved, Paid, Void};
        let cases: [Case; 8] = [
            (vec![1], vec![], ever, ever),
            (vec![2, 3], vec![], ever, ever),
            (vec![1, 2, 3], vec![], ever, ever),
            (vec![1, 2, 3], vec![Approved, Void], ever, ever),
            (vec![3], vec![Paid], (500, 2_500), ever),
            (vec![3, 2], vec![], (0, 2_000), (1_000, 8_000)),
            (vec![], vec![], ever, ever),
            (vec![9], vec![], ever, ever),
        ];
        for case in &cases {
            let micros = Timestamp::from_micros;
            let (systems, statuses, issue, change) = case.clone();
            let query = NewestQuery {
                kind: InvoiceKind::Payable,
                created_from: micros(issue.0),
                created_before: micros(issue.1),
                ids: None,
                parties: None,
                statuses,
                updated_from: Some(micros(change.0)),
                updated_before: Some(micros(change.1)),
                systems: Some(systems),
            };
            let expected = expected(case);
            let count = expected.len() as i64;
            store.read(|tx| {
                assert_eq!(count_newest(tx, NetworkId::new(1), &query)?, count, "{case:?}");
                // Near either end, and far from both.
                for offset in [0, 7, count / 2 - 20, count / 2 + 20, count - 30, count - 1_100, 1_100, count, count + 5] {
                    let found = newest(tx, NetworkId::new(1), &query, (offset.max(0), 50), count)?;
                    let ids: Vec<i64> = found.iter().map(|found| found.invoice_id.get()).collect();
                    let page: Vec<i64> = expected.iter().skip(offset.max(0) as usize).take(50).copied().collect();
                    assert_eq!(ids, page, "{case:?} after {offset}");
                }
                Ok::<_, quittance_store::Error>(())
            }).unwrap();
        }
        assert!(expected(&cases[2]).len() > 4_000, "there are pages far from both ends");
    }
}
