//! `cargo xtask bench`: our speed beside bare yardsticks, in one run on one machine. The ratios count; absolute times are
//! for information.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use rusqlite::Connection;

use crate::postgres::{Cluster, Durability};
use crate::root;

const AFFILIATES: u64 = 10_000;
const OFFERS: u64 = 2_000;
const DAYS: u64 = 30;
/// 1 January 2026, 00:00 UTC.
const START: u64 = 1_767_225_600;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How many conversions
    #[arg(long, default_value_t = 1_000_000)]
    conversions: u64,
    /// Print JSON beside the table
    #[arg(long)]
    json: bool,
}

/// One measured row.
struct Figure {
    id: &'static str,
    what: &'static str,
    database: &'static str,
    value: f64,
    unit: &'static str,
    /// The goal, and whether larger is better.
    goal: Option<(f64, bool)>,
}

/// How long a command took and how much memory it had at most.
struct Measured {
    wall: Duration,
    peak_bytes: u64,
    output: String,
}

impl Bench {
    /// Measures, and prints the table.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let build = ["build", "--release", "--package", "quittance", "--locked", "--quiet"];
        ensure!(Command::new("cargo").args(build).current_dir(root()).status()?.success(), "the build failed");
        let folder = tempfile::tempdir()?;
        let csv = folder.path().join("conversions.csv");
        generate(&csv, self.conversions)?;
        let mut figures = Vec::new();
        let sqlite = format!("sqlite://{}", folder.path().join("ours.db").display());
        let bare = SqliteYardstick::open(&folder.path().join("bare.db"))?;
        self.measure("SQLite", &sqlite, &csv, &bare, &mut figures)?;
        let size = std::fs::metadata(folder.path().join("ours.db"))?.len();
        figures.push(self.size("SQLite", size, 250.0));
        if let Some(cluster) = Cluster::start(Durability::Full)? {
            let bare = PostgresYardstick { url: cluster.url() };
            bare.sql("CREATE DATABASE ours")?;
            let ours = cluster.url().replace("/postgres", "/ours");
            self.measure("PostgreSQL", &ours, &csv, &bare, &mut figures)?;
            let size = bare.sql("SELECT pg_database_size('ours')")?;
            figures.push(self.size("PostgreSQL", size.trim().parse()?, 400.0));
        }
        self.print(&figures)
    }

    fn size(&self, database: &'static str, bytes: u64, goal: f64) -> Figure {
        let value = bytes as f64 / self.conversions as f64;
        Figure { id: "B11", what: "size per conversion", database, value, unit: "bytes", goal: Some((goal, false)) }
    }

    fn measure(
        &self,
        database: &'static str,
        url: &str,
        csv: &Path,
        bare: &dyn Yardstick,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let sqlite = database == "SQLite";
        let mut add = |id, what, value, unit, goal| figures.push(Figure { id, what, database, value, unit, goal });
        ours(url, &["network", "create", "bench"])?;
        ours(url, &["network", "set", "create_missing=true", "require_payment_method=false"])?;
        let file = csv.display().to_string();
        let load = bare.load(csv)?;
        let import = ours(url, &["import", "conversions", &file])?;
        let rows = self.conversions as f64;
        let rate = rows / import.wall.as_secs_f64();
        add("", "bare keyed load", rows / load.as_secs_f64(), "rows/s", None);
        add("", "import", rate, "rows/s", None);
        let (id, goal) = if sqlite { ("B2", 0.35) } else { ("B1", 0.40) };
        add(id, "import ÷ bare keyed load", load.as_secs_f64() / import.wall.as_secs_f64(), "×", Some((goal, true)));
        add("B4", "peak memory of the import", import.peak_bytes as f64 / 1e6, "MB", Some((256.0, false)));
        let again = ours(url, &["import", "conversions", &file])?;
        let ratio = again.wall.as_secs_f64() / import.wall.as_secs_f64();
        add("B8", "re-import ÷ import", ratio, "×", Some((0.6, false)));
        let job = bare.billing_job()?;
        let bill = ours(url, &["bill", "--through", "2026-01-31", "--json"])?;
        let issued: f64 =
            bill.output.split("\"invoices\":").nth(1).and_then(|t| t.split(',').next()).context("bill")?.parse()?;
        add("", "invoices issued", issued, "", None);
        let goal = if sqlite { 10.0 } else { 12.0 };
        let ratio = job.as_secs_f64() / bill.wall.as_secs_f64();
        add("B5", "plain SQL job ÷ billing run (goal at 5 million)", ratio, "×", Some((goal, true)));
        let goal = if sqlite { 25_000.0 } else { 8_000.0 };
        add("B7", "invoices issued per second", issued / bill.wall.as_secs_f64(), "/s", Some((goal, true)));
        add("", "peak memory of the run", bill.peak_bytes as f64 / 1e6, "MB", None);
        let group = bare.group_by()?;
        let verify = ours(url, &["verify"])?;
        let ratio = verify.wall.as_secs_f64() / group.as_secs_f64();
        add("B10", "verify ÷ one plain GROUP BY", ratio, "×", Some((6.0, false)));
        add("", "peak memory of verify", verify.peak_bytes as f64 / 1e6, "MB", None);
        Ok(())
    }

    fn print(&self, figures: &[Figure]) -> anyhow::Result<()> {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!("{} conversions, one run, load average {}", self.conversions, load.trim());
        println!("durability: SQLite WAL with synchronous=FULL, PostgreSQL with fsync and synchronous_commit on\n");
        println!("{:<4} {:<10} {:<48} {:>12} {:<7} {:>9}", "", "database", "what", "value", "", "goal");
        for f in figures {
            let goal =
                f.goal.map_or(String::new(), |(goal, larger)| format!("{} {goal}", if larger { "≥" } else { "≤" }));
            let met = f.goal.map(|(goal, larger)| if larger { f.value >= goal } else { f.value <= goal });
            let mark = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            println!(
                "{:<4} {:<10} {:<48} {:>12.2} {:<7} {:>9} {mark}",
                f.id, f.database, f.what, f.value, f.unit, goal
            );
        }
        println!("\nnot measured by this command: B3 and B6 (run it at two sizes), B9");
        if self.json {
            let rows = figures.iter().map(|f| {
                format!(
                    "{{\"id\":\"{}\",\"database\":\"{}\",\"what\":\"{}\",\"value\":{:.4},\"unit\":\"{}\"}}",
                    f.id, f.database, f.what, f.value, f.unit
                )
            });
            println!("[{}]", rows.collect::<Vec<_>>().join(","));
        }
        Ok(())
    }
}

