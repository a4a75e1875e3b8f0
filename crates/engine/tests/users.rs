//! Users, and the keys that follow them, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{KeyId, PartyKind, UserId};
use quittance_engine::history::ChangeFilter;
use quittance_engine::keys::{Actor, KeyLimits, KeyRefusal, NewKey, Role};
use quittance_engine::users::{NewUser, User, UserEdit, UserFilter};
use quittance_engine::{Engine, Error, ErrorKind};
use quittance_testkit::{Network, both_databases};

fn secret(n: usize) -> String {
    format!("qk_{}", format!("{n:04x}").repeat(16))
}

const ID: UserId = UserId::new(1);

fn new(email: &str, role: Role, party: Option<i64>) -> NewUser {
    NewUser { email: email.into(), name: "Bea Tester".into(), role, party }
}

fn create(network: &Network, user: &NewUser) -> Result<User, Error> {
    network.engine.create_user(&network.call, user)
}

fn edit(network: &Network, edit: &UserEdit) -> Result<User, Error> {
    network.engine.edit_user(&network.call, ID, edit, &|_| true)
}

fn active(active: bool) -> UserEdit {
    UserEdit { active: Some(active), ..UserEdit::default() }
}

fn key_of(network: &Network, user: UserId, n: usize) -> Result<KeyId, Error> {
    network.engine.create_user_key(&network.call, user, "", &KeyLimits::default(), &secret(n))
}

/// What a secret opens, as any process sees it.
fn open(engine: &Engine, network: &Network, n: usize) -> Result<Actor, KeyRefusal> {
    engine.authenticate(&secret(n), None, network.call.now).unwrap()
}

/// Everything that the history says of users and keys.
fn said(network: &Network) -> String {
    let rows = network.engine.find_changes(&network.call, &ChangeFilter::default(), 0, 1_000).unwrap().rows;
    rows.iter()
        .map(|row| format!("{} {} {} by {} {}\n", row.subject, row.subject_id, row.action, row.actor, row.details))
        .collect()
}

