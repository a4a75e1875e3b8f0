//! Bulk edits of partners and advertisers: what they change and leave, and their previews.

use axum::http::StatusCode;
use quittance_engine::history::ChangeFilter;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{Server, secret, server};

const PARTNERS: &str = "/v1/networks/patch/affiliates";
const ADVERTISERS: &str = "/v1/networks/patch/advertiser";

fn body(key: &str, ids: &[i64], fields: &[(&str, Value)]) -> String {
    let fields: Vec<Value> = fields
        .iter()
        .map(|(field, value)| json!({ "field_type": field, "field_value": value, "operator": "overwrite" }))
        .collect();
    json!({ key: ids, "fields": fields }).to_string()
}

fn patch(ids: &[i64], fields: &[(&str, Value)]) -> String {
    body("network_affiliate_ids", ids, fields)
}

fn apply(server: &Server, ids: &[i64], fields: &[(&str, Value)]) {
    let done = server.ok("PATCH", &format!("{PARTNERS}/apply"), &patch(ids, fields));
    assert_eq!(done, json!({ "result": true }));
}

/// A partner with its billing.
fn partner(server: &Server, id: i64) -> Value {
    server.ok("GET", &format!("/v1/networks/affiliates/{id}?relationship=billing"), "")
}

fn billing(server: &Server, id: i64) -> Value {
    partner(server, id)["relationship"]["billing"].clone()
}

/// A change of a preview.
fn change(server: &Server, id: i64, field: &str, [from, to]: [Value; 2], wrong: &str) -> Value {
    let row = partner(server, id);
    let field = |value: Value| json!({ "field_type": field, "field_value": value, "operator": "overwrite" });
    json!({
        "network_affiliate": { "network_affiliate_id": id, "network_id": 1, "name": row["name"], "account_status": row["account_status"] },
        "change_status": if wrong.is_empty() { "ok" } else { "error" },
        "current_field": field(from), "changed_field": field(to), "error_message": wrong, "related_changes": "",
    })
}

