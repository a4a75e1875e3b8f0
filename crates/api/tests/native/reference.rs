//! The OpenAPI document is complete, and it is served with its page.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_api::{native, postback, reference};
use quittance_testkit::both_databases;
use serde_json::Value;

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

both_databases! {
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
