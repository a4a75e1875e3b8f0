//! The schedule: periods by cycle, delays, catching up, several processes, what is held and what was billed elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_engine::billing::{RunReport, RunRequest};
use quittance_engine::invoices::{AccrualFilter, InvoiceFilter};
use quittance_engine::schedule::ScheduleReport;
use quittance_store::networks;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn network(database: &TestDatabase, rules: &str) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-01-01");
    network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":1,{rules}}}"#));
    network
}

/// Makes what is due, which is what the preview has said.
fn due(network: &Network) -> ScheduleReport {
    let said = preview(network);
    let report = network.engine.bill_due(&network.call, &mut |_| {}).unwrap();
    network.assert_verified();
    assert_eq!(shown(&said), shown(&report));
    report
}

/// What would be due. Nothing is written: no id, number, epoch or event is taken.
fn preview(network: &Network) -> ScheduleReport {
    let state = |network: &Network| {
        let call = &network.call;
        let state = network.engine.store().read(|tx| {
            let epoch = networks::current_epoch(tx, call.network)?;
            let counters = ["run_id", "invoice_id", "invoice_number payable", "entry_id", "event_id", "change_no"];
            let counters = counters.map(|name| networks::counter(tx, call.network, name));
            Ok::<_, quittance_store::Error>((epoch, counters.into_iter().collect::<Result<Vec<_>, _>>()?))
        });
        (state.unwrap(), invoices(network), accrued(network, InvoiceKind::Payable))
    };
    let before = state(network);
    let report = network.engine.preview_due(&network.call).unwrap();
    assert_eq!(state(network), before);
    report
}

/// All that a report says, but for ids.
fn shown(report: &ScheduleReport) -> String {
    let run = |run: &RunReport| {
        let given_up = run.written_off.iter().map(|w| (w.party_id, w.currency, w.units, w.period));
        let given_up: Vec<_> = given_up.collect();
        format!("{} {} {} {:?} {:?} {given_up:?}", run.kind, run.through, run.done, run.totals, run.skipped)
    };
    format!("{} {:?}", report.released, report.runs.iter().map(run).collect::<Vec<_>>())
}

fn invoices(network: &Network) -> Vec<String> {
    let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 100).unwrap();
    let shown = |i: &quittance_engine::invoices::Invoice| {
        format!("{} {} {} due {}", i.book.party_id, i.period, i.billed_units / 10_000, i.due_day)
    };
    invoices.iter().map(shown).collect()
}

fn accrued(network: &Network, kind: InvoiceKind) -> i64 {
    let filter = AccrualFilter { kind, party_id: None, from: day("2020-01-01"), through: day("2030-12-31") };
    let rows = network.engine.accruals(&network.call, &filter, None, 1000).unwrap();
    rows.iter().map(|row| row.units / 10_000).sum()
}

const MONTHLY: &str = r#""billing_cycle":"Net 30","auto_invoice":true,"auto_start":"2026-01-01","delay_days":3"#;

