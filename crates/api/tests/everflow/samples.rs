//! The documentation's own examples and responses, replayed against networks that are built like those of the samples:
//! each key with its type and value, and no keys but the newer ones beside them.

use axum::http::StatusCode;
use quittance_http::Limits;
use quittance_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::server::{BILLINGS, Server};

/// Keys that newer versions of the vendor's documents add.
const NEWER: [&str; 5] = ["is_payable", "payment_status", "paid_date", "payments", "type"];
/// An id of the vendor's own counting: only its type is ours to match.
const COUNTED: &str = "network_affiliate_invoice_detail_id";

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Every key of the sample is there with its value, and only newer ones besides.
fn assert_like(sample: &Value, found: &Value, place: &str) {
    match (sample, found) {
        (Value::Object(sample), Value::Object(found)) => {
            for (key, value) in sample {
                let place = format!("{place}.{key}");
                let found = found.get(key).unwrap_or_else(|| panic!("{place} is missing"));
                if key == COUNTED {
                    assert!(found.as_i64().is_some(), "{place}: {found}");
                } else {
                    assert_like(value, found, &place);
                }
            }
            let more: Vec<&String> =
                found.keys().filter(|key| !sample.contains_key(*key) && !NEWER.contains(&key.as_str())).collect();
            assert!(more.is_empty(), "{place} has {more:?} besides");
        }
        (Value::Array(sample), Value::Array(found)) => {
            assert_eq!(sample.len(), found.len(), "{place}");
            for (i, (sample, found)) in sample.iter().zip(found).enumerate() {
                assert_like(sample, found, &format!("{place}[{i}]"));
            }
        }
        // The text of a number counts: 72.95 is not 72.950, and 0 is not 0.0.
        _ => assert_eq!(sample.to_string(), found.to_string(), "{place}"),
    }
}

/// A network in which one partner was billed for some conversions of one offer.
fn billed(
    database: &TestDatabase,
    zone: &str,
    invoice: i64,
    party: &Value,
    conversion: &str,
    create: (&str, &str),
) -> Server {
    let file = json!({
        "network": { "name": "sample", "time_zone": zone, "currency": "USD", "first_invoice_id": invoice },
        "payment_systems": [{ "id": 1, "title": "Mass payments", "type": "masspay" }],
        "affiliates": [party],
        "offers": [{ "id": 3, "name": "Example Offer Name" }],
    });
    let mut server = Server::of(database, &file, Limits::default());
    server.at(create.0);
    server.approve(conversion);
    server.ok("POST", &format!("{BILLINGS}/invoices"), create.1);
    server
}

both_databases! {
    fn the_table_is_the_samples(database) {
        let party = json!({ "id": 27, "name": "Example Affiliate", "payment_methods": [{ "system": 1, "main": true }] });
        let create = r#"{"network_affiliate_id":27,"start_time":"2019-12-01","end_time":"2020-03-06","payment_terms":20}"#;
        let mut server =
            billed(database, "Europe/Amsterdam", 368, &party, "c1 27 3 2020-01-05 200", ("2020-03-07T00:33:35Z", create));
        server.at("2020-09-03T13:34:03Z");
        server.ok("PATCH", &format!("{BILLINGS}/invoices"), r#"{"invoice_ids":[368],"status":"paid"}"#);
        let found = server.ok("POST", &format!("{BILLINGS}/invoicestable"), "");
        assert_like(&read(include_str!("samples/invoicestable.json")), &found, "table");
        let row = &found["invoices"][0];
        assert_eq!((&row["paid_date"], &row["payment_status"], &row["is_payable"]), (&json!(1_599_140_043), &json!("complete"), &json!(true)));
        server.verified();
    }

    fn the_examples_find_what_they_say_they_find(database) {
        let party = json!({ "id": 8080, "name": "Google" });
        let create = r#"{"network_affiliate_id":8080,"start_time":"2020-03-01","end_time":"2020-04-01"}"#;
        let server = billed(database, "UTC", 1, &party, "c1 8080 3 2020-03-05 23", ("2020-04-03T00:00:00Z", create));
        // Later, of another period: only the second example finds it too.
        server.ok("POST", &format!("{BILLINGS}/invoices"), r#"{"network_affiliate_id":8080,"start_time":"2020-04-02","end_time":"2020-04-02","details":[{"amount":1}]}"#);
        let summary = server.ok("POST", &format!("{BILLINGS}/summary"), include_str!("samples/example_1.json"));
        assert_like(&read(include_str!("samples/summary.json")), &summary, "summary");
        let found = server.ok("POST", &format!("{BILLINGS}/invoicestable"), include_str!("samples/example_1.json"));
        assert_eq!((found["invoices"].as_array().unwrap().len(), &found["invoices"][0]["balance"]), (1, &json!(23)));
        let second = include_str!("samples/example_2.json");
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/summary"), second), json!({"total_count":2,"balance":24,"billed":24,"paid":0}));
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/invoicestable"), second)["paging"], json!({"page":1,"page_size":50,"total_count":2}));
    }

    fn a_single_invoice_is_the_samples(database) {
        let party = json!({ "id": 27, "name": "Example Affiliate" });
        let create = r#"{"network_affiliate_id":27,"start_time":"2020-09-03","end_time":"2020-09-09","payment_terms":15,"public_notes":"x"}"#;
        let mut server =
            billed(database, "America/New_York", 553, &party, "c1 27 3 2020-09-05 72.95", ("2020-09-10T04:17:31Z", create));
        server.at("2021-07-12T18:29:40Z");
        let path = format!("{BILLINGS}/invoices/553");
        server.ok("PUT", &path, r#"{"network_affiliate_id":27,"payment_terms":15}"#);
        let found = server.ok("GET", &path, "");
        assert_like(&read(include_str!("samples/invoice.json")), &found, "invoice");
        assert_eq!(found["relationship"]["payments"], json!([]));
        assert_eq!(found["relationship"]["details"][0]["type"], "offer_detail");
    }

    fn the_create_example_makes_the_invoice(database) {
        let file = json!({
            "network": { "name": "sample", "time_zone": "UTC", "currency": "USD" },
            "affiliates": [{ "id": 7, "name": "Seven" }],
        });
        let mut server = Server::of(database, &file, Limits::default());
        server.at("2021-12-21T00:00:00Z");
        let made = server.ok("POST", &format!("{BILLINGS}/invoices"), include_str!("samples/create.json"));
        assert_eq!((&made["start_time"], &made["end_time"]), (&json!("2021-12-01 00:00:00"), &json!("2021-12-20 23:59:59")));
        assert_eq!((&made["payment_terms"], &made["is_hidden_affiliate"]), (&json!(15), &json!(false)));
        assert_eq!(made["public_notes"], "public note visible to affiliate");
        assert_eq!(made["internal_notes"], "internal note not visible to affiliate");
        let id = &made["network_affiliate_invoice_id"];
        assert_eq!(server.ok("GET", &format!("{BILLINGS}/invoices/{id}"), ""), made);
        // Nothing is owed, so nothing is unpaid.
        assert_eq!((&made["status"], &made["balance"]), (&json!("paid"), &json!(0)));
        assert_eq!(server.network("POST", &format!("{BILLINGS}/invoices"), "{}").0, StatusCode::BAD_REQUEST);
    }
}
