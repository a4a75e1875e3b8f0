//! Conversions and offers as this vendor's clients read them.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::json;

use crate::server::{BILLINGS, secret, server};

const CONVERSIONS: &str = "/v1/networks/reporting/conversions";

both_databases! {
    fn conversions_are_listed_and_read(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20\na2 2 1 2026-01-06 1\na3 1 2 2026-01-07 2");
        let list = |body: &str| server.ok("POST", CONVERSIONS, body);
        let ids = |body: &str| list(body)["conversions"].as_array().unwrap().iter().map(|c| c["conversion_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let all = r#"{"from":"2026-01-01","to":"2026-01-31","timezone_id":67,"show_conversions":true}"#;
        assert_eq!(ids(all), ["a1", "a2", "a3"]);
        assert_eq!(ids(r#"{"from":"2026-01-06 00:00:00","to":"2026-01-07 23:59:59"}"#), ["a2", "a3"]);
        let by = |resource: &str, id: &str| ids(&json!({"from":"2026-01-01","to":"2026-01-31","query":{"filters":[{"resource_type":resource,"filter_id_value":id}]}}).to_string());
        assert_eq!((by("affiliate", "1"), by("offer", "1"), by("status", "pending")), (vec!["a1".into(), "a3".into()], vec!["a1".into(), "a2".into()], vec![]));
        let filters = |filters: &[(&str, &str)]| {
            let filters: Vec<_> = filters.iter().map(|(resource, id)| json!({"resource_type":resource,"filter_id_value":id})).collect();
            ids(&json!({"from":"2026-01-01","to":"2026-01-31","query":{"filters":filters}}).to_string())
        };
        assert_eq!(filters(&[("offer", "1"), ("offer", "2"), ("affiliate", "1")]), ["a1", "a3"], "one of the same, all of different");
        // All happened at noon in UTC: at 7 in New York, at 2 in the morning of the next day on Kiritimati.
        assert_eq!(ids(r#"{"from":"2026-01-05 12:00:00","to":"2026-01-06 11:59:59"}"#), ["a1"]);
        assert_eq!(ids(r#"{"from":"2026-01-05 12:00:01","to":"2026-01-06 12:00:00"}"#), ["a2"]);
        assert_eq!(ids(r#"{"from":"2026-01-06 07:00:00","to":"2026-01-06 07:00:00","timezone_id":80}"#), ["a2"]);
        assert_eq!(ids(r#"{"from":"2026-01-06","to":"2026-01-06","timezone_id":1}"#), ["a1"], "it is the 6th there since 10 o'clock of the 5th");
        assert_eq!(ids(r#"{"from":"2026-01-06","to":"2026-01-07","timezone_id":80}"#), ["a2", "a3"]);
        let page = server.ok("POST", &format!("{CONVERSIONS}?page=2&page_size=2"), all);
        assert_eq!((&page["conversions"][0]["conversion_id"], &page["paging"]), (&json!("a3"), &json!({"page":2,"page_size":2,"total_count":3})));
        let one = server.ok("GET", &format!("{CONVERSIONS}/a1"), "");
        for (key, value) in [
            ("status", json!("approved")), ("payout", json!(10.5)), ("revenue", json!(20)), ("currency_id", json!("USD")),
            ("conversion_unix_timestamp", json!(1_767_614_400)), ("transaction_id", json!("")), ("is_event", json!(false)), ("is_scrub", json!(false)), ("notes", json!("")),
        ] {
            assert_eq!(one[key], value, "{key}");
        }
        assert_eq!(one["relationship"], json!({
            "offer": { "network_offer_id": 1, "name": "First Offer" }, "affiliate": { "network_affiliate_id": 1, "name": "Media One" },
            "advertiser": { "network_advertiser_id": 1, "name": "Acme" }, "snapshots": [],
        }));
        for key in ["click_unix_timestamp", "event", "sale_amount", "payout_type", "revenue_type", "order_id", "coupon_code", "network_offer_payout_revenue_id"] {
            assert!(one.get(key).is_some(), "{key} is missing");
        }
        for (body, says) in [
            ("", "from is required"), (r#"{"from":"2026-01-01"}"#, "to is required"), (r#"{"from":"2026-02-30","to":"2026-03-01"}"#, "from"),
            (r#"{"from":"2026-02-01","to":"2026-01-01"}"#, "to"), (r#"{"from":"2024-01-01","to":"2026-01-01"}"#, "year"),
            (r#"{"from":"2026-01-01","to":"2026-01-02","timezone_id":100}"#, "timezone_id"),
            (r#"{"from":"2026-01-01 10:00:61","to":"2026-01-02"}"#, "from"),
            (r#"{"from":"2026-01-01 10:00:00","to":"2026-01-01 09:00:00"}"#, "to"),
            (r#"{"from":"2026-01-01","to":"2026-01-02","query":{"filters":[{"resource_type":"sub1","filter_id_value":"x"}]}}"#, "resource_type"),
            (r#"{"from":"2026-01-01","to":"2026-01-02","query":{"search_terms":[{"search_type":"transaction_id","value":"x"}]}}"#, "query.search_terms"),
            (r#"{"from":"2026-01-01","to":"2026-01-02","show_only_scrub":true}"#, "show_only_scrub"),
        ] {
            server.refused("POST", CONVERSIONS, body, 400, says);
        }
        server.refused("GET", &format!("{CONVERSIONS}/none"), "", 404, "none");
    }

    fn changes_of_conversions_reach_the_next_invoice(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20\na2 1 1 2026-01-06 1");
        let result = json!({ "result": true });
        assert_eq!(server.ok("PATCH", CONVERSIONS, r#"{"conversion_ids":["a1"],"conversion_status":"rejected"}"#), result);
        assert_eq!(server.ok("GET", &format!("{CONVERSIONS}/a1"), "")["status"], "rejected");
        assert_eq!(server.ok("PUT", &format!("{CONVERSIONS}/a2/payoutrevenue"), r#"{"conversion_id":"a2","payout":3.25,"revenue":4}"#), result);
        assert_eq!(server.ok("PUT", &format!("{CONVERSIONS}/a2/notes"), r#"{"conversion_id":"a2","notes":"late"}"#), result);
        let one = server.ok("GET", &format!("{CONVERSIONS}/a2"), "");
        assert_eq!((&one["payout"], &one["revenue"], &one["notes"]), (&json!(3.25), &json!(4), &json!("late")));
        let made = server.ok("POST", &format!("{BILLINGS}/invoices"), r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31"}"#);
        assert_eq!(made["balance"], json!(3.25));
        server.refused("PATCH", CONVERSIONS, r#"{"conversion_ids":["a1","none"],"conversion_status":"approved"}"#, 404, "none");
        assert_eq!(server.ok("GET", &format!("{CONVERSIONS}/a1"), "")["status"], "rejected", "all or nothing");
        server.refused("PATCH", CONVERSIONS, r#"{"conversion_ids":[1],"conversion_status":"approved"}"#, 400, "conversion_ids");
        server.refused("PATCH", CONVERSIONS, r#"{"conversion_ids":["a1"],"conversion_status":"gone"}"#, 400, "conversion_status");
        server.refused("PATCH", CONVERSIONS, r#"{"conversion_status":"approved"}"#, 400, "conversion_ids is required");
        server.refused("PUT", &format!("{CONVERSIONS}/a2/payoutrevenue"), r#"{"conversion_id":"a1","payout":1}"#, 400, "conversion_id");
        server.refused("PUT", &format!("{CONVERSIONS}/a2/payoutrevenue"), "{}", 400, "payout");
        server.verified();
    }

    fn the_history_of_a_conversion_is_in_its_snapshots(database) {
        let mut server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20");
        let path = format!("{CONVERSIONS}/a1");
        server.at("2026-02-10T12:00:01Z");
        server.ok("PUT", &format!("{path}/payoutrevenue"), r#"{"payout":3.25}"#);
        server.at("2026-02-10T12:00:02Z");
        server.ok("PUT", &format!("{path}/notes"), r#"{"notes":"an invoice does not follow this"}"#);
        server.at("2026-02-10T12:00:03Z");
        server.ok("PATCH", CONVERSIONS, r#"{"conversion_ids":["a1"],"conversion_status":"rejected"}"#);
        server.at("2026-02-10T12:00:04Z");
        // The tracker says something new: what was changed by hand is over.
        server.approve("a1 1 1 2026-01-05 11 20");
        let snapshot = |kind: &str, initiator: &str, payout: serde_json::Value, status: &str, after_seconds: i64| json!({
            "snapshot_type": kind, "initiator": initiator, "payout": payout, "revenue": 20, "status": status,
            "unix_timestamp": 1_770_724_800 + after_seconds, "network_employee": {},
        });
        assert_eq!(server.ok("GET", &path, "")["relationship"]["snapshots"], json!([
            snapshot("payout_revenue", "manual", json!(3.25), "approved", 1),
            snapshot("status", "manual", json!(3.25), "rejected", 3),
            snapshot("status", "csv", json!(11), "approved", 4),
            snapshot("payout_revenue", "csv", json!(11), "approved", 4),
        ]));
        let list = server.ok("POST", CONVERSIONS, r#"{"from":"2026-01-01","to":"2026-01-31"}"#);
        assert_eq!(list["conversions"][0], server.ok("GET", &path, ""), "the list shows the same");
        server.verified();
    }

    /// A client that sends back what it has read changes nothing of what the advertiser owes: 20 USD, shown as 28 CAD.
    fn a_revenue_is_set_in_the_currency_that_is_shown(database) {
        let server = server(database);
        server.engine.import_rates(&server.call, "date,base,quote,rate\n2026-01-05,USD,CAD,1.40\n".as_bytes(), "test").unwrap();
        let cad = quittance_domain::currency::Currency::parse("CAD").ok();
        server.receive("approved", "a1 1 1 2026-01-05 15 20", |record| record.payout_currency = cad);
        let path = format!("{CONVERSIONS}/a1");
        let owed = || server.engine.conversions_by_ids(&server.call, &["a1"]).unwrap()[0].known.conversion.revenue;
        let as_is = owed();
        assert_eq!((as_is.to_decimal().as_str(), server.ok("GET", &path, "")["revenue"].to_string().as_str()), ("20.00", "28"));
        server.ok("PUT", &format!("{path}/payoutrevenue"), r#"{"payout":15,"revenue":28}"#);
        assert_eq!(owed(), as_is);
        server.ok("PUT", &format!("{path}/payoutrevenue"), r#"{"payout":15,"revenue":14}"#);
        assert_eq!((owed().to_decimal().as_str(), server.ok("GET", &path, "")["revenue"].to_string().as_str()), ("10.00", "14"));
        server.verified();
    }

    /// Snapshots have no currency of their own: they are in that of the conversion. A dollar is 1.25 CAD, later 1.40.
    fn snapshots_are_in_the_currency_of_their_conversion(database) {
        let mut server = server(database);
        let cad = quittance_domain::currency::Currency::parse("CAD").ok();
        server.engine.import_rates(&server.call, "date,base,quote,rate\n2026-01-05,USD,CAD,1.25\n".as_bytes(), "test").unwrap();
        server.approve("a1 1 1 2026-01-05 10 20");
        server.at("2026-02-10T12:00:01Z");
        server.approve("a1 1 1 2026-01-05 12 20");
        server.at("2026-02-10T12:00:02Z");
        server.receive("approved", "a1 1 1 2026-01-05 15 20", |record| record.payout_currency = cad);
        let one = server.ok("GET", &format!("{CONVERSIONS}/a1"), "");
        assert_eq!((&one["currency_id"], &one["payout"], &one["revenue"]), (&json!("CAD"), &json!(15), &json!(25)));
        let amounts: Vec<_> = one["relationship"]["snapshots"].as_array().unwrap().iter().map(|s| (s["payout"].to_string(), s["revenue"].to_string())).collect();
        // 12 USD and 20 USD, then 15 CAD and 20 USD.
        assert_eq!(amounts, [("15".to_owned(), "25".to_owned()), ("15".to_owned(), "25".to_owned())]);
    }

    /// To leave out what narrows a list would show too much.
    fn no_list_ignores_a_filter_of_its_address(database) {
        let server = server(database);
        for path in ["/v1/networks/affiliates", "/v1/networks/advertisers", "/v1/networks/offers"] {
            server.ok("GET", &format!("{path}?page=1&page_size=10&order_field=name&order_direction=desc&relationship=all"), "");
            for unknown in ["network_affiliate_id=1", "account_status=active", "filters=x", "network_offer_ids=2"] {
                let name = unknown.split('=').next().unwrap();
                server.refused("GET", &format!("{path}?{unknown}"), "", 400, &format!("{name}: it is not served"));
            }
        }
        let two = server.ok("GET", "/v1/networks/affiliates?filter=account_status%3Dactive&filter=account_status%3Dpending", "");
        assert_eq!(two["paging"]["total_count"], 0);
        server.refused("GET", "/v1/networks/offers?filter=offer_status%3Dpaused", "", 400, "filter: it is not served");
    }

    fn offers_are_listed(database) {
        let server = server(database);
        let found = server.ok("GET", "/v1/networks/offers?page_size=1", "");
        assert_eq!(found["paging"], json!({ "page": 1, "page_size": 1, "total_count": 2 }));
        assert_eq!((&found["offers"][0]["network_offer_id"], &found["offers"][0]["name"]), (&json!(1), &json!("First Offer")));
        assert_eq!(server.ok("GET", "/v1/networks/offers/2", "")["network_advertiser_id"], 1);
        server.refused("GET", "/v1/networks/offers/9", "", 404, "9");
    }

    fn every_route_is_open_to_its_roles_and_to_no_other(database) {
        let server = server(database);
        let parties = [(Role::Admin, 0), (Role::Finance, 0), (Role::Viewer, 0), (Role::Tracker, 0), (Role::Affiliate, 1), (Role::Advertiser, 1)];
        for rule in quittance_api::everflow::RULES {
            let path = rule.route.replace("{side}", "affiliates").replace("{id}", "1");
            for (role, party) in parties {
                let (status, body) = server.ask(&secret(role, party), rule.method, &path, "{}");
                assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{} {}", rule.method, rule.route);
                assert_eq!(status == StatusCode::FORBIDDEN, !rule.roles.contains(&role), "{} {} {role}: {body}", rule.method, rule.route);
            }
        }
    }
}
