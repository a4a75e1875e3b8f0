//! Imported databases, each made once, and copied for every run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;

use super::super::data::{self, AFFILIATES, OFFERS, Sample};
use super::super::yardsticks::Postgres;
use super::super::{Bed, Program, set_up, sql};
use super::import_network;

/// How many days of the month have conversions: every month has as many.
const DAYS: u64 = 28;
/// How often a conversion of a larger stock is repeated, so that it makes the invoices of the smaller one.
const COPIES: u64 = 5;

/// The month before this one: whatever it holds is over, and its period is the last one that is due.
#[derive(Debug, Clone)]
pub(super) struct Month {
    start: u64,
    year_month: String,
    last_day: String,
}

impl Month {
    /// The month before this one, in UTC.
    pub(super) fn last() -> anyhow::Result<Month> {
        let this = date(&["+%Y-%m-01"])?;
        let first = date(&["-d", &format!("{this} -1 month"), "+%Y-%m-%d"])?;
        let start = date(&["-d", &first, "+%s"])?.parse()?;
        let last_day = date(&["-d", &format!("{this} -1 day"), "+%Y-%m-%d"])?;
        Ok(Month { start, year_month: first[..7].to_owned(), last_day })
    }

    /// A day of it.
    pub(super) fn day(&self, day: u32) -> String {
        format!("{}-{day:02}", self.year_month)
    }

    /// Its last day.
    pub(super) fn last_day(&self) -> &str {
        &self.last_day
    }
}

fn date(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("date").arg("-u").args(args).output().context("date")?;
    ensure!(output.status.success(), "date {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// What a database holds before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stock {
    /// All conversions, no rules.
    Plain,
    /// The same, imported with hold days on every offer.
    Hold,
    /// The same, imported with everyone's first day billed elsewhere.
    Elsewhere,
    /// As many conversions, all in one currency.
    Euros,
    /// A fifth of the conversions, no rules.
    Few,
    /// The conversions of `Few`, each five times.
    Many,
    /// As `Few`, with hold days.
    FewHold,
    /// As `Many`, with hold days.
    ManyHold,
}

/// The tables of all affiliates, each with these lines.
pub(super) fn affiliates(rules: impl Fn(usize) -> String) -> String {
    let one = |id| format!("[[affiliates]]\nid = {id}\nname = \"Affiliate {id}\"\n{}\n", rules(id));
    (1..=AFFILIATES).map(one).collect()
}

fn offers_on_hold() -> String {
    (1..=OFFERS).map(|id| format!("[[offers]]\nid = {id}\nname = \"Offer {id}\"\nhold_days = 1\n")).collect()
}

impl Stock {
    fn sample(self, month: &Month, conversions: u64) -> Sample {
        let (conversions, copies) = match self {
            Stock::Plain | Stock::Hold | Stock::Elsewhere | Stock::Euros => (conversions, 1),
            Stock::Few | Stock::FewHold => (conversions / COPIES, 1),
            Stock::Many | Stock::ManyHold => (conversions, COPIES),
        };
        let currency = (self == Stock::Euros).then_some("EUR");
        Sample { start: month.start, days: DAYS, advertisers: true, currency, ..Sample::new(conversions, copies) }
    }

    /// What has to be known before conversions are imported.
    fn network(self, month: &Month) -> String {
        match self {
            Stock::Hold | Stock::FewHold | Stock::ManyHold => offers_on_hold(),
            Stock::Elsewhere => {
                let first = month.day(1);
                affiliates(|_| format!("currency = \"USD\"\nbilled_elsewhere_through = \"{first}\""))
            }
            Stock::Plain | Stock::Euros | Stock::Few | Stock::Many => String::new(),
        }
    }
}

/// The stocks of one database.
pub(super) struct Stocks<'a> {
    bed: &'a Bed<'a>,
    folder: tempfile::TempDir,
    month: Month,
    conversions: u64,
    made: Vec<Stock>,
    csv: Vec<(Sample, PathBuf)>,
}

/// A copy of a stock.
pub(super) struct Database<'a> {
    bed: &'a Bed<'a>,
    url: String,
    file: PathBuf,
    pub(super) folder: &'a Path,
}

