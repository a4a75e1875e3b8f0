//! Parquet files that another program has written (`data/parquet/make.py`), and broken ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use quittance_domain::time::{Zone, parse_instant};
use quittance_engine::ingest::{ImportEvent, ImportOptions, ImportOutcome};
use quittance_engine::records::{Field, Raw};
use quittance_testkit::{Dice, Network, TestDatabase, both_databases};

/// The rows of the files: id, affiliate, offer, status, payout, revenue, time in UTC, sub1. The seventh has a status that is none.
const ROWS: &str = "\
    p1 1 1 approved 10.00 12.50 2026-01-05T08:00:00Z a\n\
    p2 1 2 pending 2.505 0.00 2026-01-05T08:00:00.25Z -\n\
    p3 2 1 rejected 0.0001 0.00 2025-12-31T23:59:59.999999Z -\n\
    p4 3 1 approved -3.00 0.00 2026-01-31T00:00:00Z ü\n\
    p5 3 4 hold 99999.9999 100000.00 2026-01-31T12:30:00Z -\n\
    é6 2 1 approved 7.00 8.00 2026-01-31T12:30:01Z b";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet").join(name)
}

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network
}

fn import(network: &Network, file: File, options: &ImportOptions) -> (ImportOutcome, Vec<ImportEvent>) {
    let mut told = Vec::new();
    let outcome = network.engine.import_parquet(&network.call, file, options, &mut |event| told.push(event));
    (outcome, told)
}

fn failure(name: &str, options: &ImportOptions) -> String {
    let network = network(&TestDatabase::sqlite());
    let (outcome, _) = import(&network, File::open(path(name)).unwrap(), options);
    assert_eq!(outcome.counts.total(), 0);
    outcome.failure.expect("a failure").to_string()
}

/// What the network knows of the rows, written as they are.
fn known(network: &Network) -> String {
    let ids: Vec<&str> = ROWS.lines().map(|line| line.trim().split(' ').next().unwrap()).collect();
    let states = network.engine.conversions_by_ids(&network.call, &ids).unwrap();
    let line = |id: &&str| {
        let conversion =
            &states.iter().find(|state| *state.known.conversion.conversion_id == **id).unwrap().known.conversion;
        let expected = ROWS.lines().find(|line| line.trim().starts_with(id)).unwrap();
        // The instant is compared as one; its text is that of the row.
        let time = expected.trim().split(' ').nth(6).unwrap();
        assert_eq!(conversion.occurred_at, parse_instant(time, &Zone::utc()).unwrap(), "{id}");
        format!(
            "{} {} {} {} {} {} {time} {}",
            conversion.conversion_id,
            conversion.affiliate_id,
            conversion.offer_id,
            conversion.status.as_str(),
            conversion.payout,
            conversion.revenue,
            conversion.texts[4].as_deref().unwrap_or("-"),
        )
    };
    ids.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn unknown(told: &[ImportEvent]) -> Vec<String> {
    let of = |event: &ImportEvent| match event {
        ImportEvent::UnknownColumns(columns) => columns.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    told.iter().flat_map(of).collect()
}

both_databases! {
    fn every_type_and_compression_says_the_same(database) {
        let network = network(database);
        let mut created = 6;
        for (name, others) in [
            ("typed.parquet", &["score"][..]), ("text_zstd_v2.parquet", &[]), ("small_gzip.parquet", &[]),
            ("old_lz4.parquet", &[]), ("local.parquet", &[]),
        ] {
            let (outcome, told) = import(&network, File::open(path(name)).unwrap(), &ImportOptions::default());
            assert!(outcome.failure.is_none(), "{name}: {:?}", outcome.failure);
            let counts = outcome.counts;
            // Milliseconds and a zone less do not say the same of one of them.
            let (updated, unchanged) = match name {
                "typed.parquet" => (0, 0),
                "local.parquet" => (1, 5),
                _ => (0, 6),
            };
            let all = (counts.created, counts.updated, counts.unchanged, counts.rejected);
            assert_eq!(all, (created, updated, unchanged, 1), "{name}");
            assert_eq!(unknown(&told), others, "{name}");
            if updated == 0 {
                assert_eq!(known(&network), ROWS.replace("    ", ""), "{name}");
            }
            let rejected = told.iter().find_map(|event| match event {
                ImportEvent::Rejected { row, rejection } => Some((row, rejection)),
                _ => None,
            });
            let (row, rejection) = rejected.unwrap();
            assert_eq!((row.line, rejection.field), (7, "status"), "{name}");
            let Raw::Csv(cells) = &row.raw else { panic!("{name}: no cells") };
            assert_eq!(cells.get(3), Some(&b"nonsense"[..]), "{name}");
            created = 0;
        }
        network.assert_verified();
    }

    fn groups_and_pages_are_read_to_their_ends(database) {
        let network = network(database);
        let (outcome, told) = import(&network, File::open(path("many.parquet")).unwrap(), &ImportOptions::default());
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        // Every other row has no payout, and neither has its offer.
        assert_eq!((outcome.counts.created, outcome.counts.rejected), (5_000, 5_000));
        let last = told.iter().filter_map(|event| match event {
            ImportEvent::Rejected { row, .. } => Some(row.line),
            _ => None,
        });
        assert_eq!(last.max(), Some(10_000));
        let ids = ["m0", "m7000", "m9998"];
        let states = network.engine.conversions_by_ids(&network.call, &ids).unwrap();
        let payouts: Vec<String> = states.iter().map(|state| state.known.conversion.payout.to_decimal()).collect();
        assert_eq!(payouts, ["0.00", "70.00", "99.98"]);
    }
}

#[test]
fn what_cannot_be_read_without_loss_is_refused_by_its_name() {
    let said = failure("floats.parquet", &ImportOptions::default());
    assert!(said.starts_with("the column \"payout\" is floating point") && said.contains("decimal"), "{said}");
    let said = failure("nested.parquet", &ImportOptions::default());
    assert!(said.starts_with("the column \"status\" is a list"), "{said}");
    let mapped = ImportOptions { renamed: vec![("score".into(), Field::Revenue)], ..ImportOptions::default() };
    assert!(failure("typed.parquet", &mapped).starts_with("the column \"score\" is floating point"));
    let twice = ImportOptions { renamed: vec![("sub1".into(), Field::Status)], ..ImportOptions::default() };
    assert!(failure("typed.parquet", &twice).contains("\"status\" and \"sub1\" are both status"));
}

#[test]
fn a_file_without_rows_is_empty_and_nothing_else() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    let (outcome, _) = import(&network, File::open(path("empty.parquet")).unwrap(), &ImportOptions::default());
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert_eq!(outcome.counts.total(), 0);
}

#[test]
fn broken_files_end_in_an_error_and_never_in_a_panic() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    let whole = std::fs::read(path("typed.parquet")).unwrap();
    let seed = 11;
    println!("seed {seed}");
    let mut dice = Dice::seeded(seed);
    let mut failures = 0;
    for round in 0..300 {
        let mut bytes = whole.clone();
        if round % 3 == 0 {
            bytes.truncate(dice.below(bytes.len() as u64) as usize);
        } else {
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] = dice.below(256) as u8;
            }
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let (outcome, _) = import(&network, file, &ImportOptions::default());
        failures += u32::from(outcome.failure.is_some());
    }
    assert!(failures > 100, "{failures}");
    network.assert_verified();
}
