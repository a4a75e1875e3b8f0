//! Making and changing invoices, those of advertisers, and bad input.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_domain::ids::InvoiceId;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{BILLINGS, secret, server};

const INVOICES: &str = "/v1/networks/billings/affiliates/invoices";

both_databases! {
    fn an_invoice_bills_its_period_by_offer_and_the_lines_given(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50\na2 1 1 2026-01-06 1\na3 1 2 2026-01-07 2\na4 1 2 2026-02-01 99\nold 1 2 2025-12-31 5");
        let made = server.ok("POST", INVOICES, r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31","status":"unpaid","details":[{"amount":-0.5,"notes":"fee"}],"extra_periods":[]}"#);
        assert_eq!((&made["balance"], &made["status"], &made["payment_terms"]), (&json!(13), &json!("unpaid"), &json!(0)));
        let details = made["relationship"]["details"].as_array().unwrap();
        let shown: Vec<_> = details.iter().map(|d| json!([d["network_offer_id"], d["network_offer_name"], d["amount"], d["invoice_currency_amount"], d["currency_id"], d["quantity"], d["notes"], d["type"]])).collect();
        assert_eq!(shown, [
            json!([1, "First Offer", 11.5, 11.5, "USD", 2, "", "offer_detail"]),
            json!([2, "Second Offer", 2, 2, "USD", 1, "", "offer_detail"]),
            json!([0, "", -0.5, -0.5, "USD", 0, "fee", "adjustment"]),
        ]);
        assert!(made["details"].is_null() && made["extra_periods"].is_null());
        server.verified();
    }

    fn a_paid_one_has_its_payment_and_nothing_more_is_done(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50");
        let body = r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31","status":"paid"}"#;
        let made = server.ok("POST", INVOICES, body);
        assert_eq!((&made["status"], &made["balance"]), (&json!("paid"), &json!(0)));
        let payment = &made["relationship"]["payments"][0];
        for (key, value) in [("amount", json!(10.5)), ("currency", json!("USD")), ("status", json!("success")), ("payment_type", json!("direct_deposit")), ("is_auto_generated", json!(false))] {
            assert_eq!(payment[key], value, "{key}");
        }
        let id = made["network_affiliate_invoice_id"].as_i64().unwrap();
        // The partner is there only when it is asked for; details and payments are always.
        let one = |query: &str| server.ok("GET", &format!("{INVOICES}/{id}{query}"), "");
        assert!(one("")["relationship"].get("affiliate").is_none());
        for query in ["?relationship=affiliate", "?relationship=x&relationship=all"] {
            assert_eq!(one(query)["relationship"]["affiliate"]["name"], "Media One");
            assert_eq!(one(query)["relationship"]["payments"].as_array().unwrap().len(), 1);
        }
        // Only notes and visibility of a paid one can change.
        let path = format!("{INVOICES}/{id}");
        let changed = server.ok("PUT", &path, r#"{"status":"paid","public_notes":"thanks","is_hidden_affiliate":true}"#);
        assert_eq!((&changed["public_notes"], &changed["is_hidden_affiliate"], &changed["payment_terms"]), (&json!("thanks"), &json!(true), &json!(0)));
        server.refused("PUT", &path, r#"{"status":"paid","payment_terms":9}"#, 400, "paid");
        server.refused("PUT", &path, r#"{"status":"unpaid"}"#, 400, "nothing left to pay");
        server.refused("PUT", &path, r#"{"status":"deleted"}"#, 400, "paid");
        server.verified();
    }

    fn a_whole_invoice_that_is_sent_back_is_accepted(database) {
        let server = server(database);
        let made = server.ok("POST", INVOICES, r#"{"network_affiliate_id":2,"start_time":"2026-01-01","end_time":"2026-01-31","details":[{"amount":"7.25"}],"payment_terms":15,"internal_notes":"n"}"#);
        let path = format!("{INVOICES}/{}", made["network_affiliate_invoice_id"]);
        assert_eq!(server.ok("PUT", &path, &made.to_string()), made);
        let row = server.ok("POST", &format!("{BILLINGS}/invoicestable"), "")["invoices"][0].clone();
        assert_eq!(server.ok("PUT", &path, &row.to_string())["internal_notes"], "n");
        // What is left out has its default.
        let changed = server.ok("PUT", &path, r#"{"network_affiliate_id":2,"start_time":"2026-01-01","end_time":"2026-01-31"}"#);
        assert_eq!((&changed["payment_terms"], &changed["internal_notes"], &changed["status"]), (&json!(0), &json!(""), &json!("unpaid")));
        server.refused("PUT", &path, r#"{"network_affiliate_id":1}"#, 400, "network_affiliate_id");
        server.refused("PUT", &path, r#"{"start_time":"2026-01-02"}"#, 400, "start_time");
        server.refused("PUT", &path, r#"{"end_time":"2026-01-30 23:59:59"}"#, 400, "end_time");
        server.refused("PUT", &path, r#"{"details":[{"amount":1}]}"#, 400, "details");
        server.refused("PUT", &format!("{INVOICES}/99"), "{}", 404, "99");
        assert_eq!(server.ok("PUT", &path, r#"{"status":"deleted"}"#)["status"], "deleted");
        server.refused("PUT", &path, r#"{"status":"unpaid"}"#, 400, "void");
    }

    /// 69.00 with 12.00 paid of it: 57.00 are left until it is deleted, then nothing.
    fn of_a_deleted_invoice_nothing_is_left_to_pay(database) {
        let server = server(database);
        server.ok("POST", INVOICES, r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31","details":[{"amount":69}]}"#);
        let part = PaymentRequest { amount: Some("12".into()), rail: Some("wire".into()), ..PaymentRequest::default() };
        server.engine.pay(&server.call, InvoiceId::new(1), None, &part).unwrap();
        let found = |filters: Value| {
            let body = json!({ "filters": filters }).to_string();
            let rows = server.ok("POST", &format!("{BILLINGS}/invoicestable"), &body)["invoices"].clone();
            (rows, server.ok("POST", &format!("{BILLINGS}/summary"), &body))
        };
        let (rows, _) = found(json!({}));
        assert_eq!((&rows[0]["balance"], &rows[0]["is_payable"]), (&json!(57), &json!(true)));
        server.ok("PUT", &format!("{INVOICES}/1"), r#"{"status":"deleted"}"#);
        let (rows, sums) = found(json!({ "status": "deleted" }));
        let row = |key: &str| rows[0][key].clone();
        assert_eq!((row("balance"), row("billed"), row("paid"), row("is_payable")), (json!(0), json!(69), json!(12), json!(false)));
        assert_eq!(sums, json!({ "total_count": 1, "balance": 0, "billed": 69, "paid": 12 }));
        assert_eq!(server.ok("GET", &format!("{INVOICES}/1"), "")["balance"], 0);
        let (rows, sums) = found(json!({ "status": "deleted", "min_balance": 0.01 }));
        assert_eq!((rows, &sums["total_count"]), (json!([]), &json!(0)));
        server.verified();
    }

    fn what_is_asked_for_and_cannot_be_obeyed_is_refused_by_its_name(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50\na2 2 1 2026-01-06 1");
        let made = server.ok("POST", INVOICES, r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31"}"#);
        let path = format!("{INVOICES}/{}", made["network_affiliate_invoice_id"]);
        let new = |more: &str| format!(r#"{{"network_affiliate_id":2,"start_time":"2026-01-01","end_time":"2026-01-31",{more}}}"#);
        for (method, path, body, says) in [
            ("POST", INVOICES, new(r#""network_offer_ids":[1]"#), "network_offer_ids: this name is not known here"),
            ("POST", INVOICES, new(r#""network_advertiser_id":1"#), "network_advertiser_id: this name is not known here"),
            ("POST", INVOICES, new(r#""curency_id":"EUR""#), "curency_id: this name is not known here; is currency_id meant?"),
            ("POST", INVOICES, new(r#""details":[{"amount":1,"currency_id":"EUR"}]"#), "details[0].currency_id: EUR is not the invoice's currency, USD"),
            ("POST", INVOICES, new(r#""details":[{"amount":1,"invoice_currency_amount":2}]"#), "details[0].invoice_currency_amount: it says something else than amount"),
            ("POST", INVOICES, new(r#""details":[{"amount":1,"amonut":2}]"#), "details[0].amonut: this name is not known here; is amount meant?"),
            ("POST", INVOICES, new(r#""status":"unpaid","status":"paid""#), "status is given twice"),
            ("POST", &format!("{INVOICES}?network_affiliate_id=2"), new(r#""status":"unpaid""#), "network_affiliate_id: this name"),
            ("PUT", &path, r#"{"billed":11}"#.to_owned(), "billed: the invoice's is 10.5"),
            ("PUT", &path, r#"{"balance":1}"#.to_owned(), "balance: the invoice's is 10.5"),
            ("PUT", &path, r#"{"affiliate_invoice_status":"paid"}"#.to_owned(), "affiliate_invoice_status: the invoice's is"),
            ("PUT", &path, r#"{"relationship":{"details":[{"amount":10.4}]}}"#.to_owned(), "relationship.details: they are not those"),
            ("PUT", &path, r#"{"network_affiliate_invoice_id":99}"#.to_owned(), "network_affiliate_invoice_id: "),
            ("PATCH", INVOICES, r#"{"invoice_ids":[],"status":"paid"}"#.to_owned(), "invoice_ids: it is empty"),
            ("PATCH", INVOICES, r#"{"network_affiliate_ids":[1],"status":"paid"}"#.to_owned(), "network_affiliate_ids: this name"),
            ("PATCH", INVOICES, r#"{"invoice_ids":[1],"network_affiliate_invoice_ids":[2],"status":"paid"}"#.to_owned(), "network_affiliate_invoice_ids: it says something else"),
        ] {
            server.refused(method, path, &body, 400, says);
        }
        assert_eq!(server.ok("GET", &path, ""), made, "nothing was done");
        // Sent back as it is, also once more after it was paid.
        let mut paid = made.clone();
        paid["status"] = json!("paid");
        let answered = server.ok("PUT", &path, &paid.to_string());
        assert_eq!(answered["balance"], json!(0));
        assert_eq!(server.ok("PUT", &path, &paid.to_string()), answered);
        server.verified();
    }

    fn statuses_change_together_or_not_at_all(database) {
        let server = server(database);
        let make = |amount: i64| server.ok("POST", INVOICES, &json!({"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31","details":[{"amount":amount}]}).to_string());
        for amount in [1, 2, 3] {
            make(amount);
        }
        let status = |id: i64| server.ok("GET", &format!("{INVOICES}/{id}"), "")["status"].clone();
        assert_eq!(server.ok("PATCH", INVOICES, r#"{"invoice_ids":[3],"status":"deleted"}"#), json!({"result":true}));
        server.refused("PATCH", INVOICES, r#"{"invoice_ids":[1,2,3],"status":"paid"}"#, 400, "invoice 3 is void");
        assert_eq!((status(1), status(2)), (json!("unpaid"), json!("unpaid")));
        server.refused("PATCH", INVOICES, r#"{"invoice_ids":[1,99],"status":"paid"}"#, 404, "99");
        server.ok("PATCH", INVOICES, r#"{"network_affiliate_invoice_ids":[1,2],"status":"paid"}"#);
        assert_eq!((status(1), status(2), status(3)), (json!("paid"), json!("paid"), json!("deleted")));
        server.refused("PATCH", INVOICES, r#"{"invoice_ids":[1],"status":"unpaid"}"#, 400, "nothing left to pay");
        server.refused("PATCH", INVOICES, r#"{"status":"paid"}"#, 400, "invoice_ids is required");
        server.refused("PATCH", INVOICES, r#"{"invoice_ids":[1]}"#, 400, "status is required");
        server.refused("POST", &format!("{BILLINGS}/payments"), r#"{"invoice_ids":[1]}"#, 400, "Payment batches are not enabled");
        server.verified();
    }

    fn a_request_that_is_repeated_with_its_key_makes_one_invoice(database) {
        let server = server(database);
        let body = r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31","details":[{"amount":1}]}"#;
        let send = |body: &str| {
            let request = Request::builder().method("POST").uri(INVOICES).header("x-eflow-api-key", secret(Role::Admin, 0));
            let (status, json, _) = server.send(request.header("idempotency-key", "once").body(Body::from(body.to_owned())).unwrap());
            (status, json)
        };
        let first = send(body);
        assert_eq!((first.0, send(body)), (StatusCode::OK, first.clone()));
        assert_eq!(send(&body.replace("amount\":1", "amount\":2")).0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/summary"), "")["total_count"], 1);
    }

    fn invoices_of_advertisers_stand_on_the_same_footing(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10 25.5");
        let base = "/v1/networks/billings/advertisers";
        let made = server.ok("POST", &format!("{base}/invoices"), r#"{"network_advertiser_id":1,"status":"unpaid","start_time":"2026-01-01","end_time":"2026-01-31","is_hidden_advertiser":true}"#);
        let id = made["network_advertiser_invoice_id"].as_i64().unwrap();
        assert_eq!((&made["balance"], &made["is_hidden_advertiser"], &made["network_advertiser_id"]), (&json!(25.5), &json!(true), &json!(1)));
        let table = server.ok("POST", &format!("{base}/invoicestable"), r#"{"filters":{"advertiser_ids":[1],"date_from":"2026-01-01","date_to":"2026-01-31","balance_from":25,"status":"unpaid","is_hidden_advertiser":"hidden"}}"#);
        assert_eq!((&table["invoices"][0]["advertiser_invoice_status"], &table["invoices"][0]["network_advertiser_name"]), (&json!("unpaid"), &json!("Acme")));
        assert_eq!(server.ok("PATCH", &format!("{base}/invoices"), &json!({"invoice_ids":[id],"status":"paid"}).to_string()), json!({"result":true}));
        assert_eq!(server.ok("GET", &format!("{base}/invoices/{id}?relationship=all"), "")["relationship"]["advertiser"]["name"], "Acme");
        // Each side has its own.
        server.refused("GET", &format!("{INVOICES}/{id}"), "", 404, "no invoice");
        server.refused("PATCH", INVOICES, &json!({"invoice_ids":[id],"status":"paid"}).to_string(), 404, "no invoice");
        server.refused("POST", "/v1/networks/billings/others/invoicestable", "", 404, "nothing");
    }

    fn a_partner_of_another_network_is_none_of_this_one(database) {
        let server = server(database);
        let other = json!({
            "network": { "name": "other", "time_zone": "UTC", "currency": "USD" },
            "affiliates": [{ "id": 77, "name": "Theirs" }],
        });
        server.engine.import_network(server.call.now, None, &other).unwrap().unwrap();
        let body = r#"{"network_affiliate_id":77,"start_time":"2026-01-01","end_time":"2026-01-31"}"#;
        server.refused("POST", INVOICES, body, 400, "there is no affiliate 77");
        server.refused("GET", "/v1/networks/affiliates/77", "", 404, "77");
    }

    fn what_was_left_of_earlier_periods_is_told_with_them(database) {
        let server = server(database);
        let january = r#"{"network_affiliate_id":1,"start_time":"2026-01-01","end_time":"2026-01-31"}"#;
        server.approve("a1 1 1 2026-01-05 10");
        server.ok("POST", INVOICES, january);
        // It comes late, for a period that was billed.
        server.approve("a2 1 1 2026-01-06 2\na3 1 1 2026-02-02 3");
        let made = server.ok("POST", INVOICES, r#"{"network_affiliate_id":1,"start_time":"2026-02-01","end_time":"2026-02-09"}"#);
        assert_eq!((&made["balance"], &made["start_time"]), (&json!(5), &json!("2026-02-01 00:00:00")));
        assert_eq!(made["extra_periods"], json!([{ "start_time": "2026-01-01 00:00:00", "end_time": "2026-01-31 23:59:59" }]));
        server.verified();
    }

    fn a_summary_over_currencies_is_in_the_networks(database) {
        let server = server(database);
        let make = |party: i64, currency: &str, amount: i64| {
            let body = json!({ "network_affiliate_id": party, "start_time": "2026-01-01", "end_time": "2026-01-31", "currency_id": currency, "details": [{ "amount": amount }] });
            server.ok("POST", INVOICES, &body.to_string());
        };
        make(1, "EUR", 100);
        let summary = || server.network("POST", &format!("{BILLINGS}/summary"), "");
        // One currency needs no rate, and is summed up in itself.
        assert_eq!(summary().1, json!({ "total_count": 1, "balance": 100, "billed": 100, "paid": 0 }));
        make(2, "USD", 7);
        let (status, refused) = summary();
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(refused["error"].as_str().unwrap().contains("no rate of EUR to USD"), "{refused}");
        let file = "date,base,quote,rate\n2026-01-30,EUR,USD,1.25";
        server.engine.import_rates(&server.call, file.as_bytes(), "by hand").unwrap();
        // 100 EUR at 1.25 and 7 USD.
        assert_eq!(summary().1, json!({ "total_count": 2, "balance": 132, "billed": 132, "paid": 0 }));
    }

    fn what_is_wrong_is_told_with_its_field(database) {
        let server = server(database);
        let table = format!("{BILLINGS}/invoicestable");
        for (body, says) in [
            ("{\"filters\":", "line 1 column"),
            ("[]", "an array"),
            ("\"x\"", "a string"),
            (r#"{"filters":[]}"#, "filters"),
            (r#"{"filters":{"network_affiliate_ids":27}}"#, "filters.network_affiliate_ids"),
            (r#"{"filters":{"network_affiliate_ids":["x"]}}"#, "filters.network_affiliate_ids"),
            (r#"{"filters":{"network_affiliate_invoice_ids":[1.5]}}"#, "filters.network_affiliate_invoice_ids"),
            (r#"{"filters":{"account_manager_ids":{}}}"#, "filters.account_manager_ids"),
            (r#"{"filters":{"min_start_time":"2026-02-30"}}"#, "filters.min_start_time"),
            (r#"{"filters":{"max_end_time":20260101}}"#, "filters.max_end_time"),
            (r#"{"filters":{"min_start_time":"2026-02-02","max_end_time":"2026-02-01"}}"#, "filters.max_end_time"),
            (r#"{"filters":{"min_balance":"much"}}"#, "filters.min_balance"),
            (r#"{"filters":{"max_balance":true}}"#, "filters.max_balance"),
            (r#"{"filters":{"affiliate_invoice_status":"open"}}"#, "filters.affiliate_invoice_status"),
            (r#"{"filters":{"affiliate_invoice_status":["paid"]}}"#, "filters.affiliate_invoice_status"),
            (r#"{"filters":{"is_hidden_affiliate":true}}"#, "filters.is_hidden_affiliate"),
            (r#"{"filters":{"is_hidden_affiliate":"no"}}"#, "filters.is_hidden_affiliate"),
            (r#"{"filters":{"payment_terms":["x"]}}"#, "filters.payment_terms"),
            (r#"{"search_terms":{}}"#, "search_terms"),
            (r#"{"search_terms":[1]}"#, "search_terms[0]"),
            (r#"{"search_terms":[{"value":"x"}]}"#, "search_terms[0].search_type"),
            (r#"{"search_terms":[{"search_type":"email","value":"x"}]}"#, "search_terms[0].search_type"),
            (r#"{"search_terms":[{"search_type":"name"}]}"#, "search_terms[0].value"),
        ] {
            server.refused("POST", &table, body, 400, says);
            server.refused("POST", &format!("{BILLINGS}/summary"), body, 400, says);
        }
        // Keys that nobody knows, and parameters that are not needed, are passed over.
        server.ok("POST", &format!("{table}?order_field=x&foo=1"), r#"{"unknown":1,"filters":{"foo":2},"search_terms":[]}"#);
        let period = r#""start_time":"2026-01-01","end_time":"2026-01-31""#;
        for (body, says) in [
            ("", "network_affiliate_id is required"),
            (r#"{"network_affiliate_id":"x"}"#, "network_affiliate_id"),
            (r#"{"network_affiliate_id":1}"#, "start_time is required"),
            (r#"{"network_affiliate_id":1,"start_time":"2026-01-01"}"#, "end_time is required"),
            (r#"{"network_affiliate_id":1,"start_time":"2026-01-31","end_time":"2026-01-01"}"#, "end_time"),
            (r#"{"network_affiliate_id":1,"start_time":"2026-02-30","end_time":"2026-03-01"}"#, "start_time"),
            (r#"{"network_affiliate_id":1,"start_time":"2026-02-01","end_time":"2026-03-01"}"#, "end_time: 2026-03-01 is in the future"),
            (&format!(r#"{{"network_affiliate_id":99,{period}}}"#), "there is no affiliate 99"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"status":"deleted"}}"#), "status"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"status":"open"}}"#), "status"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"payment_terms":-1}}"#), "payment_terms"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"payment_terms":"net 30"}}"#), "payment_terms"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"is_hidden_affiliate":"visible"}}"#), "is_hidden_affiliate"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"currency_id":"XXQ"}}"#), "currency_id"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"details":[{{"notes":"x"}}]}}"#), "details[0].amount is required"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"details":[{{"amount":0.001}}]}}"#), "amount"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"details":[{{"amount":-1}}],"status":"paid"}}"#), "more than zero"),
            (&format!(r#"{{"network_affiliate_id":1,{period},"public_notes":5}}"#), "public_notes"),
        ] {
            server.refused("POST", INVOICES, body, 400, says);
        }
        server.refused("GET", &format!("{INVOICES}/x"), "", 404, "no invoice");
        assert_eq!(server.ok("POST", &format!("{BILLINGS}/summary"), "")["total_count"], 0, "nothing was made");
    }
}
