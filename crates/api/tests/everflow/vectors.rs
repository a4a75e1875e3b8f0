//! The conformance vectors, and a client that pages while invoices are being made.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{BILLINGS, OWN, Server, secret, server};

const TABLE: &str = "/v1/networks/billings/affiliates/invoicestable";

/// Invoices of partners 1, 2, 3, 1, …: of 1, 2, 3, … dollars, ending on the 1st, 2nd, 3rd, … of January.
fn with_invoices(server: &Server, count: i64) {
    for i in 1..=count {
        let body = json!({
            "network_affiliate_id": (i - 1) % 3 + 1, "start_time": "2026-01-01", "end_time": format!("2026-01-{i:02}"),
            "details": [{ "amount": i }], "is_hidden_affiliate": i == 7, "public_notes": "seen", "internal_notes": "unseen",
        });
        server.ok("POST", &format!("{BILLINGS}/invoices"), &body.to_string());
    }
}

fn ids(found: &Value) -> Vec<i64> {
    let rows = found["invoices"].as_array().unwrap();
    rows.iter().map(|row| row["network_affiliate_invoice_id"].as_i64().unwrap()).collect()
}

fn found(server: &Server, filters: &Value) -> Vec<i64> {
    let body = json!({ "filters": filters }).to_string();
    let table = server.ok("POST", TABLE, &body);
    // The summary of the same body agrees with the table.
    let summary = server.ok("POST", &format!("{BILLINGS}/summary"), &body);
    assert_eq!(summary["total_count"], table["paging"]["total_count"], "{body}");
    let rows = table["invoices"].as_array().unwrap();
    let sum = |key: &str| rows.iter().map(|row| row[key].as_i64().unwrap()).sum::<i64>();
    // Of one that is deleted nothing is left to pay.
    let open = rows.iter().filter(|row| row["affiliate_invoice_status"] != "deleted");
    let balance: i64 = open.map(|row| row["billed"].as_i64().unwrap() - row["paid"].as_i64().unwrap()).sum();
    assert_eq!(
        summary,
        json!({ "total_count": ids(&table).len(), "balance": balance, "billed": sum("billed"), "paid": sum("paid") })
    );
    ids(&table)
}

