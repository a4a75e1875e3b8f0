//! Parts of long lists, each of which looks at a bounded number of rows, against a plain test of each row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::{Day, Timestamp};
use quittance_store::conversions::{ConversionFilter, ConversionPlace, listed_after};
use quittance_store::invoices::{BalanceBound, InvoiceFilter, list_part};
use quittance_store::{Store, catalogue, dialect::Dialect};
use quittance_testkit::both_databases;

const NETWORK: NetworkId = NetworkId::new(1);
const INVOICES: i64 = 60_000;
/// The ids start there, as those of a network that has moved over do.
const FIRST: i64 = 5_000_000;

/// 60,000 invoices, every third one receivable.
const FILL: &str = "INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, payment_terms_days, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, \
    created_at, created_by, updated_at, billed_units, balance_units, standing) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
    SELECT 1, CASE WHEN i % 3 = 0 THEN 'receivable' ELSE 'payable' END, i % 7 + 1, 5000000 + i, i, \
    CASE WHEN i % 20000 = 7 THEN 'JPY' ELSE 'USD' END, \
    CASE WHEN i % 5000 = 11 THEN 'void' WHEN i % 50 = 1 THEN 'paid' ELSE 'pending' END, 20000 + i / 100, 20010 + i / 100, \
    20040 + i % 100, i % 3, CASE WHEN i % 9000 = 5 THEN 1 ELSE 0 END, '', '', '', i / 30000, 1, 1, i, 'test', i / 10, i * 10000, \
    CASE WHEN i % 50 = 1 THEN 0 ELSE i * 10000 END, \
    CASE WHEN i % 5000 = 11 THEN 2 WHEN i % 50 = 1 THEN 1 ELSE 0 END FROM n";

/// 30,000 paid invoices of the second network, every 1,500th of which is neither paid nor void.
const MOSTLY_PAID: &str = "INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, created_at, created_by, \
    updated_at, billed_units, balance_units, standing, listed) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
    SELECT 2, 'payable', 1, i, i, 'USD', CASE WHEN i % 3000 = 7 THEN 'approved' WHEN i % 3000 = 1507 THEN 'pending' ELSE 'paid' END, \
    0, 0, 0, 0, '', '', '', 1, 1, 1, 0, 'test', 0, 10000, CASE WHEN i % 1500 = 7 THEN 10000 ELSE 0 END, \
    CASE WHEN i % 1500 = 7 THEN 0 ELSE 1 END, \
    CASE WHEN i % 3000 = 7 THEN 'approved' WHEN i % 3000 = 1507 THEN 'pending' ELSE 'paid' END FROM n; \
    INSERT INTO invoice_counts (network_id, kind, quarter, listed, invoices) \
    SELECT network_id, kind, 0, listed, COUNT(*) FROM invoices WHERE network_id = 2 GROUP BY network_id, kind, listed";

fn day(number: i64) -> Day {
    Day::from_number(number as i32)
}

