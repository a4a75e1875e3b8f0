//! `quittance pull` from a running server of another network, and from servers that do everything wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;
mod served;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use folder::{Folder, stderr};
use quittance_testkit::{Dice, TestDatabase, both_databases};
use serde_json::Value;
use served::Server;

const NETWORK: &str = r#"
[[affiliates]]
id = 1
name = "One"
[[affiliates]]
id = 2
name = "Two"
[[offers]]
id = 3
name = "Three"
"#;
const CONVERSIONS: u64 = 300;
const NOW: &str = "2026-01-31 12:00:00";

/// A network that is served, its key, and the sums of its approved payouts in cents by affiliate.
struct Account {
    folder: Folder,
    key: String,
    approved: BTreeMap<u64, u64>,
}

impl Account {
    fn open() -> Account {
        let folder = Folder::new();
        folder.done(&["network", "create", "source", "--time-zone", "UTC"]);
        folder.write("network.toml", NETWORK);
        folder.done(&["import", "network", "network.toml"]);
        let mut csv = String::from("conversion_id,affiliate_id,offer_id,status,occurred_at,payout\n");
        let mut approved = BTreeMap::new();
        for i in 0..CONVERSIONS {
            let (affiliate, cents, day) = (1 + i % 2, 100 + i, 1 + i % 28);
            let status = if i % 10 == 0 { "rejected" } else { "approved" };
            writeln!(csv, "c{i},{affiliate},3,{status},2026-01-{day:02} 10:00:00,{}.{:02}", cents / 100, cents % 100)
                .unwrap();
            *approved.entry(affiliate).or_default() += if status == "approved" { cents } else { 0 };
        }
        folder.write("january.csv", &csv);
        folder.done(&["import", "conversions", "january.csv"]);
        let key = folder.json(&["keys", "create", "--role", "viewer"])["key"].as_str().unwrap().to_owned();
        Account { folder, key, approved }
    }

    fn serve(&self) -> Server {
        let file = self.folder.path().join("quittance.db");
        Server::start(&format!("sqlite://{}", file.display()))
    }
}

