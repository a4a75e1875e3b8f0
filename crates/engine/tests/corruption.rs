//! A database is corrupted in each of the ways that an invariant forbids, and `verify` names the invariant and the place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::invoice::VoidReason;
use quittance_engine::Engine;
use quittance_engine::billing::RunRequest;
use quittance_engine::invoices::PaymentRequest;
use quittance_store::Store;
use quittance_testkit::{Dice, Network, TestDatabase, both_databases, day};

/// A network with an invoice that is void, one that is paid, one that is partly paid, and something unbilled.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network.approve("a1 1 1 2026-01-05 10.00\na2 1 2 2026-01-06 2.50\nb1 2 1 2026-01-31 7\nc1 3 1 2026-02-01 8");
    let bill = |through| {
        network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
    };
    bill("2026-01-31");
    network.engine.void(&network.call, InvoiceId::new(1), None, VoidReason::Other, "").unwrap();
    bill("2026-01-31");
    network.engine.pay(&network.call, InvoiceId::new(2), None, &PaymentRequest::default()).unwrap();
    let part = PaymentRequest { amount: Some("1".into()), ..PaymentRequest::default() };
    network.engine.pay(&network.call, InvoiceId::new(3), None, &part).unwrap();
    network.assert_verified();
    network
}

/// A network whose first affiliate has 20 % tax, and whose second one's negative total of February was given up.
fn ruled_network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network.engine.set_network(&network.call, &[("carry_negatives", "false")]).unwrap();
    network.set_party(PartyKind::Affiliate, r#"{"id":1,"tax":{"mode":"rate","rate":"20","text":"VAT 20 %"}}"#);
    network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-05 5.00");
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    network.at("2026-03-05");
    network.ingest(vec![network.record("b", 2, 1, "rejected", "2026-01-05", "5.00")]);
    network.approve("c 1 1 2026-02-05 3.00");
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-02-28")), &mut |_| {}).unwrap();
    network.assert_verified();
    network
}

/// The invariants that do not hold after a statement, each with what is said of it.
fn broken_by(database: &TestDatabase, sql: &str) -> Vec<(&'static str, String)> {
    broken(&network(database), sql)
}

fn broken(network: &Network, sql: &str) -> Vec<(&'static str, String)> {
    network.engine.store().run_sql(sql).unwrap();
    let reports = network.engine.verify(&network.call, false).unwrap();
    reports.into_iter().filter(|r| !r.ok()).map(|r| (r.id, r.violations.join("\n"))).collect()
}