/// The same conversions each time: random affiliates with seven offers each, in the order of time.
fn generate(path: &Path, count: u64) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency,click_id")?;
    let mut state = 2026_u64;
    let mut below = |bound: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    };
    for i in 0..count {
        let affiliate = below(AFFILIATES) + 1;
        let offer = (affiliate * 7919 + below(7) * 31) % OFFERS + 1;
        let at = START + i * DAYS * 86_400 / count;
        let (cents, click) = (below(900) + 1, below(1 << 40));
        let currency = ["USD", "EUR", "GBP"][usize::try_from(below(3))?];
        writeln!(
            out,
            "c{i:012},{affiliate},{offer},approved,{at},{}.{:02},{currency},{click:010x}",
            cents / 100,
            cents % 100
        )?;
    }
    out.flush()?;
    Ok(())
}

/// Runs our program and watches its memory.
fn ours(url: &str, args: &[&str]) -> anyhow::Result<Measured> {
    let program: PathBuf = root().join("target/release/quittance");
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["--database", url])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let stop = std::sync::Arc::clone(&stop);
        move || {
            let mut peak = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let status = std::fs::read_to_string(&status_file).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
                peak = peak.max(kilobytes.unwrap_or(0) * 1024);
                std::thread::sleep(Duration::from_millis(10));
            }
            peak
        }
    });
    let mut output = String::new();
    if let Some(mut out) = child.stdout.take() {
        std::io::Read::read_to_string(&mut out, &mut output)?;
    }
    let status = child.wait()?;
    let wall = start.elapsed();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let peak_bytes = watcher.join().unwrap_or(0);
    ensure!(status.success(), "quittance {} ended with {status}", args.join(" "));
    Ok(Measured { wall, peak_bytes, output })
}

/// What a database can do without us.
trait Yardstick {
    /// Loads the file into a table with a primary key, durably.
    fn load(&self, csv: &Path) -> anyhow::Result<Duration>;
    /// The plain SQL job: groups the conversions, inserts invoices and lines, marks each conversion as billed.
    fn billing_job(&self) -> anyhow::Result<Duration>;
    /// One sum over the conversions by affiliate, offer, currency and day.
    fn group_by(&self) -> anyhow::Result<Duration>;
}

const TABLE: &str = "CREATE TABLE bare (conversion_id TEXT PRIMARY KEY, affiliate_id BIGINT, offer_id BIGINT, status TEXT, \
    occurred_at BIGINT, payout BIGINT, payout_currency TEXT, click_id TEXT, invoice_id BIGINT)";
