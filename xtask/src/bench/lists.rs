//! Long lists over HTTP: what sixteen of them at the same time add to the server's memory, and what a page deep in a list
//! costs beside the first one.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::Bed;
use super::million::{INVOICES, fill, settle};
use super::program::Program;
use super::reading::{Server, connect};
use super::report::{Goal, Place, Report, median};

/// How many long lists are read at the same time.
const READERS: usize = 16;
/// The longest list there is.
const LONG: &str = "row_limit=10000";
/// The pages that are compared.
const FIRST: &str = "start_at_row=1";
const DEEP: &str = "start_at_row=900001";
/// How often each page is read.
const PAGES: usize = 200;

/// Measures the lists of one database.
pub(crate) fn measure(bed: &Bed<'_>, rounds: u32, report: &mut Report) -> anyhow::Result<()> {
    let place = Place { database: bed.name, conversions: INVOICES };
    bed.round(|round| {
        let ours = &round.ours;
        eprintln!("{INVOICES} invoices on {}", bed.name);
        fill(ours)?;
        settle(ours)?;
        let key = ours.key("viewer")?;
        for round in 1..=rounds {
            eprintln!("lists on {}, round {round} of {rounds}", bed.name);
            let bytes = memory(ours, &key)?;
            let what = "16 lists of 10,000 invoices: memory above idle";
            report.add(place, "L1", what, (bytes / 1e6, "MB"), Goal::AtMost(100.0));
            let bytes = export_memory(ours, &key)?;
            let what = "export of all invoices, as CSV and as JSON lines: memory above idle";
            report.add(place, "N6", what, (bytes / 1e6, "MB"), Goal::AtMost(50.0));
            super::requests::listing(ours, place, report)?;
            let (first, deep) = pages(ours, &key)?;
            report.add(place, "", "first page of 100 invoices", (first, "ms"), Goal::None);
            report.add(place, "", "page at row 900,001", (deep, "ms"), Goal::None);
            super::affise::measure(ours, &key, place, report)?;
            report.add(place, "L2", "page at row 900,001 ÷ first page", (deep / first, "×"), Goal::AtMost(3.0));
        }
        super::everflow::mark(ours)?;
        settle(ours)?;
        for round in 1..=rounds {
            eprintln!("searches on {}, round {round} of {rounds}", bed.name);
            super::everflow::measure(ours, place, report)?;
        }
        Ok(())
    })
}

/// A figure of a process in bytes: `VmRSS` is what it holds now, `VmHWM` the most it held.
fn figure(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.with_context(|| format!("no {name}"))? * 1024.0)
}

/// What long lists at the same time add to the memory of a server that has answered once.
fn memory(ours: &Program, key: &str) -> anyhow::Result<f64> {
    let server = Server::start(ours, &[])?;
    get(&server.address, FIRST, key)?;
    let idle = figure(server.process(), "VmRSS")?;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(|| get(&server.address, LONG, key))).collect();
        readers.into_iter().try_for_each(|reader| match reader.join() {
            Ok(read) => read,
            Err(_) => anyhow::bail!("a reader ended"),
        })
    })?;
    Ok(figure(server.process(), "VmHWM")? - idle)
}

/// What whole exports add to the memory of a server that has answered once.
fn export_memory(ours: &Program, key: &str) -> anyhow::Result<f64> {
    let server = Server::start(ours, &[])?;
    let request = |query: &str, accept: &str| {
        format!(
            "GET /billing/v1/invoices{query} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nAccept: {accept}\r\n\
             Connection: close\r\n\r\n"
        )
    };
    drain(&server.address, &request("?limit=1", "application/json"))?;
    let idle = figure(server.process(), "VmRSS")?;
    for accept in ["text/csv", "application/x-ndjson"] {
        let tail = drain(&server.address, &request("", accept))?;
        ensure!(tail.ends_with("\r\n0\r\n\r\n"), "the export as {accept} does not come to its end");
    }
    Ok(figure(server.process(), "VmHWM")? - idle)
}

/// What the first page and a deep one take, in milliseconds: medians of both in turn.
fn pages(ours: &Program, key: &str) -> anyhow::Result<(f64, f64)> {
    let server = Server::start(ours, &[])?;
    let (mut first, mut deep) = (Vec::new(), Vec::new());
    for _ in 0..PAGES {
        for (query, times) in [(FIRST, &mut first), (DEEP, &mut deep)] {
            let start = Instant::now();
            get(&server.address, query, key)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok((median(&first), median(&deep)))
}

/// Reads a list to its end, and holds none of it.
fn get(address: &str, query: &str, key: &str) -> anyhow::Result<()> {
    let path = format!("/api/2/invoices.json?api_key={key}&{query}");
    let tail = drain(address, &format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"))?;
    let total = format!("\"total_rows\":{INVOICES}}}}}");
    ensure!(tail.contains(&total), "{query}: the list does not end with its count");
    Ok(())
}

/// Reads an answer to its end; answers its last bytes.
fn drain(address: &str, request: &str) -> anyhow::Result<String> {
    let mut stream = connect(address)?;
    stream.write_all(request.as_bytes())?;
    let (mut buffer, mut tail) = (vec![0; 64 * 1024], Vec::new());
    let mut status = None;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let bytes = &buffer[..read];
        status.get_or_insert_with(|| String::from_utf8_lossy(&bytes[..read.min(16)]).into_owned());
        tail.extend_from_slice(bytes);
        let excess = tail.len().saturating_sub(64);
        tail.drain(..excess);
    }
    let status = status.unwrap_or_default();
    ensure!(status.contains(" 200"), "{}: {status}", request.lines().next().unwrap_or_default());
    Ok(String::from_utf8_lossy(&tail).into_owned())
}
