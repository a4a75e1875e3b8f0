//! Access keys on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::KeyId;
use quittance_engine::ErrorKind;
use quittance_engine::addresses::AddressRanges;
use quittance_engine::keys::{Actor, KeyLimits, KeyRefusal, NewKey, Role};
use quittance_store::parties::{Manager, upsert_managers};
use quittance_testkit::{Network, both_databases};

fn secret(n: u8) -> String {
    format!("qk_{}", format!("{n:02x}").repeat(32))
}

fn new(role: Role, party: Option<i64>) -> NewKey {
    NewKey { role, party, name: String::new() }
}

/// What a secret opens to a client of no known address.
fn open(network: &Network, secret: &str) -> Result<Actor, KeyRefusal> {
    network.engine.authenticate(secret, None, network.call.now).unwrap()
}

both_databases! {
    fn a_key_expires_at_its_instant(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let expires_at = network.instant("2026-03-01 00:00:00");
        let limits = KeyLimits { expires_at: Some(expires_at), ..KeyLimits::default() };
        let id = network.engine.create_limited_key(&network.call, &new(Role::Viewer, None), &limits, &secret(1)).unwrap();
        network.call.now = network.instant("2026-02-28 23:59:59.999999");
        assert_eq!(open(&network, &secret(1)).unwrap().key, id);
        network.call.now = expires_at;
        assert_eq!(open(&network, &secret(1)), Err(KeyRefusal::Expired(expires_at)));
        assert_eq!(network.engine.key(&network.call, id).unwrap().limits, limits);
        let over = network.engine.create_limited_key(&network.call, &new(Role::Viewer, None), &limits, &secret(2));
        assert_eq!(over.unwrap_err().kind(), ErrorKind::Invalid);
    }

    fn a_key_opens_nothing_from_other_addresses_than_its_own(database) {
        let network = Network::create(database.engine());
        let allowed = AddressRanges::parse("allow", ["192.0.2.0/24", "2001:db8::1"]).unwrap();
        let limits = KeyLimits { allowed, ..KeyLimits::default() };
        network.engine.create_limited_key(&network.call, &new(Role::Viewer, None), &limits, &secret(1)).unwrap();
        let from = |text: &str| {
            let client = text.parse::<std::net::IpAddr>().ok();
            let opened = network.engine.authenticate(&secret(1), client, network.call.now).unwrap();
            opened.map(|actor| actor.role).map_err(|refusal| refusal.to_string())
        };
        for inside in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8::1"] {
            assert_eq!(from(inside), Ok(Role::Viewer), "{inside}");
        }
        assert_eq!(from("192.0.3.0").unwrap_err(), "the key may not be used from 192.0.3.0");
        assert_eq!(from("2001:db8::2").unwrap_err(), "the key may not be used from 2001:db8::2");
        assert_eq!(from("nobody knows").unwrap_err(), "the key may not be used from an unknown address");
    }

    fn the_last_use_is_noted_once_a_minute(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let id = network.engine.create_key(&network.call, &new(Role::Viewer, None), &secret(1)).unwrap();
        let noted = |at: &str| {
            let at = network.instant(&format!("2026-02-01 {at}"));
            network.engine.note_key_uses(&[(network.call.network, id, at)]).unwrap();
            network.engine.key(&network.call, id).unwrap().last_used_at.unwrap().to_string()
        };
        assert_eq!(network.engine.key(&network.call, id).unwrap().last_used_at, None);
        assert_eq!(noted("12:00:00"), "2026-02-01T12:00:00Z");
        // What another process comes with a little later, or late, is not written.
        assert_eq!(noted("12:00:59"), "2026-02-01T12:00:00Z");
        assert_eq!(noted("11:00:00"), "2026-02-01T12:00:00Z");
        assert_eq!(noted("12:01:01"), "2026-02-01T12:01:01Z");
    }

    fn what_is_done_with_keys_is_in_the_history(database) {
        let network = Network::create(database.engine());
        let id = network.engine.create_key(&network.call, &new(Role::Viewer, None), &secret(1)).unwrap();
        network.engine.revoke_key(&network.call, id).unwrap();
        network.engine.revoke_key(&network.call, id).unwrap();
        let rows = network.engine.changes(&network.call, 0, Some("key"), 10).unwrap();
        let said: Vec<_> = rows.iter().map(|row| (row.subject_id.as_str(), row.action.as_str())).collect();
        assert_eq!(said, [("1", "created"), ("1", "revoked")]);
        assert!(!format!("{rows:?}").contains(&secret(1)[3..]));
    }

    fn a_key_opens_its_network_until_it_is_revoked(database) {
        let network = Network::create(database.engine());
        let (engine, call) = (&network.engine, &network.call);
        let named = NewKey { name: " nightly import ".into(), ..new(Role::Tracker, None) };
        assert_eq!(engine.create_key(call, &named, &secret(1)).unwrap(), KeyId::new(1));
        assert_eq!(engine.create_key(call, &new(Role::Affiliate, Some(3)), &secret(2)).unwrap(), KeyId::new(2));
        let actor = open(&network, &secret(1)).unwrap();
        assert_eq!((actor.network, actor.role, actor.party_id), (call.network, Role::Tracker, None));
        assert_eq!(actor.call(call.now).actor, "key 1 (nightly import)");
        let actor = open(&network, &secret(2)).unwrap();
        assert_eq!((actor.name.as_str(), actor.party_id), ("affiliate 3", Some(3)));
        for wrong in ["", "qk_", &secret(3)] {
            assert_eq!(open(&network, wrong), Err(KeyRefusal::Unknown));
        }
        engine.revoke_key(call, KeyId::new(1)).unwrap();
        engine.revoke_key(call, KeyId::new(1)).unwrap();
        assert_eq!(open(&network, &secret(1)), Err(KeyRefusal::Revoked(call.now)));
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
            assert_eq!(kind(new(role, Some(77))), Err(ErrorKind::Invalid), "{role}");
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
