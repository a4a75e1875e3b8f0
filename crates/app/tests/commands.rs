//! The program as scripts see it: arguments, configuration, exit statuses, and the JSON of networks and keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;

use folder::{Folder, stderr};
use serde_json::{Value, json};

const FILE: &str = r#"
[network]
name = "Example Network"
time_zone = "America/New_York"
currency = "USD"
auto_approve = true

[[currencies]]
code = "USD"
minimum_payment = "50"

[[payment_systems]]
id = 13
title = "PayPal"
type = "paypal"
fields = [{ id = 4, label = "Email", required = true }]

[[managers]]
id = 3
name = "Dana Reyes"

[[advertisers]]
id = 1021
name = "Acme"

[[affiliates]]
id = 27
name = "MediaBridge Partners"
manager = 3
billing_cycle = "Net 30"
payment_methods = [{ system = 13, currency = "USD", main = true, fields = { 4 = "pay@mediabridge.example" } }]
auto_invoice = true
auto_start = 2026-01-01

[[offers]]
id = 3
name = "Example Offer"
advertiser = 1021
payout = "2.50"
"#;

#[test]
fn a_network_is_made_listed_and_set() {
    let folder = Folder::new();
    let made = folder.json(&["network", "create", "First", "--time-zone", "europe/berlin", "--currency", "eur"]);
    let expected = json!({ "id": 1, "name": "First", "time_zone": "Europe/Berlin", "currency": "EUR" });
    assert_eq!(made, expected);
    assert!(folder.has("quittance.db"));
    assert_eq!(folder.json(&["network", "list"]), json!({ "networks": [expected] }));
    let set = folder.json(&["network", "set", "auto_approve=true", "invoice_prefix=7", "week_start=sunday"]);
    assert_eq!(set["settings"]["auto_approve"], true);
    assert_eq!(set["settings"]["invoice_prefix"], "7");
    assert_eq!(set["settings"]["rate_max_age_days"], 7);
    assert_eq!(set["settings"]["locked_through"], Value::Null);
    assert_eq!(folder.json(&["network", "show"]), set);
    let list = folder.done(&["network", "list"]);
    assert_eq!(list, "ID  NAME   TIME ZONE      CURRENCY\n 1  First  Europe/Berlin  EUR\n");
}

#[test]
fn one_of_several_networks_must_be_named() {
    let folder = Folder::new();
    folder.done(&["network", "create", "First"]);
    folder.done(&["network", "create", "Second"]);
    let error = folder.fails(1, &["network", "show"]);
    assert_eq!(error, "error: there are several networks, say which with --network NAME: First, Second\n");
    assert_eq!(folder.json(&["--network", "Second", "network", "show"])["name"], "Second");
    assert_eq!(folder.json(&["network", "show", "--network", "First"])["name"], "First");
    let error = folder.fails(1, &["network", "show", "--network", "Third"]);
    assert!(error.contains("no network \"Third\"; there are: First, Second"), "{error}");
}

#[test]
fn wrong_usage_and_refusals_have_their_own_statuses() {
    let folder = Folder::new();
    folder.fails(2, &[]);
    folder.fails(2, &["nonsense"]);
    folder.fails(2, &["network", "set"]);
    folder.fails(2, &["network", "set", "auto_approve"]);
    assert!(folder.fails(2, &["network", "create", "X", "--currency", "USX"]).contains("'USX'"));
    assert!(!folder.has("quittance.db"), "wrong usage touches nothing");
    assert!(folder.fails(1, &["network", "show"]).contains("quittance network create"));
    folder.done(&["network", "create", "First"]);
    assert!(folder.fails(1, &["network", "create", "First"]).contains("already"));
    let error = folder.fails(1, &["network", "set", "auto_aprove=true"]);
    assert_eq!(error, "error: there is no setting \"auto_aprove\": did you mean auto_approve?\n");
    assert!(folder.fails(1, &["network", "set", "overpayment=maybe"]).contains("neither refuse nor credit"));
    let error = folder.fails(1, &["--database", "mysql://x", "network", "list"]);
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_key_is_printed_once() {
    let folder = Folder::new();
    folder.done(&["import", "network", folder.write("network.toml", FILE).to_str().unwrap()]);
    let made = folder.json(&["keys", "create", "--role", "admin", "--name", "nightly"]);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("qk_") && key.len() == 67, "{key}");
    assert_eq!((&made["id"], &made["role"]), (&json!(1), &json!("admin")));
    let made = folder.json(&["keys", "create", "--role", "affiliate", "--affiliate", "27"]);
    assert_eq!(made["affiliate_id"], 27);
    assert_ne!(made["key"], key);
    let text = folder.done(&["keys", "create", "--role", "manager", "--manager", "3"]);
    assert!(text.starts_with("qk_") && text.trim_end().len() == 67, "{text}");
    assert_eq!(folder.json(&["keys", "revoke", "2"]), json!({ "id": 2, "revoked": true }));
    let listed = folder.json(&["keys", "list"]);
    let keys = listed["keys"].as_array().unwrap();
    let revoked: Vec<bool> = keys.iter().map(|key| !key["revoked_at"].is_null()).collect();
    assert_eq!(revoked, [false, true, false]);
    assert!(!listed.to_string().contains(&key[3..]));
    assert!(folder.done(&["keys", "list"]).contains("nightly"));
}

