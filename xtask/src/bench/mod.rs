//! `cargo xtask bench`: our speed beside bare yardsticks, in one run on one machine. The ratios count; absolute times are
//! for information.

mod affise;
mod data;
mod everflow;
mod lists;
mod load;
mod million;
mod program;
mod reading;
mod report;
mod requests;
mod rules;
mod yardsticks;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::postgres::{Cluster, Durability};
use crate::root;
use data::Sample;
use program::{Cost, Measured, Program};
use report::{Goal, Place, Report};
use yardsticks::{Postgres, Sqlite, Yardstick};

/// The last day of the sample.
const THROUGH: &str = "2026-01-31";
/// How many conversions warm the machine up.
const WARM_UP: u64 = 200_000;
/// How many conversions are measured unless it is said.
const CONVERSIONS: [u64; 2] = [1_000_000, 5_000_000];
/// The same for the rules.
const RULES_CONVERSIONS: u64 = 1_000_000;
/// How many conversions are told over HTTP unless it is said.
const REQUESTS_CONVERSIONS: u64 = 500_000;
/// What growth is measured on: the invoices of the first number at both numbers of conversions.
const GROWTH: (u64, u64) = (1_000_000, 20);

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How many conversions; may be given several times [default: 1000000 and 5000000, of --rules 1000000]
    #[arg(long)]
    conversions: Vec<u64>,
    /// How often each figure is measured; its median is shown
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only this database
    #[arg(long, value_parser = ["sqlite", "postgresql"])]
    database: Option<String>,
    /// Also measure 20 million conversions beside 1 million that make the same invoices
    #[arg(long)]
    growth: bool,
    /// Measure only what each billing rule costs a run
    #[arg(long, conflicts_with = "growth")]
    rules: bool,
    /// Measure only long lists of a million invoices
    #[arg(long, conflicts_with_all = ["growth", "rules"])]
    lists: bool,
    /// Measure only conversions told over HTTP, one by one and in batches
    #[arg(long, conflicts_with_all = ["growth", "rules", "lists"])]
    requests: bool,
    /// Measure only payments over the Affise interface, made and listed
    #[arg(long, conflicts_with_all = ["growth", "rules", "lists", "requests"])]
    affise: bool,
    /// Of --rules only those whose name holds this
    #[arg(long, requires = "rules")]
    rule: Option<String>,
    /// Print JSON after the table
    #[arg(long)]
    json: bool,
}

/// A database that is measured, fresh for each round.
struct Bed<'a> {
    name: &'static str,
    folder: &'a Path,
    cluster: Option<&'a Cluster>,
}

/// What one round works with.
struct Round {
    ours: Program,
    bare: Box<dyn Yardstick>,
    /// How large our database is now, in bytes.
    size: Box<dyn Fn() -> anyhow::Result<f64>>,
}

