//! Lists: pages, the members and orders that are asked for, and whole exports.

use axum::http::StatusCode;
use quittance_engine::billing::{Parties, RunRequest};
use quittance_engine::keys::Role;
use quittance_testkit::{both_databases, day};
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

    /// Ids and texts that a spreadsheet would take for formulas, and texts that begin with an apostrophe of their own.
    fn an_export_of_conversions_comes_back_as_it_was(database) {
        let server = server(database);
        let texts = ["-9f3a77", "@x1", "=1+1", "+a", "'own", "'=1+1", "''", "＝1", "＠x", "-5", "plain"];
        let record = |id: &&str| {
            json!({"conversion_id": id, "affiliate_id": 1, "offer_id": 1, "status": "approved",
                "occurred_at": "2026-01-20 10:00:00", "payout": "1.00", "sub1": "@home", "comment": id})
        };
        let records = Value::Array(texts.iter().map(record).collect()).to_string();
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", &records).1["created"], texts.len());
        let day = "/conversions?from=2026-01-20&through=2026-01-20";
        for path in [day.to_owned(), format!("{day}&fields=conversion_id,affiliate_id,offer_id,occurred_at,status,comment")] {
            let csv = server.with(Role::Viewer, "GET", &path, &[("accept", "text/csv")], "").text();
            assert!(csv.lines().next().unwrap().ends_with(",guarded"), "{csv}");
            for cell in ["'-9f3a77", "'@x1", "'=1+1", "'+a", "''own", "''=1+1", "'''", "'＝1", "'＠x", "-5", "plain"] {
                assert!(csv.lines().any(|line| line.split(',').any(|found| found == cell)), "{cell}: {csv}");
            }
            // As it is, and as a spreadsheet of another country saves it.
            for file in [csv.clone(), csv.replace(',', ";")] {
                let report = server.call(Role::Tracker, "POST", "/conversions:batch", &file).1;
                let counts = ["created", "updated", "unchanged", "rejected"].map(|name| report[name].as_u64().unwrap());
                assert_eq!(counts, [0, 0, csv.lines().count() as u64 - 1, 0], "{report}");
            }
        }
        // A file that is none of ours keeps its apostrophes.
        let file = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n'@x1,1,1,approved,2026-01-20 10:00:00,1\n";
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", file).1["created"], 1);
        server.network.assert_verified();
    }

    fn pages_follow_one_another_to_the_end(database) {
        let server = server(database);
        // 5 affiliates, 4 offers and 61 days make 1,220 accruals of as many conversions.
        let mut records = String::new();
        for number in 0..1_220 {
            let (affiliate, offer, day) = (number % 5 + 1, number / 5 % 4 + 1, number / 20);
            let date = if day < 31 { format!("2025-12-{:02}", day + 1) } else { format!("2025-11-{:02}", day - 30) };
            records += &format!("c{number} {affiliate} {offer} {date} 1.00\n");
        }
        server.network.approve(&records);
        for (path, list, count) in [
            ("/accruals?limit=1000&through=2025-12-31", "accruals", 1_220),
            ("/conversions?limit=1000&through=2025-12-31", "conversions", 1_220),
            ("/affiliates?limit=2", "affiliates", 5),
            ("/affiliates?limit=2&sort=-id", "affiliates", 5),
            ("/offers?limit=3", "offers", 4),
            ("/balances?limit=2", "balances", 5),
            ("/invoices?limit=1&sort=-id", "invoices", 2),
            ("/billing-runs?limit=1", "billing_runs", 1),
            ("/ledger?limit=3", "postings", 4),
        ] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let (status, page) = server.call(Role::Viewer, "GET", &format!("{path}{cursor}"), "");
                assert_eq!(status, StatusCode::OK, "{path}: {page}");
                seen.extend(page[list].as_array().unwrap().iter().map(Value::to_string));
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let whole = server.with(Role::Viewer, "GET", path, &[("accept", "application/x-ndjson")], "").text();
            let whole = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap().to_string());
            assert_eq!(seen, whole.collect::<Vec<_>>(), "{path}");
            assert_eq!(seen.len(), count, "{path}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), count, "{path} repeats rows");
        }
    }

    /// 12.50 with 2.50 paid of it, then void; of the other invoice 7.00 are left.
    fn a_void_invoice_is_in_no_list_of_what_is_left_to_pay(database) {
        let server = server(database);
        assert_eq!(server.call(Role::Finance, "POST", "/invoices/1/payments", r#"{"amount": "2.50"}"#).0, StatusCode::CREATED);
        let void = server.call(Role::Finance, "POST", "/invoices/1/void", r#"{"reason": "other"}"#);
        assert_eq!(void.0, StatusCode::OK, "{}", void.1);
        let shown = server.call(Role::Viewer, "GET", "/invoices/1", "").1;
        assert_eq!((&shown["billed"], &shown["paid"], &shown["balance"]), (&json!("12.50"), &json!("2.50"), &json!("0.00")));
        let found = |asked: &str| {
            let list = server.call(Role::Viewer, "GET", &format!("/invoices?{asked}&fields=id"), "").1;
            list["invoices"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found("balance_above=0"), [2]);
        assert_eq!(found("balance_above=-1&balance_below=1"), [1]);
        let csv = server.with(Role::Viewer, "GET", "/invoices?fields=id,balance", &[("accept", "text/csv")], "").text();
        assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), ["1,0.00", "2,7.00"]);
        server.network.assert_verified();
    }

    /// 10.00 of offer 1 and 4.00 of offer 2; the first is billed alone.
    fn what_is_unbilled_after_a_run_by_offer_is_the_rest(database) {
        let server = server(database);
        server.network.approve("x 3 1 2026-01-05 10.00\ny 3 2 2026-01-05 4.00");
        let request = RunRequest {
            parties: Parties::Only(vec![3]),
            offers: Some(vec![1]),
            ..RunRequest::payable_through(day("2026-01-31"))
        };
        server.network.engine.bill(&server.network.call, &request, &mut |_| {}).unwrap();
        let one = server.call(Role::Viewer, "GET", "/affiliates/3/balance", "").1["balances"][0].clone();
        let list = server.call(Role::Viewer, "GET", "/balances", "").1["balances"].clone();
        let listed = list.as_array().unwrap().iter().find(|row| row["affiliate_id"] == 3).unwrap();
        for row in [&one, listed] {
            assert_eq!((&row["billed"], &row["unbilled"]), (&json!("10.00"), &json!("4.00")));
        }
        server.network.assert_verified();
    }

    fn invoices_are_found_by_what_is_asked(database) {
        let server = server(database);
        // 1: affiliate 1 (with a manager), 12.50, from the 5th; 2: affiliate 2, 7.00, on the 31st. Both are due on the 31st.
        let paid = || server.call(Role::Finance, "POST", "/invoices/2/payments", r#"{"amount": "7"}"#).0;
        assert_eq!(server.call(Role::Finance, "PATCH", "/invoices/2", r#"{"hidden": true, "payment_terms": 15}"#).0, StatusCode::OK);
        assert_eq!(paid(), StatusCode::CREATED);
        for (asked, found) in [
            ("number=2", &[2][..]),
            ("number=2&kind=receivable", &[]),
            ("number=3", &[]),
            ("status=paid", &[2]),
            ("status=paid,pending", &[1, 2]),
            ("overdue=true", &[1]),
            ("hidden=true", &[2]),
            ("hidden=false", &[1]),
            ("starts_from=2026-01-06", &[2]),
            ("ends_through=2026-01-30", &[]),
            ("ends_from=2026-01-31", &[1, 2]),
            ("balance_above=0", &[1]),
            ("balance_below=12.5", &[2]),
            ("balance_above=12.49&balance_below=12.51", &[1]),
            ("payment_terms=15", &[2]),
            ("payment_terms=0,15", &[1, 2]),
            ("parties=2,3", &[2]),
            ("managers=1", &[1]),
            ("party_name=affiliate%202", &[2]),
            ("created_from=2026-02-01T12:00:00Z", &[1, 2]),
            ("created_before=2026-02-01T12:00:00Z", &[]),
            ("run_id=2", &[]),
            ("currency=EUR", &[]),
            ("kind=receivable", &[]),
            ("due_from=2026-02-15", &[2]),
        ] {
            let (status, page) = server.call(Role::Viewer, "GET", &format!("/invoices?{asked}"), "");
            assert_eq!(status, StatusCode::OK, "{asked}: {page}");
            let ids: Vec<i64> = page["invoices"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, found, "{asked}");
        }
    }
}
