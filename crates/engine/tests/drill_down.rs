//! The conversions of an invoice, page by page, where one offer and day has very many of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::{ConversionQuery, TakeOffRequest};
use quittance_testkit::{Network, both_databases, day};

const CONVERSIONS: usize = 2_500;

fn bill(network: &Network) {
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
}

/// All ids on an invoice, read in pages; none may come twice.
fn ids(network: &Network, invoice: i64, limit: usize) -> BTreeSet<String> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let query = ConversionQuery { line_no: None, after, limit };
        let page = network.engine.invoice_conversions(&network.call, InvoiceId::new(invoice), &query).unwrap();
        assert!(page.conversions.len() <= limit);
        for entry in page.conversions {
            assert!(ids.insert(entry.conversion_id.clone()), "{} came twice", entry.conversion_id);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

both_databases! {
    fn a_bucket_of_many_conversions_is_paged_to_its_last(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |i| network.record(&format!("c{i:04}"), 1, 1, "approved", "2026-01-10", "0.01");
        network.ingest((0..CONVERSIONS).map(record).collect());
        bill(&network);
        let mut expected: BTreeSet<String> = (0..CONVERSIONS).map(|i| format!("c{i:04}")).collect();
        for limit in [700, 1_000, 5_000] {
            assert_eq!(ids(&network, 1, limit), expected);
        }
        let request = TakeOffRequest::Conversions(vec!["c0999".into(), "c1700".into()]);
        network.engine.take_off(&network.call, InvoiceId::new(1), None, &request).unwrap();
        expected.remove("c0999");
        expected.remove("c1700");
        assert_eq!(ids(&network, 1, 700), expected);
        let (reason, text) = (VoidReason::Other, "on purpose");
        network.engine.void(&network.call, InvoiceId::new(1), None, reason, text).unwrap();
        bill(&network);
        expected.extend(["c0999".into(), "c1700".into()]);
        assert_eq!(ids(&network, 2, 700), expected);
        network.assert_verified();
    }
}
