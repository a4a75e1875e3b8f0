//! Partners with their billing.

use axum::http::StatusCode;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{BILLINGS, secret, server};

const PARTNERS: &str = "/v1/networks/affiliates";

/// The keys of a live call in the vendor's documents.
const KEYS: [&str; 16] = [
    "network_affiliate_id",
    "network_id",
    "name",
    "account_status",
    "network_employee_id",
    "internal_notes",
    "has_notifications",
    "network_traffic_source_id",
    "account_executive_id",
    "adress_id",
    "default_currency_id",
    "is_contact_address_enabled",
    "enable_media_cost_tracking_links",
    "time_created",
    "time_saved",
    "referrer_id",
];

fn billing(partner: &Value) -> &Value {
    &partner["relationship"]["billing"]
}

both_databases! {
    fn a_partner_is_made_read_and_replaced_with_its_billing(database) {
        let server = server(database);
        let body = r#"{"name":"New Partner","account_status":"active","network_employee_id":3,"internal_notes":"n","default_currency_id":"EUR",
            "billing":{"billing_frequency":"two_months","payment_type":"paypal","tax_id":"DE1","is_invoice_creation_auto":true,
            "auto_invoice_start_date":"2026-01-01 00:00:00","invoice_amount_threshold":50.5,"invoice_generation_days_delay":7,"default_invoice_is_hidden":true,
            "default_payment_terms":15,"details":{"day_of_month":5,"starting_month":2},
            "billing":{"paypal_reception_method":"email","reception_identifier":"a@b.example"}}}"#;
        let made = server.ok("POST", PARTNERS, body);
        let id = made["network_affiliate_id"].as_i64().unwrap();
        for key in KEYS {
            assert!(made.get(key).is_some(), "{key} is missing");
        }
        assert_eq!((&made["default_currency_id"], &made["network_employee_id"]), (&json!("EUR"), &json!(3)));
        let path = format!("{PARTNERS}/{id}");
        // A plain read has no billing.
        assert!(server.ok("GET", &path, "")["relationship"].get("billing").is_none());
        let read = server.ok("GET", &format!("{path}?relationship=billing"), "");
        assert_eq!(billing(&read), &json!({
            "network_affiliate_id": id, "billing_frequency": "two_months", "payment_type": "paypal", "tax_id": "DE1",
            "is_invoice_creation_auto": true, "auto_invoice_start_date": "2026-01-01", "invoice_amount_threshold": 50.5,
            "invoice_generation_days_delay": 7, "default_invoice_is_hidden": true, "default_payment_terms": 15,
            "details": { "day_of_month": 5, "starting_month": 2 }, "billing": { "email": "a@b.example" },
        }));
        // What was read can be sent back.
        assert_eq!(server.ok("PUT", &path, &read.to_string()), read);
        // Without its billing a partner keeps it; in a billing that is given, what is left out has its default.
        let kept = server.ok("PUT", &path, r#"{"name":"Renamed"}"#);
        assert_eq!((&kept["name"], &kept["network_employee_id"], billing(&kept)), (&json!("Renamed"), &json!(0), billing(&read)));
        let reset = server.ok("PUT", &path, r#"{"name":"Renamed","billing":{"billing_frequency":"weekly","details":{"day_of_week":4}}}"#);
        assert_eq!(billing(&reset), &json!({
            "network_affiliate_id": id, "billing_frequency": "weekly", "payment_type": "none", "tax_id": "",
            "is_invoice_creation_auto": false, "auto_invoice_start_date": "", "invoice_amount_threshold": 0,
            "invoice_generation_days_delay": 0, "default_invoice_is_hidden": false, "default_payment_terms": 0,
            "details": { "day_of_week": 4 }, "billing": {},
        }));
        for (frequency, details) in [
            ("bimonthly", json!({ "day_of_month_one": 3, "day_of_month_two": 18 })),
            ("monthly", json!({ "day_of_month": 2 })),
            ("quarterly", json!({ "day_of_month": 1, "starting_month": 3 })),
            ("manual", json!({})),
        ] {
            let body = json!({ "name": "R", "billing": { "billing_frequency": frequency, "details": details } });
            let changed = server.ok("PUT", &path, &body.to_string());
            assert_eq!((&billing(&changed)["billing_frequency"], &billing(&changed)["details"]), (&json!(frequency), &details));
        }
    }

    fn settings_of_a_partner_decide_its_invoices(database) {
        let server = server(database);
        server.ok("PUT", &format!("{PARTNERS}/2"), r#"{"name":"Google","billing":{"billing_frequency":"monthly","payment_type":"masspay","default_invoice_is_hidden":true,"default_payment_terms":20,"details":{"day_of_month":1}}}"#);
        server.ok("POST", &format!("{BILLINGS}/invoices"), r#"{"network_affiliate_id":2,"start_time":"2026-01-01","end_time":"2026-01-31","details":[{"amount":5}]}"#);
        let row = server.ok("POST", &format!("{BILLINGS}/invoicestable"), "")["invoices"][0].clone();
        assert_eq!((&row["is_hidden_affiliate"], &row["payment_terms"], &row["payment_type"]), (&json!(true), &json!(20), &json!("masspay")));
        let partner = server.ok("GET", &format!("{PARTNERS}/2?relationship=affiliate_payment_balance"), "");
        assert_eq!(partner["relationship"]["affiliate_payment_balance"], json!({ "total": 1, "entries": [{ "currency_id": "USD", "balance": 5 }] }));
    }

    fn partners_are_listed_in_pages(database) {
        let server = server(database);
        let ids = |path: &str| {
            let found = server.ok("GET", path, "");
            let rows: Vec<i64> = found["affiliates"].as_array().unwrap().iter().map(|row| row["network_affiliate_id"].as_i64().unwrap()).collect();
            (rows, found["paging"].clone())
        };
        assert_eq!(ids(PARTNERS), (vec![1, 2, 3], json!({ "page": 1, "page_size": 50, "total_count": 3 })));
        assert_eq!(ids(&format!("{PARTNERS}?page=2&page_size=2&relationship=billing")).0, [3]);
        assert_eq!(ids(&format!("{PARTNERS}?filter=account_status%3Dpending")).0, Vec::<i64>::new());
        for wrong in ["labels%3Da", "account_status%3Eactive", "time_created", "time_created%3Eyesterday", "time_saved%3D"] {
            server.refused("GET", &format!("{PARTNERS}?filter={wrong}"), "", 400, "filter: ");
        }
        let manager = secret(Role::Manager, 4);
        assert_eq!(server.ask(&manager, "GET", PARTNERS, "").1["affiliates"].as_array().unwrap().len(), 1);
        assert_eq!(server.ask(&manager, "GET", &format!("{PARTNERS}/1"), "").0, StatusCode::FORBIDDEN);
        assert_eq!(server.ask(&secret(Role::Affiliate, 1), "GET", PARTNERS, "").0, StatusCode::FORBIDDEN);
        server.refused("GET", &format!("{PARTNERS}/99"), "", 404, "99");
        server.refused("GET", &format!("{PARTNERS}/x"), "", 404, "x");
    }

    fn partners_are_filtered_by_when_they_were_made_and_changed(database) {
        let mut server = server(database);
        let seconds = |instant: &str| quittance_domain::time::parse_instant(instant, &quittance_domain::time::Zone::utc()).unwrap().micros() / 1_000_000;
        let made = seconds("2026-02-11T00:00:05Z");
        server.at("2026-02-11T00:00:05Z");
        let new = server.ok("POST", PARTNERS, r#"{"name":"New"}"#);
        assert_eq!((&new["time_created"], &new["time_saved"]), (&json!(made), &json!(made)));
        server.at("2026-02-12T00:00:00Z");
        let saved = seconds("2026-02-12T00:00:00Z");
        server.ok("PUT", &format!("{PARTNERS}/2"), r#"{"name":"Google Inc"}"#);
        let row = server.ok("GET", &format!("{PARTNERS}/2"), "");
        assert_eq!((&row["time_created"], &row["time_saved"]), (&json!(0), &json!(saved)));
        let ids = |filters: &[String]| {
            let query: Vec<String> = filters.iter().map(|filter| format!("filter={}", filter.replace('=', "%3D").replace('<', "%3C").replace('>', "%3E"))).collect();
            let found = server.ok("GET", &format!("{PARTNERS}?{}", query.join("&")), "");
            let rows: Vec<i64> = found["affiliates"].as_array().unwrap().iter().map(|row| row["network_affiliate_id"].as_i64().unwrap()).collect();
            assert_eq!(found["paging"]["total_count"], json!(rows.len()));
            rows
        };
        assert_eq!(ids(&[format!("time_created={made}")]), [4]);
        assert_eq!(ids(&[format!("time_created>{made}")]), Vec::<i64>::new());
        assert_eq!(ids(&[format!("time_created>{}", made - 1)]), [4]);
        assert_eq!(ids(&[format!("time_created<{made}")]), [1, 2, 3]);
        assert_eq!(ids(&[format!("time_saved>{made}")]), [2]);
        assert_eq!(ids(&[format!("time_saved>{}", made - 1), format!("time_saved<{saved}")]), [4]);
        assert_eq!(ids(&["time_created<1".to_owned(), "account_status=active".to_owned(), format!("time_saved={saved}")]), [2]);
        assert_eq!(ids(&["time_created>9223372036854775807".to_owned()]), Vec::<i64>::new());
    }

    fn advertisers_are_listed_with_the_keys_of_the_vendors_sample(database) {
        let server = server(database);
        let list = "/v1/networks/advertisers";
        let found = server.ok("GET", list, "");
        assert_eq!(found["paging"], json!({ "page": 1, "page_size": 50, "total_count": 1 }));
        let row = found["advertisers"][0].as_object().unwrap();
        assert_eq!((&row["network_advertiser_id"], &row["name"]), (&json!(1), &json!("Acme")));
        assert_eq!((&row["account_status"], &row["default_currency_id"]), (&json!("active"), &json!("USD")));
        for key in ["network_id", "network_employee_id", "internal_notes", "address_id", "sales_manager_id", "reporting_timezone_id", "accounting_contact_email", "time_created", "time_saved", "relationship"] {
            assert!(row.contains_key(key), "{key}");
        }
        assert_eq!(server.ok("GET", &format!("{list}?page=2"), "")["advertisers"], json!([]));
        assert_eq!(server.ask(&secret(Role::Manager, 4), "GET", list, "").1["advertisers"], json!([]), "it manages none");
        assert_eq!(server.ask(&secret(Role::Affiliate, 1), "GET", list, "").0, StatusCode::FORBIDDEN);
    }

    fn what_is_wrong_with_a_partner_is_told_with_its_field(database) {
        let server = server(database);
        for (body, says) in [
            ("", "name is required"),
            (r#"{"name":5}"#, "name"),
            (r#"{"name":"x","account_status":"gone"}"#, "gone"),
            (r#"{"name":"x","network_employee_id":77}"#, "network_employee_id: there is no manager 77"),
            (r#"{"name":"x","default_currency_id":"XXQ"}"#, "default_currency_id"),
            (r#"{"name":"x","billing":[]}"#, "billing"),
            (r#"{"name":"x","billing":{"billing_frequency":"daily"}}"#, "billing.billing_frequency"),
            (r#"{"name":"x","billing":{"billing_frequency":"monthly"}}"#, "billing.details.day_of_month is required"),
            (r#"{"name":"x","billing":{"billing_frequency":"monthly","details":{"day_of_month":31}}}"#, "billing.details"),
            (r#"{"name":"x","billing":{"is_invoice_creation_auto":true}}"#, "billing.auto_invoice_start_date"),
            (r#"{"name":"x","billing":{"auto_invoice_start_date":"2026-02-30"}}"#, "billing.auto_invoice_start_date"),
            (r#"{"name":"x","billing":{"payment_type":"veem"}}"#, "billing.payment_type"),
            (r#"{"name":"x","billing":{"payment_type":"paypal"}}"#, "billing.billing"),
            (r#"{"name":"x","billing":{"payment_type":"masspay","billing":{"iban":"DE1"}}}"#, "billing.billing.iban"),
            (r#"{"name":"x","billing":{"invoice_amount_threshold":"lots1"}}"#, "billing.invoice_amount_threshold"),
            (r#"{"name":"x","billing":{"invoice_amount_treshold":5}}"#, "billing.invoice_amount_treshold: this name is not known here; is invoice_amount_threshold meant?"),
            (r#"{"name":"x","referrer_id":2}"#, "referrer_id: this is not kept here"),
            (r#"{"name":"x","name":"y"}"#, "name is given twice"),
        ] {
            server.refused("POST", PARTNERS, body, 400, says);
        }
        assert_eq!(server.ok("GET", PARTNERS, "")["paging"]["total_count"], 3, "none was made");
    }
}
