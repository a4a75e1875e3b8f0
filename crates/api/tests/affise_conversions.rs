//! Affise's conversions: listed, edited, imported; and an affiliate's month from its first conversion to its last payment.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod affise_common;
mod server;

use affise_common::{Affise, FORM, failure, network, success};
use quittance_domain::conversion::ConversionRecord;
use quittance_engine::keys::Role;
use quittance_engine::records::Field;
use quittance_testkit::{Network, TestDatabase, both_databases};
use serde_json::{Value, json};

/// The network, with an offer 1 of 10 out of 16, and an offer 2 of 10 % of the sale out of 20 %.
fn with_offers(database: &TestDatabase) -> Network {
    let network = network(database);
    let file = json!({ "offers": [
        { "id": 1, "name": "Fixed", "payout": "10", "payout_currency": "USD", "revenue": "16" },
        { "id": 2, "name": "Share", "payout": "10 %", "payout_currency": "USD", "revenue": "20 %" },
    ] });
    let report = network.engine.import_network(network.call.now, Some("test"), &file).unwrap();
    report.unwrap();
    network
}

const IMPORT: &str = "/3.0/admin/conversion/import";

both_databases! {
    fn an_affiliate_through_a_month(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        for (action, day) in [("a1", "2026-01-05"), ("a2", "2026-01-10"), ("a3", "2026-01-20")] {
            affise.post(IMPORT, &format!("offer=1&pid=1&action_id={action}&status=confirmed&created_at={day}"));
        }
        affise.post(IMPORT, "offer=1&pid=1&action_id=a4&status=hold&created_at=2026-01-21");
        let balance = |available: i64, hold: i64| {
            let own = success(&affise.call(Role::Affiliate, "GET", "/3.0/balance", FORM, ""));
            assert_eq!((&own["balance"]["available"]["USD"], &own["balance"]["hold"]["USD"]), (&json!(available), &json!(hold)));
            network.assert_verified();
        };
        balance(30, 10);
        affise.post("/3.1/payments/generate", "date=2026-01-31&aid=1");
        balance(30, 10);
        affise.post("/3.1/payments/1/add-correction", "revenue=-2&comment=chargeback");
        assert_eq!(affise.get("/3.1/payments/1")["payment"]["revenue"], "28.00000000");
        balance(28, 10);
        affise.post("/3.1/payments/1", "status=3");
        balance(28, 10);
        affise.post("/3.1/payments/1", "status=2");
        balance(0, 10);
        let payment = &affise.get("/3.1/payments/1")["payment"];
        assert_eq!((&payment["status"], &payment["cpa_actions"]), (&json!("2"), &json!(["a1-1-1", "a2-1-1", "a3-1-1"])));
        assert_eq!(affise.refused("/3.1/payments/1", "comment=late"), "Payment has status finished");
        // What was on hold is confirmed, and goes on the next one.
        affise.post("/3.0/admin/conversion/edit", "ids[]=a4-1-1&status=confirmed");
        balance(10, 0);
        affise.post("/3.1/payments/generate", "aid=1");
        assert_eq!(affise.get("/3.1/payments/2")["payment"]["revenue"], "10.00000000");
        balance(10, 0);
    }

    fn a_conversion_has_every_field(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        let form = "offer=2&pid=1&action_id=order-7&click_id=c1&goal=2&comment=hi&sum=55.5&created_at=2026-01-30&ip=1.2.3.4";
        assert_eq!(affise.post(IMPORT, form), json!({
            "status": 1,
            "data": {
                "offer": 2, "pid": 1, "action_id": "order-7", "goal": 2, "ip": "1.2.3.4", "ua": null, "sum": 55.5,
                "comment": "hi",
            },
            "message": "Conversion import will take a few minutes",
        }));
        let list = affise.get("/3.0/stats/conversions?action_id=order-7");
        assert_eq!(list["pagination"], json!({ "per_page": 100, "total_count": 1, "page": 1 }));
        let mut expected = json!({
            "id": "order-7-1-2", "conversion_id": "order-7-1-2", "cbid": "c1", "action_id": "order-7",
            "status": "confirmed", "offer_id": 2, "partner_id": 1, "goal": "2", "goal_value": "2", "currency": "USD",
            "sum": 55.5, "payouts": 5.55, "revenue": 11.1, "earnings": 5.55, "payment_type": "percent",
            "payment_status": "opened", "is_paid": "1", "created_at": "2026-01-30 00:00:00",
            "click_time": "2026-01-30 00:00:00", "updated_at": "2026-01-31 12:00:00", "clickid": "c1", "comment": "hi",
            "supplier_id": "1", "country": "", "country_name": "", "city": "", "city_id": 0, "district": null,
            "isp_code": "", "ip": "", "ua": "", "browser": "", "os": "", "device": "", "device_type": "",
            "referrer": "", "ref_id": "", "landing_id": 0, "prelanding_id": 0, "hold_date_expire": null,
            "sub1": "", "sub2": "", "sub3": "", "sub4": "", "sub5": "", "sub6": "", "sub7": "", "sub8": "",
            "custom_field_1": "", "custom_field_2": "", "custom_field_3": "", "custom_field_4": "",
            "custom_field_5": "", "custom_field_6": "", "custom_field_7": "", "fraud_risk_level": "",
            "decline_reason": "", "fraud_type": [], "ios_idfa": "", "android_id": "", "forensiq": "",
            "offer": { "id": 2, "title": "Share", "offer_id": "2", "url": "", "external_id": "" },
            "partner": {
                "id": 1, "title": "Affiliate 1", "email": "", "login": "Affiliate 1", "name": "Affiliate 1",
                "manager": {
                    "id": "00000000000000000000001f", "title": "Dana Reyes", "first_name": "Dana", "last_name": "Reyes",
                },
                "manager_id": "00000000000000000000001f",
            },
            "advertiser": { "id": "1", "title": "Advertiser 1" },
        });
        assert_eq!(list, json!({
            "status": 1, "conversions": [expected], "pagination": { "per_page": 100, "total_count": 1, "page": 1 },
        }));
        for (name, value) in [
            ("status", json!(1)), ("createdAt", json!("2026-01-30 00:00:00")), ("updatedAt", json!("2026-01-31 12:00:00")),
            ("charge", json!(11.1)), ("earning", json!(5.55)), ("click_id", json!("c1")), ("landing_id", Value::Null),
            ("prelanding_id", Value::Null),
        ] {
            expected[name] = value;
        }
        let one = affise.get("/3.0/stats/conversionsbyid?id=order-7-1-2");
        assert_eq!(one, json!({ "status": 1, "conversion": expected }));
        // The affiliate's own key sees nothing of what the network earns.
        let own = success(&affise.call(Role::Affiliate, "GET", "/3.0/stats/conversions?partner=2", FORM, ""));
        let own = own["conversions"][0].as_object().unwrap();
        assert_eq!(own["payouts"], json!(5.55));
        for name in ["revenue", "earnings", "advertiser", "supplier_id"] {
            assert!(!own.contains_key(name), "{name}");
            let path = format!("/3.0/stats/conversions?{name}=1");
            let asked = affise.call(Role::Affiliate, "GET", &path, FORM, "");
            assert!(failure(&asked, 400).starts_with(name), "{name}");
        }
    }

    fn conversions_are_found_by_each_filter(database) {
        let mut network = with_offers(database);
        network.set_party(quittance_domain::ids::PartyKind::Advertiser, r#"{"id":2,"name":"Second"}"#);
        let field = |record: &mut ConversionRecord, name: &str, text: &str| {
            Field::named(name).unwrap().read(record, text, &network.zone).unwrap();
        };
        let mut one = ConversionRecord { revenue: Some("9".into()), ..network.record("one", 1, 1, "approved", "2026-01-10", "7.25") };
        for (name, text) in [
            ("country", "DE"), ("goal", "2"), ("click_id", "k1"), ("sub1", "s1"), ("sub2", "s2"), ("sub3", "s3"),
            ("sub4", "s4"), ("sub5", "s5"), ("comment", "first"),
        ] {
            field(&mut one, name, text);
        }
        let mut two =
            ConversionRecord { revenue: Some("0".into()), ..network.record("two", 2, 2, "pending", "2026-01-12", "100") };
        for (name, text) in [("payout_currency", "EUR"), ("country", "fr"), ("goal", "3"), ("advertiser_id", "2")] {
            field(&mut two, name, text);
        }
        assert_eq!(network.ingest(vec![one, two]).rejections, []);
        network.call.now = network.instant("2026-01-31 15:00:00");
        let three =
            ConversionRecord { revenue: Some("0".into()), ..network.record("three", 1, 1, "hold", "2026-01-14", "0") };
        assert_eq!(network.ingest(vec![three]).rejections, []);
        let affise = Affise::serve(database, &network);
        let ids = |query: &str, extra: &str| {
            let path = format!("/3.0/stats/conversions?date_from=2026-01-01&date_to=2026-01-31&{query}{extra}");
            let list = affise.get(&path);
            let found: Vec<String> =
                list["conversions"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(list["pagination"]["total_count"], found.len(), "{query}");
            found
        };
        for (query, expected) in [
            ("", vec!["one", "two", "three"]),
            ("status[]=1", vec!["one"]), ("status=2&status=5", vec!["two", "three"]),
            ("offer[]=2", vec!["two"]), ("advertiser=2", vec!["two"]), ("partner[]=1", vec!["one", "three"]),
            ("country[]=de", vec!["one"]), ("country[]=FR&country[]=XX", vec!["two"]),
            ("goal=2", vec!["one"]), ("goal_id[]=3&goal_id[]=2", vec!["one", "two"]),
            ("clickid=k1", vec!["one"]), ("subid1=s1", vec!["one"]), ("subid2=s2", vec!["one"]), ("subid3=s3", vec!["one"]),
            ("subid4=s4", vec!["one"]), ("subid5=s5", vec!["one"]), ("subid5=s1", vec![]), ("comment=first", vec!["one"]),
            ("payouts=7.25", vec!["one"]), ("payouts_from=7.25", vec!["one", "two"]), ("payouts_to=7.25", vec!["one", "three"]),
            ("payouts_from=7.26&payouts_to=99.99", vec![]), ("revenue=9", vec!["one"]), ("revenue_from=9", vec!["one"]),
            ("revenue_to=8.99", vec!["two", "three"]), ("currency=47", vec!["two"]), ("currency=150", vec!["one", "three"]),
            ("update_from_date=2026-01-31&update_from_hour=15", vec!["three"]),
            ("update_to_date=2026-01-31&update_to_hour=14", vec!["one", "two"]),
            ("action_id=two", vec!["two"]), ("timezone=UTC", vec!["one", "two", "three"]), ("timezone=Europe/Berlin", vec!["one", "two", "three"]),
            ("raw_export=0", vec!["one", "two", "three"]), ("currency=EUR", vec!["two"]), ("currency=usd", vec!["one", "three"]),
            ("status[]=4", vec![]), ("status[]=4&status[]=1", vec!["one"]), ("status[]=not_found", vec![]),
            ("payment_status=opened", vec!["one", "two", "three"]), ("payment_status=closed", vec![]),
        ] {
            assert_eq!(ids(query, ""), expected, "{query}");
            // The same of one that is found by its id.
            if !query.contains("action_id") {
                let by_id: Vec<String> = expected.iter().filter(|id| **id == "one").map(|id| (*id).to_owned()).collect();
                assert_eq!(ids(query, "&action_id=one"), by_id, "{query} by id");
            }
        }
        affise.post("/3.1/payments/generate", "aid=1&date=2026-01-31&exclude_aids=2");
        assert_eq!((ids("payment_status[]=pending", ""), ids("invoice_id[]=1", "")), (vec!["one".to_owned()], vec!["one".to_owned()]));
        affise.post("/3.1/payments/1", "status=2");
        assert_eq!(ids("payment_status=closed&invoice_id=1", ""), ["one"]);
        for (query, start) in [
            ("os=Android", "os: "), ("hour=3", "hour: "), ("custom_field_1=x", "custom_field_1: "), ("currency=9999", "currency: "),
            ("payouts=much", "payouts: "), ("payment_status=gone", "payment_status: "), ("timezone=Mars", "timezone: "), ("raw_export=1", "raw_export: "), ("currency=dollars", "currency: "),
            ("update_from_date=2026-01-31&update_from_hour=24", "update_from_hour: "), ("status=9", "status: "),
        ] {
            let refused = affise.call(Role::Admin, "GET", &format!("/3.0/stats/conversions?{query}"), FORM, "");
            assert!(failure(&refused, 400).starts_with(start), "{query}: {}", refused.text);
        }
    }

    /// Of two conversions of 10.00 and 5.00 that of one offer is on a payment: 15.00 are not paid out, in both views.
    fn a_balance_counts_nothing_twice_after_a_payment_by_offer(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        affise.post(IMPORT, "offer=1&pid=1&action_id=a&created_at=2026-01-05");
        affise.post(IMPORT, "offer=2&pid=1&action_id=b&sum=50&created_at=2026-01-06");
        affise.post("/3.1/payments/generate", "date=2026-01-31&aid=1&offer_ids[]=1");
        assert_eq!(affise.get("/3.1/payments/1")["payment"]["revenue"], "10.00000000");
        let partner = affise.get("/3.0/admin/partner/1")["partner"]["balance"]["USD"]["available"].clone();
        let own = success(&affise.call(Role::Affiliate, "GET", "/3.0/balance", FORM, ""));
        assert_eq!((&partner, &own["balance"]["available"]["USD"]), (&json!(15), &json!(15)));
        network.assert_verified();
    }

    fn a_currency_and_a_sum_are_edited(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        affise.post(IMPORT, "offer=2&pid=1&action_id=a&sum=50");
        let edit = |form: &str| affise.post("/3.0/admin/conversion/edit", &format!("ids[]=a-1-2&{form}"));
        let shown = || {
            let c = affise.get("/3.0/stats/conversionsbyid?id=a-1-2")["conversion"].clone();
            (c["currency"].clone(), c["payouts"].clone(), c["revenue"].clone(), c["sum"].clone())
        };
        assert_eq!(shown(), (json!("USD"), json!(5), json!(10), json!(50)));
        // 10 % and 20 % of 80.50.
        edit("sum=80.5");
        assert_eq!(shown(), (json!("USD"), json!(8.05), json!(16.1), json!(80.5)));
        edit("sum=40&payouts=4.5");
        assert_eq!(shown(), (json!("USD"), json!(4.5), json!(8), json!(40)));
        edit("sum=80.5");
        assert_eq!(shown(), (json!("USD"), json!(4.5), json!(16.1), json!(80.5)), "what was set here stays");
        assert_eq!(edit("currency=EUR&payouts=4&revenue=8")["data"], json!({
            "ids": ["a-1-2"], "status": null, "currency": "EUR", "payouts": 4, "revenue": 8,
        }));
        assert_eq!(shown(), (json!("EUR"), json!(4), json!(8), json!(80.5)));
        // The books of the dollar have nothing left, those of the euro have it.
        let balance = affise.get("/3.0/admin/partner/1")["partner"]["balance"].clone();
        assert_eq!((&balance["USD"]["available"], &balance["EUR"]["available"]), (&json!(0), &json!(4)));
        for (form, start) in [
            ("currency=USD", "a-1-2: payout is missing"), ("currency=XYZ&payouts=1", "currency: "), ("sum=much", "a-1-2: "),
            ("custom_field_1=x&status=hold", "custom_field_1: "),
        ] {
            let text = affise.refused("/3.0/admin/conversion/edit", &format!("ids[]=a-1-2&{form}"));
            assert!(text.contains(start.trim_start_matches("a-1-2: ")), "{form}: {text}");
        }
        network.assert_verified();
    }

    /// By hand: 15.00 USD at 1.25 a euro are 12 EUR; 10.55 USD at 1.40 CAD a dollar are 14.77 CAD. The rates of a week may be
    /// used, of the first days of the year there are none.
    fn a_conversion_has_one_currency(database) {
        let network = with_offers(database);
        network.rates("2026-01-10,EUR,USD,1.25\n2026-01-10,USD,CAD,1.40\n2026-01-12,EUR,USD,1.5");
        let record = |id: &str, day: &str, payout: (&str, &str), revenue: &str| ConversionRecord {
            payout_currency: quittance_domain::currency::Currency::parse(payout.1).ok(),
            revenue: Some(revenue.into()),
            ..network.record(id, 1, 1, "approved", day, payout.0)
        };
        let report = network.ingest(vec![
            record("eur", "2026-01-10", ("8", "EUR"), "15"), record("cad", "2026-01-11", ("16.24", "CAD"), "10.55"),
            record("late", "2026-01-13", ("8", "EUR"), "15"), record("none", "2026-01-02", ("8", "EUR"), "15"),
            record("usd", "2026-01-02", ("8", "USD"), "15"),
        ]);
        assert_eq!(report.rejections, []);
        let affise = Affise::serve(database, &network);
        let list = affise.get("/3.0/stats/conversions?date_from=2026-01-01&date_to=2026-01-31");
        let amounts = |c: &Value| ["currency", "payouts", "revenue", "earnings"].map(|name| c[name].clone());
        let shown = |id: &str| amounts(list["conversions"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap());
        assert_eq!(shown("eur"), [json!("EUR"), json!(8), json!(12), json!(4)]);
        assert_eq!(shown("cad"), [json!("CAD"), json!(16.24), json!(14.77), json!(-1.47)]);
        assert_eq!(shown("late"), [json!("EUR"), json!(8), json!(10), json!(2)]);
        assert_eq!(shown("none"), [json!("EUR"), json!(8), Value::Null, Value::Null]);
        assert_eq!(shown("usd"), [json!("USD"), json!(8), json!(15), json!(7)]);
        let one = affise.get("/3.0/stats/conversionsbyid?id=cad")["conversion"].clone();
        assert_eq!((amounts(&one), &one["charge"], &one["earning"]), (shown("cad"), &json!(14.77), &json!(-1.47)));
    }

    /// The revenue that is sent is in the one currency that is shown: 28.00 CAD are 20.00 USD, which the advertiser owes.
    fn a_revenue_is_edited_in_the_currency_that_is_shown(database) {
        let network = with_offers(database);
        network.rates("2026-01-10,USD,CAD,1.40");
        let cad = quittance_domain::currency::Currency::parse("CAD").ok();
        let record = |id: &str, day: &str| ConversionRecord {
            payout_currency: cad, revenue: Some("10.55".into()), ..network.record(id, 1, 1, "approved", day, "16.24")
        };
        assert_eq!(network.ingest(vec![record("a", "2026-01-10"), record("old", "2026-01-02")]).rejections, []);
        let affise = Affise::serve(database, &network);
        let owed = || network.engine.conversions_by_ids(&network.call, &["a"]).unwrap()[0].known.conversion.revenue;
        let usd = |text: &str| quittance_domain::money::Money::parse(text, quittance_domain::currency::Currency::parse("USD").unwrap()).unwrap();
        // As it is shown it is left as it is: 14.77 CAD are 10.55 USD and not 10.5500 of something else.
        affise.post("/3.0/admin/conversion/edit", "ids[]=a&payouts=17&revenue=14.77");
        assert_eq!(owed(), usd("10.55"));
        affise.post("/3.0/admin/conversion/edit", "ids[]=a&revenue=28");
        assert_eq!(owed(), usd("20"));
        let shown = affise.get("/3.0/stats/conversionsbyid?id=a")["conversion"].clone();
        assert_eq!((&shown["currency"], &shown["payouts"], &shown["revenue"]), (&json!("CAD"), &json!(17), &json!(28)));
        let refused = affise.refused("/3.0/admin/conversion/edit", "ids[]=old&revenue=28");
        assert!(refused.contains("there is no rate of CAD to USD for 2026-01-02"), "{refused}");
        // Filters are of what is shown, too.
        for (query, found) in [("revenue=28", 1), ("revenue=20", 0), ("revenue_from=27.99&revenue_to=28", 1), ("revenue_from=28.01", 0), ("revenue=10.55", 0)] {
            for more in ["", "&action_id=a"] {
                let list = affise.get(&format!("/3.0/stats/conversions?date_from=2026-01-01&date_to=2026-01-31&{query}{more}"));
                assert_eq!((list["pagination"]["total_count"].as_i64(), list["conversions"].as_array().unwrap().len()), (Some(found), found as usize), "{query}{more}");
            }
        }
        network.assert_verified();
    }

    /// 8 o'clock in UTC is 21 o'clock of the day before on Pago Pago, 11 hours behind; noon is 1 o'clock of the same day.
    fn the_days_of_a_list_are_those_of_its_zone(database) {
        let network = with_offers(database);
        network.approve("a 1 1 2026-01-30 1\nb 1 1 2026-01-31 1");
        let affise = Affise::serve(database, &network);
        let found = |query: &str| {
            let list = affise.get(&format!("/3.0/stats/conversions?{query}"));
            let row = |c: &Value| format!("{} {}", c["id"].as_str().unwrap(), c["created_at"].as_str().unwrap());
            list["conversions"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(found("date_from=2026-01-30&date_to=2026-01-31"), ["a 2026-01-30 08:00:00", "b 2026-01-31 08:00:00"]);
        let far = "timezone=Pacific/Pago_Pago";
        assert_eq!(found(&format!("{far}&date_from=2026-01-29&date_to=2026-01-29")), ["a 2026-01-29 21:00:00"]);
        assert_eq!(found(&format!("{far}&date_from=2026-01-30&date_to=2026-01-30")), ["b 2026-01-30 21:00:00"]);
        assert_eq!(found(&format!("{far}&action_id=b&date_from=2026-01-31")), [""; 0]);
        assert_eq!(found(&format!("{far}&action_id=b&date_from=2026-01-30&date_to=2026-01-30")).len(), 1);
        assert_eq!(found(&format!("{far}&update_from_date=2026-01-31&update_from_hour=2")), [""; 0]);
        assert_eq!(found(&format!("{far}&update_from_date=2026-01-31&update_to_date=2026-01-31&update_to_hour=1")).len(), 2);
    }

    fn an_offer_without_a_revenue_takes_none(database) {
        let network = with_offers(database);
        let file = json!({ "offers": [{ "id": 4, "payout": "2.5", "payout_currency": "USD" }] });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        let affise = Affise::serve(database, &network);
        affise.post(IMPORT, "offer=4&pid=1&action_id=free");
        let one = affise.get("/3.0/stats/conversions?action_id=free")["conversions"][0].clone();
        assert_eq!((&one["payouts"], &one["revenue"], &one["earnings"]), (&json!(2.5), &json!(0), &json!(-2.5)));
        network.assert_verified();
    }

    fn an_import_counts_once(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        let count = |query: &str| {
            affise.get(&format!("/3.0/stats/conversions?{query}"))["pagination"]["total_count"].as_i64().unwrap()
        };
        for _ in 0..2 {
            affise.post(IMPORT, "offer=1&pid=1&action_id=x");
        }
        assert_eq!(count(""), 1);
        // The same action id of another affiliate or offer is another conversion; without one each is new.
        let several = affise.post("/3.0/admin/conversions/import", "list[0][offer]=1&list[0][pid]=2&list[0][action_id]=x&\
            list[1][offer]=2&list[1][pid]=1&list[1][action_id]=x&list[1][sum]=10&list[1][status]=pending");
        let echo = |offer: i64, pid: i64, sum: Value| json!({
            "offer": offer, "pid": pid, "action_id": "x", "goal": null, "ip": null, "ua": null, "sum": sum, "comment": null,
        });
        assert_eq!(several, json!({
            "status": 1, "data": { "list": [echo(1, 2, Value::Null), echo(2, 1, json!(10))] },
            "message": "Conversion import will take a few minutes",
        }));
        assert_eq!((count(""), count("action_id=x"), count("action_id=x&partner[]=2")), (3, 3, 1));
        for _ in 0..2 {
            affise.post(IMPORT, "offer=1&pid=1");
        }
        assert_eq!((count(""), count("status[]=2"), count("partner=1&offer[]=1"), count("advertiser=1")), (5, 1, 3, 5));
        assert_eq!(count("limit=2&page=2"), 5);
        affise.post("/3.1/payments/generate", "aid=1");
        assert_eq!(count("invoice_id=1"), 3);
        let status = |query: &str| {
            let list = affise.get(&format!("/3.0/stats/conversions?{query}"));
            (list["conversions"][0]["payment_status"].clone(), list["conversions"][0]["is_paid"].clone())
        };
        assert_eq!(status("action_id=x&partner=1&offer=1"), (json!("pending"), json!("3")));
        affise.post("/3.1/payments/1", "status=2");
        assert_eq!(status("action_id=x&partner=1&offer=1"), (json!("closed"), json!("2")));
        assert_eq!(status("action_id=x&partner=2"), (json!("opened"), json!("1")));
        network.assert_verified();
    }

    fn changes_are_found_by_when_they_were_made(database) {
        let mut network = with_offers(database);
        network.approve("old 1 1 2026-01-10 1\nrevised 1 1 2026-01-11 1");
        network.at("2026-02-05");
        network.approve("new 1 1 2026-01-12 1\nrevised 1 1 2026-01-11 2");
        let affise = Affise::serve(database, &network);
        let found = |query: &str| {
            let list = affise.get(&format!("/3.0/stats/conversions?date_from=2026-01-01&date_to=2026-01-31&{query}"));
            let ids: Vec<String> = list["conversions"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(list["pagination"]["total_count"], ids.len());
            ids
        };
        assert_eq!(found(""), ["old", "revised", "new"]);
        assert_eq!(found("update_from_date=2026-02-05"), ["revised", "new"]);
        // It was at noon.
        assert_eq!(found("update_from_date=2026-02-05&update_from_hour=13"), [""; 0]);
        assert_eq!(found("update_to_date=2026-02-05&update_to_hour=11"), ["old"]);
        assert_eq!(found("update_from_date=2026-01-31&update_to_date=2026-02-05&update_to_hour=12"), ["old", "revised", "new"]);
        assert_eq!(found("action_id=revised&update_to_date=2026-02-01"), [""; 0]);
    }

    fn edits_one_many_and_by_filter(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        for action in ["a", "b", "c"] {
            affise.post(IMPORT, &format!("offer=1&pid=1&action_id={action}&status=pending"));
        }
        let edited = affise.post("/3.0/admin/conversion/edit", "ids[0]=a-1-1&status=confirmed&payouts=7&revenue=9.5");
        assert_eq!(edited, json!({
            "status": 1,
            "data": { "ids": ["a-1-1"], "status": "confirmed", "currency": null, "payouts": 7, "revenue": 9.5 },
            "message": "Conversion changes will take a few minutes",
        }));
        let payouts = || {
            let list = affise.get("/3.0/stats/conversions");
            let of = |c: &Value| (c["status"].as_str().unwrap().to_owned(), c["payouts"].to_string());
            list["conversions"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        let pair = |status: &str, payout: &str| (status.to_owned(), payout.to_owned());
        assert_eq!(payouts(), [pair("confirmed", "7"), pair("pending", "10"), pair("pending", "10")]);
        affise.post("/3.0/admin/conversion/edit", "ids=b-1-1&ids=c-1-1&status=declined");
        assert_eq!(payouts()[1..], [pair("declined", "10"), pair("declined", "10")]);
        let filter = "all=1&params[date_from]=2026-01-31&params[date_to]=2026-01-31&params[status][]=3&status=hold";
        affise.post("/3.0/admin/conversion/edit", filter);
        assert_eq!(payouts(), [pair("confirmed", "7"), pair("hold", "10"), pair("hold", "10")]);
        affise.post("/3.0/admin/conversion/edit-by-advertiser", "advertiser_id=1&ids[]=b-1-1&status=confirmed");
        let refused = affise.refused("/3.0/admin/conversion/edit-by-advertiser", "advertiser_id=2&ids[]=b-1-1&status=hold");
        assert_eq!(refused, "ids: Conversions [b-1-1] not found");
        network.assert_verified();
    }

    fn bad_conversions_are_named(database) {
        let network = with_offers(database);
        let affise = Affise::serve(database, &network);
        let import = |form: &str| affise.refused(IMPORT, form);
        for (form, start) in [
            ("pid=1", "offer: "),
            ("offer=1", "pid: "),
            ("offer=1&pid=99", "pid: "),
            ("offer=99&pid=1", "offer: Offers [99] not found"),
            ("offer=3&pid=1", "offer: the offer 3 (Offer 3) has no payout"),
            ("offer=2&pid=1", "sum: "),
            ("offer=2&pid=1&sum=x", "sum: "),
            ("offer=1&pid=1&status=maybe", "status: "),
            ("offer=1&pid=1&created_at=2025-11-01", "created_at: "),
            ("offer=1&pid=1&created_at=2026-02-01", "created_at: "),
            ("offer=1&pid=1&created_at=soon", "created_at: "),
        ] {
            assert!(import(form).starts_with(start), "{form}: {}", import(form));
        }
        let several = affise.refused("/3.0/admin/conversions/import", "list[0][offer]=1&list[0][pid]=1&list[1][pid]=1");
        assert!(several.starts_with("list[1] offer: "), "{several}");
        let edit = |form: &str| affise.refused("/3.0/admin/conversion/edit", form);
        assert!(edit("status=confirmed").starts_with("ids: "));
        assert!(edit("ids=zz&status=confirmed").starts_with("ids: Conversions [zz] not found"));
        assert!(edit("ids=zz").starts_with("status"));
        assert!(edit("all=1&status=hold").starts_with("params: "));
        assert!(edit("all=1&params[date_from]=2026-01-01&status=hold").starts_with("params[date_to]: "));
        // A filter that is not known would change too much if it were ignored.
        let unknown = "all=1&params[date_from]=2026-01-01&params[date_to]=2026-01-31&params[os]=Android&status=hold";
        assert!(edit(unknown).starts_with("params[os]: "));
        let list = affise.call(Role::Admin, "GET", "/3.0/stats/conversions?os=Android", FORM, "");
        assert!(failure(&list, 400).starts_with("os: "));
        let absent = affise.call(Role::Admin, "GET", "/3.0/stats/conversionsbyid?id=zz", FORM, "");
        assert_eq!(failure(&absent, 404), "Resource Not Found");
    }
}