#[test]
fn users_are_made_listed_disabled_and_enabled() {
    let folder = Folder::new();
    folder.done(&["import", "network", folder.write("network.toml", FILE).to_str().unwrap()]);
    let create =
        ["users", "create", "--email", "Bea@Example.com", "--name", "Bea", "--role", "affiliate", "--affiliate", "27"];
    let made = folder.json(&create);
    let of = |user: &Value| {
        let members = ["id", "email", "name", "role", "affiliate_id", "status"];
        Value::from_iter(members.map(|member| user[member].clone()))
    };
    assert_eq!(of(&made), json!([1, "bea@example.com", "Bea", "affiliate", 27, "active"]));
    let key = folder.json(&["keys", "create", "--user", "1"]);
    assert_eq!((&key["role"], &key["affiliate_id"], &key["user_id"]), (&json!("affiliate"), &json!(27), &json!(1)));
    assert_eq!(folder.json(&["users", "disable", "1"])["status"], "disabled");
    assert!(folder.json(&["keys", "list"])["keys"][0]["suspended_at"].is_string());
    assert!(folder.fails(1, &["keys", "create", "--user", "1"]).contains("user 1 is disabled"));
    assert_eq!(folder.done(&["users", "enable", "1"]), "user 1 is active\n");
    assert!(folder.json(&["keys", "list"])["keys"][0]["suspended_at"].is_null());
    assert_eq!(of(&folder.json(&["users", "list"])["users"][0]), of(&made));
    assert!(folder.done(&["users", "list"]).contains("bea@example.com"));
    assert_eq!(folder.json(&["users", "erase", "1"])["email"], Value::Null);
    assert!(
        folder
            .fails(1, &create[..].iter().map(|a| if *a == "27" { "5" } else { a }).collect::<Vec<_>>())
            .contains("no affiliate 5")
    );
    assert!(folder.fails(1, &["users", "disable", "9"]).contains("no user 9"));
    folder.fails(2, &["users", "create", "--email", "x@example.com", "--name", "X"]);
    folder.fails(2, &["keys", "create", "--user", "1", "--role", "admin"]);
}

#[test]
fn a_key_needs_the_id_of_its_role_and_no_other() {
    let folder = Folder::new();
    folder.done(&["network", "create", "First"]);
    folder.fails(2, &["keys", "create"]);
    folder.fails(2, &["keys", "create", "--role", "king"]);
    let error = folder.fails(2, &["keys", "create", "--role", "affiliate"]);
    assert_eq!(error, "error: --role affiliate needs --affiliate ID\n");
    let error = folder.fails(2, &["keys", "create", "--role", "viewer", "--manager", "3"]);
    assert_eq!(error, "error: --manager goes with --role manager, not with --role viewer\n");
    folder.fails(2, &["keys", "create", "--role", "affiliate", "--affiliate", "1", "--manager", "1"]);
    assert!(folder.fails(1, &["keys", "create", "--role", "affiliate", "--affiliate", "1"]).contains("no affiliate 1"));
    assert!(folder.fails(1, &["keys", "revoke", "9"]).contains("no key 9"));
}

