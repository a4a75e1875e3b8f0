//! Records in: the rules of identity and revision by example, every bad input, formats and compression.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};

use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_engine::billing::{Parties, RunRequest};
use quittance_engine::ingest::{ConversionEdit, ImportEvent, ImportOptions, ImportOutcome, IngestCounts};
use quittance_engine::invoices::AccrualFilter;
use quittance_engine::records::Field;
use quittance_testkit::{Network, both_databases};

const HEADER: &str = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n";

fn import_with(network: &Network, text: &[u8], options: &ImportOptions) -> (ImportOutcome, Vec<String>, Vec<String>) {
    let (mut reasons, mut unknown) = (Vec::new(), Vec::new());
    let outcome = network.engine.import(&network.call, Cursor::new(text.to_vec()), options, &mut |event| match event {
        ImportEvent::Rejected { rejection, .. } => {
            reasons.push(format!("{}: {}", rejection.position, rejection.detail))
        }
        ImportEvent::UnknownColumns(columns) => {
            unknown.extend(columns.into_iter().map(|(name, near)| format!("{name}>{}", near.unwrap_or(""))));
        }
        ImportEvent::Header(_) | ImportEvent::Progress(_) => {}
    });
    (outcome, reasons, unknown)
}

fn import(network: &Network, text: &str) -> (IngestCounts, Vec<String>) {
    let (outcome, reasons, _) = import_with(network, text.as_bytes(), &ImportOptions::default());
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    (outcome.counts, reasons)
}

fn failure(network: &Network, text: &[u8]) -> (IngestCounts, String) {
    let (outcome, _, _) = import_with(network, text, &ImportOptions::default());
    (outcome.counts, outcome.failure.expect("a failure").to_string())
}

/// Party, day of January 2026, offer, units and count of everything accrued.
fn accrued(network: &Network, kind: InvoiceKind) -> Vec<(i64, i32, i64, i64, i64)> {
    let filter = AccrualFilter { kind, party_id: None, from: Day::MIN, through: Day::MAX };
    let rows = network.engine.accruals(&network.call, &filter, None, 100).unwrap();
    let rows = rows.iter().filter(|row| (row.units, row.conversions) != (0, 0));
    rows.map(|r| (r.party_id, r.posting_day.number() - 20_453, r.offer_id, r.units, r.conversions)).collect()
}

/// Sets what the offer 1 pays and brings.
fn shares(network: &Network, payout: &str, revenue: &str) {
    let file = serde_json::json!({ "offers": [{ "id": 1, "payout": payout, "revenue": revenue }] });
    network.engine.import_network(network.call.now, Some("test"), &file).unwrap().expect("a file without problems");
}

/// Imports rows of conversion, affiliate, offer, status, instant, sale amount, payout and its currency.
fn sales(network: &Network, rows: &[&str]) -> (IngestCounts, Vec<String>) {
    let header = "conversion_id,affiliate_id,offer_id,status,occurred_at,sale_amount,payout,payout_currency";
    import(network, &format!("{header}\n{}\n", rows.join("\n")))
}

/// What a conversion pays and brings.
fn owed(network: &Network, id: &str) -> (String, String) {
    let state = network.engine.conversions_by_ids(&network.call, &[id]).unwrap().remove(0);
    (state.known.conversion.payout.to_decimal(), state.known.conversion.revenue.to_decimal())
}

/// Bills the affiliate 1 and the advertiser 1 up to a day, whatever that comes to: the two totals.
fn bill_both(network: &Network, through: &str) -> [String; 2] {
    let through = Day::parse(through).unwrap();
    [RunRequest::payable_through(through), RunRequest::receivable_through(through)].map(|request| {
        let request = RunRequest { parties: Parties::Only(vec![1]), unbound: true, ..request };
        let total = network.engine.bill(&network.call, &request, &mut |_| {}).unwrap().totals[0].clone();
        Money::new(total.units, total.currency).to_decimal()
    })
}

/// An input that goes on only when its first part is in the books and something was done then.
struct Interrupted<F> {
    first: Cursor<Vec<u8>>,
    then: Option<F>,
    second: Cursor<Vec<u8>>,
}

impl<F: FnOnce()> Read for Interrupted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.first.read(buffer)?;
        if count > 0 {
            return Ok(count);
        }
        if let Some(then) = self.then.take() {
            then();
        }
        self.second.read(buffer)
    }
}

