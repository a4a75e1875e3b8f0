//! The network file on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::PartyKind;
use quittance_domain::time::Timestamp;
use quittance_engine::network_file::{EntryCounts, NetworkFileReport};
use quittance_engine::{Call, Engine};
use quittance_store::parties::{self, Party};
use quittance_testkit::both_databases;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

/// The example of the documentation.
fn example() -> Value {
    json!({
        "network": {"name": "Example Network", "time_zone": "America/New_York", "currency": "USD"},
        "currencies": [{"code": "USD", "minimum_payment": "50"}],
        "payment_systems": [{
            "id": 13, "title": "PayPal", "type": "paypal", "currency": "USD", "minimum_payment": "10",
            "fields": [{"id": 4, "label": "Email", "required": true}],
        }],
        "managers": [{"id": 3, "name": "Dana Reyes", "email": "dana@example.com"}],
        "advertisers": [
            {"id": 1021, "name": "Acme Financial Services", "currency": "USD", "billing_cycle": "Net 30"},
        ],
        "affiliates": [{
            "id": 27, "name": "MediaBridge Partners", "email": "billing@mediabridge.example", "status": "active",
            "manager": 3, "currency": "USD", "billing_cycle": "net 30", "payment_terms": 30, "minimum_payment": "50",
            "payment_methods": [
                {"system": 13, "currency": "USD", "main": true, "fields": {"4": "pay@mediabridge.example"}},
            ],
            "on_hold": false, "hidden_default": false, "currency_policy": "per_currency", "auto_invoice": false,
            "auto_start": "2026-01-01", "delay_days": 0, "cycle_days": [], "cycle_anchor": "2024-01-01",
            "referrer": {
                "affiliate": 12, "percent": "5", "basis": "payout", "threshold": "0", "until": "2027-01-01",
            },
            "tax": {"id": "DE123456789", "mode": "rate", "rate": "19", "text": ""},
        }, {"id": 12, "name": "Second"}],
        "offers": [{
            "id": 3, "name": "Example Offer", "advertiser": 1021, "hold_days": 0, "payout": "2.50",
            "payout_currency": "USD", "revenue": "4.00",
        }],
    })
}

fn import(engine: &Engine, file: &Value) -> NetworkFileReport {
    engine.import_network(NOW, None, file).unwrap().unwrap()
}

fn problems(engine: &Engine, file: &Value) -> Vec<String> {
    let refused = engine.import_network(NOW, None, file).unwrap().unwrap_err();
    refused.iter().map(ToString::to_string).collect()
}

fn call(report: &NetworkFileReport) -> Call {
    Call { network: report.network.network_id, actor: "test".into(), now: NOW, claimed: None }
}

fn affiliate(engine: &Engine, call: &Call, id: i64) -> Party {
    let read = engine.store().read(|tx| parties::by_ids(tx, call.network, PartyKind::Affiliate, &[id]));
    read.unwrap().remove(0)
}

fn counts(report: &NetworkFileReport, key: &str) -> (u64, u64, u64) {
    let EntryCounts { created, updated, unchanged } = report.counts.iter().find(|(k, _)| *k == key).unwrap().1;
    (created, updated, unchanged)
}

