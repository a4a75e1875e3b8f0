//! CAKE's Billing & Payments of version 2, on both databases: the samples of its documents, each parameter and decision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod server;

use axum::http::StatusCode;
use quittance_api::cake::RULES;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::InvoiceId;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::keys::Role;
use quittance_http::Limits;
use quittance_testkit::{Network, TestDatabase, both_databases, day};
use serde_json::{Value, json};
use server::{Answered, Server, secret};

const SEED: &str = include_str!("seeds/cake.txt");

/// A network with invoices of both kinds: payable 1 to 3 (of affiliates 1, 2 and 3) and receivable 4, of January.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-05");
    let file = json!({
        "currencies": [{ "code": "JPY" }],
        "managers": [{ "id": 1, "name": "Dana Reyes" }],
        "payment_systems": [{ "id": 1, "title": "Check", "type": "check" }, { "id": 7, "title": "PP", "type": "paypal" }],
        "affiliates": [
            { "id": 1, "name": "One \"& Co\"", "billing_cycle": "Net 30", "manager": 1, "payment_methods": [{ "system": 7 }] },
            { "id": 3, "currency": "JPY" },
        ],
        "advertisers": [{ "id": 1, "name": "Acme" }],
        "offers": [{ "id": 1, "name": "Card" }, { "id": 2, "payout": "12.5 %" }, { "id": 3, "payout": "2.50", "payout_currency": "USD" }],
    });
    network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
    network.approve("77 1 1 2026-01-05 10.00\na2 1 1 2026-01-06 2.50\nb1 2 1 2026-01-31 7\nc1 3 1 2026-01-10 4826");
    let brought = network.record("r1", 4, 1, "approved", "2026-01-07", "0");
    network.ingest(vec![ConversionRecord { revenue: Some("9.5".into()), ..brought }]);
    bill(&network, "2026-01-31");
    network
}

fn bill(network: &Network, through: &str) {
    network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
    network.engine.bill(&network.call, &RunRequest::receivable_through(day(through)), &mut |_| {}).unwrap();
}

fn serve(database: &TestDatabase, network: &Network) -> Server {
    Server::start(database.engine(), &network.call, Limits::default())
}

/// JSON without the white space between its tokens.
fn bare(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if in_text || !c.is_whitespace() {
            out.push(c);
        }
        in_text = in_text != (c == '"' && !escaped);
        escaped = c == '\\' && !escaped;
    }
    out
}

fn error(answered: &Answered) -> (u16, String) {
    let body = answered.json();
    assert_eq!(body["request_status"], "Error", "{body}");
    assert_eq!(body.as_object().unwrap().len(), 2);
    assert_eq!(answered.headers["content-type"], "application/json");
    (answered.status.as_u16(), body["message"].as_str().unwrap().to_owned())
}

fn listed(server: &Server, query: &str) -> (Vec<i64>, i64) {
    let answered = server.get(Role::Admin, &format!("/api/2/invoices.json{query}"));
    assert_eq!(answered.status, StatusCode::OK, "{query}: {}", answered.text);
    let response = answered.json()["response"].clone();
    let rows = response["invoices"].as_array().unwrap();
    (rows.iter().map(|row| row["invoice_id"].as_i64().unwrap()).collect(), response["total_rows"].as_i64().unwrap())
}

fn update(server: &Server, id: i64, status: &str) -> Answered {
    server.json(Role::Finance, "/api/2/update_invoice.json", json!({ "invoice_id": id, "invoice_status": status }))
}

