//! Affise's partners, their balances, payment systems, currencies and offers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod affise_common;
mod server;

use affise_common::{Affise, FORM, failure, network, success};
use quittance_engine::keys::Role;
use quittance_testkit::{Network, both_databases};
use serde_json::{Value, json};

both_databases! {
    fn the_line_of_the_article_as_it_is_written(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        let form = "payment_systems%5B0%5D%5Bsystem_id%5D=13&payment_systems%5B0%5D%5Bcurrency%5D=USD&\
            payment_systems%5B0%5D%5Bfields%5D%5B4%5D=1b765";
        let edited = affise.post("/3.0/admin/partner/2", form);
        assert_eq!(edited["id"], 2);
        let rows = json!([
            { "id": 1, "active": 1, "system": "PayPal", "system_id": 13, "currency": "USD", "fields": { "4": "1b765" } },
        ]);
        assert_eq!(edited["partner"]["payment_systems"], rows);
        assert_eq!(affise.get("/3.0/admin/partner/2")["partner"]["payment_systems"], rows);
        // What was not sent stays, and the first affiliate is as it was.
        let others = affise.post("/3.0/admin/partner/2", "notes=x");
        assert_eq!(others["partner"]["payment_systems"], rows);
        assert_eq!(affise.get("/3.0/admin/partner/1")["partner"]["payment_systems"][0]["fields"]["4"], "one@example.com");
    }

    fn a_partner_has_every_field(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        let form = "email=new@example.com&password=secret&country=DE&login=newone&status=on+moderation&\
            manager_id=00000000000000000000001f&ref=1&ref_percent=5&notes=hello&payment_systems[0][system_id]=13&\
            payment_systems[0][currency]=USD&payment_systems[0][fields][4]=new@example.com";
        let made = affise.post("/3.0/admin/partner", form);
        let none = json!({ "balance": 0, "hold": 0, "available": 0 });
        let expected = json!({
            "id": 6, "created_at": "2026-01-31 12:00:00", "updated_at": "2026-01-31 12:00:00",
            "email": "new@example.com", "login": "newone", "contactPerson": null, "name": "newone", "address_1": null,
            "address_2": null, "city": null, "country": "DE", "zip_code": null, "phone": null, "notes": "hello", "ref": "1", "ref_percent": "5", "level": 0, "status": "on moderation",
            "manager": {
                "id": "00000000000000000000001f", "first_name": "Dana", "last_name": "Reyes", "work_hours": "",
                "email": "dana@example.com", "skype": "", "api_key": "", "roles": [], "updated_at": "",
                "created_at": "", "last_login_at": "", "type": "", "avatar": "",
            },
            "payment_systems": [{
                "id": 1, "active": 1, "system": "PayPal", "system_id": 13, "currency": "USD",
                "fields": { "4": "new@example.com" },
            }],
            "customFields": [], "balance": { "EUR": none, "USD": none }, "offersCount": 4, "api_key": "", "tags": [],
            "lang": "en", "sub_accounts": { "1": { "value": "", "except": 0 }, "2": { "value": "", "except": 0 } },
            "tipalti_payee_id": null, "tipalti_status": null,
        });
        assert_eq!(made, json!({ "status": 1, "partner": expected, "id": 6 }));
        assert_eq!(affise.get("/3.0/admin/partner/6"), made);
        assert_eq!(affise.get("/3.0/admin/partner/1/referrals"), json!({
            "status": 1, "referrals": [expected], "pagination": { "per_page": 50, "total_count": 1, "page": 1 },
        }));
        assert_eq!(affise.get("/3.0/admin/partners?id=6"), json!({
            "status": 1, "partners": [expected], "pagination": { "per_page": 50, "total_count": 1, "page": 1 },
        }));
        let bare = affise.get("/3.0/admin/partner/3");
        let partner = &bare["partner"];
        let shown = [&partner["payment_systems"], &partner["ref"], &partner["ref_percent"], &partner["manager"]];
        assert_eq!(shown, [&json!([]), &json!("0"), &Value::Null, &Value::Null]);
        affise.post("/3.0/admin/partner/6", "ref=0");
        assert_eq!(affise.get("/3.0/admin/partner/6")["partner"]["ref"], "0");
    }

    fn custom_fields_are_kept_by_their_ids(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        let made = affise.post("/3.0/admin/partner", "email=new@example.com&password=x&country=DE&custom_fields[12]=Berlin&custom_fields[3]=%2B49+30");
        let field = |id: i64, value: &str| json!({ "name": "", "value": value, "label": value, "id": id });
        assert_eq!((&made["id"], &made["partner"]["customFields"]), (&json!(6), &json!([field(3, "+49 30"), field(12, "Berlin")])));
        let fields = |path: &str| affise.get(path)["partner"]["customFields"].clone();
        // What is not sent stays, what is empty goes; an edit of something else changes none.
        affise.post("/3.0/admin/partner/6", "custom_fields[3]=&custom_fields[4]=x");
        affise.post("/3.0/admin/partner/6", "notes=hello");
        assert_eq!(fields("/3.0/admin/partner/6"), json!([field(4, "x"), field(12, "Berlin")]));
        assert_eq!(affise.get("/3.0/admin/partners?id=6")["partners"][0]["customFields"], json!([field(4, "x"), field(12, "Berlin")]));
        assert_eq!(fields("/3.0/admin/partner/1"), json!([]));
        affise.post("/3.0/admin/partner/6", "custom_fields[4]=&custom_fields[12]=");
        assert_eq!(fields("/3.0/admin/partner/6"), json!([]));
        let wrong = |form: &str, says: &str| {
            let text = affise.refused("/3.0/admin/partner/6", form);
            assert!(text.starts_with("custom_fields: ") && text.contains(says), "{form}: {text}");
        };
        wrong("custom_fields=x", "");
        wrong("custom_fields[city]=x", "city");
        wrong("custom_fields[0]=x", "\"0\" is no id");
        wrong(&format!("custom_fields[7]={}", "x".repeat(300)), "7: ");
        wrong(&(1..=101).map(|id| format!("custom_fields[{id}]=x&")).collect::<String>(), "at most 100");
        // They are personal: the history does not hold them, and erasing takes them away.
        affise.post("/3.0/admin/partner/6", "custom_fields[5]=personal-secret");
        let history = network.engine.find_changes(&network.call, &Default::default(), 0, 100).unwrap().rows;
        assert!(history.iter().any(|row| row.details.contains("custom_fields")) && !history.iter().any(|row| row.details.contains("personal-secret")));
        network.engine.erase_party(&network.call, quittance_domain::ids::PartyKind::Affiliate, 6).unwrap();
        assert_eq!(fields("/3.0/admin/partner/6"), json!([]));
    }

    fn referrals_come_in_pages(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        let page = |path: &str| {
            let found = affise.get(&format!("/3.0/admin/partner/{path}"));
            let ids: Vec<i64> = found["referrals"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
            (ids, found["pagination"].clone())
        };
        let none = json!({ "per_page": 50, "total_count": 0, "page": 1 });
        assert_eq!(page("1/referrals"), (vec![], none.clone()));
        for id in [2, 3, 5] {
            affise.post(&format!("/3.0/admin/partner/{id}"), "ref=1&ref_percent=5");
        }
        // 1 is not 12, nor is whom 4 has referred.
        affise.post("/3.0/admin/partner/1", "ref=4&ref_percent=5");
        assert_eq!(page("1/referrals?limit=2"), (vec![2, 3], json!({ "per_page": 2, "total_count": 3, "page": 1, "next_page": 2 })));
        assert_eq!(page("1/referrals?limit=2&page=2"), (vec![5], json!({ "per_page": 2, "total_count": 3, "page": 2 })));
        assert_eq!(page("1/referrals?page=9").0, [0; 0]);
        affise.post("/3.0/admin/partner/3", "ref=4");
        affise.post("/3.0/admin/partner/5", "ref=0");
        assert_eq!((page("1/referrals").0, page("4/referrals").0, page("5/referrals").1), (vec![2], vec![1, 3], none));
    }

    fn partners_are_listed(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        affise.post("/3.0/admin/partner/4", "email=four@example.com&status=banned");
        let found = |query: &str| {
            let list = affise.get(&format!("/3.0/admin/partners?{query}"));
            list["partners"].as_array().unwrap().iter().map(|p| p["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found(""), [1, 2, 3, 4, 5]);
        assert_eq!(found("id[]=2&id[]=5&with_balance=1"), [2, 5]);
        assert_eq!(found("order=-id&limit=2"), [5, 4]);
        assert_eq!(found("order=id&orderType=desc&limit=2&page=2"), [3, 2]);
        assert_eq!(found("status=banned"), [4]);
        assert_eq!(found("status_partner=2"), [4]);
        assert_eq!(found("search=four@"), [4]);
        assert_eq!(found("manager[]=00000000000000000000001f"), [1]);
        // 1 and 2 were changed by the network's file, 4 just now; 3 and 5 are as they were made.
        assert_eq!(found("updated_at=2026-01-31"), [1, 2, 4]);
        assert_eq!(found("updated_at=2026-02-01"), [0; 0]);
        assert_eq!(found("order=updated_at"), [3, 5, 1, 2, 4]);
        assert_eq!(found("order=-updated_at&limit=1"), [4]);
        assert_eq!(found("order=created_at&orderType=desc"), [5, 4, 3, 2, 1]);
        let page = affise.get("/3.0/admin/partners?limit=2&page=2");
        assert_eq!(page["pagination"], json!({ "per_page": 2, "total_count": 5, "page": 2, "next_page": 3 }));
        let last = affise.get("/3.0/admin/partners?limit=2&page=3");
        assert_eq!(last["pagination"], json!({ "per_page": 2, "total_count": 5, "page": 3 }));
    }

    fn balances_are_what_is_not_completed(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-03 30\nb 1 1 2026-01-04 12.5");
        let held = network.record("c", 1, 1, "hold", "2026-01-05", "7");
        network.ingest(vec![held]);
        let affise = Affise::serve(database, &network);
        let usd = || affise.get("/3.0/admin/partner/1")["partner"]["balance"]["USD"].clone();
        let shown = |available: Value| json!({ "balance": available, "hold": 7, "available": available });
        assert_eq!(usd(), shown(json!(42.5)));
        affise.post("/3.1/payments/generate", "date=2026-01-03&aid=1");
        assert_eq!(usd(), shown(json!(42.5)));
        affise.post("/3.1/payments/1", "status=3");
        assert_eq!(usd(), shown(json!(42.5)));
        affise.post("/3.1/payments/1", "status=2");
        assert_eq!(usd(), shown(json!(12.5)));
        // The affiliate of the key is 1.
        let own = success(&affise.call(Role::Affiliate, "GET", "/3.0/balance", FORM, ""));
        assert_eq!(own, json!({ "status": 1, "balance": {
            "balance": { "EUR": 0, "USD": 12.5 }, "hold": { "EUR": 0, "USD": 7 },
            "available": { "EUR": 0, "USD": 12.5 },
        } }));
        let me = success(&affise.call(Role::Affiliate, "GET", "/3.1/partner/me", FORM, ""));
        let mut user = me["user"].clone();
        // It is made at the start of 1970, and changed by the file of the network.
        assert_eq!(user["created_at"].take(), json!("1970-01-01T00:00:00Z"));
        assert_eq!(user["updated_at"].take(), json!("2026-01-31T12:00:00Z"));
        let no_sub = json!({ "value": "", "except": 0 });
        let mut expected = json!({
            "partner_id": 1, "id": "1", "email": "", "login": "Affiliate 1", "name": "Affiliate 1", "status": "1", "ref": "0",
            "ref_percent": "0", "pay_sys": "13", "pay_acc": "one@example.com", "pay_acc_wmz": "", "balance_ru": "0.00",
            "hold_ru": "0.00", "available_ru": "0.00", "balance_usd": "12.50", "hold_usd": "7.00", "available_usd": "12.50",
            "permissions": {}, "manager_id": "00000000000000000000001f", "type": "affiliate", "lang": "en",
            "manager": { "name": "Dana Reyes", "email": "dana@example.com", "skype": "", "work_hours": "" },
            "sub_accounts": { "1": no_sub, "2": no_sub }, "needAcceptTerms": false,
        });
        for name in ["api_key", "notes", "address_1", "city", "country", "tipalti_info", "contact_person", "work_hours", "last_login_at"] {
            expected[name] = "".into();
        }
        for name in ["info", "settings", "company", "confirm_code", "timezone", "level", "address_2", "zip_code", "phone", "tags", "created_at", "updated_at"] {
            expected[name] = Value::Null;
        }
        assert_eq!(user, expected);
        for path in ["/3.0/balance", "/3.1/partner/me"] {
            assert_eq!(failure(&affise.call(Role::Admin, "GET", path, FORM, ""), 403), "Auth Denied");
        }
        assert_eq!(failure(&affise.call(Role::Affiliate, "GET", "/3.0/admin/partner/1", FORM, ""), 403), "Auth Denied");
    }

    fn reference_lists(database) {
        let network = network(database);
        network.rates("2026-01-30,EUR,USD,1.25");
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.0/admin/payment_systems"), json!({ "status": 1, "payment_systems": [{
            "id": 13, "lang_label": "PayPal", "currency": "USD",
            "fields": [{ "id": 4, "lang_label": "Email", "required": true }],
        }] }));
        assert_eq!(affise.get("/3.0/admin/currency"), json!({ "status": 1, "quotes": { "EUR": 0.8, "USD": 1 } }));
        assert_eq!(affise.get("/3.0/admin/currency?extended=1&get_only_active=1"), json!({ "status": 1, "quotes": [
            { "_id": 47, "code": "EUR", "active": true, "default": false, "rate": 0.8, "min_payment": 0, "is_crypto": false },
            { "_id": 150, "code": "USD", "active": true, "default": true, "rate": 1, "min_payment": 5, "is_crypto": false },
        ] }));
        let offer = |id: i64, hold: i64| json!({
            "id": id, "offer_id": id.to_string(), "title": format!("Offer {id}"), "advertiser": "1", "status": "active",
            "hold_period": hold, "payments": [{ "revenue": null, "total": null, "currency": null, "type": "fixed" }],
        });
        assert_eq!(affise.get("/3.0/offers?limit=3"), json!({
            "status": 1, "offers": [offer(1, 0), offer(2, 0), offer(3, 0)],
            "pagination": { "per_page": 3, "total_count": 4, "page": 1, "next_page": 2 },
        }));
        assert_eq!(affise.get("/3.0/offers?limit=3&page=2"), json!({
            "status": 1, "offers": [offer(4, 7)], "pagination": { "per_page": 3, "total_count": 4, "page": 2 },
        }));
    }

    /// 1 / 1.16 is 0.862068…, of a network in yen 1 / 154.37 is 0.006477… and 1 / 179.04 is 0.005585….
    fn rates_are_of_the_pair_and_the_base_is_there(database) {
        let network = network(database);
        network.rates("2026-01-30,EUR,USD,1.16\n2026-01-30,USD,JPY,155\n2026-01-30,BTC,USD,80000");
        network.engine.import_network(network.call.now, Some("test"), &json!({ "currencies": [{ "code": "JPY" }, { "code": "BTC" }] })).unwrap().unwrap();
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.0/admin/currency")["quotes"], json!({ "BTC": 0.0000125, "EUR": 0.862069, "JPY": 155, "USD": 1 }));
        assert_eq!(affise.get("/3.0/admin/currency?extended=1")["quotes"][1]["rate"], json!(0.862069));
    }

    fn the_base_is_there_where_nothing_lists_it(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-01-31");
        let yen = quittance_domain::currency::Currency::parse("JPY").unwrap();
        let other = network.engine.create_network(network.call.now, "yen", &network.zone, yen).unwrap();
        network.call.network = other.network_id;
        let file = json!({
            "currencies": [{ "code": "USD" }, { "code": "EUR" }], "affiliates": [{ "id": 1, "name": "First" }],
            "advertisers": [{ "id": 1, "name": "First" }], "managers": [{ "id": 1, "name": "Dana" }],
        });
        network.engine.import_network(network.call.now, Some("yen"), &file).unwrap().unwrap();
        network.rates("2026-01-30,USD,JPY,154.37\n2026-01-30,EUR,JPY,179.04");
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.0/admin/currency")["quotes"], json!({ "EUR": 0.005585, "JPY": 1, "USD": 0.006478 }));
        let extended = affise.get("/3.0/admin/currency?extended=1")["quotes"].clone();
        assert_eq!(extended[1], json!({
            "_id": 74, "code": "JPY", "active": true, "default": true, "rate": 1, "min_payment": 0, "is_crypto": false,
        }));
        let own = success(&affise.call(Role::Affiliate, "GET", "/3.0/balance", FORM, ""));
        assert_eq!(own["balance"]["available"], json!({ "EUR": 0, "JPY": 0, "USD": 0 }));
    }

    fn offers_are_found_by_each_filter(database) {
        let network = network(database);
        let file = json!({
            "advertisers": [{ "id": 2, "name": "Second", "currency": "EUR" }],
            "offers": [
                { "id": 1, "name": "Summer Sale", "payout": "2.00", "payout_currency": "USD", "revenue": "3.50" },
                { "id": 2, "name": "Winter 3", "advertiser": 2, "payout": "10 %", "payout_currency": "USD", "revenue": "12.5 %" },
                { "id": 3, "name": "100 %", "advertiser": 2, "payout": "2", "payout_currency": "USD", "revenue": "4.00" },
            ],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.rates("2026-01-30,EUR,USD,1.25");
        let affise = Affise::serve(database, &network);
        for (query, expected) in [
            ("", vec![1, 2, 3, 4]), ("int_id[]=2", vec![2]), ("int_id[]=2&int_id[]=3", vec![2, 3]), ("id[]=2", vec![2]), ("ids[]=3&ids[]=9", vec![3]),
            ("id[]=2&int_id[]=3", vec![]), ("advertiser[]=2", vec![2, 3]), ("advertiser[]=1&advertiser[]=2", vec![1, 2, 3, 4]), ("advertiser=99", vec![]),
            ("q=zzz", vec![]), ("q=SALE", vec![1]), ("q=3", vec![2, 3]), ("q=%25", vec![3]), ("q=4", vec![4]),
            ("status[]=stopped", vec![]), ("status[]=active&status[]=stopped", vec![1, 2, 3, 4]), ("sort[id]=desc", vec![4, 3, 2, 1]), ("sort[id]=asc", vec![1, 2, 3, 4]),
            ("sort[id]=desc&limit=2&page=2", vec![2, 1]),
        ] {
            let list = affise.get(&format!("/3.0/offers?{query}"));
            let ids: Vec<i64> = list["offers"].as_array().unwrap().iter().map(|offer| offer["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, expected, "{query}");
            let total = if query.contains("limit") { 4 } else { ids.len() };
            assert_eq!(list["pagination"]["total_count"], total, "{query}");
        }
        for (query, start) in [
            ("updated_at=2026-01-01", "updated_at: "), ("sort[title]=desc", "sort: "), ("sort[id]=up", "sort[id]: "), ("sort=id", "sort: "),
            ("status[]=gone", "status: "), ("privacy[]=1", "privacy: "), ("countries[]=US", "countries: "), ("int_id[]=x", "int_id: "),
        ] {
            let refused = failure(&affise.call(Role::Admin, "GET", &format!("/3.0/offers?{query}"), FORM, ""), 400);
            assert!(refused.starts_with(start), "{query}: {refused}");
        }
        let payment = |id: i64| affise.get(&format!("/3.0/offers?id={id}"))["offers"][0]["payments"][0].to_string();
        // Numbers without zeros at their ends; 4.00 of the advertiser's euros are 5 dollars today, as is said beside them.
        assert_eq!(payment(1), r#"{"currency":"USD","revenue":2,"total":3.5,"type":"fixed"}"#);
        assert_eq!(payment(2), r#"{"currency":"USD","revenue":10,"total":12.5,"type":"percent"}"#);
        assert_eq!(payment(3), r#"{"currency":"USD","revenue":2,"total":5,"type":"fixed"}"#);
        let offer = affise.get("/3.0/offer/3")["offer"].clone();
        assert_eq!((&offer["id"], &offer["offer_id"], &offer["title"], &offer["hold_period"]), (&json!(3), &json!("3"), &json!("100 %"), &json!(0)));
        assert_eq!((&offer["advertiser"], offer["payments"][0].to_string()), (&json!("2"), payment(3)));
        assert_eq!((&offer["preview_url"], &offer["sources"], &offer["kpi"], &offer["is_cpi"]), (&json!(""), &json!([]), &json!({}), &json!(false)));
        let absent = affise.call(Role::Admin, "GET", "/3.0/offer/99", FORM, "");
        assert_eq!(failure(&absent, 404), "Resource Not Found");
        assert_eq!(failure(&affise.call(Role::Admin, "GET", "/3.0/offer/x", FORM, ""), 404), "Page Not Found");
    }

    fn the_custom_fields_of_partners_are_listed(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        assert_eq!(affise.get("/3.0/admin/custom_fields"), json!({ "status": 1, "fields": [] }));
        affise.post("/3.0/admin/partner/1", "custom_fields[12]=a&custom_fields[3]=b");
        affise.post("/3.0/admin/partner/2", "custom_fields[12]=c");
        let field = |id: i64| json!({ "id": id, "name": "", "required": false, "field_type": "text", "field_values": null });
        assert_eq!(affise.get("/3.0/admin/custom_fields"), json!({ "status": 1, "fields": [field(3), field(12)] }));
    }

    /// What a referrer may know of whom it has referred: that it is there, since when, how it stands, and the terms.
    fn an_affiliate_reads_its_own_referrals(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        affise.post("/3.0/admin/partner/2", "ref=1&ref_percent=5&notes=secret&phone=777&country=DE&custom_fields[3]=secret&login=Hidden");
        affise.post("/3.0/admin/partner/3", "ref=2&ref_percent=5");
        let own = |path: &str| affise.call(Role::Affiliate, "GET", path, FORM, "");
        let found = success(&own("/3.0/admin/partner/1/referrals"));
        assert_eq!(found["pagination"], json!({ "per_page": 50, "total_count": 1, "page": 1 }));
        let partner = &found["referrals"][0];
        assert_eq!((&partner["id"], &partner["ref"], &partner["ref_percent"], &partner["status"]), (&json!(2), &json!("1"), &json!("5"), &json!("active")));
        assert_eq!((&partner["payment_systems"], &partner["customFields"], &partner["balance"], &partner["manager"]), (&json!([]), &json!([]), &json!({}), &Value::Null));
        for hidden in ["secret", "777", "DE", "Hidden", "two@example.com"] {
            assert!(!found.to_string().contains(hidden), "{hidden}: {found}");
        }
        for path in ["/3.0/admin/partner/2/referrals", "/3.0/admin/partner/99/referrals"] {
            assert_eq!(failure(&own(path), 404), "Resource Not Found", "{path}");
        }
        assert_eq!(failure(&own("/3.0/admin/partner/1"), 403), "Auth Denied");
        assert_eq!(affise.get("/3.0/admin/partner/1/referrals")["referrals"][0]["notes"], "secret");
    }

    fn bad_partners_are_named(database) {
        let network = network(database);
        let affise = Affise::serve(database, &network);
        let make = |form: &str| affise.refused("/3.0/admin/partner", form);
        assert!(make("password=x&country=DE").starts_with("email: "));
        assert!(make("email=a@example.com&country=DE").starts_with("password: "));
        let edit = |form: &str| affise.refused("/3.0/admin/partner/2", form);
        assert!(edit("status=sleeping").starts_with("status: "));
        assert!(edit("manager_id=3").starts_with("manager_id: "));
        let unknown = edit("payment_systems[0][system_id]=99");
        assert!(unknown.contains("payment_systems") && unknown.contains("99"), "{unknown}");
        assert!(edit("payment_systems[0][currency]=USD").starts_with("payment_systems"));
        assert!(edit("payment_systems=13").starts_with("payment_systems: "));
        let absent = affise.call(Role::Admin, "POST", "/3.0/admin/partner/99", FORM, "notes=x");
        assert_eq!(failure(&absent, 404), "Resource Not Found");
    }
}