#[test]
fn a_network_file_is_imported_as_toml_and_json() {
    let folder = Folder::new();
    let path = folder.write("network.toml", FILE);
    let output = folder.run(&["import", "network", path.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["network"], json!({ "id": 1, "name": "Example Network", "created": true }));
    assert_eq!(report["affiliates"], json!({ "created": 1, "updated": 0, "unchanged": 0 }));
    assert_eq!(folder.json(&["network", "show"])["settings"]["auto_approve"], true);
    let path =
        folder.write("update.json", r#"{"affiliates": [{"id": 27, "on_hold": true}, {"id": 28, "name": "Two"}]}"#);
    let text = folder.done(&["import", "network", path.to_str().unwrap()]);
    let row = text.lines().find(|line| line.starts_with("affiliates")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["affiliates", "1", "1", "0"]);
}

#[test]
fn what_is_wrong_in_a_network_file_is_named_line_by_line() {
    let folder = Folder::new();
    let wrong =
        FILE.replace("minimum_payment = \"50\"", "minimum_payment = 50.5").replace("manager = 3", "manager = 4");
    let path = folder.write("network.toml", &wrong);
    let error = folder.fails(1, &["import", "network", path.to_str().unwrap()]);
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(lines[0].contains("currencies[0].minimum_payment: 50.5 is a number"), "{error}");
    assert!(lines[1].contains("affiliates[0].manager: there is no manager 4"), "{error}");
    assert!(lines[2].ends_with("nothing was imported"), "{error}");
    assert_eq!(folder.json(&["network", "list"]), json!({ "networks": [] }));
    let path = folder.write("broken.toml", "[network\nname = 1");
    let error = folder.fails(1, &["import", "network", path.to_str().unwrap()]);
    assert!(error.contains("cannot understand") && error.contains("line 1"), "{error}");
    assert!(folder.fails(1, &["import", "network", "missing.toml"]).contains("cannot read missing.toml"));
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let folder = Folder::new();
    folder.write("quittance.toml", "database = \"sqlite://file.db\"\n");
    folder.done(&["migrate"]);
    assert!(folder.has("file.db"));
    let with_variable = |args: &[&str]| {
        let done = folder.command(args).env("QUITTANCE_DATABASE_URL", "sqlite://variable.db").status().unwrap();
        assert!(done.success());
    };
    with_variable(&["migrate", "--database", "sqlite://flag.db"]);
    assert!(folder.has("flag.db") && !folder.has("variable.db"));
    with_variable(&["migrate"]);
    assert!(folder.has("variable.db"));
    folder.write("other.toml", "databse = \"x\"\n");
    let error = folder.fails(2, &["migrate", "--config", "other.toml"]);
    assert_eq!(error, "error: other.toml: there is no key \"databse\": did you mean database?\n");
    assert!(folder.fails(1, &["migrate", "--config", "missing.toml"]).contains("missing.toml"));
    let misspelt = folder.command(&["migrate"]).env("QUITTANCE_NETWROK", "x").output().unwrap();
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(stderr(&misspelt).contains("did you mean QUITTANCE_NETWORK?"));
}

#[test]
fn several_processes_may_start_at_once() {
    let folder = Folder::new();
    let children: Vec<_> = (0..6).map(|_| folder.command(&["migrate", "--json"]).spawn().unwrap()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert!(folder.json(&["migrate"])["schema_version"].as_i64().unwrap() >= 1);
}

#[test]
fn help_tells_the_exit_statuses_and_every_command_has_some() {
    let folder = Folder::new();
    let help = folder.done(&["--help"]);
    assert!(help.contains("2 wrong usage") && help.contains("--database"), "{help}");
    for command in [&["network", "set"][..], &["keys", "create"], &["import", "network"], &["migrate"], &["pull"]] {
        let help = folder.done(&[command, &["--help"]].concat());
        assert!(help.len() > 300, "{command:?}: {help}");
    }
}

#[test]
fn a_backup_is_whole_and_is_put_back_where_nothing_is() {
    let folder = Folder::new();
    folder.json(&["network", "create", "First"]);
    let backup = folder.json(&["backup", "copy.db"]);
    assert_eq!(backup["file"], "copy.db");
    assert!(folder.has("copy.db"));
    // What a backup that was killed has left goes with the next one.
    folder.write("yesterday.db.quittance-partial", "half");
    folder.json(&["backup", "second.db"]);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains("partial")).collect::<Vec<_>>(), Vec::<String>::new());
    // Neither a backup nor a database is overwritten.
    let again = folder.run(&["backup", "copy.db"]);
    assert!(stderr(&again).contains("copy.db: there is a file of that name already"), "{}", stderr(&again));
    let over = folder.run(&["restore", "copy.db"]);
    assert!(stderr(&over).contains("quittance.db: there is a file of that name already"), "{}", stderr(&over));
    folder.json(&["network", "create", "Second"]);
    let restored = folder.json(&["restore", "copy.db", "--database", "sqlite://other.db"]);
    assert_eq!(restored["networks"], json!(["First"]));
    assert_eq!(folder.json(&["verify", "--database", "sqlite://other.db"])["ok"], true);
    // What is no backup is not put in place.
    let text = "a text that is no database, and long enough not to be taken for an empty one\n".repeat(20);
    folder.write("text.db", &text);
    for (file, why) in [("text.db", "not a database"), ("none.db", "there is no such file")] {
        let refused = folder.run(&["restore", file, "--database", "sqlite://third.db"]);
        assert!(!refused.status.success() && stderr(&refused).contains(why), "{}", stderr(&refused));
        assert!(!folder.has("third.db"));
    }
    let postgres = folder.run(&["restore", "copy.db", "--database", "postgres://localhost/x"]);
    assert!(stderr(&postgres).contains("pg_restore"), "{}", stderr(&postgres));
}

#[test]
fn parquet_is_told_by_its_first_bytes_also_from_a_stream() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/tests/data/parquet/typed.parquet");
    let folder = Folder::new();
    folder.json(&["network", "create", "First", "--time-zone", "UTC"]);
    folder.json(&["network", "set", "create_missing=true"]);
    std::fs::copy(data, folder.path().join("typed.parquet")).unwrap();
    let counts = |output: &std::process::Output| {
        let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
        ["created", "unchanged", "rejected"].map(|name| counts[name].as_u64().unwrap())
    };
    let read = folder.run(&["import", "conversions", "typed.parquet", "--json"]);
    assert_eq!((read.status.code(), counts(&read)), (Some(1), [6, 0, 1]), "{}", stderr(&read));
    let rejected = std::fs::read_to_string(folder.path().join("typed.parquet.rejected.csv")).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(
        lines[0],
        "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,revenue,sub1,score,line,reason"
    );
    assert!(lines[1].starts_with("p7,5,1,nonsense,2026-01-31T12:30:02Z,1.0000,1.00,c,0.5,7,\"status: "), "{rejected}");
    assert_eq!(lines.len(), 2);
    // A stream is copied first. A pipe with a name is one, too.
    for name in ["-", "/dev/stdin"] {
        let piped = folder
            .command(&["import", "conversions", name, "--json", "--format", "parquet"])
            .stdin(std::fs::File::open(data).unwrap())
            .output()
            .unwrap();
        assert_eq!((piped.status.code(), counts(&piped)), (Some(1), [0, 6, 1]), "{name}: {}", stderr(&piped));
    }
    folder.write("plain.csv", "conversion_id,status\n");
    let said = folder.fails(1, &["import", "conversions", "plain.csv", "--format", "parquet"]);
    assert!(said.contains("plain.csv is no Parquet"), "{said}");
    let said = folder.fails(1, &["import", "conversions", "no-such-file"]);
    assert!(said.contains("no-such-file cannot be read"), "{said}");
}

