//! Billing runs: what was asked, how far they are, what they issued and left out.

use quittance_domain::accrual::{Book, Cut};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId, RunId};
use quittance_domain::rates::MissingRate;
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    INSERT = "INSERT INTO runs (network_id, run_id, kind, parameters, through_day, epoch, as_of, status, \
        last_party_id, last_currency, started_at, started_by) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, '', $9, $10)";
    ONE = "SELECT run_id, kind, parameters, through_day, epoch, as_of, status, last_party_id, last_currency, \
        started_at, started_by, finished_at FROM runs WHERE network_id = $1 AND run_id = $2";
    LIST = "SELECT run_id, kind, parameters, through_day, epoch, as_of, status, last_party_id, last_currency, \
        started_at, started_by, finished_at FROM runs WHERE network_id = $1 AND run_id > $2 AND run_id < $3 \
        AND ($4 = '' OR kind = $4) AND ($5 = '' OR status = $5) ORDER BY run_id LIMIT $6";
    LIST_BACKWARDS = "SELECT run_id, kind, parameters, through_day, epoch, as_of, status, last_party_id, last_currency, \
        started_at, started_by, finished_at FROM runs WHERE network_id = $1 AND run_id > $2 AND run_id < $3 \
        AND ($4 = '' OR kind = $4) AND ($5 = '' OR status = $5) ORDER BY run_id DESC LIMIT $6";
    TOTALS_OF = "SELECT run_id, currency, invoices, units FROM run_totals WHERE network_id = $1 AND run_id {in:2} \
        ORDER BY run_id, currency";
    LOCK_ONE = "SELECT run_id, kind, parameters, through_day, epoch, as_of, status, last_party_id, last_currency, \
        started_at, started_by, finished_at FROM runs WHERE network_id = $1 AND run_id = $2 {lock:update}";
    UNFINISHED = "SELECT run_id, kind, parameters, through_day, epoch, as_of, status, last_party_id, last_currency, \
        started_at, started_by, finished_at FROM runs WHERE network_id = $1 AND kind = $2 AND parameters = $3 \
        AND status = 'running' ORDER BY run_id DESC LIMIT 1";
    ANY_UNFINISHED = "SELECT run_id FROM runs WHERE network_id = $1 AND status = 'running' ORDER BY run_id LIMIT 1";
    ADVANCE = "UPDATE runs SET last_party_id = $3, last_currency = $4 WHERE network_id = $1 AND run_id = $2";
    FINISH = "UPDATE runs SET status = 'done', finished_at = $3 WHERE network_id = $1 AND run_id = $2";
    TOTALS = "SELECT currency, invoices, units FROM run_totals WHERE network_id = $1 AND run_id = $2 ORDER BY currency";
    SKIPS = "SELECT party_id, currency, units, reason, rate_from, rate_into, rate_day, newest_day, newest_rate FROM run_skips WHERE network_id = $1 AND run_id = $2 \
        ORDER BY party_id, currency, reason";
    LEFT_THROUGH = "SELECT s.party_id, s.currency, r.through_day FROM run_skips s {by:run_skips_by_party} JOIN runs r \
        ON r.network_id = s.network_id AND r.run_id = s.run_id WHERE s.network_id = $1 AND s.party_id {in:2} AND {within:s.party_id|2} \
        AND r.kind = $3 AND s.reason <> 'before_auto_start' ORDER BY s.party_id, s.currency, r.through_day";
}

bulks! {
    ADD_TOTALS = "run_totals" ["network_id" Int, "run_id" Int, "currency" Text, "invoices" Int, "units" Int]
        "ON CONFLICT (network_id, run_id, currency) DO UPDATE SET \
         invoices = run_totals.invoices + excluded.invoices, units = run_totals.units + excluded.units";
    ADD_SKIPS = "run_skips" [
        "network_id" Int, "run_id" Int, "party_id" Int, "currency" Text, "units" Int, "reason" Text,
        "rate_from" Text, "rate_into" Text, "rate_day" Int, "newest_day" Int, "newest_rate" Text
    ] "ON CONFLICT (network_id, run_id, party_id, currency, reason) DO NOTHING";
}

/// A billing run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    /// What it issues.
    pub kind: InvoiceKind,
    /// What was asked, in canonical form: an unfinished run with equal parameters is continued.
    pub parameters: String,
    /// The cut it makes.
    pub cut: Cut,
    /// It has come to its end.
    pub done: bool,
    /// The last book it has dealt with.
    pub last: (i64, String),
    /// When it was started.
    pub started_at: Timestamp,
    /// By whom.
    pub started_by: String,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// What a run issued in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTotal {
    /// The currency.
    pub currency: Currency,
    /// How many invoices.
    pub invoices: i64,
    /// Their sum in billing units.
    pub units: i64,
}

