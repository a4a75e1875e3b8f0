//! How searches for invoices are carried out on both databases: by the index of what is asked, whatever else there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_store::{Param, Store, catalogue, dialect::Dialect};
use quittance_testkit::{TestDatabase, both_databases};

/// Enough for a plan to matter, in many ways different.
const INVOICES: &str = "INSERT INTO invoices (network_id, kind, party_id, invoice_id, number, currency, status, period_start, \
    period_end, due_day, payment_terms_days, hidden, public_notes, internal_notes, party_name, run_id, next_line, version, \
    created_at, created_by, updated_at, billed_units, balance_units, standing) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 40000) \
    SELECT 1, 'payable', i % 1000 + 1, i, i, 'USD', 'pending', 20000 + i % 900, 20010 + i % 900, 20040, i % 97, \
    CASE WHEN i % 100 = 0 THEN 1 ELSE 0 END, '', '', 'somebody with a name', 1, 1, 1, i * 1000000, 'test', 0, i * 10000, \
    i * 10000, CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END FROM n";

/// A tenth of them were referred, by one of a hundred.
const PARTIES: &str = "INSERT INTO parties (network_id, kind, party_id, name, status, currency, on_hold, hidden_default, \
    auto_invoice, rules, created_at) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
    SELECT 1, 'affiliate', i, 'somebody with a name', 'active', 'USD', 0, 0, 0, CASE WHEN i % 10 = 0 \
    THEN CAST($1 AS TEXT) || (i / 10 % 100) || CAST($2 AS TEXT) ELSE CAST($3 AS TEXT) END, 0 FROM n";

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
        ("START", "invoices_by_end", vec![(7, "20890")]),
        ("END", "invoices_by_end", vec![(8, "20012")]),
        ("BALANCE", "invoices_by_balance", vec![(9, "399000000"), (10, "39900000000")]),
        ("KEYS", "invoices_by_id", vec![(16, "1"), (17, "ARRAY[5,7]"), (23, "ARRAY[]::BIGINT[]"), (24, "ARRAY[5,7]")]),
        ("KEYS", "invoices_pkey", vec![(14, "1"), (15, "ARRAY[5,7]"), (23, "ARRAY[5,7]"), (24, "ARRAY[]::BIGINT[]")]),
    ]
}