fn assert_named(broken: &[(&'static str, String)], invariant: &str, place: &str) {
    let found = broken.iter().find(|(id, _)| *id == invariant);
    let (_, said) = found.unwrap_or_else(|| panic!("{invariant} is not named: {broken:#?}"));
    assert!(said.contains(place), "{invariant} does not name {place}: {said}");
}

fn assert_only(broken: &[(&'static str, String)], invariant: &str, place: &str) {
    assert_named(broken, invariant, place);
    assert_eq!(broken.len(), 1, "{broken:#?}");
}

both_databases! {
    fn i1_a_conversion_that_is_not_accrued(database) {
        let sql = "UPDATE conversions SET payout_units = payout_units + 1 WHERE conversion_id = 'b1'";
        assert_only(&broken_by(database, sql), "I1", "party 2 USD");
    }

    fn i1_an_entry_of_the_log_that_is_gone(database) {
        assert_only(&broken_by(database, "DELETE FROM conversions WHERE conversion_id = 'c1'"), "I1", "party 3 USD");
    }

    fn i2_a_void_invoice_that_gave_nothing_back(database) {
        let sql = "DELETE FROM accruals WHERE origin_id = 1";
        assert_named(&broken_by(database, sql), "I2", "invoice 1");
    }

    fn i2_a_cut_that_would_bill_twice(database) {
        let sql = "UPDATE books SET cut_epoch = 0 WHERE party_id = 2";
        assert_only(&broken_by(database, sql), "I2", "affiliate 2 USD");
    }

    fn i2_a_row_that_no_run_would_see(database) {
        let sql = "UPDATE books SET low_epoch = 99 WHERE party_id = 3";
        assert_only(&broken_by(database, sql), "I2", "affiliate 3 USD");
    }

    fn i2_a_take_that_is_gone(database) {
        let sql = "DELETE FROM takes WHERE party_id = 1 AND take_no = 1";
        assert_named(&broken(&ruled_network(database), sql), "I2", "affiliate 1 USD");
    }

    fn i2_a_take_that_reaches_less_than_the_one_before(database) {
        let sql = "UPDATE takes SET through_day = 0 WHERE party_id = 1 AND take_no = 2";
        assert_named(&broken(&ruled_network(database), sql), "I2", "does not follow the one before");
    }

    fn i2_a_write_off_of_another_amount(database) {
        let sql = "UPDATE write_offs SET units = units + 1 WHERE party_id = 2";
        assert_named(&broken(&ruled_network(database), sql), "I2", "it gave up -4999999 units");
    }

    fn i3_a_tax_that_is_not_its_share(database) {
        let sql = "UPDATE invoice_lines SET units = units + 10000 WHERE line_type = 'tax' AND invoice_id = 1";
        assert_named(&broken(&ruled_network(database), sql), "I3", "2010000 is not its tax");
    }

    fn i5_a_write_off_that_is_not_booked(database) {
        let sql = "DELETE FROM postings WHERE party_id = 2 AND entry_id = (SELECT entry_id FROM postings WHERE account = 'write_offs')";
        assert_named(&broken(&ruled_network(database), sql), "I5", "affiliate 2 USD");
    }

    fn i3_a_line_that_is_not_what_it_took(database) {
        let sql = "UPDATE invoice_lines SET taken_units = taken_units + 1 WHERE invoice_id = 3 AND line_no = 1";
        assert_named(&broken_by(database, sql), "I3", "invoice 3 line 1");
    }

    fn i3_a_line_that_is_not_rounded(database) {
        let sql = "UPDATE invoice_lines SET units = units + 10000 WHERE invoice_id = 3 AND line_no = 1";
        assert_named(&broken_by(database, sql), "I3", "invoice 3 line 1");
    }

    fn i4_a_status_that_the_sums_do_not_bear_out(database) {
        let sql = "UPDATE invoices SET status = 'paid' WHERE invoice_id = 3";
        assert_named(&broken_by(database, sql), "I4", "invoice 3");
    }

    fn i5_an_entry_that_does_not_balance(database) {
        let sql = "UPDATE postings SET units = units + 1 WHERE invoice_id = 2 AND event = 'issue' AND posting_no = 1";
        assert_only(&broken_by(database, sql), "I5", "entry");
    }

    fn i5_a_payment_that_is_not_booked(database) {
        let sql = "DELETE FROM postings WHERE invoice_id = 2 AND event = 'payment'";
        assert_only(&broken_by(database, sql), "I5", "invoice 2");
    }

    fn i6_a_number_that_is_missing(database) {
        let sql = "UPDATE invoices SET number = number + 10 WHERE invoice_id = 3";
        assert_only(&broken_by(database, sql), "I6", "number 3 is missing");
    }

    fn i6_a_number_that_is_given_twice(database) {
        let sql = "DROP INDEX invoices_by_number; UPDATE invoices SET number = 2 WHERE invoice_id = 3";
        assert_only(&broken_by(database, sql), "I6", "more than once");
    }

    fn i7_an_invoice_of_a_party_of_another_network(database) {
        let sql = "DELETE FROM parties WHERE kind = 'affiliate' AND party_id = 2";
        assert_only(&broken_by(database, sql), "I7", "party 2 is not in this network");
    }

    fn i7_a_line_for_an_offer_of_another_network(database) {
        let sql = "UPDATE offers SET network_id = 2 WHERE offer_id = 2";
        assert_only(&broken_by(database, sql), "I7", "offer 2 is not in this network");
    }

    fn i8_a_change_that_the_history_does_not_know(database) {
        let sql = "UPDATE invoices SET public_notes = 'sneaked in' WHERE invoice_id = 3";
        assert_only(&broken_by(database, sql), "I8", "invoice 3");
    }

    fn i8_a_row_of_history_that_is_gone(database) {
        let sql = "DELETE FROM invoice_history WHERE invoice_id = 2 AND version = 2";
        assert_only(&broken_by(database, sql), "I8", "invoice 2");
    }

    fn a_length_that_a_list_would_say_wrongly_is_found(database) {
        let broken = broken_by(database, "UPDATE invoice_counts SET invoices = invoices + 1 WHERE listed = 'paid'");
        assert_named(&broken, "I4", "paid");
    }

    fn an_invoice_that_lists_tell_wrongly_is_found(database) {
        let broken = broken_by(database, "UPDATE invoices SET listed = 'pending' WHERE invoice_id = 2");
        assert_named(&broken, "I4", "invoice 2");
    }
}

/// How many damaged files are looked at.
const DAMAGED: u64 = 60;
const PAGE: usize = 4096;

/// Whether SQLite, asked by itself, finds a fault in a file.
fn found_by_sqlite(url: &str) -> bool {
    let said = Store::open(url).and_then(|store| {
        store.read(|tx| {
            let rows = tx.query("PRAGMA integrity_check(1)", &[])?;
            rows.first().map_or(Ok("nothing".to_owned()), |row| row.string(0))
        })
    });
    said.map_or(true, |said| said != "ok")
}

fn found_by_us(url: &str, network: &Network) -> bool {
    let verified = Engine::open(url).and_then(|engine| engine.verify(&network.call, false));
    !verified.is_ok_and(|reports| reports.iter().all(quittance_engine::verify::InvariantReport::ok))
}

/// A bit is turned, or a page zeroed, in one copy of a file after another: `verify` finds whatever SQLite finds in them.
#[test]
fn a_file_that_sqlite_finds_damaged_does_not_verify() {
    let seed = std::env::var("QUITTANCE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_260_215);
    println!("QUITTANCE_SEED={seed}");
    let mut dice = Dice::seeded(seed);
    let database = TestDatabase::sqlite();
    let network = network(&database);
    network.engine.store().run_sql("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = std::fs::read(database.url().trim_start_matches("sqlite://")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut found = 0;
    for round in 0..DAMAGED {
        let mut bytes = whole.clone();
        let place = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        let what = if dice.below(2) == 0 {
            bytes[place] ^= 1 << dice.below(8);
            format!("a bit of byte {place} is turned")
        } else {
            bytes[place / PAGE * PAGE..][..PAGE].fill(0);
            format!("page {} is zeroed", place / PAGE + 1)
        };
        let file = folder.path().join(format!("{round}.db"));
        std::fs::write(&file, &bytes).unwrap();
        let url = format!("sqlite://{}", file.display());
        if found_by_sqlite(&url) {
            found += 1;
            assert!(found_by_us(&url, &network), "round {round}: {what}");
        }
    }
    println!("{found} of {DAMAGED} are damaged");
    assert!(found >= 20, "only {found} were found: the test damages too little");
    // What is whole verifies, and says what was looked at.
    let reports = network.engine.verify(&network.call, false).unwrap();
    let report = reports.iter().find(|report| report.id == "DB").unwrap();
    assert!(report.ok() && report.note.contains("integrity_check"), "{report:?}");
}

#[test]
fn what_postgres_says_of_itself_is_told() {
    let Some(database) = TestDatabase::postgres() else { return };
    let network = network(&database);
    let looked_at = || {
        let reports = network.engine.verify(&network.call, false).unwrap();
        let report = reports.into_iter().find(|report| report.id == "DB").unwrap();
        assert!(report.ok() && report.checked, "{report:?}");
        report.note
    };
    assert!(looked_at().contains("page sums") && looked_at().contains("no indexes: amcheck is not installed"));
    // Where the server brings amcheck along, and somebody has installed it, it is used.
    if network.engine.store().run_sql("CREATE EXTENSION amcheck").is_ok() {
        let note = looked_at();
        assert!(note.contains(" indexes by amcheck") && !note.contains("; 0 indexes"), "{note}");
    }
    let fast = network.engine.verify(&network.call, true).unwrap();
    let left_out: Vec<_> = fast.iter().filter(|report| !report.checked).map(|report| report.id).collect();
    assert_eq!(left_out, ["I1", "DB"]);
}
