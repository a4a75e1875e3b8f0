//! The tables of partners and advertisers.

use axum::http::StatusCode;
use quittance_domain::time::Timestamp;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{BILLINGS, Server, secret, server};

const PARTNERS: &str = "/v1/networks/affiliatestable";
const ADVERTISERS: &str = "/v1/networks/advertiserstable";

fn ids(found: &Value) -> Vec<i64> {
    let (list, key) = match found.get("affiliates") {
        Some(list) => (list, "network_affiliate_id"),
        None => (&found["advertisers"], "network_advertiser_id"),
    };
    let ids: Vec<i64> = list.as_array().unwrap().iter().map(|row| row[key].as_i64().unwrap()).collect();
    assert_eq!(found["paging"], json!({ "page": 1, "page_size": 50, "total_count": ids.len() }));
    ids
}

/// A further partner and two advertisers of every setting that is filtered by.
fn more(server: &Server) {
    let file = json!({
        "affiliates": [{ "id": 4, "name": "Media Four", "status": "pending", "manager": 4, "country": "us", "billing_cycle": "Net 15",
            "payment_methods": [{ "system": 1 }, { "system": 2, "main": true }] }],
        "advertisers": [{ "id": 2, "name": "Beta", "manager": 3, "billing_cycle": "monthly", "country": "DE" }],
    });
    server.engine.import_network(Timestamp::from_micros(0), Some("test"), &file).unwrap().unwrap();
}

