//! Reading over HTTP: how long the conversions of one invoice take to arrive.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::program::Program;

/// How many invoices are asked for.
const REQUESTS: u64 = 900;

/// A server of ours, stopped when dropped.
pub(super) struct Server {
    /// Where it listens.
    pub(super) address: String,
    child: std::process::Child,
}

impl Server {
    /// Starts one on a free port, with further arguments.
    pub(super) fn start(program: &Program, more: &[&str]) -> anyhow::Result<Server> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = program.start(&[&["serve", "--listen", &address], more].concat())?;
        Ok(Server { address, child })
    }

    /// Its process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The 99th percentile, in milliseconds, of the first page of an invoice's conversions, over invoices spread evenly.
pub(crate) fn conversions_p99_ms(program: &Program, invoices: u64) -> anyhow::Result<f64> {
    let key = program.key("viewer")?;
    let server = Server::start(program, &[])?;
    let mut stream = BufReader::new(connect(&server.address)?);
    let mut times = Vec::new();
    for i in 0..REQUESTS {
        let invoice = i * invoices.max(1) / REQUESTS + 1;
        let start = Instant::now();
        get(&mut stream, &format!("/billing/v1/invoices/{invoice}/conversions"), &key)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() * 99 / 100])
}

/// A connection, as soon as the server listens.
pub(super) fn connect(address: &str) -> anyhow::Result<TcpStream> {
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect(address) {
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the server does not answer")
}

/// One request on a connection that stays open.
fn get(stream: &mut BufReader<TcpStream>, path: &str, key: &str) -> anyhow::Result<()> {
    write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n")?;
    let (mut status, mut length) = (String::new(), 0);
    stream.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    ensure!(status.contains(" 200 "), "{path}: {}", status.trim());
    Ok(())
}