/// A book that a run left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSkip {
    /// The party.
    pub party_id: i64,
    /// The currency.
    pub currency: Currency,
    /// What would have been billed, in billing units.
    pub units: i64,
    /// Why, as a machine-readable word.
    pub reason: String,
    /// The rate that it waits for, where that is why.
    pub missing_rate: Option<MissingRate>,
}

fn run(row: &Row) -> Result<Run> {
    let kind = row.text(1)?;
    Ok(Run {
        run_id: RunId::new(row.int(0)?),
        kind: InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?,
        parameters: row.string(2)?,
        cut: Cut { through: day(row.int(3)?)?, epoch: row.int(4)?, as_of: day(row.int(5)?)? },
        done: row.text(6)? == "done",
        last: (row.int(7)?, row.string(8)?),
        started_at: Timestamp::from_micros(row.int(9)?),
        started_by: row.string(10)?,
        finished_at: row.opt_int(11)?.map(Timestamp::from_micros),
    })
}

/// Records a new run.
///
/// # Errors
/// What the database says.
pub fn insert(tx: &mut dyn Tx, network: NetworkId, run: &Run) -> Result<()> {
    let params = [
        network.get().into(),
        run.run_id.get().into(),
        run.kind.as_str().into(),
        (&run.parameters).into(),
        day_number(run.cut.through).into(),
        run.cut.epoch.into(),
        day_number(run.cut.as_of).into(),
        run.last.0.into(),
        run.started_at.micros().into(),
        (&run.started_by).into(),
    ];
    tx.execute(INSERT, &params)?;
    Ok(())
}

/// One run.
///
/// # Errors
/// What the database says.
pub fn one(tx: &mut dyn Tx, network: NetworkId, run_id: RunId) -> Result<Option<Run>> {
    tx.query_one(ONE, &[network.get().into(), run_id.get().into()])?.as_ref().map(run).transpose()
}

/// Which runs to list; `None` asks for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this kind.
    pub kind: Option<InvoiceKind>,
    /// Whether they have come to their end.
    pub done: Option<bool>,
    /// The highest id first.
    pub backwards: bool,
}

/// A page of runs by id, after an id (0: from the start): at most `limit`.
///
/// # Errors
/// What the database says.
pub fn list(tx: &mut dyn Tx, network: NetworkId, filter: &RunFilter, after: i64, limit: i64) -> Result<Vec<Run>> {
    let (above, below) = match (filter.backwards, after) {
        (true, 0) => (0, i64::MAX),
        (true, after) => (0, after),
        (false, after) => (after, i64::MAX),
    };
    let status = match filter.done {
        None => "",
        Some(true) => "done",
        Some(false) => "running",
    };
    let params = [
        network.get().into(),
        above.into(),
        below.into(),
        filter.kind.map_or("", InvoiceKind::as_str).into(),
        status.into(),
        limit.into(),
    ];
    tx.query(if filter.backwards { LIST_BACKWARDS } else { LIST }, &params)?.iter().map(run).collect()
}

