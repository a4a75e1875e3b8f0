//! Searches among a million invoices over the Everflow interface: what one filter that finds ten thousand costs at its
//! worst, beside the first page of all.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::ensure;

use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report, median};

/// Where invoices are searched for.
const TABLE: &str = "/v1/networks/billings/affiliates/invoicestable";
/// Where they are summed up.
const SUMMARY: &str = "/v1/networks/billings/affiliates/summary";
/// How often each request is made.
const REQUESTS: usize = 100;
/// How many invoices each filter finds.
const FOUND: u64 = 10_000;

/// The filters by name, with how many invoices each finds. The amounts are those of `lists`: a cent more from one invoice to
/// the next, from 1.00 to 90.99.
fn filters() -> Vec<(&'static str, String)> {
    let ids: Vec<String> = (1..=FOUND).map(|id| (id * 97).to_string()).collect();
    let ids = ids.join(",");
    vec![
        ("balance", r#"{"filters":{"min_balance":90.1}}"#.to_owned()),
        ("partners", format!(r#"{{"filters":{{"network_affiliate_ids":[{ids}]}}}}"#)),
        ("ids", format!(r#"{{"filters":{{"network_affiliate_invoice_ids":[{ids}]}}}}"#)),
        ("name", r#"{"search_terms":[{"search_type":"name","value":"e 1234"}]}"#.to_owned()),
    ]
}

/// Measures searches of one database.
pub(super) fn measure(ours: &Program, key: &str, place: Place, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(ours, &[])?;
    let ask = |path: &str, body: &str| -> anyhow::Result<f64> {
        let start = Instant::now();
        post(&server.address, path, key, body)?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    let times = |path: &str, body: &str| (0..REQUESTS).map(|_| ask(path, body)).collect::<anyhow::Result<Vec<f64>>>();
    ask(TABLE, "")?;
    let first = median(&times(TABLE, "")?);
    report.add(place, "", "Everflow: first page of all invoices, p50", (first, "ms"), Goal::None);
    let whole = median(&times(SUMMARY, "")?);
    report.add(place, "", "Everflow: summary of all invoices, p50", (whole, "ms"), Goal::None);
    let mut worst: f64 = 0.0;
    for (name, body) in filters() {
        for path in [TABLE, SUMMARY] {
            ask(path, &body)?;
            let mut found = times(path, &body)?;
            found.sort_by(f64::total_cmp);
            let p99 = found[found.len() * 99 / 100];
            eprintln!("{name} {path}: p99 {p99:.1} ms, the first page {first:.1} ms");
            worst = worst.max(p99);
        }
    }
    report.add(place, "E1", "Everflow: worst filter, p99 ÷ first page, p50", (worst / first, "×"), Goal::AtMost(10.0));
    Ok(())
}

fn post(address: &str, path: &str, key: &str, body: &str) -> anyhow::Result<()> {
    let mut stream = connect(address)?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: bench\r\nX-Eflow-API-Key: {key}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {}", answer.lines().next().unwrap_or_default());
    Ok(())
}
