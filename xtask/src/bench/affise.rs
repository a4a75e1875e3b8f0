//! The Affise interface: what making payments over it costs beside a plain billing run of the same data, and what the last page
//! of its list costs beside the first one.

use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::data::{self, Sample};
use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report, median};
use super::{Bed, THROUGH, issued, set_up};

/// The longest page.
const LIMIT: u64 = 500;
/// How often each page is read.
const PAGES: usize = 20;
/// How many conversions each payment of the list has.
const OF_ONE: u64 = 5;
/// How many conversions there are unless it is said.
pub(super) const CONVERSIONS: u64 = 5_000_000;
/// How long a run that goes on after its answer is waited for.
const LONGEST: Duration = Duration::from_secs(600);

/// Measures both on one database.
pub(super) fn measure_all(bed: &Bed<'_>, conversions: u64, rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let place = Place { database: bed.name, conversions };
    let csv = tempfile::NamedTempFile::new()?;
    data::write(Sample::new(conversions, 1), &[csv.path()])?;
    for round in 1..=rounds {
        eprintln!("payments made of {conversions} conversions on {}, round {round} of {rounds}", bed.name);
        let (mut plain, mut invoices) = (0.0, 0);
        bed.round(|made| {
            filled(&made.ours, csv.path())?;
            let bill = made.ours.run(&["bill", "--through", THROUGH, "--json"])?;
            (plain, invoices) = (bill.cost.wall, issued(&bill)?);
            Ok(())
        })?;
        bed.round(|made| {
            let key = filled(&made.ours, csv.path())?;
            let generated = generate(&made.ours, &key, invoices)?;
            report.add(place, "", "billing run", (plain, "s"), Goal::None);
            report.add(place, "", "Affise: generate", (generated, "s"), Goal::None);
            report.add(place, "A2", "Affise: generate ÷ billing run", (generated / plain, "×"), Goal::AtMost(1.5));
            Ok(())
        })?;
    }
    let invoices = conversions / OF_ONE;
    write(csv.path(), invoices)?;
    bed.round(|made| {
        eprintln!("{invoices} payments of {OF_ONE} conversions on {}", bed.name);
        let key = filled(&made.ours, csv.path())?;
        made.ours.run(&["bill", "--through", THROUGH, "--json"])?;
        (1..=rounds).try_for_each(|_| pages(&made.ours, &key, (place, "A3"), invoices, report))
    })
}

/// A database with what is in a file; answers a key.
fn filled(ours: &Program, csv: &Path) -> anyhow::Result<String> {
    set_up(ours)?;
    ours.run(&["import", "conversions", &csv.display().to_string()])?;
    let made = ours.run(&["keys", "create", "--role", "admin", "--json"])?.output;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    Ok(made["key"].as_str().context("no key")?.to_owned())
}

/// So many conversions of each affiliate.
fn write(path: &Path, affiliates: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency")?;
    for affiliate in 1..=affiliates {
        for n in 0..OF_ONE {
            let (day, offer) = ((affiliate + n) % 31 + 1, affiliate % 100 + n + 1);
            writeln!(out, "c{affiliate}-{n},{affiliate},{offer},approved,2026-01-{day:02} 12:00:00,{n}.50,USD")?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The seconds until all payments are made.
fn generate(ours: &Program, key: &str, invoices: u64) -> anyhow::Result<f64> {
    let server = Server::start(ours, &[])?;
    ask(&server.address, "GET", "/3.0/admin/payment_systems", key)?;
    let start = Instant::now();
    ask(&server.address, "POST", &format!("/3.1/payments/generate?date={THROUGH}"), key)?;
    let mut took = start.elapsed();
    loop {
        let list = list(&server.address, 1, 1, key)?;
        if list.contains(&format!(r#""total":{invoices}}}"#)) {
            return Ok(took.as_secs_f64());
        }
        // The answer came before the end.
        ensure!(start.elapsed() < LONGEST, "the payments are not made: {}", &list[list.len().saturating_sub(60)..]);
        std::thread::sleep(Duration::from_millis(50));
        took = start.elapsed();
    }
}

/// Measures the list of one database that has one conversion on each of so many payments.
pub(super) fn measure(ours: &Program, key: &str, place: Place, report: &mut Report) -> anyhow::Result<()> {
    pages(ours, key, (place, "A1"), place.conversions, report)
}

fn pages(
    ours: &Program,
    key: &str,
    (place, id): (Place, &'static str),
    invoices: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = Server::start(ours, &[])?;
    let last_page = invoices.div_ceil(LIMIT);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        for (page, times) in [(1, &mut first), (last_page, &mut last)] {
            let start = Instant::now();
            let answer = list(&server.address, page, LIMIT, key)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            ensure!(answer.contains(&format!(r#""total":{invoices}"#)), "page {page} does not end with the count");
        }
    }
    let (first, last) = (median(&first), median(&last));
    report.add(place, "", "Affise: first page of 500 payments", (first, "ms"), Goal::None);
    report.add(place, "", "Affise: last page of 500 payments", (last, "ms"), Goal::None);
    report.add(place, id, "Affise: last page ÷ first page", (last / first, "×"), Goal::AtMost(3.0));
    Ok(())
}

fn list(address: &str, page: u64, limit: u64, key: &str) -> anyhow::Result<String> {
    let path = format!("/3.1/payments?date_from=2020-01-01&date_to=2199-12-31&limit={limit}&page={page}");
    ask(address, "GET", &path, key)
}

fn ask(address: &str, method: &str, path: &str, key: &str) -> anyhow::Result<String> {
    let mut stream = connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAPI-Key: {key}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {}", answer.lines().next().unwrap_or_default());
    Ok(answer)
}