/// What some runs have issued, by run and currency.
///
/// # Errors
/// What the database says.
pub fn totals_of(tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<Vec<(i64, RunTotal)>> {
    let rows = tx.query(TOTALS_OF, &[network.get().into(), Param::Ints(ids)])?;
    let total = |row: &Row| {
        Ok((row.int(0)?, RunTotal { currency: currency(row.text(1)?)?, invoices: row.int(2)?, units: row.int(3)? }))
    };
    rows.iter().map(total).collect()
}

/// One run, locked until the transaction ends: two processes that continue it take turns.
///
/// # Errors
/// What the database says.
pub fn lock(tx: &mut dyn Tx, network: NetworkId, run_id: RunId) -> Result<Option<Run>> {
    tx.query_one(LOCK_ONE, &[network.get().into(), run_id.get().into()])?.as_ref().map(run).transpose()
}

/// The latest unfinished run with these parameters.
///
/// # Errors
/// What the database says.
pub fn unfinished(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parameters: &str) -> Result<Option<Run>> {
    let params = [network.get().into(), kind.as_str().into(), parameters.into()];
    tx.query_one(UNFINISHED, &params)?.as_ref().map(run).transpose()
}

/// The first run that has not come to its end.
///
/// # Errors
/// What the database says.
pub fn any_unfinished(tx: &mut dyn Tx, network: NetworkId) -> Result<Option<RunId>> {
    tx.query_one(ANY_UNFINISHED, &[network.get().into()])?.map(|row| Ok(RunId::new(row.int(0)?))).transpose()
}

/// Records the last book that a run has dealt with.
///
/// # Errors
/// What the database says.
pub fn advance(tx: &mut dyn Tx, network: NetworkId, run_id: RunId, last: (i64, &str)) -> Result<()> {
    tx.execute(ADVANCE, &[network.get().into(), run_id.get().into(), last.0.into(), last.1.into()])?;
    Ok(())
}

/// Records that a run has come to its end.
///
/// # Errors
/// What the database says.
pub fn finish(tx: &mut dyn Tx, network: NetworkId, run_id: RunId, at: Timestamp) -> Result<()> {
    tx.execute(FINISH, &[network.get().into(), run_id.get().into(), at.micros().into()])?;
    Ok(())
}

/// Adds to what a run has issued.
///
/// # Errors
/// What the database says.
pub fn add_totals(tx: &mut dyn Tx, network: NetworkId, run_id: RunId, totals: &[RunTotal]) -> Result<()> {
    let mut values = Vec::with_capacity(totals.len() * 5);
    for total in totals {
        values.extend([
            Param::Int(network.get()),
            run_id.get().into(),
            total.currency.code().into(),
            total.invoices.into(),
            total.units.into(),
        ]);
    }
    tx.bulk(&ADD_TOTALS, &values)?;
    Ok(())
}

/// Adds to what a run has left out.
///
/// # Errors
/// What the database says.
pub fn add_skips(tx: &mut dyn Tx, network: NetworkId, run_id: RunId, skips: &[RunSkip]) -> Result<()> {
    let mut values = Vec::with_capacity(skips.len() * 11);
    for skip in skips {
        values.extend([
            Param::Int(network.get()),
            run_id.get().into(),
            skip.party_id.into(),
            skip.currency.code().into(),
            skip.units.into(),
            (&skip.reason).into(),
        ]);
        let missing = skip.missing_rate.as_ref();
        let newest = missing.and_then(|missing| missing.newest.as_ref());
        values.extend([
            Param::from(missing.map(|missing| missing.from.code())),
            missing.map(|missing| missing.into.code()).into(),
            missing.map(|missing| day_number(missing.day)).into(),
            newest.map(|(day, _)| day_number(*day)).into(),
            newest.map(|(_, rate)| rate).into(),
        ]);
    }
    tx.bulk(&ADD_SKIPS, &values)?;
    Ok(())
}

/// What a run has issued, by currency.
///
/// # Errors
/// What the database says.
pub fn totals(tx: &mut dyn Tx, network: NetworkId, run_id: RunId) -> Result<Vec<RunTotal>> {
    let rows = tx.query(TOTALS, &[network.get().into(), run_id.get().into()])?;
    let total =
        |row: &Row| Ok(RunTotal { currency: currency(row.text(0)?)?, invoices: row.int(1)?, units: row.int(2)? });
    rows.iter().map(total).collect()
}

/// What a run has left out, by party and currency.
///
/// # Errors
/// What the database says.
pub fn skips(tx: &mut dyn Tx, network: NetworkId, run_id: RunId) -> Result<Vec<RunSkip>> {
    let rows = tx.query(SKIPS, &[network.get().into(), run_id.get().into()])?;
    let skip = |row: &Row| {
        Ok(RunSkip {
            party_id: row.int(0)?,
            currency: currency(row.text(1)?)?,
            units: row.int(2)?,
            reason: row.string(3)?,
            missing_rate: missing_rate(row)?,
        })
    };
    rows.iter().map(skip).collect()
}

fn missing_rate(row: &Row) -> Result<Option<MissingRate>> {
    let Some(from) = row.opt_text(4)? else { return Ok(None) };
    let newest = match row.opt_int(7)? {
        Some(number) => Some((day(number)?, row.string(8)?)),
        None => None,
    };
    Ok(Some(MissingRate { from: currency(from)?, into: currency(row.text(5)?)?, day: day(row.int(6)?)?, newest }))
}

/// Up to which days runs have left books of some parties out, by book and day.
///
/// # Errors
/// What the database says.
pub fn left_through(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<Vec<(Book, Day)>> {
    let params = [network.get().into(), Param::Ints(parties), kind.as_str().into()];
    let left = |row: &Row| {
        let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
        Ok((book, day(row.int(2)?)?))
    };
    tx.query(LEFT_THROUGH, &params)?.iter().map(left).collect()
}