both_databases! {
    fn a_period_is_billed_once_when_it_is_over_and_its_delay_has_passed(database) {
        let mut network = network(database, MONTHLY);
        network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-05 5.00");
        network.at("2026-02-03");
        assert!(due(&network).runs.is_empty());
        network.at("2026-02-04");
        let report = due(&network);
        assert_eq!(report.runs.iter().map(RunReport::invoices).sum::<i64>(), 1);
        // Affiliate 2 is not invoiced automatically.
        assert_eq!(invoices(&network), ["1 2026-01-05..2026-01-31 1000 due 2026-03-02"]);
        network.approve("c 1 1 2026-01-06 1.00");
        assert!(due(&network).runs.is_empty());
        network.at("2026-03-04");
        due(&network);
        assert_eq!(invoices(&network)[1], "1 2026-02-01..2026-02-28 100 due 2026-03-30");
    }

    /// Two months without a server: three invoices in order, as they would have been made.
    fn a_time_off_is_caught_up_period_by_period(database) {
        let mut network = network(database, MONTHLY);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 1 2026-02-05 20.00\nc 1 1 2026-03-05 30.00");
        network.at("2026-04-10");
        assert_eq!(due(&network).runs.len(), 3);
        assert_eq!(invoices(&network), [
            "1 2026-01-05..2026-01-31 1000 due 2026-03-02",
            "1 2026-02-01..2026-02-28 2000 due 2026-03-30",
            "1 2026-03-01..2026-03-31 3000 due 2026-04-30",
        ]);
    }

    /// By hand: of affiliate 1 January 15.00, February 20.00; h1 of offer 4, which holds for 7 days, is approved: March 6.00.
    /// Of affiliate 2, 5 % of what was billed to 1, and a month later than it was billed: 0.75 and 1.00 of the first two
    /// with February's and March's own 4.00 and 5.25. In all 15 + 20 + 6 + 4.75 + 6.25 = 52.00.
    fn a_preview_is_what_the_run_does(database) {
        let mut network = network(database, MONTHLY);
        network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":1,{MONTHLY},"referrer":{{"affiliate":2,"percent":"5"}}}}"#));
        network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":2,{MONTHLY}}}"#));
        network.approve("a 1 1 2026-01-05 15.00\nb 1 1 2026-02-05 20.00\nc 2 1 2026-02-05 4.00\nd 2 1 2026-03-05 5.25");
        network.ingest(vec![network.record("h1", 1, 4, "hold", "2026-03-05", "6.00")]);
        network.at("2026-04-10");
        let said = preview(&network);
        let totals = |report: &ScheduleReport| {
            report.runs.iter().flat_map(|run| &run.totals).map(|t| (t.invoices, t.units / 10_000)).collect::<Vec<_>>()
        };
        assert_eq!((said.released, totals(&said)), (1, vec![(1, 1500), (2, 2475), (2, 1225)]));
        assert_eq!(totals(&due(&network)), totals(&said));
        assert!(preview(&network).runs.is_empty());
    }

    fn nothing_before_the_start_is_invoiced_automatically(database) {
        let rules = MONTHLY.replace("2026-01-01", "2026-01-15");
        let mut network = network(database, &rules);
        network.approve("a 1 1 2026-01-14 10.00\nb 1 1 2026-01-15 20.00");
        network.at("2026-02-10");
        let left = &due(&network).runs[0].skipped;
        let left: Vec<_> = left.iter().map(|l| (l.party_id, l.units / 10_000, l.reason.as_str())).collect();
        assert_eq!(left, [(1, 1000, "before_auto_start")]);
        assert_eq!(invoices(&network), ["1 2026-01-15..2026-01-31 2000 due 2026-03-02"]);
        let by_hand = RunRequest::payable_through(day("2026-01-31"));
        assert_eq!(network.engine.bill(&network.call, &by_hand, &mut |_| {}).unwrap().totals[0].units, 10_000_000);
        network.assert_verified();
    }

    /// By hand: weeks from Thursday 1 January; 1–15 and 16–31; the quarter.
    fn every_cycle_has_its_periods(database) {
        let mut network = network(database, r#""billing_cycle":"weekly","cycle_days":[4],"auto_invoice":true,"auto_start":"2026-01-01""#);
        for (id, rules) in [
            (2, r#""billing_cycle":"twice a month""#),
            (3, r#""billing_cycle":"quarterly""#),
            (4, r#""billing_cycle":"bi-weekly","cycle_anchor":"2026-01-01""#),
        ] {
            let rules = format!(r#"{{"id":{id},{rules},"auto_invoice":true,"auto_start":"2026-01-01"}}"#);
            network.set_party(PartyKind::Affiliate, &rules);
        }
        let ids = 1..=4;
        let lines: Vec<String> = ids.flat_map(|affiliate| {
            [1, 8, 16, 31].map(|of_month| format!("c{affiliate}-{of_month} {affiliate} 1 2026-01-{of_month:02} 1.00"))
        }).collect();
        network.approve(&lines.join("\n"));
        network.at("2026-02-01");
        due(&network);
        let mut made: Vec<String> = invoices(&network).iter().map(|i| i.split(" due").next().unwrap().to_owned()).collect();
        made.sort();
        assert_eq!(made, [
            "1 2026-01-01..2026-01-07 100",
            "1 2026-01-08..2026-01-14 100",
            "1 2026-01-15..2026-01-21 100",
            "2 2026-01-01..2026-01-15 200",
            "2 2026-01-16..2026-01-31 200",
            "4 2026-01-01..2026-01-14 200",
            "4 2026-01-15..2026-01-28 100",
        ]);
        network.at("2026-04-01");
        due(&network);
        assert!(invoices(&network).iter().any(|i| i.starts_with("3 2026-01-01..2026-03-31 400")));
    }

    fn several_processes_keep_the_schedule_once(database) {
        let mut network = network(database, MONTHLY);
        let lines: Vec<String> = (1..=12).map(|month| format!("c{month} 1 1 2026-{month:02}-05 1.00")).collect();
        network.at("2027-01-20");
        network.approve(&lines.join("\n"));
        let others: Vec<Network> = (0..3).map(|_| network.again(database.engine())).collect();
        std::thread::scope(|scope| {
            for other in &others {
                scope.spawn(move || other.engine.bill_due(&other.call, &mut |_| {}).unwrap());
            }
        });
        assert_eq!(invoices(&network).len(), 12);
        assert!(due(&network).runs.is_empty());
    }

    /// Offer 4 holds for seven days, offer 1 for none: its hold is the tracker's own.
    fn what_is_on_hold_is_approved_when_its_days_are_over(database) {
        let mut network = network(database, MONTHLY);
        network.at("2026-01-20");
        let held = |id: &str, offer, on: &str| network.record(id, 1, offer, "hold", on, "2.00");
        let records = vec![held("a", 4, "2026-01-05"), held("b", 4, "2026-01-14"), held("c", 1, "2026-01-05")];
        network.ingest(records.clone());
        assert_eq!(accrued(&network, InvoiceKind::Payable), 0);
        assert_eq!(due(&network).released, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), 200);
        // The same record again is what was received: the override stays. Another one replaces it.
        assert_eq!(network.ingest(records).counts.unchanged, 3);
        assert_eq!(accrued(&network, InvoiceKind::Payable), 200);
        network.at("2026-01-21");
        assert_eq!((due(&network).released, due(&network).released), (1, 0));
        assert_eq!(network.ingest(vec![network.record("a", 1, 4, "rejected", "2026-01-05", "2.00")]).counts.updated, 1);
        assert_eq!(network.ingest(vec![network.record("b", 1, 4, "approved", "2026-01-14", "2.00")]).counts.updated, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), 200);
        network.assert_verified();
    }

    /// A network that switches in the middle of a month, and one affiliate that was billed further.
    fn what_was_billed_elsewhere_is_recorded_and_never_billed(database) {
        let mut network = network(database, r#""billed_elsewhere_through":"2026-01-20""#);
        network.engine.set_network(&network.call, &[("billed_elsewhere_through", "2026-01-15")]).unwrap();
        network.at("2026-02-05");
        network.approve("a 1 1 2026-01-15 1.00\nb 1 1 2026-01-20 2.00\nc 1 1 2026-01-21 4.00\nd 2 1 2026-01-15 8.00\ne 2 1 2026-01-16 16.00");
        assert_eq!(accrued(&network, InvoiceKind::Payable), 2000);
        assert!(network.engine.conversion(&network.call, "a").unwrap().entries.is_empty());
        let report = network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {});
        assert_eq!(report.unwrap().totals[0].units, 20_000_000);
        // Reversed and given another day later: the first counts nowhere still, the second counts from then on.
        network.ingest(vec![
            network.record("a", 1, 1, "rejected", "2026-01-15", "1.00"),
            network.record("b", 1, 1, "approved", "2026-01-25", "2.00"),
        ]);
        assert_eq!(accrued(&network, InvoiceKind::Payable), 2200);
        network.assert_verified();
        for (value, what) in [("2026-01-16", "count;"), ("2026-01-10", "count nowhere")] {
            let error = network.engine.set_network(&network.call, &[("billed_elsewhere_through", value)]).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}

#[test]
fn contradictions_are_refused_when_they_are_set() {
    let database = TestDatabase::sqlite();
    let network = Network::create(database.engine());
    for (rules, place, why) in [
        (r#""billing_cycle":"twice a month","cycle_days":[5]"#, "cycle_days", "takes 2 different days, not 1"),
        (r#""billing_cycle":"monthly","cycle_days":[5,6]"#, "cycle_days", "takes one day, not 2"),
        (r#""billing_cycle":"weekly","cycle_days":[7]"#, "cycle_days", "7 is no weekday"),
        (r#""billing_cycle":"monthly","cycle_days":[29]"#, "cycle_days", "29"),
        (r#""cycle_days":[1]"#, "cycle_days", "takes no days"),
        (r#""auto_invoice":true,"auto_start":"2026-01-01""#, "auto_invoice", "needs a billing_cycle"),
        (r#""auto_invoice":true,"billing_cycle":"monthly""#, "auto_start", "is missing"),
    ] {
        let file = format!(r#"{{"affiliates":[{{"id":1,{rules}}}]}}"#);
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        let problems = network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap_err();
        assert!(problems.iter().any(|p| p.place.ends_with(place) && p.detail.contains(why)), "{rules}: {problems:?}");
    }
}
