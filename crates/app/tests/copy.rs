//! `quittance copy`, killed at random moments and repeated, ends with everything that the source has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use folder::{Folder, stderr};
use quittance_testkit::{Dice, TestDatabase, both_databases};
use serde_json::Value;

/// Several times what is copied in one transaction.
const CONVERSIONS: u64 = 40_000;
const AFFILIATES: u64 = 400;
const KILLS: u64 = 15;

fn program(folder: &Folder, args: &[&str]) -> Command {
    let mut command = folder.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn json(folder: &Folder, url: &str, args: &[&str]) -> Value {
    folder.json(&[&["--database", url], args].concat())
}

/// What both must say alike: invoices, what is unbilled, and what is earned.
fn seen(folder: &Folder, url: &str) -> Vec<Value> {
    let margin = ["report", "margin", "--from", "2024-03-01", "--through", "2024-03-31", "--by", "affiliate"];
    let asked: [&[&str]; 3] =
        [&["invoices", "--limit", "1000"], &["report", "unbilled", "--as-of", "2024-03-31"], &margin];
    asked.iter().map(|args| json(folder, url, args)).collect()
}

both_databases! {
    fn a_copy_that_is_killed_again_and_again_is_whole_in_the_end(database) {
        let (folder, own) = (Folder::new(), TestDatabase::sqlite());
        let (from, to) = (own.url(), database.url());
        json(&folder, from, &["network", "create", "source"]);
        json(&folder, from, &["network", "set", "require_payment_method=false", "create_missing=true"]);
        let mut csv = String::from("conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n");
        for i in 0..CONVERSIONS {
            let (affiliate, day, cents) = (1 + i % AFFILIATES, 1 + i % 28, 100 + i % 900);
            writeln!(csv, "c{i},{affiliate},1,approved,2024-03-{day:02} 10:00:00,{}.{:02}", cents / 100, cents % 100).unwrap();
        }
        folder.write("march.csv", &csv);
        json(&folder, from, &["import", "conversions", "march.csv"]);
        json(&folder, from, &["bill", "--through", "2024-03-15"]);

        let args = ["copy", "--from", from, "--to", to, "--json"];
        let seed = 23;
        println!("seed {seed}");
        let (mut dice, mut kills) = (Dice::seeded(seed), 0);
        for _ in 0..KILLS {
            let mut child = program(&folder, &args).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(dice.below(400)));
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                kills += 1;
            }
            child.wait().unwrap();
        }
        assert!(kills > 0, "it was never killed");
        let last = program(&folder, &args).output().unwrap();
        assert!(last.status.success(), "{}", stderr(&last));
        let said: Value = serde_json::from_slice(&last.stdout).unwrap();
        assert_eq!(said["ok"], true, "{said}");
        let conversions = said["tables"].as_array().unwrap().iter().find(|table| table["table"] == "conversions").unwrap();
        assert_eq!(conversions["rows"], CONVERSIONS);
        assert_eq!(seen(&folder, to), seen(&folder, from));
        assert_eq!(json(&folder, to, &["verify"])["ok"], true);
    }
}
