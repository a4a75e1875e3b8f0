//! Pages and sums of searches among more invoices than are sorted for a page, against a plain test of each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;
use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::time::Day;
use quittance_store::Store;
use quittance_store::invoices::{FoundUnits, InvoiceSearch, Standing, found, sums_found};
use quittance_testkit::{Dice, both_databases};

const INVOICES: i64 = 60_000;

/// Created in another order than that of their ids, three in a minute; most of them open and visible, every 50th of those with an odd id
/// settled, some void, a few in yen.
const FILL: &str = "INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, payment_terms_days, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, \
    created_at, created_by, updated_at, billed_units, balance_units, standing, listed) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
    SELECT 1, 'payable', i % 700 + 1, i, i, CASE WHEN i % 1000 = 7 THEN 'JPY' ELSE 'USD' END, \
    CASE WHEN i % 11 = 0 THEN 'void' WHEN i % 50 = 1 THEN 'paid' ELSE 'pending' END, 20000 + i / 100, 20010 + i / 100, 20040, \
    i % 3, CASE WHEN i % 7 = 0 THEN 1 ELSE 0 END, '', '', '', 1, 1, 1, (i * 7919) % 60000 / 3 * 60000000, 'test', 0, i * 10000, \
    CASE WHEN i % 50 = 1 OR i % 11 = 0 THEN 0 ELSE i * 10000 END, CASE WHEN i % 11 = 0 THEN 2 WHEN i % 50 = 1 THEN 1 ELSE 0 END, \
    CASE WHEN i % 33 = 0 THEN 'deleted' WHEN i % 11 = 0 THEN 'void' WHEN i % 50 = 1 THEN 'paid' ELSE 'pending' END FROM n; \
    INSERT INTO invoice_counts (network_id, kind, quarter, listed, invoices) \
    SELECT network_id, kind, created_at / 900000000, listed, COUNT(*) FROM invoices GROUP BY 1, 2, 3, 4; \
    INSERT INTO invoice_sums (network_id, kind, currency, period_end, standing, invoices, billed_units, balance_units) \
    SELECT network_id, kind, currency, period_end, standing, COUNT(*), CAST(SUM(billed_units) AS BIGINT), \
    CAST(SUM(balance_units) AS BIGINT) FROM invoices GROUP BY network_id, kind, currency, period_end, standing";

/// An invoice of the fill, as its line says.
#[derive(Debug, Clone, Copy)]
struct Plain(i64);

impl Plain {
    fn standing(self) -> Standing {
        match self.0 {
            i if i % 11 == 0 => Standing::Void,
            i if i % 50 == 1 => Standing::Settled,
            _ => Standing::Open,
        }
    }

    fn created(self) -> i64 {
        (self.0 * 7919) % 60_000 / 3
    }

    fn balance(self) -> i64 {
        if self.0 % 50 == 1 || self.0 % 11 == 0 { 0 } else { self.0 * 10_000 }
    }
}

fn day(number: i64) -> Day {
    Day::parse("1970-01-01").unwrap().plus_days(number as i32)
}

