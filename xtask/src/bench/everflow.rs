//! Searches among a million invoices over the Everflow interface: what each filter that finds at most ten thousand costs at
//! its worst, beside the first page of all; and what a page deep in them costs.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::million::{INVOICES, MANAGER, NAME, TERMS, day};
use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report, median};
use super::requests::serve;

/// Where invoices are searched for.
const TABLE: &str = "/v1/networks/billings/affiliates/invoicestable";
/// Where they are summed up.
const SUMMARY: &str = "/v1/networks/billings/affiliates/summary";
/// Where their status is changed.
const STATUS: &str = "/v1/networks/billings/affiliates/invoices";
/// How often each request is made.
const REQUESTS: usize = 300;
/// How many invoices each filter finds at most.
const FOUND: u64 = 10_000;
/// How many of them each finds at least, but for one that looks for a single invoice.
const FOUND_AT_LEAST: u64 = 8_000;
/// How many are changed at a time.
const TOGETHER: u64 = 1_000;

fn filters(text: &str) -> String {
    format!(r#"{{"filters":{{{text}}}}}"#)
}

fn word(word: &str) -> String {
    format!(r#"{{"search_terms":[{{"search_type":"name","value":"{word}"}}]}}"#)
}

/// A range with steps, as JSON has it.
fn list(ids: impl Iterator<Item = u64>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

/// The filters of the vendor's documents, each by itself: what its row is called, and the body.
fn searches() -> Vec<(&'static str, String)> {
    let days = INVOICES / FOUND;
    vec![
        ("E1: status paid", filters(r#""affiliate_invoice_status":"paid""#)),
        ("E1: status deleted", filters(r#""affiliate_invoice_status":"deleted""#)),
        ("E1: hidden", filters(r#""is_hidden_affiliate":"hidden""#)),
        ("E1: payment terms", filters(&format!(r#""payment_terms":[{TERMS}]"#))),
        ("E1: least start", filters(&format!(r#""min_start_time":"{}""#, day(days - 1)))),
        ("E1: greatest end", filters(&format!(r#""max_end_time":"{}""#, day(0)))),
        ("E1: least balance", filters(r#""min_balance":90.09"#)),
        ("E1: greatest balance", filters(r#""max_balance":0.01"#)),
        ("E1: partners", filters(&format!(r#""network_affiliate_ids":[{}]"#, list((1..=days).map(|n| n * 97))))),
        ("E1: managers", filters(&format!(r#""account_manager_ids":[{MANAGER}]"#))),
        (
            "E1: ids, 10,000",
            filters(&format!(r#""network_affiliate_invoice_ids":[{}]"#, list((1..=FOUND).map(|n| n * 97)))),
        ),
        (
            "E1: ids, 1,000",
            filters(&format!(r#""network_affiliate_invoice_ids":[{}]"#, list((1..=1_000).map(|n| n * 970)))),
        ),
        ("E1: a part of names", word(NAME)),
        ("E1: an id as a word", word("123456")),
    ]
}

/// Pays the invoices of the second day, and deletes those of the third, so that there are both.
pub(super) fn mark(ours: &Program) -> anyhow::Result<()> {
    let (server, key) = serve(ours, "admin")?;
    for (status, first) in [("paid", FOUND), ("deleted", 2 * FOUND)] {
        for start in (first + 1..=first + FOUND).step_by(TOGETHER as usize) {
            let ids = list(start..start + TOGETHER);
            ask(&server, &key, ("PATCH", STATUS), &format!(r#"{{"invoice_ids":[{ids}],"status":"{status}"}}"#))?;
        }
    }
    Ok(())
}

/// Measures searches of one database.
pub(super) fn measure(ours: &Program, place: Place, report: &mut Report) -> anyhow::Result<()> {
    let (server, key) = serve(ours, "viewer")?;
    let times = |path: &str, body: &str| -> anyhow::Result<Vec<f64>> {
        let mut times = Vec::new();
        for i in 0..=REQUESTS {
            let start = Instant::now();
            ask(&server, &key, ("POST", path), body)?;
            // The first one of its kind is not counted.
            times.extend((i > 0).then(|| start.elapsed().as_secs_f64() * 1e3));
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    };
    let first = median(&times(TABLE, "")?);
    report.add(place, "", "Everflow: first page of all invoices, p50", (first, "ms"), Goal::None);
    let whole = median(&times(SUMMARY, "")?);
    report.add(place, "", "Everflow: summary of all invoices, p50", (whole, "ms"), Goal::None);
    for (page, what) in
        [(10_000, "Everflow: page 10,000 ÷ first page, p50"), (19_000, "Everflow: page 19,000 ÷ first page, p50")]
    {
        let deep = median(&times(&format!("{TABLE}?page={page}"), "")?);
        report.add(place, "", what, (deep / first, "×"), Goal::None);
    }
    let mut worst: f64 = 0.0;
    for (name, body) in searches() {
        let found = ask(&server, &key, ("POST", SUMMARY), &body)?["total_count"].as_u64().context("no count")?;
        let single = name.ends_with("as a word");
        ensure!(
            found <= FOUND && (single || name.ends_with("1,000") || found >= FOUND_AT_LEAST),
            "{name} finds {found}"
        );
        let mut slowest: f64 = 0.0;
        for (path, what) in [(TABLE, "table"), (SUMMARY, "summary")] {
            let times = times(path, &body)?;
            let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            eprintln!("{name}, {what}: finds {found}, p50 {p50:.2} ms, p99 {p99:.2} ms, first page {first:.2} ms");
            slowest = slowest.max(p99);
        }
        report.add(place, "E1", name, (slowest / first, "×"), Goal::AtMost(10.0));
        worst = worst.max(slowest);
    }
    report.add(place, "E1", "Everflow: worst filter, p99 ÷ first page, p50", (worst / first, "×"), Goal::AtMost(10.0));
    Ok(())
}

fn ask(server: &Server, key: &str, (method, path): (&str, &str), body: &str) -> anyhow::Result<serde_json::Value> {
    let mut stream = connect(&server.address)?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nX-Eflow-API-Key: {key}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {}", answer.lines().next().unwrap_or_default());
    let body = answer.split_once("\r\n\r\n").context("no body")?.1;
    Ok(serde_json::from_str(body)?)
}
