//! The program under measurement: run with one command, watched from outside.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::root;

/// `/proc` counts processor time in hundredths of a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What something took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of processors, of the program and of the database's server.
    pub(crate) cpu: f64,
}

/// What a run of the program took and said.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) cost: Cost,
    pub(crate) peak_bytes: f64,
    pub(crate) output: String,
}

/// The processor time of a process, of its living children, and of the ended ones it has waited for.
fn cpu_seconds(process: u32) -> f64 {
    let stat = |id: &str| std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let times = |stat: &str| -> f64 {
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum()
    };
    let parent = |stat: &str| stat.rsplit_once(')').and_then(|(_, f)| f.split_whitespace().nth(1)?.parse().ok());
    let mut ticks = times(&stat(&process.to_string()));
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = stat(&entry.file_name().to_string_lossy());
        if parent(&stat) == Some(process) {
            ticks += times(&stat);
        }
    }
    ticks / TICKS_PER_SECOND
}

/// Measures work that this process, its children or a server do.
pub(crate) fn cost(server: Option<u32>, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Cost> {
    let used = || cpu_seconds(std::process::id()) + server.map_or(0.0, cpu_seconds);
    // A server's process of the work before may still be ending, and would be counted here.
    std::thread::sleep(Duration::from_millis(if server.is_some() { 300 } else { 0 }));
    let (before, start) = (used(), Instant::now());
    work()?;
    let wall = start.elapsed().as_secs_f64();
    Ok(Cost { wall, cpu: used() - before })
}

/// Our program at one database.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where its data is.
    pub(crate) url: String,
    /// The database's own process.
    pub(crate) server: Option<u32>,
}

impl Program {
    fn command(&self, args: &[&str]) -> Command {
        let program: PathBuf = root().join("target/release/quittance");
        let mut command = Command::new(program);
        command.args(["--database", &self.url]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Starts it with a command that goes on; what it says is thrown away.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Child> {
        Ok(self.command(args).stdout(Stdio::null()).spawn()?)
    }

    /// Makes a key of a role.
    pub(crate) fn key(&self, role: &str) -> anyhow::Result<String> {
        let made = self.run(&["keys", "create", "--role", role, "--json"])?.output;
        let made: serde_json::Value = serde_json::from_str(&made)?;
        Ok(made["key"].as_str().context("no key")?.to_owned())
    }

    /// Runs one command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> anyhow::Result<Measured> {
        let (mut output, mut peak_bytes) = (String::new(), 0.0);
        let cost = cost(self.server, || {
            let mut child = self.command(args).spawn()?;
            let stop = Arc::new(AtomicBool::new(false));
            let watcher = watch_memory(child.id(), Arc::clone(&stop));
            let mut out = child.stdout.take().context("no output")?;
            std::io::Read::read_to_string(&mut out, &mut output)?;
            let status = child.wait()?;
            stop.store(true, Ordering::Relaxed);
            peak_bytes = watcher.join().unwrap_or(0.0);
            ensure!(status.success(), "quittance {} ended with {status}", args.join(" "));
            Ok(())
        })?;
        Ok(Measured { cost, peak_bytes, output })
    }
}

fn watch_memory(process: u32, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<f64> {
    std::thread::spawn(move || {
        let mut peak = 0.0_f64;
        while !stop.load(Ordering::Relaxed) {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0.0) * 1024.0);
            std::thread::sleep(Duration::from_millis(10));
        }
        peak
    })
}
