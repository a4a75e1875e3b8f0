//! How searches for invoices are carried out on both databases: by the index of what is asked, whatever else there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_store::{Store, catalogue, dialect::Dialect};
use quittance_testkit::{TestDatabase, both_databases};

/// Enough for a plan to matter, in many ways different.
const INVOICES: &str = "INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, payment_terms_days, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, \
    created_at, created_by, updated_at, billed_units, balance_units, standing) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 40000) \
    SELECT 1, 'payable', i % 1000 + 1, i, i, 'USD', 'pending', 20000 + i % 900, 20010 + i % 900, 20040, i % 97, \
    CASE WHEN i % 100 = 0 THEN 1 ELSE 0 END, '', '', 'somebody with a name', 1, 1, 1, i * 1000000, 'test', 0, i * 10000, \
    i * 10000, CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END FROM n";

/// The values of the places 1 to 20 that ask for nothing.
const NOTHING: [&str; 20] = [
    "1",
    "'payable'",
    "ARRAY[0,1]",
    "ARRAY[0,1]",
    "0",
    "ARRAY[]::BIGINT[]",
    "-719162",
    "2932896",
    "-9223372036854775808",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775807",
    "ARRAY['BTC']",
    "0",
    "ARRAY[]::BIGINT[]",
    "0",
    "ARRAY[]::BIGINT[]",
    "0",
    "ARRAY[]::BIGINT[]",
    "ARRAY[]::BIGINT[]",
];

/// A statement, the index that it must use, and what it asks by place.
type Search = (&'static str, &'static str, Vec<(usize, &'static str)>);

fn searches() -> Vec<Search> {
    vec![
        ("STANDING", "invoices_by_standing", vec![(3, "ARRAY[1]")]),
        ("TERMS", "invoices_by_standing", vec![(5, "1"), (6, "ARRAY[15]")]),
        ("START", "invoices_by_start", vec![(7, "20890")]),
        ("END", "invoices_by_end", vec![(8, "20012")]),
        ("BALANCE", "invoices_by_balance", vec![(9, "399000000"), (10, "39900000000")]),
        ("KEYS", "invoices_by_id", vec![(16, "1"), (17, "ARRAY[5,7]"), (23, "ARRAY[]::BIGINT[]"), (24, "ARRAY[5,7]")]),
        ("KEYS", "invoices_pkey", vec![(14, "1"), (15, "ARRAY[5,7]"), (23, "ARRAY[5,7]"), (24, "ARRAY[]::BIGINT[]")]),
    ]
}

/// The steps of a plan, a line each.
fn plan(store: &Store, name: &str, sql: &str, values: &[String]) -> String {
    let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let rows = match store.dialect() {
        Dialect::Sqlite => {
            let explain = leaked(format!("EXPLAIN QUERY PLAN {sql}"));
            let nothing = vec![quittance_store::Param::Null; values.len()];
            store.read(|tx| tx.query(explain, &nothing)).unwrap()
        }
        Dialect::Postgres => store
            .read(|tx| {
                tx.execute(leaked(format!("PREPARE {name} AS {sql}")), &[])?;
                let explain = leaked(format!("EXPLAIN EXECUTE {name}({})", values.join(", ")));
                // From the sixth time on the server may keep a plan for any values: what it does then counts.
                for _ in 0..7 {
                    tx.query(explain, &[])?;
                }
                tx.query(explain, &[])
            })
            .unwrap_or_else(|error| panic!("{name}: {error}")),
    };
    let column = if store.dialect() == Dialect::Sqlite { 3 } else { 0 };
    rows.iter().map(|row| row.string(column).unwrap()).collect::<Vec<_>>().join("\n")
}

fn filled(database: &TestDatabase) -> Store {
    let store = Store::open(database.url()).unwrap();
    store.migrate().unwrap();
    store.run_sql(INVOICES).unwrap();
    if store.dialect() == Dialect::Postgres {
        store.run_sql("VACUUM ANALYZE invoices").unwrap();
    }
    store
}

both_databases! {
    fn no_search_scans_the_invoices(database) {
        let store = filled(database);
        let statements = catalogue(store.dialect());
        for (i, (way, index, asked)) in searches().into_iter().enumerate() {
            for kind in ["FIND_BY", "SUM_BY"] {
                let name = format!("{kind}_{way}");
                let (_, sql) = statements.iter().find(|(known, _)| *known == name).unwrap();
                let mut values: Vec<String> = NOTHING.iter().map(|value| (*value).to_owned()).collect();
                values.extend(["50".to_owned(), "0".to_owned()]);
                values.extend(if way == "KEYS" { vec!["ARRAY[]::BIGINT[]".to_owned(), "ARRAY[]::BIGINT[]".to_owned()] } else { Vec::new() });
                for (place, value) in &asked {
                    values[place - 1] = (*value).to_owned();
                }
                let plan = plan(&store, &format!("p{i}_{kind}"), sql, &values);
                assert!(!plan.contains("Seq Scan on invoices") && !plan.contains("SCAN i "), "{name}:\n{plan}");
                // SQLite reads a table without row ids by its key without naming an index.
                let named = if store.dialect() == Dialect::Sqlite && index == "invoices_pkey" { "PRIMARY KEY" } else { index };
                assert!(plan.contains(named), "{name} does not use {named}:\n{plan}");
            }
        }
    }

    fn the_first_page_and_the_sums_of_all_read_no_more_than_they_show(database) {
        let store = filled(database);
        let statements = catalogue(store.dialect());
        let of = |name: &str| statements.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        let values = ["1", "'payable'", "ARRAY[0,1]", "50", "0"].map(str::to_owned);
        let newest = plan(&store, "newest", &of("NEWEST"), &values);
        assert!(newest.contains("invoices_by_creation") && !newest.contains("Sort") && !newest.contains("TEMP B-TREE"), "{newest}");
        let sums = plan(&store, "sums", &of("SUMS"), &values[..3]);
        let by_itself = sums.contains("invoice_sums") || sums.contains("SEARCH s USING PRIMARY KEY");
        assert!(by_itself && !sums.contains("invoices"), "{sums}");
    }
}