/// A place in a list is where its index is entered: nothing before it is gone over, however deep it is.
#[test]
fn a_list_is_entered_at_its_place() {
    let database = TestDatabase::sqlite();
    let store = Store::open(database.url()).unwrap();
    store.migrate().unwrap();
    let statements = catalogue(Dialect::Sqlite);
    for (name, entered) in [
        ("LISTED_AFTER", "(posting_day,offer_id,affiliate_id,conversion_id)>(?,?,?,?)"),
        ("LISTED_WITHIN", "(posting_day,offer_id,affiliate_id,conversion_id)>(?,?,?,?)"),
        ("PART_LOOKED_AT", "(posting_day,offer_id,affiliate_id,conversion_id)>(?,?,?,?)"),
        ("NEXT_GROUP", "(posting_day,offer_id,affiliate_id)>(?,?,?)"),
    ] {
        let (_, sql) = statements.iter().find(|(known, _)| *known == name).unwrap();
        let values = vec![String::new(); 45];
        let plan = plan(&store, name, sql, &values);
        assert!(plan.contains(entered), "{name}: {plan}");
    }
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
                tx.read_by_indexes()?;
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

/// What a search for a single thing asks: its name in the statements, the indexes that hold all of it on either database,
/// the values that it asks for, and those of a page behind them.
type Single = (&'static str, &'static [&'static str], Vec<&'static str>);

fn singles() -> Vec<Single> {
    let (open, both) = ("ARRAY[0]", "ARRAY[0,1]");
    let bounds = ["0", "1"];
    let with = |values: &[&'static str]| [&bounds[..], values].concat();
    let least = ["399000000", "9223372036854775807", "399000000", "39900000000", "9223372036854775807"];
    let above = [&least[..], &["9223372036854775807", "ARRAY['BTC']"]].concat();
    vec![
        ("STANDING", &["invoices_by_standing"], vec![open, both]),
        ("STANDING", &["invoices_by_standing"], vec![both, "ARRAY[1]"]),
        ("TERMS", &["invoices_by_standing"], vec![both, both, "ARRAY[15]"]),
        ("START", &["invoices_by_end", "invoices_by_start"], with(&["20890"])),
        ("END", &["invoices_by_end"], vec!["20012"]),
        ("BALANCE", &["invoices_by_balance"], with(&above)),
        ("PARTIES", &["invoices_by_party"], with(&["ARRAY[5,7]"])),
        ("IDS", &["invoices_summed_by_id", "invoices_by_id"], with(&["ARRAY[5,7]"])),
        ("EITHER", &["invoices_by_party"], with(&["ARRAY[5,7]", "ARRAY[5,7]"])),
    ]
}

/// The name of an index in a plan: SQLite reads a table without row ids by its key without naming one.
fn named(store: &Store, index: &'static str) -> &'static str {
    if store.dialect() == Dialect::Sqlite && index == "invoices_pkey" { "PRIMARY KEY" } else { index }
}

/// Fails where a plan reads all invoices, or none of some indexes.
fn assert_found_by(store: &Store, name: &str, plan: &str, indexes: &[&'static str]) {
    assert!(!plan.contains("Seq Scan on invoices") && !plan.contains("SCAN i "), "{name}:\n{plan}");
    assert!(indexes.iter().any(|index| plan.contains(named(store, index))), "{name} uses none of {indexes:?}:\n{plan}");
}

both_databases! {
    fn a_search_for_a_single_thing_reads_its_index_and_nothing_else(database) {
        let store = filled(database);
        let statements = catalogue(store.dialect());
        let alone = if store.dialect() == Dialect::Sqlite { "COVERING INDEX" } else { "Index Only Scan" };
        for (i, (way, indexes, asked)) in singles().into_iter().enumerate() {
            for kind in ["COUNT", "TOTALS", "DAYS", "PAGE"] {
                let name = format!("ALONE_{way}_{kind}");
                // What ends up to a day is counted and summed up already.
                let Some((_, sql)) = statements.iter().find(|(known, _)| *known == name) else {
                    assert_eq!((way, kind == "PAGE"), ("END", false), "{name} is missing");
                    continue;
                };
                let more: &[&str] = if kind == "PAGE" { &["50", "0"] } else { &[] };
                let values: Vec<String> = ["1", "'payable'"].iter().chain(&asked).chain(more).map(|value| (*value).to_owned()).collect();
                let plan = plan(&store, &format!("s{i}_{kind}"), sql, &values);
                assert_found_by(&store, &name, &plan, indexes);
                if way != "EITHER" {
                    assert!(plan.contains(alone), "{name} looks at the invoices:\n{plan}");
                }
            }
        }
    }

    fn a_search_for_several_things_does_not_scan_the_invoices(database) {
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
                // A key of the table is one of its indexes like any other to PostgreSQL.
                let other = match index {
                    "invoices_pkey" => "invoices_by_party",
                    _ if way == "START" => "invoices_by_start",
                    _ => index,
                };
                assert_found_by(&store, &name, &plan, &[index, other]);
            }
        }
    }

    fn a_list_by_id_is_read_in_its_order(database) {
        let store = filled(database);
        let statements = catalogue(store.dialect());
        let (least, most, none) = ("-9223372036854775808", "9223372036854775807", "ARRAY[]::BIGINT[]");
        let days = ["-719162", "2932896"];
        let rows = ["1", "5000", "5500", "''", "0", "0", "ARRAY[]::TEXT[]", "''", days[0], days[1], least, most, "-1", "-1", "100"];
        let list = [
            "1", "5000", most, "''", "0", "ARRAY[]::TEXT[]", "''", "0", "-1", days[0], days[0], days[1], days[0], days[1], least, most,
            least, "0", none, "0", "ARRAY['BTC']", least, least, most, most, "0", none, "-1", "50",
        ];
        for (name, values) in [("ROWS", &rows[..]), ("LIST", &list), ("LIST_BACKWARDS", &list)] {
            let is_it = |(known, sql): &&(&str, String)| *known == name && sql.contains("FROM invoices i ");
            let (_, sql) = statements.iter().find(is_it).unwrap();
            let plan = plan(&store, name, sql, &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            assert!(plan.contains("invoices_by_id"), "{name}: {plan}");
            let sorted = plan.lines().next().unwrap_or_default().contains("Sort") || plan.contains("USE TEMP B-TREE FOR ORDER BY");
            assert!(!sorted || store.dialect() == Dialect::Sqlite && name == "ROWS", "{name}: {plan}");
        }
    }

    fn whom_somebody_has_referred_is_found_by_an_index(database) {
        let store = filled(database);
        let rules = [r#"{"referrer":{"affiliate":"#, r#","percent":"5"}}"#, "{}"].map(Param::Text);
        store.write(|tx| tx.execute(PARTIES, &rules)).unwrap();
        if store.dialect() == Dialect::Postgres {
            store.run_sql("VACUUM ANALYZE parties").unwrap();
        }
        let statements = catalogue(store.dialect());
        for (name, more) in [("REFERRED", &["50", "0"][..]), ("COUNT_REFERRED", &[])] {
            let (_, sql) = statements.iter().find(|(known, _)| *known == name).unwrap();
            let values: Vec<String> = ["1", "'7'", "0"].iter().chain(more).map(|value| (*value).to_owned()).collect();
            let plan = plan(&store, name, sql, &values);
            assert!(plan.contains("parties_by_referrer"), "{plan}");
        }
        let network = quittance_domain::ids::NetworkId::new(1);
        let found = store.read(|tx| quittance_store::parties::referred_by(tx, network, 7, None, (0, 3))).unwrap();
        assert_eq!(found, (vec![70, 1070, 2070], 20));
    }

    fn the_first_page_and_the_sums_of_all_read_no_more_than_they_show(database) {
        let store = filled(database);
        let statements = catalogue(store.dialect());
        let of = |name: &str| statements.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        for name in ["WALK_FROM_NEW", "WALK_FROM_OLD"] {
            let values = ["1", "'payable'", "0", "1", "-719162", "2932896", "50", "0", "-9223372036854775808", "9000000000"].map(str::to_owned);
            let walk = plan(&store, name, &of(name), &values);
            let alone = if store.dialect() == Dialect::Sqlite { "COVERING INDEX" } else { "Index Only Scan" };
            assert!(walk.contains("invoices_by_created") && walk.contains(alone), "{walk}");
            assert!(!walk.contains("Sort") && !walk.contains("TEMP B-TREE"), "{walk}");
        }
        for name in ["WALK_HIDDEN_FROM_NEW", "WALK_HIDDEN_FROM_OLD"] {
            let walk = plan(&store, name, &of(name), &["1", "'payable'", "0", "1", "0", "50", "0"].map(str::to_owned));
            assert!(walk.contains("invoices_by_created") && !walk.contains("Sort") && !walk.contains("TEMP B-TREE"), "{walk}");
        }
        for name in ["SUMS", "COUNT_SUMMED"] {
            let sums = plan(&store, name, &of(name), &["1", "'payable'", "ARRAY[0,1]", "2932896"].map(str::to_owned));
            let by_itself = sums.contains("invoice_sums") || sums.contains("SEARCH s USING PRIMARY KEY");
            assert!(by_itself && !sums.contains("invoices_by") && !sums.contains("on invoices "), "{sums}");
        }
    }
}