/// The program over the target's database.
fn program(folder: &Folder, url: &str, args: &[&str]) -> Command {
    let mut command = folder.command(args);
    command.env("QUITTANCE_DATABASE_URL", url).env("QUITTANCE_TEST_CLOCK", NOW);
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn json(folder: &Folder, url: &str, args: &[&str]) -> Value {
    let output = program(folder, url, &[args, &["--json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is unbilled of each affiliate, in cents: that is what the account has approved.
fn unbilled(folder: &Folder, url: &str) -> BTreeMap<u64, u64> {
    let dry = json(folder, url, &["bill", "--through", "2026-01-31"]);
    assert_eq!(dry["invoices"], 2, "{dry}");
    let list = json(folder, url, &["invoices", "--limit", "100"]);
    let invoices = list["invoices"].as_array().unwrap().iter();
    let cents = |text: &str| text.replace('.', "").parse().unwrap();
    invoices.map(|i| (i["affiliate_id"].as_u64().unwrap(), cents(i["billed"].as_str().unwrap()))).collect()
}

both_databases! {
    fn a_network_follows_a_server_though_it_is_killed_again_and_again(database) {
        let account = Account::open();
        let server = account.serve();
        let from = format!("http://{}", server.address);
        let (folder, url) = (Folder::new(), database.url());
        json(&folder, url, &["network", "create", "target", "--time-zone", "UTC"]);
        json(&folder, url, &["network", "set", "require_payment_method=false"]);
        let pull = ["pull", "affise", "--from", &from, "--rows", "5", "--json"];
        let run = || {
            let mut command = program(&folder, url, &pull);
            command.env("QUITTANCE_PULL_KEY", &account.key);
            command
        };
        let seed = 7_u64;
        println!("seed {seed}");
        let (mut dice, mut kills) = (Dice::seeded(seed), 0);
        for _ in 0..12 {
            let mut child = run().spawn().unwrap();
            std::thread::sleep(Duration::from_millis(dice.below(250)));
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                kills += 1;
            }
            child.wait().unwrap();
        }
        let last = run().output().unwrap();
        assert!(last.status.success(), "{}", stderr(&last));
        assert!(kills > 0, "it was never killed");
        let said: Value = serde_json::from_slice(&last.stdout).unwrap();
        assert_eq!((&said["complete"], &said["lists"]["affiliates"]["unchanged"]), (&Value::Bool(true), &Value::from(2)));
        assert_eq!(unbilled(&folder, url), account.approved);
        assert_eq!(json(&folder, url, &["verify"])["ok"], true);
        // Whatever was read twice was there: now nothing is new.
        let again: Value = serde_json::from_slice(&run().output().unwrap().stdout).unwrap();
        assert_eq!((&again["lists"]["conversions"]["created"], &again["lists"]["conversions"]["updated"]), (&0.into(), &0.into()));
    }
}

/// What a pull from an address says and how it ends.
fn fails(args: &[&str]) -> String {
    let (folder, database) = (Folder::new(), TestDatabase::sqlite());
    json(&folder, database.url(), &["network", "create", "target", "--time-zone", "UTC"]);
    let output: Output = program(&folder, database.url(), args).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    stderr(&output)
}

/// A server that gives each answer to one connection, and then ends. Its address.
fn scripted(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            // Who has read enough hangs up.
            let _ = stream.write_all(&answer);
        }
    });
    address
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_wrong_key_and_a_host_that_is_down_are_said() {
    let account = Account::open();
    let server = account.serve();
    let from = format!("http://{}", server.address);
    for vendor in ["affise", "everflow", "cake"] {
        let said = fails(&["pull", vendor, "--from", &from, "--key", "qk_secret"]);
        assert!(said.contains("401") && said.contains("is the key right"), "{said}");
        assert!(!said.contains("qk_secret"), "{said}");
    }
    drop(server);
    let said = fails(&["pull", "cake", "--from", &from, "--key", "qk_secret"]);
    assert!(said.contains("refused") && said.contains(&from) && !said.contains("qk_secret"), "{said}");
    let said = fails(&["pull", "cake", "--from", "http://no-such-host.invalid", "--key", "k"]);
    assert!(said.contains("no-such-host.invalid"), "{said}");
}

#[test]
fn what_a_server_does_wrong_is_said() {
    let busy = || answer("429 Too Many Requests\r\nretry-after: 0", "slowly");
    let said = fails(&["pull", "affise", "--from", &scripted(vec![busy(); 7]), "--key", "k"]);
    assert!(said.contains("429") && said.contains("asked again in 0 s"), "{said}");
    let page = answer("200 OK\r\ncontent-type: text/html", "<html>Sign in</html>");
    let said = fails(&["pull", "affise", "--from", &scripted(vec![page]), "--key", "k"]);
    assert!(said.contains("no JSON"), "{said}");
    let elsewhere = answer("302 Found\r\nlocation: http://127.0.0.1:9/", "");
    let said = fails(&["pull", "everflow", "--from", &scripted(vec![elsewhere]), "--key", "k"]);
    assert!(said.contains("302") && said.contains("name the address that it redirects to"), "{said}");
    // A page without an end: reading it stops.
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[".to_vec();
    endless.resize(40 * 1024 * 1024, b' ');
    let said = fails(&["pull", "cake", "--from", &scripted(vec![endless]), "--key", "k"]);
    assert!(said.contains("larger than 33554432 bytes"), "{said}");
}

#[test]
fn what_is_refused_is_in_a_file_and_stops_nothing() {
    let rows = r#"{"partners":[{"id":1,"login":"one"}],"pagination":{"total_count":1}}"#;
    let offers = r#"{"offers":[{"id":3,"title":"three"}],"pagination":{"total_count":1}}"#;
    let conversions = r#"{"conversions":[{"id":"a","status":"banned","partner_id":1,"offer_id":3,"payouts":1,"currency":"USD",
        "created_at":"2026-01-30 00:00:00"},{"id":"b","status":"confirmed","partner_id":1,"offer_id":3,"payouts":1.50,
        "currency":"USD","created_at":"2026-01-30 00:00:00"}],"pagination":{"total_count":2}}"#;
    let answers = [rows, offers, conversions].map(|body| answer("200 OK", body));
    let (folder, database) = (Folder::new(), TestDatabase::sqlite());
    json(&folder, database.url(), &["network", "create", "target", "--time-zone", "UTC"]);
    let from = scripted(answers.to_vec());
    let args = ["pull", "affise", "--from", &from, "--key", "k", "--since", "2026-01-28"];
    let output = program(&folder, database.url(), &args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("conversions: status: \"banned\""), "{}", stderr(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert!(table.lines().any(|line| words(line) == "conversions 2 1 0 0 0 1 0 0"), "{table}");
    let file = std::fs::read_to_string(folder.path().join("pull-affise.rejected.csv")).unwrap();
    assert!(file.starts_with("resource,record,reason\nconversions,\"{"), "{file}");
    assert_eq!(file.lines().count(), 2, "{file}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked() {
    let folder = Folder::new();
    let said = folder.fails(2, &["pull", "tune", "--from", "https://x", "--key", "k"]);
    assert!(said.contains("affise") && said.contains("everflow") && said.contains("cake"), "{said}");
    assert!(folder.fails(2, &["pull", "affise", "--from", "https://x"]).contains("--key"));
    assert!(folder.fails(2, &["pull", "affise", "--from", "https://x", "--key", ""]).contains("--key"));
    let said = folder.fails(1, &["pull", "cake", "--from", "https://x/?api_key=secret", "--key", "k"]);
    assert!(said.contains("--from") && !said.contains("secret"), "{said}");
    assert!(!folder.has("quittance.db"));
}