both_databases! {
    fn the_example_of_the_documentation_is_taken(database) {
        let engine = database.engine();
        let report = import(&engine, &example());
        assert!(report.network_created);
        assert_eq!(report.network.time_zone, "America/New_York");
        assert_eq!((counts(&report, "affiliates"), counts(&report, "offers")), ((2, 0, 0), (1, 0, 0)));
        let party = affiliate(&engine, &call(&report), 27);
        assert_eq!((party.billing_cycle.as_deref(), party.payment_terms_days), (Some("Net 30"), Some(30)));
        assert_eq!((party.minimum_units, party.manager_id), (Some(50_000_000), Some(3)));
        let rules: Value = serde_json::from_str(&party.rules).unwrap();
        assert_eq!(rules["tax"]["rate"], "19");
        let id = report.network.network_id;
        engine.store().read(|tx| {
            let methods = parties::methods_of(tx, id, PartyKind::Affiliate, &[27, 12])?;
            assert_eq!(methods.len(), 1);
            assert_eq!(methods[0].fields, r#"{"4":"pay@mediabridge.example"}"#);
            assert_eq!(parties::systems(tx, id)?[0].minimum_units, Some(10_000_000));
            assert_eq!(parties::currencies(tx, id)?[0].1, Some(50_000_000));
            assert_eq!(parties::offers(tx, id, i64::MIN, 10)?[0].payout.as_deref(), Some("2.50"));
            assert_eq!(parties::managers(tx, id)?[0].name, "Dana Reyes");
            Ok::<_, quittance_store::Error>(())
        }).unwrap();
    }

    fn again_it_changes_nothing_and_what_is_left_out_stays(database) {
        let engine = database.engine();
        let first = import(&engine, &example());
        let before = affiliate(&engine, &call(&first), 27);
        let again = import(&engine, &example());
        assert!(!again.network_created);
        assert!(again.counts.iter().all(|(_, counts)| counts.created + counts.updated == 0), "{again:?}");
        let update = json!({
            "network": {"auto_approve": true},
            "affiliates": [{"id": 27, "on_hold": true, "email": "", "minimum_payment": null, "tax": null}],
        });
        let report = import(&engine, &update);
        assert_eq!((counts(&report, "affiliates"), counts(&report, "offers")), ((0, 1, 0), (0, 0, 0)));
        let party = affiliate(&engine, &call(&report), 27);
        let rules: Value = serde_json::from_str(&party.rules).unwrap();
        assert!(rules.get("tax").is_none() && rules["referrer"]["affiliate"] == 12);
        let changed = Party { on_hold: true, email: None, minimum_units: None, rules: party.rules.clone(), ..before };
        assert_eq!(party, changed);
        assert!(engine.network_settings(&call(&report)).unwrap().auto_approve);
        let methods = |call: &Call| engine.store().read(|tx| parties::methods_of(tx, call.network, PartyKind::Affiliate, &[27])).unwrap().len();
        assert_eq!(methods(&call(&report)), 1);
        let report = import(&engine, &json!({"affiliates": [{"id": 27, "payment_methods": []}]}));
        assert_eq!((counts(&report, "affiliates"), methods(&call(&report))), ((0, 1, 0), 0));
    }

    fn a_minimum_keeps_its_figure_when_the_currency_changes(database) {
        let engine = database.engine();
        import(&engine, &example());
        let report = import(&engine, &json!({"affiliates": [{"id": 27, "currency": "BTC"}]}));
        assert_eq!(affiliate(&engine, &call(&report), 27).minimum_units, Some(5_000_000_000));
    }

    fn every_mistake_is_named_with_its_place_and_nothing_is_written(database) {
        let engine = database.engine();
        let mut file = example();
        file["network"]["auto_aprove"] = json!(true);
        file["network"]["week_start"] = json!("someday");
        file["affilliates"] = json!([]);
        file["payment_systems"][0]["type"] = json!("pigeon");
        file["affiliates"] = json!([
            {"id": 1, "name": "A", "currency": "USX", "billing_cycle": "sometimes", "minimum_payment": 12.5},
            {"id": 1, "name": "B", "manager": 99, "status": "gone", "payment_terms": -1},
            {"id": 2, "name": "C", "minimum_payment": "1.1234567", "payment_methods": [
                {"system": 14}, {"system": 13, "currency": "EUR"}, {"system": 13, "fields": {"4": "x", "5": "y"}},
            ]},
            {"id": "3", "name": "D"},
            {"id": 4, "billing_cycle": "monthly", "auto_invoice": true, "cycle_days": [0], "referrer": {"affiliate": 4, "percent": "101"}},
            {"id": 5, "name": "E", "billed_elsewhere_through": "yesterday", "adress": "x"},
        ]);
        file["offers"][0]["advertiser"] = json!(7);
        file["offers"][0]["payout"] = json!("a lot");
        let problems = problems(&engine, &file);
        let expected = [
            "network.auto_aprove: there is no such key: did you mean auto_approve?",
            "network.week_start: \"someday\" is no weekday",
            "affilliates: there is no such key: did you mean affiliates?",
            "payment_systems[0].type: \"pigeon\" is none of check, paypal",
            "affiliates[0].currency: 'USX' is not a known currency",
            "affiliates[0].billing_cycle: 'sometimes' is not a billing cycle",
            "affiliates[0].minimum_payment: 12.5 is a number, and reading it could lose digits: write the amount in \
             quotes, \"12.5\"",
            "affiliates[1].id: 1 is there twice, first at affiliates[0].id",
            "affiliates[1].manager: there is no manager 99",
            "affiliates[1].status: \"gone\" is none of active",
            "affiliates[1].payment_terms: -1 is no whole number",
            "affiliates[2].minimum_payment: '1.1234567' has more than the 6 decimals",
            "affiliates[2].payment_methods[0].system: there is no payment system 14",
            "affiliates[2].payment_methods[1].currency: payment system 13 (PayPal) pays in USD, not in EUR",
            "affiliates[2].payment_methods[1].fields: field 4 (Email) is missing: payment system 13 (PayPal) requires",
            "affiliates[2].payment_methods[2].fields.5: payment system 13 (PayPal) has no field \"5\"",
            "affiliates[3].id: \"3\" is no id",
            "affiliates[4].name: is missing",
            "affiliates[4].auto_start: is missing",
            "affiliates[4].cycle_days: 0 is no day of the month from 1 to 28",
            "affiliates[4].referrer.affiliate: affiliate 4 cannot have referred itself",
            "affiliates[4].referrer.percent: \"101\" is no percentage",
            "affiliates[5].billed_elsewhere_through: ",
            "affiliates[5].adress: there is no such key",
            "offers[0].advertiser: there is no advertiser 7",
            "offers[0].payout: \"a lot\" is neither an amount",
        ];
        for wanted in expected {
            assert!(problems.iter().any(|found| found.starts_with(wanted)), "{wanted}\nin {problems:#?}");
        }
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        assert!(engine.networks().unwrap().is_empty());
    }

    fn a_loop_of_referrers_is_refused_in_a_networks_first_file(database) {
        let engine = database.engine();
        let mut file = example();
        file["affiliates"][1]["referrer"] = json!({"affiliate": 27, "percent": "1"});
        let problems = engine.import_network(NOW, None, &file).unwrap().unwrap_err();
        let places: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(places[0].starts_with("affiliates[0].referrer.affiliate: affiliate 27 would have referred itself"), "{places:?}");
    }

    fn a_new_network_needs_its_zone_and_currency(database) {
        let engine = database.engine();
        assert_eq!(problems(&engine, &json!({"network": {"name": "New", "currency": "USD"}})).len(), 1);
        let wrong = problems(&engine, &json!({"network": {"name": "New", "currency": "X", "time_zone": "Y"}}));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert_eq!(problems(&engine, &json!([])), ["a list is no table of keys and values"]);
        let none = engine.import_network(NOW, None, &json!({"offers": []})).unwrap_err();
        assert_eq!(none.kind(), quittance_engine::ErrorKind::NotFound);
    }

    fn the_file_and_the_choice_must_mean_the_same_network(database) {
        let engine = database.engine();
        import(&engine, &example());
        let refused = engine.import_network(NOW, Some("Other"), &example()).unwrap().unwrap_err();
        assert_eq!(refused[0].place, "network.name");
        let file = json!({"network": {"name": "Example Network", "currency": "EUR"}});
        assert!(problems(&engine, &file)[0].contains("cannot change"));
        let mut other = example();
        other["network"]["name"] = json!("Other");
        assert!(import(&engine, &other).network_created);
        let offers = json!({"offers": [{"id": 3, "payout": "12 %"}]});
        let report = engine.import_network(NOW, Some("Other"), &offers).unwrap().unwrap();
        assert_eq!(report.network.name, "Other");
    }
}