impl Bench {
    /// Measures, and prints the table.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let build = ["build", "--release", "--package", "quittance", "--locked", "--quiet"];
        ensure!(Command::new("cargo").args(build).current_dir(root()).status()?.success(), "the build failed");
        let wanted = |name: &str| self.database.as_deref().is_none_or(|database| database == name);
        let cluster = if wanted("postgresql") { Cluster::start(Durability::Full)? } else { None };
        let folder = tempfile::tempdir()?;
        let sqlite = wanted("sqlite").then(|| Bed { name: "SQLite", folder: folder.path(), cluster: None });
        let postgres = cluster.as_ref().map(|c| Bed { name: "PostgreSQL", folder: folder.path(), cluster: Some(c) });
        let beds: Vec<Bed<'_>> = sqlite.into_iter().chain(postgres).collect();
        if self.rules {
            let conversions = self.conversions.first().copied().unwrap_or(RULES_CONVERSIONS);
            let rows = rules::measure(&beds, conversions, self.rounds, self.rule.as_deref().unwrap_or(""))?;
            self.print_conditions(cluster.as_ref())?;
            rules::print(&rows);
            if self.json {
                println!("{:#}", rules::json(&rows));
            }
            return Ok(());
        }
        let mut report = Report::default();
        if self.lists {
            for bed in &beds {
                lists::measure(bed, self.rounds, &mut report)?;
            }
            return self.print(&report, cluster.as_ref());
        }
        if self.requests {
            self.measure_requests(&beds, &mut report)?;
            return self.print(&report, cluster.as_ref());
        }
        if self.affise {
            let conversions = self.conversions.first().copied().unwrap_or(affise::CONVERSIONS);
            for bed in &beds {
                affise::measure_all(bed, conversions, self.rounds, &mut report)?;
            }
            return self.print(&report, cluster.as_ref());
        }
        self.measure(WARM_UP, 1, &beds, &mut Report::default())?;
        let conversions = if self.conversions.is_empty() { &CONVERSIONS[..] } else { &self.conversions };
        for &conversions in conversions {
            self.measure(conversions, self.rounds, &beds, &mut report)?;
        }
        if self.growth {
            for bed in &beds {
                eprintln!("growth on {}", bed.name);
                growth(bed, &mut report)?;
            }
        }
        self.print(&report, cluster.as_ref())
    }

    fn measure(&self, conversions: u64, rounds: u32, beds: &[Bed<'_>], report: &mut Report) -> anyhow::Result<()> {
        let csv = tempfile::NamedTempFile::new()?;
        data::write(Sample::new(conversions, 1), &[csv.path()])?;
        for round in 1..=rounds {
            for bed in beds {
                eprintln!("{conversions} conversions on {}, round {round} of {rounds}", bed.name);
                bed.round(|made| measure_round(made, csv.path(), Place { database: bed.name, conversions }, report))?;
            }
        }
        Ok(())
    }

    fn measure_requests(&self, beds: &[Bed<'_>], report: &mut Report) -> anyhow::Result<()> {
        let conversions = self.conversions.first().copied().unwrap_or(REQUESTS_CONVERSIONS);
        let csv = tempfile::NamedTempFile::new()?;
        data::write(Sample::new(conversions, 1), &[csv.path()])?;
        for round in 1..=self.rounds {
            for bed in beds {
                eprintln!("{conversions} conversions over HTTP on {}, round {round} of {}", bed.name, self.rounds);
                requests::measure(bed, csv.path(), Place { database: bed.name, conversions }, report)?;
            }
        }
        Ok(())
    }

    /// What has to be said with figures: the machine and the settings.
    fn print_conditions(&self, cluster: Option<&Cluster>) -> anyhow::Result<()> {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let processors = std::thread::available_parallelism()?;
        let file_system = Command::new("stat").args(["-f", "-c", "%T"]).arg(std::env::temp_dir()).output()?;
        let postgres = cluster.map(|c| sql(c, "SHOW server_version")).transpose()?.unwrap_or_else(|| "none".into());
        let (sqlite, rounds) = (rusqlite::version(), self.rounds);
        println!("median of {rounds} rounds after a warm-up, each on fresh databases");
        println!("processors {processors}, load average {}", load.trim());
        println!("file system {}", String::from_utf8_lossy(&file_system.stdout).trim());
        println!(
            "SQLite {sqlite}: WAL, synchronous=FULL; PostgreSQL {}: fsync and synchronous_commit on\n",
            postgres.trim()
        );
        Ok(())
    }

    fn print(&self, report: &Report, cluster: Option<&Cluster>) -> anyhow::Result<()> {
        self.print_conditions(cluster)?;
        report.print();
        if !self.growth && !self.lists && !self.requests && !self.affise {
            println!(
                "\nB3 and B6 are measured with --growth; L1, L2, N4 to N6, E1, A1 with --lists; N1 to N3 with --requests; \
                 A2 and A3 with --affise"
            );
        }
        if self.json {
            println!("{:#}", report.json());
        }
        Ok(())
    }
}

fn sql(cluster: &Cluster, sql: &str) -> anyhow::Result<String> {
    Postgres { url: cluster.url(), server: cluster.process() }.sql(sql)
}

impl Bed<'_> {
    /// Works with fresh databases, and removes them.
    fn round(&self, work: impl FnOnce(&Round) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self.cluster {
            None => self.sqlite_round(work),
            Some(cluster) => postgres_round(cluster, work),
        }
    }

    fn sqlite_round(&self, work: impl FnOnce(&Round) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let folder = tempfile::tempdir_in(self.folder)?;
        let file: PathBuf = folder.path().join("ours.db");
        let url = format!("sqlite://{}", file.display());
        let bare = Box::new(Sqlite::open(&folder.path().join("bare.db"))?);
        let size = Box::new(move || Ok(std::fs::metadata(&file)?.len() as f64));
        work(&Round { ours: Program { url, server: None }, bare, size })
    }
}

fn postgres_round(cluster: &Cluster, work: impl FnOnce(&Round) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for statement in ["CREATE DATABASE ours", "CREATE DATABASE bare"] {
        sql(cluster, statement)?;
    }
    let (url, server) = (cluster.url().replace("/postgres", "/ours"), cluster.process());
    let bare = Box::new(Postgres::open(cluster.url().replace("/postgres", "/bare"), server)?);
    let asked = Postgres { url: cluster.url(), server };
    let size = Box::new(move || Ok(asked.sql("SELECT pg_database_size('ours')")?.trim().parse()?));
    work(&Round { ours: Program { url, server: Some(server) }, bare, size })?;
    for statement in ["DROP DATABASE ours", "DROP DATABASE bare", "CHECKPOINT"] {
        sql(cluster, statement)?;
    }
    Ok(())
}

/// The invoices that a run says it has issued.
fn issued(bill: &Measured) -> anyhow::Result<u64> {
    let answer: serde_json::Value = serde_json::from_str(&bill.output)?;
    answer["invoices"].as_u64().context("the run does not say how many invoices it issued")
}

fn set_up(ours: &Program) -> anyhow::Result<()> {
    ours.run(&["network", "create", "bench"])?;
    ours.run(&["network", "set", "create_missing=true", "require_payment_method=false"])?;
    Ok(())
}

