//! The history of invoices: one row a change, only ever added.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;

use super::{Place, key, key_after, party_range, status};
use crate::conversions::currency;
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// The rows from a place on that a search looks at.
macro_rules! looked_at {
    () => {
        "invoice_history {by:invoice_history_by_time} WHERE network_id = $1 AND (happened_at, invoice_id, version) > ($2, $3, $4) \
         AND happened_at < $5 ORDER BY happened_at, invoice_id, version"
    };
}

statements! {
    HISTORY = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 ORDER BY version";
    HISTORY_AFTER = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND version > $5 \
        ORDER BY version LIMIT $6";
    HISTORY_OF_PARTIES = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details  \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, version";
    FIND = concat!("SELECT h.invoice_id, h.version, h.happened_at, h.actor, h.action, h.status, h.billed_units, h.paid_units, \
        h.details, h.kind, h.party_id, i.currency FROM (SELECT invoice_id, version, happened_at, actor, action, status, \
        billed_units, paid_units, details, kind, party_id FROM ", looked_at!(), " LIMIT $6) h \
        JOIN invoices i {by:invoices_by_id} ON i.network_id = $1 AND i.invoice_id = h.invoice_id \
        WHERE ($7 = '' OR h.kind = $7) AND ($8 = 0 OR h.party_id = $8) AND ($9 = '' OR h.actor = $9) \
        AND ($10 = '' OR h.action = $10) ORDER BY h.happened_at, h.invoice_id, h.version LIMIT $11");
    LOOKED_AT = concat!("SELECT happened_at, invoice_id, version FROM ", looked_at!(), " LIMIT 1 OFFSET 9999");
}

/// How many rows one search looks at: what is asked for may be rare among them.
/// The second statement below names the last of them.
const LOOKED_AT_MAX: i64 = 10_000;

bulks! {
    INSERT_HISTORY = "invoice_history" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "version" Int, "happened_at" Int,
        "actor" Text, "action" Text, "status" Text, "billed_units" Int, "paid_units" Int, "details" Text
    ] "";
}

/// One row of an invoice's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The version that the change made.
    pub version: i64,
    /// When.
    pub happened_at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// The status after it.
    pub status: InvoiceStatus,
    /// The sum of the lines after it, in billing units.
    pub billed_units: i64,
    /// The sum of the payments after it, in billing units.
    pub paid_units: i64,
    /// From what to what, as a JSON object.
    pub details: String,
}

pub(super) fn push_history<'a>(values: &mut Vec<Param<'a>>, network: NetworkId, place: Place, row: &'a HistoryRow) {
    values.extend(key(network, place));
    values.extend([
        Param::Int(row.version),
        row.happened_at.micros().into(),
        (&row.actor).into(),
        (&row.action).into(),
        row.status.as_str().into(),
        row.billed_units.into(),
        row.paid_units.into(),
        (&row.details).into(),
    ]);
}

/// The history of an invoice, oldest first.
///
/// # Errors
/// What the database says.
pub fn history(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<HistoryRow>> {
    tx.query(HISTORY, &key(network, place))?.iter().map(history_row).collect()
}

/// At most `limit` rows of the history of an invoice after a version, oldest first.
///
/// # Errors
/// What the database says.
pub fn history_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    after: i64,
    limit: i64,
) -> Result<Vec<HistoryRow>> {
    tx.query(HISTORY_AFTER, &key_after(network, place, after, limit))?.iter().map(history_row).collect()
}

pub(super) fn history_row(row: &Row) -> Result<HistoryRow> {
    Ok(HistoryRow {
        version: row.int(1)?,
        happened_at: Timestamp::from_micros(row.int(2)?),
        actor: row.string(3)?,
        action: row.string(4)?,
        status: status(row.text(5)?)?,
        billed_units: row.int(6)?,
        paid_units: row.int(7)?,
        details: row.string(8)?,
    })
}

/// The history of all invoices of a range of parties, with the invoice, in order.
///
/// # Errors
/// What the database says.
pub fn history_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<(InvoiceId, HistoryRow)>> {
    let rows = tx.query(HISTORY_OF_PARTIES, &party_range(network, kind, parties))?;
    rows.iter().map(|row| Ok((InvoiceId::new(row.int(0)?), history_row(row)?))).collect()
}

/// A place in the history of all invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryPlace {
    /// When.
    pub happened_at: Timestamp,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The version.
    pub version: i64,
}

/// Which rows of the history of all invoices to list; what is empty or 0 asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Payable or receivable.
    pub kind: Option<InvoiceKind>,
    /// Of this party; needs `kind`.
    pub party_id: i64,
    /// By whom, as it stands in the history.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// At this instant or later.
    pub from: Timestamp,
    /// Before this instant.
    pub before: Timestamp,
}

impl Default for HistoryFilter {
    fn default() -> HistoryFilter {
        let [from, before] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
        HistoryFilter { kind: None, party_id: 0, actor: String::new(), action: String::new(), from, before }
    }
}

/// A row of the history of all invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkHistoryRow {
    /// Where it stands.
    pub place: HistoryPlace,
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The invoice's currency.
    pub currency: Currency,
    /// The row.
    pub row: HistoryRow,
}

/// The rows that a filter finds after a place, oldest first, and how far the search has come, where it has not come to the
/// end.
///
/// # Errors
/// What the database says.
pub fn find_history(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &HistoryFilter,
    after: Option<HistoryPlace>,
    limit: i64,
) -> Result<(Vec<NetworkHistoryRow>, Option<HistoryPlace>)> {
    let start = HistoryPlace { happened_at: filter.from, invoice_id: InvoiceId::new(i64::MIN), version: i64::MIN };
    let after = after.map_or(start, |after| after.max(start));
    let mut params = vec![
        network.get().into(),
        after.happened_at.micros().into(),
        after.invoice_id.get().into(),
        after.version.into(),
        filter.before.micros().into(),
    ];
    let looked_at = params.clone();
    params.extend([
        Param::Int(LOOKED_AT_MAX),
        filter.kind.map_or("", InvoiceKind::as_str).into(),
        filter.party_id.into(),
        (&filter.actor).into(),
        (&filter.action).into(),
        limit.into(),
    ]);
    let found = tx.query(FIND, &params)?.iter().map(network_row).collect::<Result<Vec<_>>>()?;
    if found.len() as i64 == limit {
        let last = found.last().map(|row| row.place);
        return Ok((found, last));
    }
    let place = |row: crate::Row| {
        let happened_at = Timestamp::from_micros(row.int(0)?);
        Ok::<_, Error>(HistoryPlace { happened_at, invoice_id: InvoiceId::new(row.int(1)?), version: row.int(2)? })
    };
    let last_looked_at = tx.query_one(LOOKED_AT, &looked_at)?.map(place).transpose()?;
    Ok((found, last_looked_at))
}

fn network_row(row: &Row) -> Result<NetworkHistoryRow> {
    let (history, kind) = (history_row(row)?, row.text(9)?);
    let invoice_id = InvoiceId::new(row.int(0)?);
    Ok(NetworkHistoryRow {
        place: HistoryPlace { happened_at: history.happened_at, invoice_id, version: history.version },
        kind: InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?,
        party_id: row.int(10)?,
        currency: currency(row.text(11)?)?,
        row: history,
    })
}
