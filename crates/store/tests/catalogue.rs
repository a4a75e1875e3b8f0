//! Every statement prepares on both databases, and both have the same schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_store::{Error, Param, SCHEMA_VERSION, Store, catalogue, dialect::Dialect};
use quittance_testkit::{TestDatabase, both_databases};

fn migrated(database: &TestDatabase) -> Store {
    let store = Store::open(database.url()).unwrap();
    store.migrate().unwrap();
    store
}

const POSTGRES_COLUMNS: &str = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable \
    FROM information_schema.columns WHERE table_schema = current_schema() AND table_name IN \
    (SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE')";
const SQLITE_COLUMNS: &str = "SELECT m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'bigint' \
    ELSE 'text' END || ' ' || CASE WHEN c.\"notnull\" = 1 THEN 'NO' ELSE 'YES' END \
    FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
const POSTGRES_KEYS: &str = "SELECT k.table_name || '.' || k.column_name || ' ' || k.ordinal_position \
    FROM information_schema.key_column_usage k JOIN information_schema.table_constraints c \
    ON c.constraint_name = k.constraint_name AND c.table_name = k.table_name \
    WHERE c.constraint_type = 'PRIMARY KEY' AND k.table_schema = current_schema()";
const SQLITE_KEYS: &str = "SELECT m.name || '.' || c.name || ' ' || c.pk FROM sqlite_schema m \
    JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk > 0";
const POSTGRES_FOREIGN: &str = "SELECT constraint_name || '' FROM information_schema.table_constraints \
    WHERE constraint_type = 'FOREIGN KEY'";

fn texts(store: &Store, sql: &'static str) -> Vec<String> {
    let rows = store.read(|tx| tx.query(sql, &[])).unwrap();
    let mut texts: Vec<String> = rows.iter().map(|row| row.string(0).unwrap()).collect();
    texts.sort();
    texts
}

both_databases! {
    fn every_statement_prepares(database) {
        let store = migrated(database);
        let statements = catalogue(store.dialect());
        assert!(statements.len() > 80, "{}", statements.len());
        for (i, (name, sql)) in statements.iter().enumerate() {
            let prepared = match store.dialect() {
                Dialect::Sqlite => store.run_sql(&format!("EXPLAIN {sql}")),
                Dialect::Postgres => store.run_sql(&format!("PREPARE catalogue_{i} AS {sql}")),
            };
            prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
        }
        assert!(store.run_sql("EXPLAIN SELECT no_such_column FROM networks").is_err());
    }

    fn migrations_run_once_and_a_newer_schema_is_refused(database) {
        let store = migrated(database);
        store.migrate().unwrap();
        store.check().unwrap();
        store.run_sql(&format!("INSERT INTO schema_versions (version) VALUES ({})", SCHEMA_VERSION + 1)).unwrap();
        assert!(matches!(store.migrate(), Err(Error::Newer { .. })));
        assert!(matches!(store.check(), Err(Error::Newer { .. })));
        store.run_sql("DELETE FROM schema_versions; INSERT INTO schema_versions (version) VALUES (1)").unwrap();
        assert!(matches!(store.migrate(), Err(Error::Unreleased { found: 1 })));
    }

    fn several_processes_migrate_at_once(database) {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| migrated(database).check().unwrap());
            }
        });
    }
}

#[test]
fn sqlite_and_postgres_have_the_same_schema() {
    let sqlite = TestDatabase::sqlite();
    let sqlite = migrated(&sqlite);
    let Some(postgres) = TestDatabase::postgres() else { return };
    let postgres = migrated(&postgres);
    let columns = texts(&sqlite, SQLITE_COLUMNS);
    assert!(columns.len() > 150);
    assert_eq!(columns, texts(&postgres, POSTGRES_COLUMNS));
    assert_eq!(texts(&sqlite, SQLITE_KEYS), texts(&postgres, POSTGRES_KEYS));
    assert_eq!(texts(&postgres, POSTGRES_FOREIGN), Vec::<String>::new());
}

