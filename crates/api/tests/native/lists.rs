//! Lists: pages, the members and orders that are asked for, and whole exports.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::server;

both_databases! {
    fn only_the_members_that_are_asked_for_are_answered(database) {
        let server = server(database);
        let (_, page) = server.call(Role::Viewer, "GET", "/invoices?fields=id,billed", "");
        assert_eq!(page["invoices"], json!([{ "id": 1, "billed": "12.50" }, { "id": 2, "billed": "7.00" }]));
        let (status, problem) = server.call(Role::Viewer, "GET", "/invoices?fields=id,amount", "");
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("fields")));
        assert!(problem["detail"].as_str().unwrap().contains("billed"), "{problem}");
        let (status, problem) = server.call(Role::Viewer, "GET", "/invoices?sort=name", "");
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("sort")));
    }

    fn an_export_has_all_rows_as_lines_or_csv(database) {
        let server = server(database);
        // 1,203 rows are more than two pages of an export.
        let records: String = (0..1_200).map(|i| format!("c{i:04} 3 2 2026-01-{:02} 1.00\n", i % 28 + 1)).collect();
        server.network.approve(&records);
        server.call(Role::Finance, "POST", "/billing-runs", r#"{"through": "2026-01-31", "affiliates": [3]}"#);
        let lines = server.with(Role::Viewer, "GET", "/invoices/3/conversions?limit=2", &[("accept", "application/x-ndjson")], "");
        assert_eq!(lines.headers["content-type"], "application/x-ndjson");
        let rows: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut ids: Vec<&str> = rows.iter().map(|row| row["conversion_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..1_200).map(|i| format!("c{i:04}")).collect::<Vec<_>>());
        let path = "/invoices/3/conversions?fields=conversion_id,amount";
        let csv = server.with(Role::Viewer, "GET", path, &[("accept", "text/csv")], "").text();
        assert_eq!(csv.lines().next(), Some("conversion_id,amount"));
        assert_eq!(csv.lines().count(), 1_201);
        assert!(csv.lines().skip(1).all(|line| line.ends_with(",1.00")), "{csv}");
    }

    fn members_of_members_are_columns_and_formulas_are_texts(database) {
        let server = server(database);
        let edit = r#"{"public_notes": "=HYPERLINK(\"x\")"}"#;
        assert_eq!(server.call(Role::Finance, "PATCH", "/invoices/1", edit).0, StatusCode::OK);
        let path = "/invoices?fields=id,period,public_notes,void";
        let csv = server.with(Role::Viewer, "GET", path, &[("accept", "text/csv")], "").text();
        let expected = "id,period.start,period.end,public_notes,void.reason,void.text\n\
            1,2026-01-05,2026-01-31,\"'=HYPERLINK(\"\"x\"\")\",,\n2,2026-01-31,2026-01-31,,,\n";
        assert_eq!(csv, expected);
    }
}