fn measure_round(round: &Round, csv: &Path, place: Place, report: &mut Report) -> anyhow::Result<()> {
    let Round { ours, bare, size } = round;
    let (sqlite, rows) = (place.database == "SQLite", place.conversions as f64);
    let file = csv.display().to_string();
    let mut add = |id, what, value: f64, unit, goal| report.add(place, id, what, (value, unit), goal);
    set_up(ours)?;

    let load = bare.load(csv)?;
    let import = ours.run(&["import", "conversions", &file])?;
    let again = ours.run(&["import", "conversions", &file])?;
    let (id, goal) = if sqlite { ("B2", 0.35) } else { ("B1", 0.40) };
    add("", "bare keyed load", rows / load.wall, "rows/s", Goal::None);
    add("", "import", rows / import.cost.wall, "rows/s", Goal::None);
    add("", "import, per processor-second", rows / import.cost.cpu, "rows/s", Goal::None);
    add(id, "import ÷ bare keyed load", load.wall / import.cost.wall, "×", Goal::AtLeast(goal));
    add("B4", "peak memory of the import", import.peak_bytes / 1e6, "MB", Goal::AtMost(256.0));
    add("B8", "re-import ÷ import", again.cost.wall / import.cost.wall, "×", Goal::AtMost(0.6));

    let job = bare.billing_job()?;
    let bill = ours.run(&["bill", "--through", THROUGH, "--json"])?;
    let invoices = issued(&bill)?;
    add("", "invoices issued", invoices as f64, "", Goal::None);
    add("", "plain SQL job", job.wall, "s", Goal::None);
    add("", "billing run", bill.cost.wall, "s", Goal::None);
    add("", "billing run, processors", bill.cost.cpu, "s", Goal::None);
    add("B5", "plain SQL job ÷ billing run", job.wall / bill.cost.wall, "×", run_goal(place));
    let goal = if sqlite { 25_000.0 } else { 8_000.0 };
    add("B7", "invoices issued per second", invoices as f64 / bill.cost.wall, "/s", Goal::AtLeast(goal));
    add("", "peak memory of the run", bill.peak_bytes / 1e6, "MB", Goal::None);

    let p99 = reading::conversions_p99_ms(ours, invoices)?;
    add("B9", "conversions of one invoice, first page, p99", p99, "ms", Goal::AtMost(20.0));

    let group: Cost = bare.group_by()?;
    let verify = ours.run(&["verify"])?;
    let goal = if place.conversions >= 5_000_000 { Goal::AtMost(6.0) } else { Goal::None };
    add("", "verify", verify.cost.wall, "s", Goal::None);
    add("B10", "verify ÷ one plain GROUP BY", verify.cost.wall / group.wall, "×", goal);
    add("", "peak memory of verify", verify.peak_bytes / 1e6, "MB", Goal::None);

    let goal = if sqlite { 250.0 } else { 400.0 };
    add("B11", "size per conversion", size()? / rows, "bytes", Goal::AtMost(goal));
    Ok(())
}

/// The goals of B5 are set for these sizes.
fn run_goal(place: Place) -> Goal {
    match (place.database, place.conversions) {
        ("SQLite", 5_000_000) => Goal::AtLeast(10.0),
        ("PostgreSQL", 5_000_000) => Goal::AtLeast(12.0),
        ("PostgreSQL", 20_000_000) => Goal::AtLeast(45.0),
        _ => Goal::None,
    }
}

/// More conversions for the same invoices: the import keeps its speed, the run does not become slower.
fn growth(bed: &Bed<'_>, report: &mut Report) -> anyhow::Result<()> {
    let (distinct, copies) = GROWTH;
    let place = Place { database: bed.name, conversions: distinct * copies };
    let mut runs = Vec::new();
    for copies in [1, copies] {
        let parts: Vec<_> = (0..4).map(|_| tempfile::NamedTempFile::new()).collect::<Result<_, _>>()?;
        let paths: Vec<&Path> = parts.iter().map(tempfile::NamedTempFile::path).collect();
        data::write(Sample::new(distinct * copies, copies), &paths)?;
        bed.round(|Round { ours, .. }| {
            set_up(ours)?;
            let mut imports = Vec::new();
            for path in &paths {
                imports.push(ours.run(&["import", "conversions", &path.display().to_string()])?.cost.wall);
            }
            if copies > 1 {
                let ratio = imports.iter().sum::<f64>() / (imports[0] * imports.len() as f64);
                report.add(place, "B3", "whole import ÷ its first quarter × 4", (ratio, "×"), Goal::AtMost(1.3));
            }
            runs.push(ours.run(&["bill", "--through", THROUGH, "--json"])?.cost.wall);
            Ok(())
        })?;
    }
    let ratio = runs[1] / runs[0];
    report.add(place, "B6", "run ÷ run at 1 million, same invoices", (ratio, "×"), Goal::AtMost(1.3));
    Ok(())
}