/// Tables that stay small, as SQLite's plans name them.
const SMALL: [&str; 23] = [
    "webhooks",
    "looked_at", // A bounded part of a list.
    "h",         // The same of a history.
    "found",     // What a search has found by an index.
    "s",         // Sums of many invoices.
    "c",         // Counts of many invoices.
    "invoice_counts",
    "bonuses",
    "CONSTANT", // A row that is in no table.
    "rarray",
    "base", // The list that a statement is given.
    "networks",
    "n",
    "settings",
    "api_keys",
    "users",
    "payment_systems",
    "currencies",
    "managers",
    "runs",
    "f",
    "q",
    "d",
];
/// Statements that read all of a network: what `verify` asks, and counts.
const WHOLE: [&str; 44] = [
    "OFF_TOTALS",
    "OFF_SUMS",
    // It stops at the first.
    "ANY_CONVERSION",
    "ANY_REFERRAL",
    // Of a key that is erased, which is rare.
    "RENAME_ACTOR",
    // They start at an end of their index and stop after a page, where most invoices are looked for.
    "WALK_FROM_NEW",
    "WALK_FROM_OLD",
    "WALK_HIDDEN_FROM_NEW",
    "WALK_HIDDEN_FROM_OLD",
    "OLDEST",
    // Two searches by keys, one after the other.
    "ALONE_EITHER_COUNT",
    "ALONE_EITHER_TOTALS",
    "ALONE_EITHER_DAYS",
    "ALONE_EITHER_PAGE",
    "OFF_LISTED",
    "OFF_COUNTS",
    // These start at an end of their index and stop after a page.
    "BY_NUMBER_UP",
    "BY_NUMBER_DOWN",
    "BY_PARTY_UP",
    "BY_PARTY_DOWN",
    "BY_CREATION_UP",
    "BY_CREATION_DOWN",
    "BY_CREATION",
    "BY_CREATION_BACKWARDS",
    // Reports over all parties.
    "OPEN",
    "JOURNAL",
    "CREDIT_USED",
    "ACCRUED",
    "BILLED",
    "GIVEN_UP",
    "MARGIN_BY_OFFER",
    "MARGIN_BY_AFFILIATE",
    "MARGIN_BY_ADVERTISER",
    // Their indexes hold nothing else.
    "SCHEDULED",
    "HOLDING",
    "COUNT",
    "OFF_ACCRUALS",
    "OFF_BOOKS",
    "NUMBERS",
    "FOREIGN",
    "FOREIGN_CONVERSIONS",
    "UNBALANCED",
    "BALANCES",
    "GAPS",
];

/// SQLite keeps no statistics here, so its plans depend on the texts alone, and can be checked on an empty database.
#[test]
fn no_statement_reads_a_whole_network_unless_it_must() {
    let database = TestDatabase::sqlite();
    let store = migrated(&database);
    let mut whole = Vec::new();
    for (name, sql) in catalogue(Dialect::Sqlite) {
        let sql: &'static str = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
        let highest = (1..60).rev().find(|n| sql.contains(&format!("${n}"))).unwrap_or(0);
        let params = vec![Param::Null; highest];
        for row in store.read(|tx| tx.query(sql, &params)).unwrap() {
            let step = row.text(3).unwrap();
            let mut words = step.split(' ');
            let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let unbound =
                verb == "SCAN" || step.ends_with("(network_id=?)") || step.ends_with("(network_id=? AND kind=?)");
            if unbound && !SMALL.contains(&table) && !WHOLE.contains(&name) {
                whole.push(format!("{name}: {step}"));
            }
        }
    }
    whole.dedup();
    assert_eq!(whole, Vec::<String>::new());
}

#[test]
fn a_url_that_is_none_is_refused_without_its_password() {
    let error = Store::open("mysql://user:secret@host/db").err().unwrap().to_string();
    assert!(error.contains("host") && !error.contains("secret"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "this is no database, whatever its name says, and it is long enough to be looked at")
        .unwrap();
    assert!(matches!(Store::open(&format!("sqlite://{}", path.display())), Err(Error::Open(_))));
    assert!(matches!(Store::open(&format!("sqlite://{}/missing/x.db", folder.path().display())), Err(Error::Open(_))));
}
