//! The rules that Affise's existing clients force, one test each; who may call what; what belongs to others; limits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod affise_common;
mod server;

use affise_common::{Affise, FORM, failure, network, success};
use axum::body::Body;
use axum::http::Request;
use quittance_api::affise::RULES;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::Zone;
use quittance_engine::Call;
use quittance_engine::keys::{NewKey, Role};
use quittance_http::Limits;
use quittance_testkit::{Network, TestDatabase, both_databases};
use serde_json::{Value, json};

const CONVERSIONS: &str = "a 1 1 2026-01-03 30.50\nb 1 2 2026-01-04 2\nc 2 1 2026-01-06 14";
const MONTH: &str = "date_from=2026-01-01&date_to=2026-01-31";

/// A route's address with an id for each of its places.
fn address(route: &str, id: &str) -> String {
    let query = match route.trim_end_matches('/') {
        "/3.1/payments" => format!("?{MONTH}"),
        "/3.0/stats/conversionsbyid" => format!("?id={id}"),
        _ => String::new(),
    };
    route.replace("{id}", id).replace("{number}", id) + &query
}

fn billed(database: &TestDatabase) -> Network {
    let network = network(database);
    network.approve(CONVERSIONS);
    network
}

/// A request that writes: its address, its pairs as a form, and the same as JSON.
type Write<'a> = (&'a str, &'a [(&'a str, &'a str)], Value);

