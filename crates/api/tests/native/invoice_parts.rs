//! What belongs to one invoice, of which there can be very much: pages, members, and whole exports.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{Server, server};

/// Lines 2 to 25,000 of invoice 1: all of conversions, but for corrections on the lines 2, 9,999 and every 5,000th.
const LINES: &str = "INSERT INTO invoice_lines (network_id, kind, party_id, invoice_id, line_no, line_type, offer_id, period_start, \
    period_end, conversions, taken_units, units, comment, created_at) \
    WITH RECURSIVE n(i) AS (SELECT CAST(2 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 25000) \
    SELECT 1, 'payable', 1, 1, i, CASE WHEN i IN (2, 9999) OR i % 5000 = 0 THEN 'correction' ELSE 'conversions' END, 1, 20000, \
    20000, 0, 0, 0, '', 0 FROM n; UPDATE invoices SET next_line = 25001 WHERE invoice_id = 1";
/// 12,000 postings of an invoice 9 of the same party, then two of invoice 1.
const POSTINGS: &str = "INSERT INTO postings (network_id, kind, party_id, entry_id, posting_no, currency, account, units, \
    posting_day, event, invoice_id, document_no, recorded_at) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 12002) \
    SELECT 1, 'payable', 1, 1000 + i, 1, 'USD', 'late', 0, 20000, 'adjust', CASE WHEN i > 12000 THEN 1 ELSE 9 END, 0, 0 FROM n";
/// 1,100 payments of nothing of invoice 1, as many credit notes about it, and as many rows of its history.
const MORE: &str = "INSERT INTO payments (network_id, kind, party_id, payment_id, invoice_id, currency, units, source, rail, paid_day, \
    reference, recorded_at, recorded_by, transfer_id, about_invoice, number) \
    WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1100) \
    SELECT 1, 'payable', 1, 1000 + i, 1, 'USD', 0, 'money', '', 20000, '', 0, 'somebody', 1000 + i, NULL, NULL FROM n \
    UNION ALL SELECT 1, 'payable', 1, 5000 + i, 0, 'USD', 0, 'credit_note', '', 20000, '', 0, 'somebody', 5000 + i, 1, i FROM n; \
    INSERT INTO invoice_history (network_id, kind, party_id, invoice_id, version, happened_at, actor, action, status, \
    billed_units, paid_units, details) \
    WITH RECURSIVE n(i) AS (SELECT CAST(2 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1101) \
    SELECT 1, 'payable', 1, 1, i, 0, 'somebody', 'edited', 'pending', 0, 0, '{}' FROM n";

fn large(server: &Server) {
    for sql in [LINES, POSTINGS, MORE] {
        server.network.engine.store().run_sql(sql).unwrap();
    }
}

/// All rows of a list, page by page, and how many pages it took.
fn paged(server: &Server, path: &str, list: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let (status, page) = server.call(Role::Viewer, "GET", &format!("{path}?limit=1000{cursor}"), "");
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        rows.extend(page[list].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next_cursor"].as_str() {
            None => return (rows, pages),
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

fn numbers(rows: &[Value], member: &str) -> Vec<i64> {
    rows.iter().map(|row| row[member].as_i64().unwrap()).collect()
}

both_databases! {
    fn what_an_invoice_has_very_much_of_comes_in_pages_and_whole(database) {
        let server = server(database);
        large(&server);
        // How the server made the invoice, and what was put beside it above.
        for (part, list, id, expected) in [
            ("lines", "lines", "line", (1..=25_000).collect::<Vec<i64>>()),
            ("corrections", "corrections", "line", vec![2, 5_000, 9_999, 10_000, 15_000, 20_000, 25_000]),
            ("payments", "payments", "id", (1_001..=2_100).collect()),
            ("credit-notes", "credit_notes", "id", (5_001..=6_100).collect()),
            ("history", "history", "version", (1..=1_101).collect()),
        ] {
            let path = format!("/invoices/1/{part}");
            let (rows, pages) = paged(&server, &path, list);
            assert_eq!(numbers(&rows, id), expected, "{part}");
            assert!(pages > 1, "{part} came in {pages} pages");
            let whole = server.with(Role::Viewer, "GET", &path, &[("accept", "application/x-ndjson")], "").text();
            let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(lines == rows, "{part}: the export has other rows than the pages");
            let path = format!("{path}?fields={id}");
            let csv = server.with(Role::Viewer, "GET", &path, &[("accept", "text/csv")], "").text();
            let found: Vec<i64> = csv.lines().skip(1).map(|line| line.parse().unwrap()).collect();
            assert_eq!((csv.lines().next(), found), (Some(id), expected), "{part}");
        }
    }

    fn postings_of_an_invoice_are_found_among_those_of_its_party(database) {
        let server = server(database);
        large(&server);
        let (rows, pages) = paged(&server, "/invoices/1/ledger", "postings");
        let events: Vec<&str> = rows.iter().map(|row| row["event"].as_str().unwrap()).collect();
        // Two of issuing it, and two that come after 12,000 others.
        assert_eq!(events, ["issue", "issue", "adjust", "adjust"]);
        assert_eq!(numbers(&rows, "entry")[2..], [13_001, 13_002]);
        assert!(pages > 1, "one page has looked at all 12,000");
        let csv = server.with(Role::Viewer, "GET", "/invoices/1/ledger?fields=entry", &[("accept", "text/csv")], "").text();
        assert_eq!(csv.lines().count(), 5);
    }

    fn an_invoice_of_somebody_else_has_no_parts(database) {
        let server = server(database);
        for part in ["lines", "corrections", "payments", "credit-notes", "conversions"] {
            for accept in ["application/json", "text/csv"] {
                let of = |role, id| server.with(role, "GET", &format!("/invoices/{id}/{part}"), &[("accept", accept)], "").status;
                assert_eq!(of(Role::Affiliate, 1), StatusCode::OK, "{part}");
                assert_eq!(of(Role::Affiliate, 2), StatusCode::NOT_FOUND, "{part}");
                assert_eq!(of(Role::Manager, 2), StatusCode::FORBIDDEN, "{part}");
                assert_eq!(of(Role::Admin, 77), StatusCode::NOT_FOUND, "{part}");
            }
        }
        assert_eq!(server.call(Role::Admin, "GET", "/invoices/1/ledger?cursor=1", "").0, StatusCode::BAD_REQUEST);
        assert_eq!(server.call(Role::Admin, "GET", "/invoices/1/lines?sort=amount", "").0, StatusCode::BAD_REQUEST);
    }

    fn a_list_ends_behind_any_cursor(database) {
        let server = server(database);
        for part in ["lines", "corrections", "payments", "credit-notes"] {
            let path = format!("/invoices/1/{part}?cursor={}", i64::MAX);
            let (status, page) = server.call(Role::Affiliate, "GET", &path, "");
            assert_eq!((status, &page["next_cursor"]), (StatusCode::OK, &json!(null)), "{part}");
        }
    }

    fn a_party_sees_its_payments_without_who_recorded_them(database) {
        let server = server(database);
        assert_eq!(server.call(Role::Finance, "POST", "/invoices/1/payments", r#"{"amount": "5"}"#).0, StatusCode::CREATED);
        let of = |role| server.call(role, "GET", "/invoices/1/payments?fields=amount,recorded_by", "").1["payments"].clone();
        assert_eq!(of(Role::Affiliate), json!([{ "amount": "5.00" }]));
        assert!(of(Role::Finance)[0]["recorded_by"].as_str().unwrap().starts_with("key "));
    }
}
