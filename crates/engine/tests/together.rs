//! Batches of several callers in one transaction, and what ingest keeps from one call to the next.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::time::Day;
use quittance_engine::ingest::{IngestCounts, Positioned, TOGETHER_RECORDS_MAX};
use quittance_engine::invoices::AccrualFilter;
use quittance_testkit::{Network, both_databases};

/// A batch of approved conversions of an affiliate on 5 January 2026.
fn batch(network: &Network, ids: &[&str], affiliate: i64, day: &str) -> Vec<Positioned> {
    let record = |id: &&str| network.record(id, affiliate, 1, "approved", day, "2.50");
    ids.iter().map(record).zip(0..).map(|(record, position)| Positioned { position, record }).collect()
}

/// How many conversions are accrued for each affiliate.
fn accrued(network: &Network) -> Vec<(i64, i64)> {
    let filter = AccrualFilter { kind: InvoiceKind::Payable, party_id: None, from: Day::MIN, through: Day::MAX };
    let rows = network.engine.accruals(&network.call, &filter, None, 100).unwrap();
    rows.iter().map(|row| (row.party_id, row.conversions)).collect()
}

both_databases! {
    fn each_caller_hears_of_its_own_records(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let first = batch(&network, &["a1", "a2"], 1, "2026-01-05");
        // One of them is known by then, and one names an affiliate that is not there.
        let mut second = batch(&network, &["a2", "b1"], 1, "2026-01-05");
        second.extend(batch(&network, &["b2"], 999, "2026-01-05"));
        let reports = network.engine.ingest_together(&network.call, &[&first, &second, &[]], None).unwrap();
        let [one, two, none] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((one.counts, one.rejections.len()), (IngestCounts { created: 2, ..IngestCounts::default() }, 0));
        let counts = IngestCounts { created: 1, unchanged: 1, rejected: 1, ..IngestCounts::default() };
        assert_eq!((two.counts, two.rejections.len()), (counts, 1));
        assert!(two.rejections[0].detail.contains("no affiliate 999"), "{:?}", two.rejections);
        assert_eq!(none.counts, IngestCounts::default());
        assert_eq!(accrued(&network), [(1, 3)]);
        network.assert_verified();
    }

    /// The batch before was of new conversions alone, so that this one is tried without a look. What is refused then as the
    /// first of its id, since it leaves something out or has the decimals of another currency, is good of a known one.
    fn what_is_refused_of_a_new_conversion_is_looked_up(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let btc = ConversionRecord {
            payout_currency: Currency::parse("BTC").ok(),
            ..network.record("coin", 2, 1, "approved", "2026-01-05", "0.00000001")
        };
        network.ingest(vec![network.record("plain", 1, 1, "approved", "2026-01-05", "25"), btc]);
        let status = |id: &str| ConversionRecord {
            conversion_id: id.into(),
            status: ConversionStatus::parse("rejected"),
            ..ConversionRecord::default()
        };
        let more = network.record("coin", 2, 1, "approved", "2026-01-05", "0.00000003");
        for (records, counts) in [
            (vec![network.record("new1", 3, 1, "pending", "2026-01-05", "1")], (1, 0, 0)),
            (vec![status("plain"), status("nobody's")], (0, 1, 1)),
            (vec![network.record("new2", 3, 1, "pending", "2026-01-05", "1")], (1, 0, 0)),
            (vec![more], (0, 1, 0)),
        ] {
            let report = network.ingest(records);
            let found = (report.counts.created, report.counts.updated, report.counts.rejected);
            assert_eq!(found, counts, "{:?}", report.rejections);
        }
        // The one of 25.00 is rejected, the other one is worth 0.00000003.
        assert_eq!(accrued(&network).iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [&(2, 1)]);
        network.assert_verified();
    }

    fn too_many_records_together_are_refused_whole(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let ids: Vec<String> = (0..=TOGETHER_RECORDS_MAX).map(|i| format!("c{i}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (most, one) = ids.split_at(TOGETHER_RECORDS_MAX);
        let batches = [batch(&network, most, 1, "2026-01-05"), batch(&network, one, 1, "2026-01-05")];
        let refused = network.engine.ingest_together(&network.call, &[&batches[0], &batches[1]], None);
        assert!(refused.unwrap_err().to_string().contains("at most"));
        assert_eq!(accrued(&network), []);
    }

    /// The affiliate moves over between two calls, by this process and by another one: what the first call has read is not
    /// what the next one goes by.
    fn a_party_that_changes_between_two_calls_is_seen_as_it_is(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let other = network.again(database.engine());
        let ingest = |id: &str, day: &str| {
            let records = batch(&network, &[id], 1, day);
            assert_eq!(network.engine.ingest(&network.call, &records, None).unwrap().counts.created, 1);
        };
        ingest("before", "2026-01-20");
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"billed_elsewhere_through":"2026-01-04"}"#);
        ingest("elsewhere", "2026-01-04");
        other.set_party(PartyKind::Affiliate, r#"{"id":1,"billed_elsewhere_through":"2026-01-10"}"#);
        ingest("elsewhere too", "2026-01-09");
        ingest("after", "2026-01-11");
        let counted: i64 = accrued(&network).iter().map(|row| row.1).sum();
        assert_eq!(counted, 2, "{:?}", accrued(&network));
        network.assert_verified();
    }
}