both_databases! {
    fn who_asks_for_less_never_gets_everything(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let json = "application/json";
        for (kind, body, name) in [
            (FORM, "affiliate_id=1", "affiliate_id"),
            (FORM, "aid=", "aid"),
            (FORM, "include_aids[]=", "include_aids"),
            (FORM, "include_aids=", "include_aids"),
            (FORM, "include_aids[]=1&include_aids[]=", "include_aids"),
            (FORM, "exclude_aids[]=", "exclude_aids"),
            (FORM, "aids[]=1", "aids"),
            (FORM, "partner=1", "partner"),
            (FORM, "AID=1", "AID"),
            (FORM, "offers[]=1", "offers"),
            (FORM, "currency=EUR", "currency"),
            (FORM, "offer_ids[]=", "offer_ids"),
            (FORM, "countries[]=", "countries"),
            (FORM, "date_to=", "date_to"),
            (FORM, "aid=1&include_aids[]=2", "include_aids"),
            (FORM, "date=2026-01-31&date_to=2026-01-03", "date"),
            (json, r#"{"include_aids":[]}"#, "include_aids"),
            (json, r#"{"currencies":[""]}"#, "currencies"),
            (json, r#"{"aid":1,"aid":2}"#, "aid"),
        ] {
            let text = failure(&affise.call(Role::Admin, "POST", "/3.1/payments/generate", kind, body), 400);
            assert!(text.starts_with(&format!("{name}: ")) || text == format!("{name} is given twice"), "{body}: {text}");
            if kind == FORM {
                let path = format!("/3.1/payments/generate?{body}");
                let text = failure(&affise.call(Role::Admin, "POST", &path, FORM, ""), 400);
                assert!(text.starts_with(&format!("{name}: ")), "{path}: {text}");
            }
        }
        // A misspelt name is told with the one that is meant.
        for (body, near) in [("aids[]=1", "aid"), ("AID=1", "aid"), ("offers[]=1", "offer_ids"), ("currency=EUR", "currencies")] {
            assert!(affise.refused("/3.1/payments/generate", body).ends_with(&format!("is {near} meant?")), "{body}");
        }
        assert!(affise.payments().is_empty(), "nothing was billed");
        affise.post("/3.1/payments/generate", "aid=1&note=");
        assert_eq!(affise.payments().len(), 1);
        for (path, body, name) in [
            ("/3.1/payments/bulk-delete", "ids[]=&all=1", "ids"),
            ("/3.1/payments/delete/1", "ids[]=", "ids"),
            ("/3.1/payments/delete/1", "id=7", "id"),
            ("/3.1/payments/1/conversions/delete", "conversion_ids[]=&offer_ids[]=1", "conversion_ids"),
            ("/3.0/admin/conversion/edit", "all=1&status=declined&params[date_from]=2026-01-01&params[date_to]=2026-01-31&params[partner][]=", "params[partner]"),
            ("/3.0/admin/conversion/edit", "all=1&status=declined&params[date_from]=2026-01-01&params[date_to]=2026-01-31&params[partners][]=1", "params[partners]"),
            ("/3.0/admin/conversion/edit", "all=1&status=declined&params[date_from]=2026-01-01&params[date_to]=2026-01-31&params[limit]=1", "params[limit]"),
            ("/3.0/admin/conversion/edit", "all=1&status=declined&ids[]=a&params[date_from]=2026-01-01&params[date_to]=2026-01-31", "ids"),
            ("/3.0/admin/conversion/edit", "ids[]=a&status=declined&params[partner][]=2", "params"),
            ("/3.0/admin/conversion/edit", "ids[]=a&status=declined&advertiser_id=1", "advertiser_id"),
            ("/3.0/admin/conversion/edit", "ids[]=a&status=confirmed&payout=1", "payout"),
            ("/3.0/admin/conversions/import", "list[0][offer]=1&list[0][pid]=1&list[0][payouts]=3", "list[0][payouts]"),
            ("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD&detail[]=", "detail"),
            ("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD&end_date=", "end_date"),
            ("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD&detail[0][offer_id]=1&detail[0][amout]=5", "detail[0][amout]"),
            ("/3.0/admin/partner/1", "payment_systems[0][system]=13&payment_systems[0][curency]=USD", "payment_systems[0][curency]"),
            ("/3.0/admin/partner/1", "ref_percent=5", "ref_percent"),
        ] {
            let text = affise.refused(path, body);
            assert!(text.starts_with(&format!("{name}: ")), "{path} {body}: {text}");
        }
        let conversions = affise.get("/3.0/stats/conversions?date_from=2026-01-01&date_to=2026-01-31");
        let statuses: Vec<&str> = conversions["conversions"].as_array().unwrap().iter().map(|c| c["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["confirmed"; 3]);
        assert_eq!(affise.payments().len(), 1, "nothing was deleted");
        network.assert_verified();
    }

    fn rule_1_every_answer_is_json(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        for (role, method, path) in [
            (Role::Admin, "GET", "/3.0/admin/partners"),
            (Role::Admin, "GET", "/3.1/nothing"),
            (Role::Viewer, "POST", "/3.1/payments/generate"),
            (Role::Admin, "PATCH", "/3.1/payments"),
            (Role::Admin, "GET", "/3.1/payments"),
        ] {
            let answered = affise.call(role, method, path, FORM, "");
            assert_eq!(answered.headers["content-type"], "application/json", "{method} {path}");
            answered.json();
        }
    }

    fn rule_2_status_is_an_integer_and_a_failure_says_its_text_twice(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        assert!(affise.get("/3.0/admin/payment_systems")["status"].is_i64());
        let refused = affise.call(Role::Admin, "GET", "/3.1/payments/7", FORM, "").json();
        assert_eq!(refused, json!({ "status": 2, "error": "Resource Not Found", "message": "Resource Not Found" }));
    }

    fn rule_3_whole_numbers_are_integers(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let partner = affise.get("/3.0/admin/partner/1")["partner"].clone();
        for name in ["offersCount", "level"] {
            assert!(partner[name].is_i64(), "{name}");
        }
        assert!(partner["payment_systems"][0]["active"].is_i64());
        affise.post("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD&detail[0][offer_id]=1&detail[0][amount]=100.00");
        let invoice = affise.call(Role::Admin, "GET", "/3.0/admin/advertiser-invoice/1", FORM, "");
        assert!(invoice.text.contains(r#""amount":100,"#), "{}", invoice.text);
        assert!(invoice.json()["message"]["number"].is_i64());
        let row = &invoice.json()["message"]["detail"][0];
        assert!(row["actions"].is_i64() && row["offer_id"].is_i64());
        assert!(affise.get("/3.0/admin/currency?extended=1")["quotes"][0]["min_payment"].is_i64());
        let offer = json!({ "offers": [{ "id": 1, "payout": "10", "payout_currency": "USD", "revenue": "16" }] });
        network.engine.import_network(network.call.now, Some("test"), &offer).unwrap().unwrap();
        let form = "offer=1&pid=1&goal=3&sum=5";
        let echo = affise.post("/3.0/admin/conversion/import", form)["data"].clone();
        for name in ["offer", "pid", "goal", "sum"] {
            assert!(echo[name].is_i64(), "{name}");
        }
    }

    fn rule_4_amounts_of_a_payment_have_eight_decimals(database) {
        let network = billed(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":2,"referrer":{"affiliate":1,"percent":"5"}}"#);
        let affise = Affise::serve(database, &network);
        affise.post("/3.1/payments/generate", "aid=2");
        affise.post("/3.1/payments/generate", "aid=1");
        let payment = affise.get("/3.1/payments/2")["payment"].clone();
        // 5 % of 14.00 beside 32.50.
        let shown = [&payment["revenue"], &payment["ref_revenue"], &payment["status"], &payment["currency"]];
        assert_eq!(shown, ["33.20000000", "0.70000000", "1", "150"]);
    }

    fn rule_5_empty_lists_are_lists(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.1/payments?date_from=2020-01-01&date_to=2020-01-01")["payments"], json!([]));
        let partner = affise.get("/3.0/admin/partner/3")["partner"].clone();
        assert_eq!((&partner["payment_systems"], &partner["customFields"]), (&json!([]), &json!([])));
    }

    fn rule_6_sub_accounts_and_balances_are_objects(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let partner = affise.get("/3.0/admin/partner/3")["partner"].clone();
        let none = json!({ "balance": 0, "hold": 0, "available": 0 });
        assert_eq!(partner["balance"], json!({ "EUR": none, "USD": none }));
        let empty = json!({ "value": "", "except": 0 });
        assert_eq!(partner["sub_accounts"], json!({ "1": empty, "2": empty }));
    }

    fn rule_7_a_time_has_one_space_and_no_t(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        affise.post("/3.1/payments/generate", "aid=1");
        let payment = affise.get("/3.1/payments/1")["payment"].clone();
        let partner = affise.get("/3.0/admin/partner/1")["partner"].clone();
        for (at, expected) in [
            (&payment["posted_date"], "2026-01-31 12:00:00"),
            (&payment["updated_at"], "2026-01-31 12:00:00"),
            (&partner["created_at"], "1970-01-01 00:00:00"),
            (&partner["updated_at"], "2026-01-31 12:00:00"),
        ] {
            assert_eq!(at, expected);
        }
    }

    fn rule_8_every_write_takes_every_encoding(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        affise.post("/3.1/payments/generate", "aid=1");
        let parts = |pairs: &[(&str, &str)]| {
            let part = |(name, value): &(&str, &str)| {
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            pairs.iter().map(part).collect::<String>() + "--b--\r\n"
        };
        // Path, pairs as a form, the same as JSON.
        let writes: [Write<'_>; 4] = [
            ("/3.1/payments/1", &[("comment", "x"), ("status", "3")], json!({ "comment": "x", "status": 3 })),
            ("/3.1/payments/1/add-correction", &[("revenue", "1.5"), ("comment", "y")], json!({ "revenue": 1.5, "comment": "y" })),
            (
                "/3.0/admin/partner/1",
                &[("payment_systems[0][system_id]", "13"), ("payment_systems[0][fields][4]", "z")],
                json!({ "payment_systems": [{ "system_id": 13, "fields": { "4": "z" } }] }),
            ),
            ("/3.0/admin/advertiser-invoice", &[("supplier_id", "1"), ("currency", "USD")], json!({ "supplier_id": 1, "currency": "USD" })),
        ];
        for (path, pairs, object) in writes {
            let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            affise.post(path, &form);
            affise.post(&format!("{path}/?{form}"), "");
            success(&affise.call(Role::Admin, "POST", path, "multipart/form-data; boundary=b", &parts(pairs)));
            success(&affise.call(Role::Admin, "POST", path, "application/json", &object.to_string()));
            // An empty body may have any type.
            success(&affise.call(Role::Admin, "POST", &format!("{path}?{form}"), "multipart/form-data", ""));
        }
        // Each of the five was carried out: 32.50 and five times 1.50.
        assert_eq!(affise.get("/3.1/payments/1")["payment"]["revenue"], "40.00000000");
        assert_eq!(affise.get("/3.0/admin/advertiser-invoices")["pagination"]["total_count"], 5);
        for list in ["aid=1", "aid[]=1", "aid[0]=1", "aid[7]=1", "aid=1&aid=2", "aid[]=1&aid[]=2"] {
            assert_eq!(affise.get(&format!("/3.1/payments?{MONTH}&{list}"))["pagination"]["total"], 1, "{list}");
        }
    }

    fn rule_9_the_newest_payment_is_first(database) {
        let mut network = billed(database);
        let early = Affise::serve(database, &network);
        early.post("/3.1/payments/generate", "aid=2");
        network.call.now = network.instant("2026-01-31 18:00:00");
        let request = quittance_engine::billing::RunRequest::payable_through(quittance_testkit::day("2026-01-31"));
        network.engine.bill(&network.call, &request, &mut |_| {}).unwrap();
        let ids: Vec<i64> = early.payments().iter().map(|payment| payment["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, [2, 1]);
    }

    fn rule_10_each_list_has_its_own_pagination(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let keys = |path: &str| {
            affise.get(path)["pagination"].as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(keys(&format!("/3.1/payments?{MONTH}")), set(&["limit", "page", "total"]));
        for path in ["/3.0/admin/partners", "/3.0/offers", "/3.0/stats/conversions", "/3.0/admin/advertiser-invoices"] {
            let last: std::collections::BTreeSet<String> = set(&["page", "per_page", "total_count"]);
            assert_eq!(keys(path), last, "{path}");
        }
        assert!(keys("/3.0/admin/partners?limit=1").contains("next_page"));
        assert!(!keys("/3.0/admin/partners?limit=1&page=5").contains("next_page"));
    }

    fn rule_11_the_id_stands_beside_a_partner(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.0/admin/partner/2")["id"], 2);
        assert_eq!(affise.post("/3.0/admin/partner/2", "notes=x")["id"], 2);
        assert_eq!(affise.post("/3.0/admin/partner", "email=a@example.com&password=x&country=DE")["id"], 6);
    }

    fn rule_12_slashes_and_the_case_of_the_key_do_not_matter(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let options = Request::builder().method("OPTIONS").uri("/healthz").body(Body::empty()).unwrap();
        assert_eq!(affise.send(options).status, 200);
        affise.post("/3.1/payments/generate", "");
        for rule in RULES.iter().filter(|rule| rule.method == "GET" && rule.roles.contains(&Role::Admin)) {
            let path = address(rule.route, "1");
            let answered = affise.call(Role::Admin, "GET", &path, FORM, "");
            assert!(answered.status == 200 || answered.json()["error"] == "Resource Not Found", "{path}: {}", answered.text);
        }
        for name in ["api-key", "API-Key", "API-KEY"] {
            let request = Request::builder().uri(format!("/3.0/offers/?{name}={}", server::secret(Role::Admin)));
            success(&affise.send(request.body(Body::empty()).unwrap()));
        }
    }

    fn every_route_knows_who_may_call_it(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        let own = ["/3.0/balance", "/3.1/partner/me", "/3.1/partner/api-key", "/3.1/partner/api_key"];
        let shared = [
            "/3.0/stats/conversions", "/3.0/stats/getreferralpayments", "/3.0/admin/partner/{id}/referrals",
        ];
        for rule in RULES {
            let route = rule.route.trim_end_matches('/');
            let path = address(rule.route, "1");
            for role in [Role::Admin, Role::Finance, Role::Viewer, Role::Affiliate, Role::Advertiser, Role::Tracker] {
                let expected = match role {
                    Role::Affiliate => own.contains(&route) || shared.contains(&route),
                    Role::Admin | Role::Finance => !own.contains(&route),
                    Role::Viewer => !own.contains(&route) && rule.method == "GET",
                    _ => false,
                };
                assert_eq!(rule.roles.contains(&role), expected, "{role} {} {path}", rule.method);
                if !expected {
                    let answered = affise.call(role, rule.method, &path, FORM, "");
                    assert_eq!(failure(&answered, 403), "Auth Denied", "{role} {} {path}", rule.method);
                }
            }
            let nobody = Request::builder().method(rule.method).uri(&path).body(Body::empty()).unwrap();
            assert_eq!(failure(&affise.send(nobody), 401), "Token is necessary", "{path}");
        }
    }

    fn what_is_of_another_network_is_as_if_absent(database) {
        let network = billed(database);
        let usd = quittance_domain::currency::Currency::parse("USD").unwrap();
        let other = network.engine.create_network(network.call.now, "other", &Zone::utc(), usd).unwrap();
        let call = Call { network: other.network_id, ..network.call.clone() };
        let file = json!({
            "network": { "first_invoice_id": 500, "first_invoice_number": 500, "require_payment_method": false },
            "affiliates": [{ "id": 900, "name": "Far" }],
            "advertisers": [{ "id": 901, "name": "Away" }],
            "offers": [{ "id": 902, "name": "Theirs", "advertiser": 901 }],
        });
        network.engine.import_network(call.now, Some("other"), &file).unwrap().unwrap();
        let theirs = quittance_domain::conversion::ConversionRecord { revenue: Some("9".into()), ..network.record("theirs", 900, 902, "approved", "2026-01-05", "10") };
        let positioned = quittance_engine::ingest::Positioned { position: 1, record: theirs };
        network.engine.ingest(&call, &[positioned], None).unwrap();
        for request in [
            quittance_engine::billing::RunRequest::payable_through(quittance_testkit::day("2026-01-31")),
            quittance_engine::billing::RunRequest::receivable_through(quittance_testkit::day("2026-01-31")),
        ] {
            network.engine.bill(&call, &request, &mut |_| {}).unwrap();
        }
        let affise = Affise::serve(database, &network);
        let get = |path: &str| failure(&affise.call(Role::Admin, "GET", path, FORM, ""), 404);
        for path in [
            "/3.1/payments/500", "/3.0/admin/partner/900", "/3.0/admin/partner/900/referrals",
            "/3.0/stats/conversionsbyid?id=theirs", "/3.0/stats/conversions?invoice_id=500",
            "/3.0/admin/advertiser-invoice/500",
        ] {
            assert_eq!(get(path), "Resource Not Found", "{path}");
        }
        let post = |path: &str, form: &str| affise.call(Role::Admin, "POST", path, FORM, form);
        for (path, form) in [
            ("/3.1/payments/500", "comment=x"), ("/3.1/payments/500/add-correction", "revenue=1&comment=x"),
            ("/3.1/payments/bulk-delete", "ids=500"), ("/3.1/payments/delete/500", ""),
            ("/3.1/payments/500/conversions/delete", "conversion_ids=theirs"), ("/3.0/admin/partner/900", "notes=x"),
            ("/3.0/admin/advertiser-invoice/500", "comment=x"),
        ] {
            assert_eq!(failure(&post(path, form), 404), "Resource Not Found", "{path}");
        }
        for path in ["/3.1/payments/delete/500", "/3.1/payments/del-correction/500000001"] {
            assert_eq!(failure(&affise.call(Role::Admin, "DELETE", path, FORM, ""), 404), "Resource Not Found", "{path}");
        }
        for (path, form, text) in [
            ("/3.1/payments/create-for-affiliate", "aid=900&sum=6&currency=150", "aid: Affiliates [900] not found"),
            ("/3.1/payments/generate", "aid=900", "aid: Affiliates [900] not found"),
            ("/3.0/admin/conversion/edit", "ids=theirs&status=hold", "ids: Conversions [theirs] not found"),
            ("/3.0/admin/conversion/edit-by-advertiser", "advertiser_id=901&ids=theirs&status=hold", "ids: Conversions [theirs] not found"),
            ("/3.0/admin/conversion/import", "offer=902&pid=1", "offer: Offers [902] not found"),
            ("/3.0/admin/conversions/import", "list[0][offer]=902&list[0][pid]=1", "list[0] offer: Offers [902] not found"),
            ("/3.0/admin/advertiser-invoice", "supplier_id=901&currency=USD", "supplier_id: Advertisers [901] not found"),
        ] {
            assert_eq!(failure(&post(path, form), 400), text, "{path}");
        }
        let empty = |path: &str, name: &str| assert_eq!(affise.get(path)[name], json!([]), "{path}");
        empty(&format!("/3.1/payments?{MONTH}&id=500"), "payments");
        empty("/3.0/admin/partners?id=900", "partners");
        empty("/3.0/stats/conversions?partner=900", "conversions");
        empty("/3.0/stats/conversions?action_id=theirs", "conversions");
        empty("/3.0/offers?id=902", "offers");
        empty("/3.0/admin/advertiser-invoices?supplier_id=901", "message");
        // And nothing of theirs was changed.
        assert_eq!(network.engine.invoice(&call, quittance_domain::ids::InvoiceId::new(500)).unwrap().version, 1);
    }

    fn unknown_addresses_are_told_in_the_envelope(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        for path in ["/3.0", "/3.0/", "/3.1", "/3.1/", "/3.0/nothing", "/3.1/nothing/at/all", "/3.0/admin", "/3.1/payments/1/2/3"] {
            for method in ["GET", "POST", "DELETE", "PUT"] {
                let answered = affise.call(Role::Admin, method, path, FORM, "");
                assert_eq!(failure(&answered, 404), "Page Not Found", "{method} {path}");
            }
        }
    }

    fn too_many_requests_are_told_when_to_come_back(database) {
        let network = billed(database);
        let limits = Limits { requests_per_second: 1, requests_burst: 2, ..Limits::default() };
        let affise = Affise::serve_with(database, &network, limits);
        let answers: Vec<_> =
            (0..5).map(|_| affise.call(Role::Admin, "GET", "/3.0/admin/payment_systems", FORM, "")).collect();
        let refused = answers.iter().find(|answered| answered.status != 200).expect("one of five is too many");
        assert!(failure(refused, 429).contains("too many requests"));
        assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    }

    fn a_run_that_takes_too_long_goes_on_after_its_answer(database) {
        let network = billed(database);
        // It waits no time at all: the answer comes before the run has begun.
        let limits = Limits { run_answer_millis_max: 0, ..Limits::default() };
        let affise = Affise::serve_with(database, &network, limits);
        let patient = Affise::serve_again(database, &network);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = Request::builder().method("POST").uri("/3.1/payments/generate").header("api-key", server::secret(Role::Admin));
        let request = request.header("content-type", FORM).body(Body::from("date=2026-01-31")).unwrap();
        let answered = affise.send_in(&runtime, request);
        assert_eq!(success(&answered)["message"], "Payment generates will take a few minutes");
        assert_eq!(patient.payments().len(), 0);
        // The run goes on as soon as the server's thread is given back to it.
        for _ in 0..1000 {
            runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(10)).await });
            if patient.payments().len() == 2 {
                break;
            }
        }
        assert_eq!(patient.payments().len(), 2);
        network.assert_verified();
    }

    fn a_key_is_replaced_by_its_affiliate(database) {
        let network = billed(database);
        let affise = Affise::serve_with_secret(database, &network, &"k".repeat(40));
        let made = success(&affise.call(Role::Affiliate, "POST", "/3.1/partner/api-key", FORM, ""));
        assert_eq!(made, json!({ "status": 1, "user": { "id": 1, "api_key": "k".repeat(40) } }));
        let old = affise.call(Role::Affiliate, "GET", "/3.0/balance", FORM, "");
        assert_eq!(failure(&old, 401), "Token is necessary");
        let request = Request::builder().uri("/3.0/balance").header("api-key", "k".repeat(40)).body(Body::empty()).unwrap();
        success(&affise.send(request));
        // Where nothing draws secrets none is made, and the key stays.
        let none = Affise::serve_again(database, &network);
        let request = Request::builder().method("POST").uri("/3.1/partner/api_key").header("api-key", "k".repeat(40));
        assert_eq!(none.send(request.body(Body::empty()).unwrap()).status, 503);
    }

    fn what_came_of_referrals(database) {
        let network = billed(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":2,"referrer":{"affiliate":1,"percent":"5"}}"#);
        let affise = Affise::serve(database, &network);
        affise.post("/3.1/payments/generate", "aid=2");
        let path = "/3.0/stats/getreferralpayments";
        let own = |query: &str| success(&affise.call(Role::Affiliate, "GET", &format!("{path}?{query}"), FORM, ""));
        // 5 % of 14.00.
        let row = |is_paid: &str| json!({
            "pid": "2", "ref": "1", "status": "1", "is_paid": is_paid, "currency": "USD", "count": "1",
            "max_created_at": "2026-01-31 12:00:00", "date_registration_partner": "1970-01-01 00:00:00",
            "sum_revenue": "0.70000",
        });
        let whole = |is_paid: &str| json!({
            "status": 1, "ref_payments": [row(is_paid)], "pagination": { "per_page": 100, "total_count": 1, "page": 1 },
        });
        assert_eq!(own(""), whole("0"));
        affise.post("/3.1/payments/generate", "aid=1");
        assert_eq!(own("pid=2&status=1&currency=150"), whole("2"));
        affise.post("/3.1/payments/2", "status=2");
        assert_eq!(own("date_from=31-01-2026&date_to=31-01-2026"), whole("1"));
        assert_eq!(own("filter[date_from]=2026-01-31&is_paid=1"), whole("1"));
        for none in ["is_paid=0", "pid=3", "status=0", "currency=47", "date_to=30-01-2026", "page=2"] {
            assert_eq!(own(none)["ref_payments"], json!([]), "{none}");
        }
        // The affiliate's own key asks for nobody else; the network's people name whom they mean.
        assert_eq!(own("ref=5"), whole("1"));
        assert_eq!(affise.get(&format!("{path}?ref=1")), whole("1"));
        // Without one, the network's people are shown what all referrers have.
        assert_eq!(affise.get(path), whole("1"));
        assert_eq!(affise.get(&format!("{path}?date_from=01-01-2026&date_to=31-01-2026")), whole("1"));
        for (query, found) in [
            ("refs[]=1", 1), ("refs=1&refs=2", 1), ("refs[]=2", 0), ("ref=1&refs[]=2", 0), ("ref=2", 0), ("pids[]=2", 1),
            ("pids[]=99", 0), ("ref=1&pids[]=99", 0), ("pid=2&pids[0]=2&pids[1]=3", 1), ("payment_statuses[]=1", 1),
            ("payment_statuses[]=0&payment_statuses[]=2", 0), ("is_paid=1&payment_statuses[]=2", 0), ("currencies[]=150", 1),
            ("currencies[]=47", 0), ("currency=USD", 1), ("currency=eur", 0), ("currencies[]=USD&currencies[]=EUR", 1),
            ("timezone=Europe/Berlin&date_from=31-01-2026&date_to=31-01-2026", 1), ("status=0", 0), ("status=1", 1),
            // It was recorded at noon in UTC: on Kiritimati, 14 hours ahead, the next day had begun.
            ("timezone=Pacific/Kiritimati&date_to=31-01-2026", 0), ("timezone=Pacific/Kiritimati&date_from=01-02-2026", 1),
        ] {
            assert_eq!(affise.get(&format!("{path}?{query}"))["pagination"]["total_count"], found, "{query}");
        }
        for (query, start) in [
            ("refs[]=x", "refs: "), ("payment_statuses[]=3", "payment_statuses: "), ("is_paid=3", "is_paid: "), ("status=2", "status: "),
            ("currencies[]=9999", "currencies: "), ("currency=dollars", "currency: "), ("timezone=Mars", "timezone: "), ("partner=2", "partner: "),
            ("filter[pid]=2", "pid: "),
        ] {
            let refused = failure(&affise.call(Role::Admin, "GET", &format!("{path}?{query}"), FORM, ""), 400);
            assert!(refused.starts_with(start), "{query}: {refused}");
        }
        let absurd = affise.call(Role::Affiliate, "GET", &format!("{path}?date_from=2026-31-01"), FORM, "");
        assert!(failure(&absurd, 400).starts_with("date_from: "));
    }

    /// Two referrers, each of whom has referred one: 5 % of 14.00 and 10 % of 32.50.
    fn every_referrer_is_listed_and_a_manager_is_shown_its_own(database) {
        let network = billed(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":2,"referrer":{"affiliate":1,"percent":"5"}}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"manager":31,"referrer":{"affiliate":3,"percent":"10"}}"#);
        let new = NewKey { role: Role::Manager, party: Some(31), name: String::new() };
        network.engine.create_key(&network.call, &new, &server::secret(Role::Manager)).unwrap();
        let affise = Affise::serve(database, &network);
        affise.post("/3.1/payments/generate", "aid=1");
        affise.post("/3.1/payments/generate", "aid=2");
        let path = "/3.0/stats/getreferralpayments";
        let found = |role: Role, query: &str| {
            let list = success(&affise.call(role, "GET", &format!("{path}?{query}"), FORM, ""));
            let row = |row: &Value| (row["ref"].as_str().unwrap().to_owned(), row["pid"].as_str().unwrap().to_owned(), row["sum_revenue"].as_str().unwrap().to_owned());
            list["ref_payments"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
        };
        let (one, three) = (("1".into(), "2".into(), "0.70000".into()), ("3".into(), "1".into(), "3.25000".into()));
        assert_eq!(found(Role::Admin, ""), [one.clone(), three.clone()]);
        assert_eq!(found(Role::Admin, "refs[]=3"), [three]);
        assert_eq!((found(Role::Manager, ""), found(Role::Manager, "refs[]=3")), (vec![one.clone()], vec![]));
        assert_eq!(found(Role::Affiliate, ""), [one]);
    }

    /// To leave out a filter that somebody sends would show too much.
    fn no_list_ignores_a_filter(database) {
        let network = billed(database);
        let affise = Affise::serve(database, &network);
        for rule in RULES.iter().filter(|rule| rule.method == "GET" && !rule.route.ends_with('/')) {
            // What has one row cannot show too many.
            let one = ["/3.1/payments/{id}", "/3.0/admin/partner/{id}", "/3.0/stats/conversionsbyid", "/3.0/admin/advertiser-invoice/{number}", "/3.0/offer/{id}"];
            if one.contains(&rule.route) || !rule.roles.contains(&Role::Admin) {
                continue;
            }
            let path = address(rule.route, "1");
            success(&affise.call(Role::Admin, "GET", &path, FORM, ""));
            let query = if path.contains('?') { "&" } else { "?" };
            for unknown in ["update_from_hours=9", "advertisers[]=9", "affiliate_id=9", "AID=9", "filter[offer_ids][]=9"] {
                let refused = failure(&affise.call(Role::Admin, "GET", &format!("{path}{query}{unknown}"), FORM, ""), 400);
                assert!(refused.contains(": Method does not allow this filter."), "{path} {unknown}: {refused}");
            }
        }
        // What stands beside nested filters, or in two ways for one thing, holds as well.
        let total = |path: &str| affise.get(path)["pagination"]["total_count"].as_i64().unwrap();
        let days = "filter[date_from]=2026-01-01&filter[date_to]=2026-01-31";
        assert_eq!(total(&format!("/3.0/stats/conversions?{days}")), 3);
        assert_eq!(total(&format!("/3.0/stats/conversions?{days}&partner[]=2")), 1);
        assert_eq!((total("/3.0/admin/partners?status=active&status_partner=1"), total("/3.0/admin/partners?status=active&status_partner=2")), (5, 0));
        for path in [format!("/3.1/payments?{MONTH}&update_from_hour=3"), "/3.0/stats/conversions?update_to_hour=3".to_owned()] {
            assert!(failure(&affise.call(Role::Admin, "GET", &path, FORM, ""), 400).starts_with("update_"), "{path}");
        }
        for path in ["/4.0", "/4.0/", "/4.0/affiliate/conversion/import", "/3.0/stats/custom", "/3.0", "/3.1/x"] {
            assert_eq!(failure(&affise.call(Role::Admin, "GET", path, FORM, ""), 404), "Page Not Found", "{path}");
        }
    }

    fn a_manager_acts_for_its_own_parties_alone(database) {
        let network = billed(database);
        let new = NewKey { role: Role::Manager, party: Some(31), name: String::new() };
        network.engine.create_key(&network.call, &new, &server::secret(Role::Manager)).unwrap();
        network.set_party(PartyKind::Advertiser, r#"{"id":2,"name":"Managed","manager":31}"#);
        let affise = Affise::serve(database, &network);
        let call = |method: &str, path: &str, form: &str| affise.call(Role::Manager, method, path, FORM, form);
        let get = |path: &str| success(&call("GET", path, ""));
        // Affiliate 1 is its own; 2 is not.
        success(&call("POST", "/3.1/payments/generate", ""));
        let pids = |value: Value| value.as_array().unwrap().iter().map(|p| p["pid"].as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!(pids(json!(affise.payments())), [1]);
        affise.post("/3.1/payments/generate", "aid=2");
        assert_eq!(pids(get(&format!("/3.1/payments?{MONTH}"))["payments"].clone()), [1]);
        assert_eq!(pids(get(&format!("/3.1/payments?{MONTH}&aid=2"))["payments"].clone()), [0; 0]);
        success(&call("POST", "/3.1/payments/1", "comment=x"));
        success(&call("POST", "/3.1/payments/1/add-correction", "revenue=1&comment=x"));
        for (method, path, form) in [
            ("GET", "/3.1/payments/2", ""), ("POST", "/3.1/payments/2", "comment=x"),
            ("POST", "/3.1/payments/2/add-correction", "revenue=1&comment=x"),
            ("DELETE", "/3.1/payments/del-correction/2000001", ""), ("DELETE", "/3.1/payments/delete/2", ""),
            ("POST", "/3.1/payments/bulk-delete", "ids=2"), ("POST", "/3.1/payments/2/conversions/delete", "offer_ids=1"),
            ("GET", "/3.0/admin/partner/2", ""), ("POST", "/3.0/admin/partner/2", "notes=x"),
            ("GET", "/3.0/admin/partner/2/referrals", ""), ("GET", "/3.0/stats/conversionsbyid?id=c", ""),
            ("GET", "/3.0/stats/getreferralpayments?ref=2", ""),
        ] {
            assert_eq!(failure(&call(method, path, form), 404), "Resource Not Found", "{method} {path}");
        }
        for (path, form, text) in [
            ("/3.1/payments/create-for-affiliate", "aid=2&sum=6&currency=150", "aid: Affiliates [2] not found"),
            ("/3.1/payments/generate", "aid=2", "aid: Affiliates [2] not found"),
            ("/3.0/admin/conversion/edit", "ids=c&status=hold", "ids: Conversions [c] not found"),
            ("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD", "supplier_id: Advertisers [1] not found"),
        ] {
            assert_eq!(failure(&call("POST", path, form), 400), text, "{path}");
        }
        assert!(failure(&call("POST", "/3.0/admin/partner/1", "manager_id=000000000000000000000001"), 400).starts_with("manager_id: "));
        let partners = get("/3.0/admin/partners");
        assert_eq!((&partners["pagination"]["total_count"], &partners["partners"][0]["id"]), (&json!(1), &json!(1)));
        let listed = get("/3.0/stats/conversions?date_from=2026-01-01");
        assert_eq!(listed["pagination"]["total_count"], 2);
        assert_eq!(get("/3.0/stats/conversions?date_from=2026-01-01&partner=2")["pagination"]["total_count"], 0);
        success(&call("POST", "/3.0/admin/advertiser-invoice", "supplier_id=2&currency=USD"));
        affise.post("/3.0/admin/advertiser-invoice", "supplier_id=1&currency=USD");
        assert_eq!(get("/3.0/admin/advertiser-invoices")["pagination"]["total_count"], 1);
        assert_eq!(failure(&call("GET", "/3.0/admin/advertiser-invoice/2", ""), 404), "Resource Not Found");
        // What another manager's affiliate earns by referring, and what another's advertiser owes, is not its to change.
        for form in ["ref=2&ref_percent=5", "ref=2"] {
            assert_eq!(failure(&call("POST", "/3.0/admin/partner/1", form), 400), "ref: Affiliates [2] not found");
            let new = format!("email=m@example.com&password=x&country=DE&{form}");
            assert_eq!(failure(&call("POST", "/3.0/admin/partner", &new), 400), "ref: Affiliates [2] not found");
        }
        affise.post("/3.0/admin/partner/1", "ref=2&ref_percent=5");
        for form in ["ref_percent=50", "ref=0"] {
            assert_eq!(failure(&call("POST", "/3.0/admin/partner/1", form), 400), "ref: Affiliates [2] not found");
        }
        // A client sends back what it has read.
        success(&call("POST", "/3.0/admin/partner/1", "ref=2&ref_percent=5&notes=x"));
        for form in ["ids=a&revenue=1", "ids=a&sum=1", "ids=a&status=hold&revenue=0"] {
            let text = failure(&call("POST", "/3.0/admin/conversion/edit", form), 400);
            assert!(text.contains("does not look after the advertiser of a"), "{text}");
        }
        let foreign = failure(&call("POST", "/3.0/admin/conversion/edit-by-advertiser", "ids=a&status=hold&advertiser_id=1"), 400);
        assert_eq!(foreign, "advertiser_id: Advertisers [1] not found");
        success(&call("POST", "/3.0/admin/conversion/edit", "ids=a&payouts=6.50"));
        network.set_party(PartyKind::Advertiser, r#"{"id":1,"manager":31}"#);
        success(&call("POST", "/3.0/admin/conversion/edit", "ids=a&revenue=9"));
        // Whom it makes it looks after.
        let made = success(&call("POST", "/3.0/admin/partner", "email=n@example.com&password=x&country=DE"));
        assert_eq!(made["partner"]["manager"]["id"], "00000000000000000000001f");
    }
}
