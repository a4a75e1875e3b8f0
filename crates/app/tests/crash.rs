//! The program is killed at random moments during imports and billing runs; the interrupted command is repeated; the
//! books are those of a program that nobody killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use quittance_testkit::{Dice, TestDatabase, both_databases};
use serde_json::Value;

const ROUNDS: u64 = 20;
const ROWS_A_ROUND: u64 = 1500;
const AFFILIATES: u64 = 150;
/// How often the program is killed on each database, at least.
const KILLS_MIN: u32 = 50;

fn program(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quittance"));
    command.env_remove("QUITTANCE_DATABASE_URL").args(["--database", url]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(url: &str, args: &[&str]) -> Output {
    let output = program(url, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Runs a command, killed at random moments until it gets through; counts the kills.
fn run_killed(url: &str, args: &[&str], dice: &mut Dice, usual: &mut Duration, kills: &mut u32) {
    for _ in 0..4 {
        let delay = Duration::from_micros(dice.below(u64::try_from(usual.as_micros()).unwrap()));
        let mut child = program(url, args).spawn().unwrap();
        std::thread::sleep(delay);
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            *kills += 1;
        }
        child.wait().unwrap();
    }
    let start = Instant::now();
    run(url, args);
    *usual = start.elapsed();
}

/// A round's deliveries: new conversions of its day, and changes of older ones.
fn csv(round: u64, dice: &mut Dice) -> String {
    let mut csv = String::from("conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n");
    for i in 0..ROWS_A_ROUND {
        let of = if round > 0 && dice.below(10) == 0 { dice.below(round) } else { round };
        let id = format!("r{of}-{}", if of == round { i } else { dice.below(ROWS_A_ROUND) });
        let status = ["approved", "approved", "approved", "pending", "rejected"][dice.below(5) as usize];
        let (affiliate, offer, cents) = (dice.below(AFFILIATES) + 1, dice.below(7) + 1, dice.below(900) + 1);
        let day = of + 1;
        writeln!(csv, "{id},{affiliate},{offer},{status},2024-03-{day:02} 10:00:00,{}.{:02}", cents / 100, cents % 100)
            .unwrap();
    }
    csv
}

/// What must be the same: every invoice, but for times and for the run's id: one that is killed after its last commit
/// is over, and the repeat is a run of its own that finds nothing.
fn books(url: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let args = ["invoices", "--json", "--limit", "1000", "--cursor", &cursor];
        let page: Value = serde_json::from_slice(&run(url, &args).stdout).unwrap();
        for invoice in page["invoices"].as_array().unwrap() {
            let mut invoice = invoice.clone();
            for time in ["created_at", "updated_at", "run_id"] {
                invoice.as_object_mut().unwrap().remove(time);
            }
            all.push(invoice);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return all,
        }
    }
}

fn prepare(url: &str) {
    run(url, &["network", "create", "crash"]);
    run(url, &["network", "set", "require_payment_method=false", "create_missing=true"]);
}

fn round_args(folder: &Path, round: u64) -> (String, String) {
    (folder.join(format!("{round}.csv")).display().to_string(), format!("2024-03-{:02}", round + 1))
}

both_databases! {
    fn killed_and_repeated_the_books_are_the_same(database) {
        let seed = std::env::var("QUITTANCE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_240_301);
        println!("QUITTANCE_SEED={seed}");
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice::seeded(seed);
        for round in 0..ROUNDS {
            std::fs::write(folder.path().join(format!("{round}.csv")), csv(round, &mut dice)).unwrap();
        }
        let undisturbed = TestDatabase::sqlite();
        prepare(undisturbed.url());
        prepare(database.url());
        let (mut import_usual, mut bill_usual) = (Duration::from_millis(300), Duration::from_millis(150));
        let mut kills = 0;
        for round in 0..ROUNDS {
            let (file, through) = round_args(folder.path(), round);
            // The last row of an id is what holds.
            let import = ["import", "conversions", "--revisions", &file];
            let bill = ["bill", "--through", &through];
            run(undisturbed.url(), &import);
            run(undisturbed.url(), &bill);
            run_killed(database.url(), &import, &mut dice, &mut import_usual, &mut kills);
            run_killed(database.url(), &bill, &mut dice, &mut bill_usual, &mut kills);
        }
        println!("{kills} kills");
        assert!(kills >= KILLS_MIN, "only {kills} kills hit");
        let (killed, whole) = (books(database.url()), books(undisturbed.url()));
        assert_eq!(killed.len(), whole.len());
        for (killed, whole) in killed.iter().zip(&whole) {
            assert_eq!(killed, whole);
        }
        run(database.url(), &["verify"]);
    }
}
