//! The payments list of the Affise interface over a million invoices: what its last page costs beside its first one.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::ensure;

use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report, median};

/// The longest page.
const LIMIT: u64 = 500;
/// How often each page is read.
const PAGES: usize = 20;

/// Measures the list of one database with so many invoices.
pub(super) fn measure(ours: &Program, key: &str, place: Place, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(ours, &[])?;
    let last_page = place.conversions.div_ceil(LIMIT);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        for (page, times) in [(1, &mut first), (last_page, &mut last)] {
            let start = Instant::now();
            get(&server.address, page, key, place.conversions)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let (first, last) = (median(&first), median(&last));
    report.add(place, "", "Affise: first page of 500 payments", (first, "ms"), Goal::None);
    report.add(place, "", "Affise: last page of 500 payments", (last, "ms"), Goal::None);
    report.add(place, "A1", "Affise: last page ÷ first page", (last / first, "×"), Goal::AtMost(3.0));
    Ok(())
}

fn get(address: &str, page: u64, key: &str, total: u64) -> anyhow::Result<()> {
    let mut stream = connect(address)?;
    let path = format!("/3.1/payments?date_from=2020-01-01&date_to=2199-12-31&limit={LIMIT}&page={page}");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nAPI-Key: {key}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {}", answer.lines().next().unwrap_or_default());
    ensure!(answer.contains(&format!(r#""total":{total}"#)), "{path}: the list does not end with its count");
    Ok(())
}
