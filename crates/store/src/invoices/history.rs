//! The history of invoices: one row a change, only ever added.

use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;

use super::{Place, key, party_range, status};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    HISTORY = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 ORDER BY version";
    HISTORY_OF_PARTIES = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details  \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, version";
}

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
