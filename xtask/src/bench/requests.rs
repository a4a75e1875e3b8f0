//! Conversions over HTTP: one by one from many callers at once, beside one commit for each; and in batches, beside a file.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use super::load::{exchange, load};
use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report};
use super::{Bed, Round, set_up};

/// How many callers there are at the same time.
const CALLERS: usize = 64;
/// For how long.
const SECONDS: u64 = 10;
/// How many records a batch has.
const BATCH_RECORDS: usize = 1_000;
/// Limits that are not in the way: one key makes all requests.
const LIMITS: [&str; 4] = ["--limit", "requests_per_second=1000000", "--limit", "requests_burst=1000000"];

/// Measures the requests of one database, over the conversions of a file.
pub(super) fn measure(bed: &Bed<'_>, csv: &Path, place: Place, report: &mut Report) -> anyhow::Result<()> {
    bed.round(|round| singles(round, place, report))?;
    let mut file = 0.0;
    bed.round(|Round { ours, .. }| {
        set_up(ours)?;
        file = ours.run(&["import", "conversions", &csv.display().to_string()])?.cost.wall;
        Ok(())
    })?;
    bed.round(|round| {
        let batches = batches(round, csv)?;
        let mut add = |id, what, value, unit, goal| report.add(place, id, what, (value, unit), goal);
        add("", "conversions of a file", place.conversions as f64 / file, "/s", Goal::None);
        add("", "conversions in batches of 1,000", place.conversions as f64 / batches, "/s", Goal::None);
        add("N3", "batches of 1,000 ÷ file", file / batches, "×", Goal::AtLeast(0.7));
        Ok(())
    })
}

/// A server with a key of a role, and limits that are not in the way.
pub(super) fn serve(ours: &Program, role: &str) -> anyhow::Result<(Server, String)> {
    Ok((Server::start(ours, &LIMITS)?, ours.key(role)?))
}

/// A GET of a path, with a bearer's key.
pub(super) fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n").into_bytes()
}

fn singles(Round { ours, bare, .. }: &Round, place: Place, report: &mut Report) -> anyhow::Result<()> {
    set_up(ours)?;
    let (server, key) = serve(ours, "tracker")?;
    let postback = |id: String, caller: usize| {
        let path = format!(
            "/postback?conversion_id={id}&affiliate_id={}&offer_id={}&status=approved&payout=1.25&payout_currency=USD&occurred_at=1768471200",
            caller % 50 + 1,
            caller % 7 + 1
        );
        get(&path, &key)
    };
    // The affiliates and offers are made first.
    load(&server.address, CALLERS, 1, &|caller, n| postback(format!("w{caller}-{n}"), caller))?;
    let commits = bare.commits(SECONDS)?;
    let alone = load(&server.address, 1, SECONDS, &|caller, n| postback(format!("a{caller}-{n}"), caller))?;
    let many = load(&server.address, CALLERS, SECONDS, &|caller, n| postback(format!("m{caller}-{n}"), caller))?;
    let mut add = |id, what, value, unit, goal| report.add(place, id, what, (value, unit), goal);
    add("", "commits of one row each", commits, "/s", Goal::None);
    add("", "postbacks of one caller", alone.rate, "/s", Goal::None);
    add("", "postbacks of 64 callers", many.rate, "/s", Goal::None);
    add("N1", "64 callers ÷ commits of one row each", many.rate / commits, "×", Goal::AtLeast(20.0));
    add("", "64 callers ÷ one caller", many.rate / alone.rate, "×", Goal::None);
    add("N2", "postback of 64 callers, p99", many.p99_ms, "ms", Goal::AtMost(50.0));
    Ok(())
}

/// The seconds that all conversions take in batches.
fn batches(Round { ours, .. }: &Round, csv: &Path) -> anyhow::Result<f64> {
    set_up(ours)?;
    let bodies = Mutex::new(bodies(csv)?.into_iter());
    let (server, key) = serve(ours, "tracker")?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| send_all(&server.address, &key, &bodies))).collect();
        senders.into_iter().try_for_each(|sender| sender.join().unwrap_or_else(|_| bail!("a sender ended")))
    })?;
    Ok(start.elapsed().as_secs_f64())
}

fn send_all(address: &str, key: &str, bodies: &Mutex<std::vec::IntoIter<String>>) -> anyhow::Result<()> {
    let (mut stream, mut answer) = (connect(address)?, Vec::new());
    loop {
        let next = bodies.lock().map_err(|_| anyhow::anyhow!("a sender ended"))?.next();
        let Some(body) = next else { return Ok(()) };
        let head = format!(
            "POST /billing/v1/conversions:batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        exchange(&mut stream, &[head.as_bytes(), body.as_bytes()].concat(), &mut answer)?;
        ensure!(String::from_utf8_lossy(&answer).contains("\"rejected\":0"), "a batch was refused in part");
    }
}

/// The conversions of a file as JSON arrays.
fn bodies(csv: &Path) -> anyhow::Result<Vec<String>> {
    let mut lines = BufReader::new(std::fs::File::open(csv)?).lines();
    let header = lines.next().context("an empty file")??;
    let names: Vec<&str> = header.split(',').collect();
    let (mut bodies, mut records) = (Vec::new(), Vec::with_capacity(BATCH_RECORDS));
    let numbers = ["affiliate_id", "offer_id", "occurred_at"];
    let mut close = |records: &mut Vec<String>| {
        bodies.push(format!("[{}]", records.join(",")));
        records.clear();
    };
    for line in lines {
        let line = line?;
        let member = |(name, value): (&&str, &str)| {
            if numbers.contains(name) { format!("\"{name}\":{value}") } else { format!("\"{name}\":\"{value}\"") }
        };
        let members: Vec<String> = names.iter().zip(line.split(',')).map(member).collect();
        records.push(format!("{{{}}}", members.join(",")));
        if records.len() == BATCH_RECORDS {
            close(&mut records);
        }
    }
    if !records.is_empty() {
        close(&mut records);
    }
    Ok(bodies)
}

/// A page of invoices beside an empty route, both read by many clients at once.
pub(super) fn listing(ours: &Program, place: Place, report: &mut Report) -> anyhow::Result<()> {
    let (server, key) = serve(ours, "viewer")?;
    let (empty, list) = (get("/healthz", &key), get("/billing/v1/invoices?limit=50", &key));
    load(&server.address, CALLERS, 1, &|_, _| list.clone())?;
    let empty = load(&server.address, CALLERS, SECONDS, &|_, _| empty.clone())?;
    let list = load(&server.address, CALLERS, SECONDS, &|_, _| list.clone())?;
    let mut add = |id, what, value, unit, goal| report.add(place, id, what, (value, unit), goal);
    add("", "empty route, 64 clients", empty.rate, "/s", Goal::None);
    add("", "page of 50 invoices, 64 clients", list.rate, "/s", Goal::None);
    add("N4", "page of 50 invoices ÷ empty route", list.rate / empty.rate, "×", Goal::AtLeast(0.25));
    add("N5", "page of 50 invoices, p99", list.p99_ms, "ms", Goal::AtMost(25.0));
    Ok(())
}
