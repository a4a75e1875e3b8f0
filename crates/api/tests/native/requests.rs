//! Who may do what, bad input, and the shapes that scripts read.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_domain::ids::KeyId;
use quittance_engine::keys::Role;
use quittance_http::Limits;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{Server, server};

both_databases! {
    fn a_payment_that_comes_again_without_a_key_is_warned_of(database) {
        let server = server(database);
        let pay = |path: &str, headers: &[(&str, &str)], body: &str| {
            let answered = server.with(Role::Finance, "POST", path, headers, body);
            assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text());
            answered.headers.get("warning").map(|value| value.to_str().unwrap().to_owned())
        };
        let body = r#"{"amount": "2.00", "reference": "w-1"}"#;
        assert_eq!(pay("/invoices/1/payments", &[], body), None);
        let warned = pay("/invoices/1/payments", &[], body).unwrap();
        assert!(warned.starts_with("199 quittance \"payment 1 has the same reference"), "{warned}");
        assert_eq!(pay("/invoices/1/payments", &[("idempotency-key", "third")], body), None);
        assert_eq!(pay("/invoices/1/payments", &[], r#"{"amount": "2.00", "reference": "w-2"}"#), None);
        let transfer = r#"{"affiliate_id": 1, "currency": "USD", "amount": "1.00", "reference": "t"}"#;
        assert_eq!(pay("/payments", &[], transfer), None);
        assert!(pay("/payments", &[], transfer).unwrap().starts_with("199 quittance \"payment 5 "));
        let (_, page) = server.call(Role::Admin, "GET", "/events?type=payment.repeated", "");
        let told: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| &event["data"]["repeats"]).collect();
        assert_eq!(told, [&json!(1), &json!(5)]);
    }

    fn without_a_good_key_nothing_is_answered(database) {
        let server = server(database);
        let bare = Request::builder().uri("/billing/v1/invoices").body(Body::empty()).unwrap();
        let answered = server.send(bare);
        assert_eq!((answered.status, &answered.json()["status"]), (StatusCode::UNAUTHORIZED, &json!(401)));
        assert_eq!(answered.headers["content-type"], "application/problem+json");
        server.network.engine.revoke_key(&server.network.call, KeyId::new(1)).unwrap();
        assert_eq!(server.call(Role::Admin, "GET", "/invoices", "").0, StatusCode::UNAUTHORIZED);
        assert_eq!(server.call(Role::Finance, "GET", "/invoices", "").0, StatusCode::OK);
    }

    fn a_party_sees_its_own_visible_invoices_and_no_internal_notes(database) {
        let server = server(database);
        let (status, body) = server.call(Role::Affiliate, "GET", "/invoices", "");
        assert_eq!((status, body["invoices"].as_array().unwrap().len()), (StatusCode::OK, 1));
        assert_eq!(body["invoices"][0]["affiliate_id"], 1);
        assert!(body["invoices"][0].get("internal_notes").is_none());
        assert_eq!(server.call(Role::Affiliate, "GET", "/invoices/2", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Affiliate, "GET", "/invoices?affiliate_id=2", "").0, StatusCode::FORBIDDEN);
        assert_eq!(server.call(Role::Advertiser, "GET", "/invoices/1", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Admin, "PATCH", "/invoices/1", r#"{"hidden": true}"#).0, StatusCode::OK);
        assert_eq!(server.call(Role::Affiliate, "GET", "/invoices/1", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Affiliate, "GET", "/invoices", "").1["invoices"], json!([]));
    }

    fn who_names_nobody_does_not_get_everybody(database) {
        let server = server(database);
        server.network.approve("n1 1 1 2026-02-01 5.00\nn2 2 1 2026-02-01 6.00");
        let run = |more: Value| {
            let mut body = json!({ "through": "2026-02-01" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let pay = json!({ "affiliate_id": 1, "currency": "USD", "amount": "1", "invoices": [] });
        for (path, body, pointer) in [
            ("/billing-runs", run(json!({ "affiliates": [] })), "/affiliates"),
            ("/billing-runs", run(json!({ "exclude": [] })), "/exclude"),
            ("/billing-runs", run(json!({ "offers": [] })), "/offers"),
            ("/billing-runs", run(json!({ "currencies": [] })), "/currencies"),
            ("/billing-runs", run(json!({ "countries": [] })), "/countries"),
            ("/billing-runs", run(json!({ "countries": [""] })), "/countries/0"),
            ("/billing-runs", run(json!({ "conversion_advertisers": [] })), "/conversion_advertisers"),
            ("/billing-runs", run(json!({ "kind": "receivable", "advertisers": [] })), "/advertisers"),
            ("/billing-runs", run(json!({ "affiliate": [1] })), "/affiliate"),
            ("/billing-runs?affiliates=1", run(json!({})), "affiliates"),
            ("/billing-runs:due", json!({ "dryrun": true }), "/dryrun"),
            ("/payments", pay, "/invoices"),
            ("/invoices/1/payments", json!({ "amout": "1" }), "/amout"),
            ("/invoices/1/payments?amount=1", json!({}), "amount"),
            ("/invoices/1/approve", json!({ "only": 1 }), "/only"),
            ("/invoices/1/take-off", json!({ "conversions": [], "offers": [1] }), "/conversions"),
            ("/keys", json!({ "role": "viewer", "allowed_addresses": [] }), "/allowed_addresses"),
            ("/webhooks", json!({ "url": "https://a.example/", "types": [] }), "/types"),
            ("/users/1/erase", json!({ "dry_run": true }), "/dry_run"),
        ] {
            let (status, told) = server.call(Role::Admin, "POST", path, &body.to_string());
            assert_eq!((status, &told["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{path} {body}: {told}");
        }
        let invoices = server.call(Role::Viewer, "GET", "/invoices", "").1;
        let seen: Vec<_> = invoices["invoices"].as_array().unwrap().iter().map(|i| (&i["status"], &i["paid"])).collect();
        assert_eq!(seen, [(&json!("pending"), &json!("0.00")), (&json!("pending"), &json!("0.00"))], "nothing was done");
        assert_eq!(server.call(Role::Admin, "GET", "/keys?limit=1000", "").1["keys"].as_array().unwrap().len(), Role::ALL.len());
    }

    fn a_member_that_is_given_twice_is_refused_on_every_change(database) {
        let server = server(database);
        for (method, path, body, pointer) in [
            ("POST", "/invoices/1/payments", r#"{"amount": "1", "amount": "2"}"#, "/amount"),
            ("POST", "/billing-runs", r#"{"through": "2026-01-31", "affiliates": [1], "affiliates": [2]}"#, "/affiliates"),
            ("PATCH", "/invoices/1", r#"{"hidden": true, "hidden": false}"#, "/hidden"),
            ("PATCH", "/affiliates/1", r#"{"tax": {"rate": "7", "rate": "19"}}"#, "/tax/rate"),
            ("POST", "/affiliates", r#"{"name": "x", "payment_methods": [{"system": 1, "system": 2}]}"#, "/payment_methods/0/system"),
            ("PATCH", "/network", r#"{"auto_approve": true, "auto_approve": false}"#, "/auto_approve"),
            ("POST", "/keys", r#"{"role": "viewer", "role": "admin"}"#, "/role"),
        ] {
            let (status, told) = server.call(Role::Admin, method, path, body);
            assert_eq!((status, &told["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{path}: {told}");
        }
        let twice = r#"[{"conversion_id": "t", "affiliate_id": 1, "offer_id": 1, "status": "approved", "payout": "1", "payout": "2"}]"#;
        let (_, report) = server.call(Role::Admin, "POST", "/conversions:batch", twice);
        assert_eq!((&report["rejected"], &report["created"]), (&json!(1), &json!(0)), "{report}");
    }

    fn an_invoice_has_the_shape_that_scripts_read(database) {
        let (status, invoice) = server(database).call(Role::Viewer, "GET", "/invoices/1", "");
        assert_eq!(status, StatusCode::OK);
        let expected = json!({
            "id": 1, "number": 1, "kind": "payable", "affiliate_id": 1, "status": "pending", "currency": "USD",
            "billed": "12.50", "paid": "0.00", "balance": "12.50", "due_date": "2026-01-31", "hidden": false,
            "period": { "start": "2026-01-05", "end": "2026-01-31" }, "public_notes": "", "internal_notes": "",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&invoice[name], value, "{name}");
        }
    }

    fn lists_are_paged_and_strict(database) {
        let server = server(database);
        let first = server.call(Role::Viewer, "GET", "/invoices?limit=1", "").1;
        assert_eq!(first["invoices"][0]["id"], 1);
        let next = first["next_cursor"].as_str().unwrap().to_owned();
        let second = server.call(Role::Viewer, "GET", &format!("/invoices?limit=1&cursor={next}"), "").1;
        assert_eq!((&second["invoices"][0]["id"], &second["next_cursor"]), (&json!(2), &Value::Null));
        for bad in ["limit=0", "limit=1001", "limit=x", "cursor=!", "status=open", "currency=XXQ", "limt=1", "limit=1&limit=2"] {
            let (status, body) = server.call(Role::Viewer, "GET", &format!("/invoices?{bad}"), "");
            let name = bad.split('=').next().unwrap();
            assert_eq!((status, &body["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(name)), "{bad}");
        }
    }

    fn a_batch_keeps_the_good_records_and_points_at_the_bad(database) {
        let server = server(database);
        let body = r#"[{"conversion_id":"n1","affiliate_id":1,"offer_id":1,"status":"approved","occurred_at":"2026-01-20T10:00:00Z","payout":0.1},
            {"conversion_id":"n2","affiliate_id":1,"offer_id":1,"status":"approved","occurred_at":"2026-01-20T10:00:00Z","payout":1e3}]"#;
        let (status, answer) = server.call(Role::Tracker, "POST", "/conversions:batch", body);
        assert_eq!((status, &answer["created"], &answer["rejected"]), (StatusCode::OK, &json!(1), &json!(1)));
        assert_eq!((&answer["errors"][0]["position"], &answer["errors"][0]["pointer"]), (&json!(1), &json!("/1/payout")));
        let known = server.call(Role::Viewer, "GET", "/conversions/n1", "").1;
        assert_eq!((&known["payout"], &known["entries"][0]["invoice_id"]), (&json!("0.10"), &Value::Null));
        let (status, answer) = server.call(Role::Tracker, "POST", "/conversions:batch", body);
        assert_eq!((status, &answer["unchanged"]), (StatusCode::OK, &json!(1)));
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", "").0, StatusCode::BAD_REQUEST);
        let csv = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\nn3,1,1,approved,2026-01-20 10:00:00,2\n";
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", csv).1["created"], 1);
        // Another batch may move it, and bring it back; of one batch the second row of its id is another conversion.
        for (csv, moved, returned) in [(csv.replace("n3,1,1", "n3,2,1"), 1, 0), (csv.to_owned(), 1, 1)] {
            let answer = server.call(Role::Tracker, "POST", "/conversions:batch", &csv).1;
            let found = (&answer["updated"], &answer["moved"], &answer["returned"]);
            assert_eq!(found, (&json!(1), &json!(moved), &json!(returned)), "{answer}");
        }
        let twice = format!("{csv}n3,2,1,approved,2026-01-20 10:00:00,2\n");
        let answer = server.call(Role::Tracker, "POST", "/conversions:batch", &twice).1;
        assert_eq!((&answer["unchanged"], &answer["errors"][0]["pointer"]), (&json!(1), &json!("/1/affiliate_id")));
        let detail = answer["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("the record at position 0 is of \"n3\", too"), "{detail}");
        // A reversal right after a batch of only new conversions.
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", &csv.replace("n3", "n4")).1["created"], 1);
        let reversal = r#"[{"conversion_id": "n4", "status": "rejected"}]"#;
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", reversal).1["updated"], 1);
        let many = format!("conversion_id,status\n{}", "x,approved\n".repeat(10_001));
        assert_eq!(server.call(Role::Tracker, "POST", "/conversions:batch", &many).0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    /// 1,234.50 in a file of a country whose decimal mark is a comma.
    fn a_batch_says_its_decimal_mark_and_its_source(database) {
        let server = server(database);
        let post = |path: &str, body: &str| server.call(Role::Finance, "POST", path, body);
        let head = "conversion_id;affiliate_id;offer_id;status;occurred_at;payout\n";
        let file = format!("{head}n4;1;1;2;2026-01-20 10:00:00;1234,50\n");
        assert_eq!(post("/conversions:batch?decimal=,&source=affise", &file).1["created"], 1);
        let known = server.call(Role::Viewer, "GET", "/conversions/n4", "").1;
        assert_eq!((&known["payout"], &known["status"]), (&json!("1234.50"), &json!("pending")));
        for (path, pointer) in [("?source=affise", "/0/payout"), ("?decimal=,", "/0/status")] {
            assert_eq!(post(&format!("/conversions:batch{path}"), &file).1["errors"][0]["pointer"], pointer);
        }
        for (path, pointer) in [("?decimal=;", "decimal"), ("?source=afise", "source"), ("?decimals=,", "decimals")] {
            let (status, answer) = post(&format!("/conversions:batch{path}"), &file);
            assert_eq!((status, &answer["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)));
        }
        let rates = "date;base;quote;rate\n2026-01-20;EUR;USD;1,25\n";
        assert_eq!(post("/rates?decimal=,", rates).1["created"], 1);
        let balances = "kind;party_id;currency;amount\naffiliate;3;USD;12,00\n";
        assert_eq!(post("/balances?decimal=,", balances).1["created"], 1);
        let (status, answer) = post("/conversions:batch", "conversion id;affiliate_id;offer_id;status;occurred_at\n");
        let detail = answer["detail"].as_str().unwrap();
        assert!(status == StatusCode::BAD_REQUEST && detail.contains("with semicolons") && detail.contains("--map"), "{detail}");
    }

    fn bodies_are_read_strictly(database) {
        let server = server(database);
        for (path, body, pointer) in [
            ("/billing-runs", r#"{"through": "2026-02-30"}"#, "/through"),
            ("/billing-runs", r#"{"trough": "2026-01-31"}"#, "/trough"),
            ("/billing-runs", "{}", "/through"),
            ("/billing-runs", r#"{"through": "2026-01-31", "affiliates": ["x"]}"#, "/affiliates/0"),
            ("/invoices/1/void", r#"{"reason": "because"}"#, "/reason"),
            ("/invoices/1/void", r#"{"text": "a\u0000b"}"#, "/text"),
            ("/invoices/1/corrections", r#"{"comment": "x"}"#, "/amount"),
        ] {
            let (status, answer) = server.call(Role::Finance, "POST", path, body);
            assert_eq!((status, &answer["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{body}");
        }
        assert_eq!(server.call(Role::Finance, "POST", "/billing-runs", "{").0, StatusCode::BAD_REQUEST);
        let future = r#"{"through": "2026-02-02"}"#;
        assert_eq!(server.call(Role::Finance, "POST", "/billing-runs", future).0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(server.call(Role::Finance, "POST", "/invoices/77/approve", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Finance, "POST", "/invoices/x/approve", "").0, StatusCode::NOT_FOUND);
    }

    fn a_repeat_with_the_same_key_does_nothing_twice(database) {
        let server = server(database);
        let pay = |key, amount: &str| {
            let body = format!(r#"{{"amount": "{amount}"}}"#);
            let answered = server.with(Role::Admin, "POST", "/invoices/1/payments", &[("idempotency-key", key)], &body);
            (answered.status, answered.json())
        };
        let (status, first) = pay("p1", "5");
        assert_eq!((status, &first["paid"]), (StatusCode::CREATED, &json!("5.00")));
        assert_eq!(pay("p1", "5"), (StatusCode::CREATED, first));
        assert_eq!(pay("p1", "6").0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(pay("p2", "100").0, StatusCode::CONFLICT);
        assert_eq!(pay("p2", "7.50").1["status"], "paid");
        server.network.assert_verified();
    }

    fn a_payment_whose_answer_was_lost_is_not_made_again(database) {
        let server = server(database);
        let body = r#"{"amount": "5"}"#;
        let pay = || server.with(Role::Admin, "POST", "/invoices/1/payments", &[("idempotency-key", "lost")], body);
        assert_eq!(pay().status, StatusCode::CREATED);
        // The process died after the payment and before it kept the answer, long ago.
        let sql = "UPDATE idempotency_keys SET status = 0, answer = '', created_at = created_at - 7200000000";
        server.network.engine.store().run_sql(sql).unwrap();
        assert_eq!(pay().status, StatusCode::CONFLICT);
        assert_eq!(server.call(Role::Viewer, "GET", "/invoices/1", "").1["paid"], "5.00");
    }

    fn if_match_guards_against_lost_changes(database) {
        let server = server(database);
        let edit = r#"{"public_notes": "hello"}"#;
        let patch = |tag: &str| server.with(Role::Admin, "PATCH", "/invoices/1", &[("if-match", tag)], edit);
        assert_eq!(patch("\"1\"").json()["version"], 2);
        assert_eq!(patch("\"1\"").status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(patch("x").status, StatusCode::BAD_REQUEST);
    }

    fn a_key_that_asks_too_often_is_told_to_wait(database) {
        let limits = Limits { requests_per_second: 1, requests_burst: 2, ..Limits::default() };
        let server = Server::start(database, limits);
        let statuses: Vec<_> = (0..3).map(|_| server.call(Role::Viewer, "GET", "/invoices", "").0).collect();
        assert_eq!(statuses, [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
        assert_eq!(server.call(Role::Finance, "GET", "/invoices", "").0, StatusCode::OK);
    }

    fn a_body_that_is_too_large_is_refused(database) {
        let server = Server::start(database, Limits { body_bytes_max: 100, ..Limits::default() });
        let body = " ".repeat(200);
        let (status, problem) = server.call(Role::Tracker, "POST", "/conversions:batch", &body);
        assert_eq!((status, &problem["status"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!(413)));
    }

    fn settings_are_set_together_and_their_history_is_kept(database) {
        let server = server(database);
        let (status, network) = server.call(Role::Viewer, "GET", "/network", "");
        assert_eq!((status, &network["settings"]["locked_through"]), (StatusCode::OK, &Value::Null));
        let body = r#"{"locked_through": "2026-01-31", "auto_approve": true, "rate_max_age_days": 3}"#;
        assert_eq!(server.call(Role::Finance, "PATCH", "/network", body).0, StatusCode::FORBIDDEN);
        let (status, network) = server.call(Role::Admin, "PATCH", "/network", body);
        assert_eq!((status, &network["settings"]["locked_through"]), (StatusCode::OK, &json!("2026-01-31")));
        assert_eq!(network["settings"]["rate_max_age_days"], 3);
        // Of two settings one is wrong: neither is set.
        let body = r#"{"auto_approve": false, "week_start": "noday"}"#;
        assert_eq!(server.call(Role::Admin, "PATCH", "/network", body).0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(server.call(Role::Admin, "PATCH", "/network", r#"{"locked": null}"#).0, StatusCode::BAD_REQUEST);
        let reopened = server.call(Role::Admin, "PATCH", "/network", r#"{"locked_through": null}"#).1;
        assert_eq!((&reopened["settings"]["locked_through"], &reopened["settings"]["auto_approve"]), (&Value::Null, &json!(true)));
        let history = server.call(Role::Viewer, "GET", "/changes?subject=setting", "").1;
        let of_lock: Vec<&Value> = history["changes"].as_array().unwrap().iter()
            .filter(|row| row["subject_id"] == "locked_through").map(|row| &row["details"]).collect();
        assert_eq!(of_lock, [&json!({"from": "none", "to": "2026-01-31"}), &json!({"from": "2026-01-31", "to": "none"})]);
        let first = server.call(Role::Viewer, "GET", "/changes?limit=1", "").1;
        let next = first["next_cursor"].as_str().unwrap().to_owned();
        let second = server.call(Role::Viewer, "GET", &format!("/changes?limit=1&cursor={next}"), "").1;
        assert!(second["changes"][0]["id"].as_i64() > first["changes"][0]["id"].as_i64());
    }

    fn balances_are_taken_over_and_a_party_is_erased_when_it_is_settled(database) {
        let server = server(database);
        let csv = "kind,party_id,currency,amount\naffiliate,3,USD,12.00\naffiliate,99,USD,1\n";
        let (status, report) = server.call(Role::Finance, "POST", "/balances", csv);
        assert_eq!((status, &report["created"], &report["errors"][0]["position"]), (StatusCode::OK, &json!(1), &json!(3)));
        assert_eq!(server.call(Role::Admin, "POST", "/affiliates/1/erase", "").0, StatusCode::CONFLICT);
        assert_eq!(server.call(Role::Admin, "POST", "/affiliates/x/erase", "").0, StatusCode::NOT_FOUND);
        assert_eq!(server.call(Role::Finance, "POST", "/invoices/1/payments", r#"{"amount": "12.50"}"#).0, StatusCode::CREATED);
        assert_eq!(server.call(Role::Admin, "POST", "/affiliates/1/erase", "").0, StatusCode::OK);
        assert_eq!(server.call(Role::Affiliate, "GET", "/invoices", "").0, StatusCode::UNAUTHORIZED);
        let invoice = server.call(Role::Viewer, "GET", "/invoices/1", "").1;
        assert_eq!((&invoice["party"]["name"], &invoice["billed"]), (&json!("Erased affiliate 1"), &json!("12.50")));
        server.network.assert_verified();
    }

    fn what_is_due_is_billed_once(database) {
        let server = server(database);
        let party = r#"{"id":3,"billing_cycle":"Monthly","auto_invoice":true,"auto_start":"2026-01-01"}"#;
        server.network.set_party(quittance_domain::ids::PartyKind::Affiliate, party);
        server.network.approve("c1 3 1 2026-01-05 3.00");
        let preview = server.call(Role::Finance, "POST", "/billing-runs:due", r#"{"dry_run": true}"#).1;
        assert_eq!(preview["runs"][0]["invoices"], 1);
        let made = server.call(Role::Finance, "POST", "/billing-runs:due", "").1;
        assert_eq!(made["runs"][0]["totals"], json!({"USD": "3.00"}));
        assert_eq!(server.call(Role::Finance, "POST", "/billing-runs:due", "").1["runs"], json!([]));
    }

    /// 60.00 of credit: 25.00 are sent back once, whatever is repeated, and 35.00 are left.
    fn credit_is_paid_out_once_and_taken_back_once(database) {
        let server = server(database);
        let post = |path: &str, body: &str| server.call(Role::Finance, "POST", path, body);
        post("/invoices/1/payments", r#"{"rail": "wire"}"#);
        assert_eq!(post("/invoices/1/credit-notes", r#"{"amount": "6.00", "reason": "fraud"}"#).0, StatusCode::CREATED);
        let path = "/affiliates/1/credit-payouts";
        let body = r#"{"amount": "2.50", "reference": "R-1", "rail": "wire"}"#;
        let key = [("idempotency-key", "pay-out-1")];
        let first = server.with(Role::Finance, "POST", path, &key, body);
        assert_eq!((first.status, &first.json()["credit"]), (StatusCode::CREATED, &json!("3.50")));
        assert_eq!(first.json()["payment"]["amount"], "-2.50");
        assert_eq!(server.with(Role::Finance, "POST", path, &key, body).json(), first.json());
        assert_eq!(post(path, body).0, StatusCode::CONFLICT);
        for (bad, pointer) in [
            (r#"{"amount": "3.51", "reference": "R-2"}"#, "/amount"),
            (r#"{"amount": "1.00"}"#, "/reference"),
            (r#"{"amount": "1.00", "reference": "R-2", "amout": "1"}"#, "/amout"),
        ] {
            let (status, answer) = post(path, bad);
            assert_eq!((status.as_u16() / 100, &answer["errors"][0]["pointer"]), (4, &json!(pointer)), "{answer}");
        }
        let id = first.json()["payment"]["id"].clone();
        let reverse = format!("{path}/{id}/reverse");
        let (status, back) = post(&reverse, r#"{"reason": "bounced"}"#);
        assert_eq!((status, &back["credit"], &back["payment"]["of_payment"]), (StatusCode::OK, &json!("6.00"), &id));
        assert_eq!(post(&reverse, "{}").0, StatusCode::CONFLICT);
        let list = server.call(Role::Manager, "GET", path, "").1;
        let amounts: Vec<_> = list["credit_payouts"].as_array().unwrap().iter().map(|row| &row["amount"]).collect();
        assert_eq!(amounts, ["-2.50", "2.50"]);
        assert_eq!(server.call(Role::Manager, "POST", path, body).0, StatusCode::FORBIDDEN);
    }
}
