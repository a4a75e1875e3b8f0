//! The history of everything, with its filters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_engine::Call;
use quittance_engine::billing::RunRequest;
use quittance_engine::history::{ChangeFilter, HistoryFilter, HistoryPlace};
use quittance_testkit::{Network, both_databases, day};

/// All that a filter of the invoices' history finds, read in pages of two: invoice, version and action.
fn invoices(network: &Network, filter: &HistoryFilter) -> Vec<(i64, i64, String)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = network.engine.find_history(&network.call, filter, after, 2).unwrap();
        let row = |row: quittance_engine::history::NetworkHistoryRow| {
            (row.place.invoice_id.get(), row.row.version, row.row.action)
        };
        found.extend(part.rows.into_iter().map(row));
        let Some(next) = part.next else { return found };
        // A cursor survives being written down.
        after = Some(next.to_string().parse::<HistoryPlace>().unwrap());
    }
}

fn changes(network: &Network, filter: &ChangeFilter) -> Vec<(String, String, String)> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let part = network.engine.find_changes(&network.call, filter, after, 2).unwrap();
        found.extend(part.rows.into_iter().map(|row| (row.subject, row.subject_id, row.action)));
        let Some(next) = part.next else { return found };
        after = next;
    }
}

both_databases! {
    fn the_history_of_all_invoices_is_read_by_time_party_actor_and_action(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-06 5.00");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        network.at("2026-02-02");
        network.engine.approve(&network.call, InvoiceId::new(2), None).unwrap();
        let ann = Call { actor: "Ann".into(), ..network.call.clone() };
        network.at("2026-02-03");
        network.engine.approve(&Call { now: network.call.now, ..ann }, InvoiceId::new(1), None).unwrap();
        network.engine.unapprove(&network.call, InvoiceId::new(1), None).unwrap();
        let row = |invoice: i64, version: i64, action: &str| (invoice, version, action.to_owned());
        let all = [row(1, 1, "issued"), row(2, 1, "issued"), row(2, 2, "approved"), row(1, 2, "approved"), row(1, 3, "unapproved")];
        let nothing = HistoryFilter::default();
        assert_eq!(invoices(&network, &nothing), all);
        let on = |day: &str| network.instant(&format!("{day} 00:00:00"));
        let second = HistoryFilter { from: on("2026-02-02"), before: on("2026-02-03"), ..nothing.clone() };
        assert_eq!(invoices(&network, &second), all[2..3]);
        let by_ann = HistoryFilter { actor: "Ann".into(), ..nothing.clone() };
        assert_eq!(invoices(&network, &by_ann), all[3..4]);
        let approved = HistoryFilter { action: "approved".into(), ..nothing.clone() };
        assert_eq!(invoices(&network, &approved), all[2..4]);
        let of_second = HistoryFilter { kind: Some(InvoiceKind::Payable), party_id: 2, ..nothing.clone() };
        assert_eq!(invoices(&network, &of_second), all[1..3]);
        assert_eq!(invoices(&network, &HistoryFilter { kind: Some(InvoiceKind::Receivable), ..nothing }), []);
        for wrong in ["", "1", "1_2", "1_2_x", "1_2_3_4"] {
            assert!(wrong.parse::<HistoryPlace>().is_err(), "{wrong:?}");
        }
    }

    fn changes_are_read_by_thing_actor_action_and_time(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.engine.set_network(&network.call, &[("auto_approve", "true"), ("week_start", "sunday")]).unwrap();
        network.at("2026-02-02");
        let ann = Call { actor: "Ann".into(), ..network.call.clone() };
        network.engine.set_network(&ann, &[("auto_approve", "false")]).unwrap();
        network.rates("2026-01-31,EUR,USD,1.10");
        let first = ChangeFilter { from: network.instant("2026-01-01 00:00:00"), ..ChangeFilter::default() };
        let setting = |id: &str| ("setting".to_owned(), id.to_owned(), "set".to_owned());
        let all = changes(&network, &first);
        assert_eq!(all[..3], [setting("auto_approve"), setting("week_start"), setting("auto_approve")]);
        assert_eq!((all.len(), all[3].0.as_str()), (4, "rates"));
        let settings = ChangeFilter { subject: "setting".into(), ..first.clone() };
        assert_eq!(changes(&network, &settings), all[..3]);
        let one = ChangeFilter { subject_id: "auto_approve".into(), ..settings.clone() };
        assert_eq!(changes(&network, &one), [setting("auto_approve"), setting("auto_approve")]);
        assert_eq!(changes(&network, &ChangeFilter { actor: "Ann".into(), ..one.clone() }), all[2..3]);
        assert_eq!(changes(&network, &ChangeFilter { before: network.call.now, ..one }), all[..1]);
        assert_eq!(changes(&network, &ChangeFilter { action: "reopened".into(), ..settings }), []);
    }

    fn what_is_rare_among_much_is_found_in_parts(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let fill = "INSERT INTO changes (network_id, change_no, happened_at, actor, subject, subject_id, action, details) \
            WITH RECURSIVE n(i) AS (SELECT CAST(100 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 12099) \
            SELECT 1, i, 0, 'test', CASE WHEN i = 11900 THEN 'rare' ELSE 'common' END, '', 'set', '{}' FROM n";
        network.engine.store().run_sql(fill).unwrap();
        let rare = ChangeFilter { subject: "rare".into(), ..ChangeFilter::default() };
        let part = network.engine.find_changes(&network.call, &rare, 99, 10).unwrap();
        assert_eq!((part.rows.len(), part.next), (0, Some(10_099)));
        let part = network.engine.find_changes(&network.call, &rare, 10_099, 10).unwrap();
        assert_eq!((part.rows.len(), part.next), (1, None));
    }
}
