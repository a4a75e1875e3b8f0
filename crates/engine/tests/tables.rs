//! Tables as they are found: whatever stands between their columns, however they are encoded, whosever words they use; and
//! ids that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Cursor;

use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Day;
use quittance_engine::billing::RunRequest;
use quittance_engine::ingest::{ImportEvent, ImportOptions, ImportOutcome, IngestCounts};
use quittance_engine::invoices::AccrualFilter;
use quittance_engine::records::{Decimal, Sources};
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

both_databases! {
    fn ids_that_a_spreadsheet_has_shortened_are_refused(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let row = |id: &str| format!("{id},1,1,approved,2026-01-05 10:00:00,1.00\n");
        let ids = ["9.91214E+16", "9.91214E+16", "9.91214E+16", "\"9,91214E+16\"", "99121400000000000", "{tid}", "null"];
        let whole = ["99121412345678901", "1e16", "=1+1", "'own", "'=1"];
        let file: String = ids.iter().chain(&whole).map(|id| row(id)).collect();
        let (counts, reasons) = import(&network, &format!("{HEADER}{file}"));
        assert_eq!((counts.created, counts.rejected), (5, 7));
        for reason in &reasons[..5] {
            assert!(reason.contains("a spreadsheet has shortened the id") && reason.contains("as text"), "{reason}");
        }
        assert!(reasons[5..].iter().all(|reason| reason.contains("nothing was filled in")), "{reasons:?}");
        // What a file has that is none of ours is taken as it is.
        for id in whole {
            network.engine.conversion(&network.call, id).unwrap();
        }
        let object = |id: &str| {
            format!(r#"{{"conversion_id": {id}, "affiliate_id": 1, "offer_id": 1, "status": "approved", "occurred_at": 1767607200, "payout": 1}}"#)
        };
        let (counts, reasons) = import(&network, &["1e16", "9.91214E+16", "99121400000000000", "17"].map(object).join("\n"));
        assert_eq!((counts.created, counts.rejected), (1, 3), "{reasons:?}");
        // A source whose numbers do end so.
        let mut sources = Sources::default();
        let mut exact = quittance_engine::records::Source::default();
        exact.whole_ids = true;
        sources.add("exact", exact);
        let options = ImportOptions { source: sources.named("exact").ok(), ..ImportOptions::default() };
        let (outcome, _, _) = import_with(&network, format!("{HEADER}{}", row("99121400000000000")).as_bytes(), &options);
        assert_eq!(outcome.counts.created, 1);
    }

    fn a_table_is_read_however_it_is_laid_out(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let columns = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,sub1";
        let text = format!("{columns}\nk1,1,1,approved,2026-01-05 10:00:00,1234.50,Größe\nk2,x,1,approved,2026-01-05 10:00:00,1,\n");
        assert_eq!(import(&network, &text).0.created, 1);
        let utf16 = |text: &str, mark: bool, big: bool| -> Vec<u8> {
            let text = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let with = |separator: &str| text.replace(',', separator);
        for (bytes, line) in [
            (with(";").into_bytes(), 3),
            (with("\t").into_bytes(), 3),
            (with("|").into_bytes(), 3),
            (format!("sep=;\r\n{}", with(";")).into_bytes(), 4),
            (format!("sep=:\n{}", with(":").replace("10:00:00", "\"10:00:00\"").replace("2026-01-05 \"10:00:00\"", "\"2026-01-05 10:00:00\"")).into_bytes(), 4),
            (format!("Conversions, January 2026; all\n\n{text}").into_bytes(), 5),
            (format!("\u{feff}{text}").into_bytes(), 3),
            (utf16(&with("\t"), true, false), 3),
            (utf16(&text, true, true), 3),
            (utf16(&with(";"), false, false), 3),
            (utf16(&text, false, true), 3),
        ] {
            let (outcome, reasons, _) = import_with(&network, &bytes, &ImportOptions::default());
            assert_eq!((outcome.counts.unchanged, outcome.counts.rejected), (1, 1), "{reasons:?} {:?}", outcome.failure);
            assert!(reasons[0].starts_with(&format!("{line}: affiliate_id")), "{reasons:?}");
        }
    }

    fn a_decimal_comma_is_read_where_it_is_stated_and_never_guessed(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let file = |amount: &str| {
            format!("{}\nd1;1;1;approved;2026-01-05 10:00:00;{amount}\n", HEADER.trim_end().replace(',', ";"))
        };
        let comma = ImportOptions { decimal: Some(Decimal::Comma), ..ImportOptions::default() };
        let (outcome, _, _) = import_with(&network, file("1234,50").as_bytes(), &comma);
        assert_eq!(outcome.counts.created, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 1_234_500_000, 1)]);
        for (amount, options) in [("1.234,50", &comma), ("1234.50", &comma), ("1234,50", &ImportOptions::default())] {
            let (outcome, reasons, _) = import_with(&network, file(amount).as_bytes(), options);
            assert_eq!(outcome.counts.rejected, 1);
            assert!(reasons[0].contains("payout: ") && reasons[0].contains("thousands"), "{reasons:?}");
        }
        // A JSON number has a point in any case; a text is read as it was stated.
        let object = |payout: &str| format!(r#"{{"conversion_id": "d1", "affiliate_id": 1, "offer_id": 1, "status": "approved", "occurred_at": "2026-01-05 10:00:00", "payout": {payout}}}"#);
        let (outcome, reasons, _) = import_with(&network, [object("1234.5"), object("\"1234,5\"")].join("\n").as_bytes(), &comma);
        assert_eq!(outcome.counts.unchanged, 2, "{reasons:?}");
    }

    fn a_header_that_cannot_be_read_says_how_it_was_tried(database) {
        let network = Network::create(database.engine());
        let (_, text) = failure(&network, b"Report\nConversion ID;Afiliate_id;offer_id;status;when\n1;1;1;approved;x\n");
        for part in [
            "no column conversion_id",
            "perhaps \"Conversion ID\" is conversion_id, \"Afiliate_id\" is affiliate_id",
            "line 2 was read with semicolons between its columns (commas, tabs, bars give no better one)",
            "--map COLUMN=FIELD",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    /// A2 is 2.00 pending at Affise and rejected at Awin; nobody guesses.
    fn what_sources_disagree_about_is_read_under_the_name_of_one(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let row = |id: &str, status: &str| format!("{id},1,1,{status},2026-01-05 10:00:00,2.00\n");
        let all = ["1", "2", "3", "5", "lead", "paid", "processed", "unpaid"];
        let rows: String = all.iter().map(|status| row("A2", status)).collect();
        let (counts, reasons) = import(&network, &format!("{HEADER}{rows}"));
        assert_eq!(counts.rejected, 8);
        assert!(reasons.iter().all(|reason| reason.contains("name yours (--source NAME")), "{reasons:?}");
        let sources = Sources::default();
        let from = |name: &str, status: &str| {
            let options = ImportOptions { source: sources.named(name).ok(), ..ImportOptions::default() };
            let (outcome, reasons, _) = import_with(&network, format!("{HEADER}{}", row("A2", status)).as_bytes(), &options);
            assert_eq!(outcome.counts.rejected, 0, "{reasons:?}");
            network.engine.conversion(&network.call, "A2").unwrap().known.conversion.status.as_str()
        };
        assert_eq!([from("affise", "2"), from("affise", "1"), from("awin", "2"), from("affise", "5")], ["pending", "approved", "rejected", "hold"]);
        for (word, status) in [("APPROVED", "approved"), ("Trash", "rejected"), ("sale", "approved"), ("Not_Found", "rejected")] {
            assert_eq!(import(&network, &format!("{HEADER}{}", row("w", word))).0.rejected, 0);
            assert_eq!(network.engine.conversion(&network.call, "w").unwrap().known.conversion.status.as_str(), status);
        }
        network.assert_verified();
    }

    /// 5.00 are to be paid here, 7.00 were paid there; 4.00 are billed here before the source says paid.
    fn what_a_source_has_paid_itself_never_accrues(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.engine.set_network(&network.call, &[("require_payment_method", "false")]).unwrap();
        let options = ImportOptions { source: Sources::default().named("affiliatewp").ok(), ..ImportOptions::default() };
        let import = |rows: &str| {
            let (outcome, reasons, _) = import_with(&network, format!("{HEADER}{rows}").as_bytes(), &options);
            assert_eq!(outcome.counts.rejected, 0, "{reasons:?}");
            outcome.counts
        };
        let row = |id: &str, status: &str, payout: &str| format!("{id},1,1,{status},2026-01-05 10:00:00,{payout}\n");
        let counts = import(&(row("here", "unpaid", "5.00") + &row("there", "paid", "7.00") + &row("later", "unpaid", "3.00")));
        assert_eq!(counts.created, 3);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 8_000_000, 2)]);
        // Paid there before it was billed here: it is taken out, and stays out whatever is said later.
        assert_eq!(import(&row("later", "paid", "3.00")).updated, 1);
        assert_eq!(import(&row("later", "Paid", "3.00")).unchanged, 1);
        import(&(row("there", "rejected", "7.00") + &row("later", "unpaid", "3.00")));
        import(&row("there", "unpaid", "7.00"));
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 5_000_000, 1)]);
        network.assert_verified();
        // Billed here: what the source says may be the payment of the invoice, and takes nothing back.
        let run = RunRequest::payable_through(quittance_testkit::day("2026-01-31"));
        assert_eq!(network.engine.bill(&network.call, &run, &mut |_| {}).unwrap().invoices(), 1);
        assert_eq!(import(&row("here", "paid", "5.00")).unchanged, 1);
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 5_000_000, 1)]);
        // Also where it was revised since: 5.00 is billed, 6.00 is right, and 1.00 is still to be billed.
        import(&row("here", "unpaid", "6.00"));
        import(&row("here", "paid", "6.00"));
        assert_eq!(accrued(&network, InvoiceKind::Payable), [(1, 5, 1, 6_000_000, 1)]);
        network.assert_verified();
    }

    /// Old spreadsheets end lines with a carriage return alone.
    fn rows_are_told_apart_whatever_ends_a_line(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let text = format!("{HEADER}a,1,1,approved,2026-01-05 10:00:00,4.00\na,1,2,approved,2026-01-05 10:00:00,6.00\n");
        for (end, id) in [("\n", "a,"), ("\r\n", "b,"), ("\r", "c,")] {
            let (counts, reasons) = import(&network, &text.replace("a,1", &format!("{id}1")).replace('\n', end));
            assert_eq!((counts.created, counts.rejected), (1, 1), "{end:?}");
            assert!(reasons[0].starts_with("3: offer_id: line 2 is of "), "{end:?}: {reasons:?}");
        }
    }

    fn a_table_with_tabs_may_begin_with_an_empty_cell(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let text = format!("\n,{HEADER}0,a,1,1,approved,2026-01-05 10:00:00,4.00\n").replace(',', "\t");
        let (counts, reasons) = import(&network, &text);
        assert_eq!((counts.created, counts.rejected), (1, 0), "{reasons:?}");
    }
}
