//! The views for people: exact decimals, days and instants on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::currency::Currency;
use quittance_store::{Store, dialect::Dialect};
use quittance_testkit::{TestDatabase, both_databases};

fn migrated(database: &TestDatabase) -> Store {
    let store = Store::open(database.url()).unwrap();
    store.migrate().unwrap();
    store
}

fn texts(store: &Store, sql: &'static str) -> Vec<String> {
    store.read(|tx| tx.query(sql, &[])).unwrap().iter().map(|row| row.string(0).unwrap()).collect()
}

fn post(store: &Store, entry: usize, units: i64, currency: &str, micros: i64, day: i64) {
    let sql = format!(
        "INSERT INTO postings (network_id, kind, party_id, entry_id, posting_no, currency, account, units, posting_day, \
         event, invoice_id, document_no, recorded_at) VALUES (1, 'payable', 1, {entry}, 1, '{currency}', 'a', {units}, \
         {day}, 'e', 0, 1, {micros})"
    );
    store.run_sql(&sql).unwrap();
}

both_databases! {
    fn amounts_have_the_decimals_of_their_currency(database) {
        let store = migrated(database);
        let mut expected = Vec::new();
        for (entry, currency) in Currency::all().enumerate() {
            post(&store, entry, 1, currency.code(), 0, 0);
            expected.push(format!("0.{:0>1$}", 1, currency.billing_digits() as usize));
        }
        assert_eq!(texts(&store, "SELECT CAST(amount AS TEXT) FROM readable_postings ORDER BY entry_id"), expected);
    }

    fn signs_days_and_instants_are_kept(database) {
        let store = migrated(database);
        // 2026-02-28T23:59:59.000001Z and half a second before 1970, which is the day before.
        post(&store, 1, -1_234_567_890, "USD", 1_772_323_199_000_001, 20_512);
        post(&store, 2, 9_007_199_254_740_993, "BTC", -500_000, -1);
        let amounts = texts(&store, "SELECT CAST(amount AS TEXT) FROM readable_postings ORDER BY entry_id");
        assert_eq!(amounts, ["-1234.567890", "90071992.54740993"]);
        let days = texts(&store, "SELECT CAST(posting_day AS TEXT) FROM readable_postings ORDER BY entry_id");
        assert_eq!(days, ["2026-02-28", "1969-12-31"]);
        let instants = match store.dialect() {
            Dialect::Sqlite => "SELECT recorded_at FROM readable_postings ORDER BY entry_id",
            Dialect::Postgres => "SELECT TO_CHAR(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
                FROM readable_postings ORDER BY entry_id",
        };
        assert_eq!(texts(&store, instants), ["2026-02-28T23:59:59.000001Z", "1969-12-31T23:59:59.500000Z"]);
    }

    fn every_view_answers(database) {
        let store = migrated(database);
        for sql in [
            "SELECT COUNT(*) FROM readable_conversions",
            "SELECT COUNT(*) FROM readable_accruals",
            "SELECT COUNT(*) FROM readable_invoices",
            "SELECT COUNT(*) FROM readable_invoice_lines",
            "SELECT COUNT(*) FROM readable_payments",
            "SELECT COUNT(*) FROM readable_postings",
        ] {
            assert_eq!(store.read(|tx| tx.query_one(sql, &[])).unwrap().unwrap().int(0).unwrap(), 0, "{sql}");
        }
    }
}