const JOB: &str = "CREATE TABLE job_invoices (id BIGINT PRIMARY KEY, affiliate_id BIGINT, currency TEXT, units BIGINT); \
    CREATE TABLE job_lines (invoice_id BIGINT, offer_id BIGINT, conversions BIGINT, units BIGINT); \
    INSERT INTO job_invoices SELECT ROW_NUMBER() OVER (ORDER BY affiliate_id, payout_currency), affiliate_id, \
      payout_currency, SUM(payout) FROM bare WHERE invoice_id IS NULL AND status = 'approved' \
      GROUP BY affiliate_id, payout_currency; \
    CREATE UNIQUE INDEX job_book ON job_invoices (affiliate_id, currency); \
    INSERT INTO job_lines SELECT i.id, b.offer_id, COUNT(*), SUM(b.payout) FROM bare b JOIN job_invoices i \
      ON i.affiliate_id = b.affiliate_id AND i.currency = b.payout_currency \
      WHERE b.invoice_id IS NULL AND b.status = 'approved' GROUP BY i.id, b.offer_id; ";
const MARK: &str = "UPDATE bare SET invoice_id = (SELECT i.id FROM job_invoices i WHERE i.affiliate_id = bare.affiliate_id \
    AND i.currency = bare.payout_currency) WHERE invoice_id IS NULL AND status = 'approved'";
const MARK_POSTGRES: &str = "UPDATE bare b SET invoice_id = i.id FROM job_invoices i WHERE i.affiliate_id = b.affiliate_id \
    AND i.currency = b.payout_currency AND b.invoice_id IS NULL AND b.status = 'approved'";
const GROUP: &str = "SELECT COUNT(*) FROM (SELECT SUM(payout) FROM bare \
    GROUP BY affiliate_id, offer_id, payout_currency, occurred_at / 86400) sums";

struct SqliteYardstick {
    connection: Connection,
}

impl SqliteYardstick {
    fn open(path: &Path) -> anyhow::Result<SqliteYardstick> {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")?;
        connection.execute_batch(TABLE)?;
        Ok(SqliteYardstick { connection })
    }

    fn timed(&self, sql: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.connection.execute_batch(sql)?;
        Ok(start.elapsed())
    }
}

impl Yardstick for SqliteYardstick {
    fn load(&self, csv: &Path) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(csv)?;
        let start = Instant::now();
        let mut insert = self.connection.prepare("INSERT INTO bare VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)")?;
        for (i, line) in text.lines().skip(1).enumerate() {
            if i % 10_000 == 0 {
                self.connection.execute_batch(if i == 0 { "BEGIN" } else { "COMMIT; BEGIN" })?;
            }
            let c: Vec<&str> = line.split(',').collect();
            let number = |i: usize| c[i].parse::<i64>().unwrap_or(0);
            let units = c[5].replace('.', "").parse::<i64>().unwrap_or(0) * 10_000;
            insert.execute((c[0], number(1), number(2), c[3], number(4), units, c[6], c[7]))?;
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(start.elapsed())
    }

    fn billing_job(&self) -> anyhow::Result<Duration> {
        self.timed(&format!("BEGIN; {JOB} {MARK}; COMMIT"))
    }

    fn group_by(&self) -> anyhow::Result<Duration> {
        self.timed(GROUP)
    }
}

struct PostgresYardstick {
    url: String,
}

impl PostgresYardstick {
    fn sql(&self, sql: &str) -> anyhow::Result<String> {
        let mut command = Command::new("psql");
        command.args([&self.url, "-v", "ON_ERROR_STOP=1", "-qAt", "-c", sql]).stdin(Stdio::null());
        let done = command.output().context("psql")?;
        ensure!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    fn timed(&self, sql: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.sql(sql)?;
        Ok(start.elapsed())
    }
}

impl Yardstick for PostgresYardstick {
    fn load(&self, csv: &Path) -> anyhow::Result<Duration> {
        self.sql(&TABLE.replace("payout BIGINT", "payout NUMERIC"))?;
        let columns = "conversion_id, affiliate_id, offer_id, status, occurred_at, payout, payout_currency, click_id";
        self.timed(&format!("\\copy bare ({columns}) FROM '{}' CSV HEADER", csv.display()))
    }

    fn billing_job(&self) -> anyhow::Result<Duration> {
        self.sql("VACUUM ANALYZE bare")?;
        self.timed(&format!("BEGIN; {JOB} ANALYZE job_invoices; {MARK_POSTGRES}; COMMIT"))
    }

    fn group_by(&self) -> anyhow::Result<Duration> {
        self.timed(GROUP)
    }
}