#[test]
fn a_key_ends_with_the_start_of_a_day_in_the_zone_of_its_network() {
    let folder = Folder::new();
    folder.json(&["network", "create", "First", "--time-zone", "America/New_York"]);
    let ends =
        |when: &str| folder.json(&["keys", "create", "--role", "viewer", "--expires", when])["expires_at"].clone();
    // Midnight in New York is 05:00 UTC in winter.
    assert_eq!(ends("2027-01-01"), "2027-01-01T05:00:00Z");
    assert_eq!(ends("2027-01-01 12:00:00"), "2027-01-01T17:00:00Z");
    assert_eq!(ends("2027-01-01T12:00:00Z"), "2027-01-01T12:00:00Z");
    assert!(folder.fails(1, &["keys", "create", "--role", "viewer", "--expires", "soon"]).contains("--expires"));
}

#[test]
fn counts_are_told_although_the_rejected_rows_cannot_be_written() {
    let folder = Folder::new();
    folder.json(&["network", "create", "First"]);
    folder.json(&["network", "set", "create_missing=true"]);
    folder.write("in.csv", "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\na,1,1,approved,2026-01-05 10:00:00,1\nb,1,1,nonsense,2026-01-05 10:00:00,1\n");
    std::fs::create_dir(folder.path().join("in.csv.rejected.csv")).unwrap();
    let output = folder.run(&["import", "conversions", "in.csv", "--json"]);
    let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &counts["created"], &counts["rejected"]), (Some(1), &json!(1), &json!(1)));
    assert!(stderr(&output).contains("in.csv.rejected.csv cannot be written"), "{}", stderr(&output));
}

