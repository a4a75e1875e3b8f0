//! Records in: the rules of identity and revision by example, every bad input, formats and compression.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read, Write};

use quittance_domain::conversion::{ConversionRecord, ConversionStatus, GOAL};
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_engine::billing::{Parties, RunRequest};
use quittance_engine::events::{EventQuery, EventType};
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
        ImportEvent::Header(_) | ImportEvent::Progress(_) | ImportEvent::SaidBefore(_) => {}
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
        let total = network.engine.bill(&network.call, &request, &mut |_| {}).unwrap().totals[0];
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
        // The first rows of the 500 say what was said before: they put nothing back.
        assert_eq!((counts.created, counts.updated, counts.stale, counts.unchanged), (0, 0, 500, 52_500));
        let conversions: i64 = accrued(&network, InvoiceKind::Payable).iter().map(|row| row.4).sum();
        assert_eq!(conversions, 51_500);
        network.assert_verified();
    }

    /// After batches of only new conversions the next is tried without a look: a row that names only a status is refused then
    /// at first, with nothing that would break a key, and is taken after a look.
    fn a_reversal_of_the_status_alone_is_found_after_batches_of_new_conversions(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        assert_eq!(import(&network, &format!("{HEADER}old,1,1,approved,2026-01-05 10:00:00,25\n")).0.created, 1);
        let mut text = HEADER.to_owned();
        text.extend((0..60_000).map(|i| format!("c{i},{},1,pending,2026-01-05 12:00:00,0.01\n", i % 5 + 1)));
        text.push_str("old,,,rejected,,\nnone,,,rejected,,\n");
        let (counts, reasons) = import(&network, &text);
        assert_eq!((counts.created, counts.updated, counts.rejected), (60_000, 1, 1), "{reasons:?}");
        assert!(reasons[0].contains("there is no conversion \"none\""), "{reasons:?}");
        assert_eq!(accrued(&network, InvoiceKind::Payable), []);
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
        assert_eq!(import(&network, &news).0, IngestCounts { updated: 2, moved: 1, ..IngestCounts::default() });
        let expected = [(1, 6, 2, 1_000_000, 1), (2, 7, 1, 3_000_000, 1)];
        assert_eq!(accrued(&network, InvoiceKind::Payable), expected);
        // Several revisions in one file: the last one wins. The file once more puts nothing back.
        let several = format!("{HEADER}c2,1,2,rejected,2026-01-06 10:00:00,1\nc2,1,2,approved,2026-01-06 10:00:00,7\n");
        assert_eq!(import(&network, &several).0.updated, 2);
        let again = IngestCounts { stale: 1, unchanged: 1, ..IngestCounts::default() };
        assert_eq!(import(&network, &several).0, again);
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
        let object = r#"{"conversion_id": "j1", "affiliate_id": 1, "offer_id": "1", "status": "CONFIRMED", "occurred_at": 1767607200, "payout": 0.10}"#;
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

    /// 4.00 and 6.00 under one id, and 3.00: the second row is refused, 7.00 are owed. Before, it was a revision (9.00), and the file
    /// brought two of them each time.
    fn two_rows_of_one_id_that_differ_are_two_conversions(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let line = |id: &str, offer: i64, payout: i64| format!("{id},1,{offer},approved,2026-01-05 10:00:00,{payout}\n");
        let file = format!("{HEADER}{}{}{}", line("5001", 1, 4), line("5001", 2, 6), line("5002", 1, 3));
        let refused = "3: offer_id: line 2 is of \"5001\", too, and its offer_id is 1, not 2";
        for (text, created, unchanged) in
            [(file.clone(), 2, 0), (file.clone(), 0, 2), (format!("{file}{}", line("5003", 1, 0)), 1, 2)]
        {
            let (counts, reasons) = import(&network, &text);
            assert_eq!((counts.created, counts.unchanged, counts.rejected), (created, unchanged, 1), "{reasons:?}");
            assert!(reasons[0].starts_with(refused) && reasons[0].contains("--id conversion_id+offer_id"), "{reasons:?}");
        }
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 7_000_000, 3)]);
        network.assert_verified();
    }

    /// The second row comes batches after the first one, which says what is known the second time: nothing is written of it.
    fn the_second_row_of_an_id_is_found_wherever_it_is(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let line = |id: &str, affiliate: usize, offer: i64| format!("{id},{affiliate},{offer},approved,2026-01-05 10:00:00,1\n");
        let many: String = (0..30_000).map(|i| line(&format!("c{i}"), i % 5 + 1, 3)).collect();
        let (twice, more) = (line("twice", 1, 1), line("twice", 2, 1));
        for (end, created) in [("", 30_001), ("\n", 0)] {
            let (counts, reasons) = import(&network, &format!("{HEADER}{twice}{many}{more}{end}"));
            assert_eq!((counts.created, counts.updated, counts.rejected), (created, 0, 1), "{reasons:?}");
            assert!(reasons[0].starts_with("30003: affiliate_id: line 2 is of \"twice\""), "{reasons:?}");
        }
    }

    fn what_a_second_row_may_say(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let header = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,goal,updated_at\n";
        let first = "1,1,approved,2026-01-05 10:00:00,4,a,";
        for (i, (second, field)) in [
            ("2,1,approved,2026-01-05 10:00:00,4,a,", "affiliate_id"),
            ("1,2,approved,2026-01-05 10:00:00,4,a,", "offer_id"),
            ("1,1,approved,2026-01-05 10:00:01,4,a,", "occurred_at"),
            // A counter-entry is no revision.
            ("1,1,approved,2026-01-05 10:00:00,-4,a,", "payout"),
            ("1,1,approved,2026-01-05 10:00:00,4,b,", "goal"),
            // How it stands, and how much it is worth, may come later in a file.
            ("1,1,rejected,2026-01-05 10:00:00,5,a,", ""),
            (",,rejected,,,,", ""),
        ]
        .into_iter()
        .enumerate()
        {
            let (counts, reasons) = import(&network, &format!("{header}x{i},{first}\nx{i},{second}\n"));
            let expected = if field.is_empty() { (1, 1, 0) } else { (1, 0, 1) };
            assert_eq!((counts.created, counts.updated, counts.rejected), expected, "{second}: {reasons:?}");
            assert!(field.is_empty() || reasons[0].starts_with(&format!("3: {field}: ")), "{reasons:?}");
            // Both say when they were changed: the newer one holds.
            let (counts, reasons) =
                import(&network, &format!("{header}y{i},{first}2026-01-06 10:00:00\ny{i},{second}2026-01-07 10:00:00\n"));
            assert_eq!((counts.created, counts.updated), (1, 1), "{second}: {reasons:?}");
            // The import says that the last one holds.
            let options = ImportOptions { revisions: true, ..ImportOptions::default() };
            let text = format!("{header}z{i},{first}\nz{i},{second}\n");
            let (outcome, reasons, _) = import_with(&network, text.as_bytes(), &options);
            assert_eq!((outcome.counts.created, outcome.counts.updated), (1, 1), "{second}: {reasons:?}");
            assert_eq!(outcome.counts.moved, u64::from(matches!(field, "affiliate_id" | "offer_id")));
        }
        network.assert_verified();
    }

    /// 4.00, 6.00 and 3.00 under three ids: 13.00.
    fn ids_are_made_of_columns(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let options = ImportOptions { id: vec!["conversion_id".into(), "offer_id".into()], ..ImportOptions::default() };
        let line = |id: &str, offer: &str, payout: i64| format!("{id},1,{offer},approved,2026-01-05 10:00:00,{payout}\n");
        let file = format!("{HEADER}{}{}{}", line("5001", "1", 4), line("5001", "2", 6), line("5002", "01", 3));
        let (outcome, reasons, _) = import_with(&network, file.as_bytes(), &options);
        assert_eq!((outcome.counts.created, reasons.len()), (3, 0), "{reasons:?}");
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 7_000_000, 2), (1, 5, 2, 6_000_000, 1)]);
        let ids = ["5001~1", "5001~2", "5002~1"];
        assert_eq!(network.engine.conversions_by_ids(&network.call, &ids).unwrap().len(), 3);
        // As JSON, under the ids that they have by now, and with a part that no field claims.
        let json = r#"{"offer_id":2,"conversion_id":"5001","affiliate_id":1,"status":"approved","occurred_at":"2026-01-05 10:00:00","payout":6}"#;
        let listed = format!("{HEADER}{}{}", line("5001~2", "2", 6), line("5002~1", "1", 3));
        for text in [json, &listed] {
            let (outcome, reasons, unknown) = import_with(&network, text.as_bytes(), &options);
            assert_eq!((outcome.counts.unchanged, outcome.counts.total()), (outcome.counts.total(), outcome.counts.total()));
            assert_eq!((reasons.len(), unknown.len()), (0, 0), "{reasons:?} {unknown:?}");
        }
        let options = ImportOptions { id: vec!["order".into(), "row".into()], ..ImportOptions::default() };
        let text = "order,row,affiliate_id,offer_id,status,occurred_at,payout\no1,1,1,1,pending,2026-01-05 10:00:00,1\no1,,1,1,pending,2026-01-05 10:00:00,1\n\
                    o~1,2,1,1,pending,2026-01-05 10:00:00,1\n";
        let (outcome, reasons, unknown) = import_with(&network, text.as_bytes(), &options);
        assert_eq!((outcome.counts.created, unknown.len()), (1, 0), "{reasons:?} {unknown:?}");
        assert_eq!(
            reasons,
            ["3: conversion_id: row is empty, and is a part of the id",
             "4: conversion_id: order is \"o~1\": it holds ~, which stands between the parts of an id, so that it could not be \
              told from another one"]
        );
        let missing = ImportOptions { id: vec!["conversion_id".into(), "basket".into()], ..ImportOptions::default() };
        let (outcome, _, _) = import_with(&network, file.as_bytes(), &missing);
        assert!(outcome.failure.unwrap().to_string().contains("\"basket\" of --id is not in the header"));
        network.assert_verified();
    }

    /// T9 brings 5.00 for a deposit and 20.00 for a sale: 25.00, where the goal is a part of the ids.
    fn a_network_makes_its_ids_of_two_parts(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let goal = |id: &str, goal: &str, payout: &str| {
            let mut record = network.record(id, 1, 1, "approved", "2026-01-05", payout);
            record.texts[GOAL] = Some(goal).filter(|goal| !goal.is_empty()).map(Into::into);
            record
        };
        let status = |id: &str, word: &str| ConversionRecord {
            conversion_id: id.into(),
            status: ConversionStatus::parse(word),
            ..ConversionRecord::default()
        };
        network.engine.set_network(&network.call, &[("conversion_key", "id+goal")]).unwrap();
        // In one batch and in several, with the lists' own ids, too.
        assert_eq!(network.ingest(vec![goal("T9", "deposit", "5"), goal("T9", "sale", "20")]).counts.created, 2);
        assert_eq!(network.ingest(vec![goal("T9~sale", "sale", "20"), goal("T9", "deposit", "5")]).counts.unchanged, 2);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 25_000_000, 2)]);
        assert_eq!(network.ingest(vec![goal("T8", "sale", "1"), goal("T7", "", "2")]).counts.created, 2);
        // The tracker's id alone means the only conversion of it, also within a batch, or after batches of new ones.
        assert_eq!(network.ingest(vec![status("T8", "rejected"), status("T7", "rejected")]).counts.updated, 2);
        assert_eq!(network.ingest(vec![goal("T6", "sale", "1"), status("T6", "rejected")]).counts.updated, 1);
        for (record, field, why) in [
            (status("T9", "rejected"), "conversion_id", "\"T9\" could be any of 2 conversions, T9~deposit, T9~sale"),
            (goal("T8", "", "1"), "goal", "goal is missing: of \"T8\" there is T8~sale"),
            (status("T5", "rejected"), "conversion_id", "there is no conversion \"T5\""),
            (goal("T9~sale", "deposit", "20"), "conversion_id", "this record's is not \"sale\""),
            (goal("T9", "a~b", "20"), "conversion_id", "holds ~"),
        ] {
            let report = network.ingest(vec![record]);
            assert_eq!((report.counts.rejected, report.rejections[0].field), (1, field), "{:?}", report.rejections);
            assert!(report.rejections[0].detail.contains(why), "{:?}", report.rejections);
        }
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 25_000_000, 2)]);
        // A file is an input like any other.
        let header = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,goal\n";
        let rows = "T9,1,1,approved,2026-01-05 08:00:00,5,deposit\nT9,1,1,approved,2026-01-05 08:00:00,20,sale\n\
                    T9,1,1,approved,2026-01-05 08:00:00,3,upsell\n";
        let (counts, reasons) = import(&network, &format!("{header}{rows}"));
        assert_eq!((counts.created, counts.unchanged), (1, 2), "{reasons:?}");
        let late = network.engine.set_network(&network.call, &[("conversion_key", "id")]).unwrap_err();
        assert!(late.to_string().contains("only before the first conversion"), "{late}");
        let both = ImportOptions { id: vec!["conversion_id".into(), "offer_id".into()], ..ImportOptions::default() };
        let (outcome, _, _) = import_with(&network, rows.as_bytes(), &both);
        assert!(outcome.failure.unwrap().to_string().contains("conversion_key = \"id+goal\""));
        network.assert_verified();
    }

    fn another_goal_of_a_known_id_is_refused(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |goal: &str, updated: Option<&str>| {
            let mut record = network.record("T9", 1, 1, "approved", "2026-01-05", "5");
            record.texts[GOAL] = Some(goal.into());
            record.updated_at = updated.map(|at| network.instant(at));
            record
        };
        network.ingest(vec![record("deposit", Some("2026-01-05 00:00:00"))]);
        for updated in [None, Some("2026-01-05 00:00:00")] {
            let report = network.ingest(vec![record("sale", updated)]);
            assert_eq!((report.counts.rejected, report.rejections[0].field), (1, "goal"));
            assert!(report.rejections[0].detail.contains("conversion_key is \"id+goal\""), "{:?}", report.rejections);
        }
        assert_eq!(network.ingest(vec![record("sale", Some("2026-01-04 00:00:00"))]).counts.stale, 1);
        assert_eq!(network.ingest(vec![record("sale", Some("2026-01-06 00:00:00"))]).counts.updated, 1);
    }

    /// Monday's file says F1 is approved, Tuesday's that it is rejected. Monday's once more puts nothing back: 3.00 of F2 are owed.
    fn a_file_that_was_imported_whole_before_puts_nothing_back(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let line = |id: &str, affiliate: i64, status: &str| format!("{id},{affiliate},1,{status},2026-01-05 10:00:00,3\n");
        let monday = format!("{HEADER}{}{}{}", line("F1", 1, "approved"), line("F2", 1, "approved"), line("F3", 9, "approved"));
        let tuesday = format!("{HEADER}{}", line("F1", 1, "rejected"));
        assert_eq!(import(&network, &monday).0.created, 2);
        assert_eq!(import(&network, &tuesday).0.updated, 1);
        // Compressed it is the same; the affiliate that was missing is there by now.
        network.engine.import_network(network.call.now, Some("test"), &serde_json::json!({
            "affiliates": [{"id": 9, "name": "Nine"}]
        })).unwrap().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(monday.as_bytes()).unwrap();
        let (outcome, reasons, _) = import_with(&network, &gzip.finish().unwrap(), &ImportOptions::default());
        let expected = IngestCounts { created: 1, stale: 1, unchanged: 1, ..IngestCounts::default() };
        assert_eq!((outcome.counts, reasons.len()), (expected, 0));
        // A status alone, and more than is kept of a start.
        let alone = "conversion_id,status\nF1,rejected\n";
        assert_eq!(import(&network, alone).0.unchanged, 1);
        let filler: String = (0..3_000).map(|i| line(&format!("filler{i}"), 2, "pending")).collect();
        let long = format!("{HEADER}{}{filler}", line("F1", 1, "approved"));
        let more = format!("{long}{}", line("F4", 1, "pending"));
        assert_eq!((import(&network, &long).0.returned, import(&network, alone).0.stale), (1, 1));
        // It begins like the long one, and is another one.
        assert_eq!(import(&network, &more).0.unchanged, 3_001);
        assert_eq!(import(&network, &tuesday).0.stale, 1);
        let again = ImportOptions { again: true, ..ImportOptions::default() };
        let (outcome, _, _) = import_with(&network, tuesday.as_bytes(), &again);
        assert_eq!((outcome.counts.updated, outcome.counts.returned), (1, 1));
        assert_eq!(import(&network, &long).0.stale, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 3_000_000, 1), (9, 5, 1, 3_000_000, 1)]);
        network.assert_verified();
    }

    fn what_is_rejected_may_be_final(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |status: &str, payout: &str, updated: Option<&str>| ConversionRecord {
            updated_at: updated.map(|at| network.instant(at)),
            ..network.record("F1", 1, 1, status, "2026-01-05", payout)
        };
        let counts = |records: Vec<ConversionRecord>| {
            let counts = network.ingest(records).counts;
            (counts.created, counts.updated, counts.returned, counts.rejected)
        };
        assert_eq!(counts(vec![record("approved", "3", None), record("rejected", "3", None)]), (1, 1, 0, 0));
        // In order of arrival; that it is what it was is counted, within a batch, too. Another payout is new.
        assert_eq!(counts(vec![record("approved", "3", None)]), (0, 1, 1, 0));
        assert_eq!(counts(vec![record("pending", "3", None), record("approved", "3", None)]), (0, 2, 1, 0));
        assert_eq!(counts(vec![record("approved", "4", None)]), (0, 1, 0, 0));
        assert_eq!(counts(vec![record("rejected", "4", None)]), (0, 1, 0, 0));
        network.engine.set_network(&network.call, &[("rejected_is_final", "true")]).unwrap();
        assert_eq!(counts(vec![record("approved", "4", None)]), (0, 0, 0, 1));
        assert_eq!(counts(vec![record("pending", "9", None)]), (0, 0, 0, 1));
        // What is said of it besides, and what says when it was changed, is taken.
        assert_eq!(counts(vec![record("rejected", "9", None)]), (0, 1, 0, 0));
        assert_eq!(counts(vec![record("approved", "9", Some("2026-01-20 00:00:00"))]), (0, 1, 0, 0));
        network.assert_verified();
    }

    fn what_was_moved_and_what_returned_is_told(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let record = |affiliate: i64, offer: i64, status: &str| network.record("m", affiliate, offer, status, "2026-01-05", "3");
        network.ingest(vec![record(1, 1, "approved")]);
        let moved = network.ingest(vec![record(2, 3, "approved")]).counts;
        assert_eq!(moved, IngestCounts { updated: 1, moved: 1, ..IngestCounts::default() });
        let back = network.ingest(vec![record(1, 1, "approved")]).counts;
        assert_eq!(back, IngestCounts { updated: 1, moved: 1, returned: 1, ..IngestCounts::default() });
        let types = vec![EventType::ConversionsMoved, EventType::ConversionsReturned];
        let query = EventQuery { types, limit: 10, ..EventQuery::default() };
        let events = network.engine.events(&network.call, &query).unwrap().events;
        let told: Vec<(&str, &str)> = events.iter().map(|e| (e.event_type.as_str(), e.data.as_str())).collect();
        let data = |from: &str, to: &str| {
            format!(r#"{{"conversions":[{{"conversion_id":"m","from":{from},"to":{to}}}],"moved":1}}"#)
        };
        let (one, two) = (r#"{"affiliate_id":1,"offer_id":1}"#, r#"{"affiliate_id":2,"offer_id":3}"#);
        let returned = r#"{"conversions":[{"conversion_id":"m","from":"approved","to":"approved"}],"returned":1}"#;
        assert_eq!(
            told,
            [
                ("conversions.moved", data(one, two).as_str()),
                ("conversions.moved", data(two, one).as_str()),
                ("conversions.returned", returned),
            ]
        );
        network.assert_verified();
    }
}