both_databases! {
    fn a_user_has_an_address_of_its_own(database) {
        let network = Network::create(database.engine());
        let made = create(&network, &new(" Bea@Example.COM ", Role::Finance, None)).unwrap();
        assert_eq!((made.id, made.email.as_deref(), made.active), (ID, Some("bea@example.com"), true));
        assert_eq!(network.engine.user(&network.call, ID).unwrap(), made);
        let kind = |user: &NewUser| create(&network, user).unwrap_err().kind();
        assert_eq!(kind(&new("BEA@example.com", Role::Viewer, None)), ErrorKind::Conflict);
        for wrong in ["", "bea", "@example.com", "bea@", "b ea@example.com"] {
            assert_eq!(kind(&new(wrong, Role::Viewer, None)), ErrorKind::Invalid, "{wrong:?}");
        }
        assert_eq!(kind(&NewUser { name: " ".into(), ..new("x@example.com", Role::Viewer, None) }), ErrorKind::Invalid);
        assert_eq!(kind(&new("x@example.com", Role::Affiliate, None)), ErrorKind::Invalid);
        assert_eq!(kind(&new("x@example.com", Role::Affiliate, Some(77))), ErrorKind::Invalid);
        assert_eq!(kind(&new("x@example.com", Role::Viewer, Some(1))), ErrorKind::Invalid);
        // Another network may have the same person.
        let usd = quittance_domain::currency::Currency::parse("USD").unwrap();
        let other = network.engine.create_network(network.call.now, "other", &network.zone, usd).unwrap();
        let call = quittance_engine::Call { network: other.network_id, ..network.call.clone() };
        assert_eq!(network.engine.create_user(&call, &new("bea@example.com", Role::Viewer, None)).unwrap().id, ID);
        // What one user has, another cannot take; its own it may be given again.
        create(&network, &new("cem@example.com", Role::Viewer, None)).unwrap();
        let address = |email: &str| edit(&network, &UserEdit { email: Some(email.into()), ..UserEdit::default() });
        assert_eq!(address("Cem@example.com").unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(address("BEA@example.com").unwrap(), made);
        assert_eq!(address("b@example.com").unwrap().email.as_deref(), Some("b@example.com"));
    }

    fn keys_follow_their_user_in_every_process(database) {
        let network = Network::create(database.engine());
        let elsewhere = database.engine();
        create(&network, &new("bea@example.com", Role::Finance, None)).unwrap();
        network.engine.create_key(&network.call, &NewKey { role: Role::Viewer, party: None, name: String::new() }, &secret(9)).unwrap();
        assert_eq!(key_of(&network, ID, 1).unwrap(), KeyId::new(2));
        let actor = open(&elsewhere, &network, 1).unwrap();
        assert_eq!((actor.role, actor.party_id, actor.user), (Role::Finance, None, Some(ID)));
        assert_eq!(actor.call(network.call.now).actor, "key 2 of user 1");
        // Another role, with whom it stands for.
        let own = UserEdit { role: Some(Role::Affiliate), party: Some((Role::Affiliate, 3)), ..UserEdit::default() };
        edit(&network, &own).unwrap();
        let actor = open(&elsewhere, &network, 1).unwrap();
        assert_eq!((actor.role, actor.party_id), (Role::Affiliate, Some(3)));
        edit(&network, &UserEdit { party: Some((Role::Affiliate, 4)), ..UserEdit::default() }).unwrap();
        assert_eq!(open(&elsewhere, &network, 1).unwrap().party_id, Some(4));
        let wrong = edit(&network, &UserEdit { party: Some((Role::Advertiser, 1)), ..UserEdit::default() });
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Invalid);
        edit(&network, &UserEdit { role: Some(Role::Viewer), ..UserEdit::default() }).unwrap();
        let actor = open(&elsewhere, &network, 1).unwrap();
        assert_eq!((actor.role, actor.party_id), (Role::Viewer, None));
        // Disabled, and enabled again.
        assert!(!edit(&network, &active(false)).unwrap().active);
        assert_eq!(open(&elsewhere, &network, 1), Err(KeyRefusal::Suspended(network.call.now)));
        assert_eq!(open(&elsewhere, &network, 9).unwrap().user, None);
        assert_eq!(key_of(&network, ID, 2).unwrap_err().kind(), ErrorKind::Conflict);
        let suspended: Vec<bool> = network.engine.keys(&network.call).unwrap().iter().map(|key| key.suspended_at.is_some()).collect();
        assert_eq!(suspended, [false, true]);
        edit(&network, &active(true)).unwrap();
        assert_eq!(open(&elsewhere, &network, 1).unwrap().role, Role::Viewer);
        // What is revoked stays so.
        network.engine.revoke_key(&network.call, KeyId::new(2)).unwrap();
        edit(&network, &active(false)).unwrap();
        edit(&network, &active(true)).unwrap();
        assert!(matches!(open(&elsewhere, &network, 1), Err(KeyRefusal::Revoked(_))));
        assert_eq!(key_of(&network, UserId::new(7), 3).unwrap_err().kind(), ErrorKind::Invalid);
    }

    fn a_replaced_key_is_its_users_still(database) {
        let network = Network::create(database.engine());
        create(&network, &new("bea@example.com", Role::Affiliate, Some(2))).unwrap();
        let key = key_of(&network, ID, 1).unwrap();
        network.engine.replace_key(&network.call, key, &secret(2)).unwrap();
        edit(&network, &active(false)).unwrap();
        assert!(matches!(open(&network.engine, &network, 2), Err(KeyRefusal::Suspended(_))));
    }

    fn a_key_that_is_made_while_its_user_is_disabled_opens_nothing(database) {
        let network = Network::create(database.engine());
        create(&network, &new("bea@example.com", Role::Viewer, None)).unwrap();
        for n in 1..=10 {
            edit(&network, &active(true)).unwrap();
            let others = [database.engine(), database.engine()];
            let call = &network.call;
            let made = std::thread::scope(|scope| {
                let made = scope.spawn(|| others[0].create_user_key(call, ID, "", &KeyLimits::default(), &secret(n)));
                let off = scope.spawn(|| others[1].edit_user(call, ID, &active(false), &|_| true));
                off.join().unwrap().unwrap();
                made.join().unwrap()
            });
            match made {
                Ok(_) => assert!(matches!(open(&network.engine, &network, n), Err(KeyRefusal::Suspended(_))), "{n}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{n}"),
            }
        }
    }

    fn what_is_done_with_users_is_in_the_history_without_who_they_are(database) {
        let network = Network::create(database.engine());
        create(&network, &new("bea@example.com", Role::Finance, None)).unwrap();
        let key = key_of(&network, ID, 1).unwrap();
        let by_user = open(&network.engine, &network, 1).unwrap().call(network.call.now);
        network.engine.set_network(&by_user, &[("auto_approve", "true")]).unwrap();
        edit(&network, &UserEdit { name: Some("B. Tester".into()), role: Some(Role::Viewer), ..UserEdit::default() }).unwrap();
        // Nothing is changed, and nothing said.
        edit(&network, &UserEdit { role: Some(Role::Viewer), ..UserEdit::default() }).unwrap();
        let said = said(&network);
        for line in [
            "user 1 created by test ",
            "setting auto_approve set by key 1 of user 1 ",
            r#"user 1 updated by test {"name":"changed","role":{"from":"finance","to":"viewer"}}"#,
        ] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
        assert_eq!(said.matches("user 1 updated").count(), 1, "{said}");
        assert!(!said.contains("example.com") && !said.contains("Tester"), "{said}");
        assert_eq!(key, KeyId::new(1));
    }

    fn who_is_erased_is_gone_and_stays_so(database) {
        let network = Network::create(database.engine());
        create(&network, &new("bea@example.com", Role::Affiliate, Some(2))).unwrap();
        create(&network, &new("cem@example.com", Role::Affiliate, Some(3))).unwrap();
        network.engine.create_user_key(&network.call, ID, "Bea's laptop", &KeyLimits::default(), &secret(1)).unwrap();
        key_of(&network, UserId::new(2), 2).unwrap();
        let by_bea = open(&network.engine, &network, 1).unwrap().call(network.call.now);
        network.engine.set_network(&by_bea, &[("auto_approve", "true")]).unwrap();
        // With the party, by hand, and once more.
        network.engine.erase_party(&network.call, PartyKind::Affiliate, 2).unwrap();
        let erased = network.engine.user(&network.call, ID).unwrap();
        assert_eq!((erased.name.as_str(), erased.email.as_deref(), erased.active), ("Erased user 1", None, false));
        assert!(matches!(open(&network.engine, &network, 1), Err(KeyRefusal::Revoked(_))));
        assert!(open(&network.engine, &network, 2).is_ok(), "another affiliate's user");
        assert_eq!(network.engine.erase_user(&network.call, ID).unwrap(), erased);
        assert_eq!(edit(&network, &active(true)).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(key_of(&network, ID, 3).unwrap_err().kind(), ErrorKind::Conflict);
        network.engine.erase_user(&network.call, UserId::new(2)).unwrap();
        assert!(matches!(open(&network.engine, &network, 2), Err(KeyRefusal::Revoked(_))));
        let keys = network.engine.keys(&network.call).unwrap();
        assert!(keys.iter().all(|key| key.name.starts_with("Erased user ")), "{keys:?}");
        let said = said(&network);
        assert!(said.contains("set by key 1 of user 1") && !said.contains("laptop"), "{said}");
        // Both addresses are free again.
        assert_eq!(create(&network, &new("bea@example.com", Role::Viewer, None)).unwrap().id, UserId::new(3));
        let missing = network.engine.erase_user(&network.call, UserId::new(9));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn a_change_is_made_only_where_the_user_is_as_it_was_read(database) {
        let network = Network::create(database.engine());
        let read = create(&network, &new("bea@example.com", Role::Viewer, None)).unwrap();
        edit(&network, &active(false)).unwrap();
        let late = network.engine.edit_user(&network.call, ID, &active(true), &|user| *user == read);
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Stale);
        assert!(!network.engine.user(&network.call, ID).unwrap().active);
    }

    fn users_are_found_page_by_page(database) {
        let network = Network::create(database.engine());
        for n in 1..=7 {
            let role = if n % 2 == 0 { Role::Finance } else { Role::Viewer };
            create(&network, &new(&format!("u{n}@example.com"), role, None)).unwrap();
        }
        edit(&network, &active(false)).unwrap();
        let found = |filter: &UserFilter, after, limit| -> Vec<i64> {
            let found = network.engine.users(&network.call, filter, after, limit).unwrap();
            found.rows.iter().map(|user| user.id.get()).collect()
        };
        let all = UserFilter::default();
        assert_eq!(found(&all, 0, 3), [1, 2, 3]);
        assert_eq!(found(&all, 3, 10), [4, 5, 6, 7]);
        assert_eq!(found(&UserFilter { role: Some(Role::Finance), ..all.clone() }, 2, 10), [4, 6]);
        assert_eq!(found(&UserFilter { active: Some(false), ..all.clone() }, 0, 10), [1]);
        let address = UserFilter { email: Some("U4@example.com".into()), ..all.clone() };
        assert_eq!((found(&address, 0, 10), found(&address, 4, 10)), (vec![4], vec![]));
        assert_eq!(found(&UserFilter { role: Some(Role::Viewer), ..address }, 0, 10), Vec::<i64>::new());
        // 10,000 are looked at in one go; the next one says where to go on.
        let sql = "INSERT INTO users (network_id, user_id, name, role, status, created_at, updated_at) \
            WITH RECURSIVE n(i) AS (SELECT CAST(8 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 10050) \
            SELECT 1, i, 'x', CASE WHEN i = 10050 THEN 'tracker' ELSE 'viewer' END, 'active', 0, 0 FROM n";
        network.engine.store().run_sql(sql).unwrap();
        let tracker = UserFilter { role: Some(Role::Tracker), ..all };
        let first = network.engine.users(&network.call, &tracker, 0, 10).unwrap();
        assert_eq!((first.rows.len(), first.next), (0, Some(10_000)));
        assert_eq!(found(&tracker, 10_000, 10), [10_050]);
    }
}