/// Each writing command with a key, and again: it prints the same, and does nothing twice.
#[test]
fn commands_with_a_key_are_done_once() {
    let folder = Folder::new();
    let make = ["network", "create", "First", "--key", "make"];
    assert_eq!(folder.done(&make), folder.done(&make));
    folder.json(&["network", "set", "create_missing=true", "auto_approve=true", "require_payment_method=false"]);
    folder.write("in.csv", "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\na,1,1,approved,2026-01-05 10:00:00,9\nb,2,1,approved,2026-01-05 10:00:00,9\n");
    let import = ["import", "conversions", "in.csv", "--key", "import"];
    assert_eq!(folder.done(&import), folder.done(&import));
    let bill = ["bill", "--through", "2026-01-31", "--key", "bill"];
    assert_eq!(folder.done(&bill), folder.done(&bill));
    // A file that holds something else is another command; one of which a row was refused ends as it did.
    folder.write("in.csv", "conversion_id,affiliate_id,offer_id,status,occurred_at,payout\nc,1,1,pending,2026-01-05 10:00:00,9\nd,x,1,pending,2026-01-05 10:00:00,9\n");
    assert!(folder.fails(2, &import).contains("used for another command"));
    let import = ["import", "conversions", "in.csv", "--key", "half"];
    folder.fails(1, &import);
    assert!(folder.fails(1, &import).contains("nothing was done now"));
    assert!(folder.fails(2, &["import", "conversions", "-", "--key", "stream"]).contains("name a file"));
    let correct = ["invoice", "correct", "1", "--amount", "1", "--comment", "x", "--key", "correct"];
    assert_eq!(folder.done(&correct), folder.done(&correct));
    // Of several, one is paid already: the others are voided once, and the repeat tries that one again.
    folder.done(&["invoice", "pay", "2"]);
    let void = ["invoice", "void", "1", "2", "--key", "void"];
    let first = folder.fails(1, &void);
    assert_eq!((first.contains("invoice 1:"), first.contains("invoice 2:")), (false, true), "{first}");
    assert_eq!(folder.fails(1, &void), first);
    let invoices = folder.json(&["invoices"]);
    let shown = |i: usize| (invoices["invoices"][i]["status"].clone(), invoices["invoices"][i]["billed"].clone());
    assert_eq!((shown(0), shown(1)), ((json!("void"), json!("10.00")), (json!("paid"), json!("9.00"))));
    // A secret is shown once, and is in nothing that is kept.
    let create = ["keys", "create", "--role", "viewer", "--key", "secret"];
    let (secret, again) = (folder.done(&create), folder.done(&create));
    assert!(secret.starts_with("qk_") && !again.contains("qk_") && again.contains("shown once"), "{again}");
    assert_eq!(folder.json(&["keys", "list"])["keys"].as_array().unwrap().len(), 1);
    assert!(folder.fails(2, &["invoices", "--key", "x"]).contains("changes nothing"));
    assert!(folder.fails(1, &["bill", "--through", "2026-01-31", "--key", ""]).contains("1 to 255 printable"));
    assert_eq!(folder.json(&["verify"])["ok"], true);
}