both_databases! {
    fn the_samples_of_the_documents_are_answered_byte_for_byte(database) {
        let mut network = Network::create(database.engine());
        network.engine.set_network(&network.call, &[("first_invoice_id", "10042")]).unwrap();
        let file = json!({
            "payment_systems": [
                { "id": 1, "title": "Check", "type": "check" }, { "id": 2, "title": "Wire Transfer", "type": "wire" },
                { "id": 7, "title": "PayPal - network@example.com", "type": "paypal" },
            ],
            "affiliates": [{ "id": 67890, "name": "MediaBridge Partners", "billing_cycle": "Net 30", "payment_methods": [{ "system": 7 }] }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.at("2026-02-05");
        network.approve("a 67890 1 2026-01-05 4800.25\nb 67890 2 2026-01-31 25.25");
        bill(&network, "2026-01-31");
        network.approve("other 2 2 2026-01-31 1");
        bill(&network, "2026-01-31");
        let server = serve(database, &network);
        assert_eq!(update(&server, 10042, "Approved").status, StatusCode::OK);
        let samples: Vec<(&str, &str)> = SEED.split("\n\n").map(|sample| sample.split_once('\n').unwrap()).collect();
        assert_eq!(samples.len(), 6);
        for (request, expected) in samples {
            let path = request.strip_prefix("GET ").unwrap().replace("YOUR_API_KEY", &secret(Role::Viewer));
            let request = axum::http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
            let answered = server.send(request);
            assert_eq!((answered.status, bare(&answered.text)), (StatusCode::OK, bare(expected)));
            assert_eq!(answered.headers["content-type"], "application/json");
        }
    }

    fn every_route_is_open_to_its_roles_and_to_no_other(database) {
        let network = network(database);
        let server = serve(database, &network);
        for rule in RULES.iter().filter(|rule| rule.route.starts_with("/api/2/")) {
            for role in Role::ALL {
                let answered = match rule.method {
                    "GET" => server.get(role, rule.route),
                    _ => server.json(role, rule.route, json!({})),
                };
                let status = answered.status;
                assert!(status != StatusCode::METHOD_NOT_ALLOWED && status != StatusCode::NOT_FOUND, "{}", rule.route);
                assert_eq!(status == StatusCode::FORBIDDEN, !rule.roles.contains(&role), "{} {role}: {}", rule.route, answered.text);
            }
        }
    }

    fn each_filter_of_invoices_finds_what_it_says(database) {
        let network = network(database);
        let server = serve(database, &network);
        network.engine.approve(&network.call, InvoiceId::new(2), None).unwrap();
        let part = PaymentRequest { amount: Some("3".into()), ..PaymentRequest::default() };
        network.engine.pay(&network.call, InvoiceId::new(1), None, &part).unwrap();
        for (query, expected) in [
            ("", vec![1, 2, 3, 4]),
            ("?invoice_id=2", vec![2]),
            ("?invoice_id=2&affiliate_id=1", vec![]),
            ("?affiliate_id=1", vec![1]),
            ("?advertiser_id=1", vec![4]),
            ("?affiliate_id=1&advertiser_id=1", vec![]),
            ("?affiliate_id=99", vec![]),
            ("?affiliate_id=0", vec![]),
            ("?affiliate_id=&invoice_status=", vec![1, 2, 3, 4]),
            // Partly paid is still approved.
            ("?invoice_status=Approved", vec![1, 2]),
            ("?invoice_status=pENDING", vec![3, 4]),
            ("?invoice_status=Paid", vec![]),
            ("?invoice_status=Void", vec![]),
            ("?start_date=2026-01-31", vec![1, 2, 3, 4]),
            ("?end_date=2026-01-31", vec![1, 2, 3, 4]),
            ("?start_date=2026-02-01", vec![]),
            ("?end_date=2026-01-30", vec![]),
            ("?start_date=2026-01-31&end_date=2026-01-31&affiliate_id=2", vec![2]),
            ("?tag_id=7", vec![1, 2, 3, 4]),
        ] {
            let total = expected.len() as i64;
            assert_eq!(listed(&server, query), (expected, total), "{query}");
        }
        for (query, expected) in [
            ("?start_at_row=0&row_limit=2", vec![1, 2]),
            ("?start_at_row=1&row_limit=2", vec![1, 2]),
            ("?start_at_row=3&row_limit=2", vec![3, 4]),
            ("?start_at_row=4&row_limit=99999", vec![4]),
            ("?start_at_row=5", vec![]),
            ("?start_at_row=9223372036854775807", vec![]),
        ] {
            assert_eq!(listed(&server, query), (expected, 4), "{query}");
        }
        assert_eq!(listed(&server, "?invoice_status=Approved&start_at_row=2&row_limit=1"), (vec![2], 2));
    }

    fn rows_have_the_keys_and_forms_of_the_sample(database) {
        let network = network(database);
        let server = serve(database, &network);
        network.engine.approve(&network.call, InvoiceId::new(3), None).unwrap();
        let rows = bare(&server.get(Role::Viewer, "/api/2/invoices.json").text);
        let expected = [
            r#"{"invoice_id":1,"invoice_date":"2026-01-31","invoice_status":"Pending","affiliate_id":1,"affiliate_name":"One \"& Co\"","billing_cycle_name":"Net 30","currency_symbol":"USD","total_payout":"12.50","payment_type":"PayPal","date_approved":null}"#,
            r#"{"invoice_id":2,"invoice_date":"2026-01-31","invoice_status":"Pending","affiliate_id":2,"affiliate_name":"Affiliate 2","billing_cycle_name":"Manual","currency_symbol":"USD","total_payout":"7.00","payment_type":null,"date_approved":null}"#,
            r#"{"invoice_id":3,"invoice_date":"2026-01-31","invoice_status":"Approved","affiliate_id":3,"affiliate_name":"Affiliate 3","billing_cycle_name":"Manual","currency_symbol":"JPY","total_payout":"4826","payment_type":null,"date_approved":"2026-02-05"}"#,
            r#"{"invoice_id":4,"invoice_date":"2026-01-31","invoice_status":"Pending","advertiser_id":1,"advertiser_name":"Acme","billing_cycle_name":"Manual","currency_symbol":"USD","total_revenue":"9.50","payment_type":null,"date_approved":null}"#,
        ];
        assert_eq!(rows, format!(r#"{{"request_status":"Success","response":{{"invoices":[{}],"total_rows":4}}}}"#, expected.join(",")));
    }

    fn a_day_of_approval_is_the_networks_own(database) {
        let mut network = network(database);
        network.engine.set_network(&network.call, &[("time_zone", "America/New_York")]).unwrap();
        network.call.now = network.instant("2026-03-01 03:00:00");
        network.engine.approve(&network.call, InvoiceId::new(1), None).unwrap();
        let server = serve(database, &network);
        let row = server.get(Role::Viewer, "/api/2/invoices.json?invoice_id=1").json()["response"]["invoices"][0].clone();
        assert_eq!(row["date_approved"], "2026-02-28");
    }

    fn a_long_list_is_written_page_by_page(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-05");
        network.engine.set_network(&network.call, &[("create_missing", "true")]).unwrap();
        let lines: Vec<String> = (1..=1203).map(|i| format!("c{i} {i} 1 2026-01-05 1")).collect();
        network.approve(&lines.join("\n"));
        bill(&network, "2026-01-31");
        let server = serve(database, &network);
        assert_eq!(listed(&server, "?row_limit=10001"), ((1..=1203).collect(), 1203));
        assert_eq!(listed(&server, "?row_limit=1000&start_at_row=2"), ((2..=1001).collect(), 1203));
        assert_eq!(listed(&server, "?invoice_status=pending&start_at_row=701&row_limit=502"), ((701..=1202).collect(), 1203));
        assert_eq!(listed(&server, ""), ((1..=100).collect(), 1203));
        let report = "/api/2/report/conversion.json?start_date=2026-01-01&end_date=2026-01-31&row_limit=10000";
        let rows = server.get(Role::Viewer, report).json()["response"].clone();
        assert_eq!((rows["data"]["conversions"].as_array().unwrap().len(), &rows["total_rows"]), (1203, &json!(1203)));
    }

    fn bad_input_is_named(database) {
        let network = network(database);
        let server = serve(database, &network);
        for (query, name) in [
            ("invoice_id=x", "invoice_id"),
            ("affiliate_id=1.5", "affiliate_id"),
            ("advertiser_id=99999999999999999999", "advertiser_id"),
            ("invoice_status=Draft", "invoice_status"),
            ("start_date=2026-13-01", "start_date"),
            ("end_date=01/31/2026", "end_date"),
            ("start_date=2026-02-01&end_date=2026-01-31", "start_date"),
            ("row_limit=abc", "row_limit"),
            ("row_limit=0", "row_limit"),
            ("row_limit=-5", "row_limit"),
            ("start_at_row=-1", "start_at_row"),
            ("invoice_id=1&invoice_id=1", "invoice_id"),
        ] {
            let (status, message) = error(&server.get(Role::Admin, &format!("/api/2/invoices.json?{query}")));
            assert!(status == 400 && message.contains(name), "{query}: {status} {message}");
        }
        let path = "/api/2/update_invoice.json";
        for body in ["", "nothing", "[1]", "{", r#"{"invoice_id": {}}"#] {
            let keyed = format!("{path}?api_key={}", secret(Role::Admin));
            assert_eq!(error(&server.post(&keyed, "application/json", &[], body)).0, 400, "{body}");
        }
        let twice = format!(r#"{{"api_key":"{}","invoice_id":1,"invoice_id":2,"invoice_status":"Paid"}}"#, secret(Role::Admin));
        assert!(error(&server.post(path, "application/json", &[], &twice)).1.contains("invoice_id"));
    }

    fn a_key_is_found_in_its_places_only(database) {
        let network = network(database);
        let server = serve(database, &network);
        let (status, message) = error(&server.send(axum::http::Request::builder().uri("/api/2/invoices.json").body(axum::body::Body::empty()).unwrap()));
        assert!(status == 401 && message.starts_with("Invalid API key"));
        let unknown = format!("/api/2/invoices.json?api_key={}", "x".repeat(40));
        assert_eq!(error(&server.send(axum::http::Request::builder().uri(unknown).body(axum::body::Body::empty()).unwrap())).0, 401);
        assert_eq!(error(&server.get(Role::Tracker, "/api/2/invoices.json")).0, 403);
        let path = "/api/2/update_invoice.json";
        let move_it = |path: &str, key: Option<String>| {
            let mut body = json!({ "invoice_id": 1, "invoice_status": "Approved" });
            if let Some(key) = key {
                body["api_key"] = key.into();
            }
            server.post(path, "application/json", &[], &body.to_string())
        };
        let in_query = format!("{path}?api_key={}", secret(Role::Finance));
        assert_eq!(move_it(&in_query, None).status, StatusCode::OK);
        assert_eq!(move_it(path, Some(secret(Role::Finance))).status, StatusCode::OK);
        assert_eq!(move_it(&in_query, Some(secret(Role::Finance))).status, StatusCode::OK);
        assert_eq!(error(&move_it(&in_query, Some(secret(Role::Admin)))).0, 400);
        assert_eq!(error(&move_it(path, Some(secret(Role::Viewer)))).0, 403);
        assert_eq!(error(&move_it(path, None)).0, 401);
    }

    fn what_is_not_served_is_told(database) {
        let network = network(database);
        let server = serve(database, &network);
        let answered = server.get(Role::Admin, "/api/2/clicks.json");
        assert_eq!(error(&answered).0, 404);
    }

    fn whoever_asks_too_often_is_told_when_to_come_back(database) {
        let network = network(database);
        let limits = Limits { requests_per_second: 1, requests_burst: 1, ..Limits::default() };
        let server = Server::start(database.engine(), &network.call, limits);
        assert_eq!(server.get(Role::Viewer, "/api/2/currencies.json").status, StatusCode::OK);
        let refused = server.get(Role::Viewer, "/api/2/currencies.json");
        assert_eq!(error(&refused).0, 429);
        assert_eq!(refused.headers["retry-after"], "1");
    }

    fn another_network_is_as_if_it_were_not_there(database) {
        let ours = network(database);
        let server = serve(database, &ours);
        let engine = database.engine();
        let other = engine.create_network(ours.call.now, "other", &ours.zone, quittance_domain::currency::Currency::parse("USD").unwrap()).unwrap();
        let call = quittance_engine::Call { network: other.network_id, ..ours.call.clone() };
        let key = "k".repeat(40);
        engine.create_key(&call, &quittance_engine::keys::NewKey { role: Role::Admin, party: None, name: String::new() }, &key).unwrap();
        let get = |path: &str| server.send(axum::http::Request::builder().uri(format!("{path}api_key={key}")).body(axum::body::Body::empty()).unwrap()).json();
        assert_eq!(get("/api/2/invoices.json?")["response"], json!({ "invoices": [], "total_rows": 0 }));
        assert_eq!(get("/api/2/invoices.json?invoice_id=1&")["response"]["total_rows"], 0);
        assert_eq!(get("/api/2/invoice_conversions.json?invoice_id=1&")["response"], json!({ "conversions": [], "total_rows": 0 }));
        assert_eq!(get("/api/2/affiliates.json?")["affiliates"], json!([]));
        let body = json!({ "api_key": key, "invoice_id": 1, "invoice_status": "Paid" }).to_string();
        let (status, message) = error(&server.post("/api/2/update_invoice.json", "application/json", &[], &body));
        assert!(status == 404 && message.contains('1'));
    }

    fn a_new_network_shows_the_rows_of_the_documents_and_then_what_it_uses(database) {
        let network = Network::create(database.engine());
        let server = serve(database, &network);
        let get = |path: &str| server.get(Role::Viewer, path).json();
        for (path, list, id, rows) in [
            ("/api/2/billing_cycles.json", "billing_cycles", "billing_cycle_id", 5),
            ("/api/2/payment_types.json", "payment_types", "payment_type_id", 5),
            ("/api/2/currencies.json", "currencies", "currency_id", 3),
            ("/api/2/payment_methods.json", "payment_methods", "payment_method_id", 0),
        ] {
            let body = get(path);
            assert_eq!(body[list].as_array().unwrap().len(), rows, "{body}");
            assert_eq!(body.as_object().unwrap().len(), 2);
            assert_eq!(get(&format!("{path}?{id}=77"))[list], json!([]));
        }
        let import = |file: Value| network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        import(json!({
            "currencies": [{ "code": "JPY" }, { "code": "EUR" }],
            "payment_systems": [{ "id": 5, "title": "Wise EU", "type": "wise" }],
            "affiliates": [{ "id": 1, "billing_cycle": "quarterly" }],
        }));
        import(json!({ "currencies": [{ "code": "CAD" }, { "code": "JPY", "minimum_payment": "1" }] }));
        let rows = |path: &str, list: &str| get(path)[list].as_array().unwrap().clone();
        assert_eq!(rows("/api/2/billing_cycles.json", "billing_cycles")[5..], [json!({ "billing_cycle_id": 9, "billing_cycle_name": "Quarterly" })]);
        assert_eq!(rows("/api/2/payment_types.json", "payment_types")[5..], [json!({ "payment_type_id": 7, "payment_type_name": "Wise" })]);
        assert_eq!(rows("/api/2/currencies.json", "currencies")[3..], [
            json!({ "currency_id": 4, "currency_name": "Japanese yen", "currency_symbol": "JPY" }),
            json!({ "currency_id": 5, "currency_name": "Canadian dollar", "currency_symbol": "CAD" }),
        ]);
        assert_eq!(rows("/api/2/payment_methods.json?payment_method_id=5", "payment_methods"), [
            json!({ "payment_method_id": 5, "payment_method_name": "Wise EU", "payment_type_id": 7 })]);
        assert_eq!(rows("/api/2/currencies.json?currency_symbol=eur", "currencies")[0]["currency_id"], 2);
        assert_eq!(rows("/api/2/currencies.json?currency_id=4", "currencies")[0]["currency_symbol"], "JPY");
    }

    fn an_invoice_is_made_of_what_is_unbilled(database) {
        let network = network(database);
        let server = serve(database, &network);
        let make = |body: Value| server.json(Role::Finance, "/api/2/invoice.json", body);
        let of = |affiliate: i64| json!({ "affiliate_id": affiliate, "start_date": "2026-02-01", "end_date": "2026-02-04" });
        assert_eq!(error(&make(of(1))).0, 400);
        network.approve("e1 1 1 2026-02-01 1.25\ne2 1 1 2026-02-04 2.25\nlate 1 1 2026-02-05 9\nlow 2 1 2026-02-02 0.05");
        let eur = network.record("eur", 1, 1, "approved", "2026-02-02", "50");
        network.ingest(vec![ConversionRecord { payout_currency: quittance_domain::currency::Currency::parse("EUR").ok(), ..eur }]);
        // Minimum, hold and the lack of a payment method do not bind.
        let file = json!({ "affiliates": [{ "id": 2, "minimum_payment": "1000", "on_hold": true }] });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.engine.set_network(&network.call, &[("require_payment_method", "true")]).unwrap();
        let made = make(of(1));
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        assert_eq!(bare(&made.text), r#"{"request_status":"Success","invoice":{"invoice_id":5,"invoice_date":"2026-02-04","invoice_status":"Pending","affiliate_id":1,"affiliate_name":"One \"& Co\"","billing_cycle_name":"Net 30","currency_symbol":"USD","total_payout":"3.50","payment_type":"PayPal","date_approved":null}}"#);
        assert_eq!(make(of(2)).json()["invoice"]["total_payout"], "0.05");
        network.ingest(vec![network.record("e1", 1, 1, "rejected", "2026-02-01", "1.25")]);
        for (body, name) in [
            (of(1), "nothing to bill"),
            (of(99), "affiliate_id"),
            (json!({ "start_date": "2026-02-01", "end_date": "2026-02-04" }), "affiliate_id"),
            (json!({ "affiliate_id": 1, "end_date": "2026-02-04" }), "start_date"),
            (json!({ "affiliate_id": 1, "start_date": "2026-02-01" }), "end_date"),
            (json!({ "affiliate_id": 1, "start_date": "2026-02-05", "end_date": "2026-02-04" }), "start_date"),
            (json!({ "affiliate_id": 1, "start_date": "2026-02-05", "end_date": "2026-02-06" }), "end_date: 2026-02-06 is in the future"),
        ] {
            let (status, message) = error(&make(body));
            assert!(status == 400 && message.contains(name), "{message}");
        }
        assert_eq!(listed(&server, "").1, 6, "what is refused makes no invoice");
        network.assert_verified();
    }

    fn a_write_with_the_same_key_happens_once(database) {
        let network = network(database);
        network.approve("e1 1 1 2026-02-01 1.25");
        let server = serve(database, &network);
        let send = |path: &str, key: &str, mut body: Value| {
            body["api_key"] = secret(Role::Finance).into();
            server.post(path, "application/json", &[("idempotency-key", key)], &body.to_string())
        };
        let one = json!({ "affiliate_id": 1, "start_date": "2026-02-01", "end_date": "2026-02-04" });
        let first = send("/api/2/invoice.json", "k1", one.clone());
        assert_eq!(send("/api/2/invoice.json", "k1", one).text, first.text);
        let party = json!({ "affiliate_name": "New", "account_manager_id": 1 });
        let made = send("/api/2/affiliate.json", "k2", party.clone());
        assert_eq!(send("/api/2/affiliate.json", "k2", party).text, made.text);
        assert_eq!(send("/api/2/affiliate.json", "k2", json!({ "affiliate_name": "x", "account_manager_id": 1 })).status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    fn an_invoice_moves_as_its_life_allows(database) {
        let network = network(database);
        let server = serve(database, &network);
        let status = |answered: &Answered| answered.json()["invoice"]["invoice_status"].as_str().unwrap().to_owned();
        assert_eq!(status(&update(&server, 1, "approved")), "Approved");
        assert_eq!(status(&update(&server, 1, "Approved")), "Approved");
        assert_eq!(status(&update(&server, 1, "Pending")), "Pending");
        let paid = update(&server, 1, "PAID");
        assert_eq!((status(&paid), &paid.json()["invoice"]["date_approved"]), ("Paid".to_owned(), &json!("2026-02-05")));
        assert_eq!(status(&update(&server, 1, "Paid")), "Paid");
        assert_eq!(status(&update(&server, 2, "Void")), "Void");
        let part = PaymentRequest { amount: Some("1".into()), ..PaymentRequest::default() };
        network.engine.pay(&network.call, InvoiceId::new(4), None, &part).unwrap();
        for (id, wanted, both) in [
            (1, "Pending", ["Paid", "Pending"]), (1, "Approved", ["Paid", "Approved"]), (1, "Void", ["Paid", "Void"]),
            (2, "Pending", ["Void", "Pending"]), (2, "Approved", ["Void", "Approved"]), (2, "Paid", ["Void", "Paid"]),
            (4, "Pending", ["Approved", "Pending"]),
        ] {
            let (code, message) = error(&update(&server, id, wanted));
            assert!(code == 400 && both.iter().all(|word| message.contains(word)), "{message}");
        }
        assert_eq!(error(&update(&server, 99, "Paid")).0, 404);
        assert_eq!(error(&update(&server, 3, "Draft")).0, 400);
        assert_eq!(status(&update(&server, 4, "Paid")), "Paid");
        network.assert_verified();
    }

    fn the_conversions_of_an_invoice_are_listed(database) {
        let network = network(database);
        let server = serve(database, &network);
        let get = |role, query: &str| server.get(role, &format!("/api/2/invoice_conversions.json?{query}"));
        let expected = r#"{"request_status":"Success","response":{"conversions":[{"conversion_id":77,"conversion_date":"2026-01-05 08:00:00","affiliate_id":1,"offer_id":1,"offer_name":"Card","payout":10.00,"currency_symbol":"USD"},{"conversion_id":"a2","conversion_date":"2026-01-06 08:00:00","affiliate_id":1,"offer_id":1,"offer_name":"Card","payout":2.50,"currency_symbol":"USD"}],"total_rows":2}}"#;
        assert_eq!(get(Role::Viewer, "invoice_id=1").text, expected);
        let second = get(Role::Affiliate, "invoice_id=1&start_at_row=2&row_limit=1").json()["response"].clone();
        assert_eq!((&second["conversions"][0]["conversion_id"], &second["total_rows"]), (&json!("a2"), &json!(2)));
        assert_eq!(get(Role::Affiliate, "invoice_id=2").json()["response"]["total_rows"], 0);
        assert_eq!(get(Role::Viewer, "invoice_id=4").json()["response"]["conversions"][0]["affiliate_id"], 4);
        assert_eq!(error(&get(Role::Viewer, "")).0, 400);
        assert_eq!(error(&get(Role::Manager, "invoice_id=2")).0, 403);
    }

    fn parties_see_their_own_and_managers_theirs(database) {
        let network = network(database);
        let server = serve(database, &network);
        let ids = |role, query: &str| -> Vec<Value> {
            let body = server.get(role, &format!("/api/2/invoices.json{query}")).json();
            body["response"]["invoices"].as_array().unwrap().iter().map(|row| row["invoice_id"].clone()).collect()
        };
        assert_eq!(ids(Role::Affiliate, ""), [json!(1)]);
        assert_eq!(ids(Role::Advertiser, ""), [json!(4)]);
        assert_eq!(ids(Role::Affiliate, "?invoice_id=2"), Vec::<Value>::new());
        assert_eq!(ids(Role::Manager, "?affiliate_id=1"), [json!(1)]);
        assert_eq!(error(&server.get(Role::Affiliate, "/api/2/invoices.json?affiliate_id=2")).0, 403);
        assert_eq!(error(&server.get(Role::Manager, "/api/2/invoices.json?affiliate_id=2")).0, 403);
        assert_eq!(error(&server.get(Role::Manager, "/api/2/invoices.json")).0, 400);
        let hide = quittance_engine::invoices::InvoiceEdit { hidden: Some(true), ..Default::default() };
        network.engine.edit(&network.call, InvoiceId::new(1), None, &hide).unwrap();
        assert_eq!(ids(Role::Affiliate, ""), Vec::<Value>::new());
        let managed = server.get(Role::Manager, "/api/2/affiliates.json").json();
        assert_eq!((&managed["total_rows"], &managed["affiliates"][0]["affiliate_id"]), (&json!(1), &json!(1)));
        assert_eq!(server.get(Role::Manager, "/api/2/affiliates.json?account_manager_id=2").json()["total_rows"], 0);
    }

    fn parties_are_listed_made_and_changed(database) {
        let network = network(database);
        let server = serve(database, &network);
        let get = |path: &str| server.get(Role::Viewer, path);
        let first = get("/api/2/affiliates.json?affiliate_name=one&affiliate_status=Active&account_manager_id=1");
        assert_eq!(bare(&first.text), r#"{"request_status":"Success","affiliates":[{"affiliate_id":1,"affiliate_name":"One \"& Co\"","affiliate_status":"active","account_manager_id":1,"website":null,"billing_cycle_id":3,"date_created":"1970-01-01T00:00:00Z"}],"total_rows":1}"#);
        let page = get("/api/2/affiliates.json?start_at_row=2&row_limit=2").json();
        let ids: Vec<&Value> = page["affiliates"].as_array().unwrap().iter().map(|row| &row["affiliate_id"]).collect();
        assert_eq!((ids, &page["total_rows"]), (vec![&json!(2), &json!(3)], &json!(5)));
        assert_eq!(bare(&get("/api/2/advertisers.json?advertiser_id=1").text), r#"{"request_status":"Success","advertisers":[{"advertiser_id":1,"advertiser_name":"Acme","advertiser_status":"active","account_manager_id":null,"website":null,"billing_cycle_id":10,"date_created":"1970-01-01T00:00:00Z"}],"total_records":1}"#);
        let make = |path: &str, body: Value| server.json(Role::Finance, &format!("/api/2/{path}"), body);
        let made = make("affiliate.json", json!({
            "affiliate_name": "New", "account_manager_id": 1, "website": "https://n.example", "payment_type_id": 2,
            "billing_cycle_id": 4, "minimum_payment_threshold": 12.5,
        }));
        assert_eq!(bare(&made.text), r#"{"request_status":"Success","affiliate":{"affiliate_id":6,"affiliate_name":"New","affiliate_status":"pending","account_manager":{"id":1,"name":"Dana Reyes"},"date_created":"2026-02-05 12:00:00"}}"#);
        let party = network.engine.party(&network.call, quittance_domain::ids::PartyKind::Affiliate, 6).unwrap();
        assert_eq!((party.row.party.minimum_units, party.methods[0].method.system_id), (Some(12_500_000), 7));
        assert_eq!(party.row.party.billing_cycle.as_deref(), Some("weekly"));
        let changed = make("update_affiliate.json", json!({ "affiliate_id": 6, "affiliate_status": "active", "affiliate_name": "Newer" }));
        assert_eq!(changed.json()["affiliate"]["affiliate_status"], "active");
        assert_eq!(get("/api/2/affiliates.json?affiliate_id=6").json()["affiliates"][0]["website"], "https://n.example");
        let made = make("advertiser.json", json!({ "advertiser_name": "Adv", "account_manager_id": 1, "country_id": 840, "phone": "1" }));
        assert_eq!(made.json()["advertiser"]["advertiser_status"], "active");
        for (path, body, name) in [
            ("affiliate.json", json!({ "account_manager_id": 1 }), "affiliate_name"),
            ("affiliate.json", json!({ "affiliate_name": "x" }), "account_manager_id"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 9 }), "account_manager_id"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 1, "affiliate_status": "gone" }), "affiliate_status"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 1, "payment_type_id": 77 }), "payment_type_id"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 1, "payment_type_id": 3 }), "payment_type_id"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 1, "billing_cycle_id": 0 }), "billing_cycle_id"),
            ("affiliate.json", json!({ "affiliate_name": "x", "account_manager_id": 1, "minimum_payment_threshold": -1 }), "minimum_payment_threshold"),
            ("update_affiliate.json", json!({ "affiliate_name": "x" }), "affiliate_id"),
            ("advertiser.json", json!({ "advertiser_name": "x", "account_manager_id": 1, "payment_type_id": 1 }), "payment_type_id"),
        ] {
            let (status, message) = error(&make(path, body));
            assert!(status == 400 && message.starts_with(name), "{path}: {message}");
        }
        assert_eq!(error(&make("update_affiliate.json", json!({ "affiliate_id": 99 }))).0, 404);
        assert_eq!(get("/api/2/affiliates.json").json()["total_rows"], 6);
    }

    fn another_network_reads_conversions_and_offers(database) {
        let network = network(database);
        network.ingest(vec![network.record("h", 1, 2, "hold", "2026-01-20", "1")]);
        let server = serve(database, &network);
        let report = |query: &str| server.get(Role::Viewer, &format!("/api/2/report/conversion.json?{query}"));
        let january = "start_date=2026-01-01&end_date=2026-01-31";
        let one = report(&format!("{january}&affiliate_id=4"));
        assert_eq!(bare(&one.text), bare(r#"{"request_status":"Success","response":{"data":{"conversions":[{"conversion_id":"r1",
            "conversion_date":"2026-01-07 08:00:00","conversion_status":"approved","affiliate_id":4,"advertiser_id":1,"offer_id":1,
            "offer_name":"Card","payout":0.00,"currency_symbol":"USD","revenue":9.50,"revenue_currency_symbol":"USD"}]},"total_rows":1}}"#)
            .replace("2026-01-0708", "2026-01-07 08"));
        let total = |query: &str| report(&format!("{january}&{query}")).json()["response"]["total_rows"].clone();
        assert_eq!([total(""), total("offer_id=2"), total("conversion_status=pending"), total("conversion_status=Approved")], [json!(6), json!(1), json!(1), json!(5)]);
        assert_eq!(report(&format!("{january}&start_at_row=6&row_limit=5")).json()["response"]["data"]["conversions"][0]["affiliate_id"], 2);
        for (query, name) in [
            ("end_date=2026-01-31", "start_date"),
            ("start_date=2026-01-01", "end_date"),
            ("start_date=2026-01-01&end_date=2026-01-31&sort_field=payout", "sort_field"),
            ("start_date=2026-01-01&end_date=2026-01-31&sort_descending=true", "sort_descending"),
            ("start_date=2025-01-30&end_date=2026-01-31", "start_date"),
            ("start_date=2026-01-01&end_date=2026-01-31&conversion_status=x", "conversion_status"),
        ] {
            let (status, message) = error(&report(query));
            assert!(status == 400 && message.contains(name), "{message}");
        }
        let offers = server.get(Role::Viewer, "/api/2/offers.json?advertiser_id=1&row_limit=3");
        assert_eq!(bare(&offers.text), bare(r#"{"request_status":"Success","offers":[
            {"offer_id":1,"offer_name":"Card","advertiser_id":1,"payout":null,"payout_percentage":null,"revenue":null,"revenue_percentage":null,"currency_symbol":null},
            {"offer_id":2,"offer_name":"OFFER2","advertiser_id":1,"payout":null,"payout_percentage":12.5,"revenue":null,"revenue_percentage":null,"currency_symbol":null},
            {"offer_id":3,"offer_name":"OFFER3","advertiser_id":1,"payout":2.50,"payout_percentage":null,"revenue":null,"revenue_percentage":null,"currency_symbol":"USD"}],"total_rows":4}"#)
            .replace("OFFER", "Offer "));
        assert_eq!(server.get(Role::Viewer, "/api/2/offers.json?offer_id=3").json()["total_rows"], 1);
    }
}
