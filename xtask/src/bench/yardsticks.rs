//! What the two databases do without us: the same conversions loaded bare, and billed by the plain SQL job.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;

use super::program::{Cost, cost};

/// What a database can do without us.
pub(crate) trait Yardstick {
    /// Loads a file into an empty table with a primary key, durably.
    fn load(&self, csv: &Path) -> anyhow::Result<Cost>;
    /// The plain SQL job: groups the conversions, inserts invoices and lines, marks each conversion as billed.
    fn billing_job(&self) -> anyhow::Result<Cost>;
    /// One sum over the conversions by affiliate, offer, currency and day.
    fn group_by(&self) -> anyhow::Result<Cost>;
    /// How many rows a second are inserted with a durable commit for each, one after another.
    fn commits(&self, seconds: u64) -> anyhow::Result<f64>;
}

const TABLE: &str = "CREATE TABLE bare (conversion_id TEXT PRIMARY KEY, affiliate_id BIGINT, offer_id BIGINT, status TEXT, \
    occurred_at BIGINT, payout BIGINT, payout_currency TEXT, click_id TEXT, invoice_id BIGINT)";
const COLUMNS: &str = "conversion_id, affiliate_id, offer_id, status, occurred_at, payout, payout_currency, click_id";
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

const COMMITS: &str = "CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ DECLARE n INT := 0; begun TIMESTAMPTZ := clock_timestamp(); BEGIN \
    WHILE clock_timestamp() < begun + INTERVAL 'SECONDS seconds' LOOP \
      INSERT INTO bare (conversion_id, affiliate_id) VALUES ('commit-' || n, 1); COMMIT; n := n + 1; END LOOP; END $$";

/// A bare SQLite file, as durable as ours.
pub(crate) struct Sqlite(Connection);

impl Sqlite {
    /// Makes the file.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Sqlite> {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")?;
        connection.execute_batch(TABLE)?;
        Ok(Sqlite(connection))
    }

    fn insert_all(&self, csv: &Path) -> anyhow::Result<()> {
        let mut insert = self.0.prepare("INSERT INTO bare VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)")?;
        let file = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(csv)?);
        for (i, line) in std::io::BufRead::lines(file).skip(1).enumerate() {
            let line = line?;
            if i % 10_000 == 0 {
                self.0.execute_batch(if i == 0 { "BEGIN" } else { "COMMIT; BEGIN" })?;
            }
            let c: Vec<&str> = line.split(',').collect();
            let units = c[5].replace('.', "").parse::<i64>()? * 10_000;
            let (affiliate, offer, at): (i64, i64, i64) = (c[1].parse()?, c[2].parse()?, c[4].parse()?);
            insert.execute((c[0], affiliate, offer, c[3], at, units, c[6], c[7]))?;
        }
        Ok(self.0.execute_batch("COMMIT")?)
    }
}

impl Yardstick for Sqlite {
    fn load(&self, csv: &Path) -> anyhow::Result<Cost> {
        cost(None, || self.insert_all(csv))
    }

    fn billing_job(&self) -> anyhow::Result<Cost> {
        cost(None, || Ok(self.0.execute_batch(&format!("BEGIN; {JOB} {MARK}; COMMIT"))?))
    }

    fn group_by(&self) -> anyhow::Result<Cost> {
        cost(None, || Ok(self.0.execute_batch(GROUP)?))
    }

    fn commits(&self, seconds: u64) -> anyhow::Result<f64> {
        let mut insert = self.0.prepare("INSERT INTO bare (conversion_id, affiliate_id) VALUES (?1, 1)")?;
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed().as_secs() < seconds {
            insert.execute([format!("commit-{count}")])?;
            count += 1;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

/// A bare table in a database of the measured server.
pub(crate) struct Postgres {
    /// The database.
    pub(crate) url: String,
    /// The server's process.
    pub(crate) server: u32,
}

impl Postgres {
    /// Makes the table.
    pub(crate) fn open(url: String, server: u32) -> anyhow::Result<Postgres> {
        let this = Postgres { url, server };
        this.sql(&TABLE.replace("payout BIGINT", "payout NUMERIC"))?;
        Ok(this)
    }

    /// Runs statements with PostgreSQL's own client, and answers what it prints.
    pub(crate) fn sql(&self, sql: &str) -> anyhow::Result<String> {
        let mut command = Command::new("psql");
        command.args([&self.url, "-v", "ON_ERROR_STOP=1", "-qAt", "-c", sql]).stdin(Stdio::null());
        let done = command.output().context("psql")?;
        ensure!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    fn timed(&self, sql: &str) -> anyhow::Result<Cost> {
        cost(Some(self.server), || self.sql(sql).map(drop))
    }
}

impl Yardstick for Postgres {
    fn load(&self, csv: &Path) -> anyhow::Result<Cost> {
        self.timed(&format!("\\copy bare ({COLUMNS}) FROM '{}' CSV HEADER", csv.display()))
    }

    fn billing_job(&self) -> anyhow::Result<Cost> {
        self.sql("VACUUM ANALYZE bare")?;
        self.timed(&format!("BEGIN; {JOB} ANALYZE job_invoices; {MARK_POSTGRES}; COMMIT"))
    }

    fn group_by(&self) -> anyhow::Result<Cost> {
        self.timed(GROUP)
    }

    fn commits(&self, seconds: u64) -> anyhow::Result<f64> {
        // A procedure that commits each row: no time of a client's is in it.
        self.sql(&COMMITS.replace("SECONDS", &seconds.to_string()))?;
        self.sql("CALL commits()")?;
        let answer = self.sql("SELECT count(*) FROM bare WHERE conversion_id LIKE 'commit-%'")?;
        let count: f64 = answer.trim().parse().with_context(|| format!("no count: {answer}"))?;
        Ok(count / seconds as f64)
    }
}
