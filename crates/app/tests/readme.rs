//! The README's commands do what it says they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;

use folder::Folder;

const README: &str = include_str!("../../../README.md");

const NETWORK: &str = r#"
[[payment_systems]]
id = 13
title = "PayPal"
type = "paypal"
fields = [{ id = 4, label = "Email", required = true }]

[[affiliates]]
id = 27
name = "MediaBridge Partners"
payment_methods = [{ system = 13, currency = "USD", main = true, fields = { 4 = "pay@mediabridge.example" } }]

[[offers]]
id = 3
name = "Example Offer"
"#;

const CONVERSIONS: &str = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency\n\
    a1,27,3,approved,2026-10-05T12:00:00Z,80.25,USD\n\
    a2,27,3,approved,2026-10-31T23:00:00Z,70.50,USD\n";

/// The shell commands of the README that run the installed program, without their comments.
fn commands() -> Vec<Vec<String>> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("quittance "));
    lines.map(|line| words(line.split("  #").next().unwrap_or(line))).collect()
}

/// A command line's words; quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let words = quoted.flat_map(|(i, part)| {
        if i % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
    });
    words.collect()
}

#[test]
fn each_command_works_in_its_order() {
    let folder = Folder::new();
    folder.write("network.toml", NETWORK);
    folder.write("october.csv", CONVERSIONS);
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    let mut said = Vec::new();
    for command in &commands {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        if args == ["serve"] {
            args.push("--check");
        }
        said.push(folder.done(&args));
    }
    let all = said.join("\n");
    // 80.25 and 70.50, of which 100 are paid; the second was on 31 October in New York, too.
    for figure in ["150.75", "100.00", "50.75"] {
        assert!(all.contains(figure), "{figure} is missing in:\n{all}");
    }
}