/// What is asked, the same of the i-th invoice, and how many parts it may take: one where an index knows that few are found.
type Case = (&'static str, InvoiceFilter, fn(i64) -> bool, usize);

fn cases() -> Vec<Case> {
    let none = InvoiceFilter::default;
    let walk = INVOICES as usize / 10_000 + 1;
    let jpy = Currency::parse("JPY").unwrap();
    let above = BalanceBound { units_6: 599_900_000, units_8: 59_990_000_000 };
    vec![
        ("number", InvoiceFilter { number: Some(77), ..none() }, |i| i == 77, 1),
        ("no number", InvoiceFilter { number: Some(-7), ..none() }, |_| false, 1),
        ("void", InvoiceFilter { statuses: vec![InvoiceStatus::Void], ..none() }, |i| i % 5000 == 11, 1),
        (
            "void receivable",
            InvoiceFilter { kind: Some(InvoiceKind::Receivable), statuses: vec![InvoiceStatus::Void], ..none() },
            |i| i % 5000 == 11 && i % 3 == 0,
            1,
        ),
        (
            "paid of some parties",
            InvoiceFilter { parties: Some(vec![2, 3]), statuses: vec![InvoiceStatus::Paid], ..none() },
            |i| [1, 2].contains(&(i % 7)) && i % 50 == 1 && i % 5000 != 11,
            1,
        ),
        ("hidden", InvoiceFilter { hidden: Some(true), ..none() }, |i| i % 9000 == 5, 1),
        ("ends from", InvoiceFilter { ends_from: Some(day(20_608)), ..none() }, |i| i / 100 >= 598, 1),
        ("starts from", InvoiceFilter { starts_from: Some(day(20_598)), ..none() }, |i| i / 100 >= 598, 1),
        ("ends through", InvoiceFilter { ends_through: Some(day(20_012)), ..none() }, |i| i / 100 <= 2, 1),
        ("created", InvoiceFilter { created_from: Some(Timestamp::from_micros(59_500)), ..none() }, |i| i >= 59_500, 1),
        ("balance", InvoiceFilter { balance_above: Some(above), ..none() }, |i| i % 50 != 1 && i > 59_990, 1),
        // What no index knows is looked for from id to id.
        ("currency", InvoiceFilter { currency: Some(jpy), ..none() }, |i| i % 20_000 == 7, walk),
        ("run", InvoiceFilter { run_id: Some(RunId::new(2)), ..none() }, |i| i == 60_000, walk),
        ("due", InvoiceFilter { due_from: Some(day(20_139)), ..none() }, |i| i % 100 == 99, walk),
        (
            "changed of a party",
            InvoiceFilter {
                kind: Some(InvoiceKind::Payable),
                party_id: Some(4),
                updated_from: Some(Timestamp::from_micros(5_990)),
                ..none()
            },
            |i| i % 7 == 3 && i % 3 != 0 && i >= 59_900,
            1,
        ),
        (
            "most",
            InvoiceFilter { statuses: vec![InvoiceStatus::Pending], ..none() },
            |i| i % 50 != 1 && i % 5000 != 11,
            200,
        ),
        ("all", none(), |_| true, 200),
    ]
}

/// Everything that a filter finds, in parts, and how many these are.
fn in_parts(store: &Store, filter: &InvoiceFilter, limit: i64) -> (Vec<i64>, usize) {
    let (mut found, mut after, mut parts) = (Vec::new(), 0, 0);
    loop {
        let (rows, next) = store.read(|tx| list_part(tx, NETWORK, filter, after, limit)).unwrap();
        parts += 1;
        found.extend(rows.iter().map(|invoice| invoice.invoice_id.get() - FIRST));
        let full = rows.len() as i64 == limit;
        match rows.last().filter(|_| full).map(|invoice| invoice.invoice_id.get()).or(next) {
            Some(place) => after = place,
            None => return (found, parts),
        }
    }
}

/// 40,000 conversions of two days: 20,000 of one offer and affiliate, a few of others before and behind them, and on the day
/// after 15,000 of 30 offers and 50 affiliates, the last of which is of an affiliate of its own.
const CONVERSIONS: &str = "INSERT INTO conversions (network_id, revision, affiliate_id, offer_id, occurred_at, payout_units, \
    revenue_units, epoch, posting_day, billable_day, received_at, conversion_id, status, payout_currency, revenue_currency) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 40000) \
    SELECT 1, 1, CASE WHEN i <= 20000 THEN 5 WHEN i <= 25000 THEN i % 9 + 1 WHEN i = 40000 THEN 99 ELSE i % 50 + 100 END, \
    CASE WHEN i <= 20000 THEN 2 WHEN i <= 25000 THEN i % 3 + 1 WHEN i = 40000 THEN 39 ELSE i % 30 + 10 END, 0, \
    i, 0, 1, CASE WHEN i <= 25000 THEN 20000 ELSE 20001 END, 20000, 0, 'c' || (100000 + i), CASE WHEN i % 5000 = 3 THEN 'hold' ELSE 'approved' END, 'USD', 'USD' FROM n";

both_databases! {
    fn parts_of_a_list_of_invoices_are_the_list(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(FILL).unwrap();
        if store.dialect() == Dialect::Postgres {
            store.run_sql("VACUUM ANALYZE invoices").unwrap();
        }
        for (name, filter, wanted, parts_max) in cases() {
            let mut expected: Vec<i64> = (1..=INVOICES).filter(|i| wanted(*i)).collect();
            for backwards in [false, true] {
                let filter = InvoiceFilter { backwards, ..filter.clone() };
                let (found, parts) = in_parts(&store, &filter, 1_000);
                assert!(found == expected, "{name}, backwards {backwards}: {} of {}", found.len(), expected.len());
                assert!(parts <= parts_max, "{name}, backwards {backwards}: {parts} parts");
                // From the middle on, and in small pages.
                let middle = expected.get(expected.len() / 2).copied().unwrap_or(30_000);
                let (rows, _) = store.read(|tx| list_part(tx, NETWORK, &filter, FIRST + middle, 3)).unwrap();
                let rows: Vec<i64> = rows.iter().map(|invoice| invoice.invoice_id.get() - FIRST).collect();
                let behind: Vec<i64> = expected.iter().copied().skip_while(|i| *i != middle).skip(1).take(3).collect();
                assert!(behind.starts_with(&rows), "{name}, backwards {backwards}: {rows:?} of {behind:?}");
                assert!(parts_max > 1 || rows == behind, "{name}, backwards {backwards}: {rows:?} of {behind:?}");
                expected.reverse();
            }
        }
    }

    fn what_is_not_paid_is_found_among_many_paid_ones(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(MOSTLY_PAID).unwrap();
        let unpaid = |status| {
            let filter = InvoiceFilter { statuses: vec![status], ..InvoiceFilter::default() };
            let (rows, next) = store.read(|tx| list_part(tx, NetworkId::new(2), &filter, 0, 50)).unwrap();
            (rows.iter().map(|invoice| invoice.invoice_id.get()).collect::<Vec<_>>(), next)
        };
        let every = |first: i64| (0..10).map(|i| first + i * 3_000).collect::<Vec<_>>();
        assert_eq!(unpaid(InvoiceStatus::Approved), (every(7), None));
        assert_eq!(unpaid(InvoiceStatus::Pending), (every(1_507), None));
        assert_eq!(unpaid(InvoiceStatus::PartlyPaid), (Vec::new(), None));
        // One that bills nothing stands as those that are paid: it is looked for from id to id.
        let sql = "UPDATE invoices SET status = 'pending', listed = 'pending' WHERE network_id = 2 AND invoice_id = 25000; \
            UPDATE invoice_counts SET invoices = invoices + 1 WHERE network_id = 2 AND listed = 'pending'";
        store.run_sql(sql).unwrap();
        let (first, next) = unpaid(InvoiceStatus::Pending);
        assert_eq!((first, next), (every(1_507)[..3].to_vec(), Some(10_000)));
    }

    fn what_is_rare_is_found_by_its_index(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(FILL).unwrap();
        if store.dialect() == Dialect::Postgres {
            store.run_sql("VACUUM ANALYZE invoices").unwrap();
        }
        let statements = catalogue(store.dialect());
        for (name, index, values) in [
            ("RARE_BY_NUMBER", "invoices_by_number", "77"),
            ("RARE_BY_PARTY", "invoices_by_party", "ARRAY[2,3]"),
            ("RARE_BY_STANDING", "invoices_by_standing", "ARRAY[2], ARRAY[0,1]"),
            ("RARE_BY_END", "invoices_by_end", "20608, 30000"),
            ("RARE_BY_CREATION", "invoices_by_created", "59000, 70000"),
            ("RARE_BY_BALANCE", "invoices_by_balance", "599900000, 600000000"),
            ("MANY_BY_NUMBER", "invoices_by_number", "77"),
            ("MANY_BY_PARTY", "invoices_by_party", "ARRAY[2,3]"),
            ("MANY_BY_STANDING", "invoices_by_standing", "ARRAY[2], ARRAY[0,1]"),
            ("MANY_BY_END", "invoices_by_end", "20608, 30000"),
            ("MANY_BY_CREATION", "invoices_by_created", "59000, 70000"),
            ("MANY_BY_BALANCE", "invoices_by_balance", "599900000, 600000000"),
            ("LOOKED_AT", "invoices_by_id", ""),
            ("LOOKED_AT_BACKWARDS", "invoices_by_id", ""),
        ] {
            let (_, sql) = statements.iter().find(|(known, sql)| *known == name && sql.contains("FROM invoices")).unwrap();
            let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let plan = match store.dialect() {
                Dialect::Sqlite => {
                    let nothing = vec![quittance_store::Param::Null; sql.matches('$').count()];
                    let explain = leaked(format!("EXPLAIN QUERY PLAN {sql}"));
                    let rows = store.read(|tx| tx.query(explain, &nothing)).unwrap();
                    rows.iter().map(|row| row.string(3).unwrap()).collect::<Vec<_>>().join("\n")
                }
                Dialect::Postgres => {
                    let values = match values {
                        "" => "1, 0, 9000000".to_owned(),
                        values => format!("1, ARRAY['payable','receivable'], {values}"),
                    };
                    let rows = store.read(|tx| {
                        tx.read_by_indexes()?;
                        tx.execute(leaked(format!("PREPARE {name} AS {sql}")), &[])?;
                        tx.query(leaked(format!("EXPLAIN EXECUTE {name}({values})")), &[])
                    });
                    rows.unwrap().iter().map(|row| row.string(0).unwrap()).collect::<Vec<_>>().join("\n")
                }
            };
            // The key begins with kind and party, too.
            let by_key = name.ends_with("_BY_PARTY") && plan.contains("invoices_pkey");
            assert!((plan.contains(index) || by_key) && !plan.contains("Seq Scan"), "{name}:\n{plan}");
        }
    }

    fn parts_of_a_list_of_conversions_are_the_list(database) {
        let store = Store::open(database.url()).unwrap();
        store.migrate().unwrap();
        store.run_sql(CONVERSIONS).unwrap();
        let days = || ConversionFilter::of_days(day(19_000), day(21_000));
        type Wanted = fn(i64, i64, i64) -> bool;
        let cases: [(&str, ConversionFilter, Wanted, usize); 7] = [
            ("all", days(), |_, _, _| true, 41),
            ("affiliate", ConversionFilter { affiliates: vec![7], ..days() }, |_, _, affiliate| affiliate == 7, 5),
            // The first part ends among the 20,000, and leaps to the only one there is.
            ("rare affiliate", ConversionFilter { affiliates: vec![99], ..days() }, |_, _, affiliate| affiliate == 99, 2),
            (
                "affiliate of two offers",
                ConversionFilter { affiliates: vec![110, 9], offers: vec![30, 1], ..days() },
                |_, offer, affiliate| [30, 1].contains(&offer) && [110, 9].contains(&affiliate),
                4,
            ),
            ("offer", ConversionFilter { offers: vec![3], ..days() }, |_, offer, _| offer == 3, 5),
            (
                "on hold",
                ConversionFilter { statuses: vec![quittance_domain::conversion::ConversionStatus::Hold], ..days() },
                |i, _, _| i % 5_000 == 3,
                5,
            ),
            ("none", ConversionFilter { click_id: "nobody".into(), ..days() }, |_, _, _| false, 5),
        ];
        let placed = |i: i64| match i {
            ..=20_000 => (20_000, 2, 5, i),
            20_001..=25_000 => (20_000, i % 3 + 1, i % 9 + 1, i),
            40_000 => (20_001, 39, 99, i),
            _ => (20_001, i % 30 + 10, i % 50 + 100, i),
        };
        for (name, filter, wanted, parts_max) in cases {
            let mut expected: Vec<(i64, i64, i64, i64)> =
                (1..=40_000).map(placed).filter(|(_, offer, affiliate, i)| wanted(*i, *offer, *affiliate)).collect();
            expected.sort_unstable();
            let (mut found, mut after, mut parts) = (Vec::new(), None::<ConversionPlace>, 0);
            loop {
                let (rows, next) = store.read(|tx| listed_after(tx, NETWORK, &filter, after.as_ref(), 1_000)).unwrap();
                parts += 1;
                let place = |state: &quittance_store::conversions::State| ConversionPlace {
                    posting_day: state.known.place.posting_day,
                    offer_id: state.known.conversion.offer_id.get(),
                    affiliate_id: state.known.conversion.affiliate_id.get(),
                    conversion_id: state.known.conversion.conversion_id.to_string(),
                };
                found.extend(rows.iter().map(|state| {
                    let ConversionPlace { posting_day, offer_id, affiliate_id, conversion_id } = place(state);
                    let number = conversion_id[1..].parse::<i64>().unwrap() - 100_000;
                    (i64::from(posting_day.number()), offer_id, affiliate_id, number)
                }));
                after = rows.last().filter(|_| rows.len() == 1_000).map(place).or(next);
                if after.is_none() {
                    break;
                }
            }
            assert!(found == expected, "{name}: {} of {}", found.len(), expected.len());
            assert!(parts <= parts_max, "{name}: {parts} parts");
        }
    }
}
