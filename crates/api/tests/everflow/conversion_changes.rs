//! Sale amounts set, and payouts adjusted in bulk.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_domain::conversion::{SALE_AMOUNT, TEXT_NAMES};
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{BILLINGS, Server, secret, server};

const CONVERSIONS: &str = "/v1/networks/reporting/conversions";
const ADJUST: &str = "/v1/networks/reporting/conversions/bulkpayoutadjustment";

fn read(server: &Server, id: &str) -> Value {
    server.ok("GET", &format!("{CONVERSIONS}/{id}"), "")
}

fn keyed(server: &Server, key: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method("POST").uri(ADJUST).header("X-Eflow-API-Key", secret(Role::Finance, 0));
    let (status, json, _) =
        server.send(request.header("Idempotency-Key", key).body(Body::from(body.to_owned())).unwrap());
    (status, json)
}

both_databases! {
    fn a_sale_amount_is_set_and_its_history_says_so(database) {
        let mut server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20");
        server.at("2026-02-10T12:00:01Z");
        let path = format!("{CONVERSIONS}/a1/saleamount");
        assert_eq!(server.ok("PUT", &path, r#"{"sale_amount":0.01,"is_event":true}"#), json!({ "result": true }));
        let one = read(&server, "a1");
        assert_eq!((&one["sale_amount"], &one["payout"], &one["revenue"]), (&json!(0.01), &json!(10.5), &json!(20)));
        assert_eq!(one["relationship"]["snapshots"], json!([{
            "snapshot_type": "sale_amount", "initiator": "manual", "payout": 10.5, "revenue": 20, "status": "approved",
            "unix_timestamp": 1_770_724_801, "network_employee": {},
        }]));
        for (body, says) in [
            ("{}", "sale_amount is required"),
            (r#"{"sale_amount":""}"#, "sale_amount"),
            (r#"{"sale_amount":-1}"#, "sale_amount"),
            (r#"{"sale_amount":"1,5"}"#, "sale_amount"),
            (r#"{"sale_amount":true}"#, "sale_amount"),
            (r#"{"conversion_id":"a2","sale_amount":1}"#, "conversion_id"),
        ] {
            server.refused("PUT", &path, body, 400, says);
        }
        server.refused("PUT", &format!("{CONVERSIONS}/none/saleamount"), r#"{"sale_amount":1}"#, 404, "none");
        assert_eq!(read(&server, "a1"), one, "refusals change nothing");
        server.verified();
    }

    /// Of 100.00 the offer pays 10 % and brings 12 %: 10.00 and 12.00; of 60.00 6.00 and 7.20.
    fn a_share_follows_the_sale_amount_that_is_set(database) {
        let server = server(database);
        let file = json!({ "offers": [{ "id": 1, "payout": "10 %", "revenue": "12 %" }] });
        server.engine.import_network(server.call.now, Some("test"), &file).unwrap().unwrap();
        server.receive("approved", "s1 1 1 2026-01-05 0", |record| {
            record.texts[SALE_AMOUNT] = Some("100.00".into());
            record.payout = None;
        });
        let path = format!("{CONVERSIONS}/s1/saleamount");
        let shown = || {
            let one = read(&server, "s1");
            (one["payout"].clone(), one["revenue"].clone(), one["sale_amount"].clone())
        };
        assert_eq!(shown(), (json!(10), json!(12), json!(100)));
        server.ok("PUT", &path, r#"{"sale_amount":60}"#);
        assert_eq!(shown(), (json!(6), json!(7.2), json!(60)));
        server.verified();
    }

    fn payouts_are_adjusted_together_and_reach_the_next_invoice(database) {
        let server = server(database);
        let clicked = |record: &mut quittance_domain::conversion::ConversionRecord| {
            record.texts[TEXT_NAMES.iter().position(|name| *name == "click_id").unwrap()] = Some("click-1".into());
        };
        server.receive("approved", "a1 1 1 2026-01-05 10.50 20", clicked);
        server.approve("a2 1 1 2026-01-06 1 3\na3 1 1 2026-01-07 2 3");
        let create = r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31"}"#;
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/invoices"), create)["balance"], json!(13.5));
        let found = server.ok("POST", ADJUST, r#"{"conversions":[{"conversion_id":"a2","payout_amount":4.25},{"conversion_id":"a1","payout_amount":"10"}]}"#);
        assert_eq!(found, json!({ "results": [
            { "conversion_id": "a2", "payout_amount": 4.25, "transaction_id": "" },
            { "conversion_id": "a1", "payout_amount": 10, "transaction_id": "click-1" },
        ] }));
        assert_eq!((&read(&server, "a1")["payout"], &read(&server, "a1")["revenue"]), (&json!(10), &json!(20)));
        // 3.25 more and 0.50 less than what was billed.
        let next = r#"{"network_affiliate_id":1,"start_time":"2026-02-01","end_time":"2026-02-10"}"#;
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/invoices"), next)["balance"], json!(2.75));
        server.verified();
    }

    fn an_adjustment_is_made_whole_or_not_at_all(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20");
        let rows = |rows: Value| json!({ "conversions": rows }).to_string();
        let one = |id: &str, payout: Value| json!({ "conversion_id": id, "payout_amount": payout });
        server.refused("POST", ADJUST, &rows(json!([one("a1", json!(1)), one("none", json!(1))])), 404, "none");
        for (body, says) in [
            ("{}".to_owned(), "conversions is required"),
            (rows(json!({})), "conversions"),
            (rows(json!([{ "conversion_id": "a1" }])), "conversions[0].payout_amount is required"),
            (rows(json!([{ "payout_amount": 1 }])), "conversions[0].conversion_id is required"),
            (rows(json!([one("a1", json!(1)), one("a1", json!(2))])), "named twice"),
            (rows(json!([one("a1", json!("lots"))])), "payout"),
            (rows(json!(vec![one("a1", json!(1)); 10_001])), "at most 10000"),
        ] {
            server.refused("POST", ADJUST, &body, 400, says);
        }
        // One that could be made is not made beside one that cannot.
        server.approve("a2 1 1 2026-01-05 10.50 20");
        let mixed = rows(json!([one("a1", json!(1)), one("a2", json!("99999999999"))]));
        server.refused("POST", ADJUST, &mixed, 400, "payout");
        assert_eq!(read(&server, "a1")["payout"], json!(10.5));
    }

    fn an_adjustment_with_a_key_is_made_once(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20");
        let to = |payout: i64| json!({ "conversions": [{ "conversion_id": "a1", "payout_amount": payout }] }).to_string();
        let first = keyed(&server, "k", &to(5));
        assert_eq!(first, (StatusCode::OK, json!({ "results": [{ "conversion_id": "a1", "payout_amount": 5, "transaction_id": "" }] })));
        server.ok("PUT", &format!("{CONVERSIONS}/a1/payoutrevenue"), r#"{"payout":7}"#);
        assert_eq!(keyed(&server, "k", &to(5)), first, "the answer is repeated");
        assert_eq!(read(&server, "a1")["payout"], json!(7), "the change is not");
        assert_eq!(keyed(&server, "k", &to(6)).0, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