both_databases! {
    fn pages_are_as_the_user_guide_has_them(database) {
        let server = server(database);
        with_invoices(&server, 7);
        let page = |query: &str, body: &str| server.ok("POST", &format!("{TABLE}{query}"), body);
        let all = page("", "");
        assert_eq!(all["paging"], json!({ "page": 1, "page_size": 50, "total_count": 7 }));
        assert_eq!(ids(&all), [7, 6, 5, 4, 3, 2, 1], "newest first");
        let third = page("?page=3&page_size=3", "");
        assert_eq!((ids(&third), &third["paging"]), (vec![1], &json!({ "page": 3, "page_size": 3, "total_count": 7 })));
        let beyond = page("?page=99", "");
        assert_eq!((ids(&beyond), &beyond["paging"]["total_count"]), (Vec::<i64>::new(), &json!(7)));
        assert_eq!(ids(&page("", r#"{"page":2,"page_size":5}"#)), [2, 1]);
        assert_eq!(ids(&page("?page=1&page_size=2", r#"{"page":2,"page_size":5}"#)), [7, 6]);
        assert_eq!(page("?page_size=99999", "")["paging"]["page_size"], 2000);
        for (query, body) in [("?page=0", ""), ("?page=-1", ""), ("?page_size=x", ""), ("", r#"{"page":0}"#), ("", r#"{"page_size":[]}"#)] {
            let name = if query.contains("size") || body.contains("size") { "page_size" } else { "page" };
            server.refused("POST", &format!("{TABLE}{query}"), body, 400, name);
        }
    }

    fn filters_are_strict_in_balances_and_inclusive_in_days(database) {
        let server = server(database);
        with_invoices(&server, 7);
        assert_eq!(found(&server, &json!({ "min_balance": 5 })), [7, 6], "not the one with exactly this");
        assert_eq!(found(&server, &json!({ "max_balance": 2.0 })), [1]);
        assert_eq!(found(&server, &json!({ "min_balance": 1.99, "max_balance": 3.01 })), [3, 2]);
        assert_eq!(found(&server, &json!({ "max_end_time": "2026-01-03" })), [3, 2, 1]);
        assert_eq!(found(&server, &json!({ "min_start_time": "2026-01-01", "max_end_time": "2026-01-01" })), [1]);
        assert_eq!(found(&server, &json!({ "min_start_time": "2026-01-02" })), Vec::<i64>::new());
        assert_eq!(found(&server, &json!({ "is_hidden_affiliate": "hidden" })), [7]);
        assert_eq!(found(&server, &json!({ "is_hidden_affiliate": "visible" })).len(), 6);
        assert_eq!(found(&server, &json!({ "network_affiliate_ids": [2, 3] })), [6, 5, 3, 2]);
        assert_eq!(found(&server, &json!({ "network_affiliate_ids": [] })).len(), 7, "an empty list asks for nothing");
        assert_eq!(found(&server, &json!({ "network_affiliate_invoice_ids": [4, 2, 88] })), [4, 2]);
        assert_eq!(found(&server, &json!({ "account_manager_ids": [4] })), [5, 2]);
        assert_eq!(found(&server, &json!({ "account_manager_ids": [3, 4], "network_affiliate_ids": [2, 3] })), [5, 2]);
        assert_eq!(found(&server, &json!({ "payment_terms": [0, 15] })).len(), 7);
        assert_eq!(found(&server, &json!({ "payment_terms": [15] })), Vec::<i64>::new());
        // The names of older documents.
        assert_eq!(found(&server, &json!({ "affiliate_ids": [2], "balance_from": 2 })), [5]);
        assert_eq!(found(&server, &json!({ "invoice_ids": [4, 5], "balance_to": 5 })), [4]);
        assert_eq!(found(&server, &json!({ "date_from": "2026-01-01", "date_to": "2026-01-02", "payment_terms": 0 })), [2, 1]);
        server.ok("PATCH", &format!("{BILLINGS}/invoices"), r#"{"invoice_ids":[3,4],"status":"paid"}"#);
        server.ok("PATCH", &format!("{BILLINGS}/invoices"), r#"{"network_affiliate_invoice_ids":[5],"status":"deleted"}"#);
        assert_eq!(found(&server, &json!({})), [7, 6, 4, 3, 2, 1], "deleted ones are left out");
        assert_eq!(found(&server, &json!({ "affiliate_invoice_status": "unpaid" })), [7, 6, 2, 1]);
        assert_eq!(found(&server, &json!({ "status": "paid" })), [4, 3]);
        assert_eq!(found(&server, &json!({ "affiliate_invoice_status": "deleted" })), [5]);
        let row = &server.ok("POST", TABLE, r#"{"filters":{"is_hidden_affiliate":"hidden"}}"#)["invoices"][0];
        assert_eq!((&row["is_hidden_affiliate"], &row["affiliate_invoice_status"]), (&json!(true), &json!("unpaid")));
        assert_eq!(row["payment_type"], "direct_deposit", "of the method by ACH");
    }

    fn words_are_looked_for_in_ids_and_names(database) {
        let server = server(database);
        with_invoices(&server, 7);
        let search = |value: &str| {
            let body = json!({ "search_terms": [{ "search_type": "name", "value": value }] }).to_string();
            ids(&server.ok("POST", TABLE, &body))
        };
        assert_eq!(search("6"), [6], "the invoice's id");
        assert_eq!(search("goog"), [5, 2], "a part of the partner's name");
        assert_eq!(search("3"), [6, 3], "the partner's id and the invoice's");
        assert_eq!(search("").len(), 7, "nothing is looked for");
        assert_eq!(search("nobody"), Vec::<i64>::new());
    }

    fn keys_open_their_own_realm(database) {
        let server = server(database);
        with_invoices(&server, 3);
        let own = secret(Role::Affiliate, 1);
        for (method, path) in [("POST", TABLE), ("GET", "/v1/networks/billings/affiliates/invoices/1"), ("PATCH", "/v1/networks/billings/affiliates/invoices")] {
            assert_eq!(server.ask(&own, method, path, "{}"), (StatusCode::FORBIDDEN, json!({ "error": "Out of realm", "Error": "Out of realm" })));
        }
        assert_eq!(server.network("POST", &format!("{OWN}/invoicestable"), "").0, StatusCode::FORBIDDEN);
        for key in ["", "wrong"] {
            let (status, body) = server.ask(key, "POST", TABLE, "");
            assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("No Authentication Method Found")));
        }
        let (status, body, _) = server.send(Request::builder().method("POST").uri(TABLE).body(Body::empty()).unwrap());
        assert_eq!((status, &body["Error"]), (StatusCode::UNAUTHORIZED, &json!("No Authentication Method Found")));
        // Whatever is wrong with a request, its envelope is the same.
        for (method, path) in [("DELETE", "/v1/networks/billings/affiliates/invoices/1"), ("GET", TABLE), ("POST", "/v1/networks/patch/affiliates/apply"),
            ("GET", "/v1/networks/affiliatestable"), ("PUT", "/v1/networks/reporting/conversions/a/saleamount2"), ("GET", "/v1/networks/reporting/conversions/bulkpayoutadjustment"), ("POST", "/v1/networks/reporting/entity"),
            ("GET", "/v1/networks/billings/account/invoices"), ("POST", "/v1/partners/payments"), ("POST", "/v1/advertisers/billings/advertisers/invoicestable")] {
            assert_eq!(server.network(method, path, "").0, StatusCode::NOT_FOUND, "{method} {path}");
        }
        // A viewer looks and does not act; a manager sees the partners that it looks after.
        assert_eq!(server.ask(&secret(Role::Viewer, 0), "POST", TABLE, "").0, StatusCode::OK);
        assert_eq!(server.ask(&secret(Role::Viewer, 0), "POST", &format!("{BILLINGS}/invoices"), "{}").0, StatusCode::FORBIDDEN);
        let manager = secret(Role::Manager, 4);
        assert_eq!(ids(&server.ask(&manager, "POST", TABLE, "").1), [2]);
        assert_eq!(server.ask(&manager, "GET", &format!("{BILLINGS}/invoices/1"), "").0, StatusCode::FORBIDDEN);
        assert_eq!(server.ask(&manager, "GET", &format!("{BILLINGS}/invoices/2"), "").0, StatusCode::OK);
        assert_eq!(server.ask(&manager, "POST", &format!("{BILLINGS}/summary"), "").1, json!({ "total_count": 1, "balance": 2, "billed": 2, "paid": 0 }));
        assert_eq!(ids(&server.ask(&manager, "POST", TABLE, r#"{"filters":{"account_manager_ids":[3]}}"#).1), Vec::<i64>::new(), "of another manager");
        assert_eq!(server.ask(&manager, "PUT", &format!("{BILLINGS}/invoices/2"), "{}").0, StatusCode::FORBIDDEN);
    }

    fn a_partner_sees_its_own_and_only_what_is_for_it(database) {
        let server = server(database);
        with_invoices(&server, 7);
        let own = secret(Role::Affiliate, 1);
        let table = server.ask(&own, "POST", &format!("{OWN}/invoicestable"), "").1;
        // 1, 4 and 7 are the partner's, 7 is hidden.
        assert_eq!(ids(&table), [4, 1]);
        let row = table["invoices"][0].as_object().unwrap();
        let keys: BTreeSet<&str> = row.keys().map(String::as_str).collect();
        let expected = ["network_affiliate_invoice_id", "network_id", "affiliate_invoice_status", "start_time", "end_time", "timezone_id",
            "balance", "billed", "paid", "payment_terms", "currency_id", "notes", "time_created", "time_saved"];
        assert_eq!(keys, BTreeSet::from(expected));
        assert_eq!((&row["payment_terms"], &row["notes"]), (&json!("Net 0"), &json!("seen")));
        let (status, one) = server.ask(&own, "GET", &format!("{OWN}/invoices/4?relationship=all"), "");
        assert_eq!((status, &one["notes"], &one["status"]), (StatusCode::OK, &json!("seen"), &json!("unpaid")));
        assert!(!one.to_string().contains("unseen") && !one.to_string().contains("key "), "{one}");
        for absent in ["2", "7", "99", "x"] {
            assert_eq!(server.ask(&own, "GET", &format!("{OWN}/invoices/{absent}"), "").0, StatusCode::NOT_FOUND, "{absent}");
        }
        assert_eq!(server.ask(&own, "POST", &format!("{OWN}/summary"), "").1, json!({ "total_count": 2, "balance": 5, "billed": 5, "paid": 0 }));
        assert_eq!(server.ask(&own, "GET", "/v1/affiliates/billing", "").1,
            json!({ "payment_method": "direct_deposit", "payment_terms": 0, "minimum_payout": 0, "currency_id": "USD" }));
        server.ok("PATCH", &format!("{BILLINGS}/invoices"), r#"{"invoice_ids":[4],"status":"deleted"}"#);
        assert_eq!(server.ask(&own, "GET", &format!("{OWN}/invoices/4"), "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.ok("GET", &format!("{BILLINGS}/invoices/4"), "")["status"], "deleted");
        assert_eq!(server.ask(&own, "POST", &format!("{OWN}/invoicestable"), r#"{"filters":{"affiliate_invoice_status":"deleted"}}"#).0, StatusCode::BAD_REQUEST);
        // One of the vendor's examples has the slash twice.
        assert_eq!(ids(&server.ask(&own, "POST", &format!("/{OWN}/invoicestable?page_size=1"), "").1), [1]);
    }

    fn a_client_that_pages_to_the_end_misses_none_while_others_are_made(database) {
        let server = server(database);
        with_invoices(&server, 20);
        let before: BTreeSet<i64> = (1..=20).collect();
        let mut read = Vec::new();
        for page in 1.. {
            let rows = ids(&server.ok("POST", &format!("{TABLE}?page={page}&page_size=3"), ""));
            if rows.is_empty() {
                break;
            }
            read.extend(rows);
            if page <= 6 {
                with_invoices(&server, 2);
            }
        }
        assert!(read.iter().copied().collect::<BTreeSet<i64>>().is_superset(&before), "{read:?}");
        assert!(read.len() > 20, "others were made meanwhile");
    }

    fn reference_lists_need_no_key(database) {
        let server = server(database);
        let get = |path: &str| server.send(Request::builder().uri(path).body(Body::empty()).unwrap());
        let (status, zones, headers) = get("/v1/meta/timezones");
        assert_eq!((status, headers.contains_key("x-ratelimit-limit")), (StatusCode::OK, true));
        let zones = zones["timezones"].as_array().unwrap();
        assert_eq!(zones.len(), 99);
        assert_eq!(zones[0], json!({ "timezone_id": 1, "timezone_name": "Line Is. Time (Pacific/Kiritimati)", "timezone": "Pacific/Kiritimati", "utc_offset": "+14:00" }));
        assert_eq!((&zones[66]["timezone"], &zones[66]["utc_offset"]), (&json!("UTC"), &json!("+00:00")));
        assert_eq!((&zones[79]["timezone"], &zones[79]["utc_offset"]), (&json!("America/New_York"), &json!("-05:00")));
        let (_, currencies, _) = get("/v1/meta/currencies");
        let usd = json!({ "currency_id": "USD", "name": "United States dollar" });
        assert!(currencies["currencies"].as_array().unwrap().contains(&usd));
        assert_eq!(get("/v1/meta/countries").0, StatusCode::NOT_FOUND);
        let (status, body) = server.network("GET", "/v1/networks/unknown", "");
        assert_eq!((status, body["error"].is_string()), (StatusCode::NOT_FOUND, true));
    }

    fn the_rate_limit_is_told_and_kept(database) {
        let limits = quittance_http::Limits { requests_per_second: 1, requests_burst: 2, ..Default::default() };
        let mut server = Server::of(database, &crate::server::file(), limits);
        server.at("2026-02-10T12:00:00Z");
        let ask = || {
            let request = Request::builder().method("POST").uri(TABLE).header("x-eflow-api-key", secret(Role::Admin, 0));
            let (status, body, headers) = server.send(request.body(Body::empty()).unwrap());
            let told = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let limits = (told("x-ratelimit-limit").unwrap(), told("x-ratelimit-remaining").unwrap());
            // The envelope is that of every failure.
            assert_eq!(body["error"].is_string() && body["error"] == body["Error"], !status.is_success(), "{body}");
            (status.as_u16(), limits.0, limits.1, told("retry-after"))
        };
        let all = |remaining: &str| (200, "2".to_owned(), remaining.to_owned(), None);
        assert_eq!((ask(), ask()), (all("1"), all("0")));
        assert_eq!(ask(), (429, "2".to_owned(), "0".to_owned(), Some("1".to_owned())));
        // The limit is the key's: another one, and what needs none, is served.
        assert_eq!(server.ask(&secret(Role::Viewer, 0), "POST", TABLE, "").0, StatusCode::OK);
        let open = server.send(Request::builder().uri("/v1/meta/currencies").body(Body::empty()).unwrap());
        assert_eq!((open.0, open.2.contains_key("x-ratelimit-remaining")), (StatusCode::OK, true));
    }
}
