//! Runs and the life of an invoice on both databases, against figures added up by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_engine::billing::{FirstDay, RunReport, RunRequest};
use quittance_engine::invoices::{ConversionQuery, InvoiceFilter, PaymentRequest, TakeOffRequest};
use quittance_testkit::{Network, both_databases, day};

fn bill(network: &Network, through: &str) -> RunReport {
    network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap()
}

fn january(network: &mut Network) {
    network.at("2026-02-01");
    let report = network.approve(
        "a1 1 1 2026-01-05 10.00
         a2 1 1 2026-01-06 2.50
         a3 1 2 2026-01-06 0.333333
         b1 2 1 2026-01-31 7
         b2 2 1 2026-02-01 8",
    );
    assert_eq!((report.counts.created, report.counts.rejected), (5, 0));
}

both_databases! {
    fn a_month_becomes_invoices_that_open_down_to_their_conversions(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        let report = bill(&network, "2026-01-31");
        assert_eq!(report.invoices(), 2);
        assert_eq!(report.totals[0].units, 19_830_000); // 10.00 + 2.50 + 0.33 + 7
        let invoices = network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 10).unwrap();
        assert_eq!(invoices.len(), 2);
        assert_eq!(invoices[0].billed_units, 12_830_000);
        assert_eq!(invoices[0].period.to_string(), "2026-01-05..2026-01-31");
        let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(1)).unwrap();
        assert_eq!(lines.iter().map(|l| (l.units, l.taken.units)).collect::<Vec<_>>(), [(12_500_000, 12_500_000), (330_000, 333_333)]);
        let query = ConversionQuery { line_no: Some(1), after: None, limit: 1 };
        let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(1), &query).unwrap();
        assert_eq!(page.conversions[0].conversion_id, "a1");
        let query = ConversionQuery { after: page.next, ..query };
        let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(1), &query).unwrap();
        assert_eq!((page.conversions[0].conversion_id.as_str(), page.next), ("a2", None));
        assert_eq!(network.engine.conversion(&network.call, "a2").unwrap().entries[0].invoice_id, Some(InvoiceId::new(1)));
        assert_eq!(network.engine.conversion(&network.call, "b2").unwrap().entries[0].invoice_id, None);
        network.assert_verified();
        assert_eq!(bill(&network, "2026-01-31").invoices(), 0);
        network.assert_verified();
    }

    fn a_late_reversal_goes_on_a_line_of_its_own(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        bill(&network, "2026-01-31");
        network.at("2026-03-01");
        network.approve("a4 1 1 2026-02-10 5");
        let reversed = network.record("a2", 1, 1, "rejected", "2026-01-06", "2.50");
        assert_eq!(network.ingest(vec![reversed]).counts.updated, 1);
        assert_eq!(bill(&network, "2026-02-28").invoices(), 2);
        let invoice = network.engine.invoice(&network.call, InvoiceId::new(3)).unwrap();
        assert_eq!((invoice.billed_units, invoice.period.to_string().as_str()), (2_500_000, "2026-02-01..2026-02-28"));
        let lines = network.engine.invoice_lines(&network.call, InvoiceId::new(3)).unwrap();
        assert_eq!(lines[1].period.to_string(), "2026-01-05..2026-01-31");
        assert_eq!((lines[1].units, lines[1].taken.conversions), (-2_500_000, -1));
        network.assert_verified();
    }

    fn a_void_invoice_is_billed_again_and_its_payments_become_credit(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        bill(&network, "2026-01-31");
        let id = InvoiceId::new(1);
        let part = PaymentRequest { amount: Some("2.83".into()), ..PaymentRequest::default() };
        let invoice = network.engine.pay(&network.call, id, None, &part).unwrap();
        assert_eq!((invoice.status, invoice.paid_units), (InvoiceStatus::PartlyPaid, 2_830_000));
        network.assert_verified();
        let invoice = network.engine.void(&network.call, id, None, VoidReason::Other, "wrong").unwrap();
        assert_eq!(invoice.status, InvoiceStatus::Void);
        network.assert_verified();
        assert!(network.engine.void(&network.call, id, None, VoidReason::Other, "again").is_err());
        assert_eq!(bill(&network, "2026-01-31").invoices(), 1);
        network.assert_verified();
        let again = network.engine.approve(&network.call, InvoiceId::new(3), None).unwrap();
        assert_eq!((again.billed_units, again.paid_units, again.status), (12_830_000, 2_830_000, InvoiceStatus::PartlyPaid));
        let paid = network.engine.pay(&network.call, InvoiceId::new(3), None, &PaymentRequest::default()).unwrap();
        assert_eq!(paid.status, InvoiceStatus::Paid);
        network.assert_verified();
        let entries = network.engine.conversion(&network.call, "a1").unwrap().entries;
        assert_eq!(entries[0].invoice_id, Some(InvoiceId::new(3)));
    }

    fn what_is_taken_off_is_unbilled_again(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        bill(&network, "2026-01-31");
        let id = InvoiceId::new(1);
        let one = TakeOffRequest::Conversions(vec!["a1".into()]);
        let invoice = network.engine.take_off(&network.call, id, None, &one).unwrap();
        assert_eq!(invoice.billed_units, 2_830_000);
        network.assert_verified();
        assert!(network.engine.take_off(&network.call, id, None, &one).is_err());
        let offer = TakeOffRequest::Offers(vec![quittance_domain::ids::OfferId::new(1)]);
        let invoice = network.engine.take_off(&network.call, id, None, &offer).unwrap();
        assert_eq!(invoice.billed_units, 330_000);
        network.assert_verified();
        assert_eq!(bill(&network, "2026-01-31").totals[0].units, 12_500_000);
        network.assert_verified();
        network.engine.void(&network.call, InvoiceId::new(3), None, VoidReason::Declined, "").unwrap();
        network.engine.void(&network.call, id, None, VoidReason::Declined, "").unwrap();
        network.assert_verified();
        assert_eq!(bill(&network, "2026-01-31").totals[0].units, 12_830_000);
        network.assert_verified();
    }

    fn corrections_move_the_total_and_the_ledger(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        bill(&network, "2026-01-31");
        let id = InvoiceId::new(2);
        let invoice = network.engine.correct(&network.call, id, None, "-1.25", "agreed").unwrap();
        assert_eq!(invoice.billed_units, 5_750_000);
        assert!(network.engine.correct(&network.call, id, None, "0.001", "").is_err());
        network.assert_verified();
        network.engine.remove_correction(&network.call, id, None, 2).unwrap();
        network.assert_verified();
        assert_eq!(network.engine.invoice(&network.call, id).unwrap().billed_units, 7_000_000);
    }

    fn a_run_from_a_day_leaves_what_is_before_it(database) {
        let mut network = Network::create(database.engine());
        january(&mut network);
        let from = RunRequest { from: FirstDay::Day(day("2026-01-06")), ..RunRequest::payable_through(day("2026-01-31")) };
        let report = network.engine.bill(&network.call, &from, &mut |_| {}).unwrap();
        assert_eq!(report.totals[0].units, 9_830_000);
        network.assert_verified();
        assert_eq!(bill(&network, "2026-02-01").totals[0].units, 18_000_000);
        network.assert_verified();
        network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
    }

    fn hold_days_keep_an_offer_back(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.approve("h1 1 4 2026-01-31 3\nh2 1 1 2026-01-31 4");
        assert_eq!(bill(&network, "2026-02-01").totals[0].units, 4_000_000);
        network.assert_verified();
        let held = bill(&network, "2026-02-01");
        assert_eq!((held.invoices(), held.skipped[0].reason.as_str()), (0, "offer_hold"));
        network.at("2026-02-07");
        assert_eq!(bill(&network, "2026-02-01").totals[0].units, 3_000_000);
        network.assert_verified();
    }

    /// Offer 4 holds for 7 days: the 10.00 of 20 January can be billed, the 5.00 of 3 February from the 10th on. With 30 days
    /// it is from 19 February and 5 March on; the 3.00 that are billed stay billed.
    fn hold_days_that_are_applied_move_what_is_unbilled_alone(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-05");
        network.approve("c 1 4 2026-01-10 3");
        assert_eq!(bill(&network, "2026-01-15").totals[0].units, 3_000_000);
        network.approve("a 1 4 2026-01-20 10\nb 1 4 2026-02-03 5\no 1 1 2026-01-20 1");
        network.ingest(vec![network.record("h", 1, 4, "hold", "2026-01-25", "2")]);
        let left = |report: RunReport| -> Vec<(i64, String)> {
            report.skipped.into_iter().map(|skip| (skip.units, skip.reason)).collect()
        };
        let preview = |network: &Network, through: &str| {
            let report = network.engine.preview(&network.call, &RunRequest::payable_through(day(through))).unwrap();
            (report.totals.iter().map(|total| total.units).sum::<i64>(), left(report))
        };
        let set = |network: &Network, days: i64, apply: bool| {
            let report = network.engine.set_hold_days(&network.call, 4, days, apply).unwrap();
            network.assert_verified();
            report.applied.map(|applied| (applied.changed, applied.billed))
        };
        // They count for what comes later: nothing of what is there waits longer.
        assert_eq!(set(&network, 30, false), None);
        assert_eq!(preview(&network, "2026-02-05").0, 11_000_000);
        network.approve("l 2 4 2026-01-20 7");
        assert_eq!(preview(&network, "2026-02-05").0, 11_000_000);
        assert_eq!(set(&network, 30, true), Some((3, 0)), "a, b and h; l waits for 30 days already");
        assert_eq!(set(&network, 30, true), Some((0, 0)), "again, nothing is left to do");
        assert_eq!(preview(&network, "2026-02-05").0, 1_000_000);
        assert_eq!(network.engine.release_holds(&network.call).unwrap(), 0, "h waits until 24 February");
        network.at("2026-02-19");
        assert_eq!(bill(&network, "2026-02-19").totals[0].units, 18_000_000, "a, o and l");
        network.assert_verified();
        // What a void invoice gives back is unbilled like everything else.
        network.engine.void(&network.call, InvoiceId::new(2), None, VoidReason::Other, "").unwrap();
        assert_eq!(set(&network, 60, true), Some((3, 0)), "a, b and h; l is billed");
        assert_eq!(preview(&network, "2026-02-19").0, 1_000_000);
        assert_eq!(set(&network, 0, true), Some((3, 0)));
        assert_eq!(bill(&network, "2026-02-19").totals[0].units, 16_000_000, "a, b and o");
        assert_eq!(set(&network, 5, true).unwrap().0, 1, "h alone: all else is billed");
        network.at("2026-06-01");
        assert_eq!(network.engine.release_holds(&network.call).unwrap(), 1);
        assert_eq!(bill(&network, "2026-05-31").totals[0].units, 2_000_000);
        network.assert_verified();
    }

    fn hold_days_move_nothing_that_one_side_has_billed_and_wait_for_a_run(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-05");
        let brings = |id: &str, on: &str| ConversionRecord {
            revenue: Some("20".into()),
            ..network.record(id, 1, 4, "approved", on, "10")
        };
        network.ingest(vec![brings("a", "2026-01-10"), brings("b", "2026-02-03")]);
        let receivable = RunRequest::receivable_through(day("2026-01-31"));
        assert_eq!(network.engine.bill(&network.call, &receivable, &mut |_| {}).unwrap().totals[0].units, 20_000_000);
        let store = network.engine.store();
        store.run_sql("UPDATE runs SET status = 'running'").unwrap();
        let refused = network.engine.set_hold_days(&network.call, 4, 3, true).unwrap_err();
        assert!(refused.to_string().contains("billing run 1 is under way"), "{refused}");
        store.run_sql("UPDATE runs SET status = 'done'").unwrap();
        let applied = network.engine.set_hold_days(&network.call, 4, 3, true).unwrap().applied.unwrap();
        assert_eq!((applied.changed, applied.billed), (1, 1));
        network.assert_verified();
        assert!(network.engine.set_hold_days(&network.call, 4, -1, true).is_err());
        assert!(network.engine.set_hold_days(&network.call, 99, 1, true).is_err());
        network.at("2026-02-06");
        assert_eq!(bill(&network, "2026-02-06").totals[0].units, 20_000_000);
        let receivable = RunRequest::receivable_through(day("2026-02-06"));
        assert_eq!(network.engine.bill(&network.call, &receivable, &mut |_| {}).unwrap().totals[0].units, 20_000_000);
        network.assert_verified();
    }
}
