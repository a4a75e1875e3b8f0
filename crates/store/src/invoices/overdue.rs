//! Invoices that are past due: which of them nobody was told of yet.

use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::time::{Day, Timestamp};

use super::Place;
use super::history::{HistoryRow, history_row};
use crate::conversions::day_number;
use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

statements! {
    ANY_OVERDUE = "SELECT invoice_id FROM invoices {by:invoices_not_overdue} WHERE network_id = $1 AND due_day < $2 \
        AND standing = 0 AND balance_units > 0 AND overdue_at IS NULL LIMIT 1";
    LOCK_OVERDUE = "SELECT kind, party_id, invoice_id FROM invoices {by:invoices_not_overdue} WHERE network_id = $1 \
        AND due_day < $2 AND standing = 0 AND balance_units > 0 AND overdue_at IS NULL \
        ORDER BY due_day, invoice_id LIMIT $3 {lock:update}";
    SET_OVERDUE = "UPDATE invoices {by:invoices_by_id} SET overdue_at = $2 WHERE network_id = $1 AND invoice_id {in:3}";
    LAST_ROW = "SELECT invoice_id, version, happened_at, actor, action, status, billed_units, paid_units, details \
        FROM invoice_history WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY version DESC LIMIT 1";
}

/// Whether there are invoices that were due before a day, are not paid, and nobody was told of.
///
/// # Errors
/// What the database says.
pub fn any_overdue(tx: &mut dyn Tx, network: NetworkId, today: Day) -> Result<bool> {
    Ok(tx.query_one(ANY_OVERDUE, &[network.get().into(), day_number(today).into()])?.is_some())
}

/// Those invoices, the longest overdue first, locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub fn lock_overdue(tx: &mut dyn Tx, network: NetworkId, today: Day, limit: i64) -> Result<Vec<Place>> {
    let rows = tx.query(LOCK_OVERDUE, &[network.get().into(), day_number(today).into(), limit.into()])?;
    let place = |row: &Row| {
        let kind = row.text(0)?;
        let kind = InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?;
        Ok(Place { kind, party_id: row.int(1)?, invoice_id: InvoiceId::new(row.int(2)?) })
    };
    rows.iter().map(place).collect()
}

/// Notes that somebody was told of them.
///
/// # Errors
/// What the database says.
pub fn set_overdue(tx: &mut dyn Tx, network: NetworkId, invoices: &[Place], at: Timestamp) -> Result<()> {
    let ids: Vec<i64> = invoices.iter().map(|place| place.invoice_id.get()).collect();
    tx.execute(SET_OVERDUE, &[network.get().into(), at.micros().into(), Param::Ints(&ids)])?;
    Ok(())
}

/// The last row of an invoice's history.
///
/// # Errors
/// What the database says.
pub fn last_row(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Option<HistoryRow>> {
    tx.query_one(LAST_ROW, &super::key(network, place))?.as_ref().map(history_row).transpose()
}
