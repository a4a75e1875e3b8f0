//! Access keys on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::KeyId;
use quittance_engine::ErrorKind;
use quittance_engine::keys::{NewKey, Role};
use quittance_store::parties::{Manager, upsert_managers};
use quittance_testkit::{Network, both_databases};

fn secret(n: u8) -> String {
    format!("qk_{}", format!("{n:02x}").repeat(32))
}

fn new(role: Role, party: Option<i64>) -> NewKey {
    NewKey { role, party, name: String::new() }
}

both_databases! {
    fn a_key_opens_its_network_until_it_is_revoked(database) {
        let network = Network::create(database.engine());
        let (engine, call) = (&network.engine, &network.call);
        let named = NewKey { name: " nightly import ".into(), ..new(Role::Tracker, None) };
        assert_eq!(engine.create_key(call, &named, &secret(1)).unwrap(), KeyId::new(1));
        assert_eq!(engine.create_key(call, &new(Role::Affiliate, Some(3)), &secret(2)).unwrap(), KeyId::new(2));
        let actor = engine.authenticate(&secret(1)).unwrap().unwrap();
        assert_eq!((actor.network, actor.role, actor.party_id), (call.network, Role::Tracker, None));
        assert_eq!(actor.call(call.now).actor, "key 1 (nightly import)");
        let actor = engine.authenticate(&secret(2)).unwrap().unwrap();
        assert_eq!((actor.name.as_str(), actor.party_id), ("affiliate 3", Some(3)));
        for wrong in ["", "qk_", &secret(3)] {
            assert_eq!(engine.authenticate(wrong).unwrap(), None);
        }
        engine.revoke_key(call, KeyId::new(1)).unwrap();
        engine.revoke_key(call, KeyId::new(1)).unwrap();
        assert_eq!(engine.authenticate(&secret(1)).unwrap(), None);
        let keys = engine.keys(call).unwrap();
        let revoked: Vec<bool> = keys.iter().map(|key| key.revoked_at.is_some()).collect();
        assert_eq!(revoked, [true, false]);
        assert_eq!(engine.revoke_key(call, KeyId::new(9)).unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn a_secret_is_not_kept(database) {
        let network = Network::create(database.engine());
        network.engine.create_key(&network.call, &new(Role::Admin, None), &secret(7)).unwrap();
        let shown = format!("{:?}", network.engine.keys(&network.call).unwrap());
        assert!(!shown.contains(&secret(7)[3..]), "{shown}");
        let short = network.engine.create_key(&network.call, &new(Role::Admin, None), "short");
        assert_eq!(short.unwrap_err().kind(), ErrorKind::Invalid);
    }

    fn who_a_key_stands_for_must_be_there(database) {
        let network = Network::create(database.engine());
        let (engine, call) = (&network.engine, &network.call);
        let manager = Manager { manager_id: 8, name: "Dana".into(), email: None };
        engine.store().write(|tx| upsert_managers(tx, call.network, std::slice::from_ref(&manager))).unwrap();
        let kind = |key: NewKey| engine.create_key(call, &key, &secret(1)).map_err(|error| error.kind());
        for role in [Role::Affiliate, Role::Advertiser, Role::Manager] {
            assert_eq!(kind(new(role, None)), Err(ErrorKind::Invalid), "{role}");
            assert_eq!(kind(new(role, Some(77))), Err(ErrorKind::NotFound), "{role}");
        }
        for role in [Role::Admin, Role::Finance, Role::Viewer, Role::Tracker] {
            assert_eq!(kind(new(role, Some(1))), Err(ErrorKind::Invalid), "{role}");
        }
        for (n, key) in [new(Role::Advertiser, Some(1)), new(Role::Manager, Some(8))].iter().enumerate() {
            engine.create_key(call, key, &secret(10 + n as u8)).unwrap();
        }
    }
}

#[test]
fn roles_are_read_back() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("Admin"), None);
}
