//! Two processes at once on one database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use quittance_testkit::{TestDatabase, both_databases};
use serde_json::Value;

const AFFILIATES: usize = 900;

fn program(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quittance"));
    command.env_remove("QUITTANCE_DATABASE_URL").args(["--database", url]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn json(url: &str, args: &[&str]) -> Value {
    let output = program(url, args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

both_databases! {
    fn two_processes_that_run_the_same_billing_issue_each_invoice_once(database) {
        let url = database.url();
        json(url, &["network", "create", "two"]);
        json(url, &["network", "set", "require_payment_method=false", "create_missing=true"]);
        let mut csv = String::from("conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n");
        for affiliate in 1..=AFFILIATES {
            writeln!(csv, "c{affiliate},{affiliate},1,approved,2024-03-10 10:00:00,2.50").unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("march.csv");
        std::fs::write(&file, csv).unwrap();
        json(url, &["import", "conversions", &file.display().to_string()]);

        let run = || program(url, &["bill", "--through", "2024-03-31"]).spawn().unwrap();
        let (first, second) = (run(), run());
        for run in [first, second] {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let invoices = json(url, &["invoices", "--limit", "1000"]);
        let invoices = invoices["invoices"].as_array().unwrap();
        let parties: BTreeSet<i64> = invoices.iter().map(|i| i["affiliate_id"].as_i64().unwrap()).collect();
        assert_eq!((invoices.len(), parties.len()), (AFFILIATES, AFFILIATES));
        assert!(invoices.iter().all(|invoice| invoice["billed"] == "2.50"));
        assert_eq!(json(url, &["verify"])["ok"], true);
    }
}

/// A server's file is moved away under it: it takes nothing, says so, and goes on when it is back.
#[test]
fn a_server_whose_file_is_gone_says_so_and_takes_nothing() {
    let database = TestDatabase::sqlite();
    let url = database.url();
    json(url, &["network", "create", "gone"]);
    json(url, &["network", "set", "create_missing=true"]);
    let key = json(url, &["keys", "create", "--role", "tracker"])["key"].as_str().unwrap().to_owned();
    let server = served::Server::start(url);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get = |path: &str| agent.get(format!("http://{}{path}", server.address)).call().unwrap().status().as_u16();
    let postback = |tid: &str| {
        let conversion = format!("tid={tid}&affiliate_id=1&offer_id=1&payout=2&status=approved");
        get(&format!("/postback?key={key}&{conversion}"))
    };
    assert_eq!((postback("a"), get("/readyz")), (200, 200));
    let path = url.trim_start_matches("sqlite://");
    let moved = format!("{path}.moved");
    std::fs::rename(path, &moved).unwrap();
    assert_eq!((postback("b"), get("/readyz"), get("/healthz")), (503, 503, 200));
    std::fs::rename(&moved, path).unwrap();
    assert_eq!((postback("b"), get("/readyz")), (200, 200));
    assert_eq!(json(url, &["verify"])["ok"], true);
}
