//! CAKE's services of version 1, on both databases: bills, marks and lists, in each of their forms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod server;

use axum::http::StatusCode;
use quittance_api::cake::RULES;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::keys::Role;
use quittance_http::Limits;
use quittance_testkit::{Network, TestDatabase, both_databases, day};
use serde_json::{Value, json};
use server::{Answered, Server, secret};

const FORM: &str = "application/x-www-form-urlencoded";
const ACCOUNTING: &str = "/api/1/accounting.asmx";

/// A network with payable bills 1 to 3 of January (affiliate 3 is paid through Tipalti) and a receivable one, 4.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-05");
    let file = json!({
        "managers": [{ "id": 1, "name": "Dana" }],
        "payment_systems": [{ "id": 7, "title": "PP", "type": "paypal" }, { "id": 8, "title": "T", "type": "tipalti" }],
        "affiliates": [
            { "id": 1, "name": "A & B", "billing_cycle": "Net 30", "payment_methods": [{ "system": 7 }] },
            { "id": 2, "billing_cycle": "weekly" },
            { "id": 3, "payment_methods": [{ "system": 8 }] },
        ],
    });
    network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
    network.approve("a1 1 1 2026-01-05 10\na2 1 1 2026-01-06 2.50\nb1 2 1 2026-01-10 7\nc1 3 1 2026-01-11 1");
    let brought = network.record("r1", 4, 1, "approved", "2026-01-07", "0");
    network.ingest(vec![ConversionRecord { revenue: Some("9.5".into()), ..brought }]);
    let through = day("2026-01-31");
    network.engine.bill(&network.call, &RunRequest::payable_through(through), &mut |_| {}).unwrap();
    network.engine.bill(&network.call, &RunRequest::receivable_through(through), &mut |_| {}).unwrap();
    network
}

fn serve(database: &TestDatabase, network: &Network) -> Server {
    Server::start(database.engine(), &network.call, Limits::default())
}

fn form(server: &Server, role: Role, path: &str, body: &str) -> Answered {
    server.post(path, FORM, &[], &format!("api_key={}&{body}", secret(role)))
}

