//! Keys, events, webhooks and histories over HTTP.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_engine::webhooks::Outcome;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{Server, server};

const ONCE: [(&str, &str); 1] = [("idempotency-key", "one")];

/// The statuses and bodies of a POST and of its repeat with the same `Idempotency-Key`.
fn twice(server: &Server, path: &str, body: &Value) -> [(StatusCode, Value); 2] {
    [(); 2].map(|()| {
        let answered = server.with(Role::Admin, "POST", path, &ONCE, &body.to_string());
        (answered.status, answered.json())
    })
}

/// Everything that the database keeps of requests that may be repeated.
fn kept(server: &Server) -> String {
    let rows = server.network.engine.store().read(|tx| tx.query("SELECT answer FROM idempotency_keys", &[]));
    format!("{:?}", rows.unwrap())
}

/// The pointer of the first field at fault.
fn at_fault(server: &Server, method: &str, path: &str, body: &Value) -> (StatusCode, String) {
    let (status, problem) = server.call(Role::Admin, method, path, &body.to_string());
    (status, problem["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned())
}

both_databases! {
    fn a_key_is_made_shown_once_listed_and_revoked(database) {
        let server = server(database);
        let body = json!({ "role": "affiliate", "affiliate_id": 2, "name": "Bea", "expires_at": "2027-01-01T00:00:00Z",
            "allowed_addresses": ["192.0.2.0/24", "2001:db8::1"] });
        let [(first, made), (again, repeated)] = twice(&server, "/keys", &body);
        assert_eq!((first, again), (StatusCode::CREATED, StatusCode::CREATED));
        let secret = format!("qk_{}", "07".repeat(32));
        assert_eq!(made["secret"], json!(secret));
        assert_eq!((&repeated["secret"], &repeated["key"]), (&Value::Null, &made["key"]));
        assert!(!kept(&server).contains(&secret[3..]), "the secret is at rest");
        let id = made["key"]["id"].as_i64().unwrap();
        assert_eq!(made["key"], json!({
            "id": id, "name": "Bea", "role": "affiliate", "affiliate_id": 2, "created_at": "2026-02-01T12:00:00Z",
            "expires_at": "2027-01-01T00:00:00Z", "allowed_addresses": ["192.0.2.0/24", "2001:db8::1"],
            "last_used_at": null, "revoked_at": null,
        }));
        let (_, page) = server.call(Role::Admin, "GET", "/keys?limit=1000", "");
        assert_eq!(page["keys"].as_array().unwrap().len(), Role::ALL.len() + 1);
        assert_eq!(page["keys"].as_array().unwrap().last(), Some(&made["key"]));
        let path = format!("/keys/{id}");
        assert_eq!(server.call(Role::Admin, "GET", &path, "").1, made["key"]);
        let (status, revoked) = server.call(Role::Admin, "DELETE", &path, "");
        assert_eq!((status, &revoked["revoked_at"]), (StatusCode::OK, &json!("2026-02-01T12:00:00Z")));
        assert_eq!(server.call(Role::Admin, "DELETE", &path, "").1, revoked);
        assert_eq!(server.call(Role::Admin, "GET", "/keys/99", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Admin, "DELETE", "/keys/x", "").0, StatusCode::NOT_FOUND);
    }

    fn what_is_wrong_with_a_key_is_told_by_its_member(database) {
        let server = server(database);
        for (body, pointer) in [
            (json!({}), "/role"),
            (json!({ "role": "king" }), "/role"),
            (json!({ "role": "viewer", "affiliate_id": 1 }), "/affiliate_id"),
            (json!({ "role": "viewer", "expires_at": "tomorrow" }), "/expires_at"),
            (json!({ "role": "viewer", "expires_at": "2026-01-01T00:00:00Z" }), "/expires_at"),
            (json!({ "role": "viewer", "allowed_addresses": ["10.0.0.0/33"] }), "/allowed_addresses"),
            (json!({ "role": "viewer", "allowed_addresses": "10.0.0.1" }), "/allowed_addresses"),
            (json!({ "role": "viewer", "colour": 1 }), "/colour"),
        ] {
            let (status, at) = at_fault(&server, "POST", "/keys", &body);
            assert!(status.is_client_error(), "{body}: {status}");
            assert_eq!(at, pointer, "{body}");
        }
    }

    fn events_are_read_on_from_the_last_and_by_what_they_are(database) {
        let server = server(database);
        server.call(Role::Finance, "POST", "/invoices/1/approve", "");
        let (status, page) = server.call(Role::Viewer, "GET", "/events?limit=1000", "");
        assert_eq!((status, &page["next_cursor"]), (StatusCode::OK, &Value::Null));
        let types: Vec<&str> = page["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["conversions.batch", "invoice.issued", "invoice.issued", "run.finished", "invoice.approved"]);
        let (_, rest) = server.call(Role::Viewer, "GET", "/events?cursor=4", "");
        assert_eq!(rest["events"], json!([page["events"][4]]));
        let (_, first) = server.call(Role::Viewer, "GET", "/events?limit=2", "");
        assert_eq!(first["next_cursor"], "2");
        let (_, some) = server.call(Role::Viewer, "GET", "/events?type=run.finished,invoice.approved&fields=id", "");
        assert_eq!(some["events"], json!([{ "id": 4 }, { "id": 5 }]));
        let (_, one) = server.call(Role::Viewer, "GET", "/events?subject=invoice&subject_id=1&fields=id", "");
        assert_eq!(one["events"], json!([{ "id": 2 }, { "id": 5 }]));
        let lines = server.with(Role::Viewer, "GET", "/events", &[("accept", "application/x-ndjson")], "");
        assert_eq!(lines.text().lines().count(), 5);
        for (wrong, name) in [("type=invoice.eaten", "type"), ("subject=invoice", "subject_id"), ("cursor=x", "cursor")] {
            let (status, at) = at_fault(&server, "GET", &format!("/events?{wrong}"), &Value::Null);
            assert_eq!((status, at.as_str()), (StatusCode::BAD_REQUEST, name));
        }
    }

    fn a_webhook_is_made_changed_tried_and_removed(database) {
        let server = server(database);
        let body = json!({ "url": "https://hooks.example/q", "types": ["invoice.paid", "invoice.approved"] });
        let [(first, made), (again, repeated)] = twice(&server, "/webhooks", &body);
        assert_eq!((first, again), (StatusCode::CREATED, StatusCode::CREATED));
        // The base64 of 32 times the text 07.
        let secret = format!("whsec_{}MDcwNw==", "MDcwNzA3".repeat(10));
        assert_eq!((&made["secret"], &repeated["secret"]), (&json!(secret), &Value::Null));
        assert!(!kept(&server).contains(&secret[6..]));
        assert_eq!(made["webhook"]["types"], json!(["invoice.approved", "invoice.paid"]));
        server.call(Role::Finance, "POST", "/invoices/1/approve", "");
        assert_eq!(server.call(Role::Admin, "POST", "/webhooks/1/test", "").0, StatusCode::ACCEPTED);
        let attempts = server.network.engine.claim_deliveries(server.network.call.now, 10, 0).unwrap();
        for attempt in &attempts {
            let outcome = Outcome::Answered(if attempt.body.contains("webhook.test") { 200 } else { 503 });
            server.network.engine.record_attempt(attempt, &outcome, server.network.call.now).unwrap();
        }
        let (_, page) = server.call(Role::Admin, "GET", "/webhooks/1/deliveries", "");
        let seen = |row: &Value| (row["type"].clone(), row["state"].clone(), row["response_status"].clone());
        let rows: Vec<_> = page["deliveries"].as_array().unwrap().iter().map(seen).collect();
        assert_eq!(rows, [
            (json!("webhook.test"), json!("delivered"), json!(200)),
            (json!("invoice.approved"), json!("pending"), json!(503)),
        ]);
        assert_eq!(page["deliveries"][1]["next_attempt_at"], "2026-02-01T12:00:05Z");
        let (_, page) = server.call(Role::Admin, "GET", "/webhooks/1/deliveries?state=delivered&fields=event_id", "");
        assert_eq!(page["deliveries"], json!([{ "event_id": 6 }]));
        let (status, replay) = server.call(Role::Admin, "POST", "/webhooks/1/replay", r#"{"from_event": 5}"#);
        assert_eq!((status, replay), (StatusCode::ACCEPTED, json!({ "from_event": 5 })));
        let off = server.call(Role::Admin, "PATCH", "/webhooks/1", r#"{"status": "disabled", "types": []}"#).1;
        assert_eq!((&off["status"], &off["types"]), (&json!("disabled"), &json!([])));
        assert_eq!(server.call(Role::Admin, "POST", "/webhooks/1/test", "").0, StatusCode::CONFLICT);
        assert_eq!(server.call(Role::Admin, "GET", "/webhooks", "").1["webhooks"], json!([off]));
        assert_eq!(server.call(Role::Admin, "DELETE", "/webhooks/1", "").0, StatusCode::OK);
        for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")] {
            let (status, _) = server.call(Role::Admin, method, &format!("/webhooks/1{path}"), "");
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }

    fn a_users_keys_stop_and_go_on_with_the_user(database) {
        let server = server(database);
        let body = json!({ "email": "Bea@example.com", "name": "Bea", "role": "finance" });
        let [(first, made), (again, repeated)] = twice(&server, "/users", &body);
        assert_eq!((first, again, &made), (StatusCode::CREATED, StatusCode::CREATED, &repeated));
        assert_eq!(made, json!({ "id": 1, "email": "bea@example.com", "name": "Bea", "role": "finance", "status": "active",
            "created_at": "2026-02-01T12:00:00Z", "updated_at": "2026-02-01T12:00:00Z" }));
        let (status, key) = server.call(Role::Admin, "POST", "/keys", r#"{"user_id": 1}"#);
        assert_eq!((status, &key["key"]["role"], &key["key"]["user_id"]), (StatusCode::CREATED, &json!("finance"), &json!(1)));
        let secret = format!("qk_{}", "07".repeat(32));
        let as_user = |method: &str, path: &str, body: &str| {
            let request = axum::http::Request::builder().method(method).uri(format!("/billing/v1{path}"));
            let request = request.header("authorization", format!("Bearer {secret}"));
            server.send(request.body(axum::body::Body::from(body.to_owned())).unwrap())
        };
        assert_eq!(as_user("POST", "/invoices/1/approve", "").status, StatusCode::OK);
        let history = server.call(Role::Viewer, "GET", "/invoices/1/history?fields=by", "").1;
        let by = format!("key {} of user 1", key["key"]["id"]);
        assert_eq!(history["history"][1]["by"], json!(by));
        assert_eq!(as_user("GET", "/users", "").status, StatusCode::FORBIDDEN);
        // As another role, at once.
        let shown = server.with(Role::Admin, "GET", "/users/1", &[], "");
        let tag = shown.headers["etag"].to_str().unwrap().to_owned();
        let patch = |tag: &str, body: &str| server.with(Role::Admin, "PATCH", "/users/1", &[("if-match", tag)], body);
        assert_eq!(patch(&tag, r#"{"role": "viewer"}"#).json()["role"], "viewer");
        assert_eq!(as_user("POST", "/invoices/1/unapprove", "").status, StatusCode::FORBIDDEN);
        assert_eq!(patch(&tag, r#"{"role": "admin"}"#).status, StatusCode::PRECONDITION_FAILED);
        // Disabled, and enabled again.
        assert_eq!(patch("*", r#"{"status": "disabled"}"#).json()["status"], "disabled");
        let refused = as_user("GET", "/invoices", "");
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.text().contains("is disabled since 2026-02-01T12:00:00Z"), "{}", refused.text());
        let keys = server.call(Role::Admin, "GET", "/keys?user_id=1", "").1;
        assert_eq!((keys["keys"].as_array().unwrap().len(), &keys["keys"][0]["suspended_at"]), (1, &json!("2026-02-01T12:00:00Z")));
        assert_eq!(server.call(Role::Admin, "GET", "/users?status=disabled&role=viewer", "").1["users"][0]["id"], 1);
        assert_eq!(server.call(Role::Admin, "GET", "/users?email=nobody%40example.com", "").1["users"], json!([]));
        assert_eq!(server.call(Role::Admin, "PATCH", "/users/1", r#"{"status": "active"}"#).0, StatusCode::OK);
        assert_eq!(as_user("GET", "/invoices", "").status, StatusCode::OK);
        assert_eq!(server.call(Role::Admin, "POST", "/users/1/erase", "").1["email"], Value::Null);
        assert_eq!(as_user("GET", "/invoices", "").status, StatusCode::UNAUTHORIZED);
    }

    fn what_is_wrong_with_a_user_is_told_by_its_member(database) {
        let server = server(database);
        let user = json!({ "email": "bea@example.com", "name": "Bea", "role": "viewer" });
        assert_eq!(server.call(Role::Admin, "POST", "/users", &user.to_string()).0, StatusCode::CREATED);
        let with = |member: &str, value: Value| {
            let mut changed = user.clone();
            changed["email"] = json!("new@example.com");
            changed[member] = value;
            changed
        };
        for (method, path, body, pointer) in [
            ("POST", "/users", json!({}), "/role"),
            ("POST", "/users", json!({ "role": "viewer" }), "/email"),
            ("POST", "/users", with("email", json!("nobody")), "/email"),
            ("POST", "/users", with("name", json!("")), "/name"),
            ("POST", "/users", with("role", json!("king")), "/role"),
            ("POST", "/users", with("role", json!("affiliate")), "/affiliate_id"),
            ("POST", "/users", with("affiliate_id", json!(1)), "/affiliate_id"),
            ("PATCH", "/users/1", json!({ "advertiser_id": 1 }), "/advertiser_id"),
            ("PATCH", "/users/1", json!({ "affiliate_id": 1, "manager_id": 1 }), "/manager_id"),
            ("PATCH", "/users/1", json!({ "status": "asleep" }), "/status"),
            ("PATCH", "/users/1", json!({ "password": "x" }), "/password"),
            ("POST", "/users", json!({ "email": "new@example.com", "name": "N", "role": "affiliate", "affiliate_id": 77 }), "/affiliate_id"),
            ("PATCH", "/users/1", json!({ "role": "manager", "manager_id": 77 }), "/manager_id"),
            ("POST", "/keys", json!({ "role": "advertiser", "advertiser_id": 77 }), "/advertiser_id"),
            ("POST", "/keys", json!({ "user_id": 7 }), "/user_id"),
            ("POST", "/keys", json!({ "user_id": 1, "role": "admin" }), "/role"),
            ("POST", "/keys", json!({ "user_id": 1, "affiliate_id": 1 }), "/affiliate_id"),
        ] {
            let (status, at) = at_fault(&server, method, path, &body);
            assert!(status.is_client_error(), "{path} {body}: {status}");
            assert_eq!(at, pointer, "{path} {body}");
        }
        assert_eq!(server.call(Role::Admin, "POST", "/users", &user.to_string()).0, StatusCode::CONFLICT);
    }

    fn a_webhook_is_changed_only_as_it_was_read(database) {
        let server = server(database);
        let new = json!({ "url": "https://hooks.example/a" }).to_string();
        assert_eq!(server.call(Role::Admin, "POST", "/webhooks", &new).0, StatusCode::CREATED);
        let tag = || {
            let shown = server.with(Role::Admin, "GET", "/webhooks/1", &[], "");
            shown.headers["etag"].to_str().unwrap().to_owned()
        };
        let patch = |tag: &str, body: &str| server.with(Role::Admin, "PATCH", "/webhooks/1", &[("if-match", tag)], body);
        let first = tag();
        let moved = patch(&first, r#"{"url": "https://hooks.example/b"}"#);
        assert_eq!((moved.status, moved.headers["etag"].to_str().unwrap()), (StatusCode::OK, tag().as_str()));
        assert_eq!(patch(&first, r#"{"status": "disabled"}"#).status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(patch("b", "{}").status, StatusCode::BAD_REQUEST);
        // A delivery that failed is nothing that somebody has edited.
        let second = tag();
        server.network.engine.store().run_sql("UPDATE webhooks SET failures = 3").unwrap();
        let off = patch(&second, r#"{"status": "disabled"}"#);
        assert_eq!((off.status, &off.json()["status"]), (StatusCode::OK, &json!("disabled")));
    }

    fn what_is_wrong_with_a_webhook_is_told_by_its_member(database) {
        let server = server(database);
        for (path, body, pointer) in [
            ("/webhooks", json!({}), "/url"),
            ("/webhooks", json!({ "url": "hooks.example" }), "/url"),
            ("/webhooks", json!({ "url": "https://hooks.example:99999/" }), "/url"),
            ("/webhooks", json!({ "url": "https://hooks.example:0/" }), "/url"),
            ("/webhooks", json!({ "url": "https://[::1]:70000/" }), "/url"),
            ("/webhooks", json!({ "url": "https://hooks.example:x/" }), "/url"),
            ("/webhooks", json!({ "url": "https://a.example/", "types": ["invoice.eaten"] }), "/types/0"),
            ("/webhooks", json!({ "url": "https://a.example/", "secret": "guess" }), "/secret"),
            ("/webhooks/1/replay", json!({}), "/from_event"),
            ("/webhooks/1/replay", json!({ "from_event": 1, "since": "2026-01-01T00:00:00Z" }), "/from_event"),
            ("/webhooks/1/replay", json!({ "since": "yesterday" }), "/since"),
        ] {
            let (status, at) = at_fault(&server, "POST", path, &body);
            assert!(status.is_client_error(), "{path} {body}: {status}");
            assert_eq!(at, pointer, "{path} {body}");
        }
        assert_eq!(at_fault(&server, "PATCH", "/webhooks/1", &json!({ "status": "asleep" })).1, "/status");
    }

    fn histories_are_filtered(database) {
        let server = server(database);
        server.call(Role::Finance, "POST", "/invoices/1/approve", "");
        server.call(Role::Admin, "PATCH", "/network", r#"{"auto_approve": true}"#);
        let changes = |query: &str| server.call(Role::Viewer, "GET", &format!("/history?fields=invoice_id,action&{query}"), "").1["changes"].clone();
        let issued = |id: i64| json!({ "invoice_id": id, "action": "issued" });
        let approved = json!({ "invoice_id": 1, "action": "approved" });
        assert_eq!(changes(""), json!([issued(1), approved, issued(2)]));
        assert_eq!(changes("affiliate_id=2"), json!([issued(2)]));
        assert_eq!(changes("action=approved"), json!([approved]));
        assert_eq!(changes("to=2026-01-31"), json!([]));
        assert_eq!(changes("from=2026-02-01&to=2026-02-01&kind=payable&actor=test"), json!([issued(1), issued(2)]));
        let (status, _) = server.call(Role::Viewer, "GET", "/history?affiliate_id=1&advertiser_id=1", "");
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let (_, page) = server.call(Role::Viewer, "GET", "/history?limit=2", "");
        let next = page["next_cursor"].as_str().unwrap();
        let (_, page) = server.call(Role::Viewer, "GET", &format!("/history?limit=2&cursor={next}"), "");
        assert_eq!((page["changes"].as_array().unwrap().len(), &page["next_cursor"]), (1, &Value::Null));
        let others = |query: &str| server.call(Role::Viewer, "GET", &format!("/changes?fields=subject_id&{query}"), "").1["changes"].clone();
        assert_eq!(others("subject=setting&subject_id=auto_approve"), json!([{ "subject_id": "auto_approve" }]));
        assert_eq!(others("subject=setting&from=2026-02-02"), json!([]));
        assert_eq!(others("action=created&subject=key&limit=2"), json!([{ "subject_id": "1" }, { "subject_id": "2" }]));
        assert_eq!(server.call(Role::Viewer, "GET", "/changes?subject_id=1", "").0, StatusCode::BAD_REQUEST);
    }
}
