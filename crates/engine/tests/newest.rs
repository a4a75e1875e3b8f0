//! Lists of invoices with the newest first, where their money goes, and runs that approve what they issue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_domain::time::Timestamp;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{DestinationEdit, NewestQuery};
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
