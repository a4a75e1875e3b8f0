//! Affise's partners, their balances, payment systems, currencies and offers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod affise_common;
mod server;

use affise_common::{Affise, FORM, failure, network, success};
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
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
        assert_eq!(me, json!({ "status": 1, "user": {
            "id": 1, "email": "", "login": "Affiliate 1", "status": "1", "ref_percent": null, "pay_sys": 13,
            "pay_acc": "one@example.com", "pay_acc_wmz": "", "balance_ru": "0.00", "hold_ru": "0.00",
            "available_ru": "0.00", "balance_usd": "12.50", "hold_usd": "7.00", "available_usd": "12.50",
            "permissions": {},
        } }));
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