both_databases! {
    fn what_is_named_changes_and_nothing_else(database) {
        let server = server(database);
        let full = r#"{"name":"Two","network_employee_id":4,"internal_notes":"n","billing":{"billing_frequency":"two_months","payment_type":"paypal","tax_id":"DE1",
            "is_invoice_creation_auto":true,"auto_invoice_start_date":"2026-01-01","invoice_amount_threshold":50.5,"invoice_generation_days_delay":7,
            "default_invoice_is_hidden":true,"default_payment_terms":15,"details":{"day_of_month":5,"starting_month":2},
            "billing":{"email":"a@b.example"}}}"#;
        server.ok("PUT", "/v1/networks/affiliates/2", full);
        let mut expected = partner(&server, 2);
        for (field, value, place) in [
            ("account_status", json!("inactive"), "/account_status"),
            ("account_manager_id", json!(3), "/network_employee_id"),
            ("affiliate_name", json!("Second"), "/name"),
            ("internal_note", json!("late"), "/internal_notes"),
            ("billing_tax_details", json!("FR2"), "/relationship/billing/tax_id"),
            ("billing_frequency_two_months", json!({ "day_of_month": 9, "starting_month": 3 }), "/relationship/billing/details"),
            ("billing_auto_invoicing_creation_amount_threshold", json!(12.25), "/relationship/billing/invoice_amount_threshold"),
            ("billing_auto_invoicing_auto_invoice_start_date", json!("2026-03-01"), "/relationship/billing/auto_invoice_start_date"),
            ("billing_auto_invoicing_generation_days_delay", json!(3), "/relationship/billing/invoice_generation_days_delay"),
            ("billing_invoice_setting_terms_days", json!(45), "/relationship/billing/default_payment_terms"),
            ("billing_invoice_setting_hide_from_affiliate_", json!(false), "/relationship/billing/default_invoice_is_hidden"),
            ("billing_auto_invoicing_auto_creation", json!(false), "/relationship/billing/is_invoice_creation_auto"),
            ("currency_id", json!("EUR"), "/default_currency_id"),
        ] {
            apply(&server, &[2], &[(field, value.clone())]);
            *expected.pointer_mut(place).unwrap() = value;
            let found = partner(&server, 2);
            expected["time_saved"] = found["time_saved"].clone();
            assert_eq!(found, expected, "{field}");
        }
        // A cycle changes with its days.
        apply(&server, &[2], &[("billing_frequency", json!("weekly")), ("billing_frequency_weekly", json!({ "day_of_week": 4 }))]);
        let found = billing(&server, 2);
        assert_eq!((&found["billing_frequency"], &found["details"]), (&json!("weekly"), &json!({ "day_of_week": 4 })));
        apply(&server, &[2], &[("billing_frequency", json!("manual"))]);
        assert_eq!((&billing(&server, 2)["billing_frequency"], &billing(&server, 2)["details"]), (&json!("manual"), &json!({})));
        assert_eq!(billing(&server, 2)["payment_type"], "paypal");
    }

    fn methods_of_any_number_survive_an_edit(database) {
        // The vendor's object holds one method; an edit of something else must not make one of several.
        let server = server(database);
        let file = json!({ "affiliates": [{ "id": 1, "payment_methods": [{ "system": 1, "currency": "EUR", "main": true }, { "system": 2, "main": true }] }] });
        server.engine.import_network(server.call.now, Some("test"), &file).unwrap().unwrap();
        let methods = || server.engine.party(&server.call, quittance_domain::ids::PartyKind::Affiliate, 1).unwrap().methods;
        let before = methods();
        assert_eq!(before.len(), 2);
        apply(&server, &[1], &[("billing_invoice_setting_terms_days", json!(9))]);
        assert_eq!(methods(), before);
    }

    fn several_change_together_or_not_at_all(database) {
        let server = server(database);
        apply(&server, &[1, 3, 3], &[("account_status", json!("suspended")), ("billing_invoice_setting_terms_days", json!(20))]);
        for (id, status, terms) in [(1, "suspended", 20), (2, "active", 0), (3, "suspended", 20)] {
            assert_eq!((&partner(&server, id)["account_status"], &billing(&server, id)["default_payment_terms"]), (&json!(status), &json!(terms)), "{id}");
            let filter = ChangeFilter { subject: "affiliate".to_owned(), subject_id: id.to_string(), action: "updated".to_owned(), ..ChangeFilter::default() };
            let history = server.engine.find_changes(&server.call, &filter, 0, 10).unwrap().rows;
            assert_eq!(history.len(), usize::from(terms != 0), "{id}: {history:?}");
        }
        // The third alone has no cycle that automatic invoices could follow.
        let monthly = [("billing_frequency", json!("monthly")), ("billing_frequency_monthly", json!({ "day_of_month": 2 }))];
        apply(&server, &[1, 2], &monthly);
        let auto = [("billing_auto_invoicing_auto_creation", json!(true)), ("billing_auto_invoicing_auto_invoice_start_date", json!("2026-01-01"))];
        server.refused("PATCH", &format!("{PARTNERS}/apply"), &patch(&[1, 2, 3], &auto), 400, "affiliate 3: billing_auto_invoicing_auto_creation: needs a billing_cycle");
        server.refused("PATCH", &format!("{PARTNERS}/apply"), &patch(&[1, 99], &[("account_status", json!("active"))]), 404, "there is no affiliate 99");
        assert_eq!((&partner(&server, 1)["account_status"], &billing(&server, 1)["is_invoice_creation_auto"]), (&json!("suspended"), &json!(false)));
        apply(&server, &[1, 2], &auto);
        assert_eq!(billing(&server, 2)["is_invoice_creation_auto"], true);
        server.verified();
    }

    fn what_is_another_networks_is_not_there(database) {
        let server = server(database);
        let file = json!({
            "network": { "name": "other", "time_zone": "UTC", "currency": "USD" },
            "affiliates": [{ "id": 50, "name": "Foreign" }], "offers": [{ "id": 9, "name": "Foreign" }],
        });
        let other = server.engine.import_network(server.call.now, None, &file).unwrap().unwrap().network.network_id;
        let call = quittance_engine::Call { network: other, ..server.call.clone() };
        let record = quittance_domain::conversion::ConversionRecord {
            conversion_id: "f1".into(), affiliate_id: Some(quittance_domain::ids::AffiliateId::new(50)),
            offer_id: Some(quittance_domain::ids::OfferId::new(9)), status: quittance_domain::conversion::ConversionStatus::parse("approved"),
            occurred_at: Some(server.call.now), payout: Some("5".into()), ..Default::default()
        };
        let positioned = quittance_engine::ingest::Positioned { position: 1, record };
        assert_eq!(server.engine.ingest(&call, &[positioned], None).unwrap().counts.created, 1);
        server.refused("PATCH", &format!("{PARTNERS}/apply"), &patch(&[50], &[("account_status", json!("inactive"))]), 404, "there is no affiliate 50");
        let preview = server.ok("POST", &format!("{PARTNERS}/submit"), &patch(&[50], &[("account_status", json!("inactive"))]));
        assert_eq!(preview, json!({ "changes": [], "resource_errors": [{ "resource_id": 50, "error_message": "there is no affiliate 50" }] }));
        let conversions = "/v1/networks/reporting/conversions";
        server.refused("PUT", &format!("{conversions}/f1/saleamount"), r#"{"sale_amount":1}"#, 404, "f1");
        let adjust = r#"{"conversions":[{"conversion_id":"f1","payout_amount":1}]}"#;
        server.refused("POST", &format!("{conversions}/bulkpayoutadjustment"), adjust, 404, "f1");
        assert_eq!(server.ok("POST", &format!("{conversions}/summary"), r#"{"from":"2026-02-01","to":"2026-02-28"}"#)["total"], 0);
        let named = r#"{"search_terms":[{"search_type":"name","value":"Foreign"}]}"#;
        assert_eq!(server.ok("POST", "/v1/networks/affiliatestable", named)["paging"]["total_count"], 0);
    }

    fn a_preview_has_the_shape_of_the_vendors_and_changes_nothing(database) {
        let server = server(database);
        let before = partner(&server, 1);
        let submit = |ids: &[i64], fields: &[(&str, Value)]| server.ok("POST", &format!("{PARTNERS}/submit"), &patch(ids, fields));
        assert_eq!(submit(&[1], &[("account_status", json!("inactive"))]), json!({
            "changes": [change(&server, 1, "account_status", [json!("active"), json!("inactive")], "")],
            "resource_errors": [],
        }));
        let fields = [("billing_frequency_monthly", json!({ "day_of_month": 2 })), ("account_manager_id", json!(77)), ("billing_tax_details", json!("X"))];
        assert_eq!(submit(&[2, 99], &fields), json!({
            "changes": [
                change(&server, 2, "billing_frequency_monthly", [Value::Null, json!({ "day_of_month": 2 })], "billing_frequency_monthly: the billing_frequency is \"manual\"; change that as well"),
                change(&server, 2, "account_manager_id", [json!(4), json!(77)], ""),
                change(&server, 2, "billing_tax_details", [json!(""), json!("X")], ""),
            ],
            "resource_errors": [{ "resource_id": 99, "error_message": "there is no affiliate 99" }],
        }));
        assert_eq!(submit(&[3], &[("account_manager_id", json!(77))])["changes"][0]["error_message"], "account_manager_id: there is no manager 77");
        // What follows from a change, and is none of those that are asked for.
        let found = submit(&[3], &[("billing_auto_invoicing_auto_creation", json!(true))]);
        assert_eq!(found["changes"][0]["change_status"], "ok");
        assert_eq!(found["resource_errors"], json!([{ "resource_id": 3,
            "error_message": "billing_auto_invoicing_auto_invoice_start_date: is required where invoices are created automatically" }]));
        assert_eq!(partner(&server, 1), before);
        assert_eq!(server.ask(&secret(Role::Viewer, 0), "POST", &format!("{PARTNERS}/submit"), "{}").0, StatusCode::FORBIDDEN);
    }

    fn advertisers_are_edited_likewise(database) {
        let server = server(database);
        let fields = [
            ("advertiser_status", json!("suspended")), ("advertiser_name", json!("Acme Two")), ("billing_tax_details", json!("GB1")),
            ("billing_frequency", json!("bimonthly")), ("billing_frequency_bimonthly", json!({ "day_of_month_one": 3, "day_of_month_two": 18 })),
            ("billing_auto_invoicing_auto_creation", json!(true)), ("billing_auto_invoicing_auto_invoice_start_date", json!("2026-02-01")),
            ("billing_auto_invoicing_creation_amount_threshold", json!(5)), ("billing_auto_invoicing_generation_days_delay", json!(1)),
            ("billing_invoice_setting_terms_days", json!(30)), ("billing_invoice_setting_hide_from_advertiser_", json!(true)),
        ];
        let body = body("network_advertiser_ids", &[1], &fields);
        let preview = server.ok("POST", &format!("{ADVERTISERS}/submit"), &body);
        assert_eq!((preview["changes"].as_array().unwrap().len(), &preview["resource_errors"]), (11, &json!([])));
        assert_eq!(preview["changes"][0]["network_advertiser"], json!({ "network_advertiser_id": 1, "network_id": 1, "name": "Acme", "account_status": "active" }));
        assert_eq!(server.ok("PATCH", &format!("{ADVERTISERS}/apply"), &body), json!({ "result": true }));
        let view = server.engine.party(&server.call, quittance_domain::ids::PartyKind::Advertiser, 1).unwrap().row;
        let party = &view.party;
        assert_eq!((party.name.as_str(), party.status.as_str(), party.billing_cycle.as_deref()), ("Acme Two", "suspended", Some("twice a month")));
        assert_eq!((party.payment_terms_days, party.minimum_units, party.hidden_default, party.auto_invoice), (Some(30), Some(5_000_000), true, true));
        let rules: Value = serde_json::from_str(&party.rules).unwrap();
        assert_eq!(rules, json!({ "auto_invoice": true, "auto_start": "2026-02-01", "cycle_days": [3, 18], "delay_days": 1, "tax": { "id": "GB1" } }));
    }

    fn what_is_wrong_is_told_with_its_field(database) {
        let server = server(database);
        let field = |field: &str, value: Value| patch(&[1], &[(field, value)]);
        let one = |extra: Value| json!({ "network_affiliate_ids": [1], "fields": [extra] }).to_string();
        for (body, says) in [
            ("{}".to_owned(), "network_affiliate_ids is required"),
            (r#"{"network_affiliate_ids":[1]}"#.to_owned(), "fields is required"),
            (patch(&[1], &[]), "fields is required"),
            (r#"{"network_affiliate_ids":["x"],"fields":[]}"#.to_owned(), "network_affiliate_ids"),
            (patch(&(1..=1001).collect::<Vec<_>>(), &[("account_status", json!("active"))]), "at most 1000"),
            (one(json!({ "field_value": 1 })), "fields[0].field_type is required"),
            (field("labels", json!(["a"])), "fields[0].field_type: \"labels\" is none of account_status"),
            (field("advertiser_status", json!("active")), "fields[0].field_type"),
            (one(json!({ "field_type": "internal_note", "field_value": "x", "operator": "append" })), "fields[0].operator"),
            (patch(&[1], &[("internal_note", json!("a")), ("internal_notes", json!("b"))]), "fields[1].field_type: \"internal_notes\" is changed twice"),
            (one(json!({ "field_type": "account_status", "value": "inactive" })), "fields[0].value: this name is not known here"),
            (patch(&[1], &[("billing_frequency_monthly", json!({ "day_of_month": 5 })), ("billing_frequency_quarterly", json!({ "day_of_month": 9, "starting_month": 1 }))]), "fields[1].field_type: \"billing_frequency_quarterly\" is changed twice"),
            (field("account_status", json!("gone")), "affiliate 1: account_status: \"gone\""),
            (field("account_status", json!(1)), "affiliate 1: account_status: 1 is not a string"),
            (field("affiliate_name", json!("")), "affiliate 1: affiliate_name: "),
            (field("currency_id", json!("XXQ")), "affiliate 1: currency_id: "),
            (field("billing_frequency", json!("daily")), "affiliate 1: billing_frequency: \"daily\""),
            (field("billing_frequency", json!("monthly")), "affiliate 1: billing_frequency_monthly.day_of_month is required"),
            (patch(&[1], &[("billing_frequency", json!("monthly")), ("billing_frequency_weekly", json!({ "day_of_week": 1 }))]), "affiliate 1: billing_frequency_weekly: "),
            (patch(&[1], &[("billing_frequency", json!("monthly")), ("billing_frequency_monthly", json!({ "day_of_month": 31 }))]), "affiliate 1: billing_frequency: 31"),
            (field("billing_auto_invoicing_creation_amount_threshold", json!("lots1")), "affiliate 1: billing_auto_invoicing_creation_amount_threshold: "),
            (field("billing_auto_invoicing_generation_days_delay", json!(-1)), "affiliate 1: billing_auto_invoicing_generation_days_delay: "),
            (field("billing_invoice_setting_terms_days", json!("net")), "affiliate 1: billing_invoice_setting_terms_days: \"net\" is not an integer"),
            (field("billing_tax_details", json!({})), "affiliate 1: billing_tax_details: "),
        ] {
            server.refused("PATCH", &format!("{PARTNERS}/apply"), &body, 400, says);
        }
    }
}
