//! Parties, offers and the other lists: made, shown, changed, each change guarded and in the history.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::server;

both_databases! {
    fn a_party_is_made_shown_and_changed(database) {
        let server = server(database);
        let system = r#"{"id": 13, "title": "PayPal", "type": "paypal", "fields": [{"id": 4, "label": "Email", "required": true}]}"#;
        assert_eq!(server.call(Role::Finance, "POST", "/payment-systems", system).0, StatusCode::CREATED);
        let party = r#"{"name": "MediaBridge", "email": "b@example.com", "billing_cycle": "Net 30", "minimum_payment": "50",
            "manager": 1, "payment_methods": [{"system": 13, "main": true, "fields": {"4": "p@example.com"}}],
            "tax": {"mode": "rate", "rate": "19"}}"#;
        let made = server.with(Role::Finance, "POST", "/affiliates", &[], party);
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let shown = server.with(Role::Viewer, "GET", "/affiliates/6", &[], "");
        assert_eq!((shown.json(), &shown.headers["etag"]), (made.json(), &made.headers["etag"]));
        let party = shown.json();
        assert_eq!((&party["id"], &party["minimum_payment"], &party["tax"]["rate"]), (&json!(6), &json!("50.00"), &json!("19")));
        assert_eq!(party["payment_methods"][0], json!({"system": 13, "currency": null, "main": true, "fields": {"4": "p@example.com"}}));
        let tag = shown.headers["etag"].to_str().unwrap().to_owned();
        let hold = |tag: &str| server.with(Role::Finance, "PATCH", "/affiliates/6", &[("if-match", tag)], r#"{"on_hold": true, "email": null}"#);
        let changed = hold(&tag);
        assert_eq!((changed.status, &changed.json()["on_hold"], &changed.json()["email"]), (StatusCode::OK, &json!(true), &Value::Null));
        assert_ne!(changed.headers["etag"], tag.as_str());
        // Who has read it before must read it again.
        assert_eq!(hold(&tag).status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(hold("x").status, StatusCode::BAD_REQUEST);
        let changes = server.call(Role::Viewer, "GET", "/changes?subject=affiliate", "").1;
        let of_party: Vec<&Value> = changes["changes"].as_array().unwrap().iter().filter(|row| row["subject_id"] == "6").collect();
        assert_eq!(of_party.iter().map(|row| &row["action"]).collect::<Vec<_>>(), ["created", "updated"]);
        assert_eq!(of_party[1]["details"]["on_hold"], json!({"from": false, "to": true}));
    }

    fn what_is_wrong_with_a_party_is_pointed_at(database) {
        let server = server(database);
        for (body, status, pointer) in [
            (r#"{"name": "x", "currency": "XXQ"}"#, StatusCode::UNPROCESSABLE_ENTITY, "/currency"),
            (r#"{"name": "x", "payment_methods": [{"system": 99}]}"#, StatusCode::UNPROCESSABLE_ENTITY, "/payment_methods/0/system"),
            (r#"{"name": "x", "tax": {"mode": "rate"}}"#, StatusCode::UNPROCESSABLE_ENTITY, "/tax/rate"),
            (r#"{"nam": "x"}"#, StatusCode::BAD_REQUEST, "/nam"),
            ("{}", StatusCode::UNPROCESSABLE_ENTITY, "/name"),
        ] {
            let (answered, problem) = server.call(Role::Finance, "POST", "/affiliates", body);
            assert_eq!((answered, &problem["errors"][0]["pointer"]), (status, &json!(pointer)), "{body}: {problem}");
        }
        assert_eq!(server.call(Role::Finance, "PATCH", "/affiliates/99", "{}").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Finance, "GET", "/advertisers/x", "").0, StatusCode::NOT_FOUND);
    }

    fn entries_are_made_and_changed_in_one_way(database) {
        let server = server(database);
        for (list, one, made, edit, member, value) in [
            ("offers", "5", r#"{"name": "Fifth", "payout": "2.50", "hold_days": 3}"#, r#"{"hold_days": 4}"#, "hold_days", json!(4)),
            ("managers", "2", r#"{"name": "Lee"}"#, r#"{"email": "lee@example.com"}"#, "email", json!("lee@example.com")),
            ("payment-systems", "1", r#"{"title": "Wire", "type": "wire"}"#, r#"{"minimum_payment": "10"}"#, "minimum_payment", json!("10.00")),
            ("currencies", "EUR", r#"{"code": "EUR"}"#, r#"{"minimum_payment": 7.5}"#, "minimum_payment", json!("7.50")),
        ] {
            let created = server.with(Role::Finance, "POST", &format!("/{list}"), &[], made);
            assert_eq!(created.status, StatusCode::CREATED, "{list}: {}", created.text());
            let path = format!("/{list}/{one}");
            let shown = server.with(Role::Viewer, "GET", &path, &[], "");
            assert_eq!(shown.json(), created.json(), "{list}");
            let tag = shown.headers["etag"].to_str().unwrap().to_owned();
            let patch = || server.with(Role::Finance, "PATCH", &path, &[("if-match", &tag)], edit);
            assert_eq!(patch().json()[member], value, "{list}");
            assert_eq!(patch().status, StatusCode::PRECONDITION_FAILED, "{list}");
            let page = server.call(Role::Viewer, "GET", &format!("/{list}"), "").1;
            let rows = page[list.replace('-', "_")].as_array().unwrap().clone();
            assert!(rows.iter().any(|row| row[member] == value), "{list}: {rows:?}");
        }
        let again = server.call(Role::Finance, "POST", "/currencies", r#"{"code": "EUR"}"#);
        assert_eq!(again.0, StatusCode::CONFLICT);
        assert_eq!(server.call(Role::Finance, "PATCH", "/offers/5", r#"{"id": 6}"#).0, StatusCode::BAD_REQUEST);
        let sorted = server.call(Role::Viewer, "GET", "/managers?sort=-name&fields=name", "").1;
        assert_eq!(sorted["managers"], json!([{ "name": "Lee" }, { "name": "Dana Reyes" }]));
    }

    fn a_manager_sees_its_own_parties_alone(database) {
        let server = server(database);
        let list = server.call(Role::Manager, "GET", "/affiliates?fields=id", "").1;
        assert_eq!(list["affiliates"], json!([{ "id": 1 }]));
        assert_eq!(server.call(Role::Manager, "GET", "/affiliates/2", "").0, StatusCode::FORBIDDEN);
        let invoices = server.call(Role::Manager, "GET", "/invoices?fields=id,affiliate_id", "").1;
        assert_eq!(invoices["invoices"], json!([{ "id": 1, "affiliate_id": 1 }]));
    }

    fn a_conversion_is_changed_once(database) {
        let server = server(database);
        let shown = server.with(Role::Viewer, "GET", "/conversions/a1", &[], "");
        assert_eq!(shown.headers["etag"], "\"1\"");
        let edit = |tag: &str, body: &str| server.with(Role::Finance, "PATCH", "/conversions/a1", &[("if-match", tag)], body);
        let changed = edit("\"1\"", r#"{"status": "rejected"}"#);
        assert_eq!((changed.status, &changed.json()["status"]), (StatusCode::OK, &json!("rejected")));
        assert_eq!(edit("\"1\"", r#"{"payout": "3"}"#).status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(edit("*", r#"{"status": "gone"}"#).json()["errors"][0]["pointer"], "/status");
        assert_eq!(server.call(Role::Finance, "PATCH", "/conversions/zz", "{}").0, StatusCode::NOT_FOUND);
        // What was billed is not changed; the difference waits for the next invoice.
        let balances = server.call(Role::Viewer, "GET", "/affiliates/1/balance", "").1;
        let expected = json!({ "affiliate_id": 1, "currency": "USD", "billed": "12.50", "paid": "0.00", "balance": "12.50",
            "credit": "0.00", "unbilled": "-10.00" });
        assert_eq!(balances["balances"], json!([expected]));
        server.network.assert_verified();
    }

    /// 10 % of 100.00 and of 60.00; a payout that was set stays.
    fn a_share_follows_the_sale_amount_that_is_changed(database) {
        let server = server(database);
        let offer = server.call(Role::Admin, "PATCH", "/offers/2", r#"{"payout": "10 %", "revenue": "12 %"}"#);
        assert_eq!(offer.0, StatusCode::OK, "{}", offer.1);
        let record = json!({ "conversion_id": "s1", "affiliate_id": 1, "offer_id": 2, "status": "approved",
            "occurred_at": "2026-01-20T08:00:00Z", "sale_amount": "100.00" });
        let batch = json!([record]).to_string();
        server.call(Role::Tracker, "POST", "/conversions:batch", &batch);
        let edit = |body: &str| {
            let changed = server.with(Role::Finance, "PATCH", "/conversions/s1", &[("if-match", "*")], body).json();
            (changed["payout"].clone(), changed["revenue"].clone())
        };
        assert_eq!(edit(r#"{"sale_amount": "60.00"}"#), (json!("6.00"), json!("7.20")));
        assert_eq!(edit(r#"{"payout": "7"}"#), (json!("7.00"), json!("7.20")));
        assert_eq!(edit(r#"{"sale_amount": "50"}"#), (json!("7.00"), json!("6.00")));
        server.call(Role::Tracker, "POST", "/conversions:batch", &batch.replace("100.00", "80.00"));
        let shown = server.call(Role::Viewer, "GET", "/conversions/s1", "").1;
        assert_eq!((&shown["payout"], &shown["revenue"]), (&json!("8.00"), &json!("9.60")));
        server.network.assert_verified();
    }

    /// Offer 4 holds for 7 days; of 28 January that is until 4 February, with none until now.
    fn hold_days_are_set_for_what_is_unbilled_too(database) {
        let server = server(database);
        server.network.approve("h1 3 4 2026-01-28 6.00");
        let put = |body: &str| server.call(Role::Finance, "PUT", "/offers/4/hold-days", body);
        let said = put(r#"{"hold_days": 9}"#).1;
        assert_eq!(said, json!({ "offer_id": 4, "hold_days": 9, "hold_days_before": 7, "applied": null }));
        let said = put(r#"{"hold_days": 0, "apply": true}"#);
        assert_eq!((said.0, &said.1["applied"]), (StatusCode::OK, &json!({ "changed": 1, "billed": 0 })));
        let run = r#"{"kind": "payable", "through": "2026-01-31"}"#;
        let run = server.call(Role::Finance, "POST", "/billing-runs", run).1;
        assert_eq!(run["totals"]["USD"], "6.00", "{run}");
        for (path, body, status) in [
            ("/offers/4/hold-days", r#"{"apply": true}"#, StatusCode::BAD_REQUEST),
            ("/offers/4/hold-days", r#"{"hold_days": -1}"#, StatusCode::UNPROCESSABLE_ENTITY),
            ("/offers/4/hold-days", r#"{"hold_days": 1, "applied": true}"#, StatusCode::BAD_REQUEST),
            ("/offers/99/hold-days", r#"{"hold_days": 1}"#, StatusCode::NOT_FOUND),
        ] {
            let answered = server.call(Role::Admin, "PUT", path, body);
            assert_eq!(answered.0, status, "{path} {body}: {}", answered.1);
        }
        server.network.assert_verified();
    }

    fn settings_are_guarded_too(database) {
        let server = server(database);
        let shown = server.with(Role::Admin, "GET", "/network", &[], "");
        let tag = shown.headers["etag"].to_str().unwrap().to_owned();
        let set = || server.with(Role::Admin, "PATCH", "/network", &[("if-match", &tag)], r#"{"rate_max_age_days": 3}"#);
        assert_eq!(set().status, StatusCode::OK);
        assert_eq!(set().status, StatusCode::PRECONDITION_FAILED);
    }
}