impl<'a> Stocks<'a> {
    pub(super) fn new(bed: &'a Bed<'a>, month: Month, conversions: u64) -> anyhow::Result<Stocks<'a>> {
        let folder = tempfile::tempdir_in(bed.folder)?;
        Ok(Stocks { bed, folder, month, conversions, made: Vec::new(), csv: Vec::new() })
    }

    pub(super) fn month(&self) -> &Month {
        &self.month
    }

    fn database(&self, name: &str) -> Database<'_> {
        let file = self.folder.path().join(format!("{name}.db"));
        let url = match self.bed.cluster {
            None => format!("sqlite://{}", file.display()),
            Some(cluster) => cluster.url().replace("/postgres", &format!("/{name}")),
        };
        Database { bed: self.bed, url, file, folder: self.folder.path() }
    }

    /// Works with a copy of a stock, and removes it.
    pub(super) fn copy<T>(
        &mut self,
        stock: Stock,
        work: impl FnOnce(&Program, &Database<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.make(stock)?;
        let (from, to) = (self.database(&name(stock)), self.database("ours"));
        match self.bed.cluster {
            None => drop(std::fs::copy(&from.file, &to.file)?),
            Some(cluster) => drop(sql(cluster, &format!("CREATE DATABASE ours TEMPLATE {}", name(stock)))?),
        }
        let done = work(&to.program(), &to)?;
        match self.bed.cluster {
            None => std::fs::remove_file(&to.file)?,
            Some(cluster) => drop(sql(cluster, "DROP DATABASE ours")?),
        }
        Ok(done)
    }

    fn make(&mut self, stock: Stock) -> anyhow::Result<()> {
        if self.made.contains(&stock) {
            return Ok(());
        }
        eprintln!("importing the conversions of {}", name(stock));
        let csv = self.csv(stock.sample(&self.month, self.conversions))?;
        if let Some(cluster) = self.bed.cluster {
            sql(cluster, &format!("CREATE DATABASE {}", name(stock)))?;
        }
        let database = self.database(&name(stock));
        let ours = database.program();
        set_up(&ours)?;
        import_network(&ours, &self.folder.path().join("network.toml"), &stock.network(&self.month))?;
        ours.run(&["import", "conversions", &csv.display().to_string()])?;
        match self.bed.cluster {
            None => Connection::open(&database.file)?.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?,
            // As autovacuum does soon.
            Some(_) => drop(database.psql("VACUUM ANALYZE")?),
        }
        self.made.push(stock);
        Ok(())
    }

    fn csv(&mut self, sample: Sample) -> anyhow::Result<PathBuf> {
        if let Some((_, path)) = self.csv.iter().find(|(written, _)| *written == sample) {
            return Ok(path.clone());
        }
        let path = self.folder.path().join(format!("{}.csv", self.csv.len()));
        data::write(sample, &[&path])?;
        self.csv.push((sample, path.clone()));
        Ok(path)
    }
}

impl Drop for Stocks<'_> {
    fn drop(&mut self) {
        for stock in &self.made {
            if let Some(cluster) = self.bed.cluster {
                let _ = sql(cluster, &format!("DROP DATABASE {}", name(*stock)));
            }
        }
    }
}

fn name(stock: Stock) -> String {
    format!("{stock:?}").to_lowercase()
}

impl Database<'_> {
    fn program(&self) -> Program {
        Program { url: self.url.clone(), server: self.bed.cluster.map(|cluster| cluster.process()) }
    }

    fn psql(&self, sql: &str) -> anyhow::Result<String> {
        let server = self.bed.cluster.map_or(0, |cluster| cluster.process());
        Postgres { url: self.url.clone(), server }.sql(sql)
    }

    /// What was done before lies as it would some minutes later: written to disk, and known to the planner.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        match self.bed.cluster {
            None => {
                Connection::open(&self.file)?.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
                std::fs::File::open(&self.file)?.sync_all()?;
            }
            Some(_) => {
                self.psql("ANALYZE")?;
                self.psql("CHECKPOINT")?;
            }
        }
        Ok(())
    }

    /// The one number that a query answers.
    pub(super) fn count(&self, sql: &str) -> anyhow::Result<u32> {
        match self.bed.cluster {
            None => Ok(Connection::open(&self.file)?.query_row(sql, (), |row| row.get(0))?),
            Some(_) => Ok(self.psql(sql)?.trim().parse()?),
        }
    }
}