both_databases! {
    fn a_row_is_the_partner_with_what_tables_add(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50");
        server.ok("POST", &format!("{BILLINGS}/invoices"), r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31"}"#);
        let body = r#"{"search_terms":[{"search_type":"name","value":"one"}]}"#;
        let asked = format!("{PARTNERS}?relationship=affiliate_payment_balance&relationship=ruleset&page=1&page_size=1000");
        assert_eq!(server.ok("POST", &asked, body), json!({
            "affiliates": [{
                "network_affiliate_id": 1, "network_id": 1, "name": "Media One", "account_status": "active", "network_employee_id": 3,
                "internal_notes": "", "has_notifications": false, "network_traffic_source_id": 0, "account_executive_id": 0, "adress_id": 0,
                "default_currency_id": "USD", "is_contact_address_enabled": false, "enable_media_cost_tracking_links": false, "referrer_id": 0,
                "time_created": 0, "time_saved": 0,
                "relationship": { "labels": { "total": 0, "entries": [] },
                    "affiliate_payment_balance": { "total": 1, "entries": [{ "currency_id": "USD", "balance": 10.5 }] } },
                "account_manager_id": 3, "account_manager_name": "Dana", "account_executive_name": "", "balance": 10.5, "today_revenue": "",
                "last_login": 0, "global_tracking_domain_url": "", "network_country_code": "",
            }],
            "paging": { "page": 1, "page_size": 1000, "total_count": 1 },
        }));
        server.ok("PATCH", &format!("{BILLINGS}/invoices"), r#"{"invoice_ids":[1],"status":"paid"}"#);
        let paid = server.ok("POST", &asked, body);
        assert_eq!(paid["affiliates"][0]["balance"], 0);
        assert_eq!(paid["affiliates"][0]["relationship"]["affiliate_payment_balance"], json!({ "total": 0, "entries": [] }));
    }

    fn partners_are_found_by_name_and_by_each_filter(database) {
        let server = server(database);
        more(&server);
        let found = |body: Value| ids(&server.ok("POST", PARTNERS, &body.to_string()));
        let by = |filters: Value| found(json!({ "filters": filters }));
        let named = |words: &[&str]| found(json!({ "search_terms": words.iter().map(|word| json!({ "search_type": "name", "value": word })).collect::<Vec<_>>() }));
        assert_eq!(ids(&server.ok("POST", PARTNERS, "")), [1, 2, 3, 4]);
        assert_eq!((named(&[""]), named(&["MEDIA"]), named(&["media", "third"])), (vec![1, 2, 3, 4], vec![1, 4], vec![1, 3, 4]));
        assert_eq!((named(&["nobody"]), named(&["nobody", "none"]), named(&["%"])), (vec![], vec![], vec![]));
        assert_eq!((by(json!({ "account_status": "pending" })), by(json!({ "account_status": "" }))), (vec![4], vec![1, 2, 3, 4]));
        assert_eq!((by(json!({ "account_manager_ids": [4] })), by(json!({ "account_manager_ids": [3, 4] }))), (vec![2, 4], vec![1, 2, 4]));
        assert_eq!((by(json!({ "billing_frequency": "manual" })), by(json!({ "billing_frequency": "other" }))), (vec![1, 2, 3], vec![4]));
        assert_eq!(by(json!({ "billing_frequency": "monthly" })), Vec::<i64>::new());
        // The main method counts, not the first.
        assert_eq!((by(json!({ "payment_type": "direct_deposit" })), by(json!({ "payment_type": "masspay" }))), (vec![1, 4], vec![]));
        assert_eq!((by(json!({ "payment_type": "none" })), by(json!({ "payment_type": "veem" }))), (vec![2, 3], vec![]));
        assert_eq!((by(json!({ "country_codes": ["US", "DE"] })), by(json!({ "country_codes": [] }))), (vec![4], vec![1, 2, 3, 4]));
        assert_eq!(by(json!({ "labels": [], "ran_traffic_in_last_hours": 0, "region_codes": null })), [1, 2, 3, 4], "what asks for nothing");
        let all = json!({ "search_terms": [{ "search_type": "name", "value": "media" }], "filters": { "account_status": "pending", "account_manager_ids": [4] } });
        assert_eq!(found(all), [4]);
        let page = server.ok("POST", &format!("{PARTNERS}?page=2&page_size=3"), "");
        assert_eq!((&page["affiliates"][0]["network_affiliate_id"], &page["paging"]), (&json!(4), &json!({ "page": 2, "page_size": 3, "total_count": 4 })));
        assert_eq!(server.ask(&secret(Role::Viewer, 0), "POST", PARTNERS, "").0, StatusCode::OK);
    }

    fn a_manager_sees_those_that_it_looks_after(database) {
        let server = server(database);
        more(&server);
        let seen = |body: &str| ids(&server.ask(&secret(Role::Manager, 4), "POST", PARTNERS, body).1);
        assert_eq!((seen(""), seen(r#"{"filters":{"account_manager_ids":[3,4]}}"#)), (vec![2, 4], vec![2, 4]));
        assert_eq!((seen(r#"{"filters":{"account_manager_ids":[3]}}"#), seen(r#"{"search_terms":[{"search_type":"name","value":"One"}]}"#)), (vec![], vec![]));
        assert_eq!(ids(&server.ask(&secret(Role::Manager, 4), "POST", ADVERTISERS, "").1), Vec::<i64>::new());
    }

    fn advertisers_are_found_likewise(database) {
        let server = server(database);
        more(&server);
        let found = |body: Value| ids(&server.ok("POST", ADVERTISERS, &body.to_string()));
        assert_eq!(found(json!({})), [1, 2]);
        assert_eq!(found(json!({ "search_terms": [{ "search_type": "name", "value": "bet" }] })), [2]);
        assert_eq!(found(json!({ "filters": { "billing_frequency": "monthly", "account_manager_ids": [3], "country_codes": ["de"] } })), [2]);
        let (table, list) = (server.ok("POST", ADVERTISERS, ""), server.ok("GET", "/v1/networks/advertisers", ""));
        assert_eq!(table, list, "the rows are those of the list");
    }

    fn what_cannot_be_asked_is_refused_by_its_name(database) {
        let server = server(database);
        for (body, says) in [
            (json!({ "filters": [] }), "filters"),
            (json!({ "filters": { "account_status": "gone" } }), "filters.account_status"),
            (json!({ "filters": { "account_status": ["active"] } }), "filters.account_status"),
            (json!({ "filters": { "billing_frequency": "daily" } }), "filters.billing_frequency"),
            (json!({ "filters": { "account_manager_ids": ["x"] } }), "filters.account_manager_ids"),
            (json!({ "filters": { "labels": ["vip"] } }), "filters.labels"),
            (json!({ "filters": { "ran_traffic_in_last_hours": 24 } }), "filters.ran_traffic_in_last_hours"),
            (json!({ "filters": { "region_codes": ["NY"] } }), "filters.region_codes"),
            (json!({ "search_terms": [{ "search_type": "email", "value": "x" }] }), "search_terms[0].search_type"),
            (json!({ "search_terms": [{ "search_type": "name" }] }), "search_terms[0].value is required"),
            (json!({ "page": 0 }), "page"),
        ] {
            server.refused("POST", PARTNERS, &body.to_string(), 400, says);
        }
        server.refused("POST", ADVERTISERS, r#"{"filters":{"payment_type":"wire"}}"#, 400, "filters.payment_type");
    }
}
