//! Lists of invoices with the newest first, where their money goes, and runs that approve what they issue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_domain::time::Timestamp;
use quittance_engine::billing::{Parties, RunRequest};
use quittance_engine::invoices::{DestinationEdit, DestinationFilter, NewestQuery, PaymentRequest};
use quittance_testkit::{Network, both_databases, day};

fn all() -> NewestQuery {
    NewestQuery {
        kind: InvoiceKind::Payable,
        created_from: Timestamp::from_micros(i64::MIN),
        created_before: Timestamp::from_micros(i64::MAX),
        ids: None,
        parties: None,
        statuses: Vec::new(),
        updated_from: None,
        updated_before: None,
        systems: None,
    }
}

/// Issues an invoice for each of some days.
fn issue(network: &mut Network, days: std::ops::RangeInclusive<u32>) {
    for n in days {
        let day_text = format!("2026-01-{n:02}");
        network.approve(&format!("c{n} {} 1 {day_text} {n}", n % 2 + 1));
        network.at(&day_text);
        network.engine.bill(&network.call, &RunRequest::payable_through(day(&day_text)), &mut |_| {}).unwrap();
    }
}

both_databases! {
    fn every_page_is_that_of_the_whole_list(database) {
        let mut network = Network::create(database.engine());
        issue(&mut network, 1..=9);
        network.engine.void(&network.call, InvoiceId::new(4), None, VoidReason::Deleted, "").unwrap();
        let whole: Vec<i64> = vec![9, 8, 7, 6, 5, 3, 2, 1];
        for limit in 1..=9 {
            for offset in 0..=9 {
                let page = network.engine.newest_invoices(&network.call, &all(), (offset, limit)).unwrap();
                let ids: Vec<i64> = page.ids.iter().map(|id| id.get()).collect();
                let expected: Vec<i64> =
                    whole.iter().skip(offset as usize).take(limit as usize).copied().collect();
                assert_eq!((ids, page.total), (expected, 8), "{offset} {limit}");
            }
        }
        let odd = NewestQuery { parties: Some(vec![2]), ..all() };
        let page = network.engine.newest_invoices(&network.call, &odd, (0, 2)).unwrap();
        assert_eq!((page.ids, page.total), (vec![InvoiceId::new(9), InvoiceId::new(7)], 5));
    }

    fn a_lists_length_is_that_of_what_it_finds(database) {
        let mut network = Network::create(database.engine());
        // An invoice every 7 minutes over two hours, some of them moved on.
        for n in 0..17_i64 {
            let id = InvoiceId::new(n + 1);
            network.at("2026-01-31");
            network.call.now = Timestamp::from_micros(network.call.now.micros() + n * 7 * 60_000_000);
            network.approve(&format!("c{n} {} 1 2026-01-05 {}", n % 3 + 1, n + 1));
            let request = RunRequest {
                parties: Parties::Only(vec![n % 3 + 1]),
                ..RunRequest::payable_through(day("2026-01-31"))
            };
            network.engine.bill(&network.call, &request, &mut |_| {}).unwrap();
            let (engine, call) = (&network.engine, &network.call);
            let mark = DestinationEdit { in_part: Some(true), ..DestinationEdit::default() };
            match n % 6 {
                0 => drop(engine.approve(call, id, None).unwrap()),
                1 => drop(engine.pay(call, id, None, &PaymentRequest::default()).unwrap()),
                2 => drop(engine.void(call, id, None, VoidReason::Deleted, "").unwrap()),
                3 => drop(engine.void(call, id, None, VoidReason::Declined, "").unwrap()),
                4 => drop(engine.edit_destination(call, id, &mark).unwrap()),
                _ => {}
            }
        }
        let at = |minutes: i64| Timestamp::from_micros(network.instant("2026-01-31 12:00:00").micros() + minutes * 60_000_000);
        use InvoiceStatus::{Approved, Paid, PartlyPaid, Pending, Void};
        let standing = |n: i64| [Some(Approved), Some(Paid), None, Some(Void), Some(PartlyPaid), Some(Pending)][n as usize % 6];
        for statuses in [vec![], vec![Approved], vec![Paid, Void], vec![PartlyPaid, Pending]] {
            for (from, before) in [(0, 130), (0, 0), (1, 14), (8, 22), (15, 45), (16, 44), (29, 31), (-60, 61), (90, 600)] {
                let expected: Vec<i64> = (0..17).rev()
                    .filter(|n| n * 7 >= from && n * 7 < before)
                    .filter(|n| standing(*n).is_some_and(|s| statuses.is_empty() || statuses.contains(&s)))
                    .map(|n| n + 1).collect();
                let query = NewestQuery { created_from: at(from), created_before: at(before), statuses: statuses.clone(), ..all() };
                let page = network.engine.newest_invoices(&network.call, &query, (0, 100)).unwrap();
                let ids: Vec<i64> = page.ids.iter().map(|id| id.get()).collect();
                assert_eq!((ids, page.total), (expected.clone(), expected.len() as i64), "{statuses:?} {from} {before}");
                // The same of all parties, and by the ids.
                for query in [
                    NewestQuery { parties: Some(vec![1, 2, 3]), ..query.clone() },
                    NewestQuery { ids: Some((1..=17).collect()), ..query },
                ] {
                    let page = network.engine.newest_invoices(&network.call, &query, (0, 100)).unwrap();
                    let ids: Vec<i64> = page.ids.iter().map(|id| id.get()).collect();
                    assert_eq!((ids, page.total), (expected.clone(), expected.len() as i64));
                }
            }
        }
        network.assert_verified();
    }

    fn a_run_approves_and_notes_what_it_issues(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-01-31");
        network.approve("a 1 1 2026-01-02 5");
        let request = RunRequest {
            approve: true,
            internal_notes: "January".to_owned(),
            ..RunRequest::payable_through(day("2026-01-31"))
        };
        network.engine.bill(&network.call, &request, &mut |_| {}).unwrap();
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!((invoice.status, invoice.internal_notes.as_str()), (InvoiceStatus::Approved, "January"));
        network.assert_verified();
    }

    fn invoices_are_found_by_where_their_money_goes(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-01-31");
        let system = |id: i64, title: &str, currency: Option<&str>| {
            let mut system = serde_json::json!({ "id": id, "title": title, "type": "other", "fields": [{ "id": 4, "label": "To" }, { "id": 5, "label": "Name" }] });
            if let Some(currency) = currency {
                system["currency"] = currency.into();
            }
            system
        };
        let method = |system: i64, main: bool, to: &str| serde_json::json!({ "system": system, "main": main, "fields": { "4": to } });
        let import = |file: serde_json::Value| network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        import(serde_json::json!({
            "payment_systems": [system(1, "Euro", Some("EUR")), system(2, "Dollar", Some("USD")), system(3, "Any", None)],
            "affiliates": [
                { "id": 1, "payment_methods": [method(3, true, "a"), method(2, false, "b")] },
                { "id": 2, "payment_methods": [method(1, true, "c"), method(3, false, "d")] },
                { "id": 3, "payment_methods": [method(2, true, "e")] },
                { "id": 4, "payment_methods": [method(1, true, "f")] },
            ],
        }));
        network.approve("a 1 1 2026-01-05 1\nb 2 1 2026-01-05 2\nc 3 1 2026-01-05 3\nd 4 1 2026-01-05 4");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        let found = |systems: &[&str], accounts: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let filter = DestinationFilter { systems: owned(systems), accounts: owned(accounts) };
            let page = network.engine.destined_invoices(&network.call, &all(), &filter, (0, 9)).unwrap();
            let ids: Vec<i64> = page.ids.iter().map(|id| id.get()).collect();
            // What each shows says the same.
            let every = network.engine.newest_invoices(&network.call, &all(), (0, 9)).unwrap();
            let shown = network.engine.shown_invoices(&network.call, &every.ids).unwrap();
            let judged = shown.iter().filter(|shown| {
                let of_system = |text: &&str| shown.system.as_ref().is_some_and(|(id, title)| title == text || id.to_string() == **text);
                (systems.is_empty() || systems.iter().any(of_system)) && (accounts.is_empty() || accounts.contains(&shown.account.as_str()))
            });
            let judged: Vec<i64> = judged.map(|shown| shown.invoice.invoice_id.get()).collect();
            assert_eq!((&ids, page.total), (&judged, judged.len() as i64), "{systems:?} {accounts:?}");
            ids
        };
        // In dollars: 1 by its method for them, 2 by the one that names no currency, 4 by none.
        assert_eq!(found(&["Dollar"], &[]), [3, 1]);
        assert_eq!(found(&["3"], &[]), [2]);
        assert_eq!(found(&["Euro", "nothing"], &[]), [0; 0]);
        assert_eq!(found(&["Any", "2"], &[]), [3, 2, 1]);
        assert_eq!(found(&[], &["To: b", "To: e"]), [3, 1]);
        assert_eq!(found(&[], &["To: c"]), [0; 0]);
        assert_eq!(found(&["Any"], &["To: d"]), [2]);
        // A paid one keeps its own, an account by hand is found too; the rest follows the party.
        network.engine.pay(&network.call, InvoiceId::new(1), None, &PaymentRequest::default()).unwrap();
        let by_hand = DestinationEdit { account: Some("by hand".to_owned()), in_part: None };
        network.engine.edit_destination(&network.call, InvoiceId::new(2), &by_hand).unwrap();
        import(serde_json::json!({ "affiliates": [{ "id": 1, "payment_methods": [method(3, true, "new")] }] }));
        network.approve("e 1 1 2026-01-06 5");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        assert_eq!(found(&["Dollar"], &[]), [3, 1]);
        assert_eq!(found(&["Any"], &[]), [5, 2]);
        assert_eq!(found(&[], &["To: b"]), [1]);
        assert_eq!(found(&[], &["by hand"]), [2]);
        assert_eq!(found(&[], &["To: d"]), [0; 0]);
    }

    fn a_mark_moves_nothing(database) {
        let mut network = Network::create(database.engine());
        issue(&mut network, 1..=1);
        let id = InvoiceId::new(1);
        let before = network.engine.invoice(&network.call, id).unwrap();
        let edit = DestinationEdit { account: Some("by hand".to_owned()), in_part: Some(true) };
        network.engine.edit_destination(&network.call, id, &edit).unwrap();
        let after = network.engine.shown_invoices(&network.call, &[id]).unwrap().remove(0);
        assert_eq!((after.account.as_str(), after.in_part), ("by hand", true));
        assert_eq!((after.invoice.status, after.invoice.paid_units), (before.status, 0));
        let marked = NewestQuery { statuses: vec![InvoiceStatus::PartlyPaid], ..all() };
        assert_eq!(network.engine.newest_invoices(&network.call, &marked, (0, 9)).unwrap().total, 1);
        let pending = NewestQuery { statuses: vec![InvoiceStatus::Pending], ..all() };
        assert_eq!(network.engine.newest_invoices(&network.call, &pending, (0, 9)).unwrap().total, 0);
        network.engine.void(&network.call, id, None, VoidReason::Declined, "").unwrap();
        assert!(network.engine.edit_destination(&network.call, id, &DestinationEdit::default()).is_err());
        network.engine.delete_void(&network.call, id).unwrap();
        assert_eq!(network.engine.newest_invoices(&network.call, &all(), (0, 9)).unwrap().total, 0);
        network.assert_verified();
    }
}