both_databases! {
    /// The affiliate moves over while an import goes on that knows it already: from then on the change holds.
    fn a_party_that_changes_during_an_import_is_seen_as_it_is(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let lines = |name: &'static str, count: usize, day: &'static str| {
            (0..count).map(move |i| format!("{name}{i},1,1,approved,{day} 12:00:00,0.01\n")).collect::<String>()
        };
        let first = Cursor::new((HEADER.to_owned() + &lines("a", 60_000, "2026-01-05")).into_bytes());
        let second = Cursor::new(lines("b", 10, "2026-01-02").into_bytes());
        let then = || {
            let end = std::time::Instant::now() + std::time::Duration::from_secs(120);
            while accrued(&network, InvoiceKind::Payable).is_empty() {
                assert!(std::time::Instant::now() < end, "the first batch did not come");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            network.set_party(PartyKind::Affiliate, r#"{"id":1,"billed_elsewhere_through":"2026-01-04"}"#);
        };
        let input = Interrupted { first, then: Some(then), second };
        let outcome = network.engine.import(&network.call, input, &ImportOptions::default(), &mut |_| {});
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        assert_eq!(outcome.counts.created, 60_010);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 600_000_000, 60_000)]);
        network.assert_verified();
    }

    fn what_is_known_is_found_after_batches_of_new_conversions(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        // More than a batch of new ones, so that the next is tried without a look; then known ones among new ones.
        let line = |i: usize, status: &str| format!("c{i},{},1,{status},2026-01-05 12:00:00,0.01\n", i % 4 + 1);
        let mut text = HEADER.to_owned();
        text.extend((0..52_000).map(|i| line(i, "approved")));
        text.extend((51_500..52_500).map(|i| line(i, "rejected")));
        let (counts, reasons) = import(&network, &text);
        assert_eq!((counts.created, counts.updated, counts.unchanged, reasons.len()), (52_500, 500, 0, 0));
        let (counts, _) = import(&network, &text);
        // Each of the 500 goes back to approved, and to rejected again.
        assert_eq!((counts.created, counts.updated, counts.unchanged), (0, 1_000, 52_000));
        let conversions: i64 = accrued(&network, InvoiceKind::Payable).iter().map(|row| row.4).sum();
        assert_eq!(conversions, 51_500);
        network.assert_verified();
    }

    fn a_record_is_compared_with_the_last_one_received(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let file = format!("{HEADER}c1,1,1,approved,2026-01-05 10:00:00,2.50\nc2,1,2,pending,2026-01-06 10:00:00,1\n");
        assert_eq!(import(&network, &file).0, IngestCounts { created: 2, ..IngestCounts::default() });
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 2_500_000, 1)]);
        assert_eq!(import(&network, &file).0, IngestCounts { unchanged: 2, ..IngestCounts::default() });
        let news = format!("{HEADER}c2,1,2,approved,2026-01-06 10:00:00,1\nc1,2,1,approved,2026-01-07 10:00:00,3\n");
        assert_eq!(import(&network, &news).0, IngestCounts { updated: 2, ..IngestCounts::default() });
        let expected = [(1, 6, 2, 1_000_000, 1), (2, 7, 1, 3_000_000, 1)];
        assert_eq!(accrued(&network, InvoiceKind::Payable), expected);
        // Several revisions in one file, and then the file once more: the last one wins each time.
        let several = format!("{HEADER}c2,1,2,rejected,2026-01-06 10:00:00,1\nc2,1,2,approved,2026-01-06 10:00:00,7\n");
        assert_eq!(import(&network, &several).0.updated, 2);
        assert_eq!(import(&network, &several).0.updated, 2);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 6, 2, 7_000_000, 1), (2, 7, 1, 3_000_000, 1)]);
        network.assert_verified();
    }

    fn an_older_update_is_stale_and_a_newer_one_alone_changes_nothing(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |payout: &str, updated: &str| {
            format!("{},updated_at\nc1,1,1,approved,2026-01-05 10:00:00,{payout},{updated}\n", HEADER.trim_end())
        };
        assert_eq!(import(&network, &record("2", "2026-01-10T00:00:00Z")).0.created, 1);
        assert_eq!(import(&network, &record("2", "2026-01-20T00:00:00Z")).0.unchanged, 1);
        assert_eq!(import(&network, &record("3", "2026-01-15T00:00:00Z")).0.stale, 1);
        assert_eq!(import(&network, &record("3", "2026-01-21T00:00:00Z")).0.updated, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 3_000_000, 1)]);
    }

    fn a_status_alone_changes_the_status_alone(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        import(&network, &format!("{HEADER}c1,1,4,pending,2026-01-05 10:00:00,2\n"));
        let (counts, reasons) = import(&network, "conversion_id,status\nc1,approved\nc9,approved\n");
        assert_eq!((counts.updated, counts.rejected), (1, 1));
        assert!(reasons[0].contains("there is no conversion \"c9\""), "{reasons:?}");
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 4, 2_000_000, 1)]);
        network.assert_verified();
    }

    fn revenue_accrues_to_the_offers_advertiser(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let head = HEADER.trim_end();
        import(&network, &format!("{head},revenue\nc1,1,1,approved,2026-01-05 10:00:00,2,4.5\nc2,1,1,approved,2026-01-05 10:00:00,2,\n"));
        assert_eq!(accrued(&network, InvoiceKind::Receivable), [(1, 5, 1, 4_500_000, 1)]);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 4_000_000, 2)]);
        network.assert_verified();
    }

    /// Of 100.00 are 10.00 and 12.00; of 60.00 6.00 and 7.20; of 50.00 5.00 and 6.00. The second invoice bills
    /// 5.00 - 4.00, the advertiser's 6.00 - 4.80 - 4.80.
    fn a_share_of_a_sale_follows_what_is_refunded_of_it(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        shares(&network, "10 %", "12 %");
        sales(&network, &["S1,1,1,approved,2026-01-05T08:00:00Z,100.00,,", "S2,1,1,approved,2026-01-05T08:00:00Z,100.00,9.00,"]);
        assert_eq!(bill_both(&network, "2026-01-31"), ["19.00", "24.00"]);
        // What the offer pays by now is not what it paid.
        shares(&network, "50 %", "3.00");
        let (counts, reasons) = sales(&network, &["S1,,,,,60.00,,", "S2,,,,,60,,"]);
        assert_eq!((counts.updated, reasons), (2, Vec::new()));
        assert_eq!(owed(&network, "S1"), ("6.00".to_owned(), "7.20".to_owned()));
        assert_eq!(owed(&network, "S2"), ("9.00".to_owned(), "7.20".to_owned()), "a payout that was given stays");
        shares(&network, "10 %", "12 %");
        sales(&network, &["S3,1,1,approved,2026-02-01T08:00:00Z,50.00,,"]);
        network.at("2026-03-01");
        assert_eq!(bill_both(&network, "2026-02-28"), ["1.00", "-3.60"]);
        // The same again says nothing new; nor does what the share comes to, which an export of ours repeats.
        assert_eq!(sales(&network, &["S1,,,,,60.00,6.00,", "S3,,,,,50.00,,"]).0.unchanged, 2);
        sales(&network, &["S1,,,,,0,,"]);
        assert_eq!(owed(&network, "S1"), ("0.00".to_owned(), "0.00".to_owned()));
        network.assert_verified();
    }

    fn a_share_is_of_the_sales_currency_and_ends_where_an_amount_is_given(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        shares(&network, "10 %", "2.00");
        let (counts, reasons) =
            sales(&network, &["a,1,1,approved,2026-01-05T08:00:00Z,100.00,,", "b,1,2,approved,2026-01-05T08:00:00Z,1,,"]);
        assert_eq!((counts.created, reasons), (1, vec!["3: payout is missing".to_owned()]));
        sales(&network, &["a,,,,,,,EUR"]);
        let state = network.engine.conversions_by_ids(&network.call, &["a"]).unwrap().remove(0);
        assert_eq!(state.known.conversion.payout.currency().code(), "EUR");
        assert_eq!(owed(&network, "a"), ("10.00".to_owned(), "2.00".to_owned()));
        let (_, reasons) = sales(&network, &["a,,,,,much,,"]);
        assert!(reasons[0].contains("sale_amount: "), "{reasons:?}");
        sales(&network, &["a,,,,,,8,"]);
        sales(&network, &["a,,,,,60,,"]);
        assert_eq!(owed(&network, "a"), ("8.00".to_owned(), "2.00".to_owned()));
        network.assert_verified();
    }

    fn a_share_follows_what_is_edited_here_and_what_was_received_comes_back_with_its_share(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        shares(&network, "10 %", "12 %");
        sales(&network, &["a,1,1,approved,2026-01-05T08:00:00Z,100.00,,"]);
        let edit = |edit: ConversionEdit| network.engine.edit_conversions(&network.call, &[("a".to_owned(), edit)]);
        let sale = |text: &str| ConversionEdit { sale_amount: Some(text.to_owned()), ..ConversionEdit::default() };
        let pay = |text: &str| ConversionEdit { payout: Some(text.to_owned()), ..ConversionEdit::default() };
        edit(sale("60")).unwrap();
        assert_eq!(owed(&network, "a"), ("6.00".to_owned(), "7.20".to_owned()));
        edit(pay("7")).unwrap();
        edit(sale("50")).unwrap();
        assert_eq!(owed(&network, "a"), ("7.00".to_owned(), "6.00".to_owned()), "what was set here is not a share");
        let refused = edit(sale("")).unwrap_err().to_string();
        assert!(refused.contains("sale_amount: revenue is 12 % of it"), "{refused}");
        // Both at once: the payout that is given counts, the revenue follows.
        edit(ConversionEdit { payout: Some("3".to_owned()), ..sale("40") }).unwrap();
        assert_eq!(owed(&network, "a"), ("3.00".to_owned(), "4.80".to_owned()));
        // What was received last is the share of 100.00: saying that again changes nothing, another sale puts it in force.
        let (counts, _) = sales(&network, &["a,,,,,100.00,,"]);
        assert_eq!(counts.unchanged, 1);
        sales(&network, &["a,,,,,90.00,,"]);
        assert_eq!(owed(&network, "a"), ("9.00".to_owned(), "10.80".to_owned()));
        network.assert_verified();
    }

    fn bad_records_are_named_and_good_ones_kept(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let cases = [
            ("x1,1,1,approved,2026-01-05 10:00:00,1.0000001", "payout"),
            ("x2,1,1,approved,2026-01-05 10:00:00,1e3", "1e3"),
            ("x3,1,1,approved,2026-01-05 10:00:00,NaN", "NaN"),
            ("x4,1,1,approved,2026-01-05 10:00:00,99999999999999999999", "payout"),
            ("x5,1,1,approved,2026-01-05 10:00:00,1000000001", "largest amount"),
            ("x6,1,1,approved,2026-02-30 10:00:00,1", "2026-02-30"),
            ("x7,1,1,paid,2026-01-05 10:00:00,1", "\"paid\""),
            ("x8,77,1,approved,2026-01-05 10:00:00,1", "no affiliate 77"),
            ("x9,1,77,approved,2026-01-05 10:00:00,1", "no offer 77"),
            (",1,1,approved,2026-01-05 10:00:00,1", "conversion_id is missing"),
            ("x10,1,1,approved,2026-01-05 10:00:00", "5 cells"),
            ("x11,0,1,approved,2026-01-05 10:00:00,1", "affiliate_id"),
            ("x12,1,1,approved,2026-01-05 10:00:00,", "payout is missing"),
        ];
        let long = format!("{},1,1,approved,2026-01-05 10:00:00,1", "y".repeat(65));
        let mut file = String::from(HEADER);
        for (row, _) in cases {
            file += row;
            file += "\n";
        }
        file += &format!("{long}\ngood,1,1,approved,2026-01-05 10:00:00,1\n");
        let (counts, mut reasons) = import(&network, &file);
        assert_eq!((counts.created, counts.rejected), (1, cases.len() as u64 + 1));
        reasons.sort_by_key(|reason| reason.split(':').next().unwrap().parse::<u64>().unwrap());
        for (reason, (line, (_, word))) in reasons.iter().zip((2..).zip(cases)) {
            assert!(reason.starts_with(&format!("{line}: ")) && reason.contains(word), "{reason} does not name {word}");
        }
        assert!(reasons.last().unwrap().contains("65 characters, 64 are allowed"));
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 1_000_000, 1)]);
    }

    fn what_cannot_be_read_at_all_says_where(database) {
        let network = Network::create(database.engine());
        assert!(failure(&network, b"").1.contains("empty"));
        assert!(failure(&network, b" \n\n").1.contains("empty"));
        let (_, text) = failure(&network, b"conversion_id,afiliate_id,offer_id,status,occurred_at\n");
        assert!(text.contains("no column affiliate_id") && text.contains("afiliate_id"), "{text}");
        let (_, text) = failure(&network, b"conversion_id,status,status\nx,approved,approved\n");
        assert!(text.contains("status"), "{text}");
        let mut bytes = HEADER.as_bytes().to_vec();
        bytes.extend(b"u\xff,1,1,approved,2026-01-05 10:00:00,1\n");
        let (outcome, reasons, _) = import_with(&network, &bytes, &ImportOptions::default());
        assert_eq!(outcome.counts.rejected, 1);
        assert!(reasons[0].contains("conversion_id") && reasons[0].contains("not UTF-8"), "{reasons:?}");
    }

    fn a_truncated_gzip_keeps_what_came_before(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let mut text = String::from(HEADER);
        for i in 0..5000 {
            text += &format!("g{i},1,1,approved,2026-01-05 10:00:{:02},{}.{:02}\n", i % 60, i * 7919 % 97, i % 100);
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let whole = gzip.finish().unwrap();
        let (counts, reason) = failure(&network, &whole[..whole.len() / 2]);
        assert!(counts.created > 0 && counts.created < 5000, "{counts:?}");
        assert!(reason.contains("cannot be read"), "{reason}");
        let (outcome, _, _) = import_with(&network, &whole, &ImportOptions::default());
        assert_eq!(outcome.counts.created + outcome.counts.unchanged, 5000);
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        let (outcome, _, _) = import_with(&network, &zstd, &ImportOptions::default());
        assert_eq!(outcome.counts.unchanged, 5000);
        network.assert_verified();
    }

    fn every_format_says_the_same(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let object = r#"{"conversion_id": "j1", "affiliate_id": 1, "offer_id": "1", "status": "1", "occurred_at": 1767607200, "payout": 0.10}"#;
        assert_eq!(import(&network, &format!("{object}\n\n{object}\n")).0.total(), 2);
        assert_eq!(import(&network, &format!("[{object}, {object}]")).0.unchanged, 2);
        let csv = "id,affiliate_id,offer_id,status,occurred_at,payout,colour\nj1,1,1,confirmed,2026-01-05T10:00:00Z,0.1,red\n";
        let options = ImportOptions { renamed: vec![("id".into(), Field::ConversionId)], ..ImportOptions::default() };
        let (outcome, _, unknown) = import_with(&network, csv.as_bytes(), &options);
        assert_eq!((outcome.counts.unchanged, unknown), (1, vec!["colour>".to_owned()]));
        let (counts, reasons) = import(&network, "{\"conversion_id\": \"j2\", \"status\": true}\n{\"conversion_id\":\n");
        assert_eq!(counts.rejected, 2);
        assert!(reasons[0].contains("status: \"true\"") && reasons[1].contains("no JSON object"), "{reasons:?}");
    }

    fn local_times_around_a_change_of_clocks_take_the_offset_before_it(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-12-01");
        network.engine.set_network(&network.call, &[("time_zone", "America/New_York")]).unwrap();
        // 02:30 on 8 March is skipped, 01:30 on 1 November comes twice.
        import(&network, &format!("{HEADER}d1,1,1,approved,2026-03-08 02:30:00,1\nd2,1,1,approved,2026-11-01 01:30:00,1\n"));
        let at = |id: &str| network.engine.conversion(&network.call, id).unwrap().known.conversion.occurred_at.to_string();
        assert_eq!((at("d1"), at("d2")), ("2026-03-08T07:30:00Z".to_owned(), "2026-11-01T05:30:00Z".to_owned()));
    }

    fn unknown_affiliates_and_offers_are_created_where_that_is_asked_for(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let options = ImportOptions { create_missing: Some(true), ..ImportOptions::default() };
        let file = format!("{HEADER}n1,900,800,approved,2026-01-05 10:00:00,1\n");
        let (outcome, _, _) = import_with(&network, file.as_bytes(), &options);
        assert_eq!(outcome.counts.created, 1);
        network.assert_verified();
    }
}
