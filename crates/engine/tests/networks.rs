//! Networks, their settings, epochs and counters, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::{Timestamp, Zone};
use quittance_engine::{Call, Engine, Error, ErrorKind};
use quittance_store::networks as table;
use quittance_testkit::both_databases;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn create(engine: &Engine, name: &str) -> Call {
    let usd = Currency::parse("USD").unwrap();
    let network = engine.create_network(NOW, name, &Zone::parse("Europe/Berlin").unwrap(), usd).unwrap();
    Call { network: network.network_id, actor: "test".into(), now: NOW, claimed: None }
}

fn next(engine: &Engine, network: NetworkId, name: &str, first: i64, how_many: i64) -> i64 {
    engine.store().write(|tx| table::next(tx, network, name, first, how_many)).unwrap()
}

both_databases! {
    fn the_network_that_is_meant_is_found(database) {
        let engine = database.engine();
        let none = engine.find_network(None).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
        assert!(none.to_string().contains("quittance network create"), "{none}");
        let first = create(&engine, "First");
        assert_eq!(engine.find_network(None).unwrap().network_id, first.network);
        let second = create(&engine, "Second");
        let several = engine.find_network(None).unwrap_err().to_string();
        assert!(several.contains("--network NAME: First, Second"), "{several}");
        assert_eq!(engine.find_network(Some("Second")).unwrap().network_id, second.network);
        let unknown = engine.find_network(Some("Third")).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
        let names: Vec<String> = engine.networks().unwrap().into_iter().map(|network| network.name).collect();
        assert_eq!(names, ["First", "Second"]);
        assert_eq!(engine.zone_of(&first).unwrap().name(), "Europe/Berlin");
    }

    fn a_name_is_taken_once_and_must_be_fit_to_print(database) {
        let engine = database.engine();
        create(&engine, "First");
        let usd = Currency::parse("USD").unwrap();
        let kind = |name: &str| engine.create_network(NOW, name, &Zone::utc(), usd).unwrap_err().kind();
        assert_eq!(kind("First"), ErrorKind::Conflict);
        for name in ["", " ", " First", "a\nb", &"x".repeat(101)] {
            assert_eq!(kind(name), ErrorKind::Invalid, "{name:?}");
        }
        assert_eq!(engine.networks().unwrap().len(), 1);
    }

    fn settings_are_kept_and_set_all_or_none(database) {
        let engine = database.engine();
        let call = create(&engine, "First");
        let before = engine.network_settings(&call).unwrap();
        assert!(before.require_payment_method && !before.auto_approve && before.week_start == 1);
        let set = engine.set_network(&call, &[("auto_approve", "true"), ("time_zone", "utc"), ("invoice_prefix", "Q-")]);
        let after = engine.network_settings(&call).unwrap();
        assert_eq!(set.unwrap(), after);
        assert!(after.auto_approve);
        assert_eq!((after.time_zone.as_str(), after.invoice_prefix.as_deref()), ("UTC", Some("Q-")));
        let refused = engine.set_network(&call, &[("create_missing", "true"), ("week_start", "someday")]);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(engine.network_settings(&call).unwrap(), after);
        let refused = engine.set_network(&call, &[("currency", "EUR")]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        engine.set_network(&call, &[("currency", "USD"), ("invoice_prefix", "none")]).unwrap();
        assert_eq!(engine.network_settings(&call).unwrap().invoice_prefix, None);
        let other = create(&engine, "Second");
        assert!(!engine.network_settings(&other).unwrap().auto_approve);
    }

    fn where_ids_start_is_fixed_by_the_first_invoice(database) {
        let engine = database.engine();
        let call = create(&engine, "First");
        engine.set_network(&call, &[("first_invoice_id", "500"), ("first_invoice_number", "7")]).unwrap();
        assert_eq!(next(&engine, call.network, table::COUNTER_INVOICE_ID, 500, 1), 500);
        for change in [("first_invoice_id", "600"), ("first_invoice_number", "8"), ("invoice_prefix", "Q")] {
            assert_eq!(engine.set_network(&call, &[change]).unwrap_err().kind(), ErrorKind::Conflict);
        }
        // Nothing changes here.
        engine.set_network(&call, &[("first_invoice_id", "500"), ("invoice_prefix", "none")]).unwrap();
    }

    fn an_epoch_ends_with_everything_up_to_it_complete(database) {
        let engine = database.engine();
        let call = create(&engine, "First");
        let store = engine.store();
        let write = |step: fn(&mut dyn quittance_store::Tx, NetworkId) -> quittance_store::Result<i64>| {
            store.write(|tx| step(tx, call.network)).unwrap()
        };
        assert_eq!(write(|tx, id| Ok(table::present(tx, id)?.epoch)), 1);
        assert_eq!(write(table::raise_epoch), 1);
        assert_eq!(write(|tx, id| Ok(table::present(tx, id)?.epoch)), 2);
        assert_eq!(write(table::current_epoch), 2);
        let missing = store.write(|tx| table::present(tx, NetworkId::new(99))).unwrap_err();
        assert!(missing.to_string().contains("no network 99"), "{missing}");
    }

    fn counters_have_no_gaps_and_no_repeats(database) {
        let engine = database.engine();
        let call = create(&engine, "First");
        assert_eq!(next(&engine, call.network, "a", 10, 3), 10);
        assert_eq!(next(&engine, call.network, "a", 10, 1), 13);
        assert_eq!(next(&engine, call.network, "b", 1, 1), 1);
        let given_up: Result<i64, Error> = engine.store().write(|tx| {
            table::next(tx, call.network, "a", 10, 5)?;
            Err(Error::Conflict("given up".into()))
        });
        assert!(given_up.is_err());
        let taken = std::thread::scope(|scope| {
            let take = || (0..25).flat_map(|_| {
                let first = next(&engine, call.network, "together", 1, 2);
                [first, first + 1]
            }).collect::<Vec<i64>>();
            let takers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            let mut taken: Vec<i64> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
            taken.sort_unstable();
            taken
        });
        assert_eq!(taken, (1..=200).collect::<Vec<i64>>());
        assert_eq!(next(&engine, call.network, "a", 10, 1), 14);
    }

    fn two_makers_of_networks_take_turns(database) {
        let engine = database.engine();
        let ids = std::thread::scope(|scope| {
            let engine = &engine;
            let make = |i: i32| scope.spawn(move || create(engine, &format!("Network {i}")).network.get());
            let mut ids: Vec<i64> = (0..6).map(make).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).collect();
            ids.sort_unstable();
            ids
        });
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    }
}
