//! The OpenAPI document is complete, and it is served with its page.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_api::{native, postback, reference};
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::contract;
use crate::server::server;

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = reference::openapi();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let rules = native::RULES.iter().chain(postback::RULES);
    let routes: BTreeSet<(String, String)> =
        rules.map(|rule| (rule.route.to_owned(), rule.method.to_owned())).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_description_is_whole() {
    let document = reference::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}");
            assert!(!operation["summary"].as_str().unwrap_or("").is_empty(), "{place} has no summary");
            assert!(operation["description"].as_str().unwrap().contains("Roles: admin"), "{place}");
            let tag = &operation["tags"][0];
            assert!(document["tags"].as_array().unwrap().iter().any(|known| known["name"] == *tag), "{place}: {tag}");
            assert!(operation.get("parameters").is_none_or(Value::is_array), "{place}: null parameters");
            for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
                assert!(!parameter["description"].as_str().unwrap_or("").is_empty(), "{place}: {parameter}");
            }
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let to = answer["$ref"].as_str().map(|to| document.pointer(to.trim_start_matches('#')).unwrap());
                let told = to.unwrap_or(answer)["description"].as_str().unwrap_or("");
                assert!(!told.is_empty(), "{place} {status} has no description");
            }
        }
    }
}

/// What a document refers to.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn everything_that_is_referred_to_is_there_and_nothing_else() {
    let document = reference::openapi();
    let mut referred = BTreeSet::new();
    references(&document, &mut referred);
    let mut known = BTreeSet::new();
    for kind in ["responses", "schemas"] {
        let names = document["components"][kind].as_object().unwrap().keys();
        known.extend(names.map(|name| format!("#/components/{kind}/{name}")));
    }
    assert_eq!(referred, known);
}

both_databases! {
    /// What other people's programs found in the document: each request with whether the document allows it, and the server
    /// is of the same opinion.
    fn the_document_allows_what_is_taken_and_nothing_else(database) {
        let server = server(database);
        for (method, path, body, allowed) in [
            ("POST", "/advertisers", json!({ "name": null, "currency": "USD" }), false),
            ("POST", "/advertisers", json!({ "currency": "USD" }), false),
            ("POST", "/advertisers", json!({ "name": "" }), false),
            ("POST", "/advertisers", json!({ "name": "x", "currency": null }), false),
            ("POST", "/advertisers", json!({ "name": "x", "status": null }), false),
            ("POST", "/advertisers", json!({ "name": "x", "on_hold": null }), false),
            ("POST", "/advertisers", json!({ "name": "x", "manager": 0 }), false),
            ("POST", "/advertisers", json!({ "name": "x", "email": null, "manager": 1, "notes": "", "currency": "USD" }), true),
            ("PATCH", "/affiliates/1", json!({ "name": null }), false),
            ("PATCH", "/affiliates/1", json!({ "manager": null }), true),
            ("POST", "/offers", json!({ "name": "x", "id": null }), false),
            ("POST", "/offers", json!({ "name": "x", "id": 0 }), false),
            ("POST", "/offers", json!({ "id": 77 }), false),
            ("POST", "/offers", json!({ "name": "x", "hold_days": null }), false),
            ("POST", "/offers", json!({ "name": "x", "id": 78, "payout": "12 %", "revenue": 2.5 }), true),
            ("POST", "/managers", json!({ "name": null }), false),
            ("POST", "/managers", json!({}), false),
            ("POST", "/managers", json!({ "name": "x", "email": null }), true),
            ("POST", "/payment-systems", json!({ "title": "x" }), false),
            ("POST", "/payment-systems", json!({ "title": null, "type": "wire" }), false),
            ("POST", "/payment-systems", json!({ "title": "x", "type": "wire", "fields": [{ "id": 0, "label": "y" }] }), false),
            ("POST", "/payment-systems", json!({ "title": "x", "type": "wire", "fields": [{ "id": 1, "label": "y" }] }), true),
            ("POST", "/currencies", json!({ "minimum_payment": "5" }), false),
            ("POST", "/currencies", json!({ "code": null }), false),
            ("POST", "/currencies", json!({ "code": "EUR", "minimum_payment": null }), true),
            ("POST", "/invoices/1/write-off", json!({}), false),
            ("POST", "/invoices/1/write-off", json!({ "reason": "" }), false),
            ("POST", "/invoices/1/credit-notes", json!({ "amount": "1" }), false),
            ("POST", "/invoices/1/credit-notes", json!({ "amount": "1", "reason": " " }), false),
            ("POST", "/billing-runs", json!({ "through": "2026-01-31", "affiliates": [] }), false),
            ("POST", "/billing-runs", json!({ "through": "2026-01-31", "affiliates": [1], "kind": "payable", "dry_run": true }), true),
            ("POST", "/billing-runs", json!({ "through": "2026-01-31", "kind": "sideways" }), false),
            ("POST", "/payments", json!({ "affiliate_id": 1, "currency": "USD", "amount": "1", "invoices": [] }), false),
            ("POST", "/keys", json!({ "role": "viewer", "allowed_addresses": [] }), false),
            ("POST", "/keys", json!({ "role": "king" }), false),
        ] {
            assert_eq!(contract::allows(method, &format!("/billing/v1{path}"), Some(&body)), allowed, "{method} {path} {body}");
            let (status, told) = server.call(Role::Admin, method, path, &body.to_string());
            let refused = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(refused, !allowed, "{method} {path} {body}: {status} {told}");
        }
        // Bodies in which nothing has to be may be left out.
        for path in ["/billing-runs:due", "/invoices/1/void"] {
            assert!(contract::allows("POST", &format!("/billing/v1{path}"), None), "{path}");
            assert_eq!(server.call(Role::Admin, "POST", path, "").0, StatusCode::OK, "{path}");
        }
        assert!(!contract::allows("POST", "/billing/v1/billing-runs", None));
    }

    fn a_key_of_a_request_has_its_form_on_every_route(database) {
        let server = server(database);
        for route in native::RULES.iter().filter(|rule| rule.method == "POST") {
            let path = route.route.trim_start_matches("/billing/v1").replace("{id}", "1").replace("{payment}", "1");
            for wrong in ["a b", "", &"x".repeat(256)] {
                let answered = server.with(Role::Admin, "POST", &path, &[("idempotency-key", wrong)], "{}");
                let pointer = answered.json()["errors"][0]["pointer"].clone();
                assert_eq!((answered.status, pointer), (StatusCode::BAD_REQUEST, json!("Idempotency-Key")), "{path}");
            }
        }
    }

    fn the_document_and_its_page_are_served_to_everybody(database) {
        let server = server(database);
        let get = |path: &str| server.send(Request::builder().uri(path).body(Body::empty()).unwrap());
        let served = get("/billing/v1/openapi.json");
        assert_eq!((served.status, served.json()), (StatusCode::OK, reference::openapi()));
        let page = get("/billing/v1/docs");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        // What the page loads is there, and comes from no other host.
        let text = page.text();
        let loaded = text.split(['"']).filter(|part| part.starts_with("/billing/v1/docs/"));
        let loaded: Vec<&str> = loaded.collect();
        assert_eq!(loaded.len(), 2, "{text}");
        for path in loaded {
            let asset = get(path);
            assert_eq!(asset.status, StatusCode::OK, "{path}");
            assert!(!asset.text().contains("://"), "{path} names a host");
        }
        assert!(!text.contains("://"), "{text}");
        assert_eq!(get("/billing/v1/nowhere").json()["status"], Value::from(404));
    }
}
