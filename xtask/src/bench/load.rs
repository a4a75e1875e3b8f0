//! Load on a server: many connections that stay open, each with one request after another.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::reading::connect;

/// What a load came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Answers a second.
    pub(super) rate: f64,
    /// The 99th percentile of their times, in milliseconds.
    pub(super) p99_ms: f64,
}

/// Sends requests for some seconds over so many connections; the n-th request of a connection is `request(connection, n)`.
/// Each answer must have status 200.
pub(super) fn load(
    address: &str,
    connections: usize,
    seconds: u64,
    request: &(dyn Fn(usize, usize) -> Vec<u8> + Sync),
) -> anyhow::Result<Load> {
    let stop = AtomicBool::new(false);
    let streams = (0..connections).map(|_| connect(address)).collect::<anyhow::Result<Vec<_>>>()?;
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let stop = &stop;
        let send = |(number, stream)| scope.spawn(move || one_connection(number, stream, stop, request));
        let senders: Vec<_> = streams.into_iter().enumerate().map(send).collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for sender in senders {
            match sender.join() {
                Ok(sent) => times.extend(sent?),
                Err(_) => bail!("a sender ended"),
            }
        }
        Ok(times)
    });
    let (mut times, wall) = (times?, start.elapsed().as_secs_f64());
    ensure!(!times.is_empty(), "nothing was answered");
    times.sort_by(f64::total_cmp);
    Ok(Load { rate: times.len() as f64 / wall, p99_ms: times[times.len() * 99 / 100] })
}

fn one_connection(
    number: usize,
    mut stream: TcpStream,
    stop: &AtomicBool,
    request: &(dyn Fn(usize, usize) -> Vec<u8> + Sync),
) -> anyhow::Result<Vec<f64>> {
    let (mut times, mut answer) = (Vec::new(), Vec::with_capacity(64 * 1024));
    while !stop.load(Ordering::Relaxed) {
        let sent = request(number, times.len());
        let start = Instant::now();
        exchange(&mut stream, &sent, &mut answer)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Sends one request and reads its answer, whose status must be 200 and whose length must be told.
pub(super) fn exchange(stream: &mut TcpStream, sent: &[u8], answer: &mut Vec<u8>) -> anyhow::Result<()> {
    stream.write_all(sent)?;
    answer.clear();
    let mut buffer = [0; 16 * 1024];
    let mut whole = None;
    while whole.is_none_or(|length| answer.len() < length) {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the server closed the connection");
        answer.extend_from_slice(&buffer[..read]);
        if whole.is_none() {
            whole = length_of(answer)?;
        }
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(answer));
    Ok(())
}

/// How long a whole answer is, once its head is there.
fn length_of(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..end]);
    let told = head.lines().filter_map(|line| line.split_once(':'));
    let length =
        told.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.trim()).next();
    Ok(Some(end + 4 + length.with_context(|| format!("an answer without a length: {head}"))?.parse::<usize>()?))
}