/// What a search asks, and the same of an invoice of the fill.
type Case = (&'static str, InvoiceSearch, fn(Plain) -> bool);

fn cases() -> Vec<Case> {
    let all = || InvoiceSearch::of_kind(InvoiceKind::Payable);
    let live = |i: Plain| i.standing() != Standing::Void;
    vec![
        ("all", all(), live),
        ("open", InvoiceSearch { standings: vec![Standing::Open], ..all() }, |i| i.standing() == Standing::Open),
        ("settled", InvoiceSearch { standings: vec![Standing::Settled], ..all() }, |i| {
            i.standing() == Standing::Settled
        }),
        ("void", InvoiceSearch { standings: vec![Standing::Void], ..all() }, |i| i.standing() == Standing::Void),
        ("visible", InvoiceSearch { hidden: Some(false), ..all() }, |i| i.standing() != Standing::Void && i.0 % 7 != 0),
        ("hidden", InvoiceSearch { hidden: Some(true), ..all() }, |i| i.standing() != Standing::Void && i.0 % 7 == 0),
        ("terms", InvoiceSearch { payment_terms_days: Some(vec![0, 2]), ..all() }, |i| {
            i.standing() != Standing::Void && i.0 % 3 != 1
        }),
        ("starts", InvoiceSearch { starts_from: Some(day(20_100)), ..all() }, |i| {
            i.standing() != Standing::Void && i.0 >= 10_000
        }),
        ("ends", InvoiceSearch { ends_through: Some(day(20_410)), ..all() }, |i| {
            i.standing() != Standing::Void && i.0 < 40_100
        }),
        ("ends early", InvoiceSearch { ends_through: Some(day(20_020)), ..all() }, |i| {
            i.standing() != Standing::Void && i.0 < 1_100
        }),
        ("parties", InvoiceSearch { parties: Some(vec![3, 700]), ..all() }, |i| {
            i.standing() != Standing::Void && matches!(i.0 % 700 + 1, 3 | 700)
        }),
        (
            "ids, open or void",
            InvoiceSearch { ids: Some((1..500).collect()), standings: vec![Standing::Open, Standing::Void], ..all() },
            |i| i.standing() != Standing::Settled && i.0 < 500,
        ),
    ]
}

/// Compares a page of a search with the same of what a plain test finds.
fn compare(store: &Store, (name, search, _): &Case, expected: &[Plain], page: (i64, i64)) {
    let found = store.read(|tx| found(tx, NetworkId::new(1), search, page)).unwrap();
    assert_eq!(found.total, expected.len() as i64, "{name}");
    let ids: Vec<i64> = expected.iter().skip(page.1 as usize).take(page.0 as usize).map(|plain| plain.0).collect();
    assert_eq!(found.ids, ids, "{name}, {} after {}", page.0, page.1);
}

/// Count, billed and balance by currency.
fn sums(store: &Store, search: &InvoiceSearch) -> BTreeMap<&'static str, (i64, i128, i128)> {
    let mut by_currency: BTreeMap<&str, (i64, i128, i128)> = BTreeMap::new();
    let mut add = |currency: Currency, (invoices, billed, balance): (i64, i128, i128)| {
        let sums = by_currency.entry(currency.code()).or_default();
        *sums = (sums.0 + invoices, sums.1 + billed, sums.2 + balance);
    };
    match store.read(|tx| sums_found(tx, NetworkId::new(1), search)).unwrap() {
        FoundUnits::Alike { currency, invoices, billed_units, balance_units, .. } => {
            add(currency, (invoices, billed_units, balance_units));
        }
        FoundUnits::ByDay(days) => days
            .iter()
            .for_each(|day| add(day.currency, (day.invoices, day.billed_units.into(), day.balance_units.into()))),
    }
    by_currency
}

both_databases! {
    fn pages_anywhere_and_sums_are_those_of_a_plain_test(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(FILL).unwrap();
        let seed = 61_803;
        println!("seed {seed}");
        let mut dice = Dice::seeded(seed);
        for case in cases() {
            let mut expected: Vec<Plain> = (1..=INVOICES).map(Plain).filter(|plain| (case.2)(*plain)).collect();
            expected.sort_by_key(|plain| Reverse((plain.created(), plain.0)));
            let count = expected.len() as i64;
            assert!(count > 0, "{}: a search that finds nothing shows nothing", case.0);
            let last = (count - 1) / 50 * 50;
            for offset in [0, 50, last, count, count + 1_000, dice.below(count), dice.below(count), count / 2 - 20] {
                compare(&store, &case, &expected, (50, offset));
            }
            let mut plain: BTreeMap<&str, (i64, i128, i128)> = BTreeMap::new();
            for invoice in &expected {
                let sums = plain.entry(if invoice.0 % 1_000 == 7 { "JPY" } else { "USD" }).or_default();
                *sums = (sums.0 + 1, sums.1 + i128::from(invoice.0) * 10_000, sums.2 + i128::from(invoice.balance()));
            }
            assert_eq!(sums(&store, &case.1), plain, "{}", case.0);
        }
    }
}