/// What is under `d` of a JSON answer.
fn d(answered: &Answered) -> Value {
    assert_eq!(answered.status, StatusCode::OK);
    let body = answered.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["d"].clone()
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

fn message(xml: &Answered) -> String {
    assert_eq!((xml.status, &xml.headers["content-type"].to_str().unwrap()[..8]), (StatusCode::OK, "text/xml"));
    element(&xml.text, "message").unwrap_or_else(|| panic!("{}", xml.text))
}

fn status_of(network: &Network, id: i64) -> String {
    network.engine.invoice(&network.call, InvoiceId::new(id)).unwrap().status.to_string()
}

both_databases! {
    fn every_route_is_open_to_its_roles_and_to_no_other(database) {
        let network = network(database);
        let server = serve(database, &network);
        for rule in RULES.iter().filter(|rule| rule.route.contains(".asmx")) {
            for role in Role::ALL {
                let answered = match rule.method {
                    "GET" => server.get(role, rule.route),
                    _ => form(&server, role, rule.route, "x=1"),
                };
                assert_eq!(answered.status, StatusCode::OK, "{} {role}: {}", rule.route, answered.text);
                let refused = answered.text.contains("may not do this");
                assert_eq!(refused, !rule.roles.contains(&role), "{} {role}: {}", rule.route, answered.text);
            }
        }
    }

    fn an_old_export_answers_xml_and_under_d(database) {
        let network = network(database);
        let server = serve(database, &network);
        let old = "billing_cycle=all&billing_period_start_date=2026-01-01&billing_period_end_date=2026-02-01&paid_only=FALSE&payment_type_id=0";
        let by_get = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?{old}"));
        let row = "<affiliate_bill><bill_id>1</bill_id><affiliate><affiliate_id xmlns=\"API:id_name_store\">1</affiliate_id>\
            <affiliate_name xmlns=\"API:id_name_store\">A &amp; B</affiliate_name></affiliate>\
            <billing_cycle><billing_cycle_id xmlns=\"API:id_name_store\">3</billing_cycle_id>\
            <billing_cycle_name xmlns=\"API:id_name_store\">Net 30</billing_cycle_name></billing_cycle>\
            <billing_period_start_date>2026-01-05T00:00:00</billing_period_start_date>\
            <billing_period_end_date>2026-02-01T00:00:00</billing_period_end_date>\
            <bill_amount><amount>12.5000</amount><formatted_amount>$12.50</formatted_amount></bill_amount>\
            <payment_type><payment_type_id xmlns=\"API:id_name_store\">2</payment_type_id>\
            <payment_type_name xmlns=\"API:id_name_store\">PayPal</payment_type_name></payment_type>\
            <invoice_number/><date_invoice_received/><verification_code/><payment_date/><sent_payment>no</sent_payment><notes/></affiliate_bill>";
        let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
            <export_affiliate_bills_accounting_response xmlns=\"http://cakemarketing.com/api/1/\">\
            <success>true</success><row_count>3</row_count><affiliate_bills>";
        assert!(by_get.text.starts_with(&format!("{head}{row}<affiliate_bill>")), "{}", by_get.text);
        let by_form = form(&server, Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills"), old);
        assert_eq!(by_form.text, by_get.text);
        let pairs = old.split('&').map(|pair| pair.split_once('=').unwrap());
        let object: serde_json::Map<String, Value> = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let under_d = d(&server.json(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills"), object.into()));
        assert_eq!((&under_d["success"], &under_d["row_count"]), (&json!(true), &json!(3)));
        assert_eq!(under_d["affiliate_bills"][0]["affiliate"]["affiliate_name"], "A & B");
        assert_eq!(under_d["affiliate_bills"][0]["bill_amount"]["amount"].to_string(), "12.5000");
        let receivable = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAdvertiserBills?billing_period_start_date=01-01-2026"));
        assert!(message(&receivable).contains("billing_period_start_date"));
        let receivable = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAdvertiserBills?{old}"));
        assert!(receivable.text.contains("<advertiser_bills><advertiser_bill><bill_id>4</bill_id>"), "{}", receivable.text);
    }

    fn an_old_export_is_filtered(database) {
        let network = network(database);
        network.engine.pay(&network.call, InvoiceId::new(1), None, &PaymentRequest::default()).unwrap();
        let server = serve(database, &network);
        let ids = |query: &str| {
            let path = format!("{ACCOUNTING}/ExportAffiliateBills?billing_period_start_date=2026-01-01&billing_period_end_date=2026-02-01&{query}");
            let text = server.get(Role::Viewer, &path).text;
            text.split("<bill_id>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ids("billing_cycle=all"), "1 2 3");
        assert_eq!(ids("billing_cycle=Monthly"), "1");
        assert_eq!(ids("billing_cycle=weekly"), "2");
        assert_eq!(ids("billing_cycle=bimonthly"), "");
        assert_eq!(ids("paid_only=TRUE"), "1");
        assert_eq!(ids("paid_only=0"), "1 2 3");
        assert_eq!(ids("payment_type_id=11"), "3");
        assert_eq!(ids("billing_cycle=daily"), "");
        network.engine.void(&network.call, InvoiceId::new(3), None, VoidReason::Other, "").unwrap();
        assert_eq!(ids(""), "1 2");
        let until = format!("{ACCOUNTING}/ExportAffiliateBills?billing_period_start_date=2026-01-01&billing_period_end_date=2026-01-31");
        // January ends on 1 February here.
        assert_eq!(element(&server.get(Role::Viewer, &until).text, "row_count").unwrap(), "0");
    }

    /// Both orders are in the articles of the exports, of the marks and of `ExchangeRates`.
    fn dates_come_in_either_order_with_and_without_a_time(database) {
        let network = network(database);
        network.rates("2026-02-02,EUR,USD,1.1012");
        let server = serve(database, &network);
        let get = |path: &str| server.get(Role::Viewer, path).text;
        for (first, after) in [
            ("2026-01-01", "2026-02-01"), ("01-01-2026", "01-02-2026"), ("2026-01-01+00:00:00", "2026-02-01+00:00:00"),
            ("01-01-2026+00:00:00", "01-02-2026+00:00:00"), ("01-01-2026%2B00:00:00", "01-02-2026T00:00:00"),
        ] {
            for (service, count) in [("ExportAffiliateBills", "3"), ("ExportAdvertiserBills", "1")] {
                let old = get(&format!("{ACCOUNTING}/{service}?billing_period_start_date={first}&billing_period_end_date={after}"));
                assert_eq!(element(&old, "row_count").as_deref(), Some(count), "{service} {first}: {old}");
                let new = get(&format!("{ACCOUNTING}/{service}?start_date={first}&end_date={after}"));
                assert!(new.contains(&format!("\"total_rows\":{count}")), "{service} {first}: {new}");
            }
            let rates = get(&format!("/api/1/get.asmx/ExchangeRates?start_date={first}&end_date={after}"));
            assert!(rates.contains("<success>true</success>"), "{first}: {rates}");
        }
        let rates = get("/api/1/get.asmx/ExchangeRates?start_date=02-02-2026&end_date=02-02-2026+00:00:00");
        assert_eq!(element(&rates, "row_count").as_deref(), Some("1"), "{rates}");
        let under_d = d(&server.json(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills"), json!({ "start_date": "01-01-2026", "end_date": "31-01-2026" })));
        assert_eq!((&under_d["response"]["total_rows"], &under_d["response"]["affiliate_bills"][0]["bill_date"]), (&json!(3), &json!("2026-01-31")));
        for wrong in ["2026-13-01", "13-13-2026", "01/01/2026", "1.1.2026", "31-04-2026", "01-01-26"] {
            let told = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?billing_period_start_date={wrong}&billing_period_end_date=2026-02-01"));
            assert!(message(&told).starts_with("billing_period_start_date: "), "{wrong}: {}", told.text);
        }
        for (service, name) in [("MarkAffiliateBillAsReceived", "date_invoice_received"), ("MarkAffiliateBillAsPaid", "payment_date")] {
            let done = form(&server, Role::Finance, &format!("{ACCOUNTING}/{service}"), &format!("bill_id=1&{name}=04-02-2026+00:00:00"));
            assert!(done.text.contains("<success>true</success>"), "{}", done.text);
        }
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap();
        let payments = network.engine.invoice_payments(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!((invoice.document_day, payments[0].paid_day), (Some(day("2026-02-04")), day("2026-02-04")));
    }

    /// No key is needed to be told that there is nothing: the form is that of every failure of version 1.
    fn what_is_not_served_is_told_in_the_form_of_version_1(database) {
        let network = network(database);
        let server = serve(database, &network);
        for path in [
            "/api/1/accounting.asmx/ExportBuyerBills?api_key=x", "/api/1/accounting.asmx", "/api/1/accounting.asmx/", "/api/1/get.asmx/Nothing",
            "/api/1/export.asmx/Affiliates", "/api/1", "/api/1/", "/api/3/export.asmx/Affiliates", "/api/3", "/api/5/export.asmx/Affiliates",
            "/affiliates/api", "/affiliates/api/3/reports.asmx/Clicks", "/affiliates/api/1/x", "/api", "/affiliates/api/3",
        ] {
            let told = server.get(Role::Viewer, path);
            assert!(message(&told).starts_with("there is no service at /"), "{path}: {}", told.text);
            assert!(told.text.contains("<success>false</success>") && told.text.contains("<row_count>0</row_count>"), "{path}: {}", told.text);
            assert_eq!(form(&server, Role::Viewer, path, "x=1").text, told.text, "{path}");
            let under_d = d(&server.json(Role::Viewer, path, json!({ "bill_id": "1" })));
            assert_eq!((&under_d["success"], &under_d["row_count"]), (&json!(false), &json!(0)), "{path}");
        }
        let buyers = server.get(Role::Viewer, "/api/1/accounting.asmx/ExportBuyerBills");
        assert!(buyers.text.contains("<export_buyer_bills_accounting_response xmlns=\"http://cakemarketing.com/api/1/\"><success>false</success>"), "{}", buyers.text);
        // Version 2 has its own form.
        for path in ["/api/2/nothing.json", "/api/2", "/api/2/"] {
            let version_2 = server.get(Role::Viewer, path);
            assert_eq!((version_2.status.as_u16(), &version_2.json()["request_status"]), (404, &json!("Error")), "{path}");
        }
    }

    fn the_parameters_of_2026_answer_json(database) {
        let network = network(database);
        let server = serve(database, &network);
        let new = "start_date=2026-01-01+00:00:00&end_date=2026-01-31+00:00:00";
        let first = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?{new}&row_limit=1"));
        assert_eq!(first.text, r#"{"request_status":"Success","response":{"affiliate_bills":[{"bill_id":1,"affiliate_id":1,"affiliate_name":"A & B","bill_date":"2026-01-31","bill_status":"Pending","total_payout":"12.50","currency":"USD"}],"total_rows":3}}"#);
        let rest = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?{new}&start_at_row=2")).json();
        assert_eq!((rest["response"]["affiliate_bills"].as_array().unwrap().len(), &rest["response"]["total_rows"]), (2, &json!(3)));
        let one = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?{new}&affiliate_id=2")).json();
        assert_eq!(one["response"]["affiliate_bills"][0]["bill_id"], 2);
        let receivable = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAdvertiserBills?{new}")).json();
        assert_eq!(receivable["response"]["advertiser_bills"][0], json!({ "bill_id": 4, "advertiser_id": 1, "advertiser_name": "Advertiser 1", "bill_date": "2026-01-31", "bill_status": "Pending", "total_revenue": "9.50", "currency": "USD" }));
        let missing = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?start_date=2026-01-01")).json();
        assert_eq!((&missing["success"], &missing["message"]), (&json!(false), &json!("end_date is missing")));
        let marked = server.get(Role::Finance, &format!("{ACCOUNTING}/MarkAffiliateBillAsReceived?bill_id=1"));
        assert_eq!(marked.text, r#"{"request_status":"Success","response":{"bill_id":1,"bill_status":"Received","updated":true}}"#);
        let paid = server.get(Role::Finance, &format!("{ACCOUNTING}/MarkAffiliateBillAsPaid?bill_id=1"));
        assert_eq!(paid.json()["response"]["bill_status"], "Paid");
        network.assert_verified();
    }

    fn an_affiliates_bill_is_received_then_paid(database) {
        let network = network(database);
        let server = serve(database, &network);
        let received = format!("{ACCOUNTING}/MarkAffiliateBillAsReceived");
        let body = "bill_id=1&invoice_number=F-7&invoiced_amount=12.5&date_invoice_received=03-02-2026&date_invoice_received_modification_type=change&notes=late";
        let first = form(&server, Role::Finance, &received, body);
        assert_eq!(first.text, "<?xml version=\"1.0\" encoding=\"utf-8\"?><mark_affiliate_bill_as_received_accounting_response xmlns=\"http://cakemarketing.com/api/1/\"><success>true</success><message>Bill Marked As Received</message></mark_affiliate_bill_as_received_accounting_response>");
        assert_eq!(status_of(&network, 1), "approved");
        assert_eq!(message(&form(&server, Role::Finance, &received, body)), "Bill Successfully Updated");
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!((invoice.document_number.as_deref(), invoice.document_day, invoice.internal_notes.as_str()), (Some("F-7"), Some(day("2026-02-03")), "late"));
        form(&server, Role::Finance, &received, "bill_id=1&invoice_number=NULL&date_invoice_received=&date_invoice_received_modification_type=remove&notes=");
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!((invoice.document_number, invoice.document_day, invoice.internal_notes.as_str()), (None, None, "late"));
        form(&server, Role::Finance, &received, "bill_id=1&date_invoice_received=2026-02-04&date_invoice_received_modification_type=do_not_change");
        assert_eq!(network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap().document_day, None);

        let paid = format!("{ACCOUNTING}/MarkAffiliateBillAsPaid");
        let body = json!({ "bill_id": "1", "payment_type_id": "4", "invoice_number": "F-8", "verification_code": "tx 1", "payment_date": "2026-02-04", "notes": "" });
        assert_eq!(d(&server.json(Role::Finance, &paid, body.clone())), json!({ "success": true, "message": "Affiliate Payment Added" }));
        assert_eq!(d(&server.json(Role::Finance, &paid, body)), json!({ "success": true, "message": "Affiliate Payment Updated" }));
        let again = form(&server, Role::Finance, &paid, "bill_id=1&payment_type_id=4&verification_code=tx+1&payment_date=2026-02-04");
        assert!(again.text.contains("<markaffiliatebillsaspaid_accounting_response ") && message(&again) == "Affiliate Payment Updated");
        let payments = network.engine.invoice_payments(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!(payments.len(), 1);
        assert_eq!((payments[0].rail.as_str(), payments[0].reference.as_str(), payments[0].paid_day), ("wire", "tx 1", day("2026-02-04")));
        let bill = server.get(Role::Viewer, &format!("{ACCOUNTING}/ExportAffiliateBills?billing_period_start_date=2026-01-01&billing_period_end_date=2026-02-01&paid_only=TRUE"));
        for (name, value) in [("verification_code", "tx 1"), ("payment_date", "2026-02-04T00:00:00"), ("sent_payment", "yes"), ("invoice_number", "F-8")] {
            assert_eq!(element(&bill.text, name).as_deref(), Some(value));
        }
        network.assert_verified();
    }

    fn an_advertisers_bill_is_sent_then_received(database) {
        let network = network(database);
        let server = serve(database, &network);
        let sent = format!("{ACCOUNTING}/MarkAdvertiserBillAsSent");
        let body = "bill_id=4&invoice_number=I-1&date_sent_invoice=2026-02-02T00:00:00&date_sent_invoice_modification_type=change&notes=";
        assert_eq!(message(&form(&server, Role::Finance, &sent, body)), "Bill Marked As Invoice Sent");
        assert_eq!(message(&form(&server, Role::Finance, &sent, body)), "Bill Successfully Updated");
        assert_eq!(status_of(&network, 4), "approved");
        let received = format!("{ACCOUNTING}/MarkAdvertiserBillAsReceived");
        let part = "bill_id=4&payment_amount=4.5&payment_type_id=0&verification_code=r1&date_payment_received=2026-02-03&date_payment_received_modification_type=change";
        let first = form(&server, Role::Finance, &received, part);
        assert_eq!(message(&first), "Bill Marked As Received");
        assert_eq!((element(&first.text, "payment_amount").unwrap(), element(&first.text, "bill_amount").unwrap()), ("4.5000".into(), "9.5000".into()));
        assert_eq!(message(&form(&server, Role::Finance, &received, part)), "Bill Successfully Updated");
        assert_eq!(status_of(&network, 4), "partly_paid");
        let rest = d(&server.json(Role::Finance, &received, json!({ "bill_id": 4, "payment_amount": "-1", "verification_code": "r2" })));
        assert_eq!((&rest["message"], rest["payment_amount"].to_string()), (&json!("Bill Marked As Received"), "9.5000".to_owned()));
        assert_eq!(status_of(&network, 4), "paid");
        network.assert_verified();
    }

    fn a_misspelt_amount_does_not_pay_the_whole_balance(database) {
        let network = network(database);
        let server = serve(database, &network);
        let received = format!("{ACCOUNTING}/MarkAdvertiserBillAsReceived");
        for (more, name) in [
            ("payment_amout=4.5", "payment_amout"),
            ("paymentAmount=4.5", "paymentAmount"),
            ("amount=4.5", "amount"),
            ("payment_amount=abc", "payment_amount"),
            ("payment_amount=4,5", "payment_amount"),
            ("payment_amount=-abc", "payment_amount"),
            ("offer_id=1", "offer_id"),
            ("date_from=2026-01-01", "date_from"),
        ] {
            let told = message(&form(&server, Role::Finance, &received, &format!("bill_id=4&{more}")));
            assert!(told.starts_with(&format!("{name}: ")), "{more}: {told}");
        }
        // In the address, beside a body.
        let path = format!("{received}?payment_amount=4.5");
        let told = d(&server.json(Role::Finance, &path, json!({ "bill_id": 4 })))["message"].clone();
        assert!(told.as_str().unwrap().starts_with("payment_amount: there is a body"), "{told}");
        let paid = form(&server, Role::Finance, &format!("{ACCOUNTING}/MarkAffiliateBillAsPaid"), "bill_id=1&payment_amount=1");
        assert!(message(&paid).starts_with("payment_amount: "), "{}", paid.text);
        let other = "bill_id=1&invoiced_amount=13";
        let told = message(&form(&server, Role::Finance, &format!("{ACCOUNTING}/MarkAffiliateBillAsReceived"), other));
        assert_eq!(told, "invoiced_amount: 13 is not the amount of the bill, 12.50");
        assert_eq!((status_of(&network, 1), status_of(&network, 4)), ("pending".into(), "pending".into()));
        // What only CAKE knows stays alone, and so does every parameter that is empty.
        let all = "bill_id=4&payment_amount=&payment_type_id=&verification_code=&date_payment_received=&notes=&offer_id=&session=x";
        assert_eq!(message(&form(&server, Role::Finance, &received, all)), "Bill Marked As Received");
        assert_eq!(status_of(&network, 4), "paid");
        network.assert_verified();
    }

    fn failures_are_answered_with_status_200_in_the_form_of_the_request(database) {
        let network = network(database);
        let server = serve(database, &network);
        let fail = |service: &str, body: &str| message(&form(&server, Role::Finance, &format!("{ACCOUNTING}/{service}"), body));
        // Alone, the id of a bill is asked in the form of 2026.
        for (service, body, expected) in [
            ("MarkAffiliateBillAsPaid", "bill_id=99&notes=x", "Billing ID does not exist"),
            ("MarkAffiliateBillAsPaid", "bill_id=0&notes=x", "Billing ID does not exist"),
            ("MarkAffiliateBillAsPaid", "bill_id=4&notes=x", "Billing ID does not exist"),
            ("MarkAffiliateBillAsPaid", "bill_id=1&payment_type_id=77", "Payment Type ID does not exist"),
            ("MarkAffiliateBillAsPaid", "bill_id=3&payment_type_id=1", "Bills processed by Tipalti may not be updated"),
            ("MarkAffiliateBillAsReceived", "bill_id=x&notes=x", "Invalid Bill ID"),
            ("MarkAdvertiserBillAsSent", "bill_id=1&notes=x", "Invalid Bill ID"),
            ("MarkAdvertiserBillAsReceived", "bill_id=99&notes=x", "Invalid Bill ID"),
        ] {
            assert_eq!(fail(service, body), expected, "{service} {body}");
        }
        let long = |name: &str, count: usize| format!("bill_id=1&{name}={}", "n".repeat(count));
        assert_eq!(fail("MarkAffiliateBillAsPaid", &long("invoice_number", 51)), "Invalid Invoice Number");
        assert_eq!(fail("MarkAffiliateBillAsReceived", &long("notes", 251)), "Invalid Notes");
        let future = fail("MarkAffiliateBillAsPaid", "bill_id=1&payment_date=2027-01-01");
        assert!(future.contains("future"), "{future}");
        let month = fail("MarkAffiliateBillAsPaid", "bill_id=1&payment_date=2026-13-01");
        assert!(month.contains("payment_date"), "{month}");
        assert_eq!(status_of(&network, 1), "pending");
        let whole = form(&server, Role::Finance, &format!("{ACCOUNTING}/MarkAffiliateBillAsPaid"), "bill_id=99&notes=x");
        assert_eq!(whole.text, "<?xml version=\"1.0\" encoding=\"utf-8\"?><markaffiliatebillsaspaid_accounting_response xmlns=\"http://cakemarketing.com/api/1/\"><success>false</success><message>Billing ID does not exist</message><row_count>0</row_count></markaffiliatebillsaspaid_accounting_response>");
        let bad_key = |service: &str| {
            let path = format!("{ACCOUNTING}/{service}?api_key=unknown&bill_id=1&notes=x");
            message(&server.send(axum::http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap()))
        };
        assert_eq!(bad_key("MarkAffiliateBillAsPaid"), "Invalid API Key");
        assert_eq!(bad_key("ExportAffiliateBills"), "Invalid API key");
        let no_key = server.post("/api/1/get.asmx/Currencies", "application/json", &[], "{}");
        assert_eq!(d(&no_key), json!({ "success": false, "message": "Invalid API Key", "row_count": 0 }));
        let no_json = server.post("/api/1/get.asmx/Currencies", "application/json", &[], "x");
        assert_eq!(d(&no_json)["success"], false);
    }

    fn whoever_asks_too_often_is_restricted(database) {
        let network = network(database);
        let limits = Limits { requests_per_second: 1, requests_burst: 1, ..Limits::default() };
        let server = Server::start(database.engine(), &network.call, limits);
        server.get(Role::Viewer, "/api/1/get.asmx/Currencies");
        assert_eq!(message(&server.get(Role::Viewer, "/api/1/get.asmx/Currencies")), "Restricted");
    }

    fn the_reference_lists_are_those_of_version_2(database) {
        let network = network(database);
        network.rates("2026-02-02,EUR,USD,1.1012\n2026-02-03,EUR,CHF,0.9\n2026-02-04,USD,GBP,0.75");
        let server = serve(database, &network);
        let get = |service: &str| server.get(Role::Viewer, &format!("/api/1/get.asmx/{service}")).text;
        assert!(get("BillingCycles").contains("<billing_cycles_response xmlns=\"http://cakemarketing.com/api/1/\"><success>true</success><row_count>5</row_count><billing_cycles><billing_cycle><billing_cycle_id>1</billing_cycle_id><billing_cycle_name>Net 7</billing_cycle_name></billing_cycle>"));
        assert!(get("PaymentTypes").contains("<payment_type><payment_type_id>2</payment_type_id><payment_type_name>PayPal</payment_type_name></payment_type>"));
        assert!(get("PaymentSettings").contains("<payment_setting><payment_setting_id>3</payment_setting_id><payment_setting_name>Pay affiliate in affiliate&apos;s currency</payment_setting_name>"));
        assert!(get("Currencies").contains("<currency><currency_id>2</currency_id><currency_symbol>€</currency_symbol><currency_name>Euro</currency_name><currency_abbr>EUR</currency_abbr></currency>"));
        let under_d = d(&server.json(Role::Viewer, "/api/1/get.asmx/Currencies", json!({})));
        assert_eq!((&under_d["row_count"], &under_d["currencies"][0]["currency_abbr"]), (&json!(3), &json!("USD")));
        let rates = get("ExchangeRates?start_date=2026-02-01&end_date=2026-02-05");
        assert!(rates.contains("<row_count>2</row_count><exchange_rates><exchange_rate><base_currency><currency_id>2</currency_id>"), "{rates}");
        assert!(rates.contains("<start_date>2026-02-02T00:00:00</start_date><end_date>2026-02-03T00:00:00</end_date><rate>1.1012000000</rate>"), "{rates}");
        assert!(get("ExchangeRates").contains("<success>false</success>"));
    }

    fn an_affiliate_lists_its_own_bills(database) {
        let network = network(database);
        network.engine.pay(&network.call, InvoiceId::new(1), None, &PaymentRequest::default()).unwrap();
        let server = serve(database, &network);
        let path = "/affiliates/api/3/reports.asmx/Bills";
        let own = server.get(Role::Affiliate, &format!("{path}?affiliate_id=1&start_at_row=1&row_limit=0"));
        assert_eq!(own.text, "<?xml version=\"1.0\" encoding=\"utf-8\"?><bill_response xmlns=\"http://cakemarketing.com/affiliates/api/3/\"><success>true</success><row_count>1</row_count><bills><bill><bill_id>1</bill_id><start_date>2026-01-05T00:00:00</start_date><end_date>2026-02-01T00:00:00</end_date><date_paid>2026-02-05T00:00:00</date_paid><bill_amount>12.5000</bill_amount><currency_symbol>$</currency_symbol></bill></bills></bill_response>");
        let under_d = d(&server.json(Role::Affiliate, path, json!({ "affiliate_id": "1", "start_at_row": "2", "row_limit": "1" })));
        assert_eq!((&under_d["row_count"], &under_d["bills"]), (&json!(1), &json!([])));
        assert_eq!(message(&server.get(Role::Affiliate, &format!("{path}?affiliate_id=2"))), "Invalid Affiliate ID");
        assert!(server.get(Role::Viewer, &format!("{path}?affiliate_id=2")).text.contains("<bill_id>2</bill_id>"));
        let hide = quittance_engine::invoices::InvoiceEdit { hidden: Some(true), ..Default::default() };
        network.engine.edit(&network.call, InvoiceId::new(1), None, &hide).unwrap();
        assert_eq!(element(&server.get(Role::Affiliate, &format!("{path}?affiliate_id=1")).text, "row_count").unwrap(), "0");
    }

    fn a_mark_with_the_same_key_happens_once(database) {
        let network = network(database);
        let server = serve(database, &network);
        let mark = |body: &str| {
            let body = format!("api_key={}&{body}", secret(Role::Finance));
            server.post(&format!("{ACCOUNTING}/MarkAffiliateBillAsReceived"), FORM, &[("idempotency-key", "k")], &body)
        };
        assert_eq!(message(&mark("bill_id=1&notes=a")), "Bill Marked As Received");
        assert_eq!(message(&mark("bill_id=1&notes=a")), "Bill Marked As Received");
        assert!(message(&mark("bill_id=2&notes=a")).contains("Idempotency-Key"));
        assert_eq!(status_of(&network, 2), "pending");
    }
}
